//! Environment variables of the Python cryptofeed that have no meaning here.

use super::prefix::Prefix;

/// Variables that do not concern proxies.
const HARMLESS: [&str; 3] = ["HTTP_TIMEOUT", "SYMBOL_FETCH_TIMEOUT", "LISTEN_KEY_TIMEOUT"];

/// The prefix of the variables of the original's own tests.
const TESTS: &str = "TEST_";

/// Whether a variable of the original, named without the prefix, can be ignored. The prefix of the
/// original is the default.
pub(super) fn is_harmless(rest: &str, prefix: &Prefix) -> bool {
    prefix.is_default() && (HARMLESS.contains(&rest) || rest.starts_with(TESTS))
}

/// What to set in place of a variable of the original that names a proxy. Passed over, it would
/// leave its connections direct.
pub(super) fn replacement(rest: &str, prefix: &Prefix) -> Option<String> {
    if rest == "HTTP_PROXY" {
        return Some(format!("{prefix}PROXY_DEFAULT__HTTP"));
    }
    let (exchange, proxies) = rest.strip_prefix("CCXT_")?.split_once("__")?;
    let transport = match proxies {
        "PROXIES__REST" => "HTTP",
        "PROXIES__WEBSOCKET" => "WEBSOCKET",
        _ => return None,
    };
    Some(format!("{prefix}PROXY_EXCHANGES__{exchange}__{transport}"))
}
