//! `docs/LIFECYCLE.md`: what employment means for access, cell by cell. The page is made from the function that decides;
//! each cell is compared with what stands here.

use std::fmt::Write;

use rosterd::domain::access::{Access, JoinerPolicy, RETURN_DAYS, Standing, reason};
use rosterd::domain::clock::Millis;
use rosterd::domain::lifecycle::{Earlier, Phase, on_employment};

use crate::support::variable;

const PAGE: &str = "docs/LIFECYCLE.md";

const SAYS: [(&str, Phase); 4] = [
    ("works", Phase::Working),
    ("starts later", Phase::NotStarted),
    ("has left", Phase::Ended(reason::LEFT)),
    ("unknown", Phase::Unknown),
];

fn word(earlier: Earlier) -> &'static str {
    match earlier {
        Earlier::Met => "met in this run",
        Earlier::Matched => "matched before",
        Earlier::NotStarted => "starts later",
        Earlier::Working => "works",
        Earlier::Ended => "has left",
    }
}

/// Who is spoken of beside her access.
#[derive(Clone, Copy, PartialEq)]
enum About {
    Nothing,
    Sticky,
    InactiveElsewhere,
}

const TABLES: [(&str, JoinerPolicy, About); 5] = [
    ("Policy `list`", JoinerPolicy::List, About::Nothing),
    ("Policy `invite`", JoinerPolicy::Invite, About::Nothing),
    ("Policy `grant`", JoinerPolicy::Grant, About::Nothing),
    (
        "A human revoked or removed her (policy `grant`)",
        JoinerPolicy::Grant,
        About::Sticky,
    ),
    (
        "Another source says that she is inactive or has left (policy `grant`)",
        JoinerPolicy::Grant,
        About::InactiveElsewhere,
    ),
];

const COLUMNS: [&str; 8] = [
    "nobody yet",
    "listed",
    "listed, a question is open",
    "invited",
    "granted",
    "granted, not started",
    "revoked lately",
    "revoked long ago",
];

fn standing(column: usize, about: About) -> Standing {
    let access = [
        None,
        Some(Access::Listed),
        Some(Access::Listed),
        Some(Access::Invited),
        Some(Access::Granted),
        Some(Access::Granted),
        Some(Access::Revoked),
        Some(Access::Revoked),
    ];
    let long_ago = NOW.plus_days(-RETURN_DAYS - 1);
    Standing {
        access: access[column],
        has_access: column == 4,
        since: if column == 7 {
            long_ago
        } else {
            NOW.plus_days(-RETURN_DAYS)
        },
        sticky: about == About::Sticky,
        waits: (column == 2).then_some(reason::CONFLICT),
        inactive_elsewhere: about == About::InactiveElsewhere,
    }
}

const NOW: Millis = Millis(1_000_000_000_000);

fn cells(phase: Phase, earlier: Earlier, policy: JoinerPolicy, about: About) -> Vec<String> {
    let cell = |column| {
        let who = standing(column, about);
        match on_employment(who, phase, earlier, policy, NOW, RETURN_DAYS) {
            None => "–".to_owned(),
            Some(d) => format!("{}: {}", d.access.as_str(), d.reason),
        }
    };
    (0..COLUMNS.len()).map(cell).collect()
}

/// What it should be: says, said before, then the columns. `*` is whatever was said before.
const WANTED: [(usize, &str); 33] = [
    (
        0,
        "works | met in this run, matched before | listed: listed-by-source | – | listed: conflict | – | – | granted: granted-by-policy | – | –",
    ),
    (
        0,
        "works | starts later, has left | listed: listed-by-source | – | listed: conflict | – | – | granted: granted-by-policy | granted: returned | listed: returned-late",
    ),
    (
        0,
        "works | works | listed: listed-by-source | – | listed: conflict | – | – | granted: granted-by-policy | – | –",
    ),
    (
        0,
        "starts later | met in this run, matched before, starts later, works | listed: listed-by-source | – | listed: conflict | – | – | – | – | –",
    ),
    (
        0,
        "starts later | has left | listed: listed-by-source | – | listed: conflict | – | – | – | – | listed: returned-late",
    ),
    (
        0,
        "has left | met in this run, has left | listed: left | – | – | – | – | – | – | –",
    ),
    (
        0,
        "has left | matched before, starts later, works | listed: left | – | – | listed: left | revoked: left | listed: left | – | –",
    ),
    (0, "unknown | * | – | – | – | – | – | – | – | –"),
    (
        1,
        "works | met in this run, matched before | invited: invited-by-policy | invited: invited-by-policy | listed: conflict | – | – | granted: granted-by-policy | – | –",
    ),
    (
        1,
        "works | starts later, has left | invited: invited-by-policy | invited: invited-by-policy | listed: conflict | – | – | granted: granted-by-policy | granted: returned | listed: returned-late",
    ),
    (
        1,
        "works | works | invited: invited-by-policy | invited: invited-by-policy | listed: conflict | – | – | granted: granted-by-policy | – | –",
    ),
    (
        1,
        "starts later | met in this run, matched before, starts later, works | invited: invited-by-policy | invited: invited-by-policy | listed: conflict | – | – | – | – | –",
    ),
    (
        1,
        "starts later | has left | invited: invited-by-policy | invited: invited-by-policy | listed: conflict | – | – | – | – | listed: returned-late",
    ),
    (
        1,
        "has left | met in this run, has left | listed: left | – | – | – | – | – | – | –",
    ),
    (
        1,
        "has left | matched before, starts later, works | listed: left | – | – | listed: left | revoked: left | listed: left | – | –",
    ),
    (1, "unknown | * | – | – | – | – | – | – | – | –"),
    (
        2,
        "works | met in this run, matched before, starts later, has left | granted: granted-by-policy | granted: granted-by-policy | listed: conflict | – | – | granted: granted-by-policy | granted: returned | listed: returned-late",
    ),
    (
        2,
        "works | works | granted: granted-by-policy | granted: granted-by-policy | listed: conflict | – | – | granted: granted-by-policy | – | –",
    ),
    (
        2,
        "starts later | met in this run, matched before, has left | granted: not-started | granted: not-started | listed: conflict | – | – | – | – | listed: returned-late",
    ),
    (
        2,
        "starts later | starts later, works | granted: not-started | granted: not-started | listed: conflict | – | – | – | – | –",
    ),
    (
        2,
        "has left | met in this run, has left | listed: left | – | – | – | – | – | – | –",
    ),
    (
        2,
        "has left | matched before, starts later, works | listed: left | – | – | listed: left | revoked: left | listed: left | – | –",
    ),
    (2, "unknown | * | – | – | – | – | – | – | – | –"),
    (
        3,
        "works | * | listed: removed-by-human | – | – | – | – | – | – | –",
    ),
    (
        3,
        "starts later | * | listed: removed-by-human | – | – | – | – | – | – | –",
    ),
    (
        3,
        "has left | met in this run, has left | listed: removed-by-human | – | – | – | – | – | – | –",
    ),
    (
        3,
        "has left | matched before, starts later, works | listed: removed-by-human | – | – | listed: left | revoked: left | listed: left | – | –",
    ),
    (3, "unknown | * | – | – | – | – | – | – | – | –"),
    (
        4,
        "works | * | listed: source-inactive | – | – | – | – | – | – | –",
    ),
    (
        4,
        "starts later | * | listed: source-inactive | – | – | – | – | – | – | –",
    ),
    (
        4,
        "has left | met in this run, has left | listed: left | – | – | – | – | – | – | –",
    ),
    (
        4,
        "has left | matched before, starts later, works | listed: left | – | – | listed: left | revoked: left | listed: left | – | –",
    ),
    (4, "unknown | * | – | – | – | – | – | – | – | –"),
];

#[test]
fn each_cell_is_what_it_should_be() {
    let mut seen = std::collections::BTreeSet::new();
    for (table, row) in WANTED {
        let (title, policy, about) = TABLES[table];
        let mut parts = row.split(" | ");
        let (says, before) = (parts.next().unwrap(), parts.next().unwrap());
        let wanted: Vec<&str> = parts.collect();
        let (_, phase) = SAYS.into_iter().find(|(name, _)| *name == says).unwrap();
        for earlier in Earlier::ALL {
            if before != "*" && !before.split(", ").any(|b| b == word(earlier)) {
                continue;
            }
            seen.insert((table, says, word(earlier)));
            let got = cells(phase, earlier, policy, about);
            for (column, (got, wanted)) in COLUMNS.iter().zip(got.iter().zip(&wanted)) {
                assert_eq!(
                    got,
                    wanted,
                    "{title}: {says}, before {}, {column}",
                    word(earlier)
                );
            }
            assert_eq!(wanted.len(), COLUMNS.len());
        }
    }
    assert_eq!(
        seen.len(),
        TABLES.len() * SAYS.len() * Earlier::ALL.len(),
        "a row is missing"
    );
}

const INTRODUCTION: &str = "# What employment means for access

Made from `domain/lifecycle.rs` by a test; do not edit. SEMANTICS §1, §3 and §7 are the rules.

A pull source never says `active`. It says a state (`prehire`, `employed`, `on_leave`, `left`, `unknown`), a first day and a last
day, and Rosterd reads them as one of four at each moment:

- **works**: `employed` or `on_leave`, or a `prehire` whose first day has come;
- **starts later**: the first day lies ahead, or a `prehire` has none;
- **has left**: the state is `left`, or the last day is over (the reason is `last-day-passed` then). A record that is in no
  confirmed complete pull any more is read so too (`absent-from-source`);
- **unknown**: nobody knows, and nothing changes; a first or last day that was known comes.

A day begins and ends by the clock of the person's zone, else the connection's, else UTC; the last day counts in full. An end
before the start is that of an earlier employment. `hasAccess` is true for somebody granted who has started.

*Said before* is what the source said when it was last applied. Access goes when the word changes, not as long as it stays: whom
a human invites again after she left keeps it. Whom the source meets in this very run it takes nothing from; *matched before* is
somebody who was matched by an earlier run and of whom nothing was in force yet. What the guard holds counts as not yet said.

A cell says what becomes of somebody who stands as the column says: new access and its reason code, `–` for nothing. *Lately* is
within the days of return (30, a tenant's setting).

Beside the tables:

- Nobody is made of a record that *has left* or is *unknown* and that no link, id or address connects with somebody.
- Somebody matched whose employment is over is taken over only if she has access or an invitation.
- Somebody listed who has the address of another person by now becomes her.
- An address, and a userName, is never changed by the first adoption; it follows the source from the next change on.
- Whom the policy `invite` invites gets the mail in the same operation; somebody without an address that mail can go to is
  listed (`invitation-due`). Who declined, did not answer in time, or whose invitation was taken back is listed until a human
  invites her again.
";

fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    for (title, policy, about) in TABLES {
        write!(
            page,
            "\n## {title}\n\n| says | said before | {} |\n",
            COLUMNS.join(" | ")
        )
        .unwrap();
        writeln!(page, "|{}", " --- |".repeat(COLUMNS.len() + 2)).unwrap();
        for (says, phase) in SAYS {
            let mut rows: Vec<(Vec<&str>, Vec<String>)> = Vec::new();
            for earlier in Earlier::ALL {
                let cells = cells(phase, earlier, policy, about);
                match rows.iter_mut().find(|(_, known)| *known == cells) {
                    Some((before, _)) => before.push(word(earlier)),
                    None => rows.push((vec![word(earlier)], cells)),
                }
            }
            for (before, cells) in rows {
                let before = match before.len() {
                    5 => "anything".to_owned(),
                    _ => before.join(", "),
                };
                writeln!(page, "| {says} | {before} | {} |", cells.join(" | ")).unwrap();
            }
        }
    }
    page
}

#[test]
fn the_page_of_the_life_cycle_is_made_from_the_function() {
    let wanted = page();
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    if variable("ROSTERD_WRITE_DOCS").is_some() {
        std::fs::write(&file, &wanted).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        written == wanted,
        "{PAGE} is out of date: run ROSTERD_WRITE_DOCS=1 cargo test --test it the_page_of_the_life_cycle"
    );
}
