//! Vendors whose list of people goes by offset, or needs the lists beside it: Lucca and Deel.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{ENDLESS, First, Row, counted, email, text};
use crate::standins::client::World;

const LUCCA_SCOPES: &str = "employees.readonly%20employments.readonly%20job-positions.readonly";

async fn lucca_headers(world: &World) -> Vec<(&'static str, String)> {
    let kind = [(
        "Content-Type",
        "application/x-www-form-urlencoded".to_owned(),
    )];
    let body = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}&scope={LUCCA_SCOPES}",
        world.key("client_id"),
        world.key("client_secret")
    );
    let heard = world.send("POST", "/connect/token", &kind, body).await;
    let heard = heard.unwrap().good().unwrap();
    vec![
        (
            "Authorization",
            format!("Bearer {}", text(&heard["access_token"])),
        ),
        ("Api-Version", "2024-11-01".into()),
        ("Accept", "application/json".into()),
    ]
}

const LUCCA_PEOPLE: &str =
    "/lucca-api/employees?include=links,totalCount&limit=100&status=active,upcoming,deactivated";

pub(super) async fn lucca_first(world: &World) -> First {
    First {
        method: "GET",
        path: LUCCA_PEOPLE.into(),
        headers: lucca_headers(world).await,
        body: String::new(),
    }
}

/// All items of a list, and how many the vendor says there are.
async fn lucca_list(
    world: &World,
    headers: &[(&str, String)],
    path: &str,
) -> Result<(Vec<Value>, Option<u64>), String> {
    let (mut items, mut next) = (Vec::new(), path.to_owned());
    for _ in 0..ENDLESS {
        let heard = world.send("GET", &next, headers, String::new()).await?;
        let heard = heard.good()?;
        items.extend(heard["items"].as_array().ok_or("no items")?.iter().cloned());
        next = text(&heard["links"]["next"]["href"]);
        if next.is_empty() {
            return Ok((items, heard["totalCount"].as_u64()));
        }
    }
    Err("no end".into())
}

pub(super) async fn lucca(world: &World) -> Result<Vec<Row>, String> {
    let headers = lucca_headers(world).await;
    let (people, total) = lucca_list(world, &headers, LUCCA_PEOPLE).await?;
    let by_id = |rows: Vec<Value>| -> BTreeMap<String, Value> {
        rows.into_iter().map(|r| (text(&r["id"]), r)).collect()
    };
    let path = "/lucca-api/job-positions?include=links&limit=100";
    let positions = by_id(lucca_list(world, &headers, path).await?.0);
    let path = "/lucca-api/employments?include=links&limit=100";
    let employments = by_id(lucca_list(world, &headers, path).await?.0);
    let row = |p: &Value| {
        let position = &positions[&text(&p["applicableJobPosition"]["id"])];
        let employment = &employments[&text(&p["applicableEmployment"]["id"])];
        Row {
            id: text(&p["id"]),
            email: email(&p["email"]),
            family: text(&p["familyName"]),
            title: text(&position["jobTitle"]),
            manager: text(&position["manager"]["id"]),
            is_in: p["status"] == "active",
            start: text(&employment["start"]["date"]),
            end: text(&employment["end"]["date"]),
        }
    };
    counted(people.iter().map(row).collect(), total)
}

pub(super) fn deel_page(world: &World, offset: usize) -> First {
    First {
        method: "GET",
        path: format!("/rest/v2/people?limit=100&offset={offset}"),
        headers: vec![
            (
                "Authorization",
                format!("Bearer {}", world.key("api_token")),
            ),
            ("Accept", "application/json".into()),
        ],
        body: String::new(),
    }
}

pub(super) async fn deel(world: &World) -> Result<Vec<Row>, String> {
    let (mut rows, mut read) = (Vec::new(), 0);
    for _ in 0..ENDLESS {
        let heard = deel_page(world, read).send(world).await?.good()?;
        let people = heard["data"].as_array().ok_or("no data")?;
        rows.extend(people.iter().map(deel_row));
        let number = |name: &str| heard["page"][name].as_u64().unwrap_or_default() as usize;
        read += number("items_per_page");
        if read >= number("total_rows") {
            return counted(rows, Some(number("total_rows") as u64));
        }
    }
    Err("no end".into())
}

fn deel_row(p: &Value) -> Row {
    let listed = p["emails"].as_array().into_iter().flatten();
    let work = listed
        .filter(|e| e["type"] == "work")
        .map(|e| email(&e["value"]));
    let present = p["employments"].as_array().and_then(|e| e.last());
    let beside = present.map(|e| email(&e["work_email"]));
    let mail = work.chain(beside).find(|m| !m.is_empty());
    let dates = ["direct_employee_termination_last_day", "completion_date"];
    let ends = dates.map(|name| text(&p[name]));
    let end = ends.into_iter().filter(|d| !d.is_empty()).min();
    let word = text(&p["hiring_status"]);
    Row {
        id: text(&p["id"]),
        email: mail.unwrap_or_default(),
        family: text(&p["last_name"]),
        title: text(&p["job_title"]),
        manager: text(&p["direct_manager"]["id"]),
        is_in: ["active", "onboarded", "offboarding"].contains(&word.as_str()),
        start: text(&p["start_date"]),
        end: end.unwrap_or_default(),
    }
}
