//! How a source is reached: the operator's keys and credentials, and the files that tell git and ssh of them.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest as _, Sha256};

use super::command::Surroundings;
use super::error::GitError;
use super::url::{RemoteUrl, percent_decoded};
use super::{GitSettings, Limits};
use crate::domain::{Secret, SourceName};

/// What the operator names to reach a source. What is not named is not used: no agent, no ssh configuration, no
/// credential helper of the machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GitAccess {
    /// A private ssh key.
    pub ssh_key: Option<PathBuf>,
    /// The socket of an ssh agent.
    pub ssh_agent: Option<PathBuf>,
    /// An ssh configuration: jump hosts, hardware keys, certificates. Host keys stay strict.
    pub ssh_config: Option<PathBuf>,
    /// The host keys that are accepted. Without it, those of `/etc/ssh/ssh_known_hosts`.
    pub known_hosts: Option<PathBuf>,
    /// A credential for https.
    pub http: Option<HttpCredential>,
    /// Certificate authorities for https, instead of the machine's.
    pub ca_bundle: Option<PathBuf>,
}

/// A credential for https. It is read for each fetch, so that it can be changed while the daemon runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HttpCredential {
    /// A user, and a file with the password or access token.
    Basic {
        /// The user that the forge expects beside a token, for example `oauth2`.
        user: String,
        /// The file.
        password_file: PathBuf,
    },
    /// A file with a token that is sent as `Bearer`.
    Bearer {
        /// The file.
        token_file: PathBuf,
    },
    /// A file as `git credential-store` writes it: lines of `https://user:password@host`.
    Store {
        /// The file.
        file: PathBuf,
    },
}

/// The name of a Unix socket has 108 bytes with its end; ssh appends a dot and sixteen more.
const CONTROL_PATH_LIMIT: usize = 107 - 17;

/// Writes the files for one source below `run_dir` and returns what its commands have in common.
pub(super) fn prepare(
    settings: &GitSettings,
    name: &SourceName,
    url: &RemoteUrl,
    access: &GitAccess,
    limits: &Limits,
) -> Result<Surroundings, GitError> {
    for dir in [&settings.run_dir, &settings.home] {
        private_dir(dir).map_err(|it| GitError::io("make", dir, it))?;
    }
    let global_config = settings.run_dir.join(format!("{name}.gitconfig"));
    write_private(&global_config, &git_config(url, access)?)?;
    let ssh_config = settings.run_dir.join(format!("{name}.ssh"));
    write_private(&ssh_config, &ssh_configuration(&settings.run_dir, access, limits)?)?;

    let mut configuration = vec![
        "http.lowSpeedLimit=1".to_owned(),
        format!("http.lowSpeedTime={}", limits.stall.as_secs().max(1)),
    ];
    if let Some(bundle) = &access.ca_bundle {
        configuration.push(format!("http.sslCAInfo={}", plain_path(bundle)?));
    }
    let (program, home) = (settings.git_program.clone(), settings.home.clone());
    Ok(Surroundings { program, home, global_config, ssh_config, configuration })
}

/// The configuration that also the other side of a local fetch reads: `-c` options do not reach it.
fn git_config(url: &RemoteUrl, access: &GitAccess) -> Result<String, GitError> {
    let mut text = String::from(
        "[core]\n\thooksPath = /dev/null\n\tfsmonitor = false\n[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n\
         [protocol]\n\tallow = never\n",
    );
    if let Some(path) = url.local_path() {
        // Git refuses a repository of another user unless it is named here, with its inner directory.
        let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let common = super::local::common_dir(path);
        text.push_str("[protocol \"file\"]\n\tallow = always\n[safe]\n");
        for path in
            [Some(path.to_owned()), Some(path.join(".git")), Some(real.join(".git")), Some(real), common]
                .into_iter()
                .flatten()
        {
            let _ = writeln!(text, "\tdirectory = {}", config_quoted(&path)?);
        }
    } else {
        text.push_str("[protocol \"https\"]\n\tallow = always\n[protocol \"ssh\"]\n\tallow = always\n");
    }
    if let (Some(origin), Some(credential)) = (url.https_origin(), &access.http) {
        let header = authorization(credential, url)?;
        let _ = writeln!(text, "[http \"{origin}\"]\n\textraHeader = \"Authorization: {}\"", header.expose());
    }
    Ok(text)
}

/// Our options come first and win; the operator's configuration follows. As a file and not as options, because
/// ssh hands only the file on to the processes that it starts for jump hosts.
fn ssh_configuration(run_dir: &Path, access: &GitAccess, limits: &Limits) -> Result<String, GitError> {
    let connect = limits.connect.as_secs().max(1);
    let alive = (limits.stall.as_secs() / 3).max(1);
    let mut text = format!(
        "BatchMode yes\nStrictHostKeyChecking yes\nUpdateHostKeys no\nVerifyHostKeyDNS no\n\
         CanonicalizeHostname no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
         ConnectTimeout {connect}\nConnectionAttempts 1\nServerAliveInterval {alive}\nServerAliveCountMax 3\n\
         ForwardAgent no\nForwardX11 no\nClearAllForwardings yes\nPermitLocalCommand no\n"
    );
    let mut line = |key: &str, path: &Path| -> Result<(), GitError> {
        let _ = writeln!(text, "{key} \"{}\"", plain_path(path)?);
        Ok(())
    };
    match &access.known_hosts {
        Some(path) => {
            line("UserKnownHostsFile", path)?;
            line("GlobalKnownHostsFile", Path::new("/dev/null"))?;
        }
        None => line("UserKnownHostsFile", Path::new("/dev/null"))?,
    }
    match (&access.ssh_agent, &access.ssh_config) {
        (Some(socket), _) => line("IdentityAgent", socket)?,
        (None, None) => text.push_str("IdentityAgent none\n"),
        (None, Some(_)) => {}
    }
    match (&access.ssh_key, &access.ssh_agent, &access.ssh_config) {
        (Some(key), _, _) => {
            let _ = writeln!(text, "IdentityFile \"{}\"\nIdentitiesOnly yes", plain_path(key)?);
        }
        (None, None, None) => text.push_str("IdentityFile none\nIdentitiesOnly yes\n"),
        _ => {}
    }
    if let Some(socket) = control_path(run_dir, access) {
        let _ = writeln!(
            text,
            "ControlMaster auto\nControlPersist 300\nControlPath \"{}\"",
            plain_path(&socket)?
        );
    } else {
        text.push_str("ControlMaster no\nControlPath none\n");
    }
    if let Some(path) = &access.ssh_config {
        let _ = writeln!(text, "Include \"{}\"", plain_path(path)?);
    }
    Ok(text)
}

/// Where ssh keeps an open connection for the next poll. Sources that reach a host in the same way share it; those
/// with other keys must not, a forge tells its users apart by their keys alone. `None` if the name is too long.
fn control_path(run_dir: &Path, access: &GitAccess) -> Option<PathBuf> {
    let path = run_dir.join(format!("{}%C", control_prefix(access)));
    (path.as_os_str().len() - 2 + 40 <= CONTROL_PATH_LIMIT).then_some(path)
}

/// How the names of the sockets begin that belong to one way of reaching a host.
fn control_prefix(access: &GitAccess) -> String {
    let mut hash = Sha256::new();
    for part in [&access.ssh_key, &access.ssh_agent, &access.ssh_config, &access.known_hosts] {
        hash.update(part.as_deref().map_or(&b""[..], |it| it.as_os_str().as_encoded_bytes()));
        hash.update([0]);
    }
    hash.finalize().iter().take(4).fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// The sockets of open connections: of one way of reaching a host, or all.
pub(super) fn connections(run_dir: &Path, access: Option<&GitAccess>) -> Vec<PathBuf> {
    let prefix = access.map(control_prefix).unwrap_or_default();
    let Ok(entries) = std::fs::read_dir(run_dir) else { return Vec::new() };
    let is_socket = |name: &str| {
        name.len() == 48 && name.starts_with(&prefix) && name.bytes().all(|it| it.is_ascii_hexdigit())
    };
    entries
        .flatten()
        .filter(|it| it.file_name().to_str().is_some_and(is_socket))
        .map(|it| it.path())
        .collect()
}

/// The value of the `Authorization` header.
fn authorization(credential: &HttpCredential, url: &RemoteUrl) -> Result<Secret, GitError> {
    let header = match credential {
        HttpCredential::Basic { user, password_file } => {
            let password = secret_line(password_file)?;
            format!("Basic {}", BASE64.encode(format!("{user}:{}", password.expose())))
        }
        HttpCredential::Bearer { token_file } => {
            let token = secret_line(token_file)?;
            if !token.expose().bytes().all(|it| it.is_ascii_graphic() && it != b'"' && it != b'\\') {
                return Err(GitError::Credential {
                    path: token_file.clone(),
                    what: "it holds characters that no token has",
                });
            }
            format!("Bearer {}", token.expose())
        }
        HttpCredential::Store { file } => {
            let lines = secret_text(file)?;
            let pair = lines.expose().lines().find_map(|it| stored_pair(it, url)).ok_or_else(|| {
                GitError::Credential { path: file.clone(), what: "it has no line for the host of the source" }
            })?;
            format!("Basic {}", BASE64.encode(pair.expose()))
        }
    };
    Ok(Secret::new(header))
}

fn stored_pair(line: &str, url: &RemoteUrl) -> Option<Secret> {
    let (pair, rest) = line.trim().strip_prefix("https://")?.rsplit_once('@')?;
    let (user, password) = pair.split_once(':')?;
    let authority = rest.split('/').next()?;
    let wanted = match (url.host()?, url.port()) {
        (host, Some(port)) => format!("{host}:{port}"),
        (host, None) => host.to_owned(),
    };
    let pair = format!("{}:{}", percent_decoded(user)?, percent_decoded(password)?);
    (authority == wanted).then(|| Secret::new(pair))
}

/// The secrets that stand in the files for one source, so that they can be struck out of what git says.
pub(super) fn secrets(access: &GitAccess) -> Vec<Secret> {
    match &access.http {
        Some(
            HttpCredential::Basic { password_file: file, .. } | HttpCredential::Bearer { token_file: file },
        ) => secret_line(file).into_iter().collect(),
        _ => Vec::new(),
    }
}

fn secret_line(path: &Path) -> Result<Secret, GitError> {
    let text = secret_text(path)?;
    let line = text.expose().lines().next().unwrap_or_default();
    if line.is_empty() {
        return Err(GitError::Credential { path: path.to_owned(), what: "it is empty" });
    }
    Ok(Secret::new(line.to_owned()))
}

fn secret_text(path: &Path) -> Result<Secret, GitError> {
    std::fs::read_to_string(path).map(Secret::new).map_err(|it| GitError::io("read", path, it))
}

/// A path in the narrow alphabet that needs no quoting in any of the files: ssh expands `%`, `$`, `~` and `*`.
fn plain_path(path: &Path) -> Result<&str, GitError> {
    let fits = |it: &&str| {
        it.starts_with('/') && it.chars().all(|it| it.is_alphanumeric() || "/._-+@=,: %".contains(it))
    };
    let text = path.to_str().filter(fits);
    // `%C` is ours; no other percent sign is let through.
    let text = text.filter(|it| !it.contains('%') || (it.ends_with("%C") && it.matches('%').count() == 1));
    text.ok_or_else(|| GitError::Credential {
        path: path.to_owned(),
        what: "its name must be absolute, of letters, digits, spaces and `/._-+@=,:`",
    })
}

/// A path as a value of a git configuration file.
fn config_quoted(path: &Path) -> Result<String, GitError> {
    let text = path.to_str().filter(|it| !it.chars().any(char::is_control));
    let text =
        text.ok_or_else(|| GitError::Credential { path: path.to_owned(), what: "its name is not text" })?;
    Ok(format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
}

/// Makes a directory that nobody else can look into.
pub(super) fn private_dir(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Writes a file that nobody else can read, as a whole or not at all, and only if it says something new.
pub(super) fn write_private(path: &Path, text: impl AsRef<[u8]>) -> Result<(), GitError> {
    let text = text.as_ref();
    if std::fs::read(path).is_ok_and(|it| it == text) {
        return Ok(());
    }
    let write = || -> io::Result<()> {
        use std::io::Write as _;
        let dir = path.parent().unwrap_or(Path::new("/"));
        // `tempfile` makes it 0600.
        let mut file = tempfile::NamedTempFile::new_in(dir)?;
        file.write_all(text)?;
        file.persist(path)?;
        Ok(())
    };
    write().map_err(|it| GitError::io("write", path, it))
}
