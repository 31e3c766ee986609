//! Where a list ends, where its records lie, and what shows that somebody is missing.

use std::time::{Duration, Instant};

use rosterd::hris::Kind;
use serde_json::{Value, json};

use super::server::{Asked, Reply, Server, list, people};
use super::{OPEN, PLAIN, connector, pull};

/// People of page 1, nobody on page 2, people of page 3, and what each answer says of more.
fn with_a_hole(
    more: impl Fn(u64) -> Value + Send + Sync + 'static,
) -> impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static {
    move |asked, _| {
        let page = asked
            .parameter("page")
            .map_or(1, |page| page.parse().unwrap());
        let people = match page {
            1 => people(1..=2),
            3 => people(3..=4),
            _ => Vec::new(),
        };
        Reply::json(&json!({"people": people, "more": more(page)}))
    }
}

#[actix_web::test]
async fn an_empty_page_with_more_behind_it_is_a_gap() {
    let query = "  request: { url: 'https://api.vendor.test/people', query: { page: '{{ page }}' } }\n  records: people\n  id: id\n  paging: ";
    let link = "  request: { url: 'https://api.vendor.test/people' }\n  records: people\n  id: id\n  paging: { next_url: { from: more, size: 2 } }";
    let next = |page: u64| match page {
        1 | 2 => json!(format!("?page={}", page + 1)),
        _ => Value::Null,
    };
    let server = Server::start(with_a_hole(next)).await;
    let pulled = pull(&connector(OPEN, link, ""), &server).await;
    assert_eq!(
        (pulled.ids(), pulled.gaps()),
        (vec!["1", "2", "3", "4"], vec!["page_empty"])
    );
    // A vendor that is known to do so has nobody missing.
    let known = link.replace("  id: id", "  id: id\n  pages_may_be_empty: true");
    let pulled = pull(&connector(OPEN, &known, ""), &server).await;
    assert_eq!((pulled.ids().len(), pulled.gaps()), (4, vec![]));

    let paged = format!("{query}{{ page: {{ size: 2, until: {{ pages: more }} }} }}");
    let server = Server::start(with_a_hole(|_| json!(3))).await;
    let pulled = pull(&connector(OPEN, &paged, ""), &server).await;
    assert_eq!(
        (pulled.ids(), pulled.gaps()),
        (vec!["1", "2"], vec!["page_empty"])
    );

    // The last page may be empty.
    let server = Server::start(with_a_hole(|page| json!(page < 2))).await;
    let flagged = format!("{query}{{ page: {{ size: 2, until: {{ more: more }} }} }}");
    let pulled = pull(&connector(OPEN, &flagged, ""), &server).await;
    assert_eq!((pulled.ids().len(), pulled.gaps()), (2, vec![]));
}

#[actix_web::test]
async fn a_page_that_the_vendor_keeps_short_is_not_the_last() {
    let list = "  request: { url: 'https://api.vendor.test/people', query: { skip: '{{ offset }}', take: '{{ size }}' } }\n  records: people\n  id: id\n  \
                paging: { offset: { size: 100, until: empty } }";
    let server = Server::start(|asked, _| {
        let skip: u32 = asked.parameter("skip").unwrap().parse().unwrap();
        Reply::json(&json!({"people": people(skip + 1..=(skip + 2).min(5))}))
    })
    .await;
    let pulled = pull(&connector(OPEN, list, ""), &server).await;
    assert_eq!((pulled.ids().len(), pulled.gaps()), (5, vec![]));
}

#[actix_web::test]
async fn whoever_stands_in_two_lists_is_one_and_the_first_counts() {
    let list = "  each: [{ left: false }, { left: true }]\n  \
                request: { url: 'https://api.vendor.test/{% if parent.left %}former{% else %}people{% endif %}' }\n  records: people\n  id: id";
    let server = Server::start(|asked, _| match asked.path.as_str() {
        "/former" => {
            let mut former = people(3..=4);
            former[0]["first"] = json!("Later");
            Reply::json(&json!({"people": former}))
        }
        _ => Reply::json(&json!({"people": people(1..=3)})),
    })
    .await;
    let pulled = pull(&connector(OPEN, list, ""), &server).await;
    assert_eq!(
        (pulled.ids(), pulled.gaps()),
        (vec!["1", "2", "3", "4"], vec![])
    );
    assert_eq!(pulled.people[2].user["name"]["givenName"], "Ann");
}

#[actix_web::test]
async fn records_may_lie_in_one_of_several_places() {
    let list = "  request: { url: 'https://api.vendor.test/people' }\n  records: [value, d.results]\n  id: id";
    for body in [
        json!({"value": people(1..=2)}),
        json!({"d": {"results": people(1..=2)}}),
    ] {
        let server = Server::start(move |_, _| Reply::json(&body)).await;
        let pulled = pull(&connector(OPEN, list, ""), &server).await;
        assert_eq!(pulled.ids(), ["1", "2"]);
    }
    let server = Server::start(|_, _| Reply::json(&json!({"other": []}))).await;
    let pulled = pull(&connector(OPEN, list, ""), &server).await;
    assert_eq!(pulled.error().code, "json.records_missing");
}

#[actix_web::test]
async fn an_error_in_the_place_of_the_list_is_read() {
    let more = "errors:\n  - { status: 200, path: message, is: ['*key*'], kind: credentials }";
    let server = Server::start(|_, _| {
        Reply::json(&json!({"isError": true, "message": "API key does not exist", "people": ""}))
    })
    .await;
    let pulled = pull(&connector(OPEN, PLAIN, more), &server).await;
    assert_eq!(pulled.error().kind, Kind::Credentials);
}

#[actix_web::test]
async fn a_vendor_that_counts_requests_without_saying_until_when_is_given_time() {
    let server = Server::start(|_, n| match n {
        0 => Reply::status(429, &json!({})),
        _ => list(1..=1),
    })
    .await;
    let begun = Instant::now();
    assert_eq!(
        pull(&connector(OPEN, PLAIN, ""), &server).await.ids(),
        ["1"]
    );
    // Eight times the usual wait of 5 ms, half of it at least by chance.
    assert!(begun.elapsed() >= Duration::from_millis(20));
}
