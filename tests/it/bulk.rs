//! `POST /Bulk`: order and references, one bad operation among good ones, limits, tenants, versions, the journal.

use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::roles::Role;
use rosterd::scim::rules::Preset;
use serde_json::{Value, json};

use crate::support::bulk::{fill, id as filled};
use crate::support::{Answer, Client, ENTERPRISE, GROUP, TestApp, USER, person};

const REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";

async fn bulk(client: &Client, operations: Value) -> Answer {
    client
        .post(
            "/Bulk",
            json!({"schemas": [REQUEST], "Operations": operations}),
        )
        .await
}

/// A POST of a user under her own name.
fn user(name: &str) -> Value {
    json!({"method": "POST", "path": "/Users", "bulkId": name, "data": person(name)})
}

/// The same with a manager.
fn report(name: &str, manager: &str) -> Value {
    let mut operation = user(name);
    operation["data"][ENTERPRISE] =
        json!({"manager": {"value": format!("bulkId:{manager}")}, "department": "Sales"});
    operation
}

fn group(name: &str, members: &[&str]) -> Value {
    let members: Vec<Value> = members.iter().map(|m| json!({"value": m})).collect();
    json!({"method": "POST", "path": "/Groups", "bulkId": name,
        "data": {"schemas": [GROUP], "displayName": name, "members": members}})
}

fn patch(path: &str, operations: Value) -> Value {
    json!({"method": "PATCH", "path": path, "data": {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations}})
}

fn statuses(answer: &Answer) -> Vec<&str> {
    let all = answer.body["Operations"].as_array().unwrap();
    all.iter().map(|o| o["status"].as_str().unwrap()).collect()
}

/// The path below the base that an operation's location names.
fn path(app: &TestApp, answer: &Answer, operation: usize) -> String {
    let location = answer.body["Operations"][operation]["location"].as_str();
    let location = location.unwrap_or_else(|| panic!("no location in {}", answer.text));
    let base = format!("{}/scim/v2", app.base);
    location.strip_prefix(&base).unwrap().to_owned()
}

fn id(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

fn manager(user: &Answer) -> &str {
    user.body[ENTERPRISE]["manager"]["value"].as_str().unwrap()
}

// checklist: 153, 154, 155, 156
#[actix_web::test]
async fn references_point_forward_and_back_in_bodies_paths_and_patches() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let manager_path = format!("{ENTERPRISE}:manager");
    let answer = bulk(
        &okta,
        json!([
            group("Sales", &["bulkId:ann", "bulkId:bob"]),
            report("bob", "ann"),
            patch("/Groups/bulkId:Sales", json!([{"op": "add", "path": "members", "value": [{"value": "bulkId:cid"}]}])),
            patch("/Users/bulkId:cid", json!([{"op": "add", "path": manager_path, "value": "bulkId:bob"}])),
            user("ann"),
            user("cid"),
            {"method": "DELETE", "path": "/Users/bulkId:ann"},
        ]),
    )
    .await
    .expect(200);
    assert_eq!(
        statuses(&answer),
        ["201", "201", "200", "200", "201", "201", "204"],
        "{}",
        answer.text
    );
    assert_eq!(
        answer.body["schemas"],
        json!(["urn:ietf:params:scim:api:messages:2.0:BulkResponse"])
    );
    let paths: Vec<String> = (0..7).map(|i| path(&app, &answer, i)).collect();
    assert_eq!(
        (&paths[2], &paths[3], &paths[6]),
        (&paths[0], &paths[5], &paths[4])
    );
    let sales = okta.get(&paths[0]).await.expect(200);
    let mut members: Vec<&str> = sales.body["members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["value"].as_str().unwrap())
        .collect();
    members.sort_unstable();
    let mut want = vec![id(&paths[1]), id(&paths[5])];
    want.sort_unstable();
    assert_eq!(members, want, "ann was deleted");
    let cid = okta.get(&paths[5]).await.expect(200);
    assert_eq!(manager(&cid), id(&paths[1]));
    let bob = okta.get(&paths[1]).await.expect(200);
    assert_eq!(bob.body[ENTERPRISE]["department"], json!("Sales"));
    // What a client needs to go on stands in the answer.
    for (i, operation) in answer.body["Operations"]
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
    {
        let (method, bulk_id) = (&operation["method"], &operation["bulkId"]);
        assert_eq!(method == "POST", bulk_id.is_string(), "{operation}");
        assert!(operation["response"].is_null(), "{operation}");
        assert_eq!(operation["version"].is_null(), i == 6, "{operation}");
    }
    assert_eq!(answer.body["Operations"][5]["bulkId"], json!("cid"));
    assert_eq!(
        answer.body["Operations"][1]["version"].as_str(),
        bob.header("etag")
    );
}

// checklist: 156
#[actix_web::test]
async fn people_who_manage_each_other_are_all_made() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Strict).await;
    let mut versioned = report("self", "self");
    versioned["version"] = json!("W/\"99\"");
    let answer = bulk(
        &okta,
        json!([
            group("all", &["bulkId:a", "bulkId:b", "bulkId:self"]),
            report("a", "b"),
            report("b", "a"),
            report("x", "y"),
            report("y", "z"),
            report("z", "x"),
            versioned,
            report("under", "x"),
        ]),
    )
    .await
    .expect(200);
    assert_eq!(statuses(&answer), vec!["201"; 8], "{}", answer.text);
    let manages = [(1, 2), (2, 1), (3, 4), (4, 5), (5, 3), (6, 6), (7, 3)];
    for (report, boss) in manages {
        let one = okta.get(&path(&app, &answer, report)).await.expect(200);
        assert_eq!(manager(&one), id(&path(&app, &answer, boss)), "{report}");
        assert_eq!(one.body[ENTERPRISE]["department"], json!("Sales"));
        let version = answer.body["Operations"][report]["version"].as_str();
        assert_eq!(version, one.header("etag"));
        // Nothing reads as a reference.
        assert!(!one.text.contains("bulkId"), "{}", one.text);
    }
    let all = okta.get(&path(&app, &answer, 0)).await;
    assert_eq!(all.body["members"].as_array().unwrap().len(), 3);
}

// checklist: 155, 156
#[actix_web::test]
async fn a_reference_to_what_was_not_made_is_a_conflict_and_never_a_text() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    okta.create_user("taken").await;
    let answer = bulk(
        &okta,
        json!([
            user("taken"),
            group("g", &["bulkId:taken"]),
            report("r", "taken"),
            report("nobody", "nowhere"),
            patch("/Users/bulkId:taken", json!([{"op": "add", "path": "title", "value": "x"}])),
            // A circle of which one cannot be made.
            report("one", "two"),
            {"method": "POST", "path": "/Users", "bulkId": "two", "data": {"schemas": [USER], "userName": "taken",
                ENTERPRISE: {"manager": {"value": "bulkId:one"}}}},
            user("fine"),
        ]),
    )
    .await
    .expect(200);
    assert_eq!(
        statuses(&answer),
        ["409", "409", "409", "400", "409", "409", "409", "201"],
        "{}",
        answer.text
    );
    let operations = answer.body["Operations"].as_array().unwrap();
    let scim_type = |i: usize| operations[i]["response"]["scimType"].as_str();
    assert_eq!(scim_type(0), Some("uniqueness"));
    assert_eq!(scim_type(3), Some("invalidValue"));
    assert_eq!(scim_type(1), None);
    assert!(
        operations[1]["response"]["detail"]
            .as_str()
            .unwrap()
            .contains("bulkId:taken")
    );
    assert_eq!(okta.get("/Groups").await.total(), 0);
    let stored = crate::support::dump(&app.database);
    assert!(!stored.contains("bulkId"), "a reference was stored");
    // Whoever stands in a circle with what could not be made may be there; then the answer says where.
    let there = okta.filter("/Users", "userName eq \"one\"").await.total() == 1;
    assert_eq!(there, operations[5]["location"].is_string());
}

// checklist: 157
#[actix_web::test]
async fn after_the_errors_that_are_accepted_nothing_more_is_begun() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let send = async |most: u64, prefix: &str| {
        let bad = json!({"method": "DELETE", "path": "/Users/nobody"});
        let named = |i: u64| user(&format!("{prefix}{i}"));
        let operations = json!([
            named(0),
            bad,
            named(1),
            named(2),
            bad,
            named(3),
            bad,
            named(4)
        ]);
        let body = json!({"schemas": [REQUEST], "failOnErrors": most, "Operations": operations});
        let answer = okta.post("/Bulk", body).await.expect(200);
        let filter = format!("userName sw \"{prefix}\"");
        (
            statuses(&answer).join(" "),
            okta.filter("/Users", &filter).await.total(),
        )
    };
    assert_eq!(send(1, "a").await, ("201 404".to_owned(), 1));
    assert_eq!(send(2, "b").await, ("201 404 201 201 404".to_owned(), 3));
    let all = "201 404 201 201 404 201 404 201".to_owned();
    assert_eq!(send(4, "c").await, (all, 5));
    // With more that may fail than there are errors, many run at once, and still none runs past the last one.
    let mut operations: Vec<Value> = (0..60).map(|i| user(&format!("d{i}"))).collect();
    operations.extend((0..20).map(|_| user("d0")).enumerate().map(|(i, mut o)| {
        o["bulkId"] = json!(format!("again{i}"));
        o
    }));
    operations.extend((60..70).map(|i| user(&format!("d{i}"))));
    let body = json!({"schemas": [REQUEST], "failOnErrors": 20, "Operations": operations});
    let answer = okta.post("/Bulk", body).await.expect(200);
    assert_eq!(statuses(&answer).len(), 80, "{}", answer.text);
    assert_eq!(okta.filter("/Users", "userName sw \"d\"").await.total(), 60);
}

// checklist: 154, 157, 158
#[actix_web::test]
async fn a_bad_operation_harms_no_neighbour() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let ann = okta.create_user("ann@x.test").await.id();
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let post = |data: &str| {
        format!(
            r#"{{"method":"POST","path":"/Users","bulkId":"{}","data":{data}}}"#,
            data.len()
        )
    };
    let schemas = format!(r#""schemas":["{USER}"]"#);
    let bad = [
        (post(&deep), 400),
        (
            post(&format!(r#"{{{schemas},"userName":"a","username":"b"}}"#)),
            400,
        ),
        (
            post(&format!(r#"{{{schemas},"userName":"a\u0000b"}}"#)),
            400,
        ),
        (post(&format!(r#"{{{schemas},"userName":"\ud800"}}"#)), 400),
        (post(&format!(r#"{{{schemas}}}"#)), 400),
        (
            post(&format!(r#"{{{schemas},"userName":"ann@x.test"}}"#)),
            409,
        ),
        (post("7"), 400),
        (post(&format!(r#"{{"name":{{"bulkId:x":{deep}}}}}"#)), 400),
        ("[1]".to_owned(), 400),
        ("null".to_owned(), 400),
        (
            r#"{"method":"DELETE","path":"/Users/a","PATH":"/Users/b"}"#.to_owned(),
            400,
        ),
        (r#"{"method":"GET","path":"/Users"}"#.to_owned(), 400),
        (
            r#"{"method":"POST","path":"/Users","data":{}}"#.to_owned(),
            400,
        ),
        (
            r#"{"method":"PUT","path":"/Users","data":{}}"#.to_owned(),
            405,
        ),
        (r#"{"method":"DELETE","path":"/Groups"}"#.to_owned(), 405),
        (
            r#"{"method":"POST","path":"/Users/.search","bulkId":"s","data":{}}"#.to_owned(),
            405,
        ),
        (
            r#"{"method":"POST","path":"/Bulk","bulkId":"t","data":{}}"#.to_owned(),
            404,
        ),
        (
            r#"{"method":"POST","path":"/.search","bulkId":"u","data":{}}"#.to_owned(),
            404,
        ),
        (r#"{"method":"DELETE","path":"/Me"}"#.to_owned(), 404),
        (r#"{"method":"DELETE","path":"/Nope/1"}"#.to_owned(), 404),
        (
            r#"{"method":"DELETE","path":"/AuditEvents/1-1"}"#.to_owned(),
            405,
        ),
        (r#"{"method":"DELETE","path":"/Users/%00"}"#.to_owned(), 404),
        (
            r#"{"method":"DELETE","path":"/Users/a\u0000"}"#.to_owned(),
            400,
        ),
        (r#"{"method":"DELETE","path":"/Users/%FF"}"#.to_owned(), 404),
        (r#"{"method":"DELETE","path":"/Users/a b"}"#.to_owned(), 404),
        (
            r#"{"method":"DELETE","path":"/Users/../Groups/1"}"#.to_owned(),
            404,
        ),
        (
            r#"{"method":"DELETE","path":"https://x.test/scim/v2/Users/1"}"#.to_owned(),
            404,
        ),
        (
            format!(r#"{{"method":"PATCH","path":"/Users/{ann}","data":{{}}}}"#),
            400,
        ),
        (
            format!(r#"{{"method":"PUT","path":"/Users/{ann}","data":[]}}"#),
            400,
        ),
    ];
    let mut operations = Vec::new();
    for (i, (text, _)) in bad.iter().enumerate() {
        operations.push(user(&format!("n{i}")).to_string());
        operations.push(text.clone());
    }
    let body = format!(
        r#"{{"schemas":["{REQUEST}"],"Operations":[{}]}}"#,
        operations.join(",")
    );
    let answer = okta
        .raw(
            "POST",
            "/scim/v2/Bulk",
            "application/scim+json",
            body.into_bytes(),
        )
        .await
        .expect(200);
    let answers = answer.body["Operations"].as_array().unwrap();
    assert_eq!(answers.len(), bad.len() * 2);
    for (pair, (text, status)) in answers.chunks(2).zip(&bad) {
        let shown: String = text.chars().take(100).collect();
        assert_eq!(
            pair[0]["status"],
            json!("201"),
            "before {shown}: {}",
            pair[0]
        );
        assert_eq!(
            pair[1]["status"],
            json!(status.to_string()),
            "{shown}: {}",
            pair[1]
        );
        assert_eq!(pair[1]["response"]["status"], pair[1]["status"], "{shown}");
        let detail = pair[1]["response"]["detail"].as_str().unwrap();
        assert!(
            detail.len() > 10 && detail.len() < 1_000,
            "{shown}: {detail}"
        );
    }
    assert_eq!(
        okta.get("/Users?count=0").await.total(),
        1 + bad.len() as i64
    );
    assert_eq!(app.verify().await.faults, []);
}

// checklist: 159
#[actix_web::test]
async fn a_request_that_is_too_large_or_none_does_nothing() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let config = okta.get("/ServiceProviderConfig").await.expect(200).body;
    assert_eq!(config["bulk"]["supported"], json!(true));
    let limit = |name: &str| usize::try_from(config["bulk"][name].as_u64().unwrap()).unwrap();
    let (operations, payload) = (limit("maxOperations"), limit("maxPayloadSize"));
    let many = |count: usize| {
        let each = (0..count).map(|i| user(&format!("n{i}")));
        json!({"schemas": [REQUEST], "Operations": each.collect::<Value>()}).to_string()
    };
    let raw = async |body: String| {
        okta.raw(
            "POST",
            "/scim/v2/Bulk",
            "application/scim+json",
            body.into_bytes(),
        )
        .await
    };
    let refused = raw(many(operations + 1)).await.expect(413);
    let named = format!("maxOperations ({operations})");
    assert!(refused.text.contains(&named), "{}", refused.text);
    let room = payload - many(1).len();
    let refused = raw(many(1) + &" ".repeat(room + 1)).await.expect(413);
    let named = format!("maxPayloadSize ({payload} bytes)");
    assert!(refused.text.contains(&named), "{}", refused.text);
    for body in ["", "{}", "[]", "{", "\u{feff}{}"] {
        raw(body.to_owned()).await.expect(400);
    }
    let mut twice = many(1);
    twice.insert_str(1, r#""operations":[],"#);
    raw(twice).await.expect(400);
    assert_eq!(okta.get("/Users").await.total(), 0);
    raw(many(1) + &" ".repeat(room)).await.expect(200);
    let most = raw(many(operations)).await.expect(200);
    assert_eq!(statuses(&most).len(), operations);
    assert_eq!(okta.get("/Users?count=0").await.total(), operations as i64);
}

// checklist: 62, 158
#[actix_web::test]
async fn another_tenants_resources_are_not_there() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let ann = okta.create_user("ann@x.test").await.id();
    let sales = json!({"schemas": [GROUP], "displayName": "Sales", "members": [{"value": ann}]});
    let sales = okta.post("/Groups", sales).await.id();
    let (ann_path, sales_path) = (format!("/Users/{ann}"), format!("/Groups/{sales}"));
    let before = (
        okta.get(&ann_path).await.text,
        okta.get(&sales_path).await.text,
    );
    let other = app.tenant("other").await;
    let spy = app
        .source_of(&other, Preset::Generic, JoinerPolicy::Grant)
        .await;
    let rename = json!([{"op": "replace", "path": "displayName", "value": "stolen"}]);
    let put = |path: &str, data: Value| json!({"method": "PUT", "path": path, "data": data});
    let answer = bulk(
        &spy,
        json!([
            patch(&ann_path, rename.clone()),
            patch(&sales_path, rename),
            put(&ann_path, person("stolen")),
            put(&sales_path, json!({"schemas": [GROUP], "displayName": "stolen"})),
            {"method": "DELETE", "path": ann_path},
            {"method": "DELETE", "path": sales_path},
            group("mine", &[&ann]),
            user("ann@x.test"),
        ]),
    )
    .await
    .expect(200);
    let want = ["404", "404", "404", "404", "404", "404", "400", "201"];
    assert_eq!(statuses(&answer), want, "{}", answer.text);
    let after = (
        okta.get(&ann_path).await.text,
        okta.get(&sales_path).await.text,
    );
    assert_eq!(after, before);
    // A token that may not write cannot do it by this door either.
    let reader = app.role(&app.tenant, Role::TenantAdmin).await;
    bulk(&reader, json!([user("x")])).await.expect(403);
}

// checklist: 160
#[actix_web::test]
async fn operations_have_the_effect_they_would_have_one_after_the_other() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let ann = okta.create_user("ann@x.test").await;
    let one = format!("/Users/{}", ann.id());
    let version = ann.header("etag").unwrap();
    let title = |text: &str, version: &str| {
        let mut operation = patch(&one, json!([{"op": "add", "path": "title", "value": text}]));
        operation["version"] = json!(version);
        operation
    };
    // The condition is of the request as a whole; operations have their own.
    let answer = bulk(
        &okta.header("if-match", "W/\"99\"").header("if-none-match", "*"),
        json!([
            title("first", version),
            title("never", version),
            title("second", "W/\"2\""),
            {"method": "put", "path": one, "data": person("renamed@x.test")},
            user("ann@x.test"),
            user("renamed@x.test"),
            {"method": "DELETE", "path": one, "version": "W/\"1\""},
            {"method": "DELETE", "path": one},
            {"method": "DELETE", "path": one},
            {"method": "POST", "path": "/Users", "bulkId": "again", "data": {"schemas": [USER], "userName": "renamed@x.test"}},
            {"method": "PUT", "path": one, "data": person("x")},
        ]),
    )
    .await
    .expect(200);
    let want = [
        "200", "412", "200", "200", "201", "409", "412", "204", "404", "201", "200",
    ];
    assert_eq!(statuses(&answer), want, "{}", answer.text);
    let operations = answer.body["Operations"].as_array().unwrap();
    assert_eq!(operations[3]["method"], json!("PUT"));
    for (i, operation) in operations.iter().enumerate() {
        // All but a failed POST say where.
        assert_eq!(operation["location"].is_string(), i != 5, "{operation}");
    }
}

// checklist: 160
#[actix_web::test]
async fn many_changes_of_one_resource_are_made_in_their_order() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let one = format!("/Users/{}", okta.create_user("ann@x.test").await.id());
    let title = |i: usize| json!([{"op": "add", "path": "title", "value": format!("t{i}")}]);
    let answer = bulk(&okta, (0..100).map(|i| patch(&one, title(i))).collect()).await;
    let operations = answer.body["Operations"].as_array().unwrap();
    for (i, operation) in operations.iter().enumerate() {
        assert_eq!(operation["version"], json!(format!("W/\"{}\"", i + 2)));
    }
    assert_eq!(okta.get(&one).await.body["title"], json!("t99"));
}

// checklist: 160
#[actix_web::test]
async fn a_change_of_many_members_is_done_before_the_next_one_of_the_same_group() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Entra).await;
    fill(&app.database, app.tenant.tenant.as_str(), 1_500, 2);
    let sales = format!("/Groups/{}", filled(1));
    let members = |numbers: std::ops::Range<usize>| -> Value {
        numbers.map(|i| json!({"value": filled(i)})).collect()
    };
    let change =
        |op: &str, numbers| json!([{"op": op, "path": "members", "value": members(numbers)}]);
    let put = json!({"schemas": [GROUP], "displayName": "g1", "members": members(5..6)});
    let hold = async |want: std::ops::Range<usize>, operations: Value| {
        let answer = bulk(&okta, operations).await.expect(200);
        assert!(
            statuses(&answer).iter().all(|s| s.starts_with('2')),
            "{}",
            answer.text
        );
        let group = okta.get(&sales).await.expect(200);
        let all = group.body["members"].as_array().unwrap();
        let mut ids: Vec<&str> = all.iter().map(|m| m["value"].as_str().unwrap()).collect();
        ids.sort_unstable();
        let want: Vec<String> = want.map(filled).collect();
        assert!(ids == want, "{} members, {} wanted", ids.len(), want.len());
    };
    // Each of the small ones would be done first, and in vain, if it did not wait.
    hold(
        1..1_201,
        json!([
            patch(&sales, change("add", 1..1_401)),
            patch(&sales, change("remove", 1_201..1_401)),
        ]),
    )
    .await;
    hold(
        5..8,
        json!([
            {"method": "PUT", "path": sales, "data": put}, patch(&sales, change("add", 6..8)),
        ]),
    )
    .await;
    hold(
        1..3,
        json!([
            patch(&sales, change("add", 1..1_201)),
            patch(&sales, json!([{"op": "remove", "path": "members"}])),
            patch(&sales, change("add", 1..3)),
        ]),
    )
    .await;
    assert_eq!(app.verify().await.faults, []);
}

#[actix_web::test]
async fn every_member_that_is_added_is_in_the_group() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let sales = okta
        .post(
            "/Groups",
            json!({"schemas": [GROUP], "displayName": "Sales"}),
        )
        .await
        .id();
    let sales = format!("/Groups/{sales}");
    // Twenty clients at once, each with people and an operation for each that puts her into the same group.
    let each = (0..20).map(|client| {
        let (okta, sales) = (okta.clone(), sales.clone());
        async move {
            let names: Vec<String> = (0..10).map(|i| format!("c{client}-{i}@x.test")).collect();
            let join = |name: &String| {
                let member = json!([{"value": format!("bulkId:{name}")}]);
                patch(
                    &sales,
                    json!([{"op": "add", "path": "members", "value": member}]),
                )
            };
            let operations = names.iter().map(join).chain(names.iter().map(|n| user(n)));
            bulk(&okta, operations.collect()).await.expect(200)
        }
    });
    let answers = futures_util::future::join_all(each).await;
    let mut want = Vec::new();
    for answer in &answers {
        let wanted: Vec<&str> = [["200"; 10], ["201"; 10]].concat();
        assert_eq!(statuses(answer), wanted, "{}", answer.text);
        want.extend((10..20).map(|i| id(&path(&app, answer, i)).to_owned()));
    }
    let sales = okta.get(&sales).await.expect(200);
    let members = sales.body["members"].as_array().unwrap().iter();
    let mut members: Vec<&str> = members.map(|m| m["value"].as_str().unwrap()).collect();
    members.sort_unstable();
    want.sort_unstable();
    assert_eq!(members, want);
    assert_eq!(app.verify().await.faults, []);
}

#[actix_web::test]
async fn the_journal_names_the_request_as_the_cause_of_all_of_it() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let answer = bulk(
        &okta,
        json!([
            report("a", "b"),
            report("b", "a"),
            group("g", &["bulkId:a"])
        ]),
    )
    .await
    .expect(200);
    let request = answer.header("x-request-id").unwrap();
    let auditor = app.role(&app.tenant, Role::Auditor).await;
    let events = auditor.get("/AuditEvents?count=100").await.expect(200);
    let of_request = events.resources().iter().filter(|e| {
        e["cause"]["id"]
            .as_str()
            .unwrap()
            .ends_with(&format!("/{request}"))
    });
    let mut actions: Vec<&str> = of_request.map(|e| e["action"].as_str().unwrap()).collect();
    actions.sort_unstable();
    let want = [
        "access.granted",
        "access.granted",
        "group.created",
        "group.member_added",
        "user.created",
        "user.created",
        "user.updated",
    ];
    assert_eq!(actions, want);
}
