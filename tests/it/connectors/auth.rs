//! Every kind of authentication, and what happens to tokens.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};
use rosterd::domain::clock::{ManualClock, Millis};
use rosterd::hris::auth::{Held, Keeper};
use rosterd::hris::{Error, Kind};
use serde_json::{Value, json};

use super::server::{Asked, Reply, Server, list, people};
use super::{PLAIN, Setting, connector, pull, pull_with};

/// Asks once, and gives what was asked.
async fn asked_with(auth: &str) -> Asked {
    let server = Server::start(|_, _| list(1..=1)).await;
    let pulled = pull(&connector(auth, PLAIN, ""), &server).await;
    assert_eq!(pulled.ids(), ["1"], "{:?}", pulled.outcome);
    server.asked().remove(0)
}

#[actix_web::test]
async fn keys_are_sent_as_the_connector_says() {
    let asked = asked_with("  basic: { username: '{{ key }}', password: x }").await;
    let wanted = format!("Basic {}", STANDARD.encode("s3cret-key:x"));
    assert_eq!(asked.header("Authorization"), Some(wanted.as_str()));

    let asked = asked_with("  header: { name: X-Api-Key, value: 'Key {{ key }}' }").await;
    assert_eq!(asked.header("x-api-key"), Some("Key s3cret-key"));

    let asked = asked_with("  bearer: { token: '{{ key }}' }").await;
    assert_eq!(asked.header("Authorization"), Some("Bearer s3cret-key"));

    let asked = asked_with("  query: { name: api_key, value: '{{ key }}' }").await;
    assert_eq!(asked.parameter("api_key"), Some("s3cret-key"));
}

#[actix_web::test]
async fn a_key_in_the_body_stands_beside_what_is_asked() {
    let people = "  request:\n    method: POST\n    reads: it searches\n    url: 'https://api.vendor.test/search'\n    \
                  body: { json: '{\"Action\": \"All\"}' }\n  records: people\n  id: id";
    let server = Server::start(|_, _| list(1..=1)).await;
    let auth = "  body: { name: APIKey, value: '{{ key }}' }";
    assert_eq!(
        pull(&connector(auth, people, ""), &server).await.ids(),
        ["1"]
    );
    let body = server.asked()[0].json();
    assert_eq!(body, json!({"Action": "All", "APIKey": "s3cret-key"}));
}

#[actix_web::test]
async fn ws_security_stands_in_the_header_of_the_envelope() {
    let people = "  request:\n    method: POST\n    reads: Get_Workers\n    url: 'https://api.vendor.test/soap'\n    \
                  format: { xml: { lists: [person] } }\n    body: { xml: '<e><h><!--security--></h><b>{{ user }}</b></e>' }\n  \
                  records: people.person\n  id: id";
    let server = Server::start(|_, _| {
        Reply::text(
            200,
            "text/xml",
            "<people><person><id>1</id></person></people>",
        )
    })
    .await;
    let auth = "  ws_security: { username: 'isu@{{ user }}', password: '{{ key }}<' }";
    let pulled = pull(&connector(auth, people, ""), &server).await;
    assert_eq!(pulled.ids(), ["1"], "{:?}", pulled.outcome);
    let body = &server.asked()[0].body;
    assert!(
        body.contains("<wsse:Username>isu@someone</wsse:Username>"),
        "{body}"
    );
    assert!(body.contains("s3cret-key&lt;</wsse:Password>"), "{body}");
    assert!(
        body.contains("<wsu:Created>2026-11-26T10:00:00.000Z</wsu:Created>"),
        "{body}"
    );
}

const LOGIN: &str = "  login:\n    url: 'https://auth.vendor.test/login'\n    body: { json: '{\"key\": {{ key }}}' }\n    \
                     token: data.token\n    expires_in: data.expires_in\n    send: { header: X-Token, value: 'T {{ token }}' }";

const OFFSETS: &str = "  request: { url: 'https://api.vendor.test/people', query: { offset: '{{ offset }}' } }\n  \
                       records: people\n  id: id\n  total: total\n  paging: { offset: { size: 2, until: total } }";

fn page(asked: &Asked) -> Reply {
    let offset: u32 = asked.parameter("offset").unwrap().parse().unwrap();
    Reply::json(&json!({"people": people(offset + 1..=offset + 2), "total": 6}))
}

fn logins(server: &Server) -> usize {
    server.asked().iter().filter(|a| a.method == "POST").count()
}

#[actix_web::test]
async fn a_login_gives_a_token_that_is_used_until_it_ends() {
    let server = Server::start(|asked, _| match asked.path.as_str() {
        "/login" => Reply::json(&json!({"data": {"token": "t-1234", "expires_in": 600}})),
        _ => page(asked),
    })
    .await;
    assert_eq!(
        pull(&connector(LOGIN, OFFSETS, ""), &server)
            .await
            .people
            .len(),
        6
    );
    assert_eq!(logins(&server), 1);
    let asked = server.asked();
    assert_eq!(asked[0].json(), json!({"key": "s3cret-key"}));
    assert!(
        asked[1..]
            .iter()
            .all(|a| a.header("x-token") == Some("T t-1234"))
    );
}

#[actix_web::test]
async fn a_login_may_be_a_get() {
    const GET: &str = "  login:\n    method: GET\n    url: 'https://auth.vendor.test/login'\n    \
                       headers: { authToken: '{{ key }}' }\n    token: answer.token.$\n    \
                       send: { header: token, value: '{{ token }}' }";
    let server = Server::start(|asked, _| match asked.path.as_str() {
        "/login" => Reply::json(&json!({"answer": {"token": {"$": "t-1234"}}})),
        _ => list(1..=1),
    })
    .await;
    let pulled = pull(&connector(GET, PLAIN, ""), &server).await;
    assert_eq!(pulled.ids(), ["1"], "{:?}", pulled.outcome);
    let asked = server.asked();
    assert_eq!((asked.len(), asked[0].method.as_str()), (2, "GET"));
    assert_eq!(asked[0].header("authToken"), Some("s3cret-key"));
    assert_eq!(
        (asked[0].header("token"), asked[0].body.as_str()),
        (None, "")
    );
    assert_eq!(asked[1].header("token"), Some("t-1234"));
}

#[actix_web::test]
async fn a_token_is_not_used_in_its_last_minute() {
    let clock = Arc::new(ManualClock::at(Millis(1_000_000)));
    let hand = Arc::clone(&clock);
    let server = Server::start(move |asked, n| match asked.path.as_str() {
        "/login" => {
            Reply::json(&json!({"data": {"token": format!("t-{n}000"), "expires_in": 600}}))
        }
        _ => {
            // After the first page nine minutes and a second have passed.
            hand.set(Millis(1_000_000 + 541_000));
            page(asked)
        }
    })
    .await;
    let setting = Setting {
        clock,
        ..Setting::default()
    };
    let pulled = pull_with(&connector(LOGIN, OFFSETS, ""), &server, setting).await;
    assert_eq!(pulled.people.len(), 6);
    assert_eq!(logins(&server), 2);
}

#[actix_web::test]
async fn a_refused_token_is_renewed_once() {
    let server = Server::start(|asked, n| match asked.path.as_str() {
        "/login" => {
            Reply::json(&json!({"data": {"token": format!("t-{n}000"), "expires_in": 600}}))
        }
        _ if asked.header("x-token") == Some("T t-0000") && n > 1 => {
            Reply::status(401, &json!({"message": "expired"}))
        }
        _ => page(asked),
    })
    .await;
    assert_eq!(
        pull(&connector(LOGIN, OFFSETS, ""), &server)
            .await
            .people
            .len(),
        6
    );
    assert_eq!(logins(&server), 2);

    let never = Server::start(|asked, n| match asked.path.as_str() {
        "/login" => Reply::json(&json!({"data": {"token": format!("t-{n}000")}})),
        _ => Reply::status(401, &json!({})),
    })
    .await;
    let pulled = pull(&connector(LOGIN, OFFSETS, ""), &never).await;
    assert_eq!(pulled.error().kind, Kind::Credentials);
    assert_eq!(never.asked().len(), 4, "two logins, two tries");
}

#[actix_web::test]
async fn a_key_that_gives_no_token_asks_for_new_credentials() {
    for (status, body) in [
        (
            400,
            json!({"error": "invalid_client", "error_description": "unknown s3cret-key"}),
        ),
        (401, json!({})),
        (403, json!({})),
        (
            200,
            json!({"success": false, "error": {"message": "wrong"}}),
        ),
    ] {
        let server = Server::start(move |_, _| Reply::status(status, &body)).await;
        let pulled = pull(&connector(LOGIN, OFFSETS, ""), &server).await;
        assert_eq!(
            (pulled.error().kind, pulled.error().code),
            (Kind::Credentials, "auth.refused"),
            "{status}"
        );
        assert!(
            !pulled.error().to_string().contains("s3cret"),
            "{}",
            pulled.error()
        );
        assert_eq!(server.asked().len(), 1);
    }
}

fn endpoint(client: &str, more: &str) -> String {
    format!(
        "    endpoint:\n      url: 'https://auth.vendor.test/token'\n      client: {client}\n      client_id: '{{{{ user }}}}'\n      \
         client_secret: '{{{{ key }}}}'\n      scope: 'people:read offline'\n      form: {{ audience: 'a&b' }}\n{more}"
    )
}

fn token(_: &Asked) -> Reply {
    Reply::json(&json!({"access_token": "at-1", "expires_in": 3600, "token_type": "Bearer"}))
}

#[actix_web::test]
async fn client_credentials_go_into_the_body_or_a_header() {
    for client in ["body", "basic"] {
        let auth = format!("  client_credentials:\n{}", endpoint(client, ""));
        let server = Server::start(|asked, _| match asked.path.as_str() {
            "/token" => token(asked),
            _ => list(1..=1),
        })
        .await;
        assert_eq!(
            pull(&connector(&auth, PLAIN, ""), &server).await.ids(),
            ["1"]
        );
        let asked = server.asked();
        assert_eq!(
            asked[0].field("grant_type").as_deref(),
            Some("client_credentials")
        );
        assert_eq!(
            asked[0].field("scope").as_deref(),
            Some("people:read offline")
        );
        assert_eq!(asked[0].field("audience").as_deref(), Some("a&b"));
        let in_body = client == "body";
        assert_eq!(asked[0].field("client_secret").is_some(), in_body);
        let basic = format!("Basic {}", STANDARD.encode("someone:s3cret-key"));
        assert_eq!(
            asked[0].header("authorization"),
            (!in_body).then_some(basic.as_str())
        );
        assert_eq!(asked[1].header("authorization"), Some("Bearer at-1"));
    }
}

/// Remembers what it keeps, and how many requests had been sent by then.
#[derive(Default)]
struct Kept {
    values: Mutex<Vec<String>>,
    refuses: bool,
}

impl Keeper for Kept {
    fn held<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Held, Error>> {
        ready(Ok(Held::AsGiven)).boxed()
    }

    fn keep<'a>(&'a self, credential: &'a str, value: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        let outcome = if self.refuses {
            Err(Error::new(Kind::Settings, "disk_full"))
        } else {
            self.values
                .lock()
                .unwrap()
                .push(format!("{credential}={value}"));
            Ok(())
        };
        ready(outcome).boxed()
    }

    fn refused<'a>(&'a self, _: &'a str) -> BoxFuture<'a, ()> {
        ready(()).boxed()
    }
}

fn rotating(kind: &str) -> String {
    let more = match kind {
        "authorization_code" => {
            "    authorize: 'https://auth.vendor.test/authorize'\n    refresh_days: 30\n"
        }
        _ => "",
    };
    format!(
        "  {kind}:\n{}",
        endpoint(
            "basic",
            &format!("    credential: key\n    rotates: true\n{more}")
        )
    )
}

#[actix_web::test]
async fn a_rotated_refresh_token_is_kept_before_its_access_token_is_used() {
    for kind in ["refresh_token", "authorization_code"] {
        let server = Server::start(|asked, n| match asked.path.as_str() {
            "/token" => Reply::json(&json!({
                "access_token": format!("at-{n}"), "refresh_token": format!("rt-{n}000"), "expires_in": 3600,
            })),
            // Refused once, so that the new refresh token is used for the next access token.
            _ if n == 1 => Reply::status(401, &json!({})),
            _ => list(1..=1),
        })
        .await;
        let kept = Kept::default();
        let setting = Setting {
            keeper: Some(&kept),
            ..Setting::default()
        };
        let pulled = pull_with(&connector(&rotating(kind), PLAIN, ""), &server, setting).await;
        assert_eq!(pulled.ids(), ["1"], "{:?}", pulled.outcome);
        let asked = server.asked();
        assert_eq!(
            asked[0].field("grant_type").as_deref(),
            Some("refresh_token")
        );
        assert_eq!(
            asked[0].field("refresh_token").as_deref(),
            Some("s3cret-key")
        );
        assert_eq!(asked[2].field("refresh_token").as_deref(), Some("rt-0000"));
        assert_eq!(*kept.values.lock().unwrap(), ["key=rt-0000", "key=rt-2000"]);
    }
}

#[actix_web::test]
async fn a_refresh_token_that_cannot_be_kept_is_not_used() {
    let server = Server::start(|_, _| {
        Reply::json(&json!({"access_token": "at", "refresh_token": "rt-new", "expires_in": 3600}))
    })
    .await;
    let kept = Kept {
        refuses: true,
        ..Kept::default()
    };
    let setting = Setting {
        keeper: Some(&kept),
        ..Setting::default()
    };
    let pulled = pull_with(
        &connector(&rotating("refresh_token"), PLAIN, ""),
        &server,
        setting,
    )
    .await;
    assert_eq!(pulled.error().code, "disk_full");
    assert_eq!(server.asked().len(), 1, "the access token was never used");
}

#[actix_web::test]
async fn a_lost_token_answer_is_asked_for_once_more_with_the_old_token() {
    let server = Server::start(|_, n| match n {
        0 => Reply {
            missing: 10,
            ..Reply::json(&json!({"access_token": "at"}))
        },
        _ => Reply::status(400, &json!({"error": "invalid_grant"})),
    })
    .await;
    let pulled = pull(&connector(&rotating("refresh_token"), PLAIN, ""), &server).await;
    assert_eq!(pulled.error().kind, Kind::Credentials);
    assert_eq!(pulled.error().params["said"], "invalid_grant");
    let sent: Vec<Option<String>> = server
        .asked()
        .iter()
        .map(|a| a.field("refresh_token"))
        .collect();
    assert_eq!(
        sent,
        [Some("s3cret-key".to_owned()), Some("s3cret-key".to_owned())]
    );
}

fn rsa() -> rcgen::KeyPair {
    rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap()
}

#[actix_web::test]
async fn a_jwt_is_signed_for_the_vendor_whatever_the_endpoint() {
    let pair = rsa();
    let auth = "  jwt_bearer:\n    url: 'https://auth.vendor.test/token'\n    issuer: '{{ user }}'\n    subject: admin@example.com\n    \
                audience: 'https://auth.vendor.test/token'\n    scope: a b\n    private_key: key";
    let server = Server::start(|asked, _| match asked.path.as_str() {
        "/token" => token(asked),
        _ => list(1..=1),
    })
    .await;
    let pem = pair.serialize_pem();
    for given in [pem.clone(), pem.replace('\n', "\\n")] {
        let setting = Setting {
            given: vec![("key", &given)],
            ..Setting::default()
        };
        let pulled = pull_with(&connector(auth, PLAIN, ""), &server, setting).await;
        assert_eq!(pulled.ids(), ["1"], "{:?}", pulled.outcome);
    }
    let asked = server.asked();
    assert_eq!(
        asked[0].field("grant_type").as_deref(),
        Some("urn:ietf:params:oauth:grant-type:jwt-bearer")
    );
    let jwt = asked[0].field("assertion").unwrap();
    let (signed, signature) = jwt.rsplit_once('.').unwrap();
    let public = jsonwebtoken::DecodingKey::from_rsa_pem(pair.public_key_pem().as_bytes()).unwrap();
    let is_good = jsonwebtoken::crypto::verify(
        signature,
        signed.as_bytes(),
        &public,
        jsonwebtoken::Algorithm::RS256,
    );
    assert!(is_good.unwrap());
    let claims = URL_SAFE_NO_PAD
        .decode(signed.split_once('.').unwrap().1)
        .unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(
        claims,
        json!({
            "iss": "someone", "sub": "admin@example.com", "scope": "a b", "aud": "https://auth.vendor.test/token",
            "iat": 1_795_687_200, "exp": 1_795_690_800,
        })
    );
}

#[actix_web::test]
async fn a_key_that_is_none_is_named_and_not_shown() {
    let auth = "  jwt_bearer:\n    url: 'https://auth.vendor.test/token'\n    issuer: x\n    audience: x\n    private_key: key";
    let server = Server::start(|_, _| list(1..=1)).await;
    let pulled = pull(&connector(auth, PLAIN, ""), &server).await;
    assert_eq!(
        (pulled.error().kind, pulled.error().code),
        (Kind::Settings, "auth.key")
    );
    assert!(!pulled.error().to_string().contains("s3cret"));
}

#[actix_web::test]
async fn a_saml_assertion_is_signed_over_its_canonical_form() {
    let pair = rsa();
    let auth = "  saml_bearer:\n    url: 'https://auth.vendor.test/token'\n    issuer: www.vendor.test\n    subject: 'api & <{{ user }}>'\n    \
                audience: www.vendor.test\n    recipient: 'https://auth.vendor.test/token?a=\"1\"&b=2'\n    \
                attributes: { api_key: '{{ user }}' }\n    form: { company_id: acme }\n    private_key: key";
    let server = Server::start(|asked, _| match asked.path.as_str() {
        "/token" => token(asked),
        _ => list(1..=1),
    })
    .await;
    let pem = pair.serialize_pem();
    let setting = Setting {
        given: vec![("key", &pem)],
        ..Setting::default()
    };
    let pulled = pull_with(&connector(auth, PLAIN, ""), &server, setting).await;
    assert_eq!(pulled.ids(), ["1"], "{:?}", pulled.outcome);
    let asked = &server.asked()[0];
    assert_eq!(asked.field("company_id").as_deref(), Some("acme"));
    let assertion = STANDARD.decode(asked.field("assertion").unwrap()).unwrap();
    let text = String::from_utf8(assertion).unwrap();
    assert!(
        text.contains(">api &amp; &lt;someone&gt;</saml2:NameID>"),
        "{text}"
    );
    assert!(
        text.contains("Recipient=\"https://auth.vendor.test/token?a=&quot;1&quot;&amp;b=2\""),
        "{text}"
    );
    verify_signature(&text, &pair);
    verify_with_xmlsec(&text, &pair);
}

/// Digest and signature, taken apart by hand: the assertion is written in canonical form.
fn verify_signature(text: &str, pair: &rcgen::KeyPair) {
    use sha2::Digest as _;
    let between = |from: &str, to: &str| {
        let start = text.find(from).unwrap() + from.len();
        text[start..start + text[start..].find(to).unwrap()].to_owned()
    };
    let signature = format!(
        "<ds:Signature {}</ds:Signature>",
        between("<ds:Signature ", "</ds:Signature>")
    );
    let digest = sha2::Sha256::digest(text.replace(&signature, "").as_bytes());
    assert_eq!(between("<ds:DigestValue>", "<"), STANDARD.encode(digest));
    let info = format!(
        "<ds:SignedInfo>{}</ds:SignedInfo>",
        between("<ds:SignedInfo>", "</ds:SignedInfo>")
    )
    .replacen(
        "<ds:SignedInfo>",
        "<ds:SignedInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">",
        1,
    );
    let value = STANDARD
        .decode(between("<ds:SignatureValue>", "<"))
        .unwrap();
    let public = jsonwebtoken::DecodingKey::from_rsa_pem(pair.public_key_pem().as_bytes()).unwrap();
    let is_good = jsonwebtoken::crypto::verify(
        &URL_SAFE_NO_PAD.encode(value),
        info.as_bytes(),
        &public,
        jsonwebtoken::Algorithm::RS256,
    );
    assert!(is_good.unwrap());
}

/// The same by a program that knows XML, where it is installed (Debian: `xmlsec1`).
fn verify_with_xmlsec(text: &str, pair: &rcgen::KeyPair) {
    let dir = tempfile::tempdir().unwrap();
    let (xml, key) = (dir.path().join("a.xml"), dir.path().join("key.pem"));
    std::fs::write(&xml, text).unwrap();
    std::fs::write(&key, pair.public_key_pem()).unwrap();
    let output = std::process::Command::new("xmlsec1")
        .args([
            "--verify",
            "--id-attr:ID",
            "urn:oasis:names:tc:SAML:2.0:assertion:Assertion",
            "--pubkey-pem",
        ])
        .arg(&key)
        .arg(&xml)
        .output();
    if let Ok(output) = output {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
    }
}
