//! The switch from one HR system to another where a third source speaks of the same people, or one of the two goes.

use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::clock::{Clock, Millis};
use serde_json::{Value, json};

use super::switch::Company;
use super::{desk, employee, seal};
use crate::sources::user;

/// Of whom both, only the old and only the new one speak; the identity provider speaks of all, and their titles are that of
/// the source: `Old`, `New`, `Idp`. The old one comes first for the title.
const PEOPLE: [&str; 3] = ["both", "from", "to"];

async fn company() -> Company {
    let desk = desk().await;
    for name in PEOPLE {
        let email = format!("{name}@x.test");
        let user = user(&email, &email, "Idp");
        desk.w.entra.post("/Users", user).await.expect(201);
    }
    let old = desk.hr("Old HR", JoinerPolicy::List).await;
    let new = desk.hr("New HR", JoinerPolicy::List).await;
    for (hr, names, title) in [
        (&old, ["both", "from"], "Old"),
        (&new, ["both", "to"], "New"),
    ] {
        let records = names.map(|name| {
            let mut person = employee(name, &format!("{name}@x.test"), "Legal");
            person.user.insert("title".to_owned(), json!(title));
            seal(&mut person);
            person
        });
        desk.pull(hr, &records).await;
    }
    let rules = json!({"title": [old.source.id, "scim"]});
    desk.set_precedence(rules).await.expect(200);
    let body = json!({"from": old.source.id, "to": new.source.id});
    let switch = desk.api("POST", "switches", Some(body));
    let switch = switch.await.expect(201).id();
    Company {
        desk,
        old,
        new,
        switch,
    }
}

impl Company {
    fn id(&self, name: &str) -> String {
        let hr = if name == "to" { &self.new } else { &self.old };
        self.desk.person(hr, name)
    }

    async fn titles(&self) -> Vec<Value> {
        let tenant = &self.desk.w.app.tenant.tenant;
        let service = &self.desk.w.app.service;
        service.finish_recompute(tenant).await.unwrap();
        let mut titles = Vec::new();
        for name in PEOPLE {
            titles.push(self.desk.w.effective(&self.id(name)).await["title"].clone());
        }
        titles
    }

    async fn order(&self) -> Value {
        let settings = self.desk.api("GET", "settings", None).await.expect(200);
        settings.body["precedence"]["title"].clone()
    }

    /// Puts the switch into a state, as a process leaves it that dies.
    fn left_in(&self, state: &str) {
        let switch = &self.switch;
        self.desk.w.sql(&format!(
            "UPDATE switches SET state = '{state}', touched_at = 1 WHERE id = '{switch}'"
        ));
    }
}

#[actix_web::test]
async fn the_place_counts_against_a_third_source_for_everybody_and_so_does_the_way_back() {
    let c = company().await;
    let before = ["Old", "Old", "Idp"];
    assert_eq!(c.titles().await, before);
    let differences = c.differences("").await;
    for (name, kind, was, is) in [
        ("both", "differs", "Old", "New"),
        ("from", "only-from", "Old", "Idp"),
        ("to", "only-to", "Idp", "New"),
    ] {
        let id = json!(c.id(name));
        let found = differences.iter().find(|d| d["id"] == id).unwrap();
        assert_eq!(found["kind"], kind);
        let title = json!({"path": "title", "before": was, "after": is});
        let values = found["values"].as_array().unwrap();
        assert!(values.contains(&title), "{found}");
    }
    c.step("cut-over", "cut").await;
    assert_eq!(c.titles().await, ["New", "Idp", "New"]);
    let (old, new) = (&c.old.source.id, &c.new.source.id);
    assert_eq!(c.order().await, json!([old, new, "scim"]));
    // What is read may be said back.
    let entries = c.desk.w.app.verify().await.entries;
    let rules = c.desk.api("GET", "settings", None).await.body["precedence"].clone();
    c.desk.set_precedence(rules).await.expect(200);
    assert_eq!(c.desk.w.app.verify().await.entries, entries);
    c.step("back", "comparing").await;
    assert_eq!(c.titles().await, before);
    assert_eq!(c.order().await, json!([old, "scim"]));
    c.desk.w.check().await;
}

#[actix_web::test]
async fn the_way_back_is_open_when_the_new_connection_is_gone() {
    let c = company().await;
    c.step("cut-over", "cut").await;
    let (service, caller) = (&c.desk.w.app.service, &c.desk.w.app.tenant);
    service.disconnect(caller, &c.new.source.id).await.unwrap();
    c.step("back", "given-up").await;
    assert_eq!(c.titles().await, ["Old", "Old", "Idp"]);
    let path = format!("connections/{}", c.old.source.id);
    let old = c.desk.api("GET", &path, None).await.expect(200).body;
    assert_eq!(old["state"], "active");
    c.desk.w.check().await;
}

#[actix_web::test]
async fn neither_connection_is_disconnected_while_people_follow() {
    let c = company().await;
    c.step("cut-over", "cut").await;
    c.titles().await;
    for state in ["cutting", "returning"] {
        c.left_in(state);
        for connection in [&c.old.source.id, &c.new.source.id] {
            let path = format!("connections/{connection}/disconnect");
            let refused = c.desk.api("POST", &path, None).await.expect(409);
            assert!(refused.text.contains(&c.switch), "{}", refused.text);
        }
    }
    c.desk.clock.set(Millis(c.desk.clock.now().0 + 60_000));
    let service = &c.desk.w.app.service;
    assert_eq!(service.resume_switches().await.unwrap(), 1);
    assert_eq!(c.show().await["state"], "comparing");
    let path = format!("connections/{}/disconnect", c.new.source.id);
    c.desk.api("POST", &path, None).await.expect(202);
}

#[actix_web::test]
async fn one_switch_that_fails_keeps_no_other_one_back() {
    let c = company().await;
    c.step("cut-over", "cut").await;
    c.left_in("cutting");
    c.desk.w.sql(
        "INSERT INTO switches (tenant, id, from_id, to_id, state, actor_kind, actor_id, created_at, updated_at, touched_at) \
         SELECT tenant, '0', 'nowhere', to_id, 'returning', actor_kind, actor_id, 1, 1, 1 FROM switches",
    );
    c.desk.clock.set(Millis(c.desk.clock.now().0 + 60_000));
    let service = &c.desk.w.app.service;
    assert_eq!(service.resume_switches().await.unwrap(), 1);
    assert_eq!(c.show().await["state"], "cut");
}
