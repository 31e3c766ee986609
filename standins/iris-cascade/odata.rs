//! What of OData the vendor understands: pages, what is chosen of a record, two filters.

use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use crate::cli::simulate::hris::call::{Refusal, Reply};
use crate::cli::simulate::hris::desk::Desk;
use crate::cli::simulate::hris::people::Person;

/// A page that is asked for, and what of each record.
pub(super) struct Wish {
    pub(super) skip: usize,
    pub(super) size: usize,
    pub(super) is_by_id: bool,
    is_counted: bool,
    /// Names as the vendor writes them, `Emails/Value` for what stands in a list; none: everything.
    select: Option<Vec<String>>,
}

impl Wish {
    /// Reads it. `names` and `lists` are those of the record, `most` is the largest page.
    pub(super) fn read(
        desk: &Desk,
        names: &[&str],
        lists: &[(&str, &[&str])],
        most: usize,
    ) -> Result<Self, Refusal> {
        let call = desk.call;
        let top = call.number("$top")?;
        if top == Some(0) {
            return Err(Refusal::Bad("$top must be a positive number".into()));
        }
        let prefer = call.header("prefer").unwrap_or_default();
        let preferred = prefer.strip_prefix("odata.maxpagesize=");
        let preferred = preferred.and_then(|n| n.parse().ok());
        let is_counted = match call.param("$count") {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(Refusal::Bad("$count must be true or false".into())),
        };
        let is_by_id = match call.param("$orderby") {
            None => false,
            Some(order) if ["id", "id asc"].contains(&order.to_lowercase().as_str()) => true,
            Some(_) => return Err(Refusal::Bad("this stand-in orders by Id only".into())),
        };
        let select = match call.param("$select") {
            None => None,
            Some(list) => Some(selection(list, names, lists)?),
        };
        // OData page: without `$top` a 500 comes back.
        let has_list = select.iter().flatten().any(|name| name.contains('/'));
        if has_list && top.is_none() {
            let detail = "Received non success response code";
            let reply = Reply::problem(500, "Internal Server Error", detail);
            return Err(Refusal::Special(Box::new(reply)));
        }
        Ok(Self {
            skip: call.number("$skip")?.unwrap_or(0),
            size: desk.page_size(top.or(preferred), most, most),
            is_by_id,
            is_counted,
            select,
        })
    }

    /// What was chosen of a record.
    pub(super) fn chosen(&self, record: Value) -> Value {
        let (Some(select), Value::Object(mut record)) = (&self.select, record.clone()) else {
            return record;
        };
        let of_list = |list: &str| -> Vec<&str> {
            let inner = select.iter().filter_map(|name| name.split_once('/'));
            inner
                .filter(|(of, _)| *of == list)
                .map(|(_, n)| n)
                .collect()
        };
        record.retain(|name, value| {
            let inner = of_list(name);
            if !inner.is_empty() {
                keep(value, &inner);
            }
            !inner.is_empty() || select.contains(name)
        });
        Value::Object(record)
    }

    /// Sheet: Listing, "Envelope"; the pages are those of `$top` and `$skip`, so that no link stands in it.
    pub(super) fn answer(&self, set: &str, rows: Vec<Value>, total: usize) -> Reply {
        let mut body = Map::new();
        let context = format!("https://api.iris.co.uk/hr/v2/$metadata#{set}");
        body.insert("@odata.context".into(), json!(context));
        if self.is_counted {
            body.insert("@odata.count".into(), json!(total));
        }
        body.insert("value".into(), json!(rows));
        Reply::json(200, &Value::Object(body))
    }
}

/// Keeps these names in each object of a list.
fn keep(list: &mut Value, names: &[&str]) {
    for row in list.as_array_mut().into_iter().flatten() {
        if let Some(row) = row.as_object_mut() {
            row.retain(|name, _| names.contains(&name.as_str()));
        }
    }
}

/// The names of a `$select`, without regard to case (OData page: `id,emails/Value,emails/ownership`).
fn selection(
    list: &str,
    names: &[&str],
    lists: &[(&str, &[&str])],
) -> Result<Vec<String>, Refusal> {
    let same = |known: &&&str, name: &str| known.eq_ignore_ascii_case(name);
    let read = |name: &str| -> Option<String> {
        let Some((of, inner)) = name.split_once('/') else {
            // "you cannot directly use $select on these nodes either"
            let is_list = lists
                .iter()
                .any(|(list, _)| list.eq_ignore_ascii_case(name));
            let known = names.iter().find(|known| same(known, name));
            return known.filter(|_| !is_list).map(|known| (*known).to_owned());
        };
        let (list, inners) = lists
            .iter()
            .find(|(list, _)| list.eq_ignore_ascii_case(of))?;
        let inner = inners.iter().find(|known| same(known, inner))?;
        Some(format!("{list}/{inner}"))
    };
    let named = list.split(',').map(str::trim);
    named
        .map(|name| {
            read(name).ok_or_else(|| {
                Refusal::Bad(format!(
                    "Could not find a property named '{name}' to select."
                ))
            })
        })
        .collect()
}

/// Whom a filter leaves in.
pub(super) type OfPerson = Box<dyn Fn(&Person) -> bool>;

/// Sheet: Listing, "Filter example used in practice", and `LastModifiedOn`.
pub(super) fn of_employees(filter: Option<&str>) -> Result<OfPerson, Refusal> {
    const OPEN: &str = "EmploymentLeftDate eq null";
    let Some(filter) = filter else {
        return Ok(Box::new(|_: &Person| true));
    };
    if filter == OPEN {
        return Ok(Box::new(|p: &Person| p.end.is_none()));
    }
    let behind = |begin: &str| filter.strip_prefix(begin);
    let left = behind(OPEN).and_then(|rest| rest.strip_prefix(" or EmploymentLeftDate "));
    if let Some((day, has_equal)) = left.and_then(since) {
        let is_in = move |end: NaiveDate| end > day || (has_equal && end == day);
        return Ok(Box::new(move |p: &Person| p.end.is_none_or(is_in)));
    }
    if let Some((day, _)) = behind("LastModifiedOn ").and_then(since) {
        // Whoever was touched on that day was touched after midnight.
        return Ok(Box::new(move |p: &Person| p.changed >= day));
    }
    Err(Refusal::Bad(
        "this stand-in filters by EmploymentLeftDate or LastModifiedOn only".into(),
    ))
}

/// The day of `gt 2026-05-31T00:00:00Z` or `ge …`, and whether it belongs to it.
fn since(text: &str) -> Option<(NaiveDate, bool)> {
    let (word, moment) = text.split_once(' ')?;
    let day = NaiveDate::parse_from_str(moment.get(..10)?, "%Y-%m-%d").ok()?;
    match word {
        "gt" => Some((day, false)),
        "ge" => Some((day, true)),
        _ => None,
    }
}

/// Sheet: Other calls, `$filter=Active eq true`: the flag that a job must have; none for all.
pub(super) fn of_jobs(filter: Option<&str>) -> Result<Option<bool>, Refusal> {
    match filter {
        None => Ok(None),
        Some("Active eq true") => Ok(Some(true)),
        Some("Active eq false") => Ok(Some(false)),
        Some(_) => Err(Refusal::Bad("this stand-in filters by Active only".into())),
    }
}
