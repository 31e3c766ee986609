//! Deviations of real clients, each a rule with a name, and the presets that allow them. Code that meets one asks
//! [`Rules::allow`], which notes the use, so that a request that needed a rule says so in the log.

use std::collections::BTreeSet;

use super::limits::Limits;

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
    /// SCIM 1.1's core URN in `schemas` stands for that of the resource (OneLogin's core connector).
    OldCoreUrn,
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
    /// 33: values come back as they went in: a country by name (directories keep names), a reference that is no URI, a
    /// certificate that is none.
    ValueOutsideForm,
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
            Self::OldCoreUrn => "old-core-urn",
            Self::UnquotedFilterValue => "unquoted-filter-value",
            Self::SubAttributeAfterValuePath => "sub-attribute-after-value-path",
            Self::UnknownAttribute => "unknown-attribute",
            Self::MemberAsText => "member-as-text",
            Self::FilterInProjection => "filter-in-projection",
            Self::UserNameOutsidePrecis => "user-name-outside-precis",
            Self::ValueOutsideForm => "value-outside-form",
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
    /// OneLogin, whose body is a template that an administrator edits.
    Onelogin,
    /// JumpCloud.
    Jumpcloud,
    /// PingOne and PingFederate.
    Ping,
    /// Google Workspace.
    Google,
    /// Any other client.
    #[default]
    Generic,
    /// The RFC's letter.
    Strict,
}

impl Preset {
    /// All presets.
    pub const ALL: [Self; 8] = [
        Self::Okta,
        Self::Entra,
        Self::Onelogin,
        Self::Jumpcloud,
        Self::Ping,
        Self::Google,
        Self::Generic,
        Self::Strict,
    ];

    /// The stored word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Okta => "okta",
            Self::Entra => "entra",
            Self::Onelogin => "onelogin",
            Self::Jumpcloud => "jumpcloud",
            Self::Ping => "ping",
            Self::Google => "google",
            Self::Generic => "generic",
            Self::Strict => "strict",
        }
    }

    /// The stored words of all presets, for messages.
    pub fn words() -> String {
        Self::ALL.map(Self::as_str).join(", ")
    }

    /// Whether a deviation is accepted: where the client is known to send it, or an administrator at the other end may
    /// write it. To all else the RFC's answer is given, which names the rule.
    fn accepts(self, rule: Rule) -> bool {
        rule.always()
            || match self {
                // These stay as wide as they were released: narrower, they could refuse what a connection sends today.
                Self::Okta | Self::Entra | Self::Generic => true,
                Self::Onelogin => matches!(
                    rule,
                    Rule::OldCoreUrn
                        | Rule::SchemasMissing
                        | Rule::RemoveWithValue
                        | Rule::ComplexAsText
                        | Rule::UserNameOutsidePrecis
                        | Rule::ValueOutsideForm
                ),
                Self::Jumpcloud => matches!(
                    rule,
                    Rule::RemoveWithValue | Rule::UserNameOutsidePrecis | Rule::ValueOutsideForm
                ),
                // The filter that finds a user is the administrator's own.
                Self::Ping => matches!(
                    rule,
                    Rule::SubAttributeAfterValuePath
                        | Rule::UserNameOutsidePrecis
                        | Rule::ValueOutsideForm
                ),
                // A mapping's target is a path, which a change then names.
                Self::Google => matches!(
                    rule,
                    Rule::FilterPathCreates
                        | Rule::SubAttributeAfterValuePath
                        | Rule::UserNameOutsidePrecis
                        | Rule::ValueOutsideForm
                ),
                Self::Strict => false,
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
    limits: Limits,
    used: BTreeSet<Rule>,
}

impl Rules {
    /// The rules of a preset.
    pub fn new(preset: Preset) -> Self {
        Self {
            preset,
            ..Self::default()
        }
    }

    /// The same with limits other than the usual ones.
    pub fn within(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// How much the request may ask for.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether a deviation is accepted; if so, its use is noted.
    pub fn allow(&mut self, rule: Rule) -> bool {
        let allowed = self.preset.accepts(rule);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_preset_is_stored_by_a_word_of_its_own() {
        for preset in Preset::ALL {
            assert_eq!(Preset::parse(preset.as_str()), Some(preset));
        }
        assert_eq!(Preset::parse("Okta"), None);
    }

    #[test]
    fn a_preset_accepts_what_its_client_sends_and_notes_it_by_name() {
        let cases = [
            (Rule::BooleanText, "all"),
            (Rule::UnknownAttribute, "all"),
            (Rule::OldCoreUrn, "okta entra onelogin generic"),
            (
                Rule::RemoveWithValue,
                "okta entra onelogin jumpcloud generic",
            ),
            (Rule::FilterPathCreates, "okta entra google generic"),
            (
                Rule::SubAttributeAfterValuePath,
                "okta entra ping google generic",
            ),
            (Rule::UnquotedFilterValue, "okta entra generic"),
            (
                Rule::ValueOutsideForm,
                "okta entra onelogin jumpcloud ping google generic",
            ),
        ];
        for (rule, presets) in cases {
            for preset in Preset::ALL {
                let mut rules = Rules::new(preset);
                let expected =
                    presets == "all" || presets.split(' ').any(|word| word == preset.as_str());
                assert_eq!(rules.allow(rule), expected, "{rule:?} by {preset:?}");
                let noted = expected.then_some(rule.as_str());
                assert_eq!(rules.used(), Vec::from_iter(noted));
            }
        }
    }
}
