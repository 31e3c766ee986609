//! Tables of several sources: recomputations after their order changed, and switches from one to another.

use diesel::table;

table! {
    recomputes (tenant) {
        tenant -> Text,
        state -> Text,
        after -> Text,
        examined -> BigInt,
        changed -> BigInt,
        actor_kind -> Text,
        actor_id -> Text,
        started_at -> BigInt,
        touched_at -> BigInt,
        finished_at -> Nullable<BigInt>,
    }
}

table! {
    switches (tenant, id) {
        tenant -> Text,
        id -> Text,
        from_id -> Text,
        to_id -> Text,
        state -> Text,
        until -> Nullable<BigInt>,
        actor_kind -> Text,
        actor_id -> Text,
        created_at -> BigInt,
        updated_at -> BigInt,
        touched_at -> BigInt,
    }
}
