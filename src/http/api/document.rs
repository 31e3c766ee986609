//! The OpenAPI document: what the handlers say about themselves, and what the list of routes, the table of errors and the
//! way through all routes add to each.

use std::sync::OnceLock;

use serde_json::{Map, Value, json};
use utoipa::OpenApi;

use super::problem::{CODES, Code, PROBLEM_JSON};
use super::routes::{Described, ROUTES, Route};

/// Where it is.
pub const PATH: &str = "/api/openapi.json";

/// What every parameter means, those of paths first.
const PARAMETERS: [(&str, &str); 21] = [
    ("tenant", "The tenant by id or name."),
    (
        "id",
        "Id of the connection, token, person, run or deleted tenant; slug of the connector; of a user or team of the app: the app's.",
    ),
    ("name", "Name of the secret, as the connector calls it."),
    (
        "after",
        "Where the page begins: the `next` of the page before.",
    ),
    ("limit", "Most items of the page."),
    ("accountId", "Only the tenant of this account of the app."),
    (
        "graceDays",
        "Days until the data goes: 0 to 365, otherwise 30.",
    ),
    ("connection", "Only those of the connection with this id."),
    ("losses", "`true`: only what takes access away."),
    ("lang", "`en` or `fr`: language of labels and texts."),
    ("appUserId", "What the app calls the person."),
    ("email", "Primary address of the person."),
    ("personId", "Id of the person."),
    (
        "line",
        "Number of the body's first line in the whole import; otherwise 1.",
    ),
    (
        "missing",
        "Of mode reconcile: `report` (otherwise) or `remove` who is in no line.",
    ),
    (
        "mode",
        "`upsert` (otherwise): some of them; `reconcile`: all of them.",
    ),
    ("more", "`true`: another part follows."),
    (
        "removeAtMost",
        "Of `missing=remove`: nobody is removed if more are missing; otherwise 5, or a tenth.",
    ),
    (
        "asOf",
        "The time for which the file stands; otherwise now. One older than the last file is refused.",
    ),
    (
        "access",
        "Only people with this access: listed, invited, granted or revoked.",
    ),
    (
        "filter",
        "SCIM filter over the person, such as `userName sw \"ann\"`.",
    ),
];

/// The document as it is sent.
pub fn text() -> String {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| document().to_string()).clone()
}

/// The document.
pub fn document() -> Value {
    let mut document = serde_json::to_value(Described::openapi()).unwrap_or_default();
    document["info"] = json!({
        "title": "Rosterd",
        "version": env!("CARGO_PKG_VERSION"),
        "description": "The management API: tenants, connections, credentials, tokens, people. People and groups as \
                        identity providers see them, and the audit log, are SCIM: `/scim/v2`.",
    });
    document["components"]["securitySchemes"] = json!({"token": {
        "type": "http", "scheme": "bearer",
        "description": "A token of the role operator, tenant-admin, auditor or app.",
    }});
    document["components"]["schemas"]["Problem"] = problem();
    document["components"]["responses"] = responses();
    for route in ROUTES {
        let method = route.method.to_ascii_lowercase();
        let operation = &mut document["paths"][route.path][method.as_str()];
        // What no handler describes stays out; a test misses it then.
        if let Some(operation) = operation.as_object_mut() {
            complete(operation, route);
        }
    }
    document
}

/// An error as a schema.
fn problem() -> Value {
    let codes: Vec<&str> = CODES.iter().map(|code| code.code).collect();
    json!({
        "type": "object",
        "description": "Why a request failed (RFC 9457).",
        "required": ["type", "title", "status", "detail", "code", "next", "request"],
        "properties": {
            "type": {"type": "string", "description": "`urn:rosterd:problem:` and the code."},
            "title": {"type": "string", "description": "What the code means."},
            "status": {"type": "integer", "description": "The status of the answer."},
            "detail": {"type": "string", "description": "Which input, which rule."},
            "code": {"type": "string", "enum": codes, "description": "What programs look at."},
            "next": {"type": "string", "description": "What to do next."},
            "request": {"type": "string", "description": "Names the request, also in the operator's log and in the journal."},
        },
    })
}

/// One answer for each status that is an error, with an example for each of its codes.
fn responses() -> Value {
    let mut all = Map::new();
    for first in CODES {
        let codes = CODES.iter().filter(|code| code.status == first.status);
        let title: Vec<&str> = codes.clone().map(|code| code.title).collect();
        let examples: Map<String, Value> = codes
            .map(|code| (code.code.to_owned(), example(code)))
            .collect();
        let answer = json!({
            "description": title.join("; or: "),
            "content": {PROBLEM_JSON: {
                "schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples,
            }},
        });
        all.insert(first.status.to_string(), answer);
    }
    Value::Object(all)
}

fn example(code: &Code) -> Value {
    json!({"value": {
        "type": format!("urn:rosterd:problem:{}", code.code), "title": code.title, "status": code.status,
        "detail": "…", "code": code.code, "next": code.next, "request": "01977e60-2f4b-7c11-9d0e-5a3c8b7f1e20",
    }})
}

/// Adds what the handler does not say: name, roles, parameters, errors.
fn complete(operation: &mut Map<String, Value>, route: &Route) {
    operation.insert("operationId".to_owned(), json!(route.operation));
    let resource = route.operation.split('-').next().unwrap_or_default();
    operation.insert("tags".to_owned(), json!([resource]));
    operation.insert("security".to_owned(), json!([{"token": []}]));
    let roles: Vec<&str> = route.roles.iter().map(|role| role.as_str()).collect();
    let told = operation.get("description").and_then(Value::as_str);
    let told = told.map_or_else(String::new, |text| format!("{text}\n\n"));
    let told = format!("{told}Roles: {}.", roles.join(", "));
    operation.insert("description".to_owned(), json!(told));
    operation.insert("parameters".to_owned(), parameters(operation, route));
    let writes = operation.contains_key("requestBody");
    let has = |status: u16| match status {
        400 => writes || !route.query.is_empty(),
        404 => route.path.contains('{'),
        405 => false,
        409 => writes || route.method == "POST",
        413 | 415 | 408 => writes,
        _ => true,
    };
    let Some(answers) = operation
        .get_mut("responses")
        .and_then(Value::as_object_mut)
    else {
        return;
    };
    for code in CODES.iter().filter(|code| has(code.status)) {
        let status = code.status.to_string();
        let shared = json!({"$ref": format!("#/components/responses/{status}")});
        answers.entry(status).or_insert(shared);
    }
}

fn parameters(operation: &Map<String, Value>, route: &Route) -> Value {
    let mut all: Vec<Value> = match operation.get("parameters") {
        Some(Value::Array(own)) => own.clone(),
        _ => Vec::new(),
    };
    for (name, about) in PARAMETERS {
        // What a handler says of its own parameter says more.
        let is_told = all.iter().any(|own| own["name"] == name);
        let in_path = route.path.contains(&format!("{{{name}}}"));
        if !is_told && (in_path || route.query.contains(&name)) {
            let place = if in_path { "path" } else { "query" };
            let kind = if name == "limit" { "integer" } else { "string" };
            all.push(json!({
                "name": name, "in": place, "required": in_path, "description": about, "schema": {"type": kind},
            }));
        }
    }
    Value::Array(all)
}
