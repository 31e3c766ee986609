//! Filters: SQL equals the evaluator on both databases, for every kind of resource and every kind of reader.

mod limits;
mod rules;
mod sort;

use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::chance::{Chance, SeededChance};
use rosterd::domain::roles::Role;
use rosterd::scim::Doc;
use rosterd::scim::filter::{evaluate, parse};
use rosterd::scim::fold::match_document;
use rosterd::scim::rules::{Preset, Rules};
use rosterd::scim::schema::{Registry, ResourceKind};
use serde_json::{Value, json};

use crate::support::{Client, ENTERPRISE, GROUP, TestApp, USER, execute, is_soak};

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
    let emails: Vec<Value> = (0..dice.below(3))
        .map(|n| {
            let name = dice.pick(&["a", "B", "É", "100%"]);
            let domain = dice.pick(&["x.test", "bücher.test", "xn--bcher-kva.test"]);
            let kind = dice.pick(&["work", "Home"]);
            json!({"value": format!("{name}{}@{domain}", n / 2), "type": kind, "primary": n == 0})
        })
        .collect();
    user["emails"] = Value::from(emails);
    if dice.below(2) == 0 {
        user[ENTERPRISE] = json!({"manager": {"value": dice.pick(&["m1", "M1"])}});
        if dice.below(2) == 0 {
            user[ENTERPRISE]["department"] = json!(dice.pick(&TEXTS));
        }
    }
    user
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// What stands in the resources of a page: operands that hit something.
struct Known {
    /// Attributes of Rosterd's extensions are shown to this client.
    has_ours: bool,
    ids: Vec<String>,
    times: Vec<String>,
    references: Vec<String>,
}

impl Known {
    fn of(resources: &[Value]) -> Self {
        let texts = |pointer: &str| {
            let each = resources
                .iter()
                .filter_map(|r| r.pointer(pointer)?.as_str());
            each.map(str::to_owned).collect::<Vec<_>>()
        };
        let lists = resources
            .iter()
            .flat_map(|r| [&r["members"], &r["groups"]])
            .filter_map(Value::as_array)
            .flatten();
        let mut references: Vec<String> = lists
            .filter_map(|item| item["value"].as_str().map(str::to_owned))
            .collect();
        references.extend(texts(&format!("/{ENTERPRISE}/manager/value")));
        references.push("nobody".to_owned());
        Self {
            has_ours: resources
                .iter()
                .any(|r| [OURS, OUR_GROUPS].iter().any(|urn| r.get(*urn).is_some())),
            ids: texts("/id"),
            times: [texts("/meta/created"), texts("/meta/lastModified")].concat(),
            references,
        }
    }

    fn id(&self, dice: &Dice) -> String {
        quoted(&self.ids[dice.below(self.ids.len())])
    }

    fn reference(&self, dice: &Dice) -> String {
        quoted(&self.references[dice.below(self.references.len())])
    }

    /// A time that occurs, in some zone and sometimes a little later.
    fn time(&self, dice: &Dice) -> String {
        const FAR: [&str; 3] = [
            "2020-01-01T00:00:00Z",
            "2100-01-01T00:00:00+14:00",
            "2026-06-01T12:00:00.123456789-03:30",
        ];
        if dice.below(3) == 0 {
            return quoted(dice.pick(&FAR));
        }
        let time = &self.times[dice.below(self.times.len())];
        let time = chrono::DateTime::parse_from_rfc3339(time).unwrap();
        let zone = chrono::FixedOffset::east_opt(dice.pick(&[0, 7_200, -12_600])).unwrap();
        let later = chrono::TimeDelta::nanoseconds(dice.pick(&[0, 0, 1, 1_000_000]));
        quoted(&(time + later).with_timezone(&zone).to_rfc3339())
    }

    /// A comparison of what every resource has.
    fn common(&self, dice: &Dice, kind: ResourceKind) -> String {
        let ordered = dice.pick(&["gt", "ge", "lt", "le", "eq", "ne"]);
        match dice.below(8) {
            0 => format!("id {ordered} {}", self.id(dice)),
            1 => format!("meta.version {ordered} \"W/\\\"{}\\\"\"", dice.below(4)),
            2 => format!(
                "schemas {} {}",
                dice.pick(&["eq", "ne", "co"]),
                quoted(dice.pick(&[USER, GROUP, ENTERPRISE, OURS]))
            ),
            3 => format!(
                "meta.resourceType {} {}",
                dice.pick(&["eq", "ne", "sw"]),
                quoted(kind.name())
            ),
            4 => dice
                .pick(&[
                    "meta.location pr",
                    "externalId pr",
                    "externalId ne \"E1\"",
                    "meta.version eq null",
                    "meta pr",
                ])
                .to_owned(),
            _ => format!(
                "meta.{} {ordered} {}",
                dice.pick(&["created", "lastModified"]),
                self.time(dice)
            ),
        }
    }
}

const OURS: &str = "urn:ietf:params:scim:schemas:extension:rosterd:2.0:User";
const OUR_GROUPS: &str = "urn:ietf:params:scim:schemas:extension:rosterd:2.0:Group";
const OPERATORS: [&str; 9] = ["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"];

/// `name op value`, presence or absence, of a text.
fn text_test(dice: &Dice, name: &str, value: &str) -> String {
    match dice.below(8) {
        0 => format!("{name} pr"),
        1 => format!("{name} {} null", dice.pick(&["eq", "ne"])),
        2..=4 => format!("{name} eq {value}"),
        _ => format!("{name} {} {value}", dice.pick(&OPERATORS)),
    }
}

/// A comparison of a list of references, plain or in brackets.
fn reference_test(dice: &Dice, known: &Known, list: &str) -> String {
    let part = |prefix: &str| match dice.below(7) {
        0..=3 => text_test(dice, &format!("{prefix}value"), &known.reference(dice)),
        4 => text_test(
            dice,
            &format!("{prefix}display"),
            &quoted(dice.pick(&TEXTS)),
        ),
        5 => text_test(
            dice,
            &format!("{prefix}type"),
            &quoted(dice.pick(&["DIRECT", "indirect", "user", "Group"])),
        ),
        _ => format!("{prefix}$ref pr"),
    };
    match dice.below(7) {
        0 => format!("{list} pr"),
        1 => text_test(dice, list, &known.reference(dice)),
        2 => format!("{list}[{}]", part("")),
        3 => format!("{list}[{} and {}]", part(""), part("")),
        4 => format!("{list}[{} or not ({})]", part(""), part("")),
        5 => format!("{list}[not ({} or {})]", part(""), part("")),
        _ => part(&format!("{list}.")),
    }
}

fn user_test(dice: &Dice, known: &Known) -> String {
    const NAMES: [&str; 13] = [
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
        "manager",
        "locale",
    ];
    let name: &str = dice.pick(&NAMES);
    match dice.below(16) {
        0 => known.common(dice, ResourceKind::User),
        1 => reference_test(dice, known, "groups"),
        2 => text_test(dice, "manager.value", &known.reference(dice)),
        3 => format!(
            "active {} {}",
            dice.pick(&["eq", "ne"]),
            dice.pick(&["true", "false", "\"True\""])
        ),
        4 => format!(
            "emails[type eq {} and value {} {}]",
            quoted(dice.pick(&["WORK", "home"])),
            dice.pick(&["co", "sw", "ne", "eq"]),
            quoted(dice.pick(&[
                "a",
                "É0@X.test",
                "b0@BÜCHER.test",
                "a0@xn--bcher-kva.test",
                "%"
            ]))
        ),
        5 => "emails[not (type eq \"work\") or primary eq true]".to_owned(),
        6 => format!(
            "emails.value eq {}",
            quoted(dice.pick(&[
                "A0@x.test",
                "É0@bücher.test",
                "a0@bücher.test",
                "B0@XN--bcher-kva.test"
            ]))
        ),
        7 if known.has_ours => format!(
            "{OURS}:access {} {}",
            dice.pick(&["eq", "ne", "sw"]),
            quoted(dice.pick(&["granted", "LISTED", "re"]))
        ),
        8 if known.has_ours => format!("{OURS}:hasAccess {} true", dice.pick(&["eq", "ne"])),
        9 if known.has_ours => text_test(dice, &format!("{OURS}:accessReason.code"), &quoted("x")),
        _ => text_test(dice, name, &quoted(dice.pick(&TEXTS))),
    }
}

fn group_test(dice: &Dice, known: &Known) -> String {
    match dice.below(8) {
        0 | 1 => known.common(dice, ResourceKind::Group),
        2 => text_test(dice, "displayName", &quoted(dice.pick(&TEXTS))),
        3 => text_test(dice, "externalId", &quoted(dice.pick(&["E1", "e1", "É"]))),
        4 if known.has_ours => text_test(
            dice,
            &format!("{OUR_GROUPS}:kind"),
            &quoted(dice.pick(&["group", "TEAM"])),
        ),
        _ => reference_test(dice, known, "members"),
    }
}

fn event_test(dice: &Dice, known: &Known) -> String {
    const PATHS: [&str; 5] = ["title", "active", "displayName", "userName", "zz"];
    let path = quoted(dice.pick(&PATHS));
    let part = |prefix: &str| match dice.below(3) {
        0 => text_test(dice, &format!("{prefix}path"), &path),
        _ => text_test(
            dice,
            &format!("{prefix}{}", dice.pick(&["before", "after"])),
            &quoted(dice.pick(&["true", "\"Ann\"", "\"", ""])),
        ),
    };
    match dice.below(14) {
        0 | 1 => known.common(dice, ResourceKind::AuditEvent),
        2 => text_test(
            dice,
            "action",
            &quoted(dice.pick(&["user.created", "user.updated", "group"])),
        ),
        3 => text_test(dice, "subject.id", &known.reference(dice)),
        4 => text_test(
            dice,
            dice.pick(&["subject.kind", "object.kind"]),
            &quoted(dice.pick(&["user", "connection"])),
        ),
        5 => text_test(
            dice,
            dice.pick(&["object.id", "reason", "cause.kind", "actor.id"]),
            &quoted("x"),
        ),
        6 => format!(
            "sequence {} {}",
            dice.pick(&["eq", "ne", "gt", "ge", "lt", "le"]),
            dice.pick(&["1", "20", "20.5", "100"])
        ),
        7 => format!(
            "time {} {}",
            dice.pick(&["gt", "ge", "lt", "le", "eq", "ne"]),
            known.time(dice)
        ),
        8 => "changes pr".to_owned(),
        9 => format!("changes[{} and {}]", part(""), part("")),
        10 => format!("changes[not ({}) or {}]", part(""), part("")),
        _ => part("changes."),
    }
}

fn random_filter(dice: &Dice, depth: usize, test: &dyn Fn(&Dice) -> String) -> String {
    let inner = || random_filter(dice, depth - 1, test);
    match dice.below(if depth == 0 { 1 } else { 5 }) {
        0 | 1 => test(dice),
        2 => format!("({} and {})", inner(), inner()),
        3 => format!("({} or {})", inner(), inner()),
        _ => format!("not ({})", inner()),
    }
}

/// A reader of one kind of resource, with everything that it sees: as the evaluator is asked about it, and as it is
/// found by an unfiltered list.
struct Reader<'a> {
    client: &'a Client,
    registry: &'a Registry,
    kind: ResourceKind,
    known: Known,
    docs: Vec<(String, Doc)>,
}

impl<'a> Reader<'a> {
    async fn of(client: &'a Client, registry: &'a Registry, kind: ResourceKind) -> Self {
        let all = client
            .get(&format!("{}?count=1000", kind.endpoint()))
            .await
            .expect(200);
        let each = all.resources().iter().map(|resource| {
            let id = resource["id"].as_str().unwrap().to_owned();
            (
                id,
                match_document(registry, kind, resource.as_object().unwrap()),
            )
        });
        assert_eq!(all.total(), i64::try_from(all.resources().len()).unwrap());
        Self {
            client,
            registry,
            kind,
            known: Known::of(all.resources()),
            docs: each.collect(),
        }
    }

    /// Asks random filters; many of them must tell resources apart.
    async fn compare(&self, dice: &Dice, rounds: usize) {
        let test = |dice: &Dice| match self.kind {
            ResourceKind::User => user_test(dice, &self.known),
            ResourceKind::Group => group_test(dice, &self.known),
            ResourceKind::AuditEvent => event_test(dice, &self.known),
        };
        let mut hits = 0;
        for _ in 0..rounds {
            let text = random_filter(dice, 3, &test);
            let filter = parse(self.registry, self.kind, &text, &mut Rules::default())
                .unwrap_or_else(|e| panic!("the generator made {text}: {e:?}"));
            let want = self.docs.iter().filter(|(_, doc)| evaluate(&filter, doc));
            let want: Vec<String> = want.map(|(id, _)| id.clone()).collect();
            let search = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": text, "count": 1000});
            let path = format!("{}/.search", self.kind.endpoint());
            let got = self.client.post(&path, search).await.expect(200);
            assert_eq!(got.ids(), want, "{text}");
            assert_eq!(got.total(), i64::try_from(want.len()).unwrap());
            hits += usize::from(!want.is_empty() && want.len() < self.docs.len());
        }
        assert!(
            hits > rounds / 4,
            "only {hits} of {rounds} filters told one {} from another",
            self.kind.name()
        );
    }
}

/// Three sources whose views differ, and who do not all see the same people and groups.
struct World {
    _app: TestApp,
    okta: Client,
    entra: Client,
    app_token: Client,
    auditor: Client,
}

async fn world(dice: &Dice) -> World {
    let app = TestApp::start().await;
    let okta = app.source(Preset::Okta).await;
    let entra = app.source(Preset::Entra).await;
    let lister = app
        .source_of(&app.tenant, Preset::Generic, JoinerPolicy::List)
        .await;
    // The lister's people are seen by nobody else, but for those that Okta brings as well: some of these have a manager
    // whom Okta cannot see.
    let mut hidden = Vec::new();
    for i in 0..4 {
        let boss = json!({"schemas": [USER], "userName": format!("boss{i}"), "displayName": dice.pick(&TEXTS), "active": true});
        hidden.push(lister.post("/Users", boss).await.expect(201).id());
    }
    for i in 0..8 {
        let mut user = json!({"schemas": [USER], "userName": format!("both{i}"), "active": true, "emails": [{"value": format!("both{i}@x.test"), "type": "work"}]});
        let manager = &hidden[dice.below(4)];
        user[ENTERPRISE] = json!({"manager": {"value": manager}});
        if i % 2 == 0 {
            user[ENTERPRISE]["department"] = json!("Ann");
        }
        lister.post("/Users", user.clone()).await.expect(201);
        user.as_object_mut().unwrap().remove(ENTERPRISE);
        okta.post("/Users", user).await.expect(201);
    }
    let mut people = Vec::new();
    for i in 0..40 {
        let mut user = random_user(dice, i);
        if i > 10 && dice.below(3) == 0 {
            user[ENTERPRISE] = json!({"manager": {"value": people[dice.below(people.len())]}});
        }
        people.push(okta.post("/Users", user).await.expect(201).id());
    }
    // Entra finds half of them and writes other values: its views differ from what is in force.
    let seen = entra.get("/Users?count=1000").await.ids();
    for (i, id) in seen.iter().enumerate().filter(|(i, _)| i % 2 == 0) {
        let mut user = random_user(dice, 100 + i);
        user.as_object_mut().unwrap().remove("active");
        entra.put(&format!("/Users/{id}"), user).await.expect(200);
    }
    for i in 0..10 {
        entra
            .post("/Users", random_user(dice, 200 + i))
            .await
            .expect(201);
    }
    // Groups of both, then some that nobody manages, teams, members whom not everybody sees, and ids of Entra's own.
    for (n, source) in [&okta, &entra].into_iter().enumerate() {
        let people = source.get("/Users?count=1000").await.ids();
        for (i, name) in TEXTS.iter().filter(|t| !t.is_empty()).enumerate().take(12) {
            let members: Vec<Value> = (0..dice.below(5))
                .map(|_| json!({"value": people[dice.below(people.len())]}))
                .collect();
            let mut group = json!({"schemas": [GROUP], "displayName": format!("{name}{n}{i}"), "members": members});
            if dice.below(2) == 0 {
                group["externalId"] = json!(dice.pick(&["E1", "e1", "É"]));
            }
            source.post("/Groups", group).await.expect(201);
        }
        nest(dice, source).await;
    }
    let mut conn = app.database.connect();
    let connections = "(SELECT id FROM connections WHERE preset = 'entra')";
    let statements: [String; 6] = [
        "UPDATE \"groups\" SET managed_by = NULL WHERE display_name LIKE '%2' OR display_name LIKE '%5'".to_owned(),
        "UPDATE \"groups\" SET kind = 'team' WHERE display_name LIKE '%4'".to_owned(),
        format!(
            "INSERT INTO memberships (tenant, group_id, generation, user_id, member_type) SELECT g.tenant, g.id, g.generation, '{}', 'User' \
             FROM \"groups\" g WHERE g.display_name LIKE '%2' OR g.display_name LIKE '%6'",
            hidden[0]
        ),
        format!("UPDATE claims SET scim_id = 'known-' || substr(user_id, 25) WHERE connection_id = {connections} AND state = 'live' AND view_doc IS NOT NULL"),
        "UPDATE connections SET managed_groups = (SELECT count(*) FROM \"groups\" g WHERE g.managed_by = connections.id AND g.kind = 'group')".to_owned(),
        "UPDATE heads SET unmanaged_groups = (SELECT count(*) FROM \"groups\" g WHERE g.tenant = heads.tenant AND g.managed_by IS NULL AND g.kind = 'group')".to_owned(),
    ];
    for statement in statements {
        execute(&mut conn, &statement);
    }
    World {
        okta,
        entra,
        app_token: app.role(&app.tenant, Role::App).await,
        auditor: app.role(&app.tenant, Role::Auditor).await,
        _app: app,
    }
}

/// Puts groups into groups at random; those that would stand in a circle are refused.
async fn nest(dice: &Dice, source: &Client) {
    let groups = source.get("/Groups?count=1000").await.ids();
    for _ in 0..groups.len() {
        let outer = format!("/Groups/{}", groups[dice.below(groups.len())]);
        let inner = &groups[dice.below(groups.len())];
        let member = json!([{"op": "add", "path": "members", "value": [{"value": inner}]}]);
        let answer = source.patch(&outer, member).await;
        assert!([204, 400].contains(&answer.status), "{}", answer.text);
    }
}

// checklist: 96, 97, 98, 99, 102, 103, 107
#[actix_web::test]
async fn sql_equals_the_evaluator() {
    let registry = Registry::builtin().unwrap();
    let dice = Dice(SeededChance::new(7));
    let w = world(&dice).await;
    let rounds = if is_soak() { 3_000 } else { 250 };
    for client in [&w.okta, &w.entra, &w.app_token] {
        for kind in [ResourceKind::User, ResourceKind::Group] {
            let reader = Reader::of(client, &registry, kind).await;
            reader.compare(&dice, rounds).await;
        }
    }
    let events = Reader::of(&w.auditor, &registry, ResourceKind::AuditEvent).await;
    events.compare(&dice, rounds).await;
}
