//! Certificates are renewed while the daemon runs: reads them again when their files change.

use std::sync::Arc;
use std::time::Duration;

use crate::config::TlsConfig;
use crate::domain::{Failure, Secret, Timestamp};
use crate::web::{Identity, Tls, TlsError, certificate_end};

use super::clock;
use super::hands::Tools;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// A certificate that ends sooner than this should have been renewed.
const SOON: jiff::SignedDuration = jiff::SignedDuration::from_hours(14 * 24);

/// The text of both files.
#[derive(PartialEq)]
struct Files {
    certificate: Vec<u8>,
    key: String,
}

fn certificate(config: &TlsConfig) -> Result<Vec<u8>, Failure> {
    std::fs::read(&config.certificate).map_err(|error| {
        let path = config.certificate.display();
        Failure::until_changed(format!("the certificate {path} cannot be read: {error}"))
            .remedy("create it, readable for the user that driftless runs as")
    })
}

/// Whether the files can be used, and when the certificate ends, where that can be read. A key that only the service is
/// handed over by systemd is not looked at.
pub(super) fn examine(config: &TlsConfig) -> Result<Option<Timestamp>, Failure> {
    if config.key.path().is_ok() {
        return Ok(Files::read(config)?.identity()?.ends_at);
    }
    certificate_end(&certificate(config)?).map_err(|error| refused(&error))
}

fn refused(error: &TlsError) -> Failure {
    let source = std::error::Error::source(error).map(|it| format!(": {it}")).unwrap_or_default();
    Failure::until_changed(format!("{error}{source}"))
        .remedy("look at `tls.certificate` and `tls.key` of the configuration")
}

impl Files {
    fn read(config: &TlsConfig) -> Result<Self, Failure> {
        let certificate = certificate(config)?;
        let key = config.key.read()?.expose().to_owned();
        Ok(Self { certificate, key })
    }

    fn identity(&self) -> Result<Identity, Failure> {
        Identity::new(&self.certificate, &Secret::new(self.key.clone())).map_err(|error| refused(&error))
    }
}

/// What the listener shows itself with, if TLS is configured.
pub(super) fn begin(config: Option<&TlsConfig>) -> Result<Option<Arc<Tls>>, Failure> {
    let Some(config) = config else { return Ok(None) };
    let identity = Files::read(config)?.identity()?;
    warn(identity.ends_at, clock::now());
    Ok(Some(Arc::new(Tls::new(identity))))
}

/// Reads the files again and again. What cannot be used is said once, and the old ones stay.
pub(super) async fn keep(tools: Arc<Tools>, tls: Arc<Tls>) {
    let mut known = tools.config().tls.as_ref().and_then(|it| Files::read(it).ok());
    let mut said = None;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let Some(config) = tools.config().tls.clone() else { continue };
        let read = tokio::task::spawn_blocking(move || Files::read(&config)).await;
        let Ok(read) = read else { continue };
        let identity = match read {
            Ok(files) if known.as_ref() == Some(&files) => {
                said = None;
                continue;
            }
            Ok(files) => {
                let identity = files.identity();
                // A renewal that has written one of two files so far is complete at the next look.
                if identity.is_ok() {
                    known = Some(files);
                }
                identity
            }
            Err(failure) => Err(failure),
        };
        match identity {
            Ok(identity) => {
                said = None;
                tracing::info!(ends = ?identity.ends_at, "the certificate was read again");
                warn(identity.ends_at, clock::now());
                tls.replace(identity);
            }
            Err(failure) => {
                if said.as_ref() != Some(&failure) {
                    tracing::error!("the new certificate is not used and the old one stays: {failure}");
                    said = Some(failure);
                }
            }
        }
    }
}

/// What a person should know of the end of the certificate.
pub(super) fn notice(ends_at: Option<Timestamp>, now: Timestamp) -> Option<String> {
    let ends_at = ends_at.filter(|it| it.duration_since(now) < SOON)?;
    Some(if ends_at <= now {
        format!("the certificate of the pages ended on {ends_at}: browsers refuse it; renew it")
    } else {
        format!("the certificate of the pages ends on {ends_at}; renew it")
    })
}

fn warn(ends_at: Option<Timestamp>, now: Timestamp) {
    if let Some(notice) = notice(ends_at, now) {
        tracing::warn!("{notice}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_that_ends_soon_is_told_of() {
        let now: Timestamp = "2026-11-28T10:00:00Z".parse().unwrap();
        let days = |count: i64| Some(now + jiff::SignedDuration::from_hours(24 * count));
        assert_eq!(notice(None, now), None);
        assert_eq!(notice(days(15), now), None);
        assert!(notice(days(13), now).unwrap().contains("ends on 2026-12-11T10:00:00Z"));
        assert!(notice(days(-1), now).unwrap().contains("browsers refuse it"));
    }
}
