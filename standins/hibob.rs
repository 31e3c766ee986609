//! HiBob. Rules are cited as "sheet: section" of the fact sheet on this vendor.

use serde_json::{Map, Value, json};

use crate::cli::simulate::hris::call::{Refusal, Reply};
use crate::cli::simulate::hris::desk::Desk;
use crate::cli::simulate::hris::names::UNITS;
use crate::cli::simulate::hris::people::Person;
use crate::cli::simulate::hris::standin::{Credential, Limit, Make, Role, Route, Standin};
use crate::cli::simulate::hris::truth::Field;
use crate::domain::employment::EmploymentState;

pub const STANDIN: Standin = Standin {
    name: "HiBob",
    // Sheet: Access, "Pasted values"; Record, "cost centre": a field of the tenant's own choice. Ids of own fields are in
    // apidocs.hibob.com, "Fields and lists metadata" and "Categories and permissions".
    credentials: &[
        Credential::new("service_user_id", Make::Word("SERVICE-", 8)),
        Credential::new("service_user_token", Make::Word("", 40)),
        Credential::new(
            "cost_center_field",
            Make::Fixed("work.customColumns.column_3003"),
        ),
        Credential::new("division_field", Make::Fixed("work.custom.field_1001")),
        Credential::new(
            "organization_field",
            Make::Fixed("category_1720508362305.field_2002"),
        ),
    ],
    routes: &[
        Route::post("/v1/people/search", Role::List, &[], search),
        Route::get(
            "/v1/company/named-lists/{name}",
            Role::Lookup,
            &["includeArchived"],
            named_list,
        ),
        Route::get(
            "/v1/company/people/fields",
            Role::Lookup,
            &[],
            people_fields,
        ),
    ],
    // Sheet: Listing, "Rate limit".
    limits: &[Limit {
        path: "/v1/people/search",
        count: 50,
        seconds: 60,
    }],
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
        Field::State,
        Field::Start,
        Field::End,
    ],
    hides: &[Field::Email, Field::Manager, Field::End],
    widens: false,
    // Sheet: Listing, "Pagination: none".
    is_paged: false,
    id: |_, person| format!("29000000000{:08}", person.serial),
    // Sheet: Record, "end": the date is set when the termination becomes effective (recalled).
    tell: |_, person, mut facts| {
        facts.display = Some(person.display());
        if facts.state != EmploymentState::Left {
            facts.end = None;
        }
        Some(facts)
    },
    limit_headers: |budget| {
        vec![
            ("X-RateLimit-Limit", budget.count.to_string()),
            ("X-RateLimit-Remaining", budget.left.to_string()),
            ("X-RateLimit-Reset", (budget.reset.0 / 1_000).to_string()),
        ]
    },
    admit,
    refuse,
};

/// Wrong credentials, one after another, until the firewall blocks the address. The sheet gives no number.
const PATIENCE: u32 = 10;

/// Sheet: Access, "HTTP Basic. User name = service user id, password = service user token".
fn admit(desk: &Desk) -> Result<(), Refusal> {
    let sent = desk.call.basic();
    let is_right = sent.is_some_and(|(name, token)| {
        name == desk.key("service_user_id") && token == desk.key("service_user_token")
    });
    if !is_right {
        // Sheet: Errors, "repeated 401s get the calling address blocked by the firewall".
        if desk.wrong() > PATIENCE {
            return Err(Refusal::Special(Box::new(page(403, "Request blocked"))));
        }
        return Err(Refusal::Unauthorized);
    }
    desk.right();
    Ok(())
}

fn page(status: u16, title: &str) -> Reply {
    let body =
        format!("<!DOCTYPE html>\n<html><head><title>{title}</title></head><body></body></html>\n");
    Reply::new(status, "text/html", body)
}

/// Sheet: Errors.
fn refuse(_: &Desk, refusal: Refusal) -> Reply {
    let (status, why) = match refusal {
        Refusal::Unauthorized => (401, "Unauthorized".to_owned()),
        Refusal::Forbidden => (403, "You do not have permission".to_owned()),
        // "A wrong path can answer 200 with an HTML page, so check the content type."
        Refusal::NotFound => return page(200, "Bob"),
        Refusal::WrongMethod => (405, "Method not allowed".to_owned()),
        Refusal::Bad(why) | Refusal::Invalid(why) => (400, why),
        Refusal::Broken => (500, "Internal error".to_owned()),
        Refusal::TooMany(_) => (429, "Too many requests".to_owned()),
        Refusal::Special(reply) => return *reply,
    };
    Reply::json(status, &json!({"error": why}))
}

/// A value as the machine reads it, and as people do.
struct Shown {
    machine: Value,
    human: Value,
}

fn same(value: impl Into<Value>) -> Shown {
    let machine = value.into();
    Shown {
        human: machine.clone(),
        machine,
    }
}

/// Sheet: Record, "list item id; label in humanReadable".
fn item(id: String, label: &str) -> Shown {
    Shown {
        machine: json!(id),
        human: json!(label),
    }
}

/// Sheet: Record, "do not parse dates from human-readable output".
fn date(day: Option<chrono::NaiveDate>) -> Shown {
    Shown {
        machine: json!(day.map(|d| d.to_string())),
        human: json!(day.map(|d| d.format("%d/%m/%Y").to_string())),
    }
}

fn title_id(person: &Person) -> String {
    let at = person.unit.titles.iter().position(|t| *t == person.title);
    format!("{}{}", person.unit.id, at.unwrap_or_default())
}

/// Sheet: Record, "Lifecycle values": garden leave is not used by the invented company.
fn lifecycle(state: EmploymentState) -> (&'static str, &'static str) {
    match state {
        EmploymentState::Prehire => ("hired", "Hired"),
        EmploymentState::OnLeave => ("parental leave", "Parental leave"),
        EmploymentState::Left => ("terminated", "Terminated"),
        EmploymentState::Employed | EmploymentState::Unknown => ("employed", "Employed"),
    }
}

/// Sheet: Record, "a person on leave can have internal.status = Inactive".
fn is_active(state: EmploymentState, serial: u32) -> bool {
    match state {
        EmploymentState::OnLeave => serial.is_multiple_of(2),
        state => state.is_active(),
    }
}

/// Field ids, with the part of the truth that they carry where it can be hidden.
const FIELDS: &[(&str, Option<Field>)] = &[
    ("root.id", None),
    ("root.email", Some(Field::Email)),
    ("root.firstName", None),
    ("root.surname", None),
    ("root.displayName", None),
    ("root.fullName", None),
    ("work.title", None),
    ("work.department", None),
    ("work.site", None),
    ("work.team", None),
    ("work.customColumns.column_3003", None),
    ("work.custom.field_1001", None),
    ("category_1720508362305.field_2002", None),
    ("work.reportsTo", Some(Field::Manager)),
    ("work.manager", Some(Field::Manager)),
    ("work.startDate", None),
    ("work.employeeIdInCompany", None),
    ("work.workPhone", None),
    ("work.workMobile", None),
    ("home.mobilePhone", None),
    ("internal.status", None),
    ("internal.lifecycleStatus", None),
    ("internal.terminationDate", Some(Field::End)),
];

/// Sheet: Record. Nothing for an id that is unknown or may not be read.
fn field(desk: &Desk, person: &Person, id: &str) -> Option<Shown> {
    let (_, hidden) = FIELDS.iter().find(|(known, _)| *known == id)?;
    if hidden.is_some_and(|h| !desk.may_read(h)) {
        return None;
    }
    let state = desk.state(person);
    let manager = desk.company.manager_of(person);
    let unit = person.unit;
    Some(match id {
        "root.id" => same(desk.id(person)),
        "root.email" => same(person.email.clone()),
        "root.firstName" => same(person.given),
        "root.surname" => same(person.family),
        "root.displayName" => same(person.display()),
        "root.fullName" => same(format!("{} {}", person.given, person.family)),
        "work.title" => item(title_id(person), person.title),
        "work.department" => item(unit.id.to_string(), unit.name),
        "work.site" => same(person.site.name),
        "work.team" => item((unit.id + 1_000).to_string(), unit.team),
        "work.customColumns.column_3003" => item((unit.id + 2_000).to_string(), unit.cost_center),
        "work.custom.field_1001" => item((unit.id + 3_000).to_string(), unit.division),
        "category_1720508362305.field_2002" => same(person.entity.name),
        "work.reportsTo" => same(manager.map_or(Value::Null, |m| reports_to(desk, m))),
        "work.manager" => same(manager.map(|m| desk.id(m))),
        "work.startDate" => date(Some(person.start)),
        "work.employeeIdInCompany" => same(person.number),
        "work.workPhone" => same(person.work_phone.clone()),
        "work.workMobile" => same(person.mobile.clone()),
        "home.mobilePhone" => same("+000 private"),
        "internal.status" => same(if is_active(state, person.serial) {
            "Active"
        } else {
            "Inactive"
        }),
        "internal.lifecycleStatus" => {
            let (word, label) = lifecycle(state);
            item(word.to_owned(), label)
        }
        // "set when the termination entry becomes effective (recalled)"
        _ => date(person.end.filter(|end| *end < desk.company.day)),
    })
}

fn reports_to(desk: &Desk, manager: &Person) -> Value {
    json!({
        "id": desk.id(manager),
        "email": manager.email.as_ref().filter(|_| desk.may_read(Field::Email)),
        "firstName": manager.given,
        "surname": manager.family,
        "displayName": manager.display(),
    })
}

/// What the body of a search asks for.
struct Search {
    fields: Vec<String>,
    is_showing_inactive: bool,
    human: Human,
    only: Option<(String, Vec<String>)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Human {
    No,
    Append,
    Replace,
}

/// Sheet: Listing, "Body".
fn read(desk: &Desk) -> Result<Search, Refusal> {
    let bad = |why: &str| Refusal::Bad(why.to_owned());
    if !desk.call.accepts("application/json") {
        return Err(bad("the header Accept must be application/json"));
    }
    let body = desk.call.object()?;
    let known = ["fields", "showInactive", "humanReadable", "filters"];
    if let Some(key) = body.keys().find(|k| !known.contains(&k.as_str())) {
        return Err(Refusal::Bad(format!("unknown key {key}")));
    }
    let fields = match body.get("fields") {
        None => vec!["root.id".to_owned()],
        Some(value) => texts(value).ok_or_else(|| bad("fields must be a list of field ids"))?,
    };
    if fields.len() > 400 {
        return Err(bad("fields: at most 400"));
    }
    let is_showing_inactive = match body.get("showInactive") {
        None => false,
        Some(value) => value
            .as_bool()
            .ok_or_else(|| bad("showInactive must be a boolean"))?,
    };
    let human = match body.get("humanReadable").map(|h| h.as_str()) {
        None | Some(Some("")) => Human::No,
        Some(Some("APPEND")) => Human::Append,
        Some(Some("REPLACE")) => Human::Replace,
        Some(_) => return Err(bad("humanReadable must be APPEND or REPLACE")),
    };
    Ok(Search {
        fields,
        is_showing_inactive,
        human,
        only: body.get("filters").map(filter).transpose()?.flatten(),
    })
}

fn texts(value: &Value) -> Option<Vec<String>> {
    let list = value.as_array()?.iter();
    list.map(|v| v.as_str().map(str::to_owned)).collect()
}

/// "filters (at most one object: fieldPath = root.id or root.email, operator = equals, values[])"
fn filter(filters: &Value) -> Result<Option<(String, Vec<String>)>, Refusal> {
    let bad =
        || Refusal::Bad("filters: at most one, root.id or root.email, equals, values".to_owned());
    let list = filters.as_array().ok_or_else(bad)?;
    let [one] = list.as_slice() else {
        return if list.is_empty() {
            Ok(None)
        } else {
            Err(bad())
        };
    };
    let path = one["fieldPath"].as_str().ok_or_else(bad)?;
    if one["operator"] != "equals" || !["root.id", "root.email"].contains(&path) {
        return Err(bad());
    }
    let values = texts(&one["values"]).ok_or_else(bad)?;
    Ok(Some((path.to_owned(), values)))
}

/// Sheet: "Listing employees".
fn search(desk: &Desk) -> Result<Reply, Refusal> {
    let search = read(desk)?;
    let roster = desk.roster(desk.page_size(None, 100, 100), |p| {
        let is_there = search.is_showing_inactive || is_active(desk.state(p), p.serial);
        let is_wanted = search
            .only
            .as_ref()
            .is_none_or(|(path, values)| match path.as_str() {
                "root.id" => values.contains(&desk.id(p)),
                _ => p.email.as_ref().is_some_and(|e| values.contains(e)),
            });
        is_there && is_wanted
    });
    // One answer holds everybody: it is put together as text, one person at a time.
    let mut body = b"{\"employees\":[".to_vec();
    for (at, person) in roster.people.iter().enumerate() {
        if at > 0 {
            body.push(b',');
        }
        body.extend_from_slice(employee(desk, person, &search).to_string().as_bytes());
    }
    body.extend_from_slice(b"]}");
    Ok(Reply::new(200, "application/json", body))
}

/// Sheet: Record, "carries the same data twice".
fn employee(desk: &Desk, person: &Person, search: &Search) -> Value {
    let mut all = Map::new();
    let mut human = Map::new();
    for id in &search.fields {
        // "Fields without permission are silently left out of a 200."
        let Some(shown) = field(desk, person, id) else {
            continue;
        };
        let value = match search.human {
            Human::Replace => &shown.human,
            Human::No | Human::Append => &shown.machine,
        };
        // The flat keys: "present only for non-null values and nested category objects".
        if !value.is_null() {
            all.insert(
                format!("/{}", id.replace('.', "/")),
                json!({"value": value}),
            );
        }
        nest(&mut all, id, value.clone());
        if search.human == Human::Append && !shown.human.is_null() {
            nest(&mut human, id, shown.human);
        }
    }
    if search.human == Human::Append {
        all.insert("humanReadable".into(), Value::Object(human));
    }
    Value::Object(all)
}

/// "fields of category root sit at the top level without a prefix"; others as deep as their id.
fn nest(object: &mut Map<String, Value>, id: &str, value: Value) {
    let Some((outer, name)) = id.split_once('.') else {
        object.insert(id.to_owned(), value);
        return;
    };
    if outer == "root" {
        return nest(object, name, value);
    }
    let inner = object.entry(outer).or_insert_with(|| json!({}));
    if let Some(inner) = inner.as_object_mut() {
        nest(inner, name, value);
    }
}

/// Sheet: Other calls, "List names are case-sensitive".
fn named_list(desk: &Desk) -> Result<Reply, Refusal> {
    let entry = |id: String, name: &str| json!({"id": id, "value": name, "name": name, "archived": false, "children": []});
    let units = UNITS.iter();
    let items: Vec<Value> = match desk.call.place(0) {
        "department" => units.map(|u| entry(u.id.to_string(), u.name)).collect(),
        "team" => units
            .map(|u| entry((u.id + 1_000).to_string(), u.team))
            .collect(),
        "costCenter" => units
            .map(|u| entry((u.id + 2_000).to_string(), u.cost_center))
            .collect(),
        "title" => units
            .flat_map(|u| {
                let titles = u.titles.iter().enumerate();
                titles.map(|(at, title)| entry(format!("{}{at}", u.id), title))
            })
            .collect(),
        _ => return Err(Refusal::Bad("there is no list of this name".into())),
    };
    let name = desk.call.place(0);
    Ok(Reply::json(200, &json!({"name": name, "items": items})))
}

/// Sheet: Other calls, "lists all field ids".
fn people_fields(_: &Desk) -> Result<Reply, Refusal> {
    let fields: Vec<Value> = FIELDS
        .iter()
        .map(|(id, _)| {
            let (category, name) = id.split_once('.').unwrap_or(("root", id));
            json!({"id": id, "category": category, "name": name, "type": "text"})
        })
        .collect();
    Ok(Reply::json(200, &Value::Array(fields)))
}
