//! Who is taken over and who gets in, whatever order a source sends its requests in (SEMANTICS §1, §2).

use std::sync::Arc;

use rosterd::domain::clock::{ManualClock, Millis};
use serde_json::{Value, json};

use crate::sources::{World, user, world, world_at};
use crate::support::{Client, GROUP, USER, lines};

/// A user with the source's own key.
fn keyed(key: &str, name: &str, email: &str) -> Value {
    let mut body = user(name, email, "");
    body["externalId"] = json!(key);
    body
}

async fn set_active(client: &Client, id: &str, active: bool) {
    let write = json!([{"op": "replace", "path": "active", "value": active}]);
    client
        .patch(&format!("/Users/{id}"), write)
        .await
        .expect(200);
}

/// What *remove* and the clean-up of revoked people will leave behind: a tombstone whose claims have ended.
fn bury(w: &World, id: &str, sticky: bool) {
    w.sql(&format!(
        "UPDATE users SET access = 'revoked', access_reason = 'x', has_access = false, is_public = false, removed_at = 1, \
         sticky = {sticky} WHERE id = '{id}'; UPDATE claims SET user_public = false WHERE user_id = '{id}'; \
         UPDATE heads SET users = users - 1, public_users = public_users - 1 WHERE users > 0; \
         UPDATE connections SET hidden_users = hidden_users - 1 WHERE id IN \
         (SELECT connection_id FROM claims WHERE user_id = '{id}')"
    ));
}

#[actix_web::test]
async fn nobody_outside_the_verified_domains_is_granted_by_a_source() {
    let w = world().await;
    let guest = w
        .okta
        .post("/Users", user("guest", "guest@evil.test", "Guest"))
        .await
        .id();
    w.verify_domains(&["x.test"]).await;
    // Created, deleted, created again.
    let eve = keyed("e", "eve", "eve@evil.test");
    let id = w.okta.post("/Users", eve.clone()).await.expect(201).id();
    assert_eq!(w.access(&id).await, "listed/unverified-domain");
    w.okta.delete(&format!("/Users/{id}")).await.expect(204);
    let id = w.okta.post("/Users", eve).await.expect(201).id();
    assert_eq!(w.access(&id).await, "listed/conflict");
    // Listed by one, granted by the policy of another.
    let max = user("max", "max@evil.test", "");
    w.lister()
        .await
        .post("/Users", max.clone())
        .await
        .expect(201);
    let id = w.okta.post("/Users", max).await.expect(201).id();
    assert_eq!(w.access(&id).await, "listed/conflict");
    // The address comes after the person.
    let mut kim = user("kim", "kim@x.test", "");
    kim["active"] = json!(false);
    let id = w.okta.post("/Users", kim).await.expect(201).id();
    assert_eq!(w.access(&id).await, "listed/source-inactive");
    let write = json!([{"op": "replace", "value": {"emails": [{"value": "kim@evil.test", "type": "work"}], "active": true}}]);
    w.okta
        .patch(&format!("/Users/{id}"), write)
        .await
        .expect(200);
    assert_eq!(w.access(&id).await, "listed/unverified-domain");
    let journal = lines(
        &mut w.app.database.connect(),
        &format!("SELECT action AS line FROM journal WHERE subject_id = '{id}' ORDER BY sequence"),
    );
    assert_eq!(journal.last().unwrap(), "access.reason_changed");
    set_active(&w.okta, &id, false).await;
    set_active(&w.okta, &id, true).await;
    assert_eq!(w.access(&id).await, "listed/unverified-domain");
    // Somebody visible is written by a source that does not claim her.
    let put = user("guest", "guest@evil.test", "Taken");
    w.entra
        .put(&format!("/Users/{guest}"), put)
        .await
        .expect(200);
    assert_eq!(w.effective(&guest).await["title"], json!("Guest"));
    w.check().await;
}

#[actix_web::test]
async fn an_open_question_outlives_deleting_and_creating_again() {
    let w = world().await;
    let boss = user("boss", "boss@x.test", "");
    let id = w.okta.post("/Users", boss).await.expect(201).id();
    w.sql(&format!(
        "UPDATE users SET admin_role = 'tenant-admin' WHERE id = '{id}'"
    ));
    let id = w
        .entra
        .post("/Users", keyed("k", "x", "boss@x.test"))
        .await
        .expect(201)
        .id();
    assert_eq!(w.access(&id).await, "listed/conflict");
    w.entra.delete(&format!("/Users/{id}")).await.expect(204);
    let bare = json!({"schemas": [USER], "userName": "x", "externalId": "k", "active": true});
    let again = w.entra.post("/Users", bare).await.expect(201);
    assert_eq!(again.id(), id);
    assert_eq!(w.access(&id).await, "listed/conflict");
    w.check().await;
}

#[actix_web::test]
async fn the_break_glass_admin_is_never_adopted_automatically() {
    let w = world().await;
    let id = w
        .okta
        .post("/Users", user("ann", "ann@x.test", "Boss"))
        .await
        .id();
    w.sql("UPDATE users SET break_glass = true");
    let other = w
        .entra
        .post("/Users", user("x", "ann@x.test", ""))
        .await
        .expect(201)
        .id();
    assert_ne!(other, id);
    assert_eq!(w.access(&other).await, "listed/conflict");
    set_active(&w.entra, &id, false).await;
    assert_eq!(w.access(&id).await, "granted/granted-by-policy");
    w.check().await;
}

#[actix_web::test]
async fn deleting_a_pending_claim_changes_nothing_but_the_sources_own_view() {
    let w = world().await;
    let id = w
        .okta
        .post("/Users", user("ann", "ann@x.test", "Boss"))
        .await
        .id();
    w.sql("UPDATE users SET admin_role = 'operator'");
    let before = w.effective(&id).await;
    let path = format!("/Users/{id}");
    w.entra
        .put(&path, user("ann", "ann@x.test", "Clerk"))
        .await
        .expect(200);
    w.entra.delete(&path).await.expect(204);
    w.entra.get(&path).await.expect(404);
    let after = w.effective(&id).await;
    assert_eq!(
        (&after["title"], &after["active"]),
        (&before["title"], &before["active"])
    );
    w.okta.get(&path).await.expect(200);
    w.check().await;
}

#[actix_web::test]
async fn adopting_somebody_whom_nobody_claims_keeps_the_whole_person() {
    let w = world().await;
    let mut ann = user("ann", "ann@x.test", "Boss");
    ann["name"] = json!({"givenName": "Ann", "familyName": "Lee"});
    let id = w.okta.post("/Users", ann.clone()).await.expect(201).id();
    let path = format!("/Users/{id}");
    let whole = |doc: &Value| {
        ["userName", "name", "emails", "title"].map(|attribute| doc[attribute].clone())
    };
    w.okta.delete(&path).await.expect(204);
    assert_eq!(whole(&w.effective(&id).await), whole(&ann));
    set_active(&w.entra, &id, true).await;
    assert_eq!(w.access(&id).await, "granted/returned");
    assert_eq!(whole(&w.effective(&id).await), whole(&ann));
    assert_eq!(whole(&w.entra.get(&path).await.body), whole(&ann));
    w.check().await;
}

#[actix_web::test]
async fn nobody_loses_name_or_address_because_a_source_left() {
    let w = world().await;
    let mut ann = user("ann", "ann@x.test", "Boss");
    ann["name"] = json!({"givenName": "Ann"});
    let id = w.okta.post("/Users", ann.clone()).await.expect(201).id();
    let path = format!("/Users/{id}");
    let write = json!([{"op": "replace", "path": "nickName", "value": "A"}]);
    w.entra.patch(&path, write).await.expect(200);
    w.okta.delete(&path).await.expect(204);
    for doc in [w.effective(&id).await, w.entra.get(&path).await.body] {
        assert_eq!(
            (
                &doc["name"],
                &doc["emails"],
                &doc["userName"],
                &doc["nickName"]
            ),
            (&ann["name"], &ann["emails"], &json!("ann"), &json!("A"))
        );
    }
    w.check().await;
}

#[actix_web::test]
async fn inactive_revokes_by_post_too() {
    let w = world().await;
    let id = w
        .okta
        .post("/Users", user("ann", "ann@x.test", ""))
        .await
        .id();
    let mut gone = user("ann.lee", "ann@x.test", "");
    gone["active"] = json!(false);
    let adopted = w.entra.post("/Users", gone).await.expect(201);
    assert_eq!(
        (adopted.id(), &adopted.body["active"]),
        (id.clone(), &json!(false))
    );
    assert_eq!(w.access(&id).await, "revoked/deactivated-by-source");
    w.check().await;
}

#[actix_web::test]
async fn a_late_return_waits_for_a_human_by_every_path() {
    let start = Millis::from_rfc3339("2026-01-01T00:00:00Z").unwrap();
    let clock = Arc::new(ManualClock::at(start));
    let w = world_at(clock.clone()).await;
    let ann = keyed("a", "ann", "ann@x.test");
    let bob = keyed("b", "bob", "bob@x.test");
    let by_patch = w.okta.post("/Users", ann).await.expect(201).id();
    let by_post = w.okta.post("/Users", bob.clone()).await.expect(201).id();
    set_active(&w.okta, &by_patch, false).await;
    w.okta
        .delete(&format!("/Users/{by_post}"))
        .await
        .expect(204);
    clock.set(start.plus_days(31));
    set_active(&w.okta, &by_patch, true).await;
    assert_eq!(
        w.okta.post("/Users", bob.clone()).await.expect(201).id(),
        by_post
    );
    for id in [&by_patch, &by_post] {
        assert_eq!(w.access(id).await, "listed/returned-late");
        set_active(&w.okta, id, false).await;
        set_active(&w.okta, id, true).await;
        assert_eq!(w.access(id).await, "listed/returned-late");
    }
    w.okta
        .delete(&format!("/Users/{by_post}"))
        .await
        .expect(204);
    assert_eq!(w.okta.post("/Users", bob).await.expect(201).id(), by_post);
    assert_eq!(w.access(&by_post).await, "listed/returned-late");
    w.check().await;
}

#[actix_web::test]
async fn a_person_removed_by_a_human_returns_as_listed_only() {
    let w = world().await;
    let ann = keyed("a", "ann", "ann@x.test");
    let id = w.okta.post("/Users", ann.clone()).await.expect(201).id();
    w.okta.delete(&format!("/Users/{id}")).await.expect(204);
    bury(&w, &id, true);
    w.reader.get(&format!("/Users/{id}")).await.expect(404);
    assert_eq!(w.okta.post("/Users", ann).await.expect(201).id(), id);
    assert_eq!(w.access(&id).await, "listed/removed-by-human");
    set_active(&w.okta, &id, false).await;
    set_active(&w.okta, &id, true).await;
    assert_eq!(w.access(&id).await, "listed/removed-by-human");
    w.check().await;
}

#[actix_web::test]
async fn a_tombstone_that_returns_keeps_its_id_and_gets_a_decision() {
    let w = world().await;
    let mut ann = keyed("a", "ann", "ann@x.test");
    ann["roles"] = json!([{"value": "boss"}]);
    let first = w.okta.post("/Users", ann.clone()).await.expect(201).id();
    w.okta.delete(&format!("/Users/{first}")).await.expect(204);
    bury(&w, &first, false);
    ann["active"] = json!(false);
    ann["roles"] = json!([]);
    assert_eq!(w.okta.post("/Users", ann).await.expect(201).id(), first);
    assert_eq!(w.access(&first).await, "listed/source-inactive");
    assert!(
        w.effective(&first)
            .await
            .get("roles")
            .is_none_or(|r| *r == json!([]))
    );
    let bob = keyed("b", "bob", "bob@x.test");
    let second = w.okta.post("/Users", bob).await.expect(201).id();
    w.okta.delete(&format!("/Users/{second}")).await.expect(204);
    bury(&w, &second, false);
    // By the verified address alone, from another source.
    let back = w
        .entra
        .post("/Users", user("robert", "bob@x.test", ""))
        .await;
    assert_eq!(back.expect(201).id(), second);
    assert_eq!(w.access(&second).await, "granted/granted-by-policy");
    w.check().await;
}

#[actix_web::test]
async fn somebody_deleted_is_found_again_by_the_sources_own_key() {
    let w = world().await;
    let id = w
        .okta
        .post("/Users", keyed("00u1", "ann", "ann@x.test"))
        .await
        .expect(201)
        .id();
    w.okta.delete(&format!("/Users/{id}")).await.expect(204);
    let married = keyed("00u1", "ann.lee", "ann.lee@x.test");
    assert_eq!(w.okta.post("/Users", married).await.expect(201).id(), id);
    assert_eq!(w.access(&id).await, "granted/returned");
    // Another source's key is another key.
    let other = keyed("00u1", "zoe", "zoe@x.test");
    assert_ne!(w.entra.post("/Users", other).await.expect(201).id(), id);
    w.check().await;
}

#[actix_web::test]
async fn a_source_remembers_its_own_name_for_somebody_whom_it_deleted() {
    let w = world().await;
    let id = w
        .okta
        .post("/Users", user("ann", "ann@x.test", ""))
        .await
        .id();
    w.entra
        .post("/Users", user("ann.lee", "ann@x.test", ""))
        .await
        .expect(201);
    w.entra.delete(&format!("/Users/{id}")).await.expect(204);
    let bare = json!({"schemas": [USER], "userName": "Ann.Lee"});
    let new = w.entra.post("/Users", bare).await.expect(201).id();
    assert_ne!(new, id);
    assert_eq!(w.access(&new).await, "listed/conflict");
    let conflicts = w.conflicts().await;
    assert_eq!(
        (
            conflicts.len(),
            conflicts[0].kind.as_str(),
            conflicts[0].candidates.as_str()
        ),
        (1, "former-name", json!([id]).to_string().as_str())
    );
    w.check().await;
}

#[actix_web::test]
async fn addresses_equal_only_under_wider_folding_are_a_question_and_no_match() {
    let w = world().await;
    let bare = json!({"schemas": [USER], "userName": "strasse@x.test"});
    let first = w.okta.post("/Users", bare).await.expect(201).id();
    let second = w
        .okta
        .post("/Users", user("two", "fussball@x.test", ""))
        .await
        .id();
    for (name, email, candidate) in [
        ("three", "straße@x.test", first),
        ("four", "fußball@x.test", second),
    ] {
        let new = w
            .entra
            .post("/Users", user(name, email, ""))
            .await
            .expect(201)
            .id();
        assert_ne!(new, candidate);
        assert_eq!(w.access(&new).await, "listed/conflict");
        let open = w.conflicts().await;
        let about = open.iter().find(|c| c.subject == new).unwrap();
        assert_eq!(
            (about.kind.as_str(), about.candidates.clone()),
            ("similar-address", json!([candidate]).to_string())
        );
    }
    w.check().await;
}

#[actix_web::test]
async fn only_a_primary_address_identifies() {
    let w = world().await;
    let bob = json!({"schemas": [USER], "userName": "bob", "active": true, "emails": [
        {"value": "bob@x.test", "type": "work", "primary": true}, {"value": "ann@x.test", "type": "home"}]});
    let bob = w.okta.post("/Users", bob).await.expect(201).id();
    let ann = w
        .entra
        .post("/Users", user("ann", "ann@x.test", ""))
        .await
        .expect(201)
        .id();
    assert_ne!(ann, bob);
    assert_eq!(w.access(&ann).await, "granted/granted-by-policy");
    assert_eq!(w.conflicts().await.len(), 0);
    w.check().await;
}

#[actix_web::test]
async fn the_same_question_is_asked_once_whatever_became_of_it() {
    let w = world().await;
    let lister = w.lister().await;
    lister
        .post("/Users", user("one", "ann@x.test", ""))
        .await
        .expect(201);
    lister
        .post("/Users", user("ann", "two@x.test", ""))
        .await
        .expect(201);
    let ann = user("ann", "ann@x.test", "");
    let first = w.okta.post("/Users", ann.clone()).await.expect(201).id();
    w.sql("UPDATE users SET break_glass = true WHERE user_name = 'one'");
    w.okta.delete(&format!("/Users/{first}")).await.expect(204);
    let second = w.okta.post("/Users", ann).await.expect(201).id();
    let open = w.conflicts().await;
    assert_eq!((open.len(), open[0].seen), (1, 2));
    assert_eq!(open[0].subject, second);
    w.check().await;
}

async fn race<F: Future<Output = crate::support::Answer>>(each: impl Fn(usize) -> F) -> Vec<u16> {
    let answers = futures_util::future::join_all((0..20).map(each)).await;
    let mut statuses: Vec<u16> = answers.into_iter().map(|a| a.status).collect();
    statuses.sort_unstable();
    statuses
}

#[actix_web::test]
async fn of_twenty_clients_one_adopts_by_post_and_all_by_put() {
    let w = world().await;
    let id = w
        .okta
        .post("/Users", user("ann", "ann@x.test", ""))
        .await
        .id();
    let posts = race(|_| w.entra.post("/Users", user("ann.lee", "ann@x.test", ""))).await;
    assert_eq!((posts[0], &posts[1..]), (201, &[409; 19][..]));
    assert_eq!(w.entra.get("/Users").await.ids(), [id]);
    let bob = w
        .okta
        .post("/Users", user("bob", "bob@x.test", ""))
        .await
        .id();
    let path = format!("/Users/{bob}");
    let puts = race(|i| {
        let (entra, path) = (w.entra.clone(), path.clone());
        async move {
            entra
                .put(&path, user("bob", "bob@x.test", &format!("t{i}")))
                .await
        }
    })
    .await;
    assert_eq!(puts, [200; 20]);
    assert_eq!(w.conflicts().await.len(), 0);
    w.check().await;
}

#[actix_web::test]
async fn of_twenty_clients_one_creates_the_group_of_a_name() {
    let w = world().await;
    let group = json!({"schemas": [GROUP], "displayName": "Sales"});
    let posts = race(|_| w.okta.post("/Groups", group.clone())).await;
    assert_eq!((posts[0], &posts[1..]), (201, &[409; 19][..]));
    assert_eq!(w.okta.get("/Groups").await.total(), 1);
    w.check().await;
}
