//! Pages: by cursor (RFC 9865), at the root, and around rows that cannot be read.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rosterd::domain::clock::{Clock, ManualClock, Millis, SystemClock};
use rosterd::domain::roles::Role;
use rosterd::scim::list::CURSOR_TIMEOUT;
use rosterd::scim::rules::Preset;
use rosterd::storage::connection::AnyConnection;
use serde_json::{Value, json};

use crate::support::{Answer, Client, GROUP, TestApp, execute, is_soak, person};

const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

fn next(page: &Answer) -> Option<String> {
    page.body["nextCursor"].as_str().map(str::to_owned)
}

/// All ids of a list, page by page; `path` ends where the cursor goes.
async fn walk(client: &Client, path: &str) -> Vec<String> {
    let mut ids = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = client.get(&format!("{path}{cursor}")).await.expect(200);
        ids.extend(page.ids());
        match next(&page) {
            None => return ids,
            Some(next) => cursor = next,
        }
    }
}

/// Most people that a writer makes. Whom a source deleted stays for an app to see, so that a walk would never end behind
/// writers who are faster.
const MOST: usize = 3_000;

/// Creates and deletes people until told to stop, or there are many.
async fn write(client: Client, name: &'static str, stop: Arc<AtomicBool>) -> usize {
    let mut made = 0;
    let mut here: Vec<String> = Vec::new();
    while made < 20 || (made < MOST && !stop.load(Ordering::Relaxed)) {
        here.push(
            client
                .create_user(&format!("{name}{made}@x.test"))
                .await
                .id(),
        );
        made += 1;
        if here.len() > 5 {
            let gone = here.remove(made % here.len());
            client.delete(&format!("/Users/{gone}")).await.expect(204);
        }
    }
    made
}

// checklist: 92
#[actix_web::test]
async fn a_walk_returns_everybody_who_was_there_throughout_exactly_once() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let entra = app.source(Preset::Entra).await;
    let everybody = app.role(&app.tenant, Role::App).await;
    let (people, page) = if is_soak() { (3_000, 70) } else { (60, 7) };
    let mut there = BTreeSet::new();
    for i in 0..people {
        there.insert(okta.create_user(&format!("p{i}@x.test")).await.id());
    }
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = [("a", &okta), ("b", &okta), ("c", &entra), ("d", &entra)]
        .into_iter()
        .map(|(name, client)| actix_web::rt::spawn(write(client.clone(), name, Arc::clone(&stop))))
        .collect();
    for _ in 0..if is_soak() { 20 } else { 3 } {
        for client in [&okta, &entra, &everybody] {
            for order in ["ascending", "descending"] {
                let got = walk(
                    client,
                    &format!("/Users?count={page}&sortOrder={order}&cursor="),
                )
                .await;
                let once: BTreeSet<String> = got.iter().cloned().collect();
                assert_eq!(once.len(), got.len(), "somebody came twice");
                assert_eq!(there.difference(&once).count(), 0, "somebody was left out");
            }
            let sorted = walk(
                client,
                &format!("/Users?count={page}&sortBy=userName&cursor="),
            )
            .await;
            let once: BTreeSet<String> = sorted.iter().cloned().collect();
            assert_eq!(once.len(), sorted.len());
            assert_eq!(there.difference(&once).count(), 0);
        }
    }
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        assert!(writer.await.unwrap() >= 20);
    }
}

// checklist: 178, 179, 183, 184, 185, 187, 188
#[actix_web::test]
async fn pages_by_cursor_say_where_the_next_one_is_and_nothing_of_an_index() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    for i in 0..5 {
        okta.create_user(&format!("p{i}@x.test")).await;
        okta.post(
            "/Groups",
            json!({"schemas": [GROUP], "displayName": format!("g{i}")}),
        )
        .await
        .expect(201);
    }
    for path in ["/Users", "/Groups"] {
        let first = okta
            .get(&format!("{path}?cursor&count=3"))
            .await
            .expect(200);
        assert_eq!((first.total(), first.resources().len()), (5, 3));
        assert_eq!(
            (&first.body["itemsPerPage"], &first.body["startIndex"]),
            (&json!(3), &Value::Null)
        );
        let rest = format!("{path}?count=3&cursor={}", next(&first).unwrap());
        let rest = okta.get(&rest).await.expect(200);
        assert_eq!((rest.resources().len(), next(&rest)), (2, None));
        assert_eq!(
            [first.ids(), rest.ids()].concat(),
            okta.get(path).await.ids()
        );
        // The page that ends the list has no next one, full or not.
        let whole = okta
            .get(&format!("{path}?cursor=&count=5"))
            .await
            .expect(200);
        assert_eq!((whole.resources().len(), next(&whole)), (5, None));
        let none = okta
            .get(&format!("{path}?cursor=&count=0"))
            .await
            .expect(200);
        assert_eq!(
            (none.total(), none.resources().len(), next(&none)),
            (5, 0, None)
        );
        // By the same members in a body; what a filter matches is not counted for a page.
        let mut search = json!({"schemas": [SEARCH], "filter": "id pr", "count": 2, "cursor": ""});
        let page = okta
            .post(&format!("{path}/.search"), search.clone())
            .await
            .expect(200);
        assert_eq!(page.body.get("totalResults"), None);
        search["cursor"] = json!(next(&page).unwrap());
        let page = okta
            .post(&format!("{path}/.search"), search)
            .await
            .expect(200);
        assert_eq!(page.ids(), okta.get(path).await.ids()[2..4]);
        let few = okta
            .get(&format!("{path}?cursor=&filter=id+pr"))
            .await
            .expect(200);
        assert_eq!(few.total(), 5);
        let plain = okta.get(path).await.expect(200);
        assert_eq!((next(&plain), &plain.body["startIndex"]), (None, &json!(1)));
    }
    let auditor = app.role(&app.tenant, Role::Auditor).await;
    let events = walk(&auditor, "/AuditEvents?count=4&cursor=").await;
    assert_eq!(events, auditor.get("/AuditEvents").await.ids());
    let config = okta.get("/ServiceProviderConfig").await.body;
    assert_eq!(config["sort"], json!({"supported": true}));
    assert_eq!(
        config["pagination"],
        json!({"cursor": true, "index": true, "defaultPaginationMethod": "index", "defaultPageSize": 100,
            "maxPageSize": 1000, "cursorTimeout": CURSOR_TIMEOUT})
    );
}

// checklist: 181, 182, 189
#[actix_web::test]
async fn a_cursor_is_of_use_only_to_its_reader_and_its_query() {
    let clock = Arc::new(ManualClock::at(SystemClock.now()));
    let app = TestApp::start_with(clock.clone()).await;
    let okta = app.source(Preset::Okta).await;
    for i in 0..5 {
        okta.create_user(&format!("p{i}@x.test")).await;
    }
    let query = "/Users?filter=userName+pr&sortBy=userName&count=2&cursor=";
    let cursor = next(&okta.get(query).await.expect(200)).unwrap();
    okta.get(&format!("{query}{cursor}")).await.expect(200);
    okta.get(&format!("{query}{cursor}&attributes=userName"))
        .await
        .expect(200);
    let other = app.tenant("other").await;
    let strangers = [
        app.source(Preset::Okta).await,
        app.role(&app.tenant, Role::App).await,
        app.role(&app.tenant, Role::Auditor).await,
        app.role(&other, Role::App).await,
    ];
    let mut refusals = BTreeSet::new();
    let mut refused = |answer: Answer| {
        assert_eq!(
            (answer.status, answer.scim_type()),
            (400, "invalidCursor"),
            "{}",
            answer.text
        );
        refusals.insert(answer.body["detail"].to_string());
    };
    for client in &strangers {
        refused(client.get(&format!("{query}{cursor}")).await);
    }
    for other in [
        "/Users?sortBy=userName&count=2&cursor=",
        "/Users?filter=title+pr&sortBy=userName&count=2&cursor=",
        "/Users?filter=userName+pr&count=2&cursor=",
        "/Users?filter=userName+pr&sortBy=title&count=2&cursor=",
        "/Users?filter=userName+pr&sortBy=userName&sortOrder=descending&count=2&cursor=",
        "/Groups?count=2&cursor=",
    ] {
        refused(okta.get(&format!("{other}{cursor}")).await);
    }
    for forged in [
        "x",
        "%00",
        "AAAA",
        &cursor[1..],
        &cursor[..cursor.len() - 1],
        &format!("{cursor}A"),
    ] {
        if forged != "%00" {
            refused(okta.get(&format!("{query}{forged}")).await);
        }
    }
    assert_eq!(refusals.len(), 1, "{refusals:?}");
    let sized = |count: &str| query.replace("count=2", &format!("count={count}")) + &cursor;
    for count in ["3", "0", "many"] {
        let answer = okta.get(&sized(count)).await.expect(400);
        assert_eq!(answer.scim_type(), "invalidCount");
    }
    let both = okta
        .get(&format!("{query}{cursor}&startIndex=1"))
        .await
        .expect(400);
    assert!(both.body["detail"].to_string().contains("startIndex"));
    clock.set(Millis(clock.now().0 + CURSOR_TIMEOUT * 1_000 + 1));
    let late = okta.get(&format!("{query}{cursor}")).await.expect(400);
    assert_eq!(late.scim_type(), "expiredCursor");
}

#[actix_web::test]
async fn what_a_list_cannot_be_sorted_by_is_refused() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    okta.create_user("ann@x.test").await;
    for by in [
        "nope",
        "password",
        "name",
        "groups",
        "x509Certificates",
        "meta.location",
        "urn:ietf:params:scim:schemas:extension:rosterd:2.0:User:access",
    ] {
        let answer = okta.get(&format!("/Users?sortBy={by}")).await.expect(400);
        assert_eq!(answer.scim_type(), "invalidValue");
        assert!(
            answer.body["detail"].to_string().contains(by),
            "{}",
            answer.text
        );
    }
    let answer = okta
        .get("/Users?sortBy=userName&sortOrder=up")
        .await
        .expect(400);
    assert_eq!(answer.scim_type(), "invalidValue");
}

#[actix_web::test]
async fn a_source_is_sorted_by_no_name_that_it_does_not_assert() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let entra = app.source(Preset::Entra).await;
    // Okta's names run the other way than Entra's; one person has none in Entra's view.
    let mut ids = Vec::new();
    for (i, name) in ["a", "b", "c"].iter().enumerate() {
        let mut user = person(&format!("p{i}@x.test"));
        user["displayName"] = json!(name);
        ids.push(okta.post("/Users", user).await.expect(201).id());
    }
    for (i, name) in [None, Some("z"), Some("y")].iter().enumerate() {
        let mut user = person(&format!("p{i}@x.test"));
        match name {
            Some(name) => user["displayName"] = json!(name),
            None => {
                user.as_object_mut().unwrap().remove("displayName");
            }
        }
        entra
            .put(&format!("/Users/{}", ids[i]), user)
            .await
            .expect(200);
    }
    let shown = |page: &Answer| -> Vec<Value> {
        page.resources()
            .iter()
            .map(|r| r["displayName"].clone())
            .collect()
    };
    let page = entra.get("/Users?sortBy=displayName").await.expect(200);
    let mut want = shown(&page);
    want.sort_by_key(|name| (name.is_null(), name.as_str().unwrap_or_default().to_owned()));
    assert_eq!(shown(&page), want);
    let page = okta.get("/Users?sortBy=displayName").await.expect(200);
    assert_eq!(shown(&page), ["a", "b", "c"]);
}

// checklist: 94, 95
#[actix_web::test]
async fn a_query_at_the_root_lists_users_and_then_groups() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let mut all = Vec::new();
    for i in 0..4 {
        all.push(okta.create_user(&format!("p{i}@x.test")).await.id());
    }
    for i in 0..3 {
        let group = json!({"schemas": [GROUP], "displayName": format!("g{i}")});
        all.push(okta.post("/Groups", group).await.expect(201).id());
    }
    assert_eq!(okta.get("").await.expect(200).ids(), all);
    assert_eq!(okta.get("/").await.expect(200).ids(), all);
    let search = |extra: Value| {
        let mut search = json!({"schemas": [SEARCH]});
        for (name, value) in extra.as_object().unwrap() {
            search[name] = value.clone();
        }
        okta.post("/.search", search)
    };
    for (start, count) in [(1, 2), (3, 2), (4, 2), (5, 2), (6, 9), (8, 2), (2, 0)] {
        let page = search(json!({"startIndex": start, "count": count}))
            .await
            .expect(200);
        let from = (start - 1usize).min(7);
        assert_eq!(
            page.ids(),
            all[from..(from + count).min(7)],
            "{start} {count}"
        );
        assert_eq!((page.total(), &page.body["startIndex"]), (7, &json!(start)));
    }
    for (filter, want) in [
        ("meta.resourceType eq \"User\"", &all[..4]),
        ("meta.resourceType eq \"Group\"", &all[4..]),
        ("userName eq \"p1@x.test\"", &all[1..2]),
        (
            "userName eq \"p1@x.test\" or displayName eq \"g0\"",
            &[all[1].clone(), all[4].clone()][..],
        ),
        ("not (userName pr)", &all[4..]),
        ("members.value eq \"nobody\"", &[][..]),
    ] {
        let page = search(json!({"filter": filter})).await.expect(200);
        assert_eq!(page.ids(), want, "{filter}");
        assert_eq!(page.total(), i64::try_from(want.len()).unwrap(), "{filter}");
    }
    let page = search(json!({"attributes": ["displayName"], "count": 1}))
        .await
        .expect(200);
    assert_eq!(page.resources()[0].get("userName"), None);
    let answer = search(json!({"cursor": ""})).await.expect(400);
    assert_eq!(answer.scim_type(), "invalidCursor");
    assert!(answer.body["detail"].to_string().contains("startIndex"));
    let answer = search(json!({"sortBy": "displayName"})).await.expect(400);
    assert_eq!(answer.scim_type(), "invalidValue");
}

#[actix_web::test]
async fn a_row_that_cannot_be_read_hides_no_other() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let auditor = app.role(&app.tenant, Role::Auditor).await;
    let (mut users, mut groups) = (Vec::new(), Vec::new());
    for i in 0..4 {
        users.push(okta.create_user(&format!("p{i}@x.test")).await.id());
        let group = json!({"schemas": [GROUP], "displayName": format!("g{i}")});
        groups.push(okta.post("/Groups", group).await.expect(201).id());
    }
    let mut conn = app.database.connect();
    // PostgreSQL takes no document that is no JSON, but any JSON.
    let broken = match conn {
        AnyConnection::Sqlite(_) => "'{\"userName\":\"p1'",
        AnyConnection::Postgresql(_) => "'[1]'",
    };
    for (table, id) in [("users", &users[1]), ("\"groups\"", &groups[2])] {
        execute(
            &mut conn,
            &format!("UPDATE {table} SET doc = {broken}, match_doc = {broken} WHERE id = '{id}'"),
        );
    }
    execute(
        &mut conn,
        "UPDATE journal SET changes = '[[' WHERE action = 'user.created' AND sequence = (SELECT max(sequence) FROM journal WHERE action = 'user.created')",
    );
    let without = |all: &[String], one: &str| -> Vec<String> {
        all.iter().filter(|id| *id != one).cloned().collect()
    };
    for client in [&okta, &auditor] {
        for (path, all, one) in [
            ("/Users", &users, &users[1]),
            ("/Groups", &groups, &groups[2]),
        ] {
            for query in [
                "",
                "?attributes=id",
                "?sortBy=meta.created",
                "?filter=id+pr",
            ] {
                let page = client.get(&format!("{path}{query}")).await.expect(200);
                assert_eq!(page.ids(), without(all, one), "{path}{query}");
                assert_eq!((page.total(), &page.body["itemsPerPage"]), (4, &json!(3)));
            }
            let walked = walk(client, &format!("{path}?count=2&cursor=")).await;
            assert_eq!(walked, without(all, one));
            let answer = client.get(&format!("{path}/{one}")).await.expect(500);
            let request = answer.header("x-request-id").unwrap();
            assert!(answer.body["detail"].to_string().contains(request));
        }
        // A filter and an order that look into documents.
        let page = client
            .get("/Users?filter=title+pr+or+emails.type+eq+%22work%22&sortBy=emails.type")
            .await
            .expect(200);
        assert_eq!(page.ids(), without(&users, &users[1]));
        assert_eq!(page.total(), 3);
        let page = client
            .get("/Users?sortBy=name.familyName&sortOrder=descending")
            .await
            .expect(200);
        assert_eq!((page.total(), page.resources().len()), (4, 3));
        assert_eq!(client.get("/?count=6").await.expect(200).ids().len(), 5);
        assert_eq!(
            client.get("/?startIndex=5").await.expect(200).ids().len(),
            3
        );
    }
    let page = auditor.get("/AuditEvents").await.expect(200);
    let shown = i64::try_from(page.resources().len()).unwrap();
    assert_eq!(shown, page.total() - 1);
}
