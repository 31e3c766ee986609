//! Workday's SOAP: `Get_Workers` of Human_Resources. Rules are cited as "sheet: section" of the fact sheet on this vendor.

use std::fmt::Write as _;

use chrono::NaiveDate;

use crate::cli::simulate::hris::call::{Refusal, Reply};
use crate::cli::simulate::hris::desk::Desk;
use crate::cli::simulate::hris::dice::Dice;
use crate::cli::simulate::hris::people::{Kind, Person};
use crate::cli::simulate::hris::standin::{Credential, Make, Role, Route, Standin};
use crate::cli::simulate::hris::truth::Field;
use crate::cli::simulate::hris::xml::{Element, elements, escape};
use crate::domain::employment::EmploymentState;

pub const STANDIN: Standin = Standin {
    name: "Workday (SOAP)",
    // Sheet: Access, "Admin pastes".
    credentials: &[
        Credential::new("tenant", Make::Fixed("kestrel")),
        Credential::new("isu_user_name", Make::Fixed("ISU_Roster")),
        // Of all signs: it stands in XML.
        Credential::new("isu_password", Make::Word("a<&>\"]]>", 24)),
        // A type of organization of the tenant's own.
        Credential::new("division_organization", Make::Fixed("Division")),
    ],
    routes: &[Route::post(
        "/ccx/service/{tenant}/Human_Resources/{version}",
        Role::List,
        &[],
        get_workers,
    )],
    // Sheet: Limits, "Workday publishes no public figures".
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
        Field::State,
        Field::Start,
        Field::End,
    ],
    // Sheet: Access, "Get access on … domains": what a closed domain holds is left out.
    hides: &[Field::Email, Field::Manager, Field::End],
    widens: true,
    is_paged: true,
    // Sheet: Record, "WID".
    id: |seed, person| Dice::new(seed, &format!("workday/{}", person.serial)).hex(32),
    tell: |_, person, mut facts| {
        // Sheet: SOAP paths, "Employee number: Worker_Data/Worker_ID", which contingent workers have too.
        facts.number = Some(worker_id(person));
        // Sheet: SCIM mapping, `displayName` is the preferred name, else first and last.
        facts.display = Some(person.display());
        Some(facts)
    },
    limit_headers: |_| Vec::new(),
    admit,
    refuse,
};

const PASSWORD_TEXT: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText";

/// Sheet: Access, auth choice 1: "WS-Security UsernameToken in the SOAP header, user name must be `isu_name@tenant`, password
/// as text".
fn admit(desk: &Desk) -> Result<(), Refusal> {
    let body = envelope(desk).unwrap_or_default();
    let user = find(&body, "Header/Security/UsernameToken/Username");
    let password = find(&body, "Header/Security/UsernameToken/Password");
    let long = format!("{}@{}", desk.key("isu_user_name"), desk.key("tenant"));
    let is_text = |p: &Element| p.attribute("Type").is_none_or(|kind| kind == PASSWORD_TEXT);
    let is_right = user.is_some_and(|u| u.text == long)
        && password.is_some_and(|p| is_text(p) && p.text == desk.key("isu_password"));
    match is_right {
        true => Ok(()),
        false => Err(Refusal::Unauthorized),
    }
}

fn envelope(desk: &Desk) -> Option<Vec<Element>> {
    let all = elements(std::str::from_utf8(&desk.call.body).ok()?)?;
    all.first()
        .is_some_and(|e| e.path == "Envelope")
        .then_some(all)
}

fn find<'e>(all: &'e [Element], end: &str) -> Option<&'e Element> {
    all.iter().find(|e| e.path.ends_with(end))
}

/// Sheet: Limits and errors: "SOAP errors come as HTTP 500 with a `soap:Fault` (`faultcode`, `faultstring`, Workday
/// `Validation_Fault` or `Processing_Fault` details)"; "Expect HTTP 429 or 503".
fn refuse(_: &Desk, refusal: Refusal) -> Reply {
    let validation = "<detail><wd:Validation_Fault xmlns:wd=\"urn:com.workday/bsvc\"><wd:Validation_Error><wd:Message>Validation error occurred.</wd:Message></wd:Validation_Error></wd:Validation_Fault></detail>";
    let processing = "<detail><wd:Processing_Fault xmlns:wd=\"urn:com.workday/bsvc\"><wd:Detail_Message>Processing error occurred.</wd:Detail_Message></wd:Processing_Fault></detail>";
    let (code, why, detail) = match refusal {
        Refusal::Unauthorized => (
            "SOAP-ENV:Client.authenticationError",
            "invalid username or password".to_owned(),
            "",
        ),
        Refusal::Forbidden => (
            "SOAP-ENV:Client.validationError",
            "The task submitted is not authorized.".to_owned(),
            validation,
        ),
        Refusal::Bad(why) | Refusal::Invalid(why) => {
            ("SOAP-ENV:Client.validationError", why, validation)
        }
        Refusal::Broken => (
            "SOAP-ENV:Server",
            "Processing error occurred".to_owned(),
            processing,
        ),
        Refusal::NotFound => return Reply::new(404, "text/plain", "Not found"),
        Refusal::WrongMethod => return Reply::new(405, "text/plain", "Method not allowed"),
        Refusal::TooMany(_) => return Reply::new(429, "text/plain", "Too many requests"),
        Refusal::Special(reply) => return *reply,
    };
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<SOAP-ENV:Envelope xmlns:SOAP-ENV=\"http://schemas.xmlsoap.org/soap/envelope/\"><SOAP-ENV:Body><SOAP-ENV:Fault><faultcode>{code}</faultcode><faultstring>{}</faultstring>{detail}</SOAP-ENV:Fault></SOAP-ENV:Body></SOAP-ENV:Envelope>",
        escape(&why)
    );
    Reply::new(500, "text/xml;charset=UTF-8", body)
}

fn is_active(desk: &Desk, person: &Person) -> bool {
    desk.state(person).is_active()
}

fn end(desk: &Desk, person: &Person) -> Option<NaiveDate> {
    person.end.filter(|_| desk.may_read(Field::End))
}

fn worker_id(person: &Person) -> String {
    person
        .number
        .map_or_else(|| format!("C{}", person.serial), |n| n.to_string())
}

/// What the request asked for. Without `Response_Group` flags there is only the reference.
struct Groups {
    personal: bool,
    employment: bool,
    organizations: bool,
    chain: bool,
}

/// A request that was understood.
struct Wanted {
    page: usize,
    count: usize,
    groups: Groups,
    no_inactive: bool,
    no_employees: bool,
    no_contingent: bool,
}

/// Sheet: Listing, SOAP Get_Workers.
fn read(desk: &Desk) -> Result<Wanted, Refusal> {
    let bad = |why: &str| Refusal::Bad(why.to_owned());
    if !desk.call.is_of("text/xml") {
        return Err(bad("Content-Type must be text/xml"));
    }
    if desk.call.place(0) != desk.key("tenant") || !desk.call.place(1).starts_with('v') {
        return Err(Refusal::NotFound);
    }
    let all = envelope(desk).ok_or_else(|| bad("the body is no SOAP envelope"))?;
    let request = find(&all, "Body/Get_Workers_Request");
    let request = request.ok_or_else(|| bad("the operation must be Get_Workers_Request"))?;
    // "attribute `version`", which is that of the address.
    if request.attribute("version") != Some(desk.call.place(1)) {
        return Err(bad("the attribute version must be that of the address"));
    }
    let text = |end: &str| find(&all, end).map(|e| e.text.as_str());
    let number = |end: &str, usual: usize| match text(end).map(str::parse) {
        None => Ok(usual),
        Some(Ok(n)) if n > 0 => Ok(n),
        Some(_) => Err(Refusal::Bad(format!("{end} must be a positive number"))),
    };
    // "Page (from 1, never 0), Count (… maximum 999 recalled)"
    let (page, count) = (
        number("Response_Filter/Page", 1)?,
        number("Response_Filter/Count", 100)?,
    );
    if count > 999 {
        return Err(bad("Count is at most 999"));
    }
    // "Future-dated semantics: … ask again with As_Of_Effective_Date": the people here are those of today.
    let as_of = text("Response_Filter/As_Of_Effective_Date").map(|day| day.get(..10));
    if as_of.is_some_and(|day| day != Some(desk.company.day.to_string().as_str())) {
        return Err(bad(
            "this stand-in has the As_Of_Effective_Date of today only",
        ));
    }
    let is_on = |end: &str| matches!(text(end), Some("1" | "true"));
    Ok(Wanted {
        page,
        count,
        groups: Groups {
            personal: is_on("Response_Group/Include_Personal_Information"),
            employment: is_on("Response_Group/Include_Employment_Information"),
            organizations: is_on("Response_Group/Include_Organizations"),
            chain: is_on("Response_Group/Include_Management_Chain_Data"),
        },
        no_inactive: is_on("Request_Criteria/Exclude_Inactive_Workers"),
        no_employees: is_on("Request_Criteria/Exclude_Employees"),
        no_contingent: is_on("Request_Criteria/Exclude_Contingent_Workers"),
    })
}

fn get_workers(desk: &Desk) -> Result<Reply, Refusal> {
    let wanted = read(desk)?;
    let size = desk.page_size(Some(wanted.count), 100, 999);
    let roster = desk.roster(size, |p| {
        (!wanted.no_inactive || is_active(desk, p))
            && (!wanted.no_employees || p.kind != Kind::Employee)
            && !(wanted.no_contingent && p.kind == Kind::Contractor)
    });
    let shown = roster.page((wanted.page - 1).saturating_mul(size), size);
    let mut body = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<env:Envelope xmlns:env=\"http://schemas.xmlsoap.org/soap/envelope/\"><env:Body><wd:Get_Workers_Response xmlns:wd=\"urn:com.workday/bsvc\" wd:version=\"v44.0\">",
    );
    // "End condition: `Response_Results/Page >= Total_Pages` (also `Total_Results`, `Page_Results`)"
    let _ = write!(
        body,
        "<wd:Response_Results><wd:Total_Results>{}</wd:Total_Results><wd:Total_Pages>{}</wd:Total_Pages><wd:Page_Results>{}</wd:Page_Results><wd:Page>{}</wd:Page></wd:Response_Results><wd:Response_Data>",
        roster.total,
        roster.total.div_ceil(size),
        shown.len(),
        wanted.page,
    );
    for person in shown {
        worker(desk, person, &wanted.groups, &mut body);
    }
    body.push_str("</wd:Response_Data></wd:Get_Workers_Response></env:Body></env:Envelope>");
    Ok(Reply::new(200, "text/xml;charset=UTF-8", body))
}

fn tag(name: &str, text: &str) -> String {
    format!("<wd:{name}>{}</wd:{name}>", escape(text))
}

fn id(kind: &str, text: &str) -> String {
    format!("<wd:ID wd:type=\"{kind}\">{}</wd:ID>", escape(text))
}

/// Sheet: Record, "SOAP paths"; Example.
fn worker(desk: &Desk, person: &Person, groups: &Groups, body: &mut String) {
    let number = worker_id(person);
    let kind = match person.kind {
        Kind::Employee => "Employee_ID",
        Kind::Contractor => "Contingent_Worker_ID",
    };
    // The order of ids is not promised.
    let ids = match person.serial % 2 {
        0 => id(kind, &number) + &id("WID", &desk.id(person)),
        _ => id("WID", &desk.id(person)) + &id(kind, &number),
    };
    let _ = write!(
        body,
        "<wd:Worker><wd:Worker_Reference>{ids}</wd:Worker_Reference><wd:Worker_Data>{}",
        tag("Worker_ID", &number)
    );
    if groups.personal {
        personal(desk, person, body);
    }
    if groups.employment {
        employment(desk, person, body);
    }
    if groups.organizations {
        organizations(person, body);
    }
    if groups.chain && desk.may_read(Field::Manager) {
        chain(desk, person, body);
    }
    body.push_str("</wd:Worker_Data></wd:Worker>");
}

fn personal(desk: &Desk, person: &Person, body: &mut String) {
    let name = |given: &str| {
        let inner = tag("First_Name", given) + &tag("Last_Name", person.family);
        format!(
            "<wd:Name_Detail_Data wd:Formatted_Name=\"{} {}\">{inner}</wd:Name_Detail_Data>",
            escape(given),
            escape(person.family)
        )
    };
    let usage = |is_public: bool, kind: &str| {
        let public = u8::from(is_public);
        format!(
            "<wd:Usage_Data wd:Public=\"{public}\"><wd:Type_Data wd:Primary=\"1\"><wd:Type_Reference>{}{}</wd:Type_Reference></wd:Type_Data></wd:Usage_Data>",
            id("WID", &Dice::new(1, kind).hex(32)),
            id("Communication_Usage_Type_ID", kind)
        )
    };
    let email = |address: &str, is_public: bool, kind: &str| {
        let inner = tag("Email_Address", address) + &usage(is_public, kind);
        format!("<wd:Email_Address_Data>{inner}</wd:Email_Address_Data>")
    };
    // learn.microsoft.com, "Workday attribute reference", v30.1 and above, `Mobile`, `Fax`, `PrimaryWorkTelephone`.
    let phone = |number: &str, is_public: bool, kind: &str, device: &str| {
        format!(
            "<wd:Phone_Data wd:Workday_Traditional_Formatted_Phone=\"{}\"><wd:Phone_Device_Type_Reference>{}</wd:Phone_Device_Type_Reference>{}</wd:Phone_Data>",
            escape(number),
            id("Phone_Device_Type_ID", device),
            usage(is_public, kind)
        )
    };
    // What is private stands first, for who may read it.
    let mut contact = String::new();
    if desk.reads_more() {
        contact.push_str(&email(&person.private_email, false, "HOME"));
        contact.push_str(&phone("+000 private", true, "HOME", "Landline"));
    }
    let address = person.email.as_deref();
    if let Some(address) = address.filter(|_| desk.may_read(Field::Email)) {
        contact.push_str(&email(address, true, "WORK"));
    }
    contact.push_str(&phone("+000 fax", true, "WORK", "Fax"));
    contact.push_str(&phone("+000 hidden", false, "WORK", "Landline"));
    if let Some(number) = &person.mobile {
        contact.push_str(&phone(number, true, "WORK", "Mobile"));
    }
    if let Some(number) = &person.work_phone {
        contact.push_str(&phone(number, true, "WORK", "Landline"));
    }
    let birth = match desk.reads_more() {
        true => tag("Birth_Date", "1980-01-01"),
        false => String::new(),
    };
    let preferred = person.preferred.unwrap_or(person.given);
    let _ = write!(
        body,
        "<wd:Personal_Data>{birth}<wd:Name_Data><wd:Legal_Name_Data>{}</wd:Legal_Name_Data><wd:Preferred_Name_Data>{}</wd:Preferred_Name_Data></wd:Name_Data><wd:Contact_Data>{contact}</wd:Contact_Data></wd:Personal_Data>",
        name(person.given),
        name(preferred)
    );
}

/// Sheet: Record, "Future-dated semantics", and "Worker_Job_Data[@Primary_Job=1]": there may be others.
fn employment(desk: &Desk, person: &Person, body: &mut String) {
    let job = |is_primary: bool, title: &str| {
        format!(
            "<wd:Worker_Job_Data wd:Primary_Job=\"{}\"><wd:Position_Data>{}{}<wd:Business_Site_Summary_Data>{}<wd:Local_Reference>{}{}</wd:Local_Reference></wd:Business_Site_Summary_Data></wd:Position_Data></wd:Worker_Job_Data>",
            u8::from(is_primary),
            tag("Position_Title", "P-1"),
            tag("Business_Title", title),
            tag("Name", person.site.name),
            id("WID", &Dice::new(1, person.site.locale).hex(32)),
            id("Locale_ID", &person.site.locale.replace('-', "_"))
        )
    };
    let mut jobs = String::new();
    if person.serial % 7 == 3 {
        jobs.push_str(&job(false, "First Aider"));
    }
    jobs.push_str(&job(true, person.title));
    let active = if is_active(desk, person) { "1" } else { "0" };
    // A date of XML Schema may have a zone.
    let date = |day: NaiveDate| match person.serial % 3 {
        0 => format!("{day}-08:00"),
        _ => day.to_string(),
    };
    let mut status = tag("Active", active) + &tag("Hire_Date", &date(person.start));
    if let Some(end) = end(desk, person) {
        status.push_str(&tag("Termination_Date", &date(end)));
    }
    let is_away = desk.state(person) == EmploymentState::OnLeave;
    let leave = tag("On_Leave", if is_away { "1" } else { "0" });
    let _ = write!(
        body,
        "<wd:Employment_Data>{jobs}<wd:Worker_Status_Data>{status}<wd:Leave_Status_Data>{leave}</wd:Leave_Status_Data></wd:Worker_Status_Data></wd:Employment_Data>"
    );
}

/// Sheet: SOAP paths, "Organisations": types beside those that we know.
fn organizations(person: &Person, body: &mut String) {
    let unit = person.unit;
    body.push_str("<wd:Organization_Data>");
    // "Workday attribute reference": the types are compared in capitals, since tenants have them in either case.
    for (kind, subtype, name, code) in [
        ("REGION_HIERARCHY", "Region", "EMEA", "R1"),
        ("Supervisory", "Department", unit.name, unit.name),
        (
            "COST_CENTER",
            "Cost_Center",
            unit.cost_center,
            unit.cost_center,
        ),
        ("Company", "Company", person.entity.name, person.entity.name),
        (
            "ORGANIZATION_TYPE-3-1",
            "Division",
            unit.division,
            unit.division,
        ),
    ] {
        let _ = write!(
            body,
            "<wd:Worker_Organization_Data><wd:Organization_Data>{}{}<wd:Organization_Type_Reference>{}{}</wd:Organization_Type_Reference><wd:Organization_Subtype_Reference>{}</wd:Organization_Subtype_Reference></wd:Organization_Data></wd:Worker_Organization_Data>",
            tag("Organization_Code", code),
            tag("Organization_Name", name),
            id("WID", &Dice::new(1, kind).hex(32)),
            id("Organization_Type_ID", kind),
            id("Organization_Subtype_ID", subtype),
        );
    }
    body.push_str("</wd:Organization_Data>");
}

/// Sheet: SOAP paths, "Manager: … Management_Chain_Data[last()]": the last of the chain is the direct manager.
fn chain(desk: &Desk, person: &Person, body: &mut String) {
    let Some(manager) = desk.company.manager_of(person) else {
        return;
    };
    let above = desk
        .company
        .manager_of(manager)
        .filter(|a| a.serial != manager.serial);
    body.push_str("<wd:Management_Chain_Data><wd:Worker_Supervisory_Management_Chain_Data>");
    for link in above.into_iter().chain([manager]) {
        let _ = write!(
            body,
            "<wd:Management_Chain_Data><wd:Manager_Reference>{}{}</wd:Manager_Reference></wd:Management_Chain_Data>",
            id("Employee_ID", &worker_id(link)),
            id("WID", &desk.id(link))
        );
    }
    body.push_str("</wd:Worker_Supervisory_Management_Chain_Data></wd:Management_Chain_Data>");
}
