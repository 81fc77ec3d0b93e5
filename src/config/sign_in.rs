//! What the operator says of signing in to the pages.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::access::{Lender, SecretSource};
use super::check::Findings;
use super::operator_keys::{PATH, optional, required, with_default};
use super::shape::{Key, Rule, Shape};
use super::value::Value;
use crate::domain::{Grant, Role, Scope};

/// The keys of `sign_in`.
pub(super) static SIGN_IN: &[Key] = &[optional(
    "oidc",
    Shape::Group(OIDC),
    "A provider of accounts that speaks OpenID Connect. Needs `public_url`. Absent: tokens and links only.",
)];

static OIDC: &[Key] = &[
    required(
        "issuer",
        Shape::Text(&ISSUER),
        "The provider, exactly as it names itself in `/.well-known/openid-configuration`.",
    ),
    required("client_id", Shape::Text(&WORD), "What driftless is called there."),
    required("client_secret", Shape::Secret, "What driftless proves to the provider who it is with."),
    with_default("name", Shape::Text(&LABEL), "your account", "What the page to sign in calls it."),
    with_default(
        "name_claim",
        Shape::Text(&WORD),
        "preferred_username",
        "The claim whose text is recorded with what somebody does, behind `oidc:`. Without it, `sub` is.",
    ),
    optional(
        "scopes",
        Shape::List(&Shape::Text(&WORD)),
        "What is asked for beside `openid`. Absent: `profile` and `email`.",
    ),
    required(
        "roles",
        Shape::List(&Shape::Group(RULE)),
        "Who may what. The first rule that fits counts; whom none fits cannot sign in.",
    ),
    optional(
        "hosts",
        Shape::List(&Shape::Text(&HOST)),
        "Further hosts on which the provider has its token and key endpoints. Absent: that of `issuer` alone.",
    ),
    optional(
        "ca_bundle",
        PATH,
        "Certificates that the provider may be signed by, instead of those of the system.",
    ),
];

static RULE: &[Key] = &[
    required(
        "claim",
        Shape::Text(&WORD),
        "A claim of the ID token, a text or a list of texts: `groups`, for example.",
    ),
    required("value", Shape::Text(&LABEL), "The text that it is, or that is in the list."),
    required("role", Shape::Choice(&["viewer", "operator", "admin"]), "What somebody with it may do."),
    optional(
        "stacks",
        Shape::List(&Shape::Text(&GRANT)),
        "With what: `source` for all of a source, `source/stack` for one stack. Absent: with everything.",
    ),
];

/// The key `public_url`.
pub(super) static PUBLIC_URL: Rule = Rule {
    what: "the URL that browsers use",
    placeholder: "",
    pattern: "^https?://[^/?#@\\s]+/?$",
    check: public_url,
};

static ISSUER: Rule = Rule {
    what: "the URL of a provider of accounts",
    placeholder: "",
    pattern: "^https?://[^?#@\\s]+$",
    check: issuer,
};

static WORD: Rule = Rule { what: "a word", placeholder: "", pattern: "^[!-~]{1,200}$", check: word };

static HOST: Rule = Rule {
    what: "a name of a host",
    placeholder: "",
    pattern: "^[A-Za-z0-9][A-Za-z0-9.-]{0,252}$",
    check: host,
};

static LABEL: Rule =
    Rule { what: "a text of one line", placeholder: "", pattern: "^.{1,200}$", check: label };

static GRANT: Rule = Rule {
    what: "a source or a stack",
    placeholder: "",
    pattern: "^[a-z0-9][a-z0-9_-]{0,62}(/[a-z0-9][a-z0-9_-]{0,62})?$",
    check: grant,
};

fn refuse(condition: bool, help: &str) -> Result<(), String> {
    if condition { Err(help.to_owned()) } else { Ok(()) }
}

/// The parts of a URL that is here for its origin.
fn read(text: &str) -> Option<url::Url> {
    let url = url::Url::parse(text).ok()?;
    let plain = url.query().is_none() && url.fragment().is_none();
    let anonymous = url.username().is_empty() && url.password().is_none();
    (["http", "https"].contains(&url.scheme()) && url.has_host() && plain && anonymous).then_some(url)
}

fn public_url(text: &str) -> Result<(), String> {
    let help = "write scheme and host, for example `https://fleet.example.org`: driftless is at the root of its host";
    refuse(read(text).is_none_or(|it| it.path() != "/"), help)
}

fn issuer(text: &str) -> Result<(), String> {
    let Some(url) = read(text) else {
        return Err(
            "write it as the provider does, for example `https://id.example.org/realms/main`".to_owned()
        );
    };
    refuse(
        url.scheme() == "http" && !is_loopback(&url),
        "it must be `https`: what it says is who may do what here",
    )
}

fn is_loopback(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(it)) => it.is_loopback(),
        Some(url::Host::Ipv6(it)) => it.is_loopback(),
        None => false,
    }
}

fn word(text: &str) -> Result<(), String> {
    let plain = text.bytes().all(|it| it.is_ascii_graphic());
    refuse(
        !plain || text.is_empty() || 200 < text.len(),
        "use up to 200 letters, digits and signs, no spaces",
    )
}

fn host(text: &str) -> Result<(), String> {
    let first = text.starts_with(|it: char| it.is_ascii_alphanumeric());
    let plain = text.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'.' || it == b'-');
    refuse(!first || !plain || 253 < text.len(), "write its name alone, for example `keys.example.org`")
}

fn label(text: &str) -> Result<(), String> {
    let wrong = text.is_empty() || 200 < text.chars().count() || text.chars().any(char::is_control);
    refuse(wrong, "write one line of up to 200 characters")
}

fn grant(text: &str) -> Result<(), String> {
    refuse(text.parse::<Grant>().is_err(), "write `source` or `source/stack`")
}

/// How people sign in, beside tokens and links.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SignIn {
    /// A provider of accounts.
    pub oidc: Option<OidcConfig>,
}

/// A provider of accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcConfig {
    /// It, as it names itself.
    pub issuer: String,
    /// What we are called there.
    pub client_id: String,
    /// What we prove who we are with.
    pub client_secret: SecretSource,
    /// What the page to sign in calls it.
    pub name: String,
    /// The claim that names somebody.
    pub name_claim: String,
    /// What is asked for beside `openid`.
    pub scopes: Vec<String>,
    /// Who may what; the first that fits counts.
    pub roles: Vec<RoleRule>,
    /// Further hosts that it answers on.
    pub hosts: Vec<String>,
    /// Certificates that it may be signed by; `None` for those of the system.
    pub ca_bundle: Option<PathBuf>,
}

/// What somebody with a claim may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleRule {
    /// The claim.
    pub claim: String,
    /// What it is, or has in it.
    pub value: String,
    /// What somebody may do.
    pub role: Role,
    /// With what.
    pub scope: Scope,
}

impl SignIn {
    pub(super) fn of(value: &Value, lender: &Lender<'_>) -> Self {
        let oidc = value.get("sign_in").and_then(|it| it.get("oidc"));
        Self { oidc: oidc.and_then(|it| OidcConfig::of(it, lender)) }
    }
}

impl OidcConfig {
    fn of(value: &Value, lender: &Lender<'_>) -> Option<Self> {
        let scopes = match value.get("scopes") {
            Some(_) => value.texts("scopes"),
            None => ["profile", "email"].map(str::to_owned).into(),
        };
        Some(Self {
            issuer: value.owned("issuer")?,
            client_id: value.owned("client_id")?,
            client_secret: lender.secret(value, "client_secret")?,
            name: value.owned("name")?,
            name_claim: value.owned("name_claim")?,
            scopes,
            roles: value.list("roles").iter().map(RoleRule::of).collect::<Option<_>>()?,
            hosts: value.texts("hosts"),
            ca_bundle: value.path("ca_bundle"),
        })
    }
}

impl RoleRule {
    fn of(value: &Value) -> Option<Self> {
        let grants: Option<BTreeSet<Grant>> =
            value.texts("stacks").iter().map(|it| it.parse().ok()).collect();
        Some(Self {
            claim: value.owned("claim")?,
            value: value.owned("value")?,
            role: value.text("role")?.parse().ok()?,
            scope: if value.get("stacks").is_some() { Scope::Only(grants?) } else { Scope::All },
        })
    }
}

/// `https://host:port` without the stroke at the end, as browsers write an origin.
pub(super) fn origin(value: &Value) -> Option<String> {
    Some(read(value.text("public_url")?)?.origin().ascii_serialization())
}

/// Complains of a provider that could not send anybody back.
pub(super) fn check(value: &Value, findings: &mut Findings) {
    let Some(oidc) = value.get("sign_in").and_then(|it| it.get("oidc")) else { return };
    if value.get("public_url").is_none() {
        let help = "add `public_url:` with what people write into their browsers";
        findings.error("the provider could not send browsers back", &oidc.place, help);
    }
    if oidc.list("roles").is_empty() {
        let help = "add rules to `roles`: without one that fits, nobody can sign in";
        findings.error("this provider is for nobody", &oidc.place, help);
    }
}
