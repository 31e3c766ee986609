//! Fourth, UK Employee API. Rules are cited as "sheet: section" of the fact sheet on this vendor.

use chrono::NaiveDate;
use serde_json::{Value, json};

use crate::cli::simulate::hris::call::{Call, Refusal, Reply};
use crate::cli::simulate::hris::desk::Desk;
use crate::cli::simulate::hris::names::DOMAIN;
use crate::cli::simulate::hris::people::{Kind, Person, shift};
use crate::cli::simulate::hris::standin::{Credential, Make, Role, Route, Standin};
use crate::cli::simulate::hris::truth::Field;
use crate::domain::employment::EmploymentState;

pub const STANDIN: Standin = Standin {
    name: "Fourth",
    // Sheet: Access, "Pastes: root URL, organisation id, user name, password". Which fields hold the address and the
    // phones is not published ("E-mail and phone field names: unknown"), so they are printed as the tenant's own.
    credentials: &[
        Credential::new("root_url", Make::Fixed("https://hrexports.fourth.com")),
        Credential::new("organisation_id", Make::Fixed(ORGANISATION)),
        Credential::new("user_name", Make::Fixed("kestrel.api")),
        Credential::new("password", Make::Word("", 32)),
        Credential::new("employee_number_field", Make::Fixed("PayrollNumber")),
        Credential::new("email_field", Make::Fixed(EMAIL)),
        Credential::new("email_domains", Make::Fixed(DOMAIN)),
        Credential::new("work_phone_field", Make::Fixed(WORK_PHONE)),
        Credential::new("mobile_field", Make::Fixed(MOBILE)),
        Credential::new("locale_field", Make::Fixed(LANGUAGE)),
    ],
    routes: &[
        Route::get(
            "/organisations/{organisation}/Employees",
            Role::List,
            QUERY,
            employees,
        ),
        Route::get(
            "/organisations/{organisation}/Employees/Employments",
            Role::Lookup,
            QUERY,
            employments,
        ),
    ],
    // Sheet: Listing, "Rate limits: unknown".
    limits: &[],
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
        Field::Manager,
        Field::WorkPhone,
        Field::Mobile,
        Field::Locale,
        Field::State,
        Field::Start,
        Field::End,
    ],
    // An account without the right is refused.
    hides: &[],
    widens: false,
    is_paged: true,
    id: |_, person| account_id(person),
    tell: |_, person, mut facts| {
        // Sheet: SCIM mapping, "division: SiteDescription (venue)".
        facts.division = Some(person.site.name.to_owned());
        // Sheet: Record, "EmploymentStatus": no word for a leave was seen.
        if facts.state == EmploymentState::OnLeave {
            facts.state = EmploymentState::Employed;
        }
        Some(facts)
    },
    limit_headers: |_| Vec::new(),
    admit,
    refuse,
};

const ORGANISATION: &str = "4711";
const EMAIL: &str = "EmailAddress";
const WORK_PHONE: &str = "WorkTelephone";
const MOBILE: &str = "MobileTelephone";
/// docs.unified.to/integrations/fourthhr: a language can be read; of which field is not said.
const LANGUAGE: &str = "Language";

/// Sheet: Listing, both requests have "the same parameters".
const QUERY: &[&str] = &[
    "start",
    "duration",
    "dateFrom",
    "dateTo",
    "delta",
    "showFormer",
];

/// Sheet: Record, "`FAID` string, 18 characters".
fn account_id(person: &Person) -> String {
    format!("001A{:011}AAA", person.serial)
}

/// Sheet: Record, "`EmployeeID` integer".
fn employee_id(person: &Person) -> u32 {
    70_000 + person.serial
}

fn payroll_number(person: &Person) -> String {
    person.number.map(|n| n.to_string()).unwrap_or_default()
}

/// Sheet: Access, "Auth: HTTP Basic with an API account".
fn admit(desk: &Desk) -> Result<(), Refusal> {
    match desk.call.basic() {
        Some((name, password))
            if name == desk.key("user_name") && password == desk.key("password") =>
        {
            Ok(())
        }
        _ => Err(Refusal::Unauthorized),
    }
}

/// Sheet: Listing, "401 for wrong credentials"; the body of an error is not known.
fn refuse(_: &Desk, refusal: Refusal) -> Reply {
    let said = |status: u16, why: &str| Reply::json(status, &json!({"Message": why}));
    match refusal {
        Refusal::Unauthorized => said(401, "Authorization has been denied for this request."),
        Refusal::Forbidden => said(403, "The account may not read this organisation."),
        Refusal::NotFound => said(404, "No HTTP resource was found that matches the request."),
        Refusal::WrongMethod => said(
            405,
            "The requested resource does not support this http method.",
        ),
        Refusal::Bad(why) | Refusal::Invalid(why) => said(400, &why),
        Refusal::TooMany(seconds) => {
            said(429, "Too many requests.").with("Retry-After", seconds.to_string())
        }
        Refusal::Broken => said(500, "An error has occurred."),
        Refusal::Special(reply) => *reply,
    }
}

/// What a request asks for.
struct Wish {
    start: usize,
    duration: usize,
    /// First and last day of changes, if only changes are wanted.
    window: Option<(NaiveDate, NaiveDate)>,
    has_former: bool,
}

/// A parameter, if it is filled in: the documented request has empty ones.
fn filled<'c>(call: &'c Call, name: &str) -> Option<&'c str> {
    call.param(name).filter(|value| !value.is_empty())
}

fn flag(call: &Call, name: &str, usual: bool) -> Result<bool, Refusal> {
    match filled(call, name).map(str::to_ascii_lowercase).as_deref() {
        None => Ok(usual),
        Some("true") => Ok(true),
        Some("false") => Ok(false),
        Some(_) => Err(Refusal::Bad(format!("{name} must be true or false."))),
    }
}

fn number(call: &Call, name: &str, usual: usize) -> Result<usize, Refusal> {
    let read = |text: &str| {
        text.parse()
            .map_err(|_| Refusal::Bad(format!("{name} must be a number.")))
    };
    filled(call, name).map_or(Ok(usual), read)
}

fn date(call: &Call, name: &str) -> Result<Option<NaiveDate>, Refusal> {
    let read = |text: &str| {
        NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .map_err(|_| Refusal::Bad(format!("{name} must be YYYY-MM-DD.")))
    };
    filled(call, name).map(read).transpose()
}

/// Sheet: Listing, "`start` (offset) and `duration` (number of records)", "`delta=true` restricts to the date window",
/// "`showFormer`: true (default) returns current and former". The longest page is not known: as many as are asked for.
fn wish(desk: &Desk) -> Result<Wish, Refusal> {
    let call = desk.call;
    if call.place(0) != ORGANISATION {
        return Err(Refusal::NotFound);
    }
    let is_delta = flag(call, "delta", false)?;
    let window = match (date(call, "dateFrom")?, date(call, "dateTo")?) {
        (Some(from), Some(to)) => Some((from, to)),
        _ if is_delta => {
            return Err(Refusal::Bad("delta needs dateFrom and dateTo.".into()));
        }
        _ => None,
    };
    let duration = number(call, "duration", 1_000)?;
    if duration == 0 {
        return Err(Refusal::Bad("duration must be at least 1.".into()));
    }
    Ok(Wish {
        start: number(call, "start", 0)?,
        duration,
        window: window.filter(|_| is_delta),
        has_former: flag(call, "showFormer", true)?,
    })
}

impl Wish {
    fn fits(&self, desk: &Desk, person: &Person) -> bool {
        let is_former = person.state(desk.company.day) == EmploymentState::Left;
        let has_changed = self
            .window
            .is_none_or(|(from, to)| from <= person.changed && person.changed <= to);
        (self.has_former || !is_former) && has_changed
    }
}

/// Sheet: Listing, "Response: a bare JSON array, no envelope".
fn employees(desk: &Desk) -> Result<Reply, Refusal> {
    let wish = wish(desk)?;
    let roster = desk.roster(wish.duration, |p| wish.fits(desk, p));
    let shown = roster.page(wish.start, wish.duration);
    let rows: Vec<Value> = shown.iter().map(|p| record(p)).collect();
    Ok(Reply::json(200, &Value::Array(rows)))
}

/// Sheet: Record, Employees; Example.
fn record(person: &Person) -> Value {
    let basis = match person.kind {
        Kind::Employee => "Monthly",
        Kind::Contractor => "Weekly",
    };
    json!({
        "EmployeeID": employee_id(person),
        "FAID": account_id(person),
        "PayrollNumber": payroll_number(person),
        "CompanyName": person.entity.name,
        "Paybasis": basis,
        "IR35": if person.kind == Kind::Contractor { "Yes" } else { "No" },
        "FirstName": person.given,
        "LastName": person.family,
        // "personal data … that must be dropped on arrival"
        "DateOfBirth": "1980-01-01",
        "NationalInsuranceNumber": "QQ000000A",
        "PersonalEmail": person.private_email,
        // "Many hospitality staff have only a private address or none."
        EMAIL: person.email.as_deref().unwrap_or(&person.private_email),
        WORK_PHONE: person.work_phone.as_deref().unwrap_or_default(),
        MOBILE: person.mobile.as_deref().unwrap_or_default(),
        LANGUAGE: person.site.locale.replace('-', "_"),
    })
}

fn employments(desk: &Desk) -> Result<Reply, Refusal> {
    let wish = wish(desk)?;
    let people = desk.company.people().filter(|p| wish.fits(desk, p));
    let rows: Vec<Value> = people
        .flat_map(|p| rows_of(desk, p, wish.has_former))
        .skip(wish.start)
        .take(wish.duration)
        .collect();
    Ok(Reply::json(200, &Value::Array(rows)))
}

const ENDED: &str = "Terminated";

/// What a row of the list says of one employment and one assignment.
struct Stretch {
    reference: String,
    employment: (NaiveDate, Option<NaiveDate>),
    assignment: (NaiveDate, Option<NaiveDate>),
    title: &'static str,
    is_over: bool,
    status: &'static str,
}

/// Sheet: Record, "a re-hire has several rows; one employment can hold several assignments".
fn rows_of(desk: &Desk, person: &Person, has_former: bool) -> Vec<Value> {
    let day = desk.company.day;
    let mut stretches = Vec::new();
    let reference = |stint: u32| format!("E{}-{stint}", person.serial);
    if let Some((from, to)) = person.earlier.filter(|_| has_former) {
        stretches.push(Stretch {
            reference: reference(person.stint.saturating_sub(1)),
            employment: (from, Some(to)),
            assignment: (from, Some(to)),
            title: "Before",
            is_over: true,
            status: ENDED,
        });
    }
    let state = desk.state(person);
    let is_over = state == EmploymentState::Left;
    let status = match state {
        // "exact list unknown": words that nobody can know, and none.
        EmploymentState::Prehire if person.serial.is_multiple_of(2) => "New Starter",
        EmploymentState::Prehire => "",
        EmploymentState::Left => ENDED,
        _ => "Current",
    };
    let employment = (person.start, person.end);
    let moved = shift(person.start, 200);
    let has_moved =
        person.serial.is_multiple_of(3) && moved < day && person.end.is_none_or(|end| moved < end);
    let stretch = |from: NaiveDate, to: Option<NaiveDate>, title: &'static str| Stretch {
        reference: reference(person.stint),
        employment,
        assignment: (from, to),
        title,
        is_over,
        status,
    };
    if has_moved {
        // The newer row first: nothing is said of an order.
        stretches.push(stretch(moved, person.end, person.title));
        stretches.push(stretch(person.start, Some(shift(moved, -1)), "Trainee"));
    } else {
        stretches.push(stretch(person.start, person.end, person.title));
    }
    let rows = stretches.iter().map(|s| row(desk, person, s));
    rows.collect()
}

/// Sheet: Record, Employments, "flags are the strings Yes/No; empty string instead of null for open dates"; Example.
fn row(desk: &Desk, person: &Person, stretch: &Stretch) -> Value {
    let open = |day: Option<NaiveDate>| day.map(|d| d.to_string()).unwrap_or_default();
    let manager = desk.company.manager_of(person);
    let is_contractor = person.kind == Kind::Contractor;
    let yes = |is: bool| if is { "Yes" } else { "No" };
    json!({
        "EmployeeID": employee_id(person),
        "EmploymentReference": stretch.reference,
        "EmploymentStartDate": stretch.employment.0.to_string(),
        "EmploymentEndDate": open(stretch.employment.1),
        "AssignmentStartDate": stretch.assignment.0.to_string(),
        "AssignmentEndDate": open(stretch.assignment.1),
        "EmploymentStatus": stretch.status,
        "IsPermanent": yes(!is_contractor),
        "IsFulltime": yes(true),
        "EmploymentType": if is_contractor { "Contractor" } else { "PAYE" },
        "Department": format!("D{}", person.unit.id),
        "DepartmentDescription": person.unit.name,
        "JobCode": format!("J{}", person.unit.id),
        "JobDescription": stretch.title,
        "SiteCode": format!("S{}", person.site.id),
        "SiteDescription": person.site.name,
        "TerminationReason": if stretch.is_over { "Resigned" } else { "" },
        // "name, up to 99 characters"
        "ReportsTo": manager.map(|m| format!("{} {}", m.given, m.family)).unwrap_or_default(),
        "ReportsToEmployeeNumber": manager.map(payroll_number).unwrap_or_default(),
        "ReportsToFAID": manager.map(account_id).unwrap_or_default(),
    })
}
