//! Google Workspace. Rules are cited as "sheet: section" of the fact sheet on this vendor.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use crate::cli::simulate::hris::call::{Refusal, Reply};
use crate::cli::simulate::hris::desk::Desk;
use crate::cli::simulate::hris::names::DOMAIN;
use crate::cli::simulate::hris::people::{Kind, Person};
use crate::cli::simulate::hris::standin::{Credential, Limit, Make, Role, Route, Standin};
use crate::cli::simulate::hris::truth::Field;
use crate::domain::employment::EmploymentState;

#[path = "google-workspace/token.rs"]
mod token;

use token::{service_account, token};

pub const STANDIN: Standin = Standin {
    name: "Google Workspace",
    // Sheet: Access, "Pasted values".
    credentials: &[
        Credential::new("service_account_key", Make::Own(service_account)),
        Credential::new("administrator_email", Make::Fixed(ADMINISTRATOR)),
        Credential::new("customer_id", Make::Fixed("my_customer")),
        Credential::new("start_date_field", Make::Fixed("HR.startDate")),
        Credential::new("end_date_field", Make::Fixed("HR.endDate")),
    ],
    routes: &[
        // Of another host, https://oauth2.googleapis.com.
        Route::post("/token", Role::Token, &[], token),
        Route::get("/admin/directory/v1/users", Role::List, QUERY, users),
        Route::get(
            "/admin/directory/v1/customer/{id}/orgunits",
            Role::Lookup,
            &["type"],
            org_units,
        ),
        Route::get(
            "/admin/directory/v1/customer/{id}/schemas",
            Role::Lookup,
            &[],
            schemas,
        ),
    ],
    // Sheet: Listing, "Quota: 2 400 queries per minute per user and project".
    limits: &[Limit {
        path: "/admin/directory/v1/users",
        count: 2_400,
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
        Field::Mobile,
        Field::Locale,
        Field::State,
        Field::Start,
        Field::End,
    ],
    // Sheet: Listing, "403 … wrong admin or missing scope": nothing goes quietly.
    hides: &[],
    widens: false,
    is_paged: true,
    // Sheet: Record, "string of ~21 digits".
    id: |_, person| format!("1{:020}", person.serial),
    tell: |company, person, mut facts| {
        // A directory knows nobody before the first day, and some not any more after the last.
        if facts.state == EmploymentState::Prehire
            || (facts.state == EmploymentState::Left && is_erased(person))
        {
            return None;
        }
        facts.email = Some(primary(person));
        let manager = company.manager_of(person);
        let is_there = |m: &Person| match m.state(company.day) {
            EmploymentState::Prehire => false,
            EmploymentState::Left => !is_erased(m),
            _ => true,
        };
        facts.manager = facts.manager.filter(|_| manager.is_some_and(is_there));
        if facts.state == EmploymentState::OnLeave {
            facts.state = EmploymentState::Employed;
        }
        Some(facts)
    },
    limit_headers: |_| Vec::new(),
    admit,
    refuse,
};

const ADMINISTRATOR: &str = "admin@kestrel.test";
const QUERY: &[&str] = &[
    "customer",
    "domain",
    "maxResults",
    "pageToken",
    "projection",
    "customFieldMask",
    "orderBy",
    "sortOrder",
    "viewType",
    "query",
    "fields",
    "showDeleted",
];

fn admit(desk: &Desk) -> Result<(), Refusal> {
    match desk.call.bearer() {
        Some(token) if desk.is_good(token) => Ok(()),
        _ => Err(Refusal::Unauthorized),
    }
}

/// Sheet: Listing, "Error shape"; "Over it: 403 with reason userRateLimitExceeded".
fn refuse(_: &Desk, refusal: Refusal) -> Reply {
    let (status, reason, why) = match refusal {
        Refusal::Unauthorized => (401, "authError", "Invalid Credentials".to_owned()),
        Refusal::Forbidden => (
            403,
            "forbidden",
            "Not Authorized to access this resource/API".to_owned(),
        ),
        Refusal::NotFound => (404, "notFound", "Not Found".to_owned()),
        Refusal::WrongMethod => (405, "httpMethodNotAllowed", "Method Not Allowed".to_owned()),
        Refusal::Bad(why) | Refusal::Invalid(why) => (400, "badRequest", why),
        Refusal::Broken => (500, "backendError", "Internal error".to_owned()),
        Refusal::TooMany(_) => (
            403,
            "userRateLimitExceeded",
            "User Rate Limit Exceeded".to_owned(),
        ),
        Refusal::Special(reply) => return *reply,
    };
    let one = json!({"domain": "global", "reason": reason, "message": why});
    Reply::json(
        status,
        &json!({"error": {"code": status, "message": why, "errors": [one]}}),
    )
}

/// An account always has an address, in lower case.
fn primary(person: &Person) -> String {
    match &person.email {
        Some(email) => email.to_lowercase(),
        None => format!("staff{}@{DOMAIN}", person.serial),
    }
}

fn alias(person: &Person) -> Option<String> {
    (person.serial % 4 == 1).then(|| format!("nick{}@{DOMAIN}", person.serial))
}

/// Sheet: Record, "after deletion – absent": which leavers' accounts are deleted.
fn is_erased(person: &Person) -> bool {
    person.serial.is_multiple_of(5)
}

/// Whether there is an account today.
fn has_account(desk: &Desk, person: &Person) -> bool {
    match person.state(desk.company.day) {
        EmploymentState::Prehire => false,
        EmploymentState::Left => !is_erased(person),
        _ => true,
    }
}

/// Sheet: Listing.
fn users(desk: &Desk) -> Result<Reply, Refusal> {
    let call = desk.call;
    let bad = |why: &str| Refusal::Bad(why.to_owned());
    match (call.param("customer"), call.param("domain")) {
        (Some("my_customer" | "C0kestrel1"), None) | (None, Some(DOMAIN)) => {}
        (None, None) => return Err(bad("Either customer or domain is required")),
        _ => return Err(bad("Invalid Input: customer or domain")),
    }
    let asked = call.number("maxResults")?;
    if asked.is_some_and(|n| n == 0 || n > 500) {
        return Err(bad("Invalid value for maxResults: 1 to 500"));
    }
    let size = desk.page_size(asked, 100, 500);
    let offset = match call.param("pageToken") {
        None => 0,
        Some(token) => URL_SAFE_NO_PAD
            .decode(token)
            .ok()
            .and_then(|bytes| {
                String::from_utf8(bytes)
                    .ok()?
                    .strip_prefix("at:")?
                    .parse()
                    .ok()
            })
            .ok_or_else(|| bad("Invalid Input: pageToken"))?,
    };
    let suspended = match call.param("query") {
        None => None,
        Some("isSuspended=false") => Some(false),
        Some("isSuspended=true") => Some(true),
        Some(_) => return Err(bad("this stand-in has the query isSuspended only")),
    };
    // "showDeleted=true returns only recently deleted ones (kept about 20 days)"
    let is_deleted_list = call.param("showDeleted") == Some("true");
    let recently = |p: &Person| {
        p.end
            .is_some_and(|e| (desk.company.day - e).num_days() <= 20)
    };
    let is_on_it = |p: &Person| match is_deleted_list {
        true => p.state(desk.company.day) == EmploymentState::Left && is_erased(p) && recently(p),
        false => has_account(desk, p) && suspended.is_none_or(|s| s == is_suspended(desk, p)),
    };
    let mut roster = desk.roster(size, is_on_it);
    match call.param("orderBy") {
        None => {}
        Some("email") => roster.people.sort_by_cached_key(|p| primary(p)),
        Some("familyName") => roster.people.sort_by_key(|p| p.family),
        Some("givenName") => roster.people.sort_by_key(|p| p.given),
        Some(_) => return Err(bad("Invalid Input: orderBy")),
    }
    let projection = call.param("projection").unwrap_or("basic");
    let is_full = match projection {
        "basic" => false,
        "full" => true,
        "custom" => call
            .param("customFieldMask")
            .is_some_and(|m| m.split(',').any(|s| s == "HR")),
        _ => return Err(bad("Invalid Input: projection")),
    };
    let wanted = call.param("fields").map(mask).transpose()?;
    let shown = roster.page(offset, size).iter();
    let users: Vec<Value> = shown
        .map(|p| cut(user(desk, p, is_full), &wanted))
        .collect();
    let mut body = json!({"kind": "admin#directory#users", "etag": "\"page\""});
    // "the key is missing when a page has no users"
    if !users.is_empty() {
        body["users"] = json!(users);
    }
    if offset + size < roster.people.len() {
        body["nextPageToken"] = json!(URL_SAFE_NO_PAD.encode(format!("at:{}", offset + size)));
    }
    Ok(Reply::json(200, &body))
}

/// Keys of a user that a selection may name. Reference of the resource: also those that nobody here has.
const NAMES: &[&str] = &[
    "id",
    "etag",
    "kind",
    "primaryEmail",
    "aliases",
    "nonEditableAliases",
    "emails",
    "name",
    "suspended",
    "suspensionReason",
    "suspensionTime",
    "archived",
    "archivalTime",
    "deletionTime",
    "isGuestUser",
    "isAdmin",
    "customerId",
    "orgUnitPath",
    "organizations",
    "externalIds",
    "relations",
    "phones",
    "languages",
    "locations",
    "addresses",
    "creationTime",
    "lastLoginTime",
    "customSchemas",
];

/// The keys of a user in `nextPageToken,users(id,name(givenName),…)`.
fn mask(fields: &str) -> Result<Vec<String>, Refusal> {
    let bad = || Refusal::Bad("Invalid field selection".to_owned());
    let inner = fields.split_once("users(").ok_or_else(bad)?.1;
    let mut depth = 1;
    let mut name = String::new();
    let mut names = Vec::new();
    for c in inner.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 1 => names.push(std::mem::take(&mut name)),
            c if depth == 1 => name.push(c),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names.push(name);
    let top = |n: String| n.split('/').next().unwrap_or_default().to_owned();
    let names: Vec<String> = names.into_iter().map(top).collect();
    if depth != 0 || names.iter().any(|n| !NAMES.contains(&n.as_str())) {
        return Err(bad());
    }
    Ok(names)
}

fn cut(mut user: Value, wanted: &Option<Vec<String>>) -> Value {
    if let (Some(wanted), Some(user)) = (wanted, user.as_object_mut()) {
        user.retain(|name, _| wanted.contains(name));
    }
    user
}

/// Sheet: Record, "a leaver is either suspended, archived, or absent".
fn is_suspended(desk: &Desk, person: &Person) -> bool {
    desk.state(person) == EmploymentState::Left && !is_archived(desk, person)
}

fn is_archived(desk: &Desk, person: &Person) -> bool {
    desk.state(person) == EmploymentState::Left && person.serial % 3 == 2
}

fn is_last_day_unsaid(desk: &Desk, person: &Person) -> bool {
    desk.state(person) == EmploymentState::Left && person.serial.is_multiple_of(2)
}

/// Sheet: Record, "organizations[]: pick primary == true, else first".
fn organizations(person: &Person) -> Value {
    let kind = match person.kind {
        Kind::Employee => "Employee",
        Kind::Contractor => "Contractor",
    };
    let own = json!({
        "title": person.title, "department": person.unit.name, "costCenter": person.unit.cost_center,
        "name": person.entity.name, "primary": true, "customType": "", "description": kind,
        "location": person.site.name,
    });
    match person.serial % 6 {
        0 => json!([{"title": "Volunteer", "department": "Choir", "primary": false}, own]),
        _ => json!([own]),
    }
}

fn phones(person: &Person) -> Vec<Value> {
    let phone = |value: &Option<String>, kind: &str| {
        value.as_ref().map(|v| json!({"value": v, "type": kind}))
    };
    // Numbers of other types stand among them.
    let mobile = match person.serial.is_multiple_of(2) {
        true => "work_mobile",
        false => "mobile",
    };
    let home = person
        .serial
        .is_multiple_of(3)
        .then(|| "+44 20 7946 0000".to_owned());
    [
        phone(&home, "home"),
        phone(&home, "work_fax"),
        phone(&person.work_phone, "work"),
        phone(&person.mobile, mobile),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Sheet: Record; Example.
fn user(desk: &Desk, person: &Person, is_full: bool) -> Value {
    let has_left = desk.state(person) == EmploymentState::Left;
    let email = primary(person);
    let unit_path = match has_left {
        true => "/Leavers".to_owned(),
        false => format!("/Staff/{}", person.unit.division),
    };
    let mut user = json!({
        "kind": "admin#directory#user",
        "id": desk.id(person),
        "etag": format!("\"u{}-{}\"", person.serial, person.changed),
        "primaryEmail": email,
        "name": {"givenName": person.given, "familyName": person.family, "fullName": format!("{} {}", person.given, person.family)},
        "suspended": is_suspended(desk, person),
        "archived": is_archived(desk, person),
        "creationTime": format!("{}T08:00:00.000Z", person.start),
        "lastLoginTime": "1970-01-01T00:00:00.000Z",
        "emails": [{"address": person.private_email, "type": "home"}, {"address": email, "primary": true}],
        "organizations": organizations(person),
        "languages": [{"languageCode": "en", "preference": "not_preferred"}, {"languageCode": person.site.locale, "preference": "preferred"}],
        "customerId": "C0kestrel1",
        "orgUnitPath": unit_path,
    });
    if let Some(user) = user.as_object_mut() {
        user.extend(present(desk, person, is_full));
    }
    user
}

/// Sheet: Record, "Missing arrays are omitted, not null".
fn present(desk: &Desk, person: &Person, is_full: bool) -> Map<String, Value> {
    let number = person
        .number
        .map(|n| json!([{"value": n.to_string(), "type": "organization"}]));
    // "manager addresses can point to aliases or to people who left"
    let manager = desk.company.manager_of(person);
    let manager = manager.map(|m| alias(m).unwrap_or_else(|| primary(m)));
    let phones = phones(person);
    let mut dates = json!({"startDate": person.start.to_string()});
    // Not everybody's last day is entered; the account tells when it was suspended or archived.
    if let Some(end) = person.end
        && !is_last_day_unsaid(desk, person)
    {
        dates["endDate"] = json!(end.to_string());
    }
    let since = person.end.map(|end| json!(format!("{end}T16:00:00.000Z")));
    let parts = [
        ("aliases", alias(person).map(|a| json!([a]))),
        (
            "suspensionTime",
            since.clone().filter(|_| is_suspended(desk, person)),
        ),
        ("archivalTime", since.filter(|_| is_archived(desk, person))),
        ("externalIds", number),
        (
            "relations",
            manager.map(|a| json!([{"value": a, "type": "manager"}])),
        ),
        ("phones", (!phones.is_empty()).then(|| json!(phones))),
        ("customSchemas", is_full.then(|| json!({"HR": dates}))),
    ];
    let named = parts
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    named.collect()
}

fn org_units(_: &Desk) -> Result<Reply, Refusal> {
    let unit = |path: &str| json!({"name": path.rsplit('/').next(), "orgUnitPath": path});
    let units = [
        "/Staff",
        "/Leavers",
        "/Staff/Technology",
        "/Staff/Commercial",
        "/Staff/Corporate",
    ];
    Ok(Reply::json(
        200,
        &json!({"kind": "admin#directory#orgUnits", "organizationUnits": units.map(unit)}),
    ))
}

fn schemas(_: &Desk) -> Result<Reply, Refusal> {
    let field = |name: &str| json!({"fieldName": name, "fieldType": "DATE"});
    let schema = json!({"schemaName": "HR", "fields": [field("startDate"), field("endDate")]});
    Ok(Reply::json(
        200,
        &json!({"kind": "admin#directory#schemas", "schemas": [schema]}),
    ))
}
