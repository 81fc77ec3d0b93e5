//! Answers that are kept with their tag, so that what did not change is not sent again. A conditional request that
//! is answered by "not modified" does not count against the limit of GitHub.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::wire::Paging;

/// The most that is kept, in bytes and in answers.
const LARGEST: usize = 8 * 1024 * 1024;
const MOST: usize = 1024;

/// An answer as it came.
#[derive(Debug, Clone)]
pub(super) struct Remembered {
    pub(super) tag: String,
    pub(super) body: Arc<[u8]>,
    pub(super) paging: Paging,
}

/// The answers, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Memory {
    by_address: HashMap<String, Remembered>,
    order: VecDeque<String>,
    size: usize,
}

impl Memory {
    pub(super) fn get(&self, address: &str) -> Option<Remembered> {
        self.by_address.get(address).cloned()
    }

    pub(super) fn keep(&mut self, address: String, answer: Remembered) {
        if LARGEST / 4 < answer.body.len() {
            return;
        }
        self.size += answer.body.len();
        match self.by_address.insert(address.clone(), answer) {
            Some(old) => self.size -= old.body.len(),
            None => self.order.push_back(address),
        }
        while LARGEST < self.size || MOST < self.order.len() {
            let Some(oldest) = self.order.pop_front() else { break };
            if let Some(old) = self.by_address.remove(&oldest) {
                self.size -= old.body.len();
            }
        }
    }

    /// Another token may see other things.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_answers_go_first() {
        let mut memory = Memory::default();
        let answer = || Remembered {
            tag: "t".to_owned(),
            body: vec![0; 1024 * 1024].into(),
            paging: Paging::default(),
        };
        for number in 0..9 {
            memory.keep(number.to_string(), answer());
        }
        assert!(memory.get("0").is_none() && memory.get("8").is_some());
        memory.keep("8".to_owned(), answer());
        assert_eq!((memory.size, memory.order.len()), (LARGEST, 8));
        memory.keep("huge".to_owned(), Remembered { body: vec![0; LARGEST].into(), ..answer() });
        assert!(memory.get("huge").is_none());
    }
}
