//! Reads one list, page by page, and watches that no page comes twice.

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value};

use super::Gap;
use super::auth::Session;
use super::client::{Answer, Call, Client, classify};
use super::error::{Error, Kind};
use super::formats::{Problem, apart, csv, json, ndjson, xml};
use super::manifest::{Format, List, Manifest, Method, Paging, Request};
use super::paging::{Facts, Pager};

/// Longest answer that is remembered.
const SMALL: usize = 1 << 20;

/// The last answer to a list that is one answer: where the names of several kinds of ids stand in one, it is asked for
/// once.
#[derive(Debug, Default)]
pub struct Last(Mutex<Option<(Call, Answer)>>);

impl Last {
    fn lock(&self) -> MutexGuard<'_, Option<(Call, Answer)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `read` makes of the answer, if this is what was asked for last.
    fn read<T>(&self, call: &Call, read: impl Fn(&Answer) -> Result<T, Error>) -> Option<T> {
        let last = self.lock();
        let is_it = |asked: &Call| asked.url == call.url && asked.headers == call.headers;
        let (_, answer) = last.as_ref().filter(|(asked, _)| is_it(asked))?;
        read(answer).ok()
    }

    fn keep(&self, call: &Call, answer: &Answer) {
        if answer.body.len() <= SMALL {
            *self.lock() = Some((call.clone(), answer.clone()));
        }
    }
}

/// A connection to one vendor, signed in.
pub struct Source<'a> {
    /// The connector.
    pub manifest: &'a Manifest,
    /// The client.
    pub client: &'a Client,
    /// Who is signed in.
    pub session: &'a Session<'a>,
    /// What every request may use.
    pub values: &'a Map<String, Value>,
    /// What was asked for last.
    pub last: Last,
}

impl Source<'_> {
    /// Asks for one thing that is no list.
    pub async fn ask(&self, request: &Request, values: &Value) -> Result<Value, Error> {
        let call = Call::build(request, &self.manifest.headers, values)?;
        let read = |answer: &Answer| parse(answer, &request.format);
        self.session.fetch(&call, read).await
    }
}

/// One page.
#[derive(Debug)]
pub struct Page {
    /// Its records, unwrapped.
    pub records: Vec<Value>,
    /// How many records the answer announces in all.
    pub total: Option<u64>,
}

/// Records of a page that is made of a long answer.
const PART: usize = 1_000;

/// What an answer holds.
enum Read {
    /// One page.
    Page(Vec<Value>),
    /// Everybody, to be handed on in parts.
    All(Rest),
}

/// The part of a long answer that is not handed on yet.
struct Rest {
    body: Arc<Vec<u8>>,
    places: std::vec::IntoIter<Range<usize>>,
}

impl Rest {
    /// The next records; none at the end.
    fn next(&mut self) -> Result<Vec<Value>, Error> {
        let part = self.places.by_ref().take(PART);
        let records = part.map(|place| json::parse(self.body.get(place).unwrap_or_default()));
        Ok(records.collect::<Result<Vec<Value>, Problem>>()?)
    }
}

/// The pages of one list.
pub struct Pages<'a> {
    source: &'a Source<'a>,
    list: &'a List,
    values: Map<String, Value>,
    pager: Pager<'a>,
    seen: HashSet<u64>,
    rest: Option<Rest>,
    is_done: bool,
    /// The first page without a record behind which there was more.
    hollow: Option<u64>,
    /// Records so far.
    pub rows: u64,
    /// Pages so far.
    pub pages: u64,
    /// Last announced total.
    pub total: Option<u64>,
    /// Why the list is not complete.
    pub gaps: Vec<Gap>,
}

impl<'a> Pages<'a> {
    /// The pages of a list; `parent` is the record it is read for.
    pub fn new(source: &'a Source<'a>, list: &'a List, parent: Option<&Value>) -> Self {
        let mut values = source.values.clone();
        if let Some(parent) = parent {
            values.insert("parent".to_owned(), parent.clone());
        }
        Self {
            source,
            list,
            values,
            pager: Pager::new(&list.paging, source.client.limits().pages),
            seen: HashSet::new(),
            rest: None,
            is_done: false,
            hollow: None,
            rows: 0,
            pages: 0,
            total: None,
            gaps: Vec::new(),
        }
    }

    /// The next page; none at the end. A page that came before ends the list with a gap.
    pub async fn next(&mut self) -> Result<Option<Page>, Error> {
        if let Some(page) = self.part()? {
            return Ok(Some(page));
        }
        if self.is_done {
            return self.end().map(|()| None);
        }
        let (facts, read, url) = self.fetch().await?;
        let records = match read {
            Read::Page(records) => records,
            Read::All(rest) => {
                (self.rest, self.is_done) = (Some(rest), true);
                return self.part();
            }
        };
        self.pages += 1;
        self.total = facts.total.or(self.total);
        if self.is_repeated(&records) {
            self.is_done = true;
            self.gap("page_repeated", &[("page", self.pages.to_string())]);
            return self.end().map(|()| None);
        }
        let rows = records.len() as u64;
        self.rows += rows;
        let client = self.source.client;
        let goes_on = self
            .pager
            .advance(&facts, rows, |link| client.link(&url, link))?;
        if rows == 0 && (goes_on || self.pager.announces_more(&facts)) {
            self.hollow.get_or_insert(self.pages);
        }
        self.is_done = !goes_on;
        Ok(Some(Page {
            records,
            total: self.total,
        }))
    }

    /// The next part of a long answer, as a page.
    fn part(&mut self) -> Result<Option<Page>, Error> {
        let Some(rest) = &mut self.rest else {
            return Ok(None);
        };
        let records = rest.next()?;
        if records.is_empty() {
            self.rest = None;
            return Ok(None);
        }
        self.pages += 1;
        self.rows += records.len() as u64;
        Ok(Some(Page {
            records: self.unwrap(records),
            total: None,
        }))
    }

    /// Where the records of a long answer are, if it is the only one of its list and says nothing about others.
    fn apart(&self, answer: &Answer) -> Option<Rest> {
        let is_only = matches!(self.list.paging, Paging::None)
            && matches!(self.list.request.format, Format::Json)
            && self.list.total.is_none();
        let only = self.list.records.only().filter(|_| is_only)?;
        let found = apart::places(&answer.body, only.inner());
        Some(Rest {
            body: Arc::clone(&answer.body),
            places: found?.into_iter(),
        })
    }

    async fn fetch(&self) -> Result<(Facts, Read, reqwest::Url), Error> {
        let mut values = self.values.clone();
        self.pager.put(&mut values);
        let common = &self.source.manifest.headers;
        let mut call = Call::build(&self.list.request, common, &Value::Object(values))?;
        if let Some(next) = &self.pager.next {
            call.url = next.clone();
            call.method = Method::Get;
            call.body = None;
        }
        let rules = self.source.client.rules();
        let read = |answer: &Answer| {
            if let Some(rest) = self.apart(answer) {
                return Ok((Facts::default(), Read::All(rest), answer.url.clone()));
            }
            let body = parse(answer, &self.list.request.format)?;
            let facts = Facts::read(self.list, &body, &answer.headers);
            let records =
                self.records(body, |body| classify::hidden(answer.status, body, rules))?;
            Ok((facts, Read::Page(records), answer.url.clone()))
        };
        let is_whole = matches!(self.list.paging, Paging::None) && call.body.is_none();
        if !is_whole {
            return self.source.session.fetch(&call, read).await;
        }
        let last = &self.source.last;
        if let Some(known) = last.read(&call, read) {
            return Ok(known);
        }
        let read_and_keep = |answer: &Answer| {
            let found = read(answer)?;
            last.keep(&call, answer);
            Ok(found)
        };
        self.source.session.fetch(&call, read_and_keep).await
    }

    fn records(
        &self,
        body: Value,
        hidden: impl Fn(&Value) -> Option<Error>,
    ) -> Result<Vec<Value>, Error> {
        let path = self.list.records.of(&body);
        if self.list.single {
            // One object has no list that could be missing: what it says itself counts.
            if let Some(error) = hidden(&body) {
                return Err(error);
            }
            let record = path.inner().take(body).filter(|record| !record.is_null());
            let missing = || Problem::new("json.records_missing").with("path", &path);
            return Ok(self.unwrap(vec![record.ok_or_else(missing)?]));
        }
        let found = path.find(&body);
        // An error in the place of the list, or beside an empty one: nothing was there to be read.
        let is_read = found
            .and_then(Value::as_array)
            .is_some_and(|l| !l.is_empty());
        if let Some(error) = (!is_read).then(|| hidden(&body)).flatten() {
            return Err(error);
        }
        if found.is_none() && self.list.records_may_be_missing && body.is_object() {
            return Ok(Vec::new());
        }
        Ok(self.unwrap(json::records(body, path.inner())?))
    }

    fn unwrap(&self, records: Vec<Value>) -> Vec<Value> {
        let unwrap = json::Unwrap {
            lift: self.list.unwrap.lift.clone(),
            wrapper: self.list.unwrap.wrapper.clone(),
        };
        let records = records.into_iter();
        records.map(|record| unwrap.apply(record)).collect()
    }

    /// The same first record, or the same records: this page was here before.
    fn is_repeated(&mut self, records: &[Value]) -> bool {
        let Some(first) = records.first() else {
            return false;
        };
        let mut hasher = DefaultHasher::new();
        match self.list.id.as_ref().and_then(|path| path.text(first)) {
            Some(id) => id.hash(&mut hasher),
            None => first.to_string().hash(&mut hasher),
        }
        !self.seen.insert(hasher.finish())
    }

    fn end(&mut self) -> Result<(), Error> {
        // Where there is a total, it says whether somebody is missing.
        if let (Some(page), None, false) = (self.hollow, self.total, self.list.pages_may_be_empty) {
            self.gap("page_empty", &[("page", page.to_string())]);
        }
        if let Some(total) = self.total.filter(|total| *total != self.rows)
            && self.gaps.is_empty()
        {
            let params = [
                ("announced", total.to_string()),
                ("rows", self.rows.to_string()),
            ];
            self.gap("total_differs", &params);
        }
        Ok(())
    }

    fn gap(&mut self, code: &'static str, params: &[(&str, String)]) {
        self.gaps.push(Gap {
            code,
            params: params
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect(),
        });
    }
}

/// The body of an answer as JSON. What is cut, empty or a page for people may be right the next time.
fn parse(answer: &Answer, format: &Format) -> Result<Value, Error> {
    let unavailable = |problem: Problem| Error {
        kind: Kind::Unavailable,
        ..Error::from(problem)
    };
    let kind = answer.headers.get(reqwest::header::CONTENT_TYPE);
    let is_page = kind
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with("text/html"));
    if is_page {
        return Err(unavailable(Problem::new("html")));
    }
    match format {
        Format::Json => json::parse(&answer.body).map_err(unavailable),
        Format::Xml { lists } => {
            let rules = xml::Rules {
                lists: lists.clone(),
            };
            xml::to_json(&answer.body, &rules).map_err(unavailable)
        }
        Format::Ndjson => ndjson::records(&answer.body)
            .map(|(line, record)| record.map_err(|problem| unavailable(problem.with("line", line))))
            .collect::<Result<Vec<Value>, Error>>()
            .map(Value::Array),
        Format::Csv => rows(&answer.body).map_err(unavailable),
    }
}

/// The rows of a CSV answer, as objects of texts. A row that cannot be read makes the answer unusable: what an API sends
/// is whole.
fn rows(body: &[u8]) -> Result<Value, Problem> {
    let reader = csv::Reader::open(std::io::Cursor::new(body), &csv::Options::default())?;
    let mut rows = Vec::new();
    for row in reader {
        let row = row.map_err(|refused| match refused {
            csv::Refused::Row { line, problem } => problem.with("line", line),
            csv::Refused::File(problem) => problem,
        })?;
        rows.push(row.to_json());
    }
    Ok(Value::Array(rows))
}
