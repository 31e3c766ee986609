//! Tries the credentials of a connection with as few requests as can be, and says which fields the source delivers:
//! their names and shapes, never a value.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::auth::Session;
use super::client::Client;
use super::error::Error;
use super::manifest::Each;
use super::pages::{Pages, Source};
use super::pull::Job;

/// What a try showed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Probe {
    /// Records on the first page.
    pub records: u64,
    /// How many the vendor announces in all.
    pub announced: Option<u64>,
    /// For each path of a record: which kinds of values it has, and in how many records.
    pub fields: BTreeMap<String, (String, u64)>,
    /// Requests sent.
    pub requests: u64,
}

/// Tries the credentials, then reads the first page of the main list, if it is read for no parent.
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
    };
    if let Some(request) = &job.manifest.check {
        source.ask(request, &Value::Object(values.clone())).await?;
    }
    let mut probe = Probe::default();
    let parent = match &job.manifest.people.each {
        None => None,
        Some(Each::Values(values)) => values.first().cloned(),
        Some(Each::Parent(name)) => {
            let list = job.manifest.parents.get(name);
            let mut parents = list.map(|list| Pages::new(&source, list, None));
            let page = match &mut parents {
                Some(pages) => pages.next().await?,
                None => None,
            };
            page.and_then(|page| page.records.into_iter().next())
        }
    };
    let mut pages = Pages::new(&source, &job.manifest.people, parent.as_ref());
    if let Some(page) = pages.next().await? {
        probe.records = page.records.len() as u64;
        probe.announced = page.total;
        page.records
            .iter()
            .for_each(|record| shape(record, String::new(), &mut probe.fields));
    }
    probe.requests = client.requests();
    Ok(probe)
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
