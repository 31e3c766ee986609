//! One comparison in SQL, two-valued: what is absent satisfies only `ne` and `eq null`.

use crate::scim::filter::{Literal, Op, Test};
use crate::scim::fold::date_time_key;
use crate::storage::dialect::{Dialect, Frag};

/// What an expression yields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Yields {
    Text,
    Bool,
    Number,
}

fn yields(test: &Test) -> Yields {
    match test.value {
        Literal::Bool(_) => Yields::Bool,
        Literal::Number(_) => Yields::Number,
        Literal::Text(_) | Literal::Null => Yields::Text,
    }
}

/// A comparison of a single value in a JSON expression.
pub(super) fn in_json(dialect: Dialect, doc: &str, path: &[&str], test: &Test) -> Frag {
    let expression = match yields(test) {
        Yields::Text if test.op == Op::Pr || test.value == Literal::Null => {
            dialect.json_value(doc, path)
        }
        Yields::Text => dialect.json_text(doc, path),
        Yields::Bool => dialect.json_bool(doc, path),
        Yields::Number => dialect.json_number(doc, path),
    };
    compare(dialect, &expression, test.op, &test.value)
}

/// A comparison of a text that SQL with values of its own gives.
pub(super) fn of_text(dialect: Dialect, text: &Frag, test: &Test) -> Frag {
    Frag::sql("(SELECT ")
        .frag(&compare(dialect, "x.v", test.op, &test.value))
        .push(" FROM (SELECT ")
        .frag(text)
        .push(" AS v) x)")
}

/// A comparison of the element `e`, or of a part of it.
pub(super) fn in_element(dialect: Dialect, test: &Test) -> Frag {
    match &test.path.sub {
        Some(sub) => in_json(dialect, "e.value", &[sub], test),
        None => {
            let element = match yields(test) {
                Yields::Text => dialect.element_text("e"),
                Yields::Bool => dialect.element_bool("e"),
                Yields::Number => dialect.element_number("e"),
            };
            compare(dialect, &element, test.op, &test.value)
        }
    }
}

/// `expression op literal`.
pub(super) fn compare(dialect: Dialect, expression: &str, op: Op, literal: &Literal) -> Frag {
    if let Some(presence) = presence(expression, op, literal) {
        return presence;
    }
    let missing = if op == Op::Ne { "1 = 1" } else { "1 = 0" };
    Frag::sql("COALESCE(")
        .frag(&bare(dialect, expression, op, literal))
        .push(&format!(", {missing})"))
}

/// The same of an expression that is never NULL: nothing stands around it that would keep an index from being used.
pub(super) fn compare_present(
    dialect: Dialect,
    expression: &str,
    op: Op,
    literal: &Literal,
) -> Frag {
    presence(expression, op, literal).unwrap_or_else(|| bare(dialect, expression, op, literal))
}

/// The comparisons that ask only whether there is a value.
fn presence(expression: &str, op: Op, literal: &Literal) -> Option<Frag> {
    match (op, literal) {
        (Op::Pr, _) | (Op::Ne, Literal::Null) => {
            Some(Frag::sql(format!("({expression} IS NOT NULL)")))
        }
        (Op::Eq, Literal::Null) => Some(Frag::sql(format!("({expression} IS NULL)"))),
        (Op::Co | Op::Sw | Op::Ew, Literal::Text(text)) if text.is_empty() => {
            Some(Frag::sql(format!("({expression} IS NOT NULL)")))
        }
        _ => None,
    }
}

/// The comparison of two values; NULL where the expression is.
fn bare(dialect: Dialect, expression: &str, op: Op, literal: &Literal) -> Frag {
    match (op, literal) {
        (Op::Co, Literal::Text(text)) => {
            let (before, after) = dialect.contains(expression);
            Frag::sql(before).text(text.clone()).push(after)
        }
        (Op::Sw, Literal::Text(text)) => match dialect {
            Dialect::Postgres => Frag::sql(format!("starts_with({expression}, "))
                .text(text.clone())
                .push(")"),
            Dialect::Sqlite => Frag::sql(format!(
                "(substr({expression}, 1, {}) = ",
                text.chars().count()
            ))
            .text(text.clone())
            .push(")"),
        },
        (Op::Ew, Literal::Text(text)) => {
            let count = text.chars().count();
            let tail = match dialect {
                Dialect::Postgres => format!("(right({expression}, {count}) = "),
                Dialect::Sqlite => format!("(substr({expression}, -{count}) = "),
            };
            Frag::sql(tail).text(text.clone()).push(")")
        }
        (op, literal) => {
            let sign = match op {
                Op::Ne => "<>",
                Op::Gt => ">",
                Op::Ge => ">=",
                Op::Lt => "<",
                Op::Le => "<=",
                _ => "=",
            };
            let binary = matches!((dialect, literal), (Dialect::Postgres, Literal::Text(_)));
            let collate = if binary { " COLLATE \"C\"" } else { "" };
            let frag = Frag::sql(format!("({expression}{collate} {sign} "));
            bind(frag, literal).push(")")
        }
    }
}

fn bind(frag: Frag, literal: &Literal) -> Frag {
    match literal {
        Literal::Null => frag.push("NULL"),
        Literal::Bool(yes) => frag.bool(*yes),
        Literal::Number(number) => match number.as_i64() {
            Some(whole) => frag.int(whole),
            None => frag.real(number.as_f64().unwrap_or(f64::NAN)),
        },
        Literal::Text(text) => frag.text(text.clone()),
    }
}

/// A comparison of a column that holds milliseconds with a time of nanoseconds.
pub(super) fn compare_time(expression: &str, op: Op, literal: &Literal) -> Frag {
    let Literal::Text(text) = literal else {
        let present = matches!((op, literal), (Op::Pr, _) | (Op::Ne, Literal::Null));
        return Frag::sql(if present { "(1 = 1)" } else { "(1 = 0)" });
    };
    let Some((floor, exact)) = millis(text) else {
        return Frag::sql("(1 = 0)");
    };
    let ceiling = if exact { floor } else { floor + 1 };
    let (sign, bound) = match op {
        Op::Eq | Op::Ne if !exact => {
            return Frag::sql(if op == Op::Ne { "(1 = 1)" } else { "(1 = 0)" });
        }
        Op::Eq => ("=", floor),
        Op::Ne => ("<>", floor),
        Op::Gt => (">", floor),
        Op::Ge => (">=", ceiling),
        Op::Lt => ("<", ceiling),
        _ => ("<=", floor),
    };
    Frag::sql(format!("({expression} {sign} "))
        .int(bound)
        .push(")")
}

/// Milliseconds of a folded time, and whether nothing finer is left over.
pub(super) fn millis(key: &str) -> Option<(i64, bool)> {
    let key = date_time_key(key)?;
    let time = chrono::DateTime::parse_from_rfc3339(&key).ok()?;
    Some((
        time.timestamp_millis(),
        time.timestamp_subsec_nanos() % 1_000_000 == 0,
    ))
}

/// `meta.version` of a row with this number.
pub(super) fn version(number: &str) -> String {
    format!("('W/\"' || {number} || '\"')")
}
