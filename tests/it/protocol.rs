//! What RFC 7644 says of all resources alike: the words of its errors, projection in every form, HEAD.

use rosterd::scim::rules::Preset;
use serde_json::{Value, json};

use crate::support::{ENTERPRISE, GROUP, TestApp, USER, execute, person};

// checklist: 59, 167
#[actix_web::test]
async fn each_word_of_the_errors_is_said_where_it_belongs() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Strict).await;
    let ann = format!("/Users/{}", okta.create_user("ann@x.test").await.id());
    let refused = |path: &str, op: &str| json!([{"op": op, "path": path, "value": "x"}]);
    let many = Value::Array(vec![json!({"op": "remove", "path": "title"}); 1_001]);
    let body = |extra: Value| {
        let mut body = json!({"schemas": [USER], "userName": "bob@x.test"});
        body.as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        body
    };
    let answers = [
        (
            "invalidFilter",
            400,
            okta.get("/Users?filter=title+is+1").await,
        ),
        (
            "invalidFilter",
            400,
            okta.patch(&ann, refused("emails[type eq", "add")).await,
        ),
        ("tooMany", 400, okta.patch(&ann, many).await),
        (
            "sensitive",
            403,
            okta.get("/Users?filter=password+eq+%22x%22").await,
        ),
        (
            "uniqueness",
            409,
            okta.post("/Users", person("ANN@x.test")).await,
        ),
        (
            "mutability",
            400,
            okta.patch(&ann, refused("id", "replace")).await,
        ),
        (
            "mutability",
            400,
            okta.patch(&ann, refused("groups", "add")).await,
        ),
        (
            "mutability",
            400,
            okta.patch(&ann, json!([{"op": "remove", "path": "userName"}]))
                .await,
        ),
        ("invalidSyntax", 400, okta.post("/Users", json!([])).await),
        (
            "invalidSyntax",
            400,
            okta.patch(&ann, refused("title", "move")).await,
        ),
        (
            "invalidPath",
            400,
            okta.patch(&ann, refused("no such", "add")).await,
        ),
        (
            "invalidPath",
            400,
            okta.patch(&ann, refused("nickname.x", "add")).await,
        ),
        (
            "noTarget",
            400,
            okta.patch(&ann, json!([{"op": "remove"}])).await,
        ),
        (
            "noTarget",
            400,
            okta.patch(&ann, refused("emails[type eq \"home\"].value", "replace"))
                .await,
        ),
        (
            "invalidValue",
            400,
            okta.post("/Users", json!({"schemas": [USER]})).await,
        ),
        (
            "invalidValue",
            400,
            okta.post("/Users", body(json!({"title": 7}))).await,
        ),
        ("invalidValue", 400, okta.get("/Users?count=x").await),
        (
            "invalidVers",
            400,
            okta.raw("GET", "/scim/v1/Users", "application/scim+json", Vec::new())
                .await,
        ),
        // Statuses for which the RFC has no word.
        ("", 404, okta.get("/Users/nobody").await),
        ("", 405, okta.put("/Users", person("x")).await),
        (
            "",
            412,
            okta.header("if-match", "W/\"9\"").delete(&ann).await,
        ),
        (
            "",
            413,
            okta.post("/Users", json!(" ".repeat(5 << 20))).await,
        ),
        ("", 501, okta.get("/Me").await),
    ];
    for (word, status, answer) in answers {
        let got = (answer.status, answer.scim_type());
        assert_eq!(got, (status, word), "{}", answer.text);
        assert_eq!(answer.body["status"], json!(status.to_string()));
        assert!(answer.body["detail"].as_str().unwrap().len() > 10);
    }
}

// checklist: 78, 79, 81
#[actix_web::test]
async fn every_answer_with_a_resource_is_cut_to_what_is_wanted() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Strict).await;
    let mut ann = person("ann@x.test");
    ann[ENTERPRISE] = json!({"department": "d", "costCenter": "c"});
    ann["schemas"] = json!([USER, ENTERPRISE]);
    let (user, schemas) = (|id: &str| format!("/Users/{id}"), json!([USER, ENTERPRISE]));
    // POST, PUT, PATCH and GET, in a list and in a search.
    let made = okta
        .post("/Users?attributes=USERNAME", ann.clone())
        .await
        .expect(201);
    let id = made.id();
    let one = user(&id);
    let want = json!({"schemas": schemas, "id": id, "userName": "ann@x.test"});
    assert_eq!(made.body, want);
    let put = okta
        .put(&format!("{one}?attributes=userName"), ann)
        .await
        .expect(200);
    assert_eq!(put.body, want);
    let add = json!([{"op": "add", "path": "title", "value": "t"}]);
    let patched = okta
        .patch(&format!("{one}?attributes=userName"), add)
        .await
        .expect(200);
    assert_eq!(patched.body, want);
    let listed = okta.get("/Users?attributes=userName").await.expect(200);
    assert_eq!(listed.resources(), [want.clone()]);
    let search = |wanted: Value| json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "attributes": wanted});
    for path in ["/Users/.search", "/.search"] {
        let found = okta
            .post(path, search(json!(["userName"])))
            .await
            .expect(200);
        assert_eq!(found.resources(), [want.clone()]);
    }
    // Every form of a name.
    let department = json!({ENTERPRISE: {"department": "d"}});
    let extension = json!({ENTERPRISE: {"department": "d", "costCenter": "c"}});
    let emails = json!({"emails": [{"value": "ann@x.test"}]});
    for (names, more) in [
        (format!("{ENTERPRISE}:department"), &department),
        (
            format!("{}:Department", ENTERPRISE.to_uppercase()),
            &department,
        ),
        (ENTERPRISE.to_owned(), &extension),
        (format!("{USER}:emails.value"), &emails),
        ("EMAILS.Value".to_owned(), &emails),
        ("emails.value, nope,,password".to_owned(), &emails),
        ("nope".to_owned(), &json!({})),
    ] {
        let got = okta
            .get(&format!("{one}?attributes={}", names.replace(' ', "%20")))
            .await
            .expect(200);
        let mut want = json!({"schemas": schemas, "id": id});
        want.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        assert_eq!(got.body, want, "{names}");
    }
    // What is always returned stays.
    let without = okta
        .get(&format!(
            "{one}?excludedAttributes=id,schemas,meta,emails.type,{ENTERPRISE}:costCenter"
        ))
        .await
        .expect(200);
    assert_eq!(
        (without.body["id"].as_str(), &without.body["meta"]),
        (Some(&*id), &json!(null))
    );
    assert_eq!(
        without.body["emails"],
        json!([{"value": "ann@x.test", "primary": true}])
    );
    assert_eq!(without.body[ENTERPRISE], department[ENTERPRISE]);
    let both = format!("{one}?attributes=id&excludedAttributes=id");
    okta.get(&both).await.expect(400);
    // A PATCH of a group answers with the group when somebody wants to see it.
    let group = json!({"schemas": [GROUP], "displayName": "g", "members": [{"value": id}]});
    let group = format!("/Groups/{}", okta.post("/Groups", group).await.id());
    let rename = json!([{"op": "replace", "path": "displayName", "value": "h"}]);
    let shown = okta
        .patch(&format!("{group}?attributes=displayName"), rename)
        .await
        .expect(200);
    assert_eq!(shown.body["displayName"], json!("h"));
    assert!(shown.body["members"].is_null());
    let cut = okta
        .get(&format!("{group}?excludedAttributes=members"))
        .await
        .expect(200);
    assert!(cut.body["members"].is_null() && cut.body["meta"].is_object());
}

// checklist: 84
#[actix_web::test]
async fn head_answers_as_get_does_without_a_body() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let one = format!("/Users/{}", okta.create_user("ann@x.test").await.id());
    let paths = [
        one.as_str(),
        "/Users",
        "/Users/nobody",
        "/Groups?filter=nope+is+1",
        "/Schemas",
        "/ServiceProviderConfig",
        "/Me",
        "/nope",
    ];
    for path in paths {
        let get = okta.get(path).await;
        let whole = format!("/scim/v2{path}");
        let head = okta
            .raw("HEAD", &whole, "application/scim+json", Vec::new())
            .await;
        assert_eq!(
            (head.status, head.text.as_str()),
            (get.status, ""),
            "{path}"
        );
        for name in ["etag", "location", "content-type", "content-length"] {
            assert_eq!(head.header(name), get.header(name), "{path}: {name}");
        }
    }
    let tag = okta.get(&one).await.header("etag").unwrap().to_owned();
    let known = okta.header("if-none-match", &tag);
    let whole = format!("/scim/v2{one}");
    let head = known
        .raw("HEAD", &whole, "application/scim+json", Vec::new())
        .await;
    assert_eq!(head.status, 304);
    okta.anonymous()
        .raw("HEAD", &whole, "application/scim+json", Vec::new())
        .await
        .expect(401);
}

// checklist: 169
#[actix_web::test]
async fn a_failure_says_whom_to_tell_and_nothing_of_the_inside() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let id = okta.create_user("ann@x.test").await.id();
    let path = format!("/Users/{id}");
    execute(
        &mut app.database.connect(),
        &format!("UPDATE users SET doc = '\"ann@x.test\"' WHERE id = '{id}'"),
    );
    let title = json!([{"op": "replace", "path": "title", "value": "x"}]);
    for answer in [okta.get(&path).await, okta.patch(&path, title).await] {
        let answer = answer.expect(500);
        assert_eq!(answer.body["status"], json!("500"));
        let request = answer.header("x-request-id").unwrap();
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(
            detail.contains(request) && detail.contains("operator"),
            "{detail}"
        );
        for inside in ["ann@x.test", "users", "doc", "JSON", "row", "sql", ".rs"] {
            assert!(
                !detail.replace(request, "").contains(inside),
                "{inside}: {detail}"
            );
        }
    }
    // What is wrong with one row harms no other.
    okta.create_user("bo@x.test").await;
    assert_eq!(okta.get("/Users").await.expect(200).resources().len(), 1);
}
