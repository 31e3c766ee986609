//! Companies, small and large, and what is planted in them.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

fn person(id: &str, manager: &str) -> Person {
    Person {
        id: id.to_owned(),
        name: id.to_uppercase(),
        department: None,
        manager: match manager {
            "" => Manager::Nobody,
            "?" => Manager::Outside,
            id => Manager::Person(id.to_owned()),
        },
        standing: Standing::Granted,
    }
}

fn with(standing: Standing, mut person: Person) -> Person {
    person.standing = standing;
    person
}

fn naming() -> Naming {
    Naming {
        template: "Team {manager}".to_owned(),
        no_department: "No department".to_owned(),
        taken: BTreeSet::new(),
    }
}

fn built(people: &[Person], previous: &[Previous]) -> Plan {
    build(people, previous, Counting::Invited, &naming())
}

fn ids(list: &[&str]) -> BTreeSet<String> {
    list.iter().map(|id| (*id).to_owned()).collect()
}

fn team<'a>(plan: &'a Plan, manager: &str) -> &'a Team {
    let found = plan.teams.iter().find(|t| t.manager == manager);
    found.unwrap_or_else(|| panic!("no team of {manager}: {plan:?}"))
}

/// The teams as they stand after a plan was carried out: new ones get the ids `n-MANAGER`.
fn carried_out(plan: &Plan) -> Vec<Previous> {
    let teams = plan.teams.iter().map(|team| Previous {
        id: team
            .id
            .clone()
            .unwrap_or_else(|| format!("n-{}", team.manager)),
        manager: team.manager.clone(),
        members: team.members.clone(),
        name: team.name.clone(),
        is_renamed: false,
    });
    teams.collect()
}

/// a leads b and c, b leads d and e.
fn company() -> Vec<Person> {
    vec![
        person("a", ""),
        person("b", "a"),
        person("c", "a"),
        person("d", "b"),
        person("e", "b"),
    ]
}

#[test]
fn a_manager_leads_her_direct_reports_and_teams_nest() {
    let plan = built(&company(), &[]);
    assert_eq!(plan.teams.len(), 2);
    let (top, inner) = (team(&plan, "a"), team(&plan, "b"));
    assert_eq!((&top.members, &top.parent), (&ids(&["b", "c"]), &None));
    assert_eq!(inner.members, ids(&["d", "e"]));
    assert_eq!(inner.parent.as_deref(), Some("a"));
    assert_eq!(inner.reviewer.as_deref(), Some("b"));
    assert_eq!(inner.name, "Team B");
    assert_eq!(plan.unassigned, [("a".to_owned(), Why::Leads)]);
    assert!(plan.findings.is_empty() && plan.gone.is_empty());
}

#[test]
fn what_cannot_be_true_is_told_and_repaired_by_a_fixed_rule() {
    let people = [
        person("a", "c"),
        person("b", "a"),
        person("c", "b"),
        person("d", "d"),
        person("e", "?"),
        person("f", "nobody-known"),
        person("g", ""),
        person("h", "d"),
    ];
    let plan = built(&people, &[]);
    let circle = ["a", "c", "b"].map(str::to_owned).to_vec();
    assert_eq!(
        plan.findings,
        [
            Finding::Circle(circle),
            Finding::SelfManaged("d".to_owned()),
            Finding::ManagerOutside("e".to_owned()),
            Finding::ManagerOutside("f".to_owned()),
            Finding::SeveralTops(vec!["a".to_owned(), "d".to_owned()]),
        ]
    );
    let whys: BTreeMap<String, Why> = plan.unassigned.iter().cloned().collect();
    let want = [
        ("a", Why::InCircle),
        ("d", Why::SelfManaged),
        ("e", Why::ManagerOutside),
        ("f", Why::ManagerOutside),
        ("g", Why::NoManager),
    ];
    assert_eq!(whys, want.map(|(id, why)| (id.to_owned(), why)).into());
    assert_eq!(team(&plan, "a").members, ids(&["b"]));
    assert_eq!(team(&plan, "b").members, ids(&["c"]));
    assert!(!plan.teams.iter().any(|t| t.manager == "c"));
}

#[test]
fn reviewing_climbs_to_the_next_who_has_access() {
    let mut people = company();
    people[1].standing = Standing::Gone;
    let plan = built(&people, &[]);
    let inner = team(&plan, "b");
    assert_eq!(inner.reviewer.as_deref(), Some("a"));
    assert_eq!(inner.members, ids(&["d", "e"]));
    assert_eq!(
        team(&plan, "a").members,
        ids(&["c"]),
        "who left is no member"
    );
    let told = Finding::ManagerGone("b".to_owned(), Some("a".to_owned()));
    assert_eq!(plan.findings, [told]);
    people[0].standing = Standing::Invited;
    let plan = built(&people, &[]);
    assert_eq!(team(&plan, "b").reviewer, None, "nobody above has access");
    assert!(
        plan.findings
            .contains(&Finding::ManagerWithoutAccess("a".to_owned(), None))
    );
}

#[test]
fn a_team_exists_if_somebody_counts_in_it_or_below() {
    let mut people = company();
    for at in [2, 3, 4] {
        people[at].standing = Standing::Listed;
    }
    let plan = built(&people, &[]);
    assert_eq!(plan.teams.len(), 1, "b leads nobody who counts");
    people[4].standing = Standing::Invited;
    people[1].standing = Standing::Gone;
    let plan = built(&people, &[]);
    assert_eq!(team(&plan, "b").members, ids(&["e"]));
    assert!(team(&plan, "a").members.is_empty(), "it has a team below");
    let all = build(&people, &[], Counting::Everyone, &naming());
    assert_eq!(team(&all, "b").members, ids(&["d", "e"]));
}

#[test]
fn a_team_outlives_its_manager_where_its_people_stay_together() {
    let before = built(&company(), &[]);
    let old = carried_out(&before);
    // c takes over from b, with one of the two and somebody new.
    let mut people = company();
    people[3] = person("d", "c");
    people[4] = person("e", "c");
    people[1] = with(Standing::Gone, person("b", "a"));
    let plan = built(&people, &old);
    assert_eq!(team(&plan, "c").id.as_deref(), Some("n-b"));
    assert!(plan.gone.is_empty());
    assert_eq!(team(&plan, "c").name, "Team C");
    // Half is not more than half.
    people[4] = person("e", "a");
    people.push(person("f", "c"));
    let old = carried_out(&before);
    let plan = built(&people, &old);
    assert_eq!(team(&plan, "c").id, None);
    assert_eq!(plan.gone, ["n-b"]);
    // Whoever still leads keeps the team, whoever its members are.
    let mut people = company();
    people[3] = person("d", "c");
    people[4] = person("e", "c");
    people.push(person("f", "b"));
    let plan = built(&people, &old);
    assert_eq!(team(&plan, "b").id.as_deref(), Some("n-b"));
    assert_eq!(team(&plan, "c").id, None);
}

#[test]
fn the_largest_overlap_goes_first_and_then_the_older_team() {
    let old = |id: &str, manager: &str, members: &[&str]| Previous {
        id: id.to_owned(),
        manager: manager.to_owned(),
        members: ids(members),
        name: id.to_owned(),
        is_renamed: true,
    };
    let mut people = vec![person("z", "")];
    people.extend(["m1", "m2", "m3", "m4", "m5"].map(|id| person(id, "z")));
    let small = old("1", "x", &["m1", "m2"]);
    let large = old("2", "y", &["m3", "m4", "m5"]);
    let plan = built(&people, &[small.clone(), large]);
    assert_eq!(team(&plan, "z").id.as_deref(), Some("2"));
    assert_eq!(team(&plan, "z").name, "2", "an admin named it");
    assert_eq!(plan.gone, ["1"]);
    let same = old("2", "y", &["m3", "m4"]);
    let plan = built(&people, &[same, small]);
    assert_eq!(team(&plan, "z").id.as_deref(), Some("1"));
}

#[test]
fn names_are_unique_and_steady() {
    let mut people = company();
    for person in &mut people {
        person.name = "Ann {department}".to_owned();
    }
    let mut naming = naming();
    naming.taken.insert("team ann {department}".to_owned());
    let plan = build(&people, &[], Counting::Invited, &naming);
    assert_eq!(team(&plan, "a").name, "Team Ann {department} (2)");
    assert_eq!(team(&plan, "b").name, "Team Ann {department} (3)");
    let mut old = carried_out(&plan);
    // The namesake goes; the number stays.
    old.retain(|team| team.manager == "b");
    let plan = build(&people, &old, Counting::Invited, &naming);
    assert_eq!(team(&plan, "b").name, "Team Ann {department} (3)");
    assert_eq!(team(&plan, "a").name, "Team Ann {department} (2)");
    naming.template = "{department}: {manager}".to_owned();
    let plan = build(&people, &old, Counting::Invited, &naming);
    assert_eq!(team(&plan, "a").name, "No department: Ann {department}");
}

/// A company in which each person reports to one of those before her, without faults.
fn forest(choices: &[u32]) -> Vec<Person> {
    let id = |n: usize| format!("p{n:06}");
    let people = choices.iter().enumerate().map(|(n, choice)| {
        let above = match n {
            0 => String::new(),
            _ => id(*choice as usize % n),
        };
        person(&id(n), &above)
    });
    people.collect()
}

/// Whose team and whose reviewer each person has.
fn places(plan: &Plan) -> BTreeMap<&str, (&str, Option<&str>)> {
    let members = plan.teams.iter().flat_map(|t| {
        let about = (t.manager.as_str(), t.reviewer.as_deref());
        t.members.iter().map(move |m| (m.as_str(), about))
    });
    members.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_order_of_the_people_does_not_matter(
        edges in prop::collection::vec((0usize..40, 0u8..4), 1..40), seed in any::<u64>()
    ) {
        let id = |n: usize| format!("p{n:02}");
        let standing = [Standing::Granted, Standing::Invited, Standing::Listed, Standing::Gone];
        let people: Vec<Person> = edges.iter().enumerate().map(|(n, (above, s))| {
            with(standing[usize::from(*s)], person(&id(n), &id(*above)))
        }).collect();
        let previous = carried_out(&built(&people[..people.len() / 2], &[]));
        let plan = built(&people, &previous);
        let (mut mixed, mut old) = (people.clone(), previous.clone());
        let by = |text: &str| text.bytes().fold(seed, |h, b| h.wrapping_mul(0x0100_0000_01b3) ^ u64::from(b));
        mixed.sort_by_key(|p| by(&p.id));
        old.sort_by_key(|p| by(&p.id));
        prop_assert_eq!(built(&mixed, &old), plan.clone());
        // Carried out, the same again changes nothing.
        let now = carried_out(&plan);
        let again = built(&people, &now);
        prop_assert_eq!(carried_out(&again), now);
        prop_assert!(again.gone.is_empty());
        // Everybody who counts is in one team or among the unassigned, and no other.
        let mut seen: Vec<String> = plan.teams.iter().flat_map(|t| t.members.iter().cloned()).collect();
        seen.extend(plan.unassigned.iter().map(|(id, _)| id.clone()));
        seen.sort();
        let mut want: Vec<String> = people.iter()
            .filter(|p| matches!(p.standing, Standing::Granted | Standing::Invited))
            .map(|p| p.id.clone()).collect();
        want.sort();
        prop_assert_eq!(seen, want);
        // No team is part of itself, and each that is named exists.
        for team in &plan.teams {
            let mut at = team.parent.as_ref();
            let mut steps = 0;
            while let Some(parent) = at {
                steps += 1;
                prop_assert!(steps <= plan.teams.len());
                let found = plan.teams.iter().find(|t| t.manager == *parent);
                prop_assert!(found.is_some(), "no team of {}", parent);
                at = found.and_then(|t| t.parent.as_ref());
            }
        }
    }

    #[test]
    fn one_edge_moves_only_those_concerned(choices in prop::collection::vec(any::<u32>(), 3..200), who in any::<u32>(), to in any::<u32>()) {
        let mut people = forest(&choices);
        let old = carried_out(&built(&people, &[]));
        let before = built(&people, &old);
        let who = 1 + who as usize % (people.len() - 1);
        people[who].manager = Manager::Person(people[to as usize % who].id.clone());
        let after = built(&people, &old);
        let (was, is) = (places(&before), places(&after));
        let moved: Vec<&str> = was.iter().filter(|(id, place)| is.get(*id) != Some(place)).map(|(id, _)| *id).collect();
        prop_assert!(moved.is_empty() || moved == [people[who].id.as_str()], "{:?}", moved);
        prop_assert!(after.findings.is_empty());
    }
}

/// As large as companies are: faults that are planted are told, and no other; in another order it is the same; one edge
/// moves one person.
#[test]
fn a_hundred_thousand_people_with_planted_faults() {
    let mut state = 7u32;
    let choices: Vec<u32> = (0..100_000)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 8
        })
        .collect();
    let mut people = forest(&choices);
    let id = |n: usize| format!("p{n:06}");
    let (mut want, mut tops) = (Vec::new(), vec![id(0)]);
    for n in (1_000..100_000).step_by(5_000) {
        // A branch of its own under the top, so that nobody else is drawn in: each leads the next.
        people[n].manager = Manager::Person(id(n));
        want.push(Finding::SelfManaged(id(n)));
        people[n + 1].manager = Manager::Outside;
        want.push(Finding::ManagerOutside(id(n + 1)));
        // Below the two above: a ring of three.
        for (from, to) in [(n + 2, n + 4), (n + 3, n + 2), (n + 4, n + 3)] {
            people[from].manager = Manager::Person(id(to));
        }
        want.push(Finding::Circle(vec![id(n + 2), id(n + 4), id(n + 3)]));
        // Who left, and leads somebody still; above her is the top.
        people[n + 5].manager = Manager::Person(id(0));
        people[n + 5].standing = Standing::Gone;
        people[n + 6].manager = Manager::Person(id(n + 5));
        want.push(Finding::ManagerGone(id(n + 5), Some(id(0))));
        // Leads somebody, and nobody leads her.
        people[n + 7].manager = Manager::Nobody;
        people[n + 8].manager = Manager::Person(id(n + 7));
        tops.push(id(n + 7));
    }
    let plan = built(&people, &[]);
    let mut told = plan.findings.clone();
    let Some(Finding::SeveralTops(found)) = told.pop() else {
        panic!("nobody is at the top");
    };
    assert!(tops.iter().all(|top| found.contains(top)));
    let cut = |id: &String| {
        let at = &people[id[1..].parse::<usize>().unwrap()];
        match &at.manager {
            Manager::Nobody | Manager::Outside => true,
            // Herself, or the circle at which it is cut.
            Manager::Person(manager) => manager >= id,
        }
    };
    assert!(found.iter().all(cut), "somebody at the top has a manager");
    want.sort();
    assert_eq!(told, want);
    let old = carried_out(&plan);
    let again = built(&people, &old);
    assert!(again.teams.iter().all(|t| t.id.is_some()) && again.gone.is_empty());
    let mut mixed = people.clone();
    mixed.reverse();
    mixed.rotate_left(33_333);
    assert_eq!(built(&mixed, &old), again);
    // From one who leads others to another: nobody else is concerned.
    let who = 4_321;
    people[who].manager = Manager::Person(id(17));
    let after = built(&people, &old);
    let (was, is) = (places(&again), places(&after));
    let moved: Vec<&str> = was
        .iter()
        .filter(|(id, place)| is.get(*id) != Some(place))
        .map(|(id, _)| *id)
        .collect();
    assert_eq!(moved, [id(who).as_str()]);
    assert_eq!(after.findings, again.findings);
}
