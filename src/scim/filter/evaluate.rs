//! A filter applied to one match document: what SQL must agree with, and what PATCH paths select by.

use serde_json::Value;

use super::{Filter, Literal, Op, Test, holds};
use crate::scim::Doc;
use crate::scim::schema::AttrPath;

/// Whether a match document satisfies a filter.
pub fn evaluate(filter: &Filter, doc: &Doc) -> bool {
    match filter {
        Filter::And(items) => items.iter().all(|f| evaluate(f, doc)),
        Filter::Or(items) => items.iter().any(|f| evaluate(f, doc)),
        Filter::Not(inner) => !evaluate(inner, doc),
        Filter::Elements(path, inner) => match top(path, doc) {
            Some(Value::Array(items)) => items.iter().any(|item| evaluate_element(inner, item)),
            _ => false,
        },
        Filter::Test(test) => match (top(&test.path, doc), &test.path.sub) {
            (Some(Value::Array(items)), sub) => {
                let values = items.iter().map(|item| part(item, sub.as_deref()));
                any(test, values)
            }
            (value, sub) => single(test, value.and_then(|v| part(v, sub.as_deref()))),
        },
    }
}

/// Whether one element of a multi-valued attribute satisfies the filter inside `attr[…]`.
pub fn evaluate_element(filter: &Filter, element: &Value) -> bool {
    match filter {
        Filter::And(items) => items.iter().all(|f| evaluate_element(f, element)),
        Filter::Or(items) => items.iter().any(|f| evaluate_element(f, element)),
        Filter::Not(inner) => !evaluate_element(inner, element),
        Filter::Test(test) => single(test, part(element, test.path.sub.as_deref())),
        Filter::Elements(..) => false,
    }
}

fn top<'d>(path: &AttrPath, doc: &'d Doc) -> Option<&'d Value> {
    let home = match &path.urn {
        None => doc,
        Some(urn) => doc.get(urn)?.as_object()?,
    };
    home.get(path.attr.as_deref()?)
}

fn part<'v>(value: &'v Value, sub: Option<&str>) -> Option<&'v Value> {
    match sub {
        None => Some(value),
        Some(sub) => value.get(sub),
    }
}

/// A multi-valued attribute matches if any value does; without any value it is absent.
fn any<'v>(test: &Test, values: impl Iterator<Item = Option<&'v Value>>) -> bool {
    let present: Vec<&Value> = values.flatten().filter(|v| !is_empty(v)).collect();
    if present.is_empty() || (test.op, &test.value) == (Op::Eq, &Literal::Null) {
        return present.is_empty() && single(test, None);
    }
    present.into_iter().any(|value| single(test, Some(value)))
}

fn single(test: &Test, value: Option<&Value>) -> bool {
    let value = value.filter(|v| !is_empty(v));
    match (test.op, &test.value, value) {
        (Op::Pr, _, value) | (Op::Ne, Literal::Null, value) => value.is_some(),
        (Op::Eq, Literal::Null, value) => value.is_none(),
        (Op::Ne, _, None) => true,
        (_, _, None) => false,
        (op, Literal::Bool(want), Some(Value::Bool(got))) => holds(op, got.cmp(want)),
        (op, Literal::Number(want), Some(Value::Number(got))) => {
            let pair = got.as_f64().zip(want.as_f64());
            pair.and_then(|(g, w)| g.partial_cmp(&w))
                .is_some_and(|order| holds(op, order))
        }
        (op, Literal::Text(want), Some(Value::String(got))) => match op {
            Op::Co => got.contains(want.as_str()),
            Op::Sw => got.starts_with(want.as_str()),
            Op::Ew => got.ends_with(want.as_str()),
            _ => holds(op, got.as_bytes().cmp(want.as_bytes())),
        },
        (op, _, Some(_)) => op == Op::Ne,
    }
}

/// Unassigned (RFC 7643 §2.5). An empty text is a value.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::scim::filter::parse;
    use crate::scim::fold::match_document;
    use crate::scim::rules::Rules;
    use crate::scim::schema::{Registry, ResourceKind};
    use serde_json::json;

    fn ann() -> Doc {
        let doc = json!({
            "userName": "Ann@X.test", "title": "Boss", "name": {"familyName": "Straße"},
            "emails": [{"type": "work", "value": "Ann@x.test", "primary": true}, {"type": "home", "value": "a@h.test"}],
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"manager": {"value": "m1"}},
        });
        doc.as_object().cloned().expect("an object")
    }

    fn matches(text: &str) -> Result<bool, String> {
        let registry = Registry::builtin()?;
        let filter = parse(&registry, ResourceKind::User, text, &mut Rules::default())
            .map_err(|e| e.detail)?;
        Ok(evaluate(
            &filter,
            &match_document(&registry, ResourceKind::User, &ann()),
        ))
    }

    // checklist: 97, 98, 99, 100, 101, 102, 103
    #[test]
    fn filters_of_the_rfc_and_of_clients() {
        let cases = [
            (r#"userName eq "ANN@x.test""#, true),
            (r#"userName ne "bob""#, true),
            (r#"nickName ne "x""#, true),
            (
                r#"nickName eq null and title pr and not (nickName pr)"#,
                true,
            ),
            (r#"name.familyName eq "STRASSE""#, true),
            (r#"emails co "@H""#, true),
            (r#"emails[type eq "work" and value co "h.test"]"#, false),
            (r#"emails[type eq "work"].value eq "ann@x.test""#, true),
            (r#"emails.type ne "work""#, true),
            (r#"roles.value ne "x""#, true),
            (r#"title sw "bo" or title eq "x" and title eq "y""#, true),
            (r#"(title sw "bo" or title eq "x") and title eq "y""#, false),
            (
                r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager eq "m1""#,
                true,
            ),
            (r#"manager.value eq "m1""#, true),
            (r#"emails[primary eq "True"].value sw "ann""#, true),
            (r#"title gt "a" and title lt "c""#, true),
        ];
        for (text, want) in cases {
            assert_eq!(matches(text), Ok(want), "{text}");
        }
    }

    // checklist: 104, 105, 108
    #[test]
    fn filters_that_mean_nothing_are_refused() {
        for text in [
            "",
            "userName",
            "userName eq",
            "nope eq 1",
            "title eq 1",
            "active gt true",
            "password pr",
            "name eq \"x\"",
            "userName eq 'x'",
            "title pr and",
            "emails[nope eq 1]",
            "title[value eq 1]",
            "meta.created co \"2\"",
            "active eq \"maybe\"",
            "meta.created gt \"yesterday\"",
            "meta.location eq \"https://x.test/Users/1\"",
            "groups.$ref sw \"https:\"",
        ] {
            assert!(matches(text).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn reading_never_panics_and_not_is_the_contrary(text in "[a-z\"\\[\\]() .]{0,40}|\\PC{0,40}") {
            if let (Ok(yes), Ok(no)) = (matches(&text), matches(&format!("not ({text})"))) {
                proptest::prop_assert_eq!(yes, !no);
            }
        }
    }
}
