//! Pulls of HR systems (SEMANTICS §7). A run goes through stages, each stored: `fetch` and `map` (the engine's work),
//! `match` (the service's word on each record that is not as it was), `plan`, `guard`, `apply`, `report`.
//!
//! Nothing is decided about a person here: the service does that, in the preview as in the apply. This module decides
//! which records are looked at, who is absent, and what waits for an admin.

mod apply;
mod asked;
mod coverage;
mod days;
mod decide;
mod ended;
mod gather;
pub mod guard;
mod known;
mod managers;
mod proof;
mod rekeyed;
mod report;
mod run;
pub mod schedule;
mod stored;
mod undo;

use chrono::NaiveDate;
use futures_util::future::BoxFuture;

pub use decide::Which;
pub use gather::Gather;
pub use report::{Counts, Health, describe_evidence};
pub use run::{Bridge, Kind, Order, Report};
pub use stored::{EffectView, StandView, State, read_effect, read_person};

use crate::domain::ids::TenantId;
use crate::domain::pull::Scope;
use crate::hris::error::{Error as PullError, Kind as PullErrorKind};
use crate::hris::{Evidence, Probe};
use crate::service::Result;
use crate::service::pull::PullSource;
use guard::Limits;

/// A pull connection as its runs need it: everything that an admin or the operator has set.
#[derive(Debug, Clone, PartialEq)]
pub struct Setup {
    /// Tenant.
    pub tenant: TenantId,
    /// Connection, joiner policy, by what people are recognised.
    pub source: PullSource,
    /// When a plan waits.
    pub limits: Limits,
    /// Hash of everything but the records that decides what is done: connector version, mapping, settings, scope,
    /// policy.
    pub settings_digest: String,
    /// Version of its connector.
    pub version: u32,
    /// Version under which a plan was last applied, as far as it is known.
    pub applied_version: Option<i64>,
    /// Whom it brings.
    pub scope: Scope,
    /// Time between two pulls, in milliseconds.
    pub every_ms: i64,
    /// How long after a pull that misses somebody another is made to confirm it, in milliseconds.
    pub confirm_ms: i64,
    /// The next plan waits for an admin, whatever it is: the database is a restored copy.
    pub must_confirm: bool,
}

/// What there is to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Everybody can be read now; `is_old` if nothing new has come for too long.
    Ready {
        /// The source is silent: it is what was read before.
        is_old: bool,
    },
    /// Something has come that is not complete yet: look again in so many milliseconds.
    NotYet(i64),
    /// Nothing has come; `is_silent` if that is so for too long.
    Nothing {
        /// Somebody should look after the source.
        is_silent: bool,
    },
    /// Nothing has come, but an admin confirmed that who was missed is gone.
    Absences,
}

/// Where a connection's people come from.
pub trait Feed: Send + Sync {
    /// What there is to read. An API can always be asked.
    fn look(&self) -> BoxFuture<'_, Result<Look>> {
        Box::pin(std::future::ready(Ok(Look::Ready { is_old: false })))
    }

    /// The run has ended: whatever was read need not be kept.
    fn done<'a>(&'a self, _report: &'a Report) -> BoxFuture<'a, Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Whether something came meanwhile that is to be read at once.
    fn has_more(&self) -> BoxFuture<'_, Result<bool>> {
        Box::pin(std::future::ready(Ok(false)))
    }

    /// Reads everybody as of a day and hands them over; what that proves is answered.
    fn read<'a>(
        &'a self,
        day: NaiveDate,
        people: &'a mut Gather,
        watch: &'a dyn Watch,
    ) -> BoxFuture<'a, std::result::Result<Evidence, PullError>>;

    /// Tries the credentials with as few requests as can be, and says which fields come. A source that is not asked over
    /// the network has nothing to try.
    fn probe(&self, _day: NaiveDate) -> BoxFuture<'_, std::result::Result<Probe, PullError>> {
        Box::pin(async { Err(PullError::new(PullErrorKind::Settings, "source.not-tried")) })
    }
}

/// Is told how far a run is.
pub trait Watch: Send + Sync {
    /// Pages and records read so far, and how many records are announced.
    fn page(&self, pages: u64, rows: u64, announced: Option<u64>);
    /// Something went wrong that does not end the pull: code and parameters.
    fn warn(&self, code: &str, params: &str);
    /// Items of the plan that are done, of so many.
    fn applied(&self, done: u64, of: u64);
}

/// Nobody watches.
pub struct Unwatched;

impl Watch for Unwatched {
    fn page(&self, _: u64, _: u64, _: Option<u64>) {}
    fn warn(&self, _: &str, _: &str) {}
    fn applied(&self, _: u64, _: u64) {}
}
