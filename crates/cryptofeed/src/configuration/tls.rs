//! The section `tls`.

use std::error::Error;
use std::path::{Path, PathBuf};

use proxy_config::Node;
use transport_tunnel::TlsTrust;

use crate::failure::chain;

pub(super) const SECTION: &str = "tls";

/// The platform's certificate authorities and those of `ca_file`, if there is one.
pub(super) fn read(node: &Node<'_>, configuration_file: Option<&Path>) -> Option<TlsTrust> {
    let ca_file = node.table(&["ca_file"])?.field("ca_file")?;
    let path = relative_to_its_file(&ca_file, configuration_file)?;
    TlsTrust::platform()
        .with_ca_file(path)
        .map_err(|error| ca_file.report(cause(&error)))
        .ok()
}

/// A path in a file is relative to the folder of that file, one in a variable to the working
/// directory.
fn relative_to_its_file(node: &Node<'_>, configuration_file: Option<&Path>) -> Option<PathBuf> {
    let path = Path::new(node.text()?);
    let stands_in = |file: &&Path| {
        let origin = node.origin().unwrap_or_default();
        let position = origin.strip_prefix(&*file.to_string_lossy());
        position.is_some_and(|position| position.starts_with(':'))
    };
    let folder = configuration_file.filter(stands_in).and_then(Path::parent);
    Some(folder.map_or_else(|| path.to_owned(), |folder| folder.join(path)))
}

/// Why the file cannot be used, without its path, which may be a misplaced secret.
fn cause(error: &(dyn Error + 'static)) -> String {
    match error.source() {
        Some(cause) => format!("cannot be used: {}", chain(cause)),
        None => "cannot be used".to_owned(),
    }
}
