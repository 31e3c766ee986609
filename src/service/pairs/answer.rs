//! What a human says of a pair: they are one, they are two, or not now. An answer given before the record is applied counts
//! when it is.

use serde_json::{Value, json};

use crate::domain::audit::Entry;
use crate::domain::clock::Millis;
use crate::domain::ids::TenantId;
use crate::scim::schema::Registry;
use crate::service::connections::PULL;
use crate::service::error::{Error, Result};
use crate::service::groups::Halt;
use crate::service::users::join::{BY_HUMAN, Joining, join};
use crate::service::users::{Side, addresses, source_of, text};
use crate::service::{Caller, Service};
use crate::storage::links::LinkRow;
use crate::storage::pairs::PairRow;
use crate::storage::{Outcome, Scope, Tx};

const OPEN: &str = "open";
const LATER: &str = "later";
const LINKING: &str = "linking";
const LINKED: &str = "linked";
const APART: &str = "kept-apart";
/// After so many days what was put off is asked again.
const LATER_DAYS: i64 = 14;

/// Two who may be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProposedPair {
    /// The row.
    pub row: PairRow,
    /// Codes: `name`, `alias`, `employee-number`, `local-part`.
    pub reasons: Vec<String>,
    /// Whom the app knows; `None`: she is gone.
    pub person: Option<Side>,
    /// Whom the source knows. Without an id as long as the record is not applied.
    pub record: Option<Side>,
}

/// What a human says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairAnswer {
    /// They are one.
    Link {
        /// Though it was answered that they are two.
        revise: bool,
    },
    /// They are two.
    KeepApart,
    /// Ask again in two weeks.
    Later,
}

/// Which pairs are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhichPairs {
    /// Those that wait for an answer.
    Open,
    /// Those that were put off.
    Later,
    /// All.
    All,
}

/// What an answer came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairAnswered {
    /// `linked`, `kept-apart` or `later`.
    pub state: String,
    /// False: it was so before.
    pub is_changed: bool,
}

impl Service {
    /// Pairs after an id, oldest first, at most `limit`.
    ///
    /// # Errors
    /// Storage.
    pub async fn list_pairs(
        &self,
        tenant: &TenantId,
        which: WhichPairs,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ProposedPair>> {
        let (mut after, now) = (
            after.unwrap_or_default().to_owned(),
            self.store.clock().now(),
        );
        self.store
            .read(tenant, move |scope| {
                let mut listed = Vec::new();
                loop {
                    let states: &[&str] = match which {
                        WhichPairs::All => &[],
                        WhichPairs::Open => &[OPEN, LINKING, LATER],
                        WhichPairs::Later => &[LATER],
                    };
                    let rows = scope.list_pairs(states, &after, 200)?;
                    let Some(last) = rows.last() else {
                        return Ok(listed);
                    };
                    after.clone_from(&last.id);
                    for row in rows {
                        if which == WhichPairs::All || is_asked(scope, &row, which, now)? {
                            listed.push(look_at(scope, row)?);
                        }
                        if listed.len() == limit {
                            return Ok(listed);
                        }
                    }
                }
            })
            .await
    }

    /// A pair.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn find_pair(&self, tenant: &TenantId, id: &str) -> Result<ProposedPair> {
        let id = id.to_owned();
        self.store
            .read(tenant, move |scope| {
                let row = scope.find_pair(&id)?;
                look_at(scope, row.ok_or_else(|| Error::no_such("pair", &id))?)
            })
            .await
    }

    /// Answers a proposal. The same answer again changes nothing.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` where somebody answered otherwise, or one of them is known to both by now; `Forbidden` where it
    /// would cost access or an admin.
    pub async fn answer_pair(
        &self,
        caller: &Caller,
        id: &str,
        answer: PairAnswer,
    ) -> Result<PairAnswered> {
        loop {
            let (registry, id) = (self.registry(&caller.tenant).await?, id.to_owned());
            let done = self
                .store
                .write(caller.meta(), move |tx| {
                    respond(tx, &registry, &id, answer).map(Outcome::Done)
                })
                .await;
            if let Some(done) = self.settle_halt(done).await? {
                return Ok(done);
            }
        }
    }
}

/// The pair waits for an answer: it was not put off until later, and both still stand alone.
fn is_asked(scope: &mut Scope<'_>, row: &PairRow, which: WhichPairs, now: Millis) -> Result<bool> {
    let is_off = row.state == LATER && row.later_until.is_some_and(|until| until > now.0);
    if is_off != (which == WhichPairs::Later) {
        return Ok(false);
    }
    if row.state == LINKING {
        return Ok(true);
    }
    let mut alone = |user: &str, side: &str| -> Result<bool> {
        let keys = scope.list_pair_keys(user)?;
        Ok(keys.iter().any(|key| key.side == side))
    };
    Ok(alone(&row.user_id, "app")?
        && match &row.other_id {
            Some(other) => alone(other, "source")?,
            None => true,
        })
}

fn look_at(scope: &mut Scope<'_>, row: PairRow) -> Result<ProposedPair> {
    let record = match (&row.other_id, &row.run_id) {
        (Some(other), _) => Side::of(scope, other)?,
        (None, Some(run)) => record_of(scope, run, &row.record)?,
        (None, None) => None,
    };
    Ok(ProposedPair {
        reasons: serde_json::from_str(&row.reasons).unwrap_or_default(),
        person: Side::of(scope, &row.user_id)?,
        record,
        row,
    })
}

/// A record as the look at a plan read it.
fn record_of(scope: &mut Scope<'_>, run: &str, source_id: &str) -> Result<Option<Side>> {
    let item = scope.find_item(run, source_id)?;
    let person: Option<Value> = item
        .and_then(|item| item.person)
        .and_then(|text| serde_json::from_str(&text).ok());
    let Some(user) = person.as_ref().and_then(|p| p.get("user")?.as_object()) else {
        return Ok(None);
    };
    let name = ["displayName", "userName"];
    let email = addresses(user).into_iter().find(|a| a.is_primary);
    Ok(Some(Side {
        id: String::new(),
        name: name
            .into_iter()
            .find_map(|n| text(user, n))
            .unwrap_or_default()
            .to_owned(),
        email: email.map(|a| a.key),
        access: String::new(),
    }))
}

/// `None`: there is more to do than one operation may.
fn respond(
    tx: &mut Tx<'_>,
    registry: &Registry,
    id: &str,
    answer: PairAnswer,
) -> Result<Option<PairAnswered>, Halt> {
    let row = tx.find_pair(id)?;
    let row = row.ok_or_else(|| Error::no_such("pair", id))?;
    let (word, revise) = match answer {
        PairAnswer::Link { revise } => (LINKED, revise),
        PairAnswer::KeepApart => (APART, false),
        PairAnswer::Later => (LATER, false),
    };
    let done = |is_changed: bool| {
        Some(PairAnswered {
            state: word.to_owned(),
            is_changed,
        })
    };
    match row.state.as_str() {
        state if state == word && word != LATER => return Ok(done(false)),
        OPEN | LATER => {}
        LINKING if word == LINKED => {}
        APART if revise => {}
        other => {
            let said = match other {
                APART => "that they are two",
                _ => "that they are one",
            };
            let detail = format!(
                "the pair was answered already: {said}; whoever was kept apart can be linked with `revise`, and whoever was \
                 linked can be unlinked"
            );
            return Err(Error::Conflict(detail).into());
        }
    }
    if word == LINKED && !link(tx, registry, &row)? {
        note(tx, row, LINKING)?;
        return Ok(None);
    }
    note(tx, row, word)?;
    Ok(done(true))
}

/// Gives the record to the person; false where it is to be called again.
fn link(tx: &mut Tx<'_>, registry: &Registry, row: &PairRow) -> Result<bool, Halt> {
    let connection = tx.find_connection(&row.connection_id)?;
    let connection = connection.ok_or_else(|| Error::no_such("connection", &row.connection_id))?;
    let source = source_of(&connection);
    let joining = Joining {
        registry,
        source: &source,
        is_pulled: connection.kind == PULL,
    };
    if !joining.is_pulled {
        let other = row.other_id.as_deref().unwrap_or(&row.record);
        return join(tx, &joining, other, &row.user_id);
    }
    match tx.find_link(&row.connection_id, &row.record)? {
        Some(link) if link.user_id == row.user_id => Ok(true),
        Some(link) => join(tx, &joining, &link.user_id, &row.user_id),
        None => {
            link_ahead(tx, row)?;
            Ok(true)
        }
    }
}

/// The record was not applied yet: when it is, it finds the person under its id.
fn link_ahead(tx: &mut Tx<'_>, row: &PairRow) -> Result<()> {
    let person = tx.find_user(&row.user_id)?;
    if person.is_none_or(|p| p.removed_at.is_some()) {
        return Err(Error::no_such("person", &row.user_id));
    }
    let links = tx.list_links_of(&row.user_id)?;
    if links
        .iter()
        .any(|l| l.connection_id == row.connection_id && !l.has_ended())
    {
        return Err(Error::Conflict(format!(
            "the connection has a record of its own for the person `{}`: two records of one source are two people",
            row.user_id
        )));
    }
    let now = tx.now().0;
    Ok(tx.create_link(&LinkRow {
        tenant: row.tenant.clone(),
        connection_id: row.connection_id.clone(),
        source_id: row.record.clone(),
        user_id: row.user_id.clone(),
        digest: String::new(),
        source_epoch: 0,
        state: "unknown".to_owned(),
        in_force: None,
        start_date: None,
        end_date: None,
        zone: None,
        due_at: None,
        adopted_by: Some(BY_HUMAN.to_owned()),
        absent_since: None,
        left_at: None,
        updated_at: now,
        held_day: None,
        told_at: None,
    })?)
}

/// Stores an answer, with its entry.
fn note(tx: &mut Tx<'_>, mut row: PairRow, word: &'static str) -> Result<()> {
    let now = tx.now();
    word.clone_into(&mut row.state);
    row.later_until = (word == LATER).then(|| now.plus_days(LATER_DAYS).0);
    row.updated_at = now.0;
    tx.update_pair(&row)?;
    let action = match word {
        LINKED => "pair.linked",
        APART => "pair.kept_apart",
        LATER => "pair.put_off",
        // It is told when it is done.
        _ => return Ok(()),
    };
    let entry = Entry::new(action, "user", row.user_id.as_str());
    let record = Some(json!(row.record));
    let entry = entry.change("record", None, record);
    tx.record(match &row.other_id {
        Some(other) => entry.object("user", other.as_str()),
        None => entry.object("connection", row.connection_id.as_str()),
    });
    Ok(())
}
