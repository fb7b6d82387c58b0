"""proxy.py - connections that go through us, so that they can be delayed, stalled, cut and lost.

One thread carries all bytes; faults are set from any other. A link listens at one address and
makes a connection to another for each that it takes. Addresses are paths or (host, port).
"""
import asyncio
import random
import threading
import time

CHUNK = 65536
STEP_S = 0.01
TOWARDS, BACK = 0, 1  # The two ways of a connection.


class Link:
    """The faults of one link, which its connections look at with every piece they carry."""

    def __init__(self, name, target):
        self.name, self.target = name, target
        self.server = None
        self.connections = set()
        self.heal()

    def heal(self):
        """New bytes pass. Half-open connections stay so until somebody ends them."""
        self.delay_s = 0
        self.bytes_per_s = 0
        self.is_stalled = False
        self.is_refusing = False
        self.cut_after = None  # Bytes from now on, in both directions together.

    async def serve(self, address):
        if isinstance(address, str):
            self.server = await asyncio.start_unix_server(self.take, address)
        else:
            self.server = await asyncio.start_server(self.take, *address)
        return self.server.sockets[0].getsockname()

    async def take(self, reader, writer):
        if self.is_refusing:
            writer.transport.abort()
            return
        try:
            other = await (asyncio.open_unix_connection(self.target)
                           if isinstance(self.target, str)
                           else asyncio.open_connection(*self.target))
        except OSError:  # Nobody is there: what a client behind us sees is that we are gone too.
            writer.transport.abort()
            return
        connection = Connection(self, [(reader, other[1]), (other[0], writer)])
        self.connections.add(connection)
        await connection.carry()
        self.connections.discard(connection)

    async def cut(self):
        for connection in list(self.connections):
            connection.abort()

    async def forget(self, ways):
        """Half open: the connections that there are stay, and what is sent one way gets lost."""
        for connection in self.connections:
            connection.lost |= set(ways)


class Connection:
    def __init__(self, link, ways):
        self.link, self.ways = link, ways
        self.lost = set()  # Ways on which nothing arrives any more.

    def abort(self):
        for _, writer in self.ways:
            writer.transport.abort()

    async def carry(self):
        await asyncio.gather(*(self.carry_way(way) for way in (TOWARDS, BACK)))
        self.abort()

    async def carry_way(self, way):
        reader, writer = self.ways[way]
        try:
            while data := await reader.read(CHUNK):
                await self.hold(len(data))
                if way not in self.lost:
                    await self.write(writer, data)
        except OSError:
            pass
        if not self.lost:  # Else nobody is told that this end has closed.
            self.abort()

    async def hold(self, size):
        """In small steps: what holds a piece up ends with the fault."""
        link, begun = self.link, time.monotonic()
        share = random.uniform(0.5, 1.5)
        while link.is_stalled or time.monotonic() < begun + link.delay_s * share + (
                size / link.bytes_per_s if link.bytes_per_s else 0):
            await asyncio.sleep(STEP_S)

    async def write(self, writer, data):
        link = self.link
        if link.cut_after is not None and link.cut_after < len(data):
            writer.write(data[:link.cut_after])
            link.cut_after = None
            await asyncio.sleep(0)  # The part before the cut may still leave.
            self.abort()
            return
        if link.cut_after is not None:
            link.cut_after -= len(data)
        writer.write(data)
        await writer.drain()


class Proxy:
    """The thread, and its links. Used as a context."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.links = []

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.call(self.end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    def call(self, work):
        """Does it in the thread; gives what it gave."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    def open(self, name, address, target):
        """Gives the link and the address where it listens."""
        link = Link(name, target)
        address = self.call(link.serve(address))
        self.links.append(link)
        return link, address

    async def end(self):
        for link in self.links:
            link.server.close()
            await link.cut()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
