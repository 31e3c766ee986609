//! The joiner policy `invite`: the mail is queued in the operation that brings somebody.

use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::employment::EmploymentState;
use serde_json::json;

use super::Scene;
use super::leavers::record;

#[actix_web::test]
async fn a_push_source_with_the_policy_invite_invites_and_never_skips_the_invitation() {
    let s = Scene::of(JoinerPolicy::Invite).await;
    let ann = s.listed("ann@x.test").await;
    assert_eq!(s.access(&ann).await, "invited/invited-by-policy");
    assert_eq!(s.mails(&ann), ["invitation queued"]);
    // It says the same again and again.
    let on = json!([{"op": "replace", "path": "active", "value": true}]);
    for _ in 0..3 {
        s.okta.patch(&format!("/Users/{ann}"), on.clone()).await;
    }
    assert_eq!(s.mails(&ann).len(), 1);
    let path = format!("/invitations?person={ann}");
    let list = s.send(&s.admin, "GET", &path, None).await.expect(200).body;
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    assert!(list["items"][0]["connection"].is_string(), "{list}");
    let token = s.mailed(&ann);
    s.press(&token, "accept").await.expect(200);
    assert_eq!(s.access(&ann).await, "granted/invitation-accepted");
    s.check().await;
}

#[actix_web::test]
async fn whom_an_invitation_came_to_nothing_for_no_source_invites_again() {
    for (act, reason) in [
        ("decline", "invitation-declined"),
        ("withdraw", "invitation-withdrawn"),
        ("expire", "invitation-expired"),
    ] {
        let s = Scene::of(JoinerPolicy::Invite).await;
        let ann = s.listed("ann@x.test").await;
        let sql = "SELECT id AS line FROM invitations";
        let id = s.rows(sql).pop().unwrap();
        match act {
            "decline" => drop(s.press(&s.mailed(&ann), "decline").await.expect(200)),
            "withdraw" => drop(s.act(&id, "withdraw").await.expect(200)),
            _ => {
                s.days_later(14);
                s.tick().await;
            }
        }
        let on = json!([{"op": "replace", "value": {"active": true, "title": "Boss"}}]);
        s.okta.patch(&format!("/Users/{ann}"), on).await.expect(200);
        assert_eq!(s.access(&ann).await, format!("listed/{reason}"));
        // The app's own word goes past it.
        let put = json!({"email": "ann@x.test", "hasAccess": true});
        s.send(&s.me, "PUT", "/app-users/u-1", Some(put))
            .await
            .expect(201);
        assert_eq!(s.access(&ann).await, "granted/has-access-in-app", "{act}");
        s.check().await;
    }
}

#[actix_web::test]
async fn a_pull_source_with_the_policy_invite_invites_whom_mail_reaches() {
    let s = Scene::start().await;
    let hr = s.hr(JoinerPolicy::Invite).await;
    let working = EmploymentState::Employed;
    let ann = s
        .pull(&hr, record("7", "ann@x.test", working))
        .await
        .unwrap();
    assert_eq!(s.access(&ann).await, "invited/invited-by-policy");
    assert_eq!(s.mails(&ann), ["invitation queued"]);
    let mut nobody = record("8", "x", working);
    nobody.user.remove("emails");
    let nobody = s.pull(&hr, nobody).await.unwrap();
    assert_eq!(s.access(&nobody).await, "listed/invitation-due");
    // With an address she is invited at the next pull.
    s.pull(&hr, record("8", "bo@x.test", working)).await;
    assert_eq!(s.access(&nobody).await, "invited/invited-by-policy");
    // Whom the app has already needs none, nor whom a human must look at first.
    let put = json!({"email": "cleo@x.test", "hasAccess": true});
    s.send(&s.me, "PUT", "/app-users/u-1", Some(put))
        .await
        .expect(201);
    let cleo = s
        .pull(&hr, record("9", "cleo@x.test", working))
        .await
        .unwrap();
    assert_eq!(s.access(&cleo).await, "granted/has-access-in-app");
    assert_eq!(s.mails(&cleo), [""; 0]);
    let settings = json!({"verifiedDomains": ["x.test"]});
    s.send(&s.admin, "PATCH", "/settings", Some(settings))
        .await
        .expect(200);
    let dee = s
        .pull(&hr, record("10", "dee@y.test", working))
        .await
        .unwrap();
    assert_eq!(s.access(&dee).await, "listed/unverified-domain");
    // A human may: that is what she is listed for.
    assert_eq!(s.invite(&dee).await["result"], "invited");
    // She leaves and comes back: another invitation.
    s.pull(&hr, record("7", "ann@x.test", EmploymentState::Left))
        .await;
    assert_eq!(s.access(&ann).await, "listed/left");
    let back = rosterd::service::pull::PullPerson {
        digest: "back".to_owned(),
        ..record("7", "ann@x.test", working)
    };
    s.pull(&hr, back).await;
    assert_eq!(s.access(&ann).await, "invited/invited-by-policy");
    assert_eq!(s.mails(&ann), ["invitation canceled", "invitation queued"]);
    s.check().await;
}
