"""Runs a Pulumi program in this process: a fresh context, a loop of its own, and an end without noise."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import runpy
from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeVar, TypeVarTuple

from pulumi import runtime
from pulumi.runtime.settings import ROOT

from infra.domain.problem import Invalid
from scripts.edges.monitor import Engine, Monitor

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")


def program(path: Path, monitor: Monitor, config: Mapping[str, str], secret_keys: Collection[str], *, dry_run: bool) -> None:
    """Run the program at `path` against `monitor` until everything it registered is answered.

    Raises the failure that the monitor met, else what the program raised. A preview (`dry_run`) answers each request in
    place, so that the same program always registers in the same order; otherwise a thread of its own waits for the provider,
    and the loop stays free to serve the program's hooks.
    """
    with _without_collector() if dry_run else nullcontext():
        contextvars.Context().run(_run, path, monitor, config, secret_keys, dry_run)


@contextmanager
def _without_collector() -> Iterator[None]:
    """A run makes some ten thousand tasks, all alive to its end: looking for garbage among them takes half of the time."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


def _run(path: Path, monitor: Monitor, config: Mapping[str, str], secret_keys: Collection[str], dry_run: bool) -> None:
    engine = Engine()
    ROOT.set(None)
    settings = runtime.Settings(
        project=monitor.project, stack=monitor.stack, monitor=monitor, engine=engine, dry_run=dry_run, root_directory=str(path.parent)
    )
    runtime.configure(settings)
    runtime.set_all_config(dict(config), list(secret_keys))
    raised: list[BaseException] = []
    try:
        _in_loop(runtime.run_in_stack(_recorded(path, monitor, raised)), in_place=dry_run)
    except BaseException as error:
        told = _told(monitor.failure or (raised[0] if raised else error))
        for message in engine.errors:
            told.add_note(message)
        raise told from None if told.__cause__ is told else told.__cause__


def _recorded(path: Path, monitor: Monitor, raised: list[BaseException]) -> Callable[[], None]:
    """The program; what it raises is kept, and stops the requests that are still waiting: a broken program registers nothing more."""

    def run() -> None:
        try:
            runpy.run_path(str(path), run_name="__main__")
        except BaseException as error:
            raised.append(error)
            monitor.stopped = True
            raise

    return run


def _told(error: BaseException) -> BaseException:
    """The error as the caller should see it: the Problems behind it if there are any, else itself."""
    seen: list[BaseException] = []  # the SDK sometimes names an exception as its own cause
    found: BaseException | None = error
    while found is not None and not any(found is other for other in seen):
        if isinstance(found, Invalid):
            return found
        seen.append(found)
        found = found.__cause__
    return error


class _InPlace(asyncio.SelectorEventLoop):
    """A loop that does blocking calls at once instead of handing them to threads: ours answer in microseconds."""

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Arguments], Result], *args: *Arguments) -> asyncio.Future[Result]:
        future: asyncio.Future[Result] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future


def _in_loop(work: Coroutine[Any, Any, None], *, in_place: bool) -> None:
    loop = _InPlace() if in_place else asyncio.SelectorEventLoop()
    # After a failure dozens of tasks hold a copy of the same exception, and each would report it once more.
    loop.set_exception_handler(lambda _loop, _context: None)
    worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="capture")
    loop.set_default_executor(worker)
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(work)
    finally:
        _drain(loop)
        worker.shutdown(wait=False, cancel_futures=True)
        asyncio.set_event_loop(None)
        loop.close()


def _drain(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel what is still waiting, until nothing is: cancelling one task may start another."""
    while pending := asyncio.all_tasks(loop):
        for task in pending:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
