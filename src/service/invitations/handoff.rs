//! Handing somebody over to the app: a code that is sealed, works once and for two minutes, and is worth nothing to whoever
//! reads the database.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::domain::audit::Entry;
use crate::domain::ids::{OPERATOR_TENANT, TenantId};
use crate::domain::sealed::{NONCE, Place, Sealed, SecretText};
use crate::service::error::{Error, Result};
use crate::service::{Caller, Service};
use crate::storage::invitations::HandoffRow;
use crate::storage::view::{UserView, View};
use crate::storage::{Outcome, Tx};

/// How long a code works, in milliseconds.
const LIFE_MS: i64 = 2 * 60_000;
/// Longest code that is looked at, in bytes.
const LENGTH: usize = 2_000;
/// Where a code belongs; no secret of a connection can be there.
const PLACE: Place<'static> = Place {
    tenant: OPERATOR_TENANT,
    connection: "handoff",
    name: "handoff:code",
};

/// A code for the app.
#[derive(Debug, Clone)]
pub struct Code(SecretText);

impl Code {
    /// The code, for the one address that carries it.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// What a code says.
#[derive(Serialize, Deserialize)]
struct Said {
    tenant: String,
    id: String,
}

/// Somebody who was handed over.
#[derive(Debug, Clone)]
pub struct HandedOff {
    /// Her tenant.
    pub tenant: TenantId,
    /// Its name.
    pub tenant_name: String,
    /// Who she is, as the app reads her.
    pub person: UserView,
}

fn useless() -> Error {
    Error::NotFound(
        "this code was used, is older than 2 minutes, or is none: the person signs in to the app as usual".to_owned(),
    )
}

/// Makes a code for somebody who has access.
pub(super) fn hand_off(tx: &mut Tx<'_>, user: &str) -> Result<Code> {
    let now = tx.now();
    tx.delete_old_handoffs(now)?;
    let row = HandoffRow {
        tenant: tx.tenant().as_str().to_owned(),
        id: tx.fresh_id(),
        user_id: user.to_owned(),
        expires_at: now.0 + LIFE_MS,
    };
    tx.create_handoff(&row)?;
    let said = Said {
        tenant: row.tenant,
        id: row.id,
    };
    let text = serde_json::to_string(&said).unwrap_or_default();
    let (keys, nonce) = (tx.keys(), tx.fresh_bytes::<NONCE>());
    let sealed = keys.seal(PLACE, &SecretText::new(text), nonce);
    let sealed = sealed.ok_or_else(|| {
        Error::Forbidden(
            "there is no secret key that could seal this: set ROSTERD_SECRET_KEY_FILE, or start the server once"
                .to_owned(),
        )
    })?;
    let code = format!("{}.{}", sealed.key_id, sealed.text);
    Ok(Code(SecretText::new(URL_SAFE_NO_PAD.encode(code))))
}

impl Service {
    /// Takes a code of the tenant of the caller, or of any if the caller is the operator's; it works no second time.
    ///
    /// # Errors
    /// `NotFound` for a code that is of no use, for whatever reason.
    pub async fn exchange_handoff(&self, caller: &Caller, code: &str) -> Result<HandedOff> {
        let said = self.open_code(code).ok_or_else(useless)?;
        if caller.tenant.as_str() != OPERATOR_TENANT && caller.tenant.as_str() != said.tenant {
            return Err(useless());
        }
        let row = match self.find_tenant(&said.tenant).await {
            Ok(row) if row.state == "active" && row.id == said.tenant => row,
            Ok(_) | Err(Error::NotFound(_)) => return Err(useless()),
            Err(error) => return Err(error),
        };
        let tenant = TenantId::new(said.tenant);
        let mut meta = caller.meta();
        meta.tenant = tenant.clone();
        let id = said.id;
        let person = self
            .store
            .write(meta, move |tx| take(tx, &id).map(Outcome::Done))
            .await?;
        Ok(HandedOff {
            tenant,
            tenant_name: row.name,
            person: person.ok_or_else(useless)?,
        })
    }

    fn open_code(&self, code: &str) -> Option<Said> {
        let bytes = URL_SAFE_NO_PAD
            .decode(Some(code).filter(|c| c.len() <= LENGTH)?)
            .ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let (key_id, text) = text.split_once('.')?;
        let sealed = Sealed {
            key_id: key_id.to_owned(),
            text: text.to_owned(),
        };
        let plain = self.keys.open(PLACE, &sealed).ok()?;
        serde_json::from_str(plain.expose()).ok()
    }
}

/// Takes a code; `None`: it is of no use, and none any more.
fn take(tx: &mut Tx<'_>, id: &str) -> Result<Option<UserView>> {
    let now = tx.now();
    let row = tx.take_handoff(id)?;
    let Some(row) = row.filter(|row| row.expires_at > now.0) else {
        return Ok(None);
    };
    let person = tx.find_user_view(&View::App, &row.user_id)?;
    let person = person.filter(|p| p.has_access);
    if person.is_some() {
        tx.record(Entry::new("user.handed_off", "user", row.user_id));
    }
    Ok(person)
}
