//! What goes wrong on the vendor's side, on request.

use std::collections::BTreeMap;

use super::standin::{Role, Standin};
use super::truth::Field;

/// A fault of the vendor, or of the way to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Too many requests, in the vendor's form.
    TooMany,
    /// The vendor's own error.
    Broken,
    /// 200 and a list of nobody.
    EmptyList,
    /// 200 and no body.
    EmptyBody,
    /// 200 and a page for people.
    Html,
    /// The connection ends in the middle of the body.
    CutBody,
    /// The people of one page are missing; what the vendor says of totals still counts them.
    LostPage,
    /// A page comes in the place of the one after it.
    RepeatedPage,
    /// Each answer takes a while.
    Slow,
    /// The token is refused before its time.
    ExpiredToken,
    /// Some fields cannot be read any more, and the vendor says so in its quiet way.
    ReducedScope,
    /// The credentials may read more than a connection needs, and the vendor shows it.
    WideScope,
    /// The list may not be read any more.
    Forbidden,
    /// Every status says that the person left.
    BrokenStatus,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::TooMany,
        Self::Broken,
        Self::EmptyList,
        Self::EmptyBody,
        Self::Html,
        Self::CutBody,
        Self::LostPage,
        Self::RepeatedPage,
        Self::Slow,
        Self::ExpiredToken,
        Self::ReducedScope,
        Self::WideScope,
        Self::Forbidden,
        Self::BrokenStatus,
    ];

    /// Its word in `--faults`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooMany => "429",
            Self::Broken => "500",
            Self::EmptyList => "empty-list",
            Self::EmptyBody => "empty-body",
            Self::Html => "html",
            Self::CutBody => "cut-body",
            Self::LostPage => "lost-page",
            Self::RepeatedPage => "repeated-page",
            Self::Slow => "slow",
            Self::ExpiredToken => "expired-token",
            Self::ReducedScope => "reduced-scope",
            Self::WideScope => "wide-scope",
            Self::Forbidden => "forbidden",
            Self::BrokenStatus => "broken-status",
        }
    }

    /// Whether it can happen to this vendor.
    pub fn applies_to(self, standin: &Standin) -> bool {
        match self {
            Self::ExpiredToken => standin.routes.iter().any(|r| r.role == Role::Token),
            Self::ReducedScope => !standin.hides.is_empty(),
            Self::WideScope => standin.widens,
            Self::RepeatedPage => standin.is_paged,
            Self::BrokenStatus => standin.fields.contains(&Field::State),
            _ => true,
        }
    }

    /// Whether it happens to single requests, so that it can be counted.
    fn is_counted(self) -> bool {
        !matches!(
            self,
            Self::EmptyList
                | Self::LostPage
                | Self::RepeatedPage
                | Self::ReducedScope
                | Self::WideScope
                | Self::BrokenStatus
        )
    }

    /// How often it happens unless a number is given; none: until it is taken away.
    fn usual_times(self) -> Option<u32> {
        matches!(self, Self::TooMany | Self::Broken | Self::ExpiredToken).then_some(1)
    }
}

/// The faults that are set.
#[derive(Debug, Clone, Default)]
pub struct Faults(BTreeMap<Fault, Option<u32>>);

impl Faults {
    /// Reads `500=3,slow`.
    ///
    /// # Errors
    /// Names the word that is none of the vendor's faults, and those that are.
    pub fn parse<'t>(
        words: impl IntoIterator<Item = &'t str>,
        standin: &Standin,
    ) -> Result<Self, String> {
        let mut faults = BTreeMap::new();
        for word in words.into_iter().map(str::trim).filter(|w| !w.is_empty()) {
            let (name, times) = match word.split_once('=') {
                Some((name, times)) => (name, Some(times)),
                None => (word, None),
            };
            let known = Fault::ALL.into_iter().filter(|f| f.applies_to(standin));
            let Some(fault) = known.clone().find(|f| f.as_str() == name) else {
                let known: Vec<_> = known.map(Fault::as_str).collect();
                return Err(format!(
                    "`{name}` is no fault of this system: it has {}",
                    known.join(", ")
                ));
            };
            let times = match times {
                None => fault.usual_times(),
                Some(_) if !fault.is_counted() => {
                    return Err(format!("`{name}` stays until it is taken away: no number"));
                }
                Some(times) => Some(times.parse().map_err(|_| {
                    format!("`{word}`: after `=` stands how often, such as `{name}=3`")
                })?),
            };
            faults.insert(fault, times);
        }
        Ok(Self(faults))
    }

    /// Whether it is set.
    pub fn is_on(&self, fault: Fault) -> bool {
        self.0.contains_key(&fault)
    }

    /// Whether it happens now; one time less is left.
    pub fn take(&mut self, fault: Fault) -> bool {
        let Some(left) = self.0.get_mut(&fault) else {
            return false;
        };
        if let Some(left) = left {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.0.remove(&fault);
            }
        }
        true
    }

    /// The words, with how often each still happens.
    pub fn words(&self) -> Vec<String> {
        let word = |(fault, times): (&Fault, &Option<u32>)| match times {
            Some(times) => format!("{}={times}", fault.as_str()),
            None => fault.as_str().to_owned(),
        };
        self.0.iter().map(word).collect()
    }
}
