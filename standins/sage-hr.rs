//! Sage HR. Rules are cited as "sheet: section" of the fact sheet on this vendor.

use serde_json::{Value, json};

use crate::cli::simulate::hris::call::{Refusal, Reply};
use crate::cli::simulate::hris::company::Company;
use crate::cli::simulate::hris::desk::{Desk, Roster};
use crate::cli::simulate::hris::names::UNITS;
use crate::cli::simulate::hris::people::{Kind, Person, shift};
use crate::cli::simulate::hris::standin::{Credential, Make, Role, Route, Standin};
use crate::cli::simulate::hris::truth::Field;
use crate::domain::employment::EmploymentState;

/// Sheet: Listing, "Query: page (from 1); optional booleans"; "there is no per_page for these lists".
const ACTIVE: &[&str] = &[
    "page",
    "team_history",
    "employment_status_history",
    "position_history",
];

const HISTORIES: &[&str] = &[
    "team_history",
    "employment_status_history",
    "position_history",
];

pub const STANDIN: Standin = Standin {
    name: "Sage HR",
    // Sheet: Access, "pastes subdomain and API key"; Record, "Cost centre: custom fields only", which have labels.
    credentials: &[
        Credential::new("subdomain", Make::Fixed("kestrel")),
        Credential::new("api_key", Make::Hex("", 40)),
        Credential::new("cost_center_field", Make::Fixed(COST_FIELD)),
    ],
    routes: &[
        Route::get("/api/employees", Role::List, ACTIVE, employees),
        Route::get("/api/employees/{id}", Role::Detail, HISTORIES, one),
        Route::get(
            "/api/employees/{id}/custom-fields",
            Role::Detail,
            &[],
            custom_fields,
        ),
        Route::get("/api/terminated-employees", Role::List, &["page"], leavers),
        Route::get(
            "/api/terminated-employees/{id}",
            Role::Detail,
            &[],
            one_leaver,
        ),
        Route::get("/api/teams", Role::Lookup, &["page"], teams),
        Route::get("/api/positions", Role::Lookup, &["page"], positions),
    ],
    // Sheet: Listing, "Sage publishes no figure".
    limits: &[],
    fields: &[
        Field::Email,
        Field::Given,
        Field::Family,
        Field::Display,
        Field::Title,
        Field::Number,
        Field::Department,
        Field::CostCenter,
        Field::Manager,
        Field::WorkPhone,
        Field::Mobile,
        Field::State,
        Field::Start,
        Field::End,
    ],
    // Sheet: Access, "There are no scopes": a key reads everything or is not valid any more.
    hides: &[],
    widens: false,
    is_paged: true,
    id: |_, person| number(person).to_string(),
    tell: |company, person, mut facts| {
        // Sheet: SCIM mapping, "employee_number, else id".
        facts.number = facts.number.or(Some(number(person).to_string()));
        let has_left = facts.state == EmploymentState::Left;
        if has_left || is_announced(person, company.day) {
            // Sheet: Record, "Terminated list item (smaller)": "No team, no manager", nor phones; the custom fields are
            // those of an active person.
            facts.department = None;
            facts.manager = None;
            facts.cost_center = None;
            facts.work_phone = None;
            facts.mobile = None;
        } else {
            // Sheet: Record, active list item: it has no termination date.
            facts.end = None;
            facts.manager = manager_or_lead(company, person).map(|n| n.to_string());
        }
        if facts.state == EmploymentState::OnLeave {
            facts.state = EmploymentState::Employed;
        }
        Some(facts)
    },
    limit_headers: |_| Vec::new(),
    admit,
    refuse,
};

/// Label of the custom field that holds the cost centre.
const COST_FIELD: &str = "Cost centre";

/// Sheet: Record, "id integer".
fn number(person: &Person) -> u32 {
    100 + person.serial
}

/// The manager whom the record names. Whoever has no address is new, and nobody has entered one yet.
fn own_manager(company: &Company, person: &Person) -> Option<u32> {
    let manager = company
        .manager_of(person)
        .filter(|_| person.email.is_some());
    manager.map(number)
}

/// Sheet: SCIM mapping, "`reports_to_employee_id`, else first entry of the team's `manager_ids` that is not the person".
fn manager_or_lead(company: &Company, person: &Person) -> Option<u32> {
    let lead = || lead(company, person.unit.id).filter(|lead| *lead != number(person));
    own_manager(company, person).or_else(lead)
}

/// Who leads a team: the one who is there longest by number.
fn lead(company: &Company, unit: u32) -> Option<u32> {
    let is_gone =
        |p: &Person| p.state(company.day) == EmploymentState::Left || is_announced(p, company.day);
    let mut people = company.people().filter(|p| p.unit.id == unit);
    people.find(|p| !is_gone(p)).map(number)
}

/// Sheet: Record, "Whether a person with a future termination is still in /employees or already in the terminated list is
/// unknown": here some are already there, and the others are on the list of active people as if nothing was planned.
fn is_announced(person: &Person, day: chrono::NaiveDate) -> bool {
    !person.serial.is_multiple_of(2) && person.end.is_some_and(|end| end >= day)
}

/// Which of the two lists has this person; nobody is in both.
fn is_terminated(desk: &Desk, person: &Person) -> bool {
    desk.state(person) == EmploymentState::Left || is_announced(person, desk.company.day)
}

/// Sheet: Access, "header X-Auth-Token on every request".
fn admit(desk: &Desk) -> Result<(), Refusal> {
    match desk.call.header("x-auth-token") {
        Some(key) if key == desk.key("api_key") => Ok(()),
        _ => Err(Refusal::Unauthorized),
    }
}

/// Sheet: Listing, "Errors": statuses; the body is not known, so that it says no more than what happened.
fn refuse(_: &Desk, refusal: Refusal) -> Reply {
    let error = |status: u16, why: &str| Reply::json(status, &json!({"error": why}));
    match refusal {
        Refusal::Unauthorized => error(401, "Unauthorized"),
        Refusal::Forbidden => error(403, "Forbidden"),
        Refusal::NotFound => error(404, "Not found"),
        Refusal::WrongMethod => error(405, "Method not allowed"),
        Refusal::Bad(why) => error(400, &why),
        Refusal::Invalid(why) => error(422, &why),
        Refusal::Broken => error(500, "Internal server error"),
        // "expect 429 … and honour Retry-After"
        Refusal::TooMany(seconds) => {
            error(429, "Too many requests").with("Retry-After", seconds.to_string())
        }
        Refusal::Special(reply) => *reply,
    }
}

/// The page and its length. Sheet: Listing, "The page size is fixed at 50".
fn window(desk: &Desk) -> Result<(usize, usize), Refusal> {
    let page = desk.call.number("page")?.unwrap_or(1);
    if page == 0 {
        return Err(Refusal::Bad("page begins at 1".into()));
    }
    Ok((page, desk.page_size(None, 50, 50)))
}

/// Sheet: Listing, "Envelope"; "meta.next_page is null" on the last page.
fn envelope<T>(
    roster: &Roster<T>,
    (page, size): (usize, usize),
    record: impl Fn(&T) -> Value,
) -> Reply {
    let pages = roster.people.len().div_ceil(size).max(1);
    let shown = roster.page((page - 1).saturating_mul(size), size);
    let data: Vec<Value> = shown.iter().map(record).collect();
    let meta = json!({
        "current_page": page,
        "next_page": (page < pages).then_some(page + 1),
        "previous_page": (page > 1).then(|| page - 1),
        "total_pages": pages,
        "per_page": size,
        "total_entries": roster.total,
    });
    Reply::json(200, &json!({"data": data, "meta": meta}))
}

/// Rows that are not people.
fn plain(desk: &Desk, rows: Vec<Value>) -> Result<Reply, Refusal> {
    let window = window(desk)?;
    let total = rows.len();
    let roster = Roster {
        people: rows,
        total,
    };
    Ok(envelope(&roster, window, Value::clone))
}

/// Histories are documented, their rows are not known here.
fn no_histories(desk: &Desk) -> Result<(), Refusal> {
    for name in HISTORIES {
        match desk.call.param(name) {
            None | Some("false") => {}
            Some(_) => return Err(Refusal::Bad(format!("this stand-in has no `{name}`"))),
        }
    }
    Ok(())
}

fn employees(desk: &Desk) -> Result<Reply, Refusal> {
    no_histories(desk)?;
    let window = window(desk)?;
    let roster = desk.roster(window.1, |p| !is_terminated(desk, p));
    Ok(envelope(&roster, window, |p| active(desk, p)))
}

fn leavers(desk: &Desk) -> Result<Reply, Refusal> {
    let window = window(desk)?;
    let roster = desk.roster(window.1, |p| is_terminated(desk, p));
    Ok(envelope(&roster, window, |p| terminated(desk, p)))
}

/// The person whom the path names, if this list has them. Sheet: Listing, "404 for an unknown id".
fn asked_for<'d>(desk: &Desk<'d>, is_leaver: bool) -> Result<&'d Person, Refusal> {
    let person = desk.find(desk.call.place(0));
    let person = person.filter(|p| is_terminated(desk, p) == is_leaver);
    person.ok_or(Refusal::NotFound)
}

fn one(desk: &Desk) -> Result<Reply, Refusal> {
    no_histories(desk)?;
    let person = asked_for(desk, false)?;
    Ok(Reply::json(200, &json!({"data": active(desk, person)})))
}

/// Sheet: Listing, "One leaver with reason".
fn one_leaver(desk: &Desk) -> Result<Reply, Refusal> {
    let mut record = terminated(desk, asked_for(desk, true)?);
    record["termination_reason"] = json!("Resignation");
    Ok(Reply::json(200, &json!({"data": record})))
}

/// Sheet: Record, active list item; Example. What is private stands beside it, as at the vendor.
fn active(desk: &Desk, person: &Person) -> Value {
    let status = match person.kind {
        Kind::Contractor => "Contractor",
        Kind::Employee if person.serial.is_multiple_of(5) => "Part-time",
        Kind::Employee => "Full-time",
    };
    json!({
        "id": number(person),
        "email": person.email,
        "first_name": person.given,
        "last_name": person.family,
        "picture_url": null,
        "employment_start_date": person.start.to_string(),
        "date_of_birth": "1980-01-01",
        // "Sage HR has teams, not departments"
        "team": person.unit.name,
        "team_id": person.unit.id,
        "position": person.title,
        "position_id": position_id(person.title),
        "reports_to_employee_id": own_manager(desk.company, person),
        "work_phone": person.work_phone,
        "home_phone": "+44 1632 960999",
        "mobile_phone": person.mobile,
        "gender": null,
        "street_first": "1 Kestrel Row",
        "street_second": null,
        "city": "Whitby",
        "post_code": null,
        "country": person.site.country,
        "employee_number": person.number.map(|n| n.to_string()),
        // "a contract type, not active/inactive"
        "employment_status": status,
        "personal_identification_number": "QQ000000A",
        "irregular_contract_worker": false,
    })
}

/// Sheet: Record, "Terminated list item (smaller)".
fn terminated(desk: &Desk, person: &Person) -> Value {
    // A list that shows everybody as gone has a day for each.
    let last = person.end.unwrap_or(shift(desk.company.day, -1));
    json!({
        "id": number(person),
        "termination_date": last.to_string(),
        "employee_number": person.number.map(|n| n.to_string()),
        "email": person.email,
        "first_name": person.given,
        "last_name": person.family,
        "picture_url": null,
        "employment_start_date": person.start.to_string(),
        "date_of_birth": "1980-01-01",
        "position": person.title,
    })
}

/// Sheet: Other calls, "one call per person, rows {id, label, type, value, options}".
fn custom_fields(desk: &Desk) -> Result<Reply, Refusal> {
    let person = asked_for(desk, false)?;
    let row = |id: u32, label: &str, value: Value| json!({"id": id, "label": label, "type": "text", "value": value, "options": []});
    // The vendor's OpenAPI: a field of tags has a list, even of one.
    let center = match person.serial.is_multiple_of(3) {
        true => json!([person.unit.cost_center]),
        false => json!(person.unit.cost_center),
    };
    let data = [
        row(1, "T-shirt size", json!("M")),
        row(2, COST_FIELD, center),
        row(3, "Locker", Value::Null),
        row(4, "Languages", json!(["English", "Latvian"])),
    ];
    Ok(Reply::json(200, &json!({"data": data})))
}

/// Sheet: Other calls, "{id, name, manager_ids[], employee_ids[]}"; "A team manager may manage their own team": all
/// of them here.
fn teams(desk: &Desk) -> Result<Reply, Refusal> {
    let company = desk.company;
    let ids = |unit: u32| -> Vec<u32> {
        let people = company
            .people()
            .filter(|p| p.unit.id == unit && !is_terminated(desk, p));
        people.map(number).collect()
    };
    let rows = UNITS.iter().map(|u| {
        json!({
            "id": u.id,
            "name": u.name,
            "manager_ids": lead(company, u.id).into_iter().collect::<Vec<u32>>(),
            "employee_ids": ids(u.id),
        })
    });
    plain(desk, rows.collect())
}

fn titles() -> Vec<&'static str> {
    let mut titles: Vec<&str> = UNITS.iter().flat_map(|u| u.titles).copied().collect();
    titles.sort_unstable();
    titles.dedup();
    titles
}

fn position_id(title: &str) -> Option<usize> {
    titles().iter().position(|t| *t == title).map(|at| 21 + at)
}

/// Sheet: Other calls, "{id, title, description, code}".
fn positions(desk: &Desk) -> Result<Reply, Refusal> {
    let rows = titles().into_iter().map(
        |title| json!({"id": position_id(title), "title": title, "description": "", "code": null}),
    );
    plain(desk, rows.collect())
}
