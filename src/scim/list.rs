//! Query parameters of lists (RFC 7644 §3.4.2, RFC 9865), in any letter case.

use super::error::{Error, Result, quote};
use super::limits::Limits;
use super::project::Projection;
use super::rules::Rules;
use super::schema::{Registry, ResourceKind};

/// Page size when neither client nor configuration names one.
pub const DEFAULT_COUNT: i64 = 100;
/// How long a cursor may be used, in seconds.
pub const CURSOR_TIMEOUT: i64 = 3_600;

/// What a client asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListQuery {
    /// First result, from 1.
    pub start_index: i64,
    /// Page size, already within the server's maximum.
    pub count: i64,
    /// `cursor`: paging by cursor is wanted; empty for the first page.
    pub cursor: Option<String>,
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
            cursor: None,
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
    /// `startIndex` or `count` is no whole number, `sortOrder` no order, or both ways of paging are asked for.
    pub fn parse<'p>(
        pairs: impl Iterator<Item = (&'p str, &'p str)>,
        limits: &Limits,
    ) -> Result<Self> {
        let mut query = Self {
            count: limits.page_default,
            ..Self::default()
        };
        let (mut start, mut count, mut order) = (None, None, None);
        for (name, value) in pairs {
            match name.to_ascii_lowercase().as_str() {
                "startindex" if start.is_none() => start = Some((name, value)),
                "count" if count.is_none() => count = Some((name, value)),
                "cursor" if query.cursor.is_none() => query.cursor = Some(value.trim().to_owned()),
                "filter" if query.filter.is_none() => query.filter = some(value),
                "attributes" if query.attributes.is_none() => query.attributes = some(value),
                "excludedattributes" if query.excluded.is_none() => query.excluded = some(value),
                "sortby" if query.sort_by.is_none() => query.sort_by = some(value),
                "sortorder" if order.is_none() => order = some(value),
                _ => {}
            }
        }
        if let (Some(_), Some(_)) = (start, &query.cursor) {
            return Err(Error::invalid_value(
                "a list is paged by `startIndex` or by `cursor`: leave one of them out",
            ));
        }
        if let Some((name, value)) = start {
            query.start_index = whole(name, value).map_err(Error::invalid_value)?.max(1);
        }
        if let Some((name, value)) = count {
            let wrong = match query.cursor {
                Some(_) => Error::invalid_count,
                None => Error::invalid_value,
            };
            query.count = whole(name, value).map_err(wrong)?.clamp(0, limits.page_max);
        }
        query.descending = is_descending(order.as_deref())?;
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
}

fn some(value: &str) -> Option<String> {
    (!value.trim().is_empty()).then(|| value.to_owned())
}

fn whole(name: &str, value: &str) -> std::result::Result<i64, String> {
    value.trim().parse().map_err(|_| {
        format!(
            "`{}` takes a whole number; got `{}`",
            quote(name),
            quote(value)
        )
    })
}

fn is_descending(order: Option<&str>) -> Result<bool> {
    match order.map(str::trim) {
        None => Ok(false),
        Some(word) if word.eq_ignore_ascii_case("ascending") => Ok(false),
        Some(word) if word.eq_ignore_ascii_case("descending") => Ok(true),
        Some(word) => Err(Error::invalid_value(format!(
            "`sortOrder` is `ascending` or `descending`; got `{}`",
            quote(word)
        ))),
    }
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
        assert!(of(&[("sortOrder", "upwards")]).is_err());
    }

    #[test]
    fn a_list_is_paged_in_one_of_two_ways() {
        let of = |pairs: &[(&'static str, &'static str)]| {
            ListQuery::parse(pairs.iter().copied(), &Limits::default())
        };
        let cursor = |pairs| of(pairs).map(|q| q.cursor);
        assert_eq!(cursor(&[]), Ok(None));
        assert_eq!(cursor(&[("Cursor", "")]), Ok(Some(String::new())));
        assert!(cursor(&[("cursor", ""), ("startIndex", "1")]).is_err());
        let kind = |pairs| of(pairs).map_err(|e| e.scim_type);
        let wrong = kind(&[("cursor", ""), ("count", "ten")]);
        assert_eq!(wrong, Err(Some(crate::scim::ScimType::InvalidCount)));
    }
}
