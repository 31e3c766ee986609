//! Finding pairs: after a run among people, and before the first one is applied among the records of its plan.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::keep_keys;
use super::keys::{keys, reason};
use crate::domain::audit::Entry;
use crate::scim::schema::Registry;
use crate::service::error::{Error, Result};
use crate::service::users::model::Model;
use crate::service::{Caller, Service};
use crate::storage::pairs::{PairRow, Shared};
use crate::storage::{Outcome, Tx};

/// Most people on each side who share a key that still says something: of ten who are called alike nobody is meant.
const ALIKE: usize = 5;
/// Pairs stored together: a row and an entry each.
const AT_ONCE: usize = 100;
/// People who get their keys in one operation.
const KEYED_AT_ONCE: i64 = 50;
/// How far a comparison looks back behind the last one: writers commit a little later than the time they note.
const OVERLAP_MS: i64 = 60_000;
/// Keys of people of before there were any have been made.
const ALL: &str = "";

/// A pair that was found, with its reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    app: String,
    /// A person; before she is there, the source's id of her record.
    source: String,
    reasons: BTreeSet<&'static str>,
}

impl Service {
    /// Compares whoever came since the last time with the other side, and proposes pairs of which one has a record of this
    /// connection. Returns how many are new.
    ///
    /// # Errors
    /// Storage.
    pub async fn find_pairs(&self, caller: &Caller, connection: &str) -> Result<u64> {
        self.key_people(caller).await?;
        let wanted = connection.to_owned();
        let (mark, newest) = self
            .store
            .read(&caller.tenant, move |scope| {
                let mark = scope.find_pair_mark(&wanted)?.unwrap_or(-1);
                Ok::<_, Error>((mark, scope.find_newest_key(mark)?))
            })
            .await?;
        let Some(newest) = newest else {
            return Ok(0);
        };
        let shared = self
            .store
            .read(&caller.tenant, move |scope| {
                Ok::<_, Error>(scope.list_shared_keys(mark)?)
            })
            .await?;
        let mut new = 0;
        for chunk in pairs(shared).chunks(AT_ONCE) {
            let (chunk, connection) = (chunk.to_vec(), connection.to_owned());
            new += self
                .store
                .write(caller.meta(), move |tx| {
                    let each = chunk.iter().map(|found| propose(tx, &connection, found));
                    let new: Result<Vec<bool>> = each.collect();
                    let new = new?.into_iter().filter(|is_new| *is_new).count();
                    Ok::<_, Error>(Outcome::Done(new as u64))
                })
                .await?;
        }
        let until = newest.min(self.store.clock().now().0 - OVERLAP_MS);
        if until > mark {
            self.mark(caller, connection, until).await?;
        }
        Ok(new)
    }

    /// Proposes pairs of records that a plan would make people of: source ids and documents. Returns how many are new.
    ///
    /// # Errors
    /// Storage.
    pub async fn find_pairs_of_plan(
        &self,
        caller: &Caller,
        connection: &str,
        run: &str,
        records: &[(String, Map<String, Value>)],
    ) -> Result<u64> {
        let found = self.compare_records(caller, records).await?;
        let mut new = 0;
        for chunk in found.chunks(AT_ONCE) {
            let (chunk, connection) = (chunk.to_vec(), connection.to_owned());
            let run = run.to_owned();
            new += self
                .store
                .write(caller.meta(), move |tx| {
                    let mut new = 0;
                    for found in &chunk {
                        let record = found.source.clone();
                        new += u64::from(put(tx, &connection, record, None, Some(&run), found)?);
                    }
                    Ok::<_, Error>(Outcome::Done(new))
                })
                .await?;
        }
        Ok(new)
    }

    /// Whether anybody may be proposed at all.
    ///
    /// # Errors
    /// Storage.
    pub async fn has_app_only(&self, caller: &Caller) -> Result<bool> {
        self.key_people(caller).await?;
        self.store
            .read(&caller.tenant, |scope| {
                Ok::<_, Error>(scope.has_app_only()?)
            })
            .await
    }

    async fn compare_records(
        &self,
        caller: &Caller,
        records: &[(String, Map<String, Value>)],
    ) -> Result<Vec<Found>> {
        let mut shared: Vec<Shared> = Vec::new();
        for chunk in records.chunks(50) {
            let mut of: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for (source_id, user) in chunk {
                for key in keys(user) {
                    of.entry(key).or_default().push(source_id.clone());
                }
            }
            let all: Vec<String> = of.keys().cloned().collect();
            let app = self
                .store
                .read(&caller.tenant, move |scope| {
                    let mut app = Vec::new();
                    for keys in all.chunks(200) {
                        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
                        app.extend(scope.list_app_only(&keys)?);
                    }
                    Ok::<_, Error>(app)
                })
                .await?;
            for (key, user) in app {
                let sources = of.remove(&key).unwrap_or_default();
                let sources = sources
                    .into_iter()
                    .map(|id| (key.clone(), id, SOURCE.to_owned()));
                shared.extend(sources);
                shared.push((key, user, APP.to_owned()));
            }
        }
        shared.sort();
        shared.dedup();
        Ok(pairs(shared))
    }

    /// Makes keys for people who were there before this program kept any, once for each tenant.
    async fn key_people(&self, caller: &Caller) -> Result<()> {
        let is_done = self
            .store
            .point(&caller.tenant, |scope| {
                Ok::<_, Error>(scope.find_pair_mark(ALL)?)
            })
            .await?;
        if is_done.is_some() {
            return Ok(());
        }
        let mut after = String::new();
        loop {
            let registry = self.registry(&caller.tenant).await?;
            let from = after.clone();
            let last = self
                .store
                .write(caller.meta(), move |tx| {
                    key_some(tx, &registry, &from).map(Outcome::Done)
                })
                .await?;
            match last {
                Some(last) => after = last,
                None => return self.mark(caller, ALL, 0).await,
            }
        }
    }

    async fn mark(&self, caller: &Caller, connection: &str, until: i64) -> Result<()> {
        let connection = connection.to_owned();
        self.store
            .write(caller.meta(), move |tx| {
                tx.put_pair_mark(&connection, until)?;
                Ok::<_, Error>(Outcome::Done(()))
            })
            .await
    }
}

const APP: &str = "app";
const SOURCE: &str = "source";

/// Makes keys of some people after an id; `None`: there are no more.
fn key_some(tx: &mut Tx<'_>, registry: &Registry, after: &str) -> Result<Option<String>> {
    let ids = tx.list_keyless(after, KEYED_AT_ONCE)?;
    for id in &ids {
        if let Some(model) = Model::load(tx, registry, id)? {
            keep_keys(tx, None, &model)?;
        }
    }
    Ok(ids.into_iter().next_back())
}

/// Pairs of people who share keys; what too many share says nothing. `shared` is in the order of keys.
fn pairs(shared: Vec<Shared>) -> Vec<Found> {
    let mut found: BTreeMap<(String, String), BTreeSet<&'static str>> = BTreeMap::new();
    for group in shared.chunk_by(|a, b| a.0 == b.0) {
        let (on_app, on_source): (Vec<&Shared>, Vec<&Shared>) =
            group.iter().partition(|shared| shared.2 == APP);
        if on_app.len() > ALIKE || on_source.len() > ALIKE {
            continue;
        }
        for (_, app, _) in on_app {
            for (_, source, _) in &on_source {
                let pair = found.entry((app.clone(), source.clone())).or_default();
                pair.insert(reason(&group[0].0));
            }
        }
    }
    let each = found.into_iter().map(|((app, source), reasons)| Found {
        app,
        source,
        reasons,
    });
    each.collect()
}

/// Stores a pair of people if the connection has a record of one of them; true if it is new.
fn propose(tx: &mut Tx<'_>, connection: &str, found: &Found) -> Result<bool> {
    let claims = tx.list_claims(&found.source)?;
    let own = claims
        .iter()
        .find(|c| c.connection_id == connection && c.takes_part());
    let Some(claim) = own else {
        return Ok(false);
    };
    // They are asked about already, or were.
    let asked = tx.list_conflicts_about(&found.source)?;
    if asked
        .iter()
        .any(|c| c.candidates.contains(found.app.as_str()))
    {
        return Ok(false);
    }
    let links = tx.list_links_of(&found.source)?;
    let link = links.into_iter().find(|l| l.connection_id == connection);
    let known = claim
        .scim_id
        .clone()
        .unwrap_or_else(|| claim.user_id.clone());
    let record = link.map_or(known, |l| l.source_id);
    let other = Some(found.source.as_str());
    put(tx, connection, record, other, None, found)
}

fn put(
    tx: &mut Tx<'_>,
    connection: &str,
    record: String,
    other: Option<&str>,
    run: Option<&str>,
    found: &Found,
) -> Result<bool> {
    let now = tx.now().0;
    let reasons = json!(found.reasons).to_string();
    if let Some(row) = tx.find_pair_of(connection, &record, &found.app)? {
        let wanted = PairRow {
            other_id: other.map(str::to_owned).or_else(|| row.other_id.clone()),
            run_id: run.map(str::to_owned).or_else(|| row.run_id.clone()),
            reasons,
            ..row.clone()
        };
        if wanted != row {
            tx.update_pair(&PairRow {
                updated_at: now,
                ..wanted
            })?;
        }
        return Ok(false);
    }
    let row = PairRow {
        tenant: tx.tenant().as_str().to_owned(),
        id: tx.fresh_id(),
        connection_id: connection.to_owned(),
        record,
        user_id: found.app.clone(),
        other_id: other.map(str::to_owned),
        run_id: run.map(str::to_owned),
        reasons,
        state: "open".to_owned(),
        later_until: None,
        created_at: now,
        updated_at: now,
    };
    tx.create_pair(&row)?;
    let entry = Entry::new("pair.proposed", "user", row.user_id.as_str());
    let entry = entry.reason(found.reasons.first().copied().unwrap_or("name"));
    tx.record(match other {
        Some(other) => entry.object("user", other),
        None => entry.object("connection", connection),
    });
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(rows: &[(&str, &str, &str)]) -> Vec<Shared> {
        let own = |r: &(&str, &str, &str)| (r.0.to_owned(), r.1.to_owned(), r.2.to_owned());
        rows.iter().map(own).collect()
    }

    #[test]
    fn who_shares_several_keys_is_one_pair_with_all_reasons() {
        let found = pairs(shared(&[
            ("e:1", "a", APP),
            ("e:1", "s", SOURCE),
            ("n:ann lee", "a", APP),
            ("n:ann lee", "s", SOURCE),
            ("n:ann lee", "t", SOURCE),
        ]));
        let words = |found: &Found| found.reasons.iter().copied().collect::<Vec<_>>();
        assert_eq!(found.len(), 2);
        assert_eq!(
            (found[0].source.as_str(), words(&found[0])),
            ("s", vec!["employee-number", "name"])
        );
        assert_eq!(
            (found[1].source.as_str(), words(&found[1])),
            ("t", vec!["name"])
        );
    }

    #[test]
    fn what_too_many_share_proposes_nobody() {
        let mut rows = vec![("n:a b".to_owned(), "a".to_owned(), APP.to_owned())];
        for n in 0..=ALIKE {
            rows.push(("n:a b".to_owned(), format!("s{n}"), SOURCE.to_owned()));
        }
        assert!(pairs(rows.clone()).is_empty());
        rows.pop();
        assert_eq!(pairs(rows).len(), ALIKE);
    }
}
