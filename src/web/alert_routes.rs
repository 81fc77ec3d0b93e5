//! The routes of alerts.

use axum::extract::{Extension, State};

use super::Backend;
use super::api_routes::{Wanted, body};
use super::reply::{Answer, answer};
use crate::api::{ActionReply, AlertList, AlertTestBody};
use crate::domain::Caller;

pub(super) async fn alerts<B: Backend>(
    State(backend): State<B>,
    Extension(by): Extension<Caller>,
) -> Answer<AlertList> {
    answer(backend.alerts().await.map(|it| it.within(&by.scope)))
}

pub(super) async fn test_alert<B: Backend>(
    State(backend): State<B>,
    Extension(by): Extension<Caller>,
    wanted: Wanted,
) -> Answer<ActionReply> {
    let AlertTestBody { receiver } = body(wanted)?;
    answer(backend.test_alert(receiver, by).await)
}
