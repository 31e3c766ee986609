//! `docs/ACCESS.md`: who reads what of somebody's access, and what the app's word makes of it. The page is made from what
//! the server answers and from the function that decides; each cell of the second table is compared with what stands here.

use std::fmt::Write;

use rosterd::domain::access::{Access, JoinerPolicy, Standing, reason};
use rosterd::domain::app::{Before, Word, on_app};
use rosterd::domain::clock::Millis;
use rosterd::domain::employment::EmploymentState;
use rosterd::domain::roles::Role;
use rosterd::scim::rules::Preset;
use serde_json::json;

use super::{Scene, ann, employee, in_state};
use crate::sources::OURS;
use crate::support::{Client, lines, person, variable};

const PAGE: &str = "docs/ACCESS.md";

const INTRODUCTION: &str = "# Who reads what of somebody's access

Made by a test (`tests/it/app_source/table.rs`); do not edit. SEMANTICS §1, §3, §6 and §9 are the rules.

What a source says of somebody (`active`) and what the app enforces (`hasAccess`) are two facts. Whoever is no source reads the
second, with its reason (`accessReason`: a code and parameters), and for her `active` is the same. A source reads back what it
said. *Not seen* is 404, and nothing in a list.

*Signs in* is what `POST …/sign-ins` and `GET …/access` answer. Signing in grants nothing, unless the tenant lets in by it whoever is
listed and works (`justInTime`: her address is verified, no question is open, no human decided otherwise). Somebody is found
by her primary address: the one in force, else the one that the app has for her. Of several who share it the one who has access is
meant; where several have, the identity provider's subject tells them apart, or nobody is meant (`conflict`).

*Event* is the journal's entry with which somebody comes to stand so.

";

const APP: &str = "
## What the app says

The app says of its own users that they have access, that they have none, or that they are its users no more
(`PUT`, `DELETE /api/v1/tenants/{t}/app-users/{appUserId}`, and imports). It repeats itself and echoes what it was told, so only a
change of its word counts. *Said before* is what it said last. A cell says what becomes of somebody who stands as the column says:
new access and its reason code, `–` for nothing.

- Nobody but a human lifts what a human revoked or removed, and nobody lifts *removed-in-app* but a human (`reinstate`): then
  the person is listed, and the app's next word, or a source's, decides.
- Where another source says that somebody is inactive or has left, the app's *has access* changes nothing.
- Whom the app disabled only the app enables. That it disables or removes somebody who had lost access already is tidying up, and
  keeps no source from bringing her back.
- The app never revokes by absence. Who is missing in an import of everybody is told, and removed only if that was asked for,
  no line was refused, and no more are missing than was said.
- Somebody new whose verified primary address is a source's person becomes that person; one who may not be taken over (an
  admin, the break-glass account), or one of several, makes a question and waits. An address outside the verified domains finds
  nobody, and costs no access.
- What the app says of a person's name, address and roles counts where no source says anything.
";

/// How somebody may stand: its name, access, whether she is let in, and whether she is gone.
const STATES: [(&str, Option<Access>, bool); 6] = [
    ("listed", Some(Access::Listed), false),
    ("invited", Some(Access::Invited), false),
    ("granted, not started", Some(Access::Granted), false),
    ("granted", Some(Access::Granted), true),
    ("revoked", Some(Access::Revoked), false),
    ("removed", None, false),
];

/// `active` as a reader has it.
async fn active(reader: &Client, id: &str) -> String {
    let read = reader.get(&format!("/Users/{id}")).await;
    let listed = reader.filter("/Users", "userName eq \"eve@x.test\"").await;
    if read.status == 404 {
        assert_eq!(listed.total(), 0);
        return "not seen".to_owned();
    }
    let user = read.expect(200).body;
    assert_eq!(listed.resources()[0]["active"], user["active"]);
    let by_active = format!(
        "active eq {} and userName eq \"eve@x.test\"",
        user["active"]
    );
    assert_eq!(reader.filter("/Users", &by_active).await.total(), 1);
    if let Some(ours) = user.get(OURS) {
        assert_eq!(ours["hasAccess"], user["active"], "{user}");
        assert!(ours["accessReason"]["code"].is_string());
    }
    user["active"].to_string()
}

/// The entry with which somebody came to stand as she does.
fn event(s: &Scene, id: &str) -> String {
    let sql = format!(
        "SELECT action AS line FROM journal WHERE subject_id = '{id}' AND (action LIKE 'access.%' OR action = 'user.deleted') \
         ORDER BY sequence DESC LIMIT 1"
    );
    lines(&mut s.app.database.connect(), &sql).remove(0)
}

/// The event of each state, from somebody who really comes to stand so.
async fn events() -> Vec<String> {
    let s = Scene::start().await;
    let (lists, grants) = (
        s.hr(JoinerPolicy::List).await,
        s.hr(JoinerPolicy::Grant).await,
    );
    let id = s.pull(&lists, employee("1", "one@x.test")).await.unwrap();
    let mut found = vec![event(&s, &id)];
    let invite = serde_json::json!({"people": [id]});
    let sent = s.send(&s.admin, "POST", "/invitations", Some(invite)).await;
    assert_eq!(sent.expect(200).body["results"][0]["result"], "invited");
    found.push(event(&s, &id));
    let mut starts = in_state(&employee("2", "two@x.test"), EmploymentState::Prehire);
    starts.start_date = chrono::NaiveDate::from_ymd_opt(2026, 9, 1);
    let id = s.pull(&grants, starts).await.unwrap();
    found.push(event(&s, &id));
    let put = s.put("u-1", ann()).await.expect(201).body;
    let id = put["personId"].as_str().unwrap();
    found.push(event(&s, id));
    s.delete("u-1").await.expect(204);
    found.push(event(&s, id));
    let path = format!("/people/{id}/remove");
    s.send(&s.admin, "POST", &path, None).await.expect(200);
    found.push(event(&s, id));
    found
}

async fn readers() -> String {
    let s = Scene::start().await;
    let auditor = s.app.role(&s.app.tenant, Role::Auditor).await;
    let yes = s.app.source(Preset::Okta).await;
    let no = s.app.source(Preset::Entra).await;
    let none = s.app.source(Preset::Generic).await;
    let id = yes
        .post("/Users", person("eve@x.test"))
        .await
        .expect(201)
        .id();
    let path = format!("/Users/{id}");
    no.put(&path, person("eve@x.test")).await.expect(200);
    // What a push that is held back leaves behind.
    s.sql(&format!(
        "UPDATE claims SET active = FALSE WHERE user_id = '{id}' AND connection_id IN \
         (SELECT id FROM connections WHERE preset = 'entra')"
    ));
    let columns = [
        "access",
        "`hasAccess`",
        "`active`: app",
        "auditor, admin",
        "source that says true",
        "source that says false",
        "source that says nothing",
        "signs in",
        "event",
    ];
    let mut page = format!(
        "| {} |\n|{}\n",
        columns.join(" | "),
        " --- |".repeat(columns.len())
    );
    for ((name, access, has_access), event) in STATES.into_iter().zip(events().await) {
        let is_public = access.is_some_and(Access::is_public);
        let gone = if access.is_none() { "1" } else { "NULL" };
        let word = access.unwrap_or(Access::Listed).as_str();
        s.sql(&format!(
            "UPDATE users SET access = '{word}', has_access = {has_access}, is_public = {is_public}, removed_at = {gone}"
        ));
        if access.is_none() {
            s.sql("UPDATE claims SET state = 'ended'");
        }
        s.sql(&format!("UPDATE claims SET user_public = {is_public}"));
        let body = json!({"email": "eve@x.test"});
        let signs_in = s
            .send(&s.me, "POST", "/sign-ins", Some(body))
            .await
            .expect(200)
            .body;
        let shown = match signs_in["person"]["hasAccess"].as_bool() {
            Some(shown) => {
                assert_eq!(shown, has_access);
                shown.to_string()
            }
            None => "not seen".to_owned(),
        };
        let mut cells = vec![name.to_owned(), shown];
        for reader in [&s.me, &auditor, &yes, &no, &none] {
            cells.push(active(reader, &id).await);
        }
        assert_eq!(active(&s.admin, &id).await, cells[3]);
        assert_eq!(cells[2], cells[3], "who is no source reads the same");
        cells.push(signs_in["answer"].as_str().unwrap().to_owned());
        cells.push(event);
        writeln!(page, "| {} |", cells.join(" | ")).unwrap();
    }
    page
}

const COLUMNS: [&str; 7] = [
    "nobody yet",
    "listed",
    "listed, a question is open",
    "invited",
    "granted",
    "revoked",
    "revoked, disabled in the app",
];

const ROWS: [(&str, Word, Option<bool>); 7] = [
    ("has access, said before: nothing", Word::HasAccess, None),
    (
        "has access, said before: has none",
        Word::HasAccess,
        Some(false),
    ),
    (
        "has access, said before: the same",
        Word::HasAccess,
        Some(true),
    ),
    ("has none, said before: nothing", Word::HasNone, None),
    (
        "has none, said before: has access",
        Word::HasNone,
        Some(true),
    ),
    (
        "has none, said before: the same",
        Word::HasNone,
        Some(false),
    ),
    ("removed", Word::Removed, Some(true)),
];

/// What it should be.
const WANTED: [&str; 7] = [
    "granted: has-access-in-app | granted: has-access-in-app | listed: conflict | granted: has-access-in-app | – | – | –",
    "granted: has-access-in-app | granted: has-access-in-app | listed: conflict | granted: has-access-in-app | – | granted: has-access-in-app | granted: has-access-in-app",
    "granted: has-access-in-app | granted: has-access-in-app | listed: conflict | – | – | – | –",
    "listed: disabled-in-app | listed: disabled-in-app | – | listed: disabled-in-app | revoked: disabled-in-app | – | –",
    "listed: disabled-in-app | listed: disabled-in-app | – | listed: disabled-in-app | revoked: disabled-in-app | – | –",
    "listed: disabled-in-app | – | – | – | – | – | –",
    "– | – | – | listed: removed-in-app | revoked: removed-in-app | – | revoked: removed-in-app",
];

fn cells(word: Word, said: Option<bool>) -> String {
    let access = [
        None,
        Some(Access::Listed),
        Some(Access::Listed),
        Some(Access::Invited),
        Some(Access::Granted),
        Some(Access::Revoked),
        Some(Access::Revoked),
    ];
    let cell = |column: usize| {
        let who = Standing {
            access: access[column],
            has_access: column == 4,
            since: Millis(0),
            sticky: false,
            waits: (column == 2).then_some(reason::CONFLICT),
            inactive_elsewhere: false,
        };
        let before = Before {
            said,
            is_disabled: column == 6,
        };
        match on_app(who, word, before) {
            None => "–".to_owned(),
            Some(d) => format!("{}: {}", d.access.as_str(), d.reason),
        }
    };
    (0..COLUMNS.len()).map(cell).collect::<Vec<_>>().join(" | ")
}

#[test]
fn each_cell_of_the_apps_word_is_what_it_should_be() {
    for ((name, word, said), wanted) in ROWS.into_iter().zip(WANTED) {
        assert_eq!(cells(word, said), wanted, "{name}");
    }
}

#[actix_web::test]
async fn the_page_of_access_is_made_from_what_the_server_answers() {
    let mut wanted = INTRODUCTION.to_owned() + &readers().await + APP;
    write!(wanted, "\n| the app says | {} |\n", COLUMNS.join(" | ")).unwrap();
    writeln!(wanted, "|{}", " --- |".repeat(COLUMNS.len() + 1)).unwrap();
    for (name, word, said) in ROWS {
        writeln!(wanted, "| {name} | {} |", cells(word, said)).unwrap();
    }
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    if variable("ROSTERD_WRITE_DOCS").is_some() {
        std::fs::write(&file, &wanted).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        written == wanted,
        "{PAGE} is out of date: run ROSTERD_WRITE_DOCS=1 cargo test --test it the_page_of_access"
    );
}
