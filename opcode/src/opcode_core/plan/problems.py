"""Collecting problems: every check reports here, none stops another."""

from __future__ import annotations

from collections.abc import Collection, Container
from typing import Any

from opcode_core.model.problems import Problem, ProblemCode, pointer
from opcode_core.suggest import listing, nearest

MOST = 500
"""How many problems are kept; what is beyond them is counted in one last problem."""


class Problems:
    """The problems of one definition.

    Args:
        argument: The argument of `define` they are about; None for the definition.
    """

    def __init__(self, argument: str | None = None) -> None:
        self._argument = argument
        self._found: list[Problem] = []
        self._beyond = 0

    def report(self, problem: Problem) -> None:
        """Keep a problem that is made already; the same one is kept once."""
        if len(self._found) >= MOST:
            self._beyond += 1
        elif problem not in self._found[-20:]:
            self._found.append(problem)

    def add(
        self,
        path: str,
        code: ProblemCode,
        message: str,
        *,
        hint: str | None = None,
        fix: list[dict[str, Any]] | None = None,
        warning: bool = False,
        offset: int | None = None,
    ) -> None:
        """Keep a problem of these members."""
        self.report(
            Problem(
                path=path,
                code=code,
                message=message,
                hint=hint,
                fix=tuple(fix) if fix else None,
                severity="warning" if warning else "error",
                argument=self._argument,
                offset=offset,
            )
        )

    def unknown_field(
        self, at: str, name: str, known: Collection[str], taken: Container[str]
    ) -> str | None:
        """Keep the problem of a member that does not exist, with the one that was probably meant.

        Returns:
            The name it is certain to be meant for: that one is not missing.
        """
        if self.full:
            self.beyond()
            return None
        meant = nearest(name, known)
        fix = None
        if meant is not None and meant not in taken:
            fix = [{"op": "move", "from": pointer(at, name), "path": pointer(at, meant)}]
        self.add(
            pointer(at, name),
            "UNKNOWN_FIELD",
            f"there is no field `{name}` here",
            hint=f"did you mean `{meant}`?" if meant else f"there are {listing(known)}",
            fix=fix,
        )
        return meant if fix else None

    def not_one_of(
        self, at: str, value: str, choices: list[str], code: ProblemCode = "INVALID_VALUE"
    ) -> None:
        """Keep the problem of a text that is none of the choices."""
        meant = nearest(value, choices)
        self.add(
            at,
            code,
            f"`{value}` is none of {', '.join(f'`{choice}`' for choice in choices)}",
            hint=f"did you mean `{meant}`?" if meant else None,
            fix=[{"op": "replace", "path": at, "value": meant}] if meant else None,
        )

    def beyond(self) -> None:
        """Count a problem that is not kept: there are too many already."""
        self._beyond += 1

    @property
    def full(self) -> bool:
        """Whether no more problems are kept, so that nobody need look for their hints."""
        return len(self._found) >= MOST

    @property
    def count(self) -> int:
        """How many were found so far."""
        return len(self._found) + self._beyond

    @property
    def refused(self) -> bool:
        """Whether there is an error among them."""
        return any(problem.severity == "error" for problem in self._found)

    def all(self) -> list[Problem]:
        """Everything found, in the order it was found."""
        if not self._beyond:
            return list(self._found)
        rest = Problem(
            "", "LIMIT_EXCEEDED", f"{self._beyond} more problems are not shown; mend these first"
        )
        return [*self._found, rest]
