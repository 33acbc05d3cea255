"""Published methods that are not here: each says so in one line, and what to use instead."""

from collections.abc import Callable, Iterable
from typing import Any

# Of models and autoencoders: what Lightning and the published training scripts call.
TRAINING = (
    "configure_optimizers ema_scope get_input get_last_layer init_from_ckpt log_images p_losses "
    "shared_step to_rgb training_step validation_step"
).split()
# Of models: DDPM's own steps, in as many as there are timesteps.
ANCESTRAL = (
    "p_mean_variance p_sample p_sample_loop progressive_denoising q_mean_variance q_posterior "
    "sample sample_log"
).split()


def without(names: Iterable[str], what: str, instead: str) -> Callable[[type], type]:
    """Let a class refuse the published methods of these names that it has not."""

    def refusal(name: str) -> Callable:
        def refuse(*args: Any, **params: Any) -> None:
            raise NotImplementedError(f"{name}: {what} is not supported here; see {instead}")

        return refuse

    def decorate(kind: type) -> type:
        for name in set(names) - set(dir(kind)):
            setattr(kind, name, refusal(name))
        return kind

    return decorate
