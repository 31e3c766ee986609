//! HRworks. Rules are cited as "sheet: section" of the fact sheet on this vendor; "client" is the documentation of the
//! client that is generated from the vendor's OpenAPI file (simon-franz/wfa-test, `packages/hrworks-api-client/auto-client`).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use crate::cli::simulate::hris::call::{Refusal, Reply};
use crate::cli::simulate::hris::desk::Desk;
use crate::cli::simulate::hris::dice::Dice;
use crate::cli::simulate::hris::names::{SITES, UNITS};
use crate::cli::simulate::hris::people::{Kind, Person};
use crate::cli::simulate::hris::standin::{Credential, Make, Role, Route, Standin};
use crate::cli::simulate::hris::truth::Field;
use crate::domain::employment::EmploymentState;

/// Sheet: Listing, "Parameters".
const MASTER_DATA: &[&str] = &[
    "onlyActive",
    "page",
    "persons",
    "personIdentifierType",
    "usePersonnelNumbers",
];

pub const STANDIN: Standin = Standin {
    name: "HRworks",
    // Sheet: Access, "Pasted values".
    credentials: &[
        Credential::new("access_key", Make::Word("", 20)),
        Credential::new("secret_access_key", Make::Word("", 40)),
        Credential::new("division_field", Make::Fixed(DIVISION)),
    ],
    routes: &[
        Route::post("/v2/authentication", Role::Token, &[], authentication),
        Route::get("/v2/health-check", Role::Check, &[], health),
        Route::get("/v2/persons/master-data", Role::List, MASTER_DATA, persons),
        Route::get(
            "/v2/persons",
            Role::Lookup,
            &["onlyActive"],
            persons_by_unit,
        ),
        Route::get(
            "/v2/organization-units",
            Role::Lookup,
            &[],
            organization_units,
        ),
        Route::get(
            "/v2/cost-objects/cost-centers",
            Role::Lookup,
            &[],
            cost_centers,
        ),
        Route::get(
            "/v2/permanent-establishments",
            Role::Lookup,
            &[],
            establishments,
        ),
    ],
    // Sheet: Listing, "Rate limits: not found".
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
        Field::State,
        Field::Start,
        Field::End,
    ],
    // Nothing is known to go quietly.
    hides: &[],
    widens: false,
    is_paged: true,
    id: |seed, person| Dice::new(seed, &format!("hrworks/{}", person.serial)).uuid(),
    tell: |_, person, mut facts| {
        // Sheet: SCIM mapping, "organization: permanentEstablishment.name"; it is the place of work.
        facts.organization = Some(person.site.name.to_owned());
        if facts.state == EmploymentState::OnLeave {
            facts.state = EmploymentState::Employed;
        }
        Some(facts)
    },
    limit_headers: |_| Vec::new(),
    admit,
    refuse,
};

/// Sheet: Access, "Lifetime about 15 minutes".
const LIFETIME: i64 = 15 * 60;

/// Sheet: Listing, "Fixed page size 50".
const PAGE: usize = 50;

/// Sheet: Access, "expired token: 401 on data calls".
fn admit(desk: &Desk) -> Result<(), Refusal> {
    match desk.call.bearer() {
        Some(token) if desk.is_good(token) => Ok(()),
        _ => Err(Refusal::Unauthorized),
    }
}

/// Client: ApiError, `errorCode` (number), `type`, `errorMessage`, `additionalErrors`.
fn refuse(_: &Desk, refusal: Refusal) -> Reply {
    let mut wait = None;
    let (status, kind, why) = match refusal {
        Refusal::Unauthorized => (401, "unauthorized", "The access token is not valid".into()),
        Refusal::Forbidden => (403, "forbidden", "The access is not permitted".into()),
        Refusal::NotFound => (404, "notFound", "The resource does not exist".into()),
        Refusal::WrongMethod => (
            405,
            "methodNotAllowed",
            "The method is not allowed here".into(),
        ),
        Refusal::Bad(why) | Refusal::Invalid(why) => (400, "badRequest", why),
        Refusal::Broken => (500, "internalServerError", "Something went wrong".into()),
        Refusal::TooMany(seconds) => {
            wait = Some(seconds);
            (429, "tooManyRequests", "Too many requests".into())
        }
        Refusal::Special(reply) => return *reply,
    };
    let body =
        json!({"errorCode": status, "type": kind, "errorMessage": why, "additionalErrors": []});
    let reply = Reply::json(status, &body);
    match wait {
        Some(seconds) => reply.with("Retry-After", seconds.to_string()),
        None => reply,
    }
}

/// Sheet: Access, steps 1, 2 and 4: exact camel case, a JWT whose `exp` says how long it is good, 403 for wrong keys.
fn authentication(desk: &Desk) -> Result<Reply, Refusal> {
    let body = desk.call.object()?;
    let is = |name: &str, term: &str| {
        body.get(name)
            .and_then(Value::as_str)
            .is_some_and(|v| v == desk.key(term))
    };
    if !is("accessKey", "access_key") || !is("secretAccessKey", "secret_access_key") {
        return Err(Refusal::Forbidden);
    }
    let now = desk.now.0 / 1_000;
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(json!({"alg": "HS256", "typ": "JWT"}));
    let claims = part(json!({"sub": desk.key("access_key"), "iat": now, "exp": now + LIFETIME}));
    let (token, _) = desk.issue(&format!("{header}.{claims}."), LIFETIME, false);
    Ok(Reply::json(200, &json!({"token": token})))
}

/// Client: healthCheck, "Empty response body".
fn health(_: &Desk) -> Result<Reply, Refusal> {
    Ok(Reply::new(200, "application/json", ""))
}

fn flag(desk: &Desk, name: &str, usual: bool) -> Result<bool, Refusal> {
    match desk.call.param(name) {
        None => Ok(usual),
        Some("true") => Ok(true),
        Some("false") => Ok(false),
        Some(_) => Err(Refusal::Bad(format!("`{name}` must be true or false"))),
    }
}

/// Sheet: Record, "`isActive` follows the 'gone' switch in HRworks and can lag behind `leaveDate`": nobody has turned the
/// switch for every fourth yet.
fn is_active(desk: &Desk, person: &Person) -> bool {
    let is_forgotten =
        person.serial.is_multiple_of(4) && person.end.is_some_and(|end| end < desk.company.day);
    let has_left = desk.state(person) == EmploymentState::Left;
    !has_left || (is_forgotten && person.state(desk.company.day) == EmploymentState::Left)
}

/// Sheet: Record, "`personId` is the HRworks login name".
fn login(person: &Person) -> String {
    let name = person.private_email.split('@').next().unwrap_or_default();
    format!("{}.{name}", person.unit.id)
}

fn number(person: &Person) -> String {
    person.number.map_or(String::new(), |n| n.to_string())
}

/// Whether this person is one of `persons`, named as `personIdentifierType` says.
fn is_asked_for(desk: &Desk, person: &Person) -> Result<bool, Refusal> {
    let mut asked = desk.call.query.iter().filter(|(n, _)| n == "persons");
    let kind = match desk.call.param("personIdentifierType") {
        None if flag(desk, "usePersonnelNumbers", false)? => "personnelNumber",
        None => "personId",
        Some(kind) => kind,
    };
    let own = match kind {
        "personId" => login(person),
        "personnelNumber" => number(person),
        "uuid" => desk.id(person),
        "personLicenseNumber" => license(person),
        "personIdentifierForKiosk" => String::new(),
        _ => return Err(Refusal::Bad("`personIdentifierType` is not known".into())),
    };
    let has_none = asked.clone().next().is_none();
    Ok(has_none || asked.any(|(_, list)| list.split(',').any(|one| one == own)))
}

fn license(person: &Person) -> String {
    format!("L{:05}", person.serial)
}

/// Sheet: Listing. The body has no paging fields; the header `Link` has `next` and `last`.
fn persons(desk: &Desk) -> Result<Reply, Refusal> {
    let is_only_active = flag(desk, "onlyActive", true)?;
    let page = desk.call.number("page")?.unwrap_or(1);
    if page == 0 {
        return Err(Refusal::Bad("`page` begins with 1".into()));
    }
    if let Some(first) = desk.company.people().next() {
        is_asked_for(desk, first)?;
    }
    let size = desk.page_size(None, PAGE, PAGE);
    let roster = desk.roster(size, |p| {
        (!is_only_active || is_active(desk, p)) && is_asked_for(desk, p) == Ok(true)
    });
    let shown = roster.page((page - 1).saturating_mul(size), size);
    let records: Vec<Value> = shown.iter().map(|p| record(desk, p)).collect();
    let last = roster.people.len().div_ceil(size).max(1);
    let mut links = Vec::new();
    if page < last {
        links.push(link(desk, page + 1, "next"));
    }
    links.push(link(desk, last, "last"));
    Ok(Reply::json(200, &json!({"persons": records})).with("Link", links.join(", ")))
}

/// Sheet: Example, the header `Link`: the address of this request, with another page.
fn link(desk: &Desk, page: usize, rel: &str) -> String {
    let page = ("page".to_owned(), page.to_string());
    let others = desk.call.query.iter().filter(|(n, _)| n != "page");
    let query = others.chain([&page]).map(|(n, v)| (n.as_str(), v.as_str()));
    let list = "https://api.hrworks.de/v2/persons/master-data";
    let address = reqwest::Url::parse_with_params(list, query);
    let address = address.map_or_else(|_| list.to_owned(), String::from);
    format!("<{address}>; rel=\"{rel}\"")
}

/// The free field in which this company keeps the division.
const DIVISION: &str = "Geschäftsbereich (neu)";

/// Sheet: Record; Example. "any field may be absent or an empty string".
fn record(desk: &Desk, person: &Person) -> Value {
    let manager = desk.company.manager_of(person);
    let kind = match person.kind {
        Kind::Employee => "employee",
        Kind::Contractor => "freelancer",
    };
    let mut record = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        let is_left_out = (person.serial as usize + name.len()).is_multiple_of(2);
        match value {
            Some(value) => drop(record.insert(name.to_owned(), value)),
            None if is_left_out => {}
            None => drop(record.insert(name.to_owned(), json!(""))),
        }
    };
    let text = |value: &str| Some(json!(value));
    put("uuid", text(&desk.id(person)));
    put("personId", text(&login(person)));
    put(
        "personnelNumber",
        person.number.map(|n| json!(n.to_string())),
    );
    put("personLicenseNumber", text(&license(person)));
    put("firstName", text(person.given));
    put("lastName", text(person.family));
    // "title and salutation are academic title and form of address, not job title"
    put(
        "title",
        person.serial.is_multiple_of(7).then(|| json!("Dr.")),
    );
    put("salutation", text("Frau"));
    put("email", person.email.as_ref().map(|e| json!(e)));
    put("privateEmail", text(&person.private_email));
    put("position", text(person.title));
    put("organizationUnit", Some(unit(person)));
    put(
        "costCenter",
        Some(json!({"number": person.unit.cost_center, "name": person.unit.name})),
    );
    put(
        "permanentEstablishment",
        Some(establishment(person.site.id)),
    );
    put("superior", manager.map(|m| base_data(desk, m)));
    put(
        "officePhoneNumber",
        person.work_phone.as_ref().map(|p| json!(p)),
    );
    put(
        "companyMobilePhoneNumber",
        person.mobile.as_ref().map(|p| json!(p)),
    );
    put("privateMobilePhoneNumber", text("+49 170 5550199"));
    put(
        "languageCode",
        person.site.locale.split('-').next().map(|l| json!(l)),
    );
    put("countryCode", text(person.site.country3));
    put("employmentType", text(kind));
    put("joinDate", text(&person.start.to_string()));
    put("leaveDate", person.end.map(|end| json!(end.to_string())));
    put("isActive", Some(json!(is_active(desk, person))));
    put("birthday", text("1980-01-01"));
    put(
        "bankAccount",
        Some(json!({"accountHolder": person.family, "iban": "DE00 0000 0000"})),
    );
    // "company-defined free fields appear as extra top-level keys named like their label"
    put("Zweite Kostenstelle (für Umlagen)", text("2010"));
    put(DIVISION, text(person.unit.division));
    Value::Object(record)
}

/// Sheet: Record, "superior": "no e-mail inside". The vendor's OpenAPI file (`PersonBaseData`) has `uuid` too, which is
/// newer: not everybody has it there.
fn base_data(desk: &Desk, person: &Person) -> Value {
    let mut data = json!({
        "personId": login(person), "personnelNumber": number(person),
        "firstName": person.given, "lastName": person.family, "externalIds": [],
    });
    if person.serial.is_multiple_of(2) {
        data["uuid"] = json!(desk.id(person));
    }
    data
}

fn unit(person: &Person) -> Value {
    let unit = person.unit;
    json!({"number": unit.id.to_string(), "name": unit.name, "countryCode": person.site.country3})
}

fn establishment(site: u32) -> Value {
    let found = SITES.iter().find(|s| s.id == site);
    json!({"id": site.to_string(), "name": found.map(|s| s.name), "number": site.to_string()})
}

/// Sheet: Listing, "Lighter list: a map of arrays, by organisation unit number".
fn persons_by_unit(desk: &Desk) -> Result<Reply, Refusal> {
    let is_only_active = flag(desk, "onlyActive", true)?;
    let mut units: Map<String, Value> = Map::new();
    for person in desk.company.people() {
        if is_only_active && !is_active(desk, person) {
            continue;
        }
        let rows = units.entry(person.unit.id.to_string());
        if let Value::Array(rows) = rows.or_insert_with(|| json!([])) {
            rows.push(base_data(desk, person));
        }
    }
    Ok(Reply::json(200, &Value::Object(units)))
}

/// Sheet: Other calls.
fn organization_units(_: &Desk) -> Result<Reply, Refusal> {
    let unit = |id: u32, name: &str, parent: Option<&str>| json!({"number": id.to_string(), "name": name, "countryCode": "DEU", "parentOrganizationUnit": parent});
    let mut units = vec![unit(500, "Kestrel", None)];
    units.extend(UNITS.iter().map(|u| unit(u.id, u.name, Some("500"))));
    Ok(Reply::json(200, &json!({"organizationUnits": units})))
}

fn cost_centers(_: &Desk) -> Result<Reply, Refusal> {
    let center = |u: &_| {
        let u: &crate::cli::simulate::hris::names::Unit = u;
        json!({"number": u.cost_center, "name": u.name})
    };
    let centers: Vec<Value> = UNITS.iter().map(center).collect();
    Ok(Reply::json(200, &json!({"costCenters": centers})))
}

fn establishments(_: &Desk) -> Result<Reply, Refusal> {
    let sites: Vec<Value> = SITES.iter().map(|s| establishment(s.id)).collect();
    Ok(Reply::json(200, &json!({"permanentEstablishments": sites})))
}
