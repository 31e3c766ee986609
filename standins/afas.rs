//! AFAS Profit: one GetConnector on current employee data. Rules are cited as "sheet: section" of the fact sheet on this
//! vendor.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use crate::cli::simulate::hris::call::{Refusal, Reply};
use crate::cli::simulate::hris::desk::Desk;
use crate::cli::simulate::hris::dice::Dice;
use crate::cli::simulate::hris::people::{Kind, Person};
use crate::cli::simulate::hris::standin::{Credential, Make, Role, Route, Standin};
use crate::cli::simulate::hris::truth::Field;
use crate::domain::employment::EmploymentState;

pub const STANDIN: Standin = Standin {
    name: "AFAS",
    // Sheet: Access, "What the administrator pastes"; Record, "Field ids are whatever the administrator's GetConnector
    // defines": the last three are this customer's own columns.
    credentials: &[
        Credential::new("environment_id", Make::Fixed("45210")),
        Credential::new("environment_type", Make::Fixed("production")),
        Credential::new("app_token", Make::Own(token)),
        Credential::new("get_connector", Make::Fixed(VIEW)),
        Credential::new("division_field", Make::Fixed("Divisie_omschrijving")),
        Credential::new("locale_field", Make::Fixed("Taal_code")),
        Credential::new("timezone_field", Make::Fixed("Tijdzone")),
    ],
    routes: &[
        Route::get(
            "/ProfitRestServices/connectors/{id}",
            Role::List,
            &[
                "skip",
                "take",
                "orderbyfieldids",
                "filterfieldids",
                "filtervalues",
                "operatortypes",
                "filterjson",
            ],
            rows,
        ),
        Route::get(
            "/ProfitRestServices/ProfitVersion",
            Role::Check,
            &[],
            version,
        ),
        Route::get("/ProfitRestServices/metainfo", Role::Check, &[], connectors),
        Route::get(
            "/ProfitRestServices/metainfo/get/{id}",
            Role::Lookup,
            &[],
            fields,
        ),
    ],
    // Sheet: Listing, "no published request quota".
    limits: &[],
    fields: &[
        Field::Email,
        Field::Given,
        Field::Family,
        Field::Display,
        Field::Title,
        Field::Number,
        Field::Department,
        Field::Division,
        Field::Organization,
        Field::CostCenter,
        Field::Manager,
        Field::WorkPhone,
        Field::Mobile,
        Field::Locale,
        Field::Timezone,
        Field::State,
        Field::Start,
        Field::End,
    ],
    // Sheet: Access, "that user's authorisation filters limit which rows come back".
    hides: &[Field::State],
    // Sheet: Access, "`GET /metainfo` (lists connectors the token may use)".
    widens: true,
    is_paged: true,
    // Sheet: Record, "Medewerker (employee number, string, may contain letters or leading zeros)".
    id: |_, person| match person.kind {
        Kind::Employee => format!("{:05}", person.serial),
        Kind::Contractor => format!("X{:04}", person.serial),
    },
    tell: |_, person, mut facts| {
        // Sheet: SCIM mapping, "Roepnaam, else Voornaam"; "prefix + surname by Naamgebruik_code".
        facts.given = Some(calling_name(person).unwrap_or(person.given).to_owned());
        facts.family = Some(person.family.to_owned());
        facts.display = Some(person.display());
        facts.number = Some(facts.id.clone());
        if facts.state == EmploymentState::OnLeave {
            facts.state = EmploymentState::Employed;
        }
        Some(facts)
    },
    limit_headers: |_| Vec::new(),
    admit,
    refuse,
};

/// Name of the view, which the administrator chose.
const VIEW: &str = "Rosterd_Medewerkers";

/// Sheet: Access, step 1.
fn token(seed: u64) -> String {
    let data = Dice::new(seed, "afas/token").hex(64).to_uppercase();
    format!("<token><version>1</version><data>{data}</data></token>")
}

/// Sheet: Access, steps 2 and 3: "raw XML in the header is rejected".
fn admit(desk: &Desk) -> Result<(), Refusal> {
    let sent = desk.call.header("authorization").unwrap_or_default();
    let encoded = sent.strip_prefix("AfasToken ").unwrap_or_default();
    let bytes = STANDARD.decode(encoded).unwrap_or_default();
    if String::from_utf8_lossy(&bytes) != desk.key("app_token") {
        return Err(Refusal::Unauthorized);
    }
    // Sheet: Access, step 5.
    match desk.call.accepts("application/json") {
        true => Ok(()),
        false => Err(Refusal::Bad("Accept must be application/json".into())),
    }
}

/// Sheet: Listing, "Statuses".
fn refuse(desk: &Desk, refusal: Refusal) -> Reply {
    let number = Dice::new(desk.company.seed, "afas/error").hex(8);
    let said = |status, why: &str| {
        let body = json!({"errorNumber": 0, "externalMessage": why, "profitLogReference": number});
        Reply::json(status, &body)
    };
    match refusal {
        Refusal::Unauthorized => said(401, "Onbekende token"),
        Refusal::Forbidden => said(403, "Geen toegang vanaf dit adres"),
        Refusal::NotFound => said(404, "Niet gevonden"),
        Refusal::WrongMethod => said(405, "Methode niet toegestaan"),
        Refusal::Bad(why) => said(400, &why),
        // "500 content error … also used for unknown filter field, invalid skip/take"
        Refusal::Invalid(why) => said(500, &why),
        Refusal::Broken => said(500, "Er is een fout opgetreden"),
        // "429 is not in AFAS' table"; "503 maintenance, body has retry_after in seconds"
        Refusal::TooMany(seconds) => Reply::json(
            503,
            &json!({"externalMessage": "Onderhoud", "retry_after": seconds}),
        ),
        Refusal::Special(reply) => *reply,
    }
}

/// Sheet: Record, "Roepnaam (nickname, what people are called)"; not everybody has one.
fn calling_name(person: &Person) -> Option<&'static str> {
    let called = person.preferred.unwrap_or(person.given);
    (person.preferred.is_some() || !person.serial.is_multiple_of(7)).then_some(called)
}

/// A surname and what stands before it.
fn parts(family: &'static str) -> (Option<&'static str>, &'static str) {
    match family.split_at_checked("van der ".len()) {
        Some(("van der ", rest)) => (Some("van der"), rest),
        _ => (None, family),
    }
}

/// Who may be seen: the authorisation filter of the token's user.
fn is_shown(desk: &Desk, person: &Person) -> bool {
    desk.may_read(Field::State) || !person.serial.is_multiple_of(5)
}

/// Sheet: Record; Example. "Missing values are JSON null, keys are always present."
fn row(desk: &Desk, person: &Person) -> Value {
    // "date-times end in Z but are Amsterdam local time"
    let at = |day: Option<NaiveDate>| json!(day.map(|d| format!("{d}T00:00:00Z")));
    let (prefix, family) = parts(person.family);
    // "Naamgebruik_code (0 birth name, … 2 partner …)": some go by the name of a partner.
    let is_partners = person.serial % 12 == 3;
    let name = |is_it: bool, value: Option<&str>| json!(value.filter(|_| is_it));
    let birth = if is_partners { "Jansen" } else { family };
    let manager = desk.company.manager_of(person);
    json!({
        "Medewerker": desk.id(person),
        "Persoonsnummer": (100_000 + person.serial).to_string(),
        "DisplayName": person.display(),
        "Voornaam": person.given,
        "Roepnaam": calling_name(person),
        "Voorvoegsel": name(!is_partners, prefix),
        "Geboortenaam": birth,
        "Voorvoegsel_partner": name(is_partners, prefix),
        "Geboortenaam_partner": name(is_partners, Some(family)),
        "Naamgebruik_code": if is_partners { "2" } else { "0" },
        "Email_werk": person.email,
        "Telefoonnr_werk": person.work_phone,
        "Mobielnr_werk": person.mobile,
        "Functie_code": person.title.chars().take(3).collect::<String>().to_uppercase(),
        "Functie_omschrijving": person.title,
        "Organisatorische_eenheid_code": person.unit.id.to_string(),
        "Organisatorische_eenheid_omschrijving": person.unit.name,
        "Kostenplaats_code": person.unit.cost_center,
        "Kostenplaats_omschrijving": person.unit.name,
        "Werkgever_code": person.entity.id.to_string(),
        "Werkgever_omschrijving": person.entity.name,
        "Medewerkernummer_leidinggevende": manager.map(|m| desk.id(m)),
        "Begindatum_contract": at(Some(person.start)),
        "Einddatum_contract": at(person.end),
        "Begindatum_functie": at(Some(person.start)),
        "Einddatum_functie": at(person.end),
        "Divisie_omschrijving": person.unit.division,
        // This customer writes it so.
        "Taal_code": person.site.locale.replace('-', "_"),
        "Tijdzone": person.site.zone,
        "Geblokkeerd": desk.state(person) == EmploymentState::Left,
    })
}

/// The columns of the view, with the type of each.
const COLUMNS: &[(&str, &str)] = &[
    ("Medewerker", "string"),
    ("Persoonsnummer", "string"),
    ("DisplayName", "string"),
    ("Voornaam", "string"),
    ("Roepnaam", "string"),
    ("Voorvoegsel", "string"),
    ("Geboortenaam", "string"),
    ("Voorvoegsel_partner", "string"),
    ("Geboortenaam_partner", "string"),
    ("Naamgebruik_code", "string"),
    ("Email_werk", "string"),
    ("Telefoonnr_werk", "string"),
    ("Mobielnr_werk", "string"),
    ("Functie_code", "string"),
    ("Functie_omschrijving", "string"),
    ("Organisatorische_eenheid_code", "string"),
    ("Organisatorische_eenheid_omschrijving", "string"),
    ("Kostenplaats_code", "string"),
    ("Kostenplaats_omschrijving", "string"),
    ("Werkgever_code", "string"),
    ("Werkgever_omschrijving", "string"),
    ("Medewerkernummer_leidinggevende", "string"),
    ("Begindatum_contract", "date"),
    ("Einddatum_contract", "date"),
    ("Begindatum_functie", "date"),
    ("Einddatum_functie", "date"),
    ("Divisie_omschrijving", "string"),
    ("Taal_code", "string"),
    ("Tijdzone", "string"),
    ("Geblokkeerd", "boolean"),
];

fn is_column(name: &str) -> bool {
    COLUMNS.iter().any(|(column, _)| *column == name)
}

/// Sheet: Listing, "Filtering": parallel lists with a comma for *and*.
struct Filter {
    field: String,
    operator: u8,
    value: String,
}

impl Filter {
    fn read(desk: &Desk) -> Result<Vec<Self>, Refusal> {
        let bad = |why: &str| Refusal::Invalid(why.to_owned());
        let list = |name: &str| {
            let text = desk.call.param(name).unwrap_or_default();
            let parts = text.split(',').filter(|part| !part.is_empty());
            parts.map(str::to_owned).collect::<Vec<String>>()
        };
        if desk.call.param("filterjson").is_some() {
            return Err(bad("deze nabootsing kent filterjson niet"));
        }
        let (fields, values, kinds) = (
            list("filterfieldids"),
            list("filtervalues"),
            list("operatortypes"),
        );
        // "Operators 8 and 9 still need a (dummy) value."
        if fields.len() != values.len() || fields.len() != kinds.len() {
            return Err(bad("Aantal filtervelden, waarden en operators verschilt"));
        }
        let all = fields.into_iter().zip(values).zip(kinds);
        all.map(|((field, value), kind)| {
            if !is_column(&field) {
                return Err(bad("Onbekend filterveld"));
            }
            let operator = kind.parse().ok().filter(|n| (1..=9).contains(n));
            let operator = operator.ok_or_else(|| bad("Onbekende operator"))?;
            Ok(Self {
                field,
                operator,
                value,
            })
        })
        .collect()
    }

    fn fits(&self, row: &Value) -> bool {
        let found = match &row[&self.field] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let (found, wanted) = (found.as_str(), self.value.as_str());
        match self.operator {
            1 => found == wanted,
            2 => found >= wanted,
            3 => found <= wanted,
            4 => found > wanted,
            5 => found < wanted,
            6 => found.contains(wanted),
            7 => found != wanted,
            8 => found.is_empty(),
            _ => !found.is_empty(),
        }
    }
}

/// Whether the rows come in a stable order. Sheet: Listing, "without it the order is not stable".
fn is_ordered(desk: &Desk) -> Result<bool, Refusal> {
    let Some(list) = desk.call.param("orderbyfieldids") else {
        return Ok(false);
    };
    for name in list.split(',') {
        if !is_column(name.trim_start_matches('-')) {
            return Err(Refusal::Invalid("Onbekend sorteerveld".into()));
        }
    }
    Ok(list
        .split(',')
        .any(|n| n == "Medewerker" || n == "Persoonsnummer"))
}

/// Sheet: Listing.
fn rows(desk: &Desk) -> Result<Reply, Refusal> {
    let call = desk.call;
    // "parameter string at most 2,049 characters (longer gives 404)"
    let query = call.query.iter();
    let length: usize = query
        .map(|(name, value)| name.len() + value.len() + 2)
        .sum();
    if length > 2_049 {
        return Err(Refusal::NotFound);
    }
    if call.place(0) != VIEW {
        return Err(not_added());
    }
    let number = |name: &str, usual: i64| match call.param(name) {
        None => Ok(usual),
        Some(text) => text
            .parse::<i64>()
            .map_err(|_| Refusal::Invalid("Ongeldige skip/take".into())),
    };
    let (skip, take) = (number("skip", 0)?, number("take", 100)?);
    let (from, size) = match (skip, take) {
        (-1, -1) => (0, usize::MAX),
        (0.., 1..) => (
            usize::try_from(skip).unwrap_or_default(),
            usize::try_from(take).unwrap_or_default(),
        ),
        _ => return Err(Refusal::Invalid("Ongeldige skip/take".into())),
    };
    let filters = Filter::read(desk)?;
    let is_stable = is_ordered(desk)?;
    let mut roster = desk.roster(size, |p| {
        let fits = |row: &Value| filters.iter().all(|filter| filter.fits(row));
        is_shown(desk, p) && (filters.is_empty() || fits(&row(desk, p)))
    });
    if !is_stable && from > 0 {
        roster.people.reverse();
    }
    let shown = roster.page(from, size);
    let rows: Vec<Value> = shown.iter().map(|p| row(desk, p)).collect();
    Ok(Reply::json(
        200,
        &json!({"skip": skip, "take": take, "rows": rows}),
    ))
}

/// Sheet: Access, "Cheap connection tests".
fn version(_: &Desk) -> Result<Reply, Refusal> {
    Ok(Reply::json(200, &json!({"version": "Profit 25"})))
}

/// Sheet: Listing, "401 …, or GetConnector not added to this App Connector"; the words are those of AFAS'
/// troubleshooting page.
fn not_added() -> Refusal {
    let why = "GetConnector not supported for this app or the user is not authorized";
    let body = json!({"errorNumber": 0, "externalMessage": why, "profitLogReference": "0"});
    Refusal::Special(Box::new(Reply::json(401, &body)))
}

/// The connectors of the token. The envelope is that of AFAS' OpenAPI file, `/MetaInfo`.
fn connectors(desk: &Desk) -> Result<Reply, Refusal> {
    let one = |id: &str, about: &str| json!({"id": id, "description": about});
    let mut readable = vec![one(VIEW, "Medewerkers")];
    if desk.reads_more() {
        readable.push(one("Profit_Salaries", "Salarissen"));
    }
    let info = json!({
        "envid": "O45210AA", "appName": "Rosterd", "group": "Rosterd (45210.USER)",
        "tokenExpiry": "0",
    });
    let body = json!({"updateConnectors": [], "getConnectors": readable, "info": info});
    Ok(Reply::json(200, &body))
}

fn fields(desk: &Desk) -> Result<Reply, Refusal> {
    if desk.call.place(0) != VIEW {
        return Err(not_added());
    }
    let field = |(name, kind): &(&str, &str)| {
        let mut field = Map::new();
        field.insert("id".into(), json!(name));
        field.insert("fieldId".into(), json!(name));
        field.insert("dataType".into(), json!(kind));
        field.insert("label".into(), json!(name.replace('_', " ")));
        field.insert("length".into(), json!(50));
        Value::Object(field)
    };
    let fields: Vec<Value> = COLUMNS.iter().map(field).collect();
    Ok(Reply::json(
        200,
        &json!({"name": VIEW, "description": "Medewerkers", "fields": fields}),
    ))
}
