//! What every page is shown with: who looks, when, and where they are.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::Uri;
use axum::http::request::Parts;

use super::assets::{self, Asset};
use super::markup::{Markup, Tag};
use super::words;
use crate::domain::{
    Caller, CommitHash, CommitLine, Proof, Revision, Role, RunId, SourceName, StackId, Timestamp,
};
use crate::web::{Backend, Csrf};

/// What every page is shown with.
#[derive(Debug, Clone)]
pub(super) struct PageContext {
    /// Who looks; `None` if nobody knows, and then nothing is shown.
    pub(super) caller: Option<Caller>,
    /// What acts have to be sent with.
    pub(super) csrf: Option<String>,
    /// When it is shown.
    pub(super) now: Timestamp,
    /// The path of the page.
    pub(super) path: String,
    /// What stood behind the `?`, as it was written.
    pub(super) query: String,
    /// Whether only what is inside the frame is wanted, to bring a page that is shown up to date.
    pub(super) fragment: bool,
}

impl<B: Backend> FromRequestParts<B> for PageContext {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, backend: &B) -> Result<Self, Infallible> {
        let caller = parts.extensions.get::<Caller>().cloned();
        let csrf = parts.extensions.get::<Csrf>().map(|it| it.0.clone()).filter(|it| !it.is_empty());
        Ok(Self::new(caller, csrf, backend.now(), &parts.uri))
    }
}

impl PageContext {
    pub(super) fn new(caller: Option<Caller>, csrf: Option<String>, now: Timestamp, uri: &Uri) -> Self {
        let query = uri.query().unwrap_or_default().to_owned();
        let fragment = query.split('&').any(|it| it == "fragment=1");
        Self { caller, csrf, now, path: uri.path().to_owned(), query, fragment }
    }

    /// The version of the daemon.
    #[expect(clippy::unused_self, reason = "templates ask the context for everything")]
    pub(super) fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    /// The address of the styles.
    #[expect(clippy::unused_self, reason = "templates ask the context for everything")]
    pub(super) fn style_url(&self) -> &'static str {
        assets::url(Asset::Style)
    }

    /// The address of the script.
    #[expect(clippy::unused_self, reason = "templates ask the context for everything")]
    pub(super) fn script_url(&self) -> &'static str {
        assets::url(Asset::Script)
    }

    /// The address of the script that sets light or dark before anything is painted.
    #[expect(clippy::unused_self, reason = "templates ask the context for everything")]
    pub(super) fn theme_url(&self) -> &'static str {
        assets::url(Asset::Theme)
    }

    /// The address of the icon.
    #[expect(clippy::unused_self, reason = "templates ask the context for everything")]
    pub(super) fn icon_url(&self) -> &'static str {
        assets::url(Asset::Icon)
    }

    /// `page` if the page or one below it is shown, for the navigation.
    pub(super) fn current(&self, path: &str) -> &'static str {
        let below = self.path.strip_prefix(path).is_some_and(|it| it.is_empty() || it.starts_with('/'));
        let fleet = path == "/" && (self.path == "/" || self.path.starts_with("/stacks"));
        if fleet || (path != "/" && below) { "page" } else { "false" }
    }

    /// Whether the caller may act at all. Whether with this thing, [`PageContext::may`] says.
    pub(super) fn operates(&self) -> bool {
        self.caller.as_ref().is_some_and(|it| Role::Operator <= it.role)
    }

    /// Whether the caller may act with a stack.
    pub(super) fn may(&self, stack: &StackId) -> bool {
        self.operates() && self.caller.as_ref().is_some_and(|it| it.scope.has_stack(stack))
    }

    /// Whether the caller may act with all of a source.
    pub(super) fn may_source(&self, source: &SourceName) -> bool {
        self.operates() && self.caller.as_ref().is_some_and(|it| it.scope.has_source(source))
    }

    /// Whether the caller may have what is not merged executed with the keys of a source.
    pub(super) fn may_preview(&self, source: &SourceName) -> bool {
        self.caller.as_ref().is_some_and(|it| it.role == Role::Admin && it.scope.has_source(source))
    }

    /// Whether the caller signed in here, and so can sign out.
    pub(super) fn signed_in(&self) -> bool {
        self.caller.as_ref().is_some_and(|it| it.proof == Proof::Session)
    }

    /// What the caller may do, in words.
    pub(super) fn role_words(&self) -> &'static str {
        match self.caller.as_ref().map(|it| it.role) {
            None => "nobody knows who asks",
            Some(Role::Viewer) => "may look",
            Some(Role::Operator) => "may look and act",
            Some(Role::Admin) => "may look, act, and give access to others",
        }
    }

    /// What somebody else wrote, as text: characters that cannot be seen are shown by their numbers.
    #[expect(clippy::unused_self, reason = "templates ask the context for everything")]
    pub(super) fn text(&self, text: impl AsRef<str>) -> Markup {
        Markup::text(text.as_ref())
    }

    /// A sentence of ours: what stands between backticks is code.
    #[expect(clippy::unused_self, reason = "templates ask the context for everything")]
    pub(super) fn sentence(&self, text: impl AsRef<str>) -> Markup {
        let parts: Vec<&str> = text.as_ref().split('`').collect();
        // Without its other half a backtick is one.
        if parts.len().is_multiple_of(2) {
            return Markup::text(text.as_ref());
        }
        let part = |(place, text): (usize, &&str)| {
            if place.is_multiple_of(2) { Markup::text(text) } else { Tag::new("code").text(text) }
        };
        parts.iter().enumerate().map(part).collect()
    }

    /// `4m ago`, kept fresh by the script.
    pub(super) fn ago(&self, at: &Timestamp) -> Markup {
        time(*at, &words::ago(self.now, *at), "ago")
    }

    /// `in 4m`, kept fresh by the script.
    pub(super) fn until(&self, at: &Timestamp) -> Markup {
        time(*at, &words::until(self.now, *at), "until")
    }

    /// `09:12` of today, `Mon 09:12` of this week, else `2026-11-23 09:12`; UTC, and the reader's own by the script.
    pub(super) fn clock(&self, at: &Timestamp) -> Markup {
        time(*at, &words::clock(self.now, *at), "clock")
    }

    /// The page of a stack.
    #[expect(clippy::unused_self, reason = "templates ask the context for everything")]
    pub(super) fn stack_url(&self, stack: &StackId) -> String {
        format!("/stacks/{}/{}", stack.source, stack.stack)
    }

    /// The page of a run.
    #[expect(
        clippy::unused_self,
        clippy::trivially_copy_pass_by_ref,
        reason = "called by templates, which borrow"
    )]
    pub(super) fn run_url(&self, run: &RunId) -> String {
        format!("/runs/{run}")
    }

    /// The page of a commit.
    #[expect(clippy::unused_self, reason = "templates ask the context for everything")]
    pub(super) fn commit_url(&self, source: &SourceName, commit: &CommitHash) -> String {
        format!("/sources/{source}/commits/{commit}")
    }

    /// `main@4f2a9c01d7`, leading to the page of its commit.
    pub(super) fn revision(&self, source: &SourceName, revision: &Revision) -> Markup {
        let link = Tag::new("a")
            .class("rev")
            .with("href", &self.commit_url(source, &revision.commit))
            .with("title", &revision.to_string());
        link.text(&revision.short())
    }

    /// `4f2a9c01d7`, leading to the page of the commit.
    pub(super) fn commit(&self, source: &SourceName, commit: &CommitHash) -> Markup {
        let link = Tag::new("a").class("rev").with("href", &self.commit_url(source, commit));
        link.with("title", commit.as_str()).text(commit.short())
    }

    /// What a commit says and who wrote it, for one line: what has no room there is in its title.
    #[expect(clippy::unused_self, reason = "templates ask the context for everything")]
    pub(super) fn commit_words(&self, line: &CommitLine) -> Markup {
        let subject = Tag::new("span").class("subject").with("title", &line.subject).text(&line.subject);
        let author = Tag::new("span").class("author").text(&line.author);
        [subject, Markup::text(" "), author].into_iter().collect()
    }

    /// The same list at another page.
    pub(super) fn with_page(&self, page: usize) -> String {
        let first = self.with("page", "");
        let mark = if first.contains('?') { '&' } else { '?' };
        if page == 1 { first } else { format!("{first}{mark}page={page}") }
    }

    /// The same page with one value of its query set, or removed where it is empty. Paging begins anew.
    pub(super) fn with(&self, name: &str, value: &str) -> String {
        let kept = self.query.split('&').filter(|it| {
            let key = it.split('=').next().unwrap_or_default();
            !it.is_empty() && key != name && key != "page" && key != "fragment"
        });
        let mut parts: Vec<String> = kept.map(str::to_owned).collect();
        if !value.is_empty() {
            parts.push(format!("{name}={}", words::url_part(value)));
        }
        if parts.is_empty() { self.path.clone() } else { format!("{}?{}", self.path, parts.join("&")) }
    }
}

fn time(at: Timestamp, shown: &str, kind: &str) -> Markup {
    let tag = Tag::new("time").with("datetime", &words::rfc3339(at)).with("data-rel", kind);
    tag.with("title", &words::exact(at)).text(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(uri: &str) -> PageContext {
        PageContext::new(None, None, Timestamp::UNIX_EPOCH, &uri.parse().unwrap())
    }

    #[test]
    fn a_query_is_changed_in_one_place() {
        let page = at("/hosts?q=web&page=3&fragment=1&state=owed");
        assert!(page.fragment);
        assert_eq!(page.with("state", "failed"), "/hosts?q=web&state=failed");
        assert_eq!(page.with("q", ""), "/hosts?state=owed");
        assert_eq!(at("/hosts").with("q", "a b&c\"<"), "/hosts?q=a%20b%26c%22%3C");
        assert_eq!(at("/hosts?q=x").with("q", ""), "/hosts");
    }

    #[test]
    fn the_navigation_knows_where_one_is() {
        assert_eq!((at("/").current("/"), at("/stacks/a/b").current("/")), ("page", "page"));
        assert_eq!((at("/hosts/web1").current("/hosts"), at("/hosts").current("/")), ("page", "false"));
        assert_eq!(at("/hostsx").current("/hosts"), "false");
    }

    #[test]
    fn what_stands_between_backticks_is_code() {
        let page = at("/");
        let said = page.sentence("as they come (`apply: <x>`)").to_string();
        assert_eq!(said, "as they come (<code>apply: &#60;x&#62;</code>)");
        assert_eq!(page.sentence("a ` alone").to_string(), "a ` alone");
    }

    #[test]
    fn nobody_may_act_whom_nobody_knows() {
        let page = at("/");
        assert!(!page.operates() && !page.may(&"infra/web".parse().unwrap()) && !page.signed_in());
    }
}
