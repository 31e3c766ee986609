//! Whose value of an attribute is in force where several sources assert one (SEMANTICS §1). A rule names an attribute and
//! the sources that come first there, by kind or by connection; whoever is not named comes after them, by the age of the
//! connection, the app last.

use std::collections::BTreeMap;

use super::app::APP;

/// Sources in the order in which they count: `hris`, `scim`, `app`, or the id of a connection.
pub type Order = Vec<String>;

/// Rules by path: an attribute, a sub-attribute of a complex one, an attribute of an extension, a whole extension, or
/// [`EVERYTHING`].
pub type Rules = BTreeMap<String, Order>;

/// The path of whatever has no rule of its own.
pub const EVERYTHING: &str = "*";

/// Kinds of sources that a rule may name.
pub const KINDS: [&str; 3] = ["hris", "scim", APP];

/// What a tenant that sets nothing goes by: HR owns what is about employment, the identity provider the name to sign in
/// with. (`active`, groups and dates need no rule: each comes from one kind of source only.)
const AT_FIRST: [(&str, &str); 4] = [
    ("title", "hris"),
    (
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
        "hris",
    ),
    ("userName", "scim"),
    ("userType", "hris"),
];

/// The rules of a tenant that sets nothing.
pub fn at_first() -> Rules {
    let rules = AT_FIRST.iter();
    rules
        .map(|(path, kind)| ((*path).to_owned(), vec![(*kind).to_owned()]))
        .collect()
}

/// A source, as far as rules speak of it.
#[derive(Debug, Clone, Copy)]
pub struct Ranked<'a> {
    /// Id of the connection.
    pub connection: &'a str,
    /// `scim`, `hris` or `app`.
    pub kind: &'a str,
}

/// The rules in force: those of the tenant, and the first ones where it has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Precedence {
    rules: Rules,
}

impl Precedence {
    /// With what the tenant set.
    pub fn new(own: &Rules) -> Self {
        let mut rules = at_first();
        rules.extend(own.clone());
        Self { rules }
    }

    /// All rules, the first ones with them.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The rule of a unit: by the first of its paths that has one. `paths` are the unit's own, that of the attribute around
    /// it, and that of its extension.
    pub fn rule(&self, paths: &[&str]) -> &[String] {
        let mut all = paths.iter().chain([&EVERYTHING]);
        let found = all.find_map(|path| self.rules.get(*path));
        found.map_or(&[], Vec::as_slice)
    }
}

/// Where a source stands under a rule; the least is first, and equal ones are told apart by age.
pub fn rank(rule: &[String], source: Ranked<'_>) -> usize {
    let mut named = rule.iter();
    let named = named.position(|name| name == source.connection || name == source.kind);
    let last = rule.len() + usize::from(source.kind == APP);
    named.unwrap_or(last)
}

/// What of a tenant's own rules says something else than those at first.
pub fn own(rules: Rules) -> Rules {
    let at_first = at_first();
    let differs = |path: &String, order: &Order| at_first.get(path) != Some(order);
    rules
        .into_iter()
        .filter(|(path, order)| differs(path, order))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HR: Ranked<'_> = Ranked {
        connection: "c1",
        kind: "hris",
    };
    const IDP: Ranked<'_> = Ranked {
        connection: "c2",
        kind: "scim",
    };
    const APPS: Ranked<'_> = Ranked {
        connection: APP,
        kind: APP,
    };

    fn first(own: &[(&str, &[&str])], paths: &[&str]) -> &'static str {
        let own = own.iter().map(|(path, order)| {
            let order = order.iter().map(ToString::to_string).collect();
            ((*path).to_owned(), order)
        });
        let precedence = Precedence::new(&own.collect());
        let rule = precedence.rule(paths);
        // By age: the identity provider is older.
        let all = [("idp", IDP), ("hr", HR), ("app", APPS)];
        let first = all.iter().min_by_key(|(_, s)| rank(rule, *s));
        first.map_or("", |(name, _)| name)
    }

    const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

    #[test]
    fn at_first_hr_owns_employment_and_the_identity_provider_the_name() {
        let department = format!("{ENTERPRISE}:department");
        assert_eq!(first(&[], &[&department, ENTERPRISE]), "hr");
        assert_eq!(first(&[], &["title"]), "hr");
        assert_eq!(first(&[], &["userName"]), "idp");
        assert_eq!(first(&[], &["nickName"]), "idp", "the older one");
    }

    #[test]
    fn the_nearest_rule_counts_and_may_name_a_connection() {
        let department = format!("{ENTERPRISE}:department");
        let rules: &[(&str, &[&str])] = &[(&department, &["c2"]), ("*", &["app", "hris"])];
        assert_eq!(first(rules, &[&department, ENTERPRISE]), "idp");
        assert_eq!(first(rules, &["x", ENTERPRISE]), "hr");
        assert_eq!(first(rules, &["nickName"]), "app");
        let rules: &[(&str, &[&str])] = &[("name", &["hris"]), ("name.givenName", &[])];
        assert_eq!(first(rules, &["name.familyName", "name"]), "hr");
        assert_eq!(first(rules, &["name.givenName", "name"]), "idp");
    }

    #[test]
    fn what_says_the_same_as_at_first_is_no_rule_of_ones_own() {
        assert_eq!(own(at_first()), Rules::new());
        let mut rules = at_first();
        rules.insert("title".to_owned(), Vec::new());
        assert_eq!(own(rules).len(), 1);
    }
}
