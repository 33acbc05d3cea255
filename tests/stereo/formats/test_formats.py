"""Formats: what each holds, eye order by geometry, round trips, damaged files."""

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from stereo.formats import FORMATS, load, read_settings, save_pair
from stereo.formats.metadata import from_text
from stereo.formats.png import encode_png
from stereo.formats.wiggle import view_between
from stereo.pair import StereoPair
from tests.stereo.formats.pairs import (
    SETTINGS,
    middle_column,
    moving_pair,
    near_square_pair,
    noise_pair,
    open_bytes,
)

EXACT = ("sbs", "cross", "tb", "webp")
LOSSY = ("mpo", "jps", "gif")
SQUEEZED = ("half_sbs", "half_cross", "half_tb", "rows")


@pytest.mark.parametrize("name", EXACT)
def test_full_size_layouts_return_both_views_exactly(name: str, tmp_path: Path) -> None:
    pair = noise_pair()
    path = save_pair(pair, tmp_path, formats=[name])[0]
    back = load(path)
    np.testing.assert_array_equal(back.left, pair.left)
    np.testing.assert_array_equal(back.right, pair.right)
    assert back.settings == SETTINGS


@pytest.mark.parametrize("name", EXACT + LOSSY + SQUEEZED)
def test_near_object_lies_further_left_in_the_right_eye(name: str, tmp_path: Path) -> None:
    back = load(save_pair(near_square_pair(), tmp_path, formats=[name])[0])
    assert back.left.shape == back.right.shape == (64, 128, 3)
    assert middle_column(back.left) - middle_column(back.right) == pytest.approx(12, abs=0.5)


@pytest.mark.parametrize("name", ["mpo", "jps", "half_sbs"])
def test_endings_count_in_capitals_too(name: str, tmp_path: Path) -> None:
    """As cameras write them; what lies beside is found all the same."""
    written = save_pair(near_square_pair(), tmp_path, formats=[name, "disparity"])[0]
    ending = FORMATS[name].ending
    shouted = written.with_name(written.name.removesuffix(ending) + ending.upper())
    plain = replace(load(written), settings={})
    Image.open(written).save(shouted, save_all=True) if name == "mpo" else written.rename(shouted)
    back = load(shouted)
    assert back.left.shape == plain.left.shape == (64, 128, 3)
    assert middle_column(back.left) - middle_column(back.right) == pytest.approx(12, abs=0.5)
    np.testing.assert_array_equal(back.disparity, plain.disparity)


@pytest.mark.parametrize("name", EXACT + LOSSY + SQUEEZED)
def test_layouts_have_the_size_that_players_expect(name: str) -> None:
    size = open_bytes(FORMATS[name].encode(near_square_pair())).size
    expected = {"sbs": (256, 64), "cross": (256, 64), "jps": (256, 64), "tb": (128, 128)}
    assert size == expected.get(name, (128, 64))


def test_mpo_is_marked_as_a_stereo_pair_with_the_left_view_first() -> None:
    pair = near_square_pair()
    image = open_bytes(FORMATS["mpo"].encode(pair))
    assert image.format == "MPO" and image.n_frames == 2
    kinds = [entry["Attribute"]["MPType"] for entry in image.mpinfo[0xB002]]
    assert kinds == ["Multi-Frame Image: (Disparity)"] * 2
    image.seek(0)
    assert np.abs(np.asarray(image).astype(int) - pair.left).mean() < 2


def test_jps_tells_viewers_that_the_right_view_comes_first() -> None:
    pair = near_square_pair()
    content = FORMATS["jps"].encode(pair)
    place = content.index(b"_JPSJPS_")
    assert content[place - 4 : place - 2] == b"\xff\xe3"
    # Length, separation, flags without "left first", side by side, stereoscopic.
    assert content[place + 8 : place + 14] == b"\x00\x04\x00\x00\x02\x01"
    picture = np.asarray(open_bytes(content)).astype(int)
    assert np.abs(picture[:, :128] - pair.right).mean() < 2


@pytest.mark.parametrize("name", ["gif", "webp"])
def test_wiggle_loops_over_both_views_and_those_between(name: str) -> None:
    image = open_bytes(FORMATS[name].encode(moving_pair()))
    assert image.is_animated and image.info["loop"] == 0
    columns = []
    for index in range(image.n_frames):
        image.seek(index)
        columns.append(middle_column(np.asarray(image.convert("RGB"))))
    assert len(columns) == 8
    np.testing.assert_allclose(columns[:5], np.linspace(71.5, 59.5, 5), atol=0.6)
    np.testing.assert_allclose(columns[5:], columns[3:0:-1], atol=0.6)


def test_views_between_show_background_where_neither_eye_sees_the_object() -> None:
    pair = moving_pair()
    pair.left[:, :, 1] = pair.right[:, :, 1] = 90
    frame = view_between(pair, 0.5)
    assert (frame[:, :, 1] == 90).all()
    assert (frame[20:44, 54:78, 0] == 255).all() and frame[..., 0].sum() == 24 * 24 * 255


def test_cross_eyed_puts_the_right_view_first() -> None:
    pair = noise_pair()
    picture = np.asarray(open_bytes(FORMATS["cross"].encode(pair)))
    np.testing.assert_array_equal(picture[:, :32], pair.right)


def test_interleaved_rows_start_with_the_left_view() -> None:
    pair = noise_pair()
    picture = np.asarray(open_bytes(FORMATS["rows"].encode(pair)))
    np.testing.assert_array_equal(picture[0::2], pair.left[0::2])
    np.testing.assert_array_equal(picture[1::2], pair.right[1::2])


def test_red_cyan_anaglyph_shows_red_of_the_left_eye_and_the_rest_of_the_right() -> None:
    pair = noise_pair()
    picture = np.asarray(open_bytes(FORMATS["anaglyph"].encode(pair)))
    np.testing.assert_array_equal(picture[..., 0], pair.left[..., 0])
    np.testing.assert_array_equal(picture[..., 1:], pair.right[..., 1:])


# Of a left (200, 50, 10) and a right (10, 120, 241); grey is 0.299 R + 0.587 G + 0.114 B.
MIXED = {
    "anaglyph": (200, 120, 241),
    "anaglyph_half": (90, 120, 241),
    "anaglyph_grey": (90, 101, 101),
    "anaglyph_dubois": (106, 77, 255),
    "anaglyph_green_magenta": (10, 50, 241),
    "anaglyph_amber_blue": (200, 50, 188),
}


@pytest.mark.parametrize("name", [name for name in FORMATS if name.startswith("anaglyph")])
def test_anaglyphs_of_colours_by_hand(name: str) -> None:
    left, right = np.array([[[200, 50, 10]]], np.uint8), np.array([[[10, 120, 241]]], np.uint8)
    pair = StereoPair(left, right, np.zeros((1, 1), np.float32), np.ones((1, 1), bool))
    mixed = np.asarray(open_bytes(FORMATS[name].encode(pair)))[0, 0]
    assert tuple(mixed.tolist()) == MIXED[name]


def test_pictures_of_several_parts_show_them_in_their_order() -> None:
    pair = noise_pair()
    width = pair.left.shape[1]
    overview = np.asarray(open_bytes(FORMATS["overview"].encode(pair)))
    parts = [overview[:, k * width : (k + 1) * width] for k in range(4)]
    shown = ("left", "right", "disparity_colour", "anaglyph_dubois")
    for part, name in zip(parts, shown, strict=True):
        np.testing.assert_array_equal(part, open_bytes(FORMATS[name].encode(pair)))
    rgbd = np.asarray(open_bytes(FORMATS["rgbd"].encode(pair)))
    np.testing.assert_array_equal(rgbd[:, :width], pair.left)
    grey = np.rint(pair.disparity * 255)
    np.testing.assert_array_equal(rgbd[:, width:], np.repeat(grey[..., None], 3, axis=2))


def test_the_disparity_array_is_the_disparity() -> None:
    pair = noise_pair()
    np.testing.assert_array_equal(
        np.load(BytesIO(FORMATS["disparity_npy"].encode(pair))), pair.disparity
    )


@pytest.mark.parametrize("name", [name for name in FORMATS if name.startswith("anaglyph")])
def test_anaglyphs_of_equal_grey_views_stay_near_grey(name: str) -> None:
    grey = np.full((4, 4, 3), 128, np.uint8)
    pair = StereoPair(grey, grey, np.zeros((4, 4), np.float32), np.ones((4, 4), bool))
    picture = np.asarray(open_bytes(FORMATS[name].encode(pair))).astype(int)
    assert np.abs(picture - 128).max() <= 12


@pytest.mark.parametrize("name", [name for name in FORMATS if name.startswith("anaglyph")])
def test_each_eye_of_an_anaglyph_sees_its_own_view(name: str) -> None:
    white, black = np.full((2, 2, 3), 255, np.uint8), np.zeros((2, 2, 3), np.uint8)
    flat, valid = np.zeros((2, 2), np.float32), np.ones((2, 2), bool)
    seen = [
        np.asarray(open_bytes(FORMATS[name].encode(StereoPair(left, right, flat, valid))))[0, 0]
        for left, right in ((white, black), (black, white))
    ]
    first = {"anaglyph_green_magenta": [1], "anaglyph_amber_blue": [0, 1]}.get(name, [0])
    rest = [channel for channel in range(3) if channel not in first]
    assert seen[0][first].min() > 240 and seen[0][rest].max() < 15
    assert seen[1][rest].min() > 240 and seen[1][first].max() < 15


def test_disparity_is_16_bit_with_near_bright() -> None:
    pair = near_square_pair()
    image = open_bytes(FORMATS["disparity"].encode(pair))
    values = np.asarray(image)
    assert values.dtype == np.uint16 and values[30, 70] == 65535 and values[0, 0] == 0


def test_false_colours_rise_in_brightness_towards_the_near() -> None:
    ramp = np.linspace(0, 1, 50, dtype=np.float32)[None].repeat(2, 0)
    pair = replace(near_square_pair(), disparity=ramp)
    picture = np.asarray(open_bytes(FORMATS["disparity_colour"].encode(pair))).astype(float)
    assert (np.diff(picture[0] @ (0.299, 0.587, 0.114)) > 0).all()


def test_mask_is_white_where_the_right_view_was_invented() -> None:
    pair = noise_pair()
    picture = np.asarray(open_bytes(FORMATS["mask"].encode(pair)))
    np.testing.assert_array_equal(picture == 255, ~pair.valid)


@settings(max_examples=30)
@given(st.integers(1, 9), st.integers(1, 20), st.integers(0, 2**32 - 1))
def test_round_trip_of_any_size(height: int, width: int, seed: int) -> None:
    pair = noise_pair(height, width, seed)
    for name in EXACT:
        left, right = FORMATS[name].views(open_bytes(FORMATS[name].encode(pair)))
        np.testing.assert_array_equal(left, pair.left)
        np.testing.assert_array_equal(right, pair.right)


def test_every_format_carries_its_settings(tmp_path: Path) -> None:
    paths = save_pair(noise_pair(), tmp_path, formats=FORMATS)
    assert len(paths) == len({path.name for path in paths}) == len(FORMATS) + 1
    for name, path in zip(FORMATS, paths, strict=False):
        tag = {} if name == "disparity_npy" else {"format": name}
        assert read_settings(path) == {**SETTINGS, **tag}, name
    assert read_settings(paths[-1]) == SETTINGS


def test_load_takes_disparity_and_holes_from_the_files_beside(tmp_path: Path) -> None:
    pair = noise_pair()
    paths = save_pair(pair, tmp_path, formats=["left", "right", "disparity", "mask"])
    back = load(paths[0])
    np.testing.assert_array_equal(back.right, pair.right)
    np.testing.assert_array_equal(back.valid, pair.valid)
    np.testing.assert_allclose(back.disparity, pair.disparity, atol=1 / 65535)


def test_load_reads_a_side_by_side_picture_of_other_software(tmp_path: Path) -> None:
    pair = noise_pair()
    path = tmp_path / "holiday.png"
    Image.fromarray(np.concatenate([pair.left, pair.right], 1)).save(path)
    back = load(path)
    np.testing.assert_array_equal(back.right, pair.right)
    assert back.settings == {} and back.valid.all() and not back.disparity.any()


def test_load_refuses_an_anaglyph_and_an_odd_width(tmp_path: Path) -> None:
    anaglyph = save_pair(noise_pair(), tmp_path, formats=["anaglyph"])[0]
    with pytest.raises(ValueError, match="no two separate views"):
        load(anaglyph)
    Image.new("RGB", (7, 4)).save(tmp_path / "odd.png")
    with pytest.raises(ValueError, match="width 7"):
        load(tmp_path / "odd.png")


def test_settings_are_refused_where_there_are_none(tmp_path: Path) -> None:
    Image.new("RGB", (8, 4)).save(tmp_path / "plain.png")
    with pytest.raises(ValueError, match="carries no settings"):
        read_settings(tmp_path / "plain.png")
    (tmp_path / "text.png").write_text("not a picture")
    with pytest.raises(ValueError, match="not a picture"):
        read_settings(tmp_path / "text.png")
    for text in ("[1]", "{", "[" * 100_000):
        with pytest.raises(ValueError, match="settings"):
            from_text(text)


def test_side_by_side_png_tells_players_its_eye_order() -> None:
    wide = encode_png(np.zeros((4, 32, 3), np.uint8), {}, ster_mode=1)
    assert b"sTER\x01" in wide and wide.index(b"sTER") < wide.index(b"IDAT")
    assert b"sTER" not in encode_png(np.zeros((4, 30, 3), np.uint8), {}, ster_mode=1)
    assert b"sTER\x00" in FORMATS["cross"].encode(noise_pair())


@pytest.mark.parametrize("name", ["sbs", "half_tb", "mpo", "jps", "gif", "webp"])
def test_damaged_files_are_refused_in_one_line(tmp_path: Path, name: str) -> None:
    good = save_pair(noise_pair(), tmp_path, formats=[name])[0].read_bytes()
    random, path = np.random.default_rng(0), tmp_path / f"damaged{FORMATS[name].ending}"
    for _ in range(40):
        content = np.frombuffer(good, np.uint8).copy()
        places = random.integers(0, len(content), 8)
        content[places] = random.integers(0, 256, 8)
        path.write_bytes(content[: random.integers(len(content) // 2, len(content) + 1)].tobytes())
        try:
            load(path)
        except ValueError as error:
            assert "\n" not in str(error)
