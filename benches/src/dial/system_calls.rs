//! What a dial asks of the kernel, counted by strace.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use super::clients::{CLIENT, SCRIPT};
use super::contender::{Contender, Opens, Socket};
use super::prepared_route::{PreparedRoute, Route};
use super::task::{Answer, Dials, Open, Task};
use super::world::World;
use crate::error::{Result, chain};
use crate::python;
use crate::report::Measurement;

/// How many more dials the second of two runs has. What else a program does, it does in both.
const DIALS: usize = 5;

const FIGURE: (&str, &str) = ("system calls per dial", "");

const WRITES: [&str; 5] = ["write", "writev", "sendto", "sendmsg", "sendmmsg"];
const READS: [&str; 4] = ["read", "readv", "recvfrom", "recvmsg"];

/// How often everybody calls the kernel until the first message of a WebSocket.
pub(super) fn run() -> Result<Vec<Measurement>> {
    let directory = tempfile::tempdir()?;
    let (_exchange, world) = World::start(&directory.path().join("ca.pem"))?;
    let trace = directory.path().join("trace");
    let mut measurements = Vec::new();
    for route in [
        Route::Direct,
        Route::Connect,
        Route::Socks5h,
        Route::Socks5hPassword,
    ] {
        let way = world.way(route)?;
        let group = format!("WebSocket, {}, loopback", route.name());
        for contender in Contender::of(route, Opens::Stream).filter(|one| has_no_delay(*one)) {
            let name = contender.name(Opens::Stream);
            let measurement = match count(contender, way, &trace) {
                Ok(calls) => {
                    let of = |names: &[&str]| calls.of(names) / DIALS as f64;
                    let all = calls.all() / DIALS as f64;
                    Measurement::new(&group, name, FIGURE, vec![all])
                        .with_extra(("writes", ""), &[of(&WRITES)])
                        .with_extra(("reads", ""), &[of(&READS)])
                }
                Err(error) => Measurement::missing(&group, name, FIGURE, &chain(&error)),
            };
            measurements.push(measurement);
        }
    }
    Ok(measurements)
}

/// Those as shipped differ by one call that sets the option.
fn has_no_delay(contender: Contender) -> bool {
    !matches!(
        contender,
        Contender::Tungstenite(Socket::AsShipped)
            | Contender::HyperUtil(Socket::AsShipped)
            | Contender::FastSocks5(Socket::AsShipped)
            | Contender::TokioSocks(Socket::AsShipped)
            | Contender::Yawc(Socket::AsShipped)
    )
}

fn count(contender: Contender, way: &PreparedRoute, trace: &Path) -> Result<Calls> {
    let one = trace_dials(contender, way, 1, trace)?;
    let more = trace_dials(contender, way, 1 + DIALS, trace)?;
    Ok(more.since(&one))
}

fn trace_dials(
    contender: Contender,
    way: &PreparedRoute,
    times: usize,
    trace: &Path,
) -> Result<Calls> {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-c", "-o"]).arg(trace);
    if contender.is_python() {
        strace
            .arg(python::interpreter()?)
            .arg(python::script(SCRIPT));
    } else {
        strace.arg(std::env::current_exe()?).args(CLIENT);
    }
    let mut process = strace
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("strace: {error}"))?;
    let task = Task::Open(Open {
        contender,
        way: way.clone(),
        opens: Opens::Stream,
        times,
    });
    if let Some(mut stdin) = process.stdin.take() {
        stdin.write_all(&serde_json::to_vec(&task)?)?;
    }
    let output = process.wait_with_output()?;
    let answer: Answer<Dials> = serde_json::from_slice(&output.stdout)?;
    answer?;
    Ok(Calls::parse(&std::fs::read_to_string(trace)?))
}

/// How often each system call was made.
#[derive(Debug, PartialEq)]
struct Calls(Vec<(String, f64)>);

impl Calls {
    /// Reads strace's table: share, seconds, microseconds per call, calls, perhaps errors, name.
    fn parse(table: &str) -> Self {
        let call = |line: &str| {
            let columns: Vec<&str> = line.split_whitespace().collect();
            let count = columns.get(3)?.parse().ok()?;
            let name = columns.last()?;
            (*name != "total").then(|| ((*name).to_owned(), count))
        };
        Self(table.lines().filter_map(call).collect())
    }

    fn since(&self, earlier: &Self) -> Self {
        let calls = self.0.iter();
        let more = calls.map(|(name, count)| (name.clone(), count - earlier.of(&[name])));
        Self(more.collect())
    }

    fn of(&self, names: &[&str]) -> f64 {
        let calls = self.0.iter();
        let named = calls.filter(|(name, _)| names.contains(&name.as_str()));
        named.map(|(_, count)| count).sum()
    }

    fn all(&self) -> f64 {
        self.0.iter().map(|(_, count)| count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_strace_is_read_with_and_without_errors() {
        let table = "% time     seconds  usecs/call     calls    errors syscall\n\
                     ------ ----------- ----------- --------- --------- ----------------\n\
                      60.00    0.000300          30        10           sendto\n\
                      40.00    0.000200          20         9         4 recvfrom\n\
                     ------ ----------- ----------- --------- --------- ----------------\n\
                     100.00    0.000500          26        19         4 total\n";
        let calls = Calls::parse(table);
        assert_eq!((calls.of(&["sendto"]), calls.of(&READS)), (10.0, 9.0));
        assert_eq!(calls.all(), 19.0);
        let one = Calls(vec![("sendto".to_owned(), 2.0)]);
        assert_eq!(calls.since(&one).all(), 17.0);
    }
}
