//! What a human gave somebody by an invitation, as values by unit. It counts where no source says anything, and before what
//! the app says. And what no source may give: elevated roles that the operator did not open to sources.

use serde_json::{Value, json};

use super::attributes::{Attributes, ENTITY, GIVEN, Given};
use crate::scim::Doc;
use crate::scim::schema::{AttrPath, Registry, ResourceKind};
use crate::scim::units::{Units, flatten, unflatten};
use crate::service::error::Result;
use crate::service::users::model::{Claim, Model};
use crate::storage::Scope;

const KIND: ResourceKind = ResourceKind::User;
const ROLES: &str = "roles";

/// The units of what is given. A field whose schema is not known here yet is left out.
fn units(registry: &Registry, given: &Given) -> Units {
    let mut doc = Doc::new();
    if !given.roles.is_empty() {
        let roles = given.roles.iter().map(|role| json!({"value": role}));
        doc.insert(ROLES.to_owned(), roles.collect());
    }
    let entity = given
        .entity
        .iter()
        .map(|e| (ENTITY, Value::from(e.as_str())));
    let fields = given.fields.iter().map(|(n, v)| (n.as_str(), v.clone()));
    let known = entity
        .chain(fields)
        .filter(|(name, _)| registry.resolve(KIND, &format!("{GIVEN}:{name}")).is_some());
    let extension: Doc = known.map(|(n, v)| (n.to_owned(), v)).collect();
    if !extension.is_empty() {
        doc.insert(GIVEN.to_owned(), Value::Object(extension));
    }
    flatten(registry, KIND, &doc)
}

/// Gives somebody what her invitation says, with what is given by default; to be settled.
pub(super) fn give(registry: &Registry, model: &mut Model, attributes: &Attributes, given: Given) {
    let units = units(registry, &attributes.complete(given));
    if units.is_empty() {
        return;
    }
    // From now on what sources assert and what is in force are two things.
    model.materialise(registry);
    model.row.written_by_others = true;
    model.given.extend(units);
}

/// Puts what was given into the document of somebody of whom no source says anything.
pub(in crate::service) fn overlay(registry: &Registry, model: &mut Model) {
    if model.given.is_empty() {
        return;
    }
    let mut units = flatten(registry, KIND, &model.doc);
    units.extend(model.given.clone());
    model.doc = unflatten(&units);
}

/// Roles of a value.
fn without(roles: &Value, barred: impl Fn(&str) -> bool) -> Option<Vec<Value>> {
    let all = roles.as_array()?;
    let is_barred = |item: &&Value| item["value"].as_str().is_some_and(&barred);
    let rest = all.iter().filter(|item| !is_barred(item));
    let rest: Vec<Value> = rest.cloned().collect();
    (rest.len() < all.len()).then_some(rest)
}

/// What a source says of roles that takes part.
fn said<'m>(model: &'m Model, claim: &'m Claim) -> Option<&'m Value> {
    let path = AttrPath::core(ROLES);
    match &claim.asserted {
        None => model.doc.get(ROLES),
        Some(asserted) => match claim.held.contains(&path) {
            true => claim.undone.get(&path).and_then(Option::as_ref),
            false => asserted.get(&path),
        },
    }
}

/// Elevated roles that a source may not give take no part: it reads them back, and nobody has them by it.
pub(in crate::service) fn bar_roles(
    scope: &mut Scope<'_>,
    registry: &Registry,
    model: &mut Model,
) -> Result<()> {
    let is_source = |claim: &Claim| claim.takes_part() && !claim.is_of_app();
    let speaks = |claim: &&Claim| is_source(claim) && said(model, claim).is_some();
    if !model.claims.iter().any(|claim| speaks(&claim)) {
        return Ok(());
    }
    let attributes = Attributes::find(scope)?;
    let barred = attributes.barred();
    if barred.is_empty() {
        return Ok(());
    }
    let path = AttrPath::core(ROLES);
    for place in 0..model.claims.len() {
        let claim = &model.claims[place];
        if !is_source(claim) {
            continue;
        }
        let rest = said(model, claim).and_then(|roles| without(roles, |r| barred.contains(r)));
        let Some(rest) = rest else { continue };
        let rest = (!rest.is_empty()).then_some(Value::from(rest));
        if claim.is_new && claim.asserted.is_none() {
            // Its assertions are the document that it came with.
            model.claims[place].asserted = Some(flatten(registry, KIND, &model.doc));
        }
        model.materialise(registry);
        // What was in force before stays so where nobody says anything else.
        match &rest {
            Some(roles) => drop(model.doc.insert(ROLES.to_owned(), roles.clone())),
            None => drop(model.doc.remove(ROLES)),
        }
        let claim = &mut model.claims[place];
        claim.held.insert(path.clone());
        claim.undone.insert(path.clone(), rest);
    }
    Ok(())
}

/// Somebody who returns does not get elevated roles back. Answers whether she had any.
pub(in crate::service) fn drop_elevated(scope: &mut Scope<'_>, model: &mut Model) -> Result<bool> {
    let path = AttrPath::core(ROLES);
    let Some(roles) = model.given.get(&path) else {
        return Ok(false);
    };
    let attributes = Attributes::find(scope)?;
    let elevated = attributes.elevated();
    let Some(rest) = without(roles, |r| elevated.contains(r)) else {
        return Ok(false);
    };
    match rest.is_empty() {
        true => drop(model.given.remove(&path)),
        false => drop(model.given.insert(path, Value::from(rest))),
    }
    // What nobody says any more would otherwise stay in force.
    let in_force = model.doc.get(ROLES);
    let rest = in_force.and_then(|roles| without(roles, |r| elevated.contains(r)));
    match rest {
        Some(rest) if rest.is_empty() => drop(model.doc.remove(ROLES)),
        Some(rest) => drop(model.doc.insert(ROLES.to_owned(), Value::from(rest))),
        None => {}
    }
    Ok(true)
}
