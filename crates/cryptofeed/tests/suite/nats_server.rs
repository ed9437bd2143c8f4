//! A real NATS server, and a reader of its streams that shares no code with the program.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use sinks::{NatsSettings, NatsUrl};

use crate::child::PATIENCE;
use crate::skip::skip;
use crate::workspace::Workspace;

/// Where Debian puts servers, which is not in everybody's search path.
const SYSTEM_PROGRAMS: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

/// A server with a JetStream. It is killed when this is dropped.
pub(crate) struct NatsServer {
    program: PathBuf,
    configuration: PathBuf,
    log: PathBuf,
    host: IpAddr,
    port: u16,
    child: Option<Child>,
}

/// A message of a stream.
pub(crate) struct Message {
    pub(crate) subject: String,
    pub(crate) headers: String,
    pub(crate) payload: String,
    /// When the server took it: nanoseconds since 1970.
    pub(crate) stored_ns: i64,
}

impl Message {
    /// The value of a header, if it is there.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.headers.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

impl NatsServer {
    /// Starts one whose files are in `workspace`, with `more` lines in its configuration. `None` if there is
    /// none on this machine.
    pub(crate) fn start(workspace: &Workspace, more: &str) -> Option<Self> {
        Self::start_at(Ipv4Addr::LOCALHOST.into(), workspace, more)
    }

    /// The same at another address of the host.
    pub(crate) fn start_at(host: IpAddr, workspace: &Workspace, more: &str) -> Option<Self> {
        let search = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::env::split_paths(&search).chain(SYSTEM_PROGRAMS.map(PathBuf::from));
        let found = folders
            .map(|folder| folder.join("nats-server"))
            .find(|path| path.is_file());
        let Some(program) = found else {
            skip("INTEROP", "nats-server is not installed");
            return None;
        };
        let free = TcpListener::bind((host, 0)).unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let store = workspace.path("jetstream").display().to_string();
        let text =
            format!("listen: {host}:{port}\njetstream: {{store_dir: \"{store}\"}}\n{more}\n");
        let mut server = Self {
            program,
            configuration: workspace.file("nats.conf", &text),
            log: workspace.path("nats.log"),
            host,
            port,
            child: None,
        };
        server.run();
        Some(server)
    }

    /// What a sink needs to publish to it.
    pub(crate) fn settings(&self) -> NatsSettings {
        NatsSettings::new(NatsUrl::parse(&self.url()).unwrap())
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://{}:{}", self.host, self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Starts it again, where it was.
    pub(crate) fn run(&mut self) {
        let log = File::options().create(true).append(true).open(&self.log);
        let log = log.unwrap();
        let child = Command::new(&self.program)
            .arg("-c")
            .arg(&self.configuration)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn();
        self.child = Some(child.unwrap());
        let end = Instant::now() + PATIENCE;
        while self.connect().is_none() {
            let said = fs::read_to_string(&self.log).unwrap();
            assert!(Instant::now() < end, "nats-server does not listen: {said}");
            sleep(Duration::from_millis(10));
        }
    }

    /// Ends it as a power failure would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the server is asked directly, so that no code of the program is believed"
    )]
    fn connect(&self) -> Option<BufReader<TcpStream>> {
        let socket = TcpStream::connect((self.host, self.port)).ok()?;
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut reader = BufReader::new(socket);
        let mut info = String::new();
        reader.read_line(&mut info).ok()?;
        info.starts_with("INFO").then_some(reader)
    }

    /// Deletes a stream, as whoever administers the server may.
    pub(crate) fn delete_stream(&self, name: &str) {
        let mut reader = self.connect().unwrap();
        let delete = format!(
            "CONNECT {{\"verbose\":false}}\r\nSUB gone 1\r\nPUB $JS.API.STREAM.DELETE.{name} gone 0\r\n\r\n"
        );
        reader.get_mut().write_all(delete.as_bytes()).unwrap();
        let answer = next(&mut reader).payload;
        assert!(answer.contains("\"success\":true"), "{answer}");
    }

    /// Every message of a stream, in its order.
    pub(crate) fn messages(&self, stream: &str) -> Vec<Message> {
        self.messages_from(stream, 1)
    }

    /// Those from this sequence on, of a stream that forgets none of them.
    pub(crate) fn messages_from(&self, stream: &str, first: u64) -> Vec<Message> {
        let mut reader = self.connect().unwrap();
        let mut send = reader.get_ref().try_clone().unwrap();
        let mut say = |text: String| send.write_all(text.as_bytes()).unwrap();
        // What was asked for before may still be on its way.
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let [answer, all] = ["answer", "all"].map(|it| format!("{it}-{number}"));
        say(format!(
            "CONNECT {{\"verbose\":false,\"headers\":true}}\r\nSUB {answer} 1\r\nSUB {all} 2\r\n"
        ));
        let request = |subject: &str, body: &Value| {
            let body = body.to_string();
            format!("PUB {subject} {answer} {}\r\n{body}\r\n", body.len())
        };
        say(request(
            &format!("$JS.API.STREAM.INFO.{stream}"),
            &json!({}),
        ));
        let info: Value = serde_json::from_str(&next(&mut reader).payload).unwrap();
        let is_there = info["error"]["code"] != 404;
        let count = |key: &str| info["state"][key].as_u64();
        let expected = match first {
            1 => count("messages"),
            first => count("last_seq").map(|last| (last + 1).saturating_sub(first)),
        };
        let expected = expected.unwrap_or_else(|| {
            assert!(!is_there, "{info}");
            0
        });
        if expected == 0 {
            return vec![];
        }
        let config = json!({
            "deliver_subject": all, "ack_policy": "none",
            "deliver_policy": "by_start_sequence", "opt_start_seq": first,
        });
        let body = json!({"stream_name": stream, "config": config});
        say(request(&format!("$JS.API.CONSUMER.CREATE.{stream}"), &body));
        let mut messages = vec![];
        while (messages.len() as u64) < expected {
            let message = next(&mut reader);
            if message.subject.starts_with("md.") {
                messages.push(message);
            }
        }
        messages
    }
}

/// Now, in nanoseconds since 1970.
pub(crate) fn now_ns() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_nanos().try_into().unwrap()
}

/// The next message of the protocol: `MSG subject sid [reply] bytes`, or `HMSG subject sid [reply] bytes of
/// headers, bytes of all`.
fn next(reader: &mut BufReader<TcpStream>) -> Message {
    loop {
        let mut line = String::new();
        assert!(
            reader.read_line(&mut line).unwrap() > 0,
            "the server has ended it"
        );
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |from_end: usize| words[words.len() - from_end].parse::<usize>().unwrap();
        let (head, all) = match words.first() {
            Some(&"MSG") => (0, number(1)),
            Some(&"HMSG") => (number(2), number(1)),
            Some(&"PING") => {
                reader.get_ref().write_all(b"PONG\r\n").unwrap();
                continue;
            }
            _ => continue,
        };
        let mut bytes = vec![0; all + 2];
        reader.read_exact(&mut bytes).unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        // $JS.ACK.<stream>.<consumer>.<times>.<sequence>.<its own>.<time>.<pending>
        let stored_ns = words[3].split('.').nth(7).and_then(|it| it.parse().ok());
        return Message {
            stored_ns: stored_ns.unwrap_or_default(),
            subject: words[1].to_owned(),
            headers: text(&bytes[..head]),
            payload: text(&bytes[head..all]),
        };
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
    }
}
