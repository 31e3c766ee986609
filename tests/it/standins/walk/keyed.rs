//! Vendors whose key stands in a header, and lists that page by cursor, link or offset.

use serde_json::Value;

use super::{ENDLESS, First, Row, counted, email, text};
use crate::standins::client::World;

fn factorial_page(world: &World, list: &str, after: &str) -> First {
    let after = match after {
        "" => String::new(),
        cursor => format!("&after_id={}", cursor.replace('=', "%3D")),
    };
    First {
        method: "GET",
        path: format!("/api/2026-07-01/resources/{list}?limit=100{after}"),
        headers: vec![
            ("X-Api-Key", world.key("api_key").to_owned()),
            ("Accept", "application/json".into()),
        ],
        body: String::new(),
    }
}

pub(super) fn factorial_first(world: &World) -> First {
    factorial_page(world, "employees/employees", "")
}

/// All rows of a list, and how many the vendor says there are.
async fn factorial_list(world: &World, list: &str) -> Result<(Vec<Value>, u64), String> {
    let (mut rows, mut cursor) = (Vec::new(), String::new());
    for _ in 0..ENDLESS {
        let page = factorial_page(world, list, &cursor);
        let heard = page.send(world).await?.good()?;
        rows.extend(heard["data"].as_array().ok_or("no data")?.iter().cloned());
        if heard["meta"]["has_next_page"] != true {
            let total = heard["meta"]["total"].as_u64().ok_or("no total")?;
            return Ok((rows, total));
        }
        cursor = text(&heard["meta"]["end_cursor"]);
    }
    Err("no end".into())
}

pub(super) async fn factorial(world: &World) -> Result<Vec<Row>, String> {
    let today = world.today();
    let (people, total) = factorial_list(world, "employees/employees").await?;
    let (versions, _) = factorial_list(world, "contracts/contract_versions").await?;
    let row = |p: &Value| {
        let own = versions.iter().filter(|v| v["employee_id"] == p["id"]);
        let mut own: Vec<(String, String)> = own
            .map(|v| (text(&v["effective_on"]), text(&v["job_title"])))
            .collect();
        own.sort();
        let now = own.iter().rfind(|(from, _)| *from <= today);
        let (start, end) = (
            text(&p["seniority_calculation_date"]),
            text(&p["terminated_on"]),
        );
        let mail = email(&p["login_email"]);
        Row {
            id: text(&p["id"]),
            email: if mail.is_empty() {
                email(&p["email"])
            } else {
                mail
            },
            family: text(&p["last_name"]),
            title: now
                .or(own.first())
                .map_or_else(String::new, |v| v.1.clone()),
            manager: text(&p["manager_id"]),
            is_in: p["active"] == true && (end.is_empty() || end >= today) && start <= today,
            start,
            end,
        }
    };
    counted(people.iter().map(row).collect(), Some(total))
}

fn breathe_request(world: &World, path: String) -> First {
    First {
        method: "GET",
        path,
        headers: vec![
            ("X-Api-Key", world.key("api_key").to_owned()),
            ("Accept", "application/json".into()),
        ],
        body: String::new(),
    }
}

pub(super) fn breathe_first(world: &World) -> First {
    breathe_request(world, "/v1/employees?page=1&per_page=100".into())
}

pub(super) async fn breathe(world: &World) -> Result<Vec<Row>, String> {
    let today = world.today();
    let (mut rows, mut request) = (Vec::new(), breathe_first(world));
    for _ in 0..ENDLESS {
        let heard = request.send(world).await?;
        let links = heard.header("link").unwrap_or_default().to_owned();
        let total = heard.header("total").and_then(|t| t.parse().ok());
        let body = heard.good()?;
        for p in body["employees"].as_array().ok_or("no employees")? {
            let start = match &p["join_date"] {
                Value::Null => text(&p["company_join_date"]),
                date => text(date),
            };
            let status = text(&p["status"]);
            rows.push(Row {
                id: text(&p["id"]),
                email: email(&p["email"]),
                family: text(&p["last_name"]),
                title: text(&p["job_title"]),
                manager: text(&p["line_manager"]["id"]),
                is_in: ["Current employee", "Pending leaver"].contains(&status.as_str()),
                start,
                end: text(&p["leaving_date"]),
            });
        }
        let next = links.split(", ").find(|l| l.ends_with("rel=\"next\""));
        let Some(next) = next.and_then(|l| l.strip_prefix('<')?.split('>').next()) else {
            // Whoever left is known by the date as well.
            rows.iter_mut()
                .filter(|r| !r.end.is_empty() && r.end < today)
                .for_each(|r| r.is_in = false);
            return counted(rows, total);
        };
        request = breathe_request(world, next.to_owned());
    }
    Err("no end".into())
}
