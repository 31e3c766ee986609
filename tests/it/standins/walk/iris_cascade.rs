//! IRIS Cascade HR: a token, people by `$skip` until the count, titles and managers in the list of jobs.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{ENDLESS, First, Row, basic, email, text};
use crate::standins::client::World;

pub const PEOPLE: &str = "employees";

async fn headers(world: &World) -> Vec<(&'static str, String)> {
    let client = basic(world.key("client_key"), world.key("client_secret"));
    let form = "application/x-www-form-urlencoded".to_owned();
    let sent = [("Authorization", client), ("Content-Type", form)];
    let body = "grant_type=client_credentials".to_owned();
    let heard = world.send("POST", "/oauth2/v1/token", &sent, body).await;
    let token = text(&heard.unwrap().good().unwrap()["access_token"]);
    vec![("Authorization", format!("Bearer {token}"))]
}

pub async fn page(world: &World, list: &str, skip: usize) -> First {
    First {
        method: "GET",
        path: format!("/hr/v2/{list}?$count=true&$top=250&$skip={skip}"),
        headers: headers(world).await,
        body: String::new(),
    }
}

async fn rows(world: &World, list: &str) -> Result<Vec<Value>, String> {
    let mut rows: Vec<Value> = Vec::new();
    for _ in 0..ENDLESS {
        let heard = page(world, list, rows.len()).await.send(world).await?;
        let heard = heard.good()?;
        let read = heard["value"].as_array().ok_or("no value")?;
        rows.extend(read.iter().cloned());
        let total = heard["@odata.count"].as_u64().unwrap_or_default();
        if read.is_empty() || rows.len() as u64 >= total {
            let ids: BTreeSet<String> = rows.iter().map(|r| text(&r["Id"])).collect();
            return match ids.len() as u64 == total {
                true => Ok(rows),
                false => Err(format!("{} of {total} people came", ids.len())),
            };
        }
    }
    Err("no end".into())
}

/// The day of a moment; empty if there is none.
fn day(value: &Value) -> String {
    text(value).chars().take(10).collect()
}

/// The job that is active and began last, else the next one, else the last one.
fn present<'j>(jobs: &[&'j Value], today: &str) -> &'j Value {
    let rank = |job: &Value| {
        let from = day(&job["StartDate"]);
        let is_to_come = from.as_str() > today;
        (job["Active"] == true, is_to_come, from)
    };
    let mut sorted: Vec<&Value> = jobs.to_vec();
    sorted.sort_by_key(|job| rank(job));
    let active = sorted.iter().rfind(|job| job["Active"] == true);
    let next = sorted.iter().find(|job| rank(job).1);
    let found = active.or(next).or(sorted.last());
    found.map_or(&Value::Null, |job| *job)
}

pub async fn everybody(world: &World) -> Result<Vec<Row>, String> {
    let people = rows(world, PEOPLE).await?;
    let jobs = rows(world, "jobs").await?;
    let mut own: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for job in &jobs {
        own.entry(text(&job["EmployeeId"])).or_default().push(job);
    }
    // A date without a word is over when it is over in every zone.
    let (today, yesterday) = (world.today(), world.yesterday());
    let row = |p: &Value| {
        let id = text(&p["Id"]);
        let job = own.get(&id).map_or(&Value::Null, |j| present(j, &today));
        let listed = p["Emails"].as_array().into_iter().flatten();
        let mut work = listed.filter(|e| e["Ownership"] == "Organization");
        let (start, end) = (
            day(&p["EmploymentStartDate"]),
            day(&p["EmploymentLeftDate"]),
        );
        Row {
            id,
            email: work.next().map_or(String::new(), |e| email(&e["Value"])),
            family: text(&p["LastName"]),
            title: text(&job["JobTitle"]),
            manager: text(&job["LineManagerId"]),
            is_in: start <= today && (end.is_empty() || end >= yesterday),
            start,
            end,
        }
    };
    Ok(people.iter().map(row).collect())
}
