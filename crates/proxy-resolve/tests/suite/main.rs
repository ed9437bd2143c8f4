//! The crate as its users see it.

#[cfg(test)]
mod ambient;
#[cfg(test)]
mod chain;
#[cfg(test)]
mod parity;
#[cfg(test)]
mod table;
