use std::time::Duration;

use proxy_config::{PoolConfig, PoolMember, ProxyUrl};

use super::*;
use crate::egresses::stated;
use crate::pool::known_exits::PoolId;
use crate::pool::record::Course;

const MINUTE: Duration = Duration::from_secs(60);

struct Rig {
    egresses: Arc<Egresses>,
    exits: KnownExits,
    pool: PoolId,
    members: Vec<Exit>,
    now: Instant,
}

impl Rig {
    /// A pool of three proxies of which nothing is known.
    fn new() -> Self {
        let members = ["a", "b", "c"].map(|name| {
            let url: ProxyUrl = format!("http://{name}:1").parse().unwrap();
            PoolMember::new(url)
        });
        let config = PoolConfig::new(members).unwrap();
        let members = config.members().iter();
        let members = members.map(|member| config.through(member)).collect();
        let (egresses, mut exits) = (Arc::<Egresses>::default(), KnownExits::default());
        exits.set_egresses(Arc::clone(&egresses));
        let now = Instant::now();
        Self {
            egresses,
            pool: exits.add_pool(&config, now),
            exits,
            members,
            now,
        }
    }

    /// Has the pool of the proxies at these places instead of the one before.
    fn list(&mut self, places: &[usize]) {
        let proxies = places.iter().map(|place| self.members[*place].proxy());
        let servers = proxies.map(|proxy| proxy.unwrap().server().clone());
        let config = PoolConfig::new(servers.map(PoolMember::new)).unwrap();
        let pool = self.exits.add_pool(&config, self.now);
        self.exits.remove_pool(self.pool, self.now);
        self.pool = pool;
    }

    fn learn(&mut self, place: usize, address: Option<&str>) {
        let exit = &self.members[place];
        let address = address.map(|address| address.parse().unwrap());
        self.egresses.set(exit, address);
        self.exits.locate(exit, self.now);
    }

    fn ban(&mut self, place: usize, ban: Ban) {
        let id = self.exits.find(&self.members[place]).unwrap();
        self.exits
            .ban(id, &binance(), (ban, Some(MINUTE)), self.now);
    }

    /// The places that connections to Binance take apart from `egresses`, one after the other.
    fn take(&mut self, apart_from: &[Egress]) -> HashSet<usize> {
        let exchange = binance();
        let course = Course {
            exchange: Some(&exchange),
            apart_from,
            ..Course::default()
        };
        let taken = (0..6).map_while(|_| {
            let none = HashSet::new();
            let selected = self
                .exits
                .select(self.pool, &course, &none, |_| true, self.now)?;
            self.exits.release(selected.id, selected.trial, self.now);
            Some(selected.place)
        });
        taken.collect()
    }
}

fn binance() -> ExchangeId {
    ExchangeId::new("binance").unwrap()
}

#[test]
fn what_an_exchange_has_banned_is_banned_for_all_exits_that_turn_out_to_have_the_address() {
    let mut rig = Rig::new();
    rig.ban(0, Ban::Strict);
    assert_eq!(rig.take(&[]), HashSet::from([1, 2]));
    rig.learn(0, Some("203.0.113.7"));
    assert_eq!(rig.take(&[]), HashSet::from([1, 2]));
    rig.learn(1, Some("203.0.113.7"));
    assert_eq!(rig.take(&[]), HashSet::from([2]));
    // For no longer than the ban itself.
    rig.now += MINUTE;
    assert_eq!(rig.take(&[]), HashSet::from([0, 1, 2]));
}

#[test]
fn a_ban_ends_by_its_time_alone() {
    let mut rig = Rig::new();
    rig.ban(0, Ban::Strict);
    // What was under way when it began has another answer.
    rig.ban(0, Ban::Declined);
    let id = rig.exits.find(&rig.members[0]).unwrap();
    let short = Some(Duration::from_secs(1));
    rig.exits.ban(id, &binance(), (Ban::Strict, short), rig.now);
    rig.ban(1, Ban::Declined);
    // A reload takes back what may be over.
    rig.exits.pardon(rig.now);
    rig.now += Duration::from_secs(59);
    assert_eq!(rig.take(&[]), HashSet::from([1, 2]));
    // It leaves a list and comes back.
    for members in [&[1, 2][..], &[0, 1, 2]] {
        rig.list(members);
    }
    assert_eq!(rig.take(&[]), HashSet::from([1, 2]));
    rig.now += Duration::from_secs(1);
    assert_eq!(rig.take(&[]), HashSet::from([0, 1, 2]));
}

#[test]
fn a_ban_of_one_exit_bans_those_with_its_address_and_a_refusal_does_not() {
    for (ban, left) in [
        (Ban::Strict, HashSet::from([1])),
        (Ban::Declined, HashSet::from([1, 2])),
    ] {
        let mut rig = Rig::new();
        for (place, address) in ["203.0.113.7", "203.0.113.8", "203.0.113.7"]
            .into_iter()
            .enumerate()
        {
            rig.learn(place, Some(address));
        }
        rig.ban(0, ban);
        assert_eq!(rig.take(&[]), left);
    }
}

#[test]
fn a_connection_keeps_apart_from_one_that_was_made_before_its_address_was_known() {
    let mut rig = Rig::new();
    let first = [stated(&rig.members[0])];
    assert_eq!(rig.take(&first), HashSet::from([1, 2]));
    rig.learn(0, Some("203.0.113.7"));
    assert_eq!(rig.take(&first), HashSet::from([1, 2]));
    rig.learn(1, Some("203.0.113.7"));
    assert_eq!(rig.take(&first), HashSet::from([2]));
    rig.learn(1, None);
    assert_eq!(rig.take(&first), HashSet::from([1, 2]));
}
