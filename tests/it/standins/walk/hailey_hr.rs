//! Hailey HR: everybody in one array, and names for ids in one answer more.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{First, Row, email, text};
use crate::standins::client::World;

pub fn get(world: &World, path: &str) -> First {
    First {
        method: "GET",
        path: path.to_owned(),
        headers: vec![
            (
                "Authorization",
                format!("Bearer {}", world.key("access_token")),
            ),
            ("Accept", "application/json".into()),
        ],
        body: String::new(),
    }
}

pub async fn everybody(world: &World) -> Result<Vec<Row>, String> {
    let people = get(world, "/Employees").send(world).await?.good()?;
    let company = get(world, "/Company").send(world).await?.good()?;
    let titles: BTreeMap<String, String> = company["titles"]
        .as_array()
        .ok_or("no titles")?
        .iter()
        .map(|t| (text(&t["id"]), text(&t["name"])))
        .collect();
    let row = |r: &Value| {
        let (start, end) = (text(&r["dateOfJoining"]), text(&r["lastDayOfEmployment"]));
        let title = titles.get(&text(&r["titleIds"][0]));
        let word = text(&r["employmentStatus"]).replace(' ', "").to_lowercase();
        Row {
            id: text(&r["employeeId"]),
            email: email(&r["companyEmail"]),
            family: text(&r["lastName"]),
            title: title.cloned().unwrap_or_default(),
            manager: text(&r["managerEmployeeId"]),
            is_in: ["inservice", "leaving"].contains(&word.as_str()),
            start,
            end,
        }
    };
    let people = people.as_array().ok_or("no people")?;
    Ok(people.iter().map(row).collect())
}
