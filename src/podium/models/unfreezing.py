"""Whether a network has the layers that the stages of fine-tuning ask for."""

from __future__ import annotations

from functools import lru_cache

from podium.config import FineTuneConfig, ModelConfig, RecipeConfig
from podium.contract import InputContract
from podium.errors import ConfigError
from podium.models.networks import skeleton
from podium.models.options import TimmOptions, options_of
from podium.models.transfer import TransferNet


def check_stages(net: TransferNet, tune: FineTuneConfig) -> None:
    """Try each stage on a network, whose layers are left as the last one has them.

    Raises:
        ConfigError: A stage names a layer that the network does not have, trains no more than the stage before it, or
            leaves nothing frozen whose features could be kept.
    """
    before = 0
    for what in tune.stages:
        net.unfreeze(what, freeze_norm=tune.freeze_norm)
        trained = len(net.layers()) - net.frozen
        if trained <= before:
            raise ConfigError(
                f"trainer.fine_tune.unfreeze: {what} trains {trained} layers, the stage before it {before}",
                remedy="order the stages from few layers to many",
            )
        if tune.cached_views and not net.frozen:
            raise ConfigError(
                f"trainer.fine_tune.cached_views: {tune.cached_views}, but {what} trains all layers of the backbone,"
                " and leaves none whose features could be kept",
                remedy="set it to null, or leave some layers frozen",
            )
        before = trained


def check_unfreezing(recipe: RecipeConfig, size: tuple[int, int] | None) -> None:
    """``check_stages`` on the structure of a recipe's network, as far as that is known without the images.

    Args:
        recipe: Any.
        size: Height and width of the images; None: not known yet.

    Raises:
        ConfigError: See ``check_stages``; or the network's options are refused.
    """
    tune = recipe.trainer.fine_tune
    if tune is None:
        return
    options = options_of(recipe.model)
    if isinstance(options, TimmOptions) and not (options.input_size or size):
        return  # it is told when the training begins
    height, width = size or (32, 32)
    _check(recipe.model.model_dump_json(), tune.model_dump_json(), height, width)


@lru_cache(maxsize=64)
def _check(model: str, tune: str, height: int, width: int) -> None:
    """Once for all candidates of a recipe."""
    contract = InputContract(height=height, width=width, mean=(0.5,) * 3, std=(0.25,) * 3, class_names=("one", "other"))
    net = skeleton(ModelConfig.model_validate_json(model), contract)
    assert isinstance(net, TransferNet)
    check_stages(net, FineTuneConfig.model_validate_json(tune))
