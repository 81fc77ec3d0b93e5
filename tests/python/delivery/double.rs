//! Stands for the binary with the modules in tests of its delivery: says how it was executed, and what it was given.

use std::io::Read as _;
use std::{env, fs, thread, time};

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            _ if character < ' ' => quoted.push_str(&format!("\\u{:04x}", character as u32)),
            _ => quoted.push(character),
        }
    }
    quoted + "\""
}

fn main() {
    let program = env::current_exe().expect("/proc is there");
    let arguments: Vec<String> = env::args().collect();
    let mut given = String::new();
    match arguments.get(1) {
        Some(file) => given = fs::read_to_string(file).expect("arguments"),
        None => drop(std::io::stdin().read_to_string(&mut given).expect("arguments")),
    }
    // Stays until somebody lets it go, for tests of what is in use.
    if let Ok(gate) = env::var("DOUBLE_WAITS_FOR") {
        fs::write(format!("{gate}.waits"), "").expect("written");
        while !fs::exists(&gate).expect("known") {
            thread::sleep(time::Duration::from_millis(5));
        }
    }
    let status = fs::read_to_string("/proc/self/status").expect("a status");
    let user = status.lines().find_map(|it| it.strip_prefix("Uid:\t")).expect("a user");
    let environment: Vec<String> =
        env::vars().map(|(name, value)| format!("{}:{}", quoted(&name), quoted(&value))).collect();
    let command_lines: Vec<String> = fs::read_dir("/proc")
        .expect("/proc")
        .flatten()
        .filter_map(|it| fs::read_to_string(it.path().join("cmdline")).ok())
        .map(|it| quoted(&it.replace('\0', " ")))
        .collect();
    let directory = env::current_dir().map_or(String::new(), |it| it.display().to_string());
    println!(
        "{{\"changed\":false,\"program\":{},\"words\":{},\"user\":{},\"directory\":{},\"environment\":{{{}}},\
         \"command_lines\":[{}],\"given\":{}}}",
        quoted(&program.display().to_string()),
        arguments.len(),
        user.split('\t').next().expect("a user"),
        quoted(&directory),
        environment.join(","),
        command_lines.join(","),
        // `_ansible_` keys would be taken out of a result.
        quoted(&given),
    );
}
