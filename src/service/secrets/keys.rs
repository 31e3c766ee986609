//! The life of keys: which ones secrets need, sealing everything anew with the current one while servers run, and giving
//! a lost one up. Everything is done in small steps, each of which is on disk before the next begins; whoever is
//! interrupted goes on by doing it again.

use std::collections::BTreeMap;

use super::{Unusable, entry, place, sealed};
use crate::domain::audit::Entry;
use crate::domain::ids::{OPERATOR_TENANT, TenantId};
use crate::domain::sealed::{Closed, Keyring, NONCE, Sealed};
use crate::service::error::{Error, Result};
use crate::service::{Caller, Service};
use crate::storage::Outcome;
use crate::storage::secrets::{self, SecretRow, state};

/// Secrets that one step seals anew.
const STEP: i64 = 100;

/// A key and what it seals.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyStatus {
    /// Id.
    pub id: String,
    /// It seals what is set now.
    pub is_current: bool,
    /// It is among those of this process.
    pub is_here: bool,
    /// Secrets that it opens.
    pub held: i64,
    /// Secrets that it should open and does not.
    pub damaged: i64,
    /// Secrets that were given up with it.
    pub lost: i64,
    /// Files that wait to be read and that it seals.
    pub files: i64,
}

/// How secrets and keys stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Keys that are here or that a secret needs, by id.
    pub keys: Vec<KeyStatus>,
    /// Secrets that cannot be used until they are set anew: tenant, connection, name, why.
    pub unusable: Vec<(String, String, String, String)>,
}

/// What sealing anew did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resealed {
    /// Secrets that are sealed with the current key now.
    pub resealed: u64,
    /// Pieces of files that wait, which are sealed with it now.
    pub pieces: u64,
    /// Secrets that do not open although their key is here.
    pub damaged: u64,
    /// Keys that secrets need and that are not here.
    pub missing: Vec<String>,
}

/// A secret as it was read, and as it is to be stored.
struct Step {
    seen: SecretRow,
    /// `None`: it does not open.
    anew: Option<Sealed>,
}

impl Service {
    /// How secrets and keys stand, over all tenants.
    ///
    /// # Errors
    /// Storage.
    pub async fn secret_status(&self) -> Result<Status> {
        let (tally, unusable) = self
            .store
            .read_global(|conn| {
                Ok::<_, Error>((secrets::tally(conn)?, secrets::list_unusable(conn)?))
            })
            .await?;
        let files = self.count_files_by_key().await?;
        let mut keys: BTreeMap<String, KeyStatus> = BTreeMap::new();
        let ids = tally.iter().map(|t| t.key_id.as_str());
        let of_files = files.iter().map(|(key, _)| key.as_str());
        for id in self.keys.ids().chain(ids).chain(of_files) {
            let key = KeyStatus {
                id: id.to_owned(),
                is_current: self.keys.current() == Some(id),
                is_here: self.keys.has(id),
                ..KeyStatus::default()
            };
            keys.insert(id.to_owned(), key);
        }
        for tally in tally {
            if let Some(key) = keys.get_mut(&tally.key_id) {
                match tally.state.as_str() {
                    state::LOST => key.lost = tally.count,
                    state::DAMAGED => key.damaged = tally.count,
                    _ => key.held = tally.count,
                }
            }
        }
        for (key, count) in files {
            if let Some(key) = keys.get_mut(&key) {
                key.files = count;
            }
        }
        let unusable = unusable.into_iter();
        Ok(Status {
            keys: keys.into_values().collect(),
            unusable: unusable
                .map(|row| (row.tenant, row.connection_id, row.name, row.state))
                .collect(),
        })
    }

    /// Notes which key this database belongs with, if that was not noted before.
    ///
    /// # Errors
    /// Storage.
    pub async fn note_first_key(&self) -> Result<()> {
        self.note_key(None).await
    }

    /// Notes the current key; `only_after` is the one that must be noted now.
    async fn note_key(&self, only_after: Option<String>) -> Result<()> {
        let Some(current) = self.keys.current().map(str::to_owned) else {
            return Ok(());
        };
        let operator = Caller::system(TenantId::new(OPERATOR_TENANT), "secrets");
        self.store
            .write(operator.meta(), move |tx| {
                let mut settings = tx.tenant_settings()?;
                if settings.secret_key_id != only_after || only_after.as_ref() == Some(&current) {
                    return Ok(Outcome::Done(()));
                }
                let before = serde_json::to_value(&settings).ok();
                settings.secret_key_id = Some(current.clone());
                tx.update_tenant_settings(&settings)?;
                let entry = Entry::new("tenant.settings_changed", "tenant", OPERATOR_TENANT);
                tx.record(entry.change("settings", before, serde_json::to_value(&settings).ok()));
                Ok::<_, Error>(Outcome::Done(()))
            })
            .await
    }

    async fn noted_key(&self) -> Result<Option<String>> {
        let operator = self.find_tenant(OPERATOR_TENANT).await?;
        Ok(operator.settings()?.secret_key_id)
    }

    /// Seals everything with the current key that another one sealed; servers go on meanwhile. `progress` is told how
    /// many are done. When a key is missing, its secrets stay as they are.
    ///
    /// # Errors
    /// `Forbidden` without a key; storage. What was done until then stays done.
    pub async fn reseal_secrets(&self, mut progress: impl FnMut(u64)) -> Result<Resealed> {
        let Some(current) = self.keys.current().map(str::to_owned) else {
            let detail = "there is no secret key to seal with: set ROSTERD_SECRET_KEY_FILE";
            return Err(Error::Forbidden(detail.to_owned()));
        };
        let mut done = Resealed::default();
        for key in self
            .keys_in_use()
            .await?
            .into_iter()
            .filter(|k| *k != current)
        {
            if !self.keys.has(&key) {
                done.missing.push(key);
                continue;
            }
            loop {
                let rows = self.rows_of_key(&key).await?;
                if rows.is_empty() {
                    break;
                }
                for (tenant, rows) in by_tenant(rows) {
                    let steps = self.steps(rows);
                    let (resealed, damaged) = self.take(tenant, steps).await?;
                    done.resealed += resealed;
                    done.damaged += damaged;
                    progress(done.resealed);
                }
            }
            done.pieces += self.reseal_files(&key).await?;
        }
        if done.missing.is_empty() {
            let noted = self.noted_key().await?;
            if noted.as_ref().is_none_or(|noted| self.keys.has(noted)) {
                self.note_key(noted).await?;
            }
        }
        Ok(done)
    }

    /// Gives a key up that nobody has any more: its secrets are lost, and their connections need new credentials. Returns
    /// how many there were.
    ///
    /// # Errors
    /// `Conflict` for a key that is here; `NotFound` for one that nothing needs; storage.
    pub async fn abandon_key(&self, key: &str) -> Result<u64> {
        if self.keys.has(key) {
            let detail =
                format!("the key {key} is here, so nothing is lost: rosterd secrets rotate");
            return Err(Error::Conflict(detail));
        }
        let noted = self.noted_key().await?;
        let is_noted = noted.as_deref() == Some(key);
        if !is_noted && !self.keys_in_use().await?.iter().any(|used| used == key) {
            return Err(Error::no_such("key in use", key));
        }
        let mut lost = 0;
        loop {
            let rows = self.rows_of_key(key).await?;
            if rows.is_empty() {
                break;
            }
            for (tenant, rows) in by_tenant(rows) {
                lost += self.lose(tenant, rows).await?;
            }
        }
        self.lose_files(key).await?;
        if is_noted {
            self.note_key(noted).await?;
        }
        Ok(lost)
    }

    /// Ids of the keys that secrets and waiting files need.
    async fn keys_in_use(&self) -> Result<Vec<String>> {
        let tally = self.store.read_global(secrets::tally).await?;
        let held = tally.into_iter().filter(|t| t.state == state::HELD);
        let files = self.count_files_by_key().await?.into_iter();
        let mut all: Vec<String> = held
            .map(|t| t.key_id)
            .chain(files.map(|(key, _)| key))
            .collect();
        all.sort_unstable();
        all.dedup();
        Ok(all)
    }

    async fn rows_of_key(&self, key: &str) -> Result<Vec<SecretRow>> {
        let key = key.to_owned();
        let rows = self
            .store
            .read_global(move |conn| secrets::list_by_key(conn, &key, state::HELD, STEP));
        Ok(rows.await?)
    }

    /// Opens and seals, before anything is queued.
    fn steps(&self, rows: Vec<SecretRow>) -> Vec<Step> {
        let each = rows.into_iter().map(|seen| {
            let mut nonce = [0; NONCE];
            self.store.chance().fill(&mut nonce);
            let anew = reseal(&self.keys, &seen, nonce).ok();
            Step { seen, anew }
        });
        each.collect()
    }

    /// Stores a step of one tenant; what was set meanwhile stays as it was set.
    async fn take(&self, tenant: TenantId, steps: Vec<Step>) -> Result<(u64, u64)> {
        self.store
            .write(
                Caller::operator(tenant, "secrets rotate").meta(),
                move |tx| {
                    let (mut resealed, mut damaged) = (0, 0);
                    for step in &steps {
                        let seen = &step.seen;
                        if tx.find_secret(&seen.connection_id, &seen.name)?.as_ref() != Some(seen) {
                            continue;
                        }
                        let mut row = seen.clone();
                        let entry = match &step.anew {
                            Some(anew) => {
                                row.key_id.clone_from(&anew.key_id);
                                row.sealed.clone_from(&anew.text);
                                resealed += 1;
                                let entry = entry(
                                    "connection.secret_resealed",
                                    &seen.connection_id,
                                    &seen.name,
                                );
                                let (was, is) = (seen.key_id.as_str(), anew.key_id.as_str());
                                entry.change("keyId", Some(was.into()), Some(is.into()))
                            }
                            None => {
                                row.state = state::DAMAGED.to_owned();
                                damaged += 1;
                                entry(
                                    "connection.secret_unusable",
                                    &seen.connection_id,
                                    &seen.name,
                                )
                                .reason(Unusable::Damaged.as_str())
                            }
                        };
                        tx.update_secret(&row)?;
                        tx.record(entry);
                    }
                    Ok::<_, Error>(Outcome::Done((resealed, damaged)))
                },
            )
            .await
    }

    async fn lose(&self, tenant: TenantId, rows: Vec<SecretRow>) -> Result<u64> {
        self.store
            .write(
                Caller::operator(tenant, "secrets abandon").meta(),
                move |tx| {
                    let mut lost = 0;
                    for seen in &rows {
                        if tx.find_secret(&seen.connection_id, &seen.name)?.as_ref() != Some(seen) {
                            continue;
                        }
                        tx.update_secret(&SecretRow {
                            sealed: String::new(),
                            state: state::LOST.to_owned(),
                            ..seen.clone()
                        })?;
                        let entry = entry(
                            "connection.secret_unusable",
                            &seen.connection_id,
                            &seen.name,
                        );
                        tx.record(entry.reason(Unusable::Lost.as_str()));
                        lost += 1;
                    }
                    Ok::<_, Error>(Outcome::Done(lost))
                },
            )
            .await
    }
}

fn reseal(keys: &Keyring, row: &SecretRow, nonce: [u8; NONCE]) -> Result<Sealed, Closed> {
    let secret = keys.open(place(row), &sealed(row))?;
    keys.seal(place(row), &secret, nonce).ok_or(Closed::NoKey)
}

fn by_tenant(rows: Vec<SecretRow>) -> BTreeMap<TenantId, Vec<SecretRow>> {
    let mut all: BTreeMap<TenantId, Vec<SecretRow>> = BTreeMap::new();
    for row in rows {
        let tenant = TenantId::new(row.tenant.clone());
        all.entry(tenant).or_default().push(row);
    }
    all
}
