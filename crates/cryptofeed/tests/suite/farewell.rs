//! How a run leaves the exchanges.

use crate::parting::Parting;
use crate::workspace::Workspace;

#[tokio::test(flavor = "multi_thread")]
async fn whatever_ends_a_run_its_streams_are_closed_as_the_protocol_wants() {
    for arguments in [&["--duration", "10h"][..], &["--count", "1"]] {
        let workspace = Workspace::new();
        let mut exchange = Parting::start().await;
        let address = exchange.address();
        let feeds = format!(
            "feeds: {{binance: {{symbols: [BTC-USDT], channels: [trades], rest_url: 'http://{address}', ws_url: 'ws://{address}'}}}}\n"
        );
        workspace.file("cryptofeed.yaml", &feeds);
        let run = workspace.start(&[&["run"], arguments].concat(), &[]);
        run.find(|line| line["type"] == "connected");
        if arguments[0] == "--duration" {
            run.terminate();
        }
        assert_eq!(exchange.code().await, 1000, "{arguments:?}");
        assert_eq!(run.finish().0, Some(0));
    }
}
