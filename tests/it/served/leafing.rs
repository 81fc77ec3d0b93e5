//! The pages of runs, commits, merge requests and the audit chain: rich, empty and hostile.

use axum::Router;
use axum::body::Body;
use axum::extract::Extension;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;

use driftless::api::{Method, ROUTES};
use driftless::domain::{Caller, Proof, Role, Scope};
use driftless::web::open_router;

use super::leaves::{CHECK, FAILED, HOSTILE, LIVE, QUIET};
use super::memory::Memory;

fn router(role: Role) -> Router {
    let caller = Caller { name: "ann".to_owned(), role, scope: Scope::All, proof: Proof::Session };
    open_router(Memory::default()).layer(Extension(caller))
}

async fn page_for(role: Role, path: &str) -> String {
    let request = Request::builder().uri(path).body(Body::empty()).expect("a request");
    let answer = TowerToHyperService::new(router(role)).call(request).await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    let policy = answer.headers()["content-security-policy"].to_str().expect("text");
    assert!(policy.contains("script-src 'self'") && policy.contains("base-uri 'none'"), "{policy}");
    assert_eq!(answer.headers()["x-content-type-options"], "nosniff", "{path}");
    let body = answer.into_body().collect().await.expect("a body").to_bytes();
    String::from_utf8(body.to_vec()).expect("text")
}

async fn page(path: &str) -> String {
    page_for(Role::Operator, path).await
}

fn pages() -> Vec<String> {
    let mut all: Vec<String> =
        ["/runs", "/merge-requests", "/audit", "/audit?object=infra/web&actor=ann&since=2026-01-01"]
            .map(str::to_owned)
            .into();
    for run in [FAILED, CHECK, LIVE, QUIET, HOSTILE] {
        all.push(format!("/runs/{run}"));
        all.push(format!("/runs/{run}?status=failed&host=web0&q=nginx&page=2"));
        all.push(format!("/runs/{run}/log"));
    }
    all.extend([FAILED, CHECK, HOSTILE].map(|run| format!("/runs/{run}/tasks/0")));
    all.extend(["ab", "cc"].map(|it| format!("/sources/infra/commits/{}", it.repeat(20))));
    all.extend([11, 12, 13].map(|it| format!("/sources/infra/merge-requests/{it}")));
    all
}

/// The values of an attribute, as a browser reads them, as far as ours are written.
fn attributes<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
    let mark = format!(" {name}=\"");
    html.split(mark.as_str()).skip(1).filter_map(|it| it.split('"').next()).collect()
}

#[tokio::test]
async fn what_outsiders_write_stays_text() {
    for path in pages() {
        let html = page(&path).await;
        // Styles apart, scripts are the two that every page has.
        assert_eq!(html.matches("<script").count(), 2, "{path}");
        for wrong in
            ["<img", "<svg onload", " onerror=\"", " style=\"", "javascript:", "\u{202e}", "\u{1b}", "\u{7}"]
        {
            assert!(!html.contains(wrong), "{path} has {wrong:?}");
        }
        for handler in ["onclick", "onload", "onmouseover"] {
            assert!(attributes(&html, handler).is_empty(), "{path} has {handler}");
        }
    }
    let hostile = page(&format!("/runs/{HOSTILE}")).await;
    assert!(
        hostile.contains("&#60;script&#62;alert(1)&#60;/script&#62;")
            && hostile.contains("\u{27e8}U+202E\u{27e9}")
    );
}

#[tokio::test]
async fn each_link_leads_to_a_page_of_ours_or_the_forge() {
    let served = |path: &str| {
        let path = path.split(['?', '#']).next().unwrap_or_default();
        ROUTES.iter().filter(|it| it.method == Method::Get).any(|it| {
            let (wanted, given): (Vec<&str>, Vec<&str>) =
                (it.path.split('/').collect(), path.split('/').collect());
            wanted.len() == given.len()
                && wanted.iter().zip(given).all(|(wanted, given)| wanted.starts_with('{') || *wanted == given)
        })
    };
    for path in pages() {
        let html = page(&path).await;
        for link in attributes(&html, "href") {
            let link = link.replace("&#38;", "&");
            let known =
                link.starts_with('#') || served(&link) || link.starts_with("https://forge.example/infra/");
            assert!(known, "{path} leads to {link}");
        }
        for act in attributes(&html, "data-act") {
            let path = act.strip_prefix("POST ").expect("acts are posted");
            let known = ROUTES.iter().filter(|it| it.method == Method::Post).any(|it| {
                let (wanted, given): (Vec<&str>, Vec<&str>) =
                    (it.path.split('/').collect(), path.split('/').collect());
                wanted.len() == given.len()
                    && wanted
                        .iter()
                        .zip(given)
                        .all(|(wanted, given)| wanted.starts_with('{') || *wanted == given)
            });
            assert!(known, "{act}");
        }
    }
}

#[tokio::test]
async fn a_failed_run_tells_what_failed_first_and_folds_what_is_the_same() {
    let html = page(&format!("/runs/{FAILED}")).await;
    let place = |text: &str| html.find(text).unwrap_or_else(|| panic!("{text} is not there"));
    assert!(place("Failed</h2>") < place("Changed</h2>") && place("Changed</h2>") < place("Tasks</h2>"));
    // The same difference on fourteen hosts is shown once.
    assert_eq!(html.matches("worker_processes").count(), 2);
    assert!(html.contains("changed on 14 hosts") && html.contains("failed on 2 hosts"));
    assert!(html.contains("<del>2;</del>") && html.contains("<ins>auto;</ins>"), "{html}");
    assert!(html.contains("hidden by no_log") && html.contains("ansi-fg-1"));
    assert!(html.contains("id=\"task-3\"") && html.contains("Slowest tasks"));
    assert!(html.contains("27 of 28 changes as the preview said"));
}

#[tokio::test]
async fn a_check_says_what_would_change_and_what_it_could_not_see() {
    let html = page(&format!("/runs/{CHECK}")).await;
    for words in [
        "Would change</h2>",
        "Not seen</h2>",
        "Ran for real</h2>",
        "check mode is blind",
        "because of its path",
    ] {
        assert!(html.contains(words), "{words}");
    }
    let filtered = page(&format!("/runs/{CHECK}?status=blind")).await;
    assert!(filtered.contains("Not seen</h2>") && !filtered.contains("Would change</h2>"));
    assert!(page(&format!("/runs/{CHECK}?host=nobody")).await.contains("Nothing like that"));
}

#[tokio::test]
async fn acts_are_for_those_who_may_and_name_what_happens() {
    let live = page(&format!("/runs/{LIVE}")).await;
    assert!(
        live.contains(&format!("POST /api/v1/runs/{LIVE}/cancel")) && live.contains("1 host may be left"),
        "{live}"
    );
    assert!(!page_for(Role::Viewer, &format!("/runs/{LIVE}")).await.contains("data-act"));
    let request = page_for(Role::Admin, "/sources/infra/merge-requests/12").await;
    assert!(request.contains("with production credentials, on 2 hosts") && request.contains("target moved"));
    for role in [Role::Viewer, Role::Operator] {
        assert!(!page_for(role, "/sources/infra/merge-requests/12").await.contains("data-act"));
    }
    assert!(!page("/sources/infra/merge-requests/11").await.contains("data-act"), "it is merged");
}

#[tokio::test]
async fn a_commit_says_where_it_is_and_where_not_yet() {
    let html = page(&format!("/sources/infra/commits/{}", "ab".repeat(20))).await;
    for words in [
        "on 11 of 14 hosts",
        "applied everywhere",
        "4 of them by a later commit",
        "no host is known yet",
        "27 of 28",
    ] {
        assert!(html.contains(words), "{words}");
    }
    let gone = page(&format!("/sources/infra/commits/{}", "cc".repeat(20))).await;
    assert!(gone.contains("The repository does not have it"));
}

#[tokio::test]
async fn the_raw_output_is_paged_and_teaches_where_none_is_kept() {
    let html = page(&format!("/runs/{FAILED}/log")).await;
    assert!(
        html.contains("ansi-fg-2") && html.contains("ansi-bg-4") && html.contains("?from=900&#38;skip=4"),
        "{html}"
    );
    assert!(html.contains("100 %") && !html.contains("10 %") && !html.contains("title\u{7}"));
    assert!(page(&format!("/runs/{QUIET}/log")).await.contains("raw_log: true"));
}

#[tokio::test]
async fn the_audit_page_says_whether_the_chain_holds() {
    let html = page("/audit").await;
    for words in ["holds", "apply requested", "records signed for", "before=", "/runs/41"] {
        assert!(html.contains(words) || words == "before=", "{words}");
    }
    assert!(html.contains("/api/v1/audit?count=1000"));
}
