//! From the outbox to a mail server: what arrives, what is tried again, what is given up, what is never sent twice.

use rosterd::domain::language::Language;
use rosterd::scim::rules::Preset;
use rosterd::service::mail::{CLAIM, Sent, cancel, read_message_id};
use serde_json::json;

use super::reader::read;
use super::server::{Fault, Server, Setup, secured};
use super::*;

async fn person(app: &TestApp) -> String {
    let okta = app.source(Preset::Okta).await;
    let body = json!({
        "schemas": [crate::support::USER], "userName": "ann@x.test", "displayName": "Ann Lee", "active": true,
        "emails": [{"value": "ann@x.test", "type": "work", "primary": true}],
    });
    okta.post("/Users", body).await.expect(201).id()
}

#[actix_web::test]
async fn a_mail_arrives_with_both_parts_and_the_right_headers() {
    let app = TestApp::start().await;
    let server = Server::start();
    let person = person(&app).await;
    let id = put(&app, invitation(&person, "ann@x.test", Language::En)).await;
    assert_eq!(secrets(&app), 1, "the link's token rests sealed");
    let mailer = mailer(&app, smtp(&server.url(), None), "a");
    assert_eq!(mailer.tick().await.unwrap(), 1);
    assert_eq!(mailer.tick().await.unwrap(), 0, "once");
    let taken = server.taken();
    assert_eq!(taken.len(), 1);
    assert_eq!(
        (taken[0].from.as_str(), taken[0].to.as_str()),
        ("no-reply@acme.example", "ann@x.test")
    );
    let mail = read(&taken[0].data);
    assert_eq!(mail.header("from"), "Acme <no-reply@acme.example>");
    assert_eq!(mail.header("to"), "ann@x.test");
    assert_eq!(mail.header("subject"), "Bo Admin invites you to the app");
    assert_eq!(mail.header("auto-submitted"), "auto-generated");
    assert_eq!(mail.header("mime-version"), "1.0");
    assert!(mail.header("date").ends_with("+0000"), "{mail:?}");
    let (tenant, mail_id) = read_message_id(mail.header("message-id")).unwrap();
    assert_eq!((tenant, mail_id), (app.tenant.tenant.clone(), id.clone()));
    let link = "https://rosterd.example/invite/t0ken-of-the-link";
    for part in [&mail.text, &mail.html] {
        for wanted in [
            "Hello Ann Lee,",
            "Bo Admin invites you",
            link,
            "Welcome!",
            "See you",
            "14 December 2026",
        ] {
            assert!(part.contains(wanted), "{wanted}: {part}");
        }
        assert!(!part.contains("Rosterd"), "its name is not wanted: {part}");
    }
    // A line with a dot alone does not end the mail.
    assert!(mail.text.contains("> .\n"), "{}", mail.text);
    let row = stored(&app, &id).await;
    assert_eq!(
        (row.state.as_str(), row.delivery.as_str()),
        ("sent", "unknown")
    );
    assert!(row.sent_at.is_some() && row.next_at.is_none());
    assert_eq!(secrets(&app), 0, "the token is wiped once it is sent");
}

#[actix_web::test]
async fn french_is_written_in_french() {
    let app = TestApp::start().await;
    let server = Server::start();
    let person = person(&app).await;
    put(&app, invitation(&person, "ann@x.test", Language::Fr)).await;
    mailer(&app, smtp(&server.url(), None), "a")
        .tick()
        .await
        .unwrap();
    let mail = read(&server.taken()[0].data);
    assert_eq!(
        mail.header("subject"),
        "Bo Admin vous invite à utiliser l’application"
    );
    assert_eq!(mail.header("content-language"), "fr");
    assert!(mail.text.contains("Bonjour Ann Lee,") && mail.text.contains("14 décembre 2026"));
    assert!(mail.html.contains("<html lang=\"fr\">"));
}

#[actix_web::test]
async fn what_a_server_puts_off_is_tried_again_and_what_it_refuses_is_not() {
    let clock = Hand::new();
    let app = TestApp::start_with(clock.clone()).await;
    let server = Server::start();
    let mailer = mailer(&app, smtp(&server.url(), None), "a");
    let id = put(&app, invitation("p", "ann@x.test", Language::En)).await;
    // The server's own trouble, also where it calls it permanent, is not the address's fault.
    for fault in [
        Fault::Greeting("554 5.3.2 no service"),
        Fault::Mail("550 5.7.1 sender refused"),
        Fault::Rcpt("450 4.7.1 greylisted <ann@x.test>"),
        Fault::Message("451 4.3.0 later"),
        Fault::Cut,
    ] {
        server.fail(&[fault]);
        assert_eq!(mailer.tick().await.unwrap(), 1, "{fault:?}");
        let row = stored(&app, &id).await;
        assert_eq!(row.state, "queued", "{fault:?} {row:?}");
        assert!(!row.error.unwrap().contains("ann"), "{fault:?}");
        assert_eq!(mailer.tick().await.unwrap(), 0, "not at once");
        clock.wait(61);
    }
    assert_eq!(mailer.tick().await.unwrap(), 1);
    let row = stored(&app, &id).await;
    assert_eq!((row.state.as_str(), row.attempts), ("sent", 6));
    assert_eq!(server.taken().len(), 1);

    let id = put(&app, invitation("q", "nobody@x.test", Language::En)).await;
    server.fail(&[Fault::Rcpt("550 5.1.1 <nobody@x.test> is nobody here")]);
    mailer.tick().await.unwrap();
    let row = stored(&app, &id).await;
    let error: serde_json::Value = serde_json::from_str(row.error.as_deref().unwrap()).unwrap();
    assert_eq!(row.state, "failed");
    assert_eq!(
        error,
        json!({"code": "refused", "step": "rcpt", "status": "550", "enhanced": "5.1.1"})
    );
    clock.wait(600);
    assert_eq!(mailer.tick().await.unwrap(), 0, "refused for good");
    // An admin tries it again, and its link still opens.
    app.service.retry_outgoing(&app.tenant, &id).await.unwrap();
    mailer.tick().await.unwrap();
    assert_eq!(stored(&app, &id).await.state, "sent");
    assert_eq!(server.taken().len(), 2);
}

#[actix_web::test]
async fn after_a_day_nobody_tries_any_more_and_an_admin_is_told() {
    let clock = Hand::new();
    let app = TestApp::start_with(clock.clone()).await;
    let id = put(&app, invitation("p", "ann@x.test", Language::En)).await;
    // Nobody listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let mailer = mailer(&app, smtp(&format!("smtp://127.0.0.1:{port}"), None), "a");
    let mut tries = 0;
    for _ in 0..40 {
        tries += mailer.tick().await.unwrap();
        clock.wait(60);
    }
    let row = stored(&app, &id).await;
    assert_eq!(row.state, "failed");
    assert!((24..30).contains(&tries), "{tries}");
    let notices = app
        .service
        .list_notices(&app.tenant.tenant, None, None, 9)
        .await
        .unwrap();
    assert_eq!(notices.len(), 1);
    assert_eq!(notices[0].row.code, "invitation-failed");
    assert_eq!(notices[0].row.subject, "invitation-of-p");
    assert_eq!(notices[0].params["why"], "unreachable");
}

#[actix_web::test]
async fn a_crash_between_sending_and_noting_it_sends_the_same_message_id_again() {
    let clock = Hand::new();
    let app = TestApp::start_with(clock.clone()).await;
    let server = Server::start();
    let id = put(&app, invitation("p", "ann@x.test", Language::En)).await;
    let (first, second) = (
        mailer(&app, smtp(&server.url(), None), "a"),
        mailer(&app, smtp(&server.url(), None), "b"),
    );
    // The server took it, and nobody heard so: to the sender it looks like a failure.
    server.fail(&[Fault::TakenAndCut]);
    first.tick().await.unwrap();
    assert_eq!(stored(&app, &id).await.state, "queued");
    clock.wait(2);
    // A process takes it and dies.
    let due = app.service.list_due_outgoing("mail", 9).await.unwrap();
    let claimed = app
        .service
        .claim_outgoing(&due[0], "dead")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(claimed.row.state, "sending");
    assert_eq!(second.tick().await.unwrap(), 0, "its claim holds");
    clock.wait(CLAIM / 60_000 + 1);
    assert_eq!(second.tick().await.unwrap(), 1);
    // The dead one comes back: what it says counts no more.
    let late = Sent::Refused(json!({"code": "late"}));
    app.service.end_outgoing(&claimed.row, late).await.unwrap();
    assert_eq!(stored(&app, &id).await.state, "sent");
    let ids: Vec<String> = server
        .taken()
        .iter()
        .map(|taken| read(&taken.data).header("message-id").to_owned())
        .collect();
    assert_eq!(ids.len(), 2, "at least once");
    assert_eq!(ids[0], ids[1], "by which a duplicate is recognised");
}

#[actix_web::test]
async fn two_workers_send_each_mail_once() {
    let app = TestApp::start().await;
    let server = Server::start();
    for n in 0..30 {
        put(
            &app,
            invitation(&format!("p{n}"), &format!("p{n}@x.test"), Language::En),
        )
        .await;
    }
    let workers = ["a", "b", "c"].map(|name| mailer(&app, smtp(&server.url(), None), name));
    let each = workers.iter().map(|worker| async move {
        let mut sent = 0;
        for _ in 0..4 {
            sent += worker.tick().await.unwrap();
        }
        sent
    });
    let sent: usize = futures_util::future::join_all(each).await.into_iter().sum();
    let mut to: Vec<String> = server.taken().into_iter().map(|taken| taken.to).collect();
    to.sort();
    to.dedup();
    assert_eq!((sent, to.len(), server.taken().len()), (30, 30, 30));
}

#[actix_web::test]
async fn a_server_that_says_nothing_does_not_hold_others_up_forever() {
    let app = TestApp::start().await;
    let server = Server::start();
    server.fail(&[Fault::Hang]);
    let id = put(&app, invitation("p", "ann@x.test", Language::En)).await;
    let mailer = mailer(&app, smtp(&server.url(), None), "a");
    let tick = tokio::time::timeout(std::time::Duration::from_secs(2), mailer.tick()).await;
    assert!(tick.is_err(), "it waits");
    // Cut off like a killed process: the claim stays, the mail is not lost.
    let row = stored(&app, &id).await;
    assert_eq!(row.state, "sending");
    assert!(row.next_at.is_some());
}

#[actix_web::test]
async fn starttls_and_a_login_are_demanded_and_a_stranger_is_not_trusted() {
    let app = TestApp::start().await;
    let issued = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let files = tempfile::tempdir().unwrap();
    let ca = files.path().join("ca.pem");
    std::fs::write(&ca, issued.cert.pem()).unwrap();
    let server = Server::start_as(Setup {
        tls: Some(secured(&issued)),
        login: Some(("me@acme.example", "p:w@rd")),
    });
    let url = |login: &str| format!("smtp://{login}127.0.0.1:{}?tls=required", server.port);
    let login = "me%40acme.example:p%3Aw%40rd@";
    let error = async |url: &str, ca: Option<&Path>| {
        let id = put(&app, invitation("p", "ann@x.test", Language::En)).await;
        mailer(&app, smtp(url, ca), "a").tick().await.unwrap();
        let row = stored(&app, &id).await;
        let error = row.error.clone().unwrap_or_default();
        assert!(!error.contains("p:w@rd"), "{error}");
        write(&app, &app.tenant, move |tx| cancel(tx, &id)).await;
        (row.state, error)
    };
    let (state, why) = error(&url(login), None).await;
    assert!(
        state == "queued" && why.contains("starttls"),
        "an unknown certificate: {why}"
    );
    let (state, why) = error(&url("me%40acme.example:wrong@"), Some(&ca)).await;
    assert!(state == "queued" && why.contains("535"), "{why}");
    let (state, why) = error(&url(""), Some(&ca)).await;
    assert!(state == "queued" && why.contains("530"), "{why}");
    let plain = Server::start();
    let demanded = format!("smtp://127.0.0.1:{}?tls=required", plain.port);
    let (state, _) = error(&demanded, Some(&ca)).await;
    assert_eq!(
        (state.as_str(), plain.taken().len()),
        ("queued", 0),
        "nothing goes in the open"
    );
    let (state, _) = error(&url(login), Some(&ca)).await;
    assert_eq!(state, "sent");
    let taken = server.taken();
    assert_eq!(taken.len(), 1);
    assert!(taken[0].is_secured);
    assert_eq!(taken[0].user.as_deref(), Some("me@acme.example"));
}

#[actix_web::test]
async fn without_a_server_mails_become_files_and_are_sent_when_there_is_one() {
    let app = TestApp::start().await;
    let files = tempfile::tempdir().unwrap();
    let folder = files.path().join("outbox");
    let id = put(&app, invitation("p", "ann@x.test", Language::En)).await;
    filer(&app, &folder).tick().await.unwrap();
    let name = folder.join(format!("{id}.eml"));
    let mail = read(&std::fs::read_to_string(&name).unwrap());
    assert_eq!(mail.header("to"), "ann@x.test");
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&name)), (0o700, 0o600));
    assert_eq!(stored(&app, &id).await.state, "filed");
    let server = Server::start();
    let mailer = mailer(&app, smtp(&server.url(), None), "a");
    assert_eq!(mailer.tick().await.unwrap(), 0, "nobody asked");
    app.service.retry_outgoing(&app.tenant, &id).await.unwrap();
    mailer.tick().await.unwrap();
    assert_eq!(stored(&app, &id).await.state, "sent");
    let sent = read(&server.taken()[0].data);
    assert_eq!(sent.text, mail.text, "the same letter with the same link");
}

#[actix_web::test]
async fn a_withdrawn_mail_is_not_sent_and_a_pause_stops_all() {
    let app = TestApp::start().await;
    let server = Server::start();
    let mailer = mailer(&app, smtp(&server.url(), None), "a");
    let id = put(&app, invitation("p", "ann@x.test", Language::En)).await;
    let gone = id.clone();
    write(&app, &app.tenant, move |tx| cancel(tx, &gone)).await;
    assert_eq!(mailer.tick().await.unwrap(), 0);
    assert_eq!(
        (stored(&app, &id).await.state.as_str(), secrets(&app)),
        ("canceled", 0)
    );
    let operator = Caller::operator(
        rosterd::domain::ids::TenantId::new(rosterd::domain::ids::OPERATOR_TENANT),
        "test",
    );
    app.service
        .pause_outgoing(&operator, Some("paused"))
        .await
        .unwrap();
    let id = put(&app, invitation("q", "bo@x.test", Language::En)).await;
    assert_eq!(mailer.tick().await.unwrap(), 0);
    app.service.pause_outgoing(&operator, None).await.unwrap();
    assert_eq!(mailer.tick().await.unwrap(), 1);
    assert_eq!(stored(&app, &id).await.state, "sent");
}

#[actix_web::test]
async fn with_a_person_everything_about_her_goes() {
    let app = TestApp::start().await;
    put(&app, invitation("p", "ann@x.test", Language::En)).await;
    put(&app, invitation("q", "ann@x.test", Language::En)).await;
    let stays = put(&app, invitation("r", "bo@x.test", Language::En)).await;
    let gone = write(&app, &app.tenant, |tx| {
        Ok(tx.delete_outgoing_of("p", &["ann@x.test".to_owned()], 500)?)
    })
    .await;
    assert_eq!((gone, secrets(&app)), (2, 1));
    assert_eq!(stored(&app, &stays).await.recipient, "bo@x.test");
}
