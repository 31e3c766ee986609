//! Directories that are asked for their people as if they were HR systems.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};
use serde_json::Value;

use super::{ENDLESS, First, Row, email, text};
use crate::standins::client::World;

async fn entra_token(world: &World) -> String {
    let kind = [(
        "Content-Type",
        "application/x-www-form-urlencoded".to_owned(),
    )];
    let body = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default",
        world.key("client_id"),
        world.key("client_secret").replace('~', "%7E"),
    );
    let path = format!("/{}/oauth2/v2.0/token", world.key("tenant_id"));
    let heard = world.send("POST", &path, &kind, body).await;
    text(&heard.unwrap().good().unwrap()["access_token"])
}

pub(super) async fn entra_first(world: &World) -> First {
    let select = "id,accountEnabled,userPrincipalName,mail,surname,jobTitle,employeeHireDate,employeeLeaveDateTime";
    First {
        method: "GET",
        path: format!("/v1.0/users?$select={select}&$expand=manager($select=id)&$top=999"),
        headers: vec![(
            "Authorization",
            format!("Bearer {}", entra_token(world).await),
        )],
        body: String::new(),
    }
}

/// The nearest day: the moment can be the midnight of an office in another zone.
fn nearest_day(moment: &Value) -> String {
    let moment = text(moment);
    let day: NaiveDate = moment[..10].parse().unwrap();
    let is_late = moment[11..13].parse::<u64>().unwrap() / 12;
    day.checked_add_days(Days::new(is_late))
        .unwrap()
        .to_string()
}

pub(super) async fn entra(world: &World) -> Result<Vec<Row>, String> {
    let first = entra_first(world).await;
    let today = world.today();
    let mut rows = Vec::new();
    let mut at = first.path.clone();
    for _ in 0..ENDLESS {
        let heard = world.send("GET", &at, &first.headers, String::new());
        let heard = heard.await?.good()?;
        for u in heard["value"].as_array().ok_or("no value")? {
            let start = nearest_day(&u["employeeHireDate"]);
            let end: String = text(&u["employeeLeaveDateTime"]).chars().take(10).collect();
            let is_over = !end.is_empty() && end < today;
            let mail = email(&u["mail"]);
            rows.push(Row {
                id: text(&u["id"]),
                email: if mail.is_empty() {
                    email(&u["userPrincipalName"])
                } else {
                    mail
                },
                family: text(&u["surname"]),
                title: text(&u["jobTitle"]),
                manager: text(&u["manager"]["id"]),
                is_in: u["accountEnabled"] == true && start <= today && !is_over,
                start,
                end,
            });
        }
        at = text(&heard["@odata.nextLink"]);
        if at.is_empty() {
            return Ok(rows);
        }
    }
    Err("no end".into())
}

pub(super) fn okta_page(world: &World, query: &str) -> First {
    First {
        method: "GET",
        path: format!("/api/v1/users?limit=200{query}"),
        headers: vec![
            ("Authorization", format!("SSWS {}", world.key("api_token"))),
            ("Accept", "application/json".into()),
        ],
        body: String::new(),
    }
}

/// Everybody but leavers, or leavers.
async fn okta_list(world: &World, query: &str) -> Result<Vec<Value>, String> {
    let mut request = okta_page(world, query);
    let mut users = Vec::new();
    for _ in 0..ENDLESS {
        let heard = request.send(world).await?;
        let is_next =
            |(name, value): &&(String, String)| name == "link" && value.ends_with("rel=\"next\"");
        let next = heard.headers.iter().find(is_next).map(|(_, v)| v.clone());
        users.extend(heard.good()?.as_array().ok_or("no list")?.iter().cloned());
        let Some(next) = next else {
            return Ok(users);
        };
        request.path = next[1..next.find('>').ok_or("no address")?].to_owned();
    }
    Err("no end".into())
}

pub(super) async fn okta(world: &World) -> Result<Vec<Row>, String> {
    let mut users = okta_list(world, "").await?;
    users.extend(okta_list(world, "&search=status+eq+%22DEPROVISIONED%22").await?);
    let by_login: BTreeMap<String, String> = users
        .iter()
        .map(|u| (text(&u["profile"]["login"]), text(&u["id"])))
        .collect();
    let today = world.today();
    let row = |u: &Value| {
        let p = &u["profile"];
        let status = text(&u["status"]);
        let is_out = ["STAGED", "SUSPENDED", "DEPROVISIONED"].contains(&status.as_str());
        let start = text(&p["hireDate"]);
        Row {
            id: text(&u["id"]),
            email: email(&p["email"]),
            family: text(&p["lastName"]),
            title: text(&p["title"]),
            manager: by_login
                .get(&text(&p["managerId"]))
                .cloned()
                .unwrap_or_default(),
            is_in: !is_out && start <= today,
            start,
            end: text(&p["terminationDate"]),
        }
    };
    Ok(users.iter().map(row).collect())
}
