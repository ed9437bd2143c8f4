//! The command line.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Args, Parser, Subcommand};

use crate::error::{Result, chain};
use crate::report::{Measurement, Report, Style};
use crate::settings::Settings;
use crate::{
    build, decode, dial, flood, market, page, pipeline, plot, receive, resolve, rest, scale, sinks,
    soak,
};

/// Benchmarks, side by side with what a user would pick instead.
#[derive(Debug, Parser)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    options: Options,
}

#[derive(Debug, Args)]
struct Options {
    /// Where the figures are kept. A benchmark that is run again replaces its own.
    #[arg(long, global = true, default_value = default_output())]
    output: PathBuf,
    /// Measure each contender this often.
    #[arg(long, global = true)]
    rounds: Option<usize>,
    /// Only see whether everything works: one short round.
    #[arg(long, global = true)]
    quick: bool,
}

fn default_output() -> &'static str {
    concat!(env!("CARGO_MANIFEST_DIR"), "/results.json")
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Every benchmark, in some ten minutes: none is begun after seven.
    All,
    /// From socket to text message, and to normalised event.
    Receive,
    /// From text message to normalised event.
    Decode,
    /// Which proxy an exchange has.
    Resolve,
    /// How long the workspace takes to build, and how large it is.
    Build,
    /// From nothing to the first frame or byte.
    Dial,
    /// REST requests over connections that stay open.
    Rest,
    /// Memory and cost of many connections.
    Scale,
    /// From socket to line of JSON on a pipe: the command, beside cryptofeed.
    Pipeline,
    /// Memory, log and time to stop under what a hostile exchange sends.
    Flood,
    /// A whole market through proxies, within the limits of its exchange. Its figures are printed only.
    Market(market::Options),
    /// A whole market that breaks all the time: fails if anything is lost or wrong.
    Soak(soak::Options),
    /// Each sink beside a plain pipe. Its figures are printed only.
    Sinks(sinks::Options),
    /// Draws the figures and writes the tables, for `performance.md` and its folder.
    Publish {
        /// The folder that has `performance.md`. Drawings and tables go to `performance` in it.
        #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs"))]
        docs: PathBuf,
    },
    /// What a benchmark starts as a process of its own.
    #[command(subcommand, hide = true)]
    Child(Child),
}

/// A process of its own that a benchmark needs. It ends when its standard input does.
#[derive(Debug, Subcommand)]
enum Child {
    /// The exchange, the proxies, the wire and the clients of `dial`, `rest` and `scale`.
    #[command(subcommand)]
    Dial(dial::Role),
    /// The server and the proxy of `receive`.
    Receive(receive::Serve),
    /// The exchange and the proxy of `pipeline`.
    Pipeline(pipeline::Serve),
    /// The bound of `pipeline`.
    Copy(pipeline::Copy),
}

impl Child {
    fn run(self) -> Result<()> {
        match self {
            Self::Dial(role) => role.run(),
            Self::Receive(serve) => serve.run(),
            Self::Pipeline(serve) => serve.run(),
            Self::Copy(copy) => copy.run(),
        }
    }
}

/// The longest benchmark takes three minutes.
const LAST_BEGIN: Duration = Duration::from_mins(7);

type Benchmark = fn(&Settings) -> Result<Vec<Measurement>>;

impl Cli {
    pub(crate) fn execute(self) -> Result<()> {
        let all: [(&str, Benchmark); 9] = [
            ("resolve", resolve::run),
            ("decode", decode::run),
            ("receive", receive::run),
            ("dial", dial::run),
            ("rest", rest::run),
            ("scale", scale::run),
            ("pipeline", pipeline::run),
            ("flood", flood::run),
            ("build", build::run),
        ];
        let options = self.options;
        match self.command {
            Command::All => options.run(&all),
            Command::Receive => options.run(&[("receive", receive::run)]),
            Command::Decode => options.run(&[("decode", decode::run)]),
            Command::Resolve => options.run(&[("resolve", resolve::run)]),
            Command::Build => options.run(&[("build", build::run)]),
            Command::Dial => options.run(&[("dial", dial::run)]),
            Command::Rest => options.run(&[("rest", rest::run)]),
            Command::Scale => options.run(&[("scale", scale::run)]),
            Command::Pipeline => options.run(&[("pipeline", pipeline::run)]),
            Command::Flood => options.run(&[("flood", flood::run)]),
            Command::Market(options) => market::run(&options),
            Command::Soak(options) => soak::run(&options),
            Command::Sinks(options) => sinks::run(&options),
            Command::Publish { docs } => {
                let report = Report::load(&options.output)?;
                plot::draw(&report, &docs.join("performance"))?;
                page::write(&report, &docs)
            }
            Command::Child(child) => child.run(),
        }
    }
}

impl Options {
    fn settings(&self) -> Settings {
        let settings = if self.quick {
            Settings::quick()
        } else {
            Settings::thorough()
        };
        Settings {
            rounds: self.rounds.unwrap_or(settings.rounds).max(1),
            ..settings
        }
    }

    #[expect(
        clippy::print_stdout,
        reason = "the tables are what the program is for"
    )]
    fn run(&self, benchmarks: &[(&str, Benchmark)]) -> Result<()> {
        let settings = self.settings();
        let mut report = Report::load_or_new(&self.output)?;
        let mut failures = Vec::new();
        let start = Instant::now();
        for (section, benchmark) in benchmarks {
            if start.elapsed() > LAST_BEGIN {
                failures.push(format!("{section}: not run, it is too late"));
                continue;
            }
            match benchmark(&settings) {
                Ok(measurements) => {
                    report.replace(section, measurements);
                    println!("{}", report.tables(section, Style::Terminal));
                    report.store(&self.output)?;
                }
                Err(error) => failures.push(format!("{section}: {}", chain(&error))),
            }
        }
        println!("{}", report.verdict(Style::Terminal));
        if failures.is_empty() {
            Ok(())
        } else {
            Err(failures.join("\n").into())
        }
    }
}
