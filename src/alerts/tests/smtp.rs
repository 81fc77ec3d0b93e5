//! A mail server that keeps what it is sent, encrypted or not, and refuses what it is told to.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// How it speaks.
#[derive(Clone)]
pub(super) enum Speech {
    Plain,
    StartTls(TlsAcceptor),
    Implicit(TlsAcceptor),
    /// Says nothing at all.
    Mute,
}

/// Everything it was told, line by line.
pub(super) type Heard = Arc<Mutex<Vec<String>>>;

pub(super) struct MailServer {
    pub(super) port: u16,
    pub(super) heard: Heard,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl MailServer {
    /// `to_recipients` is how it answers `RCPT TO`.
    pub(super) async fn start(speech: Speech, to_recipients: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let heard = Heard::default();
        let kept = Arc::clone(&heard);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (speech, kept) = (speech.clone(), Arc::clone(&kept));
                let _detached = tokio::spawn(async move {
                    match speech {
                        Speech::Mute => std::future::pending().await,
                        Speech::Plain => drop(talk(stream, true, false, to_recipients, &kept).await),
                        Speech::Implicit(tls) => {
                            let Ok(stream) = tls.accept(stream).await else { return };
                            drop(talk(stream, true, false, to_recipients, &kept).await);
                        }
                        Speech::StartTls(tls) => {
                            let Some(stream) = talk(stream, true, true, to_recipients, &kept).await else {
                                return;
                            };
                            let Ok(stream) = tls.accept(stream).await else { return };
                            drop(talk(stream, false, false, to_recipients, &kept).await);
                        }
                    }
                });
            }
        });
        Self { port, heard, task }
    }

    pub(super) fn heard(&self) -> Vec<String> {
        self.heard.lock().expect("no panic").clone()
    }
}

/// Speaks until the other side goes, or wants to be encrypted: then the connection comes back.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    greets: bool,
    encrypts: bool,
    to_recipients: &str,
    heard: &Heard,
) -> Option<S> {
    let mut stream = BufReader::new(stream);
    if greets {
        stream.write_all(b"220 mail.example\r\n").await.ok()?;
    }
    let mut data = false;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let line = line.trim_end_matches(['\r', '\n']).to_owned();
        heard.lock().expect("no panic").push(line.clone());
        if data {
            if line == "." {
                data = false;
                stream.write_all(b"250 kept\r\n").await.ok()?;
            }
            continue;
        }
        let command = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let answer = match command.as_str() {
            "EHLO" if encrypts => "250-mail.example\r\n250 STARTTLS\r\n",
            "EHLO" => "250-mail.example\r\n250 AUTH PLAIN LOGIN\r\n",
            "STARTTLS" => {
                stream.write_all(b"220 go\r\n").await.ok()?;
                return Some(stream.into_inner());
            }
            "AUTH" if line.contains("Zm9yYmlkZGVu") => "535 5.7.8 no\r\n",
            "AUTH" => "235 fine\r\n",
            "RCPT" => to_recipients,
            "DATA" => {
                data = true;
                "354 go\r\n"
            }
            "QUIT" => "221 bye\r\n",
            _ => "250 fine\r\n",
        };
        stream.write_all(answer.as_bytes()).await.ok()?;
    }
}

/// A certificate for this machine and the authority that signed it, made below `dir`.
pub(super) fn certificate(dir: &Path) -> (PathBuf, TlsAcceptor) {
    let openssl = |arguments: &[&str]| {
        let usual = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2";
        let mut command = Command::new("openssl");
        let made =
            command.current_dir(dir).args(usual.split(' ')).args(arguments).stderr(Stdio::null()).status();
        assert!(made.is_ok_and(|it| it.success()), "openssl is missing: scripts/setup installs it");
    };
    openssl(&["-subj", "/CN=authority of the mail server", "-keyout", "ca.key", "-out", "ca.pem"]);
    openssl(&[
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost",
        "-addext",
        "basicConstraints=CA:FALSE",
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-keyout",
        "server.key",
        "-out",
        "server.pem",
    ]);
    let chain = vec![CertificateDer::from_pem_file(dir.join("server.pem")).expect("a certificate")];
    let key = PrivateKeyDer::from_pem_file(dir.join("server.key")).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("they belong together");
    (dir.join("ca.pem"), TlsAcceptor::from(Arc::new(config)))
}
