//! A merge request that the daemon hears of by webhooks alone: neither forge nor repository is polled for a day.

use driftless::domain::ForgeKind;

use super::{Stage, playbook};
use crate::forge::How;
use crate::world::{SOON, eventually};

const SECRET: &str = "It's a Secret to Everybody";

fn followed_by_webhooks(kind: ForgeKind, how: How) {
    let stage = Stage::begin(kind, "1d", |forge| {
        format!("{}\nmerge_requests: {{ previews: static }}\n", forge.webhook(SECRET))
    });
    let Stage { forge, world, .. } = &stage;
    let status = world.json(&["status"]);
    let address = status["url"].as_str().expect("an address");
    forge.send_webhooks_to(&format!("{address}/webhooks/infra"), SECRET);

    forge.push("change", &[("site.yml", &playbook(&[("page", "two")]))]);
    let number = forge.open("change", "Change the page", "alice");
    stage.comment_with(number, &["Static preview", "site.yml", forge.head(number).short()]);
    let tasks = [("page", "two"), ("list", "all")];
    let head = forge.push("change", &[("site.yml", &playbook(&tasks))]);
    stage.comment_with(number, &["Static preview", head.short()]);
    forge.approve(number, "bob");
    eventually("the approval is seen", SOON, || {
        let told = world.json(&["preview", "infra", &number.to_string()]);
        (told["facts"]["seen"]["approvals"][0]["by"] == "bob").then_some(())
    });

    let landed = forge.merge(number, "carol", how);
    world.run_of(landed.as_str(), "changed");
    assert_eq!(stage.content("web2", "list"), "all\n");
    stage.comment_with(number, &["Merged into `main`", landed.short(), "Applied"]);
    let deliveries = forge.deliveries();
    assert!(deliveries.iter().all(|it| it.status.is_some_and(|it| it < 300)), "{deliveries:#?}");

    // Nobody asks for approvals here. Who approved and who merged is recorded all the same, once.
    let shown = world.json(&["audit", "show"]);
    let records = shown["records"].as_array().expect("records");
    let landings: Vec<_> = records.iter().filter(|it| it["action"] == "merge_request_landed").collect();
    let [record] = landings.as_slice() else { panic!("{landings:#?}") };
    assert_eq!((&record["commit"], &record["object"]), (&landed.as_str().into(), &"infra".into()));
    assert_eq!(record["detail"]["merge_request"], number);
    for (who, name) in [("author", "alice"), ("merged_by", "carol"), ("approved_by.1", "bob")] {
        assert_eq!(record["personal"][who]["text"], name, "{record:#}");
    }
}

#[test]
fn a_merge_request_of_github_is_followed_by_webhooks_alone() {
    followed_by_webhooks(ForgeKind::Github, How::Squash);
}

#[test]
fn a_merge_request_of_forgejo_is_followed_by_webhooks_alone() {
    followed_by_webhooks(ForgeKind::Forgejo, How::Merge);
}
