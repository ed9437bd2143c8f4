//! What an exchange does about clients that do not keep to its limits.

use std::time::Duration;

use http::StatusCode;
use testkit::mock::{Bans, Conduct};
use testkit::{Fault, MockExchange, Violation};
use tokio_tungstenite::tungstenite::Message;
use transport::Window;

use crate::exchange_client::{Rest, Ws};
use crate::raw_client::in_time;
use crate::ticks;

const HOUR: Duration = Duration::from_secs(3600);

fn strict() -> Conduct {
    Conduct {
        messages: Some(Window::new("messages", 2, HOUR)),
        message_size: Some(10),
        url: Some("/ticks?12".len()),
        dials: Some(Window::new("dials", 20, HOUR)),
        bans: Some(Bans {
            refusals: 3,
            closes: 2,
            first: HOUR,
            longest: HOUR,
        }),
        ..Conduct::default()
    }
}

/// Each limit, what was found and what is allowed.
fn told(exchange: &MockExchange) -> Vec<(&'static str, u64, u64)> {
    let all = exchange.violations();
    let told = |it: &Violation| (it.limit, it.found, it.allowed);
    all.iter().map(told).collect()
}

/// Sends until the exchange closes the connection.
async fn talk_too_much(exchange: &MockExchange) {
    let mut ws = Ws::open(exchange, "/ticks").await;
    for text in ["1", "2", "3"] {
        ws.say(text).await;
    }
    assert_eq!(ws.close_frame().await.0, 1008);
}

#[tokio::test]
async fn violations_are_listed_and_repeated_ones_end_in_a_ban_of_the_address_alone() {
    let exchange = ticks::exchange_with(strict()).start().await.unwrap();
    let mut rest = Rest::connect(&exchange, None).await;
    assert_eq!(rest.get("/AB").await.0, StatusCode::OK);
    assert_eq!(Ws::refused(&exchange, "/ticks?123").await.0, 414);
    talk_too_much(&exchange).await;
    assert_eq!(rest.get("/AB").await.0, StatusCode::OK);
    talk_too_much(&exchange).await;
    let expected = [("url", 10, 9), ("messages", 3, 2), ("messages", 3, 2)];
    assert_eq!(told(&exchange), expected);
    // From here on everything is refused, also on the connection that is open.
    let (status, headers, body) = rest.get("/AB").await;
    assert_eq!((status, &*body), (StatusCode::FORBIDDEN, "banned"));
    let seconds: u64 = headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((3590..=3600).contains(&seconds), "{seconds}");
    assert_eq!(
        Ws::refused(&exchange, "/ticks").await,
        (403, "banned".to_owned())
    );
    let limits: Vec<_> = told(&exchange)[3..].iter().map(|it| it.0).collect();
    // Who is told for the first time could not know.
    assert_eq!(limits, ["ban"]);
    assert!(
        exchange.violations()[3]
            .to_string()
            .starts_with("127.0.0.1:")
    );
}

#[tokio::test]
async fn without_limits_everything_is_served_and_listed_all_the_same() {
    let conduct = Conduct {
        idle: Some(Duration::from_millis(50)),
        ping_every: Some(Duration::from_millis(20)),
        pong_within: Duration::from_millis(20),
        ..strict()
    };
    let exchange = ticks::exchange_with(conduct).without_limits();
    let exchange = exchange.start().await.unwrap();
    let mut ws = Ws::open(&exchange, "/ticks?123").await;
    for text in ["1", "2", "3", "0123456789a"] {
        ws.say(text).await;
        while ws.text().await != format!("heard {text}") {}
    }
    let found = told(&exchange);
    for expected in [("url", 10, 9), ("request", 11, 10)] {
        assert!(found.contains(&expected), "{found:?}");
    }
    assert!(found.iter().any(|it| it.0 == "messages"), "{found:?}");
    // The client is deaf from here on: nobody reads.
    in_time(async {
        while !told(&exchange).iter().any(|it| it.0 == "pong") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    ws.say("4").await;
    while ws.text().await != "heard 4" {}
}

#[tokio::test]
async fn a_pong_counts_as_a_message_unless_pings_come_faster_than_the_exchanges() {
    let conduct = Conduct {
        ping_every: Some(Duration::from_millis(10)),
        messages: Some(Window::new("messages", 3, HOUR)),
        ..Conduct::default()
    };
    let strict = ticks::exchange_with(conduct).start().await.unwrap();
    let mut ws = Ws::open(&strict, "/ticks").await;
    assert_eq!(ws.close_frame().await.0, 1008);
    assert_eq!(told(&strict), [("messages", 4, 3)]);

    let often = ticks::exchange_with(conduct).ping_interval(Duration::from_millis(5));
    let often = often.start().await.unwrap();
    let mut ws = Ws::open(&often, "/ticks").await;
    for _ in 0..10 {
        assert!(matches!(ws.next().await, Some(Ok(Message::Ping(_)))));
    }
    assert_eq!(told(&often), []);
}

#[tokio::test]
async fn time_passes_as_fast_as_it_shall() {
    let conduct = Conduct {
        rollover: Some(HOUR * 24),
        messages: Some(Window::new("messages", 1, HOUR)),
        ..Conduct::default()
    };
    // A day in 86 ms, and an hour in 3.6.
    let exchange = ticks::exchange_with(conduct).speed(1_000_000.0);
    let exchange = exchange.start().await.unwrap();
    let mut ws = Ws::open(&exchange, "/ticks").await;
    for text in ["1", "2"] {
        ws.say(text).await;
        while ws.text().await != format!("heard {text}") {}
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(ws.close_frame().await, (1001, "too old".to_owned()));
    assert_eq!(told(&exchange), []);
}

#[tokio::test]
async fn a_ban_can_be_ordered_and_ended() {
    let exchange = ticks::exchange().start().await.unwrap();
    exchange.inject(Fault::Ban { length: HOUR });
    let mut rest = Rest::connect(&exchange, None).await;
    assert_eq!(rest.get("/AB").await.0, StatusCode::FORBIDDEN);
    assert_eq!(Ws::refused(&exchange, "/ticks").await.0, 403);
    exchange.resume();
    assert_eq!(rest.get("/AB").await.0, StatusCode::OK);
    Ws::open(&exchange, "/ticks").await;
}

#[tokio::test]
async fn the_end_of_a_connection_is_announced_where_the_exchange_does_so() {
    let conduct = Conduct {
        rollover: Some(Duration::from_millis(100)),
        notice: Duration::from_millis(50),
        ..Conduct::default()
    };
    let exchange = ticks::exchange_with(conduct).start().await.unwrap();
    let mut ws = Ws::open(&exchange, "/ticks?announced").await;
    assert_eq!(ws.text().await, "going away");
    assert_eq!(ws.close_frame().await, (1001, "too old".to_owned()));

    let conduct = Conduct {
        notice: Duration::from_millis(10),
        ..Conduct::default()
    };
    let exchange = ticks::exchange_with(conduct).start().await.unwrap();
    let mut ws = Ws::open(&exchange, "/ticks?announced").await;
    exchange.shut_down();
    assert_eq!(ws.text().await, "going away");
    assert_eq!(ws.close_frame().await, (1001, "too old".to_owned()));
}
