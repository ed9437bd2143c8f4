//! Lines as the bytes of a file.

use std::io;
#[cfg(feature = "zstd")]
use std::io::Write;

use super::name::Compression;

/// Turns lines into bytes, which wait in it until they are written.
pub(super) enum Encoder {
    Plain(Vec<u8>),
    #[cfg(feature = "zstd")]
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl Encoder {
    pub(super) fn new(compression: Compression) -> io::Result<Self> {
        match compression {
            Compression::None => Ok(Self::Plain(Vec::new())),
            #[cfg(feature = "zstd")]
            Compression::Zstd => {
                let level = zstd::DEFAULT_COMPRESSION_LEVEL;
                let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), level)?;
                encoder.include_checksum(true)?;
                Ok(Self::Zstd(encoder))
            }
            #[cfg(not(feature = "zstd"))]
            Compression::Zstd => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "this program is built without the feature `zstd`",
            )),
        }
    }

    /// Whether the bytes of a line are there as soon as it is taken.
    pub(super) fn is_plain(&self) -> bool {
        matches!(self, Self::Plain(_))
    }

    /// Takes a line, without its newline.
    pub(super) fn push(&mut self, line: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(bytes) => {
                bytes.extend_from_slice(line);
                bytes.push(b'\n');
                Ok(())
            }
            #[cfg(feature = "zstd")]
            Self::Zstd(encoder) => {
                encoder.write_all(line)?;
                encoder.write_all(b"\n")
            }
        }
    }

    /// Has every line that was taken in the bytes.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            #[cfg(feature = "zstd")]
            Self::Zstd(encoder) => encoder.flush(),
        }
    }

    /// Ends what must have an end. Nothing may be pushed behind.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            #[cfg(feature = "zstd")]
            Self::Zstd(encoder) => encoder.do_finish(),
        }
    }

    /// The bytes that wait to be written.
    pub(super) fn bytes(&mut self) -> &mut Vec<u8> {
        match self {
            Self::Plain(bytes) => bytes,
            #[cfg(feature = "zstd")]
            Self::Zstd(encoder) => encoder.get_mut(),
        }
    }
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match self {
            Self::Plain(_) => "Plain",
            #[cfg(feature = "zstd")]
            Self::Zstd(_) => "Zstd",
        };
        f.debug_struct(name).finish_non_exhaustive()
    }
}
