//! Seats: as many are invited or granted as the plan has, never more by a source, and nobody is put out.

use futures_util::future::join_all;
use rosterd::scim::rules::Preset;
use serde_json::json;

use super::{Scene, plan};
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
    let policy = rosterd::domain::access::JoinerPolicy::Grant;
    let scim = scene.app.source_of(&caller, Preset::Generic, policy).await;
    scim.create_user("zoe@x.test").await;
    assert_eq!(tally(&scene.app, "listed", "no-seat"), 1);
}
