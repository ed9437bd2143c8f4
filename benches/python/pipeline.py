"""cryptofeed, from the WebSocket to lines of JSON on standard output.

Its own feed, book and callbacks; only the addresses are others. Usage: EXCHANGE PROXY
"""

import asyncio
import os
import signal
import sys

from cryptofeed import FeedHandler
from cryptofeed.backends.backend import BackendBookCallback, BackendCallback
from cryptofeed.connection import RestEndpoint, WebsocketEndpoint
from cryptofeed.defines import L2_BOOK, TICKER
from cryptofeed.exchanges import Binance
from yapic import json

# Whoever has not been ended by then does not deliver.
LIMIT = 60

EXCHANGE, PROXY = sys.argv[1:]


class Mock(Binance):
    websocket_endpoints = [
        WebsocketEndpoint(f"wss://{EXCHANGE}", options={"proxy": PROXY})
    ]
    rest_endpoints = [
        RestEndpoint(f"https://{EXCHANGE}", routes=Binance.rest_endpoints[0].routes)
    ]


class Lines:
    """Gathers lines, and writes them when nothing else is to be done."""

    numeric_type = str
    none_to = None
    gathered = []

    async def write(self, data):
        if not self.gathered:
            asyncio.get_running_loop().call_soon(self.flush)
        self.gathered.append(json.dumps(data))

    def flush(self):
        text = "\n".join(self.gathered) + "\n"
        self.gathered.clear()
        data = memoryview(text.encode())
        while data:
            data = data[os.write(1, data) :]


class Tickers(Lines, BackendCallback):
    pass


class Books(Lines, BackendBookCallback):
    """Changes alone: a whole book now and then would be more work."""

    snapshots_only = False
    snapshot_interval = float("inf")

    def __init__(self):
        self.snapshot_count = {"BTC-USDT": 0}


signal.alarm(LIMIT)
handler = FeedHandler(config={"uvloop": True, "log": {"disabled": True}})
# It expects one, which uvloop does not make by itself any more.
asyncio.set_event_loop(asyncio.new_event_loop())
handler.add_feed(
    Mock(
        symbols=["BTC-USDT"],
        channels=[TICKER, L2_BOOK],
        callbacks={TICKER: Tickers(), L2_BOOK: Books()},
        config={"log": {"disabled": True}},
    )
)
handler.run()
