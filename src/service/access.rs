//! Whether somebody may use the app, for its login path (SEMANTICS §9). Nothing is written: signing in grants nothing.

use crate::domain::access::Access;
use crate::domain::ids::TenantId;
use crate::scim::fold::email_identity_key;
use crate::service::Service;
use crate::service::error::{Error, Result};
use crate::storage::Scope;
use crate::storage::access::Addressed;
use crate::storage::view::{UserView, View};

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
