//! The integration suite: real sockets, real TLS and real proxies, all on this machine.
//!
//! One binary, one module per behaviour. What the exchange saw counts, not what we claim: each
//! proxy leaves by a loopback address of its own, and the mock exchanges record who connected.
