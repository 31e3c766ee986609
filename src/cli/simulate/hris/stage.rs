//! One running stand-in: takes a request through faults, limits and credentials to the vendor's answer, and keeps a
//! list of what was asked.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap};
use std::hash::{Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use super::call::{Call, Refusal, Reply};
use super::company::Company;
use super::desk::{Desk, Tokens, lock};
use super::fault::{Fault, Faults};
use super::meter::{Budget, Meter};
use super::standin::{Role, Route, Standin};
use super::vary::Variations;
use crate::domain::clock::Clock;

/// Requests that are remembered; the oldest go first.
const REMEMBERED: usize = 20_000;

/// A running stand-in.
pub struct Stage {
    pub(super) slug: &'static str,
    pub(super) standin: &'static Standin,
    /// The part of the path under which it is served too, with its slash.
    pub(super) prefix: String,
    pub(super) keys: BTreeMap<&'static str, String>,
    /// Replaced as a whole: an answer is made from the people of one moment.
    pub(super) company: RwLock<Arc<Company>>,
    pub(super) faults: Mutex<Faults>,
    pub(super) vary: Variations,
    pub(super) tokens: Mutex<Tokens>,
    /// Serials by stable id, for those who were looked for.
    pub(super) index: Mutex<HashMap<String, u32>>,
    pub(super) meter: Mutex<Meter>,
    pub(super) seen: Mutex<Vec<Seen>>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) page_size: usize,
    pub(super) is_limited: bool,
    /// What [`Fault::Slow`] costs.
    pub(super) delay: Duration,
}

/// A request that came: nothing of it that could be a secret.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Seen {
    /// Method.
    pub method: String,
    /// Path.
    pub path: String,
    /// Names of the query's parameters.
    pub query: Vec<String>,
    /// The route that it took; absent if it is none of the vendor's.
    pub route: Option<&'static str>,
    /// Status of the answer.
    pub status: u16,
    /// The same for two requests that are the same to the last byte of their bodies.
    pub mark: u64,
}

impl Stage {
    /// The people as they are.
    pub fn company(&self) -> Arc<Company> {
        Arc::clone(&self.company.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the people.
    pub fn change<T>(&self, change: impl FnOnce(&mut Company) -> T) -> T {
        let mut company = self.company.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut company))
    }

    /// The vendor's answer.
    pub fn answer(&self, mut call: Call) -> Reply {
        let found = self.route(&call);
        if let Ok((_, places)) = &found {
            call.places.clone_from(places);
        }
        let company = self.company();
        let desk = Desk {
            standin: self.standin,
            company: &company,
            call: &call,
            now: self.clock.now(),
            page_size: self.page_size,
            keys: &self.keys,
            faults: &self.faults,
            vary: &self.vary,
            tokens: &self.tokens,
            index: &self.index,
        };
        let route = found.as_ref().ok().map(|(route, _)| *route);
        let (budget, answer) = match found {
            Err(refusal) => (None, (self.standin.admit)(&desk).and(Err(refusal))),
            Ok((route, _)) => self.take(&desk, route),
        };
        let mut reply = answer.unwrap_or_else(|refusal| (self.standin.refuse)(&desk, refusal));
        if let Some(budget) = budget {
            reply.headers.extend((self.standin.limit_headers)(&budget));
        }
        self.vary.apply(&mut reply, &call, &self.prefix);
        if route.is_some_and(|r| r.role != Role::Token)
            && reply.status == 200
            && lock(&self.faults).take(Fault::CutBody)
        {
            reply.cut = Some(reply.body.len() / 2);
        }
        self.remember(&call, route, reply.status);
        reply
    }

    /// The route, and what stands in the places of its path.
    fn route(&self, call: &Call) -> Result<(&'static Route, Vec<String>), Refusal> {
        let fits = |r: &'static Route| Some((r, r.places(&call.path)?));
        let mut on_path = self.standin.routes.iter().filter_map(fits).peekable();
        if on_path.peek().is_none() {
            return Err(Refusal::NotFound);
        }
        on_path
            .find(|(r, _)| r.method == call.method)
            .ok_or(Refusal::WrongMethod)
    }

    fn take(&self, desk: &Desk, route: &Route) -> (Option<Budget>, Result<Reply, Refusal>) {
        let (budget, wait) = if self.is_limited {
            lock(&self.meter).count(self.standin.limits, route.path, desk.now)
        } else {
            (None, None)
        };
        let answer = match wait {
            Some(seconds) => Err(Refusal::TooMany(seconds)),
            None => self.pass(desk, route),
        };
        (budget, answer)
    }

    /// Through faults and credentials to the route's answer.
    fn pass(&self, desk: &Desk, route: &Route) -> Result<Reply, Refusal> {
        if route.role != Role::Token {
            (self.standin.admit)(desk)?;
            let happens = |fault| lock(&self.faults).take(fault);
            if happens(Fault::TooMany) {
                return Err(Refusal::TooMany(1));
            }
            if happens(Fault::Broken) {
                return Err(Refusal::Broken);
            }
            if happens(Fault::EmptyBody) {
                return Ok(Reply::new(200, "application/json", ""));
            }
            if happens(Fault::Html) {
                let page = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>We will be right back.</body></html>\n";
                return Ok(Reply::new(200, "text/html; charset=utf-8", page));
            }
            let is_of_people = matches!(route.role, Role::List | Role::Detail);
            if is_of_people && happens(Fault::Forbidden) {
                return Err(Refusal::Forbidden);
            }
        }
        let known = |name: &String| route.query.contains(&name.as_str());
        if let Some((name, _)) = desk.call.query.iter().find(|(name, _)| !known(name)) {
            return Err(Refusal::Bad(format!("unknown parameter `{name}`")));
        }
        (route.answer)(desk)
    }

    fn remember(&self, call: &Call, route: Option<&Route>, status: u16) {
        let mut seen = lock(&self.seen);
        if seen.len() >= REMEMBERED {
            seen.drain(..REMEMBERED / 2);
        }
        seen.push(Seen {
            method: call.method.clone(),
            path: call.path.clone(),
            query: call.query.iter().map(|(name, _)| name.clone()).collect(),
            route: route.map(|r| r.path),
            status,
            mark: mark(call),
        });
    }
}

/// Hashed, so that nothing can be read from it.
fn mark(call: &Call) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&call.method, &call.path, &call.query, &call.body).hash(&mut hasher);
    hasher.finish()
}
