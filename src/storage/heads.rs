//! The head of each tenant's chain, with its totals: one row, locked first by every batch that writes for the tenant
//! and never kept across transactions, since several processes may write.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};

use super::connection::AnyConnection;
use super::dialect::{Dialect, Frag, each, for_update};
use super::error::{Error, Result};
use super::journal::{self, Batch};
use super::schema::heads;
use super::scope::Scope;
use super::tenants;
use super::writer::{JobMeta, Lane};
use crate::domain::audit::{self, Actor, Cause, Entry, GENESIS};
use crate::domain::clock::Millis;
use crate::domain::ids::TenantId;

/// Head of the chain and totals of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable, AsChangeset)]
#[diesel(table_name = heads)]
pub struct Head {
    /// Tenant.
    pub tenant: String,
    /// Grows with each restore.
    pub epoch: i64,
    /// Number of the last entry.
    pub sequence: i64,
    /// Hash of the last entry.
    pub hash: String,
    /// How many entries there are.
    pub entries: i64,
    /// Users without tombstones.
    pub users: i64,
    /// Users invited, granted or revoked.
    pub public_users: i64,
    /// Groups and teams.
    pub groups: i64,
    /// Groups of kind `group` that no connection manages.
    pub unmanaged_groups: i64,
}

impl Head {
    /// The head of a tenant that has no entry yet.
    pub fn genesis(tenant: &str) -> Self {
        Self {
            tenant: tenant.to_owned(),
            epoch: 1,
            sequence: 0,
            hash: GENESIS.to_owned(),
            entries: 0,
            users: 0,
            public_users: 0,
            groups: 0,
            unmanaged_groups: 0,
        }
    }
}

impl Scope<'_> {
    /// The head as it stands, without a lock.
    pub fn find_head(&mut self) -> Result<Option<Head>> {
        let (conn, tenant) = self.parts();
        Ok(heads::table.find(tenant).get_result(conn).optional()?)
    }
}

/// What a batch knows of a tenant while it holds the lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The head, moved by each job.
    pub head: Head,
    /// The tenant's settings as stored.
    pub settings: Option<String>,
    /// What its plan includes, as stored.
    pub entitlements: Option<String>,
    /// How many people are invited or granted, once somebody asked.
    pub seats: Option<i64>,
    /// Its data is on its way out.
    pub is_going: bool,
}

/// Reads and locks the head of a tenant for the open transaction.
pub(super) fn lock(conn: &mut AnyConnection, tenant: &TenantId) -> Result<Option<Held>> {
    type Row = (
        Text,
        BigInt,
        BigInt,
        Text,
        BigInt,
        BigInt,
        BigInt,
        BigInt,
        BigInt,
    );
    let lock = for_update(Dialect::of(conn));
    let query = Frag::sql(
        "SELECT heads.tenant, epoch, sequence, hash, entries, users, public_users, \"groups\", unmanaged_groups, \
         tenants.settings, tenants.entitlements, tenants.state FROM heads JOIN tenants ON tenants.id = heads.tenant WHERE heads.tenant = ",
    )
    .text(tenant.as_str())
    .push(lock)
    .query::<(Row, Nullable<Text>, Nullable<Text>, Text)>();
    type Stored = (Head, Option<String>, Option<String>, String);
    let found = query.get_result::<Stored>(conn).optional()?;
    Ok(found.map(|(head, settings, entitlements, state)| Held {
        head,
        settings,
        entitlements,
        seats: None,
        is_going: state == tenants::state::DELETING,
    }))
}

/// Stores the head at the end of a batch.
pub(super) fn update(conn: &mut AnyConnection, head: &Head) -> Result<()> {
    let touched = each!(conn, c => diesel::update(heads::table.find(&head.tenant))
        .set(head)
        .execute(c))?;
    if touched == 1 {
        return Ok(());
    }
    Err(Error::Corrupt {
        table: "heads",
        id: head.tenant.clone(),
        why: format!("{touched} rows instead of one"),
    })
}

/// A head for a new tenant.
pub(super) fn create(conn: &mut AnyConnection, head: &Head) -> Result<()> {
    diesel::insert_into(heads::table)
        .values(head.clone())
        .execute(conn)?;
    Ok(())
}

/// Starts a new epoch of every journal, after a restore: whoever reads on after entries that are no longer there must see
/// that they are gone. Two restores of the same copy must not look alike, so an epoch is the second at which it began.
/// `taken_at` is when the copy was taken, in milliseconds, as far as that is known.
pub(super) fn start_epochs(
    conn: &mut AnyConnection,
    at: Millis,
    taken_at: Option<i64>,
    seed: [u8; 32],
) -> Result<()> {
    let tenants: Vec<String> = heads::table
        .select(heads::tenant)
        .order(heads::tenant)
        .load(conn)?;
    for (tenant, number) in tenants.into_iter().map(TenantId::new).zip(0..) {
        let Some(Held { mut head, .. }) = lock(conn, &tenant)? else {
            continue;
        };
        let before = head.epoch;
        head.epoch = (before + 1).max(at.0 / 1_000);
        let taken_at = taken_at.map(|at| Millis(at).to_rfc3339().into());
        let entry = Entry::new("epoch.started", "tenant", tenant.as_str())
            .reason("restored")
            .change("epoch", Some(before.into()), Some(head.epoch.into()))
            .change("reason/takenAt", None, taken_at);
        let batch = Batch {
            meta: JobMeta {
                tenant,
                lane: Lane::Interactive,
                actor: Actor {
                    kind: "system".to_owned(),
                    id: String::new(),
                },
                cause: Cause {
                    kind: "command".to_owned(),
                    id: "restore".to_owned(),
                },
            },
            at,
            seed: audit::salt(&seed, number),
            entries: vec![entry],
        };
        journal::append(conn, &mut head, &[batch])?;
        update(conn, &head)?;
    }
    Ok(())
}
