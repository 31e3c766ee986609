//! `docs/connectors`: made of the connectors and of what pulls from the stand-ins bring, and held here. A connector that
//! stops bringing something, and does not say so under `lacks`, fails.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use rosterd::cli::connectors::pages::{Delivered, file_name, index, page};
use rosterd::domain::language::Language;
use rosterd::hris::catalogue::Catalogue;
use rosterd::hris::manifest::{Lack, Manifest, Part};

use super::suite::play::{Case, Company, FEW};
use crate::support::variable;

const FOLDER: &str = "docs/connectors";

/// What may come beside the parts of the table, and is nobody's private matter: `addresses` is the place of work.
const OTHERS: [&str; 4] = ["addresses", "nickName", "profileUrl", "userType"];

const MANY: Case<'static> = Case {
    people: 80,
    page_size: None,
    ..FEW
};

type Units = BTreeSet<String>;

/// Units that anybody has; nothing where a pull without these values is refused.
async fn units(manifest: &Manifest, without: &[&str]) -> Option<Units> {
    let pulled = Company::new(manifest, MANY).pull_without(without).await;
    Some(pulled.outcome.ok()?.coverage.into_keys().collect())
}

fn parts(units: &Option<Units>) -> BTreeSet<Part> {
    let units = units.iter().flatten();
    units.filter_map(|unit| Part::of_unit(unit)).collect()
}

/// Settings that the stand-in's administrator would fill in, and that a customer may leave as they are.
fn settings(manifest: &Manifest) -> Vec<&str> {
    let world = Company::new(manifest, MANY).world;
    let free = manifest
        .settings
        .iter()
        .filter(|field| field.optional || field.default.is_some());
    free.map(|field| field.id.as_str())
        .filter(|id| world.given(id).is_some())
        .collect()
}

async fn delivered(manifest: &Manifest) -> Delivered {
    let full = units(manifest, &[]).await;
    let full = full.unwrap_or_else(|| panic!("{}: the pull fails", manifest.slug));
    let mut settings = settings(manifest);
    // What each of them alone takes away. One without which nothing comes at all (the name of an interface) names no field.
    let mut left = BTreeMap::new();
    for setting in &settings {
        left.insert(*setting, units(manifest, &[setting]).await);
    }
    settings.retain(|setting| left.get(setting).is_some_and(Option::is_some));
    let others = full.iter().filter(|unit| Part::of_unit(unit).is_none());
    let others = others.filter(|unit| *unit != "externalId").cloned();
    let others = others.collect();
    let all = parts(&Some(full));
    let bare = match settings.is_empty() {
        true => all.clone(),
        false => parts(&units(manifest, &settings).await),
    };
    let mut found: BTreeMap<Part, BTreeSet<String>> = BTreeMap::new();
    found.extend(all.iter().map(|part| (*part, BTreeSet::new())));
    if bare != all {
        for setting in &settings {
            let left = parts(&left[setting]);
            let lost = all
                .iter()
                .filter(|p| !left.contains(p) && !bare.contains(p));
            for part in lost {
                let needs = found.entry(*part).or_default();
                needs.insert((*setting).to_owned());
            }
        }
        // One of several is enough.
        let unexplained = found
            .iter_mut()
            .filter(|(part, needs)| !bare.contains(part) && needs.is_empty());
        for (part, needs) in unexplained {
            for setting in &settings {
                let rest: Vec<&str> = settings.iter().copied().filter(|s| s != setting).collect();
                if parts(&units(manifest, &rest).await).contains(part) {
                    needs.insert((*setting).to_owned());
                }
            }
            assert!(!needs.is_empty(), "{} {part:?}", manifest.slug);
        }
    }
    Delivered {
        parts: found,
        others,
    }
}

/// What is not true in what the connector says it does not bring.
fn lies(manifest: &Manifest, delivered: &Delivered) -> Vec<String> {
    let slug = &manifest.slug;
    let mut lies = Vec::new();
    for part in Part::ALL {
        let word = part.as_str();
        match (
            delivered.parts.contains_key(&part),
            manifest.lacks.get(&part),
        ) {
            (false, None) => {
                lies.push(format!(
                    "{slug}: `{word}` does not come: say under `lacks` why"
                ));
            }
            (true, Some(_)) => lies.push(format!("{slug}: `{word}` comes: not under `lacks`")),
            (false, Some(Lack::Custom)) if !manifest.settings.iter().any(|s| s.optional) => {
                lies.push(format!("{slug}: no setting can name a field for `{word}`"));
            }
            _ => {}
        }
    }
    let others = delivered.others.iter();
    let unknown = others.filter(|unit| !OTHERS.contains(&unit.as_str()));
    lies.extend(
        unknown.map(|unit| format!("{slug}: `{unit}` comes too: is it anybody's business?")),
    );
    lies
}

#[actix_web::test]
async fn the_pages_of_systems_are_made_of_connectors_and_of_what_comes() {
    let catalogue = Catalogue::load(None).unwrap();
    let (mut all, mut faults) = (Vec::new(), Vec::new());
    for manifest in catalogue.list() {
        let delivered = delivered(manifest).await;
        faults.extend(lies(manifest, &delivered));
        all.push((Arc::clone(manifest), delivered));
    }
    let mut wanted = BTreeMap::new();
    for language in Language::ALL {
        wanted.insert(file_name("README", language), index(&all, language));
        for (manifest, delivered) in &all {
            let name = file_name(&manifest.slug, language);
            wanted.insert(name, page(manifest, delivered, language));
        }
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER);
    if variable("ROSTERD_WRITE_DOCS").is_some() {
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        for (name, text) in &wanted {
            std::fs::write(folder.join(name), text).unwrap();
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    for (name, text) in &wanted {
        let written = std::fs::read_to_string(folder.join(name)).unwrap_or_default();
        assert!(
            written == *text,
            "{FOLDER}/{name} is out of date: run ROSTERD_WRITE_DOCS=1 cargo test --test it the_pages_of_systems"
        );
    }
    let there = std::fs::read_dir(&folder).unwrap().count();
    assert_eq!(there, wanted.len(), "a page of no system lies in {FOLDER}");
}

#[actix_web::test]
async fn a_connector_that_stops_bringing_something_is_found_out() {
    let text = include_str!("../../../connectors/charlie-hr.yaml");
    let less = text.replace("title:", "nothing:");
    assert_ne!(less, text);
    let manifest = Manifest::parse(&less, "charlie-hr.yaml").unwrap();
    let found = lies(&manifest, &delivered(&manifest).await);
    assert!(found.iter().any(|f| f.contains("`title`")), "{found:?}");
    assert!(found.iter().any(|f| f.contains("`nothing`")), "{found:?}");
}
