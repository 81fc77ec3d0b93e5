//! Whom we speak to: only what is encrypted, or on this machine.

use std::net::IpAddr;

use reqwest::Url;
use url::Host;

use super::SendError;
use crate::domain::outbound::{is_localhost, permit};

/// An address of the operator, and whether it names this machine in so many words.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) url: Url,
    pub(super) names_loopback: bool,
}

impl Target {
    /// Refuses what is neither encrypted nor on this machine.
    pub(super) fn parse(text: &str) -> Result<Self, SendError> {
        let url = Url::parse(text.trim()).map_err(|_| SendError::Address("it is not a URL"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(SendError::Address("it has a user or a password"));
        }
        let host = url.host().ok_or(SendError::Address("it has no host"))?;
        let (literal, names_loopback) = match host {
            Host::Ipv4(it) => (Some(IpAddr::V4(it)), it.is_loopback()),
            Host::Ipv6(it) => (Some(IpAddr::V6(it)), IpAddr::V6(it).to_canonical().is_loopback()),
            Host::Domain(name) => (None, is_localhost(name)),
        };
        if let Some(address) = literal {
            permit(address, names_loopback)?;
        }
        match url.scheme() {
            "https" => {}
            "http" if names_loopback => {}
            "http" => return Err(SendError::Address("plain http shows it to the network: write `https://`")),
            _ => return Err(SendError::Address("it does not begin with `https://`")),
        }
        Ok(Self { url, names_loopback })
    }
}
