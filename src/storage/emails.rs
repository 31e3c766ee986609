//! Addresses: look-up table and history in one. A row whose `until` is set is history.

use std::collections::BTreeMap;

use diesel::prelude::*;

use super::dialect::each;
use super::error::Result;
use super::schema::emails;
use super::scope::Scope;
use crate::domain::clock::Millis;

/// An address in a view of a user.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Insertable)]
#[diesel(table_name = emails, treat_none_as_default_value = false)]
#[expect(missing_docs, reason = "columns as the migration documents them")]
pub struct EmailRow {
    pub tenant: String,
    pub view: String,
    pub user_id: String,
    pub key: String,
    pub type_: String,
    pub fold: String,
    pub is_primary: bool,
    pub until: Option<i64>,
}

/// An address as a document has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Identity key.
    pub key: String,
    /// Canonical type or empty.
    pub kind: String,
    /// Filter folding of the value.
    pub fold: String,
    /// The primary one.
    pub is_primary: bool,
}

impl Scope<'_> {
    /// Users, tombstones included, with this address in a view, or who had it once.
    pub fn list_users_by_address(&mut self, view: &str, key: &str) -> Result<Vec<String>> {
        let (conn, tenant) = self.parts();
        Ok(emails::table
            .filter(emails::tenant.eq(tenant).and(emails::view.eq(view)))
            .filter(emails::key.eq(key))
            .select(emails::user_id)
            .distinct()
            .order(emails::user_id)
            .load(conn)?)
    }

    /// Whether a user once had an address in force that she has no more.
    pub fn had_another_address(&mut self, user: &str) -> Result<bool> {
        let (conn, tenant) = self.parts();
        let had: i64 = emails::table
            .filter(emails::tenant.eq(tenant).and(emails::user_id.eq(user)))
            .filter(emails::view.eq("").and(emails::until.is_not_null()))
            .count()
            .get_result(conn)?;
        Ok(had > 0)
    }

    /// The primary address in force of a user.
    pub fn find_primary_address(&mut self, user: &str) -> Result<Option<String>> {
        let (conn, tenant) = self.parts();
        Ok(emails::table
            .filter(emails::tenant.eq(tenant).and(emails::user_id.eq(user)))
            .filter(emails::view.eq(""))
            .filter(emails::is_primary.eq(true).and(emails::until.is_null()))
            .select(emails::key)
            .first(conn)
            .optional()?)
    }

    /// Stores the addresses of a user that has none yet in this view.
    pub fn create_emails(&mut self, user: &str, view: &str, addresses: &[Address]) -> Result<()> {
        for address in addresses {
            self.insert_email(user, view, address)?;
        }
        Ok(())
    }

    fn insert_email(&mut self, user: &str, view: &str, address: &Address) -> Result<()> {
        let (conn, tenant) = self.parts();
        let row = EmailRow {
            tenant: tenant.to_owned(),
            view: view.to_owned(),
            user_id: user.to_owned(),
            key: address.key.clone(),
            type_: address.kind.clone(),
            fold: address.fold.clone(),
            is_primary: address.is_primary,
            until: None,
        };
        each!(conn, c => diesel::insert_into(emails::table).values(&row).execute(c))?;
        Ok(())
    }

    /// Brings the stored addresses of a view in step with the document; those that went become history.
    pub fn update_emails(
        &mut self,
        user: &str,
        view: &str,
        addresses: &[Address],
        now: Millis,
    ) -> Result<()> {
        let (conn, tenant) = self.parts();
        let stored: Vec<EmailRow> = each!(conn, c => emails::table
            .filter(emails::tenant.eq(tenant).and(emails::user_id.eq(user)))
            .filter(emails::view.eq(view))
            .load(c))?;
        let tenant = tenant.to_owned();
        let mut stored: BTreeMap<(String, String), EmailRow> = stored
            .into_iter()
            .map(|r| ((r.key.clone(), r.type_.clone()), r))
            .collect();
        for address in addresses {
            match stored.remove(&(address.key.clone(), address.kind.clone())) {
                None => self.insert_email(user, view, address)?,
                Some(row) => {
                    let same = row.until.is_none()
                        && row.is_primary == address.is_primary
                        && row.fold == address.fold;
                    if !same {
                        self.set_email(&row, address.is_primary, &address.fold, None)?;
                    }
                }
            }
        }
        for row in stored
            .values()
            .filter(|r| r.until.is_none() && r.tenant == tenant)
        {
            self.set_email(row, false, &row.fold, Some(now.0))?;
        }
        Ok(())
    }

    fn set_email(
        &mut self,
        row: &EmailRow,
        is_primary: bool,
        fold: &str,
        until: Option<i64>,
    ) -> Result<()> {
        let (conn, tenant) = self.parts();
        diesel::update(emails::table.find((tenant, &row.user_id, &row.view, &row.key, &row.type_)))
            .set((
                emails::is_primary.eq(is_primary),
                emails::fold.eq(fold),
                emails::until.eq(until),
            ))
            .execute(conn)?;
        Ok(())
    }
}
