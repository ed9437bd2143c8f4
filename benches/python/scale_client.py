"""Many open connections."""

import asyncio
import resource
import time

from dial_ways import opener

# How many dials are under way at a time.
DIALING = 64


def raise_file_limit():
    _, maximum = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (maximum, maximum))


async def hold(task):
    dial = opener(task["contender"], task["way"], path="twice", messages=2)
    # Whatever is allocated once, at the first dial, is no cost of a connection.
    first = await dial()
    turn = asyncio.Semaphore(DIALING)

    async def dial_in_turn():
        async with turn:
            return await dial()

    before, cpu = resident(), time.process_time()
    count = task["connections"]
    connections = await asyncio.gather(*(dial_in_turn() for _ in range(count)))
    after, cpu = resident(), time.process_time() - cpu
    assert len(connections) == count and first
    return {
        "kibibytes": (after - before) / 1024 / count,
        "cpu_microseconds": cpu * 1e6 / count,
    }


def resident():
    """The resident memory of this process, in bytes."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()
