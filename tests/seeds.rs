//! What fuzzing starts from, and what it has found, as tests.

use std::fs;
use std::path::Path;

#[expect(unreachable_pub, reason = "to the fuzzer, it is a crate of its own")]
#[path = "../fuzz/lib.rs"]
mod fuzz;

fn each_seed_passes(target: &str, check: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/seeds")
        .join(target);
    let mut seeds = 0;
    for seed in fs::read_dir(folder).unwrap() {
        check(&fs::read(seed.unwrap().path()).unwrap());
        seeds += 1;
    }
    assert!(seeds > 0, "{target} has no seeds");
}

macro_rules! seeds_of {
    ($($target:ident),* $(,)?) => {
        $(#[test]
        fn $target() {
            each_seed_passes(stringify!($target), fuzz::$target);
        })*
    };
}

seeds_of![
    backpack_message,
    binance_message,
    connect_reply,
    egress_answer,
    fleet_entry,
    kraken_message,
    okx_message,
    proxy_list,
    proxy_url,
    quote,
    response_head,
    socks4_reply,
    socks5_reply,
    status_request,
    stored_lines,
    websocket_answer,
    websocket_frames,
    yaml_loader,
];
