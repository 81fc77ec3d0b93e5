//! TLS on the TCP listener, by files that may change while it is served.

mod validity;

use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::pki_types::pem::{Error as PemError, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::domain::{Secret, Timestamp};

/// Why a certificate and a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// There is no certificate.
    #[error("there is no certificate in the file; it begins with `-----BEGIN CERTIFICATE-----`")]
    NoCertificate,
    /// A certificate cannot be read.
    #[error("the certificate cannot be read")]
    Certificate(#[source] PemError),
    /// There is no key.
    #[error("there is no private key; it begins with `-----BEGIN PRIVATE KEY-----` and has no passphrase")]
    NoKey,
    /// The key is of another certificate.
    #[error("the key does not belong to the certificate: both must be of the same request")]
    OtherKey,
    /// They cannot be used for another reason.
    #[error("certificate and key cannot be used")]
    Unusable(#[source] rustls::Error),
}

/// When the certificate of a file ends, where that can be read. Its key is not needed for that.
pub fn certificate_end(certificate: &[u8]) -> Result<Option<Timestamp>, TlsError> {
    let first = CertificateDer::pem_slice_iter(certificate).next().ok_or(TlsError::NoCertificate)?;
    Ok(validity::end(&first.map_err(TlsError::Certificate)?))
}

/// A certificate with its key, ready for use.
#[derive(Debug, Clone)]
pub struct Identity {
    config: Arc<ServerConfig>,
    /// When the certificate ends, where that can be read.
    pub ends_at: Option<Timestamp>,
}

impl Identity {
    /// From the text of both files.
    pub fn new(certificate: &[u8], key: &Secret) -> Result<Self, TlsError> {
        let chain = CertificateDer::pem_slice_iter(certificate)
            .collect::<Result<Vec<_>, _>>()
            .map_err(TlsError::Certificate)?;
        let ends_at = validity::end(chain.first().ok_or(TlsError::NoCertificate)?);
        let key = PrivateKeyDer::from_pem_slice(key.expose().as_bytes()).map_err(|_| TlsError::NoKey)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Unusable)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|error| match error {
                rustls::Error::InconsistentKeys(_) => TlsError::OtherKey,
                other => TlsError::Unusable(other),
            })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { config: Arc::new(config), ends_at })
    }
}

/// What the listener shows itself with now.
#[derive(Debug)]
pub struct Tls(RwLock<Identity>);

impl Tls {
    /// Shows itself with this.
    pub fn new(identity: Identity) -> Self {
        Self(RwLock::new(identity))
    }

    /// From the next connection on, shows itself with this.
    pub fn replace(&self, identity: Identity) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = identity;
    }

    /// When the certificate ends, where that can be read.
    pub fn ends_at(&self) -> Option<Timestamp> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).ends_at
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner).config))
    }
}
