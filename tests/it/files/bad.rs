//! Files that must not change anybody.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use super::world::{World, csv};
use crate::support::is_soak;

/// UTF-16 with a byte order mark.
fn utf16(text: &str) -> Vec<u8> {
    let units = std::iter::once(0xfeff).chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}

#[actix_web::test]
async fn a_file_that_cannot_be_read_is_refused_whole_with_its_line_and_nobody_is_changed() {
    let world = World::of("csv", &[]).await;
    world.upload(&csv(1..=20)).await;
    let (people, runs) = (world.people(), world.runs().await);
    let mut odd = utf16(&csv(1..=20));
    odd.pop();
    let ragged: String = (1..=20)
        .map(|n| format!("{n},p{n}@example.com,too,many\n"))
        .collect();
    let cut = "employee_id,work_email,last_name\n1,p1@example.com,\"Do";
    let good = csv(1..=20);
    let cases: [(&str, Vec<u8>, &str); 12] = [
        ("nothing", Vec::new(), "csv.empty"),
        (
            "a header alone",
            b"employee_id,work_email\n".to_vec(),
            "csv.no_rows",
        ),
        (
            "half of an upload",
            cut.into(),
            "line 2: a quote is never closed",
        ),
        ("UTF-16 that was cut", odd, "csv.encoding"),
        (
            "another separator",
            good.replace(',', "!").into(),
            "csv.column_missing",
        ),
        (
            "no id",
            good.replace("employee_id", "shoe_size").into(),
            "csv.column_missing",
        ),
        (
            "rows of another width",
            format!("employee_id,work_email\n{ragged}").into(),
            "csv.too_many_bad",
        ),
        (
            "a workbook",
            b"PK\x03\x04rest of a workbook".to_vec(),
            "csv.not_text",
        ),
        (
            "a page to sign in",
            b"<!DOCTYPE html><html>sign in</html>".to_vec(),
            "csv.html",
        ),
        (
            "everybody left",
            good.replace("job_title", "end_date")
                .replace("Agent", "2020-01-01")
                .into(),
            "csv.nobody_active",
        ),
        (
            "dates of either kind",
            good.replace("job_title", "start_date")
                .replace("Agent", "01/02/2020")
                .into(),
            "csv.date_ambiguous",
        ),
        (
            "a NUL",
            b"employee_id,work_email\n1,\0\n".to_vec(),
            "csv.not_text",
        ),
    ];
    for (what, bytes, wanted) in cases {
        let answer = world.send(&world.admin, bytes).await;
        assert_eq!(answer.status, 400, "{what}: {}", answer.text);
        assert_eq!(answer.body["code"], "bad-file", "{what}");
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(detail.contains(wanted), "{what}: {detail}");
        assert_eq!(world.resting(), 0, "{what}");
        assert_eq!(world.tick().await, 0, "{what}");
    }
    assert_eq!((world.people(), world.runs().await), (people, runs));
    world.app.verify().await;
}

#[actix_web::test]
async fn what_looks_odd_and_is_fine_is_read() {
    let world = World::of("csv", &[]).await;
    let bom = format!(
        "\u{feff}sep=;\r\n{}",
        csv(1..=5).replace(',', ";").replace('\n', "\r\n")
    );
    world.upload(&bom).await;
    assert_eq!(world.with_access().len(), 5);
    let quoted = csv(1..=5).replace("Agent", "\"Agent,\r\nsecond \"\"line\"\"\"");
    world.upload(&quoted).await;
    let title = world.document("p3@example.com").await["title"].clone();
    assert_eq!(title, "Agent,\nsecond \"line\"");
    let wide = String::from_utf8(csv(1..=5).into_bytes()).unwrap();
    world
        .send(&world.admin, utf16(&wide.replace("Agent", "Ağent")))
        .await
        .expect(202);
    world.tick().await;
    assert_eq!(world.document("p3@example.com").await["title"], "Ağent");
    let latin: Vec<u8> = csv(1..=5)
        .replace("Agent", "Ag?nt")
        .bytes()
        .map(|b| if b == b'?' { 0xe9 } else { b })
        .collect();
    let answer = world.send(&world.admin, latin).await.expect(202);
    assert!(
        answer.text.contains("csv.encoding_guessed"),
        "{}",
        answer.text
    );
    world.tick().await;
    assert_eq!(world.document("p3@example.com").await["title"], "Agént");
}

#[actix_web::test]
async fn rows_that_are_refused_are_told_with_their_lines_and_nobody_of_them_is_absent() {
    let world = World::of("csv", &[]).await;
    world.upload(&csv(1..=200)).await;
    let doubled = csv(1..=200) + "0007,p7@example.com,Other,Doe,Agent,\n";
    let answer = world.send(&world.admin, doubled.clone()).await.expect(202);
    assert_eq!(answer.body["refused"], 2);
    let rows = answer.body["rows"].as_array().unwrap();
    assert_eq!(
        (&rows[0]["line"], &rows[1]["line"]),
        (&8.into(), &202.into())
    );
    assert_eq!(rows[0]["code"], "csv.id_repeated");
    assert!(!answer.text.contains("p7@example.com") && !answer.text.contains("0007"));
    assert_eq!(world.tick().await, 1);
    for _ in 0..2 {
        world.upload(&(doubled.clone() + "\n")).await;
    }
    assert_eq!(world.with_access().len(), 200);
}

/// What the server says to a request that is only announced.
async fn announced(
    world: &World,
    headers: &str,
    body: impl FnOnce(&mut TcpStream) + Send + 'static,
) -> String {
    let address = world.app.base.replace("http://", "");
    let head = format!(
        "PUT {} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\nConnection: close\r\n{headers}\r\n\r\n",
        world.path("file"),
        world.admin.token(),
    );
    tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        body(&mut stream);
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text);
        text
    })
    .await
    .unwrap()
}

#[actix_web::test]
async fn a_file_of_200_mb_is_refused_before_it_is_read() {
    assert_eq!(
        rosterd::service::files::LARGEST,
        rosterd::hris::formats::csv::LARGEST
    );
    let world = World::of("csv", &[]).await;
    let long = "Content-Type: text/csv\r\nContent-Length: 209715200";
    let answer = announced(&world, long, |_| {}).await;
    assert!(
        answer.starts_with("HTTP/1.1 413") && answer.contains("too-large"),
        "{answer}"
    );
    for (headers, code) in [
        (
            "Content-Type: application/json\r\nContent-Length: 2",
            "unsupported-media",
        ),
        (
            "Content-Type: text/csv\r\nContent-Encoding: gzip\r\nContent-Length: 2",
            "unsupported-media",
        ),
    ] {
        let answer = announced(&world, headers, |_| {}).await;
        assert!(
            answer.starts_with("HTTP/1.1 415") && answer.contains(code),
            "{answer}"
        );
    }
    assert_eq!(world.resting(), 0);
}

#[actix_web::test]
async fn a_file_that_does_not_say_how_long_it_is_ends_at_the_limit() {
    if !is_soak() {
        return;
    }
    let world = World::of("csv", &[]).await;
    let chunked = "Content-Type: text/csv\r\nTransfer-Encoding: chunked";
    let answer = announced(&world, chunked, |stream| {
        let piece = [b"100000\r\n".as_slice(), &vec![b'x'; 1 << 20], b"\r\n"].concat();
        // The server stops taking them.
        while stream.write_all(&piece).is_ok() {}
    })
    .await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 413"),
        "{answer}"
    );
    assert_eq!(world.resting(), 0);
}

#[actix_web::test]
async fn a_file_that_stops_coming_is_forgotten() {
    let world = World::of("csv", &[]).await;
    let cut = "Content-Type: text/csv\r\nContent-Length: 100000";
    announced(&world, cut, |stream| {
        stream.write_all(csv(1..=100).as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Both).unwrap();
    })
    .await;
    for _ in 0..100 {
        if world.resting() == 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!((world.resting(), world.tick().await), (0, 0));
}
