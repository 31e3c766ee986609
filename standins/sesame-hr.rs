//! Sesame HR. Rules are cited as "sheet: section" of the fact sheet on this vendor.

use chrono::NaiveDate;
use serde_json::{Value, json};

use crate::cli::simulate::hris::call::{Refusal, Reply};
use crate::cli::simulate::hris::company::Company;
use crate::cli::simulate::hris::desk::Desk;
use crate::cli::simulate::hris::dice::Dice;
use crate::cli::simulate::hris::names::{SITES, UNITS};
use crate::cli::simulate::hris::people::{Person, shift};
use crate::cli::simulate::hris::standin::{Credential, Limit, Make, Role, Route, Standin};
use crate::cli::simulate::hris::truth::Field;
use crate::domain::employment::EmploymentState;

const PAGED: &[&str] = &["limit", "page"];

pub const STANDIN: Standin = Standin {
    name: "Sesame HR",
    // Sheet: Access, "Pasted values: region, token; which manager relation to use; custom-field slugs".
    credentials: &[
        Credential::new("region", Make::Fixed("eu1")),
        Credential::new("api_token", Make::Hex("", 64)),
        Credential::new("manager_permission", Make::Fixed("vacation")),
        Credential::new("phone", Make::Fixed("yes")),
        Credential::new("employee_number_custom_field", Make::Fixed(NUMBER_FIELD)),
        Credential::new("cost_center_custom_field", Make::Fixed(COST_FIELD)),
        Credential::new("division_custom_field", Make::Fixed(DIVISION_FIELD)),
    ],
    routes: &[
        Route::get("/core/v3/info", Role::Check, &[], info),
        // Sheet: Listing, "Filters".
        Route::get(
            "/core/v3/employees",
            Role::List,
            &[
                "limit",
                "page",
                "orderBy",
                "status",
                "status[in]",
                "email",
                "code",
                "dni",
                "departmentIds",
                "officeIds",
            ],
            employees,
        ),
        Route::get("/core/v3/employees/{id}", Role::Detail, &[], one),
        // Sheet: Other calls.
        Route::get(
            "/core/v3/employee-managers",
            Role::Lookup,
            &["limit", "page", "employeeId", "managerId", "permission"],
            managers,
        ),
        Route::get("/core/v3/departments", Role::Lookup, PAGED, departments),
        Route::get(
            "/core/v3/employee-department-assignations",
            Role::Lookup,
            &["limit", "page", "employeeId", "departmentId"],
            assignations,
        ),
        // apidocs.sesametime.com, core/listoffices and employees/listemployeeofficeassignations.
        Route::get(
            "/core/v3/offices",
            Role::Lookup,
            &["limit", "page", "name", "orderBy"],
            offices,
        ),
        Route::get(
            "/core/v3/employee-office-assignations",
            Role::Lookup,
            &["limit", "page", "employeeId", "officeId"],
            office_assignations,
        ),
        Route::get("/core/v3/custom-fields", Role::Lookup, PAGED, custom_fields),
        Route::get(
            "/contract/v1/contracts/{id}/current-contract",
            Role::Detail,
            &[],
            contract,
        ),
        Route::get(
            "/contract/v1/contracts/{id}",
            Role::Detail,
            PAGED,
            contracts,
        ),
    ],
    // Sheet: Listing, "1 000 requests per minute per company".
    limits: &[Limit {
        path: "",
        count: 1_000,
        seconds: 60,
    }],
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
        Field::Timezone,
        Field::State,
        Field::Start,
        Field::End,
    ],
    // Nothing is known to go quietly.
    hides: &[],
    widens: false,
    is_paged: true,
    id: |seed, person| employee_id(seed, person),
    tell: |company, person, mut facts| {
        let family = family(person);
        facts.display = Some(format!("{} {family}", person.given));
        facts.family = Some(family);
        let manager = company.manager_of(person);
        facts.manager = manager.map(|m| employee_id(company.seed, m));
        if facts.state == EmploymentState::OnLeave {
            facts.state = EmploymentState::Employed;
        }
        Some(facts)
    },
    // Sheet: Listing, "no documented headers".
    limit_headers: |_| Vec::new(),
    admit,
    refuse,
};

/// Slugs of the custom fields that hold the employee number, the division and the cost centre.
const NUMBER_FIELD: &str = "cf_number";
const DIVISION_FIELD: &str = "cf_division";
const COST_FIELD: &str = "cf_cost_centre";

fn uuid(seed: u64, what: &str) -> String {
    Dice::new(seed, &format!("sesame/{what}")).uuid()
}

fn employee_id(seed: u64, person: &Person) -> String {
    uuid(seed, &format!("employee/{}", person.serial))
}

/// Sheet: Record, "`secondLastName` (second Spanish surname) is optional".
fn second(person: &Person) -> Option<&'static str> {
    (person.serial % 5 == 2 && person.family.is_ascii()).then_some("Ibarra")
}

/// Sheet: SCIM mapping, "`lastName`, followed by `secondLastName` when present".
fn family(person: &Person) -> String {
    let names = [Some(person.family), second(person)];
    let names: Vec<&str> = names.into_iter().flatten().collect();
    names.join(" ")
}

/// Sheet: Access, "Revoked/wrong token: 401".
fn admit(desk: &Desk) -> Result<(), Refusal> {
    match desk.call.bearer() {
        Some(token) if token == desk.key("api_token") => Ok(()),
        _ => Err(Refusal::Unauthorized),
    }
}

/// Sheet: Listing, "401; 404; 422 validation. Body: `error.message` (and `error.errors`)".
fn refuse(_: &Desk, refusal: Refusal) -> Reply {
    let (status, why) = match refusal {
        Refusal::Unauthorized => (401, "Unauthorized".to_owned()),
        Refusal::Forbidden => (403, "Forbidden".to_owned()),
        Refusal::NotFound => (404, "Not found".to_owned()),
        Refusal::WrongMethod => (405, "Method not allowed".to_owned()),
        Refusal::Bad(why) | Refusal::Invalid(why) => {
            let error = json!({"message": "Validation error", "errors": [why]});
            return Reply::json(422, &json!({"error": error}));
        }
        Refusal::Broken => (500, "Internal server error".to_owned()),
        Refusal::TooMany(_) => (429, "Too many requests".to_owned()),
        Refusal::Special(reply) => return *reply,
    };
    Reply::json(status, &json!({"error": {"message": why}}))
}

/// Page and size. Sheet: Listing, "`page` (from 1) + `limit`"; "Maximum `limit` not documented (100 is used)".
fn window(desk: &Desk) -> Result<(usize, usize), Refusal> {
    let page = desk.call.number("page")?.unwrap_or(1);
    let limit = desk.call.number("limit")?;
    if page == 0 || limit.is_some_and(|n| n == 0 || n > 100) {
        return Err(Refusal::Invalid("page or limit is out of range".into()));
    }
    Ok((page, desk.page_size(limit, 20, 100)))
}

/// Sheet: Listing, "envelope meta.{currentPage,lastPage,total,perPage}".
fn envelope(page: usize, size: usize, total: usize, data: Vec<Value>) -> Reply {
    let meta = json!({
        "currentPage": page, "lastPage": total.div_ceil(size).max(1), "total": total, "perPage": size,
    });
    Reply::json(200, &json!({"data": data, "meta": meta}))
}

/// A page of rows that are not people.
fn plain<T>(desk: &Desk, rows: Vec<T>, show: impl Fn(&T) -> Value) -> Result<Reply, Refusal> {
    let (page, size) = window(desk)?;
    let from = (page - 1).saturating_mul(size);
    let data = rows.iter().skip(from).take(size).map(show).collect();
    Ok(envelope(page, size, rows.len(), data))
}

/// Sheet: Record, "`status`: `active` / `inactive`"; a future starter has a record, and nothing but the contract tells.
fn status(desk: &Desk, person: &Person) -> &'static str {
    match desk.state(person) {
        EmploymentState::Left => "inactive",
        _ => "active",
    }
}

/// Sheet: Listing, "Without a status filter only active people come back".
fn statuses<'a>(desk: &Desk<'a>) -> Result<Vec<&'a str>, Refusal> {
    let call = desk.call;
    let asked = call.param("status[in]").or(call.param("status"));
    let words: Vec<&str> = asked.unwrap_or("active").split(',').collect();
    match words.iter().all(|w| ["active", "inactive"].contains(w)) {
        true => Ok(words),
        false => Err(Refusal::Invalid("status is active or inactive".into())),
    }
}

fn employees(desk: &Desk) -> Result<Reply, Refusal> {
    let (page, size) = window(desk)?;
    let words = statuses(desk)?;
    let call = desk.call;
    let is = |name: &str, value: &str| call.param(name).is_none_or(|wanted| wanted == value);
    if call
        .param("orderBy")
        .is_some_and(|o| !o.starts_with("createdAt"))
    {
        return Err(Refusal::Invalid("this stand-in orders by createdAt".into()));
    }
    let seed = desk.company.seed;
    let roster = desk.roster(size, |p| {
        words.contains(&status(desk, p))
            && is("email", p.email.as_deref().unwrap_or_default())
            && is("code", &p.number.map_or(String::new(), |n| n.to_string()))
            && is("dni", "00000000T")
            && is("departmentIds", &unit_id(seed, p.unit.id))
            && is("officeIds", &office_id(seed, p.site.id))
    });
    let shown = roster.page((page - 1).saturating_mul(size), size);
    let data = shown.iter().map(|p| record(desk, p)).collect();
    Ok(envelope(page, size, roster.total, data))
}

fn wanted<'a>(desk: &Desk<'a>) -> Result<&'a Person, Refusal> {
    desk.find(desk.call.place(0)).ok_or(Refusal::NotFound)
}

fn one(desk: &Desk) -> Result<Reply, Refusal> {
    let person = wanted(desk)?;
    Ok(Reply::json(200, &json!({"data": record(desk, person)})))
}

/// Sheet: Record, "timestamps": `2020-01-01T10:00:00+01:00`.
fn moment(day: NaiveDate) -> String {
    format!("{day}T10:00:00+01:00")
}

fn company(desk: &Desk, person: &Person) -> Value {
    json!({
        "id": uuid(desk.company.seed, &format!("company/{}", person.entity.id)),
        "name": person.entity.name, "notificationEmail": "people@kestrel.test", "language": "es-ES",
        "createdAt": "2020-01-01T10:00:00+01:00", "updatedAt": "2020-01-01T10:00:00+01:00",
    })
}

/// Sheet: Record; Example. "The response contains sensitive data (national id, bank account, PIN, salary range)".
fn record(desk: &Desk, person: &Person) -> Value {
    let seed = desk.company.seed;
    let field = |slug: &str, name: &str, value: Option<&str>| {
        json!({
            "id": uuid(seed, &format!("value/{slug}/{}", person.serial)),
            "companyId": uuid(seed, "company/31"),
            "name": name, "slug": slug, "type": "text", "value": value,
        })
    };
    // "`code` (integer), or a custom field": every second person has the number in the field, and a code that is another.
    let in_field = person.serial.is_multiple_of(2);
    let number = person.number.filter(|_| in_field).map(|n| n.to_string());
    let code = person
        .number
        .map(|n| if in_field { 900_000 + n } else { n });
    json!({
        "id": employee_id(seed, person),
        "firstName": person.given,
        "lastName": person.family,
        "secondLastName": second(person),
        "email": person.email,
        "personalMail": person.private_email,
        // "not employment status; ignore"
        "workStatus": if person.serial.is_multiple_of(2) { "offline" } else { "online" },
        "imageProfileURL": null,
        "code": code,
        "pin": 1_000 + person.serial,
        "phone": person.mobile,
        "workPhone": person.work_phone,
        "nid": "00000000T",
        "accountNumber": "ES00 0000 0000",
        "salaryRange": "B2",
        "company": company(desk, person),
        "language": person.site.locale.split('-').next(),
        "jobChargeId": title(person).map(|t| uuid(seed, t)),
        "jobChargeName": title(person),
        "customFields": [
            field("cf_shirt_size", "Shirt size", Some("M")),
            field(NUMBER_FIELD, "Number", number.as_deref()),
            field(DIVISION_FIELD, "Division", Some(person.unit.division)),
            field(COST_FIELD, "Cost centre", Some(person.unit.cost_center)),
        ],
        "createdAt": moment(person.start),
        "updatedAt": moment(person.changed),
        "status": status(desk, person),
    })
}

/// Sheet: Record, "`jobChargeName`: string or null"; the contract has it too.
fn title(person: &Person) -> Option<&'static str> {
    (!person.serial.is_multiple_of(7)).then_some(person.title)
}

/// A row of `employee-managers`.
struct Bond<'a> {
    employee: &'a Person,
    manager: &'a Person,
    permission: &'static str,
    order: u8,
}

/// Sheet: Other calls, "default rule = `permission == vacation`, lowest `order`; fall back to `check`". The first of the
/// company approves for some what their managers do not.
fn bonds(company: &Company) -> Vec<Bond<'_>> {
    let mut bonds = Vec::new();
    let Some(first) = company.people().next() else {
        return bonds;
    };
    for employee in company.people() {
        let Some(manager) = company.manager_of(employee) else {
            continue;
        };
        let mut bond = |manager, permission, order| {
            bonds.push(Bond {
                employee,
                manager,
                permission,
                order,
            });
        };
        match employee.serial % 6 {
            1 => bond(manager, "check", 0),
            2 => {
                bond(first, "vacation", 1);
                bond(manager, "vacation", 0);
            }
            3 => {
                bond(first, "check", 0);
                bond(manager, "vacation", 0);
            }
            _ => {
                bond(manager, "vacation", 0);
                bond(manager, "check", 0);
            }
        }
    }
    bonds
}

fn managers(desk: &Desk) -> Result<Reply, Refusal> {
    let call = desk.call;
    let is = |name: &str, value: &str| call.param(name).is_none_or(|wanted| wanted == value);
    let rows = bonds(desk.company).into_iter().filter(|b| {
        is("employeeId", &desk.id(b.employee))
            && is("managerId", &desk.id(b.manager))
            && is("permission", b.permission)
    });
    plain(desk, rows.collect(), |b| {
        let what = format!("bond/{}/{}/{}", b.employee.serial, b.permission, b.order);
        json!({
            "id": uuid(desk.company.seed, &what),
            "employee": record(desk, b.employee), "manager": record(desk, b.manager),
            "permission": b.permission, "order": b.order,
            "createdAt": moment(b.employee.start), "updatedAt": moment(b.employee.changed),
        })
    })
}

fn unit_id(seed: u64, id: u32) -> String {
    uuid(seed, &format!("unit/{id}"))
}

fn office_id(seed: u64, id: u32) -> String {
    uuid(seed, &format!("office/{id}"))
}

fn department(seed: u64, id: u32) -> Value {
    let unit = UNITS.iter().find(|u| u.id == id);
    json!({"id": unit_id(seed, id), "name": unit.map(|u| u.name)})
}

fn departments(desk: &Desk) -> Result<Reply, Refusal> {
    let rows = UNITS.iter().map(|u| u.id).collect();
    plain(desk, rows, |id| department(desk.company.seed, *id))
}

/// Sheet: Other calls, "A person can be in several departments: take the oldest or first".
fn assignations(desk: &Desk) -> Result<Reply, Refusal> {
    let call = desk.call;
    let seed = desk.company.seed;
    let is = |name: &str, value: &str| call.param(name).is_none_or(|wanted| wanted == value);
    let both = desk.company.people().flat_map(|p| {
        let also = (p.serial % 8 == 4).then_some(UNITS[0].id);
        let also = also.filter(|id| *id != p.unit.id);
        [Some((p, p.unit.id, 0)), also.map(|id| (p, id, 30))]
    });
    let rows = both.flatten().filter(|(p, id, _)| {
        is("employeeId", &desk.id(p)) && is("departmentId", &unit_id(seed, *id))
    });
    plain(desk, rows.collect(), |(p, id, days)| {
        let since = moment(shift(p.start, *days));
        json!({
            "id": uuid(seed, &format!("assignation/{}/{id}", p.serial)),
            "employee": record(desk, p), "department": department(seed, *id),
            "createdAt": since, "updatedAt": since,
        })
    })
}

fn offices(desk: &Desk) -> Result<Reply, Refusal> {
    let seed = desk.company.seed;
    plain(desk, SITES.iter().collect(), |s| office(seed, s.id))
}

/// apidocs.sesametime.com, core/listoffices: `defaultEmployeesDateTimeZone`.
fn office(seed: u64, id: u32) -> Value {
    let site = SITES.iter().find(|s| s.id == id);
    json!({
        "id": office_id(seed, id), "name": site.map(|s| s.name), "address": null,
        "defaultEmployeesDateTimeZone": site.map(|s| s.zone), "isDeleted": false,
    })
}

/// Some were in another office before the one of today.
fn office_assignations(desk: &Desk) -> Result<Reply, Refusal> {
    let call = desk.call;
    let seed = desk.company.seed;
    let is = |name: &str, value: &str| call.param(name).is_none_or(|wanted| wanted == value);
    let both = desk.company.people().flat_map(|p| {
        let before = (p.serial % 8 == 5).then_some(SITES[0].id);
        let before = before.filter(|id| *id != p.site.id);
        let since = if before.is_some() { 30 } else { 0 };
        [Some((p, p.site.id, since)), before.map(|id| (p, id, 0))]
    });
    let rows = both.flatten().filter(|(p, id, _)| {
        is("employeeId", &desk.id(p)) && is("officeId", &office_id(seed, *id))
    });
    plain(desk, rows.collect(), |(p, id, days)| {
        let since = moment(shift(p.start, *days));
        json!({
            "id": uuid(seed, &format!("office-of/{}/{id}", p.serial)),
            "employee": record(desk, p), "office": {"id": office_id(seed, *id)},
            "createdAt": since, "updatedAt": since,
        })
    })
}

fn custom_fields(desk: &Desk) -> Result<Reply, Refusal> {
    let rows = vec![
        (COST_FIELD, "Cost centre"),
        (NUMBER_FIELD, "Number"),
        (DIVISION_FIELD, "Division"),
        ("cf_shirt_size", "Shirt size"),
    ];
    plain(
        desk,
        rows,
        |(slug, name)| json!({"id": uuid(desk.company.seed, slug), "name": name, "slug": slug, "type": "text"}),
    )
}

/// Sheet: Other calls, "Dates": `data.{status, startAt, endAt, jobCharge.name, contractType.name, code}`.
fn agreement(desk: &Desk, person: &Person) -> Value {
    json!({
        "id": uuid(desk.company.seed, &format!("contract/{}/{}", person.serial, person.stint)),
        "status": "active",
        "startAt": person.start.to_string(),
        "endAt": person.end.map(|d| d.to_string()),
        "jobCharge": {"id": uuid(desk.company.seed, person.title), "name": person.title},
        "contractType": {"name": "Indefinido"},
        "code": format!("C-{}", person.serial),
        "salary": 1,
    })
}

fn contract(desk: &Desk) -> Result<Reply, Refusal> {
    let person = wanted(desk)?;
    Ok(Reply::json(200, &json!({"data": agreement(desk, person)})))
}

/// A row of all contracts is flat (apidocs.sesametime.com, contracts/getcontractsemployee); the published OpenAPI file of
/// before knows `startDate` and `endDate` alone, without the job.
fn contracts(desk: &Desk) -> Result<Reply, Refusal> {
    let person = wanted(desk)?;
    let is_older = person.serial % 7 == 3;
    let flat = |stint: u32, from: NaiveDate, to: Option<NaiveDate>| {
        let mut row = json!({
            "id": uuid(desk.company.seed, &format!("contract/{}/{stint}", person.serial)),
            "startDate": from.to_string(), "endDate": to.map(|d| d.to_string()),
            "code": format!("C-{}", person.serial), "comment": "",
        });
        if !is_older {
            row["startAt"] = row["startDate"].clone();
            row["endAt"] = row["endDate"].clone();
            row["jobChargeName"] = json!(person.title);
            row["socialSecurityNumber"] = json!("28 0000000000");
        }
        row
    };
    let mut rows = vec![flat(person.stint, person.start, person.end)];
    if let Some((from, to)) = person.earlier {
        rows.push(flat(person.stint + 1, from, Some(to)));
    }
    plain(desk, rows, Value::clone)
}

/// Sheet: Access, "Check call: data.company.{id,name,language}".
fn info(desk: &Desk) -> Result<Reply, Refusal> {
    let first = desk.company.people().next().ok_or(Refusal::NotFound)?;
    Ok(Reply::json(
        200,
        &json!({"data": {"company": company(desk, first)}}),
    ))
}
