//! `rosterd connection test-scope`: who would drop out.

use serde_json::{Value, json};

use super::named;
use crate::cli::{Failure, Output, open, shown};
use crate::config::Config;

/// How many who would drop out are named.
const NAMED: usize = 50;

/// Runs the command on the connection of a tenant.
pub(super) async fn run(
    config: &Config,
    output: Output,
    (tenant, id): (&str, &str),
    filter: &str,
) -> Result<(), Failure> {
    let service = open::service(config)?;
    let caller = open::caller(&service, tenant, "connection test-scope").await?;
    let found = service.test_scope(&caller, id, filter, NAMED).await;
    let found = found.map_err(|error| named(error, id, tenant))?;
    let first: Vec<Value> = found
        .first
        .iter()
        .map(|(id, name)| json!({"id": id, "name": name}))
        .collect();
    let value = json!({
        "stays": found.stays, "drops": found.drops, "dropsWithAccess": found.drops_with_access, "first": first,
        "isNobody": found.is_nobody(), "isEverybody": found.is_everybody(),
    });
    let mut lines = vec![format!(
        "{} stay, {} would drop out, {} of them with access",
        found.stays, found.drops, found.drops_with_access
    )];
    if found.is_nobody() {
        lines.push("careful: it takes nobody of those who are there".to_owned());
    }
    if found.is_everybody() {
        lines.push("careful: it leaves out nobody of those who are there".to_owned());
    }
    let each = found.first.iter();
    lines.extend(each.map(|(id, name)| format!("    {id}  {}", shown(name))));
    output.row(&value, &lines.join("\n"))
}
