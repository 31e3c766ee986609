//! Files on a customer's SFTP server: signs in with a password or a private key, to a server whose host key was pinned;
//! lists one folder and reads plain files. It never writes.
//!
//! The address is resolved and judged by the caller (private addresses), so nothing here looks names up. All of it
//! blocks: call it where blocking is allowed. Only today's algorithms are offered. A server may hold host keys of several
//! kinds and the pin is one of them: where the first offered is another, the others are asked for.

use std::fmt;
use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest, Sha256};
use ssh2::{ErrorCode, FileStat, KeyboardInteractivePrompt, MethodType, Prompt};

use super::{Found, MOST_NAMES, name};
use crate::domain::clock::Millis;
use crate::hris::formats::Problem;
use crate::hris::formats::csv::LARGEST;

/// To connect.
const CONNECT: Duration = Duration::from_secs(10);
/// To wait for one answer, in milliseconds.
const ANSWER_MS: u32 = 30_000;
/// To read one file.
const DOWNLOAD: Duration = Duration::from_secs(600);

const KEX: &str = "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,\
    ecdh-sha2-nistp521,diffie-hellman-group16-sha512,diffie-hellman-group18-sha512,diffie-hellman-group14-sha256,\
    diffie-hellman-group-exchange-sha256,ext-info-c,kex-strict-c-v00@openssh.com";
const CIPHERS: &str = "aes256-gcm@openssh.com,aes128-gcm@openssh.com,chacha20-poly1305@openssh.com,aes256-ctr,\
    aes192-ctr,aes128-ctr";
const MACS: &str =
    "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256,hmac-sha2-512";
/// Kinds of host keys, in the order in which a pin is looked for.
const HOST_KEYS: [&str; 3] = [
    "ssh-ed25519",
    "ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521",
    "rsa-sha2-512,rsa-sha2-256",
];

/// SHA-256 of a server's public key, as `ssh-keygen -l` shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostKey([u8; 32]);

impl HostKey {
    /// Reads `SHA256:…`, or a public key itself (a line of `known_hosts`, `ssh-ed25519 AAAA…`). Errors:
    /// `sftp.host_key_format`.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let wrong = || Problem::new("sftp.host_key_format");
        if let Some(hash) = text.trim().strip_prefix("SHA256:") {
            let bytes = STANDARD_NO_PAD
                .decode(hash.trim_end_matches('='))
                .map_err(|_| wrong())?;
            return bytes.try_into().map(Self).map_err(|_| wrong());
        }
        let key = text
            .split_whitespace()
            .find(|word| word.starts_with("AAAA"))
            .ok_or_else(wrong)?;
        let bytes = STANDARD.decode(key).map_err(|_| wrong())?;
        Ok(Self(Sha256::digest(bytes).into()))
    }
}

impl fmt::Display for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SHA256:{}", STANDARD_NO_PAD.encode(self.0))
    }
}

/// How to sign in.
#[derive(Clone)]
pub enum Credential {
    /// A password; also the answer to every question of a keyboard-interactive sign-in.
    Password(String),
    /// A private key in OpenSSH's or PEM form.
    Key {
        /// The key's text.
        pem: String,
        /// What it is encrypted with.
        passphrase: Option<String>,
    },
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Password(_) => "Password(…)",
            Self::Key { .. } => "Key(…)",
        })
    }
}

/// What a connection says about its server.
#[derive(Debug, Clone)]
pub struct Settings {
    /// User name.
    pub user: String,
    /// How to sign in.
    pub credential: Credential,
    /// The pinned host key. There is no way to go on without it.
    pub host_key: HostKey,
    /// Folder on the server; relative to where the user arrives.
    pub folder: String,
}

/// The host key that a server shows, for an admin to compare and to pin. Nobody signs in. Errors: `sftp.unreachable`,
/// `sftp.handshake`.
pub fn host_key(address: SocketAddr) -> Result<HostKey, Problem> {
    shown(&connect(address, None)?)
}

/// A server that was signed in to.
pub struct Session {
    sftp: ssh2::Sftp,
    folder: String,
}

impl Session {
    /// Signs in. Errors: `sftp.unreachable`, `sftp.handshake`, `sftp.host_key` (with the one found), `sftp.sign_in`,
    /// `sftp.subsystem`.
    pub fn open(address: SocketAddr, settings: &Settings) -> Result<Self, Problem> {
        let session = pinned(address, settings.host_key)?;
        sign_in(&session, settings)?;
        let sftp = session.sftp().map_err(|e| problem("sftp.subsystem", &e))?;
        Ok(Self {
            sftp,
            folder: settings.folder.clone(),
        })
    }

    /// Lists plain files. Errors: `file.folder_missing`, `file.too_many`, `sftp.lost`.
    pub fn look(&self) -> Result<Vec<Found>, Problem> {
        let folder = if self.folder.is_empty() {
            "."
        } else {
            &self.folder
        };
        let opened = self.sftp.opendir(Path::new(folder));
        let mut listing = opened.map_err(|e| problem("file.folder_missing", &e))?;
        let mut found = Vec::new();
        for _ in 0..=MOST_NAMES {
            match listing.readdir() {
                Ok((path, stat)) => {
                    let plain = path.to_str().filter(|name| name::is_plain(name));
                    found.extend(plain.and_then(|name| as_found(name, &stat)));
                }
                Err(e) if e.code() == END_OF_LIST => return Ok(found),
                Err(e) => return Err(problem("sftp.lost", &e)),
            }
        }
        Err(Problem::new("file.too_many").with("limit", MOST_NAMES))
    }

    /// Reads a file that a look found. Errors: `file.changed` if it is not the same before and after, `file.too_long`,
    /// `sftp.lost`, `sftp.slow`.
    pub fn read(&self, wanted: &Found) -> Result<Vec<u8>, Problem> {
        let path = self.path(wanted)?;
        self.check(&path, wanted)?;
        let mut file = self
            .sftp
            .open(Path::new(&path))
            .map_err(|e| problem("file.changed", &e))?;
        let limit = usize::try_from(LARGEST).unwrap_or(usize::MAX);
        let started = Instant::now();
        let mut bytes = Vec::new();
        let mut buffer = vec![0; 64 << 10];
        loop {
            let read = match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(e) => return Err(Problem::new("sftp.lost").with("kind", e.kind())),
            };
            bytes.extend_from_slice(buffer.get(..read).unwrap_or_default());
            if bytes.len() > limit {
                return Err(Problem::new("file.too_long").with("limit", LARGEST));
            }
            if started.elapsed() > DOWNLOAD {
                return Err(Problem::new("sftp.slow").with("seconds", DOWNLOAD.as_secs()));
            }
        }
        self.check(&path, wanted)?;
        if u64::try_from(bytes.len()).ok() != Some(wanted.size) {
            return Err(Problem::new("file.changed"));
        }
        Ok(bytes)
    }

    fn path(&self, wanted: &Found) -> Result<String, Problem> {
        if !name::is_plain(&wanted.name) {
            return Err(Problem::new("file.changed"));
        }
        Ok(match self.folder.trim_end_matches('/') {
            "" if self.folder.is_empty() => wanted.name.clone(),
            folder => format!("{folder}/{}", wanted.name),
        })
    }

    fn check(&self, path: &str, wanted: &Found) -> Result<(), Problem> {
        let stat = self
            .sftp
            .lstat(Path::new(path))
            .map_err(|e| problem("file.changed", &e))?;
        if as_found(&wanted.name, &stat).as_ref() == Some(wanted) {
            Ok(())
        } else {
            Err(Problem::new("file.changed"))
        }
    }
}

/// `LIBSSH2_ERROR_FILE`, with which the library ends a list.
const END_OF_LIST: ErrorCode = ErrorCode::Session(-16);

/// The library's code says more than its text, and never a name or a secret.
fn problem(code: &'static str, error: &ssh2::Error) -> Problem {
    let number = match error.code() {
        ErrorCode::Session(n) => format!("session {n}"),
        ErrorCode::SFTP(n) => format!("sftp {n}"),
    };
    Problem::new(code).with("library", number)
}

/// A plain file; none for anything else, and for what does not say what it is.
fn as_found(name: &str, stat: &FileStat) -> Option<Found> {
    const KIND: u32 = 0o170_000;
    const PLAIN: u32 = 0o100_000;
    if stat.perm? & KIND != PLAIN {
        return None;
    }
    let seconds = i64::try_from(stat.mtime?).ok()?;
    Some(Found {
        name: name.to_owned(),
        size: stat.size?,
        modified: Millis(seconds.checked_mul(1_000)?),
    })
}

/// Connects and agrees on keys; nobody has signed in yet.
fn connect(address: SocketAddr, host_keys: Option<&str>) -> Result<ssh2::Session, Problem> {
    let unreachable = |e: &std::io::Error| Problem::new("sftp.unreachable").with("kind", e.kind());
    let stream = TcpStream::connect_timeout(&address, CONNECT).map_err(|e| unreachable(&e))?;
    let failed = |e: ssh2::Error| problem("sftp.handshake", &e);
    let mut session = ssh2::Session::new().map_err(failed)?;
    session.set_timeout(ANSWER_MS);
    let all = HOST_KEYS.join(",");
    for (method, names) in [
        (MethodType::Kex, KEX),
        (MethodType::HostKey, host_keys.unwrap_or(&all)),
        (MethodType::CryptCs, CIPHERS),
        (MethodType::CryptSc, CIPHERS),
        (MethodType::MacCs, MACS),
        (MethodType::MacSc, MACS),
    ] {
        session.method_pref(method, names).map_err(failed)?;
    }
    session.set_tcp_stream(stream);
    session.handshake().map_err(failed)?;
    Ok(session)
}

fn shown(session: &ssh2::Session) -> Result<HostKey, Problem> {
    let key = session
        .host_key()
        .ok_or_else(|| Problem::new("sftp.handshake"))?;
    Ok(HostKey(Sha256::digest(key.0).into()))
}

/// A connection to the server that holds the pinned key.
fn pinned(address: SocketAddr, wanted: HostKey) -> Result<ssh2::Session, Problem> {
    let session = connect(address, None)?;
    let first = shown(&session)?;
    if first == wanted {
        return Ok(session);
    }
    for kind in HOST_KEYS {
        // It may not have a key of that kind.
        if let Ok(session) = connect(address, Some(kind))
            && shown(&session)? == wanted
        {
            return Ok(session);
        }
    }
    Err(Problem::new("sftp.host_key")
        .with("expected", wanted)
        .with("found", first))
}

fn sign_in(session: &ssh2::Session, settings: &Settings) -> Result<(), Problem> {
    let done = match &settings.credential {
        Credential::Key { pem, passphrase } => {
            session.userauth_pubkey_memory(&settings.user, None, pem, passphrase.as_deref())
        }
        Credential::Password(password) => session
            .userauth_password(&settings.user, password)
            .or_else(|first| {
                let mut answer = Answer(password);
                session
                    .userauth_keyboard_interactive(&settings.user, &mut answer)
                    .map_err(|_| first)
            }),
    };
    match done {
        Ok(()) if session.authenticated() => Ok(()),
        Ok(()) => Err(Problem::new("sftp.sign_in")),
        Err(e) => Err(problem("sftp.sign_in", &e)),
    }
}

/// Answers a keyboard-interactive sign-in: its hidden question is for the password, others stay empty.
struct Answer<'p>(&'p str);

impl KeyboardInteractivePrompt for Answer<'_> {
    fn prompt<'a>(&mut self, _: &str, _: &str, prompts: &[Prompt<'a>]) -> Vec<String> {
        let answer = |p: &Prompt<'_>| {
            if p.echo {
                String::new()
            } else {
                self.0.to_owned()
            }
        };
        prompts.iter().map(answer).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_a_fingerprint_or_a_public_key() {
        let key = "AAAAC3NzaC1lZDI1NTE5AAAAIIajSTs4DXk3Z3i6Y9eE2l0aHq5A0aQ8zRk3G1ZcXy0Q";
        let pin = HostKey::parse(&format!("sftp.example.com ssh-ed25519 {key} comment"));
        let shown = pin.as_ref().map(|p| p.to_string()).unwrap_or_default();
        assert!(shown.starts_with("SHA256:") && shown.len() == 50, "{shown}");
        assert_eq!(HostKey::parse(&shown), pin);
        assert_eq!(HostKey::parse(&format!(" {shown}=\n")), pin);
        for bad in [
            "",
            "SHA256:",
            "SHA256:!!",
            "MD5:00:11",
            "ssh-ed25519",
            "AAAA!",
            "SHA256:AAAA",
        ] {
            assert!(HostKey::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_credential_is_not_printed() {
        let key = Credential::Key {
            pem: "secret".to_owned(),
            passphrase: Some("secret".to_owned()),
        };
        for credential in [key, Credential::Password("secret".to_owned())] {
            assert!(!format!("{credential:?}").contains("secret"));
        }
    }
}
