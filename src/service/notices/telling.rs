//! Tells of notices: what is due is put into the outbox, one row for each recipient and channel. And who the recipients are:
//! addresses of a tenant, and the operator's webhook.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::table::{To, event_of, throttle_of};
use crate::domain::audit::Entry;
use crate::domain::ids::{OPERATOR_TENANT, TenantId};
use crate::domain::language::Language;
use crate::domain::sealed::SecretText;
use crate::scim::Error as ScimError;
use crate::service::error::{Error, Result};
use crate::service::mail::{blank, check_address};
use crate::service::secrets;
use crate::service::{Caller, Service};
use crate::storage::notices::{NoticeRow, RecipientRow, list_to_tell, state};
use crate::storage::outbox::{OutboxRow, channel};
use crate::storage::{Lane, Outcome, Tx};

/// Most addresses of a tenant.
const MOST: usize = 20;
/// Notices that one look takes.
const AT_ONCE: i64 = 100;
/// Under which connection the secret of the operator's webhook is kept; no connection has such an id.
pub const WEBHOOK: &str = "webhook/notices";
/// Its name there.
const SECRET: &str = "secret";
/// Longest URL of a webhook, in bytes.
const URL: usize = 2_000;

/// Who is told of a tenant's notices by mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Address.
    pub address: String,
    /// Language.
    pub language: Language,
}

impl Service {
    /// Puts what is to be told now into the outbox; how many notices.
    ///
    /// # Errors
    /// Storage.
    pub async fn tell_notices(&self) -> Result<usize> {
        let now = self.store.clock().now();
        let due = self
            .store
            .read_global(move |conn| Ok::<_, Error>(list_to_tell(conn, now, AT_ONCE)?))
            .await?;
        for row in &due {
            let mut caller = Caller::system(TenantId::new(row.tenant.as_str()), "notices");
            caller.lane = Lane::Run;
            let id = row.id.clone();
            let told = self.store.write(caller.meta(), move |tx| {
                tell(tx, &id)?;
                Ok::<_, Error>(Outcome::Done(()))
            });
            // What one tenant's writes wait for is no matter of another's.
            if let Err(error) = told.await {
                tracing::warn!(tenant.id = row.tenant, notice.id = row.id, error = %error, "a notice cannot be told of now");
            }
        }
        Ok(due.len())
    }

    /// Who is told of a tenant's notices by mail.
    ///
    /// # Errors
    /// Storage.
    pub async fn list_notice_recipients(&self, tenant: &TenantId) -> Result<Vec<Recipient>> {
        let rows = self
            .store
            .point(tenant, |scope| {
                Ok::<_, Error>(scope.list_notice_recipients()?)
            })
            .await?;
        let read = |row: RecipientRow| Recipient {
            language: Language::parse(&row.language).unwrap_or_default(),
            address: row.address,
        };
        Ok(rows.into_iter().map(read).collect())
    }

    /// Replaces those who are told of a tenant's notices by mail. The journal says how many there are, not who.
    ///
    /// # Errors
    /// `Invalid` for an address that no mail can be sent to, or for too many.
    pub async fn set_notice_recipients(&self, caller: &Caller, all: Vec<Recipient>) -> Result<()> {
        let mut by_address = BTreeMap::new();
        for recipient in all {
            check_address(&recipient.address)?;
            by_address.insert(recipient.address, recipient.language);
        }
        if by_address.len() > MOST {
            let detail = format!("at most {MOST} addresses are told of notices");
            return Err(ScimError::invalid_value(detail).into());
        }
        self.store
            .write(caller.meta(), move |tx| {
                let (tenant, now) = (tx.tenant().as_str().to_owned(), tx.now().0);
                let row = |(address, language): (&String, &Language)| RecipientRow {
                    tenant: tenant.clone(),
                    address: address.clone(),
                    language: language.as_str().to_owned(),
                    created_at: now,
                };
                let rows: Vec<RecipientRow> = by_address.iter().map(row).collect();
                let before = tx.list_notice_recipients()?;
                let as_they_are = |r: &RecipientRow| (r.address.clone(), r.language.clone());
                if before
                    .iter()
                    .map(as_they_are)
                    .eq(rows.iter().map(as_they_are))
                {
                    return Ok(Outcome::Done(()));
                }
                tx.put_notice_recipients(&rows)?;
                let entry = Entry::new("notices.recipients_changed", "tenant", tenant.as_str());
                let (was, is) = (Value::from(before.len()), Value::from(rows.len()));
                tx.record(entry.change("count", Some(was), Some(is)));
                Ok::<_, Error>(Outcome::Done(()))
            })
            .await
    }

    /// Where the operator is told of notices; `None`: nowhere.
    ///
    /// # Errors
    /// Storage.
    pub async fn find_notices_webhook(&self) -> Result<Option<String>> {
        let operator = TenantId::new(OPERATOR_TENANT);
        Ok(self.find_tenant_settings(&operator).await?.notices_webhook)
    }

    /// Sets where the operator is told of notices, with a fresh secret, which is answered: the only time that it is seen.
    ///
    /// # Errors
    /// `Invalid` for what is no address of a webhook; `Forbidden` without a key.
    pub async fn set_notices_webhook(&self, caller: &Caller, url: &str) -> Result<SecretText> {
        check_webhook_url(url)?;
        let mut bytes = [0; 32];
        self.store.chance().fill(&mut bytes);
        // As Standard Webhooks writes them.
        let secret = SecretText::new(format!("whsec_{}", STANDARD.encode(bytes)));
        let closing = self.seal(&caller.tenant, WEBHOOK, SECRET, &secret)?;
        let url = url.to_owned();
        self.store
            .write(caller.meta(), move |tx| {
                secrets::store(tx, WEBHOOK, &closing, "notices.webhook_secret_set")?;
                crate::service::tenants::change_settings(tx, |settings| {
                    settings.notices_webhook = Some(url.clone());
                })?;
                Ok::<_, Error>(Outcome::Done(()))
            })
            .await?;
        Ok(secret)
    }

    /// The operator is told of notices by its webhook no more.
    ///
    /// # Errors
    /// Storage.
    pub async fn remove_notices_webhook(&self, caller: &Caller) -> Result<()> {
        self.store
            .write(caller.meta(), move |tx| {
                tx.delete_secret(WEBHOOK, SECRET)?;
                crate::service::tenants::change_settings(tx, |settings| {
                    settings.notices_webhook = None;
                })?;
                Ok::<_, Error>(Outcome::Done(()))
            })
            .await
    }

    /// Where calls go, and the secret that signs them; `None`: there is no webhook, or its secret does not open.
    ///
    /// # Errors
    /// Storage.
    pub async fn open_notices_webhook(&self) -> Result<Option<(String, SecretText)>> {
        let Some(url) = self.find_notices_webhook().await? else {
            return Ok(None);
        };
        let operator = Caller::system(TenantId::new(OPERATOR_TENANT), "notices");
        let mut opened = self.open_secrets(&operator, WEBHOOK).await?;
        Ok(opened.values.remove(SECRET).map(|secret| (url, secret)))
    }
}

/// Refuses what is no address of a webhook.
///
/// # Errors
/// `Invalid`.
pub fn check_webhook_url(url: &str) -> Result<()> {
    let has_host = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"))
        .is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', '#', ':', '@']));
    let is_plain = url.chars().all(|c| c.is_ascii_graphic());
    match has_host && is_plain && url.len() <= URL && !url.contains(['@', '#']) {
        true => Ok(()),
        false => Err(ScimError::invalid_value(
            "a webhook is an address such as https://example.com/notices, without a password or `#`",
        )
        .into()),
    }
}

/// Puts what tells of a notice into the outbox, if somebody is still to be told.
fn tell(tx: &mut Tx<'_>, id: &str) -> Result<()> {
    let now = tx.now();
    let Some(mut notice) = tx.find_notice(id)? else {
        return Ok(());
    };
    let is_due = notice.tell_at.is_some_and(|at| at <= now.0) && notice.state == state::OPEN;
    if !is_due {
        return Ok(());
    }
    let to = event_of(&notice.code).map_or(&[][..], |event| event.to);
    for row in rows(tx, &notice, to)? {
        tx.create_outgoing(&row)?;
    }
    notice.told += 1;
    notice.told_at = Some(now.0);
    let again = throttle_of(&notice.code).again_after(notice.told);
    notice.tell_at = again.map(|after| now.0 + after);
    Ok(tx.update_notice(&notice)?)
}

fn rows(tx: &mut Tx<'_>, notice: &NoticeRow, to: &[To]) -> Result<Vec<OutboxRow>> {
    let mut rows = Vec::new();
    let params: Value = serde_json::from_str(&notice.params).unwrap_or_default();
    let params = json!({
        "subject": notice.subject,
        "since": notice.created_at,
        "seen": notice.seen,
        "told": notice.told + 1,
        "of": params,
    });
    let of_notice = |tx: &mut Tx<'_>| {
        let id = tx.fresh_id();
        OutboxRow {
            code: notice.code.clone(),
            person: notice.person.clone(),
            notice: Some(notice.id.clone()),
            params: params.to_string(),
            ..blank(tx, &id)
        }
    };
    if to.contains(&To::AdminsByMail) {
        for recipient in tx.list_notice_recipients()? {
            rows.push(OutboxRow {
                recipient: recipient.address,
                language: recipient.language,
                ..of_notice(tx)
            });
        }
    }
    let operator = tx.find_tenant(OPERATOR_TENANT)?;
    let has_webhook = match operator {
        Some(operator) => operator.settings()?.notices_webhook.is_some(),
        None => false,
    };
    if to.contains(&To::OperatorByWebhook) && has_webhook {
        rows.push(OutboxRow {
            channel: channel::WEBHOOK.to_owned(),
            ..of_notice(tx)
        });
    }
    Ok(rows)
}
