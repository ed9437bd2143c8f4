//! REST over any dialer, with keep-alive, bounded bodies and named failures.
