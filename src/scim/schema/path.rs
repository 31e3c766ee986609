//! Where an attribute stands: paths as clients write them (RFC 7644 §3.10), resolved to what a schema defines.

use std::fmt;

use super::{Attribute, Registry, ResourceKind};

/// Where an attribute stands, in canonical spelling. `urn` only for extensions; `attr` missing: the whole extension.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttrPath {
    /// Extension.
    pub urn: Option<String>,
    /// Attribute.
    pub attr: Option<String>,
    /// Sub-attribute.
    pub sub: Option<String>,
}

impl AttrPath {
    /// A core attribute.
    pub fn core(attr: &str) -> Self {
        Self {
            urn: None,
            attr: Some(attr.to_owned()),
            sub: None,
        }
    }

    /// The same attribute without or with another sub-attribute.
    pub fn with_sub(&self, sub: Option<&str>) -> Self {
        Self {
            sub: sub.map(str::to_owned),
            ..self.clone()
        }
    }

    /// Is this core attribute, whatever the sub-attribute.
    pub fn is_core(&self, attr: &str) -> bool {
        self.urn.is_none() && self.attr.as_deref() == Some(attr)
    }
}

impl fmt::Display for AttrPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.urn.clone().unwrap_or_default();
        if let Some(attr) = &self.attr {
            if !text.is_empty() {
                text.push(':');
            }
            text.push_str(attr);
        }
        if let Some(sub) = &self.sub {
            text.push('.');
            text.push_str(sub);
        }
        f.write_str(&text)
    }
}

impl Registry {
    /// Resolves a path in any letter case: `userName`, `name.givenName`, either behind the URN of its schema, or the
    /// URN of a whole extension. `None` if no schema of the kind has it.
    pub fn resolve(&self, kind: ResourceKind, path: &str) -> Option<AttrPath> {
        if let Some(extension) = self.extension(kind, path) {
            return Some(AttrPath {
                urn: Some(extension.id.clone()),
                attr: None,
                sub: None,
            });
        }
        if !path.to_ascii_lowercase().starts_with("urn:") {
            return self.name_in(|name| self.top(kind, name), None, path);
        }
        let behind = |urn: &str| {
            let head = path.get(..urn.len())?;
            head.eq_ignore_ascii_case(urn)
                .then(|| path[urn.len()..].strip_prefix([':', '.']))?
        };
        let core = self.core(kind);
        if let Some(rest) = behind(&core.id) {
            return self.name_in(|name| self.top(kind, name), None, rest);
        }
        self.extensions(kind).find_map(|extension| {
            let rest = behind(&extension.id)?;
            self.name_in(|name| extension.attribute(name), Some(&extension.id), rest)
        })
    }

    /// Resolves an unqualified name in the extensions, for clients that leave out the URN.
    pub fn resolve_unprefixed(&self, kind: ResourceKind, path: &str) -> Option<AttrPath> {
        let mut hits = self.extensions(kind).filter_map(|extension| {
            self.name_in(|name| extension.attribute(name), Some(&extension.id), path)
        });
        let first = hits.next();
        if hits.next().is_some() { None } else { first }
    }

    fn name_in<'r>(
        &'r self,
        find: impl Fn(&str) -> Option<&'r Attribute>,
        urn: Option<&str>,
        rest: &str,
    ) -> Option<AttrPath> {
        let (name, sub) = match rest.split_once('.') {
            Some((name, sub)) => (name, Some(sub)),
            None => (rest, None),
        };
        let attribute = find(name)?;
        let sub = match sub {
            None => None,
            Some(sub) => Some(attribute.sub(sub)?.name.clone()),
        };
        Some(AttrPath {
            urn: urn.map(str::to_owned),
            attr: Some(attribute.name.clone()),
            sub,
        })
    }

    /// The definition of the attribute that a path names, and of its sub-attribute.
    pub fn definition(
        &self,
        kind: ResourceKind,
        path: &AttrPath,
    ) -> Option<(&Attribute, Option<&Attribute>)> {
        let name = path.attr.as_deref()?;
        let attribute = match &path.urn {
            None => self.top(kind, name)?,
            Some(urn) => self.extension(kind, urn)?.attribute(name)?,
        };
        match &path.sub {
            None => Some((attribute, None)),
            Some(sub) => Some((attribute, Some(attribute.sub(sub)?))),
        }
    }
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::scim::schema::{ENTERPRISE, ROSTERD_USER};

    // checklist: 22
    #[test]
    fn paths_resolve_in_any_case_with_and_without_urn() {
        let registry = Registry::builtin().expect("built-in schemas");
        let cases = [
            ("USERNAME", Some("userName")),
            ("Name.GivenName", Some("name.givenName")),
            (
                "urn:ietf:params:scim:schemas:core:2.0:user:emails.value",
                Some("emails.value"),
            ),
            ("meta.LastModified", Some("meta.lastModified")),
            (
                "URN:ietf:params:scim:schemas:extension:enterprise:2.0:User:Manager.value",
                Some("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value"),
            ),
            (
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:user",
                Some(ENTERPRISE),
            ),
            ("manager", None),
            ("name.nope", None),
            ("urn:x", None),
            ("", None),
        ];
        for (path, want) in cases {
            let got = registry
                .resolve(ResourceKind::User, path)
                .map(|p| p.to_string());
            assert_eq!(got.as_deref(), want, "{path}");
        }
        let bare = |registry: &Registry, name| {
            let found = registry.resolve_unprefixed(ResourceKind::User, name);
            found.and_then(|p| p.urn)
        };
        assert_eq!(bare(&registry, "manager").as_deref(), Some(ENTERPRISE));
        assert_eq!(bare(&registry, "access").as_deref(), Some(ROSTERD_USER));
        assert_eq!(
            bare(registry.of_sources(), "manager").as_deref(),
            Some(ENTERPRISE)
        );
        assert_eq!(bare(registry.of_sources(), "access"), None);
    }
}
