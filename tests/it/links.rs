//! Every link in the documentation leads somewhere: a file that is there, a heading that is there. Addresses of others are
//! looked at, not asked: a test needs no internet.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

/// What is read: these files, and every page below these folders.
const FILES: [&str; 3] = ["README.md", "connectors/README.md", "standins/README.md"];
const FOLDERS: [&str; 2] = ["docs", "examples"];

/// What of a page is text: no fenced code, no code in a line.
fn text_of(page: &str) -> String {
    let mut out = String::new();
    let mut fence: Option<&str> = None;
    for line in page.lines() {
        let bare = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|m| bare.starts_with(m));
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            (None, None) => out.push_str(line),
            _ => {}
        }
        out.push('\n');
    }
    without_code(&out)
}

/// Code in a line begins and ends with as many backticks, within a paragraph.
fn without_code(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('`') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let ticks = from.len() - from.trim_start_matches('`').len();
        let (mark, behind) = from.split_at(ticks);
        let paragraph = behind.find("\n\n").unwrap_or(behind.len());
        match behind[..paragraph].find(mark) {
            Some(end) if !behind[end + ticks..].starts_with('`') => {
                out.push('x');
                rest = &behind[end + ticks..];
            }
            _ => rest = behind,
        }
    }
    out + rest
}

/// Targets of `[…](…)`, of `[…]: …`, and of `<https://…>`.
fn targets(page: &str) -> Vec<String> {
    let text = text_of(page);
    let mut found = Vec::new();
    let unescaped = text.replace("\\]", "").replace("\\[", "");
    let mut rest = unescaped.as_str();
    while let Some(at) = rest.find("](") {
        rest = &rest[at + 2..];
        let mut depth = 1;
        let end = rest.find(|c| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            depth == 0 || c == '\n'
        });
        let target = rest[..end.unwrap_or(rest.len())].trim();
        // A title stands behind the target, in quotes.
        let target = target.split(" \"").next().unwrap_or_default();
        found.push(target.trim_matches(['<', '>']).to_owned());
    }
    for line in text.lines() {
        let defined = line.strip_prefix('[').and_then(|l| l.split_once("]: "));
        found.extend(defined.map(|(_, target)| target.trim().to_owned()));
        let open = line.split('<').skip(1).filter(|part| part.contains("://"));
        found.extend(open.filter_map(|part| Some(part.split_once('>')?.0.to_owned())));
    }
    found
}

/// The anchors of a page: each heading as GitHub names it, a repeated one with its number; and `id="…"`.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    let mut out = BTreeSet::new();
    let mut fence = false;
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            fence = !fence;
        }
        if fence {
            continue;
        }
        for named in line.split(" id=\"").skip(1) {
            out.extend(named.split('"').next().map(str::to_owned));
        }
        let hashes = line.len() - line.trim_start_matches('#').len();
        let Some(title) = line[hashes..]
            .strip_prefix(' ')
            .filter(|_| (1..=6).contains(&hashes))
        else {
            continue;
        };
        let anchor = anchor(title);
        let times = seen.entry(anchor.clone()).or_default();
        out.insert(match *times {
            0 => anchor,
            n => format!("{anchor}-{n}"),
        });
        *times += 1;
    }
    out
}

fn anchor(title: &str) -> String {
    // Of a link its text counts.
    let mut plain = String::new();
    let mut rest = title.trim().trim_end_matches('#').trim_end();
    while let Some((before, behind)) = rest.split_once("](") {
        plain.push_str(before);
        rest = behind.split_once(')').map_or("", |(_, rest)| rest);
    }
    plain.push_str(rest);
    let kept = plain.to_lowercase();
    let kept = kept.chars().filter_map(|c| match c {
        ' ' => Some('-'),
        '-' | '_' => Some(c),
        c if c.is_alphanumeric() => Some(c),
        _ => None,
    });
    kept.collect()
}

/// The path without `.` and `..`; nothing if it leaves the repository.
fn normal(path: &Path) -> Option<PathBuf> {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => out.push(name),
            Component::CurDir => {}
            Component::ParentDir => {
                if !out.pop() {
                    return None;
                }
            }
            _ => return None,
        }
    }
    Some(out)
}

/// What is wrong with a link of the page `from`, a path below `root`.
fn fault(root: &Path, from: &Path, target: &str) -> Option<String> {
    if target.is_empty() || target.contains(char::is_whitespace) {
        return Some("no address".to_owned());
    }
    if target.contains("://") {
        let is_good = target.starts_with("https://")
            && reqwest::Url::parse(target).is_ok_and(|url| url.host_str().is_some());
        return (!is_good).then(|| "others are linked with https".to_owned());
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let page = match path {
        "" => from.to_owned(),
        path => match normal(&from.parent()?.join(path)) {
            Some(page) => page,
            None => return Some("it leaves the repository".to_owned()),
        },
    };
    if !root.join(&page).exists() {
        return Some(format!("{} is not there", page.display()));
    }
    if !target.contains('#') {
        return None;
    }
    let is_page = page.extension().is_some_and(|e| e == "md");
    let text = std::fs::read_to_string(root.join(&page)).unwrap_or_default();
    let is_there = is_page && anchors(&text).contains(anchor);
    (!is_there).then(|| format!("{} has no heading `#{anchor}`", page.display()))
}

/// Pages below a folder, as paths below `root`.
fn pages(root: &Path, folder: &Path, out: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(root.join(folder)) else {
        return;
    };
    for entry in entries {
        let entry = entry.unwrap();
        let path = folder.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            pages(root, &path, out);
        } else if path.extension().is_some_and(|e| e == "md") {
            out.push(path);
        }
    }
}

/// Every broken link below `root`, and how many links there are.
fn broken(root: &Path) -> (Vec<String>, usize) {
    let mut all: Vec<PathBuf> = FILES.iter().map(PathBuf::from).collect();
    all.retain(|file| root.join(file).exists());
    for folder in FOLDERS {
        pages(root, Path::new(folder), &mut all);
    }
    all.sort();
    let (mut out, mut count) = (Vec::new(), 0);
    for page in all {
        let text = std::fs::read_to_string(root.join(&page)).unwrap();
        for target in targets(&text) {
            count += 1;
            if let Some(why) = fault(root, &page, &target) {
                out.push(format!("{}: `{target}`: {why}", page.display()));
            }
        }
    }
    (out, count)
}

#[test]
fn every_link_of_the_documentation_leads_somewhere() {
    let (broken, count) = broken(Path::new(env!("CARGO_MANIFEST_DIR")));
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
    assert!(count > 150, "only {count} links were found");
}

#[test]
fn a_broken_link_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    std::fs::create_dir_all(root.join("docs/deep")).unwrap();
    let readme = "# A `code` heading, twice!\n\n# A `code` heading, twice!\n\n\
        [good](docs/a.md#élan) [good](#a-code-heading-twice-1) [good](docs/) <https://example.com/x>\n\
        ![good](docs/a.md) `[code](nowhere.md)` [good](https://example.com/a_(b))\n\n\
        ```\n[fenced](nowhere.md)\n# no heading\n```\n\n[ref]: docs/a.md\n";
    std::fs::write(root.join("README.md"), readme).unwrap();
    std::fs::write(root.join("docs/a.md"), "## Élan\n\n[up](../README.md)\n").unwrap();
    assert_eq!(broken(root), (Vec::new(), 8));
    for bad in [
        "[x](docs/b.md)",
        "[x](docs/a.md#other)",
        "[x](#no-heading)",
        "[x](../outside.md)",
        "[x](http://example.com)",
        "[x](https://exa mple.com)",
        "[x](https://)",
        "[x]()",
        "[ref]: docs/b.md",
        "<http://example.com>",
        "[two](docs/a.md) [x](docs/A.md)",
    ] {
        std::fs::write(root.join("docs/deep/c.md"), "").unwrap();
        std::fs::write(root.join("README.md"), format!("{readme}\n{bad}\n")).unwrap();
        assert_eq!(broken(root).0.len(), 1, "{bad}: {:?}", broken(root).0);
    }
    // Below a folder too.
    std::fs::write(root.join("README.md"), readme).unwrap();
    std::fs::write(root.join("docs/deep/c.md"), "[x](a.md) [y](../a.md)").unwrap();
    assert_eq!(
        broken(root).0,
        ["docs/deep/c.md: `a.md`: docs/deep/a.md is not there"]
    );
}
