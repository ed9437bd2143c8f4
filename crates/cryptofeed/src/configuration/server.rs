//! The keys of a NATS server.

use std::borrow::Cow;

use proxy_config::{Node, Table};
use serde_json::json;
use sinks::{NatsLogin, NatsServer, NatsUrl};

use super::keys::Key;
use super::tls;

pub(super) const URL: &str = "url";
const USERNAME: &str = "username";
pub(super) const PASSWORD: &str = "password_file";
pub(super) const TOKEN: &str = "token_file";
pub(super) const CA_FILE: &str = "ca_file";

pub(super) const URL_KEY: Key = Key {
    name: URL,
    about: Cow::Borrowed(
        "The address of the server, or of several of a cluster with commas between them. `tls://` demands TLS.",
    ),
    schema: || json!({"type": "string", "pattern": "^(nats|tls)://"}),
    cells: [
        "`nats://host:port` or `tls://host:port`",
        "required",
        "*expected an address like …*, *a login does not belong into the address*",
    ],
};

pub(super) const USERNAME_KEY: Key = Key {
    name: USERNAME,
    about: Cow::Borrowed("The user name, together with `password_file`."),
    schema: || json!({"type": "string", "minLength": 1}),
    cells: [
        "text",
        "none",
        "*`username` and `password_file` belong together*",
    ],
};

pub(super) const PASSWORD_KEY: Key = Key {
    name: PASSWORD,
    about: Cow::Borrowed("A file with the password."),
    schema: || json!({"type": "string", "minLength": 1}),
    cells: [
        "path of a file",
        "none",
        "*could not be read*, *is empty*, *is not UTF-8*",
    ],
};

pub(super) const TOKEN_KEY: Key = Key {
    name: TOKEN,
    about: Cow::Borrowed("A file with a token, instead of a user name and a password."),
    schema: || json!({"type": "string", "minLength": 1}),
    cells: [
        "path of a file",
        "none",
        "*could not be read*, *is empty*, *is not UTF-8*",
    ],
};

pub(super) const CA_FILE_KEY: Key = Key {
    name: CA_FILE,
    about: Cow::Borrowed(
        "PEM file of the certificate authorities to trust for this server, instead of the platform's.",
    ),
    schema: || json!({"type": "string", "minLength": 1}),
    cells: [
        "path of a PEM file",
        "the platform's",
        "*could not be read*, *cannot be used*",
    ],
};

/// The server of a table that has these keys, among others.
pub(super) fn read(fields: &Table<'_>, node: &Node<'_>) -> Option<NatsServer> {
    // Each reports its own error.
    let url = fields
        .required(URL)
        .and_then(|node| node.parse(NatsUrl::parse));
    let login = login(fields, node);
    let ca_file = match fields.field(CA_FILE) {
        Some(node) => tls::authorities(&node)
            .and_then(|_| node.file_path())
            .map(Some),
        None => Some(None),
    };
    Some(NatsServer {
        url: url?,
        login: login?,
        ca_file: ca_file?,
    })
}

fn login(fields: &Table<'_>, node: &Node<'_>) -> Option<NatsLogin> {
    let username = fields.field(USERNAME);
    let (password, token) = (fields.field(PASSWORD), fields.field(TOKEN));
    match (username, password, token) {
        (None, None, None) => Some(NatsLogin::None),
        (Some(username), Some(password), None) => {
            let username = username.text().map(str::to_owned);
            let password = secret(&password);
            Some(NatsLogin::Password {
                username: username?,
                password: password?,
            })
        }
        (None, None, Some(token)) => secret(&token).map(NatsLogin::Token),
        (_, _, None) => {
            node.report("`username` and `password_file` belong together; set both or none");
            None
        }
        (_, _, Some(_)) => {
            node.report("`token_file` stands instead of `username` and `password_file`");
            None
        }
    }
}

fn secret(node: &Node<'_>) -> Option<String> {
    let secret = String::from_utf8(node.read_secret()?);
    if secret.is_err() {
        node.report("is not UTF-8, which a NATS server takes");
    }
    secret.ok()
}
