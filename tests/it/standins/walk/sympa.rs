//! Sympa: one interface, whose pages name the next one.

use serde_json::Value;

use super::{ENDLESS, First, Row, basic, email, text};
use crate::standins::client::World;

pub fn page(world: &World, at: &str) -> First {
    let path = match at {
        "" => format!("/api/{}", world.key("interface")),
        at => at.to_owned(),
    };
    First {
        method: "GET",
        path,
        headers: vec![
            (
                "Authorization",
                basic(world.key("api_key"), world.key("api_secret")),
            ),
            ("Accept", "application/json".into()),
        ],
        body: String::new(),
    }
}

pub async fn everybody(world: &World) -> Result<Vec<Row>, String> {
    let today = world.today();
    let row = |r: &Value| {
        let value = |field: &str| &r[world.key(field)];
        let (start, end) = (
            text(value("start_date_field")),
            text(value("end_date_field")),
        );
        let words = [world.key("active_words"), world.key("leave_words")];
        Row {
            id: text(value("id_field")),
            email: email(value("email_field")),
            family: text(value("last_name_field")),
            title: text(value("title_field")),
            manager: text(value("manager_field")),
            is_in: words.contains(&text(value("status_field")).as_str()) && start <= today,
            start,
            end,
        }
    };
    let mut rows = Vec::new();
    let mut at = String::new();
    for _ in 0..ENDLESS {
        let heard = page(world, &at).send(world).await?.good()?;
        rows.extend(heard["value"].as_array().ok_or("no value")?.iter().map(row));
        at = text(&heard["@odata.nextLink"]);
        if at.is_empty() {
            return Ok(rows);
        }
    }
    Err("no end".into())
}
