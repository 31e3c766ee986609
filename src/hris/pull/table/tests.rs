use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Mutex;

use serde_json::Value;

use super::super::inspect::inspect;
use super::*;
use crate::domain::employment::EmploymentState;
use crate::hris::{ENTERPRISE, Person};

#[derive(Default)]
struct Kept(Vec<Mapped>);

impl Sink for Kept {
    async fn accept(&mut self, batch: Vec<Mapped>) -> Result<(), Error> {
        self.0.extend(batch);
        Ok(())
    }
}

#[derive(Default)]
struct Heard(Mutex<Vec<&'static str>>);

impl Progress for Heard {
    fn page(&self, _: u64, _: u64, _: Option<u64>) {}

    fn warn(&self, warning: &Gap) {
        self.0
            .lock()
            .map(|mut all| all.push(warning.code))
            .unwrap_or_default();
    }
}

struct Pulled {
    evidence: Result<Evidence, Error>,
    people: BTreeMap<String, Person>,
    refused: Vec<(Option<String>, u64, &'static str)>,
    warnings: Vec<&'static str>,
}

async fn pull(text: &str, changes_only: bool) -> Pulled {
    let settings = Settings {
        changes_only,
        today: chrono::NaiveDate::from_ymd_opt(2026, 11, 24).unwrap_or_default(),
        ..Settings::default()
    };
    let file = Cursor::new(text.as_bytes().to_vec());
    let (mut kept, heard) = (Kept::default(), Heard::default());
    let table = Table {
        file,
        as_of: Millis(7),
        options: Options::default(),
        settings,
    };
    let evidence = pull_table(table, &mut kept, &heard).await;
    let mut pulled = Pulled {
        evidence,
        people: BTreeMap::new(),
        refused: Vec::new(),
        warnings: heard.0.into_inner().unwrap_or_default(),
    };
    for mapped in kept.0 {
        match mapped {
            Mapped::Person(person) => drop(pulled.people.insert(person.source_id.clone(), *person)),
            Mapped::Rejected(r) => pulled.refused.push((r.source_id, r.place, r.code)),
        }
    }
    pulled
}

fn manager<'p>(pulled: &'p Pulled, id: &str) -> Option<&'p str> {
    pulled.people[id]
        .user
        .get(ENTERPRISE)?
        .get("manager")?
        .get("value")?
        .as_str()
}

#[tokio::test]
async fn a_typical_export_gives_people_with_managers_and_dates() {
    let text = "Personalnummer;E-Mail (dienstlich);Vorname;Nachname;Position;Abteilung;Kostenstelle;Vorgesetzter Personalnummer;Eintritt;Austritt\r\n\
        1001;Marta.Quill@example.com;Marta;Quill;Leitung Support;Support;5100;1001;01.05.2019;\r\n\
        1044;deniz.aras@example.com;Deniz;Aras;Agent;Support;5110;1001;15.02.2024;31.12.9999\r\n\
        0930;olof.berg@example.com;Olof;Berg;Agent;Support;5110;marta.quill@example.com;01.01.2020;30.06.2026\r\n\
        0931;;Mats;Ek;Agent;Support;5110;4711;01.01.2027;\r\n";
    let pulled = pull(text, false).await;
    let evidence = pulled.evidence.clone().unwrap_or_default();
    assert!(evidence.is_complete(), "{evidence:?}");
    assert_eq!(
        (
            evidence.people,
            evidence.rejected,
            evidence.coverage["userName"]
        ),
        (4, 0, 3)
    );
    assert_eq!(evidence.bytes, text.len() as u64);
    let snapshot = evidence.snapshot.as_ref();
    let snapshot = snapshot.unwrap_or_else(|| panic!("a file was read"));
    assert_eq!(
        Some(&snapshot.sha256),
        sha256(text.as_bytes()).as_ref().ok()
    );
    assert_eq!(
        (snapshot.as_of, snapshot.id_length),
        (Millis(7), Some((4, 4)))
    );
    assert!(snapshot.fields.contains(&"cost_center".to_owned()));
    assert!(evidence.unsaid.contains("locale") && !evidence.unsaid.contains("title"));
    let states = pulled
        .people
        .values()
        .map(|p| p.employment)
        .collect::<Vec<_>>();
    use EmploymentState::{Employed, Left, Prehire};
    assert_eq!(states, [Left, Prehire, Employed, Employed]);
    assert_eq!(manager(&pulled, "1001"), None);
    assert_eq!(manager(&pulled, "1044"), Some("1001"));
    assert_eq!(manager(&pulled, "0930"), Some("1001"));
    assert_eq!(manager(&pulled, "0931"), None);
    assert_eq!(
        evidence.degraded.iter().map(|g| g.code).collect::<Vec<_>>(),
        ["managers_not_found"]
    );
    let user = Value::Object(pulled.people["1044"].user.clone());
    assert_eq!(
        user,
        json!({
            "externalId": "1044",
            "userName": "deniz.aras@example.com",
            "name": {"givenName": "Deniz", "familyName": "Aras"},
            "displayName": "Deniz Aras",
            "emails": [{"value": "deniz.aras@example.com", "type": "work", "primary": true}],
            "title": "Agent",
            ENTERPRISE: {"employeeNumber": "1044", "department": "Support", "costCenter": "5110", "manager": {"value": "1001"}},
        })
    );
    assert_eq!(pulled.people["1044"].end_date, None);
    assert_eq!(
        pulled.people["0930"]
            .end_date
            .map(|d| d.to_string())
            .as_deref(),
        Some("2026-06-30")
    );
}

#[tokio::test]
async fn a_row_that_may_be_anybody_leaves_a_gap_and_one_with_an_id_does_not() {
    let rows: String = (0..300)
        .map(|n| format!("{n},n{n}@example.com,active\n"))
        .collect();
    let pulled = pull(
        &format!("id,email,status\nx,x@example.com,?\n{rows}"),
        false,
    )
    .await;
    assert_eq!(pulled.refused, [(Some("x".to_owned()), 2, "csv.status")]);
    assert!(pulled.evidence.is_ok_and(|e| e.is_complete()));
    assert_eq!(pulled.warnings, ["csv.status_unknown"]);
    for bad in ["x,x@example.com\n", ",x@example.com,active\n"] {
        let pulled = pull(&format!("id,email,status\n{bad}{rows}"), false).await;
        assert_eq!(pulled.refused.len(), 1);
        let evidence = pulled.evidence.unwrap_or_default();
        assert_eq!(
            evidence.gaps.iter().map(|g| g.code).collect::<Vec<_>>(),
            ["rows_without_id"]
        );
        assert_eq!(evidence.people, 300);
    }
}

#[tokio::test]
async fn a_file_that_is_refused_is_an_error_and_one_of_changes_proves_nothing() {
    for (text, wanted) in [
        ("", "csv.empty"),
        ("id,email\n", "csv.no_rows"),
        ("name,email\na,b@c.d\n", "csv.column_missing"),
        ("id,end_date\n1,2020-01-01\n", "csv.nobody_active"),
        ("id,start_date\n1,01/02/2020\n", "csv.date_ambiguous"),
        ("id,email\n1,\"a\n", "csv.quote_open"),
    ] {
        assert_eq!(
            pull(text, false).await.evidence.err().map(|e| e.code),
            Some(wanted),
            "{text}"
        );
    }
    let evidence = pull("id,email,status\n1,a@b.c,active\n", true)
        .await
        .evidence
        .unwrap_or_default();
    assert!(evidence.changes_only && evidence.is_complete());
}

#[tokio::test]
async fn a_total_at_the_end_is_nobody() {
    let text = "Personalnummer;Nachname;Kostenstelle\n1;Quill;5100\n2;Aras;5110\nSumme:;;10210\n";
    let pulled = pull(text, false).await;
    assert_eq!(pulled.people.len(), 2);
    assert!(pulled.refused.is_empty() && pulled.evidence.is_ok_and(|e| e.is_complete()));
}

#[test]
fn a_look_says_what_a_file_is_like() {
    let text =
        "Personalnummer;E-Mail (dienstlich);Status\n1;a@b.c;aktiv\n2;b@b.c;???\n3;c@b.c;aktiv\n";
    let look = |text: &str| {
        let file = Cursor::new(text.as_bytes().to_vec());
        inspect(file, &Options::default(), &Settings::default())
    };
    let told = look(text).unwrap_or_default();
    assert_eq!((told.people, told.refused, told.delimiter), (2, 1, ';'));
    assert_eq!(told.columns["work_email"], "E-Mail (dienstlich)");
    assert_eq!(told.rows[0].0, 3);
    assert_eq!(told.rows[0].1.code, "csv.status");
    assert_eq!(look("").err().map(|p| p.code), Some("csv.empty"));
}
