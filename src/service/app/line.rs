//! One line of an import, read.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::import::{LINE, What};
use super::types::{AppTeam, AppUser, check_id};
use crate::scim::{self, Error as ScimError};
use crate::service::error::Result;

/// A line that was read.
pub(super) struct Line {
    pub(super) id: Option<String>,
    pub(super) body: Result<Body>,
}

/// What it says.
pub(super) enum Body {
    User(Box<AppUser>),
    Team(Box<AppTeam>),
}

/// Reads a line; the id is there whenever it can be told.
pub(super) fn read_line(what: What, line: &[u8]) -> Line {
    let refused = |detail: String| Line {
        id: None,
        body: Err(ScimError::invalid_value(detail).into()),
    };
    if line.len() > LINE {
        return refused(format!("a line has at most {LINE} bytes"));
    }
    let (field, value) = (what.id(), scim::json::parse(line));
    let mut value = match value {
        Ok(Value::Object(value)) => value,
        Ok(_) => return refused("a line is one JSON object".to_owned()),
        Err(error) => return refused(error.detail),
    };
    let id = match value.remove(field) {
        Some(Value::String(id)) => id,
        _ => return refused(format!("`{field}` is required, and takes a text")),
    };
    let value = Value::Object(value);
    let body = match what {
        What::Users => read(value).map(|user| Body::User(Box::new(user))),
        What::Teams => read(value).map(|team| Body::Team(Box::new(team))),
    };
    match check_id(&id) {
        // What is no id is not repeated.
        Err(error) => Line {
            id: None,
            body: Err(error),
        },
        Ok(()) => Line { id: Some(id), body },
    }
}

/// A message names the field and the rule, never a value.
fn read<T: DeserializeOwned>(value: Value) -> Result<T> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let (path, inner) = (error.path().to_string(), error.inner().to_string());
        let rule = match inner.split_once(", expected ") {
            Some((got, wanted)) if got.starts_with("invalid") => format!("takes {wanted}"),
            _ => inner,
        };
        let rule: String = rule.chars().take(300).collect();
        ScimError::invalid_value(match path.as_str() {
            "." => rule,
            path => format!("`{}`: {rule}", scim::error::quote(path)),
        })
        .into()
    })
}
