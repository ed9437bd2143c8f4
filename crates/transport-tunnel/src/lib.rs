//! Dialers that wrap dialers: TCP, TLS, HTTP CONNECT, SOCKS4, SOCKS4a and SOCKS5.
