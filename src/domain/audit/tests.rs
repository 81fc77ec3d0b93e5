//! The chain and its checkpoints, on records in memory. What happens to a real database is tested by the store.

use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::domain::*;

fn at(second: i64) -> Timestamp {
    Timestamp::new(1_790_000_000 + second, 5).unwrap()
}

fn key(byte: u8) -> AuditKey {
    AuditKey::from_seed(&[byte; 32])
}

fn push(chain: &mut Vec<AuditRecord>, draft: AuditDraft) {
    let head = chain.last().map(AuditRecord::head).unwrap_or_default();
    let number = u8::try_from(chain.len()).unwrap();
    chain.push(AuditRecord::append(head, at(i64::from(number)), draft, &[number; 32]));
}

/// A chain of a key and some acts.
fn chain(length: usize) -> Vec<AuditRecord> {
    let mut chain = Vec::new();
    push(&mut chain, key_used(None, None, &key(1).public()));
    while chain.len() < length {
        push(&mut chain, AuditDraft::new(AuditAction::Suspended, "infra/web").personal("actor", "alice"));
    }
    chain
}

fn checkpoint(chain: &[AuditRecord], signer: &AuditKey) -> Checkpoint {
    let note = Checkpoint::sign(signer, &chain[0].hash, chain.last().unwrap().head(), at(99));
    let read = Checkpoint::read_all(&note.to_note(&signer.public())).unwrap();
    assert_eq!(read, std::slice::from_ref(&note));
    note
}

fn faults(chain: &[AuditRecord], checkpoints: Vec<Checkpoint>, key: Option<AuditPublicKey>) -> Vec<Fault> {
    verify(chain, checkpoints, key).map_or_else(|it| it.faults, |_| Vec::new())
}

#[test]
fn an_untouched_chain_holds() {
    let chain = chain(9);
    let verified = verify(&chain, vec![checkpoint(&chain, &key(1))], Some(key(1).public())).unwrap();
    assert_eq!((verified.head.size, verified.vouched, verified.erased), (9, 9, 0));
    assert_eq!(verified.key, Some(key(1).public()));
    // What came after the checkpoint holds, and nothing vouches for it.
    let verified = verify(&chain, vec![checkpoint(&chain[..4], &key(1))], None).unwrap();
    assert_eq!((verified.head.size, verified.vouched), (9, 4));
}

/// The form of records is fixed: a chain that was written must be verified for ever.
#[test]
fn the_hash_of_a_record_stays_what_it_is() {
    let chain = chain(2);
    assert_eq!(chain[1].hash.to_string(), HASH_OF_THE_SECOND);
    assert_eq!(AuditRecord::from_line(&chain[1].to_line()).unwrap(), chain[1]);
    let note = checkpoint(&chain, &key(1)).to_note(&key(1).public());
    assert_eq!(note.lines().count(), 6, "{note}");
    assert_eq!(
        key(1).public().to_string(),
        "driftless-audit+583baf34+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c"
    );
}

const HASH_OF_THE_SECOND: &str = "a5eafb5ff85b27fe8ad6202da4ece8f6efa208d7a7b97a67e2278fe0611ea976";

#[test]
fn every_edit_of_a_line_is_seen() {
    let chain = chain(3);
    let line = chain[1].to_line();
    for at in 0..line.len() {
        for bit in 0..7 {
            let mut bytes = line.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let Ok(edited) = String::from_utf8(bytes) else { continue };
            let Ok(record) = AuditRecord::from_line(&edited) else { continue };
            let edited = [chain[0].clone(), record, chain[2].clone()];
            assert!(verify(&edited, Vec::new(), None).is_err(), "bit {bit} of byte {at}: {line}");
        }
    }
    for twice in [r#"{"seq":9,"#, r#"{"detail":{"a":1,"a":1},"#, "{ "] {
        assert!(AuditRecord::from_line(&line.replacen('{', twice, 1)).is_err(), "{twice}");
    }
}

#[test]
fn without_a_checkpoint_a_missing_end_and_another_chain_are_not_seen() {
    let whole = chain(9);
    assert_eq!(faults(&whole[..5], Vec::new(), None), []);
    let known = vec![checkpoint(&whole, &key(1))];
    assert_eq!(faults(&whole[..5], known.clone(), None), [Fault::CutOff { size: 5, checkpoint: 9 }]);
    // Made anew by somebody who has not the key.
    let mut other = whole[..5].to_vec();
    while other.len() < 12 {
        push(&mut other, AuditDraft::new(AuditAction::Resumed, "infra/web"));
    }
    assert_eq!(faults(&other, Vec::new(), None), []);
    assert_eq!(faults(&other, known, None), [Fault::Replaced { checkpoint: 9 }]);
    assert_eq!(faults(&[], vec![checkpoint(&whole, &key(1))], Some(key(1).public())).len(), 2);
}

#[test]
fn a_checkpoint_of_somebody_else_is_refused() {
    let chain = chain(4);
    let forged = vec![checkpoint(&chain, &key(7))];
    assert_eq!(faults(&chain, forged, None), [Fault::Signature { checkpoint: 4 }]);
    let text = checkpoint(&chain, &key(1)).to_note(&key(1).public());
    let older = text.replacen("\n4\n", "\n3\n", 1);
    let read = Checkpoint::read_all(&older).unwrap();
    assert!(faults(&chain, read, None).contains(&Fault::Signature { checkpoint: 3 }));
    assert!(Checkpoint::read_all("").is_err() && Checkpoint::read_all(&text[..text.len() - 40]).is_err());
    let two = format!("{text}\n{text}{text}");
    assert_eq!(Checkpoint::read_all(&two).map(|it| it.len()), Ok(3));
}

#[test]
fn a_new_key_is_trusted_if_the_old_one_vouches_for_it() {
    let mut good = chain(3);
    let first = good[0].hash;
    push(&mut good, key_used(Some(&first), Some(&key(1)), &key(2).public()));
    push(&mut good, AuditDraft::new(AuditAction::Resumed, "infra/web"));
    let both = vec![checkpoint(&good[..3], &key(1)), checkpoint(&good, &key(2))];
    for trusted in [None, Some(key(1).public())] {
        assert_eq!(faults(&good, both.clone(), trusted), []);
    }
    // Who trusts only the new one does not accept what the old one signed.
    let new = Some(key(2).public());
    assert_eq!(faults(&good, both, new), [Fault::Signature { checkpoint: 3 }]);
    assert_eq!(faults(&good, Vec::new(), Some(key(3).public())), [Fault::UnknownKey]);

    let mut bad = chain(3);
    push(&mut bad, key_used(Some(&first), Some(&key(9)), &key(2).public()));
    let signed = vec![checkpoint(&bad, &key(2))];
    let expected = [Fault::Key { seq: 4 }, Fault::Signature { checkpoint: 4 }];
    assert_eq!(faults(&bad, signed.clone(), Some(key(1).public())), expected);
    // The operator lost the old key and says so by trusting the new one.
    assert_eq!(faults(&bad, signed, Some(key(2).public())), []);
}

#[test]
fn personal_text_can_be_erased_and_the_erasing_must_be_recorded() {
    let mut chain = chain(3);
    assert_eq!(chain[1].text("actor"), Some("alice"));
    chain[1].personal.get_mut("actor").unwrap().erase();
    let erased = Fault::Erased { seq: 2, field: "actor".to_owned() };
    assert_eq!(faults(&chain, Vec::new(), None), [erased]);
    let mut draft = AuditDraft::new(AuditAction::PersonalErased, "daemon");
    draft.detail = serde_json::json!({ "erased": { "2": ["actor"] } });
    push(&mut chain, draft);
    assert_eq!(verify(&chain, Vec::new(), None).unwrap().erased, 1);
    assert!(!chain[1].to_line().contains("alice"));
    chain[2].personal.get_mut("actor").unwrap().text = Some("bob".to_owned());
    let other = Fault::Personal { seq: 3, field: "actor".to_owned() };
    assert_eq!(faults(&chain, Vec::new(), None), [other]);
}

fn spec() -> RunSpec {
    let json = serde_json::json!({
        "run": 7, "stack": "infra/web", "revision": format!("main@sha1:{}", "a".repeat(40)),
        "mode": "apply", "trigger": "person", "requested_by": "alice", "selection": "full", "playbook": "site.yml",
        "inventory": "hosts", "extra_vars": { "token": "hunter2" }, "timeout": "PT1H", "runtime": { "kind": "system" },
    });
    serde_json::from_value(json).unwrap()
}

fn request() -> Request {
    Request {
        mode: Mode::Apply,
        by: "alice".to_owned(),
        revision: None,
        limit: None,
        tags: Vec::new(),
        outside_window: None,
    }
}

#[test]
fn a_run_is_recorded_from_its_request_to_its_end() {
    let spec = spec();
    let run = spec.run;
    let recap = [("h1", 3), ("h2", 0)]
        .map(|(host, changed)| (HostName::new(host), HostStats { changed, ..HostStats::default() }));
    let known = AuditedRun {
        stack: spec.stack.clone(),
        commit: spec.revision.commit.clone(),
        mode: Mode::Apply,
        trigger: Trigger::Person,
        hosts: recap.into(),
        ended: false,
    };
    let mut context = AuditContext { runs: BTreeMap::from([(run, known)]), ..AuditContext::default() };
    let start = Decision::Start { spec: Box::new(spec.clone()), reason: "alice asked for it".to_owned() };
    let request = request();
    let event = Event::RunRequested { stack: spec.stack.clone(), request };
    let made = records_of(&event, &[start], &AuditContext::default());
    let words: Vec<_> = made.iter().map(|it| (it.action.as_str(), it.object.as_str(), it.run)).collect();
    assert_eq!(words, [("apply_requested", "infra/web", None), ("run_started", "infra/web", Some(run))]);
    assert_eq!(
        (&made[0].personal["actor"], &made[1].personal["why"]),
        (&"alice".to_owned(), &"alice asked for it".to_owned())
    );
    let detail = made[1].detail.to_string();
    assert!(detail.contains(r#""variables":["token"]"#) && !detail.contains("hunter2"), "{detail}");

    let hosts = [("h1", LockKey::control_node()), ("h2", LockKey::control_node())];
    let question = |play| Question {
        number: 1,
        play,
        plays: Vec::new(),
        hosts: hosts.clone().map(|(host, key)| (HostName::new(host), key)).into(),
        inventory: 2,
    };
    let answer = |refusal| [Decision::Answer { run, question: 1, refusal }];
    let asked = Event::HostsAsked { run, question: question(None) };
    let allowed = &records_of(&asked, &answer(None), &context)[0];
    assert_eq!(allowed.detail.to_string(), r#"{"hosts":2,"names":["h1","h2"]}"#);
    assert!(
        records_of(&Event::HostsAsked { run, question: question(Some(1)) }, &answer(None), &context)
            .is_empty()
    );
    let airbag = RefusalCause::Airbag { comparison: "2 of 9 hosts".to_owned() };
    let refused = &records_of(&asked, &answer(Some(airbag)), &context)[0];
    assert_eq!(
        (refused.action, refused.detail["cause"].as_str()),
        (AuditAction::HostsRefused, Some("airbag"))
    );
    assert_eq!(runs_of(&asked, &answer(None)).into_iter().collect::<Vec<_>>(), [run]);

    let ends =
        BTreeMap::from([(HostName::new("h1"), HostEnd::Converged), (HostName::new("h2"), HostEnd::Failed)]);
    let ending = Ending::plain(Outcome::Failed);
    let over = Event::RunFinished { run, ending, hosts: ends, findings: Box::default() };
    assert_eq!(
        records_of(&over, &[], &context)[0].detail.to_string(),
        r#"{"changed":{"h1":3},"failed":["h2"],"hosts":2,"mode":"apply","outcome":"failed","trigger":"person"}"#
    );
    // Told again, after a failure to write.
    context.runs.get_mut(&run).unwrap().ended = true;
    assert!(records_of(&over, &[], &context).is_empty());
}

#[test]
fn polling_leaves_no_record() {
    let fetch = Decision::Fetch { source: "infra".parse().unwrap(), admitted: None };
    assert!(records_of(&Event::Tick, &[fetch], &AuditContext::default()).is_empty());
}

#[test]
fn a_revision_that_is_admitted_tells_who_merged_and_who_approved() {
    let commit = |digit: &str| digit.repeat(40).parse::<CommitHash>().unwrap();
    let merged = MergeRequestState::Merged { commit: Some(commit("a")), by: Some("bob".to_owned()) };
    let request = MergeRequest {
        number: MergeRequestNumber(12),
        title: "@everybody".to_owned(),
        author: "alice".to_owned(),
        head: commit("b"),
        target: "main".parse().unwrap(),
        fork: false,
        draft: false,
        state: merged,
        approvals: ["carol", "dave"]
            .map(|by| Approval { by: by.to_owned(), commit: Some(commit("b")) })
            .into(),
        url: String::new(),
        updated_at: at(0),
    };
    let landing = |digit, merge_request| Landing { commit: commit(digit), merge_request, as_proposed: true };
    let tip = Tip {
        revision: format!("main@sha1:{}", "a".repeat(40)).parse().unwrap(),
        lineage: Lineage::Descendant { of: commit("c") },
        declaration: Ok(Declaration::default()),
        tag: None,
        trust: Ok(()),
        line: vec![landing("a", Some(Box::new(request.clone()))), landing("d", None)],
    };
    let source: SourceName = "infra".parse().unwrap();
    let event = Event::Fetched { source: source.clone(), tip };
    let fact = |admitted| Fact::Source {
        name: source.clone(),
        facts: SourceFacts { admitted, ..SourceFacts::default() },
    };
    let told = |facts: &[Fact]| records_of(&event, &[], &AuditContext::of(&event, facts));
    assert_eq!(told(&[fact(Some(commit("c")))]), [], "it waits");
    let record = told(&[fact(Some(commit("a")))]).pop().unwrap();
    assert_eq!((record.action, record.object.as_str()), (AuditAction::RevisionAdmitted, "infra"));
    let people: Vec<_> = record.personal.iter().map(|(field, by)| format!("{field}={by}")).collect();
    assert_eq!(
        people,
        ["approved_by.12.1=carol", "approved_by.12.2=dave", "author.12=alice", "merged_by.12=bob"]
    );
    assert_eq!(record.detail["commits_without"], 1);
    assert_eq!(record.detail["merge_requests"][0]["number"], 12);
    assert!(!record.detail.to_string().contains("everybody"), "a title is anybody's text");

    // Where nobody asks for approvals the line does not name it: that it landed is a record of its own.
    let landed = Fact::Landed { source: source.clone(), request: Box::new(request), commit: commit("a") };
    let context = AuditContext::of(&Event::Tick, &[landed]);
    let record = records_of(&Event::Tick, &[], &context).pop().unwrap();
    assert_eq!((record.action, record.object.as_str()), (AuditAction::MergeRequestLanded, "infra"));
    assert_eq!(record.commit, Some(commit("a")));
    let people: Vec<_> = record.personal.iter().map(|(field, by)| format!("{field}={by}")).collect();
    assert_eq!(people, ["approved_by.1=carol", "approved_by.2=dave", "author=alice", "merged_by=bob"]);
    assert_eq!(record.detail["approved_heads"], json!([commit("b"), commit("b")]));
    assert!(!record.detail.to_string().contains("everybody"), "a title is anybody's text");
}

#[test]
fn an_approval_names_the_commit_and_the_run_that_showed_it() {
    let stack: StackId = "infra/web".parse().unwrap();
    let shown = ApprovalFacts {
        revision: format!("main@sha1:{}", "a".repeat(40)).parse().unwrap(),
        run: RunId(41),
        at: at(0),
        digest: "9c1f20aa7be03d55".to_owned(),
        changes: 3,
        hosts: [HostName::new("web1")].into(),
        coverage: Coverage::default(),
        approved: Some(("bob".to_owned(), at(1))),
        lapsed: false,
    };
    let commit = shown.revision.commit.clone();
    let facts = StackFacts { approval: Some(Box::new(shown)), ..StackFacts::default() };
    let fact = [Fact::Stack { id: stack.clone(), facts: Box::new(facts) }];
    let record = |digest: &str| {
        let (stack, digest, by) = (stack.clone(), digest.to_owned(), "bob".to_owned());
        let event = Event::RevisionApproved { stack, digest, by };
        records_of(&event, &[], &AuditContext::of(&event, &fact)).pop().unwrap()
    };
    let told = record("9c1f20aa7be03d55");
    assert_eq!((told.commit, told.run), (Some(commit), Some(RunId(41))));
    let other = record("0000000000000000");
    assert_eq!((other.commit, other.run), (None, None), "nobody was shown that");
}
