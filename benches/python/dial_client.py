"""The clients of `dial`, `rest` and `scale` that are written in Python.

Reads tasks from its standard input and writes answers to its standard output, a line of JSON each;
`src/dial/task.rs` says what is in them.
"""

import asyncio
import json
import sys
import time

from dial_ways import close, fetcher, opener, check
from rest_client import request
from scale_client import hold, raise_file_limit

# Longer than any dial may take, and any task.
PATIENCE = 5.0
PATIENCE_WITH_TASK = 60.0


async def open_(task):
    way = task["way"]
    if task["opens"] == "Stream":
        dial = opener(task["contender"], way)
        return await timed(task["times"], dial)
    fetch, session = fetcher(way, keep_alive=False)
    async with session:

        async def answered():
            check(way, await fetch())

        return await timed(task["times"], answered)


async def timed(times, dial):
    """How long `dial` takes. What it opens is closed before it is called again."""
    milliseconds = []
    cpu = time.process_time()
    for _ in range(times):
        start = time.perf_counter()
        async with asyncio.timeout(PATIENCE):
            opened = await dial()
        milliseconds.append((time.perf_counter() - start) * 1e3)
        await close(opened)
    cpu = (time.process_time() - cpu) * 1e6
    return {"milliseconds": milliseconds, "cpu_microseconds": cpu / times}


TASKS = {"Open": open_, "Request": request, "Hold": hold}


async def main():
    raise_file_limit()
    for line in sys.stdin:
        [(name, task)] = json.loads(line).items()
        try:
            async with asyncio.timeout(PATIENCE_WITH_TASK):
                answer = {"Ok": await TASKS[name](task)}
        except Exception as error:  # Whatever it is, it goes into the table.
            answer = {"Err": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


asyncio.run(main())
