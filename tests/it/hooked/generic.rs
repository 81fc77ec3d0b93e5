//! The script of `docs/webhooks.md`, as it stands there: whoever copies it is understood.

use std::process::{Command, Output};

use super::Hooked;
use crate::acceptance::writes;

/// The script of the page, for this daemon.
fn script(hooked: &Hooked) -> String {
    let page = include_str!("../../../docs/webhooks.md");
    let (_, rest) = page.split_once("\n## From a script\n").expect("the page has a part about scripts");
    let (_, rest) = rest.split_once("\n```bash\n").expect("with a script");
    let (script, _) = rest.split_once("\n```\n").expect("that ends");
    let secret = hooked.world.path("hook").display().to_string();
    let places = [
        ("/etc/driftless/secrets/infra-webhook", secret.as_str()),
        ("127.0.0.1:9847", hooked.address.as_str()),
    ];
    places.into_iter().fold(script.to_owned(), |text, (named, there)| {
        assert!(text.contains(named), "{named} is not in {text}");
        text.replace(named, there)
    })
}

fn bash(script: &str) -> Output {
    let mut command = Command::new("bash");
    command.args(["-euo", "pipefail", "-c", script]).output().expect("bash is there")
}

#[test]
fn the_script_of_the_page_brings_a_push_about() {
    let hooked = Hooked::from("generic", &writes("one"), "changed");
    let script = script(&hooked);
    hooked.world.repository.write("site.yml", &writes("two"));
    let second = hooked.world.repository.commit("Second");
    // What another secret signs brings nothing about.
    let forged = script.replace("-hmac \"$secret\"", "-hmac \"not$secret\"");
    assert_ne!(forged, script);
    let refused = bash(&forged);
    assert_eq!(refused.status.code(), Some(22), "curl ends with 22 on a 401: {refused:?}");
    let fetches = hooked.fetches();

    let done = bash(&script);
    assert!(done.status.success(), "{done:?}");
    assert_eq!(String::from_utf8_lossy(&done.stdout), "the source is being looked at\n");
    hooked.world.run_of(&second, "changed");
    assert_eq!(hooked.fetches(), fetches + 1);
}
