//! Lucca's lists of other things than people and their careers.

use chrono::NaiveDate;
use serde_json::json;

use super::{ORIGIN, plain, reference};
use crate::cli::simulate::hris::call::{Refusal, Reply};
use crate::cli::simulate::hris::desk::Desk;
use crate::cli::simulate::hris::names::{ENTITIES, SITES, UNITS};

/// The property that holds the cost centre. Reference, "Employee attributes: get started": a company's own ones have
/// names like `e_tShirtSize`.
pub(super) const COST_PROPERTY: &str = "e_costCenter";

/// Reference, "List departments".
pub(super) fn departments(desk: &Desk) -> Result<Reply, Refusal> {
    let rows = UNITS.iter().map(|u| {
        json!({
            "id": u.id.to_string(), "type": "department", "url": format!("{ORIGIN}/lucca-api/departments/{}", u.id),
            "name": u.name, "description": null, "remoteId": u.cost_center, "isArchived": false, "parent": null,
            "level": 1, "sortOrder": 1, "manager": null, "links": {},
        })
    });
    plain(desk, rows.collect())
}

pub(super) fn entities(desk: &Desk) -> Result<Reply, Refusal> {
    let rows = ENTITIES.iter().map(|e| {
        json!({
            "id": e.id.to_string(), "type": "legal-entity",
            "url": format!("{ORIGIN}/lucca-api/legal-entities/{}", e.id), "name": e.name,
        })
    });
    plain(desk, rows.collect())
}

pub(super) fn establishments(desk: &Desk) -> Result<Reply, Refusal> {
    let rows = SITES.iter().map(|s| {
        json!({
            "id": s.id.to_string(), "type": "business-establishment",
            "url": format!("{ORIGIN}/lucca-api/business-establishments/{}", s.id), "name": s.name, "timeZone": s.zone,
        })
    });
    plain(desk, rows.collect())
}

/// Reference, "List employee-attributes": the values of one property, one row a person.
pub(super) fn attributes(desk: &Desk) -> Result<Reply, Refusal> {
    if desk.call.param("definition.id") != Some(COST_PROPERTY) {
        return Err(Refusal::Bad("there is no such definition".into()));
    }
    let day = desk.call.param("applicability.asOf");
    if day.is_none_or(|day| day.parse::<NaiveDate>().is_err()) {
        return Err(Refusal::Bad("applicability.asOf must be a date".into()));
    }
    let rows = desk.company.people().map(|p| {
        let id = format!("A{}", p.serial);
        json!({
            "id": id, "type": "employee-attribute", "url": format!("{ORIGIN}/lucca-api/employee-attributes/{id}"),
            "definition": reference("employee-attribute-definition", COST_PROPERTY),
            "employee": reference("employee", &desk.id(p)),
            "applicability": null, "value": p.unit.cost_center, "links": {},
        })
    });
    plain(desk, rows.collect())
}
