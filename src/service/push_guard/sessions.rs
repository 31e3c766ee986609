//! Sessions: what a connection pushed without a longer pause, looked at and undone like a run. A session is the cause of
//! its entries in the journal, with the request; there is no second log.

use crate::domain::audit::{Actor, Cause, Entry};
use crate::domain::clock::Millis;
use crate::domain::ids::TenantId;
use crate::domain::push_guard::{CHANGES, PAUSE_MS, goes_on};
use crate::service::error::{Error, Result};
use crate::service::runs::RunRow;
use crate::service::undo::{Part, UNDOING};
use crate::service::{Caller, Service};
use crate::storage::push::{OPEN, SessionRow, list_sessions_to_undo};
use crate::storage::{Outcome, Tx};

/// Cause of what a connection pushes: its id is that of the session, `/`, and that of the request.
pub(in crate::service) const SESSION: &str = "session";

/// People put back between two looks.
const AT_ONCE: i64 = 200;

/// The session that a cause of that kind names.
pub(in crate::service) fn session_of(cause: &str) -> &str {
    cause.split_once('/').map_or(cause, |(session, _)| session)
}

/// Counts what a connection's write changes into its session, once for each write, and makes that the cause of its
/// entries. `None`: nobody pushes.
pub(in crate::service) fn gather(tx: &mut Tx<'_>, connection: &str) -> Result<Option<String>> {
    if !tx.is_push() {
        return Ok(None);
    }
    if tx.cause().kind == SESSION {
        return Ok(Some(session_of(&tx.cause().id).to_owned()));
    }
    let now = tx.now();
    let since = Millis(now.0 - PAUSE_MS);
    let session = match tx.continue_session(connection, (since, now), CHANGES)? {
        Some(session) => session,
        None => {
            tx.close_session(connection)?;
            let row = SessionRow {
                tenant: tx.tenant().as_str().to_owned(),
                id: tx.fresh_id(),
                connection_id: connection.to_owned(),
                state: OPEN.to_owned(),
                started_at: now.0,
                last_at: now.0,
                changes: 1,
                lost: 0,
                parked: 0,
                decided_at: None,
                decider_kind: None,
                decider_id: None,
            };
            tx.create_session(&row)?;
            row.id
        }
    };
    let id = format!("{session}/{}", tx.cause().id);
    tx.set_cause(Cause {
        kind: SESSION.to_owned(),
        id,
    });
    Ok(Some(session))
}

/// A session as what undoes runs has it.
pub(in crate::service) fn as_run(session: &SessionRow) -> RunRow {
    RunRow {
        tenant: session.tenant.clone(),
        id: session.id.clone(),
        connection_id: session.connection_id.clone(),
        kind: SESSION.to_owned(),
        state: session.state.clone(),
        stage: String::new(),
        actor_kind: "connection".to_owned(),
        actor_id: session.connection_id.clone(),
        as_of: String::new(),
        started_at: session.started_at,
        finished_at: Some(session.last_at),
        planned: session.changes,
        applied: session.changes,
        lost: session.lost,
        is_complete: true,
        evidence: None,
        counts: None,
        why_held: None,
        error: None,
        settings_digest: String::new(),
        decided_at: session.decided_at,
        decider_kind: session.decider_kind.clone(),
        decider_id: session.decider_id.clone(),
        connector_version: None,
        version_before: None,
    }
}

impl SessionRow {
    /// The word of its state: one to which nothing is added any more is over, though nobody has noted it.
    pub fn state_at(&self, now: Millis) -> &str {
        let is_over = !goes_on(self.changes, Millis(self.last_at), now);
        match self.state == OPEN && is_over {
            true => "done",
            false => &self.state,
        }
    }

    fn decider(&self) -> Actor {
        Actor {
            kind: self
                .decider_kind
                .clone()
                .unwrap_or_else(|| "system".to_owned()),
            id: self.decider_id.clone().unwrap_or_default(),
        }
    }
}

impl Service {
    /// The session with this id.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn find_session(&self, tenant: &TenantId, id: &str) -> Result<SessionRow> {
        let wanted = id.to_owned();
        let found = self
            .store
            .point(tenant, move |scope| {
                Ok::<_, Error>(scope.find_session(&wanted)?)
            })
            .await?;
        found.ok_or_else(|| Error::no_such("session", id))
    }

    /// A connection's sessions, or all, before one of them, the newest first.
    ///
    /// # Errors
    /// Storage.
    pub async fn list_sessions(
        &self,
        tenant: &TenantId,
        connection: Option<&str>,
        before: Option<&str>,
        limit: i64,
    ) -> Result<Vec<SessionRow>> {
        let (connection, before) = (connection.map(str::to_owned), before.map(str::to_owned));
        self.store
            .read(tenant, move |scope| {
                Ok(scope.list_sessions(connection.as_deref(), before.as_deref(), limit)?)
            })
            .await
    }

    /// Undoes a session, or goes on with that: everybody is as before, except what somebody changed since. The connection
    /// goes on reading what it wrote. Returns the session as it is then.
    ///
    /// # Errors
    /// `NotFound`; `NotNow` for a session that is undone already; storage.
    pub async fn undo_session(&self, caller: &Caller, id: &str) -> Result<SessionRow> {
        let wanted = id.to_owned();
        let session = self
            .store
            .write(caller.meta(), move |tx| {
                begin(tx, &wanted).map(Outcome::Done)
            })
            .await?;
        self.finish_undo_of_session(&session).await
    }

    async fn finish_undo_of_session(&self, session: &SessionRow) -> Result<SessionRow> {
        let tenant = TenantId::new(session.tenant.as_str());
        let caller = Caller::of_undo(tenant, session.decider(), &session.id);
        let run = as_run(session);
        let mut is_last_resort = false;
        loop {
            let (mut done, mut waiting) = (0, 0);
            let mut part = Part {
                is_last_resort,
                ..Part::default()
            };
            while let Some(step) = self.undo_some(&caller, &run, &part, AT_ONCE).await? {
                done += step.done;
                waiting += step.waiting;
                part.after = step.last;
            }
            if waiting == 0 {
                break;
            }
            // As long as some go back, the names that others wait for become free.
            is_last_resort = done == 0;
        }
        let id = session.id.clone();
        self.store
            .write(caller.meta(), move |tx| end(tx, &id).map(Outcome::Done))
            .await
    }

    /// Goes on with undoing sessions that a killed process, or a client that went away, left half done.
    ///
    /// # Errors
    /// Storage.
    pub async fn resume_sessions(&self) -> Result<()> {
        let wanted = self
            .store
            .read_global(move |conn| list_sessions_to_undo(conn, AT_ONCE))
            .await?;
        let since = self.store.clock().now().0 - super::parked::IDLE_MS;
        for session in wanted {
            if session.decided_at.is_none_or(|at| at < since) {
                self.finish_undo_of_session(&session).await?;
            }
        }
        Ok(())
    }
}

fn find(tx: &mut Tx<'_>, id: &str) -> Result<SessionRow> {
    tx.find_session(id)?
        .ok_or_else(|| Error::no_such("session", id))
}

fn begin(tx: &mut Tx<'_>, id: &str) -> Result<SessionRow> {
    let mut session = find(tx, id)?;
    if session.state == "undone" {
        return Err(Error::NotNow(format!("the session {id} is undone already")));
    }
    if session.state == UNDOING {
        return Ok(session);
    }
    let entry = Entry::new("session.undo_began", "session", id)
        .object("connection", session.connection_id.clone())
        .change("state", Some("done".into()), Some(UNDOING.into()));
    UNDOING.clone_into(&mut session.state);
    session.decided_at = Some(tx.now().0);
    session.decider_kind = Some(tx.actor().kind.clone());
    session.decider_id = Some(tx.actor().id.clone());
    tx.update_session(&session)?;
    tx.record(entry);
    Ok(session)
}

fn end(tx: &mut Tx<'_>, id: &str) -> Result<SessionRow> {
    let mut session = find(tx, id)?;
    if session.state != UNDOING {
        return Ok(session);
    }
    "undone".clone_into(&mut session.state);
    tx.update_session(&session)?;
    let entry = Entry::new("session.undone", "session", id)
        .object("connection", session.connection_id.clone())
        .change("state", Some(UNDOING.into()), Some("undone".into()));
    tx.record(entry);
    Ok(session)
}
