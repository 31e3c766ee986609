//! Single users of the app: matched, changed, disabled, removed; and who may not be taken over.

use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::employment::EmploymentState;
use rosterd::domain::roles::Role;
use rosterd::scim::rules::Preset;
use rosterd::storage::tenants::TenantSettings;
use serde_json::json;

use super::{Scene, ann, employee, in_state};
use crate::sources::OURS;
use crate::support::person;

#[actix_web::test]
async fn the_same_word_again_changes_nothing() {
    let s = Scene::start().await;
    let made = s.put("u-1", ann()).await.expect(201);
    assert_eq!(made.body["result"], "created", "{}", made.text);
    assert_eq!(made.body["accessReason"], "has-access-in-app");
    let before = s.entries();
    let again = s.put("u-1", ann()).await.expect(200);
    assert_eq!(again.body["result"], "unchanged");
    assert_eq!(s.entries(), before);
    let read = s.user("u-1").await.expect(200).body;
    assert_eq!(read["email"], "ann@x.test");
    assert_eq!(read["roles"], json!(["editor"]));
    assert_eq!(
        (&read["entity"], &read["hasAccess"]),
        (&json!("Acme Ltd"), &json!(true))
    );
    let changed = json!({"email": "ann@x.test", "name": "Ann Moor"});
    let changed = s.put("u-1", changed).await.expect(200);
    assert_eq!(changed.body["result"], "updated");
    assert_eq!(changed.body["personId"], made.body["personId"]);
    assert_eq!(changed.body["roles"], json!([]));
    assert!(changed.body.get("entity").is_none(), "{}", changed.text);
    s.check().await;
}

#[actix_web::test]
async fn the_app_reads_its_own_id_as_external_id_and_nobody_else_does() {
    let s = Scene::start().await;
    let id = s.put("u-1", ann()).await.expect(201).body["personId"].clone();
    s.put("u-2", json!({"email": "bob@x.test"}))
        .await
        .expect(201);
    let filter = "externalId eq \"u-1\"";
    let found = s.me.filter("/Users", filter).await.expect(200);
    assert_eq!(found.ids(), [id.as_str().unwrap()]);
    let ours = &found.resources()[0];
    assert_eq!(ours["externalId"], "u-1");
    assert_eq!(ours[OURS]["appUserId"], "u-1");
    assert_eq!(ours[OURS]["entity"], "Acme Ltd");
    let auditor = s.app.role(&s.app.tenant, Role::Auditor).await;
    for reader in [&auditor, &s.admin] {
        let nobody = reader.filter("/Users", filter).await.expect(200);
        assert_eq!(nobody.total(), 0);
        let all = reader.filter("/Users", "userName eq \"ann@x.test\"").await;
        assert!(
            all.resources()[0].get("externalId").is_none(),
            "{}",
            all.text
        );
        assert_eq!(all.resources()[0][OURS]["appUserId"], "u-1");
    }
    let by_ours = format!("{OURS}:appUserId eq \"u-2\"");
    assert_eq!(auditor.filter("/Users", &by_ours).await.total(), 1);
    // A push source knows nothing of it.
    let okta = s.app.source(Preset::Okta).await;
    let seen = okta.get(&format!("/Users/{}", id.as_str().unwrap())).await;
    let seen = seen.expect(200);
    assert!(
        !seen.text.contains("u-1") && !seen.text.contains("Acme Ltd"),
        "{}",
        seen.text
    );
    s.check().await;
}

#[actix_web::test]
async fn whom_hr_lists_the_app_lets_in_and_both_are_named() {
    let s = Scene::start().await;
    let hr = s.hr(JoinerPolicy::List).await;
    let id = s.pull(&hr, employee("7", "Ann@X.test")).await.unwrap();
    assert_eq!(s.person(&id).await, "listed/listed-by-source");
    let put = s.put("u-1", ann()).await.expect(201);
    assert_eq!(
        (put.body["result"].as_str(), put.body["personId"].as_str()),
        (Some("matched"), Some(id.as_str()))
    );
    assert_eq!(s.stands("u-1").await, "granted/has-access-in-app");
    let page = s
        .send(&s.admin, "GET", &format!("/people/{id}"), None)
        .await;
    let page = page.expect(200).body;
    let sources = page["sources"].as_array().unwrap();
    let mut kinds: Vec<_> = sources
        .iter()
        .map(|c| c["kind"].as_str().unwrap())
        .collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["app", "hris"]);
    assert_eq!(page["appUserId"], "u-1");
    // What HR says of her work stays; what only the app knows is added.
    assert_eq!(page["user"]["title"], "Clerk");
    assert_eq!(page["user"]["roles"][0]["value"], "editor");
    // HR drops her: she loses access, and the app's repeated word does not bring her back.
    s.pull(
        &hr,
        in_state(&employee("7", "Ann@X.test"), EmploymentState::Left),
    )
    .await;
    assert_eq!(s.stands("u-1").await, "revoked/left");
    s.put("u-1", ann()).await.expect(200);
    assert_eq!(s.stands("u-1").await, "revoked/left");
    s.check().await;
}

#[actix_web::test]
async fn an_app_user_whom_hr_brings_later_keeps_address_and_access() {
    let s = Scene::start().await;
    let id = s.put("u-1", ann()).await.expect(201).body["personId"].clone();
    let hr = s.hr(JoinerPolicy::List).await;
    let matched = s.pull(&hr, employee("7", "ann@x.test")).await;
    assert_eq!(matched.as_deref(), id.as_str());
    assert_eq!(s.stands("u-1").await, "granted/has-access-in-app");
    // An id of the app that looks like one of HR means nothing.
    s.put("8", json!({"email": "bob@x.test"})).await.expect(201);
    let other = s.pull(&hr, employee("8", "eve@x.test")).await;
    assert_ne!(
        other.as_deref(),
        s.user("8").await.body["personId"].as_str()
    );
    s.check().await;
}

#[actix_web::test]
async fn who_was_removed_in_the_app_is_brought_back_by_no_source_but_by_an_admin() {
    for policy in [JoinerPolicy::List, JoinerPolicy::Grant] {
        let s = Scene::start().await;
        let id = s.put("u-1", ann()).await.expect(201).body["personId"].clone();
        let id = id.as_str().unwrap();
        let hr = s.hr(policy).await;
        let employed = employee("7", "ann@x.test");
        s.pull(&hr, employed.clone()).await;
        s.delete("u-1").await.expect(204);
        assert_eq!(s.person(id).await, "revoked/removed-in-app");
        s.user("u-1").await.expect(404);
        s.delete("u-1").await.expect(404);
        // By pull, whatever she was before; by push; by the app itself.
        s.pull(&hr, in_state(&employed, EmploymentState::Left))
            .await;
        s.pull(&hr, employed.clone()).await;
        assert_eq!(s.person(id).await, "revoked/removed-in-app");
        let okta = s.app.source(Preset::Okta).await;
        let pushed = okta.post("/Users", person("ann@x.test")).await;
        if pushed.status != 201 {
            // She is there under that name: Okta updates her.
            pushed.expect(409);
            let put = okta
                .put(&format!("/Users/{id}"), person("ann@x.test"))
                .await;
            put.expect(200);
        }
        assert_eq!(s.person(id).await, "revoked/removed-in-app");
        let again = s.put("u-1", ann()).await.expect(201);
        assert_eq!(again.body["personId"], id);
        assert_eq!(again.body["hasAccess"], false);
        assert_eq!(s.person(id).await, "revoked/removed-in-app");
        let path = format!("/people/{id}/reinstate");
        s.send(&s.admin, "POST", &path, None).await.expect(200);
        assert_eq!(s.person(id).await, "listed/reinstated");
        s.put("u-1", ann()).await.expect(200);
        assert_eq!(s.person(id).await, "granted/has-access-in-app");
        s.check().await;
    }
}

#[actix_web::test]
async fn tidying_up_after_a_leaver_is_no_decision_of_the_app() {
    let s = Scene::start().await;
    let id = s.put("u-1", ann()).await.expect(201).body["personId"].clone();
    let id = id.as_str().unwrap();
    let hr = s.hr(JoinerPolicy::List).await;
    let employed = employee("7", "ann@x.test");
    s.pull(&hr, employed.clone()).await;
    s.pull(&hr, in_state(&employed, EmploymentState::Left))
        .await;
    // The app was told, switches her off, and deletes her.
    let off = json!({"email": "ann@x.test", "hasAccess": false});
    s.put("u-1", off).await.expect(200);
    assert_eq!(s.person(id).await, "revoked/left");
    s.delete("u-1").await.expect(204);
    assert_eq!(s.person(id).await, "revoked/left");
    s.days_later(3);
    s.pull(&hr, employed).await;
    assert_eq!(s.person(id).await, "granted/returned");
    s.check().await;
}

#[actix_web::test]
async fn whom_the_app_disables_only_the_app_enables() {
    let s = Scene::start().await;
    s.put("u-1", ann()).await.expect(201);
    let hr = s.hr(JoinerPolicy::Grant).await;
    let employed = employee("7", "ann@x.test");
    s.pull(&hr, employed.clone()).await;
    let off = json!({"email": "ann@x.test", "hasAccess": false});
    s.put("u-1", off.clone()).await.expect(200);
    assert_eq!(s.stands("u-1").await, "revoked/disabled-in-app");
    s.pull(&hr, in_state(&employed, EmploymentState::OnLeave))
        .await;
    s.pull(&hr, in_state(&employed, EmploymentState::Left))
        .await;
    s.pull(&hr, employed).await;
    assert_eq!(s.stands("u-1").await, "revoked/disabled-in-app");
    s.put("u-1", ann()).await.expect(200);
    assert_eq!(s.stands("u-1").await, "granted/has-access-in-app");
    // Somebody who never had access is listed.
    s.put("u-2", json!({"email": "bob@x.test", "hasAccess": false}))
        .await
        .expect(201);
    assert_eq!(s.stands("u-2").await, "listed/disabled-in-app");
    s.pull(&hr, employee("8", "bob@x.test")).await;
    assert_eq!(s.stands("u-2").await, "listed/disabled-in-app");
    s.check().await;
}

#[actix_web::test]
async fn nobody_who_may_not_be_adopted_is_taken_over() {
    let s = Scene::start().await;
    let okta = s.app.source(Preset::Okta).await;
    let boss = okta.create_user("boss@x.test").await.id();
    s.sql(&format!(
        "UPDATE users SET admin_role = 'tenant-admin' WHERE id = '{boss}'"
    ));
    let put = s
        .put("u-1", json!({"email": "boss@x.test", "roles": ["owner"]}))
        .await
        .expect(201);
    assert_ne!(put.body["personId"], boss.as_str());
    assert_eq!(put.body["accessReason"], "conflict");
    assert_eq!(put.body["hasAccess"], false);
    let boss_page = s.me.get(&format!("/Users/{boss}")).await.expect(200);
    assert!(boss_page.body.get("roles").is_none() && boss_page.body.get("externalId").is_none());
    let open = s
        .send(&s.admin, "GET", "/conflicts", None)
        .await
        .expect(200);
    assert_eq!(
        open.body["items"].as_array().unwrap().len(),
        1,
        "{}",
        open.text
    );
    // Insisting opens nothing more, and grants nothing.
    s.put(
        "u-1",
        json!({"email": "boss@x.test", "roles": ["owner", "x"]}),
    )
    .await
    .expect(200);
    assert_eq!(s.stands("u-1").await, "listed/conflict");
    let open = s
        .send(&s.admin, "GET", "/conflicts", None)
        .await
        .expect(200);
    assert_eq!(open.body["items"].as_array().unwrap().len(), 1);
    // A human says that they are two.
    let conflict = open.body["items"][0]["id"].as_str().unwrap();
    let path = format!("/conflicts/{conflict}/keep-apart");
    s.send(&s.admin, "POST", &path, None).await.expect(200);
    s.put("u-1", json!({"email": "boss@x.test", "roles": ["owner"]}))
        .await
        .expect(200);
    assert_eq!(s.stands("u-1").await, "granted/has-access-in-app");
    assert_eq!(s.user("u-1").await.body["userName"], "u-1");
    s.check().await;
}

#[actix_web::test]
async fn an_unverified_address_finds_nobody_and_costs_no_access() {
    let s = Scene::start().await;
    let okta = s.app.source(Preset::Okta).await;
    let eve = okta.create_user("eve@y.test").await.id();
    let settings = TenantSettings {
        verified_domains: vec!["x.test".to_owned()],
        ..Default::default()
    };
    let set = s.app.service.set_tenant_settings(&s.app.tenant, settings);
    set.await.unwrap();
    let put = s
        .put("u-1", json!({"email": "eve@y.test"}))
        .await
        .expect(201);
    assert_ne!(put.body["personId"], eve.as_str());
    assert_eq!(s.stands("u-1").await, "granted/has-access-in-app");
    assert_eq!(put.body["userName"], "u-1", "the name is eve's");
    s.check().await;
}

#[actix_web::test]
async fn a_user_name_that_is_taken_is_refused_and_a_change_of_address_links_nobody() {
    let s = Scene::start().await;
    let okta = s.app.source(Preset::Okta).await;
    okta.create_user("boss@x.test").await;
    s.put("u-1", ann()).await.expect(201);
    for body in [
        json!({"email": "z@x.test", "userName": "BOSS@x.test"}),
        json!({"email": "z@x.test", "userName": "ann@x.test"}),
    ] {
        let refused = s.put("u-9", body).await.expect(409);
        assert_eq!(refused.body["code"], "conflict");
    }
    let before = s.user("u-1").await.body["personId"].clone();
    let moved = s
        .put("u-1", json!({"email": "boss@x.test"}))
        .await
        .expect(200);
    assert_eq!(moved.body["personId"], before);
    assert_eq!(moved.body["userName"], "u-1");
    // Two users of the app with one address are two people.
    s.put("u-2", json!({"email": "boss@x.test"}))
        .await
        .expect(201);
    let two = s.user("u-2").await.body;
    assert_ne!(two["personId"], before);
    s.check().await;
}

#[actix_web::test]
async fn a_conflict_of_the_app_is_linked_by_an_admin() {
    let s = Scene::start().await;
    let okta = s.app.source(Preset::Okta).await;
    // Two whom Okta knows by one address.
    let one = okta.create_user("one@x.test").await.id();
    let two = okta.create_user("two@x.test").await.id();
    let same = json!([{"op": "replace", "path": "emails", "value": [{"value": "both@x.test", "primary": true}]}]);
    for id in [&one, &two] {
        okta.patch(&format!("/Users/{id}"), same.clone()).await;
    }
    s.put("u-1", json!({"email": "both@x.test"}))
        .await
        .expect(201);
    assert_eq!(s.stands("u-1").await, "listed/conflict");
    let open = s
        .send(&s.admin, "GET", "/conflicts", None)
        .await
        .expect(200);
    let conflict = open.body["items"][0]["id"].as_str().unwrap();
    let path = format!("/conflicts/{conflict}/link");
    let body = json!({"person": two});
    s.send(&s.admin, "POST", &path, Some(body))
        .await
        .expect(200);
    assert_eq!(
        s.user("u-1").await.expect(200).body["personId"],
        two.as_str()
    );
    assert!(s.stands("u-1").await.starts_with("granted/"));
    s.check().await;
}

#[actix_web::test]
async fn hostile_bodies_are_refused_by_name() {
    let s = Scene::start().await;
    let long = "x".repeat(5_000);
    for (body, word) in [
        (json!({"email": "no address"}), "email"),
        (json!({"email": "a@b\u{0}"}), "U+0000"),
        (json!({"email": format!("{long}@x.test")}), "email"),
        (json!({"name": "a\nb"}), "name"),
        (json!({"roles": vec!["r"; 101]}), "roles"),
        (json!({"roles": [""]}), "roles"),
        (json!({"entity": long}), "entity"),
        (json!({"hasAccess": "yes"}), "hasAccess"),
        (json!({"isAdmin": true}), "isAdmin"),
        (json!([]), "object"),
    ] {
        let refused = s.put("u-1", body.clone()).await;
        assert_eq!(refused.status, 400, "{body}: {}", refused.text);
        assert!(refused.text.contains(word), "{body}: {}", refused.text);
        assert!(refused.text.len() < 1_500, "{}", refused.text);
    }
    for id in ["%2e%2e", "a%2Fb", "%20", "a%0Ab", &"x".repeat(201)] {
        let refused = s.put(id, ann()).await;
        assert!(
            [400, 404, 405].contains(&refused.status),
            "{id}: {}",
            refused.text
        );
    }
    assert_eq!(s.me.get("/Users").await.total(), 0);
    // Not an attack: ids as identity services make them.
    for id in ["auth0%7C12", "%C3%A9mile", "a%20b", "00u1+x", "a%2525b"] {
        s.put(id, json!({})).await.expect(201);
        s.user(id).await.expect(200);
    }
    // However it is written, it is the id that stands in a line of an import.
    s.put("ann%2Bapp%40x.test", json!({})).await.expect(201);
    let line = "{\"appUserId\": \"ann+app@x.test\", \"hasAccess\": true}";
    let told = s.import("app-users", "", line).await.expect(200);
    assert_eq!(
        told.body["results"][0]["result"], "unchanged",
        "{}",
        told.text
    );
    s.check().await;
}

#[actix_web::test]
async fn the_apps_connection_is_no_source_to_be_stopped_or_disconnected() {
    let s = Scene::start().await;
    s.put("u-1", ann()).await.expect(201);
    for (method, path) in [
        ("POST", "/connections/app/pause"),
        ("POST", "/connections/app/disconnect"),
    ] {
        let refused = s.send(&s.admin, method, path, None).await;
        assert_eq!(refused.status, 403, "{path}: {}", refused.text);
    }
    let token = json!({"role": "connection", "connection": "app"});
    let refused = s.send(&s.admin, "POST", "/tokens", Some(token)).await;
    assert_eq!(refused.status / 100, 4, "{}", refused.text);
    let shown = s.send(&s.admin, "GET", "/connections/app", None).await;
    assert_eq!(shown.expect(200).body["kind"], "app");
}

#[actix_web::test]
async fn a_pull_source_is_warned_of_until_the_app_has_said_whom_it_has() {
    let s = Scene::start().await;
    let connect = |label: &str| {
        let body =
            json!({"kind": "hris", "connector": "x", "label": label, "secrets": {"key": "x"}});
        s.send(&s.admin, "POST", "/connections", Some(body))
    };
    let first = connect("A").await.expect(201);
    assert_eq!(first.body["warnings"], json!(["app-users-never-loaded"]));
    let said = s.send(&s.admin, "POST", "/app-users:none-yet", None).await;
    assert_eq!(said.expect(200).body["appUsers"], "none-yet");
    let second = connect("B").await.expect(201);
    assert!(second.body.get("warnings").is_none(), "{}", second.text);
    s.put("u-1", ann()).await.expect(201);
    let said = s.send(&s.admin, "POST", "/app-users:none-yet", None).await;
    assert_eq!(said.expect(200).body["appUsers"], "loaded");
}
