//! Rows of tenants: a global table, since it is what says which tenants there are.

use diesel::prelude::*;

use super::connection::AnyConnection;
use super::dialect::{Frag, each};
use super::error::Result;
use super::heads::{self, Head};
use super::schema::tenants;
use super::scope::Scope;
use super::writer::Tx;
use crate::domain::brand::Brand;
use crate::domain::ids::OPERATOR_TENANT;
use crate::domain::precedence::Rules;

/// A stored tenant.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable)]
#[diesel(table_name = tenants, treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "columns as the migration documents them")]
pub struct TenantRow {
    pub id: String,
    pub name: String,
    pub state: String,
    pub settings: Option<String>,
    pub created_at: i64,
    pub account_id: Option<String>,
    pub made_of: Option<String>,
    pub entitlements: Option<String>,
    pub state_before: Option<String>,
    pub delete_at: Option<i64>,
}

/// States of a tenant.
pub mod state {
    /// It works.
    pub const ACTIVE: &str = "active";
    /// Its tokens are refused.
    pub const SUSPENDED: &str = "suspended";
    /// Its tokens are refused, and nothing happens in it by itself; until its time comes it can be restored.
    pub const DELETED: &str = "deleted";
    /// Its data is on its way out: nothing reads or writes it but the job.
    pub const DELETING: &str = "deleting";
}

/// A tenant's settings that the spine knows; absent keys have their default.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TenantSettings {
    /// Domains whose addresses count as verified; empty: all do.
    pub verified_domains: Vec<String>,
    /// Days within which a person revoked by a source gets back what she had; default 30.
    pub return_days: Option<i64>,
    /// Time zone of days that name none (`Europe/Paris`); default UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Whose value of an attribute is in force, where the tenant says otherwise than at first.
    #[serde(skip_serializing_if = "Rules::is_empty")]
    pub precedence: Rules,
    /// Somebody listed who works is let in when she signs in.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub just_in_time: bool,
    /// Somebody said that the app has no users yet.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub no_app_users_yet: bool,
    /// How its mails look; in the operator's own row: those of tenants that set nothing.
    #[serde(skip_serializing_if = "Brand::is_empty")]
    pub brand: Brand,
    /// Only in the operator's own row: where it is told of notices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notices_webhook: Option<String>,
    /// Only in the operator's own row: why no mail and no webhook leaves the house now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outgoing_paused: Option<String>,
    /// Only in the operator's own row: the id of the key with which secrets in this database are protected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_key_id: Option<String>,
}

impl TenantRow {
    /// A tenant that is made now.
    pub fn new(id: String, name: &str, now: i64) -> Self {
        Self {
            id,
            name: name.to_owned(),
            state: state::ACTIVE.to_owned(),
            settings: None,
            created_at: now,
            account_id: None,
            made_of: None,
            entitlements: None,
            state_before: None,
            delete_at: None,
        }
    }

    /// It is deleted: nothing happens in it any more, unless it is restored.
    pub fn is_deleted(&self) -> bool {
        [state::DELETED, state::DELETING].contains(&self.state.as_str())
    }

    /// The settings of this tenant.
    pub fn settings(&self) -> Result<TenantSettings> {
        parse_settings(&self.id, self.settings.as_deref())
    }
}

fn parse_settings(id: &str, stored: Option<&str>) -> Result<TenantSettings> {
    let Some(text) = stored else {
        return Ok(TenantSettings::default());
    };
    serde_json::from_str(text).map_err(|e| super::Error::Corrupt {
        table: "tenants",
        id: id.to_owned(),
        why: e.to_string(),
    })
}

/// The tenant with this id.
pub fn find(conn: &mut AnyConnection, id: &str) -> Result<Option<TenantRow>> {
    Ok(each!(conn, c => tenants::table.find(id).get_result(c)).optional()?)
}

/// The tenant with this name.
pub fn find_by_name(conn: &mut AnyConnection, name: &str) -> Result<Option<TenantRow>> {
    Ok(tenants::table
        .filter(tenants::name.eq(name))
        .get_result(conn)
        .optional()?)
}

/// Settings of the operator's own tenant, if it is there. No other column is read: a database that is backed up before it
/// is migrated has those of an older release only.
pub fn find_operators_settings(conn: &mut AnyConnection) -> Result<Option<TenantSettings>> {
    let found: Option<Option<String>> = tenants::table
        .find(OPERATOR_TENANT)
        .select(tenants::settings)
        .get_result(conn)
        .optional()?;
    found
        .map(|text| parse_settings(OPERATOR_TENANT, text.as_deref()))
        .transpose()
}

/// The tenant that the app's account has.
pub fn find_by_account(conn: &mut AnyConnection, account: &str) -> Result<Option<TenantRow>> {
    Ok(tenants::table
        .filter(tenants::account_id.eq(account))
        .get_result(conn)
        .optional()?)
}

/// Whether a row's tenant is not deleted, of any table with a column `tenant`: what looks for work in all tenants passes
/// over those that are.
pub fn of_open_tenants() -> diesel::expression::SqlLiteral<diesel::sql_types::Bool> {
    diesel::dsl::sql(
        "tenant NOT IN (SELECT id FROM tenants WHERE state IN ('deleted', 'deleting'))",
    )
}

/// Tenants whose data is to go by now, or is on its way.
pub fn list_to_delete(conn: &mut AnyConnection, now: i64) -> Result<Vec<TenantRow>> {
    Ok(tenants::table
        .filter(
            tenants::state.eq(state::DELETING).or(tenants::state
                .eq(state::DELETED)
                .and(tenants::delete_at.le(now))),
        )
        .order(tenants::id)
        .load(conn)?)
}

/// Tenants in which somebody waits for a seat.
pub fn list_short_of_seats(conn: &mut AnyConnection) -> Result<Vec<String>> {
    let query = Frag::sql(
        "SELECT t.id FROM tenants t WHERE t.state IN ('active', 'suspended') AND EXISTS \
         (SELECT 1 FROM users u WHERE u.tenant = t.id AND u.access_reason = 'no-seat')",
    );
    Ok(query.query::<diesel::sql_types::Text>().load(conn)?)
}

/// All tenants, oldest first.
pub fn list(conn: &mut AnyConnection) -> Result<Vec<TenantRow>> {
    Ok(tenants::table
        .order((tenants::created_at, tenants::id))
        .load(conn)?)
}

/// Makes sure that the operator's own tenant exists: nothing can be written before it does.
pub fn ensure_operator(conn: &mut AnyConnection, id: &str, now: i64) -> Result<()> {
    let made = conn.immediate(|conn| {
        if find(conn, id)?.is_some() {
            return Ok(());
        }
        let row = TenantRow::new(id.to_owned(), "operator", now);
        diesel::insert_into(tenants::table)
            .values(row)
            .execute(conn)?;
        heads::create(conn, &Head::genesis(id))
    });
    match made {
        // Another replica was faster.
        Err(super::Error::Unique(_)) => Ok(()),
        made => made,
    }
}

/// Stops mails and webhooks of a restored copy until the operator lets them go on: it may have been sent before. The entry of
/// the new epoch stands for it.
pub(super) fn pause_outgoing(conn: &mut AnyConnection) -> Result<()> {
    let Some(mut settings) = find_operators_settings(conn)? else {
        return Ok(());
    };
    settings.outgoing_paused = Some("restored".to_owned());
    let text = serde_json::to_string(&settings).map_err(|e| super::Error::Other(e.to_string()))?;
    diesel::update(tenants::table.find(OPERATOR_TENANT))
        .set(tenants::settings.eq(Some(text)))
        .execute(conn)?;
    Ok(())
}

impl AnyConnection {
    /// Runs a closure in a write transaction of its own: for set-up only, everything else goes through the writer.
    fn immediate<T>(&mut self, f: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        super::dialect::begin_write(self)?;
        match f(self) {
            Ok(value) => {
                super::dialect::commit(self)?;
                Ok(value)
            }
            Err(error) => {
                super::dialect::rollback(self)?;
                Err(error)
            }
        }
    }
}

impl Scope<'_> {
    /// What this tenant's plan includes, as it is stored.
    pub fn find_stored_entitlements(&mut self) -> Result<Option<String>> {
        let (conn, id) = self.parts();
        let found: Option<Option<String>> = tenants::table
            .find(id)
            .select(tenants::entitlements)
            .get_result(conn)
            .optional()?;
        Ok(found.flatten())
    }

    /// Who waits for a seat and is brought by a connection that may bring anybody, the longest first; without `pushes` by one
    /// that is pulled.
    pub fn list_without_seat(&mut self, pushes: bool, limit: i64) -> Result<Vec<String>> {
        let (conn, tenant) = self.parts();
        let kind = match pushes {
            true => "n.kind <> 'app'",
            false => "n.kind = 'hris'",
        };
        let query = Frag::sql("SELECT id FROM users WHERE access_reason = 'no-seat' AND removed_at IS NULL AND tenant = ")
            .text(tenant)
            .push(
                " AND EXISTS (SELECT 1 FROM claims c JOIN connections n ON n.tenant = c.tenant AND n.id = c.connection_id \
                 WHERE c.tenant = users.tenant AND c.user_id = users.id AND c.state = 'live' AND n.state = 'active' AND ",
            )
            .push(kind)
            .push(") ORDER BY access_since, id LIMIT ")
            .int(limit);
        Ok(query.query::<diesel::sql_types::Text>().load(conn)?)
    }

    /// How many people are invited or granted.
    pub fn count_seats(&mut self) -> Result<i64> {
        let (conn, tenant) = self.parts();
        let query = Frag::sql(
            "SELECT count(*) FROM users WHERE access IN ('invited', 'granted') AND tenant = ",
        );
        Ok(query
            .text(tenant)
            .query::<diesel::sql_types::BigInt>()
            .get_result(conn)?)
    }

    /// The settings of this tenant, as they are stored.
    pub fn find_tenant_settings(&mut self) -> Result<TenantSettings> {
        let id = self.tenant().as_str().to_owned();
        let row = find(self.conn(), &id)?;
        row.map_or_else(|| Ok(TenantSettings::default()), |row| row.settings())
    }
}

impl Tx<'_> {
    /// Creates another tenant with an empty journal; the operator's transaction records it.
    pub fn create_tenant(&mut self, row: &TenantRow) -> Result<()> {
        let conn = self.scope.conn();
        diesel::insert_into(tenants::table)
            .values(row.clone())
            .execute(conn)?;
        heads::create(conn, &Head::genesis(&row.id))
    }

    /// A tenant, as the operator's transaction sees it.
    pub fn find_tenant(&mut self, id: &str) -> Result<Option<TenantRow>> {
        find(self.scope.conn(), id)
    }

    /// The tenant of an account, as the operator's transaction sees it.
    pub fn find_tenant_by_account(&mut self, account: &str) -> Result<Option<TenantRow>> {
        find_by_account(self.scope.conn(), account)
    }

    /// Stores everything of another tenant but its settings and entitlements; the operator's transaction records it.
    pub fn update_tenant(&mut self, row: &TenantRow) -> Result<()> {
        diesel::update(tenants::table.find(&row.id))
            .set((
                tenants::name.eq(&row.name),
                tenants::state.eq(&row.state),
                tenants::account_id.eq(&row.account_id),
                tenants::state_before.eq(&row.state_before),
                tenants::delete_at.eq(row.delete_at),
            ))
            .execute(self.scope.conn())?;
        Ok(())
    }

    /// What this tenant's plan includes, as it is stored.
    pub fn stored_entitlements(&mut self) -> Option<&str> {
        self.held_entitlements().as_deref()
    }

    /// Replaces what this tenant's plan includes.
    pub fn update_entitlements(&mut self, text: Option<String>) -> Result<()> {
        let id = self.tenant().as_str().to_owned();
        diesel::update(tenants::table.find(id))
            .set(tenants::entitlements.eq(&text))
            .execute(self.scope.conn())?;
        *self.held_entitlements() = text;
        Ok(())
    }

    /// The settings of this tenant.
    pub fn tenant_settings(&mut self) -> Result<TenantSettings> {
        let id = self.tenant().as_str().to_owned();
        parse_settings(&id, self.settings().as_deref())
    }

    /// Replaces the settings of this tenant.
    pub fn update_tenant_settings(&mut self, settings: &TenantSettings) -> Result<()> {
        let text =
            serde_json::to_string(settings).map_err(|e| super::Error::Other(e.to_string()))?;
        let id = self.tenant().as_str().to_owned();
        diesel::update(tenants::table.find(id))
            .set(tenants::settings.eq(Some(&text)))
            .execute(self.scope.conn())?;
        *self.settings() = Some(text);
        Ok(())
    }
}
