//! Simployer One: one list by offset, with what is selected.

use chrono::NaiveDate;

use super::{ENDLESS, First, Row, counted, email, text};
use crate::standins::client::World;

const SELECT: &str =
    "id,active,lastName,title,workEmail,managerEmployeeId,hireDate,endDate,employeeNumber";

pub fn page(world: &World, offset: usize) -> First {
    let token = world.key("access_token");
    First {
        method: "GET",
        path: format!("/v1/employee?select={SELECT}&limit=100&offset={offset}&sort%5Bid%5D=asc"),
        headers: vec![("Authorization", format!("Bearer {token}"))],
        body: String::new(),
    }
}

pub async fn everybody(world: &World) -> Result<Vec<Row>, String> {
    let today = world.today();
    let (mut rows, mut read) = (Vec::new(), 0);
    for _ in 0..ENDLESS {
        let heard = page(world, read).send(world).await?.good()?;
        for p in heard["data"].as_array().ok_or("no data")? {
            let day = |name: &str| day(&text(&p[name]));
            let (start, end) = (day("hireDate"), day("endDate"));
            rows.push(Row {
                id: text(&p["id"]),
                email: email(&p["workEmail"]),
                family: text(&p["lastName"]),
                title: text(&p["title"]),
                manager: text(&p["managerEmployeeId"]),
                is_in: p["active"] == true && start <= today && (end.is_empty() || end >= today),
                start,
                end,
            });
        }
        let number = |name: &str| heard[name].as_u64().unwrap_or_default() as usize;
        read += number("count");
        if number("count") == 0 || read >= number("total") {
            return counted(rows, heard["total"].as_u64());
        }
    }
    Err("no end".into())
}

/// The day of a moment, which is midnight in UTC or in Stockholm.
fn day(moment: &str) -> String {
    let is_evening = ["T22:00:00.000Z", "T23:00:00.000Z"]
        .iter()
        .any(|hour| moment.ends_with(hour));
    let begin: String = moment.chars().take(10).collect();
    let next = |d: NaiveDate| d.succ_opt().filter(|_| is_evening);
    let next = begin.parse().ok().and_then(next);
    next.map_or(begin, |d| d.to_string())
}
