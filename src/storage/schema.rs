//! The tables, as diesel sees them. A test compares this file with both migration trees.

#![allow(
    missing_docs,
    clippy::allow_attributes,
    reason = "the migrations document the columns"
)]

mod app;
mod files;
mod invite;
mod mail;
mod pull;
mod push;
mod sources;
mod teams;

pub use app::*;
pub use files::*;
pub use invite::*;
pub use mail::*;
pub use pull::*;
pub use push::*;
pub use sources::*;
pub use teams::*;

use diesel::{allow_tables_to_appear_in_same_query, table};

mod closing;
pub use closing::*;

table! {
    tenants (id) {
        id -> Text,
        name -> Text,
        state -> Text,
        settings -> Nullable<Text>,
        created_at -> BigInt,
        account_id -> Nullable<Text>,
        made_of -> Nullable<Text>,
        entitlements -> Nullable<Text>,
        state_before -> Nullable<Text>,
        delete_at -> Nullable<BigInt>,
    }
}

table! {
    credential_index (hash) {
        hash -> Text,
        tenant -> Text,
        kind -> Text,
        credential_id -> Text,
    }
}

table! {
    invalidations (id) {
        id -> Text,
        tenant -> Text,
        kind -> Text,
        key -> Text,
        at -> BigInt,
    }
}

table! {
    leases (name) {
        name -> Text,
        holder -> Text,
        since -> BigInt,
        until -> BigInt,
    }
}

table! {
    schema_floor (version) {
        version -> Text,
    }
}

table! {
    credentials (tenant, id) {
        tenant -> Text,
        id -> Text,
        hash -> Text,
        role -> Text,
        connection_id -> Nullable<Text>,
        label -> Text,
        created_at -> BigInt,
        expires_at -> Nullable<BigInt>,
        revoked_at -> Nullable<BigInt>,
        last_used_at -> Nullable<BigInt>,
    }
}

table! {
    connections (tenant, id) {
        tenant -> Text,
        id -> Text,
        kind -> Text,
        preset -> Text,
        label -> Text,
        joiner_policy -> Text,
        state -> Text,
        created_at -> BigInt,
        only_users -> BigInt,
        hidden_users -> BigInt,
        managed_groups -> BigInt,
        settings -> Nullable<Text>,
        confirm_since -> Nullable<BigInt>,
        disconnected_at -> Nullable<BigInt>,
        rank_at -> Nullable<BigInt>,
    }
}

table! {
    heads (tenant) {
        tenant -> Text,
        epoch -> BigInt,
        sequence -> BigInt,
        hash -> Text,
        entries -> BigInt,
        users -> BigInt,
        public_users -> BigInt,
        groups -> BigInt,
        unmanaged_groups -> BigInt,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::storage::dialect::JsonDoc;

    users (tenant, id) {
        tenant -> Text,
        id -> Text,
        doc -> JsonDoc,
        match_doc -> JsonDoc,
        user_name -> Text,
        user_name_key -> Text,
        display_name -> Nullable<Text>,
        display_name_key -> Nullable<Text>,
        manager_id -> Nullable<Text>,
        access -> Text,
        access_reason -> Text,
        access_params -> Nullable<Text>,
        access_since -> BigInt,
        sticky -> Bool,
        has_access -> Bool,
        is_public -> Bool,
        written_by_others -> Bool,
        admin_role -> Nullable<Text>,
        break_glass -> Bool,
        removed_at -> Nullable<BigInt>,
        merged_into -> Nullable<Text>,
        source_epoch -> BigInt,
        version -> BigInt,
        doc_version -> BigInt,
        created_at -> BigInt,
        updated_at -> BigInt,
        doc_updated_at -> BigInt,
        employment_state -> Nullable<Text>,
        start_date -> Nullable<Text>,
        end_date -> Nullable<Text>,
        added_via -> Nullable<Text>,
    }
}

table! {
    emails (tenant, user_id, view, key, type_) {
        tenant -> Text,
        view -> Text,
        user_id -> Text,
        key -> Text,
        #[sql_name = "type"]
        type_ -> Text,
        fold -> Text,
        is_primary -> Bool,
        until -> Nullable<BigInt>,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::storage::dialect::JsonDoc;

    claims (tenant, user_id, connection_id) {
        tenant -> Text,
        user_id -> Text,
        connection_id -> Text,
        state -> Text,
        external_id -> Nullable<Text>,
        active -> Nullable<Bool>,
        asserted -> Nullable<Text>,
        held -> Nullable<Text>,
        view_doc -> Nullable<JsonDoc>,
        view_match -> Nullable<JsonDoc>,
        user_name -> Nullable<Text>,
        user_name_key -> Nullable<Text>,
        display_name_key -> Nullable<Text>,
        manager_id -> Nullable<Text>,
        scim_id -> Nullable<Text>,
        version -> Nullable<BigInt>,
        updated_at -> Nullable<BigInt>,
        user_public -> Bool,
        created_at -> BigInt,
        ended_at -> Nullable<BigInt>,
        undone -> Nullable<Text>,
        entity -> Nullable<Text>,
    }
}

table! {
    use diesel::sql_types::*;
    use crate::storage::dialect::JsonDoc;

    groups (tenant, id) {
        tenant -> Text,
        id -> Text,
        kind -> Text,
        doc -> JsonDoc,
        match_doc -> JsonDoc,
        display_name -> Text,
        display_name_key -> Text,
        managed_by -> Nullable<Text>,
        created_by -> Nullable<Text>,
        external_id -> Nullable<Text>,
        generation -> BigInt,
        version -> BigInt,
        created_at -> BigInt,
        updated_at -> BigInt,
        team_set -> Nullable<BigInt>,
    }
}

table! {
    memberships (tenant, group_id, generation, user_id) {
        tenant -> Text,
        group_id -> Text,
        generation -> BigInt,
        user_id -> Text,
        member_type -> Text,
    }
}

table! {
    member_jobs (tenant, group_id, generation) {
        tenant -> Text,
        group_id -> Text,
        generation -> BigInt,
        state -> Text,
        sweeps -> BigInt,
        cursor -> Text,
        connection_id -> Text,
        actor_kind -> Text,
        actor_id -> Text,
        cause_kind -> Text,
        cause_id -> Text,
        touched_at -> BigInt,
    }
}

table! {
    conflicts (tenant, id) {
        tenant -> Text,
        id -> Text,
        connection_id -> Text,
        key -> Text,
        kind -> Text,
        subject -> Text,
        candidates -> Text,
        params -> Nullable<Text>,
        state -> Text,
        seen -> BigInt,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

table! {
    journal (tenant, sequence) {
        tenant -> Text,
        sequence -> BigInt,
        epoch -> BigInt,
        at -> BigInt,
        actor_kind -> Text,
        actor_id -> Text,
        cause_kind -> Text,
        cause_id -> Text,
        action -> Text,
        subject_kind -> Text,
        subject_id -> Text,
        object_kind -> Nullable<Text>,
        object_id -> Nullable<Text>,
        reason -> Nullable<Text>,
        changes -> Text,
        hash -> Text,
    }
}

table! {
    journal_values (tenant, sequence, ordinal, side) {
        tenant -> Text,
        sequence -> BigInt,
        ordinal -> BigInt,
        side -> Text,
        subject -> Text,
        salt -> Text,
        value -> Text,
    }
}

table! {
    tenant_schemas (tenant, urn) {
        tenant -> Text,
        urn -> Text,
        document -> Text,
        version -> BigInt,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

table! {
    connection_secrets (tenant, connection_id, name) {
        tenant -> Text,
        connection_id -> Text,
        name -> Text,
        key_id -> Text,
        sealed -> Text,
        state -> Text,
        updated_at -> BigInt,
    }
}

allow_tables_to_appear_in_same_query!(
    users,
    claims,
    emails,
    links,
    undo_holds,
    groups,
    memberships,
    member_jobs,
    synced_teams,
    connections,
    credentials,
    credential_index,
    tenants,
    heads,
);

table! {
    pair_keys (tenant, user_id, key) {
        tenant -> Text,
        user_id -> Text,
        key -> Text,
        side -> Text,
        since -> BigInt,
    }
}

table! {
    pairs (tenant, id) {
        tenant -> Text,
        id -> Text,
        connection_id -> Text,
        record -> Text,
        user_id -> Text,
        other_id -> Nullable<Text>,
        run_id -> Nullable<Text>,
        reasons -> Text,
        state -> Text,
        later_until -> Nullable<BigInt>,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

table! {
    pair_marks (tenant, connection_id) {
        tenant -> Text,
        connection_id -> Text,
        until -> BigInt,
    }
}

table! {
    reviewers (tenant, group_id, user_id) {
        tenant -> Text,
        group_id -> Text,
        user_id -> Text,
    }
}
