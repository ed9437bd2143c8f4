//! The crate as its users see it.

#[cfg(test)]
mod ambient;
#[cfg(test)]
mod blank;
#[cfg(test)]
mod both_transports;
#[cfg(test)]
mod canaries;
#[cfg(test)]
mod chains;
mod config_crate;
#[cfg(test)]
mod cuts;
#[cfg(test)]
mod egress_url;
mod enabled;
#[cfg(test)]
mod environment;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod files;
#[cfg(test)]
mod formats;
#[cfg(test)]
mod handshakes;
#[cfg(test)]
mod headers;
#[cfg(test)]
mod json;
#[cfg(test)]
mod json_schema;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod lists;
#[cfg(test)]
mod local_addresses;
#[cfg(test)]
mod logins;
#[cfg(test)]
mod origins;
#[cfg(test)]
mod parity;
#[cfg(test)]
mod pool_sources;
#[cfg(test)]
mod pools;
#[cfg(test)]
mod precedence;
#[cfg(test)]
mod prefix;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod proxy_url;
#[cfg(test)]
mod reader;
#[cfg(test)]
mod section;
#[cfg(test)]
mod serde_forms;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod support;
#[cfg(test)]
mod toml;
#[cfg(test)]
mod trust;
#[cfg(test)]
mod variables;
#[cfg(test)]
#[cfg(unix)]
mod waiting;
