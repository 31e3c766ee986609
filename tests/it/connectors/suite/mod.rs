//! One suite for all connectors. Each is tried at the stand-in of its vendor, which was written from the vendor's
//! documentation and not from the connector: a rule that holds for one holds for all, and nothing is left out by name.
//! What a rule cannot try with a vendor, the vendor's answers show: a variation that found nothing to change, a list
//! that counts nobody. `ROSTERD_ONLY_CONNECTOR=slug,slug` tries these alone.

mod asked;
mod keys;
pub mod play;
mod troubles;
mod truth;
mod variations;

use std::collections::BTreeSet;

use rosterd::hris::manifest::{ManagerBy, Manifest};
use serde_json::Value;

use crate::standins::client::day;
use crate::support::is_soak;
use play::{Case, Company, FEW, Pulled, each};
use truth::differences;

/// What is wrong with a pull that must tell the whole truth; `rule` says what was tried.
async fn wrong(company: &Company, pulled: &Pulled, rule: &str) -> Vec<String> {
    let evidence = match &pulled.outcome {
        Ok(evidence) => evidence,
        Err(error) => return vec![format!("{rule}: {error}")],
    };
    let mut out = Vec::new();
    // Whose account was erased is nobody's manager: the pull says so, and the truth names none.
    let is_less = |gap: &&rosterd::hris::Gap| gap.code != "managers_not_found";
    if !evidence.is_complete()
        || evidence.degraded.iter().any(|gap| is_less(&gap))
        || !evidence.unknown_words.is_empty()
        || evidence.rejected > 0
    {
        out.push(format!("{rule}: {evidence:?}"));
    }
    let truth = company.world.truth().await;
    let different = differences(&pulled.people, &truth);
    if different.len() > 4 {
        out.push(format!("{rule}: {} differences", different.len()));
    }
    out.extend(different.iter().take(4).map(|d| format!("{rule}: {d}")));
    out
}

/// What the capabilities say, against what came.
fn capabilities(manifest: &Manifest, truth: &[Value]) -> Vec<String> {
    let states: BTreeSet<&str> = truth
        .iter()
        .filter_map(|user| user[rosterd::hris::ROSTERD]["employmentState"].as_str())
        .collect();
    let may_have_left = states.contains("left") || truth.iter().any(|user| user["active"] == false);
    let of = &manifest.capabilities;
    let has_manager = truth
        .iter()
        .any(|user| user[rosterd::hris::ENTERPRISE]["manager"].is_object());
    let has_accents = truth
        .iter()
        .any(|user| !user["name"].to_string().is_ascii());
    let cases = [
        ("leavers", of.leavers, may_have_left),
        ("managers", !of.manager.is_empty(), has_manager),
        ("letters beyond ASCII", true, has_accents),
    ];
    let mut out: Vec<String> = cases
        .into_iter()
        .filter(|(_, said, found)| said != found)
        .map(|(what, said, found)| format!("capabilities: {what}: said {said}, found {found}"))
        .collect();
    // Without words for states nobody is known to be hired and not there.
    if !states.is_empty() && of.future_hires != states.contains("prehire") {
        let said = of.future_hires;
        out.push(format!(
            "capabilities: future hires: said {said}, found {states:?}"
        ));
    }
    out
}

/// Everybody whom people can be, on the usual pages.
const MANY: Case<'static> = Case {
    people: 120,
    page_size: None,
    ..FEW
};

#[test]
fn each_connector_tells_what_its_vendor_tells() {
    each(async |manifest| {
        let company = Company::new(&manifest, MANY);
        let mut out = wrong(&company, &company.pull().await, "truth").await;
        out.extend(capabilities(&manifest, &company.world.truth().await));
        out
    });
}

#[test]
fn another_day_makes_leavers_of_who_was_to_leave_and_employees_of_who_was_to_come() {
    each(async |manifest| {
        let (mut out, mut company) = (Vec::new(), Company::new(&manifest, FEW));
        for days in [1, 400] {
            company.set_day(day() + chrono::Days::new(days)).await;
            let rule = format!("in {days} days");
            out.extend(wrong(&company, &company.pull().await, &rule).await);
        }
        out
    });
}

#[test]
fn what_is_read_beside_people_fills_something_in() {
    each(async |manifest| {
        let whole = Company::new(&manifest, MANY).pull().await.seen.len();
        let lookups = manifest.lookups.keys().map(|name| ("lookups", name));
        let joins = manifest.joins.keys().map(|name| ("joins", name));
        let details = manifest.details.keys().map(|name| ("details", name));
        let mut out = Vec::new();
        for (kind, name) in lookups.chain(joins).chain(details) {
            let mut without = Company::new(&manifest, MANY);
            let of = &mut without.manifest;
            match kind {
                "lookups" => drop(of.lookups.remove(name)),
                "joins" => drop(of.joins.remove(name)),
                _ => drop(of.details.remove(name)),
            }
            let pulled = without.pull().await;
            let is_read = pulled.seen.len() < whole;
            if is_read && wrong(&without, &pulled, "").await.is_empty() {
                out.push(format!("{kind}.{name}: nothing comes of it"));
            }
        }
        out
    });
}

#[test]
fn managers_come_by_the_names_that_the_connector_says() {
    each(async |manifest| {
        let company = Company::new(&manifest, FEW);
        if manifest.capabilities.manager.contains(&ManagerBy::Id) {
            return Vec::new();
        }
        // Taken for ids, the names of managers are nobody's.
        let mut misled = Company::new(&manifest, FEW);
        misled.manifest.capabilities.manager = vec![ManagerBy::Id];
        let (good, bad) = (company.pull().await, misled.pull().await);
        let mut out = wrong(&company, &good, "managers").await;
        if wrong(&misled, &bad, "managers").await.is_empty() {
            out.push("managers: the connector says that it names none by id, and does".to_owned());
        }
        out
    });
}

#[test]
fn seeds_of_the_soak_tell_the_truth_too() {
    if !is_soak() {
        return;
    }
    each(async |manifest| {
        let mut out = Vec::new();
        for people in [1, 2, 63, 700, 2_100] {
            let case = Case {
                people,
                page_size: None,
                ..FEW
            };
            let company = Company::new(&manifest, case);
            let rule = format!("{people} people");
            out.extend(wrong(&company, &company.pull().await, &rule).await);
        }
        out
    });
}
