//! In which order the operations of a bulk request are carried out: that of the request, except that what an operation
//! refers to comes before it, wherever it stands. Operations that do not depend on each other run at once, in waves.
//!
//! Resources that refer to each other in a circle (RFC 7644 §3.7.1) are made in two parts: one of them begins without
//! the reference, and is completed by a PATCH when the others are there.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::references::{completion, leave_out, resolve};
use super::{Operation, Target, Work};
use crate::scim::error::{Error, Result, quote};
use crate::scim::json;

/// How much of an operation a step carries out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole,
    /// A POST without the references that cannot be resolved yet.
    Begin,
    /// The PATCH that adds these.
    Complete,
}

/// The next thing to do about an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Which operation, counted from 0.
    pub operation: usize,
    /// How much of it.
    pub part: Part,
}

/// A request as it would be sent by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared<'b> {
    /// Method.
    pub method: &'static str,
    /// Such as `/Users`.
    pub endpoint: &'b str,
    /// Id of the resource, as it stands in the path.
    pub id: Option<String>,
    /// `If-Match`.
    pub version: Option<&'b str>,
    /// Body.
    pub body: Cow<'b, str>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    Waiting,
    /// Created in part, under this id.
    Begun(String),
    /// Created, under this id; other operations and failed ones have none.
    Done(Option<String>),
}

/// How far the operations are.
#[derive(Debug)]
pub struct Schedule<'r> {
    operations: &'r [Operation<'r>],
    phases: Vec<Phase>,
    /// All operations; those that others refer to before these.
    order: Vec<usize>,
    /// Which of them stand before their place because of that.
    is_pulled: Vec<bool>,
    /// Which may be several writes.
    is_large: Vec<bool>,
    /// The POST of each `bulkId`.
    makers: HashMap<&'r str, usize>,
    /// POSTs to which the data of each operation refers.
    needs: Vec<Vec<usize>>,
    /// How many of them are not there yet.
    lacks: Vec<usize>,
    /// The other way round: operations that need each POST.
    needed_by: Vec<Vec<usize>>,
}

impl<'r> Schedule<'r> {
    /// Nothing is done yet.
    pub fn new(operations: &'r [Operation<'r>]) -> Self {
        let named = operations.iter().enumerate();
        let makers: HashMap<&str, usize> =
            named.filter_map(|(i, o)| Some((o.makes()?, i))).collect();
        let needs: Vec<Vec<usize>> = operations
            .iter()
            .map(|operation| {
                let names = operation.work.iter().flat_map(|work| &work.references);
                names
                    .filter_map(|n| makers.get(n.as_str()).copied())
                    .collect()
            })
            .collect();
        let mut needed_by = vec![Vec::new(); operations.len()];
        for (i, makers) in needs.iter().enumerate() {
            makers.iter().for_each(|maker| needed_by[*maker].push(i));
        }
        let (order, is_pulled) = order(operations, &makers);
        Self {
            operations,
            phases: vec![Phase::Waiting; operations.len()],
            order,
            is_pulled,
            is_large: operations.iter().map(is_large).collect(),
            makers,
            lacks: needs.iter().map(Vec::len).collect(),
            needs,
            needed_by,
        }
    }

    fn work(&self, i: usize) -> Option<&'r Work<'r>> {
        self.operations[i].work.as_ref().ok()
    }

    /// The operations next in order that pass none before them which they must not pass; and whether each is ready.
    ///
    /// Each is one write, in the order in which they begin, except that a DELETE may be several: what it sets free may
    /// be taken only by what begins later. Of several writes may also be a change of many members: the next operation on
    /// that resource waits until it has ended. So that those that wait do not keep the others from sharing a commit, POSTs
    /// pass each other, and those that were pulled forward have no place in the order to keep.
    fn run(&self) -> Vec<(usize, bool)> {
        let mut run = Vec::new();
        let (mut deletes, mut waits, mut is_shut) = (None, false, false);
        let mut at_work: HashSet<(&str, &Target)> = HashSet::new();
        let left = self.order.iter().copied();
        for i in left.filter(|i| !matches!(self.phases[*i], Phase::Done(_))) {
            let resource = self.work(i).and_then(Work::resource);
            let is_free = resource.is_none_or(|resource| !at_work.contains(&resource));
            let is_ready = self.is_ready(i) && is_free;
            waits |= !is_ready;
            if self.is_large[i] {
                at_work.extend(resource);
            }
            if let Some(method) = self.work(i).map(|w| w.method) {
                let is_delete = method == "DELETE";
                if *deletes.get_or_insert(is_delete) != is_delete {
                    break;
                }
                is_shut |= waits && method != "POST";
            }
            if !is_shut || self.is_pulled[i] {
                run.push((i, is_ready));
            }
        }
        run
    }

    /// The next wave; empty when all is done. Whoever carries out the beginning of it only asks again for the rest.
    pub fn next_wave(&self) -> Vec<Step> {
        let run = self.run();
        let ready = run.iter().filter(|(_, is_ready)| *is_ready);
        let wave: Vec<Step> = ready
            .map(|(operation, _)| Step {
                operation: *operation,
                part: match self.phases[*operation] {
                    Phase::Begun(_) => Part::Complete,
                    _ => Part::Whole,
                },
            })
            .collect();
        if wave.is_empty() {
            let left = run.into_iter().map(|(operation, _)| operation);
            let left: Vec<usize> = left.filter(|i| self.phases[*i] == Phase::Waiting).collect();
            return self.break_circles(&left);
        }
        wave
    }

    /// All that an operation refers to is there; the resource that its path names is complete, too.
    fn is_ready(&self, i: usize) -> bool {
        let is_there = match self.work(i).and_then(|w| w.target.as_ref()) {
            Some(Target::Made(name)) => self
                .makers
                .get(name.as_str())
                .is_none_or(|maker| matches!(self.phases[*maker], Phase::Done(_))),
            _ => true,
        };
        is_there && self.lacks[i] == 0
    }

    /// When everything waits for something, some POSTs wait for each other: one of each circle begins. Those that only
    /// wait for a circle go on waiting.
    fn break_circles(&self, left: &[usize]) -> Vec<Step> {
        let circles = self.in_circles(left);
        let mut lacks = self.lacks.clone();
        let mut is_there = vec![false; lacks.len()];
        let mut wave = Vec::new();
        for operation in left.iter().copied().filter(|i| circles[*i]) {
            if is_there[operation] {
                continue;
            }
            let part = Part::Begin;
            wave.push(Step { operation, part });
            // All that can follow it as a whole.
            let mut fresh = vec![operation];
            while let Some(i) = fresh.pop() {
                if std::mem::replace(&mut is_there[i], true) {
                    continue;
                }
                let waits = |by: &&usize| self.phases[**by] == Phase::Waiting;
                for by in self.needed_by[i].iter().filter(waits) {
                    lacks[*by] -= 1;
                    if lacks[*by] == 0 {
                        fresh.push(*by);
                    }
                }
            }
        }
        wave
    }

    /// Which of these are in a circle, or between two of them.
    fn in_circles(&self, left: &[usize]) -> Vec<bool> {
        let mut circles = vec![false; self.phases.len()];
        left.iter().for_each(|i| circles[*i] = true);
        let mut wanted: Vec<usize> = self
            .needed_by
            .iter()
            .map(|by| by.iter().filter(|by| circles[**by]).count())
            .collect();
        let mut outside: Vec<usize> = left.iter().copied().filter(|i| wanted[*i] == 0).collect();
        while let Some(i) = outside.pop() {
            circles[i] = false;
            for maker in self.needs[i]
                .iter()
                .copied()
                .filter(|maker| circles[*maker])
            {
                wanted[maker] -= 1;
                if wanted[maker] == 0 {
                    outside.push(maker);
                }
            }
        }
        circles
    }

    /// The request of a step.
    ///
    /// # Errors
    /// What was wrong with the operation from the start, or 409 if something that it refers to could not be created.
    pub fn prepare(&self, step: Step) -> Result<Prepared<'r>> {
        let i = step.operation;
        let operations: &'r [Operation<'r>] = self.operations;
        let work = operations[i].work.as_ref().map_err(Clone::clone)?;
        self.check_references(i, work, step.part)?;
        let mut prepared = Prepared {
            method: work.method,
            endpoint: &work.endpoint,
            id: self.target_of(i).map(|(_, id)| id.to_owned()),
            // What is created has no version yet.
            version: work.version.as_deref().filter(|_| work.target.is_some()),
            body: Cow::Borrowed(work.data),
        };
        if let (Part::Complete, Phase::Begun(id)) = (step.part, &self.phases[i]) {
            (prepared.method, prepared.id) = ("PATCH", Some(id.clone()));
        }
        if !work.references.is_empty() {
            let mut data = json::parse(work.data.as_bytes())?;
            match step.part {
                Part::Whole => {}
                Part::Begin => drop(leave_out(&mut data, &|name| self.id_of(name).is_none())),
                Part::Complete => data = completion(data),
            }
            resolve(&mut data, &|name| self.id_of(name));
            prepared.body = Cow::Owned(data.to_string());
        }
        Ok(prepared)
    }

    fn check_references(&self, i: usize, work: &Work<'_>, part: Part) -> Result<()> {
        let is_failed = |name: &&str| {
            let maker = self.makers.get(name).map(|maker| &self.phases[*maker]);
            matches!(maker, None | Some(Phase::Done(None)))
        };
        match work.names().find(is_failed) {
            None => Ok(()),
            Some(name) if part == Part::Complete => Err(Error::plain(
                409,
                format!(
                    "`Operations[{i}]`: the resource was created without its reference to `bulkId:{}`, which could \
                     not be created itself: PATCH or DELETE the resource",
                    quote(name)
                ),
            )),
            Some(name) => Err(Error::plain(
                409,
                format!(
                    "`Operations[{i}]` refers to `bulkId:{}`, which could not be created",
                    quote(name)
                ),
            )),
        }
    }

    /// Endpoint and id of the resource that an operation's path names, as far as they are known.
    pub fn target_of(&self, operation: usize) -> Option<(&str, &str)> {
        let work = self.work(operation)?;
        let id = match work.target.as_ref()? {
            Target::Id(id) => id,
            Target::Made(name) => self.id_of(name)?,
        };
        Some((&work.endpoint, id))
    }

    fn id_of(&self, name: &str) -> Option<&str> {
        match &self.phases[*self.makers.get(name)?] {
            Phase::Begun(id) => Some(id),
            Phase::Done(id) => id.as_deref(),
            Phase::Waiting => None,
        }
    }

    /// A step was carried out; `made` is the id of what a POST created.
    pub fn settle(&mut self, step: Step, made: Option<String>) {
        let i = step.operation;
        let was = std::mem::replace(&mut self.phases[i], Phase::Waiting);
        self.phases[i] = match (step.part, made, was) {
            (Part::Begin, Some(id), _) => Phase::Begun(id),
            // Completed or not, the resource is there.
            (Part::Complete, _, Phase::Begun(id)) => Phase::Done(Some(id)),
            (_, made, _) => Phase::Done(made.filter(|_| self.operations[i].makes().is_some())),
        };
        if step.part != Part::Complete {
            for by in &self.needed_by[i] {
                self.lacks[*by] -= 1;
            }
        }
    }

    /// No further operation is carried out; those that have begun are still completed.
    pub fn stop(&mut self) {
        for operation in 0..self.operations.len() {
            if self.phases[operation] == Phase::Waiting {
                let part = Part::Whole;
                self.settle(Step { operation, part }, None);
            }
        }
    }
}

fn is_large(operation: &Operation<'_>) -> bool {
    operation.work.as_ref().is_ok_and(Work::may_be_large)
}

/// The order of the request, with what an operation refers to before it; and which were pulled forward for that.
fn order(operations: &[Operation<'_>], makers: &HashMap<&str, usize>) -> (Vec<usize>, Vec<bool>) {
    let mut order = Vec::with_capacity(operations.len());
    let mut is_seen = vec![false; operations.len()];
    let mut is_pulled = is_seen.clone();
    for first in 0..operations.len() {
        // Each with what it needs and is still to be looked at.
        let mut path = Vec::new();
        let mut next = Some(first);
        loop {
            if let Some(i) = next.filter(|i| !std::mem::replace(&mut is_seen[*i], true)) {
                let names = operations[i].work.iter().flat_map(Work::names);
                path.push((i, names.filter_map(|name| makers.get(name).copied())));
            }
            let Some((i, needs)) = path.last_mut() else {
                break;
            };
            next = needs.next();
            if next.is_none() {
                order.push(*i);
                is_pulled[*i] = *i != first;
                path.pop();
            }
        }
    }
    (order, is_pulled)
}

#[cfg(test)]
mod tests;
