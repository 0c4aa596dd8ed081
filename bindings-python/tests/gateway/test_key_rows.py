"""What rows of LiteLLM's say, and how long that is remembered."""

from __future__ import annotations

from interlingua.gateway.key_rows import Allowed, customer_of, judge_model
from interlingua.gateway.keys import _Remembered


def test_matching_models() -> None:
    def judge(models: str, *names: str) -> Allowed:
        return judge_model(tuple(models.split()), names, lambda name: name in ("a", "b", "a.b"))

    for models in ("", "a", "b a", "x* a", "*", "a*", "*a", "a*a*", "**a"):
        expected = Allowed.LITELLM_KNOWS if models == "a*a*" else Allowed.YES
        assert judge(models, "a") is expected, models
    assert judge("b", "a") is Allowed.NO
    assert judge("b", "alias", "b") is Allowed.YES
    assert judge("b c", "a") is Allowed.LITELLM_KNOWS
    assert judge("aXb*", "a.b") is Allowed.LITELLM_KNOWS
    assert judge("a*b*c", "a1b2c") is Allowed.YES
    assert judge("a*b*c", "a1b2") is judge("a*bb*b", "abb") is Allowed.LITELLM_KNOWS


def test_where_the_customer_stands() -> None:
    assert customer_of({"user": "a", "safety_identifier": "b"}) == "a"
    assert customer_of({"user": "", "metadata": {"user_id": 7}}) == "7"
    assert customer_of({"metadata": "x", "safety_identifier": "b"}) == "b"
    assert customer_of([]) is customer_of({"user": None}) is customer_of({"user": {}}) is None


def test_remembering() -> None:
    now = 100.0
    kept = _Remembered(2, lambda: now)
    kept.put(("a",), 1, 10)
    kept.put(("b",), 2, 20)
    now = 109.9
    assert kept.get(("a",)) == 1
    now = 110.0
    assert kept.get(("a",)) is None and kept.get(("b",)) == 2 and len(kept) == 1
    kept.put(("c",), 3, 1)
    kept.put(("d",), 4, 1)
    assert kept.get(("b",)) is None and kept.get(("c",)) == 3 and len(kept) == 2
