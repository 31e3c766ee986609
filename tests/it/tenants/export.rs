//! All of a tenant as lines of JSON: complete, and without a secret.

use std::collections::{BTreeMap, BTreeSet};

use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::audit::sha256_hex;
use rosterd::domain::pull::PullSettings;
use rosterd::domain::roles::Role;
use rosterd::domain::sealed::SecretText;
use rosterd::scim::rules::Preset;
use rosterd::service::connections::NewPull;
use rosterd::service::export::{EXPORTED, KEPT_BACK};
use serde_json::{Value, json};

use super::{Scene, refused, send};

#[actix_web::test]
async fn an_export_is_complete_and_holds_no_secret() {
    let scene = Scene::start().await;
    let (id, caller) = scene
        .tenant(json!({"accountId": "a1", "name": "acme"}))
        .await;
    let (_, neighbour) = scene.tenant(json!({"name": "other"})).await;
    scene.fill(&caller, 450).await;
    scene.fill(&neighbour, 20).await;
    let scim = scene
        .app
        .source_of(&caller, Preset::Okta, JoinerPolicy::Grant)
        .await;
    scim.create_user("zoe@x.test").await;
    let new = NewPull {
        label: "HR".to_owned(),
        connector: "personio".to_owned(),
        policy: JoinerPolicy::List,
        settings: PullSettings::default(),
        secrets: vec![(
            "client_secret".to_owned(),
            SecretText::new("open-sesame-4711"),
        )],
    };
    scene
        .app
        .service
        .create_pull_connection(&caller, new)
        .await
        .unwrap();
    let admin = scene.app.role(&caller, Role::TenantAdmin).await;
    let path = format!("/tenants/{id}/export");
    let answer = send(&admin, "GET", &path, None).await.expect(200);
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    let lines: Vec<Value> = answer
        .text
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    // The first and the last line frame it.
    let (first, last) = (&lines[0], lines.last().unwrap());
    assert_eq!(
        (&first["kind"], &first["values"]["accountId"]),
        (&json!("export"), &json!("a1"))
    );
    assert_eq!(
        (&last["kind"], &last["lines"]),
        (&json!("end"), &json!(lines.len() - 1))
    );
    let hashed = answer
        .text
        .trim_end()
        .rsplit_once('\n')
        .unwrap()
        .0
        .to_owned()
        + "\n";
    assert_eq!(last["sha256"], sha256_hex(hashed.as_bytes()));
    // Every row of every table that is exported is there.
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for line in &lines[1..lines.len() - 1] {
        *found
            .entry(line["kind"].as_str().unwrap().to_owned())
            .or_default() += 1;
    }
    let names: BTreeSet<&str> = EXPORTED
        .iter()
        .map(|(name, _)| *name)
        .chain(["journal"])
        .collect();
    let rows = scene.rows(&id).await;
    for (table, rows) in rows
        .iter()
        .filter(|(table, _)| names.contains(table.as_str()))
    {
        // A use of the admin's token may have been noted meanwhile, which is no row.
        assert_eq!(
            found.get(table).copied().unwrap_or_default(),
            rows.len(),
            "{table}"
        );
    }
    assert_eq!(found["users"], 451);
    assert_eq!(found["memberships"], 440);
    let zoe = lines
        .iter()
        .find(|l| l["kind"] == "users" && l["values"]["userName"] == "zoe@x.test")
        .unwrap();
    assert_eq!(
        zoe["values"]["doc"]["displayName"], "Display zoe@x.test",
        "documents are documents"
    );
    let ids: BTreeSet<&str> = lines
        .iter()
        .filter(|l| l["kind"] == "users")
        .filter_map(|l| l["values"]["id"].as_str())
        .collect();
    assert_eq!(ids.len(), 451, "nobody twice");
    // Nothing secret, and nothing of anybody else.
    for token in [scim.token(), admin.token()] {
        assert!(
            !answer.text.contains(token) && !answer.text.contains(&sha256_hex(token.as_bytes()))
        );
    }
    assert!(!answer.text.contains("open-sesame") && !answer.text.contains("sealed"));
    assert!(!answer.text.contains(neighbour.tenant.as_str()));
    // The journal can be checked by itself: gap-free, and every entry with its commitments.
    let journal: Vec<&Value> = lines
        .iter()
        .filter(|l| l["kind"] == "journal")
        .map(|l| &l["values"])
        .collect();
    for (at, entry) in journal.iter().enumerate() {
        assert_eq!(entry["sequence"], json!(at + 1));
    }
    assert_eq!(journal.last().unwrap()["hash"], last["journal"]["hash"]);
    // Who may: an admin of the tenant and the operator, also while it is deleted.
    let app = scene.app.role(&caller, Role::App).await;
    refused(&send(&app, "GET", &path, None).await, 403, "forbidden");
    scene
        .send("DELETE", &format!("/tenants/{id}"), None)
        .await
        .expect(200);
    let whole = scene.send("GET", &path, None).await.expect(200);
    assert!(
        whole
            .text
            .trim_end()
            .lines()
            .last()
            .unwrap()
            .contains("\"kind\":\"end\"")
    );
}

#[actix_web::test]
async fn every_table_is_exported_or_kept_back_on_purpose() {
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
    for table in &tables {
        let exported = EXPORTED.iter().find(|(name, _)| *name == table.name);
        let is_kept = KEPT_BACK.contains(&table.name.as_str());
        assert!(
            exported.is_some() != is_kept,
            "{}: name it in one list of service/export.rs",
            table.name
        );
        let columns: BTreeSet<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
        let Some((_, without)) = exported else {
            continue;
        };
        assert!(
            without.iter().all(|column| columns.contains(column)),
            "{}",
            table.name
        );
        for secret in ["sealed", "hash", "salt", "token", "secret", "ticket"] {
            let leaks = columns.contains(secret) && !without.contains(&secret);
            assert!(!leaks, "{}.{secret} is exported", table.name);
        }
    }
}
