//! Personio, both generations. Rules are cited as "sheet: section" of the fact sheet on this vendor.

use serde_json::{Map, Value, json};

use crate::cli::simulate::hris::call::{Refusal, Reply};
use crate::cli::simulate::hris::desk::Desk;
use crate::cli::simulate::hris::people::{Kind, Person, shift};
use crate::cli::simulate::hris::standin::{Credential, Limit, Make, Role, Route, Standin};
use crate::cli::simulate::hris::truth::Field;
use crate::domain::employment::EmploymentState;

#[path = "personio/v2.rs"]
mod v2;

pub const STANDIN: Standin = Standin {
    name: "Personio",
    // Sheet: Access, "Values pasted into our product".
    credentials: &[
        Credential::new("client_id", Make::Word("papi-", 32)),
        Credential::new("client_secret", Make::Word("papi-", 48)),
        Credential::new("personnel_number_attribute", Make::Fixed("dynamic_90210")),
        Credential::new("phone_attribute", Make::Fixed("dynamic_90211")),
    ],
    routes: &[
        Route::post("/v1/auth", Role::Token, &[], token),
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
        Route::post("/v2/auth/token", Role::Token, &[], v2::token),
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
            v2::persons,
        ),
        Route::get(
            "/v2/persons/{id}/employments",
            Role::Detail,
            &["limit", "cursor"],
            v2::employments,
        ),
        Route::get(
            "/v2/org-units",
            Role::Lookup,
            &["type", "limit", "cursor"],
            v2::org_units,
        ),
        // Sheet: Sources, "unknown": a path that one client uses.
        Route::get(
            "/v2/cost-centers",
            Role::Lookup,
            &["limit", "cursor"],
            v2::cost_centers,
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
        Field::WorkPhone,
        Field::State,
        Field::Start,
        Field::End,
    ],
    hides: &[Field::Email, Field::Manager, Field::End],
    widens: true,
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
fn token(desk: &Desk) -> Result<Reply, Refusal> {
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

/// An attribute before it is wrapped: key, label, type, value.
type Bare = (&'static str, &'static str, &'static str, Value);

/// Sheet: Record v1. The attributes that the credential may read.
fn wrapped(desk: &Desk, person: &Person) -> Vec<Bare> {
    let mut all = plain(desk, person);
    let date = |day: Option<chrono::NaiveDate>| json!(day.map(|d| midnight(person, d)));
    if desk.may_read(Field::Email) {
        all.push(("email", "Email", "standard", json!(person.email)));
    }
    if desk.may_read(Field::Manager) {
        // "Wrapped twice"
        let supervisor = desk.company.manager_of(person).map(|m| {
            let id = attribute("ID", "integer", "id", json!(1_000 + m.serial));
            json!({"type": "Employee", "attributes": {"id": id}})
        });
        all.push(("supervisor", "Supervisor", "standard", json!(supervisor)));
    }
    if desk.may_read(Field::End) {
        let [last_day, termination, contract] = ends(person);
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
    // personio-personnel-data-api-oa3.yaml, `/company/employees`: pay comes like anything else that is ticked.
    if desk.reads_more() {
        all.push(("fix_salary", "Fix salary", "decimal", json!(3_000)));
        all.push((
            "fix_salary_interval",
            "Salary interval",
            "standard",
            json!("monthly"),
        ));
    }
    all
}

/// Those that nobody loses the right to.
fn plain(desk: &Desk, person: &Person) -> Vec<Bare> {
    let named = |kind: &str, id: u32, name: &str| json!({"type": kind, "attributes": {"id": id, "name": name}});
    let (unit, site, entity) = (person.unit, person.site, person.entity);
    let kind = match person.kind {
        Kind::Employee => "internal",
        Kind::Contractor => "external",
    };
    let number = person.number.map(|n| n.to_string());
    let standard = [
        ("first_name", "First name", json!(person.given)),
        ("last_name", "Last name", json!(person.family)),
        (
            "preferred_name",
            "Name (preferred)",
            json!(person.preferred.map(|_| person.display())),
        ),
        ("status", "Status", json!(status_word(status(desk, person)))),
        ("position", "Position", json!(person.title)),
        ("employment_type", "Employment type", json!(kind)),
        (
            "department",
            "Department",
            named("Department", unit.id, unit.name),
        ),
        ("team", "Team", named("Team", unit.id - 420, unit.team)),
        ("office", "Office", named("Office", site.id, site.name)),
        (
            "subcompany",
            "Subcompany",
            named("Subcompany", entity.id, entity.name),
        ),
        ("cost_centers", "Cost center", cost_centers(person)),
        ("dynamic_90210", "Personnel number", json!(number)),
        ("dynamic_90211", "Work phone", json!(person.work_phone)),
    ];
    let hired = json!(midnight(person, person.start));
    let others = [
        ("id", "ID", "integer", json!(1_000 + person.serial)),
        ("hire_date", "Hire date", "date", hired),
    ];
    let standard = standard
        .into_iter()
        .map(|(key, label, value)| (key, label, "standard", value));
    others.into_iter().chain(standard).collect()
}

/// Sheet: Record v1, "take the largest percentage": some are paid by two, and the smaller share stands first.
fn cost_centers(person: &Person) -> Value {
    let center = |id: u32, name: &str, share: u32| json!({"type": "CostCenter", "attributes": {"id": id, "name": name, "percentage": share}});
    let unit = person.unit;
    match person.serial % 7 {
        0 => json!([
            center(799, "CC-999", 40),
            center(unit.id + 200, unit.cost_center, 60)
        ]),
        _ => json!([center(unit.id + 200, unit.cost_center, 100)]),
    }
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

/// personio-personnel-data-api-oa3.yaml, `/company/employees/attributes`: "Lists all the allowed attributes per API
/// credentials", each with `universal_id` and `options`.
fn attributes(desk: &Desk) -> Result<Reply, Refusal> {
    let first = desk.company.people().next().ok_or(Refusal::NotFound)?;
    let data: Vec<Value> = wrapped(desk, first)
        .into_iter()
        .map(|(key, label, kind, _)| {
            let universal = (!key.starts_with("dynamic_")).then_some(key);
            json!({"key": key, "label": label, "type": kind, "universal_id": universal, "options": []})
        })
        .collect();
    Ok(Reply::json(200, &json!({"success": true, "data": data})))
}
