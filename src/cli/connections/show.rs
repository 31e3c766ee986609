//! Connections as people and programs read them.

use chrono::NaiveDate;
use serde_json::{Value, json};

use crate::cli::Failure;
use crate::cli::admin::token_value;
use crate::domain::clock::Millis;
use crate::service::announce::Announced;
use crate::service::connections::{ConnectionRow, PULL, PUSH};
use crate::service::standing::Standing;
use crate::service::{Caller, Service};

/// A connection with all its settings.
pub(super) fn connection_value(row: &ConnectionRow) -> Result<Value, Failure> {
    let mut value = json!({
        "id": row.id, "kind": row.kind, "preset": row.preset, "joinerPolicy": row.joiner_policy, "state": row.state,
        "label": row.label, "createdAt": Millis(row.created_at).to_rfc3339(),
    });
    if row.kind == PUSH {
        value["guard"] = serde_json::to_value(row.push_settings()?.guard)?;
    }
    if row.kind == PULL {
        let settings = row.pull_settings()?;
        let stored = serde_json::to_value(&settings)?;
        for (name, part) in stored.as_object().into_iter().flatten() {
            value[name] = part.clone();
        }
        // What is not stored while it is as at first is told all the same.
        value["schedule"]["confirmMinutes"] = settings.schedule.confirm_minutes.into();
        value["matching"] = serde_json::to_value(settings.matching)?;
    }
    Ok(value)
}

/// How a connection stands; nothing for one that pushes.
pub(super) fn add_standing(value: &mut Value, standing: Option<Standing>) {
    let time = |at: Option<i64>| at.map(|at| Millis(at).to_rfc3339());
    let Some(standing) = standing else {
        value["health"] = Value::Null;
        return;
    };
    let health = &standing.health;
    value["health"] = json!({
        "state": health.state, "reason": health.reason, "failures": health.failures,
        "lastAttemptAt": time(health.last_attempt_at), "lastSuccessAt": time(health.last_success_at),
        "nextAt": time(health.next_at),
    });
    if let Some((announced, last)) = standing.announced {
        value["announced"] = announced_value(announced, last);
    }
    value["connectorVersion"] = json!({
        "used": standing.version_used, "shipped": standing.version_shipped, "isTriedNext": standing.is_new_version(),
    });
}

/// Leavers that are announced.
pub(super) fn announced_value(announced: Announced, last: NaiveDate) -> Value {
    json!({
        "people": announced.people, "until": last.to_string(), "since": announced.since.to_rfc3339(),
        "endsAt": announced.until.to_rfc3339(),
    })
}

/// Everything about a connection; nothing if there is none.
pub(super) async fn show(
    service: &Service,
    caller: &Caller,
    id: &str,
) -> Result<Option<Value>, Failure> {
    let wanted = id.to_owned();
    let found = service
        .store
        .read(&caller.tenant, move |scope| {
            let Some(row) = scope.find_connection(&wanted)? else {
                return Ok(None);
            };
            let (tokens, open) = (scope.list_credentials()?, scope.list_open_conflicts()?);
            Ok::<_, crate::storage::Error>(Some((row, tokens, open)))
        })
        .await?;
    let Some((row, tokens, open)) = found else {
        return Ok(None);
    };
    let now = service.store.clock().now();
    let mut value = connection_value(&row)?;
    value["managedGroups"] = Value::from(row.managed_groups);
    value["openConflicts"] = open
        .iter()
        .filter(|c| c.connection_id == row.id)
        .count()
        .into();
    let own = tokens
        .iter()
        .filter(|t| t.connection_id.as_deref() == Some(row.id.as_str()));
    value["tokens"] = own.map(|t| token_value(t, now)).collect();
    if row.kind == PUSH {
        value["parked"] = service.count_parked(&caller.tenant, &row.id).await?.into();
        let announced = service.find_push_announced(&caller.tenant, &row.id).await?;
        if let Some((announced, last)) = announced {
            value["announced"] = announced_value(announced, last);
        }
    }
    if row.kind == PULL {
        let secrets = service.list_secrets(&caller.tenant, &row.id).await?;
        let each = secrets.iter().map(|secret| {
            let state = secret.unusable.map_or("held", |why| why.as_str());
            let at = secret.updated_at.to_rfc3339();
            json!({"name": secret.name, "state": state, "key": secret.key_id, "updatedAt": at})
        });
        value["secrets"] = each.collect();
        add_standing(&mut value, service.find_standing(caller, &row).await?);
    }
    Ok(Some(value))
}
