//! Mails by SMTP. Each step of a delivery is asked by itself, so that what the server says of the address (refused for good) is
//! told from what it says of us (a password, the sender, its own trouble: tried again). Nothing that a server writes is kept but its
//! codes: it repeats addresses.

use std::path::Path;
use std::time::Duration;

use lettre::Address;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, TlsParameters, TlsParametersBuilder,
};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use serde_json::{Value, json};

use crate::config::{Security, Smtp as Server};
use crate::service::mail::Sent;

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a whole mail may take; less than a claim lasts.
const WHOLE: Duration = Duration::from_secs(180);

/// How long somebody waits for a server's goodbye.
const GOODBYE: Duration = Duration::from_secs(5);

/// A mail server.
#[derive(Clone)]
pub struct Smtp {
    server: Server,
    tls: TlsParameters,
    hello: ClientId,
}

impl Smtp {
    /// To this server; its certificate is one that the system trusts, or one of the file.
    ///
    /// # Errors
    /// The file cannot be read; what is in it is no certificate.
    pub fn new(server: &Server, ca_file: Option<&Path>, hello: &str) -> Result<Self, String> {
        let mut tls = TlsParametersBuilder::new(server.host.clone());
        if let Some(file) = ca_file {
            let pem =
                std::fs::read(file).map_err(|e| format!("cannot read {}: {e}", file.display()))?;
            let certificate = Certificate::from_pem(&pem)
                .map_err(|e| format!("{} holds no certificate: {e}", file.display()))?;
            tls = tls.add_root_certificate(certificate);
        }
        let tls = tls
            .build()
            .map_err(|e| format!("TLS to the mail server: {e}"))?;
        Ok(Self {
            server: server.clone(),
            tls,
            hello: ClientId::Domain(hello.to_owned()),
        })
    }

    /// Sends one mail.
    pub(super) async fn send(&self, from: &Address, to: &Address, mail: &[u8]) -> Sent {
        match tokio::time::timeout(WHOLE, self.try_send(from, to, mail)).await {
            Ok(Ok((connection, done))) => {
                goodbye(connection).await;
                done.map_or_else(|sent| sent, |()| Sent::Taken)
            }
            Ok(Err(sent)) => sent,
            Err(_) => Sent::Later(json!({"code": "unreachable", "step": "time"})),
        }
    }

    /// Connects, signs in, and says goodbye: whether mails could be sent.
    ///
    /// # Errors
    /// Code, step and the server's codes.
    pub async fn test(&self) -> Result<(), Value> {
        let tried = tokio::time::timeout(WHOLE, self.connect()).await;
        match tried {
            Ok(Ok(connection)) => {
                goodbye(connection).await;
                Ok(())
            }
            Ok(Err(Sent::Later(error) | Sent::Refused(error))) => Err(error),
            _ => Err(json!({"code": "unreachable", "step": "time"})),
        }
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Sent> {
        let Server {
            host,
            port,
            security,
            login,
        } = &self.server;
        let tls = (*security == Security::Tls).then(|| self.tls.clone());
        let connected = AsyncSmtpConnection::connect_tokio1(
            (host.as_str(), *port),
            Some(PATIENCE),
            &self.hello,
            tls,
            None,
        );
        let mut connection = connected.await.map_err(|e| later("connect", &e))?;
        let wants = match security {
            Security::StartTls => true,
            Security::Opportunistic => connection.can_starttls(),
            Security::Tls | Security::Plain => false,
        };
        if wants {
            let secured = connection.starttls(self.tls.clone(), &self.hello).await;
            secured.map_err(|e| later("starttls", &e))?;
        }
        if let Some((user, password)) = login {
            let credentials = Credentials::new(user.clone(), password.expose().to_owned());
            let signed_in = connection
                .auth(&[Mechanism::Plain, Mechanism::Login], &credentials)
                .await;
            signed_in.map_err(|e| later("auth", &e))?;
        }
        Ok(connection)
    }

    /// What became of the mail, and the connection on which it did.
    async fn try_send(
        &self,
        from: &Address,
        to: &Address,
        mail: &[u8],
    ) -> Result<(AsyncSmtpConnection, Result<(), Sent>), Sent> {
        let mut connection = self.connect().await?;
        let done = deliver(&mut connection, from, to, mail).await;
        Ok((connection, done))
    }
}

/// What a server says to the goodbye, or that it says nothing, changes nothing about the mail.
async fn goodbye(mut connection: AsyncSmtpConnection) {
    let _ = tokio::time::timeout(GOODBYE, connection.quit()).await;
}

async fn deliver(
    connection: &mut AsyncSmtpConnection,
    from: &Address,
    to: &Address,
    mail: &[u8],
) -> Result<(), Sent> {
    let mut options = Vec::new();
    if !is_ascii(to) || !is_ascii(from) {
        if !connection
            .server_info()
            .supports_feature(Extension::SmtpUtfEight)
        {
            return Err(Sent::Refused(
                json!({"code": "address", "step": "smtputf8"}),
            ));
        }
        options.push(MailParameter::SmtpUtfEight);
    }
    let opened = connection
        .command(Mail::new(Some(from.clone()), options))
        .await;
    opened.map_err(|e| later("mail", &e))?;
    let named = connection.command(Rcpt::new(to.clone(), Vec::new())).await;
    named.map_err(|e| verdict("rcpt", &e))?;
    let begun = connection.command(Data).await;
    begun.map_err(|e| verdict("data", &e))?;
    let taken = connection.message(mail).await;
    taken.map_err(|e| verdict("message", &e)).map(|_| ())
}

fn is_ascii(address: &Address) -> bool {
    let text: &str = address.as_ref();
    text.is_ascii()
}

/// A failure that is not the address's: it is tried again.
fn later(step: &str, error: &SmtpError) -> Sent {
    Sent::Later(describe(step, error))
}

/// A failure about this mail: refused for good where the server says so.
fn verdict(step: &str, error: &SmtpError) -> Sent {
    let described = describe(step, error);
    match error.is_permanent() {
        true => Sent::Refused(described),
        false => Sent::Later(described),
    }
}

/// Code, step, and the server's codes (RFC 5321, RFC 3463); nothing else of what it wrote.
fn describe(step: &str, error: &SmtpError) -> Value {
    let code = match () {
        () if error.is_permanent() && matches!(step, "rcpt" | "data" | "message") => "refused",
        () if error.is_permanent() => "server",
        () if error.is_transient() => "deferred",
        () if error.is_tls() => "tls",
        () => "unreachable",
    };
    let status = error.status().map(|status| status.to_string());
    let enhanced = status.as_ref().and_then(|_| enhanced(&error.to_string()));
    json!({"code": code, "step": step, "status": status, "enhanced": enhanced})
}

/// `5.1.1` of a server's answer.
fn enhanced(text: &str) -> Option<String> {
    let is_status = |word: &&str| {
        let parts: Vec<&str> = word.split('.').collect();
        let is_number =
            |part: &&str| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        parts.len() == 3 && matches!(parts[0], "2" | "4" | "5") && parts.iter().all(is_number)
    };
    let mut words = text.split([' ', '\t', '\r', '\n', '-', ':']);
    words.find(|word| is_status(word)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_a_server_writes_only_its_code_is_kept() {
        for (text, code) in [
            (
                "permanent error (550): 5.1.1 <ann@example.com> unknown",
                Some("5.1.1"),
            ),
            ("transient error (450): 4.7.1 greylisted", Some("4.7.1")),
            ("permanent error (550): 192.168.0.1 says no", None),
            ("permanent error (550): no such user", None),
        ] {
            assert_eq!(enhanced(text).as_deref(), code, "{text}");
        }
    }
}
