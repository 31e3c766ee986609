//! HRworks: keys for a short token, pages by the header `Link`, superiors by number or login name.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{ENDLESS, First, Row, email, text};
use crate::standins::client::World;

pub const LIST: &str = "/v2/persons/master-data?onlyActive=false";

async fn token(world: &World) -> String {
    let body = json!({
        "accessKey": world.key("access_key"), "secretAccessKey": world.key("secret_access_key"),
    });
    let kind = [("Content-Type", "application/json".to_owned())];
    let heard = world
        .send("POST", "/v2/authentication", &kind, body.to_string())
        .await;
    text(&heard.unwrap().good().unwrap()["token"])
}

pub async fn page(world: &World, path: &str) -> First {
    First {
        method: "GET",
        path: path.to_owned(),
        headers: vec![
            ("Authorization", format!("Bearer {}", token(world).await)),
            ("Accept", "application/json".into()),
        ],
        body: String::new(),
    }
}

/// The address with `rel="next"`.
fn next(links: &str) -> Option<&str> {
    let next = links.split(", <").find(|l| l.ends_with("rel=\"next\""))?;
    next.trim_start_matches('<').split('>').next()
}

pub async fn everybody(world: &World) -> Result<Vec<Row>, String> {
    let mut records: Vec<Value> = Vec::new();
    let mut path = LIST.to_owned();
    for _ in 0..ENDLESS {
        let heard = page(world, &path).await.send(world).await?;
        let links = heard.header("link").unwrap_or_default().to_owned();
        let heard = heard.good()?;
        let found = heard["persons"].as_array().ok_or("no persons")?;
        records.extend(found.iter().cloned());
        match next(&links) {
            Some(next) => path = next.to_owned(),
            None => return Ok(rows(world, &records)),
        }
    }
    Err("no end".into())
}

fn rows(world: &World, records: &[Value]) -> Vec<Row> {
    let mut ids = BTreeMap::new();
    for record in records {
        for name in ["personnelNumber", "personId"] {
            ids.insert(text(&record[name]), text(&record["uuid"]));
        }
    }
    let today = world.today();
    let row = |r: &Value| {
        let superior = &r["superior"];
        let names = ["personnelNumber", "personId"].map(|n| text(&superior[n]));
        let manager = names.iter().filter(|n| !n.is_empty());
        let manager = manager.filter_map(|n| ids.get(n)).next();
        let (start, end) = (text(&r["joinDate"]), text(&r["leaveDate"]));
        let works = r["isActive"] == true && (end.is_empty() || end >= today);
        Row {
            id: text(&r["uuid"]),
            email: email(&r["email"]),
            family: text(&r["lastName"]),
            title: text(&r["position"]),
            manager: manager.cloned().unwrap_or_default(),
            is_in: works && start <= today,
            start,
            end,
        }
    };
    records.iter().map(row).collect()
}
