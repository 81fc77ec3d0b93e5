//! The routes, as data: the server is built from this table, so a route that is not here is not served, and the test
//! of who may do what goes through all of it.

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
    /// root, the user of the daemon, and members of the group of administrators.
    Administrators,
    /// Whoever reaches the listener.
    Everybody,
    /// Whoever signs with the secret of a receiver, for the source of that receiver.
    Senders,
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
    /// What it is for, in one sentence.
    pub about: &'static str,
}

const fn api(method: Method, path: &'static str, about: &'static str) -> Route {
    Route { listener: Listener::Socket, method, path, access: Access::Administrators, about }
}

const fn open(path: &'static str, about: &'static str) -> Route {
    Route { listener: Listener::Tcp, method: Method::Get, path, access: Access::Everybody, about }
}

/// Every route there is.
pub const ROUTES: [Route; 23] = [
    api(Method::Get, "/api/v1/status", "The daemon, its sources, its stacks and its live runs."),
    api(Method::Get, "/api/v1/stacks", "All stacks."),
    api(Method::Get, "/api/v1/stacks/{source}/{stack}/explain", "Why a stack did, does or does not run."),
    api(
        Method::Get,
        "/api/v1/stacks/{source}/{stack}/drift",
        "The hosts of a stack: how they differ, what they are owed.",
    ),
    api(Method::Post, "/api/v1/stacks/{source}/{stack}/apply", "Asks for an apply."),
    api(Method::Post, "/api/v1/stacks/{source}/{stack}/plan", "Asks for a check."),
    api(
        Method::Post,
        "/api/v1/stacks/{source}/{stack}/approve",
        "Accepts that an apply is for other hosts, or changes more, than was usual.",
    ),
    api(Method::Post, "/api/v1/stacks/{source}/{stack}/suspend", "Starts no more runs of a stack."),
    api(Method::Post, "/api/v1/stacks/{source}/{stack}/resume", "Starts runs again, and ends a hold."),
    api(Method::Get, "/api/v1/runs", "Runs, newest first."),
    api(Method::Get, "/api/v1/runs/{run}", "One run with its recap and its notable results."),
    api(Method::Get, "/api/v1/runs/{run}/events", "What Ansible told, one JSON object a line."),
    api(Method::Post, "/api/v1/runs/{run}/cancel", "Ends a live run."),
    api(Method::Post, "/api/v1/sources/{source}/approve", "Accepts a revision that waits for a person."),
    api(Method::Get, "/api/v1/audit", "Records of the audit chain, the older ones first."),
    api(
        Method::Post,
        "/api/v1/audit/erase",
        "Erases the name of a person from the audit chain, which holds as before.",
    ),
    api(Method::Get, "/api/v1/merge-requests", "The merge requests that are followed, and their previews."),
    api(
        Method::Post,
        "/api/v1/sources/{source}/merge-requests/{number}/preview",
        "Asks for a live preview of a merge request.",
    ),
    open("/", "A few lines that say where to look."),
    open("/metrics", "Metrics in the text format of Prometheus."),
    open("/healthz", "200 while the loop turns."),
    open("/readyz", "200 while work is done, else 503 and why not."),
    Route {
        listener: Listener::Tcp,
        method: Method::Post,
        path: "/webhooks/{source}",
        access: Access::Senders,
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
            assert_eq!(on_socket, route.access == Access::Administrators, "{}", route.path);
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
