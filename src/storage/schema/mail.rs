//! The outbox, notices, and who is told of them.

use diesel::{allow_tables_to_appear_in_same_query, table};

use super::tenants;

table! {
    outbox (tenant, id) {
        tenant -> Text,
        id -> Text,
        channel -> Text,
        kind -> Text,
        code -> Text,
        person -> Nullable<Text>,
        notice -> Nullable<Text>,
        recipient -> Text,
        language -> Text,
        params -> Text,
        state -> Text,
        delivery -> Text,
        attempts -> BigInt,
        next_at -> Nullable<BigInt>,
        claim -> Nullable<Text>,
        error -> Nullable<Text>,
        cause_kind -> Text,
        cause_id -> Text,
        created_at -> BigInt,
        updated_at -> BigInt,
        sent_at -> Nullable<BigInt>,
    }
}

table! {
    notices (tenant, id) {
        tenant -> Text,
        id -> Text,
        code -> Text,
        subject -> Text,
        person -> Nullable<Text>,
        params -> Text,
        state -> Text,
        seen -> BigInt,
        told -> BigInt,
        told_at -> Nullable<BigInt>,
        tell_at -> Nullable<BigInt>,
        created_at -> BigInt,
        updated_at -> BigInt,
        closed_at -> Nullable<BigInt>,
    }
}

table! {
    notice_recipients (tenant, address) {
        tenant -> Text,
        address -> Text,
        language -> Text,
        created_at -> BigInt,
    }
}

allow_tables_to_appear_in_same_query!(outbox, tenants);
allow_tables_to_appear_in_same_query!(notices, tenants);
