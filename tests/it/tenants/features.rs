//! What a plan does not include is refused where somebody would begin to use it: team sync, an invitation, a first sign-in.
//! And what a deleted tenant had begun rests with it.

use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::clock::Clock;
use rosterd::domain::roles::Role;
use rosterd::scim::rules::Preset;
use serde_json::{Value, json};

use super::{Scene, plan, refused, send};
use crate::api::operator;
use crate::support::{Answer, Client};
use crate::teams;

/// The plan's name is in the refusal.
#[track_caller]
fn names_starter(answer: &Answer, what: &str) {
    refused(answer, 403, "not-entitled");
    let detail = answer.body["detail"].as_str().unwrap();
    assert!(
        detail.contains("`Starter`") && detail.contains(what),
        "{detail}"
    );
}

#[actix_web::test]
async fn team_sync_is_completed_only_where_the_plan_has_it() {
    let scene = teams::Scene::start().await;
    let desk = teams::Desk::of(&scene.app).await;
    scene.company().await;
    scene.no_users(&desk).await;
    let operator = operator(&scene.app).await;
    let set = async |has: bool| {
        let plan = plan("Starter", json!({"teamSync": has}));
        let path = "/tenants/default/entitlements";
        send(&operator, "PUT", path, Some(plan)).await.expect(200)
    };
    let choice = json!({"connection": scene.connection});
    set(false).await;
    scene.clock.set(scene.clock.now().plus_days(30));
    let stood = desk.rows();
    let complete = async || {
        let path = "/team-sync/complete";
        desk.send("POST", path, Some(choice.clone())).await
    };
    names_starter(&complete().await, "team sync");
    assert_eq!(desk.rows(), stood, "nothing was changed");
    set(true).await;
    desk.complete(choice.clone()).await;
}

#[actix_web::test]
async fn an_invitation_takes_a_seat_and_is_refused_where_there_is_none() {
    let scene = Scene::start().await;
    let starter = plan("Starter", json!({"seats": 2}));
    let (id, caller) = scene
        .tenant(json!({"name": "acme", "entitlements": starter}))
        .await;
    let okta = scene
        .app
        .source_of(&caller, Preset::Okta, JoinerPolicy::List)
        .await;
    let admin = scene.app.role(&caller, Role::TenantAdmin).await;
    let mut people = Vec::new();
    for n in 0..4 {
        people.push(okta.create_user(&format!("p{n}@x.test")).await.id());
    }
    let path = format!("/tenants/{id}/invitations");
    let invite = async |people: &[String]| {
        let body = json!({"people": people});
        send(&admin, "POST", &path, Some(body)).await
    };
    // Three at once, and two seats: one of them goes without.
    let answer = invite(&people[..3]).await.expect(200).body;
    let results = answer["results"].as_array().unwrap();
    let of = |result: &str| -> Vec<&Value> {
        let some = results.iter().filter(|r| r["result"] == result);
        some.collect()
    };
    assert_eq!(
        (of("invited").len(), of("no-seat").len()),
        (2, 1),
        "{answer}"
    );
    let without = of("no-seat")[0]["person"].as_str().unwrap().to_owned();
    // Nobody can be invited: the plan is named, and nothing changes.
    let before = scene.stored(&id).await;
    names_starter(
        &invite(&[without.clone(), people[3].clone()]).await,
        "seats",
    );
    assert_eq!(scene.stored(&id).await, before);
    // Nor is anybody let in by signing in; she is told what she was told before.
    let on = json!({"justInTime": true});
    let settings = format!("/tenants/{id}/settings");
    send(&admin, "PATCH", &settings, Some(on)).await.expect(200);
    let app = scene.app.role(&caller, Role::App).await;
    assert_eq!(sign_in(&app, &id, "p3@x.test").await, "not-invited");
    // A seat that an invitation gives back is another's.
    let invited = of("invited")[0]["invitation"]["id"].as_str().unwrap();
    let withdraw = format!("{path}/{invited}/withdraw");
    send(&admin, "POST", &withdraw, None).await.expect(200);
    assert_eq!(sign_in(&app, &id, "p3@x.test").await, "grant");
    names_starter(&invite(&[without]).await, "seats");
}

async fn sign_in(app: &Client, tenant: &str, email: &str) -> String {
    let path = format!("/tenants/{tenant}/sign-ins");
    let body = json!({"email": email});
    let answer = send(app, "POST", &path, Some(body)).await.expect(200);
    answer.body["answer"].as_str().unwrap().to_owned()
}

#[actix_web::test]
async fn a_deleted_tenant_sends_nothing_and_its_links_open_nothing() {
    let scene = Scene::start().await;
    let (id, caller) = scene.tenant(json!({"name": "acme"})).await;
    let okta = scene
        .app
        .source_of(&caller, Preset::Okta, JoinerPolicy::List)
        .await;
    let admin = scene.app.role(&caller, Role::TenantAdmin).await;
    let person = okta.create_user("ann@x.test").await.id();
    let path = format!("/tenants/{id}/invitations");
    let service = &scene.app.service;
    let by_app = json!({"people": [person], "delivery": "app"});
    let made = send(&admin, "POST", &path, Some(by_app)).await.expect(200);
    let link = made.body["results"][0]["link"].as_str().unwrap().to_owned();
    let token = link.rsplit('/').next().unwrap();
    let second = okta.create_user("bea@x.test").await.id();
    let by_mail = json!({"people": [second]});
    send(&admin, "POST", &path, Some(by_mail)).await.expect(200);
    let due = async || service.list_due_outgoing("mail", 10).await.unwrap();
    let mail = due().await.pop().expect("a mail is due");
    scene
        .send("DELETE", &format!("/tenants/{id}"), None)
        .await
        .expect(200);
    assert_eq!(due().await, []);
    // A sender that had found the mail before does not get it either.
    let claimed = service.claim_outgoing(&mail, "test").await.unwrap();
    assert!(claimed.is_none());
    // Nor does the operator's own token let anybody in, or change anything.
    let sign_in = json!({"email": "ann@x.test"});
    for (method, end, body) in [
        ("POST", "sign-ins", Some(sign_in)),
        ("GET", "access?email=ann@x.test", None),
        ("POST", "invitations", Some(json!({"people": [person]}))),
    ] {
        let answer = scene
            .send(method, &format!("/tenants/{id}/{end}"), body)
            .await;
        refused(&answer, 409, "not-now");
    }
    let opened = service.open_invitation(token).await.unwrap();
    assert_eq!(opened, rosterd::service::invitations::Opened::Gone);
    let accepted = service.accept_invitation(token, "test").await.unwrap();
    assert!(matches!(
        accepted,
        rosterd::service::invitations::Accepted::Gone
    ));
    // Reminders and ends of invitations, of which both are overdue by then, wait for a restore.
    let before = scene.stored(&id).await;
    scene.days_later(20);
    service.tick_invitations().await.unwrap();
    service.raise_by_time().await.unwrap();
    service.tick_teams().await.unwrap();
    assert_eq!(scene.stored(&id).await, before);
    let restore = format!("/tenants/{id}/restore");
    scene.send("POST", &restore, None).await.expect(200);
    assert_eq!(due().await.len(), 1);
    service.tick_invitations().await.unwrap();
    assert_ne!(scene.stored(&id).await, before);
}
