//! Every route of the management API, in one list: method, path, who may, which parameters it takes, what it does. The
//! server, the OpenAPI document and the isolation test read the same list.

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse, web};

use super::call::{Call, Handler};
use super::dispatch::{dispatch, refuse};
use super::document;
use super::{
    access, announcements, app_teams, app_users, closing, conflicts, connections, connectors,
    consent, disconnect, entitlements, files, imports, invitations, looks, mail, notices, pairs,
    parked, people, runs, scopes, secrets, sessions, settings, switches, team_sync, teams, tenants,
    tokens, why,
};
use crate::domain::roles::Role;
use crate::http::State;

/// The operator.
const OPERATORS: &[Role] = &[Role::Operator];
/// Who changes a tenant's things.
const ADMINS: &[Role] = &[Role::TenantAdmin, Role::Operator];
/// Who hands in files: an HR system's job too, those of its own connection.
const SENDERS: &[Role] = &[Role::Drop, Role::TenantAdmin, Role::Operator];
/// Who sees how a tenant is arranged.
const AUDITORS: &[Role] = &[Role::Auditor, Role::TenantAdmin, Role::Operator];
/// Who says what the app says: the app itself.
const APPS: &[Role] = &[Role::App, Role::TenantAdmin, Role::Operator];
/// Who takes over people who come from Rosterd.
const TAKERS: &[Role] = &[Role::App, Role::Operator];
/// Who reads.
const READERS: &[Role] = &[Role::App, Role::Auditor, Role::TenantAdmin, Role::Operator];

/// Who says what became of mails.
const REPORTERS: &[Role] = &[Role::Mail, Role::Operator];

/// No parameters.
const NONE: &[&str] = &[];
/// Those of a list.
const PAGED: &[&str] = &["after", "limit"];
/// Those of a text in several languages.
const TOLD: &[&str] = &["lang"];
/// Those of a list of them.
const TOLD_PAGED: &[&str] = &["after", "lang", "limit"];
/// Those of the list of tenants.
const TENANTS: &[&str] = &["accountId", "after", "limit"];
/// Those of a deletion.
const GRACE: &[&str] = &["graceDays"];
/// Those of a file.
const FILE: &[&str] = &["asOf"];
/// Those of an import.
const IMPORT: &[&str] = &["line", "missing", "mode", "more", "removeAtMost"];
/// By what somebody is asked about.
const WHO: &[&str] = &["appUserId", "email", "personId"];
/// Those of a list of questions.
const STATES: &[&str] = &["after", "limit", "state"];
/// Of what it is asked why.
const WHY: &[&str] = &["path"];
/// Those of a list of people who differ.
const DIFFERENCES: &[&str] = &["after", "kind", "limit"];
/// Those of a switch.
const SWITCH: &[&str] = &["compare"];
/// Those of a list of invitations.
const INVITATIONS: &[&str] = &["after", "limit", "person", "state"];
/// Those of a list of notices.
const NOTICES: &[&str] = &["after", "lang", "limit", "state"];
/// Those of a list of runs.
const RUNS: &[&str] = &["after", "connection", "limit"];
/// Those of a list of losses that are parked.
const PARKED: &[&str] = &["after", "connection", "limit", "state"];
/// Those of a list of what a run does.
const ITEMS: &[&str] = &["after", "limit", "losses"];
/// Those of a list of people.
const PEOPLE: &[&str] = &["access", "after", "filter", "limit"];

/// Those of a preview of teams.
const PREVIEW: &[&str] = &["after", "connection", "language", "limit", "template"];

/// A route.
#[derive(Clone, Copy)]
pub struct Route {
    /// Method; GET answers HEAD too.
    pub method: &'static str,
    /// Path; `{tenant}` takes an id or a name.
    pub path: &'static str,
    /// Who may.
    pub roles: &'static [Role],
    /// Parameters of the query.
    pub query: &'static [&'static str],
    /// Name of the operation: resource and verb.
    pub operation: &'static str,
    /// What it does.
    pub run: Handler,
}

impl Route {
    /// Whether its body is a file, which the handler takes as it comes.
    pub fn takes_file(&self) -> bool {
        self.media().is_some()
    }

    /// The media types of its file.
    pub fn media(&self) -> Option<&'static [&'static str]> {
        match self.operation {
            "files-put" | "files-preview" => Some(&files::MEDIA),
            "app_users-import" | "app_teams-import" => Some(&imports::MEDIA),
            _ => None,
        }
    }
}

macro_rules! routes {
    ($($method:literal $path:literal $roles:ident $query:ident $module:ident::$handler:ident;)*) => {
        /// All routes.
        pub const ROUTES: &[Route] = &[
            $(Route {
                method: $method,
                path: $path,
                roles: $roles,
                query: $query,
                operation: concat!(stringify!($module), "-", stringify!($handler)),
                run: |call: Call| Box::pin($module::$handler(call)),
            },)*
        ];

        /// What the handlers and their types say about themselves.
        #[derive(utoipa::OpenApi)]
        #[openapi(paths($($module::$handler),*))]
        pub(super) struct Described;
    };
}

routes! {
    "GET" "/api/v1/tenants" OPERATORS TENANTS tenants::list;
    "POST" "/api/v1/tenants" OPERATORS NONE tenants::create;
    "GET" "/api/v1/tenants/{tenant}" READERS NONE tenants::get;
    "PATCH" "/api/v1/tenants/{tenant}" OPERATORS NONE tenants::update;
    "DELETE" "/api/v1/tenants/{tenant}" OPERATORS GRACE closing::delete;
    "POST" "/api/v1/tenants/{tenant}/restore" OPERATORS NONE closing::restore;
    "GET" "/api/v1/tenants/{tenant}/export" ADMINS NONE closing::export;
    "GET" "/api/v1/deleted-tenants" OPERATORS PAGED closing::list;
    "GET" "/api/v1/deleted-tenants/{id}" OPERATORS NONE closing::get;
    "GET" "/api/v1/tenants/{tenant}/entitlements" READERS NONE entitlements::get;
    "PUT" "/api/v1/tenants/{tenant}/entitlements" OPERATORS NONE entitlements::put;
    "DELETE" "/api/v1/tenants/{tenant}/entitlements" OPERATORS NONE entitlements::delete;
    "GET" "/api/v1/tenants/{tenant}/settings" AUDITORS NONE settings::get;
    "PATCH" "/api/v1/tenants/{tenant}/settings" ADMINS NONE settings::update;
    "POST" "/api/v1/tenants/{tenant}/precedence:dry-run" ADMINS NONE settings::dry_run;
    "GET" "/api/v1/tenants/{tenant}/recompute" AUDITORS NONE settings::recompute;
    "GET" "/api/v1/connectors" AUDITORS TOLD_PAGED connectors::list;
    "GET" "/api/v1/connectors/{id}" AUDITORS TOLD connectors::get;
    "GET" "/api/v1/tenants/{tenant}/connections" READERS PAGED connections::list;
    "POST" "/api/v1/tenants/{tenant}/connections" ADMINS NONE connections::create;
    "GET" "/api/v1/tenants/{tenant}/connections/{id}" READERS NONE connections::get;
    "PATCH" "/api/v1/tenants/{tenant}/connections/{id}" ADMINS NONE connections::update;
    "POST" "/api/v1/tenants/{tenant}/connections/{id}/pause" ADMINS NONE connections::pause;
    "POST" "/api/v1/tenants/{tenant}/connections/{id}/resume" ADMINS NONE connections::resume;
    "POST" "/api/v1/tenants/{tenant}/connections/{id}/consent" ADMINS NONE consent::ask;
    "GET" "/api/v1/tenants/{tenant}/connections/{id}/disconnect" AUDITORS NONE disconnect::preview;
    "POST" "/api/v1/tenants/{tenant}/connections/{id}/disconnect" ADMINS NONE disconnect::start;
    "GET" "/api/v1/tenants/{tenant}/connections/{id}/secrets" AUDITORS NONE secrets::list;
    "PUT" "/api/v1/tenants/{tenant}/connections/{id}/secrets/{name}" ADMINS NONE secrets::set;
    "DELETE" "/api/v1/tenants/{tenant}/connections/{id}/secrets/{name}" ADMINS NONE secrets::delete;
    "GET" "/api/v1/tenants/{tenant}/connections/{id}/file" AUDITORS NONE files::get;
    "PUT" "/api/v1/tenants/{tenant}/connections/{id}/file" SENDERS FILE files::put;
    "POST" "/api/v1/tenants/{tenant}/connections/{id}/file/preview" SENDERS NONE files::preview;
    "POST" "/api/v1/tenants/{tenant}/connections/{id}/drop" ADMINS NONE files::rotate;
    "POST" "/api/v1/tenants/{tenant}/connections/{id}/absences/confirm" ADMINS NONE files::confirm;
    "GET" "/api/v1/tenants/{tenant}/switches" AUDITORS PAGED switches::list;
    "POST" "/api/v1/tenants/{tenant}/switches" ADMINS NONE switches::start;
    "GET" "/api/v1/tenants/{tenant}/switches/{id}" AUDITORS SWITCH switches::get;
    "DELETE" "/api/v1/tenants/{tenant}/switches/{id}" ADMINS NONE switches::give_up;
    "GET" "/api/v1/tenants/{tenant}/switches/{id}/differences" AUDITORS DIFFERENCES switches::differences;
    "POST" "/api/v1/tenants/{tenant}/switches/{id}/cut-over" ADMINS NONE switches::cut_over;
    "POST" "/api/v1/tenants/{tenant}/switches/{id}/back" ADMINS NONE switches::back;
    "GET" "/api/v1/tenants/{tenant}/tokens" AUDITORS PAGED tokens::list;
    "POST" "/api/v1/tenants/{tenant}/tokens" ADMINS NONE tokens::create;
    "DELETE" "/api/v1/tenants/{tenant}/tokens/{id}" ADMINS NONE tokens::revoke;
    "GET" "/api/v1/tenants/{tenant}/people" READERS PEOPLE people::list;
    "GET" "/api/v1/tenants/{tenant}/people/{id}" READERS NONE people::get;
    "GET" "/api/v1/tenants/{tenant}/people/{id}/why" AUDITORS WHY why::get;
    "POST" "/api/v1/tenants/{tenant}/people/{id}/revoke" ADMINS NONE people::revoke;
    "POST" "/api/v1/tenants/{tenant}/people/{id}/remove" ADMINS NONE people::remove;
    "POST" "/api/v1/tenants/{tenant}/people/{id}/reinstate" ADMINS NONE people::reinstate;
    "POST" "/api/v1/tenants/{tenant}/people/{id}/unlink" ADMINS NONE people::unlink;
    "GET" "/api/v1/tenants/{tenant}/app-users" READERS PAGED app_users::list;
    "POST" "/api/v1/tenants/{tenant}/app-users:import" APPS IMPORT app_users::import;
    "GET" "/api/v1/tenants/{tenant}/app-users/{id}" READERS NONE app_users::get;
    "PUT" "/api/v1/tenants/{tenant}/app-users/{id}" APPS NONE app_users::put;
    "DELETE" "/api/v1/tenants/{tenant}/app-users/{id}" APPS NONE app_users::delete;
    "GET" "/api/v1/tenants/{tenant}/app-teams" READERS PAGED app_teams::list;
    "POST" "/api/v1/tenants/{tenant}/app-teams:import" APPS IMPORT app_teams::import;
    "GET" "/api/v1/tenants/{tenant}/app-teams/{id}" READERS NONE app_teams::get;
    "PUT" "/api/v1/tenants/{tenant}/app-teams/{id}" APPS NONE app_teams::put;
    "DELETE" "/api/v1/tenants/{tenant}/app-teams/{id}" APPS NONE app_teams::delete;
    "POST" "/api/v1/tenants/{tenant}/app-users:none-yet" ADMINS NONE app_users::none_yet;
    "GET" "/api/v1/tenants/{tenant}/app-imports" APPS PAGED imports::list;
    "GET" "/api/v1/tenants/{tenant}/access" READERS WHO access::get;
    "POST" "/api/v1/tenants/{tenant}/sign-ins" APPS NONE access::sign_in;
    "GET" "/api/v1/tenants/{tenant}/invitations" READERS INVITATIONS invitations::list;
    "POST" "/api/v1/tenants/{tenant}/invitations" APPS NONE invitations::create;
    "GET" "/api/v1/tenants/{tenant}/invitations/{id}" READERS NONE invitations::get;
    "POST" "/api/v1/tenants/{tenant}/invitations/{id}/resend" APPS NONE invitations::resend;
    "POST" "/api/v1/tenants/{tenant}/invitations/{id}/withdraw" APPS NONE invitations::withdraw;
    "GET" "/api/v1/invite-attributes" READERS NONE invitations::attributes;
    "PUT" "/api/v1/invite-attributes" OPERATORS NONE invitations::declare;
    "POST" "/api/v1/handoff" TAKERS NONE invitations::handoff;
    "GET" "/api/v1/tenants/{tenant}/conflicts" AUDITORS STATES conflicts::list;
    "GET" "/api/v1/tenants/{tenant}/conflicts/{id}" AUDITORS NONE conflicts::get;
    "POST" "/api/v1/tenants/{tenant}/conflicts/{id}/link" ADMINS NONE conflicts::link;
    "POST" "/api/v1/tenants/{tenant}/conflicts/{id}/keep-apart" ADMINS NONE conflicts::keep_apart;
    "GET" "/api/v1/tenants/{tenant}/pairs" AUDITORS STATES pairs::list;
    "GET" "/api/v1/tenants/{tenant}/pairs/{id}" AUDITORS NONE pairs::get;
    "POST" "/api/v1/tenants/{tenant}/pairs/{id}/link" ADMINS NONE pairs::link;
    "POST" "/api/v1/tenants/{tenant}/pairs/{id}/keep-apart" ADMINS NONE pairs::keep_apart;
    "POST" "/api/v1/tenants/{tenant}/pairs/{id}/later" ADMINS NONE pairs::later;
    "POST" "/api/v1/tenants/{tenant}/people/{id}/lift-holds" ADMINS NONE people::lift_holds;
    "POST" "/api/v1/tenants/{tenant}/connections/{id}/sync" ADMINS NONE runs::sync;
    "PUT" "/api/v1/tenants/{tenant}/connections/{id}/announcement" ADMINS NONE announcements::put;
    "DELETE" "/api/v1/tenants/{tenant}/connections/{id}/announcement" ADMINS NONE announcements::withdraw;
    "POST" "/api/v1/tenants/{tenant}/connections/{id}/test" ADMINS NONE looks::test;
    "POST" "/api/v1/tenants/{tenant}/connections/{id}/scope:test" ADMINS NONE scopes::test;
    "POST" "/api/v1/tenants/{tenant}/connections/{id}/dry-run" ADMINS NONE looks::dry_run;
    "GET" "/api/v1/tenants/{tenant}/runs" AUDITORS RUNS runs::list;
    "GET" "/api/v1/tenants/{tenant}/runs/{id}" AUDITORS NONE runs::get;
    "GET" "/api/v1/tenants/{tenant}/runs/{id}/items" AUDITORS ITEMS runs::items;
    "POST" "/api/v1/tenants/{tenant}/runs/{id}/approve" ADMINS NONE runs::approve;
    "POST" "/api/v1/tenants/{tenant}/runs/{id}/discard" ADMINS NONE runs::discard;
    "GET" "/api/v1/tenants/{tenant}/runs/{id}/undo" AUDITORS PAGED runs::preview;
    "POST" "/api/v1/tenants/{tenant}/runs/{id}/undo" ADMINS NONE runs::undo;
    "GET" "/api/v1/tenants/{tenant}/parked" AUDITORS PARKED parked::list;
    "POST" "/api/v1/tenants/{tenant}/parked/release" ADMINS NONE parked::release;
    "POST" "/api/v1/tenants/{tenant}/parked/drop" ADMINS NONE parked::drop;
    "POST" "/api/v1/tenants/{tenant}/people:revoke-now" ADMINS NONE people::revoke_now;
    "PUT" "/api/v1/tenants/{tenant}/people/{id}/break-glass" OPERATORS NONE people::set_break_glass;
    "DELETE" "/api/v1/tenants/{tenant}/people/{id}/break-glass" OPERATORS NONE people::unset_break_glass;
    "GET" "/api/v1/tenants/{tenant}/sessions" AUDITORS RUNS sessions::list;
    "GET" "/api/v1/tenants/{tenant}/sessions/{id}" AUDITORS NONE sessions::get;
    "GET" "/api/v1/tenants/{tenant}/sessions/{id}/changes" AUDITORS PAGED sessions::changes;
    "GET" "/api/v1/tenants/{tenant}/sessions/{id}/undo" AUDITORS PAGED sessions::preview;
    "POST" "/api/v1/tenants/{tenant}/sessions/{id}/undo" ADMINS NONE sessions::undo;
    "GET" "/api/v1/tenants/{tenant}/team-sync" AUDITORS NONE team_sync::get;
    "PUT" "/api/v1/tenants/{tenant}/team-sync" ADMINS NONE team_sync::put;
    "GET" "/api/v1/tenants/{tenant}/team-sync/preview" AUDITORS PREVIEW team_sync::preview;
    "GET" "/api/v1/tenants/{tenant}/team-sync/findings" AUDITORS PAGED team_sync::findings;
    "POST" "/api/v1/tenants/{tenant}/team-sync/complete" ADMINS NONE team_sync::complete;
    "POST" "/api/v1/tenants/{tenant}/team-sync/stop" ADMINS NONE team_sync::stop;
    "POST" "/api/v1/tenants/{tenant}/team-sync/restore" ADMINS NONE team_sync::restore;
    "POST" "/api/v1/tenants/{tenant}/team-sync/run" ADMINS NONE team_sync::run;
    "GET" "/api/v1/tenants/{tenant}/teams" READERS PAGED teams::list;
    "POST" "/api/v1/tenants/{tenant}/teams" ADMINS NONE teams::create;
    "GET" "/api/v1/tenants/{tenant}/teams/unassigned" READERS PAGED teams::unassigned;
    "GET" "/api/v1/tenants/{tenant}/teams/{id}" READERS NONE teams::get;
    "PATCH" "/api/v1/tenants/{tenant}/teams/{id}" ADMINS NONE teams::update;
    "DELETE" "/api/v1/tenants/{tenant}/teams/{id}" ADMINS NONE teams::delete;
    "GET" "/api/v1/tenants/{tenant}/mails" AUDITORS STATES mail::list;
    "GET" "/api/v1/tenants/{tenant}/mails/{id}" AUDITORS NONE mail::get;
    "POST" "/api/v1/tenants/{tenant}/mails/{id}/retry" ADMINS NONE mail::retry;
    "POST" "/api/v1/mail-events" REPORTERS NONE mail::events;
    "GET" "/api/v1/tenants/{tenant}/brand" AUDITORS NONE mail::brand;
    "PUT" "/api/v1/tenants/{tenant}/brand" ADMINS NONE mail::set_brand;
    "GET" "/api/v1/brand" OPERATORS NONE mail::operators_brand;
    "PUT" "/api/v1/brand" OPERATORS NONE mail::set_operators_brand;
    "GET" "/api/v1/tenants/{tenant}/notices" AUDITORS NOTICES notices::list;
    "GET" "/api/v1/tenants/{tenant}/notices/{id}" AUDITORS TOLD notices::get;
    "GET" "/api/v1/tenants/{tenant}/notice-recipients" AUDITORS NONE notices::recipients;
    "PUT" "/api/v1/tenants/{tenant}/notice-recipients" ADMINS NONE notices::set_recipients;
    "GET" "/api/v1/notices-webhook" OPERATORS NONE notices::webhook;
    "PUT" "/api/v1/notices-webhook" OPERATORS NONE notices::set_webhook;
    "DELETE" "/api/v1/notices-webhook" OPERATORS NONE notices::remove_webhook;
}

/// Registers everything with the server.
pub fn configure(config: &mut web::ServiceConfig) {
    let mut paths: Vec<&'static str> = Vec::new();
    for route in ROUTES {
        if !paths.contains(&route.path) {
            paths.push(route.path);
        }
    }
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
        config.service(resource.default_service(web::to(other)));
    }
    config.route(
        document::PATH,
        web::get().to(|| async {
            let described = document::text();
            HttpResponse::Ok()
                .content_type("application/json")
                .body(described)
        }),
    );
    let nothing =
        |request: HttpRequest, state: web::Data<State>| refuse(request, state, "none", None);
    config.service(web::scope("/api").default_service(web::to(nothing)));
}
