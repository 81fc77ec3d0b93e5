//! What git and ssh mean by what they say. Their text is for people: it is matched loosely, cut short, cleaned of
//! secrets and control characters, and never decides anything but the wording and the time of the next try.

use std::path::PathBuf;

use super::access::GitAccess;
use super::error::GitError;
use super::url::RemoteUrl;
use crate::domain::{Reference, Secret};

/// What a failed command said, and what it was for.
pub(super) struct Said<'a> {
    /// Its standard error.
    pub(super) stderr: &'a [u8],
    /// Where it went.
    pub(super) url: &'a RemoteUrl,
    /// What it asked for.
    pub(super) reference: &'a Reference,
    /// How it got there.
    pub(super) access: &'a GitAccess,
    /// What must not be repeated.
    pub(super) secrets: &'a [Secret],
}

type Rule = (&'static [&'static str], fn(String) -> GitError);

/// The first rule with a phrase that was said decides, so the more special ones stand first.
const RULES: &[Rule] = &[
    (&["No space left on device", "Disk quota exceeded"], |_| GitError::DiskFull {
        path: "the cache".into(),
    }),
    (&["mismatched algorithms"], |_| GitError::ObjectFormat),
    (&["source repository is shallow", "shallow update not allowed", SHALLOW], |_| GitError::Shallow),
    (&["fsck error", "error in object", "error: object "], GitError::HostileObject),
    (
        &[
            "Permission denied (",
            "Authentication failed",
            "could not read Username",
            "could not read Password",
            "returned error: 401",
            "returned error: 403",
            "Too many authentication failures",
            "Access denied",
            "bad permissions",
            "account is locked",
        ],
        GitError::Authentication,
    ),
    (
        &[
            "SSL certificate problem",
            "certificate verification failed",
            "SSL: no alternative certificate",
            "server verification failed",
        ],
        GitError::Certificate,
    ),
    (
        &[
            "redirect",
            "returned error: 301",
            "returned error: 302",
            "returned error: 307",
            "returned error: 308",
        ],
        GitError::Redirected,
    ),
    (
        &[
            "does not appear to be a git repository",
            "epository not found",
            "' not found",
            "returned error: 404",
            "does not exist",
            "could not be found",
        ],
        GitError::NoRepository,
    ),
    (
        &[
            "Could not resolve",
            "Connection refused",
            "Connection timed out",
            "Network is unreachable",
            "No route to host",
            "Connection reset",
            "Connection closed",
            "Operation timed out",
            "Failed to connect",
            "Couldn't connect",
            "Operation too slow",
            "kex_exchange_identification",
            "RPC failed",
            "early EOF",
            "unexpected disconnect",
            "returned error: 429",
            "returned error: 5",
            "Empty reply",
            "TLS connect",
            "gnutls_handshake",
            "SSL_ERROR_SYSCALL",
            "Broken pipe",
        ],
        GitError::Unreachable,
    ),
    (
        &[
            // Ours; another one "does not appear to be a git repository".
            "not a git repository: '",
            "is corrupt",
            "bad object",
            "bad pack",
            "inflate",
            "cannot be accessed",
            "unable to read sha1 file",
            "missing blob object",
            "missing tree",
            "did not send all necessary objects",
            "unresolved deltas",
            "index file",
            "is far too short",
            "bad config",
            "cannot lock ref",
            "Unable to create",
            "unable to update local",
            "object file",
            "unable to find",
            "not a valid object",
        ],
        GitError::Corrupt,
    ),
    (&["hung up unexpectedly", "Could not read from remote repository"], GitError::Unreachable),
];

/// What git warns of when it does not take a branch over from a shallow clone.
const SHALLOW: &str = "because shallow roots are not allowed";

/// Whether a fetch that ended well took nothing over, because the other side is a shallow clone.
pub(super) fn rejects_shallow(stderr: &[u8]) -> bool {
    let text = String::from_utf8_lossy(stderr);
    text.split(['\n', '\r']).any(|it| it.starts_with("warning: ") && it.contains(SHALLOW))
}

/// Names the error. A missing branch comes back without the branches that exist.
pub(super) fn diagnose(said: &Said<'_>) -> GitError {
    let text = String::from_utf8_lossy(said.stderr);
    let lines: Vec<&str> = text.split(['\n', '\r']).filter(|it| !is_trace(it)).collect();
    let says = |phrase: &str| lines.iter().any(|it| it.contains(phrase));
    if says("couldn't find remote ref") {
        return GitError::NoSuchBranch { reference: said.reference.clone(), existing: Vec::new() };
    }
    if says("Host key verification failed") || says("host key is known for") {
        return host_key(said, &lines);
    }
    // What the other side wants to tell people must not decide what this side thinks.
    let own: Vec<&str> = lines.iter().copied().filter(|it| !it.starts_with("remote:")).collect();
    for (phrases, error) in RULES {
        if let Some(line) = own.iter().find(|it| phrases.iter().any(|phrase| it.contains(phrase))) {
            return error(scrubbed(line, said.secrets));
        }
    }
    let last = own.iter().rev().find(|it| it.starts_with("fatal:") || it.starts_with("error:"));
    let last = last.or_else(|| lines.iter().rev().find(|it| !it.trim().is_empty()));
    GitError::Other(scrubbed(last.unwrap_or(&"it said nothing"), said.secrets))
}

fn is_trace(line: &str) -> bool {
    line.starts_with(|it: char| it.is_ascii_digit()) && line.contains(" packet: ")
}

fn host_key(said: &Said<'_>, lines: &[&str]) -> GitError {
    let host = said.url.host().unwrap_or("the server");
    let port = said.url.port().unwrap_or(22);
    let host = if port == 22 { host.to_owned() } else { format!("[{host}]:{port}") };
    let known_hosts =
        said.access.known_hosts.clone().unwrap_or_else(|| PathBuf::from("/etc/ssh/ssh_known_hosts"));
    let fingerprint = lines.iter().find_map(|it| fingerprint(it));
    if lines.iter().any(|it| it.contains("IDENTIFICATION HAS CHANGED") || it.contains("REVOKED HOST KEY")) {
        GitError::HostKeyChanged { host, fingerprint, known_hosts }
    } else {
        GitError::HostKeyUnknown { host, port, fingerprint, known_hosts }
    }
}

/// The fingerprint in a line of ssh: `debug1: Server host key: ssh-ed25519 SHA256:…`, or a line by itself.
pub(super) fn fingerprint(line: &str) -> Option<String> {
    let shown = match line.split_once("Server host key: ") {
        Some((_, shown)) => shown,
        None if line.starts_with("SHA256:") => line.trim_end_matches('.'),
        None => return None,
    };
    let fits = |it: char| it.is_ascii_alphanumeric() || "+/:- .@".contains(it);
    (shown.len() < 200 && shown.chars().all(fits)).then(|| shown.trim().to_owned())
}

/// One line that can be shown to anybody: no control characters, no userinfo, no header, no known secret, short.
pub(super) fn scrubbed(line: &str, secrets: &[Secret]) -> String {
    let mut text = line.to_owned();
    for secret in secrets.iter().filter(|it| it.expose().len() >= 4) {
        text = text.replace(secret.expose(), "…");
    }
    if let Some(at) = text.to_ascii_lowercase().find("authorization:") {
        text.truncate(at);
    }
    let words: Vec<String> = text.split(' ').map(without_userinfo).collect();
    let text: String = words.join(" ").chars().take(300).collect();
    let text = text.trim().trim_start_matches("fatal: ").trim_start_matches("error: ").to_owned();
    text.escape_debug().to_string().replace("\\'", "'").replace("\\\"", "\"")
}

fn without_userinfo(word: &str) -> String {
    let Some((scheme, rest)) = word.split_once("://") else { return word.to_owned() };
    let authority = rest.find('/').unwrap_or(rest.len());
    match rest[..authority].rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => word.to_owned(),
    }
}

/// The names of branches in the output of `ls-remote`, at most five and a count of the others.
pub(super) fn branch_names(stdout: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(stdout);
    let all: Vec<&str> = text
        .lines()
        .filter_map(|it| it.split_once("\trefs/").map(|it| it.1))
        .filter_map(|it| it.strip_prefix("heads/").or_else(|| it.strip_prefix("tags/")))
        .collect();
    let mut shown: Vec<String> = all.iter().take(5).map(|it| scrubbed(it, &[])).collect();
    if all.len() > shown.len() {
        shown.push(format!("and {} more", all.len() - shown.len()));
    }
    shown
}
