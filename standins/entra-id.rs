//! Microsoft Entra ID: users of Microsoft Graph. Rules are cited as "sheet: section" of the fact sheet on this vendor.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use crate::cli::simulate::hris::call::{Refusal, Reply};
use crate::cli::simulate::hris::desk::Desk;
use crate::cli::simulate::hris::dice::Dice;
use crate::cli::simulate::hris::people::{Kind, Person, shift};
use crate::cli::simulate::hris::standin::{Credential, Limit, Make, Role, Route, Standin};
use crate::cli::simulate::hris::truth::Field;
use crate::domain::employment::EmploymentState;

pub const STANDIN: Standin = Standin {
    name: "Microsoft Entra ID",
    // Sheet: Access, "Pastes"; the leave date needs a permission of its own, which this tenant has given.
    credentials: &[
        Credential::new("tenant_id", Make::Uuid),
        Credential::new("client_id", Make::Uuid),
        Credential::new("client_secret", Make::Word("8Q~", 37)),
        Credential::new("leave_date", Make::Fixed("yes")),
    ],
    routes: &[
        // Of another host, https://login.microsoftonline.com.
        Route::post("/{tenant}/oauth2/v2.0/token", Role::Token, &[], token),
        Route::get("/v1.0/users", Role::List, QUERY, users),
        Route::get(
            "/v1.0/users/{id}",
            Role::Detail,
            &["$select", "$expand"],
            one,
        ),
        Route::get(
            "/v1.0/directory/deletedItems/microsoft.graph.user",
            Role::Lookup,
            QUERY,
            deleted,
        ),
    ],
    // Sheet: Listing, "3,500 … resource units per 10 s for small"; a page with expansion and selection costs 2.
    limits: &[Limit {
        path: "/v1.0/users",
        count: 1_750,
        seconds: 10,
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
    // Sheet: Listing, "403 Authorization_RequestDenied (missing consent)": nothing goes quietly.
    hides: &[],
    widens: true,
    is_paged: true,
    id: |seed, person| Dice::new(seed, &format!("entra/{}", person.serial)).uuid(),
    tell: |company, person, mut facts| {
        if is_deleted(person, company.day) {
            return None;
        }
        // Sheet: SCIM mapping, "lower(mail), else userPrincipalName".
        facts.email = Some(match &person.email {
            Some(mail) => mail.to_lowercase(),
            None => principal(person),
        });
        facts.display = Some(person.display());
        let manager = company.manager_of(person);
        let is_there = |m: &Person| !is_deleted(m, company.day);
        facts.manager = facts.manager.filter(|_| manager.is_some_and(is_there));
        if facts.state == EmploymentState::OnLeave {
            facts.state = EmploymentState::Employed;
        }
        Some(facts)
    },
    // Sheet: Listing, "429 with Retry-After seconds": nothing is said before.
    limit_headers: |_| Vec::new(),
    admit,
    refuse,
};

const QUERY: &[&str] = &[
    "$select",
    "$expand",
    "$top",
    "$filter",
    "$orderby",
    "$count",
    "$skiptoken",
];
/// Sheet: Listing, "Without $select only eleven properties come".
const USUAL: &[&str] = &[
    "businessPhones",
    "displayName",
    "givenName",
    "id",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
];
/// Sheet: Listing, "Do not $select single-user-only properties: 501".
const SINGLE_ONLY: &[&str] = &[
    "aboutMe",
    "birthday",
    "hireDate",
    "interests",
    "mailboxSettings",
    "mySite",
    "pastProjects",
    "preferredName",
    "responsibilities",
    "schools",
    "skills",
];
/// The domain that every tenant begins with.
const FIRST_DOMAIN: &str = "kestrel.onmicrosoft.com";
const SCOPE: &str = "https://graph.microsoft.com/.default";

fn admit(desk: &Desk) -> Result<(), Refusal> {
    match desk.call.bearer() {
        Some(token) if desk.is_good(token) => Ok(()),
        _ => Err(Refusal::Unauthorized),
    }
}

/// Sheet: Listing, "Errors".
fn refuse(desk: &Desk, refusal: Refusal) -> Reply {
    let mut wait = None;
    let (status, code, why) = match refusal {
        Refusal::Unauthorized => (
            401,
            "InvalidAuthenticationToken",
            "Access token has expired or is not valid.".to_owned(),
        ),
        Refusal::Forbidden => (
            403,
            "Authorization_RequestDenied",
            "Insufficient privileges to complete the operation.".to_owned(),
        ),
        Refusal::NotFound => (
            404,
            "Request_ResourceNotFound",
            "The resource does not exist.".to_owned(),
        ),
        Refusal::WrongMethod => (
            405,
            "Request_BadRequest",
            "Specified HTTP method is not allowed.".to_owned(),
        ),
        Refusal::Bad(why) | Refusal::Invalid(why) => (400, "BadRequest", why),
        Refusal::Broken => (500, "InternalServerError", "Internal error.".to_owned()),
        Refusal::TooMany(seconds) => {
            wait = Some(seconds);
            (429, "TooManyRequests", "Too many requests.".to_owned())
        }
        Refusal::Special(reply) => return *reply,
    };
    let request = Dice::new(desk.company.seed, "request").uuid();
    let inner =
        json!({"date": desk.now.to_rfc3339(), "request-id": request, "client-request-id": request});
    let reply = Reply::json(
        status,
        &json!({"error": {"code": code, "message": why, "innerError": inner}}),
    );
    match wait {
        Some(seconds) => reply.with("Retry-After", seconds.to_string()),
        None => reply,
    }
}

/// Sheet: Listing, "Token endpoint errors have error, error_description, error_codes".
fn denied(status: u16, error: &str, number: u32, why: &str) -> Refusal {
    let body = json!({
        "error": error, "error_description": format!("AADSTS{number}: {why}"), "error_codes": [number],
    });
    Refusal::Special(Box::new(Reply::json(status, &body)))
}

/// Sheet: Access, "OAuth 2.0 client credentials".
fn token(desk: &Desk) -> Result<Reply, Refusal> {
    let form = desk.call.form()?;
    let get = |name: &str| {
        let found = form.iter().find(|(n, _)| n == name);
        found.map_or("", |(_, value)| value.as_str())
    };
    if desk.call.place(0) != desk.key("tenant_id") {
        return Err(denied(400, "invalid_request", 90_002, "Tenant not found."));
    }
    if get("grant_type") != "client_credentials" {
        let why = "The grant type is not supported.";
        return Err(denied(400, "unsupported_grant_type", 70_003, why));
    }
    if get("client_id") != desk.key("client_id") {
        let why = "The application was not found in the directory.";
        return Err(denied(400, "unauthorized_client", 700_016, why));
    }
    if get("client_secret") != desk.key("client_secret") {
        let why = "Invalid client secret provided.";
        return Err(denied(401, "invalid_client", 7_000_215, why));
    }
    if get("scope") != SCOPE {
        let why = "The provided value for the input parameter 'scope' is not valid.";
        return Err(denied(400, "invalid_scope", 1_002_012, why));
    }
    let (token, seconds) = desk.issue(&claims(desk), 3_599, false);
    Ok(Reply::json(
        200,
        &json!({
            "token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token,
        }),
    ))
}

/// An access token up to its signature: application permissions stand in the claim `roles`.
fn claims(desk: &Desk) -> String {
    let mut roles = vec!["User.Read.All", "User-LifeCycleInfo.Read.All"];
    if desk.reads_more() {
        roles.push("Mail.Read");
    }
    let tenant = desk.key("tenant_id");
    let payload = json!({
        "aud": "https://graph.microsoft.com", "iss": format!("https://sts.windows.net/{tenant}/"), "tid": tenant,
        "appid": desk.key("client_id"), "idtyp": "app", "roles": roles,
    });
    let header = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"RS256"}"#);
    let payload = URL_SAFE_NO_PAD.encode(payload.to_string());
    format!("{header}.{payload}.")
}

/// Sheet: Record, "Deleted users are not in /users": some accounts are deleted soon after the last day.
fn is_deleted(person: &Person, day: NaiveDate) -> bool {
    person.serial.is_multiple_of(5) && person.state(day) == EmploymentState::Left
}

/// The name that somebody signs in with. Sheet: Record; it need not be the mail address.
fn principal(person: &Person) -> String {
    match &person.email {
        Some(mail) if !person.serial.is_multiple_of(6) => mail.to_lowercase(),
        _ => format!("staff{}@{FIRST_DOMAIN}", person.serial),
    }
}

/// What of a user is asked for.
struct Wish {
    properties: Vec<String>,
    /// Properties of the manager, if she is wanted.
    manager: Option<Vec<String>>,
}

impl Wish {
    fn read(desk: &Desk) -> Result<Self, Refusal> {
        let properties = match desk.call.param("$select") {
            None => USUAL.iter().map(|p| (*p).to_owned()).collect(),
            Some(list) => selection(list)?,
        };
        let manager = match desk.call.param("$expand") {
            None => None,
            Some("manager") => Some(USUAL.iter().map(|p| (*p).to_owned()).collect()),
            Some(text) => {
                let inner = text.strip_prefix("manager($select=");
                let inner = inner.and_then(|t| t.strip_suffix(')'));
                let inner = inner.ok_or_else(|| {
                    Refusal::Bad("Parsing OData Select and Expand failed.".into())
                })?;
                Some(selection(inner)?)
            }
        };
        Ok(Self {
            properties,
            manager,
        })
    }

    /// Sheet: Record; Example: chosen properties are there also when they are null.
    fn show(&self, desk: &Desk, person: &Person) -> Value {
        let mut shown = chosen(desk, person, &self.properties);
        if let (Some(wanted), Some(manager)) = (&self.manager, manager_of(desk, person)) {
            let mut boss = chosen(desk, manager, wanted);
            boss.insert("@odata.type".into(), json!("#microsoft.graph.user"));
            boss.insert("id".into(), json!(desk.id(manager)));
            shown.insert("manager".into(), Value::Object(boss));
        }
        Value::Object(shown)
    }
}

/// The names of a `$select`.
fn selection(list: &str) -> Result<Vec<String>, Refusal> {
    let names: Vec<String> = list.split(',').map(|n| n.trim().to_owned()).collect();
    for name in &names {
        if SINGLE_ONLY.contains(&name.as_str()) {
            let error = json!({"code": "NotImplemented", "message": "This operation target is not yet supported."});
            let reply = Reply::json(501, &json!({"error": error}));
            return Err(Refusal::Special(Box::new(reply)));
        }
        let is_known = USUAL.contains(&name.as_str()) || FURTHER.contains(&name.as_str());
        if !is_known {
            let why =
                format!("Could not find a property named '{name}' on type 'microsoft.graph.user'.");
            return Err(Refusal::Bad(why));
        }
    }
    Ok(names)
}

/// Properties that come only when they are selected.
const FURTHER: &[&str] = &[
    "accountEnabled",
    "companyName",
    "country",
    "createdDateTime",
    "department",
    "employeeHireDate",
    "employeeId",
    "employeeLeaveDateTime",
    "employeeOrgData",
    "employeeType",
    "otherMails",
    "proxyAddresses",
    "usageLocation",
    "userType",
];

fn chosen(desk: &Desk, person: &Person, wanted: &[String]) -> Map<String, Value> {
    let shown = wanted.iter();
    shown
        .map(|name| (name.clone(), property(desk, person, name)))
        .collect()
}

/// Sheet: Record.
fn property(desk: &Desk, person: &Person, name: &str) -> Value {
    match name {
        "id" => json!(desk.id(person)),
        "accountEnabled" => json!(desk.state(person) != EmploymentState::Left),
        "userType" => json!("Member"),
        "userPrincipalName" => json!(principal(person)),
        "mail" => json!(person.email),
        "otherMails" => json!([person.private_email]),
        "proxyAddresses" => json!(person.email.as_ref().map(|m| vec![format!("SMTP:{m}")])),
        "givenName" => json!(person.given),
        "surname" => json!(person.family),
        "displayName" => json!(person.display()),
        "jobTitle" => json!(person.title),
        "department" => json!(person.unit.name),
        "companyName" => json!(person.entity.name),
        "officeLocation" => json!(person.site.name),
        "country" | "usageLocation" => json!(person.site.country),
        "preferredLanguage" => json!(person.site.locale),
        // "businessPhones array (one value)"
        "businessPhones" => json!(person.work_phone.iter().collect::<Vec<_>>()),
        "mobilePhone" => json!(person.mobile),
        "employeeId" => json!(person.number.map(|n| n.to_string())),
        "employeeType" => json!(match person.kind {
            Kind::Employee => "Employee",
            Kind::Contractor => "Contractor",
        }),
        "employeeOrgData" => {
            json!({"costCenter": person.unit.cost_center, "division": person.unit.division})
        }
        "employeeHireDate" => json!(hired(person)),
        "employeeLeaveDateTime" => json!(person.end.map(|day| format!("{day}T23:59:59Z"))),
        "createdDateTime" => json!(format!("{}T08:00:00Z", shift(person.start, -7))),
        _ => Value::Null,
    }
}

/// Sheet: Record, "midnight shifts the date in eastern time zones": in some offices midnight was their own.
fn hired(person: &Person) -> String {
    match (person.serial % 4, person.site.offset) {
        (1, "+01:00") => format!("{}T23:00:00Z", shift(person.start, -1)),
        (1, "+09:00") => format!("{}T15:00:00Z", shift(person.start, -1)),
        _ => format!("{}T00:00:00Z", person.start),
    }
}

/// A manager whose account is deleted is nobody's manager any more.
fn manager_of<'a>(desk: &Desk<'a>, person: &Person) -> Option<&'a Person> {
    let manager = desk.company.manager_of(person);
    manager.filter(|m| !is_deleted(m, desk.company.day))
}

/// Sheet: Listing, "Useful filters".
fn is_wanted(desk: &Desk, person: &Person) -> Result<bool, Refusal> {
    match desk.call.param("$filter") {
        None | Some("userType eq 'Member'") => Ok(true),
        Some("accountEnabled eq true") => Ok(desk.state(person) != EmploymentState::Left),
        Some("accountEnabled eq false") => Ok(desk.state(person) == EmploymentState::Left),
        Some("userType eq 'Guest'") => Ok(false),
        Some(_) => Err(Refusal::Bad(
            "this stand-in filters by userType or accountEnabled only".into(),
        )),
    }
}

/// Sheet: Listing, "Full".
fn users(desk: &Desk) -> Result<Reply, Refusal> {
    list(desk, "users", |p| !is_deleted(p, desk.company.day))
}

/// Sheet: Record, "in /directory/deletedItems/microsoft.graph.user for 30 days".
fn deleted(desk: &Desk) -> Result<Reply, Refusal> {
    let day = desk.company.day;
    let recently = |p: &Person| p.end.is_some_and(|end| (day - end).num_days() <= 30);
    let path = "directory/deletedItems/microsoft.graph.user";
    list(desk, path, |p| is_deleted(p, day) && recently(p))
}

fn list(desk: &Desk, path: &str, is_on_it: impl Fn(&Person) -> bool) -> Result<Reply, Refusal> {
    let call = desk.call;
    let wish = Wish::read(desk)?;
    let top = call.number("$top")?;
    // "Page default 100, maximum 999"
    if top.is_some_and(|n| n == 0 || n > 999) {
        let why = "Invalid page size specified. Must be between 1 and 999 inclusive.";
        return Err(Refusal::Bad(why.into()));
    }
    let offset = match call.param("$skiptoken") {
        None => 0,
        Some(token) => place(token).ok_or_else(|| Refusal::Bad("Invalid skip token.".into()))?,
    };
    if let Some(first) = desk.company.people().next() {
        is_wanted(desk, first)?;
    }
    let is_eventual = call.header("consistencylevel") == Some("eventual");
    let is_counted = is_eventual && call.param("$count") == Some("true");
    // Advanced queries take no expansion (learn.microsoft.com, "Advanced query capabilities on Microsoft Entra ID").
    if is_counted && wish.manager.is_some() {
        return Err(Refusal::Bad("$expand is not supported with $count.".into()));
    }
    let size = desk.page_size(top, 100, 999);
    let roster = desk.roster(size, |p| is_on_it(p) && is_wanted(desk, p).unwrap_or(false));
    let shown = roster.page(offset, size);
    let mut body = Map::new();
    let context = format!("https://graph.microsoft.com/v1.0/$metadata#{path}");
    body.insert("@odata.context".into(), json!(context));
    // "header ConsistencyLevel: eventual and $count=true": on the first page alone.
    if offset == 0 && is_counted {
        body.insert("@odata.count".into(), json!(roster.total));
    }
    if offset + size < roster.total && !shown.is_empty() {
        let next = next_link(desk, path, offset + size);
        body.insert("@odata.nextLink".into(), json!(next));
    }
    let value: Vec<Value> = shown.iter().map(|p| wish.show(desk, p)).collect();
    body.insert("value".into(), json!(value));
    Ok(Reply::json(200, &Value::Object(body)))
}

fn place(token: &str) -> Option<usize> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    String::from_utf8(bytes)
        .ok()?
        .strip_prefix("at:")?
        .parse()
        .ok()
}

/// Sheet: Listing, "@odata.nextLink (absolute, use verbatim)".
fn next_link(desk: &Desk, path: &str, offset: usize) -> String {
    let query = desk.call.query.iter();
    let kept = query.filter(|(name, _)| name != "$skiptoken");
    let kept = kept.map(|(name, value)| format!("{name}={}&", value.replace(' ', "%20")));
    let token = URL_SAFE_NO_PAD.encode(format!("at:{offset}"));
    let kept: String = kept.collect();
    format!("https://graph.microsoft.com/v1.0/{path}?{kept}$skiptoken={token}")
}

fn one(desk: &Desk) -> Result<Reply, Refusal> {
    let wish = Wish::read(desk)?;
    let wanted = desk.call.place(0);
    let is_there = |p: &&Person| !is_deleted(p, desk.company.day);
    let person = desk.find(wanted).filter(is_there);
    let person = person.ok_or(Refusal::NotFound)?;
    Ok(Reply::json(200, &wish.show(desk, person)))
}
