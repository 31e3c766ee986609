//! The built binary: `serve` sends what waits, the shell shows it.

use std::time::Duration;

use serde_json::Value;

use super::reader::read;
use super::server::Server as MailServer;
use crate::support::process::{OPERATOR, Server, command, run, said};
use crate::support::{Client, Database};

fn json_lines(text: &str) -> Vec<Value> {
    text.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

#[actix_web::test]
async fn a_server_sends_notices_and_the_shell_shows_them() {
    let (database, files) = (Database::fresh(), tempfile::tempdir().unwrap());
    let mail = MailServer::start();
    let url = mail.url();
    let set = |listen: &str| {
        let mut command = command(&database, files.path(), listen);
        command
            .env("ROSTERD_SMTP_URL", &url)
            .env("ROSTERD_SMTP_FROM", "no-reply@acme.example")
            .env("ROSTERD_PUBLIC_URL", "https://rosterd.example");
        command
    };
    let server = Server::start_as(set).await;
    let shell = |args: &[&str]| {
        let output = run(set("127.0.0.1:0"), args);
        assert!(output.status.success(), "{args:?}: {}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    shell(&["notices", "recipients", "--to", "it@acme.example:fr"]);
    let client = Client::new(&server.base, OPERATOR);
    let body = serde_json::json!({"role": "tenant-admin", "label": "Bo"});
    let path = "/api/v1/tenants/default/tokens";
    let made = client
        .raw(
            "POST",
            path,
            "application/json",
            body.to_string().into_bytes(),
        )
        .await;
    made.expect(201);
    for _ in 0..200 {
        if !mail.taken().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let taken = mail.taken();
    assert_eq!(taken.len(), 1);
    let letter = read(&taken[0].data);
    assert_eq!(letter.header("content-language"), "fr");
    assert!(letter.text.contains("Bo"), "{}", letter.text);
    let listed = json_lines(&shell(&["--json", "notices", "list"]));
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["code"], "admin-added");
    let mails = json_lines(&shell(&["--json", "mail", "list"]));
    assert_eq!(
        (&mails[0]["state"], &mails[0]["code"]),
        (&"sent".into(), &"admin-added".into())
    );
    let page = shell(&["mail", "show", mails[0]["id"].as_str().unwrap()]);
    assert!(
        page.contains("it@acme.example") && page.contains("delivery   unknown"),
        "{page}"
    );
    assert!(shell(&["mail", "test"]).contains("takes our connection"));
    let brand = shell(&[
        "mail",
        "brand",
        "--tenant",
        "default",
        "--set",
        "product=Acme",
        "--set",
        "color=#000000",
    ]);
    assert!(brand.contains("product  Acme"), "{brand}");
    let refused = run(
        set("127.0.0.1:0"),
        &["mail", "brand", "--set", "logo=http://x"],
    );
    assert!(
        !refused.status.success() && said(&refused).contains("`logo`"),
        "{}",
        said(&refused)
    );
    let doctor = run(set("127.0.0.1:0"), &["doctor"]);
    assert!(
        said(&doctor).contains("the mail server takes our connection"),
        "{}",
        said(&doctor)
    );
    shell(&["mail", "pause"]);
    assert!(shell(&["mail", "resume", "--discard"]).contains("go on"));
    server.kill();
}

#[actix_web::test]
async fn a_restored_copy_sends_nothing_before_the_operator_says_so() {
    let (database, files) = (Database::sqlite(), tempfile::tempdir().unwrap());
    let server = Server::start(&database, files.path()).await;
    server.kill();
    let copy = files.path().join("copy");
    let copy = copy.to_str().unwrap();
    let made = run(
        command(&database, files.path(), "127.0.0.1:0"),
        &["backup", "--to", copy],
    );
    assert!(made.status.success(), "{}", said(&made));
    let other = Database::sqlite();
    let loaded = run(
        command(&other, files.path(), "127.0.0.1:0"),
        &["restore", "--from", copy],
    );
    assert!(loaded.status.success(), "{}", said(&loaded));
    let listed = run(
        command(&other, files.path(), "127.0.0.1:0"),
        &["mail", "list"],
    );
    assert!(
        said(&listed).contains("stopped (restored)") && said(&listed).contains("become files"),
        "{}",
        said(&listed)
    );
    let state = crate::support::lines(
        &mut other.connect(),
        "SELECT settings AS line FROM tenants WHERE name = 'operator'",
    );
    assert!(
        state[0].contains("\"outgoingPaused\":\"restored\""),
        "{state:?}"
    );
}
