"""Sends random messages to a WebSocket that returns each of them, with the `websockets` package, and compares.

Text and binary, up to --bytes long, some in fragments, with PINGs in between and up to eight under way at a time.
Prints `{"echoed": n}` and ends with 0; the first difference or a close ends with 1 and a traceback.
"""

import argparse
import asyncio
import json
import random

from websockets.asyncio.client import connect

ALPHABET = "aZ0 \x00\x7f\u00e4\u07ff\u4e16\uffff\U0001f388\U0010ffff"


def message(chance, limit):
    length = int(limit ** chance.random())  # as many short ones as long ones
    if chance.random() < 0.5:
        return chance.randbytes(length)
    return "".join(chance.choices(ALPHABET, k=length // 4))


def fragments(chance, whole):
    cuts = sorted(chance.choices(range(len(whole) + 1), k=chance.randrange(1, 5)))
    return [whole[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(whole)])]


async def main(options):
    chance = random.Random(options.seed)
    messages = [message(chance, options.bytes) for _ in range(options.count)]
    under_way = asyncio.Semaphore(8)
    async with connect(options.url, proxy=None, max_size=options.bytes) as socket:

        async def send():
            for whole in messages:
                await under_way.acquire()
                await socket.send(fragments(chance, whole) if chance.random() < 0.3 else whole)
                if chance.random() < 0.2:
                    await (await socket.ping())

        sending = asyncio.create_task(send())
        for number, whole in enumerate(messages):
            assert await socket.recv() == whole, f"message {number} of seed {options.seed} differs"
            under_way.release()
        await sending
    assert socket.close_code == 1000, socket.close_code
    print(json.dumps({"echoed": len(messages)}), flush=True)


parser = argparse.ArgumentParser(description="compare random messages with their echo")
parser.add_argument("--url", required=True)
parser.add_argument("--count", type=int, required=True)
parser.add_argument("--bytes", type=int, default=200_000, help="of the longest message")
parser.add_argument("--seed", type=int, required=True)
parser.add_argument("--timeout", type=float, default=60, help="seconds for everything")
options = parser.parse_args()
asyncio.run(asyncio.wait_for(main(options), options.timeout))
