//! The service account and its token.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use crate::cli::simulate::hris::call::{Refusal, Reply};
use crate::cli::simulate::hris::desk::Desk;
use crate::cli::simulate::hris::dice::Dice;
use crate::cli::simulate::hris::keys;

use super::ADMINISTRATOR;

const SCOPE: &str = "https://www.googleapis.com/auth/admin.directory.user.readonly";
const SCOPES: &[&str] = &[
    SCOPE,
    "https://www.googleapis.com/auth/admin.directory.orgunit.readonly",
    "https://www.googleapis.com/auth/admin.directory.group.readonly",
];
const AUDIENCE: &str = "https://oauth2.googleapis.com/token";

fn client_email(seed: u64) -> String {
    let word = Dice::new(seed, "google/account").hex(8);
    format!("roster-{word}@kestrel-hr.iam.gserviceaccount.com")
}

/// Sheet: Access, "the JSON key file (contains client_email, private_key, token_uri)".
pub(super) fn service_account(seed: u64) -> String {
    json!({
        "type": "service_account", "project_id": "kestrel-hr",
        "private_key_id": Dice::new(seed, "google/key").hex(40), "private_key": keys::PRIVATE,
        "client_email": client_email(seed), "client_id": "100000000000000000077",
        "token_uri": AUDIENCE,
    })
    .to_string()
}

fn oauth_error(status: u16, error: &str, why: &str) -> Refusal {
    let body = json!({"error": error, "error_description": why});
    Refusal::Special(Box::new(Reply::json(status, &body)))
}

/// Sheet: Access, steps 1 to 3.
pub(super) fn token(desk: &Desk) -> Result<Reply, Refusal> {
    let form = desk.call.form()?;
    let get = |name: &str| {
        let found = form.iter().find(|(n, _)| n == name);
        found.map_or("", |(_, value)| value.as_str())
    };
    if get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
        return Err(oauth_error(
            400,
            "unsupported_grant_type",
            "Invalid grant_type",
        ));
    }
    let claims = claims(get("assertion"))
        .ok_or_else(|| oauth_error(400, "invalid_grant", "Invalid JWT Signature."))?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    let time = |name: &str| claims.get(name).and_then(Value::as_i64).unwrap_or_default();
    let now = desk.now.0 / 1_000;
    let (issued, until) = (time("iat"), time("exp"));
    // "exp = now + at most 3600"; "invalid_grant = unknown subject or clock skew"
    if text("iss") != client_email(desk.company.seed) || text("aud") != AUDIENCE {
        return Err(oauth_error(
            400,
            "invalid_grant",
            "Invalid issuer or audience",
        ));
    }
    if issued > now + 300 || until <= now || until - issued > 3_600 {
        return Err(oauth_error(
            400,
            "invalid_grant",
            "Invalid JWT: check the clock",
        ));
    }
    if text("sub") != ADMINISTRATOR {
        return Err(oauth_error(
            400,
            "invalid_grant",
            "Invalid email or User ID",
        ));
    }
    let mut scopes = text("scope").split(' ');
    if scopes.clone().all(|s| s != SCOPE) || scopes.any(|s| !SCOPES.contains(&s)) {
        let why = "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.";
        return Err(oauth_error(401, "unauthorized_client", why));
    }
    let (token, seconds) = desk.issue("ya29.", 3_600, false);
    Ok(Reply::json(
        200,
        &json!({"access_token": token, "expires_in": seconds, "token_type": "Bearer"}),
    ))
}

/// The claims of a token that the key signed with RS256.
fn claims(assertion: &str) -> Option<Map<String, Value>> {
    let (message, signature) = assertion.rsplit_once('.')?;
    let (header, payload) = message.split_once('.')?;
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
    if header["alg"] != "RS256" || header["typ"] != "JWT" {
        return None;
    }
    let is_signed = keys::is_signed(message.as_bytes(), signature);
    let claims = URL_SAFE_NO_PAD.decode(payload).ok()?;
    is_signed
        .then(|| serde_json::from_slice(&claims).ok())
        .flatten()
}
