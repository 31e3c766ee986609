//! The order of a tenant's sources, attribute by attribute: its connections by age, and its rules.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::precedence::{Precedence, Ranked, Rules, rank};
use crate::scim::schema::AttrPath;
use crate::service::connections::ConnectionRow;
use crate::service::error::Result;
use crate::storage::Scope;

/// The order of sources.
#[derive(Debug, Clone)]
pub(in crate::service) struct Ranking {
    precedence: Precedence,
    /// Place by age, and kind, of each connection.
    sources: BTreeMap<String, (usize, String)>,
}

impl Ranking {
    /// As it is.
    pub(in crate::service) fn load(scope: &mut Scope<'_>) -> Result<Self> {
        let own = scope.find_tenant_settings()?.precedence;
        Self::with(scope, &own)
    }

    /// As it would be with these rules.
    pub(in crate::service) fn with(scope: &mut Scope<'_>, own: &Rules) -> Result<Self> {
        let mut connections = scope.list_connections()?;
        // Of a provider that both pushes and is pulled, what it pushes wins: pulled it counts as an identity provider too.
        let pushed: BTreeSet<String> = connections
            .iter()
            .filter(|c| c.kind == "scim" && c.preset != "generic")
            .map(|c| c.preset.clone())
            .collect();
        let is_twin = |c: &ConnectionRow| {
            let provider = c.preset.split('-').next().unwrap_or_default();
            c.kind == "hris" && pushed.contains(provider)
        };
        connections.sort_by_key(is_twin);
        let sources = connections.into_iter().enumerate().map(|(age, c)| {
            let kind = if is_twin(&c) { "scim" } else { &c.kind };
            (c.id.clone(), (age, kind.to_owned()))
        });
        Ok(Self {
            precedence: Precedence::new(own),
            sources: sources.collect(),
        })
    }

    /// One source in the place of another, which comes right after it.
    pub(in crate::service) fn replacing(mut self, from: &str, to: &str) -> Self {
        let old = self.sources.get(from).map(|(age, _)| *age);
        for (id, (age, _)) in &mut self.sources {
            match old {
                Some(old) if id == to => *age = old,
                Some(old) if *age >= old => *age += 1,
                _ => {}
            }
        }
        self
    }

    /// Place by age; the app is told by everybody else.
    pub(in crate::service) fn age(&self, connection: &str) -> (bool, usize) {
        let found = self.sources.get(connection);
        found.map_or((true, usize::MAX), |(age, kind)| (kind == "app", *age))
    }

    /// Where a source stands about a unit; the least is first.
    pub(in crate::service) fn rank(&self, unit: &AttrPath, connection: &str) -> usize {
        let (own, around) = (unit.to_string(), unit.with_sub(None).to_string());
        let urn = unit.urn.as_deref().unwrap_or_default();
        let rule = self.precedence.rule(&[&own, &around, urn]);
        let kind = self.sources.get(connection);
        let kind = kind.map_or("", |(_, kind)| kind.as_str());
        rank(rule, Ranked { connection, kind })
    }
}
