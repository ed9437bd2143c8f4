//! The bytes of one connection.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;
use tokio::time::sleep;

use super::fault::LinkFault;

/// How much is read at a time.
const CHUNK: usize = 16 * 1024;

/// How often a narrow link carries something: fifty times a second.
const BEAT: Duration = Duration::from_millis(20);

/// What the fault is now.
type Faults = watch::Receiver<Option<LinkFault>>;

/// Carries the bytes between `client` and `target` until both have ended, or a fault says so.
pub(super) async fn relay(client: TcpStream, target: SocketAddr, faults: Faults) {
    #[expect(
        clippy::disallowed_methods,
        reason = "a stretch of the network, and no client"
    )]
    let target = match TcpStream::connect(target).await {
        Ok(target) => target,
        Err(error) => return tracing::debug!(%target, %error, "nobody is behind the link"),
    };
    let nodelay = target.set_nodelay(true);
    let (from_client, to_client) = client.into_split();
    let (from_target, to_target) = target.into_split();
    let up = carry_up(from_client, to_target, faults.clone());
    let down = carry_down(from_target, to_client, faults);
    let outcome = nodelay.and(tokio::try_join!(up, down).map(drop));
    if let Err(error) = outcome {
        tracing::debug!(%error, "the connection over the link is over");
    }
}

async fn carry_up(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut faults: Faults,
) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let length = from.read(&mut chunk).await?;
        let stalled = |fault: &Option<LinkFault>| *fault == Some(LinkFault::Stall);
        // An error says that the link is gone, and its connections with it.
        let fault = faults.wait_for(|fault| !stalled(fault)).await;
        let fault = fault.map_or(None, |fault| *fault);
        if let Some(LinkFault::Latency { by }) = fault {
            sleep(by).await;
        }
        match chunk.get(..length) {
            None | Some([]) => return to.shutdown().await,
            Some(bytes) => to.write_all(bytes).await?,
        }
    }
}

async fn carry_down(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut faults: Faults,
) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    let mut fault = *faults.borrow_and_update();
    // Since the fault began.
    let mut carried = 0;
    loop {
        let most = match fault {
            Some(LinkFault::HalfClose) => return to.shutdown().await,
            Some(LinkFault::Reset { after }) if carried >= after => {
                to.as_ref().set_zero_linger()?;
                // It would be shut down in order.
                to.forget();
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            Some(LinkFault::Truncate { after }) if carried >= after => {
                to.shutdown().await?;
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            Some(LinkFault::Reset { after } | LinkFault::Truncate { after }) => after - carried,
            Some(LinkFault::Garbage { after }) if carried < after => after - carried,
            Some(LinkFault::Drip { .. }) => 1,
            Some(LinkFault::Bandwidth { bytes_per_second }) => (bytes_per_second / 50).max(1),
            _ => CHUNK,
        };
        let part = chunk.get_mut(..most.min(CHUNK)).unwrap_or_default();
        let length = tokio::select! {
            biased;
            changed = faults.changed() => {
                if changed.is_err() {
                    return Err(io::ErrorKind::NotConnected.into());
                }
                (fault, carried) = (*faults.borrow_and_update(), 0);
                continue;
            }
            read = from.read(part), if fault != Some(LinkFault::Stall) => read?,
        };
        let bytes = part.get_mut(..length).unwrap_or_default();
        match fault {
            Some(LinkFault::Garbage { after }) if carried >= after => {
                bytes.iter_mut().for_each(|byte| *byte ^= 0x5a);
            }
            Some(LinkFault::Latency { by }) => sleep(by).await,
            Some(LinkFault::Drip { every }) => sleep(every).await,
            Some(LinkFault::Bandwidth { .. }) => sleep(BEAT).await,
            _ => {}
        }
        if bytes.is_empty() {
            return to.shutdown().await;
        }
        to.write_all(bytes).await?;
        carried += length;
    }
}
