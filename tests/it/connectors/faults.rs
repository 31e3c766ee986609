//! Each fault of a vendor: what is tried again, what ends a pull, and what leaves it unproved. None may look like a
//! company from which everybody left.

use std::time::{Duration, Instant};

use rosterd::hris::{Error, Kind};
use serde_json::json;

use super::server::{Reply, Server, list, people};
use super::{OPEN, PLAIN, Setting, connector, pull, pull_with};

const OFFSETS: &str = "  request: { url: 'https://api.vendor.test/people', query: { offset: '{{ offset }}' } }\n  \
                       records: people\n  id: id\n  total: total\n  paging: { offset: { size: 2, until: total } }";

/// The first answer is this one, the second is right.
async fn healed_after(first: Reply) -> usize {
    let server = Server::start(move |_, n| if n == 0 { first.clone() } else { list(1..=3) }).await;
    let pulled = pull(&connector(OPEN, PLAIN, ""), &server).await;
    assert_eq!(pulled.ids(), ["1", "2", "3"], "{:?}", pulled.outcome);
    assert!(pulled.evidence().is_complete());
    server.asked().len()
}

/// Every answer is this one.
async fn failed_with(reply: Reply) -> (Error, usize) {
    let server = Server::start(move |_, _| reply.clone()).await;
    let pulled = pull(&connector(OPEN, PLAIN, ""), &server).await;
    assert_eq!(pulled.people.len(), 0);
    (pulled.error().clone(), server.asked().len())
}

#[actix_web::test]
async fn what_may_pass_is_tried_again() {
    let mut cut = list(1..=3);
    cut.body.truncate(40);
    cut.missing = 100;
    let mut short = list(1..=3);
    short.body.truncate(40);
    let faults = [
        Reply::status(500, &json!({})),
        Reply::status(502, &json!({})),
        Reply::status(503, &json!({})),
        Reply::status(429, &json!({})),
        Reply::text(200, "text/html", "<html>Maintenance</html>"),
        Reply::text(200, "application/json", "<html>Maintenance</html>"),
        Reply::text(200, "application/json", ""),
        cut,
        short,
    ];
    for fault in faults {
        assert_eq!(healed_after(fault.clone()).await, 2, "{fault:?}");
    }
}

#[actix_web::test]
async fn retry_after_is_kept_and_a_long_one_ends_the_pull() {
    let begin = Instant::now();
    let reply = Reply::status(429, &json!({})).with("Retry-After", "1");
    assert_eq!(healed_after(reply).await, 2);
    assert!(begin.elapsed() >= Duration::from_secs(1));

    let (error, times) =
        failed_with(Reply::status(429, &json!({})).with("Retry-After", "3600")).await;
    assert_eq!((error.kind, times), (Kind::RateLimited, 1));
    assert_eq!(error.retry_after, Some(Duration::from_secs(3600)));
    assert!(error.to_string().contains("try again in 3600 s"), "{error}");
}

#[actix_web::test]
async fn a_used_up_limit_is_waited_for_before_it_is_run_into() {
    let server = Server::start(|asked, _| {
        let offset: u32 = asked.parameter("offset").unwrap().parse().unwrap();
        let page = json!({"people": people(offset + 1..=offset + 2), "total": 4});
        Reply::json(&page)
            .with("X-RateLimit-Remaining", "0")
            .with("X-RateLimit-Reset", "1")
    })
    .await;
    let begin = Instant::now();
    let pulled = pull(&connector(OPEN, OFFSETS, ""), &server).await;
    assert_eq!(pulled.people.len(), 4);
    assert!(begin.elapsed() >= Duration::from_millis(900));
}

#[actix_web::test]
async fn what_cannot_pass_is_tried_once_and_named() {
    let cases = [
        (401, Kind::Credentials),
        (403, Kind::Rights),
        (404, Kind::NotUnderstood),
        (422, Kind::NotUnderstood),
    ];
    for (status, kind) in cases {
        let reply = Reply::status(status, &json!({"message": "no s3cret-key here\r\n"}));
        let (error, times) = failed_with(reply).await;
        assert_eq!((error.kind, times), (kind, 1), "{status}");
        assert!(!error.retry_helps());
        assert_eq!(error.params["said"].trim(), "no *** here");
    }
}

#[actix_web::test]
async fn what_does_not_pass_ends_the_pull_and_says_that_later_may_help() {
    for reply in [
        Reply::status(500, &json!({})),
        Reply::text(200, "text/html", "<html>Log in</html>"),
        Reply::text(200, "application/json", ""),
    ] {
        let (error, times) = failed_with(reply).await;
        assert_eq!((error.kind, times), (Kind::Unavailable, 3), "{error}");
        assert!(error.retry_helps());
    }
}

#[actix_web::test]
async fn an_error_behind_a_200_is_an_error() {
    for body in [
        json!({"success": false, "error": {"message": "not today"}}),
        json!({"error": "not today"}),
        json!({"errors": [{"message": "not today"}]}),
        json!({"people": [], "error": "not today"}),
    ] {
        let (error, _) = failed_with(Reply::json(&body)).await;
        assert_eq!(
            (error.kind, error.code),
            (Kind::NotUnderstood, "error_behind_200"),
            "{body}"
        );
        assert_eq!(error.params["said"], "not today");
    }
    let (error, _) = failed_with(Reply::json(&json!({"persons": []}))).await;
    assert_eq!(error.code, "json.records_missing");
}

#[actix_web::test]
async fn a_rule_of_the_connector_reads_an_error_and_names_the_right() {
    let rules = "errors:\n  - { status: 200, path: Message, is: ['*too many*'], kind: rate_limited }\n  - { status: 403, path: error.reason, is: [slow], kind: rate_limited }\n  \
                 - { status: 403, kind: rights, right: { en: read everybody, fr: lire tout le monde } }";
    let manifest = connector(OPEN, PLAIN, rules);
    let server = Server::start(|_, n| match n {
        0 => Reply::status(403, &json!({"error": {"reason": "slow"}})),
        _ => Reply::status(403, &json!({"error": {"reason": "never"}})),
    })
    .await;
    let pulled = pull(&manifest, &server).await;
    assert_eq!(server.asked().len(), 2);
    assert_eq!(pulled.error().kind, Kind::Rights);
    assert_eq!(pulled.error().params["right"], "read everybody");
}

#[actix_web::test]
async fn an_error_in_xml_is_read_by_its_rule() {
    let rules = "errors:\n  - { status: 500, path: Envelope.Body.Fault.faultcode, is: ['*notYou'], kind: credentials }";
    let fault = |code: &str| {
        let body = format!(
            "<s:Envelope xmlns:s='x'><s:Body><s:Fault><faultcode>s:{code}</faultcode><faultstring>so</faultstring></s:Fault></s:Body></s:Envelope>"
        );
        Reply::text(500, "text/xml", &body)
    };
    for (code, kind, times) in [
        ("notYou", Kind::Credentials, 1),
        ("other", Kind::Unavailable, 3),
    ] {
        let reply = fault(code);
        let server = Server::start(move |_, _| reply.clone()).await;
        let pulled = pull(&connector(OPEN, PLAIN, rules), &server).await;
        assert_eq!(
            (pulled.error().kind, server.asked().len()),
            (kind, times),
            "{code}"
        );
        assert_eq!(pulled.error().params["said"], "so");
    }
}

#[actix_web::test]
async fn an_empty_list_proves_nothing() {
    let server = Server::start(|_, _| Reply::json(&json!({"people": []}))).await;
    let pulled = pull(&connector(OPEN, PLAIN, ""), &server).await;
    assert_eq!(pulled.gaps(), ["empty"]);
}

#[actix_web::test]
async fn a_lost_page_leaves_a_gap() {
    let server = Server::start(|asked, _| match asked.parameter("offset").unwrap() {
        "0" => Reply::json(&json!({"people": people(1..=2), "total": 6})),
        // The second page is empty, though six were announced.
        _ => Reply::json(&json!({"people": [], "total": 6})),
    })
    .await;
    let pulled = pull(&connector(OPEN, OFFSETS, ""), &server).await;
    assert_eq!(pulled.ids(), ["1", "2"]);
    assert_eq!(pulled.gaps(), ["total_differs"]);
    assert_eq!(pulled.evidence().gaps[0].params["announced"], "6");
}

#[actix_web::test]
async fn a_page_that_comes_twice_leaves_a_gap_and_ends_the_list() {
    let server =
        Server::start(|_, _| Reply::json(&json!({"people": people(1..=2), "total": 6}))).await;
    let pulled = pull(&connector(OPEN, OFFSETS, ""), &server).await;
    assert_eq!(pulled.ids(), ["1", "2"]);
    assert_eq!(pulled.gaps(), ["page_repeated"]);
    assert_eq!(server.asked().len(), 2);
}

#[actix_web::test]
async fn somebody_who_comes_twice_leaves_a_gap() {
    let server = Server::start(|asked, _| match asked.parameter("offset").unwrap() {
        "0" => Reply::json(&json!({"people": people(1..=2), "total": 4})),
        _ => Reply::json(&json!({"people": [people(3..=3)[0], people(2..=2)[0]], "total": 4})),
    })
    .await;
    let pulled = pull(&connector(OPEN, OFFSETS, ""), &server).await;
    assert_eq!(pulled.ids(), ["1", "2", "3"]);
    assert_eq!(pulled.gaps(), ["ids_repeated"]);
}

#[actix_web::test]
async fn a_cursor_or_an_address_that_comes_again_ends_the_pull() {
    let manifests = [
        (
            "cursor: '{{ cursor }}'",
            "cursor: { from: { body: next }, size: 2 }",
            "cursor_repeated",
        ),
        (
            "at: ''",
            "next_url: { from: next, size: 2 }",
            "link_repeated",
        ),
    ];
    for (query, paging, code) in manifests {
        let list = format!(
            "  request: {{ url: 'https://api.vendor.test/people', query: {{ {query} }} }}\n  records: people\n  id: id\n  paging: {{ {paging} }}"
        );
        let server = Server::start(|_, n| {
            let first = u32::try_from(n).unwrap() * 2 + 1;
            Reply::json(&json!({"people": people(first..=first + 1), "next": "/people?at=1"}))
        })
        .await;
        let pulled = pull(&connector(OPEN, &list, ""), &server).await;
        assert_eq!(
            (pulled.error().kind, pulled.error().code),
            (Kind::NotUnderstood, code)
        );
    }
}

#[actix_web::test]
async fn a_list_without_end_is_ended() {
    let list = "  request: { url: 'https://api.vendor.test/people', query: { page: '{{ page }}' } }\n  records: people\n  id: id\n  \
                paging: { page: { size: 1, until: empty } }";
    let server = Server::start(|_, n| {
        let id = u32::try_from(n).unwrap();
        Reply::json(&json!({"people": people(id..=id)}))
    })
    .await;
    let pulled = pull(&connector(OPEN, list, ""), &server).await;
    assert_eq!(
        (pulled.error().kind, pulled.error().code),
        (Kind::Limit, "too_many_pages")
    );
    assert_eq!(server.asked().len(), 50);
}

#[actix_web::test]
async fn a_body_without_end_is_ended() {
    let server = Server::start(|_, _| {
        let mut reply = list(1..=3);
        reply.body.resize(2 << 20, b' ');
        reply
    })
    .await;
    let pulled = pull(&connector(OPEN, PLAIN, ""), &server).await;
    assert_eq!(
        (pulled.error().kind, pulled.error().code),
        (Kind::Limit, "body_too_large")
    );
}

#[actix_web::test]
async fn redirects_are_followed_on_the_same_host_only() {
    let inside = Server::start(|asked, _| match asked.path.as_str() {
        "/people" => Reply::status(302, &json!({})).with("Location", "/elsewhere"),
        _ => list(1..=3),
    })
    .await;
    assert_eq!(
        pull(&connector(OPEN, PLAIN, ""), &inside)
            .await
            .people
            .len(),
        3
    );

    for target in [
        "https://evil.test/people",
        "http://127.0.0.1:1/people",
        "//evil.test/people",
    ] {
        let outside =
            Server::start(move |_, _| Reply::status(302, &json!({})).with("Location", target))
                .await;
        let pulled = pull(&connector(OPEN, PLAIN, ""), &outside).await;
        assert_eq!(pulled.error().code, "redirect_refused", "{target}");
        assert_eq!(outside.asked().len(), 1);
    }
}

#[actix_web::test]
async fn a_next_address_on_another_host_ends_the_pull() {
    let list = "  request: { url: 'https://api.vendor.test/people' }\n  records: people\n  id: id\n  \
                paging: { next_url: { from: next, size: 2 } }";
    for next in [
        "https://evil.test/people",
        "//evil.test/people",
        "https://api.vendor.test.evil.test/",
    ] {
        let server =
            Server::start(move |_, _| Reply::json(&json!({"people": people(1..=2), "next": next})))
                .await;
        let pulled = pull(&connector(OPEN, list, ""), &server).await;
        assert_eq!(pulled.error().code, "link_refused", "{next}");
        assert_eq!(server.asked().len(), 1);
    }
}

#[actix_web::test]
async fn a_private_address_is_refused_unless_it_is_allowed() {
    let text = include_str!("private.yaml");
    let manifest = rosterd::hris::manifest::Manifest::parse(text, "private.yaml").unwrap();
    for host in ["127.0.0.1", "localhost", "10.0.0.1"] {
        let setting = Setting {
            given: vec![("host", host)],
            ..Setting::default()
        };
        let error = without_endpoint(&manifest, setting).await;
        assert_eq!(
            (error.kind, error.code),
            (Kind::Settings, "address_private"),
            "{host}"
        );
    }
}

/// A pull that goes to the vendor's own host.
async fn without_endpoint(
    manifest: &rosterd::hris::manifest::Manifest,
    setting: Setting<'_>,
) -> Error {
    use rosterd::hris::client::Outside;
    let given = setting
        .given
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
        .collect();
    let values = rosterd::hris::values::Values::check(manifest, given).unwrap();
    let outside = Outside {
        limits: setting.limits,
        ..Outside::default()
    };
    let job = rosterd::hris::Job {
        manifest,
        values: &values,
        as_of: chrono::NaiveDate::from_ymd_opt(2026, 11, 26).unwrap(),
        outside: &outside,
        clock: setting.clock,
        chance: std::sync::Arc::new(rosterd::domain::chance::SeededChance::new(1)),
        keeper: None,
    };
    let mut sink = super::Collected::default();
    rosterd::hris::pull(&job, &mut sink, &super::Told::default())
        .await
        .unwrap_err()
}

#[actix_web::test]
async fn a_slow_answer_is_not_waited_for_for_ever() {
    let server = Server::start(|_, _| {
        // Promises more than it sends, and the connection stays open behind the body only as long as this waits.
        std::thread::sleep(Duration::from_millis(400));
        list(1..=3)
    })
    .await;
    let usual = Setting::default();
    let setting = Setting {
        limits: rosterd::hris::client::Limits {
            timeout: Duration::from_millis(100),
            attempts: 2,
            ..usual.limits.clone()
        },
        ..usual
    };
    let pulled = pull_with(&connector(OPEN, PLAIN, ""), &server, setting).await;
    assert_eq!(
        (pulled.error().kind, pulled.error().code),
        (Kind::Unavailable, "timeout")
    );
}

#[actix_web::test]
async fn an_error_with_the_status_of_a_good_answer_is_known_by_its_rule() {
    let rules = "errors:\n  - { status: 200, path: isError, is: ['TRUE'], kind: unavailable }";
    let refused = json!({"isError": true, "Message": "too many calls", "people": []});
    let server = Server::start(move |_, n| match n {
        0 => Reply::json(&refused),
        _ => list(1..=3),
    })
    .await;
    let pulled = pull(&connector(OPEN, PLAIN, rules), &server).await;
    assert_eq!(pulled.ids(), ["1", "2", "3"], "{:?}", pulled.outcome);
    assert_eq!(server.asked().len(), 2, "asked again after the refusal");

    let server =
        Server::start(move |_, _| Reply::json(&json!({"isError": true, "people": []}))).await;
    let pulled = pull(&connector(OPEN, PLAIN, rules), &server).await;
    assert_eq!(pulled.error().kind, Kind::Unavailable);
}
