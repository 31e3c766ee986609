//! The smallest client of each vendor that reads everybody: written from the documentation, like the stand-ins, so
//! that the stand-ins are tried without the engine.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::client::{Heard, World};

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
        "remote" => remote_page(world, 1),
        "nmbrs" => nmbrs_first(world).await,
        "google-workspace" => google_page(world, "").await,
        "sap-successfactors" => sap_first(world).await,
        "workday" => workday_report(world),
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
        "remote" => remote(world).await,
        "nmbrs" => nmbrs(world).await,
        "google-workspace" => google(world).await,
        "sap-successfactors" => sap(world).await,
        "workday" => workday(world).await,
        other => panic!("`{other}` has a stand-in and no walk: write one here"),
    }
}

impl First {
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
        "fields": fields, "filter": "status in ('Active','Inactive')", "orderBy": "eeid",
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
                is_in: is_in && (end.is_empty() || end.as_str() >= super::client::DAY),
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

fn humaans_page(world: &World, list: &str, skip: usize) -> First {
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
            let ids: std::collections::BTreeSet<String> =
                rows.iter().map(|r| text(&r["id"])).collect();
            let total = heard["total"].as_u64().unwrap_or_default();
            return match ids.len() as u64 == total {
                true => Ok(rows),
                false => Err(format!("{} of {total} people came", ids.len())),
            };
        }
    }
    Err("no end".into())
}

async fn humaans(world: &World) -> Result<Vec<Row>, String> {
    let people = humaans_list(world, "people").await?;
    let roles = humaans_list(world, "job-roles").await?;
    let row = |p: &Value| {
        let mut own: Vec<&Value> = roles.iter().filter(|r| r["personId"] == p["id"]).collect();
        own.sort_by_key(|r| text(&r["effectiveDate"]));
        let is_now = |r: &&&Value| text(&r["effectiveDate"]).as_str() <= super::client::DAY;
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

fn remote_page(world: &World, page: usize) -> First {
    First {
        method: "GET",
        path: format!("/v1/employments?page={page}&page_size=100"),
        headers: remote_headers(world),
        body: String::new(),
    }
}

async fn remote(world: &World) -> Result<Vec<Row>, String> {
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
            let ids: std::collections::BTreeSet<String> =
                found.iter().map(|r| text(&r["id"])).collect();
            let total = data["total_count"].as_u64().unwrap_or_default();
            if ids.len() as u64 != total {
                return Err(format!("{} of {total} people came", ids.len()));
            }
            break;
        }
    }
    // Of several employments with one address the latest counts; without an address the login tells.
    let mut rows: std::collections::BTreeMap<String, Row> = std::collections::BTreeMap::new();
    for short in found {
        let path = format!("/v1/employments/{}?exclude_files=true", text(&short["id"]));
        let heard = world
            .send("GET", &path, &remote_headers(world), String::new())
            .await?;
        let heard = heard.good()?;
        let e = &heard["data"]["employment"];
        let end = text(&e["termination_date"]);
        let works = ["active", "offboarding"].contains(&text(&e["status"]).as_str());
        let notice = e["status"] == "archived" && end.as_str() >= super::client::DAY;
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
            let distinct: std::collections::BTreeSet<String> =
                rows.iter().map(Value::to_string).collect();
            return match distinct.len() as u64 == total {
                true => Ok(rows),
                false => Err(format!("{} of {total} people came", distinct.len())),
            };
        }
    }
    Err("no end".into())
}

const NMBRS_TYPES: &str = "employeeType=payroll,newHire,formerPayroll,external,formerExternal";

async fn nmbrs_first(world: &World) -> First {
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

async fn nmbrs(world: &World) -> Result<Vec<Row>, String> {
    let headers = nmbrs_headers(world).await;
    let companies = nmbrs_list(world, &headers, "/api/companies").await?;
    let mut rows = Vec::new();
    let mut bosses = Vec::new();
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
            bosses.push(email(&one["manager"]["email"]));
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
    let ids: std::collections::BTreeMap<String, String> = rows
        .iter()
        .map(|r| (r.email.clone(), r.id.clone()))
        .collect();
    for (row, boss) in rows
        .iter_mut()
        .zip(bosses)
        .filter(|(_, boss)| !boss.is_empty())
    {
        row.manager = ids.get(&boss).cloned().unwrap_or_default();
    }
    Ok(rows)
}

fn in_base64url(bytes: &[u8]) -> String {
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

/// RSA with SHA-256, in base64url.
fn signed(message: &str, pem: &str) -> String {
    let key = jsonwebtoken::EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
    jsonwebtoken::crypto::sign(message.as_bytes(), &key, jsonwebtoken::Algorithm::RS256).unwrap()
}

/// The assertion of a service account, with what a test wants to be wrong.
pub fn google_assertion(world: &World, change: impl Fn(&mut Value)) -> String {
    let key: Value = serde_json::from_str(world.key("service_account_key")).unwrap();
    let now = world.now().0 / 1_000;
    let mut claims = json!({
        "iss": key["client_email"], "sub": world.key("administrator_email"),
        "scope": "https://www.googleapis.com/auth/admin.directory.user.readonly",
        "aud": "https://oauth2.googleapis.com/token", "iat": now, "exp": now + 3_600,
    });
    change(&mut claims);
    let header = in_base64url(br#"{"alg":"RS256","typ":"JWT"}"#);
    let message = format!("{header}.{}", in_base64url(claims.to_string().as_bytes()));
    let signature = signed(&message, key["private_key"].as_str().unwrap());
    format!("{message}.{signature}")
}

pub async fn google_token(world: &World, assertion: &str) -> Heard {
    let body = format!(
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={assertion}"
    );
    let kind = [(
        "Content-Type",
        "application/x-www-form-urlencoded".to_owned(),
    )];
    world.send("POST", "/token", &kind, body).await.unwrap()
}

async fn google_page(world: &World, page: &str) -> First {
    let heard = google_token(world, &google_assertion(world, |_| {})).await;
    let token = text(&heard.good().unwrap()["access_token"]);
    let page = if page.is_empty() {
        String::new()
    } else {
        format!("&pageToken={page}")
    };
    First {
        method: "GET",
        path: format!(
            "/admin/directory/v1/users?customer=my_customer&maxResults=500&projection=full&orderBy=email{page}"
        ),
        headers: vec![("Authorization", format!("Bearer {token}"))],
        body: String::new(),
    }
}

async fn google(world: &World) -> Result<Vec<Row>, String> {
    let mut users: Vec<Value> = Vec::new();
    let mut page = String::new();
    for _ in 0..ENDLESS {
        let heard = google_page(world, &page).await.send(world).await?.good()?;
        users.extend(heard["users"].as_array().into_iter().flatten().cloned());
        page = text(&heard["nextPageToken"]);
        if page.is_empty() {
            break;
        }
    }
    let mut ids = std::collections::BTreeMap::new();
    for user in &users {
        ids.insert(text(&user["primaryEmail"]), text(&user["id"]));
        for alias in user["aliases"].as_array().into_iter().flatten() {
            ids.insert(text(alias), text(&user["id"]));
        }
    }
    let row = |u: &Value| {
        let organizations = u["organizations"].as_array();
        let own = organizations.and_then(|o| o.iter().find(|o| o["primary"] == true));
        let boss = u["relations"].as_array().and_then(|r| r.first());
        let boss = boss.map_or(String::new(), |r| text(&r["value"]));
        Row {
            id: text(&u["id"]),
            email: email(&u["primaryEmail"]),
            family: text(&u["name"]["familyName"]),
            title: own.map_or(String::new(), |o| text(&o["title"])),
            manager: ids.get(&boss).cloned().unwrap_or_default(),
            is_in: u["suspended"] == false && u["archived"] == false,
            start: text(&u["customSchemas"]["HR"]["startDate"]),
            end: text(&u["customSchemas"]["HR"]["endDate"]),
        }
    };
    Ok(users.iter().map(row).collect())
}

const SAML: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";

/// A signed assertion; `change` spoils its text after it was signed.
pub fn sap_assertion(world: &World, change: impl Fn(String) -> String) -> String {
    let now = world.now();
    let later = rosterd::domain::clock::Millis(now.0 + 600_000).to_rfc3339();
    let now = now.to_rfc3339();
    let user = world.key("api_user");
    let key = world.key("api_key");
    let begin = format!(
        "<saml2:Assertion xmlns:saml2=\"{SAML}\" ID=\"a1\" IssueInstant=\"{now}\" Version=\"2.0\"><saml2:Issuer>www.successfactors.com</saml2:Issuer>"
    );
    let rest = format!(
        "<saml2:Subject><saml2:NameID>{user}</saml2:NameID><saml2:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\"><saml2:SubjectConfirmationData NotOnOrAfter=\"{later}\" Recipient=\"https://{}/oauth/token\"></saml2:SubjectConfirmationData></saml2:SubjectConfirmation></saml2:Subject><saml2:Conditions NotBefore=\"{now}\" NotOnOrAfter=\"{later}\"><saml2:AudienceRestriction><saml2:Audience>www.successfactors.com</saml2:Audience></saml2:AudienceRestriction></saml2:Conditions><saml2:AttributeStatement><saml2:Attribute Name=\"api_key\"><saml2:AttributeValue>{key}</saml2:AttributeValue></saml2:Attribute></saml2:AttributeStatement></saml2:Assertion>",
        world.key("api_server")
    );
    let digest = {
        use sha2::Digest as _;
        STANDARD.encode(sha2::Sha256::digest(format!("{begin}{rest}")))
    };
    let info = |declared: &str| {
        format!(
            "<ds:SignedInfo{declared}><ds:CanonicalizationMethod Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"></ds:CanonicalizationMethod><ds:SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256\"></ds:SignatureMethod><ds:Reference URI=\"#a1\"><ds:Transforms><ds:Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"></ds:Transform><ds:Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"></ds:Transform></ds:Transforms><ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"></ds:DigestMethod><ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>"
        )
    };
    let signature = signed(
        &info(&format!(" xmlns:ds=\"{DSIG}\"")),
        world.key("private_key"),
    );
    let signature = signature.replace('-', "+").replace('_', "/");
    let signature = format!(
        "<ds:Signature xmlns:ds=\"{DSIG}\">{}<ds:SignatureValue>{signature}==</ds:SignatureValue></ds:Signature>",
        info("")
    );
    STANDARD.encode(change(format!("{begin}{signature}{rest}")))
}

pub async fn sap_token(world: &World, assertion: &str) -> Heard {
    let body = format!(
        "company_id={}&client_id={}&grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Asaml2-bearer&assertion={}",
        world.key("company_id"),
        world.key("api_key"),
        assertion
            .replace('+', "%2B")
            .replace('/', "%2F")
            .replace('=', "%3D"),
    );
    let kind = [(
        "Content-Type",
        "application/x-www-form-urlencoded".to_owned(),
    )];
    world
        .send("POST", "/oauth/token", &kind, body)
        .await
        .unwrap()
}

async fn sap_first(world: &World) -> First {
    let heard = sap_token(world, &sap_assertion(world, |xml| xml)).await;
    let token = text(&heard.good().unwrap()["access_token"]);
    let select = "userId,status,lastName,email,title,hireDate,companyExitDate,manager/userId";
    First {
        method: "GET",
        path: format!(
            "/odata/v2/User?$format=json&$filter=status%20in%20't','f'&$select={select}&$expand=manager&paging=snapshot"
        ),
        headers: vec![
            ("Authorization", format!("Bearer {token}")),
            ("Accept", "application/json".into()),
        ],
        body: String::new(),
    }
}

async fn sap(world: &World) -> Result<Vec<Row>, String> {
    let first = sap_first(world).await;
    let mut rows = Vec::new();
    let mut at = first.path.clone();
    for _ in 0..ENDLESS {
        let heard = world
            .send("GET", &at, &first.headers, String::new())
            .await?
            .good()?;
        let date = |value: &Value| {
            let number = text(value)
                .trim_start_matches("/Date(")
                .trim_end_matches(")/")
                .to_owned();
            let day = number
                .parse()
                .map(|ms| rosterd::domain::clock::Millis(ms).to_rfc3339());
            let day = day.unwrap_or_default().chars().take(10).collect::<String>();
            if day == "9999-12-31" {
                String::new()
            } else {
                day
            }
        };
        for u in heard["d"]["results"].as_array().ok_or("no results")? {
            let start = date(&u["hireDate"]);
            let is_in = u["status"] == "t" && start.as_str() <= super::client::DAY;
            rows.push(Row {
                id: text(&u["userId"]),
                email: email(&u["email"]),
                family: text(&u["lastName"]),
                title: text(&u["title"]),
                manager: text(&u["manager"]["userId"]),
                is_in,
                start,
                end: date(&u["companyExitDate"]),
            });
        }
        at = text(&heard["d"]["__next"]);
        if at.is_empty() {
            return Ok(rows);
        }
    }
    Err("no end".into())
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

/// A request to SOAP for one page.
pub fn workday_soap(world: &World, user: &str, page: usize) -> First {
    let password = world.key("isu_password");
    let body = format!(
        "<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:bsvc=\"urn:com.workday/bsvc\"><soapenv:Header><wsse:Security xmlns:wsse=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd\"><wsse:UsernameToken><wsse:Username>{user}</wsse:Username><wsse:Password>{password}</wsse:Password></wsse:UsernameToken></wsse:Security></soapenv:Header><soapenv:Body><bsvc:Get_Workers_Request bsvc:version=\"v44.0\"><bsvc:Response_Filter><bsvc:Page>{page}</bsvc:Page><bsvc:Count>100</bsvc:Count></bsvc:Response_Filter><bsvc:Response_Group><bsvc:Include_Personal_Information>true</bsvc:Include_Personal_Information><bsvc:Include_Employment_Information>true</bsvc:Include_Employment_Information><bsvc:Include_Management_Chain_Data>true</bsvc:Include_Management_Chain_Data></bsvc:Response_Group></bsvc:Get_Workers_Request></soapenv:Body></soapenv:Envelope>"
    );
    First {
        method: "POST",
        path: format!("/ccx/service/{}/Human_Resources/v44.0", world.key("tenant")),
        headers: vec![("Content-Type", "text/xml; charset=utf-8".into())],
        body,
    }
}
