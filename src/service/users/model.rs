//! A person in memory: the effective document and all claims, loaded, changed, and settled back into rows.
//!
//! Operations change the model; `settle` (in `settle.rs`) compares it with what was loaded, recomputes what is in
//! force and each own view, and writes only what differs.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::domain::access::{Access, Decision};
use crate::domain::app::APP;
use crate::domain::claims::{Part, Undone, inherit, own_view};
use crate::domain::clock::Millis;
use crate::scim::Doc;
use crate::scim::schema::{AttrPath, ENTERPRISE, Registry, ResourceKind};
use crate::scim::units::{Units, flatten, unflatten};
use crate::service::error::{Error, Result, corrupt};
use crate::storage::Scope;
use crate::storage::claims::{ClaimRow, ClaimState};
use crate::storage::dialect::Json;
use crate::storage::users::UserRow;
use crate::storage::view::UserView;

/// By what a person is recognised and reached.
const IDENTITY: [&str; 4] = ["userName", "name", "displayName", "emails"];

/// A claim in memory.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::service) struct Claim {
    pub(in crate::service) row: ClaimRow,
    pub(in crate::service) asserted: Option<Units>,
    pub(in crate::service) held: BTreeSet<AttrPath>,
    /// What takes part in the place of held values that an undo took back.
    pub(in crate::service) undone: Undone<AttrPath>,
    pub(in crate::service) is_new: bool,
}

impl Claim {
    pub(in crate::service) fn load(registry: &Registry, row: ClaimRow) -> Result<Self> {
        let bad = |e: String| {
            corrupt(
                "claims",
                &format!("{}/{}", row.user_id, row.connection_id),
                e,
            )
        };
        let asserted = match &row.asserted {
            None => None,
            Some(text) => Some(read_units(registry, text).map_err(bad)?),
        };
        let held = match &row.held {
            None => BTreeSet::new(),
            Some(text) => {
                let paths: Vec<String> =
                    serde_json::from_str(text).map_err(|e| bad(e.to_string()))?;
                paths
                    .iter()
                    .filter_map(|p| registry.resolve(ResourceKind::User, p))
                    .collect()
            }
        };
        let undone = match &row.undone {
            None => Undone::new(),
            Some(text) => read_undone(registry, text).map_err(bad)?,
        };
        Ok(Self {
            row,
            asserted,
            held,
            undone,
            is_new: false,
        })
    }

    /// Its part in precedence; `nothing` stands for assertions that it does not store.
    pub(in crate::service) fn part<'a>(&'a self, nothing: &'a Units) -> Part<'a, AttrPath> {
        Part {
            asserted: self.asserted.as_ref().unwrap_or(nothing),
            held: &self.held,
            undone: &self.undone,
        }
    }

    pub(in crate::service) fn is(&self, state: ClaimState) -> bool {
        self.row.is(state)
    }

    /// The app's own word.
    pub(in crate::service) fn is_of_app(&self) -> bool {
        self.row.connection_id == APP
    }

    /// It takes part in precedence: a parked one holds back nothing but a loss of access.
    pub(in crate::service) fn takes_part(&self) -> bool {
        self.row.takes_part()
    }

    pub(in crate::service) fn set_state(&mut self, state: ClaimState) {
        state.as_str().clone_into(&mut self.row.state);
    }

    /// Puts the algebra's values back into the columns.
    pub(in crate::service) fn store_columns(&mut self) {
        self.row.asserted = self.asserted.as_ref().map(write_units);
        self.row.held = (!self.held.is_empty()).then(|| {
            let paths: Vec<Value> = self
                .held
                .iter()
                .map(|p| Value::from(p.to_string()))
                .collect();
            Value::Array(paths).to_string()
        });
        self.row.undone = (!self.undone.is_empty()).then(|| {
            let units = self.undone.iter().map(|(path, value)| {
                let value: Vec<Value> = value.iter().cloned().collect();
                (path.to_string(), Value::from(value))
            });
            Value::Object(units.collect()).to_string()
        });
    }
}

/// Units as a flat JSON object, `null` for a cleared one.
pub(super) fn write_units(units: &Units) -> String {
    let map: Doc = units
        .iter()
        .map(|(path, value)| (path.to_string(), value.clone()))
        .collect();
    Value::Object(map).to_string()
}

fn read_units(registry: &Registry, text: &str) -> std::result::Result<Units, String> {
    let map: Doc = serde_json::from_str(text).map_err(|e| e.to_string())?;
    // A unit whose attribute is no longer in any schema is dropped with it.
    let known = map.into_iter().filter_map(|(path, value)| {
        registry
            .resolve(ResourceKind::User, &path)
            .map(|path| (path, value))
    });
    Ok(known.collect())
}

fn read_undone(registry: &Registry, text: &str) -> std::result::Result<Undone<AttrPath>, String> {
    let map: BTreeMap<String, Vec<Value>> =
        serde_json::from_str(text).map_err(|e| e.to_string())?;
    let known = map.into_iter().filter_map(|(path, value)| {
        let path = registry.resolve(ResourceKind::User, &path)?;
        Some((path, value.into_iter().next()))
    });
    Ok(known.collect())
}

/// A person with everything that is asserted about her.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::service) struct Model {
    pub(in crate::service) row: UserRow,
    pub(in crate::service) doc: Doc,
    pub(in crate::service) claims: Vec<Claim>,
    /// What a human gave her by an invitation; stored only where somebody beside sources wrote her.
    pub(in crate::service) given: Units,
    pub(in crate::service) is_new: bool,
}

impl Model {
    /// Loads a person with all claims; tombstones too.
    pub(in crate::service) fn load(
        scope: &mut Scope<'_>,
        registry: &Registry,
        id: &str,
    ) -> Result<Option<Self>> {
        let Some(row) = scope.find_user(id)? else {
            return Ok(None);
        };
        let claims = scope.list_claims(id)?;
        let given = match row.written_by_others {
            true => scope.find_given(id)?,
            false => None,
        };
        let given = given.map(|text| read_units(registry, &text));
        let given = given
            .transpose()
            .map_err(|e| corrupt("given_values", id, e))?;
        Self::from_rows(registry, row, claims, given.unwrap_or_default()).map(Some)
    }

    fn from_rows(
        registry: &Registry,
        row: UserRow,
        claims: Vec<ClaimRow>,
        given: Units,
    ) -> Result<Self> {
        let mut doc: Doc =
            serde_json::from_str(&row.doc.0).map_err(|e| corrupt("users", &row.id, e))?;
        // Derived; stored so that serving needs no schema.
        doc.remove("schemas");
        let claims: Result<Vec<Claim>> = claims
            .into_iter()
            .map(|claim| Claim::load(registry, claim))
            .collect();
        Ok(Self {
            row,
            doc,
            claims: claims?,
            given,
            is_new: false,
        })
    }

    /// Somebody nobody knew.
    pub(in crate::service) fn fresh(tenant: &str, id: String, doc: Doc, now: Millis) -> Self {
        let row = UserRow {
            tenant: tenant.to_owned(),
            id,
            doc: Json(String::new()),
            match_doc: Json(String::new()),
            user_name: String::new(),
            user_name_key: String::new(),
            display_name: None,
            display_name_key: None,
            manager_id: None,
            access: Access::Listed.as_str().to_owned(),
            access_reason: String::new(),
            access_params: None,
            access_since: now.0,
            sticky: false,
            has_access: false,
            is_public: false,
            written_by_others: false,
            admin_role: None,
            break_glass: false,
            removed_at: None,
            merged_into: None,
            source_epoch: 0,
            version: 1,
            doc_version: 1,
            created_at: now.0,
            updated_at: now.0,
            doc_updated_at: now.0,
            employment_state: None,
            start_date: None,
            end_date: None,
            added_via: None,
        };
        Self {
            row,
            doc,
            claims: Vec::new(),
            given: Units::new(),
            is_new: true,
        }
    }

    /// The place of a connection's claim.
    pub(in crate::service) fn position(&self, connection: &str) -> Option<usize> {
        self.claims
            .iter()
            .position(|c| c.row.connection_id == connection)
    }

    /// A new claim of a connection, live and active; returns its place.
    pub(in crate::service) fn add_claim(&mut self, connection: &str, now: Millis) -> usize {
        let row = ClaimRow {
            tenant: self.row.tenant.clone(),
            user_id: self.row.id.clone(),
            connection_id: connection.to_owned(),
            state: ClaimState::Live.as_str().to_owned(),
            external_id: None,
            active: Some(true),
            asserted: None,
            held: None,
            view_doc: None,
            view_match: None,
            user_name: None,
            user_name_key: None,
            display_name_key: None,
            manager_id: None,
            scim_id: None,
            version: None,
            updated_at: None,
            user_public: self.row.is_public,
            created_at: now.0,
            ended_at: None,
            undone: None,
            entity: None,
        };
        self.claims.push(Claim {
            row,
            asserted: None,
            held: BTreeSet::new(),
            undone: Undone::new(),
            is_new: true,
        });
        self.claims.len() - 1
    }

    /// One writer only: its claim is the effective document and stores nothing of its own.
    pub(in crate::service) fn is_sole(&self) -> bool {
        matches!(self.claims.as_slice(), [only] if only.asserted.is_none())
            && !self.row.written_by_others
    }

    /// A second writer has come: from now on every claim holds its own assertions.
    pub(in crate::service) fn materialise(&mut self, registry: &Registry) {
        let units = flatten(registry, ResourceKind::User, &self.doc);
        for claim in &mut self.claims {
            if claim.asserted.is_none() {
                claim.asserted = Some(if claim.is_new {
                    Units::new()
                } else {
                    units.clone()
                });
            }
        }
    }

    /// The document as the connection at this place reads it.
    pub(in crate::service) fn view_doc(&self, registry: &Registry, place: usize) -> Doc {
        match self.claims.get(place).and_then(|c| c.asserted.as_ref()) {
            None => self.doc.clone(),
            Some(asserted) => {
                let effective = flatten(registry, ResourceKind::User, &self.doc);
                unflatten(&own_view(asserted, &effective))
            }
        }
    }

    /// Somebody live asserts something.
    pub(in crate::service) fn is_claimed(&self) -> bool {
        self.claims.iter().any(Claim::takes_part)
    }

    /// Nobody loses a name or an address because a source left: what no other live claim says about them passes to the
    /// claim at this place, as it is in force.
    pub(in crate::service) fn inherit(&mut self, place: usize, effective: &Units) {
        let Some(mut heir) = self.claims[place].asserted.take() else {
            return;
        };
        let nothing = Units::new();
        let others: Vec<Part<'_, AttrPath>> = (0..)
            .zip(&self.claims)
            .filter(|(i, c)| *i != place && c.takes_part())
            .map(|(_, c)| c.part(&nothing))
            .collect();
        inherit(&mut heir, &others, effective, is_identity);
        self.claims[place].asserted = Some(heir);
    }

    /// The version in the connection's view.
    pub(in crate::service) fn view_version(&self, connection: &str) -> i64 {
        self.position(connection)
            .and_then(|i| self.claims[i].row.version)
            .unwrap_or(self.row.doc_version)
    }

    /// Access now.
    pub(in crate::service) fn access(&self) -> Access {
        Access::parse(&self.row.access).unwrap_or(Access::Listed)
    }

    /// Applies a decision about access.
    pub(in crate::service) fn decide(&mut self, decision: Decision, now: Millis) {
        let row = &mut self.row;
        if row.access != decision.access.as_str() || row.access_reason != decision.reason {
            decision.access.as_str().clone_into(&mut row.access);
            decision.reason.clone_into(&mut row.access_reason);
            row.access_params = None;
            row.access_since = now.0;
        }
        row.has_access = decision.has_access();
        row.is_public = decision.access.is_public() && row.removed_at.is_none();
    }

    /// The person as a connection's view has her; call after `settle`.
    pub(in crate::service) fn user_view(&self, connection: &str) -> Result<UserView> {
        let row = &self.row;
        let claim = self.position(connection).map(|i| &self.claims[i].row);
        Ok(UserView {
            id: claim
                .and_then(|c| c.scim_id.clone())
                .unwrap_or_else(|| row.id.clone()),
            user_id: row.id.clone(),
            doc: claim
                .and_then(|c| c.view_doc.clone())
                .unwrap_or_else(|| row.doc.clone()),
            active: claim.and_then(|c| c.active).unwrap_or(row.has_access),
            external_id: claim.and_then(|c| c.external_id.clone()),
            version: self.view_version(connection),
            created_at: row.created_at,
            updated_at: claim
                .and_then(|c| c.updated_at)
                .unwrap_or(row.doc_updated_at),
            access: row.access.clone(),
            access_reason: row.access_reason.clone(),
            access_params: row.access_params.clone(),
            has_access: row.has_access,
            employment_state: row.employment_state.clone(),
            start_date: row.start_date.clone(),
            end_date: row.end_date.clone(),
            // A source does not see it; a reader is read anew.
            added_via: None,
            app_user_id: None,
            entity: None,
            manager_id: match claim.filter(|c| c.view_doc.is_some()) {
                Some(own) => own.manager_id.clone(),
                None => row.manager_id.clone(),
            },
        })
    }
}

/// One of the units by which a person is recognised and reached.
pub(super) fn is_identity(unit: &AttrPath) -> bool {
    unit.urn.is_none() && unit.attr.as_deref().is_some_and(|a| IDENTITY.contains(&a))
}

/// Text attribute of a document.
pub(in crate::service) fn text<'d>(doc: &'d Doc, name: &str) -> Option<&'d str> {
    doc.get(name).and_then(Value::as_str)
}

/// The manager of a document, by id.
pub(in crate::service) fn manager(doc: &Doc) -> Option<&str> {
    doc.get(ENTERPRISE)
        .and_then(|e| e.pointer("/manager/value"))
        .and_then(Value::as_str)
}

/// The userName of a document; validation made sure that there is one.
pub(in crate::service) fn user_name(doc: &Doc) -> Result<&str> {
    text(doc, "userName")
        .ok_or_else(|| Error::Invalid(crate::scim::Error::invalid_value("`userName` is required")))
}
