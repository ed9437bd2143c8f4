//! Who may still do what.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use tokio::time::Instant;
use transport::Window;

use super::meter::{Meter, Passing};
use super::violation::{Violation, Violations};

/// When an exchange bans an address, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bans {
    /// After so many refusals, of requests and of handshakes.
    pub refusals: u32,
    /// After so many connections that sent too many messages.
    pub closes: u32,
    /// The length of the first ban. Each one after it is twice as long as the one before. Without an
    /// offence for as long, refusals and closes are counted anew.
    pub first: Duration,
    /// The longest ban.
    pub longest: Duration,
}

/// A ban that is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ban {
    /// When it ends, in milliseconds since 1970.
    pub until: u64,
    /// The seconds until then, rounded up.
    pub seconds: u64,
}

/// What counts against an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offence {
    Refusal,
    Close,
}

#[derive(Debug)]
struct Offender {
    refusals: u32,
    closes: u32,
    last: Instant,
    /// How many bans there were.
    bans: u32,
    until: Option<Instant>,
}

/// Counts what clients do, lists what is forbidden and, where limits are enforced, bans.
#[derive(Debug)]
pub struct Guard {
    enforces: bool,
    speed: f64,
    bans: Option<Bans>,
    meter: Meter,
    violations: Violations,
    offenders: Mutex<HashMap<IpAddr, Offender>>,
    /// Until when everybody is banned.
    everybody: Mutex<Option<Instant>>,
    /// The end of the ban that each address has been told of.
    told: Mutex<HashMap<IpAddr, Instant>>,
}

/// One that enforces limits and bans nobody, to test a protocol by itself.
impl Default for Guard {
    fn default() -> Self {
        Self::new(true, 1.0, None)
    }
}

impl Guard {
    /// A guard whose time passes `speed` times as fast.
    pub(super) fn new(enforces: bool, speed: f64, bans: Option<Bans>) -> Self {
        Self {
            enforces,
            speed,
            bans,
            meter: Meter::default(),
            violations: Violations::default(),
            offenders: Mutex::default(),
            everybody: Mutex::default(),
            told: Mutex::default(),
        }
    }

    /// A client with this address and port.
    pub fn client(&self, peer: SocketAddr) -> Client<'_> {
        Client { peer, guard: self }
    }

    pub(super) fn violations(&self) -> Vec<Violation> {
        self.violations.all()
    }

    /// Bans every address for so long, whatever it did.
    pub(super) fn ban_everybody(&self, length: Duration) {
        *self.everybody.lock() = Some(Instant::now() + self.scaled(length));
    }

    pub(super) fn pardon_everybody(&self) {
        *self.everybody.lock() = None;
    }

    fn scaled(&self, time: Duration) -> Duration {
        time.div_f64(self.speed)
    }

    fn offend(&self, address: IpAddr, offence: Offence) {
        let Some(bans) = self.bans.filter(|_| self.enforces) else {
            return;
        };
        let now = Instant::now();
        let mut offenders = self.offenders.lock();
        let offender = offenders.entry(address).or_insert(Offender {
            refusals: 0,
            closes: 0,
            last: now,
            bans: 0,
            until: None,
        });
        if now.duration_since(offender.last) > self.scaled(bans.first) {
            (offender.refusals, offender.closes) = (0, 0);
        }
        offender.last = now;
        match offence {
            Offence::Refusal => offender.refusals += 1,
            Offence::Close => offender.closes += 1,
        }
        if offender.refusals >= bans.refusals || offender.closes >= bans.closes {
            let growth = 2_u32.saturating_pow(offender.bans);
            let length = bans.first.saturating_mul(growth).min(bans.longest);
            (offender.refusals, offender.closes) = (0, 0);
            offender.bans += 1;
            offender.until = Some(now + self.scaled(length));
        }
    }

    /// By when the ban of an address ends, if there is one.
    fn banned_until(&self, address: IpAddr) -> Option<Instant> {
        let own = self.offenders.lock().get(&address).and_then(|it| it.until);
        let until = own.max(*self.everybody.lock())?;
        (until > Instant::now()).then_some(until)
    }
}

/// A client of an exchange, and what it may still do.
///
/// Where limits are not enforced, what is forbidden is listed all the same, and not refused.
#[derive(Debug, Clone, Copy)]
pub struct Client<'a> {
    /// Who it is: behind a proxy, its egress address.
    pub peer: SocketAddr,
    guard: &'a Guard,
}

/// How much of a budget is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spent {
    /// Within the window; more than there is, if clients do not stop.
    pub used: u32,
    /// The seconds until the window begins anew, rounded up, if the client has to be refused.
    pub refused: Option<u64>,
}

impl Client<'_> {
    /// Counts `units` of a budget of the client's address.
    pub fn spend(self, window: Window, units: u32) -> Spent {
        self.count(self.address(), window, units, Passing::Whole)
    }

    /// Counts `units` of a budget of this connection alone, of which no window at all may have more.
    pub fn spend_here(self, window: Window, units: u32) -> Spent {
        self.count(self.peer, window, units, Passing::Rolling)
    }

    /// Counts a handshake.
    pub(super) fn dial(self, window: Window) -> Spent {
        self.count(self.address(), window, 1, Passing::Rolling)
    }

    /// What stands for all ports of the address.
    fn address(self) -> SocketAddr {
        SocketAddr::new(self.peer.ip(), 0)
    }

    fn count(self, key: SocketAddr, window: Window, units: u32, passing: Passing) -> Spent {
        let per = self.guard.scaled(window.per);
        let scaled = Window { per, ..window };
        let (used, left) = self.guard.meter.add(key, scaled, units, passing);
        let is_refused = self.exceeds(window.name, used as usize, window.units as usize);
        if is_refused && key != self.peer {
            self.guard.offend(self.peer.ip(), Offence::Refusal);
        }
        Spent {
            used,
            refused: is_refused.then(|| seconds(left)),
        }
    }

    /// Counts a request of the client's address of which `window` allows a steady rate, and `burst`
    /// in a row. Whether it has to be refused. Refusals of this kind lead to no ban.
    #[must_use]
    pub fn is_refused(self, window: Window, burst: u32) -> bool {
        let pause = self.guard.scaled(window.per) / window.units.max(1);
        let is_free = self
            .guard
            .meter
            .trickle(self.peer.ip(), window.name, pause, burst);
        let found = if is_free { 0 } else { burst as usize + 1 };
        self.exceeds(window.name, found, burst as usize)
    }

    /// Lists it if there is more of something than is allowed. Whether it has to be refused.
    #[must_use]
    pub fn exceeds(self, limit: &'static str, found: usize, allowed: usize) -> bool {
        let is_too_much = found > allowed;
        if is_too_much {
            let violations = &self.guard.violations;
            violations.add(self.peer, limit, found as u64, allowed as u64);
        }
        is_too_much && self.guard.enforces
    }

    /// The connection is closed for too many messages.
    pub(super) fn closed(self) {
        self.guard.offend(self.peer.ip(), Offence::Close);
    }

    /// The ban of the client's address, if it has one. To ask again is to go on in spite of it.
    pub(super) fn ban(self) -> Option<Ban> {
        let address = self.peer.ip();
        let until = self.guard.banned_until(address)?;
        let left = until.saturating_duration_since(Instant::now());
        let left_ms = millis(left);
        let is_told = self.guard.told.lock().insert(address, until) == Some(until);
        if is_told {
            self.guard.violations.add(self.peer, "ban", left_ms, 0);
            // One that does not grow is not prolonged, either.
            if self.guard.bans.is_some_and(|it| it.first < it.longest) {
                self.guard.offend(address, Offence::Refusal);
            }
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Some(Ban {
            until: millis(now.unwrap_or_default()) + left_ms,
            seconds: seconds(left),
        })
    }
}

/// Whole milliseconds.
pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Whole seconds, rounded up, and one at least.
fn seconds(time: Duration) -> u64 {
    millis(time).div_ceil(1000).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BANS: Bans = Bans {
        refusals: 3,
        closes: 2,
        first: Duration::from_secs(120),
        longest: Duration::from_secs(300),
    };
    const WEIGHT: Window = Window::new("weight", 10, Duration::from_secs(60));

    fn peer(last: u8) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, last], 4242))
    }

    #[tokio::test(start_paused = true)]
    async fn a_ban_follows_from_refusals_and_grows_when_one_goes_on() {
        let guard = Guard::new(true, 1.0, Some(BANS));
        let (bad, good) = (guard.client(peer(2)), guard.client(peer(3)));
        let spent = |used, refused| Spent { used, refused };
        assert_eq!(bad.spend(WEIGHT, 10), spent(10, None));
        assert_eq!(bad.spend(WEIGHT, 1), spent(11, Some(60)));
        assert_eq!(bad.spend(WEIGHT, 1).used, 12);
        assert_eq!(bad.ban(), None);
        bad.spend(WEIGHT, 1);
        // Who asks is told once, and three times more before it is longer.
        for seconds in [120, 240, 300, 300] {
            let told = [(); 4].map(|()| bad.ban().unwrap().seconds);
            assert_eq!(told, [seconds; 4]);
        }
        assert_eq!(good.ban(), None);
        tokio::time::advance(Duration::from_secs(301)).await;
        assert_eq!(bad.ban(), None);
        let limits: Vec<_> = guard.violations().iter().map(|it| it.limit).collect();
        assert_eq!(limits[..4], ["weight", "weight", "weight", "ban"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_ban_that_does_not_grow_is_not_prolonged_and_one_of_everybody_is_nobodys_fault() {
        let length = Duration::from_secs(600);
        let bans = Bans {
            refusals: 1,
            closes: 1,
            first: length,
            longest: length,
        };
        let guard = Guard::new(true, 1.0, Some(bans));
        let client = guard.client(peer(2));
        guard.ban_everybody(Duration::from_secs(10));
        assert_eq!(client.ban().unwrap().seconds, 10);
        assert_eq!(guard.violations(), []);
        client.ban();
        tokio::time::advance(Duration::from_secs(11)).await;
        assert_eq!(client.ban(), None);
        client.spend(WEIGHT, 11);
        tokio::time::advance(Duration::from_secs(599)).await;
        assert_eq!(client.ban().unwrap().seconds, 1);
        client.ban();
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(client.ban(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn offences_are_forgotten_and_time_can_pass_faster() {
        let guard = Guard::new(true, 60.0, Some(BANS));
        let client = guard.client(peer(2));
        for _ in 0..3 {
            client.closed();
            assert_eq!(client.ban(), None);
            tokio::time::advance(Duration::from_millis(2001)).await;
        }
        client.closed();
        client.closed();
        assert_eq!(client.ban().unwrap().seconds, 2);
        let fast = Window::new("messages", 1, Duration::from_secs(60));
        client.spend_here(fast, 1);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(client.spend_here(fast, 1).refused, None);
        assert_eq!(client.spend_here(fast, 1).refused, Some(1));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_enforced_is_listed_all_the_same() {
        let guard = Guard::new(false, 1.0, Some(BANS));
        let client = guard.client(peer(2));
        for used in 1..=20 {
            assert_eq!(
                client.spend(WEIGHT, 1),
                Spent {
                    used,
                    refused: None
                }
            );
        }
        assert!(!client.exceeds("url", 9, 8));
        assert_eq!(client.ban(), None);
        assert_eq!(guard.violations().len(), 11);
    }
}
