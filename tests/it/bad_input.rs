//! Bodies, filters and paths that nobody means: a SCIM error that names input and rule, state unchanged, never a 5xx.

use rosterd::domain::roles::Role;
use rosterd::scim::rules::Preset;
use serde_json::{Value, json};

use crate::support::{Answer, Client, GROUP, TestApp, USER};

fn is_scim_error(answer: &Answer) -> bool {
    answer.body["schemas"] == json!(["urn:ietf:params:scim:api:messages:2.0:Error"])
        && answer.body["status"] == json!(answer.status.to_string())
        && answer.body["detail"].as_str().is_some_and(|d| d.len() > 10)
        && answer.header("content-type") == Some("application/scim+json")
}

async fn raw(client: &Client, method: &str, path: &str, body: impl Into<Vec<u8>>) -> Answer {
    client
        .raw(method, path, "application/scim+json", body.into())
        .await
}

// checklist: 31, 52, 54, 70, 120
#[actix_web::test]
async fn hostile_bodies_are_refused_by_name() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let id = okta.create_user("ann@x.test").await.id();
    let before = okta.get(&format!("/Users/{id}")).await.body;
    let user = |extra: &str| format!(r#"{{"schemas":["{USER}"],"userName":"x"{extra}}}"#);
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (b"{".to_vec(), "invalidSyntax"),
        (b"".to_vec(), "invalidSyntax"),
        (b"\xff\xff".to_vec(), "invalidSyntax"),
        (b"[]".to_vec(), "invalidSyntax"),
        (
            user(r#","title":"a","title":"b""#).into_bytes(),
            "invalidSyntax",
        ),
        (user(r#","title":"a\u0000b""#).into_bytes(), "invalidValue"),
        (user(r#","title":{"a":1}"#).into_bytes(), "invalidValue"),
        (
            user(r#","emails":[{"value":7}]"#).into_bytes(),
            "invalidValue",
        ),
        (user(r#","active":"perhaps""#).into_bytes(), "invalidValue"),
        (
            user(&format!(r#","title":"{}""#, "x".repeat(2_000_000))).into_bytes(),
            "invalidValue",
        ),
        (
            user(&format!(
                r#","title":{}{}"#,
                "[".repeat(10_000),
                "]".repeat(10_000)
            ))
            .into_bytes(),
            "invalidSyntax",
        ),
        (
            format!(r#"{{"schemas":["{USER}"]}}"#).into_bytes(),
            "invalidValue",
        ),
        (
            format!(r#"{{"schemas":["{USER}"],"userName":""}}"#).into_bytes(),
            "invalidValue",
        ),
    ];
    for (body, kind) in cases {
        for (method, path) in [
            ("POST", "/scim/v2/Users".to_owned()),
            ("PUT", format!("/scim/v2/Users/{id}")),
        ] {
            let answer = raw(&okta, method, &path, body.clone()).await;
            let start = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
            assert_eq!(
                (answer.status, answer.scim_type()),
                (400, kind),
                "{method} {start}: {}",
                answer.text
            );
            assert!(is_scim_error(&answer), "{}", answer.text);
        }
    }
    assert_eq!(okta.get(&format!("/Users/{id}")).await.body, before);
    assert_eq!(okta.get("/Users").await.total(), 1);
}

// checklist: 125, 126, 128, 132, 167
#[actix_web::test]
async fn hostile_patches_are_refused_and_nothing_is_half_done() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let id = okta.create_user("ann@x.test").await.id();
    let path = format!("/Users/{id}");
    let before = okta.get(&path).await.body;
    let cases = [
        (
            json!([{"op": "replace", "path": "title", "value": "ok"}, {"op": "replace", "path": "nope", "value": 1}]),
            "invalidPath",
        ),
        (
            json!([{"op": "replace", "path": "title", "value": "ok"}, {"op": "remove"}]),
            "noTarget",
        ),
        (
            json!([{"op": "replace", "path": "id", "value": "x"}]),
            "mutability",
        ),
        (
            json!([{"op": "replace", "path": "emails[type eq", "value": "x"}]),
            "invalidFilter",
        ),
        (
            json!([{"op": "replace", "path": "emails[value gt true]", "value": {}}]),
            "invalidFilter",
        ),
        (
            json!([{"op": "replace", "path": "userName", "value": ""}]),
            "invalidValue",
        ),
        (
            json!([{"op": "jump", "path": "title", "value": "x"}]),
            "invalidSyntax",
        ),
        (json!("x"), "invalidSyntax"),
        (json!([]), "invalidSyntax"),
        (
            Value::Array(vec![json!({"op": "remove", "path": "title"}); 1_001]),
            "tooMany",
        ),
    ];
    for (operations, kind) in cases {
        let answer = okta.patch(&path, operations.clone()).await;
        let shown: String = operations.to_string().chars().take(200).collect();
        assert_eq!(
            (answer.status, answer.scim_type()),
            (400, kind),
            "{shown}: {}",
            answer.text
        );
        assert!(is_scim_error(&answer));
    }
    assert_eq!(okta.get(&path).await.body, before);
}

// checklist: 58, 104, 105, 108, 115, 174
#[actix_web::test]
async fn hostile_queries_are_refused() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    okta.create_user("ann@x.test").await;
    let deep = format!("{}title pr{}", "not (".repeat(200), ")".repeat(200));
    let wide = vec!["title pr"; 1_100].join(" or ");
    for filter in [
        "nope eq 1",
        "userName",
        "title eq",
        "active gt true",
        "name eq \"x\"",
        "title eq \"x",
        deep.as_str(),
        "title eq 'x'",
        "emails[type eq \"work\"",
    ] {
        let answer = okta.filter("/Users", filter).await;
        let shown: String = filter.chars().take(60).collect();
        assert_eq!(
            (answer.status, answer.scim_type()),
            (400, "invalidFilter"),
            "{shown}: {}",
            answer.text
        );
        assert!(is_scim_error(&answer));
    }
    // What nobody is told is no use in a filter, and harm in a URL.
    let search = |filter: &str| json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": filter});
    for path in ["/Users", ""] {
        let asked = okta.filter(path, "password sw \"a\"").await;
        assert_eq!((asked.status, asked.scim_type()), (403, "sensitive"));
        assert!(is_scim_error(&asked) && !asked.text.contains("\"a\""));
        let posted = okta
            .post(&format!("{path}/.search"), search("password eq \"a\""))
            .await;
        assert_eq!((posted.status, posted.scim_type()), (400, "invalidFilter"));
    }
    // Too long for a URL; a search takes it in its body.
    assert_eq!(
        okta.post("/Users/.search", search(&wide))
            .await
            .expect(400)
            .scim_type(),
        "invalidFilter"
    );
    assert_eq!(
        okta.get("/Users?count=ten").await.expect(400).scim_type(),
        "invalidValue"
    );
    okta.get("/Users?filter=title+eq+%22%00%22")
        .await
        .expect(400);
    assert_eq!(
        okta.get("/Users?filter=title+eq+%22%FF%22")
            .await
            .expect(400)
            .scim_type(),
        "invalidSyntax"
    );
    let whole =
        json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "count": 1.0});
    okta.post("/Users/.search", whole).await.expect(200);
    // A filter that looks like SQL is text.
    assert_eq!(
        okta.filter("/Users", r#"title co "' OR 1=1 --""#)
            .await
            .expect(200)
            .total(),
        0
    );
    assert_eq!(
        okta.filter("/Users", r#"userName co "%""#)
            .await
            .expect(200)
            .total(),
        0
    );
    for odd in [
        "/Users?startIndex=-5",
        "/Users/?count=1",
        "//Users?%20=%20&a&=b",
        "/Users?aadOptscim062020",
    ] {
        okta.get(odd).await.expect(200);
    }
}

// checklist: 14, 52, 53, 54, 59, 60, 61, 75
#[actix_web::test]
async fn everything_below_the_base_answers_in_scim() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    for (method, path, status) in [
        ("GET", "/scim/v2/nope", 404),
        ("GET", "/scim/v2/Users/nope", 404),
        ("PUT", "/scim/v2/Users", 405),
        ("DELETE", "/scim/v2/Schemas", 405),
        ("POST", "/scim/v2/ServiceProviderConfig", 405),
        ("GET", "/scim/v2/Me", 501),
        ("POST", "/scim/v2/Me", 501),
        ("PUT", "/scim/v2/Me", 501),
        ("PATCH", "/scim/v2/Me", 501),
        ("DELETE", "/scim/v2/Me", 501),
        ("GET", "/scim/v2/Bulk", 405),
        ("DELETE", "/scim/v2/Bulk", 405),
        ("GET", "/scim/v2/Schemas/nope", 404),
        ("GET", "/scim/v2/Schemas?filter=id+pr", 403),
        ("PATCH", "/scim/v2/Users/nope", 400),
        ("GET", "/scim/v2/Users/%00", 404),
        ("DELETE", "/scim/v2/Groups/a%00b", 404),
        ("GET", "/scim/v2/Users/%FF", 404),
        ("GET", "/scim/v2/Schemas/%00", 404),
        ("GET", "/scim/Users", 404),
        ("GET", "/scim", 404),
        ("GET", "/scim/v1/Users", 400),
        ("POST", "/scim/v1.1/Bulk", 400),
    ] {
        let answer = raw(&okta, method, path, if method == "GET" { "" } else { "{}" }).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text);
        assert!(is_scim_error(&answer), "{method} {path}: {}", answer.text);
        assert!(answer.header("x-request-id").is_some(), "{method} {path}");
    }
    let version = raw(&okta, "GET", "/scim/v1/Users", "").await;
    assert_eq!(version.scim_type(), "invalidVers");
    let answer = okta
        .raw("POST", "/scim/v2/Users", "text/xml", b"<x/>".to_vec())
        .await;
    assert_eq!(answer.status, 415);
    assert!(is_scim_error(&answer));
    let packed = okta.header("content-encoding", "gzip");
    let answer = packed
        .raw("POST", "/scim/v2/Users", "application/json", vec![31, 139])
        .await;
    assert_eq!(answer.status, 415, "{}", answer.text);
    let kinds = [
        "application/json",
        "application/scim+json; charset=utf-8",
        "APPLICATION/JSON",
    ];
    for (i, kind) in kinds.into_iter().enumerate() {
        let body = json!({"schemas": [USER], "userName": format!("k{i}")}).to_string();
        assert_eq!(
            okta.raw("POST", "/scim/v2/Users", kind, body.into_bytes())
                .await
                .status,
            201,
            "{kind}"
        );
    }
    let huge = vec![b' '; 5 * 1024 * 1024];
    assert_eq!(raw(&okta, "POST", "/scim/v2/Users", huge).await.status, 413);
}

#[actix_web::test]
async fn a_write_that_is_refused_has_written_nothing() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let both = "attributes=id&excludedAttributes=id";
    for (path, body) in [
        ("/Users", json!({"schemas": [USER], "userName": "ann"})),
        (
            "/Groups",
            json!({"schemas": [GROUP], "displayName": "Sales"}),
        ),
    ] {
        okta.post(&format!("{path}?{both}"), body.clone())
            .await
            .expect(400);
        assert_eq!(okta.get(path).await.total(), 0, "{path}");
        // Paging belongs to lists.
        let made = okta.post(&format!("{path}?count=ten"), body.clone()).await;
        let one = format!("{path}/{}", made.expect(201).id());
        let before = okta.get(&one).await.expect(200).body;
        let mut renamed = body.clone();
        renamed["displayName"] = json!("renamed");
        let rename = json!([{"op": "replace", "path": "displayName", "value": "renamed"}]);
        okta.put(&format!("{one}?{both}"), renamed)
            .await
            .expect(400);
        okta.patch(&format!("{one}?{both}"), rename)
            .await
            .expect(400);
        assert_eq!(okta.get(&format!("{one}?startIndex=x")).await.body, before);
    }
}

// checklist: 77, 162, 163, 165
#[actix_web::test]
async fn a_condition_that_does_not_hold_stops_a_write_and_shortens_a_read() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let user = format!("/Users/{}", okta.create_user("ann@x.test").await.id());
    let group = okta
        .post("/Groups", json!({"schemas": [GROUP], "displayName": "A"}))
        .await;
    let group = format!("/Groups/{}", group.id());
    for path in [&user, &group] {
        let before = okta.get(path).await;
        let tag = before.header("etag").unwrap().to_owned();
        let known = okta
            .header("if-none-match", &tag)
            .get(path)
            .await
            .expect(304);
        assert!(known.text.is_empty() && known.header("etag") == Some(&tag));
        let rename = json!([{"op": "replace", "path": "displayName", "value": "B"}]);
        for (name, value) in [
            ("if-none-match", tag.as_str()),
            ("if-none-match", "*"),
            ("if-match", "W/\"99\""),
            ("if-match", "\"é\""),
            ("if-match", ""),
        ] {
            let client = okta.header(name, value);
            client.patch(path, rename.clone()).await.expect(412);
            client.put(path, before.body.clone()).await.expect(412);
            client.delete(path).await.expect(412);
        }
        assert_eq!(okta.get(path).await.body, before.body);
        // Two lines of a header are one list.
        let two = okta.header("if-match", "\"x\"").header("if-match", &tag);
        let done = two.patch(path, rename).await;
        assert!([200, 204].contains(&done.status), "{}", done.text);
        let old = okta.header("if-none-match", &tag);
        old.get(path).await.expect(200);
        old.put(path, before.body).await.expect(200);
    }
}

#[actix_web::test]
async fn an_audit_event_is_found_by_its_very_id() {
    let app = TestApp::start().await;
    let auditor = app.role(&app.tenant, Role::Auditor).await;
    let id = auditor.get("/AuditEvents?count=1").await.ids()[0].clone();
    auditor.get(&format!("/AuditEvents/{id}")).await.expect(200);
    let odd = id.replace('-', "-+");
    for wrong in [
        "1--9223372036854775808",
        "1-9223372036854775807",
        "1-0",
        "x",
        &odd,
    ] {
        let answer = auditor.get(&format!("/AuditEvents/{wrong}")).await;
        assert_eq!(answer.status, 404, "{wrong}: {}", answer.text);
    }
}

#[actix_web::test]
async fn to_a_source_rosterds_own_attributes_are_unknown_names() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let user = okta.create_user("ann@x.test").await.id();
    let one = format!("/Users/{user}");
    let urn = "urn:ietf:params:scim:schemas:extension:rosterd:2.0:User";
    for name in ["access", "hasAccess", &format!("{urn}:access")] {
        let by_filter = okta.filter("/Users", &format!("{name} pr")).await;
        assert_eq!(by_filter.expect(400).scim_type(), "invalidFilter", "{name}");
        let by_path = okta
            .patch(&one, json!([{"op": "replace", "path": name, "value": "x"}]))
            .await
            .expect(400);
        assert_eq!(by_path.scim_type(), "invalidPath", "{name}");
        assert!(
            name.starts_with("urn:") || !by_path.text.contains(urn),
            "{}",
            by_path.text
        );
    }
    okta.patch(&one, json!([{"op": "remove", "path": urn}]))
        .await
        .expect(400);
    let admin = app.role(&app.tenant, Role::TenantAdmin).await;
    let granted = admin.filter("/Users", "hasAccess eq true").await;
    assert_eq!(granted.expect(200).ids(), [user]);
}

#[actix_web::test]
async fn twenty_hostile_connections_at_once_are_nothing_special() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let id = okta.create_user("ann@x.test").await.id();
    let before = okta.get(&format!("/Users/{id}")).await.body;
    let nested = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    let long = format!(
        "{{\"schemas\":[\"{USER}\"],\"userName\":\"b\",\"title\":\"{}\"}}",
        "x".repeat(3_000_000)
    );
    let bodies = [
        "{",
        "null",
        nested.as_str(),
        long.as_str(),
        "{\"a\":1,\"a\":2}",
    ];
    let each = (0..40).map(|i| {
        let (okta, path) = (app.client(okta.token()), format!("/Users/{id}"));
        let (method, path) = match i % 3 {
            0 => ("POST", "/Users".to_owned()),
            1 => ("PUT", path),
            _ => ("PATCH", path),
        };
        async move {
            raw(
                &okta,
                method,
                &format!("/scim/v2{path}"),
                bodies[i % bodies.len()],
            )
            .await
        }
    });
    for answer in futures_util::future::join_all(each).await {
        assert_eq!(answer.status, 400, "{}", answer.text);
        assert!(is_scim_error(&answer), "{}", answer.text);
    }
    assert_eq!(okta.get(&format!("/Users/{id}")).await.body, before);
    assert_eq!(okta.get("/Users").await.total(), 1);
}
