//! The smallest client of each vendor that reads everybody: written from the documentation, like the stand-ins, so
//! that the stand-ins are tried without the engine.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::client::{Heard, World};

mod charlie_hr;
mod directories;
mod eurecia;
mod fourth;
mod hailey_hr;
mod hrworks;
mod iris_cascade;
mod joined;
mod keyed;
mod listed;
mod officient;
mod payfit;
mod people_hr;
mod planday;
mod sage_hr;
mod sesame_hr;
mod signed;
mod simployer;
mod soap;
mod sympa;
mod views;

use directories::{entra, entra_first, okta, okta_page};
use joined::{humaans, humaans_page, nmbrs, nmbrs_first, remote, remote_page};
use keyed::{breathe, breathe_first, factorial, factorial_first};
use listed::{deel, deel_page, lucca, lucca_first};
use signed::{google, google_page, sap, sap_first};
pub use signed::{google_assertion, google_token, sap_assertion, sap_token};
pub use soap::workday_soap;
use soap::{workday_workers, workday_workers_page};
use views::{afas, afas_page, cezanne, cezanne_first};

/// What was read of one person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    pub id: String,
    pub email: String,
    pub family: String,
    pub title: String,
    pub manager: String,
    /// The vendor's status says that the person may work today.
    pub is_in: bool,
    pub start: String,
    pub end: String,
}

/// A request that reads the first people, and must be well.
pub struct First {
    pub method: &'static str,
    pub path: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn email(value: &Value) -> String {
    text(value).to_lowercase()
}

pub fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))
}

/// A number of pages that no small company has: whoever passes it walks in a circle.
const ENDLESS: usize = 200;

/// The first request of a walk, with good credentials.
pub async fn first(world: &World) -> First {
    match world.slug {
        "bamboohr" => bamboohr_page(world, 1),
        "personio" => personio_page(world, 0).await,
        "hibob" => hibob_search(world, true),
        "humaans" => humaans_page(world, "people", 0),
        "factorial" => factorial_first(world),
        "breathe-hr" => breathe_first(world),
        "lucca" => lucca_first(world).await,
        "deel" => deel_page(world, 0),
        "remote" => remote_page(world, 1),
        "nmbrs" => nmbrs_first(world).await,
        "google-workspace" => google_page(world, "").await,
        "sap-successfactors" => sap_first(world).await,
        "workday" => workday_report(world),
        "workday-soap" => workday_workers_page(world, 1),
        "hrworks" => hrworks::page(world, hrworks::LIST).await,
        "people-hr" => people_hr::all(world),
        "planday" => planday::page(world, "employees", 0).await,
        "sesame-hr" => sesame_hr::page(world, sesame_hr::PEOPLE, 1),
        "entra-id" => entra_first(world).await,
        "okta" => okta_page(world, ""),
        "cezanne" => cezanne_first(world).await,
        "afas" => afas_page(world, 0),
        "charlie-hr" => charlie_hr::page(world, "?per_page=25"),
        "eurecia" => eurecia::page(world, 0).await,
        "officient" => officient::page(world, 0).await,
        "hailey-hr" => hailey_hr::get(world, "/Employees"),
        "sage-hr" => sage_hr::page(world, sage_hr::PEOPLE, 1),
        "iris-cascade" => iris_cascade::page(world, iris_cascade::PEOPLE, 0).await,
        "simployer" => simployer::page(world, 0),
        "payfit" => payfit::page(world, payfit::PEOPLE).await,
        "sympa" => sympa::page(world, ""),
        "fourth" => fourth::page(world, fourth::PEOPLE, 0),
        other => panic!("`{other}` has a stand-in and no walk: write one here"),
    }
}

/// Reads everybody.
pub async fn everybody(world: &World) -> Result<Vec<Row>, String> {
    match world.slug {
        "bamboohr" => bamboohr(world).await,
        "personio" => personio(world).await,
        "hibob" => hibob(world).await,
        "humaans" => humaans(world).await,
        "factorial" => factorial(world).await,
        "breathe-hr" => breathe(world).await,
        "lucca" => lucca(world).await,
        "deel" => deel(world).await,
        "remote" => remote(world).await,
        "nmbrs" => nmbrs(world).await,
        "google-workspace" => google(world).await,
        "sap-successfactors" => sap(world).await,
        "workday" => workday(world).await,
        "workday-soap" => workday_workers(world).await,
        "hrworks" => hrworks::everybody(world).await,
        "people-hr" => people_hr::everybody(world).await,
        "planday" => planday::everybody(world).await,
        "sesame-hr" => sesame_hr::everybody(world).await,
        "entra-id" => entra(world).await,
        "okta" => okta(world).await,
        "cezanne" => cezanne(world).await,
        "afas" => afas(world).await,
        "charlie-hr" => charlie_hr::everybody(world).await,
        "eurecia" => eurecia::everybody(world).await,
        "officient" => officient::everybody(world).await,
        "hailey-hr" => hailey_hr::everybody(world).await,
        "sage-hr" => sage_hr::everybody(world).await,
        "iris-cascade" => iris_cascade::everybody(world).await,
        "simployer" => simployer::everybody(world).await,
        "payfit" => payfit::everybody(world).await,
        "sympa" => sympa::everybody(world).await,
        "fourth" => fourth::everybody(world).await,
        other => panic!("`{other}` has a stand-in and no walk: write one here"),
    }
}

/// Headers in which vendors want their credentials.
const KEYS: [&str; 4] = ["Authorization", "X-Api-Key", "X-Auth-Token", "token"];

impl First {
    /// Without credentials, wherever they stand.
    pub fn anonymous(mut self) -> Self {
        self.headers.retain(|(name, _)| !KEYS.contains(name));
        self.body = self.body.replace("UsernameToken>", "NoToken>");
        self.body = self.body.replace("\"APIKey\"", "\"NoKey\"");
        self
    }

    /// With credentials that are somebody else's.
    pub fn of_a_stranger(mut self) -> Self {
        for (name, value) in &mut self.headers {
            if KEYS.contains(name) {
                value.truncate(value.len() - 12);
                value.push_str("d3Jvbmc6eA==");
            }
        }
        self.body = self.body.replace("<wsse:Password>", "<wsse:Password>x");
        self.body = self.body.replace("\"APIKey\":\"", "\"APIKey\":\"x");
        self
    }

    pub async fn send(&self, world: &World) -> Result<Heard, String> {
        world
            .send(self.method, &self.path, &self.headers, self.body.clone())
            .await
    }
}

fn bamboohr_page(world: &World, page: usize) -> First {
    let fields = [
        "eeid",
        "email",
        "lastName",
        "jobInformationJobTitle",
        "supervisorEid",
        "status",
        "hireDate",
        "terminationDate",
    ];
    let body = json!({
        "fields": fields, "filter": "status in ('Active','Inactive')", "orderBy": "eeid asc",
        "page": page, "pageSize": 1000,
    });
    First {
        method: "POST",
        path: "/api/v2/datasets/employee/data".into(),
        headers: vec![
            ("Authorization", basic(world.key("api_key"), "x")),
            ("Accept", "application/json".into()),
            ("Content-Type", "application/json".into()),
        ],
        body: body.to_string(),
    }
}

async fn bamboohr(world: &World) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for page in 1..ENDLESS {
        let heard = bamboohr_page(world, page).send(world).await?.good()?;
        for record in heard["data"].as_array().ok_or("no data")? {
            let f = &record["fields"];
            rows.push(Row {
                id: text(&f["eeid"]),
                email: email(&f["email"]),
                family: text(&f["lastName"]),
                title: text(&f["jobInformationJobTitle"]),
                manager: text(&f["supervisorEid"]),
                is_in: f["status"] == "Active",
                start: text(&f["hireDate"]),
                end: text(&f["terminationDate"]),
            });
        }
        if heard["links"]["next"].is_null() {
            let total = heard["meta"]["totalItems"].as_u64();
            return counted(rows, total);
        }
    }
    Err("no end".into())
}

/// The rows, if they are as many as the vendor says.
fn counted(rows: Vec<Row>, total: Option<u64>) -> Result<Vec<Row>, String> {
    let found = rows
        .iter()
        .map(|r| &r.id)
        .collect::<std::collections::BTreeSet<_>>();
    match total {
        Some(total) if total != found.len() as u64 => {
            Err(format!("{} of {total} people came", found.len()))
        }
        _ => Ok(rows),
    }
}

async fn personio_token(world: &World) -> String {
    let body =
        json!({"client_id": world.key("client_id"), "client_secret": world.key("client_secret")});
    let kind = [("Content-Type", "application/json".to_owned())];
    let heard = world
        .send("POST", "/v1/auth", &kind, body.to_string())
        .await;
    let heard = heard.unwrap().good().unwrap();
    text(&heard["data"]["token"])
}

async fn personio_page(world: &World, offset: usize) -> First {
    let token = personio_token(world).await;
    First {
        method: "GET",
        path: format!("/v1/company/employees?limit=25&offset={offset}"),
        headers: vec![("Authorization", format!("Bearer {token}"))],
        body: String::new(),
    }
}

async fn personio(world: &World) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for page in 0..ENDLESS {
        let heard = personio_page(world, page * 25).await.send(world).await?;
        let heard = heard.good()?;
        for record in heard["data"].as_array().ok_or("no data")? {
            let a = |key: &str| &record["attributes"][key]["value"];
            let date = |key: &str| text(a(key)).chars().take(10).collect::<String>();
            let ends = ["last_working_day", "termination_date", "contract_end_date"].map(date);
            let end = ends.into_iter().find(|d| !d.is_empty()).unwrap_or_default();
            let is_in = ["active", "leave"].contains(&text(a("status")).as_str());
            rows.push(Row {
                id: text(a("id")),
                email: email(a("email")),
                family: text(a("last_name")),
                title: text(a("position")),
                manager: text(&a("supervisor")["attributes"]["id"]["value"]),
                is_in: is_in && (end.is_empty() || end.as_str() >= world.today().as_str()),
                start: date("hire_date"),
                end,
            });
        }
        let total = heard["metadata"]["total_elements"].as_u64();
        if (page as u64 + 1) * 25 >= total.unwrap_or_default() {
            return counted(rows, total);
        }
    }
    Err("no end".into())
}

fn hibob_search(world: &World, is_showing_inactive: bool) -> First {
    let fields = [
        "root.id",
        "root.email",
        "root.surname",
        "work.title",
        "work.reportsTo",
        "work.startDate",
        "internal.lifecycleStatus",
        "internal.terminationDate",
    ];
    let body =
        json!({"fields": fields, "showInactive": is_showing_inactive, "humanReadable": "APPEND"});
    let user = basic(
        world.key("service_user_id"),
        world.key("service_user_token"),
    );
    First {
        method: "POST",
        path: "/v1/people/search".into(),
        headers: vec![
            ("Authorization", user),
            ("Accept", "application/json".into()),
            ("Content-Type", "application/json".into()),
        ],
        body: body.to_string(),
    }
}

async fn hibob(world: &World) -> Result<Vec<Row>, String> {
    let heard = hibob_search(world, true).send(world).await?.good()?;
    let people = heard["employees"].as_array().ok_or("no employees")?;
    let row = |p: &Value| Row {
        id: text(&p["id"]),
        email: email(&p["email"]),
        family: text(&p["surname"]),
        title: text(&p["humanReadable"]["work"]["title"]),
        manager: text(&p["work"]["reportsTo"]["id"]),
        is_in: ["employed", "parental leave"]
            .contains(&text(&p["internal"]["lifecycleStatus"]).as_str()),
        start: text(&p["work"]["startDate"]),
        end: text(&p["internal"]["terminationDate"]),
    };
    Ok(people.iter().map(row).collect())
}

fn workday_report(world: &World) -> First {
    let path = ["tenant", "report_owner", "report_name"]
        .map(|term| world.key(term))
        .join("/");
    First {
        method: "GET",
        path: format!("/ccx/service/customreport2/{path}?format=json"),
        headers: vec![(
            "Authorization",
            basic(world.key("isu_user_name"), world.key("isu_password")),
        )],
        body: String::new(),
    }
}

async fn workday(world: &World) -> Result<Vec<Row>, String> {
    let heard = workday_report(world).send(world).await?.good()?;
    let entries = heard["Report_Entry"].as_array().ok_or("no entries")?;
    let row = |e: &Value| Row {
        id: text(&e["Worker_ID"]),
        email: email(&e["Work_Email"]),
        family: text(&e["Last_Name"]),
        title: text(&e["Business_Title"]),
        manager: text(&e["Manager_Worker_ID"]),
        is_in: e["Active_Status"] == "1",
        start: text(&e["Hire_Date"]),
        end: text(&e["Termination_Date"]),
    };
    Ok(entries.iter().map(row).collect())
}
