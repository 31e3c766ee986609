//! A vendor that speaks SOAP: envelopes by hand, answers read with nothing but text.

use super::{ENDLESS, First, Row, counted, email};
use crate::standins::client::World;

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&amp;", "&")
}

/// A request for one page, as this user.
pub fn workday_soap(world: &World, user: &str, page: usize) -> First {
    let password = escaped(world.key("isu_password"));
    let groups: String = [
        "Personal_Information",
        "Employment_Information",
        "Management_Chain_Data",
    ]
    .iter()
    .map(|group| format!("<bsvc:Include_{group}>true</bsvc:Include_{group}>"))
    .collect();
    let body = format!(
        "<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:bsvc=\"urn:com.workday/bsvc\"><soapenv:Header><wsse:Security xmlns:wsse=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd\"><wsse:UsernameToken><wsse:Username>{user}</wsse:Username><wsse:Password>{password}</wsse:Password></wsse:UsernameToken></wsse:Security></soapenv:Header><soapenv:Body><bsvc:Get_Workers_Request bsvc:version=\"v44.0\"><bsvc:Response_Filter><bsvc:Page>{page}</bsvc:Page><bsvc:Count>100</bsvc:Count></bsvc:Response_Filter><bsvc:Response_Group>{groups}</bsvc:Response_Group></bsvc:Get_Workers_Request></soapenv:Body></soapenv:Envelope>"
    );
    First {
        method: "POST",
        path: format!("/ccx/service/{}/Human_Resources/v44.0", world.key("tenant")),
        headers: vec![("Content-Type", "text/xml; charset=utf-8".into())],
        body,
    }
}

pub(super) fn workday_workers_page(world: &World, page: usize) -> First {
    let user = format!("{}@{}", world.key("isu_user_name"), world.key("tenant"));
    workday_soap(world, &user, page)
}

/// The text between two marks; empty if they are not there.
fn between(text: &str, from: &str, to: &str) -> String {
    let found = text.split_once(from).map(|(_, rest)| rest);
    let found = found.and_then(|rest| rest.split_once(to));
    unescaped(found.map_or("", |(inner, _)| inner))
}

fn tagged(text: &str, name: &str) -> String {
    between(text, &format!("<wd:{name}>"), &format!("</wd:{name}>"))
}

/// The part in front of a mark; all of it if there is none.
fn before<'t>(text: &'t str, mark: &str) -> &'t str {
    text.split_once(mark).map_or(text, |(part, _)| part)
}

fn row(worker: &str) -> Row {
    let wid = |text: &str| between(text, "<wd:ID wd:type=\"WID\">", "</wd:ID>");
    let reference = before(worker, "</wd:Worker_Reference>");
    let work = worker
        .split("<wd:Email_Address_Data>")
        .find(|part| before(part, "</wd:Email_Address_Data>").contains(">WORK<"));
    let job = worker.split("Primary_Job=\"1\"").nth(1).unwrap_or_default();
    let manager = worker.rsplit_once("<wd:Manager_Reference>");
    // A date may have a zone behind it.
    let date = |name: &str| tagged(worker, name).chars().take(10).collect::<String>();
    Row {
        id: wid(reference),
        email: work.map_or(String::new(), |part| {
            email(&tagged(part, "Email_Address").into())
        }),
        family: tagged(worker, "Last_Name"),
        title: tagged(job, "Business_Title"),
        manager: manager.map_or(String::new(), |(_, part)| wid(part)),
        is_in: tagged(worker, "Active") == "1",
        start: date("Hire_Date"),
        end: date("Termination_Date"),
    }
}

pub(super) async fn workday_workers(world: &World) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for page in 1..ENDLESS {
        let heard = workday_workers_page(world, page).send(world).await?;
        if heard.status != 200 || !heard.text.ends_with("</env:Envelope>") {
            return Err(format!("status {}: {}", heard.status, heard.text));
        }
        rows.extend(heard.text.split("<wd:Worker>").skip(1).map(row));
        let pages: usize = tagged(&heard.text, "Total_Pages").parse().unwrap_or(0);
        if page >= pages {
            return counted(rows, tagged(&heard.text, "Total_Results").parse().ok());
        }
    }
    Err("no end".into())
}
