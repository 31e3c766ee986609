//! Orders of operations, by hand and at random.

#![expect(clippy::expect_used, reason = "tests")]

use super::*;
use crate::scim::bulk::parse;

/// Operations as `bulkId` of a POST or path of a DELETE or PUT, each with references.
fn body(operations: &[(&str, &[&str])]) -> String {
    let each = operations.iter().map(|(name, references)| {
        let members: Vec<_> = references
            .iter()
            .map(|r| serde_json::json!({"value": format!("bulkId:{r}")}))
            .collect();
        let data = serde_json::json!({"members": members});
        match name.split_once(' ') {
            Some((method, path)) => serde_json::json!({"method": method, "path": path, "data": data}),
            None => serde_json::json!({"method": "POST", "path": "/Groups", "bulkId": name, "data": data}),
        }
    });
    let schema = super::super::BULK_REQUEST;
    serde_json::json!({"schemas": [schema], "Operations": each.collect::<Vec<_>>()}).to_string()
}

/// Plays a request; what is in `failing` fails. Answers the waves as text: `0 1b 0c`.
fn play(operations: &[(&str, &[&str])], failing: &[usize]) -> Vec<String> {
    let body = body(operations);
    let request = parse(body.as_bytes(), 1_000).expect("a bulk request");
    let mut schedule = Schedule::new(&request.operations);
    let mut waves = Vec::new();
    loop {
        let wave = schedule.next_wave();
        if wave.is_empty() {
            return waves;
        }
        let mut texts = Vec::new();
        for step in &wave {
            let mark = match step.part {
                Part::Whole => "",
                Part::Begin => "b",
                Part::Complete => "c",
            };
            let done = schedule.prepare(*step);
            let is_done = done.is_ok() && !failing.contains(&step.operation);
            texts.push(format!(
                "{}{mark}{}",
                step.operation,
                if is_done { "" } else { "!" }
            ));
            if let Ok(prepared) = &done {
                assert!(!prepared.body.contains("bulkId:"), "{prepared:?}");
            }
        }
        for step in wave {
            let is_done = schedule.prepare(step).is_ok() && !failing.contains(&step.operation);
            schedule.settle(step, is_done.then(|| format!("id{}", step.operation)));
        }
        waves.push(texts.join(" "));
    }
}

#[test]
fn an_operation_waits_for_what_it_refers_to_wherever_that_stands() {
    assert_eq!(
        play(&[("a", &[]), ("b", &[]), ("PUT /Users/1", &[])], &[]),
        ["0 1 2"]
    );
    assert_eq!(
        play(&[("a", &["c"]), ("b", &["a"]), ("c", &[])], &[]),
        ["2", "0", "1"]
    );
    let chain: &[(&str, &[&str])] = &[("PATCH /Users/bulkId:a", &["b"]), ("a", &[]), ("b", &["a"])];
    assert_eq!(play(chain, &[]), ["1", "2", "0"]);
}

#[test]
fn only_posts_pass_each_other() {
    let mixed: &[(&str, &[&str])] = &[
        ("a", &[]),
        ("b", &["a"]),
        ("c", &[]),
        ("PUT /Users/1", &[]),
        ("d", &[]),
    ];
    assert_eq!(play(mixed, &[]), ["0 2", "1 3 4"]);
    let forward: &[(&str, &[&str])] = &[
        ("PUT /Users/1", &["b"]),
        ("PATCH /Users/1", &[]),
        ("b", &[]),
        ("PUT /Users/2", &[]),
    ];
    assert_eq!(play(forward, &[]), ["2", "0 1 3"]);
    let many: &[(&str, &[&str])] = &[
        ("PATCH /Groups/1", &["a"]),
        ("PATCH /Groups/1", &["b"]),
        ("a", &[]),
        ("b", &[]),
        ("c", &[]),
    ];
    assert_eq!(play(many, &[]), ["2 3", "0 1 4"]);
}

#[test]
fn the_next_change_of_a_group_waits_for_one_of_many_members() {
    let names: Vec<String> = (0..600).map(|i| format!("m{i}")).collect();
    let posts = names.iter().map(|name| (name.as_str(), [].as_slice()));
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut operations: Vec<(&str, &[&str])> = posts.collect();
    operations.extend([
        ("PATCH /Groups/1", all.as_slice()),
        ("PATCH /Groups/2", &["m1"]),
        ("PATCH /Groups/1", &["m1"]),
        ("PATCH /Groups/2", &["m2"]),
    ]);
    assert_eq!(play(&operations, &[])[1..], ["600 601", "602 603"]);
    // A PUT may let many go without naming them; people have no members.
    let puts: &[(&str, &[&str])] = &[
        ("PUT /Groups/1", &[]),
        ("PUT /Users/1", &[]),
        ("PATCH /Users/1", &[]),
        ("PATCH /Groups/1", &[]),
        ("PATCH /Groups/1", &[]),
    ];
    assert_eq!(play(puts, &[]), ["0 1 2", "3 4"]);
}

#[test]
fn nothing_passes_a_delete_except_what_is_wanted_before_it() {
    let deletes: &[(&str, &[&str])] = &[
        ("a", &[]),
        ("DELETE /Users/1", &[]),
        ("DELETE /Users/2", &[]),
        ("b", &[]),
    ];
    assert_eq!(play(deletes, &[]), ["0", "1 2", "3"]);
    let wanted: &[(&str, &[&str])] = &[
        ("PUT /Groups/1", &["z"]),
        ("DELETE /Users/1", &[]),
        ("y", &[]),
        ("z", &["y"]),
        ("x", &["w"]),
        ("w", &["x"]),
    ];
    assert_eq!(play(wanted, &[]), ["2", "3", "0", "1", "5b", "4", "5c"]);
}

#[test]
fn one_of_each_circle_begins_and_is_completed() {
    assert_eq!(
        play(&[("a", &["b"]), ("b", &["a"])], &[]),
        ["1b", "0", "1c"]
    );
    assert_eq!(play(&[("a", &["a"])], &[]), ["0b", "0c"]);
    // Two circles at once; what waits for them, and for what waits for them, begins nothing.
    let two: &[(&str, &[&str])] = &[
        ("all", &["after", "b"]),
        ("after", &["a"]),
        ("a", &["b"]),
        ("b", &["a"]),
        ("c", &["d"]),
        ("d", &["e"]),
        ("e", &["c"]),
    ];
    assert_eq!(play(two, &[]), ["3b 6b", "2 5", "3c 1 4", "0 6c"]);
    // Whoever changes a resource waits until it is complete.
    let later: &[(&str, &[&str])] = &[("PUT /Users/bulkId:b", &[]), ("a", &["b"]), ("b", &["a"])];
    assert_eq!(play(later, &[]), ["1b", "2", "1c 0"]);
}

#[test]
fn what_could_not_be_created_fails_what_refers_to_it() {
    let chain: &[(&str, &[&str])] = &[("a", &[]), ("b", &["a"]), ("c", &["b"]), ("d", &[])];
    assert_eq!(play(chain, &[0]), ["0! 3", "1!", "2!"]);
    assert_eq!(
        play(&[("a", &["b"]), ("b", &["a"])], &[0]),
        ["1b", "0!", "1c!"]
    );
    assert_eq!(play(&[("a", &["b"]), ("b", &["a"])], &[1]), ["1b!", "0!"]);
}

#[test]
fn a_stop_leaves_nothing_half_done() {
    let body = body(&[("a", &["b"]), ("b", &["a"]), ("c", &[])]);
    let request = parse(body.as_bytes(), 9).expect("a bulk request");
    let mut schedule = Schedule::new(&request.operations);
    for (operation, part) in [(2, Part::Whole), (1, Part::Begin)] {
        let wave = schedule.next_wave();
        assert_eq!(wave, [Step { operation, part }]);
        schedule.settle(wave[0], Some(format!("id{operation}")));
    }
    schedule.stop();
    let (operation, part) = (1, Part::Complete);
    let rest = schedule.next_wave();
    assert_eq!(rest, [Step { operation, part }]);
    let refused = schedule.prepare(rest[0]).expect_err("nothing to refer to");
    assert_eq!(refused.status, 409);
    schedule.settle(rest[0], None);
    assert!(schedule.next_wave().is_empty());
}

/// An operation of a random request: what it is, to which POSTs it refers, and whether it fails.
type Random = (u8, Vec<usize>, bool);

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(3_000))]

    #[test]
    fn whatever_refers_to_what_each_operation_is_carried_out_once(
        random in proptest::collection::vec((0u8..9, proptest::collection::vec(0usize..6, 0..4), proptest::bool::weighted(0.1)), 1..9),
        at_once in 1usize..4,
    ) {
        carry_out_once(&random, at_once);
    }
}

fn carry_out_once(random: &[Random], at_once: usize) {
    let is_post = |i: usize| random[i].0 < 6;
    let posts: Vec<usize> = (0..random.len()).filter(|i| is_post(*i)).collect();
    let target = |i: usize| random[i].1.first().and_then(|r| posts.get(*r));
    let names: Vec<String> = (0..random.len())
        .map(|i| match (random[i].0, target(i)) {
            (0..6, _) => format!("p{i}"),
            (6, Some(made)) => format!("PATCH /Groups/bulkId:p{made}"),
            (7, Some(made)) => format!("DELETE /Groups/bulkId:p{made}"),
            (8, _) => "DELETE /Groups/1".to_owned(),
            _ => "PUT /Groups/1".to_owned(),
        })
        .collect();
    let references: Vec<Vec<String>> = random
        .iter()
        .map(|(_, refers, _)| {
            let made = refers.iter().filter_map(|r| posts.get(*r));
            made.map(|made| format!("p{made}")).collect()
        })
        .collect();
    let borrowed: Vec<Vec<&str>> = references
        .iter()
        .map(|r| r.iter().map(String::as_str).collect())
        .collect();
    let operations: Vec<(&str, &[&str])> = names
        .iter()
        .zip(&borrowed)
        .map(|(n, r)| (n.as_str(), r.as_slice()))
        .collect();
    let body = body(&operations);
    let request = parse(body.as_bytes(), 100).expect("a bulk request");
    let mut schedule = Schedule::new(&request.operations);
    let mut parts: Vec<Vec<(Part, bool)>> = vec![Vec::new(); random.len()];
    let mut last = None;
    for _ in 0..=random.len() * 2 {
        let mut wave = schedule.next_wave();
        wave.truncate(at_once);
        for step in &wave {
            let i = step.operation;
            let prepared = schedule.prepare(*step);
            if let Ok(prepared) = &prepared {
                assert!(!prepared.body.contains("bulkId:"), "{prepared:?}");
            }
            if !is_post(i) {
                assert!(last < Some(i), "{i} after {last:?}: {names:?}");
                last = Some(i);
            }
            parts[i].push((step.part, prepared.is_ok() && !random[i].2));
        }
        for step in wave {
            let is_done = parts[step.operation]
                .last()
                .is_some_and(|(_, is_done)| *is_done);
            schedule.settle(step, is_done.then(|| format!("id{}", step.operation)));
        }
    }
    assert!(schedule.next_wave().is_empty(), "{names:?}");
    for (i, parts) in parts.iter().enumerate() {
        let once = matches!(
            parts.as_slice(),
            [(Part::Whole, _)]
                | [(Part::Begin, false)]
                | [(Part::Begin, true), (Part::Complete, _)]
        );
        assert!(once, "{i}: {parts:?} of {names:?} {references:?}");
        if random.iter().all(|(_, _, fails)| !fails) {
            assert!(parts.iter().all(|(_, is_done)| *is_done), "{i}: {parts:?}");
        }
    }
}

#[test]
fn a_circle_of_which_only_one_may_begin_at_a_time_is_completed() {
    // Two must begin: the one in the middle refers to both others.
    let circle = [
        (0, vec![1], false),
        (0, vec![0, 2], false),
        (0, vec![1], false),
    ];
    carry_out_once(&circle, 1);
}
