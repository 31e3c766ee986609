//! Remote. Rules are cited as "sheet: section" of the fact sheet on this vendor; "OpenAPI" is the vendor's own description
//! of its API (gateway.remote.com/v1/docs/openapi.html).

use chrono::NaiveDate;
use serde_json::{Value, json};

use crate::cli::simulate::hris::call::{Refusal, Reply};
use crate::cli::simulate::hris::desk::Desk;
use crate::cli::simulate::hris::dice::Dice;
use crate::cli::simulate::hris::names::UNITS;
use crate::cli::simulate::hris::people::{Kind, Person};
use crate::cli::simulate::hris::standin::{Credential, Limit, Make, Role, Route, Standin};
use crate::cli::simulate::hris::truth::Field;
use crate::domain::employment::EmploymentState;

pub const STANDIN: Standin = Standin {
    name: "Remote",
    // Sheet: Access, "Value to paste: the token"; "Prefix ra_live works only on production".
    credentials: &[
        Credential::new("api_token", Make::Word("ra_live_", 40)),
        Credential::new("cost_center", Make::Fixed("code")),
    ],
    routes: &[
        Route::get(
            "/v1/employments",
            Role::List,
            &[
                "page",
                "page_size",
                "status",
                "email",
                "employment_type",
                "employment_model",
                "short_id",
                "company_id",
            ],
            employments,
        ),
        Route::get(
            "/v1/employments/{id}",
            Role::Detail,
            &["exclude_files"],
            one,
        ),
        Route::get(
            "/v1/employments/{id}/cost-center-allocations",
            Role::Detail,
            &["status"],
            allocations,
        ),
        // OpenAPI, CostCenterAllocations: of all employments at once; "page_size: maximum 100".
        Route::get(
            "/v1/company/{id}/cost-center-allocations",
            Role::Lookup,
            &["status", "page", "page_size"],
            company_allocations,
        ),
        // OpenAPI, Identity: "Customer API Token: returns only the company and user".
        Route::get("/v1/identity/current", Role::Lookup, &[], identity),
        Route::get(
            "/v1/company-departments",
            Role::Lookup,
            &["page", "page_size"],
            departments,
        ),
    ],
    // Sheet: Listing, "300 requests per minute per company (all tokens together)".
    limits: &[Limit {
        path: "",
        count: 300,
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
        Field::State,
        Field::Start,
        Field::End,
    ],
    // Sheet: Access, "broad company-wide access, not scoped".
    hides: &[],
    widens: false,
    is_paged: true,
    // Sheet: Record, "uuid, one per employment (a rehire gets a new one)".
    id: |seed, person| employment_id(seed, person.serial, person.stint),
    tell: |_, person, mut facts| {
        // Sheet: Record, "names: `full_name` only; split on the last space".
        let full = full_name(person);
        let (given, family) = full.rsplit_once(' ').unwrap_or(("", &full));
        facts.given = Some(given.to_owned());
        facts.family = Some(family.to_owned());
        facts.display = Some(full.clone());
        facts.organization = Some(COMPANY.to_owned());
        if facts.state == EmploymentState::OnLeave {
            facts.state = EmploymentState::Employed;
        }
        Some(facts)
    },
    // Sheet: Listing, "Always present: x-ratelimit-count, -remaining, -reset (milliseconds)".
    limit_headers: |budget| {
        vec![
            ("x-ratelimit-count", budget.count.to_string()),
            ("x-ratelimit-remaining", budget.left.to_string()),
            ("x-ratelimit-reset", budget.reset.0.to_string()),
        ]
    },
    admit,
    refuse,
};

/// The company of the token, and its id.
const COMPANY: &str = "Kestrel";
const COMPANY_ID: &str = "0c000000-0000-4000-8000-000000000001";

fn employment_id(seed: u64, serial: u32, stint: u32) -> String {
    Dice::new(seed, &format!("remote/{serial}/{stint}")).uuid()
}

fn full_name(person: &Person) -> String {
    format!("{} {}", person.given, person.family)
}

/// Sheet: Access, "Authorization: Bearer"; "Accept: application/json".
fn admit(desk: &Desk) -> Result<(), Refusal> {
    match desk.call.bearer() {
        Some(token) if token == desk.key("api_token") => {}
        _ => return Err(Refusal::Unauthorized),
    }
    match desk.call.accepts("application/json") {
        true => Ok(()),
        false => Err(Refusal::Bad(
            "the header Accept must be application/json".into(),
        )),
    }
}

/// Sheet: Listing, "Errors".
fn refuse(_: &Desk, refusal: Refusal) -> Reply {
    let message = |status, why: &str| Reply::json(status, &json!({"message": why}));
    match refusal {
        Refusal::Unauthorized => message(401, "Unauthorized"),
        Refusal::Forbidden => message(403, "Forbidden"),
        Refusal::NotFound => message(404, "Not found"),
        Refusal::WrongMethod => message(405, "Method not allowed"),
        Refusal::Bad(why) => message(400, &why),
        Refusal::Invalid(why) => Reply::json(422, &json!({"errors": {"parameter": [why]}})),
        Refusal::Broken => message(500, "Internal server error"),
        Refusal::TooMany(seconds) => {
            message(429, "Too many requests").with("Retry-After", seconds.to_string())
        }
        Refusal::Special(reply) => *reply,
    }
}

/// One employment: a person's present one, or the one before.
#[derive(Clone, Copy)]
struct Employment<'a> {
    person: &'a Person,
    is_present: bool,
}

impl Employment<'_> {
    fn id(&self, desk: &Desk) -> String {
        let stint = match self.is_present {
            true => self.person.stint,
            false => self.person.stint.saturating_sub(1),
        };
        employment_id(desk.company.seed, self.person.serial, stint)
    }

    fn dates(&self) -> (NaiveDate, Option<NaiveDate>) {
        match self.person.earlier {
            Some((from, to)) if !self.is_present => (from, Some(to)),
            _ => (self.person.start, self.person.end),
        }
    }

    /// Sheet: Record, "Status values": "archived with a future termination_date means still working out notice".
    fn status(&self, desk: &Desk) -> &'static str {
        let state = match self.is_present {
            true => desk.state(self.person),
            false => EmploymentState::Left,
        };
        let serial = self.person.serial;
        match (state, self.person.end) {
            (EmploymentState::Prehire, _) => {
                ["pre_hire", "invited", "created"][serial as usize % 3]
            }
            (EmploymentState::Left, _) => "archived",
            (_, Some(_)) if serial.is_multiple_of(2) => "archived",
            (_, Some(_)) => "offboarding",
            (_, None) => "active",
        }
    }

    fn stage(&self, desk: &Desk) -> &'static str {
        let has_gone = self.dates().1.is_some_and(|end| end < desk.company.day);
        match self.status(desk) {
            "archived" if has_gone => "offboarded",
            "active" | "offboarding" | "archived" => "onboarded",
            _ => "onboarding",
        }
    }
}

/// Everybody's employments; the earlier one of a rehired person comes first.
fn all<'a>(desk: &Desk<'a>) -> Vec<Employment<'a>> {
    let of = |person: &'a Person| {
        let before = person.earlier.map(|_| Employment {
            person,
            is_present: false,
        });
        let now = Employment {
            person,
            is_present: true,
        };
        before.into_iter().chain([now])
    };
    desk.company.people().flat_map(of).collect()
}

/// Sheet: Record, "work_email: null possible; login_email … may be a private address".
fn login(person: &Person) -> &str {
    person.email.as_deref().unwrap_or(&person.private_email)
}

fn kind(person: &Person) -> &'static str {
    match person.kind {
        Kind::Employee => "employee",
        Kind::Contractor => "contractor",
    }
}

fn short_id(employment: &Employment) -> String {
    format!(
        "R{:X}{:05X}",
        employment.person.stint, employment.person.serial
    )
}

/// Sheet: Record, "List record (minimal)".
fn minimal(desk: &Desk, employment: &Employment) -> Value {
    let person = employment.person;
    json!({
        "id": employment.id(desk),
        "short_id": short_id(employment),
        "external_id": person.number.map(|n| n.to_string()),
        "full_name": full_name(person),
        "job_title": person.title,
        "login_email": login(person),
        "work_email": person.email,
        "personal_email": person.private_email,
        "department": person.unit.name,
        "department_id": department_id(person.unit.id),
        "country": {"code": person.site.country3, "alpha_2_code": person.site.country, "name": person.site.country_name},
        "status": employment.status(desk),
        "employment_lifecycle_stage": employment.stage(desk),
        "type": kind(person),
        "employment_model": if person.kind == Kind::Employee { json!("eor") } else { Value::Null },
        "work_address_details": {},
    })
}

fn department_id(id: u32) -> String {
    format!("9b000000-0000-4000-8000-{id:012}")
}

/// Page and size. Sheet: Listing, "page (default 1), page_size (default 20, max 100)".
fn window(desk: &Desk) -> Result<(usize, usize), Refusal> {
    let bad = |why: &str| Err(Refusal::Invalid(why.to_owned()));
    let page = desk.call.number("page")?.unwrap_or(1);
    if page == 0 {
        return bad("page begins with 1");
    }
    let size = desk.call.number("page_size")?;
    if size.is_some_and(|n| n == 0 || n > 100) {
        return bad("page_size must be between 1 and 100");
    }
    Ok((page, desk.page_size(size, 20, 100)))
}

/// Sheet: Listing, Option A.
fn employments(desk: &Desk) -> Result<Reply, Refusal> {
    let (page, size) = window(desk)?;
    let call = desk.call;
    let statuses: Option<Vec<&str>> = call.param("status").map(|s| s.split(',').collect());
    let is = |name: &str, value: &str| call.param(name).is_none_or(|wanted| wanted == value);
    let is_wanted = |e: &Employment| {
        let status = e.status(desk);
        let is_incomplete = !["active", "offboarding", "archived"].contains(&status);
        let fits = |wanted: &&str| *wanted == status || (*wanted == "incomplete" && is_incomplete);
        statuses
            .as_ref()
            .is_none_or(|wanted| wanted.iter().any(fits))
            && is("email", login(e.person))
            && is("employment_type", kind(e.person))
            && is(
                "employment_model",
                if e.person.kind == Kind::Employee {
                    "eor"
                } else {
                    ""
                },
            )
            && is("short_id", &short_id(e))
    };
    let rows = all(desk).into_iter().filter(is_wanted).collect();
    let roster = desk.rows(rows, size);
    let shown = roster.page((page - 1).saturating_mul(size), size);
    let employments: Vec<Value> = shown.iter().map(|e| minimal(desk, e)).collect();
    Ok(Reply::json(
        200,
        &json!({"data": {
            "current_page": page,
            "total_pages": roster.total.div_ceil(size),
            "total_count": roster.total,
            "employments": employments,
        }}),
    ))
}

/// The employment with the id in the path.
fn wanted<'a>(desk: &Desk<'a>) -> Result<Employment<'a>, Refusal> {
    let id = desk.call.place(0);
    if let Some(person) = desk.find(id) {
        return Ok(Employment {
            person,
            is_present: true,
        });
    }
    let mut earlier = all(desk).into_iter().filter(|e| !e.is_present);
    earlier.find(|e| e.id(desk) == id).ok_or(Refusal::NotFound)
}

/// Sheet: Record, "Detail adds".
fn one(desk: &Desk) -> Result<Reply, Refusal> {
    let employment = wanted(desk)?;
    let person = employment.person;
    let manager = desk.company.manager_of(person);
    let (start, end) = employment.dates();
    let mut shown = minimal(desk, &employment);
    let more = json!({
        "manager": manager.map(full_name),
        "manager_email": manager.and_then(|m| m.email.as_deref()),
        "manager_employment_id": manager.map(|m| desk.id(m)),
        "provisional_start_date": start.to_string(),
        "seniority_date": person.earlier.map_or(person.start, |(from, _)| from).to_string(),
        "termination_date": end.map(|d| d.to_string()),
        "user_status": if employment.stage(desk) == "offboarded" { "inactive" } else { "active" },
        "created_at": format!("{start}T09:00:00Z"),
        "updated_at": format!("{}T00:10:00Z", person.changed),
        "company_id": COMPANY_ID,
        // OpenAPI, Employment: private data stand in every answer about a person.
        "personal_details": {"mobile_number": "9191919191", "birthdate": "1980-01-01"},
        "bank_account_details": [{"iban": "PT50000000000000000000000"}],
    });
    if let (Some(shown), Some(more)) = (shown.as_object_mut(), more.as_object()) {
        shown.extend(more.clone());
    }
    Ok(Reply::json(200, &json!({"data": {"employment": shown}})))
}

/// What a person's cost is put down to. OpenAPI, CostCenterAllocation: "active", "scheduled" or "expired"; "percentage".
fn allocations_of(desk: &Desk, employment: &Employment) -> Vec<Value> {
    let unit = employment.person.unit;
    let row = |code: &str, percentage: u8, status: &str| {
        json!({
            "id": format!("663e0b79-c893-45ff-a1b2-{percentage:06}{:06}", employment.person.serial),
            "cost_center": {"code": code, "name": format!("Centre {code}"), "slug": format!("cc-{code}")},
            "percentage": percentage,
            "effective_from": "2020-01-01",
            "effective_to": null,
            "status": status,
        })
    };
    let mut rows = match employment.person.serial.is_multiple_of(3) {
        true => vec![
            row("9999", 40, "active"),
            row(unit.cost_center, 60, "active"),
        ],
        false => vec![row(unit.cost_center, 100, "active")],
    };
    rows.push(row("0000", 99, "expired"));
    let wanted = desk.call.param("status");
    rows.retain(|row| wanted.is_none_or(|status| row["status"] == status));
    rows
}

/// Sheet: Record, "cost centre".
fn allocations(desk: &Desk) -> Result<Reply, Refusal> {
    let rows = allocations_of(desk, &wanted(desk)?);
    Ok(Reply::json(
        200,
        &json!({"data": {"cost_center_allocations": rows}}),
    ))
}

/// OpenAPI, `/v1/company/{company_id}/cost-center-allocations`: grouped by employment, those without any included.
fn company_allocations(desk: &Desk) -> Result<Reply, Refusal> {
    let (page, size) = window(desk)?;
    if desk.call.place(0) != COMPANY_ID {
        return Err(Refusal::NotFound);
    }
    let all = all(desk);
    let shown = all
        .iter()
        .skip((page - 1).saturating_mul(size))
        .take(size)
        .map(|e| json!({"employment_id": e.id(desk), "cost_center_allocations": allocations_of(desk, e)}));
    let shown: Vec<Value> = shown.collect();
    Ok(Reply::json(
        200,
        &json!({"data": {
            "current_page": page,
            "total_pages": all.len().div_ceil(size),
            "total_count": all.len(),
            "employments": shown,
        }}),
    ))
}

/// OpenAPI, Identity.
fn identity(_: &Desk) -> Result<Reply, Refusal> {
    Ok(Reply::json(
        200,
        &json!({"data": {
            "company": {"id": COMPANY_ID, "name": COMPANY},
            "user": {"id": "0d000000-0000-4000-8000-000000000001", "name": "Wren Admin"},
        }}),
    ))
}

/// Sheet: Other calls.
fn departments(desk: &Desk) -> Result<Reply, Refusal> {
    let (page, size) = window(desk)?;
    let shown = UNITS
        .iter()
        .skip((page - 1).saturating_mul(size))
        .take(size);
    let rows: Vec<Value> = shown
        .map(|u| json!({"id": department_id(u.id), "name": u.name}))
        .collect();
    Ok(Reply::json(
        200,
        &json!({"data": {
            "current_page": page,
            "total_pages": UNITS.len().div_ceil(size),
            "total_count": UNITS.len(),
            "company_departments": rows,
        }}),
    ))
}
