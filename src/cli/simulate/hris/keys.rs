//! The RSA key pair that stand-ins hand out. Making one from a seed would need arithmetic that nothing else here
//! needs, so it is always the same one, and nobody's.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey};

/// The private half, which an administrator pastes.
pub const PRIVATE: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/standins/keys/private.pem"
));

const PUBLIC: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/standins/keys/public.pem"
));

/// Whether the signature (base64, of whichever alphabet) is that of RSA with SHA-256 over the message.
pub fn is_signed(message: &[u8], signature: &str) -> bool {
    let plain: String = signature.split_whitespace().collect();
    let bytes = STANDARD
        .decode(&plain)
        .or_else(|_| URL_SAFE_NO_PAD.decode(&plain));
    let (Ok(bytes), Ok(key)) = (bytes, DecodingKey::from_rsa_pem(PUBLIC.as_bytes())) else {
        return false;
    };
    let signature = URL_SAFE_NO_PAD.encode(bytes);
    jsonwebtoken::crypto::verify(&signature, message, &key, Algorithm::RS256).unwrap_or(false)
}
