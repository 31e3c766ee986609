//! The program's own settings as the operator asks for them: check-config, the sample, completions.

use std::process::{Command, Output, Stdio};

use rosterd::config::keys;
use serde_json::{Value, json};

fn rosterd() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rosterd"));
    // A file in the working directory would count.
    command.current_dir(std::env::temp_dir());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn said(output: &Output) -> String {
    text(&output.stdout) + &text(&output.stderr)
}

#[test]
fn check_config_says_what_holds_and_where_it_comes_from_and_nothing_secret() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("r.toml");
    std::fs::write(
        &file,
        "log = \"debug\"\nbody_limit = \"1MiB\"\npage_max = 50\npage_default = 20\n",
    )
    .unwrap();
    let mut check = rosterd();
    check
        .env("ROSTERD_DATABASE_URL", "postgres://me:hunter2@127.0.0.1/r")
        .env(
            "ROSTERD_SECRET_KEY",
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        )
        .env("ROSTERD_BOOTSTRAP_SCIM_TOKEN", "s3cret-s3cret-s3cret")
        .env("ROSTERD_PAGE_MAX", "60")
        .args([
            "check-config",
            "--json",
            "--listen",
            "127.0.0.1:1",
            "--config",
        ])
        .arg(&file);
    let output = check.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    for secret in ["hunter2", "s3cret", "AAAA"] {
        assert!(!said(&output).contains(secret), "{}", said(&output));
    }
    let rows: Vec<Value> = text(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows.len(), keys::KEYS.len());
    let of = |key: &str| {
        let row = rows.iter().find(|row| row["key"] == key).unwrap();
        (
            row["value"].clone(),
            row["origin"].as_str().unwrap().to_owned(),
        )
    };
    assert_eq!(of("listen"), (json!("127.0.0.1:1"), "--listen".to_owned()));
    assert_eq!(of("page_max"), (json!("60"), "ROSTERD_PAGE_MAX".to_owned()));
    assert_eq!(of("body_limit").0, json!("1MiB"));
    assert!(of("body_limit").1.contains("r.toml"));
    assert_eq!(of("write_queue"), (json!("1024"), "default".to_owned()));
    assert_eq!(of("secret_key").0, json!("(hidden)"));
    assert_eq!(
        of("database_url").0,
        json!("postgres://(hidden)@127.0.0.1/r")
    );
}

#[test]
fn a_wrong_configuration_is_refused_with_the_key_named() {
    for (key, value) in [
        ("BODY_LIMIT", "1"),
        ("HEADER_COUNT", "97"),
        ("CONNECTIONS", "0"),
        ("PAGE_DEFAULT", "2000"),
        ("FILTER_DEPTH", "65"),
        ("BODY_SECONDS", "soon"),
        ("REQUESTS_PER_MINUTE", "-1"),
    ] {
        let name = format!("ROSTERD_{key}");
        let output = rosterd()
            .arg("check-config")
            .env(&name, value)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{key}");
        assert!(text(&output.stderr).contains(&name), "{}", said(&output));
    }
}

#[test]
fn the_sample_and_the_completions_are_printed() {
    let sample = rosterd().args(["config", "sample"]).output().unwrap();
    assert_eq!(text(&sample.stdout), keys::sample());
    for shell in ["bash", "zsh", "fish"] {
        let output = rosterd().args(["completions", shell]).output().unwrap();
        let script = text(&output.stdout);
        assert!(output.status.success());
        assert!(
            script.contains("reinstate") && script.contains("check-config"),
            "{shell}"
        );
    }
    // Help of a command shows what it does, and the keys only when asked for all.
    let short = rosterd().args(["person", "revoke", "-h"]).output().unwrap();
    let long = rosterd()
        .args(["person", "revoke", "--help"])
        .output()
        .unwrap();
    assert!(!text(&short.stdout).contains("--header-count"));
    assert!(text(&long.stdout).contains("--header-count"));
}
