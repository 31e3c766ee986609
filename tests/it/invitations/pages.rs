//! The pages: looking changes nothing, answers come from the browser that looked, nobody learns anything by guessing.

use serde_json::json;

use super::{Scene, Visit};
use crate::support::Client;

#[actix_web::test]
async fn looking_changes_nothing_and_the_headers_are_strict() {
    let s = Scene::start().await;
    let ann = s.listed("ann@x.test").await;
    let message = json!({"message": "Hi <b>you</b>\n& all", "inviter": "Bo \"B\" <b>"});
    s.invite_with(&ann, message).await;
    let token = s.mailed(&ann);
    let before = s.rows("SELECT action AS line FROM journal ORDER BY tenant, sequence");
    let visit = s.page(&token).await;
    let page = visit.answer.clone().expect(200);
    for method in ["GET", "HEAD"] {
        let client = Client::new(&s.app.base, "").anonymous();
        let path = format!("/invite/{token}");
        client.raw(method, &path, "", Vec::new()).await.expect(200);
    }
    let after = s.rows("SELECT action AS line FROM journal ORDER BY tenant, sequence");
    assert_eq!(before, after);
    assert_eq!(s.access(&ann).await, "invited/invited");
    assert!(
        page.text.contains("ann@x.test") && page.text.contains("29 June 2026"),
        "{}",
        page.text
    );
    assert!(!page.text.contains("<b>"), "what people wrote is text");
    assert!(
        !page.text.contains("<script") && !page.text.contains(&token),
        "{}",
        page.text
    );
    assert!(page.text.contains("<html lang=\"en\">"));
    let policy = page.header("content-security-policy").unwrap();
    for part in [
        "default-src 'none'",
        "style-src 'sha256-",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    for (name, value) in [
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
    ] {
        assert_eq!(page.header(name), Some(value), "{name}");
    }
    let style = page.text.split_once("<style>").unwrap().1;
    let style = style.split_once("</style>").unwrap().0;
    use base64::Engine;
    use sha2::Digest;
    let hash = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(style));
    assert!(policy.contains(&hash), "browsers let the style in");
}

#[actix_web::test]
async fn an_answer_comes_from_the_browser_that_looked() {
    let s = Scene::start().await;
    let ann = s.listed("ann@x.test").await;
    let (_, token) = s.link_for(&ann).await;
    let visit = s.page(&token).await;
    let other = s.page(&token).await;
    let (proof, cookie) = (visit.proof(), visit.cookie.clone());
    let form = format!("proof={proof}&do=accept");
    for (why, form, cookie) in [
        ("no cookie", form.as_str(), None),
        (
            "another browser's cookie",
            form.as_str(),
            other.cookie.as_deref(),
        ),
        ("no proof", "do=accept", cookie.as_deref()),
        ("another proof", "proof=x&do=accept", cookie.as_deref()),
        (
            "an act that is none",
            &format!("proof={proof}&do=grant"),
            cookie.as_deref(),
        ),
        ("no form", "\u{0}", cookie.as_deref()),
    ] {
        let answer = visit.post(form, cookie).await;
        assert_eq!(answer.status, 403, "{why}: {}", answer.text);
        assert!(answer.text.contains("nothing was changed"), "{why}");
        assert_eq!(s.access(&ann).await, "invited/invited", "{why}");
    }
    let twice = format!(
        "{}; {}",
        cookie.clone().unwrap(),
        other.cookie.clone().unwrap()
    );
    visit.post(&form, Some(&twice)).await.expect(403);
    let foreign = Visit {
        client: visit.client.header("sec-fetch-site", "cross-site"),
        ..s.page(&token).await
    };
    foreign.press("accept").await.expect(403);
    let large = format!("{form}&x={}", "y".repeat(8_000));
    visit.post(&large, cookie.as_deref()).await.expect(403);
    visit.press("accept").await.expect(200);
    assert_eq!(s.access(&ann).await, "granted/invitation-accepted");
}

#[actix_web::test]
async fn hostile_links_look_all_the_same() {
    let s = Scene::start().await;
    let ann = s.listed("ann@x.test").await;
    let (id, withdrawn) = s.link_for(&ann).await;
    s.act(&id, "withdraw").await.expect(200);
    let bo = s.listed("bo@x.test").await;
    let (_, used) = s.link_for(&bo).await;
    s.press(&used, "accept").await.expect(200);
    // A link of this tenant under another tenant's name.
    let other = s.app.tenant("other").await;
    use base64::Engine;
    let code = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let cleo = s.listed("cleo@x.test").await;
    let (_, good) = s.link_for(&cleo).await;
    let mut bytes = code.decode(&good).unwrap();
    let tenant = uuid::Uuid::parse_str(other.tenant.as_str()).unwrap();
    bytes[..16].copy_from_slice(tenant.as_bytes());
    let stolen = code.encode(&bytes);
    bytes[..16].copy_from_slice(&[0; 16]);
    let operators = code.encode(&bytes);
    bytes[..16].copy_from_slice(&[9; 16]);
    let nobodys = code.encode(&bytes);
    let mut said = Vec::new();
    let long = "x".repeat(5_000);
    for token in [
        withdrawn.as_str(),
        &used,
        &stolen,
        &operators,
        &nobodys,
        "x",
        "..%2f..",
        "%00",
        "%ff",
        "' OR 1=1 --",
        &long,
        &good[..63],
    ] {
        let token: String = token.replace(' ', "%20").replace('\'', "%27");
        let page = s.page(&token).await.answer;
        if page.status == 404 {
            continue; // No address of ours.
        }
        assert_eq!(page.status, 410, "{token}: {}", page.text);
        said.push(page.text);
    }
    assert!(said.len() >= 9, "{}", said.len());
    assert!(
        said.iter().all(|text| *text == said[0]),
        "one page for all of them"
    );
    assert!(said[0].contains("sign in to the application") && said[0].contains("send it again"));
    assert!(!said[0].contains("default") && !said[0].contains("x.test"));
    assert_eq!(s.access(&cleo).await, "invited/invited");
    // A tenant that is suspended lets nobody in.
    s.sql("UPDATE tenants SET state = 'suspended' WHERE name = 'default'");
    s.page(&good).await.answer.expect(410);
}

#[actix_web::test]
async fn the_page_speaks_the_language_of_the_invitation_and_the_one_that_is_asked_for() {
    let s = Scene::start().await;
    let ann = s.listed("ann@x.test").await;
    let result = s
        .invite_with(&ann, json!({"delivery": "app", "language": "fr"}))
        .await;
    let token = super::token_of(&result);
    let text = s.page(&token).await.answer.text;
    assert!(
        text.contains("<html lang=\"fr\">") && text.contains("29 juin 2026"),
        "{text}"
    );
    let english = s.page(&format!("{token}?lang=en")).await.answer.text;
    assert!(english.contains("<html lang=\"en\">") && english.contains("29 June 2026"));
    let french = Client::new(&s.app.base, "")
        .anonymous()
        .header("accept-language", "fr-CA, en;q=0.5");
    let gone = Visit::open_as(&french, "x").await.answer.expect(410);
    assert!(
        gone.text.contains("Ce lien ne fonctionne plus"),
        "{}",
        gone.text
    );
    let done = s.press(&token, "accept").await.expect(200);
    assert!(
        done.text.contains("C&#39;est fait") || done.text.contains("C'est fait"),
        "{}",
        done.text
    );
    // A person's own language is that of her invitation.
    let mut bo = crate::support::person("bo@x.test");
    bo["preferredLanguage"] = json!("fr-BE");
    let bo = s.okta.post("/Users", bo).await.expect(201).id();
    let invited = s.invite(&bo).await;
    assert_eq!(invited["invitation"]["language"], "fr");
}

#[actix_web::test]
async fn an_old_link_asks_for_a_new_one_to_the_same_address_only() {
    let s = Scene::start().await;
    let ann = s.listed("ann@x.test").await;
    s.invite(&ann).await;
    let old = s.mailed(&ann);
    s.days_later(14);
    // Nobody has looked at the time yet: the page does.
    let visit = s.page(&old).await;
    assert!(
        visit.answer.text.contains("too old"),
        "{}",
        visit.answer.text
    );
    visit.press("accept").await.expect(200);
    assert_eq!(s.access(&ann).await, "invited/invited", "too late");
    let done = visit.press("renew").await.expect(200);
    assert!(done.text.contains("Look into your mail"), "{}", done.text);
    assert_eq!(s.access(&ann).await, "invited/invited");
    assert_eq!(s.mails(&ann), ["invitation canceled", "renewed queued"]);
    let again = s.press(&old, "renew").await.expect(200);
    assert_eq!(done.text, again.text, "nobody is told whether a mail went");
    assert_eq!(s.mails(&ann).len(), 2, "nor gets another one");
    let new = s.mailed(&ann);
    s.press(&new, "accept").await.expect(200);
    assert_eq!(s.access(&ann).await, "granted/invitation-accepted");
    // An address that is not hers any more gets nothing.
    let bo = s.listed("bo@x.test").await;
    s.invite(&bo).await;
    let old = s.mailed(&bo);
    s.days_later(15);
    s.tick().await;
    let moved = json!([{"op": "replace", "path": "emails", "value": [{"value": "new@x.test", "primary": true}]}]);
    s.okta
        .patch(&format!("/Users/{bo}"), moved)
        .await
        .expect(200);
    let renewed = s.press(&old, "renew").await.expect(200);
    assert!(renewed.text.contains("Look into your mail"));
    assert_eq!(s.mails(&bo).len(), 1);
    assert_eq!(s.access(&bo).await, "listed/invitation-expired");
    s.check().await;
}

#[actix_web::test]
async fn an_address_that_asks_too_often_waits() {
    let s = Scene::start().await;
    let base = s.serve_with(None, rosterd::http::invite::PER_MINUTE);
    let client = Client::new(&base, "").anonymous();
    let mut last = None;
    for n in 0..125 {
        let answer = client
            .raw("GET", &format!("/invite/{n}"), "", Vec::new())
            .await;
        last = Some(answer);
    }
    let last = last.unwrap().expect(429);
    assert!(last.header("retry-after").is_some());
    assert!(last.text.contains("Wait a minute"), "{}", last.text);
}
