//! Consent in the browser (RFC 6749 §4.1 with PKCE, RFC 7636): the address at which the vendor asks for it, and the code
//! that comes back. Who asked, and that a code is used once, is the service's matter.

use reqwest::Url;
use serde_json::Value;

use crate::domain::sealed::SecretText;
use crate::hris::client::{Endpoint, encode, filled};
use crate::hris::error::{Error, Kind};
use crate::hris::manifest::{Auth, Manifest};
use crate::hris::values::Values;

/// What came back from the vendor, with what proves that we asked for it.
#[derive(Debug, Clone)]
pub struct Code {
    /// The code; it works once.
    pub code: SecretText,
    /// The secret behind the challenge that was sent.
    pub verifier: SecretText,
    /// The address to which the browser was sent back.
    pub redirect: String,
}

/// What the vendor is asked with.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// Where the browser is to be sent back to.
    pub redirect: &'a str,
    /// What it must bring back.
    pub state: &'a str,
    /// SHA-256 of the verifier, in base64url.
    pub challenge: &'a str,
}

/// The address at which an administrator consents; with an endpoint, there. Errors (kind settings): `consent.none` for a
/// connector that needs none, and those of templates and addresses.
pub fn address(
    manifest: &Manifest,
    values: &Values,
    endpoint: Option<&Endpoint>,
    ask: &Ask<'_>,
) -> Result<String, Error> {
    let Auth::AuthorizationCode {
        endpoint: token,
        authorize,
        scope,
        ..
    } = &manifest.auth
    else {
        return Err(Error::new(Kind::Settings, "consent.none").with("connector", &manifest.slug));
    };
    let values = Value::Object(values.all().clone());
    let url = filled(authorize.render(&values))?;
    let mut url = Url::parse(&url)
        .map_err(|what| Error::new(Kind::Settings, "address").with("what", what))?;
    if let Some(endpoint) = endpoint {
        url = endpoint.map(&url)?;
    }
    let scope = match scope {
        Some(scope) => filled(scope.render(&values))?,
        None => String::new(),
    };
    let client = filled(token.client_id.render(&values))?;
    let pairs = [
        ("response_type", "code"),
        ("client_id", &client),
        ("redirect_uri", ask.redirect),
        ("scope", &scope),
        ("state", ask.state),
        ("code_challenge", ask.challenge),
        ("code_challenge_method", "S256"),
    ];
    let sent = pairs.iter().filter(|(_, value)| !value.is_empty());
    let query: Vec<String> = sent
        .map(|(name, value)| format!("{name}={}", encode(value)))
        .collect();
    url.set_query(Some(&query.join("&")));
    Ok(url.into())
}
