"""What every test can ask for. A test that is `async def` runs on a uvloop of its own, and so do its fixtures: a
fixture that needs to await asks for `runner` and calls `runner.run(…)`."""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import uvloop
from hypothesis import settings

from events.nats.server import NatsServer

pytest.register_assert_rewrite("tests.contracts", "tests.support")

from tests.support.ports import own_port  # noqa: E402  # what is imported before that line is not rewritten

TEST_TIMEOUT_S = 120

settings.register_profile("anywhere", deadline=None)  # a busy machine is no failure
settings.load_profile("anywhere")


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        yield runner


@pytest.hookimpl(tryfirst=True)
def pytest_itemcollected(item: pytest.Item) -> None:
    if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.function):
        item.fixturenames.insert(0, "runner")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.function):
        return None
    wanted = inspect.signature(pyfuncitem.function).parameters
    arguments = {name: value for name, value in pyfuncitem.funcargs.items() if name in wanted}

    async def bounded() -> None:
        async with asyncio.timeout(TEST_TIMEOUT_S):
            await pyfuncitem.obj(**arguments)

    loop: asyncio.Runner = pyfuncitem.funcargs["runner"]  # type: ignore[assignment]  # put there by the fixture
    loop.run(bounded())
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that failed shows what the processes of its stacks have said, be they gone by now."""
    report = yield
    if "tests.support.stack" in sys.modules:
        from tests.support.stack import Running  # noqa: PLC0415  # only where a test has one

        if report.failed:
            report.sections += [(f"the stack in {one.folder}", one.what_it_said()) for one in Running.now]
        if report.when == "teardown":
            Running.now -= {one for one in Running.now if one.process.returncode is not None}
    return report


@pytest.hookimpl
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    from tests.support.summary import summarize  # noqa: PLC0415  # not before its assertions are rewritten

    done = [
        report
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        if report.when == "call"
    ]
    summarize(done, terminalreporter.section, terminalreporter.write_line)


@pytest.fixture(scope="session")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """One server for all tests that leave it running. They delete the streams that they make."""
    with asyncio.Runner() as runner:
        server = NatsServer(tmp_path_factory.mktemp("nats"), port=own_port(), monitoring_port=own_port())
        runner.run(server.start())
        yield server
        runner.run(server.stop())


@pytest.fixture
def own_server(runner: asyncio.Runner, tmp_path: Path) -> Iterator[NatsServer]:
    """A server that the test may stop, kill, pause and start again."""
    server = NatsServer(tmp_path / "nats", port=own_port(), monitoring_port=own_port())
    runner.run(server.start())
    yield server
    server.resume()
    runner.run(server.kill())
