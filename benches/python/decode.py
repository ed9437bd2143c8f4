"""Decoders of Python. Reads one task per line, answers each with one line."""

import json
import sys
import time

import events


def with_orjson():
    import orjson

    def decode(text):
        data = orjson.loads(text)["data"]
        return len(data["b"]) + len(data["a"]) if data.get("e") == "depthUpdate" else 0

    return decode


def with_json():
    def decode(text):
        kind, event = events.event(events.with_json, text)
        return len(event.bids) + len(event.asks) if kind == "depth" else 0

    return decode


DECODERS = {"orjson": with_orjson, "json": with_json}


def measure(task):
    decode, messages, levels = DECODERS[task["decoder"]](), task["messages"], task["levels"]
    if any(decode(text) != levels for text in messages):
        raise ValueError("another number of levels than was sent")
    start, cpu = time.perf_counter(), time.process_time()
    passes = 0
    while time.perf_counter() - start < task["window"]:
        for text in messages:
            decode(text)
        passes += 1
    return (time.process_time() - cpu) * 1e9 / (passes * len(messages))


def answer(task):
    try:
        return {"nanoseconds": measure(task)}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
