//! What clients send and the grammar does not take, rewritten on tokens before parsing; text in quotes is never
//! touched.

use crate::scim::error::{Error, Result, quote};
use crate::scim::rules::{Rule, Rules};

/// Stand-in for `$ref`, whose dollar sign the grammar's names lack.
pub(super) const REF: &str = "dollar-ref";

const OPERATORS: [&str; 9] = ["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"];

/// Rewrites a filter or a PATCH path.
pub(super) fn run(text: &str, rules: &mut Rules) -> Result<String> {
    within("bytes", text.len(), rules.limits().filter)?;
    let tokens = tokens(text)?;
    within("comparisons", terms(&tokens), rules.limits().filter_terms)?;
    within("levels", depth(&tokens), rules.limits().filter_depth)?;
    let tokens = values(tokens, rules);
    let tokens = sub_attributes(tokens, rules);
    let each = tokens.into_iter().map(|token| {
        if token.starts_with('"') {
            token
        } else {
            token.replace("$ref", REF)
        }
    });
    Ok(each.collect())
}

fn within(what: &str, got: usize, most: usize) -> Result<()> {
    if got <= most {
        return Ok(());
    }
    Err(Error::invalid_filter(format!(
        "a filter has at most {most} {what}; got {got}: ask in several requests"
    )))
}

/// How many comparisons there are: an operator stands behind a name, an operand before `and` or the end.
fn terms(tokens: &[String]) -> usize {
    let mut words = tokens.iter().filter(|t| !t.trim().is_empty());
    let mut count = 0;
    while let Some(word) = words.next() {
        if word.eq_ignore_ascii_case("pr") {
            count += 1;
        } else if OPERATORS.iter().any(|op| word.eq_ignore_ascii_case(op)) {
            count += 1;
            // Whatever the operand looks like, it is none.
            words.next();
        }
    }
    count
}

/// How deep brackets are nested, at their deepest.
fn depth(tokens: &[String]) -> usize {
    let (mut now, mut deepest) = (0usize, 0);
    for token in tokens {
        match token.as_str() {
            "(" | "[" => now += 1,
            ")" | "]" => now = now.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(now);
    }
    deepest
}

/// Blanks, quoted texts, brackets and words. `not(` gets its blank here: the RFC's grammar allows it without.
fn tokens(text: &str) -> Result<Vec<String>> {
    let mut tokens: Vec<String> = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(&first) = chars.peek() {
        let mut token = String::new();
        if first == '"' {
            token.push('"');
            chars.next();
            let mut closed = false;
            while let Some(c) = chars.next() {
                token.push(c);
                if c == '\\' {
                    token.extend(chars.next());
                } else if c == '"' {
                    closed = true;
                    break;
                }
            }
            if !closed {
                return Err(Error::invalid_filter(format!(
                    "the text {} has no closing quote",
                    quote(&token)
                )));
            }
        } else if "()[]".contains(first) {
            if first == '(' && tokens.last().is_some_and(|t| t.eq_ignore_ascii_case("not")) {
                tokens.push(" ".to_owned());
            }
            token.push(first);
            chars.next();
        } else {
            let blank = first.is_whitespace();
            while let Some(&c) = chars.peek() {
                if c.is_whitespace() != blank || "()[]\"".contains(c) {
                    break;
                }
                token.push(c);
                chars.next();
            }
        }
        tokens.push(token);
    }
    Ok(tokens)
}

/// Operands without quotes: `True` becomes `true`, other words become texts.
fn values(mut tokens: Vec<String>, rules: &mut Rules) -> Vec<String> {
    for i in 4..tokens.len().max(4) {
        let Some(token) = tokens.get(i) else { break };
        let is_operand = tokens[i - 1].trim().is_empty()
            && OPERATORS
                .iter()
                .any(|op| tokens[i - 2].eq_ignore_ascii_case(op))
            && tokens[i - 3].trim().is_empty();
        let plain = token
            .chars()
            .all(|c| !c.is_whitespace() && !"()[]\"".contains(c));
        if !is_operand || !plain || serde_json::from_str::<serde_json::Value>(token).is_ok() {
            continue;
        }
        let lower = token.to_ascii_lowercase();
        if ["true", "false", "null"].contains(&lower.as_str()) {
            if rules.allow(Rule::BooleanTextInFilter) {
                tokens[i] = lower;
            }
        } else if !token.starts_with('\'') && rules.allow(Rule::UnquotedFilterValue) {
            tokens[i] = serde_json::Value::from(token.as_str()).to_string();
        }
    }
    tokens
}

/// `emails[type eq "work"].value eq "x"` becomes `emails[(type eq "work") and value eq "x"]`.
fn sub_attributes(tokens: Vec<String>, rules: &mut Rules) -> Vec<String> {
    let mut out: Vec<String> = Vec::with_capacity(tokens.len());
    let mut opened = 0;
    let mut rest = tokens.into_iter().peekable();
    while let Some(token) = rest.next() {
        if token == "[" {
            opened = out.len();
        }
        let moves = token == "]"
            && rest
                .peek()
                .is_some_and(|next| next.len() > 1 && next.starts_with('.'))
            && out.get(opened).is_some_and(|t| t == "[");
        if !moves {
            out.push(token);
            continue;
        }
        // In a PATCH path nothing follows the sub-attribute; there the grammar knows it.
        let sub = rest.next().unwrap_or_default();
        let tail: Vec<String> = rest.by_ref().take(4).collect();
        let comparison = tail
            .get(1)
            .is_some_and(|t| OPERATORS.iter().any(|op| t.eq_ignore_ascii_case(op)));
        let presence = tail.get(1).is_some_and(|t| t.eq_ignore_ascii_case("pr"));
        if (comparison || presence) && rules.allow(Rule::SubAttributeAfterValuePath) {
            out.insert(opened + 1, "(".to_owned());
            out.push(format!(") and {}", sub.trim_start_matches('.')));
            let split = if presence { 2 } else { 4 };
            out.extend(tail.iter().take(split).cloned());
            out.push("]".to_owned());
            out.extend(tail.iter().skip(split).cloned());
        } else {
            out.push(token);
            out.push(sub);
            out.extend(tail);
        }
    }
    out
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_grammar_lacks_is_rewritten() {
        let cases = [
            (
                r#"emails[type eq "work"].value eq "x""#,
                r#"emails[(type eq "work") and value eq "x"]"#,
            ),
            (r#"not(title pr)"#, r#"not (title pr)"#),
            (r#"active eq True"#, r#"active eq true"#),
            (r#"externalId eq jyoung"#, r#"externalId eq "jyoung""#),
            (
                r#"a eq "not(x) $ref [" and b eq 1"#,
                r#"a eq "not(x) $ref [" and b eq 1"#,
            ),
            (r#"members[$ref pr]"#, "members[dollar-ref pr]"),
            (
                r#"emails[type eq "work"].value"#,
                r#"emails[type eq "work"].value"#,
            ),
            (
                r#"emails[type eq "w"].value pr and title pr"#,
                r#"emails[(type eq "w") and value pr] and title pr"#,
            ),
        ];
        for (from, to) in cases {
            assert_eq!(run(from, &mut Rules::default()).expect(from), to);
        }
        assert!(run("a eq \"x", &mut Rules::default()).is_err());
    }

    #[test]
    fn comparisons_and_levels_are_counted_as_they_are_written() {
        let counted = |text: &str| {
            let tokens = tokens(text).expect(text);
            (terms(&tokens), depth(&tokens))
        };
        for (text, want) in [
            ("title pr", (1, 0)),
            (r#"a eq eq and b eq "pr" or c pr"#, (3, 0)),
            (r#"not (a pr) and (b pr or (c eq 1))"#, (3, 2)),
            (r#"emails[type eq "(((" and value pr]"#, (2, 1)),
        ] {
            assert_eq!(counted(text), want, "{text}");
        }
    }
}
