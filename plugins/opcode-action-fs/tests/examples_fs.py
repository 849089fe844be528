"""What the contract suite calls the fs actions with."""

from __future__ import annotations

from opcode_core.testing import Example, Room


def examples(room: Room) -> dict[str, list[Example]]:
    """Each does its work in a folder with a file and a folder in it."""
    (room.folder / "a.txt").write_text("one\n", encoding="utf-8")
    (room.folder / "below").mkdir()
    (room.folder / "below" / "b.bin").write_bytes(b"\xff\0")
    nowhere = {"path": "nowhere/c.txt"}
    return {
        "fs.read": [
            Example({"path": "a.txt"}),
            Example({"path": "below/b.bin", "encoding": "base64"}),
            Example({"path": "${{inputs.name}}"}, variables={"inputs": {"name": "a.txt"}}),
            Example(nowhere, fails="NOT_FOUND"),
            Example({"path": "/etc/hostname"}, fails="PATH_DENIED"),
        ],
        "fs.write": [
            Example({"path": "new/c.txt", "content": {"n": 1}, "create_dirs": True}),
            Example({"path": "a.txt", "content": "two", "mode": "0600"}),
            Example({**nowhere, "content": "two"}, fails="NOT_FOUND"),
        ],
        "fs.append": [
            Example({"path": "a.txt", "content": "two"}),
            Example({**nowhere, "content": "two"}, fails="NOT_FOUND"),
        ],
        "fs.delete": [
            Example({"path": "a.txt"}),
            Example({"path": "below", "recursive": True}),
            Example(nowhere),
            Example({"path": "."}, fails="PATH_DENIED"),
        ],
        "fs.list": [
            Example({"path": "."}),
            Example({"path": ".", "recursive": True, "pattern": "*.bin"}),
            Example(nowhere, fails="NOT_FOUND"),
        ],
        "fs.stat": [
            Example({"path": "a.txt"}),
            Example({"path": "below"}),
            Example(nowhere, fails="NOT_FOUND"),
        ],
        "fs.copy": [
            Example({"src": "a.txt", "dst": "c.txt"}),
            Example({"src": "below", "dst": "new/copy", "create_dirs": True}),
            Example({"src": "below", "dst": "below/inside"}, fails="VALIDATION_ERROR"),
        ],
        "fs.move": [
            Example({"src": "a.txt", "dst": "c.txt"}),
            Example({"src": "below", "dst": "moved"}),
            Example({"src": "nowhere", "dst": "c.txt"}, fails="NOT_FOUND"),
        ],
    }
