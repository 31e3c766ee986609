//! Runs and plans as people read them.

use serde_json::{Value, json};

use crate::cli::output::shown;
use crate::cli::{Failure, Output};
use crate::domain::clock::Millis;
use crate::domain::ids::TenantId;
use crate::service::Service;
use crate::service::runs::{ItemRow, RunRow};
use crate::sync::{EffectView, Report, read_effect};

/// Most people of a plan shown after a run.
const FIRST: usize = 20;

fn parsed(text: Option<&str>) -> Value {
    text.and_then(|t| serde_json::from_str(t).ok())
        .unwrap_or(Value::Null)
}

fn run_value(run: &RunRow) -> Value {
    json!({
        "id": run.id,
        "connection": run.connection_id,
        "kind": run.kind,
        "state": run.state,
        "asOf": run.as_of,
        "startedAt": Millis(run.started_at).to_rfc3339(),
        "finishedAt": run.finished_at.map(|at| Millis(at).to_rfc3339()),
        "isComplete": run.is_complete,
        "planned": run.planned,
        "applied": run.applied,
        "lostAccess": run.lost,
        "whyHeld": run.why_held,
        "connectorVersion": run.connector_version,
        "versionBefore": run.version_before,
        "counts": parsed(run.counts.as_deref()),
        "evidence": parsed(run.evidence.as_deref()),
        "error": parsed(run.error.as_deref()),
    })
}

/// One run.
pub(super) fn run_row(output: Output, run: &RunRow) -> Result<(), Failure> {
    let value = run_value(run);
    let mut text = format!(
        "{}  {}  {}  {}  planned {}, applied {}, lost access {}",
        run.id,
        Millis(run.started_at).to_rfc3339(),
        run.kind,
        run.state,
        run.planned,
        run.applied,
        run.lost,
    );
    if let Some((now, before)) = run.connector_version.zip(run.version_before) {
        text.push_str(&format!(
            "  tries version {now} of the connector after {before}"
        ));
    }
    if let Some(why) = &run.why_held {
        text.push_str(&format!("  held: {why}"));
    }
    if !run.is_complete && run.error.is_none() && run.evidence.is_some() {
        text.push_str(&format!("  not complete: {}", value["evidence"]["gaps"]));
    }
    if let Some(error) = &run.error {
        text.push_str(&format!("  {error}"));
    }
    output.row(&value, &text)
}

/// One person of a plan.
pub(super) fn item_row(output: Output, item: &ItemRow) -> Result<(), Failure> {
    let effect = read_effect(item.effect.as_deref());
    let person = parsed(item.person.as_deref());
    let name = person["user"]["userName"].as_str().unwrap_or_default();
    let access = |stand: &Option<crate::sync::StandView>| {
        stand.as_ref().map_or("-".to_owned(), |s| s.access.clone())
    };
    let mut text = format!(
        "{:>6}  {:<8} {:<8} {:<14} {:<32} {} -> {}",
        item.ordinal,
        item.action,
        item.state,
        shown(&item.source_id),
        shown(name),
        access(&effect.before),
        access(&effect.after),
    );
    for remark in remarks(item, &effect) {
        text.push_str("  ");
        text.push_str(&remark);
    }
    let value = json!({
        "ordinal": item.ordinal, "sourceId": item.source_id, "user": item.subject, "action": item.action,
        "state": item.state, "losesAccess": item.loses, "effect": effect,
    });
    output.row(&value, &text)
}

/// What else there is to say of one person, in the order in which it matters.
fn remarks(item: &ItemRow, effect: &EffectView) -> Vec<String> {
    let lost = effect.after.as_ref().filter(|_| item.loses);
    let ahead = effect.last_day.as_ref().filter(|_| effect.is_ahead);
    let mut remarks: Vec<String> = lost
        .map(|s| match ahead {
            Some(day) => format!("(last day {})", shown(day)),
            None => format!("({})", s.reason),
        })
        .into_iter()
        .collect();
    let why = effect.error.as_ref().or(effect.held.as_ref());
    remarks.extend(why.map(|why| shown(why)));
    if effect.step == "adopt" {
        remarks.extend(effect.recognised.as_ref().map(|by| format!("by {by}")));
    }
    remarks.extend(
        effect
            .conflict
            .as_ref()
            .map(|c| format!("conflict: {}", shown(c["kind"].as_str().unwrap_or("?")))),
    );
    let codes = effect.findings.iter().filter_map(|f| f["code"].as_str());
    remarks.extend(codes.map(shown));
    if effect.step == "update" && !effect.units.is_empty() {
        let names: Vec<String> = effect.units.iter().map(|unit| shown(short(unit))).collect();
        remarks.push(names.join(", "));
    }
    remarks
}

/// An attribute without the URN of its schema: `…:User:manager.value` is `manager.value`.
fn short(unit: &str) -> &str {
    match unit.starts_with("urn:") {
        true => unit.rsplit(':').next().unwrap_or(unit),
        false => unit,
    }
}

/// What a run came to.
pub(super) async fn print_report(
    service: &Service,
    tenant: &TenantId,
    output: Output,
    report: &Report,
) -> Result<(), Failure> {
    run_row(output, &report.run)?;
    if let Some(error) = &report.error {
        return Err(error.to_string().into());
    }
    if output.json {
        return Ok(());
    }
    let items = super::plan(service, tenant, &report.run.id, false, FIRST).await?;
    items.iter().try_for_each(|item| item_row(output, item))?;
    let counts = &report.counts;
    let mut words: Vec<String> = counts
        .by_action
        .iter()
        .map(|(action, count)| format!("{action} {count}"))
        .collect();
    let findings = counts.findings.iter();
    words.extend(findings.map(|(code, count)| format!("{code} {count}")));
    words.push(format!("unchanged {}", counts.unchanged));
    words.push(format!("get access {}", counts.gives));
    words.push(format!("lose access {}", counts.losses));
    if counts.ahead > 0 {
        words.push(format!("of these on a day ahead {}", counts.ahead));
    }
    let run = &report.run.id;
    if counts.items() > items.len() as u64 {
        output.row(
            &Value::Null,
            &format!("… `rosterd runs show {run}` shows all of them"),
        )?;
    }
    output.row(&Value::Null, &words.join(", "))?;
    if counts.missed > 0 {
        let is_of_file = report
            .run
            .evidence
            .as_deref()
            .is_some_and(|e| e.contains("\"sha256\":\""));
        let by = match is_of_file {
            true => "the next, different file confirms it, or `rosterd sync --confirm-absent`",
            false => "another pull has to confirm it",
        };
        let text = format!("{} missed: {by}", counts.missed);
        output.row(&Value::Null, &text)?;
    }
    if counts.unproved > 0 {
        let text = format!(
            "{} keep access: the pull is not complete, and the next one decides",
            counts.unproved
        );
        output.row(&Value::Null, &text)?;
    }
    if report.waits() {
        let text = format!(
            "{} wait for a decision: `rosterd runs approve {run}` or `rosterd runs discard {run}`",
            counts.held.max(u64::from(report.run.state == "waiting"))
        );
        output.row(&Value::Null, &text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::StandView;

    #[test]
    fn a_person_of_a_plan_is_told_with_what_changes() {
        let item = ItemRow {
            tenant: String::new(),
            run_id: String::new(),
            ordinal: 1,
            source_id: "7".to_owned(),
            subject: String::new(),
            action: "update".to_owned(),
            state: "planned".to_owned(),
            loses: false,
            person: None,
            effect: None,
        };
        let effect = EffectView {
            step: "update".to_owned(),
            units: vec![
                "title".to_owned(),
                "urn:x:enterprise:2.0:User:manager.value".to_owned(),
            ],
            findings: vec![json!({"code": "manager-unknown"})],
            ..EffectView::default()
        };
        assert_eq!(
            remarks(&item, &effect),
            ["manager-unknown", "title, manager.value"]
        );
        let item = ItemRow {
            loses: true,
            ..item
        };
        let effect = EffectView {
            after: Some(StandView::default()),
            last_day: Some("2027-01-31".to_owned()),
            is_ahead: true,
            ..EffectView::default()
        };
        assert_eq!(remarks(&item, &effect), ["(last day 2027-01-31)"]);
    }
}
