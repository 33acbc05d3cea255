"""instantiate_from_config: what may be named, and how it says no."""

import inspect

import pytest
import torch
from omegaconf import OmegaConf

from ldm.models.autoencoder import IdentityFirstStage
from ldm.util import instantiate_from_config, published_keys, require

LINEAR = {"target": "torch.nn.Linear", "params": {"in_features": 3, "out_features": 2}}


def test_builds_the_named_class_with_its_parameters() -> None:
    built = instantiate_from_config(LINEAR)
    assert isinstance(built, torch.nn.Linear)
    assert built.weight.shape == (2, 3)


def test_takes_omegaconf_nodes_and_missing_or_null_params() -> None:
    target = "ldm.models.autoencoder.IdentityFirstStage"
    for config in ({"target": target}, OmegaConf.create({"target": target, "params": None})):
        assert isinstance(instantiate_from_config(config), IdentityFirstStage)


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "subprocess.Popen",
        "ldmx.models.Evil",
        "torch.load",
        "torch.nn.functional.relu",  # a function
        "ldm.util.instantiate_from_config",  # a function
        "ldm.models.autoencoder.Sequence",  # imported there, not of this repository
        "ldm.util.importlib.import_module",
        "ldm.models.autoencoder.NoSuchClass",
        "ldm.nowhere.NoSuchModule",
        7,
    ],
)
def test_refuses_targets_outside_the_list(target: object) -> None:
    with pytest.raises(ValueError, match="target"):
        instantiate_from_config({"target": target})


@pytest.mark.parametrize("config", [{}, {"params": {}}, None, "__is_first_stage__"])
def test_refuses_a_config_without_a_target(config: object) -> None:
    with pytest.raises(ValueError, match="expected a mapping with the key 'target'"):
        instantiate_from_config(config)


def test_names_an_unknown_key_and_a_missing_one() -> None:
    with pytest.raises(ValueError, match=r"params of torch\.nn\.Linear.*'widht'"):
        instantiate_from_config({**LINEAR, "params": {**LINEAR["params"], "widht": 1}})
    with pytest.raises(ValueError, match=r"params of torch\.nn\.Linear.*'out_features'"):
        instantiate_from_config({"target": "torch.nn.Linear", "params": {"in_features": 3}})


@pytest.mark.parametrize("value", ["320", [1]])
def test_names_the_class_that_a_value_of_the_wrong_kind_was_for(value: object) -> None:
    with pytest.raises(ValueError, match=r"params of torch\.nn\.Linear: "):
        instantiate_from_config({**LINEAR, "params": {**LINEAR["params"], "in_features": value}})


def test_require_names_the_option_the_value_and_the_expectation() -> None:
    require("dims", 2, 2)
    with pytest.raises(ValueError, match="dims: got 3, expected 2"):
        require("dims", 3, 2)


def test_published_keys_are_taken_and_not_shown() -> None:
    @published_keys("verbose", mode="fast")
    def double(value: int) -> int:
        return 2 * value

    assert double(3, verbose=True, mode="fast") == 6
    assert list(inspect.signature(double).parameters) == ["value"]
    with pytest.raises(ValueError, match="mode: got 'slow', expected 'fast'"):
        double(3, mode="slow")
    with pytest.raises(TypeError, match="'other'"):
        double(3, other=1)
