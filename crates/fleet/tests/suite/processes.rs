//! Collectors as processes at a real server.

use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use fleet::{CollectorId, Fleet, Role, ShardCount, Stores, Terms};
use testkit::{Link, LinkFault};
use tokio::time::sleep;

use crate::nats_server::NatsServer;

const URL: &str = "FLEET_TEST_URL";
const SHARDS: u16 = 30;
const LEASE: Duration = Duration::from_secs(3);

/// What a collector has said of a shard last: whether it is the owner, and its fence.
type Said = BTreeMap<u16, (bool, u64)>;

/// The part of a collector, in a process of its own.
#[tokio::test]
#[ignore = "a part that another test starts as a process"]
async fn a_collector_plays_its_part() {
    let Ok(url) = env::var(URL) else {
        return;
    };
    let terms = Terms::new(LEASE).unwrap();
    let shards = ShardCount::new(SHARDS).unwrap();
    let stores = Stores::connect(&url, "processes", shards, terms).await;
    let own = CollectorId::new_run_of("test");
    let mut fleet = Fleet::join(stores.unwrap(), own, shards, terms);
    while let Some((shard, role)) = fleet.next().await {
        fleet.ready(shard);
        match role {
            Role::Own(fence) => println!("said {shard} 1 {}", fence.0),
            Role::Linger(fence) => println!("said {shard} 0 {}", fence.0),
            Role::Warm | Role::Off => println!("said {shard} 0 0"),
        }
    }
}

/// A collector as a process, which is killed when this is dropped.
struct Process {
    child: Child,
    said: Arc<Mutex<Said>>,
}

impl Process {
    fn start(url: &str) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "processes::a_collector_plays_its_part"])
            .args(["--ignored", "--nocapture"])
            .env(URL, url)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = Arc::new(Mutex::new(Said::new()));
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let heard = Arc::clone(&said);
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let Some((_, words)) = line.split_once("said ") else {
                    continue;
                };
                let mut words = words.split(' ').map(|word| word.parse::<u64>().unwrap());
                let mut next = || words.next().unwrap();
                let (shard, is_owner, fence) = (next(), next() == 1, next());
                let shard = u16::try_from(shard).unwrap();
                heard.lock().unwrap().insert(shard, (is_owner, fence));
            }
        });
        Self { child, said }
    }

    /// The shards that it publishes as their owner, with its fences.
    fn owned(&self) -> BTreeMap<u16, u64> {
        let said = self.said.lock().unwrap();
        let owned = said.iter().filter(|(_, (is_owner, _))| *is_owner);
        owned.map(|(shard, (_, fence))| (*shard, *fence)).collect()
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(status.unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until each shard has one owner among `processes`, and each of them has some.
async fn settled(processes: &[&Process]) {
    let start = Instant::now();
    loop {
        let owned: Vec<_> = processes.iter().map(|it| it.owned()).collect();
        let mut shards: Vec<_> = owned.iter().flat_map(BTreeMap::keys).collect();
        shards.sort_unstable();
        let all: Vec<_> = (0..SHARDS).collect();
        if shards.into_iter().eq(&all) && !owned.iter().any(BTreeMap::is_empty) {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{owned:?}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Asserts that what was had is had by others with higher fences.
fn assert_fenced(before: &BTreeMap<u16, u64>, others: &[&Process]) {
    let others: BTreeMap<_, _> = others.iter().flat_map(|it| it.owned()).collect();
    for (shard, fence) in before {
        assert!(others[shard] > *fence, "{shard}");
    }
}

#[tokio::test]
async fn the_shards_of_one_that_is_killed_are_with_the_others_within_the_lease() {
    let Some(server) = NatsServer::start().await else {
        return;
    };
    let [one, two, three] = [0; 3].map(|_| Process::start(&server.url()));
    settled(&[&one, &two, &three]).await;
    // What was handed over has settled, too.
    sleep(LEASE).await;
    let lost = three.owned();
    let killed_at = Instant::now();
    drop(three);
    settled(&[&one, &two]).await;
    let took = killed_at.elapsed();
    println!("{} of {SHARDS} shards after {took:?}", lost.len());
    // With some time for a machine that is busy.
    assert!(took < LEASE * 2, "{took:?}");
    assert_fenced(&lost, &[&one, &two]);
}

#[tokio::test]
async fn one_that_is_stopped_comes_back_fenced() {
    let Some(server) = NatsServer::start().await else {
        return;
    };
    let [one, two] = [0; 2].map(|_| Process::start(&server.url()));
    settled(&[&one, &two]).await;
    sleep(LEASE).await;
    let before = two.owned();
    two.signal("STOP");
    settled(&[&one]).await;
    assert_eq!(two.owned(), before, "it knows nothing of it");
    assert_fenced(&before, &[&one]);
    two.signal("CONT");
    let start = Instant::now();
    while before
        .iter()
        .any(|(shard, fence)| two.owned().get(shard) == Some(fence))
    {
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "{:?}",
            two.owned()
        );
        sleep(Duration::from_millis(20)).await;
    }
    settled(&[&one, &two]).await;
}

#[tokio::test]
async fn one_that_is_cut_off_goes_on_and_comes_back_fenced() {
    let Some(server) = NatsServer::start().await else {
        return;
    };
    let link = Link::start(server.address()).await.unwrap();
    let one = Process::start(&server.url());
    let two = Process::start(&format!("nats://{}", link.address()));
    settled(&[&one, &two]).await;
    sleep(LEASE).await;
    let before = two.owned();
    link.inject(LinkFault::Stall).await.unwrap();
    settled(&[&one]).await;
    assert_eq!(two.owned(), before, "it goes on with what it has");
    assert_fenced(&before, &[&one]);
    link.clear().await.unwrap();
    let start = Instant::now();
    while before
        .iter()
        .any(|(shard, fence)| two.owned().get(shard) == Some(fence))
    {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "{:?}",
            two.owned()
        );
        sleep(Duration::from_millis(20)).await;
    }
    settled(&[&one, &two]).await;
}
