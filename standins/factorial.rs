//! Factorial. Rules are cited as "sheet: section" of the fact sheet on this vendor, or as "SDK": the vendor's own
//! package factorial-api-client 3.0.0, generated from its OpenAPI file.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::NaiveDate;
use serde_json::{Value, json};

use crate::cli::simulate::hris::call::{Refusal, Reply};
use crate::cli::simulate::hris::desk::Desk;
use crate::cli::simulate::hris::names::{ENTITIES, SITES, UNITS};
use crate::cli::simulate::hris::people::{Person, shift};
use crate::cli::simulate::hris::standin::{Credential, Limit, Make, Role, Route, Standin};
use crate::cli::simulate::hris::truth::Field;
use crate::domain::employment::EmploymentState;

pub const STANDIN: Standin = Standin {
    name: "Factorial",
    // Sheet: Access, "Pasted values: API key, version".
    credentials: &[
        Credential::new("api_key", Make::Hex("", 64)),
        Credential::new("api_version", Make::Fixed("2026-07-01")),
        // Sheet: Record, phone "may be private": that those of this company are not, its administrator says.
        Credential::new("phone", Make::Fixed("yes")),
    ],
    routes: &[
        Route::get(
            "/api/{version}/resources/api_public/credentials",
            Role::Check,
            &[],
            credentials,
        ),
        Route::get(
            "/api/{version}/resources/employees/employees",
            Role::List,
            &["limit", "after_id", "only_active", "only_managers"],
            employees,
        ),
        Route::get(
            "/api/{version}/resources/contracts/contract_versions",
            Role::Lookup,
            PAGED,
            contract_versions,
        ),
        Route::get(
            "/api/{version}/resources/teams/teams",
            Role::Lookup,
            PAGED,
            teams,
        ),
        Route::get(
            "/api/{version}/resources/teams/memberships",
            Role::Lookup,
            PAGED,
            memberships,
        ),
        Route::get(
            "/api/{version}/resources/locations/locations",
            Role::Lookup,
            PAGED,
            locations,
        ),
        Route::get(
            "/api/{version}/resources/companies/legal_entities",
            Role::Lookup,
            PAGED,
            legal_entities,
        ),
        Route::get(
            "/api/{version}/resources/finance/cost_centers",
            Role::Lookup,
            PAGED,
            cost_centers,
        ),
        Route::get(
            "/api/{version}/resources/finance/cost_center_memberships",
            Role::Lookup,
            PAGED,
            cost_center_memberships,
        ),
    ],
    // Sheet: Listing, "practice notes say 200/min in general".
    limits: &[Limit {
        path: "",
        count: 200,
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
        Field::Timezone,
        Field::State,
        Field::Start,
        Field::End,
    ],
    // Sheet: Access, a key "reads everything in the company".
    hides: &[],
    widens: false,
    is_paged: true,
    id: |_, person| (3_000 + person.serial).to_string(),
    tell: |company, person, mut facts| {
        // Sheet: Other calls, "the membership valid today": that of a future hire begins with the first day.
        if person.start > company.day {
            facts.cost_center = None;
        }
        // Sheet: Record, "status": `active` knows no leave.
        if facts.state == EmploymentState::OnLeave {
            facts.state = EmploymentState::Employed;
        }
        Some(facts)
    },
    limit_headers: |_| Vec::new(),
    admit,
    refuse,
};

const PAGED: &[&str] = &["limit", "after_id"];
const COMPANY: u32 = 11;
/// A team beside the departments, to which some belong as well.
const COUNCIL: u32 = 590;

/// Sheet: Access, "header x-api-key"; first paragraph, the versions seen in use.
fn admit(desk: &Desk) -> Result<(), Refusal> {
    if desk.call.header("x-api-key") != Some(desk.key("api_key")) {
        return Err(Refusal::Unauthorized);
    }
    let known = [
        "2025-01-01",
        "2025-04-01",
        "2026-01-01",
        "2026-04-01",
        "2026-07-01",
        "2026-10-01",
    ];
    let version = desk.call.path.split('/').nth(2).unwrap_or_default();
    match known.contains(&version) {
        true => Ok(()),
        false => Err(Refusal::NotFound),
    }
}

/// Sheet: Listing, "Errors: 401/403 for the key"; "429 above". The body is unknown.
fn refuse(_: &Desk, refusal: Refusal) -> Reply {
    let errors = |status, why: &str| Reply::json(status, &json!({"errors": [{"message": why}]}));
    match refusal {
        Refusal::Unauthorized => errors(401, "Unauthorized"),
        Refusal::Forbidden => errors(403, "Forbidden"),
        Refusal::NotFound => errors(404, "Not found"),
        Refusal::WrongMethod => errors(405, "Method not allowed"),
        Refusal::Bad(why) | Refusal::Invalid(why) => errors(400, &why),
        Refusal::Broken => errors(500, "Internal server error"),
        Refusal::TooMany(seconds) => {
            errors(429, "Too many requests").with("Retry-After", seconds.to_string())
        }
        Refusal::Special(reply) => *reply,
    }
}

/// Sheet: Record, "integer in older versions, string in newer specs".
fn id_in(desk: &Desk, id: u32) -> Value {
    match desk.call.place(0) < "2026-07-01" {
        true => json!(id),
        false => json!(id.to_string()),
    }
}

fn employee_id(desk: &Desk, person: &Person) -> Value {
    id_in(desk, 3_000 + person.serial)
}

fn date(day: Option<NaiveDate>) -> Value {
    json!(day.map(|d| d.to_string()))
}

/// Where a page begins and how long it is. Sheet: Listing, "limit default = max = 100"; "after_id=<meta.end_cursor>".
fn window(desk: &Desk) -> Result<(usize, usize), Refusal> {
    let limit = desk.call.number("limit")?;
    if limit.is_some_and(|n| n == 0 || n > 100) {
        return Err(Refusal::Bad("limit must be between 1 and 100".into()));
    }
    let after = match desk.call.param("after_id") {
        Some(cursor) => place_of(cursor)?,
        None => 0,
    };
    Ok((after, desk.page_size(limit, 100, 100)))
}

/// A cursor means nothing to a client. Here it is the place behind a row.
fn place_of(cursor: &str) -> Result<usize, Refusal> {
    let bytes = STANDARD.decode(cursor).ok();
    let text = bytes.and_then(|b| String::from_utf8(b).ok());
    let place = text.and_then(|t| t.strip_prefix("row-")?.parse().ok());
    place.ok_or_else(|| Refusal::Bad("after_id is no cursor of this list".into()))
}

/// Sheet: Listing, "Envelope data[], meta.{…}".
fn envelope(data: Vec<Value>, after: usize, limit: usize, total: usize) -> Reply {
    let cursor = |place: usize| json!(STANDARD.encode(format!("row-{place}")));
    let end = after + data.len();
    let edge = |place: usize| match data.is_empty() {
        true => Value::Null,
        false => cursor(place),
    };
    let meta = json!({
        "has_next_page": end < total,
        "has_previous_page": after > 0,
        "start_cursor": edge(after + 1),
        "end_cursor": edge(end),
        "total": total,
        "limit": limit,
    });
    Reply::json(200, &json!({"data": data, "meta": meta}))
}

/// A page of rows that are not people.
fn plain(desk: &Desk, rows: Vec<Value>) -> Result<Reply, Refusal> {
    let (after, limit) = window(desk)?;
    let total = rows.len();
    let data = rows.into_iter().skip(after).take(limit).collect();
    Ok(envelope(data, after, limit, total))
}

/// Sheet: Access, "Check call".
fn credentials(desk: &Desk) -> Result<Reply, Refusal> {
    let row = json!({"id": id_in(desk, COMPANY), "company_id": id_in(desk, COMPANY)});
    Ok(Reply::json(200, &json!({"data": [row]})))
}

fn flag(desk: &Desk, name: &str) -> Result<bool, Refusal> {
    match desk.call.param(name) {
        Some("true") => Ok(true),
        Some("false") | None => Ok(false),
        Some(_) => Err(Refusal::Bad(format!("{name} must be true or false"))),
    }
}

/// Sheet: Record, "status: true = active, false = terminated".
fn is_active(desk: &Desk, person: &Person) -> bool {
    desk.state(person) != EmploymentState::Left
}

/// Sheet: Listing, "Leave only_active out (or false) to receive leavers".
fn employees(desk: &Desk) -> Result<Reply, Refusal> {
    let (after, limit) = window(desk)?;
    let (only_active, only_managers) = (flag(desk, "only_active")?, flag(desk, "only_managers")?);
    let leads = |p: &Person| desk.company.people().any(|q| q.manager == Some(p.serial));
    let roster = desk.roster(limit, |p| {
        (!only_active || is_active(desk, p)) && (!only_managers || leads(p))
    });
    let shown = roster.page(after, limit);
    let data = shown.iter().map(|p| record(desk, p)).collect();
    // A list that lost rows still ends where the rows end.
    let mut reply = envelope(data, after, limit, roster.people.len());
    if roster.people.len() != roster.total {
        reply = counting(reply, roster.total);
    }
    Ok(reply)
}

/// The same page; the vendor counts so many.
fn counting(reply: Reply, total: usize) -> Reply {
    let mut body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    body["meta"]["total"] = json!(total);
    Reply::json(reply.status, &body)
}

/// Sheet: Record; Example. The private facts are invented: a client must leave them where they are.
fn record(desk: &Desk, person: &Person) -> Value {
    let company = desk.company;
    // Sheet: Record, "e-mail": `email` may be the private one, and who never signed in has no `login_email`.
    let (login, email) = match &person.email {
        None => (None, None),
        Some(work) if person.serial % 7 == 3 => (None, Some(work)),
        Some(work) if person.serial.is_multiple_of(5) => (Some(work), Some(&person.private_email)),
        Some(work) => (Some(work), Some(work)),
    };
    let manager = company.manager_of(person).map(|m| employee_id(desk, m));
    let ends_later = person.end.is_some_and(|end| end >= company.day);
    json!({
        "id": employee_id(desk, person),
        "access_id": id_in(desk, 900_000 + person.serial),
        "first_name": person.given,
        "last_name": person.family,
        "full_name": format!("{} {}", person.given, person.family),
        "preferred_name": person.preferred,
        "birth_name": null,
        "gender": "female",
        "identifier": format!("X{:07}T", person.serial),
        "identifier_type": "dni",
        "email": email,
        "login_email": login,
        "personal_email": person.private_email,
        "birthday_on": "1988-02-03",
        "nationality": person.site.country.to_lowercase(),
        "country": person.site.country.to_lowercase(),
        "city": "Somewhere",
        "postal_code": "00000",
        "bank_number": "ES00 0000 0000",
        "social_security_number": "000000000",
        "company_id": id_in(desk, COMPANY),
        "legal_entity_id": id_in(desk, person.entity.id),
        "location_id": id_in(desk, person.site.id),
        "manager_id": manager,
        "timeoff_manager_id": employee_id(desk, person),
        "company_identifier": person.number.map(|n| n.to_string()),
        "phone_number": person.work_phone,
        "seniority_calculation_date": person.start.to_string(),
        "active": is_active(desk, person),
        "is_terminating": ends_later,
        "terminated_on": date(person.end),
        "termination_reason": person.end.map(|_| "resignation"),
        "attendable": true,
        "created_at": format!("{}T09:00:00.000Z", person.start),
        "updated_at": format!("{}T09:00:00.000Z", person.changed),
    })
}

/// Sheet: Other calls, "Job title": some had another one, some will. SDK: `ends_on` is the end of the contract.
fn versions_of(desk: &Desk, person: &Person) -> Vec<Value> {
    let today = desk.company.day;
    let version = |n: u32, title: &str, from: NaiveDate| {
        json!({
            "id": id_in(desk, 10 * person.serial + n),
            "company_id": id_in(desk, COMPANY),
            "employee_id": employee_id(desk, person),
            "job_title": title,
            "job_catalog_level_id": null,
            "effective_on": from.to_string(),
            "starts_on": person.start.to_string(),
            "ends_on": date(person.end),
            "salary_amount": 4_200_000,
            "created_at": format!("{from}T09:00:00.000Z"),
            "updated_at": format!("{from}T09:00:00.000Z"),
        })
    };
    let promoted = shift(person.start, 200);
    let mut versions = Vec::new();
    if person.serial.is_multiple_of(3) && promoted < today {
        versions.push(version(1, "Trainee", person.start));
        versions.push(version(2, person.title, promoted));
    } else {
        versions.push(version(2, person.title, person.start));
    }
    if person.serial.is_multiple_of(5) && person.end.is_none() && person.start < today {
        versions.push(version(3, "To come", shift(today, 30)));
    }
    versions
}

fn contract_versions(desk: &Desk) -> Result<Reply, Refusal> {
    let people = desk.company.people();
    plain(desk, people.flat_map(|p| versions_of(desk, p)).collect())
}

fn is_in_council(person: &Person) -> bool {
    person.serial.is_multiple_of(10)
}

/// Sheet: Other calls, "A person can be in several teams; … also contains terminated people".
fn teams(desk: &Desk) -> Result<Reply, Refusal> {
    let row = |id: u32, name: &str, is_in: &dyn Fn(&Person) -> bool| {
        let members = desk.company.people().filter(|p| is_in(p));
        let members: Vec<Value> = members.map(|p| employee_id(desk, p)).collect();
        json!({
            "id": id_in(desk, id), "name": name, "description": null, "avatar": null,
            "company_id": id_in(desk, COMPANY), "parent_team_id": null, "depth": 0,
            "lead_ids": members.first().into_iter().collect::<Vec<_>>(), "employee_ids": members,
        })
    };
    let units = UNITS
        .iter()
        .map(|u| row(u.id, u.name, &|p| p.unit.id == u.id));
    let council = row(COUNCIL, "Works council", &is_in_council);
    plain(desk, units.chain([council]).collect())
}

fn memberships(desk: &Desk) -> Result<Reply, Refusal> {
    let row = |n: u32, person: &Person, team: u32| {
        json!({
            "id": id_in(desk, 10 * person.serial + n), "employee_id": employee_id(desk, person),
            "team_id": id_in(desk, team), "company_id": id_in(desk, COMPANY), "lead": false, "direct": true,
            "source_team_ids": [], "parent_team_ids": [],
        })
    };
    let mut rows = Vec::new();
    for person in desk.company.people() {
        rows.push(row(1, person, person.unit.id));
        if is_in_council(person) {
            rows.push(row(2, person, COUNCIL));
        }
    }
    plain(desk, rows)
}

/// SDK: `timezone` of a location may be absent, `main` never is.
fn locations(desk: &Desk) -> Result<Reply, Refusal> {
    let rows = SITES.iter().map(|s| {
        json!({
            "id": id_in(desk, s.id), "company_id": id_in(desk, COMPANY), "name": s.name, "main": s.id == SITES[0].id,
            "timezone": s.zone, "country": s.country.to_lowercase(), "city": s.name,
        })
    });
    plain(desk, rows.collect())
}

/// SDK: `companies/legal_entities`, with `legal_name`.
fn legal_entities(desk: &Desk) -> Result<Reply, Refusal> {
    let rows = ENTITIES.iter().map(|e| {
        json!({
            "id": id_in(desk, e.id), "company_id": id_in(desk, COMPANY), "legal_name": e.name, "country": "es",
            "currency": "EUR", "tin": null,
        })
    });
    plain(desk, rows.collect())
}

/// Sheet: Other calls, "Cost centres"; whether a customer tells them apart by name or code is open, so both are one.
fn cost_centers(desk: &Desk) -> Result<Reply, Refusal> {
    let rows = UNITS.iter().map(|u| {
        json!({
            "id": id_in(desk, u.id + 100), "company_id": id_in(desk, COMPANY), "legal_entity_id": null,
            "name": u.cost_center, "code": u.cost_center, "description": null, "status": "active",
            "deactivation_date": null, "active_employees_count": 3, "historical_employees_count": 4,
        })
    });
    plain(desk, rows.collect())
}

/// Sheet: Other calls, "the membership valid today … with the highest percentage".
fn cost_center_memberships(desk: &Desk) -> Result<Reply, Refusal> {
    let today = desk.company.day;
    let other = |own: u32| UNITS.iter().find(|u| u.id != own).map_or(own, |u| u.id);
    let row = |n: u32, p: &Person, unit: u32, percentage: f64, from: NaiveDate, to| {
        json!({
            "id": id_in(desk, 10 * p.serial + n), "employee_id": employee_id(desk, p),
            "cost_center_id": id_in(desk, unit + 100), "start_date": from.to_string(), "end_date": date(to),
            "percentage": percentage,
        })
    };
    let mut rows = Vec::new();
    for p in desk.company.people() {
        let (own, else_where) = (p.unit.id, other(p.unit.id));
        let moved = shift(p.start, 100);
        match p.serial % 4 {
            // Two at a time.
            0 => {
                rows.push(row(1, p, else_where, 30.0, p.start, None));
                rows.push(row(2, p, own, 70.0, p.start, None));
            }
            // Another one before.
            1 if moved < today && p.end.is_none_or(|end| end > moved) => {
                rows.push(row(
                    1,
                    p,
                    else_where,
                    100.0,
                    p.start,
                    Some(shift(moved, -1)),
                ));
                rows.push(row(2, p, own, 100.0, moved, None));
            }
            _ => rows.push(row(2, p, own, 100.0, p.start, None)),
        }
    }
    plain(desk, rows)
}
