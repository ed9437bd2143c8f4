//! Fields that say the same thing in different ways, so that only one of them can be set.

/// A field, and the fields whose place it takes: a source that sets the one sets the others to
/// nothing. A source that sets both is wrong.
const IN_PLACE_OF: [(&str, &[&str]); 4] = [
    ("password", &["password_file"]),
    ("password_file", &["password"]),
    ("url", &["pool"]),
    (
        "pool",
        &[
            "url",
            "username",
            "password",
            "password_file",
            "tls",
            "handshake",
            "quick_ack",
        ],
    ),
];

/// The fields whose place `field` takes.
pub(crate) fn replaced_by(field: &str) -> &'static [&'static str] {
    let entry = IN_PLACE_OF.iter().find(|(name, _)| *name == field);
    entry.map_or(&[], |(_, replaced)| *replaced)
}

/// Whether one of two fields takes the other's place.
pub(crate) fn are_exclusive(one: &str, other: &str) -> bool {
    replaced_by(one).contains(&other) || replaced_by(other).contains(&one)
}
