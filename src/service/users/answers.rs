//! Answers to conflicts: a source's record is somebody who is there already, or it is not. An answer is remembered, and
//! the same is not asked again (SEMANTICS §2).

use serde_json::{Value, json};

use super::access::Says;
use super::conflicts::{keep_apart, kind, state};
use super::join::{Joining, join, part, release};
use super::model::Model;
use super::settle::{Act, settle};
use super::write::hold_adopted;
use crate::domain::access::{JoinerPolicy, reason};
use crate::domain::audit::Entry;
use crate::domain::ids::TenantId;
use crate::scim::Error as ScimError;
use crate::scim::error::quote;
use crate::scim::schema::{Registry, ResourceKind};
use crate::scim::units::flatten;
use crate::service::connections::{ConnectionRow, PULL};
use crate::service::error::{Error, Result};
use crate::service::groups::Halt;
use crate::service::{Caller, Service, Source};
use crate::storage::claims::ClaimState;
use crate::storage::{Outcome, Scope, Tx};

pub use crate::storage::conflicts::ConflictRow;

/// A person as a question shows her.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    /// Id.
    pub id: String,
    /// Display name, else userName.
    pub name: String,
    /// Primary address.
    pub email: Option<String>,
    /// Access word.
    pub access: String,
}

impl Side {
    /// The person as she is; `None` for a tombstone.
    pub(in crate::service) fn of(scope: &mut Scope<'_>, id: &str) -> Result<Option<Self>> {
        let row = scope.find_user(id)?.filter(|u| u.removed_at.is_none());
        let Some(row) = row else {
            return Ok(None);
        };
        Ok(Some(Self {
            email: scope.find_primary_address(id)?,
            name: row.display_name.unwrap_or(row.user_name),
            access: row.access,
            id: row.id,
        }))
    }
}

/// A question with the people whom it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The question.
    pub row: ConflictRow,
    /// The person that the source got.
    pub subject: Option<Side>,
    /// Who she may be instead; whoever is gone meanwhile is left out.
    pub candidates: Vec<Side>,
}

/// What an answer came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// Whose the source's record is now.
    pub person: String,
    /// State of the question: `linked` or `kept-apart`.
    pub state: String,
    /// False: it was so before.
    pub is_changed: bool,
}

/// How a question is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The record is this person; without a name, the only one whom it may be.
    Link(Option<String>),
    /// It is none of them.
    KeepApart,
}

impl Service {
    /// Questions after an id, oldest first, at most `limit`: those that wait for an answer, or all.
    ///
    /// # Errors
    /// Storage.
    pub async fn list_conflicts(
        &self,
        tenant: &TenantId,
        all: bool,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Conflict>> {
        let after = after.unwrap_or_default().to_owned();
        self.store
            .read(tenant, move |scope| {
                let rows = match all {
                    true => scope.list_conflicts()?,
                    false => scope.list_open_conflicts()?,
                };
                let rows = rows.into_iter().filter(|row| row.id > after).take(limit);
                rows.map(|row| look_at(scope, row)).collect()
            })
            .await
    }

    /// A question.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn find_conflict(&self, tenant: &TenantId, id: &str) -> Result<Conflict> {
        let id = id.to_owned();
        self.store
            .read(tenant, move |scope| {
                let row = scope.find_conflict_by_id(&id)?;
                let row = row.ok_or_else(|| Error::no_such("conflict", &id))?;
                look_at(scope, row)
            })
            .await
    }

    /// Answers a question. The same answer again changes nothing; another one is refused unless it is to `revise` that two
    /// were kept apart.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` where somebody answered otherwise, or the record is gone; `Invalid` for somebody who is not
    /// asked about; `Forbidden` where it would cost access or an admin.
    pub async fn answer_conflict(
        &self,
        caller: &Caller,
        id: &str,
        answer: &Answer,
        revise: bool,
    ) -> Result<Answered> {
        loop {
            let registry = self.registry(&caller.tenant).await?;
            let (id, answer) = (id.to_owned(), answer.clone());
            let done = self
                .store
                .write(caller.meta(), move |tx| {
                    respond(tx, &registry, &id, &answer, revise).map(Outcome::Done)
                })
                .await;
            if let Some(done) = self.settle_halt(done).await? {
                return Ok(done);
            }
        }
    }

    /// Takes a source's record from a person: it makes somebody of its own, who waits to be let in, and the two are not
    /// taken for one again. The person keeps her access.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` where the connection has no record of her; `Forbidden` where nothing else is left of her.
    pub async fn unlink_person(
        &self,
        caller: &Caller,
        connection: &str,
        person: &str,
    ) -> Result<String> {
        loop {
            let registry = self.registry(&caller.tenant).await?;
            let (connection, person) = (connection.to_owned(), person.to_owned());
            let done = self
                .store
                .write(caller.meta(), move |tx| {
                    unlink(tx, &registry, &connection, &person).map(|id| Outcome::Done(Some(id)))
                })
                .await;
            if let Some(id) = self.settle_halt(done).await? {
                return Ok(id);
            }
        }
    }

    /// Turns what stopped an operation into another round, or its error.
    pub(in crate::service) async fn settle_halt<T>(
        &self,
        done: Result<Option<T>, Halt>,
    ) -> Result<Option<T>> {
        match done {
            Ok(done) => Ok(done),
            Err(Halt::Plan(_)) => Ok(None),
            Err(Halt::Behind(behind)) => self.catch_up(&behind).await.map(|()| None),
            Err(Halt::Failed(error)) => Err(error),
        }
    }
}

fn look_at(scope: &mut Scope<'_>, row: ConflictRow) -> Result<Conflict> {
    let mut candidates = Vec::new();
    for id in asked_about(&row) {
        candidates.extend(Side::of(scope, &id)?);
    }
    Ok(Conflict {
        subject: Side::of(scope, &row.subject)?,
        candidates,
        row,
    })
}

/// Who the person may be instead.
fn asked_about(row: &ConflictRow) -> Vec<String> {
    serde_json::from_str(&row.candidates).unwrap_or_default()
}

/// Whom the question was answered with.
fn answered_with(row: &ConflictRow) -> Option<String> {
    let params: Value = serde_json::from_str(row.params.as_deref()?).ok()?;
    params["person"].as_str().map(str::to_owned)
}

/// The connection as the rules of access need it.
pub(in crate::service) fn source_of(row: &ConnectionRow) -> Source {
    Source {
        id: row.id.clone(),
        policy: JoinerPolicy::parse(&row.joiner_policy).unwrap_or(JoinerPolicy::List),
    }
}

/// `None`: there is more to do than one operation may.
fn respond(
    tx: &mut Tx<'_>,
    registry: &Registry,
    id: &str,
    answer: &Answer,
    revise: bool,
) -> Result<Option<Answered>, Halt> {
    let row = tx.find_conflict_by_id(id)?;
    let row = row.ok_or_else(|| Error::no_such("conflict", id))?;
    let connection = tx.find_connection(&row.connection_id)?;
    let connection = connection.ok_or_else(|| Error::no_such("connection", &row.connection_id))?;
    let source = source_of(&connection);
    let joining = Joining {
        registry,
        source: &source,
        is_pulled: connection.kind == PULL,
    };
    match answer {
        Answer::KeepApart => apart(tx, &joining, row).map(Some),
        Answer::Link(person) => link(tx, &joining, row, person.as_deref(), revise),
    }
}

fn apart(tx: &mut Tx<'_>, joining: &Joining<'_>, row: ConflictRow) -> Result<Answered, Halt> {
    let done = |is_changed: bool, person: &str| Answered {
        person: person.to_owned(),
        state: state::APART.to_owned(),
        is_changed,
    };
    match row.state.as_str() {
        state::OPEN => {}
        state::APART => return Ok(done(false, &row.subject)),
        _ => return Err(answered_otherwise(&row).into()),
    }
    let subject = row.subject.clone();
    note(tx, row, state::APART, None)?;
    let is_open = tx
        .list_conflicts_about(&subject)?
        .iter()
        .any(|c| c.state == state::OPEN || c.state == state::LINKING);
    if !is_open {
        release(tx, joining, &subject, reason::CONFLICT)?;
    }
    Ok(done(true, &subject))
}

fn link(
    tx: &mut Tx<'_>,
    joining: &Joining<'_>,
    row: ConflictRow,
    person: Option<&str>,
    revise: bool,
) -> Result<Option<Answered>, Halt> {
    let into = chosen(&row, person)?;
    let done = |is_changed: bool| Answered {
        person: into.clone(),
        state: state::LINKED.to_owned(),
        is_changed,
    };
    let is_same = answered_with(&row).is_some_and(|with| with == into);
    match row.state.as_str() {
        state::OPEN => {}
        state::LINKED if is_same => return Ok(Some(done(false))),
        state::LINKING if is_same => {}
        state::APART if revise => {}
        _ => return Err(answered_otherwise(&row).into()),
    }
    let is_whole = if into == row.subject {
        take_over(tx, joining, &into)?;
        true
    } else {
        let from = holder(tx, joining, &row, &into)?;
        join(tx, joining, &from, &into)?
    };
    if !is_whole {
        note(tx, row, state::LINKING, Some(&into))?;
        return Ok(None);
    }
    note(tx, row, state::LINKED, Some(&into))?;
    Ok(Some(done(true)))
}

/// Whom the answer names.
fn chosen(row: &ConflictRow, person: Option<&str>) -> Result<String> {
    let candidates = asked_about(row);
    let given = match person {
        Some(person) => Some(person.to_owned()),
        None => candidates
            .first()
            .filter(|_| candidates.len() == 1)
            .cloned(),
    };
    let is_asked = |id: &String| candidates.contains(id) || *id == row.subject;
    given.filter(is_asked).ok_or_else(|| {
        let known = candidates.join(", ");
        let got = person.map_or_else(|| "nobody".to_owned(), |p| format!("`{}`", quote(p)));
        ScimError::invalid_value(format!(
            "`person` takes the id of one whom the question is about ({known}); got {got}"
        ))
        .into()
    })
}

/// Who has the record: the person that the source got or, where a name was taken, the one whom it had before.
fn holder(tx: &mut Tx<'_>, joining: &Joining<'_>, row: &ConflictRow, into: &str) -> Result<String> {
    let candidates = asked_about(row);
    for id in std::iter::once(&row.subject).chain(&candidates) {
        if id == into {
            continue;
        }
        let claims = tx.list_claims(id)?;
        let mut own = claims
            .iter()
            .filter(|c| c.connection_id == joining.source.id);
        if own.any(|c| !c.is(ClaimState::Ended)) {
            return Ok(id.clone());
        }
    }
    Err(Error::Conflict(
        "the source has no record of any of them any more: there is nothing to link".to_owned(),
    ))
}

/// The record that waited on somebody takes part from now on.
fn take_over(tx: &mut Tx<'_>, joining: &Joining<'_>, user: &str) -> Result<()> {
    let before = Model::load(tx, joining.registry, user)?
        .filter(|m| m.row.removed_at.is_none())
        .ok_or_else(|| Error::no_such("person", user))?;
    let mut model = before.clone();
    let place = model.position(&joining.source.id);
    let Some(place) = place.filter(|p| model.claims[*p].is(ClaimState::Pending)) else {
        return Err(Error::Conflict(
            "the source's record of this person does not wait for an answer any more".to_owned(),
        ));
    };
    let effective = flatten(joining.registry, ResourceKind::User, &model.doc);
    let claim = &mut model.claims[place];
    claim.set_state(ClaimState::Live);
    let is_active = claim.row.active == Some(true);
    hold_adopted(joining.registry, claim, &effective);
    model.inherit(place, &effective);
    let act = Act {
        source: joining.source,
        settings: &tx.tenant_settings()?,
        says: is_active.then(|| Says::active(true)),
        has_no_namesake: false,
    };
    settle(tx, joining.registry, Some(&before), &mut model, &act)?;
    Ok(())
}

/// Stores an answer, with its entry.
fn note(
    tx: &mut Tx<'_>,
    mut row: ConflictRow,
    word: &'static str,
    person: Option<&str>,
) -> Result<()> {
    if row.state == word {
        return Ok(());
    }
    word.clone_into(&mut row.state);
    row.params = person.map(|id| json!({"person": id}).to_string());
    row.updated_at = tx.now().0;
    tx.update_conflict(&row)?;
    let action = match word {
        state::APART => "conflict.kept_apart",
        state::LINKED => "conflict.linked",
        // It is told when it is done.
        _ => return Ok(()),
    };
    let entry = Entry::new(action, "user", row.subject.as_str());
    let entry = entry.reason(reason_of(&row.kind));
    tx.record(match person {
        Some(person) => entry.object("user", person),
        None => entry.object("connection", row.connection_id.as_str()),
    });
    Ok(())
}

/// The kind as a code that the journal takes.
fn reason_of(word: &str) -> &'static str {
    [
        kind::SEVERAL,
        kind::NOT_ADOPTABLE,
        kind::SIMILAR_ADDRESS,
        kind::FORMER_NAME,
        kind::USER_NAME_TAKEN,
    ]
    .into_iter()
    .find(|known| *known == word)
    .unwrap_or(kind::UNLINKED)
}

fn answered_otherwise(row: &ConflictRow) -> Error {
    let said = match (row.state.as_str(), answered_with(row)) {
        (state::APART, _) => "that they are not the same".to_owned(),
        (_, Some(person)) => format!("that she is `{person}`"),
        _ => "otherwise".to_owned(),
    };
    Error::Conflict(format!(
        "the question was answered already: {said}; whoever was kept apart can be linked with `revise`, and whoever was \
         linked can be unlinked"
    ))
}

fn unlink(
    tx: &mut Tx<'_>,
    registry: &Registry,
    connection: &str,
    person: &str,
) -> Result<String, Halt> {
    let row = tx.find_connection(connection)?;
    let row = row.ok_or_else(|| Error::no_such("connection", connection))?;
    let source = source_of(&row);
    let joining = Joining {
        registry,
        source: &source,
        is_pulled: row.kind == PULL,
    };
    let id = part(tx, &joining, person)?;
    keep_apart(tx, connection, &id, person)?;
    let entry = Entry::new("person.unlinked", "user", person).object("user", id.as_str());
    tx.record(entry);
    Ok(id)
}
