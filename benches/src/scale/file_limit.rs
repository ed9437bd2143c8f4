//! How many files a process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::error::Result;

/// Allows this process as many open files, and so connections, as the system lets it.
pub(crate) fn raise_file_limit() -> Result<()> {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let limit = Rlimit {
        current: maximum,
        maximum,
    };
    Ok(setrlimit(Resource::Nofile, limit)?)
}
