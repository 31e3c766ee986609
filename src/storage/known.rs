//! Who is known already by what a source says of somebody: one query, since each write that names a person asks it.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};

use super::claims::ClaimState;
use super::dialect::Frag;
use super::emails::Address;
use super::error::Result;
use super::scope::Scope;

/// What a source says of a person that somebody may be known by.
#[derive(Debug, Clone, Copy)]
pub struct Marks<'a> {
    /// Folded userName.
    pub user_name: &'a str,
    /// externalId of the source.
    pub external_id: Option<&'a str>,
    /// Address that identifies the person.
    pub email: Option<&'a Address>,
}

impl<'a> Marks<'a> {
    /// A folded userName alone.
    pub fn user_name(key: &'a str) -> Self {
        Self {
            user_name: key,
            external_id: None,
            email: None,
        }
    }
}

/// By which mark somebody is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The userName in the connection's own view.
    ViewName,
    /// The userName in force.
    UserName,
    /// The connection's externalId.
    ExternalId,
    /// The primary address in force.
    Email,
    /// The primary address in force, equal under filter folding only.
    AlikeEmail,
}

impl By {
    const ALL: [Self; 5] = [
        Self::ViewName,
        Self::UserName,
        Self::ExternalId,
        Self::Email,
        Self::AlikeEmail,
    ];
}

#[derive(Queryable)]
struct Row {
    by: i64,
    user_id: String,
    own_state: Option<String>,
    own_name: bool,
    is_public: bool,
    is_removed: bool,
    access: String,
}

type RowSql = (BigInt, Text, Nullable<Text>, Bool, Bool, Bool, Text);

/// Somebody who is known, tombstones included. Once for each mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The mark.
    pub by: By,
    /// The user.
    pub user_id: String,
    /// State of the connection's claim on the user, if there is one.
    pub own_state: Option<String>,
    /// That claim has a userName of its own.
    own_name: bool,
    /// Invited, granted or revoked; told for [`By::UserName`] only, as the rest.
    pub is_public: bool,
    /// A tombstone.
    pub is_removed: bool,
    /// Access word.
    pub access: String,
}

impl Known {
    /// The connection has ended its claim.
    pub fn has_ended(&self) -> bool {
        self.own_state.as_deref() == Some(ClaimState::Ended.as_str())
    }

    /// The connection has no claim on the user that goes on.
    pub fn is_free(&self) -> bool {
        self.own_state.is_none() || self.has_ended()
    }

    /// The connection sees the user under this userName.
    pub fn is_seen_by_name(&self) -> bool {
        match self.by {
            By::ViewName => !self.has_ended(),
            // A claim with a view of its own has a userName of its own: that is `ViewName`.
            By::UserName if self.own_state.is_none() => self.is_public && !self.is_removed,
            By::UserName => !self.has_ended() && !self.own_name && !self.is_removed,
            _ => false,
        }
    }
}

impl Scope<'_> {
    /// Everybody whom a connection may mean.
    pub fn list_known(&mut self, connection: &str, marks: &Marks<'_>) -> Result<Vec<Known>> {
        let query = known(self.tenant().as_str(), connection, marks);
        let rows: Vec<Row> = query.query::<RowSql>().load(self.conn())?;
        let known = rows.into_iter().filter_map(|row| {
            let by = By::ALL.into_iter().find(|by| *by as i64 == row.by)?;
            Some(Known {
                by,
                user_id: row.user_id,
                own_state: row.own_state,
                own_name: row.own_name,
                is_public: row.is_public,
                is_removed: row.is_removed,
                access: row.access,
            })
        });
        Ok(known.collect())
    }
}

impl Scope<'_> {
    /// Connections that have a userName of their own for somebody, with whom they call so.
    pub fn list_named_in_views(&mut self, key: &str) -> Result<Vec<(String, String)>> {
        let tenant = self.tenant().as_str().to_owned();
        let query = Frag::sql(
            "SELECT c.connection_id, c.user_id FROM connections k JOIN claims c ON c.tenant = k.tenant \
             AND c.connection_id = k.id AND c.user_name_key = ",
        )
        .text(key)
        .push(" WHERE k.tenant = ")
        .text(tenant)
        .push(" AND c.state <> 'ended'");
        Ok(query.query::<(Text, Text)>().load(self.conn())?)
    }
}

fn known(tenant: &str, connection: &str, marks: &Marks<'_>) -> Frag {
    let claim = |frag: Frag, by: By, column: &str, value: &str| {
        frag.push(&format!(
            "SELECT CAST({} AS BIGINT), c.user_id, c.state, c.user_name_key IS NOT NULL, FALSE, FALSE, '' FROM claims c \
             WHERE c.tenant = ",
            by as i64
        ))
        .text(tenant)
        .push(" AND c.connection_id = ")
        .text(connection)
        .push(&format!(" AND c.{column} = "))
        .text(value)
    };
    let email = |frag: Frag, by: By, column: &str, value: &str| {
        frag.push(&format!(
            " UNION ALL SELECT CAST({} AS BIGINT), e.user_id, c.state, FALSE, FALSE, FALSE, '' FROM emails e \
             LEFT JOIN claims c ON c.tenant = e.tenant AND c.user_id = e.user_id AND c.connection_id = ",
            by as i64
        ))
        .text(connection)
        .push(" WHERE e.tenant = ")
        .text(tenant)
        .push(&format!(
            " AND e.view = '' AND e.is_primary AND e.until IS NULL AND e.{column} = "
        ))
        .text(value)
    };
    let mut frag = claim(
        Frag::default(),
        By::ViewName,
        "user_name_key",
        marks.user_name,
    )
    .push(&format!(
        " UNION ALL SELECT CAST({} AS BIGINT), u.id, c.state, c.user_name_key IS NOT NULL, u.is_public, \
         u.removed_at IS NOT NULL, u.access FROM users u \
         LEFT JOIN claims c ON c.tenant = u.tenant AND c.user_id = u.id AND c.connection_id = ",
        By::UserName as i64
    ))
    .text(connection)
    .push(" WHERE u.tenant = ")
    .text(tenant)
    .push(" AND u.user_name_key = ")
    .text(marks.user_name);
    if let Some(id) = marks.external_id {
        frag = claim(frag.push(" UNION ALL "), By::ExternalId, "external_id", id);
    }
    if let Some(address) = marks.email {
        frag = email(frag, By::Email, "key", &address.key);
        frag = email(frag, By::AlikeEmail, "fold", &address.fold)
            .push(" AND e.key <> ")
            .text(address.key.as_str());
    }
    frag
}
