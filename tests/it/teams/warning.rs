//! What an admin is told of reviewers who are removed: the app's words by a signed call, else the operator's.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rosterd::cli::team_warning::AppWarning;
use rosterd::config::Secret;
use rosterd::domain::signature::{hmac, signed};
use rosterd::service::teams::{Replaced, ReplacedTeam, Warn};

/// An app that answers one call, and hands on what it was sent.
fn app(answer: &'static str) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/ends", listener.local_addr().unwrap());
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let (mut heard, mut buffer) = (String::new(), [0; 8_192]);
        loop {
            let n = socket.read(&mut buffer).unwrap();
            heard += std::str::from_utf8(&buffer[..n]).unwrap();
            let Some((head, body)) = heard.split_once("\r\n\r\n") else {
                continue;
            };
            let length = head.lines().find_map(|l| {
                l.to_lowercase()
                    .strip_prefix("content-length: ")
                    .map(str::to_owned)
            });
            if n == 0 || body.len() >= length.unwrap().parse::<usize>().unwrap() {
                break;
            }
        }
        socket.write_all(answer.as_bytes()).unwrap();
        tell.send(heard).unwrap();
    });
    (url, told)
}

fn about() -> Replaced {
    Replaced {
        tenant: "t".to_owned(),
        teams: vec![ReplacedTeam {
            id: "g".to_owned(),
            app_team_id: Some("t-1".to_owned()),
            reviewers: vec!["u".to_owned()],
        }],
    }
}

#[actix_web::test]
async fn the_apps_words_come_first_and_failure_is_the_operators() {
    let key = b"a secret of some length";
    let secret = Secret::new(format!("whsec_{}", STANDARD.encode(key)));
    let operators = Some("Expenses go to finance.".to_owned());
    let good = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 27\r\n\r\n{\"text\":\"Two forms end.\"}  ";
    let (url, told) = app(good);
    let warning = AppWarning::new(operators.clone(), Some((&url, &secret))).unwrap();
    let words = warning.warn(&about(), "fr").await;
    assert_eq!(words, Some(("Two forms end.".to_owned(), "app")));
    let heard = told.recv().unwrap();
    let (head, body) = heard.split_once("\r\n\r\n").unwrap();
    let header = |name: &str| {
        let line = head
            .lines()
            .find(|l| l.to_lowercase().starts_with(&format!("{name}:")));
        line.unwrap().split_once(": ").unwrap().1.to_owned()
    };
    let seconds = header("webhook-timestamp").parse().unwrap();
    let text = signed(&header("webhook-id"), seconds, body);
    let want = format!("v1,{}", STANDARD.encode(hmac(key, text.as_bytes())));
    assert_eq!(header("webhook-signature"), want);
    assert!(
        body.contains("\"appTeamId\":\"t-1\"") && body.contains("\"language\":\"fr\""),
        "{body}"
    );
    for bad in [
        "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{\"text\":\" \"}",
    ] {
        let (url, _told) = app(bad);
        let warning = AppWarning::new(operators.clone(), Some((&url, &secret))).unwrap();
        let words = warning.warn(&about(), "en").await;
        assert_eq!(
            words,
            Some(("Expenses go to finance.".to_owned(), "operator")),
            "{bad}"
        );
    }
    let nowhere = AppWarning::new(None, Some(("http://127.0.0.1:1/", &secret))).unwrap();
    assert_eq!(nowhere.warn(&about(), "en").await, None);
    assert!(AppWarning::new(None, Some(("http://x.test/", &Secret::new("plain")))).is_err());
}
