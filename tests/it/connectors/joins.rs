//! Look-ups, second lists, details, parents.

use rosterd::hris::Kind;
use serde_json::json;

use super::server::{Reply, Server, list, people};
use super::{OPEN, PLAIN, Setting, connector, probe, pull, pull_with};

#[actix_web::test]
async fn a_second_list_is_joined_by_person_and_the_row_in_force_is_taken() {
    let join = "joins:\n  role:\n    list: { request: { url: 'https://api.vendor.test/roles' }, records: rows, id: n }\n    \
                person: person\n    in_force: { from: since, to: until }";
    let manifest = connector(OPEN, PLAIN, join);
    let server = Server::start(|asked, _| match asked.path.as_str() {
        "/roles" => Reply::json(&json!({"rows": [
            {"n": 1, "person": 1, "department": "Old", "since": "2020-01-01", "until": "2024-12-31"},
            {"n": 2, "person": 1, "department": "Now", "since": "2025-01-01", "until": null},
            {"n": 3, "person": 1, "department": "Next", "since": "2027-01-01", "until": null},
            {"n": 4, "person": 2, "department": "Soon", "since": "2027-01-01", "until": null},
        ]})),
        _ => list(1..=3),
    })
    .await;
    let pulled = pull(&manifest, &server).await;
    let departments: Vec<Option<&str>> = pulled
        .people
        .iter()
        .map(|p| p.user.get(rosterd::hris::ENTERPRISE)?["department"].as_str())
        .collect();
    assert_eq!(departments, [Some("Now"), Some("Soon"), None]);
    assert!(pulled.evidence().is_complete());
}

#[actix_web::test]
async fn names_that_stand_in_one_answer_are_asked_for_once() {
    let lookup = |name: &str, url: &str| {
        format!(
            "  {name}:\n    list: {{ request: {{ url: 'https://api.vendor.test/{url}' }}, records: {name} }}\n    key: id\n"
        )
    };
    let all = [
        lookup("roles", "names"),
        lookup("sites", "names"),
        lookup("teams", "teams"),
    ];
    let manifest = connector(OPEN, PLAIN, &format!("lookups:\n{}", all.concat()));
    let server = Server::start(|asked, _| match asked.path.as_str() {
        "/people" => list(1..=3),
        _ => {
            Reply::json(&json!({"roles": [{"id": 1}], "sites": [{"id": 2}], "teams": [{"id": 3}]}))
        }
    })
    .await;
    let pulled = pull(&manifest, &server).await;
    assert_eq!((pulled.ids().len(), pulled.warnings.len()), (3, 0));
    let asked: Vec<String> = server.asked().into_iter().map(|a| a.path).collect();
    assert_eq!(asked, ["/names", "/teams", "/people"]);
}

#[actix_web::test]
async fn a_check_names_what_cannot_be_read_beside_people() {
    let more = "lookups:\n  teams:\n    list: { request: { url: 'https://api.vendor.test/teams' }, records: teams }\n    key: id\n\
                details:\n  job:\n    request: { url: 'https://api.vendor.test/people/{{ id }}/job' }\n\
                errors:\n  - { status: 403, kind: rights, right: { en: read teams, fr: lire les équipes } }";
    let server = Server::start(|asked, _| match asked.path.as_str() {
        "/people" => list(1..=3),
        "/people/1/job" => Reply::json(&json!({})),
        _ => Reply::status(403, &json!({})),
    })
    .await;
    let manifest = connector(OPEN, PLAIN, more);
    let found = probe(&manifest, &server).await.unwrap();
    assert_eq!(found.records, 3);
    let unread: Vec<(&str, &str)> = found
        .unread
        .iter()
        .map(|(name, error)| (name.as_str(), error.params["right"].as_str()))
        .collect();
    assert_eq!(unread, [("lookups.teams", "read teams")]);
    assert_eq!(
        found.requests, 3,
        "a page of people, a detail, a page of teams"
    );

    let required = more.replace("key: id\n", "key: id\n    required: true\n");
    let manifest = connector(OPEN, PLAIN, &required);
    let refused = probe(&manifest, &server).await.unwrap_err();
    assert_eq!(
        (refused.kind, refused.params["lookup"].as_str()),
        (Kind::Rights, "lookups.teams")
    );
}

#[actix_web::test]
async fn a_lookup_that_fails_is_a_warning_unless_it_is_required() {
    let lookup = |required: bool| {
        format!(
            "lookups:\n  teams:\n    list: {{ request: {{ url: 'https://api.vendor.test/teams' }}, records: teams }}\n    \
             key: id\n    value: name\n    required: {required}"
        )
    };
    let answer = |asked: &super::server::Asked, _: usize| match asked.path.as_str() {
        "/teams" => Reply::status(404, &json!({})),
        _ => list(1..=3),
    };
    let server = Server::start(answer).await;
    let pulled = pull(&connector(OPEN, PLAIN, &lookup(false)), &server).await;
    assert_eq!(pulled.people.len(), 3);
    assert_eq!(pulled.warnings[0].code, "lookup_failed");
    assert_eq!(pulled.evidence().degraded, pulled.warnings);

    let pulled = pull(&connector(OPEN, PLAIN, &lookup(true)), &server).await;
    assert_eq!(pulled.error().params["lookup"], "teams");
}

#[actix_web::test]
async fn details_are_asked_for_each_record_and_put_beside_the_right_one() {
    let detail = "details:\n  job:\n    request: { url: 'https://api.vendor.test/people/{{ id }}/job' }\n    value: job\n    \
                  concurrency: 3\n    required: true";
    let manifest = connector(OPEN, PLAIN, detail);
    let server = Server::start(|asked, _| match asked.path.as_str() {
        "/people" => list(1..=9),
        "/people/4/job" => Reply::status(404, &json!({})),
        path => {
            let id = path.split('/').nth(2).unwrap();
            Reply::json(&json!({"job": {"department": format!("D{id}")}}))
        }
    })
    .await;
    let pulled = pull(&manifest, &server).await;
    assert_eq!(pulled.people.len(), 8);
    for person in &pulled.people {
        let department = &person.user[rosterd::hris::ENTERPRISE]["department"];
        assert_eq!(department, &json!(format!("D{}", person.source_id)));
    }
    assert_eq!(pulled.rejected, [(4, "record.no_detail")]);
    assert!(
        pulled.evidence().is_complete(),
        "a record's fault fails no pull"
    );
}

#[actix_web::test]
async fn a_list_is_read_once_for_each_parent() {
    let parents = "parents:\n  companies: { request: { url: 'https://api.vendor.test/companies' }, records: companies, id: id }";
    let people_of = "  request: { url: 'https://api.vendor.test/companies/{{ parent.id }}/people' }\n  records: people\n  id: id\n  \
                     total: total\n  each: companies";
    let manifest = connector(OPEN, people_of, parents);
    let server = Server::start(|asked, _| match asked.path.as_str() {
        "/companies" => Reply::json(&json!({"companies": [{"id": "a b"}, {"id": "c"}]})),
        "/companies/a%20b/people" => Reply::json(&json!({"people": people(1..=2), "total": 2})),
        "/companies/c/people" => Reply::json(&json!({"people": people(3..=3), "total": 1})),
        other => panic!("{other}"),
    })
    .await;
    let pulled = pull(&manifest, &server).await;
    assert_eq!(pulled.ids(), ["1", "2", "3"]);
    assert_eq!(pulled.evidence().announced, Some(3));
    assert!(pulled.evidence().is_complete());
}

#[actix_web::test]
async fn a_parent_can_be_one_record_that_says_for_itself_what_is_wrong() {
    let parents = "errors:\n  - { status: 200, path: active, is: ['false'], kind: credentials }\nparents:\n  company: { request: { \
                   url: 'https://api.vendor.test/whose' }, records: $, single: true }";
    let people_of = "  request: { url: 'https://api.vendor.test/companies/{{ parent.company }}/people' }\n  records: people\n  \
                     id: id\n  total: '@odata\\.count'\n  each: company";
    let manifest = connector(OPEN, people_of, parents);
    let answer = |active: bool| {
        move |asked: &super::server::Asked, _: usize| match asked.path.as_str() {
            "/whose" => Reply::json(&json!({"active": active, "company": "c1"})),
            "/companies/c1/people" => {
                Reply::json(&json!({"people": people(1..=2), "@odata.count": 2}))
            }
            other => panic!("{other}"),
        }
    };
    let server = Server::start(answer(true)).await;
    let pulled = pull(&manifest, &server).await;
    assert_eq!(pulled.ids(), ["1", "2"]);
    assert_eq!(pulled.evidence().announced, Some(2));

    let server = Server::start(answer(false)).await;
    let pulled = pull(&manifest, &server).await;
    assert_eq!(pulled.error().kind, Kind::Credentials);
}

#[actix_web::test]
async fn a_list_in_several_parts_is_read_once_for_each_and_details_only_where_there_are_some() {
    let people_of = "  request: { url: 'https://api.vendor.test/people{% if parent.left %}/former{% endif %}' }\n  \
                     records: people\n  id: id\n  total: total\n  each: [{ left: false }, { left: true }]";
    let detail = "details:\n  job:\n    request: { url: 'https://api.vendor.test/people/{{ id }}/job' }\n    value: job\n    \
                  required: true\n    unless: parent.left";
    let manifest = connector(OPEN, people_of, detail);
    let server = Server::start(|asked, _| match asked.path.as_str() {
        "/people" => Reply::json(&json!({"people": people(1..=2), "total": 2})),
        "/people/former" => Reply::json(&json!({"people": people(3..=4), "total": 3})),
        "/people/1/job" | "/people/2/job" => Reply::json(&json!({"job": {"department": "D"}})),
        other => panic!("{other}"),
    })
    .await;
    let pulled = pull(&manifest, &server).await;
    assert_eq!(pulled.ids(), ["1", "2", "3", "4"]);
    assert_eq!(pulled.evidence().announced, Some(5));
    assert!(
        !pulled.evidence().is_complete(),
        "one of the former is missing"
    );
    let departments = pulled.people.iter();
    let departments = departments.filter(|p| p.user.contains_key(rosterd::hris::ENTERPRISE));
    assert_eq!(departments.count(), 2);
}

#[actix_web::test]
async fn a_detail_that_belongs_to_a_setting_is_asked_for_only_where_that_is_filled_in() {
    let detail = "settings:\n  - id: extra\n    label: { en: Extra, fr: Extra }\n    optional: true\ndetails:\n  job:\n    \
                  request: { url: 'https://api.vendor.test/people/{{ id }}/job' }\n    value: job\n    only_if: extra";
    let manifest = connector(OPEN, PLAIN, detail);
    let server = Server::start(|asked, _| match asked.path.as_str() {
        "/people" => list(1..=2),
        _ => Reply::json(&json!({"job": {"department": "D"}})),
    })
    .await;
    for (extra, wanted) in [("", None), ("yes", Some("D"))] {
        let setting = Setting {
            given: vec![("key", "s3cret-key"), ("extra", extra)],
            ..Setting::default()
        };
        let pulled = pull_with(&manifest, &server, setting).await;
        assert_eq!(pulled.ids(), ["1", "2"]);
        for person in &pulled.people {
            let department = person.user.get(rosterd::hris::ENTERPRISE);
            let department = department.and_then(|e| e["department"].as_str());
            assert_eq!(department, wanted, "extra is `{extra}`");
        }
    }
}
