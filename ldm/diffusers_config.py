"""The configurations of diffusers folders, turned into those of the published YAML files.

They are untrusted: no class that they name is looked up, numbers are held within ranges, and a
value for which our networks have no counterpart is refused.
"""

from collections.abc import Mapping
from typing import Any

from ldm.diffusers_folder import DiffusersFolder
from ldm.recognise import PREDICTION_TYPES

Config = dict[str, Any]
CLASSES = {
    "unet": ("UNet2DConditionModel",),
    "vae": ("AutoencoderKL",),
    "text_encoder": ("CLIPTextModel", "CLIPTextModelWithProjection"),
    "depth_estimator": ("DPTForDepthEstimation",),
}
# What our networks do, and diffusers' by default: (part's key, values that mean the same).
UNET_FIXED = {
    "act_fn": ("silu", "swish"),
    "addition_embed_type": (None,),
    "center_input_sample": (False,),
    "class_embed_type": (None,),
    "conv_in_kernel": (3,),
    "conv_out_kernel": (3,),
    "downsample_padding": (1,),
    "dual_cross_attention": (False,),
    "encoder_hid_dim_type": (None,),
    "flip_sin_to_cos": (True,),
    "freq_shift": (0,),
    "mid_block_scale_factor": (1,),
    "mid_block_type": ("UNetMidBlock2DCrossAttn",),
    "norm_eps": (1e-5,),
    "norm_num_groups": (32,),
    "num_class_embeds": (None,),
    "only_cross_attention": (False,),
    "out_channels": (4,),
    "resnet_time_scale_shift": ("default",),
    "time_embedding_type": ("positional",),
}
VAE_FIXED = {
    "act_fn": ("silu", "swish"),
    "in_channels": (3,),
    "latent_channels": (4,),
    "norm_num_groups": (32,),
    "out_channels": (3,),
    "shift_factor": (None,),
    "use_post_quant_conv": (True,),
    "use_quant_conv": (True,),
}
DEPTH_FIXED = {
    "hidden_size": (768,),
    "is_hybrid": (True,),
    "neck_hidden_sizes": ([256, 512, 768, 768],),
    "num_hidden_layers": (12,),
    "readout_type": ("project",),
}
# Activations of the two published text encoders, which store their weights differently.
OPEN_CLIP = {"gelu": True, "quick_gelu": False}
SCHEDULES = {"scaled_linear": "linear", "linear": "sqrt_linear"}
LARGEST = {"layers": 128, "channels": 2**14, "words": 2**20, "timesteps": 10_000}


class Part:
    """One part's configuration, which reads its values in their ranges.

    Raises:
        FileNotFoundError: There is none.
        ValueError: It is damaged, or of another class than the known ones.
    """

    def __init__(self, folder: DiffusersFolder, name: str, *place: str) -> None:
        self.where = f"{folder.path}: {'/'.join(place)}"
        self.values = folder.read_json(*place)
        found = self.values.get("_class_name") or self.values.get("architectures")
        found = found[0] if isinstance(found, list) and found else found
        if name in CLASSES and found not in CLASSES[name]:
            raise self.wrong("class", found, CLASSES[name][0])

    def wrong(self, key: str, got: object, expected: object) -> ValueError:
        """Return the error that says what a key should be."""
        return ValueError(f"{self.where}: {key}: got {got!r:.80}, expected {expected}")

    def expect(self, fixed: Mapping[str, tuple]) -> None:
        """Raise ValueError unless keys, where they are given, have one of the values listed."""
        for key, allowed in fixed.items():
            if self.values.get(key, allowed[0]) not in allowed:
                raise self.wrong(key, self.values[key], repr(allowed[0]))

    def whole(self, key: str, default: int, kind: str) -> int:
        """Return a whole number."""
        return self._whole(key, self.values.get(key, default), kind)

    def wholes(self, key: str, default: list[int], kind: str) -> list[int]:
        """Return a list of whole numbers."""
        values = self.values.get(key, default)
        if not isinstance(values, list) or not 1 <= len(values) <= LARGEST["layers"]:
            raise self.wrong(key, values, "a list of numbers")
        return [self._whole(key, value, kind) for value in values]

    def _whole(self, key: str, value: object, kind: str) -> int:
        if type(value) is not int or not 1 <= value <= LARGEST[kind]:
            raise self.wrong(key, value, f"a whole number from 1 to {LARGEST[kind]}")
        return value

    def number(self, key: str, default: float, *, low: float, high: float) -> float:
        """Return a number in between."""
        value = self.values.get(key, default)
        if type(value) not in (int, float) or not low < value < high:
            raise self.wrong(key, value, f"a number between {low:g} and {high:g}")
        return value

    def blocks(self, key: str, default: list[str], kinds: dict[str, bool]) -> list[bool]:
        """Return of each level whether it has attention to the prompt."""
        names = self.values.get(key, default)
        if not isinstance(names, list) or not all(str(name) in kinds for name in names):
            raise self.wrong(key, names, f"a list of {', '.join(kinds)}")
        return [kinds[name] for name in names]


def unet_config(part: Part, channels: int) -> Config:
    """Return the configuration of a denoiser with so many input channels."""
    part.expect({**UNET_FIXED, "in_channels": (channels,)})
    levels = part.wholes("block_out_channels", [320, 640, 1280, 1280], "channels")
    down = {"CrossAttnDownBlock2D": True, "DownBlock2D": False}
    up = {"CrossAttnUpBlock2D": True, "UpBlock2D": False}
    attends = part.blocks("down_block_types", [*["CrossAttnDownBlock2D"] * 3, "DownBlock2D"], down)
    mirrored = part.blocks("up_block_types", ["UpBlock2D", *["CrossAttnUpBlock2D"] * 3], up)
    if len(attends) != len(levels) or mirrored != attends[::-1]:
        raise part.wrong("up_block_types", part.values.get("up_block_types"), "down's, mirrored")
    return {
        "target": "ldm.modules.diffusionmodules.openaimodel.UNetModel",
        "params": {
            "in_channels": channels,
            "out_channels": 4,
            "model_channels": levels[0],
            "channel_mult": _multiples(part, levels),
            "num_res_blocks": part.whole("layers_per_block", 2, "layers"),
            "attention_resolutions": [2**level for level, has in enumerate(attends) if has],
            "transformer_depth": part.whole("transformer_layers_per_block", 1, "layers"),
            "context_dim": part.whole("cross_attention_dim", 1280, "channels"),
            "use_linear_in_transformer": part.values.get("use_linear_projection", False) is True,
            **_heads(part, levels),
        },
    }


def text_config(part: Part) -> Config:
    """Return the configuration of a text encoder."""
    act = part.values.get("hidden_act", "quick_gelu")
    if not isinstance(act, str) or act not in OPEN_CLIP:
        raise part.wrong("hidden_act", act, " or ".join(OPEN_CLIP))
    width = part.whole("hidden_size", 512, "channels")
    part.expect({"intermediate_size": (4 * width,), "max_position_embeddings": (77,)})
    sizes = {
        "width": width,
        "heads": part.whole("num_attention_heads", 8, "channels"),
        "layers": part.whole("num_hidden_layers", 12, "layers"),
        "vocab_size": part.whole("vocab_size", 49408, "words"),
    }
    if width % sizes["heads"]:
        raise part.wrong("num_attention_heads", sizes["heads"], f"a divisor of {width}")
    place = "ldm.modules.encoders.modules."
    if not OPEN_CLIP[act]:
        return {"target": f"{place}FrozenCLIPEmbedder", "params": {"version": sizes}}
    arch = {"embed_dim": width, "text_cfg": sizes}  # its last block was left out when it was saved
    return {
        "target": f"{place}FrozenOpenCLIPEmbedder",
        "params": {"arch": arch, "layer": "last"},
    }


def vae_config(part: Part) -> Config:
    """Return what `LatentDiffusion` is told about its autoencoder."""
    part.expect(VAE_FIXED)
    levels = part.wholes("block_out_channels", [64], "channels")
    part.blocks("down_block_types", [], {"DownEncoderBlock2D": False})
    part.blocks("up_block_types", [], {"UpDecoderBlock2D": False})
    details = {
        "z_channels": 4,
        "ch": levels[0],
        "ch_mult": _multiples(part, levels),
        "num_res_blocks": part.whole("layers_per_block", 1, "layers"),
        "attn_type": "vanilla" if part.values.get("mid_block_add_attention", True) else "none",
    }
    target = "ldm.models.autoencoder.AutoencoderKL"
    stage = {"target": target, "params": {"embed_dim": 4, "ddconfig": details}}
    scale = part.number("scaling_factor", 0.18215, low=0, high=100)
    return {"first_stage_config": stage, "scale_factor": scale}


def depth_config(part: Part) -> Config:
    """Return the configuration of the network that looks at depth."""
    part.expect(DEPTH_FIXED)
    # transformers standardises the convolutions' weights as timm does today.
    params = {"model_type": "dpt_hybrid", "weight_standardisation": "timm"}
    return {"target": "ldm.modules.midas.api.MiDaSInference", "params": params}


def schedule_config(part: Part) -> Config:
    """Return the noise schedule, what the network predicts, and which timesteps DDIM takes."""
    kind = part.values.get("prediction_type", "epsilon")
    if not isinstance(kind, str) or kind not in PREDICTION_TYPES:
        raise part.wrong("prediction_type", kind, "'epsilon' or 'v_prediction'")
    ends_in_noise = part.values.get("rescale_betas_zero_snr", False) is True
    spacing = part.values.get("timestep_spacing")
    if spacing not in ("leading", "trailing"):  # other samplers' ways
        spacing = "trailing" if ends_in_noise else "leading"
    to_one = part.values.get("set_alpha_to_one", False) is True
    settings = {
        "parameterization": PREDICTION_TYPES[kind],
        "zero_terminal_snr": ends_in_noise,
        "ddim_options": {"timestep_spacing": spacing, "set_alpha_to_one": to_one},
    }
    betas = part.values.get("trained_betas")
    if betas is not None:
        valid = isinstance(betas, list) and 1 <= len(betas) <= LARGEST["timesteps"]
        if not valid or not all(type(beta) is float and 0 < beta < 1 for beta in betas):
            raise part.wrong("trained_betas", betas, "a list of numbers between 0 and 1")
        return {**settings, "given_betas": betas}
    schedule = part.values.get("beta_schedule", "linear")
    if not isinstance(schedule, str) or schedule not in SCHEDULES:
        raise part.wrong("beta_schedule", schedule, " or ".join(SCHEDULES))
    return {
        **settings,
        "beta_schedule": SCHEDULES[schedule],
        "linear_start": part.number("beta_start", 1e-4, low=0, high=1),
        "linear_end": part.number("beta_end", 0.02, low=0, high=1),
        "timesteps": part.whole("num_train_timesteps", 1000, "timesteps"),
    }


def _heads(part: Part, levels: list[int]) -> dict[str, int]:
    """Return how attention is split; `attention_head_dim` is diffusers' misnomer for heads."""
    key = "num_attention_heads" if part.values.get("num_attention_heads") else "attention_head_dim"
    if isinstance(part.values.get(key), list):
        heads = part.wholes(key, [], "channels")
        widths = {width / count for width, count in zip(levels, heads, strict=False)}
        if len(heads) != len(levels) or len(widths) != 1:
            raise part.wrong(key, heads, "the same width of a head on every level")
        return {"num_head_channels": levels[0] // heads[0]}
    return {"num_heads": part.whole(key, 8, "channels")}


def _multiples(part: Part, levels: list[int]) -> list[int]:
    if any(width % levels[0] for width in levels) or levels[0] % 32:
        raise part.wrong("block_out_channels", levels, "multiples of the first, which is one of 32")
    return [width // levels[0] for width in levels]
