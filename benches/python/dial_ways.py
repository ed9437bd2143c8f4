"""Connections along the ways of `src/dial/way.rs`."""

import json
import ssl

import aiohttp
import aiohttp_socks
import websockets


def check(way, greeting):
    peer = json.loads(greeting)["peer"]
    if peer != way["egress"]:
        raise RuntimeError(f"the exchange saw {peer}, not {way['egress']}")


def opener(contender, way, path="", messages=1):
    """A coroutine function that opens a WebSocket and waits for its first messages."""
    uri = f"wss://{way['host']}:{way['stream_port']}/{path}"
    by = {"PythonWebsockets": open_websockets, "PythonAiohttp": open_aiohttp}
    return by[contender](way, uri, messages)


def open_websockets(way, uri, messages):
    tls = trust(way)
    proxy = way["proxy"]
    options = {"proxy_ssl": tls} if proxy and proxy.startswith("https") else {}

    async def dial():
        socket = await websockets.connect(
            uri, ssl=tls, proxy=proxy, compression=None, **options
        )
        for _ in range(messages):
            check(way, await socket.recv())
        return socket

    return dial


def open_aiohttp(way, uri, messages):
    session, options = None, None

    async def dial():
        nonlocal session, options
        if session is None:
            session, options = aiohttp_session(way, keep_alive=True)
        socket = await session.ws_connect(uri, **options)
        for _ in range(messages):
            check(way, await socket.receive_str())
        return socket

    return dial


def fetcher(way, keep_alive):
    """A coroutine function that sends a request and returns its answer, and what to close."""
    session, options = aiohttp_session(way, keep_alive)
    uri = f"https://{way['host']}:{way['rest_port']}/"

    async def fetch():
        async with session.get(uri, **options) as response:
            return await response.read()

    return fetch, session


def aiohttp_session(way, keep_alive):
    """A session, and what each of its requests has to be told."""
    tls = trust(way)
    proxy = way["proxy"]
    limits = {"limit": 0, "force_close": not keep_alive, "ssl": tls}
    if proxy and proxy.startswith("socks"):
        # `rdns` is what the `a` and the `h` at the end of a scheme stand for.
        url = proxy.replace("socks5h:", "socks5:").replace("socks4a:", "socks4:")
        connector = aiohttp_socks.ProxyConnector.from_url(url, rdns=True, **limits)
        options = {}
    else:
        connector = aiohttp.TCPConnector(**limits)
        options = {"proxy": proxy} if proxy else {}
    return aiohttp.ClientSession(connector=connector), options


def trust(way):
    return ssl.create_default_context(cafile=way["ca_file"])


async def close(opened):
    """Hangs up without waiting for the other side."""
    if isinstance(opened, websockets.ClientConnection):
        opened.transport.abort()
        await opened.wait_closed()
    elif opened is not None:
        opened._response.close()
