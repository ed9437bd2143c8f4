//! The contenders that are written in Python.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::child::Child;
use crate::error::Result;

/// Starts `script` of `benches/python` with the interpreter that has every contender installed.
///
/// # Errors
/// The reason why there is no such interpreter, as it stands in the tables.
pub(crate) fn start(script: &str, arguments: &[&str]) -> Result<Child> {
    let mut command = Command::new(interpreter()?);
    command.arg(self::script(script)).args(arguments);
    Child::start(command)
}

/// The interpreter of a virtual environment, which is made the first time.
pub(crate) fn interpreter() -> Result<&'static Path> {
    static INTERPRETER: OnceLock<std::result::Result<PathBuf, String>> = OnceLock::new();
    let made = INTERPRETER.get_or_init(|| prepare().map_err(|error| error.to_string()));
    made.as_deref().map_err(|reason| reason.as_str().into())
}

/// The path of a script of `benches/python`.
pub(crate) fn script(name: &str) -> PathBuf {
    folder().join(name)
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("python")
}

/// Makes the environment, unless it is there and the requirements are those it was made for.
fn prepare() -> Result<PathBuf> {
    let requirements = folder().join("requirements.txt");
    let venv = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/python");
    let interpreter = venv.join("bin/python");
    let wanted = std::fs::read(&requirements)?;
    let stamp = venv.join("installed.txt");
    if std::fs::read(&stamp).is_ok_and(|installed| installed == wanted) && interpreter.exists() {
        return Ok(interpreter);
    }
    run(
        Command::new("python3").args(["-m", "venv"]).arg(&venv),
        "no python3 with venv",
    )?;
    let mut install = Command::new(&interpreter);
    install.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "-r",
    ]);
    run(
        install.arg(&requirements),
        "the packages could not be installed",
    )?;
    std::fs::write(stamp, wanted)?;
    Ok(interpreter)
}

fn run(command: &mut Command, failure: &str) -> Result<()> {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{failure}: {status}").into()),
        Err(error) => Err(format!("{failure}: {error}").into()),
    }
}
