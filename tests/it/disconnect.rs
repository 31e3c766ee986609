//! Disconnecting sources (SEMANTICS §3): who goes, who stays, what is kept for a reconnect and for how long.

use std::sync::Arc;

use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::clock::{Clock, ManualClock, Millis};
use rosterd::domain::roles::Role;
use rosterd::scim::rules::Preset;
use rosterd::service::Error;
use serde_json::{Value, json};

use crate::sources::{World, user, world_at};
use crate::support::{Client, GROUP, lines};

const NOON: &str = "2026-06-15T12:00:00Z";

struct Desk {
    w: World,
    clock: Arc<ManualClock>,
    admin: Client,
}

async fn desk() -> Desk {
    let clock = Arc::new(ManualClock::at(Millis::from_rfc3339(NOON).unwrap()));
    let w = world_at(Arc::<ManualClock>::clone(&clock)).await;
    let admin = w.app.role(&w.app.tenant, Role::TenantAdmin).await;
    Desk { w, clock, admin }
}

impl Desk {
    fn id_of(&self, preset: &str) -> String {
        let sql = format!("SELECT id AS line FROM connections WHERE preset = '{preset}'");
        lines(&mut self.w.app.database.connect(), &sql)[0].clone()
    }

    async fn call(&self, method: &str, path: &str) -> crate::support::Answer {
        let path = format!("/api/v1/tenants/default/{path}");
        self.admin
            .raw(method, &path, "application/json", Vec::new())
            .await
    }

    /// Waits until it is done.
    async fn disconnect(&self, id: &str) {
        let begun = self
            .call("POST", &format!("connections/{id}/disconnect"))
            .await
            .expect(202);
        assert!(["disconnecting", "disconnected"].contains(&begun.body["state"].as_str().unwrap()));
        for _ in 0..200 {
            let row = self
                .call("GET", &format!("connections/{id}"))
                .await
                .expect(200);
            if row.body["state"] == "disconnected" {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("it is not disconnected");
    }
}

#[actix_web::test]
async fn a_push_source_leaves_whoever_has_access_and_its_groups() {
    let desk = desk().await;
    let w = &desk.w;
    let mut granted = Vec::new();
    for n in 0..12 {
        let name = format!("g{n}");
        granted.push(
            w.entra
                .post("/Users", user(&name, &format!("{name}@x.test"), ""))
                .await
                .id(),
        );
    }
    let mut off = user("off", "off@x.test", "");
    off["active"] = json!(false);
    let listed = w.entra.post("/Users", off).await.expect(201).id();
    // Okta lists her too.
    let lister = w.lister().await;
    let shared = lister
        .post("/Users", user("both", "both@x.test", ""))
        .await
        .id();
    let mut both = user("both2", "both@x.test", "");
    both["active"] = json!(false);
    assert_eq!(w.entra.post("/Users", both).await.id(), shared);
    let group = |name: &str, id: &String| json!({"schemas": [GROUP], "displayName": name, "members": [{"value": id}]});
    let own = w
        .entra
        .post("/Groups", group("Sales", &granted[0]))
        .await
        .expect(201)
        .id();
    w.entra
        .post("/Groups", group("Gone", &listed))
        .await
        .expect(201);
    w.okta
        .post("/Groups", group("SALES", &granted[0]))
        .await
        .expect(201);
    w.check().await;

    let entra = desk.id_of("entra");
    let path = format!("connections/{entra}/disconnect");
    let plan = desk.call("GET", &path).await.expect(200).body;
    assert_eq!(
        (
            &plan["removed"]["count"],
            &plan["kept"]["count"],
            &plan["invited"]["count"],
            &plan["groups"]
        ),
        (&json!(1), &json!(13), &json!(0), &json!(2))
    );
    assert_eq!(plan["removed"]["first"][0]["id"], json!(listed));
    desk.disconnect(&entra).await;
    w.app.state.auth.forget_invalidated().await;
    w.entra.get("/Users").await.expect(401);
    w.reader.get(&format!("/Users/{listed}")).await.expect(404);
    for id in &granted {
        assert_eq!(w.access(id).await, "granted/granted-by-policy");
        assert_eq!(w.effective(id).await["active"], true);
    }
    assert_eq!(w.access(&shared).await, "listed/listed-by-source");
    // Its group is everybody's, under a name that is free; its member is in it.
    let read = w.okta.get(&format!("/Groups/{own}")).await.expect(200).body;
    assert_eq!(
        (&read["displayName"], &read["members"][0]["value"]),
        (&json!("Sales (2)"), &json!(granted[0]))
    );
    let (okta, reader) = (&w.okta, &w.reader);
    for client in [okta, reader] {
        let all = client.get("/Users?count=1000").await.expect(200);
        assert_eq!(all.total(), i64::try_from(all.resources().len()).unwrap());
    }
    let managed =
        "SELECT CAST(managed_groups AS TEXT) AS line FROM connections WHERE preset = 'entra'";
    assert_eq!(lines(&mut w.app.database.connect(), managed), ["0"]);
    assert_eq!(w.app.verify().await.faults, []);
    // Again: nothing.
    let stood = w.app.verify().await.entries;
    desk.call("POST", &path).await.expect(202);
    assert_eq!(w.app.verify().await.entries, stood);

    // Connected again, it means the same people.
    desk.call("POST", &format!("connections/{entra}/resume"))
        .await
        .expect(200);
    w.app.state.auth.forget_invalidated().await;
    let back = w
        .entra
        .post("/Users", user("g0", "g0@x.test", ""))
        .await
        .expect(201);
    assert_eq!(back.id(), granted[0]);
    w.check().await;
}

#[actix_web::test]
async fn what_a_killed_process_left_half_done_is_finished_by_another() {
    let desk = desk().await;
    let w = &desk.w;
    let mut all = Vec::new();
    for n in 0..5 {
        let mut person = user(&format!("p{n}"), &format!("p{n}@x.test"), "");
        person["active"] = json!(false);
        all.push(w.entra.post("/Users", person).await.expect(201).id());
    }
    let entra = desk.id_of("entra");
    w.sql(&format!(
        "UPDATE connections SET state = 'disconnecting', disconnected_at = {} WHERE id = '{entra}'",
        desk.clock.now().0
    ));
    let service = &w.app.service;
    assert_eq!(
        service.resume_disconnects().await.unwrap(),
        0,
        "somebody is at it"
    );
    desk.clock.set(Millis(desk.clock.now().0 + 31_000));
    assert_eq!(service.resume_disconnects().await.unwrap(), 1);
    for id in &all {
        w.reader.get(&format!("/Users/{id}")).await.expect(404);
    }
    let row = desk
        .call("GET", &format!("connections/{entra}"))
        .await
        .expect(200);
    assert_eq!(row.body["state"], "disconnected");
    assert_eq!(service.resume_disconnects().await.unwrap(), 0);
    assert_eq!(w.app.verify().await.faults, []);
}

#[actix_web::test]
async fn links_and_answers_are_kept_for_ninety_days() {
    let desk = desk().await;
    let w = &desk.w;
    w.okta.post("/Users", user("ann", "ann@x.test", "")).await;
    w.entra
        .post("/Users", user("ann.lee", "ａnn@x.test", ""))
        .await
        .expect(201);
    let open = desk.call("GET", "conflicts").await.expect(200).body["items"][0]["id"].clone();
    let apart = format!("conflicts/{}/keep-apart", open.as_str().unwrap());
    desk.call("POST", &apart).await.expect(200);
    let entra = desk.id_of("entra");
    let count = |table: &str| {
        let sql = format!(
            "SELECT CAST(count(*) AS TEXT) AS line FROM {table} WHERE connection_id = '{entra}'"
        );
        lines(&mut w.app.database.connect(), &sql)[0].clone()
    };
    w.sql(&format!(
        "INSERT INTO links (tenant, connection_id, source_id, user_id, digest, source_epoch, state, updated_at) \
         SELECT tenant, id, 'x', 'nobody', '', 0, 'employed', 0 FROM connections WHERE id = '{entra}'"
    ));
    desk.disconnect(&entra).await;
    let service = &w.app.service;
    desk.clock.set(desk.clock.now().plus_days(89));
    assert_eq!(service.forget_disconnected().await.unwrap(), 0);
    assert_eq!(
        (count("conflicts"), count("links")),
        ("1".to_owned(), "1".to_owned())
    );
    desk.clock.set(desk.clock.now().plus_days(2));
    assert_eq!(service.forget_disconnected().await.unwrap(), 1);
    assert_eq!(
        (count("conflicts"), count("links")),
        ("0".to_owned(), "0".to_owned())
    );
    assert_eq!(service.forget_disconnected().await.unwrap(), 0);
    let late = desk
        .call("POST", &format!("connections/{entra}/resume"))
        .await
        .expect(403);
    assert!(late.text.contains("add a new connection"), "{}", late.text);
    assert_eq!(w.app.verify().await.faults, []);
}

#[actix_web::test]
async fn a_connection_that_is_pulled_right_now_is_not_disconnected_under_the_run() {
    let desk = desk().await;
    let w = &desk.w;
    let body = json!({"kind": "hris", "connector": "bamboohr", "label": "HR", "settings": {"company": "acme"},
        "secrets": {"api_key": "x"}});
    let made = desk
        .admin
        .raw(
            "POST",
            "/api/v1/tenants/default/connections",
            "application/json",
            body.to_string().into_bytes(),
        )
        .await
        .expect(201);
    let (service, id) = (&w.app.service, made.id());
    service
        .lease_schedule(&w.app.tenant, &id, "a run", 60_000)
        .await
        .unwrap()
        .unwrap();
    let refused = service.disconnect(&w.app.tenant, &id).await;
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    desk.clock.set(Millis(desk.clock.now().0 + 61_000));
    service.disconnect(&w.app.tenant, &id).await.unwrap();
    // Nothing opens it any more.
    let secrets = service
        .list_secrets(&w.app.tenant.tenant, &id)
        .await
        .unwrap();
    assert!(secrets.is_empty());
    let missing = service.disconnect(&w.app.tenant, "nobody").await;
    assert!(matches!(missing, Err(Error::NotFound(_))));
}

#[actix_web::test]
async fn somebody_invited_keeps_her_invitation_and_whoever_left_stays_revoked() {
    let desk = desk().await;
    let w = &desk.w;
    let policy = JoinerPolicy::List;
    let source = w.app.source_of(&w.app.tenant, Preset::Google, policy).await;
    let invited = source.post("/Users", user("i", "i@x.test", "")).await.id();
    w.sql(&format!(
        "UPDATE users SET access = 'invited', access_reason = 'x', is_public = true WHERE id = '{invited}'; \
         UPDATE claims SET user_public = true WHERE user_id = '{invited}'; \
         UPDATE heads SET public_users = public_users + 1 WHERE users > 0; \
         UPDATE connections SET only_users = only_users - 1 WHERE preset = 'google'"
    ));
    let google = desk.id_of("google");
    let plan = desk
        .call("GET", &format!("connections/{google}/disconnect"))
        .await
        .body;
    assert_eq!(plan["invited"]["first"][0]["id"], json!(invited));
    desk.disconnect(&google).await;
    assert_eq!(w.access(&invited).await, "invited/x");
    assert_eq!(
        w.effective(&invited).await[crate::sources::OURS]["addedVia"],
        Value::Null
    );
    w.check().await;
}
