//! Reading a configuration: files, variables and settings in code, merged into validated types.

mod blank;
mod deserialize;
mod file_name;
mod fill;
mod json_schema;
mod node;
mod read;
mod read_direct;
mod read_headers;
mod read_pool;
mod read_server;
mod read_source;
mod references;
mod secret_file;
mod section;
mod section_fault;
mod shape;
mod sources;
mod suggestion;

pub use json_schema::json_schema;
pub use node::{Node, Table};
pub(crate) use sources::{Budget, list_entries};
pub use sources::{Document, Loaded, RuleOrigins, Sources};
pub use suggestion::nearest;
