//! What a client may do at most.

use std::time::Duration;

use super::{Error, Result, Values};

/// Limits of requests.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Largest body in bytes.
    pub body: usize,
    /// Time for a body to arrive.
    pub body_time: Duration,
    /// Most bytes of all headers.
    pub headers: usize,
    /// Most headers.
    pub header_count: usize,
    /// Time for the headers of a connection's first request.
    pub header_time: Duration,
    /// Time between two requests of a connection.
    pub keep_alive: Duration,
    /// Most connections at once.
    pub connections: usize,
    /// Requests of a token in a minute; 0: any number.
    pub requests_per_minute: usize,
    /// Page size when a client names none.
    pub page_default: usize,
    /// Largest page.
    pub page_max: usize,
    /// Longest filter in bytes.
    pub filter: usize,
    /// Most comparisons of a filter.
    pub filter_terms: usize,
    /// Deepest nesting of a filter.
    pub filter_depth: usize,
    /// Time for a list to be found.
    pub read_time: Duration,
    /// Most members that a request names.
    pub members: usize,
    /// Most operations of a PATCH.
    pub patch_operations: usize,
    /// Most operations of a bulk request.
    pub bulk_operations: usize,
    /// Time for a large change of a group's members to be prepared.
    pub member_write: Duration,
    /// Most writes of a tenant that wait.
    pub write_queue: usize,
}

impl Limits {
    pub(super) fn read(values: &Values) -> Result<Self> {
        let limits = Self {
            body: values.bytes("body_limit", 1_024..=1 << 30)?,
            body_time: values.seconds("body_seconds", 1..=3_600)?,
            // What the HTTP library reads before it gives up is 128 KiB with the URL, and 96 headers.
            headers: values.bytes("header_limit", 1_024..=64 << 10)?,
            header_count: values.number("header_count", 8..=96)?,
            header_time: values.seconds("header_seconds", 1..=3_600)?,
            keep_alive: values.seconds("keep_alive_seconds", 1..=3_600)?,
            connections: values.number("connections", 1..=1_000_000)?,
            requests_per_minute: values.number("requests_per_minute", 0..=1_000_000_000)?,
            page_default: values.number("page_default", 1..=100_000)?,
            page_max: values.number("page_max", 1..=100_000)?,
            // The grammar itself ends there.
            filter: values.bytes("filter_limit", 64..=16_384)?,
            filter_terms: values.number("filter_terms", 1..=1_024)?,
            filter_depth: values.number("filter_depth", 1..=64)?,
            read_time: values.seconds("read_seconds", 1..=3_600)?,
            members: values.number("members_limit", 1..=1_000_000)?,
            member_write: values.seconds("member_write_seconds", 1..=3_600)?,
            patch_operations: values.number("patch_operations", 1..=100_000)?,
            // A client that reads 0 may take it for no limit at all.
            bulk_operations: values.number("bulk_operations", 1..=100_000)?,
            write_queue: values.number("write_queue", 1..=1_000_000)?,
        };
        if limits.page_default > limits.page_max {
            return Err(Error(format!(
                "{} is above {}: a page has at most {} resources",
                values.name("page_default"),
                values.name("page_max"),
                limits.page_max
            )));
        }
        Ok(limits)
    }
}
