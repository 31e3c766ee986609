//! The tables of pulls: whose a record is, when a connection is read, what runs did and what of them waits.

use diesel::table;

table! {
    links (tenant, connection_id, source_id) {
        tenant -> Text,
        connection_id -> Text,
        source_id -> Text,
        user_id -> Text,
        digest -> Text,
        source_epoch -> BigInt,
        state -> Text,
        in_force -> Nullable<Text>,
        start_date -> Nullable<Text>,
        end_date -> Nullable<Text>,
        zone -> Nullable<Text>,
        due_at -> Nullable<BigInt>,
        adopted_by -> Nullable<Text>,
        absent_since -> Nullable<BigInt>,
        left_at -> Nullable<BigInt>,
        updated_at -> BigInt,
        held_day -> Nullable<Text>,
        told_at -> Nullable<BigInt>,
    }
}

table! {
    schedules (tenant, connection_id) {
        tenant -> Text,
        connection_id -> Text,
        next_at -> BigInt,
        lease_holder -> Nullable<Text>,
        lease_until -> Nullable<BigInt>,
        last_attempt_at -> Nullable<BigInt>,
        last_success_at -> Nullable<BigInt>,
        failures -> BigInt,
        health -> Text,
        health_params -> Nullable<Text>,
        settings_digest -> Nullable<Text>,
        announced -> BigInt,
        announced_until -> Nullable<BigInt>,
        announced_at -> Nullable<BigInt>,
        look_at -> Nullable<BigInt>,
        look_actor_kind -> Nullable<Text>,
        look_actor_id -> Nullable<Text>,
        connector_version -> Nullable<BigInt>,
    }
}

table! {
    runs (tenant, id) {
        tenant -> Text,
        id -> Text,
        connection_id -> Text,
        kind -> Text,
        state -> Text,
        stage -> Text,
        actor_kind -> Text,
        actor_id -> Text,
        as_of -> Text,
        started_at -> BigInt,
        finished_at -> Nullable<BigInt>,
        planned -> BigInt,
        applied -> BigInt,
        lost -> BigInt,
        is_complete -> Bool,
        evidence -> Nullable<Text>,
        counts -> Nullable<Text>,
        why_held -> Nullable<Text>,
        error -> Nullable<Text>,
        settings_digest -> Text,
        decided_at -> Nullable<BigInt>,
        decider_kind -> Nullable<Text>,
        decider_id -> Nullable<Text>,
        connector_version -> Nullable<BigInt>,
        version_before -> Nullable<BigInt>,
    }
}

table! {
    run_items (tenant, run_id, ordinal) {
        tenant -> Text,
        run_id -> Text,
        ordinal -> BigInt,
        source_id -> Text,
        subject -> Text,
        action -> Text,
        state -> Text,
        loses -> Bool,
        person -> Nullable<Text>,
        effect -> Nullable<Text>,
    }
}

table! {
    held_losses (tenant, connection_id, source_id) {
        tenant -> Text,
        connection_id -> Text,
        source_id -> Text,
        subject -> Text,
        reason -> Text,
        why -> Text,
        state -> Text,
        digest -> Text,
        run_id -> Text,
        since -> BigInt,
        day -> Nullable<Text>,
    }
}

table! {
    consents (tenant, connection_id) {
        tenant -> Text,
        connection_id -> Text,
        ticket -> Text,
        redirect -> Text,
        state -> Text,
        key_id -> Nullable<Text>,
        sealed -> Nullable<Text>,
        expires_at -> BigInt,
    }
}

table! {
    run_changes (tenant, run_id, subject) {
        tenant -> Text,
        run_id -> Text,
        subject -> Text,
        state -> Text,
        change -> Text,
        outcome -> Nullable<Text>,
        returned -> Bool,
    }
}

table! {
    undo_holds (tenant, connection_id, source_id) {
        tenant -> Text,
        connection_id -> Text,
        source_id -> Text,
        subject -> Text,
        kind -> Text,
        digest -> Text,
        run_id -> Text,
        since -> BigInt,
        said -> Nullable<Text>,
    }
}
