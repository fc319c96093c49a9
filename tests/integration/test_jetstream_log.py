"""The log over JetStream keeps the contract, on one server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from events.log import EventLog
from events.nats.connection import connect
from events.nats.log import JetStreamLog
from events.nats.server import NatsServer
from tests.contracts.log_contract import EventLogContract
from tests.support.jetstream import Site


class TestJetStreamLog(EventLogContract):
    @pytest.fixture
    def site(self, runner: asyncio.Runner, nats_server: NatsServer) -> Iterator[Site]:
        site = Site(nats_server)
        yield site
        runner.run(site.clear())

    @pytest.fixture
    def log(self, runner: asyncio.Runner, site: Site) -> Iterator[EventLog]:
        connection = runner.run(connect(site.server.url))
        yield runner.run(JetStreamLog.open(connection, monitors=[site.server.monitor], name=site.stream))
        runner.run(connection.close())

    @pytest.fixture
    def rival(self, log: EventLog, runner: asyncio.Runner, site: Site) -> Iterator[EventLog]:
        connection = runner.run(connect(site.server.url))
        yield runner.run(JetStreamLog.open(connection, monitors=[site.server.monitor], name=site.stream, create=False))
        runner.run(connection.close())
