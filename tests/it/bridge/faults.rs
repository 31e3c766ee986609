//! Seeded runs over connectors and faults: nobody loses access, or a name, for anything but having left, and everybody
//! who left is out within two pulls that go well.
//!
//! Two things stand between a fault and a wrong loss. Where the vendor says how many people there are, a page has fewer
//! people than the guard lets go, so that only the proof of completeness holds; where it does not, a page has more, so
//! that only the guard does. With the proof switched off the same runs must end in a wrong loss.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::NaiveDate;
use futures_util::future::{BoxFuture, FutureExt};
use rosterd::cli::simulate::hris::{Setup, slugs};
use rosterd::domain::access::JoinerPolicy;
use rosterd::domain::clock::ManualClock;
use rosterd::domain::ids::TenantId;
use rosterd::hris::error::Error as PullError;
use rosterd::hris::{Evidence, Gap};
use rosterd::service;
use rosterd::sync::schedule::{Opened, Sources};
use rosterd::sync::{Feed, Gather, Kind, Watch, Which};
use serde_json::Value;

use super::world::{World, granted_but};
use crate::standins::client::{World as Company, day};
use crate::support::{TestApp, is_soak, variable};

/// What goes wrong: the word of the fault, and how often where it matters.
const FAULTS: [&str; 16] = [
    "429",
    "500",
    "500=9",
    "empty-list",
    "empty-body",
    "html",
    "html=1",
    "cut-body",
    "cut-body=1",
    "lost-page",
    "repeated-page",
    "slow",
    "expired-token",
    "reduced-scope",
    "forbidden",
    "broken-status",
];
/// Whose lists say how many people there are.
const WITH_TOTALS: [&str; 16] = [
    "bamboohr",
    "breathe-hr",
    "deel",
    "eurecia",
    "factorial",
    "humaans",
    "iris-cascade",
    "lucca",
    "nmbrs",
    "officient",
    "personio",
    "planday",
    "remote",
    "sage-hr",
    "sesame-hr",
    "simployer",
];
/// People of a company.
const PEOPLE: u32 = 64;
/// Pulls of a run.
const ROUNDS: usize = 6;

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

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.roll(all.len())]
    }
}

/// A server for all runs, each of which has a tenant of its own.
struct Ground {
    app: Rc<TestApp>,
    clock: Arc<ManualClock>,
    runs: Cell<u32>,
}

impl Ground {
    async fn new() -> Self {
        let clock = Arc::new(ManualClock::at(Company::of("bamboohr", 1, 1).now()));
        let app = TestApp::start_with(Arc::<ManualClock>::clone(&clock)).await;
        Self {
            app: Rc::new(app),
            clock,
            runs: Cell::new(0),
        }
    }

    async fn world(&self, slug: &'static str, seed: u64) -> World {
        let has_totals = WITH_TOTALS.contains(&slug);
        let company = Company::start(
            slug,
            Setup {
                seed,
                is_limited: false,
                page_size: Some(if has_totals { 4 } else { 16 }),
                delay: Duration::from_millis(5),
                ..Setup::new(slug, PEOPLE, day())
            },
        );
        self.clock.set(company.now());
        self.runs.set(self.runs.get() + 1);
        let tenant = self.app.tenant(&format!("run-{}", self.runs.get())).await;
        let (app, clock) = (Rc::clone(&self.app), Arc::clone(&self.clock));
        World::with(app, clock, tenant, company, JoinerPolicy::Grant).await
    }
}

/// Takes every pull for a complete one: what the proof of completeness would say is not said.
struct Credulous(Arc<dyn Sources>);

impl Sources for Credulous {
    fn open<'a>(
        &'a self,
        tenant: &'a TenantId,
        connection: &'a str,
    ) -> BoxFuture<'a, service::Result<Option<Result<Opened, PullError>>>> {
        async move {
            let opened = self.0.open(tenant, connection).await?;
            Ok(opened.map(|opened| {
                opened.map(|Opened { setup, feed }| Opened {
                    setup,
                    feed: Box::new(Believed(feed)),
                })
            }))
        }
        .boxed()
    }
}

struct Believed(Box<dyn Feed>);

impl Feed for Believed {
    fn read<'a>(
        &'a self,
        day: NaiveDate,
        people: &'a mut Gather,
        watch: &'a dyn Watch,
    ) -> BoxFuture<'a, Result<Evidence, PullError>> {
        async move {
            let read = self.0.read(day, people, watch).await?;
            Ok(Evidence {
                people: read.people.max(1),
                gaps: Vec::<Gap>::new(),
                coverage: BTreeMap::new(),
                ..read
            })
        }
        .boxed()
    }
}

/// What became of a run.
#[derive(Default)]
struct Played {
    slug: &'static str,
    /// Faults that happened.
    faults: BTreeSet<&'static str>,
    /// What must not happen.
    wrong: Option<String>,
    /// Leavers who waited for an admin, since a fault had shown so many of them at once.
    waited: usize,
    rounds: Vec<String>,
}

impl Played {
    fn fails(mut self, why: String) -> Self {
        self.wrong = Some(format!("{why}\n  {}", self.rounds.join("\n  ")));
        self
    }
}

fn leavers(played: &Value) -> BTreeSet<String> {
    let people = played["people"].as_array().unwrap().iter();
    people
        .map(|p| p["id"].as_str().unwrap().to_owned())
        .collect()
}

/// The faults of each round: none, the one of the round before, or another one.
fn plan(dice: &mut Dice, offered: &[&'static str]) -> Vec<Option<&'static str>> {
    let mut rounds = Vec::new();
    let mut last = dice.one_of(offered);
    for _ in 0..ROUNDS {
        rounds.push(match dice.roll(6) {
            0 | 1 => None,
            2..=4 => Some(last),
            _ => {
                last = dice.one_of(offered);
                Some(last)
            }
        });
    }
    // Two good ones at the end, so that everybody's leaving is looked at.
    rounds.extend([None, None]);
    rounds
}

async fn offered(company: &Company) -> Vec<&'static str> {
    let about = company.about().await;
    let known: Vec<&str> = about["faults"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let word = |fault: &&'static str| known.contains(&fault.split('=').next().unwrap());
    FAULTS.into_iter().filter(|f| word(f)).collect()
}

/// One company, three leavers, and pulls of which some go wrong.
async fn play(ground: &Ground, seed: u64, is_credulous: bool) -> Played {
    let mut dice = Dice(seed);
    let only = variable("ROSTERD_ONLY_CONNECTOR");
    let mut all = slugs();
    // Where there are no totals the guard alone holds, with the proof or without.
    all.retain(|slug| !is_credulous || WITH_TOTALS.contains(slug));
    all.retain(|slug| {
        only.as_deref()
            .is_none_or(|only| only.split(',').any(|o| o == *slug))
    });
    let slug = all[usize::try_from(seed).unwrap() % all.len()];
    let mut world = ground.world(slug, seed % 50 + 1).await;
    if is_credulous {
        world = world.through(|sources| Arc::new(Credulous(sources)));
    }
    let mut played = Played {
        slug,
        ..Played::default()
    };
    let first = world.run(Kind::Manual).await;
    if !first.run.is_complete && !is_credulous {
        return played.fails(format!("the first pull: {:?}", first.run));
    }
    let (before, names) = (world.with_access().await, world.names());
    let scenario = ["leaver?count=3", "delete?count=3"][dice.roll(2)];
    let left = leavers(&world.play(scenario).await);
    let (mut healthy, mut held_by_fault) = (0, false);
    for fault in plan(&mut dice, &offered(&world.company).await) {
        played.faults.extend(fault);
        let words: Vec<&str> = fault.into_iter().collect();
        world.company.set_faults(&words).await;
        world.later(6 * 60_000);
        let report = world.run(Kind::Manual).await;
        played.rounds.push(format!(
            "{fault:?}: {} {:?} {:?} {:?}",
            report.run.state, report.run.why_held, report.error, report.run.evidence
        ));
        let gone = granted_but(&world.with_access().await, &before);
        let wrong: Vec<&String> = gone.iter().filter(|id| !left.contains(*id)).collect();
        if !wrong.is_empty() {
            return played.fails(format!("{scenario}: {wrong:?} lost access"));
        }
        let now = world.names();
        let renamed = names
            .iter()
            .find(|(id, name)| !left.contains(*id) && now.get(*id).is_some_and(|now| now != *name));
        if let Some((id, name)) = renamed {
            return played.fails(format!("{scenario}: {id} is no longer {name}"));
        }
        held_by_fault |= fault.is_some() && report.counts.held > 0;
        if fault.is_some() {
            continue;
        }
        healthy += 1;
        let held = world.held().await;
        if report.waits() && !held_by_fault {
            return played.fails(format!("{scenario}: {held:?} wait without a reason"));
        }
        // Of what a fault made wait, nobody is left but who left indeed: an admin says so.
        if let Some(stays) = held.iter().find(|h| !left.contains(&h.source_id)) {
            return played.fails(format!("{scenario}: {stays:?} waits still"));
        }
        if !held.is_empty() {
            played.waited += held.len();
            world.release(&Which::All).await;
        }
        let gone = granted_but(&world.with_access().await, &before);
        let stay = left
            .iter()
            .filter(|id| before.contains(id) && !gone.contains(id));
        let stay: Vec<&String> = stay.collect();
        if healthy >= 2 && !stay.is_empty() {
            return played.fails(format!("{scenario}: {stay:?} are still in"));
        }
    }
    played
}

/// Seeds that are played: so many, or `from..to`. In the gate each connector has some.
fn seeds() -> std::ops::Range<u64> {
    let all = if is_soak() { 1_000 } else { 50 };
    let Some(asked) = variable("ROSTERD_TEST_SEEDS") else {
        return 0..all;
    };
    match asked.split_once("..") {
        Some((from, to)) => from.parse().unwrap()..to.parse().unwrap(),
        None => 0..asked.parse().unwrap(),
    }
}

#[actix_web::test]
async fn nobody_loses_access_by_a_fault_and_leavers_are_out_in_two_good_pulls() {
    let (ground, began) = (Ground::new().await, Instant::now());
    let (mut faulty, mut waited, mut met) = (Vec::new(), 0, BTreeMap::new());
    for seed in seeds() {
        let played = play(&ground, seed, false).await;
        for fault in &played.faults {
            *met.entry((played.slug, *fault)).or_insert(0) += 1;
        }
        waited += usize::from(played.waited > 0);
        let slug = played.slug;
        let wrong = played
            .wrong
            .map(|why| format!("seed {seed}, {slug}: {why}"));
        faulty.extend(wrong);
    }
    let mut err = std::io::stderr();
    writeln!(
        err,
        "{} runs in {:?}, {} pairs of connector and fault; in {waited} an admin was asked",
        seeds().count(),
        began.elapsed(),
        met.len(),
    )
    .unwrap();
    assert!(
        faulty.is_empty(),
        "{} runs:\n{}",
        faulty.len(),
        faulty.join("\n")
    );
    assert!(waited * 5 <= seeds().count(), "{waited}");
    assert_eq!(ground.app.verify().await.faults, []);
}

#[actix_web::test]
async fn without_the_proof_of_completeness_the_same_runs_end_in_wrong_losses() {
    let ground = Ground::new().await;
    let mut wrong: BTreeMap<&'static str, u32> = BTreeMap::new();
    for seed in seeds() {
        let played = play(&ground, seed, true).await;
        if played.wrong.is_some_and(|why| why.contains("lost access")) {
            *wrong.entry(played.slug).or_default() += 1;
            if !is_soak() {
                break;
            }
        }
    }
    let mut err = std::io::stderr();
    writeln!(err, "wrong losses without the proof: {wrong:?}").unwrap();
    assert!(
        !wrong.is_empty(),
        "the runs do not find a proof that is gone"
    );
}
