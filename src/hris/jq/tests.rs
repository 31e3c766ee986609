//! What programs can do, and what hostile ones cannot.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::NaiveDate;
use serde_json::{Value, json};

use super::*;

fn variables() -> Variables {
    Variables {
        today: NaiveDate::from_ymd_opt(2026, 11, 24).unwrap_or_default(),
        settings: json!({"domain": "example.com"}),
        lookups: json!({"departments": {"d1": "Support", "7": "Sales"}}),
    }
}

async fn map(source: &str, records: Vec<Value>) -> Vec<Outcome> {
    let program = Arc::new(Program::compile(source).unwrap_or_else(|e| panic!("{source}: {e}")));
    let mut runner = Runner::new(program, &variables(), Limits::default());
    let page = Arc::new(records);
    loop {
        // Another test fills the process with threads that hang, for a while.
        match runner.map(Arc::clone(&page)).await {
            Ok(outcomes) => return outcomes,
            Err(Exhausted) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}

async fn one(source: &str, record: Value) -> Outcome {
    map(source, vec![record]).await.remove(0)
}

/// Program, record, all results.
async fn check(cases: &[(&str, Value, Value)]) {
    let mut wrong = Vec::new();
    for (source, record, wanted) in cases {
        let outcome = one(source, record.clone()).await.map(Value::Array);
        if outcome.as_ref() != Ok(wanted) {
            wrong.push(format!("{source} on {record} gave {outcome:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn jq_works_as_jq() {
    check(&[
        (".a.b[1:]", json!({"a": {"b": [1, 2, 3]}}), json!([[2, 3]])),
        (".[-1], .[5], .[-7]", json!([1]), json!([1, null, null])),
        (".[1:-1], .[:2]", json!("äöüß"), json!(["öü", "äö"])),
        ("[.[] | select(.x > 1) | .x * 2]", json!([{"x": 1}, {"x": 2}, {"x": 2.5}]), json!([[4, 5.0]])),
        ("to_entries | map(\"\\(.key)=\\(.value)\") | join(\"&\")", json!({"a": 1, "b": null}), json!(["a=1&b=null"])),
        ("[.[] | tostring]", json!([1, 1.5, "x", true, null, [1], {"a": 1}]), json!([["1", "1.5", "x", "true", "null", "[1]", "{\"a\":1}"]])),
        ("(.a.b) = 1 | .c |= 2 | del(.d) | .e += [1]", json!({"d": 1, "e": []}), json!([{"a": {"b": 1}, "c": 2, "e": [1]}])),
        ("[limit(3; repeat(1))], [range(3)], [range(0; 1; 0.5)], first(range(10; 0; -3))", json!(null), json!([[1, 1, 1], [0, 1, 2], [0, 0.5], 10])),
        ("sort_by(.a) | group_by(.a) | map(length)", json!([{"a": 2}, {"a": 1}, {"a": 2}]), json!([[1, 2]])),
        ("[.[] | try tonumber catch \"no\"]", json!(["1", "1.5", "x"]), json!([[1, 1.5, "no"]])),
        ("sub(\"(?<d>\\\\d+)\"; \"<\\(.d)>\"), test(\"^[a-z]+$\")", json!("a12b"), json!(["a<12>b", false])),
        ("{a: 1} * {a: {b: 2}, c: 3}", json!(null), json!([{"a": {"b": 2}, "c": 3}])),
        ("[.[] | ascii_downcase] | unique, (.[0] / \"\")", json!(["Bc", "a", "bc"]), json!([["a", "bc"], ["b", "c"]])),
        ("has(\"a\"), has(\"z\"), (.a | contains(\"oo\")), (.a | index(\"o\")), (.a | rindex(\"o\"))", json!({"a": "foo"}), json!([true, false, true, 1, 2])),
        (".a as [$x, {y: $z}] | $x + $z", json!({"a": [1, {"y": 2}]}), json!([3])),
        ("reduce .[] as $x (0; . + $x), [foreach .[] as $x (0; . + $x)]", json!([1, 2, 3]), json!([6, [1, 3, 6]])),
        ("[.. | numbers]", json!({"a": [1, {"b": 2}]}), json!([[1, 2]])),
        ("@uri, @base64, (@base64 | @base64d)", json!("a b"), json!(["a%20b", "YSBi", "a b"])),
        ("tojson | fromjson", json!({"a": [1, "x"]}), json!([{"a": [1, "x"]}])),
        (".id, (.id | tostring)", json!({"id": u64::MAX}), json!([u64::MAX, "18446744073709551615"])),
        ("[10 / 2, 1 / 4, 7 % 4, -(.), (1.5 | floor)]", json!(1), json!([[5, 0.25, 3, -1, 1]])),
        ("walk(if type == \"string\" then ascii_upcase else . end), map_values(length)", json!({"a": ["x"]}), json!([{"a": ["X"]}, {"a": 1}])),
        ("[label $out | .[] | if . > 1 then ., break $out else . end]", json!([1, 2, 3]), json!([[1, 2]])),
        (".x.y.z, .x[\"a\"]", json!({}), json!([null, null])),
        ("[paths], getpath([\"a\", 0]), ([splits(\", *\")?])", json!({"a": [1]}), json!([[["a"], ["a", 0]], 1, []])),
        ("\"ab\" * 2, [1, 2, 1] - [1], ({} | .a.b |= 3)", json!(null), json!(["abab", [2], {"a": {"b": 3}}])),
        ("def f(g): g | g; f(. + 1)", json!(1), json!([3])),
        ("empty", json!(1), json!([])),
    ])
    .await;
}

#[tokio::test]
async fn helpers_do_what_their_table_says() {
    check(&[
        ("$today, $settings.domain, $lookups.departments.d1", json!(1), json!(["2026-11-24", "example.com", "Support"])),
        ("map(clean)", json!([" \u{a0}a b\u{200b}", "  ", "", null, 7]), json!([["a b", null, null, null, 7]])),
        ("map(text)", json!([" 0930 ", 1044, "", null, true]), json!([["0930", "1044", null, null, "true"]])),
        ("map(lower), map(upper)", json!(["ÄÖ", null]), json!([["äö", null], ["ÄÖ", null]])),
        ("first_of(.a, .b, .c), words(.c, .a, .d), words(.a)", json!({"a": null, "b": " ", "c": " x ", "d": "y"}), json!(["x", "x y", null])),
        ("map(email)", json!(["mailto:Marta@Example.com.", "n/a", null]), json!([["marta@example.com", null, null]])),
        ("work_email(.m), work_email(.n)", json!({"m": "A@b.c"}), json!([[{"value": "a@b.c", "type": "work", "primary": true}], null])),
        ("manager(.m), manager(.n), manager(.m; .id), manager(.m; 8)", json!({"m": 7, "n": "", "id": "7"}), json!([{"value": "7"}, null, null, {"value": "7"}])),
        ("map(date)", json!(["2026-01-02", "2026-01-02T03:04:05Z", "20260102", "/Date(1577836800000)/", "", null, "0000-00-00"]),
            json!([["2026-01-02", "2026-01-02", "2026-01-02", "2020-01-01", null, null, null]])),
        ("(.a | date_dmy), (.b | date_dmy), (.b | date_mdy), (.c | date_ms), (.d | date_serial), (.e | date_ms)",
            json!({"a": "02.01.2026", "b": "02/01/2026", "c": 1577836800000_i64, "d": 46350, "e": "1577836800000"}),
            json!(["2026-01-02", "2026-01-02", "2026-02-01", "2020-01-01", "2026-11-24", "2020-01-01"])),
        ("map(end_date), (\"31.12.9999\" | date_dmy | open_end), ($today | add_days(-24))", json!(["9999-12-31", "1900-01-01", "2026-01-02", null]),
            json!([[null, null, "2026-01-02", null], null, "2026-10-31"])),
        ("map(status), (\"Probezeit\" | status({probezeit: \"employed\"})), (\"Aktiv\" | status({x: \"left\"}))", json!(["Aktiv", "leaver", false, "en congé", "?", null, 1]),
            json!([["employed", "left", "left", "on_leave", "unknown", "unknown", "employed"], "employed", "unknown"])),
        ("map(flag)", json!(["Yes", "nein", 1, 0, true, "", null]), json!([[true, false, true, false, true, null, null]])),
        ("lookup(\"departments\"; .d), lookup(\"departments\"; 7), lookup(\"departments\"; .n), lookup(\"none\"; 1)", json!({"d": "d1"}), json!(["Support", "Sales", null, null])),
        ("compact", json!({"a": null, "b": [], "c": {"d": " "}, "e": [null, {"f": 0}], "g": false}), json!([{"e": [{"f": 0}], "g": false}])),
    ])
    .await;
}

#[tokio::test]
async fn failures_name_types_and_constants_and_never_a_value() {
    for (source, wanted) in [
        (".name | .x", "cannot index a text with a text"),
        (".name - 1", "cannot calculate a text - a number"),
        ("error(\"no start\")", "no start"),
        (
            "error(\"no start for \\(.name)\")",
            "an error whose text is no constant of the program",
        ),
        (
            "error(.name)",
            "an error whose text is no constant of the program",
        ),
        (
            "error({a: .name})",
            "an error whose text is no constant of the program",
        ),
        ("reject(\"start\"; \"missing\")", "start: missing"),
        (
            "reject(.name; \"missing\")",
            "an error whose text is no constant of the program",
        ),
        (
            ".name | date",
            "cannot use a text as date; see the date helpers for other ways to write one",
        ),
        (".name | flag", "cannot use a text as yes or no"),
        (".name | fromjson", "cannot use a text as JSON"),
        (
            ".name | @base64d",
            "an error whose text is no constant of the program",
        ),
        (
            "try (.name | fromjson) catch error(.)",
            "an error whose text is no constant of the program",
        ),
        ("1 / 0", "cannot calculate a number / a number"),
    ] {
        let outcome = one(source, json!({"name": "Quill!"})).await;
        assert_eq!(outcome, Err(Failure::Raised(wanted.to_owned())), "{source}");
    }
}

#[test]
fn what_reads_the_world_does_not_exist() {
    let mut wrong = Vec::new();
    for (source, line, column) in [
        ("env", 1, 1),
        ("$ENV.PATH", 1, 1),
        ("1,\n  now", 2, 3),
        ("input", 1, 1),
        ("[inputs]", 1, 2),
        ("halt", 1, 1),
        ("halt_error", 1, 1),
        ("debug", 1, 1),
        ("\"ä\", stderr", 1, 6),
        ("localtime", 1, 1),
        ("\"%H\" as $f | 0 | strflocaltime($f)", 1, 18),
        ("input_filename", 1, 1),
        ("input_line_number", 1, 1),
        ("$__loc__", 1, 1),
        ("get_search_list", 1, 1),
        ("debug_empty", 1, 1),
        ("modulemeta", 1, 1),
        ("include \"x\"; 1", 1, 10),
        ("import \"x\" as x; 1", 1, 9),
        ("import \"x\" as $x; $x", 1, 9),
        ("x::y", 1, 1),
        ("$nobody", 1, 1),
        (".a |", 1, 5),
        (".a\n| {", 2, 4),
        ("\"abc", 1, 5),
    ] {
        let error = Program::compile(source).err();
        if error.as_ref().map(|e| (e.line, e.column)) != Some((line, column)) {
            wrong.push(format!("{source}: {error:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Programs that must end with this failure, soon, and leave the thread able to map the next record.
#[tokio::test]
async fn hostile_programs_are_stopped_and_the_thread_goes_on() {
    let cases: &[(&str, &[Failure])] = &[
        ("def f: f; f", &[Failure::Time]),
        ("[repeat(1)]", &[Failure::Time, Failure::Size]),
        ("last(repeat(1))", &[Failure::Time]),
        ("until(false; .)", &[Failure::Time]),
        ("[while(true; .)]", &[Failure::Time, Failure::Size]),
        ("last(range(1e18))", &[Failure::Time]),
        ("[range(1e9)]", &[Failure::Time, Failure::Size]),
        (
            "[limit(1e9; repeat(\"x\"))] | length",
            &[Failure::Time, Failure::Size],
        ),
        ("range(1; 2; 0)", &[Failure::Time, Failure::Size]),
        ("\"x\" * 1e12", &[Failure::Size]),
        ("\"x\" * 1e300", &[Failure::Size]),
        ("reduce range(60) as $i (\"x\"; . + .)", &[Failure::Size]),
        ("reduce range(60) as $i ([1]; . + .)", &[Failure::Size]),
        (
            "reduce range(60) as $i (1; [., .]) | tojson",
            &[Failure::Size, Failure::Time],
        ),
        (
            "reduce range(60) as $i (1; [., .]) | [..] | length",
            &[Failure::Size, Failure::Time],
        ),
        (
            "reduce range(60) as $i (1; [., .]) | . == (reduce range(60) as $i (1; [., .]))",
            &[Failure::Time],
        ),
        ("reduce range(60) as $i (1; [., .])", &[Failure::Size]),
        (
            "reduce range(40) as $i (1; [., .]) | flatten",
            &[Failure::Size, Failure::Time],
        ),
        ("reduce range(100000) as $i (1; [.])", &[Failure::Depth]),
        (
            "reduce range(100000) as $i (1; [.]) | tojson",
            &[Failure::Depth],
        ),
        (
            "reduce range(100000) as $i (1; {a: .}) | [..] | length",
            &[Failure::Depth, Failure::Time, Failure::Size],
        ),
        (
            "reduce range(100000) as $i (1; [.]) | compact",
            &[Failure::Depth],
        ),
        ("def f: 1 + f; f", &[Failure::Depth, Failure::Time]),
        ("def f: [f]; f", &[Failure::Depth, Failure::Time]),
        ("def f: (f | 1); f", &[Failure::Depth, Failure::Time]),
        ("def f: {a: f}; f", &[Failure::Depth, Failure::Time]),
        ("def f(g): f(g | g); f(.)", &[Failure::Depth, Failure::Time]),
        ("def f(g): f(1 + g); f(.)", &[Failure::Depth, Failure::Time]),
        ("def f($x): f($x + 1); f(0)", &[Failure::Time]),
        (
            "def f: f, 1; [limit(5; f)]",
            &[Failure::Depth, Failure::Time],
        ),
        (
            "[recurse(.)]",
            &[Failure::Time, Failure::Size, Failure::Depth],
        ),
        (
            "[recurse([.])] | length",
            &[Failure::Time, Failure::Size, Failure::Depth],
        ),
        ("try (def f: f; f) catch 1", &[Failure::Time]),
        ("path(def f: f; f)", &[Failure::Time]),
        (
            "[combinations(1e6)]",
            &[Failure::Time, Failure::Size, Failure::Depth],
        ),
        (
            "[range(100000)] | combinations(3)",
            &[Failure::Time, Failure::Size],
        ),
        (
            "[range(10000)] | [.[] as $x | .[] | . + $x]",
            &[Failure::Time, Failure::Size],
        ),
        ("[range(50000)] | tojson | . * 1000", &[Failure::Size]),
        (
            "\"a\" * 1000000 | [scan(\"a\")] | length",
            &[Failure::Time, Failure::Size],
        ),
        ("range(100)", &[Failure::Size]),
        ("\"x\" * 2000000", &[Failure::Size]),
        (
            ".[1e9:] = [1] | .[0:1e9] |= . + .",
            &[Failure::Raised("cannot use an object as list".to_owned())],
        ),
    ];
    for (source, allowed) in cases {
        let both = format!("if .ok then 1 else ({source}) end");
        let start = Instant::now();
        let outcomes = map(&both, vec![json!({}), json!({"ok": true})]).await;
        let failure = outcomes.first().and_then(|o| o.clone().err());
        assert!(
            failure.as_ref().is_some_and(|f| allowed.contains(f)),
            "{source}: {failure:?}"
        );
        assert_eq!(outcomes.get(1), Some(&Ok(vec![json!(1)])), "{source}");
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "{source}: {:?}",
            start.elapsed()
        );
    }
}

#[tokio::test]
async fn hostile_sources_are_refused_or_compiled_and_never_abort() {
    let deep =
        |open: &str, close: &str, n: usize| format!("{}1{}", open.repeat(n), close.repeat(n));
    for source in [
        deep("(", ")", 30_000),
        deep("[", "]", 30_000),
        deep("{a:", "}", 15_000),
        deep("-", "", 60_000),
        deep("try ", "", 15_000),
        deep("1|", "", 30_000),
        deep("def f: ", "; f", 6_500),
        deep("reduce . as $x (", ";.)", 3_000),
        "(".repeat(60_000),
        "\"\\(".repeat(20_000),
        "\0\u{1}\u{fffd}".to_owned(),
        "x".repeat(LONGEST + 1),
    ] {
        assert!(Program::compile(&source).is_err(), "{}", source.len());
    }
    // As deep as it may be.
    for source in [
        deep("(", ")", DEEPEST),
        deep("[", "]", DEEPEST),
        deep("{a:", "}", DEEPEST),
        deep("-", "", MOST_OPERATORS),
        deep("try ", "", MOST_OPERATORS),
        deep("1|", "", MOST_OPERATORS),
        deep("1,", "", MOST_OPERATORS),
        deep("1+", "", MOST_OPERATORS),
        deep("def f: ", "; f", MOST_OPERATORS),
        deep("if 1 then ", " else 2 end", MOST_OPERATORS / 2),
        deep("reduce . as $x (", ";.)", DEEPEST),
        deep("\"\\(", ")\"", DEEPEST),
        format!("1{}", "?".repeat(MOST_OPERATORS)),
    ] {
        assert!(
            Program::compile(&source).is_ok(),
            "{}",
            source.chars().take(20).collect::<String>()
        );
        let _ = map(&source, vec![json!(1)]).await;
    }
}

#[tokio::test]
async fn a_thread_that_hangs_is_abandoned_and_counted() {
    let program = Arc::new(
        Program::compile("if . == 1 then hang else . end").unwrap_or_else(|e| panic!("{e}")),
    );
    let limits = Limits {
        time: Duration::from_millis(50),
        ..Limits::default()
    };
    let mut runner = Runner::new(Arc::clone(&program), &variables(), limits);
    let outcomes = runner
        .map(Arc::new(vec![json!(0), json!(1), json!(2)]))
        .await;
    assert_eq!(
        outcomes,
        Ok(vec![
            Ok(vec![json!(0)]),
            Err(Failure::Time),
            Ok(vec![json!(2)])
        ])
    );
    assert!(worker::hanging() >= 1);
    // Past the limit no thread starts, for nobody.
    let many = Arc::new(vec![json!(1); 8]);
    assert_eq!(runner.map(many).await, Err(Exhausted));
    assert_eq!(worker::hanging(), worker::MOST_HANGING);
    let start = Instant::now();
    while worker::hanging() > 0 && start.elapsed() < Duration::from_secs(30) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(worker::hanging(), 0);
    assert_eq!(
        runner.map(Arc::new(vec![json!(3)])).await,
        Ok(vec![Ok(vec![json!(3)])])
    );
}

/// `cargo test --release --lib -- --ignored --nocapture time_per_record`
#[tokio::test]
#[ignore = "a measurement"]
async fn time_per_record() {
    let record = json!({
        "id": 1044, "email": "deniz.aras@example.com", "firstName": "Deniz", "lastName": "Aras", "title": "Agent",
        "department": {"id": "d1", "name": "Support"}, "manager": {"id": 1001}, "status": "active",
        "startDate": "2019-05-01T00:00:00Z", "endDate": "9999-12-31", "phone": " +31 20 123 ", "custom": {"a": 1, "b": [1, 2, 3]},
    });
    let mapping = "{
        externalId: .id | text, userName: .email | email, emails: work_email(.email),
        name: {givenName: .firstName | clean, familyName: .lastName | clean},
        displayName: words(.firstName, .lastName), title: .title | clean,
        enterprise: {employeeNumber: .id | text, department: lookup(\"departments\"; .department.id), manager: manager(.manager.id; .id)},
        employmentState: .status | status, startDate: .startDate | date, endDate: .endDate | end_date,
        phoneNumbers: [{value: .phone | clean, type: \"work\"}]
    } | compact";
    for (name, source) in [("identity", "."), ("mapping", mapping)] {
        let program = Arc::new(Program::compile(source).unwrap_or_else(|e| panic!("{e}")));
        let mut runner = Runner::new(program, &variables(), Limits::default());
        let page = Arc::new(vec![record.clone(); 1_000]);
        let start = Instant::now();
        for _ in 0..20 {
            let outcomes = runner.map(Arc::clone(&page)).await.unwrap_or_default();
            assert!(outcomes.iter().all(Result::is_ok), "{:?}", outcomes.first());
        }
        let micros = start.elapsed().as_secs_f64() * 1e6 / 20_000.0;
        assert!(micros > 0.0);
        std::io::Write::write_fmt(
            &mut std::io::stderr(),
            format_args!("{name}: {micros:.1} µs a record\n"),
        )
        .unwrap_or_default();
    }
}
