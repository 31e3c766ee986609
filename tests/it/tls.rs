//! TLS by certificate files: who is served, what happens when the files change, what is refused.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};

use crate::support::process::{Server, command};
use crate::support::{Database, http_builder};

type Issued = CertifiedKey<KeyPair>;

fn issue() -> Issued {
    generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap()
}

/// Puts files in place as a careful program does: whole.
fn put(dir: &Path, name: &str, text: &str) {
    let draft = dir.join(format!("{name}.new"));
    std::fs::write(&draft, text).unwrap();
    std::fs::rename(draft, dir.join(name)).unwrap();
}

fn install(dir: &Path, issued: &Issued) {
    put(dir, "key.pem", &issued.signing_key.serialize_pem());
    put(dir, "cert.pem", &issued.cert.pem());
}

/// A client that trusts this certificate alone.
fn trusting(issued: &Issued, version: reqwest::tls::Version) -> reqwest::Client {
    let root = reqwest::Certificate::from_pem(issued.cert.pem().as_bytes()).unwrap();
    http_builder()
        .tls_certs_only([root])
        .min_tls_version(version)
        .max_tls_version(version)
        .build()
        .unwrap()
}

fn secured(database: &Database, files: &Path, listen: &str) -> std::process::Command {
    let mut command = command(database, files, listen);
    command
        .env("ROSTERD_TLS_CERTIFICATE_FILE", files.join("cert.pem"))
        .env("ROSTERD_TLS_KEY_FILE", files.join("key.pem"));
    command
}

async fn answers(client: &reqwest::Client, server: &Server) -> bool {
    let answer = client.get(format!("{}/healthz", server.base)).send().await;
    answer.is_ok_and(|a| a.status() == 200)
}

// checklist: 55
#[actix_web::test]
async fn a_new_certificate_is_taken_up_without_a_restart_and_a_broken_one_is_not() {
    use reqwest::tls::Version;
    let (database, files) = (Database::fresh(), tempfile::tempdir().unwrap());
    let (first, second) = (issue(), issue());
    install(files.path(), &first);
    let old = trusting(&first, Version::TLS_1_3);
    let log = files.path().join("log");
    let start = |listen: &str| {
        let mut command = secured(&database, files.path(), listen);
        command.stderr(std::fs::File::create(&log).unwrap());
        command
    };
    let server = Server::start_for(start, "https://localhost", &old).await;
    assert!(answers(&old, &server).await);
    assert!(answers(&trusting(&first, Version::TLS_1_2), &server).await);
    let new = || trusting(&second, Version::TLS_1_3);
    assert!(!answers(&new(), &server).await);
    // What is no certificate, and a key that belongs to another one, change nothing.
    let log_says = async |what: &str| {
        for _ in 0..100 {
            if std::fs::read_to_string(&log).unwrap().contains(what) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!(
            "{what} is not in {}",
            std::fs::read_to_string(&log).unwrap()
        );
    };
    put(
        files.path(),
        "cert.pem",
        "-----BEGIN CERTIFICATE-----\nAAAA",
    );
    log_says("cert.pem").await;
    put(files.path(), "cert.pem", &second.cert.pem());
    log_says("does not belong").await;
    assert!(answers(&trusting(&first, Version::TLS_1_3), &server).await);
    // The right key: new connections get the new certificate, the open one goes on.
    install(files.path(), &second);
    let hang_up = std::process::Command::new("kill")
        .args(["-HUP", &server.pid().to_string()])
        .status();
    assert!(hang_up.unwrap().success());
    for _ in 0..100 {
        if answers(&new(), &server).await {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(answers(&new(), &server).await);
    assert!(!answers(&trusting(&first, Version::TLS_1_3), &server).await);
    assert!(answers(&old, &server).await, "an open connection was cut");
    let said = std::fs::read_to_string(&log).unwrap();
    assert!(!said.contains("PRIVATE"), "{said}");
    // Whether it is well is asked over TLS too.
    let listen = server.base.replace("https://localhost", "127.0.0.1");
    let asked = secured(&database, files.path(), &listen)
        .arg("healthcheck")
        .stdout(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&asked.stdout), "ok\n");
}

#[actix_web::test]
async fn a_start_with_files_that_cannot_be_used_is_refused_with_the_file_named() {
    let (database, files) = (Database::fresh(), tempfile::tempdir().unwrap());
    let dir = files.path();
    let (one, other) = (issue(), issue());
    let cert = one.cert.pem();
    let key = one.signing_key.serialize_pem();
    let cases: [(&str, Option<&str>, Option<&str>, &str); 6] = [
        ("no certificate file", None, Some(&key), "cert.pem"),
        ("no key file", Some(&cert), None, "key.pem"),
        (
            "an empty certificate",
            Some(""),
            Some(&key),
            "cert.pem holds no certificate",
        ),
        (
            "a key for a certificate",
            Some(&key),
            Some(&key),
            "cert.pem holds no certificate",
        ),
        (
            "a certificate for a key",
            Some(&cert),
            Some(&cert),
            "key.pem holds no private key",
        ),
        (
            "another key",
            Some(&cert),
            Some(&other.signing_key.serialize_pem()),
            "does not belong",
        ),
    ];
    for (what, cert, key, hint) in cases {
        for (name, text) in [("cert.pem", cert), ("key.pem", key)] {
            let _ = std::fs::remove_file(dir.join(name));
            if let Some(text) = text {
                put(dir, name, text);
            }
        }
        for verb in ["serve", "check-config"] {
            let refused = secured(&database, dir, "127.0.0.1:0")
                .arg(verb)
                .stderr(Stdio::piped())
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&refused.stderr);
            assert_eq!(refused.status.code(), Some(1), "{what}: {said}");
            assert!(said.contains(hint), "{what}: {said}");
            assert!(!said.contains("BEGIN"), "{what}: {said}");
        }
    }
    let alone = command(&database, dir, "127.0.0.1:0")
        .env("ROSTERD_TLS_KEY_FILE", "key.pem")
        .arg("check-config")
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&alone.stderr);
    assert!(
        said.contains("ROSTERD_TLS_KEY_FILE needs `tls_certificate_file`"),
        "{said}"
    );
}

#[actix_web::test]
async fn who_falls_silent_in_the_middle_of_a_second_request_is_cut_off() {
    use std::io::{Read, Write};
    let (database, files) = (Database::fresh(), tempfile::tempdir().unwrap());
    let issued = issue();
    install(files.path(), &issued);
    let start = |listen: &str| {
        let mut command = secured(&database, files.path(), listen);
        command.env("ROSTERD_HEADER_SECONDS", "1");
        command.env("ROSTERD_KEEP_ALIVE_SECONDS", "1");
        command
    };
    let client = trusting(&issued, reqwest::tls::Version::TLS_1_3);
    let server = Server::start_for(start, "https://localhost", &client).await;
    let address = server.base.replace("https://localhost", "127.0.0.1");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(issued.cert.der().clone()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let talk = move || {
        let name = "localhost".try_into().unwrap();
        let session = rustls::ClientConnection::new(std::sync::Arc::new(config), name).unwrap();
        let socket = std::net::TcpStream::connect(address).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let mut stream = rustls::StreamOwned::new(session, socket);
        stream
            .write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\nHost")
            .unwrap();
        let mut said = Vec::new();
        // The end comes without a farewell.
        let ended = stream.read_to_end(&mut said);
        (
            String::from_utf8_lossy(&said).into_owned(),
            ended.map_err(|e| e.kind()),
        )
    };
    let (said, ended) = tokio::task::spawn_blocking(talk).await.unwrap();
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    assert_ne!(ended, Err(std::io::ErrorKind::WouldBlock), "still open");
}
