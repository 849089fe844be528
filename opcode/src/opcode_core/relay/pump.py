"""The relay: hands lines on in both directions, and looks for the next engine when the one there was is gone."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import time

from opcode_core.relay.connection import PROTOCOL, UnfitEngineError, connect, greeting
from opcode_core.relay.conversation import Conversation
from opcode_core.relay.handover import Handover
from opcode_core.relay.lines import Lines
from opcode_core.relay.lock import lock_path, take_lock
from opcode_core.relay.process import end_at_once, say

MAX_LINE = 16 << 20
_PIECE = 1 << 18
_MOST_TO_CLIENT = 1 << 20
_MOST_TO_ENGINE = 4 << 20
_MOST_HELD = 64 << 20
_FINAL_SECONDS = 10.0
_SOON, _LATER, _IMPATIENT = 0.02, 0.1, 5.0
_TROUBLE = select.POLLERR | select.POLLHUP | select.POLLNVAL


class Relay:
    """A process that is not the engine of its database, and hands its client's messages on to the one that is.

    Args:
        database: The database file, from the root.
        source: The descriptor of what the client sends.
        target: The descriptor of what the client is sent.
    """

    def __init__(self, database: str, source: int = 0, target: int = 1) -> None:
        self._database = database
        self._source = source
        self._target = target
        self._talk = Conversation()
        self._input = Lines(MAX_LINE)
        self._answers = Lines()
        self._to_client = bytearray()
        self._to_engine = bytearray()
        self._engine: socket.socket | None = None
        self._welcomed = False
        self._input_ended = False
        self._client_gone = False
        self._last_moment: float | None = None
        self._told_to_end = False
        self._alone_since = time.monotonic()
        self._warned = False

    def run(self) -> tuple[int, Handover] | int:
        """Relay until the client goes or a signal comes, or until this process is the engine.

        Returns:
            The exit code; or the descriptor of the lock, and what is handed over.
        """
        bell, rope = os.pipe()
        for descriptor in (bell, rope, self._target):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(rope, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        try:
            while not self._is_over():
                if self._engine is None and (lock := self._seek()) is not None:
                    return lock, self._handover()
                self._turn(bell)
        except UnfitEngineError as error:
            say("error", str(error))
            return 1
        finally:
            signal.set_wakeup_fd(-1)
            end_at_once()
            os.close(bell)
            os.close(rope)
        return 0

    def _on_signal(self, number: int, _: object) -> None:
        if self._last_moment is not None:
            os._exit(128 + number)
        self._told_to_end = True
        self._end()

    def _end(self) -> None:
        """Take no more of the client; what it asked is answered, if that does not take long."""
        self._last_moment = time.monotonic() + _FINAL_SECONDS

    def _is_over(self) -> bool:
        if self._client_gone:
            return True
        if self._last_moment is None:
            return False
        idle = self._talk.answered and not self._to_client and not self._to_engine
        return idle or time.monotonic() > self._last_moment

    def _seek(self) -> int | None:
        """Look for an engine, or become it: the descriptor of the lock if nobody else has it."""
        try:
            lock = None if self._told_to_end else take_lock(lock_path(self._database))
        except OSError:  # the folder is gone, say: a later try will tell
            lock = None
        if lock is not None:
            return lock
        self._engine = connect(self._database)
        if self._engine is not None:
            self._engine.setblocking(False)  # noqa: FBT003 - the signature of the library
            self._to_engine += greeting("relay", self._talk.instance) + b"".join(self._talk.again())
        elif not self._warned and time.monotonic() - self._alone_since > _IMPATIENT:
            self._warned = True
            say(
                "warn", f"whoever holds {lock_path(self._database)} does not answer: waiting for it"
            )
        return None

    def _handover(self) -> Handover:
        return Handover(
            self._talk.instance,
            self._talk.again(),
            bytes(self._to_client),
            self._input.rest,
            skipping=self._input.skipping,
        )

    def _turn(self, bell: int) -> None:
        """Wait until something can be done, and do it."""
        poll = select.poll()
        poll.register(bell, select.POLLIN)
        poll.register(self._target, select.POLLOUT if self._to_client else 0)
        if self._takes_input():
            poll.register(self._source, select.POLLIN)
        engine = -1
        if self._engine is not None:
            engine = self._engine.fileno()
            wanted = select.POLLIN if len(self._to_client) < _MOST_TO_CLIENT else 0
            poll.register(engine, wanted | (select.POLLOUT if self._to_engine else 0))
        ready = dict(poll.poll(self._patience()))
        if bell in ready:
            os.read(bell, _PIECE)
        if self._target in ready:
            self._write(ready[self._target])
        if self._takes_input() and self._source in ready:
            self._read()
        if self._engine is not None and engine in ready:
            self._talk_to_engine(self._engine, ready[engine])

    def _takes_input(self) -> bool:
        room = len(self._to_engine) < _MOST_TO_ENGINE and self._talk.held < _MOST_HELD
        return room and self._last_moment is None

    def _patience(self) -> int | None:
        """How many milliseconds to wait at most."""
        now = time.monotonic()
        seconds = None if self._last_moment is None else max(self._last_moment - now, 0.0)
        if self._engine is None:
            pause = _SOON if now - self._alone_since < _IMPATIENT else _LATER
            seconds = pause if seconds is None else min(pause, seconds)
        return None if seconds is None else int(seconds * 1000) + 1

    def _read(self) -> None:
        try:
            data = os.read(self._source, _PIECE)
        except BlockingIOError:
            return
        except OSError:  # a terminal that hung up
            data = b""
        if not data:
            self._end()
            data = b"\n" if self._input.rest else b""
        skipped = self._input.skipped
        for line in self._input.feed(data):
            if line.strip():
                numbered = self._talk.from_client(line)
                if self._engine is not None:  # a later one is told by `again`
                    self._to_engine += numbered
        if self._input.skipped != skipped:
            say("warn", f"a line of more than {MAX_LINE} bytes was passed over")

    def _write(self, events: int) -> None:
        try:
            if self._to_client:
                del self._to_client[: os.write(self._target, self._to_client[:_PIECE])]
            elif events & _TROUBLE:
                self._client_gone = True
        except BlockingIOError:
            return
        except OSError:
            self._client_gone = True

    def _talk_to_engine(self, engine: socket.socket, events: int) -> None:
        try:
            if self._to_engine and events & select.POLLOUT:
                del self._to_engine[: engine.send(self._to_engine[:_PIECE])]
            if events & (select.POLLIN | _TROUBLE):
                data = engine.recv(_PIECE)
                if not data:
                    raise ConnectionResetError
                for line in self._answers.feed(data):
                    self._hand_on(line)
        except BlockingIOError:
            return
        except OSError:
            self._lose(engine)

    def _hand_on(self, line: bytes) -> None:
        if not self._welcomed:
            self._welcomed = True
            welcome = json.loads(line)
            if welcome.get("protocol") != PROTOCOL:
                raise UnfitEngineError(
                    f"the engine of this database (process {welcome.get('pid')}) is of another version of opcode: "
                    "end it"
                )
        elif self._talk.from_engine(line):
            self._to_client += line

    def _lose(self, engine: socket.socket) -> None:
        engine.close()
        self._engine = None
        self._answers.clear()
        self._to_engine.clear()
        if self._welcomed:  # else it turned us away, and we are as alone as before
            self._alone_since = time.monotonic()
            self._warned = False
        self._welcomed = False
