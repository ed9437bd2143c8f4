#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::backpack_message(data));
