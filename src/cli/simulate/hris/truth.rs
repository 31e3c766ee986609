//! The truth: for each person that the vendor shows, the SCIM User that a connector must make of its record. It is
//! computed from the people, never from what was sent.

use std::fmt::Write as _;

use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use super::company::Company;
use super::people::Person;
use super::standin::Standin;
use crate::domain::employment::EmploymentState;

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const ROSTERD: &str = "urn:ietf:params:scim:schemas:extension:rosterd:2.0:User";

/// A part of a SCIM User that a vendor may tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// `userName` and the work e-mail, in lower case.
    Email,
    /// `name.givenName`
    Given,
    /// `name.middleName`
    Middle,
    /// `name.familyName`
    Family,
    /// `displayName`
    Display,
    /// `title`
    Title,
    /// Enterprise `employeeNumber`.
    Number,
    /// Enterprise `department`.
    Department,
    /// Enterprise `division`.
    Division,
    /// Enterprise `organization`.
    Organization,
    /// Enterprise `costCenter`.
    CostCenter,
    /// Enterprise `manager.value`: the manager's stable id.
    Manager,
    /// The phone number of type `work`.
    WorkPhone,
    /// The phone number of type `mobile`.
    Mobile,
    /// `preferredLanguage`: a language alone.
    Language,
    /// `locale`
    Locale,
    /// `timezone`
    Timezone,
    /// `employmentState`
    State,
    /// `startDate`
    Start,
    /// `endDate`
    End,
}

impl Field {
    /// Its place in a SCIM User.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "userName",
            Self::Given => "name.givenName",
            Self::Middle => "name.middleName",
            Self::Family => "name.familyName",
            Self::Display => "displayName",
            Self::Title => "title",
            Self::Number => "employeeNumber",
            Self::Department => "department",
            Self::Division => "division",
            Self::Organization => "organization",
            Self::CostCenter => "costCenter",
            Self::Manager => "manager",
            Self::WorkPhone => "phoneNumbers.work",
            Self::Mobile => "phoneNumbers.mobile",
            Self::Language => "preferredLanguage",
            Self::Locale => "locale",
            Self::Timezone => "timezone",
            Self::State => "employmentState",
            Self::Start => "startDate",
            Self::End => "endDate",
        }
    }
}

/// What is true of a person, as texts of a SCIM User; each is described at [`Field`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    pub id: String,
    pub email: Option<String>,
    pub given: Option<String>,
    pub middle: Option<String>,
    pub family: Option<String>,
    pub display: Option<String>,
    pub title: Option<String>,
    pub number: Option<String>,
    pub department: Option<String>,
    pub division: Option<String>,
    pub organization: Option<String>,
    pub cost_center: Option<String>,
    pub manager: Option<String>,
    pub work_phone: Option<String>,
    pub mobile: Option<String>,
    pub language: Option<String>,
    pub locale: Option<String>,
    pub timezone: Option<String>,
    pub state: EmploymentState,
    pub start: Option<NaiveDate>,
    pub end: Option<NaiveDate>,
}

impl Facts {
    /// Everything that is true of the person on this day.
    fn of(company: &Company, standin: &Standin, person: &Person, day: NaiveDate) -> Self {
        let id = |p: &Person| (standin.id)(company.seed, p);
        let own = |text: &str| Some(text.to_owned());
        Self {
            id: id(person),
            email: person.email.as_deref().map(str::to_lowercase),
            given: own(person.given),
            middle: person.middle.map(str::to_owned),
            family: own(person.family),
            display: Some(format!("{} {}", person.given, person.family)),
            title: own(person.title),
            number: person.number.map(|n| n.to_string()),
            department: own(person.unit.name),
            division: own(person.unit.division),
            organization: own(person.entity.name),
            cost_center: own(person.unit.cost_center),
            manager: company.manager_of(person).map(id),
            work_phone: person.work_phone.clone(),
            mobile: person.mobile.clone(),
            language: person.site.locale.get(..2).map(str::to_owned),
            locale: own(person.site.locale),
            timezone: own(person.site.zone),
            state: person.state(day),
            start: Some(person.start),
            end: person.end,
        }
    }

    /// As a SCIM User, with the fields that the vendor tells.
    fn document(&self, fields: &[Field]) -> Value {
        let told = |field: Field, value: &Option<String>| {
            value
                .clone()
                .filter(|_| fields.contains(&field))
                .map(Value::String)
        };
        let mut user = Map::new();
        user.insert("schemas".into(), json!([USER, ENTERPRISE, ROSTERD]));
        user.insert("externalId".into(), json!(self.id));
        user.insert("active".into(), json!(self.state.is_active()));
        put(&mut user, "userName", told(Field::Email, &self.email));
        let email = told(Field::Email, &self.email);
        let email = email.map(|e| json!([{"value": e, "type": "work", "primary": true}]));
        put(&mut user, "emails", email);
        let name = group([
            ("givenName", told(Field::Given, &self.given)),
            ("middleName", told(Field::Middle, &self.middle)),
            ("familyName", told(Field::Family, &self.family)),
        ]);
        put(&mut user, "name", name);
        put(
            &mut user,
            "displayName",
            told(Field::Display, &self.display),
        );
        put(&mut user, "title", told(Field::Title, &self.title));
        let language = told(Field::Language, &self.language);
        put(&mut user, "preferredLanguage", language);
        put(&mut user, "locale", told(Field::Locale, &self.locale));
        put(&mut user, "timezone", told(Field::Timezone, &self.timezone));
        put(&mut user, "phoneNumbers", self.phones(fields));
        let manager = told(Field::Manager, &self.manager).map(|m| json!({"value": m}));
        let enterprise = group([
            ("employeeNumber", told(Field::Number, &self.number)),
            ("department", told(Field::Department, &self.department)),
            ("division", told(Field::Division, &self.division)),
            (
                "organization",
                told(Field::Organization, &self.organization),
            ),
            ("costCenter", told(Field::CostCenter, &self.cost_center)),
            ("manager", manager),
        ]);
        put(&mut user, ENTERPRISE, enterprise);
        let date = |day: Option<NaiveDate>| day.map(|d| d.to_string());
        let rosterd = group([
            (
                "employmentState",
                told(Field::State, &Some(self.state.as_str().to_owned())),
            ),
            ("startDate", told(Field::Start, &date(self.start))),
            ("endDate", told(Field::End, &date(self.end))),
        ]);
        put(&mut user, ROSTERD, rosterd);
        Value::Object(user)
    }

    fn phones(&self, fields: &[Field]) -> Option<Value> {
        let phones: Vec<Value> = [
            (Field::WorkPhone, "work", &self.work_phone),
            (Field::Mobile, "mobile", &self.mobile),
        ]
        .into_iter()
        .filter(|(field, ..)| fields.contains(field))
        .filter_map(|(_, kind, value)| Some(json!({"value": value.as_ref()?, "type": kind})))
        .collect();
        (!phones.is_empty()).then_some(Value::Array(phones))
    }
}

fn put(object: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        object.insert(name.to_owned(), value);
    }
}

fn group<const N: usize>(parts: [(&str, Option<Value>); N]) -> Option<Value> {
    let mut object = Map::new();
    for (name, value) in parts {
        put(&mut object, name, value);
    }
    (!object.is_empty()).then_some(Value::Object(object))
}

/// The truth of the company on this day: one SCIM User a line, in the order of serials.
pub fn truth(company: &Company, standin: &Standin, day: NaiveDate) -> String {
    let mut lines = String::new();
    for person in company.people() {
        let facts = Facts::of(company, standin, person, day);
        if let Some(facts) = (standin.tell)(company, person, facts) {
            let _ = writeln!(lines, "{}", facts.document(standin.fields));
        }
    }
    lines
}
