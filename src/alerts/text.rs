//! What a notification says, in a form that does no harm where it is shown.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::domain::{AlertSubject, Notice, NoticeState, Notification, Template};

/// The longest line from outside.
const LINE: usize = 300;

/// How many lines of details one notice has.
const DETAILS: usize = 10;

/// The longest text of chats, in bytes: Slack cuts at 40,000 characters, Teams refuses more than 28 KB, Matrix 64 KB with
/// everything around it, Mattermost 16,383 characters.
const CHAT: usize = 12 * 1024;

/// The longest text of mails and webhooks, in bytes.
const OTHER: usize = 64 * 1024;

/// Where a message is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Where some texts mention people or become links and pictures.
    Chat,
    /// As plain text.
    Mail,
    /// Read by a program.
    Data,
}

/// A message as it is sent.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) id: String,
    /// In one line.
    pub(super) title: String,
    /// All of it.
    pub(super) text: String,
    /// The page, if it is about one thing.
    pub(super) link: Option<String>,
    /// The same for programs.
    pub(super) data: Value,
}

impl Message {
    pub(super) fn compose(
        notification: &Notification,
        template: &Template,
        base: Option<&str>,
        form: Form,
    ) -> Self {
        let notices = &notification.notices;
        let limit = if form == Form::Chat { CHAT } else { OTHER };
        let (mut text, mut shown) = (String::new(), 0);
        for notice in notices {
            let block = block(notice, template, base, form);
            // Room for saying how many more there are.
            if shown != 0 && limit < text.len() + block.len() + 100 {
                break;
            }
            if shown != 0 {
                text.push_str(if form == Form::Mail { "\n\n" } else { "\n" });
            }
            text.push_str(&cut(&block, limit));
            shown += 1;
        }
        let more = (notices.len() - shown) as u64 + u64::from(notification.left_out);
        if more != 0 {
            let _infallible = write!(text, "\nand {more} more; `driftless alerts` lists what is open");
        }
        Self {
            id: notification.id.clone(),
            title: title(notification, form),
            link: match notices.as_slice() {
                [one] => link(one, base),
                _ => None,
            },
            data: data(notification, base, more),
            text,
        }
    }
}

fn title(notification: &Notification, form: Form) -> String {
    if let [one] = notification.notices.as_slice() {
        return format!("[{}] {}", label(one), line(&one.summary, form));
    }
    let count = |state| notification.notices.iter().filter(|it| it.state == state).count();
    let (raised, over) = (count(NoticeState::Raised), count(NoticeState::Resolved));
    format!("[{}] {raised} began, {over} are over", notification.severity())
}

/// How much it matters, or that it is over.
fn label(notice: &Notice) -> &'static str {
    match notice.state {
        NoticeState::Raised => notice.severity.as_str(),
        NoticeState::Resolved | NoticeState::Test => notice.state.as_str(),
    }
}

fn link(notice: &Notice, base: Option<&str>) -> Option<String> {
    // Paths are made of names, which hold nothing that would have to be escaped; whatever else there is is no path.
    let is_path = notice.link.starts_with('/')
        && notice.link.chars().all(|it| it.is_ascii_alphanumeric() || "/-_.".contains(it));
    base.filter(|_| is_path).map(|base| format!("{}{}", base.trim_end_matches('/'), notice.link))
}

fn block(notice: &Notice, template: &Template, base: Option<&str>, form: Form) -> String {
    template.fill(|place| match place {
        "label" => label(notice).to_owned(),
        "state" => notice.state.to_string(),
        "severity" => notice.severity.to_string(),
        "kind" => notice.alert.as_ref().map_or_else(String::new, |it| it.kind.to_string()),
        "subject" => subject(notice),
        "summary" => line(&notice.summary, form),
        "details" => details(notice, form).join("\n"),
        "since" => format!("{:.0}", notice.since),
        "link" => link(notice, base).unwrap_or_default(),
        _ => String::new(),
    })
}

fn subject(notice: &Notice) -> String {
    match notice.alert.as_ref().map(|it| &it.subject) {
        Some(AlertSubject::Daemon) => "driftless".to_owned(),
        Some(subject) => subject.to_string(),
        None => String::new(),
    }
}

fn details(notice: &Notice, form: Form) -> Vec<String> {
    notice.details.iter().take(DETAILS).map(|it| line(it, form)).collect()
}

fn data(notification: &Notification, base: Option<&str>, left_out: u64) -> Value {
    let notices = notification.notices.iter().map(|it| {
        json!({
            "id": it.alert.as_ref().map(ToString::to_string),
            "kind": it.alert.as_ref().map(|it| it.kind),
            "subject": subject(it),
            "state": it.state,
            "severity": it.severity,
            "since": it.since,
            "at": it.at,
            "summary": line(&it.summary, Form::Data),
            "details": details(it, Form::Data),
            "url": link(it, base),
        })
    });
    json!({ "receiver": notification.receiver, "notices": notices.collect::<Vec<_>>(), "left_out": left_out })
}

/// A line from outside: short, without control characters, and in chats without what mentions or links.
pub(super) fn line(text: &str, form: Form) -> String {
    let mut plain = String::with_capacity(text.len());
    for (at, it) in text.chars().enumerate() {
        if at == LINE {
            plain.push('…');
            break;
        }
        match it {
            it if it.is_control() || is_invisible(it) => plain.extend(it.escape_unicode()),
            it => plain.push(it),
        }
    }
    if form != Form::Chat {
        return plain;
    }
    // A space without width: what is read stays the same, what programs look for is broken.
    let gap = '\u{200b}';
    let mut harmless = String::with_capacity(plain.len());
    let mut before = ' ';
    for it in plain.chars() {
        match (before, it) {
            // Links and pictures of Markdown, and addresses.
            (']', '(' | '[') | ('!', '[') | (':' | '/', '/') => harmless.push(gap),
            _ => {}
        }
        harmless.push(it);
        if matches!(it, '@' | '＠') {
            harmless.push(gap);
        }
        before = it;
    }
    harmless
}

/// Characters that change how others are shown, or are not seen at all.
fn is_invisible(it: char) -> bool {
    matches!(it, '\u{61c}' | '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn cut(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let end = (0..=limit).rev().find(|it| text.is_char_boundary(*it)).unwrap_or_default();
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{AlertSeverity, Timestamp};

    fn notice(summary: &str) -> Notice {
        Notice {
            alert: Some("apply_failed infra/web".parse().expect("an alert")),
            state: NoticeState::Raised,
            severity: AlertSeverity::Critical,
            since: Timestamp::UNIX_EPOCH,
            at: Timestamp::UNIX_EPOCH,
            summary: summary.to_owned(),
            details: vec!["2 of 3 hosts failed".to_owned()],
            link: "/runs/7".to_owned(),
        }
    }

    fn notification(notices: Vec<Notice>) -> Notification {
        Notification { notices, ..Notification::new("ops".parse().expect("a name"), Timestamp::UNIX_EPOCH) }
    }

    fn text(notices: Vec<Notice>, form: Form) -> String {
        Message::compose(&notification(notices), &Template::default(), Some("https://d.example/"), form).text
    }

    #[test]
    fn one_thing_reads_like_a_sentence() {
        let said = text(vec![notice("the apply failed")], Form::Mail);
        assert_eq!(said, "[critical] the apply failed\n2 of 3 hosts failed\nhttps://d.example/runs/7");
        let over = Notice { state: NoticeState::Resolved, ..notice("it works") };
        let template: Template = "{label} {severity} {kind} {subject} {since} {state}".parse().expect("fine");
        let said = Message::compose(&notification(vec![over.clone()]), &template, None, Form::Data);
        let words = "resolved critical apply_failed infra/web 1970-01-01T00:00:00Z resolved";
        assert_eq!((said.text.as_str(), said.title.as_str()), (words, "[resolved] it works"));
        let two = Message::compose(&notification(vec![over, notice("x")]), &template, None, Form::Chat);
        assert_eq!(two.title, "[critical] 1 began, 1 are over");
    }

    #[test]
    fn nothing_from_outside_mentions_links_or_hides() {
        for (bad, trigger) in [
            ("@everyone look", "@everyone"),
            ("[x](https://evil.example)", "]("),
            ("![x](y)", "!["),
            ("see https://evil.example", "://"),
            ("<b>\u{202e}txt", "\u{202e}"),
            ("a\u{1b}]8;;x\u{7}b", "\u{1b}"),
            ("a\nBcc: x", "\n"),
            ("a\r\nb", "\r"),
        ] {
            let shown = line(bad, Form::Chat);
            assert!(!shown.contains(trigger), "{shown:?}");
        }
        let long = line(&"x".repeat(5000), Form::Mail);
        assert_eq!(long.chars().count(), LINE + 1);
        let elsewhere = Notice { link: "//evil.example/@x".to_owned(), ..notice("x") };
        assert_eq!(link(&elsewhere, Some("https://d.example")), None);
    }

    #[test]
    fn what_has_no_room_is_counted() {
        let many: Vec<Notice> = (0..100).map(|_| notice(&"y".repeat(250))).collect();
        let said = text(many, Form::Chat);
        assert!(said.len() <= CHAT, "{}", said.len());
        let more: u32 =
            said.rsplit("and ").next().and_then(|it| it.split(' ').next()?.parse().ok()).expect("a number");
        assert_eq!(said.matches("[critical]").count() + more as usize, 100);
    }
}
