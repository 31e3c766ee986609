//! The largest filters that the grammar admits: 1,024 comparisons, 64 deep, 16,384 bytes.

use rosterd::domain::roles::Role;
use rosterd::scim::rules::Preset;
use serde_json::json;

use crate::support::{Answer, Client, GROUP, TestApp};

async fn search(client: &Client, path: &str, filter: &str) -> Answer {
    let search = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": filter});
    client.post(&format!("{path}/.search"), search).await
}

/// As many different comparisons as a filter may have, and as fit into one.
fn joined(word: &str, comparison: impl Fn(usize) -> String) -> String {
    let mut filter = comparison(0);
    for i in 1..1_024 {
        let next = format!(" {word} {}", comparison(i));
        if filter.len() + next.len() > 16_384 {
            break;
        }
        filter.push_str(&next);
    }
    filter
}

// checklist: 115
#[actix_web::test]
async fn every_filter_that_the_grammar_admits_is_answered() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let auditor = app.role(&app.tenant, Role::Auditor).await;
    let ann = okta.create_user("a7@x").await.id();
    let group = json!({"schemas": [GROUP], "displayName": "g7", "externalId": "x7", "members": [{"value": ann}]});
    okta.post("/Groups", group).await.expect(201);
    let cases: [(&str, &[&str]); 3] = [
        (
            "/Users",
            &[
                "id pr",
                "title pr",
                "emails pr",
                "userName eq \"a{}@x\"",
                "id eq \"{}\"",
                "externalId eq \"{}\"",
                "emails.value eq \"a{}@x\"",
                "emails[value eq \"a{}@x\"]",
                "groups pr",
                "groups eq \"{}\"",
                "groups[display eq \"g{}\"]",
                "groups.display ne \"g{}\"",
                "manager ne \"m{}\"",
                "manager eq \"m{}\"",
                "schemas co \"{}\"",
                "meta.lastModified gt \"2026-01-01T00:00:00.{}Z\"",
                "meta.created lt \"2106-01-01T00:00:00.{}Z\"",
            ],
        ),
        (
            "/Groups",
            &[
                "displayName eq \"g{}\"",
                "externalId eq \"x{}\"",
                "members pr",
                "members eq \"{}\"",
                "members[value ne \"{}\"]",
                "members[display sw \"{}\"]",
                "members.display ne \"{}\"",
            ],
        ),
        (
            "/AuditEvents",
            &[
                "id pr",
                "id eq \"1-{}\"",
                "sequence gt {}",
                "action eq \"{}\"",
                "changes.path ne \"{}\"",
                "changes[after co \"{}\"]",
            ],
        ),
    ];
    for (path, comparisons) in cases {
        for comparison in comparisons {
            for word in ["or", "and"] {
                let one = |i: usize| comparison.replace("{}", &i.to_string());
                let client = if path == "/AuditEvents" {
                    &auditor
                } else {
                    &okta
                };
                let answer = search(client, path, &joined(word, one)).await;
                assert_eq!(answer.status, 200, "{comparison} {word}: {}", answer.text);
            }
        }
    }
    let names = joined("or", |i| format!("userName eq \"a{i}@x\""));
    assert_eq!(search(&okta, "/Users", &names).await.ids(), [ann]);
}

// checklist: 115
#[actix_web::test]
async fn the_deepest_filter_is_answered() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    okta.create_user("a7@x").await;
    for comparison in ["id pr", "groups[type pr]", "title pr"] {
        // Every `not (…)` counts twice.
        let level = vec![comparison; 30].join(" or ");
        let mut deepest = level.clone();
        while deepest.matches("not").count() < 31 && deepest.len() + level.len() < 16_000 {
            deepest = format!("not ({deepest}) and ({level})");
        }
        let answer = search(&okta, "/Users", &deepest).await;
        assert_eq!(answer.status, 200, "{comparison}: {}", answer.text);
    }
}
