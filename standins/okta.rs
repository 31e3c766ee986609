//! Okta: users of the Management API. Rules are cited as "sheet: section" of the fact sheet on this vendor.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::NaiveDate;
use serde_json::{Value, json};

use crate::cli::simulate::hris::call::{Refusal, Reply};
use crate::cli::simulate::hris::desk::Desk;
use crate::cli::simulate::hris::dice::Dice;
use crate::cli::simulate::hris::people::{Kind, Person, shift};
use crate::cli::simulate::hris::standin::{Credential, Limit, Make, Role, Route, Standin};
use crate::cli::simulate::hris::truth::Field;
use crate::domain::employment::EmploymentState;

pub const STANDIN: Standin = Standin {
    name: "Okta",
    // Sheet: Access, "Administrator pastes: org URL plus token"; Record, what customers name freely.
    credentials: &[
        Credential::new("okta_domain", Make::Fixed(HOST)),
        Credential::new("api_token", Make::Word("00", 40)),
        Credential::new("manager_id_means", Make::Fixed("login")),
        Credential::new("start_date_attribute", Make::Fixed("hireDate")),
        Credential::new("end_date_attribute", Make::Fixed("terminationDate")),
    ],
    routes: &[
        Route::get("/api/v1/users", Role::List, QUERY, users),
        Route::get(
            "/api/v1/users/{id}",
            Role::Detail,
            &["fields", "expand"],
            one,
        ),
        Route::get("/api/v1/org", Role::Check, &[], org),
        Route::get(
            "/api/v1/meta/schemas/user/default",
            Role::Lookup,
            &[],
            schema,
        ),
    ],
    // Sheet: Listing, "per organisation and per endpoint per minute, varying by plan": 600 is one of them.
    limits: &[Limit {
        path: "/api/v1/users",
        count: 600,
        seconds: 60,
    }],
    fields: &[
        Field::Email,
        Field::Given,
        Field::Middle,
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
    // Sheet: Listing, "403 E0000006 no permission": nothing goes quietly.
    hides: &[],
    widens: false,
    is_paged: true,
    // Sheet: Record, "20 characters, starts with 00u".
    id: |seed, person| {
        let mut dice = Dice::new(seed, &format!("okta/{}", person.serial));
        format!("00u{}", dice.word(17))
    },
    tell: |company, person, mut facts| {
        if is_gone(person, company.day) {
            return None;
        }
        facts.display = Some(display(person));
        // Sheet: Record, "Manager: free text": who is deleted is named still, and found no more.
        let manager = company.manager_of(person);
        let is_there = |m: &Person| !is_gone(m, company.day);
        facts.manager = facts.manager.filter(|_| manager.is_some_and(is_there));
        if facts.state == EmploymentState::OnLeave {
            facts.state = EmploymentState::Employed;
        }
        Some(facts)
    },
    // Sheet: Listing, "headers X-Rate-Limit-… (UTC epoch seconds) in every answer".
    limit_headers: |budget| {
        vec![
            ("X-Rate-Limit-Limit", budget.count.to_string()),
            ("X-Rate-Limit-Remaining", budget.left.to_string()),
            ("X-Rate-Limit-Reset", (budget.reset.0 / 1_000).to_string()),
        ]
    },
    admit,
    refuse,
};

const HOST: &str = "kestrel.okta.com";
const QUERY: &[&str] = &[
    "limit",
    "after",
    "search",
    "filter",
    "q",
    "sortBy",
    "sortOrder",
    "fields",
];

/// Sheet: Access, "Header Authorization: SSWS".
fn admit(desk: &Desk) -> Result<(), Refusal> {
    let sent = desk.call.header("authorization").unwrap_or_default();
    match sent.strip_prefix("SSWS ") {
        Some(token) if token == desk.key("api_token") => Ok(()),
        _ => Err(Refusal::Unauthorized),
    }
}

/// Sheet: Listing, "Error shape"; on excess "429 with error code E0000047 – wait until reset".
fn refuse(desk: &Desk, refusal: Refusal) -> Reply {
    let mut reset = None;
    let (status, code, why) = match refusal {
        Refusal::Unauthorized => (401, "E0000011", "Invalid token provided".to_owned()),
        Refusal::Forbidden => (
            403,
            "E0000006",
            "You do not have permission to perform the requested action".to_owned(),
        ),
        Refusal::NotFound => (404, "E0000007", "Not found: Resource not found".to_owned()),
        Refusal::WrongMethod => (
            405,
            "E0000022",
            "The endpoint does not support the provided HTTP method".to_owned(),
        ),
        Refusal::Bad(why) => (400, "E0000031", format!("Invalid search criteria. {why}")),
        Refusal::Invalid(why) => (400, "E0000001", format!("Api validation failed: {why}")),
        Refusal::Broken => (500, "E0000009", "Internal Server Error".to_owned()),
        Refusal::TooMany(seconds) => {
            reset = Some(desk.now.0 / 1_000 + seconds);
            (
                429,
                "E0000047",
                "API call exceeded rate limit due to too many requests.".to_owned(),
            )
        }
        Refusal::Special(reply) => return *reply,
    };
    let id = format!("oae{}", Dice::new(desk.company.seed, "error").word(20));
    let reply = Reply::json(
        status,
        &json!({
            "errorCode": code, "errorSummary": why, "errorLink": code, "errorId": id, "errorCauses": [],
        }),
    );
    match reset {
        Some(reset) => reply.with("X-Rate-Limit-Reset", reset.to_string()),
        None => reply,
    }
}

/// Sheet: Listing, "permanently deleted users vanish without trace".
fn is_gone(person: &Person, day: NaiveDate) -> bool {
    person.serial.is_multiple_of(7) && person.end.is_some_and(|end| shift(end, 30) < day)
}

/// Sheet: Record, "profile.login (username, usually an e-mail)"; it "can differ from email".
fn login(person: &Person) -> String {
    match &person.email {
        Some(email) if !person.serial.is_multiple_of(6) => email.to_lowercase(),
        _ => format!("staff{}", person.serial),
    }
}

fn display(person: &Person) -> String {
    format!("{} {}", person.given, person.family)
}

/// Sheet: Record, "Status → active"; words of the same meaning are mixed as in any organisation.
fn status(desk: &Desk, person: &Person) -> &'static str {
    match desk.state(person) {
        EmploymentState::Prehire => "STAGED",
        EmploymentState::Left if person.serial.is_multiple_of(3) => "SUSPENDED",
        EmploymentState::Left => "DEPROVISIONED",
        _ => match person.serial % 16 {
            2 => "PASSWORD_EXPIRED",
            5 => "LOCKED_OUT",
            8 => "RECOVERY",
            // Invited, and not signed in since.
            11 => "PROVISIONED",
            _ => "ACTIVE",
        },
    }
}

/// Sheet: Record; Example.
fn record(desk: &Desk, person: &Person) -> Value {
    let status = status(desk, person);
    let id = desk.id(person);
    let at = |day: NaiveDate| format!("{day}T09:00:00.000Z");
    let date = |day: Option<NaiveDate>| json!(day.map(|d| d.to_string()));
    let manager = desk.company.manager_of(person);
    let is_in_use = !matches!(status, "STAGED" | "PROVISIONED");
    let mut profile = json!({
        "login": login(person),
        "email": person.email,
        "secondEmail": person.private_email,
        "firstName": person.given,
        "middleName": person.middle,
        "lastName": person.family,
        "title": person.title,
        "department": person.unit.name,
        "division": person.unit.division,
        "organization": person.entity.name,
        "costCenter": person.unit.cost_center,
        "employeeNumber": person.number.map(|n| n.to_string()),
        "userType": if person.kind == Kind::Employee { "Employee" } else { "Contractor" },
        "managerId": manager.map(login),
        "manager": manager.map(display),
        "primaryPhone": person.work_phone,
        "mobilePhone": person.mobile,
        "city": person.site.name,
        "countryCode": person.site.country,
        "locale": person.site.locale.replace('-', "_"),
        "timezone": person.site.zone,
        "hireDate": person.start.to_string(),
        "terminationDate": date(person.end),
    });
    // "unset attributes are either missing or null"
    if person.serial.is_multiple_of(2)
        && let Some(profile) = profile.as_object_mut()
    {
        profile.retain(|_, value| !value.is_null());
    }
    // The display name is an attribute like any other, and not everybody has one.
    if !person.serial.is_multiple_of(3) {
        profile["displayName"] = json!(display(person));
    }
    json!({
        "id": id,
        "status": status,
        "created": at(shift(person.start, -7)),
        "activated": is_in_use.then(|| at(shift(person.start, -7))),
        "statusChanged": at(person.end.filter(|_| status == "DEPROVISIONED").unwrap_or(person.start)),
        "lastLogin": Value::Null,
        "lastUpdated": at(person.changed),
        "passwordChanged": Value::Null,
        "type": {"id": "oty1aaaaaaaaaaaaa0x7"},
        "profile": profile,
        "credentials": {"provider": {"type": "OKTA", "name": "OKTA"}},
        "_links": {"self": {"href": format!("https://{HOST}/api/v1/users/{id}")}},
    })
}

/// One comparison of a search or filter.
struct Term {
    name: String,
    operator: String,
    value: String,
}

impl Term {
    fn read(text: &str) -> Result<Self, Refusal> {
        let bad = || Refusal::Bad("The expression could not be read.".into());
        let mut parts = text.trim().splitn(3, ' ');
        let mut next = || parts.next().unwrap_or_default().to_owned();
        let (name, operator, value) = (next(), next(), next());
        let value = match operator.as_str() {
            "pr" if value.is_empty() => value,
            "eq" | "gt" | "ge" | "lt" | "le" | "sw" => {
                let inner = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
                inner.ok_or_else(bad)?.to_owned()
            }
            _ => return Err(bad()),
        };
        let is_known = ["id", "status", "created", "lastUpdated", "statusChanged"]
            .contains(&name.as_str())
            || name.starts_with("profile.");
        match is_known {
            true => Ok(Self {
                name,
                operator,
                value,
            }),
            false => Err(Refusal::Bad(format!("Unrecognized attribute '{name}'."))),
        }
    }

    fn fits(&self, record: &Value) -> bool {
        let place = format!("/{}", self.name.replace('.', "/"));
        let found = record.pointer(&place).and_then(Value::as_str);
        let Some(found) = found else {
            return false;
        };
        let wanted = self.value.as_str();
        match self.operator.as_str() {
            "pr" => true,
            "eq" => found.eq_ignore_ascii_case(wanted),
            "sw" => found.starts_with(wanted),
            "gt" => found > wanted,
            "ge" => found >= wanted,
            "lt" => found < wanted,
            _ => found <= wanted,
        }
    }
}

/// Terms with `and` between them, and lists of these with `or`.
fn expression(text: &str) -> Result<Vec<Vec<Term>>, Refusal> {
    let all = text.split(" or ");
    all.map(|part| part.split(" and ").map(Term::read).collect())
        .collect()
}

/// Sheet: Listing.
fn users(desk: &Desk) -> Result<Reply, Refusal> {
    let call = desk.call;
    let limit = call.number("limit")?;
    if limit.is_some_and(|n| n == 0 || n > 200) {
        return Err(Refusal::Invalid("limit".into()));
    }
    if call.param("search").is_some() && call.param("filter").is_some() {
        return Err(Refusal::Bad("search and filter cannot be combined.".into()));
    }
    if call.param("q").is_some() {
        return Err(Refusal::Bad("this stand-in has no q; use search.".into()));
    }
    if call.param("sortBy").is_some() && call.param("search").is_none() {
        return Err(Refusal::Invalid("sortBy needs search".into()));
    }
    let offset = match call.param("after") {
        None => 0,
        Some(cursor) => place(cursor).ok_or_else(|| Refusal::Invalid("after".into()))?,
    };
    let wanted = call.param("search").or(call.param("filter"));
    let wanted = wanted.map(expression).transpose()?;
    let size = desk.page_size(limit, 200, 200);
    let roster = desk.roster(size, |p| {
        if is_gone(p, desk.company.day) {
            return false;
        }
        match &wanted {
            // "Without search/filter the list leaves out users in status DEPROVISIONED."
            None => status(desk, p) != "DEPROVISIONED",
            Some(terms) => {
                let record = record(desk, p);
                let fits = |all: &Vec<Term>| all.iter().all(|term| term.fits(&record));
                terms.iter().any(fits)
            }
        }
    });
    let shown = roster.page(offset, size);
    let fields = call.param("fields").map(Fields::read).transpose()?;
    let record = |p: &&Person| match &fields {
        None => record(desk, p),
        Some(fields) => fields.cut(record(desk, p)),
    };
    let body: Vec<Value> = shown.iter().map(record).collect();
    let reply = Reply::json(200, &json!(body));
    let reply = reply.with("Link", link(desk, call.param("after"), "self"));
    // "Several Link headers may come (self and next)"; "End when no next link".
    if offset + size < roster.total && !shown.is_empty() {
        let cursor = URL_SAFE_NO_PAD.encode(format!("at:{}", offset + size));
        return Ok(reply.with("Link", link(desk, Some(&cursor), "next")));
    }
    Ok(reply)
}

fn place(cursor: &str) -> Option<usize> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    String::from_utf8(bytes)
        .ok()?
        .strip_prefix("at:")?
        .parse()
        .ok()
}

fn link(desk: &Desk, cursor: Option<&str>, rel: &str) -> String {
    let kept = desk.call.query.iter().filter(|(name, _)| name != "after");
    let kept = kept.map(|(name, value)| {
        let value = value.replace(' ', "+").replace('"', "%22");
        format!("{name}={value}")
    });
    let cursor = cursor.map(|cursor| format!("after={cursor}"));
    let query: Vec<String> = cursor.into_iter().chain(kept).collect();
    format!(
        "<https://{HOST}/api/v1/users?{}>; rel=\"{rel}\"",
        query.join("&")
    )
}

/// What of a user is asked for. Reference of the list: `id,status,profile:(firstName,city)`; `id` always comes.
struct Fields {
    tops: Vec<String>,
    attributes: Vec<String>,
}

impl Fields {
    fn read(text: &str) -> Result<Self, Refusal> {
        let bad = || Refusal::Invalid("fields".into());
        let (tops, attributes) = match text.split_once("profile:(") {
            None => (text.to_owned(), ""),
            Some((before, rest)) => {
                let (inner, after) = rest.split_once(')').ok_or_else(bad)?;
                (format!("{before}{}", after.trim_start_matches(',')), inner)
            }
        };
        let names = |list: &str| {
            let names = list.split(',').map(str::trim).filter(|n| !n.is_empty());
            names.map(str::to_owned).collect::<Vec<_>>()
        };
        let fields = Self {
            tops: names(&tops),
            attributes: names(attributes),
        };
        let is_known = |n: &String| TOPS.contains(&n.as_str());
        match fields.tops.iter().all(is_known) {
            true => Ok(fields),
            false => Err(bad()),
        }
    }

    fn cut(&self, mut record: Value) -> Value {
        if let Some(profile) = record["profile"].as_object_mut() {
            profile.retain(|name, _| self.attributes.contains(name));
        }
        if let Some(record) = record.as_object_mut() {
            record.retain(|name, _| match name.as_str() {
                "id" => true,
                "profile" => !self.attributes.is_empty(),
                _ => self.tops.contains(name),
            });
        }
        record
    }
}

/// Properties of a user outside its profile.
const TOPS: &[&str] = &[
    "id",
    "status",
    "created",
    "activated",
    "statusChanged",
    "lastLogin",
    "lastUpdated",
    "passwordChanged",
    "type",
];

fn one(desk: &Desk) -> Result<Reply, Refusal> {
    let person = desk.find(desk.call.place(0));
    let person = person.filter(|p| !is_gone(p, desk.company.day));
    let person = person.ok_or(Refusal::NotFound)?;
    Ok(Reply::json(200, &record(desk, person)))
}

/// The organisation itself.
fn org(_: &Desk) -> Result<Reply, Refusal> {
    Ok(Reply::json(
        200,
        &json!({"id": "00o1aaaaaaaaaaaaa0x7", "subdomain": "kestrel", "companyName": "Kestrel", "status": "ACTIVE"}),
    ))
}

/// Sheet: Other calls, "GET /api/v1/meta/schemas/user/default for custom attribute names".
fn schema(_: &Desk) -> Result<Reply, Refusal> {
    let text = |title: &str| json!({"title": title, "type": "string", "scope": "NONE"});
    let base = json!({"login": text("Username"), "email": text("Primary email")});
    let custom =
        json!({"hireDate": text("Hire date"), "terminationDate": text("Termination date")});
    Ok(Reply::json(
        200,
        &json!({
            "id": format!("https://{HOST}/meta/schemas/user/default"),
            "type": "object",
            "definitions": {"base": {"properties": base}, "custom": {"properties": custom}},
        }),
    ))
}
