//! The story of team sync from beginning to end, fed by a pull of a company.

use std::collections::{BTreeMap, BTreeSet};

use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::roles::Role;
use rosterd::scim::rules::Preset;
use serde_json::{Value, json};

use super::{Desk, send, text};
use crate::bridge::world::World;
use crate::sources::OURS;
use crate::support::{ENTERPRISE, GROUP, lines};

/// Who works there, or will, and for whom: by the vendor's ids.
async fn managers(w: &World) -> BTreeMap<String, Option<String>> {
    let truth = w.company.truth().await;
    // Whoever has access ahead of her first day is a member too.
    let working = truth
        .iter()
        .filter(|u| u[OURS]["employmentState"] != "left");
    let each = working.map(|u| {
        let manager = u[ENTERPRISE]["manager"]["value"].as_str();
        (text(&u["externalId"]), manager.map(str::to_owned))
    });
    each.collect()
}

/// Whom the vendor brought; whether she is a member of teams.
async fn known(w: &World) -> BTreeMap<String, bool> {
    let people = w.people().await.into_iter();
    let is_member = |access: &str| ["granted", "invited"].contains(&access);
    people
        .map(|p| (p.source_id, is_member(&p.access)))
        .collect()
}

/// Members by their manager, by the vendor's ids: as the hierarchy has it.
async fn wanted(w: &World) -> BTreeMap<String, BTreeSet<String>> {
    let (managers, known) = (managers(w).await, known(w).await);
    let above = |person: &String| {
        let manager = managers.get(person)?.as_ref();
        manager.filter(|m| *m != person && known.contains_key(*m))
    };
    let ids = w.user_ids();
    // A circle is cut above the smallest id.
    let is_cut = |person: &String| {
        let mut circle = vec![person];
        while let Some(next) = above(circle[circle.len() - 1]) {
            if next == person {
                return circle.iter().all(|other| ids[person] <= ids[*other]);
            }
            if circle.contains(&next) {
                return false;
            }
            circle.push(next);
        }
        false
    };
    let mut teams: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for person in managers.keys() {
        let manager = above(person).filter(|_| !is_cut(person));
        if let Some(manager) = manager.filter(|_| known.get(person) == Some(&true)) {
            teams
                .entry(manager.clone())
                .or_default()
                .insert(person.clone());
        }
    }
    teams
}

/// The same as it is stored.
fn stored(w: &World) -> BTreeMap<String, BTreeSet<String>> {
    let sql = "SELECT l.source_id || ' ' || k.source_id AS line FROM synced_teams s \
               JOIN \"groups\" g ON g.tenant = s.tenant AND g.id = s.group_id \
               JOIN memberships m ON m.tenant = g.tenant AND m.group_id = g.id AND m.generation = g.generation \
               JOIN links l ON l.tenant = s.tenant AND l.user_id = s.manager_id \
               JOIN links k ON k.tenant = s.tenant AND k.user_id = m.user_id";
    let mut teams: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in lines(&mut w.app.database.connect(), sql) {
        let (manager, member) = line.split_once(' ').unwrap();
        teams
            .entry(manager.to_owned())
            .or_default()
            .insert(member.to_owned());
    }
    teams
}

/// Team ids by manager, by the vendor's ids.
fn ids(w: &World) -> BTreeMap<String, String> {
    let sql = "SELECT l.source_id || ' ' || s.group_id AS line FROM synced_teams s \
               JOIN links l ON l.tenant = s.tenant AND l.user_id = s.manager_id";
    let rows = lines(&mut w.app.database.connect(), sql);
    let pairs = rows.iter().filter_map(|line| line.split_once(' '));
    pairs
        .map(|(manager, team)| (manager.to_owned(), team.to_owned()))
        .collect()
}

/// Three users of the app, who are in two teams and review them.
async fn app_teams(desk: &Desk<'_>) -> [Value; 2] {
    for n in 1..=3 {
        let user = json!({"email": format!("app{n}@app.test"), "name": format!("App {n}"), "hasAccess": true});
        let path = format!("/app-users/u-{n}");
        desk.send("PUT", &path, Some(user)).await.expect(201);
    }
    let one = json!({"name": "Sales", "members": ["u-1", "u-2"], "reviewers": ["u-3"]});
    let two = json!({"name": "Support", "members": ["u-3"], "reviewers": ["u-1", "u-2"]});
    let one = desk
        .send("PUT", "/app-teams/t-1", Some(one))
        .await
        .expect(201)
        .body;
    let two = desk
        .send("PUT", "/app-teams/t-2", Some(two))
        .await
        .expect(201)
        .body;
    [one, two]
}

#[actix_web::test]
async fn from_existing_teams_to_synced_ones_and_back() {
    let w = World::of("bamboohr", 80, 1, JoinerPolicy::Grant).await;
    w.pull().await;
    w.pull().await;
    let desk = Desk::of(&w.app).await;
    let old = app_teams(&desk).await;

    // Looked at: what is deleted, whose reviews end, who is in no team and why.
    let path = format!("/team-sync/preview?connection={}&limit=1000", w.connection);
    let stood = desk.rows();
    let preview = desk.get(&path).await;
    assert_eq!(desk.rows(), stood, "a look writes nothing");
    let want = wanted(&w).await;
    // One without members of its own has a team below.
    assert!(preview["teams"]["count"].as_u64() >= Some(want.len() as u64));
    let members: usize = want.values().map(BTreeSet::len).sum();
    assert_eq!(preview["today"]["members"], members);
    assert_eq!(preview["deleted"]["count"], 2);
    let warning = &preview["warning"];
    assert_eq!(
        (&warning["reviewers"], &warning["by"]),
        (&json!(3), &json!("rosterd"))
    );
    let unassigned = preview["unassigned"]["items"].as_array().unwrap();
    let outside = unassigned.iter().filter(|p| p["reason"] == "not-in-source");
    assert_eq!(outside.count(), 3, "the app's own users");

    replaced(&w, &desk, &old).await;
    refused(&w, &desk, &old).await;
    followed(&w, &desk).await;
    stopped_and_restored(&w, &desk, &old).await;
}

async fn replaced(w: &World, desk: &Desk<'_>, old: &[Value; 2]) {
    let mut body = json!({"connection": w.connection});
    let refused = desk
        .send("POST", "/team-sync/complete", Some(body.clone()))
        .await;
    if refused.status == 400 {
        let path = format!("/team-sync/preview?connection={}", w.connection);
        body["confirmUnassigned"] = desk.get(&path).await["confirmUnassigned"].clone();
        desk.complete(body).await;
    } else {
        refused.expect(202);
        desk.settled().await;
    }
    assert_eq!(stored(w), wanted(w).await);
    assert_eq!(desk.entries("team.reviewer_removed"), 3);
    assert_eq!(desk.entries("team_sync.completed"), 1);
    assert_eq!(desk.get("/app-teams").await["items"], json!([]));
    assert_eq!(desk.get("/team-sync").await["keptTeams"], 2);
    for team in old {
        let id = text(&team["groupId"]);
        desk.send("GET", &format!("/teams/{id}"), None)
            .await
            .expect(404);
        desk.admin.get(&format!("/Groups/{id}")).await.expect(404);
    }
    // One cause for the summary and each of the subjects.
    let sql = "SELECT DISTINCT cause_id AS line FROM journal WHERE action IN ('team_sync.completed', 'team.reviewer_removed') \
               OR (action = 'group.created' AND subject_id IN (SELECT group_id FROM synced_teams))";
    assert_eq!(lines(&mut w.app.database.connect(), sql).len(), 1);
    // As a reader of SCIM has it.
    let is_inner = |t: &Value| t["parent"].is_string() && !t["reviewers"][0].is_null();
    let inner = desk.teams().await.into_iter().find(is_inner).unwrap();
    let read = desk
        .admin
        .get(&format!("/Groups/{}", text(&inner["id"])))
        .await
        .expect(200)
        .body;
    let ours = &read["urn:ietf:params:scim:schemas:extension:rosterd:2.0:Group"];
    assert_eq!(
        (&ours["kind"], &ours["parent"], &ours["managedBy"]),
        (&json!("team"), &inner["parent"], &json!(w.connection))
    );
    let reviewers: Vec<Value> = inner["reviewers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| json!({"value": r["id"]}))
        .collect();
    assert_eq!(ours["reviewers"], Value::from(reviewers));
    let filter = format!(
        "urn:ietf:params:scim:schemas:extension:rosterd:2.0:Group:parent eq \"{}\"",
        text(&inner["parent"])
    );
    let found = desk.admin.filter("/Groups", &filter).await.expect(200);
    assert!(found.ids().contains(&text(&inner["id"])));
    desk.check().await;
}

/// Nobody edits them, by whatever way.
async fn refused(w: &World, desk: &Desk<'_>, old: &[Value; 2]) {
    let stood = desk.rows();
    let team = text(&desk.teams().await[0]["id"]);
    let path = format!("/teams/{team}");
    let person = text(&desk.get(&path).await["members"][0]["id"]);
    for (method, path, body) in [
        ("PATCH", path.as_str(), Some(json!({"remove": [person]}))),
        ("PATCH", &path, Some(json!({"reviewers": []}))),
        ("DELETE", &path, None),
        ("POST", "/teams", Some(json!({"name": "Mine"}))),
        ("PUT", "/app-teams/t-1", Some(json!({"name": "Sales"}))),
        ("PUT", "/app-teams/t-9", Some(json!({"name": "New"}))),
    ] {
        let answer = desk.send(method, path, body).await.expect(409);
        assert!(
            answer.text.contains("team sync"),
            "{method} {path}: {}",
            answer.text
        );
    }
    desk.send("DELETE", "/app-teams/t-1", None)
        .await
        .expect(404);
    let app = w.app.role(&w.app.tenant, Role::App).await;
    let line = format!("{}\n", json!({"appTeamId": "t-1", "name": "Sales"}));
    let import = "/api/v1/tenants/default/app-teams:import";
    let answer = app
        .raw("POST", import, "application/x-ndjson", line.into_bytes())
        .await
        .expect(200);
    assert_eq!(answer.body["results"][0]["result"], "failed");
    assert!(answer.text.contains("team sync"), "{}", answer.text);
    // A source sees no team; what it tries says why not.
    let source = w.app.source(Preset::Okta).await;
    source.get(&format!("/Groups/{team}")).await.expect(404);
    let put = json!({"schemas": [GROUP], "displayName": "Mine"});
    let operations = json!([{"op": "remove", "path": "members"}]);
    let bulk = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": [
        {"method": "PUT", "path": format!("/Groups/{team}"), "data": put}]});
    let bulk = source.post("/Bulk", bulk).await.expect(200);
    assert_eq!(bulk.body["Operations"][0]["status"], "403", "{}", bulk.text);
    for answer in [
        source.put(&format!("/Groups/{team}"), put).await,
        source.patch(&format!("/Groups/{team}"), operations).await,
        source.delete(&format!("/Groups/{team}")).await,
    ] {
        assert!(answer.text.contains("team sync"), "{}", answer.text);
        answer.expect(403);
    }
    source
        .delete(&format!("/Groups/{}", text(&old[0]["groupId"])))
        .await
        .expect(404);
    // Roles that are no source write nothing at SCIM.
    desk.admin
        .delete(&format!("/Groups/{team}"))
        .await
        .expect(403);
    let now: Vec<String> = desk
        .rows()
        .into_iter()
        .filter(|row| !row.starts_with('j'))
        .collect();
    let stood: Vec<String> = stood
        .into_iter()
        .filter(|row| !row.starts_with('j'))
        .collect();
    assert_eq!(now, stood);
}

/// A manager changes in HR: the person moves in the same run, and nobody else does.
async fn followed(w: &World, desk: &Desk<'_>) {
    // An admin's name survives all of it.
    let teams = desk.teams().await;
    let largest = teams.iter().max_by_key(|t| t["size"].as_i64()).unwrap();
    let named = text(&largest["id"]);
    let rename = json!({"name": "The Board"});
    desk.send("PATCH", &format!("/teams/{named}"), Some(rename))
        .await
        .expect(200);
    let mut seen = 0;
    for _ in 0..4 {
        let (was, had) = (managers(w).await, ids(w));
        w.play("manager").await;
        let (now, known) = (managers(w).await, known(w).await);
        let has_access = |id: &String| known.get(id) == Some(&true);
        let changed = now.iter().filter(|(id, m)| was.get(*id) != Some(m));
        let moved: Vec<&String> = changed
            .map(|(id, _)| id)
            .filter(|id| has_access(id))
            .collect();
        let report = w.pull().await;
        assert_eq!(stored(w), wanted(w).await);
        for (manager, team) in ids(w) {
            let before = had.get(&manager);
            assert!(
                before.is_none_or(|old| *old == team),
                "the id of {manager}'s team stays"
            );
        }
        let sql = format!(
            "SELECT l.source_id AS line FROM journal j JOIN links l ON l.tenant = j.tenant AND l.user_id = j.object_id \
             WHERE j.action = 'group.member_added' AND j.cause_id = '{}' ORDER BY 1",
            report.run.id
        );
        let came = lines(&mut w.app.database.connect(), &sql);
        assert_eq!(came.iter().collect::<Vec<_>>(), moved, "in the same run");
        for person in moved {
            let Some(manager) = now[person].as_ref().filter(|m| has_access(m)) else {
                continue;
            };
            // Whoever reviews her is her manager now.
            let sql = format!(
                "SELECT l.source_id AS line FROM links k JOIN memberships m ON m.tenant = k.tenant AND m.user_id = k.user_id \
                 JOIN reviewers r ON r.tenant = m.tenant AND r.group_id = m.group_id \
                 JOIN links l ON l.tenant = r.tenant AND l.user_id = r.user_id WHERE k.source_id = '{person}'"
            );
            assert_eq!(
                lines(&mut w.app.database.connect(), &sql),
                [manager.as_str()]
            );
            seen += 1;
        }
    }
    assert!(seen > 0, "nobody changed her manager");
    assert_eq!(
        desk.get(&format!("/teams/{named}")).await["name"],
        "The Board"
    );
    // A pull that changes nothing writes nothing.
    let stood = desk.rows();
    w.pull().await;
    assert_eq!(desk.rows(), stood);
    desk.check().await;
}

async fn stopped_and_restored(w: &World, desk: &Desk<'_>, old: &[Value; 2]) {
    let stopped = desk.send("POST", "/team-sync/stop", None).await.expect(200);
    assert_eq!(stopped.body["state"], "stopped");
    let team = desk
        .teams()
        .await
        .into_iter()
        .find(|t| t["size"].as_i64() > Some(1))
        .unwrap();
    let path = format!("/teams/{}", text(&team["id"]));
    let person = text(&desk.get(&path).await["members"][0]["id"]);
    let new = json!({"name": "Task force", "members": [person], "reviewers": [person]});
    let made = desk
        .send("POST", "/teams", Some(new))
        .await
        .expect(201)
        .id();
    desk.send("PATCH", &path, Some(json!({"remove": [person]})))
        .await
        .expect(200);
    let edited = desk.by_manager().await;
    for _ in 0..3 {
        w.play("manager").await;
        w.pull().await;
        assert_eq!(w.app.service.tick_teams().await.unwrap(), 0);
        assert_eq!(desk.by_manager().await, edited);
    }
    let mine = desk.get(&format!("/teams/{made}")).await;
    assert_eq!(mine["members"][0]["id"], json!(person));
    desk.check().await;

    // One of those of before is no more.
    desk.send("DELETE", "/app-users/u-2", None)
        .await
        .expect(204);
    send(&desk.admin, "POST", "/team-sync/restore", None)
        .await
        .expect(202);
    let status = desk.settled().await;
    assert_eq!(
        (&status["state"], &status["keptTeams"]),
        (&json!("stopped"), &json!(0))
    );
    for (team, members, reviewers) in [
        (&old[0], vec!["u-1"], vec!["u-3"]),
        (&old[1], vec!["u-3"], vec!["u-1"]),
    ] {
        let id = text(&team["appTeamId"]);
        let now = desk.get(&format!("/app-teams/{id}")).await;
        assert_eq!(now["groupId"], team["groupId"]);
        assert_eq!(now["name"], team["name"]);
        assert_eq!(
            (&now["members"], &now["reviewers"]),
            (&json!(members), &json!(reviewers))
        );
    }
    let left: Vec<String> = desk
        .teams()
        .await
        .iter()
        .map(|t| text(&t["name"]))
        .collect();
    assert_eq!(left.len(), 3, "{left:?}: what people made stays");
    let again = desk
        .send("POST", "/team-sync/restore", None)
        .await
        .expect(409);
    assert!(again.text.contains("no teams of before"), "{}", again.text);
    desk.send(
        "PUT",
        "/app-teams/t-1",
        Some(json!({"name": "Sales EU", "members": ["u-1"]})),
    )
    .await
    .expect(200);
    desk.check().await;
}
