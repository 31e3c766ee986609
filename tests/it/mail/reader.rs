//! Reads a mail as a mail program does: headers unfolded and decoded, parts decoded. Written without the program's code.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A mail that was read.
#[derive(Debug)]
pub struct Read {
    /// As it came.
    pub raw: String,
    pub headers: BTreeMap<String, String>,
    pub text: String,
    pub html: String,
}

impl Read {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// Reads a mail with two parts.
pub fn read(mail: &str) -> Read {
    let (headers, body) = split(mail);
    let kind = headers.get("content-type").unwrap();
    assert!(kind.starts_with("multipart/alternative"), "{kind}");
    let boundary = kind.split_once("boundary=\"").unwrap().1;
    let boundary = boundary.split('"').next().unwrap();
    let parts: Vec<&str> = body.split(&format!("--{boundary}")).collect();
    assert_eq!(parts.len(), 4, "two parts and an end");
    assert_eq!(parts[3].trim(), "--");
    Read {
        raw: mail.to_owned(),
        text: part(parts[1], "text/plain"),
        html: part(parts[2], "text/html"),
        headers,
    }
}

fn part(part: &str, kind: &str) -> String {
    let (headers, body) = split(part.trim_start_matches("\r\n"));
    let given = headers.get("content-type").unwrap();
    assert!(
        given.starts_with(kind) && given.contains("charset=utf-8"),
        "{given}"
    );
    let encoding = headers.get("content-transfer-encoding").unwrap();
    let body = body.strip_suffix("\r\n").unwrap_or(body);
    let bytes = match encoding.as_str() {
        "7bit" => body.as_bytes().to_vec(),
        "quoted-printable" => quoted_printable(body),
        "base64" => STANDARD.decode(body.replace("\r\n", "")).unwrap(),
        other => panic!("{other}"),
    };
    String::from_utf8(bytes).unwrap().replace("\r\n", "\n")
}

/// Headers in lower case, and the body. A header that is there twice is a fault.
fn split(mail: &str) -> (BTreeMap<String, String>, &str) {
    let (head, body) = mail.split_once("\r\n\r\n").unwrap();
    let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    let mut headers = BTreeMap::new();
    for line in unfolded.split("\r\n") {
        let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("{line}"));
        let before = headers.insert(name.to_ascii_lowercase(), words(value.trim()));
        assert_eq!(before, None, "{name} twice");
    }
    (headers, body)
}

/// RFC 2047: `=?utf-8?b?…?=`.
fn words(value: &str) -> String {
    let mut out = String::new();
    let mut rest = value;
    let mut was_word = false;
    while let Some((before, behind)) = rest.split_once("=?") {
        let mut fields = behind.splitn(4, '?');
        let (charset, encoding) = (fields.next().unwrap(), fields.next().unwrap());
        let text = fields.next().unwrap();
        assert!(charset.eq_ignore_ascii_case("utf-8"), "{value}");
        // Blanks between two encoded words are none.
        if !(was_word && before.trim().is_empty()) {
            out.push_str(before);
        }
        let bytes = match encoding {
            "b" | "B" => STANDARD.decode(text).unwrap(),
            _ => quoted_printable(&text.replace('_', " ")),
        };
        out.push_str(&String::from_utf8(bytes).unwrap());
        let end = charset.len() + encoding.len() + text.len() + 2;
        rest = behind[end..].strip_prefix("?=").unwrap();
        was_word = true;
    }
    out + rest
}

fn quoted_printable(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match (first, after) {
            (b'=', [b'\r', b'\n', more @ ..]) => rest = more,
            (b'=', [a, b, more @ ..]) => {
                let digits = [*a, *b];
                let digits = std::str::from_utf8(&digits).unwrap();
                bytes.push(u8::from_str_radix(digits, 16).unwrap());
                rest = more;
            }
            _ => bytes.push(*first),
        }
    }
    bytes
}
