//! Hailey HR. Rules are cited as "sheet: section" of the fact sheet on this vendor.

use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use crate::cli::simulate::hris::call::{Refusal, Reply};
use crate::cli::simulate::hris::desk::Desk;
use crate::cli::simulate::hris::dice::Dice;
use crate::cli::simulate::hris::names::{ENTITIES, SITES, UNITS};
use crate::cli::simulate::hris::people::{Kind, Person, shift};
use crate::cli::simulate::hris::standin::{Credential, Make, Role, Route, Standin};
use crate::cli::simulate::hris::truth::Field;
use crate::domain::employment::EmploymentState;

pub const STANDIN: Standin = Standin {
    name: "Hailey HR",
    // Sheet: Access, step 3.
    credentials: &[
        Credential::new("environment", Make::Fixed("production")),
        Credential::new("access_token", Make::Word("", 48)),
    ],
    routes: &[
        // Sheet: Listing, "No query parameters, no pagination".
        Route::get("/Employees", Role::List, &[], employees),
        Route::get("/Employees/{id}", Role::Detail, &[], one),
        Route::get("/Company", Role::Lookup, &[], company),
    ],
    // Sheet: Listing, "Rate limit: unknown".
    limits: &[],
    // No state: sheet: Example, "the real words are unknown, so no rule may depend on them"; two dates tell.
    fields: &[
        Field::Email,
        Field::Given,
        Field::Family,
        Field::Display,
        Field::Title,
        Field::Number,
        Field::Department,
        Field::Organization,
        Field::Manager,
        Field::WorkPhone,
        Field::Start,
        Field::End,
    ],
    // Sheet: Access, "a token from a weak account gives records without e-mail or manager rather than an error".
    hides: &[Field::Email, Field::Manager],
    widens: false,
    is_paged: false,
    id: |seed, person| {
        let mut dice = Dice::new(seed, &format!("hailey-hr/{}", person.serial));
        dice.uuid()
    },
    tell: |company, person, mut facts| {
        facts.start = Some(joined(person));
        // A date alone is over when it is over in every zone.
        let left_yesterday = person.end == Some(shift(company.day, -1));
        if facts.state == EmploymentState::OnLeave || left_yesterday {
            facts.state = EmploymentState::Employed;
        }
        Some(facts)
    },
    limit_headers: |_| Vec::new(),
    admit,
    refuse,
};

/// Sheet: Record, `dateOfJoining`: "start of the first employment".
fn joined(person: &Person) -> NaiveDate {
    person.earlier.map_or(person.start, |(from, _)| from)
}

/// Sheet: Access, "Authorization: Bearer <personal access token>".
fn admit(desk: &Desk) -> Result<(), Refusal> {
    match desk.call.bearer() {
        Some(token) if token == desk.key("access_token") => Ok(()),
        _ => Err(Refusal::Unauthorized),
    }
}

/// Sheet: Listing, "401 (bad or expired token; body may be empty)", "RFC 7807 problem object {type, title, status,
/// detail, instance}".
fn refuse(desk: &Desk, refusal: Refusal) -> Reply {
    let problem = |status: u16, title: &str, detail: &str| {
        let body = json!({
            "type": format!("https://httpstatuses.io/{status}"),
            "title": title,
            "status": status,
            "detail": detail,
            "instance": desk.call.path,
        });
        Reply::new(status, "application/problem+json", body.to_string())
    };
    match refusal {
        Refusal::Unauthorized => Reply::new(401, "text/plain", ""),
        Refusal::Forbidden => problem(403, "Forbidden", "The account may not read this."),
        Refusal::NotFound => problem(404, "Not Found", "Nothing was found."),
        Refusal::WrongMethod => problem(405, "Method Not Allowed", "Only GET is answered."),
        Refusal::Bad(why) | Refusal::Invalid(why) => problem(400, "Bad Request", &why),
        Refusal::Broken => problem(500, "Internal Server Error", "Something went wrong."),
        // "on 429 … honour Retry-After"
        Refusal::TooMany(seconds) => problem(429, "Too Many Requests", "Try again later.")
            .with("Retry-After", seconds.to_string()),
        Refusal::Special(reply) => *reply,
    }
}

/// A UUID of one of the company's own lists; the beginning says of which.
fn listed(begin: &str, number: u32) -> String {
    format!("{begin}-0000-4000-8000-{number:012}")
}

const DEPARTMENT: &str = "dddddddd";
const LOCATION: &str = "eeeeeeee";
const ENTITY: &str = "ffffffff";
const TEAM: &str = "bbbbbbbb";
const TITLE: &str = "aaaaaaaa";
const COST_CENTER: &str = "cccccccc";

fn titles() -> Vec<&'static str> {
    let mut titles: Vec<&str> = UNITS.iter().flat_map(|u| u.titles).copied().collect();
    titles.sort_unstable();
    titles.dedup();
    titles
}

fn title_id(title: &str) -> String {
    let before = titles().iter().take_while(|t| **t != title).count();
    listed(TITLE, before as u32 + 1)
}

/// Sheet: Record, `titleIds`: "More than one possible, take the first".
fn title_ids(person: &Person) -> Vec<String> {
    let titles = person.unit.titles.iter().copied();
    let others = titles.filter(|t| *t != person.title);
    let second = others.take(usize::from(person.serial.is_multiple_of(7)));
    let all = std::iter::once(person.title).chain(second);
    all.map(title_id).collect()
}

/// Sheet: Record, `employmentStatus`: "computed from the employment dates"; two words are documented, the leaver's is not.
fn status(desk: &Desk, person: &Person) -> &'static str {
    match person.state(desk.company.day) {
        EmploymentState::Prehire => "Will join",
        EmploymentState::Left => "Employment ended",
        _ => "In service",
    }
}

/// What the account may read of this person.
fn email<'p>(desk: &Desk, person: &'p Person) -> Option<&'p str> {
    person
        .email
        .as_deref()
        .filter(|_| desk.may_read(Field::Email))
}

fn manager(desk: &Desk, person: &Person) -> Option<String> {
    let manager = desk.company.manager_of(person);
    let manager = manager.filter(|_| desk.may_read(Field::Manager));
    manager.map(|m| desk.id(m))
}

fn contract(person: &Person) -> &'static str {
    match person.kind {
        Kind::Employee => "Permanent",
        Kind::Contractor => "Consultant",
    }
}

/// Sheet: Record; Example. What is private stands beside it, as at the vendor.
fn record(desk: &Desk, person: &Person) -> Value {
    let number = person.number.map(|n| n.to_string());
    let mut record = json!({
        "employeeId": desk.id(person),
        // "whether the person can log in to Hailey. Not an employment status"
        "accountStatus": if person.serial.is_multiple_of(4) { "Inactive" } else { "Active" },
        "employmentStatus": status(desk, person),
        "employmentType": contract(person),
        "fixedTermType": null,
        "endOfFixedTerm": null,
        "scopePercentage": 100,
        "firstName": person.given,
        "lastName": person.family,
        "companyEmail": email(desk, person),
        "privateEmail": person.private_email,
        "workPhone": person.work_phone,
        "employmentNumber": number,
        "titleIds": title_ids(person),
        "departmentId": listed(DEPARTMENT, person.unit.id),
        "locationId": listed(LOCATION, person.site.id),
        "legalEntityId": listed(ENTITY, person.entity.id),
        "teamIds": [listed(TEAM, person.unit.id)],
        "managerEmployeeId": manager(desk, person),
        "dateOfJoining": joined(person).to_string(),
        "lastDayOfEmployment": person.end.map(|d| d.to_string()),
        "personalIdentityNumber": "19800101-0000",
        "dateOfBirth": "1980-01-01",
        "gender": null,
        "iceName": "Nobody Kestrel",
        "customFieldsData": {},
        "lastUpdated": format!("{}T08:00:00Z", person.changed),
    });
    // "Fields the account may not see are left out of the reply", and "null-valued keys may be missing".
    let is_hidden = |name: &str| match name {
        "companyEmail" => !desk.may_read(Field::Email),
        "managerEmployeeId" => !desk.may_read(Field::Manager),
        _ => false,
    };
    let is_terse = person.serial.is_multiple_of(2);
    if let Some(members) = record.as_object_mut() {
        members.retain(|name, value| !(is_hidden(name) || is_terse && value.is_null()));
    }
    record
}

/// Sheet: Listing, "the reply is a bare JSON array". Leavers stay on it (sheet: Example, "is likely").
fn employees(desk: &Desk) -> Result<Reply, Refusal> {
    let roster = desk.roster(desk.page_size(None, 100, 100), |_| true);
    let rows: Vec<Value> = roster.people.iter().map(|p| record(desk, p)).collect();
    Ok(Reply::json(200, &Value::Array(rows)))
}

/// Sheet: Other calls, `GET /Employees/{employeeId}`: nested, with names of titles and the employments.
fn one(desk: &Desk) -> Result<Reply, Refusal> {
    let person = desk.find(desk.call.place(0)).ok_or(Refusal::NotFound)?;
    let employment = |from: NaiveDate, to: Option<NaiveDate>| {
        json!({
            "startDate": from.to_string(),
            "endDate": to.map(|d| d.to_string()),
            // "1 = primary"
            "priority": 1,
            "organizationalInformation": {
                "departmentId": listed(DEPARTMENT, person.unit.id),
                // An id without a name: "Cost centres … are not in the client model" of /Company.
                "costCenterId": listed(COST_CENTER, person.unit.id),
            },
        })
    };
    let earlier = person.earlier.map(|(from, to)| employment(from, Some(to)));
    let present = employment(person.start, person.end);
    let employments: Vec<Value> = earlier.into_iter().chain([present]).collect();
    let mut general = Map::new();
    general.insert("workPhone".into(), json!(person.work_phone));
    if desk.may_read(Field::Email) {
        general.insert("companyEmail".into(), json!(person.email));
    }
    let number = person.number.map(|n| n.to_string());
    general.insert("employmentNumber".into(), json!(number));
    general.insert("titles".into(), json!([person.title]));
    general.insert("legalEntity".into(), json!(person.entity.name));
    let body = json!({
        "employeeId": desk.id(person),
        "personal": {"general": {"firstName": person.given, "lastName": person.family}},
        "jobData": {
            "general": general,
            "employment": {
                "dateOfJoining": joined(person).to_string(),
                "lastDayOfEmployment": person.end.map(|d| d.to_string()),
                "employments": employments,
            },
        },
    });
    Ok(Reply::json(200, &body))
}

/// Sheet: Other calls, "arrays departments, locations, titles, teams, legalEntities, each {id, name}".
fn company(_: &Desk) -> Result<Reply, Refusal> {
    let row = |id: String, name: &str| json!({"id": id, "name": name});
    let all = |rows: &mut dyn Iterator<Item = Value>| rows.collect::<Vec<Value>>();
    let body = json!({
        "departments": all(&mut UNITS.iter().map(|u| row(listed(DEPARTMENT, u.id), u.name))),
        "locations": all(&mut SITES.iter().map(|s| row(listed(LOCATION, s.id), s.name))),
        "titles": all(&mut titles().into_iter().map(|t| row(title_id(t), t))),
        "teams": all(&mut UNITS.iter().map(|u| row(listed(TEAM, u.id), u.team))),
        "legalEntities": all(&mut ENTITIES.iter().map(|e| row(listed(ENTITY, e.id), e.name))),
        "customFields": [],
        "customEmploymentFields": [],
    });
    Ok(Reply::json(200, &body))
}
