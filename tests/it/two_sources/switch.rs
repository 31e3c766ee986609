//! The switch from one HR system to another: who differs, the cut-over, the way back, its end, and a process that dies.

use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::clock::{Clock, Millis};
use rosterd::service::pull::{PullPerson, PullSource};
use serde_json::{Value, json};

use super::{Desk, desk, employee, seal};
use crate::support::ENTERPRISE;

/// 300 people: 280 are in both systems, 12 of those differ, ten only in the old one, ten only in the new one. Every third has
/// access, every fourth of the others an invitation.
struct Company {
    desk: Desk,
    old: PullSource,
    new: PullSource,
    switch: String,
}

fn records(new: bool) -> Vec<PullPerson> {
    let range = if new { 10..300 } else { 0..290 };
    let each = range.map(|n| {
        let id = if new {
            format!("n{n}")
        } else {
            format!("o{n}")
        };
        let email = format!("p{n:03}@x.test");
        let department = if new && (10..22).contains(&n) {
            "Moved"
        } else {
            "Legal"
        };
        let mut person = employee(&id, &email, department);
        // Names are the person's, not the system's.
        person.user.insert(
            "name".to_owned(),
            json!({"givenName": format!("P{n}"), "familyName": "Lee"}),
        );
        seal(&mut person);
        person
    });
    each.collect()
}

async fn company() -> Company {
    let desk = desk().await;
    let old = desk.hr("Old HR", JoinerPolicy::List).await;
    desk.pull(&old, &records(false)).await;
    for n in 0..290 {
        let id = desk.person(&old, &format!("o{n}"));
        match (n % 3, n % 4) {
            (0, _) => desk.stand(&id, "granted"),
            (_, 0) => desk.stand(&id, "invited"),
            _ => {}
        }
    }
    desk.clock.set(Millis(desk.clock.now().0 + 1_000));
    let new = desk.hr("New HR", JoinerPolicy::List).await;
    desk.pull(&new, &records(true)).await;
    let body = json!({"from": old.source.id, "to": new.source.id});
    let switch = desk
        .api("POST", "switches", Some(body))
        .await
        .expect(201)
        .id();
    Company {
        desk,
        old,
        new,
        switch,
    }
}

impl Company {
    async fn show(&self) -> Value {
        let path = format!("switches/{}", self.switch);
        self.desk.api("GET", &path, None).await.expect(200).body
    }

    async fn differences(&self, kind: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let mut after = String::new();
        loop {
            let path = format!(
                "switches/{}/differences?kind={kind}&limit=7{after}",
                self.switch
            );
            let page = self.desk.api("GET", &path, None).await.expect(200).body;
            all.extend(page["items"].as_array().unwrap().iter().cloned());
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return all,
            }
        }
    }

    /// Asks for a step, and waits until it is done.
    async fn step(&self, verb: &str, state: &str) {
        let path = format!("switches/{}/{verb}", self.switch);
        self.desk.api("POST", &path, None).await.expect(202);
        for _ in 0..500 {
            if self.show().await["state"] == state {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("it is not {state}");
    }

    /// How everybody stands, by id.
    fn stands(&self) -> Vec<String> {
        self.desk.lines(
            "SELECT id || ' ' || access || ' ' || access_reason || ' ' || CAST(access_since AS TEXT) || ' ' || \
             CASE WHEN has_access THEN 'in' ELSE 'out' END || ' ' || user_name AS line FROM users \
             WHERE removed_at IS NULL ORDER BY id",
        )
    }

    fn links(&self) -> Vec<String> {
        self.desk.lines(
            "SELECT connection_id || ' ' || source_id || ' ' || user_id AS line FROM links ORDER BY 1",
        )
    }

    async fn department(&self, n: usize) -> Value {
        let id = self.desk.person(&self.new, &format!("n{n}"));
        let path = format!("people/{id}");
        let person = self.desk.api("GET", &path, None).await.expect(200).body;
        person["user"][ENTERPRISE]["department"].clone()
    }

    fn documents(&self) -> Vec<String> {
        self.desk.lines(
            "SELECT u.id || ' ' || u.user_name || ' ' || coalesce(u.employment_state, '') || ' ' || coalesce(u.added_via, '') \
             AS line FROM users u ORDER BY 1",
        )
    }
}

#[actix_web::test]
async fn whoever_differs_is_listed_before_anything_changes() {
    let c = company().await;
    let shown = c.show().await;
    assert_eq!(shown["state"], "comparing");
    let want = json!({"both": 280, "differing": 12, "onlyFrom": 10, "onlyFromWithAccess": 4, "onlyTo": 10});
    assert_eq!(shown["compared"], want);
    let differing = c.differences("differs").await;
    assert_eq!(differing.len(), 12);
    let path = format!("{ENTERPRISE}:department");
    for person in &differing {
        let value = json!([{"path": path, "before": "Legal", "after": "Moved"}]);
        assert_eq!(person["values"], value, "{person}");
    }
    assert_eq!(c.differences("only-from").await.len(), 10);
    assert_eq!(c.differences("only-to").await.len(), 10);
    let all = c.differences("").await;
    assert_eq!(all.len(), 32);
    // The same two again, one of them elsewhere, one that pushes, and one with itself.
    let (old, new) = (&c.old.source.id, &c.new.source.id);
    let okta = c.desk.connection("okta");
    for (from, to, status) in [
        (old, new, 409),
        (new, old, 409),
        (old, &okta, 400),
        (new, new, 400),
    ] {
        let body = json!({"from": from, "to": to});
        let refused = c.desk.api("POST", "switches", Some(body)).await;
        assert_eq!(refused.status, status, "{}", refused.text);
    }
    let path = format!("switches/{}/differences?kind=all", c.switch);
    c.desk.api("GET", &path, None).await.expect(400);
    let path = format!("switches/{}/back", c.switch);
    c.desk.api("POST", &path, None).await.expect(409);
    let path = format!("switches/{}", c.switch);
    let given_up = c.desk.api("DELETE", &path, None).await.expect(200).body;
    assert_eq!(given_up["state"], "given-up");
    let path = format!("switches/{}/cut-over", c.switch);
    c.desk.api("POST", &path, None).await.expect(409);
}

#[actix_web::test]
async fn a_cut_over_changes_values_and_nothing_else_and_the_way_back_restores_them() {
    let c = company().await;
    let rules = json!({"title": [c.old.source.id, "scim"]});
    c.desk.set_precedence(rules).await.expect(200);
    let (stands, links, documents) = (c.stands(), c.links(), c.documents());
    c.step("cut-over", "cut").await;
    assert_eq!(
        c.stands(),
        stands,
        "nobody gains or loses access, nobody is invited"
    );
    assert_eq!(c.links(), links);
    assert_eq!(c.department(15).await, "Moved");
    assert_eq!(c.department(30).await, "Legal");
    let old = format!("connections/{}", c.old.source.id);
    let paused = c.desk.api("GET", &old, None).await.expect(200).body;
    assert_eq!(paused["state"], "paused");
    let settings = c.desk.api("GET", "settings", None).await.body;
    assert_eq!(
        settings["precedence"]["title"],
        json!([c.new.source.id, "scim"])
    );
    let resting = "claims WHERE state = 'resting'";
    assert_eq!(c.desk.count(resting), 290);
    let resumed = c.desk.api("POST", &format!("{old}/resume"), None).await;
    assert_eq!(resumed.status, 403, "{}", resumed.text);
    // The new one is in charge: what it says counts.
    let mut changed = records(true).remove(5);
    changed.user[ENTERPRISE]["department"] = json!("Later");
    seal(&mut changed);
    c.desk.pull(&c.new, &[changed]).await;
    assert_eq!(c.department(15).await, "Later");
    let entries = c.desk.w.app.verify().await;
    assert_eq!(entries.faults, []);
    // Back: what the old one says counts again, and its next pull looks at everybody.
    c.step("back", "comparing").await;
    assert_eq!((c.stands(), c.links()), (stands, links));
    assert_eq!(c.documents(), documents);
    assert_eq!(c.department(15).await, "Legal");
    assert_eq!(c.desk.count(resting), 0);
    let shown = c.desk.api("GET", &old, None).await.expect(200).body;
    assert_eq!(shown["state"], "active");
    let done = c.desk.pull(&c.old, &records(false)).await;
    assert!(
        done.iter()
            .all(|e| !e.takes_access() && !e.gives_access() && e.units.is_empty())
    );
    let settings = c.desk.api("GET", "settings", None).await.body;
    let order = settings["precedence"]["title"].as_array().unwrap();
    assert_eq!(order[0], json!(c.old.source.id));
    assert_eq!(c.desk.w.app.verify().await.faults, []);
}

#[actix_web::test]
async fn after_a_fortnight_there_is_no_way_back_and_the_old_connection_is_disconnected() {
    let c = company().await;
    c.step("cut-over", "cut").await;
    let service = &c.desk.w.app.service;
    let later = |days: i64| c.desk.clock.set(c.desk.clock.now().plus_days(days));
    later(13);
    assert_eq!(service.resume_switches().await.unwrap(), 0);
    later(1);
    let path = format!("switches/{}/back", c.switch);
    c.desk.api("POST", &path, None).await.expect(409);
    let with_access = c.stands().iter().filter(|l| l.contains(" in ")).count();
    assert_eq!(service.resume_switches().await.unwrap(), 1);
    assert_eq!(c.show().await["state"], "ended");
    let path = format!("connections/{}", c.old.source.id);
    let gone = c.desk.api("GET", &path, None).await.expect(200).body;
    assert_eq!(gone["state"], "disconnected");
    let left = c.stands();
    assert_eq!(
        left.iter().filter(|l| l.contains(" in ")).count(),
        with_access
    );
    // Only who was merely listed, and is in no system any more, goes: of p000 to p009 four.
    assert_eq!(left.len(), 300 - 4);
    assert_eq!(service.resume_switches().await.unwrap(), 0);
}

#[actix_web::test]
async fn a_cut_over_and_a_way_back_that_a_process_leaves_half_done_are_finished_by_another() {
    let c = company().await;
    let (service, caller) = (&c.desk.w.app.service, &c.desk.w.app.tenant);
    let (stands, documents) = (c.stands(), c.documents());
    let resting = "claims WHERE state = 'resting'";
    for (state, is_return) in [("cut", false), ("comparing", true)] {
        // It dies as soon as some have followed.
        let step = async {
            match is_return {
                false => drop(service.cut_over(caller, &c.switch).await),
                true => drop(service.return_switch(caller, &c.switch).await),
            }
        };
        let some_follow = async {
            loop {
                let count = c.desk.count(resting);
                if count > 0 && count < 290 {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            () = step => {}
            () = some_follow => {}
        }
        // Whoever follows a moment later has been queued already.
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        assert!(c.desk.count(resting) > 0, "{state}");
        c.desk.clock.set(Millis(c.desk.clock.now().0 + 60_000));
        service.resume_switches().await.unwrap();
        assert_eq!(c.show().await["state"], state);
        assert_eq!(c.stands(), stands);
    }
    assert_eq!(c.desk.count(resting), 0);
    assert_eq!(c.documents(), documents);
}
