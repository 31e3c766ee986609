//! The isolation table of the management API: every route × strangers, every role that is too small, another tenant's
//! token, and another tenant's things under one's own tenant.

use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::clock::Millis;
use rosterd::domain::ids::{OPERATOR_TENANT, TenantId};
use rosterd::domain::roles::Role;
use rosterd::http::api::routes::{ROUTES, Route};
use rosterd::scim::rules::Preset;
use rosterd::service::Caller;
use rosterd::service::credentials::NewToken;
use serde_json::{Value, json};

use crate::support::{Answer, Client, TestApp};

/// Things of the first tenant.
struct Things {
    connection: String,
    token: String,
    person: String,
    conflict: String,
    pair: String,
    run: String,
    session: String,
    app_user: String,
    app_team: String,
    switch: String,
    team: String,
    invitation: String,
}

impl Things {
    async fn of(app: &TestApp) -> Self {
        let okta = app.source(Preset::Okta).await;
        let person = okta.create_user("ann@x.test").await.id();
        // Somebody whose address looks like hers.
        let entra = app.source(Preset::Entra).await;
        let alike = crate::sources::user("ann", "ａnn@x.test", "");
        entra.post("/Users", alike).await.expect(201);
        let open = app
            .service
            .list_conflicts(&app.tenant.tenant, false, None, 9)
            .await
            .unwrap();
        let conflict = open[0].row.id.clone();
        let pair = crate::pairs::one_pair(app).await;
        let admin = app.role(&app.tenant, Role::TenantAdmin).await;
        let body =
            json!({"kind": "hris", "connector": "x", "label": "HR", "secrets": {"key": "x"}});
        let path = "/api/v1/tenants/default/connections";
        let body = body.to_string().into_bytes();
        let made = admin.raw("POST", path, "application/json", body).await;
        let (token, _) = app.token(&app.tenant, Role::App, None).await;
        let connection = made.expect(201).id();
        let body = json!({"kind": "hris", "connector": "y", "label": "New HR"}).to_string();
        let other = admin.raw("POST", path, "application/json", body.into_bytes());
        let other = other.await.expect(201).id();
        let switch = app.service.start_switch(&app.tenant, &connection, &other);
        let switch = switch.await.unwrap().id;
        let run = format!("run-of-{connection}");
        let row = rosterd::service::runs::RunRow {
            tenant: app.tenant.tenant.as_str().to_owned(),
            id: run.clone(),
            connection_id: connection.clone(),
            kind: "manual".to_owned(),
            state: "waiting".to_owned(),
            stage: "plan".to_owned(),
            actor_kind: "system".to_owned(),
            actor_id: String::new(),
            as_of: "2026-01-01".to_owned(),
            started_at: 1,
            finished_at: Some(1),
            planned: 0,
            applied: 0,
            lost: 0,
            is_complete: true,
            evidence: None,
            counts: None,
            why_held: None,
            error: None,
            settings_digest: String::new(),
            decided_at: None,
            decider_kind: None,
            decider_id: None,
            connector_version: None,
            version_before: None,
        };
        app.service.begin_run(&app.tenant, row).await.unwrap();
        let (app_user, app_team) = ("u-1".to_owned(), "t-1".to_owned());
        let mut team = String::new();
        for (path, body) in [
            ("app-users/u-1", json!({"email": "cleo@x.test"})),
            (
                "app-teams/t-1",
                json!({"name": "Sales", "members": ["u-1"]}),
            ),
        ] {
            let path = format!("/api/v1/tenants/default/{path}");
            let body = body.to_string().into_bytes();
            let put = admin.raw("PUT", &path, "application/json", body).await;
            let put = put.expect(201);
            team = put.body["groupId"].as_str().unwrap_or_default().to_owned();
        }
        let sessions = app.service.list_sessions(&app.tenant.tenant, None, None, 9);
        let session = sessions.await.unwrap()[0].id.clone();
        let one = crate::sources::user("dee", "dee@x.test", "");
        let lister = app
            .source_of(&app.tenant, Preset::Generic, JoinerPolicy::List)
            .await;
        let listed = lister.post("/Users", one).await.expect(201).id();
        let body = json!({"people": [listed]}).to_string().into_bytes();
        let path = "/api/v1/tenants/default/invitations";
        let made = admin.raw("POST", path, "application/json", body).await;
        let made = made.expect(200).body["results"][0].clone();
        let invitation = made["invitation"]["id"].as_str().unwrap().to_owned();
        Self {
            connection,
            invitation,
            run,
            session,
            token,
            person,
            conflict,
            pair,
            app_user,
            app_team,
            switch,
            team,
        }
    }

    /// The path of a route with a real id; a name instead of a tenant's is put in front.
    fn path(&self, route: &Route, tenant: &str) -> String {
        let id = match route.path {
            p if p.contains("/tokens/") => &self.token,
            p if p.contains("/people/") => &self.person,
            p if p.contains("/conflicts/") => &self.conflict,
            p if p.contains("/pairs/") => &self.pair,
            p if p.contains("/runs/") => &self.run,
            p if p.contains("/switches/") => &self.switch,
            p if p.contains("/sessions/") => &self.session,
            p if p.contains("/app-users/") => &self.app_user,
            p if p.contains("/app-teams/") => &self.app_team,
            p if p.contains("/teams/") => &self.team,
            p if p.contains("/invitations/") => &self.invitation,
            _ => &self.connection,
        };
        let path = route.path.replace("{tenant}", tenant);
        let path = path.replace("{id}", id).replace("{name}", "key");
        match route.operation {
            "access-get" => path + "?email=ann%40x.test",
            "team_sync-preview" => format!("{path}?connection={}", self.connection),
            _ => path,
        }
    }
}

/// A body that would do something.
fn body(route: &Route) -> Option<Value> {
    Some(match route.operation {
        "tenants-create" => json!({"name": "stolen"}),
        "tenants-update" => json!({"name": "stolen"}),
        "connections-create" => json!({"kind": "scim", "label": "stolen"}),
        "connections-update" => json!({"label": "stolen"}),
        "secrets-set" => json!({"value": "stolen"}),
        "tokens-create" => json!({"role": "app"}),
        "people-unlink" => json!({"connection": "x"}),
        "people-revoke_now" => json!({"people": ["x"]}),
        "mail-set_brand" | "mail-set_operators_brand" => json!({"product": "stolen"}),
        "mail-events" => json!({"events": []}),
        "notices-set_recipients" => json!({"to": [{"address": "stolen@x.test"}]}),
        "notices-set_webhook" => json!({"url": "https://stolen.test/x"}),
        "entitlements-put" => {
            json!({"name": "stolen", "hris": 0, "push": false, "teamSync": false, "seats": 0})
        }
        "settings-update" => json!({"returnDays": 1}),
        "scopes-test" => json!({"filter": "title pr"}),
        "switches-start" => json!({"from": "x", "to": "y"}),
        "settings-dry_run" => json!({"precedence": {}}),
        "announcements-put" => json!({"people": 9, "until": "2027-01-01"}),
        "files-put" | "files-preview" => json!("employee_id,work_email\n1,stolen@x.test\n"),
        "app_users-put" => json!({"email": "stolen@x.test"}),
        "app_teams-put" | "teams-create" | "teams-update" => json!({"name": "stolen"}),
        "team_sync-put" => json!({"language": "fr"}),
        "app_users-import" => json!({"appUserId": "u-1", "email": "stolen@x.test"}),
        "app_teams-import" => json!({"appTeamId": "t-1", "name": "stolen"}),
        "access-sign_in" => json!({"email": "ann@x.test"}),
        "invitations-create" => json!({"people": ["x"]}),
        "invitations-declare" => json!({"roles": [{"value": "x", "label": {"en": "X"}}]}),
        "invitations-handoff" => json!({"code": "x"}),
        _ => return None,
    })
}

async fn send(client: &Client, route: &Route, path: &str) -> Answer {
    let body = body(route).map(|b| b.to_string().into_bytes());
    let body = body.unwrap_or_default();
    let kind = route.media().map_or("application/json", |media| media[0]);
    client.raw(route.method, path, kind, body).await
}

#[actix_web::test]
async fn every_route_of_the_api_refuses_whoever_may_not() {
    let app = TestApp::start().await;
    let things = Things::of(&app).await;
    let (_, secret) = app
        .token(&app.tenant, Role::TenantAdmin, Some(Millis(1)))
        .await;
    let expired = app.client(&secret);
    let (id, secret) = app.token(&app.tenant, Role::TenantAdmin, None).await;
    app.service.revoke_token(&app.tenant, &id).await.unwrap();
    let revoked = app.client(&secret);
    let strangers = [
        ("no token", expired.anonymous()),
        ("invented", app.client("rst_invented")),
        ("expired", expired),
        ("revoked", revoked),
    ];
    let mut roles = vec![(Role::Connection, app.source(Preset::Okta).await)];
    for role in [Role::App, Role::Auditor, Role::TenantAdmin] {
        roles.push((role, app.role(&app.tenant, role).await));
    }
    let new = NewToken {
        role: Role::Drop,
        connection: Some(things.connection.clone()),
        label: String::new(),
        expires_at: None,
    };
    let (_, secret) = app
        .service
        .create_token(&app.tenant, new, None)
        .await
        .unwrap();
    roles.push((Role::Drop, app.client(&secret)));
    let before = app.verify().await.entries;
    let mut checked = 0;
    for route in ROUTES {
        assert!(
            !route.roles.is_empty(),
            "a route without a token: {}",
            route.path
        );
        let path = things.path(route, "default");
        for (who, client) in &strangers {
            let answer = send(client, route, &path).await;
            let (method, text) = (route.method, &answer.text);
            assert_eq!(answer.status, 401, "{who}: {method} {path}: {text}");
            assert!(answer.header("www-authenticate").is_some());
            checked += 1;
        }
        for (role, client) in roles.iter().filter(|(role, _)| !route.roles.contains(role)) {
            let answer = send(client, route, &path).await;
            let (method, text) = (route.method, &answer.text);
            assert_eq!(answer.status, 403, "{role:?}: {method} {path}: {text}");
            checked += 1;
        }
    }
    assert!(checked > 120, "{checked}");
    assert_eq!(app.verify().await.entries, before, "nothing was written");
}

#[actix_web::test]
async fn every_route_of_the_api_hides_what_is_another_tenants() {
    let app = TestApp::start().await;
    let things = Things::of(&app).await;
    let other = app.tenant("other").await;
    let mut spies = Vec::new();
    for role in [Role::App, Role::Auditor, Role::TenantAdmin] {
        spies.push((role, app.role(&other, role).await));
    }
    let home = Caller::system(TenantId::new(OPERATOR_TENANT), "test");
    let of_operator = app.role(&home, Role::Auditor).await;
    spies.push((Role::Auditor, of_operator));
    let before = app.verify().await.entries;
    let mut checked = 0;
    let tenant = app.tenant.tenant.as_str();
    for route in ROUTES.iter().filter(|r| r.path.contains("{tenant}")) {
        let may = spies.iter().filter(|(role, _)| route.roles.contains(role));
        for (_, spy) in may {
            let unknown = send(spy, route, &things.path(route, "nobody")).await;
            assert_eq!(unknown.status, 404, "{} {}", route.method, route.path);
            // By name and by id; and the operator's own.
            for named in ["default", tenant, "operator"] {
                let foreign = send(spy, route, &things.path(route, named)).await;
                if named == "operator" && foreign.status == 200 {
                    // Its own auditor may.
                    continue;
                }
                let (a, b) = (said(&foreign, named), said(&unknown, "nobody"));
                if named != "operator" || a.contains("there is no tenant") {
                    assert_eq!(a, b, "{} {}", route.method, route.path);
                }
                assert_eq!(
                    foreign.status, 404,
                    "{} {}: {}",
                    route.method, route.path, foreign.text
                );
                checked += 1;
            }
            // Its things under one's own tenant.
            // What the app calls its users is its own choice: the same id is somebody else in each tenant.
            let is_chosen = ["app_users-put", "app_teams-put"].contains(&route.operation);
            if route.path.contains("{id}") && !is_chosen && spy.token() != spies[3].1.token() {
                let path = things.path(route, "other");
                let foreign = send(spy, route, &path).await;
                assert_eq!(
                    foreign.status, 404,
                    "{} {path}: {}",
                    route.method, foreign.text
                );
                checked += 1;
            }
        }
    }
    assert!(checked > 100, "{checked}");
    assert_eq!(app.verify().await.entries, before, "nothing was written");
    let spy = &spies[2].1;
    for list in [
        "connections",
        "tokens",
        "people",
        "conflicts",
        "pairs",
        "runs",
        "switches",
        "sessions",
        "parked",
        "app-users",
        "app-teams",
        "app-imports",
        "teams",
        "invitations",
    ] {
        let path = format!("/api/v1/tenants/other/{list}");
        let listed = spy
            .raw("GET", &path, "application/json", Vec::new())
            .await
            .expect(200);
        for id in [
            &things.connection,
            &things.token,
            &things.person,
            &things.conflict,
            &things.pair,
            &things.run,
            &things.switch,
            &things.session,
            &things.app_user,
            &things.app_team,
            &things.team,
            &things.invitation,
        ] {
            assert!(!listed.text.contains(id), "{list}: {}", listed.text);
        }
    }
    // The header of SCIM opens no door here.
    let named = spy.header("rosterd-tenant", tenant);
    let path = "/api/v1/tenants/default";
    named
        .raw("GET", path, "application/json", Vec::new())
        .await
        .expect(404);
}

/// An answer without what differs by nature.
fn said(answer: &Answer, named: &str) -> String {
    let request = answer.body["request"].as_str().unwrap_or_default();
    answer
        .text
        .replace(request, "?")
        .replace(&format!("`{named}`"), "`?`")
}

#[test]
fn routes_of_the_table_are_the_routes_of_the_api() {
    // The table drives the server; this holds that nobody registers one beside it but the document.
    let source = include_str!("../../src/http/api/routes.rs");
    assert_eq!(source.matches(".route(").count(), 3, "add it to ROUTES");
}
