//! Tries the credentials of a connection with as few requests as can be, and says which fields the source delivers:
//! their names and shapes, never a value.

mod reach;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

pub use self::reach::Reach;
use super::auth::Session;
use super::client::Client;
use super::error::{Error, Kind};
use super::manifest::{Each, List, Path};
use super::pages::{Last, Pages, Source};
use super::pull::Job;
use super::pull::joins::is_wanted;

/// What a try showed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Probe {
    /// Records on the first page.
    pub records: u64,
    /// How many the vendor announces in all.
    pub announced: Option<u64>,
    /// For each path of a record: which kinds of values it has, and in how many records. Behind `details.<name>` is what one
    /// person's detail holds, behind `joins.<name>` the first page of a second list.
    pub fields: BTreeMap<String, (String, u64)>,
    /// What the credentials cannot read beside the main list, such as `lookups.departments`, and why: nobody is missing
    /// then, but what it would have filled in is empty.
    pub unread: BTreeMap<String, Error>,
    /// Rights that are missing, and those that are too much.
    pub reach: Reach,
    /// Requests sent.
    pub requests: u64,
}

/// Tries the credentials, then reads the first page of each list, and each detail of the first record.
pub async fn probe(job: &Job<'_>) -> Result<Probe, Error> {
    let client = Client::new(
        job.manifest,
        job.outside,
        job.values.redactor(),
        Arc::clone(&job.clock),
        Arc::clone(&job.chance),
    )?;
    let session = Session::new(
        &job.manifest.auth,
        job.values,
        &client,
        job.clock.as_ref(),
        job.chance.as_ref(),
        job.keeper,
    );
    let mut values = job.values.all().clone();
    values.insert("today".to_owned(), Value::String(job.as_of.to_string()));
    let source = Source {
        manifest: job.manifest,
        client: &client,
        session: &session,
        values: &values,
        last: Last::default(),
    };
    if let Some(request) = &job.manifest.check {
        source.ask(request, &Value::Object(values.clone())).await?;
    }
    let mut probe = Probe::default();
    let parent = first_parent(&source, &job.manifest.people).await?;
    let mut pages = Pages::new(&source, &job.manifest.people, parent.as_ref());
    if let Some(page) = pages.next().await? {
        probe.records = page.records.len() as u64;
        probe.announced = page.total;
        page.records
            .iter()
            .for_each(|record| shape(record, String::new(), &mut probe.fields));
        if let Some(record) = page.records.first() {
            details(&source, record, parent.as_ref(), &mut probe).await?;
        }
    }
    beside(&source, &mut probe).await?;
    probe.reach = reach::reach(&source, &mut probe).await?;
    probe.requests = client.requests();
    Ok(probe)
}

/// The first of those that a list is read for.
async fn first_parent(source: &Source<'_>, list: &List) -> Result<Option<Value>, Error> {
    let name = match &list.each {
        None => return Ok(None),
        Some(Each::Values(values)) => return Ok(values.first().cloned()),
        Some(Each::Parent(name)) => name,
    };
    let Some(list) = source.manifest.parents.get(name) else {
        return Ok(None);
    };
    let page = Pages::new(source, list, None).next().await?;
    Ok(page.and_then(|page| page.records.into_iter().next()))
}

/// Tries what is read beside the main list.
async fn beside(source: &Source<'_>, probe: &mut Probe) -> Result<(), Error> {
    let manifest = source.manifest;
    let lookups = manifest.lookups.iter().map(|(name, lookup)| {
        let name = format!("lookups.{name}");
        (name, &lookup.list, lookup.required)
    });
    let joins = manifest
        .joins
        .iter()
        .filter(|(_, join)| is_wanted(source, join.only_if.as_deref()))
        .map(|(name, join)| (format!("joins.{name}"), &join.list, join.required));
    for (name, list, is_required) in lookups.chain(joins) {
        let parent = first_parent(source, list).await?;
        let read = Pages::new(source, list, parent.as_ref()).next().await;
        let page = probe.note(&name, is_required, read)?.flatten();
        if name.starts_with("joins.") {
            let records = page.iter().flat_map(|page| &page.records);
            records.for_each(|record| shape(record, name.clone(), &mut probe.fields));
        }
    }
    Ok(())
}

/// Tries the details of one record.
async fn details(
    source: &Source<'_>,
    record: &Value,
    parent: Option<&Value>,
    probe: &mut Probe,
) -> Result<(), Error> {
    let manifest = source.manifest;
    let mut values = source.values.clone();
    let id = manifest
        .people
        .id
        .as_ref()
        .and_then(|path| path.text(record));
    values.insert("id".to_owned(), json!(id));
    values.insert("record".to_owned(), record.clone());
    values.insert("parent".to_owned(), json!(parent));
    let values = Value::Object(values);
    for (name, detail) in &manifest.details {
        let is_none = |path: &Path| path.find(&values) == Some(&Value::Bool(true));
        if detail.unless.as_ref().is_some_and(is_none)
            || !is_wanted(source, detail.only_if.as_deref())
        {
            continue;
        }
        let read = source.ask(&detail.request, &values).await;
        let name = format!("details.{name}");
        let answer = probe.note(&name, detail.required, read)?;
        if let Some(found) = answer.as_ref().and_then(|answer| detail.value.find(answer)) {
            shape(found, name, &mut probe.fields);
        }
    }
    Ok(())
}

impl Probe {
    /// What was read, or a note that it could not be. Without what is required there is no pull.
    fn note<T>(
        &mut self,
        name: &str,
        is_required: bool,
        read: Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        match read {
            Ok(found) => Ok(Some(found)),
            Err(error) if is_required || error.kind == Kind::Credentials => {
                Err(error.with("lookup", name))
            }
            Err(error) => {
                self.unread.insert(name.to_owned(), error);
                Ok(None)
            }
        }
    }
}

/// Notes the kind of each value, by path; places in lists are one path.
fn shape(value: &Value, path: String, fields: &mut BTreeMap<String, (String, u64)>) {
    let kind = match value {
        Value::Object(map) => {
            let dot = if path.is_empty() { "" } else { "." };
            for (name, inner) in map {
                shape(inner, format!("{path}{dot}{name}"), fields);
            }
            return;
        }
        Value::Array(list) => {
            for inner in list {
                shape(inner, format!("{path}[]"), fields);
            }
            "list"
        }
        Value::Null => "empty",
        Value::String(text) if text.trim().is_empty() => "empty",
        Value::String(_) => "text",
        Value::Number(_) => "number",
        Value::Bool(_) => "boolean",
    };
    let (kinds, count) = fields.entry(path).or_default();
    *count += u64::from(kind != "empty");
    if !kinds.split(", ").any(|known| known == kind) {
        if !kinds.is_empty() {
            kinds.push_str(", ");
        }
        kinds.push_str(kind);
    }
}
