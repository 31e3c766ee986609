//! Planday. Rules are cited as "sheet: section" of the fact sheet on this vendor; "errors" is the vendor's guide on them
//! (copy in Lushbits/pdbulkupload, `docs/planday-api/errors.md`).

use serde_json::{Map, Value, json};

use crate::cli::simulate::hris::call::{Refusal, Reply};
use crate::cli::simulate::hris::desk::Desk;
use crate::cli::simulate::hris::names::UNITS;
use crate::cli::simulate::hris::people::{Kind, Person};
use crate::cli::simulate::hris::standin::{Credential, Limit, Make, Role, Route, Standin};
use crate::cli::simulate::hris::truth::Field;
use crate::domain::employment::EmploymentState;

/// Sheet: Listing, "Pagination" and "Incremental".
const ACTIVE: &[&str] = &[
    "limit",
    "offset",
    "modifiedFrom",
    "modifiedTo",
    "createdFrom",
    "createdTo",
    "searchQuery",
    "special",
    "includeSecurityGroups",
];

const DEACTIVATED: &[&str] = &[
    "limit",
    "offset",
    "modifiedFrom",
    "modifiedTo",
    "createdFrom",
    "createdTo",
    "deactivatedFrom",
    "deactivatedTo",
    "searchQuery",
    "special",
];

const PAGED: &[&str] = &["limit", "offset"];

/// The custom field that holds the cost centre.
const COST_FIELD: &str = "custom_146688";

/// The portal's company and time zone: reference of the portal API, sample of `GET /portal/v1.0/info`.
const COMPANY: &str = "Kestrel";
const ZONE: &str = "Europe/Oslo";

pub const STANDIN: Standin = Standin {
    name: "Planday",
    // Sheet: Access, step 3: "There is no client secret in this flow".
    credentials: &[
        Credential::new("client_id", Make::Uuid),
        Credential::new("refresh_token", Make::Word("", 22)),
        // Sheet: Record, "Cost centre: none, a custom field at best"; each portal has its own.
        Credential::new("cost_center_custom_field", Make::Fixed(COST_FIELD)),
    ],
    routes: &[
        // Of another host, https://id.planday.com.
        Route::post("/connect/token", Role::Token, &[], token),
        Route::get("/hr/v1.0/employees", Role::List, ACTIVE, active),
        Route::get(
            "/hr/v1.0/employees/deactivated",
            Role::List,
            DEACTIVATED,
            deactivated,
        ),
        Route::get(
            "/hr/v1.0/employees/supervisors",
            Role::Lookup,
            PAGED,
            supervisors,
        ),
        Route::get("/hr/v1.0/employees/{id}", Role::Detail, &["special"], one),
        Route::get("/hr/v1.0/departments", Role::Lookup, PAGED, departments),
        Route::get("/hr/v1.0/employeegroups", Role::Lookup, PAGED, groups),
        Route::get("/hr/v1.0/employeetypes", Role::Lookup, PAGED, types),
        Route::get("/portal/v1.0/info", Role::Check, &[], portal),
    ],
    // Sheet: Listing, "per portal 10/second and 500/minute".
    limits: &[
        Limit {
            path: "",
            count: 10,
            seconds: 1,
        },
        Limit {
            path: "",
            count: 500,
            seconds: 60,
        },
    ],
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
        Field::Mobile,
        Field::Timezone,
        Field::State,
        Field::Start,
        Field::End,
    ],
    // Sheet: Access, "Data returned is limited to what the consenting administrator may see in Planday".
    hides: &[Field::Department],
    widens: true,
    is_paged: true,
    id: |_, person| employee_id(person).to_string(),
    tell: |company, person, mut facts| {
        facts.number = facts.number.or(Some(employee_id(person).to_string()));
        // Sheet: Record, "by-id call for a person who is no longer active" is refused, and Example, "Deactivated list".
        if person.state(company.day) == EmploymentState::Left {
            facts.title = None;
            facts.manager = None;
            facts.cost_center = None;
        }
        facts.organization = Some(COMPANY.to_owned());
        facts.timezone = Some(ZONE.to_owned());
        if facts.state == EmploymentState::OnLeave {
            facts.state = EmploymentState::Employed;
        }
        Some(facts)
    },
    // Sheet: Listing, "x-ratelimit-reset (seconds until the window resets)": never more than the window has.
    limit_headers: |budget| {
        let window = if budget.count == 10 { 1 } else { 60 };
        vec![
            ("x-ratelimit-limit", budget.count.to_string()),
            ("x-ratelimit-remaining", budget.left.to_string()),
            ("x-ratelimit-reset", window.to_string()),
        ]
    },
    admit,
    refuse,
};

fn employee_id(person: &Person) -> u32 {
    700_000 + person.serial
}

/// Sheet: Record, "`supervisorId` is a supervisor id": another number than the employee's.
fn supervisor_id(person: &Person) -> u32 {
    80 + person.serial * 3
}

/// Sheet: Access, "Headers on every call".
fn admit(desk: &Desk) -> Result<(), Refusal> {
    let is_client = desk.call.header("x-clientid") == Some(desk.key("client_id"));
    match desk.call.bearer() {
        Some(token) if is_client && desk.is_good(token) => Ok(()),
        _ => Err(Refusal::Unauthorized),
    }
}

/// Errors; the shape of the body is not known (sheet: Listing, "Errors"), so that it says no more than the message.
fn refuse(_: &Desk, refusal: Refusal) -> Reply {
    let (status, why) = match refusal {
        Refusal::Unauthorized => (401, "Unauthorized".to_owned()),
        Refusal::Forbidden => (
            403,
            "Your application isn't assigned to the appropriate scope, so it can't perform this action"
                .to_owned(),
        ),
        Refusal::NotFound => (404, "Employee with given id doesn't exist".to_owned()),
        Refusal::WrongMethod => (405, "Method not allowed".to_owned()),
        Refusal::Bad(why) | Refusal::Invalid(why) => (400, why),
        Refusal::Broken => (500, "Server error".to_owned()),
        Refusal::TooMany(_) => (429, "Too many requests".to_owned()),
        Refusal::Special(reply) => return *reply,
    };
    Reply::json(status, &json!({"message": why}))
}

/// Sheet: Access, steps 4 and 5.
fn token(desk: &Desk) -> Result<Reply, Refusal> {
    let form = desk.call.form()?;
    let get = |name: &str| {
        let found = form.iter().find(|(n, _)| n == name);
        found.map_or("", |(_, value)| value.as_str())
    };
    let wrong =
        |error: &str| Refusal::Special(Box::new(Reply::json(400, &json!({"error": error}))));
    if get("grant_type") != "refresh_token" {
        return Err(wrong("unsupported_grant_type"));
    }
    if get("client_id") != desk.key("client_id") {
        return Err(wrong("invalid_client"));
    }
    if get("refresh_token") != desk.key("refresh_token") {
        return Err(wrong("invalid_grant"));
    }
    let (token, seconds) = desk.issue("", 3_600, false);
    // Of the app, chosen when it was created.
    let more = match desk.reads_more() {
        true => " salaries:read bankaccount:read",
        false => "",
    };
    Ok(Reply::json(
        200,
        &json!({
            "access_token": token, "expires_in": seconds, "token_type": "Bearer",
            "refresh_token": desk.key("refresh_token"),
            "scope": format!("openid employee:read department:read{more} offline_access"),
        }),
    ))
}

/// Offset and limit. Sheet: Listing, "query limit (max 50, default 50) and offset (default 0)".
fn window(desk: &Desk) -> Result<(usize, usize), Refusal> {
    let limit = desk.call.number("limit")?;
    if limit.is_some_and(|n| n > 50) {
        return Err(Refusal::Bad("limit must not be more than 50".into()));
    }
    let offset = desk.call.number("offset")?.unwrap_or(0);
    // Clients ask for nobody to learn the total.
    let size = match limit {
        Some(0) => 0,
        limit => desk.page_size(limit, 50, 50),
    };
    Ok((offset, size))
}

fn envelope(offset: usize, limit: usize, total: usize, data: Vec<Value>) -> Reply {
    let paging = json!({"offset": offset, "limit": limit, "total": total});
    Reply::json(200, &json!({"paging": paging, "data": data}))
}

/// Whom the administrator who consented may see.
fn may_see(desk: &Desk, person: &Person) -> bool {
    desk.may_read(Field::Department) || person.unit.id == UNITS[0].id
}

/// Sheet: Record, "Membership of the active list means active".
fn list(desk: &Desk, is_active: bool) -> Result<Reply, Refusal> {
    let (offset, size) = window(desk)?;
    for name in desk.call.query.iter().map(|(name, _)| name.as_str()) {
        if !["limit", "offset"].contains(&name) {
            let why = format!("this stand-in has no people for `{name}`");
            return Err(Refusal::Bad(why));
        }
    }
    let roster = desk.roster(size, |p| {
        may_see(desk, p) && is_active == (desk.state(p) != EmploymentState::Left)
    });
    let shown = roster.page(offset, size);
    let data = shown.iter().map(|p| row(desk, p, is_active)).collect();
    Ok(envelope(offset, size, roster.total, data))
}

fn active(desk: &Desk) -> Result<Reply, Refusal> {
    list(desk, true)
}

fn deactivated(desk: &Desk) -> Result<Reply, Refusal> {
    list(desk, false)
}

/// Sheet: Record, "`userName`: Planday wants an e-mail address here, but it can differ from `email`".
fn user_name(person: &Person) -> String {
    match &person.email {
        None => format!("staff{}", person.serial),
        Some(_) if person.serial.is_multiple_of(5) => {
            format!("shift{}@kestrel.test", person.serial)
        }
        Some(email) => email.to_lowercase(),
    }
}

/// Sheet: Record, "`cellPhone` may or may not already carry the prefix".
fn phone(record: &mut Map<String, Value>, person: &Person) {
    let number = person.mobile.as_deref().unwrap_or_default();
    let (prefix, rest) = number.split_once(' ').unwrap_or(("", number));
    let carries = person.serial.is_multiple_of(3);
    let shown = if carries { number } else { rest };
    let or_null = |text: &str| match text.is_empty() {
        true => Value::Null,
        false => json!(text),
    };
    record.insert("cellPhone".into(), or_null(shown));
    record.insert("cellPhoneCountryPrefix".into(), or_null(prefix));
    let country = person.mobile.as_ref().map(|_| person.site.country);
    record.insert("cellPhoneCountryCode".into(), json!(country));
}

/// Sheet: Example, the two lists.
fn row(desk: &Desk, person: &Person, is_active: bool) -> Value {
    let mut record = Map::new();
    let mut put = |name: &str, value: Value| drop(record.insert(name.to_owned(), value));
    let manager = desk.company.manager_of(person);
    put("id", json!(employee_id(person)));
    put("hiredDate", json!(person.start.to_string()));
    put(
        "dateTimeCreated",
        json!(format!("{}T09:00:00Z", person.start)),
    );
    put(
        "dateTimeModified",
        json!(format!("{}T07:31:00Z", person.changed)),
    );
    put(
        "employeeTypeId",
        json!(if person.kind == Kind::Employee {
            91
        } else {
            92
        }),
    );
    put(
        "salaryIdentifier",
        json!(person.number.map(|n| n.to_string())),
    );
    put("firstName", json!(person.given));
    put("lastName", json!(person.family));
    put("userName", json!(user_name(person)));
    // "may be null or empty"
    let none = if person.serial.is_multiple_of(2) {
        json!("")
    } else {
        Value::Null
    };
    put("email", person.email.as_ref().map_or(none, |e| json!(e)));
    let unit = person.unit.id;
    let departments = match person.serial % 6 {
        5 => json!([unit, UNITS[0].id]),
        _ => json!([unit]),
    };
    put("departments", departments);
    put("employeeGroups", json!([5_201]));
    if is_active {
        put("deactivationDate", json!(person.end.map(|d| d.to_string())));
        put("dateTimeDeleted", Value::Null);
        put("supervisorId", json!(manager.map(supervisor_id)));
        let primary = (!person.serial.is_multiple_of(4)).then_some(unit);
        put("primaryDepartmentId", json!(primary));
        for (name, value) in [
            ("phone", "+44 20 7946 0000"),
            ("street1", "Kestrel Row 1"),
            ("city", "Oslo"),
        ] {
            put(name, json!(value));
        }
        for name in ["phoneCountryPrefix", "phoneCountryCode", "street2", "zip"] {
            put(name, Value::Null);
        }
    } else {
        let end = person.end.unwrap_or(desk.company.day);
        put("dateTimeDeleted", json!(format!("{end}T16:00:00.0000000Z")));
    }
    phone(&mut record, person);
    Value::Object(record)
}

/// Sheet: Record, by id: `jobTitle`, `hiredFrom`, `supervisorEmployeeId`; errors: 400 for somebody who is not active.
fn one(desk: &Desk) -> Result<Reply, Refusal> {
    let person = desk.find(desk.call.place(0));
    let person = person.filter(|p| may_see(desk, p));
    let person = person.ok_or(Refusal::NotFound)?;
    if desk.state(person) == EmploymentState::Left {
        return Err(Refusal::Bad("Employee id is invalid".into()));
    }
    let mut shown = row(desk, person, true);
    if let Some(record) = shown.as_object_mut() {
        for name in ["hiredDate", "supervisorId"] {
            record.remove(name);
        }
        let manager = desk.company.manager_of(person).map(employee_id);
        record.insert("jobTitle".into(), json!(person.title));
        record.insert("hiredFrom".into(), json!(person.start.to_string()));
        record.insert("supervisorEmployeeId".into(), json!(manager));
        // Sheet: Record, "object {name, type, value, url}".
        let cost = json!({"name": "Cost centre", "type": "Text", "value": person.unit.cost_center, "url": null});
        record.insert(COST_FIELD.into(), cost);
        let other = json!({"name": "Forklift", "type": "Boolean", "value": true, "url": null});
        record.insert("custom_146689".into(), other);
    }
    Ok(Reply::json(200, &json!({"data": shown})))
}

/// A page of rows that are not people.
fn plain(desk: &Desk, rows: Vec<Value>) -> Result<Reply, Refusal> {
    let (offset, size) = window(desk)?;
    let total = rows.len();
    let data = rows.into_iter().skip(offset).take(size).collect();
    Ok(envelope(offset, size, total, data))
}

/// Sheet: Other calls: "rows `{id, employeeId, name}`" of those who are somebody's supervisor.
fn supervisors(desk: &Desk) -> Result<Reply, Refusal> {
    let people = || desk.company.people();
    let bosses: std::collections::BTreeSet<u32> = people().filter_map(|p| p.manager).collect();
    let rows = people().filter(|p| bosses.contains(&p.serial)).map(|p| {
        let name = format!("{} {}", p.given, p.family);
        json!({"id": supervisor_id(p), "employeeId": employee_id(p), "name": name})
    });
    plain(desk, rows.collect())
}

fn departments(desk: &Desk) -> Result<Reply, Refusal> {
    let rows = UNITS
        .iter()
        .map(|u| json!({"id": u.id, "name": u.name, "number": u.id.to_string()}));
    plain(desk, rows.collect())
}

fn groups(desk: &Desk) -> Result<Reply, Refusal> {
    plain(desk, vec![json!({"id": 5_201, "name": "Staff"})])
}

fn types(desk: &Desk) -> Result<Reply, Refusal> {
    let kind = |id: u32, name: &str| json!({"id": id, "name": name});
    plain(desk, vec![kind(91, "Employee"), kind(92, "Freelancer")])
}

/// Sheet: Other calls, "connection test and portal time zone".
fn portal(_: &Desk) -> Result<Reply, Refusal> {
    let data = json!({
        "id": 4_242, "name": "kestrel.planday.com", "companyName": COMPANY, "country": "NO", "timeZone": ZONE,
        "maxDepartments": 0, "aliases": [], "portals": [],
    });
    Ok(Reply::json(200, &json!({"data": data})))
}
