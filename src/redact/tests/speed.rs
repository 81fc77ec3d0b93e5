//! How fast it is. `cargo test --release --lib redact::tests::speed -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use super::*;

fn best_of<T>(mut work: impl FnMut() -> T) -> Duration {
    let timed = (0..7).map(|_| {
        let began = Instant::now();
        std::hint::black_box(work());
        began.elapsed()
    });
    timed.min().unwrap()
}

/// Megabytes a second.
fn per_second(bytes: usize, took: Duration) -> u128 {
    bytes as u128 * 1000 / took.as_nanos()
}

#[test]
#[ignore = "a measurement"]
fn measure() {
    let random = |seed: u64| {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut next = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        (0..4).map(|_| format!("{:08x}", next() >> 32)).collect::<Vec<_>>().concat()
    };
    let line =
        "ok: [web17.example.org] => (item={'name': 'nginx', 'state': 'present', 'key': 17}) at 12:30:01\n";
    let text = line.repeat(100_000);
    for count in [0, 1, 10, 100, 1_000, 10_000] {
        let mut secrets = Secrets::new();
        let began = Instant::now();
        let mut in_use = secrets.redactor();
        for it in 0..count {
            secrets.add(random(it));
            in_use = std::hint::black_box(secrets.redactor());
        }
        drop(in_use);
        let adding = began.elapsed();
        let redactor = secrets.redactor();
        let known = best_of(|| redactor.find(text.as_bytes()));
        let all = best_of(|| redactor.text(&text));
        let stream = best_of(|| {
            let mut stream = Stream::new(redactor.clone());
            let out: usize = text.as_bytes().chunks(4096).map(|it| stream.push(it).len()).sum();
            out + stream.finish().len()
        });
        println!(
            "{count} secrets, {redactor:?}: added one by one in {adding:?}; known {} MB/s, text {} MB/s, stream {} MB/s",
            per_second(text.len(), known),
            per_second(text.len(), all),
            per_second(text.len(), stream),
        );
    }
}
