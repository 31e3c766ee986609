//! Half of a company is unassigned at once, in the exact order of each provider.

use rosterd::domain::employment::EmploymentState::Left;
use rosterd::scim::rules::Preset;
use rosterd::service::notices;
use serde_json::json;

use super::world::{Way, World, document};
use crate::leaving::firm::{HOUR, MINUTE, id};

async fn half_are_unassigned(preset: Preset, way: Way) -> World {
    let w = World::of(1_000, preset).await;
    assert_eq!(w.inside(), 1_000);
    let answers = w.unassign(way, 0..250).await;
    w.unassign_at_once(way, 250..500).await;
    for answer in &answers {
        assert!([200, 204].contains(&answer.status), "{}", answer.text);
        if answer.status == 200 {
            assert_eq!(answer.body["active"], json!(false));
        }
    }
    // At most the limit loses access: 10 % of 1,000.
    assert_eq!(w.inside(), 900);
    assert_eq!(w.waiting().await, 400);
    w
}

/// The provider finds everything as it wrote it, and has nothing to send.
async fn reads_back_what_it_wrote(w: &World, way: Way, unassigned: i64) {
    for n in [0, 99, 100, 250, 499] {
        let read = w.idp.get(&format!("/Users/{}", w.ids[n])).await;
        let found = w
            .idp
            .filter("/Users", &format!("userName eq \"{}@x.test\"", id(n)))
            .await
            .expect(200);
        match way {
            Way::Delete => {
                read.expect(404);
                assert_eq!(found.total(), 0);
            }
            _ => {
                assert_eq!(read.expect(200).body["active"], json!(false), "{n}");
                assert_eq!(found.total(), 1);
                assert_eq!(found.resources()[0]["active"], json!(false));
            }
        }
    }
    let total = |filter: &str| {
        let filter = filter.to_owned();
        async move { w.idp.filter("/Users", &filter).await.expect(200).total() }
    };
    let (active, inactive) = match way {
        Way::Delete => (1_000 - unassigned, 0),
        _ => (1_000 - unassigned, unassigned),
    };
    assert_eq!(total("active eq true").await, active);
    assert_eq!(total("active eq false").await, inactive);
    let all = w.idp.get("/Users?count=0").await.expect(200).total();
    assert_eq!(all, active + inactive);
    let page = w
        .idp
        .get("/Users?startIndex=1&count=1000")
        .await
        .expect(200);
    assert_eq!(page.resources().len() as i64, active + inactive);
}

/// Tells whoever is to be told, and answers how the notice of what is parked stands: its state, and how often it was told.
async fn told(w: &World) -> (String, i64) {
    let (service, tenant) = (&w.firm.app.service, &w.firm.app.tenant.tenant);
    service.tell_notices().await.unwrap();
    let all = service.list_notices(tenant, None, None, 100).await.unwrap();
    let mut parked = all.into_iter().filter(|n| n.row.code == notices::PARKED);
    let one = parked.next().unwrap();
    assert!(parked.next().is_none(), "one notice for all of them");
    (one.row.state, one.row.told)
}

async fn the_whole_story(preset: Preset, way: Way) {
    let w = half_are_unassigned(preset, way).await;
    reads_back_what_it_wrote(&w, way, 500).await;
    assert_eq!(told(&w).await, ("open".to_owned(), 1), "at once");
    // Somebody who is parked and of whom HR says that she has left, too, goes at once.
    w.unassign(way, [995]).await;
    assert_eq!((w.inside(), w.waiting().await), (900, 401));
    w.firm.edit("p995", |p| p.employment = Left);
    assert_eq!(w.firm.pull().await.run.lost, 1);
    assert_eq!(w.access(995), "revoked/left");
    // A held set survives five pulls and five cycles of the provider.
    for _ in 0..5 {
        w.firm.later(3 * HOUR);
        w.firm.pull().await;
        told(&w).await;
        if way == Way::OktaAiw {
            let path = format!("/Users/{}", w.ids[300]);
            w.idp.put(&path, document(300, false)).await.expect(200);
        }
        assert_eq!(w.waiting().await, 400);
    }
    assert_eq!(w.inside(), 899);
    assert_eq!(
        told(&w).await,
        ("open".to_owned(), 2),
        "and after four hours"
    );
    reads_back_what_it_wrote(&w, way, 501).await;
    // Revoke now is in force with its answer while the guard is tripped.
    let body = json!({"people": [w.ids[450], w.ids[900]], "note": "laptop stolen"});
    let done = w.api("POST", "/people:revoke-now", Some(body)).await;
    let done = done.expect(200).body;
    for one in done["people"].as_array().unwrap() {
        assert_eq!(one["access"], json!("revoked"), "{one}");
    }
    assert_eq!(w.access(450), "revoked/revoked-by-human");
    assert_eq!(w.waiting().await, 399);
    assert_eq!(w.inside(), 897);
    // One approval applies the rest.
    let done = w.api("POST", "/parked/release", None).await.expect(200);
    assert_eq!(done.body["people"], json!(399));
    assert_eq!(w.inside(), 498);
    assert_eq!(w.waiting().await, 0);
    assert_eq!(
        told(&w).await,
        ("closed".to_owned(), 2),
        "nobody is told again"
    );
    reads_back_what_it_wrote(&w, way, 501).await;
    w.is_proved().await;
}

#[actix_web::test]
async fn five_hundred_of_a_thousand_in_entras_order() {
    the_whole_story(Preset::Entra, Way::Entra).await;
}

#[actix_web::test]
async fn five_hundred_of_a_thousand_in_oktas_order() {
    the_whole_story(Preset::Okta, Way::OktaOin).await;
}

#[actix_web::test]
async fn five_hundred_of_a_thousand_by_whole_documents() {
    the_whole_story(Preset::Okta, Way::OktaAiw).await;
}

#[actix_web::test]
async fn five_hundred_of_a_thousand_by_delete() {
    the_whole_story(Preset::Entra, Way::Delete).await;
}

#[actix_web::test]
async fn who_has_left_by_the_word_of_hr_is_revoked_at_once_before_and_after_the_parking() {
    let w = World::of(40, Preset::Entra).await;
    w.unassign(Way::Entra, 0..5).await;
    assert_eq!(w.inside(), 35);
    // HR holds this one only because of the number: five leavers a day of ten.
    w.firm.leave(30..36);
    let run = w.firm.pull().await.run;
    assert!(run.why_held.is_some());
    let held = w.firm.held();
    assert!(!held.is_empty());
    let of = |line: &String| line[1..4].parse::<usize>().unwrap();
    let before = w.inside();
    // What HR's guard does not believe confirms nothing: a column that turns.
    w.unassign(Way::Entra2020, held.iter().take(1).map(of))
        .await;
    assert_eq!(w.inside(), before, "{held:?}");
    // Of a loss that waits for the number alone, it does.
    w.firm.sql("UPDATE held_losses SET why = 'limit'");
    w.unassign(Way::Entra2020, held.iter().skip(1).take(1).map(of))
        .await;
    assert_eq!(w.inside(), before - 1, "she is confirmed");
    // The first one is parked; the next pull brings the word of HR, which by now waits for the number alone.
    let parked = of(&held[0]);
    assert_eq!(w.parked_of(parked), ["waiting deactivated-by-source"]);
    w.firm.later(25 * HOUR);
    w.firm.pull().await;
    assert!(
        w.access(parked).starts_with("revoked/"),
        "{}",
        w.access(parked)
    );
    assert_eq!(w.parked_of(parked), [""; 0]);
    w.is_proved().await;
}

#[actix_web::test]
async fn the_window_slides() {
    let w = World::of(200, Preset::Okta).await;
    w.unassign(Way::OktaOin, 0..25).await;
    assert_eq!(w.inside(), 180);
    w.firm.later(59 * MINUTE);
    w.unassign(Way::OktaOin, [30]).await;
    assert_eq!(w.inside(), 180);
    w.firm.later(2 * MINUTE);
    // Ten percent of 180 who have access now; what is parked stays parked.
    w.unassign(Way::OktaOin, 40..70).await;
    assert_eq!(w.inside(), 180 - 18);
    assert_eq!(w.waiting().await, 5 + 1 + 12);
}
