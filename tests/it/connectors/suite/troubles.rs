//! What may pass is survived; what may not is never taken for the truth.

use super::play::{Case, Company, FEW, each};
use super::truth::differences;
use super::wrong;

/// Faults that pass, with how often they happen.
const PASSING: [&str; 6] = [
    "429=1",
    "500=2",
    "html=1",
    "empty-body=1",
    "cut-body=1",
    "expired-token=1",
];

/// Faults that stay.
const STAYING: [&str; 8] = [
    "500=9",
    "empty-list",
    "empty-body",
    "html",
    "cut-body",
    "forbidden",
    "lost-page",
    "repeated-page",
];

#[test]
fn what_passes_is_survived() {
    each(async |manifest| {
        let mut out = Vec::new();
        let quiet = Company::new(&manifest, FEW);
        let (known, least) = (known(&quiet).await, quiet.pull().await.seen.len());
        for fault in PASSING.into_iter().filter(|f| is_of(&known, f)) {
            let company = Company::new(&manifest, Case { fault, ..FEW });
            let pulled = company.pull().await;
            out.extend(wrong(&company, &pulled, fault).await);
            // The fault happened: somebody had to ask again, or for a token.
            if pulled.seen.len() <= least {
                out.push(format!("{fault}: did not happen"));
            }
        }
        out
    });
}

#[test]
fn what_stays_is_never_taken_for_the_truth() {
    each(async |manifest| {
        let mut out = Vec::new();
        let known = known(&Company::new(&manifest, FEW)).await;
        for fault in STAYING.into_iter().filter(|f| is_of(&known, f)) {
            let company = Company::new(&manifest, Case { fault, ..FEW });
            let pulled = company.pull().await;
            let Ok(evidence) = &pulled.outcome else {
                continue;
            };
            let truth = company.world.truth().await;
            let mut different = differences(&pulled.people, &truth);
            // Said to be less than the vendor has: then nothing is taken away from anybody, but nobody may be missing.
            if !evidence.degraded.is_empty() {
                different.retain(|line| line.ends_with(": missing"));
            }
            let is_believed = evidence.is_complete() && !different.is_empty();
            // People of a page that is not there are missed where nobody counts them; then the guard of plans holds.
            let is_counted = evidence.announced.is_some() || fault != "lost-page";
            if is_believed && is_counted {
                out.push(format!(
                    "{fault}: {} people of {} are taken for all",
                    evidence.people,
                    truth.len()
                ));
            }
        }
        out
    });
}

async fn known(company: &Company) -> Vec<String> {
    let about = company.world.about().await;
    let faults = about["faults"].as_array().unwrap().iter();
    faults.map(|f| f.as_str().unwrap().to_owned()).collect()
}

fn is_of(known: &[String], fault: &str) -> bool {
    let word = fault.split('=').next().unwrap();
    known.iter().any(|k| k == word)
}
