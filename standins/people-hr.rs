//! People HR. Rules are cited as "sheet: section" of the fact sheet on this vendor; "codes" are the vendor's `Status`
//! codes as the tests of a public catalogue of connectors have them (adapter `gb/peoplehr.json`).

use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use crate::cli::simulate::hris::call::{Refusal, Reply};
use crate::cli::simulate::hris::desk::Desk;
use crate::cli::simulate::hris::people::{Kind, Person, shift};
use crate::cli::simulate::hris::standin::{Credential, Limit, Make, Role, Route, Standin};
use crate::cli::simulate::hris::truth::Field;
use crate::domain::employment::EmploymentState;

pub const STANDIN: Standin = Standin {
    name: "People HR",
    // Sheet: Access, "pastes the API key. Nothing else is needed"; Record, "cost centre: none, APIColumn1…5".
    credentials: &[
        Credential::new("api_key", Make::Uuid),
        Credential::new("cost_center_field", Make::Fixed(COST_FIELD)),
    ],
    routes: &[
        Route::post("/Employee", Role::List, &[], employee),
        Route::post("/Employee/GetEmployeeDetailById", Role::Detail, &[], one),
    ],
    // Sheet: Listing, "Rate limit: 30 calls per minute per IP address".
    limits: &[Limit {
        path: "",
        count: 30,
        seconds: 60,
    }],
    // No state: sheet: Record, "other codes unknown"; two dates are all that tells.
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
        Field::Mobile,
        Field::Start,
        Field::End,
    ],
    // A key without the right is refused: "Access Denied.".
    hides: &[],
    widens: false,
    // Sheet: Listing, "Pagination: none".
    is_paged: false,
    id: |_, person| employee_id(person),
    tell: |company, person, mut facts| {
        facts.number = Some(employee_id(person));
        facts.email = facts
            .email
            .filter(|_| !is_address_removed(person, company.day));
        // No word says who left, and a date alone is over when it is over in every zone.
        let left_yesterday = person.end == Some(shift(company.day, -1));
        if facts.state == EmploymentState::OnLeave || left_yesterday {
            facts.state = EmploymentState::Employed;
        }
        Some(facts)
    },
    limit_headers: |_| Vec::new(),
    admit,
    refuse,
};

const COST_FIELD: &str = "APIColumn1";

/// Sheet: Record, "text such as `PW3`".
fn employee_id(person: &Person) -> String {
    format!("PW{}", person.serial)
}

/// Sheet: Record, "can be empty for leavers (the vendor advises removing it from a leaver's profile)".
fn is_address_removed(person: &Person, day: NaiveDate) -> bool {
    person.state(day) == EmploymentState::Left && person.serial.is_multiple_of(3)
}

/// Sheet: Listing, "Replies are HTTP 200 also for errors".
fn failure(code: u8, message: &str) -> Reply {
    let body = json!({"isError": true, "Status": code, "Message": message, "Result": null});
    Reply::json(200, &body)
}

fn special(code: u8, message: &str) -> Refusal {
    Refusal::Special(Box::new(failure(code, message)))
}

/// Codes 1, 2, 5 and 9; sheet: Access, "`APIKey` inside the JSON body of each call".
fn admit(desk: &Desk) -> Result<(), Refusal> {
    let body = desk
        .call
        .object()
        .map_err(|_| special(9, "Invalid JSON data."))?;
    match body.get("APIKey").and_then(Value::as_str) {
        None | Some("") => Err(special(1, "APIKey not supplied.")),
        Some(key) if key == desk.key("api_key") => Ok(()),
        Some(key) if key.len() != desk.key("api_key").len() => Err(special(2, "Invalid API Key.")),
        Some(_) => Err(Refusal::Unauthorized),
    }
}

/// Codes 5 and 6. What is no call of the API at all never reaches it.
fn refuse(_: &Desk, refusal: Refusal) -> Reply {
    let page = |status: u16, title: &str| {
        let body = format!("<!DOCTYPE html>\n<html><head><title>{title}</title></head></html>\n");
        Reply::new(status, "text/html", body)
    };
    match refusal {
        Refusal::Unauthorized => failure(5, "API Key does not exists."),
        Refusal::Forbidden => failure(5, "Access Denied."),
        Refusal::NotFound => page(404, "Not found"),
        Refusal::WrongMethod => page(405, "Method not allowed"),
        Refusal::Bad(why) | Refusal::Invalid(why) => failure(5, &why),
        Refusal::Broken => page(500, "Server error"),
        Refusal::TooMany(_) => failure(5, "API calls will be limited to a 30 per minute"),
        Refusal::Special(reply) => *reply,
    }
}

/// The body, if it has these members and no others.
fn body_of(desk: &Desk, known: &[&str]) -> Result<Map<String, Value>, Refusal> {
    let body = desk.call.object()?;
    let is_known = |name: &&String| !known.contains(&name.as_str());
    match body.keys().find(is_known) {
        Some(name) => Err(Refusal::Bad(format!("`{name}` is not known"))),
        None => Ok(body),
    }
}

/// Sheet: Listing, "every call is a POST whose body carries the API key and an `Action` word".
fn employee(desk: &Desk) -> Result<Reply, Refusal> {
    let body = body_of(desk, &["APIKey", "Action", "IncludeLeavers", "EmployeeId"])?;
    match body.get("Action").and_then(Value::as_str) {
        Some("GetAllEmployeeDetail") => all(desk, &body),
        Some("GetEmployeeDetailById") => one(desk),
        _ => Err(Refusal::Bad("Invalid Action.".into())),
    }
}

/// Sheet: Listing, "`IncludeLeavers` is sent as the text true or false (one client sends a boolean)"; without it no
/// leavers, as a client that leaves it out finds.
fn all(desk: &Desk, body: &Map<String, Value>) -> Result<Reply, Refusal> {
    let has_leavers = match body.get("IncludeLeavers") {
        None => false,
        Some(Value::Bool(has)) => *has,
        Some(Value::String(text)) if text == "true" || text == "false" => text == "true",
        Some(_) => return Err(Refusal::Bad("Invalid IncludeLeavers.".into())),
    };
    let roster = desk.roster(desk.page_size(None, 100, 100), |p| {
        has_leavers || desk.state(p) != EmploymentState::Left
    });
    let rows: Vec<Value> = roster.people.iter().map(|p| record(desk, p)).collect();
    Ok(found(rows))
}

/// Code 10, and sheet: Example.
fn found(rows: Vec<Value>) -> Reply {
    let body = match rows.is_empty() {
        true => {
            json!({"isError": false, "Status": 10, "Message": "No records found.", "Result": null})
        }
        false => json!({
            "isError": false, "Status": 0, "Message": "The requested processed successfully.",
            "Result": rows,
        }),
    };
    Reply::json(200, &body)
}

/// Sheet: Other calls, `GetEmployeeDetailById`.
fn one(desk: &Desk) -> Result<Reply, Refusal> {
    let body = body_of(desk, &["APIKey", "Action", "EmployeeId"])?;
    let id = body.get("EmployeeId").and_then(Value::as_str);
    let person = id.and_then(|id| desk.find(id));
    Ok(found(person.map(|p| record(desk, p)).into_iter().collect()))
}

/// Sheet: Record, "Nearly every field is wrapped"; "Empty means `""`, not null"; the history is always empty.
fn wrapped(value: &str, history: &str) -> Value {
    let mut wrapper = Map::new();
    wrapper.insert("DisplayValue".into(), json!(value));
    if !history.is_empty() {
        wrapper.insert(history.into(), json!([]));
    }
    Value::Object(wrapper)
}

const HISTORY: &str = "FieldHistory";
const BY_DATE: &str = "FieldHistoryForEffectiveDate";

/// Sheet: Record; Example.
fn record(desk: &Desk, person: &Person) -> Value {
    let manager = desk.company.manager_of(person);
    let today = desk.company.day;
    let email = |p: &Person| match is_address_removed(p, today) {
        true => String::new(),
        false => p.email.clone().unwrap_or_default(),
    };
    let text = |value: Option<&str>| wrapped(value.unwrap_or_default(), HISTORY);
    // "Status rule": nothing but this date says that somebody left.
    let leaving = person.end.map(|d| d.to_string());
    let has_left = person.state(today) == EmploymentState::Left;
    let kind = match person.kind {
        Kind::Employee => "Full Time",
        Kind::Contractor => "Contractor",
    };
    json!({
        "EmployeeId": text(Some(&employee_id(person))),
        "Title": text(Some("Ms")),
        "FirstName": text(Some(person.given)),
        "LastName": text(Some(person.family)),
        "OtherName": text(person.middle),
        "KnownAs": text(person.preferred),
        "EmailId": text(Some(&email(person))),
        "StartDate": text(Some(&person.start.to_string())),
        "DateOfBirth": text(Some("1980-01-01")),
        "JobRole": wrapped(person.title, "FieldHistoryForJobRole"),
        "Company": wrapped(person.entity.name, BY_DATE),
        "Location": wrapped(person.site.name, BY_DATE),
        "Department": wrapped(person.unit.name, BY_DATE),
        "ReportsTo": wrapped(&manager.map(full_name).unwrap_or_default(), BY_DATE),
        "ReportsToEmployeeId": wrapped(&manager.map(employee_id).unwrap_or_default(), ""),
        "ReportsToEmailAddress": wrapped(&manager.map(email).unwrap_or_default(), ""),
        "EmploymentType": wrapped(kind, BY_DATE),
        // "1 seen for a current employee, other codes unknown"; the sheet's leaver has none.
        "EmployeeStatus": wrapped(if has_left { "" } else { "1" }, ""),
        "NISNumber": text(Some("QQ000000A")),
        "ContactDetail": {
            "Address": text(Some("1 Kestrel Row")),
            "WorkPhoneNumber": text(person.work_phone.as_deref()),
            "PersonalPhoneNumber": text(Some("+44 7700 900000")),
            "PersonalEmail": text(Some(&person.private_email)),
            "Mobile": text(person.mobile.as_deref()),
        },
        "BankDetail": {"BankName": "Nobody's Bank", "AccountNumber": "00000000"},
        // "plain string, not wrapped; empty when not leaving"
        "LeavingDate": leaving.as_deref().unwrap_or_default(),
        "ReasonForLeaving": if leaving.is_some() { "Resigned" } else { "" },
        "AnalysisCode1LabelText": text(None),
        "AnalysisCode2LabelText": text(None),
        "EmploymentDetail": {"PayrollID": text(Some("900")), "RotaID": text(None)},
        COST_FIELD: person.unit.cost_center,
        "APIColumn2": "", "APIColumn3": "", "APIColumn4": "", "APIColumn5": "",
        "AdditionalreportsTo": [],
        "UniqueKey": format!("uk-{:06}", person.serial),
        "lstFieldHistoryJobrole": null,
    })
}

fn full_name(person: &Person) -> String {
    format!("{} {}", person.given, person.family)
}
