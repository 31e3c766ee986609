//! How the next page of a list is found, and what must never happen on the way: the same cursor or address twice, more
//! pages than a list can have.

use std::collections::HashSet;

use reqwest::Url;
use reqwest::header::HeaderMap;
use serde_json::{Map, Value, json};

use super::error::{Error, Kind};
use super::manifest::{CursorPlace, List, Paging, Until, scalar};

/// What an answer says about its list, read before the records are taken out of it.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// How many records there are in all.
    pub total: Option<u64>,
    pages: Option<u64>,
    more: Option<bool>,
    next: Option<String>,
    per_page: Option<u64>,
}

impl Facts {
    /// Reads them.
    pub fn read(list: &List, body: &Value, headers: &HeaderMap) -> Self {
        let in_header = || header(headers, list.total_header.as_ref()?)?.parse().ok();
        let in_body = list.total.as_ref().and_then(|path| path.number(body));
        let mut facts = Self {
            total: in_body.or_else(in_header),
            ..Self::default()
        };
        match &list.paging {
            Paging::Page { until, .. } | Paging::Offset { until, .. } => match until {
                Until::Pages(path) => facts.pages = path.number(body),
                Until::More(path) => facts.more = path.find(body).map(is_yes),
                Until::Total | Until::Empty => {}
            },
            Paging::Cursor { from, more, .. } => {
                facts.next = match from {
                    CursorPlace::Body(path) => path.text(body),
                    CursorPlace::Header(name) => header(headers, name),
                };
                let told = more.as_ref().filter(|path| path.find(body).is_some());
                facts.more = told.and_then(|path| path.find(body)).map(is_yes);
            }
            Paging::NextUrl { from, .. } => facts.next = from.text(body),
            Paging::LinkHeader { .. } => {
                // Several lines of a header are one list (RFC 9110 §5.3).
                let lines = headers.get_all("link").iter();
                let mut lines = lines.filter_map(|line| line.to_str().ok());
                facts.next = lines.find_map(next_link);
            }
            Paging::Odata { .. } => facts.next = odata_next(body),
            Paging::Scim { .. } => {
                facts.total = facts
                    .total
                    .or(body.get("totalResults").and_then(Value::as_u64));
                facts.per_page = body.get("itemsPerPage").and_then(Value::as_u64);
            }
            Paging::None => {}
        }
        facts
    }
}

/// Whether a flag says yes; a text that does not say no, such as an address, does.
fn is_yes(flag: &Value) -> bool {
    match flag {
        Value::Bool(yes) => *yes,
        Value::Number(number) => number.as_u64() != Some(0),
        Value::String(text) => {
            let text = text.trim().to_lowercase();
            !matches!(text.as_str(), "" | "0" | "false" | "no")
        }
        _ => false,
    }
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    let text = headers.get(name)?.to_str().ok()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn odata_next(body: &Value) -> Option<String> {
    ["@odata.nextLink", "odata.nextLink", "__next"]
        .iter()
        .find_map(|name| body.get(name).or_else(|| body.get("d")?.get(name)))
        .and_then(scalar)
}

/// The target of `rel="next"` in a `Link` header (RFC 8288).
fn next_link(header: &str) -> Option<String> {
    let mut rest = header;
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>')?;
        let target = &rest[start + 1..end];
        // The parameters reach to the next link, whose address begins behind a comma.
        let after = &rest[end + 1..];
        let until = after
            .find(",<")
            .or_else(|| after.find(", <"))
            .unwrap_or(after.len());
        let is_next = after[..until].split(';').any(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            name.trim().eq_ignore_ascii_case("rel")
                && value
                    .trim()
                    .trim_matches('"')
                    .split_ascii_whitespace()
                    .any(|rel| rel.eq_ignore_ascii_case("next"))
        });
        if is_next {
            return Some(target.to_owned());
        }
        rest = &after[until..];
    }
    None
}

/// Goes through the pages of one list.
#[derive(Debug)]
pub struct Pager<'a> {
    paging: &'a Paging,
    page: u64,
    offset: u64,
    cursor: String,
    /// The address of the next page, where the answer gave one.
    pub next: Option<Url>,
    seen: HashSet<String>,
    pages: u64,
    most: u64,
}

impl<'a> Pager<'a> {
    /// At the first page. `most` pages are read at most.
    pub fn new(paging: &'a Paging, most: u64) -> Self {
        Self {
            paging,
            page: match paging {
                Paging::Page { first, .. } => *first,
                _ => 1,
            },
            offset: u64::from(matches!(paging, Paging::Scim { .. })),
            cursor: String::new(),
            next: None,
            seen: HashSet::new(),
            pages: 0,
            most,
        }
    }

    /// Adds what the request of the page may use.
    pub fn put(&self, values: &mut Map<String, Value>) {
        values.insert("page".to_owned(), json!(self.page));
        values.insert("offset".to_owned(), json!(self.offset));
        values.insert("cursor".to_owned(), json!(self.cursor));
        values.insert(
            "size".to_owned(),
            json!(self.paging.size().unwrap_or_default()),
        );
    }

    /// Whether an answer says that there is more behind it.
    pub fn announces_more(&self, facts: &Facts) -> bool {
        facts.pages.is_some_and(|all| self.pages < all) || facts.more == Some(true)
    }

    /// Goes on to the next page; false at the end. `link` finds the vendor's address of a link.
    pub fn advance(
        &mut self,
        facts: &Facts,
        rows: u64,
        link: impl FnOnce(&str) -> Result<Url, Error>,
    ) -> Result<bool, Error> {
        self.pages += 1;
        let read = self.offset + rows;
        let goes_on = match self.paging {
            Paging::None => false,
            Paging::Page { until, .. } => {
                self.page += 1;
                self.offset = read;
                goes_on(until, facts, rows, read, self.pages)
            }
            Paging::Offset { until, .. } => {
                self.offset = read;
                goes_on(until, facts, rows, read, self.pages)
            }
            Paging::Scim { .. } => {
                let step = if rows > 0 {
                    rows
                } else {
                    facts.per_page.unwrap_or_default()
                };
                self.offset += step;
                rows > 0 && facts.total.is_none_or(|total| self.offset <= total)
            }
            Paging::Cursor { .. } => match (&facts.next, facts.more) {
                (_, Some(false)) | (None, None) => false,
                (None, Some(true)) => {
                    let error = Error::new(Kind::NotUnderstood, "cursor_missing");
                    return Err(error.with("page", self.pages));
                }
                (Some(cursor), _) => {
                    self.never_twice(cursor, "cursor_repeated")?;
                    self.cursor.clone_from(cursor);
                    true
                }
            },
            Paging::NextUrl { .. } | Paging::LinkHeader { .. } | Paging::Odata { .. } => {
                match &facts.next {
                    None => false,
                    Some(next) => {
                        let url = link(next)?;
                        self.never_twice(url.as_str(), "link_repeated")?;
                        self.next = Some(url);
                        true
                    }
                }
            }
        };
        if goes_on && self.pages >= self.most {
            return Err(Error::new(Kind::Limit, "too_many_pages").with("limit", self.most));
        }
        Ok(goes_on)
    }

    fn never_twice(&mut self, mark: &str, code: &'static str) -> Result<(), Error> {
        match self.seen.insert(mark.to_owned()) {
            true => Ok(()),
            false => Err(Error::new(Kind::NotUnderstood, code).with("page", self.pages)),
        }
    }
}

/// Whether a numbered list goes on. Where a count or a flag is missing, an empty page ends it: a vendor that keeps pages
/// shorter than was asked would look as if it were at its end.
fn goes_on(until: &Until, facts: &Facts, rows: u64, read: u64, pages: u64) -> bool {
    rows > 0
        && match until {
            Until::Total => facts.total.is_none_or(|total| read < total),
            Until::Pages(_) => facts.pages.is_none_or(|all| pages < all),
            Until::More(_) => facts.more.unwrap_or(true),
            Until::Empty => true,
        }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::hris::manifest::Path;

    fn no_link(_: &str) -> Result<Url, Error> {
        Err(Error::new(Kind::NotUnderstood, "link"))
    }

    #[test]
    fn numbered_pages_end_by_total_pages_flag_or_an_empty_page() {
        let facts = |total, pages, more| Facts {
            total,
            pages,
            more,
            ..Facts::default()
        };
        let path = Path::default();
        let cases = [
            (Until::Total, facts(Some(5), None, None), 2, true),
            (Until::Total, facts(Some(2), None, None), 2, false),
            // What is not said is not taken for the end.
            (Until::Total, facts(None, None, None), 1, true),
            (Until::Total, facts(Some(5), None, None), 0, false),
            (
                Until::Pages(path.clone()),
                facts(None, Some(2), None),
                2,
                true,
            ),
            (
                Until::Pages(path.clone()),
                facts(None, Some(1), None),
                2,
                false,
            ),
            (
                Until::More(path.clone()),
                facts(None, None, Some(true)),
                1,
                true,
            ),
            (Until::More(path), facts(None, None, Some(false)), 2, false),
            (Until::Empty, facts(None, None, None), 1, true),
            (Until::Empty, facts(None, None, None), 0, false),
        ];
        for (until, facts, rows, wanted) in cases {
            let paging = Paging::Offset {
                size: 2,
                until: until.clone(),
            };
            let mut pager = Pager::new(&paging, 10);
            assert_eq!(
                pager.advance(&facts, rows, no_link).unwrap(),
                wanted,
                "{until:?} {facts:?} {rows}"
            );
            assert_eq!(pager.offset, rows);
        }
    }

    #[test]
    fn a_cursor_that_comes_again_is_refused() {
        let paging = Paging::Cursor {
            from: CursorPlace::Body(Path::default()),
            more: None,
            size: 2,
        };
        let mut pager = Pager::new(&paging, 10);
        let next = |cursor: &str| Facts {
            next: Some(cursor.to_owned()),
            ..Facts::default()
        };
        assert!(pager.advance(&next("a"), 2, no_link).unwrap());
        assert!(pager.advance(&next("b"), 2, no_link).unwrap());
        let error = pager.advance(&next("a"), 2, no_link).unwrap_err();
        assert_eq!(error.code, "cursor_repeated");
    }

    #[test]
    fn a_flag_ends_a_list_whose_last_page_gives_a_cursor_too() {
        let paging = Paging::Cursor {
            from: CursorPlace::Body(Path::default()),
            more: Some(Path::default()),
            size: 2,
        };
        let facts = |cursor: Option<&str>, more| Facts {
            next: cursor.map(str::to_owned),
            more,
            ..Facts::default()
        };
        let mut pager = Pager::new(&paging, 10);
        let mut advance = |facts| pager.advance(&facts, 2, no_link);
        assert!(advance(facts(Some("a"), Some(true))).unwrap());
        assert!(!advance(facts(Some("b"), Some(false))).unwrap());
        // Without the flag the cursor decides.
        assert!(advance(facts(Some("c"), None)).unwrap());
        assert!(!advance(facts(None, None)).unwrap());
        let error = advance(facts(None, Some(true))).unwrap_err();
        assert_eq!(error.code, "cursor_missing");
    }

    #[test]
    fn a_list_without_end_is_ended() {
        let paging = Paging::Offset {
            size: 1,
            until: Until::Empty,
        };
        let mut pager = Pager::new(&paging, 2);
        assert!(pager.advance(&Facts::default(), 1, no_link).unwrap());
        let error = pager.advance(&Facts::default(), 1, no_link).unwrap_err();
        assert_eq!((error.kind, error.code), (Kind::Limit, "too_many_pages"));
    }

    #[test]
    fn scim_counts_from_one_and_by_what_came() {
        let paging = Paging::Scim { size: 100 };
        let mut pager = Pager::new(&paging, 10);
        let facts = Facts {
            total: Some(120),
            ..Facts::default()
        };
        assert!(pager.advance(&facts, 50, no_link).unwrap());
        assert_eq!(pager.offset, 51);
        assert!(!pager.advance(&facts, 70, no_link).unwrap());
    }

    #[test]
    fn the_link_header_is_read_as_rfc_8288_writes_it() {
        let cases = [
            (
                r#"<https://a.test/?page=2>; rel="next""#,
                Some("https://a.test/?page=2"),
            ),
            (
                r#"<https://a.test/?x=1,2>; rel="prev", </p?b>; title="n, m"; rel="last next""#,
                Some("/p?b"),
            ),
            (r#"<https://a.test/>; rel=prev"#, None),
            ("nonsense", None),
        ];
        for (header, wanted) in cases {
            assert_eq!(next_link(header).as_deref(), wanted, "{header}");
        }
    }
}
