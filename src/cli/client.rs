//! Talks to the daemon: HTTP over its unix socket.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Method, Request, Response, header};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use crate::api::{ErrorBody, ErrorCode, EventLine, EventPosition, PREFIX};
use crate::domain::RunId;
use crate::error::ExitCode;

/// How long the daemon may take for an answer. It answers when something is recorded, not when it is done.
const ANSWER: Duration = Duration::from_secs(30);
/// How long the daemon may take until a backup begins to come: it copies and verifies its database before.
const FIRST_BYTE: Duration = Duration::from_secs(3600);
/// How long an event stream may be silent; the daemon writes a line every 15 s.
const SILENCE: Duration = Duration::from_secs(60);
/// The largest answer that is read, in bytes.
const ANSWER_BYTES: usize = 256 * 1024 * 1024;
/// The longest line of an event stream, in bytes.
const LINE_BYTES: usize = 64 * 1024 * 1024;

/// What can go wrong between the command line and the daemon.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There is no socket.
    #[error("the daemon is not running: there is no socket {}", path.display())]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// There is a socket, and nobody behind it.
    #[error("the daemon is not running: nobody answers on {}", path.display())]
    Refused {
        /// The socket.
        path: PathBuf,
    },
    /// The socket may not be opened.
    #[error("you may not use the daemon: {} is closed to you", path.display())]
    Permission {
        /// The socket.
        path: PathBuf,
    },
    /// The socket cannot be opened for another reason.
    #[error("the socket {} cannot be opened", path.display())]
    Connect {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The connection broke.
    #[error("the connection to the daemon broke")]
    Broken {
        /// How.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The daemon is silent.
    #[error("the daemon did not answer within {} s", waited.as_secs())]
    Silent {
        /// How long it was waited for.
        waited: Duration,
    },
    /// The answer is not what the API says.
    #[error("the answer of the daemon is not understood")]
    Strange {
        /// Why.
        source: serde_json::Error,
    },
    /// The daemon said no.
    #[error("{}", .0.message)]
    Answered(ErrorBody),
    /// The answer cannot be written.
    #[error("the answer cannot be written")]
    Output(#[source] io::Error),
    /// The program cannot begin its work.
    #[error("the program cannot start")]
    Runtime(#[source] io::Error),
}

impl From<ErrorBody> for ClientError {
    fn from(body: ErrorBody) -> Self {
        Self::Answered(body)
    }
}

impl ClientError {
    /// What to do about it.
    pub fn remedy(&self) -> Option<String> {
        Some(match self {
            Self::Missing { .. } => {
                "start it with `systemctl start driftless` or `driftless serve`, or say with \
                 --socket or DRIFTLESS_SOCKET where it listens"
                    .to_owned()
            }
            Self::Refused { .. } => {
                "`systemctl status driftless` and `journalctl -u driftless` say why it ended".to_owned()
            }
            Self::Permission { .. } => {
                "use sudo, or let an administrator add you to the group of the socket (mostly \
                 driftless-admin) and log in again"
                    .to_owned()
            }
            Self::Broken { .. } => {
                "it was stopped or restarted; look at it with `driftless status`".to_owned()
            }
            Self::Silent { .. } => "`journalctl -u driftless` may say what it is busy with".to_owned(),
            Self::Strange { .. } => {
                "use the command line of the daemon's version: compare `driftless --version` with \
                 `driftless status`"
                    .to_owned()
            }
            Self::Answered(body) => return body.remedy.clone(),
            Self::Connect { .. } | Self::Output(_) | Self::Runtime(_) => return None,
        })
    }

    /// How the program ends because of it.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Answered(body) => body.code.into(),
            Self::Permission { .. } => ExitCode::NotPermitted,
            Self::Output(_) if self.is_closed_output() => ExitCode::Success,
            Self::Output(_) | Self::Runtime(_) | Self::Strange { .. } => ExitCode::Internal,
            Self::Missing { .. }
            | Self::Refused { .. }
            | Self::Connect { .. }
            | Self::Broken { .. }
            | Self::Silent { .. } => ExitCode::NoDaemon,
        }
    }

    /// Whether another try may help, because the daemon may be restarting.
    pub(super) fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Missing { .. } | Self::Refused { .. } | Self::Broken { .. } | Self::Silent { .. }
        )
    }

    pub(super) fn is_closed_output(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    fn connect(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing { path },
            io::ErrorKind::ConnectionRefused => Self::Refused { path },
            io::ErrorKind::PermissionDenied => Self::Permission { path },
            _ => Self::Connect { path, source },
        }
    }

    fn broken(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Broken { source: source.into() }
    }
}

impl From<ErrorCode> for ExitCode {
    fn from(code: ErrorCode) -> Self {
        match code {
            ErrorCode::BadRequest | ErrorCode::NoSuchMethod | ErrorCode::TooLarge | ErrorCode::NotJson => {
                Self::Usage
            }
            ErrorCode::NotSignedIn | ErrorCode::NotPermitted => Self::NotPermitted,
            ErrorCode::NotFound => Self::NotFound,
            ErrorCode::Refused => Self::Refused,
            ErrorCode::TooMany | ErrorCode::Unavailable => Self::Unavailable,
            ErrorCode::Internal => Self::Internal,
        }
    }
}

/// The daemon, as far as the command line knows it. One connection for each request.
#[derive(Debug, Clone)]
pub struct Client {
    socket: PathBuf,
}

impl Client {
    /// The daemon that listens there.
    pub fn new(socket: &Path) -> Self {
        Self { socket: socket.to_owned() }
    }

    /// Looks. `path` begins after [`PREFIX`].
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.ask(Method::GET, path, Bytes::new()).await
    }

    /// Acts. `path` begins after [`PREFIX`].
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).expect("plain data is JSON");
        self.ask(Method::POST, path, body.into()).await
    }

    /// The events of a run from a position on; with `follow`, until the run is over.
    pub async fn events(
        &self,
        run: RunId,
        from: EventPosition,
        follow: bool,
    ) -> Result<EventStream, ClientError> {
        let path = format!("/runs/{run}/events?from={}&follow={follow}", from.0);
        let response = self.send(Method::GET, &path, Bytes::new()).await?;
        Ok(EventStream { body: response.into_body(), buffer: Vec::new(), read: 0 })
    }

    /// Asks for a file. `path` begins after [`PREFIX`].
    pub async fn download(&self, path: &str, body: &impl Serialize) -> Result<Download, ClientError> {
        let body = serde_json::to_vec(body).expect("plain data is JSON");
        let response = self.send_within(FIRST_BYTE, Method::POST, path, body.into()).await?;
        Ok(Download(response.into_body()))
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<T, ClientError> {
        let answer = async {
            let response = self.send(method, path, body).await?;
            Limited::new(response.into_body(), ANSWER_BYTES).collect().await.map_err(ClientError::broken)
        };
        let collected = in_time(ANSWER, answer).await?;
        serde_json::from_slice(&collected.to_bytes()).map_err(|source| ClientError::Strange { source })
    }

    /// Sends a request. An answer that is an error becomes one here.
    async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<Response<Incoming>, ClientError> {
        self.send_within(ANSWER, method, path, body).await
    }

    async fn send_within(
        &self,
        limit: Duration,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Response<Incoming>, ClientError> {
        let stream =
            UnixStream::connect(&self.socket).await.map_err(|it| ClientError::connect(&self.socket, it))?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(ClientError::broken)?;
        // It ends with the answer; what goes wrong in it is seen there.
        drop(tokio::spawn(connection));
        let request = Request::builder()
            .method(method)
            .uri(format!("{PREFIX}{path}"))
            .header(header::HOST, "driftless")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .expect("paths of the API are made of names and numbers");
        let response =
            in_time(limit, async { sender.send_request(request).await.map_err(ClientError::broken) }).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        let body = Limited::new(response.into_body(), ANSWER_BYTES).collect();
        let body = body.await.map_err(ClientError::broken)?.to_bytes();
        let error = serde_json::from_slice(&body).map_err(|source| ClientError::Strange { source })?;
        Err(ClientError::Answered(error))
    }
}

async fn in_time<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, ClientError>>,
) -> Result<T, ClientError> {
    match tokio::time::timeout(limit, work).await {
        Ok(result) => result,
        Err(_) => Err(ClientError::Silent { waited: limit }),
    }
}

/// A file that comes.
#[derive(Debug)]
pub struct Download(Incoming);

impl Download {
    /// The next part of it; `None` at its end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ClientError> {
        loop {
            let frame = in_time(SILENCE, async { Ok(self.0.frame().await) }).await?;
            let Some(frame) = frame else { return Ok(None) };
            if let Ok(data) = frame.map_err(ClientError::broken)?.into_data() {
                return Ok(Some(data));
            }
        }
    }
}

/// The lines of an event stream.
#[derive(Debug)]
pub struct EventStream {
    body: Incoming,
    buffer: Vec<u8>,
    /// How much of the buffer was told already.
    read: usize,
}

impl EventStream {
    /// The next line; `None` at the end of the stream. Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Result<Option<EventLine>, ClientError> {
        loop {
            let unread = &self.buffer[self.read..];
            if let Some(end) = memchr::memchr(b'\n', unread) {
                let line = serde_json::from_slice(&unread[..end]);
                self.read += end + 1;
                return line.map(Some).map_err(|source| ClientError::Strange { source });
            }
            if unread.len() > LINE_BYTES {
                return Err(ClientError::broken("a line is too long"));
            }
            self.buffer.drain(..self.read);
            self.read = 0;
            let frame = in_time(SILENCE, async { Ok(self.body.frame().await) }).await?;
            match frame {
                None if self.buffer.is_empty() => return Ok(None),
                None => return Err(ClientError::broken("the stream ended within a line")),
                Some(frame) => {
                    if let Ok(data) = frame.map_err(ClientError::broken)?.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
            }
        }
    }
}
