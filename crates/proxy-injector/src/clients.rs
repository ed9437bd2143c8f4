//! The REST clients of a session.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use http::Uri;
use http::uri::{Authority, Scheme};
use proxy_config::{ProxyConfig, ProxySettings};
use transport_http::HttpClient;

use crate::routed::RoutedDialer;

pub(crate) type Client = HttpClient<Arc<RoutedDialer>>;

/// How many places are remembered. A session asks few.
const MOST_PLACES: usize = 16;

/// The clients since the last reload.
#[derive(Default)]
pub(crate) struct Clients {
    /// One for each proxy, and for none, with TLS to the exchange or without.
    made: HashMap<(Option<ProxyConfig>, bool), Arc<Client>>,
    /// The places with one route each, so that it is not looked up for every request.
    places: Vec<Place>,
}

/// Where a request goes, and what sends it there under certain settings.
struct Place {
    scheme: Scheme,
    authority: Authority,
    settings: Arc<ProxySettings>,
    client: Arc<Client>,
}

impl Place {
    fn is_of(&self, uri: &Uri) -> bool {
        let authority = uri.authority().map(Authority::as_str);
        authority == Some(self.authority.as_str()) && uri.scheme() == Some(&self.scheme)
    }
}

impl Clients {
    /// The client through `proxy`, or through none.
    pub(crate) fn get(&self, proxy: Option<&ProxyConfig>, is_tls: bool) -> Option<Arc<Client>> {
        self.made.get(&(proxy.cloned(), is_tls)).cloned()
    }

    /// Keeps `client`, unless somebody was quicker, and returns the one to share.
    pub(crate) fn add(
        &mut self,
        proxy: Option<ProxyConfig>,
        is_tls: bool,
        client: Arc<Client>,
    ) -> Arc<Client> {
        Arc::clone(self.made.entry((proxy, is_tls)).or_insert(client))
    }

    /// What sends a request for `uri`, if that is remembered and `settings` are the same.
    pub(crate) fn recall(&self, uri: &Uri, settings: &Arc<ProxySettings>) -> Option<Arc<Client>> {
        let place = self.places.iter().find(|place| place.is_of(uri))?;
        Arc::ptr_eq(&place.settings, settings).then(|| Arc::clone(&place.client))
    }

    /// Remembers that `client` sends the requests for `uri`, for as long as `settings` apply.
    pub(crate) fn remember(
        &mut self,
        uri: &Uri,
        settings: &Arc<ProxySettings>,
        client: &Arc<Client>,
    ) {
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return;
        };
        self.places.retain(|place| !place.is_of(uri));
        if self.places.len() >= MOST_PLACES {
            self.places.remove(0);
        }
        self.places.push(Place {
            scheme: scheme.clone(),
            authority: authority.clone(),
            settings: Arc::clone(settings),
            client: Arc::clone(client),
        });
    }
}

/// Does not show the places: an authority may hold a login.
impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients")
            .field("made", &self.made)
            .finish_non_exhaustive()
    }
}
