//! Planday: a refresh token, two lists, a table of supervisors, titles one by one.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{ENDLESS, First, Row, email, text};
use crate::standins::client::World;

async fn headers(world: &World) -> Vec<(&'static str, String)> {
    let body = format!(
        "client_id={}&grant_type=refresh_token&refresh_token={}",
        world.key("client_id"),
        world.key("refresh_token")
    );
    let form = "application/x-www-form-urlencoded".to_owned();
    let kind = [("Content-Type", form)];
    let heard = world.send("POST", "/connect/token", &kind, body).await;
    let token = text(&heard.unwrap().good().unwrap()["access_token"]);
    vec![
        ("Authorization", format!("Bearer {token}")),
        ("X-ClientId", world.key("client_id").to_owned()),
    ]
}

pub async fn page(world: &World, list: &str, offset: usize) -> First {
    First {
        method: "GET",
        path: format!("/hr/v1.0/{list}?limit=50&offset={offset}"),
        headers: headers(world).await,
        body: String::new(),
    }
}

async fn rows(world: &World, list: &str) -> Result<Vec<Value>, String> {
    let mut rows: Vec<Value> = Vec::new();
    let mut offset = 0;
    for _ in 0..ENDLESS {
        let heard = page(world, list, offset).await.send(world).await?.good()?;
        let data = heard["data"].as_array().ok_or("no data")?;
        rows.extend(data.iter().cloned());
        let number = |name: &str| heard["paging"][name].as_u64().unwrap_or_default() as usize;
        offset += number("limit");
        if offset >= number("total") {
            let ids: BTreeSet<String> = rows.iter().map(|r| text(&r["id"])).collect();
            return match ids.len() == number("total") {
                true => Ok(rows),
                false => Err(format!("{} of {} people came", ids.len(), number("total"))),
            };
        }
    }
    Err("no end".into())
}

pub async fn everybody(world: &World) -> Result<Vec<Row>, String> {
    let mut bosses = BTreeMap::new();
    for row in rows(world, "employees/supervisors").await? {
        bosses.insert(text(&row["id"]), text(&row["employeeId"]));
    }
    let today = world.today();
    let mut all = Vec::new();
    for list in ["employees", "employees/deactivated"] {
        let is_active = list == "employees";
        let headers = headers(world).await;
        for record in rows(world, list).await? {
            let id = text(&record["id"]);
            let title = if is_active {
                let path = format!("/hr/v1.0/employees/{id}");
                let heard = world.send("GET", &path, &headers, String::new()).await?;
                text(&heard.good()?["data"]["jobTitle"])
            } else {
                String::new()
            };
            let end = match is_active {
                true => text(&record["deactivationDate"]),
                false => text(&record["dateTimeDeleted"]).chars().take(10).collect(),
            };
            let start = text(&record["hiredDate"]);
            let boss = bosses.get(&text(&record["supervisorId"]));
            all.push(Row {
                id,
                email: email(&record["email"]),
                family: text(&record["lastName"]),
                title,
                manager: boss.cloned().unwrap_or_default(),
                is_in: is_active && start <= today && (end.is_empty() || end >= today),
                start,
                end,
            });
        }
    }
    Ok(all)
}
