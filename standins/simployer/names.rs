//! Simployer One: what ids of people stand for.

use serde_json::{Value, json};

use super::{envelope, hex, listed, window};
use crate::cli::simulate::hris::call::{Refusal, Reply};
use crate::cli::simulate::hris::desk::Desk;
use crate::cli::simulate::hris::names::{ENTITIES, SITES, UNITS};

/// SDK, `DepartmentApi.md`, `OfficeApi.md`, `CostCenterApi.md`, `CompanyApi.md`, `TeamApi.md`, "select".
const OF_DEPARTMENTS: &[&str] = &[
    "id",
    "companyId",
    "name",
    "costCenterId",
    "effectiveCostCenterId",
    "parentId",
];
const OF_OFFICES: &[&str] = &[
    "id",
    "companyId",
    "name",
    "phone",
    "email",
    "timezone",
    "CFAR",
    "SCB",
    "SNI",
];
const OF_COST_CENTERS: &[&str] = &["id", "companyId", "code", "name"];
const OF_COMPANIES: &[&str] = &["id"];
const OF_TEAMS: &[&str] = &["id", "companyId", "name"];

pub(super) fn department_id(seed: u64, id: u32) -> String {
    hex(seed, &format!("department/{id}"))
}

pub(super) fn office_id(seed: u64, id: u32) -> String {
    hex(seed, &format!("office/{id}"))
}

pub(super) fn company_id(seed: u64, id: u32) -> String {
    hex(seed, &format!("company/{id}"))
}

pub(super) fn center_id(seed: u64, code: &str) -> String {
    hex(seed, &format!("center/{code}"))
}

/// SDK, `DepartmentResponse.md`.
pub(super) fn department(seed: u64, id: u32) -> Value {
    let unit = UNITS.iter().find(|u| u.id == id);
    let center = unit.map(|u| center_id(seed, u.cost_center));
    // One of one's own, or that of the one above.
    let own = center.clone().filter(|_| id.is_multiple_of(2));
    json!({
        "id": department_id(seed, id), "companyId": company_id(seed, ENTITIES[0].id),
        "name": unit.map(|u| u.name), "description": null, "costCenterId": own,
        "effectiveCostCenterId": center, "parentId": null,
    })
}

/// SDK, `OfficeResponse.md`.
pub(super) fn office(seed: u64, id: u32) -> Value {
    let site = SITES.iter().find(|s| s.id == id);
    json!({
        "id": office_id(seed, id), "companyId": company_id(seed, ENTITIES[0].id),
        "name": site.map(|s| s.name), "phone": "", "email": "",
        "timezone": site.map(|s| s.zone), "CFAR": "12345678", "SCB": "12345678", "SNI": "12345678",
    })
}

/// SDK, `CostCenterResponse.md`: a code, and a name that need not be there.
pub(super) fn cost_center(seed: u64, code: &str) -> Value {
    let mut row = json!({
        "id": center_id(seed, code), "companyId": company_id(seed, ENTITIES[0].id), "code": code,
    });
    if code.ends_with("00") {
        row["name"] = json!(code);
    }
    row
}

/// A page of rows that are not people.
fn plain(desk: &Desk, rows: Vec<Value>, known: &[&str]) -> Result<Reply, Refusal> {
    let (offset, size) = window(desk)?;
    let select = listed(desk, "select", known)?;
    let is_wanted = |name: &String| select.as_ref().is_none_or(|names| names.contains(name));
    let total = rows.len();
    let mut data: Vec<Value> = rows.into_iter().skip(offset).take(size).collect();
    for row in data.iter_mut().filter_map(Value::as_object_mut) {
        row.retain(|name, _| is_wanted(name));
    }
    Ok(envelope(total, offset, data, json!({})))
}

pub(super) fn departments(desk: &Desk) -> Result<Reply, Refusal> {
    let seed = desk.company.seed;
    let rows = UNITS.iter().map(|u| department(seed, u.id));
    plain(desk, rows.collect(), OF_DEPARTMENTS)
}

pub(super) fn offices(desk: &Desk) -> Result<Reply, Refusal> {
    let seed = desk.company.seed;
    let rows = SITES.iter().map(|s| office(seed, s.id));
    plain(desk, rows.collect(), OF_OFFICES)
}

pub(super) fn cost_centers(desk: &Desk) -> Result<Reply, Refusal> {
    let seed = desk.company.seed;
    let rows = UNITS.iter().map(|u| cost_center(seed, u.cost_center));
    plain(desk, rows.collect(), OF_COST_CENTERS)
}

pub(super) fn companies(desk: &Desk) -> Result<Reply, Refusal> {
    let seed = desk.company.seed;
    let row = |id: u32, name: &str| json!({"id": company_id(seed, id), "name": name});
    let rows = ENTITIES.iter().map(|e| row(e.id, e.name));
    plain(desk, rows.collect(), OF_COMPANIES)
}

pub(super) fn teams(desk: &Desk) -> Result<Reply, Refusal> {
    let seed = desk.company.seed;
    let company = company_id(seed, ENTITIES[0].id);
    let row = |id: u32, name: &str| json!({"id": hex(seed, &format!("team/{id}")), "companyId": company, "name": name});
    let rows = UNITS.iter().map(|u| row(u.id, u.team));
    plain(desk, rows.collect(), OF_TEAMS)
}
