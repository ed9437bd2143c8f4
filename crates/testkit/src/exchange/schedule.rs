//! Faults that come again and again.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::fault::Fault;
use super::live::Live;
use super::random::Random;

/// How long a fault lasts that is not told how long.
const LENGTH: Duration = Duration::from_secs(5);

/// What goes wrong again and again, at random times that are the same for the same seed of the
/// [builder](crate::MockExchangeBuilder::seed).
///
/// It is written as `cut=30s,mute=1m/10s`: the fault, how often it comes on average and, for those that
/// last, for how long. They come between half and one and a half times as often. Times are those of the
/// exchange's [clock](crate::MockExchangeBuilder::speed).
///
/// ```
/// let faults: testkit::FaultSchedule = "cut=30s,mute=1m/10s,ban=5m/2m".parse()?;
/// assert_eq!(faults.to_string(), "cut=30s,mute=1m/10s,ban=5m/2m");
/// assert!("cute=30s".parse::<testkit::FaultSchedule>().is_err());
/// # Ok::<_, testkit::InvalidSchedule>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FaultSchedule(Vec<Entry>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    kind: Kind,
    every: Duration,
    /// For how long, if it lasts.
    length: Option<Duration>,
}

/// Why a [`FaultSchedule`] could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{part}\" is no fault: {expected}")]
pub struct InvalidSchedule {
    part: String,
    expected: String,
}

macro_rules! kinds {
    ($($kind:ident $name:literal $lasts:literal $about:literal;)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        enum Kind {
            $($kind,)*
        }

        impl Kind {
            const ALL: &[Self] = &[$(Self::$kind,)*];

            fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }

            fn lasts(self) -> bool {
                match self {
                    $(Self::$kind => $lasts,)*
                }
            }

            fn about(self) -> &'static str {
                match self {
                    $(Self::$kind => $about,)*
                }
            }
        }
    };
}

kinds! {
    Cut "cut" false "every WebSocket connection ends without a word";
    Close "close" false "every WebSocket connection is closed with code 1012";
    Shutdown "shutdown" false "every WebSocket connection ends after a notice";
    Restart "restart" true "every connection ends, and others are refused";
    Ban "ban" true "every address is banned";
    Mute "mute" true "no stream says anything";
    Quiet "quiet" true "the streams of one symbol say nothing";
    Halt "halt" true "one symbol is traded no more, and then again";
    Gap "gap" false "a book change is lost";
    Twice "twice" false "a book change comes twice";
    Trades "trades" false "a trade is lost, and is in the history";
    Broken "broken" false "a message ends in the middle";
    Error "error" false "a request is answered with 503";
    Ids "ids" false "ids begin anew";
}

impl FaultSchedule {
    /// The names of all faults with what they do, and whether they last.
    pub fn names() -> impl Iterator<Item = (&'static str, &'static str, bool)> {
        Kind::ALL
            .iter()
            .map(|kind| (kind.name(), kind.about(), kind.lasts()))
    }

    /// Each fault as a future that lets it happen for ever.
    pub(super) fn run(
        self,
        live: &Arc<Live>,
        seed: u64,
        speed: f64,
    ) -> impl Iterator<Item = impl Future<Output = ()> + Send + use<>> {
        let live = Arc::clone(live);
        self.0.into_iter().zip(seed..).map(move |(entry, seed)| {
            let live = Arc::clone(&live);
            let mut random = Random::new(seed);
            async move {
                loop {
                    let every = entry.every.div_f64(speed);
                    // In thousandths.
                    let share = 500 + random.below(1000);
                    sleep(every.mul_f64(share as f64 / 1000.0)).await;
                    tracing::info!(fault = entry.kind.name(), "a fault as planned");
                    let length = entry.length.unwrap_or_default();
                    entry.kind.happen(&live, length, speed, &mut random).await;
                }
            }
        })
    }
}

impl Kind {
    /// Lets it happen for so long by the clock of the exchange.
    async fn happen(self, live: &Live, length: Duration, speed: f64, random: &mut Random) {
        let over = length.div_f64(speed);
        match self {
            Self::Cut => live.gate.cut_streams().await,
            Self::Close => live.inject(Fault::CloseFrame { code: 1012 }),
            Self::Shutdown => live.shut_down(),
            Self::Restart => live.gate.restart(over).await,
            Self::Ban => {
                live.setup.guard.ban_everybody(length);
                sleep(over).await;
            }
            Self::Mute => {
                live.inject(Fault::Mute);
                sleep(over).await;
                live.setup.faults.unmute();
            }
            Self::Quiet => {
                if let Some(instrument) = live.any_instrument(random) {
                    live.inject(Fault::MuteSymbol {
                        pair: instrument.pair(),
                    });
                    sleep(over).await;
                    live.setup.faults.unmute_symbol();
                }
            }
            Self::Halt => {
                if let Some(instrument) = live.any_instrument(random) {
                    let pair = instrument.pair();
                    live.inject(Fault::Halt { pair: pair.clone() });
                    sleep(over).await;
                    live.inject(Fault::List { pair });
                }
            }
            Self::Gap => live.inject(Fault::DropDepth(1)),
            Self::Twice => live.inject(Fault::DuplicateDepth(1)),
            Self::Trades => live.inject(Fault::DropTrades(1)),
            Self::Broken => live.inject(Fault::Break(1)),
            Self::Error => live.inject(Fault::RestStatus {
                status: 503,
                body: "Service Unavailable".to_owned(),
                count: 1,
            }),
            Self::Ids => live.inject(Fault::RestartIds),
        }
    }
}

impl FromStr for FaultSchedule {
    type Err = InvalidSchedule;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split(',')
            .map(Entry::parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// As it is written.
impl fmt::Display for FaultSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, entry) in self.0.iter().enumerate() {
            let comma = if number > 0 { "," } else { "" };
            write!(f, "{comma}{}={}", entry.kind.name(), written(entry.every))?;
            if let Some(length) = entry.length {
                write!(f, "/{}", written(length))?;
            }
        }
        Ok(())
    }
}

impl Entry {
    fn parse(part: &str) -> Result<Self, InvalidSchedule> {
        let invalid = |expected: &str| InvalidSchedule {
            part: part.escape_debug().collect(),
            expected: expected.to_owned(),
        };
        let names = || Kind::ALL.iter().map(|kind| kind.name()).collect::<Vec<_>>();
        let (name, times) = part
            .trim()
            .split_once('=')
            .ok_or_else(|| invalid("it is written as NAME=EVERY or NAME=EVERY/FOR"))?;
        let kind = Kind::ALL.iter().copied().find(|kind| kind.name() == name);
        let kind = kind.ok_or_else(|| {
            let names = names().join(", ");
            invalid(&format!("the names are {names}"))
        })?;
        let (every, length) = match times.split_once('/') {
            Some((every, length)) => (every, Some(length)),
            None => (times, None),
        };
        let time = |text| {
            parse_time(text).ok_or_else(|| invalid("a time is a number of ms, s, m or h above 0"))
        };
        if length.is_some() && !kind.lasts() {
            return Err(invalid("this one does not last"));
        }
        let length = length.map(time).transpose()?;
        Ok(Self {
            kind,
            every: time(every)?,
            length: kind.lasts().then(|| length.unwrap_or(LENGTH)),
        })
    }
}

const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];

fn parse_time(text: &str) -> Option<Duration> {
    let (number, millis) = UNITS
        .iter()
        .find_map(|(unit, millis)| Some((text.strip_suffix(unit)?, millis)))?;
    let number: u32 = number.parse().ok().filter(|number| *number > 0)?;
    Some(Duration::from_millis(u64::from(number) * millis))
}

/// In the largest unit of which it is a whole number.
fn written(time: Duration) -> String {
    let millis = super::guard::millis(time);
    let fits = |(_, unit): &&(&str, u64)| millis.is_multiple_of(*unit);
    let (name, unit) = UNITS.iter().rev().find(fits).unwrap_or(&("ms", 1));
    format!("{}{name}", millis / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_as_it_is_written_and_says_what_is_wrong() {
        let all: Vec<_> = FaultSchedule::names()
            .map(|(name, _, lasts)| match lasts {
                true => format!("{name}=90s/250ms"),
                false => format!("{name}=2h"),
            })
            .collect();
        let all = all.join(",");
        assert_eq!(all.parse::<FaultSchedule>().unwrap().to_string(), all);
        let default: FaultSchedule = "mute=1000ms, cut=60s".parse().unwrap();
        assert_eq!(default.to_string(), "mute=1s/5s,cut=1m");
        for (text, expected) in [
            (
                "",
                r#""" is no fault: it is written as NAME=EVERY or NAME=EVERY/FOR"#,
            ),
            (
                "cut=30s/5s",
                r#""cut=30s/5s" is no fault: this one does not last"#,
            ),
            (
                "cut=0s",
                r#""cut=0s" is no fault: a time is a number of ms, s, m or h above 0"#,
            ),
            (
                "cut=1d",
                r#""cut=1d" is no fault: a time is a number of ms, s, m or h above 0"#,
            ),
            (
                "cut=é",
                r#""cut=é" is no fault: a time is a number of ms, s, m or h above 0"#,
            ),
        ] {
            let error = text.parse::<FaultSchedule>().unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
        let unknown = "cat=30s".parse::<FaultSchedule>().unwrap_err().to_string();
        assert!(
            unknown.contains("the names are cut, close, shutdown"),
            "{unknown}"
        );
    }
}
