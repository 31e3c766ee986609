//! Breathe HR. Rules are cited as "sheet: section" of the fact sheet on this vendor.

use chrono::NaiveDate;
use serde_json::{Value, json};

use crate::cli::simulate::hris::call::{Refusal, Reply};
use crate::cli::simulate::hris::desk::Desk;
use crate::cli::simulate::hris::names::{SITES, UNITS};
use crate::cli::simulate::hris::people::{Person, shift};
use crate::cli::simulate::hris::standin::{Credential, Limit, Make, Role, Route, Standin};
use crate::cli::simulate::hris::truth::Field;
use crate::domain::employment::EmploymentState;

pub const STANDIN: Standin = Standin {
    name: "Breathe HR",
    // Sheet: Access, "Keys are prefixed prod- / sandbox-"; "at least 48 characters". breathehr.zendesk.com 360007061954:
    // "up to five custom fields", which a customer names.
    credentials: &[
        Credential::new("api_key", Make::Word("prod-", 48)),
        Credential::new("cost_center_field", Make::Fixed(COST_FIELD)),
    ],
    routes: &[
        Route::get(
            "/v1/employees",
            Role::List,
            &["page", "per_page", "filter", "rotacloud"],
            employees,
        ),
        Route::get("/v1/employees/{id}", Role::Detail, &[], one),
        Route::get("/v1/account", Role::Check, &[], account),
        Route::get("/v1/departments", Role::Lookup, PAGED, departments),
        Route::get("/v1/divisions", Role::Lookup, PAGED, divisions),
        Route::get("/v1/locations", Role::Lookup, PAGED, locations),
    ],
    // Sheet: Listing, "60 requests per 60 s per customer".
    limits: &[Limit {
        path: "",
        count: 60,
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
        Field::Division,
        Field::CostCenter,
        Field::Manager,
        Field::WorkPhone,
        Field::Mobile,
        Field::State,
        Field::Start,
        Field::End,
    ],
    // Sheet: Access, "a key reads all data of the account".
    hides: &[],
    widens: false,
    is_paged: true,
    id: |_, person| (1_800 + person.serial).to_string(),
    tell: |company, person, mut facts| {
        facts.display = Some(person.display());
        // Sheet: Record, "Breathe removes a leaver as manager of others at the leave date".
        if company
            .manager_of(person)
            .is_some_and(|m| has_left(m, company.day))
        {
            facts.manager = None;
        }
        // Sheet: Record, "status": four states, no leave among them.
        if facts.state == EmploymentState::OnLeave {
            facts.state = EmploymentState::Employed;
        }
        Some(facts)
    },
    // Sheet: Listing, "no reset header documented".
    limit_headers: |_| Vec::new(),
    admit,
    refuse,
};

/// The custom field that holds the cost centre.
const COST_FIELD: &str = "Cost centre";

const PAGED: &[&str] = &["page", "per_page"];

fn has_left(person: &Person, day: NaiveDate) -> bool {
    person.state(day) == EmploymentState::Left
}

/// Sheet: Access, "send the key in header X-API-KEY".
fn admit(desk: &Desk) -> Result<(), Refusal> {
    match desk.call.header("x-api-key") {
        Some(key) if key == desk.key("api_key") => Ok(()),
        _ => Err(Refusal::Unauthorized),
    }
}

/// Sheet: Listing, "body is an object with error (object with type)".
fn refuse(_: &Desk, refusal: Refusal) -> Reply {
    let error = |status, kind: &str| Reply::json(status, &json!({"error": {"type": kind}}));
    match refusal {
        Refusal::Unauthorized => error(401, "Unauthorized"),
        Refusal::Forbidden => error(403, "Forbidden"),
        Refusal::NotFound => error(404, "Not Found"),
        Refusal::WrongMethod => error(405, "Method Not Allowed"),
        Refusal::Bad(why) | Refusal::Invalid(why) => error(400, &why),
        Refusal::Broken => error(500, "Internal Server Error"),
        // "no reset header documented - wait 60 s"
        Refusal::TooMany(_) => error(429, "Rate Limit Reached"),
        Refusal::Special(reply) => *reply,
    }
}

/// Page and its length. Sheet: Listing, "page (1-based), per_page (default 25, max 100)".
fn window(desk: &Desk) -> Result<(usize, usize), Refusal> {
    let page = desk.call.number("page")?.unwrap_or(1);
    let size = desk.call.number("per_page")?;
    if page == 0 || size == Some(0) {
        return Err(Refusal::Bad("page and per_page begin at 1".into()));
    }
    if size.is_some_and(|n| n > 100) {
        return Err(Refusal::Bad("per_page may be 100 at most".into()));
    }
    Ok((page, desk.page_size(size, 25, 100)))
}

/// Sheet: Listing, "RFC 5988 Link response header"; "Total header = number of records (not pages)". `rows` is how many
/// there are to page through, `total` how many the vendor counts.
fn envelope(desk: &Desk, name: &str, data: Vec<Value>, rows: usize, total: usize) -> Reply {
    let (page, size) = window(desk).unwrap_or((1, 25));
    let last = rows.div_ceil(size).max(1);
    let query = |page: usize| {
        let others = desk.call.query.iter().filter(|(name, _)| name != "page");
        let others = others.map(|(name, value)| format!("{name}={value}&"));
        format!("{}page={page}", others.collect::<String>())
    };
    let mut links = Vec::new();
    let mut link = |page: usize, rel: &str| {
        let path = &desk.call.path;
        let query = query(page);
        links.push(format!(
            "<https://api.breathehr.com{path}?{query}>; rel=\"{rel}\""
        ));
    };
    link(1, "first");
    if page > 1 {
        link(page - 1, "prev");
    }
    if page < last {
        link(page + 1, "next");
    }
    link(last, "last");
    Reply::json(200, &json!({ name: data }))
        .with("Link", links.join(", "))
        .with("Total", total.to_string())
        .with("Per-Page", size.to_string())
}

/// A page of rows that are not people; the envelope's key is the name of the resource.
fn plain(desk: &Desk, name: &str, rows: Vec<Value>) -> Result<Reply, Refusal> {
    let (page, size) = window(desk)?;
    let total = rows.len();
    let data = rows.into_iter().skip((page - 1) * size).take(size);
    Ok(envelope(desk, name, data.collect(), total, total))
}

/// Sheet: Listing, "filter … selects by role, not by status"; Record, "ex-employees stay in the list is likely".
fn employees(desk: &Desk) -> Result<Reply, Refusal> {
    let (page, size) = window(desk)?;
    let leads = |p: &Person| desk.company.people().any(|q| q.manager == Some(p.serial));
    let filter = desk.call.param("filter");
    if filter.is_some_and(|f| !["hr", "line_manager", "either", "neither"].contains(&f)) {
        return Err(Refusal::Bad("filter is none of its four values".into()));
    }
    let roster = desk.roster(size, |p| match filter {
        Some("hr") => is_of_hr(p),
        Some("line_manager") => leads(p),
        Some("either") => is_of_hr(p) || leads(p),
        Some(_) => !is_of_hr(p) && !leads(p),
        None => true,
    });
    let shown = roster.page((page - 1) * size, size);
    let data = shown.iter().map(|p| record(desk, p)).collect();
    let rows = roster.people.len();
    Ok(envelope(desk, "employees", data, rows, roster.total))
}

fn is_of_hr(person: &Person) -> bool {
    person.unit.id == UNITS[3].id
}

/// Sheet: Record, "status: label, not a code"; "pending, current, leaving (the UK help calls it pending leaver), left".
/// workos.com/docs/integrations/breathe-hr: all people are listed; "Current employee" and "Pending leaver" are those at work.
fn status(desk: &Desk, person: &Person) -> &'static str {
    match (desk.state(person), person.end) {
        (EmploymentState::Prehire, _) => "Pending",
        (EmploymentState::Left, _) => "Ex-employee",
        (_, Some(_)) => "Pending leaver",
        (_, None) => "Current employee",
    }
}

/// Sheet: Record; Example.
fn record(desk: &Desk, person: &Person) -> Value {
    let day = desk.company.day;
    let manager = desk
        .company
        .manager_of(person)
        .filter(|m| !has_left(m, day));
    let manager = manager
        .map(|m| json!({"id": number(desk, m), "first_name": m.given, "last_name": m.family}));
    let mut record = json!({
        "id": number(desk, person),
        "account_id": 77,
        "first_name": person.given,
        "middle_name": person.middle,
        "last_name": person.family,
        "known_as": person.preferred,
        "email": person.email,
        "personal_email": person.private_email,
        "job_title": person.title,
        "department": {"id": person.unit.id, "name": person.unit.name},
        "division": {"id": division_id(person.unit.division), "name": person.unit.division},
        "location": {"id": person.site.id, "name": person.site.name},
        "working_pattern": {"id": 5, "name": "Standard", "total_hours": "37.5", "default": true},
        "holiday_allowance": {"id": 6, "name": "25 days"},
        "line_manager": manager,
        "holiday_approver": manager,
        "status": status(desk, person),
        "job_start_date": shift(person.start, 30).to_string(),
        "leaving_date": person.end.map(|d| d.to_string()),
        "employee_ref": person.number.map(|n| n.to_string()),
        // "do NOT use ref_number: it belongs to the bank details"
        "ref_number": "00-00-00",
        "ddi": person.work_phone,
        "work_ext": null,
        "work_mobile": person.mobile,
        "personal_mobile": "+44 7700 900999",
        "home_telephone": "+44 1632 960999",
        "hr": is_of_hr(person),
        "full_or_part_time": "Full Time",
        // The sample of the client python-breathe: private data stand in every record, custom fields among the rest.
        "dob": "1980-05-05",
        "account_number": "00000000",
        "custom_fields": [
            {"id": 1, "name": "Shirt", "value": "M"},
            {"id": 2, "name": COST_FIELD, "value": person.unit.cost_center},
        ],
        "created_at": format!("{}T09:12:00+00:00", person.start),
        "updated_at": format!("{}T08:00:00Z", person.changed),
    });
    // "the vendor's sample reply shows company_join_date; join_date is the name used … in clients: accept both"
    let name = match desk.company.seed.is_multiple_of(2) {
        true => "company_join_date",
        false => "join_date",
    };
    record[name] = json!(person.start.to_string());
    record
}

/// Sheet: Record, "id integer".
fn number(desk: &Desk, person: &Person) -> Value {
    json!(desk.id(person).parse::<u32>().ok())
}

/// Sheet: Listing, "Single record … still wrapped".
fn one(desk: &Desk) -> Result<Reply, Refusal> {
    let person = desk.find(desk.call.place(0)).ok_or(Refusal::NotFound)?;
    Ok(Reply::json(
        200,
        &json!({"employees": [record(desk, person)]}),
    ))
}

fn account(_: &Desk) -> Result<Reply, Refusal> {
    Ok(Reply::json(
        200,
        &json!({"account": {"id": 77, "name": "Kestrel"}}),
    ))
}

fn division_id(name: &str) -> usize {
    let names = divisions_of();
    20 + names.iter().position(|n| *n == name).unwrap_or_default()
}

fn divisions_of() -> Vec<&'static str> {
    let mut names: Vec<&str> = UNITS.iter().map(|u| u.division).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Sheet: Other calls, "same envelope: key = resource name".
fn departments(desk: &Desk) -> Result<Reply, Refusal> {
    let rows = UNITS.iter().map(|u| json!({"id": u.id, "name": u.name}));
    plain(desk, "departments", rows.collect())
}

fn divisions(desk: &Desk) -> Result<Reply, Refusal> {
    let rows = divisions_of().into_iter();
    let rows = rows.map(|name| json!({"id": division_id(name), "name": name}));
    plain(desk, "divisions", rows.collect())
}

fn locations(desk: &Desk) -> Result<Reply, Refusal> {
    let rows = SITES.iter().map(|s| json!({"id": s.id, "name": s.name}));
    plain(desk, "locations", rows.collect())
}
