//! A few permits, and who waits for them: the next one goes to whom it is most urgent for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// When something should be there. It can become more urgent while it waits. Clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Deadline(Arc<Mutex<Instant>>);

impl Deadline {
    /// So long from now.
    pub(super) fn after(wait: Duration) -> Self {
        Self(Arc::new(Mutex::new(Instant::now() + wait)))
    }

    /// It should be there already.
    pub(super) fn now() -> Self {
        Self::after(Duration::ZERO)
    }

    /// It should be there by now, if it was not to be there earlier.
    pub(super) fn hasten(&self) {
        let mut at = self.0.lock();
        *at = Instant::now().min(*at);
    }

    fn at(&self) -> Instant {
        *self.0.lock()
    }
}

/// Some permits, given by deadline. Whoever waits is overtaken only by those whose deadline is earlier,
/// and so not for ever.
#[derive(Debug)]
pub(super) struct Permits(Arc<Mutex<Line>>);

/// One of them, which goes to the next when it is dropped.
#[derive(Debug)]
pub(super) struct Permit(Arc<Mutex<Line>>);

/// Nobody waits while a permit is free.
#[derive(Debug)]
struct Line {
    free: usize,
    /// How many have waited.
    count: u64,
    /// By the order in which they came.
    waiting: BTreeMap<u64, (Deadline, oneshot::Sender<Permit>)>,
}

impl Permits {
    pub(super) fn new(count: usize) -> Self {
        Self(Arc::new(Mutex::new(Line {
            free: count,
            count: 0,
            waiting: BTreeMap::new(),
        })))
    }

    /// Waits for one. There is always one in the end.
    pub(super) async fn acquire(&self, deadline: Deadline) -> Option<Permit> {
        let (sender, receiver) = oneshot::channel();
        let place = {
            let mut line = self.0.lock();
            if let Some(free) = line.free.checked_sub(1) {
                line.free = free;
                return Some(Permit(Arc::clone(&self.0)));
            }
            line.count += 1;
            let number = line.count;
            line.waiting.insert(number, (deadline, sender));
            Place { of: self, number }
        };
        let permit = receiver.await.ok();
        drop(place);
        permit
    }
}

/// A place in the line, which is left when this is dropped.
struct Place<'a> {
    of: &'a Permits,
    number: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.of.0.lock().waiting.remove(&self.number);
    }
}

impl Line {
    /// Takes out of the line who is next.
    fn next(&mut self) -> Option<oneshot::Sender<Permit>> {
        let waiting = self.waiting.iter();
        let (&number, _) = waiting.min_by_key(|(_, (deadline, _))| deadline.at())?;
        self.waiting.remove(&number).map(|(_, sender)| sender)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut line = self.0.lock();
        match line.next() {
            None => line.free += 1,
            Some(next) => {
                // Whoever does not wait any longer drops it, which gives it to the one behind.
                drop(line);
                let _ = next.send(Self(Arc::clone(&self.0)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use futures_util::FutureExt;
    use futures_util::future::BoxFuture;
    use proptest::prelude::*;

    use super::*;

    fn seconds(count: u64) -> Deadline {
        Deadline::after(Duration::from_secs(count))
    }

    /// Who gets the permit, in this order, of those that wait until these deadlines.
    fn served(deadlines: &[Deadline], change: impl FnOnce()) -> Vec<usize> {
        let permits = Permits::new(1);
        let mut held = permits.acquire(Deadline::now()).now_or_never().flatten();
        let acquire = |deadline: &Deadline| permits.acquire(deadline.clone()).boxed();
        let mut waiting: Vec<_> = deadlines.iter().map(acquire).enumerate().collect();
        let mut served = Vec::new();
        let mut poll = |waiting: &mut Vec<(usize, BoxFuture<'_, Option<Permit>>)>| {
            let mut got = None;
            waiting.retain_mut(|(index, it)| match it.now_or_never() {
                Some(permit) => {
                    served.push(*index);
                    got = permit;
                    false
                }
                None => true,
            });
            got
        };
        assert!(poll(&mut waiting).is_none());
        change();
        while held.take().is_some() {
            held = poll(&mut waiting);
        }
        assert!(waiting.is_empty(), "somebody waits for ever");
        served
    }

    #[tokio::test(start_paused = true)]
    async fn the_nearest_deadline_is_first_and_of_equal_ones_who_came_first() {
        let deadlines = [30, 10, 20, 10].map(seconds);
        assert_eq!(served(&deadlines, || {}), [1, 3, 2, 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_becomes_urgent_while_it_waits_is_next_and_never_less_urgent() {
        let deadlines = [30, 10, 20, 0].map(seconds);
        let hasten = || [2, 3].iter().for_each(|at: &usize| deadlines[*at].hasten());
        assert_eq!(served(&deadlines, hasten), [2, 3, 1, 0]);
        let past = seconds(0);
        let before = past.at();
        tokio::time::advance(Duration::from_secs(1)).await;
        past.hasten();
        assert_eq!(past.at(), before);
    }

    proptest! {
        #[test]
        fn no_permit_is_lost_and_no_more_are_given_than_there_are(
            count in 1..4_usize,
            // Somebody comes, or the first one that waits goes, or the first one that has a permit.
            steps in proptest::collection::vec((0..3_u8, 0..5_u64), 0..60),
        ) {
            let permits = Permits::new(count);
            let (mut waiting, mut held) = (VecDeque::new(), VecDeque::new());
            for (step, deadline) in steps {
                match step {
                    0 => waiting.push_back(permits.acquire(seconds(deadline)).boxed()),
                    1 => drop(waiting.pop_front()),
                    _ => drop(held.pop_front()),
                }
                waiting.retain_mut(|it| match it.now_or_never() {
                    Some(permit) => {
                        held.extend(permit);
                        false
                    }
                    None => true,
                });
                prop_assert!(held.len() <= count);
                prop_assert!(held.len() == count || waiting.is_empty());
            }
            waiting.clear();
            held.clear();
            let line = permits.0.lock();
            prop_assert_eq!((line.free, line.waiting.len()), (count, 0));
        }
    }
}
