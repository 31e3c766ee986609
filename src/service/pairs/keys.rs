//! By what two people may be one: names, aliases, employee numbers, local parts of addresses, each brought into one
//! spelling. A key is weak: it proposes, it never links.

use std::collections::BTreeSet;

use icu_normalizer::DecomposingNormalizerBorrowed;
use serde_json::Value;

use crate::scim::Doc;
use crate::scim::fold::fold;
use crate::scim::schema::ENTERPRISE;
use crate::service::users::{addresses, text};

/// Shortest local part that says anything.
const LOCAL: usize = 3;
/// Most characters of a key.
const LENGTH: usize = 200;
/// Local parts that belong to a desk, not to a person.
const DESKS: [&str; 18] = [
    "admin",
    "billing",
    "contact",
    "finance",
    "hello",
    "help",
    "helpdesk",
    "info",
    "jobs",
    "mail",
    "noreply",
    "office",
    "payroll",
    "reception",
    "root",
    "sales",
    "support",
    "team",
];

/// Why two people may be one, by the first letter of the key that they share.
pub(super) const REASONS: [(char, &str); 4] = [
    ('e', "employee-number"),
    ('a', "alias"),
    ('n', "name"),
    ('l', "local-part"),
];

/// The reason that a key stands for.
pub(super) fn reason(key: &str) -> &'static str {
    let kind = key.chars().next();
    let found = REASONS.iter().find(|(letter, _)| Some(*letter) == kind);
    found.map_or("name", |(_, reason)| reason)
}

/// The keys of a document.
pub(in crate::service) fn keys(doc: &Doc) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    let mut put = |kind: char, value: Option<String>| {
        if let Some(value) = value {
            let value: String = value.chars().take(LENGTH).collect();
            keys.insert(format!("{kind}:{value}"));
        }
    };
    let of_name = |part: &str| doc.get("name").and_then(|n| n.get(part)?.as_str());
    put('n', text(doc, "displayName").and_then(name));
    put('n', of_name("formatted").and_then(name));
    if let Some(family) = of_name("familyName") {
        let firsts = [of_name("givenName"), text(doc, "nickName")];
        for first in firsts.into_iter().flatten() {
            put('n', name(&format!("{first} {family}")));
        }
    }
    let number = doc.get(ENTERPRISE).and_then(|e| e.get("employeeNumber"));
    put(
        'e',
        number.and_then(Value::as_str).and_then(employee_number),
    );
    for address in addresses(doc) {
        put('l', local_part(&address.key));
        put('a', Some(address.key));
    }
    keys
}

/// A name in one spelling, whatever the order of its parts: without case, marks and signs. One word alone says too little,
/// unless it is of a script that writes whole names as one.
fn name(text: &str) -> Option<String> {
    let plain = plain(text);
    let mut parts: Vec<&str> = plain.split(' ').filter(|part| !part.is_empty()).collect();
    let is_whole = |part: &&str| part.chars().count() > 1 && part.chars().all(|c| c > '\u{2e7f}');
    match parts.as_slice() {
        [] => return None,
        [one] if !is_whole(one) => return None,
        _ => {}
    }
    parts.sort_unstable();
    parts.dedup();
    Some(parts.join(" "))
}

/// Letters and digits without case and marks, everything else as one blank. What is written with two letters where there
/// is no mark (`ue` for `ü`) becomes the letter without it, on both sides.
fn plain(text: &str) -> String {
    let marked = DecomposingNormalizerBorrowed::new_nfkd()
        .normalize(&fold(text))
        .into_owned();
    let mut out = String::with_capacity(marked.len());
    for c in marked.chars().filter(|c| !is_mark(*c)) {
        match c {
            'ø' => out.push('o'),
            'ł' => out.push('l'),
            'đ' | 'ð' => out.push('d'),
            'ı' => out.push('i'),
            'æ' => out.push('a'),
            'œ' => out.push('o'),
            'þ' => out.push_str("th"),
            '\'' | '\u{2019}' | '\u{02bc}' => {}
            'e' if matches!(out.chars().last(), Some('a' | 'o' | 'u')) => {}
            c if c.is_alphanumeric() => out.push(c),
            _ if !out.ends_with(' ') => out.push(' '),
            _ => {}
        }
    }
    out
}

/// A mark that is written with a letter of Latin, Greek or Cyrillic; in other scripts marks are vowels.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}'
        | '\u{fe20}'..='\u{fe2f}')
}

fn employee_number(text: &str) -> Option<String> {
    let number = fold(text.trim());
    let short = number.trim_start_matches('0');
    (!short.is_empty()).then(|| short.to_owned())
}

/// What stands before the `@`, without `+tag` and signs.
fn local_part(address: &str) -> Option<String> {
    let (local, _) = address.rsplit_once('@')?;
    let local = local.split('+').next().unwrap_or_default();
    let local: String = plain(local).replace(' ', "");
    let says_something = local.chars().count() >= LOCAL
        && !DESKS.contains(&local.as_str())
        && local.chars().any(char::is_alphabetic);
    says_something.then_some(local)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(value: Value) -> BTreeSet<String> {
        keys(value.as_object().unwrap_or(&Doc::new()))
    }

    #[test]
    fn a_name_is_one_whatever_its_spelling() {
        for (a, b) in [
            ("Ann Lee", "LEE, Ann"),
            ("José Núñez", "jose nunez"),
            ("Müller Jörg", "Joerg Mueller"),
            ("Søren Kjær", "Soren Kjaer"),
            ("Łukasz Żak", "lukasz zak"),
            ("Weiß Anna", "anna weiss"),
            ("Ａｎｎ Ｌｅｅ", "Ann Lee"),
            ("O’Neil Pat", "Pat O'Neil"),
            ("Anne-Marie Roux", "Roux Anne Marie"),
            ("王小明", "王小明"),
        ] {
            assert!(
                name(a).is_some() && name(a) == name(b),
                "{a} {b} {:?}",
                (name(a), name(b))
            );
        }
        for (a, b) in [
            ("Ann Lee", "Anna Lee"),
            ("Ann Lee", "Ann Leigh"),
            ("राम कुमार", "रमा कुमार"),
        ] {
            assert_ne!(name(a), name(b), "{a} {b}");
        }
        for nobody in ["", "Ann", "王", " - ", "..."] {
            assert_eq!(name(nobody), None, "{nobody}");
        }
    }

    #[test]
    fn a_person_has_a_key_for_each_of_her_names_numbers_and_addresses() {
        let found = of(json!({
            "userName": "x", "displayName": "Bob Lee", "nickName": "Bobby",
            "name": {"givenName": "Robert", "familyName": "Lee"},
            "emails": [{"value": "Bob.Lee+hr@X.test"}, {"value": "info@x.test"}],
            ENTERPRISE: {"employeeNumber": "00042"},
        }));
        let wanted = [
            "a:bob.lee+hr@x.test",
            "a:info@x.test",
            "e:42",
            "l:boblee",
            "n:bob lee",
            "n:bobby lee",
            "n:lee robert",
        ];
        assert_eq!(found.into_iter().collect::<Vec<_>>(), wanted);
        assert_eq!(reason("e:42"), "employee-number");
    }

    #[test]
    fn what_many_have_is_no_key() {
        for address in [
            "info@x.test",
            "Sales@x.test",
            "al@x.test",
            "12345@x.test",
            "no.reply@x.test",
        ] {
            let found = of(json!({"userName": "u", "emails": [{"value": address}]}));
            assert!(found.iter().all(|key| !key.starts_with("l:")), "{found:?}");
        }
        assert!(of(json!({"userName": "ann"})).is_empty());
    }
}
