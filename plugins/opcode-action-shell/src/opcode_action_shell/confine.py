"""What the kernel can be asked to keep a process from: Landlock, namespaces, limits. Linux; elsewhere nothing of it.

The nursery imports this without the rest of the package, so it needs nothing but the standard library. Each function
changes the process it is called in, and the change is for good.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import struct
import sys
from collections.abc import Iterable, Mapping

LINUX = sys.platform == "linux"
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 1, 4, 36, 38
_PR_CAPBSET_DROP = 24
_MOST_CAPABILITIES = 64
_KEPT_CAPABILITIES = frozenset(
    {
        *(
            0,
            1,
            3,
            4,
            5,
            6,
            7,
            8,
        ),  # chown, files of others, their modes, kill, setgid, setuid, setpcap
        *(10, 13, 18, 29, 31),  # low ports, raw sockets, chroot, audit lines, file capabilities
    }
)
_NEWNS, _NEWUSER, _NEWPID, _NEWNET = 0x00020000, 0x10000000, 0x20000000, 0x40000000
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REC, _MS_PRIVATE = 2, 4, 8, 1 << 14, 1 << 18

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture we meet
_WRITE_FILE = 1 << 1
_WRITES = _WRITE_FILE | sum(1 << bit for bit in range(4, 13))  # remove and make, of every kind
_REFER, _TRUNCATE = 1 << 13, 1 << 14
_TCP = 0b11  # bind and connect
_SCOPES = 0b11  # abstract sockets and signals
_ABI_REFER, _ABI_TRUNCATE, _ABI_TCP, _ABI_SCOPES = 2, 3, 4, 6
DEVICES = (
    *("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"),
    *("/dev/tty", "/dev/ptmx", "/dev/pts"),
)
"""What any command may write besides its folders."""

_LIMITS = {
    "memory": resource.RLIMIT_DATA,
    "file": resource.RLIMIT_FSIZE,
    "open_files": resource.RLIMIT_NOFILE,
    "core": resource.RLIMIT_CORE,
    "processes": getattr(resource, "RLIMIT_NPROC", -1),
}

_libc = ctypes.CDLL(None, use_errno=True)


def landlock_abi() -> int:
    """Which version of Landlock the kernel has; 0 for none."""
    if not LINUX:
        return 0
    return max(0, int(_libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), 1)))


def restrict_writes(writable: Iterable[str], *, network: bool) -> None:
    """Let this process and its children write below these paths only, and signal nobody outside.

    Args:
        writable: The paths; those that are not there are left out. What may be read stays as it is.
        network: Whether TCP stays allowed; where the kernel cannot refuse it, a namespace has to.

    Raises:
        OSError: The kernel does not do it.
    """
    abi = landlock_abi()
    files = _WRITES
    files |= _REFER if abi >= _ABI_REFER else 0
    files |= _TRUNCATE if abi >= _ABI_TRUNCATE else 0
    tcp = _TCP if abi >= _ABI_TCP and not network else 0
    size = 24 if abi >= _ABI_SCOPES else 16 if abi >= _ABI_TCP else 8
    attributes = struct.pack("=QQQ", files, tcp, _SCOPES)[:size]
    ruleset = _libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(size), 0)
    _check(ruleset)
    for path in writable:
        try:
            inode = os.open(path, getattr(os, "O_PATH", 0) | os.O_CLOEXEC)
        except OSError:
            continue
        allowed = files if os.path.isdir(path) else files & (_WRITE_FILE | _TRUNCATE)
        _check(_libc.syscall(_ADD_RULE, ruleset, 1, struct.pack("=Qi", allowed, inode), 0))
        os.close(inode)
    _check(_libc.syscall(_RESTRICT_SELF, ruleset, 0))
    os.close(ruleset)


def enter_namespaces(*, network: bool) -> None:
    """Let the next child be the first process of a process namespace, with mounts of its own.

    An ordinary user gets a user namespace for it, and stays the same user there.

    Args:
        network: Whether it stays in the machine's network; otherwise it has none, not even a loopback that is up.

    Raises:
        OSError: The machine does not allow it.
    """
    user, group = os.geteuid(), os.getegid()
    flags = _NEWNS | _NEWPID | (0 if network else _NEWNET) | (_NEWUSER if user else 0)
    _check(_libc.unshare(flags))
    if user:
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{user} {user} 1"),
            ("gid_map", f"{group} {group} 1"),
        ):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                file.write(text)
    _check(_libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None))


def mount_own_proc() -> None:
    """Let `/proc` show the processes of this namespace, and no others.

    Raises:
        OSError: The machine does not allow it.
    """
    flags = _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
    _check(_libc.mount(b"proc", b"/proc", b"proc", flags, None))


def limit_namespace(processes: int) -> bool:
    """Limit how many processes and threads this process namespace may have; say whether the kernel can.

    From Linux 6.14 on the number is the namespace's own. Before that writing it would change the whole machine's.
    """
    if kernel() < (6, 14):
        return False
    try:
        with open("/proc/sys/kernel/pid_max", "w", encoding="ascii") as file:
            file.write(str(max(processes, _LEAST_PIDS)))
    except OSError:
        return False
    return True


_LEAST_PIDS = 310  # the kernel keeps 300 for itself


def kernel() -> tuple[int, int]:
    """The kernel's version."""
    parts = os.uname().release.replace("-", ".").split(".")
    return int(parts[0]), int("".join(filter(str.isdigit, parts[1])) or 0)


def apply_limits(limits: Mapping[str, int]) -> None:
    """Set resource limits, soft and hard, never above what they are.

    Args:
        limits: `memory`, `file`, `open_files`, `core`, `processes`; those that are not there stay.
    """
    for name, wanted in limits.items():
        hard = resource.getrlimit(_LIMITS[name])[1]
        value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(_LIMITS[name], (value, value))


def die_with_parent(parent: int) -> None:
    """Let this process be killed when the process that forked it ends; at once if it has ended already.

    Args:
        parent: The parent's id as seen from here, 0 when it is outside of the namespace.
    """
    if LINUX:
        _check(_libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0))
    if os.getppid() != parent:
        os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends, so that none can get away."""
    if LINUX:
        _check(_libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))


def keep_privileges_down() -> None:
    """Let no program that is started have more privileges, as `sudo` gives them; leave root those over files and users.

    What root could undo the confinement with is gone for good: limits, mounts, devices, a look into other processes.
    """
    if LINUX:
        for capability in range(_MOST_CAPABILITIES):
            if (
                capability not in _KEPT_CAPABILITIES
            ):  # an ordinary user has none to give away, and is refused
                _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
        _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))


def hide_memory() -> None:
    """Let no process of the same user look into this one."""
    if LINUX:
        _check(_libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0))


def prefer_for_killing() -> None:
    """When memory runs out, let the kernel end this process and its children before the server."""
    with (
        contextlib.suppress(OSError),
        open("/proc/self/oom_score_adj", "w", encoding="ascii") as file,
    ):
        file.write("1000")


def _check(result: int) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
