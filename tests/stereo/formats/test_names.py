"""Names for players: one table, kept by whatever looks for a pair's files."""

from pathlib import Path

import pytest

from stereo.cli.finished import Finished
from stereo.formats import FORMATS, load, save_pair
from stereo.formats.names import NAMES, tag
from stereo.formats.registry import ending
from stereo.formats.saving import remove_half_sets
from tests.stereo.formats.pairs import middle_column, near_square_pair

# By the players' own pages, see stereo/formats/names.py.
EXPECTED = {
    "lrf": ["00000_LRF.png", "00000_half_2x1_LR.png", "00000_TBF.png"],
    "sbs": ["00000_Full_SBS.png", "00000_Half_SBS.png", "00000_Full_OU.png"],
    "lr": ["00000_LR.png", "00000_half_2x1_LR.png", "00000_TB.png"],
    "jellyfin": ["00000_3D_fsbs.png", "00000_3D_hsbs.png", "00000_3D_ftab.png"],
    "tridef": ["00000-lr.png", "00000-lrq.png", "00000-ab.png"],
}


@pytest.mark.parametrize("names", NAMES)
def test_a_set_is_named_and_numbered(names: str, tmp_path: Path) -> None:
    for number in ("00000", "00001"):
        paths = save_pair(
            near_square_pair(), tmp_path, formats=["sbs", "half_sbs", "tb"], names=names
        )
        wanted = [name.replace("00000", number) for name in EXPECTED[names]]
        assert [path.name for path in paths] == [*wanted, f"{number}.json"]


@pytest.mark.parametrize("names", NAMES)
def test_files_are_read_by_their_names_alone(names: str, tmp_path: Path) -> None:
    """As after other programs have dropped the settings; the map beside is found, too."""
    formats = ["sbs", "half_tb", "disparity"]
    paths = save_pair(near_square_pair(), tmp_path, formats=formats, names=names)
    for path in paths[:2]:
        back = load(_without_settings(path))
        assert back.left.shape == (64, 128, 3) and back.disparity.max() == 1
        assert middle_column(back.left) - middle_column(back.right) == pytest.approx(12, abs=0.5)


def _without_settings(path: Path) -> Path:
    from PIL import Image

    Image.open(path).convert("RGB").save(path)
    return path


@pytest.mark.parametrize("names", NAMES)
def test_half_a_set_is_removed_whole(names: str, tmp_path: Path) -> None:
    (tmp_path / ".00000.partial").mkdir()
    (tmp_path / ".00000.partial" / "00000.json").touch()
    for name in FORMATS:
        (tmp_path / f"00000{ending(name, names)}").touch()
    remove_half_sets(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("names", NAMES)
def test_no_two_formats_share_an_ending(names: str) -> None:
    assert len({ending(name, names).lower() for name in FORMATS}) == len(FORMATS)


def test_finished_pairs_are_found_under_their_names(tmp_path: Path) -> None:
    pair = near_square_pair()
    pair.settings["fingerprint"] = "abc"
    paths = save_pair(pair, tmp_path, formats=["sbs"], names="sbs")
    assert Finished(tmp_path, ["sbs"], "sbs").find("abc", 1) == [paths[0]]
    assert Finished(tmp_path, ["sbs"]).find("abc", 1) == []


def test_unknown_schemes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="names: got 'kodi', expected one of lrf, sbs"):
        save_pair(near_square_pair(), tmp_path / "new", names="kodi")
    assert not (tmp_path / "new").exists()
    with pytest.raises(ValueError, match="names: got 'x'"):
        tag("sbs", "x")
