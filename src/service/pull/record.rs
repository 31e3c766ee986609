//! A record, read by the schema before it is queued, with everything about it that needs no database.

use serde_json::Value;

use super::draft::day;
use super::types::{AlsoBy, PullPerson, PullSource};
use crate::domain::audit::{canonical, sha256_hex};
use crate::domain::calendar::is_zone;
use crate::domain::clock::Millis;
use crate::domain::employment::EmploymentState;
use crate::domain::lifecycle::{Phase, Term};
use crate::scim::document;
use crate::scim::error::quote;
use crate::scim::rules::{Preset, Rules};
use crate::scim::schema::{ENTERPRISE, ROSTERD_USER, Registry, ResourceKind};
use crate::scim::{Doc, Error as ScimError};
use crate::service::error::Result;
use crate::service::limits::check_user;
use crate::service::undo::employment_digest;
use crate::service::users::{addresses, manager, text};
use crate::storage::emails::Address;
use crate::storage::links::LinkRow;
use crate::storage::tenants::TenantSettings;

/// What all records of a call have in common.
pub(super) struct Scene<'a> {
    pub(super) registry: &'a Registry,
    pub(super) source: &'a PullSource,
    pub(super) settings: TenantSettings,
    pub(super) now: Millis,
    /// The run, by its id.
    pub(super) run: &'a str,
    /// The tenant's plan lets the source bring people; those it brought may always leave.
    pub(super) may_bring: bool,
}

/// A record that may be applied.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) person: PullPerson,
    /// The document, without a manager.
    doc: Doc,
    /// Source id of the manager.
    pub(super) manager: Option<String>,
    /// By which the person is recognised.
    pub(super) primary: Option<Address>,
    /// What is compared with the externalIds of others.
    pub(super) also: Option<String>,
    pub(super) zone: Option<String>,
    pub(super) term: Term,
}

impl Record {
    /// Checks a record.
    pub(super) fn read(
        registry: &Registry,
        source: &PullSource,
        mut person: PullPerson,
    ) -> Result<Self> {
        let id = &person.source_id;
        if id.is_empty() || id.contains('\0') {
            return Err(ScimError::invalid_value(format!(
                "a record's id is a text that is not empty; got `{}`",
                quote(id)
            ))
            .into());
        }
        let mut user = std::mem::take(&mut person.user);
        user.remove(ROSTERD_USER);
        if text(&user, "userName").is_none_or(str::is_empty) {
            user.insert(
                "userName".to_owned(),
                Value::from(name_for(&user, &person.source_id)),
            );
        }
        let mut rules = Rules::new(Preset::Generic);
        let body = Value::Object(user);
        let read = document::read(registry.of_sources(), ResourceKind::User, body, &mut rules)?;
        let mut doc = read.doc;
        check_user(&doc, Some(&person.source_id))?;
        let zone = text(&doc, "timezone").filter(|zone| is_zone(zone));
        let zone = zone.map(str::to_owned).or_else(|| source.zone.clone());
        let term = Term::new(
            person.employment,
            person.start_date,
            person.end_date,
            zone.as_deref(),
        );
        let manager = manager(&doc).map(str::to_owned);
        set_manager(&mut doc, None);
        let number = || doc.get(ENTERPRISE)?.get("employeeNumber")?.as_str();
        let also = match source.also_by {
            None => None,
            Some(AlsoBy::SourceId) => Some(person.source_id.clone()),
            Some(AlsoBy::EmployeeNumber) => number().map(str::to_owned),
        };
        Ok(Self {
            primary: addresses(&doc).into_iter().find(|a| a.is_primary),
            person,
            doc,
            manager,
            also,
            zone,
            term,
        })
    }

    /// The document with a manager by the user's id.
    pub(super) fn doc(&self, manager: Option<&str>) -> Doc {
        let mut doc = self.doc.clone();
        if manager.is_some() {
            set_manager(&mut doc, manager);
        }
        doc
    }

    pub(super) fn phase(&self, scene: &Scene<'_>) -> Phase {
        self.term.phase(scene.now)
    }

    /// Hash of what the record says, however it is worded.
    pub(super) fn content(&self) -> String {
        let day = |day: Option<chrono::NaiveDate>| day.map(|day| day.to_string());
        let said = serde_json::json!([
            self.doc,
            self.manager,
            self.person.employment.as_str(),
            day(self.person.start_date),
            day(self.person.end_date),
        ]);
        sha256_hex(canonical(&said).as_bytes())
    }

    /// Hash of what it says of her employment.
    pub(super) fn employment(&self) -> String {
        let day = |day: Option<chrono::NaiveDate>| day.map(|day| day.to_string());
        let (start, end) = (day(self.person.start_date), day(self.person.end_date));
        employment_digest(
            self.person.employment.as_str(),
            start.as_deref(),
            end.as_deref(),
        )
    }

    /// The record with the employment of a link, of which `term` counts.
    pub(super) fn employed_as(&self, link: &LinkRow, term: Term) -> Self {
        let mut record = self.clone();
        record.term = term;
        record.zone.clone_from(&link.zone);
        let person = &mut record.person;
        person.employment = EmploymentState::parse(&link.state).unwrap_or(EmploymentState::Unknown);
        (person.start_date, person.end_date) = (day(&link.start_date), day(&link.end_date));
        record
    }

    /// What the record says, in a link.
    pub(super) fn write_to(&self, link: &mut LinkRow) {
        let day = |day: Option<chrono::NaiveDate>| day.map(|day| day.to_string());
        self.person.employment.as_str().clone_into(&mut link.state);
        link.start_date = day(self.person.start_date);
        link.end_date = day(self.person.end_date);
        link.zone.clone_from(&self.zone);
    }
}

/// A userName for a record without one: the first address, else the source's own id.
fn name_for(user: &Doc, source_id: &str) -> String {
    let found = addresses(user).into_iter().find(|a| a.is_primary);
    let emails = user.get("emails").and_then(Value::as_array);
    let as_written = emails.into_iter().flatten().find_map(|email| {
        let value = email.get("value")?.as_str()?;
        let key = crate::scim::fold::email_identity_key(value);
        (found.as_ref()?.key == key).then(|| value.to_owned())
    });
    as_written.unwrap_or_else(|| source_id.to_owned())
}

/// Puts a manager into a document, or takes the one there is out of it.
fn set_manager(doc: &mut Doc, manager: Option<&str>) {
    if let Some(id) = manager {
        let slot = doc
            .entry(ENTERPRISE)
            .or_insert_with(|| Value::Object(Doc::new()));
        slot["manager"] = serde_json::json!({"value": id});
        return;
    }
    if let Some(Value::Object(enterprise)) = doc.get_mut(ENTERPRISE) {
        enterprise.remove("manager");
        if enterprise.is_empty() {
            doc.remove(ENTERPRISE);
        }
    }
}
