//! Deel: the list of people and the SCIM server. Rules are cited as "sheet: section" of the fact sheet on this vendor.

use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use crate::cli::simulate::hris::call::{Refusal, Reply};
use crate::cli::simulate::hris::desk::Desk;
use crate::cli::simulate::hris::dice::Dice;
use crate::cli::simulate::hris::names::UNITS;
use crate::cli::simulate::hris::people::{Kind, Person, shift};
use crate::cli::simulate::hris::standin::{Credential, Limit, Make, Role, Route, Standin};
use crate::cli::simulate::hris::truth::Field;
use crate::domain::employment::EmploymentState;

pub const STANDIN: Standin = Standin {
    name: "Deel",
    // Sheet: Access, "Pasted values: organization token".
    credentials: &[
        Credential::new("api_token", Make::Word("", 64)),
        // Cost centres stand with the SCIM server alone, so that they must be asked for.
        Credential::new("cost_centers", Make::Fixed("yes")),
    ],
    routes: &[
        Route::get("/rest/v2/people", Role::List, PEOPLE, people),
        Route::get("/rest/v2/people/{id}", Role::Detail, &[], one),
        Route::get("/rest/v2/departments", Role::Lookup, &[], departments),
        Route::get(
            "/scim/v2/Users",
            Role::Lookup,
            &["startIndex", "count", "filter"],
            scim_users,
        ),
    ],
    // Sheet: Limits, "5 requests per second per organization".
    limits: &[Limit {
        path: "",
        count: 5,
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
        Field::CostCenter,
        Field::Manager,
        Field::Timezone,
        Field::State,
        Field::Start,
        Field::End,
    ],
    // Sheet: Record, "null/omitted without the extra permission" is of `person_status` alone; `hiring_status` stays.
    hides: &[],
    // developer.deel.com, api-tokens: a step of its own gives a token access to sensitive data, such as pay.
    widens: true,
    is_paged: true,
    id: |seed, person| Dice::new(seed, &format!("deel/{}", person.serial)).uuid(),
    tell: |_, person, mut facts| {
        // Sheet: SCIM mapping, "`external_id`, else `worker_id`".
        facts.number = Some(match person.number {
            Some(number) => number.to_string(),
            None => worker_id(person).to_string(),
        });
        // Sheet: Record, "person status": no word for a leave.
        if facts.state == EmploymentState::OnLeave {
            facts.state = EmploymentState::Employed;
        }
        Some(facts)
    },
    // Sheet: Limits, "No rate-limit headers".
    limit_headers: |_| Vec::new(),
    admit,
    refuse,
};

const PEOPLE: &[&str] = &[
    "offset",
    "limit",
    "search",
    "fields[]",
    "sort_by",
    "sort_order",
    "hiring_statuses[]",
    "hiring_types[]",
    "person_statuses[]",
];
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// Sheet: Record, "Deel's own extension".
const OWN: &str = "urn:ietf:params:scim:schemas:extension:2.0:User";

fn worker_id(person: &Person) -> u32 {
    5_000 + person.serial
}

/// Sheet: Access, "bearer token"; "do not send X-Version with it".
fn admit(desk: &Desk) -> Result<(), Refusal> {
    match desk.call.bearer() {
        Some(token) if token == desk.key("api_token") => {}
        _ => return Err(Refusal::Unauthorized),
    }
    match desk.call.header("x-version") {
        None | Some("2026-01-01") => Ok(()),
        Some(_) => Err(Refusal::Bad("X-Version is unknown".into())),
    }
}

/// Sheet: Limits, "Error body shape not confirmed"; "429 … No rate-limit headers".
fn refuse(_: &Desk, refusal: Refusal) -> Reply {
    let errors = |status, why: &str| Reply::json(status, &json!({"errors": [{"message": why}]}));
    match refusal {
        Refusal::Unauthorized => errors(401, "Unauthorized"),
        Refusal::Forbidden => errors(403, "The token lacks the scope people:read"),
        Refusal::NotFound => errors(404, "Not found"),
        Refusal::WrongMethod => errors(405, "Method not allowed"),
        Refusal::Bad(why) | Refusal::Invalid(why) => errors(400, &why),
        Refusal::Broken => errors(500, "Internal server error"),
        Refusal::TooMany(_) => errors(429, "Too many requests"),
        Refusal::Special(reply) => *reply,
    }
}

/// What was asked for under this name, however often.
fn all<'d>(desk: &'d Desk, name: &str) -> Vec<&'d str> {
    let query = desk.call.query.iter();
    let named = query.filter(|(n, _)| n == name);
    named.map(|(_, value)| value.as_str()).collect()
}

/// Sheet: Listing, "offset (default 0), limit 1-200"; the default of `limit` is the smaller of the two documented ones.
fn people(desk: &Desk) -> Result<Reply, Refusal> {
    let limit = desk.call.number("limit")?;
    if limit.is_some_and(|n| n == 0 || n > 200) {
        return Err(Refusal::Bad("limit must be between 1 and 200".into()));
    }
    let size = desk.page_size(limit, 100, 200);
    let offset = desk.call.number("offset")?.unwrap_or(0);
    let order = desk.call.param("sort_order").unwrap_or("asc");
    if !["asc", "desc"].contains(&order) {
        return Err(Refusal::Bad("sort_order must be asc or desc".into()));
    }
    let is_among = |name: &str, word: &str| {
        let wanted = all(desk, name);
        wanted.is_empty() || wanted.contains(&word)
    };
    let search = desk.call.param("search").unwrap_or_default();
    let mut roster = desk.roster(size, |p| {
        let (hiring, status) = words(desk, p);
        is_among("hiring_statuses[]", hiring)
            && is_among("person_statuses[]", status)
            && is_among("hiring_types[]", hiring_type(p))
            && (search.is_empty() || p.family.contains(search))
    });
    if order == "desc" {
        roster.people.reverse();
    }
    let wanted = all(desk, "fields[]");
    let shown = roster.page(offset, size).iter();
    let data: Vec<Value> = shown.map(|p| projected(record(desk, p), &wanted)).collect();
    let page = json!({"offset": offset, "total_rows": roster.total, "items_per_page": size});
    Ok(Reply::json(200, &json!({"data": data, "page": page})))
}

/// Sheet: Listing, "fields[] (projection, dot notation)": here by the first name before a dot; the id always comes.
fn projected(record: Value, wanted: &[&str]) -> Value {
    match record {
        Value::Object(map) if !wanted.is_empty() => {
            let is_wanted = |name: &str| {
                let mut heads = wanted.iter().filter_map(|field| field.split('.').next());
                name == "id" || heads.any(|head| head == name)
            };
            let kept = map.into_iter().filter(|(name, _)| is_wanted(name));
            Value::Object(kept.collect())
        }
        other => other,
    }
}

fn one(desk: &Desk) -> Result<Reply, Refusal> {
    let person = desk.find(desk.call.place(0)).ok_or(Refusal::NotFound)?;
    Ok(Reply::json(200, &json!({"data": record(desk, person)})))
}

/// `hiring_status` and `person_status`. Sheet: Record, the two lists of words.
fn words(desk: &Desk, person: &Person) -> (&'static str, &'static str) {
    match (desk.state(person), person.end) {
        (EmploymentState::Prehire, _) => {
            let hiring = ["invited", "onboarding", "onboarding_overdue", "in_review"];
            (hiring[person.serial as usize % 4], "NOT_STARTED")
        }
        (EmploymentState::Left, _) => ("inactive", "INACTIVE"),
        (_, Some(_)) => ("offboarding", "OFFBOARDING"),
        (_, None) if person.serial.is_multiple_of(4) => ("onboarded", "ACTIVE"),
        (_, None) => ("active", "ACTIVE"),
    }
}

fn hiring_type(person: &Person) -> &'static str {
    match person.kind {
        Kind::Contractor => "contractor",
        Kind::Employee => {
            ["eor", "direct_employee", "hris_direct_employee"][person.serial as usize % 3]
        }
    }
}

fn date(day: Option<NaiveDate>) -> Value {
    json!(day.map(|d| d.to_string()))
}

/// The work address stands in the list, or with the employment alone. Sheet: Record, "`work` value is often null, mostly
/// for contractors; `primary` is the login and can be private".
fn emails(desk: &Desk, person: &Person) -> Value {
    let has_left = person.state(desk.company.day) == EmploymentState::Left;
    let is_listed = person.kind == Kind::Employee && !person.serial.is_multiple_of(8) || has_left;
    let work = person.email.as_ref().filter(|_| is_listed);
    let primary = match work {
        Some(work) if !person.serial.is_multiple_of(3) => work,
        _ => &person.private_email,
    };
    json!([
        {"type": "primary", "value": primary},
        {"type": "work", "value": work},
        {"type": "personal", "value": person.private_email},
    ])
}

/// Sheet: Record, "a person can have several": one that ended before, and the present one.
fn employments(desk: &Desk, person: &Person) -> Vec<Value> {
    let (hiring, _) = words(desk, person);
    let has_left = hiring == "inactive";
    let row = |n: u32, hiring: &str, start: NaiveDate, end: Option<NaiveDate>, is_ended: bool| {
        json!({
            "id": format!("m{}-{n}", person.serial),
            "name": format!("{} {} - {}", person.given, person.family, person.title),
            "job_title": if n == 1 { "Trainee" } else { person.title },
            "start_date": start.to_string(),
            "work_email": if n == 1 { None } else { person.email.as_ref() },
            "hiring_type": hiring_type(person),
            "hiring_status": hiring,
            // The only word that the vendor has shown.
            "contract_status": is_ended.then_some("cancelled"),
            "is_ended": is_ended,
            "completion_date": null,
            "termination_last_day": date(end),
            "payment": {
                "rate": desk.reads_more().then_some(52_000), "scale": null, "currency": "EUR",
                "contract_name": person.title,
            },
            "team": {"id": format!("team-{}", person.unit.id), "name": person.unit.team},
        })
    };
    let mut rows = Vec::new();
    if let Some((from, to)) = person.earlier {
        rows.push(row(1, "inactive", from, Some(to), true));
    }
    rows.push(row(2, hiring, person.start, person.end, has_left));
    rows
}

/// Sheet: Record; Example.
fn record(desk: &Desk, person: &Person) -> Value {
    let company = desk.company;
    let (hiring, status) = words(desk, person);
    let manager = company.manager_of(person).map(|m| {
        json!({
            "id": desk.id(m), "worker_id": worker_id(m), "first_name": m.given, "last_name": m.family,
            "work_email": m.email,
        })
    });
    let reports: Vec<Value> = company
        .people()
        .filter(|q| q.manager == Some(person.serial))
        .map(|q| json!({"id": desk.id(q), "first_name": q.given, "last_name": q.family, "work_email": q.email}))
        .collect();
    // Of an employee the last day, of a contractor the day on which the contract is complete; a later one may stand
    // beside the last day ("earliest non-null").
    let is_employee = person.kind == Kind::Employee;
    let last_day = person.end.filter(|_| is_employee);
    let completion = match person.end {
        Some(end) if is_employee && person.serial.is_multiple_of(2) => Some(shift(end, 5)),
        Some(_) if is_employee => None,
        end => end,
    };
    let number = worker_id(person);
    json!({
        "id": desk.id(person),
        // "a number in the vendor's SDK, text in some samples"
        "worker_id": if company.seed.is_multiple_of(2) { json!(number) } else { json!(number.to_string()) },
        "external_id": person.number.map(|n| n.to_string()),
        "first_name": person.given,
        "last_name": person.family,
        "full_name": format!("{} {}", person.given, person.family),
        "preferred_first_name": person.preferred,
        "preferred_last_name": null,
        "birth_date": "1988-02-03",
        "emails": emails(desk, person),
        "job_title": person.title,
        "seniority": null,
        "department": {"id": format!("dep-{}", person.unit.id), "name": person.unit.name, "parent": person.unit.division},
        "client_legal_entity": {"id": format!("le-{}", person.entity.id), "name": person.entity.name},
        "country": person.site.country,
        "state": null,
        "timezone": person.site.zone,
        "work_location": person.site.name,
        "hiring_type": hiring_type(person),
        "hiring_status": hiring,
        "new_hiring_status": hiring,
        // "null/omitted without the extra permission": every second organization has not given it.
        "person_status": if company.seed % 4 < 2 { json!(status) } else { Value::Null },
        "start_date": person.start.to_string(),
        "completion_date": date(completion),
        "direct_employee_termination_last_day": date(last_day),
        "direct_manager": manager,
        "direct_reports_count": reports.len(),
        "direct_reports": reports,
        "employments": employments(desk, person),
        "created_at": format!("{}T10:00:00.000Z", person.start),
        "updated_at": format!("{}T10:00:00.000Z", person.changed),
    })
}

/// Sheet: Other calls, "(id, name, parent)".
fn departments(_: &Desk) -> Result<Reply, Refusal> {
    let rows = UNITS
        .iter()
        .map(|u| json!({"id": format!("dep-{}", u.id), "name": u.name, "parent": u.division}));
    let rows: Vec<Value> = rows.collect();
    Ok(Reply::json(200, &json!({ "data": rows })))
}

/// Sheet: Listing, SCIM Users: "filter supports only email eq"; "count=0 returns one row".
fn scim_users(desk: &Desk) -> Result<Reply, Refusal> {
    let first = desk.call.number("startIndex")?.unwrap_or(1).max(1);
    let count = desk.call.number("count")?.map(|n| n.max(1));
    let count = desk.page_size(count, 100, 100);
    let wanted = match desk.call.param("filter") {
        None => None,
        Some(filter) => {
            let address = filter.strip_prefix("email eq \"");
            let address = address.and_then(|rest| rest.strip_suffix('"'));
            Some(address.ok_or_else(|| Refusal::Bad("filter supports email eq alone".into()))?)
        }
    };
    let is_it = |p: &&Person| wanted.is_none_or(|address| p.email.as_deref() == Some(address));
    let people: Vec<&Person> = desk.company.people().filter(is_it).collect();
    let shown = people.iter().skip(first - 1).take(count);
    let resources: Vec<Value> = shown.map(|p| scim_user(desk, p)).collect();
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": people.len(), "startIndex": first, "itemsPerPage": resources.len(), "Resources": resources,
    });
    Ok(Reply::json(200, &body))
}

/// Sheet: Example, SCIM.
fn scim_user(desk: &Desk, person: &Person) -> Value {
    let manager = desk.company.manager_of(person);
    let manager = manager.map(
        |m| json!({"value": desk.id(m), "displayName": format!("{} {}", m.given, m.family), "email": m.email}),
    );
    let (hiring, _) = words(desk, person);
    let mut user = Map::new();
    let mut put = |name: &str, value: Value| drop(user.insert(name.to_owned(), value));
    put(
        "schemas",
        json!(["urn:ietf:params:scim:schemas:core:2.0:User"]),
    );
    put("id", json!(desk.id(person)));
    put("userName", json!(person.email));
    put("active", json!(desk.state(person).is_active()));
    put(
        "name",
        json!({"givenName": person.given, "familyName": person.family}),
    );
    put("title", json!(person.title));
    put(
        "emails",
        json!([{"type": "work", "value": person.email, "primary": true}]),
    );
    put(
        ENTERPRISE,
        json!({
            "department": person.unit.name, "costCenter": person.unit.cost_center,
            "organization": person.entity.name, "manager": manager,
        }),
    );
    put(
        OWN,
        json!({
            "startDate": person.start.to_string(), "endDate": date(person.end),
            "workerId": worker_id(person).to_string(), "hiringStatus": hiring,
        }),
    );
    Value::Object(user)
}
