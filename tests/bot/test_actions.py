import pytest

from bot.actions import SendInfo, Transfer


def test_a_mapping_is_sent_as_json_and_a_text_as_itself() -> None:
    info = SendInfo({"name": "Größe", "n": 1})
    assert (info.text, info.media_type) == ('{"name": "Größe", "n": 1}', "application/json")
    assert (SendInfo("hi").text, SendInfo("hi").media_type) == ("hi", "text/plain")
    assert SendInfo("<a/>", "application/xml; charset=utf-8").media_type == "application/xml; charset=utf-8"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"body": "x" * 8001}, "body"),
        ({"body": "ö" * 4001}, "body"),
        ({"body": "", "content_type": "json"}, "content_type"),
        ({"body": "", "content_type": "a/b\r\nVia: x"}, "content_type"),
        ({"body": "", "headers": {"Via": "x"}}, "Via"),
        ({"body": "", "headers": {"contact": "x"}}, "contact"),
        ({"body": "", "headers": {"X a": "x"}}, "X a"),
        ({"body": "", "headers": {"X-a\r\nVia": "x"}}, "Via"),
        ({"body": "", "headers": {"": "x"}}, "headers"),
        ({"body": "", "headers": {"X-a": "b\r\nVia: c"}}, "X-a"),
        ({"body": "", "headers": {"X-a": "b" * 1001}}, "X-a"),
    ],
)
def test_what_would_make_another_message_of_it_is_refused(given: dict[str, object], field: str) -> None:
    with pytest.raises(ValueError, match=field):
        SendInfo(**given)  # type: ignore[arg-type]


def test_what_json_does_not_know_is_refused_where_it_is_written() -> None:
    with pytest.raises(TypeError):
        SendInfo({"a": object()})


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"target": ""}, "target"),
        ({"target": "1\r\n2"}, "target"),
        ({"target": "1", "accept": "1"}, "consult"),
        ({"target": "1", "consult": " "}, "consult"),
        ({"target": "1", "returns": True}, "consult"),
        ({"target": "1", "hold": "Wait."}, "consult"),
        ({"target": "1", "consult": "A caller.", "accept": "12"}, "accept"),
        ({"target": "1", "consult": "A caller.", "accept": "x"}, "accept"),
    ],
)
def test_a_transfer_that_nobody_could_carry_out_is_refused_where_it_is_written(
    given: dict[str, object], field: str
) -> None:
    with pytest.raises(ValueError, match=field):
        Transfer(**given)  # type: ignore[arg-type]
