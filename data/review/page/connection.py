"""Connections to the review page: how many at once, and for how long one may keep the server waiting."""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol


class Connection(H11Protocol):
    """A connection that is closed where it is one too many, or its client silent or slow.

    A client has `wait_s` each for its request, for the body of it, and to take the answer, whatever it sends meanwhile;
    uvicorn itself only limits the time between two requests in which nothing comes.
    """

    most, wait_s, look_s = 64, 30.0, 1.0
    waited_s, phase = 0.0, None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Called by asyncio."""
        super().connection_made(transport)
        if len(self.connections) > self.most:
            transport.abort()
        else:
            self.timer = self.loop.call_later(self.look_s, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio."""
        super().connection_lost(exc)
        if hasattr(self, "timer"):
            self.timer.cancel()

    def _look(self) -> None:
        phase = self._phase()
        self.waited_s = self.waited_s + self.look_s if phase == self.phase else 0.0
        self.phase = phase
        if phase and self.waited_s >= self.wait_s:
            self.transport.abort()
        else:
            self.timer = self.loop.call_later(self.look_s, self._look)

    def _phase(self) -> Any:
        """What the client is waited for; nothing while it waits itself."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            return "request", cycle
        if cycle.more_body:
            return "body", cycle
        return ("answer", cycle) if self.flow.write_paused else None
