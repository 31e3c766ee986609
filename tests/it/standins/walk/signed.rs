//! Vendors that give a token for something signed.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{ENDLESS, First, Row, email, text};
use crate::standins::client::{Heard, World};

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

pub(super) async fn google_page(world: &World, page: &str) -> First {
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

pub(super) async fn google(world: &World) -> Result<Vec<Row>, String> {
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
    let mut ids = BTreeMap::new();
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
            end: [
                &u["customSchemas"]["HR"]["endDate"],
                &u["suspensionTime"],
                &u["archivalTime"],
            ]
            .into_iter()
            .find_map(|v| v.as_str().map(|time| time.chars().take(10).collect()))
            .unwrap_or_default(),
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

pub(super) async fn sap_first(world: &World) -> First {
    let heard = sap_token(world, &sap_assertion(world, |xml| xml)).await;
    let token = text(&heard.good().unwrap()["access_token"]);
    let select = "userId,status,lastName,email,title,hireDate,companyExitDate,manager/userId";
    First {
        method: "GET",
        path: format!(
            "/odata/v2/User?$format=json&$filter=status%20in%20't','f','e'&$select={select}&$expand=manager&paging=snapshot"
        ),
        headers: vec![
            ("Authorization", format!("Bearer {token}")),
            ("Accept", "application/json".into()),
        ],
        body: String::new(),
    }
}

pub(super) async fn sap(world: &World) -> Result<Vec<Row>, String> {
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
            let is_in = u["status"] == "t" && start.as_str() <= world.today().as_str();
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
