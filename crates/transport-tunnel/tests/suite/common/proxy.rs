//! Proxies by the lines they say.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use transport::{Dialer, Io};

use super::{Piped, answer};

/// How many bytes a proxy expects, and what it says then.
pub(crate) type Step<'a> = (usize, &'a [u8]);

/// Plays a proxy's part. Each step arrives in a read of its own.
pub(crate) async fn play(stream: &mut impl Io, steps: &[(usize, Vec<u8>)]) {
    for (expected, reply) in steps {
        let mut request = vec![0; *expected];
        stream.read_exact(&mut request).await.unwrap();
        stream.write_all(reply).await.unwrap();
        stream.flush().await.unwrap();
        tokio::task::yield_now().await;
    }
}

pub(crate) fn owned<'a>(steps: impl IntoIterator<Item = Step<'a>>) -> Vec<(usize, Vec<u8>)> {
    steps
        .into_iter()
        .map(|(expected, reply)| (expected, reply.to_vec()))
        .collect()
}

/// A proxy that plays `steps`; behind it is the smallest exchange.
pub(crate) fn dialogue<'a>(steps: impl IntoIterator<Item = Step<'a>>) -> impl Dialer + 'static {
    let steps = owned(steps);
    Piped::new(move |mut stream| {
        let steps = steps.clone();
        async move {
            play(&mut stream, &steps).await;
            answer(stream).await;
        }
    })
}
