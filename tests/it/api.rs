//! The management API: routes and their document, errors, what each resource does, hostile input.

use std::collections::BTreeSet;

use rosterd::domain::ids::{OPERATOR_TENANT, TenantId};
use rosterd::domain::roles::Role;
use rosterd::http::api::problem;
use rosterd::http::api::routes::ROUTES;
use rosterd::scim::rules::Preset;
use rosterd::service::Caller;
use serde_json::{Value, json};

use crate::support::{Answer, Client, TestApp, dump};

/// A client of the operator.
pub async fn operator(app: &TestApp) -> Client {
    let home = Caller::system(TenantId::new(OPERATOR_TENANT), "test");
    app.role(&home, Role::Operator).await
}

/// A request to the management API of the default tenant.
async fn send(client: &Client, method: &str, path: &str, body: Option<Value>) -> Answer {
    let body = body.map(|b| b.to_string().into_bytes()).unwrap_or_default();
    let path = match path.starts_with("/api") {
        true => path.to_owned(),
        false => format!("/api/v1/tenants/default{path}"),
    };
    client.raw(method, &path, "application/json", body).await
}

/// Refused with this code; the answer has the form of every problem.
#[track_caller]
fn refused(answer: &Answer, code: &str) {
    assert_eq!(answer.body["code"], code, "{}", answer.text);
    let known = problem::CODES.iter().find(|c| c.code == code).unwrap();
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (known.status, Some(problem::PROBLEM_JSON))
    );
    assert_eq!(answer.body["type"], format!("urn:rosterd:problem:{code}"));
    assert_eq!(answer.body["next"], known.next);
    assert_eq!(
        answer.body["request"].as_str(),
        answer.header("x-request-id"),
        "{}",
        answer.text
    );
}

#[actix_web::test]
async fn the_document_has_every_route_and_no_other() {
    let app = TestApp::start().await;
    let nobody = app.client("x").anonymous();
    let answer = send(&nobody, "GET", "/api/openapi.json", None)
        .await
        .expect(200);
    let mut described = BTreeSet::new();
    for (path, operations) in answer.body["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            described.insert((method.to_uppercase(), path.clone()));
        }
    }
    let routes: BTreeSet<_> = ROUTES
        .iter()
        .map(|r| (r.method.to_owned(), r.path.to_owned()))
        .collect();
    assert_eq!(described, routes);
    let mut names = BTreeSet::new();
    for route in ROUTES {
        let operation = &answer.body["paths"][route.path][route.method.to_lowercase()];
        assert!(names.insert(operation["operationId"].as_str().unwrap()));
        for part in ["summary", "description"] {
            assert!(
                operation[part].as_str().is_some_and(|t| !t.is_empty()),
                "{route:?}",
                route = route.path
            );
        }
        for role in route.roles {
            assert!(
                operation["description"]
                    .as_str()
                    .unwrap()
                    .contains(role.as_str())
            );
        }
        let answers = operation["responses"].as_object().unwrap();
        assert!(
            answers.keys().any(|status| status.starts_with('2')),
            "{}",
            route.path
        );
        for status in ["401", "403", "429", "500", "503"] {
            assert!(answers.contains_key(status), "{} {status}", route.path);
        }
        let writes = operation.get("requestBody").is_some();
        assert!(!writes || answers.contains_key("400"), "{}", route.path);
        for parameter in operation["parameters"].as_array().unwrap() {
            assert!(
                parameter["description"]
                    .as_str()
                    .is_some_and(|t| !t.is_empty())
            );
        }
    }
    // Whatever is referred to is there.
    for text in answer.text.split("\"$ref\":\"#/").skip(1) {
        let path = text.split('"').next().unwrap();
        let found = path
            .split('/')
            .fold(&answer.body, |value, part| &value[part]);
        assert!(!found.is_null(), "{path}");
    }
}

#[test]
fn the_page_of_errors_is_made_of_the_table() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/ERRORS.md"));
    let table = problem::table();
    assert!(
        page.unwrap().contains(&table),
        "docs/ERRORS.md lacks this table:\n{table}"
    );
}

#[actix_web::test]
async fn tenants_are_made_listed_renamed_suspended_and_resumed() {
    let app = TestApp::start().await;
    let operator = operator(&app).await;
    let all = "/api/v1/tenants";
    let made = send(&operator, "POST", all, Some(json!({"name": "acme"})))
        .await
        .expect(201);
    refused(
        &send(&operator, "POST", all, Some(json!({"name": "acme"}))).await,
        "conflict",
    );
    refused(
        &send(&operator, "POST", all, Some(json!({"name": "A b"}))).await,
        "invalid-value",
    );
    let id = made.id();
    // A name that hides somebody's id.
    let hides = send(&operator, "POST", all, Some(json!({"name": id}))).await;
    refused(&hides, "invalid-value");
    // By name as by id.
    let named = send(&operator, "GET", "/api/v1/tenants/acme", None)
        .await
        .expect(200);
    assert_eq!(named.body, made.body);
    let listed = send(&operator, "GET", &format!("{all}?limit=2"), None)
        .await
        .expect(200);
    assert_eq!(listed.body["items"].as_array().unwrap().len(), 2);
    let next = listed.body["next"].as_str().unwrap();
    let rest = send(
        &operator,
        "GET",
        &format!("{all}?limit=2&after={next}"),
        None,
    )
    .await;
    assert_eq!(rest.body["items"][0]["id"], id.as_str());
    assert!(rest.body.get("next").is_none(), "{}", rest.text);
    let path = format!("{all}/{id}");
    let renamed = send(&operator, "PATCH", &path, Some(json!({"name": "acme-2"}))).await;
    assert_eq!(renamed.expect(200).body["name"], "acme-2");
    refused(
        &send(&operator, "PATCH", &path, Some(json!({"name": "default"}))).await,
        "conflict",
    );
    let tenant = Caller::system(TenantId::new(&*id), "test");
    let admin = app.role(&tenant, Role::TenantAdmin).await;
    send(&admin, "GET", &path, None).await.expect(200);
    send(
        &operator,
        "PATCH",
        &path,
        Some(json!({"state": "suspended"})),
    )
    .await
    .expect(200);
    app.state.forget_invalidated().await;
    refused(&send(&admin, "GET", &path, None).await, "unauthorized");
    send(&operator, "GET", &path, None).await.expect(200);
    send(&operator, "PATCH", &path, Some(json!({"state": "active"})))
        .await
        .expect(200);
    send(&admin, "GET", &path, None).await.expect(200);
    refused(
        &send(&admin, "PATCH", &path, Some(json!({"state": "active"}))).await,
        "forbidden",
    );
    let own = format!("{all}/{OPERATOR_TENANT}");
    refused(
        &send(
            &operator,
            "PATCH",
            &own,
            Some(json!({"state": "suspended"})),
        )
        .await,
        "forbidden",
    );
}

#[actix_web::test]
async fn a_pull_connection_is_made_changed_paused_and_its_secrets_are_never_read() {
    let app = TestApp::start().await;
    let admin = app.role(&app.tenant, Role::TenantAdmin).await;
    let body = json!({
        "kind": "hris", "connector": "personio", "label": "HR", "settings": {"region": "eu"},
        "schedule": {"everyMinutes": 60}, "secrets": {"client_id": "hunter2-id", "client_secret": "hunter2-secret"},
    });
    let made = send(&admin, "POST", "/connections", Some(body))
        .await
        .expect(201);
    let id = made.id();
    let path = format!("/connections/{id}");
    assert_eq!(made.body["policy"], "list");
    assert_eq!(
        made.body["guard"],
        json!({"maxLeavers": 5, "maxPercent": 10})
    );
    assert_eq!(made.body["scope"], json!({"leaving": "keep"}));
    let change = json!({
        "guard": {"maxLeavers": 20}, "settings": {"region": null, "subdomain": "acme"},
        "scope": {"filter": "userType eq \"Employee\"", "leaving": "revoke"}, "policy": "invite",
    });
    let changed = send(&admin, "PATCH", &path, Some(change)).await.expect(200);
    assert_eq!(
        changed.body["guard"],
        json!({"maxLeavers": 20, "maxPercent": 10})
    );
    assert_eq!(changed.body["settings"], json!({"subdomain": "acme"}));
    assert_eq!(
        changed.body["schedule"],
        json!({"everyMinutes": 60, "confirmMinutes": 5})
    );
    assert_eq!(changed.body["scope"]["leaving"], "revoke");
    let everybody = json!({"scope": {"filter": ""}});
    let changed = send(&admin, "PATCH", &path, Some(everybody))
        .await
        .expect(200);
    assert_eq!(changed.body["scope"], json!({"leaving": "revoke"}));
    let secrets = format!("{path}/secrets");
    let token = format!("{secrets}/refresh_token");
    send(
        &admin,
        "PUT",
        &token,
        Some(json!({"value": "hunter2-refresh"})),
    )
    .await
    .expect(204);
    let listed = send(&admin, "GET", &secrets, None).await.expect(200);
    let names: Vec<&Value> = listed.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| &s["name"])
        .collect();
    assert_eq!(names, ["client_id", "client_secret", "refresh_token"]);
    send(&admin, "DELETE", &token, None).await.expect(204);
    refused(&send(&admin, "DELETE", &token, None).await, "not-found");
    let opened = app.service.open_secrets(&app.tenant, &id).await.unwrap();
    assert_eq!(opened.values["client_secret"].expose(), "hunter2-secret");
    let events = admin.get("/AuditEvents?count=1000").await.expect(200);
    let all = [&made.text, &changed.text, &listed.text, &events.text]
        .map(String::as_str)
        .concat();
    assert!(!all.contains("hunter2") && !dump(&app.database).contains("hunter2"));
    for (verb, state) in [
        ("pause", "paused"),
        ("pause", "paused"),
        ("resume", "active"),
    ] {
        let turned = send(&admin, "POST", &format!("{path}/{verb}"), None)
            .await
            .expect(200);
        assert_eq!(turned.body["state"], state);
    }
    let updates = admin
        .filter("/AuditEvents", "action eq \"connection.updated\"")
        .await;
    assert_eq!(updates.total(), 4, "what changes nothing is no entry");
    app.verify().await;
}

#[actix_web::test]
async fn a_paused_push_connection_is_refused_within_a_second() {
    let app = TestApp::start().await;
    let admin = app.role(&app.tenant, Role::TenantAdmin).await;
    let body = json!({"kind": "scim", "label": "Okta", "preset": "okta"});
    let made = send(&admin, "POST", "/connections", Some(body))
        .await
        .expect(201);
    assert_eq!(
        (&made.body["policy"], &made.body["preset"]),
        (&json!("grant"), &json!("okta"))
    );
    let id = made.id();
    let wanted = json!({"role": "connection", "connection": id});
    let token = send(&admin, "POST", "/tokens", Some(wanted))
        .await
        .expect(201);
    let okta = app.client(token.body["token"].as_str().unwrap());
    okta.create_user("ann@x.test").await;
    send(&admin, "POST", &format!("/connections/{id}/pause"), None)
        .await
        .expect(200);
    app.state.forget_invalidated().await;
    okta.get("/Users").await.expect(401);
    send(&admin, "POST", &format!("/connections/{id}/resume"), None)
        .await
        .expect(200);
    app.state.forget_invalidated().await;
    okta.get("/Users").await.expect(200);
    let secret = format!("/connections/{id}/secrets/key");
    refused(
        &send(&admin, "PUT", &secret, Some(json!({"value": "x"}))).await,
        "invalid-value",
    );
    let every = json!({"schedule": {"everyMinutes": 60}});
    refused(
        &send(&admin, "PATCH", &format!("/connections/{id}"), Some(every)).await,
        "invalid-value",
    );
}

#[actix_web::test]
async fn a_tokens_secret_is_seen_once_and_no_admin_makes_an_operator() {
    let app = TestApp::start().await;
    let admin = app.role(&app.tenant, Role::TenantAdmin).await;
    let wanted = json!({"role": "app", "label": "backend", "expiresAt": "2999-01-01T00:00:00Z"});
    let made = send(&admin, "POST", "/tokens", Some(wanted))
        .await
        .expect(201);
    let secret = made.body["token"].as_str().unwrap().to_owned();
    let program = app.client(&secret);
    send(&program, "GET", "/people", None).await.expect(200);
    let listed = send(&admin, "GET", "/tokens", None).await.expect(200);
    assert!(listed.text.contains(&made.id()) && !listed.text.contains(&secret));
    let path = format!("/tokens/{}", made.id());
    for _ in 0..2 {
        send(&admin, "DELETE", &path, None).await.expect(204);
    }
    app.state.forget_invalidated().await;
    refused(
        &send(&program, "GET", "/people", None).await,
        "unauthorized",
    );
    let operator = operator(&app).await;
    for client in [&admin, &operator] {
        let wanted = json!({"role": "operator"});
        refused(
            &send(client, "POST", "/tokens", Some(wanted)).await,
            "invalid-value",
        );
    }
    let own = "/api/v1/tenants/operator/tokens";
    send(&operator, "POST", own, Some(json!({"role": "operator"})))
        .await
        .expect(201);
    refused(
        &send(&admin, "POST", own, Some(json!({"role": "operator"}))).await,
        "not-found",
    );
    for wrong in [
        json!({"role": "king"}),
        json!({"role": "connection"}),
        json!({"role": "app", "connection": "x"}),
        json!({"role": "app", "expiresAt": "2020-01-01T00:00:00Z"}),
        json!({"role": "app", "expiresAt": "soon"}),
        json!({"role": "app", "label": "a\nb"}),
    ] {
        refused(
            &send(&admin, "POST", "/tokens", Some(wrong)).await,
            "invalid-value",
        );
    }
    let nobody = json!({"role": "connection", "connection": "nobody"});
    refused(
        &send(&admin, "POST", "/tokens", Some(nobody)).await,
        "not-found",
    );
}

#[actix_web::test]
async fn a_request_that_comes_twice_creates_one_thing() {
    let app = TestApp::start().await;
    let admin = app.role(&app.tenant, Role::TenantAdmin).await;
    let once = admin.header("idempotency-key", "k-1");
    let token = json!({"role": "app", "label": "one"});
    let first = send(&once, "POST", "/tokens", Some(token.clone()))
        .await
        .expect(201);
    let second = send(&once, "POST", "/tokens", Some(token.clone()))
        .await
        .expect(200);
    assert_eq!(first.id(), second.id());
    assert!(first.body["token"].is_string() && second.body.get("token").is_none());
    let other = json!({"role": "app", "label": "two"});
    refused(
        &send(&once, "POST", "/tokens", Some(other)).await,
        "key-reused",
    );
    let connection = json!({"kind": "hris", "connector": "x", "label": "HR"});
    let (a, b) = futures_util::future::join(
        send(&once, "POST", "/connections", Some(connection.clone())),
        send(&once, "POST", "/connections", Some(connection.clone())),
    )
    .await;
    assert_eq!(a.id(), b.id());
    let mut statuses = [a.status, b.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 201]);
    let differs = json!({"kind": "hris", "connector": "y", "label": "HR"});
    refused(
        &send(&once, "POST", "/connections", Some(differs)).await,
        "key-reused",
    );
    let twice = admin.header("idempotency-key", "k-2");
    let more = send(&twice, "POST", "/connections", Some(connection.clone()))
        .await
        .expect(201);
    assert_ne!(more.id(), a.id());
    // The same key of another tenant is another key.
    let other = app.tenant("other").await;
    let theirs = app
        .role(&other, Role::TenantAdmin)
        .await
        .header("idempotency-key", "k-1");
    let path = "/api/v1/tenants/other/connections";
    let made = send(&theirs, "POST", path, Some(connection))
        .await
        .expect(201);
    assert_ne!(made.id(), a.id());
    for key in ["", " \u{e9}", &"k".repeat(256)] {
        let wrong = admin.header("idempotency-key", key);
        refused(
            &send(&wrong, "POST", "/tokens", Some(token.clone())).await,
            "invalid-value",
        );
    }
}

#[actix_web::test]
async fn people_are_paged_filtered_and_decided_about() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let mut ids = Vec::new();
    for n in 0..7 {
        ids.push(okta.create_user(&format!("p{n}@x.test")).await.id());
    }
    ids.sort_unstable();
    let admin = app.role(&app.tenant, Role::TenantAdmin).await;
    let mut seen = Vec::new();
    let mut after = String::new();
    loop {
        let page = send(&admin, "GET", &format!("/people?limit=3{after}"), None)
            .await
            .expect(200);
        let items = page.body["items"].as_array().unwrap().clone();
        seen.extend(items.iter().map(|p| p["id"].as_str().unwrap().to_owned()));
        let Some(next) = page.body["next"].as_str() else {
            break;
        };
        after = format!("&after={next}");
    }
    assert_eq!(seen, ids);
    let path = format!("/people/{}", ids[0]);
    let note = json!({"note": "asked for"});
    let done = send(&admin, "POST", &format!("{path}/revoke"), Some(note))
        .await
        .expect(200);
    assert_eq!(
        (&done.body["access"], &done.body["isChanged"]),
        (&json!("revoked"), &json!(true))
    );
    let again = send(
        &admin,
        "POST",
        &format!("{path}/revoke"),
        Some(json!({"note": "asked for"})),
    )
    .await;
    assert_eq!(again.expect(200).body["isChanged"], false);
    let shown = send(&admin, "GET", &path, None).await.expect(200);
    assert_eq!(
        shown.body["accessReason"],
        json!({"code": "revoked-by-human", "parameters": {"note": "asked for"}})
    );
    assert_eq!(shown.body["sources"][0]["state"], "live");
    assert!(
        shown.body["user"]["userName"]
            .as_str()
            .unwrap()
            .ends_with("@x.test")
    );
    let revoked = send(&admin, "GET", "/people?access=revoked", None)
        .await
        .expect(200);
    assert_eq!(revoked.body["items"].as_array().unwrap().len(), 1);
    let both = "/people?access=granted&filter=userName%20sw%20%22p%22";
    let found = send(&admin, "GET", both, None).await.expect(200);
    assert_eq!(found.body["items"].as_array().unwrap().len(), 6);
    // A filter's brackets do not reach around the other condition.
    let trick = "/people?access=revoked&filter=userName%20pr)%20or%20(userName%20pr";
    refused(&send(&admin, "GET", trick, None).await, "invalid-value");
    send(&admin, "POST", &format!("{path}/reinstate"), None)
        .await
        .expect(200);
    let removed = send(&admin, "POST", &format!("{path}/remove"), None)
        .await
        .expect(200);
    assert_eq!(
        (&removed.body["access"], &removed.body["isRemoved"]),
        (&json!("listed"), &json!(false))
    );
    refused(
        &send(&admin, "POST", "/people/nobody/revoke", None).await,
        "not-found",
    );
    for wrong in [
        "limit=0",
        "limit=x",
        "limit=1001",
        "access=king",
        "filter=(",
        "page=2",
        "limit=1&limit=2",
    ] {
        let answer = send(&admin, "GET", &format!("/people?{wrong}"), None).await;
        refused(&answer, "invalid-value");
    }
}

#[actix_web::test]
async fn conflicts_are_listed() {
    let app = TestApp::start().await;
    let (first, second) = (
        app.source(Preset::Okta).await,
        app.source(Preset::Entra).await,
    );
    let person = |name: &str, mail: &str| {
        json!({
            "schemas": [crate::support::USER], "userName": name, "active": true,
            "emails": [{"value": mail, "type": "work", "primary": true}],
        })
    };
    first
        .post("/Users", person("a", "same@x.test"))
        .await
        .expect(201);
    first
        .post("/Users", person("b", "same@x.test"))
        .await
        .expect(201);
    second
        .post("/Users", person("c", "same@x.test"))
        .await
        .expect(201);
    let admin = app.role(&app.tenant, Role::TenantAdmin).await;
    let listed = send(&admin, "GET", "/conflicts", None).await.expect(200);
    let items = listed.body["items"].as_array().unwrap();
    assert!(!items.is_empty(), "{}", listed.text);
    assert!(
        items
            .iter()
            .all(|c| c["kind"].is_string() && c["candidates"].is_array()),
        "{}",
        listed.text
    );
}

#[actix_web::test]
async fn hostile_bodies_are_refused_with_the_field_named_and_no_value_shown() {
    let app = TestApp::start().await;
    let admin = app.role(&app.tenant, Role::TenantAdmin).await;
    let base = json!({"kind": "hris", "connector": "x", "label": "HR"});
    let with = |name: &str, value: Value| {
        let mut body = base.clone();
        body[name] = value;
        body
    };
    let before = app.verify().await.entries;
    for (body, says) in [
        (with("hunter", json!(1)), "unknown field `hunter`"),
        (with("schedule", json!({"every": 5})), "schedule"),
        (
            with("schedule", json!({"everyMinutes": 4})),
            "schedule.everyMinutes",
        ),
        (
            with("schedule", json!({"everyMinutes": -5})),
            "schedule.everyMinutes",
        ),
        (
            with("schedule", json!({"everyMinutes": 1e30})),
            "schedule.everyMinutes",
        ),
        (
            with("guard", json!({"maxPercent": 101})),
            "guard.maxPercent",
        ),
        (with("guard", json!([])), "guard"),
        (with("scope", json!({"filter": "nonsense"})), "scope.filter"),
        (with("scope", json!({"leaving": "drop"})), "scope.leaving"),
        (with("settings", json!({"Up": "x"})), "Up"),
        (with("settings", json!({"up": 5})), "settings.up"),
        (with("secrets", json!("hunter2")), "secrets"),
        (with("secrets", json!({"key": 2_222_222})), "secrets.key"),
        (
            with("secrets", json!({"key": "hunter2\n".repeat(3_000)})),
            "key",
        ),
        (with("secrets", json!({"Key": "hunter2"})), "Key"),
        (with("label", json!("x".repeat(201))), "label"),
        (with("label", json!("a\u{1b}[2J")), "label"),
        (with("connector", json!("../../etc/passwd")), "connector"),
        (with("preset", json!("okta")), "preset"),
        (with("kind", json!("app")), "kind"),
        (with("policy", json!(null)), ""),
        (json!({"kind": "hris", "label": "HR"}), "connector"),
        (json!({"kind": "scim"}), "label"),
        (
            json!({"kind": "scim", "label": "x", "secrets": {}}),
            "secrets",
        ),
        (
            json!({"kind": "scim", "label": "x", "preset": "windows"}),
            "preset",
        ),
        (json!([1, 2]), "object"),
    ] {
        let answer = send(&admin, "POST", "/connections", Some(body.clone())).await;
        if says.is_empty() {
            // Null is as good as absent.
            answer.expect(201);
            continue;
        }
        assert_eq!(answer.status, 400, "{body}: {}", answer.text);
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(detail.contains(says), "{body}: {detail}");
        assert!(
            !detail.contains("hunter2") && !detail.contains("2222222") && detail.len() < 600,
            "{detail}"
        );
    }
    // The one with a null, and the token of the client.
    assert_eq!(app.verify().await.entries, before + 1);
    for (kind, body, code) in [
        ("application/json", "{", "invalid-json"),
        ("application/json", "", "invalid-json"),
        (
            "application/json",
            "{\"label\":1,\"label\":2}",
            "invalid-json",
        ),
        (
            "application/json",
            "{\"label\":\"\\u0000\"}",
            "invalid-value",
        ),
        ("text/plain", "{}", "unsupported-media"),
    ] {
        let path = "/api/v1/tenants/default/connections";
        let answer = admin
            .raw("POST", path, kind, body.as_bytes().to_vec())
            .await;
        refused(&answer, code);
    }
    let deep = format!("{{\"label\":{}{}}}", "[".repeat(1_000), "]".repeat(1_000));
    let path = "/api/v1/tenants/default/connections";
    refused(
        &admin
            .raw("POST", path, "application/json", deep.into_bytes())
            .await,
        "invalid-json",
    );
    let large = vec![b' '; (4 << 20) + 1];
    refused(
        &admin.raw("POST", path, "application/json", large).await,
        "too-large",
    );
    refused(
        &send(&admin, "GET", "/connections/%00", None).await,
        "not-found",
    );
    refused(&send(&admin, "GET", "/nothing", None).await, "not-found");
    refused(
        &send(&admin, "GET", "/api/v2/tenants", None).await,
        "not-found",
    );
    let wrong = send(&admin, "DELETE", "/people", None).await;
    refused(&wrong, "method-not-allowed");
    assert_eq!(wrong.header("allow"), Some("GET"));
}
