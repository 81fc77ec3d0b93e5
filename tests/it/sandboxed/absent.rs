//! A daemon on a machine without sandboxes: it says so before anybody opens a merge request.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::world::{SOON, World, eventually};

const STATIC: &str = "previews of merge requests stay static";

/// A source whose previews go as far as this. Nobody answers there.
fn previews(world: &World, level: &str) -> String {
    let token = world.path("token");
    fs::write(&token, "token\n").expect("written");
    format!(
        "sources:\n  infra:\n    url: https://127.0.0.1:9/ops/infra.git\n    \
         forge: {{kind: gitlab, token: {{file: {}}}}}\n    merge_requests: {{previews: {level}}}",
        token.display()
    )
}

fn reload(world: &mut World, level: &str) {
    let lines = previews(world, level);
    world.configure(&lines).write_config();
    world.signal("HUP");
}

#[track_caller]
fn says(world: &World, wanted: bool) {
    eventually("the status says it, or no more", SOON, || {
        (world.text(&["status"]).contains(STATIC) == wanted).then_some(())
    });
}

#[test]
fn a_sandbox_that_cannot_be_made_is_told_from_the_start_until_a_reload_finds_one() {
    let mut world = World::new();
    let bwrap = world.path("bin/bwrap");
    fs::create_dir(world.path("bin")).expect("a directory");
    fs::write(&bwrap, "#!/bin/sh\necho 'bwrap: Unknown option --size' >&2\nexit 1\n").expect("a program");
    fs::set_permissions(&bwrap, fs::Permissions::from_mode(0o755)).expect("its mode");
    let lines = previews(&world, "sandboxed");
    world.configure(&lines).start();
    says(&world, true);
    let status = world.json(&["status"])["notices"].to_string();
    assert!(
        status.contains("bubblewrap is too old") && status.contains("install bubblewrap 0.8"),
        "{status}"
    );
    assert!(world.log().contains(STATIC), "{}", world.log());
    let config = world.config_file().display().to_string();
    let doctor = world.cli(&["--config", &config, "doctor"]);
    let doctor = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(doctor.contains(&format!("warning daemon: {STATIC}")), "{doctor}");

    // Where no preview needs one it is nobody's business.
    reload(&mut world, "static");
    says(&world, false);
    reload(&mut world, "live");
    says(&world, true);

    // It is mended: the one of the machine is found.
    fs::remove_file(&bwrap).expect("it is gone");
    reload(&mut world, "live");
    says(&world, false);
    assert!(world.log().contains("sandboxes of previews can be made"), "{}", world.log());
}
