//! Many people at once, by rows.

use rosterd::storage::connection::AnyConnection;

use super::{Database, execute, lines};

/// Id of a person or group that [`fill`] makes, from 1.
pub fn id(number: usize) -> String {
    format!("0190{number:08}-x")
}

/// Enough rows for the planner to care, written straight into the tables.
pub fn fill(database: &Database, tenant: &str, people: usize, members: usize) -> String {
    let mut conn = database.connect();
    let connection = lines(
        &mut conn,
        &format!("SELECT id AS line FROM connections WHERE tenant = '{tenant}'"),
    )
    .remove(0);
    let series = |n: usize| match conn {
        AnyConnection::Sqlite(_) => format!(
            "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {n}) "
        ),
        AnyConnection::Postgresql(_) => format!("WITH s(n) AS (SELECT generate_series(1, {n})) "),
    };
    let doc = "'{\"userName\":\"u' || s.n || '\",\"displayName\":\"g' || s.n || '\"}'";
    let (doc, id) = match conn {
        AnyConnection::Sqlite(_) => (format!("({doc})"), "printf('0190%08d-x', s.n)"),
        AnyConnection::Postgresql(_) => (
            format!("({doc})::jsonb"),
            "'0190' || lpad(s.n::text, 8, '0') || '-x'",
        ),
    };
    let inserted = |head: &str, n: usize, select: String| match conn {
        AnyConnection::Sqlite(_) => format!("{head} {}{select}", series(n)),
        AnyConnection::Postgresql(_) => format!("{}{head} {select}", series(n)),
    };
    let users = inserted(
        "INSERT INTO users (tenant, id, doc, match_doc, user_name, user_name_key, display_name, display_name_key, access, \
         access_reason, access_since, sticky, has_access, is_public, written_by_others, break_glass, source_epoch, version, \
         doc_version, created_at, updated_at, doc_updated_at)",
        people,
        format!(
            "SELECT '{tenant}', {id}, {doc}, {doc}, 'u' || s.n, 'u' || s.n, 'd' || s.n, 'd' || s.n, 'granted', 'x', 0, false, true, true, \
             false, false, 0, 1, 1, s.n, s.n, s.n FROM s"
        ),
    );
    let claims = inserted(
        "INSERT INTO claims (tenant, user_id, connection_id, state, external_id, active, user_public, created_at)",
        people,
        format!(
            "SELECT '{tenant}', {id}, '{connection}', 'live', 'e' || s.n, true, true, 0 FROM s"
        ),
    );
    let emails = inserted(
        "INSERT INTO emails (tenant, view, user_id, key, type, fold, is_primary)",
        people,
        format!(
            "SELECT '{tenant}', '', {id}, 'u' || s.n || '@x.test', 'work', 'u' || s.n || '@x.test', true FROM s"
        ),
    );
    let groups = inserted(
        "INSERT INTO \"groups\" (tenant, id, kind, doc, match_doc, display_name, display_name_key, managed_by, created_by, \
         external_id, generation, version, created_at, updated_at)",
        500,
        format!(
            "SELECT '{tenant}', {id}, 'group', {doc}, {doc}, 'g' || s.n, 'g' || s.n, '{connection}', '{connection}', 'x' || s.n, 1, 1, s.n, s.n FROM s"
        ),
    );
    let memberships = inserted(
        "INSERT INTO memberships (tenant, group_id, generation, user_id, member_type)",
        members,
        format!("SELECT '{tenant}', '019000000001-x', 1, {id}, 'User' FROM s"),
    );
    for statement in [users, claims, emails, groups, memberships] {
        execute(&mut conn, &statement);
    }
    execute(
        &mut conn,
        &format!(
            "UPDATE heads SET users = users + {people}, public_users = public_users + {people}, \"groups\" = \"groups\" + 500 WHERE tenant = '{tenant}'"
        ),
    );
    execute(
        &mut conn,
        &format!(
            "UPDATE connections SET managed_groups = managed_groups + 500 WHERE tenant = '{tenant}'"
        ),
    );
    // PostgreSQL does this by itself after a while; on SQLite nobody does, and the migration's numbers are used.
    if let AnyConnection::Postgresql(_) = conn {
        execute(&mut conn, "ANALYZE");
    }
    connection
}
