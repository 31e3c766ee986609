//! The HTTP client of the commands that call a server: the one place that builds it.

use std::time::Duration;

use reqwest::{ClientBuilder, Url};

/// A client for one server: no redirects, a bound on connecting and on the whole answer, and no proxy on the way to
/// this machine.
pub(super) fn client(base: &Url) -> ClientBuilder {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that builds a client"
    )]
    let builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(10))
        .timeout(Duration::from_secs(60));
    let is_near = base
        .host_str()
        .is_some_and(|h| h == "localhost" || h == "[::1]" || h.starts_with("127."));
    if is_near { builder.no_proxy() } else { builder }
}

/// Reads a base URL.
pub(super) fn base_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("base URL `{text}`: {error}"))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        _ => Err(format!(
            "base URL `{text}`: the scheme must be http or https"
        )),
    }
}

/// An error with its causes: the outermost one of an HTTP client seldom says what happened.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
