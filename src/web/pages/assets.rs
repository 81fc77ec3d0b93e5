//! Styles, scripts and the icon. Embedded, and named after their content so that browsers may keep them for ever.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::answer::{guard_page, no_such_page};

/// What pages are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asset {
    /// The styles.
    Style,
    /// What keeps a page fresh and carries acts out.
    Script,
    /// Light or dark, before anything is painted.
    Theme,
    /// The icon.
    Icon,
}

struct Served {
    asset: Asset,
    kind: &'static str,
    url: String,
    content: &'static str,
}

const FOREVER: &str = "public, max-age=31536000, immutable";

static SERVED: LazyLock<[Served; 4]> = LazyLock::new(|| {
    let script = "text/javascript; charset=utf-8";
    [
        served(
            Asset::Style,
            "app",
            "css",
            "text/css; charset=utf-8",
            concat!(include_str!("assets/app.css"), include_str!("assets/run.css")),
        ),
        served(
            Asset::Script,
            "app",
            "js",
            script,
            concat!(include_str!("assets/app.js"), include_str!("assets/run.js")),
        ),
        served(Asset::Theme, "theme", "js", script, include_str!("assets/theme.js")),
        served(Asset::Icon, "icon", "svg", "image/svg+xml", include_str!("assets/icon.svg")),
    ]
});

fn served(asset: Asset, name: &str, ending: &str, kind: &'static str, content: &'static str) -> Served {
    let hash = Sha256::digest(content.as_bytes());
    let hash = hash.iter().take(6).fold(0_u64, |hash, it| hash << 8 | u64::from(*it));
    Served { asset, kind, url: format!("/assets/{name}.{hash:012x}.{ending}"), content }
}

/// Where it is.
pub(super) fn url(asset: Asset) -> &'static str {
    SERVED.iter().find(|it| it.asset == asset).map_or("/", |it| it.url.as_str())
}

/// One of them. Also under its plain name, such as `/assets/app.css`, which must be asked for each time.
pub(super) async fn asset(Path(file): Path<String>) -> Response {
    let exact = SERVED.iter().find(|it| it.url.strip_prefix("/assets/") == Some(&file));
    let found = exact.or_else(|| SERVED.iter().find(|it| plain(&it.url).is_some_and(|it| it == file)));
    let Some(found) = found else { return no_such_page() };
    let kept = if exact.is_some() { FOREVER } else { "no-cache" };
    let headers = [(header::CONTENT_TYPE, found.kind), (header::CACHE_CONTROL, kept)];
    guard_page((StatusCode::OK, headers, found.content).into_response())
}

/// `/assets/app.0123456789ab.css` → `app.css`.
fn plain(url: &str) -> Option<String> {
    let mut parts = url.strip_prefix("/assets/")?.split('.');
    Some(format!("{}.{}", parts.next()?, parts.nth(1)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_changes_with_its_content() {
        assert!(url(Asset::Style).starts_with("/assets/app."));
        assert_eq!(plain(url(Asset::Style)).as_deref(), Some("app.css"));
        assert_eq!(url(Asset::Style).len(), "/assets/app.0123456789ab.css".len());
    }

    #[test]
    fn nothing_is_loaded_from_elsewhere() {
        for it in SERVED.iter() {
            for scheme in ["http:", "https:", "//cdn", "@import"] {
                let found = it.content.replace("http://www.w3.org/2000/svg", "");
                assert!(!found.contains(scheme), "{} names {scheme}", it.url);
            }
            assert!(!it.content.contains("innerHTML") && !it.content.contains("eval("), "{}", it.url);
        }
    }
}
