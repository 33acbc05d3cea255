"""Small settings and pools: every part of the training in a second."""

import copy
import dataclasses
from pathlib import Path

import numpy as np

from ldm.schema import build
from shapes.training import pool
from shapes.training.run import train_part
from shapes.training.settings import Settings, read_settings

CONFIGS = Path(__file__).parents[3] / "configs" / "shapes"
SIZE_PX = 32


def tiny_pool(folder: Path, count: int = 6) -> None:
    """Write a pool of `count` random images instead of rendering one."""
    numbers = np.random.default_rng(0)
    images = numbers.integers(0, 256, (count, SIZE_PX, SIZE_PX, 3), dtype=np.uint8)
    disparity = np.linspace(1, 9, count * SIZE_PX**2, dtype=np.float16)
    folder.mkdir(parents=True)
    pool.save_array(folder / "00000.images.npy", images)
    pool.save_array(folder / "00000.disparity.npy", disparity.reshape(count, SIZE_PX, SIZE_PX))
    (folder / "00000.captions.json").write_text(str(["a red sphere"] * count).replace("'", '"'))


def tiny_settings(part: str, folder: Path) -> Settings:
    """Return the shipped configuration of a part, shrunk to run in a second."""
    settings = read_settings(CONFIGS / f"{part}.yaml")
    config = copy.deepcopy(dataclasses.asdict(settings))
    config["data"] = {"folder": str(folder / "pool"), "scenes": 6, "size_px": SIZE_PX}
    config["stages"] = [{"start": 0.0, "size_px": SIZE_PX, "batch": 2}]
    config["limits"] = {"max_steps": 2, "max_minutes": 5.0, "save_minutes": 5.0}
    config["weights"] = str(folder / f"{part}.safetensors")
    config["start"] = {name: str(folder / f"{name}.safetensors") for name in config["start"]}
    if part == "text":
        config["data"].update(scenes=0, portraits=512)
        config["stages"][0]["batch"] = 64
    params = config["model"]["params"]
    if part == "autoencoder":
        params["ddconfig"].update(ch_mult=[1, 1], resolution=SIZE_PX)
    elif part == "text":
        params["arch"]["text_cfg"].update(layers=1)
    elif part in ("diffusion", "depth"):
        params["image_size"] = SIZE_PX // 2
        params["unet_config"]["params"].update(channel_mult=[1, 1], attention_resolutions=[2])
        params["cond_stage_config"]["params"]["arch"]["text_cfg"].update(layers=1)
    return build(Settings, config)


def train(settings: Settings, folder: Path, *, resume: bool = False) -> Path:
    """Train a part into a folder named after it; return the folder."""
    train_part(settings, folder=folder / settings.part, devices=1, resume=resume)
    return folder / settings.part
