//! Teams go with their people when one HR system takes the place of another, and back.

use std::time::Duration;

use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::clock::{Clock, Millis};
use rosterd::service::pull::{PullPerson, PullSource};
use serde_json::json;

use super::{Desk, desk, employee, seal};
use crate::support::ENTERPRISE;

/// Somebody, by number, who reports to somebody.
fn person(vendor: &str, n: usize, manager: Option<usize>) -> PullPerson {
    let id = format!("{vendor}{n}");
    let mut person = employee(&id, &format!("p{n}@x.test"), "Legal");
    let name = json!({"givenName": format!("P{n}"), "familyName": "Lee"});
    person.user.insert("name".to_owned(), name);
    if let Some(manager) = manager {
        person.user[ENTERPRISE]["manager"] = json!({"value": format!("{vendor}{manager}")});
    }
    seal(&mut person);
    person
}

/// 0 leads 1 and 2; 1 leads 3, 4; 2 leads 5.
async fn pull(desk: &Desk, hr: &PullSource, vendor: &str) {
    let managers = [None, Some(0), Some(0), Some(1), Some(1), Some(2)];
    for (n, manager) in managers.into_iter().enumerate() {
        desk.pull(hr, &[person(vendor, n, manager)]).await;
    }
    let service = &desk.w.app.service;
    let run = service.sync_teams_of(&desk.caller(), &hr.source.id).await;
    run.unwrap();
}

/// Teams with their managers and members, by people's and teams' ids.
fn teams(desk: &Desk) -> Vec<String> {
    desk.lines(
        "SELECT s.group_id || ' ' || s.manager_id || ' ' || m.user_id AS line FROM synced_teams s \
         JOIN \"groups\" g ON g.tenant = s.tenant AND g.id = s.group_id \
         JOIN memberships m ON m.tenant = g.tenant AND m.group_id = g.id AND m.generation = g.generation ORDER BY 1",
    )
}

async fn fed_by(desk: &Desk) -> serde_json::Value {
    let status = desk.api("GET", "team-sync", None).await.expect(200).body;
    assert_eq!(status["state"], "on");
    status["connection"].clone()
}

async fn step(desk: &Desk, switch: &str, verb: &str, state: &str) {
    let path = format!("switches/{switch}");
    desk.api("POST", &format!("{path}/{verb}"), None)
        .await
        .expect(202);
    for _ in 0..500 {
        let shown = desk.api("GET", &path, None).await.expect(200).body;
        if shown["state"] == state {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it is not {state}");
}

#[actix_web::test]
async fn teams_stay_the_same_when_the_hr_system_changes_and_on_the_way_back() {
    let desk = desk().await;
    let service = &desk.w.app.service;
    desk.api("POST", "app-users:none-yet", None)
        .await
        .expect(200);
    let old = desk.hr("Old HR", JoinerPolicy::Grant).await;
    pull(&desk, &old, "o").await;
    let body = json!({"connection": old.source.id});
    desk.api("POST", "team-sync/complete", Some(body))
        .await
        .expect(202);
    for _ in 0..500 {
        let status = desk.api("GET", "team-sync", None).await.body;
        if status["job"].is_null() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let before = teams(&desk);
    assert_eq!(before.len(), 5, "{before:?}");
    desk.clock.set(Millis(desk.clock.now().0 + 1_000));
    let new = desk.hr("New HR", JoinerPolicy::Grant).await;
    pull(&desk, &new, "n").await;
    assert_eq!(fed_by(&desk).await, json!(old.source.id));
    let body = json!({"from": old.source.id, "to": new.source.id});
    let switch = desk
        .api("POST", "switches", Some(body))
        .await
        .expect(201)
        .id();
    // Not while teams are replaced.
    desk.w.sql(
        "UPDATE team_syncs SET job = 'restore', stage = 'telling', touched_at = 9000000000000",
    );
    let path = format!("switches/{switch}/cut-over");
    let refused = desk.api("POST", &path, None).await.expect(409);
    assert!(refused.text.contains("restored"), "{}", refused.text);
    desk.w.sql("UPDATE team_syncs SET job = NULL, stage = NULL");

    step(&desk, &switch, "cut-over", "cut").await;
    assert_eq!(fed_by(&desk).await, json!(new.source.id));
    let chosen = "journal WHERE action = 'team_sync.chosen'";
    assert_eq!(desk.count(chosen), 1);
    service.sync_teams(&desk.caller()).await.unwrap();
    pull(&desk, &new, "n").await;
    assert_eq!(teams(&desk), before, "the same teams of the same people");
    // What the new one says of managers counts.
    desk.pull(&new, &[person("n", 4, Some(2))]).await;
    let run = service.sync_teams_of(&desk.caller(), &new.source.id).await;
    assert_eq!(run.unwrap().moved, 1);

    step(&desk, &switch, "back", "comparing").await;
    assert_eq!(fed_by(&desk).await, json!(old.source.id));
    assert_eq!(desk.count(chosen), 2);
    pull(&desk, &old, "o").await;
    assert_eq!(teams(&desk), before);
    assert_eq!(desk.w.app.verify().await.faults, []);
}
