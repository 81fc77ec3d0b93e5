//! What the operator writes to follow the project of a forge.

use super::Forge;

impl Forge {
    /// `sources` of the operator's file with one source, `infra`, at this forge. `more` are further keys of the source,
    /// each line without indentation.
    pub(crate) fn sources(&self, more: &str) -> String {
        self.sources_asked("1s", more)
    }

    /// The same of a forge that is asked so often.
    pub(crate) fn sources_asked(&self, poll: &str, more: &str) -> String {
        let token = self.shared.dir.path().join("token");
        std::fs::write(&token, format!("{}\n", self.token())).expect("written");
        let (token, ca) = (token.display(), self.ca_bundle().display());
        let more = more.lines().fold(String::new(), |text, line| format!("{text}    {line}\n"));
        format!(
            "sources:\n  infra:\n    url: {url}\n    credentials:\n      https_user: oauth2\n      \
             https_token: {{file: {token}}}\n      ca_bundle: {ca}\n    \
             forge: {{kind: {kind}, token: {{file: {token}}}, poll: {poll}}}\n{more}",
            url = self.git_url(),
            kind = self.kind(),
        )
    }

    /// The key of the source that takes webhooks of this forge.
    pub(crate) fn webhook(&self, secret: &str) -> String {
        let file = self.shared.dir.path().join("webhook");
        std::fs::write(&file, secret).expect("written");
        format!("webhook: {{provider: {}, secret: {{file: {}}}}}", self.kind(), file.display())
    }
}
