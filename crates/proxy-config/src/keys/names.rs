//! The names of keys with their own readers.

/// The key that turns the rest of the section on or off.
pub(crate) const ENABLED: &str = "enabled";
pub(crate) const DEFAULT: &str = "default";
pub(crate) const EXCHANGES: &str = "exchanges";
pub(crate) const FROM_ENV: &str = "from_env";
pub(crate) const EGRESS_URL: &str = "egress_url";

pub(crate) const URL: &str = "url";
pub(crate) const TIMEOUT_SECONDS: &str = "timeout_seconds";
pub(crate) const USERNAME: &str = "username";
pub(crate) const PASSWORD: &str = "password";
pub(crate) const PASSWORD_FILE: &str = "password_file";
pub(crate) const HEADERS: &str = "headers";
pub(crate) const HEADERS_FILE: &str = "headers_file";
pub(crate) const BIND: &str = "bind";
pub(crate) const EGRESS: &str = "egress";
pub(crate) const TRUST: &str = "tls";
pub(crate) const CA_FILE: &str = "ca_file";
pub(crate) const VIA: &str = "via";
pub(crate) const CHOICE: &str = "pool";
pub(crate) const BREAKER: &str = "breaker";
pub(crate) const HEALTH_CHECK: &str = "health_check";
pub(crate) const PROXIES: &str = "proxies";
pub(crate) const SOURCE: &str = "source";
pub(crate) const FILE: &str = "file";
pub(crate) const PROGRAM: &str = "program";
pub(crate) const PROXY: &str = "proxy";
