//! What files will hold, as the controller sends it: one stream, in the order in which it is needed.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use base64::engine::general_purpose::STANDARD;
use base64::read::DecoderReader;
use flate2::read::ZlibDecoder;

use crate::path::TreePath;

/// Files one after the other, compressed together.
pub struct Pack<'a> {
    stream: Box<dyn Read + 'a>,
    files: VecDeque<(TreePath, u64)>,
}

impl<'a> Pack<'a> {
    /// Without any file.
    pub fn empty() -> Pack<'static> {
        Pack { stream: Box::new(io::empty()), files: VecDeque::new() }
    }

    /// A pack within the arguments: Base64 of a zlib stream. Its files and their lengths, in order.
    pub fn inline(text: &'a str, files: Vec<(TreePath, u64)>) -> Self {
        let bytes = DecoderReader::new(text.as_bytes(), &STANDARD);
        Self { stream: Box::new(ZlibDecoder::new(bytes)), files: files.into() }
    }

    /// A pack in a file on the host: a zlib stream.
    pub fn file(path: &Path, files: Vec<(TreePath, u64)>) -> io::Result<Pack<'static>> {
        let file = BufReader::with_capacity(64 * 1024, File::open(path)?);
        Ok(Pack { stream: Box::new(ZlibDecoder::new(file)), files: files.into() })
    }

    /// The files that are in it.
    pub(crate) fn files(&self) -> impl Iterator<Item = &TreePath> {
        self.files.iter().map(|(path, _)| path)
    }

    /// Writes what a file holds. Those before it are passed over. False if there is none, or it was passed over before.
    pub(crate) fn copy(&mut self, path: &TreePath, to: &mut dyn Write) -> io::Result<bool> {
        while let Some((next, size)) = self.files.pop_front() {
            let found = next == *path;
            let mut bytes = self.stream.by_ref().take(size);
            let copied =
                if found { io::copy(&mut bytes, to)? } else { io::copy(&mut bytes, &mut io::sink())? };
            if copied != size {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if found {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use flate2::{Compression, write::ZlibEncoder};

    #[test]
    fn files_come_in_their_order_and_others_are_passed_over() {
        let mut pack = ZlibEncoder::new(Vec::new(), Compression::default());
        pack.write_all(b"onetwothree").unwrap();
        let pack = STANDARD.encode(pack.finish().unwrap());
        let [one, two, three] = ["1", "2", "3"].map(|it| TreePath::try_from(it.to_owned()).unwrap());
        let files = vec![(one.clone(), 3), (two.clone(), 3), (three.clone(), 5)];

        let mut it = Pack::inline(&pack, files.clone());
        let mut read = Vec::new();
        assert!(it.files().eq([&one, &two, &three]));
        assert!(it.copy(&one, &mut read).unwrap());
        assert!(it.copy(&three, &mut read).unwrap());
        assert_eq!(read, b"onethree");
        assert!(!it.copy(&two, &mut read).unwrap());

        let cut = &pack[..pack.len() / 2 / 4 * 4];
        let mut it = Pack::inline(cut, files);
        assert!(it.copy(&three, &mut Vec::new()).is_err());
    }
}
