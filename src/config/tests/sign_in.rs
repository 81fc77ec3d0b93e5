//! Providers of accounts, and who may what by them.

use super::super::{Config, Report};
use super::checks;
use crate::domain::{Role, Scope};

fn parse(public: &str, oidc: &str) -> Result<Config, Report> {
    let text = format!(
        "sources:\n  infra:\n    url: https://git.example/infra.git\n{public}sign_in:\n  oidc:\n{oidc}"
    );
    Config::parse("/etc/driftless/config.yml", &text, None, &checks())
}

const PUBLIC: &str = "public_url: https://Fleet.example.org/\n";
const CLIENT: &str = "    issuer: https://id.example.org/realms/main\n    client_id: driftless\n    \
    client_secret: {file: /nonexistent}\n";
const ROLES: &str = "    roles:\n      - {claim: groups, value: web, role: operator, stacks: [infra/web, lab]}\n      \
    - {claim: groups, value: all, role: viewer}\n";

#[test]
fn a_provider_says_who_may_what() {
    let config = parse(PUBLIC, &format!("{CLIENT}{ROLES}")).unwrap_or_else(|it| panic!("{it}"));
    assert_eq!(config.public_url.as_deref(), Some("https://fleet.example.org"));
    let oidc = config.sign_in.oidc.expect("a provider");
    assert_eq!(oidc.issuer, "https://id.example.org/realms/main");
    assert_eq!((oidc.name.as_str(), oidc.name_claim.as_str()), ("your account", "preferred_username"));
    assert_eq!(oidc.scopes, ["profile", "email"]);
    let [web, all] = oidc.roles.as_slice() else { panic!("two rules") };
    assert_eq!((web.role, all.role, &all.scope), (Role::Operator, Role::Viewer, &Scope::All));
    assert!(
        web.scope.has_stack(&"lab/any".parse().unwrap())
            && web.scope.has_stack(&"infra/web".parse().unwrap())
    );
    assert!(!web.scope.has_stack(&"infra/db".parse().unwrap()));
}

#[test]
fn a_provider_that_could_not_work_is_refused_where_it_stands() {
    let all = format!("{CLIENT}{ROLES}");
    let cases = [
        ("", all.clone(), "could not send browsers back"),
        (PUBLIC, format!("{CLIENT}    roles: []\n"), "for nobody"),
        (PUBLIC, CLIENT.to_owned(), "has no `roles`"),
        (PUBLIC, all.replace("https://id", "http://id"), "it must be `https`"),
        (PUBLIC, all.replace("https://id", "https://user:hunter2@id"), "write it as the provider does"),
        (PUBLIC, all.replace("operator", "root"), "`viewer` or `operator` or `admin`"),
        (PUBLIC, all.replace("infra/web", "Infra"), "write `source` or `source/stack`"),
        ("public_url: https://fleet.example.org/driftless\n", all.clone(), "at the root of its host"),
        ("public_url: fleet.example.org\n", all.clone(), "write scheme and host"),
        ("public_url: javascript:alert(1)\n", all, "write scheme and host"),
    ];
    for (public, oidc, wanted) in cases {
        let shown = parse(public, &oidc).expect_err(wanted).render(false);
        assert!(shown.contains(wanted), "{wanted}:\n{shown}");
    }
}

#[test]
fn a_provider_on_this_machine_may_do_without_tls() {
    for issuer in ["http://127.0.0.1:8080", "http://[::1]:8080/x", "http://localhost:8080"] {
        let text = format!("{CLIENT}{ROLES}").replace("https://id.example.org/realms/main", issuer);
        assert!(
            parse(
                PUBLIC,
                &text.replace("issuer: http://[", "issuer: \"http://[").replace("]:8080/x", "]:8080/x\"")
            )
            .is_ok(),
            "{issuer}"
        );
    }
}
