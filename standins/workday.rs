//! Workday: a report as a service (RaaS) in JSON, and SOAP `Get_Workers`. Rules are cited as "sheet: section" of the
//! fact sheet on this vendor.

use std::fmt::Write as _;

use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use crate::cli::simulate::hris::call::{Refusal, Reply};
use crate::cli::simulate::hris::desk::Desk;
use crate::cli::simulate::hris::dice::Dice;
use crate::cli::simulate::hris::people::{Kind, Person};
use crate::cli::simulate::hris::standin::{Credential, Make, Role, Route, Standin};
use crate::cli::simulate::hris::truth::Field;
use crate::cli::simulate::hris::xml::{Element, elements, escape};
use crate::domain::employment::EmploymentState;

pub const STANDIN: Standin = Standin {
    name: "Workday",
    // Sheet: Access, "Admin pastes".
    credentials: &[
        Credential::new("tenant", Make::Fixed("kestrel")),
        Credential::new("report_owner", Make::Fixed("ISU_Roster")),
        Credential::new("report_name", Make::Fixed("Roster_Workers")),
        Credential::new("isu_user_name", Make::Fixed("ISU_Roster")),
        Credential::new("isu_password", Make::Word("", 24)),
    ],
    routes: &[
        Route::get(
            "/ccx/service/customreport2/{tenant}/{owner}/{report}",
            Role::List,
            &["format"],
            report,
        ),
        Route::post(
            "/ccx/service/{tenant}/Human_Resources/{version}",
            Role::List,
            &[],
            soap,
        ),
    ],
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
        Field::Organization,
        Field::CostCenter,
        Field::Manager,
        Field::WorkPhone,
        Field::State,
        Field::Start,
        Field::End,
    ],
    // Sheet: Access, "Get access on … domains": a column whose domain is closed stays empty, and so is left out.
    hides: &[Field::Email, Field::Manager, Field::End],
    is_paged: false,
    // Sheet: Record, "WID".
    id: |seed, person| Dice::new(seed, &format!("workday/{}", person.serial)).hex(32),
    tell: |_, person, mut facts| {
        // Sheet: SCIM mapping, `displayName` is `Preferred_Name`, else first and last.
        facts.display = Some(person.display());
        if facts.state == EmploymentState::OnLeave {
            facts.state = EmploymentState::Employed;
        }
        Some(facts)
    },
    limit_headers: |_| Vec::new(),
    admit,
    refuse,
};

fn is_soap(desk: &Desk) -> bool {
    !desk.call.path.contains("/customreport2/")
}

/// Sheet: Access, auth choice 1: "accept both spellings" of the user for a report, `user@tenant` for SOAP.
fn admit(desk: &Desk) -> Result<(), Refusal> {
    let (user, tenant) = (desk.key("isu_user_name"), desk.key("tenant"));
    let long = format!("{user}@{tenant}");
    let is_right = if is_soap(desk) {
        let body = envelope(desk);
        let text = |end: &str| {
            body.as_deref()
                .and_then(|b| find(b, end))
                .map(|e| e.text.as_str())
        };
        text("Header/Security/UsernameToken/Username") == Some(long.as_str())
            && text("Header/Security/UsernameToken/Password") == Some(desk.key("isu_password"))
    } else {
        let sent = desk.call.basic();
        sent.is_some_and(|(name, password)| {
            (name == user || name == long) && password == desk.key("isu_password")
        })
    };
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

/// Sheet: Limits and errors: "SOAP errors come as HTTP 500 with a soap:Fault"; "Expect HTTP 429 or 503"; "RaaS: 401 bad
/// login, 403 no access to report, 404 wrong owner or report name (recalled)".
fn refuse(desk: &Desk, refusal: Refusal) -> Reply {
    let (status, code, why) = match refusal {
        Refusal::Unauthorized => (
            401,
            "SOAP-ENV:Client.authenticationError",
            "invalid username or password".to_owned(),
        ),
        Refusal::Forbidden => (
            403,
            "SOAP-ENV:Client.validationError",
            "The task submitted is not authorized.".to_owned(),
        ),
        Refusal::NotFound => (404, "SOAP-ENV:Client", "Not found".to_owned()),
        Refusal::WrongMethod => (405, "SOAP-ENV:Client", "Method not allowed".to_owned()),
        Refusal::Bad(why) | Refusal::Invalid(why) => (400, "SOAP-ENV:Client.validationError", why),
        Refusal::Broken => (
            500,
            "SOAP-ENV:Server",
            "Processing error occurred".to_owned(),
        ),
        Refusal::TooMany(_) => (429, "SOAP-ENV:Server", "Too many requests".to_owned()),
        Refusal::Special(reply) => return *reply,
    };
    if is_soap(desk) && ![404, 405, 429].contains(&status) {
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<SOAP-ENV:Envelope xmlns:SOAP-ENV=\"http://schemas.xmlsoap.org/soap/envelope/\"><SOAP-ENV:Body><SOAP-ENV:Fault><faultcode>{code}</faultcode><faultstring>{}</faultstring></SOAP-ENV:Fault></SOAP-ENV:Body></SOAP-ENV:Envelope>",
            escape(&why)
        );
        return Reply::new(500, "text/xml;charset=UTF-8", body);
    }
    Reply::json(status, &json!({"error": why}))
}

fn is_active(desk: &Desk, person: &Person) -> bool {
    desk.state(person).is_active()
}

/// Sheet: Record, RaaS: "Every value arrives as a string; empty columns are left out of the entry (recalled)".
fn entry(desk: &Desk, person: &Person) -> Value {
    let manager = desk
        .company
        .manager_of(person)
        .filter(|_| desk.may_read(Field::Manager));
    let own = |text: &str| Some(text.to_owned());
    let kind = match person.kind {
        Kind::Employee => "Employee",
        Kind::Contractor => "Contingent Worker",
    };
    // "`1`/`0` (or true/false; accept both)": one report has one of the two.
    let active = if is_active(desk, person) { "1" } else { "0" };
    let columns: [(&str, Option<String>); 17] = [
        ("Worker_ID", Some(desk.id(person))),
        ("Employee_ID", person.number.map(|n| n.to_string())),
        (
            "Work_Email",
            person.email.clone().filter(|_| desk.may_read(Field::Email)),
        ),
        ("First_Name", own(person.given)),
        ("Last_Name", own(person.family)),
        ("Preferred_Name", person.preferred.map(|_| person.display())),
        ("Business_Title", own(person.title)),
        ("Department", own(person.unit.name)),
        ("Cost_Center", own(person.unit.cost_center)),
        ("Company", own(person.entity.name)),
        ("Location", own(person.site.name)),
        ("Country", own(person.site.country_name)),
        ("Work_Phone", person.work_phone.clone()),
        ("Manager_Worker_ID", manager.map(|m| desk.id(m))),
        ("Active_Status", own(active)),
        ("Hire_Date", Some(person.start.to_string())),
        ("Worker_Type", own(kind)),
    ];
    let mut entry: Map<String, Value> = columns
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), json!(value?))))
        .collect();
    if let Some(end) = end(desk, person) {
        entry.insert("Termination_Date".into(), json!(end.to_string()));
    }
    Value::Object(entry)
}

fn end(desk: &Desk, person: &Person) -> Option<NaiveDate> {
    person.end.filter(|_| desk.may_read(Field::End))
}

/// Sheet: Listing, RaaS: "Pagination: none for JSON".
fn report(desk: &Desk) -> Result<Reply, Refusal> {
    let call = desk.call;
    let wanted = ["tenant", "report_owner", "report_name"].map(|term| desk.key(term));
    if call.places != wanted {
        return Err(Refusal::NotFound);
    }
    // Without a format the vendor answers XML.
    if call.param("format") != Some("json") {
        return Err(Refusal::Bad(
            "this stand-in has the format json only".into(),
        ));
    }
    let roster = desk.roster(100, |_| true);
    // One answer holds everybody: it is put together as text, one person at a time.
    let mut body = b"{\"Report_Entry\":[".to_vec();
    for (at, person) in roster.people.iter().enumerate() {
        if at > 0 {
            body.push(b',');
        }
        body.extend_from_slice(entry(desk, person).to_string().as_bytes());
    }
    body.extend_from_slice(b"]}");
    Ok(Reply::new(200, "application/json", body))
}

/// Sheet: Listing, SOAP Get_Workers.
fn soap(desk: &Desk) -> Result<Reply, Refusal> {
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
    if request.attribute("version").is_none() {
        return Err(bad("the attribute version is missing"));
    }
    let text = |end: &str| find(&all, end).map(|e| e.text.as_str());
    let number = |end: &str, usual: usize| match text(end).map(str::parse) {
        None => Ok(usual),
        Some(Ok(n)) if n > 0 => Ok(n),
        Some(_) => Err(Refusal::Bad(format!("{end} must be a positive number"))),
    };
    // "Page (from 1, never 0), Count (… maximum 999 recalled)"
    let page = number("Response_Filter/Page", 1)?;
    let count = number("Response_Filter/Count", 100)?;
    if count > 999 {
        return Err(bad("Count is at most 999"));
    }
    let size = desk.page_size(Some(count), 100, 999);
    let is_on = |end: &str| matches!(text(end), Some("1" | "true"));
    let no_inactive = is_on("Request_Criteria/Exclude_Inactive_Workers");
    let no_employees = is_on("Request_Criteria/Exclude_Employees");
    let no_contingent = is_on("Request_Criteria/Exclude_Contingent_Workers");
    let roster = desk.roster(size, |p| {
        let is_of_kind = match p.kind {
            Kind::Employee => !no_employees,
            Kind::Contractor => !no_contingent,
        };
        is_of_kind && (is_active(desk, p) || !no_inactive)
    });
    let groups = Groups {
        personal: is_on("Response_Group/Include_Personal_Information"),
        employment: is_on("Response_Group/Include_Employment_Information"),
        organizations: is_on("Response_Group/Include_Organizations"),
        chain: is_on("Response_Group/Include_Management_Chain_Data"),
    };
    let shown = roster.page((page - 1).saturating_mul(size), size);
    let mut body = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<env:Envelope xmlns:env=\"http://schemas.xmlsoap.org/soap/envelope/\"><env:Body><wd:Get_Workers_Response xmlns:wd=\"urn:com.workday/bsvc\" wd:version=\"v44.0\">",
    );
    let _ = write!(
        body,
        "<wd:Response_Results><wd:Total_Results>{}</wd:Total_Results><wd:Total_Pages>{}</wd:Total_Pages><wd:Page_Results>{}</wd:Page_Results><wd:Page>{page}</wd:Page></wd:Response_Results><wd:Response_Data>",
        roster.total,
        roster.total.div_ceil(size),
        shown.len(),
    );
    for person in shown {
        worker(desk, person, &groups, &mut body);
    }
    body.push_str("</wd:Response_Data></wd:Get_Workers_Response></env:Body></env:Envelope>");
    Ok(Reply::new(200, "text/xml;charset=UTF-8", body))
}

/// What the request asked for. Without `Response_Group` flags there is only the reference.
struct Groups {
    personal: bool,
    employment: bool,
    organizations: bool,
    chain: bool,
}

fn tag(name: &str, text: &str) -> String {
    format!("<wd:{name}>{}</wd:{name}>", escape(text))
}

fn id(kind: &str, text: &str) -> String {
    format!("<wd:ID wd:type=\"{kind}\">{}</wd:ID>", escape(text))
}

/// Sheet: Record, "SOAP paths"; Example.
fn worker(desk: &Desk, person: &Person, groups: &Groups, body: &mut String) {
    let number = person
        .number
        .map_or_else(|| format!("C{}", person.serial), |n| n.to_string());
    let kind = match person.kind {
        Kind::Employee => "Employee_ID",
        Kind::Contractor => "Contingent_Worker_ID",
    };
    let reference = id("WID", &desk.id(person)) + &id(kind, &number);
    let _ = write!(
        body,
        "<wd:Worker><wd:Worker_Reference>{reference}</wd:Worker_Reference><wd:Worker_Data>{}",
        tag("Worker_ID", &number)
    );
    if groups.personal {
        body.push_str(&personal(desk, person));
    }
    if groups.employment {
        body.push_str(&employment(desk, person));
    }
    if groups.organizations {
        let unit = person.unit;
        body.push_str("<wd:Organization_Data>");
        for (kind, name, code) in [
            ("SUPERVISORY", unit.name, unit.name),
            ("COST_CENTER", unit.cost_center, unit.cost_center),
            ("COMPANY", person.entity.name, person.entity.name),
        ] {
            let _ = write!(
                body,
                "<wd:Worker_Organization_Data><wd:Organization_Data>{}{}<wd:Organization_Type_Reference>{}</wd:Organization_Type_Reference></wd:Organization_Data></wd:Worker_Organization_Data>",
                tag("Organization_Code", code),
                tag("Organization_Name", name),
                id("Organization_Type_ID", kind),
            );
        }
        body.push_str("</wd:Organization_Data>");
    }
    let manager = desk
        .company
        .manager_of(person)
        .filter(|_| groups.chain && desk.may_read(Field::Manager));
    if let Some(manager) = manager {
        // The last of the chain is the direct manager.
        let above = desk
            .company
            .manager_of(manager)
            .filter(|a| a.serial != manager.serial);
        body.push_str("<wd:Management_Chain_Data><wd:Worker_Supervisory_Management_Chain_Data>");
        for link in above.into_iter().chain([manager]) {
            let _ = write!(
                body,
                "<wd:Management_Chain_Data><wd:Manager_Reference>{}</wd:Manager_Reference></wd:Management_Chain_Data>",
                id("WID", &desk.id(link))
            );
        }
        body.push_str("</wd:Worker_Supervisory_Management_Chain_Data></wd:Management_Chain_Data>");
    }
    body.push_str("</wd:Worker_Data></wd:Worker>");
}

fn personal(desk: &Desk, person: &Person) -> String {
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
            "<wd:Usage_Data wd:Public=\"{public}\"><wd:Type_Data wd:Primary=\"1\"><wd:Type_Reference>{}</wd:Type_Reference></wd:Type_Data></wd:Usage_Data>",
            id("Communication_Usage_Type_ID", kind)
        )
    };
    let email = |address: &str, is_public: bool, kind: &str| {
        let inner = tag("Email_Address", address) + &usage(is_public, kind);
        format!("<wd:Email_Address_Data>{inner}</wd:Email_Address_Data>")
    };
    // The private address stands first.
    let mut contact = email(&person.private_email, false, "HOME");
    if let Some(address) = person
        .email
        .as_deref()
        .filter(|_| desk.may_read(Field::Email))
    {
        contact.push_str(&email(address, true, "WORK"));
    }
    if let Some(phone) = &person.work_phone {
        let _ = write!(
            contact,
            "<wd:Phone_Data wd:Workday_Traditional_Formatted_Phone=\"{}\">{}</wd:Phone_Data>",
            escape(phone),
            usage(true, "WORK")
        );
    }
    let preferred = person.preferred.unwrap_or(person.given);
    format!(
        "<wd:Personal_Data><wd:Name_Data><wd:Legal_Name_Data>{}</wd:Legal_Name_Data><wd:Preferred_Name_Data>{}</wd:Preferred_Name_Data></wd:Name_Data><wd:Contact_Data>{contact}</wd:Contact_Data></wd:Personal_Data>",
        name(person.given),
        name(preferred)
    )
}

/// Sheet: Record, "Future-dated semantics".
fn employment(desk: &Desk, person: &Person) -> String {
    let active = if is_active(desk, person) { "1" } else { "0" };
    let mut status = tag("Active", active) + &tag("Hire_Date", &person.start.to_string());
    if let Some(end) = end(desk, person) {
        status.push_str(&tag("Termination_Date", &end.to_string()));
    }
    let is_away = desk.state(person) == EmploymentState::OnLeave;
    let leave = tag("On_Leave", if is_away { "1" } else { "0" });
    let title = tag("Business_Title", person.title);
    let site = tag("Name", person.site.name);
    format!(
        "<wd:Employment_Data><wd:Worker_Job_Data wd:Primary_Job=\"1\"><wd:Position_Data>{title}<wd:Business_Site_Summary_Data>{site}</wd:Business_Site_Summary_Data></wd:Position_Data></wd:Worker_Job_Data><wd:Worker_Status_Data>{status}<wd:Leave_Status_Data>{leave}</wd:Leave_Status_Data></wd:Worker_Status_Data></wd:Employment_Data>"
    )
}
