// SPDX-License-Identifier: GPL-2.0

//! Logs that gzip, xz or zstd compressed.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

const GZIP: &[u8] = &[0x1f, 0x8b];
const XZ: &[u8] = &[0xfd, b'7', b'z', b'X', b'Z', 0];
/// A frame of zstd, and a frame that its readers skip. The first byte of the latter varies.
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
const ZSTD_SKIPPED: &[u8] = &[0x2a, 0x4d, 0x18];

/// Largest dictionary of an xz file: that of `xz -9`, in KiB, with room for the decoder.
const MAX_XZ_KB: u32 = 80 << 10;

/// Bytes that are decompressed at a time.
const CHUNK: usize = 256 << 10;

/// Decompresses a log that starts like a file of gzip, xz or zstd; passes through any other one.
///
/// The name of the file does not matter. A file of several compressed parts is one log.
///
/// # Errors
///
/// Returns an error of the reader. A damaged or cut file is an error of the returned reader, after
/// the text before the damage.
pub fn decompressed<'a, R: BufRead + 'a>(mut log: R) -> io::Result<Box<dyn BufRead + 'a>> {
    let start = log.fill_buf()?;
    let plain: Box<dyn Read + 'a> = if start.starts_with(GZIP) {
        Box::new(MultiGzDecoder::new(log))
    } else if start.starts_with(XZ) {
        Box::new(XzReader::new_mem_limit(log, true, MAX_XZ_KB))
    } else if start.starts_with(ZSTD) || is_skipped(start) {
        Box::new(ZstdReader::new(log))
    } else {
        return Ok(Box::new(log));
    };
    Ok(Box::new(BufReader::with_capacity(CHUNK, plain)))
}

fn is_skipped(start: &[u8]) -> bool {
    start.first().is_some_and(|first| first >> 4 == 5)
        && start.get(1..4).is_some_and(|rest| rest == ZSTD_SKIPPED)
}

/// Reads the frames of a zstd file, one after the other.
struct ZstdReader<R> {
    log: R,
    frame: FrameDecoder,
    is_started: bool,
}

impl<R: BufRead> ZstdReader<R> {
    fn new(log: R) -> Self {
        Self {
            log,
            frame: FrameDecoder::new(),
            is_started: false,
        }
    }

    /// Begins the next frame. Returns `false` at the end of the file.
    fn begin(&mut self) -> io::Result<bool> {
        self.check()?;
        while !self.log.fill_buf()?.is_empty() {
            match self.frame.reset(&mut self.log) {
                Ok(()) => {
                    self.is_started = true;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let mut skipped = (&mut self.log).take(u64::from(length));
                    io::copy(&mut skipped, &mut io::sink())?;
                }
                Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
            }
        }
        Ok(false)
    }

    /// Compares the checksum of the frame that ended.
    fn check(&self) -> io::Result<()> {
        let expected = self.frame.get_checksum_from_data();
        if self.is_started && expected.is_some() {
            if let Some(found) = self.frame.get_calculated_checksum() {
                if expected != Some(found) {
                    let message = format!(
                        "wrong checksum of a zstd frame: found {found:#010x}, expected {:#010x}",
                        expected.unwrap_or_default()
                    );
                    return Err(io::Error::new(io::ErrorKind::InvalidData, message));
                }
            }
        }
        Ok(())
    }
}

impl<R: BufRead> Read for ZstdReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if self.is_started && self.frame.can_collect() > 0 {
                return self.frame.read(buffer);
            }
            if !self.is_started || self.frame.is_finished() {
                if !self.begin()? {
                    return Ok(0);
                }
                continue;
            }
            let chunk = BlockDecodingStrategy::UptoBytes(CHUNK);
            self.frame
                .decode_blocks(&mut self.log, chunk)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A log of two compressed parts, made by each format's own program.
    const FILES: [(&str, &[u8]); 3] = [
        (
            "gz",
            include_bytes!("../../tests/compressed/two-parts.log.gz"),
        ),
        (
            "xz",
            include_bytes!("../../tests/compressed/two-parts.log.xz"),
        ),
        (
            "zst",
            include_bytes!("../../tests/compressed/two-parts.log.zst"),
        ),
    ];

    fn text(bytes: &[u8]) -> io::Result<String> {
        let mut text = String::new();
        decompressed(bytes)?.read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn compressed_logs_are_read_to_the_end_of_the_last_part() {
        let plain = include_str!("../../tests/compressed/two-parts.log");
        for (format, bytes) in FILES {
            assert_eq!(text(bytes).expect(format), plain, "{format}");
        }
        assert_eq!(text(plain.as_bytes()).expect("text"), plain);
        assert_eq!(text(b"").expect("no text"), "");
    }

    #[test]
    fn a_skipped_frame_of_zstd_has_no_text() {
        let skipped = [0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
        let bytes = [&skipped[..], FILES[2].1].concat();
        assert_eq!(text(&bytes).expect("zst"), text(FILES[2].1).expect("zst"));
    }

    #[test]
    fn a_cut_or_damaged_file_is_an_error_after_its_text() {
        for (format, bytes) in FILES {
            let cut = &bytes[..bytes.len() - 3];
            assert!(text(cut).is_err(), "{format}");
            let mut lines = decompressed(cut).expect(format).lines();
            assert!(lines.next().expect("a line").is_ok(), "{format}");
            let mut damaged = bytes.to_vec();
            let last = bytes.len() - if format == "gz" { 6 } else { 2 };
            damaged[last] ^= 0x10;
            assert!(text(&damaged).is_err(), "{format}");
        }
    }
}
