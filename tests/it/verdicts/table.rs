//! The two tables of the corpus: what is on the hosts before, and what is to be said of each task.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// Every host that a case names; the last is one that a case adds.
const HOSTS: [&str; 3] = ["h1", "h2", "h3"];

fn rows(file: &str) -> Vec<(usize, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/verdicts").join(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let lines = (1..).zip(text.lines().map(str::trim).map(str::to_owned));
    lines.filter(|(_, it)| !it.is_empty() && !it.starts_with('#')).collect()
}

/// One result: a task on a host, or one item of its loop.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) case: String,
    pub(super) task: String,
    pub(super) host: String,
    pub(super) item: Option<u64>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {} | {}", self.case, self.task, self.host)?;
        self.item.map_or(Ok(()), |item| write!(f, " | item {item}"))
    }
}

/// What is said of each result of a run on one version.
#[derive(Default)]
pub(super) struct Said {
    /// `2.16`
    pub(super) version: String,
    pub(super) verdicts: BTreeMap<Place, String>,
}

/// A row of `expected.txt`.
pub(super) struct Row {
    line: usize,
    places: Vec<Place>,
    verdict: String,
    versions: Vec<String>,
    awaits: String,
}

impl Row {
    fn parse(case: &str, line: usize, text: &str) -> Self {
        let mut cells = text.split('|').map(|it| it.trim().to_owned());
        let mut cell = || cells.next().unwrap_or_default();
        let (task, hosts, items, verdict, versions, awaits) =
            (cell(), cell(), cell(), cell(), cell(), cell());
        assert!(cells.next().is_none() && !verdict.is_empty(), "line {line}: four to six cells: {text}");
        let items: Vec<Option<u64>> = match items.as_str() {
            "" => vec![None],
            some => some.split(' ').map(|it| Some(it.parse().expect("the position of an item"))).collect(),
        };
        let place = |host: &str, item: Option<u64>| Place {
            case: case.to_owned(),
            task: task.clone(),
            host: host.to_owned(),
            item,
        };
        let places = hosts.split(' ').flat_map(|host| items.iter().map(move |item| (host, *item)));
        let places = places.map(|(host, item)| place(host, item)).collect();
        let versions = versions.split_whitespace().map(str::to_owned).collect();
        Self { line, places, verdict, versions, awaits }
    }

    fn is_for(&self, version: &str) -> bool {
        self.versions.is_empty() || self.versions.iter().any(|it| it == version)
    }

    /// What is said otherwise than here, one line each.
    fn misses(&self, said: &Said) -> Vec<String> {
        let each = self.places.iter().filter_map(|place| {
            let verdict = said.verdicts.get(place).map_or("(nothing)", String::as_str);
            let Self { line, verdict: right, .. } = self;
            (verdict != right)
                .then(|| format!("{line}: {}: {place}: {verdict} instead of {right}", said.version))
        });
        each.collect()
    }
}

/// `expected.txt`.
pub(super) struct Table {
    rows: Vec<Row>,
}

/// How a run compares with the table.
#[derive(Default)]
pub(super) struct Comparison {
    /// What is not as it should be.
    pub(super) wrong: Vec<String>,
    /// What is wrong as well, and known to be.
    pub(super) awaited: Vec<String>,
}

impl Table {
    pub(super) fn read() -> Self {
        let mut case = String::new();
        let mut found = Vec::new();
        for (line, text) in rows("expected.txt") {
            match text.strip_prefix('[') {
                Some(name) => name.trim_end_matches(']').clone_into(&mut case),
                None => found.push(Row::parse(&case, line, &text)),
            }
        }
        Self { rows: found }
    }

    /// The cases in their order.
    pub(super) fn cases(&self) -> Vec<&str> {
        let mut cases: Vec<&str> = self.rows.iter().map(|it| it.places[0].case.as_str()).collect();
        cases.dedup();
        cases
    }

    /// Holds what was said on several versions against each row.
    pub(super) fn compare(&self, all: &[Said]) -> Comparison {
        let mut result = Comparison::default();
        for row in &self.rows {
            let concerned: Vec<&Said> = all.iter().filter(|it| row.is_for(&it.version)).collect();
            let misses: Vec<String> = concerned.iter().flat_map(|it| row.misses(it)).collect();
            let Row { line, awaits, .. } = row;
            if awaits.is_empty() {
                result.wrong.extend(misses);
            } else if !misses.is_empty() {
                result.awaited.extend(misses.into_iter().map(|it| format!("{it} (awaits {awaits})")));
            } else if !concerned.is_empty() {
                result.wrong.push(format!("{line}: it is right now, so it need not await {awaits}"));
            }
        }
        for said in all {
            let rows: Vec<&Row> = self.rows.iter().filter(|it| it.is_for(&said.version)).collect();
            for (place, verdict) in &said.verdicts {
                let known = rows.iter().filter(|it| it.places.contains(place)).count();
                if known != 1 {
                    result.wrong.push(format!("{}: {place}: {verdict}, in {known} rows", said.version));
                }
            }
        }
        result
    }
}

/// Makes the directories of the cases, and in them what `before.txt` says.
pub(super) fn prepare(room: &Path, cases: &[&str]) {
    for case in cases {
        for host in HOSTS {
            fs::create_dir_all(room.join(host).join(case)).expect("a directory");
        }
    }
    for (line, text) in rows("before.txt") {
        let cells: Vec<&str> = text.splitn(4, '|').map(str::trim).collect();
        let [case, hosts, path, what] = cells.as_slice() else { panic!("line {line}: four cells: {text}") };
        for host in hosts.split(' ').filter(|_| cases.contains(case)) {
            put(&room.join(host).join(case).join(path), what);
        }
    }
}

fn put(path: &PathBuf, what: &str) {
    let (kind, rest) = what.split_once(' ').expect("a kind and more");
    if kind == "link" {
        return symlink(rest, path).expect("a link");
    }
    let (mode, text) = rest.split_once(' ').unwrap_or((rest, ""));
    match kind {
        "directory" => fs::create_dir(path).expect("a directory"),
        "file" => fs::write(path, text.replace("\\n", "\n")).expect("a file"),
        other => panic!("{other} is no kind of thing"),
    }
    let mode = u32::from_str_radix(mode, 8).expect("a mode");
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("its mode");
}
