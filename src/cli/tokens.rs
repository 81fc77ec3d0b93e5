//! `driftless tokens` and `driftless sign-in`: who may use the API and the pages.

use std::collections::BTreeSet;

use clap::{Args, Subcommand};

use super::client::{Client, ClientError};
use super::console::Console;
use super::page::{Page, Piece, Tone, piece, plain};
use crate::api::when::{ago, exact, until};
use crate::api::{SignInLink, Status, TokenBody, TokenList, TokenMade, TokenView};
use crate::domain::{Grant, Role, Scope, Span, Timestamp, TokenName, TokenState};

/// Arguments of `tokens`.
#[derive(Debug, Args)]
pub struct TokenArguments {
    /// What to do, if not to list them.
    #[command(subcommand)]
    pub command: Option<TokenCommand>,
}

/// What can be done with tokens.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token and print it: nothing tells it again
    Create(TokenCreate),
    /// List all tokens, without what makes them work
    List,
    /// Revoke a token at once, and end the sessions that it began
    Revoke {
        /// Its name or its id
        #[arg(value_name = "NAME or ID", value_parser = name_or_id)]
        token: String,
    },
}

/// Arguments of `tokens create`.
#[derive(Debug, Args)]
pub struct TokenCreate {
    /// What it is called: by whom or what it is used
    pub name: TokenName,
    /// What its bearer may do: viewer, operator or admin
    #[arg(long, value_name = "ROLE", default_value = "viewer")]
    pub role: Role,
    /// Only with these: sources, and stacks as `source/stack` [default: everything]
    #[arg(long, value_name = "SOURCE or SOURCE/STACK", value_delimiter = ',')]
    pub stacks: Vec<Grant>,
    /// For how long it is good, as in `12h` or `90d`; a year at most
    #[arg(long, value_name = "TIME", default_value = "90d", value_parser = valid)]
    pub expires: u64,
}

fn name_or_id(given: &str) -> Result<String, String> {
    // Ids are written as names may be.
    given.parse::<TokenName>().map(String::from).map_err(|it| it.to_string())
}

/// A length of time in seconds.
fn valid(given: &str) -> Result<u64, String> {
    let wrong = || "write a number with `m`, `h` or `d`, from one minute to 366 days: `90d`".to_owned();
    let (number, unit) = given.split_at_checked(given.len().saturating_sub(1)).ok_or_else(wrong)?;
    let unit = match unit {
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let seconds = number.parse::<u64>().ok().and_then(|it| it.checked_mul(unit)).ok_or_else(wrong)?;
    let fits = (TokenBody::SHORTEST..=TokenBody::LONGEST).contains(&seconds);
    if fits { Ok(seconds) } else { Err(wrong()) }
}

/// Makes, lists and revokes tokens.
pub(super) async fn tokens(
    arguments: TokenArguments,
    client: &Client,
    console: &mut Console,
) -> Result<(), ClientError> {
    match arguments.command.unwrap_or(TokenCommand::List) {
        TokenCommand::Create(TokenCreate { name, role, stacks, expires }) => {
            let stacks: BTreeSet<Grant> = stacks.into_iter().collect();
            let stacks = (!stacks.is_empty()).then_some(stacks);
            let body = TokenBody { name, role, stacks, valid_seconds: Some(expires) };
            let made: TokenMade = client.post("/tokens", &body).await?;
            if console.wants_json() {
                console.answer(&made, |_, _| Page::default())?;
                doubt(&made.token.scope, client, console).await;
                return Ok(());
            }
            // The token alone on the output, so that it can be written into a file; what is to be known, beside it.
            console.line(&made.text)?;
            console.note(&format!(
                "this is shown once; {} is {} of {} until {}",
                made.token.name,
                made.token.role,
                scope_words(&made.token.scope),
                exact(made.token.expires_at)
            ));
            doubt(&made.token.scope, client, console).await;
            Ok(())
        }
        TokenCommand::List => console.answer(&client.get::<TokenList>("/tokens").await?, tokens_page),
        TokenCommand::Revoke { token } => {
            let list: TokenList = client.post(&format!("/tokens/{token}/revoke"), &()).await?;
            console.answer(&list, |list, _| {
                let mut page = Page::default();
                for it in &list.tokens {
                    page.line(&[plain(format!(
                        "{} ({}) is revoked, and its sessions are over",
                        it.name, it.id
                    ))]);
                }
                page
            })
        }
    }
}

/// Says which names of a scope nothing has, which may be a slip: the token holds for them once something has.
async fn doubt(scope: &Scope, client: &Client, console: &mut Console) {
    let Scope::Only(grants) = scope else { return };
    // The token is made: whatever goes wrong here is no failure.
    let Ok(status) = client.get::<Status>("/status").await else { return };
    let is_known = |grant: &Grant| match grant {
        Grant::Source(source) => status.sources.iter().any(|it| it.name == *source),
        Grant::Stack(stack) => status.stacks.iter().any(|it| it.id == *stack),
    };
    for grant in grants.iter().filter(|it| !is_known(it)) {
        console.note(&format!("nothing is called `{grant}`; the token is good for it once something is"));
    }
}

/// Prints a link that signs a browser in.
pub(super) async fn sign_in(client: &Client, console: &mut Console) -> Result<(), ClientError> {
    let link: SignInLink = client.post("/sign-in-link", &()).await?;
    if console.wants_json() {
        return console.answer(&link, |_, _| Page::default());
    }
    console.line(&link.url)?;
    console.note("open it in a browser within five minutes; it works once, and whoever opens it is you");
    Ok(())
}

fn tokens_page(list: &TokenList, now: Timestamp) -> Page {
    let mut page = Page::default();
    if list.tokens.is_empty() {
        page.line(&[plain("there is no token; `driftless tokens create NAME` makes one")]);
        return page;
    }
    let rows = list.tokens.iter().map(|it| row(it, now)).collect();
    page.table(&["NAME", "ID", "ROLE", "OF", "STATE", "USED", "MADE BY"], &[], rows);
    page
}

fn row(token: &TokenView, now: Timestamp) -> Vec<Piece> {
    let (tone, state) = match (token.state, &token.revoked_by) {
        (TokenState::Live, _) => (Tone::Good, format!("ends {}", until(now, rounded(now, token.expires_at)))),
        (TokenState::Expired, _) => (Tone::Faint, format!("ended {}", ago(now, token.expires_at))),
        (TokenState::Revoked, by) => {
            (Tone::Faint, format!("revoked by {}", by.as_deref().unwrap_or("somebody")))
        }
    };
    vec![
        piece(Tone::Strong, token.name.as_str()),
        plain(token.id.as_str()),
        plain(token.role.as_str()),
        plain(scope_words(&token.scope)),
        piece(tone, state),
        plain(token.used_at.map_or_else(|| "never".to_owned(), |it| ago(now, it))),
        plain(&token.created_by),
    ]
}

/// Days are told whole: half a day later, what was made a moment ago for 30 days has 30 of them, not 29.
fn rounded(now: Timestamp, at: Timestamp) -> Timestamp {
    let is_far = Span::from_hours(72) <= at.duration_since(now);
    if is_far { at + Span::from_hours(12) } else { at }
}

fn scope_words(scope: &Scope) -> String {
    match scope {
        Scope::All => "everything".to_owned(),
        Scope::Only(grants) => grants.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_was_just_made_has_all_its_days() {
        let now = Timestamp::UNIX_EPOCH;
        let days = |days: i64| now + Span::from_hours(24 * days);
        assert_eq!(until(now + Span::from_secs(1), rounded(now + Span::from_secs(1), days(30))), "in 30d");
        assert_eq!(until(days(1), rounded(days(1), days(30))), "in 29d");
        assert_eq!(rounded(now, days(2)), days(2), "what is near is told as it is");
    }

    #[test]
    fn a_length_of_time_has_a_unit_and_an_end() {
        assert_eq!(valid("1m"), Ok(60));
        assert_eq!(valid("36h"), Ok(129_600));
        assert_eq!(valid("366d"), Ok(TokenBody::LONGEST));
        for bad in ["", "d", "90", "0d", "367d", "30s", "-1d", "1é", "never", "99999999999999999999d"] {
            assert!(valid(bad).is_err(), "{bad}");
        }
    }
}
