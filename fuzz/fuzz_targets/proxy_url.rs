//! Any text as a proxy URL: no panic, and no error shows what may be a secret.
#![no_main]

use libfuzzer_sys::fuzz_target;
use proxy_config::ProxyUrl;

fuzz_target!(|text: &str| {
    match ProxyUrl::parse(text) {
        Ok(url) => {
            let redacted = url.to_string();
            assert_eq!(redacted, format!("{url:?}"));
            let has_credentials = url.credentials().is_some();
            assert_eq!(redacted.contains("***@"), has_credentials);
            if !has_credentials {
                assert_eq!(ProxyUrl::parse(&redacted).as_ref(), Ok(&url));
            }
        }
        Err(error) => {
            let userinfo = text.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@'));
            if let Some((userinfo, _)) = userinfo.filter(|(userinfo, _)| userinfo.len() > 12) {
                assert!(!error.to_string().contains(userinfo));
            }
        }
    }
});
