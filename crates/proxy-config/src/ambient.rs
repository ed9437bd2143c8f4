//! The proxies in the environment variables that programs share, such as `HTTPS_PROXY`.

use std::ffi::OsString;

use crate::connection_proxies::ProxyRule;
use crate::destination::Destination;
use crate::error::{ConfigErrors, Problems};
use crate::no_proxy::NoProxy;
use crate::origin::Origin;
use crate::proxy_config::ProxyConfig;
use crate::proxy_url::ProxyUrl;

const HTTPS_PROXY: [&str; 2] = ["https_proxy", "HTTPS_PROXY"];
const HTTP_PROXY: [&str; 2] = ["http_proxy", "HTTP_PROXY"];
const ALL_PROXY: [&str; 2] = ["all_proxy", "ALL_PROXY"];
const NO_PROXY: [&str; 2] = ["no_proxy", "NO_PROXY"];

static EXEMPT: ProxyRule = ProxyRule::Direct;

/// The proxies in the environment variables that programs share: `HTTPS_PROXY`, `HTTP_PROXY`,
/// `ALL_PROXY` and `NO_PROXY`. They apply after the default, and only if `from_env` is set.
///
/// The variables mean what they mean to curl:
///
/// - `HTTPS_PROXY` is for `https` and `wss` targets, `HTTP_PROXY` for `http` and `ws` targets, and
///   `ALL_PROXY` for those that have none.
/// - A name in lower case takes precedence over the same name in upper case. Unlike with curl,
///   `HTTP_PROXY` counts too: this is not a CGI program, whose clients could set it.
/// - An empty variable counts as unset. A URL without a scheme is that of an `http` proxy.
/// - Hosts in `NO_PROXY` are reached directly: `*`, `example.com` with all names below it (with or
///   without a dot before it), `192.0.2.1`, `2001:db8::1`, `192.0.2.0/24`. Unlike with curl, a
///   port may follow a host: `example.com:443`. Names are not resolved to compare them with
///   addresses.
///
/// A proxy without a port is an error, where curl would take 1080.
///
/// ```
/// use proxy_config::{AmbientProxies, Destination, Host, ProxyRule};
///
/// let ambient = AmbientProxies::from_variables([
///     ("HTTPS_PROXY", "proxy.example:3128"),
///     ("NO_PROXY", "localhost, .internal.example"),
/// ])?;
/// let host = Host::parse("api.exchange.example").unwrap();
/// let rule = ambient.rule(Some(&Destination::tls(&host, 443))).unwrap();
/// assert_eq!(rule.to_string(), "http://proxy.example:3128");
///
/// let host = Host::parse("mock.internal.example").unwrap();
/// assert_eq!(ambient.rule(Some(&Destination::tls(&host, 443))), Some(&ProxyRule::Direct));
/// # Ok::<(), proxy_config::ConfigErrors>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AmbientProxies {
    https: Option<AmbientProxy>,
    http: Option<AmbientProxy>,
    exempt: Option<NoProxy>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct AmbientProxy {
    variable: &'static str,
    rule: ProxyRule,
}

impl AmbientProxies {
    /// The proxies of environment variables: names and values. Others are not looked at.
    ///
    /// # Errors
    /// [`ConfigErrors`] has every variable that is not a proxy URL.
    pub fn from_variables<N, V>(
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, ConfigErrors>
    where
        N: Into<OsString>,
        V: Into<OsString>,
    {
        let variables: Vec<_> = variables
            .into_iter()
            .filter_map(|(name, value)| Some((name.into().into_string().ok()?, value.into())))
            .collect();
        let problems = Problems::default();
        let ambient = Self::read(&variables, "", &problems);
        problems.or(ambient)
    }

    /// Reports errors at `path`.
    pub(crate) fn read(variables: &[(String, OsString)], path: &str, problems: &Problems) -> Self {
        let [https, http] = [HTTPS_PROXY, HTTP_PROXY]
            .map(|names| first_set(variables, names.into_iter().chain(ALL_PROXY)));
        let proxy = |(variable, value): (&'static str, &OsString)| {
            let rule = parse(value)
                .map_err(|error| problems.report(path, Some(Origin::variable(variable)), error))
                .ok()?;
            Some(AmbientProxy { variable, rule })
        };
        // Never an error: other programs use forms that this one does not know.
        let exempt = first_set(variables, NO_PROXY);
        let https_proxy = https.and_then(proxy);
        Self {
            // `ALL_PROXY` for both is parsed once, so that an error in it is reported once.
            http: if http == https {
                https_proxy.clone()
            } else {
                http.and_then(proxy)
            },
            https: https_proxy,
            exempt: exempt
                .map(|(variable, value)| NoProxy::parse(variable, &value.to_string_lossy())),
        }
    }

    /// Whether a variable of that name is looked at.
    pub(crate) fn is_variable(name: &str) -> bool {
        [HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY]
            .as_flattened()
            .contains(&name)
    }

    /// Whether there is no proxy.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.https.is_none() && self.http.is_none()
    }

    /// The rule for `destination`, if a variable has a proxy for it. If the destination is unknown,
    /// only an exemption of everything counts, and either proxy is returned.
    #[must_use]
    pub fn rule(&self, destination: Option<&Destination<'_>>) -> Option<&ProxyRule> {
        self.choice(destination).map(|choice| choice.rule)
    }

    /// The variable that [`rule`](Self::rule) comes from.
    #[must_use]
    pub fn variable(&self, destination: Option<&Destination<'_>>) -> Option<&'static str> {
        self.choice(destination).map(|choice| choice.variable)
    }

    /// The variable that exempts destinations from the proxies, if it names any.
    #[must_use]
    pub fn exempting_variable(&self) -> Option<&'static str> {
        let exempt = self.exempt.as_ref();
        exempt
            .filter(|exempt| !exempt.is_empty())
            .map(NoProxy::variable)
    }

    fn choice(&self, destination: Option<&Destination<'_>>) -> Option<Choice<'_>> {
        let proxy = match destination {
            Some(destination) if destination.is_tls() => self.https.as_ref()?,
            Some(_) => self.http.as_ref()?,
            None => self.https.as_ref().or(self.http.as_ref())?,
        };
        let is_exempt = |exempt: &&NoProxy| match destination {
            Some(destination) => exempt.exempts(destination),
            None => exempt.exempts_everything(),
        };
        Some(match self.exempt.as_ref().filter(is_exempt) {
            Some(exempt) => Choice {
                variable: exempt.variable(),
                rule: &EXEMPT,
            },
            None => Choice {
                variable: proxy.variable,
                rule: &proxy.rule,
            },
        })
    }
}

/// The rule that applies, and the variable that it comes from.
struct Choice<'a> {
    variable: &'static str,
    rule: &'a ProxyRule,
}

/// The first of `names` that is set to something, and to what.
fn first_set(
    variables: &[(String, OsString)],
    names: impl IntoIterator<Item = &'static str>,
) -> Option<(&'static str, &OsString)> {
    names.into_iter().find_map(|name| {
        // Of several values of one name, the one that was added last counts.
        let mut settings = variables.iter().rev();
        let (_, value) = settings.find(|(variable, _)| variable == name)?;
        (!value.is_empty()).then_some((name, value))
    })
}

fn parse(value: &OsString) -> Result<ProxyRule, String> {
    let url = value.to_str().ok_or("the value is not valid UTF-8")?;
    let url = match url.contains("://") {
        true => ProxyUrl::parse(url),
        false => ProxyUrl::parse(&format!("http://{url}")),
    };
    let url = url.map_err(|error| error.to_string())?;
    Ok(ProxyConfig::new(url).into())
}
