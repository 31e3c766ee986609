//! Officient. Rules are cited as "sheet: section" of the fact sheet on this vendor. The history of changes is left out:
//! it covers personal data only.

use chrono::NaiveDate;
use serde_json::{Value, json};

use crate::cli::simulate::hris::call::{Refusal, Reply};
use crate::cli::simulate::hris::desk::Desk;
use crate::cli::simulate::hris::names::{UNITS, Unit};
use crate::cli::simulate::hris::people::{Person, shift};
use crate::cli::simulate::hris::standin::{Credential, Limit, Make, Role, Route, Standin};
use crate::cli::simulate::hris::truth::Field;
use crate::domain::employment::EmploymentState;

/// Name of the custom field that holds the cost centre; each company names its own.
const COST_FIELD: &str = "Cost centre";

/// Whose account it is.
const COMPANY: &str = "Kestrel";

/// Sheet: Listing, "fixed 30 per page".
const SIZE: usize = 30;

pub const STANDIN: Standin = Standin {
    name: "Officient",
    credentials: &[
        // Sheet: Access, "Values to paste: client id, client secret, refresh token".
        Credential::new("client_id", Make::Word("", 12)),
        Credential::new("client_secret", Make::Word("", 50)),
        Credential::new("refresh_token", Make::Hex("", 40)),
        // Sheet: Record, "cost centre: use a custom field".
        Credential::new("cost_center_custom_field", Make::Fixed(COST_FIELD)),
    ],
    routes: &[
        Route::post("/1.0/token", Role::Token, &[], token),
        Route::get(
            "/1.0/people/list",
            Role::List,
            &["page", "include_archived"],
            people,
        ),
        Route::get("/1.0/people/{id}/detail", Role::Detail, &[], detail),
        Route::get("/1.0/people/{id}/manager", Role::Detail, &[], manager),
        Route::get("/1.0/teams/list", Role::Lookup, &[], teams),
        Route::get("/1.0/account", Role::Check, &[], account),
    ],
    // Sheet: Listing, "Rate limit: 30 calls per 5 seconds".
    limits: &[Limit {
        path: "",
        count: 30,
        seconds: 5,
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
    // Sheet: Sources, "whether narrower scopes exist: unknown".
    hides: &[],
    widens: false,
    is_paged: true,
    id: |_, person| employee_id(person).to_string(),
    tell: |_, _, mut facts| {
        // Sheet: Record: nothing tells of a leave.
        if facts.state == EmploymentState::OnLeave {
            facts.state = EmploymentState::Employed;
        }
        // An authorisation is that of one company.
        facts.organization = Some(COMPANY.to_owned());
        Some(facts)
    },
    // Sheet: Listing, "no Retry-After documented".
    limit_headers: |_| Vec::new(),
    admit,
    refuse,
};

fn employee_id(person: &Person) -> u32 {
    40_000 + person.serial
}

/// Sheet: Access, "Authorization: Bearer".
fn admit(desk: &Desk) -> Result<(), Refusal> {
    match desk.call.bearer() {
        Some(token) if desk.is_good(token) => Ok(()),
        _ => Err(Refusal::Unauthorized),
    }
}

/// Sheet: Listing, "Errors: 400 with {status_code, reason_phrase}", and "HTTP 429 with an empty body".
fn refuse(_: &Desk, refusal: Refusal) -> Reply {
    let (status, why) = match refusal {
        Refusal::Unauthorized => (401, "Unauthorized".to_owned()),
        Refusal::Forbidden => (403, "Forbidden".to_owned()),
        Refusal::NotFound => (404, "Not Found".to_owned()),
        Refusal::WrongMethod => (405, "Method Not Allowed".to_owned()),
        Refusal::Bad(why) | Refusal::Invalid(why) => (400, why),
        Refusal::Broken => (500, "Internal Server Error".to_owned()),
        Refusal::TooMany(_) => return Reply::new(429, "application/json", ""),
        Refusal::Special(reply) => return *reply,
    };
    Reply::json(
        status,
        &json!({"status_code": status, "reason_phrase": why}),
    )
}

/// Sheet: Access, "Refresh: same endpoint", a JSON body; "Refresh tokens are long-lived and reusable".
fn token(desk: &Desk) -> Result<Reply, Refusal> {
    let body = desk.call.object()?;
    let get = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    if get("grant_type") != "refresh_token" {
        let why = "this stand-in takes the grant_type refresh_token alone";
        return Err(Refusal::Bad(why.into()));
    }
    let terms = ["client_id", "client_secret", "refresh_token"];
    if terms.iter().any(|term| get(term) != desk.key(term)) {
        return Err(Refusal::Unauthorized);
    }
    let (token, seconds) = desk.issue("", 3_600, false);
    Ok(Reply::json(
        200,
        &json!({
            "access_token": token, "expires_in": seconds, "token_type": "Bearer", "scope": "admin",
            "refresh_token": desk.key("refresh_token"),
        }),
    ))
}

/// Sheet: Example, the list.
fn people(desk: &Desk) -> Result<Reply, Refusal> {
    let page = desk.call.number("page")?.unwrap_or(0);
    // "include_archived default 0; 1 is required to see leavers"
    let is_showing_all = match desk.call.param("include_archived") {
        None | Some("0") => false,
        Some("1") => true,
        Some(_) => return Err(Refusal::Bad("include_archived must be 0 or 1".into())),
    };
    let size = desk.page_size(None, SIZE, SIZE);
    let roster = desk.roster(size, |p| is_showing_all || !is_archived(desk, p));
    let shown = roster.page(page.saturating_mul(size), size);
    let data: Vec<Value> = shown.iter().map(|p| row(desk, p)).collect();
    Ok(Reply::json(
        200,
        &json!({"data": data, "total_record_count": roster.total}),
    ))
}

/// Sheet: Record, status. Of some who left long ago only the date says it.
fn is_archived(desk: &Desk, person: &Person) -> bool {
    let is_old = |end| shift(end, 1) < desk.company.day;
    let lags = person.serial.is_multiple_of(3) && person.end.is_some_and(is_old);
    desk.state(person) == EmploymentState::Left && !lags
}

/// Sheet: Record, "Empty strings and null are both used".
fn nothing(person: &Person) -> Value {
    if person.serial.is_multiple_of(2) {
        json!("")
    } else {
        Value::Null
    }
}

fn text_or_nothing(person: &Person, text: Option<&str>) -> Value {
    text.map_or_else(|| nothing(person), |text| json!(text))
}

fn name(person: &Person) -> String {
    format!("{} {}", person.given, person.family)
}

/// Sheet: Listing, "The list record has only".
fn row(desk: &Desk, person: &Person) -> Value {
    json!({
        "id": employee_id(person),
        "name": name(person),
        "email": person.email,
        "role_name": person.title,
        "archived": u8::from(is_archived(desk, person)),
        "linked_payroll_provider_external_id": person.serial.to_string(),
        "payroll_provider": "DemoPayroll",
        "linked_integration_alias": "DM",
    })
}

/// Sheet: Example, the detail.
fn detail(desk: &Desk) -> Result<Reply, Refusal> {
    let person = desk.find(desk.call.place(0)).ok_or(Refusal::NotFound)?;
    let number = person.number.map(|n| n.to_string());
    let date = |day: NaiveDate| json!(day.to_string());
    // "current_role.name (fallback role_name)"
    let role = match person.serial % 8 {
        5 => Value::Null,
        _ => json!({"name": person.title, "start_date": person.start.to_string()}),
    };
    let mut data = json!({
        "id": employee_id(person),
        "deleted": 0,
        "name": name(person),
        "first_name": person.given,
        "last_name": person.family,
        "created_at": 1_693_555_200,
        "preferred_language_code": person.site.locale.get(..2),
        "email": text_or_nothing(person, person.email.as_deref()),
        "personal_email": person.private_email,
        "linked_payroll_provider": "demo",
        "linked_payroll_employee_id": "",
        "linked_payroll_employee_number": text_or_nothing(person, number.as_deref()),
        "phone": text_or_nothing(person, person.work_phone.as_deref()),
        "team": {"id": person.unit.id, "name": person.unit.name},
        // Of somebody who came again: the days of the present employment.
        "employment": {
            "first_employment_date": date(person.start),
            "last_employment_date": person.end.map(date),
        },
        "current_role": role,
        "custom_fields": custom_fields(person),
        "name_parts": {
            "initials": "", "insertion": "", "last_name_composition": "", "insertion_partner": "",
            "last_name_partner": "",
        },
        // Never to be taken over.
        "national_number": "80.02.29-000.00",
        "bank_account": {"iban": "BE00 0000 0000 0000"},
        "address": {"line_1": "Kestrel Row 1", "country_code": person.site.country},
    });
    // "may be missing/null at the top"
    let above = reports_to(desk, person);
    if let Some(above) = above
        && let Some(data) = data.as_object_mut()
    {
        data.insert("current_reports_to".into(), above);
    }
    Ok(Reply::json(200, &json!({"data": data})))
}

/// Sheet: Record, "for select options the label is in `value_name`".
fn custom_fields(person: &Person) -> Value {
    let center = person.unit.cost_center;
    let option = UNITS.iter().position(|u| u.id == person.unit.id);
    let cost = if person.serial.is_multiple_of(2) {
        json!({
            "custom_field_id": 31, "custom_field_name": COST_FIELD, "type": "select_option",
            "value": option.map(|at| at.to_string()), "value_name": center,
        })
    } else {
        json!({
            "custom_field_id": 31, "custom_field_name": COST_FIELD, "type": "text",
            "value": center, "value_name": "",
        })
    };
    let other = json!({
        "custom_field_id": 30, "custom_field_name": "Locker", "type": "text", "value": "12", "value_name": null,
    });
    json!([other, cost])
}

/// Sheet: Record, "`current_reports_to{person_id, person_name, start_date}`".
fn reports_to(desk: &Desk, person: &Person) -> Option<Value> {
    let above = desk.company.manager_of(person)?;
    Some(json!({
        "person_id": employee_id(above), "person_name": name(above), "start_date": person.start.to_string(),
    }))
}

/// Sheet: Other calls, "`GET /people/{id}/manager` exists".
fn manager(desk: &Desk) -> Result<Reply, Refusal> {
    let person = desk.find(desk.call.place(0)).ok_or(Refusal::NotFound)?;
    let data = reports_to(desk, person).ok_or(Refusal::NotFound)?;
    Ok(Reply::json(200, &json!({"data": data})))
}

fn teams(_: &Desk) -> Result<Reply, Refusal> {
    let row = |unit: &Unit| json!({"id": unit.id, "name": unit.name});
    let data: Vec<Value> = UNITS.iter().map(row).collect();
    Ok(Reply::json(200, &json!({"data": data})))
}

/// Sheet: Access, "Connection test".
fn account(_: &Desk) -> Result<Reply, Refusal> {
    let data = json!({"company_id": 4_242, "company_name": COMPANY, "subdomain": "kestrel"});
    Ok(Reply::json(200, &json!({"data": data})))
}
