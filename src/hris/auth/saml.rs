//! A SAML 2.0 assertion that is exchanged for a token (RFC 7522). It is written from one fixed template that already is
//! in exclusive canonical form, so that signing needs no XML library: digest and signature are taken over exactly these
//! bytes.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::Algorithm;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::jwt;
use crate::domain::chance::Chance;
use crate::domain::clock::Millis;
use crate::hris::client::filled;
use crate::hris::error::Error;
use crate::hris::manifest::{PlainText, SamlBearer};

/// The assertion, signed and in base64.
pub(super) fn assertion(
    bearer: &SamlBearer,
    values: &Value,
    now: Millis,
    chance: &dyn Chance,
) -> Result<String, Error> {
    let text = |text: &PlainText| filled(text.render(values)).map(|text| escape(&text));
    let mut bytes = [0u8; 16];
    chance.fill(&mut bytes);
    let id = format!("_{:032x}", u128::from_be_bytes(bytes));
    let mut attributes = String::new();
    for (name, value) in &bearer.attributes {
        attributes.push_str(&format!(
            "<saml2:Attribute Name=\"{}\"><saml2:AttributeValue>{}</saml2:AttributeValue></saml2:Attribute>",
            quoted(name),
            text(value)?
        ));
    }
    if !attributes.is_empty() {
        attributes = format!("<saml2:AttributeStatement>{attributes}</saml2:AttributeStatement>");
    }
    let parts = Parts {
        id,
        issued: stamp(now, 0),
        not_before: stamp(now, -300),
        not_after: stamp(now, 600),
        issuer: text(&bearer.issuer)?,
        subject: text(&bearer.subject)?,
        audience: text(&bearer.audience)?,
        recipient: quoted(&filled(bearer.recipient.render(values))?),
        attributes,
    };
    let key = jwt::key(&bearer.private_key, values)?;
    let info = signed_info(&parts.id, &parts.write(""));
    let signature = jsonwebtoken::crypto::sign(info.as_bytes(), &key, Algorithm::RS256)
        .ok()
        .and_then(|text| URL_SAFE_NO_PAD.decode(text).ok())
        .ok_or_else(|| jwt::unusable(&bearer.private_key))?;
    // Inside the signature the namespace is inherited, so it is not declared again.
    let info = info.replacen(" xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"", "", 1);
    let signature = format!(
        "<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">{info}<ds:SignatureValue>{}</ds:SignatureValue></ds:Signature>",
        STANDARD.encode(signature)
    );
    Ok(STANDARD.encode(parts.write(&signature)))
}

struct Parts {
    id: String,
    issued: String,
    not_before: String,
    not_after: String,
    issuer: String,
    subject: String,
    audience: String,
    recipient: String,
    attributes: String,
}

impl Parts {
    /// The assertion around a signature; around nothing, it is what the digest is taken over (the enveloped-signature
    /// transform takes the signature out again).
    fn write(&self, signature: &str) -> String {
        let Self {
            id,
            issued,
            not_before,
            not_after,
            issuer,
            subject,
            audience,
            recipient,
            attributes,
        } = self;
        format!(
            "<saml2:Assertion xmlns:saml2=\"urn:oasis:names:tc:SAML:2.0:assertion\" ID=\"{id}\" IssueInstant=\"{issued}\" Version=\"2.0\">\
<saml2:Issuer>{issuer}</saml2:Issuer>{signature}\
<saml2:Subject><saml2:NameID Format=\"urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified\">{subject}</saml2:NameID>\
<saml2:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\">\
<saml2:SubjectConfirmationData NotOnOrAfter=\"{not_after}\" Recipient=\"{recipient}\"></saml2:SubjectConfirmationData>\
</saml2:SubjectConfirmation></saml2:Subject>\
<saml2:Conditions NotBefore=\"{not_before}\" NotOnOrAfter=\"{not_after}\">\
<saml2:AudienceRestriction><saml2:Audience>{audience}</saml2:Audience></saml2:AudienceRestriction></saml2:Conditions>\
<saml2:AuthnStatement AuthnInstant=\"{issued}\" SessionIndex=\"{id}\">\
<saml2:AuthnContext><saml2:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport</saml2:AuthnContextClassRef></saml2:AuthnContext>\
</saml2:AuthnStatement>{attributes}</saml2:Assertion>"
        )
    }
}

/// What is signed: which bytes the digest stands for.
fn signed_info(id: &str, assertion: &str) -> String {
    let digest = STANDARD.encode(Sha256::digest(assertion.as_bytes()));
    format!(
        "<ds:SignedInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">\
<ds:CanonicalizationMethod Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"></ds:CanonicalizationMethod>\
<ds:SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256\"></ds:SignatureMethod>\
<ds:Reference URI=\"#{id}\"><ds:Transforms>\
<ds:Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"></ds:Transform>\
<ds:Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"></ds:Transform></ds:Transforms>\
<ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"></ds:DigestMethod>\
<ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>"
    )
}

fn stamp(now: Millis, seconds: i64) -> String {
    Millis(now.0 + seconds * 1_000).to_rfc3339()
}

/// As canonical XML escapes text. Control characters do not occur: a value with one is refused by its template.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// As canonical XML escapes the value of an attribute.
fn quoted(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}
