//! A pending invitation dies with whatever else decides about her access, in the same transaction.

use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::employment::EmploymentState;
use rosterd::scim::rules::Preset;
use rosterd::service::Source;
use rosterd::service::connections::NewConnection;
use rosterd::service::pull::{Permit, PullPerson, PullSource};
use serde_json::{Value, json};

use super::Scene;

impl Scene {
    /// A pull source of the tenant.
    pub(super) async fn hr(&self, policy: JoinerPolicy) -> PullSource {
        let new = NewConnection {
            label: "HR".to_owned(),
            preset: Preset::Generic,
            policy,
        };
        let made = self
            .app
            .service
            .create_connection(&self.app.tenant, new)
            .await;
        let id = made.unwrap().as_str().to_owned();
        self.sql(&format!(
            "UPDATE connections SET kind = 'hris' WHERE id = '{id}'"
        ));
        PullSource {
            source: Source { id, policy },
            also_by: None,
            zone: None,
        }
    }

    /// Pulls a record; answers whose it is.
    pub(super) async fn pull(&self, hr: &PullSource, person: PullPerson) -> Option<String> {
        let service = &self.app.service;
        let done = service.pull_person(&self.app.tenant, hr, person, Permit::Full);
        done.await.unwrap().user_id
    }

    /// The state of the newest invitation of somebody, with why, her links and her mail.
    fn how_it_ended(&self, person: &str) -> String {
        let sql = format!(
            "SELECT i.state || '/' || COALESCE(i.reason, '') || ' ' || COALESCE(o.state, 'app') AS line FROM invitations i \
             LEFT JOIN outbox o ON o.id = i.mail_id WHERE i.user_id = '{person}' ORDER BY i.id"
        );
        self.rows(&sql).pop().unwrap_or_default()
    }
}

pub(super) fn record(id: &str, email: &str, state: EmploymentState) -> PullPerson {
    let user = json!({
        "userName": email, "displayName": format!("HR {id}"),
        "emails": [{"value": email, "type": "work", "primary": true}],
    });
    PullPerson {
        source_id: id.to_owned(),
        user: user.as_object().unwrap().clone(),
        employment: state,
        start_date: None,
        end_date: None,
        digest: format!("{email}/{}", state.as_str()),
        unsaid: Default::default(),
        former: Vec::new(),
    }
}

#[actix_web::test]
async fn a_pending_invitation_dies_with_the_leaver_however_she_leaves() {
    let s = Scene::start().await;
    let hr = s.hr(JoinerPolicy::List).await;
    let off = json!([{"op": "replace", "path": "active", "value": false}]);
    for (how, reason) in [
        ("inactive", "deactivated-by-source"),
        ("deleted", "deleted-by-source"),
        ("left", "left"),
        ("revoked", "revoked-by-human"),
        ("removed", "removed-by-human"),
        ("app removed", "removed-in-app"),
    ] {
        let name = format!("{}@x.test", how.replace(' ', "-"));
        let person = match how {
            "left" => s
                .pull(&hr, record(how, &name, EmploymentState::Employed))
                .await
                .unwrap(),
            _ => s.listed(&name).await,
        };
        let of_app = format!("/app-users/{}", how.replace(' ', "-"));
        if how == "app removed" {
            // The app knows her, and she has no access there.
            let none = json!({"email": name, "hasAccess": false});
            s.send(&s.me, "PUT", &of_app, Some(none)).await.expect(201);
        }
        s.invite_with(&person, json!({"inSpite": true})).await;
        let token = s.mailed(&person);
        let user = format!("/Users/{person}");
        match how {
            "inactive" => drop(s.okta.patch(&user, off.clone()).await.expect(200)),
            "deleted" => drop(s.okta.delete(&user).await.expect(204)),
            "left" => drop(s.pull(&hr, record(how, &name, EmploymentState::Left)).await),
            "app removed" => drop(s.send(&s.me, "DELETE", &of_app, None).await.expect(204)),
            human => {
                let act = if human == "revoked" {
                    "revoke"
                } else {
                    "remove"
                };
                let path = format!("/people/{person}/{act}");
                s.send(&s.admin, "POST", &path, None).await.expect(200);
            }
        }
        assert_eq!(s.access(&person).await, format!("listed/{reason}"), "{how}");
        let ended = s.how_it_ended(&person);
        assert_eq!(ended, format!("superseded/{reason} canceled"), "{how}");
        s.page(&token).await.answer.expect(410);
    }
    s.check().await;
}

#[actix_web::test]
async fn whom_the_app_lets_in_needs_no_invitation_any_more() {
    let s = Scene::start().await;
    let ann = s.listed("ann@x.test").await;
    s.invite(&ann).await;
    let put = json!({"email": "ann@x.test", "hasAccess": true});
    s.send(&s.me, "PUT", "/app-users/u-1", Some(put))
        .await
        .expect(201);
    assert_eq!(s.access(&ann).await, "granted/has-access-in-app");
    assert_eq!(
        s.how_it_ended(&ann),
        "superseded/has-access-in-app canceled"
    );
    s.check().await;
}

#[actix_web::test]
async fn what_was_personal_goes_with_a_tombstone() {
    let s = Scene::start().await;
    let ann = s.listed("ann@secret.test").await;
    s.invite_with(
        &ann,
        json!({"message": "secret words", "inviter": "Secret Bo"}),
    )
    .await;
    let token = s.mailed(&ann);
    s.okta.delete(&format!("/Users/{ann}")).await.expect(204);
    let path = format!("/people/{ann}/remove");
    let removed = s.send(&s.admin, "POST", &path, None).await.expect(200).body;
    assert_eq!(removed["isRemoved"], true);
    let kept = s.rows(
        "SELECT email || COALESCE(message, '') || COALESCE(inviter, '') || COALESCE(given, '') AS line FROM invitations",
    );
    assert_eq!(kept, [""]);
    s.page(&token).await.answer.expect(410);
    s.check().await;
}

#[actix_web::test]
async fn disconnecting_leaves_the_invited_their_invitation_unless_it_is_withdrawn() {
    for withdraw in [false, true] {
        let s = Scene::start().await;
        let invited = s.listed("invited@x.test").await;
        let listed = s.listed("listed@x.test").await;
        let (id, token) = s.link_for(&invited).await;
        let sql = "SELECT id AS line FROM connections WHERE kind = 'scim'";
        let connection = s.rows(sql).pop().unwrap();
        let path = format!("/connections/{connection}/disconnect");
        let preview = s.send(&s.admin, "GET", &path, None).await.expect(200).body;
        assert_eq!(preview["invited"]["count"], 1);
        assert_eq!(preview["invited"]["first"][0]["id"], invited.as_str());
        assert_eq!(preview["removed"]["count"], 1);
        let body = withdraw.then(|| json!({"withdrawInvited": true}));
        s.send(&s.admin, "POST", &path, body).await.expect(202);
        for _ in 0..200 {
            let path = format!("/connections/{connection}");
            let now = s.send(&s.admin, "GET", &path, None).await.expect(200).body;
            if now["state"] == "disconnected" {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        assert_eq!(status_of(&s.me, &listed).await, 404);
        match withdraw {
            false => {
                assert_eq!(s.access(&invited).await, "invited/invited");
                s.press(&token, "accept").await.expect(200);
                assert_eq!(s.access(&invited).await, "granted/invitation-accepted");
            }
            true => {
                assert_eq!(status_of(&s.me, &invited).await, 404);
                assert_eq!(s.state(&id).await, "withdrawn");
                s.page(&token).await.answer.expect(410);
            }
        }
        s.check().await;
    }
}

async fn status_of(client: &crate::support::Client, id: &str) -> u16 {
    client.get(&format!("/Users/{id}")).await.status
}

#[actix_web::test]
async fn somebody_who_starts_later_accepts_now_and_comes_in_with_her_first_day() {
    let s = Scene::start().await;
    let hr = s.hr(JoinerPolicy::List).await;
    let prehire = PullPerson {
        start_date: chrono::NaiveDate::from_ymd_opt(2026, 7, 1),
        ..record("7", "ann@x.test", EmploymentState::Prehire)
    };
    let ann = s.pull(&hr, prehire).await.unwrap();
    let (_, token) = s.link_for(&ann).await;
    let done = s.press(&token, "accept").await.expect(200);
    assert!(
        done.text.contains("begins with your first day"),
        "{}",
        done.text
    );
    assert_eq!(s.access(&ann).await, "granted/not-started");
    assert_eq!(s.rows("SELECT id AS line FROM handoffs"), [""; 0]);
    s.days_later(20);
    s.pull(&hr, record("7", "ann@x.test", EmploymentState::Employed))
        .await;
    assert_eq!(s.access(&ann).await, "granted/granted-by-policy");
    let answer: Value = s
        .send(&s.me, "GET", "/access?email=ann%40x.test", None)
        .await
        .expect(200)
        .body;
    assert_eq!(answer["answer"], "grant");
    s.check().await;
}
