"""Messages that are nearly those of a wire."""

import json

from hypothesis import strategies as st
from wires import TRAFFIC, Message

from telephony.wire import Wire


def words(wire: Wire) -> list[str]:
    """Return every name and text of this wire's own traffic, to make likely garbage of."""
    found: set[str] = set()

    def collect(value: object) -> None:
        if isinstance(value, str):
            found.add(value)
        elif isinstance(value, dict):
            found.update(value)
            for inner in value.values():
                collect(inner)

    traffic = TRAFFIC[wire.name]
    for message in [*traffic.begin, traffic.media(1), traffic.dtmf, traffic.stop]:
        if isinstance(message, str):
            try:
                collect(json.loads(message))
            except ValueError:
                found.add(message)
    return sorted(found) or ["x"]


def garbage(wire: Wire) -> st.SearchStrategy[Message]:
    word = st.sampled_from(words(wire))
    value = st.recursive(
        word | st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(word, inner, max_size=5),
        max_leaves=8,
    )
    own = [*TRAFFIC[wire.name].begin, TRAFFIC[wire.name].media(3)]
    return (
        st.dictionaries(word, value, max_size=6).map(json.dumps)
        | value.map(json.dumps)
        | st.text(max_size=60)
        | st.binary(max_size=700)
        | st.sampled_from(own)
    )
