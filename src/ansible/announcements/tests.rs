use std::io::Write;

use proptest::prelude::*;

use super::*;

/// As Python writes it.
fn encoded(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
        let bits = bits << (8 * (3 - group.len()));
        text.extend((0..=group.len()).map(|at| char::from(DIGITS[bits >> (18 - 6 * at) & 63])));
        text.extend(std::iter::repeat_n('=', 3 - group.len()));
    }
    text
}

fn records(id: u32, secret: &[u8], piece: usize) -> Vec<String> {
    let pieces: Vec<_> = secret.chunks(piece).collect();
    let record =
        |(at, piece): (usize, &&[u8])| format!("{id:08x} {} {} {}\n", at + 1, pieces.len(), encoded(piece));
    pieces.iter().enumerate().map(record).collect()
}

fn learned(chunks: &[&[u8]]) -> Result<Vec<Vec<u8>>, Untrusted> {
    let mut records = Records::default();
    let mut secrets = Vec::new();
    for chunk in chunks {
        records.push(chunk, &mut |secret: &[u8]| secrets.push(secret.to_vec()))?;
    }
    Ok(secrets)
}

#[test]
fn secrets_are_put_together_whoever_else_writes() {
    let long = b"x".repeat(10_000);
    let (one, two) = (records(0xab, &long, 3000), records(0xcd, b"hunter2", 3));
    assert_eq!(one[3].as_str(), format!("000000ab 4 4 {}\n", encoded(&long[..1000])));
    let mixed: String = one.iter().zip(&two).flat_map(|(one, two)| [one.as_str(), two.as_str()]).collect();
    let mixed = format!("{mixed}{}", one[3]);
    assert_eq!(learned(&[mixed.as_bytes()]), Ok(vec![b"hunter2".to_vec(), long.clone()]));
    // In whatever order, and each once.
    let backwards: String = one.iter().rev().cloned().collect();
    assert_eq!(learned(&[backwards.as_bytes(), mixed.as_bytes()]).map(|it| it.len()), Ok(2));
    // What is not complete was not used.
    assert_eq!(learned(&[one[0].as_bytes(), one[1].as_bytes()]), Ok(vec![]));
}

#[test]
fn what_is_not_understood_means_that_a_secret_may_be_missing() {
    let good = records(1, b"secret", 3000).concat();
    for bad in [
        "\n",
        "x\n",
        "1 1 1 eA==\n",
        "0000000g 1 1 eA==\n",
        "+0000001 1 1 eA==\n",
        "00000001 0 1 eA==\n",
        "00000001 2 1 eA==\n",
        "00000001 +1 1 eA==\n",
        "00000001 1 99999999999999999999 eA==\n",
        "00000001 1 1 eA\n",
        "00000001 1 1 eA=\n",
        "00000001 1 1 eA==eA==\n",
        "00000001 1 1 e*==\n",
        "00000001 1 1 ====\n",
        "00000001 1 1 eA== \n",
        "00000001  1 1 eA==\n",
        "00000001 1 1\n",
        "00000001 1 2 eA==\n00000001 1 2 eA==\n",
        "00000001 1 2 eA==\n00000001 2 3 eA==\n",
        "\u{e4}0000001 1 1 eA==\n",
    ] {
        assert_eq!(learned(&[good.as_bytes(), bad.as_bytes()]), Err(Untrusted), "{bad:?}");
    }
    assert_eq!(learned(&[&b"a".repeat(RECORD_BYTES)]), Err(Untrusted));
    let long = format!("00000001 1 1 {}\n", "AAAA".repeat(1024));
    assert_eq!(learned(&[long.as_bytes()]), Err(Untrusted));
}

#[test]
fn more_than_anybody_has_is_not_believed() {
    let mut all = Records::default();
    let mut count = 0;
    let mut learn = |_: &[u8]| count += 1;
    for number in 0..SECRETS_MAX {
        let record = records(1, format!("secret {number}").as_bytes(), 3000).concat();
        all.push(record.as_bytes(), &mut learn).unwrap();
        all.push(record.as_bytes(), &mut learn).unwrap();
    }
    assert_eq!(all.push(records(1, b"one more", 3000).concat().as_bytes(), &mut learn), Err(Untrusted));
    assert_eq!(count, SECRETS_MAX);

    let mut all = Records::default();
    let piece = encoded(&[7; 3000]);
    let endless = (1_usize..).map(|part| format!("00000001 {part} 99999999 {piece}\n"));
    let taken = endless.take_while(|it| all.push(it.as_bytes(), &mut |_: &[u8]| {}).is_ok()).count();
    assert_eq!(taken, SECRETS_BYTES / 3000);
}

#[test]
fn the_pipe_is_drained_without_waiting() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("announce");
    let mut announced = Announced::new(Announcements::make(&path).unwrap());
    assert!(Announcements::make(&path).is_err(), "it is made once");
    let mut secrets = Vec::new();
    announced.drain(|secret| secrets.push(secret.to_vec())).unwrap();
    let mut writer = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    // More than is read at once, and less than fits into the pipe.
    let big = b"secret ".repeat(40_000);
    writer.write_all(records(7, &big, 3000).concat().as_bytes()).unwrap();
    announced.drain(|secret| secrets.push(secret.to_vec())).unwrap();
    drop(writer);
    announced.drain(|secret| secrets.push(secret.to_vec())).unwrap();
    assert!(secrets == [big], "and a writer that is gone is no end");

    let mut writer = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    writer.write_all(b"!\n").unwrap();
    assert_eq!(announced.drain(|_| panic!("nothing is to be learned")), Err(Untrusted));
    assert!(announced.pipe().is_none());
    assert_eq!(announced.drain(|_| ()), Err(Untrusted));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(chunks: Vec<Vec<u8>>) {
        let chunks: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
        learned(&chunks).ok();
    }

    #[test]
    fn cut_anywhere_they_are_the_same(secrets: Vec<Vec<u8>>, size in 1_usize..20, cuts: Vec<proptest::sample::Index>) {
        let all: Vec<_> = secrets.iter().filter(|it| !it.is_empty()).collect();
        let text: String = (0..).zip(&all).flat_map(|(id, secret)| records(id, secret, size)).collect();
        let mut places: Vec<_> = cuts.iter().map(|it| it.index(text.len() + 1)).collect();
        places.sort_unstable();
        let mut chunks = Vec::new();
        let mut from = 0;
        for place in places {
            chunks.push(&text.as_bytes()[from..place]);
            from = place;
        }
        chunks.push(&text.as_bytes()[from..]);
        let mut seen = HashSet::new();
        let distinct: Vec<Vec<u8>> = all.into_iter().filter(|it| seen.insert((*it).clone())).cloned().collect();
        prop_assert_eq!(learned(&chunks), Ok(distinct));
    }
}
