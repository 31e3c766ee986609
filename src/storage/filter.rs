//! Filters as SQL.
