//! The `filter` of a dataset: a status, a time of the last change, or both.

use super::{last_changed, status};
use crate::cli::simulate::hris::desk::Desk;
use crate::cli::simulate::hris::people::Person;
use crate::domain::clock::Millis;

/// What a dataset's `filter` asks for.
#[derive(Default)]
pub(super) struct Filter {
    statuses: Option<Vec<String>>,
    changed_after: Option<Millis>,
}

impl Filter {
    /// The two conditions of the sheet, alone or with `and`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut filter = Self::default();
        for part in text.split(" and ").map(str::trim) {
            let (field, rest) = part.split_once(' ')?;
            let (operator, value) = rest.trim().split_once(' ')?;
            let value = value.trim();
            match (field, operator) {
                ("status", "eq") => filter.statuses = Some(vec![quoted(value)?]),
                ("status", "in") => {
                    let inner = value.strip_prefix('(')?.strip_suffix(')')?;
                    let values = inner.split(',').map(|v| quoted(v.trim()));
                    filter.statuses = Some(values.collect::<Option<_>>()?);
                }
                ("lastChanged", "gt") => {
                    filter.changed_after = Some(Millis::from_rfc3339(&quoted(value)?)?);
                }
                _ => return None,
            }
        }
        Some(filter)
    }

    /// Without a word about the status, who is Inactive is hidden: "Future hires have a status of Inactive; include it
    /// in your status filter to retrieve them" (the vendor's reference page of datasets).
    pub(super) fn admits(&self, desk: &Desk, person: &Person) -> bool {
        let status = status(desk, person);
        let is_wanted = match &self.statuses {
            None => status == "Active",
            Some(wanted) => wanted.iter().any(|w| w == status),
        };
        let changed = Millis::from_rfc3339(&last_changed(person)).unwrap_or_default();
        is_wanted && self.changed_after.is_none_or(|after| changed > after)
    }
}

fn quoted(text: &str) -> Option<String> {
    let inner = text.strip_prefix('\'')?.strip_suffix('\'')?;
    Some(inner.to_owned())
}
