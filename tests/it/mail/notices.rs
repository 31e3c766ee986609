//! Notices: raised once, told as often as the table says, by mail and by webhook; mail events.

use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex};

use rosterd::domain::ids::{OPERATOR_TENANT, TenantId};
use rosterd::domain::roles::Role;
use rosterd::service::notices::{self, Raise, Recipient};
use serde_json::{Value, json};

use super::reader::read;
use super::server::Server;
use super::*;

fn operator() -> Caller {
    Caller::system(TenantId::new(OPERATOR_TENANT), "test")
}

async fn raise(app: &TestApp, code: &'static str, subject: &'static str, params: Value) {
    write(app, &app.tenant, move |tx| {
        let params = params.clone();
        let what = Raise {
            code,
            subject,
            person: None,
            params,
        };
        notices::raise(tx, &what)
    })
    .await;
}

async fn told(app: &TestApp) -> Vec<(String, String)> {
    let all = app
        .service
        .list_outgoing(&app.tenant.tenant, None, None, 1_000)
        .await
        .unwrap();
    let mut told: Vec<(String, String)> = all
        .into_iter()
        .map(|row| (row.code, row.recipient))
        .collect();
    told.sort();
    told
}

async fn recipients(app: &TestApp) {
    let all = vec![
        Recipient {
            address: "it@acme.example".to_owned(),
            language: Language::En,
        },
        Recipient {
            address: "rh@acme.example".to_owned(),
            language: Language::Fr,
        },
    ];
    app.service
        .set_notice_recipients(&app.tenant, all)
        .await
        .unwrap();
}

#[actix_web::test]
async fn a_held_set_is_told_at_once_after_four_hours_then_daily_until_it_is_over() {
    let clock = Hand::new();
    let app = TestApp::start_with(clock.clone()).await;
    recipients(&app).await;
    let params =
        json!({"connection": "c", "label": "Acme HR", "held": 12, "why": "limit", "run": "r"});
    raise(&app, notices::HELD, "c", params.clone()).await;
    let mut rounds = Vec::new();
    // Four days, an hour at a time; every run raises it again.
    for hour in 0..=96 {
        let before = told(&app).await.len();
        app.service.tell_notices().await.unwrap();
        if told(&app).await.len() > before {
            rounds.push(hour);
        }
        raise(&app, notices::HELD, "c", params.clone()).await;
        clock.wait(60);
    }
    assert_eq!(rounds, [0, 4, 28, 52, 76], "hours");
    assert_eq!(told(&app).await.len(), 10, "two recipients, five times");
    write(&app, &app.tenant, |tx| {
        notices::close(tx, notices::HELD, "c")
    })
    .await;
    clock.wait(48 * 60);
    assert_eq!(app.service.tell_notices().await.unwrap(), 0);
    let all = app
        .service
        .list_notices(&app.tenant.tenant, None, None, 9)
        .await
        .unwrap();
    assert_eq!((all.len(), all[0].row.seen, all[0].row.told), (1, 98, 5));
    // What comes later is another notice.
    raise(&app, notices::HELD, "c", params).await;
    assert_eq!(app.service.tell_notices().await.unwrap(), 1);
}

#[actix_web::test]
async fn each_notice_is_told_as_often_as_its_row_says() {
    let clock = Hand::new();
    let app = TestApp::start_with(clock.clone()).await;
    recipients(&app).await;
    let one = |n: i64| json!({"label": "x", "days": n});
    let rounds = async |code: &'static str, days: [i64; 4]| {
        let before = told(&app).await.len();
        for n in days {
            raise(&app, code, "s", one(n)).await;
            app.service.tell_notices().await.unwrap();
            clock.wait(60);
        }
        let at_once = told(&app).await.len() - before;
        clock.wait(24 * 60);
        app.service.tell_notices().await.unwrap();
        (at_once / 2, (told(&app).await.len() - before) / 2)
    };
    // (within four hours, a day later)
    assert_eq!(rounds(notices::DISCONNECTED, [1, 2, 3, 4]).await, (1, 1));
    assert_eq!(
        rounds(notices::INVITATION_FAILED, [1, 2, 3, 4]).await,
        (1, 1)
    );
    assert_eq!(rounds(notices::NEW_CONFLICT, [1, 2, 3, 4]).await, (1, 2));
    assert_eq!(rounds(notices::TOKEN_EXPIRES, [30, 30, 7, 1]).await, (3, 3));
}

#[actix_web::test]
async fn a_notice_by_mail_says_why_what_it_means_and_what_to_do() {
    let app = TestApp::start().await;
    recipients(&app).await;
    let params = json!({"connection": "c", "label": "Acme <HR>", "held": 12, "why": "more-than-half", "run": "r-1"});
    raise(&app, notices::HELD, "c", params).await;
    let server = Server::start();
    mailer(&app, smtp(&server.url(), None), "a")
        .tick()
        .await
        .unwrap();
    let taken = server.taken();
    assert_eq!(taken.len(), 2);
    for mail in taken {
        let (to, mail) = (mail.to.clone(), read(&mail.data));
        let wanted: [&str; 4] = match to.as_str() {
            "it@acme.example" => [
                "more than half of those with access would lose it",
                "keep their access until you decide",
                "12",
                "Look at the run r-1",
            ],
            _ => [
                "plus de la moitié de ceux qui ont accès le perdraient",
                "gardent leur accès jusqu’à votre décision",
                "12",
                "Regardez la lecture r-1",
            ],
        };
        for text in wanted {
            assert!(mail.text.contains(text), "{to} {text}: {}", mail.text);
            assert!(mail.html.contains(text), "{to} {text}: {}", mail.html);
        }
        assert!(mail.header("subject").contains("Acme <HR>"));
        assert!(mail.html.contains("Acme &#60;HR&#62;"));
        assert!(mail.text.contains("https://rosterd.example/"));
        assert!(!mail.text.contains(['{', '}']), "{}", mail.text);
    }
}

/// A receiver of webhooks: answers each request with the next status, keeps heads and bodies.
fn receiver(answers: Vec<u16>) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&seen);
    std::thread::spawn(move || {
        let mut answers = answers.into_iter();
        for mut stream in listener.incoming().flatten() {
            let (mut bytes, mut buffer) = (Vec::new(), [0; 4_096]);
            loop {
                let read = stream.read(&mut buffer).unwrap_or(0);
                bytes.extend(&buffer[..read]);
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let whole = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
                    let length = head.lines().find_map(|line| {
                        let (name, value) = line.split_once(": ")?;
                        name.eq_ignore_ascii_case("content-length")
                            .then(|| value.parse::<usize>().unwrap())
                    });
                    body.len() >= length.unwrap_or(0)
                });
                if whole || read == 0 {
                    kept.lock().unwrap().push(text);
                    break;
                }
            }
            let status = answers.next().unwrap_or(204);
            let location = "location: http://127.0.0.1:1/\r\n";
            let _ = stream.write_all(
                format!("HTTP/1.1 {status} x\r\n{location}content-length: 0\r\nconnection: close\r\n\r\n").as_bytes(),
            );
        }
    });
    (url, seen)
}

fn header<'a>(request: &'a str, name: &str) -> &'a str {
    let found = request.lines().find_map(|line| {
        let (known, value) = line.split_once(": ")?;
        known.eq_ignore_ascii_case(name).then_some(value)
    });
    found.unwrap_or_else(|| panic!("no {name}: {request}"))
}

/// The signature as another program computes it.
fn signature(secret: &str, signed: &str) -> String {
    let script = "import sys,hmac,hashlib,base64\nsecret,signed=sys.argv[1:]\nkey=base64.b64decode(secret[6:])\n\
                  print('v1,'+base64.b64encode(hmac.new(key,signed.encode(),hashlib.sha256).digest()).decode())";
    let output = std::process::Command::new("python3")
        .args(["-c", script, secret, signed])
        .output()
        .expect("python3 computes the signature");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[actix_web::test]
async fn the_operators_webhook_is_called_signed_and_again_until_it_answers() {
    let clock = Hand::new();
    let app = TestApp::start_with(clock.clone()).await;
    let (url, seen) = receiver(vec![500, 302, 204]);
    let boss = app.role(&operator(), Role::Operator).await;
    let body = json!({"url": url}).to_string().into_bytes();
    let set = boss
        .raw("PUT", "/api/v1/notices-webhook", "application/json", body)
        .await
        .expect(200);
    let secret = set.body["secret"].as_str().unwrap().to_owned();
    let shown = boss
        .raw("GET", "/api/v1/notices-webhook", "application/json", vec![])
        .await;
    assert_eq!(
        shown.expect(200).body,
        json!({"url": url}),
        "the secret is shown once"
    );
    raise(
        &app,
        notices::FAILING,
        "c",
        json!({"label": "HR", "kind": "unavailable", "failures": 2}),
    )
    .await;
    let mailer = mailer(&app, Out::Files(Files::new("/nonexistent")), "a");
    mailer.tick().await.unwrap();
    for _ in 0..3 {
        assert_eq!(mailer.tick_webhooks().await.unwrap(), 1);
        clock.wait(61);
    }
    assert_eq!(mailer.tick_webhooks().await.unwrap(), 0);
    let seen = seen.lock().unwrap().clone();
    assert_eq!(seen.len(), 3, "an error and a redirect are no answers");
    let ids: Vec<&str> = seen
        .iter()
        .map(|request| header(request, "webhook-id"))
        .collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    for request in &seen {
        let body = request.split_once("\r\n\r\n").unwrap().1;
        let signed = format!("{}.{}.{body}", ids[0], header(request, "webhook-timestamp"));
        assert_eq!(
            header(request, "webhook-signature"),
            signature(&secret, &signed)
        );
        let told: Value = serde_json::from_str(body).unwrap();
        assert_eq!(told["data"]["notice"]["code"], "failing");
        assert_eq!(told["data"]["tenant"]["name"], "default");
        assert_eq!(told["data"]["text"]["en"]["title"], "HR cannot be read");
        assert!(
            told["data"]["text"]["fr"]["effect"]
                .as_str()
                .unwrap()
                .starts_with("Personne")
        );
    }
}

#[actix_web::test]
async fn a_webhook_does_not_reach_private_networks_unless_the_operator_allows_it() {
    let app = TestApp::start().await;
    let (url, seen) = receiver(vec![]);
    app.service
        .set_notices_webhook(&operator(), &url)
        .await
        .unwrap();
    raise(&app, notices::FAILING, "c", json!({})).await;
    let made = Mailer::new(
        app.service.clone(),
        Out::Files(Files::new("/nonexistent")),
        Some(FROM),
        Webhook::new(false),
        "https://rosterd.example",
        "a",
    );
    let mailer = made.unwrap();
    mailer.tick().await.unwrap();
    mailer.tick_webhooks().await.unwrap();
    let rows = app
        .service
        .list_outgoing(&app.tenant.tenant, None, None, 9)
        .await
        .unwrap();
    assert_eq!(rows[0].state, "queued");
    assert!(rows[0].error.as_ref().unwrap().contains("address_private"));
    assert_eq!(seen.lock().unwrap().len(), 0);
    for url in [
        "ftp://x",
        "https://",
        "https://u:p@x.example/",
        "https://x.example/#a",
        "x",
    ] {
        let refused = app.service.set_notices_webhook(&operator(), url).await;
        assert!(refused.is_err(), "{url}");
    }
}

#[actix_web::test]
async fn what_a_provider_reports_is_noted_and_a_bounce_opens_a_notice() {
    let app = TestApp::start().await;
    let server = Server::start();
    let (came, lost) = (
        put(&app, invitation("p", "ann@x.test", Language::En)).await,
        put(&app, invitation("q", "bo@x.test", Language::En)).await,
    );
    mailer(&app, smtp(&server.url(), None), "a")
        .tick()
        .await
        .unwrap();
    let id_of = |to: &str| {
        let taken = server.taken().into_iter().find(|mail| mail.to == to);
        read(&taken.unwrap().data).header("message-id").to_owned()
    };
    let ids = [id_of("ann@x.test"), id_of("bo@x.test")];
    let reporter = app.role(&operator(), Role::Mail).await;
    let report = async |events: Value| {
        let body = json!({"events": events}).to_string().into_bytes();
        reporter
            .raw("POST", "/api/v1/mail-events", "application/json", body)
            .await
    };
    let said = report(json!([
        {"messageId": ids[0], "event": "delivered"},
        {"messageId": ids[1].trim_matches(['<', '>']), "event": "bounced"},
        {"messageId": ids[1], "event": "bounced"},
        {"messageId": ids[1], "event": "delivered"},
        {"messageId": "<other@elsewhere.example>", "event": "bounced"},
    ]))
    .await
    .expect(200);
    assert_eq!(said.body, json!({"taken": 4, "unknown": 1}));
    assert_eq!(stored(&app, &came).await.delivery, "delivered");
    assert_eq!(
        stored(&app, &lost).await.delivery,
        "bounced",
        "it did not arrive after all"
    );
    let admin = app.role(&app.tenant, Role::TenantAdmin).await;
    let path = "/api/v1/tenants/default/notices?lang=fr";
    let listed = admin
        .raw("GET", path, "application/json", vec![])
        .await
        .expect(200);
    let of_mail: Vec<&Value> = listed.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|notice| notice["code"] == "invitation-failed")
        .collect();
    assert_eq!(of_mail.len(), 1);
    assert_eq!(of_mail[0]["subject"], "invitation-of-q");
    assert_eq!(of_mail[0]["person"], "q");
    assert_eq!(
        of_mail[0]["text"]["title"],
        "Une invitation n’est pas arrivée"
    );
    let path = format!("/api/v1/tenants/default/mails/{lost}");
    let shown = admin
        .raw("GET", &path, "application/json", vec![])
        .await
        .expect(200);
    assert_eq!(
        (&shown.body["state"], &shown.body["delivery"]),
        (&json!("sent"), &json!("bounced"))
    );
    for bad in [
        json!([{"messageId": "x"}]),
        json!([{"messageId": "x", "event": "opened"}]),
        json!(3),
    ] {
        assert_eq!(report(bad.clone()).await.status, 400, "{bad}");
    }
    // Such a token may nothing else.
    let refused = reporter
        .raw(
            "GET",
            "/api/v1/tenants/default/mails",
            "application/json",
            vec![],
        )
        .await;
    assert!([403, 404].contains(&refused.status), "{}", refused.text);
    let refused = app.service.create_token(
        &app.tenant,
        rosterd::service::credentials::NewToken {
            role: Role::Mail,
            connection: None,
            label: String::new(),
            expires_at: None,
        },
        None,
    );
    assert!(refused.await.is_err(), "a tenant's own cannot report");
}

#[actix_web::test]
async fn tokens_that_end_soon_and_new_admins_are_told_of() {
    let clock = Hand::new();
    let app = TestApp::start_with(clock.clone()).await;
    let (id, _) = app
        .token(
            &app.tenant,
            Role::App,
            Some(Millis(clock.now().0 + 40 * 86_400_000)),
        )
        .await;
    let codes = async || {
        app.service.raise_by_time().await.unwrap();
        let all = app
            .service
            .list_notices(&app.tenant.tenant, None, None, 99)
            .await
            .unwrap();
        let of_token = all.into_iter().find(|notice| notice.row.subject == id);
        of_token.map(|notice| notice.params["days"].clone())
    };
    assert_eq!(codes().await, None);
    clock.wait(11 * 24 * 60);
    assert_eq!(codes().await, Some(json!(30)));
    clock.wait(24 * 24 * 60);
    assert_eq!(codes().await, Some(json!(7)));
    clock.wait(4 * 24 * 60);
    assert_eq!(codes().await, Some(json!(1)));
    let (admin, _) = app.token(&app.tenant, Role::TenantAdmin, None).await;
    let all = app
        .service
        .list_notices(&app.tenant.tenant, None, Some("open"), 99)
        .await
        .unwrap();
    assert!(
        all.iter()
            .any(|n| n.row.code == "admin-added" && n.row.subject == admin)
    );
    app.service.revoke_token(&app.tenant, &id).await.unwrap();
    let all = app
        .service
        .list_notices(&app.tenant.tenant, None, Some("open"), 99)
        .await
        .unwrap();
    assert!(all.iter().all(|n| n.row.subject != id), "it is revoked");
}

#[actix_web::test]
async fn how_a_connection_is_doing_opens_and_closes_its_notice() {
    let app = TestApp::start().await;
    let admin = app.role(&app.tenant, Role::TenantAdmin).await;
    let body =
        json!({"kind": "hris", "connector": "x", "label": "Acme HR", "secrets": {"key": "x"}});
    let made = admin
        .raw(
            "POST",
            "/api/v1/tenants/default/connections",
            "application/json",
            body.to_string().into_bytes(),
        )
        .await;
    let id = made.expect(201).id();
    let open = async || {
        let all = app
            .service
            .list_notices(&app.tenant.tenant, None, Some("open"), 99)
            .await
            .unwrap();
        let of_it = all.into_iter().filter(|notice| notice.row.subject == id);
        of_it
            .map(|notice| (notice.row.code, notice.row.seen))
            .collect::<Vec<_>>()
    };
    let mut at = 0;
    for (health, reason, wanted) in [
        ("healthy", json!(null), None),
        (
            "degraded",
            json!({"kind": "unavailable", "code": "down"}),
            None,
        ),
        (
            "failing",
            json!({"kind": "unavailable", "code": "down"}),
            Some(("failing", 1)),
        ),
        (
            "failing",
            json!({"kind": "unavailable", "code": "down"}),
            Some(("failing", 2)),
        ),
        (
            "needs-credentials",
            json!({"kind": "credentials", "code": "refused"}),
            Some(("needs-credentials", 1)),
        ),
        // The key is not here: our fault, and nothing for a customer.
        (
            "needs-credentials",
            json!({"kind": "credentials", "code": "secret.unusable", "params": {"why": "no-key"}}),
            None,
        ),
        ("waiting", json!(null), Some(("held", 1))),
        ("healthy", json!(null), None),
    ] {
        at += 1;
        let noted = app.service.change_schedule(&app.tenant, &id, move |row| {
            row.last_attempt_at = Some(at);
            health.clone_into(&mut row.health);
            row.health_params = (!reason.is_null()).then(|| reason.to_string());
        });
        noted.await.unwrap();
        let wanted: Vec<(String, i64)> = wanted
            .into_iter()
            .map(|(code, n)| (code.to_owned(), n))
            .collect();
        assert_eq!(open().await, wanted, "{health} {at}");
    }
}
