//! What a queued closure sees: its tenant's tables, the totals, and the list of journal entries it fills.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use crate::domain::audit::{self, Actor, Cause, Entry};
use crate::domain::clock::Millis;
use crate::domain::sealed::Keyring;
use crate::storage::heads::{Head, Held};
use crate::storage::scope::Scope;
use crate::storage::writer::Lane;

/// One operation inside a batch.
pub struct Tx<'c> {
    pub(in crate::storage) scope: Scope<'c>,
    pub(super) held: &'c mut Held,
    pub(super) at: Millis,
    pub(super) actor: Actor,
    pub(super) cause: Cause,
    pub(super) lane: Lane,
    pub(super) seed: [u8; 32],
    pub(super) keys: Arc<Keyring>,
    pub(super) drawn: u64,
    pub(super) entries: Vec<Entry>,
}

impl Tx<'_> {
    /// The moment of the operation; the same when it runs again.
    pub fn now(&self) -> Millis {
        self.at
    }

    /// Who does it.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// Why it happens.
    pub fn cause(&self) -> &Cause {
        &self.cause
    }

    /// All entries of the operation have this cause, those recorded already too.
    pub fn set_cause(&mut self, cause: Cause) {
        self.cause = cause;
    }

    /// A connection writes, over SCIM.
    pub fn is_push(&self) -> bool {
        self.lane == Lane::Scim
    }

    /// The tenant's totals, to be kept true by whoever changes what they count.
    pub fn totals(&mut self) -> &mut Head {
        &mut self.held.head
    }

    /// The tenant's settings as stored; whoever changes them stores them here too.
    pub(in crate::storage) fn settings(&mut self) -> &mut Option<String> {
        &mut self.held.settings
    }

    /// What the tenant's plan includes, as stored; whoever changes it stores it here too.
    pub(in crate::storage) fn held_entitlements(&mut self) -> &mut Option<String> {
        &mut self.held.entitlements
    }

    /// How many people are invited or granted: counted once in a batch, then kept by [`Self::move_seats`].
    pub fn seats(&mut self) -> crate::storage::Result<i64> {
        if let Some(seats) = self.held.seats {
            return Ok(seats);
        }
        let seats = self.scope.count_seats()?;
        self.held.seats = Some(seats);
        Ok(seats)
    }

    /// Somebody takes a seat, or gives one back, by what is about to be stored.
    pub fn move_seats(&mut self, by: i64) {
        if let Some(seats) = &mut self.held.seats {
            *seats += by;
        }
    }

    /// Records one entry; sequence, commitments and hash are added at the end of the batch.
    pub fn record(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// Keys that seal what is stored.
    pub fn keys(&self) -> Arc<Keyring> {
        Arc::clone(&self.keys)
    }

    /// At most 32 bytes that nobody can guess, and that come out the same when the operation runs again.
    pub fn fresh_bytes<const N: usize>(&mut self) -> [u8; N] {
        self.drawn += 1;
        // Far from the numbers of the salts, which count from zero.
        let bits = audit::salt(&self.seed, u64::MAX - self.drawn);
        let mut bytes = [0; N];
        for (to, from) in bytes.iter_mut().zip(bits) {
            *to = from;
        }
        bytes
    }

    /// An id that comes out the same when the operation runs again.
    pub fn fresh_id(&mut self) -> String {
        let random = self.fresh_bytes::<10>();
        let millis = u64::try_from(self.at.0).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &random)
            .into_uuid()
            .to_string()
    }
}

impl<'c> Deref for Tx<'c> {
    type Target = Scope<'c>;

    fn deref(&self) -> &Self::Target {
        &self.scope
    }
}

impl DerefMut for Tx<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.scope
    }
}
