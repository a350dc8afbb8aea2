"""Prints what a WebSocket sends, as the `websockets` package sees it: one line of JSON for each message.

`{"open": true}` comes first, when the connection stands; then the messages, which have to be JSON. Ends with 0 after
--count messages. Anything else is the last line and ends with 1: `{"unreachable": why}`, `{"refused": status}`,
`{"closed": {code, reason}}` or `{"timeout": messages so far}`. Limits are the package's own (messages up to 1 MiB; a
peer that leaves a PING unanswered is dropped); --ping makes those PINGs come sooner than after 20 s.
"""

import argparse
import asyncio
import json
import sys

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus


def say(line):
    print(json.dumps(line), flush=True)


async def watch(options, messages):
    ping = options.ping
    # No proxy: what is watched is on this machine, whatever the environment says.
    async with connect(options.url, proxy=None, ping_interval=ping, ping_timeout=ping) as socket:
        say({"open": True})
        while len(messages) < options.count:
            messages.append(json.loads(await socket.recv()))
            say(messages[-1])


async def main(options):
    messages = []
    try:
        async with asyncio.timeout(options.timeout):
            await watch(options, messages)
        return 0
    except InvalidStatus as refusal:
        say({"refused": refusal.response.status_code})
    except ConnectionClosed as closing:
        code, reason = (closing.rcvd.code, closing.rcvd.reason) if closing.rcvd else (1006, "")
        say({"closed": {"code": code, "reason": reason}})
    except TimeoutError:
        say({"timeout": len(messages)})
    except OSError as error:
        say({"unreachable": str(error)})
    return 1


parser = argparse.ArgumentParser(description="print what a WebSocket sends")
parser.add_argument("--url", required=True)
parser.add_argument("--count", type=int, required=True, help="messages to wait for")
parser.add_argument("--timeout", type=float, default=30, help="seconds for everything")
parser.add_argument("--ping", type=float, default=20, help="seconds between PINGs, and until a PONG is overdue")
sys.exit(asyncio.run(main(parser.parse_args())))
