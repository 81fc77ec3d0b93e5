//! The main job of driftless on an embedded default: a repository, a daemon, four commits, and the evidence.
//!
//! It plays a person: it commits, looks at files, and asks the daemon over its socket like the command line does.

mod daemon;
mod drift;
mod repository;
mod story;

use std::fmt::Write as _;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use daemon::DemoDaemon;
use repository::DemoRepository;
use story::Story;

/// What the demo is started with.
#[derive(Debug, Clone)]
pub struct DemoOptions {
    /// End when the story is told.
    pub exit: bool,
    /// Keep everything here; a new directory if absent.
    pub directory: Option<PathBuf>,
    /// Where metrics and health are served.
    pub listen: SocketAddr,
    /// The `driftless` program.
    pub program: PathBuf,
    /// Where Python is looked for, written like `PATH`.
    pub search_path: String,
    /// Variables that this machine needs to reach a package index: handed to the demo's daemon.
    pub environment: Vec<(String, String)>,
}

/// Tells the story, and then stays up until it is interrupted, unless told to exit.
pub async fn tell(options: &DemoOptions, out: &mut impl Write) -> anyhow::Result<()> {
    let temporary;
    let root = if let Some(path) = &options.directory {
        path.clone()
    } else {
        temporary = tempfile::Builder::new().prefix("driftless-demo-").tempdir()?;
        temporary.path().to_owned()
    };
    std::fs::create_dir_all(&root).with_context(|| format!("failed to make {}", root.display()))?;
    anyhow::ensure!(
        !root.join("config.yml").exists(),
        "{} has a demo in it already; remove it, or choose another directory",
        root.display()
    );
    let (python, core) = python(&options.search_path)?;
    let repository = DemoRepository::create(&root.join("repository"), core)?;
    write_config(&root, options, &python)?;
    writeln!(out, "driftless demo in {}", root.display())?;
    writeln!(out, "   repository    {}", repository.root().display())?;
    writeln!(out, "   configuration {}", root.join("config.yml").display())?;
    writeln!(out, "   Ansible       ansible-core {core}, built by the daemon with {}", python.display())?;
    // The daemon follows the repository from before its first commit.
    let daemon = DemoDaemon::start(&root, options).await?;
    writeln!(out, "   pages         {}", daemon.url().await?)?;
    if !options.exit {
        writeln!(out, "\nLook on in a browser. This link signs you in; it works once, for five minutes:")?;
        writeln!(out, "   {}", daemon.sign_in_link().await?)?;
    }
    let hosts = root.join("state/stacks/demo/fleet/hosts");
    let mut story = Story { out, daemon: &daemon, repository: &repository, hosts };
    let told = tokio::select! {
        told = story.tell() => Some(told),
        ended = interrupted() => {
            ended?;
            None
        }
    };
    match told {
        Some(Ok(())) => {}
        Some(Err(error)) => return Err(error.context(daemon.last_words())),
        None => return daemon.stop().await,
    }
    if options.exit {
        writeln!(out, "\nAll of it happened as told. The daemon stops now.")?;
        return daemon.stop().await;
    }
    stay(out, &root, &daemon).await
}

async fn stay(out: &mut impl Write, root: &Path, daemon: &DemoDaemon) -> anyhow::Result<()> {
    let url = daemon.url().await?;
    writeln!(out, "\nThe daemon stays up. Its pages are at {url}/, metrics at {url}/metrics.")?;
    writeln!(out, "This link signs a browser in; it works once, for five minutes:")?;
    writeln!(out, "   {}", daemon.sign_in_link().await?)?;
    writeln!(out, "In another terminal, `driftless sign-in` makes another one:")?;
    writeln!(out, "   export DRIFTLESS_SOCKET={}/run/driftless.sock", root.display())?;
    writeln!(
        out,
        "   driftless sign-in; driftless status; driftless runs; driftless show 1; driftless explain fleet"
    )?;
    writeln!(
        out,
        "Change and commit something in {}/repository and see it applied. Ctrl-C ends the demo.",
        root.display()
    )?;
    interrupted().await?;
    daemon.stop().await
}

/// Waits for Ctrl-C, or for somebody to end this process: the daemon is not left behind.
async fn interrupted() -> std::io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        it = tokio::signal::ctrl_c() => it,
        _ = terminate.recv() => Ok(()),
    }
}

/// The newest Python on this machine that has `venv`, and the newest ansible-core that it can run
/// (`ansible-facts` 1.1: 2.18 and 2.19 need 3.11, 2.20 and later 3.12).
fn python(search_path: &str) -> anyhow::Result<(PathBuf, &'static str)> {
    const KNOWN: [(&str, &str); 5] = [
        ("python3.14", "2.21.5"),
        ("python3.13", "2.21.5"),
        ("python3.12", "2.21.5"),
        ("python3.11", "2.19.14"),
        ("python3.10", "2.17.14"),
    ];
    for (name, core) in KNOWN {
        for dir in search_path.split(':').filter(|it| !it.is_empty()) {
            let program = Path::new(dir).join(name);
            let works = std::process::Command::new(&program)
                .args(["-c", "import ensurepip, ssl, venv"])
                .stdin(std::process::Stdio::null())
                .output()
                .is_ok_and(|it| it.status.success());
            if works {
                return Ok((program, core));
            }
        }
    }
    anyhow::bail!("no Python from 3.10 on with `venv` was found; on Debian: apt-get install python3-venv")
}

fn write_config(root: &Path, options: &DemoOptions, python: &Path) -> anyhow::Result<()> {
    let base = root.display();
    let environment: String = package_index(root, options)?;
    let text = format!(
        "state_dir: {base}/state\ncache_dir: {base}/cache\nrun_dir: {base}/run\nlisten: {}\npython: {}\n\
         limits:\n  retry: {{ base: 1s, max: 1m }}\nsources:\n  demo:\n    url: {base}/repository\n    poll: 30s\n{environment}",
        options.listen,
        python.display(),
    );
    let path = root.join("config.yml");
    std::fs::write(&path, text).with_context(|| format!("failed to write {}", path.display()))
}

/// Variables for `pip`, each by a file as everything secret is: an index can have a password in its URL.
fn package_index(root: &Path, options: &DemoOptions) -> anyhow::Result<String> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut lines = String::new();
    for (name, value) in
        options.environment.iter().filter(|(name, value)| is_settable(name) && !value.is_empty())
    {
        let file = root.join(format!("environment-{name}"));
        let mut open = std::fs::OpenOptions::new();
        open.write(true).create_new(true).mode(0o600).open(&file)?.write_all(value.as_bytes())?;
        if lines.is_empty() {
            lines.push_str("    access:\n      environment:\n");
        }
        writeln!(lines, "        {name}: {{ file: {} }}", file.display())?;
    }
    Ok(lines)
}

/// Lower-case names are not environment variables to the configuration.
fn is_settable(name: &str) -> bool {
    name.bytes().all(|it| it.is_ascii_uppercase() || it.is_ascii_digit() || it == b'_')
}
