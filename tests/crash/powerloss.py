"""The disk as it can be when the power goes: every moment of a remembered run, three ways for each.

What was synced is there. Of what was written and not synced yet, nothing may be there, or some of the writes, or some
of the 512-byte sectors of them.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import struct
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from opcode_core.errors import StoreError
from opcode_core.store.sqlite.store import open_store
from opcode_core.store.sqlite.views import EVENT_COLUMNS, fold

SECTOR = 512
_HEAD = struct.Struct("<cBQQ")


class Operation(NamedTuple):
    """Something the disk was told: W write, T truncate, S sync, U unlink, A append to what was acknowledged."""

    what: str
    file: str
    place: int
    data: bytes


@dataclass
class Verdict:
    """What was found in the images.

    Attributes:
        operations: How many operations the run had.
        images: How many images were looked at.
        opened: How many of them the store itself has opened.
        corrupt: What was wrong with images: damage, a gap, an event that is not what it was.
        lost: How often an acknowledged event was missing.
        acknowledged: How many events were acknowledged at the end.
    """

    operations: int = 0
    images: int = 0
    opened: int = 0
    corrupt: list[str] = field(default_factory=list)
    lost: int = 0
    acknowledged: int = 0


def operations(log: Path) -> list[Operation]:
    """What the disk has remembered."""
    data, at = log.read_bytes(), 0
    names: dict[int, str] = {}
    found = []
    while at < len(data):
        what, number, place, size = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        content = data[at : at + (size if what in b"NWA" else 0)]
        at += len(content)
        if what == b"N":
            names[number] = content.decode()
        else:
            found.append(Operation(what.decode(), names[number], place, content))
    return found


class Disk:
    """A disk with a memory that the power takes."""

    def __init__(self) -> None:
        self.files: dict[str, bytearray] = {}
        self.pending: dict[str, list[Operation]] = defaultdict(list)
        self.acks: dict[str, int] = {}

    def do(self, operation: Operation) -> None:
        """One operation."""
        what, name, _, data = operation
        if what == "A":
            for line in data.decode().splitlines():
                workflow_id, upto = line.split(" ")
                self.acks[workflow_id] = max(int(upto), self.acks.get(workflow_id, 0))
        elif what == "U":
            self.files.pop(name, None)
            self.pending.pop(name, None)
        elif what == "S":
            self.files.setdefault(name, bytearray())
            for waiting in self.pending.pop(name, []):
                _apply(self.files, waiting)
        else:
            self.pending[name].append(operation)

    def images(self, chance: random.Random) -> Iterator[dict[str, bytearray]]:
        """What can be there when the power goes now."""
        for keep in (_nothing, _some_writes, _some_sectors):
            files = {name: bytearray(content) for name, content in self.files.items()}
            for waiting in self.pending.values():
                for operation in waiting:
                    for part in keep(operation, chance):
                        _apply(files, part)
            yield files


def _nothing(operation: Operation, chance: random.Random) -> list[Operation]:
    return []


def _some_writes(operation: Operation, chance: random.Random) -> list[Operation]:
    return [operation] if chance.random() < 0.5 else []


def _some_sectors(operation: Operation, chance: random.Random) -> list[Operation]:
    if operation.what != "W":
        return _some_writes(operation, chance)
    parts, at = [], 0
    while at < len(operation.data):
        place = operation.place + at
        size = SECTOR - place % SECTOR
        if chance.random() < 0.5:
            parts.append(operation._replace(place=place, data=operation.data[at : at + size]))
        at += size
    return parts


def _apply(files: dict[str, bytearray], operation: Operation) -> None:
    content = files.setdefault(operation.file, bytearray())
    if operation.what == "T":
        del content[operation.place :]
        content.extend(bytes(operation.place - len(content)))
        return
    end = operation.place + len(operation.data)
    content.extend(bytes(max(0, end - len(content))))
    content[operation.place : end] = operation.data


def replay(log: Path, folder: Path, every: int, open_every: int) -> Verdict:
    """Lose the power after every so-manieth operation.

    Args:
        log: What the disk has remembered.
        folder: Where images are put.
        every: Every how-manieth operation.
        open_every: Every how-manieth image is opened by the store too.
    """
    disk, chance, verdict = Disk(), random.Random(7), Verdict()
    for number, operation in enumerate(operations(log)):
        disk.do(operation)
        verdict.operations += 1
        if number % every:
            continue
        for files in disk.images(chance):
            verdict.images += 1
            _look(_put(files, folder), disk.acks, verdict, opened=not verdict.images % open_every)
    verdict.acknowledged = sum(disk.acks.values())
    return verdict


def _put(files: dict[str, bytearray], folder: Path) -> Path:
    for old in folder.iterdir():
        old.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder / "x.db"


def _look(database: Path, acks: dict[str, int], verdict: Verdict, *, opened: bool) -> None:
    if opened:
        try:
            asyncio.run(_open(database))
        except StoreError as error:
            verdict.corrupt.append(f"image {verdict.images}: {error.message}")
            return
        verdict.opened += 1
    try:
        stored = _stored(database)
    except (sqlite3.DatabaseError, StoreError, ValueError) as error:
        verdict.corrupt.append(f"image {verdict.images}: {error}")
        return
    verdict.lost += any(stored.get(one, 0) < upto for one, upto in acks.items())


async def _open(database: Path) -> None:
    await (await open_store(database, "full")).close()


def _stored(database: Path) -> dict[str, int]:
    """How many events each workflow has, when they are sound and without a gap."""
    with closing(sqlite3.connect(database)) as connection:
        (sound,) = connection.execute("PRAGMA integrity_check").fetchone()
        if sound != "ok":
            raise ValueError(sound)
        if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'events'").fetchone():
            return {}
        rows = connection.execute(
            f"SELECT {EVENT_COLUMNS} FROM events ORDER BY workflow_id, sequence"
        )
        return {one: fold(one, group).sequence for one, group in groupby(rows, itemgetter(0))}
