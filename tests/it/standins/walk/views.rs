//! Vendors whose lists have the names that a tenant gives them.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::{ENDLESS, First, Row, basic, email, text};
use crate::standins::client::World;

const CEZANNE: &str = "/cezanneondemand/v7/dataservice.svc";

pub(super) async fn cezanne_first(world: &World) -> First {
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
    let body = "grant_type=client_credentials".to_owned();
    let path = world.key("token_path");
    let heard = world.send("POST", path, &headers, body).await.unwrap();
    let token = text(&heard.good().unwrap()["access_token"]);
    First {
        method: "GET",
        path: format!("{CEZANNE}/People?$expand=PeopleToCommunications&$orderby=PERSONID"),
        headers: vec![
            ("Authorization", format!("Bearer {token}")),
            ("Accept", "application/json".into()),
        ],
        body: String::new(),
    }
}

/// All rows of a list.
async fn cezanne_list(world: &World, first: &First, path: &str) -> Result<Vec<Value>, String> {
    let mut rows = Vec::new();
    let mut at = path.to_owned();
    for _ in 0..ENDLESS {
        let heard = world.send("GET", &at, &first.headers, String::new());
        let heard = heard.await?.good()?;
        rows.extend(heard["value"].as_array().ok_or("no value")?.iter().cloned());
        at = text(&heard["odata.nextLink"]);
        if at.is_empty() {
            return Ok(rows);
        }
    }
    Err("no end".into())
}

pub(super) async fn cezanne(world: &World) -> Result<Vec<Row>, String> {
    let first = cezanne_first(world).await;
    let people = cezanne_list(world, &first, &first.path).await?;
    let employments = cezanne_list(world, &first, &format!("{CEZANNE}/Employments")).await?;
    // The latest employment that there is.
    let mut dates = BTreeMap::new();
    for e in &employments {
        let date = |name: &str| text(&e[name]).chars().take(10).collect::<String>();
        let (from, to) = (date("EFFECTIVEFROM"), date("EFFECTIVETO"));
        let own = dates
            .entry(text(&e["PERSONID"]))
            .or_insert_with(|| (from.clone(), to.clone()));
        if from > own.0 {
            *own = (from, to);
        }
    }
    let today = world.today();
    let row = |p: &Value| {
        let (start, end) = dates
            .get(&text(&p["PERSONID"]))
            .cloned()
            .unwrap_or_default();
        let family = [&p["FAMILYNAMEPREFIX"], &p["FAMILYNAME"]].map(text);
        Row {
            id: text(&p["PERSONID"]),
            email: email(&p["PeopleToCommunications"]["INTERNALEMAILADDRESS"]),
            family: family.join(" ").trim().to_owned(),
            title: text(&p["JOBTITLE"]),
            manager: text(&p["MANAGERPERSONID"]),
            is_in: p["ACTIVEEMPLOYEE"] == 1 && start <= today && (end.is_empty() || end >= today),
            start,
            end,
        }
    };
    Ok(people.iter().map(row).collect())
}

/// A page of the view, which has as many rows as are asked for.
pub(super) fn afas_page(world: &World, skip: usize) -> First {
    let token = STANDARD.encode(world.key("app_token"));
    First {
        method: "GET",
        path: format!(
            "/ProfitRestServices/connectors/{}?skip={skip}&take=25&orderbyfieldids=Medewerker",
            world.key("get_connector")
        ),
        headers: vec![
            ("Authorization", format!("AfasToken {token}")),
            ("Accept", "application/json".into()),
        ],
        body: String::new(),
    }
}

pub(super) async fn afas(world: &World) -> Result<Vec<Row>, String> {
    let today = world.today();
    let mut rows = Vec::new();
    for page in 0..ENDLESS {
        let heard = afas_page(world, page * 25).send(world).await?.good()?;
        let page = heard["rows"].as_array().ok_or("no rows")?;
        for r in page {
            let date = |name: &str| text(&r[name]).chars().take(10).collect::<String>();
            let (start, end) = (date("Begindatum_contract"), date("Einddatum_contract"));
            let family = match text(&r["Naamgebruik_code"]).as_str() {
                "2" => [&r["Voorvoegsel_partner"], &r["Geboortenaam_partner"]],
                _ => [&r["Voorvoegsel"], &r["Geboortenaam"]],
            };
            rows.push(Row {
                id: text(&r["Medewerker"]),
                email: email(&r["Email_werk"]),
                family: family.map(text).join(" ").trim().to_owned(),
                title: text(&r["Functie_omschrijving"]),
                manager: text(&r["Medewerkernummer_leidinggevende"]),
                is_in: r["Geblokkeerd"] == false
                    && start <= today
                    && (end.is_empty() || end >= today),
                start,
                end,
            });
        }
        if page.len() < 25 {
            return Ok(rows);
        }
    }
    Err("no end".into())
}
