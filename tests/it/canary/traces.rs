//! Looks for secrets, as they are and as programs write them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// What is looked for, and where it was found.
pub(crate) struct Traces {
    forms: Vec<(&'static str, &'static str, Vec<u8>)>,
    found: BTreeSet<String>,
}

impl Traces {
    pub(crate) fn new(secrets: Vec<(&'static str, String)>) -> Self {
        let mut forms = Vec::new();
        for (origin, secret) in secrets {
            forms.push((origin, "itself", secret.clone().into_bytes()));
            forms.push((origin, "hexadecimal", hexadecimal(&secret).into_bytes()));
            forms.push((origin, "as part of a URL", percent(&secret, "").into_bytes()));
            forms.push((origin, "as a path of a URL", percent(&secret, "/").into_bytes()));
            // In a longer text, at each of the three places where it can begin.
            for before in ["", "x", "xx"] {
                let text = base64(format!("{before}{secret}").as_bytes());
                let (start, end) = (if before.is_empty() { 0 } else { 4 }, text.len() / 4 * 4 - 4);
                forms.push((origin, "base64", text.as_bytes()[start..end].to_vec()));
            }
        }
        Self { forms, found: BTreeSet::new() }
    }

    pub(crate) fn look(&mut self, place: &str, content: &[u8]) {
        for (origin, form, bytes) in &self.forms {
            if let Some(at) = memchr::memmem::find(content, bytes) {
                let around = &content[at.saturating_sub(120)..content.len().min(at + bytes.len() + 40)];
                let around = String::from_utf8_lossy(around).replace('\n', "\\n");
                self.found.insert(format!("{origin} ({form}) in {place}: …{around}…"));
            }
        }
    }

    /// Every file below a directory, and what is in it if it is compressed. How many there are.
    pub(crate) fn look_below(&mut self, dir: &Path) -> usize {
        let mut files = 0;
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() && !path.is_symlink() {
                files += self.look_below(&path);
                continue;
            }
            let Ok(content) = fs::read(&path) else { continue };
            files += 1;
            let place = path.display().to_string();
            self.look(&place, place.as_bytes());
            self.look(&place, &content);
            if let Ok(plain) = zstd::decode_all(content.as_slice()) {
                self.look(&place, &plain);
            }
        }
        files
    }

    pub(crate) fn found(&self) -> bool {
        !self.found.is_empty()
    }

    #[track_caller]
    pub(crate) fn assert_none(&self, context: &str) {
        let found: Vec<&str> = self.found.iter().map(String::as_str).collect();
        assert!(found.is_empty(), "{context}: {} traces\n{}", found.len(), found.join("\n"));
    }
}

/// The command lines of the daemon, its guardians and Ansible, until it is done. What a playbook itself passes to a
/// program on its host is that playbook's doing.
pub(crate) fn watch_processes(done: &AtomicBool) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    while !done.load(Ordering::Relaxed) {
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let words = String::from_utf8_lossy(&words).replace('\0', " ");
            if words.contains("launcher.py") || words.contains("driftless ") {
                seen.insert(words);
            }
        }
        std::thread::park_timeout(super::EVERY);
    }
    seen
}

fn hexadecimal(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, it| {
        write!(all, "{it:02x}").expect("a string takes everything");
        all
    })
}

fn percent(text: &str, kept: &str) -> String {
    text.bytes().fold(String::new(), |mut all, it| {
        let it = char::from(it);
        if it.is_ascii_alphanumeric() || "-_.~".contains(it) || kept.contains(it) {
            all.push(it);
        } else {
            write!(all, "%{:02X}", u32::from(it)).expect("a string takes everything");
        }
        all
    })
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for part in bytes.chunks(3) {
        let number = part.iter().fold(0_u32, |all, it| all << 8 | u32::from(*it)) << (8 * (3 - part.len()));
        for place in 0..=part.len() {
            text.push(char::from(LETTERS[(number >> (18 - 6 * place) & 63) as usize]));
        }
    }
    text
}
