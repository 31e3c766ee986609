//! The same company, answered in other forms and in other pages: the connector tells the same.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::sync::Mutex;

use rosterd::hris::manifest::{Manifest, Paging};

use super::play::{Case, Company, FEW, Pulled, each};
use super::wrong;
use crate::support::{is_soak, variable};

/// The words of `--vary`, as many as can be on at the same time.
const TOGETHER: [&str; 2] = [
    "extra-fields,shuffled,text-ids,header-case,relative-links",
    "extra-fields,shuffled,number-ids,header-case,absolute-links",
];

fn follows_links(manifest: &Manifest) -> bool {
    matches!(
        manifest.people.paging,
        Paging::NextUrl { .. } | Paging::LinkHeader { .. } | Paging::Odata { .. }
    )
}

/// What a variation must have found to change, if what the connector reads has it.
fn unfound(manifest: &Manifest, counts: &BTreeMap<String, u64>) -> Vec<String> {
    let must = |word: &str| match word {
        "extra-fields" | "shuffled" | "header-case" => true,
        // Six pages: there are links to the next one.
        "relative-links" | "absolute-links" => follows_links(manifest),
        _ => false,
    };
    let nothing = counts
        .iter()
        .filter(|(word, count)| **count == 0 && must(word));
    nothing
        .map(|(word, _)| format!("{word}: nothing was there to be changed"))
        .collect()
}

/// What is wrong with a pull of answers in other forms, and how often each was found.
async fn varied(manifest: &Manifest, words: &str) -> (Vec<String>, BTreeMap<String, u64>) {
    let company = Company::new(manifest, Case { vary: words, ..FEW });
    let mut out = wrong(&company, &company.pull().await, words).await;
    let counts = company.varied().await;
    out.extend(unfound(manifest, &counts));
    (out, counts)
}

#[test]
fn other_forms_of_the_answers_change_nothing() {
    let found: Mutex<BTreeMap<String, (u32, BTreeSet<String>)>> = Mutex::default();
    each(async |manifest| {
        let mut out = Vec::new();
        for together in TOGETHER {
            let (what, counts) = varied(&manifest, together).await;
            // One by one they say which it is.
            if is_soak() || !what.is_empty() {
                for words in together.split(',') {
                    out.extend(varied(&manifest, words).await.0);
                }
            }
            out.extend(what);
            let mut found = found.lock().unwrap();
            for (word, count) in counts {
                let (some, none) = found.entry(word).or_default();
                match count {
                    0 => drop(none.insert(manifest.slug.clone())),
                    _ => *some += 1,
                }
            }
        }
        out
    });
    let mut err = std::io::stderr();
    for (word, (some, none)) in found.into_inner().unwrap() {
        writeln!(
            err,
            "{word}: changed {some} pulls; nothing to change: {none:?}"
        )
        .unwrap();
        let is_met = some > 0 || variable("ROSTERD_ONLY_CONNECTOR").is_some();
        assert!(is_met, "{word}: no connector met it");
    }
}

#[test]
fn pages_of_any_size_hold_the_same_people() {
    each(async |manifest| {
        let mut out = Vec::new();
        for size in [1, 7] {
            let people = if size == 1 { 25 } else { 40 };
            let case = Case {
                people,
                page_size: Some(size),
                ..FEW
            };
            let company = Company::new(&manifest, case);
            let pulled = company.pull().await;
            out.extend(wrong(&company, &pulled, &format!("pages of {size} at most")).await);
            out.extend(wasted(&manifest, &pulled));

            let case = Case {
                page_size: None,
                ..case
            };
            let asking = u64::try_from(size).unwrap();
            let company = Company::new(&manifest, case).with_size(asking);
            let pulled = company.pull().await;
            if !is_refused_size(&pulled) {
                out.extend(wrong(&company, &pulled, &format!("pages of {size} asked for")).await);
            }
        }
        out
    });
}

/// The vendor has pages of other sizes alone.
fn is_refused_size(pulled: &Pulled) -> bool {
    let refused = |seen: &serde_json::Value| [400, 422].contains(&seen["status"].as_u64().unwrap());
    pulled.outcome.is_err() && pulled.seen.iter().any(refused)
}

/// A page without anybody is one too many, unless nothing but such a page ends the list.
fn wasted(manifest: &Manifest, pulled: &Pulled) -> Option<String> {
    use rosterd::hris::manifest::Until;
    let is_ended_by_it = matches!(
        &manifest.people.paging,
        Paging::Page {
            until: Until::Empty,
            ..
        } | Paging::Offset {
            until: Until::Empty,
            ..
        }
    );
    let is_wasted = pulled.pages.len() > 1 && pulled.pages.contains(&0);
    let is_wasted = is_wasted && !is_ended_by_it && manifest.people.each.is_none();
    is_wasted.then(|| format!("a page of nobody was asked for: {:?}", pulled.pages))
}
