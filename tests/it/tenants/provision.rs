//! A tenant for an account of the app: made once, however often it is asked for.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use rosterd::domain::roles::Role;
use serde_json::json;

use super::{Scene, plan, refused, send};

#[actix_web::test]
async fn ten_requests_at_once_for_one_account_make_one_tenant() {
    let scene = Scene::start().await;
    let body = json!({"accountId": "acct/4711", "name": "acme", "entitlements": plan("Team", json!({"seats": 5}))});
    let each = (0..10).map(|_| scene.send("POST", "/tenants", Some(body.clone())));
    let answers = join_all(each).await;
    let ids: BTreeSet<String> = answers.iter().map(|a| a.id()).collect();
    assert_eq!(ids.len(), 1, "{answers:?}");
    let made = answers.iter().filter(|a| a.status == 201).count();
    let again = answers.iter().filter(|a| a.status == 200).count();
    assert_eq!((made, again), (1, 9));
    assert_eq!(answers[0].body["accountId"], "acct/4711");
    let path = "/tenants?accountId=acct%2F4711";
    let found = scene.send("GET", path, None).await.expect(200);
    assert_eq!(found.body["items"].as_array().unwrap().len(), 1);
    assert_eq!(found.body["items"][0]["id"], answers[0].id());
    let nobody = scene.send("GET", "/tenants?accountId=other", None).await;
    assert_eq!(nobody.expect(200).body["items"], json!([]));
    let entitled = scene.send("GET", "/tenants/acme/entitlements", None).await;
    let entitled = entitled.expect(200).body;
    assert_eq!(entitled["plan"]["name"], "Team");
    assert_eq!(
        entitled["effectiveAt"],
        json!(null),
        "nothing was in use that could end"
    );
    scene.verify_operator().await;
}

#[actix_web::test]
async fn the_same_request_finds_its_tenant_whatever_became_of_it_and_another_is_refused() {
    let scene = Scene::start().await;
    let body = json!({"accountId": "a1", "name": "acme"});
    let id = scene
        .send("POST", "/tenants", Some(body.clone()))
        .await
        .expect(201)
        .id();
    scene
        .send(
            "PATCH",
            "/tenants/acme",
            Some(json!({"name": "acme-two", "state": "suspended"})),
        )
        .await
        .expect(200);
    let again = scene
        .send("POST", "/tenants", Some(body.clone()))
        .await
        .expect(200);
    assert_eq!(
        (again.id(), &again.body["name"]),
        (id.clone(), &json!("acme-two"))
    );
    assert_eq!(again.body["state"], "suspended");
    for other in [
        json!({"accountId": "a1", "name": "acme-two"}),
        json!({"accountId": "a1"}),
        json!({"accountId": "a1", "name": "acme", "entitlements": plan("Team", json!({}))}),
    ] {
        let answer = scene.send("POST", "/tenants", Some(other)).await;
        refused(&answer, 409, "conflict");
        assert!(
            answer.body["detail"].as_str().unwrap().contains(&id),
            "{}",
            answer.text
        );
    }
    // A name that somebody has, for another account.
    let taken = scene
        .send(
            "POST",
            "/tenants",
            Some(json!({"accountId": "a2", "name": "acme-two"})),
        )
        .await;
    refused(&taken, 409, "conflict");
    // Without a name one is made.
    let unnamed = scene
        .send("POST", "/tenants", Some(json!({"accountId": "a3"})))
        .await
        .expect(201);
    assert!(unnamed.body["name"].as_str().unwrap().starts_with("t-"));
    // Made by hand, and given its account afterwards.
    scene
        .send("POST", "/tenants", Some(json!({"name": "byhand"})))
        .await
        .expect(201);
    scene
        .send("PATCH", "/tenants/byhand", Some(json!({"accountId": "a4"})))
        .await
        .expect(200);
    let known = scene
        .send(
            "POST",
            "/tenants",
            Some(json!({"accountId": "a4", "name": "byhand"})),
        )
        .await;
    assert_eq!(known.expect(200).body["name"], "byhand");
    let twice = scene
        .send("PATCH", "/tenants/byhand", Some(json!({"accountId": "a1"})))
        .await;
    refused(&twice, 409, "conflict");
}

#[actix_web::test]
async fn what_breaks_a_rule_is_refused_and_makes_nothing() {
    let scene = Scene::start().await;
    let before = scene.send("GET", "/tenants", None).await.expect(200).body["items"].clone();
    for body in [
        json!({}),
        json!({"accountId": ""}),
        json!({"accountId": "a\nb", "name": "x"}),
        json!({"accountId": "x".repeat(256), "name": "x"}),
        json!({"accountId": "a1", "name": "No Slug"}),
        json!({"accountId": "a1", "entitlements": plan("", json!({}))}),
        json!({"accountId": "a1", "entitlements": {"name": "P", "push": true, "teamSync": true, "seats": -1}}),
        json!({"accountId": "a1", "entitlements": {"name": "P", "push": true, "teamSync": true, "beds": 1}}),
        json!({"accountId": 7}),
    ] {
        let answer = scene.send("POST", "/tenants", Some(body)).await;
        refused(&answer, 400, "invalid-value");
    }
    assert_eq!(
        scene.send("GET", "/tenants", None).await.expect(200).body["items"],
        before
    );
}

#[actix_web::test]
async fn a_suspended_tenants_tokens_are_refused_everywhere_until_it_is_resumed() {
    let scene = Scene::start().await;
    let scim = scene.app.source(rosterd::scim::rules::Preset::Okta).await;
    let api = scene.app.role(&scene.app.tenant, Role::TenantAdmin).await;
    let status = async |wanted: u16| {
        scene.app.state.forget_invalidated().await;
        scim.get("/Users").await.expect(wanted);
        send(&api, "GET", "/tenants/default", None)
            .await
            .expect(wanted);
    };
    status(200).await;
    for (state, wanted) in [("suspended", 401), ("active", 200)] {
        scene
            .send("PATCH", "/tenants/default", Some(json!({"state": state})))
            .await
            .expect(200);
        status(wanted).await;
    }
}
