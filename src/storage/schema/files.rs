//! The tables of files of people that are handed in.

use diesel::{allow_tables_to_appear_in_same_query, table};

table! {
    file_marks (tenant, connection_id) {
        tenant -> Text,
        connection_id -> Text,
        sha256 -> Text,
        first_read_at -> BigInt,
        as_of -> BigInt,
        fields -> Text,
        id_shortest -> Nullable<BigInt>,
        delivered_at -> BigInt,
        seen -> Nullable<Text>,
        confirmed_at -> Nullable<BigInt>,
    }
}

table! {
    file_uploads (tenant, connection_id, id) {
        tenant -> Text,
        connection_id -> Text,
        id -> Text,
        state -> Text,
        bytes -> BigInt,
        chunks -> BigInt,
        as_of -> BigInt,
        created_at -> BigInt,
    }
}

table! {
    file_chunks (tenant, upload_id, ordinal) {
        tenant -> Text,
        upload_id -> Text,
        ordinal -> BigInt,
        key_id -> Text,
        sealed -> Text,
    }
}

allow_tables_to_appear_in_same_query!(file_chunks, file_uploads);
