//! Entries of the journal (`AuditEvent`): flat, every attribute a column but for the values of changes.

use super::leaf::{compare, compare_present, compare_time};
use super::list::List;
use super::tree::tree;
use crate::scim::filter::{Filter, Literal, Op, Test};
use crate::storage::dialect::{Dialect, Frag};
use crate::storage::page::Condition;
use crate::storage::scope::Scope;

/// The condition of a filter on entries, over the alias `j`.
pub fn entries(scope: &Scope<'_>, filter: &Filter) -> Condition {
    let dialect = scope.dialect();
    let whole = tree(filter, &|leaf| match leaf {
        Filter::Elements(_, inner) => changes(dialect).elements(inner),
        Filter::Test(test) => entry(dialect, test),
        _ => Frag::sql("(1 = 0)"),
    });
    Condition {
        condition: Frag::default().free_shape().frag(&whole),
    }
}

fn entry(dialect: Dialect, test: &Test) -> Frag {
    let (op, value) = (test.op, &test.value);
    let column = |column: &str| compare_present(dialect, column, op, value);
    let maybe = |column: &str| match (op, value) {
        // Two-valued, and still a plain comparison that an index answers.
        (Op::Eq, Literal::Text(text)) => {
            Frag::sql(format!("({column} IS NOT NULL AND {column} = "))
                .text(text.as_str())
                .push(")")
        }
        _ => compare(dialect, column, op, value),
    };
    match (
        test.path.attr.as_deref().unwrap_or_default(),
        test.path.sub.as_deref(),
    ) {
        ("id", _) => match value {
            Literal::Text(id) if op == Op::Eq => by_id(id),
            _ => column("(j.epoch || '-' || j.sequence)"),
        },
        ("sequence", _) => column("j.sequence"),
        ("time", _) | ("meta", Some("created" | "lastModified")) => compare_time("j.at", op, value),
        ("actor", Some("kind")) => column("j.actor_kind"),
        ("actor", Some("id")) => column("j.actor_id"),
        ("cause", Some("kind")) => column("j.cause_kind"),
        ("cause", Some("id")) => column("j.cause_id"),
        ("action", _) => column("j.action"),
        ("subject", Some("kind")) => column("j.subject_kind"),
        ("subject", Some("id")) => column("j.subject_id"),
        ("object", Some("kind")) => maybe("j.object_kind"),
        ("object", _) => maybe("j.object_id"),
        ("reason", _) => maybe("j.reason"),
        ("hash", _) => column("j.hash"),
        ("schemas", _) => column("'urn:ietf:params:scim:schemas:rosterd:2.0:AuditEvent'"),
        ("meta", Some("resourceType")) => column("'AuditEvent'"),
        ("meta", Some("version")) => compare(dialect, "NULL", op, value),
        // Present, and compared with nothing.
        ("actor" | "cause" | "subject" | "meta", _) => column("j.hash"),
        ("changes", _) => changes(dialect).test(test),
        _ => compare(dialect, "NULL", op, value),
    }
}

/// An entry by its id, `{epoch}-{sequence}`: the number is the journal's key.
fn by_id(id: &str) -> Frag {
    let place = id
        .split_once('-')
        .and_then(|(epoch, sequence)| Some((epoch.parse().ok()?, sequence.parse().ok()?)));
    match place {
        Some((epoch, sequence)) if format!("{epoch}-{sequence}") == id => {
            Frag::sql("(j.sequence = ")
                .int(sequence)
                .push(" AND j.epoch = ")
                .int(epoch)
                .push(")")
        }
        _ => Frag::sql("(1 = 0)"),
    }
}

/// Changes are stored as `[path, commitment before, commitment after]`; the values stand in a table of their own.
fn changes(dialect: Dialect) -> List<'static> {
    let from = match dialect {
        Dialect::Postgres => {
            " FROM jsonb_array_elements(j.changes::jsonb) WITH ORDINALITY AS e(value, number) WHERE 1 = 1"
        }
        Dialect::Sqlite => {
            " FROM json_each(CASE WHEN json_valid(j.changes) THEN j.changes END) AS e WHERE 1 = 1"
        }
    };
    List::new(Frag::sql(from), move |test| change(dialect, test))
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
        _ => "e.value".to_owned(),
    };
    compare(dialect, &expression, test.op, &test.value)
}
