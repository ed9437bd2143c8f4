//! The tables of the `proxy` section, one entry for each key.
//!
//! Most keys need their entry and nothing else. A key that is read together with others
//! ([`Field::Joint`](super::Field)) has a reader in the loader, which uses its
//! [name](super::names).

use super::names::{
    self, BIND, CA_FILE, CHOICE, DEFAULT, EGRESS, EGRESS_URL, ENABLED, EXCHANGES, FROM_ENV,
    HEADERS, HEADERS_FILE, PASSWORD, PASSWORD_FILE, PROXIES, TIMEOUT_SECONDS, TRUST, URL, USERNAME,
    VIA,
};
use super::said::said;
use super::{Content, Entry, Replaces, Said, Words};
use crate::breaker_config::{self as breaker, BreakerConfig};
use crate::ca_file::CaFile;
use crate::connection_proxies::{ConnectionProxies, DIRECT, ProxyRule};
use crate::dial_options::{self, DialOptions};
use crate::exit::DirectExit;
use crate::handshake_mode::HandshakeMode;
use crate::health_check::{self as check, HealthCheck, HealthCheckMethod};
use crate::pool::{DEFAULT_WEIGHT, PoolConfig, PoolMember, PoolStrategy, WEIGHT};
use crate::pool_source::{self as source, ListRoute, PoolSource};
use crate::proxy_server::ProxyServer;
use crate::settings::ProxySettings;
use crate::transport::Transport;

/// The section.
pub(crate) static SETTINGS: [Entry<ProxySettings>; 6] = [
    Entry::boolean(
        ENABLED,
        false,
        "Whether proxies are used at all. Required if the section has any other key.",
        |settings: &ProxySettings| settings.says_enabled().then(|| settings.is_enabled()),
        ProxySettings::with_enabled,
    )
    .absent("none")
    .wrong(
        "*there are rules, but `enabled` is not set*; with `true` and no rule \
         anywhere: *enabled, but no proxy is configured*",
    ),
    Entry::boolean(
        "strict",
        false,
        "Whether a connection that no rule applies to is refused instead of made directly.",
        |settings: &ProxySettings| settings.says_strict().then(|| settings.is_strict()),
        ProxySettings::with_strict,
    ),
    Entry::joint(
        DEFAULT,
        Content::ConnectionProxies,
        "What applies where an exchange has no rule of its own.",
        |settings: &ProxySettings| settings.default_proxies().said(),
    ),
    Entry::joint(
        EXCHANGES,
        Content::Exchanges,
        "Rules of single exchanges, by exchange id. Names are case-insensitive.",
        |settings: &ProxySettings| {
            let exchanges = settings.exchanges();
            Said::table(exchanges.filter_map(|(id, proxies)| Some((id.as_str(), proxies.said()?))))
        },
    )
    .wrong(
        "*an exchange id consists of …*, *the exchange is given twice*; in the command, \
         *unknown exchange*",
    ),
    Entry::joint(
        FROM_ENV,
        Content::Boolean { default: false },
        "Whether HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY apply after the default.",
        |settings: &ProxySettings| {
            let is_wanted = settings.ambient().is_some();
            (settings.says_enabled() || is_wanted).then_some(Said::Boolean(is_wanted))
        },
    )
    .wrong("a variable that is not a proxy URL"),
    Entry::joint(
        EGRESS_URL,
        Content::HttpUrl,
        "A server that answers with the address of who asks, as plain text. `run` asks it once through each exit, \
         and counts budgets by the addresses.",
        |settings: &ProxySettings| settings.egress_url().map(Said::HttpUrl),
    )
    .absent("nobody is asked")
    .wrong("what is no URL, or has a login or a fragment"),
];

/// The rules of both transports.
pub(crate) static CONNECTION_PROXIES: [Entry<ConnectionProxies>; 2] = [
    Entry::joint(
        Transport::Http.as_str(),
        Content::ProxyRule,
        "The rule for REST requests.",
        |proxies: &ConnectionProxies| proxies.http().map(ProxyRule::said),
    )
    .alias("rest")
    .absent("inherited")
    .wrong(BOTH_NAMES),
    Entry::joint(
        Transport::WebSocket.as_str(),
        Content::ProxyRule,
        "The rule for WebSocket streams.",
        |proxies: &ConnectionProxies| proxies.websocket().map(ProxyRule::said),
    )
    .alias("ws")
    .absent("inherited")
    .wrong(BOTH_NAMES),
];

const BOTH_NAMES: &str = "both names: *… is given as well and means the same*";

/// The address of a proxy.
pub(crate) static URL_KEY: [Entry<ProxyServer>; 1] = [Entry::joint(
    URL,
    Content::Url,
    "Where the proxy is: scheme://host:port, or scheme://user:password@host:port with the user \
     name and the password percent-encoded.",
    |server: &ProxyServer| Some(Said::Url(server.url())),
)
.absent("required")
.wrong("see [proxy URLs](#proxy-urls)")
.replaces(Replaces::Keys(&[CHOICE, DIRECT]))];

/// The other keys of one proxy.
pub(crate) static SERVER: [Entry<ProxyServer>; 9] = [
    // The reader puts a login into the URL, so these three have nothing to return.
    Entry::joint(
        USERNAME,
        Content::Text,
        "The user name for the proxy, not encoded, instead of one in the URL.",
        |_: &ProxyServer| None,
    )
    .wrong("*`url` has credentials as well*; what the protocol cannot carry"),
    Entry::joint(
        PASSWORD,
        Content::Text,
        "The password for `username`, not encoded.",
        |_: &ProxyServer| None,
    )
    .wrong("*`password` requires `username`*, *`password` is given as well*")
    .replaces(Replaces::Keys(&[PASSWORD_FILE])),
    Entry::joint(
        PASSWORD_FILE,
        Content::File,
        "File that holds the password for `username`; newlines at its end are ignored. A relative \
         path starts from the folder of the file that contains it.",
        |_: &ProxyServer| None,
    )
    .wrong("*could not be read*, *is empty*, *is too large for a password* (64 KiB), *is UTF-16*")
    .replaces(Replaces::Keys(&[PASSWORD])),
    Entry::joint(
        HEADERS,
        Content::Headers,
        "Headers for an http or https proxy, sent to it alone with each request for a tunnel. Names are \
         case-insensitive and are sent in lower case.",
        |server: &ProxyServer| {
            let headers = server.headers();
            (!headers.is_empty()).then_some(Said::Headers(headers))
        },
    )
    .wrong(
        "*headers apply to http and https proxies only*, *the name of a header consists of …*, *the \
         header describes the connection itself*, *the value of a header must not …*, *the headers for \
         a proxy have more than 8 KiB*; of `Proxy-Authorization`: *a Basic login cannot be a header*, \
         *there is a user name as well*",
    ),
    // The reader adds them to the others.
    Entry::joint(
        HEADERS_FILE,
        Content::File,
        "File of further headers, one `name: value` in a line; empty lines and lines that begin with `#` \
         are ignored. A relative path starts from the folder of the file that contains it.",
        |_: &ProxyServer| None,
    )
    .wrong("those of `headers`, *could not be read*, *expected `name: value`*, *is too large for headers* (64 KiB), *is not UTF-8*"),
    Entry::joint(
        TRUST,
        Content::Tls,
        "Certificate authorities for an https proxy.",
        |server: &ProxyServer| Some(Said::Table(said(&TLS, server.authorities()?).collect())),
    )
    .wrong("*applies to https proxies only*"),
    Entry::word(
        "handshake",
        || words(HandshakeMode::ALL, HandshakeMode::as_str),
        "How much is sent before the proxy has answered: one step at a time, everything in one \
         flight, or the mode that works.",
        |server: &ProxyServer| {
            let mode = server.handshake();
            (mode != HandshakeMode::default()).then(|| mode.as_str())
        },
        |server, word| {
            let mode = named(word, HandshakeMode::ALL, HandshakeMode::as_str)?;
            Some(server.with_handshake(mode))
        },
    ),
    Entry::boolean(
        "quick_ack",
        false,
        "Whether data from the proxy is acknowledged at once, for a proxy that waits for that before \
         it sends more. Linux only.",
        |server: &ProxyServer| server.quick_ack().then_some(true),
        ProxyServer::with_quick_ack,
    )
    .wrong("*applies to the first proxy of the route only*, for a proxy behind `via`")
    .of_socket(),
    // Its reader also looks whether another proxy opens the socket.
    Entry::joint(
        BIND,
        Content::Bind,
        "The address of this machine, or on Linux the network interface, from which the proxy is \
         reached.",
        |server: &ProxyServer| Some(Said::Text(server.bind()?.to_string().into())),
    )
    .wrong(
        "*expected an address of this machine*, *applies to the first proxy of the route only*, for a \
         proxy behind `via`",
    ),
];

/// Where the connections of one proxy come from. A proxy before another one has no such place.
pub(crate) static EGRESS_KEY: [Entry<ProxyServer>; 1] = [Entry::joint(
    EGRESS,
    Content::Address,
    ABOUT_EGRESS,
    |server: &ProxyServer| Some(Said::Text(server.egress()?.to_string().into())),
)
.wrong(WRONG_EGRESS)];

const ABOUT_EGRESS: &str = "The address that exchanges see of these connections. They count their limits by it, so exits with the same \
     address share the budgets.";

const WRONG_EGRESS: &str = "*expected an IP address*";

/// Direct connections from a local address, in the place of a proxy.
// What has it adds it when it is serialized.
pub(crate) static DIRECT_KEY: [Entry<()>; 1] = [Entry::joint(
    DIRECT,
    Content::Direct,
    "Direct connections that begin at one address or network interface of this machine, instead of a \
     proxy. In a rule, the word alone means direct connections from anywhere.",
    |(): &()| None,
)
.wrong("*`direct` is given as well*; for a member of a pool behind `via`: *`via` applies to all members*")
.replaces(Replaces::Way)];

/// Direct connections from a local address.
pub(crate) static DIRECT_EXIT: [Entry<DirectExit>; 2] = [
    Entry::joint(
    BIND,
    Content::Bind,
    "The address of this machine, or on Linux the network interface, at which the connections begin.",
    |exit: &DirectExit| Some(Said::Text(exit.bind().to_string().into())),
)
.absent("required")
.wrong("*expected an address of this machine*"),
    Entry::joint(
        EGRESS,
        Content::Address,
        ABOUT_EGRESS,
        |exit: &DirectExit| Some(Said::Text(exit.egress()?.to_string().into())),
    )
    .wrong(WRONG_EGRESS),
];

/// The certificate authorities of one proxy.
pub(crate) static TLS: [Entry<CaFile>; 1] = [Entry::joint(
    CA_FILE,
    Content::File,
    "PEM file of certificate authorities to trust for this proxy, in addition to those trusted \
     everywhere. A relative path starts from the folder of the file that contains it.",
    |file: &CaFile| Some(Said::File(file.path())),
)
.absent("required")
.wrong("*could not be read*")];

/// The options of a dial through one proxy or a pool.
pub(crate) static DIAL: [Entry<DialOptions>; 1] = [Entry::integer(
    TIMEOUT_SECONDS,
    dial_options::TIMEOUT_SECONDS,
    dial_options::DEFAULT_TIMEOUT_SECONDS,
    "How long a whole dial through the proxy may take.",
    |options: &DialOptions| Some(options.timeout_seconds()),
    |mut options, seconds| {
        options.set_timeout_seconds(seconds).ok()?;
        Some(options)
    },
)];

/// The way to a proxy or a pool.
pub(crate) static ROUTE: [Entry<DialOptions>; 2] = [
    Entry::joint(
        VIA,
        Content::List(&Content::Server),
        "Proxies before this one, the nearest first. At most 16.",
        |options: &DialOptions| Said::list(options.via().iter().map(ProxyServer::said)),
    )
    .wrong("*`via` has more than 16 proxies*, a SOCKS4 proxy before one at an IPv6 address"),
    Entry::joint(
        CHOICE,
        Content::Pool,
        "Proxies to choose from for each connection, instead of `url` and its keys.",
        // A pool adds itself when it is serialized.
        |_: &DialOptions| None,
    )
    .wrong("*`pool` is given as well*")
    .replaces(Replaces::Server),
];

/// Proxies to choose from.
pub(crate) static POOL: [Entry<PoolConfig>; 5] = [
    Entry::word(
        "strategy",
        || words(PoolStrategy::ALL, PoolStrategy::as_str),
        "How to select: round robin, at random, the least busy proxy, or always the same one.",
        |pool: &PoolConfig| Some(pool.strategy().as_str()),
        |pool, word| {
            let strategy = named(word, PoolStrategy::ALL, PoolStrategy::as_str)?;
            Some(pool.with_strategy(strategy))
        },
    ),
    Entry::joint(
        PROXIES,
        Content::List(&Content::Member),
        "The proxies to choose from; at least one must be enabled.",
        |pool: &PoolConfig| match pool.source() {
            // They are the list's, and not of the configuration.
            Some(_) => None,
            None => Said::list(pool.members().iter().map(PoolMember::said)),
        },
    )
    .absent("required, unless there is a `source`")
    .wrong("*a pool needs at least one proxy that is enabled*, *the proxy is listed twice*")
    .replaces(Replaces::Keys(&[names::SOURCE])),
    Entry::joint(
        names::SOURCE,
        Content::Source,
        "Where a list of proxies is that changes while the program runs, instead of `proxies`.",
        |pool: &PoolConfig| pool.source().map(PoolSource::said),
    )
    .wrong("*`proxies` is given as well*, *only one of `file`, `url` and `program` can be given*")
    .replaces(Replaces::Keys(&[PROXIES])),
    Entry::joint(
        names::BREAKER,
        Content::Breaker,
        "When a proxy that fails is skipped, and for how long.",
        |pool: &PoolConfig| {
            let breaker = pool.breaker();
            (*breaker != BreakerConfig::default()).then(|| breaker.said())
        },
    )
    .absent("its defaults"),
    Entry::joint(
        names::HEALTH_CHECK,
        Content::HealthCheck,
        "How the proxies are checked while nobody uses them.",
        |pool: &PoolConfig| pool.health_check().map(HealthCheck::said),
    )
    .absent("no checks"),
];

/// When a pool stops using a member.
pub(crate) static BREAKER: [Entry<BreakerConfig>; 3] = [
    Entry::integer(
        "failures",
        breaker::FAILURES,
        breaker::DEFAULT_FAILURES,
        "After how many failures in a row a proxy is skipped.",
        |breaker: &BreakerConfig| Some(breaker.failures()),
        |breaker, failures| breaker.with_failures(failures).ok(),
    ),
    Entry::integer(
        "cooldown_seconds",
        breaker::COOLDOWN_SECONDS,
        breaker::DEFAULT_COOLDOWN_SECONDS,
        "How long it is skipped at first, until one connection may try it; twice as long each time \
         that this fails.",
        |breaker: &BreakerConfig| Some(breaker.cooldown_seconds()),
        |breaker, seconds| breaker.with_cooldown_seconds(seconds).ok(),
    ),
    Entry::integer(
        "max_cooldown_seconds",
        breaker::MAX_COOLDOWN_SECONDS,
        breaker::DEFAULT_MAX_COOLDOWN_SECONDS,
        "How long it is skipped at most; no less than `cooldown_seconds`.",
        |breaker: &BreakerConfig| Some(breaker.max_cooldown_seconds()),
        |breaker, seconds| breaker.with_max_cooldown_seconds(seconds).ok(),
    ),
];

/// How the members of a pool are checked.
pub(crate) static HEALTH_CHECK: [Entry<HealthCheck>; 4] = [
    Entry::word(
        "method",
        || words(HealthCheckMethod::ALL, HealthCheckMethod::as_str),
        "What a check does: connect to the proxy, open a tunnel through it to where the pool is used, or \
         send a request through that.",
        |check: &HealthCheck| Some(check.method().as_str()),
        |check, word| {
            let method = named(word, HealthCheckMethod::ALL, HealthCheckMethod::as_str)?;
            Some(check.with_method(method))
        },
    ),
    Entry::integer(
        "interval_seconds",
        check::INTERVAL_SECONDS,
        check::DEFAULT_INTERVAL_SECONDS,
        "The time from one check of a proxy to the next, a tenth more or less.",
        |check: &HealthCheck| Some(check.interval().as_secs()),
        |check, seconds| check.with_interval_seconds(seconds).ok(),
    ),
    Entry::integer(
        "timeout_seconds",
        check::CHECK_TIMEOUT_SECONDS,
        check::DEFAULT_CHECK_TIMEOUT_SECONDS,
        "How long a check may take.",
        |check: &HealthCheck| Some(check.timeout().as_secs()),
        |check, seconds| check.with_timeout_seconds(seconds).ok(),
    ),
    Entry::integer(
        "retries",
        check::RETRIES,
        check::DEFAULT_RETRIES,
        "How many checks in a row must fail for the proxy to be skipped.",
        |check: &HealthCheck| Some(check.retries()),
        |check, retries| check.with_retries(retries).ok(),
    ),
];

/// Where a pool gets its proxies from.
pub(crate) static SOURCE: [Entry<PoolSource>; 5] = [
    Entry::joint(
        names::FILE,
        Content::File,
        "File with the list: one URL a line, or a YAML list as in `proxies`. It may be missing at the \
         start. A relative path starts from the folder of the file that contains it.",
        |source: &PoolSource| source.file_path().map(Said::File),
    )
    .replaces(Replaces::Keys(&[URL, names::PROXY, names::PROGRAM])),
    Entry::joint(
        URL,
        Content::HttpUrl,
        "Where a list of the same form is fetched. Everything behind host and port is hidden.",
        |source: &PoolSource| source.list_url().map(|(url, _)| Said::HttpUrl(url)),
    )
    .wrong("*`url` requires `proxy`*; what is no URL, or has a login or a fragment")
    .replaces(Replaces::Keys(&[names::FILE, names::PROGRAM])),
    Entry::joint(
        names::PROXY,
        Content::ListRoute,
        "The way to the `url`: one proxy, or `direct`.",
        |source: &PoolSource| source.list_url().map(|(_, route)| ListRoute::said(route)),
    )
    .absent("required with `url`")
    .wrong("*applies to a list at a `url` only*"),
    Entry::joint(
        names::PROGRAM,
        Content::Name,
        "Name of a source that is part of the program. The command has none.",
        |source: &PoolSource| Some(Said::Text(source.program_name()?.into())),
    )
    .replaces(Replaces::Keys(&[names::FILE, URL, names::PROXY])),
    Entry::integer(
        "interval_seconds",
        source::INTERVAL_SECONDS,
        source::DEFAULT_INTERVAL_SECONDS,
        "The time from one look at the list to the next.",
        |source: &PoolSource| Some(source.interval_seconds()),
        |source, seconds| source.with_interval_seconds(seconds).ok(),
    ),
];

/// The keys of a proxy as a member of a pool.
pub(crate) static MEMBER: [Entry<PoolMember>; 2] = [
    Entry::integer(
        "weight",
        WEIGHT,
        DEFAULT_WEIGHT,
        "The share of the connections that this proxy gets, relative to the others of the pool.",
        |member| Some(member.weight()),
        |member, weight| member.with_weight(weight).ok(),
    ),
    Entry::boolean(
        "enabled",
        true,
        "Whether this proxy can be chosen.",
        |member| Some(member.is_enabled()),
        PoolMember::with_enabled,
    ),
];

fn words<T: Copy + Default, const N: usize>(all: [T; N], as_str: fn(T) -> &'static str) -> Words {
    Words {
        all: all.map(as_str).to_vec(),
        default: as_str(T::default()),
    }
}

fn named<T: Copy, const N: usize>(
    word: &str,
    all: [T; N],
    as_str: fn(T) -> &'static str,
) -> Option<T> {
    all.into_iter().find(|one| as_str(*one) == word)
}
