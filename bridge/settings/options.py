"""All options together, and what is derived from their list."""

from typing import Final

from pydantic import SecretStr

from bridge.settings.groups.barge_in import BargeIn, Echo, SpeculationOptions
from bridge.settings.groups.bot import Bot, NoInput, Webhook
from bridge.settings.groups.carriers.accounts import Azure, Exotel, Genesys, Plivo, SignalWire, Telnyx, Vobiz, Vonage
from bridge.settings.groups.end_of_turn import CallerPausesOptions, EndOfTurnOptions
from bridge.settings.groups.http_voices import HttpVoices
from bridge.settings.groups.lifecycle import Stopping, WorkerProcesses
from bridge.settings.groups.load import Clients, Overload
from bridge.settings.groups.local_voices import LocalVoices
from bridge.settings.groups.outbound import Dialling, MachineDetection
from bridge.settings.groups.recognition import Recognition, Vllm
from bridge.settings.groups.recordings import RecordingOptions
from bridge.settings.groups.records import Records
from bridge.settings.groups.server import Access, Limits, Listening, Logs
from bridge.settings.groups.speech import Hearing, NoiseSuppression, SentenceCaching, Speaking
from bridge.settings.groups.tracing import TracingOptions
from bridge.settings.groups.wires import AriOptions, Pbx, Sip, Twilio, Wyoming
from bridge.settings.route import Route
from bridge.settings.types import First, Group


class Settings(
    Listening,
    Access,
    Bot,
    NoInput,
    Webhook,
    Recognition,
    Vllm,
    Hearing,
    NoiseSuppression,
    Speaking,
    SentenceCaching,
    LocalVoices,
    HttpVoices,
    EndOfTurnOptions,
    CallerPausesOptions,
    BargeIn,
    Echo,
    SpeculationOptions,
    Sip,
    Pbx,
    Wyoming,
    AriOptions,
    Twilio,
    Telnyx,
    Plivo,
    Vobiz,
    Vonage,
    SignalWire,
    Exotel,
    Genesys,
    Azure,
    Dialling,
    MachineDetection,
    Records,
    RecordingOptions,
    Limits,
    Clients,
    Overload,
    Stopping,
    WorkerProcesses,
    Logs,
    TracingOptions,
):
    """What is in force. Immutable; `Settings()` is the defaults and reads neither environment nor files.

    The order of the groups is that of `--help`, of config/bridge.toml and of the documentation.
    """

    route: tuple[Route, ...] = ()
    """Calls that are answered otherwise, from [[route]] tables. No option: it is neither a flag nor a variable."""


GROUPS: Final[tuple[type[Group], ...]] = tuple(base for base in Settings.__bases__ if issubclass(base, Group))

OPTIONS: Final = tuple(name for group in GROUPS for name in group.model_fields)
"""All that is a flag, a variable and a key."""

FIRST_OPTIONS: Final = tuple(
    name for name in OPTIONS if any(isinstance(item, First) for item in Settings.model_fields[name].metadata)
)
"""What `--help` shows."""

SECRETS: Final = tuple(name for name, field in Settings.model_fields.items() if field.annotation == SecretStr | None)
"""Never flags, never in TOML; each has a NAME_file beside it."""
