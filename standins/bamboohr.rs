//! BambooHR. Rules are cited as "sheet: section" of the fact sheet on this vendor.

use serde_json::{Map, Value, json};

use crate::cli::simulate::hris::call::{Refusal, Reply};
use crate::cli::simulate::hris::desk::Desk;
use crate::cli::simulate::hris::people::{Kind, Person};
use crate::cli::simulate::hris::standin::{Credential, Make, Role, Route, Standin};
use crate::cli::simulate::hris::truth::Field;
use crate::domain::employment::EmploymentState;

#[path = "bamboohr/v1.rs"]
mod v1;

#[path = "bamboohr/filter.rs"]
mod filter;

use filter::Filter;

pub const STANDIN: Standin = Standin {
    name: "BambooHR",
    // Sheet: Access, "Pasted values"; A, "customer-defined ones are named `customField<n>`".
    credentials: &[
        Credential::new("company", Make::Fixed("kestrel")),
        Credential::new("api_key", Make::Hex("", 40)),
        Credential::new("cost_center_field", Make::Fixed("customField4711")),
        Credential::new("organization_field", Make::Fixed("customField4712")),
    ],
    routes: &[
        Route::post("/api/v2/datasets/employee/data", Role::List, &[], dataset),
        Route::get(
            "/api/v1_2/datasets/employee/fields",
            Role::Lookup,
            &["page", "page_size"],
            dataset_fields,
        ),
        Route::post(
            "/api/v1/reports/custom",
            Role::List,
            &["format", "onlyCurrent"],
            v1::report,
        ),
        Route::get(
            "/api/v1/employees",
            Role::List,
            &["fields", "filter[status]", "page[limit]", "page[after]"],
            v1::list,
        ),
        Route::get(
            "/api/v1/employees/changed",
            Role::Lookup,
            &["since", "type"],
            v1::changed,
        ),
        // Sheet: "Not suitable": 403 when the directory is off.
        Route::get(
            "/api/v1/employees/directory",
            Role::Lookup,
            &["onlyCurrent"],
            |_| Err(Refusal::Forbidden),
        ),
        Route::get(
            "/api/v1/employees/{id}",
            Role::Check,
            &["fields", "onlyCurrent"],
            v1::one,
        ),
        // Sheet: Access, "The older gateway … with the same paths from `/v1` on".
        Route::post(
            "/api/gateway.php/{company}/v2/datasets/employee/data",
            Role::List,
            &[],
            dataset,
        ),
        Route::post(
            "/api/gateway.php/{company}/v1/reports/custom",
            Role::List,
            &["format", "onlyCurrent"],
            v1::report,
        ),
        Route::get(
            "/api/gateway.php/{company}/v1/employees",
            Role::List,
            &["fields", "filter[status]", "page[limit]", "page[after]"],
            v1::list,
        ),
        Route::get(
            "/api/gateway.php/{company}/v1/employees/{id}",
            Role::Check,
            &["fields", "onlyCurrent"],
            v1::one,
        ),
    ],
    // Sheet: Limits, "No published numbers".
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
        Field::Timezone,
        Field::State,
        Field::Start,
        Field::End,
    ],
    hides: &[Field::Email, Field::Manager, Field::End],
    widens: false,
    is_paged: true,
    id: |_, person| (100 + person.serial).to_string(),
    // Sheet: Record, "status": there is no word for a leave, whoever is on one is Active.
    tell: |_, _, mut facts| {
        if facts.state == EmploymentState::OnLeave {
            facts.state = EmploymentState::Employed;
        }
        Some(facts)
    },
    limit_headers: |_| Vec::new(),
    admit,
    refuse,
};

/// Wrong keys, one after another, until the way is shut.
const PATIENCE: u32 = 10;

/// Sheet: Access, HTTP Basic with the key as user name and any password.
fn admit(desk: &Desk) -> Result<(), Refusal> {
    let sent = desk.call.basic();
    if sent.is_none_or(|(key, _)| key != desk.key("api_key")) {
        // Sheet: Limits, "Repeated unknown keys lock access for a while with 403".
        return Err(match desk.wrong() {
            many if many > PATIENCE => Refusal::Forbidden,
            _ => Refusal::Unauthorized,
        });
    }
    desk.right();
    let is_gateway = desk.call.path.starts_with("/api/gateway.php/");
    if is_gateway && desk.call.path.split('/').nth(3) != Some(desk.key("company")) {
        return Err(Refusal::NotFound);
    }
    Ok(())
}

/// Sheet: A, "Errors: RFC 7807, header X-Request-ID"; Limits, "The reason text is in the response header
/// X-BambooHR-Error-Message, the body may be empty", "503 with Retry-After; the SDK also documents 429".
fn refuse(desk: &Desk, refusal: Refusal) -> Reply {
    let is_dataset = desk.call.path.contains("/datasets/");
    let busy = if is_dataset { 429 } else { 503 };
    let mut wait = None;
    let (status, title, detail) = match refusal {
        Refusal::Unauthorized => (401, "Unauthorized", "The API key is not valid".to_owned()),
        Refusal::Forbidden => (
            403,
            "Forbidden",
            "You do not have access to this resource".to_owned(),
        ),
        Refusal::NotFound => (404, "Not Found", "There is no such resource".to_owned()),
        Refusal::WrongMethod => (
            405,
            "Method Not Allowed",
            "The method is not allowed".to_owned(),
        ),
        Refusal::Bad(why) => (400, "Bad Request", why),
        Refusal::Invalid(why) => (422, "INVALID_FILTER", why),
        Refusal::Broken => (
            500,
            "Internal Server Error",
            "Something went wrong".to_owned(),
        ),
        Refusal::TooMany(seconds) => {
            wait = Some(seconds);
            (busy, "Too Many Requests", "Please slow down".to_owned())
        }
        Refusal::Special(reply) => return *reply,
    };
    let reply = if is_dataset {
        Reply::problem(status, title, &detail).with("X-Request-ID", "5f0c0b1a-stand-in")
    } else {
        Reply::new(status, "text/plain", "").with("X-BambooHR-Error-Message", detail)
    };
    match wait {
        Some(seconds) => reply.with("Retry-After", seconds.to_string()),
        None => reply,
    }
}

/// Sheet: Record, column A. Nothing for a name that the dataset does not have.
fn dataset_field(desk: &Desk, person: &Person, name: &str) -> Option<Value> {
    let manager = readable_manager(desk, person);
    Some(match name {
        "eeid" => json!(desk.id(person)),
        "employeeNumber" => json!(person.number.map(|n| n.to_string())),
        "firstName" => json!(person.given),
        "middleName" => json!(person.middle),
        "lastName" => json!(person.family),
        "preferredName" => json!(person.preferred),
        "email" => json!(email(desk, person)),
        "homeEmail" => json!(person.private_email),
        "jobInformationJobTitle" => json!(person.title),
        "jobInformationDepartment" => json!(person.unit.name),
        "jobInformationDivision" => json!(person.unit.division),
        "jobInformationLocation" => json!(person.site.name),
        "jobInformationReportsTo" | "supervisorName" => json!(manager.map(plain_name)),
        "supervisorEid" => json!(manager.map(|m| desk.id(m))),
        // "meaning not seen for datasets; in reports it is the employee number, so do not join on it"
        "supervisorId" => json!(manager.and_then(|m| m.number).map(|n| n.to_string())),
        "supervisorEmail" => json!(manager.and_then(|m| m.email.as_deref())),
        "status" => json!(status(desk, person)),
        "employmentStatus" => json!(employment(desk, person)),
        "hireDate" => json!(person.start.to_string()),
        "originalHireDate" => json!(
            person
                .earlier
                .map_or(person.start, |(from, _)| from)
                .to_string()
        ),
        "terminationDate" => json!(end(desk, person)),
        "workPhone" => json!(person.work_phone),
        "mobilePhone" => json!(person.mobile),
        "timezone" => json!(person.site.zone),
        "team" => json!(person.unit.team),
        "departmentNumber" => json!(person.unit.id.to_string()),
        "lastChanged" | "lastChangedIso" => json!(last_changed(person)),
        "customField4711" => json!(person.unit.cost_center),
        "customField4712" => json!(person.entity.name),
        _ => return None,
    })
}

/// The dataset's fields: name, label, type.
const DATASET: &[(&str, &str)] = &[
    ("eeid", "EEID"),
    ("employeeNumber", "Employee #"),
    ("firstName", "First Name"),
    ("middleName", "Middle Name"),
    ("lastName", "Last Name"),
    ("preferredName", "Preferred Name"),
    ("email", "Work Email"),
    ("homeEmail", "Home Email"),
    ("jobInformationJobTitle", "Job Title"),
    ("jobInformationDepartment", "Department"),
    ("jobInformationDivision", "Division"),
    ("jobInformationLocation", "Location"),
    ("jobInformationReportsTo", "Reports To"),
    ("supervisorName", "Supervisor Name"),
    ("supervisorEid", "Supervisor EID"),
    ("supervisorId", "Supervisor ID"),
    ("supervisorEmail", "Supervisor Email"),
    ("status", "Status"),
    ("employmentStatus", "Employment Status"),
    ("hireDate", "Hire Date"),
    ("originalHireDate", "Original Hire Date"),
    ("terminationDate", "Termination Date"),
    ("workPhone", "Work Phone"),
    ("mobilePhone", "Mobile Phone"),
    ("timezone", "Timezone"),
    ("team", "Team"),
    ("departmentNumber", "Department Number"),
    ("lastChanged", "Last Changed"),
    ("lastChangedIso", "Last Changed ISO"),
    ("customField4711", "Cost Centre"),
    ("customField4712", "Legal Entity"),
];

fn email<'p>(desk: &Desk, person: &'p Person) -> Option<&'p str> {
    person
        .email
        .as_deref()
        .filter(|_| desk.may_read(Field::Email))
}

fn end(desk: &Desk, person: &Person) -> Option<String> {
    let end = person.end.filter(|_| desk.may_read(Field::End));
    end.map(|day| day.to_string())
}

fn readable_manager<'a>(desk: &Desk<'a>, person: &Person) -> Option<&'a Person> {
    let manager = desk.company.manager_of(person);
    manager.filter(|_| desk.may_read(Field::Manager))
}

fn plain_name(person: &Person) -> String {
    format!("{} {}", person.given, person.family)
}

/// Sheet: Record, "Future hires are Inactive"; "A future-dated termination keeps Active until its effective date".
fn status(desk: &Desk, person: &Person) -> &'static str {
    if desk.state(person).is_active() {
        "Active"
    } else {
        "Inactive"
    }
}

/// Sheet: Record, "customer-defined list (Full-Time, Contractor, Terminated …)".
fn employment(desk: &Desk, person: &Person) -> &'static str {
    match (desk.state(person), person.kind) {
        (EmploymentState::Left, _) => "Terminated",
        (_, Kind::Contractor) => "Contractor",
        _ => "Full-Time",
    }
}

fn last_changed(person: &Person) -> String {
    format!("{}T09:15:00+00:00", person.changed)
}

/// Names of fields in a body, of which there must be some.
fn wanted_fields(body: &Map<String, Value>, most: usize) -> Result<Vec<String>, Refusal> {
    let fields = body.get("fields").and_then(Value::as_array);
    let fields = fields.ok_or_else(|| Refusal::Bad("`fields` is required".into()))?;
    let names: Vec<String> = fields
        .iter()
        .filter_map(|f| f.as_str().map(str::to_owned))
        .collect();
    if names.is_empty() || names.len() != fields.len() || names.len() > most {
        return Err(Refusal::Bad(format!(
            "`fields` must hold 1 to {most} names"
        )));
    }
    Ok(names)
}

fn only(body: &Map<String, Value>, known: &[&str]) -> Result<(), Refusal> {
    match body.keys().find(|k| !known.contains(&k.as_str())) {
        Some(key) => Err(Refusal::Bad(format!("unknown key `{key}` in the body"))),
        None => Ok(()),
    }
}

fn number(body: &Map<String, Value>, name: &str) -> Result<Option<usize>, Refusal> {
    let Some(value) = body.get(name) else {
        return Ok(None);
    };
    let number = value.as_u64().filter(|n| *n > 0);
    let number = number.and_then(|n| usize::try_from(n).ok());
    number
        .map(Some)
        .ok_or_else(|| Refusal::Bad(format!("`{name}` must be a positive number")))
}

/// Sheet: "A. Dataset v2".
fn dataset(desk: &Desk) -> Result<Reply, Refusal> {
    let body = desk.call.object()?;
    only(&body, &["fields", "filter", "orderBy", "page", "pageSize"])?;
    let fields = wanted_fields(&body, 400)?;
    if let Some(name) = fields.iter().find(|f| !DATASET.iter().any(|d| d.0 == *f)) {
        return Err(Refusal::Bad(format!("the dataset has no field `{name}`")));
    }
    let filter = match body.get("filter") {
        None => Filter::default(),
        Some(filter) => filter.as_str().and_then(Filter::parse).ok_or_else(|| {
            Refusal::Invalid(
                "`filter` takes status in ('Active','Inactive') and lastChanged gt '…'".into(),
            )
        })?,
    };
    let asked = number(&body, "pageSize")?;
    if asked.is_some_and(|size| size > 1000) {
        return Err(Refusal::Bad("`pageSize` is at most 1000".into()));
    }
    let size = desk.page_size(asked, 100, 1000);
    let page = number(&body, "page")?.unwrap_or(1);
    let mut roster = desk.roster(size, |p| filter.admits(desk, p));
    match body.get("orderBy") {
        Some(order) => {
            let (name, is_down) = order_of(order)
                .filter(|(name, _)| fields.contains(name))
                .ok_or_else(|| {
                    Refusal::Invalid(
                        "`orderBy` must name a requested field, and asc or desc".into(),
                    )
                })?;
            if name != "eeid" {
                let key = |p: &&Person| {
                    dataset_field(desk, p, &name)
                        .unwrap_or_default()
                        .to_string()
                };
                roster.people.sort_by_cached_key(key);
            }
            if is_down {
                roster.people.reverse();
            }
        }
        // "order is otherwise unspecified": each page then is one of another order.
        None if !roster.people.is_empty() => {
            let by = (page - 1) * 3 % roster.people.len();
            roster.people.rotate_left(by);
        }
        None => {}
    }
    let total_pages = roster.total.div_ceil(size);
    let shown = roster.page((page - 1).saturating_mul(size), size);
    let data: Vec<Value> = shown
        .iter()
        .map(|p| dataset_row(desk, p, &fields))
        .collect();
    let at = |page: usize| {
        format!(
            "https://{}.bamboohr.com/api/v2/datasets/employee/data?page={page}",
            desk.key("company")
        )
    };
    let mut links = Map::new();
    if page > 1 {
        links.insert("prev".into(), json!(at(page - 1)));
    }
    if page < total_pages {
        links.insert("next".into(), json!(at(page + 1)));
    }
    // "with a single page `links` arrives as an empty array"
    let links = if links.is_empty() {
        json!([])
    } else {
        json!(links)
    };
    Ok(Reply::json(
        200,
        &json!({
            "data": data,
            "links": links,
            "meta": {"page": page, "pageSize": size, "totalPages": total_pages, "totalItems": roster.total},
        }),
    ))
}

/// The field to sort by, and whether downwards. The vendor's specification, `get-data-from-dataset-v2`: "Comma-separated
/// sort rules. Each rule is a field name followed by a direction (asc or desc)"; one rule is enough here.
fn order_of(order: &Value) -> Option<(String, bool)> {
    let (name, direction) = order.as_str()?.trim().split_once(' ')?;
    match direction.trim() {
        "asc" => Some((name.to_owned(), false)),
        "desc" => Some((name.to_owned(), true)),
        _ => None,
    }
}

/// Sheet: Sources, "conflict": of the two pages on fields that may not be read, the quiet one is followed here.
fn dataset_row(desk: &Desk, person: &Person, names: &[String]) -> Value {
    let values: Map<String, Value> = names
        .iter()
        .map(|n| {
            (
                n.clone(),
                dataset_field(desk, person, n).unwrap_or_default(),
            )
        })
        .collect();
    let restricted: Vec<&String> = names.iter().filter(|n| is_restricted(desk, n)).collect();
    match restricted.is_empty() {
        true => json!({"fields": values}),
        false => json!({"fields": values, "_restrictedFields": restricted}),
    }
}

/// Whether this name, of any of the vocabularies, may not be read.
fn is_restricted(desk: &Desk, name: &str) -> bool {
    let field = match name {
        "email" | "workEmail" | "bestEmail" => Field::Email,
        "terminationDate" => Field::End,
        n if n.starts_with("supervisor") || n.ends_with("eportsTo") || n == "reportsToId" => {
            Field::Manager
        }
        _ => return false,
    };
    !desk.may_read(field)
}

/// Sheet: A, "Discover with GET /api/v1_2/datasets/employee/fields".
fn dataset_fields(desk: &Desk) -> Result<Reply, Refusal> {
    let size = desk
        .call
        .number("page_size")?
        .unwrap_or(DATASET.len())
        .max(1);
    let page = desk.call.number("page")?.unwrap_or(1).max(1);
    let shown = DATASET
        .iter()
        .skip((page - 1).saturating_mul(size))
        .take(size);
    let fields: Vec<Value> = shown
        .map(|(name, label)| json!({"name": name, "label": label, "parentType": "employee", "parentName": "Personal", "entityName": "employeeDefinitions"}))
        .collect();
    let pages = DATASET.len().div_ceil(size);
    let pagination =
        json!({"total_records": DATASET.len(), "total_pages": pages, "current_page": page});
    Ok(Reply::json(
        200,
        &json!({"fields": fields, "pagination": pagination}),
    ))
}
