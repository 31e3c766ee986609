//! Nmbrs' consent: authorization code with PKCE, and a refresh token that rotates.

use serde_json::json;

use crate::cli::simulate::hris::call::{Refusal, Reply};
use crate::cli::simulate::hris::desk::Desk;
use crate::cli::simulate::hris::dice::Dice;
use crate::domain::clock::Millis;

/// Sheet: Access, scopes.
const SCOPES: &[&str] = &[
    "offline_access",
    "company.info.read",
    "employee.info.read",
    "employee.employment.read",
    "employee.orgstructure.read",
    "employee.payment.read",
];

fn oauth_error(error: &str) -> Refusal {
    Refusal::Special(Box::new(Reply::json(400, &json!({"error": error}))))
}

/// Sheet: Access, step 1. The administrator of the invented company consents at once.
pub(super) fn authorize(desk: &Desk) -> Result<Reply, Refusal> {
    let get = |name: &str| desk.call.param(name).unwrap_or_default();
    if get("client_id") != desk.key("client_id") || get("response_type") != "code" {
        return Err(oauth_error("invalid_request"));
    }
    let mut scopes = get("scope").split(' ');
    if !scopes.clone().any(|s| s == "company.info.read") || scopes.any(|s| !SCOPES.contains(&s)) {
        return Err(oauth_error("invalid_scope"));
    }
    if !get("redirect_uri").starts_with("http") || get("state").is_empty() {
        return Err(oauth_error("invalid_request"));
    }
    let count: u32 = desk.note("codes").and_then(|n| n.parse().ok()).unwrap_or(0);
    desk.set_note("codes", Some((count + 1).to_string()));
    let code = Dice::new(desk.company.seed, &format!("nmbrs/code/{count}")).word(32);
    // "Code (single use, valid 5 minutes)", for this address and this challenge.
    let terms = [
        &desk.now.0.to_string(),
        get("redirect_uri"),
        get("code_challenge"),
        get("scope"),
    ]
    .join("\n");
    desk.set_note(&format!("code/{code}"), Some(terms));
    let sign = if get("redirect_uri").contains('?') {
        '&'
    } else {
        '?'
    };
    // A state that needs escapes is none of ours: it is random, in letters, digits and the signs of base64url.
    let state = get("state");
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.~".contains(c);
    if !state.chars().all(is_plain) {
        return Err(oauth_error("invalid_request"));
    }
    let to = format!("{}{sign}code={code}&state={state}", get("redirect_uri"));
    Ok(Reply::new(302, "text/html", "").with("Location", to))
}

/// Sheet: Access, steps 2 and 3: "client id/secret as HTTP Basic".
pub(super) fn token(desk: &Desk) -> Result<Reply, Refusal> {
    let client = desk.call.basic();
    let is_client = client.is_some_and(|(id, secret)| {
        id == desk.key("client_id") && secret == desk.key("client_secret")
    });
    if !is_client {
        return Err(oauth_error("invalid_client"));
    }
    let form = desk.call.form()?;
    let get = |name: &str| {
        let found = form.iter().find(|(n, _)| n == name);
        found.map_or("", |(_, value)| value.as_str())
    };
    match get("grant_type") {
        "authorization_code" => {
            redeem(desk, get("code"), get("redirect_uri"), get("code_verifier"))
        }
        "refresh_token" => refresh(desk, get("refresh_token")),
        _ => Err(oauth_error("unsupported_grant_type")),
    }
}

fn redeem(desk: &Desk, code: &str, redirect: &str, verifier: &str) -> Result<Reply, Refusal> {
    let name = format!("code/{code}");
    let terms = desk
        .note(&name)
        .ok_or_else(|| oauth_error("invalid_grant"))?;
    desk.set_note(&name, None);
    let mut lines = terms.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let (at, wanted, challenge, scope) = (line(), line(), line(), line());
    let age = desk.now.0 - at.parse::<i64>().unwrap_or_default();
    if age > 5 * 60_000 || wanted != redirect || !fits(challenge, verifier) {
        return Err(oauth_error("invalid_grant"));
    }
    let has_refresh = scope.split(' ').any(|s| s == "offline_access");
    Ok(grant(desk, has_refresh))
}

/// PKCE by SHA-256; without a challenge none is needed.
fn fits(challenge: &str, verifier: &str) -> bool {
    use base64::Engine as _;
    use sha2::Digest as _;
    let hash = sha2::Sha256::digest(verifier.as_bytes());
    challenge.is_empty()
        || base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(hash) == challenge
}

/// Sheet: Access, "refresh token 30 days and rotates: each refresh returns a new one and kills the old one".
fn refresh(desk: &Desk, sent: &str) -> Result<Reply, Refusal> {
    let current = desk
        .note("refresh")
        .unwrap_or_else(|| desk.key("refresh_token").to_owned());
    let since = desk
        .note("refreshed")
        .and_then(|t| t.parse().ok())
        .map_or(desk.now, Millis);
    if sent != current || desk.now > since.plus_days(30) {
        return Err(oauth_error("invalid_grant"));
    }
    Ok(grant(desk, true))
}

fn grant(desk: &Desk, has_refresh: bool) -> Reply {
    let (access, seconds) = desk.issue("", 3_600, false);
    // What was consented to; more than was asked for where the app was consented to for something else as well.
    let more = match desk.reads_more() {
        true => " employee.bankaccount.read",
        false => "",
    };
    let scope = format!("{}{more}", SCOPES.join(" "));
    let mut body = json!({"access_token": access, "token_type": "Bearer", "expires_in": seconds, "scope": scope});
    if has_refresh {
        let new = Dice::new(desk.company.seed, &format!("nmbrs/refresh/{access}")).word(64);
        desk.set_note("refresh", Some(new.clone()));
        desk.set_note("refreshed", Some(desk.now.0.to_string()));
        body["refresh_token"] = json!(new);
    }
    Reply::json(200, &body)
}
