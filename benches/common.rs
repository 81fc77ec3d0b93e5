//! What the benches share: their argument, and one line of JSON at the end for `scripts/bench`.

/// Whether the bench was asked to be short. Cargo's own arguments are ignored.
pub(crate) fn is_quick() -> bool {
    std::env::args().any(|it| it == "--quick")
}

/// The last line of a bench: its results, as JSON.
#[expect(clippy::print_stdout, reason = "the output of a bench")]
pub(crate) fn print(results: &serde_json::Value) {
    println!("{results}");
}
