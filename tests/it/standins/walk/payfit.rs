//! PayFit: the company from the key, people and contracts by cursor.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{ENDLESS, First, Row, email, text};
use crate::standins::client::World;

pub const PEOPLE: &str = "collaborators";

fn headers(world: &World) -> Vec<(&'static str, String)> {
    let key = format!("Bearer {}", world.key("api_key"));
    vec![("Authorization", key)]
}

async fn company(world: &World) -> String {
    let mut headers = headers(world);
    headers.push(("Content-Type", "application/json".into()));
    let body = json!({"token": world.key("api_key")}).to_string();
    let heard = world.send("POST", "/introspect", &headers, body).await;
    text(&heard.unwrap().good().unwrap()["company_id"])
}

fn at(world: &World, company: &str, list: &str, token: &str) -> First {
    let next = match token {
        "" => String::new(),
        token => format!("&nextPageToken={token}"),
    };
    First {
        method: "GET",
        path: format!("/companies/{company}/{list}?maxResults=50{next}"),
        headers: headers(world),
        body: String::new(),
    }
}

/// The company's id has to be known first; it is kept, so that a fault on one request meets this one.
pub async fn page(world: &World, list: &str) -> First {
    let known = world.memory.borrow().clone();
    let company = match known {
        Some(company) => company,
        None => company(world).await,
    };
    *world.memory.borrow_mut() = Some(company.clone());
    at(world, &company, list, "")
}

async fn rows(world: &World, list: &str) -> Result<Vec<Value>, String> {
    let mut request = page(world, list).await;
    let company = world.memory.borrow().clone().unwrap_or_default();
    let mut rows = Vec::new();
    for _ in 0..ENDLESS {
        let heard = request.send(world).await?.good()?;
        rows.extend(heard[list].as_array().ok_or("no rows")?.iter().cloned());
        let token = text(&heard["meta"]["nextPageToken"]);
        if token.is_empty() {
            return Ok(rows);
        }
        request = at(world, &company, list, &token);
    }
    Err("no end".into())
}

pub async fn everybody(world: &World) -> Result<Vec<Row>, String> {
    let people = rows(world, PEOPLE).await?;
    let mut contracts = BTreeMap::new();
    for contract in rows(world, "contracts").await? {
        contracts.insert(text(&contract["contractId"]), contract);
    }
    let ours = format!("@{}", world.key("email_domains"));
    let today = world.today();
    let row = |p: &Value| {
        // The contract that began last is the present one, or the one to come.
        let own = p["contracts"].as_array().into_iter().flatten();
        let now = own.max_by_key(|c| text(&c["startDate"]));
        let now = now.unwrap_or(&Value::Null);
        let contract = contracts.get(&text(&now["id"])).unwrap_or(&Value::Null);
        // Whatever it is called, and wherever it stands.
        let listed = p["emails"].as_array().into_iter().flatten();
        let addresses = listed
            .map(|e| &e["email"])
            .chain([&contract["contactEmail"]]);
        let mut work = addresses.map(email).filter(|e| e.ends_with(&ours));
        let (start, last) = (text(&now["startDate"]), text(&p["terminationDate"]));
        let end = match last.is_empty() {
            true => text(&now["endDate"]),
            false => last,
        };
        Row {
            id: text(&p["id"]),
            email: work.next().unwrap_or_default(),
            family: text(&p["lastName"]),
            title: text(&contract["jobName"]),
            manager: text(&p["managerId"]),
            is_in: now["status"] == "ACTIVE" && (end.is_empty() || end >= today),
            start,
            end,
        }
    };
    Ok(people.iter().map(row).collect())
}
