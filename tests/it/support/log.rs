//! What the servers of this process log about each request: which rules it used.

use std::collections::HashMap;
use std::sync::{Mutex, Once};

use tracing::field::{Field, Visit};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// The rules of each request's log line by the request's id, where there are any.
static RULES: Mutex<Option<HashMap<String, String>>> = Mutex::new(None);
static LISTENS: Once = Once::new();

struct Listener;

#[derive(Default)]
struct Line(HashMap<&'static str, String>);

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

impl<S: tracing::Subscriber> Layer<S> for Listener {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut line = Line::default();
        event.record(&mut line);
        let (id, rules) = (line.0.remove("request.id"), line.0.remove("rules"));
        if let (Some(id), Some(rules)) = (id, rules.filter(|r| !r.is_empty())) {
            let mut all = RULES.lock().unwrap();
            all.get_or_insert_default().insert(id, rules);
        }
    }
}

/// Listens from now on; the servers of other tests are heard too.
pub fn listen() {
    LISTENS.call_once(|| {
        let only = Targets::new().with_target("rosterd::http", tracing::Level::INFO);
        let heard = tracing_subscriber::registry().with(Listener.with_filter(only));
        tracing::subscriber::set_global_default(heard).unwrap();
    });
}

/// The rules that a request's log line names.
pub fn rules(request: &str) -> Vec<String> {
    let mut all = RULES.lock().unwrap();
    let found = all.get_or_insert_default().remove(request);
    found.map_or_else(Vec::new, |r| r.split(',').map(str::to_owned).collect())
}
