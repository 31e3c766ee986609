//! The one place of the bridge that builds an HTTP client.

use super::Outside;
use super::guard::PublicOnly;
use crate::hris::error::{Error, Kind};

/// A client without redirects (they are followed by hand), which resolves names to public addresses only unless the
/// operator allows others.
pub(super) fn http(outside: &Outside) -> Result<reqwest::Client, Error> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place of the bridge that builds a client"
    )]
    let mut builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(std::time::Duration::from_secs(10))
        .user_agent(concat!("rosterd/", env!("CARGO_PKG_VERSION")));
    let is_near = outside
        .endpoint
        .as_ref()
        .is_some_and(super::Endpoint::is_loopback);
    if is_near {
        // No proxy on the way to this machine.
        builder = builder.no_proxy();
    } else if !outside.allow_private {
        builder = builder.dns_resolver(std::sync::Arc::new(PublicOnly));
    }
    if outside
        .endpoint
        .as_ref()
        .is_some_and(super::Endpoint::is_plain)
    {
        // Everything goes there, and nothing of it by TLS: the system's certificates need not be read.
        builder = builder.tls_certs_only([]);
    }
    builder
        .build()
        .map_err(|error| Error::new(Kind::Limit, "client").with("what", error))
}
