//! What the credentials can do beside what is needed: by the vendor's own words where it has them, and by the fields that
//! come.

use serde_json::Value;

use super::Probe;
use crate::hris::auth::words;
use crate::hris::client::filled;
use crate::hris::error::Error;
use crate::hris::manifest::{Localized, PlainText, Scopes, Sign, ToldBy, scalar};
use crate::hris::mapping::fits;
use crate::hris::pages::Source;

/// Words of the vendor's that are named.
const NAMED: usize = 50;
/// Letters of a word that are shown.
const LONGEST: usize = 120;

/// What the credentials can do, held against what is needed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    /// Rights that are missing, or seem to be: nobody whom the try saw has what they show.
    pub missing: Vec<Localized>,
    /// What can be read, or done, and is not needed.
    pub excess: Vec<Localized>,
    /// What more could be read without anything that shows it.
    pub unseen: Option<Localized>,
}

/// Holds what a try showed against the rights of the connector. Errors: as of any request that ends a pull.
pub(super) async fn reach(source: &Source<'_>, probe: &mut Probe) -> Result<Reach, Error> {
    let rights = &source.manifest.rights;
    let values = Value::Object(source.values.clone());
    let mut reach = Reach {
        unseen: rights.unseen.clone(),
        ..Reach::default()
    };
    if let Some(scopes) = &rights.scopes
        && let Some(granted) = granted(source, scopes, probe).await?
    {
        compare(scopes, &values, &granted, &mut reach)?;
    }
    for sign in &rights.needed {
        // Of nobody there is nothing to be learnt.
        if probe.records > 0 && shows(sign, &values, probe)? == Some(false) {
            reach.missing.push(sign.right.clone());
        }
    }
    for sign in &rights.excess {
        if shows(sign, &values, probe)? == Some(true) {
            reach.excess.push(sign.right.clone());
        }
    }
    Ok(reach)
}

/// The vendor's words; none where it does not say them.
async fn granted(
    source: &Source<'_>,
    scopes: &Scopes,
    probe: &mut Probe,
) -> Result<Option<Vec<String>>, Error> {
    let ToldBy::List(told) = &scopes.told_by else {
        return Ok(source.session.scopes(&scopes.told_by).await);
    };
    let values = Value::Object(source.values.clone());
    let read = source.ask(&told.request, &values).await;
    let answer = probe.note("rights.scopes", false, read)?;
    let found = answer.as_ref().and_then(|answer| told.records.find(answer));
    Ok(found.map(|found| match found.as_array() {
        Some(list) => {
            let words = list.iter().filter_map(|record| told.word.find(record));
            words.filter_map(scalar).collect()
        }
        None => words(found),
    }))
}

/// Texts with their holes filled in, without those that come out empty.
fn filled_in(texts: &[PlainText], values: &Value) -> Result<Vec<String>, Error> {
    let mut all = Vec::with_capacity(texts.len());
    for text in texts {
        let text = filled(text.render(values))?.trim().to_owned();
        all.extend(Some(text).filter(|text| !text.is_empty()));
    }
    Ok(all)
}

fn compare(
    scopes: &Scopes,
    values: &Value,
    granted: &[String],
    reach: &mut Reach,
) -> Result<(), Error> {
    let needed = filled_in(&scopes.needed, values)?;
    let harmless = filled_in(&scopes.harmless, values)?;
    let is_granted = |word: &String| granted.iter().any(|granted| fits(word, granted));
    let missing = needed.iter().filter(|word| !is_granted(word));
    reach
        .missing
        .extend(missing.map(|word| Localized::word(word)));
    let is_known = |word: &String| {
        let mut known = needed.iter().chain(&harmless);
        known.any(|known| fits(known, word))
    };
    let more = granted.iter().filter(|word| !is_known(word)).take(NAMED);
    reach
        .excess
        .extend(more.map(|word| Localized::word(&shortened(word))));
    Ok(())
}

/// The vendor's word without what would be no word of any.
fn shortened(word: &str) -> String {
    let letters = word.chars().filter(|c| !c.is_control() && *c != '`');
    letters.take(LONGEST).collect()
}

/// Whether anybody has what shows a right; none where nothing is asked for that could show it.
fn shows(sign: &Sign, values: &Value, probe: &Probe) -> Result<Option<bool>, Error> {
    let patterns = filled_in(&sign.fields, values)?;
    let is_filled = |pattern: &String| {
        let mut fields = probe.fields.iter();
        fields.any(|(path, (_, filled))| *filled > 0 && fits(pattern, path))
    };
    Ok((!patterns.is_empty()).then(|| patterns.iter().any(is_filled)))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn text(word: &str) -> Localized {
        Localized::word(word)
    }

    #[test]
    fn words_are_compared_with_stars_and_whatever_their_case() {
        let scopes: Scopes = serde_saphyr::from_str(
            "told_by: {token: scope}\nneeded: ['people:read', '{{ area }}:*']\nharmless: [openid, '{% if more %}x{% endif %}']",
        )
        .unwrap();
        let values = serde_json::json!({"area": "jobs", "more": false});
        let granted = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
            let mut reach = Reach::default();
            compare(&scopes, &values, &words, &mut reach).unwrap();
            (reach.missing, reach.excess)
        };
        let nothing = (vec![], vec![]);
        assert_eq!(granted(&["People:Read", "jobs:list", "OpenID"]), nothing);
        assert_eq!(
            granted(&["jobs:list", "salaries:read"]),
            (vec![text("people:read")], vec![text("salaries:read")])
        );
        let long = format!("a\u{1b}`{}", "b".repeat(500));
        let (_, excess) = granted(&["people:read", "jobs:x", &long]);
        assert_eq!(excess, vec![text(&format!("a{}", "b".repeat(LONGEST - 1)))]);
        let many = vec!["x"; 200];
        assert_eq!(granted(&many).1.len(), NAMED);
    }
}
