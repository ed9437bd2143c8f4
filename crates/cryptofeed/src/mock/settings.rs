//! How the mock exchanges behave.

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use testkit::{FaultSchedule, MockExchangeBuilder, Movement};

/// The fastest that a clock can run, and the slowest.
const SPEEDS: [f64; 2] = [0.001, 100_000.0];

/// The help of `--faults`.
pub(super) fn faults() -> String {
    let mut faults = "Faults, in --faults NAME=EVERY or NAME=EVERY/FOR, with commas between them; one that is\nnot told FOR how long lasts 5 s:\n".to_owned();
    for (name, about, lasts) in FaultSchedule::names() {
        let form = if lasts { "EVERY/FOR" } else { "EVERY" };
        faults += &format!("  {:<19} {about}\n", format!("{name}={form}"));
    }
    faults + "  EVERY is how often on average: from half to one and a half times as often.\n"
}

/// What the options say about the exchanges.
#[derive(Debug, Args)]
#[command(next_help_heading = "Exchanges")]
pub(super) struct Settings {
    /// Whether a client that goes beyond the limits of an exchange is refused, closed and banned
    ///
    /// When it is not, what it does is still listed on stderr at the end.
    #[arg(long, value_enum, default_value_t)]
    limits: Limits,
    /// Further symbols of each exchange, which are called T0001 and so on
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=10_000))]
    symbols: u32,
    /// Updates a second of each exchange, shared by its symbols [default: 50 of each symbol]
    #[arg(long, value_name = "R", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: Option<u32>,
    /// How prices and books move: the calm ones are shallow, the recorded ones move as at Binance
    #[arg(long, value_enum, default_value_t)]
    market: Market,
    /// Levels on each side of a book [default: 100 of a calm market, else 3000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(50..=20_000))]
    depth: Option<u64>,
    /// How many times as fast the clock of limits, bans, pings, faults and the age of connections runs
    #[arg(long, value_name = "F", default_value_t = 1.0, value_parser = speed)]
    speed: f64,
    /// What goes wrong at random times, such as cut=30s,mute=1m/10s; see below
    #[arg(long, value_name = "LIST")]
    faults: Option<FaultSchedule>,
    /// The same number gives the same market and the same times of faults
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Limits {
    #[default]
    Enforce,
    Off,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Market {
    #[default]
    Calm,
    Recorded,
    Wild,
}

fn speed(text: &str) -> Result<f64, String> {
    let [slowest, fastest] = SPEEDS;
    let factor = text.parse().ok();
    factor
        .filter(|factor| (slowest..=fastest).contains(factor))
        .ok_or_else(|| format!("expected a number from {slowest} to {fastest}"))
}

fn name_of(value: &impl ValueEnum) -> String {
    let value = value.to_possible_value();
    value.map_or_else(String::new, |it| it.get_name().to_owned())
}

impl Settings {
    pub(super) fn apply(&self, mock: MockExchangeBuilder) -> MockExchangeBuilder {
        let mut mock = mock
            .seed(self.seed)
            .symbols(self.symbols as usize)
            .movement(self.movement())
            .speed(self.speed)
            .faults(self.faults.clone().unwrap_or_default());
        if let Some(rate) = self.rate {
            mock = mock.rate(rate.into());
        }
        match self.limits {
            Limits::Enforce => mock,
            Limits::Off => mock.without_limits(),
        }
    }

    fn movement(&self) -> Movement {
        let movement = match self.market {
            Market::Calm => Movement::CALM,
            Market::Recorded => Movement::RECORDED,
            Market::Wild => Movement::WILD,
        };
        self.depth
            .map_or(movement, |depth| movement.with_depth(depth))
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        json!({
            "limits": name_of(&self.limits),
            "symbols": self.symbols,
            "rate": self.rate,
            "market": name_of(&self.market),
            "depth": self.movement().depth,
            "speed": self.speed,
            "faults": self.faults.as_ref().map(ToString::to_string),
            "seed": self.seed,
        })
    }
}
