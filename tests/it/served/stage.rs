//! Pages of a daemon in memory at an address of their own, for a browser: whoever comes is an admin.

use axum::extract::Extension;
use driftless::api::Fleet;
use driftless::domain::{Caller, Proof, Role, Scope};
use driftless::web::open_router;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

use super::memory::Memory;
use super::overviews;

/// The pages, as long as this lives.
pub(crate) struct Stage {
    pub(crate) url: String,
    executor: Option<Runtime>,
}

impl Stage {
    /// Nothing is followed, but there are merge requests.
    pub(crate) fn empty() -> Self {
        Self::of(Memory::with_fleet(Fleet::default()))
    }

    /// So many stacks with so many hosts each, in every state.
    pub(crate) fn large(stacks: usize, hosts: usize) -> Self {
        let stacks = (0..stacks).map(|it| overviews::fleet_stack(it, hosts)).collect();
        let fleet = Fleet { stacks, ..Fleet::default() };
        Self::of(Memory::with_fleet(fleet))
    }

    fn of(memory: Memory) -> Self {
        let executor =
            Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("an executor");
        let listener = executor.block_on(TcpListener::bind("127.0.0.1:0")).expect("a listener");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let caller =
            Caller { name: "ada".to_owned(), role: Role::Admin, scope: Scope::All, proof: Proof::Session };
        let router = open_router(memory).layer(Extension(caller));
        drop(executor.spawn(async move { axum::serve(listener, router).await }));
        Self { url, executor: Some(executor) }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(executor) = self.executor.take() {
            executor.shutdown_background(); // A browser may still listen.
        }
    }
}
