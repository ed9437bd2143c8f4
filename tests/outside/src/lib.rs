//! Compiles the README's example with one dependency.

#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct ReadMe;
