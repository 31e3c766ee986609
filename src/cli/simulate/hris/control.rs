//! What a test asks of the stand-in itself: the truth, scenarios, faults, the day, the requests so far. All of it lies
//! under `/_…`, where no vendor has anything.

use chrono::NaiveDate;
use serde_json::{Value, json};

use super::call::{Call, Reply};
use super::company::{Change, Scenario};
use super::desk::lock;
use super::fault::{Fault, Faults};
use super::stage::Stage;
use super::standin::Limit;
use super::truth::truth;

/// Answers what is asked of the stand-in itself; nothing if the path is the vendor's.
pub fn answer(stage: &Stage, call: &Call) -> Option<Reply> {
    let path = call.path.strip_prefix("/_")?;
    let done = match (call.method.as_str(), path) {
        ("GET", "about") => Ok(about(stage)),
        ("GET", "truth") => return Some(tell_truth(stage, call)),
        ("GET", "requests") => Ok(json!(*lock(&stage.seen))),
        ("DELETE", "requests") => {
            lock(&stage.seen).clear();
            Ok(json!([]))
        }
        ("GET", "faults") => Ok(json!({"faults": lock(&stage.faults).words()})),
        ("POST", "faults") => set_faults(stage, call),
        ("DELETE", "faults") => {
            *lock(&stage.faults) = Faults::default();
            Ok(json!({"faults": []}))
        }
        ("GET", "day") => Ok(json!({"day": stage.company().day.to_string()})),
        ("POST", "day") => set_day(stage, call),
        ("POST", _) if path.starts_with("scenario/") => {
            play(stage, call, path.trim_start_matches("scenario/"))
        }
        _ => {
            return Some(error(
                404,
                "nothing is here: see `rosterd simulate hris --help`",
            ));
        }
    };
    Some(match done {
        Ok(value) => Reply::json(200, &value),
        Err(why) => error(400, &why),
    })
}

fn error(status: u16, why: &str) -> Reply {
    Reply::json(status, &json!({"error": why}))
}

/// The stand-in, as a test that walks over all of them needs to know it.
fn about(stage: &Stage) -> Value {
    let standin = stage.standin;
    let faults = Fault::ALL.into_iter().filter(|f| f.applies_to(standin));
    let routes = standin.routes.iter();
    json!({
        "slug": stage.slug,
        "name": standin.name,
        "credentials": stage.keys,
        "fields": standin.fields.iter().map(|f| f.as_str()).collect::<Vec<_>>(),
        "faults": faults.map(Fault::as_str).collect::<Vec<_>>(),
        "scenarios": Scenario::ALL.map(Scenario::as_str),
        "routes": routes.map(|r| format!("{} {}", r.method, r.path)).collect::<Vec<_>>(),
        "people": stage.company().people().count(),
        "limits": standin.limits.iter().map(limit).collect::<Vec<_>>(),
        "varied": stage.vary.counts(),
    })
}

fn limit(limit: &Limit) -> Value {
    json!({"path": limit.path, "count": limit.count, "seconds": limit.seconds})
}

fn date(text: &str) -> Result<NaiveDate, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is no date such as 2026-11-26"))
}

fn tell_truth(stage: &Stage, call: &Call) -> Reply {
    let company = stage.company();
    match call.param("as-of").map(date).transpose() {
        Ok(day) => {
            let lines = truth(&company, stage.standin, day.unwrap_or(company.day));
            Reply::new(200, "application/x-ndjson", lines)
        }
        Err(why) => error(400, &why),
    }
}

fn body(call: &Call) -> Result<Value, String> {
    serde_json::from_slice(&call.body).map_err(|e| format!("the body is no JSON: {e}"))
}

fn set_faults(stage: &Stage, call: &Call) -> Result<Value, String> {
    let body = body(call)?;
    let words = body["faults"].as_array().map(Vec::as_slice);
    let words = words.ok_or("the body must be like {\"faults\": [\"slow\", \"500=3\"]}")?;
    let words = words.iter().filter_map(Value::as_str);
    let faults = Faults::parse(words, stage.standin)?;
    let set = json!({"faults": faults.words()});
    *lock(&stage.faults) = faults;
    Ok(set)
}

fn set_day(stage: &Stage, call: &Call) -> Result<Value, String> {
    let body = body(call)?;
    let day = date(body["day"].as_str().unwrap_or_default())?;
    stage.change(|company| company.day = day);
    Ok(json!({"day": day.to_string()}))
}

fn play(stage: &Stage, call: &Call, word: &str) -> Result<Value, String> {
    let scenario = Scenario::parse(word).ok_or_else(|| {
        let known = Scenario::ALL.map(Scenario::as_str).join(", ");
        format!("`{word}` is no scenario: there are {known}")
    })?;
    let wrong = |name: &str| format!("`{name}` must be a number");
    let count = call.param("count").unwrap_or("1");
    let count = count.parse().map_err(|_| wrong("count"))?;
    let days = call.param("days").map(str::parse).transpose();
    let days = days.map_err(|_| wrong("days"))?;
    let changes = stage.change(|company| company.play(scenario, count, days))?;
    let company = stage.company();
    let id = |serial: u32| {
        let person = company.everybody().find(|p| p.serial == serial);
        person.map_or_else(String::new, |p| (stage.standin.id)(company.seed, p))
    };
    let told: Vec<Value> = changes
        .chunk_by(|a, b| a.serial == b.serial)
        .map(|of_one| {
            let serial = of_one.first().map_or(0, |c| c.serial);
            let changes: Vec<Value> = of_one.iter().map(|c| tell(c, &id)).collect();
            json!({"id": id(serial), "changes": changes})
        })
        .collect();
    Ok(json!({"scenario": scenario.as_str(), "people": told}))
}

/// A change, with the vendor's ids in the place of serials.
fn tell(change: &Change, id: &dyn Fn(u32) -> String) -> Value {
    let shown = |text: &str| match (change.fact, text.parse()) {
        ("manager", Ok(serial)) => id(serial),
        _ => text.to_owned(),
    };
    json!({"fact": change.fact, "before": shown(&change.before), "after": shown(&change.after)})
}
