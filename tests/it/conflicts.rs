//! Answers to questions about who is who: link, keep apart, unlink (SEMANTICS §1, §2); over the API, where an admin gives
//! them.

use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::roles::Role;
use rosterd::service::users::Answer;
use serde_json::{Value, json};

use crate::sources::{World, user, world};
use crate::support::{Answer as Reply, Client, ENTERPRISE, GROUP, lines};

/// A world with an admin.
struct Desk {
    w: World,
    admin: Client,
}

async fn desk() -> Desk {
    let w = world().await;
    let admin = w.app.role(&w.app.tenant, Role::TenantAdmin).await;
    Desk { w, admin }
}

impl Desk {
    async fn post(&self, path: &str, body: Value) -> Reply {
        let path = format!("/api/v1/tenants/default/{path}");
        let body = match body {
            Value::Null => Vec::new(),
            body => body.to_string().into_bytes(),
        };
        self.admin
            .raw("POST", &path, "application/json", body)
            .await
    }

    async fn open(&self) -> Vec<Value> {
        let path = "/api/v1/tenants/default/conflicts";
        let listed = self.admin.raw("GET", path, "application/json", Vec::new());
        let listed = listed.await.expect(200);
        listed.body["items"].as_array().unwrap().clone()
    }

    /// The only question.
    async fn question(&self) -> Value {
        let open = self.open().await;
        assert_eq!(open.len(), 1, "{open:?}");
        open[0].clone()
    }

    async fn link(&self, question: &Value) -> Reply {
        let id = question["id"].as_str().unwrap();
        self.post(&format!("conflicts/{id}/link"), Value::Null)
            .await
    }

    async fn entries(&self) -> i64 {
        self.w.app.verify().await.entries
    }
}

/// Okta's ann is there; Entra brings somebody with an address that is nearly hers. Returns both ids.
async fn alike(w: &World) -> (String, String) {
    let ann = w.okta.post("/Users", user("ann", "ann@x.test", "Boss"));
    let ann = ann.await.expect(201).id();
    let other = w
        .entra
        .post("/Users", user("ann.lee", "ａnn@x.test", "Clerk"));
    let other = other.await.expect(201).id();
    assert_ne!(ann, other);
    assert_eq!(w.access(&other).await, "listed/conflict");
    (ann, other)
}

#[actix_web::test]
async fn a_linked_record_moves_and_its_source_goes_on_knowing_it_under_its_id() {
    let desk = desk().await;
    let w = &desk.w;
    let (ann, other) = alike(w).await;
    // Entra has the record in a group, and as somebody's manager.
    let bob = json!({"schemas": [crate::support::USER, ENTERPRISE], "userName": "bob", "active": true,
        ENTERPRISE: {"manager": {"value": other}}});
    let bob = w.entra.post("/Users", bob).await.expect(201).id();
    let team = json!({"schemas": [GROUP], "displayName": "Team", "members": [{"value": other}]});
    let team = w.entra.post("/Groups", team).await.expect(201).id();
    let before = w.entra.get(&format!("/Users/{other}")).await.expect(200);
    let question = desk.question().await;
    assert_eq!(
        (
            &question["kind"],
            &question["person"],
            &question["candidates"]
        ),
        (&json!("similar-address"), &json!(other), &json!([ann]))
    );
    assert_eq!(question["people"][1]["access"], "granted");
    let done = desk.link(&question).await.expect(200).body;
    assert_eq!(
        (&done["state"], &done["person"], &done["isChanged"]),
        (&json!("linked"), &json!(ann), &json!(true))
    );
    assert!(desk.open().await.is_empty());
    // The same answer again writes nothing.
    let stood = desk.entries().await;
    let again = desk.link(&question).await.expect(200).body;
    assert_eq!(again["isChanged"], false);
    assert_eq!(desk.entries().await, stood);
    // Entra reads what it wrote, under its id, in a newer version; not under the other.
    let path = format!("/Users/{other}");
    let read = w.entra.get(&path).await.expect(200);
    for field in ["id", "userName", "title", "emails", "active"] {
        assert_eq!(read.body[field], before.body[field], "{field}");
    }
    assert_ne!(read.body["meta"]["version"], before.body["meta"]["version"]);
    let location = read.body["meta"]["location"].as_str().unwrap();
    assert!(location.ends_with(&path), "{location}");
    w.entra.get(&format!("/Users/{ann}")).await.expect(404);
    let found = w.entra.filter("/Users", "userName eq \"ann.lee\"").await;
    assert_eq!(found.ids(), [other.clone()]);
    let found = w
        .entra
        .filter("/Users", &format!("id eq \"{other}\""))
        .await;
    assert_eq!(found.ids(), [other.clone()]);
    // So are her group and her report; everybody else knows her as ann.
    let group = w
        .entra
        .get(&format!("/Groups/{team}"))
        .await
        .expect(200)
        .body;
    assert_eq!(group["members"][0]["value"], json!(other));
    let of = w
        .entra
        .filter("/Groups", &format!("members.value eq \"{other}\""))
        .await;
    assert_eq!(of.ids(), [team.clone()]);
    let manager = |body: &Value| body[ENTERPRISE]["manager"]["value"].clone();
    let report = w.entra.get(&format!("/Users/{bob}")).await.expect(200).body;
    assert_eq!(manager(&report), json!(other));
    let by_manager = format!("{ENTERPRISE}:manager.value eq \"{other}\"");
    assert_eq!(
        w.entra.filter("/Users", &by_manager).await.ids(),
        [bob.clone()]
    );
    assert_eq!(manager(&w.effective(&bob).await), json!(ann));
    let group = w
        .reader
        .get(&format!("/Groups/{team}"))
        .await
        .expect(200)
        .body;
    assert_eq!(group["members"][0]["value"], json!(ann));
    w.reader.get(&format!("/Users/{other}")).await.expect(404);
    // Name and address in force stay, and so does access.
    let force = w.effective(&ann).await;
    assert_eq!(
        (
            &force["userName"],
            &force["emails"][0]["value"],
            &force["title"]
        ),
        (&json!("ann"), &json!("ann@x.test"), &json!("Boss"))
    );
    assert_eq!(w.access(&ann).await, "granted/granted-by-policy");
    // What Entra writes from now on is about ann, by any verb.
    let patch =
        json!([{"op": "add", "path": format!("{ENTERPRISE}:department"), "value": "Sales"}]);
    w.entra.patch(&path, patch).await.expect(200);
    assert_eq!(w.effective(&ann).await[ENTERPRISE]["department"], "Sales");
    let report = json!([{"op": "replace", "path": format!("{ENTERPRISE}:manager"), "value": {"value": other}}]);
    w.entra.patch(&format!("/Users/{bob}"), report).await;
    assert_eq!(manager(&w.effective(&bob).await), json!(ann));
    w.entra
        .post("/Users", user("ann.lee", "x@x.test", ""))
        .await
        .expect(409);
    w.check().await;
    w.entra.delete(&path).await.expect(204);
    w.entra.get(&path).await.expect(404);
    assert_eq!(w.access(&ann).await, "revoked/deleted-by-source");
    w.check().await;
    let merged = lines(
        &mut w.app.database.connect(),
        "SELECT subject_id || '>' || object_id AS line FROM journal WHERE action = 'user.merged'",
    );
    assert_eq!(merged, [format!("{other}>{ann}")]);
}

#[actix_web::test]
async fn a_deleted_record_that_was_linked_comes_back_to_the_same_person_under_the_same_id() {
    let desk = desk().await;
    let w = &desk.w;
    let (ann, other) = alike(w).await;
    desk.link(&desk.question().await).await.expect(200);
    let path = format!("/Users/{other}");
    let patch = json!([{"op": "add", "path": "externalId", "value": "e-1"}]);
    w.entra.patch(&path, patch).await;
    w.entra.delete(&path).await.expect(204);
    let mut back = user("ann.lee", "elsewhere@x.test", "");
    back["externalId"] = json!("e-1");
    let back = w.entra.post("/Users", back).await.expect(201);
    assert_eq!(back.id(), other);
    assert_eq!(w.access(&ann).await, "granted/returned");
    assert!(desk.open().await.is_empty());
    w.check().await;
}

#[actix_web::test]
async fn linking_takes_access_from_nobody_and_says_who_must_be_let_in_first() {
    let desk = desk().await;
    let w = &desk.w;
    let ann = w
        .okta
        .post("/Users", user("ann", "ann@x.test", ""))
        .await
        .id();
    let mut off = user("ann.lee", "ａnn@x.test", "");
    off["active"] = json!(false);
    let other = w.entra.post("/Users", off).await.expect(201).id();
    desk.link(&desk.question().await).await.expect(200);
    assert_eq!(w.access(&ann).await, "granted/granted-by-policy");
    let read = w
        .entra
        .get(&format!("/Users/{other}"))
        .await
        .expect(200)
        .body;
    assert_eq!(read["active"], false);
    // Its next word counts.
    let path = format!("/Users/{other}");
    for active in [true, false] {
        let patch = json!([{"op": "replace", "path": "active", "value": active}]);
        w.entra.patch(&path, patch).await;
    }
    assert_eq!(w.access(&ann).await, "revoked/deactivated-by-source");
    w.check().await;

    // The one who is meant has no access, and the record's person has: nobody loses hers.
    let lister = w.lister().await;
    let eve = lister
        .post("/Users", user("eve", "eve@x.test", ""))
        .await
        .id();
    let other = w
        .entra
        .post("/Users", user("eve.lee", "ｅve@x.test", ""))
        .await
        .id();
    w.sql(&format!(
        "UPDATE users SET access = 'granted', access_reason = 'x', has_access = true, is_public = true WHERE id = '{other}'; \
         UPDATE claims SET user_public = true WHERE user_id = '{other}'; \
         UPDATE heads SET public_users = public_users + 1 WHERE users > 0; \
         UPDATE connections SET only_users = only_users - 1 WHERE id = (SELECT connection_id FROM claims WHERE user_id = '{other}')"
    ));
    let question = desk.question().await;
    let stood = desk.entries().await;
    let refused = desk.link(&question).await.expect(403);
    assert!(
        refused.text.contains("invite or reinstate"),
        "{}",
        refused.text
    );
    assert_eq!(desk.entries().await, stood);
    assert_eq!(w.access(&eve).await, "listed/listed-by-source");
    w.check().await;
}

#[actix_web::test]
async fn whoever_is_kept_apart_is_let_in_by_policy_and_not_asked_about_again() {
    let desk = desk().await;
    let w = &desk.w;
    let (ann, other) = alike(w).await;
    let id = desk.question().await["id"].as_str().unwrap().to_owned();
    let done = desk
        .post(&format!("conflicts/{id}/keep-apart"), Value::Null)
        .await;
    assert_eq!(done.expect(200).body["state"], "kept-apart");
    assert_eq!(w.access(&other).await, "granted/granted-by-policy");
    assert_eq!(w.access(&ann).await, "granted/granted-by-policy");
    let stood = desk.entries().await;
    let again = desk
        .post(&format!("conflicts/{id}/keep-apart"), Value::Null)
        .await;
    assert_eq!(again.expect(200).body["isChanged"], false);
    assert_eq!(desk.entries().await, stood);
    assert!(desk.open().await.is_empty());
    // Another answer is refused, unless it is meant.
    let link = desk
        .post(&format!("conflicts/{id}/link"), Value::Null)
        .await;
    assert!(link.expect(409).text.contains("not the same"));
    let link = desk
        .post(&format!("conflicts/{id}/link"), json!({"revise": true}))
        .await;
    assert_eq!(link.expect(200).body["person"], json!(ann));
    w.reader.get(&format!("/Users/{other}")).await.expect(404);
    w.check().await;
    let all = "/api/v1/tenants/default/conflicts?state=all";
    let all = desk
        .admin
        .raw("GET", all, "application/json", Vec::new())
        .await;
    assert_eq!(all.expect(200).body["items"][0]["state"], "linked");
}

#[actix_web::test]
async fn a_record_that_waits_on_an_admin_takes_part_once_she_is_linked() {
    let desk = desk().await;
    let w = &desk.w;
    let ann = w
        .okta
        .post("/Users", user("ann", "ann@x.test", ""))
        .await
        .id();
    w.sql(&format!(
        "UPDATE users SET admin_role = 'tenant-admin' WHERE id = '{ann}'"
    ));
    let path = format!("/Users/{ann}");
    let patch = json!([{"op": "add", "path": format!("{ENTERPRISE}:costCenter"), "value": "77"}]);
    w.entra.patch(&path, patch).await;
    assert_eq!(
        w.effective(&ann).await[ENTERPRISE]["costCenter"],
        Value::Null
    );
    let question = desk.question().await;
    assert_eq!(question["kind"], "not-adoptable");
    desk.link(&question).await.expect(200);
    assert_eq!(w.effective(&ann).await[ENTERPRISE]["costCenter"], "77");
    w.check().await;
}

#[actix_web::test]
async fn of_several_the_admin_names_one() {
    let desk = desk().await;
    let w = &desk.w;
    let lister = w.lister().await;
    // Same userName as a listed one, same address as another.
    let one = lister
        .post("/Users", user("ann", "one@x.test", ""))
        .await
        .id();
    let two = w
        .okta
        .post("/Users", user("two", "two@x.test", ""))
        .await
        .id();
    let got = w
        .entra
        .post("/Users", user("ann", "two@x.test", ""))
        .await
        .expect(201)
        .id();
    let question = desk.question().await;
    assert_eq!(question["kind"], "several-candidates");
    let id = question["id"].as_str().unwrap().to_owned();
    let path = format!("conflicts/{id}/link");
    let vague = desk.post(&path, Value::Null).await.expect(400);
    assert!(
        vague.text.contains(&one) && vague.text.contains(&two),
        "{}",
        vague.text
    );
    desk.post(&path, json!({"person": "nobody"}))
        .await
        .expect(400);
    desk.post(&path, json!({"person": one})).await.expect(200);
    let read = w.entra.get(&format!("/Users/{got}")).await.expect(200).body;
    assert_eq!(read["id"], json!(got));
    assert_eq!(w.access(&one).await, "granted/granted-by-policy");
    desk.post(&path, json!({"person": two})).await.expect(409);
    w.check().await;
}

#[actix_web::test]
async fn a_record_that_is_taken_away_makes_somebody_of_its_own_under_the_id_its_source_knows() {
    let desk = desk().await;
    let w = &desk.w;
    let ann = w
        .okta
        .post("/Users", user("ann", "ann@x.test", "Boss"))
        .await
        .id();
    let same = w
        .entra
        .post("/Users", user("ann.lee", "ann@x.test", "Clerk"))
        .await
        .id();
    assert_eq!(same, ann);
    let connection = lines(
        &mut w.app.database.connect(),
        "SELECT id AS line FROM connections WHERE preset = 'entra'",
    )[0]
    .clone();
    let path = format!("people/{ann}/unlink");
    let done = desk
        .post(&path, json!({"connection": connection}))
        .await
        .expect(200)
        .body;
    let other = done["other"].as_str().unwrap().to_owned();
    assert_eq!(w.access(&other).await, "listed/unlinked");
    assert_eq!(w.access(&ann).await, "granted/granted-by-policy");
    // Entra reads its record where it knows it, and okta ann.
    let read = w.entra.get(&format!("/Users/{ann}")).await.expect(200).body;
    assert_eq!(
        (&read["id"], &read["userName"]),
        (&json!(ann), &json!("ann.lee"))
    );
    let read = w.okta.get(&format!("/Users/{ann}")).await.expect(200).body;
    assert_eq!(
        (&read["id"], &read["userName"]),
        (&json!(ann), &json!("ann"))
    );
    let patch = json!([{"op": "replace", "path": "title", "value": "Chief"}]);
    w.entra
        .patch(&format!("/Users/{ann}"), patch)
        .await
        .expect(200);
    assert_eq!(w.effective(&other).await["title"], "Chief");
    assert_eq!(w.effective(&ann).await["title"], "Boss");
    w.check().await;
    // Nothing is left to take, nor from somebody whom nobody else knows.
    desk.post(&path, json!({"connection": connection}))
        .await
        .expect(409);
    let path = format!("people/{other}/unlink");
    desk.post(&path, json!({"connection": connection}))
        .await
        .expect(403);
}

#[actix_web::test]
async fn of_two_admins_who_answer_at_once_one_is_told() {
    let desk = desk().await;
    for round in 0..8 {
        let w = &desk.w;
        let name = format!("ann{round}");
        let ann = w
            .okta
            .post("/Users", user(&name, &format!("{name}@x.test"), ""))
            .await
            .id();
        let address = format!("ａ{}@x.test", &name[1..]);
        w.entra
            .post("/Users", user(&format!("lee{round}"), &address, ""))
            .await
            .expect(201);
        let id = desk.question().await["id"].as_str().unwrap().to_owned();
        let (service, caller) = (&w.app.service, &w.app.tenant);
        let (link, apart) = (Answer::Link(Some(ann)), Answer::KeepApart);
        let (a, b) = futures_util::future::join(
            service.answer_conflict(caller, &id, &link, false),
            service.answer_conflict(caller, &id, &apart, false),
        )
        .await;
        assert!(a.is_ok() != b.is_ok(), "{a:?} {b:?}");
        assert!(desk.open().await.is_empty());
    }
    desk.w.check().await;
}

#[actix_web::test]
async fn a_linked_record_brings_many_groups_and_reports_along() {
    let desk = desk().await;
    let w = &desk.w;
    let (ann, other) = alike(w).await;
    for chunk in 0..3 {
        let each = (0..50).map(|i| {
            let entra = w.entra.clone();
            let group = json!({"schemas": [GROUP], "displayName": format!("g{chunk}-{i}"), "members": [{"value": other}]});
            let report = json!({"schemas": [crate::support::USER, ENTERPRISE], "userName": format!("r{chunk}-{i}"),
                "active": true, ENTERPRISE: {"manager": {"value": other}}});
            async move {
                entra.post("/Groups", group).await.expect(201);
                entra.post("/Users", report).await.expect(201);
            }
        });
        futures_util::future::join_all(each).await;
    }
    desk.link(&desk.question().await).await.expect(200);
    let mut conn = w.app.database.connect();
    for (sql, wanted) in [
        ("SELECT count(*) FROM memberships WHERE user_id = ", "150"),
        ("SELECT count(*) FROM users WHERE manager_id = ", "150"),
    ] {
        for (id, wanted) in [(&ann, wanted), (&other, "0")] {
            let count = format!("SELECT CAST(({sql}'{id}') AS TEXT) AS line");
            assert_eq!(lines(&mut conn, &count), [wanted]);
        }
    }
    let group = w.entra.filter("/Groups", "displayName eq \"g0-0\"").await;
    assert_eq!(group.resources()[0]["members"][0]["value"], json!(other));
    w.check().await;
}

#[actix_web::test]
async fn a_person_whom_others_claim_stays_when_a_record_leaves_her() {
    let desk = desk().await;
    let w = &desk.w;
    let (ann, other) = alike(w).await;
    // A third source means the record's person.
    let third = w
        .app
        .source_of(
            &w.app.tenant,
            rosterd::scim::rules::Preset::Generic,
            JoinerPolicy::List,
        )
        .await;
    let same = third
        .post("/Users", user("third", "ａnn@x.test", "Third"))
        .await
        .expect(201)
        .id();
    assert_eq!(same, other);
    let id = desk.question().await["id"].as_str().unwrap().to_owned();
    desk.post(&format!("conflicts/{id}/link"), json!({"person": ann}))
        .await
        .expect(200);
    let read = w
        .entra
        .get(&format!("/Users/{other}"))
        .await
        .expect(200)
        .body;
    assert_eq!(read["userName"], "ann.lee");
    let read = third.get(&format!("/Users/{other}")).await.expect(200).body;
    assert_eq!(read["userName"], "third");
    assert_eq!(w.effective(&other).await["title"], "Third");
    w.check().await;
}
