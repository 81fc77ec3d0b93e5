//! `driftless alerts`: what is wrong, who was told, and whether messages arrive.

use clap::{Args, Subcommand};

use super::act::reply;
use super::client::{Client, ClientError};
use super::console::Console;
use super::render::alerts_page;
use crate::api::{AlertList, AlertTestBody};
use crate::domain::ReceiverName;

/// Arguments of `alerts`.
#[derive(Debug, Args)]
pub struct AlertArguments {
    /// What to do, if not to show them.
    #[command(subcommand)]
    pub command: Option<AlertCommand>,
}

/// What can be done with alerts.
#[derive(Debug, Subcommand)]
pub enum AlertCommand {
    /// Send a message to a receiver now, and say whether it arrived
    Test {
        /// The receiver, by its name in the configuration
        receiver: ReceiverName,
    },
}

pub(super) async fn alerts(
    arguments: AlertArguments,
    client: &Client,
    console: &mut Console,
) -> Result<(), ClientError> {
    match arguments.command {
        None => console.answer(&client.get::<AlertList>("/alerts").await?, alerts_page),
        Some(AlertCommand::Test { receiver }) => {
            reply(&client.post("/alerts/test", &AlertTestBody { receiver }).await?, console)
        }
    }
}
