"""The app as a process of its own, and connections to it that may say anything."""

from __future__ import annotations

import base64
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import attrs
import msgpack


@attrs.frozen
class App:
    url: str
    folder: Path
    process: subprocess.Popen

    @property
    def port(self) -> int:
        return int(self.url.split(":")[2].split("/")[0])

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def token(self) -> str:
        return self.url.partition("token=")[2]

    @property
    def cookie(self) -> str:
        return f"stimplan_{self.port}={self.token}"


@contextmanager
def running_app(folder: Path, *arguments: str) -> Iterator[App]:
    """The app until the block ends; its messages must be empty then."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "stimplan", "app", *arguments, "--json", "--no-browser", "--folder", str(folder)]
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=folder,
                                   env={**os.environ, "NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"})  # fmt: skip
        try:
            lines = []
            while not lines or lines[-1].strip() != "}":
                line = process.stdout.readline()
                if not line:
                    errors.seek(0)
                    raise RuntimeError(f"the app ended: {errors.read()}")
                lines.append(line)
            yield App(json.loads("".join(lines))["url"], folder, process)
        finally:
            process.terminate()
            process.wait(20)
            process.stdout.close()
        errors.seek(0)
        assert "Traceback" not in errors.read()


def ask(app: App, raw: bytes, *, wait_s: float = 10) -> bytes:
    """Send bytes, and return what comes back until the app closes or is silent."""
    with socket.create_connection(("127.0.0.1", app.port), timeout=wait_s) as connection:
        connection.sendall(raw)
        answer = b""
        try:
            while True:
                part = connection.recv(65536)
                if not part:
                    return answer
                answer += part
                if b"\r\n\r\n" in answer and len(answer) > 12:
                    connection.settimeout(0.3)
        except (TimeoutError, ConnectionResetError):
            return answer


def request(app: App, path: str = "/", *, method: str = "GET", host: str = "", **headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host or app.host}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join([*lines, "Connection: close", "", ""])).encode()


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer.startswith((b"HTTP/1.1 ", b"HTTP/1.0 ")) else 0


class Socket:
    """A websocket by hand, so that a test can break every rule of it."""

    def __init__(self, app: App, **headers: str | None) -> None:
        given = {"Origin": f"http://{app.host}", "Cookie": app.cookie, **headers}
        lines = ["GET /ws HTTP/1.1", f"Host: {app.host}", "Upgrade: websocket", "Connection: Upgrade",
                 "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " + base64.b64encode(os.urandom(16)).decode(),
                 *(f"{name}: {value}" for name, value in given.items() if value is not None), "", ""]  # fmt: skip
        self._connection = socket.create_connection(("127.0.0.1", app.port), timeout=15)
        self._connection.sendall("\r\n".join(lines).encode())
        head = b""
        while b"\r\n\r\n" not in head:
            part = self._connection.recv(1)
            if not part:
                break
            head += part
        self.status = status(head)

    def __enter__(self) -> Socket:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def send_frame(self, payload: bytes, *, opcode: int = 2, first: int = 0x80, is_masked: bool = True) -> None:
        size = len(payload)
        bit = 0x80 if is_masked else 0
        if size > 65535:
            length = bytes([bit | 127]) + struct.pack(">Q", size)
        else:
            length = bytes([bit | size]) if size < 126 else bytes([bit | 126]) + struct.pack(">H", size)
        mask = os.urandom(4)
        body = bytes(a ^ b for a, b in zip(payload, mask * (size // 4 + 1), strict=False)) if is_masked else payload
        self._connection.sendall(bytes([first | opcode]) + length + (mask if is_masked else b"") + body)

    def send(self, message: object, *, size: int | None = None) -> None:
        packed = msgpack.packb(message)
        self.send_frame(os.urandom(4) + struct.pack("<II", 0, len(packed) if size is None else size) + packed)

    def call(self, method: str, *args: object, number: str = "rpc:1") -> None:
        self.send({"wslink": "1.0", "id": number, "method": method, "args": list(args), "kwargs": {}})

    def hello(self, secret: object) -> dict:
        self.call("wslink.hello", {"secret": secret}, number="system:c0:0")
        return self.receive()

    def answer(self, method: str, *args: object) -> dict:
        """Call a method and wait for its answer; what is published meanwhile is left out."""
        self.call(method, *args, number="rpc:7")
        while True:
            heard = self.receive()
            if heard.get("id") == "rpc:7" or "id" not in heard:
                return heard

    def trigger(self, name: str, *arguments: object) -> dict:
        """Call a handler of the page."""
        return self.answer("trame.trigger", name, list(arguments), {})

    def state(self) -> dict:
        """What the page shows."""
        return self.answer("trame.state.get")["result"]["state"]

    def told(self) -> str:
        """What the page says to the person, the newest last."""
        return " | ".join(one["text"] for one in self.state()["messages"])

    def receive(self) -> dict:
        """The next message; an empty one where the app closed."""
        try:
            first, second = self._take(2)
            size = second & 0x7F
            size = struct.unpack(">H", self._take(2))[0] if size == 126 else size
            size = struct.unpack(">Q", self._take(8))[0] if size == 127 else size
            payload = self._take(size)
        except (ConnectionError, OSError):
            return {}
        if first & 0x0F == 8:
            return {"closed": struct.unpack(">H", payload[:2])[0] if len(payload) > 1 else 0}
        return msgpack.unpackb(payload[12:]) if first & 0x0F == 2 else self.receive()

    def _take(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = self._connection.recv(count - len(data))
            if not part:
                raise ConnectionError
            data += part
        return data


def secret_of(app: App) -> str:
    """What opens the websocket, as the page gets it."""
    answer = ask(app, request(app, "/paraview/", method="POST", Cookie=app.cookie, Origin=f"http://{app.host}",
                              Content_Length="0"))  # fmt: skip
    return json.loads(answer.partition(b"\r\n\r\n")[2])["secret"]


# One thing at random: what a button, a slider, a list or a number of the page offers, but no solve and no file.
CLICK = """number => {
  const barred = /^(Solve|Start|Save|Report|Scene)/;
  const seen = [...document.querySelectorAll('button, select, input, summary, [role=tab]')]
    .filter(one => one.offsetParent && !one.disabled && one.type !== 'file' && !barred.test(one.innerText || ''));
  const one = seen[Math.floor(number * seen.length)];
  if (!one) return false;
  const say = name => one.dispatchEvent(new Event(name, {bubbles: true}));
  if (one.tagName === 'SELECT') {
    one.selectedIndex = Math.floor(number * 7919) % Math.max(one.options.length, 1);
    say('change');
  } else if (one.type === 'range') { one.value = Number(one.min) + number * (one.max - one.min); say('input'); }
  else if (one.type === 'number') { one.value = (number * 100).toFixed(2); say('change'); }
  else one.click();
  return true;
}"""


# Every lesson with every scene, and a protocol of every kind: what is computed at its first use is kept on purpose.
WARM = """async () => {
  for (let number = 0; number < 6; number++) {
    await trame.trigger('lesson_open', [number]);
    for (const scene of trame.state.get('lesson')?.scenes || []) await trame.trigger('lesson_scene', [scene.name]);
  }
  await trame.trigger('lesson_close');
  for (const kind of trame.state.get('library_kinds')) {
    await trame.trigger('library_search', ['', kind]);
    await new Promise(go => setTimeout(go, 300));
    for (const row of trame.state.get('library_rows').slice(0, 2)) await trame.trigger('library_load', [row.id]);
  }
  await trame.trigger('library_search', ['', '']);
}"""


def monkey(page: Any, pid: int, seconds: float, chance: Random) -> tuple[float, int]:
    """Click, type and turn at random, but neither solve nor leave; growth of the app's memory, and how many clicks."""
    page.evaluate(WARM)
    clicks, first = 0, None
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        done = page.evaluate(CLICK, chance.random())
        clicks += bool(done)
        page.wait_for_timeout(20)
        if first is None and time.monotonic() > until - seconds * 0.8:
            first = memory_kB(pid)
    return memory_kB(pid) / (first or 1), clicks


def memory_kB(pid: int) -> int:
    """Resident memory of a process."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0])
