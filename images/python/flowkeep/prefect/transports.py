"""Prefect's HTTP client with the keeper between it and the network. What is none of the keeper's goes through as it is."""

import asyncio
import json
from typing import Any

import httpx

from ..errors import FlowkeepError
from ..exact_json import encode
from .calls import Call, call_of, repeatable
from .keeper import Answer, Keeper, NotKept

CONNECT_SECONDS_MAX = 5.0
ANSWER_SECONDS_MAX = 20.0
"""A server that holds a call about a run longer than this is away. Prefect's own bound is a minute, six times."""

_away_statuses = frozenset((401, 407, 500, 502, 503, 504))
"""A server that has lost its database answers 500."""


class _Keeping:
    def __init__(self, inner: Any, keeper: Keeper, api: httpx.URL) -> None:
        self.inner = inner
        self.keeper = keeper
        self._origin = (api.scheme, api.host, api.port)
        self._base = api.raw_path.rstrip(b"/")

    def _call(self, request: httpx.Request) -> Call | None:
        url = request.url
        path = url.raw_path
        if (url.scheme, url.host, url.port) != self._origin or not path.startswith(self._base + b"/"):
            return None
        call = call_of(request.method, path[len(self._base) :].decode("ascii"), request.content)
        return None if call is None else repeatable(call)


class KeepingTransport(_Keeping, httpx.BaseTransport):
    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        call = self._call(request)
        if call is None:
            return self.inner.handle_request(request)
        if self.keeper.must_keep(call):
            try:
                return _response(self.keeper.keep(call))
            except (NotKept, FlowkeepError):
                pass
        if call.kind == "create_flow_run":
            self.keeper.creating(call)
        try:
            response = self.inner.handle_request(_asked(request, call))
            response.read()
            response.close()
        except httpx.TransportError as error:
            if kept := self._kept(call, error):
                return kept
            raise
        if response.status_code in _away_statuses and (kept := self._kept(call, _said(response))):
            return kept
        _tell(self.keeper, call, response)
        return _whole(response)

    def _kept(self, call: Call, why: object) -> httpx.Response | None:
        self.keeper.went_away(why)
        try:
            return _response(self.keeper.keep(call))
        except (NotKept, FlowkeepError):
            return None

    def close(self) -> None:
        self.inner.close()


class KeepingAsyncTransport(_Keeping, httpx.AsyncBaseTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        call = self._call(request)
        if call is None:
            return await self.inner.handle_async_request(request)
        if self.keeper.must_keep(call):
            try:
                return _response(await asyncio.to_thread(self.keeper.keep, call))
            except (NotKept, FlowkeepError):
                pass
        if call.kind == "create_flow_run":
            await asyncio.to_thread(self.keeper.creating, call)
        try:
            response = await self.inner.handle_async_request(_asked(request, call))
            await response.aread()
            await response.aclose()
        except httpx.TransportError as error:
            if kept := await self._kept(call, error):
                return kept
            raise
        if response.status_code in _away_statuses and (kept := await self._kept(call, _said(response))):
            return kept
        await asyncio.to_thread(_tell, self.keeper, call, response)
        return _whole(response)

    async def _kept(self, call: Call, why: object) -> httpx.Response | None:
        self.keeper.went_away(why)
        try:
            return _response(await asyncio.to_thread(self.keeper.keep, call))
        except (NotKept, FlowkeepError):
            return None

    async def aclose(self) -> None:
        await self.inner.aclose()


def _asked(request: httpx.Request, call: Call) -> httpx.Request:
    """As it goes out: what the call became, and with an end to the patience."""
    timeout = request.extensions.get("timeout", {})
    bounds = {
        "connect": CONNECT_SECONDS_MAX,
        "read": ANSWER_SECONDS_MAX,
        "write": ANSWER_SECONDS_MAX,
        "pool": ANSWER_SECONDS_MAX,
    }
    bounded = {name: min(timeout.get(name) or most, most) for name, most in bounds.items()}
    extensions = {**request.extensions, "timeout": bounded}
    if not request.content:
        return httpx.Request(request.method, request.url, headers=request.headers, extensions=extensions)
    headers = [(name, value) for name, value in request.headers.raw if name.lower() != b"content-length"]
    content = json.dumps(call.body).encode()
    return httpx.Request(request.method, request.url, headers=headers, content=content, extensions=extensions)


def _tell(keeper: Keeper, call: Call, response: httpx.Response) -> None:
    if response.is_success:
        keeper.seen(call, json.loads(response.content) if response.content else None)
    elif call.kind == "create_flow_run":
        keeper.answered(call)


def _said(response: httpx.Response) -> str:
    return f"it answers {response.status_code}"


def _response(answer: Answer) -> httpx.Response:
    status, body = answer
    if status == 204:
        return httpx.Response(status)
    return httpx.Response(status, headers={"content-type": "application/json"}, content=encode(body))


def _whole(response: httpx.Response) -> httpx.Response:
    """The same, read already: the headers about its encoding say nothing any more."""
    of_encoding = (b"content-encoding", b"content-length", b"transfer-encoding")
    headers = [(name, value) for name, value in response.headers.raw if name.lower() not in of_encoding]
    return httpx.Response(
        response.status_code, headers=headers, content=response.content, extensions=response.extensions
    )
