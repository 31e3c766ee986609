//! Credentials of connections: sealed before they are queued, opened for a pull only, never returned to anybody else and
//! never in the journal, which names the connection and the secret. The keys' own life is in `keys`.

mod exchange;
mod keys;
mod operator;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::domain::audit::Entry;
use crate::domain::clock::Millis;
use crate::domain::ids::TenantId;
use crate::domain::sealed::{Closed, NONCE, Place, Sealed, SecretText};
use crate::scim::Error as ScimError;
use crate::scim::error::quote;
use crate::service::error::{Error, Result};
use crate::service::{Caller, Service};
use crate::storage::secrets::{SecretRow, state};
use crate::storage::{Outcome, Tx};

pub use exchange::Exchange;
pub use keys::{KeyStatus, Resealed, Status};

/// Longest name of a secret.
const NAME: usize = 64;
/// Longest secret, in bytes: room for a private key with its certificate.
const VALUE: usize = 16 << 10;
/// Most secrets of a connection.
const COUNT: usize = 32;

/// Why a secret cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unusable {
    /// The key that opens it is not among those of this process.
    NoKey,
    /// It does not open although the key is here.
    Damaged,
    /// Its key was given up.
    Lost,
}

impl Unusable {
    /// The code that is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoKey => "no-key",
            Self::Damaged => "damaged",
            Self::Lost => "lost",
        }
    }
}

/// What may be known of a secret without opening it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretInfo {
    /// What the connector calls it.
    pub name: String,
    /// Id of the key that opens it.
    pub key_id: String,
    /// Why it cannot be used; `None`: it can.
    pub unusable: Option<Unusable>,
    /// When it was last set.
    pub updated_at: Millis,
}

/// The secrets of a connection for a pull.
#[derive(Debug, Default)]
pub struct Opened {
    /// Those that can be used, by name.
    pub values: BTreeMap<String, SecretText>,
    /// Those that cannot: the connection needs new credentials, or the key with that id.
    pub unusable: Vec<SecretInfo>,
}

/// A secret for a connection that is sealed but not stored yet.
#[derive(Debug, Clone)]
pub(super) struct Closing {
    pub(super) name: String,
    pub(super) sealed: Sealed,
}

impl Service {
    /// Sets a secret of a pull connection; it is on disk when this returns, and is tried at once.
    ///
    /// # Errors
    /// `NotFound` for the connection; `Invalid` for a name or value that breaks the rules, for a push connection, for
    /// one secret too many; `Forbidden` while this installation has no key.
    pub async fn set_secret(
        &self,
        caller: &Caller,
        connection: &str,
        name: &str,
        value: &SecretText,
    ) -> Result<()> {
        let closing = self.seal(&caller.tenant, connection, name, value)?;
        let row = self.find_connection(caller, connection).await?;
        if row.kind == super::connections::PULL
            && let Some(form) = self.form(&row.preset)?
        {
            form.check_secret(name).map_err(ScimError::invalid_value)?;
        }
        let connection = connection.to_owned();
        self.store
            .write(caller.meta(), move |tx| {
                super::connections::find_pull(tx, &connection)?;
                store(tx, &connection, &closing, "connection.secret_set")?;
                if let Some(mut schedule) = tx.find_schedule(&connection)? {
                    schedule.next_at = schedule.next_at.min(tx.now().0);
                    tx.update_schedule(&schedule)?;
                }
                Ok::<_, Error>(Outcome::Done(()))
            })
            .await
    }

    /// Removes a secret.
    ///
    /// # Errors
    /// `NotFound` for the connection or the secret.
    pub async fn delete_secret(&self, caller: &Caller, connection: &str, name: &str) -> Result<()> {
        let (connection, name) = (connection.to_owned(), name.to_owned());
        self.store
            .write(caller.meta(), move |tx| {
                super::connections::find_pull(tx, &connection)?;
                let Some(row) = tx.find_secret(&connection, &name)? else {
                    return Err(Error::NotFound(format!(
                        "the connection has no secret `{}`",
                        quote(&name)
                    )));
                };
                tx.delete_secret(&connection, &name)?;
                let key = Some(Value::from(row.key_id));
                let entry = entry("connection.secret_deleted", &connection, &name);
                tx.record(entry.change("keyId", key, None));
                Ok(Outcome::Done(()))
            })
            .await
    }

    /// What may be known of a connection's secrets, by name.
    ///
    /// # Errors
    /// Storage.
    pub async fn list_secrets(
        &self,
        tenant: &TenantId,
        connection: &str,
    ) -> Result<Vec<SecretInfo>> {
        let rows = self.secret_rows(tenant, connection).await?;
        Ok(rows.iter().map(|row| self.info(row)).collect())
    }

    /// Opens the secrets of a connection, for a pull. One that does not open although its key is here is marked as
    /// damaged; it stays so until it is set anew.
    ///
    /// # Errors
    /// Storage. A secret that cannot be used is no error.
    pub async fn open_secrets(&self, caller: &Caller, connection: &str) -> Result<Opened> {
        let mut opened = Opened::default();
        for row in self.secret_rows(&caller.tenant, connection).await? {
            let mut info = self.info(&row);
            if info.unusable.is_none() {
                match self.keys.open(place(&row), &sealed(&row)) {
                    Ok(value) => {
                        opened.values.insert(row.name, value);
                        continue;
                    }
                    Err(closed) => info.unusable = Some(closed.into()),
                }
                if info.unusable == Some(Unusable::Damaged) {
                    self.mark_damaged(caller, row).await?;
                }
            }
            opened.unusable.push(info);
        }
        Ok(opened)
    }

    async fn secret_rows(&self, tenant: &TenantId, connection: &str) -> Result<Vec<SecretRow>> {
        let connection = connection.to_owned();
        self.store
            .read(tenant, move |scope| Ok(scope.list_secrets(&connection)?))
            .await
    }

    /// Notes that a secret does not open, unless it was set meanwhile.
    async fn mark_damaged(&self, caller: &Caller, seen: SecretRow) -> Result<()> {
        self.store
            .write(caller.meta(), move |tx| {
                let now = tx.find_secret(&seen.connection_id, &seen.name)?;
                if now.as_ref() == Some(&seen) {
                    let row = SecretRow {
                        state: state::DAMAGED.to_owned(),
                        ..seen.clone()
                    };
                    tx.update_secret(&row)?;
                    let entry = entry(
                        "connection.secret_unusable",
                        &seen.connection_id,
                        &seen.name,
                    );
                    tx.record(entry.reason(Unusable::Damaged.as_str()));
                }
                Ok::<_, Error>(Outcome::Done(()))
            })
            .await
    }

    fn info(&self, row: &SecretRow) -> SecretInfo {
        let unusable = match row.state.as_str() {
            state::LOST => Some(Unusable::Lost),
            state::DAMAGED => Some(Unusable::Damaged),
            _ if !self.keys.has(&row.key_id) => Some(Unusable::NoKey),
            _ => None,
        };
        SecretInfo {
            name: row.name.clone(),
            key_id: row.key_id.clone(),
            unusable,
            updated_at: Millis(row.updated_at),
        }
    }

    /// Seals a secret for its place with a fresh nonce.
    ///
    /// # Errors
    /// `Invalid`, `Forbidden` as [`Self::set_secret`].
    pub(super) fn seal(
        &self,
        tenant: &TenantId,
        connection: &str,
        name: &str,
        value: &SecretText,
    ) -> Result<Closing> {
        check(name, value)?;
        let place = Place {
            tenant: tenant.as_str(),
            connection,
            name,
        };
        Ok(Closing {
            name: name.to_owned(),
            sealed: self.seal_for(place, value)?,
        })
    }

    /// Seals a text for any place with a fresh nonce.
    ///
    /// # Errors
    /// `Forbidden` while this installation has no key.
    pub(super) fn seal_for(&self, place: Place<'_>, value: &SecretText) -> Result<Sealed> {
        let mut nonce = [0; NONCE];
        self.store.chance().fill(&mut nonce);
        self.keys.seal(place, value, nonce).ok_or_else(|| {
            Error::Forbidden(
                "there is no secret key that could seal this: set ROSTERD_SECRET_KEY_FILE, or start the server once"
                    .to_owned(),
            )
        })
    }
}

impl From<Closed> for Unusable {
    fn from(closed: Closed) -> Self {
        match closed {
            Closed::NoKey => Self::NoKey,
            Closed::Damaged => Self::Damaged,
        }
    }
}

/// Stores a sealed secret with its entry.
pub(super) fn store(
    tx: &mut Tx<'_>,
    connection: &str,
    closing: &Closing,
    action: &'static str,
) -> Result<()> {
    let before = tx.find_secret(connection, &closing.name)?;
    if before.is_none() && tx.list_secrets(connection)?.len() >= COUNT {
        let detail = format!("a connection has at most {COUNT} secrets: delete one first");
        return Err(ScimError::invalid_value(detail).into());
    }
    let row = SecretRow {
        tenant: tx.tenant().as_str().to_owned(),
        connection_id: connection.to_owned(),
        name: closing.name.clone(),
        key_id: closing.sealed.key_id.clone(),
        sealed: closing.sealed.text.clone(),
        state: state::HELD.to_owned(),
        updated_at: tx.now().0,
    };
    match before {
        None => tx.create_secret(&row)?,
        Some(_) => tx.update_secret(&row)?,
    }
    let was = before.map(|b| Value::from(b.key_id));
    let entry = entry(action, connection, &closing.name);
    tx.record(entry.change("keyId", was, Some(Value::from(row.key_id))));
    Ok(())
}

/// An entry about a secret: the connection and the secret's name, never the value.
fn entry(action: &'static str, connection: &str, name: &str) -> Entry {
    Entry::new(action, "connection", connection).object("secret", name)
}

fn place(row: &SecretRow) -> Place<'_> {
    Place {
        tenant: &row.tenant,
        connection: &row.connection_id,
        name: &row.name,
    }
}

fn sealed(row: &SecretRow) -> Sealed {
    Sealed {
        key_id: row.key_id.clone(),
        text: row.sealed.clone(),
    }
}

/// Refuses a name or a value; the message shows the name only.
fn check(name: &str, value: &SecretText) -> Result<()> {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    if name.is_empty() || name.len() > NAME || !name.bytes().all(is_plain) {
        return Err(ScimError::invalid_value(format!(
            "a secret's name has 1 to {NAME} of a-z, 0-9 and `_`; got `{}`",
            quote(name)
        ))
        .into());
    }
    let value = value.expose();
    let refused = match value.len() {
        0 => "is empty: delete it instead",
        length if length > VALUE => "is longer than 16 KiB",
        _ if value.contains('\0') => "holds the character U+0000",
        _ => return Ok(()),
    };
    let detail = format!("the secret `{name}` {refused}");
    Err(ScimError::invalid_value(detail).into())
}
