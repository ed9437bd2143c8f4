"""WebSocket clients of Python. Reads one task per line, answers each with one line."""

import asyncio
import json
import ssl
import sys
import time

import events

BATCH = 32
LIMIT_SECONDS = 10


def check_of(expected):
    """What is done with each message: look at its length, or make an event of it."""
    if "characters" in expected:
        characters = expected["characters"]

        def check(text):
            if len(text) != characters:
                raise ValueError("another text than was sent")

        return check
    wanted = expected["event"]

    def decode(text):
        kind, _ = events.event(events.with_json, text)
        if kind != wanted:
            raise ValueError("another event than was sent")

    return decode


async def receive_for(receive, check, seconds):
    start = time.perf_counter()
    messages = 0
    while time.perf_counter() - start < seconds:
        for _ in range(BATCH):
            check(await receive())
        messages += BATCH
    return messages


async def drain(receive, task):
    check = check_of(task["expected"])
    await receive_for(receive, check, task["window"] / 5)
    cpu, start = time.process_time(), time.perf_counter()
    messages = await receive_for(receive, check, task["window"])
    seconds = time.perf_counter() - start
    return {
        "messages": messages,
        "seconds": seconds,
        "cpu_seconds": time.process_time() - cpu,
    }


def tls(task):
    if task["uri"].startswith("wss:"):
        return ssl.create_default_context(cafile=task["ca_file"])
    return None


async def with_websockets(task):
    from websockets.asyncio.client import connect

    options = {"proxy": task["proxy"], "compression": None, "close_timeout": 0}
    if task["uri"].startswith("wss:"):
        options["ssl"] = tls(task)
    client = await connect(task["uri"], **options)
    try:
        return await drain(client.recv, task)
    finally:
        client.transport.abort()


async def with_aiohttp(task):
    import aiohttp
    from aiohttp_socks import ProxyConnector

    # aiohttp-socks knows `socks5` alone; the target is an address, so nobody resolves a name.
    if task["proxy"]:
        connector = ProxyConnector.from_url(task["proxy"].replace("socks5h", "socks5"))
    else:
        connector = aiohttp.TCPConnector()
    async with aiohttp.ClientSession(connector=connector) as session:
        socket = await session.ws_connect(
            task["uri"], ssl=tls(task) or True, timeout=aiohttp.ClientWSTimeout(ws_close=0.001)
        )
        return await drain(socket.receive_str, task)


CLIENTS = {"websockets": with_websockets, "aiohttp": with_aiohttp}


def answer(task):
    try:
        measure = asyncio.wait_for(CLIENTS[task["module"]](task), LIMIT_SECONDS)
        return asyncio.run(measure)
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
