//! The pure decision which route a connection takes, and why.
