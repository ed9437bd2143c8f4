"""Events out of Binance's messages, as cryptofeed makes them: dictionaries first, then decimals."""

import json
from decimal import Decimal
from typing import NamedTuple


class Trade(NamedTuple):
    exchange: str
    symbol: str
    side: str
    amount: Decimal
    price: Decimal
    timestamp: float
    id: str


class Ticker(NamedTuple):
    exchange: str
    symbol: str
    bid: Decimal
    ask: Decimal


class Delta(NamedTuple):
    exchange: str
    symbol: str
    bids: list
    asks: list
    timestamp: float
    sequence: int


SYMBOLS = {"BTCUSDT": "BTC-USDT", "ETHUSDT": "ETH-USDT"}


def with_json(text):
    return json.loads(text, parse_float=Decimal)


def levels(pairs):
    return [(Decimal(price), Decimal(size)) for price, size in pairs]


def event(loads, text):
    """The kind of a message and the event it tells of."""
    message = loads(text)
    kind = message["stream"].split("@")[1]
    data = message["data"]
    symbol = SYMBOLS[data["s"]]
    if kind == "trade":
        side = "sell" if data["m"] else "buy"
        return kind, Trade(
            "BINANCE",
            symbol,
            side,
            Decimal(data["q"]),
            Decimal(data["p"]),
            data["T"] / 1000.0,
            str(data["t"]),
        )
    if kind == "bookTicker":
        return kind, Ticker("BINANCE", symbol, Decimal(data["b"]), Decimal(data["a"]))
    if kind == "depth":
        bids, asks = levels(data["b"]), levels(data["a"])
        return kind, Delta("BINANCE", symbol, bids, asks, data["E"] / 1000.0, data["u"])
    raise ValueError(f"unknown kind {kind}")
