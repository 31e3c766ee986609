//! Humaans. Rules are cited as "sheet: section" of the fact sheet on this vendor.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde_json::{Value, json};

use crate::cli::simulate::hris::call::{Refusal, Reply};
use crate::cli::simulate::hris::desk::Desk;
use crate::cli::simulate::hris::dice::Dice;
use crate::cli::simulate::hris::names::{ENTITIES, SITES};
use crate::cli::simulate::hris::people::{Kind, Person, shift};
use crate::cli::simulate::hris::standin::{Credential, Make, Role, Route, Standin};
use crate::cli::simulate::hris::truth::Field;
use crate::domain::employment::EmploymentState;

pub const STANDIN: Standin = Standin {
    name: "Humaans",
    // Sheet: Access, "Value to paste: the token"; Record, "cost centre": a custom field of the tenant's own.
    credentials: &[
        Credential::new("api_access_token", Make::Word("", 32)),
        Credential::new("cost_center_custom_field", Make::Fixed(COST_FIELD)),
    ],
    routes: &[
        Route::get("/api/me", Role::Check, &[], me),
        Route::get("/api/token-info", Role::Check, &[], token_info),
        Route::get(
            "/api/people",
            Role::List,
            &["$limit", "$skip", "email", "status", "locationId"],
            people,
        ),
        Route::get("/api/people/{id}", Role::Detail, &[], one),
        Route::get(
            "/api/job-roles",
            Role::Lookup,
            &["$limit", "$skip", "personId"],
            job_roles,
        ),
        Route::get(
            "/api/locations",
            Role::Lookup,
            &["$limit", "$skip"],
            locations,
        ),
        Route::get(
            "/api/companies",
            Role::Lookup,
            &["$limit", "$skip"],
            companies,
        ),
        Route::get(
            "/api/custom-fields",
            Role::Lookup,
            &["$limit", "$skip"],
            custom_fields,
        ),
        Route::get(
            "/api/custom-values",
            Role::Lookup,
            &["$limit", "$skip", "personId", "customFieldId"],
            custom_values,
        ),
    ],
    // Sheet: Listing, "Rate limits: no number published".
    limits: &[],
    fields: &[
        Field::Email,
        Field::Given,
        Field::Middle,
        Field::Family,
        Field::Display,
        Field::Title,
        Field::Number,
        Field::Department,
        Field::Organization,
        Field::CostCenter,
        Field::Manager,
        Field::WorkPhone,
        Field::Timezone,
        Field::State,
        Field::Start,
        Field::End,
    ],
    // Sheet: Access, "With only public:read, future hires and offboarded people are not returned".
    hides: &[Field::State],
    widens: true,
    is_paged: true,
    id: |seed, person| {
        let mut dice = Dice::new(seed, &format!("humaans/{}", person.serial));
        format!("p{}", dice.word(23))
    },
    tell: |_, person, mut facts| {
        facts.display = Some(person.display());
        // Sheet: Record, "status": there is no word for a leave.
        if facts.state == EmploymentState::OnLeave {
            facts.state = EmploymentState::Employed;
        }
        Some(facts)
    },
    limit_headers: |_| Vec::new(),
    admit,
    refuse,
};

/// Id of the custom field that holds the cost centre.
const COST_FIELD: &str = "fQ1costcentre00000000001";

/// Sheet: Access, "Authorization: Bearer".
fn admit(desk: &Desk) -> Result<(), Refusal> {
    match desk.call.bearer() {
        Some(token) if token == desk.key("api_access_token") => Ok(()),
        _ => Err(Refusal::Unauthorized),
    }
}

/// Sheet: Listing, "Errors: non-2xx with {code, name, message, issues?}".
fn refuse(_: &Desk, refusal: Refusal) -> Reply {
    let mut wait = None;
    let (status, code, why) = match refusal {
        Refusal::Unauthorized => (401, "NotAuthenticated", "Not authenticated".to_owned()),
        Refusal::Forbidden => (403, "Forbidden", "The token may not read this".to_owned()),
        Refusal::NotFound => (404, "NotFound", "Not found".to_owned()),
        Refusal::WrongMethod => (405, "MethodNotAllowed", "Method not allowed".to_owned()),
        Refusal::Bad(why) | Refusal::Invalid(why) => (400, "ValidationError", why),
        Refusal::Broken => (500, "GeneralError", "Something went wrong".to_owned()),
        Refusal::TooMany(seconds) => {
            wait = Some(seconds);
            (429, "TooManyRequests", "Too many requests".to_owned())
        }
        Refusal::Special(reply) => return *reply,
    };
    let reply = Reply::json(status, &json!({"code": code, "name": code, "message": why}));
    match wait {
        Some(seconds) => reply.with("Retry-After", seconds.to_string()),
        None => reply,
    }
}

/// Where a page begins and how long it is. Sheet: Listing, "$limit (default 100, max 250), $skip (default 0)".
fn window(desk: &Desk) -> Result<(usize, usize), Refusal> {
    let limit = desk.call.number("$limit")?;
    if limit.is_some_and(|n| n == 0 || n > 250) {
        return Err(Refusal::Bad("$limit must be between 1 and 250".into()));
    }
    let skip = desk.call.number("$skip")?.unwrap_or(0);
    Ok((skip, desk.page_size(limit, 100, 250)))
}

/// Sheet: Listing, "envelope {total, limit, skip, data}".
fn envelope(total: usize, limit: usize, skip: usize, data: Vec<Value>) -> Reply {
    Reply::json(
        200,
        &json!({"total": total, "limit": limit, "skip": skip, "data": data}),
    )
}

/// A page of rows that are not people.
fn plain(desk: &Desk, rows: Vec<Value>) -> Result<Reply, Refusal> {
    let (skip, limit) = window(desk)?;
    let total = rows.len();
    let data = rows.into_iter().skip(skip).take(limit).collect();
    Ok(envelope(total, limit, skip, data))
}

fn word(state: EmploymentState) -> &'static str {
    match state {
        EmploymentState::Prehire => "newHire",
        EmploymentState::Left => "offboarded",
        _ => "active",
    }
}

/// Who is on the list of people for this token.
fn is_shown(desk: &Desk, person: &Person) -> bool {
    desk.may_read(Field::State) || word(desk.state(person)) == "active"
}

fn people(desk: &Desk) -> Result<Reply, Refusal> {
    let (skip, limit) = window(desk)?;
    let call = desk.call;
    let is = |name: &str, value: &str| call.param(name).is_none_or(|wanted| wanted == value);
    let roster = desk.roster(limit, |p| {
        is_shown(desk, p)
            && is("email", p.email.as_deref().unwrap_or_default())
            && is("status", word(desk.state(p)))
            && is("locationId", &location_id(p.site.id))
    });
    let shown = roster.page(skip, limit);
    let reports = reports_of(desk);
    let data = shown.iter().map(|p| record(desk, p, &reports)).collect();
    Ok(envelope(roster.total, limit, skip, data))
}

/// Serials of who reports to whom. Sheet: Record, "directReports: array of person ids".
fn reports_of(desk: &Desk) -> BTreeMap<u32, Vec<String>> {
    let mut reports: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for person in desk.company.people() {
        if let Some(manager) = person.manager {
            reports.entry(manager).or_default().push(desk.id(person));
        }
    }
    reports
}

fn location_id(id: u32) -> String {
    format!("lQ1{id:021}")
}

fn company_id(id: u32) -> String {
    format!("cQ1{id:021}")
}

/// Sheet: Record; Example.
fn record(desk: &Desk, person: &Person, reports: &BTreeMap<u32, Vec<String>>) -> Value {
    let date = |day: Option<NaiveDate>| json!(day.map(|d| d.to_string()));
    // "locationId may be a literal for remote workers"; they have a city and a zone of their own.
    let is_remote = person.serial.is_multiple_of(6);
    let remote = |text: &str| json!(is_remote.then(|| text.to_owned()));
    let kind = match person.kind {
        Kind::Employee => "Full time",
        Kind::Contractor => "Contractor",
    };
    // "lastWorkingDay filled with nonsense"
    let last_day = match person.serial % 4 {
        0 => json!("2000-01-01"),
        _ => date(person.end),
    };
    json!({
        "id": desk.id(person),
        "companyId": company_id(person.entity.id),
        "firstName": person.given,
        "middleName": person.middle,
        "lastName": person.family,
        "preferredName": person.preferred,
        "email": person.email,
        "personalEmail": person.private_email,
        "locationId": if is_remote { json!("remote") } else { json!(location_id(person.site.id)) },
        "remoteCity": remote(person.site.name),
        "remoteCountryCode": remote(person.site.country),
        "remoteTimezone": remote(person.site.zone),
        "phoneNumber": person.work_phone.as_ref().map(|p| p.replace(' ', "")),
        "formattedPhoneNumber": person.work_phone,
        "employmentStartDate": person.start.to_string(),
        "firstWorkingDay": person.start.to_string(),
        "employmentEndDate": date(person.end),
        "lastWorkingDay": last_day,
        "contractType": kind,
        "employeeId": person.number.map(|n| n.to_string()),
        "teams": [{"name": person.unit.team}],
        "status": word(desk.state(person)),
        "timezone": person.site.zone,
        "directReports": reports.get(&person.serial).cloned().unwrap_or_default(),
        "createdAt": format!("{}T08:00:00.000Z", person.start),
        "updatedAt": format!("{}T08:00:00.000Z", person.changed),
        "demo": false,
    })
}

/// Sheet: Listing, "GET /people/{id} returns the bare object".
fn one(desk: &Desk) -> Result<Reply, Refusal> {
    let person = desk.find(desk.call.place(0)).filter(|p| is_shown(desk, p));
    let person = person.ok_or(Refusal::NotFound)?;
    Ok(Reply::json(200, &record(desk, person, &reports_of(desk))))
}

/// Sheet: Access, "Connection test: GET /me".
fn me(desk: &Desk) -> Result<Reply, Refusal> {
    let first = desk.company.people().next().ok_or(Refusal::NotFound)?;
    Ok(Reply::json(200, &record(desk, first, &reports_of(desk))))
}

/// Public clients of the API (ptorsten/humaans-mcp, `get_token_info`): the scopes of the token, a list of words. Sheet:
/// Access, "Scopes are chosen when the token is created".
fn token_info(desk: &Desk) -> Result<Reply, Refusal> {
    let mut scopes = match desk.may_read(Field::State) {
        true => vec!["private:read"],
        false => vec!["public:read"],
    };
    if desk.reads_more() {
        scopes.push("compensations:read");
    }
    Ok(Reply::json(
        200,
        &json!({"id": "tQ1000000000000000000001", "label": "Rosterd", "scopes": scopes}),
    ))
}

/// Sheet: Other calls, "one record per person and effective date": some had another role, some will.
fn roles_of(desk: &Desk, person: &Person) -> Vec<Value> {
    let today = desk.company.day;
    let manager = desk.company.manager_of(person).map(|m| desk.id(m));
    let role =
        |n: u32, title: &str, department: &str, manager: Option<&String>, from: NaiveDate| {
            json!({
                "id": format!("jQ{n}{:021}", person.serial),
                "companyId": company_id(person.entity.id),
                "personId": desk.id(person),
                "jobTitle": title,
                "department": department,
                "reportingTo": manager,
                "effectiveDate": from.to_string(),
                "createdAt": format!("{from}T08:00:00.000Z"),
                "updatedAt": format!("{from}T08:00:00.000Z"),
            })
        };
    let now = |from: NaiveDate| role(2, person.title, person.unit.name, manager.as_ref(), from);
    let mut roles = Vec::new();
    let promoted = shift(person.start, 200);
    if person.serial.is_multiple_of(5) && person.end.is_none() && person.start < today {
        roles.push(role(3, "To come", "Tomorrow", None, shift(today, 30)));
    }
    if person.serial.is_multiple_of(3) && promoted < today {
        roles.push(now(promoted));
        roles.push(role(1, "Trainee", "Training", None, person.start));
    } else {
        roles.push(now(person.start));
    }
    roles
}

fn job_roles(desk: &Desk) -> Result<Reply, Refusal> {
    let (skip, limit) = window(desk)?;
    let wanted = desk.call.param("personId");
    let people = desk.company.people().filter(|p| is_shown(desk, p));
    let mut total = 0;
    let mut data = Vec::new();
    // Counts all, makes those of the page.
    for person in people.filter(|p| wanted.is_none_or(|id| desk.id(p) == id)) {
        for role in roles_of(desk, person) {
            if total >= skip && data.len() < limit {
                data.push(role);
            }
            total += 1;
        }
    }
    Ok(envelope(total, limit, skip, data))
}

fn locations(desk: &Desk) -> Result<Reply, Refusal> {
    let rows = SITES
        .iter()
        .map(|s| json!({"id": location_id(s.id), "name": s.name, "country": s.country, "timezone": s.zone}));
    plain(desk, rows.collect())
}

fn companies(desk: &Desk) -> Result<Reply, Refusal> {
    let rows = ENTITIES
        .iter()
        .map(|e| json!({"id": company_id(e.id), "name": e.name}));
    plain(desk, rows.collect())
}

fn custom_fields(desk: &Desk) -> Result<Reply, Refusal> {
    let row = json!({"id": COST_FIELD, "name": "Cost centre", "section": "custom", "type": "text"});
    plain(desk, vec![row])
}

/// Sheet: Record, "GET /custom-values rows {personId, customFieldId, value}", "value may be a string or array".
fn custom_values(desk: &Desk) -> Result<Reply, Refusal> {
    let call = desk.call;
    let is_field = call
        .param("customFieldId")
        .is_none_or(|id| id == COST_FIELD);
    let is_wanted = |p: &&Person| call.param("personId").is_none_or(|id| desk.id(p) == id);
    let people = desk
        .company
        .people()
        .filter(|p| is_field && is_shown(desk, p));
    let rows = people.filter(is_wanted).map(|p| {
        let center = p.unit.cost_center;
        let value = if p.serial.is_multiple_of(2) { json!([center]) } else { json!(center) };
        json!({"id": format!("vQ1{:021}", p.serial), "personId": desk.id(p), "customFieldId": COST_FIELD, "value": value})
    });
    plain(desk, rows.collect())
}
