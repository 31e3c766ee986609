//! A person's records when she is put back: links as they were before the run, and what is held of what the source says.

use std::collections::BTreeSet;

use serde_json::Value;

use super::change::{Change, Linked, Stood};
use super::holds::{Kind, employment_digest};
use super::revert::Revert;
use crate::domain::employment::EmploymentState;
use crate::service::error::Result;
use crate::storage::Scope;
use crate::storage::claims::ClaimState;
use crate::storage::links::LinkRow;
use crate::storage::runs::ItemRow;
use crate::storage::undo::HoldRow;

impl Revert<'_> {
    /// Links as they were. False: what they say of her employment changed since, and stays.
    pub(super) fn link(&mut self, scope: &mut Scope<'_>, before: &Stood) -> Result<bool> {
        let (mut is_as_after, after) = (true, self.change.after.clone());
        for (source_id, link) in self.change.links.clone() {
            let now = scope.find_link(self.connection(), &source_id)?;
            let me = self.model.row.id.as_str();
            let other = now.as_ref().map(|row| row.user_id.clone());
            if let Some(other) = other.filter(|other| other != me)
                && scope.find_change(&self.run.id, &other)?.is_some()
            {
                // The run itself gave the record to somebody else in between: what was hers is hers again.
                if link.after.is_none() && link.before.is_some() {
                    self.links.push((source_id, link.before));
                }
                continue;
            }
            if !is_same(now.as_ref(), link.after.as_ref()) {
                is_as_after = false;
                self.keep("employment");
                continue;
            }
            let origin = self.origin(scope, &source_id, &link)?;
            let back = origin.map(|row| LinkRow {
                // What is held is not due.
                due_at: row.due_at.filter(|at| *at > self.now.0),
                updated_at: self.now.0,
                ..row
            });
            let is_said = !is_same(link.before.as_ref(), link.after.as_ref())
                || !before.has_access_of(&after)
                || before.employment != after.employment;
            if !is_said && self.later_run.is_some() {
                continue;
            }
            if !is_held_loss(before, &after, &link) {
                let kind = self.held_as(&source_id, &link, is_said);
                self.hold(scope, kind, &source_id, &link)?;
            }
            self.links.push((source_id, back));
        }
        Ok(is_as_after)
    }

    /// The link as it was before the run, which may have written it for one person and then for another.
    fn origin(
        &self,
        scope: &mut Scope<'_>,
        source_id: &str,
        link: &Linked,
    ) -> Result<Option<LinkRow>> {
        let mut before = link.before.clone();
        let mut seen = BTreeSet::from([self.model.row.id.clone()]);
        while let Some(row) = &before {
            if !seen.insert(row.user_id.clone()) {
                break;
            }
            let change = scope.find_change(&self.run.id, &row.user_id)?;
            let change = change.map(|row| Change::read(&row)).transpose()?;
            match change.and_then(|mut change| change.links.remove(source_id)) {
                Some(linked) => before = linked.before,
                None => break,
            }
        }
        Ok(before)
    }

    /// What of a record is held.
    fn held_as(&self, source_id: &str, link: &Linked, is_said: bool) -> Kind {
        let whose = |row: &Option<LinkRow>| row.as_ref().map(|row| row.user_id.clone());
        let was_given = link.after.is_some() && whose(&link.before) != whose(&link.after);
        let live = Some(ClaimState::Live.as_str());
        match self.own().map(|c| (c.before.as_deref(), c.after.as_str())) {
            // She was there again in a later run, which is undone too.
            Some((before, "ended")) if before == live => {
                match self.newest.contains_key(source_id) {
                    true => Kind::Record,
                    false => Kind::Gone,
                }
            }
            Some((before, "live")) if before != live => Kind::Record,
            _ if was_given => Kind::Record,
            _ if is_said => Kind::Employment,
            _ => Kind::Values,
        }
    }

    /// Holds a record, beside what an earlier undo holds of it.
    pub(super) fn hold(
        &mut self,
        scope: &mut Scope<'_>,
        kind: Kind,
        source_id: &str,
        link: &Linked,
    ) -> Result<()> {
        // What the source says by now is what is held.
        let link = self.newest.get(source_id).unwrap_or(link);
        let (mut kind, mut said) = (kind, link.said.clone());
        let mut employment = link.after.as_ref().map_or_else(String::new, |after| {
            let (start, end) = (after.start_date.as_deref(), after.end_date.as_deref());
            employment_digest(&after.state, start, end)
        });
        if link.after.is_none() && kind != Kind::Gone {
            // A newer record of hers took its place; the run read it all the same, if it had changed.
            let item = scope.find_item(&self.run.id, source_id)?;
            let read = item.and_then(|item| read_by(&item));
            // Without an item it had not changed, or was missing.
            kind = read.as_ref().map_or(Kind::Gone, |_| Kind::Employment);
            (said, employment) = read.unwrap_or_default();
        }
        let digest = match kind {
            Kind::Record => link.content.clone(),
            Kind::Employment => employment,
            Kind::Gone | Kind::Values => String::new(),
        };
        let is_in_parts = matches!(kind, Kind::Employment | Kind::Values);
        let hold = HoldRow {
            tenant: self.run.tenant.clone(),
            connection_id: self.connection().to_owned(),
            source_id: source_id.to_owned(),
            subject: self.model.row.id.clone(),
            kind: kind.as_str().to_owned(),
            digest,
            run_id: self.run.id.clone(),
            since: self.now.0,
            said: Some(said).filter(|said| is_in_parts && !said.is_empty()),
        };
        let earlier = scope.find_hold(self.connection(), source_id)?;
        self.holds.extend(beside(earlier, hold));
        Ok(())
    }
}

/// What is held of a record of which something is held already, by the undo of a later run or of an earlier one.
fn beside(earlier: Option<HoldRow>, mut hold: HoldRow) -> Option<HoldRow> {
    let kind = |row: &HoldRow| Kind::parse(&row.kind);
    let Some(earlier) = earlier else {
        return Some(hold).filter(|hold| kind(hold) != Some(Kind::Values) || hold.said.is_some());
    };
    // Ids of runs are in the order of time: a later run was the last that made anything of the record.
    if earlier.run_id > hold.run_id && earlier.said.is_some() {
        hold.said.clone_from(&earlier.said);
    }
    match (kind(&earlier), kind(&hold)) {
        (Some(Kind::Record), _) => None,
        (Some(Kind::Employment), Some(Kind::Values)) => Some(HoldRow {
            said: hold.said,
            ..earlier
        }),
        (_, Some(Kind::Values)) if hold.said.is_none() => None,
        _ => Some(hold),
    }
}

/// What an item of a run read: the record's digest, and the hash of what it said of her employment.
fn read_by(item: &ItemRow) -> Option<(String, String)> {
    let person: Value = serde_json::from_str(item.person.as_deref()?).ok()?;
    let text = |name: &str| person.get(name).and_then(Value::as_str);
    let employment =
        employment_digest(text("employmentState")?, text("startDate"), text("endDate"));
    Some((text("digest")?.to_owned(), employment))
}

/// Both say the same of the same person's employment.
fn is_same(now: Option<&LinkRow>, after: Option<&LinkRow>) -> bool {
    let said = |row: &LinkRow| {
        let days = (row.start_date.clone(), row.end_date.clone());
        (
            row.user_id.clone(),
            row.state.clone(),
            row.in_force.clone(),
            days,
        )
    };
    now.map(said) == after.map(said)
}

/// All that the run did about her employment is that the guard held her loss of access, now or on a last day that lies
/// ahead: that goes on waiting for an admin.
fn is_held_loss(before: &Stood, after: &Stood, link: &Linked) -> bool {
    let in_force = |row: &Option<LinkRow>| row.as_ref().map(|r| r.in_force.clone());
    let waits = link.after.as_ref().is_some_and(|row| {
        let has_left = after.employment[0].as_deref() == Some(EmploymentState::Left.as_str());
        let is_day_held = row.end_date.is_some() && row.last_day().is_none();
        (has_left && !row.has_ended()) || is_day_held
    });
    waits
        && after.has_access
        && before.has_access_of(after)
        && in_force(&link.before) == in_force(&link.after)
}
