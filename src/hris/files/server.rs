//! A customer's SFTP server, reached by name: private addresses are refused unless the operator allows them, and whatever
//! blocks is done where that is allowed.

use super::sftp::{Credential, HostKey, Session, Settings, host_key};
use super::{Found, pull_error};
use crate::hris::client::addresses;
use crate::hris::error::{Error, Kind};
use crate::hris::formats::Problem;
use crate::hris::values::Values;

/// A server and how to sign in.
#[derive(Debug, Clone)]
pub struct Server {
    host: String,
    port: u16,
    allow_private: bool,
    settings: Settings,
}

impl Server {
    /// Reads a connection's values. Errors (kind settings): `settings.pattern`, `sftp.host_key_format`; kind credentials:
    /// `sftp.no_credential`.
    pub fn of(values: &Values, allow_private: bool) -> Result<Self, Error> {
        let text = |name: &str| values.text(name).unwrap_or_default().to_owned();
        let some = |name: &str| Some(text(name)).filter(|t| !t.is_empty());
        let credential = match (some("private_key"), some("password")) {
            (Some(pem), _) => Credential::Key {
                pem,
                passphrase: some("passphrase"),
            },
            (None, Some(password)) => Credential::Password(password),
            (None, None) => return Err(Error::new(Kind::Credentials, "sftp.no_credential")),
        };
        Ok(Self {
            host: text("host"),
            port: port(&text("port"))?,
            allow_private,
            settings: Settings {
                user: text("user"),
                credential,
                host_key: HostKey::parse(&text("host_key")).map_err(pull_error)?,
                folder: text("folder"),
            },
        })
    }

    /// Signs in and lists the folder. Errors: those of [`Session`], `address_private`, `connect`.
    pub async fn open(&self) -> Result<(Session, Vec<Found>), Error> {
        let all = addresses(&self.host, self.port, self.allow_private).await?;
        let settings = self.settings.clone();
        blocking(move || {
            let mut last = Problem::new("sftp.unreachable");
            for address in all {
                match Session::open(address, &settings) {
                    Ok(session) => {
                        let found = session.look()?;
                        return Ok((session, found));
                    }
                    // Another address of the same name may answer.
                    Err(problem) if problem.code == "sftp.unreachable" => last = problem,
                    Err(problem) => return Err(problem),
                }
            }
            Err(last)
        })
        .await
    }
}

/// Reads a file that a look found.
pub async fn read(session: Session, found: Found) -> Result<Vec<u8>, Error> {
    blocking(move || session.read(&found)).await
}

/// The key that a server shows, for an admin to compare and to pin. Nobody signs in.
pub async fn shown_key(host: &str, port_text: &str, allow_private: bool) -> Result<HostKey, Error> {
    let all = addresses(host, port(port_text)?, allow_private).await?;
    blocking(move || {
        let mut last = Problem::new("sftp.unreachable");
        for address in all {
            match host_key(address) {
                Ok(key) => return Ok(key),
                Err(problem) => last = problem,
            }
        }
        Err(last)
    })
    .await
}

fn port(text: &str) -> Result<u16, Error> {
    let number = text.parse().ok().filter(|n| *n > 0);
    number.ok_or_else(|| Error::new(Kind::Settings, "settings.pattern").with("field", "port"))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.map_err(|_| Error::new(Kind::Unavailable, "file.broken"))?;
    done.map_err(pull_error)
}
