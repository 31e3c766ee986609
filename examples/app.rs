//! A small app whose users Rosterd keeps: whoever accepts an invitation lands here signed in, and whoever loses access is out
//! with her next request.
//!
//! ```sh
//! ROSTERD_APP_ACCEPT_URL=http://127.0.0.1:9000/welcome rosterd serve
//! cargo run --example app -- 127.0.0.1:9000 http://127.0.0.1:8080 default "$APP_TOKEN"
//! ```
//!
//! It asks `GET …/access` with each request, which costs a look-up each. An app with many requests keeps what it was told and
//! reads the feed of events instead, which comes with a later release; what is asked and answered stays the same.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "it is a program of its own"
)]

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use actix_web::http::header::{COOKIE, LOCATION, SET_COOKIE};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, Responder, web};
use base64::Engine;
use serde_json::{Value, json};

/// Name of the session's cookie.
const SESSION: &str = "app-session";

/// What the app knows: where Rosterd is, and who is signed in.
struct Here {
    client: reqwest::Client,
    rosterd: String,
    tenant: String,
    token: String,
    sessions: Mutex<HashMap<String, String>>,
}

impl Here {
    /// Asks Rosterd; `None`: it said no, or nothing.
    async fn ask(&self, path: &str, body: Option<Value>) -> Option<Value> {
        let url = format!("{}/api/v1{path}", self.rosterd);
        let request = match body {
            Some(body) => self.client.post(url).json(&body),
            None => self.client.get(url),
        };
        let answer = request.bearer_auth(&self.token).send().await.ok()?;
        answer.error_for_status().ok()?.json().await.ok()
    }

    /// Signs a person in.
    fn sign_in(&self, person: &str) -> HttpResponse {
        let mut bytes = [0; 32];
        if getrandom::fill(&mut bytes).is_err() {
            return HttpResponse::InternalServerError().finish();
        }
        let id = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
        let cookie = format!("{SESSION}={id}; Path=/; HttpOnly; SameSite=Lax");
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.insert(id, person.to_owned());
        HttpResponse::SeeOther()
            .insert_header((LOCATION, "/"))
            .insert_header((SET_COOKIE, cookie))
            .finish()
    }
}

/// Somebody accepted an invitation: Rosterd says who she is, once.
async fn welcome(
    here: web::Data<Here>,
    query: web::Query<HashMap<String, String>>,
) -> HttpResponse {
    let code = query.get("code").cloned().unwrap_or_default();
    match here.ask("/handoff", Some(json!({"code": code}))).await {
        Some(who) => here.sign_in(who["person"].as_str().unwrap_or_default()),
        None => HttpResponse::Forbidden().body("This link was used already. Please sign in."),
    }
}

/// Somebody signs in; a real app has asked an identity provider for her address first.
async fn sign_in(here: web::Data<Here>, form: web::Form<HashMap<String, String>>) -> HttpResponse {
    let path = format!("/tenants/{}/sign-ins", here.tenant);
    let answer = here
        .ask(&path, Some(json!({"email": form.get("email")})))
        .await;
    let answer = answer.unwrap_or_default();
    match answer["answer"].as_str() {
        Some("grant") => here.sign_in(answer["person"]["id"].as_str().unwrap_or_default()),
        Some("accept-pending-invitation") => {
            HttpResponse::Forbidden().body("An invitation is in your mail: accept it first.")
        }
        _ => HttpResponse::Forbidden().body("You have no access."),
    }
}

/// What the app is for, for whoever may see it.
async fn home(here: web::Data<Here>, request: HttpRequest) -> impl Responder {
    let cookies = request.headers().get(COOKIE).and_then(|c| c.to_str().ok());
    let mut pairs = cookies
        .unwrap_or_default()
        .split("; ")
        .filter_map(|c| c.split_once('='));
    let id = pairs
        .find(|(name, _)| *name == SESSION)
        .map_or("", |(_, id)| id);
    let known = |id: &str| {
        let sessions = here.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.get(id).cloned()
    };
    let Some(person) = known(id) else {
        return HttpResponse::Unauthorized().body("Please sign in.");
    };
    let path = format!("/tenants/{}/access?personId={person}", here.tenant);
    let Some(answer) = here.ask(&path, None).await else {
        // That Rosterd is away says nothing about anybody.
        return HttpResponse::ServiceUnavailable().body("One moment, please.");
    };
    if answer["answer"] == "grant" {
        let user = &answer["person"]["user"];
        let name = user["displayName"].as_str().or(user["userName"].as_str());
        return HttpResponse::Ok().body(format!("Hello {}", name.unwrap_or_default()));
    }
    let mut sessions = here.sessions.lock().unwrap_or_else(PoisonError::into_inner);
    sessions.remove(id);
    HttpResponse::Forbidden().body("You have no access any more.")
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let [listen, rosterd, tenant, token] = given.as_slice() else {
        return Err(std::io::Error::other(
            "usage: app LISTEN ROSTERD_URL TENANT APP_TOKEN",
        ));
    };
    let here = web::Data::new(Here {
        client: reqwest::Client::new(),
        rosterd: rosterd.clone(),
        tenant: tenant.clone(),
        token: token.clone(),
        sessions: Mutex::default(),
    });
    let server = HttpServer::new(move || {
        App::new()
            .app_data(here.clone())
            .route("/", web::get().to(home))
            .route("/welcome", web::get().to(welcome))
            .route("/sign-in", web::post().to(sign_in))
    });
    let server = server.workers(1).bind(listen)?;
    for address in server.addrs() {
        println!("the app listens on http://{address}");
    }
    server.run().await
}
