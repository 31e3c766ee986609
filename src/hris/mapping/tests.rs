//! What a mapping's result becomes.

use super::*;

fn words() -> Employment {
    Employment {
        prehire: vec!["hired".to_owned()],
        employed: vec!["Active".to_owned()],
        on_leave: vec!["* leave".to_owned()],
        left: vec!["Inactive".to_owned(), "garden leave".to_owned()],
    }
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn drafted(result: Value) -> Result<Draft, Fault> {
    draft(result, &words(), day("2026-11-26"))
}

fn person(state: Value, start: Value, end: Value) -> Value {
    json!({
        "externalId": "1",
        ROSTERD: {"employmentState": state, "startDate": start, "endDate": end},
    })
}

#[test]
fn employment_follows_the_word_and_the_dates() {
    let cases = [
        (
            json!("Active"),
            json!(null),
            json!(null),
            EmploymentState::Employed,
        ),
        (
            json!(" aCTIVE "),
            json!("2020-01-01"),
            json!("2026-11-26"),
            EmploymentState::Employed,
        ),
        (
            json!("Active"),
            json!("2020-01-01"),
            json!("2026-11-24"),
            EmploymentState::Left,
        ),
        // West of Greenwich yesterday may not be over.
        (
            json!("Active"),
            json!("2020-01-01"),
            json!("2026-11-25"),
            EmploymentState::Employed,
        ),
        // Hired again: the end is that of the first time.
        (
            json!("Active"),
            json!("2026-05-01"),
            json!("2024-03-31"),
            EmploymentState::Employed,
        ),
        (
            json!("Active"),
            json!("2026-11-27"),
            json!(null),
            EmploymentState::Prehire,
        ),
        (
            json!("parental leave"),
            json!("2020-01-01"),
            json!(null),
            EmploymentState::OnLeave,
        ),
        (
            json!("parental leave"),
            json!("2020-01-01"),
            json!("2026-11-01"),
            EmploymentState::Left,
        ),
        (
            json!("Garden leave"),
            json!(null),
            json!(null),
            EmploymentState::Left,
        ),
        (
            json!("Inactive"),
            json!("2026-12-01"),
            json!(null),
            EmploymentState::Left,
        ),
        (
            json!("hired"),
            json!("2026-01-01"),
            json!(null),
            EmploymentState::Prehire,
        ),
        (
            json!("on_leave"),
            json!(null),
            json!(null),
            EmploymentState::OnLeave,
        ),
        (
            json!("Furlough"),
            json!(null),
            json!(null),
            EmploymentState::Unknown,
        ),
        (
            json!(null),
            json!(null),
            json!("2020-01-01"),
            EmploymentState::Unknown,
        ),
    ];
    for (state, start, end, wanted) in cases {
        let draft = drafted(person(state.clone(), start.clone(), end.clone())).unwrap();
        assert_eq!(draft.person.employment, wanted, "{state} {start} {end}");
        let is_unknown = wanted == EmploymentState::Unknown && !state.is_null();
        assert_eq!(draft.unknown_word.is_some(), is_unknown, "{state}");
    }
}

#[test]
fn dates_are_read_as_written_and_far_ends_are_open() {
    let cases = [
        ("2026-03-01", Some("2026-03-01")),
        ("2019-03-01T00:00:00+01:00", Some("2019-03-01")),
        ("/Date(1551398400000)/", Some("2019-03-01")),
        ("/Date(1551398400000+0000)/", Some("2019-03-01")),
        ("/Date(-86400000)/", Some("1969-12-31")),
        ("/Date(253402214400000)/", None),
        ("9999-12-31", None),
        ("0000-00-00", None),
        ("/Date(1551394800000+0060)/", Some("2019-03-01")),
        ("1900-01-01", None),
        ("0001-01-01T00:00:00", None),
        ("1753-01-01", None),
        ("", None),
    ];
    for (text, wanted) in cases {
        let draft = drafted(person(json!("Active"), json!(null), json!(text))).unwrap();
        assert_eq!(draft.person.end_date, wanted.map(day), "{text}");
    }
    let (code, params) = drafted(person(json!("Active"), json!("soon"), json!(null))).unwrap_err();
    assert_eq!(
        (code, params["field"].as_str()),
        ("person.bad_date", "startDate")
    );
}

#[test]
fn addresses_get_one_spelling_and_what_is_none_is_dropped() {
    let cases = [
        ("Ann.Lee@Example.COM", Some("ann.lee@example.com")),
        (" mailto:ann@example.com. ", Some("ann@example.com")),
        ("ann@example.com\u{a0}", Some("ann@example.com")),
        ("ａｎｎ＠example.com", Some("ann@example.com")),
        ("ÉLISE@example.com", Some("élise@example.com")),
        ("ann", None),
        ("ann@example", None),
        ("a b@example.com", None),
        ("a@b@example.com", None),
        ("@example.com", None),
    ];
    for (text, wanted) in cases {
        assert_eq!(address(text).as_deref(), wanted, "{text}");
    }
}

#[test]
fn a_user_is_clean_and_never_carries_what_a_source_may_not_say() {
    let draft = drafted(json!({
        "externalId": 17, "userName": "Ann@Example.com", "active": true, "id": "x", "schemas": [],
        "title": "  ", "displayName": " Ann  Lee ", "emails": [{"value": "none"}],
        "name": {"givenName": "Ann", "familyName": null},
        ENTERPRISE: {"employeeNumber": 12, "department": "", "manager": {"value": null}},
        ROSTERD: {"employmentState": "Active", "knownAs": ["a@x.test", 5], "managerKnownAs": "b@x.test"},
    }))
    .unwrap();
    assert_eq!(
        Value::Object(draft.person.user.clone()),
        json!({
            "externalId": "17", "userName": "ann@example.com", "displayName": "Ann  Lee",
            "name": {"givenName": "Ann"}, ENTERPRISE: {"employeeNumber": "12"},
        })
    );
    assert_eq!(draft.known_as, ["a@x.test", "5"]);
    assert_eq!(draft.manager_known_as.as_deref(), Some("b@x.test"));
}

#[test]
fn the_digest_changes_with_every_part_and_with_nothing_else() {
    let base = drafted(person(json!("Active"), json!("2020-01-01"), json!(null))).unwrap();
    let same = drafted(person(
        json!("active"),
        json!("2020-01-01T00:00:00Z"),
        json!("9999-12-31"),
    ))
    .unwrap();
    assert_eq!(base.person.digest, same.person.digest);
    let mut other = base.clone();
    other.set_manager("9");
    assert_ne!(base.person.digest, other.person.digest);
    let later = drafted(person(
        json!("Active"),
        json!("2020-01-01"),
        json!("2027-01-01"),
    ))
    .unwrap();
    assert_ne!(base.person.digest, later.person.digest);
}

#[test]
fn a_record_without_an_id_is_refused() {
    for result in [
        json!({}),
        json!({"externalId": " "}),
        json!({"externalId": null}),
    ] {
        assert_eq!(drafted(result).unwrap_err().0, "person.no_id");
    }
    assert_eq!(
        drafted(json!("text")).unwrap_err().0,
        "mapping.not_an_object"
    );
}
