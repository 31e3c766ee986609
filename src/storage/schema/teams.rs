//! Tables of team sync.

use diesel::table;

table! {
    team_syncs (tenant) {
        tenant -> Text,
        connection_id -> Text,
        state -> Text,
        language -> Text,
        templates -> Text,
        team_set -> BigInt,
        revision -> BigInt,
        job -> Nullable<Text>,
        stage -> Nullable<Text>,
        member_cursor -> Nullable<Text>,
        actor_kind -> Nullable<Text>,
        actor_id -> Nullable<Text>,
        cause_kind -> Nullable<Text>,
        cause_id -> Nullable<Text>,
        touched_at -> BigInt,
        seen -> BigInt,
        counts -> Nullable<Text>,
        completed_at -> Nullable<BigInt>,
        completed_by_kind -> Nullable<Text>,
        completed_by_id -> Nullable<Text>,
        stopped_at -> Nullable<BigInt>,
        kept_at -> Nullable<BigInt>,
    }
}

table! {
    synced_teams (tenant, group_id) {
        tenant -> Text,
        group_id -> Text,
        manager_id -> Text,
        parent_id -> Nullable<Text>,
        is_renamed -> Bool,
    }
}

table! {
    kept_teams (tenant, group_id) {
        tenant -> Text,
        group_id -> Text,
        name -> Text,
        managed_by -> Nullable<Text>,
        created_by -> Nullable<Text>,
        external_id -> Nullable<Text>,
        created_at -> BigInt,
    }
}

table! {
    kept_people (tenant, group_id, is_reviewer, user_id) {
        tenant -> Text,
        group_id -> Text,
        is_reviewer -> Bool,
        user_id -> Text,
    }
}

table! {
    team_findings (tenant, code, key, ordinal) {
        tenant -> Text,
        code -> Text,
        key -> Text,
        ordinal -> BigInt,
        subject -> Text,
        since -> BigInt,
    }
}
