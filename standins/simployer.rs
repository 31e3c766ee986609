//! Simployer One (formerly AlexisHR). Rules are cited as "sheet: section" of the fact sheet on this vendor, variant A;
//! "SDK" is the public one (konfig-sdks/alexis-hr-java-sdk, `docs/`), which was made from the vendor's own description.

use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use crate::cli::simulate::hris::call::{Refusal, Reply};
use crate::cli::simulate::hris::desk::Desk;
use crate::cli::simulate::hris::dice::Dice;
use crate::cli::simulate::hris::names::{ENTITIES, SITES, UNITS};
use crate::cli::simulate::hris::people::Person;
use crate::cli::simulate::hris::standin::{Credential, Make, Role, Route, Standin};
use crate::cli::simulate::hris::truth::Field;
use crate::domain::employment::EmploymentState;

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
    tell: |_, person, mut facts| {
        facts.cost_center = facts.cost_center.filter(|_| has_cost_center(person));
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

fn has_cost_center(person: &Person) -> bool {
    person.serial % 10 != 4
}

/// SDK, `EmployeeResponse.md`: moments. The sheet's example has days.
fn moment(day: Option<NaiveDate>, is_long: bool) -> Value {
    json!(day.map(|d| match is_long {
        true => format!("{d}T00:00:00.000Z"),
        false => d.to_string(),
    }))
}

/// Sheet: Record, A; SDK, `EmployeeResponse.md`.
fn record(desk: &Desk, person: &Person) -> Map<String, Value> {
    let seed = desk.company.seed;
    let manager = desk.company.manager_of(person);
    let is_long = person.serial.is_multiple_of(2);
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
    put("hireDate", moment(Some(person.start), is_long));
    put("endDate", moment(person.end, is_long));
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
    put("created", moment(Some(person.start), true));
    put("updated", moment(Some(person.changed), true));
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

fn department_id(seed: u64, id: u32) -> String {
    hex(seed, &format!("department/{id}"))
}

fn office_id(seed: u64, id: u32) -> String {
    hex(seed, &format!("office/{id}"))
}

fn company_id(seed: u64, id: u32) -> String {
    hex(seed, &format!("company/{id}"))
}

fn center_id(seed: u64, code: &str) -> String {
    hex(seed, &format!("center/{code}"))
}

/// SDK, `DepartmentResponse.md`.
fn department(seed: u64, id: u32) -> Value {
    let name = UNITS.iter().find(|u| u.id == id).map(|u| u.name);
    json!({
        "id": department_id(seed, id), "companyId": company_id(seed, ENTITIES[0].id), "name": name,
        "description": null, "costCenterId": null, "parentId": null,
    })
}

fn office(seed: u64, id: u32) -> Value {
    let site = SITES.iter().find(|s| s.id == id);
    json!({
        "id": office_id(seed, id), "companyId": company_id(seed, ENTITIES[0].id),
        "name": site.map(|s| s.name), "country": site.map(|s| s.country),
    })
}

/// SDK, `CostCenterResponse.md`: a code, and a name that need not be there.
fn cost_center(seed: u64, code: &str) -> Value {
    let mut row = json!({
        "id": center_id(seed, code), "companyId": company_id(seed, ENTITIES[0].id), "code": code,
    });
    if code.ends_with("00") {
        row["name"] = json!(code);
    }
    row
}

/// A page of rows that are not people.
fn plain(desk: &Desk, rows: Vec<Value>) -> Result<Reply, Refusal> {
    let (offset, size) = window(desk)?;
    let select = desk.call.param("select");
    let is_wanted = |name: &String| select.is_none_or(|list| list.split(',').any(|n| n == name));
    let total = rows.len();
    let mut data: Vec<Value> = rows.into_iter().skip(offset).take(size).collect();
    for row in data.iter_mut().filter_map(Value::as_object_mut) {
        row.retain(|name, _| is_wanted(name));
    }
    Ok(envelope(total, offset, data, json!({})))
}

fn departments(desk: &Desk) -> Result<Reply, Refusal> {
    let seed = desk.company.seed;
    let rows = UNITS.iter().map(|u| department(seed, u.id));
    plain(desk, rows.collect())
}

fn offices(desk: &Desk) -> Result<Reply, Refusal> {
    let seed = desk.company.seed;
    let rows = SITES.iter().map(|s| office(seed, s.id));
    plain(desk, rows.collect())
}

fn cost_centers(desk: &Desk) -> Result<Reply, Refusal> {
    let seed = desk.company.seed;
    let rows = UNITS.iter().map(|u| cost_center(seed, u.cost_center));
    plain(desk, rows.collect())
}

fn companies(desk: &Desk) -> Result<Reply, Refusal> {
    let seed = desk.company.seed;
    let row = |id: u32, name: &str| json!({"id": company_id(seed, id), "name": name});
    let rows = ENTITIES.iter().map(|e| row(e.id, e.name));
    plain(desk, rows.collect())
}

fn teams(desk: &Desk) -> Result<Reply, Refusal> {
    let seed = desk.company.seed;
    let company = company_id(seed, ENTITIES[0].id);
    let row = |id: u32, name: &str| json!({"id": hex(seed, &format!("team/{id}")), "companyId": company, "name": name});
    let rows = UNITS.iter().map(|u| row(u.id, u.team));
    plain(desk, rows.collect())
}
