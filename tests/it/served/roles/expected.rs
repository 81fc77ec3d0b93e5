//! Who each route is for.

use driftless::domain::Role;

/// What a route is expected to be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    /// Whoever reaches it, with this status.
    Everybody(u16),
    /// Who signs: nobody here does.
    Senders,
    /// Who has the role, with what the path names.
    Stack(Role),
    Source(Role),
    Run(Role),
    /// Who has the role; each sees what is theirs.
    Listed(Role),
    /// Who has the role; all see the same.
    Same(Role),
    /// Who has the role for everything.
    Daemon(Role),
    /// Who has a session. By a token there is none to end.
    Session,
}

/// Every route there is. A new one is written down here, too.
pub(super) const EXPECTED: &[(&str, For)] = {
    use For::{Daemon, Everybody, Listed, Run, Same, Senders, Session, Source, Stack};
    use Role::{Admin, Operator, Viewer};
    &[
        ("GET /api/v1/status", Listed(Viewer)),
        ("GET /api/v1/stacks", Listed(Viewer)),
        ("GET /api/v1/fleet", Listed(Viewer)),
        ("GET /api/v1/stacks/{source}/{stack}", Stack(Viewer)),
        ("GET /api/v1/sources", Listed(Viewer)),
        ("GET /api/v1/hosts", Listed(Viewer)),
        ("GET /api/v1/hosts/{host}", Listed(Viewer)),
        ("GET /api/v1/system", Listed(Viewer)),
        ("GET /api/v1/stacks/{source}/{stack}/explain", Stack(Viewer)),
        ("GET /api/v1/stacks/{source}/{stack}/drift", Stack(Viewer)),
        ("POST /api/v1/stacks/{source}/{stack}/apply", Stack(Operator)),
        ("POST /api/v1/stacks/{source}/{stack}/plan", Stack(Operator)),
        ("POST /api/v1/stacks/{source}/{stack}/approve", Stack(Operator)),
        ("POST /api/v1/stacks/{source}/{stack}/suspend", Stack(Operator)),
        ("POST /api/v1/stacks/{source}/{stack}/resume", Stack(Operator)),
        ("GET /api/v1/runs", Listed(Viewer)),
        ("GET /api/v1/runs/{run}", Run(Viewer)),
        ("GET /api/v1/runs/{run}/events", Run(Viewer)),
        ("GET /api/v1/openapi.json", Same(Viewer)),
        ("GET /api/v1/events", Listed(Viewer)),
        ("POST /api/v1/runs/{run}/cancel", Run(Operator)),
        ("POST /api/v1/sources/{source}/approve", Source(Operator)),
        ("GET /api/v1/runs/{run}/tasks", Run(Viewer)),
        ("GET /api/v1/runs/{run}/tasks/{task}", Run(Viewer)),
        ("GET /api/v1/runs/{run}/log", Run(Viewer)),
        ("GET /api/v1/sources/{source}/merge-requests/{number}", Source(Viewer)),
        ("GET /api/v1/sources/{source}/commits/{commit}", Source(Viewer)),
        ("GET /api/v1/audit/standing", Daemon(Viewer)),
        ("GET /api/v1/audit", Listed(Viewer)),
        ("POST /api/v1/audit/erase", Daemon(Admin)),
        ("GET /api/v1/merge-requests", Listed(Viewer)),
        ("POST /api/v1/sources/{source}/merge-requests/{number}/preview", Source(Admin)),
        ("GET /api/v1/alerts", Listed(Viewer)),
        ("POST /api/v1/alerts/test", Daemon(Operator)),
        ("POST /api/v1/backup", Daemon(Admin)),
        ("GET /api/v1/tokens", Daemon(Admin)),
        ("POST /api/v1/tokens", Daemon(Admin)),
        ("POST /api/v1/tokens/{token}/revoke", Daemon(Admin)),
        ("POST /api/v1/sign-in-link", Daemon(Admin)),
        ("GET /", Listed(Viewer)),
        ("GET /stacks/{source}/{stack}", Stack(Viewer)),
        ("GET /hosts", Listed(Viewer)),
        ("GET /hosts/{host}", Listed(Viewer)),
        ("GET /system", Listed(Viewer)),
        ("GET /runs", Listed(Viewer)),
        ("GET /runs/{run}", Run(Viewer)),
        ("GET /runs/{run}/tasks/{task}", Run(Viewer)),
        ("GET /runs/{run}/log", Run(Viewer)),
        ("GET /sources/{source}/commits/{commit}", Source(Viewer)),
        ("GET /merge-requests", Listed(Viewer)),
        ("GET /sources/{source}/merge-requests/{number}", Source(Viewer)),
        ("GET /audit", Listed(Viewer)),
        ("GET /assets/{file}", Everybody(200)),
        ("GET /metrics", Everybody(200)),
        ("GET /healthz", Everybody(200)),
        ("GET /readyz", Everybody(503)),
        ("GET /sign-in", Everybody(200)),
        ("GET /sign-in.js", Everybody(200)),
        ("POST /sign-in", Everybody(403)),
        ("GET /sign-in/oidc", Everybody(303)),
        ("GET /sign-in/oidc/done", Everybody(401)),
        ("POST /sign-in/oidc", Everybody(403)),
        ("POST /sign-out", Session),
        ("POST /webhooks/{source}", Senders),
    ]
};
