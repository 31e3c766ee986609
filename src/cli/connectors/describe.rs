//! What people are told of a connector, section by section in one language: `connectors show` prints it, and pages are
//! made of it. In all texts backticks mark code.

use serde_json::json;

use crate::domain::language::Language;
use crate::hris::manifest::{
    Auth, Card, Field, GivenBy, Localized, Manifest, Method, Paging, PlainText,
};
use crate::words::{Book, Two, connectors as w, fill, of, say};

/// How a note begins that tells what nobody has verified; in English, whatever is shown.
const UNVERIFIED: &str = "Not verified:";

/// A part of what is told.
pub(super) struct Section<'a> {
    pub(super) title: Two,
    /// What stands above the list.
    pub(super) lead: Option<&'static str>,
    pub(super) body: Body<'a>,
}

/// What a section holds.
pub(super) enum Body<'a> {
    /// Values that are asked for.
    Fields(&'a [Field]),
    /// One after the other.
    Steps(Vec<String>),
    /// Side by side.
    List(Vec<String>),
}

impl Body<'_> {
    fn is_empty(&self) -> bool {
        match self {
            Self::Fields(fields) => fields.is_empty(),
            Self::Steps(list) | Self::List(list) => list.is_empty(),
        }
    }
}

/// Everything, in order; sections with nothing in them are left out. `api` is none for connectors that read files.
pub(super) fn sections<'a>(
    card: &Card<'a>,
    api: Option<&Manifest>,
    language: Language,
) -> Vec<Section<'a>> {
    let plain = |title, body| Section {
        title,
        lead: None,
        body,
    };
    let led = |title, lead, body| Section {
        title,
        lead: Some(of(lead, language)),
        body,
    };
    let mut all = vec![
        plain(w::CREDENTIALS, Body::Fields(card.credentials)),
        plain(w::SETTINGS, Body::Fields(card.settings)),
        plain(w::STEPS, Body::Steps(texts(card.steps, language))),
    ];
    if let Some(api) = api {
        let rights = Body::List(rights(api, language));
        all.push(led(w::RIGHTS, w::REQUESTS, rights));
        let lacks = Body::List(lacks(api, language));
        all.push(led(w::NOT_SYNCED, w::NOTHING_ELSE, lacks));
    }
    let notes = card.notes.iter().filter(|note| !is_unverified(note));
    let notes = notes.map(|note| note.get(language.as_str()).to_owned());
    all.push(plain(w::NOTES, Body::List(notes.collect())));
    if let Some(api) = api {
        all.push(plain(w::LIMITS, Body::List(limits(api, language))));
    }
    let unverified = Body::List(unverified(card.notes, language));
    all.push(led(w::CONFIDENCE, w::UNVERIFIED, unverified));
    all.retain(|section| section.title == w::NOT_SYNCED || !section.body.is_empty());
    all
}

fn texts(list: &[Localized], language: Language) -> Vec<String> {
    let texts = list.iter().map(|text| text.get(language.as_str()));
    texts.map(str::to_owned).collect()
}

fn is_unverified(note: &Localized) -> bool {
    note.get("en").starts_with(UNVERIFIED)
}

/// What nobody has verified, without the words that say so.
pub(super) fn unverified(notes: &[Localized], language: Language) -> Vec<String> {
    let notes = notes.iter().filter(|note| is_unverified(note));
    let texts = notes.map(|note| {
        let text = note.get(language.as_str());
        let text = text.split_once(':').map_or(text, |(_, rest)| rest.trim());
        capitalized(text)
    });
    texts.collect()
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().into_iter().flat_map(char::to_uppercase);
    first.chain(chars).collect()
}

/// What is to be known of a value beside its label.
pub(super) fn marks(field: &Field, language: Language) -> Vec<String> {
    let word = |two| of(two, language).to_owned();
    let with = |two, value: &str| fill(of(two, language), &json!({"value": value}));
    let mut marks = Vec::new();
    if field.secret {
        marks.push(word(w::SECRET));
    }
    if field.optional {
        marks.push(word(w::OPTIONAL));
    }
    match field.given_by {
        GivenBy::Customer => {}
        GivenBy::Operator => marks.push(word(w::OF_OPERATOR)),
        GivenBy::Consent => marks.push(word(w::OF_CONSENT)),
    }
    if let Some(default) = &field.default {
        marks.push(with(w::DEFAULT, default));
    } else if let Some(example) = field.example.as_ref().filter(|_| !field.json) {
        marks.push(with(w::SUCH_AS, example));
    }
    marks
}

/// Every right that has a name, then every request.
fn rights(api: &Manifest, language: Language) -> Vec<String> {
    let mut list = Vec::new();
    for right in api.errors.iter().filter_map(|rule| rule.right.as_ref()) {
        let right = json!({"right": right.get(language.as_str())});
        list.push(fill(of(w::RIGHT, language), &right));
    }
    let own = &api.rights;
    let signs = own.needed.iter().map(|sign| (w::QUIET, sign));
    for (two, sign) in signs.chain(own.excess.iter().map(|sign| (w::EXCESS, sign))) {
        let right = json!({"right": sign.right.get(language.as_str())});
        list.push(fill(of(two, language), &right));
    }
    let words = own.scopes.iter().flat_map(|scopes| &scopes.needed);
    // What depends on a value stands where it is asked for.
    let words = words
        .map(PlainText::source)
        .filter(|word| !word.contains('{'));
    let words: Vec<&str> = words.collect();
    if !words.is_empty() {
        let scopes = json!({"scopes": words.join("`, `")});
        list.push(fill(of(w::SCOPES_NEEDED, language), &scopes));
    }
    if let Some(unseen) = &own.unseen {
        list.push(unseen.get(language.as_str()).to_owned());
    }
    if let Some(scope) = scope(&api.auth).filter(|scope| !scope.contains('{')) {
        list.push(fill(of(w::SCOPES, language), &json!({"scopes": scope})));
    }
    for (_, method, url) in api.token_calls() {
        let behind = of(w::TOKEN_CALL, language);
        list.push(format!("{} {behind}", request(method, url.source())));
    }
    for (_, asked) in api.requests() {
        list.push(request(asked.method, asked.url.source()));
    }
    let mut seen = std::collections::BTreeSet::new();
    list.retain(|line| seen.insert(line.clone()));
    list
}

fn request(method: Method, url: &str) -> String {
    let method = match method {
        Method::Get => "GET",
        Method::Post => "POST",
    };
    format!("`{method} {url}`")
}

fn scope(auth: &Auth) -> Option<&str> {
    let scope = match auth {
        Auth::ClientCredentials { endpoint } | Auth::RefreshToken { endpoint, .. } => {
            endpoint.scope.as_ref()
        }
        Auth::AuthorizationCode {
            endpoint, scope, ..
        } => scope.as_ref().or(endpoint.scope.as_ref()),
        Auth::JwtBearer(jwt) => jwt.scope.as_ref(),
        _ => None,
    };
    scope.map(PlainText::source)
}

fn lacks(api: &Manifest, language: Language) -> Vec<String> {
    let lines = api.lacks.iter().map(|(part, lack)| {
        let part = told(Book::Parts, part.as_str(), language);
        let why = told(Book::Lacks, lack.as_str(), language);
        match language {
            Language::En => format!("{part}: {why}."),
            Language::Fr => format!("{part} : {why}."),
        }
    });
    lines.collect()
}

/// A word of the YAML as people say it; itself where nobody has words for it, which a test excludes.
pub(super) fn told(book: Book, word: &str, language: Language) -> String {
    say(book, word, &json!({}), language).unwrap_or_else(|| word.to_owned())
}

fn limits(api: &Manifest, language: Language) -> Vec<String> {
    let text = |two, params| fill(of(two, language), &params);
    let mut list = Vec::new();
    list.push(match api.rate {
        None => of(w::RATE_NONE, language).to_owned(),
        Some(rate) => {
            let one_by_one = rate.burst.get() == 1;
            let two = if one_by_one { w::RATE_SINGLE } else { w::RATE };
            let (per_minute, burst) = (rate.per_minute.get(), rate.burst.get());
            text(two, json!({"per_minute": per_minute, "burst": burst}))
        }
    });
    list.push(of(w::PATIENCE, language).to_owned());
    if let Some(size) = Paging::size(&api.people.paging) {
        list.push(text(w::PAGE, json!({"size": size})));
    }
    let always = api.details.iter().filter(|(_, d)| d.only_if.is_none());
    let names: Vec<String> = always.map(|(name, _)| format!("`{name}`")).collect();
    if !names.is_empty() {
        list.push(text(w::CALLS, json!({"names": names.join(", ")})));
    }
    for setting in api.details.values().filter_map(|d| d.only_if.as_ref()) {
        list.push(text(w::CALLS_IF, json!({"setting": setting})));
    }
    if let Some(seconds) = api.timeout_seconds {
        list.push(text(w::TIMEOUT, json!({"seconds": seconds})));
    }
    if let Auth::AuthorizationCode {
        refresh_days: Some(days),
        ..
    } = &api.auth
    {
        list.push(text(w::CONSENT_ENDS, json!({"days": days})));
    }
    list
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::hris::catalogue::Catalogue;

    #[test]
    fn what_is_not_verified_is_so_in_both_languages() {
        for manifest in Catalogue::load(None).unwrap().list() {
            for note in &manifest.notes {
                let is_so = note.get("fr").starts_with("Non vérifié :");
                assert_eq!(is_unverified(note), is_so, "{}: {note:?}", manifest.slug);
            }
        }
        let notes: Vec<Localized> = serde_saphyr::from_str(
            "- {en: 'Not verified: a: b.', fr: 'Non vérifié : élan.'}\n- {en: X., fr: Y.}",
        )
        .unwrap();
        assert_eq!(unverified(&notes, Language::En), ["A: b."]);
        assert_eq!(unverified(&notes, Language::Fr), ["Élan."]);
    }

    #[test]
    fn each_connector_says_what_it_asks_for_how_fast_and_how_sure_it_is() {
        let catalogue = Catalogue::load(None).unwrap();
        for card in catalogue.cards() {
            let api = catalogue.find(card.slug);
            for language in Language::ALL {
                let all = sections(&card, api.as_deref(), language);
                let has = |title| all.iter().any(|section| section.title == title);
                assert!(has(w::STEPS), "{}", card.slug);
                for title in [w::RIGHTS, w::NOT_SYNCED, w::LIMITS] {
                    assert_eq!(has(title), api.is_some(), "{}: {title:?}", card.slug);
                }
            }
        }
        for api in catalogue.list() {
            let has_token = rights(api, Language::Fr)
                .iter()
                .any(|line| line.ends_with("(pour un jeton)"));
            assert_eq!(has_token, !api.token_calls().is_empty(), "{}", api.slug);
        }
    }
}
