//! Dry runs and tests of connections that somebody asks for over HTTP.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::operator;
use super::sources::Stored;
use crate::domain::ids::TenantId;
use crate::hris::manifest::Localized;
use crate::hris::{Error as PullError, Probe};
use crate::service::connections::ConnectionRow;
use crate::service::looks::{Failed, Told, Tried, Try};
use crate::service::{Caller, Error, Result, Service};
use crate::sync::schedule::{Scheduler, Sources};
use crate::sync::{Bridge, Kind, Unwatched};

/// Dry runs that are looked for at once.
const AT_ONCE: i64 = 4;

/// Makes the dry runs that are asked for; how many. Nothing is applied by them.
///
/// # Errors
/// Storage; what goes wrong with one is noted with it.
pub async fn tick_looks(scheduler: &Scheduler) -> Result<usize> {
    let service = scheduler.bridge().service();
    let mut made = 0;
    for row in service.list_looks(AT_ONCE).await? {
        let (tenant, connection) = (TenantId::new(row.tenant), row.connection_id);
        let caller = Caller::system(tenant.clone(), "dry run");
        let Some(actor) = service.take_look(&caller, &connection).await? else {
            continue;
        };
        let look = scheduler.pull(&tenant, &connection, Kind::Dry, actor, &Unwatched);
        match look.await {
            Ok(report) => made += usize::from(report.is_some()),
            Err(error) => {
                let tenant = tenant.as_str();
                tracing::warn!(tenant.id = tenant, connection.id = connection, error = %error, "a dry run was cut off");
            }
        }
    }
    Ok(made)
}

/// Tries connections with what is stored of them.
pub struct Tester {
    service: Service,
    stored: Stored,
}

impl Tester {
    /// With the sources of a process.
    pub fn new(service: &Service, stored: Stored) -> Self {
        Self {
            service: service.clone(),
            stored,
        }
    }

    async fn attempt(
        &self,
        tenant: &TenantId,
        connection: &str,
    ) -> Result<std::result::Result<Probe, PullError>> {
        match probe(&self.service, self.stored.clone(), tenant, connection).await? {
            Some(probe) => Ok(probe),
            None => Err(Error::NotNow(
                "the connection is paused: resume it first".to_owned(),
            )),
        }
    }
}

impl Try for Tester {
    fn try_connection<'a>(
        &'a self,
        caller: &'a Caller,
        connection: &'a ConnectionRow,
    ) -> BoxFuture<'a, Result<std::result::Result<Tried, Failed>>> {
        async move {
            let done = self.attempt(&caller.tenant, &connection.id).await?;
            Ok(done.map(tried).map_err(|error| failed(&error)))
        }
        .boxed()
    }
}

/// Tries a connection while nobody pulls it. `None`: it is not one that is pulled now. Errors: `Conflict` while a run is
/// under way.
pub(super) async fn probe(
    service: &Service,
    stored: Stored,
    tenant: &TenantId,
    connection: &str,
) -> Result<Option<std::result::Result<Probe, PullError>>> {
    // Under a name of its own: a run of this process is under way as well as one of another.
    let holder = service.fresh_id();
    let exchanges = stored.exchanges();
    let sources: Arc<dyn Sources> = Arc::new(stored.held_by(&holder, &exchanges));
    let opened = match sources.open(tenant, connection).await? {
        None => return Ok(None),
        Some(Err(error)) => return Ok(Some(Err(error))),
        Some(Ok(opened)) => opened,
    };
    let scheduler = Scheduler::new(Bridge::new(service.clone()), sources, holder);
    let day = scheduler
        .order(opened.setup, Kind::Manual, operator())
        .as_of;
    let work = async { Ok(opened.feed.probe(day).await) };
    scheduler.decide(tenant, connection, work).await.map(Some)
}

fn tried(probe: Probe) -> Tried {
    Tried {
        records: probe.records,
        announced: probe.announced,
        requests: probe.requests,
        fields: probe.fields,
        unread: probe
            .unread
            .iter()
            .map(|(name, error)| (name.clone(), failed(error)))
            .collect(),
        missing: probe.reach.missing.iter().map(told).collect(),
        excess: probe.reach.excess.iter().map(told).collect(),
        unseen: probe.reach.unseen.as_ref().map(told),
    }
}

fn told(text: &Localized) -> Told {
    Told {
        en: text.get("en").to_owned(),
        fr: text.get("fr").to_owned(),
    }
}

fn failed(error: &PullError) -> Failed {
    Failed {
        kind: error.kind.as_str().to_owned(),
        code: error.code.to_owned(),
        params: error.params.clone(),
        text: error.to_string(),
        retry_helps: error.retry_helps(),
    }
}
