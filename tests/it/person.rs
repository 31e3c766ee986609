//! What a human decides about a person, and the commands with which the operator does so and looks (SEMANTICS §1, §3).

use std::process::Stdio;

use rosterd::domain::access::Access;
use serde_json::{Value, json};

use crate::sources::{World, user, world};
use crate::support::process::{Server, TOKEN, command};
use crate::support::{Client, Database, GROUP, lines, person};

async fn set_active(client: &Client, id: &str, active: bool) {
    let write = json!([{"op": "replace", "path": "active", "value": active}]);
    client
        .patch(&format!("/Users/{id}"), write)
        .await
        .expect(200);
}

fn actions(w: &World, id: &str) -> Vec<String> {
    lines(
        &mut w.app.database.connect(),
        &format!("SELECT action AS line FROM journal WHERE subject_id = '{id}' ORDER BY sequence"),
    )
}

#[actix_web::test]
async fn no_source_lifts_what_a_human_revoked_and_only_a_human_reinstates() {
    let w = world().await;
    let service = &w.app.service;
    let ann = user("ann", "ann@x.test", "");
    let id = w.okta.post("/Users", ann).await.expect(201).id();
    let done = service
        .revoke_person(&w.app.tenant, &id, Some("lost her laptop"))
        .await
        .unwrap();
    assert_eq!((done.access, done.is_changed), (Access::Revoked, true));
    let again = service.revoke_person(&w.app.tenant, &id, None).await;
    assert!(!again.unwrap().is_changed);
    // The source goes on reading what it wrote, and talks in vain.
    let read = w.okta.get(&format!("/Users/{id}")).await.expect(200);
    assert_eq!(read.body["active"], json!(true));
    for active in [false, true] {
        set_active(&w.okta, &id, active).await;
        assert_eq!(w.access(&id).await, "revoked/revoked-by-human");
    }
    let seen = w.reader.get(&format!("/Users/{id}")).await.expect(200);
    assert_eq!(seen.body["active"], json!(false));
    let notes = lines(
        &mut w.app.database.connect(),
        "SELECT value AS line FROM journal_values WHERE value LIKE '%laptop%'",
    );
    assert_eq!(notes, ["\"lost her laptop\""]);
    service
        .reinstate_person(&w.app.tenant, &id, None)
        .await
        .unwrap();
    assert_eq!(w.access(&id).await, "listed/reinstated");
    set_active(&w.okta, &id, false).await;
    set_active(&w.okta, &id, true).await;
    assert_eq!(w.access(&id).await, "granted/granted-by-policy");
    let nothing = service.reinstate_person(&w.app.tenant, &id, None).await;
    assert!(nothing.is_err());
    w.check().await;
}

#[actix_web::test]
async fn a_source_that_revoked_before_the_human_cannot_bring_her_back() {
    let w = world().await;
    let ann = user("ann", "ann@x.test", "");
    let id = w.okta.post("/Users", ann).await.expect(201).id();
    set_active(&w.okta, &id, false).await;
    let service = &w.app.service;
    service
        .revoke_person(&w.app.tenant, &id, None)
        .await
        .unwrap();
    set_active(&w.okta, &id, true).await;
    assert_eq!(w.access(&id).await, "revoked/revoked-by-human");
    assert_eq!(
        actions(&w, &id)[..3],
        ["user.created", "access.granted", "user.updated"]
    );
    assert!(actions(&w, &id).contains(&"access.reason_changed".to_owned()));
    w.check().await;
}

#[actix_web::test]
async fn somebody_listed_has_nothing_to_revoke_and_is_removed_instead() {
    let w = world().await;
    let lister = w.lister().await;
    let ann = user("ann", "ann@x.test", "");
    let id = lister.post("/Users", ann).await.expect(201).id();
    let service = &w.app.service;
    let refused = service.revoke_person(&w.app.tenant, &id, None).await;
    assert!(refused.unwrap_err().to_string().contains("remove"));
    let removed = service.remove_person(&w.app.tenant, &id, None).await;
    assert!(!removed.unwrap().is_tombstone);
    // Another source with the policy `grant` takes her over: listed all the same.
    w.okta
        .post("/Users", user("ann", "ann@x.test", ""))
        .await
        .expect(201);
    assert_eq!(w.access(&id).await, "listed/removed-by-human");
    w.check().await;
}

#[actix_web::test]
async fn a_removed_person_stays_listed_while_a_source_claims_her() {
    let w = world().await;
    let ann = user("ann", "ann@x.test", "");
    let id = w.okta.post("/Users", ann).await.expect(201).id();
    let service = &w.app.service;
    let removed = service
        .remove_person(&w.app.tenant, &id, None)
        .await
        .unwrap();
    assert_eq!(
        (removed.access, removed.is_tombstone),
        (Access::Listed, false)
    );
    let read = w.okta.get(&format!("/Users/{id}")).await.expect(200);
    assert_eq!(read.body["active"], json!(true));
    w.entra.get(&format!("/Users/{id}")).await.expect(404);
    w.reader.get(&format!("/Users/{id}")).await.expect(200);
    set_active(&w.okta, &id, false).await;
    set_active(&w.okta, &id, true).await;
    assert_eq!(w.access(&id).await, "listed/removed-by-human");
    w.check().await;
}

#[actix_web::test]
async fn a_person_whom_nobody_claims_is_removed_for_everybody_and_returns_listed() {
    let w = world().await;
    let ann = user("ann", "ann@x.test", "");
    let id = w.okta.post("/Users", ann.clone()).await.expect(201).id();
    let group = json!({"schemas": [GROUP], "displayName": "Sales", "members": [{"value": id}]});
    w.entra.post("/Groups", group).await.expect(201);
    w.okta.delete(&format!("/Users/{id}")).await.expect(204);
    let service = &w.app.service;
    let removed = service
        .remove_person(&w.app.tenant, &id, None)
        .await
        .unwrap();
    assert!(removed.is_tombstone);
    for client in [&w.okta, &w.entra, &w.reader] {
        client.get(&format!("/Users/{id}")).await.expect(404);
    }
    assert_eq!(actions(&w, &id).last().unwrap(), "user.deleted");
    let left = lines(
        &mut w.app.database.connect(),
        &format!("SELECT group_id AS line FROM memberships WHERE user_id = '{id}'"),
    );
    assert_eq!(left, [""; 0]);
    assert!(
        service
            .remove_person(&w.app.tenant, &id, None)
            .await
            .is_err()
    );
    w.check().await;
    // The same id, and no policy lets her in.
    let back = w.okta.post("/Users", ann).await.expect(201);
    assert_eq!(back.id(), id);
    assert_eq!(w.access(&id).await, "listed/removed-by-human");
    w.check().await;
}

#[actix_web::test]
async fn the_break_glass_admin_is_not_removed() {
    let w = world().await;
    let boss = user("boss", "boss@x.test", "");
    let id = w.okta.post("/Users", boss).await.expect(201).id();
    w.sql(&format!(
        "UPDATE users SET break_glass = true WHERE id = '{id}'"
    ));
    let refused = w.app.service.remove_person(&w.app.tenant, &id, None).await;
    assert!(refused.unwrap_err().to_string().contains("break-glass"));
    assert_eq!(w.access(&id).await, "granted/granted-by-policy");
}

/// Runs a command beside a server; its lines as JSON, or what it complained of.
fn run(database: &Database, args: &[&str]) -> Result<Vec<Value>, String> {
    let files = tempfile::tempdir().unwrap();
    let done = command(database, files.path(), "127.0.0.1:0")
        .args(args)
        .arg("--json")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    if !done.status.success() {
        return Err(String::from_utf8(done.stderr).unwrap());
    }
    let text = String::from_utf8(done.stdout).unwrap();
    Ok(text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect())
}

#[actix_web::test]
async fn the_operator_finds_and_revokes_people_at_the_shell_while_the_server_runs() {
    let database = Database::fresh();
    let files = tempfile::tempdir().unwrap();
    let server = Server::start(&database, files.path()).await;
    let client = Client::new(&server.base, TOKEN);
    let id = client.create_user("ann@x.test").await.id();
    let evil = person("\u{1b}[2J@x.test");
    client.post("/Users", evil).await.expect(201);
    for i in 0..5 {
        client.create_user(&format!("p{i}@x.test")).await;
    }
    let whole = |args: &[&str]| run(&database, &[&["person", "list"], args].concat()).unwrap();
    let page = |args: &[&str]| {
        let mut lines = whole(args);
        let last = lines.pop().unwrap();
        assert_eq!(last["itemsPerPage"], json!(lines.len()));
        lines
    };
    assert_eq!(page(&[]).len(), 7);
    assert_eq!(page(&["--count", "2", "--start-index", "6"]).len(), 2);
    let last = whole(&["--count", "2", "--start-index", "3"]).pop();
    let total = json!({"totalResults": 7, "startIndex": 3, "itemsPerPage": 2});
    assert_eq!(last, Some(total));
    assert_eq!(page(&["--filter", "userName sw \"p\""]).len(), 5);
    let both = ["--filter", "userName sw \"p\"", "--access", "revoked"];
    assert_eq!(page(&both).len(), 0);
    // The address finds her, whatever is going on.
    let revoked = run(
        &database,
        &["person", "revoke", "ANN@x.test", "--note", "left"],
    );
    assert_eq!(revoked.unwrap()[0]["access"], json!("revoked"));
    let seen = run(&database, &["person", "show", &id]).unwrap().remove(0);
    assert_eq!(seen["accessReason"]["code"], json!("revoked-by-human"));
    assert_eq!(seen["accessReason"]["parameters"]["note"], json!("left"));
    assert_eq!(seen["claims"][0]["active"], json!(true));
    assert_eq!(seen["journal"][0]["action"], json!("access.revoked"));
    assert_eq!(seen["journal"][0]["actor"]["kind"], json!("operator"));
    assert_eq!(
        page(&["--access", "revoked"])[0]["userName"],
        json!("ann@x.test")
    );
    let verified = run(&database, &["audit", "verify"]).unwrap();
    assert!(verified.iter().all(|t| t["faults"] == json!([])));
    // What cannot be done says what to do.
    for (args, hint) in [
        (&["person", "show", "nobody@x.test"][..], "person list"),
        (
            &["person", "show", "ann", "--tenant", "acme"],
            "tenant list",
        ),
        (&["person", "list", "--filter", "usrName eq"], "--filter"),
        (&["person", "list", "--access", "fired"], "revoked"),
        (&["token", "revoke", "none"], "token list"),
        (&["connection", "show", "none"], "connection list"),
        (
            &[
                "token",
                "create",
                "--role",
                "app",
                "--expires",
                "2020-01-01T00:00:00Z",
            ],
            "to come",
        ),
        (
            &[
                "token",
                "create",
                "--role",
                "connection",
                "--connection",
                "none",
            ],
            "connection list",
        ),
    ] {
        let said = run(&database, args).unwrap_err();
        assert!(said.contains(hint), "{args:?}: {said}");
    }
    // Names that others chose do not reach the terminal as they are.
    for args in [
        &["person", "list"][..],
        &["person", "show", "\u{1b}[2J@x.test"],
    ] {
        let plain = command(&database, files.path(), "127.0.0.1:0")
            .args(args)
            .stdout(Stdio::piped())
            .output()
            .unwrap();
        assert!(plain.status.success() && !plain.stdout.contains(&0x1b));
    }
}

#[actix_web::test]
async fn tenants_connections_and_tokens_are_made_shown_and_revoked_as_json() {
    let database = Database::fresh();
    let all = |args: &[&str]| run(&database, args).unwrap();
    let one = |args: &[&str]| all(args).remove(0);
    one(&["tenant", "create", "acme"]);
    let connection = one(&[
        "connection",
        "create",
        "--tenant",
        "acme",
        "--label",
        "Okta",
        "--preset",
        "okta",
    ]);
    let id = connection["id"].as_str().unwrap();
    let token = one(&[
        "token",
        "create",
        "--tenant",
        "acme",
        "--role",
        "connection",
        "--connection",
        id,
        "--label",
        "first",
        "--expires",
        "2999-01-01T00:00:00Z",
    ]);
    assert!(token["token"].as_str().unwrap().starts_with("rst_"));
    let shown = one(&["connection", "show", "--tenant", "acme", id]);
    assert_eq!(shown["tokens"][0]["state"], json!("valid"));
    assert!(!shown.to_string().contains(token["token"].as_str().unwrap()));
    one(&[
        "token",
        "revoke",
        "--tenant",
        "acme",
        token["id"].as_str().unwrap(),
    ]);
    let listed = one(&["token", "list", "--tenant", "acme"]);
    assert_eq!(listed["state"], json!("revoked"));
    assert_eq!(one(&["tenant", "show", "acme"])["journalEntries"], json!(3));
    assert_eq!(all(&["tenant", "list"]).len(), 2);
}

#[actix_web::test]
async fn a_tenant_that_is_renamed_keeps_all_but_its_name() {
    let database = Database::fresh();
    let one = |args: &[&str]| run(&database, args).unwrap().remove(0);
    let made = one(&["tenant", "create", "acme"]);
    one(&["tenant", "create", "other"]);
    let token = ["token", "create", "--tenant", "acme", "--role", "app"];
    let token = one(&token)["id"].clone();
    let renamed = one(&["tenant", "rename", "acme", "acme-2"]);
    assert_eq!(
        (&renamed["id"], &renamed["name"]),
        (&made["id"], &json!("acme-2"))
    );
    let again = one(&["tenant", "rename", made["id"].as_str().unwrap(), "acme-2"]);
    assert_eq!(again, renamed);
    assert_eq!(one(&["token", "list", "--tenant", "acme-2"])["id"], token);
    for (args, hint) in [
        (["acme", "x"], "tenant list"),
        (["acme-2", "other"], "taken"),
        (["acme-2", "Acme"], "a-z"),
        (["acme-2", ""], "a-z"),
        (["operator", "boss"], "keeps its name"),
    ] {
        let said = run(&database, &["tenant", "rename", args[0], args[1]]).unwrap_err();
        assert!(said.contains(hint), "{args:?}: {said}");
    }
    let entries = lines(
        &mut database.connect(),
        "SELECT value AS line FROM journal_values v JOIN journal j ON j.tenant = v.tenant AND j.sequence = v.sequence \
         WHERE j.action = 'tenant.updated' ORDER BY v.side, v.ordinal",
    );
    assert_eq!(entries.len(), 2, "{entries:?}");
    assert!(entries.contains(&"\"acme\"".to_owned()) && entries.contains(&"\"acme-2\"".to_owned()));
    let verified = run(&database, &["audit", "verify"]).unwrap();
    assert!(verified.iter().all(|t| t["faults"] == json!([])));
}
