//! The body of an answer.

use std::io::{self, Write};

use bytes::{Bytes, BytesMut};
use flate2::write::MultiGzDecoder;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};

/// A body of which so many bytes are allowed, as sent and as decoded.
pub(crate) enum Body {
    Plain(Plain),
    Gzip {
        decoder: Box<MultiGzDecoder<Bounded>>,
        left: usize,
        is_empty: bool,
    },
}

/// Why a body cannot be taken.
#[derive(Debug)]
pub(crate) enum BadBody {
    TooLarge,
    Encoding(io::Error),
}

impl Body {
    /// The body of an answer with `headers`. One in another encoding than gzip is left as it is.
    pub(crate) fn of(headers: &HeaderMap, limit: usize) -> Self {
        match is_gzip(headers) {
            true => Self::Gzip {
                decoder: Box::new(MultiGzDecoder::new(Bounded {
                    bytes: BytesMut::new(),
                    left: limit,
                    is_full: false,
                })),
                left: limit,
                is_empty: true,
            },
            false => Self::Plain(Plain {
                first: Bytes::new(),
                joined: BytesMut::new(),
                left: limit,
            }),
        }
    }

    /// Adds what has arrived.
    pub(crate) fn add(&mut self, data: Bytes) -> Result<(), BadBody> {
        match self {
            Self::Plain(plain) => plain.add(data),
            Self::Gzip {
                decoder,
                left,
                is_empty,
            } => {
                *left = left.checked_sub(data.len()).ok_or(BadBody::TooLarge)?;
                *is_empty &= data.is_empty();
                let written = decoder.write_all(&data);
                written.map_err(|error| why(decoder, error))
            }
        }
    }

    /// All of it. If it was decoded, `headers` become those of the decoded body.
    pub(crate) fn finish(self, headers: &mut HeaderMap) -> Result<Bytes, BadBody> {
        match self {
            Self::Plain(plain) => Ok(plain.finish()),
            // The answer to HEAD, for example, has the headers of a body and none itself.
            Self::Gzip { is_empty: true, .. } => Ok(Bytes::new()),
            Self::Gzip { mut decoder, .. } => {
                decoder.try_finish().map_err(|error| why(&decoder, error))?;
                headers.remove(CONTENT_ENCODING);
                headers.remove(CONTENT_LENGTH);
                Ok(std::mem::take(&mut decoder.get_mut().bytes).freeze())
            }
        }
    }
}

/// Whether gzip is the one encoding of a body (RFC 9110, section 8.4).
fn is_gzip(headers: &HeaderMap) -> bool {
    let mut encodings = headers.get_all(CONTENT_ENCODING).iter();
    let (Some(encoding), None) = (encodings.next(), encodings.next()) else {
        return false;
    };
    // Section 8.4.1.3: `x-gzip` is the same.
    let names: [&[u8]; 2] = [b"gzip", b"x-gzip"];
    names
        .iter()
        .any(|name| encoding.as_bytes().eq_ignore_ascii_case(name))
}

fn why(decoder: &MultiGzDecoder<Bounded>, error: io::Error) -> BadBody {
    match decoder.get_ref().is_full {
        true => BadBody::TooLarge,
        false => BadBody::Encoding(error),
    }
}

/// A body as it is sent. One that arrives in one piece is not copied; of one in many pieces, no piece is
/// kept beside its copy.
pub(crate) struct Plain {
    first: Bytes,
    joined: BytesMut,
    left: usize,
}

impl Plain {
    fn add(&mut self, data: Bytes) -> Result<(), BadBody> {
        self.left = self.left.checked_sub(data.len()).ok_or(BadBody::TooLarge)?;
        if self.first.is_empty() && self.joined.is_empty() {
            self.first = data;
        } else {
            let first = std::mem::take(&mut self.first);
            self.joined.extend_from_slice(&first);
            self.joined.extend_from_slice(&data);
        }
        Ok(())
    }

    fn finish(self) -> Bytes {
        match self.joined.is_empty() {
            true => self.first,
            false => self.joined.freeze(),
        }
    }
}

/// What a decoder writes into: it takes no more bytes than are left.
#[derive(Debug)]
pub(crate) struct Bounded {
    bytes: BytesMut,
    left: usize,
    is_full: bool,
}

impl Write for Bounded {
    fn write(&mut self, decoded: &[u8]) -> io::Result<usize> {
        match self.left.checked_sub(decoded.len()) {
            Some(left) => self.left = left,
            None => {
                self.is_full = true;
                return Err(io::ErrorKind::FileTooLarge.into());
            }
        }
        self.bytes.extend_from_slice(decoded);
        Ok(decoded.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
