//! Hailey HR. Rules are cited as "sheet: section" of the fact sheet on this vendor; "client" is a public one that was made
//! from the vendor's own description (rantalainen/hailey-api-client, `src/api.ts` of December 2025) and knows more.

use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use crate::cli::simulate::hris::call::{Refusal, Reply};
use crate::cli::simulate::hris::desk::Desk;
use crate::cli::simulate::hris::dice::Dice;
use crate::cli::simulate::hris::names::{ENTITIES, SITES, UNITS};
use crate::cli::simulate::hris::people::{Kind, Person};
use crate::cli::simulate::hris::standin::{Credential, Make, Role, Route, Standin};
use crate::cli::simulate::hris::truth::Field;
use crate::domain::employment::EmploymentState;

pub const STANDIN: Standin = Standin {
    name: "Hailey HR",
    // Sheet: Access, step 3; SCIM mapping, "or a custom field", which has a name.
    credentials: &[
        Credential::new("environment", Make::Fixed("production")),
        Credential::new("access_token", Make::Word("", 48)),
        Credential::new("cost_center_custom_field", Make::Fixed(COST_FIELD)),
    ],
    routes: &[
        // Sheet: Listing, "No query parameters, no pagination".
        Route::get("/Employees", Role::List, &[], employees),
        Route::get("/Employees/{id}", Role::Detail, &[], one),
        Route::get("/Company", Role::Lookup, &[], company),
    ],
    // Sheet: Listing, "Rate limit: unknown".
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
        // Client, `Employee.employmentStatus`: "BeingHired", "WillJoin", "InService" "Leaving" or "HasLeft".
        Field::State,
        Field::Start,
        Field::End,
    ],
    // Sheet: Access, "a token from a weak account gives records without e-mail or manager rather than an error".
    hides: &[
        Field::Email,
        Field::Manager,
        Field::State,
        Field::Start,
        Field::End,
    ],
    // Sheet: Record, "Do not import": bank, identity number and the like, which come to an account that may see them.
    widens: true,
    is_paged: false,
    id: |seed, person| {
        let mut dice = Dice::new(seed, &format!("hailey-hr/{}", person.serial));
        dice.uuid()
    },
    tell: |_, person, mut facts| {
        facts.start = Some(joined(person));
        if facts.state == EmploymentState::OnLeave {
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
const BUSINESS_AREA: &str = "99999999";
/// Name of the customer's own field that holds cost centres, and its id.
const COST_FIELD: &str = "Cost centre";
const COST_FIELD_ID: &str = "88888888-0000-4000-8000-000000000001";

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

/// Sheet: Record, `employmentStatus`: "computed from the employment dates". Client: with blanks in the list ("In service"),
/// without in the words of one person ("InService"); nobody says that the list keeps to one of them.
fn status(desk: &Desk, person: &Person) -> &'static str {
    let words = match desk.state(person) {
        EmploymentState::Prehire => ["Will join", "WillJoin"],
        EmploymentState::Left => ["Has left", "HasLeft"],
        _ if person.end.is_some() => ["Leaving", "Leaving"],
        _ => ["In service", "InService"],
    };
    words[usize::from(person.serial.is_multiple_of(5))]
}

/// Divisions, which are business areas here (client, `Company.businessAreas`).
fn divisions() -> Vec<&'static str> {
    let mut names: Vec<&str> = UNITS.iter().map(|u| u.division).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn business_area(division: &str) -> String {
    let before = divisions().iter().take_while(|d| **d != division).count();
    listed(BUSINESS_AREA, before as u32 + 1)
}

/// Who has the cost centre in the customer's own field; the others have Hailey's.
fn has_own_field(person: &Person) -> bool {
    person.serial.is_multiple_of(3)
}

/// Client, `EmployeeListItem.costCenterId`. Where the customer's field counts an old one stands here.
fn cost_center_id(person: &Person) -> String {
    match has_own_field(person) {
        true => listed(COST_CENTER, 0),
        false => listed(COST_CENTER, person.unit.id),
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

/// What an account with too many rights sees beside the rest. Sheet: Record, "Do not import".
fn private(person: &Person) -> [(String, Value); 5] {
    [
        ("personalIdentityNumber", "19800101-0000"),
        ("dateOfBirth", "1980-01-01"),
        ("accountNumber", "0000000000"),
        ("privateEmail", person.private_email.as_str()),
        ("iceName", "Nobody Kestrel"),
    ]
    .map(|(name, value)| (name.to_owned(), json!(value)))
}

/// Sheet: Record; Example.
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
        "workPhone": person.work_phone,
        "employmentNumber": number,
        "titleIds": title_ids(person),
        "departmentId": listed(DEPARTMENT, person.unit.id),
        "locationId": listed(LOCATION, person.site.id),
        "legalEntityId": listed(ENTITY, person.entity.id),
        "businessAreaId": business_area(person.unit.division),
        "costCenterId": cost_center_id(person),
        "teamIds": [listed(TEAM, person.unit.id)],
        "managerEmployeeId": manager(desk, person),
        "dateOfJoining": joined(person).to_string(),
        "lastDayOfEmployment": person.end.map(|d| d.to_string()),
        "lastWorkingDay": person.end.map(|d| d.to_string()),
        "employmentSequenceNumber": (7_000 + person.serial).to_string(),
        // Sheet: Record, "object keyed by custom-field UUID".
        "customFieldsData": match has_own_field(person) {
            true => json!({COST_FIELD_ID: person.unit.cost_center}),
            false => json!({}),
        },
        "lastUpdated": format!("{}T08:00:00Z", person.changed),
    });
    // "Fields the account may not see are left out of the reply", and "null-valued keys may be missing".
    let is_hidden = |name: &str| match name {
        "companyEmail" => !desk.may_read(Field::Email),
        "managerEmployeeId" => !desk.may_read(Field::Manager),
        "employmentStatus" => !desk.may_read(Field::State),
        "dateOfJoining" => !desk.may_read(Field::Start),
        "lastDayOfEmployment" | "lastWorkingDay" => !desk.may_read(Field::End),
        _ => false,
    };
    let is_terse = person.serial.is_multiple_of(2);
    if let Some(members) = record.as_object_mut() {
        if desk.reads_more() {
            members.extend(private(person));
        }
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
                "costCenterId": cost_center_id(person),
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

/// Client, `CostCenter`: id, name and code; a code need not be there.
fn cost_centers() -> Vec<Value> {
    let row = |id: u32, name: &str, code: Option<&str>| json!({"id": listed(COST_CENTER, id), "name": name, "code": code});
    let units = UNITS.iter().map(|u| match u.id.is_multiple_of(2) {
        true => row(u.id, u.name, Some(u.cost_center)),
        false => row(u.id, u.cost_center, None),
    });
    [row(0, "Closed", Some("CC-000"))]
        .into_iter()
        .chain(units)
        .collect()
}

/// Sheet: Other calls, "arrays departments, locations, titles, teams, legalEntities, each {id, name}". Client, `Company`:
/// `businessAreas` and `costCenters` too.
fn company(_: &Desk) -> Result<Reply, Refusal> {
    let row = |id: String, name: &str| json!({"id": id, "name": name});
    let all = |rows: &mut dyn Iterator<Item = Value>| rows.collect::<Vec<Value>>();
    let body = json!({
        "departments": all(&mut UNITS.iter().map(|u| row(listed(DEPARTMENT, u.id), u.name))),
        "locations": all(&mut SITES.iter().map(|s| row(listed(LOCATION, s.id), s.name))),
        "titles": all(&mut titles().into_iter().map(|t| row(title_id(t), t))),
        "teams": all(&mut UNITS.iter().map(|u| row(listed(TEAM, u.id), u.team))),
        "legalEntities": all(&mut ENTITIES.iter().map(|e| row(listed(ENTITY, e.id), e.name))),
        "businessAreas": all(&mut divisions().into_iter().map(|d| row(business_area(d), d))),
        "costCenters": cost_centers(),
        // "`{id, name, type}`"
        "customFields": [
            {"id": "88888888-0000-4000-8000-000000000002", "name": "Locker", "type": "Number"},
            {"id": COST_FIELD_ID, "name": COST_FIELD, "type": "Text"},
        ],
        "customEmploymentFields": [],
    });
    Ok(Reply::json(200, &body))
}
