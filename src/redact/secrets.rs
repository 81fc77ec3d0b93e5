//! The secrets of a run, as they become known.

use std::fmt;
use std::sync::Arc;

use super::Redactor;
use super::known::{Known, SHORTEST, core};
use super::names::Names;
use super::variants::{Text, variants};

/// Secrets that must not be seen. It only grows, and its memory is wiped when the last user of it is gone.
#[derive(Default)]
pub struct Secrets {
    known: Arc<Known>,
    /// Sorted.
    seen: Vec<Text>,
    not_redacted: usize,
    names: Arc<Names>,
}

/// What became of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// It is replaced from now on.
    New,
    /// It was there before.
    Known,
    /// It cannot be redacted: it has fewer than six characters.
    TooShort,
    /// It cannot be redacted: it is a word or a number that stands in every log.
    TooCommon,
}

impl Secrets {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// None yet, where the values of these names are secrets, too.
    pub fn with_names(names: Names) -> Self {
        Self { names: Arc::new(names), ..Self::default() }
    }

    /// Takes up one more secret. White space around it does not belong to it.
    pub fn add(&mut self, secret: impl AsRef<[u8]>) -> Added {
        let secret = secret.as_ref().trim_ascii();
        let place = self.seen.binary_search_by(|it| it.as_slice().cmp(secret));
        match place {
            Err(place) if !secret.is_empty() => self.seen.insert(place, Text::new(secret.to_vec())),
            _ => return Added::Known,
        }
        if let Some(weakness) = weakness(secret) {
            self.not_redacted += 1;
            return weakness;
        }
        let mut texts = variants(secret);
        // A line of a key can be a word that stands in every log.
        texts.retain(|it| weakness(it).is_none());
        if Arc::make_mut(&mut self.known).insert(&texts) { Added::New } else { Added::Known }
    }

    /// How many different secrets were given that cannot be redacted.
    pub fn cannot_be_redacted(&self) -> usize {
        self.not_redacted
    }

    /// How many different secrets are replaced.
    pub fn len(&self) -> usize {
        self.seen.len() - self.not_redacted
    }

    /// Whether nothing is replaced.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What replaces the secrets known so far. This costs next to nothing.
    pub fn redactor(&self) -> Redactor {
        Redactor::new(Arc::clone(&self.known), Arc::clone(&self.names))
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({}, {} not redacted)", self.len(), self.not_redacted)
    }
}

/// Why a text cannot be redacted.
pub(super) fn weakness(secret: &[u8]) -> Option<Added> {
    let length = std::str::from_utf8(secret).map_or(secret.len(), |it| it.chars().count());
    if length < SHORTEST || core(secret, 0..secret.len()).len() < SHORTEST {
        return Some(Added::TooShort);
    }
    let digits = secret.iter().filter(|it| it.is_ascii_digit()).count();
    let is_number = digits < 8 && secret.iter().all(|it| it.is_ascii_digit() || b".,:-+/ ".contains(it));
    let is_one_character = secret.iter().all(|it| *it == secret[0]);
    let lower = secret.to_ascii_lowercase();
    let is_word = lower.len() <= 24 && COMMON.split(' ').any(|it| it.as_bytes() == lower);
    (is_number || is_one_character || is_word).then_some(Added::TooCommon)
}

/// Words of six letters and more that stand in the output of Ansible and of what it configures.
const COMMON: &str = "\
    absent access account active address administrator admins ansible apache archive backup become before \
    branch cached change changed changeme changes client cluster command common config configuration \
    configured connect connection console content control create created database debian default defaults \
    delete deleted deploy deployment develop developer development directory disable disabled docker \
    domain dynamic enable enabled engine ensure environment failed failure forever gather gathering global \
    grafana groups handler handlers hidden hostname ignore ignored include install installed internal \
    inventory jenkins kubernetes latest localdomain localhost localhost.localdomain logging manage managed \
    manager mariadb master member message method mongodb mysqld network nobody normal option options \
    oracle output package packages passphrase passwd password passwords permission permissions playbook \
    plugin policy postgres postgresql present primary private process production profile project \
    prometheus public python rabbitmq readonly reboot redacted redaction redhat region release reload \
    reloaded remote remove removed replica repository request required rescued restart restarted \
    restricted result results return running secret secrets secure security select server service services \
    session setting settings shared skipped skipping source stable staging standard started static status \
    stderr stdout stopped storage string subnet success successful support syslog system systemd target \
    template templates temporary test123 testing tokens ubuntu unchanged unknown unreachable update \
    updated upgrade username vagrant values variable variables version warning website windows worker \
    zabbix";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_could_be_found() {
        let fits = |it: &str| (SHORTEST..=24).contains(&it.len()) && it.to_lowercase() == it;
        assert!(COMMON.split(' ').all(fits), "{COMMON}");
    }

    #[test]
    fn what_cannot_be_redacted_is_counted_once() {
        let mut secrets = Secrets::new();
        assert_eq!(secrets.add("hunt"), Added::TooShort);
        assert_eq!(secrets.add("hunt\n"), Added::Known);
        assert_eq!(secrets.add("äöüß€"), Added::TooShort);
        assert_eq!(secrets.add(b"\xff\xfe\xfd"), Added::TooShort);
        assert_eq!(secrets.add("]]]]d]abc"), Added::TooShort);
        for word in
            ["Password", "localhost", "production", "redacted", "123456", "10.0.0.1", "8080:80", "------"]
        {
            assert_eq!(secrets.add(word), Added::TooCommon, "{word}");
        }
        assert_eq!((secrets.len(), secrets.cannot_be_redacted()), (0, 12));
        assert_eq!(secrets.add(""), Added::Known);
        assert!(secrets.is_empty());
        for secret in ["hunter2", "123456789", "password1", "äöüß€²", "Tr0ub4dor&3"] {
            assert_eq!(secrets.add(secret), Added::New, "{secret}");
            assert_eq!(secrets.add(format!(" {secret}\n")), Added::Known);
        }
        assert_eq!((secrets.len(), secrets.cannot_be_redacted()), (5, 12));
        assert_eq!(format!("{secrets:?}"), "Secrets(5, 12 not redacted)");
    }
}
