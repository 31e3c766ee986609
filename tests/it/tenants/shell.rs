//! The same at the shell.

use serde_json::{Value, json};

use crate::support::Database;
use crate::support::process::{command, run, said};

#[test]
fn a_tenant_is_planned_exported_deleted_and_restored_at_the_shell() {
    let (database, files) = (Database::migrated(), tempfile::tempdir().unwrap());
    let run = |args: &[&str]| run(command(&database, files.path(), "127.0.0.1:0"), args);
    let read = |args: &[&str]| -> Value {
        let output = run(args);
        assert!(output.status.success(), "{args:?}: {}", said(&output));
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", said(&output)))
    };
    let create = ["--json", "tenant", "create", "acme", "--account-id", "a1"];
    let made = read(&create);
    assert_eq!(read(&create), made, "the same again is the same tenant");
    let planned = read(&[
        "--json",
        "tenant",
        "entitlements",
        "acme",
        "--plan",
        "Team",
        "--seats",
        "5",
        "--push",
        "no",
    ]);
    assert_eq!(
        planned["plan"],
        json!({"name": "Team", "hris": null, "push": false, "teamSync": true, "seats": 5})
    );
    assert_eq!(planned["features"]["seats"]["included"], 5);
    let read_again = read(&["--json", "tenant", "entitlements", "acme"]);
    assert_eq!(read_again["effectiveAt"], planned["effectiveAt"]);
    let free = read(&["--json", "tenant", "entitlements", "acme", "--everything"]);
    assert_eq!(
        (&free["plan"], &free["effectiveAt"]),
        (&Value::Null, &Value::Null)
    );
    let wrong = run(&[
        "tenant",
        "entitlements",
        "acme",
        "--plan",
        "Team",
        "--seats",
        "some",
    ]);
    assert!(
        !wrong.status.success() && said(&wrong).contains("--seats"),
        "{}",
        said(&wrong)
    );
    let exported = run(&["tenant", "export", "acme"]);
    let text = String::from_utf8(exported.stdout).unwrap();
    let kinds: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["kind"].clone())
        .collect();
    assert_eq!(
        (kinds.first(), kinds.last()),
        (Some(&json!("export")), Some(&json!("end")))
    );
    // Nobody sits there to be asked.
    let unsure = run(&["tenant", "delete", "acme"]);
    assert!(
        !unsure.status.success() && said(&unsure).contains("--yes"),
        "{}",
        said(&unsure)
    );
    let deleted = read(&[
        "--json",
        "tenant",
        "delete",
        "acme",
        "--grace-days",
        "7",
        "--yes",
    ]);
    assert_eq!(deleted["state"], "deleted");
    let back = read(&["--json", "tenant", "restore", "acme"]);
    assert_eq!(
        (&back["state"], &back["deleteAt"]),
        (&json!("active"), &Value::Null)
    );
    let none = run(&["--json", "tenant", "deletions"]);
    assert!(
        none.status.success() && none.stdout.is_empty(),
        "{}",
        said(&none)
    );
}
