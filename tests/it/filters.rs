//! Filters: SQL equals the evaluator on both databases, and every look-up uses an index.

use rosterd::domain::chance::{Chance, SeededChance};
use rosterd::scim::Doc;
use rosterd::scim::filter::{evaluate, parse};
use rosterd::scim::fold::{date_time_key, match_document};
use rosterd::scim::rules::{Preset, Rules};
use rosterd::scim::schema::{Registry, ResourceKind};
use rosterd::storage::connection::AnyConnection;
use rosterd::storage::page::{Window, groups_page, users_page};
use rosterd::storage::view::{View, groups_of_query, members_query};
use rosterd::storage::{dialect::Frag, filter as sql, memberships};
use serde_json::{Value, json};

use crate::support::{Client, ENTERPRISE, GROUP, TestApp, USER, is_soak, lines};

/// Draws from a fixed sequence.
struct Dice(SeededChance);

impl Dice {
    fn below(&self, n: usize) -> usize {
        let mut bytes = [0u8; 8];
        self.0.fill(&mut bytes);
        usize::try_from(u64::from_le_bytes(bytes) % n as u64).unwrap()
    }

    fn pick<T: Copy>(&self, list: &[T]) -> T {
        list[self.below(list.len())]
    }
}

const TEXTS: [&str; 22] = [
    "Ann",
    "ANN",
    "ann",
    "É",
    "e\u{301}",
    "é",
    "Straße",
    "STRASSE",
    "İ",
    "i̇",
    "ΌΣΟΣ",
    "όσος",
    "100%",
    "a_b",
    "axb",
    "back\\slash",
    "quo\"te",
    "'; --",
    "",
    "ﬁ",
    "x",
    "Ω\u{1F600}",
];

fn random_user(dice: &Dice, i: usize) -> Value {
    let mut user = json!({"schemas": [USER], "userName": format!("{}{i}", dice.pick(&["Ann", "ÉVA", "straße", "_%"])), "active": dice.below(3) > 0});
    for name in ["title", "nickName", "displayName", "locale"] {
        if dice.below(2) == 0 {
            user[name] = json!(dice.pick(&TEXTS));
        }
    }
    if dice.below(2) == 0 {
        user["externalId"] = json!(dice.pick(&["E1", "e1", "É"]));
    }
    if dice.below(2) == 0 {
        user["name"] = json!({"familyName": dice.pick(&TEXTS)});
    }
    let types = ["work", "Home", "other"];
    let emails: Vec<Value> = (0..dice.below(3))
        .map(|n| json!({"value": format!("{}{n}@x.test", dice.pick(&["a", "B", "É", "100%"])), "type": types[n], "primary": n == 0}))
        .collect();
    user["emails"] = Value::from(emails);
    if dice.below(2) == 0 {
        user[ENTERPRISE] = json!({"department": dice.pick(&TEXTS), "manager": {"value": dice.pick(&["m1", "M1"])}});
    }
    user
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn random_test(dice: &Dice) -> String {
    const NAMES: [&str; 12] = [
        "userName",
        "title",
        "nickName",
        "displayName",
        "name.familyName",
        "emails.value",
        "emails.type",
        "emails",
        "externalId",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
        "manager.value",
        "locale",
    ];
    let name: &str = dice.pick(&NAMES);
    match dice.below(14) {
        0 => format!("{name} pr"),
        1 => format!("{name} eq null"),
        2 => format!("{name} ne null"),
        3 => format!(
            "active {} {}",
            dice.pick(&["eq", "ne"]),
            dice.pick(&["true", "false", "\"True\""])
        ),
        4 => {
            let time = dice.pick(&[
                "2020-01-01T00:00:00Z",
                "2100-01-01T00:00:00+14:00",
                "2026-06-01T12:00:00.123456789-03:30",
            ]);
            format!(
                "meta.{} {} \"{time}\"",
                dice.pick(&["created", "lastModified"]),
                dice.pick(&["gt", "ge", "lt", "le", "eq", "ne"])
            )
        }
        5 => format!(
            "emails[type eq {} and value {} {}]",
            quoted(dice.pick(&["WORK", "home"])),
            dice.pick(&["co", "sw", "ne", "eq"]),
            quoted(dice.pick(&["a", "É0@X.test", "%"]))
        ),
        6 => "emails[not (type eq \"work\") or primary eq true]".to_owned(),
        7 => format!(
            "schemas {} \"{}\"",
            dice.pick(&["eq", "ne", "co"]),
            dice.pick(&[USER, ENTERPRISE])
        ),
        8 => format!(
            "meta.resourceType eq {}",
            quoted(dice.pick(&["User", "Group"]))
        ),
        _ => format!(
            "{name} {} {}",
            dice.pick(&["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"]),
            quoted(dice.pick(&TEXTS))
        ),
    }
}

fn random_filter(dice: &Dice, depth: usize) -> String {
    match dice.below(if depth == 0 { 1 } else { 5 }) {
        0 | 1 => random_test(dice),
        2 => format!(
            "({} and {})",
            random_filter(dice, depth - 1),
            random_filter(dice, depth - 1)
        ),
        3 => format!(
            "({} or {})",
            random_filter(dice, depth - 1),
            random_filter(dice, depth - 1)
        ),
        _ => format!("not ({})", random_filter(dice, depth - 1)),
    }
}

/// What the evaluator is asked about: the match document with what the store keeps beside it.
fn evaluated(registry: &Registry, resource: &Value) -> Doc {
    let mut doc = match_document(registry, ResourceKind::User, resource.as_object().unwrap());
    for key in ["id", "externalId", "active", "schemas"] {
        if let Some(value) = resource.get(key) {
            doc.insert(key.to_owned(), value.clone());
        }
    }
    let time = |key: &str| date_time_key(resource["meta"][key].as_str().unwrap()).unwrap();
    doc.insert("meta".to_owned(), json!({"resourceType": "User", "created": time("created"), "lastModified": time("lastModified")}));
    doc
}

async fn compare(client: &Client, registry: &Registry, dice: &Dice, rounds: usize) -> usize {
    let all = client.get("/Users?count=1000").await.expect(200);
    let docs: Vec<(String, Doc)> = all
        .resources()
        .iter()
        .map(|r| (r["id"].as_str().unwrap().to_owned(), evaluated(registry, r)))
        .collect();
    let mut hits = 0;
    for _ in 0..rounds {
        let text = random_filter(dice, 3);
        let Ok(filter) = parse(registry, ResourceKind::User, &text, &mut Rules::default()) else {
            panic!("the generator made {text}");
        };
        let want: Vec<String> = docs
            .iter()
            .filter(|(_, doc)| evaluate(&filter, doc))
            .map(|(id, _)| id.clone())
            .collect();
        let search = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": text, "count": 1000});
        let got = client.post("/Users/.search", search).await.expect(200);
        assert_eq!(got.ids(), want, "{text}");
        assert_eq!(got.total(), i64::try_from(want.len()).unwrap());
        hits += usize::from(!want.is_empty() && want.len() < docs.len());
    }
    hits
}

#[actix_web::test]
async fn sql_equals_the_evaluator() {
    let registry = Registry::builtin().unwrap();
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let entra = app.source(Preset::Entra).await;
    let dice = Dice(SeededChance::new(7));
    for i in 0..40 {
        okta.post("/Users", random_user(&dice, i)).await.expect(201);
    }
    // Entra finds half of them and writes other values: its views differ from what is in force.
    let ids = entra.get("/Users?count=1000").await.ids();
    for (i, id) in ids.iter().enumerate().filter(|(i, _)| i % 2 == 0) {
        let mut user = random_user(&dice, 100 + i);
        user.as_object_mut().unwrap().remove("active");
        entra.put(&format!("/Users/{id}"), user).await.expect(200);
    }
    for i in 0..10 {
        entra
            .post("/Users", random_user(&dice, 200 + i))
            .await
            .expect(201);
    }
    let rounds = if is_soak() { 20_000 } else { 400 };
    for client in [&okta, &entra] {
        let hits = compare(client, &registry, &dice, rounds).await;
        assert!(
            hits > rounds / 4,
            "only {hits} of {rounds} filters told people apart"
        );
    }
}

/// The plan of a statement, a line each.
fn plan(conn: &mut AnyConnection, frag: &Frag) -> String {
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
fn walks(plan: &str) -> Vec<String> {
    let tables = [
        "users",
        "claims",
        "emails",
        "groups",
        "memberships",
        "journal",
    ];
    let aliases = ["u", "c", "m", "g", "p", "o", "e", "j"];
    let is_walk = |line: &&str| {
        let line = line.trim_start_matches([' ', '-', '>']);
        let sqlite = line.strip_prefix("SCAN ").is_some_and(|rest| {
            let first = rest.split(' ').next().unwrap_or_default();
            (tables.contains(&first) || aliases.contains(&first))
                && !rest.contains("VIRTUAL TABLE")
                && !rest.contains("USING COVERING INDEX sqlite_autoindex")
        });
        let partial = line.starts_with("SEARCH")
            && line.contains("(tenant=?)")
            && !line.contains("(tenant=? AND");
        let postgres = line.contains("Seq Scan on")
            && tables.iter().any(|t| line.contains(&format!("on {t}")));
        sqlite || partial || postgres
    };
    plan.lines().filter(is_walk).map(str::to_owned).collect()
}

/// Enough rows for the planner to care, written straight into the tables.
fn fill(app: &TestApp, people: usize, members: usize) -> String {
    let mut conn = app.database.connect();
    let tenant = app.tenant.tenant.as_str();
    let connection = lines(
        &mut conn,
        &format!("SELECT id AS line FROM connections WHERE tenant = '{tenant}'"),
    )
    .remove(0);
    let series = |n: usize| match conn {
        AnyConnection::Sqlite(_) => format!(
            "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {n}) "
        ),
        AnyConnection::Postgresql(_) => format!("WITH s(n) AS (SELECT generate_series(1, {n})) "),
    };
    let (doc, id) = match conn {
        AnyConnection::Sqlite(_) => (
            "'{\"userName\":\"u\",\"displayName\":\"g1\"}'",
            "printf('0190%08d-x', s.n)",
        ),
        AnyConnection::Postgresql(_) => (
            "'{\"userName\":\"u\",\"displayName\":\"g1\"}'::jsonb",
            "'0190' || lpad(s.n::text, 8, '0') || '-x'",
        ),
    };
    let inserted = |head: &str, n: usize, select: String| match conn {
        AnyConnection::Sqlite(_) => format!("{head} {}{select}", series(n)),
        AnyConnection::Postgresql(_) => format!("{}{head} {select}", series(n)),
    };
    let users = inserted(
        "INSERT INTO users (tenant, id, doc, match_doc, user_name, user_name_key, display_name, display_name_key, access, \
         access_reason, access_since, sticky, has_access, is_public, written_by_others, break_glass, source_epoch, version, \
         doc_version, created_at, updated_at, doc_updated_at)",
        people,
        format!(
            "SELECT '{tenant}', {id}, {doc}, {doc}, 'u' || s.n, 'u' || s.n, 'd' || s.n, 'd' || s.n, 'granted', 'x', 0, false, true, true, \
             false, false, 0, 1, 1, s.n, s.n, s.n FROM s"
        ),
    );
    let claims = inserted(
        "INSERT INTO claims (tenant, user_id, connection_id, state, external_id, active, user_public, created_at)",
        people,
        format!(
            "SELECT '{tenant}', {id}, '{connection}', 'live', 'e' || s.n, true, true, 0 FROM s"
        ),
    );
    let emails = inserted(
        "INSERT INTO emails (tenant, view, user_id, key, type, fold, is_primary)",
        people,
        format!(
            "SELECT '{tenant}', '', {id}, 'u' || s.n || '@x.test', 'work', 'u' || s.n || '@x.test', true FROM s"
        ),
    );
    let groups = inserted(
        "INSERT INTO \"groups\" (tenant, id, kind, doc, match_doc, display_name, display_name_key, managed_by, created_by, \
         external_id, generation, version, created_at, updated_at)",
        500,
        format!(
            "SELECT '{tenant}', {id}, 'group', {doc}, {doc}, 'g' || s.n, 'g' || s.n, '{connection}', '{connection}', 'x' || s.n, 1, 1, s.n, s.n FROM s"
        ),
    );
    let memberships = inserted(
        "INSERT INTO memberships (tenant, group_id, generation, user_id, member_type)",
        members,
        format!("SELECT '{tenant}', '019000000001-x', 1, {id}, 'User' FROM s"),
    );
    for statement in [users, claims, emails, groups, memberships] {
        crate::support::execute(&mut conn, &statement);
    }
    crate::support::execute(
        &mut conn,
        &format!(
            "UPDATE heads SET users = users + {people}, public_users = public_users + {people}, \"groups\" = \"groups\" + 500 WHERE tenant = '{tenant}'"
        ),
    );
    crate::support::execute(
        &mut conn,
        &format!(
            "UPDATE connections SET managed_groups = managed_groups + 500 WHERE tenant = '{tenant}'"
        ),
    );
    crate::support::execute(&mut conn, "ANALYZE");
    connection
}

#[actix_web::test]
async fn every_look_up_uses_an_index() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let connection = fill(&app, 20_000, 5_000);
    let registry = Registry::builtin().unwrap();
    let tenant = app.tenant.tenant.as_str().to_owned();
    let window = Window {
        offset: 0,
        limit: 100,
    };
    let mut conn = app.database.connect();
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
        "meta.lastModified gt \"1970-01-01T00:00:19.990Z\"",
    ];
    for view in [View::Connection(connection.clone()), View::Everybody] {
        for text in users {
            if text.contains("externalId") && view == View::Everybody {
                continue;
            }
            let filter = parse(&registry, ResourceKind::User, text, &mut Rules::default()).unwrap();
            let (at, view2) = (tenant.clone(), view.clone());
            let registry2 = registry.clone();
            let page = app.service.store.read(&app.tenant.tenant, move |scope| {
                let condition = sql::users(scope, &registry2, &view2, &filter);
                Ok::<_, rosterd::storage::Error>(users_page(&view2, &at, Some(&condition), window))
            });
            let plan = plan(&mut conn, &page.await.unwrap());
            assert_eq!(
                walks(&plan),
                Vec::<String>::new(),
                "{view:?} {text}\n{plan}"
            );
        }
        for text in [
            "displayName eq \"g7\"",
            "id eq \"019000000001-x\" and members eq \"019000000077-x\"",
            "externalId eq \"x9\"",
            "members.value eq \"019000000077-x\"",
        ] {
            if text.contains("externalId") && view == View::Everybody {
                continue;
            }
            let filter =
                parse(&registry, ResourceKind::Group, text, &mut Rules::default()).unwrap();
            let (at, view2) = (tenant.clone(), view.clone());
            let registry2 = registry.clone();
            let page = app.service.store.read(&app.tenant.tenant, move |scope| {
                let condition = sql::groups(scope, &registry2, &view2, &filter);
                Ok::<_, rosterd::storage::Error>(groups_page(&view2, &at, Some(&condition), window))
            });
            let plan = plan(&mut conn, &page.await.unwrap());
            // 500 groups are few: PostgreSQL may rightly read them all. The driver is what matters.
            let walks: Vec<String> = walks(&plan)
                .into_iter()
                .filter(|w| !w.contains("groups") || w.contains("SCAN"))
                .collect();
            assert_eq!(walks, Vec::<String>::new(), "{view:?} {text}\n{plan}");
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
async fn one_member_in_or_out_reads_no_other_member() {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let connection = fill(
        &app,
        if is_soak() { 100_100 } else { 20_100 },
        if is_soak() { 100_000 } else { 20_000 },
    );
    let tenant = app.tenant.tenant.as_str();
    let mut conn = app.database.connect();
    let group = "019000000001-x";
    let newcomer = format!("0190{:08}-x", if is_soak() { 100_001 } else { 20_001 });
    let view = View::Connection(connection);
    let add = memberships::add_statement(tenant, group, 1, &newcomer, "User");
    for frag in [add, groups_of_query(&view, tenant, &newcomer)] {
        let plan = plan(&mut conn, &frag);
        assert_eq!(walks(&plan), Vec::<String>::new(), "{plan}");
    }
    let path = format!("/Groups/{group}");
    let member = json!([{"op": "add", "path": "members", "value": [{"value": newcomer}]}]);
    okta.patch(&path, member).await.expect(204);
    let check = format!("id eq \"{group}\" and members eq \"{newcomer}\"");
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
    crate::support::execute(
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
    crate::support::execute(
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
