//! Deleting a tenant: refused at once, kept for a while, gone whole, and proved.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::audit::{canonical, sha256_hex};
use rosterd::domain::pull::PullSettings;
use rosterd::domain::roles::Role;
use rosterd::scim::rules::Preset;
use rosterd::service::connections::NewPull;
use serde_json::{Value, json};

use super::{Scene, plan, refused, send};
use crate::support::{columns, dump, lines};

#[actix_web::test]
async fn a_deleted_tenant_is_refused_at_once_rests_and_comes_back_whole() {
    let scene = Scene::start().await;
    let (id, caller) = scene
        .tenant(json!({"accountId": "a1", "name": "acme"}))
        .await;
    let scim = scene
        .app
        .source_of(&caller, Preset::Okta, JoinerPolicy::Grant)
        .await;
    let api = scene.app.role(&caller, Role::TenantAdmin).await;
    scim.create_user("ann@x.test").await;
    let new = NewPull {
        label: "HR".to_owned(),
        connector: "personio".to_owned(),
        policy: JoinerPolicy::List,
        settings: PullSettings::default(),
        secrets: Vec::new(),
    };
    scene
        .app
        .service
        .create_pull_connection(&caller, new)
        .await
        .unwrap();
    let path = format!("/tenants/{id}");
    let seen = async || {
        scene.app.state.forget_invalidated().await;
        let api = send(&api, "GET", &path, None).await.status;
        let service = &scene.app.service;
        let late = scene.app.service.store.clock().now().plus_days(2);
        let due = service.list_due_schedules(late, 10).await.unwrap().len();
        let days = service.list_schedules(None, 10).await.unwrap().len();
        (scim.get("/Users").await.status, api, due, days)
    };
    assert_eq!(seen().await, (200, 200, 1, 1));
    let rows = scene.rows(&id).await;
    let deleted = scene.send("DELETE", &path, None).await.expect(200).body;
    assert_eq!(
        (&deleted["state"], &deleted["deleteAt"]),
        (&json!("deleted"), &json!("2026-07-15T12:00:00.000Z"))
    );
    assert_eq!(seen().await, (401, 401, 0, 0));
    // Again is the same; other days count from now on.
    scene.days_later(1);
    let again = scene.send("DELETE", &path, None).await.expect(200).body;
    assert_eq!(again, deleted);
    let sooner = scene
        .send("DELETE", &format!("{path}?graceDays=3"), None)
        .await
        .expect(200);
    assert_eq!(sooner.body["deleteAt"], "2026-06-19T12:00:00.000Z");
    // Sign-up finds it as it is; nothing else changes it.
    let body = json!({"accountId": "a1", "name": "acme"});
    let found = scene.send("POST", "/tenants", Some(body)).await.expect(200);
    assert_eq!(
        (found.id(), &found.body["state"]),
        (id.clone(), &json!("deleted"))
    );
    let change = scene
        .send("PATCH", &path, Some(json!({"state": "active"})))
        .await;
    refused(&change, 409, "not-now");
    assert_eq!(scene.app.service.delete_due_tenants().await.unwrap(), 0);
    let back = scene
        .send("POST", &format!("{path}/restore"), None)
        .await
        .expect(200);
    assert_eq!(
        (&back.body["state"], &back.body["deleteAt"]),
        (&json!("active"), &Value::Null)
    );
    assert_eq!(seen().await, (200, 200, 1, 1));
    let kept: Vec<_> = scene.rows(&id).await;
    let without_use = |rows: Vec<(String, Vec<Vec<Value>>)>| -> Vec<_> {
        rows.into_iter()
            .filter(|(table, _)| table != "credentials")
            .collect()
    };
    assert_eq!(without_use(kept), without_use(rows));
    // One that was suspended is so again.
    scene
        .send("PATCH", &path, Some(json!({"state": "suspended"})))
        .await
        .expect(200);
    scene.send("DELETE", &path, None).await.expect(200);
    let back = scene
        .send("POST", &format!("{path}/restore"), None)
        .await
        .expect(200);
    assert_eq!(back.body["state"], "suspended");
    for (path, status, code) in [
        (format!("{path}?graceDays=366"), 400, "invalid-value"),
        (format!("{path}?graceDays=-1"), 400, "invalid-value"),
        (format!("{path}?graceDays=soon"), 400, "invalid-value"),
        ("/tenants/operator".to_owned(), 403, "forbidden"),
    ] {
        refused(&scene.send("DELETE", &path, None).await, status, code);
    }
    scene.verify_operator().await;
}

/// Rows of a tenant by table, as the receipt counts them.
fn tally(rows: &[(String, Vec<Vec<Value>>)]) -> BTreeMap<String, u64> {
    let some = rows.iter().filter(|(_, rows)| !rows.is_empty());
    some.map(|(table, rows)| (table.clone(), rows.len() as u64))
        .collect()
}

#[actix_web::test]
async fn a_tenant_of_two_thousand_goes_whole_and_another_stays_byte_for_byte() {
    let scene = Scene::start().await;
    let (id, caller) = scene
        .tenant(json!({"accountId": "a1", "name": "acme", "entitlements": plan("Team", json!({}))}))
        .await;
    let (other, neighbour) = scene
        .tenant(json!({"accountId": "a2", "name": "other"}))
        .await;
    scene.fill(&caller, 2_000).await;
    scene.fill(&neighbour, 60).await;
    let scim = scene
        .app
        .source_of(&caller, Preset::Okta, JoinerPolicy::Grant)
        .await;
    scim.create_user("zoe@x.test").await;
    let before = scene.rows(&id).await;
    let untouched = scene.rows(&other).await;
    let head = scene
        .app
        .service
        .store
        .read(&caller.tenant, |scope| scope.find_head());
    let head = head
        .await
        .map_err(|e: rosterd::storage::Error| e.to_string())
        .unwrap()
        .unwrap();
    let path = format!("/tenants/{id}?graceDays=0");
    scene.send("DELETE", &path, None).await.expect(200);
    assert_eq!(scene.app.service.delete_due_tenants().await.unwrap(), 1);
    assert_eq!(scene.app.service.delete_due_tenants().await.unwrap(), 0);
    assert_eq!(scene.count(&id).await, 0);
    assert_eq!(scene.rows(&other).await, untouched);
    scene
        .send("GET", &format!("/tenants/{id}"), None)
        .await
        .expect(404);
    scene.app.state.forget_invalidated().await;
    scim.get("/Users").await.expect(401);
    let stored = dump(&scene.app.database);
    assert!(!stored.contains("zoe@x.test") && !stored.contains(&format!("u7@{id}.test")));
    // The proof.
    let told = scene
        .send("GET", &format!("/deleted-tenants/{id}"), None)
        .await
        .expect(200)
        .body;
    assert_eq!(
        told["rows"],
        json!(tally(&before)),
        "every row is counted once"
    );
    let mut receipt = told["receipt"].clone();
    assert_eq!(
        receipt["journal"],
        json!({"epoch": head.epoch, "sequence": head.sequence, "hash": head.hash})
    );
    assert_eq!(
        (&receipt["tenant"], &receipt["accountId"]),
        (&json!(id), &json!("a1"))
    );
    let hash = receipt.as_object_mut().unwrap().remove("hash").unwrap();
    let bytes = format!("rosterd-deletion-1{}", canonical(&receipt));
    assert_eq!(hash, sha256_hex(bytes.as_bytes()));
    let listed = scene
        .send("GET", "/deleted-tenants", None)
        .await
        .expect(200)
        .body;
    assert_eq!(listed["items"], json!([told]));
    let sql = "SELECT v.value AS line FROM journal j JOIN journal_values v ON v.tenant = j.tenant AND v.sequence = j.sequence \
               WHERE j.action = 'tenant.erased'";
    let entry = lines(&mut scene.app.database.connect(), sql);
    assert_eq!(entry, [canonical(&told["receipt"])]);
    scene.verify_operator().await;
    // Account and name are free again.
    let again = scene
        .send(
            "POST",
            "/tenants",
            Some(json!({"accountId": "a1", "name": "acme"})),
        )
        .await;
    assert_ne!(again.expect(201).id(), id);
    refused(
        &scene
            .send("GET", &format!("/deleted-tenants/{other}"), None)
            .await,
        404,
        "not-found",
    );
}

#[actix_web::test]
async fn a_deletion_that_is_cut_off_is_gone_on_with_and_counts_right() {
    let scene = Scene::start().await;
    let (id, caller) = scene.tenant(json!({"name": "acme"})).await;
    scene.fill(&caller, 700).await;
    let admin = scene.app.role(&caller, Role::TenantAdmin).await;
    let (before, all) = (scene.rows(&id).await, scene.count(&id).await);
    scene
        .send("DELETE", &format!("/tenants/{id}?graceDays=0"), None)
        .await
        .expect(200);
    // The process dies in the middle, again and again.
    let (mut cuts, mut milliseconds) = (0, 2);
    loop {
        let work = scene.app.service.delete_due_tenants();
        match tokio::time::timeout(Duration::from_millis(milliseconds), work).await {
            Ok(done) => {
                done.unwrap();
                break;
            }
            Err(_) => {
                cuts += 1;
                milliseconds += 2;
                let left = scene.count(&id).await;
                if left > 0 && left < all {
                    // What is on its way out is seen and changed by nobody, and nothing brings it back.
                    for (method, end) in [("GET", ""), ("POST", "/restore"), ("GET", "/export")] {
                        let path = format!("/tenants/{id}{end}");
                        scene.send(method, &path, None).await.expect(404);
                    }
                    scene
                        .app
                        .service
                        .create_connection(
                            &caller,
                            rosterd::service::connections::NewConnection {
                                label: "late".to_owned(),
                                preset: Preset::Okta,
                                policy: JoinerPolicy::Grant,
                            },
                        )
                        .await
                        .unwrap_err();
                    scene.app.state.forget_invalidated().await;
                    send(&admin, "GET", "/tenants/acme", None).await.expect(401);
                }
            }
        }
    }
    assert!(cuts > 0, "it was never cut off");
    assert_eq!(scene.count(&id).await, 0);
    let told = scene
        .send("GET", &format!("/deleted-tenants/{id}"), None)
        .await
        .expect(200)
        .body;
    assert_eq!(told["receipt"]["rows"], json!(tally(&before)));
    scene.verify_operator().await;
}

#[actix_web::test]
async fn no_table_is_forgotten() {
    let scene = Scene::start().await;
    let tables = scene
        .app
        .service
        .store
        .read(&scene.app.tenant.tenant, |scope| scope.list_tables());
    let tables = tables
        .await
        .map_err(|e: rosterd::storage::Error| e.to_string())
        .unwrap();
    let deleted: BTreeSet<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    let stored = columns(&mut scene.app.database.connect());
    // Of these, rows belong to no tenant; the tenant's own row in the first goes last.
    let global = [
        "tenants",
        "leases",
        "schema_floor",
        "__diesel_schema_migrations",
    ];
    for (table, columns) in &stored {
        let is_tenants = columns.contains("tenant");
        assert_eq!(deleted.contains(table.as_str()), is_tenants, "{table}");
        assert!(
            is_tenants || global.contains(&table.as_str()),
            "whose are the rows of {table}?"
        );
    }
    // These have no more than one row a tenant.
    let of_one_row = ["heads", "invite_attributes", "recomputes", "team_syncs"];
    assert_eq!(tables.last().map(|t| t.name.as_str()), Some("heads"));
    assert!(
        tables
            .iter()
            .all(|t| !t.key.is_empty() || of_one_row.contains(&t.name.as_str()))
    );
}
