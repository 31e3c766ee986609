//! The tables of the push side: its guard, its losses, what is parked, sessions.

use diesel::table;

table! {
    push_guards (tenant, connection_id) {
        tenant -> Text,
        connection_id -> Text,
        counted_at -> BigInt,
        granted -> BigInt,
        announced -> BigInt,
        announced_at -> Nullable<BigInt>,
        announced_until -> Nullable<BigInt>,
    }
}

table! {
    push_losses (tenant, connection_id, user_id) {
        tenant -> Text,
        connection_id -> Text,
        user_id -> Text,
        at -> BigInt,
    }
}

table! {
    parked_losses (tenant, connection_id, user_id) {
        tenant -> Text,
        connection_id -> Text,
        user_id -> Text,
        state -> Text,
        reason -> Text,
        session_id -> Text,
        since -> BigInt,
        decided_at -> Nullable<BigInt>,
        decider_kind -> Nullable<Text>,
        decider_id -> Nullable<Text>,
    }
}

table! {
    push_sessions (tenant, id) {
        tenant -> Text,
        id -> Text,
        connection_id -> Text,
        state -> Text,
        started_at -> BigInt,
        last_at -> BigInt,
        changes -> BigInt,
        lost -> BigInt,
        parked -> BigInt,
        decided_at -> Nullable<BigInt>,
        decider_kind -> Nullable<Text>,
        decider_id -> Nullable<Text>,
    }
}
