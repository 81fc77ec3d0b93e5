//! Merge requests and their approvals are read.

use driftless::domain::{Approval, CommitHash, ForgeKind, MergeRequestNumber, MergeRequestState, Timestamp};

use super::super::{Forge, How};
use super::{at_each_forge, client, main, read};

at_each_forge! {
    a_merge_request_is_read_as_it_is
    what_was_merged_or_closed_since_is_told
    a_list_has_many_pages
    an_approval_counts_as_long_as_it_is_in_force
    what_did_not_change_is_not_sent_again
    a_head_that_moves_meanwhile_is_not_approved
}

async fn a_merge_request_is_read_as_it_is(kind: ForgeKind) {
    let forge = Forge::start(kind);
    let client = client(&forge);
    assert_eq!((client.kind(), client.merge_requests(&main(), None).await.expect("a list")), (kind, vec![]));
    let head = forge.push("tls", &[("site.yml", "[]\n")]);
    let number = forge.open("tls", "Serve over \"TLS\" <!-- & -->", "jdoe");
    let listed = client.merge_requests(&main(), None).await.expect("a list");
    let [request] = listed.as_slice() else { panic!("{listed:?}") };
    assert_eq!(request, &read(&client, number).await);
    assert_eq!(
        (request.number, &request.head, &request.target),
        (MergeRequestNumber(number), &head, &main())
    );
    assert_eq!((request.author.as_str(), request.fork, request.draft), ("jdoe", false, false));
    assert_eq!(
        (request.title.as_str(), &request.state),
        ("Serve over \"TLS\" <!-- & -->", &MergeRequestState::Open)
    );
    assert!(
        request.url.starts_with("https://") && request.url.ends_with(&format!("/{number}")),
        "{request:?}"
    );
    assert!(Timestamp::UNIX_EPOCH < request.updated_at && request.approvals.is_empty(), "{request:?}");

    let head = forge.push("tls", &[("site.yml", "[{hosts: all}]\n")]);
    forge.draft(number, true);
    let request = read(&client, number).await;
    assert_eq!((request.head, request.draft), (head, true));

    let head = forge.push_to_fork("eve", "mine", &[("site.yml", "[{hosts: web}]\n")]);
    let number = forge.open_from_fork("mine", "From elsewhere", "eve");
    let request = read(&client, number).await;
    assert_eq!((request.head, request.fork, request.author.as_str()), (head, true, "eve"));
    let other = "release".parse().expect("a branch");
    assert_eq!(client.merge_requests(&other, None).await.expect("a list"), []);
}

async fn what_was_merged_or_closed_since_is_told(kind: ForgeKind) {
    let forge = Forge::start(kind);
    let client = client(&forge);
    let mut expected = Vec::new();
    for how in [How::Merge, How::Squash, How::FastForward] {
        let branch = format!("{how:?}");
        forge.push(&branch, &[(&format!("{branch}.yml"), "[]\n")]);
        let number = forge.open(&branch, &branch, "jdoe");
        forge.approve(number, "asmith");
        expected.push((number, forge.merge(number, "asmith", how)));
    }
    assert_eq!(forge.main(), expected[2].1);
    forge.push("bad", &[("bad.yml", "[]\n")]);
    let closed = forge.open("bad", "A bad idea", "jdoe");
    forge.close(closed);
    assert_eq!(client.merge_requests(&main(), None).await.expect("a list"), []);

    let all = client.merge_requests(&main(), Some(Timestamp::UNIX_EPOCH)).await.expect("a list");
    assert_eq!(all.len(), 4, "{all:?}");
    for (number, commit) in expected {
        let by = Some("asmith".to_owned());
        let request = all.iter().find(|it| it.number.0 == number).expect("it is told");
        assert_eq!(request.state, MergeRequestState::Merged { commit: Some(commit), by });
        assert_eq!(request, &read(&client, number).await);
        assert_eq!(request.approvals.len(), 1, "{request:?}");
    }
    let last = all.iter().find(|it| it.number.0 == closed).expect("it is told");
    assert_eq!(last.state, MergeRequestState::Closed);
    let later = last.updated_at + jiff::SignedDuration::from_secs(5);
    assert_eq!(client.merge_requests(&main(), Some(later)).await.expect("a list"), []);
    forge.reopen(closed);
    assert_eq!(read(&client, closed).await.state, MergeRequestState::Open);
}

async fn a_list_has_many_pages(kind: ForgeKind) {
    let forge = Forge::start(kind);
    let client = client(&forge);
    for number in 1..=7 {
        let branch = format!("b{number}");
        forge.push(&branch, &[("x.yml", "[]\n")]);
        forge.open(&branch, &branch, "jdoe");
        if number % 2 == 0 {
            forge.close(number);
        }
    }
    for person in 0..5 {
        forge.approve(1, &format!("p{person}"));
    }
    forge.page_limit(2);
    let all = client.merge_requests(&main(), Some(Timestamp::UNIX_EPOCH)).await.expect("a list");
    let mut numbers: Vec<u64> = all.iter().map(|it| it.number.0).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7]);
    let first = all.iter().find(|it| it.number.0 == 1).expect("the first");
    assert_eq!(first.approvals.len(), 5, "{first:?}");
    assert!(forge.requests().iter().any(|it| it.line.contains("page=2")), "there were pages");
}

async fn an_approval_counts_as_long_as_it_is_in_force(kind: ForgeKind) {
    let forge = Forge::start(kind);
    let client = client(&forge);
    let head = forge.push("tls", &[("site.yml", "[]\n")]);
    let number = forge.open("tls", "Serve over TLS", "jdoe");
    forge.outsider("mallory");
    for who in ["asmith", "bob", "carol", "mallory", "dave", "asmith"] {
        forge.approve(number, who);
    }
    forge.request_changes(number, "bob");
    forge.dismiss(number, "carol");
    forge.remark(number, "dave");
    forge.remark(number, "erin");
    let given =
        |who: &str, commit: &CommitHash| Approval { by: who.to_owned(), commit: Some(commit.clone()) };
    let mut approvals = read(&client, number).await.approvals;
    approvals.sort();
    assert_eq!(approvals, [given("asmith", &head), given("dave", &head)]);

    // After a push they are still told at some, for what they were given for.
    let new = forge.push("tls", &[("site.yml", "[{hosts: all}]\n")]);
    forge.approve(number, "dave");
    let request = read(&client, number).await;
    let of_the_head: Vec<_> =
        request.approvals.iter().filter(|it| it.commit.as_ref() == Some(&new)).collect();
    assert_eq!(of_the_head, [&given("dave", &new)]);
    assert_eq!(request.head, new);
    let old: Vec<_> = request.approvals.into_iter().filter(|it| it.by == "asmith").collect();
    let is_told = matches!(kind, ForgeKind::Github | ForgeKind::Gitlab);
    assert_eq!(old, if is_told { vec![given("asmith", &head)] } else { vec![] });
}

async fn what_did_not_change_is_not_sent_again(kind: ForgeKind) {
    let forge = Forge::start(kind);
    let client = client(&forge);
    forge.push("tls", &[("site.yml", "[]\n")]);
    let number = forge.open("tls", "Serve over TLS", "jdoe");
    forge.approve(number, "asmith");
    let since = Some(Timestamp::UNIX_EPOCH);
    let first = client.merge_requests(&main(), since).await.expect("a list");
    forge.requests();
    let second = client.merge_requests(&main(), since).await.expect("a list");
    assert_eq!(first, second);
    let statuses: Vec<u16> = forge.requests().iter().map(|it| it.status).collect();
    let expected = if matches!(kind, ForgeKind::Github | ForgeKind::Gitlab) { 304 } else { 200 };
    assert!(statuses.iter().all(|it| *it == expected), "{statuses:?}");

    // What did change is seen at once.
    forge.dismiss(number, "asmith");
    let third = client.merge_requests(&main(), since).await.expect("a list");
    assert_eq!(third[0].approvals, []);
}

async fn a_head_that_moves_meanwhile_is_not_approved(kind: ForgeKind) {
    let forge = Forge::start(kind);
    let client = client(&forge);
    let old = forge.push("tls", &[("site.yml", "[]\n")]);
    let number = forge.open("tls", "Serve over TLS", "jdoe");
    forge.approve(number, "asmith");
    let list = if kind == ForgeKind::Gitlab { "/merge_requests" } else { "/pulls" };
    forge.push_after(list, "tls", "site.yml", "[{hosts: all}]\n");
    let listed = client.merge_requests(&main(), None).await.expect("a list");
    // What is told belongs together: the old head with its approval, or none of the new one.
    let approved: Vec<_> = listed[0].approvals.iter().filter_map(|it| it.commit.clone()).collect();
    assert_eq!(listed[0].head, old);
    assert!(approved.iter().all(|it| *it == old), "{listed:?}");
    let now = read(&client, number).await;
    assert_eq!(now.head, forge.head(number));
    assert!(now.approvals.iter().all(|it| it.commit.as_ref() != Some(&now.head)), "{now:?}");
}
