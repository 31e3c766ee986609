//! XML turned into JSON by one fixed rule, the same for every vendor:
//!
//! - The document is an object with one member, the root element.
//! - An element with neither attributes nor elements inside is its text; without text, or with `xsi:nil="true"`, it is null.
//! - Any other element is an object: each attribute as `@name`, each element by its name, its own text, trimmed, as
//!   `#text` if there is any.
//! - An element that repeats inside its parent is a list, in the order of the document. One that is in [`Rules::lists`] is
//!   a list even if there is one of it; if there is none, it is missing.
//! - Namespaces are stripped: `wd:Worker` is `Worker`, `xmlns` is dropped. Comments and instructions are dropped.
//! - Every value is a text: numbers and dates are the mapping's business.
//!
//! A document type is refused, and with it every entity but XML's own five and character references: nothing can be
//! expanded, nothing is ever loaded. Size, depth and the number of nodes are limited.

use std::borrow::Cow;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;
use serde_json::{Map, Value};

use super::Problem;

/// Longest document, in bytes.
pub const LONGEST: usize = 64 << 20;
/// Deepest element.
const DEEPEST: usize = 64;
/// Elements and attributes together.
const MOST_NODES: usize = 3_000_000;

/// What the rule leaves to a connector.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// Elements, by local name, that are lists even where there is one of them.
    #[serde(default)]
    pub lists: Vec<String>,
}

/// Reads a document. Errors: `xml.invalid` (a document that was cut off too), `xml.encoding`, `xml.doctype`, `xml.entity`,
/// `xml.html`, `xml.too_deep`, `xml.too_long`, `xml.too_many`.
pub fn to_json(bytes: &[u8], rules: &Rules) -> Result<Value, Problem> {
    if bytes.len() > LONGEST {
        return Err(Problem::new("xml.too_long").with("limit", LONGEST));
    }
    let text = decode(bytes)?;
    let mut reader = Reader::from_str(&text);
    let config = reader.config_mut();
    config.expand_empty_elements = true;
    config.check_end_names = true;
    let mut tree = Tree {
        rules,
        open: Vec::new(),
        root: None,
        nodes: 0,
    };
    loop {
        let event = reader.read_event();
        let done = match event {
            Ok(event) => tree.take(event),
            Err(_) => Err(Problem::new("xml.invalid")),
        };
        match done {
            Ok(false) => {}
            Ok(true) => return tree.finish(),
            Err(problem) => {
                let at = usize::try_from(reader.error_position().max(reader.buffer_position()));
                return Err(problem.with("line", line_of(&text, at.unwrap_or(usize::MAX))));
            }
        }
    }
}

fn line_of(text: &str, at: usize) -> usize {
    let before = text.as_bytes().get(..at).unwrap_or(text.as_bytes());
    before.iter().filter(|b| **b == b'\n').count() + 1
}

/// The text in UTF-8: by its BOM, else by its declaration, else UTF-8.
fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, Problem> {
    let wrong = |name: &str| Problem::new("xml.encoding").with("encoding", name);
    let (encoding, bytes) = match encoding_rs::Encoding::for_bom(bytes) {
        Some((encoding, length)) => (encoding, bytes.get(length..).unwrap_or_default()),
        None => {
            let label = declared(bytes).unwrap_or("utf-8");
            let encoding = encoding_rs::Encoding::for_label_no_replacement(label.as_bytes())
                .ok_or_else(|| wrong("unknown"))?;
            (encoding, bytes)
        }
    };
    encoding
        .decode_without_bom_handling_and_without_replacement(bytes)
        .ok_or_else(|| wrong(encoding.name()))
}

/// The encoding that the declaration names.
fn declared(bytes: &[u8]) -> Option<&str> {
    let head = bytes.get(..bytes.len().min(200))?;
    let head = head.trim_ascii_start().strip_prefix(b"<?xml")?;
    let end = head.windows(2).position(|w| w == b"?>")?;
    let head = std::str::from_utf8(head.get(..end)?).ok()?;
    let value = head
        .split_once("encoding")?
        .1
        .trim_start()
        .strip_prefix('=')?
        .trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    value.get(1..)?.split(quote).next()
}

/// An element that is not closed yet.
struct Element {
    name: String,
    members: Map<String, Value>,
    text: String,
    is_nil: bool,
}

struct Tree<'r> {
    rules: &'r Rules,
    open: Vec<Element>,
    root: Option<(String, Value)>,
    nodes: usize,
}

impl Tree<'_> {
    /// Takes one event; true at the end.
    fn take(&mut self, event: Event<'_>) -> Result<bool, Problem> {
        match event {
            Event::Start(start) | Event::Empty(start) => self.start(&start)?,
            Event::End(_) => self.end()?,
            Event::Text(text) => self.text(&text.xml10_content())?,
            Event::CData(text) => self.text(&text.xml10_content())?,
            Event::GeneralRef(reference) => {
                let c = character(&reference)?;
                self.text(c.encode_utf8(&mut [0; 4]))?;
            }
            Event::DocType(_) => return Err(Problem::new("xml.doctype")),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => return Ok(true),
        }
        Ok(false)
    }

    fn count(&mut self) -> Result<(), Problem> {
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            return Err(Problem::new("xml.too_many").with("limit", MOST_NODES));
        }
        Ok(())
    }

    fn start(&mut self, start: &BytesStart<'_>) -> Result<(), Problem> {
        self.count()?;
        if self.open.len() >= DEEPEST {
            return Err(Problem::new("xml.too_deep").with("limit", DEEPEST));
        }
        if self.root.is_some() {
            return Err(Problem::new("xml.invalid"));
        }
        let name: &str = start.local_name().into_inner();
        if self.open.is_empty() && name.eq_ignore_ascii_case("html") {
            return Err(Problem::new("xml.html"));
        }
        let mut element = Element {
            name: name.to_owned(),
            members: Map::new(),
            text: String::new(),
            is_nil: false,
        };
        for attribute in start.attributes().with_checks(false) {
            self.count()?;
            let attribute = attribute.map_err(|_| Problem::new("xml.invalid"))?;
            if attribute.key.as_namespace_binding().is_some() {
                continue;
            }
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|_| Problem::new("xml.entity"))?;
            let name: &str = attribute.key.local_name().into_inner();
            if name == "nil" && attribute.key.prefix().is_some() {
                element.is_nil = matches!(&*value, "true" | "1");
                continue;
            }
            let old = element
                .members
                .insert(format!("@{name}"), Value::String(value.into_owned()));
            if old.is_some() {
                return Err(Problem::new("xml.invalid"));
            }
        }
        self.open.push(element);
        Ok(())
    }

    fn end(&mut self) -> Result<(), Problem> {
        let Some(element) = self.open.pop() else {
            return Err(Problem::new("xml.invalid"));
        };
        let Element {
            name,
            mut members,
            text,
            is_nil,
        } = element;
        let is_blank = text.trim().is_empty();
        let value = match (members.is_empty(), is_blank) {
            _ if is_nil => Value::Null,
            (true, true) => Value::Null,
            (true, false) => Value::String(text),
            (false, true) => Value::Object(members),
            (false, false) => {
                members.insert("#text".to_owned(), Value::String(text.trim().to_owned()));
                Value::Object(members)
            }
        };
        match self.open.last_mut() {
            None => self.root = Some((name, value)),
            Some(parent) => add(&mut parent.members, name, value, self.rules),
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), Problem> {
        match self.open.last_mut() {
            Some(element) => element.text.push_str(text),
            None if text.trim().is_empty() => {}
            None => return Err(Problem::new("xml.invalid")),
        }
        Ok(())
    }

    fn finish(self) -> Result<Value, Problem> {
        match self.root {
            Some((name, value)) if self.open.is_empty() => {
                let value = if self.rules.lists.contains(&name) {
                    Value::Array(vec![value])
                } else {
                    value
                };
                Ok(Value::Object(Map::from_iter([(name, value)])))
            }
            // Cut off, or nothing there.
            _ => Err(Problem::new("xml.invalid")),
        }
    }
}

/// Adds an element to its parent. No element's own value is a list, so a list there is one of repeated elements.
fn add(members: &mut Map<String, Value>, name: String, value: Value, rules: &Rules) {
    match members.get_mut(&name) {
        Some(Value::Array(list)) => list.push(value),
        Some(one) => {
            let first = one.take();
            *one = Value::Array(vec![first, value]);
        }
        None => {
            let value = if rules.lists.contains(&name) {
                Value::Array(vec![value])
            } else {
                value
            };
            members.insert(name, value);
        }
    }
}

/// One of XML's own five entities, or a character reference.
fn character(reference: &BytesRef<'_>) -> Result<char, Problem> {
    let wrong = || Problem::new("xml.entity");
    if reference.is_char_ref() {
        return reference
            .resolve_char_ref()
            .map_err(|_| wrong())?
            .ok_or_else(wrong);
    }
    let name: &str = reference;
    match name {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "apos" => Ok('\''),
        "quot" => Ok('"'),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Result<Value, Problem> {
        to_json(
            text.as_bytes(),
            &Rules {
                lists: vec!["Item".to_owned()],
            },
        )
    }

    fn code(result: &Result<Value, Problem>) -> &'static str {
        result.as_ref().map_or_else(|p| p.code, |_| "fine")
    }

    #[test]
    fn the_rule() {
        for (text, wanted) in [
            ("<a/>", json!({"a": null})),
            ("<a></a>", json!({"a": null})),
            ("<a> \n </a>", json!({"a": null})),
            ("<a> x </a>", json!({"a": " x "})),
            (
                "<a>1<!-- c -->2<![CDATA[<3>]]>&amp;&#x34;&lt;</a>",
                json!({"a": "12<3>&4<"}),
            ),
            (
                "<a b='1' c=\"&quot;x\"/>",
                json!({"a": {"@b": "1", "@c": "\"x"}}),
            ),
            ("<a b='1'> t </a>", json!({"a": {"@b": "1", "#text": "t"}})),
            (
                "<a><b>1</b><c/><b>2</b></a>",
                json!({"a": {"b": ["1", "2"], "c": null}}),
            ),
            ("<a><b>1</b></a>", json!({"a": {"b": "1"}})),
            ("<a><Item>1</Item></a>", json!({"a": {"Item": ["1"]}})),
            (
                "<a><Item/><Item/></a>",
                json!({"a": {"Item": [null, null]}}),
            ),
            ("<a>x<b/>y</a>", json!({"a": {"b": null, "#text": "xy"}})),
            (
                "<?xml version='1.0'?>\n<!-- c --><w:a xmlns:w='urn:x' xmlns='y' w:t='1'><w:b>1</w:b></w:a>\n",
                json!({"a": {"@t": "1", "b": "1"}}),
            ),
            (
                "<a xmlns:i='x'><b i:nil='true'/><c i:nil='false'>1</c></a>",
                json!({"a": {"b": null, "c": "1"}}),
            ),
            ("<a>Malm\u{f6}\r\nx</a>", json!({"a": "Malmö\nx"})),
        ] {
            assert_eq!(read(text), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn encodings_are_those_of_bom_and_declaration() {
        let latin = b"<?xml version=\"1.0\" encoding='ISO-8859-1'?><a>Malm\xf6</a>";
        assert_eq!(to_json(latin, &Rules::default()), Ok(json!({"a": "Malmö"})));
        let wide: Vec<u8> = [0xff, 0xfe]
            .into_iter()
            .chain("<a>ö</a>".encode_utf16().flat_map(u16::to_le_bytes))
            .collect();
        assert_eq!(to_json(&wide, &Rules::default()), Ok(json!({"a": "ö"})));
        assert_eq!(
            to_json(b"\xef\xbb\xbf<a>\xc3\xb6</a>", &Rules::default()),
            Ok(json!({"a": "ö"}))
        );
        assert_eq!(
            code(&to_json(b"<a>\xf6</a>", &Rules::default())),
            "xml.encoding"
        );
        assert_eq!(
            code(&to_json(
                b"<?xml encoding='none-such'?><a/>",
                &Rules::default()
            )),
            "xml.encoding"
        );
    }

    #[test]
    fn hostile_and_broken_documents_are_refused() {
        for (text, wanted) in [
            ("", "xml.invalid"),
            ("x", "xml.invalid"),
            ("<a>", "xml.invalid"),
            ("<a><b></b>", "xml.invalid"),
            ("<a></b>", "xml.invalid"),
            ("</a>", "xml.invalid"),
            ("<a/><b/>", "xml.invalid"),
            ("<a/>x", "xml.invalid"),
            ("<a b='1' b='2'/>", "xml.invalid"),
            ("<a b=1/>", "xml.invalid"),
            ("<a>&nbsp;</a>", "xml.entity"),
            ("<a b='&x;'/>", "xml.entity"),
            ("<a>&#0;</a>", "xml.entity"),
            ("<a>a & b</a>", "xml.invalid"),
            ("<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>", "xml.doctype"),
            (
                "<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>",
                "xml.doctype",
            ),
            ("<html><body>Log in</body></html>", "xml.html"),
            ("<!DOCTYPE html><html></html>", "xml.doctype"),
        ] {
            assert_eq!(code(&read(text)), wanted, "{text}");
        }
        let deep = format!("{}{}", "<a>".repeat(65), "</a>".repeat(65));
        assert_eq!(code(&read(&deep)), "xml.too_deep");
        assert_eq!(code(&read(&"<a>".repeat(1_000_000))), "xml.too_deep");
        let line = read("<a>\n<b>\n&x;</b></a>");
        assert_eq!(
            line.err()
                .and_then(|p| p.params.get("line").cloned())
                .as_deref(),
            Some("3")
        );
    }

    proptest! {
        #[test]
        fn no_document_makes_it_panic(text in "[<>/a!?\\[\\]&;#x\"'= \n-]{0,80}", bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&text);
            let _ = to_json(&bytes, &Rules::default());
        }

        #[test]
        fn texts_come_back_as_they_were(text in "[ -~äöü€]{0,40}") {
            let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            let wanted = if text.trim().is_empty() { Value::Null } else { Value::String(text) };
            prop_assert_eq!(read(&format!("<a>{escaped}</a>")), Ok(json!({"a": wanted})));
        }
    }
}
