//! Alerts.

use super::operator;
use crate::config::ReceiverKind;
use crate::domain::{AlertKind, AlertSeverity, Span, Weekday};

const SOURCE: &str = "sources:\n  infra: {url: https://git.example/infra.git}\n";

fn with(alerts: &str) -> Result<crate::config::Config, crate::config::Report> {
    operator(&format!("{SOURCE}alerts:\n{alerts}"))
}

#[test]
fn without_a_word_nobody_is_told() {
    let alerts = operator(SOURCE).expect("a configuration").alerts;
    assert!(alerts.receivers.is_empty() && alerts.policy.routes.is_empty());
    assert_eq!(alerts.policy.unreachable_longer_than, Span::from_mins(15));
    assert_eq!(alerts.give_up_after, Span::from_hours(24));
}

#[test]
fn receivers_and_routes_are_read() {
    let config = with(
        "
  receivers:
    chat: {slack: {url: {file: /etc/driftless/slack}, template: \"{label}: {summary}\"}}
    room:
      matrix: {homeserver: https://matrix.example.org, room: \"!a:example.org\", token: {credential: matrix}}
    pager: {webhook: {url: https://pager.example.org/in, secret: {file: /etc/driftless/pager}}}
    team: {teams: {url: {file: /etc/driftless/teams}}}
    mail: {smtp: {host: localhost, encryption: none, from: d@example.org, to: [ops@example.org]}}
  routes:
    - {to: [pager], severity: critical}
    - to: [chat, room, team]
      stacks: [infra/*]
      kinds: [drift, apply_failed]
      hours: {days: [mon, fri], from: \"08:00\", to: \"24:00\", timezone: Europe/Berlin}
    - {to: [mail], digest: 1d}
",
    )
    .expect("a configuration");
    let alerts = config.alerts;
    assert_eq!(alerts.policy.receivers.len(), 5);
    let [first, second, third] = alerts.policy.routes.as_slice() else { panic!("{alerts:?}") };
    assert_eq!(first.severity, Some(AlertSeverity::Critical));
    assert_eq!(second.kinds, [AlertKind::ApplyFailed, AlertKind::Drift].into());
    let hours = second.hours.as_ref().expect("hours");
    assert_eq!(hours.days, [Weekday::Mon, Weekday::Fri].into());
    assert_eq!(third.digest, Some(Span::from_hours(24)));
    let mail = &alerts.receivers[&"mail".parse().expect("a name")];
    assert!(matches!(&mail.kind, ReceiverKind::Smtp { port: 25, login: None, .. }), "{mail:?}");
}

#[test]
fn what_cannot_be_meant_is_refused_with_what_to_write() {
    for (wrong, says) in [
        ("  receivers: {chat: {}}", "is nowhere"),
        ("  receivers: {chat: {slack: {url: https://hooks.slack.com/T0/B0/x}}}", "is a secret"),
        ("  receivers: {chat: {slak: {url: {file: /x}}}}", "unknown key"),
        ("  receivers: {chat: {slack: {url: {file: /x}}, teams: {url: {file: /y}}}}", "says both"),
        ("  receivers: {chat: {slack: {url: {file: /x}, template: \"{sumary}\"}}}", "use `{label}`"),
        ("  receivers: {Chat: {slack: {url: {file: /x}}}}", "not a name of a receiver"),
        ("  receivers: {p: {webhook: {url: http://pager.example/, secret: {file: /x}}}}", "plain http"),
        (
            "  receivers: {p: {webhook: {url: https://u:p@pager.example/, secret: {file: /x}}}}",
            "without a user",
        ),
        (
            "  receivers: {r: {matrix: {homeserver: https://m.example, room: \"#a:b\", token: {file: /x}}}}",
            "an alias",
        ),
        (
            "  receivers: {m: {smtp: {host: m.example, encryption: none, from: a@b.c, to: [a@b.c]}}}",
            "everybody on the way",
        ),
        ("  receivers: {m: {smtp: {host: m.example, user: me, from: a@b.c, to: [a@b.c]}}}", "no `password`"),
        (
            "  receivers: {m: {smtp: {host: m.example, from: \"a@b.c\\nBcc: x@y.z\", to: [a@b.c]}}}",
            "not a mail address",
        ),
        ("  receivers: {m: {smtp: {host: m.example, from: a@b.c, to: []}}}", "goes to nobody"),
        ("  routes: [{to: [chat]}]", "there is no receiver `chat`"),
        ("  receivers: {chat: {slack: {url: {file: /x}}}}\n  routes: [{to: [chta]}]", "did you mean `chat`"),
        ("  receivers: {chat: {slack: {url: {file: /x}}}}\n  routes: [{to: []}]", "leads to nobody"),
        (
            "  receivers: {chat: {slack: {url: {file: /x}}}}\n  routes: [{to: [chat], stacks: [web]}]",
            "write `source/stack`",
        ),
        (
            "  receivers: {chat: {slack: {url: {file: /x}}}}\n  routes: [{to: [chat], kinds: [drifted]}]",
            "did you mean `drift`",
        ),
        (
            "  receivers: {chat: {slack: {url: {file: /x}}}}\n  routes: [{to: [chat], hours: {from: \"18:00\", to: \"08:00\"}}]",
            "end before they begin",
        ),
        (
            "  receivers: {chat: {slack: {url: {file: /x}}}}\n  routes: [{to: [chat], hours: {from: 8am, to: \"18:00\"}}]",
            "hours and minutes",
        ),
    ] {
        let report = with(wrong).expect_err(wrong).to_string();
        assert!(report.contains(says), "{wrong}:\n{report}");
        assert!(!report.contains("/T0/B0/x"), "{report}");
    }
    let config = with(
        "  receivers: {a: {slack: {url: {file: /x}}}, b: {slack: {url: {file: /x}}}}\n  routes: [{to: [a]}]",
    );
    assert!(config.expect("valid").warnings.to_string().contains("no route leads to the receiver `b`"));
}

/// Each example of the docs, with what stands around it left out there.
#[test]
fn the_examples_of_the_docs_are_valid() {
    let page = include_str!("../../../docs/alerts.md");
    let mut seen = 0;
    for block in page.split("```yaml\n").skip(1).filter_map(|it| it.split("```").next()) {
        let others = "    pager: {slack: {url: {file: /x}}}\n    mail: {slack: {url: {file: /x}}}\n    ops: {slack: {url: {file: /x}}}\n";
        let alerts = match block.strip_prefix("alerts:\n") {
            Some(rest) if rest.contains("receivers:") => rest.to_owned(),
            Some(rest) => format!("  receivers:\n{others}{rest}"),
            None => format!("  receivers:\n{block}"),
        };
        with(&alerts).unwrap_or_else(|report| panic!("{report}"));
        seen += 1;
    }
    assert!(seen >= 8, "{seen}");
}
