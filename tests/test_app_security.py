"""Requests that mean harm: whoever is not the app's own page on this machine, with the token, gets nothing."""

from __future__ import annotations

import json
import struct
from contextlib import suppress

import pytest

pytest.importorskip("trame", reason="the app needs the extra 'app'")

from apps import Socket, ask, request, running_app, secret_of, status


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    folder = outside / "inside"
    folder.mkdir()
    (outside / "secret.json").write_text('{"secret": "of another folder"}')
    (folder / "link.json").symlink_to(outside / "secret.json")
    with running_app(folder) as started:
        yield started
        # Whatever was tried: the app still answers its owner, and nothing has come or gone outside its folder.
        assert status(ask(started, request(started, f"/?token={started.token}"))) == 200
        assert sorted(one.name for one in outside.iterdir()) == ["inside", "secret.json"]
        assert {one.name for one in folder.iterdir()} <= {"link.json", "select-tdcs.json"}


def own(app, **more):
    return {"Cookie": app.cookie, "Origin": f"http://{app.host}", **more}


def test_the_owner_gets_the_page_with_a_cookie_no_script_can_read(app):
    answer = ask(app, request(app, f"/?token={app.token}"))
    head = answer.partition(b"\r\n\r\n")[0].decode()
    assert status(answer) == 200
    assert "HttpOnly" in head and "SameSite=Strict" in head
    assert "default-src 'self'" in head and "frame-ancestors 'none'" in head
    assert app.token.encode() not in answer.partition(b"\r\n\r\n")[2]


def test_the_owner_gets_scripts_by_the_cookie(app):
    assert status(ask(app, request(app, "/stimplan/view.js", **own(app)))) == 200


# Each is refused, and says nothing but that.
REFUSED = {
    "no token": request,
    "an empty token": lambda app: request(app, "/?token="),
    "a wrong token": lambda app: request(app, "/?token=" + "A" * 43),
    "a token and one letter": lambda app: request(app, f"/?token={app.token}x"),
    "the token of another address": lambda app: request(app, f"/index.html?token={app.token}"),
    "a token on a script": lambda app: request(app, f"/stimplan/view.js?token={app.token}"),
    "a script without the cookie": lambda app: request(app, "/stimplan/view.js"),
    "the page's own libraries without the cookie": lambda app: request(app, "/vue.global.js"),
    "a download without the cookie": lambda app: request(app, "/download/abc/report.html"),
    "the way to the websocket without the cookie": lambda app: request(app, "/paraview/", method="POST"),
    "a wrong cookie": lambda app: request(app, "/vue.global.js", Cookie=f"stimplan_{app.port}=wrong"),
    "a cookie of another port": lambda app: request(app, "/vue.global.js", Cookie=f"stimplan_1={app.token}"),
    "a cookie that is no text": lambda app: request(app, "/vue.global.js", Cookie=f"stimplan_{app.port}=\xff\xfe"),
    "a rebound name": lambda app: request(app, "/", host=f"evil.example:{app.port}", **own(app)),
    "a rebound name that begins like ours": lambda app: request(app, "/", host=f"127.0.0.1.evil.example:{app.port}",
                                                                **own(app)),
    "a name without the port": lambda app: request(app, "/", host="127.0.0.1", **own(app)),
    "a name with another port": lambda app: request(app, "/", host="127.0.0.1:1", **own(app)),
    "all addresses": lambda app: request(app, "/", host=f"0.0.0.0:{app.port}", **own(app)),
    "a name with user": lambda app: request(app, "/", host=f"127.0.0.1@evil.example:{app.port}", **own(app)),
    "a foreign origin": lambda app: request(app, "/", **own(app, Origin="http://evil.example")),
    "an origin of another port": lambda app: request(app, "/", **own(app, Origin="http://127.0.0.1:1")),
    "an origin of another scheme": lambda app: request(app, "/", **own(app, Origin=f"https://127.0.0.1:{app.port}")),
    "an origin that is null": lambda app: request(app, "/", **own(app, Origin="null")),
    "another site's picture tag": lambda app: request(app, "/stimplan/view.js", Cookie=app.cookie,
                                                      Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors"),
    "another port's page": lambda app: request(app, "/stimplan/view.js", Cookie=app.cookie,
                                               Sec_Fetch_Site="same-site"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_refused_is(app, what):
    answer = ask(app, REFUSED[what](app))
    assert status(answer) == 403
    assert app.token.encode() not in answer and len(answer) < 2000


def test_two_names_in_one_request_are_refused(app):
    raw = request(app, f"/?token={app.token}").replace(b"\r\nConnection", b"\r\nHost: evil.example\r\nConnection")
    assert status(ask(app, raw)) in (400, 403)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "HACK"])
def test_methods_without_a_meaning_here_are_refused(app, method):
    assert status(ask(app, request(app, "/index.html", method=method, **own(app)))) in (400, 405)


OUTSIDE = [
    "/../secret.json", "/stimplan/../../secret.json", "/stimplan/%2e%2e/%2e%2e/pyproject.toml",
    "/stimplan/..%2f..%2fcli.py",
    "/stimplan/%252e%252e/%252e%252e/cli.py", "/stimplan/..\\..\\cli.py", "/stimplan//etc/passwd", "//etc/passwd",
    "/stimplan/..%00/cli.py", "/download/../../../secret.json/x", "/download/abc/..%2f..%2fsecret.json",
    "/stimplan/%c0%ae%c0%ae/%c0%ae%c0%ae/cli.py", "/file:///etc/passwd", "/secret.json", "/link.json",
    "/stimplan/", "/.git/config", "/stimplan/....//....//cli.py",
]  # fmt: skip


@pytest.mark.parametrize("path", OUTSIDE)
def test_no_path_leads_out_even_for_the_owner(app, path):
    answer = ask(app, request(app, path, **own(app)))
    assert status(answer) in (400, 403, 404)
    assert b"another folder" not in answer and b"root:" not in answer and b"def main" not in answer


BROKEN = {
    "no request": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64,
    "half a line": b"GET\r\n\r\n",
    "a version of its own": b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    "a header without end": b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
    "ten thousand headers": b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 10_000 + b"\r\n",
    "a length below zero": b"POST /paraview/ HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "two lengths": b"POST /paraview/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 9\r\n\r\nabc",
    "a length and parts": b"POST /paraview/ HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET",
    "parts of no size": b"POST /paraview/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "a line feed in a header": b"GET / HTTP/1.1\r\nHost: a\nSet-Cookie: b\r\n\r\n",
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_request_is_refused_and_the_app_lives(app, what):
    assert status(ask(app, BROKEN[what], wait_s=3)) in (0, 400, 403, 405, 431)
    assert status(ask(app, request(app, "/vue.global.js", **own(app)))) == 200


def test_a_huge_body_is_not_taken(app):
    head = request(app, "/paraview/", method="POST", Content_Length=str(10**12), **own(app))
    assert b"secret of" not in ask(app, head + b"x" * 100_000, wait_s=3)
    assert status(ask(app, request(app, "/vue.global.js", **own(app)))) == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Cookie": None},
        {"Cookie": "stimplan_1=x"},
        {"Origin": None},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Host": "evil.example"},
    ],
    ids=str,
)
def test_a_websocket_of_somebody_else_is_not_opened(app, headers):
    with Socket(app, **headers) as link:
        assert link.status in (400, 403)


def test_a_websocket_without_the_secret_can_ask_nothing(app):
    with Socket(app) as link:
        assert link.status == 101
        link.call("trame.state.get")
        assert "Unauthorized" in link.receive()["error"]["message"]
        link.call("trame.trigger", "save_protocol", [], {})
        assert "Unauthorized" in link.receive()["error"]["message"]
        assert link.hello("wslink-secret")["error"]["message"] == "Authentication failed"
        assert link.hello({"$ne": 1})["error"]["message"] == "Authentication failed"
        link.call("trame.state.get")
        assert "Unauthorized" in link.receive()["error"]["message"]


FRAMES = {
    "text": lambda link: link.send_frame(b'{"id": "rpc:1"}', opcode=1),
    "noise": lambda link: link.send_frame(bytes(range(256)) * 20),
    "nothing": lambda link: link.send_frame(b""),
    "half a header": lambda link: link.send_frame(b"\x01\x02\x03"),
    "a message of four gigabytes, announced": lambda link: link.send({"id": "rpc:1"}, size=2**32 - 1),
    "no map": lambda link: link.send(["rpc", 1]),
    "a number for a name": lambda link: link.send({"id": 7, "method": 7, "args": 7}),
    "no method": lambda link: link.send({"id": "rpc:1"}),
    "two megabytes": lambda link: link.send_frame(b"x" * 2_000_000),
    "no mask": lambda link: link.send_frame(b"abc", is_masked=False),
    "a reserved kind": lambda link: link.send_frame(b"abc", opcode=5),
    "reserved bits": lambda link: link.send_frame(b"abc", first=0xF0),
    "a ping in parts": lambda link: link.send_frame(b"abc", opcode=9, first=0x00),
    "a long ping": lambda link: link.send_frame(b"x" * 300, opcode=9),
    "deep": lambda link: link.send_frame(b"abcd" + struct.pack("<II", 0, 5000) + b"\x91" * 5000),
}


@pytest.mark.parametrize("is_known", [False, True], ids=["stranger", "owner"])
@pytest.mark.parametrize("what", FRAMES)
def test_a_broken_frame_ends_at_most_its_own_connection(app, what, is_known):
    with Socket(app) as link:
        if is_known:
            assert "result" in link.hello(secret_of(app))
        with suppress(OSError):  # it may be cut off while it speaks
            FRAMES[what](link)
    with Socket(app) as link:
        assert "result" in link.hello(secret_of(app))


@pytest.fixture
def link(app):
    with Socket(app) as link:
        assert "result" in link.hello(secret_of(app))
        yield link


TRIGGERS = [
    ("pick", ["../../F3"], "is not in montage"),
    ("pick", ["F" * 100_000], "a site is a short name"),
    ("pick", [{"$gt": ""}], "a site is a short name"),
    ("solve", ["../../teaching", True], "is none of the meshes"),
    ("solve", [{"mesh": 1}, "yes"], "is none of the meshes"),
    ("report", [], "there are no results of this plan yet"),
    ("scene", ["../secret.json"], "unexpected TypeError"),
    ("shade", ["__class__"], "there is no such quantity"),
    ("shade", [-1], "there is no such quantity"),
]


@pytest.mark.parametrize("name, arguments, answer", TRIGGERS, ids=lambda one: str(one)[:40])
def test_what_the_page_could_be_made_to_say_is_read_strictly(link, name, arguments, answer):
    heard = link.trigger(name, *arguments)
    assert "error" not in heard and "Traceback" not in repr(heard)
    assert answer in link.told().rpartition(" | ")[2]


UPLOADS = [
    ("/etc/passwd", None, "expected a protocol as a JSON object"),
    ("../secret.json", None, "expected a protocol as a JSON object"),
    ("select-tdcs", None, "expected a protocol as a JSON object"),
    ("{" * 100_000, None, "not JSON"),
    ('{"a":' * 50_000 + "1" + "}" * 50_000, None, ""),
    ('{"a": NaN, "a": 1}', None, "NaN"),
    ("{}" + " " * 500_000, 500_002, "missing"),
    ("{}", 10**12, "bytes; a protocol has a few thousand"),
    ("{}", {"size": 1}, "is not UTF-8"),
    ("{\ufffd}", 3, "is not UTF-8"),
]


@pytest.mark.parametrize("text, size, answer", UPLOADS, ids=lambda one: str(one)[:30])
def test_an_uploaded_file_goes_through_the_strict_reader(link, text, size, answer):
    before = link.state()["library_shown"]
    heard = link.trigger("library_upload", "../../x.json", text, len(text.encode()) if size is None else size)
    assert "error" not in heard
    state = link.state()
    faults = " ".join(one["what"] for one in state["library_faults"])
    assert faults and answer in faults
    assert state["library_shown"] == before


def test_what_the_page_writes_into_the_state_is_not_believed(app, link):
    false = {"messages": "none", "view_results": "../..", "view_mode": "computed", "view_shade": "x",
             "solve_state": "done", "download": "javascript:1"}  # fmt: skip
    link.call("trame.state.update", [{"key": key, "value": value} for key, value in false.items()])
    assert "error" not in link.trigger("report")
    assert "there are no results of this plan yet" in link.told()


def test_a_saved_protocol_lies_in_the_folder_only(app, link):
    link.trigger("save_protocol")
    assert "Saved as select-tdcs.json" in link.told()
    assert json.loads((app.folder / "select-tdcs.json").read_text())["id"] == "select-tdcs"


def test_a_method_nobody_registered_is_refused(link):
    for method in ("__class__", "trame.state.__init__", "application.exit", "file.server.directory.list"):
        assert "error" in link.answer(method, "/etc")


def test_only_this_machine_can_reach_the_app(app):
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent; it tells which address this machine has
            own_address = probe.getsockname()[0]
        except OSError:
            pytest.skip("this machine has no other address")
    if own_address.startswith("127."):
        pytest.skip("this machine has no other address")
    with pytest.raises(OSError):
        socket.create_connection((own_address, app.port), timeout=3).close()
