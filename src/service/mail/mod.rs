//! Mails that wait to be sent, and what became of them. An operation puts a mail into the outbox in its own transaction;
//! nothing is sent there. A row holds a code and parameters, never a sentence, and its secret (the token of a link) rests sealed
//! until the mail is sent.

mod brand;
mod events;
mod sending;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::clock::Millis;
use crate::domain::ids::TenantId;
use crate::domain::language::Language;
use crate::domain::sealed::{Keyring, NONCE, Place, Sealed, SecretText};
use crate::scim::Error as ScimError;
use crate::scim::error::quote;
use crate::service::Service;
use crate::service::error::{Error, Result};
use crate::storage::outbox::{channel, delivery, secret_place, state};
use crate::storage::secrets::{SecretRow, state as held};
use crate::storage::{Scope, Tx};

pub use crate::storage::outbox::OutboxRow;
pub use events::{Event, message_id, read_message_id};
pub use sending::{CLAIM, Claimed, Sent};

/// Name of a mail's secret among the secrets of its place.
const SECRET: &str = "link";
/// Longest address, in bytes (RFC 5321).
const ADDRESS: usize = 254;
/// Longest message of an admin, in bytes.
const MESSAGE: usize = 4 << 10;

/// What a mail is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Somebody is invited.
    Invitation,
    /// She is reminded of it.
    Reminder,
    /// She gets a new link in the place of one that expired.
    Renewed,
    /// An admin is told of something.
    Notice,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Invitation,
        Self::Reminder,
        Self::Renewed,
        Self::Notice,
    ];

    /// The word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invitation => "invitation",
            Self::Reminder => "reminder",
            Self::Renewed => "renewed",
            Self::Notice => "notice",
        }
    }

    /// Reads the stored word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.as_str() == text)
    }
}

/// A mail about an invitation. Its reader is called by the name that the roster has when it is sent.
#[derive(Debug, Clone)]
pub struct NewMail {
    /// Invitation, reminder or renewed link.
    pub kind: Kind,
    /// Whom it is about; it is erased with her.
    pub person: String,
    /// Address.
    pub to: String,
    /// Language.
    pub language: Language,
    /// The rest.
    pub about: About,
    /// What comes behind `/invite/` in the link.
    pub token: SecretText,
}

/// What a mail about an invitation says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct About {
    /// Id of the invitation.
    pub invitation: String,
    /// Name of who invites, as it is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inviter: Option<String>,
    /// What she adds, as she wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Until when the link is valid, in milliseconds.
    pub expires_at: i64,
}

/// A mail that is ready to be queued: checked, with an id, its secret sealed.
#[derive(Debug, Clone)]
pub struct Draft {
    id: String,
    mail: NewMail,
    sealed: Sealed,
}

impl Draft {
    /// Checks a mail and seals its secret; pure, so that it may happen in a transaction with an id and a nonce from there.
    ///
    /// # Errors
    /// `Invalid` for an address or a message that no mail can have; `Forbidden` without a key.
    pub fn new(
        keys: &Keyring,
        tenant: &TenantId,
        id: String,
        nonce: [u8; NONCE],
        mail: NewMail,
    ) -> Result<Self> {
        check_address(&mail.to)?;
        if let Some(message) = &mail.about.message
            && (message.len() > MESSAGE || message.contains('\0'))
        {
            let detail = "a message has at most 4 KiB, and no character U+0000";
            return Err(ScimError::invalid_value(detail.to_owned()).into());
        }
        let connection = secret_place(&id);
        let sealed = keys.seal(place(tenant.as_str(), &connection), &mail.token, nonce);
        let sealed = sealed.ok_or_else(|| {
            Error::Forbidden(
                "there is no secret key that could seal this: set ROSTERD_SECRET_KEY_FILE, or start the server once"
                    .to_owned(),
            )
        })?;
        Ok(Self { id, mail, sealed })
    }

    /// Id of the mail.
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// How a mail stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// `queued`, `sending`, `sent`, `filed` (written into the local outbox since no mail server is set), `failed`, `canceled`.
    pub state: String,
    /// `unknown`, `delivered`, `bounced`, `complained`.
    pub delivery: String,
    /// How often it was tried.
    pub attempts: i64,
    /// The last failure: code and parameters.
    pub error: Option<Value>,
    /// When the next server took it.
    pub sent_at: Option<Millis>,
}

impl Status {
    /// Of a stored mail.
    pub fn of(row: &OutboxRow) -> Self {
        Self {
            state: row.state.clone(),
            delivery: row.delivery.clone(),
            attempts: row.attempts,
            error: row
                .error
                .as_deref()
                .and_then(|text| serde_json::from_str(text).ok()),
            sent_at: row.sent_at.map(Millis),
        }
    }
}

/// Puts a mail into the outbox, in the caller's transaction.
///
/// # Errors
/// Storage.
pub fn queue(tx: &mut Tx<'_>, draft: &Draft) -> Result<()> {
    let (mail, now) = (&draft.mail, tx.now());
    let secret = SecretRow {
        tenant: tx.tenant().as_str().to_owned(),
        connection_id: secret_place(&draft.id),
        name: SECRET.to_owned(),
        key_id: draft.sealed.key_id.clone(),
        sealed: draft.sealed.text.clone(),
        state: held::HELD.to_owned(),
        updated_at: now.0,
    };
    tx.create_secret(&secret)?;
    let params = serde_json::to_string(&mail.about).unwrap_or_default();
    let row = OutboxRow {
        kind: mail.kind.as_str().to_owned(),
        person: Some(mail.person.clone()),
        recipient: mail.to.clone(),
        language: mail.language.as_str().to_owned(),
        params,
        ..blank(tx, &draft.id)
    };
    Ok(tx.create_outgoing(&row)?)
}

/// Withdraws a mail that is not sent yet; one that somebody is sending may still arrive.
///
/// # Errors
/// Storage.
pub fn cancel(tx: &mut Tx<'_>, id: &str) -> Result<()> {
    if let Some(mut row) = tx.find_outgoing(id)?
        && [state::QUEUED, state::SENDING, state::FILED].contains(&row.state.as_str())
    {
        state::CANCELED.clone_into(&mut row.state);
        row.next_at = None;
        row.claim = None;
        row.updated_at = tx.now().0;
        tx.update_outgoing(&row)?;
    }
    Ok(())
}

/// How a mail stands; `None`: there is no such mail any more.
///
/// # Errors
/// Storage.
pub fn status(scope: &mut Scope<'_>, id: &str) -> Result<Option<Status>> {
    Ok(scope.find_outgoing(id)?.map(|row| Status::of(&row)))
}

impl Service {
    /// Makes a mail ready to be queued.
    ///
    /// # Errors
    /// As [`Draft::new`].
    pub fn draft_mail(&self, tenant: &TenantId, mail: NewMail) -> Result<Draft> {
        let mut nonce = [0; NONCE];
        self.store.chance().fill(&mut nonce);
        Draft::new(&self.keys, tenant, self.fresh_id(), nonce, mail)
    }
}

/// A row that waits, with nothing in it.
pub(super) fn blank(tx: &Tx<'_>, id: &str) -> OutboxRow {
    let now = tx.now();
    OutboxRow {
        tenant: tx.tenant().as_str().to_owned(),
        id: id.to_owned(),
        channel: channel::MAIL.to_owned(),
        kind: Kind::Notice.as_str().to_owned(),
        code: String::new(),
        person: None,
        notice: None,
        recipient: String::new(),
        language: Language::default().as_str().to_owned(),
        params: "{}".to_owned(),
        state: state::QUEUED.to_owned(),
        delivery: delivery::UNKNOWN.to_owned(),
        attempts: 0,
        next_at: Some(now.0),
        claim: None,
        error: None,
        cause_kind: tx.cause().kind.clone(),
        cause_id: tx.cause().id.clone(),
        created_at: now.0,
        updated_at: now.0,
        sent_at: None,
    }
}

fn place<'a>(tenant: &'a str, connection: &'a str) -> Place<'a> {
    Place {
        tenant,
        connection,
        name: SECRET,
    }
}

/// A domain as mail servers know it (an A-label); `None` for a text that is none.
pub fn ascii_domain(text: &str) -> Option<String> {
    crate::service::users::identity::domain_of(text)
}

/// Refuses what is no address that a mail can be sent to.
///
/// # Errors
/// `Invalid`.
pub fn check_address(address: &str) -> Result<()> {
    let is_plain = |c: char| !c.is_control() && !c.is_whitespace() && !"<>(),;:\"\\[]".contains(c);
    let is_fine = address.rsplit_once('@').is_some_and(|(local, domain)| {
        let local_fits = (1..=64).contains(&local.len()) && !local.contains('@');
        local_fits && ascii_domain(domain).is_some() && address.chars().all(is_plain)
    });
    match is_fine && address.len() <= ADDRESS {
        true => Ok(()),
        false => Err(ScimError::invalid_value(format!(
            "an address such as ann@example.com is needed; got `{}`",
            quote(address)
        ))
        .into()),
    }
}
