//! One session, used from several runtimes.

use std::thread;

use futures_util::StreamExt;
use proxy_config::{ConnectionProxies, ProxySettings};
use proxy_injector::Scope;
use testkit::{ExchangeTransport, MockProxy, ProxyKind};
use tokio::runtime::{Builder, Runtime};

use crate::world::{BINANCE, Injected, World, config, soon};

/// A runtime that runs only while somebody waits for it.
fn idle() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// The exchanges and a proxy, on a runtime of their own, and an injector.
fn start() -> (Runtime, World, MockProxy, Injected) {
    let servers = Runtime::new().unwrap();
    let (world, proxy) = servers.block_on(async {
        let world = World::start().await;
        let proxy = world.proxy(ProxyKind::Http, 2).start().await.unwrap();
        (world, proxy)
    });
    let rules = ConnectionProxies::both(config(&proxy));
    let injected = world.injector(ProxySettings::enabled().with_default(rules));
    (servers, world, proxy, injected)
}

fn rest_connections(world: &World) -> usize {
    world.connections(BINANCE, ExchangeTransport::Rest).len()
}

#[test]
fn each_runtime_has_connections_of_its_own_and_keeps_them() {
    let (_servers, world, _proxy, injected) = start();
    let rest = injected.exchange("binance").http();
    let runtimes = [idle(), idle()];
    // While one of them is alive and does not run, the other one goes on.
    for runtime in runtimes.iter().cycle().take(6) {
        runtime.block_on(world.echo(&rest, BINANCE)).unwrap();
    }
    assert_eq!(rest_connections(&world), 2);
    drop(runtimes);
    let third = idle();
    for _ in 0..2 {
        third.block_on(world.echo(&rest, BINANCE)).unwrap();
    }
    assert_eq!(rest_connections(&world), 3);
}

#[test]
fn many_short_runtimes_leave_nothing_behind_that_harms() {
    let (_servers, world, _proxy, injected) = start();
    let rest = injected.exchange("binance").http();
    let lasting = Runtime::new().unwrap();
    for _ in 0..20 {
        idle().block_on(world.echo(&rest, BINANCE)).unwrap();
    }
    lasting.block_on(world.echo(&rest, BINANCE)).unwrap();
    thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| idle().block_on(world.echo(&rest, BINANCE)).unwrap());
        }
    });
}

fn open(runtime: &Runtime, world: &World, scope: &Scope) -> transport::WebSocket {
    runtime.block_on(world.stream(&scope.websocket(), BINANCE))
}

#[test]
fn a_websocket_ends_with_its_runtime_and_says_so() {
    let (_servers, world, _proxy, injected) = start();
    let scope = injected.exchange("binance");
    let (first, second) = (Runtime::new().unwrap(), Runtime::new().unwrap());
    let mut socket = open(&first, &world, &scope);
    // It is read elsewhere while its runtime is there.
    second.block_on(async { soon(socket.next()).await.unwrap().unwrap() });
    drop(first);
    let error = second.block_on(async {
        loop {
            // What has been received is still there.
            if let Err(error) = soon(socket.next()).await.unwrap() {
                break error;
            }
        }
    });
    let error = transport::chain(&error).to_string();
    assert!(
        error.contains("the runtime that opened the connection has ended"),
        "{error}"
    );
    second.block_on(world.stream(&scope.websocket(), BINANCE));
}
