//! Any bytes as the answer of a SOCKS4a proxy.
#![no_main]

use fuzz::assert_cut_makes_no_difference;
use libfuzzer_sys::fuzz_target;
use transport_tunnel::codec::{Socks4, Socks4Address};

fuzz_target!(|data: &[u8]| {
    let name = Socks4Address::Name("h.example".to_owned());
    assert_cut_makes_no_difference(|| Socks4::new(&name, 443, None).expect("a request"), data);
});
