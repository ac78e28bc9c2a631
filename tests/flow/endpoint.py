"""An OpenAI-compatible endpoint on loopback that is as good or as bad as a test wants it."""

import contextlib
import itertools
import json
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

Play = Callable[["Endpoint", dict[str, Any]], Iterator[bytes]]


def completion(content: str | None, *, tokens: Any = 42, **message: Any) -> dict[str, Any]:
    """What a chat completion looks like."""
    said = {"role": "assistant", "content": content, "refusal": None, **message}
    return {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "finish_reason": "stop", "message": said}],
        "usage": {"prompt_tokens": 30, "completion_tokens": 12, "total_tokens": tokens},
    }


def raw(body: Any, status: str = "200 OK", *, length: int | None = None) -> bytes:
    """A whole HTTP answer."""
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {length or len(body)}"]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body


def says(move: str, **said: Any) -> bytes:
    """A well-made answer."""
    return raw(completion(json.dumps({"move": move, "reason": "because I say so", **said})))


def one_after_another(answers: Sequence[bytes]) -> Play:
    """Every answer in turn, for ever."""
    turn = itertools.cycle(answers)
    return lambda endpoint, request: iter([next(turn)])


def hang(endpoint: "Endpoint", request: dict[str, Any]) -> Iterator[bytes]:
    """Nothing, until it is over."""
    endpoint.over.wait(30)
    yield b""


class Endpoint:
    """A server that keeps what it was asked."""

    def __init__(self, play: Play) -> None:
        self.play, self.over = play, threading.Event()
        self.requests: list[dict[str, Any]] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                conn, _ = self._socket.accept()
                threading.Thread(target=self._answer, args=(conn,), daemon=True).start()

    def _answer(self, conn: socket.socket) -> None:
        with contextlib.suppress(OSError), conn:
            data = b""
            while b"\r\n\r\n" not in data:
                data += conn.recv(65536)
            head, _, body = data.partition(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            while len(body) < length:
                body += conn.recv(65536)
            request = json.loads(body)
            self.requests.append(request)
            for piece in self.play(self, request):
                conn.sendall(piece)

    def close(self) -> None:
        """Stop listening."""
        self.over.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)


def sections(request: dict[str, Any]) -> dict[str, str]:
    """What a model was shown, by label."""
    shown = json.loads(request["messages"][1]["content"])["sections"]
    return {s["label"]: s["text"] for s in shown}
