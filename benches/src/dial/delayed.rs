//! Round trips: dials over a slow wire.

use std::net::SocketAddr;
use std::time::Duration;

use super::clients::Clients;
use super::contender::{Contender, Opens};
use super::network::Network;
use super::prepared_route::Route;
use super::task::{Dials, Open, Task};
use crate::error::Result;
use crate::measure::interleave;
use crate::report::{Measurement, Target};
use crate::settings::Settings;

/// How long a packet between the client and the proxy is under way.
const DELAY: Duration = Duration::from_millis(10);

/// How often the wire itself is measured.
const CONNECTS: usize = 20;

/// How often a contender dials when it is its turn, and how often that is at most: the wire sets the
/// time, so it hardly varies.
const DIALS: usize = 2;
const MOST_ROUNDS: usize = 3;

/// One row of a table.
struct Row {
    route: Route,
    opens: Opens,
    contender: Contender,
}

/// How long everybody takes for the first message and the first answer, on every route.
pub(super) fn run(settings: &Settings) -> Result<Vec<Measurement>> {
    let directory = tempfile::tempdir()?;
    let network = Network::build(DELAY)?;
    let (_exchange, world) = network.start_world(&directory.path().join("ca.pem"))?;
    let mut clients = Clients::by(|program| network.client(program));

    let way = world.way(Route::Direct)?;
    let connect = Task::Connect {
        address: SocketAddr::new(way.host.parse()?, way.stream_port),
        times: CONNECTS,
    };
    let wire: Dials = clients.ask(Contender::Standard, &connect)?;
    let wire = Measurement::new(
        "the wire",
        "connect",
        ("time to connect", "ms"),
        wire.milliseconds,
    )
    .with_note("every packet is held, the first one of a connection too");
    let round_trip = wire.median().ok_or("the wire was not measured")?;

    let rows: Vec<Row> = rows().collect();
    let outcomes = interleave(settings.rounds.min(MOST_ROUNDS), &rows, |row| {
        let task = Task::Open(Open {
            contender: row.contender,
            way: world.way(row.route)?.clone(),
            opens: row.opens,
            times: DIALS,
        });
        clients.ask::<Dials>(row.contender, &task)
    });
    let measured = rows
        .iter()
        .zip(outcomes)
        .map(|(row, outcome)| match outcome {
            Ok(dials) => row.measurement(&dials, round_trip),
            Err(reason) => Measurement::missing(row.group(), row.name(), row.figure(), &reason),
        });
    Ok([wire].into_iter().chain(measured).collect())
}

fn rows() -> impl Iterator<Item = Row> {
    [Opens::Stream, Opens::Rest].into_iter().flat_map(|opens| {
        Route::ALL.into_iter().flat_map(move |route| {
            Contender::of(route, opens).map(move |contender| Row {
                route,
                opens,
                contender,
            })
        })
    })
}

impl Row {
    fn group(&self) -> String {
        let opens = match self.opens {
            Opens::Stream => "WebSocket",
            Opens::Rest => "REST",
        };
        let delay = DELAY.as_millis();
        format!("{opens}, {}, {delay} ms each way", self.route.name())
    }

    fn name(&self) -> String {
        self.contender.name(self.opens)
    }

    fn figure(&self) -> (&'static str, &'static str) {
        match self.opens {
            Opens::Stream => ("time to the first message", "ms"),
            Opens::Rest => ("time to the first answer", "ms"),
        }
    }

    fn measurement(&self, rounds: &[Dials], round_trip: f64) -> Measurement {
        let milliseconds = rounds.iter().flat_map(|dials| dials.milliseconds.clone());
        let cpu: Vec<f64> = rounds.iter().map(|dials| dials.cpu_microseconds).collect();
        let measurement = Measurement::new(
            self.group(),
            self.name(),
            self.figure(),
            milliseconds.collect(),
        );
        let round_trips = measurement.median().unwrap_or_default() / round_trip;
        let measurement = measurement
            .with_extra(("round trips", ""), &[round_trips])
            .with_extra(("client CPU", "us"), &cpu);
        match self.goal() {
            Some(goal) => measurement.with_target(Target::at_most(
                &format!("round trips of {}", self.name()),
                round_trips.round(),
                goal,
            )),
            None => measurement,
        }
    }

    /// How many round trips it should take: TCP, TLS, the upgrade or the request, and what the
    /// proxy's protocol asks for; or, if nothing waits for the proxy's answers, only its own TLS.
    fn goal(&self) -> Option<f64> {
        let proxy = match self.route {
            Route::Direct => 0.0,
            Route::Connect | Route::Socks4a => 1.0,
            Route::HttpsProxy | Route::Socks5h => 2.0,
            Route::Socks5hPassword => 3.0,
        };
        match (self.contender, self.route) {
            (Contender::Standard, _) => Some(3.0 + proxy),
            (Contender::Optimistic, Route::HttpsProxy) => Some(4.0),
            (Contender::Optimistic, _) => Some(3.0),
            _ => None,
        }
    }
}
