//! The one thing that no dialect may get wrong: whoever is deactivated has no access, as an application reads it.

use rosterd::domain::roles::Role;
use rosterd::scim::rules::Preset;
use serde_json::{Value, json};

use crate::support::{TestApp, USER};

const HAS_ACCESS: &str = "/urn:ietf:params:scim:schemas:extension:rosterd:2.0:User/hasAccess";

#[actix_web::test]
async fn a_deactivation_takes_access_away_in_every_spelling_and_preset() {
    let app = TestApp::start().await;
    let reader = app.role(&app.tenant, Role::App).await;
    let whole =
        |name: &str, active: Value| json!({"schemas": [USER], "userName": name, "active": active});
    let spellings: [(&str, Value); 6] = [
        (
            "PATCH",
            json!([{"op": "replace", "value": {"active": false}}]),
        ),
        (
            "PATCH",
            json!([{"op": "Replace", "path": "active", "value": "False"}]),
        ),
        (
            "PATCH",
            json!([{"op": "add", "path": format!("{USER}:Active"), "value": false}]),
        ),
        (
            "PATCH",
            json!([{"op": "Replace", "value": {format!("{USER}:active"): "false"}}]),
        ),
        ("PUT", json!(false)),
        ("PUT", json!("False")),
    ];
    for preset in Preset::ALL {
        for (i, (method, said)) in spellings.iter().enumerate() {
            // Each by a connection of its own: of one, the sixth within an hour is parked.
            let source = app.source(preset).await;
            let shown = format!("{preset:?}: {method} {said}");
            let name = format!("{}-{i}@x.test", preset.as_str());
            let made = source.post("/Users", whole(&name, json!(true))).await;
            let path = format!("/Users/{}", made.expect(201).id());
            let has_access = async || reader.get(&path).await.body.pointer(HAS_ACCESS).cloned();
            assert_eq!(has_access().await, Some(json!(true)), "{shown}");
            let answer = match *method {
                "PUT" => source.put(&path, whole(&name, said.clone())).await,
                _ => source.patch(&path, said.clone()).await,
            };
            assert_eq!(answer.status, 200, "{shown}: {}", answer.text);
            assert_eq!(answer.body["active"], json!(false), "{shown}");
            assert_eq!(has_access().await, Some(json!(false)), "{shown}");
        }
    }
}
