//! Who is at work: a global table of names that run out unless they are renewed. A running server holds
//! `replica/‹id›`.

use diesel::prelude::*;

use super::connection::AnyConnection;
use super::dialect::Frag;
use super::error::Result;
use super::schema::leases;
use super::writer::Tx;

/// Prefix of the names that running servers hold.
pub const REPLICA: &str = "replica/";

/// A name that somebody holds until it runs out.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct Lease {
    /// Name.
    pub name: String,
    /// Who: for a replica, its version.
    pub holder: String,
    /// Held since, in milliseconds.
    pub since: i64,
    /// Runs out, in milliseconds.
    pub until: i64,
}

/// Servers that are running, as far as their heartbeat says, the longest running first.
pub fn list_replicas(conn: &mut AnyConnection, now: i64) -> Result<Vec<Lease>> {
    Ok(leases::table
        .filter(leases::name.like(format!("{REPLICA}%")))
        .filter(leases::until.gt(now))
        .order((leases::since, leases::name))
        .load(conn)?)
}

impl Tx<'_> {
    /// Takes or renews a lease.
    pub fn keep_lease(&mut self, lease: &Lease) -> Result<()> {
        Frag::sql("INSERT INTO leases (name, holder, since, until) VALUES (")
            .text(lease.name.as_str())
            .push(", ")
            .text(lease.holder.as_str())
            .push(", ")
            .int(lease.since)
            .push(", ")
            .int(lease.until)
            .push(") ON CONFLICT (name) DO UPDATE SET until = excluded.until")
            .execute(self.scope.conn())?;
        Ok(())
    }

    /// Gives a lease back, and forgets those that ran out long ago.
    pub fn end_lease(&mut self, name: &str) -> Result<()> {
        let day = 24 * 3_600 * 1_000;
        let old = leases::until.lt(self.now().0 - day);
        diesel::delete(leases::table.filter(leases::name.eq(name).or(old)))
            .execute(self.scope.conn())?;
        Ok(())
    }
}
