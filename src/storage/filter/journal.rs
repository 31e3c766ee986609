//! Entries of the journal (`AuditEvent`): flat, every attribute a column but for the values of changes.

use super::leaf::{compare, compare_time, millis};
use crate::scim::filter::{Filter, Literal, Op, Test};
use crate::storage::dialect::{Dialect, Frag};
use crate::storage::page::Condition;
use crate::storage::scope::Scope;

/// The condition of a filter on entries, over the alias `j`.
pub fn entries(scope: &Scope<'_>, filter: &Filter) -> Condition {
    let dialect = scope.dialect();
    Condition {
        condition: Frag::default()
            .free_shape()
            .frag(&translate(dialect, filter)),
    }
}

fn translate(dialect: Dialect, filter: &Filter) -> Frag {
    let join = |items: &[Filter], word: &str, empty: &str| {
        if items.is_empty() {
            return Frag::sql(format!("({empty})"));
        }
        let mut frag = Frag::sql("(");
        for (i, item) in items.iter().enumerate() {
            frag = frag
                .push(if i == 0 { "" } else { word })
                .frag(&translate(dialect, item));
        }
        frag.push(")")
    };
    match filter {
        Filter::And(items) => join(items, " AND ", "1 = 1"),
        Filter::Or(items) => join(items, " OR ", "1 = 0"),
        Filter::Not(inner) => Frag::sql("(NOT ")
            .frag(&translate(dialect, inner))
            .push(")"),
        Filter::Test(test) => leaf(dialect, test),
        Filter::Elements(_, inner) => in_changes(dialect, |test| change(dialect, test), inner),
    }
}

fn leaf(dialect: Dialect, test: &Test) -> Frag {
    let plain = |column: &str| column_test(dialect, column, test);
    match (
        test.path.attr.as_deref().unwrap_or_default(),
        test.path.sub.as_deref(),
    ) {
        ("id", _) => plain("(j.epoch || '-' || j.sequence)"),
        ("sequence", _) => plain("j.sequence"),
        ("time", _) | ("meta", Some("created" | "lastModified")) => {
            let driver = match (&test.value, test.op) {
                (Literal::Text(text), Op::Gt | Op::Ge | Op::Eq) => millis(text),
                _ => None,
            };
            let frag = compare_time("j.at", test.op, &test.value);
            match driver {
                Some((at, _)) => Frag::sql("(j.at >= ")
                    .int(at)
                    .push(" AND ")
                    .frag(&frag)
                    .push(")"),
                None => frag,
            }
        }
        ("actor", Some("kind")) => plain("j.actor_kind"),
        ("actor", Some("id")) => plain("j.actor_id"),
        ("cause", Some("kind")) => plain("j.cause_kind"),
        ("cause", Some("id")) => plain("j.cause_id"),
        ("action", _) => plain("j.action"),
        ("subject", Some("kind")) => plain("j.subject_kind"),
        ("subject", Some("id")) => plain("j.subject_id"),
        ("object", Some("kind")) => plain("j.object_kind"),
        ("object", Some("id")) => plain("j.object_id"),
        ("object", None) => plain("j.object_id"),
        ("reason", _) => plain("j.reason"),
        ("hash", _) => plain("j.hash"),
        ("meta", Some("resourceType")) => plain("'AuditEvent'"),
        ("actor" | "cause" | "subject" | "meta", None) => plain("'x'"),
        ("changes", Some(_)) => in_changes(
            dialect,
            |test| change(dialect, test),
            &Filter::Test(test.clone()),
        ),
        ("changes", None) if test.op == Op::Pr => Frag::sql("(j.changes <> '[]')"),
        _ => plain("NULL"),
    }
}

/// Equality without a wrapping, so that the column's index is used.
fn column_test(dialect: Dialect, column: &str, test: &Test) -> Frag {
    match (test.op, &test.value) {
        (Op::Eq, Literal::Text(text))
            if column.starts_with("j.") && !column.contains("object") && column != "j.reason" =>
        {
            Frag::sql(format!("({column} = "))
                .text(text.as_str())
                .push(")")
        }
        (Op::Eq, Literal::Text(text)) if column == "j.object_id" => {
            Frag::sql("(j.object_id IS NOT NULL AND j.object_id = ")
                .text(text.as_str())
                .push(")")
        }
        (Op::Eq | Op::Gt | Op::Ge | Op::Lt | Op::Le, Literal::Number(number))
            if number.is_i64() =>
        {
            let sign = match test.op {
                Op::Gt => ">",
                Op::Ge => ">=",
                Op::Lt => "<",
                Op::Le => "<=",
                _ => "=",
            };
            Frag::sql(format!("({column} {sign} "))
                .int(number.as_i64().unwrap_or_default())
                .push(")")
        }
        _ => compare(dialect, column, test.op, &test.value),
    }
}

/// Some change satisfies a filter. Changes are stored as `[path, before, after]` with commitments; the values stand in
/// a table of their own.
fn in_changes(dialect: Dialect, test: impl Fn(&Test) -> Frag, filter: &Filter) -> Frag {
    fn walk(test: &dyn Fn(&Test) -> Frag, filter: &Filter) -> Frag {
        let join = |items: &[Filter], word: &str| {
            let mut frag = Frag::sql("(");
            for (i, item) in items.iter().enumerate() {
                frag = frag
                    .push(if i == 0 { "" } else { word })
                    .frag(&walk(test, item));
            }
            frag.push(")")
        };
        match filter {
            Filter::And(items) => join(items, " AND "),
            Filter::Or(items) => join(items, " OR "),
            Filter::Not(inner) => Frag::sql("(NOT ").frag(&walk(test, inner)).push(")"),
            Filter::Test(leaf) => test(leaf),
            Filter::Elements(..) => Frag::sql("(1 = 0)"),
        }
    }
    let from = match dialect {
        Dialect::Postgres => {
            "jsonb_array_elements(j.changes::jsonb) WITH ORDINALITY AS e(value, number)"
        }
        Dialect::Sqlite => "json_each(j.changes) AS e",
    };
    Frag::sql(format!("EXISTS (SELECT 1 FROM {from} WHERE "))
        .frag(&walk(&test, filter))
        .push(")")
}

fn change(dialect: Dialect, test: &Test) -> Frag {
    let ordinal = match dialect {
        Dialect::Postgres => "e.number - 1",
        Dialect::Sqlite => "e.key",
    };
    let expression = match test.path.sub.as_deref() {
        Some("path") => "(e.value ->> 0)".to_owned(),
        Some(side @ ("before" | "after")) => format!(
            "(SELECT v.value FROM journal_values v WHERE v.tenant = j.tenant AND v.sequence = j.sequence \
             AND v.ordinal = {ordinal} AND v.side = '{side}')"
        ),
        _ => "NULL".to_owned(),
    };
    compare(dialect, &expression, test.op, &test.value)
}
