//! Cursors (RFC 9865): the place after a page, sealed. A cursor is of use only to the reader and the query that it was
//! made for; to anybody else it is one that this server never made.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::http::call::Call;
use crate::scim::error::{Error, Result};
use crate::scim::list::{CURSOR_TIMEOUT, ListQuery};
use crate::scim::schema::ResourceKind;
use crate::storage::order::Mark;

/// Bytes of a nonce: enough of them for one drawn at random never to come twice.
const NONCE: usize = 24;

/// Seals cursors; every process with the same secret opens them.
pub struct Seal(XChaCha20Poly1305);

impl Seal {
    /// With a key of its own, derived from the installation's secret key.
    pub fn new(secret: &[u8; 32]) -> Self {
        let key = Sha256::digest([b"rosterd-cursor-1".as_slice(), secret].concat());
        Self(XChaCha20Poly1305::new(&key))
    }

    /// The text of a cursor; `bound` is what it is good for. `None` never happens for places of this size.
    pub fn seal(&self, nonce: [u8; NONCE], place: &Place, bound: &[u8]) -> Option<String> {
        let plain = serde_json::to_vec(place).ok()?;
        self.close(nonce, &plain, bound)
    }

    /// The place that a text names, if this server made it for the same `bound`; `now` in milliseconds.
    ///
    /// # Errors
    /// `invalidCursor`, `expiredCursor`.
    pub fn place(&self, text: &str, bound: &[u8], now: i64) -> Result<Place> {
        let plain = self.open(text, bound);
        let place = plain.and_then(|plain| serde_json::from_slice::<Place>(&plain).ok());
        let place = place.ok_or_else(|| {
            Error::invalid_cursor(
                "`cursor` was not made for this query: repeat the other parameters of the request that gave it, or \
                 begin again with an empty one",
            )
        })?;
        if now.saturating_sub(place.at) > CURSOR_TIMEOUT * 1_000 {
            return Err(Error::expired_cursor(format!(
                "a cursor may be used for {CURSOR_TIMEOUT} seconds: begin again with an empty one"
            )));
        }
        Ok(place)
    }

    fn close(&self, nonce: [u8; NONCE], plain: &[u8], bound: &[u8]) -> Option<String> {
        let payload = Payload {
            msg: plain,
            aad: bound,
        };
        let sealed = self.0.encrypt(&XNonce::from(nonce), payload).ok()?;
        Some(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat()))
    }

    fn open(&self, text: &str, bound: &[u8]) -> Option<Vec<u8>> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE>()?;
        let payload = Payload {
            msg: sealed,
            aad: bound,
        };
        self.0.decrypt(&XNonce::from(*nonce), payload).ok()
    }
}

/// What a cursor holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// When it was made, in milliseconds.
    pub at: i64,
    /// Size of the pages.
    pub count: i64,
    /// What the last row of the page is sorted by.
    pub key: Option<String>,
    /// Its id.
    pub id: String,
}

/// Reader and query, each part with its length, so that no two of them read alike.
fn bound(call: &Call, kind: ResourceKind, query: &ListQuery) -> Result<Vec<u8>> {
    let context = call.context()?;
    let connection = context.connection.as_ref().map(|c| c.id.as_str());
    let order = if query.descending { "d" } else { "a" };
    let parts = [
        Some(context.tenant.as_str()),
        Some(context.role.as_str()),
        connection,
        Some(kind.endpoint()),
        query.filter.as_deref(),
        query.sort_by.as_deref(),
        Some(order),
    ];
    let mut bytes = Vec::new();
    for part in parts {
        match part {
            None => bytes.push(0),
            Some(text) => {
                bytes.push(1);
                bytes.extend((text.len() as u64).to_be_bytes());
                bytes.extend(text.as_bytes());
            }
        }
    }
    Ok(bytes)
}

/// The cursor of the page after a row.
///
/// # Errors
/// Never for a request that has a reader.
pub(super) fn seal(
    call: &Call,
    kind: ResourceKind,
    query: &ListQuery,
    mark: &Mark,
) -> Result<String> {
    let store = &call.state.service.store;
    let place = Place {
        at: store.clock().now().0,
        count: query.count,
        key: mark.key.clone(),
        id: mark.id.clone(),
    };
    let mut nonce = [0; NONCE];
    store.chance().fill(&mut nonce);
    let sealed = call
        .state
        .seal
        .seal(nonce, &place, &bound(call, kind, query)?);
    sealed.ok_or_else(|| Error::plain(500, "the cursor of the next page could not be made"))
}

/// The place that a cursor names.
///
/// # Errors
/// `invalidCursor` for whatever was not made for this reader and this query, `expiredCursor`, `invalidCount` for pages
/// of another size.
pub(super) fn open(call: &Call, kind: ResourceKind, query: &ListQuery, text: &str) -> Result<Mark> {
    let bound = bound(call, kind, query)?;
    let now = call.state.service.store.clock().now().0;
    let place = call.state.seal.place(text, &bound, now)?;
    if place.count != query.count {
        return Err(Error::invalid_count(format!(
            "this cursor is for pages of {}: repeat that `count`; got {}",
            place.count, query.count
        )));
    }
    Ok(Mark {
        key: place.key,
        id: place.id,
    })
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "tests")]
mod tests {
    use super::*;

    // checklist: 180
    #[test]
    fn a_seal_opens_only_what_it_closed_for_the_same_query() {
        let seal = Seal::new(&[7; 32]);
        let text = seal.close([1; NONCE], b"place", b"query").expect("sealed");
        assert_eq!(seal.open(&text, b"query").as_deref(), Some(&b"place"[..]));
        assert_eq!(seal.open(&text, b"another"), None);
        assert_eq!(Seal::new(&[8; 32]).open(&text, b"query"), None);
        for i in 0..text.len() {
            let mut forged = text.clone().into_bytes();
            forged[i] = if forged[i] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).expect("ASCII");
            assert_eq!(seal.open(&forged, b"query"), None, "{forged}");
            assert_eq!(seal.open(&text[..i], b"query"), None);
        }
        assert!(
            text.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        );
    }
}
