//! How long a read of a list may take. PostgreSQL ends a statement by itself (`statement_timeout`). SQLite has nothing of
//! the kind: there a filter begins by asking, of each row that it looks at, whether there is still time, and the statement
//! fails when there is none. What needs no filter reads a page's worth by an index.

use std::cell::Cell;
use std::time::{Duration, Instant};

use diesel::SqliteConnection;
use diesel::serialize::{IsNull, Output, ToSql};
use diesel::sql_types::Bool;
use diesel::sqlite::Sqlite;

/// How long a read may take if nothing else is configured.
pub const USUAL: Duration = Duration::from_secs(15);

/// The condition that ends a statement of SQLite.
pub(super) const IN_TIME: &str = "rosterd_in_time()";

/// What that statement says.
const LATE: &str = "the read took longer than it may";

/// What PostgreSQL says.
const CANCELED: &str = "canceling statement due to statement timeout";

thread_local! {
    /// Until when the read on this thread may take.
    static UNTIL: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// A read with an end; it lasts as long as this value, on this thread.
pub(super) struct Deadline(());

impl Deadline {
    /// From now on for so long.
    pub(super) fn after(time: Duration) -> Self {
        UNTIL.set(Instant::now().checked_add(time));
        Self(())
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        UNTIL.set(None);
    }
}

/// Whether the database ended a read because of its length.
pub(super) fn has_ended(message: &str) -> bool {
    UNTIL.get().is_some() && (message.contains(LATE) || message.contains(CANCELED))
}

/// Says yes, or fails.
#[derive(Debug)]
struct InTime(bool);

impl ToSql<Bool, Sqlite> for InTime {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> diesel::serialize::Result {
        if !self.0 {
            return Err(LATE.into());
        }
        out.set_value(1_i32);
        Ok(IsNull::No)
    }
}

mod function {
    diesel::define_sql_function! {
        fn rosterd_in_time() -> diesel::sql_types::Bool;
    }
}

/// Teaches a connection the condition. Without a deadline there is always time.
pub(super) fn register(conn: &SqliteConnection) -> diesel::QueryResult<()> {
    function::rosterd_in_time_utils::register_nondeterministic_impl(conn, || {
        InTime(UNTIL.get().is_none_or(|until| Instant::now() < until))
    })
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "tests")]
mod tests {
    use super::*;
    use diesel::connection::SimpleConnection;
    use diesel::{Connection, RunQueryDsl};

    /// Rows without an end, and a condition that none of them satisfies.
    fn endless() -> String {
        format!(
            "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s) SELECT n FROM s WHERE {IN_TIME} AND n < 0"
        )
    }

    #[test]
    fn a_statement_ends_in_its_middle_and_the_next_one_has_time_again() {
        let mut conn = SqliteConnection::establish(":memory:").expect("a connection");
        register(&conn).expect("registered");
        let limit = Deadline::after(Duration::from_millis(20));
        let began = Instant::now();
        let ended = diesel::sql_query(endless()).execute(&mut conn);
        let message = ended.expect_err("ended").to_string();
        assert!(has_ended(&message), "{message}");
        assert!(began.elapsed() < Duration::from_secs(20));
        drop(limit);
        assert!(!has_ended(&message), "nobody reads");
        let some = format!("SELECT 1 WHERE {IN_TIME}");
        conn.batch_execute(&some).expect("there is time");
    }
}
