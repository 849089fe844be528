"""What runs in the nursery: a small process of its own from which commands are born, confined, and ended.

The server has threads and secrets, so nothing is forked from it. This process has neither. It is started once by an
isolated interpreter with an empty environment, and gets one descriptor for each command: the command's line. On it come
the order and the command's three streams, and on it go back `{"exit": n}` or `{"failed": …}`. A command has two
processes above it:

* the keeper, outside of the namespaces, waits for the end of the line and then ends everything below. The line ends
  when the server closes it, and in every way a server can go;
* the first process, inside, starts the command, takes in orphans and says how the command ended.

Only the standard library is imported, and of this package what needs no more.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import socket
import struct
import sys
import time
from typing import Any, NoReturn

from opcode_action_shell import confine

LENGTH = struct.Struct("<I")
TAKEN = b"."
"""What a keeper sends when it has its order: from then on the command may run."""
_STREAMS = 3
_END_SECONDS = 5.0
_ROUND_SECONDS = 0.005
Order = dict[str, Any]


def main(descriptor: int) -> NoReturn:
    """Take lines of commands until the server is gone.

    Args:
        descriptor: A socket on which they come.
    """
    gc.disable()  # a collection would copy every page that a fork shares
    gc.freeze()
    control = socket.socket(fileno=descriptor)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # keepers are reaped by the kernel
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is the server's to act on
    os.set_inheritable(descriptor, False)  # noqa: FBT003 - takes it by position only
    tell(control, probe())
    while True:
        _, lines = take(control, 1, 1)
        if not lines:
            os._exit(0)
        if os.fork() == 0:
            control.close()
            keep(socket.socket(fileno=lines[0]))
        os.close(lines[0])


def take(line: socket.socket, size: int, descriptors: int) -> tuple[bytes, list[int]]:
    """Receive bytes and descriptors, which no program that is started inherits."""
    data, found, _, _ = socket.recv_fds(line, size, descriptors)
    for descriptor in found:
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - takes it by position only
    return data, found


def tell(line: socket.socket, message: dict[str, Any]) -> None:
    """Send a message, a line of JSON; nothing happens when nobody listens any more."""
    with contextlib.suppress(OSError):
        line.sendall(json.dumps(message).encode() + b"\n")


def probe() -> dict[str, Any]:
    """What works here, found by doing it: `{landlock, namespaces, why, proc, processes, network}`."""
    found: dict[str, Any] = {
        "landlock": confine.landlock_abi(),
        "namespaces": False,
        "proc": False,
        "processes": False,
        "network": False,
        "why": "" if confine.LINUX else "this is not Linux",
    }
    if confine.LINUX:
        found |= _try_namespaces(network=True)
        if found["namespaces"]:
            found["network"] = _try_namespaces(network=False)["namespaces"]
    return found


def _try_namespaces(*, network: bool) -> dict[str, Any]:
    """Do it in a child, which tells how far it came."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        found: dict[str, Any] = {"namespaces": False}
        try:
            confine.enter_namespaces(network=network)
            if (inside := os.fork()) == 0:
                found = {"namespaces": True, "proc": _own_proc()}
                found["processes"] = found["proc"] and confine.limit_namespace(1024)
                os.write(write, json.dumps(found).encode())
                os._exit(0)
            os.waitpid(inside, 0)
        except OSError as error:
            os.write(write, json.dumps({**found, "why": error.strerror}).encode())
        os._exit(0)
    os.close(write)
    with open(read, "rb") as answer:
        return dict(json.loads(answer.read() or b'{"namespaces": false, "why": "no answer"}'))


def _own_proc() -> bool:
    try:
        confine.mount_own_proc()
    except OSError:
        return False
    return True


def keep(line: socket.socket) -> NoReturn:
    """Be the keeper of one command: take its order, let it be born, wait for the end of its line, end everything.

    Args:
        line: The command's line.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        order, streams = receive(line)
        line.sendall(TAKEN)
        os.setsid()
        confine.adopt_orphans()
        if order["namespaces"]:
            confine.enter_namespaces(network=order["network"])
        keeper = os.getpid()
        first = os.fork()
        if first == 0:
            begin(line, order, streams, 0 if order["namespaces"] else keeper)
        for stream in streams:
            os.close(stream)
        with contextlib.suppress(OSError):
            while line.recv(4096):
                pass
        end_all(first)
    except (OSError, ValueError) as error:
        tell(line, failure("confine", error))
    os._exit(0)


def receive(line: socket.socket) -> tuple[Order, list[int]]:
    """Take an order and the command's three streams from its line."""
    head, streams = take(line, LENGTH.size, _STREAMS)
    if len(head) < LENGTH.size:
        os._exit(0)
    (length,) = LENGTH.unpack(head)
    parts = []
    while length:
        part = line.recv(min(length, 1 << 20))
        if not part:
            os._exit(0)
        parts.append(part)
        length -= len(part)
    return json.loads(b"".join(parts)), streams


def begin(line: socket.socket, order: Order, streams: list[int], parent: int) -> NoReturn:
    """Be the first process: confine yourself, start the command, and say how it ended.

    Args:
        line: The command's line.
        order: What is to be done.
        streams: The command's standard input, output and error.
        parent: The keeper's id as seen from here.
    """
    step = "confine"
    try:
        confine.die_with_parent(parent)
        if order["namespaces"] and order["proc"]:
            confine.mount_own_proc()
            confine.limit_namespace(order["processes"])
        os.chdir(order["cwd"])
        confine.prefer_for_killing()
        confine.hide_memory()
        if order["confined"]:
            confine.keep_privileges_down()
        if order["writable"] is not None:
            confine.restrict_writes(order["writable"], network=order["network"])
        confine.apply_limits(order["limits"])
        step = "start"
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        command = spawn(order, streams)
    except (OSError, ValueError) as error:
        tell(line, failure(step, error))
        os._exit(0)
    if not confine.LINUX:
        signal.signal(signal.SIGTERM, lambda *_: end_group(command))
    for stream in streams:
        os.close(stream)
    tell(line, {"exit": wait_for(command)})
    while True:  # what the command has left behind runs until the keeper ends it
        signal.pause()


def spawn(order: Order, streams: list[int]) -> int:
    """Start the command in a session of its own, or a process group where the system has no more; its id."""
    try:
        return _spawn(order, streams, setsid=True)
    except NotImplementedError:
        return _spawn(order, streams, setpgroup=0)


def _spawn(order: Order, streams: list[int], **apart: Any) -> int:
    words = [os.fsencode(word) for word in order["words"]]
    return os.posix_spawn(
        words[0],
        words,
        {os.fsencode(name): os.fsencode(value) for name, value in order["env"].items()},
        file_actions=[
            (os.POSIX_SPAWN_DUP2, stream, number) for number, stream in enumerate(streams)
        ],
        **apart,
        setsigdef=[signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT],
    )


def wait_for(command: int) -> int:
    """Wait until the command has ended, taking in what it orphaned; its exit code, -n for signal n."""
    while True:
        ended, status = os.waitpid(-1, 0)
        if ended == command:
            return os.waitstatus_to_exitcode(status)


def failure(step: str, error: Exception) -> dict[str, Any]:
    """The message about what went wrong before the command ran."""
    reason = getattr(error, "strerror", None) or type(error).__name__
    return {"failed": step, "text": reason}


def end_group(command: int) -> NoReturn:
    """End the command's process group: all that can be reached where orphans are not taken in."""
    with contextlib.suppress(OSError):
        os.killpg(command, signal.SIGKILL)
    os._exit(0)


def end_all(first: int) -> None:
    """End everything below this process, and wait until it has.

    With a process namespace the end of its first process is the end of all. Without one, everything whose parent ends
    becomes our child, so that ending our children again and again leaves none.
    """
    with contextlib.suppress(OSError):
        os.kill(first, signal.SIGKILL if confine.LINUX else signal.SIGTERM)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(first, 0)
    deadline = time.monotonic() + _END_SECONDS
    while not all_reaped() and time.monotonic() < deadline:
        for pid in descendants(os.getpid()):
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_ROUND_SECONDS)


def all_reaped() -> bool:
    """Reap the children that have ended; say whether there are no others."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return True
    return False


def descendants(pid: int) -> set[int]:
    """The ids of all processes below one, as far as they can be seen."""
    children: dict[int, list[int]] = {}
    with contextlib.suppress(OSError):
        for entry in filter(str.isdecimal, os.listdir("/proc")):
            with (
                contextlib.suppress(OSError, IndexError, ValueError),
                open(f"/proc/{entry}/stat", "rb") as file,
            ):
                parent = int(file.read().rpartition(b")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry))
    found: set[int] = set()
    stack = [pid]
    while stack:
        below = children.get(stack.pop(), [])
        found.update(below)
        stack += below
    return found


if __name__ == "__main__":
    main(int(sys.argv[1]))
