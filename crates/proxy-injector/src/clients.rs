//! The REST clients of a session.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::uri::{Authority, Scheme};
use http::{Request, Response, Uri};
use proxy_config::{Exit, ProxySettings};
use tokio::runtime::{self, Handle};
use transport::HttpError;
use transport_http::HttpClient;

use crate::metrics::RequestMeter;
use crate::routed::RoutedDialer;

/// Sends requests by one exit.
pub(crate) struct Client {
    pub(crate) http: HttpClient<Arc<RoutedDialer>>,
    pub(crate) meter: RequestMeter,
}

impl Client {
    /// As [`HttpClient::send_within`].
    pub(crate) async fn send_within(
        &self,
        request: Request<Bytes>,
        connect: Duration,
    ) -> Result<Response<Bytes>, HttpError> {
        let request = self.http.send_within(request, connect);
        self.meter.measure(request, Response::status).await
    }
}

/// How many places are remembered. A session asks few.
const MOST_PLACES: usize = 16;

/// How many runtimes have clients of their own. A program has one or two; tests have one each.
const MOST_RUNTIMES: usize = 16;

/// The clients since the last reload, by the runtime that uses them.
// The connections of a client are tasks and sockets of the runtime that made them. From another one,
// a request would wait for ever for a runtime that is alive and not running.
#[derive(Default)]
pub(crate) struct Clients(Vec<(runtime::Id, OfRuntime)>);

/// The clients of one runtime.
#[derive(Default)]
struct OfRuntime {
    /// One for each exit, with TLS to the exchange or without.
    made: HashMap<(Exit, bool), Arc<Client>>,
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
    /// The client that uses `exit`.
    pub(crate) fn get(&self, exit: &Exit, is_tls: bool) -> Option<Arc<Client>> {
        self.here()?.made.get(&(exit.clone(), is_tls)).cloned()
    }

    /// What this runtime has.
    fn here(&self) -> Option<&OfRuntime> {
        let here = Handle::current().id();
        let mut all = self.0.iter();
        all.find(|(id, _)| *id == here).map(|(_, clients)| clients)
    }

    /// What this runtime has, at the end of the list. The one that has added nothing for the longest
    /// time makes room for a new one.
    fn here_mut(&mut self) -> &mut OfRuntime {
        let here = Handle::current().id();
        let place = self.0.iter().position(|(id, _)| *id == here);
        let clients = match place {
            Some(place) => self.0.remove(place).1,
            None => OfRuntime::default(),
        };
        if self.0.len() >= MOST_RUNTIMES {
            self.0.remove(0);
        }
        self.0.push((here, clients));
        let Some((_, clients)) = self.0.last_mut() else {
            unreachable!("it has just been added");
        };
        clients
    }

    /// Keeps `client`, unless somebody was quicker, and returns the one to share.
    pub(crate) fn add(&mut self, exit: Exit, is_tls: bool, client: Arc<Client>) -> Arc<Client> {
        let made = &mut self.here_mut().made;
        Arc::clone(made.entry((exit, is_tls)).or_insert(client))
    }

    /// Forgets the clients through `proxies`, and returns them.
    pub(crate) fn forget(&mut self, exits: &HashSet<Exit>) -> Vec<Arc<Client>> {
        let is_gone = |(exit, _): &(Exit, bool), _: &mut Arc<Client>| exits.contains(exit);
        let runtimes = self.0.iter_mut().map(|(_, clients)| clients);
        let gone = runtimes.flat_map(|clients| clients.made.extract_if(is_gone));
        gone.map(|(_, client)| client).collect()
    }

    /// What sends a request for `uri`, if that is remembered and `settings` are the same.
    pub(crate) fn recall(&self, uri: &Uri, settings: &Arc<ProxySettings>) -> Option<Arc<Client>> {
        let mut places = self.here()?.places.iter();
        let place = places.find(|place| place.is_of(uri))?;
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
        let places = &mut self.here_mut().places;
        places.retain(|place| !place.is_of(uri));
        if places.len() >= MOST_PLACES {
            places.remove(0);
        }
        places.push(Place {
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
            .field("runtimes", &self.0.len())
            .finish_non_exhaustive()
    }
}
