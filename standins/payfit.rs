//! PayFit: the Partner API with a key of the company. Rules are cited as "sheet: section" of the fact sheet on this vendor.

use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use crate::cli::simulate::hris::call::{Refusal, Reply};
use crate::cli::simulate::hris::desk::Desk;
use crate::cli::simulate::hris::dice::Dice;
use crate::cli::simulate::hris::names::DOMAIN;
use crate::cli::simulate::hris::people::{Person, shift};
use crate::cli::simulate::hris::standin::{Credential, Limit, Make, Role, Route, Standin};
use crate::cli::simulate::hris::truth::Field;
use crate::domain::employment::EmploymentState;

/// Sheet: Listing, "Query".
const PEOPLE: &[&str] = &[
    "maxResults",
    "nextPageToken",
    "email",
    "includeInProgressContracts",
];
const CONTRACTS: &[&str] = &["maxResults", "nextPageToken", "includeInProgressContracts"];

pub const STANDIN: Standin = Standin {
    name: "PayFit",
    // Sheet: Access, "Administrator pastes: the API key only". The domains are the customer's own: not every work address
    // is called professional.
    credentials: &[
        Credential::new("api_key", Make::Word("", 64)),
        Credential::new("email_domains", Make::Fixed(DOMAIN)),
    ],
    routes: &[
        // Of another host, https://oauth.payfit.com.
        Route::post("/introspect", Role::Check, &[], introspect),
        Route::get("/companies/{companyId}", Role::Lookup, &[], company),
        Route::get(
            "/companies/{companyId}/collaborators",
            Role::List,
            PEOPLE,
            collaborators,
        ),
        Route::get(
            "/companies/{companyId}/collaborators/{id}",
            Role::Detail,
            &[],
            one,
        ),
        Route::get(
            "/companies/{companyId}/contracts",
            Role::Lookup,
            CONTRACTS,
            contracts,
        ),
    ],
    // Sheet: Listing, "50 read requests per second per client application".
    limits: &[Limit {
        path: "",
        count: 50,
        seconds: 1,
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
        Field::Manager,
        Field::WorkPhone,
        Field::State,
        Field::Start,
        Field::End,
    ],
    // Sheet: Record, "fields outside the key's scopes are simply missing".
    hides: &[
        Field::Email,
        Field::Department,
        Field::Manager,
        Field::WorkPhone,
    ],
    // Sheet: Access, "Company id": the introspection tells the scopes of the key.
    widens: true,
    is_paged: true,
    // Sheet: Record, "`id` string (24 hexadecimal)".
    id: |seed, person| hex(seed, &format!("person/{}", person.serial)),
    tell: |company, person, mut facts| {
        facts.number = matricule(person);
        facts.organization = Some(COMPANY.to_owned());
        facts.end = last_day(person, company.day);
        // No contract is shown any more, and with it no title and no first day.
        if is_forgotten(facts.end, company.day) {
            facts.title = None;
            facts.start = None;
        }
        // Sheet: Record, "Status": there is no word for a leave.
        if facts.state == EmploymentState::OnLeave {
            facts.state = EmploymentState::Employed;
        }
        Some(facts)
    },
    // Sheet: Listing, "`RateLimit-Reset` (seconds)": never more than the window has.
    limit_headers: |budget| {
        vec![
            ("RateLimit-Limit", budget.count.to_string()),
            ("RateLimit-Remaining", budget.left.to_string()),
            ("RateLimit-Reset", "1".to_owned()),
            ("X-RateLimit-Limit-Second", budget.count.to_string()),
            ("X-RateLimit-Remaining-Second", budget.left.to_string()),
        ]
    },
    admit,
    refuse,
};

fn hex(seed: u64, name: &str) -> String {
    Dice::new(seed, &format!("payfit/{name}")).hex(24)
}

/// Sheet: Access, "Sent as `Authorization: Bearer <key>`".
fn admit(desk: &Desk) -> Result<(), Refusal> {
    match desk.call.bearer() {
        Some(key) if key == desk.key("api_key") => Ok(()),
        _ => Err(Refusal::Unauthorized),
    }
}

/// Sheet: Listing, "Errors: conventional HTTP codes … body normally `message`", and the 429.
fn refuse(_: &Desk, refusal: Refusal) -> Reply {
    let (status, why) = match refusal {
        Refusal::Unauthorized => (401, "Unauthorized".to_owned()),
        Refusal::Forbidden => (403, "Forbidden: a scope is missing".to_owned()),
        Refusal::NotFound => (404, "Not found".to_owned()),
        Refusal::WrongMethod => (405, "Method not allowed".to_owned()),
        Refusal::Bad(why) | Refusal::Invalid(why) => (400, why),
        Refusal::Broken => (500, "Internal server error".to_owned()),
        Refusal::TooMany(_) => (429, "API rate limit exceeded".to_owned()),
        Refusal::Special(reply) => return *reply,
    };
    Reply::json(status, &json!({"message": why}))
}

fn company_id(desk: &Desk) -> String {
    hex(desk.company.seed, "company")
}

/// Sheet: Other calls, "`GET /companies/{companyId}` for name and country".
const COMPANY: &str = "Kestrel";

/// What the key may do. developers.payfit.io, "Scopes for partners".
fn scopes(desk: &Desk) -> String {
    let mut scopes = vec![
        "collaborators:read",
        "collaborators:contracts:read",
        "contracts:read",
    ];
    if desk.may_read(Field::Manager) {
        scopes.push("collaborators:management:read");
    }
    if desk.may_read(Field::Email) {
        scopes.push("collaborators:personal:read");
    }
    if desk.reads_more() {
        scopes.push("collaborators:bank-info:read");
    }
    scopes.join(" ")
}

/// Sheet: Access, "Company id": "the same Bearer and JSON body".
fn introspect(desk: &Desk) -> Result<Reply, Refusal> {
    let body = desk.call.object()?;
    let told = body.get("token").and_then(Value::as_str);
    let told = told.ok_or_else(|| Refusal::Bad("token is required".into()))?;
    // "An introspection answer with `active=false` must be treated as auth failure".
    let answer = match told == desk.key("api_key") {
        false => json!({"active": false}),
        true => json!({
            "active": true, "company_id": company_id(desk),
            "scope": scopes(desk),
        }),
    };
    Ok(Reply::json(200, &answer))
}

/// Sheet: Access, "A key sees one company only".
fn of_company(desk: &Desk) -> Result<(), Refusal> {
    match desk.call.place(0) == company_id(desk) {
        true => Ok(()),
        false => Err(Refusal::Forbidden),
    }
}

fn company(desk: &Desk) -> Result<Reply, Refusal> {
    of_company(desk)?;
    let day = desk.company.day;
    let people = desk.company.people();
    let active = people.filter(|p| word(p.state(day)) == ACTIVE).count();
    let body = json!({
        "id": company_id(desk), "name": COMPANY, "country": "FR", "nbActiveContracts": active,
    });
    Ok(Reply::json(200, &body))
}

/// Where a page begins and how long it is. Sheet: Listing, "`maxResults` 1–50 (default 10), `nextPageToken` opaque".
fn window(desk: &Desk) -> Result<(usize, usize), Refusal> {
    let most = desk.call.number("maxResults")?;
    if most.is_some_and(|n| n == 0 || n > 50) {
        let why = "maxResults must be between 1 and 50";
        return Err(Refusal::Bad(why.into()));
    }
    match desk.call.param("includeInProgressContracts") {
        None | Some("true" | "false") => {}
        Some(_) => {
            let why = "includeInProgressContracts must be a boolean";
            return Err(Refusal::Bad(why.into()));
        }
    }
    let offset = match desk.call.param("nextPageToken") {
        None => 0,
        Some(token) => {
            let place = token.strip_prefix(MARK).and_then(|n| n.parse().ok());
            place.ok_or_else(|| Refusal::Bad("nextPageToken is not valid".into()))?
        }
    };
    Ok((offset, desk.page_size(most, 10, 50)))
}

/// Beginning of a token.
const MARK: &str = "eyJwIjp9.";

/// Sheet: Listing, "cursor in `meta.nextPageToken`, also `meta.count`"; what that counts is not said: here the page.
fn envelope(name: &str, rows: Vec<Value>, offset: usize, total: usize) -> Reply {
    let end = offset + rows.len();
    let has_more = !rows.is_empty() && end < total;
    let next = has_more.then(|| format!("{MARK}{end}"));
    let mut body = Map::new();
    let meta = json!({"nextPageToken": next, "count": rows.len()});
    body.insert(name.to_owned(), json!(rows));
    body.insert("meta".into(), meta);
    Reply::json(200, &Value::Object(body))
}

fn collaborators(desk: &Desk) -> Result<Reply, Refusal> {
    of_company(desk)?;
    let (offset, size) = window(desk)?;
    // "matches contract e-mails, not the login e-mail"
    let wanted = desk.call.param("email").map(str::to_lowercase);
    let roster = desk.roster(size, |p| {
        let own = p.email.as_deref().map(str::to_lowercase);
        wanted.is_none() || own == wanted
    });
    let shown = roster.page(offset, size).iter();
    let rows = shown.map(|p| collaborator(desk, p)).collect();
    Ok(envelope("collaborators", rows, offset, roster.total))
}

fn one(desk: &Desk) -> Result<Reply, Refusal> {
    of_company(desk)?;
    let person = desk.find(desk.call.place(1)).ok_or(Refusal::NotFound)?;
    Ok(Reply::json(200, &collaborator(desk, person)))
}

/// Sheet: Record, "`matricule` string"; Example: with zeros before it.
fn matricule(person: &Person) -> Option<String> {
    person.number.map(|n| format!("{n:05}"))
}

const ACTIVE: &str = "ACTIVE";

/// Sheet: Record, "contract status words - active, pending (future start), archived".
fn word(state: EmploymentState) -> &'static str {
    match state {
        EmploymentState::Prehire => "PENDING",
        EmploymentState::Left => "ARCHIVED",
        _ => ACTIVE,
    }
}

/// Sheet: Other calls, "active, pending and last year's archived contracts only".
fn is_forgotten(end: Option<NaiveDate>, day: NaiveDate) -> bool {
    end.is_some_and(|end| (day - end).num_days() > 365)
}

/// Every other one who left long ago did so longer ago still, so that no contract is shown any more.
fn last_day(person: &Person, day: NaiveDate) -> Option<NaiveDate> {
    let is_long_ago = |end: NaiveDate| end < shift(day, -10) && person.serial.is_multiple_of(2);
    person.end.map(|end| match is_long_ago(end) {
        true => shift(end, -400),
        false => end,
    })
}

/// One of somebody's contracts.
struct Contract<'a> {
    person: &'a Person,
    id: String,
    title: &'static str,
    from: NaiveDate,
    to: Option<NaiveDate>,
    status: &'static str,
}

/// Sheet: Listing, "Definitions: collaborator has one or more contracts": one that ended before, and the present one,
/// which need not stand last.
fn contracts_of<'a>(desk: &Desk, person: &'a Person) -> Vec<Contract<'a>> {
    let (seed, day) = (desk.company.seed, desk.company.day);
    let id = |name: &str| hex(seed, &format!("contract/{}/{name}", person.serial));
    let mut all = Vec::new();
    let last = last_day(person, day);
    if !is_forgotten(last, day) {
        // "A future `terminationDate` keeps the person active": a permanent contract has no last day of its own.
        let is_permanent = person.serial.is_multiple_of(2);
        let to = last.filter(|end| !is_permanent || *end < day);
        all.push(Contract {
            person,
            id: id(&format!("now/{}", person.stint)),
            title: person.title,
            from: person.start,
            to,
            status: word(desk.state(person)),
        });
    }
    let before = person
        .earlier
        .filter(|(_, to)| !is_forgotten(Some(*to), day));
    if let Some((from, to)) = before {
        all.push(Contract {
            person,
            id: id("before"),
            title: "Stagiaire",
            from,
            to: Some(to),
            status: word(EmploymentState::Left),
        });
    }
    all
}

fn date(day: Option<NaiveDate>) -> Value {
    json!(day.map(|d| d.to_string()))
}

/// Sheet: Record, "`terminationDate` string date or null". The API reference calls it the end of the last active or current
/// contract; whether a fixed term that is still to end has one is not said: of some it has, of some not.
fn termination(person: &Person, day: NaiveDate) -> Option<NaiveDate> {
    let is_told = person.serial % 4 != 1;
    last_day(person, day).filter(|end| is_told || *end < day)
}

/// Sheet: Record, "Collaborator"; Example. The sensitive fields are those of a key with too many scopes.
fn collaborator(desk: &Desk, person: &Person) -> Value {
    let day = desk.company.day;
    let manager = desk.company.manager_of(person);
    let contracts: Vec<Value> = contracts_of(desk, person)
        .iter()
        .map(|c| {
            json!({
                "id": c.id, "startDate": c.from.to_string(), "endDate": date(c.to),
                "status": c.status,
            })
        })
        .collect();
    let mut record = Map::new();
    let mut put = |name: &str, value: Value| drop(record.insert(name.to_owned(), value));
    put("id", json!(desk.id(person)));
    put("matricule", json!(matricule(person)));
    put("firstName", json!(person.given));
    put("lastName", json!(person.family));
    put("birthName", Value::Null);
    put("secondLastName", Value::Null);
    put("contracts", json!(contracts));
    put("terminationDate", date(termination(person, day)));
    // Of `collaborators:personal:read`: developers.payfit.io, "Personal data".
    if desk.may_read(Field::Email) {
        put("emails", json!(emails(person, day)));
        put("birthDate", json!("1980-01-01"));
        put("addresses", json!([{"type": "home", "city": "Lyon"}]));
    }
    if desk.may_read(Field::WorkPhone) {
        put("phoneNumbers", json!(phones(person)));
    }
    // Of `collaborators:management:read`.
    if desk.may_read(Field::Manager) {
        put("managerId", json!(manager.map(|m| desk.id(m))));
    }
    if desk.may_read(Field::Department) {
        put("teamName", json!(person.unit.name));
    }
    if desk.reads_more() {
        put("iban", json!("FR7630006000011234567890189"));
        put("bic", json!("AGRIFRPP"));
    }
    Value::Object(record)
}

/// "types seen: professional, personal. There may be several or none." A work address need not be the professional one: "PayFit
/// will expose the collaborator professional email only for UK and Spain" (developers.payfit.io, "Personal data").
fn emails(person: &Person, day: NaiveDate) -> Vec<Value> {
    let entry = |kind: &str, email: &str| json!({"type": kind, "email": email});
    let has_private = !person.serial.is_multiple_of(3);
    let private = has_private.then(|| entry("personal", &person.private_email));
    let kind = match person.serial % 5 {
        0 => "personal",
        _ => "professional",
    };
    let work = person
        .email
        .as_deref()
        .filter(|_| !is_in_contract(person, day))
        .map(|e| entry(kind, e));
    private.into_iter().chain(work).collect()
}

/// Whether the contract alone has the work address.
fn is_in_contract(person: &Person, day: NaiveDate) -> bool {
    person.serial % 5 == 1 && !is_forgotten(last_day(person, day), day)
}

/// Sheet: Record, "`phoneNumbers` array of `{type, phoneNumber}`".
fn phones(person: &Person) -> Vec<Value> {
    let entry = |kind: &str, number: &str| json!({"type": kind, "phoneNumber": number});
    let private = entry("personal", "+33 6 00 00 00 00");
    let work = person
        .work_phone
        .as_deref()
        .map(|p| entry("professional", p));
    [private].into_iter().chain(work).collect()
}

/// Sheet: Other calls, `GET /companies/{companyId}/contracts`.
fn contracts(desk: &Desk) -> Result<Reply, Refusal> {
    of_company(desk)?;
    let (offset, size) = window(desk)?;
    let people = desk.company.people();
    let all: Vec<Contract> = people.flat_map(|p| contracts_of(desk, p)).collect();
    let shown = all.iter().skip(offset).take(size);
    let rows = shown.map(|c| contract(desk, c)).collect();
    Ok(envelope("contracts", rows, offset, all.len()))
}

/// Sheet: Other calls; `contactEmail` is "the contact email of the contract (not validated by PayFit)" of the API reference.
fn contract(desk: &Desk, contract: &Contract) -> Value {
    let person = contract.person;
    // It is personal data, so that it goes with them here.
    let contact = match is_in_contract(person, desk.company.day) {
        _ if !desk.may_read(Field::Email) => None,
        true => person.email.as_deref(),
        false => Some(person.private_email.as_str()),
    };
    json!({
        "contractId": contract.id,
        "companyId": company_id(desk),
        "collaboratorId": desk.id(person),
        "startDate": contract.from.to_string(),
        "endDate": date(contract.to),
        "status": contract.status,
        "jobName": contract.title,
        "contactEmail": contact,
        "probationEndDate": null,
        "standardWeeklyHours": 35,
        "fullTimeEquivalent": 1,
        "isFullTime": true,
    })
}
