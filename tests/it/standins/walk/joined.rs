//! Vendors whose people are put together from several answers.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{ENDLESS, First, Row, basic, email, text};
use crate::standins::client::World;

pub(super) fn humaans_page(world: &World, list: &str, skip: usize) -> First {
    First {
        method: "GET",
        path: format!("/api/{list}?$limit=250&$skip={skip}"),
        headers: vec![(
            "Authorization",
            format!("Bearer {}", world.key("api_access_token")),
        )],
        body: String::new(),
    }
}

/// All rows of a list.
async fn humaans_list(world: &World, list: &str) -> Result<Vec<Value>, String> {
    let mut rows = Vec::new();
    let mut read = 0;
    for _ in 0..ENDLESS {
        let heard = humaans_page(world, list, read).send(world).await?.good()?;
        let data = heard["data"].as_array().ok_or("no data")?;
        read += heard["limit"].as_u64().unwrap_or_default() as usize;
        rows.extend(data.iter().cloned());
        if read as u64 >= heard["total"].as_u64().unwrap_or_default() {
            let ids: BTreeSet<String> = rows.iter().map(|r| text(&r["id"])).collect();
            let total = heard["total"].as_u64().unwrap_or_default();
            return match ids.len() as u64 == total {
                true => Ok(rows),
                false => Err(format!("{} of {total} people came", ids.len())),
            };
        }
    }
    Err("no end".into())
}

pub(super) async fn humaans(world: &World) -> Result<Vec<Row>, String> {
    let people = humaans_list(world, "people").await?;
    let roles = humaans_list(world, "job-roles").await?;
    let row = |p: &Value| {
        let mut own: Vec<&Value> = roles.iter().filter(|r| r["personId"] == p["id"]).collect();
        own.sort_by_key(|r| text(&r["effectiveDate"]));
        let is_now = |r: &&&Value| text(&r["effectiveDate"]).as_str() <= world.today().as_str();
        let role = own.iter().rfind(is_now).or(own.first());
        let role = role.map_or(&Value::Null, |r| *r);
        Row {
            id: text(&p["id"]),
            email: email(&p["email"]),
            family: text(&p["lastName"]),
            title: text(&role["jobTitle"]),
            manager: text(&role["reportingTo"]),
            is_in: p["status"] == "active",
            start: text(&p["employmentStartDate"]),
            end: text(&p["employmentEndDate"]),
        }
    };
    Ok(people.iter().map(row).collect())
}

fn remote_headers(world: &World) -> Vec<(&'static str, String)> {
    vec![
        (
            "Authorization",
            format!("Bearer {}", world.key("api_token")),
        ),
        ("Accept", "application/json".into()),
    ]
}

pub(super) fn remote_page(world: &World, page: usize) -> First {
    First {
        method: "GET",
        path: format!("/v1/employments?page={page}&page_size=100"),
        headers: remote_headers(world),
        body: String::new(),
    }
}

pub(super) async fn remote(world: &World) -> Result<Vec<Row>, String> {
    let mut found: Vec<Value> = Vec::new();
    for page in 1..ENDLESS {
        let heard = remote_page(world, page).send(world).await?.good()?;
        let data = &heard["data"];
        found.extend(
            data["employments"]
                .as_array()
                .ok_or("no data")?
                .iter()
                .cloned(),
        );
        if page as u64 >= data["total_pages"].as_u64().unwrap_or_default() {
            let ids: BTreeSet<String> = found.iter().map(|r| text(&r["id"])).collect();
            let total = data["total_count"].as_u64().unwrap_or_default();
            if ids.len() as u64 != total {
                return Err(format!("{} of {total} people came", ids.len()));
            }
            break;
        }
    }
    // Of several employments with one address the latest counts; without an address the login tells.
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    for short in found {
        let path = format!("/v1/employments/{}?exclude_files=true", text(&short["id"]));
        let heard = world
            .send("GET", &path, &remote_headers(world), String::new())
            .await?;
        let heard = heard.good()?;
        let e = &heard["data"]["employment"];
        let end = text(&e["termination_date"]);
        let works = ["active", "offboarding"].contains(&text(&e["status"]).as_str());
        let notice = e["status"] == "archived" && end.as_str() >= world.today().as_str();
        let full = text(&e["full_name"]);
        let row = Row {
            id: text(&e["id"]),
            email: email(&e["work_email"]),
            family: full.rsplit(' ').next().unwrap_or_default().to_owned(),
            title: text(&e["job_title"]),
            manager: text(&e["manager_employment_id"]),
            is_in: works || notice,
            start: text(&e["provisional_start_date"]),
            end,
        };
        let login = text(&e["login_email"]);
        let is_later = rows
            .get(&login)
            .is_none_or(|before| before.start < row.start);
        if is_later {
            rows.insert(login, row);
        }
    }
    Ok(rows.into_values().collect())
}

/// A fresh access token; the refresh token that came with it is what is sent the next time.
async fn nmbrs_headers(world: &World) -> Vec<(&'static str, String)> {
    let refresh = world.memory.borrow().clone();
    let refresh = refresh.unwrap_or_else(|| world.key("refresh_token").to_owned());
    let headers = [
        (
            "Authorization",
            basic(world.key("client_id"), world.key("client_secret")),
        ),
        (
            "Content-Type",
            "application/x-www-form-urlencoded".to_owned(),
        ),
    ];
    let body = format!("grant_type=refresh_token&refresh_token={refresh}");
    let heard = world.send("POST", "/connect/token", &headers, body).await;
    let heard = heard.unwrap().good().unwrap();
    *world.memory.borrow_mut() = Some(text(&heard["refresh_token"]));
    vec![
        (
            "Authorization",
            format!("Bearer {}", text(&heard["access_token"])),
        ),
        (
            "X-Subscription-Key",
            world.key("subscription_key").to_owned(),
        ),
    ]
}

async fn nmbrs_list(
    world: &World,
    headers: &[(&str, String)],
    path: &str,
) -> Result<Vec<Value>, String> {
    let mut rows = Vec::new();
    let sign = if path.contains('?') { '&' } else { '?' };
    for page in 1..ENDLESS {
        let path = format!("{path}{sign}pageNumber={page}&pageSize=100");
        let heard = world
            .send("GET", &path, headers, String::new())
            .await?
            .good()?;
        rows.extend(heard["data"].as_array().ok_or("no data")?.iter().cloned());
        let pagination = &heard["pagination"];
        if pagination["nextPage"].is_null() {
            let total = pagination["totalRecords"].as_u64().unwrap_or_default();
            let distinct: BTreeSet<String> = rows.iter().map(Value::to_string).collect();
            return match distinct.len() as u64 == total {
                true => Ok(rows),
                false => Err(format!("{} of {total} people came", distinct.len())),
            };
        }
    }
    Err("no end".into())
}

const NMBRS_TYPES: &str = "employeeType=payroll,newHire,formerPayroll,external,formerExternal";

pub(super) async fn nmbrs_first(world: &World) -> First {
    let headers = nmbrs_headers(world).await;
    First {
        method: "GET",
        path: format!(
            "/api/companies/0c000000-0000-4000-8000-000000000031/employees?{NMBRS_TYPES}"
        ),
        headers,
        body: String::new(),
    }
}

pub(super) async fn nmbrs(world: &World) -> Result<Vec<Row>, String> {
    let headers = nmbrs_headers(world).await;
    let companies = nmbrs_list(world, &headers, "/api/companies").await?;
    let mut rows = Vec::new();
    let (mut bosses, mut names_of) = (Vec::new(), Vec::new());
    for company in &companies {
        let base = format!("/api/companies/{}/employees", text(&company["companyId"]));
        let people = nmbrs_list(world, &headers, &format!("{base}?{NMBRS_TYPES}")).await?;
        let dates = nmbrs_list(world, &headers, &format!("{base}/employments")).await?;
        for person in people {
            let id = text(&person["employeeId"]);
            let path = format!("/api/employees/{id}");
            let heard = world
                .send("GET", &path, &headers, String::new())
                .await?
                .good()?;
            let one = &heard["data"][0];
            let info = &one["personalInfo"];
            let names = &info["basicInfo"];
            let own = dates
                .iter()
                .find(|d| d["employeeId"] == person["employeeId"]);
            let last = own.and_then(|d| d["employments"].as_array()?.last());
            let date = |key: &str| {
                let found = last.map_or(String::new(), |e| text(&e[key]));
                found.chars().take(10).collect::<String>()
            };
            let family = format!("{} {}", text(&names["prefix"]), text(&names["lastName"]));
            let boss = &one["manager"];
            let boss_name = format!("{} {}", text(&boss["firstName"]), text(&boss["lastName"]));
            bosses.push((email(&boss["email"]), boss_name));
            let given = text(&names["firstNameInFull"]);
            names_of.push(format!("{given} {}", family.trim()));
            rows.push(Row {
                id,
                email: email(&info["contactInfo"]["businessEmail"]),
                family: family.trim().to_owned(),
                title: text(&one["function"]["description"]),
                manager: String::new(),
                is_in: ["payroll", "external"].contains(&text(&names["employeeType"]).as_str()),
                start: date("startDate"),
                end: date("endDate"),
            });
        }
    }
    nmbrs_managers(&mut rows, &bosses, &names_of);
    Ok(rows)
}

/// Managers by address, without one by a name that one person has.
fn nmbrs_managers(rows: &mut [Row], bosses: &[(String, String)], names: &[String]) {
    let mut ids: BTreeMap<String, String> = BTreeMap::new();
    for (row, name) in rows.iter().zip(names) {
        if names.iter().filter(|n| *n == name).count() == 1 {
            ids.insert(name.clone(), row.id.clone());
        }
        if !row.email.is_empty() {
            ids.insert(row.email.clone(), row.id.clone());
        }
    }
    for (row, (email, name)) in rows.iter_mut().zip(bosses) {
        let wanted = if email.is_empty() { name } else { email };
        row.manager = ids.get(wanted).cloned().unwrap_or_default();
    }
}
