//! The module `driftless.core.probe`: verifies many things on a host at once and gives a verdict on each. It changes
//! nothing.
//!
//! A manifest is read as a whole, with mistakes named by item and key, before anything is looked at. Then each item is
//! compared: what it wants of each property, and what was found. What cannot be told is *unknown*, never as wanted. Files of
//! the system that many items need are read once, programs are run once for all items, and what waits for the network waits
//! together.

mod accounts;
mod certificate;
mod item;
mod kernel;
mod keys;
mod manifest;
pub mod module;
mod packages;
mod paths;
mod remote;
mod services;
mod sockets;
mod sources;
mod tls;
mod url;
mod verdict;

use std::time::{Duration, Instant};

use driftless_host::Host;
use serde_json::{Value, json};

use crate::item::{Certificate, CertificatePlace, Item, Wanted};
pub use crate::keys::Mistake;
use crate::sources::Sources;
use crate::verdict::Comparison;
pub use crate::verdict::{State, Summary, Verdict};

/// The verdicts on the items of a manifest, in their order, or what is wrong with the manifest.
///
/// `now` is the time since 1970, for certificates. Reading ends when `timeout` has passed; what was not read then is
/// unknown.
pub fn probe(
    host: &Host,
    items: Vec<Value>,
    now: Duration,
    timeout: Duration,
) -> Result<Vec<Verdict>, Vec<Mistake>> {
    let items = manifest::parse(items)?;
    let deadline = Instant::now() + timeout;
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let mut comparisons = here(host, &items, now, deadline);
    let waiting = items.iter().enumerate().filter(|(_, item)| item.wanted.waits().is_some());
    let waiting = waiting.map(|(number, item)| (number, item.wanted.clone())).collect();
    for (number, comparison) in remote::compare(waiting, now, deadline) {
        if let Some(place) = comparisons.get_mut(number) {
            *place = comparison;
        }
    }
    let verdicts = items.into_iter().zip(comparisons).enumerate().map(|(index, (item, comparison))| {
        let kind = item.wanted.kind();
        let name = item.name.unwrap_or_else(|| item.wanted.subject());
        comparison.into_verdict(index, name, kind)
    });
    Ok(verdicts.collect())
}

/// Compares what is on the host itself. Items that wait for others are left empty.
fn here(host: &Host, items: &[Item], now: i64, deadline: Instant) -> Vec<Comparison> {
    let mut sources = Sources::new(host, deadline);
    for item in items {
        match &item.wanted {
            // rpm knows packages without their architecture.
            Wanted::Package(package) => {
                let name = package.name.split(':').next().unwrap_or_default();
                sources.asked_packages.push(name.to_owned());
            }
            Wanted::Service(service) => sources.asked_units.push(service.unit.clone()),
            _ => {}
        }
    }
    items
        .iter()
        .map(|item| {
            let mut comparison = Comparison::default();
            compare(&item.wanted, &sources, now, &mut comparison);
            comparison
        })
        .collect()
}

fn compare(wanted: &Wanted, sources: &Sources<'_>, now: i64, comparison: &mut Comparison) {
    match wanted {
        Wanted::File(file) => paths::file(file, sources, comparison),
        Wanted::Directory(place) => paths::directory(place, sources, comparison),
        Wanted::Link(link) => paths::link(link, sources, comparison),
        Wanted::Absent(path) => paths::absent(path, sources, comparison),
        Wanted::Line(line) => paths::line(line, sources, comparison),
        Wanted::Package(package) => sources.packages().compare(package, comparison),
        Wanted::Service(service) => services::compare(service, sources, comparison),
        Wanted::User(user) => sources.accounts().compare_user(user, comparison),
        Wanted::Group(group) => sources.accounts().compare_group(group, comparison),
        Wanted::Sysctl { name, value } => kernel::sysctl(name, value, sources, comparison),
        Wanted::Mount(mount) => kernel::mount(mount, sources, comparison),
        Wanted::Listen(listen) => match sources.sockets() {
            Ok(sockets) => sockets.compare(listen, comparison),
            Err(reason) => {
                let word = if listen.listening { "listening" } else { "closed" };
                comparison.unknown("state", json!(word), reason.clone());
            }
        },
        Wanted::Certificate(Certificate { place: CertificatePlace::File(path), days }) => {
            certificate_file(path, *days, sources, now, comparison);
        }
        Wanted::Certificate(_) | Wanted::Http(_) | Wanted::Tcp(_) => {}
    }
}

fn certificate_file(path: &str, days: u64, sources: &Sources<'_>, now: i64, comparison: &mut Comparison) {
    let content = match paths::content(sources, path) {
        Ok(Some(content)) => content,
        Ok(None) => {
            let reason = format!("there is no file {path}");
            return comparison.different("days", json!(days), json!(null), reason);
        }
        Err(reason) => return comparison.unknown("days", json!(days), reason),
    };
    match certificate::in_file(&content) {
        Ok(validity) => certificate::compare(&validity, days, now, comparison),
        Err(problem) => {
            comparison.different("days", json!(days), json!(null), format!("{path} {problem}"));
        }
    }
}

#[cfg(test)]
mod tests;
