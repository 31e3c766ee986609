//! A set-up that is cut off at any place, and runs that meet.

use std::collections::BTreeSet;
use std::time::Duration;

use rosterd::service::teams::{Choice, Confirmed};
use serde_json::json;

use super::{Desk, Scene, text};
use crate::support::lines;

/// People who lead so many teams of so many people, and one team of the app for each.
async fn large(s: &Scene, desk: &Desk<'_>) {
    let boss = s.hire("boss", None).await;
    for n in 0..12 {
        let lead = s.hire(&format!("lead{n}"), Some(&boss)).await;
        for m in 0..8 {
            s.hire(&format!("p{n}x{m}"), Some(&lead)).await;
        }
        let user = json!({"email": format!("lead{n}@x.test"), "hasAccess": true});
        desk.send("PUT", &format!("/app-users/u-{n}"), Some(user))
            .await
            .expect(201);
        let id = format!("u-{n}");
        let team = json!({"name": format!("Old {n}"), "members": [id], "reviewers": [id]});
        desk.send("PUT", &format!("/app-teams/t-{n}"), Some(team))
            .await
            .expect(201);
    }
}

async fn names(desk: &Desk<'_>) -> BTreeSet<String> {
    desk.teams()
        .await
        .iter()
        .map(|team| text(&team["name"]))
        .collect()
}

#[actix_web::test]
async fn a_set_up_that_is_killed_is_finished_and_readers_see_one_state_or_the_other() {
    let s = Scene::start().await;
    let desk = Desk::of(&s.app).await;
    large(&s, &desk).await;
    let old = names(&desk).await;
    let mut new: BTreeSet<String> = (0..12).map(|n| format!("lead{n}'s team")).collect();
    new.insert("boss's team".to_owned());
    let choice = Choice {
        connection: Some(s.connection.clone()),
        ..Choice::default()
    };
    let begun = s
        .app
        .service
        .begin_complete(&s.app.tenant, &choice, Confirmed::default());
    begun.await.unwrap();
    // Nobody edits teams from here on.
    let edit = desk
        .send("PUT", "/app-teams/t-0", Some(json!({"name": "X"})))
        .await
        .expect(409);
    assert!(edit.text.contains("team sync"), "{}", edit.text);
    let (mut kills, mut seen) = (0, BTreeSet::new());
    for wait in 0.. {
        let service = s.app.service.clone();
        let work = tokio::spawn(async move { service.resume_team_jobs(Duration::ZERO).await });
        // Idle for longer than nothing.
        s.clock.set(rosterd::domain::clock::Millis(
            rosterd::domain::clock::Clock::now(&*s.clock).0 + 1,
        ));
        tokio::time::sleep(Duration::from_millis(2 * wait)).await;
        let stood = names(&desk).await;
        assert!(stood == old || stood == new, "{stood:?}");
        seen.insert(stood == new);
        work.abort();
        let _ = work.await;
        if desk.get("/team-sync").await["job"].is_null() {
            break;
        }
        kills += 1;
        assert!(wait < 400, "it never ends");
    }
    assert!(kills > 1, "killed {kills} times");
    assert!(seen.contains(&false), "the old state was seen");
    assert_eq!(names(&desk).await, new);
    assert_eq!(desk.entries("team_sync.completed"), 1);
    assert_eq!(desk.entries("team.reviewer_removed"), 12);
    assert_eq!(desk.entries("group.deleted"), 12);
    let left = "SELECT id AS line FROM \"groups\" WHERE kind = 'team' AND team_set IS NOT NULL";
    assert_eq!(lines(&mut s.app.database.connect(), left), [""; 0]);
    let orphans = "SELECT m.group_id AS line FROM memberships m WHERE NOT EXISTS \
                   (SELECT 1 FROM \"groups\" g WHERE g.tenant = m.tenant AND g.id = m.group_id)";
    assert_eq!(lines(&mut s.app.database.connect(), orphans), [""; 0]);
    desk.check().await;
    // And all of it back.
    s.app.service.restore_teams(&s.app.tenant).await.unwrap();
    assert_eq!(names(&desk).await, old);
    desk.check().await;
}

#[actix_web::test]
async fn a_person_who_is_removed_while_teams_are_replaced_is_in_none() {
    let s = Scene::start().await;
    let desk = Desk::of(&s.app).await;
    s.no_users(&desk).await;
    let ids = s.company().await;
    let choice = Choice {
        connection: Some(s.connection.clone()),
        ..Choice::default()
    };
    let begun = s
        .app
        .service
        .begin_complete(&s.app.tenant, &choice, Confirmed::default());
    begun.await.unwrap();
    for wait in 0..40 {
        let service = s.app.service.clone();
        let work = tokio::spawn(async move { service.resume_team_jobs(Duration::ZERO).await });
        s.clock.set(rosterd::domain::clock::Millis(
            rosterd::domain::clock::Clock::now(&*s.clock).0 + 1,
        ));
        tokio::time::sleep(Duration::from_millis(wait)).await;
        if wait == 3 {
            let path = format!("/people/{}/remove", ids["dan"]);
            let removed = desk.send("POST", &path, None).await;
            assert!(removed.status < 300, "{}", removed.text);
        }
        work.abort();
        let _ = work.await;
    }
    desk.settled().await;
    s.later().await;
    let teams = desk.by_manager().await;
    assert!(
        teams
            .values()
            .all(|team| !team.members.contains(&ids["dan"]))
    );
    assert_eq!(teams.len(), 3);
    desk.check().await;
}

#[actix_web::test]
async fn two_runs_at_once_do_nothing_twice() {
    let s = Scene::start().await;
    let desk = Desk::of(&s.app).await;
    s.no_users(&desk).await;
    let ids = s.company().await;
    desk.complete(json!({"connection": s.connection})).await;
    let before = desk.entries("group.member_added");
    s.manage(&ids["dan"], &ids["bob"]).await;
    s.manage(&ids["eve"], &ids["ann"]).await;
    let run = || s.app.service.sync_teams(&s.app.tenant);
    let done = futures_util::future::join_all([run(), run(), run(), run()]).await;
    let moved: usize = done.into_iter().map(|run| run.unwrap().moved).sum();
    assert_eq!(moved, 2);
    assert_eq!(desk.entries("group.member_added"), before + 2);
    desk.check().await;
}
