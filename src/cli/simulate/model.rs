//! The simulator's own truth: who was sent, with which values, in which groups. Servers are compared with this.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::people::Person;

pub const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
pub const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
pub const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
pub const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";
pub const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
pub const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// A person of the run and what the server must say about them.
pub struct Record {
    /// As invented.
    pub person: Person,
    /// What the server named them; `None` before the create and after a failed one.
    pub id: Option<String>,
    /// The attributes that must be read back. Null means: must be absent.
    pub expected: Value,
    /// Deleted for good.
    pub is_gone: bool,
}

impl Record {
    /// Somebody the server has not heard of.
    pub fn new(person: Person) -> Record {
        Record {
            person,
            id: None,
            expected: json!({}),
            is_gone: false,
        }
    }

    /// The userName as it stands now.
    pub fn user_name(&self) -> &str {
        self.expected
            .get("userName")
            .and_then(Value::as_str)
            .unwrap_or(&self.person.user_name)
    }

    /// Takes a document that was sent as the new truth, without what a server does not give back.
    pub fn sent(&mut self, document: &Value) {
        let mut kept = document.clone();
        if let Some(map) = kept.as_object_mut() {
            map.retain(|name, _| {
                !matches!(
                    name.as_str(),
                    "schemas" | "id" | "meta" | "groups" | "password"
                )
            });
        }
        self.expected = kept;
    }
}

/// A group of the run.
pub struct Team {
    /// Its displayName as it stands now.
    pub name: String,
    /// The directory's key, where the provider sends one.
    pub external_id: Option<String>,
    /// What the server named it.
    pub id: Option<String>,
    /// The ids of its members.
    pub members: BTreeSet<String>,
    /// Deleted for good.
    pub is_gone: bool,
}

impl Team {
    /// A group the server has not heard of.
    pub fn new(name: String, external_id: Option<String>) -> Team {
        Team {
            name,
            external_id,
            id: None,
            members: BTreeSet::new(),
            is_gone: false,
        }
    }
}

/// Everything that was sent in one play.
#[derive(Default)]
pub struct Model {
    pub people: Vec<Record>,
    pub teams: Vec<Team>,
}

impl Model {
    /// The position of the person somebody reports to; everyone but the first has one.
    pub fn manager_of(index: usize) -> Option<usize> {
        (index > 0).then(|| (index - 1) / 5)
    }

    /// The people at these places of every ten, who exist on the server.
    pub fn present(&self, of_ten: &[usize]) -> Vec<usize> {
        (0..self.people.len())
            .filter(|index| of_ten.contains(&(index % 10)))
            .filter(|index| self.people[*index].id.is_some() && !self.people[*index].is_gone)
            .collect()
    }

    /// Those who can be deleted without leaving a team that reports to nobody.
    pub fn expendable(&self, of_ten: &[usize]) -> Vec<usize> {
        let bosses: BTreeSet<usize> = (0..self.people.len())
            .filter_map(Model::manager_of)
            .collect();
        self.present(of_ten)
            .into_iter()
            .filter(|index| !bosses.contains(index))
            .collect()
    }
}

/// Where an attribute lives, both in a document and as a PATCH path.
#[derive(Debug, Clone, Copy)]
pub enum Place {
    /// `title`
    Plain(&'static str),
    /// `name.familyName`
    Sub(&'static str, &'static str),
    /// `emails[type eq "work"].value`: list, type, sub-attribute
    Typed(&'static str, &'static str, &'static str),
    /// An attribute of the enterprise extension.
    Enterprise(&'static str),
}

impl Place {
    /// The PATCH path.
    pub fn path(self) -> String {
        match self {
            Place::Plain(name) => name.to_owned(),
            Place::Sub(name, sub) => format!("{name}.{sub}"),
            Place::Typed(list, kind, sub) => format!("{list}[type eq \"{kind}\"].{sub}"),
            Place::Enterprise(name) => format!("{ENTERPRISE}:{name}"),
        }
    }

    /// Writes the value; null stands for "must be absent".
    pub fn write(self, document: &mut Value, value: Value) {
        let Some(root) = document.as_object_mut() else {
            return;
        };
        match self {
            Place::Plain(name) => {
                root.insert(name.to_owned(), value);
            }
            Place::Sub(name, sub) => put(root, name, sub, value),
            Place::Enterprise(name) => put(root, ENTERPRISE, name, value),
            Place::Typed(list, kind, sub) => {
                let entry = root.entry(list).or_insert(Value::Null);
                // Sent as null before: unmapped attributes are.
                if entry.is_null() {
                    *entry = json!([]);
                }
                let Some(elements) = entry.as_array_mut() else {
                    return;
                };
                match elements
                    .iter_mut()
                    .find(|e| e["type"] == kind)
                    .and_then(Value::as_object_mut)
                {
                    Some(element) => {
                        element.insert(sub.to_owned(), value);
                    }
                    None => elements.push(json!({"type": kind, sub: value})),
                }
            }
        }
    }
}

fn put(root: &mut Map<String, Value>, name: &str, sub: &str, value: Value) {
    let entry = root.entry(name).or_insert_with(|| json!({}));
    if let Some(inner) = entry.as_object_mut() {
        inner.insert(sub.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{ENTERPRISE, Place};

    #[test]
    fn a_place_is_written_where_its_path_points() {
        let mut document = json!({});
        let places = [
            (Place::Plain("title"), "/title".to_owned()),
            (
                Place::Sub("name", "familyName"),
                "/name/familyName".to_owned(),
            ),
            (
                Place::Typed("emails", "work", "value"),
                "/emails/0/value".to_owned(),
            ),
            (
                Place::Enterprise("department"),
                format!("/{ENTERPRISE}/department"),
            ),
        ];
        for (place, pointer) in places {
            for value in [json!("x"), json!("y"), Value::Null] {
                place.write(&mut document, value.clone());
                assert_eq!(document.pointer(&pointer), Some(&value), "{}", place.path());
            }
        }
        assert_eq!(document["emails"], json!([{"type": "work", "value": null}]));
    }
}
