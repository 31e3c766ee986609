//! Nmbrs. Rules are cited as "sheet: section" of the fact sheet on this vendor.

use chrono::{Datelike, NaiveDate};
use serde_json::{Map, Value, json};

use crate::cli::simulate::hris::call::{Refusal, Reply};
use crate::cli::simulate::hris::company::Company;
use crate::cli::simulate::hris::desk::Desk;
use crate::cli::simulate::hris::dice::Dice;
use crate::cli::simulate::hris::names::{ENTITIES, UNITS};
use crate::cli::simulate::hris::people::{Kind, Person, shift};
use crate::cli::simulate::hris::standin::{Credential, Make, Role, Route, Standin};
use crate::cli::simulate::hris::truth::Field;
use crate::domain::employment::EmploymentState;

#[path = "nmbrs/consent.rs"]
mod consent;
#[path = "nmbrs/lists.rs"]
mod lists;

const PAGED: &[&str] = &["pageNumber", "pageSize"];

const HISTORY: &[&str] = &["pageNumber", "pageSize", "createdFrom"];

pub const STANDIN: Standin = Standin {
    name: "Nmbrs",
    // Sheet: Access, "Values to paste"; the refresh token is what a consent that was given has led to.
    credentials: &[
        Credential::new("client_id", Make::Uuid),
        Credential::new("client_secret", Make::Word("", 40)),
        Credential::new("subscription_key", Make::Hex("", 32)),
        Credential::new("refresh_token", Make::Word("", 64)),
    ],
    routes: &[
        Route::get(
            "/connect/authorize",
            Role::Token,
            &[
                "client_id",
                "redirect_uri",
                "response_type",
                "scope",
                "state",
                "code_challenge",
                "code_challenge_method",
            ],
            consent::authorize,
        ),
        Route::post("/connect/token", Role::Token, &[], consent::token),
        Route::get("/api/debtors", Role::Lookup, PAGED, debtors),
        Route::get("/api/companies", Role::Lookup, PAGED, companies),
        Route::get("/api/companies/{id}/period", Role::Lookup, PAGED, period),
        Route::get(
            "/api/companies/{id}/employees",
            Role::List,
            &["pageNumber", "pageSize", "employeeType"],
            employees,
        ),
        Route::get(
            "/api/companies/{id}/employees/personalinfo",
            Role::Lookup,
            HISTORY,
            personal,
        ),
        Route::get(
            "/api/companies/{id}/employees/managers",
            Role::Lookup,
            HISTORY,
            managers,
        ),
        Route::get(
            "/api/companies/{id}/employees/departments",
            Role::Lookup,
            HISTORY,
            departments,
        ),
        Route::get(
            "/api/companies/{id}/employees/functions",
            Role::Lookup,
            HISTORY,
            functions,
        ),
        Route::get(
            "/api/companies/{id}/employees/employments",
            Role::Lookup,
            &["pageNumber", "pageSize", "createdFrom", "changedFrom"],
            lists::employments,
        ),
        Route::get(
            "/api/companies/{id}/employees/costcenters",
            Role::Lookup,
            HISTORY,
            lists::cost_centers,
        ),
        Route::get(
            "/api/companies/{id}/employees/useraccounts",
            Role::Lookup,
            PAGED,
            lists::accounts,
        ),
        Route::get("/api/employees/{id}", Role::Detail, PAGED, one),
    ],
    // Sheet: Listing, "no number published".
    limits: &[],
    fields: &[
        Field::Email,
        Field::Given,
        Field::Family,
        Field::Display,
        Field::Title,
        Field::Number,
        Field::Department,
        Field::Organization,
        Field::CostCenter,
        Field::Manager,
        Field::WorkPhone,
        Field::Mobile,
        Field::Language,
        Field::State,
        Field::Start,
        Field::End,
    ],
    // Sheet: Listing, "403 usually a missing scope": nothing goes quietly.
    hides: &[],
    widens: true,
    is_paged: true,
    id: |seed, person| Dice::new(seed, &format!("nmbrs/{}", person.serial)).uuid(),
    tell: |company, person, mut facts| {
        if !company
            .manager_of(person)
            .is_some_and(|m| is_known(company, m))
        {
            facts.manager = None;
        }
        facts.language = facts.language.filter(|_| lists::has_login(person));
        if facts.state == EmploymentState::OnLeave {
            facts.state = EmploymentState::Employed;
        }
        Some(facts)
    },
    limit_headers: |_| Vec::new(),
    admit,
    refuse,
};

/// Sheet: Record, "a manager is NOT an employee record: join by e-mail, then by name". Of those without an address only
/// who has a name for herself is anybody's manager here.
fn is_known(company: &Company, manager: &Person) -> bool {
    let name = |p: &Person| (p.given, p.family);
    let has_name = |p: &&Person| name(p) == name(manager);
    manager.email.is_some() || company.people().filter(has_name).count() == 1
}

/// Sheet: Access, "Every request needs two credentials".
fn admit(desk: &Desk) -> Result<(), Refusal> {
    let is_subscribed =
        desk.call.header("x-subscription-key") == Some(desk.key("subscription_key"));
    match desk.call.bearer() {
        Some(token) if is_subscribed && desk.is_good(token) => Ok(()),
        _ => Err(Refusal::Unauthorized),
    }
}

/// Components `401-error`, `403-error`, `429-error` of the vendor's OpenAPI; sheet: Listing, "Errors: {type, httpStatus, code, title, detail, invalid-params[], docUrl}"; "HTTP 429 with `code`
/// 42908 … no headers documented".
fn refuse(_: &Desk, refusal: Refusal) -> Reply {
    let (status, code, title, detail) = match refusal {
        Refusal::Unauthorized => (401, 40102, "Invalid_Token", "Token is invalid.".to_owned()),
        Refusal::Forbidden => {
            let detail =
                "You do not have access for the debtor or company you are trying to reach.";
            (403, 40303, "Unauthorized_AccessData", detail.to_owned())
        }
        Refusal::NotFound => (
            404,
            40401,
            "Not_Found",
            "There is no such resource".to_owned(),
        ),
        Refusal::WrongMethod => (405, 40501, "Not_Allowed", "Not with this method".to_owned()),
        Refusal::Bad(why) | Refusal::Invalid(why) => (400, 40001, "Invalid_Request", why),
        Refusal::Broken => (
            500,
            50001,
            "Internal_Error",
            "Something went wrong".to_owned(),
        ),
        Refusal::TooMany(_) => (429, 42908, "Too_Many_Calls", "Too many calls".to_owned()),
        Refusal::Special(reply) => return *reply,
    };
    let kind = match status {
        401 | 403 => "authenticationError",
        429 => "throttlingError",
        500 => "apiError",
        _ => "invalidRequestError",
    };
    Reply::json(
        status,
        &json!({
            "type": kind, "httpStatus": status, "code": code, "title": title, "detail": detail,
            "docUrl": "https://developer.nmbrs.com/api/docs/errors",
        }),
    )
}

/// Sheet: Listing, "pageNumber (from 1), pageSize (default 20, max 100)".
fn window(desk: &Desk) -> Result<(usize, usize), Refusal> {
    let bad = |why: &str| Err(Refusal::Bad(why.to_owned()));
    let page = desk.call.number("pageNumber")?.unwrap_or(1);
    if page == 0 {
        return bad("pageNumber begins with 1");
    }
    let size = desk.call.number("pageSize")?;
    if size.is_some_and(|n| n == 0 || n > 100) {
        return bad("pageSize must be between 1 and 100");
    }
    Ok((page, desk.page_size(size, 20, 100)))
}

/// Sheet: Listing, "Envelope".
fn envelope(desk: &Desk, (page, size): (usize, usize), total: usize, data: Vec<Value>) -> Reply {
    let pages = total.div_ceil(size).max(1);
    let at = |page: usize| {
        format!(
            "https://api.nmbrsapp.com{}?pageNumber={page}",
            desk.call.path
        )
    };
    Reply::json(
        200,
        &json!({
            "pagination": {
                "pageNumber": page, "pageSize": size, "totalPages": pages, "totalRecords": total,
                "firstPage": at(1), "lastPage": at(pages),
                "nextPage": (page < pages).then(|| at(page + 1)),
                "previousPage": (page > 1).then(|| at(page - 1)),
            },
            "data": data,
        }),
    )
}

fn plain(desk: &Desk, rows: Vec<Value>) -> Result<Reply, Refusal> {
    let (page, size) = window(desk)?;
    let total = rows.len();
    let data = rows
        .into_iter()
        .skip((page - 1).saturating_mul(size))
        .take(size);
    Ok(envelope(desk, (page, size), total, data.collect()))
}

const DEBTOR: &str = "0d000000-0000-4000-8000-000000000001";

fn company_id(id: u32) -> String {
    format!("0c000000-0000-4000-8000-{id:012}")
}

fn debtors(desk: &Desk) -> Result<Reply, Refusal> {
    plain(
        desk,
        vec![json!({"debtorId": DEBTOR, "number": 1, "name": "Kestrel"})],
    )
}

fn companies(desk: &Desk) -> Result<Reply, Refusal> {
    let rows = ENTITIES
        .iter()
        .map(|e| json!({"companyId": company_id(e.id), "number": e.id, "name": e.name, "debtorId": DEBTOR}));
    plain(desk, rows.collect())
}

/// The company in the path.
fn entity(desk: &Desk) -> Result<u32, Refusal> {
    let found = ENTITIES
        .iter()
        .find(|e| company_id(e.id) == desk.call.place(0));
    found.map(|e| e.id).ok_or(Refusal::NotFound)
}

fn moment(day: NaiveDate) -> String {
    format!("{day}T00:00:00Z")
}

fn period_of(day: NaiveDate) -> Value {
    json!({"year": day.year(), "period": day.month()})
}

fn period(desk: &Desk) -> Result<Reply, Refusal> {
    entity(desk)?;
    let row = json!({"period": period_of(desk.company.day), "periodType": "month"});
    plain(desk, vec![row])
}

/// Sheet: Record, "status".
fn employee_type(desk: &Desk, person: &Person) -> &'static str {
    match (desk.state(person), person.kind) {
        (EmploymentState::Prehire, _) => "newHire",
        (EmploymentState::Left, Kind::Employee) => "formerPayroll",
        (EmploymentState::Left, Kind::Contractor) => "formerExternal",
        (_, Kind::Employee) => "payroll",
        (_, Kind::Contractor) => "external",
    }
}

/// Sheet: Record, "names": "prefix (NL tussenvoegsel)", "`firstName` may be null: use `firstNameInFull`".
fn basic_info(desk: &Desk, person: &Person) -> Value {
    let (prefix, last) = match person.family.strip_prefix("van der ") {
        Some(rest) => (Some("van der"), rest),
        None => (None, person.family),
    };
    let initial = person.given.chars().next().unwrap_or('X');
    let is_short = person.serial % 10 == 8;
    json!({
        "employeeNumber": person.number,
        "firstName": (!is_short).then_some(person.given),
        "firstNameInFull": person.given,
        "prefix": prefix,
        "initials": format!("{initial}."),
        "lastName": last,
        "employeeType": employee_type(desk, person),
    })
}

/// Sheet: Listing, step 2. What comes without `employeeType` is unknown: here those who work.
fn employees(desk: &Desk) -> Result<Reply, Refusal> {
    let entity = entity(desk)?;
    let (page, size) = window(desk)?;
    let known = [
        "payroll",
        "newHire",
        "formerPayroll",
        "external",
        "formerExternal",
        "applicant",
        "rejectedApplicant",
    ];
    let wanted: Vec<&str> = desk
        .call
        .param("employeeType")
        .unwrap_or("payroll,external")
        .split(',')
        .collect();
    if let Some(word) = wanted.iter().find(|w| !known.contains(w)) {
        return Err(Refusal::Bad(format!("employeeType has no `{word}`")));
    }
    let roster = desk.roster(size, |p| {
        p.entity.id == entity && wanted.contains(&employee_type(desk, p))
    });
    let shown = roster.page((page - 1).saturating_mul(size), size);
    let data = shown
        .iter()
        .map(|p| json!({"employeeId": desk.id(p), "employeeBasicInfo": basic_info(desk, p)}));
    Ok(envelope(desk, (page, size), roster.total, data.collect()))
}

fn personal_info(desk: &Desk, person: &Person) -> Value {
    json!({
        "personalInfoId": Dice::new(person.serial.into(), "nmbrs/info").uuid(),
        "basicInfo": basic_info(desk, person),
        "contactInfo": {
            "businessEmail": person.email, "privateEmail": person.private_email,
            "businessPhone": person.work_phone, "businessMobilePhone": person.mobile,
            "privatePhone": null, "privateMobilePhone": null, "otherPhone": null,
        },
        "period": period_of(person.changed),
        "createdAt": moment(person.changed),
    })
}

fn manager(desk: &Desk, person: &Person) -> Value {
    let manager = desk.company.manager_of(person);
    let manager = manager.filter(|m| is_known(desk.company, m));
    manager.map_or(Value::Null, |m| {
        json!({
            "managerId": Dice::new(m.serial.into(), "nmbrs/manager").uuid(), "number": m.serial,
            "firstName": m.given, "lastName": m.family, "email": m.email,
        })
    })
}

fn department(person: &Person) -> Value {
    let unit = person.unit;
    json!({"departmentId": Dice::new(unit.id.into(), "nmbrs/department").uuid(), "code": unit.id, "description": unit.name})
}

fn function(person: &Person) -> Value {
    let at = person
        .unit
        .titles
        .iter()
        .position(|t| *t == person.title)
        .unwrap_or(0);
    let code = person.unit.id * 10 + u32::try_from(at).unwrap_or(0);
    json!({"functionId": Dice::new(code.into(), "nmbrs/function").uuid(), "code": code, "description": person.title})
}

/// Sheet: Listing, step 3, "one element in data[]".
fn one(desk: &Desk) -> Result<Reply, Refusal> {
    let person = desk.find(desk.call.place(0)).ok_or(Refusal::NotFound)?;
    let row = json!({
        "employeeId": desk.id(person),
        "personalInfo": personal_info(desk, person),
        "manager": manager(desk, person),
        "department": department(person),
        "function": function(person),
    });
    plain(desk, vec![row])
}

/// One row for each person of the company in the path: `{employeeId, <list>: […]}`. Only the page's are made.
fn histories(
    desk: &Desk,
    list: &str,
    rows: impl Fn(&Person) -> Vec<Value>,
) -> Result<Reply, Refusal> {
    let entity = entity(desk)?;
    let (page, size) = window(desk)?;
    let people: Vec<&Person> = desk
        .company
        .people()
        .filter(|p| p.entity.id == entity)
        .collect();
    let shown = people
        .iter()
        .skip((page - 1).saturating_mul(size))
        .take(size);
    let data = shown.map(|p| {
        let mut row = Map::new();
        row.insert("employeeId".into(), json!(desk.id(p)));
        row.insert(list.to_owned(), json!(rows(p)));
        Value::Object(row)
    });
    Ok(envelope(desk, (page, size), people.len(), data.collect()))
}

/// A value with the period from which it is current; some had another before, some will have one later. Sheet:
/// Record, "current = greatest (year, period) not after the company's current period".
fn dated(desk: &Desk, person: &Person, now: Value, other: Option<Value>) -> Vec<Value> {
    let stamp = |mut value: Value, day: NaiveDate| {
        if let Some(value) = value.as_object_mut() {
            value.insert("createdAt".into(), json!(moment(day)));
            value.insert("period".into(), period_of(day));
        }
        value
    };
    if now.is_null() {
        return Vec::new();
    }
    let today = desk.company.day;
    let begun = person.changed.min(shift(today, -1));
    let mut rows = vec![stamp(now, begun)];
    if let Some(other) = other {
        match person.serial % 4 {
            0 => rows.insert(0, stamp(other, shift(begun, -400))),
            1 => rows.insert(0, stamp(other, shift(today, 90))),
            _ => {}
        }
    }
    rows
}

fn another_unit(person: &Person) -> Value {
    let at = UNITS.iter().position(|u| u == person.unit).unwrap_or(0);
    let other = &UNITS[(at + 1) % UNITS.len()];
    json!({"departmentId": Dice::new(other.id.into(), "nmbrs/department").uuid(), "code": other.id, "description": other.name})
}

fn personal(desk: &Desk) -> Result<Reply, Refusal> {
    histories(desk, "info", |p| vec![personal_info(desk, p)])
}

fn managers(desk: &Desk) -> Result<Reply, Refusal> {
    histories(desk, "managers", |p| dated(desk, p, manager(desk, p), None))
}

fn departments(desk: &Desk) -> Result<Reply, Refusal> {
    histories(desk, "departments", |p| {
        dated(desk, p, department(p), Some(another_unit(p)))
    })
}

fn functions(desk: &Desk) -> Result<Reply, Refusal> {
    histories(desk, "functions", |p| {
        let other = json!({"functionId": Dice::new(9, "nmbrs/function").uuid(), "code": 9, "description": "Stagiair"});
        dated(desk, p, function(p), Some(other))
    })
}
