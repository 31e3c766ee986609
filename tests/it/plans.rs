//! Plans: no statement of the look-ups, of a provider's whole life cycle or of an auditor's questions walks a tenant.

use std::collections::BTreeSet;
use std::process::Stdio;

use rosterd::cli::simulate::{Dialect, Family, Options, Play, play};
use rosterd::scim::filter::parse;
use rosterd::scim::list::ListQuery;
use rosterd::scim::rules::{Preset, Rules};
use rosterd::scim::schema::{Registry, ResourceKind};
use rosterd::scim::sort;
use rosterd::storage::connection::AnyConnection;
use rosterd::storage::journal::entries_page;
use rosterd::storage::order::{Mark, Order, Rows, Slice, Start};
use rosterd::storage::page::{groups_page, users_page};
use rosterd::storage::view::{View, groups_of_query, members_query};
use rosterd::storage::{dialect::Frag, filter as sql, memberships, nesting};
use serde_json::json;

use crate::support::bulk::fill;
use crate::support::process::{OPERATOR, Server, TOKEN, command};
use crate::support::{Client, Database, GROUP, TestApp, execute, is_soak, lines};

/// The plan of a statement, a line each. PostgreSQL is kept from reading a small table whole just because it is small:
/// what an index could do at any size is the question.
pub fn plan(conn: &mut AnyConnection, frag: &Frag) -> String {
    use diesel::RunQueryDsl;
    use diesel::sql_types::{Integer, Text};
    match conn {
        AnyConnection::Sqlite(_) => {
            let rows: Vec<(i32, i32, i32, String)> = Frag::sql("EXPLAIN QUERY PLAN ")
                .frag(frag)
                .query::<(Integer, Integer, Integer, Text)>()
                .load(conn)
                .unwrap();
            rows.into_iter().map(|r| r.3).collect::<Vec<_>>().join("\n")
        }
        AnyConnection::Postgresql(_) => {
            execute(
                conn,
                "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off",
            );
            let rows: Vec<String> = Frag::sql("EXPLAIN ")
                .frag(frag)
                .query::<Text>()
                .load(conn)
                .unwrap();
            rows.join("\n")
        }
    }
}

/// Steps that walk a table of people, groups or memberships.
pub fn walks(plan: &str) -> Vec<String> {
    let tables = [
        "users",
        "claims",
        "emails",
        "groups",
        "memberships",
        "journal",
    ];
    let aliases = ["u", "c", "m", "g", "n", "p", "o", "e", "j", "h", "hc", "hs"];
    let is_walk = |line: &&str| {
        let line = line.trim_start_matches([' ', '-', '>']);
        let sqlite = line.strip_prefix("SCAN ").is_some_and(|rest| {
            let first = rest.split(' ').next().unwrap_or_default();
            (tables.contains(&first) || aliases.contains(&first))
                && !rest.contains("VIRTUAL TABLE")
                && !rest.contains("USING COVERING INDEX sqlite_autoindex")
        });
        // A prefix of a key that still leaves everybody of a tenant, or of one of its connections.
        let partial = line.starts_with("SEARCH")
            && [
                "(tenant=?)",
                "(tenant=? AND connection_id=?)",
                "(tenant=? AND view=?)",
            ]
            .iter()
            .any(|prefix| line.contains(prefix))
            && ![
                "connections",
                "heads",
                "h USING INDEX sqlite_autoindex_heads_1",
                "credentials",
                "tenant_schemas",
                // Holds only those who wait for a seat.
                "u EXISTS USING COVERING INDEX users_no_seat",
                "member_jobs",
                "team_syncs",
                "push_guards",
                "push_sessions USING INDEX push_sessions_open",
            ]
            .iter()
            .any(|t| line.starts_with(&format!("SEARCH {t} ")));
        let postgres = line.contains("Seq Scan on")
            && tables.iter().any(|t| line.contains(&format!("on {t}")));
        sqlite || partial || postgres
    };
    let mut found = tenant_only(plan);
    found.extend(plan.lines().filter(is_walk).map(str::to_owned));
    found
}

/// Index conditions of PostgreSQL that restrict nothing but the tenant.
fn tenant_only(plan: &str) -> Vec<String> {
    let mut scan = "";
    let mut found = Vec::new();
    for line in plan.lines().map(str::trim) {
        if line.contains(" Scan ") {
            scan = line;
        }
        // Of a table that was empty when it was counted any index is as good as another.
        if scan.contains("(cost=0.12..") {
            continue;
        }
        let small = [
            "on heads",
            "on connections",
            "on credentials",
            "on tenant_schemas",
            "using users_no_seat on users",
            "on push_guards",
            "on member_jobs",
            "on team_syncs",
        ]
        .iter()
        .any(|table| scan.contains(table));
        if line.starts_with("Index Cond: (tenant = ") && !small {
            found.push(format!("{scan} {line}"));
        }
    }
    found
}

/// Steps that read all members of a group.
fn reads_members(plan: &str) -> bool {
    let sqlite = "SEARCH m USING PRIMARY KEY (tenant=? AND group_id=? AND generation=?)";
    let mut of_members = false;
    plan.lines().any(|line| {
        if line.contains(" Scan ") {
            of_members = line.contains("on memberships") || line.contains("memberships_pkey");
        }
        let by_group = line.contains("Index Cond") && line.contains("group_id =");
        line.contains(sqlite) || (of_members && by_group && !line.contains("user_id ="))
    })
}

/// The statement of a page of users or groups that a filter asks for.
async fn page(app: &TestApp, kind: ResourceKind, view: &View, text: &str) -> Frag {
    let registry = Registry::builtin().unwrap();
    let filter = parse(&registry, kind, text, &mut Rules::default()).unwrap();
    let (tenant, view) = (app.tenant.tenant.as_str().to_owned(), view.clone());
    let slice = |rows| Slice {
        order: Order::by_id(rows, false),
        start: Start::Offset(0),
        limit: 100,
    };
    let page = app.service.store.read(&app.tenant.tenant, move |scope| {
        Ok::<_, rosterd::storage::Error>(match kind {
            ResourceKind::User => {
                let condition = sql::users(scope, &registry, &view, &filter);
                users_page(&view, &tenant, Some(&condition), &slice(Rows::Users))
            }
            _ => {
                let condition = sql::groups(scope, &registry, &view, &filter);
                groups_page(&view, &tenant, Some(&condition), &slice(Rows::Groups))
            }
        })
    });
    page.await.unwrap()
}

#[actix_web::test]
async fn every_look_up_uses_an_index() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let connection = fill(&app.database, app.tenant.tenant.as_str(), 20_000, 5_000);
    let tenant = app.tenant.tenant.as_str().to_owned();
    let mut conn = app.database.connect();
    let many = |name: &str| {
        let each: Vec<String> = (0..60).map(|i| format!("{name} eq \"u{i}\"")).collect();
        each.join(" or ")
    };
    let (names, addresses) = (many("userName"), many("emails.value"));
    let users = [
        "userName eq \"u77\"",
        "id eq \"019000000077-x\"",
        "externalId eq \"e77\"",
        "emails.value eq \"u77@x.test\"",
        "emails[type eq \"work\"].value eq \"u77@x.test\"",
        "displayName eq \"d77\"",
        "userName eq \"u1\" or externalId eq \"e2\"",
        "userName eq \"u77\" and title co \"x\"",
        "id eq \"019000000077-x\" and manager eq \"m\"",
        "groups.value eq \"019000000001-x\" and userName eq \"u7\"",
        "groups[value eq \"019000000002-x\" and display eq \"g2\"]",
        "groups[value eq \"019000000003-x\" or value eq \"019000000002-x\"]",
        "groups eq \"019000000003-x\" or groups.value eq \"019000000002-x\"",
        "groups[type eq \"indirect\" and display eq \"g2\"] and userName eq \"u7\"",
        "meta.lastModified gt \"1970-01-01T00:00:19.990Z\"",
        "meta.created gt \"2000-01-01T00:00:00Z\" and userName eq \"u77\"",
        &names,
        &addresses,
    ];
    let groups = [
        "displayName eq \"g7\"",
        "id eq \"019000000001-x\" and members eq \"019000000077-x\"",
        "externalId eq \"x9\"",
        "members.value eq \"019000000077-x\"",
        "members[value eq \"019000000077-x\" and type eq \"User\"]",
        "members[value eq \"019000000077-x\" or value eq \"019000000078-x\"]",
        "members[type eq \"Group\" and display eq \"g2\"] and displayName eq \"g7\"",
    ];
    for view in [
        View::Connection(connection.clone()),
        View::Everybody,
        View::App,
    ] {
        for (kind, texts) in [
            (ResourceKind::User, &users[..]),
            (ResourceKind::Group, &groups[..]),
        ] {
            for text in texts {
                // Nobody has one there, and no row is read to find that out; the plan does not show it.
                if text.contains("externalId") && view == View::Everybody {
                    continue;
                }
                // PostgreSQL takes the one group that has members here for any group, and it has a quarter of the people.
                let is_wide = text.starts_with("groups eq");
                if is_wide && matches!(conn, AnyConnection::Postgresql(_)) {
                    continue;
                }
                let plan = plan(&mut conn, &page(&app, kind, &view, text).await);
                assert_eq!(
                    walks(&plan),
                    Vec::<String>::new(),
                    "{view:?} {text}\n{plan}"
                );
            }
        }
    }
    // The check can fail: a title is in no index.
    let unindexed = Frag::sql("SELECT u.id FROM users u WHERE u.tenant = ")
        .text(tenant.as_str())
        .push(" AND u.access_reason = 'y'");
    assert!(!walks(&plan(&mut conn, &unindexed)).is_empty());
    let found = okta
        .filter("/Users", "userName eq \"U77\"")
        .await
        .expect(200);
    assert_eq!(found.ids(), ["019000000077-x"]);
    assert_eq!(
        okta.get("/Users?startIndex=19991&count=100")
            .await
            .resources()
            .len(),
        10
    );
}

#[actix_web::test]
async fn a_page_by_cursor_begins_where_the_last_one_ended() {
    let app = TestApp::start().await;
    app.source(Preset::Okta).await;
    let connection = fill(&app.database, app.tenant.tenant.as_str(), 20_000, 10);
    let tenant = app.tenant.tenant.as_str();
    let mut conn = app.database.connect();
    let mark = |id: &str, key: Option<&str>| {
        Start::After(Some(Mark {
            key: key.map(str::to_owned),
            id: id.to_owned(),
        }))
    };
    let slice = |order: Order, start: Start| Slice {
        order,
        start,
        limit: 100,
    };
    let id = "019000010000-x";
    let mut pages = Vec::new();
    for view in [View::Connection(connection), View::Everybody, View::App] {
        for (descending, start) in [
            (false, Start::After(None)),
            (false, mark(id, None)),
            (true, mark(id, None)),
        ] {
            let by_id = |rows| slice(Order::by_id(rows, descending), start.clone());
            pages.push(users_page(&view, tenant, None, &by_id(Rows::Users)));
            pages.push(groups_page(&view, tenant, None, &by_id(Rows::Groups)));
        }
    }
    let entries = slice(Order::by_id(Rows::Entries, false), mark("7", None));
    pages.push(entries_page(tenant, None, &entries));
    for (by, key) in [("userName", "u5000"), ("meta.lastModified", "5000")] {
        let registry = Registry::builtin().unwrap();
        let query = ListQuery::parse(
            [("sortBy", by)].into_iter(),
            &rosterd::scim::limits::Limits::default(),
        )
        .unwrap();
        let sort = sort::parse(&registry, ResourceKind::User, &query, &mut Rules::default());
        let sort = sort.unwrap();
        let order = app.service.store.read(&app.tenant.tenant, move |scope| {
            Ok::<_, rosterd::storage::Error>(sql::users_order(scope, &View::Everybody, &sort))
        });
        let slice = slice(order.await.unwrap(), mark(id, Some(key)));
        pages.push(users_page(&View::Everybody, tenant, None, &slice));
    }
    for page in pages {
        let plan = plan(&mut conn, &page);
        assert_eq!(
            walks(&plan),
            Vec::<String>::new(),
            "{}\n{plan}",
            page.shape()
        );
    }
}

#[actix_web::test]
async fn one_member_in_or_out_reads_no_other_member() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let connection = fill(
        &app.database,
        app.tenant.tenant.as_str(),
        if is_soak() { 100_100 } else { 20_100 },
        if is_soak() { 100_000 } else { 20_000 },
    );
    let tenant = app.tenant.tenant.as_str();
    let mut conn = app.database.connect();
    let group = "019000000001-x";
    let newcomer = format!("0190{:08}-x", if is_soak() { 100_001 } else { 20_001 });
    let view = View::Connection(connection);
    let add =
        memberships::add_statement(tenant, group, 1, &newcomer, memberships::MemberKind::User);
    let compared = memberships::only_in_query(tenant, group, (1, 2), "", 500);
    let (up, down) = (
        nesting::around_query(tenant, group, 32),
        nesting::levels_query(tenant, &[group.to_owned()], 32),
    );
    let below = plan(&mut conn, &down);
    assert!(below.contains("memberships_nested"), "{below}");
    for frag in [
        add,
        groups_of_query(&view, tenant, &newcomer),
        compared,
        up,
        down,
    ] {
        let plan = plan(&mut conn, &frag);
        assert_eq!(walks(&plan), Vec::<String>::new(), "{plan}");
    }
    let path = format!("/Groups/{group}");
    let member = json!([{"op": "add", "path": "members", "value": [{"value": newcomer}]}]);
    okta.patch(&path, member).await.expect(204);
    let check = format!("id eq \"{group}\" and members eq \"{newcomer}\"");
    let asked = plan(
        &mut conn,
        &page(&app, ResourceKind::Group, &view, &check).await,
    );
    assert!(!reads_members(&asked), "{asked}");
    let all = plan(
        &mut conn,
        &page(&app, ResourceKind::Group, &view, "members.display pr").await,
    );
    assert!(reads_members(&all) || !walks(&all).is_empty(), "{all}");
    assert_eq!(
        okta.filter("/Groups?excludedAttributes=members&x=", "id pr")
            .await
            .status,
        200
    );
    assert_eq!(okta.filter("/Groups", &check).await.total(), 1);
    okta.patch(
        &path,
        json!([{"op": "remove", "path": format!("members[value eq \"{newcomer}\"]")}]),
    )
    .await
    .expect(204);
    assert_eq!(okta.filter("/Groups", &check).await.total(), 0);
    // The group without its members touches no membership: the table may even be gone.
    execute(
        &mut conn,
        "ALTER TABLE memberships RENAME TO memberships_away",
    );
    let without = okta
        .get(&format!("{path}?excludedAttributes=members"))
        .await
        .expect(200);
    assert_eq!(
        (&without.body["displayName"], without.body.get("members")),
        (&json!("g1"), None)
    );
    okta.get("/Groups?excludedAttributes=members&filter=displayName+eq+%22g1%22")
        .await
        .expect(200);
    execute(
        &mut conn,
        "ALTER TABLE memberships_away RENAME TO memberships",
    );
    let plan = plan(
        &mut conn,
        &members_query(&view, tenant, "019000000002-x", 1),
    );
    assert!(
        plan.contains("memberships") || plan.contains(" m "),
        "{plan}"
    );
    okta.post("/Groups", json!({"schemas": [GROUP], "displayName": "new"}))
        .await
        .expect(201);
}

/// The plan of a statement whose values are not known, a line each.
fn plan_of_text(conn: &mut AnyConnection, statement: &str) -> String {
    if let AnyConnection::Sqlite(_) = conn {
        return plan(conn, &Frag::sql(statement).free_shape());
    }
    let values = (1..)
        .take_while(|n| statement.contains(&format!("${n}")))
        .map(|_| "NULL")
        .collect::<Vec<_>>()
        .join(", ");
    execute(
        conn,
        &format!("SET plan_cache_mode = force_generic_plan; PREPARE asked AS {statement}"),
    );
    let run = match values.is_empty() {
        true => "EXECUTE asked".to_owned(),
        false => format!("EXECUTE asked ({values})"),
    };
    let plan = plan(conn, &Frag::sql(run).free_shape());
    execute(conn, "DEALLOCATE asked");
    plan
}

/// Statements that a log with `rosterd::sql=trace` holds, each once.
fn statements(log: &str) -> BTreeSet<String> {
    let of_line = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).ok()?;
        Some(line["statement"].as_str()?.trim().to_owned())
    };
    log.lines()
        .filter_map(of_line)
        .filter(|s| {
            ["SELECT", "INSERT", "UPDATE", "DELETE"]
                .iter()
                .any(|word| s.starts_with(word))
        })
        .collect()
}

/// A page of everybody walks by design: it reads as far as the page reaches.
fn is_whole_list(statement: &str) -> bool {
    // Once in an hour of a connection that takes access away: how many people its window begins with.
    let is_count = statement.starts_with("SELECT count(*) FROM claims c JOIN users u");
    is_count || statement.contains("LIMIT") && statement.contains("OFFSET")
}

#[actix_web::test]
async fn no_statement_of_a_life_cycle_walks_a_tenant() {
    let database = Database::fresh();
    let files = tempfile::tempdir().unwrap();
    let log = files.path().join("log");
    let server = Server::start_as(|listen| {
        let mut command = command(&database, files.path(), listen);
        command
            .env("ROSTERD_LOG", "warn,rosterd::sql=trace")
            .env("ROSTERD_LOG_FORMAT", "json")
            .stderr(Stdio::from(std::fs::File::create(&log).unwrap()));
        command
    })
    .await;
    let mut conn = database.connect();
    let tenant = lines(
        &mut conn,
        "SELECT id AS line FROM tenants WHERE name = 'default'",
    )
    .remove(0);
    fill(&database, &tenant, 5_000, 2_000);
    let report = play(Options {
        base: format!("{}/scim/v2", server.base),
        token: TOKEN.to_owned(),
        plays: vec![
            Play::Okta(Family::Oin),
            Play::Okta(Family::Aiw),
            Play::Entra(Dialect::Classic),
            Play::Entra(Dialect::Flag2020),
        ],
        people: 12,
        seed: 3,
        marker: "plan".to_owned(),
        keep: true,
        progress: false,
    })
    .await;
    assert_eq!(report.mismatches, []);
    let auditor = Client::new(&server.base, OPERATOR).header("rosterd-tenant", "default");
    for filter in [
        "subject.id eq \"x\"",
        "object.id eq \"x\"",
        "actor.id eq \"x\" and action eq \"user.created\"",
        "time gt \"2026-01-01T00:00:00Z\"",
        "sequence gt 100",
        "id eq \"1-5\"",
        "id eq \"1-5\" or id eq \"1-7\"",
    ] {
        auditor.filter("/AuditEvents", filter).await.expect(200);
    }
    server.kill();
    if let AnyConnection::Postgresql(_) = conn {
        execute(&mut conn, "ANALYZE");
    }
    let all = statements(&std::fs::read_to_string(&log).unwrap());
    assert!(all.len() > 40, "only {} statements were logged", all.len());
    let mut faults = Vec::new();
    for statement in all.iter().filter(|s| !is_whole_list(s)) {
        let plan = plan_of_text(&mut conn, statement);
        if !walks(&plan).is_empty() {
            faults.push(format!("{statement}\n{plan}\n"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
