"""The names of weights in diffusers folders, turned into the published ones.

Both libraries store the same layers. diffusers counts residual blocks, attentions and samplers by
level, the published code counts all of a network's blocks in a row, and each splits or joins some
projections. How many blocks a level has is told from the names themselves.
"""

import re
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

BLOCK = re.compile(
    r"(?P<way>down|up)_blocks\.(?P<level>\d+)\."
    r"(?P<kind>resnets|attentions|downsamplers|upsamplers)\.(?P<index>\d+)\.(?P<rest>.+)"
)
Rules = tuple[tuple[str, str], ...]

UNET_RESIDUAL: Rules = (
    (r"norm1\.", "in_layers.0."),
    (r"conv1\.", "in_layers.2."),
    (r"time_emb_proj\.", "emb_layers.1."),
    (r"norm2\.", "out_layers.0."),
    (r"conv2\.", "out_layers.3."),
    (r"conv_shortcut\.", "skip_connection."),
)
UNET_ENDS: Rules = (
    (r"conv_in\.", "input_blocks.0.0."),
    (r"time_embedding\.linear_1\.", "time_embed.0."),
    (r"time_embedding\.linear_2\.", "time_embed.2."),
    (r"conv_norm_out\.", "out.0."),
    (r"conv_out\.", "out.2."),
)
VAE_ATTENTION: Rules = (
    (r"group_norm\.", "norm."),
    (r"(?:to_)*q(?:uery)?\.", "q."),
    (r"(?:to_)*k(?:ey)?\.", "k."),
    (r"(?:to_)*v(?:alue)?\.", "v."),
    (r"(?:(?:to_)*out\.0|(?:to_)*proj_out|proj_attn)\.", "proj_out."),
)
OPEN_CLIP: Rules = (
    (r"embeddings\.token_embedding\.", "token_embedding."),
    (r"embeddings\.position_embedding\.weight", "positional_embedding"),
    (r"final_layer_norm\.", "ln_final."),
    (r"encoder\.layers\.(\d+)\.layer_norm(\d)\.", r"transformer.resblocks.\1.ln_\2."),
    (r"encoder\.layers\.(\d+)\.mlp\.fc1\.", r"transformer.resblocks.\1.mlp.c_fc."),
    (r"encoder\.layers\.(\d+)\.mlp\.fc2\.", r"transformer.resblocks.\1.mlp.c_proj."),
    (r"encoder\.layers\.(\d+)\.self_attn\.out_proj\.", r"transformer.resblocks.\1.attn.out_proj."),
    (
        r"encoder\.layers\.(\d+)\.self_attn\.([qkv])_proj\.(\w+)",
        r"transformer.resblocks.\1.attn.in_proj_\3|\2",
    ),
)
VIT, RESNET = "pretrained.model.", "pretrained.model.patch_embed.backbone."
DPT: Rules = (
    (r"dpt\.embeddings\.cls_token", VIT + "cls_token"),
    (r"dpt\.embeddings\.position_embeddings", VIT + "pos_embed"),
    (r"dpt\.embeddings\.(?:patch_embeddings\.)?projection\.", VIT + "patch_embed.proj."),
    (r"dpt\.embeddings\.backbone\.bit\.embedder\.convolution\.", RESNET + "stem.conv."),
    (r"dpt\.embeddings\.backbone\.bit\.embedder\.norm\.", RESNET + "stem.norm."),
    (
        r"dpt\.embeddings\.backbone\.bit\.encoder\.stages\.(\d)\.layers\.",
        RESNET + r"stages.\1.blocks.",
    ),
    (r"dpt\.layernorm\.", VIT + "norm."),
    (r"dpt\.encoder\.layer\.(\d+)\.layernorm_before\.", VIT + r"blocks.\1.norm1."),
    (r"dpt\.encoder\.layer\.(\d+)\.layernorm_after\.", VIT + r"blocks.\1.norm2."),
    (r"dpt\.encoder\.layer\.(\d+)\.attention\.output\.dense\.", VIT + r"blocks.\1.attn.proj."),
    (r"dpt\.encoder\.layer\.(\d+)\.intermediate\.dense\.", VIT + r"blocks.\1.mlp.fc1."),
    (r"dpt\.encoder\.layer\.(\d+)\.output\.dense\.", VIT + r"blocks.\1.mlp.fc2."),
    (
        r"dpt\.encoder\.layer\.(\d+)\.attention\.attention\.([qkv])\w+\.(\w+)",
        VIT + r"blocks.\1.attn.qkv.\3|\2",
    ),
    (r"head\.head\.", "scratch.output_conv."),
)


def unet_weights(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a `UNet2DConditionModel`'s weights under the names of `UNetModel`."""
    per_level = _highest(r"down_blocks\.0\.resnets\.(\d+)\.", tensors) + 2
    attending = {m[1] for name in tensors if (m := re.match(r"up_blocks\.(\d+)\.attentions", name))}

    def published(name: str) -> str:
        middle = re.fullmatch(r"mid_block\.(resnets|attentions)\.(\d)\.(.+)", name)
        if middle:
            is_residual = middle[1] == "resnets"
            place = 2 * int(middle[2]) if is_residual else 1
            rest = _renamed(middle[3], UNET_RESIDUAL) if is_residual else middle[3]
            return f"middle_block.{place}.{rest}"
        block = BLOCK.fullmatch(name)
        if not block:
            return _renamed(name, UNET_ENDS)
        level, index, rest = int(block["level"]), int(block["index"]), block["rest"]
        if block["kind"] == "resnets":
            rest = f"0.{_renamed(rest, UNET_RESIDUAL)}"
        elif block["kind"] == "attentions":
            rest = f"1.{rest}"
        elif block["way"] == "down":
            return (
                f"input_blocks.{(level + 1) * per_level}.0.{_renamed(rest, ((r'conv.', 'op.'),))}"
            )
        else:
            place = 2 if block["level"] in attending else 1
            return f"output_blocks.{(level + 1) * per_level - 1}.{place}.{rest}"
        if block["way"] == "down":
            return f"input_blocks.{1 + level * per_level + index}.{rest}"
        return f"output_blocks.{level * per_level + index}.{rest}"

    return {published(name): tensor for name, tensor in tensors.items()}


def vae_weights(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return an autoencoder's weights under the names of `AutoencoderKL`, from either layout."""
    last = _highest(r"decoder\.up_blocks\.(\d+)\.", tensors)

    def published(name: str) -> str:
        part, _, rest = name.partition(".")
        if part not in ("encoder", "decoder"):
            return name
        middle = re.fullmatch(r"mid(_block)?\.(resnets|attentions|attn_)\.?(\d)\.(.+)", rest)
        if middle:
            is_residual = middle[2] == "resnets"
            kind, place = ("block", int(middle[3]) + 1) if is_residual else ("attn", 1)
            rules = ((r"conv_shortcut\.", "nin_shortcut."),) if is_residual else VAE_ATTENTION
            return f"{part}.mid.{kind}_{place}.{_renamed(middle[4], rules)}"
        block = BLOCK.fullmatch(rest)
        if not block:
            return f"{part}.{_renamed(rest, ((r'conv_norm_out.', 'norm_out.'),))}"
        level = int(block["level"]) if block["way"] == "down" else last - int(block["level"])
        inner = _renamed(block["rest"], ((r"conv_shortcut\.", "nin_shortcut."),))
        layer = (
            f"block.{block['index']}"
            if block["kind"] == "resnets"
            else block["kind"].replace("ers", "e")
        )
        return f"{part}.{block['way']}.{level}.{layer}.{inner}"

    renamed = {published(name): tensor for name, tensor in tensors.items()}
    return {
        name: tensor[:, :, None, None] if ".mid.attn_1." in name and tensor.ndim == 2 else tensor
        for name, tensor in renamed.items()
    }


def text_weights(tensors: Mapping[str, Tensor], *, joined: bool) -> dict[str, Tensor]:
    """Return a `CLIPTextModel`'s weights, under OpenCLIP's names if `joined`, else as stored."""
    bare = {name.removeprefix("text_model."): tensor for name, tensor in tensors.items()}
    bare.pop("embeddings.position_ids", None)  # 0, 1, 2, ...
    if not joined:
        return {f"transformer.text_model.{name}": tensor for name, tensor in bare.items()}
    named = {_renamed(name, OPEN_CLIP): tensor for name, tensor in bare.items()}
    return {f"model.{name}": tensor for name, tensor in _join(named).items()}


def depth_weights(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a `DPTForDepthEstimation`'s weights under the names of `DPTDepthModel`."""
    return _join({_depth_name(name): tensor for name, tensor in tensors.items()})


def _depth_name(name: str) -> str:
    found = re.fullmatch(r"neck\.reassemble_stage\.(readout_projects|layers)\.(\d)\.(.+)", name)
    if found:
        inner = _renamed(
            found[3], ((r"0\.", "0.project.0."), (r"projection\.", "3."), (r"resize\.", "4."))
        )
        return f"pretrained.act_postprocess{int(found[2]) + 1}.{inner}"
    found = re.fullmatch(r"neck\.convs\.(\d)\.(.+)", name)
    if found:
        return f"scratch.layer{int(found[1]) + 1}_rn.{found[2]}"
    found = re.fullmatch(r"neck\.fusion_stage\.layers\.(\d)\.(.+)", name)
    if found:  # from the coarsest
        rules = (
            (r"projection\.", "out_conv."),
            (r"residual_layer(\d)\.convolution(\d)\.", r"resConfUnit\1.conv\2."),
        )
        return f"scratch.refinenet{4 - int(found[1])}.{_renamed(found[2], rules)}"
    return _renamed(name, DPT)


def _renamed(name: str, rules: Rules) -> str:
    """Replace the beginning of a name by the first rule that fits it."""
    for pattern, published in rules:
        found = re.match(pattern, name)
        if found:
            return found.expand(published) + name[found.end() :]
    return name


def _join(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Put together the rows of what is named NAME|q, NAME|k and NAME|v."""
    parts = {name: tensor for name, tensor in tensors.items() if "|" in name}
    whole = {name: tensor for name, tensor in tensors.items() if "|" not in name}
    for name in {name.partition("|")[0]: None for name in parts}:
        rows = [parts[f"{name}|{kind}"] for kind in "qkv" if f"{name}|{kind}" in parts]
        same = len({tensor.shape[1:] for tensor in rows}) == 1 and rows[0].ndim > 0
        whole[name] = torch.cat(rows) if same else rows[0]  # what is amiss shows in its shape
    return whole


def _highest(pattern: str, names: Iterable[str]) -> int:
    return max((int(m[1]) for name in names if (m := re.match(pattern, name))), default=0)
