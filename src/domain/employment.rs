//! What an HR source says about a person's employment (SEMANTICS §1): never `active`, always one of five states.

/// The state that a source asserts, as of the day it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EmploymentState {
    /// Hired, the first day lies ahead.
    Prehire,
    /// Employed.
    Employed,
    /// Employed and away: parental leave, sabbatical, illness. Keeps her access.
    OnLeave,
    /// The employment has ended.
    Left,
    /// A word that the connector does not know, or none: nothing changes.
    Unknown,
}

impl EmploymentState {
    /// All states.
    pub const ALL: [Self; 5] = [
        Self::Prehire,
        Self::Employed,
        Self::OnLeave,
        Self::Left,
        Self::Unknown,
    ];

    /// The word that is stored and shown (`employmentState`).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prehire => "prehire",
            Self::Employed => "employed",
            Self::OnLeave => "on_leave",
            Self::Left => "left",
            Self::Unknown => "unknown",
        }
    }

    /// Reads the stored word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == text)
    }

    /// Employed or on leave: what `active` says of a pulled person.
    pub fn is_active(self) -> bool {
        matches!(self, Self::Employed | Self::OnLeave)
    }
}
