//! Why: of every value and of access, who said so, who says otherwise, since when, by what.

use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::employment::EmploymentState::Left;
use serde_json::{Value, json};

use super::{desk, employee, in_state};
use crate::support::process::{command, run, said};

fn told<'a>(why: &'a Value, path: &str) -> &'a Value {
    let values = why["values"].as_array().unwrap();
    values
        .iter()
        .find(|v| v["path"] == path)
        .unwrap_or_else(|| panic!("{path} in {why}"))
}

#[actix_web::test]
async fn every_value_and_every_lack_of_access_has_its_source_its_rivals_and_its_time() {
    let desk = desk().await;
    let hr = desk.hr("HR", JoinerPolicy::List).await;
    let mut user = crate::sources::user("ann@idp.test", "ann@x.test", "Boss");
    user["nickName"] = json!("Nan");
    let id = desk.w.entra.post("/Users", user).await.expect(201).id();
    let before = desk.clock_later(60_000);
    let mut person = employee("ann", "ann@x.test", "Legal");
    desk.pull(&hr, &[person.clone()]).await;
    let (entra, hr_id) = (desk.connection("entra"), hr.source.id.clone());
    let path = format!("people/{id}/why");
    let why = desk.api("GET", &path, None).await.expect(200).body;
    assert_eq!(
        (&why["access"], &why["hasAccess"]),
        (&json!("granted"), &json!(true))
    );
    assert_eq!(why["since"]["action"], "access.granted");
    assert_eq!(why["since"]["actorKind"], "token");
    assert_eq!(
        why["words"],
        json!({&entra: "active true", &hr_id: "employed"})
    );
    let title = told(&why, "title");
    assert_eq!(title["value"], "Clerk");
    assert_eq!(title["since"]["causeKind"], "run");
    assert_eq!(title["since"]["causeId"], "run-1");
    assert_eq!(title["since"]["time"], json!(before));
    let words: Vec<(&Value, &Value, &Value)> = title["said"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| (&s["connection"], &s["value"], &s["standing"]))
        .collect();
    assert_eq!(
        words,
        [
            (&json!(hr_id), &json!("Clerk"), &json!("in-force")),
            (&json!(entra), &json!("Boss"), &json!("overruled")),
        ]
    );
    assert_eq!(title["said"][0]["since"]["causeId"], "run-1");
    assert_eq!(
        title["said"][1]["since"]["action"], "user.created",
        "Entra said so before"
    );
    // What one source alone says, and what is held of the other.
    assert_eq!(
        told(&why, "nickName")["said"][0]["connection"],
        json!(entra)
    );
    let name = told(&why, "userName");
    assert_eq!(name["value"], "ann@idp.test");
    let held = name["said"]
        .as_array()
        .unwrap()
        .iter()
        .find(|s| s["connection"] == json!(hr_id));
    assert_eq!(held.unwrap()["standing"], "held");
    let only = desk
        .api("GET", &format!("{path}?path=TITLE"), None)
        .await
        .expect(200)
        .body;
    assert_eq!(only["values"].as_array().unwrap().len(), 1);
    // Access that was taken, by whom.
    desk.clock_later(60_000);
    person = in_state(&person, Left);
    desk.pull(&hr, &[person]).await;
    let why = desk.api("GET", &path, None).await.expect(200).body;
    assert_eq!(why["accessReason"]["code"], "left");
    assert_eq!(
        (&why["since"]["action"], &why["since"]["causeId"]),
        (&json!("access.revoked"), &json!("run-2"))
    );
    assert_eq!(why["words"][&hr_id], "left");
    desk.api("POST", &format!("people/{id}/revoke"), None)
        .await
        .expect(200);
    let why = desk.api("GET", &path, None).await.expect(200).body;
    assert_eq!(why["decidedByHuman"], true);
    assert_eq!(why["since"]["actorKind"], "token");
    desk.api("GET", "people/nobody/why", None).await.expect(404);
    // The same at the shell.
    let files = tempfile::tempdir().unwrap();
    let shell = |args: &[&str]| {
        run(
            command(&desk.w.app.database, files.path(), "127.0.0.1:0"),
            args,
        )
    };
    let shown = shell(&["person", "why", &id, "--path", "title", "--json"]);
    assert!(shown.status.success(), "{}", said(&shown));
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(
        shown["values"][0]["said"],
        why["values"]
            .as_array()
            .unwrap()
            .iter()
            .find(|v| v["path"] == "title")
            .unwrap()["said"]
    );
    let page = said(&shell(&["person", "why", &id]));
    assert!(
        page.contains("overruled") && page.contains("says left"),
        "{page}"
    );
}

impl super::Desk {
    /// Time passes; the moment that it is then.
    fn clock_later(&self, ms: i64) -> String {
        use rosterd::domain::clock::{Clock, Millis};
        let now = Millis(self.clock.now().0 + ms);
        self.clock.set(now);
        now.to_rfc3339()
    }
}
