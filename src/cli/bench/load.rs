//! Load on one server: clients that create users one after the other until the time is up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use serde_json::json;

use crate::cli::figures::percentile_ms;
use crate::cli::outgoing;

/// A server to be measured.
#[derive(Clone)]
pub(super) struct Target {
    /// Base URL of its SCIM service, without a slash at the end.
    pub(super) base: String,
    metrics: String,
    token: Arc<str>,
    http: reqwest::Client,
}

/// One measurement.
pub(super) struct Sample {
    took: Vec<Duration>,
    span: Duration,
    /// Writes a transaction, if the server tells.
    pub(super) mean_batch: Option<f64>,
}

impl Sample {
    /// Users a second.
    pub(super) fn rate(&self) -> f64 {
        self.took.len() as f64 / self.span.as_secs_f64()
    }

    /// A percentile of the latency in milliseconds.
    pub(super) fn percentile(&self, percent: usize) -> f64 {
        percentile_ms(&self.took, percent)
    }
}

impl Target {
    /// Checks the base URL; nothing is sent yet.
    pub(super) fn new(base: &str, token: &str) -> Result<Self, String> {
        let url = outgoing::base_url(base)?;
        let http = outgoing::client(&url)
            .build()
            .map_err(|error| outgoing::chain(&error))?;
        let mut metrics = url.clone();
        metrics.set_path("/metrics");
        Ok(Self {
            base: base.trim_end_matches('/').to_owned(),
            metrics: metrics.to_string(),
            token: token.into(),
            http,
        })
    }

    /// Creates users with so many clients at once for about `span`.
    ///
    /// # Errors
    /// The server does not answer, or answers anything but 201.
    pub(super) async fn create(
        &self,
        clients: usize,
        span: Duration,
        marker: &str,
    ) -> Result<Sample, String> {
        let before = self.batches().await;
        let began = Instant::now();
        let workers: Vec<_> = (0..clients)
            .map(|client| {
                let (target, prefix) = (self.clone(), format!("{marker}-{client}"));
                tokio::spawn(async move { target.work(&prefix, began + span).await })
            })
            .collect();
        let mut took = Vec::new();
        for worker in workers {
            took.extend(worker.await.map_err(|e| e.to_string())??);
        }
        let span = began.elapsed();
        took.sort_unstable();
        let mean_batch = match (before, self.batches().await) {
            (Some(before), Some(after)) if after.1 > before.1 => {
                Some((after.0 - before.0) / (after.1 - before.1))
            }
            _ => None,
        };
        Ok(Sample {
            took,
            span,
            mean_batch,
        })
    }

    async fn work(&self, prefix: &str, until: Instant) -> Result<Vec<Duration>, String> {
        let mut took = Vec::new();
        while Instant::now() < until {
            let body = document(&format!("{prefix}-{}", took.len()));
            let began = Instant::now();
            let answer = self
                .http
                .post(format!("{}/Users", self.base))
                .bearer_auth(&self.token)
                .header(
                    CONTENT_TYPE,
                    HeaderValue::from_static("application/scim+json"),
                )
                .body(body)
                .send()
                .await
                .map_err(|error| outgoing::chain(&error))?;
            let status = answer.status().as_u16();
            let text = answer
                .text()
                .await
                .map_err(|error| outgoing::chain(&error))?;
            if status != 201 {
                return Err(format!(
                    "{} answered a create with {status}: {text}",
                    self.base
                ));
            }
            took.push(began.elapsed());
        }
        Ok(took)
    }

    /// Sum and count of the writer's batches, if this is a server that tells them.
    async fn batches(&self) -> Option<(f64, f64)> {
        let text = self.http.get(&self.metrics).send().await.ok()?;
        let text = text.text().await.ok()?;
        let value = |name: &str| {
            let line = text.lines().find(|line| {
                line.strip_prefix(name)
                    .is_some_and(|rest| rest.starts_with(' '))
            })?;
            line.rsplit(' ').next()?.parse::<f64>().ok()
        };
        Some((
            value("rosterd_writer_batch_size_sum")?,
            value("rosterd_writer_batch_size_count")?,
        ))
    }
}

/// About a kilobyte, as an identity provider sends it.
fn document(key: &str) -> String {
    let mail = format!("{key}@bench.test");
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
        "userName": mail, "externalId": key, "active": true, "displayName": format!("Person {key}"),
        "name": {"givenName": "Person", "familyName": key, "formatted": format!("Person {key}")},
        "emails": [{"value": mail, "type": "work", "primary": true}],
        "phoneNumbers": [{"value": "+1 555 0100", "type": "work"}, {"value": "+1 555 0101", "type": "mobile"}],
        "addresses": [{"type": "work", "streetAddress": "1 Example Street", "locality": "Köln",
            "postalCode": "50667", "country": "DE"}],
        "title": "Engineer", "preferredLanguage": "en-US", "locale": "en-US", "timezone": "Europe/Berlin",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":
            {"employeeNumber": key, "department": "Engineering", "costCenter": "4130", "organization": "Example"},
    })
    .to_string()
}
