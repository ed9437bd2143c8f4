//! Joins policy and mechanism: settings, route, dialer, transport.
