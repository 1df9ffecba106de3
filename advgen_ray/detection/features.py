"""What a classifier's hidden layers make of images, read by forward hooks; the model itself stays as it is."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from torch import Tensor, nn

from advgen_ray.attacks.eval_mode import eval_mode


def features(model: nn.Module, x: Tensor, layers: Sequence[str]) -> list[Tensor]:
    """Outputs of the named modules for images ``[N, C, H, W]``, each flattened to ``[N, D]``, in evaluation mode.

    ``layers`` are names as in ``model.named_modules()``: ``"stages.0"``. Gradients flow back to ``x``. Raises
    ValueError for a name that the model lacks, and for a module that a forward pass calls not exactly once.
    """
    modules = dict(model.named_modules())
    if unknown := [name for name in layers if name not in modules]:
        raise ValueError(f"the model has no layers {unknown}; it has {[name for name in modules if name]}")
    with eval_mode(model), _outputs({name: modules[name] for name in layers}) as outputs:
        model(x)
    if odd := {name: len(outputs[name]) for name in layers if len(outputs[name]) != 1}:
        raise ValueError(f"a layer must run once in a forward pass, got {odd}; name others")
    return [outputs[name][0].flatten(1) for name in layers]


def last_hidden(model: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Logits ``[N, K]`` and the last hidden layer ``[N, D]``: the input of the model's last linear module.

    Gradients flow back to ``x``. Raises ValueError where that module does not give the logits, once and all of them:
    detectors side by side have a last hidden layer each, and none in common.
    """
    linear = [module for module in model.modules() if isinstance(module, nn.Linear)]
    if not linear:
        raise ValueError("the model has no linear layer whose input could be its last hidden layer")
    calls: list[tuple[Tensor, Tensor]] = []
    hook = linear[-1].register_forward_hook(lambda module, arguments, output: calls.append((arguments[0], output)))
    try:
        with eval_mode(model):
            logits = model(x)
    finally:
        hook.remove()
    shapes = [list(output.shape) for _, output in calls]
    if shapes != [list(logits.shape)]:
        raise ValueError(
            f"the last linear layer gives {shapes}, expected the logits, {list(logits.shape)}, once: they have no last "
            "hidden layer in common"
        )
    return logits, calls[0][0].flatten(1)


def layers_of(model: nn.Module, layers: Sequence[str]) -> list[str]:
    """The layers given, else stem, every stage and the logits; of a model without stages, the parts it is made of.

    Raises ValueError for one that the model lacks.
    """
    names = [name for name, _ in model.named_modules() if name]
    stages = [name for name in names if name.startswith("stages.") and name.count(".") == 1]
    parts = ["stem", *stages, "head"] if stages else [name for name in names if "." not in name]
    chosen = list(layers) or parts
    if unknown := [layer for layer in chosen if layer not in names]:
        raise ValueError(f"the model has no {unknown[0]!r}; it has {', '.join(names)}")
    return chosen


@contextmanager
def _outputs(modules: Mapping[str, nn.Module]) -> Iterator[dict[str, list[Tensor]]]:
    outputs: dict[str, list[Tensor]] = {name: [] for name in modules}

    def record(name: str, output: Tensor) -> None:
        outputs[name].append(output)

    hooks = [
        module.register_forward_hook(lambda module, arguments, output, name=name: record(name, output))
        for name, module in modules.items()
    ]
    try:
        yield outputs
    finally:
        for hook in hooks:
            hook.remove()
