//! Consent in the browser, from asking for it to the code that comes back; a pull exchanges the code (docs/decisions/0016).
//!
//! A consent has one secret, its ticket. The link carries it, the browser that opens the link keeps it in a cookie, and
//! everything else is derived from it: the state that goes to the vendor, and the verifier whose hash does. The database
//! knows the ticket's hash. So what the vendor, its logs or a referrer see is worth nothing in another browser, and the
//! database alone finishes no consent.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::domain::audit::{Actor, Cause, Entry, sha256_hex};
use crate::domain::clock::Millis;
use crate::domain::connector::{Card, Form};
use crate::domain::ids::TenantId;
use crate::domain::sealed::{Place, Sealed, SecretText};
use crate::service::connections::{ConnectionRow, PULL};
use crate::service::error::{Error, Result};
use crate::service::{Caller, Service};
use crate::storage::consents::{ConsentRow, state};
use crate::storage::{Lane, Outcome, Tx};

/// How long a consent may take, in milliseconds.
const LIFE_MS: i64 = 10 * 60_000;
/// Longest code that a vendor may send, in bytes.
const CODE: usize = 4 << 10;
/// Name of the place for which a code is sealed; no secret can have it.
const SEALED: &str = "consent:code";

/// What the operations must be told of connectors, which they cannot read.
pub trait Vendors: Send + Sync {
    /// The address at which the vendor asks for consent.
    ///
    /// # Errors
    /// Why there is none: the connector needs no consent, or a value is missing.
    fn consent_address(&self, asked: &Question<'_>) -> Result<String, String>;

    /// What people see of all connectors, in the order of slugs; English where a language is not spoken.
    ///
    /// # Errors
    /// A connector of the operator's directory cannot be read.
    fn cards(&self, _lang: &str) -> Result<Vec<Card>, String> {
        Ok(Vec::new())
    }

    /// What a connector asks for; `None` where nobody knows, and nothing is checked.
    ///
    /// # Errors
    /// There is no such connector: which there are.
    fn form(&self, _connector: &str) -> Result<Option<Form>, String> {
        Ok(None)
    }
}

/// Knows no connector.
pub struct NoVendors;

impl Vendors for NoVendors {
    fn consent_address(&self, asked: &Question<'_>) -> Result<String, String> {
        Err(format!("there is no connector `{}`", asked.connector))
    }
}

/// A consent that the vendor is to be asked for.
pub struct Question<'a> {
    /// Slug of the connector.
    pub connector: &'a str,
    /// What is set for the connection: its settings and credentials.
    pub given: BTreeMap<String, String>,
    /// What the operator has entered.
    pub of_operator: BTreeMap<String, String>,
    /// Where requests are sent instead of the vendor's hosts.
    pub endpoint: Option<&'a str>,
    /// Where the browser comes back to.
    pub redirect: &'a str,
    /// What it must bring.
    pub state: &'a str,
    /// SHA-256 of the verifier, in base64url.
    pub challenge: &'a str,
}

/// A consent that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The link that an administrator of the vendor opens.
    pub link: String,
    /// When it ends.
    pub expires_at: Millis,
}

/// A consent that has come.
#[derive(Debug)]
pub struct Given {
    /// Hash of its ticket.
    pub ticket: String,
    /// The code.
    pub code: SecretText,
    /// The secret behind the challenge.
    pub verifier: SecretText,
    /// The address to which the vendor sent the browser back.
    pub redirect: String,
}

/// A ticket, taken apart.
struct Ticket<'t> {
    text: &'t str,
    tenant: TenantId,
    connection: String,
}

impl<'t> Ticket<'t> {
    /// Reads one. Errors: it is none.
    fn parse(text: &'t str) -> Result<Self> {
        let parts: Vec<&str> = text.split('.').collect();
        match parts.as_slice() {
            [tenant, connection, secret] if secret.len() == 43 && text.len() < 300 => Ok(Self {
                text,
                tenant: TenantId::new(*tenant),
                connection: (*connection).to_owned(),
            }),
            _ => Err(gone()),
        }
    }

    fn hash(&self) -> String {
        sha256_hex(self.text.as_bytes())
    }

    /// A value that nobody can compute without the ticket, and that tells nothing about it.
    fn derive(&self, what: &str) -> String {
        let mut hash = Sha256::new();
        hash.update(b"rosterd-consent-1");
        for part in [what, self.text] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        URL_SAFE_NO_PAD.encode(hash.finalize())
    }

    fn state(&self) -> String {
        self.derive("state")
    }

    /// 43 characters, as RFC 7636 §4.1 has it.
    fn verifier(&self) -> SecretText {
        SecretText::new(self.derive("verifier"))
    }

    fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier().expose()))
    }

    fn caller(&self, request: &str) -> Caller {
        Caller {
            tenant: self.tenant.clone(),
            actor: Actor {
                kind: "browser".to_owned(),
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

/// One answer to whatever is wrong with a link: who guesses learns nothing.
fn gone() -> Error {
    Error::NotFound(
        "this link has been used, is older than 10 minutes, or was opened in another browser: ask for a new one"
            .to_owned(),
    )
}

impl Service {
    /// Asks for consent: makes the link, under this public address. A link that was made before for the connection ends.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` where no consent is to be asked for: why.
    pub async fn ask_consent(
        &self,
        caller: &Caller,
        connection: &str,
        public_url: &str,
    ) -> Result<Asked> {
        let row = self.find_connection(caller, connection).await?;
        if row.kind != PULL || row.state != "active" {
            let why = match row.kind == PULL {
                true => format!("the connection is {}: resume it first", row.state),
                false => "a connection that pushes needs no consent".to_owned(),
            };
            return Err(Error::Conflict(why));
        }
        let mut secret = [0; 32];
        self.store.chance().fill(&mut secret);
        let secret = URL_SAFE_NO_PAD.encode(secret);
        let text = format!("{}.{}.{secret}", caller.tenant.as_str(), row.id);
        let ticket = Ticket::parse(&text)?;
        let slug = &row.preset;
        let redirect = format!("{public_url}/oauth/callback/{slug}");
        // Whatever is missing is found now rather than in the administrator's browser.
        self.address(caller, &row, &redirect, &ticket).await?;
        let expires_at = Millis(self.store.clock().now().0 + LIFE_MS);
        let stored = ConsentRow {
            tenant: caller.tenant.as_str().to_owned(),
            connection_id: row.id.clone(),
            ticket: ticket.hash(),
            redirect,
            state: state::ASKED.to_owned(),
            key_id: None,
            sealed: None,
            expires_at: expires_at.0,
        };
        self.store
            .write(caller.meta(), move |tx| {
                tx.put_consent(&stored)?;
                tx.record(entry("connection.consent_asked", &stored.connection_id));
                Ok::<_, Error>(Outcome::Done(()))
            })
            .await?;
        Ok(Asked {
            link: format!("{public_url}/oauth/start/{slug}?ticket={text}"),
            expires_at,
        })
    }

    /// The vendor's address for the browser that opened the link.
    ///
    /// # Errors
    /// `NotFound` for a link that is of no use; `Conflict` where a value is missing by now.
    pub async fn start_consent(&self, connector: &str, ticket: &str) -> Result<String> {
        let ticket = Ticket::parse(ticket)?;
        let caller = ticket.caller("");
        let (connection, hash) = (ticket.connection.clone(), ticket.hash());
        let now = self.store.clock().now();
        self.check_tenant(&ticket.tenant).await?;
        let found = self
            .store
            .read(&ticket.tenant, move |scope| {
                let row = scope.find_connection(&connection)?;
                let consent = scope.find_consent(&connection)?;
                let consent = consent.filter(|c| is_open(c, &hash, now));
                Ok::<_, Error>(row.zip(consent))
            })
            .await?;
        match found {
            Some((row, consent)) if row.preset == connector && row.state == "active" => {
                self.address(&caller, &row, &consent.redirect, &ticket)
                    .await
            }
            _ => Err(gone()),
        }
    }

    /// Takes the code that the browser brought; the connection is due at once. `ticket` is the browser's own.
    ///
    /// # Errors
    /// `NotFound` for whatever does not fit together; `Forbidden` while there is no key.
    pub async fn give_consent(
        &self,
        connector: &str,
        ticket: &str,
        brought: &str,
        code: &str,
        request: &str,
    ) -> Result<()> {
        if code.is_empty() || code.len() > CODE || code.chars().any(char::is_control) {
            return Err(gone());
        }
        let ticket = Ticket::parse(ticket)?;
        let payload = json!({"code": code, "verifier": ticket.verifier().expose()}).to_string();
        let place = place(&ticket.tenant, &ticket.connection);
        let sealed = self.seal_for(place, &SecretText::new(payload))?;
        self.end_consent(connector, &ticket, brought, request, move |tx, consent| {
            let given = ConsentRow {
                state: state::GIVEN.to_owned(),
                key_id: Some(sealed.key_id.clone()),
                sealed: Some(sealed.text.clone()),
                expires_at: tx.now().0 + LIFE_MS,
                ..consent.clone()
            };
            tx.put_consent(&given)?;
            if let Some(mut schedule) = tx.find_schedule(&given.connection_id)? {
                schedule.next_at = schedule.next_at.min(tx.now().0);
                tx.update_schedule(&schedule)?;
            }
            tx.record(entry("connection.consent_given", &given.connection_id));
            Ok(())
        })
        .await
    }

    /// The vendor sent the browser back without a code: somebody said no.
    ///
    /// # Errors
    /// `NotFound` for whatever does not fit together.
    pub async fn refuse_consent(
        &self,
        connector: &str,
        ticket: &str,
        brought: &str,
        request: &str,
    ) -> Result<()> {
        let ticket = Ticket::parse(ticket)?;
        self.end_consent(connector, &ticket, brought, request, |tx, consent| {
            tx.delete_consent(&consent.connection_id)?;
            tx.record(entry("connection.consent_refused", &consent.connection_id));
            Ok(())
        })
        .await
    }

    /// Does something with a consent that everything fits, once.
    async fn end_consent(
        &self,
        connector: &str,
        ticket: &Ticket<'_>,
        brought: &str,
        request: &str,
        end: impl Fn(&mut Tx<'_>, &ConsentRow) -> Result<()> + Send + 'static,
    ) -> Result<()> {
        if brought != ticket.state() {
            return Err(gone());
        }
        self.check_tenant(&ticket.tenant).await?;
        let (connector, id, hash) = (
            connector.to_owned(),
            ticket.connection.clone(),
            ticket.hash(),
        );
        self.store
            .write(ticket.caller(request).meta(), move |tx| {
                let row = tx.find_connection(&id)?;
                let is_it = row.is_some_and(|r| r.preset == connector && r.state == "active");
                let now = tx.now();
                let consent = tx.find_consent(&id)?.filter(|c| is_open(c, &hash, now));
                match consent.filter(|_| is_it) {
                    Some(consent) => end(tx, &consent).map(Outcome::Done),
                    None => Err(gone()),
                }
            })
            .await
    }

    /// A tenant that nobody knows, or that is suspended, is no different from a wrong link.
    async fn check_tenant(&self, tenant: &TenantId) -> Result<()> {
        match self.find_tenant(tenant.as_str()).await {
            Ok(row) if row.state == "active" && row.id == tenant.as_str() => Ok(()),
            Ok(_) | Err(Error::NotFound(_)) => Err(gone()),
            Err(error) => Err(error),
        }
    }

    async fn address(
        &self,
        caller: &Caller,
        row: &ConnectionRow,
        redirect: &str,
        ticket: &Ticket<'_>,
    ) -> Result<String> {
        let settings = row.pull_settings()?;
        let secrets = self.open_secrets(caller, &row.id).await?.values;
        let of_operator = self.open_operator_values(&row.preset).await?.values;
        let plain = |(name, value): (String, SecretText)| (name, value.expose().to_owned());
        let mut given = settings.settings;
        given.extend(secrets.into_iter().map(plain));
        let question = Question {
            connector: &row.preset,
            given,
            of_operator: of_operator.into_iter().map(plain).collect(),
            endpoint: settings.endpoint.as_deref(),
            redirect,
            state: &ticket.state(),
            challenge: &ticket.challenge(),
        };
        self.vendors
            .consent_address(&question)
            .map_err(Error::Conflict)
    }

    /// What a consent that came brought, while it is of use.
    pub(super) fn open_consent(&self, row: &ConsentRow, now: Millis) -> Option<Given> {
        if row.state != state::GIVEN || row.expires_at <= now.0 {
            return None;
        }
        let sealed = Sealed {
            key_id: row.key_id.clone()?,
            text: row.sealed.clone()?,
        };
        let tenant = TenantId::new(row.tenant.clone());
        let place = place(&tenant, &row.connection_id);
        let text = self.keys.open(place, &sealed).ok()?;
        let value: Value = serde_json::from_str(text.expose()).ok()?;
        let member = |name: &str| value[name].as_str().map(SecretText::new);
        Some(Given {
            ticket: row.ticket.clone(),
            code: member("code")?,
            verifier: member("verifier")?,
            redirect: row.redirect.clone(),
        })
    }
}

fn is_open(consent: &ConsentRow, hash: &str, now: Millis) -> bool {
    consent.ticket == hash && consent.state == state::ASKED && consent.expires_at > now.0
}

fn place<'a>(tenant: &'a TenantId, connection: &'a str) -> Place<'a> {
    Place {
        tenant: tenant.as_str(),
        connection,
        name: SEALED,
    }
}

fn entry(action: &'static str, connection: &str) -> Entry {
    Entry::new(action, "connection", connection)
}
