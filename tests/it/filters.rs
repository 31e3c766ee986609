//! Filters: SQL equals the evaluator on both databases.

use rosterd::domain::chance::{Chance, SeededChance};
use rosterd::scim::Doc;
use rosterd::scim::filter::{evaluate, parse};
use rosterd::scim::fold::{date_time_key, match_document};
use rosterd::scim::rules::{Preset, Rules};
use rosterd::scim::schema::{Registry, ResourceKind};
use serde_json::{Value, json};

use crate::support::{Client, ENTERPRISE, TestApp, USER, is_soak};

/// Draws from a fixed sequence.
struct Dice(SeededChance);

impl Dice {
    fn below(&self, n: usize) -> usize {
        let mut bytes = [0u8; 8];
        self.0.fill(&mut bytes);
        usize::try_from(u64::from_le_bytes(bytes) % n as u64).unwrap()
    }

    fn pick<T: Copy>(&self, list: &[T]) -> T {
        list[self.below(list.len())]
    }
}

const TEXTS: [&str; 22] = [
    "Ann",
    "ANN",
    "ann",
    "É",
    "e\u{301}",
    "é",
    "Straße",
    "STRASSE",
    "İ",
    "i̇",
    "ΌΣΟΣ",
    "όσος",
    "100%",
    "a_b",
    "axb",
    "back\\slash",
    "quo\"te",
    "'; --",
    "",
    "ﬁ",
    "x",
    "Ω\u{1F600}",
];

fn random_user(dice: &Dice, i: usize) -> Value {
    let mut user = json!({"schemas": [USER], "userName": format!("{}{i}", dice.pick(&["Ann", "ÉVA", "straße", "_%"])), "active": dice.below(3) > 0});
    for name in ["title", "nickName", "displayName", "locale"] {
        if dice.below(2) == 0 {
            user[name] = json!(dice.pick(&TEXTS));
        }
    }
    if dice.below(2) == 0 {
        user["externalId"] = json!(dice.pick(&["E1", "e1", "É"]));
    }
    if dice.below(2) == 0 {
        user["name"] = json!({"familyName": dice.pick(&TEXTS)});
    }
    let types = ["work", "Home", "other"];
    let emails: Vec<Value> = (0..dice.below(3))
        .map(|n| json!({"value": format!("{}{n}@x.test", dice.pick(&["a", "B", "É", "100%"])), "type": types[n], "primary": n == 0}))
        .collect();
    user["emails"] = Value::from(emails);
    if dice.below(2) == 0 {
        user[ENTERPRISE] = json!({"department": dice.pick(&TEXTS), "manager": {"value": dice.pick(&["m1", "M1"])}});
    }
    user
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn random_test(dice: &Dice) -> String {
    const NAMES: [&str; 12] = [
        "userName",
        "title",
        "nickName",
        "displayName",
        "name.familyName",
        "emails.value",
        "emails.type",
        "emails",
        "externalId",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
        "manager.value",
        "locale",
    ];
    let name: &str = dice.pick(&NAMES);
    match dice.below(14) {
        0 => format!("{name} pr"),
        1 => format!("{name} eq null"),
        2 => format!("{name} ne null"),
        3 => format!(
            "active {} {}",
            dice.pick(&["eq", "ne"]),
            dice.pick(&["true", "false", "\"True\""])
        ),
        4 => {
            let time = dice.pick(&[
                "2020-01-01T00:00:00Z",
                "2100-01-01T00:00:00+14:00",
                "2026-06-01T12:00:00.123456789-03:30",
            ]);
            format!(
                "meta.{} {} \"{time}\"",
                dice.pick(&["created", "lastModified"]),
                dice.pick(&["gt", "ge", "lt", "le", "eq", "ne"])
            )
        }
        5 => format!(
            "emails[type eq {} and value {} {}]",
            quoted(dice.pick(&["WORK", "home"])),
            dice.pick(&["co", "sw", "ne", "eq"]),
            quoted(dice.pick(&["a", "É0@X.test", "%"]))
        ),
        6 => "emails[not (type eq \"work\") or primary eq true]".to_owned(),
        7 => format!(
            "schemas {} \"{}\"",
            dice.pick(&["eq", "ne", "co"]),
            dice.pick(&[USER, ENTERPRISE])
        ),
        8 => format!(
            "meta.resourceType eq {}",
            quoted(dice.pick(&["User", "Group"]))
        ),
        _ => format!(
            "{name} {} {}",
            dice.pick(&["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"]),
            quoted(dice.pick(&TEXTS))
        ),
    }
}

fn random_filter(dice: &Dice, depth: usize) -> String {
    match dice.below(if depth == 0 { 1 } else { 5 }) {
        0 | 1 => random_test(dice),
        2 => format!(
            "({} and {})",
            random_filter(dice, depth - 1),
            random_filter(dice, depth - 1)
        ),
        3 => format!(
            "({} or {})",
            random_filter(dice, depth - 1),
            random_filter(dice, depth - 1)
        ),
        _ => format!("not ({})", random_filter(dice, depth - 1)),
    }
}

/// What the evaluator is asked about: the match document with what the store keeps beside it.
fn evaluated(registry: &Registry, resource: &Value) -> Doc {
    let mut doc = match_document(registry, ResourceKind::User, resource.as_object().unwrap());
    for key in ["id", "externalId", "active", "schemas"] {
        if let Some(value) = resource.get(key) {
            doc.insert(key.to_owned(), value.clone());
        }
    }
    let time = |key: &str| date_time_key(resource["meta"][key].as_str().unwrap()).unwrap();
    doc.insert("meta".to_owned(), json!({"resourceType": "User", "created": time("created"), "lastModified": time("lastModified")}));
    doc
}

async fn compare(client: &Client, registry: &Registry, dice: &Dice, rounds: usize) -> usize {
    let all = client.get("/Users?count=1000").await.expect(200);
    let docs: Vec<(String, Doc)> = all
        .resources()
        .iter()
        .map(|r| (r["id"].as_str().unwrap().to_owned(), evaluated(registry, r)))
        .collect();
    let mut hits = 0;
    for _ in 0..rounds {
        let text = random_filter(dice, 3);
        let Ok(filter) = parse(registry, ResourceKind::User, &text, &mut Rules::default()) else {
            panic!("the generator made {text}");
        };
        let want: Vec<String> = docs
            .iter()
            .filter(|(_, doc)| evaluate(&filter, doc))
            .map(|(id, _)| id.clone())
            .collect();
        let search = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": text, "count": 1000});
        let got = client.post("/Users/.search", search).await.expect(200);
        assert_eq!(got.ids(), want, "{text}");
        assert_eq!(got.total(), i64::try_from(want.len()).unwrap());
        hits += usize::from(!want.is_empty() && want.len() < docs.len());
    }
    hits
}

#[actix_web::test]
async fn sql_equals_the_evaluator() {
    let registry = Registry::builtin().unwrap();
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let entra = app.source(Preset::Entra).await;
    let dice = Dice(SeededChance::new(7));
    for i in 0..40 {
        okta.post("/Users", random_user(&dice, i)).await.expect(201);
    }
    // Entra finds half of them and writes other values: its views differ from what is in force.
    let ids = entra.get("/Users?count=1000").await.ids();
    for (i, id) in ids.iter().enumerate().filter(|(i, _)| i % 2 == 0) {
        let mut user = random_user(&dice, 100 + i);
        user.as_object_mut().unwrap().remove("active");
        entra.put(&format!("/Users/{id}"), user).await.expect(200);
    }
    for i in 0..10 {
        entra
            .post("/Users", random_user(&dice, 200 + i))
            .await
            .expect(201);
    }
    let rounds = if is_soak() { 20_000 } else { 400 };
    for client in [&okta, &entra] {
        let hits = compare(client, &registry, &dice, rounds).await;
        assert!(
            hits > rounds / 4,
            "only {hits} of {rounds} filters told people apart"
        );
    }
}
