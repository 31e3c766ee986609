//! Every kind of paging.

use serde_json::{Value, json};

use super::server::{Asked, Reply, Server, people};
use super::{OPEN, connector, pull};

fn paged(query: &str, rest: &str) -> String {
    format!(
        "  request: {{ url: 'https://api.vendor.test/people', query: {{ {query} }} }}\n  id: id\n{rest}"
    )
}

/// People 1 to 5, two a page, from an offset.
fn part(offset: usize) -> Vec<Value> {
    people(1..=5).into_iter().skip(offset).take(2).collect()
}

fn number(asked: &Asked, name: &str) -> usize {
    asked.parameter(name).unwrap().parse().unwrap()
}

/// All five came, with these values of a parameter.
async fn all_five(people: &str, parameter: &str, wanted: &[Option<&str>], server: Server) {
    let pulled = pull(&connector(OPEN, people, ""), &server).await;
    assert_eq!(pulled.ids(), ["1", "2", "3", "4", "5"]);
    assert_eq!(pulled.gaps(), [""; 0]);
    let asked = server.asked();
    let found: Vec<Option<&str>> = asked.iter().map(|a| a.parameter(parameter)).collect();
    assert_eq!(found, wanted);
}

#[actix_web::test]
async fn one_answer_holds_everything() {
    let server = Server::start(|_, _| Reply::json(&json!(people(1..=5)))).await;
    all_five(
        &paged("all: 'true'", "  records: $"),
        "all",
        &[Some("true")],
        server,
    )
    .await;
}

#[actix_web::test]
async fn pages_by_number_until_as_many_as_the_answer_says() {
    let server = Server::start(|asked, _| {
        let page = number(asked, "page");
        Reply::json(&json!({"data": part((page - 1) * 2), "meta": {"pages": 3}}))
    })
    .await;
    let people = paged(
        "page: '{{ page }}', size: '{{ size }}'",
        "  records: data\n  paging: { page: { size: 2, until: { pages: meta.pages } } }",
    );
    all_five(&people, "page", &[Some("1"), Some("2"), Some("3")], server).await;
}

#[actix_web::test]
async fn pages_from_zero_until_a_flag_says_no() {
    let server = Server::start(|asked, _| {
        let page = number(asked, "page");
        Reply::json(&json!({"data": part(page * 2), "more": page < 2}))
    })
    .await;
    let people = paged(
        "page: '{{ page }}'",
        "  records: data\n  paging: { page: { first: 0, size: 2, until: { more: more } } }",
    );
    all_five(&people, "page", &[Some("0"), Some("1"), Some("2")], server).await;
}

#[actix_web::test]
async fn offsets_until_the_total() {
    let server = Server::start(|asked, _| {
        Reply::json(&json!({"data": part(number(asked, "offset")), "total": "5"}))
    })
    .await;
    let people = paged(
        "offset: '{{ offset }}'",
        "  records: data\n  total: total\n  paging: { offset: { size: 2, until: total } }",
    );
    all_five(
        &people,
        "offset",
        &[Some("0"), Some("2"), Some("4")],
        server,
    )
    .await;
}

#[actix_web::test]
async fn offsets_until_an_empty_page() {
    let server =
        Server::start(|asked, _| Reply::json(&json!({"data": part(number(asked, "offset"))})))
            .await;
    let people = paged(
        "offset: '{{ offset }}'",
        "  records: data\n  paging: { offset: { size: 2, until: empty } }",
    );
    all_five(
        &people,
        "offset",
        &[Some("0"), Some("2"), Some("4"), Some("5")],
        server,
    )
    .await;
}

/// The cursor that an answer gives; none at the end.
fn cursor(asked: &Asked) -> (usize, Option<String>) {
    let at = asked
        .parameter("cursor")
        .map_or(0, |c| c.trim_start_matches("c/").parse().unwrap());
    (at, (at + 2 < 5).then(|| format!("c/{}", at + 2)))
}

#[actix_web::test]
async fn a_cursor_in_the_body_is_not_sent_at_first() {
    let server = Server::start(|asked, _| {
        let (at, next) = cursor(asked);
        Reply::json(&json!({"data": part(at), "page": {"next": next}}))
    })
    .await;
    let people = paged(
        "cursor: '{{ cursor }}'",
        "  records: data\n  paging: { cursor: { from: { body: page.next }, size: 2 } }",
    );
    all_five(&people, "cursor", &[None, Some("c/2"), Some("c/4")], server).await;
}

#[actix_web::test]
async fn a_cursor_on_the_last_page_is_not_followed_where_a_flag_says_no() {
    let server = Server::start(|asked, _| {
        let (at, next) = cursor(asked);
        let page = json!({"end": next.clone().unwrap_or("c/5".into()), "more": next.is_some()});
        Reply::json(&json!({"data": part(at), "page": page}))
    })
    .await;
    let people = paged(
        "cursor: '{{ cursor }}'",
        "  records: data\n  paging: { cursor: { from: { body: page.end }, more: page.more, size: 2 } }",
    );
    all_five(&people, "cursor", &[None, Some("c/2"), Some("c/4")], server).await;
}

#[actix_web::test]
async fn a_cursor_in_a_header() {
    let server = Server::start(|asked, _| {
        let (at, next) = cursor(asked);
        Reply::json(&json!({"data": part(at)})).with("X-Next", &next.unwrap_or_default())
    })
    .await;
    let people = paged(
        "cursor: '{{ cursor }}'",
        "  records: data\n  paging: { cursor: { from: { header: x-next }, size: 2 } }",
    );
    all_five(&people, "cursor", &[None, Some("c/2"), Some("c/4")], server).await;
}

/// Where the next page is: relative, at the vendor, and at the endpoint, in turn.
fn next(asked: &Asked) -> (usize, Option<String>) {
    let at = asked.parameter("at").map_or(0, |at| at.parse().unwrap());
    let host = asked.header("host").unwrap();
    let link = match at {
        0 => Some("?at=2".to_owned()),
        2 => Some("https://api.vendor.test/people?at=4".to_owned()),
        4 => Some(format!("http://{host}/people?at=6")),
        _ => None,
    };
    (at, link)
}

#[actix_web::test]
async fn the_next_address_may_be_relative_the_vendors_or_the_endpoints() {
    let server = Server::start(|asked, _| {
        let (at, next) = next(asked);
        Reply::json(&json!({"data": part(at), "links": {"next": next}}))
    })
    .await;
    let people = paged(
        "at: ''",
        "  records: data\n  paging: { next_url: { from: links.next, size: 2 } }",
    );
    all_five(
        &people,
        "at",
        &[None, Some("2"), Some("4"), Some("6")],
        server,
    )
    .await;
}

#[actix_web::test]
async fn several_link_headers_are_one_and_a_total_in_a_header_counts() {
    let start = |total: &'static str| {
        Server::start(move |asked, _| {
            let (at, next) = next(asked);
            let reply = Reply::json(&json!(part(at))).with("X-Total", total);
            let reply = reply.with("Link", r#"</people>; rel="self""#);
            match next {
                Some(next) => reply.with("Link", &format!(r#"<{next}>; rel="next""#)),
                None => reply,
            }
        })
    };
    let people = paged(
        "at: ''",
        "  records: $\n  total_header: x-total\n  paging: { link_header: { size: 2 } }",
    );
    let wanted = [None, Some("2"), Some("4"), Some("6")];
    all_five(&people, "at", &wanted, start("5").await).await;
    let server = start("6").await;
    let pulled = pull(&connector(OPEN, &people, ""), &server).await;
    assert_eq!(pulled.gaps(), ["total_differs"]);
}

#[actix_web::test]
async fn the_link_header_leads_on() {
    let server = Server::start(|asked, _| {
        let (at, next) = next(asked);
        let link = next.map(|next| format!(r#"<{next}>; rel="next", </people>; rel="first""#));
        Reply::json(&json!(part(at))).with("Link", &link.unwrap_or_default())
    })
    .await;
    let people = paged(
        "at: ''",
        "  records: $\n  paging: { link_header: { size: 2 } }",
    );
    all_five(
        &people,
        "at",
        &[None, Some("2"), Some("4"), Some("6")],
        server,
    )
    .await;
}

#[actix_web::test]
async fn odata_names_the_next_page_in_two_ways() {
    for (name, records) in [("@odata.nextLink", "value"), ("__next", "d.results")] {
        let server = Server::start(move |asked, _| {
            let (at, next) = next(asked);
            let mut body = match records {
                "value" => json!({"value": part(at)}),
                _ => json!({"d": {"results": part(at)}}),
            };
            let home = if records == "value" {
                &mut body
            } else {
                &mut body["d"]
            };
            if let Some(next) = next {
                home[name] = json!(next);
            }
            Reply::json(&body)
        })
        .await;
        let rest = format!("  records: {records}\n  paging: {{ odata: {{ size: 2 }} }}");
        all_five(
            &paged("at: ''", &rest),
            "at",
            &[None, Some("2"), Some("4"), Some("6")],
            server,
        )
        .await;
    }
}

#[actix_web::test]
async fn scim_counts_from_one_by_what_came() {
    let server = Server::start(|asked, _| {
        let start = number(asked, "startIndex");
        Reply::json(&json!({
            "totalResults": 5, "itemsPerPage": 2, "startIndex": start, "Resources": part(start - 1),
        }))
    })
    .await;
    let people = paged(
        "startIndex: '{{ offset }}', count: '{{ size }}'",
        "  records: Resources\n  paging: { scim: { size: 100 } }",
    );
    all_five(
        &people,
        "startIndex",
        &[Some("1"), Some("3"), Some("5")],
        server,
    )
    .await;
}

#[actix_web::test]
async fn a_page_number_may_stand_in_the_body_of_a_post() {
    let server = Server::start(|asked, _| {
        let body = asked.json();
        let page = usize::try_from(body["page"].as_u64().unwrap()).unwrap();
        Reply::json(&json!({"data": part((page - 1) * 2), "total": 5, "who": body["who"]}))
    })
    .await;
    let people = "  request:\n    method: POST\n    reads: it searches\n    url: 'https://api.vendor.test/search'\n    \
                  body: { json: '{\"page\": {{ page }}, \"who\": {{ user }}}' }\n  records: data\n  id: id\n  total: total\n  \
                  paging: { page: { size: 2, until: total } }";
    let pulled = pull(&connector(OPEN, people, ""), &server).await;
    assert_eq!(pulled.ids().len(), 5);
    assert!(
        server
            .asked()
            .iter()
            .all(|a| a.method == "POST" && a.json()["who"] == "someone")
    );
}
