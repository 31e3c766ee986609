//! Many groups at once: large changes with groups among the members, and long chains.

use std::collections::BTreeSet;

use rosterd::scim::rules::Preset;
use rosterd::service::groups::LEVELS;

use super::{add, at, body, group, groups_of, members_of, pairs, take_out, told};
use crate::support::bulk::{fill, id};
use crate::support::{Answer, TestApp, execute, lines};

#[actix_web::test]
async fn a_large_change_may_have_groups_among_its_members() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Entra).await;
    let people = 700;
    fill(&app.database, app.tenant.tenant.as_str(), people, 10);
    let mut conn = app.database.connect();
    // People and groups have the same ids here, which no others have: the groups get new ones.
    execute(
        &mut conn,
        "UPDATE \"groups\" SET id = 'g' || id; UPDATE memberships SET group_id = 'g' || group_id",
    );
    let big_id = format!("g{}", id(400));
    let nested: Vec<String> = (2..=40).map(|n| format!("g{}", id(n))).collect();
    let all: Vec<String> = (1..=people).map(id).collect();
    let whole: Vec<String> = [&all[..], &nested[..]].concat();
    let write = async |members: &[String]| {
        let members: Vec<&str> = members.iter().map(String::as_str).collect();
        okta.put(&at(&big_id), body("big", &members)).await
    };
    let answer = write(&whole).await.expect(200);
    let count = |answer: &Answer, kind: &str| {
        let members = answer.body["members"].as_array().unwrap().iter();
        members.filter(|m| m["type"] == kind).count()
    };
    assert_eq!(
        (count(&answer, "User"), count(&answer, "Group")),
        (people, nested.len())
    );
    let entries = told(&mut conn, &big_id);
    let of_groups = entries.iter().filter(|e| e.contains(" group ")).count();
    assert_eq!(
        (entries.len(), of_groups),
        (whole.len(), nested.len()),
        "one entry a member"
    );
    // Somebody in a nested group is in the big one, and a member of the big one is in whatever it stands in.
    let outside = group(&okta, "outside", &[&big_id]).await;
    assert_eq!(
        groups_of(&okta, &id(people)).await,
        pairs(&[("big", "direct"), ("outside", "indirect")])
    );
    // A large change that would close a circle is refused whole, and leaves nothing.
    let version = okta
        .get(&at(&big_id))
        .await
        .header("etag")
        .map(str::to_owned);
    let wrong = [&all[..50], &[outside.clone()]].concat();
    let refused = write(&wrong).await.expect(400);
    assert!(refused.text.contains("`outside`"), "{}", refused.text);
    let stands = okta.get(&at(&big_id)).await;
    assert_eq!(stands.header("etag").map(str::to_owned), version);
    assert_eq!(count(&stands, "User"), people);
    // Large, from nothing, and refused: a group cannot be in itself however many are with it.
    let itself = [&all[..], &[big_id.clone()], &nested[..1]].concat();
    let refused = write(&itself).await.expect(400);
    assert!(refused.text.contains("its own member"), "{}", refused.text);
    // A group among thousands goes like anybody else, by name or with all the others.
    take_out(&okta, &big_id, &nested[0]).await;
    let fewer = [&all[..20], &nested[5..7]].concat();
    let answer = write(&fewer).await.expect(200);
    assert_eq!((count(&answer, "User"), count(&answer, "Group")), (20, 2));
    let removed = told(&mut conn, &big_id);
    let removed = removed
        .iter()
        .filter(|e| e.starts_with("group.member_removed group "));
    assert_eq!(removed.count(), nested.len() - 2);
    assert!(app.verify().await.faults.is_empty());
}

#[actix_web::test]
async fn a_group_that_is_deleted_during_a_large_change_is_no_member_after_it() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Entra).await;
    let people = 3_000;
    fill(&app.database, app.tenant.tenant.as_str(), people, 10);
    let mut nested = Vec::new();
    for i in 0..20 {
        nested.push(group(&okta, &format!("nested {i}"), &[]).await);
    }
    let members: Vec<String> = (1..=people).map(id).chain(nested.clone()).collect();
    let members: Vec<&str> = members.iter().map(String::as_str).collect();
    let big = group(&okta, "big", &[]).await;
    let path = at(&big);
    let put = okta.put(&path, body("big", &members));
    let leave = async {
        for group in &nested {
            okta.delete(&at(group)).await.expect(204);
        }
    };
    let (put, ()) = futures_util::future::join(put, leave).await;
    assert!([200, 400].contains(&put.status), "{}", put.text);
    let mut conn = app.database.connect();
    for group in &nested {
        let rows = format!("SELECT group_id AS line FROM memberships WHERE user_id = '{group}'");
        assert_eq!(lines(&mut conn, &rows), Vec::<String>::new());
    }
    // Who came has an entry, and who went, too.
    let mut told_of = BTreeSet::new();
    for entry in told(&mut conn, &big) {
        match entry.strip_prefix("group.member_added ") {
            Some(who) => assert!(told_of.insert(who.to_owned()), "{entry}"),
            None => assert!(
                told_of.remove(&entry["group.member_removed ".len()..]),
                "{entry}"
            ),
        }
    }
    let left = members_of(&okta, &big).await;
    assert_eq!(told_of.len(), left.len());
    assert!(app.verify().await.faults.is_empty());
}

#[actix_web::test]
async fn groups_stand_in_groups_so_many_levels_deep_and_no_deeper() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let ann = okta.create_user("ann").await.id();
    let levels = usize::try_from(LEVELS).unwrap();
    let mut chain = vec![group(&okta, "level 1", &[&ann]).await];
    for i in 2..=levels {
        let inner = chain.last().unwrap().clone();
        chain.push(group(&okta, &format!("level {i}"), &[&inner]).await);
    }
    assert_eq!(groups_of(&okta, &ann).await.len(), levels);
    let top = chain.last().unwrap();
    let refused = okta.post("/Groups", body("one more", &[top])).await;
    let refused = refused.expect(400);
    assert_eq!(refused.scim_type(), "invalidValue");
    for part in ["32 levels", "`one more`", &format!("`level {levels}`")] {
        assert!(refused.text.contains(part), "{part}: {}", refused.text);
    }
    let leaf = group(&okta, "leaf", &[]).await;
    add(&okta, &chain[0], &leaf).await.expect(400);
    add(&okta, &chain[1], &leaf).await.expect(204);
    let pair = group(&okta, "pair", &[&leaf]).await;
    add(&okta, &chain[1], &pair).await.expect(400);
    add(&okta, &chain[2], &pair).await.expect(204);
}
