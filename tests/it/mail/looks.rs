//! How mails look, and what cannot be done to them by who chooses names.

use rosterd::domain::brand::Brand;
use rosterd::domain::language::Language;
use rosterd::domain::roles::Role;
use rosterd::scim::rules::Preset;
use serde_json::json;

use super::reader::{Read, read};
use super::server::Server;
use super::*;

async fn mail_of(app: &TestApp, change: impl FnOnce(&mut NewMail)) -> Read {
    let server = Server::start();
    let mut mail = invitation("p", "ann@x.test", Language::En);
    change(&mut mail);
    put(app, mail).await;
    mailer(app, smtp(&server.url(), None), "a")
        .tick()
        .await
        .unwrap();
    read(&server.taken()[0].data)
}

async fn named(app: &TestApp, name: &str) -> String {
    let okta = app.source(Preset::Okta).await;
    let body = json!({
        "schemas": [crate::support::USER], "userName": format!("{}@x.test", okta.token().len()), "displayName": name, "active": true,
    });
    okta.post("/Users", body).await.expect(201).id()
}

#[actix_web::test]
async fn a_name_is_no_markup_no_header_and_no_link() {
    for (name, in_text, in_html) in [
        (
            "<script>alert(1)</script>",
            "Hello <script>alert(1)</script>,",
            "Hello &#60;script&#62;alert(1)&#60;/script&#62;,",
        ),
        (
            "Ann & \"Bo\" O'Neil",
            "Hello Ann & \"Bo\" O'Neil,",
            "Hello Ann &#38; &#34;Bo&#34; O&#39;Neil,",
        ),
        ("山田 太郎", "Hello 山田 太郎,", "Hello 山田 太郎,"),
        ("שלום عليكم", "Hello שלום عليكم,", "Hello שלום عليكم,"),
        ("win at https://evil.example/x", "Hello,", "Hello,"),
        ("evil-site.com", "Hello,", "Hello,"),
        (
            "{inviter} {% raw %}",
            "Hello {inviter} {% raw %},",
            "Hello {inviter} {% raw %},",
        ),
    ] {
        let app = TestApp::start().await;
        let person = named(&app, name).await;
        let mail = mail_of(&app, |mail| mail.person = person).await;
        assert!(mail.text.contains(in_text), "{name}: {}", mail.text);
        assert!(mail.html.contains(in_html), "{name}: {}", mail.html);
    }
}

#[actix_web::test]
async fn a_very_long_name_is_cut() {
    let app = TestApp::start().await;
    let mail = mail_of(&app, |mail| mail.about.inviter = Some("ÄÖ ".repeat(400))).await;
    let subject = mail.header("subject");
    assert!(
        subject.chars().count() < 130 && subject.contains('…'),
        "{subject}"
    );
}

#[actix_web::test]
async fn what_an_inviter_is_called_makes_no_header() {
    let app = TestApp::start().await;
    let mail = mail_of(&app, |mail| {
        mail.about.inviter = Some("Bo\r\nBcc: spy\r\n\r\n<b>".to_owned());
        mail.about.message =
            Some("<img src=x onerror=y>\r\n.\r\nMAIL FROM:<a@b>\u{202e}".to_owned());
    })
    .await;
    assert_eq!(mail.header("bcc"), "");
    assert_eq!(
        mail.header("subject"),
        "Bo Bcc: spy <b> invites you to the app"
    );
    assert!(!mail.html.contains("<img src=x"), "{}", mail.html);
    assert!(mail.text.contains("> MAIL FROM:<a@b>\n"), "{}", mail.text);
}

#[actix_web::test]
async fn addresses_that_no_mail_can_have_are_refused_before_they_are_queued() {
    let app = TestApp::start().await;
    for address in [
        "",
        "ann",
        "ann@",
        "@x.test",
        "ann@x.test\r\nRCPT TO:<spy@evil.test>",
        "ann@x.test> SIZE=1",
        "ann lee@x.test",
        "<ann@x.test>",
        "a@b@x.test",
        "ann@x..test",
        &format!("{}@x.test", "a".repeat(65)),
    ] {
        let refused = app
            .service
            .draft_mail(&app.tenant.tenant, invitation("p", address, Language::En));
        assert!(refused.is_err(), "{address:?}");
    }
    for address in ["ann@x.test", "ann+tag@bücher.example", "o'neil@x.test"] {
        let made = app
            .service
            .draft_mail(&app.tenant.tenant, invitation("p", address, Language::En));
        assert!(made.is_ok(), "{address}");
    }
    let mail = mail_of(&app, |mail| mail.to = "ann@bücher.example".to_owned()).await;
    assert_eq!(mail.header("to"), "ann@xn--bcher-kva.example");
}

#[actix_web::test]
async fn a_brand_is_set_by_the_api_and_seen_in_mails() {
    let app = TestApp::start().await;
    let operator = Caller::system(
        rosterd::domain::ids::TenantId::new(rosterd::domain::ids::OPERATOR_TENANT),
        "test",
    );
    let (boss, admin) = (
        app.role(&operator, Role::Operator).await,
        app.role(&app.tenant, Role::TenantAdmin).await,
    );
    let put = async |client: &crate::support::Client, path: &str, body: serde_json::Value| {
        let bytes = body.to_string().into_bytes();
        client.raw("PUT", path, "application/json", bytes).await
    };
    let ours = json!({"product": "Acme Suite", "color": "#ffd400", "footer": "Acme Inc.\n.\n..1 Main Street", "namesRosterd": true});
    put(&boss, "/api/v1/brand", ours).await.expect(200);
    let path = "/api/v1/tenants/default/brand";
    let theirs = json!({"sender": "Team \"People\" <3", "logo": "https://cdn.example/l.png?a=1&b=2", "support": "mailto:help@acme.example"});
    let set = put(&admin, path, theirs).await.expect(200);
    assert_eq!(set.body["sender"], "Team \"People\" <3");
    for bad in [
        json!({"product": "a\nb"}),
        json!({"logo": "http://x.example/l.png"}),
        json!({"color": "red"}),
        json!({"support": "javascript:x"}),
        json!({"unknown": "x"}),
    ] {
        let refused = put(&admin, path, bad.clone()).await;
        assert_eq!(refused.status, 400, "{bad}");
    }
    let mail = mail_of(&app, |_| ()).await;
    assert_eq!(mail.header("subject"), "Bo Admin invites you to Acme Suite");
    assert_eq!(
        mail.header("from"),
        "Team \"People\" <3 <no-reply@acme.example>"
    );
    // Encoded, so that nobody takes it for an address.
    let line = mail.raw.lines().find(|l| l.starts_with("From: ")).unwrap();
    assert!(
        line.starts_with("From: =?utf-8?b?") && !line.contains("<3"),
        "{line}"
    );
    for wanted in [
        "src=\"https://cdn.example/l.png?a=1&#38;b=2\"",
        "background:#ffd400;color:#000000",
        "href=\"mailto:help@acme.example\"",
        "1 Main Street",
        "Sent with Rosterd",
    ] {
        assert!(mail.html.contains(wanted), "{wanted}: {}", mail.html);
    }
    assert!(
        mail.text.contains(
            "Help: mailto:help@acme.example\nAcme Inc.\n.\n..1 Main Street\nSent with Rosterd\n"
        ),
        "{}",
        mail.text
    );
    let found = app.service.find_brand(&app.tenant.tenant).await.unwrap();
    assert_eq!(found.product, None, "the operator's is not copied");
    app.service
        .set_brand(&app.tenant, Brand::default())
        .await
        .unwrap();
}
