//! What an admin settles about a pull connection: the connector's own settings, schedule, guard and scope. Stored as
//! JSON in the connection's row; whatever is absent has its default.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::access::JoinerPolicy;
use super::calendar::is_zone;

/// Settings of a pull connection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PullSettings {
    /// What the connector asks for and is no secret, by name.
    pub settings: BTreeMap<String, String>,
    /// When it pulls.
    pub schedule: Schedule,
    /// Beyond which losses of access a plan waits for an admin.
    pub guard: Guard,
    /// Whom it brings.
    pub scope: Scope,
    /// By what its records are taken for people who are there.
    #[serde(skip_serializing_if = "Matching::is_usual")]
    pub matching: Matching,
    /// Time zone of the days that its records name, where a record names none (`Europe/Paris`); absent: the tenant's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Where requests are sent instead of the vendor's hosts, their paths kept behind it. The operator's alone: whoever
    /// sets it decides who sees the credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
}

/// When a connection pulls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Schedule {
    /// Minutes from one pull to the next.
    pub every_minutes: u32,
    /// Minutes after a pull that misses somebody until another confirms it; files confirm it by other bytes instead.
    #[serde(skip_serializing_if = "is_usual_confirmation")]
    pub confirm_minutes: u32,
}

/// The limits of a connection: a plan beyond both waits for an admin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Guard {
    /// Most people who lose access within 24 hours.
    pub max_leavers: u32,
    /// The same as a percentage of the connection's people.
    pub max_percent: u32,
}

/// Whom a connection brings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Scope {
    /// SCIM filter over the mapped person; absent: everybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// What happens to who leaves the scope but not the company.
    pub leaving: Leaving,
}

/// By what the records of a connection are taken for people who are there, beside their links and verified addresses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Matching {
    /// What is compared with the `externalId` under which other sources, and the app, know people.
    pub also_by: MatchBy,
    /// Which addresses of a record count.
    pub addresses: AddressUse,
}

impl Matching {
    /// As it is unless somebody says otherwise.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// What of a record is compared with others' `externalId`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MatchBy {
    /// Nothing.
    #[default]
    None,
    /// The source's stable id.
    SourceId,
    /// The employee number.
    EmployeeNumber,
}

/// Which addresses of a record count: as the person's, and to recognise her by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AddressUse {
    /// Those at work alone; private ones are not kept.
    #[default]
    Work,
    /// Those at work; where there is none, the private one, if the source has it.
    WorkThenPrivate,
}

/// Words of a setting.
macro_rules! words {
    ($($kind:ident: $($variant:ident $word:literal),*;)*) => {
        $(impl $kind {
            /// All words.
            pub const WORDS: &'static [&'static str] = &[$($word),*];

            /// Reads the word.
            pub fn parse(text: &str) -> Option<Self> {
                match text {
                    $($word => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// The word.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        })*
    };
}

words! {
    MatchBy: None "none", SourceId "source-id", EmployeeNumber "employee-number";
    AddressUse: Work "work", WorkThenPrivate "work-then-private";
    Leaving: Keep "keep", Revoke "revoke";
}

/// What happens to a person who leaves a connection's scope.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Leaving {
    /// Access stays, the person is no longer linked.
    #[default]
    Keep,
    /// Access is revoked.
    Revoke,
}

/// Minutes until an absence is confirmed, unless somebody says otherwise.
const CONFIRM_USUAL: u32 = 5;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_usual_confirmation(minutes: &u32) -> bool {
    *minutes == CONFIRM_USUAL
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            every_minutes: 180,
            confirm_minutes: CONFIRM_USUAL,
        }
    }
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            max_leavers: 5,
            max_percent: 10,
        }
    }
}

impl Guard {
    /// Says which limit breaks which rule.
    ///
    /// # Errors
    /// The path of the value and its rule.
    pub fn check(&self) -> Result<(), String> {
        if self.max_percent > 100 {
            let got = self.max_percent;
            return Err(format!("`guard.maxPercent` takes 0 to 100; got {got}"));
        }
        if self.max_leavers > LEAVERS {
            let got = self.max_leavers;
            return Err(format!(
                "`guard.maxLeavers` takes 0 to {LEAVERS}; got {got}"
            ));
        }
        Ok(())
    }
}

/// What changes about the settings; what is absent stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PullChange {
    /// Values to set, and with `None` to take out, by name.
    pub settings: BTreeMap<String, Option<String>>,
    /// Minutes from one pull to the next.
    pub every_minutes: Option<u32>,
    /// Minutes until another pull confirms that somebody is missing.
    pub confirm_minutes: Option<u32>,
    /// Most people who lose access.
    pub max_leavers: Option<u32>,
    /// The same as a percentage.
    pub max_percent: Option<u32>,
    /// Filter of the scope; an empty one: everybody.
    pub filter: Option<String>,
    /// What happens to who leaves the scope.
    pub leaving: Option<Leaving>,
    /// What is compared with others' `externalId`.
    pub also_by: Option<MatchBy>,
    /// Which addresses count.
    pub addresses: Option<AddressUse>,
    /// Time zone; an empty text: the tenant's.
    pub zone: Option<String>,
    /// Where requests are sent; an empty text: to the vendor.
    pub endpoint: Option<String>,
}

impl PullChange {
    /// Nothing would change.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What happens to people whom a pull connection brings, unless something else is said.
pub const JOINERS: JoinerPolicy = JoinerPolicy::List;

/// Shortest and longest time between two pulls, in minutes.
const EVERY: std::ops::RangeInclusive<u32> = 5..=1_440;
/// Shortest and longest time until an absence is confirmed, in minutes.
const CONFIRM: std::ops::RangeInclusive<u32> = 1..=1_440;
/// Most settings of a connector.
const SETTINGS: usize = 100;
/// Longest name and value of a setting, in bytes.
const SETTING: (usize, usize) = (64, 4_096);
/// Largest limit of the guard, in people.
const LEAVERS: u32 = 1_000_000;

impl PullSettings {
    /// The settings with a change.
    pub fn with(mut self, change: &PullChange) -> Self {
        for (name, value) in &change.settings {
            match value {
                Some(value) => self.settings.insert(name.clone(), value.clone()),
                None => self.settings.remove(name),
            };
        }
        let set = |place: &mut u32, value: Option<u32>| *place = value.unwrap_or(*place);
        set(&mut self.schedule.every_minutes, change.every_minutes);
        set(&mut self.schedule.confirm_minutes, change.confirm_minutes);
        set(&mut self.guard.max_leavers, change.max_leavers);
        set(&mut self.guard.max_percent, change.max_percent);
        if let Some(endpoint) = &change.endpoint {
            self.endpoint = Some(endpoint.clone()).filter(|e| !e.is_empty());
        }
        if let Some(filter) = &change.filter {
            self.scope.filter = Some(filter.clone()).filter(|f| !f.trim().is_empty());
        }
        self.scope.leaving = change.leaving.unwrap_or(self.scope.leaving);
        self.matching.also_by = change.also_by.unwrap_or(self.matching.also_by);
        self.matching.addresses = change.addresses.unwrap_or(self.matching.addresses);
        if let Some(zone) = &change.zone {
            self.zone = Some(zone.clone()).filter(|z| !z.is_empty());
        }
        self
    }

    /// Says which value breaks which rule.
    ///
    /// # Errors
    /// The path of the value and its rule.
    pub fn check(&self) -> Result<(), String> {
        let minutes = self.schedule.every_minutes;
        if !EVERY.contains(&minutes) {
            return Err(format!(
                "`schedule.everyMinutes` takes 5 to 1440 (24 hours); got {minutes}"
            ));
        }
        let minutes = self.schedule.confirm_minutes;
        if !CONFIRM.contains(&minutes) {
            return Err(format!(
                "`schedule.confirmMinutes` takes 1 to 1440 (24 hours); got {minutes}"
            ));
        }
        if let Some(zone) = &self.zone {
            check_zone("zone", zone)?;
        }
        self.guard.check()?;
        if self.settings.len() > SETTINGS {
            return Err(format!("`settings` takes at most {SETTINGS} values"));
        }
        self.settings.iter().try_for_each(|(n, v)| setting(n, v))
    }
}

/// Says that a text is no time zone.
///
/// # Errors
/// The setting and its rule.
pub fn check_zone(setting: &str, zone: &str) -> Result<(), String> {
    match is_zone(zone) {
        true => Ok(()),
        false => {
            let short: String = zone.chars().filter(|c| !c.is_control()).take(64).collect();
            Err(format!(
                "`{setting}` takes a time zone of the IANA list, such as Europe/Paris; got `{short}`"
            ))
        }
    }
}

fn setting(name: &str, value: &str) -> Result<(), String> {
    let (longest_name, longest) = SETTING;
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    if name.is_empty() || name.len() > longest_name || !name.bytes().all(is_plain) {
        let short: String = name.chars().take(longest_name).collect();
        return Err(format!(
            "the name of a setting has 1 to {longest_name} of a-z, 0-9 and `_`; got `{short}`"
        ));
    }
    if value.len() > longest {
        let got = value.len();
        return Err(format!(
            "`settings.{name}` takes at most {longest} bytes; got {got}"
        ));
    }
    match value.contains(|c: char| c.is_control() && c != '\n' && c != '\t') {
        true => Err(format!("`settings.{name}` holds a control character")),
        false => Ok(()),
    }
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "tests")]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_absent_has_its_default_and_what_is_unknown_is_named() {
        let read = |value| serde_json::from_value::<PullSettings>(value);
        let plain = read(json!({})).expect("valid");
        assert_eq!(plain, PullSettings::default());
        assert_eq!(
            (plain.schedule.every_minutes, plain.guard.max_percent),
            (180, 10)
        );
        let half = read(json!({"guard": {"maxLeavers": 9}})).expect("valid");
        assert_eq!((half.guard.max_leavers, half.guard.max_percent), (9, 10));
        for (wrong, named) in [
            (json!({"shedule": {}}), "shedule"),
            (json!({"schedule": {"every": 5}}), "every"),
            (json!({"scope": {"leaving": "drop"}}), "drop"),
        ] {
            let error = read(wrong).expect_err(named).to_string();
            assert!(error.contains(named), "{error}");
        }
    }

    #[test]
    fn words_are_read_as_they_are_stored() {
        for word in MatchBy::WORDS {
            let stored = serde_json::to_value(MatchBy::parse(word).expect(word)).expect(word);
            assert_eq!(stored, *word);
        }
        for word in AddressUse::WORDS {
            let stored = serde_json::to_value(AddressUse::parse(word).expect(word)).expect(word);
            assert_eq!(stored, *word);
        }
        for word in Leaving::WORDS {
            let stored = serde_json::to_value(Leaving::parse(word).expect(word)).expect(word);
            assert_eq!(stored, *word);
        }
        // A program of before reads what it knows as long as nothing new is set.
        let text = serde_json::to_string(&PullSettings::default()).expect("text");
        for new in ["matching", "zone", "confirmMinutes"] {
            assert!(!text.contains(new), "{text}");
        }
    }

    #[test]
    fn a_change_leaves_alone_what_it_does_not_name() {
        let set = |name: &str, value: Option<&str>| {
            BTreeMap::from([(name.to_owned(), value.map(str::to_owned))])
        };
        let first = PullSettings::default().with(&PullChange {
            settings: set("subdomain", Some("acme")),
            max_leavers: Some(9),
            filter: Some("title pr".to_owned()),
            ..PullChange::default()
        });
        let second = first.clone().with(&PullChange {
            settings: set("region", Some("eu")),
            every_minutes: Some(60),
            leaving: Some(Leaving::Revoke),
            ..PullChange::default()
        });
        assert_eq!(second.settings.len(), 2);
        assert_eq!(
            (second.guard.max_leavers, second.guard.max_percent),
            (9, 10)
        );
        assert_eq!(second.scope.filter.as_deref(), Some("title pr"));
        assert_eq!(first.clone().with(&PullChange::default()), first);
        let third = second.with(&PullChange {
            settings: set("subdomain", None),
            filter: Some(String::new()),
            ..PullChange::default()
        });
        assert_eq!((third.settings.len(), third.scope.filter), (1, None));
    }

    #[test]
    fn a_value_that_breaks_a_rule_is_named_with_it() {
        let with = |value| serde_json::from_value::<PullSettings>(value).expect("a shape");
        for (minutes, fits) in [(4, false), (5, true), (1_440, true), (1_441, false)] {
            let settings = with(json!({"schedule": {"everyMinutes": minutes}}));
            assert_eq!(settings.check().is_ok(), fits, "{minutes}");
        }
        for (value, named) in [
            (json!({"guard": {"maxPercent": 101}}), "guard.maxPercent"),
            (json!({"schedule": {"confirmMinutes": 0}}), "confirmMinutes"),
            (json!({"zone": "Mars/Olympus"}), "Europe/Paris"),
            (
                json!({"guard": {"maxLeavers": 1_000_001}}),
                "guard.maxLeavers",
            ),
            (json!({"settings": {"Sub": "x"}}), "`Sub`"),
            (json!({"settings": {"sub": "a\u{0}b"}}), "settings.sub"),
            (
                json!({"settings": {"sub": "x".repeat(5_000)}}),
                "settings.sub",
            ),
        ] {
            let error = with(value).check().expect_err(named);
            assert!(error.contains(named), "{error}");
        }
    }
}
