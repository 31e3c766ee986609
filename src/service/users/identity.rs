//! E-mail addresses of a document: which one identifies the person, and the rows that make it findable.

use serde_json::Value;

use crate::scim::Doc;
use crate::scim::fold::{email_identity_key, fold};
use crate::storage::emails::Address;

/// The mark of an address that stands in `userName` because the document has no e-mail.
pub(in crate::service) const USER_NAME: &str = "@userName";

/// Every address of a document; exactly one of them, if there is any, is the primary one: `primary: true`, else type
/// work, else the first, else the userName if it is an address (SEMANTICS §2).
pub(in crate::service) fn addresses(doc: &Doc) -> Vec<Address> {
    let mut found: Vec<Address> = Vec::new();
    let mut primary: Option<(u8, usize)> = None;
    let emails = doc.get("emails").and_then(Value::as_array);
    for item in emails.into_iter().flatten() {
        let Some(value) = item.get("value").and_then(Value::as_str) else {
            continue;
        };
        let kind = fold(item.get("type").and_then(Value::as_str).unwrap_or_default());
        let key = email_identity_key(value);
        let rank = match item.get("primary").and_then(Value::as_bool) {
            Some(true) => 0,
            _ if kind == "work" => 1,
            _ => 2,
        };
        let place = match found.iter().position(|a| a.key == key && a.kind == kind) {
            Some(place) => place,
            None => {
                found.push(Address {
                    key,
                    kind,
                    fold: fold(value),
                    is_primary: false,
                });
                found.len() - 1
            }
        };
        if primary.is_none_or(|(best, _)| rank < best) {
            primary = Some((rank, place));
        }
    }
    match primary {
        Some((_, place)) => found[place].is_primary = true,
        None => found.extend(user_name_address(doc)),
    }
    found
}

fn user_name_address(doc: &Doc) -> Option<Address> {
    let name = doc
        .get("userName")
        .and_then(Value::as_str)
        .filter(|n| is_address(n))?;
    Some(Address {
        key: email_identity_key(name),
        kind: USER_NAME.to_owned(),
        // No filter takes it for an e-mail: those look into the document as well.
        fold: fold(name),
        is_primary: true,
    })
}

/// Has one `@` with something on both sides.
pub(in crate::service) fn is_address(text: &str) -> bool {
    matches!(text.split_once('@'), Some((local, domain))
        if !local.is_empty() && !domain.is_empty() && !domain.contains('@'))
}

/// The identity key of the primary address.
pub(in crate::service) fn primary_key(doc: &Doc) -> Option<String> {
    addresses(doc)
        .into_iter()
        .find(|a| a.is_primary)
        .map(|a| a.key)
}

/// Whether an address counts as verified: its domain is among the tenant's, or none are set.
pub(in crate::service) fn is_verified(key: &str, domains: &[String]) -> bool {
    domains.is_empty()
        || key.rsplit_once('@').is_some_and(|(_, domain)| {
            domains
                .iter()
                .any(|d| email_identity_key(&format!("x@{d}")).ends_with(&format!("@{domain}")))
        })
}

/// A domain as the identity key of its addresses has it; `None` for a text that is none.
pub(in crate::service) fn domain_of(text: &str) -> Option<String> {
    let key = email_identity_key(&format!("x@{text}"));
    let domain = key.strip_prefix("x@")?;
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_domain = domain.len() <= 253 && domain.contains('.') && domain.split('.').all(is_label);
    is_domain.then(|| domain.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn doc(value: Value) -> Doc {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn the_primary_address_is_the_marked_one_else_work_else_the_first_else_the_user_name() {
        let cases = [
            (
                json!({"userName":"u","emails":[{"value":"A@x.test"},{"value":"b@x.test","primary":true}]}),
                "b@x.test",
            ),
            (
                json!({"userName":"u","emails":[{"value":"a@x.test"},{"value":"W@x.test","type":"Work"}]}),
                "w@x.test",
            ),
            (
                json!({"userName":"u","emails":[{"value":"a@x.test"},{"value":"c@x.test"}]}),
                "a@x.test",
            ),
            (json!({"userName":"U@x.test"}), "u@x.test"),
        ];
        for (value, want) in cases {
            assert_eq!(
                primary_key(&doc(value.clone())).as_deref(),
                Some(want),
                "{value}"
            );
        }
        assert_eq!(primary_key(&doc(json!({"userName":"ann"}))), None);
    }

    #[test]
    fn a_domain_is_stored_as_its_addresses_are_compared() {
        assert_eq!(domain_of("X.Test").as_deref(), Some("x.test"));
        assert_eq!(
            domain_of("müller.example").as_deref(),
            Some("xn--mller-kva.example")
        );
        for wrong in [
            "", "x", "a@x.test", "x..test", "-x.test", "x.test/", "*.x.test", "x .test",
        ] {
            assert_eq!(domain_of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn only_the_tenants_domains_count_as_verified_when_some_are_set() {
        let domains = vec!["X.test".to_owned()];
        assert!(is_verified("a@x.test", &domains));
        assert!(!is_verified("a@evil-x.test", &domains));
        assert!(!is_verified("a@sub.x.test", &domains));
        assert!(is_verified("a@y.test", &[]));
    }
}
