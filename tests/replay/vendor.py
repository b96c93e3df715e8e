"""A vendor that says what was recorded: the trace that a request carries names the recording, and how its bytes
are cut.

usage: vendor.py    prints the address, and ends with its standard input
"""

import asyncio
import re
import sys

import recordings

TRACE = re.compile(rb"\r\ntraceparent: 00-([0-9a-f]{32})-([0-9a-f]{16})-", re.IGNORECASE)
LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)


def cut(body, size):
    """Whole, by events (1), or so many bytes at a time."""
    if size == 0:
        return [body]
    if size == 1:
        return [piece for piece in re.split(rb"(?<=\n\n)", body) if piece]
    return [body[at : at + size] for at in range(0, len(body), size)]


def answer(one, size):
    head = f"HTTP/1.1 {one.status} Recorded\r\ncontent-type: {one.content_type}\r\n".encode()
    if not one.stream:
        return [head + b"content-length: %d\r\n\r\n" % len(one.body) + one.body]
    pieces = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in cut(one.body, size)]
    return [head + b"transfer-encoding: chunked\r\n\r\n", *pieces, b"0\r\n\r\n"]


async def serve(known, reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = LENGTH.search(head)
            await reader.readexactly(int(length[1]) if length else 0)
            trace = TRACE.search(head)
            one = known[int(trace[1], 16) - 1]
            for piece in answer(one, int(trace[2], 16) - 1):
                writer.write(piece)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main():
    known = recordings.load()
    server = await asyncio.start_server(lambda r, w: serve(known, r, w), "127.0.0.1", 0, limit=1 << 26)
    host, port = server.sockets[0].getsockname()
    print(f"{host}:{port}", flush=True)
    await asyncio.to_thread(sys.stdin.read)


asyncio.run(main())
