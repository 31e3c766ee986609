//! Reads the XML that a client sends: a flat list of elements, each with the local names that lead to it.

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

/// One element.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Element {
    /// Local names from the root, with `/` between them.
    pub path: String,
    /// Local names of its attributes, and their values.
    pub attributes: Vec<(String, String)>,
    /// Its own text, without white space around it.
    pub text: String,
}

impl Element {
    /// An attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// The elements in order; nothing if it is no well-formed XML or declares entities.
pub fn elements(text: &str) -> Option<Vec<Element>> {
    let mut reader = Reader::from_str(text);
    let mut found: Vec<Element> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                found.push(element(&start, open.last().map(|at| &found[*at]))?);
                open.push(found.len() - 1);
            }
            Event::Empty(start) => found.push(element(&start, open.last().map(|at| &found[*at]))?),
            Event::End(_) => {
                let closed = &mut found[open.pop()?];
                closed.text = closed.text.trim().to_owned();
            }
            Event::Text(part) => {
                if let Some(at) = open.last() {
                    found[*at].text.push_str(&part.xml10_content());
                }
            }
            Event::GeneralRef(name) => {
                let sign = match name.as_ref() as &str {
                    "amp" => "&",
                    "lt" => "<",
                    "gt" => ">",
                    "quot" => "\"",
                    "apos" => "'",
                    _ => return None,
                };
                found[*open.last()?].text.push_str(sign);
            }
            Event::DocType(_) => return None,
            Event::Eof => return (open.is_empty() && !found.is_empty()).then_some(found),
            _ => {}
        }
    }
}

fn element(start: &BytesStart, parent: Option<&Element>) -> Option<Element> {
    let name = start.local_name().as_ref().to_owned();
    let path = match parent {
        Some(parent) => format!("{}/{name}", parent.path),
        None => name,
    };
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.ok()?;
        let value = attribute.normalized_value(XmlVersion::Explicit1_0).ok()?;
        let name = attribute.key.local_name();
        attributes.push((name.as_ref().to_owned(), value.into_owned()));
    }
    Some(Element {
        path,
        attributes,
        text: String::new(),
    })
}

/// A text as it stands in XML.
pub fn escape(text: &str) -> String {
    quick_xml::escape::escape(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::elements;

    #[test]
    fn elements_come_with_path_attributes_and_text() {
        let found =
            elements("<a:r xmlns:a='x'><b n=\"1\">x &amp; y</b><c/></a:r>").unwrap_or_default();
        let paths: Vec<&str> = found.iter().map(|e| e.path.as_str()).collect();
        assert_eq!(paths, ["r", "r/b", "r/c"]);
        assert_eq!(
            (found[1].text.as_str(), found[1].attribute("n")),
            ("x & y", Some("1"))
        );
    }

    #[test]
    fn what_is_no_xml_is_nothing() {
        for text in [
            "",
            "x",
            "<a>",
            "<a></b>",
            "<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>",
        ] {
            assert_eq!(elements(text), None, "{text}");
        }
    }
}
