//! Lucca: the Lucca API of version 2024-11-01. Rules are cited as "sheet: section" of the fact sheet on this vendor.

use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use crate::cli::simulate::hris::call::{Refusal, Reply};
use crate::cli::simulate::hris::desk::Desk;
use crate::cli::simulate::hris::names::UNITS;
use crate::cli::simulate::hris::people::{Person, shift};
use crate::cli::simulate::hris::standin::{Credential, Limit, Make, Role, Route, Standin};
use crate::cli::simulate::hris::truth::Field;
use crate::domain::employment::EmploymentState;

#[path = "lucca/lists.rs"]
mod lists;

pub const STANDIN: Standin = Standin {
    name: "Lucca",
    // Sheet: Access, "Paste the whole origin"; "client_id, client_secret (secret shown once)".
    credentials: &[
        Credential::new("address", Make::Fixed(ORIGIN)),
        Credential::new("client_id", Make::Uuid),
        Credential::new("client_secret", Make::Word("", 44)),
        // A property that this company made for itself.
        Credential::new("cost_center_attribute", Make::Fixed(lists::COST_PROPERTY)),
    ],
    routes: &[
        Route::post("/connect/token", Role::Token, &[], token),
        Route::get(
            "/lucca-api/employees",
            Role::List,
            &["include", "limit", "page", "status"],
            employees,
        ),
        Route::get("/lucca-api/employments", Role::Lookup, LIST, employments),
        Route::get("/lucca-api/job-positions", Role::Lookup, LIST, positions),
        Route::get(
            "/lucca-api/departments",
            Role::Lookup,
            LIST,
            lists::departments,
        ),
        Route::get(
            "/lucca-api/legal-entities",
            Role::Lookup,
            LIST,
            lists::entities,
        ),
        Route::get(
            "/lucca-api/business-establishments",
            Role::Lookup,
            LIST,
            lists::establishments,
        ),
        Route::get(
            "/lucca-api/employee-attributes",
            Role::Lookup,
            &[
                "include",
                "limit",
                "page",
                "definition.id",
                "applicability.asOf",
            ],
            lists::attributes,
        ),
    ],
    // Sheet: Limits, "50 requests per minute per tenant".
    limits: &[Limit {
        path: "",
        count: 50,
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
        Field::Organization,
        Field::CostCenter,
        Field::Manager,
        Field::WorkPhone,
        Field::State,
        Field::Start,
        Field::End,
    ],
    hides: &[],
    widens: false,
    is_paged: true,
    id: |_, person| (500 + person.serial).to_string(),
    tell: |_, _, mut facts| {
        // Sheet: Listing, `status`: active, upcoming, deactivated.
        if facts.state == EmploymentState::OnLeave {
            facts.state = EmploymentState::Employed;
        }
        Some(facts)
    },
    limit_headers: |_| Vec::new(),
    admit,
    refuse,
};

const ORIGIN: &str = "https://kestrel.ilucca.net";
const LIST: &[&str] = &["include", "limit", "page"];
/// Sheet: Access, "Scopes", and which path wants which.
const SCOPES: [(&str, &str); 7] = [
    ("employees", "employees.readonly"),
    ("employments", "employments.readonly"),
    ("job-positions", "job-positions.readonly"),
    ("departments", "departments.readonly"),
    ("legal-entities", "legal-entities.readonly"),
    (
        "business-establishments",
        "business-establishments.readonly",
    ),
    ("employee-attributes", "employee-attributes.readonly"),
];

/// Sheet: Access, "Calls: Authorization: Bearer …, Api-Version: 2024-11-01, Accept: application/json"; Limits, "403
/// scope".
fn admit(desk: &Desk) -> Result<(), Refusal> {
    let token = desk.call.bearer().filter(|token| desk.is_good(token));
    let token = token.ok_or(Refusal::Unauthorized)?;
    if desk.call.header("api-version") != Some("2024-11-01") {
        return Err(Refusal::Bad(
            "the header Api-Version is missing or unknown".into(),
        ));
    }
    if !desk.call.accepts("application/json") {
        return Err(Refusal::Bad(
            "the header Accept must be application/json".into(),
        ));
    }
    let resource = desk.call.path.split('/').nth(2).unwrap_or_default();
    let wanted = SCOPES.iter().find(|(name, _)| *name == resource);
    match wanted {
        Some((_, scope)) if !has_scope(desk, token, scope) => Err(Refusal::Forbidden),
        _ => Ok(()),
    }
}

fn has_scope(desk: &Desk, token: &str, scope: &str) -> bool {
    let granted = desk.note(token).unwrap_or_default();
    granted.split(' ').any(|s| s == scope)
}

/// Whether the token of this request may read a part that another answer carries.
fn may_read(desk: &Desk, scope: &str) -> bool {
    let token = desk.call.bearer().unwrap_or_default();
    has_scope(desk, token, scope)
}

/// Sheet: Limits, "Errors: RFC 7807 problem details"; "429 with Retry-After".
fn refuse(_: &Desk, refusal: Refusal) -> Reply {
    match refusal {
        Refusal::Unauthorized => Reply::problem(401, "Unauthorized", "The token is not valid"),
        Refusal::Forbidden => Reply::problem(403, "Forbidden", "The scope was not granted"),
        Refusal::NotFound => Reply::problem(404, "Not Found", "No access, or no such resource"),
        Refusal::WrongMethod => Reply::problem(405, "Method Not Allowed", "Not with this method"),
        Refusal::Bad(why) | Refusal::Invalid(why) => Reply::problem(400, "Bad Request", &why),
        Refusal::Broken => Reply::problem(500, "Internal Server Error", "Try again later"),
        Refusal::TooMany(seconds) => Reply::problem(429, "Too Many Requests", "Wait")
            .with("Retry-After", seconds.to_string()),
        Refusal::Special(reply) => *reply,
    }
}

/// Sheet: Access, "Token: POST …/connect/token … fields grant_type=client_credentials, client_id, client_secret, scope".
fn token(desk: &Desk) -> Result<Reply, Refusal> {
    let form = desk.call.form()?;
    let get = |name: &str| {
        let found = form.iter().find(|(n, _)| n == name);
        found.map_or("", |(_, value)| value.as_str())
    };
    let deny = |error: &str| {
        let reply = Reply::json(400, &json!({"error": error}));
        Refusal::Special(Box::new(reply))
    };
    if get("grant_type") != "client_credentials" {
        return Err(deny("unsupported_grant_type"));
    }
    if get("client_id") != desk.key("client_id")
        || get("client_secret") != desk.key("client_secret")
    {
        return Err(deny("invalid_client"));
    }
    let asked = get("scope");
    let is_known = |scope: &str| SCOPES.iter().any(|(_, known)| *known == scope);
    if asked.is_empty() || !asked.split(' ').all(is_known) {
        return Err(deny("invalid_scope"));
    }
    let (token, seconds) = desk.issue("", 1_800, false);
    desk.set_note(&token, Some(asked.to_owned()));
    let body = json!({
        "access_token": token, "token_type": "Bearer", "expires_in": seconds, "scope": asked,
    });
    Ok(Reply::json(200, &body))
}

/// Whether the client asked for this beside the records. Sheet: Listing, "links only appears with include=links".
fn includes(desk: &Desk, part: &str) -> bool {
    let include = desk.call.param("include").unwrap_or_default();
    include.split(',').any(|p| p == part)
}

/// Where a page begins and how long it is. Sheet: Listing, "limit (default 25, max 100), page (opaque cursor)".
fn window(desk: &Desk) -> Result<(usize, usize), Refusal> {
    let known = ["embedded", "links", "totalCount", ""];
    let include = desk.call.param("include").unwrap_or_default();
    if let Some(part) = include.split(',').find(|p| !known.contains(p)) {
        return Err(Refusal::Bad(format!("include does not know `{part}`")));
    }
    let limit = desk.call.number("limit")?;
    if limit.is_some_and(|n| n == 0 || n > 100) {
        return Err(Refusal::Bad("limit must be between 1 and 100".into()));
    }
    let from = match desk.call.param("page") {
        None => Some(0),
        Some(cursor) => cursor
            .strip_prefix("cursor.")
            .and_then(|place| usize::from_str_radix(place, 36).ok()),
    };
    let from = from.ok_or_else(|| Refusal::Bad("page is no cursor of this list".into()))?;
    Ok((from, desk.page_size(limit, 25, 100)))
}

/// Sheet: Example. `rows` is how many there are to page through, `total` how many the vendor counts.
fn envelope(
    desk: &Desk,
    items: Vec<Value>,
    rows: usize,
    total: usize,
    embedded: Option<Value>,
) -> Result<Reply, Refusal> {
    let (from, limit) = window(desk)?;
    let resource = desk.call.path.trim_start_matches("/lucca-api/");
    let mut body = json!({
        "type": resource, "url": format!("{ORIGIN}{}", desk.call.path), "items": items,
    });
    let link = |from: usize| {
        let others = desk.call.query.iter().filter(|(name, _)| name != "page");
        let others = others.map(|(name, value)| format!("{name}={value}&"));
        let others: String = others.collect();
        let cursor = in_base_36(from);
        let href = format!("{ORIGIN}{}?{others}page=cursor.{cursor}", desk.call.path);
        json!({ "href": href })
    };
    if includes(desk, "links") {
        let next = (from + limit < rows).then(|| link(from + limit));
        let prev = (from > 0).then(|| link(from.saturating_sub(limit)));
        body["links"] = json!({"prev": prev, "next": next});
    }
    if includes(desk, "totalCount") {
        body["totalCount"] = json!(total);
    }
    if let Some(embedded) = embedded.filter(|_| includes(desk, "embedded")) {
        body["embedded"] = embedded;
    }
    Ok(Reply::json(200, &body))
}

fn in_base_36(mut number: usize) -> String {
    let mut digits = Vec::new();
    loop {
        let digit = u32::try_from(number % 36).unwrap_or_default();
        digits.extend(char::from_digit(digit, 36));
        number /= 36;
        if number == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}

/// A page of rows that are not people.
fn plain(desk: &Desk, rows: Vec<Value>) -> Result<Reply, Refusal> {
    let (from, limit) = window(desk)?;
    let total = rows.len();
    let items = rows.into_iter().skip(from).take(limit).collect();
    envelope(desk, items, total, total, None)
}

/// Sheet: Record, "references are {id,type,url}".
fn reference(kind: &str, id: &str) -> Value {
    json!({"id": id, "type": kind, "url": format!("{ORIGIN}/lucca-api/{kind}s/{id}")})
}

fn status(state: EmploymentState) -> &'static str {
    match state {
        EmploymentState::Prehire => "upcoming",
        EmploymentState::Left => "deactivated",
        _ => "active",
    }
}

/// Sheet: Listing, "status (… comma list in one parameter …)". What comes without the filter is not documented: here only
/// those who are active.
fn employees(desk: &Desk) -> Result<Reply, Refusal> {
    let (from, limit) = window(desk)?;
    let wanted: Vec<&str> = match desk.call.param("status") {
        None => vec!["active"],
        Some(list) => list.split(',').collect(),
    };
    let known = ["active", "upcoming", "deactivated"];
    if let Some(word) = wanted.iter().find(|word| !known.contains(word)) {
        return Err(Refusal::Bad(format!("status does not know `{word}`")));
    }
    let roster = desk.roster(limit, |p| wanted.contains(&status(desk.state(p))));
    let shown = roster.page(from, limit);
    let items = shown.iter().map(|p| record(desk, p)).collect();
    let embedded = embedded(desk, shown);
    envelope(
        desk,
        items,
        roster.people.len(),
        roster.total,
        Some(embedded),
    )
}

/// Sheet: Example.
fn record(desk: &Desk, person: &Person) -> Value {
    let id = desk.id(person);
    let applicable = applicable(desk, person);
    json!({
        "id": id,
        "type": "employee",
        "url": format!("{ORIGIN}/lucca-api/employees/{id}"),
        "remoteId": null,
        "portrait": null,
        "givenName": person.given,
        "familyName": person.family,
        "employeeNumber": person.number.map(|n| n.to_string()),
        "status": status(desk.state(person)),
        "email": person.email,
        "birthDay": {"day": 3, "month": 2},
        "phoneNumber": person.work_phone,
        "applicableEmployment": reference("employment", &employment_id(person)),
        "applicableJobPosition": applicable.map(|p| reference("job-position", &p.id)),
        "createdAt": format!("{}T08:00:00.0000Z", person.start),
        "lastUpdatedAt": format!("{}T08:00:00.0000Z", person.changed),
        "links": {},
    })
}

/// Sheet: Listing, "a dictionary by type, then by id …; it may be partial or absent if a scope is missing".
fn embedded(desk: &Desk, people: &[&Person]) -> Value {
    let mut all = Map::new();
    let is_whole = |p: &&&Person| !p.serial.is_multiple_of(7);
    if may_read(desk, "employments.readonly") {
        let rows = people.iter().filter(is_whole);
        let rows = rows.map(|p| (employment_id(p), employment(desk, p)));
        all.insert("employment".into(), Value::Object(rows.collect()));
    }
    if may_read(desk, "job-positions.readonly") {
        let rows = people.iter().filter(is_whole);
        let rows = rows.filter_map(|p| applicable(desk, p));
        let rows = rows.map(|p| (p.id.clone(), p.record(desk)));
        all.insert("job-position".into(), Value::Object(rows.collect()));
    }
    Value::Object(all)
}

fn employment_id(person: &Person) -> String {
    (9_000 + 10 * person.serial + person.stint).to_string()
}

/// Sheet: Record, "Employment". The name inside `end` is not documented; it is taken to be that of `start`.
fn employment(desk: &Desk, person: &Person) -> Value {
    let ended = (person.start, person.end);
    let id = employment_id(person);
    employment_of(desk, person, &id, status(desk.state(person)), ended)
}

fn employment_of(
    desk: &Desk,
    person: &Person,
    id: &str,
    status: &str,
    (start, end): (NaiveDate, Option<NaiveDate>),
) -> Value {
    json!({
        "id": id, "type": "employment", "url": format!("{ORIGIN}/lucca-api/employments/{id}"), "remoteId": null,
        "employee": reference("employee", &desk.id(person)),
        "legalEntity": {"id": person.entity.id.to_string(), "type": "legal-entity",
            "url": format!("{ORIGIN}/lucca-api/legal-entities/{}", person.entity.id)},
        "status": status,
        "start": {"date": start.to_string()},
        "end": end.map(|d| json!({"date": d.to_string()})),
        "template": {"id": "1"},
    })
}

/// Those who came back have an employment that ended before.
fn employments(desk: &Desk) -> Result<Reply, Refusal> {
    let mut rows = Vec::new();
    for person in desk.company.people() {
        rows.push(employment(desk, person));
        if let Some((from, to)) = person.earlier {
            let id = (9_000 + 10 * person.serial + 9).to_string();
            let ended = (from, Some(to));
            rows.push(employment_of(desk, person, &id, "deactivated", ended));
        }
    }
    plain(desk, rows)
}

/// One row of a person's career.
struct Position<'a> {
    id: String,
    person: &'a Person,
    title: &'static str,
    department: u32,
    has_manager: bool,
    from: NaiveDate,
    to: Option<NaiveDate>,
}

impl Position<'_> {
    /// Sheet: Record, "Job position".
    fn record(&self, desk: &Desk) -> Value {
        let (today, person) = (desk.company.day, self.person);
        let status = match (self.from > today, self.to.is_some_and(|to| to < today)) {
            (true, _) => "upcoming",
            (_, true) => "deactivated",
            _ => "active",
        };
        let manager = desk.company.manager_of(person);
        let manager = manager.filter(|_| self.has_manager);
        json!({
            "id": self.id, "type": "job-position", "url": format!("{ORIGIN}/lucca-api/job-positions/{}", self.id),
            "employment": reference("employment", &employment_id(person)),
            "employee": reference("employee", &desk.id(person)),
            "status": status,
            "startsOn": self.from.to_string(),
            "endsOn": self.to.map(|d| d.to_string()),
            "jobTitle": self.title,
            "jobQualification": null,
            "manager": manager.map(|m| reference("employee", &desk.id(m))),
            "department": reference("department", &self.department.to_string()),
            "businessEstablishment": reference("business-establishment", &person.site.id.to_string()),
        })
    }
}

/// Some had another position before, some will have one.
fn positions_of<'a>(desk: &Desk, person: &'a Person) -> Vec<Position<'a>> {
    let today = desk.company.day;
    let position = |n: u32, title, department, from, to| Position {
        id: (70_000 + 10 * person.serial + n).to_string(),
        person,
        title,
        department,
        has_manager: n == 2,
        from,
        to,
    };
    let first_unit = UNITS[0].id;
    let promoted = shift(person.start, 200);
    let had_another = person.serial.is_multiple_of(3)
        && promoted < today
        && person.end.is_none_or(|end| end > promoted);
    let mut rows = Vec::new();
    let begins = match had_another {
        true => promoted,
        false => person.start,
    };
    let moves = person.serial.is_multiple_of(5) && person.end.is_none() && begins < today;
    let ends = match moves {
        true => Some(shift(today, 29)),
        false => person.end,
    };
    rows.push(position(2, person.title, person.unit.id, begins, ends));
    if had_another {
        let last = Some(shift(promoted, -1));
        rows.push(position(1, "Trainee", first_unit, person.start, last));
    }
    if moves {
        rows.push(position(3, "To come", first_unit, shift(today, 30), None));
    }
    rows
}

/// Sheet: Record, "'Applicable' = current one if active, the next one if upcoming, the last one if gone".
fn applicable<'a>(desk: &Desk, person: &'a Person) -> Option<Position<'a>> {
    let mut own = positions_of(desk, person).into_iter();
    own.find(|position| position.has_manager)
}

fn positions(desk: &Desk) -> Result<Reply, Refusal> {
    let people = desk.company.people();
    let rows = people.flat_map(|p| positions_of(desk, p));
    plain(desk, rows.map(|p| p.record(desk)).collect())
}
