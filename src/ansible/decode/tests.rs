use proptest::prelude::*;

use super::*;
use crate::domain::{Detail, Diff};

fn decode(json: &str) -> Line {
    Decoder::new("c0ffee").decode(format!("c0ffee {json}").as_bytes())
}

fn kind_of(json: &str) -> RunEventKind {
    match decode(json) {
        Line::Event(event) => event.kind,
        other => panic!("{json}: {other:?}"),
    }
}

fn result_of(json: &str) -> TaskResult {
    match kind_of(json) {
        RunEventKind::TaskEnded(result) | RunEventKind::ItemEnded(result) => result,
        other => panic!("{json}: {other:?}"),
    }
}

/// One line of each event, as the callback writes it.
const EVENTS: &[&str] = &[
    r#"{"at":1795442349641,"event":"hello","ansible":"2.16.19","python":"3.10.13"}"#,
    r#"{"at":1795442349641,"event":"playbook_started","plays":1}"#,
    r#"{"at":1795442349644,"event":"play_started","name":"first {{ x }}","hosts":2,"unknown":["wbe"],"dynamic":true}"#,
    r#"{"at":1795442349644,"event":"no_hosts_matched"}"#,
    r#"{"at":1795442349644,"event":"no_hosts_left","unknown":["h9"]}"#,
    r#"{"at":1795442349644,"event":"no_hosts_remaining"}"#,
    r#"{"at":1795442349644,"event":"prompt_refused","variable":"password"}"#,
    r#"{"at":1795442349655,"event":"task_started","task":3,"path":"site.yml","role":"web","action":"debug","name":"say","line":5,"occurrence":1,"handler":true}"#,
    r#"{"at":1795442349655,"event":"included","path":"more.yml","hosts":2}"#,
    r#"{"at":1795442350393,"event":"notified","host":"h1","handler":"again"}"#,
    r#"{"at":1795442350393,"event":"notified","host":"h1","handler":"again","task":3,"play":1,"section":2,"dynamic":true}"#,
    r#"{"at":1795442350393,"event":"handler_done","host":"h1","handler":"again"}"#,
    r#"{"at":1795442350393,"event":"handler_orphan","host":"h1","handler":"again"}"#,
    r#"{"at":1795442350393,"event":"debt_paid","debt":0}"#,
    r#"{"at":1795442350393,"event":"debt_orphan","debt":7}"#,
    r#"{"at":1795442350393,"event":"hosts_part","question":1,"hosts":[{"name":"h1"},{"name":"h2","address":"::1","port":2222,"connection":"ssh","user":"root"}]}"#,
    r#"{"at":1795442350393,"event":"hosts_asked","question":1,"plays":[{"pattern":"web:{{ x }}","hosts":2,"everything":true},{"pattern":"db","hosts":0}],"inventory":3,"hosts":[{"name":"h3","connection":"local"}]}"#,
    r#"{"at":1795442350393,"event":"hosts_asked","question":2,"play":0,"inventory":3,"hosts":[]}"#,
    r#"{"at":1795442350393,"event":"refused","question":2,"why":"h1 is locked"}"#,
    r#"{"at":1795442350393,"event":"announcements_missing"}"#,
    r#"{"at":1795442349672,"event":"task_ended","host":"h1","task":3,"status":"ok","changed":true,"items":2,"tainted":true,"diff_digest":"ab12"}"#,
    r#"{"at":1795442349672,"event":"task_ended","host":"h1","task":3,"status":"skipped","satisfied":true,"module":"ansible.builtin.command"}"#,
    r#"{"at":1795442349672,"event":"task_ended","host":"h1","task":3,"status":"failed","detail":{"msg":"no","stdout":"a\u001b\nb","stderr":"c","rc":-9,"diff":[{"path":"/etc/motd","before":"a\n","after":"b\n"},{"prepared":"+b"}],"cut":true}}"#,
    r#"{"at":1795442350393,"event":"retried","host":"h1","task":3,"attempt":2,"retries":4}"#,
    r#"{"at":1795442349672,"event":"task_ended","host":"h1","task":3,"status":"skipped","duration_ms":17,"module":"ansible.builtin.command","for_real":true,"blind":true,"delegated_to":"h2"}"#,
    r#"{"at":1795442350004,"event":"item_ended","host":"h1","task":1,"status":"ok","changed":true,"item":{"index":0,"digest":"ea63"},"no_log":true}"#,
    r#"{"at":1795442350004,"event":"error","class":"AnsibleParserError","place":"site.yml:3","message":"no"}"#,
    r#"{"at":1795442350004,"event":"inventory_unparsed","source":"hosts"}"#,
    r#"{"at":1795442350676,"event":"stats_part","hosts":[["h0",{"ok":5}],["h2",{"failed":1,"unfinished":true}]]}"#,
    r#"{"at":1795442350676,"event":"stats","hosts":[["h1",{"ok":5,"unreachable":0,"changed":2,"skipped":0,"rescued":0,"ignored":1,"failed":0,"unfinished":true}]]}"#,
];

#[test]
fn every_event_is_read_as_the_domain_writes_it() {
    for json in EVENTS {
        let expected: RunEvent = serde_json::from_str(json).unwrap();
        assert_eq!(decode(json), Line::Event(expected.clone()), "{json}");
        // What is stored reads back the same.
        assert_eq!(decode(&serde_json::to_string(&expected).unwrap()), Line::Event(expected), "{json}");
    }
}

#[test]
fn without_the_nonce_it_is_log() {
    let decoder = Decoder::new("c0ffee");
    for log in
        ["", "c0ffee", "c0ffe {}", "PLAY RECAP ****", " c0ffee {}", "{\"event\":\"stats\",\"hosts\":[]}"]
    {
        assert_eq!(decoder.decode(log.as_bytes()), Line::Log, "{log:?}");
    }
    assert_eq!(decoder.decode(b"c0ffee\x00{}"), Line::Log);
    assert_eq!(Decoder::new("").decode(EVENTS[0].as_bytes()), Line::Log);
    assert_eq!(Decoder::new("").decode(format!(" {}", EVENTS[0]).as_bytes()), Line::Log);
}

#[test]
fn with_the_nonce_and_not_understood_it_is_counted() {
    for json in [
        "",
        "{",
        "null",
        "[]",
        "{}",
        r#"{"at":1}"#,
        r#"{"event":"no_hosts_matched"}"#,
        r#"{"at":1,"event":"from_the_future"}"#,
        r#"{"at":1,"event":"stats"}"#,
        r#"{"at":1,"event":"stats","hosts":3}"#,
        r#"{"at":1,"event":"task_ended","host":"h1","task":1}"#,
        r#"{"at":1,"event":"task_ended","host":"h1","task":1,"status":"fine"}"#,
        r#"{"at":1,"event":"task_ended","host":"","task":1,"status":"ok"}"#,
        r#"{"at":1,"event":"task_ended","host":"h1","status":"ok"}"#,
        r#"{"at":99999999999999999999,"event":"no_hosts_matched"}"#,
        r#"{"at":1,"event":"no_hosts_matched","x":NaN}"#,
        r#"{"at":1,"event":"no_hosts_matched","x":Infinity}"#,
        r#"{"at":1,"event":"notified","host":"\ud800","handler":"x"}"#,
        r#"{"at":1,"event":"no_hosts_matched"} {"#,
        r#"{"at":1,"event":"debt_paid"}"#,
        r#"{"at":1,"event":"handler_done","host":"h1"}"#,
        r#"{"at":1,"event":"hosts_part","question":1}"#,
        r#"{"at":1,"event":"hosts_asked","hosts":[]}"#,
        r#"{"at":1,"event":"hosts_asked","question":1,"hosts":3}"#,
        r#"{"at":1,"event":"hosts_asked","question":1,"hosts":["h1"]}"#,
        r#"{"at":1,"event":"hosts_asked","question":1,"hosts":[["h1",{}]]}"#,
        r#"{"at":1,"event":"hosts_asked","question":1,"hosts":[{"name":"h1"},{"address":"h2"}]}"#,
    ] {
        assert_eq!(decode(json), Line::Malformed, "{json}");
    }
    assert_eq!(Decoder::new("n").decode(b"n {\"at\":1,\"event\":\"\xff\xfe\"}"), Line::Malformed);
}

#[test]
fn values_of_odd_types_are_taken_as_far_as_they_go() {
    let result = result_of(
        r#"{"at":1,"event":"task_ended","host":"h\u0000\u001b[31m","task":"7","status":"ok","changed":1,
        "duration_ms":1e99,"module":["x",{"y":null}],"blind":"yes","item":null,"more":{"deep":[[[1]]]}}"#,
    );
    assert_eq!(result.host.as_str(), "h\0\x1b[31m");
    assert_eq!((result.task, result.changed, result.duration_ms), (7, true, u64::MAX));
    assert_eq!((result.module.as_str(), result.blind, result.item), ("", false, None));

    let huge = r#"{"at":1,"event":"playbook_started","plays":123456789012345678901234567890}"#;
    assert_eq!(kind_of(huge), RunEventKind::PlaybookStarted { plays: u32::MAX });
    let text = r#"{"at":1,"event":"playbook_started","plays":"123456789012345678901234567890"}"#;
    assert_eq!(kind_of(text), RunEventKind::PlaybookStarted { plays: u32::MAX });
    let negative = r#"{"at":1,"event":"playbook_started","plays":-1}"#;
    assert_eq!(kind_of(negative), RunEventKind::PlaybookStarted { plays: 0 });
}

#[test]
fn a_detail_of_odd_shape_is_taken_as_far_as_it_goes() {
    let of = |detail: &str| {
        result_of(&format!(
            r#"{{"at":1,"event":"task_ended","host":"h1","task":1,"status":"ok","detail":{detail}}}"#
        ))
        .detail
        .map(|it| *it)
    };
    for nothing in ["null", "3", "-3", "1.5", "true", r#""text""#, "[]", "[{}]", "{}", r#"{"x":[{"y":{}}]}"#]
    {
        assert_eq!(of(nothing), None, "{nothing}");
    }
    let odd = of(
        r#"{"msg":7,"stdout":null,"stderr":["x"],"rc":"1","diff":[3,null,[],{"path":1,"after":{"a":1}},{"hidden":1}]}"#,
    );
    let diffs =
        vec![Diff { path: "1".to_owned(), ..Diff::default() }, Diff { hidden: true, ..Diff::default() }];
    assert_eq!(odd, Some(Detail { msg: "7".to_owned(), diff: diffs, ..Detail::default() }));
    for diff in ["3", "{}", r#""x""#, "null"] {
        assert_eq!(of(&format!(r#"{{"msg":"m","diff":{diff}}}"#)).unwrap().diff, [], "{diff}");
    }
    let rc = |text: &str| of(&format!(r#"{{"msg":"m","rc":{text}}}"#)).unwrap().rc;
    assert_eq!(
        (rc("0"), rc("-1"), rc("99999999999999999999"), rc("[]")),
        (Some(0), Some(-1), Some(i64::MAX), None)
    );
}

#[test]
fn what_a_result_said_is_cut_whatever_the_callback_did() {
    let long = "ü".repeat(MAX_DETAIL_TEXT);
    let diffs = vec![serde_json::json!({"path": long, "before": long}); MAX_DIFFS + 1];
    let json = serde_json::json!({
        "at": 1, "event": "task_ended", "host": "h1", "task": 1, "status": "ok", "detail": {"stdout": long, "diff": diffs},
    });
    let detail = result_of(&json.to_string()).detail.unwrap();
    assert!(detail.cut && detail.diff.len() == MAX_DIFFS);
    let cut = "ü".repeat(MAX_DETAIL_TEXT / 2);
    assert!(detail.stdout == cut && detail.diff.iter().all(|it| it.before == cut));
    assert!(detail.diff.iter().all(|it| it.path == "ü".repeat(MAX_TEXT)));

    let exact = "x".repeat(MAX_DETAIL_TEXT);
    let json = serde_json::json!({
        "at": 1, "event": "item_ended", "host": "h1", "task": 1, "status": "ok", "detail": {"msg": exact},
    });
    assert_eq!(*result_of(&json.to_string()).detail.unwrap(), Detail { msg: exact, ..Detail::default() });
}

#[test]
fn what_a_hidden_result_said_is_not_read() {
    let json = r#"{"at":1,"event":"task_ended","host":"h1","task":1,"status":"ok","no_log":true,"detail":{"msg":"x"}}"#;
    assert_eq!(result_of(json).detail, None);
}

#[test]
fn an_address_is_taken_as_far_as_it_can_be_one() {
    let json = r#"{"at":1,"event":"hosts_part","question":"1","hosts":[
        {"name":"h1","port":"2222","more":[]},{"name":7,"port":99999,"address":null},{"name":"h3","port":-1,"user":["x"]}]}"#;
    let RunEventKind::HostsPart { question: 1, hosts } = kind_of(json) else { panic!() };
    let told: Vec<_> = hosts.iter().map(|it| (it.name.as_str(), it.port, it.user.as_str())).collect();
    assert_eq!(told, [("h1", Some(2222), ""), ("7", None, ""), ("h3", None, "")]);
}

#[test]
fn texts_are_capped_by_characters() {
    let long = "ü".repeat(MAX_TEXT + 1);
    let json = format!(r#"{{"at":1,"event":"notified","host":"h1","handler":"{long}"}}"#);
    let RunEventKind::Notified { handler, .. } = kind_of(&json) else { panic!() };
    assert_eq!(handler, "ü".repeat(MAX_TEXT));

    let terms = vec!["x"; MAX_TERMS + 1];
    let json = serde_json::json!({"at": 1, "event": "no_hosts_left", "unknown": terms}).to_string();
    assert_eq!(kind_of(&json), RunEventKind::NoHostsLeft { unknown: vec!["x".to_owned(); MAX_TERMS] });
}

#[test]
fn the_guardian_has_the_last_word() {
    let full = r#"{"guardian":{"exit":2,"signal":null,"killed":3,"ended_by":"lifeline","more":1}}"#;
    let report = Report {
        exit: Some(2),
        signal: None,
        killed: 3,
        ended_by: crate::ansible::guardian::EndedBy::Lifeline,
        error: None,
    };
    assert_eq!(decode(full), Line::Guardian(report));
    assert_eq!(decode(r#"{"guardian":{}}"#), Line::Malformed);
    assert_eq!(decode(r#"{"guardian":null}"#), Line::Malformed);
    assert_eq!(Decoder::new("x").decode(full.as_bytes()), Line::Log);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>) {
        let decoder = Decoder::new("n");
        decoder.decode(&bytes);
        let line = [b"n ".as_slice(), &bytes].concat();
        prop_assert_ne!(decoder.decode(&line), Line::Log);
    }

    #[test]
    fn no_change_of_a_real_line_makes_it_panic(
        which in 0..EVENTS.len(),
        at: proptest::sample::Index,
        with in proptest::collection::vec(any::<u8>(), 0..4),
        cut in 0_usize..6,
    ) {
        let mut line = format!("n {}", EVENTS[which]).into_bytes();
        let from = at.index(line.len());
        let to = (from + cut).min(line.len());
        line.splice(from..to, with);
        Decoder::new("n").decode(&line);
    }
}
