//! Seeded runs over connectors and faults: nobody loses access for anything but having left, and everybody who left is out
//! within two pulls that go well.

use std::collections::BTreeSet;

use rosterd::domain::access::JoinerPolicy;
use rosterd::sync::Kind;
use serde_json::{Value, json};

use super::world::{World, granted_but};
use crate::support::is_soak;

/// Connectors that are tried.
const SLUGS: [&str; 3] = ["bamboohr", "personio", "hibob"];
/// What goes wrong.
const FAULTS: [&str; 12] = [
    "429",
    "500",
    "empty-list",
    "empty-body",
    "html",
    "cut-body",
    "lost-page",
    "repeated-page",
    "expired-token",
    "reduced-scope",
    "forbidden",
    "broken-status",
];

/// Numbers that follow from a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

fn leavers(played: &Value) -> BTreeSet<String> {
    let people = played["people"].as_array().unwrap().iter();
    people
        .map(|p| p["id"].as_str().unwrap().to_owned())
        .collect()
}

/// One company, three leavers, and pulls of which some go wrong.
async fn play(seed: u64) {
    let mut dice = Dice(seed);
    let slug = SLUGS[dice.roll(SLUGS.len())];
    let world = World::of(slug, 80, seed % 5 + 1, JoinerPolicy::Grant).await;
    world.pull().await;
    world.pull().await;
    let before = world.with_access().await;
    let scenario = ["leaver?count=3", "delete?count=3"][dice.roll(2)];
    let left = leavers(&world.play(scenario).await);
    let about = world.company.about().await;
    let offered: Vec<&str> = about["faults"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let (mut healthy, mut said) = (0, Vec::new());
    for _ in 0..6 {
        let fault = FAULTS[dice.roll(FAULTS.len())];
        let is_offered = offered.is_empty() || offered.contains(&fault);
        let goes_wrong = dice.roll(3) < 2 && is_offered;
        let faults = if goes_wrong {
            json!([fault])
        } else {
            json!([])
        };
        world
            .company
            .control("POST", "faults", json!({"faults": faults}))
            .await;
        world.later(6 * 60_000);
        let report = world.run(Kind::Manual).await;
        said.push(format!(
            "{faults}: {} {:?}",
            report.run.state, report.run.evidence
        ));
        healthy += usize::from(!goes_wrong);
        let gone = granted_but(&world.with_access().await, &before);
        let wrong: Vec<&String> = gone.iter().filter(|id| !left.contains(*id)).collect();
        assert!(
            wrong.is_empty(),
            "seed {seed}, {slug}: {wrong:?} lost access\n{}",
            said.join("\n")
        );
        if healthy >= 2 {
            let stay: Vec<&String> = left
                .iter()
                .filter(|id| before.contains(id) && !gone.contains(id))
                .collect();
            assert!(
                stay.is_empty(),
                "seed {seed}, {slug}, {scenario}: {stay:?} are still in\n{}",
                said.join("\n")
            );
        }
    }
    world
        .company
        .control("POST", "faults", json!({"faults": []}))
        .await;
}

#[actix_web::test]
async fn nobody_loses_access_by_a_fault_and_leavers_are_out_in_two_good_pulls() {
    let runs = if is_soak() { 1_000 } else { 50 };
    for seed in 0..runs {
        play(seed).await;
    }
}
