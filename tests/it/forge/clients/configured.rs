//! From the operator's file to the forge, and by which names it may be reached.

use driftless::config::{Checks, Config};
use driftless::domain::{Failure, ForgeKind, Secret};
use driftless::forge::{Client, ForgeError, ForgeLimits, ForgeSettings};

use super::super::Forge;
use super::{at_each_forge, main, settings};

at_each_forge! { what_the_operator_writes_leads_to_the_forge only_a_name_of_this_machine_leads_to_it }

async fn what_the_operator_writes_leads_to_the_forge(kind: ForgeKind) {
    let forge = Forge::start(kind);
    forge.push("tls", &[("site.yml", "[]\n")]);
    forge.open("tls", "Serve over TLS", "jdoe");
    let checks = Checks { url: |_, _| Ok(()), env_name: |_| Ok(()), webhook_secret: |_, _| Ok(()) };
    let text = forge.sources("poll: 10s\nreference: main");
    let config =
        Config::parse("config.yml", &text, None, &checks).unwrap_or_else(|it| panic!("{text}\n{it}"));
    let source = config.sources.values().next().expect("a source");
    let it = source.forge.as_ref().expect("a forge");
    let settings = ForgeSettings {
        kind: it.kind,
        api: it.api.clone(),
        project: it.project.clone(),
        token: it.token.read().expect("a token"),
        ca_bundle: it.ca_bundle.clone(),
        limits: ForgeLimits::default(),
    };
    let client = Client::new(&settings).expect("a client");
    let found = client.merge_requests(&source.policy.reference, None).await.expect("a list");
    assert_eq!(found.len(), 1, "{found:?}");
}

async fn only_a_name_of_this_machine_leads_to_it(kind: ForgeKind) {
    let forge = Forge::start(kind);
    let named = |name: &str| {
        let api = forge.api_url().replace("127.0.0.1", name);
        let token = Secret::new(forge.token().to_owned());
        Client::new(&ForgeSettings { api, token, ..settings(&forge) }).expect("a client")
    };
    named("localhost").merge_requests(&main(), None).await.expect("a list");
    forge.requests();
    // Debian has this name for `::1`. Others may find nothing behind it.
    let name = "ip6-loopback";
    let is_known = tokio::net::lookup_host((name, 0)).await.is_ok_and(|mut it| it.next().is_some());
    let error = named(name).merge_requests(&main(), None).await.expect_err("a name that does not say so");
    let failure = match error {
        ForgeError::ForbiddenAddress { .. } => Failure::from(error),
        error => return assert!(!is_known, "{error:?}"),
    };
    assert!(failure.security && failure.message.contains("this machine"), "{failure}");
    assert!(forge.requests().is_empty());
}
