//! What the network hardware does by itself, as the program `ethtool` tells it.

use serde_json::{Map, Value, json};

use driftless_host::Host;

/// What `ethtool` says, if it is installed.
pub(crate) fn offload(host: &Host, name: &str) -> Map<String, Value> {
    let mut fact = Map::new();
    if let Some(text) = host.output("ethtool", &["-k", name]) {
        fact.insert("features".into(), features(&text));
    }
    if let Some(text) = host.output("ethtool", &["-T", name]) {
        fact.insert("timestamping".into(), json!(words_after(&text, "SOF_TIMESTAMPING_")));
        fact.insert("hw_timestamp_filters".into(), json!(words_after(&text, "HWTSTAMP_FILTER_")));
        let clock = text.split_once("PTP Hardware Clock: ").map(|(_, rest)| rest);
        let index =
            clock.and_then(|rest| rest.split(|it: char| !it.is_ascii_digit()).next()?.parse::<u32>().ok());
        if let Some(index) = index {
            fact.insert("phc_index".into(), json!(index));
        }
    }
    fact
}

fn features(text: &str) -> Value {
    text.trim()
        .lines()
        .filter(|line| !line.ends_with(':'))
        .filter_map(|line| line.split_once(": "))
        .map(|(key, value)| (key.trim().replace('-', "_"), json!(value.trim())))
        .collect::<Map<String, Value>>()
        .into()
}

fn words_after(text: &str, prefix: &str) -> Vec<String> {
    text.split(prefix)
        .skip(1)
        .map(|rest| {
            rest.chars()
                .take_while(|it| it.is_alphanumeric() || *it == '_')
                .collect::<String>()
                .to_lowercase()
        })
        .filter(|word| !word.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ethtool_is_read() {
        let text = "Features for eth0:\nrx-checksumming: on [fixed]\ntx-checksumming: on\n\ttx-tcp: off\n";
        assert_eq!(
            features(text),
            json!({"rx_checksumming": "on [fixed]", "tx_checksumming": "on", "tx_tcp": "off"})
        );
        assert_eq!(
            words_after("a (SOF_TIMESTAMPING_TX_SOFTWARE)\nSOF_TIMESTAMPING_X", "SOF_TIMESTAMPING_"),
            ["tx_software", "x"]
        );
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "(?s).{0,100}(SOF_TIMESTAMPING_)?.{0,20}: .{0,20}") {
            let _any = features(&text);
            let _any = words_after(&text, "SOF_TIMESTAMPING_");
        }
    }
}
