//! *Revoke now*: named people lose access at once, whatever limit has tripped and whatever waits, on either side.

use futures_util::StreamExt;

use crate::domain::access::Access;
use crate::service::error::{Error, Result};
use crate::service::{Caller, Service};

/// Most people of one call.
const PEOPLE: usize = 500;
/// People who lose access at once: they share commits.
const TOGETHER: usize = 64;

/// What became of somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokedNow {
    /// Her id.
    pub person: String,
    /// Access now; `None` where nothing was done.
    pub access: Option<Access>,
    /// Why nothing was done.
    pub refused: Option<String>,
}

impl Service {
    /// Takes access from named people at once; no source gives it back. Whatever loss of theirs waits, parked or held, is
    /// settled by it.
    ///
    /// # Errors
    /// `Invalid` for nobody, too many, or a note that is too long; storage. Who cannot be revoked is told in the answer.
    pub async fn revoke_now(
        &self,
        caller: &Caller,
        people: &[String],
        note: Option<&str>,
    ) -> Result<Vec<RevokedNow>> {
        if people.is_empty() || people.len() > PEOPLE {
            let detail = format!("`people` takes 1 to {PEOPLE} ids; got {}", people.len());
            return Err(crate::scim::Error::invalid_value(detail).into());
        }
        let each = people
            .iter()
            .map(|person| self.revoke_one_now(caller, person, note));
        let mut each = futures_util::stream::iter(each).buffered(TOGETHER);
        let mut all = Vec::with_capacity(people.len());
        while let Some(done) = each.next().await {
            all.push(done?);
        }
        Ok(all)
    }

    async fn revoke_one_now(
        &self,
        caller: &Caller,
        person: &str,
        note: Option<&str>,
    ) -> Result<RevokedNow> {
        let done = match self.revoke_person(caller, person, note).await {
            Ok(decided) => Ok(decided.access),
            Err(Error::NotFound(why) | Error::Forbidden(why)) => Err(why),
            Err(error) => return Err(error),
        };
        Ok(RevokedNow {
            person: person.to_owned(),
            access: done.as_ref().ok().copied(),
            refused: done.err(),
        })
    }
}
