//! Sage HR: those who are there and those who left, in two lists of one form.

use serde_json::Value;

use super::{ENDLESS, First, Row, counted, email, text};
use crate::standins::client::World;

pub const PEOPLE: &str = "employees";
const LEAVERS: &str = "terminated-employees";

pub fn page(world: &World, list: &str, page: usize) -> First {
    First {
        method: "GET",
        path: format!("/api/{list}?page={page}"),
        headers: vec![("X-Auth-Token", world.key("api_key").to_owned())],
        body: String::new(),
    }
}

/// All rows of a list, and how many the vendor says there are.
async fn rows(world: &World, list: &str) -> Result<(Vec<Value>, u64), String> {
    let mut rows: Vec<Value> = Vec::new();
    for number in 1..ENDLESS {
        let heard = page(world, list, number).send(world).await?.good()?;
        let data = heard["data"].as_array().ok_or("no data")?;
        rows.extend(data.iter().cloned());
        if heard["meta"]["next_page"].is_null() {
            let total = heard["meta"]["total_entries"].as_u64().ok_or("no total")?;
            return Ok((rows, total));
        }
    }
    Err("no end".into())
}

pub async fn everybody(world: &World) -> Result<Vec<Row>, String> {
    let (people, there) = rows(world, PEOPLE).await?;
    let (leavers, gone) = rows(world, LEAVERS).await?;
    let (teams, _) = rows(world, "teams").await?;
    // Who has no manager of their own has that of the team.
    let manager = |r: &Value| {
        let team = teams
            .iter()
            .find(|t| !r["team_id"].is_null() && t["id"] == r["team_id"]);
        let lead = team.map_or(&Value::Null, |t| &t["manager_ids"][0]);
        let own = &r["reports_to_employee_id"];
        let lead = if *lead == r["id"] { &Value::Null } else { lead };
        text(if own.is_null() { lead } else { own })
    };
    let today = world.today();
    let row = |r: &Value| {
        let start = text(&r["employment_start_date"]);
        // Only a leaver's record has one; it may lie ahead.
        let end = text(&r["termination_date"]);
        Row {
            id: text(&r["id"]),
            email: email(&r["email"]),
            family: text(&r["last_name"]),
            title: text(&r["position"]),
            manager: manager(r),
            is_in: start <= today && (end.is_empty() || end >= today),
            start,
            end,
        }
    };
    counted(
        people.iter().chain(&leavers).map(row).collect(),
        Some(there + gone),
    )
}
