//! The routes, as data: the server is built from this table, so a route that is not here is not served, and the test
//! of who may do what goes through all of it.

use crate::domain::Role;

/// Where every route of the API begins.
pub const PREFIX: &str = "/api/v1";

/// What may be done with a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// Looks. Never changes anything.
    Get,
    /// Acts.
    Post,
}

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Those who have this role, or one that may do more. On the unix socket root, the user of the daemon, and members
    /// of the group of administrators are [`Role::Admin`], and nobody else has a role.
    Role(Role),
    /// Whoever reaches the listener.
    Everybody,
    /// Whoever signs with the secret of a receiver, for the source of that receiver.
    Senders,
}

/// What a route is about, which a caller must have in their scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// The daemon as a whole: only those whose scope is everything.
    Daemon,
    /// The source that the path names, as a whole.
    Source,
    /// The stack that the path names.
    Stack,
    /// The stack of the run that the path names.
    Run,
    /// Many things, of which a caller is told those in their scope.
    Listed,
    /// Nothing that a scope could have.
    Nothing,
}

/// Where a route is served, and nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Listener {
    /// The unix socket alone, where the kernel says who is at the other end.
    Socket,
    /// The TCP listener alone, where callers prove who they are by a token or a session.
    Tcp,
    /// Either.
    Both,
}

impl Listener {
    /// Whether the unix socket serves it.
    pub fn is_socket(self) -> bool {
        self != Self::Tcp
    }

    /// Whether the TCP listener serves it.
    pub fn is_tcp(self) -> bool {
        self != Self::Socket
    }
}

/// One route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Where it is served.
    pub listener: Listener,
    /// What may be done.
    pub method: Method,
    /// Its path, with names of parameters in braces.
    pub path: &'static str,
    /// Who may.
    pub access: Access,
    /// With what.
    pub subject: Subject,
    /// What it is for, in one sentence.
    pub about: &'static str,
}

const fn look(path: &'static str, subject: Subject, about: &'static str) -> Route {
    let access = Access::Role(Role::Viewer);
    Route { listener: Listener::Both, method: Method::Get, path, access, subject, about }
}

const fn act(path: &'static str, role: Role, subject: Subject, about: &'static str) -> Route {
    let access = Access::Role(role);
    Route { listener: Listener::Both, method: Method::Post, path, access, subject, about }
}

const fn open(path: &'static str, about: &'static str) -> Route {
    let (access, subject) = (Access::Everybody, Subject::Nothing);
    Route { listener: Listener::Tcp, method: Method::Get, path, access, subject, about }
}

const fn page(path: &'static str, subject: Subject, about: &'static str) -> Route {
    let access = Access::Role(Role::Viewer);
    Route { listener: Listener::Tcp, method: Method::Get, path, access, subject, about }
}

const fn take(path: &'static str, about: &'static str) -> Route {
    let (access, subject) = (Access::Everybody, Subject::Nothing);
    Route { listener: Listener::Tcp, method: Method::Post, path, access, subject, about }
}

impl Route {
    /// The same elsewhere.
    const fn on(self, listener: Listener) -> Self {
        Self { listener, ..self }
    }

    /// The same for those with this role.
    const fn for_role(self, role: Role) -> Self {
        Self { access: Access::Role(role), ..self }
    }

    /// Whether it is of the API, which answers in JSON; everything else is for browsers and other programs.
    pub fn is_api(&self) -> bool {
        self.path.starts_with(PREFIX)
    }

    /// Whether it is a page for people, or what pages are made of, rather than a part of the API.
    pub fn is_page(&self) -> bool {
        let looks = self.method == Method::Get && !self.is_api();
        looks && (matches!(self.access, Access::Role(_)) || self.path == ASSETS)
    }
}

/// Styles, scripts and the icon.
const ASSETS: &str = "/assets/{file}";

/// Every route there is.
pub const ROUTES: &[Route] = &[
    look("/api/v1/status", Subject::Listed, "The daemon, its sources, its stacks and its live runs."),
    look("/api/v1/stacks", Subject::Listed, "All stacks."),
    look("/api/v1/fleet", Subject::Listed, "All stacks with their hosts, commits and last runs."),
    look(
        "/api/v1/stacks/{source}/{stack}",
        Subject::Stack,
        "One stack: how it stands, why, its drift, its history.",
    ),
    look("/api/v1/sources", Subject::Listed, "The followed repositories."),
    look("/api/v1/hosts", Subject::Listed, "All hosts, and how each stands in its stacks."),
    look(
        "/api/v1/hosts/{host}",
        Subject::Listed,
        "One host over all stacks: what it is owed, how it differs, its runs.",
    ),
    look(
        "/api/v1/system",
        Subject::Listed,
        "The daemon: sources, queue, locks, runtimes, disk, deliveries, audit chain.",
    ),
    look("/api/v1/stacks/{source}/{stack}/explain", Subject::Stack, "Why a stack did, does or does not run."),
    look(
        "/api/v1/stacks/{source}/{stack}/drift",
        Subject::Stack,
        "The hosts of a stack: how they differ, what they are owed.",
    ),
    act("/api/v1/stacks/{source}/{stack}/apply", Role::Operator, Subject::Stack, "Asks for an apply."),
    act("/api/v1/stacks/{source}/{stack}/plan", Role::Operator, Subject::Stack, "Asks for a check."),
    act(
        "/api/v1/stacks/{source}/{stack}/approve",
        Role::Operator,
        Subject::Stack,
        "Accepts that an apply is for other hosts, or changes more, than was usual.",
    ),
    act(
        "/api/v1/stacks/{source}/{stack}/suspend",
        Role::Operator,
        Subject::Stack,
        "Starts no more runs of a stack.",
    ),
    act(
        "/api/v1/stacks/{source}/{stack}/resume",
        Role::Operator,
        Subject::Stack,
        "Starts runs again, and ends a hold.",
    ),
    look("/api/v1/runs", Subject::Listed, "Runs, newest first."),
    look("/api/v1/runs/{run}", Subject::Run, "One run with its recap and its notable results."),
    look("/api/v1/runs/{run}/events", Subject::Run, "What Ansible told, one JSON object a line."),
    look("/api/v1/openapi.json", Subject::Listed, "This API as an OpenAPI document."),
    look("/api/v1/events", Subject::Listed, "What changes, as it changes: server-sent events."),
    act("/api/v1/runs/{run}/cancel", Role::Operator, Subject::Run, "Ends a live run."),
    act(
        "/api/v1/sources/{source}/approve",
        Role::Operator,
        Subject::Source,
        "Accepts a revision that waits for a person.",
    ),
    look(
        "/api/v1/runs/{run}/tasks",
        Subject::Run,
        "Plays and tasks of a run: how they ended, how long they took.",
    ),
    look("/api/v1/runs/{run}/tasks/{task}", Subject::Run, "The results of one task of a run."),
    look("/api/v1/runs/{run}/log", Subject::Run, "The raw output of a run, where the operator has it kept."),
    look("/api/v1/audit/standing", Subject::Daemon, "How far the audit chain goes, and whether it holds."),
    look(
        "/api/v1/alerts",
        Subject::Listed,
        "What is wrong now, who was told, and what became of the messages.",
    ),
    act(
        "/api/v1/alerts/test",
        Role::Operator,
        Subject::Daemon,
        "Sends a message to a receiver, and says whether it arrived.",
    ),
    look("/api/v1/audit", Subject::Listed, "Records of the audit chain, the older ones first."),
    act(
        "/api/v1/audit/erase",
        Role::Admin,
        Subject::Daemon,
        "Erases the name of a person from the audit chain, which holds as before.",
    ),
    look(
        "/api/v1/merge-requests",
        Subject::Listed,
        "The merge requests that are followed, and their previews.",
    ),
    look(
        "/api/v1/sources/{source}/merge-requests/{number}",
        Subject::Source,
        "One merge request with its previews.",
    ),
    look(
        "/api/v1/sources/{source}/commits/{commit}",
        Subject::Source,
        "A commit: what it says, and where it is applied.",
    ),
    act(
        "/api/v1/sources/{source}/merge-requests/{number}/preview",
        Role::Admin,
        Subject::Source,
        "Asks for a live preview of a merge request.",
    ),
    look("/api/v1/tokens", Subject::Daemon, "All tokens, without what makes them work.")
        .for_role(Role::Admin),
    act(
        "/api/v1/tokens",
        Role::Admin,
        Subject::Daemon,
        "Makes a token, which this answer tells and nothing else.",
    ),
    act(
        "/api/v1/tokens/{token}/revoke",
        Role::Admin,
        Subject::Daemon,
        "Revokes a token, by its id or its name, and ends the sessions that it began.",
    ),
    act(
        "/api/v1/sign-in-link",
        Role::Admin,
        Subject::Daemon,
        "Makes a link that signs a browser in as the caller, once.",
    )
    .on(Listener::Socket),
    open("/sign-in", "A page to sign in: with a token, a link or an account elsewhere."),
    open("/sign-in.js", "The little that page needs."),
    take("/sign-in", "Signs in with a token or the code of a link."),
    open("/sign-in/oidc", "Sends a browser to the provider of accounts."),
    open("/sign-in/oidc/done", "Where the provider sends it back to."),
    take("/sign-in/oidc", "Signs in as the account that the provider vouches for."),
    act("/sign-out", Role::Viewer, Subject::Nothing, "Ends the session.").on(Listener::Tcp),
    act("/api/v1/backup", Role::Admin, Subject::Daemon, "Makes a backup, and answers with its file.")
        .on(Listener::Socket),
    page("/", Subject::Listed, "The fleet: all stacks, the worst first, and a map of their hosts."),
    page(
        "/stacks/{source}/{stack}",
        Subject::Stack,
        "One stack: history, hosts, drift, why, and what is next.",
    ),
    page("/hosts", Subject::Listed, "All hosts."),
    page("/hosts/{host}", Subject::Listed, "One host over all stacks."),
    page("/system", Subject::Listed, "The daemon itself."),
    page("/runs", Subject::Listed, "Runs, newest first."),
    page("/runs/{run}", Subject::Run, "A run: live, with its results, differences and times."),
    page("/runs/{run}/tasks/{task}", Subject::Run, "One task of a run on all its hosts."),
    page("/runs/{run}/log", Subject::Run, "The raw output of a run, with its colours."),
    page("/sources/{source}/commits/{commit}", Subject::Source, "A commit: what it did where."),
    page("/merge-requests", Subject::Listed, "The merge requests that are followed."),
    page(
        "/sources/{source}/merge-requests/{number}",
        Subject::Source,
        "A merge request: what it would do, and what it did.",
    ),
    page("/audit", Subject::Listed, "The audit chain: who did what, and whether it holds."),
    open(ASSETS, "What pages are made of: styles, scripts, the icon."),
    open("/metrics", "Metrics in the text format of Prometheus."),
    open("/healthz", "200 while the loop turns."),
    open("/readyz", "200 while work is done, else 503 and why not."),
    Route {
        listener: Listener::Tcp,
        method: Method::Post,
        path: "/webhooks/{source}",
        access: Access::Senders,
        subject: Subject::Nothing,
        about: "Takes a signed delivery of a forge in: see [webhooks](webhooks.md).",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_is_for_those_who_have_a_role_or_sign() {
        for route in ROUTES {
            let has_role = matches!(route.access, Access::Role(_));
            assert!(has_role || !route.is_api(), "{}", route.path);
            assert!(!route.listener.is_socket() || route.is_api(), "{}", route.path);
            // What strangers may post is a proof of who they are, and does nothing without one.
            let proof = ["/sign-in", "/sign-in/oidc"].contains(&route.path);
            let acts = route.method == Method::Post;
            assert!(!acts || has_role || proof || route.access == Access::Senders, "{}", route.path);
        }
    }

    #[test]
    fn what_changes_anything_is_not_for_viewers() {
        for route in ROUTES.iter().filter(|it| it.method == Method::Post && it.path != "/sign-out") {
            assert_ne!(route.access, Access::Role(Role::Viewer), "{}", route.path);
        }
    }

    #[test]
    fn a_route_names_what_it_is_about() {
        for route in ROUTES {
            let named = match route.subject {
                Subject::Stack => route.path.contains("{source}/{stack}"),
                Subject::Source => route.path.contains("{source}") && !route.path.contains("{stack}"),
                Subject::Run => route.path.contains("{run}"),
                Subject::Daemon | Subject::Listed => !route.path.contains("{source}"),
                Subject::Nothing => !matches!(route.access, Access::Role(_)) || !route.is_api(),
            };
            assert!(named, "{}", route.path);
        }
    }

    #[test]
    fn no_route_is_there_twice() {
        let mut seen: Vec<_> = ROUTES.iter().map(|it| (it.method, it.path)).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), ROUTES.len());
    }
}
