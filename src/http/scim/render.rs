//! From stored rows to resources. With nothing special asked for, the stored text is passed through and what it lacks
//! is spliced in; otherwise the resource is built as a value and cut down. A row whose document is not what was once
//! stored is an error of its own: a list goes on without it.

use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::domain::clock::Millis;
use crate::scim::Doc;
use crate::scim::etag;
use crate::scim::project::Projection;
use crate::scim::schema::{ENTERPRISE, ROSTERD_GROUP, ROSTERD_USER, Registry, ResourceKind};
use crate::storage::Error;
use crate::storage::view::{GroupView, Reference, UserView};

/// What rendering needs to know besides the row.
pub struct Frame<'a> {
    /// Schemas.
    pub registry: &'a Registry,
    /// Base URL of SCIM.
    pub base: &'a str,
    /// Projection.
    pub projection: &'a Projection,
    /// Rosterd's own extension is shown.
    pub rosterd: bool,
}

impl Frame<'_> {
    /// Where a resource is.
    pub fn location(&self, kind: ResourceKind, id: &str) -> String {
        format!("{}{}/{id}", self.base, kind.endpoint())
    }

    /// Nothing is to be taken from the stored document, and no extension added.
    fn is_as_stored(&self, kind: ResourceKind) -> bool {
        self.projection.is_default() && !self.rosterd && !self.registry.is_cut(kind)
    }

    fn meta(
        &self,
        kind: ResourceKind,
        id: &str,
        created: i64,
        modified: i64,
        version: i64,
    ) -> Value {
        json!({
            "resourceType": kind.name(),
            "created": Millis(created).to_rfc3339(),
            "lastModified": Millis(modified).to_rfc3339(),
            "location": self.location(kind, id),
            "version": etag::weak(version),
        })
    }

    /// References to resources of these kinds.
    fn references(&self, list: &[Reference], kind: impl Fn(&str) -> ResourceKind) -> Value {
        let each = list.iter().map(|(id, display, word)| {
            let kind = kind(word);
            let mut item = json!({"value": id, "$ref": self.location(kind, id), "type": word});
            if let Some(display) = display {
                item["display"] = Value::from(display.as_str());
            }
            item
        });
        each.collect()
    }

    /// A user. `manager` is hers where the reader knows that person under another id, or cannot see her.
    ///
    /// # Errors
    /// The stored document is unreadable.
    pub fn user(
        &self,
        user: &UserView,
        groups: &[Reference],
        manager: Option<(&str, Option<&str>)>,
    ) -> Result<String, Error> {
        let kind = ResourceKind::User;
        check("users", &user.user_id, &user.doc.0)?;
        let mut extra = Doc::new();
        extra.insert("id".to_owned(), Value::from(user.id.as_str()));
        if let Some(external_id) = &user.external_id {
            extra.insert("externalId".to_owned(), Value::from(external_id.as_str()));
        }
        extra.insert("active".to_owned(), Value::from(user.active));
        if !groups.is_empty() {
            extra.insert(
                "groups".to_owned(),
                self.references(groups, |_| ResourceKind::Group),
            );
        }
        extra.insert(
            "meta".to_owned(),
            self.meta(
                kind,
                &user.id,
                user.created_at,
                user.updated_at,
                user.version,
            ),
        );
        if self.is_as_stored(kind) && manager.is_none() {
            return Ok(splice(&user.doc.0, &extra));
        }
        let mut whole = parse(&user.doc.0);
        match manager {
            None => {}
            Some((own, None)) => leave_out_manager(&mut whole, own),
            Some((own, Some(known))) => rename_manager(&mut whole, own, known),
        }
        if self.rosterd {
            let mut access = json!({
                "access": user.access, "hasAccess": user.has_access, "accessReason": {"code": user.access_reason},
            });
            if let Some(parameters) = &user.access_params {
                access["accessReason"]["parameters"] = Value::from(parameters.as_str());
            }
            let more = [
                ("employmentState", &user.employment_state),
                ("startDate", &user.start_date),
                ("endDate", &user.end_date),
                ("addedVia", &user.added_via),
                ("appUserId", &user.app_user_id),
                ("entity", &user.entity),
            ];
            for (name, value) in more {
                if let Some(value) = value {
                    access[name] = Value::from(value.as_str());
                }
            }
            add_extension(&mut whole, ROSTERD_USER, access);
        }
        whole.append(&mut extra);
        Ok(Value::Object(self.projection.apply(self.registry, kind, whole)).to_string())
    }

    /// A group; `members` is `None` where they are not wanted.
    ///
    /// # Errors
    /// The stored document is unreadable.
    pub fn group(
        &self,
        group: &GroupView,
        members: Option<&[Reference]>,
        reviewers: &[String],
    ) -> Result<String, Error> {
        let kind = ResourceKind::Group;
        check("groups", &group.id, &group.doc.0)?;
        let mut extra = Doc::new();
        extra.insert("id".to_owned(), Value::from(group.id.as_str()));
        if let Some(external_id) = &group.external_id {
            extra.insert("externalId".to_owned(), Value::from(external_id.as_str()));
        }
        if let Some(members) = members {
            extra.insert(
                "members".to_owned(),
                self.references(members, |word| match word {
                    "Group" => ResourceKind::Group,
                    _ => ResourceKind::User,
                }),
            );
        }
        extra.insert(
            "meta".to_owned(),
            self.meta(
                kind,
                &group.id,
                group.created_at,
                group.updated_at,
                group.version,
            ),
        );
        if self.is_as_stored(kind) {
            return Ok(splice(&group.doc.0, &extra));
        }
        let mut whole = parse(&group.doc.0);
        if self.rosterd {
            let mut about = json!({"kind": group.kind});
            if let Some(by) = &group.managed_by {
                about["managedBy"] = Value::from(by.as_str());
            }
            if let Some(parent) = &group.parent {
                about["parent"] = Value::from(parent.as_str());
            }
            if !reviewers.is_empty() {
                let each = reviewers.iter().map(|id| json!({"value": id}));
                about["reviewers"] = each.collect();
            }
            add_extension(&mut whole, ROSTERD_GROUP, about);
        }
        whole.append(&mut extra);
        Ok(Value::Object(self.projection.apply(self.registry, kind, whole)).to_string())
    }
}

/// The document may be passed on: it is an object with at least one member. What is wrong with it is told without
/// anything that stands in it.
fn check(table: &'static str, id: &str, doc: &str) -> Result<(), Error> {
    let why = match serde_json::from_str::<IgnoredAny>(doc) {
        Ok(_) if doc.trim_start().starts_with('{') && doc.contains(':') => return Ok(()),
        Ok(_) => "its document is no object with attributes".to_owned(),
        Err(error) => format!("its document is no JSON: {error}"),
    };
    Err(Error::Corrupt {
        table,
        id: id.to_owned(),
        why,
    })
}

/// What can be shown of a list; the log names each row that cannot.
pub fn readable(each: impl Iterator<Item = Result<String, Error>>, request: &str) -> Vec<String> {
    let shown = each.filter_map(|rendered| match rendered {
        Ok(text) => Some(text),
        Err(error) => {
            tracing::error!(request.id = %request, error = %error, "a row was left out of a list");
            metrics::counter!("rosterd_unreadable_rows_total").increment(1);
            None
        }
    });
    shown.collect()
}

/// `{extra…, document…}`; both are objects with at least one member.
fn splice(doc: &str, extra: &Doc) -> String {
    let mut text = Value::Object(extra.clone()).to_string();
    text.pop();
    text.push(',');
    text.push_str(doc.trim_start().strip_prefix('{').unwrap_or(doc));
    text
}

fn parse(doc: &str) -> Doc {
    serde_json::from_str(doc).unwrap_or_default()
}

fn add_extension(whole: &mut Doc, urn: &str, value: Value) {
    if let Some(Value::Array(urns)) = whole.get_mut("schemas") {
        urns.push(Value::from(urn));
    }
    whole.insert(urn.to_owned(), value);
}

/// A reference to somebody whom the reader cannot see is left out.
/// The manager by the id that the reader knows.
fn rename_manager(whole: &mut Doc, own: &str, known: &str) {
    let value = whole
        .get_mut(ENTERPRISE)
        .and_then(|e| e.pointer_mut("/manager/value"))
        .filter(|value| value.as_str() == Some(own));
    if let Some(value) = value {
        *value = Value::from(known);
    }
}

fn leave_out_manager(whole: &mut Doc, hidden: &str) {
    let Some(Value::Object(enterprise)) = whole.get_mut(ENTERPRISE) else {
        return;
    };
    if enterprise
        .get("manager")
        .and_then(|m| m.get("value"))
        .and_then(Value::as_str)
        == Some(hidden)
    {
        enterprise.remove("manager");
    }
    if enterprise.is_empty() {
        whole.remove(ENTERPRISE);
        if let Some(Value::Array(urns)) = whole.get_mut("schemas") {
            urns.retain(|u| u != ENTERPRISE);
        }
    }
}
