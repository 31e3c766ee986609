//! The parts of a person that an HR system may tell, and why one cannot.

use serde::Deserialize;
use utoipa::ToSchema;

/// A part of a person, as tables of connectors have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Part {
    /// `userName` and the work e-mail.
    UserName,
    /// `name`
    Name,
    /// `displayName`
    DisplayName,
    /// `title`
    Title,
    /// The state of employment.
    EmploymentState,
    /// Enterprise `employeeNumber`.
    EmployeeNumber,
    /// Enterprise `department`.
    Department,
    /// Enterprise `division`.
    Division,
    /// Enterprise `organization`.
    Organization,
    /// Enterprise `costCenter`.
    CostCenter,
    /// Enterprise `manager`.
    Manager,
    /// The first day.
    StartDate,
    /// The last day.
    EndDate,
    /// Work and mobile numbers.
    PhoneNumbers,
    /// `locale`, `preferredLanguage`
    Locale,
    /// `timezone`
    Timezone,
}

impl Part {
    /// All of them, in the order of tables.
    pub const ALL: [Self; 16] = [
        Self::UserName,
        Self::Name,
        Self::DisplayName,
        Self::Title,
        Self::EmploymentState,
        Self::EmployeeNumber,
        Self::Department,
        Self::Division,
        Self::Organization,
        Self::CostCenter,
        Self::Manager,
        Self::StartDate,
        Self::EndDate,
        Self::PhoneNumbers,
        Self::Locale,
        Self::Timezone,
    ];

    /// The word of the YAML.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UserName => "userName",
            Self::Name => "name",
            Self::DisplayName => "displayName",
            Self::Title => "title",
            Self::EmploymentState => "employmentState",
            Self::EmployeeNumber => "employeeNumber",
            Self::Department => "department",
            Self::Division => "division",
            Self::Organization => "organization",
            Self::CostCenter => "costCenter",
            Self::Manager => "manager",
            Self::StartDate => "startDate",
            Self::EndDate => "endDate",
            Self::PhoneNumbers => "phoneNumbers",
            Self::Locale => "locale",
            Self::Timezone => "timezone",
        }
    }

    /// The part that a unit of [`Evidence::coverage`](crate::hris::Evidence::coverage) belongs to: `name.givenName` to
    /// the name. None for a unit that no table has.
    pub fn of_unit(unit: &str) -> Option<Self> {
        let own = unit.strip_prefix(crate::hris::ENTERPRISE);
        let unit = own.map_or(unit, |own| own.trim_start_matches(':'));
        let first = unit.split('.').next().unwrap_or_default();
        match first {
            "emails" => Some(Self::UserName),
            "employment" => Some(Self::EmploymentState),
            "start_date" => Some(Self::StartDate),
            "end_date" => Some(Self::EndDate),
            "preferredLanguage" => Some(Self::Locale),
            other => Self::ALL.into_iter().find(|part| part.as_str() == other),
        }
    }
}

/// Why a connector does not bring a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Lack {
    /// The vendor's API has no such field.
    None,
    /// It has none of its own; a customer may keep it in a custom field that a setting names.
    Custom,
    /// What the API has is private, or may be.
    Private,
    /// The API has it, and it is not asked for: it takes further rights, or a call that people are not worth.
    Unread,
    /// The vendor's documentation does not say whether there is such a field.
    Unknown,
}

impl Lack {
    /// The word of the YAML.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Custom => "custom",
            Self::Private => "private",
            Self::Unread => "unread",
            Self::Unknown => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_belongs_to_the_part_of_its_name() {
        let enterprise = |name: &str| format!("{}:{name}", crate::hris::ENTERPRISE);
        for (unit, part) in [
            ("userName".to_owned(), Some(Part::UserName)),
            ("emails".to_owned(), Some(Part::UserName)),
            ("name.givenName".to_owned(), Some(Part::Name)),
            ("employment".to_owned(), Some(Part::EmploymentState)),
            ("end_date".to_owned(), Some(Part::EndDate)),
            ("preferredLanguage".to_owned(), Some(Part::Locale)),
            (enterprise("costCenter"), Some(Part::CostCenter)),
            (enterprise("manager.value"), Some(Part::Manager)),
            ("addresses".to_owned(), None),
            ("externalId".to_owned(), None),
        ] {
            assert_eq!(Part::of_unit(&unit), part, "{unit}");
        }
    }

    #[test]
    fn the_words_are_those_of_the_yaml() {
        for part in Part::ALL {
            let read: Part = serde_saphyr::from_str(part.as_str()).unwrap_or(Part::UserName);
            assert_eq!(read, part);
        }
        for lack in [
            Lack::None,
            Lack::Custom,
            Lack::Private,
            Lack::Unread,
            Lack::Unknown,
        ] {
            assert_eq!(serde_saphyr::from_str(lack.as_str()).ok(), Some(lack));
        }
    }
}
