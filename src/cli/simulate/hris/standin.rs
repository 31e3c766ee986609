//! What a stand-in is: one value in `standins/<slug>.rs` that says how a vendor's API behaves.

use super::call::{Refusal, Reply};
use super::company::Company;
use super::desk::Desk;
use super::dice::Dice;
use super::meter::Budget;
use super::people::Person;
use super::truth::{Facts, Field};

/// A vendor's API with invented people.
pub struct Standin {
    /// The vendor's name.
    pub name: &'static str,
    /// What its administrator is given to paste.
    pub credentials: &'static [Credential],
    /// Everything that can be asked; what is not here is refused.
    pub routes: &'static [Route],
    /// Requests in a time, as documented.
    pub limits: &'static [Limit],
    /// What the vendor tells of a person, and [`Facts`] of the truth hold.
    pub fields: &'static [Field],
    /// What is hidden when the credentials lose rights; empty if the vendor then refuses everything.
    pub hides: &'static [Field],
    /// Whether it shows when the credentials may read more than a connection needs.
    pub widens: bool,
    /// Lists come in pages.
    pub is_paged: bool,
    /// The stable id of this person in the company of this seed.
    pub id: fn(u64, &Person) -> String,
    /// Takes the general facts to what this vendor says; nothing is to be learnt of a person without an answer.
    pub tell: fn(&Company, &Person, Facts) -> Option<Facts>,
    /// Headers of every answer that a limit counts.
    pub limit_headers: fn(&Budget) -> Vec<(&'static str, String)>,
    /// Refuses who has not the right credentials or headers.
    pub admit: fn(&Desk) -> Result<(), Refusal>,
    /// The vendor's form of a refusal.
    pub refuse: fn(&Desk, Refusal) -> Reply,
}

/// One kind of request.
pub struct Route {
    /// Method, in capitals.
    pub method: &'static str,
    /// Path; `{…}` stands for one part.
    pub path: &'static str,
    /// What it is for.
    pub role: Role,
    /// Parameters of the query that are documented. Another one is refused: whatever the vendor does with it, it is a
    /// mistake of the caller.
    pub query: &'static [&'static str],
    /// Answers.
    pub answer: Answer,
}

/// Answers a request, or refuses it.
pub type Answer = fn(&Desk) -> Result<Reply, Refusal>;

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Gives a token; needs none.
    Token,
    /// People.
    List,
    /// One person.
    Detail,
    /// Names of departments and the like.
    Lookup,
    /// Whether the credentials are good.
    Check,
}

/// So many requests in a time.
pub struct Limit {
    /// The path of the route; empty for all of them together.
    pub path: &'static str,
    /// How many.
    pub count: u32,
    /// In how many seconds.
    pub seconds: i64,
}

/// Something that an administrator pastes.
pub struct Credential {
    /// The vendor's word for it, as a key.
    pub term: &'static str,
    /// How it looks.
    pub make: Make,
}

/// How a credential looks.
pub enum Make {
    /// Always this.
    Fixed(&'static str),
    /// This beginning and so many letters and digits.
    Word(&'static str, usize),
    /// This beginning and so many hexadecimal digits.
    Hex(&'static str, usize),
    /// A UUID.
    Uuid,
    /// Made by the stand-in from the seed.
    Own(fn(u64) -> String),
}

impl Credential {
    /// This term, which looks so.
    pub const fn new(term: &'static str, make: Make) -> Self {
        Self { term, make }
    }

    /// Its value for this seed.
    pub fn value(&self, slug: &str, seed: u64) -> String {
        let mut dice = Dice::new(seed, &format!("credential/{slug}/{}", self.term));
        match self.make {
            Make::Fixed(text) => text.to_owned(),
            Make::Word(begin, length) => format!("{begin}{}", dice.word(length)),
            Make::Hex(begin, digits) => format!("{begin}{}", dice.hex(digits)),
            Make::Uuid => dice.uuid(),
            Make::Own(make) => make(seed),
        }
    }
}

impl Route {
    /// A GET.
    pub const fn get(
        path: &'static str,
        role: Role,
        query: &'static [&'static str],
        answer: Answer,
    ) -> Self {
        Self {
            method: "GET",
            path,
            role,
            query,
            answer,
        }
    }

    /// A POST.
    pub const fn post(
        path: &'static str,
        role: Role,
        query: &'static [&'static str],
        answer: Answer,
    ) -> Self {
        Self {
            method: "POST",
            path,
            role,
            query,
            answer,
        }
    }

    /// What stands at the named places, if the path fits.
    pub fn places(&self, path: &str) -> Option<Vec<String>> {
        let (mut wanted, mut given) = (self.path.split('/'), path.split('/'));
        let mut places = Vec::new();
        loop {
            match (wanted.next(), given.next()) {
                (None, None) => return Some(places),
                (Some(w), Some(g)) if w.starts_with('{') && !g.is_empty() => {
                    places.push(g.to_owned())
                }
                (Some(w), Some(g)) if w == g => {}
                _ => return None,
            }
        }
    }
}
