//! One request and its answer: with a limit of time and size, without redirects, remembered where the forge tags it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue};
use reqwest::header::{IF_NONE_MATCH, LINK, LOCATION};
use reqwest::{Method, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::address::{Api, Endpoint, Project};
use super::error::ForgeError;
use super::memory::{Memory, Remembered};
use super::pace::{Pace, asked_to_wait};
use super::{ForgeLimits, ForgeSettings};
use crate::domain::{ForgeKind, Secret};
use crate::outbound::{self, NoAnswer, printable};

/// The most pages of one list. GitLab ends its own at 50,000 entries.
const PAGES: u32 = 100;

/// The connection to one project of one forge.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) kind: ForgeKind,
    pub(super) project: Project,
    api: Api,
    http: reqwest::Client,
    limits: ForgeLimits,
    token: Mutex<HeaderValue>,
    memory: Mutex<Memory>,
    pace: Mutex<Pace>,
    /// The number of our own account, once it was asked for.
    account: Mutex<Option<u64>>,
}

/// An account of the forge. GitLab calls its name `username`; Forgejo and Gitea tell both.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Account {
    pub(super) id: u64,
    login: Option<String>,
    username: Option<String>,
}

impl Account {
    /// Its name, which is unique within the forge. Renamed accounts keep their number.
    pub(super) fn name(self) -> String {
        self.login.or(self.username).unwrap_or_default()
    }
}

/// A whole answer.
struct Answer {
    body: Arc<[u8]>,
    paging: Paging,
}

impl Wire {
    pub(super) fn new(settings: &ForgeSettings) -> Result<Self, ForgeError> {
        let api = Api::parse(&settings.api)?;
        let project = Project::parse(&settings.project, settings.kind)?;
        let http = outbound::client(settings.ca_bundle.as_deref(), api.names_loopback)?
            .default_headers(headers(settings.kind))
            .connect_timeout(settings.limits.connect)
            .timeout(settings.limits.total)
            .build()
            .map_err(|error| ForgeError::Unreachable(printable(&error.to_string(), &[])))?;
        Ok(Self {
            kind: settings.kind,
            project,
            api,
            http,
            limits: settings.limits,
            token: Mutex::new(authorization(settings.kind, &settings.token)?),
            memory: Mutex::default(),
            pace: Mutex::default(),
            account: Mutex::default(),
        })
    }

    pub(super) fn set_token(&self, token: &Secret) -> Result<(), ForgeError> {
        let value = authorization(self.kind, token)?;
        let mut kept = lock(&self.token);
        if *kept != value {
            *kept = value;
            lock(&self.memory).clear();
            *lock(&self.account) = None;
        }
        Ok(())
    }

    /// The number of our own account.
    pub(super) async fn account(&self) -> Result<u64, ForgeError> {
        if let Some(known) = *lock(&self.account) {
            return Ok(known);
        }
        // All forges have the same words for it.
        let asked = self.get::<Account>(&Endpoint::new("account of the token").at("user")).await?;
        self.know_account(asked.id);
        Ok(asked.id)
    }

    /// The number of our own account was told elsewhere.
    pub(super) fn know_account(&self, id: u64) {
        *lock(&self.account) = Some(id);
    }

    /// Reads one thing.
    pub(super) async fn get<T: DeserializeOwned>(&self, endpoint: &Endpoint) -> Result<T, ForgeError> {
        let answer = self.read(endpoint).await?;
        understood(endpoint, &answer.body)
    }

    /// Reads a list, page after page, until the forge has no more or `enough` says so of a page.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        endpoint: &Endpoint,
        enough: impl Fn(&[T]) -> bool,
    ) -> Result<Vec<T>, ForgeError> {
        // Forgejo and Gitea give 50 at most, unless their owner allows more.
        let (key, size) = match self.kind {
            ForgeKind::Github | ForgeKind::Gitlab => ("per_page", 100),
            ForgeKind::Forgejo | ForgeKind::Gitea => ("limit", 50),
        };
        let mut all = Vec::new();
        for page in 1..=PAGES {
            let endpoint = endpoint.clone().query(key, &size).query("page", &page);
            let answer = self.read(&endpoint).await?;
            let some: Vec<T> = understood(&endpoint, &answer.body)?;
            let (is_empty, length, is_enough) = (some.is_empty(), some.len(), enough(&some));
            all.extend(some);
            if is_empty || is_enough || !answer.paging.goes_on(length == size, all.len()) {
                return Ok(all);
            }
        }
        Err(ForgeError::TooMany(PAGES, endpoint.what))
    }

    /// Writes something and reads what came of it.
    pub(super) async fn write<T: DeserializeOwned>(
        &self,
        method: Method,
        endpoint: &Endpoint,
        body: &impl Serialize,
    ) -> Result<T, ForgeError> {
        let text = serde_json::to_vec(body).map_err(|error| not_understood(endpoint, &error))?;
        let request = self.http.request(method, self.api.url(endpoint)?);
        let response = self.send(request.header(CONTENT_TYPE, "application/json").body(text)).await?;
        let body = self.whole(response, endpoint).await?.body;
        understood(endpoint, &body)
    }

    /// Deletes something; it is no fault if it is gone already.
    pub(super) async fn delete(&self, endpoint: &Endpoint) -> Result<(), ForgeError> {
        let response = self.send(self.http.delete(self.api.url(endpoint)?)).await?;
        match self.whole(response, endpoint).await {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }

    async fn read(&self, endpoint: &Endpoint) -> Result<Answer, ForgeError> {
        let url = self.api.url(endpoint)?;
        let address = url.to_string();
        let known = lock(&self.memory).get(&address);
        let mut request = self.http.get(url);
        if let Some(known) = &known {
            request = request.header(IF_NONE_MATCH, &known.tag);
        }
        let response = self.send(request).await?;
        if let (StatusCode::NOT_MODIFIED, Some(known)) = (response.status(), known) {
            return Ok(Answer { body: known.body, paging: known.paging });
        }
        let tag = response.headers().get(ETAG).and_then(|it| it.to_str().ok()).map(str::to_owned);
        let answer = self.whole(response, endpoint).await?;
        if let Some(tag) = tag {
            let kept = Remembered { tag, body: answer.body.clone(), paging: answer.paging };
            lock(&self.memory).keep(address, kept);
        }
        Ok(answer)
    }

    /// Sends a request, unless the forge asked to wait.
    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Response, ForgeError> {
        if let Some(left) = lock(&self.pace).left() {
            return Err(ForgeError::RateLimited(left));
        }
        let token = lock(&self.token).clone();
        let name = match self.kind {
            ForgeKind::Gitlab => HeaderName::from_static("private-token"),
            _ => AUTHORIZATION,
        };
        request.header(name, token).send().await.map_err(|error| self.failed(&error))
    }

    /// The whole answer of a request that succeeded, within the limit.
    async fn whole(&self, mut response: Response, endpoint: &Endpoint) -> Result<Answer, ForgeError> {
        let (status, headers) = (response.status(), response.headers().clone());
        let limit = self.limits.answer;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failed(&error))? {
            if limit < body.len() + chunk.len() {
                return Err(ForgeError::TooLarge(limit));
            }
            body.extend_from_slice(&chunk);
        }
        if status.is_success() {
            return Ok(Answer { body: body.into(), paging: Paging::of(&headers) });
        }
        let said = self.said(&body);
        if let Some(wait) = asked_to_wait(status, &headers, &said) {
            lock(&self.pace).wait(wait);
            return Err(ForgeError::RateLimited(wait));
        }
        Err(self.refusal(status, &headers, said, endpoint))
    }

    fn refusal(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        said: String,
        endpoint: &Endpoint,
    ) -> ForgeError {
        let kind = self.kind;
        match status.as_u16() {
            300..=399 => {
                let place = headers.get(LOCATION).map(HeaderValue::as_bytes).unwrap_or_default();
                ForgeError::Redirected(self.printable(&String::from_utf8_lossy(place)))
            }
            401 => ForgeError::Unauthorized(kind),
            403 => ForgeError::Forbidden { kind, said },
            404 | 410 => ForgeError::NotFound { kind, what: endpoint.what.to_owned(), said },
            status @ (408 | 409 | 423 | 425 | 500..) => ForgeError::Down { status, said },
            status => ForgeError::Refused { status, said },
        }
    }

    fn failed(&self, error: &reqwest::Error) -> ForgeError {
        let limits = self.limits;
        match NoAnswer::from(error) {
            NoAnswer::Forbidden(address) => address.into(),
            NoAnswer::Certificate(what) => ForgeError::Certificate(self.printable(&what)),
            NoAnswer::Timeout { connecting: true } => ForgeError::Timeout(limits.connect),
            NoAnswer::Timeout { connecting: false } => ForgeError::Timeout(limits.total),
            NoAnswer::Unreachable(what) => ForgeError::Unreachable(self.printable(&what)),
        }
    }

    /// What the forge says of a failure: the message of its JSON, or its text.
    fn said(&self, body: &[u8]) -> String {
        let json: Option<serde_json::Value> = serde_json::from_slice(body).ok();
        let field = |name: &str| {
            let value = json.as_ref()?.get(name)?;
            Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        };
        let text = field("message").or_else(|| field("error_description")).or_else(|| field("error"));
        let text = text.unwrap_or_else(|| String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned());
        self.printable(&text)
    }

    /// A text of the other side that is safe to show, also without our token.
    fn printable(&self, text: &str) -> String {
        let token = lock(&self.token).clone();
        let token = token.to_str().unwrap_or_default();
        printable(text, &[token.rsplit(' ').next().unwrap_or(token)])
    }
}

/// What an answer says of the pages after it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Paging {
    /// Whether `Link` names a next page. Its address is not used. A proxy may drop the header.
    next: Option<bool>,
    /// How many there are on all pages.
    total: Option<usize>,
}

impl Paging {
    fn of(headers: &HeaderMap) -> Self {
        let mut links = headers.get_all(LINK).iter().filter_map(|it| it.to_str().ok()).peekable();
        let next = links.peek().is_some().then(|| links.any(|it| it.contains("rel=\"next\"")));
        let number = |name| headers.get(name)?.to_str().ok()?.parse().ok();
        Self { next, total: number("x-total-count").or_else(|| number("x-total")) }
    }

    /// Without a word of the forge a full page is a reason to look at the next one.
    fn goes_on(self, is_full: bool, so_far: usize) -> bool {
        self.next.or_else(|| self.total.map(|it| so_far < it)).unwrap_or(is_full)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn understood<T: DeserializeOwned>(endpoint: &Endpoint, body: &[u8]) -> Result<T, ForgeError> {
    // Some answer a deletion or an edit with nothing at all.
    let body = if body.is_empty() { b"null" } else { body };
    serde_json::from_slice(body).map_err(|error| not_understood(endpoint, &error))
}

fn not_understood(endpoint: &Endpoint, error: &serde_json::Error) -> ForgeError {
    let what: String = error.to_string().chars().take(200).flat_map(char::escape_debug).collect();
    ForgeError::NotUnderstood { asked: endpoint.what.to_owned(), what }
}

fn headers(kind: ForgeKind) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if kind == ForgeKind::Github {
        headers.insert(ACCEPT, HeaderValue::from_static("application/vnd.github+json"));
        let version = HeaderName::from_static("x-github-api-version");
        headers.insert(version, HeaderValue::from_static("2022-11-28"));
    } else {
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    }
    headers
}

/// The header that shows the token. It is marked, so that no library prints it.
fn authorization(kind: ForgeKind, token: &Secret) -> Result<HeaderValue, ForgeError> {
    let token = token.expose();
    if token.is_empty() || !token.bytes().all(|it| it.is_ascii_graphic()) {
        return Err(ForgeError::Token);
    }
    let text = match kind {
        ForgeKind::Github => format!("Bearer {token}"),
        ForgeKind::Gitlab => token.to_owned(),
        ForgeKind::Forgejo | ForgeKind::Gitea => format!("token {token}"),
    };
    let mut value = HeaderValue::try_from(text).map_err(|_| ForgeError::Token)?;
    value.set_sensitive(true);
    Ok(value)
}
