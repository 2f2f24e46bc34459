"""Kill -9 loses nothing that was acknowledged; writers at once lose nothing and double nothing."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ledgers import BY, session, start, tes_protocol

from stimplan.errors import LedgerError
from stimplan.ledger import append, open_ledger, rows_of_ledger, verify

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")]

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
KILLS = 200
WRITERS, EACH = 8, 40


def record(plan: int, number: int) -> dict:
    return session(plan, (BEGIN + timedelta(minutes=number)).isoformat(), note=f"number {number} of the test")


def child(work) -> tuple[int, int]:
    """Run `work(acknowledge)` in a process of its own; its id, and the end of the pipe its answers come from."""
    reader, writer = os.pipe()
    process = os.fork()
    if process:
        os.close(writer)
        return process, reader
    code = 1
    try:
        os.close(reader)
        work(lambda written: os.write(writer, f"{written.seq} {written.hash}\n".encode()))
        code = 0
    finally:
        os._exit(code)


def answers(reader: int) -> list[tuple[int, str]]:
    with os.fdopen(reader, "rb") as pipe:
        lines = pipe.read().split(b"\n")
    return [(int(line.split()[0]), line.split()[1].decode()) for line in lines[:-1]]  # the last one may be half


def keep_writing(path: Path, plan: int, first: int, *, kill_at: int | None):
    """Write sessions until killed; with `kill_at`, by our own hand after so many steps of SQLite's machine."""

    def work(acknowledge):
        with open_ledger(path) as ledger:
            if kill_at is not None:
                steps = iter(range(kill_at))
                handler = lambda: os.kill(os.getpid(), signal.SIGKILL) if next(steps, None) is None else 0  # noqa: E731
                ledger.connection.set_progress_handler(handler, 1)
            for number in range(first, first + 10_000):
                (written,) = append(ledger, "session", record(plan, number), by=BY)
                acknowledge(written)

    return work


def test_two_hundred_kills_lose_nothing_that_was_acknowledged(tmp_path):
    """Half of the kills come at a chosen step inside a transaction, half at a random moment."""
    chance = random.Random(20260301)
    path = tmp_path / "ward.sqlite"
    ledger, plan = start(path, tes_protocol())
    ledger.close()
    acknowledged: dict[int, str] = {}
    unanswered = 0
    for kill in range(KILLS):
        is_forced = kill % 2 == 0
        before = len(acknowledged)
        kill_at = 1 + (kill * 37) % 2_500 if is_forced else None
        process, reader = child(keep_writing(path, plan, 100_000 + 200 * kill, kill_at=kill_at))
        if not is_forced:
            time.sleep(chance.uniform(0.003, 0.03))
            os.kill(process, signal.SIGKILL)
        assert os.waitpid(process, 0)[1] == signal.SIGKILL
        acknowledged.update(answers(reader))
        with open_ledger(path) as after:
            found = verify(after)
            rows = dict(after.connection.execute("SELECT seq, hash FROM chain").fetchall())
        assert found.is_intact, f"kill {kill}: {found.faults}"
        lost = {seq for seq, value in acknowledged.items() if rows.get(seq) != value}
        assert not lost, f"kill {kill}: acknowledged and lost: {sorted(lost)}"
        written = len(rows) - 3
        assert written - len(acknowledged) - unanswered in (0, 1)  # at most one was on disk but not yet answered
        unanswered = written - len(acknowledged)
        assert is_forced or len(acknowledged) >= before
    with open_ledger(path) as after:
        notes = [entry.values["note"] for entry in rows_of_ledger(after) if entry.kind == "session"]
        assert len(set(notes)) == len(notes) > 100, "sessions were doubled, or hardly any were written"
        append(after, "session", record(plan, 1), by=BY)  # and it goes on


def test_a_kill_while_the_ledger_is_created_leaves_nothing_or_all_of_it(tmp_path):
    done = 0
    for steps in range(1, 10_000, 400):
        path = tmp_path / f"{steps}.sqlite"

        def work(_, path=path, steps=steps):
            from stimplan.ledger import store

            real = store.sqlite3.connect

            def connect(*args, **more):
                connection = real(*args, **more)
                left = iter(range(steps))
                handler = lambda: os.kill(os.getpid(), signal.SIGKILL) if next(left, None) is None else 0  # noqa: E731
                connection.set_progress_handler(handler, 1)
                return connection

            store.sqlite3.connect = connect
            open_ledger(path, create=True)

        process, reader = child(work)
        os.waitpid(process, 0)
        os.close(reader)
        with contextlib.suppress(LedgerError), open_ledger(path) as ledger:
            assert verify(ledger).rows == 1
            done += 1
        with open_ledger(path, create=True) as ledger:
            found = verify(ledger)
            assert found.is_intact and found.rows == 1
    assert 0 < done < 25, "the kills did not fall on both sides"


def test_eight_writers_at_once_lose_nothing_and_double_nothing(tmp_path):
    path = tmp_path / "ward.sqlite"
    ledger, plan = start(path, tes_protocol())
    ledger.close()

    def work(first):
        def write(acknowledge):
            with open_ledger(path) as own:
                for number in range(first, first + EACH):
                    acknowledge(append(own, "session", record(plan, number), by=f"writer {first}")[0])

        return write

    children = [child(work(1000 * writer)) for writer in range(WRITERS)]
    answered = [answers(reader) for _, reader in children]
    assert [os.waitpid(process, 0)[1] for process, _ in children] == [0] * WRITERS
    seqs = [seq for one in answered for seq, _ in one]
    assert sorted(seqs) == list(range(4, 4 + WRITERS * EACH))  # nothing lost, no number twice, no gap
    with open_ledger(path) as after:
        found = verify(after)
        assert found.is_intact, found.faults
        notes = [entry.values["note"] for entry in rows_of_ledger(after) if entry.kind == "session"]
    assert sorted(notes) == sorted(f"number {1000 * w + n} of the test" for w in range(WRITERS) for n in range(EACH))


def test_eight_writers_of_the_same_session_write_it_once(tmp_path):
    path = tmp_path / "ward.sqlite"
    ledger, plan = start(path, tes_protocol())
    ledger.close()

    def write(acknowledge):
        with open_ledger(path) as own, contextlib.suppress(LedgerError):
            acknowledge(append(own, "session", record(plan, 1), by=BY)[0])

    children = [child(write) for _ in range(WRITERS)]
    answered = [one for _, reader in children for one in answers(reader)]
    for process, _ in children:
        os.waitpid(process, 0)
    assert len(answered) == 1


def test_eight_processes_may_create_the_same_ledger(tmp_path):
    path = tmp_path / "ward.sqlite"

    def write(acknowledge):
        with open_ledger(path, create=True) as own:
            acknowledge(append(own, "person", {"person": f"P-{os.getpid()}x"}, by=BY)[0])

    children = [child(write) for _ in range(WRITERS)]
    answered = [one for _, reader in children for one in answers(reader)]
    assert [os.waitpid(process, 0)[1] for process, _ in children] == [0] * WRITERS
    with open_ledger(path) as after:
        found = verify(after)
    assert found.is_intact and found.rows == 1 + WRITERS == 1 + len(answered)
