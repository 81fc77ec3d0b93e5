use std::io::Write as _;
use std::path::Path;

use super::*;
use crate::domain::{AskedPlay, HostStats, ResultStatus, TaskIdentity, Timestamp};

/// Takes out what it was told to, letter by letter.
struct Words(Vec<String>);

impl Cleaner for Words {
    fn learn(&mut self, secret: &[u8]) {
        self.0.push(String::from_utf8_lossy(secret).into_owned());
    }
    fn text<'a>(&mut self, text: &'a str) -> Cow<'a, str> {
        let clean = self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "[redacted]"));
        if clean == text { Cow::Borrowed(text) } else { Cow::Owned(clean) }
    }
    fn detail(&mut self, detail: &mut Detail) {
        detail.msg = self.text(&detail.msg).into_owned();
    }
    fn output(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.text(&String::from_utf8_lossy(bytes)).as_bytes().to_vec()
    }
    fn rest(&mut self) -> Vec<u8> {
        b"rest".to_vec()
    }
}

const SECRET: &str = "hunter2";

fn cleaning() -> Cleaning {
    Cleaning::new(Box::new(Words(vec![SECRET.to_owned()])), None, Secret::new("key".to_owned()))
}

fn cleaned(cleaning: &mut Cleaning, kind: RunEventKind) -> RunEventKind {
    let mut event = RunEvent { at: Timestamp::UNIX_EPOCH, kind };
    cleaning.event(&mut event);
    event.kind
}

fn result(host: &str, msg: &str) -> RunEventKind {
    let detail = Some(Box::new(Detail { msg: msg.to_owned(), ..Detail::default() }));
    RunEventKind::TaskEnded(TaskResult {
        host: HostName::new(host),
        task: 0,
        item: None,
        status: ResultStatus::Ok,
        changed: true,
        duration_ms: 1,
        module: "ansible.builtin.command".to_owned(),
        for_real: false,
        blind: false,
        no_log: false,
        delegated_to: Some(HostName::new(host)),
        items: 0,
        satisfied: false,
        tainted: false,
        diff_digest: String::new(),
        detail,
    })
}

fn address(name: &str, address: &str) -> HostAddress {
    HostAddress { name: name.to_owned(), address: address.to_owned(), ..HostAddress::default() }
}

fn asked(question: u32, hosts: Vec<HostAddress>) -> RunEventKind {
    let plays = vec![AskedPlay { pattern: SECRET.to_owned(), hosts: 1, everything: false }];
    RunEventKind::HostsAsked { question, play: None, plays, inventory: 1, hosts }
}

#[test]
fn no_text_of_an_event_keeps_a_secret() {
    let text = || format!("a {SECRET} b");
    let host = || HostName::new(text());
    let identity = TaskIdentity { name: text(), ..TaskIdentity::default() };
    let kinds = vec![
        result(&text(), &text()),
        RunEventKind::PlayStarted { name: text(), hosts: 1, unknown: vec![text()], dynamic: false },
        RunEventKind::NoHostsLeft { unknown: vec![text()] },
        RunEventKind::TaskStarted { task: 0, identity, handler: true },
        RunEventKind::Included { path: text(), hosts: 1 },
        RunEventKind::Retried { host: host(), task: 0, attempt: 1, retries: 1 },
        RunEventKind::Notified {
            host: host(),
            handler: text(),
            task: 0,
            play: 0,
            section: 0,
            dynamic: false,
        },
        RunEventKind::HandlerDone { host: host(), handler: text() },
        RunEventKind::HandlerOrphan { host: host(), handler: text() },
        RunEventKind::HostsPart { question: 2, hosts: vec![address(&text(), &text())] },
        asked(2, vec![HostAddress { connection: text(), user: text(), ..address(&text(), &text()) }]),
        RunEventKind::Refused { question: 1, why: text() },
        RunEventKind::Error { class: "X".to_owned(), place: Some(text()), message: Some(text()) },
        RunEventKind::InventoryUnparsed { source: text() },
        RunEventKind::StatsPart { hosts: vec![(host(), HostStats::default())] },
        RunEventKind::Stats { hosts: vec![(host(), HostStats::default())] },
    ];
    for kind in kinds {
        let clean = cleaned(&mut cleaning(), kind.clone());
        let json = serde_json::to_string(&clean).unwrap();
        assert!(!json.contains(SECRET) && json.contains("redacted"), "{json}");
        let harmless = serde_json::to_string(&kind).unwrap().replace(SECRET, "harmless");
        let harmless: RunEventKind = serde_json::from_str(&harmless).unwrap();
        assert_eq!(cleaned(&mut cleaning(), harmless.clone()), harmless);
    }
}

#[test]
fn hosts_of_the_inventory_keep_their_names_and_others_are_looked_at_once() {
    let mut cleaning = cleaning();
    let inventory = asked(1, vec![address(SECRET, "")]);
    let RunEventKind::HostsAsked { hosts, .. } = cleaned(&mut cleaning, inventory) else { panic!() };
    assert_eq!(hosts[0].name, SECRET);
    let RunEventKind::TaskEnded(it) = cleaned(&mut cleaning, result(SECRET, "")) else { panic!() };
    assert_eq!((it.host.as_str(), it.delegated_to.unwrap().as_str()), (SECRET, SECRET));
    // What is learned later does not give a host another name.
    let RunEventKind::TaskEnded(it) = cleaned(&mut cleaning, result("web1", "")) else { panic!() };
    cleaning.cleaner.learn(b"web1");
    let RunEventKind::TaskEnded(again) = cleaned(&mut cleaning, result("web1", "")) else { panic!() };
    assert_eq!((it.host.as_str(), again.host), ("web1", it.host.clone()));
}

#[test]
fn a_notification_and_its_handler_match_whatever_is_learned_between_them() {
    let mut cleaning = cleaning();
    let (host, handler) = (HostName::new("h1"), "restart web".to_owned());
    let done = RunEventKind::HandlerDone { host: host.clone(), handler: handler.clone() };
    assert_eq!(cleaned(&mut cleaning, done.clone()), done);
    cleaning.cleaner.learn(b"restart");
    assert_eq!(cleaned(&mut cleaning, done.clone()), done);
}

#[test]
fn a_secret_address_still_names_one_machine() {
    let of = |machine: &str| {
        let hosts = vec![address("h1", machine)];
        let part = RunEventKind::HostsPart { question: 1, hosts };
        let RunEventKind::HostsPart { hosts, .. } = cleaned(&mut cleaning(), part) else { panic!() };
        hosts[0].address.clone()
    };
    assert_eq!(of("10.0.0.1"), "10.0.0.1");
    let one = of("hunter2.example.org");
    assert!(one.starts_with("redacted-") && one.len() == 25, "{one}");
    assert_eq!(of("hunter2.EXAMPLE.org"), one);
    assert_ne!(of("hunter2.example.com"), one);
}

#[test]
fn without_all_secrets_nothing_that_was_said_is_kept() {
    let mut cleaning = cleaning();
    assert_eq!(cleaning.output(b"a hunter2\n"), b"a [redacted]\n");
    cleaned(&mut cleaning, RunEventKind::AnnouncementsMissing);
    let RunEventKind::TaskEnded(it) = cleaned(&mut cleaning, result("h1", "harmless")) else { panic!() };
    assert_eq!((it.detail, it.changed), (None, true));
    assert_eq!(cleaning.output(b"harmless"), FAILED.as_bytes());
    assert_eq!((cleaning.output(b"harmless"), cleaning.rest()), (vec![], vec![]));
}

#[test]
fn what_is_announced_is_known_before_anything_is_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("announce");
    let mut cleaning = with_pipe(&path);
    let mut run = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    run.write_all(b"00000001 1 1 b3BlbnNlc2FtZQ==\n").unwrap();
    cleaning.catch_up();
    assert_eq!(cleaning.output(b"opensesame"), b"[redacted]");
    run.write_all(b"broken\n").unwrap();
    cleaning.catch_up();
    assert!(!cleaning.trusted && cleaning.announced().unwrap().pipe().is_none());
    assert_eq!(cleaning.output(b"harmless"), FAILED.as_bytes());
}

fn with_pipe(path: &Path) -> Cleaning {
    let announcements = Announcements::make(path).unwrap();
    Cleaning::new(Box::new(Words(Vec::new())), Some(announcements), Secret::new("key".to_owned()))
}
