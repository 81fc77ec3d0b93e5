//! TLS on the TCP listener, with real handshakes.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::memory::Memory;
use crate::forge::certificate;
use driftless::domain::Secret;
use driftless::web::{Identity, Tls, TlsError, bind_tcp, serve_tls};

/// A certificate for this machine, its key and who signed it, below a directory.
fn identity(dir: &Path) -> Result<Identity, TlsError> {
    let certificate = std::fs::read(dir.join("server.pem")).expect("a certificate");
    let key = std::fs::read_to_string(dir.join("server.key")).expect("a key");
    Identity::new(&certificate, &Secret::new(key))
}

fn made() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    certificate::make(dir.path());
    dir
}

async fn serve(tls: Arc<Tls>) -> SocketAddr {
    let listener = bind_tcp("127.0.0.1:0".parse().expect("an address"), false).await.expect("a listener");
    let address = listener.local_addr().expect("an address");
    drop(tokio::spawn(serve_tls(listener, tls, Memory::default(), std::future::pending())));
    address
}

/// What a client that trusts the authority below `dir` is answered.
async fn ask(
    address: SocketAddr,
    dir: &Path,
    version: &'static SupportedProtocolVersion,
) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(dir.join("ca.pem")).expect("a certificate")).expect("a root");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .expect("a version")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    let stream = TcpStream::connect(address).await?;
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_string(&mut answer));
    // Whether the end was announced or the connection just closed: the answer is there.
    let _end = read.await.expect("in time");
    Ok(answer)
}

#[tokio::test]
async fn it_is_encrypted_and_says_so_and_a_renewed_certificate_counts_at_once() {
    let (old, new) = (made(), made());
    let tls = Arc::new(Tls::new(identity(old.path()).expect("an identity")));
    assert!(tls.ends_at().is_some());
    let address = serve(Arc::clone(&tls)).await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let answer = ask(address, old.path(), version).await.expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains("strict-transport-security: max-age=31536000"), "{answer}");
    }
    let version = &rustls::version::TLS13;
    ask(address, new.path(), version).await.expect_err("signed by somebody else");
    tls.replace(identity(new.path()).expect("an identity"));
    ask(address, new.path(), version).await.expect("an answer");
    ask(address, old.path(), version).await.expect_err("signed by somebody else");
}

#[tokio::test]
async fn who_speaks_without_tls_is_answered_nothing() {
    let dir = made();
    let address = serve(Arc::new(Tls::new(identity(dir.path()).expect("an identity")))).await;
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("sent");
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer));
    let _closed_or_reset = read.await.expect("in time");
    assert!(!String::from_utf8_lossy(&answer).contains("HTTP"), "{answer:?}");
}

#[test]
fn what_does_not_fit_is_told_apart() {
    let (dir, other) = (made(), made());
    std::fs::copy(other.path().join("server.key"), dir.path().join("server.key")).expect("copied");
    assert!(matches!(identity(dir.path()), Err(TlsError::OtherKey)));
    std::fs::write(dir.path().join("server.key"), "secret words").expect("written");
    let error = identity(dir.path()).expect_err("no key");
    assert!(matches!(error, TlsError::NoKey) && !error.to_string().contains("words"), "{error}");
    std::fs::write(dir.path().join("server.pem"), "").expect("written");
    assert!(matches!(identity(dir.path()), Err(TlsError::NoCertificate)));
}
