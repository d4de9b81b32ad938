// SPDX-License-Identifier: GPL-2.0

//! A file to import: its bytes, decompressed, and its format.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;
use std::rc::Rc;

use bzip2::read::MultiBzDecoder;
use flate2::read::MultiGzDecoder;

use super::format::{self, Format};
use crate::error::{Error, Result};

/// The number of bytes that decide the format: programs print legends before the first route.
const HEAD: u64 = 64 * 1024;

/// The bytes that a compressed file may always yield.
const FREE_BYTES: u64 = 64 << 20;
/// The bytes that each further compressed byte may yield. Tables of routes yield up to 30; gzip can
/// yield 1032, and bzip2 millions.
const MAX_RATIO: u64 = 100;

/// A reader that counts its bytes.
struct Counted<R> {
    reader: R,
    count: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.count.set(self.count.get() + read as u64);
        Ok(read)
    }
}

/// A decompressor whose reads fail if it yields too many bytes: a small file could otherwise fill
/// the memory.
struct Bounded<R> {
    reader: R,
    compressed: Rc<Cell<u64>>,
    decompressed: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.decompressed += read as u64;
        let compressed = self.compressed.get();
        if self.decompressed > FREE_BYTES + MAX_RATIO * compressed {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!(
                    "expected at most {MAX_RATIO} bytes for each compressed byte, found {} for \
                     {compressed}; decompress the file before the import if you trust it",
                    self.decompressed
                ),
            ));
        }
        Ok(read)
    }
}

/// Decompresses a file.
fn decompress<R: Read + 'static, D: Read + 'static>(
    reader: R,
    decoder: impl FnOnce(BufReader<Counted<R>>) -> D,
) -> Box<dyn Read> {
    let compressed = Rc::new(Cell::new(0));
    let counted = Counted {
        reader,
        count: compressed.clone(),
    };
    Box::new(BufReader::new(Bounded {
        reader: decoder(BufReader::new(counted)),
        compressed,
        decompressed: 0,
    }))
}

pub struct Source {
    pub name: String,
    pub format: Format,
    pub reader: Box<dyn Read>,
}

impl Source {
    /// Opens a file, and decompresses it if gzip or bzip2 compressed it; `-` is standard input.
    /// Recognises the format unless `named` gives it.
    pub fn open(path: &Path, named: Option<Format>) -> Result<Self> {
        let (name, reader): (_, Box<dyn Read>) = if path == Path::new("-") {
            ("<stdin>".to_string(), Box::new(io::stdin()))
        } else {
            let name = path.display().to_string();
            let file = File::open(path).map_err(Error::io(format!("opening {name}")))?;
            (name, Box::new(file))
        };
        Self::new(name, BufReader::new(reader), named)
    }

    pub fn new(name: String, reader: impl Read + 'static, named: Option<Format>) -> Result<Self> {
        let reading = || format!("reading {name}");
        let (magic, reader) = peek(reader, 3).map_err(Error::io(reading()))?;
        let reader: Box<dyn Read> = match magic[..] {
            [0x1f, 0x8b, ..] => decompress(reader, MultiGzDecoder::new),
            [b'B', b'Z', b'h'] => decompress(reader, MultiBzDecoder::new),
            _ => Box::new(reader),
        };
        let (head, reader) = peek(reader, HEAD).map_err(Error::io(reading()))?;
        let format = match named {
            Some(format) => format,
            None => format::expect(&name, &head)?,
        };
        let reader = Box::new(reader);
        Ok(Self {
            name,
            format,
            reader,
        })
    }

    /// Reads the rest as text.
    pub fn text(mut self) -> Result<String> {
        let reading = format!("reading {}", self.name);
        let mut bytes = Vec::new();
        self.reader
            .read_to_end(&mut bytes)
            .map_err(Error::io(reading))?;
        String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            let line = 1 + error.as_bytes()[..at]
                .iter()
                .filter(|&&byte| byte == b'\n')
                .count();
            Error::Usage(format!(
                "{}:{line}: expected text, found byte 0x{:02x}; --format mrt reads binary tables",
                self.name,
                error.as_bytes()[at]
            ))
        })
    }
}

/// Returns the first bytes, and a reader of all bytes.
fn peek<R: Read>(mut reader: R, count: u64) -> io::Result<(Vec<u8>, impl Read)> {
    let mut head = Vec::new();
    reader.by_ref().take(count).read_to_end(&mut head)?;
    Ok((head.clone(), Cursor::new(head).chain(reader)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const TEXT: &[u8] = b"default via 10.0.0.1 dev a\n";

    fn text(bytes: Vec<u8>) -> Result<String> {
        Source::new("f".to_string(), Cursor::new(bytes), None)?.text()
    }

    #[test]
    fn compressed_files_are_recognised_by_their_first_bytes() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(TEXT).expect("memory");
        let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        bzip2.write_all(TEXT).expect("memory");
        let gzip = gzip.finish().expect("memory");
        let bzip2 = bzip2.finish().expect("memory");
        // A file can have several members: a program that appends writes a new one.
        let members = [gzip.clone(), gzip.clone()].concat();
        for (bytes, expected) in [
            (TEXT.to_vec(), TEXT.to_vec()),
            (gzip.clone(), TEXT.to_vec()),
            (bzip2.clone(), TEXT.to_vec()),
            (members, [TEXT, TEXT].concat()),
        ] {
            assert_eq!(text(bytes).expect("readable").as_bytes(), expected);
        }
        for whole in [gzip, bzip2] {
            let error = text(whole[..whole.len() - 4].to_vec()).expect_err("cut");
            assert!(error.to_string().starts_with("reading f: "), "{error}");
        }
    }

    /// Newlines, compressed.
    #[test]
    fn a_file_that_yields_too_many_bytes_is_refused() {
        let newlines = |mebibytes: u64| io::repeat(b'\n').take(mebibytes << 20);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        io::copy(&mut newlines(160), &mut gzip).expect("memory");
        let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        io::copy(&mut newlines(80), &mut bzip2).expect("memory");
        for bomb in [
            gzip.finish().expect("memory"),
            bzip2.finish().expect("memory"),
        ] {
            assert!(bomb.len() < 2 << 20, "{} bytes", bomb.len());
            let source = Source::new("f".to_string(), Cursor::new(bomb), Some(Format::Ip));
            let read = source.and_then(Source::text).map(|text| text.len());
            let error = read.expect_err("too many bytes");
            let expected = "reading f: expected at most 100 bytes for each compressed byte, found ";
            assert!(error.to_string().starts_with(expected), "{error}");
        }
    }

    #[test]
    fn bytes_that_are_not_text_are_named_with_their_line() {
        let source = Source::new("f".to_string(), &b"default\n\xff\n"[..], Some(Format::Ip));
        let error = source
            .expect("open")
            .text()
            .expect_err("not text")
            .to_string();
        assert!(
            error.starts_with("f:2: expected text, found byte 0xff"),
            "{error}"
        );
    }
}
