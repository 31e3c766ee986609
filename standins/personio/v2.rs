//! Personio's second generation: persons, and a call for each one's employments.

use serde_json::{Value, json};

use super::{DAY, ends, pair_of, status};
use crate::cli::simulate::hris::call::{Refusal, Reply};
use crate::cli::simulate::hris::desk::Desk;
use crate::cli::simulate::hris::dice::Dice;
use crate::cli::simulate::hris::names::UNITS;
use crate::cli::simulate::hris::people::{Kind, Person};
use crate::cli::simulate::hris::truth::Field;
use crate::domain::clock::Millis;
use crate::domain::employment::EmploymentState;

/// Sheet: Access, column v2.
pub(super) fn token(desk: &Desk) -> Result<Reply, Refusal> {
    let form = desk.call.form()?;
    let deny = |error: &str, why: &str| {
        let body =
            json!({"error": error, "error_description": why, "trace_id": "0123456789abcdef"});
        let reply = Reply::new(400, "application/problem+json", body.to_string());
        Err(Refusal::Special(Box::new(reply)))
    };
    if pair_of(&form, "grant_type") != "client_credentials" {
        return deny(
            "unsupported_grant_type",
            "grant_type must be client_credentials",
        );
    }
    let is_right = |name: &str| pair_of(&form, name) == desk.key(name);
    if !is_right("client_id") || !is_right("client_secret") {
        return deny(
            "invalid_client",
            "the client is unknown or its secret is wrong",
        );
    }
    let (token, expires_in) = desk.issue("papi-", DAY, true);
    let scope = "personio:persons:read personio:org-units:read";
    Ok(Reply::json(
        200,
        &json!({"access_token": token, "token_type": "Bearer", "expires_in": expires_in, "scope": scope}),
    ))
}

/// One page of a v2 list: which of `total` to show, and the links. Sheet: v2, "Cursor paging: follow
/// `_meta.links.next.href` (the cursor is only inside that link)".
fn cursor_page(desk: &Desk, usual: usize, most: usize) -> Result<(usize, usize), Refusal> {
    let asked = desk.call.number("limit")?;
    if asked.is_some_and(|n| n == 0 || n > most) {
        return Err(Refusal::Bad(format!("limit must be between 1 and {most}")));
    }
    let offset = match desk.call.param("cursor") {
        None => 0,
        Some(cursor) => cursor
            .strip_prefix("c2Vl")
            .and_then(|c| usize::from_str_radix(c, 36).ok())
            .ok_or_else(|| Refusal::Bad("the cursor is not one of this list".into()))?,
    };
    Ok((offset, desk.page_size(asked, usual, most)))
}

fn links(desk: &Desk, offset: usize, size: usize, count: usize) -> Value {
    let path = &desk.call.path;
    let own = format!("https://api.personio.de{path}");
    let mut links = json!({"self": {"href": own}});
    if offset + size < count {
        let kept: String = desk
            .call
            .query
            .iter()
            .filter(|(name, _)| name != "cursor")
            .map(|(name, value)| {
                format!("{name}={}&", value.replace('@', "%40").replace('+', "%2B"))
            })
            .collect();
        let cursor = base36(offset + size);
        links["next"] = json!({"href": format!("{own}?{kept}cursor=c2Vl{cursor}")});
    }
    json!({"links": links})
}

fn base36(mut number: usize) -> String {
    let mut digits = Vec::new();
    loop {
        let digit = u8::try_from(number % 36).unwrap_or(0);
        digits.push(char::from(if digit < 10 {
            b'0' + digit
        } else {
            b'a' + digit - 10
        }));
        number /= 36;
        if number == 0 {
            return digits.iter().rev().collect();
        }
    }
}

fn listed(value: Option<&str>) -> Option<Vec<String>> {
    value.map(|list| list.split(',').map(str::to_lowercase).collect())
}

/// Sheet: Listing, v2; Record, v2.
pub(super) fn persons(desk: &Desk) -> Result<Reply, Refusal> {
    let call = desk.call;
    let (offset, size) = cursor_page(desk, 10, 50)?;
    let wanted_status = call.param("status");
    if wanted_status.is_some_and(|s| s != "ACTIVE" && s != "INACTIVE") {
        return Err(Refusal::Bad("status must be ACTIVE or INACTIVE".into()));
    }
    let (ids, emails) = (listed(call.param("id")), listed(call.param("email")));
    let updated =
        |p: &Person| Millis::from_rfc3339(&format!("{}T08:00:00Z", p.changed)).unwrap_or_default();
    let time = |name: &str| {
        let read = |text| {
            Millis::from_rfc3339(text).ok_or_else(|| Refusal::Bad(format!("{name} must be a time")))
        };
        call.param(name).map(read).transpose()
    };
    let (after, before) = (time("updated_at.gt")?, time("updated_at.lt")?);
    let roster = desk.roster(size, |p| {
        let email = p.email.as_deref().unwrap_or_default().to_lowercase();
        wanted_status.is_none_or(|s| person_status(desk, p) == s)
            && ids.as_ref().is_none_or(|ids| ids.contains(&desk.id(p)))
            && emails.as_ref().is_none_or(|emails| emails.contains(&email))
            && after.is_none_or(|t| updated(p) > t)
            && before.is_none_or(|t| updated(p) < t)
    });
    let shown = roster.page(offset, size);
    let data: Vec<Value> = shown.iter().map(|p| person(desk, p)).collect();
    let meta = links(desk, offset, size, roster.people.len());
    Ok(Reply::json(200, &json!({"_data": data, "_meta": meta})))
}

/// Sheet: Record v2, "ACTIVE also covers leave and onboarding".
fn person_status(desk: &Desk, person: &Person) -> &'static str {
    match status(desk, person) {
        EmploymentState::Left => "INACTIVE",
        _ => "ACTIVE",
    }
}

fn employment_id(desk: &Desk, person: &Person, which: &str) -> String {
    Dice::new(
        desk.company.seed,
        &format!("employment/{}/{which}", person.serial),
    )
    .uuid()
}

fn person(desk: &Desk, person: &Person) -> Value {
    let id = desk.id(person);
    let mut employments = vec![json!({"id": employment_id(desk, person, "now")})];
    if person.earlier.is_some() {
        employments.push(json!({"id": employment_id(desk, person, "before")}));
    }
    let number = json!({
        "id": "dynamic_90210", "type": "string", "global_id": null, "label": "Personnel number",
        "value": person.number.map(|n| n.to_string()),
    });
    let mut shown = json!({
        "id": id,
        "first_name": person.given,
        "last_name": person.family,
        "preferred_name": person.preferred.map(|_| person.display()),
        "status": person_status(desk, person),
        "custom_attributes": [number],
        "employments": employments,
        "created_at": format!("{}T08:00:00Z", person.start),
        "updated_at": format!("{}T08:00:00Z", person.changed),
        "_meta": {"links": {"self": {"href": format!("https://api.personio.de/v2/persons/{id}")}}},
    });
    if desk.may_read(Field::Email) {
        shown["email"] = json!(person.email);
    }
    shown
}

/// Sheet: Record v2, "Employment"; "most recent first".
pub(super) fn employments(desk: &Desk) -> Result<Reply, Refusal> {
    let person = desk.find(desk.call.place(0)).ok_or(Refusal::NotFound)?;
    let (offset, size) = cursor_page(desk, 10, 50)?;
    let mut all = vec![employment(desk, person)];
    if let Some((from, to)) = person.earlier {
        let mut before = employment(desk, person);
        before["id"] = json!(employment_id(desk, person, "before"));
        before["status"] = json!("INACTIVE");
        before["employment_start_date"] = json!(from.to_string());
        before["employment_end_date"] = json!(to.to_string());
        before["contract_end_date"] = Value::Null;
        before["termination"] = json!({"termination_date": to.to_string(), "last_working_day": to.to_string(), "terminated_at": null, "type": "EMPLOYEE", "reason": null});
        all.push(before);
    }
    let meta = links(desk, offset, size, all.len());
    let shown: Vec<Value> = all.into_iter().skip(offset).take(size).collect();
    Ok(Reply::json(200, &json!({"_data": shown, "_meta": meta})))
}

fn employment(desk: &Desk, person: &Person) -> Value {
    let id = desk.id(person);
    let [last_day, termination, contract] = match desk.may_read(Field::End) {
        true => ends(person),
        false => [None; 3],
    };
    let date = |day: Option<chrono::NaiveDate>| json!(day.map(|d| d.to_string()));
    let manager = desk
        .company
        .manager_of(person)
        .filter(|_| desk.may_read(Field::Manager));
    let word = match status(desk, person) {
        EmploymentState::Prehire => "ONBOARDING",
        EmploymentState::OnLeave => "LEAVE",
        EmploymentState::Left => "INACTIVE",
        EmploymentState::Employed | EmploymentState::Unknown => "ACTIVE",
    };
    let kind = match person.kind {
        Kind::Employee => "INTERNAL",
        Kind::Contractor => "EXTERNAL",
    };
    // "The published example spells last_working_date where the schema says last_working_day"
    let leaving = termination.map(|t| {
        json!({"termination_date": t.to_string(), "last_working_day": date(last_day), "terminated_at": null, "type": "EMPLOYEE", "reason": null})
    });
    json!({
        "id": employment_id(desk, person, "now"),
        "status": word,
        "type": kind,
        "position": {"title": person.title},
        "supervisor": manager.map(|m| json!({"id": desk.id(m)})),
        "office": {"id": person.site.id.to_string()},
        "org_units": [
            {"type": "team", "id": (person.unit.id - 420).to_string()},
            {"type": "department", "id": person.unit.id.to_string()},
        ],
        "cost_centers": [{"id": (person.unit.id + 200).to_string(), "weight": 100}],
        "legal_entity": {"id": person.entity.id.to_string()},
        "employment_start_date": person.start.to_string(),
        "employment_end_date": date(termination),
        "contract_end_date": date(contract),
        "termination": leaving,
        "person": {"id": id},
        "_meta": {"links": {"person": {"href": format!("https://api.personio.de/v2/persons/{id}")}}},
    })
}

/// Sheet: Other calls, v2.
pub(super) fn org_units(desk: &Desk) -> Result<Reply, Refusal> {
    let (offset, size) = cursor_page(desk, 10, 100)?;
    let units = UNITS.iter();
    let all: Vec<Value> = match desk.call.param("type") {
        Some("department") => units
            .map(|u| json!({"id": u.id.to_string(), "name": u.name, "type": "department", "parent_id": null}))
            .collect(),
        Some("team") => units
            .map(|u| json!({"id": (u.id - 420).to_string(), "name": u.team, "type": "team", "parent_id": u.id.to_string()}))
            .collect(),
        _ => return Err(Refusal::Bad("type must be department or team".into())),
    };
    let meta = links(desk, offset, size, all.len());
    let shown: Vec<Value> = all.into_iter().skip(offset).take(size).collect();
    Ok(Reply::json(200, &json!({"_data": shown, "_meta": meta})))
}

pub(super) fn cost_centers(desk: &Desk) -> Result<Reply, Refusal> {
    let (offset, size) = cursor_page(desk, 10, 100)?;
    let units = UNITS.iter();
    let all: Vec<Value> = units
        .map(|u| json!({"id": (u.id + 200).to_string(), "name": u.cost_center}))
        .collect();
    let meta = links(desk, offset, size, all.len());
    let shown: Vec<Value> = all.into_iter().skip(offset).take(size).collect();
    Ok(Reply::json(200, &json!({"_data": shown, "_meta": meta})))
}
