//! A scope is tried: who would drop out, and who would come in of those whom the scope that is set keeps out.

use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::pull::Leaving;
use rosterd::domain::roles::Role;
use serde_json::{Value, json};

use crate::support::{Client, execute};
use crate::undo::firm::{Hr, Record};

async fn test(hr: &Hr, admin: &Client, filter: &str) -> Value {
    let body = json!({"filter": filter}).to_string().into_bytes();
    let path = format!(
        "/api/v1/tenants/default/connections/{}/scope:test",
        hr.connection
    );
    let answer = admin.raw("POST", &path, "application/json", body).await;
    answer.expect(200).body
}

/// The scope that is set, of the connection and of its pulls.
fn set(hr: &Hr, filter: &str, leaving: Leaving) {
    hr.leaves_scope_by(filter, leaving);
    let settings = json!({"scope": {"filter": filter}}).to_string();
    let sql = format!(
        "UPDATE connections SET settings = '{settings}' WHERE id = '{}'",
        hr.connection
    );
    execute(&mut hr.w.app.database.connect(), &sql);
}

#[actix_web::test]
async fn who_would_come_in_are_those_whom_the_scope_that_is_set_keeps_out() {
    for leaving in [Leaving::Keep, Leaving::Revoke] {
        let hr = Hr::with(JoinerPolicy::Grant).await;
        let admin = hr.w.app.role(&hr.w.app.tenant, Role::TenantAdmin).await;
        for (id, title) in [
            ("a", "Clerk"),
            ("b", "Clerk"),
            ("c", "Clerk"),
            ("d", "Boss"),
            ("e", "Boss"),
            ("f", "Boss"),
        ] {
            let title = Some(title.to_owned());
            let record = Record::of(&format!("{id}@x.test"));
            hr.put(id, Record { title, ..record });
        }
        hr.pull().await;
        let ids = hr.ids();
        // Without a scope everybody is in: nobody can come.
        let none = test(&hr, &admin, "title eq \"Boss\"").await;
        assert_eq!(
            (
                &none["stays"],
                &none["drops"],
                &none["comes"],
                &none["leftOut"]
            ),
            (&json!(3), &json!(3), &json!(0), &json!(0))
        );
        // One leaves the company, the other bosses and one who becomes a boss leave the scope. A record that never came is one.
        hr.drop("f");
        for _ in 0..3 {
            hr.pull().await;
        }
        set(&hr, "title eq \"Clerk\"", leaving);
        hr.change("c", |r| r.title = Some("Boss".to_owned()));
        let never = Record::of("never@x.test");
        let title = Some("Boss".to_owned());
        hr.put("never", Record { title, ..never });
        hr.pull().await;
        let bosses = test(&hr, &admin, "title eq \"Boss\"").await;
        assert_eq!(
            (&bosses["stays"], &bosses["drops"], &bosses["comes"]),
            (&json!(0), &json!(2), &json!(2)),
            "{bosses}"
        );
        let come: Vec<&str> = bosses["comesFirst"]
            .as_array()
            .unwrap()
            .iter()
            .map(|p| p["id"].as_str().unwrap())
            .collect();
        let mut want = [ids["d"].as_str(), &ids["e"]];
        want.sort_unstable();
        assert_eq!(come, want);
        assert_eq!(bosses["leftOut"], json!(4));
        assert_eq!(bosses["warnings"], json!(["nobody", "others-left-out"]));
        // Of her who changed nothing newer is known than that the scope took her.
        let all = test(&hr, &admin, "title pr").await;
        assert_eq!(
            (&all["stays"], &all["comes"], &all["warnings"]),
            (
                &json!(2),
                &json!(2),
                &json!(["everybody", "others-left-out"])
            )
        );
        let nobody = test(&hr, &admin, "title eq \"Chef\"").await;
        assert_eq!(nobody["comes"], json!(0));
        assert_eq!(nobody["warnings"], json!(["nobody", "others-left-out"]));
        hr.w.check().await;
    }
}
