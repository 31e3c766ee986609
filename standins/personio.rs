//! Personio, both generations. Rules are cited as "sheet: section" of the fact sheet on this vendor.

use serde_json::{Map, Value, json};

use crate::cli::simulate::hris::call::{Refusal, Reply};
use crate::cli::simulate::hris::desk::Desk;
use crate::cli::simulate::hris::dice::Dice;
use crate::cli::simulate::hris::people::{Kind, Person, shift};
use crate::cli::simulate::hris::standin::{Credential, Limit, Make, Role, Route, Standin};
use crate::cli::simulate::hris::truth::Field;
use crate::domain::clock::Millis;
use crate::domain::employment::EmploymentState;

pub const STANDIN: Standin = Standin {
    name: "Personio",
    // Sheet: Access, "Values pasted into our product".
    credentials: &[
        Credential::new("client_id", Make::Word("papi-", 32)),
        Credential::new("client_secret", Make::Word("papi-", 48)),
        Credential::new("personnel_number_attribute", Make::Fixed("dynamic_90210")),
    ],
    routes: &[
        Route::post("/v1/auth", Role::Token, &[], token_v1),
        Route::get(
            "/v1/company/employees",
            Role::List,
            &["limit", "offset", "attributes[]", "email", "updated_since"],
            employees,
        ),
        Route::get(
            "/v1/company/employees/attributes",
            Role::Lookup,
            &[],
            attributes,
        ),
        Route::post("/v2/auth/token", Role::Token, &[], token_v2),
        Route::get(
            "/v2/persons",
            Role::List,
            &[
                "limit",
                "cursor",
                "status",
                "id",
                "email",
                "updated_at.gt",
                "updated_at.lt",
            ],
            persons,
        ),
        Route::get(
            "/v2/persons/{id}/employments",
            Role::Detail,
            &["limit", "cursor"],
            employments,
        ),
        Route::get(
            "/v2/org-units",
            Role::Lookup,
            &["type", "limit", "cursor"],
            org_units,
        ),
        // Sheet: Sources, "unknown": a path that one client uses.
        Route::get(
            "/v2/cost-centers",
            Role::Lookup,
            &["limit", "cursor"],
            cost_centers,
        ),
    ],
    // Sheet: Access, "token call limit"; v1, "Rate limits". Those of v2's lists are undocumented.
    limits: &[
        Limit {
            path: "/v1/auth",
            count: 60,
            seconds: 60,
        },
        Limit {
            path: "/v2/auth/token",
            count: 150,
            seconds: 60,
        },
        Limit {
            path: "/v1/company/employees",
            count: 300,
            seconds: 60,
        },
        Limit {
            path: "/v1/company/employees",
            count: 15,
            seconds: 1,
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
        Field::Division,
        Field::Organization,
        Field::CostCenter,
        Field::Manager,
        Field::State,
        Field::Start,
        Field::End,
    ],
    hides: &[Field::Email, Field::Manager, Field::End],
    is_paged: true,
    id: |_, person| (1_000 + person.serial).to_string(),
    // Sheet: SCIM mapping, `displayName` is the full preferred name, `division` the team.
    tell: |_, person, mut facts| {
        facts.display = Some(person.display());
        facts.division = Some(person.unit.team.to_owned());
        Some(facts)
    },
    // Sheet: v1, "No documented rate-limit headers".
    limit_headers: |_| Vec::new(),
    admit,
    refuse,
};

/// A day, in seconds: how long a token is good. Sheet: Access, "lifetime".
const DAY: i64 = 86_400;

/// Sheet: Access, "Every data call: Authorization: Bearer".
fn admit(desk: &Desk) -> Result<(), Refusal> {
    match desk.call.bearer() {
        Some(token) if desk.is_good(token) => Ok(()),
        _ => Err(Refusal::Unauthorized),
    }
}

/// Sheet: v1, "Errors"; v2, "Errors".
fn refuse(desk: &Desk, refusal: Refusal) -> Reply {
    let (status, title, detail) = match refusal {
        Refusal::Unauthorized => (
            401,
            "Unauthorized",
            "The token is missing, wrong or expired".to_owned(),
        ),
        Refusal::Forbidden => (
            403,
            "Forbidden",
            "The credential may not read this".to_owned(),
        ),
        Refusal::NotFound => (404, "Not Found", "There is no such resource".to_owned()),
        Refusal::WrongMethod => (
            405,
            "Method Not Allowed",
            "The method is not allowed".to_owned(),
        ),
        Refusal::Bad(why) => (400, "Bad Request", why),
        Refusal::Invalid(why) => (422, "Unprocessable Entity", why),
        Refusal::Broken => (
            500,
            "Internal Server Error",
            "Something went wrong".to_owned(),
        ),
        Refusal::TooMany(_) => (429, "Too Many Requests", "Too many requests".to_owned()),
        Refusal::Special(reply) => return *reply,
    };
    if desk.call.path.starts_with("/v2/") {
        let body = json!({
            "personio_trace_id": "0123456789abcdef",
            "timestamp": format!("{}T08:00:00Z", desk.company.day),
            "errors": [{"title": title, "detail": detail, "type": "stand-in"}],
        });
        return Reply::new(status, "application/problem+json", body.to_string());
    }
    Reply::json(
        status,
        &json!({"success": false, "error": {"code": status, "message": detail}}),
    )
}

fn pair_of(form: &[(String, String)], name: &str) -> String {
    let found = form.iter().find(|(n, _)| n == name);
    found.map(|(_, value)| value.clone()).unwrap_or_default()
}

/// Sheet: Access, column v1: "JSON or form body"; "the same token is stable for that time".
fn token_v1(desk: &Desk) -> Result<Reply, Refusal> {
    let (id, secret) = if desk.call.is_of("application/json") {
        let body = desk.call.object()?;
        let text = |name: &str| {
            body.get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        (text("client_id"), text("client_secret"))
    } else {
        let form = desk.call.form()?;
        (pair_of(&form, "client_id"), pair_of(&form, "client_secret"))
    };
    if id != desk.key("client_id") || secret != desk.key("client_secret") {
        // "403/401 with the v1 error body (recalled)"
        return Err(Refusal::Forbidden);
    }
    let (token, expires_in) = desk.issue("papi-", DAY, true);
    let data = json!({"token": token, "expires_in": expires_in, "scope": "employees:read"});
    Ok(Reply::json(200, &json!({"success": true, "data": data})))
}

/// Sheet: Access, column v2.
fn token_v2(desk: &Desk) -> Result<Reply, Refusal> {
    let form = desk.call.form()?;
    let deny = |error: &str, why: &str| {
        let body =
            json!({"error": error, "error_description": why, "trace_id": "0123456789abcdef"});
        let reply = Reply::new(400, "application/problem+json", body.to_string());
        Err(Refusal::Special(Box::new(reply)))
    };
    if pair_of(&form, "grant_type") != "client_credentials" {
        return deny(
            "unsupported_grant_type",
            "grant_type must be client_credentials",
        );
    }
    let is_right = |name: &str| pair_of(&form, name) == desk.key(name);
    if !is_right("client_id") || !is_right("client_secret") {
        return deny(
            "invalid_client",
            "the client is unknown or its secret is wrong",
        );
    }
    let (token, expires_in) = desk.issue("papi-", DAY, true);
    let scope = "personio:persons:read personio:org-units:read";
    Ok(Reply::json(
        200,
        &json!({"access_token": token, "token_type": "Bearer", "expires_in": expires_in, "scope": scope}),
    ))
}

/// The three dates of an end: last working day, termination, end of contract. Sheet: Record, "end"; who has a last
/// working day before the termination stops working then.
fn ends(person: &Person) -> [Option<chrono::NaiveDate>; 3] {
    match (person.end, person.serial % 3, person.kind) {
        (None, ..) => [None; 3],
        (Some(end), 0, _) => [Some(end), Some(shift(end, 14)), None],
        (Some(end), 1, Kind::Contractor) => [None, None, Some(end)],
        (Some(end), _, _) => [None, Some(end), None],
    }
}

/// Sheet: Record, "status": a word that follows the termination, not the last working day.
fn status(desk: &Desk, person: &Person) -> EmploymentState {
    let state = desk.state(person);
    let [_, termination, _] = ends(person);
    let is_real = person.state(desk.company.day) == state;
    match state {
        EmploymentState::Left if is_real && termination.is_some_and(|t| t >= desk.company.day) => {
            EmploymentState::Employed
        }
        state => state,
    }
}

fn status_word(state: EmploymentState) -> &'static str {
    match state {
        EmploymentState::Prehire => "onboarding",
        EmploymentState::OnLeave => "leave",
        EmploymentState::Left => "inactive",
        EmploymentState::Employed | EmploymentState::Unknown => "active",
    }
}

/// Sheet: Record v1, "ISO date-time with offset at local midnight".
fn midnight(person: &Person, day: chrono::NaiveDate) -> String {
    format!("{day}T00:00:00{}", person.site.offset)
}

/// Sheet: Record v1. Key, label, type, value of each attribute that the credential may read.
fn wrapped(desk: &Desk, person: &Person) -> Vec<(&'static str, &'static str, &'static str, Value)> {
    let named = |kind: &str, id: u32, name: &str| json!({"type": kind, "attributes": {"id": id, "name": name}});
    let date = |day: Option<chrono::NaiveDate>| json!(day.map(|d| midnight(person, d)));
    let supervisor = desk.company.manager_of(person).map(|m| {
        let id = attribute("ID", "integer", "id", json!(1_000 + m.serial));
        json!({"type": "Employee", "attributes": {"id": id}})
    });
    let [last_day, termination, contract] = ends(person);
    let unit = person.unit;
    let center = |id: u32, name: &str, share: u32| json!({"type": "CostCenter", "attributes": {"id": id, "name": name, "percentage": share}});
    // Some are paid by two; the smaller share stands first.
    let centers = match person.serial % 7 {
        0 => json!([
            center(799, "CC-999", 40),
            center(unit.id + 200, unit.cost_center, 60)
        ]),
        _ => json!([center(unit.id + 200, unit.cost_center, 100)]),
    };
    let kind = match person.kind {
        Kind::Employee => "internal",
        Kind::Contractor => "external",
    };
    let mut all = vec![
        ("id", "ID", "integer", json!(1_000 + person.serial)),
        ("first_name", "First name", "standard", json!(person.given)),
        ("last_name", "Last name", "standard", json!(person.family)),
        (
            "preferred_name",
            "Name (preferred)",
            "standard",
            json!(person.preferred.map(|_| person.display())),
        ),
        (
            "status",
            "Status",
            "standard",
            json!(status_word(status(desk, person))),
        ),
        ("position", "Position", "standard", json!(person.title)),
        (
            "employment_type",
            "Employment type",
            "standard",
            json!(kind),
        ),
        (
            "department",
            "Department",
            "standard",
            named("Department", unit.id, unit.name),
        ),
        (
            "team",
            "Team",
            "standard",
            named("Team", unit.id - 420, unit.team),
        ),
        (
            "office",
            "Office",
            "standard",
            named("Office", person.site.id, person.site.name),
        ),
        (
            "subcompany",
            "Subcompany",
            "standard",
            named("Subcompany", person.entity.id, person.entity.name),
        ),
        ("cost_centers", "Cost center", "standard", centers),
        ("hire_date", "Hire date", "date", date(Some(person.start))),
        (
            "dynamic_90210",
            "Personnel number",
            "standard",
            json!(person.number.map(|n| n.to_string())),
        ),
        (
            "dynamic_90211",
            "Work phone",
            "standard",
            json!(person.work_phone),
        ),
    ];
    if desk.may_read(Field::Email) {
        all.push(("email", "Email", "standard", json!(person.email)));
    }
    if desk.may_read(Field::Manager) {
        all.push(("supervisor", "Supervisor", "standard", json!(supervisor)));
    }
    if desk.may_read(Field::End) {
        all.push((
            "termination_date",
            "Termination date",
            "date",
            date(termination),
        ));
        all.push((
            "last_working_day",
            "Last day of work",
            "date",
            date(last_day),
        ));
        all.push(("contract_end_date", "Contract ends", "date", date(contract)));
    }
    all
}

/// Sheet: Record v1, "every field is {label, value, type, universal_id}".
fn attribute(label: &str, kind: &str, key: &str, value: Value) -> Value {
    let universal = (!key.starts_with("dynamic_")).then_some(key);
    json!({"label": label, "value": value, "type": kind, "universal_id": universal})
}

fn employee(desk: &Desk, person: &Person, wanted: &[&str]) -> Value {
    let attributes: Map<String, Value> = wrapped(desk, person)
        .into_iter()
        .filter(|(key, ..)| wanted.is_empty() || wanted.contains(key))
        .map(|(key, label, kind, value)| (key.to_owned(), attribute(label, kind, key, value)))
        .collect();
    json!({"type": "Employee", "attributes": attributes})
}

/// Sheet: Listing, v1.
fn employees(desk: &Desk) -> Result<Reply, Refusal> {
    let call = desk.call;
    let query = call.query.iter();
    let wanted: Vec<&str> = query
        .filter(|(name, _)| name == "attributes[]")
        .map(|(_, value)| value.as_str())
        .collect();
    // "no parameters = 50 per page", "max `limit` 100"
    let limit = call.number("limit")?.unwrap_or(50);
    if limit == 0 || limit > 100 {
        return Err(Refusal::Bad("limit must be between 1 and 100".into()));
    }
    let offset = call.number("offset")?.unwrap_or(0);
    let email = call.param("email").map(str::to_lowercase);
    let since = call
        .param("updated_since")
        .map(|text| text.get(..10).unwrap_or(text));
    let (roster, is_whole) = match since {
        // "With it, limit, offset and email are ignored (one unpaged answer)"
        Some(since) => (
            desk.roster(limit, |p| p.changed.to_string().as_str() >= since),
            true,
        ),
        None => {
            let has = |p: &Person| p.email.as_ref().map(|e| e.to_lowercase());
            (
                desk.roster(limit, |p| email.is_none() || has(p) == email),
                false,
            )
        }
    };
    let shown = match is_whole {
        true => roster.people.as_slice(),
        false => roster.page(offset, limit),
    };
    let data: Vec<Value> = shown.iter().map(|p| employee(desk, p, &wanted)).collect();
    let metadata = json!({
        "total_elements": roster.total,
        "current_page": offset / limit,
        "total_pages": roster.total.div_ceil(limit),
    });
    Ok(Reply::json(
        200,
        &json!({"success": true, "metadata": metadata, "offset": offset, "limit": limit, "data": data}),
    ))
}

/// Sheet: Other calls, "lists available attributes".
fn attributes(desk: &Desk) -> Result<Reply, Refusal> {
    let first = desk.company.people().next().ok_or(Refusal::NotFound)?;
    let data: Vec<Value> = wrapped(desk, first)
        .into_iter()
        .map(|(key, label, kind, _)| json!({"key": key, "label": label, "type": kind}))
        .collect();
    Ok(Reply::json(200, &json!({"success": true, "data": data})))
}

/// One page of a v2 list: which of `total` to show, and the links. Sheet: v2, "Cursor paging: follow
/// `_meta.links.next.href` (the cursor is only inside that link)".
fn cursor_page(desk: &Desk, usual: usize, most: usize) -> Result<(usize, usize), Refusal> {
    let asked = desk.call.number("limit")?;
    if asked.is_some_and(|n| n == 0 || n > most) {
        return Err(Refusal::Bad(format!("limit must be between 1 and {most}")));
    }
    let offset = match desk.call.param("cursor") {
        None => 0,
        Some(cursor) => cursor
            .strip_prefix("c2Vl")
            .and_then(|c| usize::from_str_radix(c, 36).ok())
            .ok_or_else(|| Refusal::Bad("the cursor is not one of this list".into()))?,
    };
    Ok((offset, desk.page_size(asked, usual, most)))
}

fn links(desk: &Desk, offset: usize, size: usize, count: usize) -> Value {
    let path = &desk.call.path;
    let own = format!("https://api.personio.de{path}");
    let mut links = json!({"self": {"href": own}});
    if offset + size < count {
        let kept: String = desk
            .call
            .query
            .iter()
            .filter(|(name, _)| name != "cursor")
            .map(|(name, value)| {
                format!("{name}={}&", value.replace('@', "%40").replace('+', "%2B"))
            })
            .collect();
        let cursor = base36(offset + size);
        links["next"] = json!({"href": format!("{own}?{kept}cursor=c2Vl{cursor}")});
    }
    json!({"links": links})
}

fn base36(mut number: usize) -> String {
    let mut digits = Vec::new();
    loop {
        let digit = u8::try_from(number % 36).unwrap_or(0);
        digits.push(char::from(if digit < 10 {
            b'0' + digit
        } else {
            b'a' + digit - 10
        }));
        number /= 36;
        if number == 0 {
            return digits.iter().rev().collect();
        }
    }
}

fn listed(value: Option<&str>) -> Option<Vec<String>> {
    value.map(|list| list.split(',').map(str::to_lowercase).collect())
}

/// Sheet: Listing, v2; Record, v2.
fn persons(desk: &Desk) -> Result<Reply, Refusal> {
    let call = desk.call;
    let (offset, size) = cursor_page(desk, 10, 50)?;
    let wanted_status = call.param("status");
    if wanted_status.is_some_and(|s| s != "ACTIVE" && s != "INACTIVE") {
        return Err(Refusal::Bad("status must be ACTIVE or INACTIVE".into()));
    }
    let (ids, emails) = (listed(call.param("id")), listed(call.param("email")));
    let updated =
        |p: &Person| Millis::from_rfc3339(&format!("{}T08:00:00Z", p.changed)).unwrap_or_default();
    let time = |name: &str| {
        let read = |text| {
            Millis::from_rfc3339(text).ok_or_else(|| Refusal::Bad(format!("{name} must be a time")))
        };
        call.param(name).map(read).transpose()
    };
    let (after, before) = (time("updated_at.gt")?, time("updated_at.lt")?);
    let roster = desk.roster(size, |p| {
        let email = p.email.as_deref().unwrap_or_default().to_lowercase();
        wanted_status.is_none_or(|s| person_status(desk, p) == s)
            && ids.as_ref().is_none_or(|ids| ids.contains(&desk.id(p)))
            && emails.as_ref().is_none_or(|emails| emails.contains(&email))
            && after.is_none_or(|t| updated(p) > t)
            && before.is_none_or(|t| updated(p) < t)
    });
    let shown = roster.page(offset, size);
    let data: Vec<Value> = shown.iter().map(|p| person(desk, p)).collect();
    let meta = links(desk, offset, size, roster.people.len());
    Ok(Reply::json(200, &json!({"_data": data, "_meta": meta})))
}

/// Sheet: Record v2, "ACTIVE also covers leave and onboarding".
fn person_status(desk: &Desk, person: &Person) -> &'static str {
    match status(desk, person) {
        EmploymentState::Left => "INACTIVE",
        _ => "ACTIVE",
    }
}

fn employment_id(desk: &Desk, person: &Person, which: &str) -> String {
    Dice::new(
        desk.company.seed,
        &format!("employment/{}/{which}", person.serial),
    )
    .uuid()
}

fn person(desk: &Desk, person: &Person) -> Value {
    let id = desk.id(person);
    let mut employments = vec![json!({"id": employment_id(desk, person, "now")})];
    if person.earlier.is_some() {
        employments.push(json!({"id": employment_id(desk, person, "before")}));
    }
    let number = json!({
        "id": "dynamic_90210", "type": "string", "global_id": null, "label": "Personnel number",
        "value": person.number.map(|n| n.to_string()),
    });
    let mut shown = json!({
        "id": id,
        "first_name": person.given,
        "last_name": person.family,
        "preferred_name": person.preferred.map(|_| person.display()),
        "status": person_status(desk, person),
        "custom_attributes": [number],
        "employments": employments,
        "created_at": format!("{}T08:00:00Z", person.start),
        "updated_at": format!("{}T08:00:00Z", person.changed),
        "_meta": {"links": {"self": {"href": format!("https://api.personio.de/v2/persons/{id}")}}},
    });
    if desk.may_read(Field::Email) {
        shown["email"] = json!(person.email);
    }
    shown
}

/// Sheet: Record v2, "Employment"; "most recent first".
fn employments(desk: &Desk) -> Result<Reply, Refusal> {
    let person = desk.find(desk.call.place(0)).ok_or(Refusal::NotFound)?;
    let (offset, size) = cursor_page(desk, 10, 50)?;
    let mut all = vec![employment(desk, person)];
    if let Some((from, to)) = person.earlier {
        let mut before = employment(desk, person);
        before["id"] = json!(employment_id(desk, person, "before"));
        before["status"] = json!("INACTIVE");
        before["employment_start_date"] = json!(from.to_string());
        before["employment_end_date"] = json!(to.to_string());
        before["contract_end_date"] = Value::Null;
        before["termination"] = json!({"termination_date": to.to_string(), "last_working_day": to.to_string(), "terminated_at": null, "type": "EMPLOYEE", "reason": null});
        all.push(before);
    }
    let meta = links(desk, offset, size, all.len());
    let shown: Vec<Value> = all.into_iter().skip(offset).take(size).collect();
    Ok(Reply::json(200, &json!({"_data": shown, "_meta": meta})))
}

fn employment(desk: &Desk, person: &Person) -> Value {
    let id = desk.id(person);
    let [last_day, termination, contract] = match desk.may_read(Field::End) {
        true => ends(person),
        false => [None; 3],
    };
    let date = |day: Option<chrono::NaiveDate>| json!(day.map(|d| d.to_string()));
    let manager = desk
        .company
        .manager_of(person)
        .filter(|_| desk.may_read(Field::Manager));
    let word = match status(desk, person) {
        EmploymentState::Prehire => "ONBOARDING",
        EmploymentState::OnLeave => "LEAVE",
        EmploymentState::Left => "INACTIVE",
        EmploymentState::Employed | EmploymentState::Unknown => "ACTIVE",
    };
    let kind = match person.kind {
        Kind::Employee => "INTERNAL",
        Kind::Contractor => "EXTERNAL",
    };
    // "The published example spells last_working_date where the schema says last_working_day"
    let leaving = termination.map(|t| {
        json!({"termination_date": t.to_string(), "last_working_day": date(last_day), "terminated_at": null, "type": "EMPLOYEE", "reason": null})
    });
    json!({
        "id": employment_id(desk, person, "now"),
        "status": word,
        "type": kind,
        "position": {"title": person.title},
        "supervisor": manager.map(|m| json!({"id": desk.id(m)})),
        "office": {"id": person.site.id.to_string()},
        "org_units": [
            {"type": "team", "id": (person.unit.id - 420).to_string()},
            {"type": "department", "id": person.unit.id.to_string()},
        ],
        "cost_centers": [{"id": (person.unit.id + 200).to_string(), "weight": 100}],
        "legal_entity": {"id": person.entity.id.to_string()},
        "employment_start_date": person.start.to_string(),
        "employment_end_date": date(termination),
        "contract_end_date": date(contract),
        "termination": leaving,
        "person": {"id": id},
        "_meta": {"links": {"person": {"href": format!("https://api.personio.de/v2/persons/{id}")}}},
    })
}

/// Sheet: Other calls, v2.
fn org_units(desk: &Desk) -> Result<Reply, Refusal> {
    let (offset, size) = cursor_page(desk, 10, 100)?;
    let units = crate::cli::simulate::hris::names::UNITS.iter();
    let all: Vec<Value> = match desk.call.param("type") {
        Some("department") => units
            .map(|u| json!({"id": u.id.to_string(), "name": u.name, "type": "department", "parent_id": null}))
            .collect(),
        Some("team") => units
            .map(|u| json!({"id": (u.id - 420).to_string(), "name": u.team, "type": "team", "parent_id": u.id.to_string()}))
            .collect(),
        _ => return Err(Refusal::Bad("type must be department or team".into())),
    };
    let meta = links(desk, offset, size, all.len());
    let shown: Vec<Value> = all.into_iter().skip(offset).take(size).collect();
    Ok(Reply::json(200, &json!({"_data": shown, "_meta": meta})))
}

fn cost_centers(desk: &Desk) -> Result<Reply, Refusal> {
    let (offset, size) = cursor_page(desk, 10, 100)?;
    let units = crate::cli::simulate::hris::names::UNITS.iter();
    let all: Vec<Value> = units
        .map(|u| json!({"id": (u.id + 200).to_string(), "name": u.cost_center}))
        .collect();
    let meta = links(desk, offset, size, all.len());
    let shown: Vec<Value> = all.into_iter().skip(offset).take(size).collect();
    Ok(Reply::json(200, &json!({"_data": shown, "_meta": meta})))
}
