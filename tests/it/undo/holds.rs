//! What an undo holds, and what ends it; what it leaves alone, and what it refuses.

use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::employment::EmploymentState;
use rosterd::domain::pull::Leaving;
use rosterd::service::Error;
use rosterd::service::undo::Part;
use rosterd::sync::Kind;
use serde_json::json;

use super::firm::{Hr, Record};
use crate::support::{GROUP, person};

async fn firm_of(people: usize) -> Hr {
    let hr = Hr::with(JoinerPolicy::Grant).await;
    for n in 0..people {
        hr.put(&format!("{n}"), Record::of(&format!("p{n}@x.test")));
    }
    hr
}

impl Hr {
    /// A column of the person behind a record.
    fn of(&self, source_id: &str, column: &str) -> String {
        let sql = format!(
            "SELECT CAST({column} AS TEXT) AS line FROM users u JOIN links l ON l.tenant = u.tenant AND l.user_id = u.id \
             WHERE l.source_id = '{source_id}'"
        );
        self.rows(&sql).pop().unwrap_or_default()
    }

    async fn title(&self, source_id: &str) -> String {
        let id = self.ids()[source_id].clone();
        self.w.effective(&id).await["title"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

#[actix_web::test]
async fn a_value_stays_until_the_source_says_another_or_an_admin_lifts_the_hold() {
    let hr = firm_of(4).await;
    hr.pull().await;
    for id in ["0", "1", "2"] {
        hr.change(id, |r| r.title = Some("Boss".to_owned()));
    }
    hr.change("3", |r| r.title = None);
    let run = hr.pull().await;
    hr.undo(&run.id).await.unwrap();
    for _ in 0..2 {
        hr.pull().await;
        for id in ["0", "1", "2", "3"] {
            assert_eq!(hr.title(id).await, "Clerk", "{id}");
        }
    }
    // Another attribute ends no hold, another value does, and so does the old one and the new one again.
    hr.change("0", |r| r.name = "Zoe".to_owned());
    hr.change("1", |r| r.title = Some("Chief".to_owned()));
    hr.change("2", |r| r.title = Some("Clerk".to_owned()));
    hr.change("3", |r| r.title = Some("Clerk".to_owned()));
    hr.pull().await;
    assert_eq!(hr.title("0").await, "Clerk");
    assert_eq!(hr.title("1").await, "Chief");
    hr.change("2", |r| r.title = Some("Boss".to_owned()));
    hr.change("3", |r| r.title = None);
    hr.pull().await;
    assert_eq!(
        (hr.title("2").await, hr.title("3").await),
        ("Boss".to_owned(), String::new())
    );
    let service = &hr.w.app.service;
    let lifted = service
        .lift_holds(&hr.w.app.tenant, &hr.ids()["0"])
        .await
        .unwrap();
    assert_eq!(lifted.units, ["title"]);
    assert_eq!(hr.title("0").await, "Boss");
    let again = service.lift_holds(&hr.w.app.tenant, &hr.ids()["0"]).await;
    assert!(matches!(again, Err(Error::NotFound(_))), "{again:?}");
    let quiet = hr.report(Kind::Manual).await;
    assert_eq!(quiet.run.planned, 0, "{quiet:?}");
}

#[actix_web::test]
async fn who_was_brought_is_gone_and_comes_back_as_the_same_when_her_record_changes() {
    let hr = firm_of(3).await;
    hr.pull().await;
    hr.put("9", Record::of("nine@x.test"));
    let before = hr.people();
    let run = hr.pull().await;
    let id = hr.ids()["9"].clone();
    hr.undo(&run.id).await.unwrap();
    assert_eq!(hr.people(), before);
    hr.w.reader.get(&format!("/Users/{id}")).await.expect(404);
    let report = hr.report(Kind::Manual).await;
    assert_eq!(report.counts.findings["undone"], 1);
    assert_eq!((report.run.planned, hr.people() == before), (0, true));
    hr.change("9", |r| r.title = Some("Boss".to_owned()));
    hr.pull().await;
    assert_eq!(hr.ids()["9"], id, "no second person of one record");
    assert_eq!(hr.of("9", "access"), "granted");
}

#[actix_web::test]
async fn a_lifted_hold_brings_her_back_though_the_record_is_the_same() {
    let hr = firm_of(2).await;
    let run = hr.pull().await;
    let ids = hr.ids();
    hr.undo(&run.id).await.unwrap();
    assert!(hr.ids().is_empty());
    let service = &hr.w.app.service;
    let lifted = service
        .lift_holds(&hr.w.app.tenant, &ids["1"])
        .await
        .unwrap();
    assert_eq!(lifted.records, [(hr.connection.clone(), "1".to_owned())]);
    hr.pull().await;
    assert_eq!(
        hr.ids().into_iter().collect::<Vec<_>>(),
        [("1".to_owned(), ids["1"].clone())]
    );
}

#[actix_web::test]
async fn leavers_get_access_back_and_keep_it_until_the_source_says_something_new() {
    let hr = firm_of(20).await;
    hr.pull().await;
    let day = chrono::NaiveDate::from_ymd_opt(2026, 6, 20);
    hr.change("1", |r| r.end = day);
    hr.drop("2");
    hr.pull().await;
    // Three ways to leave: said, absent, and a day that comes.
    hr.change("0", |r| r.state = EmploymentState::Left);
    let before = (hr.people(), hr.links());
    let run = hr.pull().await;
    assert_eq!(
        (hr.of("0", "access"), hr.of("2", "access")),
        ("revoked".into(), "revoked".into())
    );
    assert_eq!(run.lost, 2);
    let undone = hr.undo(&run.id).await.unwrap();
    assert_eq!(undone.lost, 0, "who has access again is no loss");
    assert_eq!((hr.people(), hr.links()), before);
    hr.later(6 * 86_400_000);
    assert_eq!(hr.scheduler.tick_days().await.unwrap(), 1);
    assert_eq!(hr.of("1", "access"), "revoked");
    let runs =
        hr.w.app
            .service
            .list_runs(hr.tenant(), None, None, 1)
            .await
            .unwrap();
    hr.undo(&runs[0].id).await.unwrap();
    for _ in 0..3 {
        hr.pull().await;
        assert_eq!(hr.scheduler.tick_days().await.unwrap(), 0);
        for id in ["0", "1", "2"] {
            assert_eq!(hr.of(id, "access"), "granted", "{id}");
        }
    }
    // The title is no word about employment.
    hr.change("0", |r| r.title = Some("Boss".to_owned()));
    hr.pull().await;
    assert_eq!(
        (hr.of("0", "access"), hr.title("0").await),
        ("granted".into(), "Boss".into())
    );
    hr.change("0", |r| r.end = day);
    hr.change("1", |r| r.end = day.and_then(|d| d.pred_opt()));
    hr.put("2", Record::of("p2@x.test"));
    hr.pull().await;
    assert_eq!(
        (hr.of("0", "access"), hr.of("1", "access")),
        ("revoked".into(), "revoked".into())
    );
    hr.drop("2");
    hr.pull().await;
    hr.pull().await;
    assert_eq!(
        hr.of("2", "access"),
        "revoked",
        "she was there again, and went again"
    );
}

#[actix_web::test]
async fn who_left_the_scope_is_linked_again() {
    for leaving in [Leaving::Keep, Leaving::Revoke] {
        let hr = firm_of(6).await;
        hr.pull().await;
        hr.leaves_scope_by("title eq \"Clerk\"", leaving);
        hr.pull().await;
        hr.change("3", |r| r.title = Some("Boss".to_owned()));
        let before = (hr.people(), hr.links());
        let run = hr.pull().await;
        assert_ne!((hr.people(), hr.links()), before, "{leaving:?}");
        hr.undo(&run.id).await.unwrap();
        assert_eq!((hr.people(), hr.links()), before, "{leaving:?}");
        let report = hr.report(Kind::Manual).await;
        assert_eq!(report.run.planned, 0, "{leaving:?}: {:?}", report.counts);
        assert_eq!(hr.people(), before.0, "{leaving:?}");
    }
}

#[actix_web::test]
async fn what_somebody_changed_since_stays_and_is_told_with_who_did_it() {
    let hr = firm_of(8).await;
    hr.pull().await;
    let okta = hr.w.okta.post("/Users", person("both@x.test")).await.id();
    hr.change("0", |r| r.state = EmploymentState::Left);
    hr.change("1", |r| r.title = Some("Boss".to_owned()));
    hr.put("7", Record::of("seven@x.test"));
    for (id, email) in [
        ("20", "new@x.test"),
        ("21", "in-a-group@x.test"),
        ("22", "both@x.test"),
    ] {
        hr.put(id, Record::of(email));
    }
    let run = hr.pull().await;
    let ids = hr.ids();
    assert_eq!(ids["22"], okta);
    let (service, caller) = (&hr.w.app.service, &hr.w.app.tenant);
    service
        .reinstate_person(caller, &ids["0"], None)
        .await
        .unwrap_err();
    service
        .revoke_person(caller, &ids["0"], None)
        .await
        .unwrap();
    service
        .revoke_person(caller, &ids["20"], Some("no"))
        .await
        .unwrap();
    let body = json!({"schemas": [GROUP], "displayName": "G", "members": [{"value": ids["21"]}]});
    hr.w.okta.post("/Groups", body).await.expect(201);
    // A later run of the same connection.
    hr.later(1);
    hr.change("1", |r| r.title = Some("Chief".to_owned()));
    hr.pull().await;
    let planned = hr.undone(&run.id).await;
    hr.undo(&run.id).await.unwrap();
    let done = hr.undone(&run.id).await;
    assert_eq!(planned.len(), done.len());
    let about = |source_id: &str| {
        let found = done.iter().find(|u| u.source_ids == [source_id]);
        found.unwrap_or_else(|| panic!("{source_id} in {done:#?}"))
    };
    let why = |source_id: &str| {
        let kept = &about(source_id).kept;
        let first = kept.first().map(|k| (k.what.as_str(), k.code.as_str()));
        (about(source_id).is_undone, first)
    };
    assert_eq!(why("0"), (true, Some(("access", "changed-since"))));
    assert_eq!(why("1"), (false, Some(("title", "later-run"))));
    assert_eq!(why("20"), (false, Some(("person", "changed-since"))));
    assert_eq!(why("21"), (false, Some(("person", "in-groups"))));
    assert_eq!(why("22"), (true, None));
    let by = about("20").kept[0].by.clone().unwrap();
    assert_eq!(
        (by.actor_kind.as_str(), by.cause_kind.as_str()),
        ("system", "command")
    );
    assert_eq!(hr.title("1").await, "Chief");
    assert_eq!(hr.of("0", "access"), "revoked");
    assert_eq!(hr.of("0", "sticky").replace("true", "1"), "1");
    assert_eq!(hr.w.app.verify().await.faults, []);
}

#[actix_web::test]
async fn only_a_run_that_did_something_is_undone_and_only_once() {
    let hr = firm_of(3).await;
    let look = hr.report(Kind::Dry).await.run;
    let refused = |done: Result<_, Error>| match done {
        Err(Error::NotNow(why)) => why,
        other => panic!("{other:?}"),
    };
    assert!(refused(hr.undo(&look.id).await).contains("a look"));
    let run = hr.pull().await;
    hr.undo(&run.id).await.unwrap();
    let entries = hr.w.app.verify().await.entries;
    assert!(refused(hr.undo(&run.id).await).contains("undone already"));
    assert_eq!(hr.w.app.verify().await.entries, entries);
    assert!(matches!(hr.undo("nothing").await, Err(Error::NotFound(_))));
}

#[actix_web::test]
async fn a_stale_plan_is_refused() {
    let hr = firm_of(12).await;
    let first = hr.pull().await;
    let leave = |from: usize| {
        for n in from..12 {
            hr.change(&n.to_string(), |r| r.state = EmploymentState::Left);
        }
    };
    leave(3);
    let waits = hr.report(Kind::Manual).await.run;
    assert_eq!(
        (waits.state.as_str(), waits.why_held.is_some()),
        ("waiting", true)
    );
    let stale = |done: Result<_, Error>| match done {
        Err(Error::Stale(why)) => why,
        other => panic!("{other:?}"),
    };
    // Other settings.
    hr.firm.setup.lock().unwrap().settings_digest = "others".to_owned();
    assert!(stale(hr.approve(&waits.id).await).contains("settings"));
    hr.firm.setup.lock().unwrap().settings_digest = "settings".to_owned();
    // Somebody of it changed.
    let (service, caller) = (&hr.w.app.service, &hr.w.app.tenant);
    service
        .revoke_person(caller, &hr.ids()["5"], None)
        .await
        .unwrap();
    assert!(stale(hr.approve(&waits.id).await).contains("1 of its people"));
    // A newer run.
    let newer = hr.report(Kind::Manual).await.run;
    assert_eq!(newer.state, "waiting");
    assert!(stale(hr.approve(&waits.id).await).contains("newer run"));
    // An undo.
    hr.undo(&first.id).await.unwrap();
    assert!(stale(hr.approve(&newer.id).await).contains("undone since"));
    let run =
        hr.w.app
            .service
            .find_run(hr.tenant(), &newer.id)
            .await
            .unwrap();
    assert_eq!(run.state, "waiting", "it waits for another decision");
}

#[actix_web::test]
async fn an_undo_that_was_cut_off_is_gone_on_with_before_anything_else() {
    let hr = firm_of(500).await;
    let run = hr.pull().await;
    let caller =
        rosterd::service::Caller::of_undo(hr.tenant().clone(), super::firm::operator(), &run.id);
    let service = &hr.w.app.service;
    let begun = service.begin_undo(&caller, &run.id).await.unwrap();
    assert_eq!(begun.state, "undoing");
    service
        .undo_some(&caller, &begun, &Part::default(), 120)
        .await
        .unwrap();
    let progress = service.undo_progress(hr.tenant(), &run.id).await.unwrap();
    assert_eq!((progress.undone, progress.open), (120, 380));
    // The next pull finishes it first.
    let report = hr.report(Kind::Manual).await;
    assert_eq!(
        (report.run.planned, report.counts.findings["undone"]),
        (0, 500)
    );
    assert!(hr.ids().is_empty() && hr.people().iter().all(|l| !l.contains("access")));
    let over = service.find_run(hr.tenant(), &run.id).await.unwrap();
    assert_eq!(over.state, "undone");
    assert_eq!(hr.scheduler.tick_decided().await.unwrap(), 0);
    assert_eq!(hr.w.app.verify().await.faults, []);
}
