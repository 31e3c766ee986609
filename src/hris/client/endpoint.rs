//! `--endpoint`: where bytes are sent instead of the vendor's hosts. The origin of every address is replaced, its path
//! kept behind the endpoint's own. What is signed or named inside a request keeps the vendor's value.

use reqwest::Url;

use crate::hris::error::{Error, Kind};

/// A base address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint(Url);

impl Endpoint {
    /// Reads it. Errors (kind settings): `endpoint`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let error = || Error::new(Kind::Settings, "endpoint").with("endpoint", text);
        let url = Url::parse(text).map_err(|_| error())?;
        let is_base = matches!(url.scheme(), "http" | "https")
            && url.host_str().is_some()
            && url.query().is_none()
            && url.username().is_empty();
        is_base.then_some(Self(url)).ok_or_else(error)
    }

    /// Whether it is on this machine: then private addresses are meant.
    pub fn is_loopback(&self) -> bool {
        let host = self.0.host_str().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        bare == "localhost"
            || bare
                .parse::<std::net::IpAddr>()
                .is_ok_and(|ip| ip.is_loopback())
    }

    /// Whether bytes are sent without TLS.
    pub fn is_plain(&self) -> bool {
        self.0.scheme() == "http"
    }

    /// Where a request to the vendor's address goes.
    pub fn map(&self, url: &Url) -> Result<Url, Error> {
        let base = self.0.as_str().trim_end_matches('/');
        let query = url.query().map(|q| format!("?{q}")).unwrap_or_default();
        Url::parse(&format!("{base}{}{query}", url.path()))
            .map_err(|_| Error::new(Kind::Settings, "endpoint").with("endpoint", &self.0))
    }

    /// The vendor's address for a link without a host: whoever stands in for the vendor below a path may name that path, or
    /// not.
    pub fn join(&self, from: &Url, link: &str) -> Option<Url> {
        let here = self.map(from).ok()?.join(link).ok()?;
        self.unmap(&here, from)
    }

    /// The vendor's address for a link that names this endpoint; `from` is the vendor's address of the answer.
    pub fn unmap(&self, link: &Url, from: &Url) -> Option<Url> {
        if link.origin() != self.0.origin() {
            return None;
        }
        let prefix = self.0.path().trim_end_matches('/');
        let path = link
            .path()
            .strip_prefix(prefix)
            .filter(|rest| rest.starts_with('/'));
        let mut url = from.clone();
        url.set_path(path.unwrap_or(link.path()));
        url.set_query(link.query());
        url.set_fragment(None);
        Some(url)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn only_the_origin_is_replaced() {
        let endpoint = Endpoint::parse("http://127.0.0.1:9000/acme-hr").unwrap();
        let vendor = Url::parse("https://acme.vendor.test/api/v2/data?page=2&x=a%20b").unwrap();
        let mapped = endpoint.map(&vendor).unwrap();
        assert_eq!(
            mapped.as_str(),
            "http://127.0.0.1:9000/acme-hr/api/v2/data?page=2&x=a%20b"
        );
        assert_eq!(endpoint.unmap(&mapped, &vendor), Some(vendor.clone()));
        let other = Url::parse("http://127.0.0.1:9001/acme-hr/api").unwrap();
        assert_eq!(endpoint.unmap(&other, &vendor), None);
        assert!(endpoint.is_loopback());
    }

    #[test]
    fn a_link_without_a_host_may_name_the_path_of_the_endpoint() {
        let endpoint = Endpoint::parse("http://127.0.0.1:9000/acme").unwrap();
        let from = Url::parse("https://acme.vendor.test/acme-api/people?page=1").unwrap();
        for (link, path) in [
            ("?page=2", "/acme-api/people?page=2"),
            ("/acme-api/people?page=2", "/acme-api/people?page=2"),
            ("/acme/acme-api/people?page=2", "/acme-api/people?page=2"),
            ("teams", "/acme-api/teams"),
        ] {
            let found = endpoint.join(&from, link).unwrap();
            assert_eq!(found.as_str(), format!("https://acme.vendor.test{path}"));
        }
        assert_eq!(endpoint.join(&from, "//elsewhere.test/people"), None);
    }

    #[test]
    fn what_is_no_base_address_is_refused() {
        for text in ["ftp://x", "nonsense", "http://user@x/", "http://x/?a=b"] {
            assert!(Endpoint::parse(text).is_err(), "{text}");
        }
    }
}
