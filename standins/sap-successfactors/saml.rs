//! The SAML assertion that is exchanged for a token.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::cli::simulate::hris::desk::Desk;
use crate::cli::simulate::hris::keys;
use crate::cli::simulate::hris::xml::{Element, elements};
use crate::domain::clock::Millis;

use super::API_SERVER;

const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";

/// The first element of this local name, as it stands in the text: with its tags.
fn slice<'x>(xml: &'x str, name: &str) -> Option<&'x str> {
    let mut from = 0;
    loop {
        let at = from + xml[from..].find('<')?;
        let rest = &xml[at + 1..];
        let tag = &rest[..rest.find([' ', '>', '/', '\n'])?];
        if tag.rsplit(':').next() == Some(name) {
            let close = format!("</{tag}>");
            let end = at + xml[at..].find(&close)? + close.len();
            return Some(&xml[at..end]);
        }
        from = at + 1;
    }
}

/// Verifies an enveloped signature over an assertion that is already in exclusive canonical form: RSA with SHA-256.
pub(super) fn check_signature(xml: &str) -> Result<(), &'static str> {
    let signature = slice(xml, "Signature").ok_or("The assertion is not signed")?;
    let info = slice(signature, "SignedInfo").ok_or("SignedInfo is missing")?;
    let all = elements(xml).ok_or("The assertion is no XML")?;
    let find = |end: &str| all.iter().find(|e| e.path.ends_with(end));
    let algorithm = |end: &str| {
        find(end)
            .and_then(|e| e.attribute("Algorithm"))
            .unwrap_or_default()
    };
    if algorithm("SignedInfo/CanonicalizationMethod") != "http://www.w3.org/2001/10/xml-exc-c14n#"
        || algorithm("SignedInfo/SignatureMethod")
            != "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
        || algorithm("Reference/DigestMethod") != "http://www.w3.org/2001/04/xmlenc#sha256"
    {
        return Err("An algorithm of the signature is not supported");
    }
    let root = all.first().ok_or("The assertion is empty")?;
    let id = root.attribute("ID").unwrap_or_default();
    let refers = find("SignedInfo/Reference").and_then(|e| e.attribute("URI"));
    if root.path != "Assertion" || id.is_empty() || refers != Some(format!("#{id}").as_str()) {
        return Err("The signature is not over the assertion");
    }
    let signed = xml.replacen(signature, "", 1);
    if signed.contains("/>") || signed.starts_with("<?xml") || signed.contains('\r') {
        return Err("The assertion is not in canonical form");
    }
    let digest = {
        use sha2::Digest as _;
        STANDARD.encode(sha2::Sha256::digest(signed.as_bytes()))
    };
    let said = find("Reference/DigestValue").map(|e| e.text.as_str());
    if said != Some(digest.as_str()) {
        return Err("The digest of the assertion is wrong");
    }
    let value = find("Signature/SignatureValue").map_or("", |e| e.text.as_str());
    match keys::is_signed(canonical_info(info).as_bytes(), value) {
        true => Ok(()),
        false => Err("The signature is wrong"),
    }
}

/// `SignedInfo` alone: in exclusive canonical form it declares the namespace that it inherits.
fn canonical_info(info: &str) -> String {
    if info[..info.find('>').unwrap_or(info.len())].contains(DSIG) {
        return info.to_owned();
    }
    let end = info.find([' ', '>']).unwrap_or(info.len());
    let declared = match info[1..end].split_once(':') {
        Some((prefix, _)) => format!(" xmlns:{prefix}=\"{DSIG}\""),
        None => format!(" xmlns=\"{DSIG}\""),
    };
    format!("{}{declared}{}", &info[..end], &info[end..])
}

/// Sheet: Access, step 3: audience, recipient, NameID, `api_key`, and that it is now.
pub(super) fn check_conditions(desk: &Desk, xml: &str) -> Result<(), String> {
    let all = elements(xml).ok_or("The assertion is no XML")?;
    let find = |end: &str| all.iter().find(|e| e.path.ends_with(end));
    let text = |end: &str| find(end).map_or("", |e: &Element| e.text.as_str());
    let said = |end: &str, name: &str| {
        find(end)
            .and_then(|e| e.attribute(name))
            .unwrap_or_default()
            .to_owned()
    };
    let recipient = format!("https://{API_SERVER}/oauth/token");
    let key = all
        .iter()
        .position(|e| e.attribute("Name") == Some("api_key"));
    let key = key
        .and_then(|at| all.get(at + 1))
        .map_or("", |e| e.text.as_str());
    for (what, is, wanted) in [
        ("Issuer", text("Assertion/Issuer"), "www.successfactors.com"),
        (
            "Audience",
            text("AudienceRestriction/Audience"),
            "www.successfactors.com",
        ),
        ("NameID", text("Subject/NameID"), desk.key("api_user")),
        ("api_key", key, desk.key("api_key")),
        (
            "Recipient",
            &said("SubjectConfirmationData", "Recipient"),
            &recipient,
        ),
    ] {
        if is != wanted {
            return Err(format!("{what} of the assertion is wrong"));
        }
    }
    let time = |end: &str, name: &str| Millis::from_rfc3339(&said(end, name));
    let skew = 5 * 60_000;
    let is_late = |t: Option<Millis>| t.is_none_or(|t| t.0 + skew <= desk.now.0);
    if is_late(time("Conditions", "NotOnOrAfter"))
        || is_late(time("SubjectConfirmationData", "NotOnOrAfter"))
        || time("Conditions", "NotBefore").is_some_and(|t| t.0 - skew > desk.now.0)
    {
        return Err("The assertion is not valid now".to_owned());
    }
    Ok(())
}
