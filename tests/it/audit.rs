//! The journal: queried as SCIM, verified entry by entry.

use rosterd::domain::roles::Role;
use rosterd::scim::rules::Preset;
use serde_json::json;

use crate::support::{TestApp, execute};

#[actix_web::test]
async fn an_auditor_asks_in_scim() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let auditor = app.role(&app.tenant, Role::Auditor).await;
    let id = okta.create_user("ann@x.test").await.id();
    okta.patch(
        &format!("/Users/{id}"),
        json!([{"op": "replace", "value": {"active": false, "title": "Boss"}}]),
    )
    .await
    .expect(200);
    let about = auditor
        .filter("/AuditEvents", &format!("subject.id eq \"{id}\""))
        .await
        .expect(200);
    let actions: Vec<&str> = about
        .resources()
        .iter()
        .map(|r| r["action"].as_str().unwrap())
        .collect();
    assert_eq!(
        actions,
        [
            "user.created",
            "access.granted",
            "user.updated",
            "access.revoked"
        ]
    );
    let updated = &about.resources()[2];
    assert_eq!(updated["actor"]["kind"], json!("token"));
    assert_eq!(updated["cause"]["kind"], json!("session"));
    let changes = updated["changes"].as_array().unwrap();
    assert!(
        changes.contains(&json!({"path": "title", "after": "\"Boss\""})),
        "{changes:?}"
    );
    assert!(
        changes.contains(&json!({"path": "active", "before": "true", "after": "false"})),
        "{changes:?}"
    );
    let one = auditor
        .get(&format!("/AuditEvents/{}", updated["id"].as_str().unwrap()))
        .await
        .expect(200);
    assert_eq!(&one.body, updated);
    for (filter, want) in [
        (
            "action eq \"access.revoked\" and time gt \"2020-01-01T00:00:00Z\"",
            1,
        ),
        ("changes[path eq \"title\"]", 1),
        ("changes[path eq \"title\" and after co \"Boss\"]", 1),
        ("changes.after co \"nobody\"", 0),
        ("reason eq \"deactivated-by-source\"", 1),
        (
            "object.kind eq \"connection\" and subject.kind eq \"user\"",
            2,
        ),
        ("sequence le 1", 1),
        ("time lt \"2020-01-01T00:00:00Z\"", 0),
    ] {
        assert_eq!(
            auditor
                .filter("/AuditEvents", filter)
                .await
                .expect(200)
                .total(),
            want,
            "{filter}"
        );
    }
    let newest = auditor
        .get("/AuditEvents?sortBy=time&sortOrder=descending&count=1&attributes=action")
        .await
        .expect(200);
    assert_eq!(newest.resources()[0]["action"], json!("access.revoked"));
    assert!(newest.resources()[0].get("changes").is_none());
    okta.get("/AuditEvents").await.expect(403);
}

/// Damage, the codes that name it, and the entry where it must be found.
type Case = (&'static str, &'static str, &'static [&'static str], i64);

#[actix_web::test]
async fn verification_names_the_place_of_every_kind_of_damage() {
    let cases: [Case; 12] = [
        (
            "flipped action",
            "UPDATE journal SET action = 'user.deleted' WHERE sequence = 5 AND tenant = '{t}'",
            &["altered"],
            5,
        ),
        (
            "flipped time",
            "UPDATE journal SET at = at + 1 WHERE sequence = 5 AND tenant = '{t}'",
            &["altered"],
            5,
        ),
        (
            "flipped hash",
            "UPDATE journal SET hash = '00' WHERE sequence = 5 AND tenant = '{t}'",
            &["altered"],
            5,
        ),
        (
            "flipped value",
            "UPDATE journal_values SET value = '\"x\"' WHERE sequence = 5 AND ordinal = 1 AND tenant = '{t}'",
            &["value-altered"],
            5,
        ),
        (
            "dropped value",
            "DELETE FROM journal_values WHERE sequence = 5 AND ordinal = 1 AND tenant = '{t}'",
            &["value-missing"],
            5,
        ),
        (
            "an epoch that nothing began",
            "UPDATE journal SET epoch = 2 WHERE sequence = 5 AND tenant = '{t}'",
            &["altered", "epoch"],
            5,
        ),
        (
            "dropped entry",
            "DELETE FROM journal WHERE sequence = 5 AND tenant = '{t}'",
            &["missing"],
            5,
        ),
        (
            "inserted entry",
            "INSERT INTO journal SELECT tenant, 99, epoch, at, actor_kind, actor_id, cause_kind, cause_id, action, subject_kind, subject_id, object_kind, object_id, reason, changes, hash FROM journal WHERE sequence = 5 AND tenant = '{t}'",
            &["missing", "altered", "tail-extra"],
            99,
        ),
        (
            "reordered",
            "UPDATE journal SET sequence = -5 WHERE sequence = 5 AND tenant = '{t}'; UPDATE journal SET sequence = 5 WHERE sequence = 6 AND tenant = '{t}'; UPDATE journal SET sequence = 6 WHERE sequence = -5 AND tenant = '{t}'",
            &["altered"],
            5,
        ),
        (
            "cut tail",
            "DELETE FROM journal_values WHERE sequence > 6 AND tenant = '{t}'; DELETE FROM journal WHERE sequence > 6 AND tenant = '{t}'",
            &["tail-missing"],
            7,
        ),
        (
            "cut tail with the head",
            "DELETE FROM journal_values WHERE sequence > 6 AND tenant = '{t}'; DELETE FROM journal WHERE sequence > 6 AND tenant = '{t}'; DELETE FROM heads WHERE tenant = '{t}'",
            &["head-missing"],
            7,
        ),
        (
            "value under another subject",
            "UPDATE journal_values SET subject = 'x' WHERE sequence = 5 AND ordinal = 1 AND tenant = '{t}'",
            &["value-moved"],
            5,
        ),
    ];
    for (name, damage, codes, place) in cases {
        let app = TestApp::start().await;
        let okta = app.source(Preset::Okta).await;
        for i in 0..4 {
            okta.create_user(&format!("p{i}@x.test")).await;
        }
        assert_eq!(app.verify().await.faults, [], "{name}: before");
        execute(
            &mut app.database.connect(),
            &damage.replace("{t}", app.tenant.tenant.as_str()),
        );
        let faults = app.verify().await.faults;
        for code in codes {
            assert!(
                faults.iter().any(|f| f.code == *code),
                "{name}: {code} in {faults:?}"
            );
        }
        assert!(
            faults.iter().any(|f| f.sequence == place),
            "{name}: place {place} in {faults:?}"
        );
    }
}

#[actix_web::test]
async fn values_that_an_erasure_removed_are_no_fault() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let id = okta.create_user("ann@x.test").await.id();
    let (erased, meta) = (id.clone(), app.tenant.clone());
    let written = app.service.store.write(
        rosterd::storage::JobMeta {
            tenant: meta.tenant,
            lane: rosterd::storage::Lane::Interactive,
            actor: meta.actor,
            cause: meta.cause,
        },
        move |tx| {
            tx.record(rosterd::domain::audit::Entry::new(
                "person.erased",
                "user",
                erased.clone(),
            ));
            Ok::<_, rosterd::storage::Error>(rosterd::storage::Outcome::Done(()))
        },
    );
    written.await.unwrap();
    execute(
        &mut app.database.connect(),
        &format!("DELETE FROM journal_values WHERE subject = '{id}'"),
    );
    let done = app.verify().await;
    assert_eq!(done.faults, []);
    assert!(done.erased > 3);
    // Naming her as the other party of somebody's entry excuses nothing.
    execute(
        &mut app.database.connect(),
        "UPDATE journal SET object_id = subject_id, subject_id = 'x' WHERE action = 'person.erased'",
    );
    let faults = app.verify().await.faults;
    assert!(faults.iter().any(|f| f.code == "value-missing"));
}

#[actix_web::test]
async fn a_server_that_goes_on_writing_is_no_fault() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let writers: Vec<_> = (0..4)
        .map(|w| {
            let okta = okta.clone();
            actix_web::rt::spawn(async move {
                for i in 0..60 {
                    okta.create_user(&format!("w{w}-{i}@x.test")).await;
                }
            })
        })
        .collect();
    let mut seen = Vec::new();
    while writers.iter().any(|w| !w.is_finished()) {
        let done = app.verify().await;
        assert_eq!(done.faults, []);
        seen.push(done.entries);
    }
    assert!(seen.len() > 3 && seen.first() < seen.last(), "{seen:?}");
}

#[actix_web::test]
async fn another_program_can_check_an_export() {
    use crate::support::process::command;
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let ann = okta.create_user("ann@x.test").await.id();
    okta.patch(
        &format!("/Users/{ann}"),
        json!([{"op": "replace", "value": {"active": false, "title": "Ünïcode \"quoted\""}}]),
    )
    .await
    .expect(200);
    let files = tempfile::tempdir().unwrap();
    let export = command(&app.database, files.path(), "127.0.0.1:0")
        .args(["audit", "export"])
        .stdout(std::process::Stdio::piped())
        .output();
    let export = String::from_utf8(export.unwrap().stdout).unwrap();
    let check = |text: &str| {
        let file = files.path().join("export");
        std::fs::write(&file, text).unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/check_journal.py");
        let checked = std::process::Command::new("python3")
            .arg(script)
            .stdin(std::fs::File::open(&file).unwrap())
            .output()
            .unwrap();
        (
            checked.status.success(),
            String::from_utf8(checked.stdout).unwrap(),
        )
    };
    let (holds, said) = check(&export);
    assert!(holds && said.contains("the chain holds"), "{said}");
    assert!(!said.contains(", 0 values opened"), "{said}");
    let third = export.lines().nth(2).unwrap();
    for damaged in [
        export.replace("user.created", "user.updated"),
        export.replace("ann@x.test", "bob@x.test"),
        export.replace(&format!("{third}\n"), ""),
    ] {
        assert!(damaged != export && !check(&damaged).0);
    }
}

// checklist: 27, 48, 172
#[actix_web::test]
async fn no_secret_and_no_password_is_stored_anywhere() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let (_, secret) = app.token(&app.tenant, Role::App, None).await;
    let mut body = crate::support::person("ann@x.test");
    body["password"] = json!("hunter2-hunter2");
    okta.post("/Users", body).await.expect(201);
    let dump = crate::support::dump(&app.database);
    assert!(dump.contains("ann@x.test"));
    for secret in ["hunter2", secret.as_str()] {
        assert!(!dump.contains(secret));
    }
}
