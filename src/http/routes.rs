//! Every route of SCIM, in one list: method, path, who may, and what it does. The isolation test reads the same list.

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse, web};

use super::State;
use super::call::{Call, Handler};
use super::dispatch::{dispatch, refuse};
use super::operations;
use super::scim::{audit, bulk, discovery, groups, root, users};
use crate::domain::roles::Role;

/// Roles that read people.
const READERS: &[Role] = &[
    Role::Connection,
    Role::App,
    Role::Auditor,
    Role::TenantAdmin,
    Role::Operator,
];
/// The role that writes.
const WRITERS: &[Role] = &[Role::Connection];
/// Roles that read the journal.
const AUDITORS: &[Role] = &[Role::Auditor, Role::TenantAdmin, Role::Operator];
/// No token is needed.
const ANYBODY: &[Role] = &[];

/// A route.
#[derive(Clone, Copy)]
pub struct Route {
    /// Method; GET answers HEAD too.
    pub method: &'static str,
    /// Path below `/scim/v2`; `{id}` names the resource.
    pub path: &'static str,
    /// Who may; empty: anybody, without a token.
    pub roles: &'static [Role],
    /// What it does.
    pub run: Handler,
}

macro_rules! routes {
    ($($method:literal $path:literal $roles:ident $run:path;)*) => {
        /// All routes below `/scim/v2`.
        pub const ROUTES: &[Route] = &[
            $(Route {
                method: $method,
                path: $path,
                roles: $roles,
                run: |call: Call| Box::pin($run(call)),
            },)*
        ];
    };
}

routes! {
    "GET" "/ServiceProviderConfig" ANYBODY discovery::service_provider_config;
    "GET" "/ResourceTypes" READERS discovery::list_resource_types;
    "GET" "/ResourceTypes/{id}" READERS discovery::get_resource_type;
    "GET" "/Schemas" READERS discovery::list_schemas;
    "GET" "/Schemas/{id}" READERS discovery::get_schema;
    "GET" "" READERS root::list;
    "POST" "/.search" READERS root::search;
    "GET" "/Users" READERS users::list;
    "POST" "/Users" WRITERS users::create;
    "POST" "/Users/.search" READERS users::search;
    "GET" "/Users/{id}" READERS users::get;
    "PUT" "/Users/{id}" WRITERS users::replace;
    "PATCH" "/Users/{id}" WRITERS users::patch;
    "DELETE" "/Users/{id}" WRITERS users::delete;
    "GET" "/Groups" READERS groups::list;
    "POST" "/Groups" WRITERS groups::create;
    "POST" "/Groups/.search" READERS groups::search;
    "GET" "/Groups/{id}" READERS groups::get;
    "PUT" "/Groups/{id}" WRITERS groups::replace;
    "PATCH" "/Groups/{id}" WRITERS groups::patch;
    "DELETE" "/Groups/{id}" WRITERS groups::delete;
    "GET" "/AuditEvents" AUDITORS audit::list;
    "POST" "/AuditEvents/.search" AUDITORS audit::search;
    "GET" "/AuditEvents/{id}" AUDITORS audit::get;
    "GET" "/Me" READERS discovery::me;
    "POST" "/Me" READERS discovery::me;
    "PUT" "/Me" READERS discovery::me;
    "PATCH" "/Me" READERS discovery::me;
    "DELETE" "/Me" READERS discovery::me;
    "POST" "/Bulk" WRITERS bulk::run;
}

/// Registers everything with the server.
pub fn configure(config: &mut web::ServiceConfig) {
    let mut paths: Vec<&'static str> = Vec::new();
    for route in ROUTES {
        if !paths.contains(&route.path) {
            paths.push(route.path);
        }
    }
    let mut scope = web::scope("/scim/v2");
    for path in paths {
        let mut resource = web::resource(path);
        let mut allowed: Vec<&'static str> = Vec::new();
        for route in ROUTES.iter().filter(|r| r.path == path) {
            allowed.push(route.method);
            let run = move |request: HttpRequest, state: web::Data<State>, body: web::Payload| {
                dispatch(route, request, state, body)
            };
            let method = Method::from_bytes(route.method.as_bytes()).unwrap_or(Method::GET);
            if method == Method::GET {
                resource = resource.route(web::head().to(run));
            }
            resource = resource.route(web::method(method).to(run));
        }
        let allow = allowed.join(", ");
        let other = move |request: HttpRequest, state: web::Data<State>| {
            refuse(request, state, path, Some(allow.clone()))
        };
        resource = resource.default_service(web::to(other));
        scope = scope.service(resource);
    }
    let nothing =
        |request: HttpRequest, state: web::Data<State>| refuse(request, state, "none", None);
    config.service(scope.default_service(web::to(nothing)));
    config.service(web::scope("/scim").default_service(web::to(nothing)));
    super::api::routes::configure(config);
    super::consent::configure(config);
    super::invite::configure(config);
    configure_operations(config);
}

/// Registers what the operator's machines ask for.
pub fn configure_operations(config: &mut web::ServiceConfig) {
    config.route("/healthz", web::get().to(operations::healthz));
    config.route("/readyz", web::get().to(operations::readyz));
    config.route("/metrics", web::get().to(operations::metrics));
    config.default_service(web::to(|| async { HttpResponse::NotFound().finish() }));
}
