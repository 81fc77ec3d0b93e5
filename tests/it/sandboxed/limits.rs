//! What uses too much, or is not waited for, ends, and nothing of it is left.

use std::time::{Duration, Instant};

use driftless::sandbox::{SandboxLimits, SandboxReport, SandboxRequest, Syntax};

use super::outside::Outside;
use super::vectors::{INVENTORY, put};
use super::{block_on, preview, request, sandbox, versions};
use crate::world::eventually;

#[test]
fn what_uses_too_much_is_ended_by_its_limit() {
    let ansible = versions().pop().expect("an environment");
    let tried = |name: &str, files: &[(&str, &str)], limits: SandboxLimits| {
        let outside = Outside::new();
        let tree = outside.path("tree");
        put(&tree, INVENTORY, "localhost\n");
        put(&tree, "site.yml", "- hosts: localhost\n  tasks: []\n");
        for (path, text) in files {
            put(&tree, path, text);
        }
        let begun = Instant::now();
        let report = preview(&SandboxRequest { limits, ..request(&tree, &ansible) });
        assert!(begun.elapsed() < limits.wall + Duration::from_secs(5), "{name}: {:?}", begun.elapsed());
        // The tree is nobody's but this test's, so its path is a mark.
        let left = || processes_with(&tree.display().to_string());
        eventually(name, Duration::from_secs(5), || (left() == 0).then_some(()));
        report
    };
    let few = SandboxLimits {
        wall: Duration::from_secs(6),
        cpu: Duration::from_secs(3),
        ..SandboxLimits::default()
    };
    let limit = |report: &SandboxReport| match &report.syntax {
        Syntax::Limit { limit } => limit.clone(),
        other => panic!("{other:?}"),
    };

    let report =
        tried("a bomb", &[("site.yml", &bomb())], SandboxLimits { wall: Duration::from_secs(30), ..few });
    assert_eq!(limit(&report), "it used more than 3 seconds of processor time");

    let flood = "import os\nwhile True:\n    os.write(1, b'x' * 65536)\n";
    let report = tried("a flood", &[("vars_plugins/flood.py", flood)], few);
    assert_eq!((limit(&report), report.output_cut), ("it said more than 8388608 bytes".to_owned(), true));

    let hidden = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        time.sleep(600)\n    os._exit(0)\ntime.sleep(600)\n";
    let report = tried("sleep", &[("vars_plugins/sleep.py", hidden)], few);
    assert_eq!(limit(&report), "it took longer than 6 seconds");

    let memory = "import os\ntry:\n    x = [bytes(1 << 30) for _ in range(64)]\nexcept MemoryError:\n    os.write(2, b'no memory')\n    os._exit(3)\n";
    let report = tried("memory", &[("vars_plugins/memory.py", memory)], few);
    assert!(matches!(&report.syntax, Syntax::Error { text } if text.contains("no memory")), "{report:?}");
}

/// A mapping of many keys, merged into as many others: 300 KB that are 40 million entries.
fn bomb() -> String {
    let keys: Vec<String> = (0..2_000).map(|key| format!("k{key}: v")).collect();
    let merged = vec!["{<<: *a}"; 20_000].join(", ");
    format!(
        "- hosts: localhost\n  tasks: []\n  vars:\n    a: &a {{{}}}\n    b: [{merged}]\n",
        keys.join(", ")
    )
}

/// How many processes name something in their arguments.
fn processes_with(what: &str) -> usize {
    let processes = std::fs::read_dir("/proc").expect("processes").flatten();
    let arguments = processes.filter_map(|it| std::fs::read(it.path().join("cmdline")).ok());
    arguments.filter(|it| String::from_utf8_lossy(it).contains(what)).count()
}

#[test]
fn a_preview_that_nobody_waits_for_is_gone() {
    let ansible = versions().pop().expect("an environment");
    let outside = Outside::new();
    let tree = outside.path("tree");
    put(&tree, INVENTORY, "localhost\n");
    put(&tree, "site.yml", "- hosts: localhost\n  tasks: []\n");
    put(&tree, "vars_plugins/sleep.py", "import time\ntime.sleep(600)\n");
    let request = request(&tree, &ansible);
    let mark = tree.display().to_string();
    block_on(async {
        let sandbox = sandbox();
        let preview = sandbox.preview(&request);
        let started = async {
            while processes_with(&mark) == 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            report = preview => panic!("{report:?}"),
            () = started => {}
        }
    });
    eventually("its end", Duration::from_secs(10), || (processes_with(&mark) == 0).then_some(()));
}
