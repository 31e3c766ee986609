//! Invents people: the same ones for the same seed, marker and play. Nobody here exists; every address ends in `.test`.

use sha2::{Digest, Sha256};

/// An invented person as the provider's directory knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    pub given: String,
    pub family: String,
    pub display: String,
    pub user_name: String,
    pub email: String,
    pub title: String,
    pub department: String,
    pub employee_number: String,
    /// The directory's stable key.
    pub external_id: String,
    /// A work number in the format somebody once typed.
    pub work_phone: String,
    /// Not everybody has one.
    pub mobile_phone: Option<String>,
    pub password: String,
}

const GIVEN: &[&str] = &[
    "Zoë",
    "Björn",
    "Siân",
    "Łukasz",
    "Inès",
    "Seán",
    "Mária",
    "Jürgen",
    "Nuño",
    "Aoife",
    "Ştefan",
    "Đorđe",
    "Ann",
    "Kwame",
    "Yuki",
    "Priya",
    "D'Arcy",
    "Noor",
    "Øystein",
    "François",
];

const FAMILY: &[&str] = &[
    "O'Neil",
    "Müller",
    "D'Angelo",
    "Nguyễn",
    "Sørensen",
    "García-López",
    "Wójcik",
    "van der Berg",
    "Çelik",
    "Dvořák",
    "N'Diaye",
    "Ó Súilleabháin",
    "Lee",
    "Østergård",
    "Ibáñez",
    "Straße",
    "Al-Haddad",
    "Kovačević",
    "Smith",
    "Tamaș",
];

const TITLES: &[&str] = &[
    "Engineer",
    "Account Executive",
    "Chef de projet",
    "Büroleitung",
    "R&D Lead",
    "Nurse (nights)",
    "VP, \"Special\" Projects",
];

const DEPARTMENTS: &[&str] = &[
    "Sales",
    "Engineering",
    "Forschung & Entwicklung",
    "Ressources humaines",
    "Støtte",
    "Legal/Compliance",
];

const PHONES: &[&str] = &[
    "+1 (5) 55",
    "0044 20/7946-0958",
    "(02) 9876 5432 ext. 9",
    "+33.1.23.45.67.89",
    "tel:+49-30-123456",
    "555 0100",
    "+45 12 34 56 78",
    "00 1-555-01 00",
    "+81-3-5555-0199;ext=12",
    "N/A",
];

/// Invents `count` people for one play.
pub fn invent(seed: u64, marker: &str, play: &str, count: usize) -> Vec<Person> {
    (0..count)
        .map(|index| person(seed, marker, play, index))
        .collect()
}

fn person(seed: u64, marker: &str, play: &str, index: usize) -> Person {
    let mut dice = Dice::new(&format!("{seed}/{play}/{index}"));
    let given = dice.pick(GIVEN);
    let family = dice.pick(FAMILY);
    let mut local = format!("{}.{}{index}", fold(given), fold(family));
    // Some directories hold capitals: they must come back as sent and still be found in any case.
    if index % 7 == 3 {
        local = local.split('.').map(capital).collect::<Vec<_>>().join(".");
    }
    let user_name = format!("{local}@{marker}.{play}.test");
    let key = hex(&Sha256::digest(format!(
        "{seed}/{marker}/{play}/{index}/key"
    )));
    Person {
        given: given.to_owned(),
        family: family.to_owned(),
        display: format!("{given} {family}"),
        email: user_name.clone(),
        user_name,
        title: dice.pick(TITLES).to_owned(),
        department: dice.pick(DEPARTMENTS).to_owned(),
        employee_number: format!("{:06}", 100_000 + index),
        external_id: format!("00u{}", &key[..17]),
        work_phone: PHONES[index % PHONES.len()].to_owned(),
        mobile_phone: (!index.is_multiple_of(3)).then(|| dice.pick(PHONES).to_owned()),
        password: format!("Pw-{}", &key[20..36]),
    }
}

/// A GUID that stands for nobody, as a connection test asks for one.
pub fn guid(seed: &str) -> String {
    let hex = hex(&Sha256::digest(seed));
    format!(
        "{}-{}-4{}-a{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[13..16],
        &hex[17..20],
        &hex[20..32]
    )
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or(String::new(), |first| {
        first.to_ascii_uppercase().to_string() + chars.as_str()
    })
}

/// A name as the left part of an address: plain letters, hyphens, and apostrophes, which addresses may hold.
fn fold(name: &str) -> String {
    let mut out = String::new();
    for c in name.to_lowercase().chars() {
        match c {
            'a'..='z' | '\'' | '-' => out.push(c),
            'ë' | 'è' | 'é' | 'ễ' => out.push('e'),
            'á' | 'å' | 'â' | 'ă' => out.push('a'),
            'ö' | 'ø' | 'ó' => out.push('o'),
            'ü' | 'ú' => out.push('u'),
            'í' => out.push('i'),
            'ł' => out.push('l'),
            'ñ' => out.push('n'),
            'ç' | 'č' | 'ć' => out.push('c'),
            'ş' | 'ș' => out.push('s'),
            'đ' => out.push('d'),
            'ř' => out.push('r'),
            'ß' => out.push_str("ss"),
            _ => {}
        }
    }
    out
}

/// A small seeded generator; its stream is a hash of the seed, so it is the same on every machine.
struct Dice {
    seed: String,
    rolls: u64,
}

impl Dice {
    fn new(seed: &str) -> Dice {
        Dice {
            seed: seed.to_owned(),
            rolls: 0,
        }
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        self.rolls += 1;
        let digest = Sha256::digest(format!("{}#{}", self.seed, self.rolls));
        let roll = digest
            .iter()
            .take(6)
            .fold(0usize, |sum, byte| (sum << 8) | usize::from(*byte));
        from[roll % from.len()]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::invent;

    #[test]
    fn a_seed_gives_the_same_people_and_a_marker_gives_others() {
        assert_eq!(invent(1, "a", "p", 40), invent(1, "a", "p", 40));
        let names = |marker| {
            invent(1, marker, "p", 40)
                .into_iter()
                .map(|p| p.user_name.to_lowercase())
                .collect::<BTreeSet<_>>()
        };
        assert_eq!(names("a").len(), 40);
        assert!(names("a").is_disjoint(&names("b")));
    }

    #[test]
    fn addresses_are_plain_and_under_test() {
        for person in invent(7, "m", "p", 200) {
            assert!(
                person.user_name.is_ascii() && person.user_name.ends_with(".test"),
                "{}",
                person.user_name
            );
            assert!(!person.user_name.contains(".."), "{}", person.user_name);
        }
    }
}
