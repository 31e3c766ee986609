//! Sympa, Generic Integration API: one interface with the employees, whose fields the tenant named. Rules are cited as
//! "sheet: section" of the fact sheet on this vendor; what the sheet does not know follows OData 4.01 ("OData").

use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use crate::cli::simulate::hris::call::{Refusal, Reply};
use crate::cli::simulate::hris::desk::Desk;
use crate::cli::simulate::hris::people::Person;
use crate::cli::simulate::hris::standin::{Credential, Make, Role, Route, Standin};
use crate::cli::simulate::hris::truth::Field;
use crate::domain::employment::EmploymentState;

pub const STANDIN: Standin = Standin {
    name: "Sympa",
    // Sheet: Access, "Pastes: API key, API secret, interface name"; Record, "Field names are configured per customer",
    // "Status: free text defined by the customer (often Finnish or Swedish)".
    credentials: &[
        Credential::new("api_key", Make::Uuid),
        Credential::new("api_secret", Make::Word("", 32)),
        Credential::new("interface", Make::Fixed(INTERFACE)),
        Credential::new("id_field", Make::Fixed("PersonId")),
        Credential::new("employee_number_field", Make::Fixed("EmployeeNumber")),
        Credential::new("first_name_field", Make::Fixed("FirstName")),
        Credential::new("preferred_name_field", Make::Fixed("PreferredName")),
        Credential::new("last_name_field", Make::Fixed("LastName")),
        Credential::new("email_field", Make::Fixed("WorkEmail")),
        Credential::new("title_field", Make::Fixed("JobTitle")),
        Credential::new("department_field", Make::Fixed("Department")),
        Credential::new("division_field", Make::Fixed("Division")),
        Credential::new("organization_field", Make::Fixed("CompanyName")),
        Credential::new("cost_center_field", Make::Fixed("CostCenter")),
        Credential::new("work_phone_field", Make::Fixed("WorkPhone")),
        Credential::new("mobile_field", Make::Fixed("MobilePhone")),
        Credential::new("locale_field", Make::Fixed("Language")),
        Credential::new("timezone_field", Make::Fixed("TimeZone")),
        Credential::new("manager_field", Make::Fixed("ManagerId")),
        Credential::new("manager_is", Make::Fixed("id")),
        Credential::new("status_field", Make::Fixed("EmploymentStatus")),
        Credential::new("start_date_field", Make::Fixed("StartDate")),
        Credential::new("end_date_field", Make::Fixed("EndDate")),
        Credential::new("active_words", Make::Fixed(EMPLOYED)),
        Credential::new("leave_words", Make::Fixed(ON_LEAVE)),
        Credential::new("left_words", Make::Fixed(LEFT)),
    ],
    routes: &[
        Route::get("/api", Role::Check, &[], service),
        Route::get("/api/$metadata", Role::Check, &[], metadata),
        Route::get("/api/{interface}", Role::List, QUERY, rows),
    ],
    // Sheet: Listing, "rate limits … unknown".
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
        Field::CostCenter,
        Field::Manager,
        Field::WorkPhone,
        Field::Mobile,
        Field::Locale,
        Field::Timezone,
        Field::State,
        Field::Start,
        Field::End,
    ],
    // Sheet: Listing, "interfaces this key may call": a key without this one is refused.
    hides: &[],
    // Sheet: Record, "Field names are configured per customer": an interface may have more than was asked for.
    widens: true,
    is_paged: true,
    id: |_, person| (5_000 + person.serial).to_string(),
    tell: |_, person, mut facts| {
        let called = person.preferred.unwrap_or(person.given);
        facts.given = Some(called.to_owned());
        facts.display = Some(format!("{called} {}", person.family));
        Some(facts)
    },
    limit_headers: |_| Vec::new(),
    admit,
    refuse,
};

/// Sheet: Listing, "customer-named interfaces … are a single path segment after `/api/`".
const INTERFACE: &str = "KestrelEmployees";
const EMPLOYED: &str = "Voimassa";
const ON_LEAVE: &str = "Perhevapaalla";
const LEFT: &str = "Päättynyt";

/// Sheet: Access, "Service root … for all customers".
const ROOT: &str = "https://api.sympahr.net/api";

/// Sheet: Listing, "which are honoured is unknown": those that do not change who is in the list. `$skiptoken` is the
/// service's own.
const QUERY: &[&str] = &["$select", "$top", "$skip", "$orderby", "$skiptoken"];

/// Fields of the interface with their types. Sheet: Record, "What integrators obtain from this API"; nobody asked for
/// private addresses.
const FIELDS: &[(&str, &str)] = &[
    ("PersonId", "Edm.String"),
    ("EmployeeNumber", "Edm.String"),
    ("FirstName", "Edm.String"),
    ("PreferredName", "Edm.String"),
    ("LastName", "Edm.String"),
    ("WorkEmail", "Edm.String"),
    ("WorkPhone", "Edm.String"),
    ("MobilePhone", "Edm.String"),
    ("Language", "Edm.String"),
    ("TimeZone", "Edm.String"),
    ("JobTitle", "Edm.String"),
    ("Department", "Edm.String"),
    ("Division", "Edm.String"),
    ("Team", "Edm.String"),
    ("CompanyName", "Edm.String"),
    ("CostCenter", "Edm.String"),
    ("WorkLocation", "Edm.String"),
    ("ManagerId", "Edm.String"),
    ("EmploymentStatus", "Edm.String"),
    ("StartDate", "Edm.Date"),
    ("EndDate", "Edm.Date"),
];

/// Sheet: Access, "HTTP Basic, user name = API key, password = API secret".
fn admit(desk: &Desk) -> Result<(), Refusal> {
    match desk.call.basic() {
        Some((key, secret)) if key == desk.key("api_key") && secret == desk.key("api_secret") => {
            Ok(())
        }
        _ => Err(Refusal::Unauthorized),
    }
}

/// Sheet: Access, "401 on wrong credentials"; Listing, "error body … unknown": as OData has it.
fn refuse(_: &Desk, refusal: Refusal) -> Reply {
    let said = |status: u16, code: &str, why: &str| {
        let body = json!({"error": {"code": code, "message": why}});
        Reply::json(status, &body)
    };
    match refusal {
        Refusal::Unauthorized => {
            let reply = said(401, "Unauthorized", "The API key or secret is wrong.");
            reply.with("WWW-Authenticate", "Basic realm=\"Sympa\"")
        }
        Refusal::Forbidden => said(403, "Forbidden", "The API key may not call this interface."),
        Refusal::NotFound => said(404, "NotFound", "There is no such interface."),
        Refusal::WrongMethod => said(405, "MethodNotAllowed", "The method is not allowed."),
        Refusal::Bad(why) | Refusal::Invalid(why) => said(400, "BadRequest", &why),
        Refusal::TooMany(seconds) => said(429, "TooManyRequests", "Too many requests.")
            .with("Retry-After", seconds.to_string()),
        Refusal::Broken => said(500, "InternalServerError", "Something went wrong."),
        Refusal::Special(reply) => *reply,
    }
}

/// Sheet: Access, "`GET /api` returns a service document (JSON) listing the interfaces this key may call".
fn service(_: &Desk) -> Result<Reply, Refusal> {
    let entry = json!({"name": INTERFACE, "kind": "EntitySet", "url": INTERFACE});
    let body = json!({"@odata.context": format!("{ROOT}/$metadata"), "value": [entry]});
    Ok(Reply::json(200, &body))
}

/// Sheet: Access, "`GET /api/$metadata` returns XML with every interface and its fields".
fn metadata(_: &Desk) -> Result<Reply, Refusal> {
    let property =
        |(name, kind): &(&str, &str)| format!("<Property Name=\"{name}\" Type=\"{kind}\"/>");
    let fields = FIELDS.iter().map(property).collect::<Vec<_>>().concat();
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
         <edmx:Edmx Version=\"4.0\" xmlns:edmx=\"http://docs.oasis-open.org/odata/ns/edmx\"><edmx:DataServices>\
         <Schema Namespace=\"Sympa\" xmlns=\"http://docs.oasis-open.org/odata/ns/edm\">\
         <EntityType Name=\"{INTERFACE}\"><Key><PropertyRef Name=\"PersonId\"/></Key>{fields}</EntityType>\
         <EntityContainer Name=\"Container\"><EntitySet Name=\"{INTERFACE}\" EntityType=\"Sympa.{INTERFACE}\"/>\
         </EntityContainer></Schema></edmx:DataServices></edmx:Edmx>"
    );
    Ok(Reply::new(200, "application/xml", xml))
}

/// The fields that are asked for; all of them unless said. OData: one that does not exist is an error.
fn selected<'d>(desk: &'d Desk) -> Result<Option<Vec<&'d str>>, Refusal> {
    let Some(list) = desk.call.param("$select") else {
        return Ok(None);
    };
    let names: Vec<&str> = list.split(',').map(str::trim).collect();
    match names.iter().find(|name| !is_field(name)) {
        Some(name) => Err(Refusal::Bad(format!("There is no field '{name}'."))),
        None => Ok(Some(names)),
    }
}

fn is_field(name: &str) -> bool {
    FIELDS.iter().any(|(field, _)| *field == name)
}

/// Rows come in the order of the ids; another order is not offered here.
fn check_order(desk: &Desk) -> Result<(), Refusal> {
    match desk.call.param("$orderby").map(str::trim) {
        None | Some("PersonId" | "PersonId asc") => Ok(()),
        Some(order) => Err(Refusal::Bad(format!("Cannot order by '{order}'."))),
    }
}

/// Sheet: Listing, "Records path `value`; next page by `@odata.nextLink`". OData: a service that pages says where the
/// next page is, and `$top` counts the rows of all pages together.
fn rows(desk: &Desk) -> Result<Reply, Refusal> {
    let call = desk.call;
    if call.place(0) != INTERFACE {
        return Err(Refusal::NotFound);
    }
    check_order(desk)?;
    let selected = selected(desk)?;
    let top = call.number("$top")?;
    let from = call.number("$skiptoken")?.or(call.number("$skip")?);
    let from = from.unwrap_or(0);
    // "Page maximum unknown".
    let size = desk.page_size(None, 100, 100);
    let roster = desk.roster(size, |_| true);
    let limit = top.unwrap_or(usize::MAX);
    let shown = roster.page(from, size.min(limit));
    let next = from + shown.len();
    let left = limit.saturating_sub(shown.len());
    let mut body = Map::new();
    let context = format!("{ROOT}/$metadata#{INTERFACE}");
    body.insert("@odata.context".into(), json!(context));
    let records = shown.iter().map(|p| record(desk, p, selected.as_deref()));
    body.insert("value".into(), records.collect());
    if next < roster.people.len() && left > 0 {
        let mut link = format!("{ROOT}/{INTERFACE}?$skiptoken={next}");
        if top.is_some() {
            link.push_str(&format!("&$top={left}"));
        }
        if let Some(names) = &selected {
            link.push_str(&format!("&$select={}", names.join(",")));
        }
        body.insert("@odata.nextLink".into(), json!(link));
    }
    Ok(Reply::json(200, &Value::Object(body)))
}

/// The tenant's word.
fn word(state: EmploymentState) -> &'static str {
    match state {
        EmploymentState::OnLeave => ON_LEAVE,
        EmploymentState::Left => LEFT,
        _ => EMPLOYED,
    }
}

/// Sheet: Record; Example. Leavers are in it: "Ask the customer to include … leavers".
fn record(desk: &Desk, person: &Person, selected: Option<&[&str]>) -> Value {
    let date = |day: Option<NaiveDate>| json!(day.map(|d| d.to_string()));
    let manager = desk.company.manager_of(person).map(|m| desk.id(m));
    let value = |name: &str| match name {
        "PersonId" => json!(desk.id(person)),
        "EmployeeNumber" => json!(person.number.map(|n| n.to_string())),
        "FirstName" => json!(person.given),
        "PreferredName" => json!(person.preferred),
        "LastName" => json!(person.family),
        "WorkEmail" => json!(person.email),
        "WorkPhone" => json!(person.work_phone),
        "MobilePhone" => json!(person.mobile),
        // This customer writes it so.
        "Language" => json!(person.site.locale.replace('-', "_")),
        "TimeZone" => json!(person.site.zone),
        "JobTitle" => json!(person.title),
        "Department" => json!(person.unit.name),
        "Division" => json!(person.unit.division),
        "Team" => json!(person.unit.team),
        "CompanyName" => json!(person.entity.name),
        "CostCenter" => json!(person.unit.cost_center),
        "WorkLocation" => json!(person.site.name),
        "ManagerId" => json!(manager),
        "EmploymentStatus" => json!(word(desk.state(person))),
        "StartDate" => date(Some(person.start)),
        "EndDate" => date(person.end),
        _ => Value::Null,
    };
    let fields = FIELDS.iter().map(|(name, _)| *name);
    let shown = fields.filter(|name| selected.is_none_or(|names| names.contains(name)));
    let mut members: Map<String, Value> =
        shown.map(|name| (name.to_owned(), value(name))).collect();
    if desk.reads_more() && selected.is_none() {
        members.insert("MonthlySalary".into(), json!(3_100));
    }
    Value::Object(members)
}
