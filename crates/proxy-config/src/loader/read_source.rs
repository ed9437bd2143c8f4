//! Reading where a pool gets its members from.

use crate::connection_proxies::DIRECT;
use crate::http_url::HttpUrl;
use crate::keys::names::{FILE, PROGRAM, PROXY, URL};
use crate::keys::{Content, SOURCE};
use crate::loader::fill::{Reach, fill};
use crate::loader::node::Node;
use crate::loader::read_server::server;
use crate::pool_source::{ListRoute, PoolSource};

pub(crate) fn source(node: &Node<'_>) -> Option<PoolSource> {
    let fields = node.table_of(&Content::Source)?;
    let places = [FILE, URL, PROGRAM].map(|key| fields.field(key));
    let proxy = fields.field(PROXY);
    if places.iter().flatten().count() > 1 {
        node.report("only one of `file`, `url` and `program` can be given");
        return None;
    }
    let source = match places {
        [_, Some(url), _] => {
            let url = url.parse(HttpUrl::parse);
            let route = match proxy {
                Some(proxy) => route(&proxy),
                None => {
                    node.report(
                        "`url` requires `proxy`: the proxy that the list is fetched through, or `direct`",
                    );
                    None
                }
            };
            url.zip(route)
                .map(|(url, route)| PoolSource::url(url, route))
        }
        [file, _, program] => {
            if let Some(proxy) = proxy {
                proxy.report("applies to a list at a `url` only");
            }
            match (file, program) {
                (Some(file), _) => file.file_path().map(PoolSource::file),
                (None, Some(name)) => name.text().map(PoolSource::program),
                (None, None) => {
                    node.report("expected one of `file`, `url` and `program`");
                    None
                }
            }
        }
    };
    fill(&SOURCE, &fields, Reach::Here, source)
}

fn route(node: &Node<'_>) -> Option<ListRoute> {
    if node.as_text() == Some(DIRECT) {
        return Some(ListRoute::Direct);
    }
    let fields = node.table_of(&Content::ListRoute)?;
    server(&fields, Reach::Here).map(ListRoute::Proxy)
}
