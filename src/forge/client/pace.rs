//! How long a forge asks to wait. No clock is read: the forge says when its limit ends and what time it has.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// Without a word of how long: what GitHub asks of its users for such answers.
const UNSAID: Duration = Duration::from_secs(60);

/// The longest pause that is believed. The limits of all forges are by the hour at most.
const LONGEST: Duration = Duration::from_secs(2 * 60 * 60);

/// Whether an answer says that we ask too much, and how long to wait then.
///
/// GitHub answers 403 or 429, with `retry-after` or `x-ratelimit-remaining: 0` and `x-ratelimit-reset`, or only says
/// so in its words for secondary limits (docs.github.com, "Rate limits for the REST API"). GitLab answers 429 with
/// `Retry-After` and `RateLimit-Reset` (docs.gitlab.com, "Rate limits"). Forgejo and Gitea have no limit of their
/// own; proxies in front of them answer 429 or 503 with `Retry-After`.
pub(super) fn asked_to_wait(status: StatusCode, headers: &HeaderMap, said: &str) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<i64>().ok();
    let used_up = ["x-ratelimit-remaining", "ratelimit-remaining"].iter().any(|it| number(it) == Some(0));
    let is_limit = match status {
        StatusCode::TOO_MANY_REQUESTS => true,
        StatusCode::FORBIDDEN => {
            used_up || headers.contains_key(RETRY_AFTER) || said.to_ascii_lowercase().contains("rate limit")
        }
        StatusCode::SERVICE_UNAVAILABLE => headers.contains_key(RETRY_AFTER),
        _ => false,
    };
    if !is_limit {
        return None;
    }
    let now = date(headers.get(DATE)?.to_str().ok().unwrap_or_default());
    let until = |epoch: i64| Some(Duration::from_secs(u64::try_from(epoch - now?).unwrap_or(0)));
    let retry_after = headers
        .get(RETRY_AFTER)
        .and_then(|it| it.to_str().ok())
        .and_then(|text| text.trim().parse().ok().map(Duration::from_secs).or_else(|| until(date(text)?)));
    let reset = || ["x-ratelimit-reset", "ratelimit-reset"].iter().find_map(|it| until(number(it)?));
    let wait = retry_after.or_else(|| if used_up { reset() } else { None }).unwrap_or(UNSAID);
    Some(wait.clamp(Duration::from_secs(1), LONGEST))
}

/// Seconds since the epoch of a date as HTTP writes it.
fn date(text: &str) -> Option<i64> {
    let parsed = jiff::fmt::rfc2822::parse(text.trim()).ok()?;
    Some(parsed.timestamp().as_second())
}

/// Keeps us from asking while the forge wants us to wait.
#[derive(Debug, Default)]
pub(super) struct Pace {
    until: Option<Instant>,
}

impl Pace {
    pub(super) fn wait(&mut self, wait: Duration) {
        self.until = Instant::now().checked_add(wait);
    }

    /// How long is still to be waited.
    pub(super) fn left(&self) -> Option<Duration> {
        let left = self.until?.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 1_784_548_800;

    fn asked(status: u16, headers: &[(&'static str, &str)], said: &str) -> Option<u64> {
        let mut map = HeaderMap::new();
        map.insert(DATE, "Mon, 20 Jul 2026 12:00:00 GMT".parse().expect("a value"));
        for (name, value) in headers {
            map.insert(*name, value.parse().expect("a value"));
        }
        let status = StatusCode::from_u16(status).expect("a status");
        asked_to_wait(status, &map, said).map(|it| it.as_secs())
    }

    #[test]
    fn a_forge_says_how_long_to_wait() {
        assert_eq!(date("Mon, 20 Jul 2026 12:00:00 GMT"), Some(NOON));
        let reset = (NOON + 90).to_string();
        let github = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", reset.as_str())];
        assert_eq!(asked(403, &github, "API rate limit exceeded"), Some(90));
        assert_eq!(asked(429, &github, ""), Some(90));
        assert_eq!(asked(403, &[("retry-after", "17")], ""), Some(17));
        assert_eq!(asked(403, &[], "You have exceeded a secondary rate limit"), Some(60));
        let gitlab = [("ratelimit-remaining", "0"), ("ratelimit-reset", reset.as_str())];
        assert_eq!(asked(429, &gitlab, "Retry later"), Some(90));
        assert_eq!(asked(429, &[("retry-after", "Mon, 20 Jul 2026 12:01:00 GMT")], ""), Some(60));
        assert_eq!(asked(503, &[("retry-after", "5")], ""), Some(5));
    }

    #[test]
    fn what_is_no_limit_is_no_reason_to_wait_and_nothing_is_believed_without_end() {
        assert_eq!(asked(403, &[("x-ratelimit-remaining", "12")], "Resource not accessible"), None);
        assert_eq!(asked(503, &[], ""), None);
        assert_eq!(asked(500, &[("retry-after", "5")], ""), None);
        assert_eq!(asked(429, &[("retry-after", "99999999")], ""), Some(7200));
        assert_eq!(asked(429, &[("retry-after", "-1")], ""), Some(60));
        let past = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "17")];
        assert_eq!(asked(403, &past, ""), Some(1));
    }
}
