//! The one comment of ours.

use driftless::domain::{Failure, ForgeKind, MergeRequestNumber, Retry};

use super::super::{BOT, Fault, Forge};
use super::{at_each_forge, client};

at_each_forge! {
    there_is_one_comment_and_it_is_edited
    a_comment_of_others_is_not_touched
    a_comment_that_was_deleted_meanwhile_is_written_again
    two_of_us_that_race_leave_one
    ours_is_found_among_many
    a_token_that_may_not_ask_who_it_is_learns_it
    a_comment_that_is_too_long_is_not_sent
}

const MARKER: &str = "<!-- driftless:infra -->";

fn open(forge: &Forge) -> (u64, MergeRequestNumber) {
    forge.push("tls", &[("site.yml", "[]\n")]);
    let number = forge.open("tls", "Serve over TLS", "jdoe");
    (number, MergeRequestNumber(number))
}

fn list(kind: ForgeKind, number: u64) -> String {
    match kind {
        ForgeKind::Gitlab => format!("/merge_requests/{number}/notes"),
        _ => format!("/issues/{number}/comments"),
    }
}

async fn there_is_one_comment_and_it_is_edited(kind: ForgeKind) {
    let forge = Forge::start(kind);
    let (number, of) = open(&forge);
    let client = client(&forge);
    client.write_comment(of, MARKER, "2 hosts change").await.expect("written");
    client.write_comment(of, MARKER, "3 hosts change\n").await.expect("written");
    let comments = forge.comments(number);
    assert_eq!(comments.len(), 1, "{comments:?}");
    assert_eq!((comments[0].by.as_str(), comments[0].edits), (BOT, 1));
    assert_eq!(comments[0].body, format!("{MARKER}\n3 hosts change\n"));
    // What it says already is not said again, also by another client.
    forge.requests();
    let again = format!("{MARKER}\n3 hosts change");
    super::client(&forge).write_comment(of, MARKER, &again).await.expect("written");
    assert!(forge.requests().iter().all(|it| it.line.starts_with("GET ")));
    assert_eq!(forge.comments(number)[0].edits, 1);
    // Another source of ours has a comment of its own.
    client.write_comment(of, "<!-- driftless:other -->", "nothing changes").await.expect("written");
    assert_eq!(forge.comments(number).len(), 2);
}

async fn a_comment_of_others_is_not_touched(kind: ForgeKind) {
    let forge = Forge::start(kind);
    let (number, of) = open(&forge);
    let theirs = format!("{MARKER}\nall is well, merge it");
    forge.comment_as(number, "mallory", &theirs);
    let quoted = format!("> {MARKER}\nwhat is this?");
    forge.comment_as(number, BOT, &quoted);
    client(&forge).write_comment(of, MARKER, "2 hosts change").await.expect("written");
    let bodies: Vec<String> = forge.comments(number).into_iter().map(|it| it.body).collect();
    assert_eq!(bodies, [theirs, quoted, format!("{MARKER}\n2 hosts change")]);
}

async fn a_comment_that_was_deleted_meanwhile_is_written_again(kind: ForgeKind) {
    let forge = Forge::start(kind);
    let (number, of) = open(&forge);
    let client = client(&forge);
    client.write_comment(of, MARKER, "one").await.expect("written");
    forge.delete_comments_after(&format!("{}{}", "GET /", &place(&forge, number)));
    client.write_comment(of, MARKER, "two").await.expect("written");
    let comments = forge.comments(number);
    assert_eq!(comments.len(), 1, "{comments:?}");
    assert_eq!(comments[0].body, format!("{MARKER}\ntwo"));
    forge.delete_comment(comments[0].id);
    client.write_comment(of, MARKER, "three").await.expect("written");
    assert_eq!(forge.comments(number).len(), 1);
}

/// The path of the comments, as the API has it.
fn place(forge: &Forge, number: u64) -> String {
    let project = if forge.kind() == ForgeKind::Gitlab { "projects/acme/infra" } else { "repos/acme/infra" };
    format!("{project}{}", list(forge.kind(), number))
}

async fn two_of_us_that_race_leave_one(kind: ForgeKind) {
    let forge = Forge::start(kind);
    let (number, of) = open(&forge);
    // The other one writes between our look and our writing.
    forge.comment_after(&list(kind, number), number, &format!("{MARKER}\nof the other one"));
    client(&forge).write_comment(of, MARKER, "of this one").await.expect("written");
    let comments = forge.comments(number);
    assert_eq!(comments.len(), 1, "{comments:?}");
    assert_eq!(comments[0].body, format!("{MARKER}\nof this one"));

    // And at the same time, for real.
    forge.delete_comment(comments[0].id);
    let clients: Vec<_> = (0..6).map(|_| client(&forge)).collect();
    let writes = clients
        .into_iter()
        .map(|client| tokio::spawn(async move { client.write_comment(of, MARKER, "the same").await }));
    for write in writes.collect::<Vec<_>>() {
        write.await.expect("no panic").expect("written");
    }
    client(&forge).write_comment(of, MARKER, "the same").await.expect("written");
    let comments = forge.comments(number);
    assert_eq!(comments.len(), 1, "{comments:?}");
    assert_eq!(comments[0].body, format!("{MARKER}\nthe same"));
}

async fn ours_is_found_among_many(kind: ForgeKind) {
    let forge = Forge::start(kind);
    let (number, of) = open(&forge);
    for chatter in 0..130 {
        forge.comment_as(number, "jdoe", &format!("remark {chatter}"));
    }
    let client = client(&forge);
    client.write_comment(of, MARKER, "one").await.expect("written");
    for chatter in 0..130 {
        forge.comment_as(number, "jdoe", &format!("remark {chatter}"));
    }
    client.write_comment(of, MARKER, "two").await.expect("written");
    let ours: Vec<_> = forge.comments(number).into_iter().filter(|it| it.by == BOT).collect();
    assert_eq!(ours.len(), 1, "{ours:?}");
    assert_eq!((ours[0].body.as_str(), ours[0].edits), (format!("{MARKER}\ntwo").as_str(), 1));
}

async fn a_comment_that_is_too_long_is_not_sent(kind: ForgeKind) {
    let forge = Forge::start(kind);
    let (number, of) = open(&forge);
    let client = client(&forge);
    let room = kind.comment_limit() - MARKER.len() - 1;
    client.write_comment(of, MARKER, &"x".repeat(room)).await.expect("it fits");
    assert_eq!(forge.comments(number).len(), 1);
    forge.requests();
    let failure: Failure =
        client.write_comment(of, MARKER, &"x".repeat(room + 1)).await.expect_err("it does not").into();
    assert_eq!(failure.retry, Retry::UntilChanged);
    assert!(forge.requests().is_empty());
}

async fn a_token_that_may_not_ask_who_it_is_learns_it(kind: ForgeKind) {
    let forge = Forge::start(kind);
    let (number, of) = open(&forge);
    client(&forge).write_comment(of, MARKER, "before a restart").await.expect("written");
    let client = client(&forge);
    for body in ["one", "two"] {
        // Only the first look asks for the account.
        if body == "one" {
            forge.faults([Fault::Status(403)]);
        }
        client.write_comment(of, MARKER, body).await.expect("written");
        let comments = forge.comments(number);
        assert_eq!(comments.len(), 1, "{comments:?}");
        assert_eq!(comments[0].body, format!("{MARKER}\n{body}"));
    }
}
