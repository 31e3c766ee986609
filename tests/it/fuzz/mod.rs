//! Whatever reads what a client sends, fed with what no client means: no panic, no endless work, an error that is the
//! client's and says why; and what is accepted can be stored, compared and read again.

mod mutate;

use std::sync::Arc;

use proptest::strategy::{Strategy, ValueTree};
use rosterd::domain::roles::Role;
use rosterd::http::scim::cursor::{Place, Seal};
use rosterd::scim::bulk::{self, Schedule};
use rosterd::scim::document::{self, check_required, check_size};
use rosterd::scim::filter::{evaluate, parse};
use rosterd::scim::fold::match_document;
use rosterd::scim::limits::Limits;
use rosterd::scim::list::ListQuery;
use rosterd::scim::patch::{self, Current};
use rosterd::scim::rules::{Preset, Rules};
use rosterd::scim::schema::{Registry, ResourceKind};
use rosterd::scim::units::{flatten, unflatten};
use rosterd::scim::{Doc, Error, Result, ScimType, extension, json};
use serde_json::{Value, json};

use crate::support::{Answer, Client, ENTERPRISE, GROUP, TestApp, USER, is_soak};
use mutate::{Corpus, fuzz, fuzz_with, runner};

const KINDS: [ResourceKind; 2] = [ResourceKind::User, ResourceKind::Group];
const PRESETS: [Preset; 2] = [Preset::Entra, Preset::Strict];

fn cases() -> u32 {
    if is_soak() { 1_000_000 } else { 5_000 }
}

fn registry() -> Registry {
    Registry::builtin().unwrap()
}

/// The value, if it was accepted; a refusal must be the client's fault and say why.
fn accepted<T>(result: Result<T>) -> Option<T> {
    result.map_err(|error| refused(&error)).ok()
}

fn refused(error: &Error) {
    assert!((400..500).contains(&error.status), "{error:?}");
    assert!(error.detail.len() > 10, "{error:?}");
}

fn ann() -> Doc {
    let doc = json!({
        "userName": "ann", "title": "Boss", "name": {"givenName": "Ann", "familyName": "Straße"},
        "emails": [{"type": "work", "value": "a@x.test", "primary": true}, {"type": "home", "value": "h@x.test"}],
        ENTERPRISE: {"department": "Sales", "manager": {"value": "m1"}},
    });
    doc.as_object().cloned().unwrap()
}

fn guides() -> Doc {
    let doc = json!({"displayName": "Tour Guides"});
    doc.as_object().cloned().unwrap()
}

fn resource(kind: ResourceKind) -> Doc {
    match kind {
        ResourceKind::Group => guides(),
        _ => ann(),
    }
}

/// No null and no empty list is in a document that is stored.
fn is_whole(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty() && items.iter().all(is_whole),
        Value::Object(map) => map.values().all(is_whole),
        _ => true,
    }
}

/// What the store does with a document, and what a client may do with it next: send it back as it is.
fn can_be_kept(registry: &Registry, kind: ResourceKind, doc: &Doc, preset: Preset) {
    assert!(doc.values().all(is_whole), "{doc:?}");
    check_size(doc).unwrap();
    let folded = match_document(registry, kind, doc);
    assert_eq!(
        match_document(registry, kind, &folded),
        folded,
        "folding settles"
    );
    let units = flatten(registry, kind, doc);
    assert_eq!(flatten(registry, kind, &unflatten(&units)), units);
    let mut body = doc.clone();
    body.insert(
        "schemas".to_owned(),
        json!(document::schemas_of(registry, kind, doc)),
    );
    let again = document::read(registry, kind, Value::Object(body), &mut Rules::new(preset));
    assert_eq!(again.map(|incoming| incoming.doc).as_ref(), Ok(doc));
}

#[test]
fn a_body_is_read_as_json_or_refused() {
    fuzz("json", cases(), |input| {
        let _ = accepted(json::items(&String::from_utf8_lossy(input), 3));
        let members = accepted(json::members(input));
        let Some(value) = accepted(json::parse(input)) else {
            return;
        };
        let printed = value.to_string();
        assert_eq!(json::parse(printed.as_bytes()).as_ref(), Ok(&value));
        if let Value::Object(map) = &value {
            let members = members.expect("an object has members");
            assert_eq!(members.len(), map.len());
            for (name, text) in members {
                assert_eq!(json::parse(text.as_bytes()).as_ref(), Ok(&map[&name]));
            }
        }
    });
}

#[test]
fn a_filter_selects_or_is_refused() {
    let registry = registry();
    let kinds = [
        ResourceKind::User,
        ResourceKind::Group,
        ResourceKind::AuditEvent,
    ];
    fuzz("filter", cases(), move |input| {
        let text = String::from_utf8_lossy(input);
        for preset in PRESETS {
            for kind in kinds {
                let read =
                    |text: &str| accepted(parse(&registry, kind, text, &mut Rules::new(preset)));
                let Some(filter) = read(&text) else { continue };
                let doc = match_document(&registry, kind, &resource(kind));
                let yes = evaluate(&filter, &doc);
                if let Some(contrary) = read(&format!("not ({text})")) {
                    assert_eq!(evaluate(&contrary, &doc), !yes);
                }
            }
        }
    });
}

#[test]
fn a_path_points_at_something_or_is_refused() {
    let registry = registry();
    fuzz("path", cases(), move |input| {
        let text = String::from_utf8_lossy(input);
        for kind in KINDS {
            if let Some(path) = registry.resolve(kind, &text) {
                let printed = path.to_string();
                assert_eq!(registry.resolve(kind, &printed), Some(path), "{printed}");
            }
            let _ = registry.resolve_unprefixed(kind, &text);
            for (op, value) in [
                ("remove", None),
                ("add", Some("x")),
                ("replace", Some("true")),
            ] {
                let operation = json!({"op": op, "path": text, "value": value});
                let body = json!({"schemas": [patch::PATCH_OP], "Operations": [operation]});
                patched(&registry, kind, &body, Preset::Entra);
            }
        }
    });
}

/// Applies a PATCH to a resource; what comes out can be kept.
fn patched(registry: &Registry, kind: ResourceKind, body: &Value, preset: Preset) {
    let mut rules = Rules::new(preset);
    let Some(request) = accepted(patch::parse(body.clone(), &mut rules)) else {
        return;
    };
    let doc = resource(kind);
    let current = Current {
        doc: &doc,
        external_id: Some("e1"),
        active: (kind == ResourceKind::User).then_some(true),
    };
    let out = patch::apply(registry, kind, &request, &current, &mut rules);
    if let Some(out) = accepted(out) {
        check_required(registry, kind, &out.doc).unwrap();
        can_be_kept(registry, kind, &out.doc, preset);
    }
}

#[test]
fn a_patch_leaves_a_document_that_can_be_kept_or_is_refused() {
    let registry = registry();
    fuzz("patch", cases(), move |input| {
        if let Some(body) = accepted(json::parse(input)) {
            for kind in KINDS {
                for preset in PRESETS {
                    patched(&registry, kind, &body, preset);
                }
            }
        }
    });
}

#[test]
fn a_document_can_be_kept_or_is_refused() {
    let registry = registry();
    fuzz("document", cases(), move |input| {
        let Some(body) = accepted(json::parse(input)) else {
            return;
        };
        for kind in KINDS {
            for preset in PRESETS {
                let read = document::read(&registry, kind, body.clone(), &mut Rules::new(preset));
                if let Some(incoming) = accepted(read) {
                    can_be_kept(&registry, kind, &incoming.doc, preset);
                }
            }
        }
    });
}

#[test]
fn a_bulk_request_comes_to_its_end_or_is_refused() {
    fuzz("bulk", cases(), |input| {
        let Some(request) = accepted(bulk::parse(input, 50)) else {
            return;
        };
        let mut schedule = Schedule::new(&request.operations);
        // Each operation has at most two parts, and each wave carries out at least one.
        for _ in 0..request.operations.len() * 2 {
            for step in schedule.next_wave() {
                let prepared = accepted(schedule.prepare(step));
                let made = prepared.map(|_| format!("id{}", step.operation));
                schedule.settle(step, made);
            }
        }
        assert!(schedule.next_wave().is_empty(), "{request:?}");
    });
}

#[test]
fn a_query_stays_within_its_limits_or_is_refused() {
    let registry = registry();
    let limits = Limits::default();
    fuzz("list", cases(), move |input| {
        let text = String::from_utf8_lossy(input);
        let pairs = text
            .split('&')
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let Some(query) = accepted(ListQuery::parse(pairs, &limits)) else {
            return;
        };
        assert!(query.start_index >= 1, "{query:?}");
        assert!((0..=limits.page_max).contains(&query.count), "{query:?}");
        for kind in KINDS {
            let mut rules = Rules::default();
            if let Some(projection) = accepted(query.projection(&registry, kind, &mut rules)) {
                let _ = projection.apply(&registry, kind, resource(kind));
            }
            let filter = query.filter.as_deref();
            let _ = filter.map(|text| accepted(parse(&registry, kind, text, &mut rules)));
        }
    });
}

#[test]
fn a_schema_can_be_published_or_is_refused() {
    let builtin = registry();
    fuzz("schema", cases(), move |input| {
        let Some(body) = accepted(json::parse(input)) else {
            return;
        };
        match extension::read(&builtin, &body) {
            Ok(read) => {
                assert_eq!(
                    extension::read(&builtin, &read.document).as_ref(),
                    Ok(&read)
                );
                builtin.with_extensions([read.document]).unwrap();
            }
            Err(problems) => {
                assert!(
                    !problems.is_empty() && problems.iter().all(|p| p.len() > 10),
                    "{problems:?}"
                );
            }
        }
    });
}

#[test]
fn a_cursor_opens_as_it_was_sealed_or_not_at_all() {
    let seal = Seal::new(&[7; 32]);
    let bound = b"tenant, reader, query".as_slice();
    let now = 1_800_000_000_000;
    // Good ones, one that is too old, and one that was made for another query: the rest of the corpus comes from them.
    let made = |nonce: u8, at: i64, bound: &[u8]| {
        let (key, id) = (Some(format!("kéy {nonce}")), format!("0190-{nonce}"));
        let place = Place {
            at,
            count: 10,
            key,
            id,
        };
        let text = seal.seal([nonce; 24], &place, bound).unwrap();
        (text, place)
    };
    let good: Vec<(String, Place)> = (0..4).map(|n| made(n, now - 1_000, bound)).collect();
    let (old, _) = made(4, 0, bound);
    let (foreign, _) = made(5, now, b"another query");
    let texts = good.iter().map(|(text, _)| text).chain([&old, &foreign]);
    let inputs: Vec<Vec<u8>> = texts.map(|text| text.clone().into_bytes()).collect();
    let corpus = Corpus::of([inputs, Corpus::read("cursor").inputs].concat());
    fuzz_with("cursor", corpus, cases(), move |input| {
        let text = String::from_utf8_lossy(input);
        let opened = seal.place(&text, bound, now);
        match good.iter().find(|(good, _)| *good == text) {
            Some((_, place)) => assert_eq!(opened.as_ref(), Ok(place)),
            None => {
                let error = opened.expect_err("a forged cursor");
                refused(&error);
                let want = match text == old {
                    true => ScimType::ExpiredCursor,
                    false => ScimType::InvalidCursor,
                };
                assert_eq!(error.scim_type, Some(want), "{text}");
            }
        }
    });
}

/// Sends `METHOD path body`; what a URL cannot hold is encoded, as any client would.
async fn sent(client: &Client, line: &[u8]) -> Answer {
    let mut parts = line.splitn(2, |b| *b == b' ');
    let word = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let methods = ["POST", "PUT", "PATCH", "DELETE"];
    let method = methods.into_iter().find(|m| *m == word).unwrap_or("GET");
    let rest = parts.next().unwrap_or_default();
    let brace = rest
        .windows(2)
        .position(|w| w == b" {")
        .filter(|_| method != "GET");
    let (path, body) = rest.split_at(brace.unwrap_or(rest.len()));
    let mut url = String::from("/scim/v2");
    // No client of ours sends more than 64 KiB of it, and the server refuses a third of that.
    for byte in path.iter().take(20_000) {
        if byte.is_ascii_graphic() {
            url.push(char::from(*byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
    client
        .raw(
            method,
            &url,
            "application/scim+json",
            body.trim_ascii_start().to_vec(),
        )
        .await
}

/// Ids in the place of `{user}` and `{group}`.
fn with_ids(line: &[u8], ids: &[(&str, String)]) -> Vec<u8> {
    let mut line = line.to_vec();
    for (name, id) in ids {
        while let Some(at) = line.windows(name.len()).position(|w| w == name.as_bytes()) {
            line.splice(at..at + name.len(), id.bytes());
        }
    }
    line
}

#[actix_web::test]
async fn the_server_answers_every_request_and_never_blames_itself() {
    let app = TestApp::start().await;
    let entra = app.source(Preset::Entra).await;
    let reader = app.role(&app.tenant, Role::App).await;
    let user = json!({"schemas": [USER], "userName": "ann", "emails": [{"value": "a@x.test", "type": "work"}]});
    let user = entra.post("/Users", user).await.expect(201).id();
    let group = json!({"schemas": [GROUP], "displayName": "Guides", "members": [{"value": user}]});
    let group = entra.post("/Groups", group).await.expect(201).id();
    let ids = [("{user}", user), ("{group}", group)];

    let corpus = Arc::new(Corpus::read("http"));
    let mut runner = runner(0);
    let strategy = corpus.strategy();
    let count = if is_soak() { 50_000 } else { 400 };
    for i in 0..corpus.inputs.len() + count {
        let line = match corpus.inputs.get(i) {
            Some(line) => line.clone(),
            None => strategy.new_tree(&mut runner).unwrap().current(),
        };
        let line = with_ids(&line, &ids);
        for client in [&entra, &reader] {
            let answer = sent(client, &line).await;
            let shown: String = String::from_utf8_lossy(&line).chars().take(2_000).collect();
            assert!(answer.status < 500, "{shown:?}: {answer:?}");
            let says_why = answer.body["detail"].as_str().is_some_and(|d| d.len() > 10);
            assert!(answer.status < 400 || says_why, "{shown:?}: {answer:?}");
        }
    }
    app.verify().await;
}
