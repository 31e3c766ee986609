//! A running stand-in and a client of it that knows HTTP and nothing of any vendor.

use std::sync::Arc;

use chrono::NaiveDate;
use rosterd::cli::simulate::hris::{Setup, listen};
use rosterd::domain::clock::{Clock, ManualClock, Millis};
use serde_json::{Value, json};

use crate::support::http_client;

/// A stand-in that runs until it is dropped.
pub struct World {
    pub slug: &'static str,
    pub origin: String,
    /// Origin and prefix.
    pub base: String,
    pub clock: Arc<ManualClock>,
    /// What a walk has to remember for the next one, such as a token that rotates.
    pub memory: std::cell::RefCell<Option<String>>,
    http: reqwest::Client,
    today: std::cell::RefCell<String>,
    keys: std::collections::BTreeMap<&'static str, String>,
    handle: actix_web::dev::ServerHandle,
}

impl Drop for World {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Heard {
    pub status: u16,
    pub kind: String,
    pub headers: Vec<(String, String)>,
    pub text: String,
}

impl Heard {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The body of a good answer.
    pub fn good(self) -> Result<Value, String> {
        match (self.status, serde_json::from_str(&self.text)) {
            (200, Ok(value)) => Ok(value),
            (status, Ok(_)) => Err(format!("status {status}: {}", self.text)),
            (status, Err(_)) => Err(format!("status {status}, no JSON")),
        }
    }
}

pub const DAY: &str = "2026-11-26";

pub fn day() -> NaiveDate {
    DAY.parse().unwrap()
}

impl World {
    /// `people` of a seed, without the vendor's limits.
    pub fn of(slug: &'static str, people: u32, seed: u64) -> Self {
        let setup = Setup {
            seed,
            is_limited: false,
            page_size: Some(25),
            ..Setup::new(slug, people, day())
        };
        Self::start(slug, setup)
    }

    pub fn start(slug: &'static str, setup: Setup) -> Self {
        let now = Millis::from_rfc3339("2026-11-26T08:00:00Z").unwrap();
        let clock = Arc::new(ManualClock::at(now));
        let served = listen(setup, clock.clone()).unwrap();
        let handle = served.server.handle();
        let world = Self {
            slug,
            base: format!("{}{}", served.origin, served.prefix),
            origin: served.origin,
            clock,
            memory: std::cell::RefCell::default(),
            http: http_client(),
            today: std::cell::RefCell::new(DAY.to_owned()),
            keys: served.keys,
            handle,
        };
        actix_web::rt::spawn(served.server);
        world
    }

    /// The company's day.
    pub fn today(&self) -> String {
        self.today.borrow().clone()
    }

    /// The day before.
    pub fn yesterday(&self) -> String {
        let today: NaiveDate = self.today().parse().unwrap();
        today.pred_opt().unwrap().to_string()
    }

    pub async fn set_day(&self, day: &str) {
        let heard = self.control("POST", "day", json!({"day": day})).await;
        assert_eq!(heard.status, 200, "{}", heard.text);
        *self.today.borrow_mut() = day.to_owned();
    }

    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    /// What the vendor's administrator would paste under this word, if it is one of the vendor's.
    pub fn given(&self, term: &str) -> Option<String> {
        self.keys.get(term).cloned()
    }

    pub fn key(&self, term: &str) -> &str {
        &self.keys[term]
    }

    /// Sends a request; `to` is below the vendor's base, or an address of the vendor's own.
    pub async fn send(
        &self,
        method: &str,
        to: &str,
        headers: &[(&str, String)],
        body: String,
    ) -> Result<Heard, String> {
        let path = match to.strip_prefix("https://") {
            Some(rest) => &rest[rest.find('/').unwrap_or(rest.len())..],
            None => to,
        };
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let answer = request.body(body).send().await;
        let answer = answer.map_err(|e| format!("not sent: {e}"))?;
        let headers: Vec<(String, String)> = answer
            .headers()
            .iter()
            .map(|(n, v)| (n.to_string(), v.to_str().unwrap_or_default().to_owned()))
            .collect();
        let status = answer.status().as_u16();
        let text = answer.text().await.map_err(|e| format!("cut: {e}"))?;
        let mut heard = Heard {
            status,
            kind: String::new(),
            headers,
            text,
        };
        heard.kind = heard.header("content-type").unwrap_or_default().to_owned();
        Ok(heard)
    }

    /// Asks the stand-in itself.
    pub async fn control(&self, method: &str, path: &str, body: Value) -> Heard {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let request = self
            .http
            .request(method, format!("{}/_{path}", self.origin));
        let answer = request.body(body.to_string()).send().await.unwrap();
        let status = answer.status().as_u16();
        Heard {
            status,
            kind: String::new(),
            headers: Vec::new(),
            text: answer.text().await.unwrap(),
        }
    }

    pub async fn about(&self) -> Value {
        self.control("GET", "about", Value::Null).await.json()
    }

    pub async fn set_faults(&self, words: &[&str]) {
        let heard = self
            .control("POST", "faults", json!({"faults": words}))
            .await;
        assert_eq!(heard.status, 200, "{}: {}", self.slug, heard.text);
    }

    pub async fn play(&self, scenario: &str, query: &str) -> Value {
        let path = format!("scenario/{scenario}{query}");
        let heard = self.control("POST", &path, Value::Null).await;
        assert_eq!(heard.status, 200, "{}: {}", self.slug, heard.text);
        heard.json()
    }

    /// The truth, one SCIM User after another.
    pub async fn truth(&self) -> Vec<Value> {
        let heard = self.control("GET", "truth", Value::Null).await;
        let lines = heard.text.lines();
        lines.map(|l| serde_json::from_str(l).unwrap()).collect()
    }
}
