//! `simulate idp`: an undisturbed server passes every play, and a server with a planted fault does not: the faults
//! stand in a proxy before the real one, each a fault that servers in the field have had.

use std::process::Command;

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use rosterd::cli::simulate::{Dialect, Family, Options, Play, Report, play};
use rosterd::domain::access::JoinerPolicy;
use rosterd::scim::rules::Preset;
use serde_json::{Value, json};

use crate::support::{ENTERPRISE, TestApp, http_client, is_soak};

const PLAYS: [Play; 4] = [
    Play::Okta(Family::Oin),
    Play::Okta(Family::Aiw),
    Play::Entra(Dialect::Classic),
    Play::Entra(Dialect::Flag2020),
];

async fn run(base: &str, token: &str, plays: &[Play], people: usize) -> Report {
    play(Options {
        base: format!("{base}/scim/v2/"),
        token: token.to_owned(),
        plays: plays.to_vec(),
        people,
        seed: 7,
        marker: "it".to_owned(),
        keep: false,
        progress: false,
    })
    .await
}

#[actix_web::test]
async fn both_providers_live_through_their_life_cycle_without_a_mismatch() {
    let app = TestApp::start().await;
    let people = if is_soak() { 500 } else { 50 };
    for (plays, presets) in [
        (&PLAYS[..2], [Preset::Okta, Preset::Generic]),
        (&PLAYS[2..], [Preset::Entra, Preset::Generic]),
    ] {
        for (n, preset) in presets.into_iter().enumerate() {
            let name = format!("{}-{n}", plays[0].name());
            let tenant = app.tenant(&name).await;
            let client = app.source_of(&tenant, preset, JoinerPolicy::Grant).await;
            let report = run(&app.base, client.token(), plays, people).await;
            assert_eq!(report.unreachable, None);
            assert_eq!(report.mismatches, [], "{preset:?}");
            assert_eq!(report.exit_code(), 0);
            assert!(report.request_count() > people * 8);
        }
    }
}

/// What a server may get wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Nothing is wrong: shows that the proxy itself is no fault.
    Nothing,
    /// `"False"` is a text that is not empty, so it is true.
    TextIsTrue,
    /// A look-up does not find who is inactive.
    HidesTheInactive,
    /// A look-up minds the case of a userName.
    MindsCase,
    /// Phone numbers come back in a form of the server's own.
    RewritesNumbers,
    /// `remove` with a value array empties the group.
    EmptiesTheGroup,
    /// Adding a member is acknowledged and lost.
    LosesAMember,
    /// The last page of a list lacks its last resource.
    CutsAPage,
    /// The manager comes back as a bare text.
    ManagerAsText,
    /// 409 with a body that is no SCIM error.
    PlainError,
}

/// Each fault with a play that meets it.
const FAULTS: [(Fault, Play); 9] = [
    (Fault::TextIsTrue, Play::Entra(Dialect::Classic)),
    (Fault::HidesTheInactive, Play::Okta(Family::Aiw)),
    (Fault::MindsCase, Play::Entra(Dialect::Flag2020)),
    (Fault::RewritesNumbers, Play::Okta(Family::Oin)),
    (Fault::EmptiesTheGroup, Play::Entra(Dialect::Classic)),
    (Fault::LosesAMember, Play::Okta(Family::Oin)),
    (Fault::CutsAPage, Play::Okta(Family::Aiw)),
    (Fault::ManagerAsText, Play::Entra(Dialect::Flag2020)),
    (Fault::PlainError, Play::Okta(Family::Oin)),
];

fn operations(body: &mut Value) -> Vec<&mut Value> {
    body["Operations"]
        .as_array_mut()
        .map(|all| all.iter_mut().collect())
        .unwrap_or_default()
}

/// The request as a server with the fault takes it; `None`: it is lost.
fn taken(fault: Fault, path: &str, mut body: Value) -> Option<Value> {
    for operation in operations(&mut body) {
        let on_members = operation["path"] == "members";
        let word = operation["op"]
            .as_str()
            .unwrap_or_default()
            .to_ascii_lowercase();
        match fault {
            Fault::TextIsTrue
                if operation["value"].is_string() && operation["path"] == "active" =>
            {
                operation["value"] = json!(true);
            }
            Fault::EmptiesTheGroup if on_members && word == "remove" => {
                operation.as_object_mut().unwrap().remove("value");
            }
            Fault::LosesAMember if on_members && word == "add" && path.contains("/Groups/") => {
                return None;
            }
            _ => {}
        }
    }
    Some(body)
}

/// The resources of a list, or the one resource.
fn resources(body: &mut Value) -> Vec<&mut Value> {
    if body.get("Resources").is_none() {
        return vec![body];
    }
    body["Resources"]
        .as_array_mut()
        .map(|all| all.iter_mut().collect())
        .unwrap_or_default()
}

/// The answer as a server with the fault gives it.
fn given(fault: Fault, query: &str, mut body: Value) -> Value {
    let is_look_up = query.contains("userName");
    let keep = |one: &Value| match fault {
        Fault::HidesTheInactive => one["active"] != json!(false),
        Fault::MindsCase => one["userName"]
            .as_str()
            .is_none_or(|name| query.contains(&name.replace('@', "%40").replace('\'', "%27"))),
        _ => true,
    };
    if is_look_up && let Some(list) = body.get_mut("Resources").and_then(Value::as_array_mut) {
        list.retain(keep);
        let total = list.len();
        body["totalResults"] = json!(total);
    }
    if fault == Fault::CutsAPage
        && query.contains("startIndex=21")
        && let Some(list) = body.get_mut("Resources").and_then(Value::as_array_mut)
    {
        list.pop();
    }
    for one in resources(&mut body) {
        if fault == Fault::RewritesNumbers {
            for number in one["phoneNumbers"].as_array_mut().into_iter().flatten() {
                let digits: String = number["value"]
                    .as_str()
                    .unwrap_or_default()
                    .chars()
                    .filter(char::is_ascii_digit)
                    .collect();
                number["value"] = json!(format!("tel:{digits}"));
            }
        }
        if fault == Fault::ManagerAsText && one[ENTERPRISE]["manager"].is_object() {
            one[ENTERPRISE]["manager"] = one[ENTERPRISE]["manager"]["value"].clone();
        }
    }
    body
}

async fn forward(
    request: HttpRequest,
    body: web::Bytes,
    to: web::Data<(String, Fault, reqwest::Client)>,
) -> HttpResponse {
    let (base, fault, http) = to.get_ref();
    let json: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let body = match json {
        Value::Null => Vec::new(),
        json => match taken(*fault, request.path(), json) {
            Some(body) => body.to_string().into_bytes(),
            None => return HttpResponse::NoContent().finish(),
        },
    };
    let method = request.method().as_str().parse().unwrap();
    let mut onward = http
        .request(method, format!("{base}{}", request.uri()))
        .body(body);
    for name in ["authorization", "content-type"] {
        if let Some(value) = request.headers().get(name) {
            onward = onward.header(name, value.to_str().unwrap());
        }
    }
    let answer = onward.send().await.unwrap();
    let status = actix_web::http::StatusCode::from_u16(answer.status().as_u16()).unwrap();
    let text = answer.text().await.unwrap();
    if *fault == Fault::PlainError && status.as_u16() == 409 {
        return HttpResponse::Conflict()
            .content_type("text/plain")
            .body("duplicate");
    }
    let mut response = HttpResponse::build(status);
    response.content_type("application/scim+json");
    match serde_json::from_str::<Value>(&text) {
        Ok(json) => response.body(given(*fault, request.query_string(), json).to_string()),
        Err(_) => response.body(text),
    }
}

/// A server with the fault; its base URL.
fn faulty(app: &TestApp, fault: Fault) -> String {
    let to = web::Data::new((app.base.clone(), fault, http_client()));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let server = HttpServer::new(move || {
        App::new()
            .app_data(to.clone())
            .default_service(web::to(forward))
    })
    .workers(1)
    .disable_signals()
    .listen(listener)
    .unwrap()
    .run();
    actix_web::rt::spawn(server);
    base
}

#[actix_web::test]
async fn every_planted_fault_is_a_mismatch() {
    let app = TestApp::start().await;
    let mut wrong = Vec::new();
    let undisturbed = PLAYS.map(|play| (Fault::Nothing, play));
    for (n, (fault, play)) in undisturbed.into_iter().chain(FAULTS).enumerate() {
        let tenant = app.tenant(&format!("planted-{n}")).await;
        let client = app
            .source_of(&tenant, Preset::Generic, JoinerPolicy::Grant)
            .await;
        let report = run(&faulty(&app, fault), client.token(), &[play], 30).await;
        let expected = u8::from(fault != Fault::Nothing);
        if report.exit_code() != expected || report.unreachable.is_some() {
            wrong.push((fault, play, report.mismatches));
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[actix_web::test]
async fn the_command_says_by_its_exit_code_how_it_went() {
    let app = TestApp::start().await;
    let client = app.source(Preset::Okta).await;
    let command = |base: String, token: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rosterd"));
        command.args(["simulate", "idp", "okta", "--people", "5", "--base", &base]);
        command.args(["--token", token]);
        actix_web::rt::task::spawn_blocking(move || command.output().unwrap())
    };
    let good = command(format!("{}/scim/v2", app.base), client.token())
        .await
        .unwrap();
    let shown = String::from_utf8(good.stdout).unwrap();
    assert_eq!(good.status.code(), Some(0), "{shown}");
    for word in [
        "okta-oin",
        "okta-aiw",
        "user create",
        "mismatches",
        "p99 ms",
    ] {
        assert!(shown.contains(word), "{word} in {shown}");
    }
    let base = faulty(&app, Fault::LosesAMember);
    let bad = command(format!("{base}/scim/v2"), client.token())
        .await
        .unwrap();
    assert_eq!(bad.status.code(), Some(1));
    assert!(String::from_utf8(bad.stdout).unwrap().contains("MISMATCH"));
    let nobody = command("http://127.0.0.1:9/scim/v2".to_owned(), "x")
        .await
        .unwrap();
    assert_eq!(nobody.status.code(), Some(2));
}
