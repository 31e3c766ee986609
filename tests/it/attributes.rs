//! What the schema says of an attribute holds over HTTP: what never changes, what is told on request, forms of values,
//! ids.

use std::collections::BTreeSet;

use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::roles::Role;
use rosterd::http::routes::ROUTES;
use rosterd::scim::rules::Preset;
use rosterd::service::schemas::Added;
use serde_json::{Value, json};

use crate::sources::{user, world};
use crate::support::{Client, ENTERPRISE, GROUP, TestApp, USER, person};

const ACME: &str = "urn:ietf:params:scim:schemas:extension:acme:2.0:User";

async fn add_acme(app: &TestApp) {
    let schema = json!({"id": ACME, "attributes": [
        {"name": "badge", "mutability": "immutable"},
        {"name": "crew"},
        {"name": "desk", "type": "complex", "subAttributes": [{"name": "floor", "mutability": "immutable"}, {"name": "zone"}]},
        {"name": "keys", "multiValued": true, "mutability": "immutable"},
        {"name": "remark", "returned": "request"},
    ]});
    let added = app.service.add_schema(&app.tenant, &schema).await;
    assert_eq!(added.unwrap(), Added::New);
}

fn ann(ours: Value) -> Value {
    let mut body = person("ann@x.test");
    body[ACME] = ours;
    body
}

// checklist: 26, 119
#[actix_web::test]
async fn an_immutable_value_is_set_once_and_stays() {
    let app = TestApp::start().await;
    add_acme(&app).await;
    let okta = app.source(Preset::Okta).await;
    let made = okta.post("/Users", ann(json!({"crew": "Owls"}))).await;
    let path = format!("/Users/{}", made.expect(201).id());
    let badge = format!("{ACME}:badge");
    let op = |op: &str, path: &str, value: &str| json!([{"op": op, "path": path, "value": value}]);
    // While it is empty, either verb sets it; later it takes the same value only.
    let set = okta.patch(&path, op("add", &badge, "A7")).await.expect(200);
    assert_eq!(set.body[ACME], json!({"badge": "A7", "crew": "Owls"}));
    let full = json!({"badge": "A7", "crew": "Larks", "desk": {"floor": "3", "zone": "N"}, "keys": ["k1", "k2"]});
    okta.put(&path, ann(full.clone())).await.expect(200);
    okta.patch(&path, op("replace", &badge, "a7"))
        .await
        .expect(200);
    let before = okta.get(&path).await.body;
    for operations in [
        op("replace", &badge, "A8"),
        op("add", &badge, "A8"),
        json!([{"op": "remove", "path": badge}]),
        json!([{"op": "remove", "path": ACME}]),
        json!([{"op": "replace", "value": {ACME: {"badge": "A8"}}}]),
        op("replace", &format!("{ACME}:desk.floor"), "4"),
        json!([{"op": "remove", "path": format!("{ACME}:desk")}]),
        json!([{"op": "add", "path": format!("{ACME}:keys"), "value": ["k3"]}]),
        json!([{"op": "replace", "path": "title", "value": "x"}, {"op": "remove", "path": badge}]),
    ] {
        let refused = okta.patch(&path, operations.clone()).await.expect(400);
        assert_eq!(refused.scim_type(), "mutability", "{operations}");
        assert!(refused.text.contains(ACME), "{}", refused.text);
    }
    for ours in [
        json!({"badge": "A8"}),
        json!({"badge": "A7", "desk": {"floor": "4"}}),
        json!({"keys": ["k1"]}),
    ] {
        let refused = okta.put(&path, ann(ours.clone())).await.expect(400);
        assert_eq!(refused.scim_type(), "mutability", "{ours}");
    }
    assert_eq!(okta.get(&path).await.body, before, "nothing is half done");
    // What a PUT leaves out it does not take away, if nobody may.
    let less = okta
        .put(&path, ann(json!({"crew": "Larks"})))
        .await
        .expect(200);
    assert_eq!(
        less.body[ACME],
        json!({"badge": "A7", "crew": "Larks", "desk": {"floor": "3"}, "keys": ["k1", "k2"]})
    );
    app.verify().await;
}

// checklist: 26, 119
#[actix_web::test]
async fn an_immutable_value_of_a_group_stays_too() {
    const CREW: &str = "urn:acme:crew:Group";
    let app = TestApp::start().await;
    let schema = json!({"id": CREW, "attributes": [{"name": "code", "mutability": "immutable"}, {"name": "motto"}]});
    app.service.add_schema(&app.tenant, &schema).await.unwrap();
    let okta = app.source(Preset::Okta).await;
    let body = |ours: Value| json!({"schemas": [GROUP, CREW], "displayName": "Guides", CREW: ours});
    let full = json!({"code": "G1", "motto": "up"});
    let made = okta.post("/Groups", body(full)).await.expect(201);
    let path = format!("/Groups/{}", made.id());
    let before = okta.get(&path).await.body;
    let other = json!([{"op": "replace", "path": format!("{CREW}:code"), "value": "G2"}]);
    for refused in [
        okta.patch(&path, other).await,
        okta.patch(&path, json!([{"op": "remove", "path": CREW}]))
            .await,
        okta.put(&path, body(json!({"code": "G2"}))).await,
    ] {
        assert_eq!(refused.expect(400).scim_type(), "mutability");
    }
    assert_eq!(okta.get(&path).await.body, before);
    // What a PUT leaves out it does not take away, if nobody may.
    let less = okta.put(&path, body(json!({"motto": "on"}))).await;
    assert_eq!(
        less.expect(200).body[CREW],
        json!({"code": "G1", "motto": "on"})
    );
    app.verify().await;
}

#[actix_web::test]
async fn a_second_source_does_not_change_what_nobody_may_change() {
    let w = world().await;
    add_acme(&w.app).await;
    let with = |name: &str, badge: &str, title: &str| {
        let mut body = user(name, "ann@x.test", title);
        body[ACME] = json!({"badge": badge});
        body
    };
    let id = w
        .entra
        .post("/Users", with("ann", "A7", "Boss"))
        .await
        .expect(201)
        .id();
    // The older connection goes before in all else.
    let adopted = w
        .okta
        .post("/Users", with("ann.lee", "B1", "Chief"))
        .await
        .expect(201);
    assert_eq!(
        (adopted.id(), &adopted.body[ACME]["badge"]),
        (id.clone(), &json!("B1"))
    );
    let in_force = w.effective(&id).await;
    assert_eq!(
        (&in_force[ACME]["badge"], &in_force["title"]),
        (&json!("A7"), &json!("Chief"))
    );
    let path = format!("/Users/{id}");
    assert_eq!(w.entra.get(&path).await.body[ACME]["badge"], json!("A7"));
    w.okta
        .put(&path, with("ann.lee", "A7", "Chief"))
        .await
        .expect(400);
    w.check().await;
}

// checklist: 30
#[actix_web::test]
async fn what_is_told_on_request_is_told_to_whoever_writes_it() {
    let app = TestApp::start().await;
    add_acme(&app).await;
    let okta = app.source(Preset::Okta).await;
    let ours = json!({"crew": "Owls", "remark": "quiet"});
    let made = okta.post("/Users", ann(ours.clone())).await.expect(201);
    assert_eq!(made.body[ACME], ours);
    let path = format!("/Users/{}", made.id());
    assert_eq!(okta.get(&path).await.body[ACME], json!({"crew": "Owls"}));
    let put = okta.put(&path, ann(ours.clone())).await.expect(200);
    assert_eq!(put.body[ACME], ours);
    let replace = |path: &str| json!([{"op": "replace", "path": path, "value": "x"}]);
    let other = okta.patch(&path, replace("title")).await.expect(200);
    assert_eq!(other.body[ACME], json!({"crew": "Owls"}));
    let remark = format!("{ACME}:remark");
    let wrote = okta.patch(&path, replace(&remark)).await.expect(200);
    assert_eq!(wrote.body[ACME], json!({"crew": "Owls", "remark": "x"}));
    // Whoever says what she wants gets that.
    for (query, expected) in [
        (
            format!("excludedAttributes={remark}"),
            json!({"crew": "Owls"}),
        ),
        (
            format!("excludedAttributes={ACME}:crew"),
            json!({"remark": "x"}),
        ),
        ("attributes=userName".to_owned(), Value::Null),
        (format!("attributes={ACME}:crew"), json!({"crew": "Owls"})),
    ] {
        let answer = okta
            .patch(&format!("{path}?{query}"), replace(&remark))
            .await;
        assert_eq!(answer.expect(200).body[ACME], expected, "{query}");
    }
}

// checklist: 34, 47
#[actix_web::test]
async fn forms_of_values_are_a_matter_of_the_preset() {
    let app = TestApp::start().await;
    let (strict, entra) = (
        app.source(Preset::Strict).await,
        app.source(Preset::Entra).await,
    );
    // A SEQUENCE of three bytes; the same with one byte too many; no DER.
    let (one, more, none) = ("MAMBAgM=", "MAMBAgME", "AAAA");
    let cases = [
        (
            json!({"addresses": [{"type": "work", "country": "SE"}]}),
            true,
        ),
        (
            json!({"addresses": [{"type": "work", "country": "se"}]}),
            true,
        ),
        (
            json!({"addresses": [{"type": "work", "country": "Sweden"}]}),
            false,
        ),
        (json!({"profileUrl": "https://x.test/a%20b"}), true),
        (json!({"profileUrl": "my page"}), false),
        (
            json!({"photos": [{"value": "https://x.test/p.png", "type": "photo"}]}),
            true,
        ),
        (json!({"photos": [{"value": "<none>"}]}), false),
        (json!({"x509Certificates": [{"value": one}]}), true),
        (json!({"x509Certificates": [{"value": more}]}), false),
        (json!({"x509Certificates": [{"value": none}]}), false),
    ];
    for (i, (value, is_fine)) in cases.iter().enumerate() {
        let mut body = json!({"schemas": [USER], "userName": format!("u{i}@x.test")});
        let (name, value) = value.as_object().unwrap().iter().next().unwrap();
        body[name] = value.clone();
        let answer = strict.post("/Users", body.clone()).await;
        assert_eq!(
            answer.status,
            if *is_fine { 201 } else { 400 },
            "{body}: {}",
            answer.text
        );
        if !is_fine {
            assert_eq!(answer.scim_type(), "invalidValue");
            assert!(answer.text.contains(name), "{}", answer.text);
        }
        // A real client reads back what it wrote.
        body["userName"] = json!(format!("e{i}@x.test"));
        let made = entra.post("/Users", body.clone()).await.expect(201);
        assert_eq!(&made.body[name], value);
    }
    let path = format!("/Users/{}", strict.create_user("ann@x.test").await.id());
    let add = json!([{"op": "add", "path": "addresses", "value": [{"type": "work", "country": "Sweden"}]}]);
    strict.patch(&path, add).await.expect(400);
}

// checklist: 18
#[actix_web::test]
async fn an_id_is_never_given_again() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let mut ids = BTreeSet::new();
    for i in 0..20 {
        let user = okta
            .post(
                "/Users",
                json!({"schemas": [USER], "userName": format!("u{i}")}),
            )
            .await;
        let group = okta
            .post("/Groups", json!({"schemas": [GROUP], "displayName": "A"}))
            .await;
        for (kind, made) in [("/Users", user), ("/Groups", group)] {
            let id = made.expect(201).id();
            assert!(!id.is_empty() && !id.to_lowercase().contains("bulkid"));
            okta.delete(&format!("{kind}/{id}")).await.expect(204);
            okta.get(&format!("{kind}/{id}")).await.expect(404);
            assert!(ids.insert(id.clone()), "{id} came twice");
        }
    }
}

// checklist: 176
#[actix_web::test]
async fn nothing_that_names_a_person_is_the_same_in_two_tenants() {
    let app = TestApp::start().await;
    let here = app.source(Preset::Okta).await;
    let other = app.tenant("other").await;
    let there = app
        .source_of(&other, Preset::Okta, JoinerPolicy::Grant)
        .await;
    let mut ids = Vec::new();
    for client in [&here, &there] {
        let made = client.create_user("ann@x.test").await;
        let group = json!({"schemas": [GROUP], "displayName": "Sales", "externalId": "g1", "members": [{"value": made.id()}]});
        let group = client.post("/Groups", group).await.expect(201);
        ids.push((made.id(), group.id()));
    }
    // Ids are made by time and chance; nothing of the person is in them.
    assert!(ids[0].0 != ids[1].0 && ids[0].1 != ids[1].1);
    let random = |id: &str| id.rsplit('-').next().unwrap().to_owned();
    assert_ne!(random(&ids[0].0), random(&ids[1].0));
    // The source's own key stays between the source and the server.
    for (kind, key) in [("/Users", "ext-ann@x.test"), ("/Groups", "g1")] {
        let filter = format!("externalId eq \"{key}\"");
        assert_eq!(here.filter(kind, &filter).await.total(), 1);
        for role in [Role::App, Role::Auditor] {
            let reader = app.role(&app.tenant, role).await;
            let all = reader.get(kind).await.expect(200);
            assert!(all.total() == 1 && !all.text.contains(key), "{}", all.text);
            assert_eq!(reader.filter(kind, &filter).await.total(), 0);
        }
    }
}

// checklist: 44
#[actix_web::test]
async fn the_parts_of_a_member_do_not_change() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let (ann, bo) = (
        okta.create_user("ann@x.test").await.id(),
        okta.create_user("bo@x.test").await.id(),
    );
    let body = json!({"schemas": [GROUP], "displayName": "Sales", "members": [{"value": ann}]});
    let group = okta.post("/Groups", body).await.expect(201);
    let path = format!("/Groups/{}", group.id());
    for (op, place) in [
        ("replace", format!("members[value eq \"{ann}\"].value")),
        ("replace", format!("members[value eq \"{ann}\"].type")),
        ("add", format!("members[value eq \"{ann}\"].display")),
        ("replace", "members.value".to_owned()),
        ("replace", format!("members[value eq \"{ann}\"]")),
        ("remove", format!("members[value eq \"{ann}\"].value")),
    ] {
        let change = match op {
            "remove" => json!([{"op": op, "path": place}]),
            _ => json!([{"op": op, "path": place, "value": bo}]),
        };
        let refused = okta.patch(&path, change).await.expect(400);
        assert_eq!(refused.scim_type(), "mutability", "{op} {place}");
    }
    assert_eq!(okta.get(&path).await.body, group.body);
}

// checklist: 50
#[actix_web::test]
async fn nobody_is_managed_by_somebody_deleted() {
    let w = world().await;
    let boss = w
        .okta
        .post("/Users", user("boss", "boss@x.test", ""))
        .await
        .expect(201)
        .id();
    let mut ann = user("ann", "ann@x.test", "");
    ann[ENTERPRISE] = json!({"manager": {"value": boss}, "department": "Sales"});
    let path = format!(
        "/Users/{}",
        w.okta.post("/Users", ann).await.expect(201).id()
    );
    let manager = |body: &Value| body[ENTERPRISE]["manager"]["value"].clone();
    assert_eq!(manager(&w.okta.get(&path).await.body), json!(boss));
    w.okta.delete(&format!("/Users/{boss}")).await.expect(204);
    let read = w.okta.get(&path).await.expect(200).body;
    assert_eq!(
        (manager(&read), &read[ENTERPRISE]["department"]),
        (Value::Null, &json!("Sales"))
    );
    w.check().await;
}

// checklist: 163
#[actix_web::test]
async fn any_version_is_a_version_of_what_is_there() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let any = okta.header("if-match", "*");
    let rename = json!([{"op": "replace", "path": "displayName", "value": "B"}]);
    for (kind, body) in [
        ("/Users", person("ann@x.test")),
        ("/Groups", json!({"schemas": [GROUP], "displayName": "A"})),
    ] {
        let nobody = format!("{kind}/01a20e60-e2bf-7f9d-8bdd-000000000000");
        let (before, total) = (app.verify().await.entries, okta.get(kind).await.total());
        for answer in [
            any.put(&nobody, body.clone()).await,
            any.patch(&nobody, rename.clone()).await,
            any.delete(&nobody).await,
        ] {
            assert!([404, 412].contains(&answer.status), "{}", answer.text);
        }
        assert_eq!(
            (app.verify().await.entries, okta.get(kind).await.total()),
            (before, total)
        );
        let there = format!(
            "{kind}/{}",
            okta.post(kind, body.clone()).await.expect(201).id()
        );
        any.put(&there, body).await.expect(200);
        let patched = any.patch(&there, rename.clone()).await.status;
        assert!([200, 204].contains(&patched));
        any.delete(&there).await.expect(204);
        any.delete(&there).await.expect(404);
    }
}

/// Follows nothing.
async fn status(client: &Client, method: &str, path: &str) -> (u16, Option<String>) {
    let body = match method {
        "GET" | "HEAD" | "DELETE" | "OPTIONS" => Vec::new(),
        _ => b"{}".to_vec(),
    };
    let answer = client
        .raw(method, path, "application/scim+json", body)
        .await;
    (answer.status, answer.header("location").map(str::to_owned))
}

// checklist: 65
#[actix_web::test]
async fn no_request_is_sent_elsewhere() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    let mut paths: BTreeSet<String> = [
        "",
        "/",
        "/scim",
        "/scim/",
        "/scim/v2/",
        "/scim/v1/Users",
        "/Users",
        "/healthz/",
    ]
    .map(str::to_owned)
    .into();
    for route in ROUTES {
        let path = format!("/scim/v2{}", route.path.replace("{id}", "nobody"));
        for shape in [
            path.clone(),
            format!("{path}/"),
            format!("{path}//"),
            path.replace("/v2", "//v2"),
            path.to_uppercase(),
            format!("{path}?a=b"),
        ] {
            paths.insert(shape);
        }
    }
    for path in &paths {
        for method in methods {
            for client in [&okta, &okta.anonymous()] {
                let (status, location) = status(client, method, path).await;
                assert!(
                    !(300..400).contains(&status),
                    "{method} {path}: {status} to {location:?}"
                );
                assert!(status < 500 || status == 501, "{method} {path}: {status}");
            }
        }
    }
}
