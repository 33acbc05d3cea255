"""Prompts say what they ask for."""

from shapes.report.asks import pair_asks, single_asks


def test_prompts_use_all_pairs_and_ask_for_what_they_say():
    singles = single_asks(60)
    assert len({(a.colours, a.shapes) for a in singles}) == 60
    for ask in singles:
        assert f"{ask.colours[0]} {ask.shapes[0]}" in ask.text
    for ask in pair_asks(60):
        assert ask.colours[0] != ask.colours[1]
        first = ask.text.index(f"{ask.colours[0]} {ask.shapes[0]}")
        second = ask.text.index(f"{ask.colours[1]} {ask.shapes[1]}")
        assert (first < second) == (" left of " in ask.text)
    asks = single_asks(24)
    for ask, other in zip(asks, asks[7:] + asks[:7], strict=True):
        assert ask.colours != other.colours and ask.shapes != other.shapes
