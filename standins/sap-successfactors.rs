//! SAP SuccessFactors: OData v2 `User`, with a token for a signed SAML assertion. Rules are cited as "sheet: section"
//! of the fact sheet on this vendor.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use crate::cli::simulate::hris::call::{Refusal, Reply};
use crate::cli::simulate::hris::desk::Desk;
use crate::cli::simulate::hris::keys;
use crate::cli::simulate::hris::people::Person;
use crate::cli::simulate::hris::standin::{Credential, Make, Role, Route, Standin};
use crate::cli::simulate::hris::truth::Field;
use crate::domain::clock::Millis;
use crate::domain::employment::EmploymentState;

#[path = "sap-successfactors/saml.rs"]
mod saml;

use saml::{check_conditions, check_signature};

pub const STANDIN: Standin = Standin {
    name: "SAP SuccessFactors",
    // Sheet: Access, "Admin pastes".
    credentials: &[
        Credential::new("api_server", Make::Fixed(API_SERVER)),
        Credential::new("company_id", Make::Fixed("KestrelT1")),
        Credential::new("api_key", Make::Hex("", 40)),
        Credential::new("api_user", Make::Fixed("ROSTERAPI")),
        Credential::new("private_key", Make::Fixed(keys::PRIVATE)),
        // Sheet: Record, "Cost centre: none standard (custom01-15)": what this tenant keeps where.
        Credential::new("cost_center_field", Make::Fixed(COST_CENTER)),
        Credential::new("organization_field", Make::Fixed(COMPANY)),
        Credential::new("end_date_field", Make::Fixed("companyExitDate")),
        // Whoever is hired and still in Onboarding has a user too, of another status.
        Credential::new("onboarding", Make::Fixed("yes")),
    ],
    routes: &[
        Route::post("/oauth/token", Role::Token, &[], token),
        Route::get("/odata/v2/User", Role::List, QUERY, users),
    ],
    // Sheet: Limits, "No enforced platform rate limit".
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
    // SAP note 2991051, "Field-level Permission": a role chooses the fields that its users see.
    hides: &[
        Field::Email,
        Field::Manager,
        Field::Title,
        Field::Department,
        Field::Division,
        Field::Organization,
        Field::CostCenter,
        Field::WorkPhone,
        Field::Mobile,
        Field::Locale,
        Field::Timezone,
    ],
    widens: false,
    is_paged: true,
    id: |_, person| format!("{:04}", 1_000 + person.serial),
    tell: |_, person, mut facts| {
        // Sheet: SCIM mapping, `employeeNumber` is `empId`, else `userId`.
        facts.number = Some(
            person
                .number
                .map_or_else(|| facts.id.clone(), |n| n.to_string()),
        );
        if facts.state == EmploymentState::OnLeave {
            facts.state = EmploymentState::Employed;
        }
        Some(facts)
    },
    limit_headers: |_| Vec::new(),
    admit,
    refuse,
};

const API_SERVER: &str = "api4.successfactors.com";
const COST_CENTER: &str = "custom03";
const COMPANY: &str = "custom01";
const QUERY: &[&str] = &[
    "$format",
    "$filter",
    "$select",
    "$expand",
    "$skiptoken",
    "$top",
    "$skip",
    "$orderby",
    "customPageSize",
    "paging",
];

fn admit(desk: &Desk) -> Result<(), Refusal> {
    match desk.call.bearer() {
        Some(token) if desk.is_good(token) => Ok(()),
        _ => Err(Refusal::Unauthorized),
    }
}

/// Sheet: Limits, "OData errors … (recalled)"; "429 … recommended wait 300 seconds".
fn refuse(_: &Desk, refusal: Refusal) -> Reply {
    let mut wait = None;
    let (status, code, why) = match refusal {
        Refusal::Unauthorized => (401, "LGN0022", "Authentication failed".to_owned()),
        Refusal::Forbidden => (403, "COE_GENERAL_FORBIDDEN", "No permission".to_owned()),
        Refusal::NotFound => (404, "COE0020", "Not found".to_owned()),
        Refusal::WrongMethod => (405, "COE0019", "Method not allowed".to_owned()),
        Refusal::Bad(why) | Refusal::Invalid(why) => (400, "COE_GENERAL_BAD_REQUEST", why),
        Refusal::Broken => (500, "COE_GENERAL_SERVER_ERROR", "Server error".to_owned()),
        Refusal::TooMany(seconds) => {
            wait = Some(seconds);
            (429, "COE_TOO_MANY_REQUESTS", "Too many requests".to_owned())
        }
        Refusal::Special(reply) => return *reply,
    };
    let message = json!({"lang": "en-US", "value": why});
    let reply = Reply::json(
        status,
        &json!({"error": {"code": code, "message": message}}),
    );
    match wait {
        Some(seconds) => reply.with("Retry-After", seconds.to_string()),
        None => reply,
    }
}

/// Sheet: Access, step 4.
fn token(desk: &Desk) -> Result<Reply, Refusal> {
    let form = desk.call.form()?;
    let get = |name: &str| {
        let found = form.iter().find(|(n, _)| n == name);
        found.map_or("", |(_, value)| value.as_str())
    };
    let deny = |why: &str| {
        let body = json!({"errorHttpCode": "401", "errorMessage": why});
        Refusal::Special(Box::new(Reply::json(401, &body)))
    };
    if get("grant_type") != "urn:ietf:params:oauth:grant-type:saml2-bearer" {
        return Err(deny("The grant_type is not supported"));
    }
    if get("company_id") != desk.key("company_id") || get("client_id") != desk.key("api_key") {
        return Err(deny("Unable to authenticate the client"));
    }
    let plain: String = get("assertion").split_whitespace().collect();
    let bytes = STANDARD
        .decode(&plain)
        .or_else(|_| URL_SAFE_NO_PAD.decode(&plain));
    let xml = bytes.ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let xml = xml.ok_or_else(|| deny("The assertion is not base64"))?;
    check_signature(&xml).map_err(&deny)?;
    check_conditions(desk, &xml).map_err(|why| deny(&why))?;
    // "without new_token SAP may return the same token (recalled)"
    let (token, seconds) = desk.issue("", 86_400, get("new_token") != "true");
    Ok(Reply::json(
        200,
        &json!({"access_token": token, "token_type": "Bearer", "expires_in": seconds}),
    ))
}

/// What `$filter` asks for. Sheet: Listing, variant A and Incremental.
struct Filter {
    statuses: Vec<String>,
    changed_since: Option<Millis>,
}

impl Filter {
    fn parse(text: &str) -> Option<Self> {
        // "Without a status filter only active users come back."
        let mut filter = Self {
            statuses: vec!["t".to_owned()],
            changed_since: None,
        };
        let inner = |t: &str| Some(t.trim().strip_prefix('\'')?.strip_suffix('\'')?.to_owned());
        for part in text.split(" and ").map(str::trim) {
            if let Some(list) = part.strip_prefix("status in ") {
                filter.statuses = list.split(',').map(inner).collect::<Option<_>>()?;
            } else if let Some(one) = part.strip_prefix("status eq ") {
                filter.statuses = vec![inner(one)?];
            } else {
                let time = part.strip_prefix("lastModifiedDateTime ge datetimeoffset")?;
                filter.changed_since = Some(Millis::from_rfc3339(&inner(time)?)?);
            }
        }
        Some(filter)
    }
}

/// Sheet: Listing, "Status codes". SAP note 3170987: a user is not active before the hire date; `e` is a pre-hire from
/// Onboarding.
fn status(desk: &Desk, person: &Person) -> &'static str {
    match desk.state(person) {
        EmploymentState::Left => "f",
        EmploymentState::Prehire if person.serial.is_multiple_of(3) => "e",
        EmploymentState::Prehire => "f",
        _ => "t",
    }
}

/// Sheet: Record, "Dates are /Date(1551398400000)/ (milliseconds UTC)".
fn date(day: NaiveDate) -> String {
    format!("/Date({})/", millis(day).0)
}

fn millis(day: NaiveDate) -> Millis {
    Millis::from_rfc3339(&format!("{day}T00:00:00Z")).unwrap_or_default()
}

const NAMES: &[&str] = &[
    "userId",
    "username",
    "status",
    "firstName",
    "lastName",
    "nickname",
    "defaultFullName",
    "email",
    "title",
    "department",
    "division",
    "location",
    "empId",
    "hireDate",
    "companyExitDate",
    "timeZone",
    "defaultLocale",
    "businessPhone",
    "cellPhone",
    "lastModifiedDateTime",
    COST_CENTER,
    COMPANY,
];

/// What a role may be kept from seeing.
fn field(name: &str) -> Option<Field> {
    Some(match name {
        "email" => Field::Email,
        "title" => Field::Title,
        "department" => Field::Department,
        "division" => Field::Division,
        "timeZone" => Field::Timezone,
        "defaultLocale" => Field::Locale,
        "businessPhone" => Field::WorkPhone,
        "cellPhone" => Field::Mobile,
        COST_CENTER => Field::CostCenter,
        COMPANY => Field::Organization,
        _ => return None,
    })
}

/// Sheet: Record, column User.
fn property(desk: &Desk, person: &Person, name: &str) -> Value {
    let unit = person.unit;
    if field(name).is_some_and(|f| !desk.may_read(f)) {
        return Value::Null;
    }
    match name {
        "userId" => json!(desk.id(person)),
        "username" => json!(format!("user{}", person.serial)),
        "status" => json!(status(desk, person)),
        "firstName" => json!(person.given),
        "lastName" => json!(person.family),
        "nickname" => json!(person.preferred),
        "defaultFullName" => json!(format!("{} {}", person.given, person.family)),
        "email" => json!(person.email),
        "title" => json!(person.title),
        // "text, sometimes with the code in brackets"
        "department" => match person.serial.is_multiple_of(3) {
            true => json!(unit.name),
            false => json!(format!("{} ({})", unit.name, unit.id)),
        },
        "division" => json!(format!("{} ({})", unit.division, unit.id / 10)),
        "location" => json!(format!("{} ({}01)", person.site.name, person.site.country)),
        "empId" => json!(person.number.map(|n| n.to_string())),
        "hireDate" => json!(date(person.start)),
        // "No end" has a value of its own, where it has one.
        "companyExitDate" => match (person.end, person.serial % 9) {
            (Some(end), _) => json!(date(end)),
            (None, 0) => json!("/Date(253402214400000)/"),
            (None, _) => Value::Null,
        },
        "timeZone" => json!(person.site.zone),
        "defaultLocale" => json!(person.site.locale.replace('-', "_")),
        "businessPhone" => json!(person.work_phone),
        "cellPhone" => json!(person.mobile),
        COST_CENTER => json!(unit.cost_center),
        COMPANY => json!(format!("{} ({})", person.entity.name, person.entity.id)),
        _ => json!(format!("/Date({}+0000)/", millis(person.changed).0)),
    }
}

fn metadata(desk: &Desk, person: &Person) -> Value {
    let uri = format!("https://{API_SERVER}/odata/v2/User('{}')", desk.id(person));
    json!({"uri": uri, "type": "SFOData.User"})
}

/// Sheet: Listing, variant A; Paging.
fn users(desk: &Desk) -> Result<Reply, Refusal> {
    let call = desk.call;
    let bad = |why: &str| Refusal::Bad(why.to_owned());
    // Sheet: Access, "Accept: application/json (or $format=json)"; without both the vendor speaks Atom, this does not.
    let is_json = call
        .param("$format")
        .is_some_and(|f| f.eq_ignore_ascii_case("json"));
    if !is_json && !call.accepts("application/json") {
        return Err(bad("this stand-in has the format json only"));
    }
    let filter = Filter::parse(call.param("$filter").unwrap_or("status in 't'"));
    let filter = filter.ok_or_else(|| bad("invalid $filter"))?;
    let expand = call.param("$expand");
    if expand.is_some_and(|e| e != "manager") {
        return Err(bad("$expand: User has the navigation manager here"));
    }
    let select: Vec<&str> = call
        .param("$select")
        .map_or_else(Vec::new, |s| s.split(',').map(str::trim).collect());
    let is_known = |n: &&str| NAMES.contains(n) || *n == "manager" || *n == "manager/userId";
    if let Some(name) = select.iter().find(|n| !is_known(n)) {
        return Err(Refusal::Bad(format!(
            "[COE0021]Invalid property names: User/{name}."
        )));
    }
    // "manager/userId with $expand"
    if select.iter().any(|n| n.starts_with("manager/")) && expand.is_none() {
        return Err(bad("manager/userId needs $expand=manager"));
    }
    if call
        .param("paging")
        .is_some_and(|p| p != "snapshot" && p != "cursor")
    {
        return Err(bad("paging is snapshot or cursor"));
    }
    // "at most 1000 records per page, customPageSize lowers it"
    let size = desk.page_size(call.number("customPageSize")?, 1000, 1000);
    let offset = match call.param("$skiptoken") {
        None => call.number("$skip")?.unwrap_or(0),
        Some(token) => start_row(token).ok_or_else(|| bad("invalid $skiptoken"))?,
    };
    let roster = desk.roster(size, |p| {
        filter.statuses.iter().any(|s| s == status(desk, p))
            && filter.changed_since.is_none_or(|t| millis(p.changed) >= t)
    });
    let has = |name: &str| select.is_empty() || select.contains(&name);
    let row = |p: &&Person| {
        let mut row = Map::new();
        row.insert("__metadata".into(), metadata(desk, p));
        for name in NAMES.iter().filter(|n| has(n)) {
            row.insert((*name).to_owned(), property(desk, p, name));
        }
        row.insert("manager".into(), manager(desk, p, expand.is_some()));
        Value::Object(row)
    };
    let top = call.number("$top")?.unwrap_or(size).min(size);
    let results: Vec<Value> = roster.page(offset, top).iter().map(row).collect();
    let mut d = json!({"results": results});
    if offset + size < roster.people.len() && call.param("$top").is_none() {
        d["__next"] = json!(next(desk, offset + size));
    }
    Ok(Reply::json(200, &json!({"d": d})))
}

fn manager(desk: &Desk, person: &Person, is_expanded: bool) -> Value {
    if !is_expanded {
        let uri = format!(
            "https://{API_SERVER}/odata/v2/User('{}')/manager",
            desk.id(person)
        );
        return json!({"__deferred": {"uri": uri}});
    }
    let manager = desk.company.manager_of(person);
    let manager = manager.filter(|_| desk.may_read(Field::Manager));
    manager.map_or(
        Value::Null,
        |m| json!({"__metadata": metadata(desk, m), "userId": desk.id(m)}),
    )
}

/// Sheet: Example, the `$skiptoken` is base64 of `{"startRow": …}`.
fn start_row(token: &str) -> Option<usize> {
    let bytes = STANDARD.decode(token).ok()?;
    let value: Value = serde_json::from_slice(&bytes).ok()?;
    usize::try_from(value["startRow"].as_u64()?).ok()
}

/// Sheet: Paging, "`d.__next` (a full URL with `$skiptoken`)".
fn next(desk: &Desk, row: usize) -> String {
    let token = STANDARD.encode(json!({"startRow": row}).to_string());
    let kept: String = desk
        .call
        .query
        .iter()
        .filter(|(name, _)| name != "$skiptoken")
        .map(|(name, value)| format!("{name}={}&", encode(value)))
        .collect();
    format!(
        "https://{API_SERVER}/odata/v2/User?{kept}$skiptoken={}",
        encode(&token)
    )
}

fn encode(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~,$'/:".contains(&b);
    text.bytes()
        .map(|b| {
            if plain(b) {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}
