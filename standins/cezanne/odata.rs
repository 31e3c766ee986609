//! The two forms of an OData answer, what is chosen of a record, and pages.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{NaiveDate, NaiveTime};
use serde_json::{Map, Value, json};

use crate::cli::simulate::hris::call::Refusal;
use crate::cli::simulate::hris::desk::Desk;

const ROOT: &str = "https://w3.cezanneondemand.com/cezanneondemand/v7/dataservice.svc";

/// The form of an answer. Sheet: Listing, "the connector must detect both".
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Light,
    Verbose,
}

impl Form {
    pub(super) fn of(desk: &Desk) -> Self {
        let accept = desk.call.header("accept").unwrap_or_default();
        match accept.replace(' ', "").contains("odata=verbose") {
            true => Self::Verbose,
            false => Self::Light,
        }
    }

    pub(super) fn date(self, day: Option<NaiveDate>) -> Value {
        let Some(day) = day else {
            return Value::Null;
        };
        match self {
            Self::Light => json!(format!("{day}T00:00:00")),
            Self::Verbose => {
                let ms = day.and_time(NaiveTime::MIN).and_utc().timestamp_millis();
                json!(format!("/Date({ms})/"))
            }
        }
    }

    pub(super) fn rows(self, rows: Vec<Value>) -> Value {
        match self {
            Self::Light => json!(rows),
            Self::Verbose => json!({"results": rows}),
        }
    }

    pub(super) fn answer(
        self,
        set: &str,
        rows: Vec<Value>,
        count: Option<usize>,
        next: Option<String>,
    ) -> Value {
        let mut body = Map::new();
        match self {
            Self::Light => {
                let context = format!("{ROOT}/$metadata#{set}");
                body.insert("odata.metadata".into(), json!(context));
                count.map(|count| body.insert("odata.count".into(), json!(count.to_string())));
                body.insert("value".into(), json!(rows));
                next.map(|next| body.insert("odata.nextLink".into(), json!(next)));
                Value::Object(body)
            }
            Self::Verbose => {
                count.map(|count| body.insert("__count".into(), json!(count.to_string())));
                body.insert("results".into(), json!(rows));
                next.map(|next| body.insert("__next".into(), json!(next)));
                json!({"d": body})
            }
        }
    }
}

/// Only what was selected; of what was expanded all, unless some of it was selected.
pub(super) fn selected(record: Value, select: Option<&Vec<String>>, expand: &[String]) -> Value {
    let (Value::Object(mut record), Some(select)) = (record.clone(), select) else {
        return record;
    };
    record.retain(|name, _| select.contains(name) || expand.contains(name));
    for (name, inner) in &mut record {
        let own = select.iter().filter_map(|path| path.split_once('/'));
        let own: Vec<&str> = own.filter(|(of, _)| of == name).map(|(_, p)| p).collect();
        if !own.is_empty() {
            keep(inner, &own);
        }
    }
    Value::Object(record)
}

/// Keeps these members of an object, or of each object of a list in either form.
fn keep(value: &mut Value, names: &[&str]) {
    match value {
        Value::Array(rows) => rows.iter_mut().for_each(|row| keep(row, names)),
        Value::Object(row) => match row.get_mut("results") {
            Some(rows) => keep(rows, names),
            None => row.retain(|name, _| names.contains(&name.as_str())),
        },
        _ => {}
    }
}

/// Where a page begins and how many rows may come before the end: the service's own pages are small.
pub(super) fn window(desk: &Desk) -> Result<(usize, Option<usize>, usize), Refusal> {
    let call = desk.call;
    let skip = call.number("$skip")?.unwrap_or(0);
    let top = call.number("$top")?;
    let at = match call.param("$skiptoken") {
        None => skip,
        Some(token) => place(token).ok_or_else(|| Refusal::Bad("Bad $skiptoken.".into()))?,
    };
    let last = top.map(|top| skip.saturating_add(top));
    Ok((at, last, desk.page_size(top, 200, 200)))
}

fn place(token: &str) -> Option<usize> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    text.strip_prefix("at:")?.parse().ok()
}

/// Sheet: Listing, "OData server paging (follow the next link)".
pub(super) fn next_link(desk: &Desk, set: &str, at: usize) -> String {
    let query = desk.call.query.iter();
    let kept = query.filter(|(name, _)| name != "$skiptoken");
    let kept: String = kept
        .map(|(name, value)| format!("{name}={}&", value.replace(' ', "%20")))
        .collect();
    let token = URL_SAFE_NO_PAD.encode(format!("at:{at}"));
    format!("{ROOT}/{set}?{kept}$skiptoken={token}")
}
