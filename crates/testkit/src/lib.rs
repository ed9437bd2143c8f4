//! Mock exchanges, real proxies and recording dialers for tests and the demo.
