//! Operations on a document.

use serde_json::Value;

use super::elements::{
    Picked, is_primary, read_only, removal_by_value, remove_chosen, remove_equal, settle_primary,
    write,
};
use super::members;
use super::target::{self, Target};
use super::{Current, PatchRequest, Patched, Verb};
use crate::scim::Doc;
use crate::scim::document::{check_required, check_size};
use crate::scim::error::{Error, Result, quote};
use crate::scim::filter::Filter;
use crate::scim::immutable;
use crate::scim::rules::{Rule, Rules};
use crate::scim::schema::{AttrPath, Attribute, Mutability, Registry, ResourceKind};
use crate::scim::units::{flatten, object};
use crate::scim::values::{check, check_list, check_one, kind_of, one, parts, settled, unknown};

/// Applies all operations in order to a copy of the document.
///
/// # Errors
/// The first operation that cannot be applied; nothing is changed then.
pub fn apply(
    registry: &Registry,
    kind: ResourceKind,
    request: &PatchRequest,
    current: &Current<'_>,
    rules: &mut Rules,
) -> Result<Patched> {
    let out = Patched {
        doc: current.doc.clone(),
        external_id: current.external_id.map(str::to_owned),
        ..Patched::default()
    };
    let mut work = Work {
        registry,
        kind,
        rules,
        out,
    };
    for operation in &request.operations {
        let value = operation.value.clone();
        match &operation.path {
            None => work.without_path(operation.verb, value.unwrap_or(Value::Null))?,
            Some(path) => {
                let target = target::resolve(registry, kind, path, work.rules)?;
                work.at(operation.verb, &target, value)?;
            }
        }
        check_size(&work.out.doc)?;
    }
    let mut out = work.out;
    check_required(registry, kind, &out.doc)?;
    immutable::hold(registry, kind, current.doc, &mut out.doc)?;
    let before = flatten(registry, kind, current.doc);
    let after = flatten(registry, kind, &out.doc);
    let changed = before
        .keys()
        .chain(after.keys())
        .filter(|unit| before.get(*unit) != after.get(*unit));
    out.touched.extend(changed.cloned());
    Ok(out)
}

struct Work<'a> {
    registry: &'a Registry,
    kind: ResourceKind,
    rules: &'a mut Rules,
    out: Patched,
}

impl Work<'_> {
    /// The value object's keys are attributes, paths with dots, or URNs of extensions.
    fn without_path(&mut self, verb: Verb, value: Value) -> Result<()> {
        let Value::Object(map) = value else {
            return Err(Error::invalid_value(format!(
                "an operation without path takes an object; got {}",
                kind_of(&value)
            )));
        };
        for (key, value) in map {
            let is_path = key.contains(['.', '[']);
            if is_path
                && self.registry.extension(self.kind, &key).is_none()
                && !self.rules.allow(Rule::DottedKeys)
            {
                return Err(unknown(&quote(&key)));
            }
            match target::resolve(self.registry, self.kind, &key, self.rules) {
                Ok(Target::Attr(path)) if self.is_read_only(&path) => {
                    if !self.rules.allow(Rule::ReadOnlyKeysIgnored) {
                        return Err(read_only(&path));
                    }
                }
                // In a whole group null says nothing about its members (RFC 7643 §2.5); only a path empties it by null.
                Ok(Target::Attr(path)) if value.is_null() && self.is_members(&path) => {}
                Ok(target) => self.at(verb, &target, Some(value))?,
                Err(error) if key.contains('[') || !self.rules.allow(Rule::UnknownAttribute) => {
                    return Err(error);
                }
                Err(_) => {}
            }
        }
        Ok(())
    }

    fn is_members(&self, path: &AttrPath) -> bool {
        self.kind == ResourceKind::Group && path.is_core("members")
    }

    fn is_read_only(&self, path: &AttrPath) -> bool {
        self.registry
            .definition(self.kind, path)
            .is_some_and(|(top, sub)| {
                top.mutability == Mutability::ReadOnly
                    || sub.is_some_and(|s| s.mutability == Mutability::ReadOnly)
            })
    }

    fn at(&mut self, verb: Verb, target: &Target, value: Option<Value>) -> Result<()> {
        let path = match target {
            Target::Attr(path) | Target::Elements { path, .. } => path.clone(),
        };
        let Some(name) = path.attr.clone() else {
            return self.extension(verb, &path, value);
        };
        if self.is_read_only(&path) {
            return Err(read_only(&path));
        }
        match (self.kind, name.as_str(), path.urn.is_some()) {
            (_, "externalId", false) => self.external_id(verb, value),
            (ResourceKind::User, "active", false) => self.active(verb, value),
            // Neither kept nor returned; nothing else to do.
            (ResourceKind::User, "password", false) => Ok(()),
            _ if self.is_members(&path) => self.members(verb, target, value),
            _ => match target {
                Target::Attr(path) => self.attribute(verb, path, value),
                Target::Elements {
                    path,
                    filter,
                    seeds,
                    sub,
                } => {
                    let picked = Picked {
                        filter,
                        seeds,
                        sub: sub.as_deref(),
                    };
                    self.elements(verb, path, &picked, value)
                }
            },
        }
    }

    /// Checks the value of an attribute that is kept beside the document.
    fn beside(&mut self, name: &str, value: Option<Value>) -> Result<Option<Value>> {
        let path = AttrPath::core(name);
        match self.registry.definition(self.kind, &path) {
            Some((attribute, _)) => {
                check(attribute, value.unwrap_or(Value::Null), name, self.rules)
            }
            None => Ok(None),
        }
    }

    fn external_id(&mut self, verb: Verb, value: Option<Value>) -> Result<()> {
        let value = value.filter(|_| verb != Verb::Remove);
        self.out.external_id = match self.beside("externalId", value)? {
            Some(Value::String(text)) => Some(text).filter(|t| !t.is_empty()),
            _ => None,
        };
        Ok(())
    }

    fn active(&mut self, verb: Verb, value: Option<Value>) -> Result<()> {
        if verb == Verb::Remove {
            return Err(Error::mutability(
                "`active` cannot be removed: replace it with false to deactivate",
            ));
        }
        let given = self.beside("active", value)?;
        self.out.active = given.and_then(|v| v.as_bool()).or(self.out.active);
        Ok(())
    }

    fn members(&mut self, verb: Verb, target: &Target, value: Option<Value>) -> Result<()> {
        let change = members::change(verb, target, value, self.rules)?;
        self.out.members.push(change);
        members::check_named(&self.out.members, self.rules.limits().members)
    }

    fn extension(&mut self, verb: Verb, path: &AttrPath, value: Option<Value>) -> Result<()> {
        let urn = path.urn.clone().unwrap_or_default();
        let value = value.unwrap_or(Value::Null);
        if verb == Verb::Remove || (verb == Verb::Replace && value.is_null()) {
            self.out.doc.remove(&urn);
            return Ok(());
        }
        let map = match value {
            Value::Null => return Ok(()),
            Value::Object(map) => map,
            other => {
                return Err(Error::invalid_value(format!(
                    "`{urn}` takes an object; got {}",
                    kind_of(&other)
                )));
            }
        };
        for (name, value) in map {
            let full = format!("{urn}:{name}");
            match self.registry.resolve(self.kind, &full) {
                Some(inner)
                    if self.is_read_only(&inner) && self.rules.allow(Rule::ReadOnlyKeysIgnored) => {
                }
                Some(inner) => self.at(verb, &Target::Attr(inner), Some(value))?,
                None if self.rules.allow(Rule::UnknownAttribute) => {}
                None => return Err(unknown(&quote(&full))),
            }
        }
        Ok(())
    }

    /// The object that holds an attribute: the document, or an extension in it.
    fn home(&mut self, path: &AttrPath) -> &mut Doc {
        match &path.urn {
            None => &mut self.out.doc,
            Some(urn) => object(&mut self.out.doc, urn),
        }
    }

    /// Leaves no empty list or object behind.
    fn tidy(&mut self, path: &AttrPath) {
        let name = path.attr.as_deref().unwrap_or_default();
        let home = self.home(path);
        let empty = match home.get(name) {
            Some(Value::Array(items)) => items.is_empty(),
            Some(Value::Object(map)) => map.is_empty(),
            Some(Value::Null) => true,
            _ => false,
        };
        if empty {
            home.remove(name);
        }
        let home_is_empty = home.is_empty();
        if let (Some(urn), true) = (&path.urn, home_is_empty) {
            self.out.doc.remove(urn);
        }
    }

    fn attribute(&mut self, verb: Verb, path: &AttrPath, value: Option<Value>) -> Result<()> {
        let registry = self.registry;
        let Some((top, sub)) = registry.definition(self.kind, path) else {
            return Err(Error::invalid_path(format!("no schema has `{path}`")));
        };
        match sub {
            Some(sub) if top.multi_valued => {
                let everything = Filter::And(Vec::new());
                let picked = Picked {
                    filter: &everything,
                    seeds: &[],
                    sub: Some(&sub.name),
                };
                return self.elements(verb, &path.with_sub(None), &picked, value);
            }
            None if top.multi_valued => return self.list(verb, path, top, value),
            Some(sub) => self.sub_attribute(verb, path, sub, value)?,
            None => self.single(verb, path, top, value)?,
        }
        self.tidy(path);
        Ok(())
    }

    fn sub_attribute(
        &mut self,
        verb: Verb,
        path: &AttrPath,
        sub: &Attribute,
        value: Option<Value>,
    ) -> Result<()> {
        let checked = match verb {
            Verb::Remove => None,
            _ => check(
                sub,
                value.unwrap_or(Value::Null),
                &path.to_string(),
                self.rules,
            )?,
        };
        self.out.touched.insert(path.clone());
        let attr = path.attr.clone().unwrap_or_default();
        let map = object(self.home(path), &attr);
        write(map, &sub.name, checked.unwrap_or(Value::Null));
        Ok(())
    }

    /// A single value: a complex one is merged part by part, a simple one replaced.
    fn single(
        &mut self,
        verb: Verb,
        path: &AttrPath,
        top: &Attribute,
        value: Option<Value>,
    ) -> Result<()> {
        let value = value.filter(|_| verb != Verb::Remove);
        let value = one(value.unwrap_or(Value::Null), self.rules);
        let at = path.to_string();
        if top.sub_attributes.is_empty() {
            self.out.touched.insert(path.clone());
        }
        if value.is_null() {
            if top.required {
                return Err(Error::mutability(format!(
                    "`{at}` is required and cannot be removed"
                )));
            }
            self.home(path).remove(&top.name);
        } else if top.sub_attributes.is_empty() {
            let checked = check_one(top, value, &at, self.rules)?;
            write(self.home(path), &top.name, checked.unwrap_or(Value::Null));
        } else {
            let parts = parts(top, value, &at, self.rules)?;
            let written = parts.keys().map(|name| path.with_sub(Some(name)));
            self.out.touched.extend(written);
            let map = object(self.home(path), &top.name);
            parts
                .into_iter()
                .for_each(|(name, part)| write(map, &name, part));
        }
        Ok(())
    }

    fn list(
        &mut self,
        verb: Verb,
        path: &AttrPath,
        top: &Attribute,
        value: Option<Value>,
    ) -> Result<()> {
        let at = path.to_string();
        let given = match value {
            None | Some(Value::Null) => None,
            Some(Value::Array(items)) => Some(items),
            Some(one) => Some(vec![one]),
        };
        if verb == Verb::Remove && given.is_some() {
            removal_by_value(path, self.rules)?;
        }
        let given = given
            .map(|items| check_list(top, items, &at, self.rules))
            .transpose()?;
        let mut items = self.take_list(path);
        match (verb, given) {
            (Verb::Replace, given) => items = given.unwrap_or_default(),
            (Verb::Add, given) => {
                let given = given.unwrap_or_default();
                if given.iter().any(is_primary) {
                    settle_primary(&mut items, None);
                }
                items.extend(given);
            }
            (Verb::Remove, None) => items.clear(),
            (Verb::Remove, Some(gone)) => remove_equal(top, &mut items, &gone),
        }
        self.put_list(path, top, items)
    }

    fn take_list(&mut self, path: &AttrPath) -> Vec<Value> {
        let name = path.attr.clone().unwrap_or_default();
        match self.home(path).remove(&name) {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        }
    }

    fn put_list(&mut self, path: &AttrPath, top: &Attribute, items: Vec<Value>) -> Result<()> {
        let items = settled(top, items, &path.to_string())?;
        self.out.touched.insert(path.clone());
        self.home(path)
            .insert(top.name.clone(), Value::Array(items));
        self.tidy(path);
        Ok(())
    }

    fn elements(
        &mut self,
        verb: Verb,
        path: &AttrPath,
        picked: &Picked<'_>,
        value: Option<Value>,
    ) -> Result<()> {
        let registry = self.registry;
        let Some((top, _)) = registry.definition(self.kind, path) else {
            return Err(Error::invalid_path(format!("no schema has `{path}`")));
        };
        let mut items = self.take_list(path);
        let mut targets = picked.places(top, &items);
        if verb == Verb::Remove {
            remove_chosen(&mut items, &targets, picked.sub);
        } else {
            let at = path.to_string();
            let parts = picked.parts(top, value.unwrap_or(Value::Null), &at, self.rules)?;
            // RFC 7644 §3.5.2.3: a value takes the place of the elements that a filter selects. A new one starts from
            // what the filter demands.
            let replaces = verb == Verb::Replace && picked.sub.is_none() && !targets.is_empty();
            if targets.is_empty() {
                items.push(self.new_element(path, top, picked)?);
                targets.push(items.len() - 1);
            }
            for i in &targets {
                if let Some(Value::Object(map)) = items.get_mut(*i) {
                    if replaces {
                        map.clear();
                    }
                    for (name, part) in &parts {
                        write(map, name, part.clone());
                    }
                }
            }
            let winner = targets.iter().rev().find(|i| is_primary(&items[**i]));
            if let Some(winner) = winner.copied() {
                settle_primary(&mut items, Some(winner));
            }
        }
        items.retain(|item| item.as_object().is_none_or(|map| !map.is_empty()));
        self.put_list(path, top, items)
    }

    /// An element that satisfies a filter which none does so far; by rule, and only if equality is all that it demands.
    fn new_element(
        &mut self,
        path: &AttrPath,
        top: &Attribute,
        picked: &Picked<'_>,
    ) -> Result<Value> {
        let seed = Value::Object(picked.seeds.iter().cloned().collect());
        let element = check_one(top, seed, &path.to_string(), self.rules)?
            .unwrap_or_else(|| Value::Object(Doc::new()));
        if picked.selects(top, &element) && self.rules.allow(Rule::FilterPathCreates) {
            return Ok(element);
        }
        Err(Error::no_target(format!(
            "no value of `{path}` satisfies the filter"
        )))
    }
}
