//! What a plan includes, and what becomes of it when it gets smaller: day 0, 29, 30, and back.

use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::clock::{Clock, Millis};
use rosterd::domain::employment::EmploymentState;
use rosterd::domain::roles::Role;
use rosterd::scim::rules::Preset;
use rosterd::service::Source;
use rosterd::service::connections::NewConnection;
use rosterd::service::entitlements::Plan;
use rosterd::service::pull::{Effect, Finding, Gone, Permit, PullPerson, PullSource};
use serde_json::{Value, json};

use super::{Scene, plan, refused, send};
use crate::support::{GROUP, execute, person};

#[actix_web::test]
async fn what_is_not_included_is_refused_with_the_plans_name_and_changes_nothing() {
    let scene = Scene::start().await;
    let small = plan("Starter", json!({"hris": 1, "push": false}));
    let (id, caller) = scene
        .tenant(json!({"name": "acme", "entitlements": small}))
        .await;
    let admin = scene.app.role(&caller, Role::TenantAdmin).await;
    let connections = format!("/tenants/{id}/connections");
    let entries = async || scene.stored(&id).await;
    let before = entries().await;
    let push = json!({"kind": "scim", "label": "Okta"});
    let answer = send(&admin, "POST", &connections, Some(push)).await;
    refused(&answer, 403, "not-entitled");
    assert!(
        answer.body["detail"]
            .as_str()
            .unwrap()
            .contains("`Starter`"),
        "{}",
        answer.text
    );
    assert_eq!(entries().await, before);
    let hr = |label: &str| Some(json!({"kind": "hris", "connector": "personio", "label": label}));
    let first = send(&admin, "POST", &connections, hr("one"))
        .await
        .expect(201);
    assert_eq!(
        first.body["entitlement"],
        json!({"state": "included", "plan": "Starter"})
    );
    refused(
        &send(&admin, "POST", &connections, hr("two")).await,
        403,
        "not-entitled",
    );
    // One that is paused gives its place to another, and waits until that is free again.
    let first = format!("{connections}/{}", first.id());
    send(&admin, "POST", &format!("{first}/pause"), None)
        .await
        .expect(200);
    let second = send(&admin, "POST", &connections, hr("two"))
        .await
        .expect(201);
    let resume = format!("{first}/resume");
    refused(
        &send(&admin, "POST", &resume, None).await,
        403,
        "not-entitled",
    );
    let second = format!("{connections}/{}/pause", second.id());
    send(&admin, "POST", &second, None).await.expect(200);
    send(&admin, "POST", &resume, None).await.expect(200);
    // A tenant's own admin reads the plan, and does not write it.
    let path = format!("/tenants/{id}/entitlements");
    send(&admin, "GET", &path, None).await.expect(200);
    refused(
        &send(&admin, "PUT", &path, Some(plan("Mine", json!({})))).await,
        403,
        "forbidden",
    );
    refused(
        &scene
            .send(
                "PUT",
                "/tenants/operator/entitlements",
                Some(plan("Own", json!({}))),
            )
            .await,
        403,
        "forbidden",
    );
}

#[actix_web::test]
async fn push_goes_on_for_thirty_days_then_only_leavers_are_let_through() {
    let scene = Scene::start().await;
    let scim = scene.app.source(Preset::Generic).await;
    let admin = scene.app.role(&scene.app.tenant, Role::TenantAdmin).await;
    let ann = scim.create_user("ann@x.test").await.id();
    let bea = scim.create_user("bea@x.test").await.id();
    let group = json!({"schemas": [GROUP], "displayName": "Staff", "members": [{"value": ann}]});
    let staff = scim.post("/Groups", group).await.expect(201).id();
    let set = async |but: Value| {
        let path = "/tenants/default/entitlements";
        let answer = scene.send("PUT", path, Some(plan("Small", but))).await;
        answer.expect(200).body
    };
    let stands = async || {
        let listed = send(&admin, "GET", "/tenants/default/connections", None)
            .await
            .expect(200);
        listed.body["items"][0]["entitlement"].clone()
    };
    let entitled = set(json!({"push": false})).await;
    assert_eq!(entitled["effectiveAt"], "2026-07-15T12:00:00.000Z");
    assert_eq!(
        stands().await,
        json!({"state": "ending", "plan": "Small", "effectiveAt": "2026-07-15T12:00:00.000Z"})
    );
    scene.days_later(29);
    scim.create_user("cleo@x.test").await;
    // The same plan again moves no day.
    assert_eq!(
        set(json!({"push": false})).await["effectiveAt"],
        "2026-07-15T12:00:00.000Z"
    );
    scene.days_later(1);
    assert_eq!(
        stands().await,
        json!({"state": "leavers-only", "plan": "Small"})
    );
    let title = json!([{"op": "replace", "path": "title", "value": "Boss"}]);
    let users = scim.get("/Users").await.expect(200);
    for answer in [
        scim.post("/Users", person("dora@x.test")).await,
        scim.patch(&format!("/Users/{ann}"), title.clone()).await,
        scim.put(&format!("/Users/{ann}"), person("ann@y.test"))
            .await,
        scim.patch(
            &format!("/Groups/{staff}"),
            json!([{"op": "replace", "path": "displayName", "value": "All"}]),
        )
        .await,
        scim.post(
            "/Groups",
            json!({"schemas": [GROUP], "displayName": "More"}),
        )
        .await,
        scim.delete(&format!("/Groups/{staff}")).await,
    ] {
        assert_eq!(answer.status, 403, "{}", answer.text);
        assert!(answer.text.contains("`Small`"), "{}", answer.text);
    }
    assert_eq!(
        scim.get("/Users").await.body,
        users.body,
        "nothing was changed"
    );
    // Who leaves goes.
    let leave = json!([{"op": "replace", "path": "active", "value": false}]);
    scim.patch(&format!("/Users/{ann}"), leave)
        .await
        .expect(200);
    scim.delete(&format!("/Users/{bea}")).await.expect(204);
    for id in [&ann, &bea] {
        let path = format!("/tenants/default/people/{id}");
        let answer = send(&admin, "GET", &path, None).await.expect(200);
        assert_eq!(answer.body["access"], "revoked", "{}", answer.text);
    }
    // Raised again, everything goes on at once.
    assert_eq!(set(json!({})).await["effectiveAt"], Value::Null);
    scim.create_user("dora@x.test").await;
    scim.patch(&format!("/Users/{ann}"), title)
        .await
        .expect(200);
    assert_eq!(
        stands().await,
        json!({"state": "included", "plan": "Small"})
    );
}

fn employee(id: &str, title: &str, employment: EmploymentState) -> PullPerson {
    let email = format!("{id}@x.test");
    let user = json!({"userName": email, "title": title, "emails": [{"value": email, "type": "work", "primary": true}]});
    PullPerson {
        source_id: id.to_owned(),
        user: user.as_object().unwrap().clone(),
        employment,
        start_date: None,
        end_date: None,
        digest: format!("{title}/{}", employment.as_str()),
        unsaid: Default::default(),
        former: Vec::new(),
    }
}

/// A pull source of the default tenant.
async fn hr(scene: &Scene, label: &str) -> PullSource {
    // One after the other: the older goes on where there is room for one.
    scene.clock.set(Millis(scene.clock.now().0 + 1_000));
    let new = NewConnection {
        label: label.to_owned(),
        preset: Preset::Generic,
        policy: JoinerPolicy::Grant,
    };
    let made = scene
        .app
        .service
        .create_connection(&scene.app.tenant, new)
        .await
        .unwrap();
    let id = made.as_str().to_owned();
    let sql = format!("UPDATE connections SET kind = 'hris', settings = '{{}}' WHERE id = '{id}'");
    execute(&mut scene.app.database.connect(), &sql);
    PullSource {
        source: Source {
            id,
            policy: JoinerPolicy::Grant,
        },
        also_by: None,
        zone: None,
    }
}

async fn pull(scene: &Scene, hr: &PullSource, person: PullPerson) -> Effect {
    let service = &scene.app.service;
    let plan = service
        .preview_people(&scene.app.tenant.tenant, hr, vec![person.clone()])
        .await
        .unwrap();
    let planned = plan.into_iter().next().unwrap().unwrap();
    let done = service
        .pull_person(&scene.app.tenant, hr, person, Permit::Full)
        .await
        .unwrap();
    assert_eq!(
        (planned.step, &planned.findings),
        (done.step, &done.findings),
        "a plan says what is done"
    );
    done
}

#[actix_web::test]
async fn a_pull_goes_on_for_thirty_days_then_only_leavers_leave() {
    let scene = Scene::start().await;
    let (one, two) = (hr(&scene, "one").await, hr(&scene, "two").await);
    let working = EmploymentState::Employed;
    let stands = |effect: &Effect| effect.after.as_ref().map(|s| s.access.as_str().to_owned());
    let title = async |id: &str| {
        let sql =
            format!("SELECT CAST(doc AS TEXT) AS line FROM users WHERE user_name = '{id}@x.test'");
        let doc = crate::support::lines(&mut scene.app.database.connect(), &sql);
        let doc: Value = serde_json::from_str(&doc[0]).unwrap();
        doc["title"].as_str().unwrap().to_owned()
    };
    for (source, id) in [(&one, "ann"), (&two, "bea"), (&two, "cleo"), (&two, "dora")] {
        let done = pull(&scene, source, employee(id, "Clerk", working)).await;
        assert_eq!(stands(&done).as_deref(), Some("granted"));
    }
    // Of two connections one is included: the older.
    let small = Plan {
        name: "Small".to_owned(),
        hris: Some(1),
        push: true,
        team_sync: true,
        seats: None,
    };
    scene
        .app
        .service
        .set_entitlements(&scene.app.tenant, Some(small.clone()))
        .await
        .unwrap();
    scene.days_later(29);
    pull(&scene, &two, employee("bea", "Boss", working)).await;
    assert_eq!(title("bea").await, "Boss");
    scene.days_later(1);
    let new = pull(&scene, &two, employee("eve", "Clerk", working)).await;
    assert_eq!(
        (new.user_id, new.findings),
        (None, vec![Finding::NotEntitled])
    );
    let changed = pull(&scene, &two, employee("bea", "Chief", working)).await;
    assert_eq!(
        (changed.is_change, changed.findings),
        (false, vec![Finding::NotEntitled])
    );
    assert_eq!(title("bea").await, "Boss");
    let left = pull(
        &scene,
        &two,
        employee("cleo", "Clerk", EmploymentState::Left),
    )
    .await;
    assert_eq!(stands(&left).as_deref(), Some("revoked"));
    let gone = scene
        .app
        .service
        .pull_gone(&scene.app.tenant, &two, "dora", Gone::Absent, Permit::Full)
        .await
        .unwrap();
    assert_eq!(stands(&gone).as_deref(), Some("revoked"));
    // The other goes on as ever.
    pull(&scene, &one, employee("ann", "Chief", working)).await;
    assert_eq!(title("ann").await, "Chief");
    // Raised again, the next run brings what was left out, the one who returned too.
    let large = Plan {
        hris: Some(2),
        ..small
    };
    scene
        .app
        .service
        .set_entitlements(&scene.app.tenant, Some(large))
        .await
        .unwrap();
    pull(&scene, &two, employee("bea", "Chief", working)).await;
    assert_eq!(title("bea").await, "Chief");
    let new = pull(&scene, &two, employee("eve", "Clerk", working)).await;
    assert_eq!(stands(&new).as_deref(), Some("granted"));
    assert_eq!(scene.app.verify().await.faults, []);
}
