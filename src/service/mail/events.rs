//! What a mail provider says of mails that it took: arrived, came back, called spam. Without it nobody knows, and the delivery
//! stays `unknown`.

use crate::domain::audit::Entry;
use crate::domain::ids::TenantId;
use crate::service::error::{Error, Result};
use crate::service::{Caller, Service};
use crate::storage::Outcome;
use crate::storage::outbox::{delivery, state};

use super::sending::lament;

/// What became of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// It arrived.
    Delivered,
    /// It came back.
    Bounced,
    /// Who got it says that it is spam.
    Complained,
}

impl Event {
    /// The word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => delivery::DELIVERED,
            Self::Bounced => delivery::BOUNCED,
            Self::Complained => delivery::COMPLAINED,
        }
    }
}

/// The Message-ID of a mail: the same at every attempt, so that one that was sent twice is recognised.
pub fn message_id(tenant: &str, mail: &str, domain: &str) -> String {
    let bare = |id: &str| id.replace('-', "");
    format!("<{}.{}@{domain}>", bare(mail), bare(tenant))
}

/// Tenant and mail of a Message-ID of ours, with or without its brackets.
pub fn read_message_id(text: &str) -> Option<(TenantId, String)> {
    let bare = text.trim().trim_start_matches('<').trim_end_matches('>');
    let (ids, _) = bare.split_once('@')?;
    let (mail, tenant) = ids.split_once('.')?;
    let id = |text: &str| uuid::Uuid::try_parse(text).ok().map(|id| id.to_string());
    Some((TenantId::new(id(tenant)?), id(mail)?))
}

impl Service {
    /// Notes what became of a mail; false: there is no such mail. What is said last counts, except that one that came back
    /// did not arrive.
    ///
    /// # Errors
    /// Storage.
    pub async fn note_mail_event(
        &self,
        caller: &Caller,
        message_id: &str,
        event: Event,
    ) -> Result<bool> {
        let Some((tenant, mail)) = read_message_id(message_id) else {
            return Ok(false);
        };
        let wanted = mail.clone();
        let found = self
            .store
            .point(&tenant, move |scope| {
                Ok::<_, Error>(scope.find_outgoing(&wanted)?)
            })
            .await?;
        if found.is_none() {
            return Ok(false);
        }
        let caller = Caller {
            tenant,
            ..caller.clone()
        };
        self.store
            .write(caller.meta(), move |tx| {
                let Some(mut row) = tx.find_outgoing(&mail)? else {
                    return Ok(Outcome::Done(false));
                };
                let is_known = row.delivery == event.as_str()
                    || (row.delivery == delivery::BOUNCED && event == Event::Delivered);
                if is_known {
                    return Ok(Outcome::Done(true));
                }
                let entry = Entry::new("mail.delivery_reported", "mail", row.id.as_str());
                tx.record(entry.reason(event.as_str()));
                event.as_str().clone_into(&mut row.delivery);
                row.updated_at = tx.now().0;
                if row.state != state::SENT {
                    // Somebody has it, whatever became of the one who sent it.
                    state::SENT.clone_into(&mut row.state);
                    row.sent_at = row.sent_at.or(Some(tx.now().0));
                    row.next_at = None;
                    row.claim = None;
                }
                tx.update_outgoing(&row)?;
                if event == Event::Bounced {
                    lament(tx, &row)?;
                }
                Ok::<_, Error>(Outcome::Done(true))
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_id_names_tenant_and_mail() {
        let (tenant, mail) = (
            "01890a5d-ac96-774b-bcce-b302099a8057",
            "01890a5d-ac96-774b-bcce-b302099a8058",
        );
        let id = message_id(tenant, mail, "example.com");
        assert!(id.len() < 100 && id.starts_with('<') && id.ends_with("@example.com>"));
        let read = Some((TenantId::new(tenant), mail.to_owned()));
        assert_eq!(read_message_id(&id), read);
        assert_eq!(read_message_id(id.trim_matches(['<', '>'])), read);
        for other in ["", "<>", "<a.b@c>", "<01890a5dac96774bbcceb302099a8058@x>"] {
            assert_eq!(read_message_id(other), None, "{other}");
        }
    }
}
