//! A mail server for the tests: small and strict. It speaks RFC 5321 with STARTTLS and AUTH PLAIN, refuses what a real one
//! refuses, and can be told to fail.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// What one connection does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Answers the connection so.
    Greeting(&'static str),
    /// Answers MAIL so.
    Mail(&'static str),
    /// Answers RCPT so.
    Rcpt(&'static str),
    /// Answers the message so.
    Message(&'static str),
    /// Takes the message, and is gone before it says so.
    TakenAndCut,
    /// Is gone in the middle of the message.
    Cut,
    /// Says nothing.
    Hang,
}

/// A mail that was taken.
#[derive(Debug, Clone)]
pub struct Taken {
    pub from: String,
    pub to: String,
    pub data: String,
    pub is_secured: bool,
    pub user: Option<String>,
}

/// How it is set up.
#[derive(Clone, Default)]
pub struct Setup {
    /// Certificate and key, for STARTTLS.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Who must sign in: user and password.
    pub login: Option<(&'static str, &'static str)>,
}

#[derive(Default)]
struct Seen {
    taken: Vec<Taken>,
    faults: VecDeque<Fault>,
    offences: Vec<String>,
}

/// The server.
pub struct Server {
    pub port: u16,
    seen: Arc<Mutex<Seen>>,
}

impl Server {
    pub fn start() -> Self {
        Self::start_as(Setup::default())
    }

    pub fn start_as(setup: Setup) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (shared, setup) = (Arc::clone(&shared), setup.clone());
                std::thread::spawn(move || {
                    stream
                        .set_read_timeout(Some(Duration::from_secs(20)))
                        .unwrap();
                    let fault = {
                        let mut seen = shared.lock().unwrap();
                        seen.faults.pop_front()
                    };
                    let mut session = Session {
                        seen: shared,
                        setup,
                        fault,
                        is_secured: false,
                        user: None,
                    };
                    let _ = session.serve(stream);
                });
            }
        });
        Self { port, seen }
    }

    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    /// The next connections fail so, one after another.
    pub fn fail(&self, faults: &[Fault]) {
        self.seen.lock().unwrap().faults.extend(faults);
    }

    pub fn taken(&self) -> Vec<Taken> {
        let seen = self.seen.lock().unwrap();
        assert_eq!(
            seen.offences,
            Vec::<String>::new(),
            "the client broke the protocol"
        );
        seen.taken.clone()
    }
}

/// STARTTLS with this certificate.
pub fn secured(issued: &rcgen::CertifiedKey<rcgen::KeyPair>) -> Arc<rustls::ServerConfig> {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(issued.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![issued.cert.der().clone()], key)
        .unwrap();
    Arc::new(config)
}

struct Session {
    seen: Arc<Mutex<Seen>>,
    setup: Setup,
    fault: Option<Fault>,
    is_secured: bool,
    user: Option<String>,
}

/// What comes after a dialogue.
enum Next {
    End,
    Secure,
}

impl Session {
    fn serve(&mut self, mut stream: TcpStream) -> std::io::Result<()> {
        match self.fault {
            Some(Fault::Greeting(text)) => return stream.write_all(line(text).as_bytes()),
            Some(Fault::Hang) => {
                std::thread::sleep(Duration::from_secs(30));
                return Ok(());
            }
            _ => stream.write_all(b"220 test.example ESMTP\r\n")?,
        }
        if let Next::End = self.dialogue(&mut stream)? {
            return Ok(());
        }
        let tls = self.setup.tls.clone().unwrap();
        let connection = rustls::ServerConnection::new(tls).unwrap();
        let mut stream = rustls::StreamOwned::new(connection, stream);
        self.is_secured = true;
        self.dialogue(&mut stream).map(drop)
    }

    fn dialogue(&mut self, stream: &mut (impl Read + Write)) -> std::io::Result<Next> {
        let mut reader = BufReader::new(stream);
        let (mut is_greeted, mut from, mut to) = (false, None::<String>, None::<String>);
        loop {
            let Some(command) = self.command(&mut reader)? else {
                return Ok(Next::End);
            };
            let (verb, rest) = command.split_once(' ').unwrap_or((&command, ""));
            let may_send = self.setup.login.is_none() || self.user.is_some();
            let answer = match verb.to_ascii_uppercase().as_str() {
                "EHLO" if !rest.is_empty() => {
                    is_greeted = true;
                    self.hello()
                }
                "QUIT" => {
                    reader.get_mut().write_all(b"221 2.0.0 bye\r\n")?;
                    return Ok(Next::End);
                }
                "RSET" | "NOOP" => "250 2.0.0 ok".to_owned(),
                _ if !is_greeted => self.offence("503 5.5.1 EHLO first", &command),
                "STARTTLS" if self.setup.tls.is_some() && !self.is_secured => {
                    reader.get_mut().write_all(b"220 2.0.0 go on\r\n")?;
                    return Ok(Next::Secure);
                }
                "AUTH" => self.sign_in(rest),
                "MAIL" if !may_send => "530 5.7.0 sign in first".to_owned(),
                "MAIL" if from.is_none() => match (path(rest, "FROM:<"), self.fault) {
                    (_, Some(Fault::Mail(text))) => text.to_owned(),
                    (Some(address), _) => {
                        from = Some(address);
                        "250 2.1.0 ok".to_owned()
                    }
                    (None, _) => self.offence("501 5.5.4 no address", &command),
                },
                "RCPT" if from.is_some() => match (path(rest, "TO:<"), self.fault) {
                    (_, Some(Fault::Rcpt(text))) => text.to_owned(),
                    (Some(address), _) => {
                        to = Some(address);
                        "250 2.1.5 ok".to_owned()
                    }
                    (None, _) => self.offence("501 5.5.4 no address", &command),
                },
                "DATA" if from.is_some() && to.is_some() => {
                    reader.get_mut().write_all(b"354 go on\r\n")?;
                    if self.fault == Some(Fault::Cut) {
                        return Ok(Next::End);
                    }
                    let data = self.data(&mut reader)?;
                    match self.fault {
                        Some(Fault::Message(text)) => text.to_owned(),
                        fault => {
                            self.take(from.take().unwrap(), to.take().unwrap(), data);
                            if fault == Some(Fault::TakenAndCut) {
                                return Ok(Next::End);
                            }
                            "250 2.0.0 taken".to_owned()
                        }
                    }
                }
                _ => self.offence("503 5.5.1 not now", &command),
            };
            reader.get_mut().write_all(line(&answer).as_bytes())?;
        }
    }

    fn take(&self, from: String, to: String, data: String) {
        self.seen.lock().unwrap().taken.push(Taken {
            from,
            to,
            data,
            is_secured: self.is_secured,
            user: self.user.clone(),
        });
    }

    fn hello(&self) -> String {
        let mut lines = vec!["250-test.example".to_owned()];
        if self.setup.tls.is_some() && !self.is_secured {
            lines.push("250-STARTTLS".to_owned());
        }
        // A password in the open is not asked for where it could be hidden.
        if self.setup.login.is_some() && (self.is_secured || self.setup.tls.is_none()) {
            lines.push("250-AUTH PLAIN".to_owned());
        }
        lines.push("250 ENHANCEDSTATUSCODES".to_owned());
        lines.join("\r\n")
    }

    fn sign_in(&mut self, rest: &str) -> String {
        let Some((user, password)) = self.setup.login else {
            return self.offence("502 5.5.1 no AUTH here", rest);
        };
        let wanted = STANDARD.encode(format!("\0{user}\0{password}"));
        match rest.strip_prefix("PLAIN ") {
            Some(given) if given == wanted => {
                self.user = Some(user.to_owned());
                "235 2.7.0 welcome".to_owned()
            }
            _ => "535 5.7.8 not you".to_owned(),
        }
    }

    /// Notes what no client of ours does, and answers.
    fn offence(&self, answer: &str, command: &str) -> String {
        let mut seen = self.seen.lock().unwrap();
        seen.offences.push(format!("{command}: {answer}"));
        answer.to_owned()
    }

    fn command(&self, reader: &mut impl BufRead) -> std::io::Result<Option<String>> {
        let bytes = self.line(reader, 512)?;
        Ok((!bytes.is_empty()).then(|| String::from_utf8_lossy(&bytes).trim_end().to_owned()))
    }

    /// A line that ends in CRLF, as all of them have to.
    fn line(&self, reader: &mut impl BufRead, most: usize) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        reader.read_until(b'\n', &mut bytes)?;
        let is_bare = !bytes.is_empty()
            && (!bytes.ends_with(b"\r\n") || bytes[..bytes.len() - 2].contains(&b'\r'));
        if is_bare || bytes.len() > most {
            self.offence("500 5.5.2 no line", &String::from_utf8_lossy(&bytes));
        }
        Ok(bytes)
    }

    fn data(&self, reader: &mut impl BufRead) -> std::io::Result<String> {
        let mut data = Vec::new();
        loop {
            let line = self.line(reader, 1_000)?;
            match line.as_slice() {
                b"" | b".\r\n" => break,
                // Dots that the client put in front are taken away again.
                [b'.', rest @ ..] => data.extend(rest),
                line => data.extend(line),
            }
        }
        if !data.is_ascii() {
            self.offence("554 5.6.1 8BITMIME was not offered", "DATA");
        }
        Ok(String::from_utf8_lossy(&data).into_owned())
    }
}

fn line(text: &str) -> String {
    format!("{text}\r\n")
}

/// The address of `FROM:<…>`; nothing may follow it but parameters.
fn path(rest: &str, before: &str) -> Option<String> {
    let head = rest.get(..before.len())?;
    if !head.eq_ignore_ascii_case(before) {
        return None;
    }
    let (address, after) = rest[before.len()..].split_once('>')?;
    let is_fine = address.contains('@') && (after.is_empty() || after.starts_with(' '));
    is_fine.then(|| address.to_owned())
}
