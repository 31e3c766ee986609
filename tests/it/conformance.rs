//! What is claimed of RFC 7643, 7644, 9865 and 9967, and by which tests. A test says by a comment above it which
//! requirements it holds (`// checklist: 86, 87`); `tests/conformance.toml` has the requirements, what is not claimed, and
//! what is claimed in part. `docs/CONFORMANCE.md` is made of both, so that no claim stands without a test.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::support::variable;

const MARK: &str = "// checklist:";
const PAGE: &str = "docs/CONFORMANCE.md";
/// Requirements in all.
const ALL: u32 = 198;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    /// Title of each part by the number that it begins with.
    parts: BTreeMap<String, String>,
    /// Level, section and rule by number.
    requirements: BTreeMap<String, [String; 3]>,
    /// Why nothing is claimed.
    gaps: BTreeMap<String, String>,
    /// What a claim leaves out.
    partly: BTreeMap<String, String>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn data() -> Data {
    let text = std::fs::read_to_string(root().join("tests/conformance.toml")).unwrap();
    toml::from_str(&text).unwrap()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// The name of the test that begins on this line.
fn test_name<'l>(mut lines: impl Iterator<Item = &'l str>) -> Option<&'l str> {
    let attribute = lines.next()?;
    let is_test = ["#[test]", "#[actix_web::test]", "#[tokio::test]"].contains(&attribute);
    let signature = lines.next().filter(|_| is_test)?;
    let name = signature.trim_start_matches("async ").strip_prefix("fn ")?;
    name.split('(').next()
}

/// Tests by the numbers above them.
fn claims(shown: &str, text: &str, claims: &mut BTreeMap<u32, Vec<String>>) {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    for (i, line) in lines.iter().enumerate() {
        let Some(numbers) = line.strip_prefix(MARK) else {
            continue;
        };
        let name = test_name(lines[i + 1..].iter().copied());
        let name = name.unwrap_or_else(|| panic!("{shown}:{}: no test follows {line}", i + 1));
        for number in numbers.split(',') {
            let number: u32 = number
                .trim()
                .parse()
                .unwrap_or_else(|_| panic!("{shown}: {line}"));
            assert!((1..=ALL).contains(&number), "{shown}: {line}");
            claims
                .entry(number)
                .or_default()
                .push(format!("{shown}::{name}"));
        }
    }
}

fn all_claims() -> BTreeMap<u32, Vec<String>> {
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    sources(&root().join("tests/it"), &mut files);
    files.sort();
    let mut found = BTreeMap::new();
    for file in files {
        let shown = file.strip_prefix(root()).unwrap().with_extension("");
        let text = std::fs::read_to_string(&file).unwrap();
        claims(&shown.display().to_string(), &text, &mut found);
    }
    found
}

fn page(data: &Data, claims: &BTreeMap<u32, Vec<String>>) -> String {
    let held = claims
        .keys()
        .filter(|n| !data.partly.contains_key(&n.to_string()))
        .count();
    let (half, open) = (data.partly.len(), data.gaps.len());
    let mut page = format!(
        "# Conformance\n\nMade from `tests/conformance.toml` and the comments above tests; do not edit. Of {ALL} requirements \
         {held} are held, each\nby the tests that it names, {half} in part; {open} are not claimed, each with its reason. M is a \
         must of the RFC, S a should, O an\noption.\n"
    );
    for number in 1..=ALL {
        let key = number.to_string();
        if let Some(part) = data.parts.get(&key) {
            write!(
                page,
                "\n## {part}\n\n| | | requirement | |\n| --- | --- | --- | --- |\n"
            )
            .unwrap();
        }
        let [level, section, rule] = &data.requirements[&key];
        let state = match (claims.get(&number), data.gaps.get(&key)) {
            (Some(tests), _) => {
                let tests: Vec<String> = tests.iter().map(|t| format!("`{t}`")).collect();
                let partly = data.partly.get(&key).map(|why| format!("partly: {why}. "));
                format!("{}{}", partly.unwrap_or_default(), tests.join(", "))
            }
            (None, why) => why.cloned().unwrap_or_default(),
        };
        writeln!(
            page,
            "| {number} | {level} | {rule} ({section}) | {state} |"
        )
        .unwrap();
    }
    page
}

#[test]
fn every_requirement_is_held_by_a_test_or_says_why_not() {
    let (data, claims) = (data(), all_claims());
    assert_eq!(data.requirements.len(), ALL as usize);
    for number in 1..=ALL {
        let key = number.to_string();
        assert!(data.requirements.contains_key(&key), "{number} is missing");
        match (claims.contains_key(&number), data.gaps.get(&key)) {
            (true, Some(_)) => {
                panic!("{number} has tests, and a gap in conformance.toml: drop one")
            }
            (false, None) => panic!("{number} has no test, and no gap in conformance.toml"),
            (false, Some(why)) => assert!(
                why.starts_with("not yet") || why.starts_with("not claimed: "),
                "{number}: {why}"
            ),
            (true, None) => {}
        }
        let is_half = data.partly.contains_key(&key) && !claims.contains_key(&number);
        assert!(!is_half, "{number} is claimed in part by no test");
    }
    for key in data.gaps.keys().chain(data.partly.keys()) {
        assert!(
            data.requirements.contains_key(key),
            "{key} is no requirement"
        );
    }
}

#[test]
fn the_page_of_claims_is_made_from_the_tests() {
    let wanted = page(&data(), &all_claims());
    let file = root().join(PAGE);
    if variable("ROSTERD_WRITE_DOCS").is_some() {
        std::fs::write(&file, &wanted).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        written == wanted,
        "{PAGE} is out of date: run ROSTERD_WRITE_DOCS=1 cargo test --test it the_page_of_claims"
    );
}

#[test]
fn a_claim_above_anything_but_a_test_is_refused() {
    let read = |text: &str| {
        let mut found = BTreeMap::new();
        claims("x", text, &mut found);
        found.into_keys().collect::<Vec<u32>>()
    };
    assert_eq!(read(&format!("{MARK} 1, 2\n#[test]\nfn a() {{}}")), [1, 2]);
    assert_eq!(
        read(&format!(
            "    {MARK} 3\n    #[actix_web::test]\n    async fn a() {{}}"
        )),
        [3]
    );
    for wrong in [
        format!("{MARK} 1\nfn a() {{}}"),
        format!("{MARK} 1\n\n#[test]\nfn a() {{}}"),
        format!("{MARK} 0\n#[test]\nfn a() {{}}"),
        format!("{MARK} 199\n#[test]\nfn a() {{}}"),
        format!("{MARK} one\n#[test]\nfn a() {{}}"),
        format!("{MARK} 1\n#[ignore]\n#[test]\nfn a() {{}}"),
    ] {
        assert!(
            std::panic::catch_unwind(|| read(&wrong)).is_err(),
            "{wrong}"
        );
    }
}
