//! Eurécia: a temporary token for a token, a short list, and a call for each person.

use chrono::{DateTime, TimeDelta};
use serde_json::Value;

use super::{ENDLESS, First, Row, counted, email, text};
use crate::standins::client::World;

const REST: &str = "/eurecia/rest";

async fn headers(world: &World) -> Vec<(&'static str, String)> {
    let json = ("Accept", "application/json".to_owned());
    let pasted = [
        ("authToken", world.key("api_token").to_owned()),
        json.clone(),
    ];
    let path = format!("{REST}/v1/Auth");
    let heard = world.send("GET", &path, &pasted, String::new()).await;
    let heard = heard.unwrap().good().unwrap();
    let token = text(&heard["eureciaResponse"]["temporaryToken"]["token"]["$"]);
    vec![("token", token), json]
}

pub async fn page(world: &World, page: usize) -> First {
    First {
        method: "GET",
        path: format!("{REST}/v4/users?page={page}"),
        headers: headers(world).await,
        body: String::new(),
    }
}

/// The day in Paris whose midnight that is: noon of the same day in UTC is some hours later.
fn day(value: &Value) -> String {
    let at = value.as_i64().and_then(DateTime::from_timestamp_millis);
    let noon = at.map(|at| at + TimeDelta::hours(12));
    noon.map(|at| at.date_naive().to_string())
        .unwrap_or_default()
}

pub async fn everybody(world: &World) -> Result<Vec<Row>, String> {
    let today = world.today();
    let headers = headers(world).await;
    let mut rows = Vec::new();
    for number in 0..ENDLESS {
        let heard = page(world, number).await.send(world).await?.good()?;
        for short in heard["content"].as_array().ok_or("no content")? {
            let path = format!("{REST}/v4/users/{}", text(&short["id"]));
            let heard = world.send("GET", &path, &headers, String::new()).await?;
            let p = heard.good()?;
            let (start, end) = (day(&p["hiringDate"]), day(&p["departureDate"]));
            rows.push(Row {
                id: text(&p["id"]),
                email: email(&p["email"]),
                family: text(&p["lastName"]),
                title: text(&p["jobTitle"]),
                manager: text(&p["userDirectManagers"][0]),
                is_in: p["archived"] != true && start <= today && (end.is_empty() || end >= today),
                start,
                end,
            });
        }
        let pages = heard["totalPages"].as_u64().unwrap_or_default();
        if number as u64 + 1 >= pages {
            return counted(rows, heard["totalElements"].as_u64());
        }
    }
    Err("no end".into())
}
