//! Dials of a process that has no descriptor left. Alone in its process, since it uses them all up.
#![cfg(target_os = "linux")]
#![cfg(test)]

use std::fs::File;
use std::io;
use std::net::TcpListener;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use transport::{DialErrorKind, Dialer, Target};
use transport_tunnel::TcpDialer;

#[tokio::test]
async fn a_process_without_descriptors_blames_nobody_else() {
    // Few, so that they are used up soon.
    let limits = getrlimit(Resource::Nofile);
    let few = Rlimit {
        current: Some(40),
        ..limits
    };
    setrlimit(Resource::Nofile, few).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // What has been loaded once needs no descriptor later.
    TcpDialer::new()
        .dial(&Target::parse("localhost", port).unwrap())
        .await
        .unwrap();

    let mut open = Vec::new();
    let error = loop {
        match File::open("/dev/null") {
            Ok(file) => open.push(file),
            Err(error) => break error,
        }
    };
    assert_eq!(error.raw_os_error(), Some(24), "{error}");
    for host in ["127.0.0.1", "::1", "localhost", "no-such-host.invalid"] {
        let target = Target::parse(host, port).unwrap();
        let error = TcpDialer::new()
            .dial(&target)
            .await
            .map(|_| ())
            .unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(error.kind(), DialErrorKind::Local, "{error}: {cause}");
    }
    drop(open);
    let again = Target::parse("127.0.0.1", port).unwrap();
    let made: io::Result<_> = TcpDialer::new()
        .dial(&again)
        .await
        .map_err(io::Error::other);
    made.unwrap();
}
