//! How much a request may ask for. The numbers are the server's configuration; the defaults here are for tests and for
//! what does not come from a client.

/// Limits of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Page size when a client names none.
    pub page_default: i64,
    /// Largest page.
    pub page_max: i64,
    /// Longest filter or PATCH path, in bytes.
    pub filter: usize,
    /// Most comparisons of a filter.
    pub filter_terms: usize,
    /// Deepest nesting of a filter.
    pub filter_depth: usize,
    /// Most members that a request names.
    pub members: usize,
    /// Most operations of a PATCH.
    pub patch_operations: usize,
    /// Most operations of a bulk request.
    pub bulk_operations: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            page_default: super::list::DEFAULT_COUNT,
            page_max: 1_000,
            filter: 16_384,
            filter_terms: 1_024,
            filter_depth: 64,
            members: 100_000,
            patch_operations: 1_000,
            bulk_operations: 500,
        }
    }
}
