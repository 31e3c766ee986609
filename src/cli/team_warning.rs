//! What ends with reviewers whom team sync removes, in the words of the app, or of the operator for it: the app is asked by
//! a signed call; an answer that does not come in time, or is none, is no reason to keep an admin waiting.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use reqwest::Url;
use serde_json::{Value, json};

use super::outgoing::{base_url, client};
use crate::config::{Config, Secret};
use crate::domain::chance::{Chance, SystemChance};
use crate::domain::clock::{Clock, SystemClock};
use crate::domain::ids::fresh_text;
use crate::domain::signature::{hmac, signed};
use crate::service::teams::{Replaced, Warn};

/// How long the app may take.
const PATIENCE: Duration = Duration::from_secs(4);
/// Largest answer in bytes.
const ANSWER: usize = 64 << 10;
/// Most characters of the words that are shown.
const WORDS: usize = 2_000;

/// The app, and what the operator wrote.
pub struct AppWarning {
    text: Option<String>,
    hook: Option<(Url, Secret)>,
}

impl AppWarning {
    /// As it is configured.
    ///
    /// # Errors
    /// An address that is none, or a secret that is not in base64.
    pub fn of(config: &Config) -> Result<Self, String> {
        let (text, hook) = config.team_warning();
        Self::new(text.map(str::to_owned), hook)
    }

    /// With an address to ask, and words for when no answer comes.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub fn new(text: Option<String>, hook: Option<(&str, &Secret)>) -> Result<Self, String> {
        let hook = match hook {
            None => None,
            Some((url, secret)) => {
                key(secret).ok_or("teams_hook_secret: whsec_ and a secret in base64")?;
                Some((base_url(url)?, secret.clone()))
            }
        };
        Ok(Self { text, hook })
    }

    async fn ask(&self, about: &Replaced, language: &str) -> Option<String> {
        let (url, secret) = self.hook.as_ref()?;
        let (id, seconds) = (
            format!(
                "msg_{}",
                fresh_text(SystemClock.now(), &SystemChance as &dyn Chance)
            ),
            SystemClock.now().0 / 1_000,
        );
        let body = json!({
            "type": "team_sync.reviewers_removed", "language": language, "tenant": about.tenant, "teams": about.teams,
        });
        let body = body.to_string();
        let signature =
            STANDARD.encode(hmac(&key(secret)?, signed(&id, seconds, &body).as_bytes()));
        let http = client(url).timeout(PATIENCE).build().ok()?;
        let answer = http
            .post(url.clone())
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds.to_string())
            .header("webhook-signature", format!("v1,{signature}"))
            .body(body)
            .send();
        let mut answer = answer.await.ok().filter(|a| a.status().is_success())?;
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.ok()? {
            if bytes.len() + chunk.len() > ANSWER {
                return None;
            }
            bytes.extend_from_slice(&chunk);
        }
        let answer: Value = serde_json::from_slice(&bytes).ok()?;
        let text = answer.get("text")?.as_str()?.trim();
        let text: String = text
            .chars()
            .filter(|c| !c.is_control())
            .take(WORDS)
            .collect();
        (!text.is_empty()).then_some(text)
    }
}

fn key(secret: &Secret) -> Option<Vec<u8>> {
    STANDARD
        .decode(secret.expose().strip_prefix("whsec_")?)
        .ok()
}

impl Warn for AppWarning {
    fn warn<'a>(
        &'a self,
        about: &'a Replaced,
        language: &'a str,
    ) -> BoxFuture<'a, Option<(String, &'static str)>> {
        async move {
            if let Some(text) = self.ask(about, language).await {
                return Some((text, "app"));
            }
            if self.hook.is_some() {
                tracing::warn!(
                    tenant.id = about.tenant,
                    "the app did not say what ends with reviewers who are removed"
                );
            }
            self.text.clone().map(|text| (text, "operator"))
        }
        .boxed()
    }
}

/// For a service.
pub(super) fn warning(config: &Config) -> Result<Arc<dyn Warn>, String> {
    Ok(Arc::new(AppWarning::of(config)?))
}
