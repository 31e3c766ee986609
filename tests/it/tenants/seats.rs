//! Seats: as many are invited or granted as the plan has, never more by a source, and nobody is put out.

use futures_util::future::join_all;
use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::roles::Role;
use rosterd::scim::rules::Preset;
use serde_json::{Value, json};

use super::{Scene, plan, send};
use crate::support::{TestApp, lines};

/// People by access and reason.
fn tally(app: &TestApp, access: &str, reason: &str) -> usize {
    let sql = format!(
        "SELECT id AS line FROM users WHERE access = '{access}' AND access_reason LIKE '{reason}'"
    );
    lines(&mut app.database.connect(), &sql).len()
}

#[actix_web::test]
async fn grants_at_once_never_take_more_seats_than_there_are() {
    let scene = Scene::start().await;
    let set = async |seats: Option<u32>| {
        let path = "/tenants/default/entitlements";
        let body = plan("Team", json!({"seats": seats}));
        scene.send("PUT", path, Some(body)).await.expect(200).body
    };
    let scim = scene.app.source(Preset::Generic).await;
    let first = scim.create_user("first@x.test").await.id();
    set(Some(10)).await;
    // The smaller plan counts after its days only.
    scene.days_later(30);
    let each = (0..30).map(|n| {
        let (scim, name) = (scim.clone(), format!("p{n}@x.test"));
        async move { scim.create_user(&name).await }
    });
    join_all(each).await;
    assert_eq!(tally(&scene.app, "granted", "%"), 10);
    assert_eq!(tally(&scene.app, "listed", "no-seat"), 21);
    let taken = scene
        .send("GET", "/tenants/default/entitlements", None)
        .await
        .expect(200);
    assert_eq!(taken.body["seatsTaken"], 10);
    // A seat that becomes free goes to who has waited longest; without one nobody is weighed.
    assert_eq!(scene.app.service.fill_seats().await.unwrap(), 0);
    scim.delete(&format!("/Users/{first}")).await.expect(204);
    assert_eq!(scene.app.service.fill_seats().await.unwrap(), 1);
    assert_eq!(tally(&scene.app, "granted", "%"), 10);
    set(Some(15)).await;
    assert_eq!(scene.app.service.fill_seats().await.unwrap(), 5);
    assert_eq!(tally(&scene.app, "granted", "%"), 15);
    // Fewer seats take nothing from anybody, on no day.
    set(Some(3)).await;
    scene.days_later(40);
    scim.create_user("late@x.test").await;
    assert_eq!(scene.app.service.fill_seats().await.unwrap(), 0);
    assert_eq!(tally(&scene.app, "granted", "%"), 15);
    assert_eq!(tally(&scene.app, "revoked", "%"), 1);
    scene
        .send("DELETE", "/tenants/default/entitlements", None)
        .await
        .expect(200);
    assert_eq!(scene.app.service.fill_seats().await.unwrap(), 16);
    assert_eq!(tally(&scene.app, "granted", "%"), 31);
    assert_eq!(scene.app.verify().await.faults, []);
}

#[actix_web::test]
async fn whom_the_app_has_let_in_is_in_and_counts() {
    let scene = Scene::start().await;
    let small = plan("Team", json!({"seats": 5}));
    let (_, caller) = scene
        .tenant(json!({"name": "acme", "entitlements": small}))
        .await;
    scene.fill(&caller, 20).await;
    assert_eq!(tally(&scene.app, "granted", "has-access-in-app"), 20);
    let taken = scene
        .send("GET", "/tenants/acme/entitlements", None)
        .await
        .expect(200);
    assert_eq!(taken.body["seatsTaken"], 20);
    let policy = JoinerPolicy::Grant;
    let scim = scene.app.source_of(&caller, Preset::Generic, policy).await;
    scim.create_user("zoe@x.test").await;
    assert_eq!(tally(&scene.app, "listed", "no-seat"), 1);
}

/// How somebody stands: `listed/no-seat`.
fn stands(app: &TestApp, id: &str) -> String {
    let sql = format!("SELECT access || '/' || access_reason AS line FROM users WHERE id = '{id}'");
    lines(&mut app.database.connect(), &sql).remove(0)
}

fn active(is_on: bool) -> Value {
    json!([{"op": "replace", "path": "active", "value": is_on}])
}

impl Scene {
    /// So many seats from today on.
    async fn seats(&self, amount: u32) {
        let body = plan("Team", json!({"seats": amount}));
        let path = "/tenants/default/entitlements";
        self.send("PUT", path, Some(body)).await.expect(200);
        self.days_later(30);
    }
}

#[actix_web::test]
async fn a_free_seat_goes_to_who_has_waited_longest_and_whom_a_source_still_brings() {
    let scene = Scene::start().await;
    let scim = scene.app.source(Preset::Generic).await;
    let first = scim.create_user("first@x.test").await.id();
    scene.seats(1).await;
    let mut waiting = Vec::new();
    for name in ["gone", "ann", "bo"] {
        scene.days_later(1);
        waiting.push(scim.create_user(&format!("{name}@x.test")).await.id());
    }
    let delete = async |id: &str| scim.delete(&format!("/Users/{id}")).await.expect(204);
    delete(&waiting[0]).await;
    delete(&first).await;
    scene.app.service.fill_seats().await.unwrap();
    let now: Vec<String> = waiting[1..]
        .iter()
        .map(|id| stands(&scene.app, id))
        .collect();
    assert_eq!(now, ["granted/granted-by-policy", "listed/no-seat"]);
    // Push that the plan no longer has brings nobody new, by no seat either.
    let less = plan("Team", json!({"seats": 5, "push": false}));
    let path = "/tenants/default/entitlements";
    scene.send("PUT", path, Some(less)).await.expect(200);
    scene.days_later(30);
    scene.app.service.fill_seats().await.unwrap();
    assert_eq!(stands(&scene.app, &waiting[2]), "listed/no-seat");
    assert_eq!(scene.app.verify().await.faults, []);
}

#[actix_web::test]
async fn who_returns_to_a_full_plan_has_what_she_had_once_a_seat_is_free() {
    let scene = Scene::start().await;
    let policy = JoinerPolicy::List;
    let scim = scene
        .app
        .source_of(&scene.app.tenant, Preset::Generic, policy)
        .await;
    let me = scene.app.role(&scene.app.tenant, Role::App).await;
    let mut ids = Vec::new();
    for name in ["ann", "bo"] {
        ids.push(scim.create_user(&format!("{name}@x.test")).await.id());
        let body = json!({"email": format!("{name}@x.test"), "hasAccess": true});
        let path = format!("/tenants/default/app-users/{name}");
        send(&me, "PUT", &path, Some(body)).await.expect(201);
    }
    let path = |n: usize| format!("/Users/{}", ids[n]);
    scene.seats(1).await;
    scim.patch(&path(0), active(false)).await.expect(200);
    scene.days_later(3);
    scim.patch(&path(0), active(true)).await.expect(200);
    assert_eq!(stands(&scene.app, &ids[0]), "listed/no-seat");
    scim.patch(&path(1), active(false)).await.expect(200);
    scene.app.service.fill_seats().await.unwrap();
    assert_eq!(stands(&scene.app, &ids[0]), "granted/returned");
    assert_eq!(scene.app.verify().await.faults, []);
}

#[actix_web::test]
async fn an_undo_gives_back_what_people_had_though_the_plan_became_smaller() {
    let scene = Scene::start().await;
    let scim = scene.app.source(Preset::Okta).await;
    let admin = scene.app.role(&scene.app.tenant, Role::TenantAdmin).await;
    let mut ids = Vec::new();
    for n in 0..12 {
        ids.push(scim.create_user(&format!("p{n}@x.test")).await.id());
    }
    scene.seats(3).await;
    let path = format!("/Users/{}", ids[0]);
    scim.patch(&path, active(false)).await.expect(200);
    let sessions = send(&admin, "GET", "/tenants/default/sessions", None).await;
    let session = sessions.expect(200).body["items"][0]["id"].clone();
    let path = format!(
        "/tenants/default/sessions/{}/undo",
        session.as_str().unwrap()
    );
    send(&admin, "POST", &path, None).await.expect(200);
    assert_eq!(stands(&scene.app, &ids[0]), "granted/granted-by-policy");
    assert_eq!(scene.app.verify().await.faults, []);
}
