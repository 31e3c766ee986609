//! What columns are called in exports, in the languages of the systems that write them.

use std::collections::{BTreeMap, BTreeSet};

use super::Settings;
use crate::hris::formats::Problem;

/// What a column can mean. Its name is that of the column in the recommended template.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize, serde::Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// Stable id, never used again.
    EmployeeId,
    /// Personnel number, where it is not the id.
    EmployeeNumber,
    /// Work address.
    WorkEmail,
    /// Private address; used only if the connection says so.
    PrivateEmail,
    /// Given name.
    FirstName,
    /// Given name that she uses.
    PreferredName,
    /// `van`, `de`: before the family name.
    Prefix,
    /// Family name.
    LastName,
    /// Name as shown.
    DisplayName,
    /// Job.
    JobTitle,
    /// Department.
    Department,
    /// Division.
    Division,
    /// Cost centre.
    CostCenter,
    /// Legal entity.
    Organization,
    /// Place of work.
    Location,
    /// Country.
    Country,
    /// Language and region.
    Locale,
    /// Time zone.
    Timezone,
    /// Phone at work.
    WorkPhone,
    /// Mobile phone.
    Mobile,
    /// The manager: an id, or an e-mail address.
    ManagerId,
    /// The manager's address.
    ManagerEmail,
    /// Kind of employment.
    EmploymentType,
    /// Status word.
    Status,
    /// First day.
    StartDate,
    /// Last day of work.
    EndDate,
}

impl Field {
    /// All fields.
    pub const ALL: [Self; 26] = [
        Self::EmployeeId,
        Self::EmployeeNumber,
        Self::WorkEmail,
        Self::PrivateEmail,
        Self::FirstName,
        Self::PreferredName,
        Self::Prefix,
        Self::LastName,
        Self::DisplayName,
        Self::JobTitle,
        Self::Department,
        Self::Division,
        Self::CostCenter,
        Self::Organization,
        Self::Location,
        Self::Country,
        Self::Locale,
        Self::Timezone,
        Self::WorkPhone,
        Self::Mobile,
        Self::ManagerId,
        Self::ManagerEmail,
        Self::EmploymentType,
        Self::Status,
        Self::StartDate,
        Self::EndDate,
    ];

    /// The name under which a record has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::EmployeeId => "employee_id",
            Self::EmployeeNumber => "employee_number",
            Self::WorkEmail => "work_email",
            Self::PrivateEmail => "private_email",
            Self::FirstName => "first_name",
            Self::PreferredName => "preferred_name",
            Self::Prefix => "prefix",
            Self::LastName => "last_name",
            Self::DisplayName => "display_name",
            Self::JobTitle => "job_title",
            Self::Department => "department",
            Self::Division => "division",
            Self::CostCenter => "cost_center",
            Self::Organization => "organization",
            Self::Location => "location",
            Self::Country => "country",
            Self::Locale => "locale",
            Self::Timezone => "timezone",
            Self::WorkPhone => "work_phone",
            Self::Mobile => "mobile",
            Self::ManagerId => "manager_id",
            Self::ManagerEmail => "manager_email",
            Self::EmploymentType => "employment_type",
            Self::Status => "status",
            Self::StartDate => "start_date",
            Self::EndDate => "end_date",
        }
    }

    /// Headers under which exports have it, normalised, the best first: one line of `columns.txt`.
    fn headers(self) -> impl Iterator<Item = &'static str> {
        let lines = include_str!("columns.txt").lines();
        let mine = lines.filter(move |l| l.split(' ').next() == Some(self.name()));
        mine.flat_map(|l| l.split(' '))
    }

    /// Whether its cells are dates.
    pub fn is_date(self) -> bool {
        matches!(self, Self::StartDate | Self::EndDate)
    }

    /// Whether a file that lost its column would say something else about everybody: who is employed, and who is who.
    fn is_decisive(self) -> bool {
        matches!(
            self,
            Self::Status | Self::StartDate | Self::EndDate | Self::WorkEmail
        )
    }

    /// Whether it says who a row is about: a row without any of them is a total.
    pub fn is_key(self) -> bool {
        matches!(
            self,
            Self::EmployeeId
                | Self::EmployeeNumber
                | Self::WorkEmail
                | Self::FirstName
                | Self::LastName
                | Self::DisplayName
        )
    }

    /// Whether its cells are identifiers, which are kept letter by letter.
    pub fn is_identifier(self) -> bool {
        matches!(
            self,
            Self::EmployeeId | Self::EmployeeNumber | Self::ManagerId
        )
    }
}

/// Units of a person with the fields that they are made of (`table.jq`). Those that are made of the id, which no file
/// lacks, are not among them.
pub(super) const UNITS: &[(&str, &[Field])] = {
    use Field::*;
    &[
        ("userName", &[WorkEmail]),
        ("emails", &[WorkEmail]),
        ("name.givenName", &[FirstName, PreferredName]),
        ("name.familyName", &[LastName, Prefix]),
        (
            "displayName",
            &[DisplayName, FirstName, PreferredName, LastName, Prefix],
        ),
        ("title", &[JobTitle]),
        ("userType", &[EmploymentType]),
        ("phoneNumbers", &[WorkPhone, Mobile]),
        ("locale", &[Locale]),
        ("timezone", &[Timezone]),
        (
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
            &[Department],
        ),
        (
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:division",
            &[Division],
        ),
        (
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:organization",
            &[Organization],
        ),
        (
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:costCenter",
            &[CostCenter],
        ),
        (
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
            &[ManagerId, ManagerEmail],
        ),
    ]
};

/// Which column holds which field: what the settings say, else by name. Errors: `csv.column_unknown` for a setting that
/// names no column, `csv.column_missing` if there is no id.
pub(super) fn assign(
    columns: &[String],
    settings: &Settings,
) -> Result<BTreeMap<Field, usize>, Problem> {
    let place = |name: &str| columns.iter().position(|c| c == name);
    let mut found = BTreeMap::new();
    for (field, column) in &settings.columns {
        let column = crate::hris::formats::csv::normalise(column);
        let at = place(&column).ok_or_else(|| {
            Problem::new("csv.column_unknown")
                .with("field", field.name())
                .with("column", &column)
        })?;
        found.insert(*field, at);
    }
    for field in Field::ALL {
        if found.contains_key(&field) || settings.without.contains(&field) {
            continue;
        }
        let free = |at: &usize| !found.values().any(|taken| taken == at);
        if let Some(at) = field.headers().filter_map(place).find(free) {
            found.insert(field, at);
        }
    }
    if !found.contains_key(&Field::EmployeeId) {
        return Err(Problem::new("csv.column_missing").with("field", Field::EmployeeId.name()));
    }
    Ok(found)
}

/// Fields that the last file had and this one has not. Errors: `csv.column_gone` if one of them is decisive.
pub(super) fn gone(
    found: &BTreeMap<Field, usize>,
    settings: &Settings,
) -> Result<BTreeSet<Field>, Problem> {
    let is_gone = |f: &&Field| !found.contains_key(*f) && !settings.without.contains(*f);
    let gone: BTreeSet<Field> = settings.had.iter().filter(is_gone).copied().collect();
    match gone.iter().find(|f| f.is_decisive()) {
        Some(field) => Err(Problem::new("csv.column_gone").with("field", field.name())),
        None => Ok(gone),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hris::formats::csv::normalise;

    #[test]
    fn no_name_means_two_things_and_all_are_normalised() {
        let mut seen = BTreeMap::new();
        for field in Field::ALL {
            assert_eq!(field.headers().next(), Some(field.name()));
            for name in field.headers() {
                assert_eq!(normalise(name), name);
                assert_eq!(seen.insert(name, field), None, "{name}");
            }
            assert_eq!(serde_json::to_value(field).ok(), Some(field.name().into()));
        }
        assert_eq!(
            include_str!("columns.txt").lines().count(),
            Field::ALL.len()
        );
    }

    #[test]
    fn headers_of_many_exports_are_known() {
        for (header, wanted) in [
            ("Personnel number", Field::EmployeeId),
            ("Ansattnr", Field::EmployeeId),
            ("Medewerker", Field::EmployeeId),
            ("Matricule", Field::EmployeeId),
            ("E-mail (work)", Field::WorkEmail),
            ("Dienst-E-Mail", Field::WorkEmail),
            ("Fornavn", Field::FirstName),
            ("Prénom", Field::FirstName),
            ("Etternavn", Field::LastName),
            ("Vorgesetzter", Field::ManagerId),
            ("Leader", Field::ManagerId),
            ("Fromdate", Field::StartDate),
            ("Eintrittsdatum", Field::StartDate),
            ("Austritt", Field::EndDate),
            ("Enddate", Field::EndDate),
        ] {
            let columns = ["employee_id".to_owned(), normalise(header)];
            let columns = if wanted == Field::EmployeeId {
                &columns[1..]
            } else {
                &columns[..]
            };
            let found = assign(columns, &Settings::default()).unwrap_or_default();
            assert_eq!(found.get(&wanted), Some(&(columns.len() - 1)), "{header}");
        }
    }

    #[test]
    fn settings_win_and_a_column_has_one_meaning() {
        let columns = ["personalnummer", "id", "email", "work_email"].map(str::to_owned);
        let found = assign(&columns, &Settings::default()).unwrap_or_default();
        assert_eq!(
            (found[&Field::EmployeeId], found[&Field::WorkEmail]),
            (0, 3)
        );
        let set = |columns| Settings {
            columns,
            ..Settings::default()
        };
        let own = set(BTreeMap::from([
            (Field::EmployeeId, "ID".to_owned()),
            (Field::WorkEmail, "email".to_owned()),
        ]));
        let found = assign(&columns, &own).unwrap_or_default();
        assert_eq!(
            (found[&Field::EmployeeId], found[&Field::WorkEmail]),
            (1, 2)
        );
        let wrong = set(BTreeMap::from([(Field::Status, "zustand".to_owned())]));
        assert_eq!(
            assign(&columns, &wrong).err().map(|p| p.code),
            Some("csv.column_unknown")
        );
        assert_eq!(
            assign(&columns[2..], &Settings::default())
                .err()
                .map(|p| p.code),
            Some("csv.column_missing")
        );
    }

    #[test]
    fn a_decisive_column_that_is_gone_refuses_the_file_unless_that_is_meant() {
        let columns = ["id", "email"].map(str::to_owned);
        let had = |fields: &[Field]| Settings {
            had: fields.iter().copied().collect(),
            ..Settings::default()
        };
        let judge = |settings: &Settings| {
            let found = assign(&columns, settings).unwrap_or_default();
            gone(&found, settings).map_err(|p| (p.code, p.params["field"].clone()))
        };
        let with_status = had(&[Field::EmployeeId, Field::WorkEmail, Field::Status]);
        let refused = Err(("csv.column_gone", "status".to_owned()));
        assert_eq!(judge(&with_status), refused);
        let meant = Settings {
            without: BTreeSet::from([Field::Status]),
            ..with_status
        };
        assert_eq!(judge(&meant), Ok(BTreeSet::new()));
        let titles = had(&[Field::JobTitle]);
        assert_eq!(judge(&titles), Ok(BTreeSet::from([Field::JobTitle])));
    }
}
