//! Keeps credentials that vendors exchange, for connections that are stored.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::{OwnedRwLockReadGuard, RwLock};

use crate::domain::sealed::SecretText;
use crate::hris::auth::consent::Code;
use crate::hris::auth::{Held, Keeper};
use crate::hris::{Error as PullError, Kind};
use crate::service::secrets::Exchange;
use crate::service::{Caller, Error, Service};
use crate::storage::Store;

/// How often a new credential is tried to be stored: the database may be away for a moment, the credential for ever.
const TRIES: u32 = 8;
/// How long a server that stops waits for exchanges under way: as long as a vendor may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// The exchanges of a process. One that is under way is not cut off when the process stops in peace: the vendor's answer
/// would be lost, and the credential with it.
#[derive(Debug, Clone, Default)]
pub struct Exchanges(Arc<RwLock<()>>);

impl Exchanges {
    async fn begin(&self) -> OwnedRwLockReadGuard<()> {
        Arc::clone(&self.0).read_owned().await
    }

    /// Waits until those under way have ended; from then on none begins any more.
    pub async fn finish(&self) {
        match tokio::time::timeout(PATIENCE, Arc::clone(&self.0).write_owned()).await {
            // Whoever waits to begin waits for good.
            Ok(guard) => std::mem::forget(guard),
            Err(_) => tracing::warn!("a vendor does not answer: its exchange is cut off"),
        }
    }
}

/// An exchange under way.
type UnderWay = (Arc<Exchange>, OwnedRwLockReadGuard<()>);

/// Keeps the credentials of a connection.
pub(super) struct Kept {
    service: Service,
    caller: Caller,
    connection: String,
    holder: Option<String>,
    exchanges: Exchanges,
    under_way: Mutex<Option<UnderWay>>,
}

impl Kept {
    pub(super) fn new(
        service: &Service,
        caller: Caller,
        connection: &str,
        holder: Option<&str>,
        exchanges: &Exchanges,
    ) -> Self {
        Self {
            service: service.clone(),
            caller,
            connection: connection.to_owned(),
            holder: holder.map(str::to_owned),
            exchanges: exchanges.clone(),
            under_way: Mutex::default(),
        }
    }

    pub(super) fn store(&self) -> &Store {
        &self.service.store
    }

    fn set(&self, under_way: Option<UnderWay>) {
        *self
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = under_way;
    }

    fn exchange(&self) -> Option<Arc<Exchange>> {
        let under_way = self
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        under_way.as_ref().map(|(exchange, _)| Arc::clone(exchange))
    }

    async fn begin(&self, credential: &str) -> Result<Held, PullError> {
        // The one before has failed, if it is still there.
        self.set(None);
        let guard = self.exchanges.begin().await;
        let begun = self
            .service
            .begin_exchange(
                &self.caller,
                &self.connection,
                credential,
                self.holder.as_deref(),
            )
            .await;
        let exchange = begun.map_err(|error| stopped("credential.not-exchanged", &error))?;
        let held = match (&exchange.consent, &exchange.token) {
            (Some(given), _) => Held::Code(Code {
                code: given.code.clone(),
                verifier: given.verifier.clone(),
                redirect: given.redirect.clone(),
            }),
            (None, Some(token)) => Held::Token(token.clone()),
            (None, None) => Held::AsGiven,
        };
        self.set(Some((Arc::new(exchange), guard)));
        Ok(held)
    }

    async fn end(&self, value: &SecretText) -> Result<(), PullError> {
        let none = || PullError::new(Kind::Stopped, "credential.not-kept");
        let exchange = self.exchange().ok_or_else(none)?;
        let mut wait = Duration::from_millis(250);
        for attempt in 1.. {
            let (caller, connection) = (&self.caller, &self.connection);
            let done = self
                .service
                .end_exchange(caller, connection, &exchange, value);
            match done.await {
                Ok(()) => break,
                Err(Error::Storage(error)) if attempt < TRIES => {
                    tracing::warn!(error = %error, attempt, "a new credential could not be stored; it is tried again");
                    tokio::time::sleep(wait).await;
                    wait *= 2;
                }
                Err(error) => return Err(stopped("credential.not-kept", &error)),
            }
        }
        self.set(None);
        Ok(())
    }
}

fn stopped(code: &'static str, why: &Error) -> PullError {
    PullError::new(Kind::Stopped, code).with("why", why)
}

impl Keeper for Kept {
    fn held<'a>(&'a self, credential: &'a str) -> BoxFuture<'a, Result<Held, PullError>> {
        self.begin(credential).boxed()
    }

    fn keep<'a>(&'a self, _: &'a str, value: &'a str) -> BoxFuture<'a, Result<(), PullError>> {
        async move { self.end(&SecretText::new(value)).await }.boxed()
    }

    fn refused<'a>(&'a self, _: &'a str) -> BoxFuture<'a, ()> {
        async move {
            let Some(exchange) = self.exchange() else {
                return;
            };
            let dropped = self
                .service
                .drop_consent(&self.caller, &self.connection, &exchange);
            if let Err(error) = dropped.await {
                tracing::warn!(error = %error, "a refused consent could not be forgotten");
            }
            self.set(None);
        }
        .boxed()
    }
}
