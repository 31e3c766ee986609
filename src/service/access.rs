//! Whether somebody may use the app, for its login path (SEMANTICS §9). Nothing is written: signing in grants nothing, unless
//! the tenant lets in by it whoever is listed and works.

use crate::domain::access::{Access, Standing, on_sign_in, reason};
use crate::domain::clock::Millis;
use crate::domain::employment::EmploymentState;
use crate::domain::ids::TenantId;
use crate::scim::fold::email_identity_key;
use crate::scim::schema::Registry;
use crate::service::entitlements::need_seat;
use crate::service::error::{Error, Result};
use crate::service::invitations::{drop_elevated, source_of};
use crate::service::users::conflicts::state;
use crate::service::users::identity::{is_verified, primary_key};
use crate::service::users::model::Model;
use crate::service::users::names::namesake;
use crate::service::users::settle::{Act, settle, settle_access};
use crate::service::{Caller, Service};
use crate::storage::access::Addressed;
use crate::storage::claims::ClaimState;
use crate::storage::view::{UserView, View};
use crate::storage::{Outcome, Scope, Tx};

/// Who is meant.
#[derive(Debug, Clone)]
pub enum Who {
    /// Whoever has this primary address, and is known to the identity provider by this subject.
    Email(String, Option<String>),
    /// The app's own user.
    AppUser(String),
    /// A person by id.
    Person(String),
}

/// What the app does with somebody who signs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Lets her in.
    Grant,
    /// Sends her to her invitation.
    AcceptInvitation,
    /// Turns her away: nobody invited her, or her first day lies ahead.
    NotInvited,
    /// Turns her away: her access was taken.
    Revoked,
}

impl Verdict {
    /// The word that is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::AcceptInvitation => "accept-pending-invitation",
            Self::NotInvited => "not-invited",
            Self::Revoked => "revoked",
        }
    }

    /// What follows from how somebody stands.
    pub fn of(access: Access, has_access: bool) -> Self {
        match access {
            Access::Granted if has_access => Self::Grant,
            Access::Invited => Self::AcceptInvitation,
            Access::Granted | Access::Listed => Self::NotInvited,
            Access::Revoked => Self::Revoked,
        }
    }
}

impl Service {
    /// Whether somebody may use the app, and who that is; `None`: nobody knows her.
    ///
    /// # Errors
    /// `Conflict` where several people with access have the address.
    pub async fn find_access(
        &self,
        tenant: &TenantId,
        who: Who,
    ) -> Result<(Verdict, Option<UserView>)> {
        let person = self
            .store
            .point(tenant, move |scope| {
                let id = match who {
                    Who::Person(id) => Some(id),
                    Who::AppUser(id) => scope.find_app_claim(&id)?.map(|claim| claim.user_id),
                    Who::Email(email, subject) => meant(scope, &email, subject.as_deref())?,
                };
                match id {
                    Some(id) => Ok(scope.find_user_view(&View::App, &id)?),
                    None => Ok::<_, Error>(None),
                }
            })
            .await?;
        let verdict = person.as_ref().map_or(Verdict::NotInvited, |person| {
            let access = Access::parse(&person.access).unwrap_or(Access::Listed);
            Verdict::of(access, person.has_access)
        });
        Ok((verdict, person))
    }
}

impl Service {
    /// The same of somebody who signs in. Where the tenant wants it, she is let in by that if she is listed and works.
    ///
    /// # Errors
    /// As [`Self::find_access`].
    pub async fn sign_in(
        &self,
        caller: &Caller,
        email: String,
        subject: Option<String>,
    ) -> Result<(Verdict, Option<UserView>)> {
        let who = Who::Email(email.clone(), subject);
        let found = self.find_access(&caller.tenant, who.clone()).await?;
        let is_listed = |view: &UserView| view.access == Access::Listed.as_str();
        let Some(id) = found
            .1
            .as_ref()
            .filter(|v| is_listed(v))
            .map(|v| v.user_id.clone())
        else {
            return Ok(found);
        };
        if !self
            .find_tenant_settings(&caller.tenant)
            .await?
            .just_in_time
        {
            return Ok(found);
        }
        let registry = self.registry(&caller.tenant).await?;
        let is_let_in = self
            .store
            .write(caller.meta(), move |tx| {
                let_in(tx, &registry, &id, &email).map(Outcome::Done)
            })
            .await?;
        match is_let_in {
            true => self.find_access(&caller.tenant, who).await,
            false => Ok(found),
        }
    }
}

/// Lets somebody listed in who signs in by this address, if the rules have it so; false when she stays as she is.
fn let_in(tx: &mut Tx<'_>, registry: &Registry, id: &str, email: &str) -> Result<bool> {
    let settings = tx.tenant_settings()?;
    let all = tx.list_addressed(&email_identity_key(email))?;
    if !matches!(all.as_slice(), [only] if only.user_id == id && only.is_in_force) {
        // Two have the address, or it is hers no longer: who it is that signs in is for a human to say.
        return Ok(false);
    }
    let loaded = Model::load(tx, registry, id)?;
    let Some(before) = loaded.filter(|m| m.row.removed_at.is_none() && settings.just_in_time)
    else {
        return Ok(false);
    };
    let questions = tx.list_conflicts_about(id)?;
    let waiting = [state::OPEN, state::LINKING];
    let is_open = questions.iter().any(|c| waiting.contains(&&*c.state));
    let domains = &settings.verified_domains;
    let is_outside = primary_key(&before.doc).is_none_or(|key| !is_verified(&key, domains));
    let waits = match (is_open, is_outside) {
        (true, _) => Some(reason::CONFLICT),
        (false, true) => Some(reason::UNVERIFIED_DOMAIN),
        (false, false) => reason::waiting(&before.row.access_reason),
    };
    let live = || before.claims.iter().filter(|c| c.is(ClaimState::Live));
    let word = before.row.employment_state.as_deref();
    let works = match word.and_then(EmploymentState::parse) {
        Some(state) => matches!(state, EmploymentState::Employed | EmploymentState::OnLeave),
        // No HR system speaks of her: what the identity provider says counts.
        None => live().any(|c| !c.is_of_app() && c.row.active == Some(true)),
    };
    let who = Standing {
        access: Some(before.access()),
        has_access: before.row.has_access,
        since: Millis(before.row.access_since),
        sticky: before.row.sticky,
        waits,
        inactive_elsewhere: live().any(|c| c.row.active == Some(false)),
    };
    let Some(decision) = on_sign_in(who, works) else {
        return Ok(false);
    };
    let (mut model, now) = (before.clone(), tx.now());
    model.decide(decision, now);
    // What a human gave her once is not given back by a sign-in.
    let is_changed = drop_elevated(tx, &mut model)?;
    if namesake(tx, Some(&before), &model)?.is_some() {
        // Somebody else has her userName: who is who is for a human to say, too.
        return Ok(false);
    }
    match need_seat(tx, Some(&before), &model) {
        // She signs in no more than before; a seat that becomes free is hers the next time.
        Err(Error::NotEntitled(_)) => return Ok(false),
        other => other?,
    }
    if !is_changed {
        return settle_access(tx, &before, &mut model);
    }
    let act = Act {
        source: &source_of(&before),
        settings: &settings,
        says: None,
        has_no_namesake: true,
    };
    settle(tx, registry, Some(&before), &mut model, &act)
}

/// Whose primary address it is: in force before as the app has it, with access before without. Who shares it with
/// somebody else who has access is told from her by the identity provider's subject only.
fn meant(scope: &mut Scope<'_>, email: &str, subject: Option<&str>) -> Result<Option<String>> {
    let mut all = scope.list_addressed(&email_identity_key(email))?;
    if all.iter().any(|a| a.is_in_force) {
        all.retain(|a| a.is_in_force);
    }
    if all.iter().any(|a| a.has_access) {
        all.retain(|a| a.has_access);
    }
    if all.len() > 1
        && let Some(subject) = subject
    {
        let known = scope.list_users_of_subject(subject)?;
        if all.iter().any(|a| known.contains(&a.user_id)) {
            all.retain(|a| known.contains(&a.user_id));
        }
    }
    let several = all.len() > 1 && all.iter().any(|a| a.has_access);
    if several {
        return Err(Error::Conflict(
            "several people with access have this primary address: ask by `appUserId` or `personId`, and give one of \
             them another address"
                .to_owned(),
        ));
    }
    // Of several who have none, the one who would get furthest is told why.
    let rank = |a: &Addressed| match Access::parse(&a.access) {
        Some(Access::Invited) => 0,
        Some(Access::Granted) => 1,
        Some(Access::Revoked) => 2,
        _ => 3,
    };
    Ok(all.into_iter().min_by_key(rank).map(|a| a.user_id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_has_access_is_let_in() {
        for access in Access::ALL {
            for has_access in [false, true] {
                let is_in = Verdict::of(access, has_access) == Verdict::Grant;
                assert_eq!(is_in, has_access && access == Access::Granted, "{access:?}");
            }
        }
    }
}
