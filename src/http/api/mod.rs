//! The management API, `/api/v1`: what admins and apps do that is not SCIM. One list of routes (`routes.rs`), one way
//! through them (`dispatch.rs`), one table of errors (`problem.rs`), a file per resource. The OpenAPI document is made of
//! the handlers and the types that they read and write (`document.rs`).

pub mod access;
pub mod announcements;
pub mod app_teams;
pub mod app_users;
mod call;
pub mod closing;
pub mod conflicts;
pub mod connections;
pub mod connectors;
pub mod consent;
pub mod disconnect;
mod dispatch;
pub mod document;
pub mod entitlements;
pub mod files;
mod health;
pub mod imports;
pub mod invitations;
pub mod looks;
pub mod mail;
mod new_connection;
pub mod notices;
pub mod pairs;
pub mod parked;
pub mod people;
pub mod problem;
mod pull;
pub mod routes;
pub mod runs;
pub mod scopes;
pub mod secrets;
pub mod sessions;
pub mod settings;
pub mod switches;
pub mod team_sync;
pub mod teams;
pub mod tenants;
pub mod tokens;
pub mod why;

use serde::Serialize;
use utoipa::ToSchema;

use self::call::Call;
use self::problem::{Problem, Result};
use crate::domain::clock::Millis;
use crate::scim::error::quote;

/// A part of a list, in the order of its items' creation.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T: ToSchema> {
    /// The items.
    pub items: Vec<T>,
    /// What to send as `after` to get the next part; absent: this is the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl<T: ToSchema> Page<T> {
    /// The first of what was read, each with its id; whether there was one more than fits says whether there is a next part.
    fn first(rows: impl Iterator<Item = (String, T)>, limit: usize) -> Self {
        let (mut items, mut last, mut next) = (Vec::new(), None, None);
        for (id, item) in rows {
            if items.len() == limit {
                next = last;
                break;
            }
            items.push(item);
            last = Some(id);
        }
        Self { items, next }
    }

    /// The part that the query asks for of a list that is short enough to be read whole.
    ///
    /// # Errors
    /// `invalid-value` for an `after` that is no item of it.
    fn of<R>(
        call: &Call,
        mut rows: Vec<R>,
        id: impl Fn(&R) -> &str,
        show: impl Fn(R) -> Result<T>,
    ) -> Result<Self> {
        let from = match call.parameter("after") {
            None => 0,
            Some(after) => {
                let at = rows.iter().position(|row| id(row) == after);
                1 + at.ok_or_else(|| {
                    let got = quote(after);
                    Problem::invalid(format!("`after` takes the `next` of a page; got `{got}`"))
                })?
            }
        };
        let to = rows.len().min(from + call.limit()?);
        let last = rows.get(to.wrapping_sub(1)).filter(|_| to < rows.len());
        Ok(Self {
            next: last.map(|row| id(row).to_owned()),
            items: rows.drain(from..to).map(show).collect::<Result<_>>()?,
        })
    }
}

fn time(at: i64) -> String {
    Millis(at).to_rfc3339()
}
