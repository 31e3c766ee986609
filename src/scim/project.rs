//! `attributes` and `excludedAttributes` (RFC 7644 §3.9): which parts of a resource are returned.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Doc;
use super::error::{Error, Result};
use super::rules::{Rule, Rules};
use super::schema::{AttrPath, Attribute, Registry, ResourceKind, Returned};

/// What a request asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Projection {
    /// The default set.
    #[default]
    Default,
    /// The minimum set and these.
    Only(BTreeSet<AttrPath>),
    /// The default set without these.
    Without(BTreeSet<AttrPath>),
    /// The same with what a write wrote though it is returned on request only (RFC 7643 §7).
    Written {
        /// Unwanted.
        without: BTreeSet<AttrPath>,
        /// Attributes that the request wrote.
        written: BTreeSet<AttrPath>,
    },
}

impl Projection {
    /// Reads both parameters; unknown names are passed over.
    ///
    /// # Errors
    /// Both are given.
    pub fn parse(
        registry: &Registry,
        kind: ResourceKind,
        attributes: Option<&str>,
        excluded: Option<&str>,
        rules: &mut Rules,
    ) -> Result<Self> {
        let wanted = attributes.filter(|a| !a.trim().is_empty());
        let unwanted = excluded.filter(|e| !e.trim().is_empty());
        match (wanted, unwanted) {
            (Some(_), Some(_)) => Err(Error::plain(
                400,
                "`attributes` and `excludedAttributes` exclude each other: send one of them",
            )),
            (Some(names), None) => Ok(Self::Only(paths(registry, kind, names, rules))),
            (None, Some(names)) => Ok(Self::Without(paths(registry, kind, names, rules))),
            (None, None) => Ok(Self::Default),
        }
    }

    /// For the answer to a write of these attributes: what is returned on request is returned to whoever writes it,
    /// unless she says what she wants instead.
    pub fn after_writing(
        self,
        registry: &Registry,
        kind: ResourceKind,
        wrote: impl Fn(&AttrPath) -> bool,
    ) -> Self {
        let written: BTreeSet<AttrPath> = registry.on_request(kind).filter(|p| wrote(p)).collect();
        match self {
            same if written.is_empty() => same,
            Self::Default => Self::Written {
                without: BTreeSet::new(),
                written,
            },
            Self::Without(without) => Self::Written { without, written },
            same => same,
        }
    }

    /// Nothing special was asked for.
    pub fn is_default(&self) -> bool {
        *self == Self::Default
    }

    /// Whether a core attribute that costs something to fetch is wanted (`members`, `groups`).
    pub fn wants(&self, attribute: &str) -> bool {
        match self {
            Self::Default => true,
            Self::Only(paths) => paths.iter().any(|p| p.is_core(attribute)),
            Self::Without(paths) | Self::Written { without: paths, .. } => !paths
                .iter()
                .any(|p| p.is_core(attribute) && p.sub.is_none()),
        }
    }

    /// Cuts a complete resource down.
    pub fn apply(&self, registry: &Registry, kind: ResourceKind, resource: Doc) -> Doc {
        let mut out = Doc::new();
        for (name, value) in resource {
            if let Some(extension) = registry.extension(kind, &name) {
                let whole = AttrPath {
                    urn: Some(extension.id.clone()),
                    attr: None,
                    sub: None,
                };
                if self.names(&whole) && !matches!(self, Self::Only(_)) {
                    continue;
                }
                let Value::Object(inner) = value else {
                    continue;
                };
                let mut kept = Doc::new();
                for (attr, value) in inner {
                    let path = AttrPath {
                        attr: Some(attr.clone()),
                        ..whole.clone()
                    };
                    let all = matches!(self, Self::Only(_)) && self.names(&whole);
                    let value = match extension.attribute(&attr) {
                        Some(_) if all => Some(value),
                        Some(attribute) => self.cut(attribute, &path, value),
                        None => None,
                    };
                    kept.extend(value.map(|v| (attr, v)));
                }
                if !kept.is_empty() {
                    out.insert(name, Value::Object(kept));
                }
            } else if let Some(attribute) = registry.top(kind, &name) {
                out.extend(
                    self.cut(attribute, &AttrPath::core(&name), value)
                        .map(|v| (name, v)),
                );
            }
        }
        out
    }

    fn names(&self, path: &AttrPath) -> bool {
        match self {
            Self::Default => false,
            Self::Only(paths) | Self::Without(paths) | Self::Written { without: paths, .. } => {
                paths.contains(path)
            }
        }
    }

    fn cut(&self, attribute: &Attribute, path: &AttrPath, value: Value) -> Option<Value> {
        match attribute.returned {
            Returned::Never => return None,
            Returned::Always => return Some(value),
            Returned::Default | Returned::Request => {}
        }
        let paths = match self {
            Self::Default => return (attribute.returned == Returned::Default).then_some(value),
            Self::Only(paths) | Self::Without(paths) | Self::Written { without: paths, .. } => {
                paths
            }
        };
        let is_shown = match (attribute.returned, self) {
            (Returned::Request, Self::Written { written, .. }) => written.contains(path),
            (returned, _) => returned == Returned::Default,
        };
        let subs: BTreeSet<&str> = paths
            .iter()
            .filter(|p| p.urn == path.urn && p.attr == path.attr)
            .filter_map(|p| p.sub.as_deref())
            .collect();
        match self {
            Self::Only(_) if paths.contains(path) => Some(value),
            Self::Only(_) if subs.is_empty() => None,
            Self::Only(_) => parts(value, &|name| subs.contains(name)),
            _ if paths.contains(path) || !is_shown => None,
            _ if subs.is_empty() => Some(value),
            _ => parts(value, &|name| !subs.contains(name)),
        }
    }
}

/// Some parts of a value; `None` when it has none of them.
fn parts(value: Value, keep: &dyn Fn(&str) -> bool) -> Option<Value> {
    match value {
        Value::Array(items) => {
            let kept: Vec<Value> = items.into_iter().filter_map(|i| parts(i, keep)).collect();
            (!kept.is_empty()).then_some(Value::Array(kept))
        }
        Value::Object(mut map) => {
            map.retain(|name, _| keep(name));
            (!map.is_empty()).then_some(Value::Object(map))
        }
        other => Some(other),
    }
}

fn paths(
    registry: &Registry,
    kind: ResourceKind,
    names: &str,
    rules: &mut Rules,
) -> BTreeSet<AttrPath> {
    let mut found = BTreeSet::new();
    for name in names.split(',').map(str::trim).filter(|n| !n.is_empty()) {
        // `emails[type eq "work"]` is not standard here; it is read as `emails`.
        let plain = match name.split_once('[') {
            Some((plain, _)) if rules.allow(Rule::FilterInProjection) => plain,
            _ => name,
        };
        let path = registry.resolve(kind, plain).or_else(|| {
            let path = registry.resolve_unprefixed(kind, plain)?;
            rules.allow(Rule::UnprefixedExtension).then_some(path)
        });
        found.extend(path);
    }
    found
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "tests")]
mod tests {
    use super::*;
    use serde_json::json;

    fn cut(attributes: Option<&str>, excluded: Option<&str>) -> Value {
        let registry = Registry::builtin().expect("built-in schemas");
        let kind = ResourceKind::User;
        let projection =
            Projection::parse(&registry, kind, attributes, excluded, &mut Rules::default());
        let whole = json!({
            "schemas": ["s"], "id": "1", "meta": {"created": "c", "location": "l"}, "userName": "ann",
            "emails": [{"value": "a", "type": "work"}], super::super::schema::ENTERPRISE: {"department": "d", "division": "v"},
        });
        Value::Object(projection.expect("valid").apply(
            &registry,
            kind,
            whole.as_object().cloned().expect("object"),
        ))
    }

    // checklist: 29, 78, 81, 83
    #[test]
    fn only_what_is_named_and_what_is_always_returned() {
        assert_eq!(
            cut(Some("USERNAME"), None),
            json!({"schemas": ["s"], "id": "1", "userName": "ann"})
        );
        assert_eq!(
            cut(Some("emails.value,nope"), None),
            json!({"schemas": ["s"], "id": "1", "emails": [{"value": "a"}]})
        );
        assert_eq!(
            cut(Some("emails.display,meta.version"), None),
            json!({"schemas": ["s"], "id": "1"})
        );
        assert_eq!(
            cut(Some("department"), None)[super::super::schema::ENTERPRISE],
            json!({"department": "d"})
        );
        assert_eq!(
            cut(Some("emails[type eq \"work\"]"), None)["emails"],
            json!([{"value": "a", "type": "work"}])
        );
    }

    // checklist: 28, 79, 82
    #[test]
    fn the_default_set_without_what_is_excluded() {
        let got = cut(
            None,
            Some("id,emails.type,meta,urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"),
        );
        assert_eq!(
            got,
            json!({"schemas": ["s"], "id": "1", "userName": "ann", "emails": [{"value": "a"}]})
        );
    }

    // checklist: 80
    #[test]
    fn both_at_once_is_an_error() {
        let registry = Registry::builtin().expect("built-in schemas");
        let both = Projection::parse(
            &registry,
            ResourceKind::User,
            Some("id"),
            Some("id"),
            &mut Rules::default(),
        );
        assert_eq!(both.map_err(|e| e.status), Err(400));
    }
}
