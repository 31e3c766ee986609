//! Whose address it is, told as stories: different addresses, a married name, a rehire, an address given again, an attempt to
//! take somebody over; and an identity provider that is disconnected. (Swapped addresses: `leaving.rs`; aliases and the
//! answers to pairs: `pairs.rs`; addresses outside the verified domains and admins: `adoption.rs`, `sources.rs`.)

use std::fmt::Write;

use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::employment::EmploymentState::Left;
use rosterd::service::pull::PullPerson;
use serde_json::{Value, json};

use super::{Desk, desk, employee, in_state, seal};
use crate::sources::user;

fn named(n: usize, email: &str) -> PullPerson {
    let mut person = employee(&format!("h{n}"), email, "Legal");
    person.user.insert(
        "name".to_owned(),
        json!({"givenName": format!("Given{n}"), "familyName": format!("Family{n}")}),
    );
    seal(&mut person);
    person
}

/// The first twelve are known to HR under another address than to the app.
fn at_hr(n: usize) -> String {
    match n < 12 {
        true => format!("given{n}@corp.test"),
        false => format!("p{n}@x.test"),
    }
}

/// The app's users, loaded as the app loads them.
async fn load(desk: &Desk, people: usize) {
    let mut lines = String::new();
    for n in 0..people {
        let user = json!({
            "appUserId": format!("u{n}"), "email": format!("p{n}@x.test"), "hasAccess": true,
            "name": format!("Given{n} Family{n}"), "givenName": format!("Given{n}"), "familyName": format!("Family{n}"),
        });
        let _ = writeln!(lines, "{user}");
    }
    let path = "/api/v1/tenants/default/app-users:import";
    let done = desk
        .admin
        .raw("POST", path, "application/x-ndjson", lines.into_bytes())
        .await;
    assert_eq!(done.status, 200, "{}", done.text);
}

async fn app_says(desk: &Desk, n: usize, email: &str) {
    let body = json!({
        "email": email, "hasAccess": true, "name": format!("Given{n} Family{n}"),
        "givenName": format!("Given{n}"), "familyName": format!("Family{n}"),
    });
    let done = desk
        .api("PUT", &format!("app-users/u{n}"), Some(body))
        .await;
    assert!([200, 201].contains(&done.status), "{}", done.text);
}

async fn pairs(desk: &Desk) -> Vec<Value> {
    let page = desk
        .api("GET", "pairs?limit=100", None)
        .await
        .expect(200)
        .body;
    page["items"].as_array().unwrap().clone()
}

/// Who is the app's user, by the app's own id.
async fn of_app(desk: &Desk, n: usize) -> Value {
    desk.api("GET", &format!("app-users/u{n}"), None)
        .await
        .expect(200)
        .body
}

#[actix_web::test]
async fn twelve_of_three_hundred_with_other_addresses_are_pairs_and_become_one_by_a_word_or_an_address()
 {
    let desk = desk().await;
    load(&desk, 300).await;
    let hr = desk.hr("HR", JoinerPolicy::List).await;
    let mut records: Vec<PullPerson> = (0..300).map(|n| named(n, &at_hr(n))).collect();
    let run = async |records: &[PullPerson]| {
        let done = desk.pull(&hr, records).await;
        let service = &desk.w.app.service;
        service
            .find_pairs(&desk.caller(), &hr.source.id)
            .await
            .unwrap();
        done
    };
    run(&records).await;
    let proposed = pairs(&desk).await;
    assert_eq!(proposed.len(), 12);
    let with_both =
        "(SELECT user_id FROM claims WHERE state = 'live' GROUP BY user_id HAVING count(*) = 2) b";
    assert_eq!(desk.count(with_both), 288);
    // One is linked by an admin, and leaves: with the next run her access goes.
    let of = |n: usize| {
        let record = json!(format!("h{n}"));
        let found = proposed.iter().find(|pair| pair["record"] == record);
        found.unwrap_or_else(|| panic!("{record}: {proposed:?}"))["id"].clone()
    };
    let path = format!("pairs/{}/link", of(0).as_str().unwrap());
    desk.api("POST", &path, None).await.expect(200);
    let person = of_app(&desk, 0).await["personId"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(desk.person(&hr, "h0"), person);
    run(&records).await;
    assert_eq!(desk.w.access(&person).await, "granted/has-access-in-app");
    records[0] = in_state(&records[0], Left);
    run(&records).await;
    assert_eq!(desk.w.access(&person).await, "revoked/left");
    // One address is corrected in the app, one at HR: the next run makes them one, and nobody is invited.
    app_says(&desk, 1, &at_hr(1)).await;
    records[2] = named(2, "p2@x.test");
    run(&records).await;
    for n in [1, 2] {
        let id = of_app(&desk, n).await["personId"]
            .as_str()
            .unwrap()
            .to_owned();
        assert_eq!(desk.person(&hr, &format!("h{n}")), id, "{n}");
        assert_eq!(desk.w.access(&id).await, "granted/has-access-in-app");
    }
    assert_eq!(pairs(&desk).await.len(), 9);
    assert_eq!(desk.count("users WHERE access = 'invited'"), 0);
    assert_eq!(desk.count("journal WHERE action = 'access.invited'"), 0);
    assert_eq!(desk.w.app.verify().await.faults, []);
}

#[actix_web::test]
async fn disconnecting_an_identity_provider_of_five_hundred_takes_access_from_nobody() {
    let desk = desk().await;
    for n in 0..500 {
        let person = user(&format!("p{n}"), &format!("p{n}@x.test"), "");
        desk.w.entra.post("/Users", person).await.expect(201);
    }
    assert_eq!(desk.count("users WHERE has_access"), 500);
    let entra = desk.connection("entra");
    let path = format!("connections/{entra}/disconnect");
    let preview = desk.api("GET", &path, None).await.expect(200).body;
    assert_eq!(
        (&preview["kept"]["count"], &preview["removed"]["count"]),
        (&json!(500), &json!(0))
    );
    desk.api("POST", &path, None).await.expect(202);
    for _ in 0..500 {
        let shown = desk
            .api("GET", &format!("connections/{entra}"), None)
            .await
            .body;
        if shown["state"] == "disconnected" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let path =
        "users WHERE has_access AND removed_at IS NULL AND access_reason = 'granted-by-policy'";
    assert_eq!(desk.count(path), 500);
    assert_eq!(desk.count("claims WHERE state <> 'ended'"), 0);
}

#[actix_web::test]
async fn a_married_name_and_a_rehire_under_a_new_number_are_the_same_person() {
    let desk = desk().await;
    let hr = desk.hr("HR", JoinerPolicy::Grant).await;
    desk.pull(&hr, &[named(1, "ann.lee@x.test")]).await;
    let ann = desk.person(&hr, "h1");
    let mut married = named(1, "ann.berg@x.test");
    married.user["name"]["familyName"] = json!("Berg");
    seal(&mut married);
    desk.pull(&hr, &[married.clone()]).await;
    assert_eq!(desk.person(&hr, "h1"), ann);
    let seen = desk.w.effective(&ann).await;
    assert_eq!(seen["emails"][0]["value"], "ann.berg@x.test");
    assert_eq!(seen["name"]["familyName"], "Berg");
    // Her old address is nobody's: a colleague who gets it is somebody else.
    desk.pull(&hr, &[named(2, "ann.lee@x.test")]).await;
    assert_ne!(desk.person(&hr, "h2"), ann);
    desk.pull(&hr, &[in_state(&married, Left)]).await;
    assert_eq!(desk.w.access(&ann).await, "revoked/left");
    let mut again = PullPerson {
        source_id: "h77".to_owned(),
        ..married
    };
    seal(&mut again);
    desk.pull(&hr, &[again]).await;
    assert_eq!(desk.person(&hr, "h77"), ann);
    assert_eq!(desk.w.access(&ann).await, "granted/returned");
    desk.w.check().await;
}

#[actix_web::test]
async fn an_address_that_is_given_again_gives_nothing_of_whom_it_was() {
    let desk = desk().await;
    let hr = desk.hr("HR", JoinerPolicy::List).await;
    // She has access, changes her address, and keeps it.
    let old = user("sam", "sam@x.test", "");
    let first = desk.w.entra.post("/Users", old).await.expect(201).id();
    let moved = json!([{"op": "replace", "path": "emails[type eq \"work\"].value", "value": "samuel@x.test"}]);
    desk.w.entra.patch(&format!("/Users/{first}"), moved).await;
    assert_eq!(
        desk.w.effective(&first).await["emails"][0]["value"],
        "samuel@x.test"
    );
    // Somebody new gets it: from HR, and from the other identity provider.
    desk.pull(&hr, &[named(5, "sam@x.test")]).await;
    let second = desk.person(&hr, "h5");
    assert_ne!(second, first);
    assert_eq!(desk.w.access(&second).await, "listed/listed-by-source");
    let other = user("sam2", "sam@x.test", "");
    let third = desk.w.okta.post("/Users", other).await.expect(201).id();
    assert_eq!(third, second, "she, and not whom it was");
    assert_eq!(desk.w.access(&first).await, "granted/granted-by-policy");
}

#[actix_web::test]
async fn a_later_change_of_address_onto_somebody_elses_takes_nobody_over() {
    let desk = desk().await;
    let boss = desk
        .w
        .okta
        .post("/Users", user("boss", "boss@x.test", "Chief"));
    let boss = boss.await.expect(201).id();
    let mallory = desk
        .w
        .entra
        .post("/Users", user("mallory", "m@x.test", "Clerk"));
    let mallory = mallory.await.expect(201).id();
    let over = json!([{"op": "replace", "path": "emails[type eq \"work\"].value", "value": "boss@x.test"}]);
    desk.w.entra.patch(&format!("/Users/{mallory}"), over).await;
    // And by name, which the source sees is taken.
    let named = json!([{"op": "replace", "path": "userName", "value": "boss"}]);
    let renamed = desk
        .w
        .entra
        .patch(&format!("/Users/{mallory}"), named)
        .await;
    assert_eq!(renamed.status, 409, "{}", renamed.text);
    let hr = desk.hr("HR", JoinerPolicy::List).await;
    // HR says that somebody with that address has left, twice: of two, nobody is meant.
    let record = named_leaver();
    for _ in 0..2 {
        desk.pull(&hr, &[record.clone()]).await;
    }
    assert_eq!(desk.w.access(&boss).await, "granted/granted-by-policy");
    assert_eq!(desk.w.access(&mallory).await, "granted/granted-by-policy");
    assert_eq!(desk.w.effective(&boss).await["title"], "Chief");
    let claims = format!("claims WHERE user_id = '{boss}'");
    assert_eq!(desk.count(&claims), 1);
    // The app, asked by the address alone, lets in neither of them as the other.
    let answer = desk
        .api("POST", "sign-ins", Some(json!({"email": "boss@x.test"})))
        .await;
    assert_eq!(answer.status, 409, "{}", answer.text);
}

fn named_leaver() -> PullPerson {
    in_state(&named(9, "boss@x.test"), Left)
}
