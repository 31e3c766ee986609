//! `docs/TWO-SOURCES.md`: what an HR system and an identity provider together mean for access, cell by cell. The page is
//! made from the function that decides; here each cell is also lived through with the real service.

use std::collections::BTreeMap;
use std::fmt::Write;

use chrono::NaiveDate;
use rosterd::domain::access::{Access, JoinerPolicy};
use rosterd::domain::employment::EmploymentState::{Left, OnLeave, Prehire};
use rosterd::domain::two_sources::{Event, Hr, Outcome, Push, outcome};
use rosterd::service::pull::{PullPerson, PullSource};
use serde_json::json;

use super::{Desk, desk, employee, in_state, seal};
use crate::support::variable;

const PAGE: &str = "docs/TWO-SOURCES.md";

const INTRODUCTION: &str = "# What two sources mean for access

Made from `domain/two_sources.rs` by a test (`tests/it/two_sources/table.rs`), which also lives through each cell with the real
service; do not edit. SEMANTICS §1 to §3 are the rules.

An HR system is pulled (joiner policy `list`), an identity provider pushes (`grant`): what each policy is at first. A cell says what
becomes of somebody who stands as the column says, when each source says so and the event happens: new access and its reason
code, `–` for nothing, *removed* where she is known to nobody any more.

- **HR says** that it does not have her, or no longer (*absent*), that she works (*present*), is on leave (*inactive*), has left
  (*ended*), or that her first day lies ahead (*not started*).
- **The identity provider says** nothing (*absent*), `active` (*present*), that it deactivated her (*inactive*), that it deleted
  her (*ended*), or it made her inactive from the start (*not started*).

Leaving in either source takes access; coming back needs both. A word counts when it changes: whom a human lets in again after
she left stays in. Who lets somebody in before her first day lets her in from that day on. A human's revoke or remove stands above
all of it, and so does a question that is open (`docs/LIFECYCLE.md`).

Whose *values* are in force is another matter: the setting `precedence` (`docs/SETTINGS.md`).

";

const EVENTS: [(Event, &str, &str); 4] = [
    (
        Event::HrConnects,
        "The HR system is connected",
        "It is pulled twice: the first pull meets people and takes nothing from anybody; who has left goes with the second, \
         within the limits of the guard.",
    ),
    (
        Event::PushConnects,
        "The identity provider is connected",
        "It brings her as it says.",
    ),
    (
        Event::HrDisconnects,
        "The HR system is disconnected",
        "Only whom nobody let in and nobody else has goes.",
    ),
    (
        Event::PushDisconnects,
        "The identity provider is disconnected",
        "Likewise.",
    ),
];

fn hr_word(hr: Hr) -> &'static str {
    match hr {
        Hr::Absent => "absent",
        Hr::Present => "present",
        Hr::Inactive => "inactive",
        Hr::Ended => "ended",
        Hr::NotStarted => "not started",
    }
}

fn push_word(push: Push) -> &'static str {
    match push {
        Push::Absent => "absent",
        Push::Present => "present",
        Push::Inactive => "inactive",
        Push::Ended => "ended",
        Push::NotStarted => "not started",
    }
}

fn cell(hr: Hr, push: Push, access: Access, event: Event) -> String {
    match outcome(hr, push, access, event) {
        Outcome::Stays => "–".to_owned(),
        Outcome::Removed => "removed".to_owned(),
        Outcome::Becomes(d) => format!("{}: {}", d.access.as_str(), d.reason),
    }
}

fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    for (event, title, about) in EVENTS {
        let _ = write!(
            page,
            "## {title}\n\n{about}\n\n| HR says | the identity provider says | listed | invited | granted | revoked |\n\
             | --- | --- | --- | --- | --- | --- |\n"
        );
        for hr in Hr::ALL {
            let mut rows: Vec<(String, Vec<&str>)> = Vec::new();
            for push in Push::ALL {
                let cells = Access::ALL
                    .map(|access| cell(hr, push, access, event))
                    .join(" | ");
                match rows.iter_mut().find(|(same, _)| *same == cells) {
                    Some((_, words)) => words.push(push_word(push)),
                    None => rows.push((cells, vec![push_word(push)])),
                }
            }
            for (cells, words) in rows {
                let words = if words.len() == 5 {
                    "anything".to_owned()
                } else {
                    words.join(", ")
                };
                let _ = writeln!(page, "| {} | {words} | {cells} |", hr_word(hr));
            }
        }
        page.push('\n');
    }
    page + "## Either of them is paused\n\nNothing changes, whatever they say: nobody is pulled, and what is pushed is refused.\n"
}

#[test]
fn the_page_is_made_from_the_table() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    if variable("ROSTERD_WRITE_DOCS").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let stands = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(stands, page(), "ROSTERD_WRITE_DOCS=1 writes it");
}

/// A combination of what both say and how she stands.
type Case = (Hr, Push, Access);

fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    for hr in Hr::ALL {
        for push in Push::ALL {
            all.extend(Access::ALL.map(|access| (hr, push, access)));
        }
    }
    all
}

fn record(n: usize, hr: Hr) -> PullPerson {
    let person = employee(&format!("h{n}"), &format!("p{n}@x.test"), "Legal");
    match hr {
        Hr::Absent | Hr::Present => person,
        Hr::Inactive => in_state(&person, OnLeave),
        Hr::Ended => in_state(&person, Left),
        Hr::NotStarted => {
            let mut person = in_state(&person, Prehire);
            person.start_date = NaiveDate::from_ymd_opt(2026, 9, 1);
            seal(&mut person);
            person
        }
    }
}

/// HR comes to say so of somebody: who has left worked before, who is absent was there.
async fn hr_says(desk: &Desk, hr: &PullSource, n: usize, word: Hr) {
    if matches!(word, Hr::Ended | Hr::Absent) {
        desk.pull(hr, &[record(n, Hr::Present)]).await;
    }
    match word {
        Hr::Absent => desk.gone(hr, &format!("h{n}")).await,
        word => drop(desk.pull(hr, &[record(n, word)]).await),
    }
}

async fn push_says(desk: &Desk, n: usize, word: Push) {
    if word == Push::Absent {
        return;
    }
    let mut user = crate::sources::user(&format!("idp{n}"), &format!("p{n}@x.test"), "");
    user["active"] = json!(word != Push::NotStarted);
    let made = desk.w.entra.post("/Users", user).await.expect(201).id();
    let path = format!("/Users/{made}");
    match word {
        Push::Inactive => {
            let off = json!([{"op": "Replace", "path": "active", "value": false}]);
            let done = desk.w.entra.patch(&path, off).await;
            assert!([200, 204].contains(&done.status), "{}", done.text);
        }
        Push::Ended => drop(desk.w.entra.delete(&path).await.expect(204)),
        _ => {}
    }
}

/// Somebody whom only the app knows.
async fn app_knows(desk: &Desk, n: usize) {
    let body = json!({"email": format!("p{n}@x.test"), "hasAccess": true});
    let path = format!("app-users/u{n}");
    desk.api("PUT", &path, Some(body)).await.expect(201);
}

impl Desk {
    fn by_email(&self, n: usize) -> String {
        let sql = format!(
            "SELECT user_id AS line FROM emails WHERE view = '' AND until IS NULL AND key = 'p{n}@x.test'"
        );
        let found = self.lines(&sql);
        assert_eq!(found.len(), 1, "p{n}");
        found[0].clone()
    }

    /// `access: reason` of everybody; `removed` where she is gone.
    fn told(&self) -> BTreeMap<String, String> {
        let rows = self.lines(
            "SELECT id || '|' || CASE WHEN removed_at IS NULL THEN access || ': ' || access_reason ELSE 'removed' END \
             AS line FROM users",
        );
        let each = rows.iter().filter_map(|line| line.split_once('|'));
        each.map(|(id, told)| (id.to_owned(), told.to_owned()))
            .collect()
    }
}

/// Compares how everybody stands with the table.
fn compare(desk: &Desk, people: &[(Case, String)], event: Event) {
    let told = desk.told();
    let mut wrong = Vec::new();
    for ((hr, push, access), id) in people {
        let want = match cell(*hr, *push, *access, event) {
            same if same == "–" => format!("{}: x", access.as_str()),
            other => other,
        };
        let got = told.get(id).map_or("nobody", String::as_str);
        if got != want {
            wrong.push(format!(
                "{event:?} {hr:?} {push:?} {access:?}: {got}, not {want}"
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        people.len(),
        wrong.join("\n")
    );
}

/// Everybody whom both sources speak of so, each in one combination.
async fn both(desk: &Desk, hr: &PullSource) -> Vec<(Case, String)> {
    let mut people = Vec::new();
    for (n, case) in cases().into_iter().enumerate() {
        hr_says(desk, hr, n, case.0).await;
        push_says(desk, n, case.1).await;
        let id = desk.person(hr, &format!("h{n}"));
        desk.stand(&id, case.2.as_str());
        people.push((case, id));
    }
    people
}

#[actix_web::test]
async fn pausing_and_disconnecting_hr_do_what_the_table_says() {
    let desk = desk().await;
    let hr = desk.hr("HR", JoinerPolicy::List).await;
    let people = both(&desk, &hr).await;
    let entra = desk.connection("entra");
    for connection in [&hr.source.id, &entra] {
        for verb in ["pause", "resume"] {
            let path = format!("connections/{connection}/{verb}");
            desk.api("POST", &path, None).await.expect(200);
            compare(&desk, &people, Event::Pause);
        }
    }
    let (service, caller) = (&desk.w.app.service, &desk.w.app.tenant);
    service.disconnect(caller, &hr.source.id).await.unwrap();
    compare(&desk, &people, Event::HrDisconnects);
}

#[actix_web::test]
async fn disconnecting_the_identity_provider_does_what_the_table_says() {
    let desk = desk().await;
    let hr = desk.hr("HR", JoinerPolicy::List).await;
    let people = both(&desk, &hr).await;
    let (service, caller) = (&desk.w.app.service, &desk.w.app.tenant);
    let entra = desk.connection("entra");
    service.disconnect(caller, &entra).await.unwrap();
    compare(&desk, &people, Event::PushDisconnects);
}

#[actix_web::test]
async fn connecting_hr_does_what_the_table_says() {
    let desk = desk().await;
    let mut people = Vec::new();
    for (n, case) in cases().into_iter().enumerate() {
        match case.1 {
            Push::Absent => app_knows(&desk, n).await,
            word => push_says(&desk, n, word).await,
        }
        let id = desk.by_email(n);
        desk.stand(&id, case.2.as_str());
        people.push((case, id));
    }
    let hr = desk.hr("HR", JoinerPolicy::List).await;
    let records = people.iter().enumerate();
    let records = records.filter(|(_, (case, _))| case.0 != Hr::Absent);
    let records: Vec<PullPerson> = records.map(|(n, (case, _))| record(n, case.0)).collect();
    for _ in 0..2 {
        desk.pull(&hr, &records).await;
    }
    compare(&desk, &people, Event::HrConnects);
}

#[actix_web::test]
async fn connecting_the_identity_provider_does_what_the_table_says() {
    let desk = desk().await;
    let hr = desk.hr("HR", JoinerPolicy::List).await;
    // All cells in one hour are more than a provider may take.
    let path = format!("connections/{}", desk.connection("entra"));
    let guard = json!({"guard": {"maxLeavers": 1000}});
    desk.api("PATCH", &path, Some(guard)).await.expect(200);
    let mut people = Vec::new();
    for (n, case) in cases().into_iter().enumerate() {
        match case.0 {
            Hr::Absent => app_knows(&desk, n).await,
            word => hr_says(&desk, &hr, n, word).await,
        }
        let id = desk.by_email(n);
        desk.stand(&id, case.2.as_str());
        people.push((case, id));
    }
    for (n, (case, _)) in people.iter().enumerate() {
        push_says(&desk, n, case.1).await;
    }
    compare(&desk, &people, Event::PushConnects);
}
