"""Puts the keeper into Prefect's client: its HTTP clients get our transport around their own, and its stream of events
ours around it. These are the only places where something of Prefect is replaced."""

from functools import wraps
from typing import Any

from ..client import Client

TIMEOUT_SECONDS = 5.0
"""For which a flow waits for its supervisor before it goes on without."""


def install() -> bool:
    import httpx
    import prefect
    import prefect.events.utilities
    import prefect.events.worker
    from prefect.client import base
    from prefect.settings import PREFECT_API_URL
    from prefect.utilities.names import generate_slug

    from .events import KeepingEventsClient
    from .keeper import Keeper
    from .transports import KeepingAsyncTransport, KeepingTransport

    url = PREFECT_API_URL.value()
    if not url:
        return False
    api = httpx.URL(url)
    keeper = Keeper(
        Client(timeout=TIMEOUT_SECONDS), version=prefect.__version__, new_name=lambda: generate_slug(2)
    )
    _wrap(base.PrefectHttpxSyncClient, lambda inner: KeepingTransport(inner, keeper, api), api)
    _wrap(base.PrefectHttpxAsyncClient, lambda inner: KeepingAsyncTransport(inner, keeper, api), api)
    KeepingEventsClient.keeper = keeper
    # The one is made by the worker, the other asked for whether it is of a kind that sends at all.
    prefect.events.worker.PrefectEventsClient = KeepingEventsClient  # type: ignore[misc,assignment]
    prefect.events.utilities.PrefectEventsClient = KeepingEventsClient  # type: ignore[misc,assignment]
    return True


def _wrap(client: Any, keeping: Any, api: Any) -> None:
    initialise = client.__init__

    @wraps(initialise)
    def with_keeper(self: Any, *args: Any, **options: Any) -> None:
        initialise(self, *args, **options)
        if str(self.base_url).rstrip("/") == str(api).rstrip("/"):
            self._transport = keeping(self._transport)
            self._mounts = {pattern: inner and keeping(inner) for pattern, inner in self._mounts.items()}

    client.__init__ = with_keeper
