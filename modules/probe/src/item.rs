//! What can be verified: the items of a manifest, with all their values checked.

use std::time::Duration;

use regex_lite::Regex;

/// One item.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    /// What the manifest calls it.
    pub(crate) name: Option<String>,
    pub(crate) wanted: Wanted,
}

/// What is wanted of what.
#[derive(Debug, Clone)]
pub(crate) enum Wanted {
    File(File),
    Directory(Place),
    Link(Link),
    Absent(String),
    Line(Line),
    Package(Package),
    Service(Service),
    User(User),
    Group(Group),
    Sysctl { name: String, value: String },
    Mount(Mount),
    Listen(Listen),
    Certificate(Certificate),
    Http(Http),
    Tcp(Tcp),
}

/// Where something is in the file system, and whose it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Place {
    pub(crate) path: String,
    pub(crate) mode: Option<u32>,
    pub(crate) owner: Option<String>,
    pub(crate) group: Option<String>,
    /// Whether a symbolic link at the path stands for what it leads to.
    pub(crate) follow: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) place: Place,
    pub(crate) size: Option<u64>,
    pub(crate) sha1: Option<String>,
    pub(crate) sha256: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) place: Place,
    pub(crate) target: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) path: String,
    pub(crate) needle: Needle,
    pub(crate) present: bool,
    pub(crate) follow: bool,
}

#[derive(Debug, Clone)]
pub(crate) enum Needle {
    /// A whole line.
    Literal(String),
    /// Found anywhere in a line.
    Expression(Regex),
}

#[derive(Debug, Clone)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) installed: bool,
    /// The version, or how it begins if a `*` stands at its end.
    pub(crate) version: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Service {
    /// The name of the unit, `ssh.service`.
    pub(crate) unit: String,
    pub(crate) active: Option<bool>,
    pub(crate) enabled: Option<bool>,
    /// Whether there shall be no such unit.
    pub(crate) absent: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) present: bool,
    pub(crate) uid: Option<u64>,
    /// The primary group, by name or number.
    pub(crate) group: Option<String>,
    /// Groups that the user is at least in.
    pub(crate) groups: Option<Vec<String>>,
    pub(crate) home: Option<String>,
    pub(crate) shell: Option<String>,
    pub(crate) comment: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) present: bool,
    pub(crate) gid: Option<u64>,
    /// Users that are at least in the group.
    pub(crate) members: Option<Vec<String>>,
}

#[derive(Debug, Clone)]
pub(crate) struct Mount {
    pub(crate) path: String,
    pub(crate) mounted: bool,
    pub(crate) source: Option<String>,
    pub(crate) kind: Option<String>,
    /// Options that are at least in force.
    pub(crate) options: Option<Vec<String>>,
}

#[derive(Debug, Clone)]
pub(crate) struct Listen {
    pub(crate) port: u16,
    pub(crate) udp: bool,
    pub(crate) address: Option<std::net::IpAddr>,
    pub(crate) listening: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Certificate {
    pub(crate) place: CertificatePlace,
    /// Days that it must be valid at least.
    pub(crate) days: u64,
}

#[derive(Debug, Clone)]
pub(crate) enum CertificatePlace {
    /// A PEM or DER file; of several certificates the first one.
    File(String),
    /// What a server shows.
    Server { server: Server, name: String },
}

#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) timeout: Duration,
}

#[derive(Debug, Clone)]
pub(crate) struct Http {
    pub(crate) server: Server,
    /// What stands after `Host:`.
    pub(crate) authority: String,
    pub(crate) target: String,
    pub(crate) head: bool,
    pub(crate) status: Vec<u64>,
    pub(crate) contains: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Tcp {
    pub(crate) server: Server,
    pub(crate) open: bool,
}

impl Wanted {
    /// The word for it in the manifest.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::File(_) => "file",
            Self::Directory(_) => "directory",
            Self::Link(_) => "link",
            Self::Absent(_) => "absent",
            Self::Line(_) => "line",
            Self::Package(_) => "package",
            Self::Service(_) => "service",
            Self::User(_) => "user",
            Self::Group(_) => "group",
            Self::Sysctl { .. } => "sysctl",
            Self::Mount(_) => "mount",
            Self::Listen(_) => "listen",
            Self::Certificate(_) => "certificate",
            Self::Http(_) => "http",
            Self::Tcp(_) => "tcp",
        }
    }

    /// What it is about, for items without a name.
    pub(crate) fn subject(&self) -> String {
        match self {
            Self::File(File { place, .. }) | Self::Directory(place) | Self::Link(Link { place, .. }) => {
                place.path.clone()
            }
            Self::Absent(path) | Self::Line(Line { path, .. }) | Self::Mount(Mount { path, .. }) => {
                path.clone()
            }
            Self::Package(Package { name, .. })
            | Self::User(User { name, .. })
            | Self::Group(Group { name, .. })
            | Self::Sysctl { name, .. } => name.clone(),
            Self::Service(service) => service.unit.clone(),
            Self::Listen(it) => format!("{}/{}", it.port, if it.udp { "udp" } else { "tcp" }),
            Self::Certificate(Certificate { place: CertificatePlace::File(path), .. }) => path.clone(),
            Self::Certificate(Certificate { place: CertificatePlace::Server { server, .. }, .. })
            | Self::Tcp(Tcp { server, .. }) => format!("{}:{}", server.host, server.port),
            Self::Http(http) => format!("http://{}{}", http.authority, http.target),
        }
    }

    /// How long it may wait for others, if it does.
    pub(crate) fn waits(&self) -> Option<Duration> {
        match self {
            Self::Certificate(Certificate { place: CertificatePlace::Server { server, .. }, .. })
            | Self::Http(Http { server, .. })
            | Self::Tcp(Tcp { server, .. }) => Some(server.timeout),
            _ => None,
        }
    }
}
