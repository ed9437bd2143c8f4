//! Any bytes as the answers of a SOCKS5 proxy.
#![no_main]

use fuzz::assert_cut_makes_no_difference;
use libfuzzer_sys::fuzz_target;
use proxy_config::Credentials;
use transport::Target;
use transport_tunnel::codec::Socks5;

fuzz_target!(|data: &[u8]| {
    let target = Target::parse("h.example", 443).expect("a target");
    let credentials = Credentials::new("alice", Some("secret"));
    assert_cut_makes_no_difference(
        || Socks5::new(target.endpoint(), Some(&credentials)).expect("a request"),
        data,
    );
});
