"""Several who are told of one call."""

import inspect
from unittest.mock import create_autospec

from bridge.observer import CallObserver, Observers

METHODS = {name for name, _ in inspect.getmembers(CallObserver, inspect.isfunction) if not name.startswith("_")}


def test_everything_is_told_to_each_in_order() -> None:
    order: list[str] = []
    both = [create_autospec(CallObserver, instance=True) for _ in range(2)]
    for number, each in enumerate(both):
        each.attach_mock(each.asked, "asked")
        each.asked.side_effect = lambda number=number: order.append(str(number))
    observers = Observers(*both)
    assert len(METHODS) > 10
    for name in METHODS:
        parameters = inspect.signature(getattr(CallObserver, name)).parameters.values()
        values = {each.name: object() for each in parameters if each.name != "self"}
        getattr(observers, name)(**values)
        for each in both:
            told = getattr(each, name)
            told.assert_called_once()
            assert inspect.signature(getattr(CallObserver, name)).bind(
                None, *told.call_args.args, **told.call_args.kwargs
            ).arguments == {"self": None, **values}
    assert order == ["0", "1"]
