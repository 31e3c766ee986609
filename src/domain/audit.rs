//! The facts of the journal: entries, commitments and the hash chain (SEMANTICS §4). Pure: the writer in `storage`
//! stores them, `docs/JOURNAL.md` describes the bytes for somebody who checks them with another program.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::clock::Millis;

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// `token`, `admin`, `connection`, `operator` (at the shell), `system`.
    pub kind: String,
    /// Id of the credential, person or connection; empty for operator and system.
    pub id: String,
}

/// On whose behalf or why it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// `request`, `session` (of a connection that pushes), `run`, `undo` (of the run or session with this id), `invitation`,
    /// `command`.
    pub kind: String,
    /// Its id; of a session with that of the request behind a slash.
    pub id: String,
}

/// What an entry speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// `user`, `group`, `connection`, `credential`, `tenant`, `conflict`, `schema`, `secret` (of a connection, by name).
    pub kind: &'static str,
    /// Its id.
    pub id: String,
}

/// One changed attribute. `None` means absent.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Schema path without values, or `reason/‹name›` for a parameter of the reason code.
    pub path: String,
    /// Value before.
    pub before: Option<Value>,
    /// Value after.
    pub after: Option<Value>,
}

/// One entry as an operation returns it; the writer adds sequence, commitments and hash.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Dotted verb, such as `user.created`, `access.revoked`, `group.member_added`.
    pub action: &'static str,
    /// What changed.
    pub subject: Subject,
    /// The other party, such as the member of a group.
    pub object: Option<Subject>,
    /// Reason code.
    pub reason: Option<String>,
    /// Changed attributes in the order of their paths.
    pub changes: Vec<Change>,
}

impl Entry {
    /// An entry without object, reason and changes.
    pub fn new(action: &'static str, kind: &'static str, id: impl Into<String>) -> Self {
        let subject = Subject {
            kind,
            id: id.into(),
        };
        Self {
            action,
            subject,
            object: None,
            reason: None,
            changes: Vec::new(),
        }
    }

    /// With the other party.
    pub fn object(mut self, kind: &'static str, id: impl Into<String>) -> Self {
        self.object = Some(Subject {
            kind,
            id: id.into(),
        });
        self
    }

    /// With a reason code.
    pub fn reason(mut self, code: impl Into<String>) -> Self {
        self.reason = Some(code.into());
        self
    }

    /// With one more change, unless both sides are equal.
    pub fn change(mut self, path: &str, before: Option<Value>, after: Option<Value>) -> Self {
        if before != after {
            self.changes.push(Change {
                path: path.to_owned(),
                before,
                after,
            });
        }
        self
    }
}

/// A commitment to one value: hex of `SHA-256("rosterd-value-1" ‖ salt ‖ canonical JSON)`.
pub fn commit(salt: &[u8; 32], canonical: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(b"rosterd-value-1");
    hash.update(salt);
    hash.update(canonical.as_bytes());
    hex(&hash.finalize())
}

/// The salt with this number in the sequence that belongs to a seed.
pub fn salt(seed: &[u8; 32], number: u64) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"rosterd-salt-1");
    hash.update(seed);
    hash.update(number.to_be_bytes());
    hash.finalize().into()
}

/// Canonical JSON (RFC 8785) of a value.
pub fn canonical(value: &Value) -> String {
    // Canonicalising fails only for numbers that are no finite doubles, which serde_json's values cannot hold.
    serde_json_canonicalizer::to_string(value).unwrap_or_else(|_| value.to_string())
}

/// A changed path with its commitments in hex; empty text means absent.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Committed(
    /// Path.
    pub String,
    /// Commitment before.
    pub String,
    /// Commitment after.
    pub String,
);

/// An entry as it is chained.
#[derive(Debug, Clone)]
pub struct Link<'a> {
    /// Tenant.
    pub tenant: &'a str,
    /// Epoch of the journal.
    pub epoch: i64,
    /// Gap-free number.
    pub sequence: i64,
    /// Time.
    pub at: Millis,
    /// Actor.
    pub actor: (&'a str, &'a str),
    /// Cause.
    pub cause: (&'a str, &'a str),
    /// Action.
    pub action: &'a str,
    /// Subject.
    pub subject: (&'a str, &'a str),
    /// Object; both empty if there is none.
    pub object: (&'a str, &'a str),
    /// Reason code or empty.
    pub reason: &'a str,
    /// Changes.
    pub changes: &'a [Committed],
}

/// The hash before the first entry.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// `SHA-256("rosterd-journal-1" ‖ previous ‖ fields)` in hex; each field is preceded by its length as 8 bytes, big
/// endian; numbers are 8 bytes, big endian; the previous hash counts as its 64 hex characters.
pub fn chain(previous: &str, link: &Link<'_>) -> String {
    let mut hash = Sha256::new();
    hash.update(b"rosterd-journal-1");
    hash.update(previous.as_bytes());
    let mut field = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    field(link.tenant.as_bytes());
    field(&link.epoch.to_be_bytes());
    field(&link.sequence.to_be_bytes());
    field(&link.at.0.to_be_bytes());
    for (kind, id) in [link.actor, link.cause] {
        field(kind.as_bytes());
        field(id.as_bytes());
    }
    field(link.action.as_bytes());
    for (kind, id) in [link.subject, link.object] {
        field(kind.as_bytes());
        field(id.as_bytes());
    }
    field(link.reason.as_bytes());
    for Committed(path, before, after) in link.changes {
        field(path.as_bytes());
        field(before.as_bytes());
        field(after.as_bytes());
    }
    hex(&hash.finalize())
}

/// SHA-256 in hex, for secrets of 256 bits and for keys that must not show what they are made of.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = String::with_capacity(bytes.len() * 2);
    for b in bytes {
        out.push(char::from(DIGITS[usize::from(b >> 4)]));
        out.push(char::from(DIGITS[usize::from(b & 15)]));
    }
    out
}

/// Reads 32 bytes of hex.
pub fn unhex32(text: &str) -> Option<[u8; 32]> {
    let mut out = [0u8; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (i, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(i * 2..i * 2 + 2)?, 16).ok()?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn link(changes: &[Committed]) -> Link<'_> {
        Link {
            tenant: "t",
            epoch: 1,
            sequence: 1,
            at: Millis(0),
            actor: ("token", "a"),
            cause: ("request", "r"),
            action: "user.created",
            subject: ("user", "u"),
            object: ("", ""),
            reason: "",
            changes,
        }
    }

    #[test]
    fn moving_a_character_between_fields_changes_the_hash() {
        let one = link(&[]);
        let two = Link {
            actor: ("toke", "na"),
            ..one.clone()
        };
        assert_ne!(chain(GENESIS, &one), chain(GENESIS, &two));
    }

    #[test]
    fn the_chain_depends_on_the_previous_hash_and_every_change() {
        let a = [Committed("title".into(), String::new(), "11".into())];
        let b = [Committed("title".into(), String::new(), "12".into())];
        assert_ne!(chain(GENESIS, &link(&a)), chain(GENESIS, &link(&b)));
        assert_ne!(
            chain(GENESIS, &link(&a)),
            chain(&chain(GENESIS, &link(&a)), &link(&a))
        );
    }

    #[test]
    fn a_commitment_opens_only_with_its_salt_and_value() {
        let (s0, s1) = (salt(&[7; 32], 0), salt(&[7; 32], 1));
        let text = canonical(&json!({"b": 1.0, "a": "é"}));
        assert_eq!(text, r#"{"a":"é","b":1}"#);
        assert_eq!(commit(&s0, &text), commit(&s0, &text));
        assert_ne!(commit(&s0, &text), commit(&s1, &text));
        assert_ne!(commit(&s0, &text), commit(&s0, "{}"));
    }

    /// Computed by another program from the description in `docs/JOURNAL.md`; whatever is stored depends on it.
    #[test]
    fn the_bytes_are_those_of_the_description() {
        let changes = [Committed(
            "name.givenName".into(),
            String::new(),
            "ab".into(),
        )];
        let entry = Link {
            at: Millis(1_700_000_000_123),
            reason: "granted-by-policy",
            ..link(&changes)
        };
        assert_eq!(
            chain(GENESIS, &entry),
            "d5048b9117e466851810c2bcebc39f378fbd29136cb034e2f0367e1c0bec9ec5"
        );
        assert_eq!(
            commit(&[7; 32], r#"{"a":"é","b":1}"#),
            "a38bde9503c3470408c87ebba27d2d9dd36805d5306dee43f09c5dd5fbab1fc5"
        );
    }

    #[test]
    fn hex_reads_back() {
        let s = salt(&[1; 32], 2);
        assert_eq!(unhex32(&hex(&s)), Some(s));
        assert_eq!(unhex32("zz"), None);
    }
}
