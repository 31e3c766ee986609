//! Calls of the operator's webhook in the form of Standard Webhooks: id, timestamp, HMAC-SHA256 over both and the body.

use std::net::IpAddr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::domain::sealed::SecretText;
use crate::hris::client::addresses;
use crate::service::mail::Sent;

/// How long a call may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Bytes of a block of SHA-256.
const BLOCK: usize = 64;

/// Who calls webhooks.
#[derive(Debug, Clone, Copy)]
pub struct Webhook {
    allow_private: bool,
}

impl Webhook {
    /// With or without calls into private networks.
    pub fn new(allow_private: bool) -> Self {
        Self { allow_private }
    }

    /// Makes one call.
    pub(super) async fn call(
        &self,
        url: &str,
        secret: &SecretText,
        id: &str,
        seconds: i64,
        body: String,
    ) -> Sent {
        match self.try_call(url, secret, id, seconds, body).await {
            Ok(()) => Sent::Taken,
            Err(error) => Sent::Later(error),
        }
    }

    async fn try_call(
        &self,
        url: &str,
        secret: &SecretText,
        id: &str,
        seconds: i64,
        body: String,
    ) -> Result<(), Value> {
        let url = reqwest::Url::parse(url).map_err(|_| json!({"code": "url"}))?;
        let client = self.client(&url).await?;
        let signature =
            sign(secret.expose(), id, seconds, &body).ok_or_else(|| json!({"code": "secret"}))?;
        let answer = client
            .post(url)
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds.to_string())
            .header("webhook-signature", signature)
            .body(body)
            .send()
            .await;
        let answer = answer.map_err(|e| {
            let code = match e.is_timeout() {
                true => "timeout",
                false => "unreachable",
            };
            json!({"code": code})
        })?;
        match answer.status().is_success() {
            true => Ok(()),
            false => Err(json!({"code": "status", "status": answer.status().as_u16()})),
        }
    }

    /// A client for one host: its name is resolved here, and the connection goes to what was found.
    async fn client(&self, url: &reqwest::Url) -> Result<reqwest::Client, Value> {
        let host = url.host_str().unwrap_or_default();
        let port = url.port_or_known_default().unwrap_or(443);
        let found = addresses(host, port, self.allow_private).await;
        let found = found.map_err(|error| json!({"code": error.code}))?;
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place that builds a client for webhooks"
        )]
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .no_proxy()
            .user_agent(concat!("rosterd/", env!("CARGO_PKG_VERSION")));
        if host.parse::<IpAddr>().is_err() {
            builder = builder.resolve_to_addrs(host, &found);
        }
        builder.build().map_err(|_| json!({"code": "client"}))
    }
}

/// `webhook-signature`: of id, timestamp and body, with a secret `whsec_…`. `None`: the secret is none.
pub fn sign(secret: &str, id: &str, seconds: i64, body: &str) -> Option<String> {
    let key = STANDARD.decode(secret.strip_prefix("whsec_")?).ok()?;
    let signed = format!("{id}.{seconds}.{body}");
    Some(format!(
        "v1,{}",
        STANDARD.encode(hmac(&key, signed.as_bytes()))
    ))
}

/// HMAC-SHA256 (RFC 2104).
fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut block = [0_u8; BLOCK];
    match key.len() > BLOCK {
        true => block[..32].copy_from_slice(&Sha256::digest(key)),
        false => block[..key.len()].copy_from_slice(key),
    }
    let with = |pad: u8| block.map(|byte| byte ^ pad);
    let inner = Sha256::new()
        .chain_update(with(0x36))
        .chain_update(text)
        .finalize();
    Sha256::new()
        .chain_update(with(0x5c))
        .chain_update(inner)
        .finalize()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_specification() {
        // Example of the Standard Webhooks specification.
        let signature = sign(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            "{\"test\": 2432232314}",
        );
        assert_eq!(
            signature.as_deref(),
            Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
        );
        assert_eq!(sign("hunter2", "a", 0, ""), None);
    }

    #[test]
    fn the_code_is_that_of_the_rfc() {
        // RFC 4231, test cases 2 and 6.
        let hex = |bytes: [u8; 32]| bytes.map(|b| format!("{b:02x}")).concat();
        assert_eq!(
            hex(hmac(b"Jefe", b"what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            hex(hmac(
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First"
            )),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }
}
