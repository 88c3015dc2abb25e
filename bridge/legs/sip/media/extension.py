"""What this bridge adds to the SIP stack about addresses and media, in one: installed once, on a stack that runs."""

import ctypes
from collections.abc import Callable

from bridge.legs.sip.media.intake import Intake
from bridge.legs.sip.media.latch import Address
from bridge.legs.sip.media.libre import AF_INET, AF_INET6, INTERFACE, Ends, Le, Libre, Text, pointer
from bridge.legs.sip.media.requests import Unwrapper
from bridge.legs.sip.media.streams import Streams
from bridge.legs.sip.options import StackOptions, Transport
from bridge.legs.sip.uri import bracketed


class StackExtension:
    """The stack's C side, taught what its Python side cannot say."""

    def __init__(
        self, libre: Libre, options: StackOptions, on_latched: Callable[[Address, Address | None], None]
    ) -> None:
        """`on_latched`: see `streams`; called on the stack's thread."""
        self._libre, self._options = libre, options
        self._intake = Intake(libre, wait_ms=options.jitter_ms)
        self._streams = Streams(libre, self._intake, public=options.public_address, on_latched=on_latched)
        self._unwrapper = Unwrapper(self._libre)

    def install(self) -> None:
        """Take effect. The stack must run, and have no account yet.

        Raises:
            OtherStack: it is not the stack that this was written for.
        """
        with self._libre.on_thread():
            self._intake.check()
            self._streams.install()
            self._unwrapper.install()
            self._know_all_addresses()

    def take_in(self, now_ms: float) -> None:
        """Have the packets that came to all calls decoded; see `Intake`."""
        self._intake.drain(now_ms)

    def name_contact(self, user: str, transport: Transport) -> None:
        """Have the account that was made last tell peers the public address, where there is one."""
        public = self._options.public_address
        if not public:
            return
        port = self._options.port + (transport == "tls")
        uri = ctypes.create_string_buffer(f"sip:{user}@{bracketed(public)}:{port};transport={transport}".encode())
        text = Text(ctypes.addressof(uri), len(uri.value))
        with self._libre.on_thread():
            newest = Le.from_address(int(Ends.from_address(self._libre.uag_list()).tail or 0)).data
            self._libre.ua_pub_gruu_set(newest, ctypes.addressof(text))

    def _know_all_addresses(self) -> None:
        """Tell the stack all addresses of this machine: it refuses calls whose media would leave from another.

        It listens for RTP on all of them anyway; a softphone beside it names the one of the network in its SDP,
        whatever address it called. That opens no SIP port.
        """
        wanted, network = AF_INET6 if ":" in self._options.host else AF_INET, self._libre.baresip_network()

        def found(_: bytes, address: int, __: int) -> bool:
            family = int.from_bytes(ctypes.string_at(address, 2), "little")
            if family == wanted:
                self._libre.net_add_address(network, address)
            return False

        handler = INTERFACE(found)  # a name of its own: it has to live until the last address
        self._libre.net_getifaddrs(pointer(handler), None)
