//! Which proxy an exchange has.

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use proxy_config::{
    ConnectionProxies, ExchangeId, ProxyConfig, ProxySettings, ProxyUrl, Transport,
};
use proxy_resolve::{Route, resolve};

use crate::error::{BoxError, Result};
use crate::measure::{Cpu, Outcome, allocations, interleave, uncounted};
use crate::report::{Measurement, Target};
use crate::settings::Settings;

const TIME: (&str, &str) = ("CPU time per resolution", "ns");
const ALLOCATIONS: (&str, &str) = ("allocations per resolution", "");
/// Tens of nanoseconds.
const LIMIT_NS: f64 = 100.0;

/// How many exchanges have a proxy of their own, and how many threads ask for them.
#[derive(Debug, Clone, Copy)]
struct Load {
    exchanges: usize,
    threads: usize,
}

#[derive(Debug, Clone, Copy)]
struct Cost {
    nanoseconds: f64,
    allocations: f64,
}

/// The settings, and every exchange in an order that no cache likes.
struct Subject {
    settings: ProxySettings,
    asked: Vec<ExchangeId>,
}

pub(crate) fn run(settings: &Settings) -> Result<Vec<Measurement>> {
    let loads: Vec<_> = [1, 8]
        .into_iter()
        .flat_map(|threads| [1, 100, 10_000].map(|exchanges| Load { exchanges, threads }))
        .collect();
    let outcomes = interleave(settings.rounds, &loads, |load| {
        measure(*load, settings.window)
    });
    Ok(loads
        .iter()
        .zip(outcomes)
        .map(|(load, outcome)| row(*load, outcome))
        .collect())
}

impl Subject {
    fn new(exchanges: usize) -> Result<Self> {
        let mut settings = ProxySettings::enabled();
        let mut asked = Vec::new();
        for number in 0..exchanges {
            let exchange = ExchangeId::new(&format!("exchange{number}"))?;
            let url = ProxyUrl::parse(&format!("socks5h://proxy{number}.example:1080"))?;
            let proxies = ConnectionProxies::both(ProxyConfig::new(url));
            settings = settings.with_exchange(exchange.clone(), proxies);
            asked.push(exchange);
        }
        // Of few, enough for the clock not to count.
        asked = asked
            .into_iter()
            .cycle()
            .take(exchanges.max(1000))
            .collect();
        // Neighbours in memory are not asked for one after the other.
        asked.sort_by_key(|exchange| exchange.as_str().bytes().rev().collect::<Vec<_>>());
        Ok(Self { settings, asked })
    }

    /// Asks for each exchange once, for both transports.
    fn pass(&self) -> Result<()> {
        for exchange in &self.asked {
            for transport in Transport::ALL {
                let resolution = resolve(&self.settings, Some(exchange), transport, None, None);
                if !matches!(black_box(resolution).route(), Route::Proxy(_)) {
                    return Err("another route than was configured".into());
                }
            }
        }
        Ok(())
    }

    fn measure(&self, window: Duration) -> Result<Cost> {
        let (allocations, counted) = allocations(|| self.pass());
        counted?;
        let (cpu, passes) = uncounted(|| -> Result<_> {
            let (start, cpu) = (Instant::now(), Cpu::of_thread());
            let mut passes = 0_u32;
            while start.elapsed() < window {
                self.pass()?;
                passes += 1;
            }
            Ok((cpu.elapsed(), passes))
        })?;
        let per_pass = 2.0 * self.asked.len() as f64;
        Ok(Cost {
            nanoseconds: cpu.as_secs_f64() * 1e9 / (f64::from(passes) * per_pass),
            allocations: allocations as f64 / per_pass,
        })
    }
}

/// The mean over all threads, which share the settings.
fn measure(load: Load, window: Duration) -> Result<Cost> {
    let subject = Subject::new(load.exchanges)?;
    let costs = thread::scope(|scope| {
        let threads: Vec<_> = (0..load.threads)
            .map(|_| scope.spawn(|| subject.measure(window)))
            .collect();
        let join = |thread: thread::ScopedJoinHandle<'_, Result<Cost>>| {
            thread
                .join()
                .map_err(|_| BoxError::from("a thread panicked"))?
        };
        threads.into_iter().map(join).collect::<Result<Vec<_>>>()
    })?;
    let mean =
        |figure: fn(&Cost) -> f64| costs.iter().map(figure).sum::<f64>() / costs.len() as f64;
    Ok(Cost {
        nanoseconds: mean(|cost| cost.nanoseconds),
        allocations: mean(|cost| cost.allocations),
    })
}

fn row(load: Load, outcome: Outcome<Cost>) -> Measurement {
    let Load { exchanges, threads } = load;
    let group = match threads {
        1 => "one thread".to_owned(),
        _ => format!("{threads} threads"),
    };
    let name = format!("proxy-resolve, exchanges: {exchanges}");
    let of_these = |what: &str| format!("{what}, exchanges: {exchanges}");
    match outcome {
        Ok(costs) => {
            let nanoseconds = costs.iter().map(|cost| cost.nanoseconds).collect();
            let allocations: Vec<_> = costs.iter().map(|cost| cost.allocations).collect();
            let most = allocations.iter().copied().fold(0.0, f64::max);
            let row = Measurement::new(group, name, TIME, nanoseconds)
                .with_extra(ALLOCATIONS, &allocations)
                .with_target(Target::at_most(&of_these(ALLOCATIONS.0), most, 0.0));
            match row.median() {
                Some(median) => {
                    row.with_target(Target::at_most(&of_these("nanoseconds"), median, LIMIT_NS))
                }
                None => row,
            }
        }
        Err(reason) => Measurement::missing(group, name, TIME, &reason),
    }
}
