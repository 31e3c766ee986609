//! What somebody does who opens the link: looks at the invitation, accepts it, declines it, or asks for a new link. There is
//! no token of the API here; the link is the proof. Whoever guesses learns nothing: a link that was used, taken back or never
//! made is the same.

use crate::domain::access::{Access, reason};
use crate::domain::audit::{Actor, Cause};
use crate::domain::clock::Millis;
use crate::domain::employment::EmploymentState;
use crate::domain::ids::TenantId;
use crate::domain::invitation::{Act, State};
use crate::domain::language::Language;
use crate::scim::schema::Registry;
use crate::service::error::{Error, Result};
use crate::service::mail::Kind;
use crate::service::users::model::Model;
use crate::service::{Caller, Service};
use crate::storage::invitations::InvitationRow;
use crate::storage::{Lane, Outcome, Scope, Tx};

use super::attributes::Attributes;
use super::handoff::{Code, hand_off};
use super::token::parse;
use super::{close, given, given_of, resend, state_of, write};

/// What a page about an invitation shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Tenant.
    pub tenant: TenantId,
    /// What the product is called; where no brand is set, the tenant's name.
    pub product: String,
    /// Language of the invitation.
    pub language: Language,
    /// Where it went.
    pub email: String,
    /// Who invites.
    pub inviter: Option<String>,
    /// What she adds.
    pub message: Option<String>,
    /// Until when.
    pub expires_at: Millis,
}

/// What stands behind a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// An invitation that waits for an answer.
    Pending(Shown),
    /// One whose time is over: a new link may be asked for.
    Expired(Shown),
    /// Nothing that could be of use.
    Gone,
}

/// What came of accepting.
#[derive(Debug, Clone)]
pub enum Accepted {
    /// She is in.
    In {
        /// What the page shows.
        shown: Shown,
        /// By which the app learns who she is; none before her first day.
        code: Option<Code>,
    },
    /// The link is too old.
    Expired(Shown),
    /// It is of no use.
    Gone,
}

/// A link that may be one.
struct Link {
    tenant: TenantId,
    product: String,
    hash: String,
}

impl Link {
    fn caller(&self, request: &str) -> Caller {
        Caller {
            tenant: self.tenant.clone(),
            actor: Actor {
                kind: "invitee".to_owned(),
                id: String::new(),
            },
            cause: Cause {
                kind: "request".to_owned(),
                id: request.to_owned(),
            },
            lane: Lane::Interactive,
        }
    }
}

/// Where the invitation behind a link is now: nobody may have noticed that its time is over.
fn standing(row: &InvitationRow, now: Millis) -> Option<State> {
    match state_of(row) {
        State::Pending if row.expires_at <= now.0 => Some(State::Expired),
        state @ (State::Pending | State::Expired) if !row.email.is_empty() => Some(state),
        _ => None,
    }
}

fn shown(row: &InvitationRow, product: &str) -> Shown {
    Shown {
        tenant: TenantId::new(row.tenant.clone()),
        product: product.to_owned(),
        language: Language::parse(&row.language).unwrap_or_default(),
        email: row.email.clone(),
        inviter: row.inviter.clone(),
        message: row.message.clone(),
        expires_at: Millis(row.expires_at),
    }
}

impl Service {
    /// What stands behind a link; nothing is changed.
    ///
    /// # Errors
    /// Storage.
    pub async fn open_invitation(&self, token: &str) -> Result<Opened> {
        let Some(link) = self.link(token).await? else {
            return Ok(Opened::Gone);
        };
        let (hash, now) = (link.hash.clone(), self.store.clock().now());
        let row = self
            .store
            .point(&link.tenant, move |scope| {
                let Some(row) = scope.find_invitation_by_link(&hash)? else {
                    return Ok::<_, Error>(None);
                };
                let is_of_use = can_answer(scope, &row)?;
                Ok(Some(row).filter(|_| is_of_use))
            })
            .await?;
        Ok(match row {
            None => Opened::Gone,
            Some(row) => match standing(&row, now) {
                Some(State::Pending) => Opened::Pending(shown(&row, &link.product)),
                Some(_) => Opened::Expired(shown(&row, &link.product)),
                None => Opened::Gone,
            },
        })
    }

    /// She says yes: she has access, from her first day on. Of two who say it at once one is told that the link was used.
    ///
    /// # Errors
    /// Storage.
    pub async fn accept_invitation(&self, token: &str, request: &str) -> Result<Accepted> {
        let Some(link) = self.link(token).await? else {
            return Ok(Accepted::Gone);
        };
        let registry = self.registry(&link.tenant).await?;
        let meta = link.caller(request).meta();
        self.store
            .write(meta, move |tx| {
                accept(tx, &registry, &link).map(Outcome::Done)
            })
            .await
    }

    /// She says no. Answers whether there was something to say no to.
    ///
    /// # Errors
    /// Storage.
    pub async fn decline_invitation(&self, token: &str, request: &str) -> Result<bool> {
        let Some(link) = self.link(token).await? else {
            return Ok(false);
        };
        let registry = self.registry(&link.tenant).await?;
        let meta = link.caller(request).meta();
        self.store
            .write(meta, move |tx| {
                let Some((mut row, State::Pending)) = behind(tx, &link)? else {
                    return Ok::<_, Error>(Outcome::Done(false));
                };
                close(tx, &registry, &mut row, Act::Decline, State::Declined)?;
                Ok(Outcome::Done(true))
            })
            .await
    }

    /// She asks for a new link in the place of one that is too old: it goes to the address that the old one went to, and
    /// only while she may be invited. Answers what the page shows; nobody is told whether a mail went.
    ///
    /// # Errors
    /// Storage.
    pub async fn renew_invitation(&self, token: &str, request: &str) -> Result<Option<Shown>> {
        let Some(link) = self.link(token).await? else {
            return Ok(None);
        };
        let registry = self.registry(&link.tenant).await?;
        let meta = link.caller(request).meta();
        self.store
            .write(meta, move |tx| {
                renew(tx, &registry, &link).map(Outcome::Done)
            })
            .await
    }

    /// The link that a token may be, in a tenant that is there and at work.
    async fn link(&self, token: &str) -> Result<Option<Link>> {
        let Some((tenant, hash)) = parse(token) else {
            return Ok(None);
        };
        match self.find_tenant(tenant.as_str()).await {
            Ok(row) if row.state == "active" && row.id == tenant.as_str() => {
                let brand = self.brand_in_force(&tenant).await?;
                Ok(Some(Link {
                    product: brand.product.unwrap_or(row.name),
                    tenant,
                    hash,
                }))
            }
            Ok(_) | Err(Error::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The invitation behind a link, with where it is.
fn behind(tx: &mut Tx<'_>, link: &Link) -> Result<Option<(InvitationRow, State)>> {
    let now = tx.now();
    let Some(row) = tx.find_invitation_by_link(&link.hash)? else {
        return Ok(None);
    };
    if !can_answer(tx, &row)? {
        return Ok(None);
    }
    Ok(standing(&row, now).map(|state| (row, state)))
}

/// Whoever reads the mail of a former address is nobody who may say yes or no. One that is too old is answered as any:
/// asking for a new link tells nobody whose the address is.
fn can_answer(scope: &mut Scope<'_>, row: &InvitationRow) -> Result<bool> {
    Ok(state_of(row) != State::Pending || write::is_hers(scope, row)?)
}

fn accept(tx: &mut Tx<'_>, registry: &Registry, link: &Link) -> Result<Accepted> {
    let (mut row, state) = match behind(tx, link)? {
        None => return Ok(Accepted::Gone),
        Some(found) => found,
    };
    if state != State::Pending {
        return Ok(Accepted::Expired(shown(&row, &link.product)));
    }
    let attributes = Attributes::find(tx)?;
    let person = tx.find_user(&row.user_id)?;
    let prehire = EmploymentState::Prehire.as_str();
    let has_started = person.is_some_and(|p| p.employment_state.as_deref() != Some(prehire));
    let Some(decision) = Act::Accept.decision(has_started) else {
        return Ok(Accepted::Gone);
    };
    let Some((before, mut model)) = write::decided(tx, registry, &row, decision)? else {
        return Ok(Accepted::Gone);
    };
    write::end(tx, &mut row, State::Accepted, None)?;
    // Elevated roles of an earlier invitation do not come back with a later one.
    given::drop_elevated(tx, &mut model)?;
    given::give(registry, &mut model, &attributes, given_of(&row));
    write::put(tx, registry, &before, &mut model)?;
    let code = match model.access() == Access::Granted && model.row.has_access {
        true => Some(hand_off(tx, &row.user_id)?),
        false => None,
    };
    Ok(Accepted::In {
        shown: shown(&row, &link.product),
        code,
    })
}

fn renew(tx: &mut Tx<'_>, registry: &Registry, link: &Link) -> Result<Option<Shown>> {
    let (mut row, state) = match behind(tx, link)? {
        None => return Ok(None),
        Some(found) => found,
    };
    if state != State::Expired {
        return Ok(None);
    }
    let answer = shown(&row, &link.product);
    if state_of(&row) == State::Pending {
        close(tx, registry, &mut row, Act::Expire, State::Expired)?;
    }
    // Nothing but time may have decided about her since, a source must still know her, and the address that she has by now
    // may be somebody else's. Whoever asks is not told which of it.
    let person = Model::load(tx, registry, &row.user_id)?;
    let waits = person.filter(|p| {
        p.access() == Access::Listed
            && p.row.access_reason == reason::INVITATION_EXPIRED
            && p.is_claimed()
    });
    if !waits.is_some_and(|p| write::is_at(&p.doc, &row)) {
        return Ok(Some(answer));
    }
    match resend(tx, registry, row, Kind::Renewed, Act::Renew) {
        Ok(_) | Err(Error::NotNow(_) | Error::NotEntitled(_)) => Ok(Some(answer)),
        Err(error) => Err(error),
    }
}
