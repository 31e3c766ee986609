//! The undo of a run, or of a session, that invited people: who waits is invited no more, who has answered stays as she is.

use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::employment::EmploymentState;
use rosterd::service::invitations::{Accepted, Opened};
use rosterd::service::undo::Undone;
use serde_json::{Value, json};

use super::{Scene, mailed};
use crate::undo::firm::{Hr, Record};

const DAY: i64 = 24 * 3_600_000;

impl Hr {
    /// How somebody stands, a tombstone too.
    fn stands(&self, id: &str) -> String {
        let sql = format!(
            "SELECT access || '/' || access_reason || CASE WHEN removed_at IS NULL THEN '' ELSE ' gone' END AS line \
             FROM users WHERE id = '{id}'"
        );
        self.rows(&sql).pop().unwrap_or_default()
    }

    /// The invitations of somebody, oldest first, each with its newest mail.
    fn invitations(&self, id: &str) -> Vec<String> {
        self.rows(&format!(
            "SELECT i.state || '/' || COALESCE(i.reason, '') || ' ' || COALESCE(o.state, '') AS line FROM invitations i \
             LEFT JOIN outbox o ON o.id = i.mail_id WHERE i.user_id = '{id}' ORDER BY i.id"
        ))
    }

    async fn opens(&self, token: &str) -> bool {
        let opened = self.w.app.service.open_invitation(token).await.unwrap();
        matches!(opened, Opened::Pending(_))
    }

    async fn accepts(&self, token: &str) {
        let done = self.w.app.service.accept_invitation(token, "test").await;
        assert!(matches!(done.unwrap(), Accepted::In { .. }));
    }

    async fn reminds(&self) {
        assert_eq!(self.w.app.service.tick_invitations().await.unwrap(), 1);
    }

    /// The next pulls read the records with this policy.
    fn policy(&self, policy: JoinerPolicy) {
        let mut setup = self.firm.setup.lock().unwrap();
        setup.source.source.policy = policy;
        setup.settings_digest = policy.as_str().to_owned();
    }
}

fn about<'a>(told: &'a [Undone], id: &str) -> &'a Undone {
    told.iter().find(|undone| undone.person == id).unwrap()
}

#[actix_web::test]
async fn whom_a_run_brought_and_invited_goes_and_who_has_accepted_stays() {
    let hr = Hr::with(JoinerPolicy::Invite).await;
    hr.put("waits", Record::of("waits@x.test"));
    hr.put("yes", Record::of("yes@x.test"));
    let run = hr.pull().await;
    let (waits, yes) = (hr.ids()["waits"].clone(), hr.ids()["yes"].clone());
    let links = [&waits, &yes].map(|id| mailed(&hr.w.app, id));
    hr.accepts(&links[1]).await;
    let stayed: Vec<String> = hr
        .people()
        .into_iter()
        .filter(|l| l.contains(&yes))
        .collect();
    // A reminder, and a run that is undone first, are nobody's word about her.
    hr.later(6 * DAY);
    hr.reminds().await;
    let reminder = mailed(&hr.w.app, &waits);
    assert_ne!(reminder, links[0]);
    hr.change("waits", |r| r.title = Some("Boss".to_owned()));
    let second = hr.pull().await;
    hr.undo(&second.id).await.unwrap();
    let preview = hr.undone(&run.id).await;
    let done = hr.undo(&run.id).await.unwrap();
    assert_eq!(done.state, "undone");
    let told = hr.undone(&run.id).await;
    for told in [preview, told] {
        assert!(about(&told, &waits).is_undone, "{told:?}");
        let left = about(&told, &yes);
        assert!(!left.is_undone, "{left:?}");
        assert_eq!(
            (&*left.kept[0].what, &*left.kept[0].code),
            ("person", "changed-since")
        );
    }
    assert_eq!(hr.stands(&waits), "listed/undone gone");
    assert_eq!(hr.invitations(&waits), ["superseded/undone canceled"]);
    for token in [&links[0], &reminder] {
        assert!(!hr.opens(token).await);
    }
    assert_eq!(hr.stands(&yes), "granted/invitation-accepted");
    let stays: Vec<String> = hr
        .people()
        .into_iter()
        .filter(|l| l.contains(&yes))
        .collect();
    assert_eq!(stays, stayed);
    // The source says the same: nothing is made of it. Another word brings her back, by another link.
    hr.pull().await;
    assert_eq!(hr.stands(&waits), "listed/undone gone");
    assert_eq!(hr.invitations(&waits).len(), 1);
    hr.change("waits", |r| r.name = "Zoe".to_owned());
    hr.pull().await;
    assert_eq!(hr.stands(&waits), "invited/invited-by-policy");
    let fresh = mailed(&hr.w.app, &waits);
    assert!(hr.opens(&fresh).await && !hr.opens(&links[0]).await);
    hr.accepts(&fresh).await;
    hr.w.check().await;
}

#[actix_web::test]
async fn who_was_listed_before_the_run_that_invited_her_is_listed_again_unless_she_has_answered() {
    let hr = Hr::with(JoinerPolicy::List).await;
    for name in ["waits", "yes", "no"] {
        hr.put(name, Record::of(&format!("{name}@x.test")));
    }
    hr.pull().await;
    let ids = ["waits", "yes", "no"].map(|name| hr.ids()[name].clone());
    let listed: Vec<String> = hr
        .people()
        .into_iter()
        .filter(|l| l.contains(&ids[0]))
        .collect();
    hr.policy(JoinerPolicy::Invite);
    let run = hr.pull().await;
    for id in &ids {
        assert_eq!(hr.stands(id), "invited/invited-by-policy");
    }
    let links = [0, 1, 2].map(|n| mailed(&hr.w.app, &ids[n]));
    hr.accepts(&links[1]).await;
    hr.w.app
        .service
        .decline_invitation(&links[2], "test")
        .await
        .unwrap();
    hr.undo(&run.id).await.unwrap();
    let told = hr.undone(&run.id).await;
    assert!(about(&told, &ids[0]).is_undone);
    for id in &ids[1..] {
        let kept = &about(&told, id).kept;
        let is_kept = kept
            .iter()
            .any(|k| k.what == "access" && k.code == "changed-since");
        assert!(is_kept, "{kept:?}");
    }
    assert_eq!(hr.stands(&ids[0]), "listed/listed-by-source");
    let again: Vec<String> = hr
        .people()
        .into_iter()
        .filter(|l| l.contains(&ids[0]))
        .collect();
    assert_eq!(again, listed);
    assert_eq!(hr.invitations(&ids[0]), ["superseded/undone canceled"]);
    assert!(!hr.opens(&links[0]).await);
    assert_eq!(hr.stands(&ids[1]), "granted/invitation-accepted");
    assert_eq!(hr.stands(&ids[2]), "listed/invitation-declined");
    assert_eq!(hr.invitations(&ids[2]), ["declined/ canceled"]);
    for _ in 0..2 {
        hr.pull().await;
        assert_eq!(hr.stands(&ids[0]), "listed/listed-by-source");
    }
    // An admin lets the source in again.
    let service = &hr.w.app.service;
    service.lift_holds(&hr.w.app.tenant, &ids[0]).await.unwrap();
    hr.pull().await;
    assert_eq!(hr.stands(&ids[0]), "invited/invited-by-policy");
    hr.w.check().await;
}

#[actix_web::test]
async fn what_undone_runs_give_back_is_the_invitation_of_before_and_not_that_of_an_undone_run() {
    let hr = Hr::with(JoinerPolicy::Invite).await;
    hr.put("ann", Record::of("ann@x.test"));
    hr.pull().await;
    let ann = hr.ids()["ann"].clone();
    let first = mailed(&hr.w.app, &ann);
    hr.change("ann", |r| r.state = EmploymentState::Left);
    let left = hr.pull().await;
    assert_eq!(hr.stands(&ann), "listed/left");
    hr.later(DAY);
    hr.change("ann", |r| r.state = EmploymentState::Employed);
    let back = hr.pull().await;
    assert_eq!(hr.stands(&ann), "invited/invited-by-policy");
    let second = mailed(&hr.w.app, &ann);
    hr.undo(&back.id).await.unwrap();
    assert_eq!(hr.stands(&ann), "listed/left");
    assert!(!hr.opens(&first).await && !hr.opens(&second).await);
    hr.undo(&left.id).await.unwrap();
    assert_eq!(hr.stands(&ann), "invited/invited-by-policy");
    assert!(hr.opens(&first).await, "{:?}", hr.invitations(&ann));
    assert!(!hr.opens(&second).await);
    hr.accepts(&first).await;
    hr.w.check().await;
}

#[actix_web::test]
async fn whom_an_undone_session_invited_is_listed_and_who_has_accepted_stays() {
    let s = Scene::of(JoinerPolicy::Invite).await;
    let (waits, yes) = (s.listed("waits@x.test").await, s.listed("yes@x.test").await);
    let links = [&waits, &yes].map(|id| s.mailed(id));
    s.press(&links[1], "accept").await.expect(200);
    let page = s
        .send(&s.admin, "GET", "/sessions", None)
        .await
        .expect(200)
        .body;
    let session = page["items"][0]["id"].as_str().unwrap().to_owned();
    s.days_later(1);
    let undo = format!("/sessions/{session}/undo");
    s.send(&s.admin, "POST", &undo, None).await.expect(200);
    assert_eq!(s.access(&waits).await, "listed/undone");
    let ended = "SELECT state || '/' || reason AS line FROM invitations WHERE reason IS NOT NULL";
    assert_eq!(s.rows(ended), ["superseded/undone"]);
    s.page(&links[0]).await.answer.expect(410);
    assert_eq!(s.access(&yes).await, "granted/invitation-accepted");
    let path = format!("/sessions/{session}/undo");
    let told = s.send(&s.admin, "GET", &path, None).await.expect(200).body;
    let items = told["items"].as_array().unwrap();
    let kept = items.iter().find(|i| i["person"] == yes.as_str()).unwrap();
    assert_eq!(kept["kept"][0]["code"], "changed-since", "{kept}");
    // The provider goes on reading what it wrote, and what it says again invites nobody.
    let path = format!("/Users/{waits}");
    let read: Value = s.okta.get(&path).await.expect(200).body;
    assert_eq!(read["active"], json!(true));
    s.okta
        .put(&path, crate::support::person("waits@x.test"))
        .await
        .expect(200);
    assert_eq!(s.access(&waits).await, "listed/undone");
    for (active, stands) in [
        (false, "listed/undone"),
        (true, "invited/invited-by-policy"),
    ] {
        let op = json!([{"op": "replace", "path": "active", "value": active}]);
        s.okta.patch(&path, op).await.expect(200);
        assert_eq!(s.access(&waits).await, stands);
    }
    s.check().await;
}
