//! Users of one connection.

use rosterd::scim::rules::Preset;
use serde_json::json;

use crate::support::{ENTERPRISE, TestApp, USER, person};

// checklist: 27, 46, 66, 76, 161
#[actix_web::test]
async fn a_created_user_reads_back_as_it_was_sent() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let body = json!({
        "schemas": [USER, ENTERPRISE], "userName": "Ann@X.test", "externalId": "00u1", "password": "s3cret",
        "name": {"givenName": "Ann", "familyName": "O'Straße"}, "phoneNumbers": [{"value": "+1 (5) 55", "type": "work"}],
        "emails": [{"value": "Ann@X.test", "type": "work", "primary": true}], "groups": [], "active": true,
        ENTERPRISE: {"department": "Sales", "manager": {"value": "nobody-we-know"}},
    });
    let created = okta.post("/Users", body.clone()).await.expect(201);
    let id = created.id();
    assert_eq!(
        created.header("location"),
        Some(format!("{}/scim/v2/Users/{id}", app.base).as_str())
    );
    assert_eq!(
        created.header("content-type"),
        Some("application/scim+json")
    );
    assert_eq!(
        created.header("etag"),
        created.body["meta"]["version"].as_str()
    );
    let read = okta.get(&format!("/Users/{id}")).await.expect(200);
    assert_eq!(read.body, created.body);
    for key in [
        "userName",
        "externalId",
        "name",
        "phoneNumbers",
        "emails",
        "active",
        ENTERPRISE,
    ] {
        assert_eq!(read.body[key], body[key], "{key}");
    }
    assert!(!read.text.contains("s3cret") && read.body.get("password").is_none());
    assert_eq!(
        read.body["meta"]["created"],
        read.body["meta"]["lastModified"]
    );
    assert!(app.verify().await.faults.is_empty());
}

// checklist: 24, 32, 40, 69, 74, 106
#[actix_web::test]
async fn look_up_and_conflict_see_the_same_people() {
    let app = TestApp::start().await;
    let entra = app.source(Preset::Entra).await;
    let id = entra.create_user("ann@x.test").await.id();
    entra
        .patch(
            &format!("/Users/{id}"),
            json!([{"op": "Replace", "path": "active", "value": "False"}]),
        )
        .await
        .expect(200);
    for filter in [
        r#"userName eq "ANN@x.test""#,
        r#"externalId eq "ext-ann@x.test""#,
        r#"emails[type eq "work"].value eq "Ann@x.test""#,
        r#"emails.value eq "ann@X.test""#,
        r#"displayName eq "display ann@x.test""#,
        r#"active eq false"#,
    ] {
        assert_eq!(
            entra.filter("/Users", filter).await.expect(200).ids(),
            [id.clone()],
            "{filter}"
        );
    }
    assert_eq!(
        entra
            .filter("/Users", r#"externalId eq "EXT-ann@x.test""#)
            .await
            .total(),
        0
    );
    let again = entra.post("/Users", person("ANN@X.TEST")).await.expect(409);
    assert_eq!(again.scim_type(), "uniqueness");
}

// checklist: 25, 116, 117, 118, 123
#[actix_web::test]
async fn put_replaces_and_an_omitted_active_does_not_reactivate_or_deactivate() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let created = okta
        .post(
            "/Users",
            json!({"schemas": [USER], "userName": "ann", "title": "Boss", "active": true}),
        )
        .await;
    let path = format!("/Users/{}", created.id());
    let put = okta
        .put(
            &path,
            json!({"schemas": [USER], "userName": "ann", "nickName": "A", "id": "other"}),
        )
        .await
        .expect(200);
    assert_eq!(
        (&put.body["title"], &put.body["active"]),
        (&json!(null), &json!(true))
    );
    assert_eq!(put.body["id"], created.body["id"]);
    okta.put(
        &path,
        json!({"schemas": [USER], "userName": "ann", "active": false}),
    )
    .await
    .expect(200);
    let put = okta
        .put(&path, json!({"schemas": [USER], "userName": "ann"}))
        .await
        .expect(200);
    assert_eq!(put.body["active"], json!(false));
    okta.put("/Users/nope", json!({"schemas": [USER], "userName": "ann"}))
        .await
        .expect(404);
}

// checklist: 124
#[actix_web::test]
async fn a_write_that_changes_nothing_writes_no_row_no_entry_and_no_version() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let created = okta.create_user("ann@x.test").await;
    let path = format!("/Users/{}", created.id());
    let entries = app.verify().await.entries;
    let put = okta.put(&path, person("ann@x.test")).await.expect(200);
    let patch = okta
        .patch(
            &path,
            json!([{"op": "replace", "path": "active", "value": true}]),
        )
        .await
        .expect(200);
    assert_eq!((&put.body, &patch.body), (&created.body, &created.body));
    assert_eq!(app.verify().await.entries, entries);
}

// checklist: 77, 152, 162
#[actix_web::test]
async fn a_stale_version_is_refused_and_nothing_changes() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let created = okta.create_user("ann@x.test").await;
    let path = format!("/Users/{}", created.id());
    let stale = okta.header("if-match", "W/\"99\"");
    stale.put(&path, person("ann@x.test")).await.expect(412);
    stale
        .patch(
            &path,
            json!([{"op": "replace", "path": "title", "value": "x"}]),
        )
        .await
        .expect(412);
    stale.delete(&path).await.expect(412);
    assert_eq!(okta.get(&path).await.body, created.body);
    let tag = created.header("etag").unwrap();
    okta.header("if-none-match", tag)
        .get(&path)
        .await
        .expect(304);
    okta.header("if-match", tag)
        .patch(
            &path,
            json!([{"op": "replace", "path": "title", "value": "x"}]),
        )
        .await
        .expect(200);
    okta.header("if-none-match", tag)
        .get(&path)
        .await
        .expect(200);
}

// checklist: 71, 149, 150, 151
#[actix_web::test]
async fn after_a_delete_the_user_is_gone_for_the_source_and_kept_for_the_app() {
    let app = TestApp::start().await;
    let entra = app.source(Preset::Entra).await;
    let reader = app
        .role(&app.tenant, rosterd::domain::roles::Role::App)
        .await;
    let id = entra.create_user("ann@x.test").await.id();
    entra.delete(&format!("/Users/{id}")).await.expect(204);
    entra.get(&format!("/Users/{id}")).await.expect(404);
    entra.delete(&format!("/Users/{id}")).await.expect(404);
    assert_eq!(entra.get("/Users").await.total(), 0);
    let kept = reader.get(&format!("/Users/{id}")).await.expect(200);
    assert_eq!(kept.body["active"], json!(false));
    let ours = &kept.body["urn:ietf:params:scim:schemas:extension:rosterd:2.0:User"];
    assert_eq!(
        (&ours["access"], &ours["accessReason"]["code"]),
        (&json!("revoked"), &json!("deleted-by-source"))
    );
    // Created again: the same person, with what she had.
    let back = entra.create_user("ann@x.test").await;
    assert_eq!(back.id(), id);
    assert_eq!(
        reader.get(&format!("/Users/{id}")).await.body["active"],
        json!(true)
    );
    assert_eq!(entra.get("/Users").await.total(), 1);
    assert!(app.verify().await.faults.is_empty());
}

// checklist: 85, 87, 90, 92
#[actix_web::test]
async fn pages_have_a_stable_order_and_honest_totals() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let mut made = Vec::new();
    for i in 0..25 {
        made.push(okta.create_user(&format!("p{i}@x.test")).await.id());
    }
    let mut seen = Vec::new();
    for start in [1, 11, 21] {
        let page = okta
            .get(&format!("/Users?startIndex={start}&count=10"))
            .await
            .expect(200);
        assert_eq!(
            (page.total(), &page.body["startIndex"]),
            (25, &json!(start))
        );
        seen.extend(page.ids());
    }
    made.sort();
    assert_eq!(seen, made);
    let none = okta.get("/Users?count=0").await.expect(200);
    assert_eq!((none.total(), none.resources().len()), (25, 0));
    assert_eq!(okta.get("/Users?startIndex=26").await.resources().len(), 0);
    let filtered = okta
        .get("/Users?filter=userName+sw+%22p1%22&count=3&STARTINDEX=2")
        .await
        .expect(200);
    assert_eq!((filtered.total(), filtered.resources().len()), (11, 3));
}

// checklist: 28, 78, 79, 80
#[actix_web::test]
async fn projection_cuts_resources_down() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let id = okta.create_user("ann@x.test").await.id();
    let only = okta
        .get(&format!("/Users/{id}?attributes=userName"))
        .await
        .expect(200);
    assert_eq!(
        only.body,
        json!({"schemas": [USER], "id": id, "userName": "ann@x.test"})
    );
    let without = okta
        .get("/Users?excludedAttributes=emails,meta")
        .await
        .expect(200);
    assert!(
        without.resources()[0].get("emails").is_none()
            && without.resources()[0].get("displayName").is_some()
    );
    okta.get("/Users?attributes=id&excludedAttributes=id")
        .await
        .expect(400);
}

#[actix_web::test]
async fn a_connection_never_sees_our_extension() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let id = okta.create_user("ann@x.test").await.id();
    for path in [
        "/Schemas".to_owned(),
        "/ResourceTypes".to_owned(),
        "/Users".to_owned(),
        format!("/Users/{id}"),
    ] {
        let answer = okta.get(&path).await.expect(200);
        assert!(
            !answer.text.contains("rosterd:2.0"),
            "{path}: {}",
            answer.text
        );
    }
    let auditor = app
        .role(&app.tenant, rosterd::domain::roles::Role::Auditor)
        .await;
    assert!(
        auditor
            .get("/ResourceTypes")
            .await
            .text
            .contains("AuditEvent")
    );
}

#[actix_web::test]
async fn a_value_too_long_to_be_looked_up_is_refused_by_name() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    // Hardly compressible, or a database could squeeze it into an index after all.
    let text = |length: usize| -> String {
        (0u32..)
            .map(|i| {
                char::from(b'a' + u8::try_from(i.wrapping_mul(2_654_435_761) >> 24).unwrap() % 26)
            })
            .take(length)
            .collect()
    };
    let at_most = |length: usize, kind: usize| {
        json!({
            "schemas": [USER, ENTERPRISE], "userName": text(length), "externalId": text(length), "displayName": text(length),
            "emails": [{"value": text(length), "type": text(kind)}], ENTERPRISE: {"manager": {"value": text(length)}},
        })
    };
    let id = okta
        .post("/Users", at_most(1_000, 100))
        .await
        .expect(201)
        .id();
    let path = format!("/Users/{id}");
    let whole = okta.get(&path).await.body;
    let too_long = at_most(1_001, 101);
    for (attribute, limit) in [
        ("userName", "1000"),
        ("externalId", "1000"),
        ("displayName", "1000"),
    ] {
        let mut body = json!({"schemas": [USER], "userName": "ann"});
        body[attribute] = too_long[attribute].clone();
        let write = json!([{"op": "replace", "path": attribute, "value": body[attribute]}]);
        for refused in [
            okta.post("/Users", body.clone()).await,
            okta.put(&path, body).await,
            okta.patch(&path, write).await,
        ] {
            let refused = refused.expect(400);
            assert_eq!(refused.scim_type(), "invalidValue");
            assert!(
                refused.text.contains(attribute) && refused.text.contains(limit),
                "{}",
                refused.text
            );
        }
    }
    for (key, body) in [
        ("emails.value", json!({"emails": [{"value": text(1_001)}]})),
        // One letter becomes three.
        (
            "emails.value",
            json!({"emails": [{"value": "\u{fb03}".repeat(334)}]}),
        ),
        (
            "emails.type",
            json!({"emails": [{"value": "a@x.test", "type": text(101)}]}),
        ),
        (
            "manager.value",
            json!({ENTERPRISE: {"manager": {"value": text(8_000)}}}),
        ),
    ] {
        let mut body = body;
        (body["schemas"], body["userName"]) = (json!([USER]), json!("ann"));
        let refused = okta.post("/Users", body).await.expect(400);
        assert!(refused.text.contains(key), "{}", refused.text);
    }
    assert_eq!(okta.get(&path).await.body, whole);
    for attribute in ["displayName", "externalId"] {
        let mut body = json!({"schemas": [crate::support::GROUP], "displayName": "g"});
        body[attribute] = json!(text(1_001));
        let refused = okta.post("/Groups", body).await.expect(400);
        assert!(refused.text.contains(attribute), "{}", refused.text);
    }
}
