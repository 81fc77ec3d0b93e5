//! The certificate that a server shows.
//!
//! In TLS 1.2 a server sends its certificate before anything is encrypted. So it is enough to say hello, read until the
//! certificate, and hang up: no cryptography, and nothing that a peer sends is trusted with more than being read. Servers
//! that speak only TLS 1.3 encrypt it; of them nothing can be told here, and the verdict says so.

use std::io::{Read, Write};

/// More than any server sends up to its certificate.
const ANSWER_LIMIT_BYTES: usize = 256 << 10;

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const CERTIFICATE: u8 = 11;

/// ECDHE and RSA with AES-GCM, `ChaCha20` or AES-CBC: whatever a server of TLS 1.2 can be expected to have.
const CIPHERS: [u16; 15] = [
    0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc009, 0xc013, 0xc00a, 0xc014, 0x009c, 0x009d, 0x002f,
    0x0035, 0x00ff,
];

/// Asks a server for its certificate, over a connection that is made. Gives the certificate itself in DER.
pub(crate) fn certificate(stream: &mut (impl Read + Write), name: &str) -> Result<Vec<u8>, String> {
    stream.write_all(&hello(name)).map_err(|error| format!("the server hung up: {error}"))?;
    let mut answer = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        match read(&answer) {
            Answer::Certificate(certificate) => return Ok(certificate),
            Answer::Refused(reason) => return Err(reason),
            Answer::Incomplete => {}
        }
        if ANSWER_LIMIT_BYTES < answer.len() {
            return Err("the server sent too much before its certificate".to_owned());
        }
        let count =
            stream.read(&mut chunk).map_err(|error| format!("the server sent no certificate: {error}"))?;
        match chunk.get(..count) {
            Some(read) if !read.is_empty() => answer.extend_from_slice(read),
            _ => return Err("the server hung up before its certificate; is it a server of TLS?".to_owned()),
        }
    }
}

/// The first message of a client that speaks TLS 1.2.
fn hello(name: &str) -> Vec<u8> {
    let mut extensions = Vec::new();
    // An address is no name of a server.
    if name.parse::<std::net::IpAddr>().is_err() {
        let mut entry = vec![0];
        entry.extend(prefixed(name.as_bytes()));
        extensions.extend(extension(0, &prefixed(&entry)));
    }
    extensions.extend(extension(10, &prefixed(&[0, 29, 0, 23, 0, 24, 0, 25])));
    extensions.extend(extension(11, &[1, 0]));
    let signatures = [4, 3, 5, 3, 6, 3, 8, 4, 8, 5, 8, 6, 8, 7, 4, 1, 5, 1, 6, 1, 2, 3, 2, 1];
    extensions.extend(extension(13, &prefixed(&signatures)));
    let mut body = vec![3, 3];
    // The random bytes protect a key that is never made.
    body.extend([0x5a; 32]);
    body.push(0);
    let ciphers: Vec<u8> = CIPHERS.iter().flat_map(|it| it.to_be_bytes()).collect();
    body.extend(prefixed(&ciphers));
    body.extend([1, 0]);
    body.extend(prefixed(&extensions));
    let mut message = vec![1, 0];
    message.extend(prefixed(&body));
    let mut record = vec![HANDSHAKE, 3, 1];
    record.extend(prefixed(&message));
    record
}

/// Bytes with their length in two bytes before them.
fn prefixed(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    let mut found = length.to_be_bytes().to_vec();
    found.extend_from_slice(bytes.get(..usize::from(length)).unwrap_or(bytes));
    found
}

fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
    let mut found = kind.to_be_bytes().to_vec();
    found.extend(prefixed(content));
    found
}

/// What was answered so far.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Certificate(Vec<u8>),
    Refused(String),
    Incomplete,
}

fn read(answer: &[u8]) -> Answer {
    let mut messages = Vec::new();
    let mut rest = answer;
    while let [kind, major, _, high, low, after @ ..] = rest {
        if *major != 3 || !matches!(*kind, ALERT | HANDSHAKE) {
            return Answer::Refused("the server does not answer as one of TLS".to_owned());
        }
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let Some(content) = after.get(..length) else { break };
        if *kind == ALERT {
            return Answer::Refused(alert(content));
        }
        messages.extend_from_slice(content);
        rest = after.get(length..).unwrap_or_default();
    }
    first_certificate(&messages)
}

fn alert(content: &[u8]) -> String {
    match content {
        // Some that speak only TLS 1.3 say that no cipher fits.
        [_, 40 | 70] => {
            "the server does not speak TLS 1.2, and what it shows in TLS 1.3 is encrypted; verify the \
             file of its certificate instead"
                .to_owned()
        }
        [_, 112] => "the server does not know the name that it was asked for; set server_name".to_owned(),
        [_, other] => format!("the server refused with alert {other} of TLS"),
        _ => "the server refused".to_owned(),
    }
}

/// Looks through messages of the handshake for the one with certificates.
fn first_certificate(mut messages: &[u8]) -> Answer {
    while let [kind, a, b, c, rest @ ..] = messages {
        let length = length(*a, *b, *c);
        let Some(body) = rest.get(..length) else { break };
        if *kind == CERTIFICATE {
            // The length of the list, then that of the first certificate.
            return match body {
                [_, _, _, a, b, c, certificates @ ..] => match certificates.get(..self::length(*a, *b, *c)) {
                    Some(certificate) => Answer::Certificate(certificate.to_vec()),
                    None => Answer::Refused("the server sent a certificate that is cut off".to_owned()),
                },
                _ => Answer::Refused("the server showed no certificate".to_owned()),
            };
        }
        messages = rest.get(length..).unwrap_or_default();
    }
    Answer::Incomplete
}

fn length(a: u8, b: u8, c: u8) -> usize {
    usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An answer of two records, with the certificate message cut between them.
    fn answer() -> Vec<u8> {
        let certificate = [0x30, 3, 1, 2, 3];
        let mut list = vec![0, 0, 5];
        list.extend(certificate);
        let mut body = vec![0, 0, 8];
        body.extend(list);
        let mut messages = vec![2, 0, 0, 2, 9, 9, CERTIFICATE, 0, 0, 11];
        messages.extend(body);
        let (first, second) = messages.split_at(12);
        let mut bytes = vec![HANDSHAKE, 3, 3];
        bytes.extend(prefixed(first));
        bytes.extend([HANDSHAKE, 3, 3]);
        bytes.extend(prefixed(second));
        bytes
    }

    #[test]
    fn the_certificate_is_found_across_records() {
        let answer = answer();
        assert_eq!(read(&answer), Answer::Certificate(vec![0x30, 3, 1, 2, 3]));
        for end in 0..answer.len() {
            assert_eq!(read(&answer[..end]), Answer::Incomplete, "{end}");
        }
    }

    #[test]
    fn refusals_are_explained() {
        let of = |bytes: &[u8]| match read(bytes) {
            Answer::Refused(reason) => reason,
            other => panic!("{other:?}"),
        };
        assert!(of(&[ALERT, 3, 3, 0, 2, 2, 70]).contains("TLS 1.3"));
        assert!(of(&[ALERT, 3, 3, 0, 2, 2, 112]).contains("server_name"));
        assert!(of(b"HTTP/1.1 400 Bad Request\r\n").contains("does not answer as one of TLS"));
    }

    proptest! {
        #[test]
        fn no_answer_panics(bytes in prop::collection::vec(any::<u8>(), 0..80), at in 0_usize..40, with: u8) {
            let _any = read(&bytes);
            let mut answer = answer();
            let at = at % answer.len();
            answer[at] = with;
            let _any = read(&answer);
            let _any = first_certificate(&bytes);
        }

        #[test]
        fn the_hello_has_right_lengths(name in "[a-z.]{0,300}") {
            let hello = hello(&name);
            prop_assert_eq!(usize::from(u16::from_be_bytes([hello[3], hello[4]])), hello.len() - 5);
            prop_assert_eq!(length(hello[6], hello[7], hello[8]), hello.len() - 9);
        }
    }
}
