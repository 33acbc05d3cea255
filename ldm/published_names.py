"""The published names of weights: what single files add to them, leave out, or call otherwise."""

from collections.abc import Iterable, Mapping

from torch import Tensor, nn

from ldm.diffusers_names import vae_weights
from ldm.models.diffusion.schedule import SCHEDULE_NAMES

UNET, VAE, TEXT = "model.diffusion_model.", "first_stage_model.", "cond_stage_model."
# Running averages; the pruned files have them in place of the weights, a few files in addition to
# none. Their names have lost their dots.
AVERAGES = "model_ema.diffusion_model"
# Weights that nothing reads: re-exported files often leave them out.
UNREAD = (
    "cond_stage_model.model.logit_scale",
    "cond_stage_model.model.text_projection",
    "depth_model.model.pretrained.model.head.weight",  # of the backbone's classifier
    "depth_model.model.pretrained.model.head.bias",
)
# What published or re-exported files hold beyond the model. A name ending in a dot is a prefix.
IGNORED = (
    *SCHEDULE_NAMES,  # a model that is given another schedule has none of these
    *UNREAD,
    "model_ema.",
    "lvlb_weights",  # training only
    "logvar",  # training only
    "scale_factor",  # stands in the configuration
    "v_pred",  # says what the network predicts, see `ldm.recognise`
    "ztsnr",  # likewise, how its schedule ends
    "denoiser.",  # another trainer's schedule
    "embedding_manager.",  # of textual inversion
    "first_stage_model.loss.",  # the autoencoder's discriminator
    "cond_stage_model.model.attn_mask",  # the causal mask, which older open_clip stored
    "cond_stage_model.model.visual.",  # OpenCLIP's image tower
    "cond_stage_model.logit_scale",
    "cond_stage_model.text_projection",
    "cond_stage_model.transformer.text_model.embeddings.position_ids",  # 0, 1, 2, ...
    "cond_stage_model.transformer.vision_model.",  # CLIP's image tower
    "cond_stage_model.transformer.visual_projection.",
    "cond_stage_model.transformer.text_projection.",
    "cond_stage_model.transformer.logit_scale",
)
# transformers 5 and some merging tools drop a part of the published names.
RENAMED = {
    f"cond_stage_model.transformer.{part}.": f"cond_stage_model.transformer.text_model.{part}."
    for part in ("embeddings", "encoder", "final_layer_norm")
}
WRAPPER = "module."  # of training on several GPUs


def published(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a single file's weights under the published names and in their shapes."""
    if all(name.startswith(WRAPPER) for name in tensors):
        tensors = {name.removeprefix(WRAPPER): tensor for name, tensor in tensors.items()}
    renamed = {_published_name(name): tensor for name, tensor in tensors.items()}
    vae = {name.removeprefix(VAE): t for name, t in renamed.items() if name.startswith(VAE)}
    rest = {name: tensor for name, tensor in renamed.items() if not name.startswith(VAE)}
    return rest | {VAE + name: tensor for name, tensor in vae_weights(vae).items()}


def only_averages(names: Iterable[str]) -> bool:
    """Tell whether running averages stand in place of the network's weights."""
    names = list(names)
    return any(name.startswith(AVERAGES) for name in names) and not any(
        name.startswith(UNET) for name in names
    )


def with_averages(tensors: Mapping[str, Tensor], names: Iterable[str]) -> dict[str, Tensor]:
    """Return `tensors` with their running averages under those of a model's `names` that fit."""
    dotless = {f"model_ema.{name[6:].replace('.', '')}": name for name in names if UNET in name}
    return {dotless.get(name, name): tensor for name, tensor in tensors.items()}


def unread(model: nn.Module) -> set[str]:
    """Return the names of a model's weights that nothing reads.

    The last block of Stable Diffusion 2's text encoder is one of them: what it takes is the output
    of the block before.
    """
    names = set(model.state_dict())
    blocks, last = "cond_stage_model.model.transformer.resblocks.", ()
    if getattr(getattr(model, "cond_stage_model", None), "layer_idx", 0):
        highest = max(int(n[len(blocks) :].split(".")[0]) for n in names if n.startswith(blocks))
        last = (f"{blocks}{highest}.",)
    return {name for name in names if name in UNREAD or name.startswith(last)}


def is_ignored(name: str) -> bool:
    """Tell whether a weight of that name may be left over."""
    return any(name.startswith(i) if i.endswith(".") else name == i for i in IGNORED)


def _published_name(name: str) -> str:
    for start, whole in RENAMED.items():
        if name.startswith(start):
            return whole + name[len(start) :]
    return name
