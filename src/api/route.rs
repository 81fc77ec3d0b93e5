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
    /// The unix socket, which knows who is at the other end.
    Socket,
    /// The TCP listener, which does not.
    Tcp,
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
    Route { listener: Listener::Socket, method: Method::Get, path, access, subject, about }
}

const fn act(path: &'static str, role: Role, subject: Subject, about: &'static str) -> Route {
    let access = Access::Role(role);
    Route { listener: Listener::Socket, method: Method::Post, path, access, subject, about }
}

const fn open(path: &'static str, about: &'static str) -> Route {
    let (access, subject) = (Access::Everybody, Subject::Nothing);
    Route { listener: Listener::Tcp, method: Method::Get, path, access, subject, about }
}

/// Every route there is.
pub const ROUTES: [Route; 26] = [
    look("/api/v1/status", Subject::Listed, "The daemon, its sources, its stacks and its live runs."),
    look("/api/v1/stacks", Subject::Listed, "All stacks."),
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
    act("/api/v1/runs/{run}/cancel", Role::Operator, Subject::Run, "Ends a live run."),
    act(
        "/api/v1/sources/{source}/approve",
        Role::Operator,
        Subject::Source,
        "Accepts a revision that waits for a person.",
    ),
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
    act(
        "/api/v1/sources/{source}/merge-requests/{number}/preview",
        Role::Operator,
        Subject::Source,
        "Asks for a live preview of a merge request.",
    ),
    act("/api/v1/backup", Role::Admin, Subject::Daemon, "Makes a backup, and answers with its file."),
    open("/", "A few lines that say where to look."),
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
    fn what_acts_is_on_the_socket_for_administrators_or_signed() {
        for route in ROUTES {
            let on_socket = route.listener == Listener::Socket;
            assert_eq!(on_socket, route.path.starts_with(PREFIX), "{}", route.path);
            assert_eq!(on_socket, matches!(route.access, Access::Role(_)), "{}", route.path);
            // What comes over TCP acts only if it is signed, and then only as a hint.
            let acts = route.method == Method::Post;
            assert_eq!(!on_socket && acts, route.access == Access::Senders, "{}", route.path);
        }
    }

    #[test]
    fn no_route_is_there_twice() {
        let mut seen: Vec<_> = ROUTES.iter().map(|it| (it.listener, it.method, it.path)).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), ROUTES.len());
    }
}
