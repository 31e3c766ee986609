//! Eurécia, the JSON directory (v4). Rules are cited as "sheet: section" of the fact sheet on this vendor; "client" is
//! the public TypeScript client of the API with its samples (Epitech-ops/eurecia).

use chrono::{Datelike, NaiveDate, NaiveTime};
use serde_json::{Map, Value, json};

use crate::cli::simulate::hris::call::{Refusal, Reply};
use crate::cli::simulate::hris::desk::Desk;
use crate::cli::simulate::hris::dice::Dice;
use crate::cli::simulate::hris::names::{ENTITIES, Entity, UNITS, Unit};
use crate::cli::simulate::hris::people::{Person, shift};
use crate::cli::simulate::hris::standin::{Credential, Make, Role, Route, Standin};
use crate::cli::simulate::hris::truth::Field;
use crate::domain::employment::EmploymentState;

/// Sheet: Listing, "Page numbering from 0"; of a size nothing is known.
const PAGED: &[&str] = &["page"];

/// Sheet: Listing, "Page size: 50 in samples".
const SIZE: usize = 50;

pub const STANDIN: Standin = Standin {
    name: "Eurécia",
    credentials: &[
        // Sheet: Access, "Value to paste: the token".
        Credential::new("api_token", Make::Hex("", 40)),
        // Sheet: Record, "cost centre: admin choice".
        Credential::new("cost_center_field", Make::Fixed("analyticCodeSuffix")),
    ],
    routes: &[
        Route::get("/eurecia/rest/v1/Auth", Role::Token, &[], auth),
        Route::get("/eurecia/rest/v4/users", Role::List, PAGED, users),
        Route::get("/eurecia/rest/v4/users/active", Role::List, PAGED, active),
        Route::get("/eurecia/rest/v4/users/{id}", Role::Detail, &[], user),
        Route::get(
            "/eurecia/rest/v4/departments",
            Role::Lookup,
            &[],
            departments,
        ),
        Route::get("/eurecia/rest/v4/structures", Role::Lookup, &[], structures),
        Route::get("/eurecia/rest/v4/companies", Role::Lookup, PAGED, companies),
    ],
    // Sheet: Listing, "Rate limits: not published".
    limits: &[],
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
        Field::Mobile,
        Field::Locale,
        Field::Timezone,
        Field::State,
        Field::Start,
        Field::End,
    ],
    // Sheet: Access, "Calls run with that person's rights".
    hides: &[Field::Organization],
    widens: true,
    is_paged: true,
    id: user_id,
    tell: |_, _, mut facts| {
        // Sheet: Record, "status: no status enum": nothing tells of a leave.
        if facts.state == EmploymentState::OnLeave {
            facts.state = EmploymentState::Employed;
        }
        Some(facts)
    },
    limit_headers: |_| Vec::new(),
    admit,
    refuse,
};

/// Sheet: Record, "`id` string".
fn user_id(seed: u64, person: &Person) -> String {
    Dice::new(seed, &format!("eurecia/{}", person.serial)).hex(24)
}

fn department_id(unit: &Unit) -> String {
    format!("D{:07}", unit.id)
}

fn structure_id(entity: &Entity) -> String {
    format!("S{:07}", entity.id)
}

/// Sheet: Access, step 2: "Send header token (not Authorization) plus Accept: application/json".
fn admit(desk: &Desk) -> Result<(), Refusal> {
    match desk.call.header("token") {
        Some(token) if desk.is_good(token) => {}
        _ => return Err(Refusal::Unauthorized),
    }
    if desk.call.accepts("application/json") {
        Ok(())
    } else {
        let why = json!({"status": 406, "message": "Accept must be application/json"});
        Err(Refusal::Special(Box::new(Reply::json(406, &why))))
    }
}

/// Sheet: Listing, "Errors: HTTP status; body shape not seen".
fn refuse(_: &Desk, refusal: Refusal) -> Reply {
    let (status, why) = match refusal {
        Refusal::Unauthorized => (401, "Unauthorized".to_owned()),
        Refusal::Forbidden => (403, "Forbidden".to_owned()),
        Refusal::NotFound => (404, "Not Found".to_owned()),
        Refusal::WrongMethod => (405, "Method Not Allowed".to_owned()),
        Refusal::Bad(why) | Refusal::Invalid(why) => (400, why),
        Refusal::Broken => (500, "Internal Server Error".to_owned()),
        Refusal::TooMany(_) => (429, "Too Many Requests".to_owned()),
        Refusal::Special(reply) => return *reply,
    };
    Reply::json(status, &json!({"status": status, "message": why}))
}

/// Sheet: Access, step 1. How long the temporary token lives is not published: an hour here.
fn auth(desk: &Desk) -> Result<Reply, Refusal> {
    if desk.call.header("authtoken") != Some(desk.key("api_token")) {
        return Err(Refusal::Unauthorized);
    }
    let (token, _) = desk.issue("", 3_600, false);
    // "JSON answer is converted XML": XML is what comes without the header.
    if desk.call.accepts("application/json") {
        let body = json!({"eureciaResponse": {"temporaryToken": {"token": {"$": token}}}});
        return Ok(Reply::json(200, &body));
    }
    let body = format!(
        "<eureciaResponse><temporaryToken><token>{token}</token></temporaryToken></eureciaResponse>"
    );
    Ok(Reply::new(200, "application/xml", body))
}

/// Whom the person whose token it is may see.
fn may_see(desk: &Desk, person: &Person) -> bool {
    desk.may_read(Field::Organization) || person.entity.id == ENTITIES[0].id
}

/// Sheet: Record: `archived`, "a departureDate together with archived: false".
fn is_archived(desk: &Desk, person: &Person) -> bool {
    let is_old = |end| shift(end, 1) < desk.company.day;
    let lags = person.serial.is_multiple_of(3) && person.end.is_some_and(is_old);
    desk.state(person) == EmploymentState::Left && !lags
}

/// Sheet: Listing, "Spring-Data style envelope".
fn envelope(page: usize, size: usize, total: usize, content: &[Value]) -> Reply {
    let sort = json!({"empty": true, "sorted": false, "unsorted": true});
    let offset = page.saturating_mul(size);
    Reply::json(
        200,
        &json!({
            "content": content,
            "pageable": {
                "sort": sort, "offset": offset, "pageNumber": page, "pageSize": size, "paged": true, "unpaged": false,
            },
            "totalElements": total,
            "totalPages": total.div_ceil(size),
            // "`last` is not trustworthy"; so the client's sample of the first of two pages.
            "last": true,
            "number": page,
            "size": size,
            "numberOfElements": content.len(),
            "first": page == 0,
            "empty": content.is_empty(),
            "sort": sort,
        }),
    )
}

fn list(desk: &Desk, is_on_it: impl Fn(&Person) -> bool) -> Result<Reply, Refusal> {
    let page = desk.call.number("page")?.unwrap_or(0);
    let size = desk.page_size(None, SIZE, SIZE);
    let roster = desk.roster(size, |p| may_see(desk, p) && is_on_it(p));
    let shown = roster.page(page.saturating_mul(size), size);
    let content: Vec<Value> = shown
        .iter()
        .map(|p| Value::Object(short(p, desk)))
        .collect();
    Ok(envelope(page, size, roster.total, &content))
}

/// Sheet: Listing, "everyone (including archived)".
fn users(desk: &Desk) -> Result<Reply, Refusal> {
    list(desk, |_| true)
}

/// Sheet: Listing, "Active people only".
fn active(desk: &Desk) -> Result<Reply, Refusal> {
    list(desk, |p| desk.state(p) != EmploymentState::Left)
}

/// Sheet: Record, "may be an id or a name": here one or the other.
fn id_or_name(person: &Person, id: String, name: &str) -> Value {
    if person.serial.is_multiple_of(2) {
        json!(id)
    } else {
        json!(name)
    }
}

/// Sheet: Listing, "The list record is short".
fn short(person: &Person, desk: &Desk) -> Map<String, Value> {
    let mut record = Map::new();
    let mut put = |name: &str, value: Value| drop(record.insert(name.to_owned(), value));
    put("id", json!(desk.id(person)));
    put("email", json!(person.email));
    put("firstName", json!(person.given));
    put("lastName", json!(person.family));
    put("jobTitle", json!(person.title));
    let department = id_or_name(person, department_id(person.unit), person.unit.name);
    put("department", department);
    let structure = id_or_name(person, structure_id(person.entity), person.entity.name);
    put("structure", structure);
    record
}

/// The last Sunday of a month of 31 days.
fn last_sunday(year: i32, month: u32) -> Option<NaiveDate> {
    let last = NaiveDate::from_ymd_opt(year, month, 31)?;
    Some(shift(
        last,
        -i64::from(last.weekday().num_days_from_sunday()),
    ))
}

/// Sheet: Record, "local midnight (Europe/Paris) expressed in UTC", in milliseconds. Summer time begins and ends on a
/// Sunday after midnight, so that the day it begins on is of winter and the day it ends on is of summer.
fn midnight(day: NaiveDate) -> i64 {
    let begins = last_sunday(day.year(), 3);
    let ends = last_sunday(day.year(), 10);
    let is_summer = begins.is_some_and(|b| day > b) && ends.is_some_and(|e| day <= e);
    let hours = if is_summer { 2 } else { 1 };
    let utc = day.and_time(NaiveTime::MIN).and_utc();
    utc.timestamp_millis() - hours * 3_600_000
}

/// Sheet: Record, "most detail fields are optional (missing rather than null)".
fn detail(desk: &Desk, person: &Person) -> Value {
    let mut record = short(person, desk);
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            record.insert(name.to_owned(), value);
        }
    };
    let date = |day: NaiveDate| json!(midnight(day));
    put("refNumber", person.number.map(|n| json!(n.to_string())));
    put("personalEmail", Some(json!(person.private_email)));
    put("analyticCodeSuffix", Some(json!(person.unit.cost_center)));
    put("phones", Some(phones(person)));
    put("hiringDate", Some(date(person.start)));
    put("entryDate", Some(date(person.start)));
    // Seniority counts what came before.
    let senior = person.earlier.map_or(person.start, |(from, _)| from);
    put("seniorityDate", Some(date(senior)));
    put("departureDate", person.end.map(date));
    managers(desk, person, &mut put);
    put("workContract", Some(json!("cdi")));
    put("professionalStatus", Some(json!("manager")));
    // The client's sample: the year 3000; the end of the login and not of the job.
    put("dateEndAccess", Some(json!(32_503_676_400_000_i64)));
    put("hasLogin", Some(json!(true)));
    put("admin", Some(json!(false)));
    let locale = person.site.locale.replace('-', "_");
    put("locale", Some(json!(locale)));
    put("timezone", Some(json!(person.site.zone)));
    put("dateCreate", Some(date(person.start)));
    put("dateUpdate", Some(date(person.changed)));
    // Sheet: Access, "Calls run with that person's rights": of a user who sees the pay, this comes with it.
    if desk.reads_more() {
        put("socialSecurityNum", Some(json!("1 80 02 75 000 000")));
        put("annualGrossSalary", Some(json!(1_337.0)));
    }
    put("archived", Some(json!(is_archived(desk, person))));
    Value::Object(record)
}

/// Sheet: Record, "`{id, type, number, ownerName, typeLabel}`"; `MOBILE` is the only type that was seen.
fn phones(person: &Person) -> Value {
    let owner = format!("{} {}", person.given, person.family);
    let phone = person.mobile.as_ref().map(|number| {
        json!({
            "id": format!("p{}", person.serial), "type": "MOBILE", "number": number, "ownerName": owner,
            "typeLabel": null,
        })
    });
    Value::Array(phone.into_iter().collect())
}

/// Sheet: Record, "several managers possible: take the first". The head of the company stands behind some of them.
fn managers(desk: &Desk, person: &Person, put: &mut impl FnMut(&str, Option<Value>)) {
    let Some(manager) = desk.company.manager_of(person) else {
        return;
    };
    let head = desk.company.people().next();
    let second = head.filter(|h| person.serial % 7 == 3 && h.serial != manager.serial);
    let all: Vec<&Person> = [manager].into_iter().chain(second).collect();
    let ids: Vec<String> = all.iter().map(|m| desk.id(m)).collect();
    put("userDirectManagers", Some(json!(ids)));
    let expanded: Vec<Value> = all
        .iter()
        .map(|m| {
            json!({
                "id": desk.id(m), "email": m.email, "firstName": m.given, "lastName": m.family,
            })
        })
        .collect();
    put("_embedded", Some(json!({"userDirectManagers": expanded})));
}

fn user(desk: &Desk) -> Result<Reply, Refusal> {
    let person = desk.find(desk.call.place(0));
    let person = person.filter(|p| may_see(desk, p));
    let person = person.ok_or(Refusal::NotFound)?;
    Ok(Reply::json(200, &detail(desk, person)))
}

/// Sheet: Other calls, "trees", not paged.
fn node(id: &str, name: &str, [kind, label]: [&str; 2], nodes: &[Value]) -> Value {
    json!({
        "organizationDto": {"id": id, "name": name, "type": kind, "typeLabel": label},
        "nodes": nodes,
    })
}

/// The second department is a part of the first.
fn departments(_: &Desk) -> Result<Reply, Refusal> {
    let make = |unit: &Unit, nodes: &[Value]| {
        let words = ["DEPARTMENT", "Département"];
        node(&department_id(unit), unit.name, words, nodes)
    };
    let nodes: Vec<Value> = UNITS
        .iter()
        .enumerate()
        .filter(|(at, _)| *at != 1)
        .map(|(at, unit)| {
            let below: Vec<Value> = UNITS
                .iter()
                .skip(1)
                .take(usize::from(at == 0))
                .map(|unit| make(unit, &[]))
                .collect();
            make(unit, &below)
        })
        .collect();
    Ok(Reply::json(200, &json!({"nodes": nodes})))
}

fn structures(_: &Desk) -> Result<Reply, Refusal> {
    let make = |entity: &Entity| {
        let words = ["STRUCTURE", "Structure"];
        node(&structure_id(entity), entity.name, words, &[])
    };
    let nodes: Vec<Value> = ENTITIES.iter().map(make).collect();
    Ok(Reply::json(200, &json!({"nodes": nodes})))
}

/// Sheet: Other calls, "`{id, descr, dateCreate}` in the same envelope".
fn companies(desk: &Desk) -> Result<Reply, Refusal> {
    let page = desk.call.number("page")?.unwrap_or(0);
    let row = json!({"id": "C0000001", "descr": "Kestrel", "dateCreate": 1_420_066_800_000_i64});
    let content = if page == 0 { vec![row] } else { Vec::new() };
    Ok(envelope(page, SIZE, 1, &content))
}
