//! Operations on a document.

use serde_json::Value;

use super::elements::{
    Picked, chosen, contains, read_only, remove_chosen, settle_primary, values_of,
};
use super::target::{self, Target};
use super::{Current, MemberChange, PatchRequest, Patched, Verb};
use crate::scim::Doc;
use crate::scim::document::{check_required, members};
use crate::scim::error::{Error, Result, quote};
use crate::scim::filter::Filter;
use crate::scim::fold::match_document;
use crate::scim::rules::{Rule, Rules};
use crate::scim::schema::{AttrPath, Attribute, Mutability, Registry, ResourceKind};
use crate::scim::units::{flatten, object};
use crate::scim::values::{check, check_one, kind_of, one_primary, unknown};

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
    }
    let mut out = work.out;
    check_required(registry, kind, &out.doc)?;
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
                Ok(target) => self.at(verb, &target, Some(value))?,
                Err(error) if key.contains('[') || !self.rules.allow(Rule::UnknownAttribute) => {
                    return Err(error);
                }
                Err(_) => {}
            }
        }
        Ok(())
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
            (ResourceKind::Group, "members", false) => self.members(verb, target, value),
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

    fn external_id(&mut self, verb: Verb, value: Option<Value>) -> Result<()> {
        self.out.external_id = match value {
            Some(Value::String(text)) if verb != Verb::Remove => {
                Some(text).filter(|t| !t.is_empty())
            }
            None | Some(Value::Null) => None,
            Some(_) if verb == Verb::Remove => None,
            Some(other) => {
                return Err(Error::invalid_value(format!(
                    "`externalId` takes text; got {}",
                    kind_of(&other)
                )));
            }
        };
        Ok(())
    }

    fn active(&mut self, verb: Verb, value: Option<Value>) -> Result<()> {
        if verb == Verb::Remove {
            return Err(Error::mutability(
                "`active` cannot be removed: replace it with false to deactivate",
            ));
        }
        let Some((attribute, _)) = self
            .registry
            .definition(self.kind, &AttrPath::core("active"))
        else {
            return Ok(());
        };
        let checked = check(
            attribute,
            value.unwrap_or(Value::Null),
            "active",
            self.rules,
        )?;
        self.out.active = checked.and_then(|v| v.as_bool()).or(self.out.active);
        Ok(())
    }

    fn members(&mut self, verb: Verb, target: &Target, value: Option<Value>) -> Result<()> {
        let change = match (verb, target) {
            (_, Target::Attr(path)) if path.sub.is_some() => {
                return Err(Error::mutability(
                    "parts of a member cannot be changed: remove it and add another",
                ));
            }
            (
                Verb::Remove,
                Target::Elements {
                    filter, sub: None, ..
                },
            ) => {
                let mut ids = Vec::new();
                if !values_of(filter, &mut ids) {
                    return Err(Error::invalid_filter(
                        "members are selected by `value eq \"…\"`, several joined by `or`",
                    ));
                }
                MemberChange::Remove(ids)
            }
            (_, Target::Elements { .. }) => {
                return Err(Error::mutability(
                    "parts of a member cannot be changed: remove it and add another",
                ));
            }
            (Verb::Remove, Target::Attr(_)) => {
                match members(value.unwrap_or(Value::Null), "value", self.rules)? {
                    Some(list) if self.rules.allow(Rule::RemoveWithValue) => {
                        MemberChange::Remove(list.into_iter().map(|m| m.value).collect())
                    }
                    _ => MemberChange::RemoveAll,
                }
            }
            (verb, Target::Attr(_)) => {
                let list =
                    members(value.unwrap_or(Value::Null), "value", self.rules)?.unwrap_or_default();
                if verb == Verb::Add {
                    MemberChange::Add(list)
                } else {
                    MemberChange::Replace(list)
                }
            }
        };
        self.out.members.push(change);
        Ok(())
    }

    fn extension(&mut self, verb: Verb, path: &AttrPath, value: Option<Value>) -> Result<()> {
        let urn = path.urn.clone().unwrap_or_default();
        let Some(schema) = self.registry.extension(self.kind, &urn) else {
            return Ok(());
        };
        if verb == Verb::Remove {
            if schema
                .attributes
                .iter()
                .all(|a| a.mutability == Mutability::ReadOnly)
            {
                return Err(read_only(path));
            }
            self.out.doc.remove(&urn);
            return Ok(());
        }
        let map = match value.unwrap_or(Value::Null) {
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
                self.elements(verb, &path.with_sub(None), &picked, value)?;
            }
            Some(sub) => self.sub_attribute(verb, path, sub, value)?,
            None if top.multi_valued => self.list(verb, path, top, value)?,
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
        match checked {
            Some(value) => map.insert(sub.name.clone(), value),
            None => map.remove(&sub.name),
        };
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
        let value = value
            .filter(|_| verb != Verb::Remove)
            .unwrap_or(Value::Null);
        let complex = !top.sub_attributes.is_empty();
        if complex {
            self.out.touched.extend(
                top.sub_attributes
                    .iter()
                    .filter(|s| value.get(&s.name).is_some())
                    .map(|s| path.with_sub(Some(&s.name))),
            );
        } else {
            self.out.touched.insert(path.clone());
        }
        if value.is_null() {
            if top.required {
                return Err(Error::mutability(format!(
                    "`{path}` is required and cannot be removed"
                )));
            }
            self.home(path).remove(&top.name);
            return Ok(());
        }
        // Parts that are null go; the check leaves them out.
        let gone: Vec<String> = match &value {
            Value::Object(map) => {
                let nulls = map.iter().filter(|(_, v)| v.is_null());
                nulls
                    .filter_map(|(k, _)| top.sub(k))
                    .map(|s| s.name.clone())
                    .collect()
            }
            _ => Vec::new(),
        };
        match check(top, value, &path.to_string(), self.rules)? {
            Some(Value::Object(parts)) if complex => {
                let map = object(self.home(path), &top.name);
                gone.iter().for_each(|name| {
                    map.remove(name);
                });
                map.extend(parts);
            }
            Some(value) => {
                self.home(path).insert(top.name.clone(), value);
            }
            None => {
                if complex {
                    let map = object(self.home(path), &top.name);
                    gone.iter().for_each(|name| {
                        map.remove(name);
                    });
                } else {
                    self.home(path).remove(&top.name);
                }
            }
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
        self.out.touched.insert(path.clone());
        let given = match value {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(items)) => items,
            Some(one) => vec![one],
        };
        let mut checked = Vec::with_capacity(given.len());
        for (i, item) in given.into_iter().enumerate() {
            checked.extend(check_one(top, item, &format!("{path}[{i}]"), self.rules)?);
        }
        one_primary(&checked, &path.to_string())?;
        let name = top.name.clone();
        let mut items = self.take_list(path);
        match verb {
            Verb::Replace => items = checked,
            Verb::Add => {
                let first_new = items.len();
                for item in checked {
                    if !items.contains(&item) {
                        items.push(item);
                    }
                }
                let fresh: Vec<usize> = (first_new..items.len()).collect();
                settle_primary(&mut items, &fresh);
            }
            // Without a value all go; with one only its equals do.
            Verb::Remove if checked.is_empty() => items.clear(),
            Verb::Remove => items.retain(|item| !checked.iter().any(|gone| contains(item, gone))),
        }
        self.home(path).insert(name, Value::Array(items));
        Ok(())
    }

    fn take_list(&mut self, path: &AttrPath) -> Vec<Value> {
        let name = path.attr.clone().unwrap_or_default();
        match self.home(path).remove(&name) {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        }
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
        let folded = match_document(registry, self.kind, &self.out.doc);
        let mut items = self.take_list(path);
        let chosen = chosen(&folded, path, picked.filter, items.len());
        self.out.touched.insert(path.clone());
        match verb {
            Verb::Remove => remove_chosen(&mut items, &chosen, picked.sub),
            _ => {
                let at = path.to_string();
                let parts = picked.parts(top, value.unwrap_or(Value::Null), &at, self.rules)?;
                let mut targets = chosen;
                if targets.is_empty() {
                    if !self.rules.allow(Rule::FilterPathCreates) {
                        return Err(Error::no_target(format!(
                            "no value of `{path}` satisfies the filter"
                        )));
                    }
                    let seed: Doc = picked.seeds.iter().cloned().collect();
                    items.extend(
                        check_one(top, Value::Object(seed), &at, self.rules)?
                            .or(Some(Value::Object(Doc::new()))),
                    );
                    targets.push(items.len() - 1);
                }
                for i in &targets {
                    if let Some(Value::Object(map)) = items.get_mut(*i) {
                        parts.iter().for_each(|(name, value)| match value {
                            Value::Null => {
                                map.remove(name);
                            }
                            value => {
                                map.insert(name.clone(), value.clone());
                            }
                        });
                    }
                }
                settle_primary(&mut items, &targets);
            }
        }
        items.retain(|item| item.as_object().is_none_or(|map| !map.is_empty()));
        one_primary(&items, &path.to_string())?;
        self.home(path)
            .insert(top.name.clone(), Value::Array(items));
        self.tidy(path);
        Ok(())
    }
}
