"""The engine: a program is checked and compiled once, and evaluated on what it reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache, partial
from typing import Any

import orjson
from opcode_core import (
    ExecutionError,
    ExpressionLimits,
    ExpressionSyntaxError,
    ReadPath,
    Variables,
)

from opcode_expr_jq import errors
from opcode_expr_jq.analyse import Findings, analyse
from opcode_expr_jq.document import Document
from opcode_expr_jq.names import check_names
from opcode_expr_jq.pool import Pool
from opcode_expr_jq.process import NoMemoryError, WorkerError
from opcode_expr_jq.tokens import Token, tokenize

VARIABLES = ("steps", "inputs", "workflow", "context", "iter")
"""What a program's input has."""

_CACHED = 1024


class JqExpression:
    """A compiled program; several threads may evaluate it at once.

    Args:
        source: The text it was compiled from.
        program: What is sent to the worker.
        findings: What it reads and whether it goes through items.
        document: What puts its input together.
        said: The texts it spells out.
        pool: Where it runs.
        seconds: How long that may take.
    """

    __slots__ = (
        *("_document", "_pool", "_program", "_said", "_seconds", "_streams"),
        *("quick", "reads", "source"),
    )

    def __init__(
        self,
        source: str,
        program: bytes,
        findings: Findings,
        document: Document,
        said: frozenset[str],
        pool: Pool,
        seconds: float,
    ) -> None:
        self.source = source
        self._seconds = seconds
        self.reads: tuple[ReadPath, ...] = document.reads
        self.quick = False
        self._program = program
        self._streams = findings.streams
        self._document = document
        self._said = said
        self._pool = pool

    def evaluate(self, variables: Variables) -> Any:
        """Give the result as plain JSON: the output, if there is one; a list of the outputs, if there are more or none.

        Of a program that goes through items one by one, such as `.inputs.rows[]`, a single output that is no list is a
        list of one, so that what it gives does not depend on how many items there are.

        Args:
            variables: `steps`, `inputs` and so on; a declared one may be absent.

        Raises:
            ExecutionError: jq fails, or takes too much time or memory.
        """
        text = self._document.write(variables)
        try:
            kind, answer = self._pool.ask(self._program, text, self._seconds)
        except WorkerError as error:
            failed = errors.unanswered(error, self._seconds)
        else:
            if kind == b"v":
                return self._result(answer)
            failed = self._failure(kind, answer)
        raise failed from None

    def _failure(self, kind: bytes, answer: bytes) -> ExecutionError:
        if kind == b"l":
            return errors.too_large()
        if kind == b"m":
            return errors.no_memory()
        return errors.failure(answer.decode(errors="replace"), self._said)

    def _result(self, answer: bytes) -> Any:
        try:
            outputs = orjson.loads(answer)
        except orjson.JSONDecodeError:
            raise ExecutionError("the result is nested too deep") from None
        if len(outputs) == 1 and (not self._streams or isinstance(outputs[0], list)):
            return outputs[0]
        return outputs


class JqEngine:
    """jq for OPCODE.

    Args:
        limits: How large a program may be, and how long it may take.
    """

    name = "jq"

    def __init__(self, limits: ExpressionLimits = ExpressionLimits()) -> None:  # noqa: B008 - frozen
        self._pool = Pool()
        self._compiled = lru_cache(maxsize=_CACHED)(partial(_compile, self._pool, limits))

    def compile(self, source: str, *, extra: Mapping[str, str] | None = None) -> JqExpression:
        """Compile a source; the last thousand are kept.

        Args:
            source: The program.
            extra: More names at the top of its input, each with the variable it stands for, such as `{"loop": "iter"}`.

        Raises:
            ExpressionSyntaxError: It is no jq, too large, nested too deep, reaches out of itself, or reads a variable
                that does not exist.
        """
        return self._compiled(source, tuple(sorted((extra or {}).items())))

    def close(self) -> None:
        """End the worker processes; the next program starts one again."""
        self._pool.close()


def _compile(
    pool: Pool, limits: ExpressionLimits, source: str, extra: tuple[tuple[str, str], ...]
) -> JqExpression:
    names = {**{name: name for name in VARIABLES}, **dict(extra)}
    cut = tokenize(source, limits)
    if not cut.tokens:
        raise ExpressionSyntaxError("the program is empty: `.inputs` is the shortest of some use")
    check_names(cut.tokens)
    findings = analyse(cut.tokens, names)
    program = cut.source.encode()
    try:
        kind, answer = pool.ask(program, b"", limits.seconds)
    except WorkerError as error:
        wrong = errors.not_compiled(error, limits.seconds)
    else:
        if kind == b"v":
            document = Document(findings.reads, findings.touched, names)
            said = frozenset(_said(cut.tokens))
            return JqExpression(source, program, findings, document, said, pool, limits.seconds)
        wrong = (
            errors.not_compiled(NoMemoryError(), limits.seconds)
            if kind == b"m"
            else errors.wrong(answer.decode(errors="replace"), cut.source, names)
        )
    raise wrong from None


def _said(tokens: tuple[Token, ...]) -> Iterator[str]:
    """The names of members and the whole texts that a program spells out."""
    for before, token, after in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if (before.kind, token.kind, after.kind) == ("quote", "text", "quote"):
            yield token.text
    yield from (token.text for token in tokens if token.kind == "field")
