//! The order of a tenant's sources, attribute by attribute, as a setting (SEMANTICS §1): its rules are checked here, and
//! when they change everybody about whom several sources speak is recomputed, in a job of one small operation a person.
//! Who would change can be seen before.

use std::collections::BTreeMap;

use futures_util::{StreamExt, TryStreamExt};
use serde_json::Value;

use super::users::in_force::in_force;
use super::users::model::Model;
use super::users::ranking::Ranking;
use super::users::settle::{Act, settle};
use super::{Caller, Service, Source};
use crate::domain::access::JoinerPolicy;
use crate::domain::audit::{Actor, Cause, Entry};
use crate::domain::clock::Millis;
use crate::domain::ids::TenantId;
use crate::domain::precedence::{EVERYTHING, KINDS, Rules, own};
use crate::scim::Error as ScimError;
use crate::scim::error::quote;
use crate::scim::schema::{AttrPath, Registry, ResourceKind};
use crate::scim::units::{Units, flatten};
use crate::service::connections::ConnectionRow;
use crate::service::error::{Error, Result};
use crate::service::pull::DISCONNECTED;
use crate::storage::recomputes::{DONE, RUNNING, list_idle};
use crate::storage::{Lane, Outcome, Tx};

pub use crate::storage::recomputes::RecomputeRow;

const KIND: ResourceKind = ResourceKind::User;
/// Most rules.
const RULES: usize = 200;
/// Most sources that a rule names.
const NAMED: usize = 20;
/// People who are read together.
const PAGE: i64 = 250;
/// People who are on their way at once.
const AT_ONCE: usize = 64;
/// A job that nobody touched for so long is gone on with.
const IDLE_MS: i64 = 30_000;

/// A value that would change.
#[derive(Debug, Clone, PartialEq)]
pub struct Differing {
    /// Path of the unit.
    pub path: String,
    /// In force now.
    pub before: Option<Value>,
    /// In force then.
    pub after: Option<Value>,
}

/// Somebody of whom something would change.
#[derive(Debug, Clone, PartialEq)]
pub struct Affected {
    /// Id.
    pub id: String,
    /// Display name, else userName.
    pub name: String,
    /// What would change.
    pub values: Vec<Differing>,
}

/// What another order of sources would change.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reordering {
    /// People about whom several sources speak.
    pub examined: u64,
    /// Of whom something would change.
    pub changed: u64,
    /// How many of them by path.
    pub by_path: BTreeMap<String, u64>,
    /// The first of them.
    pub first: Vec<Affected>,
}

/// What differs between two documents.
pub(in crate::service) fn differing(
    registry: &Registry,
    before: &Model,
    after: &Model,
) -> Vec<Differing> {
    let units = |model: &Model| -> Units { flatten(registry, KIND, &model.doc) };
    let (old, new) = (units(before), units(after));
    let paths = old
        .keys()
        .chain(new.keys().filter(|p| !old.contains_key(*p)));
    paths
        .filter(|path| old.get(*path) != new.get(*path))
        .map(|path| Differing {
            path: path.to_string(),
            before: old.get(path).cloned(),
            after: new.get(path).cloned(),
        })
        .collect()
}

/// How somebody is shown.
pub(in crate::service) fn name_of(model: &Model) -> String {
    let row = &model.row;
    row.display_name
        .clone()
        .unwrap_or_else(|| row.user_name.clone())
}

impl Service {
    /// Rules as they are stored: paths in the spelling of their schema.
    ///
    /// # Errors
    /// `Invalid` for a path that names no unit of a person, or a source that there is not.
    pub(in crate::service) async fn checked_rules(
        &self,
        tenant: &TenantId,
        rules: Rules,
    ) -> Result<Rules> {
        let registry = self.registry(tenant).await?;
        let connections = self
            .store
            .point(tenant, |scope| Ok::<_, Error>(scope.list_connections()?))
            .await?;
        if rules.len() > RULES {
            let detail = format!("`precedence` takes at most {RULES} rules");
            return Err(ScimError::invalid_value(detail).into());
        }
        let mut checked = Rules::new();
        for (path, order) in rules {
            let path = unit(&registry, &path)?;
            check_order(&path, &order, &connections)?;
            checked.insert(path, order);
        }
        Ok(checked)
    }

    /// What these rules would change, and for whom; at most `limit` people are named. Nothing is written.
    ///
    /// # Errors
    /// As [`Self::checked_rules`].
    pub async fn preview_precedence(
        &self,
        tenant: &TenantId,
        rules: Rules,
        limit: usize,
    ) -> Result<Reordering> {
        let registry = self.registry(tenant).await?;
        let rules = own(self.checked_rules(tenant, rules).await?);
        let mut found = Reordering::default();
        let mut after = String::new();
        loop {
            let (registry, rules, from) = (registry.clone(), rules.clone(), after.clone());
            let page = self
                .store
                .read(tenant, move |scope| {
                    let ranking = Ranking::with(scope, &rules)?;
                    let ids = scope.list_shared_users(&from, PAGE)?;
                    let last = ids.last().cloned();
                    let mut people = Vec::new();
                    for id in ids {
                        let Some(before) = Model::load(scope, &registry, &id)? else {
                            continue;
                        };
                        let mut model = before.clone();
                        in_force(&registry, Some(&ranking), &mut model);
                        people.push(Affected {
                            values: differing(&registry, &before, &model),
                            name: name_of(&before),
                            id,
                        });
                    }
                    Ok::<_, Error>((last, people))
                })
                .await?;
            let (Some(last), people) = page else {
                return Ok(found);
            };
            after = last;
            for person in people {
                found.count(person, limit);
            }
        }
    }

    /// The tenant's last recomputation; `None`: there was none.
    ///
    /// # Errors
    /// Storage.
    pub async fn find_recompute(&self, tenant: &TenantId) -> Result<Option<RecomputeRow>> {
        self.store
            .point(tenant, |scope| Ok(scope.find_recompute()?))
            .await
    }

    /// Recomputes whoever is left to do, in this process or, if it dies, in another.
    pub(in crate::service) fn start_recompute(&self, tenant: &TenantId) {
        let (service, tenant) = (self.clone(), tenant.clone());
        tokio::spawn(async move {
            if let Err(error) = service.finish_recompute(&tenant).await {
                tracing::warn!(tenant.id = tenant.as_str(), error = %error, "a recomputation was cut off and is gone on with");
            }
        });
    }

    /// Recomputes whoever is left to do, and waits for it. Returns how it ended; `None`: there is nothing to do.
    ///
    /// # Errors
    /// Storage.
    pub async fn finish_recompute(&self, tenant: &TenantId) -> Result<Option<RecomputeRow>> {
        loop {
            let Some(row) = self.find_recompute(tenant).await? else {
                return Ok(None);
            };
            if row.state != RUNNING {
                return Ok(Some(row));
            }
            let caller = caller(&row);
            let from = row.after.clone();
            let ids = self
                .store
                .read(tenant, move |scope| {
                    Ok::<_, Error>(scope.list_shared_users(&from, PAGE)?)
                })
                .await?;
            let last = ids.last().cloned();
            let examined = i64::try_from(ids.len()).unwrap_or(i64::MAX);
            let each = ids.into_iter().map(|id| self.recompute_one(&caller, id));
            let _: Vec<()> = futures_util::stream::iter(each)
                .buffered(AT_ONCE)
                .try_collect()
                .await?;
            self.store
                .write(caller.meta(), move |tx| {
                    move_on(tx, &row, last.as_deref(), examined).map(Outcome::Done)
                })
                .await?;
        }
    }

    /// Goes on with recomputations that a killed process left half done. Returns how many.
    ///
    /// # Errors
    /// Storage.
    pub async fn resume_recomputes(&self) -> Result<usize> {
        let before = Millis(self.store.clock().now().0 - IDLE_MS);
        let tenants = self
            .store
            .read_global(move |conn| Ok::<_, Error>(list_idle(conn, before)?))
            .await?;
        for tenant in &tenants {
            self.finish_recompute(&TenantId::new(tenant.as_str()))
                .await?;
        }
        Ok(tenants.len())
    }

    /// Recomputes one person. Whom it changed is counted with her: several may be at it at once, and each changes somebody
    /// else.
    async fn recompute_one(&self, caller: &Caller, id: String) -> Result<()> {
        let registry = self.registry(&caller.tenant).await?;
        self.store
            .write(caller.meta(), move |tx| {
                if recompute_person(tx, &registry, &id)?
                    && let Some(mut row) = tx.find_recompute()?
                {
                    row.changed += 1;
                    tx.put_recompute(&row)?;
                }
                Ok::<_, Error>(Outcome::Done(()))
            })
            .await
    }
}

impl Reordering {
    fn count(&mut self, person: Affected, limit: usize) {
        self.examined += 1;
        if person.values.is_empty() {
            return;
        }
        self.changed += 1;
        for value in &person.values {
            *self.by_path.entry(value.path.clone()).or_default() += 1;
        }
        if self.first.len() < limit {
            self.first.push(person);
        }
    }
}

/// Whoever changed the setting also recomputes.
fn caller(row: &RecomputeRow) -> Caller {
    Caller {
        tenant: TenantId::new(row.tenant.as_str()),
        actor: Actor {
            kind: row.actor_kind.clone(),
            id: row.actor_id.clone(),
        },
        cause: Cause {
            kind: "setting".to_owned(),
            id: "precedence".to_owned(),
        },
        lane: Lane::Run,
    }
}

/// A path in the spelling of its schema, if it is one that sources assert by itself.
fn unit(registry: &Registry, path: &str) -> Result<String> {
    if path == EVERYTHING {
        return Ok(path.to_owned());
    }
    let refused = |why: &str| {
        ScimError::invalid_value(format!(
            "`precedence` takes attributes of a User, such as title or name.givenName, the URN of an extension, or *; \
             `{}` {why}",
            quote(path)
        ))
    };
    let sources = registry.of_sources();
    let found = sources
        .resolve(KIND, path)
        .or_else(|| sources.resolve_unprefixed(KIND, path));
    let found: AttrPath = found.ok_or_else(|| refused("is none"))?;
    let plain = found.attr.as_deref().filter(|_| found.urn.is_none());
    if plain
        .is_some_and(|a| ["id", "meta", "schemas", "active", "externalId", "groups"].contains(&a))
    {
        return Err(refused("is each source's own").into());
    }
    let in_many = sources
        .definition(KIND, &found)
        .is_some_and(|(attribute, sub)| attribute.multi_valued && sub.is_some());
    match in_many {
        true => Err(refused(
            "is part of a list, which counts as a whole: leave out what follows the dot",
        )
        .into()),
        false => Ok(found.to_string()),
    }
}

fn check_order(path: &str, order: &[String], connections: &[ConnectionRow]) -> Result<()> {
    let refused =
        |why: String| ScimError::invalid_value(format!("`precedence` of {}: {why}", quote(path)));
    if order.len() > NAMED {
        return Err(refused(format!("at most {NAMED} sources are named")).into());
    }
    for (n, name) in order.iter().enumerate() {
        if order[..n].contains(name) {
            return Err(refused(format!("`{}` is named twice", quote(name))).into());
        }
        let mut works = connections.iter().filter(|c| c.state != DISCONNECTED);
        if !KINDS.contains(&name.as_str()) && !works.any(|c| c.id == *name) {
            let why = format!(
                "a source is hris, scim, app or the id of a connection; got `{}`",
                quote(name)
            );
            return Err(refused(why).into());
        }
    }
    Ok(())
}

/// Begins from the first person on; one that is under way begins again.
pub(in crate::service) fn begin_recompute(tx: &mut Tx<'_>) -> Result<()> {
    let (now, actor) = (tx.now().0, tx.actor().clone());
    let row = RecomputeRow {
        tenant: tx.tenant().as_str().to_owned(),
        state: RUNNING.to_owned(),
        after: String::new(),
        examined: 0,
        changed: 0,
        actor_kind: actor.kind,
        actor_id: actor.id,
        started_at: now,
        touched_at: now,
        finished_at: None,
    };
    Ok(tx.put_recompute(&row)?)
}

/// Notes how far it came, unless the setting has changed meanwhile.
fn move_on(tx: &mut Tx<'_>, row: &RecomputeRow, last: Option<&str>, examined: i64) -> Result<()> {
    let now = tx.now().0;
    let Some(present) = tx.find_recompute()? else {
        return Ok(());
    };
    let is_same = (present.started_at, &present.after) == (row.started_at, &row.after);
    if !is_same || present.state != RUNNING {
        return Ok(());
    }
    let mut next = RecomputeRow {
        examined: present.examined + examined,
        touched_at: now,
        ..present
    };
    match last {
        Some(last) => last.clone_into(&mut next.after),
        None => {
            DONE.clone_into(&mut next.state);
            next.finished_at = Some(now);
            if next.changed > 0 {
                let tenant = next.tenant.clone();
                let entry = Entry::new("tenant.recomputed", "tenant", tenant);
                tx.record(entry.change("changed", None, Some(Value::from(next.changed))));
            }
        }
    }
    Ok(tx.put_recompute(&next)?)
}

/// Puts in force what the sources say by the present order; false when that is so already.
pub(in crate::service) fn recompute_person(
    tx: &mut Tx<'_>,
    registry: &Registry,
    id: &str,
) -> Result<bool> {
    let Some(before) = Model::load(tx, registry, id)?.filter(|m| m.row.removed_at.is_none()) else {
        return Ok(false);
    };
    let mut model = before.clone();
    let act = Act {
        source: &nobody(),
        settings: &tx.tenant_settings()?,
        says: None,
        has_no_namesake: false,
    };
    settle(tx, registry, Some(&before), &mut model, &act)
}

/// No source writes: what they said before counts anew.
pub(in crate::service) fn nobody() -> Source {
    Source {
        id: String::new(),
        policy: JoinerPolicy::List,
    }
}
