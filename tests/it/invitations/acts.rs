//! Every state × every act; who is invited and why not; two at once.

use rosterd::domain::roles::Role;
use rosterd::service::invitations::{Accepted, Opened};
use serde_json::{Value, json};

use super::{Scene, token_of};

#[actix_web::test]
async fn somebody_listed_is_invited_and_gets_access_by_saying_yes() {
    let s = Scene::start().await;
    let ann = s.listed("ann@x.test").await;
    assert_eq!(s.access(&ann).await, "listed/listed-by-source");
    let result = s
        .invite_with(&ann, json!({"message": "Welcome!\nAnn", "inviter": "Bo"}))
        .await;
    assert_eq!(result["result"], "invited");
    assert_eq!(result["link"], Value::Null, "the link is in the mail only");
    let invitation = &result["invitation"];
    assert_eq!(invitation["email"], "ann@x.test");
    assert_eq!(invitation["expiresAt"], "2026-06-29T12:00:00.000Z");
    assert_eq!(invitation["mail"]["state"], "queued");
    assert_eq!(s.access(&ann).await, "invited/invited");
    assert_eq!(s.mails(&ann), ["invitation queued"]);
    let raw = s.mailed(&ann);
    let stored = s.rows("SELECT hash AS line FROM invitation_links");
    assert!(
        stored.iter().all(|hash| !hash.contains(&raw)),
        "hashed at rest"
    );
    let again = s.invite(&ann).await;
    assert_eq!(again["result"], "already-invited");
    assert_eq!(again["invitation"]["id"], invitation["id"]);
    assert_eq!(s.mails(&ann).len(), 1, "nobody is invited twice");
    let done = s.press(&raw, "accept").await.expect(200);
    assert!(done.text.contains("You are in"), "{}", done.text);
    assert_eq!(s.access(&ann).await, "granted/invitation-accepted");
    assert_eq!(
        s.state(invitation["id"].as_str().unwrap()).await,
        "accepted"
    );
    assert_eq!(s.invite(&ann).await["result"], "has-access");
    for action in [
        "invitation.created",
        "access.invited",
        "invitation.accepted",
        "access.granted",
    ] {
        assert_eq!(s.entries(action), 1, "{action}");
    }
    s.check().await;
}

/// An invitation in a state, with its link.
async fn in_state(s: &Scene, state: &str, name: &str) -> (String, String, String) {
    let person = s.listed(name).await;
    let (id, token) = s.link_for(&person).await;
    match state {
        "pending" => {}
        "accepted" => drop(s.press(&token, "accept").await.expect(200)),
        "declined" => drop(s.press(&token, "decline").await.expect(200)),
        "withdrawn" => drop(s.act(&id, "withdraw").await.expect(200)),
        "expired" => {
            s.days_later(15);
            assert!(s.tick().await >= 1);
        }
        "superseded" => {
            let off = json!([{"op": "replace", "path": "active", "value": false}]);
            s.okta
                .patch(&format!("/Users/{person}"), off)
                .await
                .expect(200);
        }
        other => panic!("{other}"),
    }
    assert_eq!(s.state(&id).await, state);
    (person, id, token)
}

#[actix_web::test]
async fn every_act_on_every_state() {
    // Status of the act, what the invitation is then, how she stands then.
    let table = [
        (
            "pending",
            "accept",
            200,
            "accepted",
            "granted/invitation-accepted",
        ),
        (
            "pending",
            "decline",
            200,
            "declined",
            "listed/invitation-declined",
        ),
        ("pending", "renew", 200, "pending", "invited/invited"),
        (
            "pending",
            "withdraw",
            200,
            "withdrawn",
            "listed/invitation-withdrawn",
        ),
        ("pending", "resend", 200, "pending", "invited/invited"),
        (
            "accepted",
            "accept",
            410,
            "accepted",
            "granted/invitation-accepted",
        ),
        (
            "accepted",
            "decline",
            410,
            "accepted",
            "granted/invitation-accepted",
        ),
        (
            "accepted",
            "renew",
            410,
            "accepted",
            "granted/invitation-accepted",
        ),
        (
            "accepted",
            "withdraw",
            409,
            "accepted",
            "granted/invitation-accepted",
        ),
        (
            "accepted",
            "resend",
            409,
            "accepted",
            "granted/invitation-accepted",
        ),
        (
            "declined",
            "accept",
            410,
            "declined",
            "listed/invitation-declined",
        ),
        (
            "declined",
            "decline",
            410,
            "declined",
            "listed/invitation-declined",
        ),
        (
            "declined",
            "renew",
            410,
            "declined",
            "listed/invitation-declined",
        ),
        (
            "declined",
            "withdraw",
            409,
            "declined",
            "listed/invitation-declined",
        ),
        ("declined", "resend", 200, "declined", "invited/invited"),
        (
            "withdrawn",
            "accept",
            410,
            "withdrawn",
            "listed/invitation-withdrawn",
        ),
        (
            "withdrawn",
            "decline",
            410,
            "withdrawn",
            "listed/invitation-withdrawn",
        ),
        (
            "withdrawn",
            "renew",
            410,
            "withdrawn",
            "listed/invitation-withdrawn",
        ),
        (
            "withdrawn",
            "withdraw",
            200,
            "withdrawn",
            "listed/invitation-withdrawn",
        ),
        ("withdrawn", "resend", 200, "withdrawn", "invited/invited"),
        (
            "expired",
            "accept",
            200,
            "expired",
            "listed/invitation-expired",
        ),
        (
            "expired",
            "decline",
            200,
            "expired",
            "listed/invitation-expired",
        ),
        ("expired", "renew", 200, "expired", "invited/invited"),
        (
            "expired",
            "withdraw",
            409,
            "expired",
            "listed/invitation-expired",
        ),
        ("expired", "resend", 200, "expired", "invited/invited"),
        (
            "superseded",
            "accept",
            410,
            "superseded",
            "listed/deactivated-by-source",
        ),
        (
            "superseded",
            "decline",
            410,
            "superseded",
            "listed/deactivated-by-source",
        ),
        (
            "superseded",
            "renew",
            410,
            "superseded",
            "listed/deactivated-by-source",
        ),
        (
            "superseded",
            "withdraw",
            409,
            "superseded",
            "listed/deactivated-by-source",
        ),
        (
            "superseded",
            "resend",
            409,
            "superseded",
            "listed/deactivated-by-source",
        ),
    ];
    let s = Scene::start().await;
    for (n, (state, act, status, then, access)) in table.into_iter().enumerate() {
        let (person, id, token) = in_state(&s, state, &format!("p{n}@x.test")).await;
        let answer = match ["withdraw", "resend"].contains(&act) {
            true => s.act(&id, act).await,
            false => {
                // The form of a page that was opened in time.
                let other = s.listed(&format!("o{n}@x.test")).await;
                let (_, fresh) = s.link_for(&other).await;
                let visit = s.page(&fresh).await;
                let own = s.page(&token).await;
                let proof = match own.proof() {
                    proof if !proof.is_empty() => proof,
                    _ => proof_of(&token, visit.cookie.as_deref().unwrap()),
                };
                let cookie = own.cookie.as_deref().filter(|_| !own.proof().is_empty());
                let form = format!("proof={proof}&do={act}");
                own.post(&form, cookie.or(visit.cookie.as_deref())).await
            }
        };
        let text = &answer.text;
        assert_eq!(answer.status, status, "{act} on {state}: {text}");
        assert_eq!(s.state(&id).await, then, "{act} on {state}");
        assert_eq!(s.access(&person).await, access, "{act} on {state}");
    }
    s.check().await;
}

/// What the form of a page would have brought, made as the server makes it.
fn proof_of(token: &str, cookie: &str) -> String {
    use base64::Engine;
    use sha2::Digest;
    let secret = cookie.split_once('=').unwrap().1;
    let mut hash = sha2::Sha256::new();
    hash.update(b"rosterd-invite-1");
    for part in [token, secret] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(hash.finalize())
}

#[actix_web::test]
async fn who_cannot_be_invited_is_told_why() {
    let s = Scene::start().await;
    let mut no_mail = crate::support::person("nomail");
    no_mail.as_object_mut().unwrap().remove("emails");
    let no_mail = s.okta.post("/Users", no_mail).await.expect(201).id();
    let inactive = s.listed("off@x.test").await;
    let off = json!([{"op": "replace", "path": "active", "value": false}]);
    s.okta
        .patch(&format!("/Users/{inactive}"), off)
        .await
        .expect(200);
    let removed = s.listed("gone@x.test").await;
    let path = format!("/people/{removed}/remove");
    s.send(&s.admin, "POST", &path, None).await.expect(200);
    let glass = s.listed("glass@x.test").await;
    s.sql(&format!(
        "UPDATE users SET break_glass = TRUE WHERE id = '{glass}'"
    ));
    let left = s.listed("left@x.test").await;
    s.sql(&format!(
        "UPDATE users SET employment_state = 'left' WHERE id = '{left}'"
    ));
    let fine = s.listed("fine@x.test").await;
    let people = json!([
        fine, no_mail, inactive, removed, glass, left, "nobody", fine
    ]);
    let answer = s
        .send(
            &s.admin,
            "POST",
            "/invitations",
            Some(json!({"people": people})),
        )
        .await;
    let results = answer.expect(200).body["results"].clone();
    let words: Vec<&str> = (0..8)
        .map(|n| results[n]["result"].as_str().unwrap())
        .collect();
    assert_eq!(
        words,
        [
            "invited",
            "no-address",
            "source-inactive",
            "reinstate-first",
            "break-glass",
            "left",
            "no-such-person",
            "already-invited"
        ]
    );
    for person in [&inactive, &left] {
        let result = s.invite_with(person, json!({"inSpite": true})).await;
        assert_eq!(result["result"], "invited", "who invites knows");
    }
    let path = format!("/people/{removed}/reinstate");
    s.send(&s.admin, "POST", &path, None).await.expect(200);
    assert_eq!(s.invite(&removed).await["result"], "invited");
    s.check().await;
}

#[actix_web::test]
async fn hostile_bodies_are_refused() {
    let s = Scene::start().await;
    let ann = s.listed("ann@x.test").await;
    let many: Vec<String> = (0..501).map(|n| n.to_string()).collect();
    for body in [
        json!({}),
        json!({"people": []}),
        json!({"people": many}),
        json!({"people": [ann], "language": "ja"}),
        json!({"people": [ann], "delivery": "pigeon"}),
        json!({"people": [ann], "message": "x".repeat(2_001)}),
        json!({"people": [ann], "message": "bell\u{7}"}),
        json!({"people": [ann], "inviter": "two\nlines"}),
        json!({"people": [ann], "given": {"roles": ["owner"]}}),
        json!({"people": [ann], "given": {"entity": "x"}}),
        json!({"people": [ann], "given": {"fields": {"x": 1}}}),
        json!({"people": [ann], "admin": true}),
    ] {
        let answer = s
            .send(&s.admin, "POST", "/invitations", Some(body.clone()))
            .await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.text);
    }
    s.send(&s.admin, "GET", "/invitations?state=lost", None)
        .await
        .expect(400);
    s.send(&s.admin, "GET", "/invitations/none", None)
        .await
        .expect(404);
    assert_eq!(s.access(&ann).await, "listed/listed-by-source");
}

#[actix_web::test]
async fn two_who_invite_at_once_make_one_invitation_and_two_who_accept_one_access() {
    let s = Scene::start().await;
    let ann = s.listed("ann@x.test").await;
    let body = || Some(json!({"people": [ann], "delivery": "app"}));
    let each = (0..8).map(|_| s.send(&s.admin, "POST", "/invitations", body()));
    let answers = futures_util::future::join_all(each).await;
    let results = answers.iter().map(|a| a.body["results"][0].clone());
    let made: Vec<Value> = results.filter(|r| r["result"] == "invited").collect();
    assert_eq!(made.len(), 1, "{made:?}");
    let visits =
        futures_util::future::join_all((0..6).map(|_| async { s.page(&token_of(&made[0])).await }))
            .await;
    let done = futures_util::future::join_all(visits.iter().map(|v| v.press("accept"))).await;
    let inside = done.iter().filter(|a| a.status == 200).count();
    assert_eq!(
        inside,
        1,
        "{:?}",
        done.iter().map(|a| a.status).collect::<Vec<_>>()
    );
    assert_eq!(s.entries("access.granted"), 1);
    assert_eq!(s.entries("invitation.created"), 1);
    s.check().await;
}

#[actix_web::test]
async fn sending_again_kills_the_old_link_and_begins_the_time_anew() {
    let s = Scene::start().await;
    let ann = s.listed("ann@x.test").await;
    let id = s.invite(&ann).await["invitation"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let old = s.mailed(&ann);
    s.days_later(10);
    let resent = s.act(&id, "resend").await.expect(200).body;
    assert_eq!(resent["invitation"]["sends"], 2);
    assert_eq!(
        resent["invitation"]["expiresAt"],
        "2026-07-09T12:00:00.000Z"
    );
    let new = s.mailed(&ann);
    assert_ne!(old, new);
    assert_eq!(s.mails(&ann), ["invitation canceled", "invitation queued"]);
    s.page(&old).await.answer.expect(410);
    s.days_later(10);
    assert!(
        s.page(&new)
            .await
            .answer
            .expect(200)
            .text
            .contains("name=\"proof\"")
    );
    s.press(&new, "accept").await.expect(200);
    assert_eq!(s.access(&ann).await, "granted/invitation-accepted");
    s.check().await;
}

#[actix_web::test]
async fn a_reminder_comes_once_and_its_link_and_the_first_one_both_work() {
    let s = Scene::start().await;
    let ann = s.listed("ann@x.test").await;
    let bo = s.listed("bo@x.test").await;
    let id = s.invite(&ann).await["invitation"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    s.link_for(&bo).await;
    let first = s.mailed(&ann);
    s.days_later(4);
    assert_eq!(s.tick().await, 0);
    s.days_later(1);
    let both = futures_util::future::join(s.tick(), s.tick()).await;
    assert!(both.0 + both.1 >= 1);
    assert_eq!(s.tick().await, 0);
    assert_eq!(s.mails(&ann), ["invitation canceled", "reminder queued"]);
    assert_eq!(s.mails(&bo), [""; 0], "the app reminds whom it writes to");
    assert_eq!(
        s.invitation(&id).await["remindedAt"],
        "2026-06-20T12:00:00.000Z"
    );
    let second = s.mailed(&ann);
    for token in [&first, &second] {
        assert!(
            s.page(token)
                .await
                .answer
                .expect(200)
                .text
                .contains("ann@x.test")
        );
    }
    s.press(&second, "accept").await.expect(200);
    s.page(&first).await.answer.expect(410);
    s.check().await;
}

#[actix_web::test]
async fn no_link_that_works_goes_to_a_former_address() {
    let s = Scene::start().await;
    let ann = s.listed("ann@x.test").await;
    let id = s.invite(&ann).await["invitation"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let moved = json!([{"op": "replace", "path": "emails", "value": [{"value": "new@x.test", "type": "work", "primary": true}]}]);
    s.okta
        .patch(&format!("/Users/{ann}"), moved)
        .await
        .expect(200);
    let to = |state: &str| {
        s.rows(&format!(
            "SELECT kind || ' ' || recipient AS line FROM outbox WHERE state = '{state}'"
        ))
    };
    // It follows her, and what has not gone out yet does not go there any more.
    assert_eq!(s.invitation(&id).await["email"], "new@x.test");
    assert_eq!(to("queued"), ["invitation new@x.test"]);
    assert_eq!(to("canceled"), ["invitation ann@x.test"]);
    // The same address in other letters is the same.
    let case = json!([{"op": "replace", "path": "emails", "value": [{"value": "New@x.test", "type": "work", "primary": true}]}]);
    let path = format!("/Users/{ann}");
    s.okta.patch(&path, case).await.expect(200);
    assert_eq!(to("queued"), ["invitation new@x.test"]);
    s.days_later(5);
    s.tick().await;
    assert_eq!(to("queued"), ["reminder new@x.test"]);
    s.check().await;
}

#[actix_web::test]
async fn whoever_reads_the_mail_of_a_former_address_can_say_nothing() {
    let s = Scene::start().await;
    let ann = s.listed("ann@x.test").await;
    let (id, token) = s.link_for(&ann).await;
    let to = |address: &str| json!([{"op": "replace", "path": "emails", "value": [{"value": address, "type": "work", "primary": true}]}]);
    let path = format!("/Users/{ann}");
    s.okta.patch(&path, to("new@x.test")).await.expect(200);
    let service = &s.app.service;
    assert_eq!(service.open_invitation(&token).await.unwrap(), Opened::Gone);
    let said = service.accept_invitation(&token, "test").await.unwrap();
    assert!(matches!(said, Accepted::Gone));
    assert!(!service.decline_invitation(&token, "test").await.unwrap());
    assert_eq!(s.state(&id).await, "pending");
    assert_eq!(s.access(&ann).await, "invited/invited");
    // What the app sends again works.
    let again = s.act(&id, "resend").await.expect(200).body;
    let said = service.accept_invitation(&token_of(&again), "test").await;
    assert!(matches!(said.unwrap(), Accepted::In { .. }));
    s.check().await;
}

#[actix_web::test]
async fn nobody_is_reminded_at_an_address_that_the_first_mail_did_not_reach() {
    let s = Scene::start().await;
    let ann = s.listed("ann@x.test").await;
    let id = s.invite(&ann).await["invitation"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    s.sql("UPDATE outbox SET state = 'sent', delivery = 'bounced', next_at = NULL");
    assert_eq!(s.invitation(&id).await["mail"]["delivery"], "bounced");
    s.days_later(5);
    s.tick().await;
    assert_eq!(s.mails(&ann), ["invitation sent"]);
    s.days_later(9);
    s.tick().await;
    assert_eq!(s.state(&id).await, "expired");
    assert_eq!(s.access(&ann).await, "listed/invitation-expired");
    s.check().await;
}

#[actix_web::test]
async fn lists_have_pages_states_and_people() {
    let s = Scene::start().await;
    let mut ids = Vec::new();
    for n in 0..5 {
        let person = s.listed(&format!("p{n}@x.test")).await;
        ids.push(s.link_for(&person).await.0);
    }
    // Made within one millisecond.
    ids.sort();
    s.act(&ids[1], "withdraw").await.expect(200);
    let s = &s;
    let list = |query: &str| {
        let path = format!("/invitations{query}");
        async move {
            let page = s.send(&s.admin, "GET", &path, None).await.expect(200).body;
            let items = page["items"].as_array().unwrap().clone();
            let ids: Vec<String> = items
                .iter()
                .map(|i| i["id"].as_str().unwrap().to_owned())
                .collect();
            (ids, page["next"].as_str().map(str::to_owned))
        }
    };
    let (first, next) = list("?limit=2").await;
    assert_eq!(first, ids[..2]);
    let (rest, end) = list(&format!("?limit=5&after={}", next.unwrap())).await;
    assert_eq!((rest, end), (ids[2..].to_vec(), None));
    assert_eq!(list("?state=withdrawn").await.0, [ids[1].clone()]);
    let person = s.invitation(&ids[3]).await["person"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(list(&format!("?person={person}")).await.0, [ids[3].clone()]);
    // An auditor reads and does nothing.
    let auditor = s.app.role(&s.app.tenant, Role::Auditor).await;
    s.send(&auditor, "GET", "/invitations", None)
        .await
        .expect(200);
    s.send(
        &auditor,
        "POST",
        "/invitations",
        Some(json!({"people": ["x"]})),
    )
    .await
    .expect(403);
}
