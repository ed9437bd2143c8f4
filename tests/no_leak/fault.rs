//! What can go wrong below a route.

use std::io;
use std::net::IpAddr;
use std::sync::Mutex;

use async_trait::async_trait;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::select;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use transport::{Connection, DialError, DialErrorKind, Dialer, Hop, Phase, Target};
use transport_tunnel::Resolver;

use super::obliging::{Arrivals, oblige};

/// Where no connection may ever go: replies and redirects name it.
const ELSEWHERE: [u8; 4] = [203, 0, 113, 66];

/// What meets a dial on the TCP layer.
#[derive(Debug, Clone)]
pub(super) enum Fault {
    /// There is no connection, at once.
    Fails(Phase, DialErrorKind),
    /// There is no connection, and no word why, until the time is up.
    Silent,
    /// The other side is gone before the first byte.
    HangsUp,
    /// The other side takes everything and says nothing.
    Stalls,
    /// There is none: the other side does what it is asked for.
    Obliges,
    /// The other side says these one by one, whatever it hears, and closes.
    Answers(Vec<Vec<u8>>),
}

/// A TCP layer with a fault.
#[derive(Debug)]
pub(super) struct FaultyDialer {
    fault: Fault,
    stalled: Mutex<Vec<DuplexStream>>,
    arrivals: Arrivals,
}

impl FaultyDialer {
    /// `arrivals` learns of what is sent to those who oblige.
    pub(super) fn new(fault: Fault, arrivals: Arrivals) -> Self {
        Self {
            fault,
            stalled: Mutex::default(),
            arrivals,
        }
    }
}

#[async_trait]
impl Dialer for FaultyDialer {
    async fn connect(&self, target: &Target) -> Result<Connection, DialError> {
        let hop = || Hop::Target(target.endpoint().clone());
        match &self.fault {
            Fault::Fails(phase, kind) => Err(DialError::new(hop(), *phase, *kind)),
            Fault::Silent => match target.phase(std::future::pending()).await {
                Ok(connection) => connection,
                Err(elapsed) => Err(DialError::timeout(hop(), Phase::Tcp, elapsed)),
            },
            Fault::HangsUp => Ok(Connection::new(duplex(1).0)),
            Fault::Stalls => {
                let (ours, theirs) = duplex(1 << 16);
                self.stalled.lock().unwrap().push(theirs);
                Ok(Connection::new(ours))
            }
            Fault::Obliges => {
                let (ours, theirs) = duplex(1 << 10);
                let door = target.endpoint().clone();
                tokio::spawn(oblige(theirs, door, self.arrivals.clone()));
                Ok(Connection::new(ours))
            }
            Fault::Answers(answers) => {
                let (ours, theirs) = duplex(1 << 16);
                tokio::spawn(answer(theirs, answers.clone()));
                Ok(Connection::new(ours))
            }
        }
    }
}

async fn answer(mut stream: DuplexStream, answers: Vec<Vec<u8>>) -> io::Result<()> {
    let mut heard = vec![0; 1 << 14];
    for answer in answers {
        if stream.read(&mut heard).await? == 0 {
            break;
        }
        stream.write_all(&answer).await?;
    }
    Ok(())
}

pub(super) fn faults() -> impl Strategy<Value = Fault> {
    let kind = select(vec![
        DialErrorKind::Timeout,
        DialErrorKind::NameResolution,
        DialErrorKind::Refused,
        DialErrorKind::Unreachable,
        DialErrorKind::Closed,
        DialErrorKind::Authentication,
        DialErrorKind::Rejected,
        DialErrorKind::Protocol,
        DialErrorKind::WrongProtocol,
        DialErrorKind::Unsupported,
        DialErrorKind::NoRoute,
        DialErrorKind::Io,
    ]);
    prop_oneof![
        2 => (select(vec![Phase::Route, Phase::Dns, Phase::Tcp]), kind)
            .prop_map(|(phase, kind)| Fault::Fails(phase, kind)),
        1 => Just(Fault::Silent),
        1 => Just(Fault::HangsUp),
        1 => Just(Fault::Stalls),
        6 => Just(Fault::Obliges),
        6 => answers().prop_map(Fault::Answers),
    ]
}

/// What a proxy may answer, right or wrong, and what a target may say through the tunnel.
fn answers() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let http = select(vec![
        100, 200, 204, 301, 305, 307, 401, 403, 407, 421, 429, 502,
    ]);
    let proxy = prop_oneof![
        Just(Vec::new()),
        http.prop_map(|status| vec![redirect(status)]),
        Just(vec![b"HTTP/1.1 200 OK\r\n\r\n".to_vec()]),
        any::<u8>().prop_map(|code| vec![socks4(code)]),
        Just(vec![socks4(0x5A)]),
        any::<u8>().prop_map(|code| vec![vec![5, 0], socks5(code)]),
        Just(vec![vec![5, 0], socks5(0)]),
        Just(vec![vec![5, 2], vec![1, 0], socks5(0)]),
        Just(vec![vec![5, 2], vec![1, 1]]),
        vec(vec(any::<u8>(), 0..16), 0..4),
    ];
    let target = prop_oneof![
        Just(Vec::new()),
        select(vec![101, 200, 302, 308, 503]).prop_map(redirect),
        vec(any::<u8>(), 0..64),
    ];
    (proxy, target).prop_map(|(mut answers, last)| {
        answers.push(last);
        answers
    })
}

/// An HTTP answer that names another place in every way it can.
fn redirect(status: u16) -> Vec<u8> {
    let elsewhere = IpAddr::from(ELSEWHERE);
    format!(
        "HTTP/1.1 {status} Go Elsewhere\r\n\
         Location: http://{elsewhere}/\r\n\
         Alt-Svc: h2=\"{elsewhere}:443\"\r\n\
         Proxy-Authenticate: Basic realm=\"x\"\r\n\
         Retry-After: 0\r\n\
         Content-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

/// A SOCKS4 reply with another address in it.
fn socks4(code: u8) -> Vec<u8> {
    [&[0, code, 0, 80], &ELSEWHERE[..]].concat()
}

/// A SOCKS5 reply with another address as the bound one.
fn socks5(code: u8) -> Vec<u8> {
    [&[5, code, 0, 1], &ELSEWHERE[..], &[0, 80]].concat()
}

/// What meets a name look-up on this side.
#[derive(Debug, Clone)]
pub(super) enum LookUp {
    Fails,
    Finds(Vec<IpAddr>),
}

pub(super) fn look_ups() -> impl Strategy<Value = LookUp> {
    prop_oneof![
        1 => Just(LookUp::Fails),
        4 => vec(any::<IpAddr>(), 0..3).prop_map(LookUp::Finds),
    ]
}

/// A resolver with a fault, which remembers the names.
#[derive(Debug)]
pub(super) struct FaultyResolver {
    look_up: LookUp,
    names: Mutex<Vec<String>>,
}

impl FaultyResolver {
    pub(super) fn new(look_up: LookUp) -> Self {
        Self {
            look_up,
            names: Mutex::default(),
        }
    }

    /// The names that were looked up since the last call.
    pub(super) fn take_names(&self) -> Vec<String> {
        std::mem::take(&mut self.names.lock().unwrap())
    }
}

#[async_trait]
impl Resolver for FaultyResolver {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        self.names.lock().unwrap().push(name.to_owned());
        match &self.look_up {
            LookUp::Fails => Err(io::Error::other("no such name")),
            LookUp::Finds(addresses) => Ok(addresses.clone()),
        }
    }
}
