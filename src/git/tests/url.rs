//! Which addresses are accepted.

use std::path::Path;

use crate::git::{RemoteUrl, UrlError};

#[test]
fn the_four_forms_are_accepted() {
    for (text, host, user, port) in [
        ("https://git.example.org/team/web.git", Some("git.example.org"), None, None),
        ("https://git.example.org:8443/team/web.git", Some("git.example.org"), None, Some(8443)),
        ("ssh://git@git.example.org:2222/team/web.git", Some("git.example.org"), Some("git"), Some(2222)),
        ("ssh://[::1]:22/web", Some("[::1]"), None, Some(22)),
        ("git@git.example.org:team/web.git", Some("git.example.org"), Some("git"), None),
        ("git.example.org:~me/web", Some("git.example.org"), None, None),
        ("/srv/git/web.git", None, None, None),
    ] {
        let url = RemoteUrl::parse(text, true).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!((url.host(), url.user(), url.port()), (host, user, port), "{text}");
        assert_eq!(url.as_str(), text);
    }
    let file = RemoteUrl::parse("file:///srv/my%20git/web", true).expect("a directory");
    assert_eq!(file.local_path(), Some(Path::new("/srv/my git/web")));
    assert_eq!(file.as_str(), "/srv/my git/web");
}

#[test]
fn everything_else_is_refused_with_its_reason() {
    use UrlError as E;
    let option = |it: &str| E::Option(it.to_owned());
    for (text, error) in [
        ("", E::Empty),
        ("--upload-pack=touch x", option("--upload-pack=touch x")),
        ("ssh://-oProxyCommand=id/x", option("-oProxyCommand=id")),
        ("-oProxyCommand=id:x", option("-oProxyCommand=id:x")),
        ("ssh://-x@host/y", option("-x")),
        ("host:-x", option("-x")),
        ("ext::sh -c id", E::Scheme("ext".to_owned())),
        ("fd::3", E::Scheme("fd".to_owned())),
        ("git://host/x", E::Scheme("git".to_owned())),
        ("http://host/x", E::Plain),
        ("https://user:secret@host/x", E::Credential),
        ("https://token@host/x", E::Credential),
        ("ssh://git:secret@host/x", E::Credential),
        ("git:secret@host:x", E::Credential),
        ("https://host/x%0ay", E::Control),
        ("https://host/x\ny", E::Control),
        ("/srv/x%0Ay", E::Control),
        ("file:///srv/%00", E::Control),
        ("https://ho st/x", E::Host("ho st".to_owned())),
        ("ssh://[::g]/x", E::Host("[::g]".to_owned())),
        ("https://host:0/x", E::Port("0".to_owned())),
        ("https://host:+1/x", E::Port("+1".to_owned())),
        ("https://host/$(id)", E::Path("/$(id)".to_owned())),
        ("git@host:a b", E::Path("a b".to_owned())),
        ("https://host/", E::Path("/".to_owned())),
        ("srv/git", E::Relative("srv/git".to_owned())),
        ("/srv/../etc", E::Relative("/srv/../etc".to_owned())),
        ("/", E::Relative("/".to_owned())),
    ] {
        assert_eq!(RemoteUrl::parse(text, true), Err(error), "{text:?}");
    }
    for text in ["/srv/git", "file:///srv/git"] {
        assert_eq!(RemoteUrl::parse(text, false), Err(E::Local(text.to_owned())));
    }
}

#[test]
fn a_refusal_does_not_repeat_a_password() {
    for text in
        ["https://user:hunter2@host/x", "ssh://u:hunter2@host/x", "u:hunter2@host:x", "https://hunter2@h/x"]
    {
        let error = RemoteUrl::parse(text, true).expect_err("refused");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
}
