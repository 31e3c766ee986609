//! Requirements of RFC 7643 and RFC 7644 that no other test is about.

use rosterd::scim::rules::Preset;
use serde_json::{Value, json};

use crate::support::{GROUP, TestApp, USER, person};

// checklist: 1, 2, 3, 4, 5, 111, 148
#[actix_web::test]
async fn the_configuration_is_public_complete_and_true() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let config = okta.anonymous().get("/ServiceProviderConfig").await;
    let config = config.expect(200).body;
    let urn = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";
    assert_eq!(config["schemas"], json!([urn]));
    for (feature, supported) in [
        ("patch", true),
        ("bulk", true),
        ("filter", true),
        ("changePassword", false),
        ("sort", true),
        ("etag", true),
    ] {
        assert_eq!(config[feature]["supported"], supported, "{feature}");
    }
    for number in [
        "/bulk/maxOperations",
        "/bulk/maxPayloadSize",
        "/filter/maxResults",
    ] {
        assert!(
            config.pointer(number).is_some_and(Value::is_u64),
            "{number}"
        );
    }
    let schemes = config["authenticationSchemes"].as_array().unwrap();
    let kinds: Vec<&Value> = schemes.iter().map(|s| &s["type"]).collect();
    assert_eq!(kinds, ["oauthbearertoken", "httpbasic"]);
    for scheme in schemes {
        assert!(scheme["name"].is_string() && scheme["description"].is_string());
    }
    assert!(!schemes.is_empty());
    let bulk = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": [{"method": "DELETE", "path": "/Users/nobody"}]
    });
    okta.post("/Bulk", bulk).await.expect(200);
    let first = okta.create_user("zoe@x.test").await.id();
    let second = okta.create_user("ann@x.test").await.id();
    let sorted = okta.get("/Users?sortBy=userName").await.expect(200);
    assert_eq!(sorted.ids(), [second, first]);
}

// checklist: 6, 7, 8
#[actix_web::test]
async fn discovery_lists_are_whole_whatever_is_asked_of_them() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    for path in ["/Schemas", "/ResourceTypes"] {
        let list = okta.get(path).await.expect(200);
        assert_eq!(
            list.body["schemas"],
            json!(["urn:ietf:params:scim:api:messages:2.0:ListResponse"])
        );
        assert_eq!(list.total(), i64::try_from(list.resources().len()).unwrap());
        let odd = "startIndex=2&count=1&attributes=id&excludedAttributes=name&sortBy=id";
        assert_eq!(
            okta.get(&format!("{path}?{odd}")).await.body,
            list.body,
            "{path}"
        );
        okta.get(&format!("{path}?filter=id+pr")).await.expect(403);
        for one in list.resources() {
            let id = one["id"].as_str().unwrap();
            assert_eq!(
                &okta.get(&format!("{path}/{id}")).await.expect(200).body,
                one
            );
        }
    }
}

fn check_attribute(attribute: &Value, at: &str) {
    for key in [
        "name",
        "type",
        "multiValued",
        "description",
        "required",
        "caseExact",
        "mutability",
        "returned",
        "uniqueness",
    ] {
        assert!(attribute.get(key).is_some(), "{key} of {at}: {attribute}");
    }
    let subs = attribute["subAttributes"].as_array();
    assert_eq!(
        attribute["type"] == "complex",
        subs.is_some(),
        "{at}: {attribute}"
    );
    let is_reference = attribute["type"] == "reference";
    assert_eq!(
        is_reference,
        attribute["referenceTypes"].is_array(),
        "{at}: {attribute}"
    );
    for sub in subs.into_iter().flatten() {
        check_attribute(sub, at);
    }
}

// checklist: 9, 11, 12, 13, 15
#[actix_web::test]
async fn every_urn_has_a_schema_and_every_attribute_all_its_characteristics() {
    let app = TestApp::start().await;
    let auditor = app
        .role(&app.tenant, rosterd::domain::roles::Role::Auditor)
        .await;
    let schemas = auditor.get("/Schemas").await.expect(200);
    let urns = schemas.ids();
    for schema in schemas.resources() {
        let urn = schema["id"].as_str().unwrap();
        assert!(!urn.contains(":api:"), "{urn}");
        assert_eq!(schema["meta"]["resourceType"], "Schema");
        assert_eq!(
            schema["meta"]["location"],
            format!("{}/scim/v2/Schemas/{urn}", app.base)
        );
        for attribute in schema["attributes"].as_array().unwrap() {
            check_attribute(attribute, urn);
        }
    }
    for kind in auditor.get("/ResourceTypes").await.expect(200).resources() {
        assert!(
            kind["name"].is_string() && kind["endpoint"].is_string(),
            "{kind}"
        );
        assert!(kind["meta"]["location"].is_string(), "{kind}");
        let mut named = vec![&kind["schema"]];
        for extension in kind["schemaExtensions"].as_array().into_iter().flatten() {
            assert!(extension["required"].is_boolean(), "{extension}");
            named.push(&extension["schema"]);
        }
        assert!(
            named
                .iter()
                .all(|urn| urns.contains(&urn.as_str().unwrap().to_owned())),
            "{kind}"
        );
    }
}

// checklist: 10
#[actix_web::test]
async fn discovery_resources_are_read_only() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    for path in [
        "/ServiceProviderConfig",
        "/Schemas",
        "/ResourceTypes",
        "/ResourceTypes/User",
    ] {
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            let path = format!("/scim/v2{path}");
            let answer = okta
                .raw(method, &path, "application/scim+json", b"{}".to_vec())
                .await;
            assert_eq!(answer.status, 405, "{method} {path}");
            assert_eq!(answer.header("allow"), Some("GET"), "{method} {path}");
        }
    }
}

// checklist: 84
#[actix_web::test]
async fn a_head_is_a_get_without_its_body() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let path = format!(
        "/scim/v2/Users/{}",
        okta.create_user("ann@x.test").await.id()
    );
    let head = okta.raw("HEAD", &path, "", Vec::new()).await.expect(200);
    let get = okta.raw("GET", &path, "", Vec::new()).await.expect(200);
    assert!(head.text.is_empty() && head.header("etag") == get.header("etag"));
    okta.raw("HEAD", "/scim/v2/Users/nope", "", Vec::new())
        .await
        .expect(404);
}

// checklist: 85, 86, 88, 112, 113
#[actix_web::test]
async fn a_search_by_post_answers_as_the_list_by_get() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    for name in ["a1", "a2", "a3", "b1"] {
        okta.create_user(&format!("{name}@x.test")).await;
    }
    let search = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
        "filter": "userName sw \"a\"", "attributes": ["userName", "meta.version"], "startIndex": 2, "count": 1});
    let posted = okta.post("/Users/.search", search).await.expect(200);
    let query = "filter=userName+sw+%22a%22&attributes=userName,meta.version&startIndex=2&count=1";
    let got = okta.get(&format!("/Users?{query}")).await.expect(200);
    assert_eq!(posted.body, got.body);
    assert_eq!(
        got.body["schemas"],
        json!(["urn:ietf:params:scim:api:messages:2.0:ListResponse"])
    );
    let numbers = ["totalResults", "itemsPerPage", "startIndex"].map(|n| got.body[n].as_i64());
    assert_eq!(numbers, [Some(3), Some(1), Some(2)]);
    assert_eq!(got.resources()[0]["userName"], "a2@x.test");
    let excluded = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
        "excludedAttributes": ["emails"]});
    let answer = okta.post("/Users/.search", excluded).await.expect(200);
    assert!(answer.resources()[0].get("emails").is_none() && answer.total() == 4);
    let none = okta
        .filter("/Users", "userName eq \"zz\"")
        .await
        .expect(200);
    assert_eq!(
        (&none.body["totalResults"], &none.body["Resources"]),
        (&json!(0), &json!([]))
    );
}

// checklist: 51
#[actix_web::test]
async fn an_answer_is_scim_json_whatever_is_accepted() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    for accept in [
        "application/scim+json",
        "application/json",
        "*/*",
        "text/html",
    ] {
        let answer = okta
            .header("accept", accept)
            .get("/Users")
            .await
            .expect(200);
        assert_eq!(
            answer.header("content-type"),
            Some("application/scim+json"),
            "{accept}"
        );
    }
}

// checklist: 18, 19, 21, 64, 67, 72, 73, 121, 124, 168
#[actix_web::test]
async fn a_resource_has_what_the_server_gives_it() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let mut body = person("ann@x.test");
    body["id"] = json!("mine");
    let made = okta.post("/Users", body.clone()).await.expect(201);
    assert_ne!(made.id(), "mine");
    let path = format!("/Users/{}", made.id());
    let meta = made.body["meta"].clone();
    assert_eq!(meta["resourceType"], "User");
    assert_eq!(meta["created"], meta["lastModified"]);
    assert_eq!(meta["location"], format!("{}/scim/v2{path}", app.base));
    assert_eq!(meta["version"].as_str(), made.header("etag"));
    body["title"] = json!("Boss");
    let title = json!([{"op": "replace", "path": "title", "value": "Chief"}]);
    let put = okta.put(&path, body).await.expect(200);
    let patched = okta.patch(&path, title).await.expect(200);
    let read = okta.get(&path).await.expect(200);
    for answer in [&made, &put, &patched, &read] {
        assert_eq!(answer.header("location"), meta["location"].as_str());
        assert_eq!(answer.id(), made.id());
        assert_eq!(answer.body["meta"]["created"], meta["created"]);
    }
    assert_eq!(
        (&put.body["title"], &put.body["userName"]),
        (&json!("Boss"), &json!("ann@x.test"))
    );
    assert_eq!(read.body, patched.body);
    let versions = [&made, &put, &patched].map(|a| a.body["meta"]["version"].clone());
    assert!(
        versions[0] != versions[1] && versions[1] != versions[2],
        "{versions:?}"
    );
    // Another person under the same externalId is a person of her own.
    let mut other = person("bo@x.test");
    other["externalId"] = json!("ext-ann@x.test");
    let other = okta
        .post("/Users?attributes=externalId", other)
        .await
        .expect(201);
    assert_eq!(other.body["externalId"], "ext-ann@x.test");
    assert!(other.body.get("userName").is_none() && other.id() != made.id());
    let absent = okta.get("/Users/nope").await.expect(404);
    assert!(absent.body.get("scimType").is_none(), "{}", absent.text);
}

// checklist: 44
#[actix_web::test]
async fn a_group_has_a_name_and_members_that_can_be_followed() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let ann = okta.create_user("ann@x.test").await;
    let nameless = okta
        .post("/Groups", json!({"schemas": [GROUP]}))
        .await
        .expect(400);
    assert!(nameless.scim_type() == "invalidValue" && nameless.text.contains("displayName"));
    let body =
        json!({"schemas": [GROUP], "displayName": "Sales", "members": [{"value": ann.id()}]});
    let group = okta.post("/Groups", body).await.expect(201);
    let member = &group.body["members"][0];
    assert_eq!(
        (&member["value"], &member["type"]),
        (&json!(ann.id()), &json!("User"))
    );
    assert_eq!(member["$ref"], ann.body["meta"]["location"]);
}

// checklist: 96, 97
#[actix_web::test]
async fn operators_are_read_in_any_letter_case() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Strict).await;
    let ann = okta.create_user("ann@x.test").await.id();
    for filter in [
        "userName EQ \"ann@x.test\" AND active Eq true",
        "NOT (userName Ne \"ann@x.test\") Or title PR",
        "userName SW \"ann\" and userName Co \"@\" and userName eW \"test\"",
        "meta.created GT \"2020-01-01T00:00:00Z\" and meta.created LE \"2999-01-01T00:00:00Z\"",
        "meta.created GE \"2020-01-01T00:00:00Z\" and meta.created LT \"2999-01-01T00:00:00Z\"",
    ] {
        assert_eq!(
            okta.filter("/Users", filter).await.expect(200).ids(),
            [ann.clone()],
            "{filter}"
        );
    }
}

// checklist: 133, 135, 137, 140
#[actix_web::test]
async fn a_change_adds_merges_and_reaches_every_element_that_it_selects() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Strict).await;
    let made = okta
        .post(
            "/Users",
            json!({"schemas": [USER], "userName": "ann", "name": {"givenName": "Ann"},
                "phoneNumbers": [{"value": "1", "type": "work"}, {"value": "2", "type": "work"}, {"value": "3", "type": "home"}]}),
        )
        .await
        .expect(201);
    let path = format!("/Users/{}", made.id());
    for (operation, pointer, expected) in [
        (
            json!({"op": "add", "value": {"nickName": "A", "title": "Boss"}}),
            "/nickName",
            json!("A"),
        ),
        (
            json!({"op": "add", "path": "name", "value": {"familyName": "Lee"}}),
            "/name",
            json!({"givenName": "Ann", "familyName": "Lee"}),
        ),
        (
            json!({"op": "replace", "path": "locale", "value": "de"}),
            "/locale",
            json!("de"),
        ),
        (
            json!({"op": "replace", "path": "phoneNumbers[type eq \"work\"].display", "value": "W"}),
            "/phoneNumbers",
            json!([{"value": "1", "type": "work", "display": "W"}, {"value": "2", "type": "work", "display": "W"}, {"value": "3", "type": "home"}]),
        ),
    ] {
        let answer = okta.patch(&path, json!([operation])).await.expect(200);
        assert_eq!(answer.body.pointer(pointer), Some(&expected), "{operation}");
    }
}
