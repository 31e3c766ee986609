//! Officient: a refresh token in JSON, a list with a total, and a call for each person.

use serde_json::{Value, json};

use super::{ENDLESS, First, Row, counted, email, text};
use crate::standins::client::World;

async fn headers(world: &World) -> Vec<(&'static str, String)> {
    let body = json!({
        "client_id": world.key("client_id"),
        "client_secret": world.key("client_secret"),
        "grant_type": "refresh_token",
        "refresh_token": world.key("refresh_token"),
    });
    let kind = [("Content-Type", "application/json".to_owned())];
    let heard = world
        .send("POST", "/1.0/token", &kind, body.to_string())
        .await;
    let token = text(&heard.unwrap().good().unwrap()["access_token"]);
    vec![("Authorization", format!("Bearer {token}"))]
}

pub async fn page(world: &World, page: usize) -> First {
    First {
        method: "GET",
        path: format!("/1.0/people/list?page={page}&include_archived=1"),
        headers: headers(world).await,
        body: String::new(),
    }
}

/// Everybody on the list, and how many the vendor says there are.
async fn listed(world: &World) -> Result<(Vec<Value>, Option<u64>), String> {
    let mut found: Vec<Value> = Vec::new();
    for number in 0..ENDLESS {
        let heard = page(world, number).await.send(world).await?.good()?;
        let data = heard["data"].as_array().ok_or("no data")?;
        found.extend(data.iter().cloned());
        let total = heard["total_record_count"].as_u64();
        if data.is_empty() || found.len() as u64 >= total.unwrap_or_default() {
            return Ok((found, total));
        }
    }
    Err("no end".into())
}

pub async fn everybody(world: &World) -> Result<Vec<Row>, String> {
    let today = world.today();
    let headers = headers(world).await;
    let (found, total) = listed(world).await?;
    let mut rows = Vec::new();
    for short in &found {
        let path = format!("/1.0/people/{}/detail", text(&short["id"]));
        let heard = world.send("GET", &path, &headers, String::new()).await?;
        let heard = heard.good()?;
        let p = &heard["data"];
        let employment = &p["employment"];
        let start = text(&employment["first_employment_date"]);
        let end = text(&employment["last_employment_date"]);
        let role = text(&p["current_role"]["name"]);
        rows.push(Row {
            id: text(&p["id"]),
            email: email(&p["email"]),
            family: text(&p["last_name"]),
            title: match role.is_empty() {
                true => text(&short["role_name"]),
                false => role,
            },
            manager: text(&p["current_reports_to"]["person_id"]),
            is_in: short["archived"] == 0 && start <= today && (end.is_empty() || end >= today),
            start,
            end,
        });
    }
    counted(rows, total)
}
