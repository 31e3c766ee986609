//! Imports: a line that is refused harms no other, a body that is cut off is gone on with, whoever is missing is told.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;

use rosterd::scim::rules::Preset;
use serde_json::{Value, json};

use super::Scene;
use crate::support::{Answer, Client};

fn lines(range: std::ops::Range<usize>) -> String {
    let line = |n| {
        let line = json!({"appUserId": format!("u-{n:04}"), "email": format!("p{n}@x.test"), "name": format!("Person {n}")});
        format!("{line}\n")
    };
    range.map(line).collect()
}

fn results(answer: &Answer) -> BTreeMap<String, usize> {
    let mut count = BTreeMap::new();
    for result in answer.body["results"].as_array().unwrap() {
        *count
            .entry(result["result"].as_str().unwrap().to_owned())
            .or_default() += 1;
    }
    count
}

fn counted(pairs: &[(&str, usize)]) -> BTreeMap<String, usize> {
    pairs.iter().map(|(k, n)| ((*k).to_owned(), *n)).collect()
}

#[actix_web::test]
async fn a_thousand_with_a_bad_line_in_the_middle() {
    let s = Scene::start().await;
    let okta = s.app.source(Preset::Okta).await;
    okta.create_user("p3@x.test").await;
    let mut body = lines(0..500);
    body.push_str("{\"appUserId\": \"bad\", \"email\": 7}\n\n{not json}\n");
    body.push_str(&lines(500..1_000));
    let loaded = s.import("app-users", "", body.trim_end()).await.expect(200);
    let want = counted(&[("created", 999), ("failed", 2), ("matched", 1)]);
    assert_eq!(results(&loaded), want);
    assert_eq!(
        loaded.body["lines"], 1_003,
        "an empty line counts and says nothing"
    );
    assert_eq!(loaded.body["state"], "finished");
    let failed: Vec<&Value> = loaded.body["results"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|r| r["result"] == "failed")
        .collect();
    assert_eq!(
        (&failed[0]["line"], &failed[1]["line"]),
        (&json!(501), &json!(503))
    );
    assert!(failed[0]["detail"].as_str().unwrap().contains("email"));
    assert_eq!(s.me.get("/Users").await.total(), 1_000);
    let before = s.entries();
    let again = s
        .import("app-users", "", &lines(0..1_000))
        .await
        .expect(200);
    assert_eq!(results(&again), counted(&[("unchanged", 1_000)]));
    assert_eq!(s.entries(), before);
    let mut after = String::new();
    let mut seen = 0;
    loop {
        let path = format!("/app-users?limit=300{after}");
        let page = s.send(&s.me, "GET", &path, None).await.expect(200);
        seen += page.body["items"].as_array().unwrap().len();
        match page.body["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(seen, 1_000);
    s.check().await;
}

/// Sends the beginning of a body and hangs up.
fn send_cut(base: &str, client: &Client, key: &str, body: &str) {
    let host = base.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let head = format!(
        "POST /api/v1/tenants/default/app-users:import?mode=reconcile HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {}\r\n\
         idempotency-key: {key}\r\ncontent-type: application/x-ndjson\r\ncontent-length: 1000000\r\n\r\n",
        client.token()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    stream.flush().unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let _ = stream.read_to_end(&mut Vec::new());
}

async fn progress(s: &Scene) -> Value {
    let list = s.send(&s.me, "GET", "/app-imports", None).await.expect(200);
    list.body["items"][0].clone()
}

#[actix_web::test]
async fn what_was_cut_off_is_gone_on_with() {
    let s = Scene::start().await;
    s.put("old", json!({"email": "old@x.test"}))
        .await
        .expect(201);
    let (base, me) = (s.app.base.clone(), s.me.clone());
    let mut begun = lines(0..430);
    // The line that is cut is not taken for a whole one.
    begun.push_str("{\"appUserId\": \"u-0430\", \"em");
    let cut = tokio::task::spawn_blocking(move || send_cut(&base, &me, "load-1", &begun));
    cut.await.unwrap();
    let mut at = Value::Null;
    for _ in 0..100 {
        at = progress(&s).await;
        if at["lines"].as_u64().is_some_and(|lines| lines >= 400) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(
        (&at["state"], &at["mode"]),
        (&json!("open"), &json!("reconcile"))
    );
    let taken = usize::try_from(at["lines"].as_u64().unwrap()).unwrap();
    assert!((400..=430).contains(&taken), "{at}");
    s.user("u-0430").await.expect(404);
    let me = s.me.header("idempotency-key", "load-1");
    let import = |query: String, body: String| {
        let me = me.clone();
        async move {
            let path = format!("/api/v1/tenants/default/app-users:import{query}");
            me.raw("POST", &path, "application/x-ndjson", body.into_bytes())
                .await
        }
    };
    // Nothing may be left out between.
    let gap = import(format!("?mode=reconcile&line={}", taken + 2), lines(0..1)).await;
    assert_eq!(
        (gap.status, &gap.body["code"]),
        (409, &json!("not-now")),
        "{}",
        gap.text
    );
    let other = import("?mode=upsert".to_owned(), lines(0..1)).await;
    assert_eq!(other.status, 400, "{}", other.text);
    let query = format!("?mode=reconcile&missing=remove&line={}", taken + 1);
    let done = import(query, lines(taken..1_000)).await.expect(200);
    assert_eq!(done.body["state"], "finished");
    assert_eq!(
        (&done.body["missing"], &done.body["removed"]),
        (&json!(1), &json!(1)),
        "{}",
        done.body["kept"]
    );
    s.user("old").await.expect(404);
    s.user("u-0999").await.expect(200);
    assert_eq!(progress(&s).await["state"], "finished");
    s.check().await;
}

#[actix_web::test]
async fn whoever_is_missing_is_told_and_removed_only_when_that_is_safe() {
    let s = Scene::start().await;
    s.import("app-users", "", &lines(0..30)).await.expect(200);
    let told = s
        .import("app-users", "?mode=reconcile", &lines(0..28))
        .await
        .expect(200);
    assert_eq!(
        results(&told),
        counted(&[("missing", 2), ("unchanged", 28)])
    );
    assert!(s.stands("u-0029").await.starts_with("granted"));
    // A line that is refused may be theirs.
    let bad = lines(0..28) + "{}\n";
    let kept = s
        .import("app-users", "?mode=reconcile&missing=remove", &bad)
        .await
        .expect(200);
    assert_eq!(kept.body["removed"], 0);
    assert!(
        kept.body["kept"].as_str().unwrap().contains("refused"),
        "{}",
        kept.text
    );
    for (query, body, why) in [
        ("?mode=reconcile&missing=remove", String::new(), "empty"),
        (
            "?mode=reconcile&missing=remove",
            lines(0..10),
            "removeAtMost",
        ),
    ] {
        let kept = s.import("app-users", query, &body).await.expect(200);
        assert_eq!(kept.body["removed"], 0);
        assert!(
            kept.body["kept"].as_str().unwrap().contains(why),
            "{}",
            kept.text
        );
    }
    assert_eq!(s.me.get("/Users").await.total(), 30);
    // More than one part: nobody is missing before the last.
    let me = s.me.clone();
    let scene = Scene {
        me: me.header("idempotency-key", "two-parts"),
        ..s
    };
    let first = scene
        .import(
            "app-users",
            "?mode=reconcile&missing=remove&more=true",
            &lines(0..15),
        )
        .await
        .expect(200);
    assert_eq!(
        (&first.body["state"], &first.body["removed"]),
        (&json!("open"), &json!(0))
    );
    let query = "?mode=reconcile&missing=remove&removeAtMost=20&line=16";
    let last = scene
        .import("app-users", query, &lines(15..20))
        .await
        .expect(200);
    assert_eq!(last.body["removed"], 10, "{}", last.body["kept"]);
    let person = scene
        .me
        .filter("/Users", "userName eq \"p25@x.test\"")
        .await;
    let ours = &person.resources()[0][crate::sources::OURS];
    assert_eq!(ours["accessReason"]["code"], "removed-in-app");
    scene.check().await;
}

#[actix_web::test]
async fn hostile_imports_are_refused() {
    let s = Scene::start().await;
    let twice = lines(0..1) + &lines(0..1) + &"x".repeat(200_000) + "\n" + &lines(1..2);
    let told = s.import("app-users", "", &twice).await.expect(200);
    assert_eq!(results(&told), counted(&[("created", 2), ("failed", 2)]));
    assert!(told.text.len() < 2_000, "{}", told.text);
    let deep = format!(
        "{{\"appUserId\": \"d\", \"name\": {}1{}}}\n",
        "[".repeat(5_000),
        "]".repeat(5_000)
    );
    let told = s.import("app-users", "", &deep).await.expect(200);
    assert_eq!(told.body["failed"], 1);
    for query in [
        "?mode=all",
        "?missing=remove",
        "?line=0",
        "?line=x",
        "?more=1",
        "?removeAtMost=3",
        "?x=1",
    ] {
        let refused = s.import("app-users", query, "").await;
        assert_eq!(refused.status / 100, 4, "{query}: {}", refused.text);
    }
    let path = "/api/v1/tenants/default/app-users:import";
    let refused = s.me.raw("POST", path, "text/csv", b"a".to_vec()).await;
    refused.expect(415);
    assert_eq!(s.me.get("/Users").await.total(), 2);
}
