//! Any text as a configuration file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use proxy_config::Sources;

fuzz_target!(|text: &str| {
    if let Err(errors) = Sources::new().with_text("fuzz.yaml", text).load() {
        assert!(!errors.to_string().is_empty());
    }
});
