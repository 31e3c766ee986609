//! The end of an import: who is missing in one of everybody, whether they are removed, and what is forgotten of it.

use super::import::{Import, LineResult, Mode, What};
use crate::service::error::{Error, Result};
use crate::service::{Caller, Service};
use crate::storage::Outcome;

/// Days for which an import can be gone on with.
const KEPT_DAYS: i64 = 7;
/// Most of those who are missing that are named.
const NAMED: usize = 1_000;
/// At most so many, or this part of all, are removed unless a number is given.
const FEW: u64 = 5;
const PART: u64 = 10;
/// State of one that is over.
const FINISHED: &str = "finished";

/// What is done about those who are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// They are named.
    Report,
    /// They are removed, at most so many; `None`: as many as harm little.
    Remove(Option<u64>),
}

/// How an import ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ended {
    /// How many are missing.
    pub missing: u64,
    /// How many of these were removed.
    pub removed: u64,
    /// Why nobody was removed though that was asked for.
    pub kept: Option<String>,
    /// The first thousand who are missing.
    pub first: Vec<LineResult>,
}

impl Service {
    /// Everything came: tells who is missing, and removes them if that is wanted.
    ///
    /// # Errors
    /// Storage.
    pub async fn end_import(&self, import: &mut Import, missing: Missing) -> Result<Ended> {
        let mut ended = Ended::default();
        if import.row.mode == Mode::Reconcile.as_str() {
            let unseen = self.unseen(import).await?;
            ended.missing = unseen.len() as u64;
            ended.kept = match missing {
                Missing::Report => Some(String::new()),
                Missing::Remove(most) => self.why_kept(import, ended.missing, most).await?,
            };
            let is_kept = ended.kept.is_some();
            ended.kept = ended.kept.filter(|why| !why.is_empty());
            for id in unseen {
                if !is_kept {
                    self.remove_missing(import, &id).await?;
                    ended.removed += 1;
                }
                if ended.first.len() < NAMED {
                    ended.first.push(LineResult {
                        id: Some(id),
                        result: if is_kept { "missing" } else { "removed" }.to_owned(),
                        ..LineResult::default()
                    });
                }
            }
        }
        self.close_import(import).await?;
        Ok(ended)
    }

    /// Why nobody is removed; `None`: they are.
    async fn why_kept(
        &self,
        import: &Import,
        missing: u64,
        most: Option<u64>,
    ) -> Result<Option<String>> {
        if import.row.failed > 0 {
            return Ok(Some(format!(
                "{} lines were refused, so nobody is taken for missing: correct them and import everything again",
                import.row.failed
            )));
        }
        if import.row.lines == 0 {
            return Ok(Some("the import is empty".to_owned()));
        }
        let all = match import.what {
            What::Users => self.count_app_users(&import.caller).await?,
            What::Teams => missing,
        };
        let most = most.unwrap_or_else(|| FEW.max(all / PART));
        Ok((missing > most).then(|| {
            format!(
                "{missing} of {all} are missing, and at most {most} would be removed: give `removeAtMost` if that is right"
            )
        }))
    }

    async fn count_app_users(&self, caller: &Caller) -> Result<u64> {
        let mut after = String::new();
        let mut count = 0;
        loop {
            let from = after.clone();
            let page = self
                .store
                .read(&caller.tenant, move |scope| {
                    Ok::<_, Error>(scope.list_app_claims(&from, 1_000)?)
                })
                .await?;
            count += page.len() as u64;
            match page.into_iter().next_back().and_then(|c| c.external_id) {
                Some(last) => after = last,
                None => return Ok(count),
            }
        }
    }

    async fn unseen(&self, import: &Import) -> Result<Vec<String>> {
        let (mut all, mut after) = (Vec::new(), String::new());
        loop {
            let (id, from, what) = (import.row.id.clone(), after.clone(), import.what);
            let page = self
                .store
                .read(&import.caller.tenant, move |scope| {
                    Ok::<_, Error>(match what {
                        What::Users => scope.list_unseen_users(&id, &from, 500)?,
                        What::Teams => scope.list_unseen_teams(&id, &from, 500)?,
                    })
                })
                .await?;
            match page.last() {
                Some(last) => after.clone_from(last),
                None => return Ok(all),
            }
            all.extend(page);
        }
    }

    async fn remove_missing(&self, import: &Import, id: &str) -> Result<()> {
        let removed = match import.what {
            What::Users => self.delete_app_user(&import.caller, id).await,
            What::Teams => self.delete_app_team(&import.caller, id).await,
        };
        match removed {
            // Somebody else was faster.
            Err(Error::NotFound(_)) => Ok(()),
            removed => removed,
        }
    }

    async fn close_import(&self, import: &mut Import) -> Result<()> {
        let mut row = import.row.clone();
        FINISHED.clone_into(&mut row.state);
        import.row = self
            .store
            .write(import.caller.meta(), move |tx| {
                row.updated_at = tx.now().0;
                tx.put_import(&row)?;
                Ok::<_, Error>(Outcome::Done(row.clone()))
            })
            .await?;
        self.forget_seen(&import.caller, &import.row.id).await
    }

    async fn forget_seen(&self, caller: &Caller, import: &str) -> Result<()> {
        loop {
            let id = import.to_owned();
            let gone = self
                .store
                .write(caller.meta(), move |tx| {
                    Ok::<_, Error>(Outcome::Done(tx.delete_seen(&id, 500)?))
                })
                .await?;
            if gone == 0 {
                return Ok(());
            }
        }
    }

    /// Imports of long ago are not gone on with.
    pub(super) async fn forget_imports(&self, caller: &Caller) -> Result<()> {
        let floor = self.store.clock().now().plus_days(-KEPT_DAYS).0;
        let old = self.list_imports(caller).await?.into_iter();
        for row in old.filter(|row| row.updated_at < floor) {
            self.forget_seen(caller, &row.id).await?;
            self.store
                .write(caller.meta(), move |tx| {
                    tx.delete_import(&row.id)?;
                    Ok::<_, Error>(Outcome::Done(()))
                })
                .await?;
        }
        Ok(())
    }
}
