//! Changes of members of any size: readers see the old or the new state, other writers go on, nothing is lost, every
//! change has its entry, and no row stays behind, whatever happens in the middle.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rosterd::domain::access::JoinerPolicy;
use rosterd::scim::document;
use rosterd::scim::rules::{Preset, Rules};
use rosterd::scim::schema::ResourceKind;
use rosterd::service::Source;
use rosterd::service::users::Target;
use rosterd::storage::connection::AnyConnection;
use serde_json::{Value, json};

use crate::support::bulk::{fill, id};
use crate::support::process::{Server, TOKEN, command};
use crate::support::{Answer, Client, Database, GROUP, TestApp, execute, is_soak, lines, person};

fn many() -> usize {
    if is_soak() { 20_000 } else { 3_000 }
}

/// The group that has the members of [`fill`].
fn group() -> String {
    id(1)
}

fn path() -> String {
    format!("/Groups/{}", group())
}

fn people(numbers: impl Iterator<Item = usize>) -> BTreeSet<String> {
    numbers.map(id).collect()
}

fn values(ids: &BTreeSet<String>) -> Value {
    ids.iter().map(|id| json!({"value": id})).collect()
}

fn body(members: &BTreeSet<String>) -> Value {
    json!({"schemas": [GROUP], "displayName": "g1", "members": values(members)})
}

fn members(answer: &Answer) -> BTreeSet<String> {
    let members = answer.body["members"].as_array().unwrap();
    let ids = members.iter().map(|m| m["value"].as_str().unwrap());
    ids.map(str::to_owned).collect()
}

fn count(conn: &mut AnyConnection, what: &str) -> usize {
    let found = lines(
        conn,
        &format!("SELECT CAST(count(*) AS TEXT) AS line FROM {what}"),
    );
    found[0].parse().unwrap()
}

/// Waits until no large change has anything left to do.
async fn at_rest(conn: &mut AnyConnection) {
    for _ in 0..6_000 {
        if count(conn, "member_jobs") == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{:?}", lines(conn, "SELECT state AS line FROM member_jobs"));
}

/// The group has these members and no other row, and its entries tell how they came to be it.
fn holds(conn: &mut AnyConnection, before: &BTreeSet<String>, want: &BTreeSet<String>) {
    let group = group();
    let stored = lines(
        conn,
        &format!(
            "SELECT user_id AS line FROM memberships WHERE group_id = '{group}' ORDER BY user_id"
        ),
    );
    assert!(
        stored.iter().eq(want.iter()),
        "{} rows, {} wanted",
        stored.len(),
        want.len()
    );
    let entries = lines(
        conn,
        &format!(
            "SELECT action || ' ' || object_id AS line FROM journal WHERE subject_id = '{group}' ORDER BY sequence"
        ),
    );
    let mut told = before.clone();
    for entry in entries {
        let (action, user) = entry.split_once(' ').unwrap();
        match action {
            "group.member_added" => assert!(told.insert(user.to_owned()), "{user} came twice"),
            "group.member_removed" => assert!(told.remove(user), "{user} went twice"),
            _ => {}
        }
    }
    assert_eq!(told.len(), want.len());
    assert!(&told == want, "the entries tell of others");
}

/// Writes something else until it is told to stop; returns how often it was done.
async fn write_on(okta: Client, number: usize, stop: Arc<AtomicBool>) -> usize {
    let mut done = 0;
    while !stop.load(Ordering::Relaxed) {
        if number == 0 {
            okta.create_user(&format!("other-{done}@x.test")).await;
        } else {
            let op = if done % 2 == 0 { "add" } else { "remove" };
            let change = json!([{"op": op, "path": "members", "value": [{"value": id(number)}]}]);
            let path = format!("/Groups/{}", id(2));
            okta.patch(&path, change).await.expect(204);
        }
        done += 1;
    }
    done
}

#[actix_web::test]
async fn a_large_put_is_in_force_at_once_while_other_writers_go_on() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Entra).await;
    fill(&app.database, app.tenant.tenant.as_str(), many(), 10);
    let mut conn = app.database.connect();
    let (few, all) = (people(1..=10), people(6..=many()));
    let stop = Arc::new(AtomicBool::new(false));
    let others: Vec<_> = (0..3)
        .map(|n| actix_web::rt::spawn(write_on(okta.clone(), n, Arc::clone(&stop))))
        .collect();
    let reads = Arc::new(AtomicUsize::new(0));
    let reader = {
        let (okta, stop, reads) = (okta.clone(), Arc::clone(&stop), Arc::clone(&reads));
        let (few, all) = (few.clone(), all.clone());
        actix_web::rt::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let seen = okta.get(&path()).await.expect(200);
                let (seen, version) = (members(&seen), seen.body["meta"]["version"].clone());
                let want = if version == json!("W/\"1\"") {
                    &few
                } else {
                    &all
                };
                assert!(&seen == want, "{version}: {} members", seen.len());
                reads.fetch_add(1, Ordering::Relaxed);
            }
        })
    };
    let put = okta.put(&path(), body(&all)).await.expect(200);
    assert_eq!(put.header("etag"), Some("W/\"2\""));
    assert!(members(&put) == all);
    stop.store(true, Ordering::Relaxed);
    for other in others {
        let done = other.await.unwrap();
        assert!(done >= 3, "another writer came to {done} writes only");
    }
    reader.await.unwrap();
    assert!(members(&okta.get(&path()).await) == all);
    at_rest(&mut conn).await;
    holds(&mut conn, &few, &all);
    let causes = lines(
        &mut conn,
        &format!(
            "SELECT DISTINCT cause_id AS line FROM journal WHERE subject_id = '{}'",
            group()
        ),
    );
    assert_eq!(causes.len(), 1, "the entries have one cause");
    let summary = "journal WHERE action = 'group.members_changed'";
    assert_eq!(count(&mut conn, summary), 1);
    let user = okta.get(&format!("/Users/{}", id(many()))).await;
    assert_eq!(user.body["groups"][0]["value"], json!(group()));
    // The same again changes nothing.
    let again = okta.put(&path(), body(&all)).await.expect(200);
    assert_eq!(again.header("etag"), Some("W/\"2\""));
    // Three of thousands are a small change.
    let fewer = people(9..=many());
    okta.put(&path(), body(&fewer)).await.expect(200);
    holds(&mut conn, &few, &fewer);
    assert_eq!(count(&mut conn, summary), 1);
    assert!(app.verify().await.faults.is_empty());
}

#[actix_web::test]
async fn changes_that_meet_in_one_group_lose_nothing() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Entra).await;
    let n = many();
    fill(&app.database, app.tenant.tenant.as_str(), n + 60, 20);
    let add = |ids: BTreeSet<String>| {
        let okta = okta.clone();
        let change = json!([{"op": "add", "path": "members", "value": values(&ids)}]);
        async move {
            okta.patch(&path(), change).await.expect(204);
        }
    };
    let small = async |numbers: std::ops::Range<usize>| {
        for number in numbers {
            let newcomer = [id(n + number)].into();
            add(newcomer).await;
            let leaver = json!([{"op": "remove", "path": format!("members[value eq \"{}\"]", id(number / 3))}]);
            okta.patch(&path(), leaver).await.expect(204);
        }
    };
    // Two large ones and three small writers at once. Who leaves is named by no large one.
    let half = n / 2;
    futures_util::future::join5(
        add(people(21..=half)),
        add(people(half - 100..=n)),
        small(1..21),
        small(21..41),
        small(41..61),
    )
    .await;
    let mut conn = app.database.connect();
    at_rest(&mut conn).await;
    let mut want = people(1..=n + 60);
    for number in 1..61 {
        want.remove(&id(number / 3));
    }
    holds(&mut conn, &people(1..=20), &want);
    // Thousands are replaced by PATCH, and go by name, and all the others at once.
    let (odd, half) = (people((1..n).step_by(2)), people(1..=half));
    let replace = json!([{"op": "replace", "path": "members", "value": values(&odd)}]);
    okta.patch(&path(), replace).await.expect(204);
    let remove = json!([{"op": "remove", "path": "members", "value": values(&half)}]);
    okta.patch(&path(), remove).await.expect(204);
    let left: BTreeSet<String> = odd.difference(&half).cloned().collect();
    assert!(members(&okta.get(&path()).await) == left);
    okta.patch(&path(), json!([{"op": "remove", "path": "members"}]))
        .await
        .expect(204);
    at_rest(&mut conn).await;
    holds(&mut conn, &people(1..=20), &BTreeSet::new());
    assert!(app.verify().await.faults.is_empty());
}

#[actix_web::test]
async fn a_large_group_is_created_and_deleted_and_its_rows_go_at_last() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Entra).await;
    fill(&app.database, app.tenant.tenant.as_str(), many(), many());
    let mut conn = app.database.connect();
    let all = people(1..=many());
    let create = json!({"schemas": [GROUP], "displayName": "New", "members": values(&all)});
    let made = okta.post("/Groups", create).await.expect(201);
    assert!(members(&made) == all);
    at_rest(&mut conn).await;
    assert_eq!(count(&mut conn, "memberships"), 2 * all.len());
    okta.delete(&path()).await.expect(204);
    let user = okta.get(&format!("/Users/{}", id(5))).await.expect(200);
    assert_eq!(user.body["groups"].as_array().unwrap().len(), 1);
    okta.delete(&format!("/Groups/{}", made.id()))
        .await
        .expect(204);
    at_rest(&mut conn).await;
    assert_eq!(count(&mut conn, "memberships"), 0);
    assert!(app.verify().await.faults.is_empty());
}

#[actix_web::test]
async fn a_huge_group_is_deleted_while_other_writers_go_on() {
    let huge = if is_soak() { 100_000 } else { 5_000 };
    let app = TestApp::start().await;
    let okta = app.source(Preset::Entra).await;
    fill(&app.database, app.tenant.tenant.as_str(), huge, huge);
    let mut conn = app.database.connect();
    let stop = Arc::new(AtomicBool::new(false));
    let others: Vec<_> = (0..2)
        .map(|n| actix_web::rt::spawn(write_on(okta.clone(), n, Arc::clone(&stop))))
        .collect();
    okta.delete(&path()).await.expect(204);
    // Gone for everybody with the answer, whatever rows are still there.
    okta.get(&path()).await.expect(404);
    let user = okta.get(&format!("/Users/{}", id(huge))).await.expect(200);
    assert!(user.body.get("groups").is_none(), "{}", user.text);
    at_rest(&mut conn).await;
    stop.store(true, Ordering::Relaxed);
    for other in others {
        let done = other.await.unwrap();
        assert!(done >= 3, "another writer came to {done} writes only");
    }
    holds(&mut conn, &people(1..=huge), &BTreeSet::new());
    assert!(app.verify().await.faults.is_empty());
}

#[actix_web::test]
async fn a_large_change_that_is_refused_or_too_slow_leaves_nothing() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Entra).await;
    let connection = fill(&app.database, app.tenant.tenant.as_str(), many(), 10);
    let mut conn = app.database.connect();
    let (few, all) = (people(1..=10), people(1..=many()));
    let stale = okta.header("if-match", "W/\"7\"");
    stale.put(&path(), body(&all)).await.expect(412);
    let mut unknown = all.clone();
    unknown.insert("nobody".to_owned());
    let refused = okta.put(&path(), body(&unknown)).await.expect(400);
    assert_eq!(refused.scim_type(), "invalidValue");
    let taken = json!({"schemas": [GROUP], "displayName": "G2", "members": values(&all)});
    okta.post("/Groups", taken).await.expect(409);
    let mut service = app.service.clone();
    service.member_write = Duration::ZERO;
    let incoming = document::read(
        service.builtin().of_sources(),
        ResourceKind::Group,
        body(&all),
        &mut Rules::default(),
    );
    let source = Source {
        id: connection,
        policy: JoinerPolicy::Grant,
    };
    let target = Target {
        id: group(),
        if_match: None,
        if_none_match: None,
    };
    let slow = service.replace_group(&app.tenant, &source, target, incoming.unwrap());
    let error = slow.await.unwrap_err();
    assert!(
        error.to_string().contains("member_write_seconds"),
        "{error}"
    );
    // Somebody whose process died while it prepared.
    let job = "'preparing', 7, '', 'x', 'token', 'x', 'request', 'x', 0";
    let tenant = app.tenant.tenant.as_str();
    execute(
        &mut conn,
        &format!(
            "INSERT INTO member_jobs (tenant, group_id, generation, state, sweeps, cursor, connection_id, actor_kind, \
             actor_id, cause_kind, cause_id, touched_at) SELECT '{tenant}', '{}', 7, {job}",
            group()
        ),
    );
    execute(
        &mut conn,
        &format!(
            "INSERT INTO memberships (tenant, group_id, generation, user_id, member_type) \
             SELECT tenant, '{}', 7, id, 'User' FROM users WHERE tenant = '{tenant}'",
            group()
        ),
    );
    let resumed = app.service.resume_member_jobs(Duration::ZERO).await;
    assert!(resumed.unwrap() >= 1);
    at_rest(&mut conn).await;
    holds(&mut conn, &few, &few);
    assert_eq!(
        okta.get(&path()).await.header("etag"),
        Some("W/\"1\""),
        "nothing has changed"
    );
}

#[actix_web::test]
async fn who_is_deleted_during_a_large_change_is_no_member_after_it() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Entra).await;
    fill(&app.database, app.tenant.tenant.as_str(), many(), 10);
    let leave = async {
        for number in 1..=20 {
            let user = format!("/Users/{}", id(number * 7));
            okta.delete(&user).await.expect(204);
        }
    };
    let path = path();
    let put = okta.put(&path, body(&people(1..=many())));
    let (put, ()) = futures_util::future::join(put, leave).await;
    assert!([200, 400].contains(&put.status), "{}", put.status);
    let mut conn = app.database.connect();
    at_rest(&mut conn).await;
    for number in 1..=20 {
        let rows = format!("memberships WHERE user_id = '{}'", id(number * 7));
        assert_eq!(count(&mut conn, &rows), 0, "{number}");
    }
    assert!(app.verify().await.faults.is_empty());
}

#[actix_web::test]
async fn a_kill_in_the_middle_leaves_the_old_or_the_new_state_and_no_rest() {
    let database = Database::fresh();
    let files = tempfile::tempdir().unwrap();
    let server = Server::start(&database, files.path()).await;
    let mut conn = database.connect();
    let tenant = "SELECT id AS line FROM tenants WHERE name = 'default'";
    let tenant = lines(&mut conn, tenant).remove(0);
    fill(&database, &tenant, many(), many());
    server.kill();
    let all = people(1..=many());
    let sets = [
        people((1..=many()).step_by(2)),
        people((2..=many()).step_by(2)),
    ];
    let mut now = all.clone();
    let (mut old, mut new) = (0, 0);
    let waits: &[u64] = match is_soak() {
        true => &[5, 20, 40, 80, 120, 160, 240, 320, 480, 640, 1_000, 2_000],
        false => &[60, 400],
    };
    for (round, wait) in waits.iter().enumerate() {
        let server = Server::start(&database, files.path()).await;
        let client = Client::new(&server.base, TOKEN);
        let doomed = id(round + 2);
        execute(
            &mut conn,
            &format!(
                "INSERT INTO memberships (tenant, group_id, generation, user_id, member_type) \
                 SELECT tenant, '{doomed}', 1, id, 'User' FROM users WHERE tenant = '{tenant}'"
            ),
        );
        let want = &sets[round % 2];
        client
            .delete(&format!("/Groups/{doomed}"))
            .await
            .expect(204);
        let put = {
            let (client, body) = (client.clone(), body(want));
            actix_web::rt::spawn(async move { client.attempt("PUT", &path(), &body).await })
        };
        tokio::time::sleep(Duration::from_millis(*wait)).await;
        server.kill();
        let told = put.await.unwrap().map(|answer| answer.status);
        let server = Server::start(&database, files.path()).await;
        let client = Client::new(&server.base, TOKEN);
        let seen = members(&client.get(&path()).await.expect(200));
        assert!(seen == now || &seen == want, "{} members", seen.len());
        assert!(told != Some(200) || &seen == want);
        match &seen == want {
            true => new += 1,
            false => old += 1,
        }
        now = seen;
        // The next write of the group does not wait for what is left, and comes after it in the journal.
        let newcomer = json!(person(&format!("round-{round}@x.test")));
        let newcomer = client.post("/Users", newcomer).await.expect(201).id();
        let add = json!([{"op": "add", "path": "members", "value": [{"value": newcomer}]}]);
        client.patch(&path(), add).await.expect(204);
        now.insert(newcomer);
        at_rest(&mut conn).await;
        holds(&mut conn, &all, &now);
        let rows = format!("memberships WHERE group_id = '{doomed}'");
        assert_eq!(count(&mut conn, &rows), 0);
        let verify = command(&database, files.path(), "127.0.0.1:0")
            .args(["audit", "verify"])
            .output()
            .unwrap();
        assert!(verify.status.success(), "round {round}");
        server.kill();
    }
    use std::io::Write;
    writeln!(
        std::io::stderr(),
        "{} kills: {old} times the old state, {new} times the new one",
        waits.len()
    )
    .unwrap();
}
