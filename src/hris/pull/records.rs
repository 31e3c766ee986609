//! A page of records: details and joined rows are put beside each, the mapping runs, and what it gave is sorted.

use chrono::NaiveDate;
use futures_util::StreamExt as _;
use serde_json::{Map, Value, json};

use super::joins::is_wanted;
use super::{Progress, Run, exhausted, gap};
use crate::hris::error::{Error, Kind};
use crate::hris::jq::Failure;
use crate::hris::manifest::{Detail, Employment, Path};
use crate::hris::mapping::{self, Draft, Fault};
use crate::hris::{Mapped, pages::Source};

/// A record on its way.
struct Item {
    id: Option<String>,
    place: u64,
    input: Value,
    fault: Option<Fault>,
}

impl Run<'_> {
    /// Maps a page. What waits for its manager is handed on at the end.
    pub(super) async fn map(
        &mut self,
        records: Vec<Value>,
        parent: Option<&Value>,
        progress: &dyn Progress,
    ) -> Result<Vec<Mapped>, Error> {
        let before = self.count.rows - records.len() as u64;
        let mut items = Vec::with_capacity(records.len());
        for (record, place) in records.into_iter().zip(before + 1..) {
            let id = self
                .job
                .manifest
                .people
                .id
                .as_ref()
                .and_then(|path| path.text(&record));
            if id.as_deref().is_some_and(|id| !self.count.is_new(id)) {
                continue;
            }
            items.push(self.item(id, place, record, parent));
        }
        for (name, detail) in &self.job.manifest.details {
            if is_wanted(self.source, detail.only_if.as_deref()) {
                add_details(self.source, name, detail, &mut items, progress).await?;
            }
        }
        let mut batch = Vec::with_capacity(items.len());
        items.retain_mut(|item| match item.fault.take() {
            None => true,
            Some(fault) => {
                batch.push(self.count.refuse(item.id.take(), item.place, fault));
                false
            }
        });
        let inputs: Vec<Value> = items.iter_mut().map(|item| item.input.take()).collect();
        let results = self
            .runner
            .map(std::sync::Arc::new(inputs))
            .await
            .map_err(exhausted)?;
        for (item, result) in items.into_iter().zip(results) {
            batch.extend(self.sort(item, result));
        }
        Ok(batch)
    }

    fn item(&self, id: Option<String>, place: u64, record: Value, parent: Option<&Value>) -> Item {
        let mut joined = Map::new();
        for (name, rows) in &self.beside.joins {
            let found = id.as_deref().map_or(Value::Null, |id| rows.of(id));
            joined.insert(name.clone(), found);
        }
        Item {
            id,
            place,
            input: json!({
                "record": record,
                "parent": parent,
                "joined": joined,
                "detail": {},
            }),
            fault: None,
        }
    }

    /// A person, a refused record, somebody who waits for a manager's id, or nobody.
    fn sort(&mut self, item: Item, result: Result<Vec<Value>, Failure>) -> Option<Mapped> {
        match draft(result, &self.job.manifest.employment, self.job.as_of) {
            Ok(None) => {
                self.count.skipped += 1;
                None
            }
            // Without an id in the record, the mapping's shows who comes twice.
            Ok(Some(draft)) if item.id.is_none() && !self.count.is_new(&draft.person.source_id) => {
                None
            }
            Ok(Some(draft)) => {
                if let Some(word) = &draft.unknown_word {
                    self.count.unknown_word(word);
                }
                self.managers.know(&draft);
                let draft = self.managers.keep_if_waiting(draft)?;
                self.count.person(&draft.person);
                Some(Mapped::Person(Box::new(draft.person)))
            }
            Err(fault) => Some(self.count.refuse(item.id, item.place, fault)),
        }
    }
}

/// What a mapping gave, as a person; none for nobody.
pub(super) fn draft(
    result: Result<Vec<Value>, Failure>,
    words: &Employment,
    as_of: NaiveDate,
) -> Result<Option<Draft>, Fault> {
    let mut results = result.map_err(|failure| {
        let said = match &failure {
            Failure::Raised(text) => Some(("said".to_owned(), text.clone())),
            _ => None,
        };
        (failure.code(), said.into_iter().collect())
    })?;
    let Some(first) = results.pop() else {
        return Ok(None);
    };
    if !results.is_empty() {
        return Err(("mapping.many", [].into()));
    }
    mapping::draft(first, words, as_of).map(Some)
}

fn is_true(path: &Path, input: &Value) -> bool {
    path.find(input).and_then(Value::as_bool) == Some(true)
}

/// Asks for a detail of each record, several at a time.
async fn add_details(
    source: &Source<'_>,
    name: &str,
    detail: &Detail,
    items: &mut [Item],
    progress: &dyn Progress,
) -> Result<(), Error> {
    let calls: Vec<Option<Value>> = items
        .iter()
        .map(|item| {
            if detail
                .unless
                .as_ref()
                .is_some_and(|path| is_true(path, &item.input))
            {
                return None;
            }
            let mut values = source.values.clone();
            values.insert("id".to_owned(), json!(item.id));
            values.insert("record".to_owned(), item.input["record"].clone());
            values.insert("parent".to_owned(), item.input["parent"].clone());
            Some(Value::Object(values))
        })
        .collect();
    let mut answers = futures_util::stream::iter(calls)
        .map(|values| async move {
            match values {
                Some(values) => Some(source.ask(&detail.request, &values).await),
                None => None,
            }
        })
        .buffered(usize::from(detail.concurrency.max(1)));
    for item in items.iter_mut() {
        let Some(answer) = answers.next().await else {
            break;
        };
        let Some(answer) = answer else {
            continue;
        };
        let value = match answer {
            Ok(body) => detail.value.find(&body).cloned(),
            Err(error) if matches!(error.kind, Kind::NotUnderstood | Kind::Rights) => {
                progress.warn(&gap(
                    "detail_failed",
                    &[("detail", name), ("code", error.code)],
                ));
                None
            }
            Err(error) => return Err(error.with("detail", name)),
        };
        match value {
            Some(value) => item.input["detail"][name] = value,
            None if detail.required => {
                let params = [("detail".to_owned(), name.to_owned())];
                item.fault = Some(("record.no_detail", params.into()));
            }
            None => {}
        }
    }
    Ok(())
}
