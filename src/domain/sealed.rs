//! Secrets at rest: texts that are never shown, and the keys that seal them (XChaCha20-Poly1305). Pure: nonces are
//! arguments. A sealed text opens only in the place that it was sealed for, with the key that sealed it.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use super::audit::sha256_hex;

/// Bytes of a nonce: enough of them for one drawn at random never to come twice.
pub const NONCE: usize = 24;

/// Bytes of a key.
pub const KEY: usize = 32;

/// A text that is never printed, and wiped from memory when it is no longer needed.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Takes a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// Where a secret belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// Tenant.
    pub tenant: &'a str,
    /// Connection.
    pub connection: &'a str,
    /// What the connector calls it.
    pub name: &'a str,
}

impl Place<'_> {
    /// The place and the key, each part with its length, so that no two of them read alike.
    fn bound(&self, key: &str) -> Vec<u8> {
        let mut bytes = b"rosterd-secret-1".to_vec();
        for part in [self.tenant, self.connection, self.name, key] {
            bytes.extend((part.len() as u64).to_be_bytes());
            bytes.extend(part.as_bytes());
        }
        bytes
    }
}

/// A secret as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Id of the key that opens it.
    pub key_id: String,
    /// base64url of nonce and ciphertext.
    pub text: String,
}

/// Why a sealed text does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// The key with its id is not here.
    NoKey,
    /// It is not what was sealed with that key for that place.
    Damaged,
}

/// Names a key without telling anything about it: 16 hex digits of a hash.
pub fn key_id(key: &[u8; KEY]) -> String {
    let hash = sha256_hex(&[b"rosterd-key-id-1".as_slice(), key].concat());
    hash.chars().take(16).collect()
}

/// The keys of this process: the first one seals, all of them open.
#[derive(Default)]
pub struct Keyring(Vec<(String, XChaCha20Poly1305)>);

impl Keyring {
    /// With the key that seals, and former ones. For secrets a key of its own is derived from each.
    pub fn new(current: &[u8; KEY], previous: &[[u8; KEY]]) -> Self {
        let mut keys: Vec<(String, XChaCha20Poly1305)> = Vec::new();
        for key in std::iter::once(current).chain(previous) {
            let id = key_id(key);
            if !keys.iter().any(|(known, _)| *known == id) {
                let mut derived: [u8; KEY] =
                    Sha256::digest([b"rosterd-secret-key-1".as_slice(), key].concat()).into();
                keys.push((id, XChaCha20Poly1305::new(&derived.into())));
                derived.zeroize();
            }
        }
        Self(keys)
    }

    /// Id of the key that seals; `None` if there is no key at all.
    pub fn current(&self) -> Option<&str> {
        self.0.first().map(|(id, _)| id.as_str())
    }

    /// Ids of all keys, the one that seals first.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(id, _)| id.as_str())
    }

    /// Whether the key with this id is here.
    pub fn has(&self, id: &str) -> bool {
        self.ids().any(|known| known == id)
    }

    /// Seals a secret for its place, with a nonce that was drawn at random; `None` without a key.
    pub fn seal(
        &self,
        place: Place<'_>,
        secret: &SecretText,
        nonce: [u8; NONCE],
    ) -> Option<Sealed> {
        self.seal_bytes(place, secret.expose().as_bytes(), nonce)
    }

    /// Seals bytes for their place; as [`Self::seal`].
    pub fn seal_bytes(&self, place: Place<'_>, bytes: &[u8], nonce: [u8; NONCE]) -> Option<Sealed> {
        let (id, cipher) = self.0.first()?;
        let payload = Payload {
            msg: bytes,
            aad: &place.bound(id),
        };
        let sealed = cipher.encrypt(&XNonce::from(nonce), payload).ok()?;
        Some(Sealed {
            key_id: id.clone(),
            text: URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat()),
        })
    }

    /// Opens a secret in its place.
    ///
    /// # Errors
    /// The key is not here, or it was not sealed so.
    pub fn open(&self, place: Place<'_>, sealed: &Sealed) -> Result<SecretText, Closed> {
        let plain = self.open_bytes(place, sealed)?;
        let text = std::str::from_utf8(&plain).map_err(|_| Closed::Damaged)?;
        Ok(SecretText::new(text))
    }

    /// Opens bytes in their place.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_bytes(
        &self,
        place: Place<'_>,
        sealed: &Sealed,
    ) -> Result<Zeroizing<Vec<u8>>, Closed> {
        let key = self.0.iter().find(|(id, _)| *id == sealed.key_id);
        let (id, cipher) = key.ok_or(Closed::NoKey)?;
        let bytes = URL_SAFE_NO_PAD.decode(&sealed.text);
        let bytes = bytes.map_err(|_| Closed::Damaged)?;
        let (nonce, text) = bytes.split_first_chunk::<NONCE>().ok_or(Closed::Damaged)?;
        let payload = Payload {
            msg: text,
            aad: &place.bound(id),
        };
        let plain = cipher.decrypt(&XNonce::from(*nonce), payload);
        Ok(Zeroizing::new(plain.map_err(|_| Closed::Damaged)?))
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.ids()).finish()
    }
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "tests")]
mod tests {
    use super::*;

    const HERE: Place<'_> = Place {
        tenant: "t",
        connection: "c",
        name: "api_key",
    };

    #[test]
    fn a_secret_opens_only_in_its_place_and_with_its_key() {
        let ring = Keyring::new(&[7; KEY], &[]);
        let secret = SecretText::new("hunter2");
        let sealed = ring.seal(HERE, &secret, [1; NONCE]).expect("a key");
        assert_eq!(ring.open(HERE, &sealed), Ok(secret));
        let elsewhere = [
            Place {
                tenant: "u",
                ..HERE
            },
            Place {
                connection: "d",
                ..HERE
            },
            Place {
                name: "token",
                ..HERE
            },
            // The same letters, otherwise divided.
            Place {
                tenant: "tc",
                connection: "",
                ..HERE
            },
        ];
        for place in elsewhere {
            assert_eq!(ring.open(place, &sealed), Err(Closed::Damaged), "{place:?}");
        }
        let other = Keyring::new(&[8; KEY], &[]);
        assert_eq!(other.open(HERE, &sealed), Err(Closed::NoKey));
        let claimed = Sealed {
            key_id: key_id(&[8; KEY]),
            ..sealed.clone()
        };
        assert_eq!(other.open(HERE, &claimed), Err(Closed::Damaged));
        for i in 0..sealed.text.len() {
            let mut forged = sealed.clone().text.into_bytes();
            forged[i] = if forged[i] == b'A' { b'B' } else { b'A' };
            let forged = Sealed {
                text: String::from_utf8(forged).expect("ASCII"),
                ..sealed.clone()
            };
            assert_eq!(ring.open(HERE, &forged), Err(Closed::Damaged), "{forged:?}");
        }
    }

    #[test]
    fn the_first_key_seals_and_former_ones_open() {
        let old = Keyring::new(&[7; KEY], &[]);
        let secret = SecretText::new("hunter2");
        let sealed = old.seal(HERE, &secret, [1; NONCE]).expect("a key");
        let both = Keyring::new(&[8; KEY], &[[7; KEY], [8; KEY]]);
        assert_eq!(both.ids().count(), 2);
        assert_eq!(both.open(HERE, &sealed), Ok(secret.clone()));
        let again = both.seal(HERE, &secret, [2; NONCE]).expect("a key");
        assert_eq!(Some(again.key_id.as_str()), both.current());
        assert_eq!(old.open(HERE, &again), Err(Closed::NoKey));
        assert_eq!(Keyring::default().seal(HERE, &secret, [2; NONCE]), None);
    }

    #[test]
    fn nothing_secret_is_printed() {
        let ring = Keyring::new(&[7; KEY], &[]);
        let secret = SecretText::new("hunter2");
        let sealed = ring.seal(HERE, &secret, [1; NONCE]);
        let printed = format!("{secret:?} {ring:?} {sealed:?}");
        assert!(!printed.contains("hunter2"), "{printed}");
        assert!(printed.starts_with("(hidden)"), "{printed}");
    }
}
