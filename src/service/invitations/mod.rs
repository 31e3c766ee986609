//! Invitations (SEMANTICS §1, §9): who was listed is invited, and gets access by saying yes. One is made by somebody or by a
//! joiner policy; its mail is queued in the transaction that makes it; it ends with an answer, after 14 days, or with whatever
//! else decides about the person's access. `docs/INVITATIONS.md` tells it from outside.

mod answer;
mod attributes;
mod follow;
mod given;
mod handoff;
mod timed;
mod token;
mod write;

pub use answer::{Accepted, Opened, Shown};
pub use attributes::{Attributes, Entity, Field, GIVEN, Given, Giver, Labels, Role, Type};
pub use handoff::{Code, HandedOff};

pub(in crate::service) use follow::follow;
pub(in crate::service) use given::{bar_roles, drop_elevated, overlay};
pub(in crate::service) use write::{address_of, source_of};

use futures_util::{StreamExt, TryStreamExt};

use crate::domain::ids::TenantId;
use crate::domain::invitation::{Act, Refusal, State};
use crate::domain::language::Language;
use crate::domain::sealed::SecretText;
use crate::scim::Error as ScimError;
use crate::scim::error::quote;
use crate::scim::schema::Registry;
use crate::service::error::{Error, Result};
use crate::service::mail::{self, Kind};
use crate::service::users::model::Model;
use crate::service::{Caller, Service};
use crate::storage::{Outcome, Scope, Tx};

pub use crate::storage::invitations::InvitationRow;

/// Most people who are invited at once.
pub const AT_ONCE: usize = 500;
/// Writes of one call that wait together.
const TOGETHER: usize = 16;
/// Longest message, in characters.
const MESSAGE: usize = 2_000;
/// Longest name of an inviter, in characters.
const INVITER: usize = 200;

/// Who sends the mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Delivery {
    /// Rosterd.
    #[default]
    Mail,
    /// The app, which is told the link once.
    App,
}

impl Delivery {
    /// The word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::App => "app",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Mail, Self::App]
            .into_iter()
            .find(|d| d.as_str() == text)
    }
}

/// How people are invited.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// What they are given.
    pub given: Given,
    /// What the inviter adds.
    pub message: Option<String>,
    /// How the mail names the inviter.
    pub inviter: Option<String>,
    /// Language; otherwise that of each person.
    pub language: Option<Language>,
    /// Who sends the mail.
    pub delivery: Delivery,
    /// Who invites knows that some of them have left, or are inactive.
    pub in_spite: bool,
}

impl Wish {
    fn check(&self) -> Result<()> {
        let refuse = |detail: String| Err(ScimError::invalid_value(detail).into());
        if let Some(message) = &self.message {
            let is_bad = |c: char| c.is_control() && c != '\n';
            if message.chars().count() > MESSAGE || message.chars().any(is_bad) {
                return refuse(format!(
                    "`message` takes at most {MESSAGE} characters, and no control characters but line ends"
                ));
            }
        }
        if let Some(name) = &self.inviter
            && (name.chars().count() > INVITER || name.chars().any(char::is_control))
        {
            return refuse(format!(
                "`inviter` takes at most {INVITER} characters on one line; got `{}`",
                quote(name)
            ));
        }
        Ok(())
    }
}

/// An invitation, with how its mail stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Invitation {
    /// The invitation.
    pub row: InvitationRow,
    /// What it gives.
    pub given: Given,
    /// Its newest mail; none where the app sends it, or once it is forgotten.
    pub mail: Option<mail::Status>,
}

impl Invitation {
    fn of(scope: &mut Scope<'_>, row: InvitationRow) -> Result<Self> {
        let mail = match &row.mail_id {
            Some(id) => mail::status(scope, id)?,
            None => None,
        };
        Ok(Self {
            given: given_of(&row),
            mail,
            row,
        })
    }
}

/// What an invitation gives.
fn given_of(row: &InvitationRow) -> Given {
    let text = row.given.as_deref().unwrap_or("{}");
    serde_json::from_str(text).unwrap_or_default()
}

/// What came of inviting somebody.
#[derive(Debug, Clone)]
pub struct Invited {
    /// The person.
    pub person: String,
    /// Her invitation, new or already out.
    pub invitation: Option<Invitation>,
    /// Why none was made.
    pub refused: Option<Refusal>,
    /// What stands behind `/invite/` in her link: told once, to an app that sends the mail itself.
    pub token: Option<SecretText>,
}

impl Service {
    /// Invites people, each for herself: a result per person, in their order. Whoever has an invitation gets no second one.
    ///
    /// # Errors
    /// `Invalid` or `Forbidden` for what is given, `Forbidden` without a secret key; `NotEntitled` where there is a seat for
    /// none of them; storage.
    pub async fn invite_people(
        &self,
        caller: &Caller,
        giver: Giver,
        people: Vec<String>,
        wish: Wish,
    ) -> Result<Vec<Invited>> {
        if people.is_empty() || people.len() > AT_ONCE {
            let detail = format!("`people` takes 1 to {AT_ONCE} ids; got {}", people.len());
            return Err(ScimError::invalid_value(detail).into());
        }
        wish.check()?;
        self.find_invite_attributes()
            .await?
            .check_given(&wish.given, giver)?;
        let each = people.into_iter().map(|person| {
            let wish = wish.clone();
            async move {
                let registry = self.registry(&caller.tenant).await?;
                let id = person.clone();
                let invited = self.store.write(caller.meta(), move |tx| {
                    invite(tx, &registry, &id, &wish).map(Outcome::Done)
                });
                match invited.await {
                    Err(Error::NotEntitled(why)) => Ok((without_seat(person), Some(why))),
                    other => other.map(|invited| (invited, None)),
                }
            }
        });
        let all: Vec<(Invited, Option<String>)> = futures_util::stream::iter(each)
            .buffered(TOGETHER)
            .try_collect()
            .await?;
        match all.iter().all(|(_, why)| why.is_some()) {
            true => Err(Error::NotEntitled(
                all.into_iter().find_map(|(_, why)| why).unwrap_or_default(),
            )),
            false => Ok(all.into_iter().map(|(invited, _)| invited).collect()),
        }
    }

    /// Invitations after an id, oldest first, at most `limit`; of one state, or of one person.
    ///
    /// # Errors
    /// Storage.
    pub async fn list_invitations(
        &self,
        tenant: &TenantId,
        state: Option<State>,
        person: Option<&str>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Invitation>> {
        let (person, after) = (
            person.map(str::to_owned),
            after.unwrap_or_default().to_owned(),
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.store
            .read(tenant, move |scope| {
                let state = state.map(State::as_str);
                let rows = scope.list_invitations(state, person.as_deref(), &after, limit)?;
                rows.into_iter()
                    .map(|row| Invitation::of(scope, row))
                    .collect()
            })
            .await
    }

    /// An invitation.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn find_invitation(&self, tenant: &TenantId, id: &str) -> Result<Invitation> {
        let id = id.to_owned();
        self.store
            .point(tenant, move |scope| {
                let row = find(scope, &id)?;
                Invitation::of(scope, row)
            })
            .await
    }

    /// Sends an invitation again: the link that was sent before does not work any more. One that is over, unless by an
    /// acceptance or by something else that decided about her, makes another one.
    ///
    /// # Errors
    /// `NotFound`; `NotNow` for one that is over for good, or for somebody who cannot be invited now: why.
    pub async fn resend_invitation(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<(Invitation, Option<SecretText>)> {
        let (registry, id) = (self.registry(&caller.tenant).await?, id.to_owned());
        self.store
            .write(caller.meta(), move |tx| {
                let row = find(tx, &id)?;
                let (row, token) = resend(tx, &registry, row, Kind::Invitation, Act::Resend)?;
                let invitation = Invitation::of(tx, row)?;
                Ok::<_, Error>(Outcome::Done((invitation, token)))
            })
            .await
    }

    /// Takes an invitation back: she is listed, and only a human invites her again.
    ///
    /// # Errors
    /// `NotFound`; `NotNow` for one that is over otherwise.
    pub async fn withdraw_invitation(&self, caller: &Caller, id: &str) -> Result<Invitation> {
        let (registry, id) = (self.registry(&caller.tenant).await?, id.to_owned());
        self.store
            .write(caller.meta(), move |tx| {
                let mut row = find(tx, &id)?;
                if state_of(&row) != State::Withdrawn {
                    withdraw(tx, &registry, &mut row)?;
                }
                Ok::<_, Error>(Outcome::Done(Invitation::of(tx, row)?))
            })
            .await
    }

    /// Takes back the invitations of those whom a connection would leave invited if it was disconnected. Answers how many.
    ///
    /// # Errors
    /// As of looking at what disconnecting would do.
    pub async fn withdraw_invited_by(&self, caller: &Caller, connection: &str) -> Result<u64> {
        // Whether it may be disconnected at all.
        self.preview_disconnect(&caller.tenant, connection, 0)
            .await?;
        let mut withdrawn = 0;
        loop {
            let id = connection.to_owned();
            let first = self
                .store
                .read(&caller.tenant, move |scope| {
                    Ok::<_, Error>(scope.list_fated(&id, "invited", 100)?)
                })
                .await?;
            if first.is_empty() {
                return Ok(withdrawn);
            }
            let before = withdrawn;
            for (person, _) in first {
                let registry = self.registry(&caller.tenant).await?;
                let is_done = self
                    .store
                    .write(caller.meta(), move |tx| {
                        let Some(mut row) = tx.find_pending_invitation(&person)? else {
                            return Ok::<_, Error>(Outcome::Done(false));
                        };
                        withdraw(tx, &registry, &mut row)?;
                        Ok(Outcome::Done(true))
                    })
                    .await?;
                // Somebody who has answered meanwhile is not invited any more when she is looked for again.
                withdrawn += u64::from(is_done);
            }
            if withdrawn == before {
                return Ok(withdrawn);
            }
        }
    }
}

fn find(scope: &mut Scope<'_>, id: &str) -> Result<InvitationRow> {
    let row = scope.find_invitation(id)?;
    row.ok_or_else(|| Error::no_such("invitation", id))
}

fn state_of(row: &InvitationRow) -> State {
    State::parse(&row.state).unwrap_or(State::Superseded)
}

fn invite(tx: &mut Tx<'_>, registry: &Registry, person: &str, wish: &Wish) -> Result<Invited> {
    let made = write::invite(tx, registry, person, wish, Kind::Invitation)?;
    let (row, refused, token) = match made {
        Ok((row, token)) => (Some(row), None, token),
        Err(Refusal::AlreadyInvited) => {
            let row = tx.find_pending_invitation(person)?;
            (row, Some(Refusal::AlreadyInvited), None)
        }
        Err(refusal) => (None, Some(refusal), None),
    };
    let invitation = row.map(|row| Invitation::of(tx, row)).transpose()?;
    Ok(Invited {
        person: person.to_owned(),
        invitation,
        refused,
        token,
    })
}

fn without_seat(person: String) -> Invited {
    Invited {
        person,
        invitation: None,
        refused: Some(Refusal::NoSeat),
        token: None,
    }
}

/// The refusal of an act that is not for an invitation in this state.
fn not_for(row: &InvitationRow) -> Error {
    Error::NotNow(format!(
        "the invitation is {}: nothing more can be done with it",
        row.state
    ))
}

fn withdraw(tx: &mut Tx<'_>, registry: &Registry, row: &mut InvitationRow) -> Result<()> {
    let state = Act::Withdraw.on(state_of(row));
    let state = state.ok_or_else(|| not_for(row))?;
    close(tx, registry, row, Act::Withdraw, state)
}

/// Ends an invitation with what that means for access.
fn close(
    tx: &mut Tx<'_>,
    registry: &Registry,
    row: &mut InvitationRow,
    act: Act,
    state: State,
) -> Result<()> {
    write::end(tx, row, state, None)?;
    let Some(decision) = act.decision(true) else {
        return Ok(());
    };
    if let Some((before, mut model)) = write::decided(tx, registry, row, decision)? {
        write::put(tx, registry, &before, &mut model)?;
    }
    Ok(())
}

/// Sends an invitation under a new link, or makes another one in the place of one that is over.
fn resend(
    tx: &mut Tx<'_>,
    registry: &Registry,
    mut row: InvitationRow,
    kind: Kind,
    act: Act,
) -> Result<(InvitationRow, Option<SecretText>)> {
    let is_told = row.delivery == Delivery::App.as_str();
    match act.on(state_of(&row)) {
        None => Err(not_for(&row)),
        Some(State::Pending) => {
            // It goes to the address that she has by now: the former one may be wrong, or somebody else's.
            let person = Model::load(tx, registry, &row.user_id)?;
            let address = person.and_then(|p| address_of(&p.doc));
            row.email = address.ok_or_else(|| {
                Error::NotNow("she has no address that mail can go to".to_owned())
            })?;
            let token = write::send(tx, &mut row, kind)?;
            tx.record(write::entry("invitation.resent", &row));
            Ok((row, Some(token).filter(|_| is_told)))
        }
        Some(_) => {
            let wish = Wish {
                given: given_of(&row),
                message: row.message.clone(),
                inviter: row.inviter.clone(),
                language: Language::parse(&row.language),
                delivery: Delivery::parse(&row.delivery).unwrap_or_default(),
                in_spite: false,
            };
            let made = write::invite(tx, registry, &row.user_id, &wish, kind)?;
            made.map_err(|refusal| {
                Error::NotNow(format!("she cannot be invited again: {}", refusal.as_str()))
            })
        }
    }
}
