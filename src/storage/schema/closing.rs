//! Tables about tenants that are deleted.

use diesel::table;

table! {
    deletions (tenant, id) {
        tenant -> Text,
        id -> Text,
        name -> Text,
        account_id -> Nullable<Text>,
        epoch -> BigInt,
        sequence -> BigInt,
        hash -> Text,
        counts -> Text,
        began_at -> BigInt,
        finished_at -> Nullable<BigInt>,
        receipt -> Nullable<Text>,
    }
}
