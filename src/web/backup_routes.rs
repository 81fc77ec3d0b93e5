//! The route of backups: a file, as it is made.

use std::io;

use axum::body::{Body, Bytes};
use axum::extract::{Extension, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use http_body_util::channel::Channel;
use tokio::sync::mpsc;

use super::Backend;
use super::api_routes::{Wanted, body};
use super::reply::Refusal;
use crate::api::BackupBody;
use crate::domain::Caller;

/// A file that is made while it is read. It breaks off with an error if it cannot be made to its end.
#[derive(Debug)]
pub struct Download {
    /// Its parts, in order.
    pub chunks: mpsc::Receiver<io::Result<Bytes>>,
}

pub(super) async fn backup<B: Backend>(
    State(backend): State<B>,
    Extension(by): Extension<Caller>,
    wanted: Wanted,
) -> Result<Response, Refusal> {
    let Download { mut chunks } = backend.backup(body::<BackupBody>(wanted)?, by).await?;
    let (mut sender, body) = Channel::<Bytes, io::Error>::new(1);
    drop(tokio::spawn(async move {
        while let Some(chunk) = chunks.recv().await {
            let sent = match chunk {
                Ok(chunk) => sender.send_data(chunk).await,
                Err(error) => return sender.abort(error),
            };
            if sent.is_err() {
                // Whoever asked is gone. Who makes it learns it by the end of the channel.
                return;
            }
        }
    }));
    let mut response = Response::new(Body::new(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    Ok(response)
}
