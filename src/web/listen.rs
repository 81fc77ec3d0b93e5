//! Listening: a unix socket that knows its callers, and TCP with limits on what a stranger may keep busy.

use std::future::{Future, ready};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use super::networks::{NetworkPlace, Networks};
use super::tls::Tls;
use super::{Accounts, Backend, Peer, api_router, open_router};

/// How many callers are served at once on one listener; more wait. Over TCP these are the strangers.
const CALLERS: usize = 64;
/// How many callers of the TCP listener may be connected who proved who they are: pages stay connected.
const MEMBERS: usize = 256;
/// How long a caller may take to send the head of a request.
const HEAD: Duration = Duration::from_secs(10);
/// The largest head that is read, in bytes.
const HEAD_BYTES: usize = 16 * 1024;
/// How long a caller of the TCP listener who proved nothing may keep a connection in all.
const TCP_CONNECTION: Duration = Duration::from_secs(60);
/// How long answers may go on after a stop.
const FINISH: Duration = Duration::from_secs(2);
/// The pause after a failed accept, which mostly means that file descriptors ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// A listener that could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another daemon answers on the socket.
    #[error("another driftless already answers on {path}")]
    Answered {
        /// The socket.
        path: PathBuf,
    },
    /// Something that is no socket is in the way.
    #[error("{path} is in the way and is no socket; move it away")]
    InTheWay {
        /// The path.
        path: PathBuf,
    },
    /// The socket could not be made.
    #[error("cannot listen on {path}")]
    Socket {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The address could not be used.
    #[error("cannot listen on {address}")]
    Tcp {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The address is not on this machine only.
    #[error(
        "{address} can be reached from outside and has no TLS; listen on 127.0.0.1 or allow it in the configuration"
    )]
    Public {
        /// The address.
        address: SocketAddr,
    },
}

/// Where the socket is and who may open it.
#[derive(Debug, Clone)]
pub struct SocketSettings {
    /// The path of the socket.
    pub path: PathBuf,
    /// Who may use the API. Its group becomes the group of the socket.
    pub accounts: Accounts,
}

/// Opens the unix socket: mode 0660, group of administrators where it exists and this process may give it.
///
/// What a dead daemon left is removed; a living one is not disturbed. A group that cannot be given is no error, it only
/// means that nobody but root and this user can open the socket, and is logged.
pub fn bind_socket(settings: &SocketSettings) -> Result<UnixListener, BindError> {
    let path = settings.path.as_path();
    let failed = |source| BindError::Socket { path: path.to_owned(), source };
    remove_stale(path)?;
    let listener = UnixListener::bind(path).map_err(failed)?;
    if let Some(gid) = settings.accounts.admin_gid()
        && let Err(error) = std::os::unix::fs::chown(path, None, Some(gid))
    {
        tracing::warn!(%error, gid, "the socket cannot be given to the group of administrators");
    }
    // After the group is given: before, the socket is open to its owner alone.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660)).map_err(failed)?;
    Ok(listener)
}

fn remove_stale(path: &Path) -> Result<(), BindError> {
    let failed = |source| BindError::Socket { path: path.to_owned(), source };
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(BindError::InTheWay { path: path.to_owned() });
        }
        Ok(_) => {}
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path).map_err(failed)
        }
        Err(error) => Err(failed(error)),
        Ok(_) => Err(BindError::Answered { path: path.to_owned() }),
    }
}

/// Opens the TCP listener. An address that others can reach needs `public`, because nothing here is encrypted.
pub async fn bind_tcp(address: SocketAddr, public: bool) -> Result<TcpListener, BindError> {
    if !public && !address.ip().is_loopback() {
        return Err(BindError::Public { address });
    }
    TcpListener::bind(address).await.map_err(|source| BindError::Tcp { address, source })
}

/// Serves the API until `stop` is done.
pub async fn serve_socket<B: Backend>(
    listener: UnixListener,
    accounts: Accounts,
    backend: B,
    stop: impl Future<Output = ()>,
) {
    let router = api_router(backend);
    let accept = || async {
        let (stream, _) = listener.accept().await?;
        let peer = stream.peer_cred()?;
        let router = router.clone().layer(axum::Extension(accounts.permission(peer.uid(), peer.gid())));
        Ok(Accepted { stream: ready(Ok(stream)), router, stranger: None })
    };
    serve(accept, stop).await;
}

/// Serves everything else, and the API to those who prove who they are, until `stop` is done.
pub async fn serve_tcp<B: Backend>(listener: TcpListener, backend: B, stop: impl Future<Output = ()>) {
    let callers = Callers::new(open_router(backend));
    let accept = || async {
        let (stream, address, network) = callers.next(&listener).await?;
        Ok(callers.accepted(ready(Ok(stream)), address, network))
    };
    serve(accept, stop).await;
}

/// The same over TLS. Browsers are told to come without it never again.
pub async fn serve_tls<B: Backend>(
    listener: TcpListener,
    tls: Arc<Tls>,
    backend: B,
    stop: impl Future<Output = ()>,
) {
    let callers = Callers::new(open_router(backend).layer(middleware::from_fn(only_tls)));
    let accept = || async {
        let (stream, address, network) = callers.next(&listener).await?;
        Ok(callers.accepted(tls.acceptor().accept(stream), address, network))
    };
    serve(accept, stop).await;
}

async fn only_tls(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let year = HeaderValue::from_static("max-age=31536000");
    response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, year);
    response
}

/// Those who come over TCP.
struct Callers {
    router: Router,
    members: Arc<Semaphore>,
    networks: Networks,
}

impl Callers {
    fn new(router: Router) -> Self {
        Self { router, members: Arc::new(Semaphore::new(MEMBERS)), networks: Networks::default() }
    }

    /// The next connection of a network that does not have too many strangers already. Others are closed.
    async fn next(&self, listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr, NetworkPlace)> {
        loop {
            let (stream, address) = listener.accept().await?;
            if let Some(place) = self.networks.place(address.ip()) {
                return Ok((stream, address, place));
            }
            tracing::debug!("a network has too many connections that proved nothing");
        }
    }

    fn accepted<F>(&self, stream: F, address: SocketAddr, network: NetworkPlace) -> Accepted<F> {
        let peer = Peer::new(address.ip());
        let (proved, members) = (peer.proved.subscribe(), Arc::clone(&self.members));
        let stranger = Stranger { proved, members, _network: network };
        Accepted {
            stream,
            router: self.router.clone().layer(axum::Extension(peer)),
            stranger: Some(stranger),
        }
    }
}

/// A connection that begins.
struct Accepted<F> {
    /// Ready at once, or after a handshake.
    stream: F,
    router: Router,
    /// Whoever is at the other end, if that is not known yet.
    stranger: Option<Stranger>,
}

/// Somebody who may become known.
struct Stranger {
    proved: watch::Receiver<bool>,
    members: Arc<Semaphore>,
    /// Given back once they are known, or gone.
    _network: NetworkPlace,
}

impl Stranger {
    /// Waits until they proved who they are and there is a place for them; that is theirs then.
    async fn known(mut self) -> Option<OwnedSemaphorePermit> {
        self.proved.wait_for(|it| *it).await.ok()?;
        self.members.acquire_owned().await.ok()
    }
}

async fn serve<S, F, A>(accept: impl Fn() -> A, stop: impl Future<Output = ()>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Future<Output = io::Result<S>> + Send + 'static,
    A: Future<Output = io::Result<Accepted<F>>>,
{
    let mut stop = pin!(stop);
    let (stopping, stopped) = watch::channel(false);
    let places = Arc::new(Semaphore::new(CALLERS));
    let mut connections = JoinSet::new();
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await.expect("nobody closes the semaphore");
            (place, accept().await)
        };
        tokio::select! {
            () = &mut stop => break,
            (place, accepted) = next => match accepted {
                Ok(accepted) => {
                    connections.spawn(connection(accepted, place, stopped.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "a caller could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
    stopping.send_replace(true);
    let finished = async { while connections.join_next().await.is_some() {} };
    // Those that are not done by then are dropped with the set.
    let _in_time = tokio::time::timeout(FINISH, finished).await;
}

async fn connection<S, F>(
    accepted: Accepted<F>,
    place: OwnedSemaphorePermit,
    mut stopped: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Future<Output = io::Result<S>> + Send + 'static,
{
    let Accepted { stream, router, stranger } = accepted;
    let stream = match tokio::time::timeout(HEAD, stream).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!(%error, "a handshake failed"),
        Err(_) => return tracing::debug!("a handshake took too long"),
    };
    let service = TowerToHyperService::new(router);
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES)
        .keep_alive(true)
        .serve_connection(TokioIo::new(stream), service);
    let mut served = pin!(served);
    // A stranger has one of few places, and that not for long. Who is known gives it back and stays.
    let longest = async {
        let Some(stranger) = stranger else { return std::future::pending().await };
        let Ok(Some(_place)) = tokio::time::timeout(TCP_CONNECTION, stranger.known()).await else { return };
        drop(place);
        std::future::pending::<()>().await;
    };
    let asked = async { drop(stopped.wait_for(|it| *it).await) };
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = longest => return,
        () = asked => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke");
    }
}
