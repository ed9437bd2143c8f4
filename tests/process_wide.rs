//! The process-wide injector. One test, because there is one process.

use proxy_config::{ConnectionProxies, ProxyConfig, ProxySettings};
use proxy_injector::{init_proxy_system, proxy_injector};

#[test]
fn it_is_there_while_the_system_is_enabled_and_gone_once_it_is_disabled() {
    assert!(proxy_injector().is_none());
    let proxy = ProxyConfig::new("http://proxy.example:8080".parse().unwrap());
    let rules = ConnectionProxies::both(proxy);
    let settings = ProxySettings::enabled().with_default(rules.clone());

    let made = init_proxy_system(settings.clone()).unwrap();
    assert_eq!(*proxy_injector().unwrap().settings(), settings);

    let disabled = ProxySettings::disabled().with_default(rules);
    assert!(init_proxy_system(disabled).is_none());
    assert!(proxy_injector().is_none());
    assert!(made.settings().is_enabled(), "who holds it keeps it");
}
