//! What of a plan is stored: a record as mapped and what is done about it, both as JSON, and where an item stands.

use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use crate::domain::employment::EmploymentState;
use crate::service::pull::{Effect, Finding, PullPerson, Recognised, Stand, Step};

/// Where an item stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// To be done.
    Planned,
    /// To be done, except that access stays.
    Keep,
    /// Done.
    Applied,
    /// Done but for the loss of access, which waits.
    Held,
    /// Refused; the effect has the reason.
    Failed,
    /// Not done: the pull is not complete, and without that nobody is a leaver. The next one says it again.
    Unproved,
}

impl State {
    /// The word that is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Keep => "keep",
            Self::Applied => "applied",
            Self::Held => "held",
            Self::Failed => "failed",
            Self::Unproved => "unproved",
        }
    }

    /// Reads the stored word.
    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::Planned,
            Self::Keep,
            Self::Applied,
            Self::Held,
            Self::Failed,
            Self::Unproved,
        ]
        .into_iter()
        .find(|s| s.as_str() == text)
    }
}

/// A record as JSON.
pub(super) fn write_person(person: &PullPerson) -> String {
    let day = |day: Option<NaiveDate>| day.map(|d| d.to_string());
    let mut value = json!({
        "sourceId": person.source_id,
        "user": person.user,
        "employmentState": person.employment.as_str(),
        "startDate": day(person.start_date),
        "endDate": day(person.end_date),
        "digest": person.digest,
    });
    if !person.former.is_empty() {
        value["former"] = json!(person.former);
    }
    if !person.unsaid.is_empty() {
        value["unsaid"] = json!(person.unsaid);
    }
    value.to_string()
}

/// Reads a record; `None` if it is not one.
pub fn read_person(text: &str) -> Option<PullPerson> {
    let mut map: Map<String, Value> = serde_json::from_str(text).ok()?;
    let day = |map: &Map<String, Value>, name: &str| {
        let text = map.get(name).and_then(Value::as_str);
        text.and_then(|t| t.parse::<NaiveDate>().ok())
    };
    let text = |map: &Map<String, Value>, name: &str| {
        map.get(name).and_then(Value::as_str).map(str::to_owned)
    };
    Some(PullPerson {
        source_id: text(&map, "sourceId")?,
        employment: EmploymentState::parse(&text(&map, "employmentState")?)?,
        start_date: day(&map, "startDate"),
        end_date: day(&map, "endDate"),
        digest: text(&map, "digest")?,
        former: map
            .remove("former")
            .and_then(|list| serde_json::from_value(list).ok())
            .unwrap_or_default(),
        unsaid: map
            .remove("unsaid")
            .and_then(|list| serde_json::from_value(list).ok())
            .unwrap_or_default(),
        user: match map.remove("user")? {
            Value::Object(user) => user,
            _ => return None,
        },
    })
}

/// The word for a step.
pub(super) fn step_word(step: Step) -> &'static str {
    match step {
        Step::Create => "create",
        Step::Adopt => "adopt",
        Step::Return => "return",
        Step::Update => "update",
        Step::Leave => "leave",
        Step::Nothing => "nothing",
    }
}

fn recognised_word(by: Recognised) -> &'static str {
    match by {
        Recognised::SourceId => "source-id",
        Recognised::ExternalId => "external-id",
        Recognised::Email => "email",
    }
}

/// Adds a finding to what is done about a record.
pub(super) fn add_finding(effect: Option<&str>, told: &Finding) -> String {
    let effect: Option<Value> = effect.and_then(|text| serde_json::from_str(text).ok());
    let mut effect = effect.unwrap_or_else(|| json!({"step": "nothing", "findings": []}));
    if let Some(findings) = effect["findings"].as_array_mut() {
        findings.push(finding(told));
    }
    effect.to_string()
}

/// The code of a finding.
pub(super) fn finding_word(finding: &Finding) -> &'static str {
    match finding {
        Finding::ManagerUnknown { .. } => "manager-unknown",
        Finding::NotBrought => "not-brought",
        Finding::NotEntitled => "not-entitled",
        Finding::NoSeat => "no-seat",
        Finding::LeftAndHasAccess => "left-and-has-access",
        Finding::Undone => "undone",
    }
}

fn finding(finding: &Finding) -> Value {
    let params = match finding {
        Finding::ManagerUnknown { source_id } => json!({"sourceId": source_id}),
        _ => json!({}),
    };
    json!({"code": finding_word(finding), "params": params})
}

/// What is done about a record, as JSON.
pub(super) fn write_effect(effect: &Effect) -> String {
    let stand = |stand: &Option<Stand>| {
        stand.as_ref().map(
            |s| json!({"access": s.access.as_str(), "hasAccess": s.has_access, "reason": s.reason}),
        )
    };
    let mut value = json!({
        "step": step_word(effect.step),
        "recognised": effect.recognised.map(recognised_word),
        "units": effect.units,
        "before": stand(&effect.before),
        "after": stand(&effect.after),
        "held": effect.held,
        "conflict": effect.conflict.as_ref().map(|(kind, who)| json!({"kind": kind, "candidates": who})),
        "findings": effect.findings.iter().map(finding).collect::<Vec<_>>(),
    });
    if effect.is_ahead || effect.takes_access() || effect.held.is_some() {
        value["lastDay"] = json!(effect.last_day);
    }
    if effect.is_ahead {
        value["isAhead"] = json!(true);
    }
    if !effect.former.is_empty() {
        value["former"] = json!(effect.former);
    }
    value.to_string()
}

/// What is done about a record, as a reader of a plan sees it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
pub struct EffectView {
    /// `create`, `adopt`, `return`, `update`, `leave`, `nothing`.
    pub step: String,
    /// `source-id`, `external-id`, `email`.
    pub recognised: Option<String>,
    /// Paths that change.
    pub units: Vec<String>,
    /// How she stood.
    pub before: Option<StandView>,
    /// How she stands then.
    pub after: Option<StandView>,
    /// A loss that was not permitted: its reason.
    pub held: Option<String>,
    /// A question for a human.
    pub conflict: Option<Value>,
    /// What else there is to tell.
    pub findings: Vec<Value>,
    /// Records by which the source knew her, and no longer does.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub former: Vec<String>,
    /// The last day on which a loss of access rests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_day: Option<String>,
    /// That day lies ahead: access goes then.
    pub is_ahead: bool,
    /// Why the record was refused.
    pub error: Option<String>,
}

impl EffectView {
    /// Whether a finding is told, by its code.
    pub(super) fn tells(&self, code: &str) -> bool {
        self.findings.iter().any(|f| f["code"] == code)
    }
}

/// How a person stands.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StandView {
    /// Access.
    pub access: String,
    /// Whether the app lets her in.
    pub has_access: bool,
    /// Reason code.
    pub reason: String,
}

/// Reads what is done about a record.
pub fn read_effect(text: Option<&str>) -> EffectView {
    text.and_then(|t| serde_json::from_str(t).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let person = PullPerson {
            source_id: "7".to_owned(),
            user: Map::from_iter([("userName".to_owned(), Value::from("ann@x.test"))]),
            employment: EmploymentState::OnLeave,
            start_date: NaiveDate::from_ymd_opt(2020, 2, 29),
            end_date: None,
            digest: "abc".to_owned(),
            former: vec!["3".to_owned()],
            unsaid: ["title".to_owned()].into(),
        };
        assert_eq!(read_person(&write_person(&person)), Some(person));
        assert_eq!(read_person("{}"), None);
    }
}
