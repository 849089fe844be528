"""`shell.exec`."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from opcode_core import (
    ActionContext,
    Effect,
    ExecutionError,
    IsolationError,
    LimitExceededError,
    NotFoundError,
    Output,
    Params,
    PermissionDeniedError,
    ValidationError,
    action,
    compact_json,
    number_text,
    parse_duration,
    parse_json,
)
from pydantic import Field, SerializerFunctionWrapHandler, field_validator, model_serializer

from opcode_action_shell.guard import (
    DEFAULT_PATH,
    check_command,
    refuse_brought_in,
    refuse_unlisted,
)
from opcode_action_shell.isolation import order_of
from opcode_action_shell.launch import LostError, NotStartedError, Nursery, end_nursery
from opcode_action_shell.process import MAX_OUTPUT, Outcome, run_process

_STDERR_END = 4096
Scalar = str | int | float | bool


class ExecParams(Params):
    """What to run, and how."""

    command: str = Field(min_length=1, description="The program; with `shell` the shell's text.")
    args: list[Scalar] = Field(
        default_factory=list,
        description="Arguments, each handed over as it is; with `shell` they are $1, $2, ...",
    )
    env: dict[str, str] = Field(
        default_factory=dict,
        description="Variables beside PATH, HOME, LANG and TMPDIR, or in their place.",
    )
    cwd: str | None = Field(
        default=None, description="The folder; the run's working directory by default."
    )
    stdin: Any = Field(
        default=None,
        description="What the command can read: a string as it is, other JSON as JSON.",
    )
    timeout: str = Field(default="30s", description="How long it may run.")
    shell: bool = Field(default=False, description="Run `command` by /bin/sh -c.")
    fail_on_nonzero: bool = Field(default=False, description="Fail when the exit code is not 0.")

    @field_validator("timeout")
    @classmethod
    def _is_duration(cls, value: str) -> str:
        parse_duration(value)
        return value


class ExecOutput(Output):
    """How it ended."""

    stdout: Any = Field(description="The value when all of it is one JSON value, else the text.")
    stdout_raw: str = Field(description="The text, as it came.")
    stderr: str = Field(description="Standard error as text.")
    exit_code: int = Field(description="128 + n when signal n ended it, -1 when its time was up.")
    duration_ms: float = Field(description="How long it took, in milliseconds.")
    killed: bool = Field(description="Whether its time was up.")
    truncated: bool = Field(
        default=False, description="True when standard output was cut; left out when it was not."
    )
    stdout_bytes: int = Field(
        default=0, description="How much there was of it; left out when it was not cut."
    )

    @model_serializer(mode="wrap")
    def _as_given(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in write(self).items() if name in self.model_fields_set}


@action(
    "shell.exec",
    effect=Effect.UNSAFE,
    secrets=("env", "stdin", "args"),
    touches={"command": "command"},
    check=check_command,
)
async def execute(params: ExecParams, context: ActionContext) -> ExecOutput:
    """Run a command.

    Its output is data: a JSON object or array, or a JSON scalar on one line, is parsed. An exit code that is not 0 is
    no failure unless `fail_on_nonzero` says so. When it ends, all processes it started end; at most 10 MiB each of
    standard output and standard error are kept.
    """
    refuse_brought_in(context, params.env, shell=params.shell)
    cwd = _folder(params, context)
    env = _environment(params)
    words = _words(params, env, cwd)
    refuse_unlisted(context, words[0])
    nursery = await context.shared("shell.nursery", Nursery, end_nursery)
    began = time.monotonic()
    try:
        order = order_of(words, env, cwd, context, await nursery.machine())
        outcome = await run_process(
            nursery,
            order,
            stdin=_standard_input(params.stdin),
            seconds=parse_duration(params.timeout),
            most_output=context.setting("shell.max_output_bytes") or MAX_OUTPUT,
        )
    except NotStartedError as error:
        if error.confining:
            raise IsolationError(f"the command was not run: {error.reason}") from None
        raise ExecutionError(f"the command could not be started: {error.reason}") from None
    except LostError:
        message = (
            "the process that looks after the command was ended: nobody knows what became of it"
        )
        raise ExecutionError(message) from None
    except OSError as error:
        raise ExecutionError(f"the command could not be started: {error.strerror}") from None
    if not outcome.all_ended:
        context.log.log("warn", "a process of a command could not be ended")
    output = _output(outcome, (time.monotonic() - began) * 1000)
    if params.fail_on_nonzero and (outcome.killed or outcome.exit_code != 0):
        reason = "its time was up" if outcome.killed else f"it ended with {outcome.exit_code}"
        details = {
            "exit_code": outcome.exit_code,
            "killed": outcome.killed,
            "stderr": output.stderr[-_STDERR_END:],
        }
        raise ExecutionError(f"the command failed: {reason}", details)
    return output


def _folder(params: ExecParams, context: ActionContext) -> str:
    cwd = os.path.normpath(os.path.join(context.working_directory, params.cwd or "."))
    if "\0" in cwd:
        raise ValidationError("`cwd` holds a NUL character")
    if not os.path.isdir(cwd):
        raise NotFoundError(f"the folder {cwd} does not exist", {"cwd": cwd})
    return cwd


def _environment(params: ExecParams) -> dict[str, str]:
    for name, value in params.env.items():
        if not name or "=" in name or "\0" in name or "\0" in value:
            raise ValidationError(
                f"{name!r} cannot be an environment variable, or its value has a NUL character"
            )
    return {
        "PATH": os.environ.get("PATH") or DEFAULT_PATH,
        "HOME": str(Path.home()),
        "LANG": os.environ.get("LANG") or "C.UTF-8",
        "TMPDIR": tempfile.gettempdir(),
        **params.env,
    }


def _words(params: ExecParams, env: dict[str, str], cwd: str) -> list[str]:
    args = [_text(argument) for argument in params.args]
    if any("\0" in word for word in (params.command, *args)):
        raise ValidationError("a command or an argument holds a NUL character")
    if params.shell:
        return ["/bin/sh", "-c", params.command, "sh", *args]
    if "/" in params.command:
        program = os.path.normpath(os.path.join(cwd, params.command))
    else:
        program = shutil.which(params.command, path=env["PATH"]) or ""
    if not program or not os.path.exists(program):
        raise NotFoundError(f"there is no program {params.command!r}", {"command": params.command})
    if os.path.isdir(program) or not os.access(program, os.X_OK):
        raise PermissionDeniedError(
            f"{params.command!r} cannot be executed", {"command": params.command}
        )
    return [program, *args]


def _text(argument: Scalar) -> str:
    if isinstance(argument, bool):
        return "true" if argument else "false"
    return argument if isinstance(argument, str) else number_text(argument)


def _standard_input(value: Any) -> bytes | None:
    if value is None:
        return None
    return (value if isinstance(value, str) else compact_json(value)).encode("utf-8")


def _output(outcome: Outcome, duration_ms: float) -> ExecOutput:
    text = outcome.stdout.decode("utf-8", "replace")
    output: dict[str, Any] = {
        "stdout": parse_output(text),
        "stdout_raw": text,
        "stderr": outcome.stderr.decode("utf-8", "replace"),
        "exit_code": outcome.exit_code,
        "duration_ms": round(duration_ms, 3),
        "killed": outcome.killed,
    }
    if outcome.stdout_bytes > len(outcome.stdout):
        output |= {"truncated": True, "stdout_bytes": outcome.stdout_bytes}
    return ExecOutput(**output)


def parse_output(text: str) -> Any:
    """The JSON value a command wrote, when it wrote nothing else; the text otherwise.

    An object or array may take several lines, a scalar one. What JSON cannot hold exactly (NaN, an integer beyond 64
    bits, a key twice) stays text.
    """
    stripped = text.strip()
    if not stripped or (stripped[0] not in "{[" and "\n" in stripped):
        return text
    try:
        return parse_json(stripped)
    except (ValidationError, LimitExceededError):
        return text
