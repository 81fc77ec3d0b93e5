//! A real https server on this machine: git's own backend behind a small program.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::support::{Workshop, remote_at};
use crate::domain::{Failure, Retry};
use crate::git::{GitError, HttpCredential, Remote};

/// Serves the repositories below a directory to whoever sends the right header.
const SERVER: &str = r#"
import http.server, os, ssl, subprocess, sys

root, directory, wanted = sys.argv[1:4]

class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self):
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if path.startswith("/moved/"):
            self.send_response(301)
            self.send_header("Location", self.path.replace("/moved", "", 1))
            self.send_header("Content-Length", "0")
            return self.end_headers()
        if self.headers.get("Authorization") != wanted:
            self.send_response(401)
            self.send_header("WWW-Authenticate", "Basic")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        environment = {
            "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": root, "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path, "QUERY_STRING": query, "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        output = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True).stdout
        head, _, rest = output.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(headers.pop("Status", "200 OK").split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.wfile.write(rest)

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(f"{directory}/cert.pem", f"{directory}/key.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.serve_forever()
"#;

struct Server {
    process: Child,
    port: u16,
    certificate: PathBuf,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().expect("it runs");
        self.process.wait().expect("it ends");
    }
}

impl Server {
    fn start(workshop: &Workshop, wanted: &str) -> Self {
        let dir = workshop.path("https");
        std::fs::create_dir(&dir).expect("a directory");
        let made = Command::new("openssl")
            .current_dir(&dir)
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"])
            .args(["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"])
            .stderr(Stdio::null())
            .status();
        assert!(made.is_ok_and(|it| it.success()), "openssl is missing: scripts/setup installs it");
        let mut process = Command::new("python3")
            .args(["-c", SERVER])
            .arg(workshop.dir.path())
            .arg(&dir)
            .arg(wanted)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("a pipe")).read_line(&mut line).expect("a port");
        Self { process, port: line.trim().parse().expect("a port"), certificate: dir.join("cert.pem") }
    }

    fn remote(&self, path: &str) -> Remote {
        let mut remote = remote_at(&format!("https://127.0.0.1:{}{path}", self.port));
        remote.access.ca_bundle = Some(self.certificate.clone());
        remote
    }
}

#[tokio::test]
async fn a_source_is_followed_with_a_token() {
    let workshop = Workshop::new();
    let repository = workshop.repository("remote");
    let a = repository.commit("a");
    let server = Server::start(&workshop, "Basic b2F1dGgyOnMzY3IzdC10b2tlbg=="); // oauth2:s3cr3t-token
    let mut remote = server.remote("/remote");
    let (user, password_file) = ("oauth2".to_owned(), workshop.path("token"));
    remote.access.http = Some(HttpCredential::Basic { user, password_file: password_file.clone() });
    std::fs::write(&password_file, "s3cr3t-token\n").expect("written");
    let fetched = workshop.git.fetch(&remote, None).await.expect("a fetch");
    assert_eq!(fetched.revision.commit, a);

    // A token that was changed is used by the next fetch.
    std::fs::write(&password_file, "expired-token\n").expect("written");
    let error = workshop.git.fetch(&remote, Some(&a)).await.expect_err("refused");
    assert!(matches!(error, GitError::Authentication(_)), "{error:?}");
    let failure = Failure::from(error);
    assert!(
        failure.retry == Retry::UntilChanged && !failure.to_string().contains("expired-token"),
        "{failure}"
    );
    std::fs::write(&password_file, "s3cr3t-token\n").expect("written");
    let b = repository.commit("b");
    assert_eq!(workshop.git.fetch(&remote, Some(&a)).await.expect("a fetch").revision.commit, b);

    // A credential is not carried elsewhere, not even to where the server says.
    let mut moved = server.remote("/moved/remote");
    moved.access = remote.access.clone();
    let error = workshop.git.fetch(&moved, None).await.expect_err("it is elsewhere");
    assert!(matches!(error, GitError::Redirected(_)), "{error:?}");

    let mut missing = server.remote("/missing");
    missing.access = remote.access.clone();
    let error = workshop.git.fetch(&missing, None).await.expect_err("no repository");
    assert!(matches!(error, GitError::NoRepository(_)), "{error:?}");
}

#[tokio::test]
async fn a_server_without_a_known_certificate_is_not_spoken_to() {
    let workshop = Workshop::new();
    workshop.repository("remote").commit("a");
    let server = Server::start(&workshop, "Bearer t0ken");
    let mut remote = server.remote("/remote");
    std::fs::write(workshop.path("token"), "t0ken").expect("written");
    remote.access.http = Some(HttpCredential::Bearer { token_file: workshop.path("token") });
    workshop.git.fetch(&remote, None).await.expect("a fetch");
    remote.access.ca_bundle = None;
    let error = workshop.git.fetch(&remote, None).await.expect_err("an unknown certificate");
    assert!(matches!(error, GitError::Certificate(_)), "{error:?}");
}
