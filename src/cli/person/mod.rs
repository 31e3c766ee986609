//! `rosterd person`: who is there, why somebody has access or not, and what a human decides about it.

mod page;
mod reasons;

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Failure, Output, open, shown};
use crate::config::Config;
use crate::domain::access::Access;
use crate::domain::ids::TenantId;
use crate::http::scim::render::Frame;
use crate::scim::filter;
use crate::scim::fold::{email_identity_key, user_name_key};
use crate::scim::project::Projection;
use crate::scim::rules::Rules;
use crate::scim::schema::{ROSTERD_USER, ResourceKind};
use crate::service::users::Decided;
use crate::service::{self, Service};
use crate::storage::known::Marks;
use crate::storage::order::{Order, Rows, Slice, Start};
use crate::storage::view::View;
use crate::storage::{Scope, filter as sql};

/// People.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Person {
    /// List people, oldest first; the last line says how many there are in all.
    List {
        /// Tenant by name or id.
        #[arg(long, default_value = "default")]
        tenant: String,
        /// SCIM filter, such as `name.familyName sw "Le" and not (emails pr)`.
        #[arg(long)]
        filter: Option<String>,
        /// Only these: listed, invited, granted or revoked.
        #[arg(long)]
        access: Option<String>,
        /// First result, from 1.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(i64).range(1..))]
        start_index: i64,
        /// Most results.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=100_000))]
        count: i64,
    },
    /// Show all that is known of a person: access and why, what each source says, groups, last changes.
    Show {
        /// Tenant by name or id.
        #[arg(long, default_value = "default")]
        tenant: String,
        /// Id, e-mail address or userName.
        person: String,
        /// How many journal entries.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(i64).range(0..=1_000))]
        entries: i64,
    },
    /// Show why a person is as she is: of her access and of each value who said so, since when, and who says otherwise.
    Why {
        /// Tenant by name or id.
        #[arg(long, default_value = "default")]
        tenant: String,
        /// Id, e-mail address or userName.
        person: String,
        /// Only this attribute, or what is inside it.
        #[arg(long)]
        path: Option<String>,
    },
    /// Take a person's access away; no source gives it back.
    Revoke(Decision),
    /// Take named people's access away at once, whatever limit has tripped and whatever of them waits; no source gives it back.
    RevokeNow {
        /// Tenant by name or id.
        #[arg(long, default_value = "default")]
        tenant: String,
        /// Id, e-mail address or userName of each.
        #[arg(required = true)]
        people: Vec<String>,
        /// Why, on one line: kept with the reason and in the journal.
        #[arg(long)]
        note: Option<String>,
    },
    /// Make a person a break-glass admin, whom no source removes or takes over; with --unset no longer.
    BreakGlass {
        /// Tenant by name or id.
        #[arg(long, default_value = "default")]
        tenant: String,
        /// Id, e-mail address or userName.
        person: String,
        /// Take that from her; never from the last one while a connection lives.
        #[arg(long)]
        unset: bool,
    },
    /// Remove a person: listed only while a source claims her, else gone for everybody but the journal.
    Remove(Decision),
    /// Lift a revoke or remove: the person is listed, and a source may bring her in again.
    Reinstate(Decision),
    /// Let in what sources say of a person and the undo of a run holds.
    LiftHolds {
        /// Tenant by name or id.
        #[arg(long, default_value = "default")]
        tenant: String,
        /// Id, e-mail address or userName; of somebody whom the undo made go, the id.
        person: String,
    },
}

/// About whom a human decides.
#[derive(Debug, clap::Args)]
pub(super) struct Decision {
    /// Tenant by name or id.
    #[arg(long, default_value = "default")]
    tenant: String,
    /// Id, e-mail address or userName.
    person: String,
    /// Why, on one line: kept with the reason and in the journal.
    #[arg(long)]
    note: Option<String>,
}

/// Runs the command.
pub(super) async fn run(config: &Config, output: Output, command: Person) -> Result<(), Failure> {
    let service = open::service(config)?;
    match command {
        Person::List {
            tenant,
            filter,
            access,
            start_index,
            count,
        } => {
            let filter = narrowed(filter, access)?;
            list(&service, output, &tenant, filter, (start_index, count)).await
        }
        Person::Show {
            tenant,
            person,
            entries,
        } => {
            let caller = open::caller(&service, &tenant, "person show").await?;
            let id = find(&service, &caller.tenant, &person).await?;
            let value = page::gather(&service, &caller.tenant, &id, entries).await?;
            output.row(&value, &page::text(&value))
        }
        Person::Why {
            tenant,
            person,
            path,
        } => {
            let caller = open::caller(&service, &tenant, "person why").await?;
            let id = find(&service, &caller.tenant, &person).await?;
            let found = service.why(&caller.tenant, &id, path.as_deref()).await?;
            let connections = service.list_connections(&caller).await?;
            output.row(
                &reasons::value(&id, &found),
                &reasons::page(&id, &found, &connections),
            )
        }
        Person::Revoke(decision) => decide(&service, output, decision, "revoke").await,
        Person::Remove(decision) => decide(&service, output, decision, "remove").await,
        Person::Reinstate(decision) => decide(&service, output, decision, "reinstate").await,
        Person::RevokeNow {
            tenant,
            people,
            note,
        } => revoke_now(&service, output, &tenant, &people, note.as_deref()).await,
        Person::BreakGlass {
            tenant,
            person,
            unset,
        } => {
            let caller = open::caller(&service, &tenant, "person break-glass").await?;
            let id = find(&service, &caller.tenant, &person).await?;
            let changed = service.set_break_glass(&caller, &id, !unset).await?;
            let value = json!({"id": id, "breakGlass": !unset, "changed": changed});
            let is = if unset {
                "no break-glass admin"
            } else {
                "a break-glass admin"
            };
            output.row(&value, &format!("{id} is {is}"))
        }
        Person::LiftHolds { tenant, person } => {
            let caller = open::caller(&service, &tenant, "person lift-holds").await?;
            let id = find(&service, &caller.tenant, &person).await?;
            let lifted = service.lift_holds(&caller, &id).await?;
            let value = json!({"units": lifted.units, "records": lifted.records.len()});
            let text = format!(
                "{} values count again, {} records are looked at by the next pull",
                lifted.units.len(),
                lifted.records.len()
            );
            output.row(&value, &text)
        }
    }
}

/// The filter with the state of access in it, so that the database selects by both.
fn narrowed(filter: Option<String>, access: Option<String>) -> Result<Option<String>, Failure> {
    let Some(word) = access else {
        return Ok(filter);
    };
    let access = Access::parse(&word).ok_or_else(|| {
        format!("--access takes listed, invited, granted or revoked; got `{word}`")
    })?;
    let only = format!("{ROSTERD_USER}:access eq \"{}\"", access.as_str());
    Ok(Some(match filter {
        Some(filter) => format!("({filter}) and {only}"),
        None => only,
    }))
}

async fn list(
    service: &Service,
    output: Output,
    tenant: &str,
    filter: Option<String>,
    (first, count): (i64, i64),
) -> Result<(), Failure> {
    let slice = Slice {
        order: Order::by_id(Rows::Users, false),
        start: Start::Offset(first - 1),
        limit: count,
    };
    let caller = open::caller(service, tenant, "person list").await?;
    let registry = service.registry(&caller.tenant).await?;
    let parse = |text: &str| {
        filter::parse(&registry, ResourceKind::User, text, &mut Rules::default())
            .map_err(|error| format!("--filter: {}", error.detail))
    };
    let parsed = filter.as_deref().map(parse).transpose()?;
    let schemas = Arc::clone(&registry);
    let (users, total) = service
        .store
        .read(&caller.tenant, move |scope| {
            let condition = parsed.map(|f| sql::users(scope, &schemas, &View::Everybody, &f));
            let users = scope.list_users(&View::Everybody, condition.as_ref(), &slice)?;
            let users = users.rows;
            let total = scope.count_users(&View::Everybody, condition.as_ref())?;
            Ok::<_, service::Error>((users, total))
        })
        .await?;
    let frame = Frame {
        registry: &registry,
        base: "",
        projection: &Projection::Default,
        rosterd: true,
    };
    for user in &users {
        let rendered = match frame.user(user, &[], None) {
            Ok(rendered) => rendered,
            Err(error) => {
                tracing::error!(user.id = user.id, error = %error, "a person was left out");
                continue;
            }
        };
        let value: Value = serde_json::from_str(&rendered)?;
        let text = format!(
            "{}  {:<8}  {}  {}  {}",
            user.id,
            user.access,
            user.access_reason,
            shown(value["userName"].as_str().unwrap_or_default()),
            shown(value["displayName"].as_str().unwrap_or_default())
        );
        output.row(&value, text.trim_end())?;
    }
    let shown = users.len();
    let value = json!({"totalResults": total, "startIndex": first, "itemsPerPage": shown});
    output.row(&value, &format!("{shown} of {total}"))
}

async fn decide(
    service: &Service,
    output: Output,
    decision: Decision,
    verb: &'static str,
) -> Result<(), Failure> {
    let caller = open::caller(service, &decision.tenant, &format!("person {verb}")).await?;
    let id = find(service, &caller.tenant, &decision.person).await?;
    let note = decision.note.as_deref();
    let decided = match verb {
        "revoke" => service.revoke_person(&caller, &id, note).await,
        "remove" => service.remove_person(&caller, &id, note).await,
        _ => service.reinstate_person(&caller, &id, note).await,
    };
    let Decided {
        access,
        is_tombstone,
        is_changed,
    } = decided?;
    let value = json!({
        "id": id, "access": access.as_str(), "removed": is_tombstone, "changed": is_changed,
    });
    let state = match is_tombstone {
        true => "removed",
        false => access.as_str(),
    };
    let already = if is_changed { "" } else { " already" };
    output.row(&value, &format!("{id} is{already} {state}"))
}

async fn revoke_now(
    service: &Service,
    output: Output,
    tenant: &str,
    people: &[String],
    note: Option<&str>,
) -> Result<(), Failure> {
    let caller = open::caller(service, tenant, "person revoke-now").await?;
    let mut ids = Vec::with_capacity(people.len());
    for person in people {
        ids.push(find(service, &caller.tenant, person).await?);
    }
    for one in service.revoke_now(&caller, &ids, note).await? {
        let access = one.access.map(Access::as_str);
        let value = json!({"id": one.person, "access": access, "refused": one.refused});
        let said = one.refused.as_deref().or(access).unwrap_or_default();
        output.row(&value, &format!("{}  {said}", one.person))?;
    }
    Ok(())
}

/// The id of the person who is meant.
async fn find(service: &Service, tenant: &TenantId, who: &str) -> Result<String, Failure> {
    let wanted = who.to_owned();
    let mut found = service
        .store
        .read(tenant, move |scope| candidates(scope, &wanted))
        .await?;
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(format!(
            "nobody has the id, e-mail address or userName `{}`: `rosterd person list --filter 'displayName co \"…\"'` \
             searches by other attributes",
            shown(who)
        )
        .into()),
        _ => Err(format!(
            "`{}` may be {} people: name one by id: {}",
            shown(who),
            found.len(),
            found.join(", ")
        )
        .into()),
    }
}

/// Ids of people whom a text names: by id, or else by any name or address that they have or
/// had; those who were removed only where nobody else is meant.
fn candidates(scope: &mut Scope<'_>, who: &str) -> crate::storage::error::Result<Vec<String>> {
    if let Some(row) = scope.find_user(who)? {
        return Ok(vec![row.id]);
    }
    let key = user_name_key(who);
    let rows = scope.list_users_by_user_name(&key)?;
    let mut ids: Vec<String> = rows.into_iter().map(|row| row.id).collect();
    let address = email_identity_key(who);
    ids.extend(scope.list_users_by_address("", &address)?);
    // What a source calls her may differ from what is in force.
    for connection in scope.list_connections()? {
        let known = scope.list_known(&connection.id, &Marks::user_name(&key))?;
        ids.extend(known.into_iter().map(|known| known.user_id));
        ids.extend(scope.list_users_by_address(&connection.id, &address)?);
    }
    ids.sort_unstable();
    ids.dedup();
    let (mut alive, mut gone) = (Vec::new(), Vec::new());
    for id in ids {
        match scope.find_user(&id)? {
            Some(row) if row.removed_at.is_some() => gone.push(id),
            _ => alive.push(id),
        }
    }
    Ok(if alive.is_empty() { gone } else { alive })
}
