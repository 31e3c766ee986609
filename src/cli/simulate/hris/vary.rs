//! What a faithful stand-in of the same vendor could do otherwise: answers that say the same in another form. A client
//! that reads what the vendor documents does not notice.

use std::collections::BTreeMap;
use std::sync::Mutex;

use quick_xml::events::{BytesEnd, BytesStart, BytesText, Event};
use quick_xml::{Reader, Writer};
use serde_json::{Map, Value, json};

use super::call::{Call, Reply};
use super::desk::lock;
use super::dice::Dice;

/// Another form of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Variation {
    /// Each object has a member more, each XML element with children a child more.
    ExtraFields,
    /// People come in another order, the same for all pages; members of objects too.
    Shuffled,
    /// Ids that are numbers come as texts.
    TextIds,
    /// Ids that are texts of digits come as numbers.
    NumberIds,
    /// Names of headers come in another case.
    HeaderCase,
    /// Links name path and query alone.
    RelativeLinks,
    /// Links name the address at which the stand-in was asked.
    AbsoluteLinks,
}

impl Variation {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::ExtraFields,
        Self::Shuffled,
        Self::TextIds,
        Self::NumberIds,
        Self::HeaderCase,
        Self::RelativeLinks,
        Self::AbsoluteLinks,
    ];

    /// Its word in `--vary`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ExtraFields => "extra-fields",
            Self::Shuffled => "shuffled",
            Self::TextIds => "text-ids",
            Self::NumberIds => "number-ids",
            Self::HeaderCase => "header-case",
            Self::RelativeLinks => "relative-links",
            Self::AbsoluteLinks => "absolute-links",
        }
    }
}

/// The variations that are on, and how often each changed something.
#[derive(Debug, Default)]
pub struct Variations(BTreeMap<Variation, Mutex<u64>>);

impl Variations {
    /// Reads the words. Errors: names the word that is none, and those that are.
    pub fn parse<'t>(words: impl IntoIterator<Item = &'t str>) -> Result<Self, String> {
        let mut on = BTreeMap::new();
        for word in words.into_iter().map(str::trim).filter(|w| !w.is_empty()) {
            let mut all = Variation::ALL.into_iter();
            let found = all.find(|v| v.as_str() == word).ok_or_else(|| {
                let known = Variation::ALL.map(Variation::as_str).join(", ");
                format!("`{word}` is no variation: there are {known}")
            })?;
            on.insert(found, Mutex::new(0));
        }
        Ok(Self(on))
    }

    /// Whether it is on.
    pub fn has(&self, variation: Variation) -> bool {
        self.0.contains_key(&variation)
    }

    /// How often each changed something. What never did has nothing to change in what was asked for.
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        let count =
            |(variation, count): (&Variation, &Mutex<u64>)| (variation.as_str(), *lock(count));
        self.0.iter().map(count).collect()
    }

    /// It changed something.
    pub fn note(&self, variation: Variation) {
        if let Some(count) = self.0.get(&variation) {
            *lock(count) += 1;
        }
    }

    /// These rows in another order, always the same one for so many.
    pub fn order<T>(&self, rows: &mut [T], seed: u64) {
        if !self.has(Variation::Shuffled) || rows.len() < 2 {
            return;
        }
        let mut dice = Dice::new(seed, "order");
        for at in (1..rows.len()).rev() {
            rows.swap(at, dice.below(at + 1));
        }
        self.note(Variation::Shuffled);
    }

    /// The answer in its other form. `prefix` is the path below which the stand-in is served.
    pub fn apply(&self, reply: &mut Reply, call: &Call, prefix: &str) {
        if self.0.is_empty() {
            return;
        }
        let host = call.header("host").unwrap_or("localhost");
        let form = Form {
            on: self,
            base: format!("http://{host}{prefix}"),
            path: &call.path,
        };
        for (name, value) in &mut reply.headers {
            if name.eq_ignore_ascii_case("link") {
                *value = form.link_header(value);
            }
        }
        if reply.kind.contains("json") {
            if let Ok(mut body) = serde_json::from_slice::<Value>(&reply.body) {
                form.json(&mut body, "");
                let is_turned = self.has(Variation::Shuffled);
                reply.body = written(&body, is_turned).into_bytes();
            }
        } else if reply.kind.contains("xml")
            && self.has(Variation::ExtraFields)
            && let Some(body) = with_more_elements(&reply.body)
        {
            self.note(Variation::ExtraFields);
            reply.body = body;
        }
    }
}

/// The name of what is there more.
const MORE: &str = "addedLater";

/// Changes one answer.
struct Form<'a> {
    on: &'a Variations,
    /// The address of the stand-in.
    base: String,
    /// What was asked for.
    path: &'a str,
}

impl Form<'_> {
    /// Changes a value that stands under this name.
    fn json(&self, value: &mut Value, name: &str) {
        match value {
            Value::Object(members) => {
                for (inner, value) in members.iter_mut() {
                    // An id may be wrapped: `"id": {"label": "ID", "value": 7}`.
                    let is_wrapped = inner == "value" && is_id(name);
                    self.json(value, if is_wrapped { name } else { inner });
                }
                self.extend(members);
            }
            Value::Array(list) => list.iter_mut().for_each(|inner| self.json(inner, name)),
            _ => self.scalar(value, name),
        }
    }

    fn scalar(&self, value: &mut Value, name: &str) {
        if is_id(name) {
            self.id(value);
        } else if is_link(name)
            && let Value::String(link) = value
            && let Some(other) = self.link(link)
        {
            *link = other;
        }
    }

    fn id(&self, value: &mut Value) {
        let other = match value {
            Value::Number(number) if self.on.has(Variation::TextIds) => number
                .as_u64()
                .map(|n| (Variation::TextIds, json!(n.to_string()))),
            Value::String(text) if self.on.has(Variation::NumberIds) => {
                canonical(text).map(|n| (Variation::NumberIds, json!(n)))
            }
            _ => None,
        };
        if let Some((variation, other)) = other {
            self.on.note(variation);
            *value = other;
        }
    }

    /// A member more, of the kind of the others. What is empty may say something by being empty.
    fn extend(&self, members: &mut Map<String, Value>) {
        if !self.on.has(Variation::ExtraFields) || members.is_empty() || members.contains_key(MORE)
        {
            return;
        }
        let more = if members.values().all(Value::is_object) {
            json!({MORE: null})
        } else if members.values().all(Value::is_array) {
            json!([])
        } else {
            json!("later")
        };
        members.insert(MORE.to_owned(), more);
        self.on.note(Variation::ExtraFields);
    }

    /// The link in its other form; none where it has that form already, or is no link.
    fn link(&self, link: &str) -> Option<String> {
        let is_absolute = link.starts_with("https://") || link.starts_with("http://");
        let path = match link.split_once("://") {
            Some((_, rest)) if is_absolute => rest[rest.find('/')?..].to_owned(),
            _ if link.starts_with('/') => link.to_owned(),
            _ if link.starts_with('?') => format!("{}{link}", self.path),
            _ => return None,
        };
        let (variation, other) = match self.on.has(Variation::AbsoluteLinks) {
            true => (Variation::AbsoluteLinks, format!("{}{path}", self.base)),
            false if self.on.has(Variation::RelativeLinks) => (Variation::RelativeLinks, path),
            false => return None,
        };
        let is_other = other != link;
        is_other.then(|| {
            self.on.note(variation);
            other
        })
    }

    /// The links of a `Link` header, which stand between angle brackets.
    fn link_header(&self, header: &str) -> String {
        let mut other = String::new();
        let mut rest = header;
        while let Some((before, after)) = rest.split_once('<') {
            let Some((link, behind)) = after.split_once('>') else {
                break;
            };
            let link = self.link(link).unwrap_or_else(|| link.to_owned());
            other.push_str(&format!("{before}<{link}>"));
            rest = behind;
        }
        other.push_str(rest);
        other
    }
}

/// Whether a member of this name is an id, or a list of them.
fn is_id(name: &str) -> bool {
    const WORDS: [&str; 4] = ["paid", "valid", "void", "grid"];
    let name = name.to_lowercase();
    let one = name.strip_suffix('s').unwrap_or(&name);
    one.ends_with("id") && !WORDS.iter().any(|word| one.ends_with(word))
}

/// Whether a member of this name is a link to a page of a list.
fn is_link(name: &str) -> bool {
    let name = name.to_lowercase();
    name.contains("next")
        || name.contains("prev")
        || matches!(name.as_str(), "href" | "self" | "first" | "last")
}

/// The number that this text is and that every JSON parser keeps; none for one with zeros before it.
fn canonical(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok().filter(|n| *n < 1 << 53)?;
    (number.to_string() == text).then_some(number)
}

/// JSON text, with the members of each object from the last to the first if it is turned.
fn written(value: &Value, is_turned: bool) -> String {
    match value {
        Value::Object(members) if is_turned => {
            let parts = members.iter().rev();
            let parts =
                parts.map(|(name, inner)| format!("{}:{}", json!(name), written(inner, true)));
            format!("{{{}}}", parts.collect::<Vec<_>>().join(","))
        }
        Value::Array(list) if is_turned => {
            let parts = list.iter().map(|inner| written(inner, true));
            format!("[{}]", parts.collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

/// The document with a child more at the end of each element that has some, the root aside; none if it is not well-formed.
fn with_more_elements(body: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader::from_str(std::str::from_utf8(body).ok()?);
    let mut writer = Writer::new(Vec::new());
    // For each open element: whether it has children.
    let mut open: Vec<bool> = Vec::new();
    loop {
        let event = reader.read_event().ok()?;
        match &event {
            Event::Start(_) => {
                open.last_mut().into_iter().for_each(|has| *has = true);
                open.push(false);
            }
            Event::Empty(_) => open.last_mut().into_iter().for_each(|has| *has = true),
            Event::End(_) => {
                let has_children = open.pop()?;
                if has_children && !open.is_empty() {
                    writer
                        .write_event(Event::Start(BytesStart::new(MORE)))
                        .ok()?;
                    writer
                        .write_event(Event::Text(BytesText::new("later")))
                        .ok()?;
                    writer.write_event(Event::End(BytesEnd::new(MORE))).ok()?;
                }
            }
            Event::Eof => return Some(writer.into_inner()),
            _ => {}
        }
        writer.write_event(event).ok()?;
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// The answer to a request at `http://here.test/hr/…` with these variations.
    fn varied(words: &str, reply: Reply) -> (Reply, BTreeMap<&'static str, u64>) {
        let on = Variations::parse(words.split(',')).unwrap();
        let call = Call {
            path: "/p".into(),
            headers: vec![("host".into(), "here.test".into())],
            ..Call::default()
        };
        let mut reply = reply;
        on.apply(&mut reply, &call, "/hr");
        (reply, on.counts())
    }

    fn json_of(words: &str, body: &Value) -> Value {
        let (reply, _) = varied(words, Reply::json(200, body));
        serde_json::from_slice(&reply.body).unwrap()
    }

    #[test]
    fn only_what_is_an_id_by_its_name_and_a_number_by_its_form_changes() {
        let body = json!({"id": 7, "supervisorEid": "8", "team_ids": [1, "2"], "ID": {"value": 9, "label": "x"}, "paid": "1",
            "number": "3", "zeros_id": "007", "long_id": "90071992547409930", "person_id": null});
        let texts = json!({"id": "7", "supervisorEid": "8", "team_ids": ["1", "2"], "ID": {"value": "9", "label": "x"},
            "paid": "1", "number": "3", "zeros_id": "007", "long_id": "90071992547409930", "person_id": null});
        assert_eq!(json_of("text-ids", &body), texts);
        let numbers = json!({"id": 7, "supervisorEid": 8, "team_ids": [1, 2], "ID": {"value": 9, "label": "x"}, "paid": "1",
            "number": "3", "zeros_id": "007", "long_id": "90071992547409930", "person_id": null});
        assert_eq!(json_of("number-ids", &body), numbers);
    }

    #[test]
    fn links_lose_their_host_or_get_the_one_that_was_asked() {
        let body = json!({"next": "https://api.vendor.test/p?page=2", "photo": "https://api.vendor.test/1.png",
            "links": {"prev": {"href": "/p?page=0"}}, "first": 1, "last": "a name", "next_url": "?page=2"});
        let relative = json_of("relative-links", &body);
        assert_eq!(
            (&relative["next"], &relative["next_url"]),
            (&json!("/p?page=2"), &json!("/p?page=2"))
        );
        assert_eq!(
            (&relative["photo"], &relative["last"]),
            (&body["photo"], &body["last"])
        );
        let absolute = json_of("absolute-links", &body);
        assert_eq!(absolute["next"], "http://here.test/hr/p?page=2");
        assert_eq!(
            absolute["links"]["prev"]["href"],
            "http://here.test/hr/p?page=0"
        );
        let header = "<https://api.vendor.test/p?a=1,2>; rel=\"next\", <https://api.vendor.test/p>; rel=\"last\"";
        let (reply, counts) = varied(
            "relative-links",
            Reply::json(200, &json!([])).with("Link", header),
        );
        assert_eq!(
            reply.headers[0].1,
            "</p?a=1,2>; rel=\"next\", </p>; rel=\"last\""
        );
        assert_eq!(counts["relative-links"], 2);
    }

    #[test]
    fn there_is_a_member_more_of_the_kind_of_the_others() {
        let body = json!({"a": {"x": 1}, "b": {}});
        let wanted = json!({"a": {"x": 1, "addedLater": "later"}, "b": {}, "addedLater": {"addedLater": null}});
        assert_eq!(json_of("extra-fields", &body), wanted);
        let xml = "<a:r xmlns:a=\"x\"><b n=\"1\"><c>&amp;</c><d/></b></a:r>";
        let (reply, _) = varied("extra-fields", Reply::new(200, "text/xml", xml));
        let wanted = "<a:r xmlns:a=\"x\"><b n=\"1\"><c>&amp;</c><d/><addedLater>later</addedLater></b></a:r>";
        assert_eq!(String::from_utf8(reply.body).unwrap(), wanted);
    }

    #[test]
    fn the_order_is_another_one_and_stays() {
        let on = Variations::parse(["shuffled"]).unwrap();
        let (mut once, mut again): (Vec<u32>, Vec<u32>) = ((0..30).collect(), (0..30).collect());
        on.order(&mut once, 1);
        on.order(&mut again, 1);
        assert_eq!(once, again);
        assert!(once.windows(2).any(|pair| pair[0] > pair[1]));
        once.sort_unstable();
        assert!(once.into_iter().eq(0..30));
        let (reply, _) = varied(
            "shuffled",
            Reply::json(200, &json!({"a": [{"b": 1, "c": "\""}], "d": 2})),
        );
        assert_eq!(reply.body, br#"{"d":2,"a":[{"c":"\"","b":1}]}"#);
    }

    #[test]
    fn what_is_no_variation_is_refused_and_nothing_else_is_counted() {
        let why = Variations::parse(["sideways"]).unwrap_err();
        assert!(why.contains("shuffled"), "{why}");
        let (reply, counts) = varied(
            "text-ids,relative-links",
            Reply::new(200, "text/plain", "id: 7"),
        );
        assert_eq!(reply.body, b"id: 7");
        assert!(counts.values().all(|count| *count == 0), "{counts:?}");
    }
}
