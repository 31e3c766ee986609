//! IRIS Cascade HR: employees, jobs and a hierarchy, asked with OData options. Rules are cited as "sheet: section" of
//! the fact sheet on this vendor; "OData page" is the vendor's own (help-iris.co.uk, `hr/cascade/api/API/odata.htm`).

use chrono::NaiveDate;
use serde_json::{Value, json};

use crate::cli::simulate::hris::call::{Refusal, Reply};
use crate::cli::simulate::hris::desk::Desk;
use crate::cli::simulate::hris::dice::Dice;
use crate::cli::simulate::hris::people::{Person, shift};
use crate::cli::simulate::hris::standin::{Credential, Limit, Make, Role, Route, Standin};
use crate::cli::simulate::hris::truth::Field;
use crate::domain::employment::EmploymentState;

#[path = "iris-cascade/nodes.rs"]
mod nodes;
#[path = "iris-cascade/odata.rs"]
mod odata;

use odata::Wish;

/// Sheet: Listing, "Options".
const QUERY: &[&str] = &["$top", "$skip", "$filter", "$select", "$orderby", "$count"];

pub const STANDIN: Standin = Standin {
    name: "IRIS Cascade HR",
    // Sheet: Access, step 2; Other calls, "Which Level is the department differs per customer"; SCIM mapping, "`KnownAs`
    // or `FirstName`".
    credentials: &[
        Credential::new("client_key", Make::Word("", 32)),
        Credential::new("client_secret", Make::Word("", 32)),
        Credential::new("department_level", Make::Fixed("4")),
        Credential::new("division_level", Make::Fixed("3")),
        Credential::new("organization_level", Make::Fixed("2")),
        Credential::new("known_as_names", Make::Fixed("yes")),
    ],
    // Sheet: Listing, "paths are not case-sensitive in the vendor's samples".
    routes: &[
        Route::post("/oauth2/v1/token", Role::Token, &[], token),
        Route::get("/hr/v2/employees", Role::List, QUERY, employees),
        Route::get("/hr/v2/Employees", Role::List, QUERY, employees),
        Route::get("/hr/v2/jobs", Role::Lookup, QUERY, jobs),
        Route::get("/hr/v2/Jobs", Role::Lookup, QUERY, jobs),
        Route::get("/hr/v2/hierarchy", Role::Lookup, QUERY, hierarchy),
        Route::get("/hr/v2/Hierarchy", Role::Lookup, QUERY, hierarchy),
    ],
    // Sheet: Listing, "Rate limits: 100 calls per minute per customer … and 144 000 per day".
    limits: &[
        Limit {
            path: "",
            count: 100,
            seconds: 60,
        },
        Limit {
            path: "",
            count: 144_000,
            seconds: 86_400,
        },
    ],
    // No state: sheet: Record, "`WorkingStatus` … Not an employment status"; two dates are all that tells.
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
        Field::Start,
        Field::End,
    ],
    // Sheet: Listing, "Errors: 400/401/403": nothing goes quietly.
    hides: &[],
    // Sheet: Access, step 4, "`iris.hr.write iris.hr.read` for a full one".
    widens: true,
    is_paged: true,
    id: |seed, person| Dice::new(seed, &format!("iris/{}", person.serial)).uuid(),
    tell: |company, person, mut facts| {
        facts.given = Some(given(person).to_owned());
        facts.display = Some(person.display());
        facts.number = Some(display_id(person));
        // No word says who left, and a date alone is over when it is over in every zone.
        let left_yesterday = person.end == Some(shift(company.day, -1));
        if facts.state == EmploymentState::OnLeave || left_yesterday {
            facts.state = EmploymentState::Employed;
        }
        Some(facts)
    },
    // Sheet: Listing, "No rate headers documented".
    limit_headers: |_| Vec::new(),
    admit,
    refuse,
};

fn given(person: &Person) -> &'static str {
    person.preferred.unwrap_or(person.given)
}

/// Sheet: Record, "`DisplayId`: string, unique"; the sheet's example has a zero before it.
fn display_id(person: &Person) -> String {
    format!("{:04}", 900 + person.serial)
}

/// Sheet: Access, "Authorization: Bearer".
fn admit(desk: &Desk) -> Result<(), Refusal> {
    match desk.call.bearer() {
        Some(token) if desk.is_good(token) => Ok(()),
        _ => Err(Refusal::Unauthorized),
    }
}

/// Sheet: Listing, "an RFC 7807 problem object"; no header says how long to wait.
fn refuse(desk: &Desk, refusal: Refusal) -> Reply {
    let (status, title, detail) = match refusal {
        Refusal::Unauthorized => (401, "Unauthorized", "Invalid access token.".to_owned()),
        Refusal::Forbidden => (403, "Forbidden", "The key may not read this.".to_owned()),
        Refusal::NotFound => (404, "Not Found", "Resource not found.".to_owned()),
        Refusal::WrongMethod => (405, "Method Not Allowed", "Wrong method.".to_owned()),
        Refusal::Bad(why) | Refusal::Invalid(why) => (400, "Bad Request", why),
        Refusal::Broken => (500, "Internal Server Error", "Server error.".to_owned()),
        Refusal::TooMany(_) => (429, "Too Many Requests", "Rate limit exceeded.".to_owned()),
        Refusal::Special(reply) => return *reply,
    };
    let problem = json!({
        "title": title, "type": "about:blank", "status": status, "detail": detail,
        "instance": desk.call.path,
    });
    Reply::new(status, "application/problem+json", problem.to_string())
}

/// Sheet: Access, steps 3 and 4.
fn token(desk: &Desk) -> Result<Reply, Refusal> {
    let deny = |status, error: &str| {
        Refusal::Special(Box::new(Reply::json(status, &json!({"error": error}))))
    };
    let (key, secret) = desk
        .call
        .basic()
        .ok_or_else(|| deny(401, "invalid_client"))?;
    if key != desk.key("client_key") || secret != desk.key("client_secret") {
        return Err(deny(401, "invalid_client"));
    }
    let form = desk.call.form()?;
    let grant = form.iter().find(|(name, _)| name == "grant_type");
    if grant.is_none_or(|(_, value)| value != "client_credentials") {
        return Err(deny(400, "unsupported_grant_type"));
    }
    let (token, seconds) = desk.issue("", 3_599, false);
    let scope = match desk.reads_more() {
        true => "iris.hr.write iris.hr.read",
        false => "iris.hr.read",
    };
    // "`expires_in` - given as a string"
    Ok(Reply::json(
        200,
        &json!({
            "access_token": token, "token_type": "Bearer", "scope": scope,
            "expires_in": seconds.to_string(),
        }),
    ))
}

/// Sheet: Record, `2012-04-01T00:00:00Z`.
fn date(day: Option<NaiveDate>) -> Value {
    json!(day.map(|d| format!("{d}T00:00:00Z")))
}

/// Names of an employee, those that hold lists among them. Sheet: Record.
const EMPLOYEE: &[&str] = &[
    "Id",
    "DisplayId",
    "PayrollId",
    "SourceSystemId",
    "TitleHonorific",
    "FirstName",
    "KnownAs",
    "OtherName",
    "LastName",
    "CostCentre",
    "WorkingStatus",
    "IsManager",
    "EmploymentStartDate",
    "EmploymentLeftDate",
    "ContinuousServiceDate",
    "LastWorkingDate",
    "LeaverReason",
    "NationalInsuranceNumber",
    "DateOfBirth",
    "Phones",
    "Emails",
    "Addresses",
    "WindowsUsername",
    "CreatedOn",
    "LastModifiedOn",
];
/// What an employee has lists of, and the names in them.
const LISTS: &[(&str, &[&str])] = &[
    ("Phones", &["Ownership", "Type", "Value"]),
    ("Emails", &["Ownership", "Value"]),
    ("Addresses", &["Ownership", "Address1", "PostCode"]),
];

/// Sheet: Listing, "Leavers are in the list by default"; page of at most 1000.
fn employees(desk: &Desk) -> Result<Reply, Refusal> {
    let wish = Wish::read(desk, EMPLOYEE, LISTS, 1_000)?;
    let is_wanted = odata::of_employees(desk.call.param("$filter"))?;
    let mut people: Vec<&Person> = desk.company.people().filter(|p| is_wanted(p)).collect();
    if wish.is_by_id {
        people.sort_by_cached_key(|p| desk.id(p));
    }
    let roster = desk.rows(people, wish.size);
    let shown = roster.page(wish.skip, wish.size).iter();
    let rows = shown.map(|p| wish.chosen(employee(desk, p))).collect();
    Ok(wish.answer("Employees", rows, roster.total))
}

/// Sheet: Record, "Employee"; Example.
fn employee(desk: &Desk, person: &Person) -> Value {
    let is_manager = desk
        .company
        .people()
        .any(|p| p.manager == Some(person.serial));
    let private = json!({"Ownership": "Personal", "Value": person.private_email});
    let work = person
        .email
        .as_ref()
        .map(|email| json!({"Ownership": "Organization", "Value": email}));
    let emails: Vec<Value> = [private].into_iter().chain(work).collect();
    // "`Ownership`, `Type` (Mobile or Landline), `Value`"; a private number is nobody's business.
    let phone = |owner: &str, kind: &str, value: &str| json!({"Ownership": owner, "Type": kind, "Value": value});
    let landline = person.work_phone.as_deref();
    let mobile = person.mobile.as_deref();
    let phones: Vec<Value> = [phone("Personal", "Mobile", "+44 7700 900000")]
        .into_iter()
        .chain(mobile.map(|p| phone("Organization", "Mobile", p)))
        .chain(landline.map(|p| phone("Organization", "Landline", p)))
        .collect();
    let has_left = person.state(desk.company.day) == EmploymentState::Left;
    // "can be earlier (garden leave)"
    let last_working = person.end.filter(|_| person.serial.is_multiple_of(2));
    // "SCIM mapping: job `CostCentre`, else employee `CostCentre`": an old one stands here where the job has its own.
    let cost_center = match has_own_center(person) {
        true => "CC-000",
        false => person.unit.cost_center,
    };
    let first = person.earlier.map_or(person.start, |(from, _)| from);
    json!({
        "Id": desk.id(person),
        "DisplayId": display_id(person),
        "PayrollId": person.number.map(|n| n.to_string()),
        "SourceSystemId": (500 + person.serial).to_string(),
        "TitleHonorific": null,
        "FirstName": person.given,
        "KnownAs": person.preferred,
        "OtherName": person.middle,
        "LastName": person.family,
        "CostCentre": cost_center,
        "WorkingStatus": working(person, desk.company.day),
        "IsManager": is_manager,
        "EmploymentStartDate": date(Some(person.start)),
        "EmploymentLeftDate": date(person.end),
        "ContinuousServiceDate": date(Some(first)),
        "LastWorkingDate": date(last_working.map(|end| shift(end, -4))),
        "LeaverReason": if has_left { json!("Resignation") } else { Value::Null },
        "NationalInsuranceNumber": "QQ000000A",
        "DateOfBirth": "1980-01-01T00:00:00Z",
        "Phones": phones,
        "Emails": emails,
        "Addresses": [{"Ownership": "Organization", "Address1": person.site.name, "PostCode": null}],
        "WindowsUsername": null,
        "CreatedOn": format!("{}T09:00:00Z", shift(first, -9)),
        "LastModifiedOn": format!("{}T07:31:00Z", person.changed),
    })
}

/// Sheet: Record, "e.g. on holiday, sick": who has left may still have the word of her last days.
fn working(person: &Person, day: NaiveDate) -> &'static str {
    match (person.state(day), person.serial % 5) {
        (EmploymentState::Left, 0 | 1) => "Left",
        (EmploymentState::OnLeave, _) | (_, 2) => "On Holiday",
        (_, 3) => "Sick",
        _ => "Working",
    }
}

fn has_own_center(person: &Person) -> bool {
    !person.serial.is_multiple_of(4)
}

/// One of somebody's jobs.
struct Job<'a> {
    person: &'a Person,
    number: u8,
    title: &'static str,
    from: NaiveDate,
    to: Option<NaiveDate>,
}

/// Sheet: Record, "Job (one or more per employee, with history)". Some have two at the same time, some will have another.
fn jobs_of<'a>(person: &'a Person, day: NaiveDate, all: &mut Vec<Job<'a>>) {
    let mut add = |number, title, from, to| {
        all.push(Job {
            person,
            number,
            title,
            from,
            to,
        });
    };
    if let Some((from, to)) = person.earlier {
        add(1, "Temp", from, Some(to));
    }
    if person.serial.is_multiple_of(5) && person.end.is_none() && person.start < day {
        add(2, "To come", shift(day, 30), None);
    }
    let promoted = shift(person.start, 200);
    let is_over = person.end.is_some_and(|end| end <= promoted);
    if person.serial.is_multiple_of(3) && promoted < day && !is_over {
        add(3, person.title, promoted, person.end);
        let keeps_the_first = person.serial.is_multiple_of(2);
        let to = match keeps_the_first {
            true => person.end,
            false => Some(shift(promoted, -1)),
        };
        add(4, "Trainee", person.start, to);
    } else {
        add(3, person.title, person.start, person.end);
    }
}

/// Names of a job. Sheet: Record.
const JOB: &[&str] = &[
    "Id",
    "EmployeeId",
    "JobTitle",
    "Position",
    "Classification",
    "JobFamily",
    "StartDate",
    "EndDate",
    "ContractEndDate",
    "LineManagerId",
    "HierarchyNodeId",
    "Active",
    "Contract",
    "FullTimeEquivalent",
    "CostCentre",
    "Salary",
    "LastModifiedOn",
];

/// Sheet: Other calls, `GET /jobs`; page of at most 250.
fn jobs(desk: &Desk) -> Result<Reply, Refusal> {
    let wish = Wish::read(desk, JOB, &[], 250)?;
    let wanted = odata::of_jobs(desk.call.param("$filter"))?;
    let day = desk.company.day;
    let mut all = Vec::new();
    for person in desk.company.people() {
        jobs_of(person, day, &mut all);
    }
    let is_wanted = |job: &Job| wanted.is_none_or(|active| is_active(job, day) == active);
    all.retain(is_wanted);
    let total = all.len();
    let shown = all.iter().skip(wish.skip).take(wish.size);
    let rows = shown.map(|job| wish.chosen(record(desk, job))).collect();
    Ok(wish.answer("Jobs", rows, total))
}

/// "Current | `Active` (boolean, computed)".
fn is_active(job: &Job, day: NaiveDate) -> bool {
    job.from <= day && job.to.is_none_or(|to| to >= day)
}

fn record(desk: &Desk, job: &Job) -> Value {
    let person = job.person;
    let seed = desk.company.seed;
    let name = format!("iris/job/{}/{}", person.serial, job.number);
    let manager = desk.company.manager_of(person).map(|m| desk.id(m));
    let is_main = job.number == 3;
    let center = (is_main && has_own_center(person)).then_some(person.unit.cost_center);
    json!({
        "Id": Dice::new(seed, &name).uuid(),
        "EmployeeId": desk.id(person),
        "JobTitle": job.title,
        "Position": null,
        "Classification": "Professional",
        "JobFamily": null,
        "StartDate": date(Some(job.from)),
        "EndDate": date(job.to),
        "ContractEndDate": null,
        "LineManagerId": manager.filter(|_| is_main),
        "HierarchyNodeId": is_main.then(|| nodes::of(seed, person)),
        "Active": is_active(job, desk.company.day),
        "Contract": "Permanent",
        "FullTimeEquivalent": 1.0,
        "CostCentre": center,
        "Salary": 1.0,
        "LastModifiedOn": format!("{}T07:31:00Z", person.changed),
    })
}

/// Sheet: Other calls, `GET /hierarchy`; page of at most 250.
fn hierarchy(desk: &Desk) -> Result<Reply, Refusal> {
    let wish = Wish::read(desk, nodes::NAMES, &[], 250)?;
    if desk.call.param("$filter").is_some() {
        let why = "this stand-in filters employees and jobs only";
        return Err(Refusal::Bad(why.into()));
    }
    let all = nodes::all(desk.company.seed);
    let total = all.len();
    let shown = all.into_iter().skip(wish.skip).take(wish.size);
    let rows = shown.map(|node| wish.chosen(node)).collect();
    Ok(wish.answer("Hierarchy", rows, total))
}
