//! What stands behind `/invite/` in a link: the tenant and 256 random bits, of which the database knows the hash only.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::audit::sha256_hex;
use crate::domain::ids::TenantId;
use crate::domain::sealed::SecretText;

/// Random bytes of a token.
pub(super) const SECRET: usize = 32;
/// Bytes of a tenant's id.
const TENANT: usize = 16;

/// A token of a tenant; `None` for a tenant whose id is no UUID, which no tenant has.
pub(super) fn make(tenant: &TenantId, secret: [u8; SECRET]) -> Option<SecretText> {
    let tenant = uuid::Uuid::parse_str(tenant.as_str()).ok()?;
    let bytes = [tenant.as_bytes().as_slice(), &secret].concat();
    Some(SecretText::new(URL_SAFE_NO_PAD.encode(bytes)))
}

/// The tenant that a token names, and its hash; `None`: it is no token.
pub(super) fn parse(text: &str) -> Option<(TenantId, String)> {
    // The alphabet has one spelling of these bytes.
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    if bytes.len() != TENANT + SECRET {
        return None;
    }
    let tenant = uuid::Uuid::from_slice(bytes.get(..TENANT)?).ok()?;
    let tenant = TenantId::new(tenant.hyphenated().to_string());
    Some((tenant, hash(text)))
}

/// What the database knows of a token.
pub(super) fn hash(text: &str) -> String {
    sha256_hex(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_tenant_and_nothing_else_is_one() {
        let tenant = TenantId::new("01977e60-2f4b-7c11-9d0e-5a3c8b7f1e20");
        let token = make(&tenant, [7; SECRET]);
        let text = token.as_ref().map(SecretText::expose).unwrap_or_default();
        assert_eq!(text.len(), 64);
        assert_eq!(parse(text), Some((tenant, hash(text))));
        let long = format!("{text}AAAA");
        for wrong in [
            "",
            "x",
            &text[..63],
            &long,
            &text.replace('B', "+"),
            "../..",
        ] {
            if wrong != text {
                assert_eq!(parse(wrong), None, "{wrong}");
            }
        }
        assert!(make(&TenantId::new("default"), [7; SECRET]).is_none());
    }
}
