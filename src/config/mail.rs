//! How mails leave: the server, and who they come from.

use std::path::PathBuf;

use super::values::Values;
use super::{Error, Result, Secret};

/// How a connection to a mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first byte (`smtps://`).
    Tls,
    /// STARTTLS, or nothing is sent.
    StartTls,
    /// STARTTLS if the server offers it.
    Opportunistic,
    /// None: a server on this machine.
    Plain,
}

/// A mail server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Smtp {
    /// Host.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Protection.
    pub security: Security,
    /// User and password.
    pub login: Option<(String, Secret)>,
}

/// The section.
#[derive(Debug, Clone)]
pub struct Mail {
    /// The server; without one mails become files.
    pub smtp: Option<Smtp>,
    /// Whom mails come from, as `Name <address>` or an address.
    pub from: Option<String>,
    /// PEM file with certificates that the server's may be signed by, beside those of the system.
    pub ca_file: Option<PathBuf>,
    /// Whether webhooks may go into private networks.
    pub webhook_private: bool,
}

impl Mail {
    pub(super) fn read(values: &Values) -> Result<Self> {
        let smtp = values.take("smtp_url").map(|url| {
            parse(url).map_err(|why| Error(format!("{} {why}", values.name("smtp_url"))))
        });
        let mail = Self {
            smtp: smtp.transpose()?,
            from: values.take("smtp_from").map(str::to_owned),
            ca_file: values.take("smtp_ca_file").map(PathBuf::from),
            webhook_private: super::server::yes_or_no(values, "webhook_private")?,
        };
        if mail.smtp.is_some() && mail.from.is_none() {
            return Err(Error(format!(
                "{} is set, and no address that mails come from: set `smtp_from`, such as `Acme <no-reply@example.com>`",
                values.name("smtp_url")
            )));
        }
        if mail.from.as_ref().is_some_and(|from| !is_sender(from)) {
            return Err(Error(format!(
                "{} takes an address, or `Acme <no-reply@example.com>`",
                values.name("smtp_from")
            )));
        }
        Ok(mail)
    }
}

fn is_sender(text: &str) -> bool {
    let address = match text.rsplit_once('<') {
        Some((_, rest)) => rest.strip_suffix('>').unwrap_or_default(),
        None => text,
    };
    let is_plain = |c: char| c.is_ascii_graphic() && !"<>,;\"".contains(c);
    let parts = address.rsplit_once('@');
    parts.is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
        && address.chars().all(is_plain)
        && !text.chars().any(char::is_control)
}

/// Reads `smtp[s]://[user:password@]host[:port][?tls=required|opportunistic]`. What is refused is named without the value: it
/// may hold a password.
fn parse(url: &str) -> std::result::Result<Smtp, String> {
    let form = "takes smtp://user:password@host:port or smtps://…";
    let (scheme, rest) = url.split_once("://").ok_or(form)?;
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let rest = rest.trim_end_matches('/');
    let (login, host) = match rest.rsplit_once('@') {
        Some((login, host)) => (Some(login), host),
        None => (None, rest),
    };
    let (host, port) = match host.strip_prefix('[').and_then(|h| h.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':')),
        None => match host.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (host, None),
        },
    };
    if host.is_empty() || host.contains(['/', '@', ' ']) {
        return Err(form.to_owned());
    }
    let is_near = host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback());
    let security = match (scheme, query) {
        ("smtps", "") => Security::Tls,
        ("smtp", "tls=required") => Security::StartTls,
        ("smtp", "tls=opportunistic") => Security::Opportunistic,
        ("smtp", "") if is_near => Security::Plain,
        ("smtp", "") => Security::StartTls,
        ("smtp" | "smtps", _) => {
            return Err("takes `?tls=required` or `?tls=opportunistic` of smtp://".to_owned());
        }
        _ => return Err(form.to_owned()),
    };
    let usual = match security {
        Security::Tls => 465,
        Security::Plain => 25,
        Security::StartTls | Security::Opportunistic => 587,
    };
    let port = match port {
        None => usual,
        Some(port) => port
            .parse()
            .ok()
            .filter(|port| *port > 0)
            .ok_or("names a port that is no number from 1 to 65535")?,
    };
    let login = login.map(|login| {
        let (user, password) = login.split_once(':')?;
        Some((decoded(user)?, Secret::new(decoded(password)?)))
    });
    let login = match login {
        None => None,
        Some(Some(login)) => Some(login),
        Some(None) => {
            return Err(
                "takes user:password before the @, with `%40` for an @ in them and `%3A` for a :"
                    .to_owned(),
            );
        }
    };
    Ok(Smtp {
        host: host.to_owned(),
        port,
        security,
        login,
    })
}

/// `%40` is `@`.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = after.get(..2)?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = &after[2..];
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_server_protection_and_login() {
        for (url, host, port, security, user) in [
            (
                "smtp://mail.example.com",
                "mail.example.com",
                587,
                Security::StartTls,
                None,
            ),
            (
                "smtp://mail.example.com:25/",
                "mail.example.com",
                25,
                Security::StartTls,
                None,
            ),
            (
                "smtps://u:p@mail.example.com",
                "mail.example.com",
                465,
                Security::Tls,
                Some("u"),
            ),
            (
                "smtp://a%40b.example:p%3Aq@h",
                "h",
                587,
                Security::StartTls,
                Some("a@b.example"),
            ),
            (
                "smtp://h?tls=opportunistic",
                "h",
                587,
                Security::Opportunistic,
                None,
            ),
            (
                "smtp://127.0.0.1:2525",
                "127.0.0.1",
                2525,
                Security::Plain,
                None,
            ),
            (
                "smtp://127.0.0.1:2525?tls=required",
                "127.0.0.1",
                2525,
                Security::StartTls,
                None,
            ),
            ("smtp://[::1]:2525", "::1", 2525, Security::Plain, None),
        ] {
            let smtp = parse(url).expect(url);
            let found = smtp.login.as_ref().map(|(user, _)| user.as_str());
            let read = (smtp.host.as_str(), smtp.port, smtp.security, found);
            assert_eq!(read, (host, port, security, user), "{url}");
        }
        for url in [
            "mail.example.com",
            "http://mail.example.com",
            "smtp://",
            "smtp://hunter2@h",
            "smtp://u:hunter2@h:0",
            "smtp://u:hunter2@h:x",
            "smtp://u:hunter2%zz@h",
            "smtp://u:hunter2@h?tls=no",
            "smtps://u:hunter2@h?tls=opportunistic",
        ] {
            let refused = parse(url).expect_err(url);
            assert!(!refused.contains("hunter2"), "{refused}");
        }
        let smtp = parse("smtp://u:hunter2@h").expect("a server");
        assert!(!format!("{smtp:?}").contains("hunter2"));
    }

    #[test]
    fn a_sender_is_an_address_with_or_without_a_name() {
        for (text, is_fine) in [
            ("no-reply@example.com", true),
            ("Acme <no-reply@example.com>", true),
            ("Acme", false),
            ("Acme <no-reply>", false),
            ("a@b, c@d", false),
            ("A <a@b>\r\nBcc: x@y", false),
        ] {
            assert_eq!(is_sender(text), is_fine, "{text:?}");
        }
    }
}
