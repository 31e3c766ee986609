//! Recorded exchanges of identity providers, a JSON file each, replayed by this one runner.
//!
//! A file says why it is there, the preset of its connection, and its steps: method, path, headers (an `authorization`
//! replaces the connection's own), body, the status that must come, values that must stand in the answer (`want`: JSON
//! pointer → value, `null` for absent), the rules that the log must name (`rules`, none if it is missing), and ids to
//! keep (`save`: name → JSON pointer), which later steps name as `{name}`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rosterd::scim::rules::Preset;
use serde::Deserialize;
use serde_json::Value;

use crate::support::{TestApp, log};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Exchange {
    why: String,
    preset: String,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Step {
    method: String,
    path: String,
    status: u16,
    body: Option<Value>,
    content_type: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    want: BTreeMap<String, Value>,
    #[serde(default)]
    rules: Vec<String>,
    #[serde(default)]
    save: BTreeMap<String, String>,
}

/// A folder per provider.
const FILES: &str = "tests/fixtures/idp";

fn files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILES);
    let mut files: Vec<PathBuf> = std::fs::read_dir(root)
        .unwrap()
        .flat_map(|provider| std::fs::read_dir(provider.unwrap().path()).unwrap())
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    files
}

/// A JSON pointer whose `/` inside a URN needs no care: URNs have none.
fn at<'v>(body: &'v Value, pointer: &str) -> &'v Value {
    body.pointer(pointer).unwrap_or(&Value::Null)
}

fn fill(text: &str, saved: &BTreeMap<String, String>) -> String {
    saved.iter().fold(text.to_owned(), |text, (name, id)| {
        text.replace(&format!("{{{name}}}"), id)
    })
}

async fn replay(app: &TestApp, file: &Path, number: usize) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILES);
    let shown = file.strip_prefix(root).unwrap().display().to_string();
    let exchange: Exchange = serde_json::from_str(&std::fs::read_to_string(file).unwrap())
        .unwrap_or_else(|e| panic!("{shown}: {e}"));
    assert!(exchange.why.len() > 20, "{shown}: say why");
    let preset = Preset::parse(&exchange.preset).unwrap_or_else(|| panic!("{shown}: preset"));
    let tenant = app.tenant(&format!("exchange-{number}")).await;
    let client = app
        .source_of(
            &tenant,
            preset,
            rosterd::domain::access::JoinerPolicy::Grant,
        )
        .await;
    let mut saved = BTreeMap::new();
    for (i, step) in exchange.steps.iter().enumerate() {
        let place = format!("{shown}, step {}: {} {}", i + 1, step.method, step.path);
        let path = format!("/scim/v2{}", fill(&step.path, &saved));
        let body = step
            .body
            .as_ref()
            .map(|b| fill(&b.to_string(), &saved).into_bytes())
            .unwrap_or_default();
        let kind = step
            .content_type
            .as_deref()
            .unwrap_or("application/scim+json");
        let mut client = client.clone();
        if step.headers.contains_key("authorization") {
            client = client.anonymous();
        }
        for (name, value) in &step.headers {
            client = client.header(name, value);
        }
        let answer = client.raw(&step.method, &path, kind, body).await;
        assert_eq!(answer.status, step.status, "{place}: {}", answer.text);
        let logged = log::rules(answer.header("x-request-id").unwrap());
        assert_eq!(logged, step.rules, "{place}: rules in the log");
        if answer.text.is_empty() {
            assert!(
                step.want.is_empty() && answer.status == 204,
                "{place}: an empty answer"
            );
        } else {
            assert_eq!(
                answer.header("content-type"),
                Some("application/scim+json"),
                "{place}"
            );
        }
        for (pointer, want) in &step.want {
            let want: Value = serde_json::from_str(&fill(&want.to_string(), &saved)).unwrap();
            assert_eq!(
                at(&answer.body, pointer),
                &want,
                "{place}: {pointer} in {}",
                answer.text
            );
        }
        for (name, pointer) in &step.save {
            saved.insert(
                name.clone(),
                at(&answer.body, pointer)
                    .as_str()
                    .unwrap_or_else(|| panic!("{place}: {pointer}"))
                    .to_owned(),
            );
        }
    }
}

// checklist: 22, 74, 75, 86, 107, 122
#[actix_web::test]
async fn recorded_exchanges_are_answered_as_the_providers_want() {
    log::listen();
    let app = TestApp::start().await;
    let files = files();
    assert!(files.len() >= 50, "only {} exchanges", files.len());
    for (number, file) in files.iter().enumerate() {
        replay(&app, file, number).await;
    }
}
