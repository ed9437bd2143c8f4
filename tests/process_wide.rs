//! The process-wide injector. One test, because there is one process.

use std::sync::Arc;

use proxy_config::{ConnectionProxies, ExchangeId, ProxyConfig, ProxySettings, Transport};
use proxy_injector::{ReloadError, init_proxy_system, proxy_injector};
use proxy_resolve::{Route, RouteSource};

#[test]
fn it_is_there_while_the_system_is_enabled_and_gone_once_it_is_disabled() {
    assert!(proxy_injector().is_none());
    let proxy = ProxyConfig::new("http://proxy.example:8080".parse().unwrap());
    let rules = ConnectionProxies::both(proxy);
    let settings = ProxySettings::enabled().with_default(rules.clone());

    let unsaid = ProxySettings::default().with_default(rules.clone());
    assert_eq!(
        init_proxy_system(unsaid.clone()).unwrap_err(),
        ReloadError::NotEnabled
    );
    assert!(proxy_injector().is_none());

    let made = init_proxy_system(settings.clone()).unwrap().unwrap();
    assert_eq!(*proxy_injector().unwrap().settings(), settings);
    let kept = made.exchange(ExchangeId::new("binance").unwrap());

    for lost in [ProxySettings::default(), ProxySettings::enabled(), unsaid] {
        assert!(init_proxy_system(lost).is_err());
        assert_eq!(*proxy_injector().unwrap().settings(), settings);
    }

    let other = ProxyConfig::new("http://other.example:8080".parse().unwrap());
    let others = ProxySettings::enabled().with_default(ConnectionProxies::both(other.clone()));
    let again = init_proxy_system(others).unwrap().unwrap();
    assert!(Arc::ptr_eq(&made, &again));
    assert_eq!(kept.resolve(Transport::Http).route(), &Route::Proxy(other));

    let disabled = ProxySettings::disabled().with_default(rules);
    assert!(init_proxy_system(disabled).unwrap().is_none());
    assert!(proxy_injector().is_none());
    let decision = kept.resolve(Transport::Http);
    assert_eq!(
        decision.source(),
        RouteSource::Disabled,
        "what is kept follows"
    );
}
