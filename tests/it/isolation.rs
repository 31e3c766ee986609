//! The isolation table: every route × no token, a token that means nothing, an expired and a revoked one, every role
//! that is too small, and another tenant's. The routes are read from the server's own list, so a new one is in it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rosterd::domain::clock::Millis;
use rosterd::domain::roles::Role;
use rosterd::http::routes::ROUTES;
use rosterd::scim::rules::Preset;
use serde_json::json;

use crate::support::{Client, GROUP, TestApp, USER};

/// A request for a route: path with a real id of the first tenant, and a body that would do something.
async fn send(client: &Client, method: &str, path: &str, id: &str) -> crate::support::Answer {
    let path = format!("/scim/v2{}", path.replace("{id}", id));
    let body = match method {
        "GET" | "DELETE" => Vec::new(),
        "PATCH" => json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "replace", "path": "displayName", "value": "stolen"}]})
        .to_string()
        .into_bytes(),
        _ if path.ends_with("/Bulk") => json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
            "Operations": [{"method": "DELETE", "path": format!("/Users/{id}")}],
        })
        .to_string()
        .into_bytes(),
        _ if path.ends_with(".search") => {
            json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]})
                .to_string()
                .into_bytes()
        }
        _ => json!({"schemas": [USER, GROUP], "userName": "stolen", "displayName": "stolen"})
            .to_string()
            .into_bytes(),
    };
    client
        .raw(method, &path, "application/scim+json", body)
        .await
}

/// The same token as the password of HTTP Basic.
fn by_basic(client: &Client) -> Client {
    let pair = STANDARD.encode(format!("rosterd:{}", client.token()));
    client
        .anonymous()
        .header("authorization", &format!("Basic {pair}"))
}

/// The same token in a header of its own.
fn by_key(client: &Client) -> Client {
    client.anonymous().header("x-api-key", client.token())
}

#[actix_web::test]
async fn a_token_is_good_in_every_way_that_its_client_may_show_it() {
    let app = TestApp::start().await;
    for preset in Preset::ALL {
        let bearer = app.source(preset).await;
        bearer.get("/Users").await.expect(200);
        let shows = |is_so: bool| if is_so { 200 } else { 401 };
        let word = preset.as_str();
        let basic = ["okta", "onelogin", "ping", "generic"].contains(&word);
        let key = ["jumpcloud", "generic"].contains(&word);
        by_basic(&bearer).get("/Users").await.expect(shows(basic));
        by_key(&bearer).get("/Users").await.expect(shows(key));
        // What a request says of itself in Authorization is what counts.
        let both = by_key(&bearer).header("authorization", "Bearer rst_invented");
        both.get("/Users").await.expect(401);
    }
    let ping = app.source(Preset::Ping).await;
    let made = by_basic(&ping).create_user("ann@x.test").await;
    let path = format!("/Users/{}", made.id());
    assert_eq!(ping.get(&path).await.expect(200).body, made.body);
    let refused = ping.anonymous().get("/Users").await.expect(401);
    let offers: Vec<&str> = refused
        .headers
        .iter()
        .filter(|(name, _)| name == "www-authenticate")
        .map(|(_, value)| value.as_str())
        .collect();
    assert!(
        offers.len() == 2 && offers[0].starts_with("Bearer ") && offers[1].starts_with("Basic ")
    );
}

// checklist: 56, 57, 173, 175
#[actix_web::test]
async fn every_route_refuses_whoever_may_not() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let id = okta.create_user("ann@x.test").await.id();
    let before = app.verify().await.entries;
    let (expired, secret) = app
        .token(&app.tenant, Role::TenantAdmin, Some(Millis(1)))
        .await;
    assert!(!expired.is_empty());
    let expired = app.client(&secret);
    let (revoked_id, secret) = app.token(&app.tenant, Role::TenantAdmin, None).await;
    app.service
        .revoke_token(&app.tenant, &revoked_id)
        .await
        .unwrap();
    let revoked = app.client(&secret);
    // A token shown in a way that its client does not use is none: of other roles, and of other presets.
    let app_role = app.role(&app.tenant, Role::App).await;
    let entra = app.source(Preset::Entra).await;
    let strangers = [
        ("no token", okta.anonymous()),
        ("invented", app.client("rst_invented")),
        ("expired", expired.clone()),
        ("revoked", revoked.clone()),
        ("invented, Basic", by_basic(&app.client("rst_invented"))),
        ("expired, Basic", by_basic(&expired)),
        ("revoked, Basic", by_basic(&revoked)),
        ("role app, Basic", by_basic(&app_role)),
        ("preset entra, Basic", by_basic(&entra)),
        ("invented, key", by_key(&app.client("rst_invented"))),
        ("role app, key", by_key(&app_role)),
        ("preset okta, key", by_key(&okta)),
    ];
    let mut roles = Vec::new();
    for role in [Role::App, Role::Auditor, Role::TenantAdmin] {
        roles.push((role, app.role(&app.tenant, role).await));
    }
    roles.push((Role::Connection, okta.clone()));
    let mut checked = 0;
    for route in ROUTES.iter().filter(|r| !r.roles.is_empty()) {
        for (who, client) in &strangers {
            let answer = send(client, route.method, route.path, &id).await;
            assert_eq!(
                answer.status, 401,
                "{who}: {} {}: {}",
                route.method, route.path, answer.text
            );
            assert!(
                answer.header("www-authenticate").is_some()
                    && answer.body["status"] == json!("401")
            );
            checked += 1;
        }
        for (role, client) in roles.iter().filter(|(role, _)| !route.roles.contains(role)) {
            let answer = send(client, route.method, route.path, &id).await;
            assert_eq!(
                answer.status, 403,
                "{role:?}: {} {}: {}",
                route.method, route.path, answer.text
            );
            checked += 1;
        }
    }
    assert!(checked > 120, "{checked}");
    // Tokens were made meanwhile; nothing else was written.
    // The connection of preset entra has an entry of its own.
    let made = 5 + 1 + 3;
    assert_eq!(app.verify().await.entries, before + made);
}

// checklist: 62, 63
#[actix_web::test]
async fn every_route_with_an_id_hides_what_is_another_tenants() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let user = okta.create_user("ann@x.test").await.id();
    let group = okta
        .post(
            "/Groups",
            json!({"schemas": [GROUP], "displayName": "Sales", "members": [{"value": user}]}),
        )
        .await
        .id();
    let other = app.tenant("other").await;
    let spy = app
        .source_of(
            &other,
            Preset::Generic,
            rosterd::domain::access::JoinerPolicy::Grant,
        )
        .await;
    let spy_admin = app.role(&other, Role::TenantAdmin).await;
    let before = (
        okta.get(&format!("/Users/{user}")).await.body,
        okta.get(&format!("/Groups/{group}")).await.body,
    );
    let mut checked = 0;
    for route in ROUTES.iter().filter(|r| {
        r.path.contains("{id}") && !r.path.contains("Schemas") && !r.path.contains("Types")
    }) {
        let client = if route.roles.contains(&Role::Connection) {
            &spy
        } else {
            &spy_admin
        };
        let id = match route.path {
            p if p.starts_with("/Users") => user.clone(),
            p if p.starts_with("/Groups") => group.clone(),
            _ => "1-4".to_owned(),
        };
        let invented = match id.as_str() {
            "1-4" => "1-999".to_owned(),
            _ => "01a20e60-e2bf-7f9d-8bdd-000000000000".to_owned(),
        };
        let foreign = send(client, route.method, route.path, &id).await;
        let unknown = send(client, route.method, route.path, &invented).await;
        assert_eq!(
            foreign.status, 404,
            "{} {}: {}",
            route.method, route.path, foreign.text
        );
        assert_eq!(
            foreign.text.replace(&id, "?"),
            unknown.text.replace(&invented, "?"),
            "{} {}",
            route.method,
            route.path
        );
        checked += 1;
    }
    assert!(checked >= 9, "{checked}");
    // Lists, filters, references, uniqueness.
    assert_eq!(
        (
            spy.get("/Users").await.total(),
            spy.get("/Groups").await.total()
        ),
        (0, 0)
    );
    for filter in [
        format!("id eq \"{user}\""),
        "userName eq \"ann@x.test\"".to_owned(),
        "emails.value eq \"ann@x.test\"".to_owned(),
        format!("groups.value eq \"{group}\""),
    ] {
        assert_eq!(
            spy.filter("/Users", &filter).await.expect(200).total(),
            0,
            "{filter}"
        );
    }
    assert_eq!(
        spy.filter("/Groups", &format!("members.value eq \"{user}\""))
            .await
            .total(),
        0
    );
    spy.post(
        "/Groups",
        json!({"schemas": [GROUP], "displayName": "Sales", "members": [{"value": user}]}),
    )
    .await
    .expect(400);
    spy.create_user("ann@x.test").await;
    let events = spy_admin.get("/AuditEvents?count=1000").await.expect(200);
    assert!(!events.text.contains(&user) && !events.text.contains(&group));
    assert_eq!(
        (
            okta.get(&format!("/Users/{user}")).await.body,
            okta.get(&format!("/Groups/{group}")).await.body
        ),
        before
    );
    // A token of one tenant cannot name another.
    spy.header("rosterd-tenant", app.tenant.tenant.as_str())
        .get("/Users")
        .await
        .expect(403);
}

#[actix_web::test]
async fn an_operator_names_the_tenant_and_only_reads() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let id = okta.create_user("ann@x.test").await.id();
    let home = rosterd::service::Caller::system(
        rosterd::domain::ids::TenantId::new(rosterd::domain::ids::OPERATOR_TENANT),
        "test",
    );
    let operator = app.role(&home, Role::Operator).await;
    operator.get("/Users").await.expect(403);
    operator
        .header("rosterd-tenant", "nobody")
        .get("/Users")
        .await
        .expect(403);
    let named = operator.header("rosterd-tenant", "default");
    assert_eq!(named.get("/Users").await.expect(200).ids(), [id.clone()]);
    named.delete(&format!("/Users/{id}")).await.expect(403);
}

// checklist: 171
#[actix_web::test]
async fn a_token_is_refused_within_a_second_of_its_revocation() {
    let app = TestApp::start().await;
    let (id, secret) = app.token(&app.tenant, Role::App, None).await;
    let client = app.client(&secret);
    client.get("/Users").await.expect(200);
    app.service.revoke_token(&app.tenant, &id).await.unwrap();
    // What the server's timer does twice a second.
    app.state.auth.forget_invalidated().await;
    client.get("/Users").await.expect(401);
}

#[actix_web::test]
async fn routes_of_the_table_are_the_routes_of_the_server() {
    // The table drives the server, so a route cannot be missing from it; this holds that nobody registers one beside it.
    let source = include_str!("../../src/http/routes.rs");
    let beside = source.matches(".route(").count();
    assert_eq!(
        beside, 5,
        "a route was registered outside the table: add it to ROUTES"
    );
    for route in ROUTES.iter().filter(|r| r.roles.is_empty()) {
        assert_eq!(
            route.path, "/ServiceProviderConfig",
            "a route without a token: {}",
            route.path
        );
    }
}
