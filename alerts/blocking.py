"""What may block for ever, called from the event loop."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress


async def in_thread(call: Callable[[], None], *, name: str) -> None:
    """Run a call that may block for ever, and raise what it raises. Its thread is a daemon: no process waits for it."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def finish(error: BaseException | None) -> None:
        if not done.done():
            done.set_exception(error) if error else done.set_result(None)

    def run() -> None:
        error: BaseException | None = None
        try:
            call()
        except BaseException as raised:
            error = raised
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(finish, error)

    threading.Thread(target=run, name=name, daemon=True).start()
    await done
