//! How text is made comparable (SEMANTICS: text): folding for filters, the key of userName, the identity key of an
//! e-mail address, and the match document that stands beside every stored document.

use icu_casemap::CaseMapper;
use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use precis_profiles::UsernameCaseMapped;
use precis_profiles::precis_core::profile::PrecisFastInvocation;
use serde_json::{Number, Value};

use super::Doc;
use super::schema::{AttrType, Attribute, Registry, ResourceKind};

/// Unicode case folding and NFKC, to a fixed point.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mapper = CaseMapper::new();
    let nfkc = ComposingNormalizerBorrowed::new_nfkc();
    let nfd = DecomposingNormalizerBorrowed::new_nfd();
    let mut now = text.to_owned();
    // Canonical caseless matching needs NFD before folding, and folding can break NFKC again; two rounds settle all
    // assigned characters, the bound is for those to come.
    for _ in 0..4 {
        let folded = mapper.fold_string(&nfd.normalize(&now)).into_owned();
        let next = nfkc.normalize(&folded).into_owned();
        if next == now {
            break;
        }
        now = next;
    }
    now
}

/// The key under which userNames are compared: PRECIS UsernameCaseMapped (RFC 8265 §3.3), or folded as other text where
/// PRECIS refuses the name.
pub fn user_name_key(name: &str) -> String {
    if name.bytes().all(|b| b.is_ascii_graphic()) {
        return name.to_ascii_lowercase();
    }
    strict_user_name_key(name).unwrap_or_else(|_| fold(name))
}

/// The same without the way out.
///
/// # Errors
/// What PRECIS does not like about the name.
pub fn strict_user_name_key(name: &str) -> Result<String, String> {
    match UsernameCaseMapped::enforce(name) {
        Ok(key) => Ok(key.into_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// The key by which two addresses are the same: NFC, lower case, domain as A-label. Values that are equal only under
/// wider folding are a conflict, never a match.
pub fn email_identity_key(address: &str) -> String {
    let nfc = ComposingNormalizerBorrowed::new_nfc();
    let lower = nfc.normalize(address.trim()).to_lowercase();
    match lower.rsplit_once('@') {
        Some((local, domain)) if !domain.is_ascii() => {
            let domain = idna::domain_to_ascii(domain).unwrap_or_else(|_| domain.to_owned());
            format!("{local}@{domain}")
        }
        _ => lower,
    }
}

/// The document folded for comparison: same tree, strings folded by their attribute's case rule, times as fixed-width
/// UTC, numbers normalised.
pub fn match_document(registry: &Registry, kind: ResourceKind, doc: &Doc) -> Doc {
    let mut out = Doc::new();
    for (name, value) in doc {
        if let Some(extension) = registry.extension(kind, name) {
            let inner = value.as_object().into_iter().flatten();
            let folded = inner
                .map(|(name, value)| (name.clone(), fold_value(extension.attribute(name), value)));
            out.insert(name.clone(), Value::Object(folded.collect()));
        } else {
            out.insert(name.clone(), fold_value(registry.top(kind, name), value));
        }
    }
    out
}

/// A value as its attribute compares it.
pub(super) fn fold_value(attribute: Option<&Attribute>, value: &Value) -> Value {
    let Some(attribute) = attribute else {
        return value.clone();
    };
    match value {
        Value::Array(items) => Value::Array(
            items
                .iter()
                .map(|item| fold_value(Some(attribute), item))
                .collect(),
        ),
        Value::Object(map) => {
            let folded = map
                .iter()
                .map(|(name, value)| (name.clone(), fold_value(attribute.sub(name), value)));
            Value::Object(folded.collect())
        }
        Value::String(text) => Value::String(fold_text(attribute, text)),
        Value::Number(number) => Value::Number(fold_number(number)),
        other => other.clone(),
    }
}

/// A text as its attribute compares it.
pub fn fold_text(attribute: &Attribute, text: &str) -> String {
    match attribute.attr_type {
        AttrType::DateTime => date_time_key(text).unwrap_or_else(|| text.to_owned()),
        _ if attribute.case_exact => text.to_owned(),
        _ if attribute.name == "userName" => user_name_key(text),
        _ => fold(text),
    }
}

/// A number in one spelling: an integer where it is one.
pub fn fold_number(number: &Number) -> Number {
    let Some(float) = number.as_f64().filter(|_| number.is_f64()) else {
        return number.clone();
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "only exact integers below 2^53 are taken"
    )]
    let whole = float as i64;
    if float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0 {
        Number::from(whole)
    } else {
        number.clone()
    }
}

/// `2026-11-24T09:30:00.000000000Z`, so that comparing bytes compares instants; `None` if it is no xsd:dateTime.
pub fn date_time_key(text: &str) -> Option<String> {
    let parsed = chrono::DateTime::parse_from_rfc3339(text)
        .map(|t| t.to_utc())
        .or_else(|_| {
            // xsd:dateTime may leave out the zone; UTC is the only sane reading.
            text.parse::<chrono::NaiveDateTime>().map(|t| t.and_utc())
        });
    parsed
        .ok()
        .map(|t| t.format("%Y-%m-%dT%H:%M:%S%.9fZ").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_is_wider_than_lower_case() {
        for (a, b) in [
            ("STRASSE", "straße"),
            ("É", "e\u{301}"),
            ("ΌΣΟΣ", "όσος"),
            ("ﬁ", "FI"),
        ] {
            assert_eq!(fold(a), fold(b), "{a} {b}");
        }
        assert_ne!(fold("ı"), fold("i"));
    }

    #[test]
    fn the_identity_key_is_narrower_than_folding() {
        assert_eq!(
            email_identity_key("Ann@Bücher.test"),
            "ann@xn--bcher-kva.test"
        );
        assert_ne!(
            email_identity_key("strasse@x.test"),
            email_identity_key("straße@x.test")
        );
        assert_eq!(
            email_identity_key("E\u{301}a@X.test"),
            email_identity_key("éa@x.test")
        );
    }

    // checklist: 41
    #[test]
    fn a_user_name_that_precis_refuses_is_folded_like_other_text() {
        assert_eq!(user_name_key("ＡＮＮ@x.test"), "ann@x.test");
        assert!(strict_user_name_key("ann marie").is_err());
        assert_eq!(user_name_key("Ann Marié"), fold("ann marié"));
    }

    // checklist: 35
    #[test]
    fn instants_compare_as_bytes_whatever_their_offset() {
        let key = |t| date_time_key(t);
        assert_eq!(
            key("2026-11-24T10:00:00+01:00"),
            key("2026-11-24T09:00:00Z")
        );
        assert_eq!(
            key("2026-11-24T09:00:00.5Z").as_deref(),
            Some("2026-11-24T09:00:00.500000000Z")
        );
        assert_eq!(key("yesterday"), None);
    }

    proptest::proptest! {
        #[test]
        fn folding_again_changes_nothing(text in "\\PC*") {
            let once = fold(&text);
            proptest::prop_assert_eq!(fold(&once), once);
        }
    }
}
