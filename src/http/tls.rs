//! TLS by certificate files that are read anew when they change: connections that are open go on, the next ones get the
//! new certificate. Broken files never take the place of good ones.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, ServerConfig};

/// Files that cannot be used: which one, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Broken(String);

/// What a look at the files found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refreshed {
    /// They are as they were.
    Same,
    /// New connections get another certificate.
    Changed,
    /// They changed and cannot be used; the certificate stays. Said once for each state of the files.
    Kept(Broken),
}

/// A certificate with its key, as it is in two files.
pub struct Certificates {
    certificate: PathBuf,
    key: PathBuf,
    provider: Arc<CryptoProvider>,
    current: RwLock<Arc<CertifiedKey>>,
    /// What the files held at the last look.
    seen: Mutex<Result<Contents, Broken>>,
}

#[derive(Clone, PartialEq, Eq)]
struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates")
            .field("certificate", &self.certificate)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl Certificates {
    /// Reads the files.
    ///
    /// # Errors
    /// Names the file and the rule.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, Broken> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let contents = read(certificate, key)?;
        let current = parse(&contents, certificate, key, &provider)?;
        Ok(Self {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            provider,
            current: RwLock::new(Arc::new(current)),
            seen: Mutex::new(Ok(contents)),
        })
    }

    /// Looks at the files again. By their contents: times of files do not move when a link is turned to other files, and
    /// are too coarse for two changes in a row.
    pub fn refresh(&self) -> Refreshed {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let found = read(&self.certificate, &self.key);
        if *seen == found {
            return Refreshed::Same;
        }
        seen.clone_from(&found);
        let parsed = found
            .and_then(|contents| parse(&contents, &self.certificate, &self.key, &self.provider));
        match parsed {
            Ok(key) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
                Refreshed::Changed
            }
            Err(broken) => Refreshed::Kept(broken),
        }
    }

    /// TLS 1.2 and 1.3 with whatever certificate is current.
    ///
    /// # Errors
    /// The cryptography library lacks what it is built with.
    pub fn server(self: &Arc<Self>) -> Result<ServerConfig, Broken> {
        let builder = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(|e| Broken(format!("TLS cannot be set up: {e}")))?;
        let config = builder
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        Ok(config)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&current))
    }
}

fn read(certificate: &Path, key: &Path) -> Result<Contents, Broken> {
    let bytes = |path: &Path| {
        std::fs::read(path).map_err(|e| {
            Broken(format!(
                "cannot read {}: {e}; check its rights",
                path.display()
            ))
        })
    };
    Ok(Contents {
        certificate: bytes(certificate)?,
        key: bytes(key)?,
    })
}

fn parse(
    contents: &Contents,
    certificate: &Path,
    key: &Path,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, Broken> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&contents.certificate).collect();
    let chain = chain.map_err(|e| {
        Broken(format!(
            "{} is no PEM file: {}",
            certificate.display(),
            said(&e)
        ))
    })?;
    if chain.is_empty() {
        return Err(Broken(format!(
            "{} holds no certificate: it begins with the server's own, in PEM, and the chain follows",
            certificate.display()
        )));
    }
    let private = PrivateKeyDer::from_pem_slice(&contents.key).map_err(|e| {
        Broken(format!(
            "{} holds no private key in PEM: {}",
            key.display(),
            said(&e)
        ))
    })?;
    CertifiedKey::from_der(chain, private, provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => Broken(format!(
            "the key in {} does not belong to the first certificate in {}: replace both",
            key.display(),
            certificate.display()
        )),
        other => Broken(format!(
            "{} and {} cannot be used: {other}",
            certificate.display(),
            key.display()
        )),
    })
}

/// What is wrong with a file, without any of its content: it may be a part of the key.
fn said(error: &PemError) -> &'static str {
    match error {
        PemError::NoItemsFound => "there is none",
        PemError::MissingSectionEnd { .. } => "a section has no end",
        PemError::Base64Decode(_) => "a section is not base64",
        _ => "it cannot be read",
    }
}
