//! Simployer One (formerly AlexisHR). Rules are cited as "sheet: section" of the fact sheet on this vendor, variant A;
//! "SDK" is the public one (konfig-sdks/alexis-hr-java-sdk, `docs/`), which was made from the vendor's own description.

use chrono::{Datelike, NaiveDate};
use serde_json::{Map, Value, json};

use crate::cli::simulate::hris::call::{Refusal, Reply};
use crate::cli::simulate::hris::desk::Desk;
use crate::cli::simulate::hris::dice::Dice;
use crate::cli::simulate::hris::people::{Person, shift};
use crate::cli::simulate::hris::standin::{Credential, Make, Role, Route, Standin};
use crate::cli::simulate::hris::truth::Field;
use crate::domain::employment::EmploymentState;

#[path = "simployer/names.rs"]
mod names;

use names::{
    center_id, companies, company_id, cost_center, cost_centers, department, department_id,
    departments, office, office_id, offices, teams,
};

/// SDK, `EmployeeApi.md`: list; filters and orders are those for which this stand-in has an answer.
const PEOPLE: &[&str] = &[
    "select",
    "relations",
    "limit",
    "offset",
    "sort[id]",
    "sort[employeeNumber]",
    "filters[id]",
    "filters[id][$eq]",
    "filters[active]",
    "filters[active][$eq]",
    "filters[updated][$gte]",
];
const ONE: &[&str] = &["select", "relations"];
/// SDK, `CostCenterApi.md` and its kind.
const NAMES: &[&str] = &["select", "limit", "offset", "sort[id]"];

pub const STANDIN: Standin = Standin {
    name: "Simployer One",
    // Sheet: Access, A, "Paste: token".
    credentials: &[Credential::new("access_token", Make::Word("", 48))],
    routes: &[
        Route::get("/v1/employee", Role::List, PEOPLE, people),
        Route::get("/v1/employee/{id}", Role::Detail, ONE, one),
        Route::get("/v1/department", Role::Lookup, NAMES, departments),
        Route::get("/v1/office", Role::Lookup, NAMES, offices),
        Route::get("/v1/cost-center", Role::Lookup, NAMES, cost_centers),
        Route::get("/v1/company", Role::Lookup, NAMES, companies),
        Route::get("/v1/team", Role::Lookup, NAMES, teams),
    ],
    // Sheet: Listing, A, "Rate limit: not documented".
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
        // SDK, `OfficeResponse.md`, `timezone`.
        Field::Timezone,
        Field::State,
        Field::Start,
        Field::End,
    ],
    // Sheet: Access, A, "access tokens have owner rights over the account".
    hides: &[],
    widens: false,
    is_paged: true,
    // Sheet: Record, A, "24 hexadecimal characters".
    id: |seed, person| hex(seed, &format!("employee/{}", person.serial)),
    tell: |_, _, mut facts| {
        // Sheet: Record, A, "`active` boolean - the only status flag on the person".
        if facts.state == EmploymentState::OnLeave {
            facts.state = EmploymentState::Employed;
        }
        Some(facts)
    },
    limit_headers: |_| Vec::new(),
    admit,
    refuse,
};

fn hex(seed: u64, name: &str) -> String {
    Dice::new(seed, &format!("simployer/{name}")).hex(24)
}

fn admit(desk: &Desk) -> Result<(), Refusal> {
    match desk.call.bearer() {
        Some(token) if token == desk.key("access_token") => Ok(()),
        _ => Err(Refusal::Unauthorized),
    }
}

/// Sheet: Listing, A, "Errors: JSON with `statusCode`, `message`, `error`".
fn refuse(_: &Desk, refusal: Refusal) -> Reply {
    let mut wait = None;
    let (status, error, why) = match refusal {
        Refusal::Unauthorized => (401, "Unauthorized", "Unauthorized".to_owned()),
        Refusal::Forbidden => (403, "Forbidden", "Forbidden resource".to_owned()),
        Refusal::NotFound => (404, "Not Found", "Not found".to_owned()),
        Refusal::WrongMethod => (405, "Method Not Allowed", "Method not allowed".to_owned()),
        Refusal::Bad(why) | Refusal::Invalid(why) => (400, "Bad Request", why),
        Refusal::Broken => (500, "Internal Server Error", "Server error".to_owned()),
        Refusal::TooMany(seconds) => {
            wait = Some(seconds);
            (429, "Too Many Requests", "Too many requests".to_owned())
        }
        Refusal::Special(reply) => return *reply,
    };
    let body = json!({"statusCode": status, "message": why, "error": error});
    let reply = Reply::json(status, &body);
    match wait {
        Some(seconds) => reply.with("Retry-After", seconds.to_string()),
        None => reply,
    }
}

/// SDK, `EmployeeApi.md`, "select", what may be asked for by name.
const SELECTABLE: &[&str] = &[
    "id",
    "title",
    "active",
    "companyId",
    "officeId",
    "managerEmployeeId",
    "departmentId",
    "costCenterId",
    "employmentId",
    "employmentTypeId",
    "employmentCountry",
    "compensationId",
    "userId",
    "userName",
    "division",
    "organization",
    "employeeNumber",
    "workEmail",
    "workPhone",
    "workPhoneSanitized",
    "hireDate",
    "endDate",
    "hasOccupationalPension",
    "privateEmail",
    "firstName",
    "lastName",
    "ssn",
    "privatePhone",
    "privatePhoneSanitized",
    "birthDate",
    "age",
    "nationality",
    "gender",
    "pronoun",
    "created",
    "updated",
];
/// SDK, `EmployeeApi.md`, "relations".
const RELATIONS: &[&str] = &[
    "office",
    "costCenter",
    "effectiveCostCenter",
    "child",
    "department",
    "emergencyContact",
    "employment",
    "employmentType",
    "compensation",
    "managerEmployee",
    "teamReference",
];

/// The names of a list with commas, each of which is known; none: not asked for.
fn listed(desk: &Desk, name: &str, known: &[&str]) -> Result<Option<Vec<String>>, Refusal> {
    let Some(list) = desk.call.param(name) else {
        return Ok(None);
    };
    let names: Vec<String> = list.split(',').map(|n| n.trim().to_owned()).collect();
    match names.iter().find(|n| !known.contains(&n.as_str())) {
        Some(wrong) => Err(Refusal::Bad(format!("{name} must not contain `{wrong}`"))),
        None => Ok(Some(names)),
    }
}

/// Where a page begins and how long it is. Sheet: Listing, A, "Maximum `limit`: unknown … trust `count`".
fn window(desk: &Desk) -> Result<(usize, usize), Refusal> {
    let limit = desk.call.number("limit")?;
    if limit == Some(0) {
        return Err(Refusal::Bad("limit must not be less than 1".into()));
    }
    let sorts = desk
        .call
        .query
        .iter()
        .filter(|(name, _)| name.starts_with("sort["));
    for (name, way) in sorts {
        if !["asc", "desc"].contains(&way.as_str()) {
            return Err(Refusal::Bad(format!("{name} must be asc or desc")));
        }
    }
    let offset = desk.call.number("offset")?.unwrap_or(0);
    Ok((offset, desk.page_size(limit, 100, 100)))
}

/// SDK, `EmployeesGetManyResponseMapped.md`: `total` of all, `count` of those that came.
fn envelope(total: usize, offset: usize, data: Vec<Value>, relations: Value) -> Reply {
    let body = json!({
        "status": "success", "total": total, "count": data.len(), "offset": offset, "data": data,
        "relations": relations,
    });
    Reply::json(200, &body)
}

fn people(desk: &Desk) -> Result<Reply, Refusal> {
    let select = listed(desk, "select", SELECTABLE)?;
    let relations = listed(desk, "relations", RELATIONS)?.unwrap_or_default();
    let (offset, size) = window(desk)?;
    let is_wanted = filters(desk)?;
    let mut wanted: Vec<&Person> = desk.company.people().filter(|p| is_wanted(p)).collect();
    if let Some(way) = desk.call.param("sort[id]") {
        wanted.sort_by_cached_key(|p| desk.id(p));
        if way == "desc" {
            wanted.reverse();
        }
    }
    let roster = desk.rows(wanted, size);
    let shown = roster.page(offset, size);
    let data = shown.iter().map(|p| chosen(desk, p, select.as_ref()));
    let related = related(desk, shown, &relations);
    Ok(envelope(roster.total, offset, data.collect(), related))
}

/// Sheet: Listing, A, `filters[field][$op]=value`, for a few of them.
fn filters(desk: &Desk) -> Result<impl Fn(&Person) -> bool, Refusal> {
    let of = |name: &str| {
        let long = desk.call.param(&format!("filters[{name}][$eq]"));
        long.or_else(|| desk.call.param(&format!("filters[{name}]")))
    };
    let (id, active) = (of("id"), of("active"));
    if active.is_some_and(|flag| !["true", "false"].contains(&flag)) {
        return Err(Refusal::Bad("filters[active] must be a boolean".into()));
    }
    let since = match desk.call.param("filters[updated][$gte]") {
        None => None,
        Some(moment) => {
            let day = moment.get(..10).unwrap_or_default();
            let day = NaiveDate::parse_from_str(day, "%Y-%m-%d");
            Some(day.map_err(|_| Refusal::Bad("filters[updated] must be a date".into()))?)
        }
    };
    Ok(move |p: &Person| {
        id.is_none_or(|id| desk.id(p) == id)
            && active.is_none_or(|flag| is_active(desk, p) == (flag == "true"))
            && since.is_none_or(|day| p.changed >= day)
    })
}

fn is_active(desk: &Desk, person: &Person) -> bool {
    desk.state(person) != EmploymentState::Left
}

/// Who has a cost centre of their own; the others have that of the department (SDK, `effectiveCostCenter`).
fn has_cost_center(person: &Person) -> bool {
    person.serial % 10 != 4
}

/// How a day is written.
#[derive(Clone, Copy)]
enum Form {
    Day,
    /// Midnight in UTC.
    Utc,
    /// Midnight in Stockholm.
    Nordic,
}

/// SDK, `EmployeeResponse.md`: moments, and nobody says of which zone. The sheet's example has days.
fn moment(day: Option<NaiveDate>, form: Form) -> Value {
    json!(day.map(|d| match form {
        Form::Day => d.to_string(),
        Form::Utc => format!("{d}T00:00:00.000Z"),
        Form::Nordic => format!("{}T{}:00:00.000Z", shift(d, -1), nordic_midnight(d)),
    }))
}

/// The hour in UTC, on the evening before, at which this day begins in Stockholm. Summer time runs from the last Sunday of
/// March to that of October.
fn nordic_midnight(day: NaiveDate) -> u32 {
    let sunday = day.with_day(31).map_or(day, |last| {
        shift(last, -i64::from(last.weekday().num_days_from_sunday()))
    });
    let is_summer = match day.month() {
        3 => day > sunday,
        4..=9 => true,
        10 => day <= sunday,
        _ => false,
    };
    if is_summer { 22 } else { 23 }
}

/// Sheet: Record, A; SDK, `EmployeeResponse.md`.
fn record(desk: &Desk, person: &Person) -> Map<String, Value> {
    let seed = desk.company.seed;
    let manager = desk.company.manager_of(person);
    let form = match person.serial % 4 {
        0 => Form::Utc,
        2 => Form::Nordic,
        _ => Form::Day,
    };
    let phone = person.work_phone.as_deref();
    let mut record = Map::new();
    let mut put = |name: &str, value: Value| drop(record.insert(name.to_owned(), value));
    put("id", json!(desk.id(person)));
    put("active", json!(is_active(desk, person)));
    put("firstName", json!(person.given));
    put("lastName", json!(person.family));
    put("title", json!(person.title));
    put("workEmail", json!(person.email));
    put("workPhone", json!(phone));
    // One of the two may be all there is.
    let plain = phone.filter(|_| !person.serial.is_multiple_of(3));
    put(
        "workPhoneSanitized",
        json!(plain.map(|p| p.replace(' ', ""))),
    );
    let number = person.number.map(|n| n.to_string());
    put("employeeNumber", json!(number.unwrap_or_default()));
    put("managerEmployeeId", json!(manager.map(|m| desk.id(m))));
    put("companyId", json!(company_id(seed, person.entity.id)));
    put("officeId", json!(office_id(seed, person.site.id)));
    put("departmentId", json!(department_id(seed, person.unit.id)));
    let center = has_cost_center(person).then(|| center_id(seed, person.unit.cost_center));
    put("costCenterId", json!(center));
    put("division", json!(person.unit.division));
    put("organization", json!(person.entity.name));
    put("employmentCountry", json!(person.site.country));
    put("hireDate", moment(Some(person.start), form));
    put("endDate", moment(person.end, form));
    put(
        "userId",
        json!(hex(seed, &format!("user/{}", person.serial))),
    );
    put("userName", Value::Null);
    put("privateEmail", json!(person.private_email));
    put("privatePhone", json!("+47 900 00 000"));
    put("privatePhoneSanitized", json!("+4790000000"));
    put("ssn", json!("01010112345"));
    put("birthDate", json!("1980-01-01T00:00:00.000Z"));
    put("created", moment(Some(person.start), Form::Utc));
    put("updated", moment(Some(person.changed), Form::Utc));
    record
}

/// Sheet: Record, A, "many personal fields … are returned unless `select` is used".
fn chosen(desk: &Desk, person: &Person, select: Option<&Vec<String>>) -> Value {
    let whole = record(desk, person);
    let Some(names) = select else {
        let mut whole = whole;
        let account = json!({"clearingNumber": "0000", "accountNumber": "0000000000"});
        whole.insert("bankAccount".into(), account);
        whole.insert("homeAddress".into(), json!({"city": person.site.name}));
        whole.insert("custom".into(), json!({}));
        return Value::Object(whole);
    };
    let value = |name: &String| whole.get(name).cloned().unwrap_or_default();
    let chosen = names.iter().map(|name| (name.clone(), value(name)));
    Value::Object(chosen.collect())
}

/// SDK, `EmployeeGetManyRelationsResponse.md`: lists by name, each thing once.
fn related(desk: &Desk, shown: &[&Person], wanted: &[String]) -> Value {
    let seed = desk.company.seed;
    let mut lists = Map::new();
    for name in wanted {
        let mut rows: Vec<Value> = Vec::new();
        for person in shown {
            let row = match name.as_str() {
                "department" => Some(department(seed, person.unit.id)),
                "office" => Some(office(seed, person.site.id)),
                "costCenter" if has_cost_center(person) => {
                    Some(cost_center(seed, person.unit.cost_center))
                }
                "managerEmployee" => {
                    let manager = desk.company.manager_of(person);
                    manager.map(|m| Value::Object(record(desk, m)))
                }
                _ => None,
            };
            rows.extend(row.filter(|row| !rows.contains(row)));
        }
        lists.insert(name.clone(), json!(rows));
    }
    Value::Object(lists)
}

fn one(desk: &Desk) -> Result<Reply, Refusal> {
    let select = listed(desk, "select", SELECTABLE)?;
    let relations = listed(desk, "relations", RELATIONS)?.unwrap_or_default();
    let person = desk.find(desk.call.place(0)).ok_or(Refusal::NotFound)?;
    let body = json!({
        "status": "success",
        "data": chosen(desk, person, select.as_ref()),
        "relations": related(desk, &[person], &relations),
    });
    Ok(Reply::json(200, &body))
}
