//! What is kept for a while only: runs of pulls, what they meant to do, and what an undo of them would need. What they did
//! is in the journal for good.

use diesel::prelude::*;

use super::error::Result;
use super::schema::{held_losses, run_changes, run_items, runs};
use super::scope::Scope;

/// States in which a run is not over: whatever its age, somebody works on it or has to decide about it.
const OPEN: [&str; 4] = ["running", "waiting", "approved", "undoing"];

impl Scope<'_> {
    /// Runs that are over, of which nothing waits, and whose ids lie before this text, the oldest first.
    pub fn list_runs_over(&mut self, before: &str, limit: i64) -> Result<Vec<String>> {
        let (conn, tenant) = self.parts();
        // What waits, or is approved for a day to come, speaks of its run.
        let spoken_of: Vec<String> = held_losses::table
            .filter(
                held_losses::tenant
                    .eq(tenant)
                    .and(held_losses::run_id.lt(before)),
            )
            .select(held_losses::run_id)
            .distinct()
            .load(conn)?;
        Ok(runs::table
            .filter(runs::tenant.eq(tenant).and(runs::id.lt(before)))
            .filter(runs::state.ne_all(OPEN))
            .filter(runs::id.ne_all(spoken_of))
            .select(runs::id)
            .order(runs::id)
            .limit(limit)
            .load(conn)?)
    }

    /// Deletes the first items of a run; answers how many there were.
    pub fn delete_items(&mut self, run: &str, limit: i64) -> Result<usize> {
        let (conn, tenant) = self.parts();
        let of_run = run_items::tenant.eq(tenant).and(run_items::run_id.eq(run));
        let ordinals: Vec<i64> = run_items::table
            .filter(of_run)
            .select(run_items::ordinal)
            .order(run_items::ordinal)
            .limit(limit)
            .load(conn)?;
        let Some(last) = ordinals.last() else {
            return Ok(0);
        };
        let first_ones = run_items::table
            .filter(of_run)
            .filter(run_items::ordinal.le(last));
        Ok(diesel::delete(first_ones).execute(conn)?)
    }

    /// Deletes what an undo of a run would need, of the first people; answers how many there were.
    pub fn delete_changes(&mut self, run: &str, limit: i64) -> Result<usize> {
        let (conn, tenant) = self.parts();
        let of_run = run_changes::tenant
            .eq(tenant)
            .and(run_changes::run_id.eq(run));
        let subjects: Vec<String> = run_changes::table
            .filter(of_run)
            .select(run_changes::subject)
            .order(run_changes::subject)
            .limit(limit)
            .load(conn)?;
        let Some(last) = subjects.last() else {
            return Ok(0);
        };
        let first_ones = run_changes::table
            .filter(of_run)
            .filter(run_changes::subject.le(last));
        Ok(diesel::delete(first_ones).execute(conn)?)
    }

    /// Deletes a run without items.
    pub fn delete_run(&mut self, run: &str) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::delete(runs::table.find((tenant, run))).execute(conn)?;
        Ok(())
    }
}
