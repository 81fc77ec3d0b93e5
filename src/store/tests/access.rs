//! Tokens and sessions across restarts, and lists for those who may not see all.

use super::fixture::*;
use super::opening::await_free;
use crate::domain::audit::{AuditAction, AuditDraft};
use crate::domain::token::NewToken;
use crate::domain::*;
use crate::store::{AuditFilter, Store};

fn scope() -> Scope {
    Scope::Only(["infra", "lab/web"].map(|it| it.parse().expect("a grant")).into())
}

fn token(name: &str, chance: u8) -> Token {
    let grant = NewToken {
        name: name.parse().expect("a name"),
        role: Role::Operator,
        scope: scope(),
        expires_at: at(1_000_000),
        by: "ann".to_owned(),
        at: at(0),
    };
    Token::make(grant, &[chance; 37]).0
}

fn session(token: Option<&Token>, chance: u8, second: i64) -> Session {
    let caller = Caller { name: "ann".to_owned(), role: Role::Viewer, scope: scope(), proof: Proof::Token };
    Session::open(&caller, token.map(|it| it.id.clone()), at(second), &[chance; 32]).0
}

fn record(action: AuditAction) -> AuditDraft {
    AuditDraft::new(action, "daemon").personal("actor", "ann")
}

async fn reopened(store: Store, dir: &tempfile::TempDir) -> Store {
    store.close().await;
    drop(store);
    await_free(dir);
    open(dir).0
}

#[tokio::test]
async fn tokens_and_sessions_outlive_the_daemon() {
    let dir = directory();
    let (store, _) = open(&dir);
    let (ci, old) = (token("ci", 1), token("old", 2));
    for it in [&ci, &old] {
        store.token_made(it.clone(), record(AuditAction::TokenCreated)).await.expect("made");
    }
    let again = store.token_made(ci.clone(), record(AuditAction::TokenCreated)).await;
    assert!(again.is_err(), "an id is there once");
    let (of_ci, of_old, free) = (session(Some(&ci), 1, 1), session(Some(&old), 2, 1), session(None, 3, 2));
    for it in [&of_ci, &of_old, &free] {
        store.session_opened(it.clone(), record(AuditAction::SignedIn)).await.expect("opened");
    }
    store.token_used(ci.id.clone(), at(60)).await.expect("used");
    store.session_used(of_ci.hash, at(61)).await.expect("used");
    let revoked = Token { revoked: Some((at(70), "bob".to_owned())), ..old.clone() };
    store.token_revoked(revoked.clone(), record(AuditAction::TokenRevoked)).await.expect("revoked");
    store.session_closed(free.hash, at(80), record(AuditAction::SignedOut)).await.expect("closed");

    let store = reopened(store, &dir).await;
    let (mut tokens, sessions) = store.access(at(100)).await.expect("read");
    tokens.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(tokens, [Token { used_at: Some(at(60)), ..ci }, revoked]);
    assert_eq!(sessions, [Session { seen_at: at(61), ..of_ci }], "those of a revoked token are gone with it");
    let (_, later) = store.access(at(13 * 3600)).await.expect("read");
    assert_eq!(later, []);
    let all = AuditFilter { count: 100, ..AuditFilter::default() };
    let actions: Vec<String> = store
        .audit_records(all)
        .await
        .expect("records")
        .into_iter()
        .map(|it| it.expect("a record").action)
        .collect();
    let wanted = [
        "token_created",
        "token_created",
        "signed_in",
        "signed_in",
        "signed_in",
        "token_revoked",
        "signed_out",
    ];
    assert_eq!(actions, wanted, "what failed is not recorded");
    let text = std::fs::read(store.dir().join("driftless.db")).unwrap_or_default();
    assert!(!String::from_utf8_lossy(&text).contains("dlt_"), "no token is in the database");
}

#[tokio::test]
async fn pages_of_the_audit_chain_are_whole_for_those_who_see_a_part() {
    let dir = directory();
    let (store, _) = open(&dir);
    let objects = ["infra/web", "daemon", "lab/web", "lab/db", "infra", "other/x", "infra/db"];
    let drafts = objects.iter().cycle().take(70).map(|it| AuditDraft::new(AuditAction::Suspended, *it));
    store.audit(at(0), drafts.collect()).await.expect("recorded");
    let page = async |scope: Scope, from, newest| -> Vec<(u64, String)> {
        let filter = AuditFilter { scope: Some(scope), from, count: 5, newest, ..AuditFilter::default() };
        let rows = store.audit_records(filter).await.expect("records");
        rows.into_iter().map(|it| it.map(|it| (it.seq, it.object)).expect("a record")).collect()
    };
    let first = page(scope(), 0, false).await;
    assert_eq!(first.iter().map(|it| it.0).collect::<Vec<_>>(), [1, 3, 5, 7, 8]);
    assert_eq!(page(scope(), 9, false).await[0], (10, "lab/web".to_owned()));
    assert_eq!(page(scope(), 0, true).await.last().map(|it| it.0), Some(70));
    assert_eq!(page(Scope::All, 0, false).await.len(), 5);
    assert_eq!(page(Scope::Only([].into()), 0, false).await, []);
}
