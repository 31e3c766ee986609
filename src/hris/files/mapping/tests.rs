//! What files give as records.

use std::io::Cursor;

use serde_json::json;

use super::*;

fn settings() -> Settings {
    Settings {
        today: NaiveDate::from_ymd_opt(2026, 11, 24).unwrap_or_default(),
        ..Settings::default()
    }
}

struct All {
    table: Table,
    records: Vec<Record>,
    refused: Vec<Refused>,
}

impl All {
    fn ids(&self) -> Vec<(u64, &str)> {
        self.records
            .iter()
            .map(|r| (r.line, r.value["employee_id"].as_str().unwrap_or("-")))
            .collect()
    }

    fn faults(&self) -> Vec<(u64, &'static str, Option<&str>)> {
        let fault = |r: &'_ Refused| match r {
            Refused::Row { line, problem } => (*line, problem.code),
            Refused::File(problem) => (0, problem.code),
        };
        let id = |r: &'_ Refused| match r {
            Refused::Row { problem, .. } | Refused::File(problem) => {
                problem.params.get("id").cloned()
            }
        };
        self.refused
            .iter()
            .map(|r| {
                (
                    fault(r).0,
                    fault(r).1,
                    id(r).map(|id| &*Box::leak(id.into_boxed_str())),
                )
            })
            .collect()
    }
}

fn read(text: &str, settings: &Settings) -> Result<All, Problem> {
    let options = csv::Options::default();
    let reader = Reader::open(Cursor::new(text.as_bytes().to_vec()), &options)?;
    let (table, input) = survey(reader, &options, settings)?;
    let (mut records, mut refused) = (Vec::new(), Vec::new());
    for step in table.records(Reader::open(input, &options)?) {
        match step {
            Ok(record) => records.push(record),
            Err(no) => refused.push(no),
        }
    }
    Ok(All {
        table,
        records,
        refused,
    })
}

fn fine(text: &str, settings: &Settings) -> All {
    read(text, settings).unwrap_or_else(|p| panic!("{p}"))
}

fn code(text: &str, settings: &Settings) -> Option<&'static str> {
    read(text, settings).err().map(|p| p.code)
}

#[test]
fn both_examples_of_the_fact_sheet_give_the_same_people() {
    let english = "employee_id,work_email,first_name,last_name,manager_id,status,start_date,end_date\n\
        1001,Marta.Quill@example.com,Marta,Quill,,active,2019-05-01,\n\
        1044,\"deniz.aras@example.com\",Deniz,Aras,1001,active,2024-02-15,\n\
        0930,olof.berg@example.com,Olof,Berg,1001,inactive,2020-01-01,2026-06-30\n";
    let german = "Personalnummer;E-Mail (dienstlich);Vorname;Nachname;Vorgesetzter Personalnummer;Eintritt;Austritt\r\n\
        1001;marta.quill@example.com;Marta;Quill;;01.05.2019;\r\n\
        1044;deniz.aras@example.com;Deniz;Aras;1001;15.02.2024;31.12.9999\r\n\
        0930;olof.berg@example.com;Olof;Berg;1001;01.01.2020;30.06.2026\r\n";
    let (one, two) = (fine(english, &settings()), fine(german, &settings()));
    assert_eq!(two.table.format(Field::EndDate), Some(Format::DayMonthDots));
    assert_eq!(one.ids(), [(2, "1001"), (3, "1044"), (4, "0930")]);
    for (a, b) in one.records.iter().zip(&two.records) {
        for field in [
            "employee_id",
            "work_email",
            "first_name",
            "last_name",
            "manager_id",
            "start_date",
            "end_date",
        ] {
            assert_eq!(a.value[field], b.value[field], "{field}");
        }
    }
    assert_eq!(one.records[2].value["employment_state"], "left");
    assert_eq!(two.records[2].value["employment_state"], "employed");
    assert_eq!(two.records[2].value["personalnummer"], "0930");
    assert_eq!((one.refused.len(), two.refused.len()), (0, 0));
    assert_eq!(one.table.id_length, Some((4, 4)));
}

#[test]
fn a_missing_column_is_missing_and_an_empty_cell_is_null() {
    let all = fine("id,email,title,shoe size\n1,a@b.c,,43\n", &settings());
    let value = &all.records[0].value;
    assert_eq!(value["job_title"], json!(null));
    assert!(value.get("department").is_none());
    assert_eq!(value["shoe_size"], "43");
    let unsaid = all.table.unsaid();
    assert!(!unsaid.contains("title") && !unsaid.contains("userName"));
    for unit in ["displayName", "name.givenName", "phoneNumbers", "locale"] {
        assert!(unsaid.contains(unit), "{unit}");
    }
    let urn = crate::hris::ENTERPRISE;
    assert!(unsaid.contains(&format!("{urn}:manager.value")));
    assert!(!unsaid.contains(&format!("{urn}:employeeNumber")));
}

#[test]
fn capital_letters_are_folded_alike_in_every_language() {
    // In Turkish I has a small form without a dot; an address has none.
    let all = fine("id,email\n1,INFO@EXAMPLE.COM\n2,\u{130}@b.c\n", &settings());
    assert_eq!(all.records[0].value["work_email"], "info@example.com");
    assert_eq!(all.records[1].value["work_email"], "i\u{307}@b.c");
}

#[test]
fn a_formula_in_a_cell_is_a_text() {
    let all = fine(
        "id,email,last_name\n1,a@b.c,=1+1\n2,b@b.c,@SUM(A1)\n",
        &settings(),
    );
    assert_eq!(all.records[0].value["last_name"], "=1+1");
    assert_eq!(all.records[1].value["last_name"], "@SUM(A1)");
}

#[test]
fn names_are_composed_and_addresses_cleaned() {
    let all = fine(
        "id,email,first_name,manager\n1,mailto:Mo\u{308}@Example.com. ,Malmo\u{308},BOSS@b.c\n2,n/a,x,1\n",
        &settings(),
    );
    assert_eq!(all.records[0].value["work_email"], "mö@example.com");
    assert_eq!(all.records[0].value["first_name"], "Malmö");
    assert_eq!(
        (
            &all.records[0].value["manager_id"],
            &all.records[0].value["manager_email"]
        ),
        (&json!(null), &json!("boss@b.c"))
    );
    assert_eq!(
        (
            &all.records[1].value["work_email"],
            &all.records[1].value["manager_id"]
        ),
        (&json!(null), &json!("1"))
    );
}

#[test]
fn dates_that_could_be_either_are_asked_for() {
    let text = "id,start_date\n1,01/02/2026\n2,03/04/2026\n";
    assert_eq!(code(text, &settings()), Some("csv.date_ambiguous"));
    let said = Settings {
        formats: BTreeMap::from([(Field::StartDate, Format::MonthDaySlashes)]),
        ..settings()
    };
    assert_eq!(
        fine(text, &said).records[0].value["start_date"],
        "2026-01-02"
    );
    assert_eq!(
        code("id,start_date\n1,soon\n", &settings()),
        Some("csv.date_format")
    );
    let mostly = format!(
        "id,start_date\n{}x,soon\n",
        (0..150)
            .map(|n| format!("{n},2026-01-01\n"))
            .collect::<String>()
    );
    assert_eq!(
        fine(&mostly, &settings()).faults(),
        [(152, "csv.date", Some("x"))]
    );
}

#[test]
fn an_unknown_word_is_an_error_of_its_row_and_is_listed() {
    let text = "id,status\n1,Aktiv\n2,Probezeit\n3,Probezeit\n4,Leaver\n";
    let all = fine(text, &settings());
    assert_eq!(
        all.faults(),
        [(3, "csv.status", Some("2")), (4, "csv.status", Some("3"))]
    );
    let listed = all
        .table
        .warnings
        .iter()
        .find(|w| w.code == "csv.status_unknown")
        .map(|w| w.params.clone());
    assert_eq!(
        listed,
        Some(BTreeMap::from([
            ("word".to_owned(), "Probezeit".to_owned()),
            ("rows".to_owned(), "2".to_owned())
        ]))
    );
    let own = Settings {
        words: BTreeMap::from([("probezeit".to_owned(), EmploymentState::Employed)]),
        ..settings()
    };
    assert_eq!(fine(text, &own).refused, []);
}

#[test]
fn a_damaged_or_missing_id_is_refused() {
    let all = fine(
        "id,manager_id,first_name\n1,,a\n\"1,23E+05\",,b\n,,c\n4,2E+05,d\n",
        &settings(),
    );
    assert_eq!(
        all.faults(),
        [
            (3, "csv.scientific", Some("1,23E+05")),
            (4, "csv.no_id", None),
            (5, "csv.scientific", Some("4"))
        ]
    );
}

#[test]
fn repeated_ids_are_refused_unless_equal() {
    let all = fine("id,first_name\n1,a\n2,b\n2,c\n3,d\n3,d\n", &settings());
    assert_eq!(all.ids(), [(2, "1"), (5, "3")]);
    assert_eq!(
        all.faults(),
        [
            (3, "csv.id_repeated", Some("2")),
            (4, "csv.id_repeated", Some("2"))
        ]
    );
    assert!(
        all.table
            .warnings
            .iter()
            .any(|w| w.code == "csv.rows_equal")
    );
}

#[test]
fn of_several_employments_the_one_in_force_today_counts() {
    let several = Settings {
        several_rows: true,
        ..settings()
    };
    let text = "id,title,start_date,end_date\n\
        1,old,2020-01-01,2025-12-31\n1,now,2026-01-01,\n1,next,2027-01-01,\n\
        2,first,2019-01-01,2020-01-01\n2,last,2021-01-01,2022-01-01\n\
        3,a,2020-01-01,\n3,b,2020-01-01,\n";
    let all = fine(text, &several);
    assert_eq!(all.ids(), [(3, "1"), (6, "2")]);
    assert_eq!(
        all.faults(),
        [
            (7, "csv.id_repeated", Some("3")),
            (8, "csv.id_repeated", Some("3"))
        ]
    );
}

#[test]
fn an_address_of_two_people_goes_to_who_is_employed_then_to_who_started_last() {
    let text = "id,email,status,start_date\n\
        1,a@b.c,leaver,2020-01-01\n2,A@B.C,active,2019-01-01\n\
        3,d@b.c,active,2020-01-01\n4,d@b.c,active,2021-01-01\n\
        5,e@b.c,active,2020-01-01\n6,e@b.c,active,2020-01-01\n7,,active,2020-01-01\n8,,active,2020-01-01\n";
    let all = fine(text, &settings());
    assert_eq!(all.ids(), [(3, "2"), (5, "4"), (8, "7"), (9, "8")]);
    assert_eq!(
        all.faults().iter().map(|f| (f.0, f.1)).collect::<Vec<_>>(),
        [
            (2, "csv.email_shared"),
            (4, "csv.email_shared"),
            (6, "csv.email_shared"),
            (7, "csv.email_shared")
        ]
    );
}

#[test]
fn a_file_without_anybody_employed_is_refused() {
    let all = fine("id,end_date\n1,2020-01-01\n2,2020-01-01\n", &settings());
    assert_eq!(all.faults(), [(0, "csv.nobody_active", None)]);
    let last_day = fine("id,end_date\n1,2026-11-24\n", &settings());
    assert_eq!(last_day.refused, []);
}

#[test]
fn a_file_of_changes_must_say_who_left() {
    let changes = Settings {
        changes_only: true,
        ..settings()
    };
    assert_eq!(
        code("id,first_name\n1,a\n", &changes),
        Some("csv.changes_need_status")
    );
    assert_eq!(fine("id,end_date\n1,\n", &changes).refused, []);
}
