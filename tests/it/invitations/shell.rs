//! Invitations at the shell.

use serde_json::{Value, json};

use crate::support::process::{command, run, said};
use crate::support::{Database, lines};

#[test]
fn people_are_invited_sent_another_link_and_taken_back_at_the_shell() {
    let database = Database::fresh();
    let files = tempfile::tempdir().unwrap();
    let ask = |args: &[&str]| run(command(&database, files.path(), "127.0.0.1:0"), args);
    let rows = |args: &[&str]| -> Vec<Value> {
        let output = ask(&[&["--json"], args].concat());
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let parse = |line: &str| {
            serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {}", said(&output)))
        };
        text.lines().map(parse).collect()
    };
    assert!(ask(&["tenant", "create", "default"]).status.success());
    let users = files.path().join("users.ndjson");
    let all = [
        json!({"appUserId": "u-1", "email": "ann@x.test", "hasAccess": false}),
        json!({"appUserId": "u-2", "hasAccess": false}),
    ];
    std::fs::write(&users, all.map(|u| format!("{u}\n")).concat()).unwrap();
    let loaded = ask(&["app-users", "import", users.to_str().unwrap()]);
    assert!(loaded.status.success(), "{}", said(&loaded));
    let people = lines(
        &mut database.connect(),
        "SELECT user_id AS line FROM claims WHERE connection_id = 'app' ORDER BY external_id",
    );
    let [ann, bo] = &people[..] else {
        panic!("{people:?}");
    };
    let declared = files.path().join("attributes.json");
    let declaration = json!({"roles": [{"value": "editor", "label": {"en": "Editor"}}],
        "fields": [{"name": "desk", "label": {"en": "Desk"}, "type": "integer"}]});
    std::fs::write(&declared, declaration.to_string()).unwrap();
    let done = ask(&["invitations", "declare", declared.to_str().unwrap()]);
    assert!(done.status.success(), "{}", said(&done));
    assert_eq!(
        rows(&["invitations", "attributes"])[0]["roles"][0]["value"],
        "editor"
    );
    let refused = ask(&["invitations", "send", ann, "--role", "owner"]);
    assert!(
        !refused.status.success() && said(&refused).contains("owner"),
        "{}",
        said(&refused)
    );
    let send = [
        "invitations",
        "send",
        ann,
        bo,
        "nobody",
        "--role",
        "editor",
        "--field",
        "desk=7",
        "--links",
        "--in-spite",
    ];
    assert_eq!(ask(&send).status.code(), Some(1));
    let sent = rows(&send);
    let words: Vec<&str> = sent.iter().map(|r| r["result"].as_str().unwrap()).collect();
    assert_eq!(words, ["already-invited", "no-address", "no-such-person"]);
    let id = sent[0]["invitation"]["id"].as_str().unwrap();
    assert_eq!(
        sent[0]["invitation"]["given"],
        json!({"roles": ["editor"], "fields": {"desk": 7}})
    );
    let resent = rows(&["invitations", "resend", id]);
    assert!(
        resent[0]["link"].as_str().unwrap().contains("/invite/"),
        "{resent:?}"
    );
    let listed = ask(&["invitations", "list", "--state", "pending"]);
    assert!(said(&listed).contains("ann@x.test"), "{}", said(&listed));
    assert_eq!(
        rows(&["invitations", "withdraw", id])[0]["state"],
        "withdrawn"
    );
    assert_eq!(
        rows(&["invitations", "list", "--state", "pending"]).len(),
        0
    );
    let again = ask(&["invitations", "list", "--state", "lost"]);
    assert!(!again.status.success());
    let missing = ask(&["invitations", "withdraw", "none"]);
    assert!(!missing.status.success());
}
