//! Who dials.

use serde::{Deserialize, Serialize};

use super::prepared_route::Route;

/// A client library, or a stack of them, and how it is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Contender {
    /// This workspace.
    Standard,
    /// This workspace, with the settings asked for every request.
    Injected,
    /// This workspace, with everything in one flight.
    Optimistic,
    /// This workspace, acknowledging at once what the proxy sends.
    QuickAck,
    Tungstenite(Socket),
    HyperUtil(Socket),
    /// hyper-util's SOCKS5 without waiting for answers.
    HyperUtilOptimistic,
    FastSocks5(Socket),
    TokioSocks(Socket),
    /// tokio-tungstenite with small buffers, over tokio-socks.
    Tuned,
    /// tokio-websockets over tokio-socks.
    TokioWebsockets,
    Yawc(Socket),
    Reqwest,
    PythonWebsockets,
    PythonAiohttp,
}

/// What a library does about Nagle's algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Socket {
    /// Whatever it does when it is not told otherwise.
    AsShipped,
    /// `TCP_NODELAY`, because its user has set it.
    NoDelay,
}

/// What is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Opens {
    /// A WebSocket, up to its first message.
    Stream,
    /// A REST connection, up to its first answer.
    Rest,
}

impl Contender {
    const ALL: [Self; 16] = [
        Self::Standard,
        Self::Optimistic,
        Self::Tungstenite(Socket::AsShipped),
        Self::Tungstenite(Socket::NoDelay),
        Self::HyperUtil(Socket::AsShipped),
        Self::HyperUtil(Socket::NoDelay),
        Self::HyperUtilOptimistic,
        Self::FastSocks5(Socket::AsShipped),
        Self::FastSocks5(Socket::NoDelay),
        Self::TokioSocks(Socket::AsShipped),
        Self::TokioSocks(Socket::NoDelay),
        Self::Yawc(Socket::AsShipped),
        Self::Yawc(Socket::NoDelay),
        Self::Reqwest,
        Self::PythonWebsockets,
        Self::PythonAiohttp,
    ];

    /// Whose dials to compare on this route.
    pub(crate) fn of(route: Route, opens: Opens) -> impl Iterator<Item = Self> {
        let all = Self::ALL.into_iter();
        all.filter(move |contender| match opens {
            Opens::Stream => contender.can_stream(route),
            Opens::Rest => contender.can_fetch(route),
        })
    }

    fn can_stream(self, route: Route) -> bool {
        let is_direct = route == Route::Direct;
        let is_socks5 = matches!(route, Route::Socks5h | Route::Socks5hPassword);
        match self {
            Self::Standard | Self::PythonWebsockets | Self::PythonAiohttp => true,
            Self::Optimistic | Self::QuickAck | Self::HyperUtil(_) => !is_direct,
            Self::Tungstenite(_) => is_direct,
            Self::HyperUtilOptimistic | Self::FastSocks5(_) => is_socks5,
            Self::TokioSocks(_) => is_socks5 || route == Route::Socks4a,
            Self::Tuned | Self::TokioWebsockets => is_socks5,
            Self::Yawc(_) => is_socks5 || is_direct,
            Self::Injected | Self::Reqwest => false,
        }
    }

    fn can_fetch(self, route: Route) -> bool {
        match self {
            Self::Standard | Self::HyperUtil(_) | Self::Reqwest | Self::PythonAiohttp => true,
            Self::Optimistic | Self::QuickAck => route != Route::Direct,
            Self::HyperUtilOptimistic => self.can_stream(route),
            _ => false,
        }
    }

    pub(crate) fn is_python(self) -> bool {
        matches!(self, Self::PythonWebsockets | Self::PythonAiohttp)
    }

    /// What it is called in the tables.
    pub(crate) fn name(self, opens: Opens) -> String {
        let socket = match self {
            Self::Tungstenite(socket)
            | Self::HyperUtil(socket)
            | Self::FastSocks5(socket)
            | Self::TokioSocks(socket)
            | Self::Yawc(socket) => match socket {
                Socket::AsShipped => ", as shipped",
                Socket::NoDelay => ", TCP_NODELAY",
            },
            Self::HyperUtilOptimistic => ", TCP_NODELAY, optimistic",
            _ => "",
        };
        let websocket = match (self, opens) {
            (
                Self::HyperUtil(_)
                | Self::HyperUtilOptimistic
                | Self::FastSocks5(_)
                | Self::TokioSocks(_),
                Opens::Stream,
            ) => " + tokio-tungstenite",
            _ => "",
        };
        let library = match self {
            Self::Standard => "ours, standard",
            Self::Injected => "ours, with proxy-injector",
            Self::Optimistic => "ours, optimistic",
            Self::QuickAck => "ours, quick_ack",
            Self::Tungstenite(_) => "tokio-tungstenite",
            Self::HyperUtil(_) | Self::HyperUtilOptimistic => "hyper-util",
            Self::FastSocks5(_) => "fast-socks5",
            Self::TokioSocks(_) => "tokio-socks",
            Self::Tuned => "tokio-tungstenite, 4 KiB read buffer",
            Self::TokioWebsockets => "tokio-websockets",
            Self::Yawc(_) => "yawc",
            Self::Reqwest => "reqwest",
            Self::PythonWebsockets => "Python websockets",
            Self::PythonAiohttp => "Python aiohttp",
        };
        format!("{library}{websocket}{socket}")
    }
}
