//! One proxy, and how it is asked for a tunnel.

use std::time::Duration;

use bytes::Bytes;
use proxy_config::{Credentials, HandshakeMode, ProxyUrl};
use tokio::time::Instant;
use transport::{
    Connection, ConnectionInfo, DialError, DialErrorKind, Dialer, Elapsed, Endpoint, Hop, Phase,
    Reply, Secrets, Target,
};
use transport_tls::is_certificate_wanted;

use crate::codec::{Handshake, HandshakeError};
use crate::drive::{Drive, Failure};
use crate::pipelining::PipeliningPolicy;
use crate::prefixed::Prefixed;

/// A proxy that was sent everything at once may be silent for this long,
const LEAST_PATIENCE: Duration = Duration::from_secs(1);
/// or so many times as long as it took to reach it.
const PATIENCE: u32 = 4;

/// What all kinds of tunnels have in common.
#[derive(Debug, Clone)]
pub(crate) struct Proxy<D> {
    endpoint: Endpoint,
    credentials: Option<Credentials>,
    /// Of the credentials and the headers.
    secrets: Secrets,
    pipelining: PipeliningPolicy,
    inner: D,
}

/// How a proxy is asked.
#[derive(Debug, Clone, Copy)]
enum Plan {
    /// Each message when its turn has come.
    Standard {
        /// The time that another try took before.
        lost: Duration,
    },
    /// Everything at once.
    Pipelined,
}

impl Plan {
    const STANDARD: Self = Self::Standard {
        lost: Duration::ZERO,
    };
}

impl<D: Dialer> Proxy<D> {
    /// The proxy at `url`, which `inner` connects to, asked in the standard way.
    pub(crate) fn new(url: &ProxyUrl, inner: D) -> Self {
        Self {
            endpoint: Endpoint::new(url.host().clone(), url.port()),
            credentials: url.credentials().cloned(),
            secrets: url.credentials().map(secrets).unwrap_or_default(),
            pipelining: PipeliningPolicy::new(HandshakeMode::Standard),
            inner,
        }
    }

    pub(crate) fn with_handshake(mut self, mode: HandshakeMode) -> Self {
        self.pipelining = PipeliningPolicy::new(mode);
        self
    }

    /// The same proxy, which gets a further secret.
    pub(crate) fn with_secret(mut self, secret: &[u8]) -> Self {
        self.secrets = self.secrets.and(&Secrets::of_text(secret));
        self
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(crate) fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// Asks for a tunnel to `target`. Whether everything is sent at once or not, the outcome is
    /// that of the standard way.
    pub(crate) async fn open(
        &self,
        target: &Target,
        mut handshake: impl Handshake + Clone,
    ) -> Result<Connection, DialError> {
        let mut all = handshake.clone();
        let pipelined = self.pipelining.is_due().then(|| {
            let opening = all.pipelined_opening();
            // The first flight alone is worth it, too.
            opening.or_else(|| target.first_flight().map(|_| all.opening()))
        });
        let Some(pipelined) = pipelined.flatten() else {
            let opening = handshake.opening();
            let opened = self.ask(target, handshake, opening, Plan::STANDARD).await;
            if opened.is_ok() {
                self.pipelining.record_opened();
            }
            return opened.map_err(|failure| self.error(target, failure));
        };
        let start = Instant::now();
        let opened = match self.ask(target, all, pipelined, Plan::Pipelined).await {
            Ok(connection) => {
                self.pipelining.record_success();
                Ok(connection)
            }
            Err(failure) if may_be_haste(&failure) => {
                let lost = start.elapsed();
                let opening = handshake.opening();
                let plan = Plan::Standard { lost };
                let opened = self.ask(target, handshake, opening, plan).await;
                self.learn(&opened);
                opened
            }
            Err(failure) => Err(failure),
        };
        opened.map_err(|failure| self.error(target, failure))
    }

    async fn ask(
        &self,
        target: &Target,
        mut handshake: impl Handshake,
        opening: Vec<u8>,
        plan: Plan,
    ) -> Result<Connection, Failure> {
        let ahead = match plan {
            Plan::Standard { .. } => None,
            Plan::Pipelined => target.first_flight(),
        };
        let mut flight = opening;
        flight.extend(ahead.into_iter().flatten());
        let flight = Bytes::from(flight);
        let proxy = target
            .via(self.endpoint.clone())
            .with_secrets(&self.secrets)
            .with_first_flight(flight.clone());
        let mut connection = self
            .inner
            .dial(&proxy)
            .await
            .map_err(|error| Failure::Dial(error.pass_through(&self.endpoint)))?;
        let start = Instant::now();
        let is_sent = connection.info().is_first_flight_sent();
        let patience = match plan {
            Plan::Standard { .. } => None,
            Plan::Pipelined => Some(patience(connection.info())),
        };
        let info = connection.info_mut();
        info.pass_through(&self.endpoint);
        info.add_secrets(&self.secrets);
        handshake.conceal(&info.secrets().and(target.secrets()));
        info.set_first_flight_sent(ahead.is_some());
        let mut drive = Drive::new(connection, handshake, patience);
        let asked = async {
            if !is_sent {
                drive.send(&flight).await?;
            }
            drive.run().await?;
            if let Some(ahead) = ahead {
                drive.hear_target(ahead).await?;
            }
            Ok::<(), Failure>(())
        };
        match target.phase(asked).await {
            Ok(asked) => asked?,
            Err(elapsed) => return Err(drive.give_up(elapsed)),
        }
        let (mut connection, received) = drive.into_parts();
        let elapsed = match plan {
            Plan::Standard { lost } => lost + start.elapsed(),
            Plan::Pipelined => start.elapsed(),
        };
        let hop = Hop::Proxy(self.endpoint.clone());
        let info = connection.info_mut();
        info.record(hop, Phase::ProxyHandshake, elapsed);
        Ok(Prefixed::put_back(received, connection))
    }

    /// The proxy was asked in the standard way after the other had failed. Only if it answered now
    /// was that the reason.
    fn learn(&self, opened: &Result<Connection, Failure>) {
        let has_answered = match opened {
            Ok(_) => true,
            Err(Failure::Handshake(error)) => error.reply().is_some(),
            Err(_) => false,
        };
        if has_answered && self.pipelining.record_failure() {
            tracing::info!(proxy = %self.endpoint, "the proxy supports only the standard handshake");
        }
    }

    /// What the codec found before anything was sent, as the failure of a dial.
    pub(crate) fn unsupported(&self, target: &Target, error: HandshakeError) -> DialError {
        self.error(target, Failure::Handshake(error))
    }

    fn error(&self, target: &Target, failure: Failure) -> DialError {
        let hop = Hop::Proxy(self.endpoint.clone());
        let phase = Phase::ProxyHandshake;
        match failure {
            Failure::Dial(error) => return error,
            // Of the TLS with it, which seemed to be done.
            Failure::Io(error) if is_certificate_wanted(&error) => {
                DialError::new(hop, Phase::ProxyTls, DialErrorKind::Authentication)
                    .with_source(error)
            }
            Failure::Io(error) => DialError::io(hop, phase, error),
            Failure::Elapsed(elapsed) => DialError::timeout(hop, phase, elapsed),
            Failure::Handshake(error) => {
                let failure = DialError::new(hop, phase, error.kind());
                match error.reply().cloned() {
                    Some(reply) => failure.with_reply(reply),
                    None => failure,
                }
                .with_source(error)
            }
        }
        .with_towards(target.endpoint().clone())
    }
}

fn secrets(credentials: &Credentials) -> Secrets {
    let password = credentials.password().unwrap_or_default();
    Secrets::of_login(credentials.username(), password)
}

/// Names take their time wherever the proxy is.
fn patience(info: &ConnectionInfo) -> Duration {
    let timings = info.timings().iter();
    let reaching: Duration = timings
        .filter(|timing| timing.phase != Phase::Dns)
        .map(|timing| timing.elapsed)
        .sum();
    LEAST_PATIENCE.max(reaching.saturating_mul(PATIENCE))
}

/// Whether a proxy may fail like this because it was sent too much too early. A plain refusal is
/// none of that.
fn may_be_haste(failure: &Failure) -> bool {
    match failure {
        Failure::Dial(_) | Failure::Elapsed(Elapsed::Whole(_)) => false,
        Failure::Io(_) | Failure::Elapsed(_) => true,
        Failure::Handshake(error) => match error.reply() {
            None => true,
            // It takes what follows the head for a body or for another request.
            Some(Reply::Http(reply)) => reply.status == 400,
            // It was offered less than usual: not the way without a login.
            Some(Reply::Socks5NoMethod { offered }) => offered.len() == 1 && !offered.contains(&0),
            Some(_) => false,
        },
    }
}
