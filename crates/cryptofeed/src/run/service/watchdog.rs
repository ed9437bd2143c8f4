//! Telling a service manager that the program is alive.

use std::convert::Infallible;
use std::env;
use std::process;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{MissedTickBehavior, interval};

/// How often the manager of this process wants to hear of it, if it does: twice as often as it must.
pub(super) fn interval_from_env() -> Option<Duration> {
    let variable = |name| env::var(name).ok();
    interval_of(
        variable("WATCHDOG_USEC").as_deref(),
        variable("WATCHDOG_PID").as_deref(),
        process::id(),
    )
}

fn interval_of(microseconds: Option<&str>, pid: Option<&str>, own_pid: u32) -> Option<Duration> {
    // The variables of a parent are inherited.
    if pid.is_some_and(|pid| pid.parse() != Ok(own_pid)) {
        return None;
    }
    let limit = Duration::from_micros(microseconds?.parse().ok()?);
    Some(limit / 2).filter(|half| !half.is_zero())
}

/// Calls `tell` every `every`, for as long as `feeds` runs a task. It runs as a part of the loop that
/// writes the events and obeys the signals, so that both are alive.
pub(super) async fn run(every: Duration, feeds: &Handle, tell: impl Fn()) -> Infallible {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if feeds.spawn(std::future::ready(())).await.is_ok() {
            tell();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::mpsc;

    use tokio::runtime::Builder;
    use tokio::time::timeout;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_manager_hears_twice_as_often_as_it_must() {
        assert_eq!(interval_of(Some("2000000"), None, 7), Some(SECOND));
        assert_eq!(interval_of(Some("2000000"), Some("7"), 7), Some(SECOND));
    }

    #[test]
    fn a_watchdog_of_another_process_or_of_no_time_is_none() {
        assert_eq!(interval_of(Some("2000000"), Some("8"), 7), None);
        assert_eq!(interval_of(Some("2000000"), Some(""), 7), None);
        assert_eq!(interval_of(Some("0"), None, 7), None);
        assert_eq!(interval_of(Some("soon"), None, 7), None);
        assert_eq!(interval_of(None, None, 7), None);
    }

    #[test]
    fn nothing_is_told_while_the_feeds_are_stuck() {
        let feeds = Builder::new_multi_thread()
            .worker_threads(1)
            .build()
            .unwrap();
        let (free, stuck) = mpsc::channel::<()>();
        let (entered, is_entered) = mpsc::channel();
        feeds.spawn(async move {
            entered.send(()).unwrap();
            let _ = stuck.recv();
        });
        is_entered.recv().unwrap();
        let told = Cell::new(0);
        let tell = || told.set(told.get() + 1);
        let paused = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let watched = async { timeout(SECOND * 60, run(SECOND, feeds.handle(), tell)).await };
        assert!(paused.block_on(watched).is_err());
        assert_eq!(told.get(), 0);

        drop(free);
        let running = Builder::new_current_thread().enable_time().build().unwrap();
        let watched = run(Duration::from_millis(1), feeds.handle(), tell);
        running.block_on(async {
            tokio::select! {
                never = watched => match never {},
                () = async { while told.get() < 3 { tokio::task::yield_now().await } } => {}
            }
        });
        feeds.shutdown_background();
    }
}
