//! How long a value may be that stands in an index. PostgreSQL refuses index rows above 2,704 bytes and SQLite does not,
//! so both are told the same, in time, and by name.

use crate::scim::Doc;
use crate::scim::Error as ScimError;
use crate::scim::fold::{fold, user_name_key};
use crate::service::error::Result;
use crate::service::users::{addresses, manager, text};

/// Most bytes of a value that is looked up, as it is compared.
const LOOKED_UP: usize = 1_000;

/// Most bytes of the type of an address.
const EMAIL_TYPE: usize = 100;

/// Refuses a user with a value that is too long to be looked up.
pub(super) fn check_user(doc: &Doc, external_id: Option<&str>) -> Result<()> {
    let name = text(doc, "userName").map(user_name_key);
    within("userName", name.as_deref(), LOOKED_UP)?;
    let display = text(doc, "displayName").map(fold);
    within("displayName", display.as_deref(), LOOKED_UP)?;
    within("externalId", external_id, LOOKED_UP)?;
    within("manager.value", manager(doc), LOOKED_UP)?;
    for address in addresses(doc) {
        within("emails.value", Some(&address.key), LOOKED_UP)?;
        within("emails.value", Some(&address.fold), LOOKED_UP)?;
        within("emails.type", Some(&address.kind), EMAIL_TYPE)?;
    }
    Ok(())
}

/// The same for a group.
pub(super) fn check_group(doc: &Doc, external_id: Option<&str>) -> Result<()> {
    let display = text(doc, "displayName").map(fold);
    within("displayName", display.as_deref(), LOOKED_UP)?;
    within("externalId", external_id, LOOKED_UP)
}

fn within(attribute: &str, value: Option<&str>, limit: usize) -> Result<()> {
    match value.map(str::len).filter(|length| *length > limit) {
        None => Ok(()),
        Some(length) => Err(ScimError::invalid_value(format!(
            "`{attribute}` takes at most {limit} bytes as it is compared; got {length}"
        ))
        .into()),
    }
}
