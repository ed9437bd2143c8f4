//! What a codec is made of: addresses, exact numbers, levels, clocks and checksums.

pub use crate::exchange::base_url::{Addresses, BaseUrl, Purpose, escaped};
pub use crate::exchange::batch::batches;
pub use crate::exchange::clock::{Clock, MICROS, MILLIS, millis, rfc3339, seconds};
pub use crate::exchange::levels::{compact_levels, first_level, levels};
pub use crate::exchange::wire::{
    Crc32, Exact, ExactNumber, ExactOrEmpty, Id, Text, each, integer, parse, parse_body,
};
