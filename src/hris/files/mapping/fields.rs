//! What columns are called in exports, in the languages of the systems that write them.

use std::collections::BTreeMap;

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

/// Names of columns, normalised, the best first.
const NAMES: &[(Field, &[&str])] = &[
    (
        Field::EmployeeId,
        &[
            "employee_id",
            "employeeid",
            "person_id",
            "worker_id",
            "personnel_number",
            "personalnummer",
            "ansattnr",
            "ansattnummer",
            "medewerker",
            "medewerkernummer",
            "personeelsnummer",
            "matricule",
            "matricola",
            "numero_de_matricule",
            "anställningsnummer",
            "anstallningsnummer",
            "medarbejdernummer",
            "número_de_empleado",
            "id",
        ],
    ),
    (
        Field::EmployeeNumber,
        &[
            "employee_number",
            "employee_no",
            "staff_number",
            "payroll_number",
            "payroll_id",
        ],
    ),
    (
        Field::WorkEmail,
        &[
            "work_email",
            "e_mail_work",
            "email_work",
            "business_email",
            "company_email",
            "dienst_e_mail",
            "e_mail_dienstlich",
            "geschäftliche_e_mail",
            "zakelijk_e_mailadres",
            "e_mail_zakelijk",
            "email_professionnel",
            "e_mail_professionnel",
            "adresse_email_professionnelle",
            "jobb_e_post",
            "e_post_jobb",
            "arbejds_e_mail",
            "correo_de_trabajo",
            "email",
            "e_mail",
            "email_address",
            "e_mail_adresse",
            "e_mailadres",
            "e_post",
            "epost",
            "adresse_e_mail",
            "correo_electrónico",
            "mail",
        ],
    ),
    (
        Field::PrivateEmail,
        &[
            "private_email",
            "personal_email",
            "e_mail_private",
            "e_mail_privat",
            "private_e_mail",
            "privé_e_mail",
            "email_personnel",
        ],
    ),
    (
        Field::FirstName,
        &[
            "first_name",
            "firstname",
            "given_name",
            "vorname",
            "fornavn",
            "förnamn",
            "voornaam",
            "roepnaam",
            "prénom",
            "prenom",
            "nombre",
            "nome",
        ],
    ),
    (
        Field::PreferredName,
        &[
            "preferred_name",
            "preferred_first_name",
            "known_as",
            "rufname",
            "nickname",
        ],
    ),
    (
        Field::Prefix,
        &[
            "prefix",
            "name_prefix",
            "voorvoegsel",
            "voorvoegsels",
            "tussenvoegsel",
            "namenszusatz",
        ],
    ),
    (
        Field::LastName,
        &[
            "last_name",
            "lastname",
            "family_name",
            "surname",
            "nachname",
            "familienname",
            "etternavn",
            "efternavn",
            "efternamn",
            "achternaam",
            "nom",
            "nom_de_famille",
            "apellido",
            "apellidos",
            "cognome",
        ],
    ),
    (
        Field::DisplayName,
        &[
            "display_name",
            "full_name",
            "anzeigename",
            "weergavenaam",
            "nom_complet",
        ],
    ),
    (
        Field::JobTitle,
        &[
            "job_title",
            "title",
            "position",
            "stelle",
            "stellenbezeichnung",
            "funktion",
            "functie",
            "functietitel",
            "stilling",
            "befattning",
            "poste",
            "fonction",
            "intitulé_du_poste",
            "puesto",
        ],
    ),
    (
        Field::Department,
        &[
            "department",
            "abteilung",
            "afdeling",
            "avdeling",
            "avdelning",
            "département",
            "service",
            "departamento",
            "reparto",
        ],
    ),
    (
        Field::Division,
        &[
            "division",
            "business_unit",
            "bereich",
            "geschäftsbereich",
            "divisie",
        ],
    ),
    (
        Field::CostCenter,
        &[
            "cost_center",
            "cost_centre",
            "costcenter",
            "kostenstelle",
            "kostenplaats",
            "kostsenter",
            "kostnadsställe",
            "omkostningssted",
            "centre_de_coût",
            "centre_de_coûts",
            "centro_de_coste",
        ],
    ),
    (
        Field::Organization,
        &[
            "organization",
            "organisation",
            "legal_entity",
            "company",
            "firma",
            "gesellschaft",
            "bedrijf",
            "werkgever",
            "selskap",
            "société",
            "entité_légale",
            "empresa",
        ],
    ),
    (
        Field::Location,
        &[
            "location",
            "office",
            "site",
            "standort",
            "arbeitsort",
            "locatie",
            "vestiging",
            "arbeidssted",
            "lieu_de_travail",
            "ort",
        ],
    ),
    (Field::Country, &["country", "land", "pays", "país"]),
    (
        Field::Locale,
        &["locale", "language", "sprache", "taal", "språk", "langue"],
    ),
    (
        Field::Timezone,
        &[
            "timezone",
            "time_zone",
            "zeitzone",
            "tijdzone",
            "fuseau_horaire",
        ],
    ),
    (
        Field::WorkPhone,
        &[
            "work_phone",
            "phone_work",
            "telefon_dienstlich",
            "telefoon_zakelijk",
            "téléphone_professionnel",
            "phone",
            "telefon",
            "telefoon",
            "téléphone",
        ],
    ),
    (
        Field::Mobile,
        &[
            "mobile",
            "mobile_phone",
            "cell_phone",
            "handy",
            "mobil",
            "mobiel",
            "portable",
            "móvil",
        ],
    ),
    (
        Field::ManagerId,
        &[
            "manager_id",
            "manager_employee_id",
            "reports_to_id",
            "vorgesetzter_personalnummer",
            "personalnummer_vorgesetzter",
            "manager_number",
            "leder_ansattnr",
            "manager_medewerkernummer",
            "matricule_manager",
            "matricule_responsable",
            "manager",
            "reports_to",
            "supervisor",
            "vorgesetzter",
            "vorgesetzte",
            "leidinggevende",
            "leader",
            "leder",
            "närmaste_chef",
            "chef",
            "responsable",
        ],
    ),
    (
        Field::ManagerEmail,
        &[
            "manager_email",
            "manager_e_mail",
            "e_mail_vorgesetzter",
            "vorgesetzter_e_mail",
            "e_mail_leidinggevende",
            "email_manager",
            "email_du_manager",
        ],
    ),
    (
        Field::EmploymentType,
        &[
            "employment_type",
            "contract_type",
            "beschäftigungsart",
            "vertragsart",
            "contractsoort",
            "type_de_contrat",
        ],
    ),
    (
        Field::Status,
        &[
            "status",
            "employment_status",
            "employee_status",
            "beschäftigungsstatus",
            "mitarbeiterstatus",
            "statut",
            "estado",
            "active",
            "aktiv",
            "actief",
            "actif",
        ],
    ),
    (
        Field::StartDate,
        &[
            "start_date",
            "hire_date",
            "date_of_hire",
            "join_date",
            "eintrittsdatum",
            "eintritt",
            "datum_in_dienst",
            "in_dienst",
            "indiensttreding",
            "fromdate",
            "ansettelsesdato",
            "anställningsdatum",
            "ansættelsesdato",
            "date_d_entrée",
            "date_d_embauche",
            "fecha_de_alta",
        ],
    ),
    (
        Field::EndDate,
        &[
            "end_date",
            "termination_date",
            "leaving_date",
            "last_working_day",
            "austrittsdatum",
            "austritt",
            "datum_uit_dienst",
            "uit_dienst",
            "uitdiensttreding",
            "enddate",
            "sluttdato",
            "slutdatum",
            "fratrædelsesdato",
            "date_de_sortie",
            "date_de_départ",
            "fecha_de_baja",
        ],
    ),
];

impl Field {
    /// All fields.
    pub fn all() -> impl Iterator<Item = Self> {
        NAMES.iter().map(|(field, _)| *field)
    }

    /// The name under which a record has it.
    pub fn name(self) -> &'static str {
        NAMES
            .iter()
            .find(|(f, _)| *f == self)
            .and_then(|(_, names)| names.first())
            .copied()
            .unwrap_or("")
    }

    /// Whether its cells are dates.
    pub fn is_date(self) -> bool {
        matches!(self, Self::StartDate | Self::EndDate)
    }

    /// Whether its cells are identifiers, which are kept letter by letter.
    pub fn is_identifier(self) -> bool {
        matches!(
            self,
            Self::EmployeeId | Self::EmployeeNumber | Self::ManagerId
        )
    }
}

/// Which column holds which field: what the settings say, else by name. Errors: `csv.column_unknown` for a setting that
/// names no column, `csv.column_missing` if there is no id.
pub(super) fn assign(
    columns: &[String],
    settings: &BTreeMap<Field, String>,
) -> Result<BTreeMap<Field, usize>, Problem> {
    let place = |name: &str| columns.iter().position(|c| c == name);
    let mut found = BTreeMap::new();
    for (field, column) in settings {
        let column = crate::hris::formats::csv::normalise(column);
        let at = place(&column).ok_or_else(|| {
            Problem::new("csv.column_unknown")
                .with("field", field.name())
                .with("column", &column)
        })?;
        found.insert(*field, at);
    }
    for (field, names) in NAMES {
        let free = |at: &usize| !found.values().any(|taken| taken == at);
        let by_name = names.iter().filter_map(|n| place(n)).find(free);
        if let (false, Some(at)) = (found.contains_key(field), by_name) {
            found.insert(*field, at);
        }
    }
    if !found.contains_key(&Field::EmployeeId) {
        return Err(Problem::new("csv.column_missing").with("field", Field::EmployeeId.name()));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hris::formats::csv::normalise;

    #[test]
    fn no_name_means_two_things_and_all_are_normalised() {
        let mut seen = BTreeMap::new();
        for (field, names) in NAMES {
            for name in *names {
                assert_eq!(normalise(name), *name);
                assert_eq!(seen.insert(*name, *field), None, "{name}");
            }
            assert_eq!(serde_json::to_value(field).ok(), Some(field.name().into()));
        }
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
            let found = assign(columns, &BTreeMap::new()).unwrap_or_default();
            assert_eq!(found.get(&wanted), Some(&(columns.len() - 1)), "{header}");
        }
    }

    #[test]
    fn settings_win_and_a_column_has_one_meaning() {
        let columns = ["personalnummer", "id", "email", "work_email"].map(str::to_owned);
        let found = assign(&columns, &BTreeMap::new()).unwrap_or_default();
        assert_eq!(
            (found[&Field::EmployeeId], found[&Field::WorkEmail]),
            (0, 3)
        );
        let own = BTreeMap::from([
            (Field::EmployeeId, "ID".to_owned()),
            (Field::WorkEmail, "email".to_owned()),
        ]);
        let found = assign(&columns, &own).unwrap_or_default();
        assert_eq!(
            (found[&Field::EmployeeId], found[&Field::WorkEmail]),
            (1, 2)
        );
        let wrong = BTreeMap::from([(Field::Status, "zustand".to_owned())]);
        assert_eq!(
            assign(&columns, &wrong).err().map(|p| p.code),
            Some("csv.column_unknown")
        );
        assert_eq!(
            assign(&columns[2..], &BTreeMap::new())
                .err()
                .map(|p| p.code),
            Some("csv.column_missing")
        );
    }
}
