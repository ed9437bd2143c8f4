//! The crate as its users see it.

#[cfg(test)]
mod environment;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod files;
#[cfg(test)]
mod precedence;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod proxy_url;
#[cfg(test)]
mod reader;
#[cfg(test)]
mod serde_forms;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod support;
