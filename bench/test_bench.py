"""What the benchmark decides: the instruction budget, slopes, and which text it keeps."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import bindings, budget, curves, gateway, goals, migration, report, texts


def counts(**instructions: int) -> budget.Counts:
    return budget.Counts("rustc", "arch", instructions)


@pytest.mark.parametrize(
    ("before", "after", "kept"),
    [(1000, 1000, True), (1000, 1030, True), (1000, 1031, False), (1000, 900, True)],
)
def test_only_more_than_three_percent_more_breaks_the_budget(before: int, after: int, kept: bool) -> None:
    assert budget.judge(counts(one=before), counts(one=after))[1] is kept


def test_a_translation_without_a_record_breaks_it_too() -> None:
    lines, kept = budget.judge(counts(one=1), counts(two=1))
    assert not kept
    assert all("bench-budget-write" in line for line in lines)


def test_the_recorded_counts_can_be_read() -> None:
    assert all(count > 0 for count in budget.read().instructions.values())


def test_slopes_are_exponents() -> None:
    assert curves.slope([(1, 5), (10, 50), (100, 500)]) == pytest.approx(1)
    assert curves.slope([(1, 5), (1000, 5)]) == pytest.approx(0)


def test_sized_requests_have_about_their_size() -> None:
    for size in (1 << 12, 1 << 20):
        assert size * 0.8 < len(curves.sized_request(size)) < size * 1.2


def test_goals_are_judged_from_the_right_side() -> None:
    assert goals.Goal("g", 1.0, 1.5, "R").reached
    assert not goals.Goal("g", 1.0, 1.5, "times", at_most=False).reached
    assert goals.Goal("g", None, 1.5, "R").reached is None


def test_rust_gateways_are_those_that_translate() -> None:
    def result(server: str, kind: gateway.Kind, rate: float, cpu_us: float) -> gateway.Result:
        return gateway.Result(server, kind.name, rate, rate, rate, 0, cpu_us, 1, 1, 1, 1, 1, 0)

    found = [
        result(goals.OURS, gateway.TRANSLATED, 300, 1),
        result("gateway (Rust)", gateway.TRANSLATED, 100, 1),
        result("gateway (Rust)", gateway.PACED_STREAMS, 33, 4000),
        result("relay (Rust)", gateway.PACED_STREAMS, 33, 2000),
        result(goals.OURS, gateway.PACED_STREAMS, 33, 3000),
    ]
    translated, paced = goals.against_rust(
        goals.Measured([], {}, found, bindings.Bindings(0, 0, 0, 0, None), migration.Costs())
    )
    assert (translated.value, translated.reached) == (3, True)
    assert (paced.value, paced.reached, paced.remark) == (0.75, True, "gateway (Rust): 4.00 ms")


def test_the_growth_section_is_replaced_and_the_rest_stays(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    page.write_text(f"# Page\n\n{texts.BEGIN}\nold\n{texts.END}\n")
    curve = curves.Curve("c", "A curve", "x", "y", {"line": [(1, 1), (2, 2)]}, "1")
    pytest.importorskip("matplotlib")
    report.write_growth(page, [curve], [])
    text = page.read_text()
    assert text.startswith("# Page\n")
    assert "old" not in text
    assert "| A curve (y) | line | 1 | 1.00 |" in text
    first = (tmp_path / "bench" / "c.svg").read_bytes()
    report.write_growth(page, [curve], [])
    assert (tmp_path / "bench" / "c.svg").read_bytes() == first
    assert page.read_text() == text
