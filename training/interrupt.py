"""Ctrl-C and SIGTERM as a request that the loop answers between two steps, when the weights are whole."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Interrupt:
    """Whether somebody has asked that the loop ends."""

    requested: bool = False


@contextmanager
def interrupts_deferred() -> Iterator[Interrupt]:
    """Yield the flag that the first SIGINT or SIGTERM sets; a second one raises KeyboardInterrupt at once."""
    interrupt = Interrupt()

    def on_signal(number: int, _frame) -> None:
        if interrupt.requested:
            raise KeyboardInterrupt
        interrupt.requested = True

    # Python lets only the main thread handle signals; elsewhere they are the caller's concern.
    signals = (signal.SIGINT, signal.SIGTERM) if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.signal(number, on_signal) for number in signals}
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
