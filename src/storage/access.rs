//! Who is meant by an address or a subject: look-ups of the app's login path.

use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};

use super::dialect::Frag;
use super::error::Result;
use super::scope::Scope;

/// Somebody whose primary address it is.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct Addressed {
    /// The user.
    pub user_id: String,
    /// It is in force, and not only as the app has it.
    pub is_in_force: bool,
    /// Access word.
    pub access: String,
    /// Whether the app lets her in.
    pub has_access: bool,
}

impl Scope<'_> {
    /// People who have this primary address, in force or as the app has it.
    pub fn list_addressed(&mut self, key: &str) -> Result<Vec<Addressed>> {
        let query = addressed_query(self.tenant().as_str(), key);
        let mut all: Vec<Addressed> = query
            .query::<(Text, Bool, Text, Bool)>()
            .load(self.conn())?;
        all.sort_by(|a, b| (&a.user_id, !a.is_in_force).cmp(&(&b.user_id, !b.is_in_force)));
        all.dedup_by(|a, b| a.user_id == b.user_id);
        Ok(all)
    }

    /// People whom an identity provider that pushes knows by this id.
    pub fn list_users_of_subject(&mut self, subject: &str) -> Result<Vec<String>> {
        let query = Frag::sql(
            "SELECT c.user_id FROM connections k JOIN claims c ON c.tenant = k.tenant AND c.connection_id = k.id \
             AND c.external_id = ",
        )
        .text(subject)
        .push(" WHERE k.tenant = ")
        .text(self.tenant().as_str())
        .push(" AND k.kind = 'scim' AND c.state IN ('live', 'parked')");
        Ok(query.query::<Text>().load(self.conn())?)
    }
}

/// The statement that finds people by their address: also what the plan tests look at.
pub fn addressed_query(tenant: &str, key: &str) -> Frag {
    let of = |frag: Frag, view: &str, is_in_force: &str| {
        frag.push(&format!(
            "SELECT e.user_id, {is_in_force}, u.access, u.has_access FROM emails e JOIN users u ON u.tenant = e.tenant \
             AND u.id = e.user_id WHERE u.removed_at IS NULL AND e.is_primary AND e.until IS NULL AND e.view = '{view}' \
             AND e.tenant = "
        ))
        .text(tenant)
        .push(" AND e.key = ")
        .text(key)
    };
    let in_force = of(Frag::default(), "", "TRUE");
    of(in_force.push(" UNION ALL "), "app", "FALSE")
}
