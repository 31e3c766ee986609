//! `rosterd connection test-scope`: who would drop out, and who would come in.

use serde_json::{Value, json};

use super::named;
use crate::cli::{Failure, Output, open, shown};
use crate::config::Config;
use crate::domain::language::Language;
use crate::words::{Book, say};

/// How many who would drop out, or come in, are named.
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
    let people = |people: &[(String, String)]| {
        let each = people.iter();
        let each = each.map(|(id, name)| json!({"id": id, "name": name}));
        Value::from(each.collect::<Vec<_>>())
    };
    let warnings = found.warnings();
    let value = json!({
        "stays": found.stays, "drops": found.drops, "dropsWithAccess": found.drops_with_access,
        "first": people(&found.first), "comes": found.comes, "comesFirst": people(&found.comes_first),
        "leftOut": found.left_out, "warnings": warnings,
    });
    let mut lines = vec![format!(
        "{} stay, {} would drop out, {} of them with access; {} would come in",
        found.stays, found.drops, found.drops_with_access, found.comes
    )];
    let params = json!({"records": found.left_out});
    let said = warnings.iter();
    let said = said.filter_map(|code| say(Book::Previews, code, &params, Language::En));
    lines.extend(said.map(|text| format!("careful: {text}")));
    for (sign, people) in [('-', &found.first), ('+', &found.comes_first)] {
        let each = people.iter();
        lines.extend(each.map(|(id, name)| format!("  {sign} {id}  {}", shown(name))));
    }
    output.row(&value, &lines.join("\n"))
}
