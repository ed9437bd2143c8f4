//! Files that hold a password.

use std::fmt;

use crate::loader::node::Node;

/// The largest file with a secret, in bytes.
// Proxies accept less: 255 bytes in SOCKS 5, and in HTTP what fits into a header.
const MOST_BYTES: usize = 64 * 1024;

/// The mark that some editors put before UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Reads the secret in the file whose path is the value. A byte order mark before it and newlines
/// after it, which editors and `echo` add, are not part of it.
pub(crate) fn read_secret(node: &Node<'_>) -> Option<Vec<u8>> {
    let content = node.read_file()?;
    let problem: &dyn fmt::Display = if content.len() > MOST_BYTES {
        &"is too large for a password: more than 64 KiB"
    } else if content.starts_with(b"\xFF\xFE") || content.starts_with(b"\xFE\xFF") {
        &"is UTF-16, which no proxy takes a password in; save it as UTF-8"
    } else {
        let mut secret = content.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&content);
        while let Some(line) = secret.strip_suffix(b"\n") {
            secret = line.strip_suffix(b"\r").unwrap_or(line);
        }
        if !secret.is_empty() {
            return Some(secret.to_owned());
        }
        &"is empty"
    };
    node.report_file(problem);
    None
}
