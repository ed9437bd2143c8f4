//! Any bytes as the answer to CONNECT.
#![no_main]

use fuzz::assert_cut_makes_no_difference;
use libfuzzer_sys::fuzz_target;
use transport::Target;
use transport_tunnel::codec::Connect;

fuzz_target!(|data: &[u8]| {
    let target = Target::parse("h.example", 443).expect("a target");
    assert_cut_makes_no_difference(|| Connect::new(target.endpoint(), None), data);
});
