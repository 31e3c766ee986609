//! `sortBy` and `sortOrder` (RFC 7644 §3.4.2.3), read by the schema: which value of a resource is compared, and how.
//! `storage` turns it into SQL.

use super::error::{Error, Result, quote};
use super::filter::is_made_address;
use super::list::ListQuery;
use super::rules::{Rule, Rules};
use super::schema::{AttrPath, AttrType, Attribute, Mutability, Registry, ResourceKind, Returned};

/// In which order a list is wanted; ties are broken by id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort {
    /// What is compared; `None`: the id alone.
    pub by: Option<SortKey>,
    /// From the last to the first. What has no value comes first then, otherwise last.
    pub descending: bool,
}

/// The value that is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortKey {
    /// Attribute, with the sub-attribute that stands for a complex one.
    pub path: AttrPath,
    /// How two values compare.
    pub compares: Compares,
    /// Of several values the primary one counts, or else the first.
    pub multi_valued: bool,
}

/// How two values compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compares {
    /// By bytes of the folded text; times are texts of fixed width.
    Text,
    /// false before true.
    Bool,
    /// By number.
    Number,
}

/// Reads the order that a query asks for.
///
/// # Errors
/// `invalidValue`, naming the attribute and why resources cannot be sorted by it.
pub fn parse(
    registry: &Registry,
    kind: ResourceKind,
    query: &ListQuery,
    rules: &mut Rules,
) -> Result<Sort> {
    let by = match query.sort_by.as_deref() {
        None => None,
        Some(name) => Some(key(registry, kind, name.trim(), rules)?),
    };
    Ok(Sort {
        by,
        descending: query.descending,
    })
}

fn key(registry: &Registry, kind: ResourceKind, name: &str, rules: &mut Rules) -> Result<SortKey> {
    let refused = |why: &str| {
        Error::invalid_value(format!(
            "`sortBy` takes one attribute of {}; `{}` {why}",
            kind.name(),
            quote(name)
        ))
    };
    let path = registry.resolve(kind, name).or_else(|| {
        let found = registry.resolve_unprefixed(kind, name)?;
        rules.allow(Rule::UnprefixedExtension).then_some(found)
    });
    let path = path.ok_or_else(|| refused("is none"))?;
    let Some((top, sub)) = registry.definition(kind, &path) else {
        return Err(refused("is a schema"));
    };
    let (path, leaf) = match (sub, top.attr_type, top.sub("value")) {
        (Some(sub), ..) => (path, sub),
        (None, AttrType::Complex, Some(value)) => (path.with_sub(Some(&value.name)), value),
        (None, AttrType::Complex, None) => {
            return Err(refused("is complex: name one of its sub-attributes"));
        }
        (None, ..) => (path, top),
    };
    if is_secret(top) || is_secret(leaf) {
        return Err(refused("is never shown"));
    }
    if is_made_address(&path) {
        return Err(refused("is an address made for each answer"));
    }
    if top.multi_valued && is_kept_elsewhere(top) {
        return Err(refused(
            "is a list of references, none of which is the primary one",
        ));
    }
    let compares = match leaf.attr_type {
        AttrType::Boolean => Compares::Bool,
        AttrType::Integer | AttrType::Decimal => Compares::Number,
        AttrType::Binary => return Err(refused("is binary and has no order")),
        _ => Compares::Text,
    };
    Ok(SortKey {
        path,
        compares,
        multi_valued: top.multi_valued,
    })
}

fn is_secret(attribute: &Attribute) -> bool {
    attribute.returned == Returned::Never || attribute.mutability == Mutability::WriteOnly
}

/// Lists of references, and lists that the server makes: their order is the server's own and says nothing.
fn is_kept_elsewhere(attribute: &Attribute) -> bool {
    attribute.mutability == Mutability::ReadOnly || attribute.sub("$ref").is_some()
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::scim::rules::Preset;

    fn sorted(kind: ResourceKind, name: &str) -> Result<Option<SortKey>> {
        let registry = Registry::builtin().expect("built-in schemas");
        let query = ListQuery {
            sort_by: Some(name.to_owned()),
            ..ListQuery::default()
        };
        parse(&registry, kind, &query, &mut Rules::new(Preset::Strict)).map(|sort| sort.by)
    }

    #[test]
    fn the_schema_says_how_values_compare() {
        let cases = [
            (
                ResourceKind::User,
                "USERNAME",
                "userName",
                Compares::Text,
                false,
            ),
            (
                ResourceKind::User,
                "emails",
                "emails.value",
                Compares::Text,
                true,
            ),
            (
                ResourceKind::User,
                "addresses.locality",
                "addresses.locality",
                Compares::Text,
                true,
            ),
            (
                ResourceKind::User,
                "active",
                "active",
                Compares::Bool,
                false,
            ),
            (
                ResourceKind::User,
                "meta.created",
                "meta.created",
                Compares::Text,
                false,
            ),
            (
                ResourceKind::User,
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
                Compares::Text,
                false,
            ),
            (
                ResourceKind::AuditEvent,
                "sequence",
                "sequence",
                Compares::Number,
                false,
            ),
        ];
        for (kind, name, path, compares, multi_valued) in cases {
            let key = sorted(kind, name).expect(name).expect(name);
            assert_eq!(key.path.to_string(), path);
            assert_eq!(
                (key.compares, key.multi_valued),
                (compares, multi_valued),
                "{name}"
            );
        }
    }

    #[test]
    fn what_has_no_order_is_refused_with_its_name() {
        for (kind, name) in [
            (ResourceKind::User, "nope"),
            (ResourceKind::User, "name"),
            (ResourceKind::User, "meta"),
            (ResourceKind::User, "password"),
            (ResourceKind::User, "x509Certificates"),
            (ResourceKind::User, "groups.display"),
            (ResourceKind::User, "schemas"),
            (ResourceKind::User, "meta.location"),
            (ResourceKind::User, crate::scim::schema::ENTERPRISE),
            (ResourceKind::Group, "members"),
            (ResourceKind::Group, "userName"),
            (ResourceKind::AuditEvent, "changes.path"),
        ] {
            let error = sorted(kind, name).expect_err(name);
            assert_eq!(error.scim_type, Some(crate::scim::ScimType::InvalidValue));
            assert!(error.detail.contains(name), "{}", error.detail);
        }
    }
}
