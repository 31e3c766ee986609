//! The app as a source (SEMANTICS §1, §2): its own users, loaded once and kept in step by the app, one by one or as an
//! import. There is one connection for them in each tenant, made with the first of them; it never revokes by absence.

mod ending;
mod import;
mod line;
mod teams;
mod types;

use serde_json::Value;

pub use ending::{Ended, Missing};
pub use import::{AT_ONCE, Import, LINE, LineResult, Mode, What};
pub use teams::AppTeamView;
pub use types::{AppTeam, AppUser, AppUserView, Done, check_id};

pub use crate::storage::app::ImportRow;

use crate::domain::app::APP;
use crate::domain::audit::Entry;
use crate::domain::ids::TenantId;
use crate::scim::Doc;
use crate::service::error::{Error, Result, corrupt};
use crate::service::groups::Halt;
use crate::service::users::of_app;
use crate::service::{Caller, Service};
use crate::storage::claims::ClaimRow;
use crate::storage::connections::ConnectionRow;
use crate::storage::{Outcome, Scope, Tx};

/// Whether the app's users are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loaded {
    /// Nobody ever loaded any, nor said that there are none.
    Never,
    /// Somebody said that the app has no users yet.
    NoneYet,
    /// Some were loaded.
    Loaded,
}

impl Loaded {
    /// The word that is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never-loaded",
            Self::NoneYet => "none-yet",
            Self::Loaded => "loaded",
        }
    }
}

impl Service {
    /// Takes what the app says of one of its users.
    ///
    /// # Errors
    /// `Invalid`; `Conflict` for a userName that somebody else has.
    pub async fn put_app_user(
        &self,
        caller: &Caller,
        id: &str,
        new: AppUser,
    ) -> Result<(Done, AppUserView)> {
        let registry = self.registry(&caller.tenant).await?;
        new.check(&registry, id)?;
        let (id, fresh) = (id.to_owned(), self.fresh_id());
        self.store
            .write(caller.meta(), move |tx| {
                make_connection(tx)?;
                let done = of_app::put(tx, &registry, &id, &new, &fresh)?;
                Ok::<_, Error>(Outcome::Done((done, find(tx, &id)?)))
            })
            .await
    }

    /// The app has the user no more: her access is revoked, and no source gives it back.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn delete_app_user(&self, caller: &Caller, id: &str) -> Result<()> {
        loop {
            let (registry, id) = (self.registry(&caller.tenant).await?, id.to_owned());
            let done = self
                .store
                .write(caller.meta(), move |tx| {
                    of_app::remove(tx, &registry, &id).map(Outcome::Done)
                })
                .await;
            match done {
                Ok(true) => return Ok(()),
                Ok(false) | Err(Halt::Plan(_)) => {}
                Err(Halt::Behind(behind)) => self.catch_up(&behind).await?,
                Err(Halt::Failed(error)) => return Err(error),
            }
        }
    }

    /// A user of the app.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn find_app_user(&self, tenant: &TenantId, id: &str) -> Result<AppUserView> {
        let id = id.to_owned();
        self.store
            .point(tenant, move |scope| find(scope, &id))
            .await
    }

    /// Users of the app after an id of the app's, in the order of these.
    ///
    /// # Errors
    /// Storage.
    pub async fn list_app_users(
        &self,
        tenant: &TenantId,
        after: &str,
        limit: usize,
    ) -> Result<Vec<AppUserView>> {
        let (after, limit) = (after.to_owned(), i64::try_from(limit).unwrap_or(i64::MAX));
        self.store
            .read(tenant, move |scope| {
                let claims = scope.list_app_claims(&after, limit)?;
                claims.iter().map(|claim| view(scope, claim)).collect()
            })
            .await
    }

    /// Whether the tenant's app users are there.
    ///
    /// # Errors
    /// Storage.
    pub async fn app_users_loaded(&self, tenant: &TenantId) -> Result<Loaded> {
        self.store.point(tenant, loaded).await
    }

    /// Somebody says that the app has no users yet: nobody is asked for them any more.
    ///
    /// # Errors
    /// Storage.
    pub async fn say_no_app_users(&self, caller: &Caller) -> Result<Loaded> {
        self.store
            .write(caller.meta(), |tx| {
                let mut settings = tx.tenant_settings()?;
                if !settings.no_app_users_yet {
                    settings.no_app_users_yet = true;
                    tx.update_tenant_settings(&settings)?;
                    let tenant = tx.tenant().as_str().to_owned();
                    let entry = Entry::new("tenant.settings_changed", "tenant", tenant);
                    tx.record(entry.change("noAppUsersYet", None, Some(Value::from(true))));
                }
                Ok::<_, Error>(Outcome::Done(loaded(tx)?))
            })
            .await
    }
}

pub(super) fn loaded(scope: &mut Scope<'_>) -> Result<Loaded> {
    if scope.find_connection(APP)?.is_some() {
        return Ok(Loaded::Loaded);
    }
    Ok(match scope.find_tenant_settings()?.no_app_users_yet {
        true => Loaded::NoneYet,
        false => Loaded::Never,
    })
}

/// The connection of the app's own users; made where there is none.
pub(super) fn make_connection(tx: &mut Tx<'_>) -> Result<()> {
    if tx.find_connection(APP)?.is_some() {
        return Ok(());
    }
    let row = ConnectionRow {
        tenant: tx.tenant().as_str().to_owned(),
        id: APP.to_owned(),
        kind: APP.to_owned(),
        preset: APP.to_owned(),
        label: "App".to_owned(),
        joiner_policy: "grant".to_owned(),
        state: "active".to_owned(),
        created_at: tx.now().0,
        only_users: 0,
        hidden_users: 0,
        managed_groups: 0,
        settings: None,
        confirm_since: None,
        disconnected_at: None,
        rank_at: None,
    };
    tx.create_connection(&row)?;
    let entry = Entry::new("connection.created", "connection", APP);
    tx.record(entry.change("preset", None, Some(Value::from(APP))));
    Ok(())
}

fn find(scope: &mut Scope<'_>, id: &str) -> Result<AppUserView> {
    let claim = scope.find_app_claim(id)?;
    let claim = claim.ok_or_else(|| Error::no_such("app user", id))?;
    view(scope, &claim)
}

fn view(scope: &mut Scope<'_>, claim: &ClaimRow) -> Result<AppUserView> {
    let user = scope.find_user(&claim.user_id)?;
    let user = user.ok_or_else(|| Error::no_such("person", &claim.user_id))?;
    let doc = claim.view_doc.as_ref().unwrap_or(&user.doc);
    let doc: Doc = serde_json::from_str(&doc.0).map_err(|e| corrupt("users", &user.id, e))?;
    let text = |name: &str| doc.get(name).and_then(Value::as_str).map(str::to_owned);
    let values = |name: &str| {
        let list = doc.get(name).and_then(Value::as_array);
        let each = list.into_iter().flatten();
        each.filter_map(|item| Some(item.get("value")?.as_str()?.to_owned()))
    };
    Ok(AppUserView {
        app_user_id: claim.external_id.clone().unwrap_or_default(),
        email: values("emails").next(),
        user_name: text("userName").unwrap_or_default(),
        name: text("displayName"),
        roles: values("roles").collect(),
        entity: claim.entity.clone(),
        said: claim.active.unwrap_or_default(),
        person_id: user.id,
        access: user.access,
        has_access: user.has_access,
        access_reason: user.access_reason,
    })
}
