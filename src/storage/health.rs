//! Whether what is stored agrees with itself, across all tenants: for `rosterd doctor` and the metrics.

use diesel::RunQueryDsl;
use diesel::sql_types::{BigInt, Text};

use super::connection::AnyConnection;
use super::dialect::{self, Frag};
use super::error::Result;
use super::view::in_force;

/// A number that is kept beside what it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Total {
    /// Tenant, by name; with a connection's id if it is its own.
    pub of: String,
    /// Which one.
    pub name: &'static str,
    /// As it is kept.
    pub kept: i64,
    /// As it is counted now.
    pub counted: i64,
}

/// A journal whose head does not fit its last entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tail {
    /// Tenant, by name.
    pub tenant: String,
    /// Number of the last entry as the head has it.
    pub head: i64,
    /// Number of the last entry.
    pub last: i64,
}

/// A token that ends.
#[derive(Debug, Clone, PartialEq, Eq, diesel::Queryable)]
pub struct Ending {
    /// Tenant, by name.
    pub tenant: String,
    /// Id of the token.
    pub id: String,
    /// Its role.
    pub role: String,
    /// When it ends, in milliseconds.
    pub at: i64,
}

/// Runs reads that all see one state of the database.
pub fn snapshot<T>(
    conn: &mut AnyConnection,
    reads: impl FnOnce(&mut AnyConnection) -> Result<T>,
) -> Result<T> {
    dialect::begin_snapshot(conn)?;
    let result = dialect::without_timeout(conn).and_then(|()| reads(conn));
    let ended = dialect::rollback(conn);
    let value = result?;
    ended.map(|()| value)
}

/// Totals that are not what is counted; it counts everything, so it takes a while.
pub fn list_wrong_totals(conn: &mut AnyConnection) -> Result<Vec<Total>> {
    type Tenant = (
        Text,
        BigInt,
        BigInt,
        BigInt,
        BigInt,
        BigInt,
        BigInt,
        BigInt,
        BigInt,
    );
    type Connection = (Text, BigInt, BigInt, BigInt, BigInt, BigInt, BigInt);
    let tenants = Frag::sql(
        "SELECT t.name, \
         h.users, (SELECT count(*) FROM users u WHERE u.tenant = h.tenant AND u.removed_at IS NULL), \
         h.public_users, (SELECT count(*) FROM users u WHERE u.tenant = h.tenant AND u.is_public), \
         h.\"groups\", (SELECT count(*) FROM \"groups\" g WHERE g.tenant = h.tenant AND ",
    )
    .frag(&in_force("g"))
    .push(
        "), h.unmanaged_groups, (SELECT count(*) FROM \"groups\" g WHERE g.tenant = h.tenant AND g.kind = 'group' AND g.managed_by IS NULL) \
         FROM heads h JOIN tenants t ON t.id = h.tenant ORDER BY t.name",
    );
    let connections = Frag::sql(
        "SELECT t.name || ', connection ' || c.id, \
         c.only_users, (SELECT count(*) FROM claims m WHERE m.tenant = c.tenant AND m.connection_id = c.id AND m.state <> 'ended' AND NOT m.user_public), \
         c.hidden_users, (SELECT count(*) FROM claims m WHERE m.tenant = c.tenant AND m.connection_id = c.id AND m.state = 'ended' AND m.user_public), \
         c.managed_groups, (SELECT count(*) FROM \"groups\" g WHERE g.tenant = c.tenant AND g.managed_by = c.id AND ",
    )
    .frag(&in_force("g"))
    .push(") FROM connections c JOIN tenants t ON t.id = c.tenant ORDER BY t.name, c.id");
    let mut all = Vec::new();
    let mut add = |of: &str, name: &'static str, kept: i64, counted: i64| {
        if kept != counted {
            all.push(Total {
                of: of.to_owned(),
                name,
                kept,
                counted,
            });
        }
    };
    type Numbers = (String, i64, i64, i64, i64, i64, i64, i64, i64);
    let rows: Vec<Numbers> = tenants.query::<Tenant>().load(conn)?;
    for (of, users, users_now, public, public_now, groups, groups_now, free, free_now) in &rows {
        add(of, "users", *users, *users_now);
        add(of, "public users", *public, *public_now);
        add(of, "groups", *groups, *groups_now);
        add(of, "unmanaged groups", *free, *free_now);
    }
    type Counts = (String, i64, i64, i64, i64, i64, i64);
    let rows: Vec<Counts> = connections.query::<Connection>().load(conn)?;
    for (of, only, only_now, hidden, hidden_now, managed, managed_now) in &rows {
        add(of, "users of it alone", *only, *only_now);
        add(of, "users hidden from it", *hidden, *hidden_now);
        add(of, "groups it manages", *managed, *managed_now);
    }
    Ok(all)
}

/// Journals whose head does not fit their last entry: its number, hash and epoch. `rosterd audit verify` does the rest.
pub fn list_wrong_tails(conn: &mut AnyConnection) -> Result<Vec<Tail>> {
    let query = Frag::sql(
        "SELECT t.name, h.sequence, COALESCE((SELECT max(j.sequence) FROM journal j WHERE j.tenant = h.tenant), 0), \
         h.entries, h.hash || ' ' || h.epoch, \
         COALESCE((SELECT j.hash || ' ' || j.epoch FROM journal j WHERE j.tenant = h.tenant AND j.sequence = h.sequence), '') \
         FROM heads h JOIN tenants t ON t.id = h.tenant ORDER BY t.name",
    );
    type Row = (Text, BigInt, BigInt, BigInt, Text, Text);
    type Found = (String, i64, i64, i64, String, String);
    let rows: Vec<Found> = query.query::<Row>().load(conn)?;
    let is_wrong = |(_, head, last, entries, kept, found): &Found| {
        head != last || entries != head || (*head > 0 && kept != found)
    };
    Ok(rows
        .into_iter()
        .filter(is_wrong)
        .map(|(tenant, head, last, ..)| Tail { tenant, head, last })
        .collect())
}

/// The time of the newest entry of all journals, in milliseconds.
pub fn find_newest_entry(conn: &mut AnyConnection) -> Result<Option<i64>> {
    let query = Frag::sql(
        "SELECT max((SELECT max(j.at) FROM journal j WHERE j.tenant = h.tenant)) FROM heads h",
    );
    Ok(query
        .query::<diesel::sql_types::Nullable<BigInt>>()
        .get_result(conn)?)
}

/// Tokens that are in force and end in this span of time, soonest first.
pub fn list_ending_tokens(conn: &mut AnyConnection, from: i64, to: i64) -> Result<Vec<Ending>> {
    let query = Frag::sql(
        "SELECT t.name, k.id, k.role, k.expires_at FROM credentials k JOIN tenants t ON t.id = k.tenant \
         WHERE k.revoked_at IS NULL AND k.expires_at > ",
    )
    .int(from)
    .push(" AND k.expires_at <= ")
    .int(to)
    .push(" ORDER BY k.expires_at, k.id");
    Ok(query.query::<(Text, Text, Text, BigInt)>().load(conn)?)
}
