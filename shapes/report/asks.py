"""The prompts that pictures are judged by, in the words that the world's captions use."""

from dataclasses import dataclass

from shapes.world.captions import FLOOR_WORDS
from shapes.world.materials import COLOURS
from shapes.world.scene import SHAPES

COLOUR_WORDS, SHAPE_WORDS = tuple(COLOURS), tuple(SHAPES)
FLOORS = tuple(FLOOR_WORDS.values())


@dataclass(frozen=True)
class Ask:
    """A prompt and what its picture must show: colours and shapes, left object first."""

    text: str
    colours: tuple[str, ...]
    shapes: tuple[str, ...]


def single_asks(count: int) -> list[Ask]:
    """Return prompts for one object: all 60 pairs of colour and shape, every other with a floor."""
    asks = []
    for k in range(count):
        colour = COLOUR_WORDS[k % len(COLOUR_WORDS)]
        # Shifted every 30, the period of both lists, so that all pairs come up.
        shape = SHAPE_WORDS[(k + k // 30) % len(SHAPE_WORDS)]
        asks.append(Ask(_noun(colour, shape) + _floor(k), (colour,), (shape,)))
    return asks


def pair_asks(count: int) -> list[Ask]:
    """Return prompts for two objects of different colours side by side."""
    asks = []
    for k in range(count):
        colours = COLOUR_WORDS[k % 10], COLOUR_WORDS[(k + 3 + k // 10) % 10]
        shapes = SHAPE_WORDS[k % 6], SHAPE_WORDS[(k + 1 + k // 6) % 6]
        if colours[0] == colours[1]:
            colours = colours[0], COLOUR_WORDS[(k + 1) % 10]
        nouns = [_noun(colour, shape) for colour, shape in zip(colours, shapes, strict=True)]
        relation = "left of" if k % 2 == 0 else "right of"
        order = slice(None) if k % 2 == 0 else slice(None, None, -1)
        text = f"{nouns[0]} {relation} {nouns[1]}" + _floor(k // 2)
        asks.append(Ask(text, colours[order], shapes[order]))
    return asks


def others_of(asks: list[Ask]) -> list[Ask]:
    """Return for every prompt the next one, around the end, that differs in every word of it.

    Raises:
        ValueError: when one has no such other.
    """
    found = []
    for k, ask in enumerate(asks):
        around = [*asks[k + 1 :], *asks[:k]]
        other = next((other for other in around if _differs(ask, other)), None)
        if other is None:
            raise ValueError(f"count: none of {len(asks)} prompts differs in all from {ask.text!r}")
        found.append(other)
    return found


def _differs(ask: Ask, other: Ask) -> bool:
    pairs = zip((*ask.colours, *ask.shapes), (*other.colours, *other.shapes), strict=True)
    return all(mine != theirs for mine, theirs in pairs)


def _noun(colour: str, shape: str) -> str:
    return f"{'an' if colour[0] in 'aeiou' else 'a'} {colour} {shape}"


def _floor(k: int) -> str:
    return f" on a {FLOORS[k // 2 % len(FLOORS)]} floor" if k % 2 else ""
