//! What a pull proves: weighed against its own records and the last good one, and then who is absent and whose day has come.

use super::coverage;
use super::gather::Gather;
use super::guard::Why;
use super::report::{Counts, read_evidence};
use super::run::{Bridge, DUE, Kind, Order};
use crate::domain::clock::Millis;
use crate::hris::Evidence;
use crate::service::files::FileRead;
use crate::service::runs::RunRow;
use crate::service::{Caller, Result};

impl Bridge {
    /// Adds what the records and the last good pull say against this one.
    pub(super) async fn weigh(
        &self,
        order: &Order,
        gather: &mut Gather,
        evidence: &mut Evidence,
    ) -> Result<()> {
        evidence.gaps.extend(gather.gaps());
        let last = self.last_good(order).await?;
        if !evidence.changes_only {
            let gaps = coverage::gaps(evidence, last.as_ref(), !gather.is_first());
            gather.tally.changes.coverage = !gaps.is_empty();
            evidence.gaps.extend(gaps);
        }
        Ok(())
    }

    /// What the last good pull proved, however many went wrong since.
    async fn last_good(&self, order: &Order) -> Result<Option<Evidence>> {
        let connection = Some(order.setup.source.source.id.as_str());
        let mut before: Option<String> = None;
        loop {
            let runs = self
                .service
                .list_runs(&order.setup.tenant, connection, before.as_deref(), 50)
                .await?;
            let Some(last) = runs.last() else {
                return Ok(None);
            };
            if let Some(good) = runs.iter().find(|r| is_good(r)) {
                return Ok(good.evidence.as_deref().and_then(read_evidence));
            }
            before = Some(last.id.clone());
        }
    }

    /// Who is absent, and whose day has come. A look marks nobody as missed; it shows them all as gone.
    pub(super) async fn complete(
        &self,
        order: &Order,
        caller: &Caller,
        gather: &mut Gather,
        evidence: &Evidence,
    ) -> Result<u64> {
        let now = self.now();
        let missed = match (evidence.is_complete(), order.kind) {
            (false, _) => 0,
            (true, Kind::Dry) if evidence.changes_only => 0,
            (true, Kind::Dry) => gather.show_absences().await?,
            (true, _) => {
                let before = self.confirmed_before(order, caller, evidence, now).await?;
                match evidence.changes_only {
                    true => 0,
                    false => gather.absences(now, before).await?,
                }
            }
        };
        let connection = order.setup.source.source.id.as_str();
        let mut due = self
            .service
            .list_due(&order.setup.tenant, connection, now, DUE)
            .await?;
        due.retain(|source_id| !gather.is_planned(source_id));
        gather.due(due).await?;
        Ok(missed)
    }

    /// Who was missed before this moment, and now, is gone: some minutes ago by an API; by another file than this one, which
    /// is noted before anybody is marked as missed by it.
    async fn confirmed_before(
        &self,
        order: &Order,
        caller: &Caller,
        evidence: &Evidence,
        now: Millis,
    ) -> Result<Millis> {
        let Some(file) = &evidence.snapshot else {
            return Ok(Millis(now.0 - order.setup.confirm_ms + 1));
        };
        let shortest = file
            .id_length
            .and_then(|(least, _)| i64::try_from(least).ok());
        let read = FileRead {
            sha256: file.sha256.clone(),
            as_of: file.as_of,
            fields: file.fields.clone(),
            id_shortest: shortest,
            now,
        };
        let connection = order.setup.source.source.id.as_str();
        self.service.note_file(caller, connection, read).await
    }
}

/// A later pull is compared with it: it was complete, or an admin took it as it was.
fn is_good(run: &RunRow) -> bool {
    let is_applied = run.state == "done" && run.kind != Kind::Dry.as_str();
    // Of a column that was not believed the numbers are none to go by, unless an admin took them for true; of a list in
    // which many were missed neither, until a second one has confirmed it.
    match run.why_held.as_deref().and_then(Why::parse) {
        Some(Why::Coverage) => is_applied,
        Some(Why::StatusColumn) => false,
        _ => is_applied && run.is_complete && !has_missed_many(run),
    }
}

fn has_missed_many(run: &RunRow) -> bool {
    let counts = run.counts.as_deref();
    let counts = counts.and_then(|text| serde_json::from_str::<Counts>(text).ok());
    let missed = counts.map_or(0, |counts| counts.missed);
    let people = run.evidence.as_deref().and_then(read_evidence);
    coverage::is_many(missed, people.map_or(0, |e| e.people) + missed)
}
