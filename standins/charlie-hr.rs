//! Charlie HR. Rules are cited as "sheet: section" of the fact sheet on this vendor; "client" is the public Python
//! client of the API (scottmurray2789/charliehr-client). Notes are left out: what they hold is of each company's own.

use serde_json::{Value, json};

use crate::cli::simulate::hris::call::{Refusal, Reply};
use crate::cli::simulate::hris::desk::Desk;
use crate::cli::simulate::hris::dice::Dice;
use crate::cli::simulate::hris::names::{SITES, Site, UNITS, Unit};
use crate::cli::simulate::hris::people::{Person, shift};
use crate::cli::simulate::hris::standin::{Credential, Make, Role, Route, Standin};
use crate::cli::simulate::hris::truth::Field;
use crate::domain::employment::EmploymentState;

/// Sheet: Listing, "Query: page (from 1), per_page".
const PAGED: &[&str] = &["page", "per_page"];

/// Sheet: Listing, "assume max 25".
const MOST: usize = 25;

pub const STANDIN: Standin = Standin {
    name: "Charlie HR",
    // Sheet: Access, "Values to paste: Client ID and Client Secret".
    credentials: &[
        Credential::new("client_id", Make::Hex("", 32)),
        Credential::new("client_secret", Make::Hex("", 64)),
    ],
    routes: &[
        Route::get("/api/v1/team_members", Role::List, PAGED, members),
        Route::get("/api/v1/team_members/{id}", Role::Detail, &[], member),
        Route::get("/api/v1/teams", Role::Lookup, PAGED, teams),
        Route::get("/api/v1/teams/{id}", Role::Lookup, &[], team),
        Route::get("/api/v1/offices", Role::Lookup, PAGED, offices),
        Route::get("/api/v1/offices/{id}", Role::Lookup, &[], office),
        Route::get("/api/v1/company", Role::Check, &[], company),
    ],
    // Sheet: Listing, "Rate limits: not published".
    limits: &[],
    fields: &[
        Field::Email,
        Field::Given,
        Field::Family,
        Field::Display,
        Field::Title,
        Field::Department,
        Field::Organization,
        Field::Manager,
        Field::Timezone,
        Field::State,
        Field::Start,
        Field::End,
    ],
    // Sheet: Access, "No scopes": the pair reads everything or nothing.
    hides: &[],
    widens: false,
    is_paged: true,
    id: member_id,
    tell: |_, person, mut facts| {
        facts.display = Some(person.display());
        facts.department = teams_of(person).first().map(|unit| unit.name.to_owned());
        facts.organization = Some(COMPANY.to_owned());
        facts.timezone = office_of(person).map(|site| site.zone.to_owned());
        // Sheet: Record, "employment_status": no word for a leave is known.
        if facts.state == EmploymentState::OnLeave {
            facts.state = EmploymentState::Employed;
        }
        Some(facts)
    },
    limit_headers: |_| Vec::new(),
    admit,
    refuse,
};

/// The one company of a pair of keys.
const COMPANY: &str = "Kestrel";

/// Sheet: Record, "ids are prefixed strings".
fn member_id(seed: u64, person: &Person) -> String {
    let mut dice = Dice::new(seed, &format!("charlie-hr/{}", person.serial));
    format!("team_member_{}", dice.hex(16))
}

fn team_id(unit: &Unit) -> String {
    format!("team_{}", unit.id)
}

fn office_id(site: &Site) -> String {
    format!("office_{}", site.id)
}

/// Sheet: Record, "teams array of team ids", and Example: some have none. The first one is the department.
fn teams_of(person: &Person) -> Vec<&'static Unit> {
    match person.serial % 12 {
        8 => Vec::new(),
        5 => {
            let other = UNITS.iter().find(|unit| *unit != person.unit);
            [person.unit].into_iter().chain(other).collect()
        }
        _ => vec![person.unit],
    }
}

/// Sheet: Example, "office": null.
fn office_of(person: &Person) -> Option<&'static Site> {
    (person.serial % 9 != 4).then_some(person.site)
}

/// Sheet: Access, "Token token=<client_id>:<client_secret>", literally.
fn admit(desk: &Desk) -> Result<(), Refusal> {
    let (id, secret) = (desk.key("client_id"), desk.key("client_secret"));
    let wanted = format!("Token token={id}:{secret}");
    match desk.call.header("authorization") {
        Some(sent) if sent == wanted => Ok(()),
        _ => Err(Refusal::Unauthorized),
    }
}

/// Sheet: Listing, "Errors: HTTP status plus success: false". What stands beside it is not known.
fn refuse(_: &Desk, refusal: Refusal) -> Reply {
    let (status, why) = match refusal {
        Refusal::Unauthorized => (401, "Unauthorized".to_owned()),
        Refusal::Forbidden => (403, "Forbidden".to_owned()),
        Refusal::NotFound => (404, "Not found".to_owned()),
        Refusal::WrongMethod => (405, "Method not allowed".to_owned()),
        Refusal::Bad(why) | Refusal::Invalid(why) => (422, why),
        Refusal::Broken => (500, "Internal server error".to_owned()),
        Refusal::TooMany(_) => (429, "Too many requests".to_owned()),
        Refusal::Special(reply) => return *reply,
    };
    Reply::json(status, &json!({"success": false, "message": why}))
}

/// Page, from 1, and size.
fn window(desk: &Desk) -> Result<(usize, usize), Refusal> {
    let page = desk.call.number("page")?.unwrap_or(1);
    if page == 0 {
        return Err(Refusal::Bad("page begins with 1".into()));
    }
    let size = desk.call.number("per_page")?;
    if size.is_some_and(|n| n == 0 || n > MOST) {
        return Err(Refusal::Bad("per_page must be between 1 and 25".into()));
    }
    Ok((page, desk.page_size(size, MOST, MOST)))
}

/// Sheet: Listing, "Pagination": a relative link, which in the client may be a query alone, and totals, whose names are
/// not known.
fn envelope(page: usize, size: usize, total: usize, data: &[Value]) -> Reply {
    let pages = total.div_ceil(size);
    let next = (page < pages).then(|| format!("?page={}&per_page={size}", page + 1));
    Reply::json(
        200,
        &json!({
            "success": true,
            "data": data,
            "meta": {
                "total_results": total,
                "results_per_page": size,
                "current_page": page,
                "total_pages": pages,
                "next_url": next,
            },
        }),
    )
}

fn single(data: &Value) -> Reply {
    Reply::json(200, &json!({"success": true, "data": data}))
}

fn members(desk: &Desk) -> Result<Reply, Refusal> {
    let (page, size) = window(desk)?;
    // Sheet: Sources, "Pre-hires are listed"; Example: somebody who left.
    let roster = desk.roster(size, |_| true);
    let shown = roster.page((page - 1).saturating_mul(size), size);
    let data: Vec<Value> = shown.iter().map(|p| record(desk, p)).collect();
    Ok(envelope(page, size, roster.total, &data))
}

fn member(desk: &Desk) -> Result<Reply, Refusal> {
    let person = desk.find(desk.call.place(0)).ok_or(Refusal::NotFound)?;
    Ok(single(&record(desk, person)))
}

/// Sheet: Record, "do not depend on it alone": the word of some who left long ago was never changed.
fn word(desk: &Desk, person: &Person) -> &'static str {
    let is_old = |end| shift(end, 1) < desk.company.day;
    let lags = person.serial.is_multiple_of(3) && person.end.is_some_and(is_old);
    match desk.state(person) {
        EmploymentState::Left if !lags => "left",
        _ => "active",
    }
}

/// Sheet: Record; Example.
fn record(desk: &Desk, person: &Person) -> Value {
    let manager = desk.company.manager_of(person).map(|m| desk.id(m));
    let teams: Vec<String> = teams_of(person).into_iter().map(team_id).collect();
    json!({
        "id": desk.id(person),
        "first_name": person.given,
        "last_name": person.family,
        "display_name": person.display(),
        "work_email": person.email,
        "personal_email": person.private_email,
        "job_title": person.title,
        "manager": manager,
        "office": office_of(person).map(office_id),
        "teams": teams,
        "employment_status": word(desk, person),
        "start_date": person.start.to_string(),
        "leaving_date": person.end.map(|day| day.to_string()),
        "date_of_birth": "1980-02-29",
        "gender": "Prefer not to say",
        "married": false,
        // glama.ai, "CharlieHR MCP by usefulapi": private numbers and addresses, and a payroll id, stand in the list.
        "phone_number": "+44 7700 900999",
        "address": "1 Private Lane",
        "payroll_id": "900",
        "profile_picture": null,
    })
}

/// A page of rows that are not people.
fn plain(desk: &Desk, rows: Vec<Value>) -> Result<Reply, Refusal> {
    let (page, size) = window(desk)?;
    let total = rows.len();
    let from = (page - 1).saturating_mul(size);
    let data: Vec<Value> = rows.into_iter().skip(from).take(size).collect();
    Ok(envelope(page, size, total, &data))
}

/// Sheet: Other calls, "id, name and the ids of members".
fn team_row(desk: &Desk, unit: &Unit) -> Value {
    let people = desk.company.people();
    let own = people.filter(|p| teams_of(p).into_iter().any(|u| u.id == unit.id));
    let members: Vec<String> = own.map(|p| desk.id(p)).collect();
    json!({"id": team_id(unit), "name": unit.name, "team_members": members})
}

fn teams(desk: &Desk) -> Result<Reply, Refusal> {
    plain(desk, UNITS.iter().map(|u| team_row(desk, u)).collect())
}

fn team(desk: &Desk) -> Result<Reply, Refusal> {
    let unit = UNITS.iter().find(|u| team_id(u) == desk.call.place(0));
    let unit = unit.ok_or(Refusal::NotFound)?;
    Ok(single(&team_row(desk, unit)))
}

/// Sheet: Other calls: `id`, `name`, `head`, `address`, `timezone`, `phone_number`, `email`.
fn office_row(site: &Site) -> Value {
    json!({
        "id": office_id(site),
        "name": site.name,
        "head": null,
        "address": site.country_name,
        "timezone": site.zone,
        "phone_number": null,
        "email": null,
    })
}

fn offices(desk: &Desk) -> Result<Reply, Refusal> {
    plain(desk, SITES.iter().map(office_row).collect())
}

fn office(desk: &Desk) -> Result<Reply, Refusal> {
    let site = SITES.iter().find(|s| office_id(s) == desk.call.place(0));
    Ok(single(&office_row(site.ok_or(Refusal::NotFound)?)))
}

/// Sheet: Other calls, "cheap credential check".
fn company(_: &Desk) -> Result<Reply, Refusal> {
    let data = json!({"id": "company_1", "name": COMPANY, "subdomain": "kestrel", "logo": null});
    Ok(single(&data))
}
