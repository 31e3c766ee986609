//! No private addresses: a customer names hosts, and must not reach the operator's network through them. Names are
//! resolved here, for the very connection that is opened, so that a second answer of the name server changes nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::hris::error::{Error, Kind};

/// Resolves names to public addresses.
#[derive(Debug)]
pub(super) struct PublicOnly;

/// A name that leads into a private network.
#[derive(Debug, thiserror::Error)]
#[error("the address is private")]
struct Private;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|at| is_public(at.ip())).collect();
            if public.is_empty() {
                return Err(Private.into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// Refuses an address that is written as numbers and is private: it is never resolved. Errors: `address_private`.
pub(super) fn literal(url: &Url) -> Result<(), Error> {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(ip) if !is_public(ip) => Err(private()),
        _ => Ok(()),
    }
}

/// The addresses of a host, without private ones unless those are allowed. Errors: `address_private`, `connect`.
pub async fn addresses(
    host: &str,
    port: u16,
    allow_private: bool,
) -> Result<Vec<SocketAddr>, Error> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let found = tokio::net::lookup_host((bare, port)).await;
    let found: Vec<SocketAddr> = found
        .map_err(|e| Error::new(Kind::Unavailable, "connect").with("what", e.kind()))?
        .collect();
    let open: Vec<SocketAddr> = found
        .into_iter()
        .filter(|at| allow_private || is_public(at.ip()))
        .collect();
    match open.is_empty() {
        true => Err(private()),
        false => Ok(open),
    }
}

/// A failure on the way, without its address: a query may hold a key.
pub(super) fn transport(error: &reqwest::Error) -> Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(error);
    let mut last = String::new();
    while let Some(inner) = cause {
        if inner.is::<Private>() {
            return private();
        }
        last = inner.to_string();
        cause = inner.source();
    }
    let code = match (error.is_connect(), error.is_timeout()) {
        (_, true) => "timeout",
        (true, _) => "connect",
        _ => "connection_lost",
    };
    Error::new(Kind::Unavailable, code).with("what", last)
}

fn private() -> Error {
    Error::new(Kind::Settings, "address_private")
}

/// Whether an address belongs to the internet at large.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => match ip.to_ipv4_mapped().or_else(|| nat64(ip)) {
            Some(inner) => is_public_v4(inner),
            None => is_public_v6(ip),
        },
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let is_shared = a == 100 && (64..128).contains(&b);
    let is_for_tests = a == 198 && (18..20).contains(&b);
    let is_protocol = a == 192 && b == 0 && c == 0;
    !(ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_unspecified()
        || ip.is_documentation()
        || ip.is_multicast()
        || is_shared
        || is_for_tests
        || is_protocol
        || a == 0
        || a >= 240)
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    // Global unicast is 2000::/3; 2002::/16 (6to4) and 2001::/23 carry other addresses inside.
    let [first, second, ..] = ip.segments();
    let is_documentation = first == 0x2001 && second == 0x0db8;
    let is_special = first == 0x2001 && second < 0x0200;
    (0x2000..0x4000).contains(&first) && first != 0x2002 && !is_documentation && !is_special
}

/// The address inside 64:ff9b::/96 (RFC 6052).
fn nat64(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    match ip.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            Some(Ipv4Addr::new(a, b, c, d))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_told_from_public_ones() {
        let public = [
            "1.1.1.1",
            "93.184.216.34",
            "2606:4700:4700::1111",
            "64:ff9b::101:101",
        ];
        let private = [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "ff02::1",
        ];
        for ip in public {
            assert_eq!(ip.parse().map(is_public), Ok(true), "{ip}");
        }
        for ip in private {
            assert_eq!(ip.parse().map(is_public), Ok(false), "{ip}");
        }
    }

    #[test]
    fn a_private_address_written_as_numbers_is_refused_in_every_spelling() {
        for url in [
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://[::1]/",
        ] {
            let refused = Url::parse(url).is_ok_and(|url| literal(&url).is_err());
            assert!(refused, "{url}");
        }
    }
}
