//! Connections: one source of people in a tenant, pushed (SCIM) or pulled (a connector).

use serde_json::Value;

use super::providers::Beside;
use super::secrets::{Closing, store as store_secret};
use crate::domain::access::JoinerPolicy;
use crate::domain::app::APP;
use crate::domain::audit::Entry;
use crate::domain::clock::Millis;
use crate::domain::connector::Form;
use crate::domain::ids::{ConnectionId, fresh_text};
use crate::domain::pull::{PullChange, PullSettings};
use crate::domain::sealed::SecretText;
use crate::scim::Error as ScimError;
use crate::scim::error::quote;
use crate::scim::filter;
use crate::scim::rules::{Preset, Rules};
use crate::scim::schema::{Registry, ResourceKind};
use crate::service::entitlements::{Feature, require};
use crate::service::error::{Error, Result, corrupt};
use crate::service::pull::{DISCONNECTED, KEPT_DAYS};
use crate::service::{Caller, Service};
use crate::storage::schedules::ScheduleRow;
use crate::storage::{Outcome, Tx};

pub use crate::storage::connections::ConnectionRow;

/// Kind of a push connection.
pub const PUSH: &str = "scim";
/// Kind of a pull connection.
pub const PULL: &str = "hris";
/// State of a connection that works.
const ACTIVE: &str = "active";
/// State of one that an admin stopped.
const PAUSED: &str = "paused";
/// Longest label, in characters.
const LABEL: usize = 200;
/// Longest slug of a connector.
const SLUG: usize = 63;

/// A push connection to be made.
#[derive(Debug, Clone)]
pub struct NewConnection {
    /// How it is shown.
    pub label: String,
    /// Rules for its client.
    pub preset: Preset,
    /// What it does with people whom it brings.
    pub policy: JoinerPolicy,
}

/// A pull connection to be made.
#[derive(Debug, Clone)]
pub struct NewPull {
    /// How it is shown.
    pub label: String,
    /// Slug of the connector.
    pub connector: String,
    /// What it does with people whom it brings.
    pub policy: JoinerPolicy,
    /// Everything else that is no secret.
    pub settings: PullSettings,
    /// Credentials, by name.
    pub secrets: Vec<(String, SecretText)>,
}

/// What changes about a connection; `None` stays as it is.
#[derive(Debug, Clone, Default)]
pub struct ConnectionChange {
    /// How it is shown.
    pub label: Option<String>,
    /// What it does with people whom it brings.
    pub policy: Option<JoinerPolicy>,
    /// Whether it works or is paused.
    pub is_active: Option<bool>,
    /// Everything else of a pull connection.
    pub pull: PullChange,
}

impl ConnectionRow {
    /// The settings of a pull connection.
    ///
    /// # Errors
    /// What is stored cannot be read.
    pub fn pull_settings(&self) -> Result<PullSettings> {
        let text = self.settings.as_deref().unwrap_or("{}");
        serde_json::from_str(text).map_err(|e| corrupt("connections", &self.id, e))
    }
}

impl Service {
    /// Creates a push connection.
    ///
    /// # Errors
    /// `Invalid` for a label that breaks the rules; storage.
    pub async fn create_connection(
        &self,
        caller: &Caller,
        new: NewConnection,
    ) -> Result<ConnectionId> {
        self.create_connection_as(caller, self.fresh_id(), new, Beside::Refused)
            .await
    }

    /// The same under an id that the caller chose, so that a request that comes twice creates one; perhaps beside a
    /// connection that pulls the same provider.
    ///
    /// # Errors
    /// Also `Conflict` for an id that is taken.
    pub async fn create_connection_as(
        &self,
        caller: &Caller,
        id: String,
        new: NewConnection,
        beside: Beside,
    ) -> Result<ConnectionId> {
        let row = ConnectionRow {
            kind: PUSH.to_owned(),
            preset: new.preset.as_str().to_owned(),
            label: new.label,
            joiner_policy: new.policy.as_str().to_owned(),
            ..self.blank_connection(caller, id)
        };
        self.insert_connection(caller, row, Vec::new(), beside)
            .await
    }

    /// Creates a pull connection together with its credentials.
    ///
    /// # Errors
    /// `Invalid` for a value that breaks its rule; `Forbidden` while this installation has no key; storage.
    pub async fn create_pull_connection(
        &self,
        caller: &Caller,
        new: NewPull,
    ) -> Result<ConnectionId> {
        self.create_pull_connection_as(caller, self.fresh_id(), new, Beside::Refused)
            .await
    }

    /// The same under an id that the caller chose, so that a request that comes twice creates one; perhaps beside a
    /// connection to which the same provider pushes.
    ///
    /// # Errors
    /// Also `Conflict` for an id that is taken.
    pub async fn create_pull_connection_as(
        &self,
        caller: &Caller,
        id: String,
        new: NewPull,
        beside: Beside,
    ) -> Result<ConnectionId> {
        check_slug(&new.connector)?;
        if let Some(form) = self.form(&new.connector)? {
            let names = new.secrets.iter().map(|(name, _)| name.clone()).collect();
            form.check_settings(&new.settings.settings, &names)
                .map_err(ScimError::invalid_value)?;
            names
                .iter()
                .try_for_each(|name| form.check_secret(name))
                .map_err(ScimError::invalid_value)?;
        }
        let registry = self.registry(&caller.tenant).await?;
        let row = ConnectionRow {
            kind: PULL.to_owned(),
            preset: new.connector,
            label: new.label,
            joiner_policy: new.policy.as_str().to_owned(),
            settings: Some(checked(&registry, &new.settings)?),
            ..self.blank_connection(caller, id)
        };
        let seal =
            |(name, value): &(String, SecretText)| self.seal(&caller.tenant, &row.id, name, value);
        let secrets = new.secrets.iter().map(seal).collect::<Result<Vec<_>>>()?;
        self.insert_connection(caller, row, secrets, beside).await
    }

    /// What a connector asks for; `None` where nobody knows.
    pub(super) fn form(&self, connector: &str) -> Result<Option<Form>> {
        let form = self.vendors.form(connector);
        form.map_err(|why| ScimError::invalid_value(why).into())
    }

    /// A fresh id for something that is to be created.
    pub fn fresh_id(&self) -> String {
        fresh_text(self.store.clock().now(), self.store.chance())
    }

    fn blank_connection(&self, caller: &Caller, id: String) -> ConnectionRow {
        ConnectionRow {
            tenant: caller.tenant.as_str().to_owned(),
            id,
            kind: String::new(),
            preset: String::new(),
            label: String::new(),
            joiner_policy: String::new(),
            state: ACTIVE.to_owned(),
            created_at: self.store.clock().now().0,
            only_users: 0,
            hidden_users: 0,
            managed_groups: 0,
            settings: None,
            confirm_since: None,
            disconnected_at: None,
            rank_at: None,
        }
    }

    async fn insert_connection(
        &self,
        caller: &Caller,
        row: ConnectionRow,
        secrets: Vec<Closing>,
        beside: Beside,
    ) -> Result<ConnectionId> {
        check_label(&row.label)?;
        let shipped = self.shipped()?;
        let id = ConnectionId::new(row.id.clone());
        self.store
            .write(caller.meta(), move |tx| {
                require(
                    tx,
                    if row.kind == PULL {
                        Feature::Hris
                    } else {
                        Feature::Push
                    },
                )?;
                let alone = shipped.check_alone(&row, &tx.list_connections()?);
                let is_beside = alone.is_err();
                if beside == Beside::Refused {
                    alone?;
                }
                tx.create_connection(&row)?;
                if row.kind == PULL {
                    let first = Millis(tx.now().0 + every_ms(&row)?);
                    tx.create_schedule(&ScheduleRow::new(&row.tenant, &row.id, first))?;
                }
                let entry = Entry::new("connection.created", "connection", row.id.clone());
                let entry = entry.change("besidePush", None, is_beside.then(|| Value::from(true)));
                tx.record(entry.change("preset", None, Some(Value::from(row.preset.as_str()))));
                for secret in &secrets {
                    store_secret(tx, &row.id, secret, "connection.secret_set")?;
                }
                Ok::<_, Error>(Outcome::Done(()))
            })
            .await?;
        Ok(id)
    }

    /// Changes label, policy, state or settings of a connection; returns it as it is then.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` for a value that breaks its rule, and for settings of a push connection.
    pub async fn update_connection(
        &self,
        caller: &Caller,
        id: &str,
        change: ConnectionChange,
    ) -> Result<ConnectionRow> {
        if let Some(label) = &change.label {
            check_label(label)?;
        }
        let registry = self.registry(&caller.tenant).await?;
        let (service, id) = (self.clone(), id.to_owned());
        self.store
            .write(caller.meta(), move |tx| {
                let before = find(tx, &id)?;
                if before.kind == APP && (change.policy.is_some() || change.is_active.is_some()) {
                    return Err(Error::Forbidden(
                        "this is the app itself: its users are loaded and removed, and only its label changes".to_owned(),
                    ));
                }
                let mut row = before.clone();
                if let Some(label) = &change.label {
                    row.label.clone_from(label);
                }
                if let Some(policy) = change.policy {
                    policy.as_str().clone_into(&mut row.joiner_policy);
                }
                if let Some(is_active) = change.is_active {
                    if row.state == DISCONNECTED && is_active {
                        reconnect(tx, &row)?;
                    } else if ![ACTIVE, PAUSED].contains(&row.state.as_str()) {
                        let detail = format!("a connection that is {} stays so", row.state);
                        return Err(Error::Forbidden(detail));
                    }
                    check_place(tx, &row, is_active)?;
                    row.state = if is_active { ACTIVE } else { PAUSED }.to_owned();
                    if is_active && before.state != ACTIVE {
                        require(tx, if row.kind == PULL { Feature::Hris } else { Feature::Push })?;
                    }
                }
                if row.kind == PUSH && !change.pull.is_empty() {
                    row.settings = Some(push_settings(&row, &change.pull)?);
                } else if !change.pull.is_empty() {
                    check_pull(&row)?;
                    let settings = row.pull_settings()?.with(&change.pull);
                    if !change.pull.settings.is_empty()
                        && let Some(form) = service.form(&row.preset)?
                    {
                        let secrets = tx.list_secrets(&row.id)?.into_iter();
                        form.check_settings(&settings.settings, &secrets.map(|s| s.name).collect())
                            .map_err(ScimError::invalid_value)?;
                    }
                    row.settings = Some(checked(&registry, &settings)?);
                }
                put(tx, &before, &row)?;
                reschedule(tx, &before, &row)?;
                Ok::<_, Error>(Outcome::Done(row))
            })
            .await
    }

    /// A connection.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn find_connection(&self, caller: &Caller, id: &str) -> Result<ConnectionRow> {
        let id = id.to_owned();
        self.store
            .read(&caller.tenant, move |scope| {
                let found = scope.find_connection(&id)?;
                found.ok_or_else(|| Error::no_such("connection", &id))
            })
            .await
    }

    /// All connections of a tenant, oldest first.
    ///
    /// # Errors
    /// Storage.
    pub async fn list_connections(&self, caller: &Caller) -> Result<Vec<ConnectionRow>> {
        self.store
            .read(&caller.tenant, |scope| Ok(scope.list_connections()?))
            .await
    }
}

/// One that gave its place to another works again only when it has it back.
fn check_place(tx: &mut Tx<'_>, row: &ConnectionRow, is_active: bool) -> Result<()> {
    use super::switch::state::{CUT, CUTTING, RETURNING};
    if !is_active {
        return Ok(());
    }
    let switches = tx.list_switches()?;
    let mut given = switches.iter().filter(|s| s.from_id == row.id);
    match given.find(|s| [CUT, CUTTING, RETURNING].contains(&s.state.as_str())) {
        None => Ok(()),
        Some(switch) => Err(Error::Forbidden(format!(
            "the connection gave its place to another: the way back is that of the switch {}",
            switch.id
        ))),
    }
}

/// Connects again: links and answers are still there, and the first plan is looked at as that of a new connection.
fn reconnect(tx: &mut Tx<'_>, row: &ConnectionRow) -> Result<()> {
    let (now, since) = (tx.now(), row.disconnected_at);
    if since.is_none_or(|at| now > Millis(at).plus_days(KEPT_DAYS)) {
        return Err(Error::Forbidden(format!(
            "it was disconnected more than {KEPT_DAYS} days ago, and who its people were is forgotten: add a new connection"
        )));
    }
    tx.set_disconnected(&row.id, None)?;
    if let Some(mut schedule) = tx.find_schedule(&row.id)? {
        schedule.settings_digest = None;
        tx.update_schedule(&schedule)?;
    }
    Ok(())
}

/// Stores what differs, with an entry and the news for those who remember the connection.
fn put(tx: &mut Tx<'_>, before: &ConnectionRow, row: &ConnectionRow) -> Result<()> {
    if before == row {
        return Ok(());
    }
    tx.update_connection(row)?;
    let text = |text: &str| Some(Value::from(text));
    let stored = |row: &ConnectionRow| {
        let text = row.settings.as_deref()?;
        serde_json::from_str::<Value>(text).ok()
    };
    let entry = Entry::new("connection.updated", "connection", row.id.clone())
        .change(
            "joinerPolicy",
            text(&before.joiner_policy),
            text(&row.joiner_policy),
        )
        .change("label", text(&before.label), text(&row.label))
        .change("settings", stored(before), stored(row))
        .change("state", text(&before.state), text(&row.state));
    tx.record(entry);
    let (news, now) = (tx.fresh_id(), tx.now().0);
    Ok(tx.create_invalidation(&news, "connection", &row.id, now)?)
}

/// Puts a state in force, in whoever remembers the connection too.
pub(super) fn turn(tx: &mut Tx<'_>, row: &ConnectionRow, state: &str) -> Result<()> {
    let mut turned = row.clone();
    state.clone_into(&mut turned.state);
    tx.update_connection(&turned)?;
    let (news, now) = (tx.fresh_id(), tx.now().0);
    Ok(tx.create_invalidation(&news, "connection", &row.id, now)?)
}

/// The connection with this id.
fn find(tx: &mut Tx<'_>, id: &str) -> Result<ConnectionRow> {
    let found = tx.find_connection(id)?;
    found.ok_or_else(|| Error::no_such("connection", id))
}

/// The pull connection with this id.
pub(super) fn find_pull(tx: &mut Tx<'_>, id: &str) -> Result<ConnectionRow> {
    let row = find(tx, id)?;
    check_pull(&row)?;
    Ok(row)
}

fn check_pull(row: &ConnectionRow) -> Result<()> {
    match row.kind == PULL {
        true => Ok(()),
        false => Err(ScimError::invalid_value(
            "only a pull connection has these settings and secrets: a source that pushes is let in by a token, and has \
             the limits of its guard",
        )
        .into()),
    }
}

fn check_label(label: &str) -> Result<()> {
    let length = label.chars().count();
    if length > LABEL || label.contains(char::is_control) {
        return Err(ScimError::invalid_value(format!(
            "`label` takes one line of at most {LABEL} characters; got {length}"
        ))
        .into());
    }
    Ok(())
}

fn check_slug(slug: &str) -> Result<()> {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    match !slug.is_empty() && slug.len() <= SLUG && slug.bytes().all(is_plain) {
        true => Ok(()),
        false => Err(ScimError::invalid_value(format!(
            "`connector` takes a slug of 1 to {SLUG} of a-z, 0-9 and `-`; got `{}`",
            quote(slug)
        ))
        .into()),
    }
}

/// Settings that keep the rules, as they are stored.
fn checked(registry: &Registry, settings: &PullSettings) -> Result<String> {
    settings.check().map_err(ScimError::invalid_value)?;
    if let Some(text) = &settings.scope.filter {
        filter::parse(registry, ResourceKind::User, text, &mut Rules::default()).map_err(|e| {
            ScimError::invalid_value(format!("`scope.filter` is no filter: {}", e.detail))
        })?;
    }
    serde_json::to_string(settings).map_err(|e| ScimError::invalid_value(e.to_string()).into())
}

/// The settings of a connection that pushes, with a change: it has nothing but the limits of its guard.
fn push_settings(row: &ConnectionRow, change: &PullChange) -> Result<String> {
    let only_guard = PullChange {
        max_leavers: change.max_leavers,
        max_percent: change.max_percent,
        ..PullChange::default()
    };
    if *change != only_guard {
        check_pull(row)?;
    }
    let mut settings = row.push_settings()?;
    let guard = &mut settings.guard;
    guard.max_leavers = change.max_leavers.unwrap_or(guard.max_leavers);
    guard.max_percent = change.max_percent.unwrap_or(guard.max_percent);
    guard.check().map_err(ScimError::invalid_value)?;
    serde_json::to_string(&settings).map_err(|e| ScimError::invalid_value(e.to_string()).into())
}

/// Time between two pulls, in milliseconds.
fn every_ms(row: &ConnectionRow) -> Result<i64> {
    Ok(i64::from(row.pull_settings()?.schedule.every_minutes) * 60_000)
}

/// A connection that is resumed is due at once, one that is to be pulled more often no later than that.
fn reschedule(tx: &mut Tx<'_>, before: &ConnectionRow, row: &ConnectionRow) -> Result<()> {
    let Some(mut schedule) = tx.find_schedule(&row.id)? else {
        return Ok(());
    };
    let now = tx.now().0;
    let latest = match before.state != ACTIVE && row.state == ACTIVE {
        true => now,
        false => now + every_ms(row)? * 11 / 10,
    };
    if schedule.next_at > latest {
        schedule.next_at = latest;
        tx.update_schedule(&schedule)?;
    }
    Ok(())
}
