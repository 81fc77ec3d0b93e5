use proptest::prelude::*;

use super::*;

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
    let report = GuardianReport { exit: Some(2), signal: None, killed: 3, ended_by: "lifeline".to_owned() };
    assert_eq!(decode(full), Line::Guardian(report));
    assert_eq!(decode(r#"{"guardian":{}}"#), Line::Guardian(GuardianReport::default()));
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
