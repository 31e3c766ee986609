//! People HR: one POST, the key in its body, every value wrapped.

use serde_json::{Value, json};

use super::{First, Row, email, text};
use crate::standins::client::World;

pub fn all(world: &World) -> First {
    let body = json!({
        "APIKey": world.key("api_key"), "Action": "GetAllEmployeeDetail", "IncludeLeavers": "true",
    });
    First {
        method: "POST",
        path: "/Employee".into(),
        headers: vec![("Content-Type", "application/json".into())],
        body: body.to_string(),
    }
}

pub async fn everybody(world: &World) -> Result<Vec<Row>, String> {
    let heard = all(world).send(world).await?.good()?;
    // An error, in a good answer.
    if heard["isError"] != false {
        return Err(text(&heard["Message"]));
    }
    let today = world.today();
    // A date without a word is over when it is over in every zone.
    let yesterday = world.yesterday();
    let row = |r: &Value| {
        let value = |name: &str| text(&r[name]["DisplayValue"]);
        let (start, end) = (value("StartDate"), text(&r["LeavingDate"]));
        Row {
            id: value("EmployeeId"),
            email: email(&r["EmailId"]["DisplayValue"]),
            family: value("LastName"),
            title: value("JobRole"),
            manager: value("ReportsToEmployeeId"),
            is_in: start <= today && (end.is_empty() || end >= yesterday),
            start,
            end,
        }
    };
    let rows = heard["Result"].as_array();
    Ok(rows.into_iter().flatten().map(row).collect())
}
