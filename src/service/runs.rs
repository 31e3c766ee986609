//! Bookkeeping of pulls: runs and their items, losses that wait, schedules with their leases. What a run does to people
//! is in `service/pull`.

use serde_json::Value;

use crate::domain::audit::Entry;
use crate::domain::clock::Millis;
use crate::domain::ids::TenantId;
use crate::service::error::{Error, Result};
use crate::service::pull::is_believed;
use crate::service::push_guard::confirm;
use crate::service::{Caller, Service, notices};
use crate::storage::schedules::{list_all, list_due};
use crate::storage::{Outcome, Tx};

pub use crate::storage::runs::{HeldRow, ItemRow, RunRow};
pub use crate::storage::schedules::ScheduleRow;

/// What becomes of a loss that waited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// It waits, or its decision is noted.
    Keep(Box<HeldRow>),
    /// It is carried out, or there is nothing left to lose: source id.
    Forget(String),
}

impl Service {
    async fn keep_books<F>(&self, caller: &Caller, mut books: F) -> Result<()>
    where
        F: FnMut(&mut Tx<'_>) -> Result<()> + Send + 'static,
    {
        self.store
            .write(caller.meta(), move |tx| {
                books(tx)?;
                Ok::<_, Error>(Outcome::Done(()))
            })
            .await
    }

    /// Stores a new run.
    ///
    /// # Errors
    /// Storage.
    pub async fn begin_run(&self, caller: &Caller, run: RunRow) -> Result<()> {
        self.keep_books(caller, move |tx| Ok(tx.create_run(&run)?))
            .await
    }

    /// Stores where a run stands.
    ///
    /// # Errors
    /// Storage.
    pub async fn save_run(&self, caller: &Caller, run: RunRow) -> Result<()> {
        self.keep_books(caller, move |tx| Ok(tx.update_run(&run)?))
            .await
    }

    /// Adds to what a run means to do; at most some hundred at a time.
    ///
    /// # Errors
    /// Storage.
    pub async fn add_items(&self, caller: &Caller, items: Vec<ItemRow>) -> Result<()> {
        self.keep_books(caller, move |tx| Ok(tx.create_items(&items)?))
            .await
    }

    /// Stores items as they are now; at most some hundred at a time.
    ///
    /// # Errors
    /// Storage.
    pub async fn change_items(&self, caller: &Caller, items: Vec<ItemRow>) -> Result<()> {
        self.keep_books(caller, move |tx| {
            items.iter().try_for_each(|item| Ok(tx.update_item(item)?))
        })
        .await
    }

    /// Marks items of a run.
    ///
    /// # Errors
    /// Storage.
    pub async fn mark_items(
        &self,
        caller: &Caller,
        run: &str,
        ordinals: &[i64],
        state: &'static str,
    ) -> Result<()> {
        for chunk in ordinals.chunks(200) {
            let (run, chunk) = (run.to_owned(), chunk.to_vec());
            self.keep_books(caller, move |tx| Ok(tx.mark_items(&run, &chunk, state)?))
                .await?;
        }
        Ok(())
    }

    /// Stores what became of items and of losses that waited, and where the run stands, all at once: a run that is
    /// killed goes on behind them.
    ///
    /// # Errors
    /// Storage.
    pub async fn settle_items(
        &self,
        caller: &Caller,
        run: RunRow,
        items: Vec<ItemRow>,
        held: Vec<Held>,
    ) -> Result<()> {
        let registry = self.registry(&caller.tenant).await?;
        self.keep_books(caller, move |tx| {
            for item in &items {
                tx.update_item(item)?;
            }
            for held in &held {
                match held {
                    Held::Keep(row) => {
                        tx.put_held(row)?;
                        // An identity provider said it too, and waits for nothing but this word.
                        if is_believed(row) {
                            confirm(tx, &registry, &row.subject)?;
                        }
                    }
                    Held::Forget(source_id) => tx.delete_held(&run.connection_id, source_id)?,
                }
            }
            Ok(tx.update_run(&run)?)
        })
        .await
    }

    /// Stores losses that wait or are decided about.
    ///
    /// # Errors
    /// Storage.
    pub async fn keep_held(&self, caller: &Caller, held: Vec<HeldRow>) -> Result<()> {
        for rows in held.chunks(200) {
            let rows = rows.to_vec();
            self.keep_books(caller, move |tx| {
                rows.iter().try_for_each(|row| Ok(tx.put_held(row)?))
            })
            .await?;
        }
        Ok(())
    }

    /// Notes what an admin decided about a run or some of its losses: a journal entry beside the rows.
    ///
    /// # Errors
    /// Storage.
    pub async fn decide_run(
        &self,
        caller: &Caller,
        action: &'static str,
        run: RunRow,
        held: Vec<Held>,
    ) -> Result<()> {
        self.keep_books(caller, move |tx| {
            let before = tx.find_run(&run.id)?.map(|r| Value::from(r.state));
            tx.update_run(&run)?;
            let mut people = 0;
            for held in &held {
                people += 1;
                match held {
                    Held::Keep(row) => tx.put_held(row)?,
                    Held::Forget(source_id) => tx.delete_held(&run.connection_id, source_id)?,
                }
            }
            let entry = Entry::new(action, "run", run.id.clone())
                .object("connection", run.connection_id.clone())
                .change("state", before, Some(Value::from(run.state.as_str())))
                .change("people", None, (people > 0).then(|| Value::from(people)));
            tx.record(entry);
            Ok(())
        })
        .await
    }

    /// Notes that a pull connection needs no confirmation any more: its database went back in time, and a plan that was
    /// made since is applied, or has nothing to do.
    ///
    /// # Errors
    /// Storage.
    pub async fn confirm_connection(&self, caller: &Caller, connection: &str) -> Result<()> {
        let connection = connection.to_owned();
        self.keep_books(caller, move |tx| {
            tx.confirm_connection(&connection)?;
            tx.record(Entry::new(
                "connection.confirmed",
                "connection",
                connection.clone(),
            ));
            Ok(())
        })
        .await
    }

    /// The run with this id.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn find_run(&self, tenant: &TenantId, id: &str) -> Result<RunRow> {
        let wanted = id.to_owned();
        let found = self
            .store
            .point(tenant, move |scope| {
                Ok::<_, Error>(scope.find_run(&wanted)?)
            })
            .await?;
        found.ok_or_else(|| Error::no_such("run", id))
    }

    /// A connection's runs, or all, before one of them, the newest first.
    ///
    /// # Errors
    /// Storage.
    pub async fn list_runs(
        &self,
        tenant: &TenantId,
        connection: Option<&str>,
        before: Option<&str>,
        limit: i64,
    ) -> Result<Vec<RunRow>> {
        let (connection, before) = (connection.map(str::to_owned), before.map(str::to_owned));
        self.store
            .read(tenant, move |scope| {
                Ok(scope.list_runs(connection.as_deref(), before.as_deref(), limit)?)
            })
            .await
    }

    /// A run's items after a place, in their order.
    ///
    /// # Errors
    /// Storage.
    pub async fn list_items(
        &self,
        tenant: &TenantId,
        run: &str,
        after: i64,
        limit: i64,
    ) -> Result<Vec<ItemRow>> {
        let run = run.to_owned();
        self.store
            .read(tenant, move |scope| {
                Ok(scope.list_items(&run, after, limit)?)
            })
            .await
    }

    /// Of a run's items after a place those that take access away, in their order.
    ///
    /// # Errors
    /// Storage.
    pub async fn list_losses(
        &self,
        tenant: &TenantId,
        run: &str,
        after: i64,
        limit: i64,
    ) -> Result<Vec<ItemRow>> {
        let run = run.to_owned();
        self.store
            .read(tenant, move |scope| {
                Ok(scope.list_losses(&run, after, limit)?)
            })
            .await
    }

    /// What a run means to do about one record.
    ///
    /// # Errors
    /// Storage.
    pub async fn find_item(
        &self,
        tenant: &TenantId,
        run: &str,
        source_id: &str,
    ) -> Result<Option<ItemRow>> {
        let (run, source_id) = (run.to_owned(), source_id.to_owned());
        self.store
            .point(tenant, move |scope| Ok(scope.find_item(&run, &source_id)?))
            .await
    }

    /// Losses of a connection that wait, or were decided and not yet carried out.
    ///
    /// # Errors
    /// Storage.
    pub async fn list_held(&self, tenant: &TenantId, connection: &str) -> Result<Vec<HeldRow>> {
        let connection = connection.to_owned();
        self.store
            .read(tenant, move |scope| Ok(scope.list_held(&connection)?))
            .await
    }

    /// How many people lost access by a connection's runs since a moment.
    ///
    /// # Errors
    /// Storage.
    pub async fn count_lost_since(
        &self,
        tenant: &TenantId,
        connection: &str,
        since: Millis,
    ) -> Result<u64> {
        let connection = connection.to_owned();
        let lost: i64 = self
            .store
            .read(tenant, move |scope| {
                Ok::<_, Error>(scope.count_lost_since(&connection, since)?)
            })
            .await?;
        Ok(u64::try_from(lost).unwrap_or_default())
    }

    /// The schedule of a connection, if it was ever pulled or scheduled.
    ///
    /// # Errors
    /// Storage.
    pub async fn find_schedule(
        &self,
        tenant: &TenantId,
        connection: &str,
    ) -> Result<Option<ScheduleRow>> {
        let connection = connection.to_owned();
        self.store
            .point(tenant, move |scope| Ok(scope.find_schedule(&connection)?))
            .await
    }

    /// Schedules of all tenants that are due and that nobody works on, the longest due first.
    ///
    /// # Errors
    /// Storage.
    pub async fn list_due_schedules(&self, now: Millis, limit: i64) -> Result<Vec<ScheduleRow>> {
        self.store
            .read_global(move |conn| Ok(list_due(conn, now, limit)?))
            .await
    }

    /// Schedules of all tenants, after tenant and connection of one.
    ///
    /// # Errors
    /// Storage.
    pub async fn list_schedules(
        &self,
        after: Option<(String, String)>,
        limit: i64,
    ) -> Result<Vec<ScheduleRow>> {
        self.store
            .read_global(move |conn| Ok(list_all(conn, after.as_ref(), limit)?))
            .await
    }

    /// Takes or renews the lease of a connection's schedule, which is made if there is none. `None`: another holds it.
    ///
    /// # Errors
    /// Storage.
    pub async fn lease_schedule(
        &self,
        caller: &Caller,
        connection: &str,
        holder: &str,
        span_ms: i64,
    ) -> Result<Option<ScheduleRow>> {
        let (connection, holder) = (connection.to_owned(), holder.to_owned());
        self.store
            .write(caller.meta(), move |tx| {
                let now = tx.now();
                let found = tx.find_schedule(&connection)?;
                let is_new = found.is_none();
                let mut row = found
                    .unwrap_or_else(|| ScheduleRow::new(tx.tenant().as_str(), &connection, now));
                if row.is_leased(&holder, now) {
                    return Ok(Outcome::Done(None));
                }
                row.lease_holder = Some(holder.clone());
                row.lease_until = Some(now.0 + span_ms);
                match is_new {
                    true => tx.create_schedule(&row)?,
                    false => tx.update_schedule(&row)?,
                }
                Ok::<_, Error>(Outcome::Done(Some(row)))
            })
            .await
    }

    /// Changes a connection's schedule as it is now, whoever wrote it last; it is made if there is none.
    ///
    /// # Errors
    /// Storage.
    pub async fn change_schedule<F>(
        &self,
        caller: &Caller,
        connection: &str,
        change: F,
    ) -> Result<ScheduleRow>
    where
        F: Fn(&mut ScheduleRow) + Send + 'static,
    {
        let connection = connection.to_owned();
        self.store
            .write(caller.meta(), move |tx| {
                let found = tx.find_schedule(&connection)?;
                let now = tx.now();
                let mut row = found
                    .clone()
                    .unwrap_or_else(|| ScheduleRow::new(tx.tenant().as_str(), &connection, now));
                change(&mut row);
                match &found {
                    None => tx.create_schedule(&row)?,
                    Some(found) if *found != row => tx.update_schedule(&row)?,
                    Some(_) => {}
                }
                let tried = found.and_then(|found| found.last_attempt_at);
                if row.last_attempt_at != tried {
                    notices::of_health(tx, &row)?;
                }
                Ok::<_, Error>(Outcome::Done(row))
            })
            .await
    }
}
