//! What a handler gets and gives: a request that was let in, and its answer.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use actix_web::web;
use futures_util::Stream;
use serde_json::Value;

use super::State;
use super::error;
use crate::auth::RequestContext;
use crate::domain::audit::{Actor, Cause};
use crate::domain::ids::TenantId;
use crate::domain::roles::Role;
use crate::scim;
use crate::scim::discovery::Sight;
use crate::scim::etag;
use crate::scim::list::ListQuery;
use crate::scim::project::Projection;
use crate::scim::rules::{Preset, Rules};
use crate::scim::schema::{Registry, ResourceKind};
use crate::service::users::Target;
use crate::service::{Caller, Source};
use crate::storage::Lane;
use crate::storage::view::View;

/// A handler: a request that was let in, and its answer.
pub type Handler = fn(Call) -> Pin<Box<dyn Future<Output = Result<Reply, scim::Error>>>>;

/// A request that was let in.
pub struct Call {
    /// Shared state.
    pub state: web::Data<State>,
    /// The schemas of the tenant; the built-in ones on routes that need no token.
    pub schemas: Arc<Registry>,
    /// Who calls; `None` only on routes that need no token.
    pub context: Option<RequestContext>,
    /// Names the request in log and journal.
    pub request: String,
    /// `{id}`.
    pub id: String,
    /// Decoded query.
    pub query: Vec<(String, String)>,
    /// Body.
    pub body: web::Bytes,
    /// `If-Match`.
    pub if_match: Option<String>,
    /// `If-None-Match`.
    pub if_none_match: Option<String>,
}

/// What a handler answers.
#[derive(Debug, Default)]
pub struct Reply {
    /// Status.
    pub status: u16,
    /// Body, JSON.
    pub body: Option<String>,
    /// Version of the resource.
    pub version: Option<i64>,
    /// Where the resource is.
    pub location: Option<String>,
    /// Rules that the request needed.
    pub rules: Vec<&'static str>,
    /// Seconds after which it may be tried again.
    pub retry_after: Option<u64>,
    /// In place of the body: lines of JSON that are made while they are sent.
    pub lines: Option<Lines>,
}

/// Lines of JSON on their way, some at a time; an error cuts the answer off.
pub struct Lines(pub Pin<Box<dyn Stream<Item = std::io::Result<web::Bytes>>>>);

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lines")
    }
}

impl Reply {
    /// 200 with a body.
    pub fn ok(body: String) -> Self {
        Self {
            status: 200,
            body: Some(body),
            ..Self::default()
        }
    }

    /// 204.
    pub fn empty() -> Self {
        Self {
            status: 204,
            ..Self::default()
        }
    }

    /// 304 without a body, if the reader says that she has this version.
    pub(super) fn unless_known(self, if_none_match: Option<&str>) -> Self {
        let known = self
            .version
            .zip(if_none_match)
            .is_some_and(|(version, header)| etag::names(header, version));
        if !known {
            return self;
        }
        Self {
            status: 304,
            body: None,
            ..self
        }
    }
}

impl Call {
    /// Who calls.
    ///
    /// # Errors
    /// Never on a route that needs a token.
    pub fn context(&self) -> Result<&RequestContext, scim::Error> {
        self.context
            .as_ref()
            .ok_or_else(|| error::refusal(&crate::auth::Refusal::Unauthorized))
    }

    /// The tenant.
    ///
    /// # Errors
    /// As [`Self::context`].
    pub fn tenant(&self) -> Result<TenantId, scim::Error> {
        Ok(self.context()?.tenant.clone())
    }

    /// Whose eyes.
    ///
    /// # Errors
    /// As [`Self::context`].
    pub fn view(&self) -> Result<View, scim::Error> {
        Ok(match &self.context()?.connection {
            Some(connection) => View::Connection(connection.id.clone()),
            None if self.context()?.role == Role::App => View::App,
            None => View::Everybody,
        })
    }

    /// What the token may see of the schemas.
    ///
    /// # Errors
    /// As [`Self::context`].
    pub fn sight(&self) -> Result<Sight, scim::Error> {
        let role = self.context()?.role;
        Ok(Sight {
            rosterd: role != Role::Connection,
            audit: role.reads_audit(),
        })
    }

    /// The schemas as the caller knows them: whom Rosterd's extensions are not for, cannot name their attributes.
    pub fn registry(&self) -> &Registry {
        match &self.context {
            Some(context) if context.role != Role::Connection => &self.schemas,
            _ => self.schemas.of_sources(),
        }
    }

    /// The rules of the caller's preset.
    pub fn rules(&self) -> Rules {
        let connection = self.context.as_ref().and_then(|c| c.connection.as_ref());
        Rules::new(
            connection
                .and_then(|c| Preset::parse(&c.preset))
                .unwrap_or_default(),
        )
        .within(self.state.limits.scim)
    }

    /// The caller as operations want it.
    ///
    /// # Errors
    /// As [`Self::context`].
    pub fn caller(&self) -> Result<Caller, scim::Error> {
        let context = self.context()?;
        Ok(Caller {
            tenant: context.tenant.clone(),
            actor: Actor {
                kind: "token".to_owned(),
                id: context.credential.clone(),
            },
            cause: Cause {
                kind: "request".to_owned(),
                id: self.request.clone(),
            },
            lane: Lane::Scim,
        })
    }

    /// The connection that writes.
    ///
    /// # Errors
    /// 403 for a token that is not a connection's.
    pub fn source(&self) -> Result<Source, scim::Error> {
        let connection = self.context()?.connection.as_ref();
        let connection =
            connection.ok_or_else(|| scim::Error::plain(403, "only a connection writes here"))?;
        Ok(Source {
            id: connection.id.clone(),
            policy: connection.policy,
        })
    }

    /// What a write is aimed at.
    pub fn target(&self) -> Target {
        Target {
            id: self.id.clone(),
            if_match: self.if_match.clone(),
            if_none_match: self.if_none_match.clone(),
        }
    }

    /// The body as strict JSON.
    ///
    /// # Errors
    /// `invalidSyntax`, `invalidValue`.
    pub fn json(&self) -> Result<Value, scim::Error> {
        scim::json::parse(&self.body)
    }

    /// Which parts of a single resource are wanted; what only lists know is passed over.
    ///
    /// # Errors
    /// `attributes` and `excludedAttributes` are both given.
    pub fn projection(
        &self,
        kind: ResourceKind,
        rules: &mut Rules,
    ) -> Result<Projection, scim::Error> {
        let named = |name: &str| {
            let mut values = self.query.iter().filter(|(_, v)| !v.trim().is_empty());
            values
                .find(|(k, _)| k.eq_ignore_ascii_case(name))
                .map(|(_, v)| v.as_str())
        };
        let (wanted, unwanted) = (named("attributes"), named("excludedAttributes"));
        Projection::parse(self.registry(), kind, wanted, unwanted, rules)
    }

    /// Parameters of a list.
    ///
    /// # Errors
    /// A number that is none.
    pub fn list_query(&self) -> Result<ListQuery, scim::Error> {
        ListQuery::parse(
            self.query.iter().map(|(k, v)| (k.as_str(), v.as_str())),
            &self.state.limits.scim,
        )
    }

    /// An operation's error as the client is told it; the log gets the rest.
    pub fn explain(&self, error: impl Into<crate::service::Error>) -> scim::Error {
        let error = error.into();
        let told = error::to_scim(&error, &self.request);
        if told.status >= 500 {
            tracing::error!(request.id = %self.request, error = %error, "a request failed");
        }
        told
    }
}
