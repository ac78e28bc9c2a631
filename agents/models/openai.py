"""A model behind any OpenAI-compatible endpoint: asked once, within a hard limit of time and bytes.

The client's own retries are off and redirects are not followed. A timeout of the HTTP client bounds each read
only, so that an endpoint that drips could hold a call for ever: the call is made in a thread, which is left
when the time is over. Such a thread can cause nothing, for a model has no tools.
"""

import threading
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, Final

import httpx

from agents.models.port import Answer, Prompt, V
from agents.models.reading import read_answer
from tools.scrub import clean

MAX_RESPONSE_BYTES: Final = 256 * 1024
_DETAIL: Final = 200
_TOO_MANY: Final = 429
_FORBIDDEN: Final = (401, 403)

NewClient = Callable[[float], httpx.Client]


class _TooLargeError(Exception):
    """The endpoint sent more than MAX_RESPONSE_BYTES."""


class _CappedStream(httpx.SyncByteStream):
    def __init__(self, stream: httpx.SyncByteStream) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        seen = 0
        for chunk in self._stream:
            seen += len(chunk)
            if seen > MAX_RESPONSE_BYTES:
                raise _TooLargeError
            yield chunk

    def close(self) -> None:
        self._stream.close()


class CappedTransport(httpx.HTTPTransport):
    """The usual transport, whose responses end with an error at MAX_RESPONSE_BYTES."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Make one request; no retries, no decoding before the cap."""
        response = super().handle_request(request)
        if isinstance(response.stream, httpx.SyncByteStream):
            response.stream = _CappedStream(response.stream)
        return response


def new_client(timeout_s: float) -> httpx.Client:
    """A client for one call: each read bounded, no redirects, no proxy from the environment."""
    return httpx.Client(
        transport=CappedTransport(retries=0),
        timeout=httpx.Timeout(timeout_s),
        follow_redirects=False,
        trust_env=False,
        headers={"Accept-Encoding": "identity"},
    )


class OpenAIModel:
    """One model of one endpoint. ``base_url`` None: the client's own default or ``OPENAI_BASE_URL``."""

    consults = True

    def __init__(
        self, name: str, *, api_key: str, base_url: str | None = None, client: NewClient = new_client
    ) -> None:
        """``client`` makes the HTTP client of one call, given its timeout in seconds."""
        self.model_id = f"openai:{name}"
        self._name, self._api_key, self._base_url, self._client = name, api_key, base_url, client

    def __repr__(self) -> str:
        """Show the name; never the key."""
        return f"OpenAIModel({self._name!r})"

    def answer(self, prompt: Prompt, schema: type[V], *, timeout_s: float, max_tokens: int) -> Answer[V]:
        """Ask once; everything that goes wrong is the answer's problem."""
        import openai  # noqa: PLC0415 - half a second that only a run with a model pays, and not out of its time

        box: list[Answer[V]] = []
        http = self._client(timeout_s)

        def ask() -> None:
            box.append(self._ask(openai, http, prompt, schema, max_tokens))

        thread = threading.Thread(target=ask, name=f"ask-{self._name}", daemon=True)
        thread.start()
        thread.join(timeout_s)
        if thread.is_alive():
            # Closing from here makes the read that hangs fail soon; waiting for it would hold the worker.
            threading.Thread(target=http.close, name="close-model", daemon=True).start()
            return self._problem("timeout", f"no whole answer in {timeout_s:g} s")
        http.close()
        return box[0]

    def _problem(self, problem: str, detail: str) -> Answer[V]:
        return Answer(
            value=None, tokens=0, model_id=self.model_id, problem=problem, detail=clean(detail, limit=_DETAIL)
        )

    def _ask(
        self, openai: ModuleType, http: httpx.Client, prompt: Prompt, schema: type[V], max_tokens: int
    ) -> Answer[V]:
        try:
            return self._parsed(openai, http, prompt, schema, max_tokens)
        except Exception as error:  # noqa: BLE001 - whatever an endpoint makes the client raise is no answer
            return self._problem(*_named(error))

    def _parsed(
        self, openai: ModuleType, http: httpx.Client, prompt: Prompt, schema: type[V], max_tokens: int
    ) -> Answer[V]:
        client = openai.OpenAI(
            api_key=self._api_key,
            base_url=self._base_url,
            max_retries=0,
            http_client=http,
            timeout=http.timeout.read,
        )
        completion = client.chat.completions.parse(
            model=self._name,
            messages=[
                {"role": "system", "content": prompt.instructions},
                {"role": "user", "content": prompt.data()},
            ],
            response_format=schema,
            max_completion_tokens=max_tokens,
        )
        tokens = _tokens(completion)
        message = completion.choices[0].message
        if message.refusal:
            return Answer(value=None, tokens=tokens, model_id=self.model_id, problem="refused")
        return read_answer(message.content or "", schema, model_id=self.model_id, tokens=tokens)


def _tokens(completion: Any) -> int:
    used = getattr(getattr(completion, "usage", None), "total_tokens", None)
    return used if type(used) is int and 0 <= used < 2**53 else 0


def _named(error: BaseException) -> tuple[str, str]:
    """The problem that an error of the client or the endpoint is, and one line about it, never its body."""
    chain: list[BaseException] = []
    found: BaseException | None = error
    while found is not None and found not in chain:
        chain.append(found)
        found = found.__cause__ or found.__context__
    if any(isinstance(e, _TooLargeError) for e in chain):
        return "too_large", f"more than {MAX_RESPONSE_BYTES} bytes"
    if any(isinstance(e, httpx.TimeoutException) for e in chain):
        return "timeout", type(error).__name__
    status = getattr(error, "status_code", None)
    if type(status) is int:
        if status == _TOO_MANY:
            return "rate_limited", f"status {status}"
        return ("forbidden" if status in _FORBIDDEN else "status"), f"status {status}"
    if any(isinstance(e, httpx.TransportError) for e in chain):
        return "unreachable", type(error).__name__
    return "malformed", type(error).__name__
