//! Proxies that do not do their duty.

/// What a [`MockProxy`](crate::MockProxy) does with each request for a tunnel instead of opening
/// it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyFault {
    /// Declines it.
    Refuse {
        /// The status of the response to CONNECT, or the reply code of SOCKS. What the protocol
        /// cannot express is sent as 502, or as the code's low byte.
        code: u16,
        /// The body of the response to CONNECT; SOCKS has none.
        body: String,
    },
    /// Reads it and never answers.
    Stall,
    /// Reads it and closes the connection.
    Hangup,
}
