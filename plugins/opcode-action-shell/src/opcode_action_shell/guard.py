"""What a shell step must not let data decide: the shell's own text, the command, and what loads code into a process."""

from __future__ import annotations

import fnmatch
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from typing import Any

from opcode_core import (
    ActionContext,
    ActionSource,
    PermissionDeniedError,
    Policy,
    Problem,
    ReferenceSyntaxError,
    parse_text,
    pointer,
)

DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"
"""Where programs are looked for when the server has no PATH."""
_SHELL_TEXT = re.compile(r"[\s;&|<>()$`'\"\\*?\[\]#~]")
_LOADERS = frozenset(
    {
        *("BASH_ENV", "ENV", "SHELLOPTS", "BASHOPTS", "PS4", "PROMPT_COMMAND", "IFS", "PATH"),
        *("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONINSPECT", "PYTHONBREAKPOINT"),
        *("NODE_OPTIONS", "NODE_PATH", "PERL5OPT", "PERL5LIB", "PERLLIB", "RUBYOPT", "RUBYLIB"),
        *("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH", "GCONV_PATH"),
        *(
            "GIT_SSH",
            "GIT_SSH_COMMAND",
            "GIT_EXTERNAL_DIFF",
            "GIT_PAGER",
            "GIT_EDITOR",
            "PAGER",
            "EDITOR",
            "VISUAL",
        ),
    }
)
_LOADER_PREFIXES = ("LD_", "DYLD_", "GIT_CONFIG", "BASH_FUNC_")


def check_command(source: ActionSource) -> Iterator[Problem]:
    """Refuse a reference inside a shell's own text; the fix moves it into the environment."""
    command = source.params.get("command")
    if (
        source.params.get("shell") is not True
        or not isinstance(command, str)
        or not source.references("command")
    ):
        return
    at = pointer(source.pointer, "command")
    try:
        fix = _moved_to_env(source, command, at)
    except ReferenceSyntaxError:
        return  # that it cannot be read is reported
    yield Problem(
        path=at,
        code="SHELL_INTERPOLATION",
        message="with `shell: true` a reference in `command` would let data become shell text",
        hint='put the value into `env` and write "$NAME" in the command, or into `args` and write "$1"',
        fix=tuple(fix),
    )


def _moved_to_env(source: ActionSource, command: str, at: str) -> list[dict[str, Any]]:
    given = source.params.get("env")
    env: dict[str, Any] = dict(given) if isinstance(given, Mapping) else {}
    names: dict[str, str] = {}
    text = ""
    for piece in parse_text(command):
        if isinstance(piece, str):
            text += piece.replace("${{", "$${{")
            continue
        name = names.setdefault(piece.source, _free_name(piece.source, env))
        env[name] = f"${{{{{piece.source}}}}}"
        text += _IN_QUOTES[_open_quote(text)].format(name)
    return [
        {"op": "add", "path": pointer(source.pointer, "env"), "value": env},
        {"op": "replace", "path": at, "value": text},
    ]


_IN_QUOTES = {"": '"${}"', '"': "${{{}}}", "'": "'\"${}\"'"}
"""How a variable is written, by the quote that is open: it stays one word."""


def _open_quote(command: str) -> str:
    """The quote that is open at the end of the beginning of a command; none is the empty text."""
    quote, escaped = "", False
    for letter in command:
        if escaped:
            escaped = False
        elif letter == "\\" and quote != "'":
            escaped = True
        elif letter == quote:
            quote = ""
        elif not quote and letter in "'\"":
            quote = letter
    return quote


def _free_name(reference: str, taken: Mapping[str, Any]) -> str:
    words = re.findall(r"[A-Za-z0-9]+", reference)
    name = base = "VALUE_" + (words[-1].upper() if words else "1")
    count = 2
    while name in taken:
        name, count = f"{base}_{count}", count + 1
    return name


def refuse_brought_in(context: ActionContext, env: Mapping[str, str], *, shell: bool) -> None:
    """Refuse a command, or a variable that makes a program load code, that a reference brought in.

    Args:
        context: Where values came from, and what policy says.
        env: The variables that are given.
        shell: Whether the command is a shell's text, which no policy lets data become.

    Raises:
        PermissionDeniedError: One was.
    """
    provenance = context.provenance
    allowed = context.setting("shell.allow_command_references") is True and not shell
    if provenance.sources("command") and not allowed:
        raise PermissionDeniedError(
            "the command was brought in by a reference: write it in the definition and give values as `args` "
            "(rule: shell.allow_command_references)",
            {"rule": "shell.allow_command_references"},
        )
    for name in env:
        if not (name in _LOADERS or name.startswith(_LOADER_PREFIXES)):
            continue
        if provenance.sources("env", name):
            raise PermissionDeniedError(
                f"the variable {name} makes programs load code, and its value was brought in by a reference",
                {"variable": name},
            )
        if context.setting("shell.allow_loader_variables") is False:
            raise PermissionDeniedError(
                f"the variable {name} makes programs load code (rule: shell.allow_loader_variables)",
                {"rule": "shell.allow_loader_variables", "variable": name},
            )


def judge_command(command: str, policy: Policy) -> None:
    """Refuse a command that a definition names, as far as that can be said before it runs.

    Args:
        command: The program, or the text of a shell.
        policy: What policy says.

    Raises:
        PermissionDeniedError: It is not among those that may be run.
    """
    if _SHELL_TEXT.search(command):
        refuse_unlisted(policy, "/bin/sh")
    elif "/" in command:
        refuse_unlisted(policy, os.path.normpath(os.path.join(policy.working_directory, command)))
    else:
        path = os.environ.get("PATH") or DEFAULT_PATH
        refuse_unlisted(policy, shutil.which(command, path=path) or command)


def refuse_unlisted(context: Policy, program: str) -> None:
    """Refuse a program that `shell.commands` does not name; without that setting every program is allowed.

    A name stands for the program that the server's own PATH leads to, a pattern with a slash for paths.

    Args:
        context: What policy says.
        program: The path of the program.

    Raises:
        PermissionDeniedError: It is not named.
    """
    patterns = context.setting("shell.commands")
    if patterns is None or any(_names(pattern, program) for pattern in patterns):
        return
    raise PermissionDeniedError(
        f"{program} is none of the commands that may be run (rule: shell.commands)",
        {"rule": "shell.commands", "command": program},
    )


def _names(pattern: str, program: str) -> bool:
    if "/" in pattern:
        return fnmatch.fnmatchcase(program, pattern)
    folder, name = os.path.split(program)
    if not fnmatch.fnmatchcase(name, pattern):
        return False
    usual = shutil.which(name, path=os.environ.get("PATH") or DEFAULT_PATH)
    try:
        return usual is not None and os.path.samefile(usual, os.path.join(folder, name))
    except OSError:
        return False
