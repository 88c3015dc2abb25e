"""The options of how the server comes to its end, and how the next one takes its place."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from bridge.settings.types import Group, OptionalPath, Section, Takes

RedirectUrl = Annotated[
    str,
    StringConstraints(pattern=r"^(https?://[^/\s@?#]+(/[^\s@?#]*)?)?$"),
    Takes("a URL like https://other.example.com/twilio/voice"),
]


class Stopping(Group):
    """Shutdown: what becomes of the calls, and of the port."""

    section = Section.OPERATION

    drain_timeout: float = Field(
        default=600.0,
        ge=0,
        le=86_400,
        description="Seconds that running calls may go on after SIGTERM, while no new ones are taken. Then, or at a "
        "second signal, the bot says goodbye. Ctrl-C ends the calls at once. Whatever stops the server must wait "
        "longer than this by final_timeout and 15 seconds.",
    )
    final_timeout: float = Field(
        default=10.0,
        ge=0,
        le=600,
        description="Seconds that a call which has ended gets for its last finals, also when the server ends it.",
    )
    drain_redirect: RedirectUrl = Field(
        default="",
        description="URL of the TwiML for callers of Twilio who come after SIGTERM, such as another server's "
        "/twilio/voice. Without it they hear the busy tone.",
    )
    handover_socket: OptionalPath = Field(
        default=None,
        description="Path of a Unix socket over which the next server on this machine takes the port over: start it "
        "with the same path, and no call is lost. Who may open the file can take the port.",
    )


class WorkerProcesses(Group):
    """Workers: one server as several processes, docs/operations.md."""

    section = Section.OPERATION

    workers: Annotated[
        Annotated[int, Field(ge=1, le=64)] | Literal["auto"], Takes("a whole number from 1 to 64, or auto")
    ] = Field(
        default=1,
        description="Processes that share the port, one a core; auto is as many as there are cores. One carries some "
        "60 calls. Limits hold for all of them together; a supervisor starts anew what dies, and SIGUSR2 to it "
        "replaces them one by one.",
    )
