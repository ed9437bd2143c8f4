//! Processes that belong to a benchmark.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child as Process, ChildStdin, ChildStdout, Command, Stdio};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Result;
use crate::measure::pin;

/// A process that this one talks to in lines of JSON. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Child {
    process: Process,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Child {
    /// Runs this program again, as `benches child ARGUMENTS`.
    pub(crate) fn of_this_program(arguments: &[&str]) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("child").args(arguments);
        Self::start(command)
    }

    /// Runs `command`, whose errors are shown.
    pub(crate) fn start(mut command: Command) -> Result<Self> {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdin = process.stdin.take();
        let stdout = process.stdout.take().ok_or("a child without output")?;
        Ok(Self {
            process,
            stdin,
            stdout: BufReader::new(stdout),
        })
    }

    /// Its number.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Says something to it.
    pub(crate) fn tell(&mut self, message: &impl Serialize) -> Result<()> {
        let stdin = self.stdin.as_mut().ok_or("a child without input")?;
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        stdin.write_all(&line)?;
        Ok(stdin.flush()?)
    }

    /// Waits for the next thing it says.
    pub(crate) fn hear<T: DeserializeOwned>(&mut self) -> Result<T> {
        let mut line = String::new();
        if self.stdout.read_line(&mut line)? == 0 {
            return Err("the child has ended; its errors are above".into());
        }
        Ok(serde_json::from_str(&line)?)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Its input ends first, so that it may end by itself; it is this program's own child.
        drop(self.stdin.take());
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// In the child: runs `server` with one thread, on a core that is not the clients'.
pub(crate) fn block_on(server: impl Future<Output = Result<()>>) -> Result<()> {
    pin(1);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(server)
}

/// In the child: says something to the parent.
#[expect(clippy::print_stdout, reason = "the parent listens there")]
pub(crate) fn say(message: &impl Serialize) -> Result<()> {
    println!("{}", serde_json::to_string(message)?);
    Ok(())
}

/// In the child: returns when the parent has ended or has lost interest.
pub(crate) fn until_abandoned() -> Result<()> {
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
