//! The tables of what the app loads of its users and teams.

use diesel::table;

table! {
    app_imports (tenant, id) {
        tenant -> Text,
        id -> Text,
        kind -> Text,
        mode -> Text,
        state -> Text,
        lines -> BigInt,
        failed -> BigInt,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

table! {
    app_seen (tenant, import_id, item) {
        tenant -> Text,
        import_id -> Text,
        item -> Text,
        line -> BigInt,
    }
}
