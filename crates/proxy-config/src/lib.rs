//! Validated proxy settings: URLs, credentials, sources and their precedence.
