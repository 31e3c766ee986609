//! `rosterd runs undo` at the shell, and `kill -9` in the middle of it.

use std::process::{Command, Stdio};
use std::time::Duration;

use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::employment::EmploymentState;
use serde_json::Value;

use super::firm::{Hr, Record};
use crate::support::process::{command, said};
use crate::support::{execute, is_soak};

/// The key of the tests' services, in base64.
const KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
const PEOPLE: usize = 240;

fn undo(hr: &Hr, files: &std::path::Path, run: &str, more: &[&str]) -> Command {
    let mut command = command(&hr.w.app.database, files, "127.0.0.1:0");
    command
        .env("ROSTERD_SECRET_KEY", KEY)
        .args(["runs", "undo", "--tenant", "default", run])
        .args(more)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A firm whose last run changed, brought and let go people.
async fn moved() -> (Hr, String, impl Fn(&Hr) -> bool) {
    let hr = Hr::with(JoinerPolicy::Grant).await;
    for n in 0..PEOPLE {
        hr.put(&format!("{n}"), Record::of(&format!("p{n}@x.test")));
    }
    hr.pull().await;
    for n in 0..PEOPLE {
        match n % 3 {
            0 => hr.change(&format!("{n}"), |r| r.title = Some("Boss".to_owned())),
            1 => hr.put(&format!("new{n}"), Record::of(&format!("new{n}@x.test"))),
            _ if n % 2 == 0 => hr.change(&format!("{n}"), |r| r.state = EmploymentState::Left),
            _ => {}
        }
    }
    let before = (hr.people(), hr.links());
    let run = hr.pull().await;
    assert_eq!(run.state, "done");
    (hr, run.id, move |hr: &Hr| {
        (hr.people(), hr.links()) == before
    })
}

#[actix_web::test]
async fn a_killed_undo_is_gone_on_with() {
    let files = tempfile::tempdir().unwrap();
    for round in 0..if is_soak() { 30 } else { 2 } {
        let (hr, run, is_as_before) = moved().await;
        let mut child = undo(&hr, files.path(), &run, &["--yes"]).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(250 + round * 377 % 700));
        child.kill().unwrap();
        child.wait().unwrap();
        // The lease of a killed process is taken to have run out.
        execute(
            &mut hr.w.app.database.connect(),
            "UPDATE schedules SET lease_until = 0",
        );
        let done = undo(&hr, files.path(), &run, &["--yes"]).output().unwrap();
        assert!(done.status.success(), "{}", said(&done));
        assert!(is_as_before(&hr), "round {round}");
        let state = hr.rows("SELECT state AS line FROM runs WHERE state LIKE 'und%'");
        assert_eq!(state, ["undone"]);
        assert_eq!(hr.w.app.verify().await.faults, []);
    }
}

#[actix_web::test]
async fn the_shell_shows_what_it_would_undo_and_asks() {
    let files = tempfile::tempdir().unwrap();
    let (hr, run, is_as_before) = moved().await;
    let stood = (hr.people(), hr.links());
    let all = ["--dry-run", "--json", "--limit", "1000"];
    let look = undo(&hr, files.path(), &run, &all).output().unwrap();
    assert!(look.status.success(), "{}", said(&look));
    let rows: Vec<Value> = String::from_utf8_lossy(&look.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let sum = rows.last().unwrap();
    assert_eq!(sum["undone"], rows.len() - 1);
    assert_eq!(
        (&sum["kept"], &sum["getAccessBack"]),
        (&0.into(), &40.into())
    );
    let table = undo(&hr, files.path(), &run, &["--dry-run", "--limit", "1000"])
        .output()
        .unwrap();
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    assert!(table.contains("created   goes"), "{table}");
    assert!(table.contains("revoked -> granted"), "{table}");
    assert!(table.contains("  title"), "{table}");
    let unasked = undo(&hr, files.path(), &run, &[]).output().unwrap();
    assert!(!unasked.status.success());
    assert!(said(&unasked).contains("--yes"), "{}", said(&unasked));
    assert_eq!((hr.people(), hr.links()), stood, "nothing was done");
    let done = undo(&hr, files.path(), &run, &["--yes"]).output().unwrap();
    assert!(done.status.success(), "{}", said(&done));
    assert!(is_as_before(&hr));
}
