//! A JWT that is exchanged for a token (RFC 7523), signed with RS256.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Map, Value, json};

use crate::domain::clock::Millis;
use crate::hris::client::filled;
use crate::hris::error::{Error, Kind};
use crate::hris::manifest::{JwtBearer, Path};

/// The signed assertion; it lives for an hour, the longest that is usual.
pub(super) fn assertion(bearer: &JwtBearer, values: &Value, now: Millis) -> Result<String, Error> {
    let seconds = now.0.div_euclid(1_000);
    let mut claims = Map::new();
    claims.insert(
        "iss".to_owned(),
        json!(filled(bearer.issuer.render(values))?),
    );
    claims.insert(
        "aud".to_owned(),
        json!(filled(bearer.audience.render(values))?),
    );
    claims.insert("iat".to_owned(), json!(seconds));
    claims.insert("exp".to_owned(), json!(seconds + 3_600));
    for (name, text) in [("sub", &bearer.subject), ("scope", &bearer.scope)] {
        if let Some(text) = text {
            claims.insert(name.to_owned(), json!(filled(text.render(values))?));
        }
    }
    let mut header = Header::new(Algorithm::RS256);
    if let Some(text) = &bearer.key_id {
        header.kid = Some(filled(text.render(values))?).filter(|kid| !kid.is_empty());
    }
    let key = key(&bearer.private_key, values)?;
    jsonwebtoken::encode(&header, &Value::Object(claims), &key)
        .map_err(|_| unusable(&bearer.private_key))
}

/// A claim of a token that the vendor made: it is for the vendor to check, and nothing is decided by it. None where the
/// token is no JWT.
pub(super) fn claim(token: &str, name: &str) -> Option<Value> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    claims.get(name).cloned()
}

/// The RSA key at a path of the values, in PEM. Errors (kind settings): `auth.key`, which never holds the key.
pub(super) fn key(path: &Path, values: &Value) -> Result<EncodingKey, Error> {
    let pem = path.text(values).ok_or_else(|| unusable(path))?;
    // Pasted from a JSON document by hand, the line ends are often still escaped.
    let pem = pem.replace("\\n", "\n");
    EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(|_| unusable(path))
}

pub(super) fn unusable(path: &Path) -> Error {
    Error::new(Kind::Settings, "auth.key")
        .with("field", path)
        .with("want", "an RSA private key in PEM")
}
