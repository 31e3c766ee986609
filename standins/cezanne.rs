//! Cezanne HR: OData. Rules are cited as "sheet: section" of the fact sheet on this vendor. Names that nobody published
//! are credentials here, so that they are printed: a tenant reads them in its metadata.

use chrono::NaiveDate;
use serde_json::{Value, json};

use crate::cli::simulate::hris::call::{Refusal, Reply};
use crate::cli::simulate::hris::desk::Desk;
use crate::cli::simulate::hris::people::Person;
use crate::cli::simulate::hris::standin::{Credential, Make, Role, Route, Standin};
use crate::cli::simulate::hris::truth::Field;
use crate::domain::employment::EmploymentState;

#[path = "cezanne/odata.rs"]
mod odata;

use odata::{Form, next_link, selected, window};

pub const STANDIN: Standin = Standin {
    name: "Cezanne HR",
    // Sheet: Access, "Pastes"; Listing, "read $metadata once to learn the exact field names".
    credentials: &[
        Credential::new("subdomain", Make::Fixed("w3")),
        Credential::new("client_id", Make::Uuid),
        Credential::new("client_secret", Make::Word("", 43)),
        Credential::new("token_path", Make::Fixed(TOKEN)),
        Credential::new("job_link", Make::Fixed(POSITION)),
        Credential::new("title_field", Make::Fixed("JOBTITLE")),
        Credential::new("unit_field", Make::Fixed("ORGUNITNAME")),
        Credential::new("cost_center_field", Make::Fixed("COSTCENTERNAME")),
        Credential::new("manager_field", Make::Fixed("MANAGERPERSONID")),
    ],
    routes: &[
        Route::post(TOKEN, Role::Token, &[], token),
        Route::get(
            "/cezanneondemand/v7/dataservice.svc/People",
            Role::List,
            QUERY,
            people,
        ),
        Route::get(
            "/cezanneondemand/v7/dataservice.svc/Employments",
            Role::Lookup,
            QUERY,
            employments,
        ),
        Route::get(
            "/cezanneondemand/v7/dataservice.svc/$metadata",
            Role::Check,
            &[],
            metadata,
        ),
    ],
    // Sheet: Listing, "Rate limits: unknown".
    limits: &[],
    fields: &[
        Field::Email,
        Field::Given,
        Field::Middle,
        Field::Family,
        Field::Display,
        Field::Title,
        Field::Number,
        Field::Department,
        Field::Organization,
        Field::CostCenter,
        Field::Manager,
        Field::WorkPhone,
        Field::Mobile,
        Field::State,
        Field::Start,
        Field::End,
    ],
    // Sheet: Access, "A restricted role silently returns fewer people".
    hides: &[Field::State],
    widens: false,
    is_paged: true,
    // Sheet: Record, "PERSONID (person code …), assigned by the customer": with zeros before it.
    id: |_, person| format!("{:04}", 900 + person.serial),
    tell: |_, _, mut facts| {
        // Sheet: Record, "Employee number: the person code".
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

const TOKEN: &str = "/cezanneondemand/oauth2/token";
/// Sheet: Listing, "OData query options".
const QUERY: &[&str] = &[
    "$select",
    "$expand",
    "$filter",
    "$orderby",
    "$top",
    "$skip",
    "$skiptoken",
    "$inlinecount",
];
const PROPERTIES: &[&str] = &[
    "PERSONID",
    "GIVENNAME",
    "MIDDLENAME",
    "PREFERREDGIVENNAME",
    "FAMILYNAMEPREFIX",
    "FAMILYNAME",
    "FORMATTEDNAME",
    "PRIMARYLANGUAGEDESCRIPTION",
    "ACTIVEEMPLOYEE",
    "JOBTITLE",
    "ORGUNITNAME",
    "COSTCENTERNAME",
    "MANAGERPERSONID",
];
const LINKED: &[&str] = &["PeopleToCommunications", ALL, CURRENT, POSITION];
/// Sheet: Record, "Job title, position and line manager: in position/assignment entities; names not seen". This tenant
/// shows them on the person as well.
const POSITION: &str = "PeopleToPositionAll";
const OF_POSITION: &[&str] = &[
    "JOBTITLE",
    "ORGUNITNAME",
    "COSTCENTERNAME",
    "MANAGERPERSONID",
];
/// Sheet: Record, "navigation to all employments or the current primary one".
const ALL: &str = "PeopleToEmploymentAll";
const CURRENT: &str = "PeopleToEmploymentCurrentPrimary";
const OF_COMMUNICATIONS: &[&str] = &[
    "PERSONID",
    "WORKPHONENUMBER",
    "MOBILEPHONENUMBER",
    "HOMEPHONENUMBER",
    "INTERNALEMAILADDRESS",
    "EXTERNALEMAILADDRESS",
    "ALTERNATEEMAILADDRESS",
];
const OF_EMPLOYMENT: &[&str] = &[
    "EMPLOYMENTID",
    "PERSONID",
    "EFFECTIVEFROM",
    "EFFECTIVETO",
    "ORIGINALHIREDATE",
    "LASTWORKDATE",
    "PRIMARYEMPLOYMENT",
    "COMPANYCODE",
    "TRANSLATEDCOMPANYNAME",
];

/// Sheet: Listing, "Headers: Authorization: Bearer …, Accept: application/json".
fn admit(desk: &Desk) -> Result<(), Refusal> {
    match desk.call.bearer() {
        Some(token) if desk.is_good(token) => {}
        _ => return Err(Refusal::Unauthorized),
    }
    let is_metadata = desk.call.path.ends_with("$metadata");
    match is_metadata || desk.call.accepts("application/json") {
        true => Ok(()),
        false => Err(Refusal::Bad("Accept must be application/json".into())),
    }
}

/// Sheet: Listing, "Errors: OData error object plus 401 when the token has expired".
fn refuse(_: &Desk, refusal: Refusal) -> Reply {
    let mut wait = None;
    let (status, why) = match refusal {
        Refusal::Unauthorized => (401, "The access token is not valid.".to_owned()),
        Refusal::Forbidden => (403, "Access is denied.".to_owned()),
        Refusal::NotFound => (404, "Resource not found.".to_owned()),
        Refusal::WrongMethod => (405, "Method not allowed.".to_owned()),
        Refusal::Bad(why) | Refusal::Invalid(why) => (400, why),
        Refusal::Broken => (500, "An error occurred.".to_owned()),
        Refusal::TooMany(seconds) => {
            wait = Some(seconds);
            (429, "Too many requests.".to_owned())
        }
        Refusal::Special(reply) => return *reply,
    };
    let message = json!({"lang": "en-GB", "value": why});
    let error = json!({"odata.error": {"code": status.to_string(), "message": message}});
    let reply = Reply::json(status, &error);
    match wait {
        Some(seconds) => reply.with("Retry-After", seconds.to_string()),
        None => reply,
    }
}

/// Sheet: Access, "sends client id and secret as HTTP Basic on the token request by default (in the body as an option)".
fn token(desk: &Desk) -> Result<Reply, Refusal> {
    let form = desk.call.form()?;
    let get = |name: &str| {
        let found = form.iter().find(|(n, _)| n == name);
        found.map_or(String::new(), |(_, value)| value.clone())
    };
    let in_body = || (get("client_id"), get("client_secret"));
    let (id, secret) = desk.call.basic().unwrap_or_else(in_body);
    let deny = |status, error: &str| {
        Refusal::Special(Box::new(Reply::json(status, &json!({"error": error}))))
    };
    if id != desk.key("client_id") || secret != desk.key("client_secret") {
        return Err(deny(401, "invalid_client"));
    }
    if get("grant_type") != "client_credentials" {
        return Err(deny(400, "unsupported_grant_type"));
    }
    let (token, seconds) = desk.issue("", 1_200, false);
    Ok(Reply::json(
        200,
        &json!({"access_token": token, "token_type": "bearer", "expires_in": seconds}),
    ))
}

/// Who is on the lists for this service account.
fn is_shown(desk: &Desk, person: &Person) -> bool {
    desk.may_read(Field::State) || person.serial.is_multiple_of(2)
}

/// The names of a list, each of which is known. `Entity/NAME` selects of what is expanded (OData 2.0, `$select`).
fn names(desk: &Desk, parameter: &str, known: &[&str]) -> Result<Option<Vec<String>>, Refusal> {
    let Some(list) = desk.call.param(parameter) else {
        return Ok(None);
    };
    let names: Vec<String> = list.split(',').map(|n| n.trim().to_owned()).collect();
    for name in &names {
        let is_known = match name.split_once('/') {
            None => known.contains(&name.as_str()),
            Some(("PeopleToCommunications", inner)) => OF_COMMUNICATIONS.contains(&inner),
            Some((ALL | CURRENT, inner)) => OF_EMPLOYMENT.contains(&inner),
            Some((POSITION, inner)) => OF_POSITION.contains(&inner),
            Some(_) => false,
        };
        if !is_known {
            let why = format!("Could not find a property named '{name}'.");
            return Err(Refusal::Bad(why));
        }
    }
    Ok(Some(names))
}

/// What comes before the family name, and the rest of it. Sheet: Record, `FAMILYNAMEPREFIX`.
fn family(person: &Person) -> (Option<&'static str>, &'static str) {
    match person.family.split_at_checked("van der ".len()) {
        Some(("van der ", rest)) => (Some("van der"), rest),
        _ => (None, person.family),
    }
}

/// Sheet: Record; Example.
fn person(desk: &Desk, person: &Person, form: Form, expand: &[String]) -> Value {
    let (prefix, family) = family(person);
    let is_active = desk.state(person) != EmploymentState::Left;
    let manager = desk.company.manager_of(person);
    let mut record = json!({
        "PERSONID": desk.id(person),
        "GIVENNAME": person.given,
        "MIDDLENAME": person.middle,
        "PREFERREDGIVENNAME": person.preferred,
        "FAMILYNAMEPREFIX": prefix,
        "FAMILYNAME": family,
        // "the formatted name carries a salutation"
        "FORMATTEDNAME": format!("Mx {} {}", person.given, person.family),
        "PRIMARYLANGUAGEDESCRIPTION": person.site.locale,
        "ACTIVEEMPLOYEE": u8::from(is_active),
        "JOBTITLE": person.title,
        "ORGUNITNAME": person.unit.name,
        "COSTCENTERNAME": person.unit.cost_center,
        "MANAGERPERSONID": manager.map(|m| desk.id(m)),
    });
    if expand.iter().any(|name| name == POSITION) {
        let names = OF_POSITION
            .iter()
            .map(|n| ((*n).to_owned(), record[*n].clone()));
        record[POSITION] = form.rows(vec![names.collect()]);
    }
    if expand.iter().any(|name| name == "PeopleToCommunications") {
        record["PeopleToCommunications"] = communications(desk, person);
    }
    if expand.iter().any(|name| name == CURRENT) {
        // Who has left or not begun has no current employment.
        let day = desk.company.day;
        let is_current = person.start <= day && person.end.is_none_or(|end| end >= day);
        let row = is_current.then(|| employment(desk, person, form, None));
        record[CURRENT] = form.rows(row.into_iter().collect());
    }
    if expand.iter().any(|name| name == ALL) {
        record[ALL] = form.rows(employments_of(desk, person, form));
    }
    record
}

/// One record for each person, in the words of the published help
/// (cezannehr.screenstepslive.com, "Communications"): the sheet's typed list is not what stands there.
fn communications(desk: &Desk, person: &Person) -> Value {
    json!({
        "PERSONID": desk.id(person),
        "WORKPHONENUMBER": person.work_phone,
        "MOBILEPHONENUMBER": person.mobile,
        "HOMEPHONENUMBER": Value::Null,
        "INTERNALEMAILADDRESS": person.email,
        "EXTERNALEMAILADDRESS": person.private_email,
        "ALTERNATEEMAILADDRESS": Value::Null,
    })
}

/// The present employment, or the one before.
fn employment(
    desk: &Desk,
    person: &Person,
    form: Form,
    earlier: Option<(NaiveDate, NaiveDate)>,
) -> Value {
    let (from, to) = match earlier {
        Some((from, to)) => (from, Some(to)),
        None => (person.start, person.end),
    };
    let number = if earlier.is_some() {
        1
    } else {
        1 + person.stint
    };
    let first = person.earlier.map_or(person.start, |(from, _)| from);
    json!({
        "EMPLOYMENTID": number.to_string(),
        "PERSONID": desk.id(person),
        "EFFECTIVEFROM": form.date(Some(from)),
        "EFFECTIVETO": form.date(to),
        "ORIGINALHIREDATE": form.date(Some(first)),
        "LASTWORKDATE": form.date(to),
        "PRIMARYEMPLOYMENT": 1,
        "COMPANYCODE": person.entity.id.to_string(),
        "TRANSLATEDCOMPANYNAME": person.entity.name,
    })
}

fn employments_of(desk: &Desk, person: &Person, form: Form) -> Vec<Value> {
    let before = person.earlier;
    let before = before.map(|dates| employment(desk, person, form, Some(dates)));
    let now = employment(desk, person, form, None);
    before.into_iter().chain([now]).collect()
}

/// Sheet: Listing, `$filter` and `$orderby`: the few of them that a list of people needs.
fn understood(desk: &Desk) -> Result<(), Refusal> {
    let order = [
        "PERSONID",
        "PERSONID asc",
        "EMPLOYMENTID",
        "PERSONID,EMPLOYMENTID",
    ];
    let is_ordered = desk
        .call
        .param("$orderby")
        .is_none_or(|o| order.contains(&o));
    let is_counted = desk
        .call
        .param("$inlinecount")
        .is_none_or(|c| c == "allpages");
    match desk.call.param("$filter") {
        None | Some("ACTIVEEMPLOYEE eq 1") if is_ordered && is_counted => Ok(()),
        _ => Err(Refusal::Bad("The query option is not supported.".into())),
    }
}

fn people(desk: &Desk) -> Result<Reply, Refusal> {
    understood(desk)?;
    let known: Vec<&str> = PROPERTIES.iter().chain(LINKED).copied().collect();
    let select = names(desk, "$select", &known)?;
    let expand = names(desk, "$expand", LINKED)?.unwrap_or_default();
    let (at, last, size) = window(desk)?;
    let form = Form::of(desk);
    let is_active_only = desk.call.param("$filter").is_some();
    let roster = desk.roster(size, |p| {
        is_shown(desk, p) && !(is_active_only && desk.state(p) == EmploymentState::Left)
    });
    let size = last.map_or(size, |last| size.min(last.saturating_sub(at)));
    let shown = roster.page(at, size).iter();
    let rows: Vec<Value> = shown
        .map(|p| selected(person(desk, p, form, &expand), select.as_ref(), &expand))
        .collect();
    let end = last.map_or(roster.total, |last| last.min(roster.total));
    let goes_on = !rows.is_empty() && at + rows.len() < end;
    let next = goes_on.then(|| next_link(desk, "People", at + rows.len()));
    let is_counted = desk.call.param("$inlinecount").is_some();
    let count = is_counted.then_some(roster.total);
    Ok(Reply::json(200, &form.answer("People", rows, count, next)))
}

fn employments(desk: &Desk) -> Result<Reply, Refusal> {
    understood(desk)?;
    let select = names(desk, "$select", OF_EMPLOYMENT)?;
    let (at, last, size) = window(desk)?;
    let form = Form::of(desk);
    let people = desk.company.people().filter(|p| is_shown(desk, p));
    let all: Vec<Value> = people.flat_map(|p| employments_of(desk, p, form)).collect();
    let end = last.map_or(all.len(), |last| last.min(all.len()));
    let total = all.len();
    let rows: Vec<Value> = all
        .into_iter()
        .take(end)
        .skip(at)
        .take(size)
        .map(|row| selected(row, select.as_ref(), &[]))
        .collect();
    let goes_on = !rows.is_empty() && at + rows.len() < end;
    let next = goes_on.then(|| next_link(desk, "Employments", at + rows.len()));
    let is_counted = desk.call.param("$inlinecount").is_some();
    let count = is_counted.then_some(total);
    Ok(Reply::json(
        200,
        &form.answer("Employments", rows, count, next),
    ))
}

/// Sheet: Listing, "read GET {root}/$metadata once".
fn metadata(_: &Desk) -> Result<Reply, Refusal> {
    let entity = |name: &str, properties: &[&str]| {
        let properties: String = properties
            .iter()
            .map(|p| format!("<Property Name=\"{p}\" Type=\"Edm.String\"/>"))
            .collect();
        format!("<EntityType Name=\"{name}\">{properties}</EntityType>")
    };
    let body = format!(
        "<edmx:Edmx xmlns:edmx=\"http://schemas.microsoft.com/ado/2007/06/edmx\" Version=\"1.0\">{}{}{}</edmx:Edmx>",
        entity("People", PROPERTIES),
        entity("Employments", OF_EMPLOYMENT),
        entity("Positions", OF_POSITION),
    );
    Ok(Reply::new(200, "application/xml", body))
}
