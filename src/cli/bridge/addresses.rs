//! Which addresses of a record count (a connection's setting): the others do not get any further than this.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::domain::pull::AddressUse;
use crate::hris::{Error, Mapped, Sink};
use crate::sync::Gather;

/// Hands people on with the addresses that count.
pub(super) struct Addressed<'g> {
    people: &'g mut Gather,
    uses: AddressUse,
}

impl<'g> Addressed<'g> {
    pub(super) fn new(people: &'g mut Gather, uses: AddressUse) -> Self {
        Self { people, uses }
    }
}

impl Sink for Addressed<'_> {
    fn unsaid(&mut self, units: &BTreeSet<String>) {
        self.people.unsaid(units);
    }

    async fn accept(&mut self, mut batch: Vec<Mapped>) -> Result<(), Error> {
        for mapped in &mut batch {
            if let Mapped::Person(person) = mapped {
                choose(&mut person.user, self.uses);
            }
        }
        self.people.accept(batch).await
    }
}

fn choose(user: &mut Map<String, Value>, uses: AddressUse) {
    let Some(Value::Array(all)) = user.get_mut("emails") else {
        return;
    };
    let is_private = |email: &Value| {
        let kind = email["type"].as_str();
        kind.is_some_and(|kind| kind.eq_ignore_ascii_case("home"))
    };
    let has_other = all.iter().any(|email| !is_private(email));
    if has_other || uses == AddressUse::Work {
        all.retain(|email| !is_private(email));
    }
    if all.is_empty() {
        user.remove("emails");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_private_address_counts_only_where_there_is_no_other_and_somebody_said_so() {
        let (work, home) = (
            json!({"value": "ann@x.test", "type": "work", "primary": true}),
            json!({"value": "ann@home.test", "type": "home"}),
        );
        for (given, uses, left) in [
            (json!([work, home]), AddressUse::Work, json!([work])),
            (
                json!([work, home]),
                AddressUse::WorkThenPrivate,
                json!([work]),
            ),
            (json!([home]), AddressUse::Work, Value::Null),
            (json!([home]), AddressUse::WorkThenPrivate, json!([home])),
        ] {
            let mut user = Map::from_iter([("emails".to_owned(), given.clone())]);
            choose(&mut user, uses);
            assert_eq!(
                user.get("emails").unwrap_or(&Value::Null),
                &left,
                "{given} {uses:?}"
            );
        }
    }
}
