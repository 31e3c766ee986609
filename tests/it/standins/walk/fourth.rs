//! Fourth: two bare lists, joined by the number of the employee.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{ENDLESS, First, Row, basic, email, text};
use crate::standins::client::World;

pub const PEOPLE: &str = "Employees";

pub fn page(world: &World, list: &str, start: usize) -> First {
    First {
        method: "GET",
        path: format!(
            "/organisations/{}/{list}?start={start}&duration=25&dateFrom=&dateTo=&delta=false&showFormer=true",
            world.key("organisation_id")
        ),
        headers: vec![
            (
                "Authorization",
                basic(world.key("user_name"), world.key("password")),
            ),
            ("Accept", "application/json".into()),
        ],
        body: String::new(),
    }
}

async fn list(world: &World, name: &str) -> Result<Vec<Value>, String> {
    let mut rows = Vec::new();
    for at in 0..ENDLESS {
        let heard = page(world, name, at * 25).send(world).await?.good()?;
        let page = heard.as_array().ok_or("no list")?;
        rows.extend(page.iter().cloned());
        if page.len() < 25 {
            return Ok(rows);
        }
    }
    Err("no end".into())
}

pub async fn everybody(world: &World) -> Result<Vec<Row>, String> {
    let people = list(world, PEOPLE).await?;
    // The newest assignment of the newest employment.
    let mut newest: BTreeMap<String, Value> = BTreeMap::new();
    for row in list(world, "Employees/Employments").await? {
        let when = |r: &Value| {
            [
                text(&r["EmploymentStartDate"]),
                text(&r["AssignmentStartDate"]),
            ]
        };
        let id = text(&row["EmployeeID"]);
        if newest.get(&id).is_none_or(|known| when(&row) > when(known)) {
            newest.insert(id, row);
        }
    }
    let today = world.today();
    // Another address is the person's own.
    let ours = format!("@{}", world.key("email_domains"));
    let row = |p: &Value| {
        let job = newest
            .get(&text(&p["EmployeeID"]))
            .cloned()
            .unwrap_or_default();
        let (start, end) = (
            text(&job["EmploymentStartDate"]),
            text(&job["EmploymentEndDate"]),
        );
        Row {
            id: text(&p["FAID"]),
            email: Some(email(&p[world.key("email_field")]))
                .filter(|e| e.ends_with(&ours))
                .unwrap_or_default(),
            family: text(&p["LastName"]),
            title: text(&job["JobDescription"]),
            manager: text(&job["ReportsToFAID"]),
            is_in: job["EmploymentStatus"] == "Current" && start <= today,
            start,
            end,
        }
    };
    Ok(people.iter().map(row).collect())
}
