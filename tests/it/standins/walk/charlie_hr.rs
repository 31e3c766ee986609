//! Charlie HR: one list, whose next page is a relative link.

use super::{ENDLESS, First, Row, email, text};
use crate::standins::client::World;

const PEOPLE: &str = "/api/v1/team_members";

/// The page that the query says.
pub fn page(world: &World, query: &str) -> First {
    let pair = format!("{}:{}", world.key("client_id"), world.key("client_secret"));
    First {
        method: "GET",
        path: format!("{PEOPLE}{query}"),
        headers: vec![
            ("Authorization", format!("Token token={pair}")),
            ("Accept", "application/json".into()),
        ],
        body: String::new(),
    }
}

pub async fn everybody(world: &World) -> Result<Vec<Row>, String> {
    let today = world.today();
    let (mut rows, mut query) = (Vec::new(), "?per_page=25".to_owned());
    for _ in 0..ENDLESS {
        let heard = page(world, &query).send(world).await?.good()?;
        if heard["success"] != true {
            return Err("no success".into());
        }
        for p in heard["data"].as_array().ok_or("no data")? {
            let (start, end) = (text(&p["start_date"]), text(&p["leaving_date"]));
            rows.push(Row {
                id: text(&p["id"]),
                email: email(&p["work_email"]),
                family: text(&p["last_name"]),
                title: text(&p["job_title"]),
                manager: text(&p["manager"]),
                is_in: p["employment_status"] != "left"
                    && start <= today
                    && (end.is_empty() || end >= today),
                start,
                end,
            });
        }
        query = text(&heard["meta"]["next_url"]);
        if query.is_empty() {
            return Ok(rows);
        }
    }
    Err("no end".into())
}
