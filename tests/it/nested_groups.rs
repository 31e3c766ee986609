//! Groups in groups: members of type Group, who is in a group by way of another, and what keeps them from standing in a
//! circle.

mod large;

use std::collections::BTreeSet;

use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::roles::Role;
use rosterd::scim::rules::Preset;
use rosterd::storage::connection::AnyConnection;
use serde_json::{Value, json};

use crate::support::bulk::{fill, id};
use crate::support::{Answer, Client, GROUP, TestApp, execute, lines};

fn at(group: &str) -> String {
    format!("/Groups/{group}")
}

fn body(name: &str, members: &[&str]) -> Value {
    let members: Vec<Value> = members.iter().map(|id| json!({"value": id})).collect();
    json!({"schemas": [GROUP], "displayName": name, "members": members})
}

async fn group(client: &Client, name: &str, members: &[&str]) -> String {
    let made = client.post("/Groups", body(name, members)).await;
    made.expect(201).id()
}

async fn add(client: &Client, group: &str, member: &str) -> Answer {
    let member = json!([{"op": "add", "path": "members", "value": [{"value": member}]}]);
    client.patch(&at(group), member).await
}

async fn take_out(client: &Client, group: &str, member: &str) {
    let path = format!("members[value eq \"{member}\"]");
    let change = json!([{"op": "remove", "path": path}]);
    client.patch(&at(group), change).await.expect(204);
}

/// Name and type of each element of a list of references, in order of the names.
fn named(list: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let each = list.as_array().into_iter().flatten();
    let mut found: Vec<_> = each
        .map(|item| (text(&item["display"]), text(&item["type"])))
        .collect();
    found.sort();
    found
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter()
        .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
        .collect()
}

async fn groups_of(client: &Client, user: &str) -> Vec<(String, String)> {
    let user = client.get(&format!("/Users/{user}")).await.expect(200);
    named(&user.body["groups"])
}

async fn members_of(client: &Client, group: &str) -> Vec<(String, String)> {
    named(&client.get(&at(group)).await.expect(200).body["members"])
}

/// What the journal says of the members of a group: action, object.
fn told(conn: &mut AnyConnection, group: &str) -> Vec<String> {
    lines(
        conn,
        &format!(
            "SELECT action || ' ' || object_kind || ' ' || object_id AS line FROM journal WHERE subject_id = '{group}' \
             AND action LIKE 'group.member\\_%' ESCAPE '\\' ORDER BY sequence"
        ),
    )
}

// checklist: 43, 44, 45
#[actix_web::test]
async fn a_member_may_be_a_group_and_its_members_are_in_the_outer_one_indirectly() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let ann = okta.create_user("ann").await.id();
    let bob = okta.create_user("bob").await.id();
    let eve = okta.create_user("eve").await.id();
    let inner = group(&okta, "inner", &[&ann]).await;
    let outer = json!({"schemas": [GROUP], "displayName": "outer",
        "members": [{"value": inner, "type": "group", "display": "x", "$ref": "x"}, {"value": bob, "type": "User"}]});
    let outer = okta.post("/Groups", outer).await.expect(201);
    let nested = outer.body["members"].as_array().unwrap().iter();
    let nested: Vec<&Value> = nested.filter(|m| m["type"] == "Group").collect();
    let place = format!("{}/scim/v2/Groups/{inner}", app.base);
    assert_eq!(
        nested,
        [&json!({"value": inner, "type": "Group", "display": "inner", "$ref": place})]
    );
    okta.get(&at(&inner)).await.expect(200);
    let outer = outer.id();
    let top = group(&okta, "top", &[&outer]).await;
    assert_eq!(
        members_of(&okta, &outer).await,
        pairs(&[("Display bob", "User"), ("inner", "Group")])
    );
    let of_ann = pairs(&[
        ("inner", "direct"),
        ("outer", "indirect"),
        ("top", "indirect"),
    ]);
    let of_bob = pairs(&[("outer", "direct"), ("top", "indirect")]);
    assert_eq!(groups_of(&okta, &ann).await, of_ann);
    assert_eq!(groups_of(&okta, &bob).await, of_bob);
    let page = okta.get("/Users?sortBy=userName").await.expect(200);
    let of_page: Vec<_> = page
        .resources()
        .iter()
        .map(|user| named(&user["groups"]))
        .collect();
    assert_eq!(of_page, [of_ann.clone(), of_bob, vec![]]);
    let item = &page.resources()[0]["groups"][0];
    let place = format!("{}/scim/v2/Groups/", app.base);
    assert!(item["$ref"].as_str().unwrap().starts_with(&place), "{item}");
    // Twice in one group is once, and directly; neither changes the user.
    let version = page.resources()[0]["meta"]["version"].clone();
    add(&okta, &top, &ann).await.expect(204);
    add(&okta, &top, &ann).await.expect(204);
    let twice = pairs(&[
        ("inner", "direct"),
        ("outer", "indirect"),
        ("top", "direct"),
    ]);
    assert_eq!(groups_of(&okta, &ann).await, twice);
    let again = okta.get(&format!("/Users/{ann}")).await;
    assert_eq!(again.body["meta"]["version"], version);
    let stood = okta.get(&at(&top)).await;
    assert_eq!(stood.header("etag"), Some("W/\"2\""), "one change");
    take_out(&okta, &top, &ann).await;
    assert_eq!(groups_of(&okta, &ann).await, of_ann);
    // Two ways to one group.
    let side = group(&okta, "side", &[&inner]).await;
    add(&okta, &top, &side).await.expect(204);
    add(&okta, &side, &eve).await.expect(204);
    assert_eq!(
        groups_of(&okta, &eve).await,
        pairs(&[("side", "direct"), ("top", "indirect")])
    );
    assert_eq!(groups_of(&okta, &ann).await.len(), 4);
    // What the inner group is called is its own business; what is in it shows outside at once.
    take_out(&okta, &inner, &ann).await;
    assert_eq!(groups_of(&okta, &ann).await, []);
    take_out(&okta, &outer, &inner).await;
    assert_eq!(
        members_of(&okta, &outer).await,
        pairs(&[("Display bob", "User")])
    );
    let mut conn = app.database.connect();
    let of_outer = told(&mut conn, &outer);
    let want: BTreeSet<String> = [
        format!("group.member_added group {inner}"),
        format!("group.member_added user {bob}"),
    ]
    .into();
    assert_eq!(BTreeSet::from_iter(of_outer[..2].to_vec()), want);
    assert_eq!(
        of_outer[2..],
        [format!("group.member_removed group {inner}")]
    );
    let auditor = app.role(&app.tenant, Role::Auditor).await;
    let found = format!("object.kind eq \"group\" and object.id eq \"{inner}\"");
    assert_eq!(auditor.filter("/AuditEvents", &found).await.total(), 3);
    assert!(app.verify().await.faults.is_empty());
}

// checklist: 44
#[actix_web::test]
async fn the_type_of_a_member_must_be_what_it_is() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let ann = okta.create_user("ann").await.id();
    let inner = group(&okta, "inner", &[]).await;
    let outer = group(&okta, "outer", &[]).await;
    for (value, kind, is) in [(&ann, "GROUP", "User"), (&inner, "User", "Group")] {
        let member = json!([{"value": value, "type": kind}]);
        let change = json!([{"op": "add", "path": "members", "value": member}]);
        let refused = okta.patch(&at(&outer), change).await.expect(400);
        assert_eq!(refused.scim_type(), "invalidValue");
        let want = format!("`{value}` is a {is}");
        assert!(refused.text.contains(&want), "{}", refused.text);
        let whole = json!({"schemas": [GROUP], "displayName": "outer", "members": member});
        okta.put(&at(&outer), whole.clone()).await.expect(400);
        let mut other = whole;
        other["displayName"] = json!("other");
        okta.post("/Groups", other).await.expect(400);
    }
    assert_eq!(okta.get("/Groups").await.total(), 2);
    // Words that name neither are nothing to go by.
    let words = json!([{"value": ann, "type": "direct"}, {"value": inner, "type": null}]);
    let change = json!([{"op": "add", "path": "members", "value": words}]);
    okta.patch(&at(&outer), change).await.expect(204);
    let nobody =
        json!([{"op": "add", "path": "members", "value": [{"value": "nobody", "type": "Group"}]}]);
    let refused = okta.patch(&at(&outer), nobody).await.expect(400);
    assert!(refused.text.contains("nobody"), "{}", refused.text);
    let other = app.tenant("other").await;
    let stranger = app
        .source_of(&other, Preset::Okta, JoinerPolicy::Grant)
        .await;
    let foreign = group(&stranger, "foreign", &[]).await;
    let refused = add(&okta, &outer, &foreign).await.expect(400);
    assert!(refused.text.contains("no group"), "{}", refused.text);
}

// checklist: 45
#[actix_web::test]
async fn groups_never_stand_in_a_circle_whatever_they_are_written_by() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let c = group(&okta, "C", &[]).await;
    let b = group(&okta, "B", &[&c]).await;
    let a = group(&okta, "A", &[&b]).await;
    let refuse = |answer: Answer, names: &[&str]| {
        let answer = answer.expect(400);
        assert_eq!(answer.scim_type(), "invalidValue");
        for name in names {
            assert!(answer.text.contains(name), "{name}: {}", answer.text);
        }
    };
    for (outer, inner, names) in [
        (&c, &a, ["`C`", "`A`"]),
        (&c, &b, ["`C`", "`B`"]),
        (&b, &a, ["`B`", "`A`"]),
        (&b, &b, ["`B`", "its own"]),
    ] {
        refuse(add(&okta, outer, inner).await, &names);
        let put = okta.put(&at(outer), body("other", &[inner])).await;
        refuse(put, &names[1..]);
        let without_path = json!([{"op": "replace", "value": {"members": [{"value": inner}]}}]);
        refuse(okta.patch(&at(outer), without_path).await, &names);
        let bulk = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
            "Operations": [{"method": "PUT", "path": at(outer), "data": body("other", &[inner])}]});
        let bulk = okta.post("/Bulk", bulk).await.expect(200);
        assert_eq!(bulk.body["Operations"][0]["status"], "400", "{}", bulk.text);
    }
    assert_eq!(members_of(&okta, &c).await, []);
    assert_eq!(okta.get(&at(&c)).await.body["displayName"], "C");
    // In a circle of new groups that a bulk request asks for, the last link is refused.
    let new = |name: &str, other: &str| {
        json!({"method": "POST", "path": "/Groups", "bulkId": name,
        "data": body(name, &[&format!("bulkId:{other}")])})
    };
    let bulk = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [new("x", "y"), new("y", "z"), new("z", "x")]});
    let bulk = okta.post("/Bulk", bulk).await.expect(200);
    let failed = bulk.body["Operations"].as_array().unwrap().iter();
    let failed = failed.filter(|o| o["status"] == "400").count();
    assert_eq!(failed, 1, "{}", bulk.text);
    // What is taken out in the same request stands in nobody's way, and the other way round is free afterwards.
    take_out(&okta, &a, &b).await;
    add(&okta, &c, &a).await.expect(204);
    assert_eq!(members_of(&okta, &c).await, pairs(&[("A", "Group")]));
    let refused = add(&okta, &a, &b).await;
    refuse(refused, &["`A`", "`B`"]);
    assert!(app.verify().await.faults.is_empty());
}

// checklist: 45, 166
#[actix_web::test]
async fn of_writes_at_once_that_would_close_a_circle_one_is_refused() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    for (round, size) in [2, 2, 2, 2, 5, 5].into_iter().enumerate() {
        let mut ring = Vec::new();
        for i in 0..size {
            ring.push(group(&okta, &format!("r{round}-{i}"), &[]).await);
        }
        let each = (0..size).map(|i| {
            let (okta, outer) = (okta.clone(), ring[i].clone());
            let inner = ring[(i + 1) % size].clone();
            async move { add(&okta, &outer, &inner).await.status }
        });
        let mut done = futures_util::future::join_all(each).await;
        done.sort_unstable();
        let mut want = vec![204; size - 1];
        want.push(400);
        assert_eq!(done, want);
    }
}

#[actix_web::test]
async fn a_connection_sees_no_member_and_no_way_through_a_group_that_it_does_not_see() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let entra = app.source(Preset::Entra).await;
    let ann = okta.create_user("ann").await.id();
    let shared = group(&okta, "shared", &[]).await;
    let theirs = group(&okta, "theirs", &[&ann]).await;
    add(&okta, &shared, &theirs).await.expect(204);
    let mut conn = app.database.connect();
    execute(
        &mut conn,
        &format!("UPDATE \"groups\" SET managed_by = NULL WHERE id = '{shared}'"),
    );
    // It may not name what it does not see, either.
    let refused = add(&entra, &shared, &theirs).await.expect(400);
    assert!(refused.text.contains("no group"), "{}", refused.text);
    assert_eq!(members_of(&entra, &shared).await, []);
    assert_eq!(groups_of(&entra, &ann).await, []);
    assert_eq!(
        groups_of(&okta, &ann).await,
        pairs(&[("shared", "indirect"), ("theirs", "direct")])
    );
    let admin = app.role(&app.tenant, Role::TenantAdmin).await;
    assert_eq!(groups_of(&admin, &ann).await.len(), 2);
    for (filter, sees, does_not) in [
        (format!("members.value eq \"{theirs}\""), &okta, &entra),
        ("members[type eq \"Group\"]".to_owned(), &okta, &entra),
        ("members pr".to_owned(), &okta, &entra),
    ] {
        let both = format!("id eq \"{shared}\" and {filter}");
        assert_eq!(sees.filter("/Groups", &both).await.total(), 1, "{filter}");
        assert_eq!(
            does_not.filter("/Groups", &both).await.total(),
            0,
            "{filter}"
        );
    }
    let is_in = format!("groups.value eq \"{shared}\"");
    assert_eq!(okta.filter("/Users", &is_in).await.ids(), [ann]);
    assert_eq!(entra.filter("/Users", &is_in).await.total(), 0);
}

// checklist: 50
#[actix_web::test]
async fn a_deleted_group_leaves_the_groups_that_it_was_in() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    fill(&app.database, app.tenant.tenant.as_str(), 5, 5);
    let mut conn = app.database.connect();
    // All of 450 groups contain it: more than one operation may change.
    let inner = group(&okta, "inner", &[]).await;
    let tenant = app.tenant.tenant.as_str();
    execute(
        &mut conn,
        &format!(
            "INSERT INTO memberships (tenant, group_id, generation, user_id, member_type) \
             SELECT tenant, id, generation, '{inner}', 'Group' FROM \"groups\" WHERE tenant = '{tenant}' \
             AND id > '{}' AND id <> '{inner}'",
            id(50)
        ),
    );
    let rows = format!("SELECT group_id AS line FROM memberships WHERE user_id = '{inner}'");
    assert_eq!(lines(&mut conn, &rows).len(), 450);
    let stale = okta.header("if-match", "W/\"7\"");
    stale.delete(&at(&inner)).await.expect(412);
    okta.delete(&at(&inner)).await.expect(204);
    okta.get(&at(&inner)).await.expect(404);
    assert_eq!(lines(&mut conn, &rows).len(), 0);
    let outer = okta.get(&at(&id(60))).await.expect(200);
    assert_eq!(outer.header("etag"), Some("W/\"2\""));
    assert_eq!(
        told(&mut conn, &id(60)),
        [format!("group.member_removed group {inner}")]
    );
    let reasons =
        "SELECT DISTINCT reason AS line FROM journal WHERE action = 'group.member_removed'";
    assert_eq!(lines(&mut conn, reasons), ["deleted-by-source"]);
    // A group that contains others is deleted without them.
    let child = group(&okta, "child", &[]).await;
    let parent = group(&okta, "parent", &[&child]).await;
    okta.delete(&at(&parent)).await.expect(204);
    okta.get(&at(&child)).await.expect(200);
    let again = group(&okta, "again", &[&child]).await;
    assert_eq!(
        members_of(&okta, &again).await,
        pairs(&[("child", "Group")])
    );
    assert!(app.verify().await.faults.is_empty());
}

#[actix_web::test]
async fn who_wants_no_groups_causes_no_look_at_memberships() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let ann = okta.create_user("ann").await.id();
    let inner = group(&okta, "inner", &[&ann]).await;
    group(&okta, "outer", &[&inner]).await;
    let only = format!("/Users/{ann}?attributes=groups.type,groups.display");
    let only = okta.get(&only).await.expect(200);
    assert_eq!(
        named(&only.body["groups"]),
        pairs(&[("inner", "direct"), ("outer", "indirect")])
    );
    assert_eq!(only.body["groups"][0].get("value"), None, "{}", only.text);
    let without = okta.get("/Groups?excludedAttributes=members.$ref").await;
    let shown = without.expect(200).resources().to_vec();
    assert!(shown.iter().all(|g| g["members"][0].get("$ref").is_none()));
    let mut conn = app.database.connect();
    execute(
        &mut conn,
        "ALTER TABLE memberships RENAME TO memberships_away",
    );
    for path in [
        format!("/Users/{ann}?excludedAttributes=groups"),
        format!("/Users/{ann}?attributes=userName"),
        "/Users?excludedAttributes=groups".to_owned(),
    ] {
        let answer = okta.get(&path).await.expect(200);
        assert!(!answer.text.contains("\"groups\""), "{}", answer.text);
    }
}

// checklist: 43, 45, 98
#[actix_web::test]
async fn filters_mean_the_groups_and_members_that_are_shown() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let ann = okta.create_user("ann").await.id();
    let bob = okta.create_user("bob").await.id();
    okta.create_user("eve").await;
    let inner = group(&okta, "Inner", &[&ann]).await;
    let outer = group(&okta, "Outer", &[&inner, &bob]).await;
    group(&okta, "Void", &[]).await;
    let found = async |path: &str, filter: &str| {
        let answer = okta.filter(path, filter).await.expect(200);
        let name = |r: &Value| {
            let name = r["userName"].as_str().or(r["displayName"].as_str());
            name.unwrap().to_owned()
        };
        let mut names: Vec<String> = answer.resources().iter().map(name).collect();
        names.sort();
        names
    };
    let users: [(String, &[&str]); 9] = [
        (format!("groups.value eq \"{outer}\""), &["ann", "bob"]),
        (format!("groups eq \"{inner}\""), &["ann"]),
        (format!("groups.value ne \"{outer}\""), &["ann", "eve"]),
        (format!("not (groups eq \"{outer}\")"), &["eve"]),
        ("groups.type eq \"indirect\"".to_owned(), &["ann"]),
        ("groups.type eq \"direct\"".to_owned(), &["ann", "bob"]),
        (
            format!("groups[value eq \"{outer}\" and type eq \"direct\"]"),
            &["bob"],
        ),
        (
            "groups[display eq \"OUTER\" and type eq \"indirect\"]".to_owned(),
            &["ann"],
        ),
        ("groups pr".to_owned(), &["ann", "bob"]),
    ];
    for (filter, want) in users {
        assert_eq!(found("/Users", &filter).await, want, "{filter}");
    }
    let groups: [(String, &[&str]); 9] = [
        (format!("members.value eq \"{inner}\""), &["Outer"]),
        (format!("members eq \"{ann}\""), &["Inner"]),
        ("members[type eq \"Group\"]".to_owned(), &["Outer"]),
        ("members.type eq \"user\"".to_owned(), &["Inner", "Outer"]),
        (
            format!("members[value eq \"{inner}\" and type eq \"User\"]"),
            &[],
        ),
        (
            format!("members[value eq \"{inner}\" and display sw \"inn\"]"),
            &["Outer"],
        ),
        (format!("members.value ne \"{ann}\""), &["Outer", "Void"]),
        ("members eq null".to_owned(), &["Void"]),
        ("members.$ref pr".to_owned(), &["Inner", "Outer"]),
    ];
    for (filter, want) in groups {
        assert_eq!(found("/Groups", &filter).await, want, "{filter}");
    }
}
