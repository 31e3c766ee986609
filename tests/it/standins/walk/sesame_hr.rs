//! Sesame HR: pages by number, managers in a list of their own, dates in a call for each person.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{ENDLESS, First, Row, email, text};
use crate::standins::client::World;

pub const PEOPLE: &str = "/core/v3/employees?status%5Bin%5D=active,inactive";

fn get(world: &World, path: String) -> First {
    First {
        method: "GET",
        path,
        headers: vec![(
            "Authorization",
            format!("Bearer {}", world.key("api_token")),
        )],
        body: String::new(),
    }
}

pub fn page(world: &World, list: &str, page: usize) -> First {
    let sign = if list.contains('?') { '&' } else { '?' };
    get(world, format!("{list}{sign}limit=100&page={page}"))
}

async fn rows(world: &World, list: &str) -> Result<Vec<Value>, String> {
    let mut rows: Vec<Value> = Vec::new();
    for number in 1..ENDLESS {
        let heard = page(world, list, number).send(world).await?.good()?;
        let data = heard["data"].as_array().ok_or("no data")?;
        rows.extend(data.iter().cloned());
        let meta = &heard["meta"];
        if meta["currentPage"].as_u64() >= meta["lastPage"].as_u64() {
            let ids: BTreeSet<String> = rows.iter().map(|r| text(&r["id"])).collect();
            return match Some(ids.len() as u64) == meta["total"].as_u64() {
                true => Ok(rows),
                false => Err(format!("{} of {} people came", ids.len(), meta["total"])),
            };
        }
    }
    Err("no end".into())
}

pub async fn everybody(world: &World) -> Result<Vec<Row>, String> {
    let mut bonds = rows(world, "/core/v3/employee-managers").await?;
    // The last one counts: who approves leave, and of them the lowest.
    bonds.sort_by_key(|b| {
        (
            b["permission"] == "vacation",
            -b["order"].as_i64().unwrap_or(0),
        )
    });
    let id = |b: &Value, who: &str| text(&b[who]["id"]);
    let bosses: BTreeMap<String, String> = bonds
        .iter()
        .map(|b| (id(b, "employee"), id(b, "manager")))
        .collect();
    let mut all = Vec::new();
    for p in rows(world, PEOPLE).await? {
        let id = text(&p["id"]);
        let path = format!("/contract/v1/contracts/{id}/current-contract");
        let heard = get(world, path).send(world).await?.good()?;
        let contract = &heard["data"];
        let names = ["lastName", "secondLastName"].map(|n| text(&p[n]));
        let title = text(&p["jobChargeName"]);
        let (start, end) = (text(&contract["startAt"]), text(&contract["endAt"]));
        let today = world.today();
        all.push(Row {
            email: email(&p["email"]),
            family: names.join(" ").trim().to_owned(),
            title: match title.is_empty() {
                true => text(&contract["jobCharge"]["name"]),
                false => title,
            },
            manager: bosses.get(&id).cloned().unwrap_or_default(),
            is_in: p["status"] == "active" && start <= today,
            id,
            start,
            end,
        });
    }
    Ok(all)
}
