"""Options declared by dataclass fields: names, types, choices, ranges, defaults, help."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from stereo.cli.fields import FLAGS, add_fields, options_of, typed
from stereo.options import PRESETS, SamplingOptions, StereoOptions, check_fields, option


@dataclass(frozen=True)
class Some:
    count: int = option(2, "how many", low=1, high=9)
    share_percent: float = option(0.5, "how much", low=0)
    place: Literal["here", "there"] = option("here", "where")
    side: float | Literal["auto"] = option(1.0, "which", low=0, high=1)
    path: Path | None = option(None, "from where")
    flag: bool = option(False, "or not")

    def __post_init__(self) -> None:
        check_fields(self)


@pytest.fixture
def parser() -> argparse.ArgumentParser:
    return argparse.ArgumentParser(prog="some", exit_on_error=False)


def test_every_kind_of_field(parser):
    add_fields(parser, Some)
    arguments = "--count 3 --share_percent 4 --place there --side auto --path a/b --flag".split()
    parsed = options_of(Some, parser.parse_args(arguments))
    assert parsed == Some(3, 4.0, "there", "auto", Path("a/b"), True)
    assert options_of(Some, parser.parse_args([])) == Some()
    assert options_of(Some, parser.parse_args(["--side", "0.25"])).side == 0.25
    text = " ".join(parser.format_help().split())
    assert "--count N how many, 1 to 9" in text and "--share_percent PERCENT how much" in text
    assert "--place {here,there}" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--count 0", "got 0, expected 1 to 100000"),
        ("--count two", "got 'two', expected a whole number"),
        ("--place nowhere", "invalid choice: 'nowhere'"),
        ("--side far", "got 'far', expected a number, or auto"),
    ],
)
def test_values_of_other_kinds_are_refused_by_the_parser(parser, arguments, message):
    add_fields(parser, Some)
    with pytest.raises(argparse.ArgumentError, match=message):
        parser.parse_args(arguments.split())


def test_values_out_of_range_are_refused_by_the_dataclass_under_their_typed_names(parser):
    add_fields(parser, Some)
    with pytest.raises(ValueError, match="count: got 10, expected 1 to 9"):
        options_of(Some, parser.parse_args(["--count", "10"]))
    sampling = argparse.ArgumentParser()
    add_fields(sampling, SamplingOptions)
    with pytest.raises(ValueError, match="^ddim_steps: got 501, expected 1 to 500"):
        options_of(SamplingOptions, sampling.parse_args(["--ddim_steps", "501"]))


def test_named_fields_alone_and_changes(parser):
    add_fields(parser, Some, "count", default=7)
    args = parser.parse_args([])
    assert vars(args) == {"count": 7}
    assert options_of(Some, args, place="there") == Some(7, place="there")


def test_what_is_not_given_is_the_preset_s(parser):
    parser.add_argument("--preset", default="original")
    add_fields(parser, StereoOptions, "scale_percent", "deblur")
    assert options_of(StereoOptions, parser.parse_args([])) == PRESETS["original"]
    changed = options_of(StereoOptions, parser.parse_args(["--deblur", "--scale_factor", "5"]))
    assert changed.deblur and changed.scale_percent == 5 and changed.rounding == "truncate"
    text = " ".join(parser.format_help().split())
    assert "(default: off for original, on for paper and best)" in text
    assert "-50 to 50 (default: 8.0 for original and paper, 4.08 for best)" in text


def test_published_names_belong_to_fields():
    assert typed("guidance_scale") == "scale" and typed("seed") == "seed"
    assert {"--ddim_steps", "--ddim_eta", "--scale", "--n_samples"} <= {
        flag for flags in FLAGS.values() for flag in flags
    }
