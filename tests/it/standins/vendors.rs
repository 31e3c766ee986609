//! What one vendor alone does: limits, tokens that rotate, what must be signed, SOAP.

use std::collections::BTreeSet;

use rosterd::cli::simulate::hris::Setup;
use serde_json::json;

use super::PEOPLE;
use super::client::{World, day};
use super::walk::{
    basic, first, google_assertion, google_token, sap_assertion, sap_token, workday_soap,
};

#[actix_web::test]
async fn limits_are_counted_and_refused_in_the_vendors_form() {
    let world = World::start("hibob", Setup::new("hibob", 30, day()));
    for left in (0..50).rev() {
        let heard = first(&world).await.send(&world).await.unwrap();
        assert_eq!(heard.status, 200);
        assert_eq!(
            heard.header("x-ratelimit-remaining"),
            Some(left.to_string().as_str())
        );
    }
    let heard = first(&world).await.send(&world).await.unwrap();
    assert_eq!(heard.status, 429);
    let reset: i64 = heard.header("x-ratelimit-reset").unwrap().parse().unwrap();
    world
        .clock
        .set(rosterd::domain::clock::Millis(reset * 1_000));
    assert_eq!(first(&world).await.send(&world).await.unwrap().status, 200);
}

#[actix_web::test]
async fn a_service_account_must_sign_the_right_claims_at_the_right_time() {
    let world = World::of("google-workspace", 30, 1);
    let good = google_assertion(&world, |_| {});
    assert_eq!(google_token(&world, &good).await.status, 200);
    for (name, value) in [
        ("iss", json!("somebody@else.iam.gserviceaccount.com")),
        ("sub", json!("nobody@kestrel.test")),
        ("aud", json!("https://elsewhere.test/token")),
        (
            "scope",
            json!("https://www.googleapis.com/auth/admin.directory.user"),
        ),
        ("exp", json!(1)),
        ("exp", json!(world.now().0 / 1_000 + 7_200)),
        ("iat", json!(world.now().0 / 1_000 + 3_000)),
    ] {
        let spoilt = google_assertion(&world, |claims| claims[name] = value.clone());
        let heard = google_token(&world, &spoilt).await;
        assert!(
            [400, 401].contains(&heard.status),
            "{name} {value}: {}",
            heard.text
        );
        assert!(heard.json()["error"].is_string());
    }
    let mut parts: Vec<&str> = good.split('.').collect();
    let other = google_assertion(&world, |claims| claims["sub"] = json!("x@kestrel.test"));
    parts[2] = other.split('.').next_back().unwrap();
    let heard = google_token(&world, &parts.join(".")).await;
    assert_eq!(
        heard.json()["error"],
        "invalid_grant",
        "the signature of another token"
    );
}

#[actix_web::test]
async fn an_assertion_must_be_signed_meant_for_here_and_be_of_now() {
    let world = World::of("sap-successfactors", 30, 1);
    let good = sap_assertion(&world, |xml| xml);
    assert_eq!(sap_token(&world, &good).await.status, 200);
    for (from, to) in [
        ("ROSTERAPI", "SOMEBODY"),
        ("<ds:SignatureValue>", "<ds:SignatureValue>AAAA"),
        ("URI=\"#a1\"", "URI=\"#a2\""),
        ("ID=\"a1\"", "ID=\"a9\""),
    ] {
        let spoilt = sap_assertion(&world, |xml| xml.replace(from, to));
        let heard = sap_token(&world, &spoilt).await;
        assert_eq!(heard.status, 401, "{from}: {}", heard.text);
    }
    world.clock.set(world.now().plus_days(1));
    assert_eq!(
        sap_token(&world, &good).await.status,
        401,
        "an old assertion"
    );
}

#[actix_web::test]
async fn soap_takes_the_user_with_the_tenant_and_gives_all_pages() {
    let world = World::of("workday-soap", PEOPLE, 1);
    let heard = workday_soap(&world, "ISU_Roster", 1)
        .send(&world)
        .await
        .unwrap();
    assert_eq!((heard.status, heard.text.contains("Fault")), (500, true));
    let mut ids = BTreeSet::new();
    for page in 1..=6 {
        let request = workday_soap(&world, "ISU_Roster@kestrel", page);
        let heard = request.send(&world).await.unwrap();
        assert_eq!(heard.status, 200);
        assert!(heard.text.contains("<wd:Total_Pages>6</wd:Total_Pages>"));
        let workers = heard.text.split("<wd:Worker_Reference>").skip(1);
        ids.extend(workers.map(|w| w.split("\"WID\">").nth(1).unwrap()[..32].to_owned()));
    }
    let truth = world.truth().await;
    let expected = truth
        .iter()
        .map(|u| u["externalId"].as_str().unwrap().to_owned());
    assert_eq!(ids, expected.collect());
}

#[actix_web::test]
async fn a_refresh_token_is_good_once() {
    let world = World::of("nmbrs", 30, 1);
    assert_eq!(first(&world).await.send(&world).await.unwrap().status, 200);
    // The first one again, as if the new one had been lost.
    *world.memory.borrow_mut() = None;
    let headers = [
        (
            "Authorization",
            basic(world.key("client_id"), world.key("client_secret")),
        ),
        (
            "Content-Type",
            "application/x-www-form-urlencoded".to_owned(),
        ),
    ];
    let body = format!(
        "grant_type=refresh_token&refresh_token={}",
        world.key("refresh_token")
    );
    let heard = world
        .send("POST", "/connect/token", &headers, body)
        .await
        .unwrap();
    assert_eq!(
        (heard.status, heard.json()["error"].as_str()),
        (400, Some("invalid_grant"))
    );
}
