//! What a connector asks: only what it declares, nothing twice, in the largest pages, no faster than it may.

use std::collections::BTreeSet;

use regex_lite::Regex;
use rosterd::hris::manifest::{Auth, List, Manifest, Method, Request, UrlText};
use serde_json::{Value, json};

use super::play::{Company, FEW, Pulled, each};
use super::{MANY, wrong};

/// A declared request: method, and the pattern that its paths fit.
type Read = (&'static str, Regex);

/// A hole of the template stands for one part of the path, a block of it for anything.
fn read(method: Method, url: &UrlText) -> Read {
    let url = url.source();
    let url = url.split_once("://").map_or(url, |(_, rest)| rest);
    let block = Regex::new(r"\{%.*%\}").unwrap();
    let hole = Regex::new(r"\{\{.*?\}\}").unwrap();
    let url = block.replace_all(url, "\u{1}");
    let url = hole.replace_all(&url, "\u{2}");
    // A block may hold the host and more.
    let path = match url.starts_with('\u{1}') {
        true => Some(0),
        false => url.find('/').or_else(|| url.find('\u{1}')),
    };
    let path = regex_lite::escape(path.map_or("", |at| &url[at..]));
    let path = path.replace('\u{1}', ".*").replace('\u{2}', "[^/]+");
    let method = match method {
        Method::Get => "GET",
        Method::Post => "POST",
    };
    (method, Regex::new(&format!("^{path}$")).unwrap())
}

/// Everything that the connector declares.
fn declared(manifest: &Manifest) -> Vec<Read> {
    let requests = manifest
        .lists()
        .map(|(_, list): (_, &List)| list.request.clone());
    let details = manifest.details.values().map(|d| d.request.clone());
    let all: Vec<Request> = requests
        .chain(details)
        .chain(manifest.check.clone())
        .collect();
    let mut reads: Vec<Read> = all.iter().map(|r| read(r.method, &r.url)).collect();
    reads.extend(match &manifest.auth {
        Auth::Login(login) => Some(read(login.method, &login.url)),
        Auth::ClientCredentials { endpoint }
        | Auth::RefreshToken { endpoint, .. }
        | Auth::AuthorizationCode { endpoint, .. } => Some(read(Method::Post, &endpoint.url)),
        Auth::JwtBearer(jwt) => Some(read(Method::Post, &jwt.url)),
        Auth::SamlBearer(saml) => Some(read(Method::Post, &saml.url)),
        _ => None,
    });
    reads
}

fn is_declared(reads: &[Read], seen: &Value) -> bool {
    let path = seen["path"].as_str().unwrap();
    let mut fitting = reads.iter().filter(|(_, wanted)| wanted.is_match(path));
    fitting.any(|(method, _)| seen["method"] == *method)
}

/// What is wrong with the requests of a pull that went well.
fn requests(manifest: &Manifest, pulled: &Pulled) -> Vec<String> {
    let reads = declared(manifest);
    let (mut out, mut marks) = (Vec::new(), BTreeSet::new());
    for seen in &pulled.seen {
        let what = format!("{} {}", seen["method"], seen["path"]);
        if seen["status"] != 200 || seen["route"].is_null() {
            out.push(format!("requests: {what} was refused: {}", seen["status"]));
        }
        if !is_declared(&reads, seen) {
            out.push(format!("requests: {what} is not declared"));
        }
        if !marks.insert(seen["mark"].as_u64()) {
            out.push(format!("requests: {what} came twice"));
        }
    }
    let counted = pulled
        .outcome
        .as_ref()
        .map(|e| e.requests)
        .unwrap_or_default();
    if counted != pulled.seen.len() as u64 {
        out.push(format!(
            "requests: {counted} counted, {} seen",
            pulled.seen.len()
        ));
    }
    out
}

#[test]
fn only_declared_requests_are_sent_and_none_of_them_twice() {
    each(async |manifest| {
        let company = Company::new(&manifest, FEW);
        let pulled = company.pull().await;
        let mut out = requests(&manifest, &pulled);
        let company = Company::new(&manifest, MANY);
        let usual = company.pull().await;
        out.extend(requests(&manifest, &usual));
        // Ten times as large: either the vendor refuses that, or there are no fewer pages.
        let size = manifest.people.paging.size().unwrap_or_default();
        if (1..120).contains(&size) {
            let company = Company::new(&manifest, MANY).with_size(size * 10);
            let larger = company.pull().await;
            if larger.outcome.is_ok() && larger.pages.len() < usual.pages.len() {
                let (few, many) = (larger.pages.len(), usual.pages.len());
                out.push(format!(
                    "requests: {many} pages of {size}, and {few} would do"
                ));
            }
        }
        out
    });
}

#[test]
fn what_the_vendor_does_not_document_makes_the_suite_fail() {
    each(async |manifest| {
        let mut out = Vec::new();
        let mut curious = Company::new(&manifest, FEW);
        let query = &mut curious.manifest.people.request.query;
        query.insert(
            "colour".into(),
            serde_json::from_value(json!("blue")).unwrap(),
        );
        if wrong(&curious, &curious.pull().await, "").await.is_empty() {
            out.push("requests: an unknown parameter passes".to_owned());
        }
        let mut astray = Company::new(&manifest, FEW);
        let url = "https://api.vendor.test/nobody/documents/such/a/thing/as/this/one";
        let lookup = json!({"list": {"request": {"url": url}, "records": "$"}, "key": "id"});
        let lookup = serde_json::from_value(lookup).unwrap();
        astray.manifest.lookups.insert("astray".into(), lookup);
        let pulled = astray.pull().await;
        if wrong(&astray, &pulled, "").await.is_empty() {
            out.push("requests: an unknown path passes".to_owned());
        }
        // Where a key must stand in a body, the engine does not even send a request without one.
        let astray = |seen: &&Value| seen["path"].as_str().unwrap().starts_with("/nobody/");
        let is_noticed =
            |what: &String| what.contains("/nobody/") && what.ends_with("is not declared");
        if pulled.seen.iter().any(|seen| astray(&seen))
            && !requests(&manifest, &pulled).iter().any(is_noticed)
        {
            out.push("requests: what is not declared is not noticed".to_owned());
        }
        out
    });
}

#[test]
fn the_vendors_limits_are_kept() {
    each(async |manifest| {
        let company = Company::new(&manifest, FEW);
        let about = company.world.about().await;
        let routes: Vec<Value> = company
            .pull()
            .await
            .seen
            .iter()
            .map(|s| s["route"].clone())
            .collect();
        let mut out = Vec::new();
        for limit in about["limits"].as_array().unwrap() {
            // What is asked for once, such as a token, keeps every limit.
            if limit["path"] != ""
                && routes
                    .iter()
                    .filter(|route| **route == limit["path"])
                    .count()
                    < 2
            {
                continue;
            }
            let Some(rate) = manifest.rate else {
                out.push(format!("rate: none, and the vendor has {limit}"));
                continue;
            };
            let number = |name: &str| limit[name].as_u64().unwrap();
            let (count, seconds) = (number("count"), number("seconds"));
            let most =
                u64::from(rate.burst.get()) + u64::from(rate.per_minute.get()) * seconds / 60;
            if most > count {
                out.push(format!(
                    "rate: up to {most} requests where there may be {limit}"
                ));
            }
        }
        out
    });
}
