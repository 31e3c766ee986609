//! Everything about one person on one page: gathered as a value, which `--json` prints as it is.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::cli::{Failure, shown};
use crate::domain::clock::Millis;
use crate::domain::ids::TenantId;
use crate::domain::language::Language;
use crate::http::scim::audit::render;
use crate::scim::filter;
use crate::scim::rules::Rules;
use crate::scim::schema::{Registry, ResourceKind};
use crate::service::health::Ages;
use crate::service::{Error, Service};
use crate::storage::claims::ClaimRow;
use crate::storage::conflicts::ConflictRow;
use crate::storage::connections::ConnectionRow;
use crate::storage::order::{Order, Rows, Slice, Start};
use crate::storage::users::UserRow;
use crate::storage::view::View;
use crate::storage::{Scope, filter as sql};
use crate::words::{self, Book};

/// Why access is what it is, in English.
pub(super) fn why(code: &str) -> String {
    words::say(Book::Reasons, code, &Value::Null, Language::En).unwrap_or_default()
}

fn time(at: i64) -> String {
    Millis(at).to_rfc3339()
}

/// Reads the page of the person with this id, with the last `entries` of the journal.
pub(super) async fn gather(
    service: &Service,
    tenant: &TenantId,
    id: &str,
    entries: i64,
) -> Result<Value, Failure> {
    let (registry, id) = (service.registry(tenant).await?, id.to_owned());
    let page = service
        .store
        .read(tenant, move |scope| {
            let row = scope
                .find_user(&id)?
                .ok_or_else(|| Error::no_such("person", &id))?;
            let claims = scope.list_claims(&id)?;
            let connections = scope.list_connections()?;
            let ages = Ages::of(scope, &id)?;
            let mut page = person(&row);
            page["claims"] = claims
                .iter()
                .map(|c| {
                    let mut shown = claim(c, &row, &connections);
                    shown["dataAt"] = json!(ages.data_at(&c.connection_id).map(time));
                    shown["missedSince"] = json!(ages.missed_since(&c.connection_id).map(time));
                    shown
                })
                .collect();
            let conflicts = scope.list_conflicts_about(&id)?;
            page["conflicts"] = conflicts.iter().map(conflict).collect();
            let groups = scope.list_groups_of(&View::Everybody, &id)?;
            page["groups"] = groups
                .into_iter()
                .map(|(id, name, how)| json!({"id": id, "displayName": name, "type": how}))
                .collect();
            let teams = scope.list_teams_of(&id)?;
            let mut of_teams = Vec::with_capacity(teams.len());
            for team in teams {
                let reviewers = scope.list_reviewers(&team.id)?;
                of_teams.push(json!({"id": team.id, "name": team.name, "reviewers": scope.list_names(&reviewers)?
                    .into_iter().map(|(id, name)| json!({"id": id, "name": name})).collect::<Vec<_>>()}));
            }
            page["teams"] = Value::from(of_teams);
            page["journal"] = journal(scope, &registry, &id, entries)?;
            Ok::<_, Error>(page)
        })
        .await?;
    Ok(page)
}

fn person(row: &UserRow) -> Value {
    let parameters = row.access_params.as_deref().map(parsed);
    json!({
        "id": row.id,
        "userName": row.user_name,
        "access": row.access,
        "accessReason": {"code": row.access_reason, "parameters": parameters},
        "accessSince": time(row.access_since),
        "hasAccess": row.has_access,
        "decidedByHuman": row.sticky,
        "breakGlass": row.break_glass,
        "adminRole": row.admin_role,
        "removedAt": row.removed_at.map(time),
        "mergedInto": row.merged_into,
        "createdAt": time(row.created_at),
        "updatedAt": time(row.updated_at),
        "version": row.version,
        "document": parsed(&row.doc.0),
    })
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or(Value::Null)
}

/// What a source says. `differs` names what it reads back otherwise than it is in force, `held` what it asserts without
/// effect.
fn claim(claim: &ClaimRow, row: &UserRow, connections: &[ConnectionRow]) -> Value {
    let connection = connections.iter().find(|c| c.id == claim.connection_id);
    let effective = parsed(&row.doc.0);
    let differs: Vec<String> = match claim.view_doc.as_ref().map(|doc| parsed(&doc.0)) {
        Some(Value::Object(view)) => {
            let names = view
                .keys()
                .chain(effective.as_object().into_iter().flat_map(|o| o.keys()));
            let mut names: Vec<String> = names
                .filter(|name| view.get(*name) != effective.get(*name))
                .cloned()
                .collect();
            names.sort_unstable();
            names.dedup();
            names
        }
        _ => Vec::new(),
    };
    json!({
        "connection": claim.connection_id,
        "label": connection.map(|c| c.label.as_str()),
        "preset": connection.map(|c| c.preset.as_str()),
        "joinerPolicy": connection.map(|c| c.joiner_policy.as_str()),
        "state": claim.state,
        "active": claim.active,
        "externalId": claim.external_id,
        "idThere": claim.scim_id,
        "differs": differs,
        "held": claim.held.as_deref().map(parsed),
        "since": time(claim.created_at),
        "endedAt": claim.ended_at.map(time),
    })
}

fn conflict(row: &ConflictRow) -> Value {
    json!({
        "id": row.id, "kind": row.kind, "state": row.state, "connection": row.connection_id,
        "candidates": parsed(&row.candidates), "seen": row.seen, "since": time(row.created_at),
    })
}

/// The last entries that speak of the person, newest first.
fn journal(
    scope: &mut Scope<'_>,
    registry: &Registry,
    id: &str,
    limit: i64,
) -> Result<Value, Error> {
    let text = format!("subject.id eq \"{id}\" or object.id eq \"{id}\"");
    let parsed = filter::parse(
        registry,
        ResourceKind::AuditEvent,
        &text,
        &mut Rules::default(),
    )?;
    let condition = sql::entries(scope, &parsed);
    let newest = Slice {
        order: Order::by_id(Rows::Entries, true),
        start: Start::Offset(0),
        limit,
    };
    let listed = scope.list_entries(Some(&condition), &newest)?;
    let entries = scope.with_values(listed.rows)?;
    let each: crate::storage::Result<Vec<Value>> = entries
        .iter()
        .map(|(row, values)| render(registry, "", row, values).map(Value::Object))
        .collect();
    Ok(Value::Array(each?))
}

/// The page for people.
pub(super) fn text(page: &Value) -> String {
    let mut out = String::new();
    head(&mut out, page);
    section(&mut out, page, "claims", "what the sources say", |claim| {
        let mut line = format!(
            "{} ({}, {})  {}  active {}",
            word(claim, "label"),
            word(claim, "connection"),
            word(claim, "preset"),
            word(claim, "state"),
            word(claim, "active")
        );
        for (name, title) in [
            ("externalId", "externalId"),
            ("endedAt", "ended"),
            ("idThere", "known there as"),
            ("dataAt", "as of"),
            ("missedSince", "not seen since"),
        ] {
            if !claim[name].is_null() {
                let _ = write!(line, "  {title} {}", word(claim, name));
            }
        }
        for (name, title) in [("differs", "reads otherwise"), ("held", "held")] {
            if claim[name].as_array().is_some_and(|list| !list.is_empty()) {
                let _ = write!(line, "  {title}: {}", joined(&claim[name]));
            }
        }
        line
    });
    section(
        &mut out,
        page,
        "conflicts",
        "questions for a human",
        |conflict| {
            format!(
                "{}  {}  from {}  candidates: {}",
                word(conflict, "state"),
                word(conflict, "kind"),
                word(conflict, "connection"),
                joined(&conflict["candidates"])
            )
        },
    );
    section(&mut out, page, "groups", "groups", |group| {
        let (id, name) = (word(group, "id"), word(group, "displayName"));
        format!("{id}  {name}  {}", word(group, "type"))
    });
    section(&mut out, page, "teams", "teams", |team| {
        let reviewers = team["reviewers"].as_array().into_iter().flatten();
        let names: Vec<&str> = reviewers.filter_map(|r| r["name"].as_str()).collect();
        let reviewers = match names.as_slice() {
            [] => "nobody".to_owned(),
            names => shown(&names.join(", ")),
        };
        format!(
            "{}  {}  reviewed by {reviewers}",
            word(team, "id"),
            word(team, "name")
        )
    });
    section(&mut out, page, "journal", "last changes", |entry| {
        let mut line = format!(
            "{}  {}  by {} {}  ({} {})",
            word(entry, "time"),
            word(entry, "action"),
            text_at(entry, "/actor/kind"),
            text_at(entry, "/actor/id"),
            text_at(entry, "/cause/kind"),
            text_at(entry, "/cause/id")
        );
        if !entry["reason"].is_null() {
            let _ = write!(line, "  {}", word(entry, "reason"));
        }
        line
    });
    out.trim_end().to_owned()
}

fn head(out: &mut String, page: &Value) {
    let doc = &page["document"];
    let code = text_at(page, "/accessReason/code");
    let mut line = |title: &str, text: &str| {
        if !text.is_empty() {
            let _ = writeln!(out, "{title:<12}{text}");
        }
    };
    line("person", &word(page, "id"));
    line("userName", &word(page, "userName"));
    let name = ["/displayName", "/name/formatted"].map(|p| text_at(doc, p));
    let parts = format!(
        "{} {}",
        text_at(doc, "/name/givenName"),
        text_at(doc, "/name/familyName")
    );
    let shown_name = name
        .into_iter()
        .chain([parts.trim().to_owned()])
        .find(|n| !n.is_empty());
    line("name", &shown_name.unwrap_or_default());
    let emails = doc["emails"].as_array().into_iter().flatten();
    let emails: Vec<String> = emails.map(|e| word(e, "value")).collect();
    line("addresses", &emails.join(", "));
    line(
        "access",
        &format!(
            "{} since {}",
            word(page, "access"),
            word(page, "accessSince")
        ),
    );
    line(
        "reason",
        format!("{code}: {}", why(&code)).trim_end_matches([':', ' ']),
    );
    line("note", &text_at(page, "/accessReason/parameters/note"));
    if page["decidedByHuman"] == true {
        line("decided", "by a human: no source gives access");
    }
    if page["breakGlass"] == true {
        line("admin", "break-glass: no source takes her over");
    } else if !page["adminRole"].is_null() {
        line(
            "admin",
            &format!("{}: no source takes her over", word(page, "adminRole")),
        );
    }
    if !page["removedAt"].is_null() {
        line("removed", &word(page, "removedAt"));
    }
    if !page["mergedInto"].is_null() {
        line("merged into", &word(page, "mergedInto"));
    }
}

fn section(
    out: &mut String,
    page: &Value,
    key: &str,
    title: &str,
    line: impl Fn(&Value) -> String,
) {
    let items = page[key].as_array().map_or(&[][..], Vec::as_slice);
    if items.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{title}");
    for item in items {
        let _ = writeln!(out, "  {}", line(item));
    }
}

/// A member as a word; `-` where there is none.
fn word(value: &Value, name: &str) -> String {
    match &value[name] {
        Value::Null => "-".to_owned(),
        Value::String(text) => shown(text),
        other => other.to_string(),
    }
}

fn text_at(value: &Value, pointer: &str) -> String {
    let text = value.pointer(pointer).and_then(Value::as_str);
    shown(text.unwrap_or_default())
}

fn joined(list: &Value) -> String {
    let texts = list.as_array().into_iter().flatten();
    let texts: Vec<String> = texts.filter_map(Value::as_str).map(shown).collect();
    texts.join(", ")
}
