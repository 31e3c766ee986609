//! Teams fed by a push source: the manager attribute, leavers, names, what is wrong with a hierarchy.

use std::collections::BTreeSet;

use rosterd::domain::roles::Role;
use rosterd::scim::rules::Preset;
use serde_json::json;

use super::{Desk, Scene, send, set, text};
use crate::support::{ENTERPRISE, lines};

#[actix_web::test]
async fn a_manager_is_changed_and_only_those_concerned_move() {
    let s = Scene::start().await;
    let desk = Desk::of(&s.app).await;
    let ids = s.company().await;
    let choice = json!({"connection": s.connection});
    let refused = desk
        .send("POST", "/team-sync/complete", Some(choice.clone()))
        .await
        .expect(409);
    assert!(refused.text.contains("never loaded"), "{}", refused.text);
    s.no_users(&desk).await;
    desk.complete(choice).await;
    let before = desk.by_manager().await;
    assert_eq!(before.len(), 3);
    let (boss, ann, bob) = (
        &before[&ids["boss"]],
        &before[&ids["ann"]],
        &before[&ids["bob"]],
    );
    assert_eq!(boss.members, set(&ids, &["ann", "bob"]));
    assert_eq!(ann.members, set(&ids, &["cleo", "dan"]));
    assert_eq!(ann.reviewers, set(&ids, &["ann"]));
    assert_eq!((&boss.parent, &bob.parent), (&None, &Some(boss.id.clone())));
    assert_eq!(bob.name, "bob's team");
    let unassigned = desk.get("/teams/unassigned").await;
    assert_eq!(
        unassigned["items"],
        json!([{"id": ids["boss"], "name": "boss", "reason": "leads", "leads": "boss's team"}])
    );
    desk.check().await;

    // Nothing changes: nothing is written.
    s.later().await;
    let stood = desk.rows();
    let run = desk.send("POST", "/team-sync/run", None).await.expect(200);
    assert_eq!(run.body["moved"], 0);
    assert_eq!((s.later().await, desk.rows()), (0, stood));

    // One edge: one person.
    s.manage(&ids["dan"], &ids["bob"]).await;
    assert_eq!(
        s.app.service.tick_teams().await.unwrap(),
        0,
        "it waits for more"
    );
    assert_eq!(s.later().await, 1);
    let after = desk.by_manager().await;
    assert_eq!(after[&ids["ann"]].members, set(&ids, &["cleo"]));
    assert_eq!(after[&ids["bob"]].members, set(&ids, &["dan", "eve"]));
    for (manager, team) in &before {
        assert_eq!(after[manager].id, team.id);
        assert_eq!(after[manager].reviewers, team.reviewers);
    }
    let sql = "SELECT action AS line FROM journal WHERE action LIKE 'group.member%' AND cause_id = 'team sync' ORDER BY sequence";
    let entries = lines(&mut s.app.database.connect(), sql);
    assert_eq!(entries, ["group.member_removed", "group.member_added"]);
    desk.check().await;
}

#[actix_web::test]
async fn reviewing_climbs_when_a_manager_leaves_and_comes_back() {
    let s = Scene::start().await;
    let desk = Desk::of(&s.app).await;
    let ids = s.company().await;
    s.no_users(&desk).await;
    desk.complete(json!({"connection": s.connection})).await;
    let before = desk.by_manager().await;
    s.set_active(&ids["ann"], false).await;
    s.later().await;
    let gone = desk.by_manager().await;
    let team = &gone[&ids["ann"]];
    assert_eq!(team.id, before[&ids["ann"]].id);
    assert_eq!(team.reviewers, set(&ids, &["boss"]));
    assert_eq!(team.members, set(&ids, &["cleo", "dan"]));
    assert_eq!(gone[&ids["boss"]].members, set(&ids, &["bob"]));
    let found = desk.get("/team-sync/findings").await;
    assert_eq!(found["items"][0]["code"], "manager-gone");
    let people = found["items"][0]["people"].as_array().unwrap();
    let people: Vec<&str> = people.iter().map(|p| p["id"].as_str().unwrap()).collect();
    assert_eq!(people, [&ids["ann"], &ids["boss"]]);
    s.set_active(&ids["ann"], true).await;
    s.later().await;
    assert_eq!(desk.by_manager().await, before);
    assert_eq!(desk.get("/team-sync/findings").await["items"], json!([]));

    // The source deletes her: her people name her still, and are told of.
    s.idp
        .delete(&format!("/Users/{}", ids["ann"]))
        .await
        .expect(204);
    s.later().await;
    let gone = desk.by_manager().await;
    assert_eq!(gone[&ids["ann"]].id, before[&ids["ann"]].id);
    assert_eq!(gone[&ids["ann"]].reviewers, set(&ids, &["boss"]));
    // Another leads them, with all of them: the team goes on as hers.
    s.manage(&ids["dan"], &ids["cleo"]).await;
    s.manage(&ids["cleo"], &ids["bob"]).await;
    s.later().await;
    let heir = desk.by_manager().await;
    assert!(!heir.contains_key(&ids["ann"]));
    assert_eq!(heir[&ids["cleo"]].members, set(&ids, &["dan"]));
    desk.check().await;
}

#[actix_web::test]
async fn names_are_unique_and_one_that_an_admin_gave_survives() {
    let s = Scene::start().await;
    let desk = Desk::of(&s.app).await;
    let ids = s.company().await;
    s.no_users(&desk).await;
    // A namesake of ann's.
    let other = s.idp.post(
        "/Users",
        json!({"schemas": [crate::support::USER, ENTERPRISE], "userName": "ann2@x.test",
        "displayName": "ann", "active": true, ENTERPRISE: {"manager": {"value": ids["boss"]}}}),
    );
    let other = other.await.expect(201).id();
    s.manage(&ids["eve"], &other).await;
    let status = desk
        .send(
            "PUT",
            "/team-sync",
            Some(json!({"connection": s.connection, "language": "fr"})),
        )
        .await
        .expect(200);
    assert_eq!(status.body["state"], "set-up");
    desk.complete(json!({})).await;
    let teams = desk.by_manager().await;
    let names: BTreeSet<&str> = teams.values().map(|t| t.name.as_str()).collect();
    let want = ["Équipe de boss", "Équipe de ann", "Équipe de ann (2)"];
    assert_eq!(names, want.into());
    let path = format!("/teams/{}", teams[&ids["ann"]].id);
    let taken = json!({"name": teams[&other].name.to_uppercase()});
    desk.send("PATCH", &path, Some(taken)).await.expect(409);
    let named = desk
        .send("PATCH", &path, Some(json!({"name": "Ventes"})))
        .await;
    assert_eq!(named.expect(200).body["isRenamed"], true);
    s.manage(&ids["eve"], &ids["ann"]).await;
    s.later().await;
    let teams = desk.by_manager().await;
    assert_eq!(teams[&ids["ann"]].name, "Ventes");
    assert!(!teams.contains_key(&other), "she leads nobody any more");
    // The template changes, and gives names to the others.
    let choice = json!({"language": "en", "templates": {"en": "Team {manager}"}});
    desk.send("PUT", "/team-sync", Some(choice))
        .await
        .expect(200);
    desk.send("POST", "/team-sync/run", None).await.expect(200);
    let teams = desk.by_manager().await;
    assert_eq!(teams[&ids["boss"]].name, "Team boss");
    assert_eq!(teams[&ids["ann"]].name, "Ventes");
    let named = desk
        .send("PATCH", &path, Some(json!({"name": ""})))
        .await
        .expect(200);
    assert_eq!(
        (&named.body["name"], &named.body["isRenamed"]),
        (&json!("Team ann"), &json!(false))
    );
    desk.check().await;
}

#[actix_web::test]
async fn what_is_wrong_with_a_hierarchy_is_told_and_confirmed() {
    let s = Scene::start().await;
    let desk = Desk::of(&s.app).await;
    s.no_users(&desk).await;
    let lone: Vec<String> = [
        s.hire("x", None).await,
        s.hire("y", None).await,
        s.hire("z", None).await,
    ]
    .into();
    let choice = json!({"connection": s.connection});
    let refused = desk
        .send("POST", "/team-sync/complete", Some(choice.clone()))
        .await
        .expect(409);
    assert!(
        refused.text.contains("nobody would be in a team"),
        "{}",
        refused.text
    );
    let ids = s.company().await;
    // A circle, below which eve works; somebody who is her own manager.
    s.manage(&ids["ann"], &ids["cleo"]).await;
    s.manage(&lone[0], &lone[0]).await;
    let path = format!("/team-sync/preview?connection={}", s.connection);
    let preview = desk.get(&path).await;
    let codes: Vec<&str> = preview["findings"]["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["code"].as_str().unwrap())
        .collect();
    assert_eq!(codes, ["circle", "self-managed", "several-tops"]);
    let circle = preview["findings"]["items"][0]["people"]
        .as_array()
        .unwrap();
    let circle: BTreeSet<String> = circle.iter().map(|p| text(&p["id"])).collect();
    assert_eq!(circle, set(&ids, &["ann", "cleo"]));
    assert_eq!(preview["today"]["unassigned"], 4);
    assert_eq!(preview["confirmUnassigned"], 4);
    let one = desk.get(&format!("{path}&limit=1&after=1")).await;
    assert_eq!(
        one["unassigned"]["items"][0],
        preview["unassigned"]["items"][1]
    );
    for number in [json!(null), json!(3)] {
        let mut body = choice.clone();
        body["confirmUnassigned"] = number;
        desk.send("POST", "/team-sync/complete", Some(body))
            .await
            .expect(400);
    }
    let mut body = choice;
    body["confirmUnassigned"] = json!(4);
    desk.complete(body).await;
    let found = desk.get("/team-sync/findings").await;
    let found = found["items"].as_array().unwrap();
    assert_eq!(found.len(), 3);
    // Page by page the same, each with everybody whom it names.
    let (mut paged, mut after) = (Vec::new(), String::new());
    loop {
        let path = format!("/team-sync/findings?limit=1{after}");
        let page = desk.get(&path).await;
        let items = page["items"].as_array().unwrap();
        assert_eq!(items.len(), 1);
        paged.extend(items.clone());
        let Some(next) = page["next"].as_str() else {
            break;
        };
        after = format!("&after={next}");
    }
    assert_eq!(&paged, found);
    assert_eq!(found[0]["people"].as_array().unwrap().len(), 2);
    let unassigned = desk.get("/teams/unassigned").await;
    let reasons: BTreeSet<(&str, &str)> = unassigned["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| (p["name"].as_str().unwrap(), p["reason"].as_str().unwrap()))
        .collect();
    // The circle is cut at the one whose id is smaller.
    let cut = match ids["ann"] < ids["cleo"] {
        true => "ann",
        false => "cleo",
    };
    let want = [
        (cut, "in-circle"),
        ("boss", "leads"),
        ("x", "self-managed"),
        ("y", "no-manager"),
        ("z", "no-manager"),
    ];
    assert_eq!(reasons, want.into());
    desk.check().await;
}

#[actix_web::test]
async fn a_disconnect_stops_team_sync_and_other_tenants_see_nothing_of_it() {
    let s = Scene::start().await;
    let desk = Desk::of(&s.app).await;
    let ids = s.company().await;
    s.no_users(&desk).await;
    desk.complete(json!({"connection": s.connection})).await;
    let before = desk.by_manager().await;
    let other = s.app.tenant("other").await;
    let spy = s.app.role(&other, Role::TenantAdmin).await;
    let call = |method: &'static str, path: &str, body: Option<serde_json::Value>| {
        let path = format!("/api/v1/tenants/other{path}");
        let body = body.map(|b| b.to_string().into_bytes()).unwrap_or_default();
        let spy = spy.clone();
        async move { spy.raw(method, &path, "application/json", body).await }
    };
    let theirs = json!({"connection": s.connection});
    call("PUT", "/team-sync", Some(theirs)).await.expect(404);
    assert_eq!(
        call("GET", "/teams", None).await.expect(200).body["items"],
        json!([])
    );
    assert_eq!(
        call("GET", "/team-sync", None).await.expect(200).body["state"],
        "off"
    );
    // A second source cannot feed the same teams.
    let okta = s.app.source(Preset::Okta).await;
    let sql = "SELECT id AS line FROM connections WHERE preset = 'okta'";
    let second = lines(&mut s.app.database.connect(), sql)[0].clone();
    let taken = desk
        .send("PUT", "/team-sync", Some(json!({"connection": second})))
        .await;
    taken.expect(409);
    drop(okta);
    let path = format!("/connections/{second}/disconnect");
    let preview = desk.get(&path).await;
    assert_eq!(
        (&preview["teams"], &preview["warnings"]),
        (&json!(0), &json!([]))
    );
    let path = format!("/connections/{}/disconnect", s.connection);
    let job = |word: &str| {
        let sql = format!("UPDATE team_syncs SET job = {word}");
        crate::support::execute(&mut s.app.database.connect(), &sql);
    };
    job("'complete'");
    let preview = desk.get(&path).await;
    assert_eq!(preview["warnings"], json!(["teams-being-made"]));
    job("NULL");
    let preview = desk.get(&path).await;
    assert_eq!(
        (&preview["teams"], &preview["warnings"]),
        (&json!(before.len()), &json!(["team-sync-stops"]))
    );
    send(&desk.admin, "POST", &path, None).await.expect(202);
    for _ in 0..200 {
        let row = desk.get(&format!("/connections/{}", s.connection)).await;
        if row["state"] == "disconnected" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(desk.get("/team-sync").await["state"], "stopped");
    let after = desk.by_manager().await;
    assert_eq!(after, before);
    let team = format!("/teams/{}", after[&ids["ann"]].id);
    let edit = json!({"remove": [ids["dan"]], "add": [ids["eve"]]});
    desk.send("PATCH", &team, Some(edit)).await.expect(200);
    desk.send("DELETE", &team, None).await.expect(204);
    desk.check().await;
}
