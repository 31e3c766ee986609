//! Keys that are wrong, and keys that may not read everybody: `connectors check` says so, and a pull ends.

use rosterd::hris::{Error, Kind};

use super::play::{Case, Company, FEW, each};

/// Everybody on the first page, where the vendor's pages are that large: a check sees who is left out.
const WHOLE: Case<'static> = Case {
    page_size: None,
    ..FEW
};

/// Another key of the same form: somebody else's.
fn spoilt(key: &str) -> String {
    // The last letter of base64 may hold bits that mean nothing; one in the middle does not.
    let at = key
        .char_indices()
        .nth(key.chars().count() / 2)
        .map_or(0, |(at, _)| at);
    let (begin, end) = key.split_at(at);
    let letter = end.chars().next().unwrap_or('x');
    let other = match letter {
        'a' => 'b',
        '0'..='9' if letter != '1' => '1',
        '1' => '2',
        _ => 'a',
    };
    format!("{begin}{other}{}", end.chars().skip(1).collect::<String>())
}

fn named(
    rule: &str,
    found: Result<(), Error>,
    kinds: &[Kind],
    secrets: &[String],
) -> Option<String> {
    let Err(error) = found else {
        return Some(format!("{rule}: nothing is said"));
    };
    let text = error.to_string();
    if secrets.iter().any(|secret| text.contains(secret.as_str())) {
        return Some(format!("{rule}: the error holds a secret"));
    }
    if !kinds.contains(&error.kind) {
        return Some(format!("{rule}: {text}"));
    }
    let is_named =
        error.kind != Kind::Rights || error.params.get("right").is_some_and(|r| !r.is_empty());
    (!is_named).then(|| format!("{rule}: the right is not named: {text}"))
}

#[test]
fn a_wrong_key_is_refused() {
    each(async |manifest| {
        let mut out = Vec::new();
        for field in manifest.credentials.iter().filter(|f| f.secret) {
            let company = Company::new(&manifest, FEW);
            let mut keys = company.keys();
            let key = company.world.given(&field.id);
            let Some(other) = key.map(|key| spoilt(&key)) else {
                continue;
            };
            keys.insert(field.id.clone(), other.clone());
            let rule = format!("wrong {}", field.id);
            // A private key that is none any more is not sent at all.
            let kinds = match other.contains("PRIVATE KEY") {
                true => vec![Kind::Credentials, Kind::Settings],
                false => vec![Kind::Credentials],
            };
            let checked = company.check(keys).await.map(|_| ());
            out.extend(named(&rule, checked, &kinds, &[other]));
        }
        if out.is_empty() && !manifest.credentials.iter().any(|f| f.secret) {
            out.push("wrong key: the connector has no secret".to_owned());
        }
        out
    });
}

#[test]
fn a_key_that_may_not_read_people_is_refused_with_the_right_that_is_missing() {
    each(async |manifest| {
        let mut out = Vec::new();
        let company = Company::new(
            &manifest,
            Case {
                fault: "forbidden",
                ..FEW
            },
        );
        let secrets: Vec<String> = manifest
            .credentials
            .iter()
            .filter(|field| field.secret)
            .filter_map(|field| company.world.given(&field.id))
            .collect();
        let checked = company.check(company.keys()).await.map(|_| ());
        out.extend(named(
            "check without rights",
            checked,
            &[Kind::Rights],
            &secrets,
        ));
        let company = Company::new(
            &manifest,
            Case {
                fault: "forbidden",
                ..FEW
            },
        );
        let pulled = company.pull().await.outcome.map(|_| ());
        out.extend(named(
            "pull without rights",
            pulled,
            &[Kind::Rights],
            &secrets,
        ));
        out
    });
}

#[test]
fn a_key_that_may_read_less_of_people_is_seen_by_the_check() {
    each(async |manifest| {
        let company = Company::new(&manifest, WHOLE);
        let about = company.world.about().await;
        // Where a vendor hides nothing, a key reads a list or does not.
        if !about["faults"]
            .as_array()
            .unwrap()
            .iter()
            .any(|f| f == "reduced-scope")
        {
            return Vec::new();
        }
        let whole = company.check(company.keys()).await;
        let company = Company::new(
            &manifest,
            Case {
                fault: "reduced-scope",
                ..WHOLE
            },
        );
        let less = company.check(company.keys()).await;
        match (whole, less) {
            (Ok(whole), Ok(_)) if !whole.unread.is_empty() => {
                vec![format!("check: a good key cannot read {:?}", whole.unread)]
            }
            (Ok(whole), Ok(less)) => {
                let filled = |path: &String| less.fields.get(path).map_or(0, |f| f.1);
                let lost: Vec<&String> = whole
                    .fields
                    .iter()
                    .filter(|(path, (_, count))| *count > 0 && filled(path) == 0)
                    .map(|(path, _)| path)
                    .collect();
                let is_shorter = less.records < whole.records || less.announced < whole.announced;
                let is_named = !less.unread.is_empty() || !less.reach.missing.is_empty();
                match (is_named || is_shorter, lost.is_empty()) {
                    // Of people who are left out nothing speaks but their number.
                    (true, _) => Vec::new(),
                    (false, true) => vec!["reduced rights: the check shows the same".to_owned()],
                    (false, false) => {
                        vec![format!("reduced rights: no right is named for {lost:?}")]
                    }
                }
            }
            (Ok(_), Err(error)) => named("reduced rights", Err(error), &[Kind::Rights], &[])
                .into_iter()
                .collect(),
            (Err(error), _) => vec![format!("check: {error}")],
        }
    });
}

#[test]
fn a_key_that_can_do_more_than_is_needed_is_warned_of() {
    each(async |manifest| {
        let mut out = Vec::new();
        let rights = &manifest.rights;
        if rights.scopes.is_none() && rights.excess.is_empty() && rights.unseen.is_none() {
            out.push(
                "rights: say what shows a key that can do more, or that nothing does".to_owned(),
            );
        }
        let company = Company::new(&manifest, FEW);
        let about = company.world.about().await;
        match company.check(company.keys()).await {
            Err(error) => out.push(format!("check: {error}")),
            Ok(good) => {
                let reach = &good.reach;
                if !reach.missing.is_empty() || !reach.excess.is_empty() {
                    out.push(format!("check of a good key: {reach:?}"));
                }
            }
        }
        let can_show = about["faults"]
            .as_array()
            .unwrap()
            .iter()
            .any(|f| f == "wide-scope");
        // Scopes that were asked for alone show what is missing, and never more.
        if !can_show {
            if !rights.excess.is_empty() {
                out.push("rights: `excess` that the stand-in never shows".to_owned());
            }
            return out;
        }
        let company = Company::new(
            &manifest,
            Case {
                fault: "wide-scope",
                ..FEW
            },
        );
        match company.check(company.keys()).await {
            Err(error) => out.push(format!("wide-scope: {error}")),
            Ok(wide) if wide.reach.excess.is_empty() => {
                out.push("wide-scope: nothing is warned of".to_owned());
            }
            Ok(_) => {}
        }
        // What is too much changes nobody, and is not kept.
        let pulled = company.pull().await;
        out.extend(super::wrong(&company, &pulled, "wide-scope").await);
        out
    });
}
