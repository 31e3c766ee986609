//! The migration trees: same names, same columns, as `schema.rs` says; and every one can be taken back.

use std::collections::{BTreeMap, BTreeSet};

use diesel::connection::SimpleConnection;
use rosterd::storage::connection::AnyConnection;
use rosterd::storage::migrations;

use crate::support::{Database, columns, execute, lines};

fn folders(tree: &str) -> BTreeSet<String> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("migrations")
        .join(tree);
    std::fs::read_dir(root)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect()
}

/// What `schema.rs` and the files beside it say.
fn schema() -> String {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/storage");
    let files = std::fs::read_dir(root.join("schema")).unwrap();
    let files = files.map(|e| e.unwrap().path());
    let all = files.chain([root.join("schema.rs")]);
    all.map(|file| std::fs::read_to_string(file).unwrap() + "\n")
        .collect()
}

/// Tables and columns that the schema declares.
fn declared() -> BTreeMap<String, BTreeSet<String>> {
    let source = schema();
    let mut tables: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut table = String::new();
    let mut renamed = None;
    for line in source.lines().map(str::trim) {
        if let Some((name, _)) = line.split_once(" (").filter(|_| line.ends_with(") {")) {
            table = name.to_owned();
        } else if let Some(name) = line.strip_prefix("#[sql_name = \"") {
            renamed = Some(name.trim_end_matches("\"]").to_owned());
        } else if let Some((name, _)) = line.split_once(" -> ") {
            tables
                .entry(table.clone())
                .or_default()
                .insert(renamed.take().unwrap_or_else(|| name.to_owned()));
        }
    }
    tables
}

#[test]
fn both_trees_hold_the_same_migrations() {
    assert_eq!(folders("sqlite"), folders("postgres"));
}

#[test]
fn the_database_has_the_columns_of_the_schema() {
    let database = Database::migrated();
    let mut stored = columns(&mut database.connect());
    stored.remove("__diesel_schema_migrations");
    assert_eq!(stored, declared());
}

#[test]
fn migrations_run_twice_and_can_be_taken_back() {
    let database = Database::migrated();
    assert_eq!(
        migrations::run(&database.url).unwrap(),
        Vec::<String>::new()
    );
    let mut conn = database.connect();
    let state = migrations::state(&mut conn).unwrap();
    assert_eq!((state.pending.len(), state.unknown.len()), (0, 0));
    for _ in &state.applied {
        migrations::revert_last(&mut conn).unwrap();
    }
    let left = columns(&mut conn);
    assert!(
        left.keys().all(|t| t == "__diesel_schema_migrations"),
        "{left:?}"
    );
    assert_eq!(
        migrations::run(&database.url).unwrap().len(),
        folders("sqlite").len()
    );
}

#[test]
fn a_commit_on_sqlite_is_durable() {
    let database = Database::migrated();
    let mut conn = database.connect();
    if let AnyConnection::Sqlite(_) = conn {
        assert_eq!(
            crate::support::number(&mut conn, "PRAGMA synchronous"),
            2,
            "FULL"
        );
        assert_eq!(crate::support::number(&mut conn, "PRAGMA secure_delete"), 1);
    }
}

#[test]
fn every_key_but_those_of_the_global_tables_begins_with_the_tenant() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/sqlite");
    let sql: String = folders("sqlite")
        .iter()
        .map(|folder| std::fs::read_to_string(root.join(folder).join("up.sql")).unwrap())
        .collect();
    let global = [
        "tenants",
        "credential_index",
        "invalidations",
        "leases",
        "schema_floor",
    ];
    let mut table = "";
    for line in sql.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix("CREATE TABLE ") {
            table = rest.trim_end_matches(" (").trim_matches('"');
        }
        if let Some(keys) = line.strip_prefix("PRIMARY KEY (") {
            assert!(keys.starts_with("tenant"), "{table}: {line}");
        } else if line.contains("PRIMARY KEY") {
            assert!(
                global.contains(&table) || line.starts_with("tenant "),
                "{table}: {line}"
            );
        }
        let is_of_global = global
            .iter()
            .any(|table| line.contains(&format!(" ON {table} (")));
        if line.starts_with("CREATE UNIQUE INDEX") && !is_of_global {
            let keys = line.split_once('(').map_or("", |(_, keys)| keys);
            assert!(
                keys.starts_with("tenant, ") || keys.starts_with("tenant)"),
                "{line}"
            );
        }
    }
}

#[test]
fn the_planner_of_sqlite_knows_every_index() {
    let database = Database::migrated();
    let mut conn = database.connect();
    if let AnyConnection::Postgresql(_) = conn {
        return;
    }
    // The primary key of a table without rowids stands under the table's own name.
    let unknown = lines(
        &mut conn,
        "SELECT m.name || ': ' || l.name AS line FROM sqlite_master m JOIN pragma_index_list(m.name) l \
         JOIN pragma_table_list t ON t.name = m.name \
         WHERE m.type = 'table' AND m.name NOT LIKE '\\_\\_%' ESCAPE '\\' AND m.name NOT LIKE 'sqlite%' AND NOT EXISTS \
         (SELECT 1 FROM sqlite_stat1 s WHERE s.tbl = m.name AND (s.idx = l.name OR (t.wr AND l.origin = 'pk' AND s.idx = m.name)))",
    );
    assert_eq!(
        unknown,
        Vec::<String>::new(),
        "add them to sqlite_stat1 in their migration"
    );
}

#[test]
fn a_tenant_has_one_connection_of_the_app() {
    let database = Database::migrated();
    let mut conn = database.connect();
    let insert = |tenant: &str, id: &str, kind: &str| {
        format!(
            "INSERT INTO connections (tenant, id, kind, preset, label, joiner_policy, state, created_at, only_users, \
             hidden_users, managed_groups) VALUES ('{tenant}', '{id}', '{kind}', 'x', 'x', 'x', 'x', 0, 0, 0, 0)"
        )
    };
    for (tenant, id, kind) in [
        ("a", "1", "app"),
        ("a", "2", "scim"),
        ("a", "3", "scim"),
        ("b", "4", "app"),
    ] {
        execute(&mut conn, &insert(tenant, id, kind));
    }
    let refused = conn.batch_execute(&insert("a", "5", "app")).unwrap_err();
    assert!(refused.to_string().contains("connections"), "{refused}");
}
