//! Schemas that tenants add: used at once, by everything that reads a schema, and by nobody else.

use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::ids::{OPERATOR_TENANT, TenantId};
use rosterd::domain::roles::Role;
use rosterd::scim::rules::Preset;
use rosterd::service::schemas::Added;
use rosterd::service::{Caller, Error};
use serde_json::{Value, json};

use crate::support::process::{Server, TOKEN, command};
use crate::support::{Client, Database, GROUP, TestApp, USER};

const ACME: &str = "urn:ietf:params:scim:schemas:extension:acme:2.0:User";
const CREW: &str = "urn:acme:crew:Group";

fn acme() -> Value {
    json!({"id": ACME, "name": "Acme", "description": "Ours", "attributes": [
        {"name": "badge", "caseExact": true},
        {"name": "crew"},
        {"name": "level", "type": "integer"},
        {"name": "rate", "type": "decimal"},
        {"name": "remote", "type": "boolean"},
        {"name": "since", "type": "dateTime"},
        {"name": "link", "type": "reference", "referenceTypes": ["external"]},
        {"name": "tags", "multiValued": true},
        {"name": "shifts", "type": "integer", "multiValued": true},
        {"name": "ticks", "type": "boolean", "multiValued": true},
        {"name": "desk", "type": "complex", "subAttributes": [
            {"name": "floor", "type": "integer"}, {"name": "zone"}]},
        {"name": "licences", "type": "complex", "multiValued": true, "subAttributes": [
            {"name": "value"}, {"name": "type", "canonicalValues": ["car", "crane"]},
            {"name": "weight", "type": "decimal"}, {"name": "primary", "type": "boolean"}]},
        {"name": "remark", "returned": "request"},
    ]})
}

fn ann() -> Value {
    json!({"schemas": [USER, ACME], "userName": "ann@x.test", "active": true, ACME: {
        "badge": "A-7", "CREW": "Night Owls", "level": 7, "rate": 1.50, "remote": true,
        "since": "2026-01-01T10:00:00+01:00", "link": "https://x.test/Ann",
        "tags": ["Red", "Blue"], "shifts": [1, 3], "ticks": [true], "desk": {"floor": 3, "zone": "North"},
        "licences": [{"value": "L1", "type": "car", "weight": 3.5}, {"value": "L2", "type": "crane", "weight": 40}],
        "remark": "quiet",
    }})
}

async fn with_acme() -> (TestApp, Client) {
    let app = TestApp::start().await;
    let added = app.service.add_schema(&app.tenant, &acme()).await;
    assert_eq!(added.unwrap(), Added::New);
    let source = app.source(Preset::Generic).await;
    (app, source)
}

// checklist: 16, 17, 30, 82
#[actix_web::test]
async fn values_of_an_added_schema_come_back_as_they_went_in() {
    let (app, source) = with_acme().await;
    let made = source.post("/Users", ann()).await.expect(201);
    let mut whole = ann()[ACME].clone();
    let map = whole.as_object_mut().unwrap();
    let crew = map.remove("CREW").unwrap();
    map.insert("crew".to_owned(), crew);
    let remark = map.remove("remark").unwrap();
    let mut written = whole.clone();
    written["remark"] = remark.clone();
    assert_eq!(
        made.body[ACME], written,
        "with what is returned on request, for whoever writes it"
    );
    assert_eq!(made.body["schemas"], json!([USER, ACME]));
    let path = format!("/Users/{}", made.id());
    let read = source.get(&path).await.body;
    assert_eq!(read[ACME], whole, "all but what is returned on request");
    let list = source.get("/Users").await;
    assert_eq!(list.resources()[0], read);
    let reader = app.role(&app.tenant, Role::App).await;
    assert_eq!(reader.get(&path).await.body[ACME], whole);

    for (query, expected) in [
        (
            format!("attributes={ACME}:badge,{ACME}:desk.floor"),
            json!({"badge": "A-7", "desk": {"floor": 3}}),
        ),
        (
            format!("attributes={ACME}:remark"),
            json!({"remark": remark}),
        ),
        ("attributes=badge".to_owned(), json!({"badge": "A-7"})),
        (format!("excludedAttributes={ACME}"), Value::Null),
        ("attributes=userName".to_owned(), Value::Null),
    ] {
        let answer = source.get(&format!("{path}?{query}")).await.expect(200);
        assert_eq!(answer.body[ACME], expected, "{query}");
    }
    let all = source.get(&format!("{path}?attributes={ACME}")).await;
    assert_eq!(all.body[ACME]["remark"], remark);
    let less = source
        .get(&format!("{path}?excludedAttributes={ACME}:tags"))
        .await;
    assert!(less.body[ACME].get("tags").is_none() && less.body[ACME]["badge"] == "A-7");
}

// checklist: 34
#[actix_web::test]
async fn values_of_an_added_schema_are_checked_by_it() {
    let (_app, source) = with_acme().await;
    for (name, value, rule) in [
        ("badge", json!(7), "text"),
        ("level", json!(7.5), "whole number"),
        ("level", json!("seven"), "whole number"),
        ("rate", json!("much"), "number"),
        ("remote", json!("perhaps"), "true or false"),
        ("since", json!("2026-01-01"), "dateTime"),
        ("tags", json!("Red"), "list"),
        ("shifts", json!([1, "two"]), "whole number"),
        ("desk", json!({"floor": "third"}), "whole number"),
        (
            "licences",
            json!([{"primary": true}, {"value": "b", "primary": true}]),
            "primary",
        ),
    ] {
        let body = json!({"schemas": [USER, ACME], "userName": "bo@x.test", ACME: {name: value}});
        let answer = source.post("/Users", body).await.expect(400);
        assert_eq!(
            answer.scim_type(),
            "invalidValue",
            "{name}: {}",
            answer.text
        );
        assert!(
            answer.text.contains(&format!("{ACME}:{name}")),
            "{}",
            answer.text
        );
        assert!(answer.text.contains(rule), "{name}: {}", answer.text);
    }
    let id = source.create_user("bo@x.test").await.id();
    let path = format!("{ACME}:level");
    let wrong = json!([{"op": "replace", "path": path, "value": "high"}]);
    let answer = source
        .patch(&format!("/Users/{id}"), wrong)
        .await
        .expect(400);
    assert_eq!(answer.scim_type(), "invalidValue");
    let unknown = json!([{"op": "replace", "path": format!("{ACME}:nope"), "value": "x"}]);
    let answer = source
        .patch(&format!("/Users/{id}"), unknown)
        .await
        .expect(400);
    assert_eq!(answer.scim_type(), "invalidPath");
}

// checklist: 24, 35
#[actix_web::test]
async fn every_filter_finds_by_an_added_schema() {
    let (app, source) = with_acme().await;
    source.post("/Users", ann()).await.expect(201);
    source.create_user("bo@x.test").await;
    let reader = app.role(&app.tenant, Role::Auditor).await;
    for (filter, hits) in [
        ("badge eq \"A-7\"", 1),
        ("badge eq \"a-7\"", 0),
        ("crew eq \"NIGHT owls\"", 1),
        ("crew co \"owl\"", 1),
        ("crew sw \"day\"", 0),
        ("crew ew \"OWLS\"", 1),
        ("crew ne \"x\"", 2),
        ("crew pr", 1),
        ("not (crew pr)", 1),
        ("level eq 7", 1),
        ("level gt 6.5", 1),
        ("level lt 7", 0),
        ("rate eq 1.5", 1),
        ("rate ge 1.25", 1),
        ("remote eq true", 1),
        ("remote eq false", 0),
        ("since eq \"2026-01-01T09:00:00Z\"", 1),
        ("since gt \"2026-01-01T09:00:00Z\"", 0),
        ("link eq \"https://x.test/Ann\"", 1),
        ("link eq \"https://x.test/ann\"", 0),
        ("tags eq \"red\"", 1),
        ("tags co \"lu\"", 1),
        ("tags pr", 1),
        ("tags eq \"green\"", 0),
        ("shifts eq 3", 1),
        ("shifts gt 3", 0),
        ("ticks eq true", 1),
        ("ticks eq false", 0),
        ("desk.floor eq 3", 1),
        ("desk.zone eq \"north\"", 1),
        ("desk pr", 1),
        ("licences eq \"l2\"", 1),
        ("licences.weight gt 39.5", 1),
        ("licences[type eq \"car\" and weight gt 3]", 1),
        ("licences[type eq \"car\" and weight gt 4]", 0),
        ("remark eq \"QUIET\"", 1),
    ] {
        // The name stands at the beginning, or behind `not (`.
        let (head, rest) = filter
            .split_once("not (")
            .map_or(("", filter), |(_, r)| ("not (", r));
        let full = format!("{head}{ACME}:{rest}");
        for client in [&source, &reader] {
            let answer = client.filter("/Users", &full).await.expect(200);
            assert_eq!(answer.total(), hits, "{full}: {}", answer.text);
        }
        let short = source.filter("/Users", filter).await.expect(200);
        assert_eq!(short.total(), hits, "{filter}");
    }
    for wrong in [
        "remote gt true",
        "nope eq 1",
        "level eq \"seven\"",
        "desk eq \"x\"",
    ] {
        let answer = source
            .filter("/Users", &format!("{ACME}:{wrong}"))
            .await
            .expect(400);
        assert_eq!(answer.scim_type(), "invalidFilter", "{wrong}");
    }
}

// checklist: 33, 146
#[actix_web::test]
async fn changes_reach_every_part_of_an_added_schema() {
    let (app, source) = with_acme().await;
    let id = source.post("/Users", ann()).await.expect(201).id();
    let path = format!("/Users/{id}");
    let at = |name: &str| format!("{ACME}:{name}");
    let steps = [
        (
            json!({"op": "replace", "path": at("badge"), "value": "B-1"}),
            "/badge",
            json!("B-1"),
        ),
        (
            json!({"op": "replace", "value": {at("level"): 8}}),
            "/level",
            json!(8),
        ),
        (
            json!({"op": "add", "value": {ACME: {"crew": "Larks"}}}),
            "/crew",
            json!("Larks"),
        ),
        (
            json!({"op": "add", "path": ACME, "value": {"rate": 2.25}}),
            "/rate",
            json!(2.25),
        ),
        (
            json!({"op": "replace", "path": at("desk.floor"), "value": 4}),
            "/desk",
            json!({"floor": 4, "zone": "North"}),
        ),
        (
            json!({"op": "add", "path": at("tags"), "value": ["Green", "RED"]}),
            "/tags",
            json!(["Red", "Blue", "Green"]),
        ),
        (
            json!({"op": "remove", "path": at("tags"), "value": ["blue"]}),
            "/tags",
            json!(["Red", "Green"]),
        ),
        (
            json!({"op": "replace", "path": at("shifts"), "value": [2]}),
            "/shifts",
            json!([2]),
        ),
        (
            json!({"op": "replace", "path": at("licences[type eq \"car\"].value"), "value": "L9"}),
            "/licences/0/value",
            json!("L9"),
        ),
        (
            json!({"op": "remove", "path": at("licences[type eq \"crane\"]")}),
            "/licences/1",
            Value::Null,
        ),
        (
            json!({"op": "add", "path": at("licences[type eq \"bus\"].value"), "value": "L3"}),
            "/licences/1",
            json!({"type": "bus", "value": "L3"}),
        ),
        (
            json!({"op": "remove", "path": at("since")}),
            "/since",
            Value::Null,
        ),
        (
            json!({"op": "remove", "path": at("desk.zone")}),
            "/desk",
            json!({"floor": 4}),
        ),
    ];
    for (operation, pointer, expected) in steps {
        let answer = source.patch(&path, json!([operation])).await.expect(200);
        let found = answer.body[ACME].pointer(pointer).unwrap_or(&Value::Null);
        assert_eq!(found, &expected, "{operation}: {}", answer.text);
    }
    for (filter, hits) in [
        ("badge eq \"B-1\"", 1),
        ("licences.value eq \"l9\"", 1),
        ("since pr", 0),
    ] {
        assert_eq!(
            source
                .filter("/Users", &format!("{ACME}:{filter}"))
                .await
                .total(),
            hits
        );
    }
    let gone = source
        .patch(&path, json!([{"op": "remove", "path": ACME}]))
        .await
        .expect(200);
    assert_eq!(
        (&gone.body[ACME], &gone.body["schemas"]),
        (&Value::Null, &json!([USER]))
    );
    let back = json!([{"op": "add", "path": at("badge"), "value": "C-1"}]);
    let back = source.patch(&path, back).await.expect(200);
    assert_eq!(back.body["schemas"], json!([USER, ACME]));
    let put = source.put(&path, ann()).await.expect(200);
    assert_eq!(put.body[ACME]["level"], 7);
    let less = json!({"schemas": [USER, ACME], "userName": "ann@x.test", ACME: {"level": 9}});
    let put = source.put(&path, less).await.expect(200);
    assert_eq!(put.body[ACME], json!({"level": 9}));
    let without = json!({"schemas": [USER], "userName": "ann@x.test"});
    let put = source.put(&path, without).await.expect(200);
    assert_eq!(
        (&put.body[ACME], &put.body["schemas"]),
        (&Value::Null, &json!([USER]))
    );
    // A second source keeps values of its own.
    let second = app.source(Preset::Okta).await;
    let other = json!([{"op": "replace", "path": at("badge"), "value": "Z"}]);
    second.patch(&path, other).await.expect(200);
    assert_eq!(source.get(&path).await.body[ACME]["badge"], "Z");
    let mine = json!([{"op": "replace", "path": at("badge"), "value": "Mine"}]);
    source.patch(&path, mine).await.expect(200);
    assert_eq!(second.get(&path).await.body[ACME]["badge"], "Z");
    assert_eq!(source.get(&path).await.body[ACME]["badge"], "Mine");
    app.verify().await;
}

#[actix_web::test]
async fn groups_are_extended_like_users() {
    let app = TestApp::start().await;
    let crew = json!({"id": CREW, "attributes": [{"name": "size", "type": "integer"}]});
    app.service.add_schema(&app.tenant, &crew).await.unwrap();
    let source = app.source(Preset::Strict).await;
    let body = json!({"schemas": [GROUP, CREW], "displayName": "Owls", CREW: {"size": 5}});
    let group = source.post("/Groups", body).await.expect(201);
    assert_eq!(
        (&group.body[CREW], &group.body["schemas"]),
        (&json!({"size": 5}), &json!([GROUP, CREW]))
    );
    let path = format!("/Groups/{}", group.id());
    let bigger = json!([{"op": "replace", "path": format!("{CREW}:size"), "value": 6}]);
    source.patch(&path, bigger).await.expect(204);
    let found = source.filter("/Groups", &format!("{CREW}:size ge 6")).await;
    assert_eq!(found.ids(), [group.id()]);
    let users = source
        .filter("/Users", &format!("{CREW}:size ge 6"))
        .await
        .expect(400);
    assert_eq!(users.scim_type(), "invalidFilter");
}

// checklist: 49
#[actix_web::test]
async fn discovery_shows_an_added_schema_complete() {
    let (_app, source) = with_acme().await;
    let schema = source
        .get(&format!("/Schemas/{ACME}"))
        .await
        .expect(200)
        .body;
    assert_eq!(schema["name"], "Acme");
    for attribute in schema["attributes"].as_array().unwrap() {
        for key in [
            "type",
            "multiValued",
            "description",
            "required",
            "caseExact",
            "mutability",
            "returned",
            "uniqueness",
        ] {
            assert!(attribute.get(key).is_some(), "{key} of {attribute}");
        }
    }
    let types = source.get("/ResourceTypes/User").await.body;
    let extensions = types["schemaExtensions"].as_array().unwrap();
    assert!(extensions.contains(&json!({"schema": ACME, "required": false})));
    let group = source.get("/ResourceTypes/Group").await.text;
    assert!(!group.contains(ACME));
}

// checklist: 62
#[actix_web::test]
async fn another_tenant_knows_nothing_of_it() {
    let (app, source) = with_acme().await;
    source.post("/Users", ann()).await.expect(201);
    let other = app.tenant("other").await;
    let stranger = app
        .source_of(&other, Preset::Generic, JoinerPolicy::Grant)
        .await;
    stranger.get(&format!("/Schemas/{ACME}")).await.expect(404);
    assert!(!stranger.get("/Schemas").await.text.contains("acme"));
    assert!(!stranger.get("/ResourceTypes").await.text.contains("acme"));
    let filter = format!("{ACME}:badge eq \"A-7\"");
    let refused = stranger.filter("/Users", &filter).await.expect(400);
    assert_eq!(refused.scim_type(), "invalidFilter");
    let made = stranger.post("/Users", ann()).await.expect(201);
    assert_eq!(
        (&made.body[ACME], &made.body["schemas"]),
        (&Value::Null, &json!([USER]))
    );
    let patch = json!([{"op": "add", "path": format!("{ACME}:badge"), "value": "x"}]);
    let refused = stranger
        .patch(&format!("/Users/{}", made.id()), patch)
        .await
        .expect(400);
    assert_eq!(refused.scim_type(), "invalidPath");
    // Its own of the same URN may mean something else.
    let own = json!({"id": ACME, "attributes": [{"name": "badge", "type": "integer"}]});
    app.service.add_schema(&other, &own).await.unwrap();
    let patch = json!([{"op": "add", "path": format!("{ACME}:badge"), "value": 7}]);
    stranger
        .patch(&format!("/Users/{}", made.id()), patch)
        .await
        .expect(200);
    let found = stranger
        .filter("/Users", &format!("{ACME}:badge eq 7"))
        .await;
    assert_eq!(found.total(), 1);
    assert_eq!(source.filter("/Users", &filter).await.total(), 1);
}

#[actix_web::test]
async fn versions_are_recorded_and_what_breaks_stored_values_is_refused() {
    let (app, source) = with_acme().await;
    let again = app.service.add_schema(&app.tenant, &acme()).await.unwrap();
    assert_eq!(again, Added::Same);
    let mut more = acme();
    more["attributes"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "hall"}));
    assert_eq!(
        app.service.add_schema(&app.tenant, &more).await.unwrap(),
        Added::Changed
    );
    let body = json!({"schemas": [USER, ACME], "userName": "bo@x.test", ACME: {"hall": "B"}});
    source.post("/Users", body).await.expect(201);
    let refused = app
        .service
        .add_schema(&app.tenant, &acme())
        .await
        .unwrap_err();
    assert!(
        matches!(&refused, Error::Invalid(e) if e.detail.starts_with("`hall` was added before")),
        "{refused}"
    );
    let everybody = Caller::system(TenantId::new(OPERATOR_TENANT), "test");
    let clash = app
        .service
        .add_schema(&everybody, &acme())
        .await
        .unwrap_err();
    assert!(matches!(clash, Error::Conflict(_)), "{clash}");
    let auditor = app.role(&app.tenant, Role::Auditor).await;
    for (action, count) in [("schema.added", 1), ("schema.changed", 1)] {
        let found = auditor
            .filter("/AuditEvents", &format!("action eq \"{action}\""))
            .await;
        assert_eq!(found.total(), count, "{action}");
        assert_eq!(found.resources()[0]["subject"]["id"], ACME);
    }
    app.verify().await;
}

#[actix_web::test]
async fn what_is_added_for_all_tenants_reaches_those_to_come() {
    let app = TestApp::start().await;
    let early = app.source(Preset::Generic).await;
    early.get(&format!("/Schemas/{ACME}")).await.expect(404);
    let everybody = Caller::system(TenantId::new(OPERATOR_TENANT), "test");
    app.service.add_schema(&everybody, &acme()).await.unwrap();
    let other = app.tenant("other").await;
    let late = app
        .source_of(&other, Preset::Generic, JoinerPolicy::Grant)
        .await;
    for client in [early, late] {
        client.post("/Users", ann()).await.expect(201);
        let found = client.filter("/Users", &format!("{ACME}:level eq 7")).await;
        assert_eq!(found.total(), 1);
    }
    let clash = app.service.add_schema(&other, &acme()).await.unwrap_err();
    assert!(matches!(clash, Error::Conflict(_)), "{clash}");
}

#[actix_web::test]
async fn a_tenant_adds_a_bounded_number_of_schemas() {
    let app = TestApp::start().await;
    let schema =
        |i: usize| json!({"id": format!("urn:acme:{i}:User"), "attributes": [{"name": "badge"}]});
    for i in 0..20 {
        app.service
            .add_schema(&app.tenant, &schema(i))
            .await
            .unwrap();
    }
    let refused = app
        .service
        .add_schema(&app.tenant, &schema(20))
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("at most 20"), "{refused}");
}

/// Runs the binary beside a server.
fn shell(database: &Database, files: &Path, args: &[&str]) -> Output {
    let mut command = command(database, files, "127.0.0.1:0");
    let piped = std::process::Stdio::piped;
    command
        .stdout(piped())
        .stderr(piped())
        .args(args)
        .output()
        .unwrap()
}

fn said(output: &[u8]) -> String {
    String::from_utf8_lossy(output).into_owned()
}

#[actix_web::test]
async fn the_shell_adds_a_schema_to_every_running_server_within_a_second() {
    let (database, files) = (Database::fresh(), tempfile::tempdir().unwrap());
    let one = Server::start(&database, files.path()).await;
    let two = Server::start(&database, files.path()).await;
    let clients = [Client::new(&one.base, TOKEN), Client::new(&two.base, TOKEN)];
    for client in &clients {
        client.get(&format!("/Schemas/{ACME}")).await.expect(404);
    }
    let file = files.path().join("acme.json");
    std::fs::write(&file, acme().to_string()).unwrap();
    let file = file.to_str().unwrap();
    let done = shell(&database, files.path(), &["schema", "add", file]);
    assert_eq!(
        said(&done.stdout),
        format!("added  {ACME}\n"),
        "{}",
        said(&done.stderr)
    );
    let added = Instant::now();
    for client in &clients {
        while client.get(&format!("/Schemas/{ACME}")).await.status != 200 {
            assert!(added.elapsed() < Duration::from_secs(2), "not used yet");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    let id = clients[0].post("/Users", ann()).await.expect(201).id();
    let found = clients[1]
        .filter("/Users", &format!("{ACME}:crew co \"owl\""))
        .await;
    assert_eq!(found.ids(), [id]);
    let again = shell(&database, files.path(), &["schema", "add", file]);
    assert_eq!(said(&again.stdout), format!("unchanged  {ACME}\n"));
    let list = shell(&database, files.path(), &["schema", "list"]);
    assert!(said(&list.stdout).starts_with(&format!("{ACME}  version 1  ")));
}

#[test]
fn the_shell_names_all_that_is_wrong_with_a_file() {
    let (database, files) = (Database::fresh(), tempfile::tempdir().unwrap());
    let file = files.path().join("bad.json");
    let name = file.to_str().unwrap();
    let bad =
        json!({"id": ACME, "attributes": [{"name": "badge", "type": "number"}, {"name": "b c"}]});
    std::fs::write(&file, bad.to_string()).unwrap();
    let done = shell(&database, files.path(), &["schema", "check", name]);
    let told = said(&done.stderr);
    assert!(!done.status.success());
    assert!(
        told.contains(&format!("{name}: `badge` takes one of")),
        "{told}"
    );
    assert!(
        told.contains(&format!("{name}: `attributes[1]` needs a `name`")),
        "{told}"
    );
    std::fs::write(&file, "{\"id\": ").unwrap();
    let done = shell(&database, files.path(), &["schema", "check", name]);
    assert!(!done.status.success() && said(&done.stderr).contains(name));
    std::fs::write(&file, acme().to_string()).unwrap();
    let done = shell(&database, files.path(), &["schema", "check", name]);
    assert_eq!(said(&done.stdout), format!("good  {ACME}\n"));
}

#[actix_web::test]
async fn a_folder_of_schemas_is_there_from_the_start() {
    let (database, files) = (Database::fresh(), tempfile::tempdir().unwrap());
    let folder = files.path().join("schemas");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("README.md"), "no schema").unwrap();
    let write =
        |schema: &Value| std::fs::write(folder.join("acme.json"), schema.to_string()).unwrap();
    let start = || {
        Server::start_as(|listen| {
            let mut command = command(&database, files.path(), listen);
            command.env("ROSTERD_SCHEMAS_DIR", &folder);
            command
        })
    };
    write(&acme());
    let server = start().await;
    let client = Client::new(&server.base, TOKEN);
    client.post("/Users", ann()).await.expect(201);
    server.kill();
    // An older release has a smaller file: what is stored stays.
    write(&json!({"id": ACME, "attributes": [{"name": "badge", "caseExact": true}]}));
    let server = start().await;
    let client = Client::new(&server.base, TOKEN);
    assert_eq!(
        client
            .filter("/Users", &format!("{ACME}:level eq 7"))
            .await
            .total(),
        1
    );
    server.kill();
    write(&json!({"id": ACME, "attributes": [{"name": "badge", "type": "number"}]}));
    let mut broken = command(&database, files.path(), "127.0.0.1:0");
    broken
        .env("ROSTERD_SCHEMAS_DIR", &folder)
        .stderr(std::process::Stdio::piped());
    let done = broken.arg("serve").output().unwrap();
    assert!(!done.status.success());
    assert!(
        said(&done.stderr).contains("acme.json: `badge` takes one of"),
        "{}",
        said(&done.stderr)
    );
}
