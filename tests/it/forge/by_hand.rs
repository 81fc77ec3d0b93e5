//! The forge for people: to try the documentation against it as somebody would who sets driftless up.
//!
//! ```console
//! $ DRIFTLESS_TEST_FORGE=gitlab cargo test --test it -- --ignored --nocapture forge::by_hand
//! ```

use std::io::BufRead as _;

use super::{Forge, How};

/// It takes a command a line and ends with its standard input. Pushes come by Git.
#[test]
#[ignore = "it serves until its standard input ends"]
fn serve_a_forge_by_hand() {
    #[expect(clippy::disallowed_methods, reason = "which forge, as the person says who tries it")]
    let kind = std::env::var("DRIFTLESS_TEST_FORGE").unwrap_or_else(|_| "forgejo".to_owned());
    let forge = Forge::start(kind.parse().expect("a forge"));
    say(&format!(
        "git url:   {}\napi url:   {}\ntoken:     {}\nca bundle: {}\n\
         commands:  open BRANCH AUTHOR TITLE | approve N WHO | merge N WHO | close N | show N | webhooks URL SECRET | \
         deliveries",
        forge.git_url(),
        forge.api_url(),
        forge.token(),
        forge.ca_bundle().display()
    ));
    for line in std::io::stdin().lock().lines() {
        say(&obey(&forge, &line.expect("text")));
    }
}

fn obey(forge: &Forge, line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let number = |it: &str| it.parse::<u64>().expect("a number");
    match words.as_slice() {
        ["open", branch, author, title @ ..] => {
            format!("opened {}", forge.open(branch, &title.join(" "), author))
        }
        ["approve", of, who] => {
            forge.approve(number(of), who);
            "approved".to_owned()
        }
        ["merge", of, who] => format!("merged as {}", forge.merge(number(of), who, How::Merge)),
        ["close", of] => {
            forge.close(number(of));
            "closed".to_owned()
        }
        ["show", of] => {
            let comments = forge.comments(number(of)).iter().fold(String::new(), |text, it| {
                format!("{text}{} ({} edits):\n{}\n", it.by, it.edits, it.body)
            });
            let statuses = forge.statuses(&forge.head(number(of)));
            let statuses =
                statuses.iter().map(|it| format!("{} {}: {}\n", it.state, it.context, it.description));
            format!("{comments}{}", statuses.collect::<String>())
        }
        ["webhooks", url, secret] => {
            forge.send_webhooks_to(url, secret);
            "they are sent".to_owned()
        }
        ["deliveries"] => format!("{:?}", forge.deliveries()),
        _ => format!("no such command: {line}"),
    }
}

#[expect(clippy::print_stdout, reason = "somebody reads along")]
fn say(text: &str) {
    println!("{text}");
}
