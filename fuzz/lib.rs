//! What each fuzz target does with its input. The integration suite does the same with the seeds.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use feeds::{Backpack, Binance, Exchange, Frame, Kraken, Okx, Symbol};
use fleet::{CollectorId, Ledger, Marks, Presence, ShardCount};
use futures_util::{FutureExt, Stream, StreamExt};
use http::header::{AUTHORIZATION, HOST};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue};
use proxy_config::{Credentials, PoolMember, ProxyList, ProxyUrl, Sources};
use proxy_injector::read_egress;
use sinks::tail::{Source, Tail};
use sinks::{Fence, RunId};
use status::model::{Output, Readiness, Status};
use status::page::{View, render};
use status::{Access, Guard, Token};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use transport::{
    BadHead, Connection, DialError, DialErrorKind, Dialer, Excerpt, HeadReader, Message, Secrets,
    Target, WsDialer, WsErrorKind, WsRequest,
};
use transport_tls::TlsTrust;
use transport_tls::rustls::ClientConfig;
use transport_tunnel::codec::{
    Connect, Handshake, HandshakeError, Socks4, Socks4Address, Socks5, Step,
};
use transport_ws::WsClient;

/// Any text as a proxy URL: it is refused or understood, and shows nothing that may be a secret.
pub fn proxy_url(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match ProxyUrl::parse(text) {
        Ok(url) => {
            let redacted = url.to_string();
            let has_credentials = url.credentials().is_some();
            assert_eq!(redacted, format!("{url:?}"));
            assert_eq!(redacted.contains("***@"), has_credentials);
            if !has_credentials {
                assert_eq!(ProxyUrl::parse(&redacted).as_ref(), Ok(&url));
            }
        }
        Err(error) => {
            let userinfo = text
                .split_once("://")
                .and_then(|(_, rest)| rest.rsplit_once('@'));
            // Shorter ones may stand in the words of the message by chance.
            if let Some((userinfo, _)) = userinfo.filter(|(userinfo, _)| userinfo.len() > 12) {
                assert!(!error.to_string().contains(userinfo));
            }
        }
    }
}

/// Any bytes as the entries of a fleet: what is read is written as it was read.
pub fn fleet_entry(data: &[u8]) {
    let shards = ShardCount::default();
    let presence = Presence::parse(data, shards);
    let written = presence.to_string();
    assert_eq!(Presence::parse(written.as_bytes(), shards), presence);
    if let Ok(ledger) = Ledger::parse(data) {
        assert_eq!(Ledger::parse(ledger.to_json().as_bytes()), Ok(ledger));
    }
    if let Ok(marks) = Marks::parse(data) {
        let json = marks.to_json();
        assert_eq!(Marks::parse(json.as_bytes()), Ok(marks));
        assert!(!json.contains('@') && !json.contains(char::is_control));
    }
    if let Ok(id) = CollectorId::parse(str::from_utf8(data).unwrap_or_default()) {
        assert!(id.as_str().len() <= CollectorId::MAX_LENGTH);
    }
}

/// Any bytes as a request to the listener of the status: a line with the query, and lines with headers. Who
/// is admitted has called this machine by a name that is expected, who reads everything knows the token, and
/// the query adds no element to the page.
pub fn status_request(data: &[u8]) {
    const TOKEN: &str = "0123456789abcdef";
    let mut lines = data.split(|byte| *byte == b'\n');
    let query = String::from_utf8_lossy(lines.next().unwrap_or_default());
    let view = View::parse(&query);
    assert_eq!(View::parse(&view.to_string()), view);
    let status = Status {
        v: Status::VERSION,
        program: "fuzz".to_owned(),
        taken_ns: 0,
        started_ns: 0,
        readiness: Readiness::default(),
        output: Output::default(),
        fleet: None,
        exchanges: Vec::new(),
        routes: Vec::new(),
        proxies: Vec::new(),
        budgets: Vec::new(),
        lists: Vec::new(),
        events: Vec::new(),
    };
    let elements = |view: &View| render(&status, view).matches('<').count();
    assert_eq!(elements(&view), elements(&View::default()));

    let headers = lines.filter_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = line.split_at(colon);
        let value = HeaderValue::from_bytes(value[1..].trim_ascii()).ok()?;
        Some((HeaderName::from_bytes(name).ok()?, value))
    });
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(name, value);
    }
    let Ok(token) = Token::parse(TOKEN) else {
        unreachable!("it is long enough");
    };
    let Ok(access) = Guard::open().with_token(token).admit(&map) else {
        return;
    };
    let host = map[HOST].to_str().map(str::parse::<Authority>);
    let Ok(Ok(host)) = host else {
        unreachable!("it has been understood");
    };
    let name = host.host().trim_matches(['[', ']']);
    assert!(name.parse::<IpAddr>().is_ok() || name.eq_ignore_ascii_case("localhost"));
    if access == Access::Whole {
        let given = map[AUTHORIZATION].to_str().unwrap_or_default();
        let (_, given) = given.split_once(' ').unwrap_or_default();
        let login = BASE64_STANDARD.decode(given.trim()).unwrap_or_default();
        assert!(given.trim() == TOKEN || login.ends_with(TOKEN.as_bytes()));
    }
}

/// Any bytes as the answer of a server that tells the address of who asks: it is an address of one machine, in the
/// form of its own family, and nothing but spaces stands beside it.
pub fn egress_answer(data: &[u8]) {
    if let Some(address) = read_egress(data) {
        assert!(!address.is_unspecified() && !address.is_multicast());
        assert_eq!(address, address.to_canonical());
        assert_eq!(read_egress(address.to_string().as_bytes()), Some(address));
        let text = std::str::from_utf8(data).unwrap().trim();
        assert!(text.len() <= 45 && !text.contains(char::is_whitespace));
    }
}

/// Any bytes as a list of proxies: what is taken has one entry for each proxy and nothing of this machine,
/// what is not has a line, and no reason shows the bytes in front of an `@`.
pub fn proxy_list(data: &[u8]) {
    let list = ProxyList::parse(data);
    let servers = list.members().iter().filter_map(PoolMember::server);
    let servers = servers.filter(|server| server.bind().is_none());
    let proxies: HashSet<_> = servers
        .map(|server| (server.url(), server.headers()))
        .collect();
    assert_eq!(proxies.len(), list.members().len());
    assert!(list.faults().len() <= list.refused());
    let text = String::from_utf8_lossy(data);
    let breaks = text.matches(['\n', '\r']).count();
    for fault in list.faults() {
        assert!((1..=breaks + 2).contains(&fault.line()));
        let logins = text
            .split('@')
            .filter_map(|before| before.rsplit("//").next());
        // Shorter ones may stand in the words of the message by chance.
        let is_shown = |login: &&str| login.len() > 24 && fault.problem().contains(login);
        for login in logins.filter(is_shown) {
            // So may longer ones, if the message has these words without them, too.
            let without = text.replace(login, &"~".repeat(login.len()));
            let without = ProxyList::parse(without.as_bytes());
            let mut faults = without.faults().iter();
            assert!(faults.any(|it| it.problem().contains(login)));
        }
    }
    // Lines that are all URLs are read one by one.
    if let [line] = text.lines().collect::<Vec<_>>()[..]
        && let Ok(url) = ProxyUrl::parse(line.trim())
    {
        assert_eq!(list.members(), [PoolMember::new(url)]);
    }
}

/// Any bytes as the answer to CONNECT.
pub fn connect_reply(data: &[u8]) {
    let target = target();
    assert_cut_makes_no_difference(|| Connect::new(target.endpoint(), None), data);
}

/// Any bytes as the head of an answer: how they are cut makes no difference, and of a head that is taken,
/// no parser that puts up with malformed headers finds another length of the body.
pub fn response_head(data: &[u8]) {
    let read = |size: usize| {
        let mut reader = HeadReader::default();
        for piece in data.chunks(size) {
            match reader.add(piece) {
                Ok(true) => return Ok(Some(reader.parts().0.to_vec())),
                Ok(false) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    };
    let whole = read(data.len().max(1));
    // The limit of the length may be passed before or after the end.
    if !matches!(whole, Err(BadHead::TooLong)) {
        assert_eq!(read(1), whole);
    }
    let Ok(Some(head)) = whole else {
        return;
    };
    let mut headers = [httparse::EMPTY_HEADER; 128];
    let mut answer = httparse::Response::new(&mut headers);
    let parsed = httparse::ParserConfig::default()
        .ignore_invalid_headers_in_responses(true)
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .parse_response(&mut answer, &head);
    if parsed != Ok(httparse::Status::Complete(head.len())) {
        return;
    }
    for name in ["content-length", "transfer-encoding"] {
        let is_of = |line: &&[u8]| {
            let begun = line.get(..name.len()).unwrap_or_default();
            let next = line.get(name.len()).copied().unwrap_or(b':');
            begun.eq_ignore_ascii_case(name.as_bytes()) && matches!(next, b':' | b' ' | b'\t')
        };
        let lines = head.split(|byte| *byte == b'\n').skip(1).filter(is_of);
        let fields = answer.headers.iter();
        let fields = fields.filter(|field| field.name.eq_ignore_ascii_case(name));
        assert_eq!(lines.count(), fields.count(), "{name}");
    }
}

/// Any bytes as the answer of a SOCKS4a proxy.
pub fn socks4_reply(data: &[u8]) {
    let name = Socks4Address::Name("h.example".to_owned());
    assert_cut_makes_no_difference(|| Socks4::new(&name, 443, None).expect("a request"), data);
}

/// Any bytes as the answers of a SOCKS5 proxy, asked step by step and all at once.
pub fn socks5_reply(data: &[u8]) {
    let (target, login) = (target(), Credentials::new("alice", Some("secret")));
    let step_by_step = || Socks5::new(target.endpoint(), Some(&login)).expect("a request");
    assert_cut_makes_no_difference(step_by_step, data);
    let all_at_once = || {
        let mut handshake = step_by_step();
        assert!(handshake.pipelined_opening().is_some());
        handshake
    };
    assert_cut_makes_no_difference(all_at_once, data);
}

/// Any bytes as the answer to an upgrade, in which `Accept: @` stands for the right key.
pub fn websocket_answer(data: &[u8]) {
    // Nowhere else: each dial has another key, and a part of it could be the status.
    const ACCEPT: &[u8] = b"Accept: @";
    let talk = |data: &[u8], chunk| {
        let place = data.windows(ACCEPT.len()).position(|part| part == ACCEPT);
        let answer = match place {
            Some(place) => {
                let (before, behind) = data.split_at(place + ACCEPT.len());
                vec![before[..before.len() - 1].to_vec(), behind.to_vec()]
            }
            None => vec![data.to_vec()],
        };
        stream(answer, Vec::new(), chunk)
    };
    assert_cut_streams_alike(talk, data);
}

/// Any bytes as the frames of an open stream.
pub fn websocket_frames(data: &[u8]) {
    let answer = [
        &b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: "[..],
        b"\r\n\r\n",
    ];
    let talk = |data: &[u8], chunk| stream(answer.map(<[u8]>::to_vec).into(), data.into(), chunk);
    assert_cut_streams_alike(talk, data);
}

/// Any bytes as a message or an answer of Binance.
pub fn binance_message(data: &[u8]) {
    const METADATA: &[u8] = br#"{"symbols":[{"symbol":"BTCUSDT","status":"TRADING",
        "baseAsset":"BTC","quoteAsset":"USDT"}]}"#;
    read_as_every_message(&Binance::default(), METADATA, data);
}

/// Any bytes as a message or an answer of Backpack.
pub fn backpack_message(data: &[u8]) {
    const METADATA: &[u8] = br#"[{"symbol":"SOL_USDC","baseSymbol":"SOL","quoteSymbol":"USDC",
        "marketType":"SPOT","orderBookState":"Open","visible":true}]"#;
    read_as_every_message(&Backpack::default(), METADATA, data);
}

/// Any bytes as a message or an answer of Kraken.
pub fn kraken_message(data: &[u8]) {
    const METADATA: &[u8] = br#"{"error":[],"result":{"XXBTZUSD":{"altname":"XBTUSD",
        "wsname":"XBT/USD","base":"XXBT","quote":"ZUSD","status":"online"}}}"#;
    read_as_every_message(&Kraken::default(), METADATA, data);
}

/// Any bytes as a message or an answer of OKX.
pub fn okx_message(data: &[u8]) {
    const METADATA: &[u8] = br#"{"code":"0","msg":"","data":[{"instId":"BTC-USDT",
        "baseCcy":"BTC","quoteCcy":"USDT","state":"live"}]}"#;
    // The answer to a ping is no JSON, and has no space in front.
    if data.trim_ascii_start() != b"pong" {
        read_as_every_message(&Okx::default(), METADATA, data);
    }
}

/// Any bytes as a login, and as a text that repeats it in one of the usual forms or in none.
///
/// The first five say how long the user name and the password are, where in the text which secret
/// stands, and how it is written and escaped.
pub fn quote(data: &[u8]) {
    let Some(([name, password, place, written, escaped], rest)) = data.split_first_chunk() else {
        return;
    };
    let cut = |at: &u8, rest: &[u8]| usize::from(*at).min(rest.len());
    let (name, rest) = rest.split_at(cut(name, rest));
    let (password, text) = rest.split_at(cut(password, rest));
    let secrets = Secrets::of_login(name, password);
    let _ = secrets.seal_text(String::from_utf8_lossy(text).into_owned());
    let quoted = secrets.quote(text);
    if quoted.as_str() != "***" {
        assert_eq!(quoted, Excerpt::of(text));
        let shown = &text[..text.len().min(Excerpt::MAX)];
        for secret in [name, password].map(<[u8]>::trim_ascii) {
            assert!(secret.is_empty() || !shown.windows(secret.len()).any(|part| part == secret));
        }
    }

    let secret = match written % 3 {
        0 => name.to_vec(),
        1 => password.to_vec(),
        _ => [name, b":", password].concat(),
    };
    let secret = match written / 3 % 4 {
        0 => secret,
        1 => BASE64_STANDARD.encode(secret).into_bytes(),
        2 => BASE64_URL_SAFE_NO_PAD.encode(secret).into_bytes(),
        _ => secret
            .iter()
            .flat_map(|byte| format!("{byte:02X}").into_bytes())
            .collect(),
    };
    let repeated = escape(&escape(&secret, escaped % 6), escaped / 6 % 6);
    let (before, after) = text.split_at(cut(place, text));
    let is_shown = before.len() + repeated.len() <= Excerpt::MAX;
    // Nobody can tell a login of spaces.
    let is_login = |secret: &[u8]| !secret.trim_ascii().is_empty();
    if is_shown && is_login(&secret) && (is_login(name) || is_login(password)) {
        let text = [before, &repeated, after].concat();
        assert_eq!(secrets.quote(&text).as_str(), "***");
    }
}

fn escape(text: &[u8], how: u8) -> Vec<u8> {
    let escape = |byte: &u8| match how {
        0 => vec![*byte],
        1 => format!("%{byte:02x}").into_bytes(),
        2 if !byte.is_ascii_alphanumeric() => format!("%{byte:02X}").into_bytes(),
        3 => format!("&#{byte};").into_bytes(),
        4 => format!("\\x{byte:02x}").into_bytes(),
        5 if byte.is_ascii_punctuation() => vec![b'\\', *byte],
        _ => vec![*byte],
    };
    text.iter().flat_map(escape).collect()
}

/// Any text as a configuration file: it loads, or its problems are named.
pub fn yaml_loader(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Err(errors) = Sources::new().with_text("fuzz.yaml", text).load() {
        assert!(!errors.to_string().is_empty());
    }
}

fn target() -> Target {
    Target::parse("h.example", 443).expect("a target")
}

fn read_as_every_message(exchange: &impl Exchange, metadata: &[u8], data: &[u8]) {
    let symbol = Symbol::parse("BTC-USDT").expect("a symbol");
    let _ = exchange.parse_metadata(data);
    let _ = exchange.parse_snapshot(&symbol, data);
    let _ = exchange.parse_trades(&symbol, data);
    let instruments = exchange
        .parse_metadata(metadata)
        .expect("a list of instruments");
    let _ = exchange.parse_activity(data, &instruments);
    if let Ok(text) = std::str::from_utf8(data) {
        let decode = |text: &str| {
            let mut messages = Vec::new();
            let mut decoder = exchange.decoder();
            let read = decoder.decode(Frame::Text(text), &instruments, &mut messages);
            read.ok().map(|()| messages)
        };
        // A space in front keeps the short ways for usual messages from being taken.
        assert_eq!(decode(text), decode(&format!(" {text}")));
    }
}

/// The outcome of a handshake must not depend on how the reply is cut. The first byte says how.
fn assert_cut_makes_no_difference<H: Handshake>(make: impl Fn() -> H, data: &[u8]) {
    let Some((chunk, reply)) = data.split_first() else {
        return;
    };
    let whole = run_handshake(make(), reply, reply.len());
    let cut = run_handshake(make(), reply, usize::from(*chunk));
    match (&whole, &cut) {
        (Ok(whole), Ok(cut)) => assert_eq!(whole, cut),
        (Err(_), Err(_)) => {}
        _ => panic!("whole: {whole:?}, cut: {cut:?}"),
    }
}

/// Runs a handshake against a proxy that sends `reply`, cut after every `chunk` bytes, and then
/// closes. Returns how many bytes belonged to the handshake.
fn run_handshake(
    mut handshake: impl Handshake,
    reply: &[u8],
    chunk: usize,
) -> Result<usize, HandshakeError> {
    handshake.opening();
    let (mut consumed, mut shown) = (0, 0);
    loop {
        let input = &reply[consumed..shown];
        match handshake.advance(input)? {
            Step::Read if shown == reply.len() => return Err(handshake.finish(input)),
            Step::Read => shown = reply.len().min(shown + chunk.max(1)),
            Step::Write { consumed: n, .. } => {
                assert!((1..=input.len()).contains(&n), "no progress, or too much");
                consumed += n;
            }
            Step::Done { consumed: n } => {
                assert!(n <= input.len(), "consumed more than was there");
                return Ok(consumed + n);
            }
        }
    }
}

/// What a stream yields, and how the dial or the stream fails.
type Streamed = (Vec<Message>, Option<DialErrorKind>, Option<WsErrorKind>);

/// What is read must not depend on how it is cut. The first byte says how.
fn assert_cut_streams_alike(talk: impl Fn(&[u8], usize) -> Streamed, data: &[u8]) {
    let Some((chunk, said)) = data.split_first() else {
        return;
    };
    let whole = talk(said, said.len());
    assert_eq!(whole, talk(said, usize::from(*chunk)));
    let (messages, _, _) = whole;
    let close = messages
        .iter()
        .position(|message| matches!(message, Message::Close(_)));
    assert!(close.is_none_or(|place| place + 1 == messages.len()));
}

/// Streams from an exchange that answers the upgrade with the parts of `answer` and the key between
/// them, sends `frames`, both cut after every `chunk` bytes, and then closes.
fn stream(answer: Vec<Vec<u8>>, frames: Vec<u8>, chunk: usize) -> Streamed {
    static TLS: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| TlsTrust::none().client_config(&[]));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    let exchange = Exchanging {
        answer,
        frames,
        chunk: chunk.max(1),
    };
    let client = WsClient::new(exchange, Arc::clone(&TLS), Duration::from_secs(30));
    runtime.block_on(async {
        let uri = "ws://h.example/".parse().expect("a uri");
        let request = WsRequest::new(uri).expect("a request");
        let mut socket = match client.dial(request).await {
            Ok(socket) => socket,
            Err(error) => return (Vec::new(), Some(error.kind()), None),
        };
        let mut messages = Vec::new();
        loop {
            let next = match socket.size_hint() {
                (0, _) => socket.next().await,
                // What is told to be there needs no wait.
                _ => Some(socket.next().now_or_never().flatten().expect("a message")),
            };
            match next {
                Some(Ok(message)) => messages.push(message),
                Some(Err(error)) => return (messages, None, Some(error.kind())),
                None => return (messages, None, None),
            }
        }
    })
}

/// An exchange in memory.
#[derive(Clone)]
struct Exchanging {
    answer: Vec<Vec<u8>>,
    frames: Vec<u8>,
    chunk: usize,
}

impl Exchanging {
    async fn talk(self, mut stream: DuplexStream) -> std::io::Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        let head = String::from_utf8_lossy(&head);
        let key = head
            .lines()
            .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
        let accept = derive_accept_key(key.unwrap_or_default().as_bytes());
        let said = [self.answer.join(accept.as_bytes()), self.frames].concat();
        for piece in said.chunks(self.chunk) {
            stream.write_all(piece).await?;
            tokio::task::yield_now().await;
        }
        stream.shutdown().await?;
        stream.read_to_end(&mut Vec::new()).await.map(drop)
    }
}

#[async_trait]
impl Dialer for Exchanging {
    async fn connect(&self, _target: &Target) -> Result<Connection, DialError> {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        tokio::spawn(self.clone().talk(theirs));
        Ok(Connection::new(ours))
    }
}

/// Any bytes as stored lines: whatever they are, reading back ends, counts each event, and says nothing that
/// could forge a line.
pub fn stored_lines(data: &[u8]) {
    for source in [Source::Files, Source::Stream] {
        let mut tail = Tail::new(source);
        let mut lines = 0;
        tail.read_lines("stored.jsonl", false, data, |_| {
            lines += 1;
            RunId::named(if lines % 3 == 0 { "one" } else { "two" })
        });
        let summary = tail.finish();
        assert!(summary.events <= lines);
        assert_eq!(summary.is_good(), summary.findings.is_empty());
        for finding in &summary.findings {
            assert!(!finding.contains(char::is_control), "{finding:?}");
        }
    }
    fenced_lines(data);
}

/// The same of a fleet: a line that is a fence is that of the lines behind it.
fn fenced_lines(data: &[u8]) {
    let mut tail = Tail::new(Source::Stream);
    let (mut fence, mut events) = (None, 0);
    for (number, line) in data.split(|byte| *byte == b'\n').enumerate() {
        let text = String::from_utf8_lossy(line);
        if let Some(next) = Fence::parse(&text) {
            assert_eq!(next.to_string(), text);
            fence = Some(next);
            continue;
        }
        let run = RunId::named(if number % 3 == 0 { "one" } else { "two" });
        events += u64::from(tail.take_line(&run, fence.as_ref(), line).is_ok());
    }
    let summary = tail.finish();
    assert_eq!(summary.events, events);
    assert!(summary.fenced <= events);
    let fenced: u64 = summary.runs.iter().map(|run| run.fenced).sum();
    assert_eq!(summary.fenced, fenced);
}
