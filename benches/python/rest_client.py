"""REST requests over connections that stay open."""

import asyncio
import time

from dial_ways import check, fetcher


async def request(task):
    way = task["way"]
    fetch, session = fetcher(way, keep_alive=True)

    async def lane(until):
        answers = 0
        while answers == 0 or time.perf_counter() < until:
            check(way, await fetch())
            answers += 1
        return answers

    async def lanes(until):
        return sum(await asyncio.gather(*(lane(until) for _ in range(task["concurrency"]))))

    async with session:
        # Every lane has its connection before the clock starts.
        await lanes(time.perf_counter())
        start, cpu = time.perf_counter(), time.process_time()
        answers = await lanes(start + task["milliseconds"] / 1e3)
        elapsed, cpu = time.perf_counter() - start, time.process_time() - cpu
    return {"per_second": answers / elapsed, "cpu_microseconds": cpu * 1e6 / answers}
