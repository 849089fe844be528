"""What an action is lent: by the plan while a definition is checked, by the engine while it runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

_Shared = TypeVar("_Shared")


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a text parameter and where it came from.

    Attributes:
        text: The piece, as text.
        sources: The namespaces that wrote it (`steps`, `inputs`, …); empty when the definition itself did.
    """

    text: str
    sources: frozenset[str]


class Provenance(Protocol):
    """Where the values of an action's parameters came from."""

    def sources(self, *path: str | int) -> frozenset[str]:
        """The namespaces that wrote into the parameter at `path`, or below it; empty for a literal."""
        ...

    def segments(self, *path: str | int) -> tuple[Segment, ...]:
        """The pieces of the text parameter at `path`, in order; one piece for a literal or a single reference."""
        ...


class ActionSource(Protocol):
    """An action step as the definition has it, for an action's own checks at define."""

    pointer: str
    """JSON Pointer of the step's `params`."""
    params: Mapping[str, Any]
    """The parameters as written, with their `${{ }}`."""

    def references(self, *path: str | int) -> bool:
        """Whether the value at `path`, or anything below it, holds a reference."""
        ...

    def compile(
        self, engine: str, source: str, *path: str | int, extra: Mapping[str, str] | None = None
    ) -> object:
        """Compile an expression that stands at `path`, as it is written; what is wrong with it is reported there.

        `extra` has the names of variables that the action brings, each with the variable it stands for.
        """
        ...


class StepLog(Protocol):
    """The structured log, with the ids of workflow, step and agent already in it."""

    def log(self, level: str, message: str, data: Any = None) -> None:
        """Write one line at `debug`, `info`, `warn` or `error`."""
        ...


class Policy(Protocol):
    """What an administrator's settings say about what may be touched."""

    @property
    def working_directory(self) -> str:
        """Relative paths start here."""
        ...

    def setting(self, name: str) -> Any:
        """A setting by its dotted name; None if it is not set."""
        ...


class ActionContext(Protocol):
    """What the engine lends an action for one attempt."""

    @property
    def workflow_id(self) -> str:
        """The workflow."""
        ...

    @property
    def step_id(self) -> str:
        """The step's full id."""
        ...

    @property
    def agent_id(self) -> str:
        """Who started the workflow."""
        ...

    @property
    def attempt(self) -> int:
        """1 for the first try."""
        ...

    @property
    def retried(self) -> bool:
        """Whether the step is tried again when it fails."""
        ...

    @property
    def idempotency_key(self) -> str:
        """The same over all attempts of this step in this workflow, and different for any other."""
        ...

    @property
    def working_directory(self) -> str:
        """Relative paths start here: the folder of the process whose client started the run."""
        ...

    @property
    def provenance(self) -> Provenance:
        """Where the values of the parameters came from."""
        ...

    @property
    def log(self) -> StepLog:
        """The log, with the step's ids in it."""
        ...

    def emit(self, event_type: str, payload: Any = None) -> None:
        """Put an event of the workflow's own into its log."""
        ...

    def variables(self) -> Mapping[str, Any]:
        """`steps`, `inputs`, `workflow`, `context` and `iter` as this step sees them; read-only."""
        ...

    def setting(self, name: str) -> Any:
        """A setting by its dotted name, such as `fs.roots` (see the reference of settings); None if it is not set."""
        ...

    def protected_files(self) -> frozenset[tuple[int, int]]:
        """Device and inode numbers of the server's own files: never to be opened."""
        ...

    def protected_names(self) -> frozenset[tuple[tuple[int, int], str]]:
        """Names of the server's own files, there or not: nothing is to be made, moved or deleted under them.

        Each comes with the device and inode number of its folder, and in the form that `str.casefold` gives it, for
        file systems that do not tell `a` from `A`.
        """
        ...

    async def shared(
        self, key: str, make: Callable[[], _Shared], close: Callable[[_Shared], Awaitable[None]]
    ) -> _Shared:
        """An object made once for the whole process and closed with it, such as a pooled client."""
        ...

    async def run_workflow(
        self, template_name: str, version: str | None, params: Mapping[str, Any]
    ) -> Any:
        """Run a workflow as a child of this one and give its output; for actions that say `waits=True`.

        The child is started once: when the step goes on after a restart it waits for the same one.

        Raises:
            OpcodeError: It cannot be started, failed, or was cancelled.
        """
        ...

    async def read_context(self, workflow_id: str | None = None) -> dict[str, Any]:
        """The context of this workflow, or of a child of it.

        Raises:
            PermissionDeniedError: It is no child of this workflow.
        """
        ...

    async def update_context(
        self, values: Mapping[str, Any], workflow_id: str | None = None
    ) -> None:
        """Add to the context of this workflow, or of a child of it, key by key.

        Raises:
            PermissionDeniedError: It is no child of this workflow.
            ConflictError: The child has ended.
        """
        ...
