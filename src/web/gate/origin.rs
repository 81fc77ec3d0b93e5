//! Whether a request comes from one of our own pages.

use axum::http::{HeaderMap, HeaderValue, Uri, header};
use subtle::ConstantTimeEq as _;

/// The header in which a page proves that it is one of ours.
pub(in crate::web) const CSRF_HEADER: &str = "x-driftless-csrf";

/// Whether a browser says that the request comes from a page of ours: `public` is where the operator says that we are,
/// as scheme, host and port. Without that it is the host that the request names, because no other is known.
///
/// Every browser of today sends at least one of these headers with every POST. A request with none is refused.
pub(in crate::web) fn is_own(headers: &HeaderMap, public: Option<&str>) -> bool {
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    if site.is_some_and(|it| it != b"same-origin") {
        return false;
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return site.is_some() };
    let Ok(origin) = origin.to_str() else { return false };
    if origin == "null" {
        // A page of ours that hides where it is. What is sandboxed, or of another site, does not say that it is ours.
        return site.is_some();
    }
    match public {
        Some(public) => origin.eq_ignore_ascii_case(public),
        None => authority(origin)
            .is_some_and(|it| host(headers).is_some_and(|host| it.eq_ignore_ascii_case(host))),
    }
}

/// Host and port of an origin as it is written in a header.
fn authority(origin: &str) -> Option<&str> {
    origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"))
}

fn host(headers: &HeaderMap) -> Option<&str> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next()?.to_str().ok()?;
    // Two of them could be read differently by others.
    hosts.next().is_none().then_some(host)
}

/// Whether the page sent what only pages of this session know.
pub(in crate::web) fn has_csrf(headers: &HeaderMap, csrf: &str) -> bool {
    headers.get(CSRF_HEADER).is_some_and(|it| it.as_bytes().ct_eq(csrf.as_bytes()).into())
}

/// A place of ours to go to after signing in, else the front page: no other site, no scheme, no page to sign in or out.
pub(in crate::web) fn local_path(wanted: Option<&str>) -> &str {
    const FRONT: &str = "/";
    let Some(wanted) = wanted else { return FRONT };
    let plain = wanted.bytes().all(|it| it.is_ascii_graphic() && it != b'\\');
    // Browsers take `//host` and `/\host` for another site.
    let ours = wanted.starts_with('/') && !wanted.starts_with("//") && plain && wanted.len() <= 2048;
    let signs = wanted.starts_with("/sign-") || wanted.starts_with("/api/");
    if ours && !signs && wanted.parse::<Uri>().is_ok() { wanted } else { FRONT }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn only_our_own_pages_act() {
        let public = Some("https://fleet.example.org");
        for (pairs, configured, own) in [
            (&[][..], None, false),
            (&[("sec-fetch-site", "same-origin")], None, true),
            (&[("sec-fetch-site", "same-site")], None, false),
            (&[("sec-fetch-site", "cross-site")], None, false),
            (&[("sec-fetch-site", "none")], None, false),
            (&[("host", "127.0.0.1:9847"), ("origin", "http://127.0.0.1:9847")], None, true),
            (&[("host", "127.0.0.1:9847"), ("origin", "http://127.0.0.1:9848")], None, false),
            (&[("host", "127.0.0.1:9847"), ("origin", "null")], None, false),
            (&[("sec-fetch-site", "same-origin"), ("origin", "null")], public, true),
            (&[("sec-fetch-site", "cross-site"), ("origin", "null")], public, false),
            (&[("host", "a"), ("host", "b"), ("origin", "http://a")], None, false),
            (&[("host", "x"), ("origin", "https://fleet.example.org")], public, true),
            (&[("host", "evil.org"), ("origin", "https://evil.org")], public, false),
            (&[("origin", "http://fleet.example.org")], public, false),
            (&[("origin", "https://fleet.example.org.evil.org")], public, false),
            (&[("sec-fetch-site", "cross-site"), ("origin", "https://fleet.example.org")], public, false),
        ] {
            assert_eq!(is_own(&headers(pairs), configured), own, "{pairs:?}");
        }
        assert!(has_csrf(&headers(&[("x-driftless-csrf", "abc")]), "abc"));
        assert!(!has_csrf(&headers(&[("x-driftless-csrf", "abd")]), "abc"));
        assert!(!has_csrf(&headers(&[]), "abc"));
    }

    #[test]
    fn signing_in_leads_to_no_other_site() {
        for good in ["/", "/stacks/infra/web?tab=hosts", "/runs/7", "/a%2f/b"] {
            assert_eq!(local_path(Some(good)), good);
        }
        for bad in [
            "",
            "//evil.org",
            "/\\evil.org",
            "\\\\evil.org",
            "https://evil.org",
            "javascript:alert(1)",
            "runs",
            "/\tx",
            "/ü",
            "/sign-out",
            "/sign-in?next=/",
            "/api/v1/status",
            "/a b",
        ] {
            assert_eq!(local_path(Some(bad)), "/", "{bad}");
        }
        assert_eq!(local_path(None), "/");
        assert_eq!(local_path(Some(&format!("/{}", "a".repeat(3000)))), "/");
    }
}
