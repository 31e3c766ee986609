//! Whose value is in force: at first, by a tenant's rules, and what changing them does.

use rosterd::domain::access::JoinerPolicy;
use serde_json::{Value, json};

use super::{Desk, desk, employee};
use crate::support::ENTERPRISE;

/// An employee of Entra's, as its sync sees her.
struct Entra<'a> {
    desk: &'a Desk,
    name: &'static str,
    /// What Entra wants her department to be.
    department: String,
    sent: Vec<String>,
}

impl Entra<'_> {
    /// One cycle, in Entra's order: look-up, create or read, and one PATCH of what differs.
    async fn cycle(&mut self) {
        let entra = &self.desk.w.entra;
        let (name, department) = (self.name, self.department.as_str());
        self.sent.push("look-up".to_owned());
        let found = entra
            .filter("/Users", &format!("userName eq \"{name}\""))
            .await;
        let Some(id) = found.ids().first().cloned() else {
            let body = json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE], "externalId": "e-1", "userName": name,
                "active": true, "emails": [{"primary": true, "type": "work", "value": name}],
                "meta": {"resourceType": "User"}, "name": {"familyName": "Lee", "givenName": "ann"}, "roles": [],
                ENTERPRISE: {"department": department},
            });
            self.sent.push("create".to_owned());
            entra.post("/Users", body).await.expect(201);
            return;
        };
        self.sent.push("read".to_owned());
        let read = entra.get(&format!("/Users/{id}")).await.expect(200).body;
        if read[ENTERPRISE]["department"] != department {
            let path = format!("{ENTERPRISE}:department");
            let operation = json!([{"op": "Replace", "path": path, "value": department}]);
            self.sent.push("patch".to_owned());
            let done = entra.patch(&format!("/Users/{id}"), operation).await;
            assert!([200, 204].contains(&done.status));
        }
    }

    fn patches(&self) -> usize {
        self.sent.iter().filter(|s| *s == "patch").count()
    }
}

async fn department(desk: &Desk, id: &str) -> Value {
    desk.w.effective(id).await[ENTERPRISE]["department"].clone()
}

#[actix_web::test]
async fn entra_patches_once_what_hr_owns_and_its_value_appears_when_hr_goes() {
    let desk = desk().await;
    let mut entra = Entra {
        desk: &desk,
        name: "ann@x.test",
        department: "Sales".to_owned(),
        sent: Vec::new(),
    };
    entra.cycle().await;
    // Younger than Entra, and first where HR owns.
    let hr = desk.hr("HR", JoinerPolicy::List).await;
    desk.pull(&hr, &[employee("ann", "ann@x.test", "Legal")])
        .await;
    let id = desk.person(&hr, "ann");
    assert_eq!(department(&desk, &id).await, "Legal");
    entra.department = "Marketing".to_owned();
    let mut versions = Vec::new();
    for _ in 0..3 {
        entra.cycle().await;
        let read = desk.w.entra.get(&format!("/Users/{id}")).await.body;
        assert_eq!(read[ENTERPRISE]["department"], "Marketing", "its own view");
        versions.push(read["meta"]["version"].clone());
    }
    assert_eq!(entra.patches(), 1, "{:?}", entra.sent);
    assert_eq!(versions[0], versions[2]);
    assert_eq!(department(&desk, &id).await, "Legal", "HR owns it");
    let path = format!("connections/{}/disconnect", hr.source.id);
    desk.api("POST", &path, None).await.expect(202);
    let caller = &desk.w.app.tenant;
    desk.w
        .app
        .service
        .disconnect(caller, &hr.source.id)
        .await
        .unwrap();
    assert_eq!(department(&desk, &id).await, "Marketing");
    assert_eq!(desk.w.access(&id).await, "granted/granted-by-policy");
    desk.w.check().await;
}

/// Three people of both: HR and Entra say otherwise of title and name.
async fn three() -> (Desk, Vec<String>) {
    let desk = desk().await;
    let hr = desk.hr("HR", JoinerPolicy::List).await;
    let mut ids = Vec::new();
    for n in 0..3 {
        let email = format!("p{n}@x.test");
        let user = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": email, "title": "Boss", "active": true,
            "name": {"givenName": "Annie", "familyName": "Lee"}, "nickName": "Nan",
            "emails": [{"value": email, "type": "work", "primary": true}],
        });
        ids.push(desk.w.entra.post("/Users", user).await.expect(201).id());
        desk.pull(&hr, &[employee(&format!("p{n}"), &email, "Legal")])
            .await;
    }
    (desk, ids)
}

#[actix_web::test]
async fn changing_the_rules_recomputes_everybody_and_a_dry_run_says_whom_before() {
    let (desk, ids) = three().await;
    let given = async |id: &str| desk.w.effective(id).await["name"]["givenName"].clone();
    assert_eq!(
        desk.w.effective(&ids[0]).await["title"],
        "Clerk",
        "HR at first"
    );
    assert_eq!(given(&ids[0]).await, "Annie", "the older one");
    let rules = json!({"name": ["hris"], "title": ["scim"]});
    let tried = desk.api(
        "POST",
        "precedence:dry-run",
        Some(json!({"precedence": rules})),
    );
    let tried = tried.await.expect(200).body;
    assert_eq!(
        (&tried["examined"], &tried["changed"]),
        (&json!(3), &json!(3))
    );
    assert_eq!(tried["byPath"], json!({"name.givenName": 3, "title": 3}));
    let first = &tried["first"][0];
    assert_eq!(first["id"], json!(ids.iter().min().unwrap()));
    let title = json!({"path": "title", "before": "Clerk", "after": "Boss"});
    assert!(
        first["values"].as_array().unwrap().contains(&title),
        "{first}"
    );
    assert_eq!(
        desk.w.effective(&ids[0]).await["title"],
        "Clerk",
        "nothing is written"
    );
    let set = desk.set_precedence(rules.clone()).await.expect(200).body;
    assert_eq!(set["precedence"]["name"], json!(["hris"]));
    assert_eq!(
        set["precedence"]["userName"],
        json!(["scim"]),
        "as at first"
    );
    for (n, id) in ids.iter().enumerate() {
        assert_eq!(desk.w.effective(id).await["title"], "Boss");
        assert_eq!(given(id).await, format!("p{n}"));
        let own = desk.w.entra.get(&format!("/Users/{id}")).await.body;
        assert_eq!(
            own["name"]["givenName"], "Annie",
            "it reads back what it wrote"
        );
    }
    let done = desk.api("GET", "recompute", None).await.expect(200).body;
    assert_eq!(
        (&done["state"], &done["changed"]),
        (&json!("done"), &json!(3))
    );
    // The same again, and what says the same as at first, write nothing.
    let entries = desk.w.app.verify().await.entries;
    desk.set_precedence(rules).await.expect(200);
    assert_eq!(desk.w.app.verify().await.entries, entries);
    desk.set_precedence(json!({})).await.expect(200);
    assert_eq!(desk.w.effective(&ids[0]).await["title"], "Clerk");
    let entries = desk.w.app.verify().await.entries;
    let at_first = json!(rosterd::domain::precedence::at_first());
    desk.set_precedence(at_first).await.expect(200);
    assert_eq!(desk.w.app.verify().await.entries, entries);
    desk.w.check().await;
}

#[actix_web::test]
async fn a_rule_may_name_a_connection_a_part_of_a_name_and_everything() {
    let (desk, ids) = three().await;
    let entra = desk.connection("entra");
    let rules = json!({"NAME.givenname": ["hris"], "title": [entra], "*": ["hris"]});
    let set = desk.set_precedence(rules).await.expect(200).body;
    assert_eq!(set["precedence"]["name.givenName"], json!(["hris"]));
    let user = desk.w.effective(&ids[0]).await;
    assert_eq!(
        (
            &user["name"]["givenName"],
            &user["title"],
            &user["nickName"]
        ),
        (&json!("p0"), &json!("Boss"), &json!("Nan")),
        "nobody else says a nickname"
    );
    for (rules, says) in [
        (json!({"shoeSize": ["hris"]}), "shoeSize"),
        (
            json!({"emails.value": ["hris"]}),
            "leave out what follows the dot",
        ),
        (json!({"active": ["hris"]}), "each source's own"),
        (json!({"title": ["sap"]}), "the id of a connection"),
        (json!({"title": ["hris", "hris"]}), "twice"),
    ] {
        let refused = desk.set_precedence(rules.clone()).await.expect(400);
        assert!(refused.text.contains(says), "{rules}: {}", refused.text);
        let tried = desk.api(
            "POST",
            "precedence:dry-run",
            Some(json!({"precedence": rules})),
        );
        tried.await.expect(400);
    }
}

#[actix_web::test]
async fn a_recomputation_that_was_cut_off_is_gone_on_with() {
    let (desk, ids) = three().await;
    let (service, tenant) = (&desk.w.app.service, &desk.w.app.tenant);
    desk.set_precedence(json!({"title": ["scim"]}))
        .await
        .expect(200);
    // As a process leaves it that dies after the first person.
    let after = ids.iter().min().unwrap();
    desk.w.sql(&format!(
        "UPDATE recomputes SET state = 'running', after = '{after}', touched_at = 1, finished_at = NULL"
    ));
    desk.w
        .sql("UPDATE tenants SET settings = NULL WHERE name = 'default'");
    assert_eq!(service.resume_recomputes().await.unwrap(), 1);
    let titles: Vec<String> = {
        let mut titles = Vec::new();
        for id in &ids {
            titles.push(desk.w.effective(id).await["title"].to_string());
        }
        titles
    };
    assert_eq!(
        titles.iter().filter(|t| *t == "\"Clerk\"").count(),
        2,
        "{titles:?}"
    );
    let row = service
        .find_recompute(&tenant.tenant)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(row.state, "done");
    assert_eq!(service.resume_recomputes().await.unwrap(), 0);
}
