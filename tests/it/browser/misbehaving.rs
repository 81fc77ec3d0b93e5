//! Whether the browser notices what it is there to notice.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;

use super::axe;
use super::chromium::{Browser, Scheme, Width};

/// Serves one page under our policy, for as long as the test lives.
fn serve(page: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
            let asked = lines.next().unwrap_or_default();
            lines.find(String::is_empty);
            let (status, kind, body) = match asked.split(' ').nth(1) {
                Some("/") => ("200 OK", "text/html; charset=utf-8", page),
                Some("/calm.js") => ("200 OK", "text/javascript", "document.title = 'calm'"),
                _ => ("204 No Content", "text/plain", ""),
            };
            let policy = "default-src 'self'; script-src 'self'; style-src 'self'";
            drop(write!(
                &stream,
                "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Security-Policy: {policy}\r\n\
                 Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            ));
        }
    });
    format!("http://{address}")
}

#[test]
fn a_calm_page_is_told_from_one_that_misbehaves() {
    let calm = serve(
        "<!doctype html><html lang=en><title>x</title><script src=/calm.js></script><main><h1>Calm</h1></main>",
    );
    let mut browser = Browser::open(&calm);
    browser.goto("/");
    assert_eq!(browser.script("return document.title", Vec::new()), "calm");
    assert_eq!(axe::violations(&browser), [""; 0]);
    assert_eq!(browser.overflow(), 0);
    browser.picture("calm", Scheme::Light, Width::Wide);
    assert_eq!(browser.complaints(), [""; 0]);
    browser.script("console.error('an error of the page')", Vec::new());
    browser.script("alert(1)", Vec::new());
    let complaints = browser.complaints().join("\n");
    for part in ["an error of the page", "strange text was executed: alert"] {
        assert!(complaints.contains(part), "{complaints}");
    }
    drop(browser);

    let hostile = serve(
        "<!doctype html><title>x</title><img src=/x onerror=pwned()><script>pwned()</script>\
         <img src=http://127.0.0.2:9/beacon><p style='color: #eee'>pale</p><img src=/y><div id=wide></div>",
    );
    let mut browser = Browser::open(&hostile);
    browser.look(Scheme::Dark, Width::Narrow);
    browser.goto("/");
    browser
        .script("document.getElementById('wide').style.cssText = 'width: 2000px; height: 1px'", Vec::new());
    assert!(browser.overflow() > 1_000);
    assert_eq!(browser.script("return matchMedia('(prefers-color-scheme: dark)').matches", Vec::new()), true);
    let violations = axe::violations(&browser).join("\n");
    assert!(violations.contains("image-alt") && violations.contains("html-has-lang"), "{violations}");
    let complaints = browser.complaints().join("\n");
    for part in ["refused by policy: script-src", "refused by policy: style-src", "127.0.0.2:9/beacon"] {
        assert!(complaints.contains(part), "{part}: {complaints}");
    }
}
