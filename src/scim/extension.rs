//! Schemas that a tenant adds (RFC 7643 §3.3, §7): a file is checked, its defaults are written out, and a later version
//! of it is compared with what stored values rely on.

use serde_json::{Map, Value, json};

use super::Doc;
use super::error::quote;
use super::schema::{Registry, ResourceKind};

/// Most attributes of a schema.
const ATTRIBUTES: usize = 100;
/// Most sub-attributes of an attribute.
const SUB_ATTRIBUTES: usize = 50;
/// Longest URN, in bytes.
const URN: usize = 255;
/// Longest name of an attribute, in bytes.
const NAME: usize = 64;
/// Most words in `canonicalValues` or `referenceTypes`.
const WORDS: usize = 100;
/// Longest description or word, in bytes.
const TEXT: usize = 1_000;

/// A schema that may be added.
#[derive(Debug, Clone, PartialEq)]
pub struct Extension {
    /// URN as spelled.
    pub urn: String,
    /// As published, every default written out.
    pub document: Value,
}

/// The resources that a schema extends: its URN ends in their name.
pub fn extends(urn: &str) -> Option<ResourceKind> {
    let (_, last) = urn.rsplit_once(':')?;
    [ResourceKind::User, ResourceKind::Group]
        .into_iter()
        .find(|kind| last.eq_ignore_ascii_case(kind.name()))
}

/// Reads a schema. `builtin` says what is defined already.
///
/// # Errors
/// Everything that is wrong with it: a line each, naming the attribute and the rule.
pub fn read(builtin: &Registry, document: &Value) -> Result<Extension, Vec<String>> {
    let mut reader = Reader {
        builtin,
        kind: ResourceKind::User,
        problems: Vec::new(),
    };
    let found = reader.schema(document);
    match found {
        Some(extension) if reader.problems.is_empty() => Ok(extension),
        _ => Err(reader.problems),
    }
}

/// Whether a document may take the place of an earlier one: what is stored was checked and folded by the earlier
/// definitions, so attributes stay, with name, type, plurality and case rule.
///
/// # Errors
/// Every attribute that would break: a line each.
pub fn compatible(old: &Value, new: &Value) -> Result<(), Vec<String>> {
    let mut problems = Vec::new();
    compare(old, new, "", &mut problems);
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    }
}

fn compare(old: &Value, new: &Value, at: &str, problems: &mut Vec<String>) {
    let list = |of: &Value| match at {
        "" => of["attributes"].as_array().cloned().unwrap_or_default(),
        _ => of["subAttributes"].as_array().cloned().unwrap_or_default(),
    };
    let new = list(new);
    for old in list(old) {
        let name = old["name"].as_str().unwrap_or_default();
        let shown = [at, name].concat();
        let Some(new) = new.iter().find(|n| n["name"] == old["name"]) else {
            problems.push(format!(
                "`{shown}` was added before and is missing now: people may have values of it, so attributes stay, by the \
                 same spelling; put it back, or use another URN"
            ));
            continue;
        };
        for key in ["type", "multiValued", "caseExact"] {
            if old[key] != new[key] {
                problems.push(format!(
                    "`{shown}`: `{key}` was {} and cannot become {}: stored values were checked by the old one; add an \
                     attribute with another name",
                    old[key], new[key]
                ));
            }
        }
        compare(&old, new, &format!("{shown}."), problems);
    }
}

struct Reader<'a> {
    builtin: &'a Registry,
    kind: ResourceKind,
    problems: Vec<String>,
}

impl Reader<'_> {
    fn problem(&mut self, at: &str, what: impl std::fmt::Display) {
        self.problems.push(format!("`{at}` {what}"));
    }

    fn schema(&mut self, document: &Value) -> Option<Extension> {
        let Value::Object(map) = document else {
            self.problems
                .push("a schema is a JSON object with `id` and `attributes`".to_owned());
            return None;
        };
        self.keys(
            "the schema",
            map,
            &["schemas", "id", "name", "description", "attributes", "meta"],
        );
        let urn = map.get("id").and_then(Value::as_str).unwrap_or_default();
        self.urn(urn);
        let name = self.text(map, "name", "name").unwrap_or_else(|| {
            let words: Vec<&str> = urn.rsplit(':').take(3).collect();
            words.last().map_or(urn, |word| word).to_owned()
        });
        let description = self.text(map, "description", "description");
        let attributes = self.list(map, "attributes", "", ATTRIBUTES);
        if attributes.is_empty() && self.problems.is_empty() {
            self.problem("attributes", "names at least one attribute");
        }
        Some(Extension {
            urn: urn.to_owned(),
            document: json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
                "id": urn,
                "name": name,
                "description": description.unwrap_or_default(),
                "attributes": attributes,
            }),
        })
    }

    fn urn(&mut self, urn: &str) {
        let lower = urn.to_ascii_lowercase();
        let namespace = lower.strip_prefix("urn:").and_then(|r| r.split_once(':'));
        let is_urn = namespace.is_some_and(|(nid, rest)| {
            let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-';
            (2..=32).contains(&nid.len())
                && nid.chars().all(is_word)
                && rest.chars().all(|c| is_word(c) || ":._".contains(c))
                && rest.split(':').all(|part| !part.is_empty())
        });
        if urn.len() > URN || !is_urn {
            self.problem(
                "id",
                format!(
                    "takes a URN of at most {URN} bytes with a-z, 0-9 and `:.-_`, such as \
                     urn:ietf:params:scim:schemas:extension:acme:2.0:User; got `{}`",
                    quote(urn)
                ),
            );
        } else if lower.starts_with("urn:ietf:params:scim:api:")
            || lower.starts_with("urn:ietf:params:scim:schemas:core:")
            || lower.starts_with("urn:ietf:params:scim:schemas:extension:rosterd:")
            || self.builtin.schema(urn).is_some()
        {
            self.problem(
                "id",
                format!(
                    "is taken: `{urn}` belongs to the RFC or to Rosterd; use a URN of your own"
                ),
            );
        } else {
            match extends(urn) {
                Some(kind) => self.kind = kind,
                None => self.problem(
                    "id",
                    format!(
                        "ends in `:User` or `:Group`, the resources that it extends; got `{urn}`"
                    ),
                ),
            }
        }
    }

    fn keys(&mut self, at: &str, map: &Doc, known: &[&str]) {
        for key in map.keys().filter(|k| !known.contains(&k.as_str())) {
            let known = known.join(", ");
            self.problem(
                at,
                format!("has no key `{}`; known are {known}", quote(key)),
            );
        }
    }

    fn text(&mut self, map: &Doc, key: &str, at: &str) -> Option<String> {
        match map.get(key) {
            None => None,
            Some(Value::String(text)) if text.len() <= TEXT && !text.contains('\0') => {
                Some(text.clone())
            }
            Some(_) => {
                self.problem(at, format!("takes a text of at most {TEXT} bytes"));
                None
            }
        }
    }

    /// The attributes under a key, each complete.
    fn list(&mut self, map: &Doc, key: &str, home: &str, most: usize) -> Vec<Value> {
        let items = match map.get(key) {
            None => return Vec::new(),
            Some(Value::Array(items)) if items.len() <= most => items,
            Some(_) => {
                self.problem(
                    &format!("{home}{key}"),
                    format!("takes a list of at most {most}"),
                );
                return Vec::new();
            }
        };
        let mut seen: Vec<String> = Vec::new();
        let mut out = Vec::new();
        for (i, item) in items.iter().enumerate() {
            let Value::Object(item) = item else {
                self.problem(&format!("{home}{key}[{i}]"), "takes an object");
                continue;
            };
            let name = item.get("name").and_then(Value::as_str).unwrap_or_default();
            let at = match is_name(name) {
                true => format!("{home}{name}"),
                false => {
                    let at = format!("{home}{key}[{i}]");
                    self.problem(
                        &at,
                        format!(
                            "needs a `name` of at most {NAME} letters, digits, `-` and `_`, a letter first; got `{}`",
                            quote(name)
                        ),
                    );
                    continue;
                }
            };
            if seen.iter().any(|s| s.eq_ignore_ascii_case(name)) {
                self.problem(
                    &at,
                    "is there twice: names differ in more than their letter case",
                );
            }
            seen.push(name.to_owned());
            out.push(self.attribute(item, &at, home.is_empty()));
        }
        out
    }

    fn attribute(&mut self, map: &Doc, at: &str, is_top: bool) -> Value {
        self.keys(at, map, &KEYS);
        let kind = self.word(map, "type", at, "string", &TYPES);
        let is_complex = kind == "complex";
        let is_exact = ["reference", "binary"].contains(&kind.as_str());
        let name = map.get("name").and_then(Value::as_str).unwrap_or_default();
        if is_top && self.is_known(name) {
            self.problem(
                at,
                "is an attribute of a built-in schema of the same resource, which clients that leave out the URN mean",
            );
        }
        let mut out = Map::new();
        out.insert("name".to_owned(), Value::from(name));
        let multi_valued = self.flag(map, "multiValued", at, false);
        if !is_top && is_complex {
            self.problem(
                at,
                "is complex inside a complex attribute (RFC 7643 §2.3.8)",
            );
        }
        if !is_top && multi_valued {
            self.problem(
                at,
                "is multi-valued inside a complex attribute: make the outer one multi-valued",
            );
        }
        if self.flag(map, "required", at, false) {
            self.problem(
                at,
                "cannot be required: people who are there already lack it, and not every source sends it",
            );
        }
        let case_exact = self.flag(map, "caseExact", at, is_exact);
        if is_exact && !case_exact {
            self.problem(
                at,
                format!("has the type {kind}, which is always caseExact"),
            );
        }
        let mutability = self.word(map, "mutability", at, "readWrite", &MUTABILITY);
        let returned = self.word(map, "returned", at, "default", &RETURNED);
        let uniqueness = self.word(map, "uniqueness", at, "none", &UNIQUENESS);
        self.unsupported(at, &mutability, &returned, &uniqueness);
        if !is_top && returned != "default" {
            self.problem(
                at,
                "is returned with the attribute that it is part of: leave `returned` out",
            );
        }
        out.insert("type".to_owned(), Value::from(kind.clone()));
        out.insert("multiValued".to_owned(), Value::from(multi_valued));
        let description = self.text(map, "description", &format!("{at}.description"));
        out.insert(
            "description".to_owned(),
            Value::from(description.unwrap_or_default()),
        );
        out.insert("required".to_owned(), Value::from(false));
        out.insert("caseExact".to_owned(), Value::from(case_exact));
        out.insert("mutability".to_owned(), Value::from(mutability));
        out.insert("returned".to_owned(), Value::from(returned));
        out.insert("uniqueness".to_owned(), Value::from(uniqueness));
        for (key, wanted) in [
            ("canonicalValues", "string"),
            ("referenceTypes", "reference"),
        ] {
            let words = self.words(map, key, at, kind == wanted, wanted);
            out.extend(words.map(|words| (key.to_owned(), words)));
        }
        if kind == "reference" && !out.contains_key("referenceTypes") {
            self.problem(
                at,
                "is a reference and needs `referenceTypes`, such as [\"external\"]",
            );
        }
        let parts = self.parts(map, at, is_complex && is_top, multi_valued);
        out.extend(parts.map(|parts| ("subAttributes".to_owned(), parts)));
        if !is_complex && map.contains_key("subAttributes") {
            self.problem(
                at,
                format!("has the type {kind}, which has no `subAttributes`"),
            );
        }
        Value::Object(out)
    }

    /// The sub-attributes of an attribute that has some.
    fn parts(&mut self, map: &Doc, at: &str, has_some: bool, multi_valued: bool) -> Option<Value> {
        if !has_some {
            return None;
        }
        let parts = self.list(map, "subAttributes", &format!("{at}."), SUB_ATTRIBUTES);
        if parts.is_empty() {
            self.problem(at, "is complex and needs `subAttributes`");
        }
        if multi_valued && parts.iter().any(|part| part["mutability"] == "immutable") {
            self.problem(
                at,
                "is multi-valued, so that its parts cannot be immutable: nothing says which value is which; make all of it \
                 immutable",
            );
        }
        Some(Value::from(parts))
    }

    fn is_known(&self, name: &str) -> bool {
        let kind = self.kind;
        self.builtin.top(kind, name).is_some()
            || self
                .builtin
                .extensions(kind)
                .any(|e| e.attribute(name).is_some())
    }

    /// Words of the RFC that are no mistakes, but that this server cannot keep.
    fn unsupported(&mut self, at: &str, mutability: &str, returned: &str, uniqueness: &str) {
        if !["readWrite", "immutable"].contains(&mutability) {
            self.problem(
                at,
                format!(
                    "takes readWrite or immutable as `mutability`, since nobody but sources writes it; got {mutability}"
                ),
            );
        }
        if returned == "never" {
            self.problem(
                at,
                "is never returned: what nobody may read is not kept here, leave it out",
            );
        }
        if uniqueness != "none" {
            self.problem(
                at,
                format!("takes only none as `uniqueness`, since no index stands behind it; got {uniqueness}"),
            );
        }
    }

    fn flag(&mut self, map: &Doc, key: &str, at: &str, default: bool) -> bool {
        match map.get(key) {
            None => default,
            Some(Value::Bool(yes)) => *yes,
            Some(_) => {
                self.problem(at, format!("takes true or false as `{key}`"));
                default
            }
        }
    }

    fn word(&mut self, map: &Doc, key: &str, at: &str, default: &str, known: &[&str]) -> String {
        let word = match map.get(key) {
            None => default,
            Some(value) => value.as_str().unwrap_or_default(),
        };
        if known.contains(&word) {
            return word.to_owned();
        }
        let known = known.join(", ");
        self.problem(
            at,
            format!("takes one of {known} as `{key}`; got `{}`", quote(word)),
        );
        default.to_owned()
    }

    fn words(
        &mut self,
        map: &Doc,
        key: &str,
        at: &str,
        is_fitting: bool,
        wanted: &str,
    ) -> Option<Value> {
        let value = map.get(key)?;
        if !is_fitting {
            self.problem(at, format!("has `{key}`, which only the type {wanted} has"));
            return None;
        }
        let words = value.as_array().filter(|w| {
            let is_text = |w: &Value| w.as_str().is_some_and(is_word);
            (1..=WORDS).contains(&w.len()) && w.iter().all(is_text)
        });
        if words.is_none() {
            self.problem(at, format!("takes 1 to {WORDS} texts as `{key}`"));
        }
        words.map(|words| Value::from(words.clone()))
    }
}

const KEYS: [&str; 12] = [
    "name",
    "type",
    "multiValued",
    "description",
    "required",
    "caseExact",
    "mutability",
    "returned",
    "uniqueness",
    "canonicalValues",
    "referenceTypes",
    "subAttributes",
];
const TYPES: [&str; 8] = [
    "string",
    "boolean",
    "decimal",
    "integer",
    "dateTime",
    "binary",
    "reference",
    "complex",
];
const MUTABILITY: [&str; 4] = ["readWrite", "readOnly", "immutable", "writeOnly"];
const RETURNED: [&str; 4] = ["default", "always", "request", "never"];
const UNIQUENESS: [&str; 3] = ["none", "server", "global"];

fn is_word(word: &str) -> bool {
    !word.is_empty() && word.len() <= TEXT && !word.contains('\0')
}

fn is_name(name: &str) -> bool {
    name.len() <= NAME
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

#[cfg(test)]
mod tests;
