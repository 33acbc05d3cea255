"""How files are called, so that players know what is in them; one table for all of them.

A name's tag is all that most players go by. What each scheme is read by, from the players' own
pages (read in November 2026; none of them was tried):

* `lrf`: this program's. SKYBOX takes the `LR` in it, RAD TV the `lr` and the `tb`.
* `sbs`: SKYBOX, "Add suffix to help recognize the correct format" (skybox.xyz/en/support), which
  knows `Half SBS` and `Half OU`; RAD TV (docs.rad.live, "File Naming Conventions"), Commedia
  (docs.commedia.app, "File Name Convention") and other players that look for `SBS` and `OU`.
* `lr`: RAD TV, Commedia and SKYBOX again, for players that know `LR` and `TB` alone; `RL` is
  RAD TV's.
* `jellyfin`: Jellyfin, "3D Videos" (jellyfin.org/docs/general/server/media), which wants `3D` and
  one of `fsbs`, `hsbs`, `ftab`, `htab`.
* `tridef`: TriDef, "3D File Formats" (tridef.com/user-guide): `q` is squashed, `ab` above below.

Where a player has no word for a layout its files keep this program's name.
"""

LAYOUTS = ("sbs", "half_sbs", "cross", "half_cross", "tb", "half_tb")
_TAGS: dict[str, tuple[str | None, ...]] = {
    "lrf": ("_LRF", "_half_2x1_LR", "_RLF_cross", "_half_2x1_RL", "_TBF", "_half_1x2_TB"),
    "sbs": ("_Full_SBS", "_Half_SBS", None, None, "_Full_OU", "_Half_OU"),
    "lr": ("_LR", None, "_RL", None, "_TB", None),
    "jellyfin": ("_3D_fsbs", "_3D_hsbs", None, None, "_3D_ftab", "_3D_htab"),
    "tridef": ("-lr", "-lrq", "-rl", "-rlq", "-ab", "-abq"),
}
NAMES: tuple[str, ...] = tuple(_TAGS)
DEFAULT_NAMES = "lrf"


def check_names(names: str) -> None:
    """Raise ValueError for a scheme that is not in the table."""
    if names not in _TAGS:
        raise ValueError(f"names: got {names!r}, expected one of {', '.join(_TAGS)}")


def tag(layout: str, names: str = DEFAULT_NAMES) -> str:
    """Return what follows the stem of a layout's file, without the extension.

    Raises:
        ValueError: for a scheme that is not in the table.
    """
    check_names(names)
    place = LAYOUTS.index(layout)
    return _TAGS[names][place] or _TAGS[DEFAULT_NAMES][place] or ""
