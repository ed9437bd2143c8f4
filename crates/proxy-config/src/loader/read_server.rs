//! Reading one proxy: its address, login, headers, certificate authorities and handshake.

use crate::bind::Bind;
use crate::ca_file::CaFile;
use crate::credentials::Credentials;
use crate::keys::names::{BIND, CA_FILE, EGRESS, PASSWORD, PASSWORD_FILE, TRUST, URL, USERNAME};
use crate::keys::{Content, SERVER};
use crate::loader::fill::{Reach, fill, require_socket};
use crate::loader::node::{Node, Table};
use crate::loader::read_direct::egress;
use crate::loader::read_headers::Headers;
use crate::loader::secret_file::read_secret;
use crate::proxy_server::ProxyServer;
use crate::proxy_url::ProxyUrl;
use crate::scheme::Scheme;

pub(crate) fn server(fields: &Table<'_>, reach: Reach) -> Option<ProxyServer> {
    let url = fields.required(URL).and_then(|node| node.url());
    let login = Login::read(fields, url.as_ref());
    let ca_file = fields.field(TRUST).map(|node| ca_file(&node, url.as_ref()));
    let headers = Headers::read(fields);
    let bind = fields.field(BIND).map(|node| bind(&node, reach));
    // No key of a proxy before another one, whose tables are checked before.
    let egress = fields.field(EGRESS).map(|node| egress(&node));
    let mut server = fill(&SERVER, fields, reach, url.map(ProxyServer::new))?;
    if let Some(login) = login? {
        server.url = login.add_to(server.url)?;
    }
    if let Some(headers) = headers? {
        server = headers.add_to(server)?;
    }
    if let Some(egress) = egress {
        server = server.with_egress(egress?);
    }
    if let Some(bind) = bind {
        server = server.with_bind(bind?);
    }
    Some(match ca_file {
        Some(file) => server.with_authorities(file?),
        None => server,
    })
}

/// A local address, for the proxy that this machine connects to.
fn bind(node: &Node<'_>, reach: Reach) -> Option<Bind> {
    let bind = node.parse(str::parse::<Bind>);
    require_socket(node, reach)?;
    bind
}

/// A user name, and perhaps a password, from keys of their own.
struct Login<'a> {
    username: (Node<'a>, &'a str),
    password: Option<(Node<'a>, Vec<u8>)>,
}

impl<'a> Login<'a> {
    /// `Some(None)` if none of the keys is set, `None` after an error.
    fn read(fields: &Table<'a>, url: Option<&ProxyUrl>) -> Option<Option<Self>> {
        let username = fields.field(USERNAME);
        let password = fields.field(PASSWORD);
        let password_file = fields.field(PASSWORD_FILE);
        if let (Some(_), Some(file)) = (&password, &password_file) {
            file.report("`password` is given as well; only one of them can be");
            return None;
        }
        let given = [&username, &password, &password_file];
        let Some(first) = given.into_iter().flatten().next() else {
            return Some(None);
        };
        if url.is_some_and(|url| url.credentials().is_some()) {
            first.report("`url` has credentials as well; they can only be in one place");
            return None;
        }
        let Some(username) = username else {
            first.report("`password` requires `username`");
            return None;
        };
        let text = username.text();
        let password = match (password, password_file) {
            (Some(node), _) => Some(node.text().map(|text| (node.clone(), text.into()))),
            (None, Some(node)) => Some(read_secret(&node).map(|secret| (node.clone(), secret))),
            (None, None) => None,
        };
        let password = match password {
            Some(password) => Some(password?),
            None => None,
        };
        Some(Some(Self {
            username: (username, text?),
            password,
        }))
    }

    /// The URL with the credentials, if the proxy's protocol can carry them.
    fn add_to(self, url: ProxyUrl) -> Option<ProxyUrl> {
        // First without the password, so that an error is reported at the key that causes it.
        let (node, username) = self.username;
        let url = url
            .with_credentials(Credentials::new(username, None::<Vec<u8>>))
            .map_err(|error| node.report(error))
            .ok()?;
        let Some((node, password)) = self.password else {
            return Some(url);
        };
        url.with_credentials(Credentials::new(username, Some(password)))
            .map_err(|error| node.report(error))
            .ok()
    }
}

/// The file of a `tls` table. Only an https proxy shows a certificate.
fn ca_file(tls: &Node<'_>, url: Option<&ProxyUrl>) -> Option<CaFile> {
    let file = tls.table_of(&Content::Tls)?.required(CA_FILE)?;
    if let Some(url) = url.filter(|url| url.scheme() != Scheme::Https) {
        let scheme = url.scheme();
        tls.report(format_args!(
            "applies to https proxies only; the scheme of this one is {scheme}"
        ));
        return None;
    }
    let pem = file.read_file()?;
    Some(CaFile::new(file.file_path()?, pem))
}
