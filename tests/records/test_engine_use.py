"""What the engines did for a call, and its price."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.records.engine_use import UNITS, EngineUse
from bridge.settings import Settings

PRICES = {"heard": 0.006, "spoken": 15.0, "input": 0.4, "output": 1.6}


def test_each_engine_costs_what_it_did_at_its_price() -> None:
    used = EngineUse(heard_ms=120_000, spoken_chars=2000)
    used.ask({"input_tokens": 10_000, "output_tokens": 500})
    used.ask({"input_tokens": 15_000, "output_tokens": 500})
    assert used.cost(PRICES) == pytest.approx(0.012 + 0.03 + 0.01 + 0.0016)
    assert used.cost({"heard": 0.006}) == pytest.approx(0.012)


def test_without_prices_there_is_no_cost_and_the_rest_is_told() -> None:
    assert EngineUse(heard_ms=5, spoken_chars=6).told({}) == {
        "heard_ms": 5,
        "spoken_chars": 6,
        "input_tokens": 0,
        "output_tokens": 0,
        "cost": None,
    }


@given(
    st.dictionaries(
        st.sampled_from(["input_tokens", "output_tokens", "x"]),
        st.none() | st.floats() | st.text() | st.integers() | st.booleans(),
    )
)
def test_what_a_bot_tells_is_a_number_of_tokens_or_nothing(told: dict[str, object]) -> None:
    used = EngineUse()
    used.ask(told)
    assert 0 <= used.input_tokens < 1 << 31
    assert 0 <= used.output_tokens < 1 << 31


def test_what_has_a_price_can_be_given_one() -> None:
    prices = ",".join(f"{name}=1.5" for name in UNITS)
    assert Settings.model_validate({"prices": prices}).prices == dict.fromkeys(UNITS, 1.5)


@pytest.mark.parametrize(
    "prices", ["heard", "heard=", "heard=-1", "heard=nan", "heard=1,heard=2", "seen=1", "heard=1e9"]
)
def test_what_is_no_price_is_refused_by_its_name(prices: str) -> None:
    with pytest.raises(ValueError, match="prices"):
        Settings.model_validate({"prices": prices})
