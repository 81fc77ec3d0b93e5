//! The keys of `alerts`.

use jiff::civil::Time;

use super::operator_keys::{PATH, optional, required, with_default};
use super::shape::{Key, Rule, Shape};
use super::units::{DAY, MINUTE, SECOND};
use super::windows::ZONE;
use crate::domain::outbound::is_localhost;
use crate::domain::{AlertKind, AlertSeverity, ReceiverName, StackPattern, Template, Weekday};

/// The keys of `alerts`.
pub(super) static ALERTS: &[Key] = &[
    optional(
        "receivers",
        Shape::Named(&RECEIVER_NAME, &Shape::OneOf(RECEIVER), false),
        "Who can be told, by a name of your choice.",
    ),
    optional(
        "routes",
        Shape::List(&Shape::Group(ROUTE)),
        "Who is told of what, and when. Absent: all receivers are told of everything at once.",
    ),
    with_default(
        "owed_longer_than",
        Shape::Duration(MINUTE, 30 * DAY),
        "1h",
        "How long a host may be owed a revision before anybody is told.",
    ),
    with_default(
        "unreachable_longer_than",
        Shape::Duration(SECOND, 30 * DAY),
        "15m",
        "How long fetches of a source may fail before anybody is told.",
    ),
    with_default(
        "held_longer_than",
        Shape::Duration(SECOND, 30 * DAY),
        "1h",
        "How long a revision may be held after a run was cancelled before anybody is told. What waits for an approval is told at once.",
    ),
    with_default(
        "settle",
        Shape::Duration(0, DAY),
        "30s",
        "How long something must be over before that is told: what comes back sooner never went.",
    ),
    with_default(
        "group",
        Shape::Duration(0, DAY),
        "10s",
        "What is to be told to a receiver within so long is one message.",
    ),
    with_default(
        "give_up_after",
        Shape::Duration(MINUTE, 30 * DAY),
        "1d",
        "How long a message that does not arrive is tried again.",
    ),
];

const TEMPLATE: Key = optional(
    "template",
    Shape::Text(&TEMPLATE_TEXT),
    "How each notice reads, with places in braces: see [alerts](alerts.md).",
);

const CA_BUNDLE: Key = optional(
    "ca_bundle",
    PATH,
    "Certificates that the server may be signed by, instead of those of the system.",
);

static RECEIVER: &[Key] = &[
    optional(
        "slack",
        Shape::Group(&[required("url", Shape::Secret, "The address of the webhook."), TEMPLATE, CA_BUNDLE]),
        "An incoming webhook of Slack, or of Mattermost, Rocket.Chat and others that understand the same.",
    ),
    optional(
        "matrix",
        Shape::Group(&[
            required(
                "homeserver",
                Shape::Text(&URL),
                "The server of the account: `https://matrix.example.org`.",
            ),
            required(
                "room",
                Shape::Text(&ROOM),
                "The room by its id, which begins with `!`. The account must be in it.",
            ),
            required("token", Shape::Secret, "An access token, of an account for driftless alone."),
            TEMPLATE,
            CA_BUNDLE,
        ]),
        "A room of Matrix.",
    ),
    optional(
        "teams",
        Shape::Group(&[
            required(
                "url",
                Shape::Secret,
                "The address of the workflow \"When a Teams webhook request is received\".",
            ),
            TEMPLATE,
            CA_BUNDLE,
        ]),
        "A channel or chat of Microsoft Teams.",
    ),
    optional(
        "webhook",
        Shape::Group(&[
            required("url", Shape::Text(&URL), "Where it is sent."),
            required(
                "secret",
                Shape::Secret,
                "The key of the signature, as Standard Webhooks says: a text, or base64 after `whsec_`.",
            ),
            TEMPLATE,
            CA_BUNDLE,
        ]),
        "A program of yours, which verifies the signature.",
    ),
    optional(
        "smtp",
        Shape::Group(&[
            required("host", Shape::Text(&HOST), "The name of the mail server."),
            optional(
                "port",
                Shape::Count(1, 65535),
                "Its port. Absent: 587 with `starttls`, 465 with `implicit`, 25 with `none`.",
            ),
            with_default(
                "encryption",
                Shape::Choice(&["starttls", "implicit", "none"]),
                "starttls",
                "How the connection is encrypted. `none` is for a server on this machine.",
            ),
            optional("user", Shape::Text(&USER), "The user to log in as. Absent: there is no login."),
            optional("password", Shape::Secret, "The password of the user."),
            required("from", Shape::Text(&MAIL), "The address that mails come from."),
            required("to", Shape::List(&Shape::Text(&MAIL)), "The addresses that they go to."),
            TEMPLATE,
            CA_BUNDLE,
        ]),
        "Mail.",
    ),
];

static ROUTE: &[Key] = &[
    required("to", Shape::List(&Shape::Text(&RECEIVER_NAME)), "The receivers that are told."),
    optional(
        "stacks",
        Shape::List(&Shape::Text(&STACKS)),
        "Only of these: `infra/web`, `infra/*`, `*/web`. What is of a whole source goes where all its stacks go. Absent: of all, and of the daemon.",
    ),
    optional("kinds", Shape::List(&Shape::Choice(AlertKind::WORDS)), "Only of these kinds. Absent: of all."),
    optional(
        "severity",
        Shape::Choice(AlertSeverity::WORDS),
        "Only of what matters at least so much. Absent: of all.",
    ),
    optional(
        "hours",
        Shape::Group(HOURS),
        "Only within these hours; what comes outside waits for them. Absent: always.",
    ),
    optional(
        "digest",
        Shape::Duration(MINUTE, 7 * DAY),
        "One message for all that comes within so long. Absent: at once.",
    ),
];

static HOURS: &[Key] = &[
    optional("days", Shape::List(&Shape::Choice(Weekday::WORDS)), "On which days. Absent: on each."),
    required("from", Shape::Text(&CLOCK), "When they begin, quoted: `\"08:00\"`."),
    required("to", Shape::Text(&CLOCK), "When they end, quoted; `\"24:00\"` is the end of the day."),
    with_default("timezone", Shape::Text(&ZONE), "UTC", "Whose clocks."),
];

macro_rules! rules {
    ($($name:ident: $what:literal, $placeholder:literal, $pattern:literal, $check:expr;)*) => {$(
        static $name: Rule =
            Rule { what: $what, placeholder: $placeholder, pattern: $pattern, check: $check };
    )*};
}

rules! {
    RECEIVER_NAME: "a name of a receiver", "<receiver>", "^[a-z0-9][a-z0-9_-]{0,62}$", receiver_name;
    URL: "an address of a server", "", "^https?://[^\\s?#@]+$", url;
    ROOM: "an id of a room", "", "^![^\\s]{1,254}$", room;
    HOST: "a name of a server", "", "^[^\\s]{1,253}$", host;
    USER: "a user name", "", "^.{1,256}$", user;
    MAIL: "a mail address", "", "^[^\\s@<>]+@[^\\s@<>]+$", mail;
    STACKS: "a pattern of stacks", "", "^[^\\s/]+/[^\\s/]+$", stacks;
    TEMPLATE_TEXT: "a template", "", "^[\\s\\S]{1,2000}$", template;
    CLOCK: "a time of the day", "", "^[0-2][0-9]:[0-5][0-9]$", clock;
}

fn receiver_name(text: &str) -> Result<(), String> {
    let advice = "use 1 to 63 lower-case letters, digits, `-` and `_`, beginning with a letter or a digit";
    text.parse::<ReceiverName>().map(|_| ()).map_err(|_| advice.to_owned())
}

/// What only the address itself tells; where it leads to is looked at by those who connect.
fn url(text: &str) -> Result<(), String> {
    let advice = "write it with `https://`, without a user, `?` and `#`";
    let Some((scheme, rest)) = text.split_once("://") else { return Err(advice.to_owned()) };
    let is_plain = !rest.is_empty()
        && rest.chars().all(|it| it.is_ascii_graphic())
        && !rest.starts_with('/')
        && !rest.contains(['?', '#', '@', '\\']);
    let host = rest.split('/').next().unwrap_or(rest);
    match scheme {
        "https" if is_plain => Ok(()),
        "http" if is_plain && is_here(host) => Ok(()),
        "http" if is_plain => Err("plain http shows it to the network: write `https://`".to_owned()),
        _ => Err(advice.to_owned()),
    }
}

/// Whether a host, with a port or without, is this machine in so many words.
pub(super) fn is_here(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|it| it.is_ascii_digit()) => name,
        _ => host,
    };
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    let address = address.or_else(|_| name.trim_matches(['[', ']']).parse::<std::net::IpAddr>());
    address.map_or_else(|_| is_localhost(name), |it| it.to_canonical().is_loopback())
}

fn room(text: &str) -> Result<(), String> {
    let is_fine = text.starts_with('!')
        && (2..=255).contains(&text.len())
        && text.chars().all(|it| !it.is_whitespace() && !it.is_control());
    if is_fine {
        Ok(())
    } else {
        Err("write its id, which begins with `!`; an alias with `#` is not one".to_owned())
    }
}

fn host(text: &str) -> Result<(), String> {
    let is_address = text.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok();
    let is_name = !text.is_empty()
        && text.len() < 254
        && !text.starts_with('-')
        && text.chars().all(|it| it.is_ascii_alphanumeric() || ".-_".contains(it));
    if is_address || is_name {
        Ok(())
    } else {
        Err("write its name alone, for example `mail.example.org`".to_owned())
    }
}

fn user(text: &str) -> Result<(), String> {
    let is_fine = (1..=256).contains(&text.len()) && !text.chars().any(char::is_control);
    if is_fine { Ok(()) } else { Err("write one line of at most 256 characters".to_owned()) }
}

fn mail(text: &str) -> Result<(), String> {
    let advice = "write the address alone, for example `ops@example.org`";
    let (name, domain) = text.split_once('@').ok_or(advice)?;
    let word = |it: &str| {
        let allowed = |it: char| it.is_ascii_alphanumeric() || ".-_+=".contains(it);
        let dots = it.starts_with('.') || it.ends_with('.') || it.contains("..");
        !it.is_empty() && it.len() < 255 && !dots && it.chars().all(allowed)
    };
    if word(name) && word(domain) && !domain.starts_with('-') { Ok(()) } else { Err(advice.to_owned()) }
}

fn stacks(text: &str) -> Result<(), String> {
    text.parse::<StackPattern>().map(|_| ())
}

fn template(text: &str) -> Result<(), String> {
    text.parse::<Template>().map(|_| ())
}

fn clock(text: &str) -> Result<(), String> {
    read_clock(text).map(|_| ()).ok_or_else(|| "write hours and minutes, quoted: `\"08:00\"`".to_owned())
}

/// `24:00` is the midnight that ends a day.
pub(super) fn read_clock(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':').filter(|_| text.len() == 5)?;
    let (hour, minute) = (hour.parse::<i8>().ok()?, minute.parse::<i8>().ok()?);
    if (hour, minute) == (24, 0) { Some(Time::midnight()) } else { Time::new(hour, minute, 0, 0).ok() }
}
