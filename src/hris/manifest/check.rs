//! What several parts of a connector must agree on. Every template is filled in once with the examples of the fields,
//! so that a name that does not exist is found when the connector is loaded and not at a customer's.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{
    Auth, Body, Each, Field, GivenBy, List, Manifest, Method, Paging, PlainText, Request, ToldBy,
    Until, UrlText,
};

/// A text that stands at the line to be named, and what is wrong.
pub(super) type Fault = (String, String);

/// Names that requests get from the engine.
const RESERVED: [&str; 9] = [
    "page", "offset", "cursor", "size", "id", "record", "parent", "today", "token",
];

/// Checks a connector.
pub(super) fn check(manifest: &Manifest) -> Result<(), Fault> {
    names(manifest)?;
    let values = samples(manifest)?;
    employment(manifest)?;
    auth(manifest, &values)?;
    for (place, list) in manifest.lists() {
        check_list(manifest, &place, list)?;
    }
    let joins = manifest.joins.values().map(|j| ("joins", &j.only_if));
    let details = manifest.details.values().map(|d| ("details", &d.only_if));
    for (place, only_if) in joins.chain(details) {
        if let Some(id) = only_if
            && !manifest.fields().any(|field| field.id == *id)
        {
            return fault("only_if:", format!("{place}: `{id}` is not asked for"));
        }
    }
    rights(manifest, &values)?;
    let mut origins = BTreeMap::new();
    for (place, method, url) in auth_urls(&manifest.auth) {
        origin(manifest, &mut origins, method, &place, url, &values)?;
    }
    if let Auth::AuthorizationCode { authorize, .. } = &manifest.auth {
        let place = "auth.authorize";
        origin(
            manifest,
            &mut origins,
            Method::Get,
            place,
            authorize,
            &values,
        )?;
    }
    for (place, request) in requests(manifest) {
        check_request(&place, request, &values)?;
        origin(
            manifest,
            &mut origins,
            request.method,
            &place,
            &request.url,
            &values,
        )?;
    }
    for (name, value) in &manifest.headers {
        plain(&format!("headers.{name}"), value, &values)?;
    }
    Ok(())
}

fn fault<T>(needle: impl Into<String>, what: impl Into<String>) -> Result<T, Fault> {
    Err((needle.into(), what.into()))
}

fn names(manifest: &Manifest) -> Result<(), Fault> {
    let is_slug = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if manifest.slug.is_empty() || !manifest.slug.chars().all(is_slug) {
        return fault("slug:", "slug: lower-case letters, digits and `-` only");
    }
    if manifest.steps.is_empty() {
        return fault(
            "steps:",
            "steps: say what the customer's admin does at the vendor",
        );
    }
    let mut seen = BTreeSet::new();
    for field in manifest.fields() {
        let id = &field.id;
        let needle = format!("id: {id}");
        let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if id.is_empty() || !id.chars().all(is_word) || id.starts_with(|c: char| c.is_ascii_digit())
        {
            return fault(
                needle,
                format!("`{id}`: lower-case letters, digits and `_` only"),
            );
        }
        if RESERVED.contains(&id.as_str()) {
            return fault(
                needle,
                format!("`{id}` is a name of the engine: choose another"),
            );
        }
        if !seen.insert(id) {
            return fault(needle, format!("`{id}` is there twice"));
        }
        if field.secret && field.default.is_some() {
            return fault(needle, format!("`{id}`: a secret has no default"));
        }
    }
    Ok(())
}

/// Values as a customer could have entered them, and what the engine adds.
fn samples(manifest: &Manifest) -> Result<Value, Fault> {
    let mut values = Map::new();
    for field in manifest.fields() {
        let text = sample(field);
        let value = match field.json {
            true => serde_json::from_str(&text).or_else(|_| {
                fault(
                    format!("id: {}", field.id),
                    format!("`{}`: give an `example` that is JSON", field.id),
                )
            })?,
            false => json!(text),
        };
        values.insert(field.id.clone(), value);
    }
    for number in ["page", "offset", "size"] {
        values.insert(number.to_owned(), json!(1));
    }
    for text in ["cursor", "id", "token", "today"] {
        values.insert(text.to_owned(), json!(text));
    }
    Ok(Value::Object(values))
}

fn sample(field: &Field) -> String {
    let first = field.choices.first();
    [&field.example, &field.default]
        .into_iter()
        .flatten()
        .chain(first)
        .next()
        .cloned()
        .unwrap_or_else(|| "example".to_owned())
}

fn employment(manifest: &Manifest) -> Result<(), Fault> {
    let words = &manifest.employment;
    if words.employed.is_empty() {
        return fault(
            "employment:",
            "employment.employed: give the vendor's word for it",
        );
    }
    let mut seen = BTreeSet::new();
    for word in [
        &words.prehire,
        &words.employed,
        &words.on_leave,
        &words.left,
    ]
    .into_iter()
    .flatten()
    {
        if !seen.insert(word.to_lowercase()) {
            return fault(
                word.clone(),
                format!("employment: `{word}` is there twice, or means two things"),
            );
        }
    }
    Ok(())
}

fn auth(manifest: &Manifest, values: &Value) -> Result<(), Fault> {
    let known = |id: &str| manifest.credentials.iter().any(|field| field.id == id);
    match &manifest.auth {
        Auth::RefreshToken { credential, .. } | Auth::AuthorizationCode { credential, .. } => {
            if !known(credential) {
                return fault(
                    "credential:",
                    format!("auth: `{credential}` is not among the credentials"),
                );
            }
        }
        Auth::Basic { username, password } | Auth::WsSecurity { username, password } => {
            plain("auth.username", username, values)?;
            plain("auth.password", password, values)?;
        }
        Auth::Header { value, .. } | Auth::Query { value, .. } | Auth::Body { value, .. } => {
            plain("auth.value", value, values)?;
        }
        Auth::Bearer { token } => plain("auth.token", token, values)?,
        Auth::JwtBearer(jwt) => key(&jwt.private_key, values)?,
        Auth::SamlBearer(saml) => key(&saml.private_key, values)?,
        Auth::Login(login) if login.method == Method::Get && login.body.is_some() => {
            return fault(login.url.source(), "auth.login: a GET has no body");
        }
        Auth::None | Auth::Login(_) | Auth::ClientCredentials { .. } => {}
    }
    if matches!(manifest.auth, Auth::WsSecurity { .. }) {
        for (place, request) in requests(manifest) {
            let has_mark = matches!(&request.body, Some(Body::Xml(xml)) if xml.source().contains(super::SECURITY_MARK));
            if !has_mark {
                return fault(
                    "ws_security:",
                    format!(
                        "{place}: the XML body needs `{}` in its header",
                        super::SECURITY_MARK
                    ),
                );
            }
        }
    }
    Ok(())
}

/// A sign that no field shows would never be seen, and a token that is never asked for says nothing.
fn rights(manifest: &Manifest, values: &Value) -> Result<(), Fault> {
    let rights = &manifest.rights;
    let mut signs = rights.needed.iter().chain(&rights.excess);
    if signs.any(|sign| sign.fields.is_empty()) {
        return fault("rights:", "rights: say under `fields` what shows the right");
    }
    let words = rights.scopes.iter();
    let words = words.flat_map(|scopes| scopes.needed.iter().chain(&scopes.harmless));
    let signs = rights.needed.iter().chain(&rights.excess);
    for text in words.chain(signs.flat_map(|sign| &sign.fields)) {
        plain("rights", text, values)?;
    }
    let is_told = |scopes: &super::Scopes| match scopes.told_by {
        ToldBy::Token(_) | ToldBy::Claim(_) => !auth_urls(&manifest.auth).is_empty(),
        ToldBy::List(_) => true,
    };
    match &rights.scopes {
        Some(scopes) if !is_told(scopes) => fault(
            "told_by:",
            "rights.scopes.told_by: this `auth` asks for no token; write `list`",
        ),
        _ => Ok(()),
    }
}

fn key(path: &super::Path, values: &Value) -> Result<(), Fault> {
    match path.find(values) {
        Some(_) => Ok(()),
        None => fault(
            "private_key:",
            format!("auth.private_key: `{path}` is not among the credentials"),
        ),
    }
}

fn check_list(manifest: &Manifest, place: &str, list: &List) -> Result<(), Fault> {
    if let Some(Each::Parent(parent)) = &list.each
        && (!manifest.parents.contains_key(parent) || place.starts_with("parents."))
    {
        return fault(
            format!("each: {parent}"),
            format!("{place}: `each` names a list under `parents`, and a parent has none"),
        );
    }
    if list.paging.size() == Some(0) {
        return fault(
            "size: 0",
            format!("{place}: a page holds at least one record"),
        );
    }
    let until = match &list.paging {
        Paging::Page { until, .. } | Paging::Offset { until, .. } => Some(until),
        _ => None,
    };
    if until == Some(&Until::Total) && list.total.is_none() {
        return fault(
            "until: total",
            format!("{place}: `until: total` needs `total`"),
        );
    }
    if place == "people" && list.id.is_none() {
        return fault("people:", "people: give the `id` of a record");
    }
    Ok(())
}

/// Every request for data, with its place.
pub(super) fn requests(manifest: &Manifest) -> impl Iterator<Item = (String, &Request)> {
    let lists = manifest
        .lists()
        .map(|(place, list)| (format!("{place}.request"), &list.request));
    let details = manifest
        .details
        .iter()
        .map(|(name, detail)| (format!("details.{name}.request"), &detail.request));
    let check = manifest.check.iter().map(|r| ("check".to_owned(), r));
    let scopes = manifest.rights.scopes.iter();
    let told = scopes.filter_map(|scopes| match &scopes.told_by {
        ToldBy::List(told) => Some(("rights.scopes".to_owned(), &told.request)),
        ToldBy::Token(_) | ToldBy::Claim(_) => None,
    });
    lists.chain(details).chain(check).chain(told)
}

fn check_request(place: &str, request: &Request, values: &Value) -> Result<(), Fault> {
    match (request.method, &request.reads, &request.body) {
        (Method::Post, None, _) => {
            return fault(
                request.url.source(),
                format!(
                    "{place}: a POST says under `reads` what it reads and where the vendor says so"
                ),
            );
        }
        (Method::Get, _, Some(_)) => {
            return fault(request.url.source(), format!("{place}: a GET has no body"));
        }
        _ => {}
    }
    for (name, value) in &request.headers {
        plain(&format!("{place}.headers.{name}"), value, values)?;
    }
    for (name, all) in &request.query {
        for value in all.all() {
            plain(&format!("{place}.query.{name}"), value, values)?;
        }
    }
    match &request.body {
        Some(Body::Json(text)) => {
            let body = filled(text.render(values), place, text.source())?;
            if serde_json::from_str::<Value>(&body).is_err() {
                return fault(
                    first_line(text.source()),
                    format!("{place}.body.json: filled in with the examples it is not JSON"),
                );
            }
        }
        Some(Body::Xml(text)) => {
            filled(text.render(values), place, text.source())?;
        }
        Some(Body::Form(form)) => {
            for (name, value) in form {
                plain(&format!("{place}.body.form.{name}"), value, values)?;
            }
        }
        None => {}
    }
    Ok(())
}

fn plain(place: &str, text: &PlainText, values: &Value) -> Result<(), Fault> {
    // What belongs to a record or a parent is known only then.
    if ["record.", "parent."]
        .iter()
        .any(|word| text.source().contains(word))
    {
        return Ok(());
    }
    filled(text.render(values), place, text.source()).map(drop)
}

fn filled(
    result: Result<String, crate::hris::template::Error>,
    place: &str,
    source: &str,
) -> Result<String, Fault> {
    result.or_else(|error| fault(first_line(source), format!("{place}: {error}")))
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// The calls that give a token: place, method and address.
pub(super) fn auth_urls(auth: &Auth) -> Vec<(String, Method, &UrlText)> {
    let (place, method, url) = match auth {
        Auth::Login(login) => ("auth.login", login.method, &login.url),
        Auth::ClientCredentials { endpoint }
        | Auth::RefreshToken { endpoint, .. }
        | Auth::AuthorizationCode { endpoint, .. } => {
            ("auth.endpoint", Method::Post, &endpoint.url)
        }
        Auth::JwtBearer(jwt) => ("auth.jwt_bearer", Method::Post, &jwt.url),
        Auth::SamlBearer(saml) => ("auth.saml_bearer", Method::Post, &saml.url),
        _ => return Vec::new(),
    };
    vec![(place.to_owned(), method, url)]
}

/// The customer's field by which somebody could have the operator's values sent to a host of their own: it stands in a host
/// name that does not end in the vendor's domain.
fn chooses_domain<'m>(manifest: &'m Manifest, host: &str) -> Option<&'m str> {
    let mut fields = manifest.fields();
    if !fields.any(|f| f.given_by == GivenBy::Operator) {
        return None;
    }
    let (_, behind) = host.rsplit_once("}}")?;
    let labels = behind.split('.').skip(1).filter(|label| !label.is_empty());
    if behind.starts_with('.') && labels.count() >= 2 {
        return None;
    }
    let mut fields = manifest.fields();
    let field = fields.find(|f| f.given_by != GivenBy::Operator && host.contains(f.id.as_str()))?;
    Some(&field.id)
}

type Origins = BTreeMap<(Method, String), String>;

/// An address is HTTPS, what is filled into its host is held by a pattern, and no other origin has the same method and
/// path: `--endpoint` could not tell them apart.
fn origin(
    manifest: &Manifest,
    origins: &mut Origins,
    method: Method,
    place: &str,
    url: &UrlText,
    values: &Value,
) -> Result<(), Fault> {
    let source = url.source();
    let Some(rest) = source.strip_prefix("https://") else {
        return fault(
            source,
            format!("{place}: an address begins with `https://`"),
        );
    };
    let host = rest.split('/').next().unwrap_or_default();
    for field in manifest.fields() {
        let is_free = field.pattern.is_none() && field.choices.is_empty();
        if is_free && host.contains("{{") && host.contains(&field.id) {
            return fault(
                source,
                format!(
                    "{place}: `{}` is part of a host name and needs a `pattern`",
                    field.id
                ),
            );
        }
    }
    if let Some(field) = chooses_domain(manifest, host) {
        return fault(
            source,
            format!(
                "{place}: `{field}` decides where the operator's values are sent, and a customer gives it: write the \
                 vendor's domain behind it"
            ),
        );
    }
    if source.contains('?') {
        return fault(source, format!("{place}: parameters stand under `query`"));
    }
    let filled = if source.contains("record.") || source.contains("parent.") {
        // The path is told apart well enough as it is written.
        source.replace("{{", "").replace("}}", "").replace(' ', "")
    } else {
        filled(url.render(values), place, source)?
    };
    let Ok(parsed) = reqwest::Url::parse(&filled) else {
        return fault(
            source,
            format!("{place}: filled in with the examples it is no address"),
        );
    };
    let origin = parsed.origin().ascii_serialization();
    let seen = origins
        .entry((method, parsed.path().to_owned()))
        .or_insert_with(|| origin.clone());
    if *seen != origin {
        return fault(
            source,
            format!(
                "{place}: `{seen}` has the same method and path; `--endpoint` could not tell them apart"
            ),
        );
    }
    Ok(())
}
