//! Takes what is due out of the outbox and sends it.

use lettre::message::Mailbox;
use serde_json::{Value, json};

use super::files::Files;
use super::letter::{World, notice_url, of_invitation, of_notice};
use super::message::{Envelope, address, message, render};
use super::smtp::Smtp;
use super::webhook::Webhook;
use crate::domain::clock::Millis;
use crate::domain::ids::TenantId;
use crate::domain::language::Language;
use crate::service::mail::{About, Claimed, Kind, OutboxRow, Sent, message_id};
use crate::service::{Result, Service};
use crate::words;

/// Rows that one look takes.
const AT_ONCE: i64 = 20;
/// Whom mails come from where nobody said so; they are files then.
const NOBODY: &str = "no-reply@localhost.invalid";

/// Where mails go.
#[derive(Clone)]
pub enum Out {
    /// To a mail server.
    Smtp(Box<Smtp>),
    /// Into files.
    Files(Files),
}

/// Sends.
#[derive(Clone)]
pub struct Mailer {
    service: Service,
    out: Out,
    from: Mailbox,
    webhook: Webhook,
    public_url: String,
    holder: String,
}

impl Mailer {
    /// Under a name of its own, under which it claims what it sends.
    ///
    /// # Errors
    /// The sender is no address.
    pub fn new(
        service: Service,
        out: Out,
        from: Option<&str>,
        webhook: Webhook,
        public_url: &str,
        holder: &str,
    ) -> std::result::Result<Self, String> {
        let from = from.unwrap_or(NOBODY);
        Ok(Self {
            service,
            out,
            from: from
                .parse()
                .map_err(|_| "the sender is no address".to_owned())?,
            webhook,
            public_url: public_url.to_owned(),
            holder: holder.to_owned(),
        })
    }

    /// Tells of notices that are due, and sends the mails that are; how many mails were tried.
    ///
    /// # Errors
    /// Storage.
    pub async fn tick(&self) -> Result<usize> {
        if self.service.outgoing_paused().await?.is_some() {
            return Ok(0);
        }
        self.service.tell_notices().await?;
        self.send_due("mail").await
    }

    /// Makes the calls that are due; how many were tried. Apart from mails: a slow webhook delays none.
    ///
    /// # Errors
    /// Storage.
    pub async fn tick_webhooks(&self) -> Result<usize> {
        if self.service.outgoing_paused().await?.is_some() {
            return Ok(0);
        }
        self.send_due("webhook").await
    }

    async fn send_due(&self, channel: &'static str) -> Result<usize> {
        let mut tried = 0;
        for row in self.service.list_due_outgoing(channel, AT_ONCE).await? {
            match self.try_one(channel, &row).await {
                Ok(is_tried) => tried += usize::from(is_tried),
                // What one tenant's writes wait for is no matter of another's; the claim runs out.
                Err(error) => {
                    tracing::warn!(tenant.id = row.tenant, mail.id = row.id, error = %error, "a mail or a call cannot be sent now");
                }
            }
        }
        Ok(tried)
    }

    /// False: somebody else is at it.
    async fn try_one(&self, channel: &'static str, row: &OutboxRow) -> Result<bool> {
        let Some(claimed) = self.service.claim_outgoing(row, &self.holder).await? else {
            return Ok(false);
        };
        let sent = match channel {
            "webhook" => self.call(&claimed).await?,
            _ => self.send(&claimed).await?,
        };
        tell(&claimed, channel, &sent);
        self.service.end_outgoing(&claimed.row, sent).await?;
        Ok(true)
    }

    /// One attempt at a mail.
    async fn send(&self, claimed: &Claimed) -> Result<Sent> {
        let row = &claimed.row;
        let tenant = TenantId::new(row.tenant.as_str());
        let world = World {
            brand: self.service.brand_in_force(&tenant).await?,
            tenant: claimed.tenant.clone(),
            tenant_id: row.tenant.clone(),
            public_url: self.public_url.clone(),
            language: Language::parse(&row.language).unwrap_or_default(),
        };
        let refused = |code: &str| Ok(Sent::Refused(json!({"code": code})));
        let letter = match Kind::parse(&row.kind) {
            Some(Kind::Notice) | None => {
                let params: Value = serde_json::from_str(&row.params).unwrap_or_default();
                let notice = row.notice.as_deref().unwrap_or_default();
                of_notice(&row.code, notice, &params, &world)
            }
            Some(kind) => {
                let Some(token) = self.service.open_mail_secret(row).await? else {
                    return Ok(match self.service.keys.current() {
                        // Without a key it is our fault, and may be mended.
                        None => Sent::Later(json!({"code": "secret-lost"})),
                        Some(_) => Sent::Refused(json!({"code": "secret-lost"})),
                    });
                };
                let about: About = serde_json::from_str(&row.params).unwrap_or_default();
                let name = claimed.name.as_deref();
                Some(of_invitation(kind, &about, name, token.expose(), &world))
            }
        };
        let Some(letter) = letter else {
            return refused("content");
        };
        let Some(to) = address(&row.recipient) else {
            return refused("address");
        };
        let envelope = Envelope {
            from: &self.from,
            to: &to,
            at: self.now(),
            message_id: message_id(&row.tenant, &row.id, self.from.email.domain()),
        };
        let mail = render(&letter, &world).and_then(|r| message(r, &world, &envelope));
        let Ok(mail) = mail else {
            return refused("content");
        };
        Ok(match &self.out {
            Out::Smtp(smtp) => smtp.send(&self.from.email, &to, &mail).await,
            Out::Files(files) => match files.put(&row.id, &mail) {
                Ok(()) => Sent::Filed,
                Err(error) => {
                    Sent::Later(json!({"code": "file", "what": error.kind().to_string()}))
                }
            },
        })
    }

    /// One attempt at a call of the webhook.
    async fn call(&self, claimed: &Claimed) -> Result<Sent> {
        let row = &claimed.row;
        let Some((url, secret)) = self.service.open_notices_webhook().await? else {
            return Ok(Sent::Refused(json!({"code": "no-webhook"})));
        };
        let now = self.now();
        let body = self.body(claimed, now).to_string();
        let seconds = now.0 / 1_000;
        Ok(self
            .webhook
            .call(&url, &secret, &row.id, seconds, body)
            .await)
    }

    /// What the operator is told: codes and parameters, and the words of both languages.
    fn body(&self, claimed: &Claimed, now: Millis) -> Value {
        let row = &claimed.row;
        let params: Value = serde_json::from_str(&row.params).unwrap_or_default();
        let text = |language| {
            let params = words::notices::params(&row.code, &params["of"], language);
            words::notices::say(&row.code, &params, language)
        };
        let notice = row.notice.as_deref().unwrap_or_default();
        json!({
            "type": "notice",
            "timestamp": now.to_rfc3339(),
            "data": {
                "tenant": {"id": row.tenant, "name": claimed.tenant},
                "notice": {
                    "id": notice,
                    "code": row.code,
                    "subject": params["subject"],
                    "params": params["of"],
                    "since": Millis(params["since"].as_i64().unwrap_or_default()).to_rfc3339(),
                    "seen": params["seen"],
                    "told": params["told"],
                    "url": notice_url(&self.public_url, &row.tenant, notice),
                },
                "text": {"en": text(Language::En), "fr": text(Language::Fr)},
            },
        })
    }

    fn now(&self) -> Millis {
        self.service.store.clock().now()
    }
}

/// What the log and the metrics hear: no address, no name.
fn tell(claimed: &Claimed, channel: &'static str, sent: &Sent) {
    let row = &claimed.row;
    let outcome = match sent {
        Sent::Taken => "sent",
        Sent::Filed => "filed",
        Sent::Later(_) => "later",
        Sent::Refused(_) => "refused",
    };
    metrics::counter!("rosterd_outgoing_total", "channel" => channel, "outcome" => outcome)
        .increment(1);
    match sent {
        Sent::Later(error) | Sent::Refused(error) => tracing::warn!(
            tenant.id = %row.tenant, mail.id = %row.id, kind = %row.kind, attempts = row.attempts, outcome, error = %error,
            "a mail or webhook did not get out"
        ),
        Sent::Taken | Sent::Filed => tracing::info!(
            tenant.id = %row.tenant, mail.id = %row.id, kind = %row.kind, outcome, "a mail or webhook got out"
        ),
    }
}
