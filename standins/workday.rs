//! Workday: a report as a service (RaaS) in JSON; `workday-soap` is the same vendor's SOAP. Rules are cited as "sheet:
//! section" of the fact sheet on this vendor.

use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use crate::cli::simulate::hris::call::{Refusal, Reply};
use crate::cli::simulate::hris::desk::Desk;
use crate::cli::simulate::hris::dice::Dice;
use crate::cli::simulate::hris::people::{Kind, Person};
use crate::cli::simulate::hris::standin::{Credential, Make, Role, Route, Standin};
use crate::cli::simulate::hris::truth::Field;
use crate::domain::employment::EmploymentState;

pub const STANDIN: Standin = Standin {
    name: "Workday",
    // Sheet: Access, "Admin pastes".
    credentials: &[
        Credential::new("tenant", Make::Fixed("kestrel")),
        Credential::new("report_owner", Make::Fixed("ISU_Roster")),
        Credential::new("report_name", Make::Fixed("Roster_Workers")),
        Credential::new("isu_user_name", Make::Fixed("ISU_Roster")),
        Credential::new("isu_password", Make::Word("", 24)),
    ],
    routes: &[Route::get(
        "/ccx/service/customreport2/{tenant}/{owner}/{report}",
        Role::List,
        &["format"],
        report,
    )],
    // Sheet: Limits, "Workday publishes no public figures".
    limits: &[],
    fields: &[
        Field::Email,
        Field::Given,
        Field::Family,
        Field::Display,
        Field::Title,
        Field::Number,
        Field::Department,
        Field::Division,
        Field::Organization,
        Field::CostCenter,
        Field::Manager,
        Field::WorkPhone,
        Field::Mobile,
        Field::Locale,
        Field::Timezone,
        Field::State,
        Field::Start,
        Field::End,
    ],
    // Sheet: Access, "Get access on … domains": a column whose domain is closed stays empty, and so is left out.
    hides: &[Field::Email, Field::Manager, Field::End],
    widens: true,
    is_paged: false,
    // Sheet: Record, "WID".
    id: |seed, person| Dice::new(seed, &format!("workday/{}", person.serial)).hex(32),
    tell: |_, person, mut facts| {
        // Sheet: SCIM mapping, `displayName` is `Preferred_Name`, else first and last.
        facts.display = Some(person.display());
        if facts.state == EmploymentState::OnLeave {
            facts.state = EmploymentState::Employed;
        }
        Some(facts)
    },
    limit_headers: |_| Vec::new(),
    admit,
    refuse,
};

/// Sheet: Access, auth choice 1: "accept both spellings" of the user.
fn admit(desk: &Desk) -> Result<(), Refusal> {
    let (user, tenant) = (desk.key("isu_user_name"), desk.key("tenant"));
    let long = format!("{user}@{tenant}");
    let is_right = desk.call.basic().is_some_and(|(name, password)| {
        (name == user || name == long) && password == desk.key("isu_password")
    });
    match is_right {
        true => Ok(()),
        false => Err(Refusal::Unauthorized),
    }
}

/// Sheet: Limits and errors: "Expect HTTP 429 or 503"; "RaaS: 401 bad login, 403 no access to report, 404 wrong owner or
/// report name (recalled)".
fn refuse(_: &Desk, refusal: Refusal) -> Reply {
    let (status, why) = match refusal {
        Refusal::Unauthorized => (401, "invalid username or password".to_owned()),
        Refusal::Forbidden => (403, "The task submitted is not authorized.".to_owned()),
        Refusal::NotFound => (404, "Not found".to_owned()),
        Refusal::WrongMethod => (405, "Method not allowed".to_owned()),
        Refusal::Bad(why) | Refusal::Invalid(why) => (400, why),
        Refusal::Broken => (500, "Processing error occurred".to_owned()),
        Refusal::TooMany(_) => (429, "Too many requests".to_owned()),
        Refusal::Special(reply) => return *reply,
    };
    Reply::json(status, &json!({"error": why}))
}

fn is_active(desk: &Desk, person: &Person) -> bool {
    desk.state(person).is_active()
}

/// Sheet: Record, RaaS: "Every value arrives as a string; empty columns are left out of the entry (recalled)".
fn entry(desk: &Desk, person: &Person) -> Value {
    let manager = desk
        .company
        .manager_of(person)
        .filter(|_| desk.may_read(Field::Manager));
    let own = |text: &str| Some(text.to_owned());
    let kind = match person.kind {
        Kind::Employee => "Employee",
        Kind::Contractor => "Contingent Worker",
    };
    // "`1`/`0` (or true/false; accept both)": one report has one of the two.
    let active = if is_active(desk, person) { "1" } else { "0" };
    let columns: [(&str, Option<String>); 21] = [
        ("Worker_ID", Some(desk.id(person))),
        ("Employee_ID", person.number.map(|n| n.to_string())),
        (
            "Work_Email",
            person.email.clone().filter(|_| desk.may_read(Field::Email)),
        ),
        ("First_Name", own(person.given)),
        ("Last_Name", own(person.family)),
        ("Preferred_Name", person.preferred.map(|_| person.display())),
        ("Business_Title", own(person.title)),
        ("Department", own(person.unit.name)),
        // The admin decides the columns; a locale is Workday's Locale_ID, as in `Local_Reference` of Get_Workers.
        ("Division", own(person.unit.division)),
        ("Locale", Some(person.site.locale.replace('-', "_"))),
        ("Time_Zone", own(person.site.zone)),
        ("Work_Mobile", person.mobile.clone()),
        ("Cost_Center", own(person.unit.cost_center)),
        ("Company", own(person.entity.name)),
        ("Location", own(person.site.name)),
        ("Country", own(person.site.country_name)),
        ("Work_Phone", person.work_phone.clone()),
        ("Manager_Worker_ID", manager.map(|m| desk.id(m))),
        ("Active_Status", own(active)),
        ("Hire_Date", Some(person.start.to_string())),
        ("Worker_Type", own(kind)),
    ];
    let mut entry: Map<String, Value> = columns
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), json!(value?))))
        .collect();
    if let Some(end) = end(desk, person) {
        entry.insert("Termination_Date".into(), json!(end.to_string()));
    }
    if desk.reads_more() {
        entry.insert("Base_Pay".into(), json!("50000"));
    }
    Value::Object(entry)
}

fn end(desk: &Desk, person: &Person) -> Option<NaiveDate> {
    person.end.filter(|_| desk.may_read(Field::End))
}

/// Sheet: Listing, RaaS: "Pagination: none for JSON".
fn report(desk: &Desk) -> Result<Reply, Refusal> {
    let call = desk.call;
    let wanted = ["tenant", "report_owner", "report_name"].map(|term| desk.key(term));
    if call.places != wanted {
        return Err(Refusal::NotFound);
    }
    // Without a format the vendor answers XML.
    if call.param("format") != Some("json") {
        return Err(Refusal::Bad(
            "this stand-in has the format json only".into(),
        ));
    }
    let roster = desk.roster(desk.page_size(None, 100, 100), |_| true);
    // One answer holds everybody: it is put together as text, one person at a time.
    let mut body = b"{\"Report_Entry\":[".to_vec();
    for (at, person) in roster.people.iter().enumerate() {
        if at > 0 {
            body.push(b',');
        }
        body.extend_from_slice(entry(desk, person).to_string().as_bytes());
    }
    body.extend_from_slice(b"]}");
    Ok(Reply::new(200, "application/json", body))
}
