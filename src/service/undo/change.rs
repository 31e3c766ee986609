//! What a run changed about a person: stored by the operation that changed it, in the same transaction. The journal has
//! the values too, but not the link, and not since when access was what it was (docs/decisions/0015).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::scim::schema::{Registry, ResourceKind};
use crate::scim::units::{Units, flatten};
use crate::service::error::{Result, corrupt};
use crate::service::push_guard::{SESSION, session_of};
use crate::service::users::model::{Claim, Model};
use crate::storage::claims::ClaimState;
use crate::storage::links::LinkRow;
use crate::storage::undo::{ChangeRow, Happened, OPEN, UNDONE};
use crate::storage::{Scope, Tx};

const KIND: ResourceKind = ResourceKind::User;

/// A value, or none: JSON's null is a value.
pub(super) type Side = Vec<Value>;
/// By path: before and after.
pub(super) type Sides = BTreeMap<String, (Side, Side)>;

/// How a person stood, apart from her document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stood {
    pub(super) access: String,
    pub(super) reason: String,
    pub(super) params: Option<String>,
    pub(super) since: i64,
    pub(super) has_access: bool,
    pub(super) removed_at: Option<i64>,
    pub(super) merged_into: Option<String>,
    /// State, first and last day, as readers see them.
    pub(super) employment: [Option<String>; 3],
}

impl Stood {
    pub(super) fn of(model: &Model) -> Self {
        let row = &model.row;
        Self {
            access: row.access.clone(),
            reason: row.access_reason.clone(),
            params: row.access_params.clone(),
            since: row.access_since,
            has_access: row.has_access,
            removed_at: row.removed_at,
            merged_into: row.merged_into.clone(),
            employment: [&row.employment_state, &row.start_date, &row.end_date].map(Clone::clone),
        }
    }

    /// Access is the same, and for the same reason since the same moment.
    pub(super) fn has_access_of(&self, other: &Self) -> bool {
        (&self.access, &self.reason, &self.params, self.since)
            == (&other.access, &other.reason, &other.params, other.since)
    }
}

/// A claim, before and after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Claimed {
    /// State; `None`: there was no claim.
    pub(super) before: Option<String>,
    /// When it had ended.
    pub(super) ended_at: Option<i64>,
    pub(super) after: String,
    /// What takes part in precedence; of use where the claim was live before and after.
    pub(super) units: Sides,
    /// What a claim that had ended had said: externalId, what it asserted, held, and had undone, as stored.
    pub(super) said: [Option<String>; 4],
}

/// A link, before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::service) struct Linked {
    pub(in crate::service) before: Option<LinkRow>,
    pub(in crate::service) after: Option<LinkRow>,
    /// Hash of what the record said; empty where there was none.
    pub(in crate::service) content: String,
    /// Digest of the record with all that decides what is made of it; empty where there was none.
    #[serde(default)]
    pub(in crate::service) said: String,
}

/// What a run changed about a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Change {
    /// The journal's last entry before it.
    pub(super) sequence: i64,
    /// The person's version after it.
    pub(super) version: i64,
    /// `None`: nobody was there.
    pub(super) before: Option<Stood>,
    pub(super) after: Stood,
    /// The document in force.
    pub(super) units: Sides,
    /// By connection.
    pub(super) claims: BTreeMap<String, Claimed>,
    /// By source id.
    pub(super) links: BTreeMap<String, Linked>,
}

/// What of a claim takes part in precedence.
pub(super) fn taking(registry: &Registry, model: &Model, claim: &Claim) -> Units {
    let mut units = match &claim.asserted {
        Some(asserted) => asserted.clone(),
        None => flatten(registry, KIND, &model.doc),
    };
    for unit in &claim.held {
        units.remove(unit);
    }
    for (unit, value) in &claim.undone {
        if let Some(value) = value {
            units.insert(unit.clone(), value.clone());
        }
    }
    units
}

fn sides(before: &Units, after: &Units) -> Sides {
    let side = |value: Option<&Value>| value.cloned().into_iter().collect::<Side>();
    let paths = before.keys().chain(after.keys());
    let differing = paths.filter(|path| before.get(*path) != after.get(*path));
    differing
        .map(|path| {
            let both = (side(before.get(path)), side(after.get(path)));
            (path.to_string(), both)
        })
        .collect()
}

fn said(claim: &Claim) -> [Option<String>; 4] {
    let row = &claim.row;
    [&row.external_id, &row.asserted, &row.held, &row.undone].map(Clone::clone)
}

fn claims(registry: &Registry, before: &Model, model: &Model) -> BTreeMap<String, Claimed> {
    let mut claims = BTreeMap::new();
    for claim in &model.claims {
        let connection = &claim.row.connection_id;
        let was = before
            .position(connection)
            .map(|place| &before.claims[place]);
        let is_over = |claim: &Claim| claim.is(ClaimState::Ended);
        // A claim that has ended takes no part; what a run ends and begins anew is compared across both.
        let part = |model: &Model, claim: &Claim| match is_over(claim) {
            true => Units::new(),
            false => taking(registry, model, claim),
        };
        let units = sides(
            &was.map_or_else(Units::new, |was| part(before, was)),
            &part(model, claim),
        );
        let claimed = Claimed {
            before: was.map(|was| was.row.state.clone()),
            ended_at: was.and_then(|was| was.row.ended_at),
            after: claim.row.state.clone(),
            units,
            said: was
                .filter(|was| is_over(was))
                .map_or_else(Default::default, said),
        };
        if claimed.before.as_ref() != Some(&claimed.after) || !claimed.units.is_empty() {
            claims.insert(connection.clone(), claimed);
        }
    }
    claims
}

impl Change {
    fn of(
        registry: &Registry,
        sequence: i64,
        before: Option<&Model>,
        model: &Model,
        links: BTreeMap<String, Linked>,
    ) -> Self {
        let doc = |model: &Model| flatten(registry, KIND, &model.doc);
        Self {
            sequence,
            version: model.row.version,
            before: before.map(Stood::of),
            after: Stood::of(model),
            units: before.map_or_else(Sides::new, |b| sides(&doc(b), &doc(model))),
            claims: before.map_or_else(BTreeMap::new, |b| claims(registry, b, model)),
            links,
        }
    }

    /// This change and a later one of the same run as one.
    fn then(mut self, later: Self) -> Self {
        if let Some(stood) = later.before.as_ref()
            && !stood.has_access_of(&self.after)
        {
            // Somebody else moved her access in between: what he decided is what an undo goes back to.
            self.before = Some(match &self.before {
                None => stood.clone(),
                Some(was) => Stood {
                    removed_at: was.removed_at,
                    merged_into: was.merged_into.clone(),
                    employment: was.employment.clone(),
                    ..stood.clone()
                },
            });
        }
        self.version = later.version;
        self.after = later.after;
        for (source_id, link) in later.links {
            match self.links.get_mut(&source_id) {
                Some(mine) => {
                    (mine.after, mine.content, mine.said) = (link.after, link.content, link.said);
                }
                None => drop(self.links.insert(source_id, link)),
            }
        }
        if self.before.is_none() {
            return self;
        }
        join(&mut self.units, later.units);
        for (connection, claim) in later.claims {
            match self.claims.get_mut(&connection) {
                Some(mine) => {
                    mine.after = claim.after;
                    join(&mut mine.units, claim.units);
                }
                None => drop(self.claims.insert(connection, claim)),
            }
        }
        self
    }

    pub(super) fn read(row: &ChangeRow) -> Result<Self> {
        serde_json::from_str(&row.change).map_err(|e| {
            let id = format!("{}/{}", row.run_id, row.subject);
            corrupt("run_changes", &id, e)
        })
    }
}

fn join(mine: &mut Sides, later: Sides) {
    for (path, (before, after)) in later {
        mine.entry(path).or_insert_with(|| (before, Side::new())).1 = after;
    }
    mine.retain(|_, (before, after)| before != after);
}

/// What an operation of a run touched: the person as she was, and the links.
pub(in crate::service) struct Touched<'a> {
    pub(in crate::service) before: Option<&'a Model>,
    pub(in crate::service) model: &'a Model,
    pub(in crate::service) links: BTreeMap<String, Linked>,
}

/// Notes what the run, or the session, in whose name the operation works changed about a person.
pub(in crate::service) fn remember(
    tx: &mut Tx<'_>,
    registry: &Registry,
    touched: Touched<'_>,
) -> Result<()> {
    let run_id = match tx.cause().kind.as_str() {
        "run" => tx.cause().id.clone(),
        SESSION => session_of(&tx.cause().id).to_owned(),
        _ => return Ok(()),
    };
    let Touched {
        before,
        model,
        links,
    } = touched;
    let sequence = tx.totals().sequence;
    let mut change = Change::of(registry, sequence, before, model, links);
    let subject = &model.row.id;
    let earlier = match before {
        None => None,
        Some(_) => tx.find_change(&run_id, subject)?,
    };
    if let Some(row) = earlier.as_ref().filter(|row| row.state == OPEN) {
        change = Change::read(row)?.then(change);
    }
    let text = serde_json::to_string(&change).map_err(|e| corrupt("run_changes", subject, e))?;
    let row = ChangeRow {
        tenant: tx.tenant().as_str().to_owned(),
        run_id,
        subject: subject.clone(),
        state: OPEN.to_owned(),
        change: text,
        outcome: None,
        returned: false,
    };
    match earlier {
        None => tx.create_change(&row)?,
        Some(_) => tx.update_change(&row)?,
    }
    Ok(())
}

/// Who changed somebody after a run did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Since {
    /// `token`, `admin`, `connection`, `operator`, `system`.
    pub actor_kind: String,
    /// Her, or its, id.
    pub actor_id: String,
    /// `request`, `run`, `session`, `undo`, `command`.
    pub cause_kind: String,
    /// Its id.
    pub cause_id: String,
    /// When, in milliseconds.
    pub at: i64,
}

/// Everybody who changed the person after the run did, the first first. What later runs changed and is undone counts as
/// not done, and is returned beside them.
pub(super) fn since(
    scope: &mut Scope<'_>,
    run: &str,
    subject: &str,
    change: &Change,
) -> Result<(Vec<Since>, Vec<Change>)> {
    let entries = scope.list_entries_about(subject, change.sequence)?;
    let is_own = |e: &Happened| match e.cause_kind.as_str() {
        "run" => e.cause_id == run,
        SESSION => session_of(&e.cause_id) == run,
        _ => false,
    };
    let own = entries.iter().rposition(is_own);
    let (mut since, mut undone): (Vec<Since>, Vec<Change>) = (Vec::new(), Vec::new());
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for entry in entries.into_iter().skip(own.map_or(0, |own| own + 1)) {
        let by = Since {
            actor_kind: entry.actor_kind,
            actor_id: entry.actor_id,
            cause_id: match entry.cause_kind.as_str() {
                SESSION => session_of(&entry.cause_id).to_owned(),
                _ => entry.cause_id,
            },
            cause_kind: entry.cause_kind,
            at: entry.at,
        };
        if !seen.insert(by.cause_id.clone()) {
            continue;
        }
        if ["run", "undo", SESSION].contains(&by.cause_kind.as_str()) {
            let row = scope.find_change(&by.cause_id, subject)?;
            if let Some(row) = row.filter(|row| row.state == UNDONE) {
                undone.push(Change::read(&row)?);
                continue;
            }
        }
        since.push(by);
    }
    Ok((since, undone))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn stood(access: &str) -> Stood {
        Stood {
            access: access.to_owned(),
            reason: "x".to_owned(),
            params: None,
            since: 1,
            has_access: access == "granted",
            removed_at: None,
            merged_into: None,
            employment: [None, None, None],
        }
    }

    fn change(before: Option<&str>, after: &str, title: (&str, &str)) -> Change {
        let side = |text: &str| match text {
            "" => Side::new(),
            text => vec![json!(text)],
        };
        Change {
            sequence: 4,
            version: 2,
            before: before.map(stood),
            after: stood(after),
            units: Sides::from([("title".to_owned(), (side(title.0), side(title.1)))]),
            claims: BTreeMap::new(),
            links: BTreeMap::new(),
        }
    }

    #[test]
    fn two_changes_of_a_run_are_one_from_the_first_before_to_the_last_after() {
        let first = change(Some("granted"), "granted", ("Boss", "Clerk"));
        let second = Change {
            sequence: 9,
            version: 3,
            ..change(Some("granted"), "revoked", ("Clerk", ""))
        };
        let both = first.clone().then(second);
        assert_eq!((both.sequence, both.version), (4, 3));
        assert_eq!(both.after.access, "revoked");
        assert_eq!(both.units["title"], (vec![json!("Boss")], Side::new()));
        let back = change(Some("granted"), "granted", ("Clerk", "Boss"));
        assert!(first.then(back).units.is_empty(), "there and back again");
    }

    #[test]
    fn a_null_that_was_asserted_is_not_nothing() {
        let mut change = change(None, "listed", ("", ""));
        let both = (vec![Value::Null], Side::new());
        change.units.insert("nickName".to_owned(), both);
        let text = serde_json::to_string(&change).unwrap_or_default();
        assert_eq!(serde_json::from_str::<Change>(&text).ok(), Some(change));
    }
}
