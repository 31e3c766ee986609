//! Deviations of real clients, each a rule with a name, and the presets that allow them. Code that meets one asks
//! [`Rules::allow`], which notes the use, so that a request that needed a rule says so in the log.

use std::collections::BTreeSet;

/// One accepted deviation. The numbers are those of the survey of clients that the rules were written from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// 1: `"op": "Replace"` in any letter case (Entra).
    OpAnyCase,
    /// 2: `"active": "False"`, booleans as text (Entra, OneLogin).
    BooleanText,
    /// 4: read-only keys in the value of a PATCH without path are passed over (Okta's group rename).
    ReadOnlyKeysIgnored,
    /// 6: dotted keys in the value of a PATCH without path are paths (Entra with the 2020 flag).
    DottedKeys,
    /// 7: a filter path that matches no element creates one (Entra).
    FilterPathCreates,
    /// 9: boolean text inside a filter, `primary eq "True"` (Entra).
    BooleanTextInFilter,
    /// 11: `manager` as a bare string (Entra).
    ComplexAsText,
    /// 12: a single-valued attribute as an array of one (Entra's documentation).
    SingleAsArray,
    /// 12: an extension attribute without its URN.
    UnprefixedExtension,
    /// 13: removal of members, or of other values of a list, by a value array (Entra, authentik, JumpCloud).
    RemoveWithValue,
    /// 16: unknown URNs in `schemas` (Entra).
    ForeignSchemaUrns,
    /// 16: `schemas` missing.
    SchemasMissing,
    /// 23: an unquoted value in a filter (Microsoft's documentation).
    UnquotedFilterValue,
    /// Entra's look-up `emails[type eq "work"].value eq "x"`, which the grammar lacks.
    SubAttributeAfterValuePath,
    /// 28: unknown attributes are passed over.
    UnknownAttribute,
    /// A member as a bare string (Microsoft's collection).
    MemberAsText,
    /// 83: a filter inside `attributes`.
    FilterInProjection,
    /// A `userName` that PRECIS refuses, such as one with a blank.
    UserNameOutsidePrecis,
}

impl Rule {
    /// Name in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OpAnyCase => "op-any-case",
            Self::BooleanText => "boolean-text",
            Self::ReadOnlyKeysIgnored => "read-only-keys-ignored",
            Self::DottedKeys => "dotted-keys",
            Self::FilterPathCreates => "filter-path-creates",
            Self::BooleanTextInFilter => "boolean-text-in-filter",
            Self::ComplexAsText => "complex-as-text",
            Self::SingleAsArray => "single-as-array",
            Self::UnprefixedExtension => "unprefixed-extension",
            Self::RemoveWithValue => "remove-with-value",
            Self::ForeignSchemaUrns => "foreign-schema-urns",
            Self::SchemasMissing => "schemas-missing",
            Self::UnquotedFilterValue => "unquoted-filter-value",
            Self::SubAttributeAfterValuePath => "sub-attribute-after-value-path",
            Self::UnknownAttribute => "unknown-attribute",
            Self::MemberAsText => "member-as-text",
            Self::FilterInProjection => "filter-in-projection",
            Self::UserNameOutsidePrecis => "user-name-outside-precis",
        }
    }

    /// What even the strict preset understands: a deactivation in every spelling, and what costs nobody anything.
    fn always(self) -> bool {
        matches!(
            self,
            Self::OpAnyCase
                | Self::BooleanText
                | Self::DottedKeys
                | Self::ReadOnlyKeysIgnored
                | Self::ForeignSchemaUrns
                | Self::UnknownAttribute
        )
    }
}

/// A connection's set of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Preset {
    /// Okta.
    Okta,
    /// Microsoft Entra ID.
    Entra,
    /// Any other client.
    #[default]
    Generic,
    /// The RFC's letter.
    Strict,
}

impl Preset {
    /// All presets.
    pub const ALL: [Self; 4] = [Self::Okta, Self::Entra, Self::Generic, Self::Strict];

    /// The stored word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Okta => "okta",
            Self::Entra => "entra",
            Self::Generic => "generic",
            Self::Strict => "strict",
        }
    }

    /// Reads the stored word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.as_str() == text)
    }
}

/// The rules of one request, and which of them it used.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    preset: Preset,
    used: BTreeSet<Rule>,
}

impl Rules {
    /// The rules of a preset.
    pub fn new(preset: Preset) -> Self {
        Self {
            preset,
            used: BTreeSet::new(),
        }
    }

    /// Whether a deviation is accepted; if so, its use is noted.
    pub fn allow(&mut self, rule: Rule) -> bool {
        let allowed = self.preset != Preset::Strict || rule.always();
        if allowed {
            self.used.insert(rule);
        }
        allowed
    }

    /// Names of the rules that were used, in a fixed order.
    pub fn used(&self) -> Vec<&'static str> {
        self.used.iter().map(|r| r.as_str()).collect()
    }
}
