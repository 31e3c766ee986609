//! People: who is there, who has access and why, and what a human decides about it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::call::{Call, reply};
use super::problem::{Problem, Result};
use super::{Page, time};
use crate::domain::access::Access;
use crate::http::call::Reply;
use crate::scim::error::quote;
use crate::scim::filter;
use crate::scim::rules::Rules;
use crate::scim::schema::{ROSTERD_USER, Registry, ResourceKind};
use crate::service;
use crate::service::health::Ages;
use crate::service::users::Decided;
use crate::storage::filter as sql;
use crate::storage::order::{Mark, Order, Rows, Slice, Start};
use crate::storage::view::{UserView, View};

/// A person.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Person {
    /// Id; never given to another person.
    #[schema(example = "01977e60-2f4b-7c11-9d0e-5a3c8b7f1e20")]
    id: String,
    /// `listed`, `invited`, `granted` or `revoked`.
    #[schema(example = "granted")]
    access: String,
    /// Whether the app lets her in.
    has_access: bool,
    /// Why.
    access_reason: Reason,
    /// What the app calls her.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "u-17")]
    app_user_id: Option<String>,
    /// When she was first seen.
    #[schema(example = "2027-01-31T02:00:00.000Z")]
    created_at: String,
    /// Last change.
    #[schema(example = "2027-01-31T02:00:00.000Z")]
    updated_at: String,
    /// Counts changes.
    version: i64,
    /// The SCIM User in force, without `id` and `meta`.
    #[schema(value_type = Object)]
    user: Value,
    /// What each source says; only where one person is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    sources: Option<Vec<Claim>>,
}

/// Why access is what it is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// Code.
    #[schema(example = "granted-by-policy")]
    code: String,
    /// Its parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    parameters: Option<Value>,
}

/// What one source says of a person.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// Id of the connection.
    connection: String,
    /// `scim`, `hris` or `app`.
    #[schema(example = "hris")]
    kind: String,
    /// How it is shown.
    #[schema(example = "HR")]
    label: String,
    /// `live`, `pending`, `parked`, `resting` (its connection gave its place to another) or `ended`.
    #[schema(example = "live")]
    state: String,
    /// What it last said of `active`.
    #[serde(skip_serializing_if = "Option::is_none")]
    active: Option<bool>,
    /// What it calls her.
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    /// Of one that is pulled: how old its word is, the time of the last complete pull that saw her.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2027-01-31T02:00:00.000Z")]
    data_at: Option<String>,
    /// Of one that is pulled: the first complete pull that missed her; its word is older.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2027-01-31T02:00:00.000Z")]
    missed_since: Option<String>,
}

/// Why a human decides so.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"note": "asked for by her manager"}))]
pub struct Decision {
    /// One line of at most 500 characters, kept with the reason and in the journal.
    note: Option<String>,
}

/// How a person stands after a decision.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// Id.
    id: String,
    /// Access now.
    #[schema(example = "revoked")]
    access: String,
    /// Nobody but the journal knows her any more.
    is_removed: bool,
    /// False: it was so before.
    is_changed: bool,
}

impl Reason {
    /// A code with its parameters as they are stored.
    pub(super) fn of(code: String, parameters: Option<&str>) -> Self {
        let parsed = |text: &str| serde_json::from_str(text).unwrap_or(Value::Null);
        Self {
            code,
            parameters: parameters.map(parsed),
        }
    }
}

fn show(view: UserView) -> Person {
    let parsed = |text: &str| serde_json::from_str(text).unwrap_or(Value::Null);
    Person {
        id: view.user_id,
        access: view.access,
        has_access: view.has_access,
        access_reason: Reason::of(view.access_reason, view.access_params.as_deref()),
        app_user_id: view.app_user_id,
        created_at: time(view.created_at),
        updated_at: time(view.updated_at),
        version: view.version,
        user: parsed(&view.doc.0),
        sources: None,
    }
}

/// The filter of the query, with the state of access in it, so that the database selects by both.
fn wanted(call: &Call, registry: &Registry) -> Result<Option<filter::Filter>> {
    let access = call.parameter("access");
    let word = access.map(|word| {
        Access::parse(word).ok_or_else(|| {
            Problem::invalid(format!(
                "`access` takes listed, invited, granted or revoked; got `{}`",
                quote(word)
            ))
        })
    });
    let only = word.transpose()?;
    let only = only.map(|access| format!("{ROSTERD_USER}:access eq \"{}\"", access.as_str()));
    let text = match (call.parameter("filter"), only) {
        (None, None) => return Ok(None),
        (Some(filter), None) => filter.to_owned(),
        (None, Some(only)) => only,
        (Some(filter), Some(only)) => {
            // Read by itself first, so that brackets of its own cannot reach around the other condition.
            parse(call, registry, filter)?;
            format!("({filter}) and {only}")
        }
    };
    parse(call, registry, &text).map(Some)
}

fn parse(call: &Call, registry: &Registry, text: &str) -> Result<filter::Filter> {
    let mut rules = Rules::default().within(call.state.limits.scim);
    filter::parse(registry, ResourceKind::User, text, &mut rules)
        .map_err(|error| Problem::invalid(format!("`filter`: {}", error.detail)))
}

/// List people.
///
/// In the order of their ids, which is that of their creation. People who were removed are left out.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/people", responses((status = 200, description = "A page of them.", body = Page<Person>)))]
pub async fn list(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let registry = service.registry(&caller.tenant).await;
    let registry = registry.map_err(|e| call.explain(e))?;
    let parsed = wanted(&call, &registry)?;
    let after = call.parameter("after").map(|id| Mark {
        key: None,
        id: id.to_owned(),
    });
    let slice = Slice {
        order: Order::by_id(Rows::Users, false),
        start: Start::After(after),
        limit: i64::try_from(call.limit()?).unwrap_or(i64::MAX),
    };
    let schemas = Arc::clone(&registry);
    let listed = service
        .store
        .read(&caller.tenant, move |scope| {
            let condition = parsed.map(|f| sql::users(scope, &schemas, &View::Everybody, &f));
            Ok::<_, service::Error>(scope.list_users(
                &View::Everybody,
                condition.as_ref(),
                &slice,
            )?)
        })
        .await
        .map_err(|e| call.explain(e))?;
    let page = Page {
        items: listed.rows.into_iter().map(show).collect(),
        next: listed.next.map(|mark| mark.id),
    };
    reply(200, &page)
}

/// Show a person, with what each source says of her.
#[utoipa::path(get, path = "/api/v1/tenants/{tenant}/people/{id}", responses((status = 200, description = "The person.", body = Person)))]
pub async fn get(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let id = call.id.clone();
    let found = service
        .store
        .read(&caller.tenant, move |scope| {
            let found = scope.find_user_view(&View::Everybody, &id)?;
            let view = found.ok_or_else(|| service::Error::no_such("person", &id))?;
            let claims = scope.list_claims(&id)?;
            let ages = Ages::of(scope, &id)?;
            let connections = scope.list_connections()?;
            let of = |id: &str| connections.iter().find(|c| c.id == id);
            let claims = claims.into_iter().map(|claim| Claim {
                kind: of(&claim.connection_id)
                    .map(|c| c.kind.clone())
                    .unwrap_or_default(),
                label: of(&claim.connection_id)
                    .map(|c| c.label.clone())
                    .unwrap_or_default(),
                data_at: ages.data_at(&claim.connection_id).map(time),
                missed_since: ages.missed_since(&claim.connection_id).map(time),
                connection: claim.connection_id,
                state: claim.state,
                active: claim.active,
                external_id: claim.external_id,
            });
            Ok::<_, service::Error>((view, claims.collect::<Vec<_>>()))
        })
        .await;
    let (view, claims) = found.map_err(|e| call.explain(e))?;
    let person = Person {
        sources: Some(claims),
        ..show(view)
    };
    reply(200, &person)
}

/// Take a person's access away.
///
/// No source gives it back.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/people/{id}/revoke", request_body = Option<Decision>, responses((status = 200, description = "How she stands then.", body = Outcome)))]
pub async fn revoke(call: Call) -> Result<Reply> {
    let (decision, caller) = (decision(&call)?, call.caller()?);
    let service = &call.state.service;
    let note = decision.note.as_deref();
    decided(&call, service.revoke_person(&caller, &call.id, note).await)
}

/// Remove a person.
///
/// Whom a source still claims stays, listed; anybody else is gone for everybody but the journal. Whoever comes back later
/// comes back listed.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/people/{id}/remove", request_body = Option<Decision>, responses((status = 200, description = "How she stands then.", body = Outcome)))]
pub async fn remove(call: Call) -> Result<Reply> {
    let (decision, caller) = (decision(&call)?, call.caller()?);
    let service = &call.state.service;
    let note = decision.note.as_deref();
    decided(&call, service.remove_person(&caller, &call.id, note).await)
}

/// Lift a revoke or remove.
///
/// The person is listed, and a source may bring her in again.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/people/{id}/reinstate", request_body = Option<Decision>, responses((status = 200, description = "How she stands then.", body = Outcome)))]
pub async fn reinstate(call: Call) -> Result<Reply> {
    let (decision, caller) = (decision(&call)?, call.caller()?);
    let service = &call.state.service;
    let note = decision.note.as_deref();
    decided(
        &call,
        service.reinstate_person(&caller, &call.id, note).await,
    )
}

/// Who loses access at once.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"people": ["01977e60-2f4b-7c11-9d0e-5a3c8b7f1e20"], "note": "laptop stolen"}))]
pub struct RevokeNow {
    /// 1 to 500 ids.
    people: Vec<String>,
    /// Why, on one line: kept with the reason and in the journal.
    note: Option<String>,
}

/// What became of them.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RevokedNow {
    /// Each, in the order of the request.
    people: Vec<RevokedPerson>,
}

/// What became of one of them.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RevokedPerson {
    /// Id.
    id: String,
    /// Access now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "revoked")]
    access: Option<String>,
    /// Why nothing was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
}

/// Take named people's access away at once.
///
/// Whatever limit has tripped, and whatever of them waits, on the side of pulls and of pushes: it is settled by this. No
/// source gives access back.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/people:revoke-now", request_body = RevokeNow, responses((status = 200, description = "What became of each.", body = RevokedNow)))]
pub async fn revoke_now(call: Call) -> Result<Reply> {
    let wanted: RevokeNow = call.read()?;
    let (service, caller) = (&call.state.service, call.caller()?);
    let note = wanted.note.as_deref();
    let done = service.revoke_now(&caller, &wanted.people, note).await;
    let people = done.map_err(|e| call.explain(e))?.into_iter();
    let people = people.map(|one| RevokedPerson {
        id: one.person,
        access: one.access.map(|access| access.as_str().to_owned()),
        refused: one.refused,
    });
    reply(
        200,
        &RevokedNow {
            people: people.collect(),
        },
    )
}

/// Make a person a break-glass admin: no source removes her or takes her over.
#[utoipa::path(put, path = "/api/v1/tenants/{tenant}/people/{id}/break-glass", responses((status = 204, description = "She is one.")))]
pub async fn set_break_glass(call: Call) -> Result<Reply> {
    break_glass(&call, true).await
}

/// Take that from a person; never from the last one while a connection lives.
#[utoipa::path(delete, path = "/api/v1/tenants/{tenant}/people/{id}/break-glass", responses((status = 204, description = "She is none.")))]
pub async fn unset_break_glass(call: Call) -> Result<Reply> {
    break_glass(&call, false).await
}

async fn break_glass(call: &Call, is_one: bool) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let done = service.set_break_glass(&caller, &call.id, is_one).await;
    done.map_err(|e| call.explain(e))?;
    Ok(Reply::empty())
}

/// What of a person is held no more.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Lifted {
    /// Paths whose value is the source's again.
    units: Vec<String>,
    /// Source ids of records that the next pull looks at again.
    records: Vec<String>,
}

/// Let in what sources say of a person and the undo of a run holds.
///
/// Values count at once; a record that brought her, her leaving or her absence count from the next pull on.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/people/{id}/lift-holds", responses((status = 200, description = "What is held no more.", body = Lifted)))]
pub async fn lift_holds(call: Call) -> Result<Reply> {
    let (service, caller) = (&call.state.service, call.caller()?);
    let lifted = service.lift_holds(&caller, &call.id).await;
    let lifted = lifted.map_err(|e| call.explain(e))?;
    let records = lifted.records.into_iter().map(|(_, source_id)| source_id);
    let lifted = Lifted {
        units: lifted.units,
        records: records.collect(),
    };
    reply(200, &lifted)
}

fn decision(call: &Call) -> Result<Decision> {
    match call.body.is_empty() {
        true => Ok(Decision::default()),
        false => call.read(),
    }
}

fn decided(call: &Call, done: std::result::Result<Decided, service::Error>) -> Result<Reply> {
    let done = done.map_err(|e| call.explain(e))?;
    let outcome = Outcome {
        id: call.id.clone(),
        access: done.access.as_str().to_owned(),
        is_removed: done.is_tombstone,
        is_changed: done.is_changed,
    };
    reply(200, &outcome)
}

/// Whose record is taken from the person.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"connection": "01977e60-2f4b-7c11-9d0e-5a3c8b7f1e20"}))]
pub struct Unlink {
    /// The connection.
    connection: String,
}

/// What became of a record.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Unlinked {
    /// The person.
    id: String,
    /// Who has the record now: somebody new, listed.
    other: String,
}

/// Take a source's record from a person.
///
/// The record makes somebody of its own, who waits to be let in, and the two are not taken for one again. The person keeps
/// her access.
#[utoipa::path(post, path = "/api/v1/tenants/{tenant}/people/{id}/unlink", request_body = Unlink, responses((status = 200, description = "They are two.", body = Unlinked)))]
pub async fn unlink(call: Call) -> Result<Reply> {
    let wanted: Unlink = call.read()?;
    let (service, caller) = (&call.state.service, call.caller()?);
    let other = service
        .unlink_person(&caller, &wanted.connection, &call.id)
        .await;
    let unlinked = Unlinked {
        id: call.id.clone(),
        other: other.map_err(|e| call.explain(e))?,
    };
    reply(200, &unlinked)
}
