"""What runs in the worker process: libjq, behind two pipes.

libjq does not let go of the interpreter while it works, and aborts its process when memory runs out, so it cannot
live in the server. This file is run as a script by an isolated interpreter with an empty environment, and knows
nothing of this package. A request is two lengths, a program and a document; a document of no length asks for
the program to be compiled only. An answer is a letter, a length and a text: `v` the outputs as a JSON array, `c`
what is wrong with the program, `e` what went wrong, `l` too large a result, `m` no memory.
"""

from __future__ import annotations

import functools
import json
import os
import resource
import signal
import struct
import sys
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any

MEMORY = 512 << 20
"""Bytes of address space the process may have."""
MOST_OUTPUT = 32 << 20
"""Bytes a result may have as JSON."""
ALARM = 3.0
"""Seconds after which the process ends by itself, should nobody be there to end it."""
PREFIX = (
    "def env: {}; def input: error; def inputs: empty; def input_filename: null; def debug: .; def debug(f): .; "
    "def stderr: .; def halt: error; def halt_error: error; def halt_error(f): error; def get_search_list: []; "
    "def modulemeta: error; {} as $ENV | "
)
"""Stands before each program: what it shadows is refused already, and `import` must come first."""
REQUEST = struct.Struct("<II")
ANSWER = struct.Struct("<cI")
_PROGRAMS = 256


def main(library: str) -> None:
    """Answer requests until the other side is gone.

    Args:
        library: The file of the module `jq`.
    """
    jq = _load(library)
    _confine()
    compiled = functools.lru_cache(_PROGRAMS)(lambda source: jq.compile(PREFIX + source))
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    answers.write(ANSWER.pack(b"r", 0))
    answers.flush()
    while len(head := requests.read(REQUEST.size)) == REQUEST.size:
        signal.setitimer(signal.ITIMER_REAL, ALARM)
        program, document = (requests.read(size) for size in REQUEST.unpack(head))
        kind, text = _answer(compiled, program.decode(), document)
        answers.write(ANSWER.pack(kind, len(text)))
        answers.write(text)
        answers.flush()
        signal.setitimer(signal.ITIMER_REAL, 0)


def _load(library: str) -> Any:
    """The module, by its file: the interpreter is started without the folders of installed packages."""
    spec = spec_from_file_location("jq", library, loader=ExtensionFileLoader("jq", library))
    if spec is None or spec.loader is None:
        raise ImportError(library)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _confine() -> None:
    """Take away what a program has no use for; the kernel carries out the alarm whatever libjq is doing."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
    os.chdir("/")
    for limit, value in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 3),  # no more than there are: nothing can be opened
    ):
        try:
            resource.setrlimit(limit, (value, value))
        except (ValueError, OSError):  # macOS takes no limit of the address space
            continue


def _answer(compiled: Any, source: str, document: bytes) -> tuple[bytes, bytes]:
    fault = b"c"
    try:
        program = compiled(source)
        fault = b"e"
        return _run(program, document) if document else (b"v", b"[]")
    except (ValueError, RecursionError) as error:
        return fault, str(error).encode(errors="replace")
    except MemoryError:
        return b"m", b""


def _run(program: Any, document: bytes) -> tuple[bytes, bytes]:
    outputs: list[str] = []
    size = 1
    for output in program.input_text(document.decode()):
        text = json.dumps(output, ensure_ascii=False, separators=(",", ":"))
        size += len(text) + 1
        if size > MOST_OUTPUT:
            return b"l", b""
        outputs.append(text)
    answer = f"[{','.join(outputs)}]".encode()
    return (b"v", answer) if len(answer) <= MOST_OUTPUT else (b"l", b"")


if __name__ == "__main__":
    main(sys.argv[1])
