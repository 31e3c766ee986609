//! Undo of a run (SEMANTICS §7): compensating changes through the same operations as any other, one person at a time,
//! with everything that goes back held, so that the next pull does not do it again (docs/decisions/0015).

mod change;
mod holds;
mod pushed;
mod put_back;
mod records;
mod revert;
mod undone;

use futures_util::StreamExt;
use serde_json::Value;

pub(in crate::service) use change::{Linked, Touched, remember};
pub(in crate::service) use holds::{Kind, employment_digest};

use change::Change;
pub use change::Since;
pub use holds::Lifted;
use revert::{Names, Plan};
pub use undone::{Kept, Undone};

use crate::domain::audit::Entry;
use crate::domain::ids::TenantId;
use crate::service::error::{Error, Result};
use crate::service::push_guard::as_run;
use crate::service::runs::RunRow;
use crate::service::{Caller, Service};
use crate::storage::undo::{ChangeRow, KEPT, OPEN, Tally, UNDONE};
use crate::storage::{Outcome, Scope, Tx};

/// People who are put back at once: they share commits.
const AT_ONCE: usize = 128;
/// State of a run that is being undone.
pub const UNDOING: &str = "undoing";

/// How far an undo is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// People who wait.
    pub open: u64,
    /// People who are as they were, wholly or in part.
    pub undone: u64,
    /// People who are left as they are.
    pub kept: u64,
    /// Of the undone, those who got access back.
    pub returned: u64,
}

impl Progress {
    fn of(tallies: &[Tally]) -> Self {
        let mut all = Self::default();
        for tally in tallies {
            let count = u64::try_from(tally.count).unwrap_or_default();
            match tally.state.as_str() {
                UNDONE => all.undone = count,
                KEPT => all.kept = count,
                _ => all.open = count,
            }
            all.returned += u64::try_from(tally.returned).unwrap_or_default();
        }
        all
    }

    /// Everybody whom the run changed.
    pub fn all(self) -> u64 {
        self.open + self.undone + self.kept
    }
}

/// Which people of an undo are put back next.
#[derive(Debug, Clone, Default)]
pub struct Part {
    /// Those after this one, in the order of their ids.
    pub after: String,
    /// Nobody's former userName becomes free any more: who cannot have hers keeps the one she has.
    pub is_last_resort: bool,
}

/// What became of them.
#[derive(Debug, Clone)]
pub struct Step {
    /// So many are done with.
    pub done: u64,
    /// So many wait for a userName.
    pub waiting: u64,
    /// The last of them.
    pub last: String,
}

/// What a run, or a session, changed about a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Her id.
    pub person: String,
    /// `created`, `returned`, `adopted`, `merged`, `parked`, `left` or `changed`.
    pub was: &'static str,
    /// Access before; `None` for somebody who was not there.
    pub access_before: Option<String>,
    /// Access after it.
    pub access_after: String,
    /// Paths of the document in force that changed.
    pub units: Vec<String>,
    /// `open`, `undone` or `kept`.
    pub state: String,
}

impl Changed {
    fn of(row: &ChangeRow, connection: &str) -> Result<Self> {
        let change = Change::read(row)?;
        Ok(Self {
            person: row.subject.clone(),
            was: undone::was(&change, connection),
            access_before: change.before.map(|before| before.access),
            access_after: change.after.access,
            units: change.units.into_keys().collect(),
            state: row.state.clone(),
        })
    }
}

/// How one person is put back.
#[derive(Debug, Clone, Copy)]
enum Way {
    As(Names),
    Leave,
}

impl Service {
    /// How far the undo of a run is; of a run that is not undone, how many people it changed.
    ///
    /// # Errors
    /// Storage.
    pub async fn undo_progress(&self, tenant: &TenantId, run: &str) -> Result<Progress> {
        let run = run.to_owned();
        let tallies = self
            .store
            .read(tenant, move |scope| {
                Ok::<_, Error>(scope.count_changes(&run)?)
            })
            .await?;
        Ok(Progress::of(&tallies))
    }

    /// What undoing a run would do about each person, or has done, after a person, in the order of their ids.
    ///
    /// # Errors
    /// `NotFound`; storage.
    pub async fn list_undone(
        &self,
        tenant: &TenantId,
        run: &str,
        after: &str,
        limit: i64,
    ) -> Result<Vec<Undone>> {
        let registry = self.registry(tenant).await?;
        let (id, after, now) = (run.to_owned(), after.to_owned(), self.store.clock().now());
        self.store
            .read(tenant, move |scope| {
                let run = find_undoable(scope, &id)?;
                let rows = scope.list_changes(&id, None, &after, limit)?;
                let plan = Plan {
                    registry: &registry,
                    run: &run,
                    names: Names::Back,
                    now,
                };
                let each = rows.iter().map(|row| match done(row) {
                    Some(undone) => Ok(undone),
                    None => {
                        let drafted = revert::draft(scope, &plan, row)?;
                        Ok(drafted.map_or_else(|gone| gone, |revert| revert.outcome))
                    }
                });
                each.collect()
            })
            .await
    }

    /// What a run, or a session, changed about each person, after a person, in the order of their ids.
    ///
    /// # Errors
    /// `NotFound`; storage.
    pub async fn list_changed(
        &self,
        tenant: &TenantId,
        run: &str,
        after: &str,
        limit: i64,
    ) -> Result<Vec<Changed>> {
        let (id, after) = (run.to_owned(), after.to_owned());
        self.store
            .read(tenant, move |scope| {
                let run = find_undoable(scope, &id)?;
                let rows = scope.list_changes(&id, None, &after, limit)?;
                rows.iter()
                    .map(|row| Changed::of(row, &run.connection_id))
                    .collect()
            })
            .await
    }

    /// Why a run cannot be undone, if it cannot.
    pub fn cannot_undo(&self, run: &RunRow) -> Option<String> {
        refusal(run)
    }

    /// Begins to undo a run: from here on a killed undo is gone on with. Said again, it changes nothing.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` for a run that did nothing, is under way, or waits.
    pub async fn begin_undo(&self, caller: &Caller, run: &str) -> Result<RunRow> {
        let id = run.to_owned();
        self.store
            .write(caller.meta(), move |tx| begin(tx, &id).map(Outcome::Done))
            .await
    }

    /// Puts the next people after one back, at most some hundred. `None`: nobody is left behind her.
    ///
    /// A userName is somebody's at a time: who would take that of somebody who is still to be put back waits, and is asked
    /// about again.
    ///
    /// # Errors
    /// Storage.
    pub async fn undo_some(
        &self,
        caller: &Caller,
        run: &RunRow,
        part: &Part,
        limit: i64,
    ) -> Result<Option<Step>> {
        let (id, after) = (run.id.clone(), part.after.clone());
        let rows = self
            .store
            .read(&caller.tenant, move |scope| {
                Ok::<_, Error>(scope.list_changes(&id, Some(OPEN), &after, limit)?)
            })
            .await?;
        let Some(last) = rows.last().map(|row| row.subject.clone()) else {
            return Ok(None);
        };
        let each = rows
            .into_iter()
            .map(|row| self.undo_person(caller, run, row.subject, part.is_last_resort));
        let mut each = futures_util::stream::iter(each).buffered(AT_ONCE);
        let mut step = Step {
            done: 0,
            waiting: 0,
            last,
        };
        while let Some(is_done) = each.next().await {
            match is_done? {
                true => step.done += 1,
                false => step.waiting += 1,
            }
        }
        Ok(Some(step))
    }

    /// False: her former userName is somebody else's.
    async fn undo_person(
        &self,
        caller: &Caller,
        run: &RunRow,
        subject: String,
        is_last_resort: bool,
    ) -> Result<bool> {
        let mut ways = vec![Way::As(Names::Back)];
        if is_last_resort {
            ways.extend([Way::As(Names::Stay), Way::Leave]);
        }
        for way in ways {
            match self.undo_person_by(caller, run, &subject, way).await {
                Err(Error::Conflict(_)) => {}
                other => return other.map(|()| true),
            }
        }
        Ok(false)
    }

    async fn undo_person_by(
        &self,
        caller: &Caller,
        run: &RunRow,
        subject: &str,
        way: Way,
    ) -> Result<()> {
        let (registry, run) = (self.registry(&caller.tenant).await?, run.clone());
        let subject = subject.to_owned();
        self.store
            .write(caller.meta(), move |tx| {
                let row = tx.find_change(&run.id, &subject)?;
                let Some(row) = row.filter(|row| row.state == OPEN) else {
                    return Ok::<_, Error>(Outcome::Done(()));
                };
                let mut plan = Plan {
                    registry: &registry,
                    run: &run,
                    names: Names::Stay,
                    now: tx.now(),
                };
                match way {
                    Way::As(names) => {
                        plan.names = names;
                        put_back::apply(tx, &plan, row)?;
                    }
                    Way::Leave => put_back::leave(tx, &plan, row)?,
                }
                Ok(Outcome::Done(()))
            })
            .await
    }

    /// Notes that nobody is left to be put back.
    ///
    /// # Errors
    /// Storage.
    pub async fn end_undo(&self, caller: &Caller, run: &str) -> Result<RunRow> {
        let id = run.to_owned();
        self.store
            .write(caller.meta(), move |tx| end(tx, &id).map(Outcome::Done))
            .await
    }
}

/// The run, or the session, with this id.
fn find_undoable(scope: &mut Scope<'_>, id: &str) -> Result<RunRow> {
    if let Some(run) = scope.find_run(id)? {
        return Ok(run);
    }
    let session = scope.find_session(id)?;
    let session = session.ok_or_else(|| Error::no_such("run", id))?;
    Ok(as_run(&session))
}

/// What was done about a person, if it is done.
fn done(row: &ChangeRow) -> Option<Undone> {
    serde_json::from_str(row.outcome.as_deref()?).ok()
}

/// Why a run cannot be undone, if it cannot.
fn refusal(run: &RunRow) -> Option<String> {
    let id = &run.id;
    match run.state.as_str() {
        "done" if run.kind == "dry" => Some(format!("the run {id} was a look and changed nothing")),
        "done" | UNDOING => None,
        "undone" => Some(format!("the run {id} is undone already")),
        "waiting" => Some(format!(
            "the run {id} waits and has changed nothing: discard it"
        )),
        state => Some(format!(
            "the run {id} is {state}: only one that is done can be undone"
        )),
    }
}

fn begin(tx: &mut Tx<'_>, id: &str) -> Result<RunRow> {
    let mut run = tx.find_run(id)?.ok_or_else(|| Error::no_such("run", id))?;
    if let Some(why) = refusal(&run) {
        return Err(Error::NotNow(why));
    }
    if run.state == UNDOING {
        return Ok(run);
    }
    if run.applied > 0 && tx.count_changes(id)?.is_empty() {
        return Err(Error::NotNow(format!(
            "nothing is stored about what the run {id} changed: an earlier release applied it"
        )));
    }
    let entry = Entry::new("run.undo_began", "run", id)
        .object("connection", run.connection_id.clone())
        .change(
            "state",
            Some(run.state.as_str().into()),
            Some(UNDOING.into()),
        );
    UNDOING.clone_into(&mut run.state);
    run.decided_at = Some(tx.now().0);
    run.decider_kind = Some(tx.actor().kind.clone());
    run.decider_id = Some(tx.actor().id.clone());
    tx.update_run(&run)?;
    tx.record(entry);
    Ok(run)
}

fn end(tx: &mut Tx<'_>, id: &str) -> Result<RunRow> {
    let mut run = tx.find_run(id)?.ok_or_else(|| Error::no_such("run", id))?;
    if run.state != UNDOING {
        return Ok(run);
    }
    let progress = Progress::of(&tx.count_changes(id)?);
    "undone".clone_into(&mut run.state);
    // Whoever has access again is no loss of the last day.
    let returned = i64::try_from(progress.returned).unwrap_or_default();
    run.lost = (run.lost - returned).max(0);
    tx.update_run(&run)?;
    let count = |count: u64| Some(Value::from(count));
    let entry = Entry::new("run.undone", "run", id)
        .object("connection", run.connection_id.clone())
        .change("state", Some(UNDOING.into()), Some("undone".into()))
        .change("undone", None, count(progress.undone))
        .change("kept", None, count(progress.kept));
    tx.record(entry);
    Ok(run)
}
