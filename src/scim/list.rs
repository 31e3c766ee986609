//! Query parameters of lists (RFC 7644 §3.4.2), in any letter case.

use super::error::{Error, Result, quote};
use super::limits::Limits;
use super::project::Projection;
use super::rules::Rules;
use super::schema::{Registry, ResourceKind};

/// Page size when neither client nor configuration names one.
pub const DEFAULT_COUNT: i64 = 100;

/// What a client asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListQuery {
    /// First result, from 1.
    pub start_index: i64,
    /// Page size, already within the server's maximum.
    pub count: i64,
    /// `filter`.
    pub filter: Option<String>,
    /// `attributes`.
    pub attributes: Option<String>,
    /// `excludedAttributes`.
    pub excluded: Option<String>,
    /// `sortBy`.
    pub sort_by: Option<String>,
    /// `sortOrder` is `descending`.
    pub descending: bool,
}

impl Default for ListQuery {
    fn default() -> Self {
        Self {
            start_index: 1,
            count: DEFAULT_COUNT,
            filter: None,
            attributes: None,
            excluded: None,
            sort_by: None,
            descending: false,
        }
    }
}

impl ListQuery {
    /// Reads decoded pairs; of a name given twice the first counts, unknown names are passed over.
    ///
    /// # Errors
    /// `startIndex` or `count` is no whole number.
    pub fn parse<'p>(
        pairs: impl Iterator<Item = (&'p str, &'p str)>,
        limits: &Limits,
    ) -> Result<Self> {
        let mut query = Self::default();
        let (mut start, mut count) = (None, None);
        for (name, value) in pairs {
            match name.to_ascii_lowercase().as_str() {
                "startindex" if start.is_none() => start = Some(whole(name, value)?),
                "count" if count.is_none() => count = Some(whole(name, value)?),
                "filter" if query.filter.is_none() => query.filter = some(value),
                "attributes" if query.attributes.is_none() => query.attributes = some(value),
                "excludedattributes" if query.excluded.is_none() => query.excluded = some(value),
                "sortby" if query.sort_by.is_none() => query.sort_by = some(value),
                "sortorder" => query.descending = value.trim().eq_ignore_ascii_case("descending"),
                _ => {}
            }
        }
        query.start_index = start.unwrap_or(1).max(1);
        query.count = count
            .unwrap_or(limits.page_default)
            .clamp(0, limits.page_max);
        Ok(query)
    }

    /// The parts of each resource that are wanted.
    ///
    /// # Errors
    /// `attributes` and `excludedAttributes` are both given.
    pub fn projection(
        &self,
        registry: &Registry,
        kind: ResourceKind,
        rules: &mut Rules,
    ) -> Result<Projection> {
        let (wanted, unwanted) = (self.attributes.as_deref(), self.excluded.as_deref());
        Projection::parse(registry, kind, wanted, unwanted, rules)
    }

    /// Whether entries of the journal are wanted in descending order; they are sorted by number or, which is the same,
    /// by time.
    ///
    /// # Errors
    /// Another attribute to sort by.
    pub fn order_by_sequence(&self) -> Result<bool> {
        match self.sort_by.as_deref() {
            None => Ok(self.descending),
            Some(name)
                if ["sequence", "time", "id", "meta.created"]
                    .iter()
                    .any(|n| name.eq_ignore_ascii_case(n)) =>
            {
                Ok(self.descending)
            }
            Some(name) => Err(Error::invalid_value(format!(
                "audit events are sorted by `sequence` or `time`; got `{}`",
                quote(name)
            ))),
        }
    }
}

fn some(value: &str) -> Option<String> {
    (!value.trim().is_empty()).then(|| value.to_owned())
}

fn whole(name: &str, value: &str) -> Result<i64> {
    value.trim().parse().map_err(|_| {
        Error::invalid_value(format!(
            "`{}` takes a whole number; got `{}`",
            quote(name),
            quote(value)
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // checklist: 58, 89, 90, 91
    #[test]
    fn numbers_outside_their_range_are_moved_into_it() {
        let limits = Limits::default();
        let of = |pairs: &[(&'static str, &'static str)]| {
            ListQuery::parse(pairs.iter().copied(), &limits)
        };
        let got = of(&[
            ("STARTINDEX", "0"),
            ("count", "-5"),
            ("aadOptscim062020", ""),
        ]);
        assert_eq!(got.map(|q| (q.start_index, q.count)), Ok((1, 0)));
        assert_eq!(of(&[("count", "99999")]).map(|q| q.count), Ok(1_000));
        assert_eq!(
            of(&[]).map(|q| (q.start_index, q.count)),
            Ok((1, DEFAULT_COUNT))
        );
        assert!(of(&[("count", "ten")]).is_err());
    }
}
