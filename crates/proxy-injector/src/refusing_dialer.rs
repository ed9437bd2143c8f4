//! The substitute for a dialer that cannot be built.

use std::sync::Arc;

use async_trait::async_trait;
use proxy_config::Exit;
use transport::{Connection, DialError, DialErrorKind, Dialer, Endpoint, Hop, Phase, Target};

use crate::dialer_factory::endpoint;
use crate::stack_request::StackError;

/// Fails every dial, because there is no dialer for the route.
// A dialer and not an error, so that the failure is one of the proxy: a pool then tries its next
// member, like after any other failure.
#[derive(Debug)]
pub(crate) struct RefusingDialer {
    proxy: Option<Endpoint>,
    error: Arc<StackError>,
}

impl RefusingDialer {
    pub(crate) fn new(exit: &Exit, error: StackError) -> Self {
        Self {
            proxy: exit.proxy().map(|proxy| endpoint(proxy.url())),
            error: Arc::new(error),
        }
    }
}

#[async_trait]
impl Dialer for RefusingDialer {
    async fn connect(&self, target: &Target) -> Result<Connection, DialError> {
        let hop = match &self.proxy {
            Some(proxy) => Hop::Proxy(proxy.clone()),
            None => Hop::Target(target.endpoint().clone()),
        };
        let error = Arc::clone(&self.error);
        Err(DialError::new(hop, Phase::Route, DialErrorKind::NoRoute).with_source(error))
    }
}
