//! What a check says of rights that are missing, and of those that are too much.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rosterd::hris::manifest::Localized;
use rosterd::hris::{Kind, Reach};
use serde_json::{Value, json};

use super::server::{Asked, Reply, Server, list};
use super::{OPEN, PLAIN, connector, probe};

const OAUTH: &str = "  client_credentials:\n    endpoint: { url: 'https://api.vendor.test/token', client_id: '{{ user }}', client_secret: '{{ key }}' }";

fn names(rights: &[Localized]) -> Vec<&str> {
    rights.iter().map(|right| right.get("en")).collect()
}

/// Rights that are missing, and those that are too much.
fn told(reach: &Reach) -> (Vec<&str>, Vec<&str>) {
    (names(&reach.missing), names(&reach.excess))
}

/// A vendor that gives this with a token, and this when it is asked for words.
async fn vendor(token: Value, said: Reply) -> Server {
    Server::start(move |asked: &Asked, _| match asked.path.as_str() {
        "/token" => Reply::json(&token),
        "/rights" => said.clone(),
        _ => list(1..=3),
    })
    .await
}

#[actix_web::test]
async fn scopes_of_a_token_are_held_against_those_that_are_needed() {
    let more = "rights:\n  scopes:\n    told_by: { token: scope }\n    needed: [people.read, jobs.read]\n    harmless: [offline*]";
    for (scope, missing, excess) in [
        (
            json!("people.read jobs.read offline_access"),
            vec![],
            vec![],
        ),
        (json!(["people.read", "jobs.read"]), vec![], vec![]),
        (json!("people.read"), vec!["`jobs.read`"], vec![]),
        (
            json!("people.read,jobs.read,people.write"),
            vec![],
            vec!["`people.write`"],
        ),
        // RFC 6749 §5.1: it may be left out where it is what was asked for.
        (Value::Null, vec![], vec![]),
    ] {
        let token = json!({"access_token": "t0ken-of-theirs", "expires_in": 3600, "scope": scope});
        let server = vendor(token, Reply::json(&json!({}))).await;
        let found = probe(&connector(OAUTH, PLAIN, more), &server)
            .await
            .unwrap();
        assert_eq!(told(&found.reach), (missing, excess), "{scope}");
    }
}

#[actix_web::test]
async fn a_claim_of_the_token_tells_what_it_is_good_for() {
    let more = "rights:\n  scopes:\n    told_by: { claim: roles }\n    needed: [User.Read.All]";
    let jwt = |claims: Value| {
        let payload = URL_SAFE_NO_PAD.encode(claims.to_string());
        json!({"access_token": format!("e30.{payload}.c2ln"), "expires_in": 3600})
    };
    let wide = jwt(json!({"roles": ["User.Read.All", "Mail.Read"]}));
    let less = jwt(json!({"roles": ["Group.Read.All"]}));
    let opaque = json!({"access_token": "no-jwt-at-all", "expires_in": 3600});
    for (token, missing, excess) in [
        (wide, vec![], vec!["`Mail.Read`"]),
        (less, vec!["`User.Read.All`"], vec!["`Group.Read.All`"]),
        (opaque, vec![], vec![]),
    ] {
        let server = vendor(token, Reply::json(&json!({}))).await;
        let found = probe(&connector(OAUTH, PLAIN, more), &server)
            .await
            .unwrap();
        assert_eq!(told(&found.reach), (missing, excess));
    }
}

#[actix_web::test]
async fn a_request_of_its_own_tells_what_a_key_can_read() {
    let more = "rights:\n  scopes:\n    told_by:\n      list: { request: { url: 'https://api.vendor.test/rights' }, records: data, word: key }\n    needed: [first_name]\n    harmless: ['*_name']";
    let manifest = connector(OPEN, PLAIN, more);
    let words = json!({"data": [{"key": "first_name"}, {"key": "last_name"}, {"key": "iban"}, {"other": 1}]});
    let server = vendor(json!({}), Reply::json(&words)).await;
    let found = probe(&manifest, &server).await.unwrap();
    assert_eq!(told(&found.reach), (vec![], vec!["`iban`"]));
    assert_eq!(found.requests, 2, "people, and what the key can read");

    let server = vendor(json!({}), Reply::status(403, &json!({}))).await;
    let found = probe(&manifest, &server).await.unwrap();
    assert_eq!(found.unread["rights.scopes"].kind, Kind::Rights);
    assert_eq!(told(&found.reach), (vec![], vec![]));
}

#[actix_web::test]
async fn fields_show_what_is_missing_and_what_is_too_much() {
    let more = "rights:\n  needed:\n    - { right: { en: read e-mail, fr: lire l'e-mail }, fields: [email] }\n    \
                - { right: { en: read jobs, fr: lire les postes }, fields: ['details.job.title', 'joins.posts.name'] }\n  \
                excess:\n    - { right: { en: salaries, fr: salaires }, fields: ['*salary*'] }\n  \
                unseen: { en: It may write too., fr: Elle peut aussi écrire. }\n\
                details:\n  job: { request: { url: 'https://api.vendor.test/people/{{ id }}/job' } }\n\
                joins:\n  posts: { list: { request: { url: 'https://api.vendor.test/posts' }, records: $ }, person: id }";
    let manifest = connector(OPEN, PLAIN, more);
    let server = |email: Value, job: Value, posts: Value| {
        Server::start(move |asked: &Asked, _| match asked.path.as_str() {
            "/people" => Reply::json(
                &json!({"people": [{"id": 1, "email": email}, {"id": 2, "email": null}]}),
            ),
            "/posts" => Reply::json(&posts),
            _ => Reply::json(&job),
        })
    };
    let (none, nothing) = (json!([]), json!({}));
    for (email, job, posts, missing, excess) in [
        (
            json!("a@x.test"),
            json!({"title": "Cook"}),
            none.clone(),
            vec![],
            vec![],
        ),
        (
            json!("a@x.test"),
            nothing.clone(),
            json!([{"id": 1, "name": "Cook"}]),
            vec![],
            vec![],
        ),
        (
            json!(""),
            json!({"title": "Cook"}),
            none.clone(),
            vec!["read e-mail"],
            vec![],
        ),
        (
            json!("a@x.test"),
            nothing,
            none.clone(),
            vec!["read jobs"],
            vec![],
        ),
        (
            json!("a@x.test"),
            json!({"title": "Cook", "pay": {"baseSalary": 1}}),
            none.clone(),
            vec![],
            vec!["salaries"],
        ),
        // A field that is there and empty shows nothing.
        (
            json!("a@x.test"),
            json!({"title": "Cook", "salary": null}),
            none,
            vec![],
            vec![],
        ),
    ] {
        let server = server(email, job, posts).await;
        let found = probe(&manifest, &server).await.unwrap();
        assert_eq!(told(&found.reach), (missing, excess));
        assert_eq!(
            found.reach.unseen.unwrap().get("fr"),
            "Elle peut aussi écrire."
        );
    }
    // Where nobody works yet nothing is missing.
    let empty = Server::start(|_, _| Reply::json(&json!({"people": []}))).await;
    let more = "rights:\n  needed:\n    - { right: { en: read e-mail, fr: lire l'e-mail }, fields: [email] }";
    let found = probe(&connector(OPEN, PLAIN, more), &empty).await.unwrap();
    assert_eq!(told(&found.reach), (vec![], vec![]));
}

#[test]
fn rights_that_could_never_show_are_refused() {
    let refused = |rights: &str| {
        let text = include_str!("made-up.yaml").replace("auth:", &format!("{rights}\nauth:"));
        rosterd::hris::manifest::Manifest::parse(&text, "made-up.yaml")
            .unwrap_err()
            .to_string()
    };
    let why = refused("rights: { excess: [{ right: { en: A, fr: B }, fields: [] }] }");
    assert!(why.contains("under `fields`"), "{why}");
    let why = refused("rights: { scopes: { told_by: { token: scope }, needed: [a] } }");
    assert!(why.contains("asks for no token"), "{why}");
    let why = refused(
        "rights: { scopes: { told_by: { list: { request: { url: 'http://a.test' }, records: a } } } }",
    );
    assert!(why.contains("https://"), "{why}");
}
