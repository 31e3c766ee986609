//! Undo where a userName is somebody's at a time.

use rosterd::domain::access::JoinerPolicy;

use super::firm::{Hr, Record};
use crate::support::person;

async fn firm() -> Hr {
    let hr = Hr::with(JoinerPolicy::Grant).await;
    for n in 0..3 {
        hr.put(&format!("{n}"), Record::of(&format!("p{n}@x.test")));
    }
    hr.pull().await;
    hr
}

#[actix_web::test]
async fn a_name_that_a_newcomer_of_the_run_took_goes_back() {
    let hr = firm().await;
    let (people, links) = (hr.people(), hr.links());
    hr.change("0", |r| "other@x.test".clone_into(&mut r.email));
    hr.pull().await;
    let between = (hr.people(), hr.links());
    // One run in which the name is free, and one in which somebody takes it: both go back, the newest first.
    hr.put("9", Record::of("p0@x.test"));
    hr.change("1", |r| "p9@x.test".clone_into(&mut r.email));
    let second = hr.pull().await;
    hr.undo(&second.id).await.unwrap();
    assert_eq!((hr.people(), hr.links()), between);
    let first =
        hr.w.app
            .service
            .list_runs(hr.tenant(), Some(&hr.connection), None, 10);
    let first = first
        .await
        .unwrap()
        .into_iter()
        .find(|r| r.state == "done" && r.id < second.id);
    hr.undo(&first.unwrap().id).await.unwrap();
    assert_eq!((hr.people(), hr.links()), (people.clone(), links));
    for _ in 0..2 {
        hr.pull().await;
        assert_eq!(hr.people(), people);
    }
}

#[actix_web::test]
async fn in_one_run_a_name_passes_on_and_comes_back() {
    let hr = firm().await;
    let before = (hr.people(), hr.links());
    hr.change("0", |r| "other@x.test".clone_into(&mut r.email));
    hr.put("9", Record::of("p0@x.test"));
    let run = hr.pull().await;
    let names = "SELECT user_name_key AS line FROM users WHERE removed_at IS NULL AND user_name_key = 'p0@x.test'";
    assert_eq!(hr.rows(names).len(), 1);
    hr.undo(&run.id).await.unwrap();
    let kept: Vec<_> = hr
        .undone(&run.id)
        .await
        .into_iter()
        .filter(|u| !u.kept.is_empty())
        .collect();
    assert!(kept.is_empty(), "{kept:#?}");
    assert_eq!((hr.people(), hr.links()), before);
}

#[actix_web::test]
async fn a_name_that_is_somebody_elses_by_now_stays_and_everything_else_goes_back() {
    let hr = firm().await;
    hr.change("0", |r| {
        "other@x.test".clone_into(&mut r.email);
        r.title = Some("Boss".to_owned());
    });
    let run = hr.pull().await;
    hr.w.okta
        .post("/Users", person("p0@x.test"))
        .await
        .expect(201);
    let run = hr.undo(&run.id).await.unwrap();
    assert_eq!(run.state, "undone");
    let id = hr.ids()["0"].clone();
    let done = hr.undone(&run.id).await;
    let hers = done.iter().find(|u| u.person == id).unwrap();
    assert!(
        hers.is_undone && hers.units.contains(&"title".to_owned()),
        "{hers:?}"
    );
    let kept: Vec<_> = hers
        .kept
        .iter()
        .map(|k| (k.what.as_str(), k.code.as_str()))
        .collect();
    assert_eq!(kept, [("userName", "user-name-taken")]);
    let user = hr.w.effective(&id).await;
    assert_eq!(
        (user["title"].as_str(), user["userName"].as_str()),
        (Some("Clerk"), Some("other@x.test"))
    );
    assert_eq!(hr.w.app.verify().await.faults, []);
}
