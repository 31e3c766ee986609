//! A change that is too large for one operation.

use serde_json::json;

use super::{Desk, Scene};
use crate::support::is_soak;

#[actix_web::test]
async fn a_team_of_hundreds_changes_hands_and_ends() {
    let s = Scene::start().await;
    let desk = Desk::of(&s.app).await;
    s.no_users(&desk).await;
    let boss = s.hire("boss", None).await;
    let (ann, bob) = (
        s.hire("ann", Some(&boss)).await,
        s.hire("bob", Some(&boss)).await,
    );
    let many = if is_soak() { 3_000 } else { 450 };
    let hires = (0..many).map(|n| {
        let (s, ann) = (&s, ann.clone());
        async move { s.hire(&format!("p{n}"), Some(&ann)).await }
    });
    let people = futures_util::future::join_all(hires).await;
    desk.complete(json!({"connection": s.connection})).await;
    let before = desk.by_manager().await;
    assert_eq!(before[&ann].members.len(), many);
    // Everybody but one reports to bob from now on: the team goes on as his.
    let moves = people[1..].iter().map(|person| s.manage(person, &bob));
    futures_util::future::join_all(moves).await;
    s.manage(&people[0], &boss).await;
    s.later().await;
    let after = desk.by_manager().await;
    assert_eq!(after[&bob].members.len(), many - 1);
    assert_eq!(after[&bob].id, before[&ann].id, "it outlives its manager");
    assert_eq!(after[&bob].name, "bob's team");
    assert!(!after.contains_key(&ann));
    desk.check().await;
}
