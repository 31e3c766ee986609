//! Groups and memberships.

use rosterd::scim::rules::Preset;
use serde_json::{Value, json};

use crate::support::{GROUP, TestApp};

fn member_ids(group: &Value) -> Vec<String> {
    let mut ids: Vec<String> = group["members"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|m| m["value"].as_str().unwrap().to_owned())
        .collect();
    ids.sort();
    ids
}

// checklist: 43, 129, 144
#[actix_web::test]
async fn members_come_and_go_in_every_spelling() {
    let app = TestApp::start().await;
    let entra = app.source(Preset::Entra).await;
    let mut people = Vec::new();
    for i in 0..4 {
        people.push(entra.create_user(&format!("m{i}@x.test")).await.id());
    }
    let group = entra.post("/Groups", json!({"schemas": [GROUP, "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
        "externalId": "g", "displayName": "Sales", "meta": {"resourceType": "Group"}})).await.expect(201);
    let path = format!("/Groups/{}", group.id());
    let steps = [
        (
            json!([{"op": "Add", "path": "members", "value": [{"$ref": null, "value": people[0]}]}]),
            vec![0],
        ),
        (
            json!([{"op": "Add", "path": "members", "value": [{"value": people[0]}, {"value": people[1]}]}]),
            vec![0, 1],
        ),
        (
            json!([{"op": "Remove", "path": "members", "value": [{"$ref": null, "value": people[0]}]}]),
            vec![1],
        ),
        (
            json!([{"op": "remove", "path": format!("members[value eq \"{}\"]", people[3])}]),
            vec![1],
        ),
        (
            json!([{"op": "remove", "path": format!("members[value eq \"{}\"]", people[1])}, {"op": "add", "path": "members", "value": [{"value": people[2]}]}]),
            vec![2],
        ),
        (
            json!([{"op": "replace", "value": {"id": group.id(), "displayName": "Sales 2"}}]),
            vec![2],
        ),
        (
            json!([{"op": "replace", "path": "members", "value": [{"value": people[0]}, {"value": people[3]}]}]),
            vec![0, 3],
        ),
        (
            json!([{"op": "replace", "value": {"members": [], "id": group.id(), "displayName": "Sales"}}]),
            vec![],
        ),
    ];
    for (operations, want) in steps {
        let answer = entra.patch(&path, operations.clone()).await.expect(204);
        assert!(answer.text.is_empty());
        let mut want: Vec<String> = want.into_iter().map(|i: usize| people[i].clone()).collect();
        want.sort();
        assert_eq!(
            member_ids(&entra.get(&path).await.body),
            want,
            "{operations}"
        );
    }
    entra
        .patch(
            &format!("{path}?attributes=displayName"),
            json!([{"op": "add", "path": "members", "value": [{"value": people[0]}]}]),
        )
        .await
        .expect(200);
    let user = entra.get(&format!("/Users/{}", people[0])).await;
    assert_eq!(user.body["groups"][0]["value"], json!(group.id()));
    assert_eq!(
        entra
            .filter(
                "/Groups",
                &format!("id eq \"{}\" and members eq \"{}\"", group.id(), people[0])
            )
            .await
            .total(),
        1
    );
    assert_eq!(
        entra
            .filter(
                "/Groups",
                &format!("id eq \"{}\" and members eq \"{}\"", group.id(), people[1])
            )
            .await
            .total(),
        0
    );
    let without = entra
        .get(&format!("{path}?excludedAttributes=members"))
        .await
        .expect(200);
    assert!(without.body.get("members").is_none());
    assert!(app.verify().await.faults.is_empty());
}

#[actix_web::test]
async fn an_unknown_member_is_refused_and_nothing_changes() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let known = okta.create_user("ann@x.test").await.id();
    let group = okta
        .post(
            "/Groups",
            json!({"schemas": [GROUP], "displayName": "Sales"}),
        )
        .await
        .expect(201);
    let path = format!("/Groups/{}", group.id());
    let operations =
        json!([{"op": "add", "path": "members", "value": [{"value": known}, {"value": "nobody"}]}]);
    let refused = okta.patch(&path, operations).await.expect(400);
    assert_eq!(refused.scim_type(), "invalidValue");
    assert!(refused.text.contains("nobody"), "{}", refused.text);
    assert_eq!(okta.get(&path).await.body["members"], json!([]));
    okta.post(
        "/Groups",
        json!({"schemas": [GROUP], "displayName": "B", "members": [{"value": "nobody"}]}),
    )
    .await
    .expect(400);
    assert_eq!(okta.get("/Groups").await.total(), 1);
}

#[actix_web::test]
async fn group_names_are_unique_among_what_the_source_sees() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let entra = app.source(Preset::Entra).await;
    let group = |name: &str| json!({"schemas": [GROUP], "displayName": name});
    let first = okta.post("/Groups", group("Sales")).await.expect(201);
    assert_eq!(
        okta.post("/Groups", group("SALES"))
            .await
            .expect(409)
            .scim_type(),
        "uniqueness"
    );
    // Another connection neither sees it nor collides with it.
    entra.post("/Groups", group("Sales")).await.expect(201);
    entra
        .get(&format!("/Groups/{}", first.id()))
        .await
        .expect(404);
    entra
        .delete(&format!("/Groups/{}", first.id()))
        .await
        .expect(404);
    assert_eq!(
        (
            okta.get("/Groups").await.total(),
            entra.get("/Groups").await.total()
        ),
        (1, 1)
    );
    okta.delete(&format!("/Groups/{}", first.id()))
        .await
        .expect(204);
    assert_eq!(okta.get("/Groups").await.total(), 0);
    okta.post("/Groups", group("Sales")).await.expect(201);
}

// checklist: 166
#[actix_web::test]
async fn twenty_clients_adding_different_members_lose_none() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let mut people = Vec::new();
    for i in 0..20 {
        people.push(okta.create_user(&format!("c{i}@x.test")).await.id());
    }
    let group = okta
        .post("/Groups", json!({"schemas": [GROUP], "displayName": "All"}))
        .await
        .expect(201);
    let path = format!("/Groups/{}", group.id());
    let each = people.iter().map(|id| {
        let (okta, path) = (okta.clone(), path.clone());
        async move {
            okta.patch(
                &path,
                json!([{"op": "add", "path": "members", "value": [{"value": id}]}]),
            )
            .await
            .expect(204)
        }
    });
    futures_util::future::join_all(each).await;
    people.sort();
    assert_eq!(member_ids(&okta.get(&path).await.body), people);
}

// checklist: 94, 95
#[actix_web::test]
async fn in_a_search_of_everything_an_attribute_that_a_type_lacks_has_no_value() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let ann = okta.create_user("ann@x.test").await.id();
    let bob = okta.create_user("bob@x.test").await.id();
    let sales = okta
        .post(
            "/Groups",
            json!({"schemas": [GROUP], "displayName": "Sales", "members": [{"value": ann}]}),
        )
        .await
        .expect(201)
        .id();
    let search = async |filter: &str| {
        let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": filter});
        okta.post("/.search", body).await
    };
    let cases = [
        ("displayName pr", vec![&ann, &bob, &sales]),
        (
            r#"displayName eq "Sales" or userName eq "ann@x.test""#,
            vec![&ann, &sales],
        ),
        ("not (userName pr)", vec![&sales]),
        (r#"userName ne "ann@x.test""#, vec![&bob, &sales]),
        (r#"userName eq null and displayName sw "s""#, vec![&sales]),
        (r#"emails[type eq "work"] and members pr"#, vec![]),
        (r#"not (emails[type eq "work"])"#, vec![&sales]),
        ("members pr", vec![&sales]),
        (r#"not (members pr) and emails co "b""#, vec![&bob]),
        (r#"meta.resourceType eq "Group" or title pr"#, vec![&sales]),
    ];
    for (filter, want) in cases {
        let answer = search(filter).await.expect(200);
        let want: Vec<String> = want.into_iter().cloned().collect();
        assert_eq!(answer.ids(), want, "{filter}");
        assert_eq!(
            answer.total(),
            i64::try_from(want.len()).unwrap(),
            "{filter}"
        );
    }
    for wrong in ["nope pr", "displayName pr or nope pr", "userName eq 1"] {
        let answer = search(wrong).await.expect(400);
        assert_eq!(answer.scim_type(), "invalidFilter", "{wrong}");
    }
}
