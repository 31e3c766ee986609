//! Tables of invitations.

use diesel::table;

table! {
    invitations (tenant, id) {
        tenant -> Text,
        id -> Text,
        user_id -> Text,
        state -> Text,
        reason -> Nullable<Text>,
        email -> Text,
        language -> Text,
        delivery -> Text,
        given -> Nullable<Text>,
        message -> Nullable<Text>,
        inviter -> Nullable<Text>,
        connection_id -> Nullable<Text>,
        mail_id -> Nullable<Text>,
        sends -> BigInt,
        created_at -> BigInt,
        sent_at -> BigInt,
        expires_at -> BigInt,
        reminded_at -> Nullable<BigInt>,
        due_at -> Nullable<BigInt>,
        ended_at -> Nullable<BigInt>,
    }
}

table! {
    invitation_links (tenant, hash) {
        tenant -> Text,
        hash -> Text,
        invitation_id -> Text,
    }
}

table! {
    given_values (tenant, user_id) {
        tenant -> Text,
        user_id -> Text,
        units -> Text,
    }
}

table! {
    handoffs (tenant, id) {
        tenant -> Text,
        id -> Text,
        user_id -> Text,
        expires_at -> BigInt,
    }
}

table! {
    invite_attributes (tenant) {
        tenant -> Text,
        document -> Text,
        updated_at -> BigInt,
    }
}
