//! The same at the shell.

use rosterd::scim::rules::Preset;
use serde_json::Value;

use super::world::{Way, World};
use crate::support::process::{command, run, said};

#[actix_web::test]
async fn parked_losses_sessions_and_admins_at_the_shell() {
    let w = World::of(40, Preset::Okta).await;
    w.unassign(Way::OktaOin, 0..10).await;
    let files = tempfile::tempdir().unwrap();
    let ask = |args: &[&str]| {
        let command = command(&w.firm.app.database, files.path(), "127.0.0.1:0");
        let output = run(command, &[args, &["--json"]].concat());
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let rows: Vec<Value> = text
            .lines()
            .filter_map(|l| serde_json::from_str(l).ok())
            .collect();
        (output.status.success(), rows, said(&output))
    };
    let (_, parked, told) = ask(&["parked", "list", "--state", "waiting"]);
    assert_eq!(parked.len(), 5, "{told}");
    assert_eq!(parked[0]["reason"], "deactivated-by-source");
    let (is_ok, _, told) = ask(&["parked", "drop", "--person", &w.ids[9]]);
    assert!(is_ok, "{told}");
    let (is_ok, rows, told) = ask(&["parked", "release", "--connection", &w.connection]);
    assert!(is_ok && rows[0]["people"] == 4, "{told}");
    assert!(!ask(&["parked", "release"]).0, "nothing waits any more");
    assert_eq!(w.inside(), 31);
    let (is_ok, _, told) = ask(&["connection", "set", &w.connection, "--max-leavers", "7"]);
    assert!(is_ok, "{told}");
    let (_, shown, told) = ask(&["connection", "show", &w.connection]);
    assert_eq!(shown[0]["guard"]["maxLeavers"], 7, "{told}");
    let (_, sessions, told) = ask(&["sessions", "list"]);
    assert_eq!(sessions.len(), 2, "{told}");
    let id = sessions[0]["id"].as_str().unwrap();
    let (_, shown, told) = ask(&["sessions", "show", id]);
    assert_eq!(shown.len(), 1 + 10, "{told}");
    let (is_ok, rows, told) = ask(&["sessions", "undo", id, "--dry-run"]);
    assert!(is_ok && rows.len() == 11, "{told}");
    assert_eq!(w.inside(), 31);
    assert!(!ask(&["sessions", "undo", id]).0, "nobody can answer");
    let (is_ok, _, told) = ask(&["sessions", "undo", id, "--yes"]);
    assert!(is_ok, "{told}");
    // The five who were within the limit, and not those whom the admin released.
    assert_eq!(w.inside(), 36);
    let (is_ok, _, told) = ask(&["person", "break-glass", "p020@x.test"]);
    assert!(is_ok, "{told}");
    assert!(!ask(&["person", "break-glass", "p020@x.test", "--unset"]).0);
    let (is_ok, rows, told) = ask(&["person", "revoke-now", "p020@x.test", "p021@x.test"]);
    assert!(
        is_ok && rows[0]["refused"].is_string() && rows[1]["access"] == "revoked",
        "{told}"
    );
    assert_eq!(w.inside(), 35);
    w.is_proved().await;
}
