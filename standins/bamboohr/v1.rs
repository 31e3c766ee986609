//! BambooHR's older endpoints: custom report, list of employees, one employee, what changed.

use serde_json::{Map, Value, json};

use super::{
    email, employment, end, is_restricted, last_changed, only, readable_manager, status,
    wanted_fields,
};
use crate::cli::simulate::hris::call::{Refusal, Reply};
use crate::cli::simulate::hris::desk::Desk;
use crate::cli::simulate::hris::people::Person;
use crate::cli::simulate::hris::xml::escape;
use crate::domain::clock::Millis;

/// Sheet: Record, column B. Nothing for a name that reports do not have.
fn report_field(desk: &Desk, person: &Person, name: &str) -> Option<String> {
    let manager = readable_manager(desk, person);
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    Some(match name {
        "employeeNumber" => person.number.map(|n| n.to_string()).unwrap_or_default(),
        "firstName" => person.given.to_owned(),
        "lastName" => person.family.to_owned(),
        "preferredName" => text(person.preferred),
        "displayName" => person.display(),
        "workEmail" => text(email(desk, person)),
        "bestEmail" => text(email(desk, person).or(Some(&person.private_email))),
        "homeEmail" => person.private_email.clone(),
        "jobTitle" => person.title.to_owned(),
        "department" => person.unit.name.to_owned(),
        "division" => person.unit.division.to_owned(),
        "location" => person.site.name.to_owned(),
        "supervisorEId" => manager.map(|m| desk.id(m)).unwrap_or_default(),
        "supervisorId" => manager
            .and_then(|m| m.number)
            .map(|n| n.to_string())
            .unwrap_or_default(),
        "supervisor" => manager
            .map(|m| format!("{}, {}", m.family, m.given))
            .unwrap_or_default(),
        "supervisorEmail" => text(manager.and_then(|m| m.email.as_deref())),
        "status" => status(desk, person).to_owned(),
        "employmentHistoryStatus" => employment(desk, person).to_owned(),
        "hireDate" => person.start.to_string(),
        // "absent values are "", dates may be 0000-00-00"
        "terminationDate" => end(desk, person).unwrap_or_else(|| "0000-00-00".to_owned()),
        "workPhone" => text(person.work_phone.as_deref()),
        "mobilePhone" => text(person.mobile.as_deref()),
        _ => return None,
    })
}

/// Sheet: "B. Custom report v1".
pub(super) fn report(desk: &Desk) -> Result<Reply, Refusal> {
    if desk.call.param("format") != Some("JSON") {
        return Err(Refusal::Bad(
            "this stand-in has the format JSON only".into(),
        ));
    }
    let body = desk.call.object()?;
    only(&body, &["title", "fields", "filters"])?;
    let wanted = wanted_fields(&body, 400)?;
    // "unknown or forbidden fields are silently dropped"
    let is_there = |name: &&String| {
        let first = desk.company.people().next();
        first.is_some_and(|p| report_field(desk, p, name).is_some()) && !is_restricted(desk, name)
    };
    let names: Vec<&String> = wanted.iter().filter(is_there).collect();
    // "custom reports include inactive people (recalled)"
    let roster = desk.roster(100, |_| true);
    let row = |p: &&Person| {
        let mut row = Map::new();
        row.insert("id".into(), json!(desk.id(p)));
        for name in &names {
            row.insert((*name).clone(), json!(report_field(desk, p, name)));
        }
        Value::Object(row)
    };
    let fields: Vec<Value> = names
        .iter()
        .map(|n| json!({"id": n, "type": if n.ends_with("Date") { "date" } else { "text" }, "name": n}))
        .collect();
    let employees: Vec<Value> = roster.people.iter().map(row).collect();
    let title = body
        .get("title")
        .and_then(Value::as_str)
        .unwrap_or_default();
    Ok(Reply::json(
        200,
        &json!({"title": title, "fields": fields, "employees": employees}),
    ))
}

/// Sheet: C, "Always returned".
const ALWAYS: &[&str] = &[
    "employeeId",
    "firstName",
    "lastName",
    "preferredName",
    "photoUrl",
    "jobTitleName",
    "status",
];

/// Sheet: Record, column C. Nothing for a name that the list does not have.
fn list_field(desk: &Desk, person: &Person, name: &str) -> Option<Value> {
    let manager = readable_manager(desk, person);
    Some(match name {
        "employeeId" => json!(desk.id(person)),
        "photoUrl" => Value::Null,
        "jobTitleName" => json!(person.title),
        "status" => json!(status(desk, person)),
        "preferredName" => json!(person.preferred),
        "departmentId" => json!(person.unit.id.to_string()),
        "departmentName" => json!(person.unit.name),
        "divisionName" => json!(person.unit.division),
        "locationName" => json!(person.site.name),
        "reportsToId" => json!(manager.map(|m| desk.id(m))),
        "workEmail" => json!(email(desk, person)),
        "terminationDate" => json!(end(desk, person)),
        "employeeNumber" => json!(person.number.map(|n| n.to_string())),
        "workPhone" => json!(person.work_phone),
        "mobilePhone" => json!(person.mobile),
        "firstName" | "lastName" | "hireDate" | "displayName" | "homeEmail" => {
            json!(report_field(desk, person, name))
        }
        _ => return None,
    })
}

/// Sheet: "C. List Employees".
pub(super) fn list(desk: &Desk) -> Result<Reply, Refusal> {
    let call = desk.call;
    let asked = call.number("page[limit]")?;
    // "100 is safe everywhere", "max 2500 in the current docs"
    if asked.is_some_and(|n| n == 0 || n > 2500) {
        return Err(Refusal::Bad("`page[limit]` is 1 to 2500".into()));
    }
    let size = desk.page_size(asked, 50, 100);
    let offset = match call.param("page[after]") {
        None => 0,
        Some(cursor) => cursor
            .strip_prefix("after-")
            .and_then(|c| usize::from_str_radix(c, 16).ok())
            .ok_or_else(|| Refusal::Bad("`page[after]` is no cursor of this list".into()))?,
    };
    // "Ask once with filter[status]=active and once with inactive"
    let wanted = match call.param("filter[status]").unwrap_or("active") {
        "active" => "Active",
        "inactive" => "Inactive",
        _ => {
            return Err(Refusal::Bad(
                "`filter[status]` is active or inactive".into(),
            ));
        }
    };
    let extra: Vec<&str> = call
        .param("fields")
        .unwrap_or_default()
        .split(',')
        .collect();
    let roster = desk.roster(size, |p| status(desk, p) == wanted);
    let shown = roster.page(offset, size);
    let row = |p: &&Person| {
        let mut row = Map::new();
        // "Unrecognised names are silently ignored"
        for name in ALWAYS.iter().chain(&extra) {
            if let Some(value) = list_field(desk, p, name) {
                row.insert((*name).to_owned(), value);
            }
        }
        let restricted: Vec<_> = extra.iter().filter(|n| is_restricted(desk, n)).collect();
        if !restricted.is_empty() {
            row.insert("_restrictedFields".into(), json!(restricted));
        }
        Value::Object(row)
    };
    let data: Vec<Value> = shown.iter().map(row).collect();
    let cursor = |offset: usize| format!("after-{offset:x}");
    let next = (offset + size < roster.people.len()).then(|| cursor(offset + size));
    let before = (offset > 0).then(|| cursor(offset.saturating_sub(size)));
    let meta = json!({"total": roster.total, "page": {"nextCursor": next, "prevCursor": before}});
    Ok(Reply::json(
        200,
        &json!({"data": data, "meta": meta, "_links": {}}),
    ))
}

/// Sheet: Access, "Check call"; other ids answer with a report's fields.
pub(super) fn one(desk: &Desk) -> Result<Reply, Refusal> {
    let id = desk.call.places.last().map_or("", String::as_str);
    // 0 is the employee who owns the key: the user of a connection of its own is none.
    let person = desk.find(id).ok_or(Refusal::NotFound)?;
    let mut row = vec![("id".to_owned(), desk.id(person))];
    for name in desk.call.param("fields").unwrap_or_default().split(',') {
        if let Some(value) = report_field(desk, person, name).filter(|_| !is_restricted(desk, name))
        {
            row.push((name.to_owned(), value));
        }
    }
    // Sheet: Access, "Always send Accept: application/json; several endpoints answer XML otherwise".
    if !desk.call.accepts("application/json") {
        let fields: String = row
            .iter()
            .skip(1)
            .map(|(name, value)| format!("<field id=\"{name}\">{}</field>", escape(value)))
            .collect();
        let body = format!(
            "<?xml version=\"1.0\"?>\n<employee id=\"{}\">{fields}</employee>\n",
            row[0].1
        );
        return Ok(Reply::new(200, "text/xml", body));
    }
    let object: Map<String, Value> = row.into_iter().map(|(n, v)| (n, json!(v))).collect();
    Ok(Reply::json(200, &Value::Object(object)))
}

/// Sheet: Limits, "GET /api/v1/employees/changed".
pub(super) fn changed(desk: &Desk) -> Result<Reply, Refusal> {
    let since = desk.call.param("since").and_then(Millis::from_rfc3339);
    let since = since.ok_or_else(|| Refusal::Bad("`since` must be a time of ISO 8601".into()))?;
    let wanted = desk.call.param("type");
    if wanted.is_some_and(|w| !["inserted", "updated", "deleted"].contains(&w)) {
        return Err(Refusal::Bad(
            "`type` is inserted, updated or deleted".into(),
        ));
    }
    let mut employees = Map::new();
    for person in desk.company.everybody() {
        let at = last_changed(person);
        let action = match (person.is_deleted, person.start == person.changed) {
            (true, _) => "Deleted",
            (false, true) => "Inserted",
            (false, false) => "Updated",
        };
        let is_wanted = wanted.is_none_or(|w| w.eq_ignore_ascii_case(action));
        if is_wanted && Millis::from_rfc3339(&at).is_some_and(|t| t >= since) {
            let id = desk.id(person);
            employees.insert(
                id.clone(),
                json!({"id": id, "action": action, "lastChanged": at}),
            );
        }
    }
    let latest = format!("{}T09:15:00+00:00", desk.company.day);
    Ok(Reply::json(
        200,
        &json!({"latest": latest, "employees": employees}),
    ))
}
