//! Files that hold a password.

use std::fmt;

use crate::loader::node::Node;

/// The bytes that a file with a secret may have. No protocol carries as many.
const MOST_BYTES: usize = 64 * 1024;

/// What some editors put before a text in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Reads the secret in the file whose path is the value. The mark that editors put before it and the
/// newlines that they and `echo` put after it are not part of it.
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
