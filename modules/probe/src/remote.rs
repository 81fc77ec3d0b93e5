//! Items that wait for others: TCP, HTTP, and certificates that servers show. They run beside each other.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::certificate;
use crate::item::{Certificate, CertificatePlace, Http, Server, Tcp, Wanted};
use crate::tls;
use crate::verdict::Comparison;

/// So many connections at a time.
const AT_ONCE: usize = 64;

/// Names are resolved by the system, which has limits of its own; after this much more an item is given up.
const GRACE: Duration = Duration::from_secs(2);

/// So much of an answer is read.
const ANSWER_LIMIT_BYTES: u64 = 1 << 20;

/// Verifies items that wait for others, each with the number that it came with. `now` is in seconds since 1970.
pub(crate) fn compare(items: Vec<(usize, Wanted)>, now: i64, deadline: Instant) -> Vec<(usize, Comparison)> {
    let mut found = Vec::with_capacity(items.len());
    let mut items = items.into_iter();
    loop {
        let batch: Vec<(usize, Wanted)> = items.by_ref().take(AT_ONCE).collect();
        if batch.is_empty() {
            return found;
        }
        let longest = batch.iter().filter_map(|(_, item)| item.waits()).max().unwrap_or_default();
        let until = deadline.min(Instant::now() + longest + GRACE);
        found.extend(together(&batch, now, until));
    }
}

/// One thread for each item. Those that do not end in time are left behind; the program ends before them.
fn together(batch: &[(usize, Wanted)], now: i64, until: Instant) -> Vec<(usize, Comparison)> {
    let (send, receive) = mpsc::sync_channel(batch.len());
    for (number, item) in batch.iter().cloned() {
        let send = send.clone();
        // Who waited too long is not there to hear it.
        let _asked = thread::spawn(move || send.send((number, one(&item, now))).is_ok());
    }
    drop(send);
    let mut found: Vec<(usize, Comparison)> = Vec::new();
    while found.len() < batch.len() {
        match receive.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(answer) => found.push(answer),
            Err(_) => break,
        }
    }
    for (number, item) in batch {
        if found.iter().all(|(known, _)| known != number) {
            let mut comparison = Comparison::default();
            doubt(item, "there was no answer in time".to_owned(), &mut comparison);
            found.push((*number, comparison));
        }
    }
    found
}

fn one(item: &Wanted, now: i64) -> Comparison {
    let mut comparison = Comparison::default();
    match item {
        Wanted::Tcp(wanted) => tcp(wanted, &mut comparison),
        Wanted::Http(wanted) => http(wanted, &mut comparison),
        Wanted::Certificate(Certificate { place: CertificatePlace::Server { server, name }, days }) => {
            match shown(server, name) {
                Ok(validity) => certificate::compare(&validity, *days, now, &mut comparison),
                Err(reason) => comparison.unknown("days", json!(days), reason),
            }
        }
        // All others are on the host itself.
        _ => {}
    }
    comparison
}

/// The first property of an item cannot be told.
fn doubt(item: &Wanted, reason: String, comparison: &mut Comparison) {
    match item {
        Wanted::Tcp(tcp) => comparison.unknown("state", json!(word(tcp.open)), reason),
        Wanted::Http(http) => comparison.unknown("status", json!(http.status), reason),
        Wanted::Certificate(certificate) => comparison.unknown("days", json!(certificate.days), reason),
        _ => {}
    }
}

fn word(open: bool) -> &'static str {
    if open { "open" } else { "closed" }
}

/// Why there is no connection.
#[derive(Debug)]
enum Trouble {
    /// The name leads nowhere, so nothing is known of the port.
    Name(String),
    /// Nobody listens, or nobody answers.
    Closed(String),
}

impl Trouble {
    fn reason(self) -> String {
        match self {
            Self::Name(reason) | Self::Closed(reason) => reason,
        }
    }
}

fn connect(server: &Server) -> Result<TcpStream, Trouble> {
    let began = Instant::now();
    let addresses = (server.host.as_str(), server.port)
        .to_socket_addrs()
        .map_err(|error| Trouble::Name(format!("{} cannot be resolved: {error}", server.host)))?;
    let mut last = Trouble::Name(format!("{} has no address", server.host));
    for address in addresses {
        let left = server.timeout.saturating_sub(began.elapsed());
        if left.is_zero() {
            break;
        }
        match TcpStream::connect_timeout(&address, left) {
            Ok(stream) => {
                let limits = stream
                    .set_read_timeout(Some(server.timeout))
                    .and_then(|()| stream.set_write_timeout(Some(server.timeout)));
                return limits.map(|()| stream).map_err(|error| Trouble::Closed(error.to_string()));
            }
            Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock) => {
                last = Trouble::Closed(format!(
                    "{address} did not answer within {} s",
                    server.timeout.as_secs()
                ));
            }
            Err(error) => last = Trouble::Closed(format!("{address}: {error}")),
        }
    }
    Err(last)
}

fn tcp(wanted: &Tcp, comparison: &mut Comparison) {
    let want = json!(word(wanted.open));
    match connect(&wanted.server) {
        Err(Trouble::Name(reason)) => comparison.unknown("state", want, reason),
        Err(Trouble::Closed(reason)) if wanted.open => {
            comparison.different("state", want, json!("closed"), reason);
        }
        Ok(_) => comparison.judged("state", want, json!("open"), wanted.open),
        Err(Trouble::Closed(_)) => comparison.judged("state", want, json!("closed"), true),
    }
}

fn shown(server: &Server, name: &str) -> Result<certificate::Validity, String> {
    let stream = connect(server).map_err(Trouble::reason)?;
    let mut stream = Bounded { stream, until: Instant::now() + server.timeout, left: ANSWER_LIMIT_BYTES };
    let der = tls::certificate(&mut stream, name)?;
    certificate::parse(&der).ok_or_else(|| "the server shows a certificate that cannot be read".to_owned())
}

/// A connection that ends in time however slowly the peer sends.
struct Bounded {
    stream: TcpStream,
    until: Instant,
    left: u64,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let time = self.until.saturating_duration_since(Instant::now());
        if time.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(Some(time))?;
        let room = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.stream.read(&mut buffer[..room])?;
        self.left = self.left.saturating_sub(u64::try_from(count).unwrap_or(u64::MAX));
        Ok(count)
    }
}

impl Write for Bounded {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        self.stream.write(buffer)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.stream.flush()
    }
}

fn http(wanted: &Http, comparison: &mut Comparison) {
    let want = json!(wanted.status);
    let answer = match connect(&wanted.server) {
        Err(Trouble::Name(reason)) => return comparison.unknown("status", want, reason),
        Err(Trouble::Closed(reason)) => return comparison.different("status", want, json!(null), reason),
        Ok(stream) => exchange(stream, wanted),
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(reason) => return comparison.different("status", want, json!(null), reason),
    };
    let Some(status) = status(&answer) else {
        let reason = "what listens there does not answer as HTTP".to_owned();
        return comparison.different("status", want, json!(null), reason);
    };
    comparison.judged("status", want, json!(status), wanted.status.contains(&status));
    if let Some(text) = &wanted.contains {
        let (body, is_whole) = body(&answer);
        let is_there = String::from_utf8_lossy(&body).contains(text.as_str());
        if is_there || is_whole {
            comparison.judged("contains", json!(text), json!(is_there), is_there);
        } else {
            let reason = "the text is not in the first MiB of the answer, which is longer".to_owned();
            comparison.unknown("contains", json!(text), reason);
        }
    }
}

fn exchange(stream: TcpStream, wanted: &Http) -> Result<Vec<u8>, String> {
    let method = if wanted.head { "HEAD" } else { "GET" };
    let request = format!(
        "{method} {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: driftless-probe\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        wanted.target, wanted.authority
    );
    let mut stream =
        Bounded { stream, until: Instant::now() + wanted.server.timeout, left: ANSWER_LIMIT_BYTES };
    stream.write_all(request.as_bytes()).map_err(|error| format!("the server hung up: {error}"))?;
    let mut answer = Vec::new();
    let mut chunk = [0; 16 << 10];
    // Without a text to look for, the first line is enough.
    let is_enough =
        |answer: &[u8]| wanted.contains.is_none() && answer.contains(&b'\n') || is_complete(answer);
    while !is_enough(&answer) {
        match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(&chunk[..count]),
            Err(_) if status(&answer).is_some() => break,
            Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock) => {
                return Err(format!("there was no answer within {} s", wanted.server.timeout.as_secs()));
            }
            Err(error) => return Err(format!("the server hung up: {error}")),
        }
    }
    Ok(answer)
}

/// The status of an answer.
fn status(answer: &[u8]) -> Option<u64> {
    let line = answer.split(|it| *it == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?;
    let rest = line.strip_prefix("HTTP/1.")?;
    rest.split(' ').nth(1)?.trim().parse().ok().filter(|it| (100..1000).contains(it))
}

/// Headers in lower case and what follows them, once all headers are there.
fn split(answer: &[u8]) -> Option<(String, &[u8])> {
    let end = answer.windows(4).position(|it| it == b"\r\n\r\n")?;
    Some((String::from_utf8_lossy(&answer[..end]).to_lowercase(), &answer[end + 4..]))
}

fn header<'a>(headers: &'a str, name: &str) -> Option<&'a str> {
    headers.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

/// Whether all of an answer is there, as far as its headers tell.
fn is_complete(answer: &[u8]) -> bool {
    let Some((headers, body)) = split(answer) else { return false };
    if header(&headers, "transfer-encoding").is_some_and(|it| it.contains("chunked")) {
        return unchunked(body).1;
    }
    let length = header(&headers, "content-length").and_then(|it| it.parse::<usize>().ok());
    length.is_some_and(|length| length <= body.len())
}

/// The content of an answer, and whether that is all of it.
fn body(answer: &[u8]) -> (Vec<u8>, bool) {
    let Some((headers, body)) = split(answer) else { return (Vec::new(), true) };
    if header(&headers, "transfer-encoding").is_some_and(|it| it.contains("chunked")) {
        return unchunked(body);
    }
    let is_cut = ANSWER_LIMIT_BYTES <= u64::try_from(answer.len()).unwrap_or(u64::MAX);
    (body.to_vec(), !is_cut)
}

/// Content that was sent in chunks, and whether the last one is there.
fn unchunked(mut body: &[u8]) -> (Vec<u8>, bool) {
    let mut found = Vec::new();
    loop {
        let Some(end) = body.windows(2).position(|it| it == b"\r\n") else { return (found, false) };
        let line = String::from_utf8_lossy(&body[..end]);
        let digits = line.split(';').next().unwrap_or_default().trim();
        let Ok(length) = usize::from_str_radix(digits, 16) else { return (found, false) };
        if length == 0 {
            return (found, true);
        }
        let rest = &body[end + 2..];
        let Some(chunk) = rest.get(..length) else {
            found.extend_from_slice(rest);
            return (found, false);
        };
        found.extend_from_slice(chunk);
        body = rest.get(length + 2..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests;
