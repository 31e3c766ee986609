//! Rules of filters, each with its own case.

use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::roles::Role;
use rosterd::scim::rules::Preset;
use serde_json::{Value, json};

use crate::support::{Client, ENTERPRISE, GROUP, TestApp, USER, execute};

/// Which of these resources a filter finds, by name.
async fn found(client: &Client, path: &str, filter: &str) -> Vec<String> {
    let answer = client.filter(path, filter).await.expect(200);
    let name = |r: &Value| {
        let name = [&r["userName"], &r["displayName"]]
            .into_iter()
            .find_map(Value::as_str);
        name.unwrap().to_owned()
    };
    let mut names: Vec<String> = answer.resources().iter().map(name).collect();
    names.sort();
    names
}

async fn check(client: &Client, path: &str, cases: &[(&str, &[&str])]) {
    for (filter, want) in cases {
        assert_eq!(&found(client, path, filter).await, want, "{filter}");
    }
}

// checklist: 43, 98
#[actix_web::test]
async fn one_element_of_groups_or_members_satisfies_all_that_stands_in_brackets() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let ann = okta.create_user("ann").await.id();
    let bob = okta.create_user("bob").await.id();
    okta.create_user("eve").await;
    let group = |name: &str, members: &[&String]| {
        let members: Vec<Value> = members.iter().map(|id| json!({"value": id})).collect();
        json!({"schemas": [GROUP], "displayName": name, "members": members})
    };
    let red = okta
        .post("/Groups", group("Red", &[&ann, &bob]))
        .await
        .expect(201)
        .id();
    let blue = okta
        .post("/Groups", group("Blue", &[&bob]))
        .await
        .expect(201)
        .id();
    okta.post("/Groups", group("Void", &[])).await.expect(201);
    let users: [(String, &[&str]); 13] = [
        (
            format!("groups[value eq \"{red}\" and display eq \"red\"]"),
            &["ann", "bob"],
        ),
        (
            format!("groups[value eq \"{red}\" and display eq \"Blue\"]"),
            &[],
        ),
        (
            format!("groups[value eq \"{red}\" or value eq \"{blue}\"]"),
            &["ann", "bob"],
        ),
        (format!("groups[value ne \"{red}\"]"), &["bob"]),
        (format!("groups[not (value eq \"{red}\")]"), &["bob"]),
        (format!("groups.value ne \"{red}\""), &["bob", "eve"]),
        (format!("not (groups.value eq \"{red}\")"), &["eve"]),
        ("groups.type eq \"direct\"".to_owned(), &["ann", "bob"]),
        ("groups.display sw \"bl\"".to_owned(), &["bob"]),
        ("groups.display gt \"blue\"".to_owned(), &["ann", "bob"]),
        ("groups eq null".to_owned(), &["eve"]),
        ("groups.$ref pr".to_owned(), &["ann", "bob"]),
        ("groups[type eq null]".to_owned(), &[]),
    ];
    for (filter, want) in users {
        check(&okta, "/Users", &[(&filter, want)]).await;
    }
    let groups: [(String, &[&str]); 8] = [
        (
            format!("members[value eq \"{ann}\" or value eq \"{bob}\"]"),
            &["Blue", "Red"],
        ),
        (
            format!("members[value eq \"{ann}\" and type eq \"User\"]"),
            &["Red"],
        ),
        (
            format!("members[value eq \"{ann}\" and display eq \"display bob\"]"),
            &[],
        ),
        (format!("members[not (value eq \"{bob}\")]"), &["Red"]),
        (format!("members.value ne \"{bob}\""), &["Red", "Void"]),
        ("members.display eq \"display ANN\"".to_owned(), &["Red"]),
        ("members[type eq \"Group\"]".to_owned(), &[]),
        ("members eq null".to_owned(), &["Void"]),
    ];
    for (filter, want) in groups {
        check(&okta, "/Groups", &[(&filter, want)]).await;
    }
}

#[actix_web::test]
async fn nobody_is_found_by_a_reference_that_the_reader_does_not_see() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let lister = app
        .source_of(&app.tenant, Preset::Generic, JoinerPolicy::List)
        .await;
    let user = |name: &str| json!({"schemas": [USER], "userName": name, "active": true, "emails": [{"value": format!("{name}@x.test"), "type": "work"}]});
    let boss = lister.post("/Users", user("boss")).await.expect(201).id();
    let mut ann = user("ann");
    ann[ENTERPRISE] = json!({"manager": {"value": boss}});
    lister.post("/Users", ann).await.expect(201);
    let known = okta.post("/Users", user("ann")).await.expect(201);
    assert_eq!(known.body.get(ENTERPRISE), None);
    let group = json!({"schemas": [GROUP], "displayName": "Red", "members": [{"value": boss}]});
    lister.post("/Groups", group).await.expect(201);
    let mut conn = app.database.connect();
    execute(&mut conn, "UPDATE \"groups\" SET managed_by = NULL");
    let by_manager = format!("manager eq \"{boss}\"");
    let by_member = format!("members eq \"{boss}\"");
    let is_extended = format!("schemas eq \"{ENTERPRISE}\"");
    check(
        &lister,
        "/Users",
        &[(&by_manager, &["ann"]), (&is_extended, &["ann"])],
    )
    .await;
    check(
        &okta,
        "/Users",
        &[
            (&by_manager, &[]),
            (&is_extended, &[]),
            ("manager pr", &[]),
            ("manager eq null", &["ann"]),
            ("manager ne \"x\"", &["ann"]),
        ],
    )
    .await;
    check(&lister, "/Groups", &[(&by_member, &["Red"])]).await;
    check(
        &okta,
        "/Groups",
        &[
            (&by_member, &[]),
            ("members pr", &[]),
            ("members.value ne \"x\"", &["Red"]),
        ],
    )
    .await;
    // Under an id of its own the connection finds the member by that one only.
    execute(
        &mut conn,
        &format!("UPDATE claims SET scim_id = 'b-1' WHERE user_id = '{boss}'"),
    );
    check(
        &lister,
        "/Groups",
        &[("members eq \"b-1\"", &["Red"]), (&by_member, &[])],
    )
    .await;
    check(
        &app.role(&app.tenant, Role::App).await,
        "/Groups",
        &[(&by_member, &["Red"]), ("members eq \"b-1\"", &[])],
    )
    .await;
}

#[actix_web::test]
async fn an_address_is_found_under_every_spelling_that_the_user_has() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    // Whichever stands first is the one that has a row.
    for (name, spellings) in [
        ("ann", ["A@bücher.test", "a@xn--bcher-kva.test"]),
        ("bob", ["b@xn--bcher-kva.test", "B@BÜCHER.test"]),
    ] {
        let emails = spellings.map(|value| json!({"value": value, "type": "work"}));
        let user = json!({"schemas": [USER], "userName": name, "active": true, "emails": emails});
        okta.post("/Users", user).await.expect(201);
        for address in spellings {
            let plain = format!("emails.value eq \"{address}\"");
            let inside = format!("emails[type eq \"work\" and value eq \"{address}\"]");
            check(&okta, "/Users", &[(&plain, &[name]), (&inside, &[name])]).await;
        }
    }
}

#[actix_web::test]
async fn a_version_compares_as_it_is_returned_and_a_made_address_is_refused() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let ann = okta.create_user("ann").await;
    okta.create_user("bob").await;
    okta.patch(
        &format!("/Users/{}", ann.id()),
        json!([{"op": "add", "path": "title", "value": "Boss"}]),
    )
    .await
    .expect(200);
    let version =
        okta.get(&format!("/Users/{}", ann.id())).await.body["meta"]["version"].to_string();
    check(
        &okta,
        "/Users",
        &[
            (&format!("meta.version eq {version}"), &["ann"]),
            (&format!("meta.version ne {version}"), &["bob"]),
        ],
    )
    .await;
    for (path, filter) in [
        ("/Users", "meta.location co \"x\""),
        ("/Users", "groups.$ref eq \"x\""),
        ("/Groups", "members[$ref eq \"x\"]"),
    ] {
        let refused = okta.filter(path, filter).await.expect(400);
        assert_eq!(refused.scim_type(), "invalidFilter", "{filter}");
    }
}

#[actix_web::test]
async fn an_entry_without_changes_has_none_that_compare() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let auditor = app.role(&app.tenant, Role::Auditor).await;
    let ann = okta.create_user("ann").await.id();
    let group = json!({"schemas": [GROUP], "displayName": "Red", "members": [{"value": ann}]});
    okta.post("/Groups", group).await.expect(201);
    let count = async |filter: &str| {
        auditor
            .filter("/AuditEvents", filter)
            .await
            .expect(200)
            .total()
    };
    let all = count("id pr").await;
    let with = count("changes pr").await;
    assert!(0 < with && with < all, "{with} of {all}");
    assert_eq!(count("changes.path ne \"zz\"").await, all);
    assert_eq!(count("changes[path ne \"zz\"]").await, with);
    let before = count("changes.before pr").await;
    assert_eq!(count("changes.before eq null").await, all - before);
    assert_eq!(count("id eq \"1-2\"").await, 1);
    for id in ["1-02", "2-2", "1-2 ", "2", ""] {
        assert_eq!(count(&format!("id eq \"{id}\"")).await, 0, "{id}");
    }
}
