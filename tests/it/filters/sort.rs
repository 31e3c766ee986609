//! Sorting: SQL equals a model of RFC 7644 §3.4.2.3, whole and walked by cursor, for every kind of resource and reader.

use std::cmp::Ordering;

use super::*;

const USERS: [&str; 22] = [
    "id",
    "userName",
    "title",
    "nickName",
    "displayName",
    "locale",
    "name.familyName",
    "emails",
    "emails.type",
    "emails.primary",
    "roles.value",
    "addresses.locality",
    "externalId",
    "active",
    "manager",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
    "meta.created",
    "meta.lastModified",
    "meta.version",
    "meta.resourceType",
    "urn:ietf:params:scim:schemas:extension:rosterd:2.0:User:access",
    "urn:ietf:params:scim:schemas:extension:rosterd:2.0:User:hasAccess",
];
const GROUPS: [&str; 8] = [
    "id",
    "displayName",
    "externalId",
    "meta.created",
    "meta.lastModified",
    "meta.version",
    "urn:ietf:params:scim:schemas:extension:rosterd:2.0:Group:kind",
    "urn:ietf:params:scim:schemas:extension:rosterd:2.0:Group:managedBy",
];
const EVENTS: [&str; 12] = [
    "sequence",
    "time",
    "action",
    "actor.kind",
    "actor.id",
    "cause.id",
    "subject.kind",
    "subject.id",
    "object.id",
    "reason",
    "hash",
    "meta.created",
];

/// The value that a resource is sorted by: of several the primary one, or else the first.
fn key(doc: &Doc, path: &str) -> Option<Value> {
    let path = match path {
        "emails" => "emails.value",
        "manager" => "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
        path => path,
    };
    let (home, path) = match path.rsplit_once(':') {
        Some((urn, rest)) => (doc.get(urn)?.as_object()?, rest),
        None => (doc, path),
    };
    let (attr, sub) = match path.split_once('.') {
        Some((attr, sub)) => (attr, Some(sub)),
        None => (path, None),
    };
    let value = match home.get(attr)? {
        Value::Array(items) => {
            let primary = items.iter().find(|i| i["primary"] == json!(true));
            primary.or(items.first())?
        }
        value => value,
    };
    sub.map_or(Some(value), |sub| value.get(sub)).cloned()
}

fn compare(a: &Option<Value>, b: &Option<Value>) -> Ordering {
    match (a, b) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(Value::String(a)), Some(Value::String(b))) => a.as_bytes().cmp(b.as_bytes()),
        (Some(Value::Bool(a)), Some(Value::Bool(b))) => a.cmp(b),
        (Some(a), Some(b)) => a.as_f64().partial_cmp(&b.as_f64()).unwrap(),
    }
}

impl Reader<'_> {
    fn sorted(&self, by: &str, descending: bool) -> Vec<String> {
        let mut all: Vec<(Option<Value>, &String)> = self
            .docs
            .iter()
            .map(|(id, doc)| (key(doc, by), id))
            .collect();
        // Equal ones stay in the order of the unsorted list, which is that of their ids.
        all.sort_by(|a, b| compare(&a.0, &b.0));
        if descending {
            all.reverse();
        }
        all.into_iter().map(|(_, id)| id.clone()).collect()
    }

    async fn search(&self, search: &Value) -> crate::support::Answer {
        let path = format!("{}/.search", self.kind.endpoint());
        self.client.post(&path, search.clone()).await.expect(200)
    }

    /// All pages of a search by cursor.
    async fn walk(&self, mut search: Value, count: usize) -> Vec<String> {
        search["count"] = json!(count);
        search["cursor"] = json!("");
        let mut ids = Vec::new();
        loop {
            let page = self.search(&search).await;
            assert!(page.ids().len() <= count);
            ids.extend(page.ids());
            match page.body.get("nextCursor") {
                None => return ids,
                Some(next) => search["cursor"] = next.clone(),
            }
        }
    }

    async fn compare_orders(&self, dice: &Dice, names: &[&str], rounds: usize) {
        let unsorted: Vec<String> = self.docs.iter().map(|(id, _)| id.clone()).collect();
        let mut told_apart = 0;
        for round in 0..rounds.max(names.len() * 2) {
            let by = names[round % names.len()];
            if by.contains("rosterd") && !self.known.has_ours {
                continue;
            }
            let descending = (round / names.len()) % 2 == 1;
            let order = if descending {
                "descending"
            } else {
                "Ascending"
            };
            let search = json!({
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
                "sortBy": by, "sortOrder": order, "count": 1000,
            });
            let want = self.sorted(by, descending);
            let got = self.search(&search).await;
            assert_eq!(got.ids(), want, "{by} {order}");
            assert_eq!(got.total(), i64::try_from(want.len()).unwrap());
            let count = 1 + dice.below(want.len() / 2);
            let walked = self.walk(search, count).await;
            assert_eq!(walked, want, "{by} {order} by {count}");
            told_apart += usize::from(!descending && want != unsorted);
        }
        assert!(
            told_apart > 1,
            "only {told_apart} orders differ from that of the ids"
        );
    }
}

// checklist: 109, 110
#[actix_web::test]
async fn sql_sorts_as_the_rfc_says() {
    let registry = Registry::builtin().unwrap();
    let dice = Dice(SeededChance::new(11));
    let w = world(&dice).await;
    let rounds = if is_soak() { 400 } else { 0 };
    for client in [&w.okta, &w.entra, &w.app_token] {
        let users = Reader::of(client, &registry, ResourceKind::User).await;
        users.compare_orders(&dice, &USERS, rounds).await;
        let groups = Reader::of(client, &registry, ResourceKind::Group).await;
        groups.compare_orders(&dice, &GROUPS, rounds).await;
    }
    let events = Reader::of(&w.auditor, &registry, ResourceKind::AuditEvent).await;
    events.compare_orders(&dice, &EVENTS, rounds).await;
}
