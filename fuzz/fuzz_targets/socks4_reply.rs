#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::socks4_reply(data));
