import pytest
from digest_proof import proof
from hypothesis import given
from hypothesis import strategies as st

from bridge.legs.sip.requests.digest import REALM, Challenger, Verdict

HERE = "192.0.2.1"


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def callers(clock: Clock) -> Challenger:
    return Challenger({"anna": "s3cret", "ben": 'o"ther'}, clock_s=clock)


def test_a_challenge_is_one_that_every_telephone_knows(callers: Challenger) -> None:
    [line] = callers.challenge(HERE).splitlines()
    assert line.startswith(f'WWW-Authenticate: Digest realm="{REALM}", nonce="')
    assert line.endswith('", algorithm=MD5, qop="auth"')


@pytest.mark.parametrize("qop", ["auth", ""])
def test_who_knows_the_password_is_let_in(qop: str, callers: Challenger) -> None:
    asked = callers.challenge(HERE)
    assert callers.check([proof(asked, qop=qop)], "INVITE", HERE) == Verdict(user="anna")


def test_who_proves_nothing_is_asked(callers: Challenger) -> None:
    assert callers.check([], "INVITE", HERE) == Verdict()
    assert callers.check(["Basic YTpi", 'Digest realm="another", username="anna"'], "INVITE", HERE) == Verdict()


@pytest.mark.parametrize(
    "wrong",
    [
        {"password": "guess"},
        {"user": "zoe"},
        {"response": ""},
        {"response": "\ufffd"},
        {"algorithm": "MD5-sess"},
        {"algorithm": "SHA-256"},
        {"qop": "auth-int"},
        {"nc": "00000002"},
    ],
)
def test_a_wrong_proof_lets_nobody_in_and_says_who_it_was(wrong: dict[str, str], callers: Challenger) -> None:
    verdict = callers.check([proof(callers.challenge(HERE), **wrong)], "INVITE", HERE)
    assert not verdict.user
    assert verdict.wrong == f"user or password, as {wrong.get('user', 'anna')!r}"


def test_a_proof_for_another_method_is_none(callers: Challenger) -> None:
    assert callers.check([proof(callers.challenge(HERE))], "REGISTER", HERE).wrong


def test_a_challenge_is_answered_once_from_where_it_went_and_in_time(callers: Challenger, clock: Clock) -> None:
    asked = callers.challenge(HERE)
    assert callers.check([proof(asked)], "INVITE", "192.0.2.2") == Verdict(stale=True)
    assert callers.check([proof(asked)], "INVITE", HERE).user == "anna"
    assert callers.check([proof(asked)], "INVITE", HERE) == Verdict(stale=True)
    late = callers.challenge(HERE)
    clock.now_s += 61
    assert callers.check([proof(late)], "INVITE", HERE) == Verdict(stale=True)
    assert "stale=true" in callers.challenge(HERE, stale=True)


@pytest.mark.parametrize("nonce", ["", "x", "1.2.3", "....", "1000.000.aa.bb", "inf.a.b", "\ufffd"])
def test_a_challenge_of_another_is_answered_in_vain(nonce: str, callers: Challenger) -> None:
    assert callers.check([proof(callers.challenge(HERE), nonce=nonce)], "INVITE", HERE) == Verdict(stale=True)


def test_another_server_does_not_take_our_challenges(callers: Challenger, clock: Clock) -> None:
    other = Challenger({"anna": "s3cret"}, clock_s=clock)
    assert callers.check([proof(other.challenge(HERE))], "INVITE", HERE) == Verdict(stale=True)


@given(st.text(alphabet='Digest realm="voice-bridge", nonce=\\;:,abc', max_size=120) | st.text(max_size=60))
def test_any_header_lets_nobody_in(text: str) -> None:
    assert Challenger({"anna": "s3cret"}).check([text], "INVITE", HERE).user == ""
