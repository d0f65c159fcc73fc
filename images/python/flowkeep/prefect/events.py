"""Events, which Prefect's client streams over a WebSocket: task runs exist by them alone. While the stream stands they
go over it; otherwise, and where they name a run that the server does not know yet, in batches through the queue."""

import asyncio
import json
import logging
import time
from collections import deque
from contextlib import suppress
from typing import Any, ClassVar

from prefect.events.clients import EventsClient, PrefectEventsClient

from ..errors import FlowkeepError
from .calls import Call
from .keeper import ASK_AGAIN_SECONDS, Keeper

BATCH_MAX = 50
BATCH_SECONDS = 0.5
UNCONFIRMED_MAX = 1_000
UNCONFIRMED_SECONDS = 60.0
"""Twice the time in which the client has the server confirm what it got. Those sent since are sent again after a break;
the server knows them by their ids."""

_log = logging.getLogger("flowkeep.prefect")


class KeepingEventsClient(EventsClient):
    keeper: ClassVar[Keeper]

    def __init__(self, api_url: str | None = None, **options: Any) -> None:
        self._options = {"api_url": api_url, **options, "reconnection_attempts": 0}
        self._stream: PrefectEventsClient | None = None
        self._connect_at = 0.0
        self._sent: deque[tuple[float, dict[str, Any]]] = deque(maxlen=UNCONFIRMED_MAX)
        self._batch: list[dict[str, Any]] = []
        self._flushing: asyncio.Task[None] | None = None
        self._one_flush = asyncio.Lock()

    async def __aexit__(self, *exception: Any) -> None:
        if self._flushing is not None:
            self._flushing.cancel()
        await self._flush()
        await self._close_stream()
        await super().__aexit__(*exception)

    async def _emit(self, event: Any) -> None:
        fields = json.loads(event.model_dump_json())
        about_stand_in = self.keeper.names_stand_in(Call("events", "POST", "/events", fields, None))
        if not about_stand_in and await self._sent_on_stream(event, fields):
            return
        if event.event.endswith(".heartbeat"):
            return  # tells nothing once it is old
        self._batch.append(fields)
        if len(self._batch) >= BATCH_MAX:
            await self._flush()
        elif self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush_soon())

    async def _sent_on_stream(self, event: Any, fields: dict[str, Any]) -> bool:
        stream = await self._open_stream()
        if stream is None:
            return False
        try:
            await stream.emit(event)
        except Exception as error:
            self.keeper.went_away(error)
            await self._close_stream()
            since = time.monotonic() - UNCONFIRMED_SECONDS
            self._batch += [fields for at, fields in self._sent if at >= since]
            self._sent.clear()
            return False
        self._sent.append((time.monotonic(), fields))
        return True

    async def _open_stream(self) -> PrefectEventsClient | None:
        if self._stream is None and not self.keeper.away and time.monotonic() >= self._connect_at:
            stream = PrefectEventsClient(**self._options)
            try:
                await asyncio.wait_for(stream.__aenter__(), ASK_AGAIN_SECONDS)
                self._stream = stream
            except Exception as error:
                self._connect_at = time.monotonic() + ASK_AGAIN_SECONDS
                _log.debug("no stream of events: %s", error)
        return self._stream

    async def _close_stream(self) -> None:
        stream, self._stream = self._stream, None
        self._connect_at = time.monotonic() + ASK_AGAIN_SECONDS
        if stream is not None:
            with suppress(Exception):
                await stream.__aexit__(None, None, None)

    async def _flush_soon(self) -> None:
        await asyncio.sleep(BATCH_SECONDS)
        self._flushing = None  # from here on it is not to be cancelled, but waited for
        await self._flush()

    async def _flush(self) -> None:
        async with self._one_flush:
            while self._batch:
                batch, self._batch = self._batch[:BATCH_MAX], self._batch[BATCH_MAX:]
                try:
                    await asyncio.to_thread(self.keeper.send_events, batch)
                except FlowkeepError as error:
                    _log.warning("%d events were not kept: %s", len(batch), error)
