//! WebSocket streams over any dialer.
