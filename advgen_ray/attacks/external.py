"""Older attacks through kept libraries, for comparison: DeepFool, boundary attack, JSMA, L-BFGS.

foolbox 3.3.4 serves DeepFool (in torch, each sample by itself) and the boundary attack. ART 1.20.1 serves JSMA, which
foolbox has dropped. Neither has L-BFGS: SciPy's optimiser is what Szegedy et al. used. Both libraries are the extra
``attacks``, imported when an attack of theirs is called.

All are called ``attack(model, x, y) -> x_adv`` with images ``[N, C, H, W]`` in [0, 1] and labels ``[N]`` (int64), and
return ``x`` where nothing was found and where ``x`` is misclassified itself. The libraries leave models in evaluation
mode, add to the gradients of parameters and draw from the global generator; here all is left as it was.
"""

import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from advgen_ray.attacks.checks import check_finite, check_images, check_logits
from advgen_ray.attacks.eval_mode import eval_mode
from advgen_ray.attacks.labels import check_labels, wrong_classes
from advgen_ray.attacks.live_rows import per_sample
from advgen_ray.errors import UserError


@dataclass(frozen=True)
class DeepFool:
    """Steps onto the nearest linearised boundary (Moosavi-Dezfooli et al. 2016), by foolbox; ``norm`` 2 or infinity."""

    norm: float = 2.0
    num_steps: int = 50
    overshoot: float = 0.02
    num_candidates: int = 10

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        """The first misclassified image on the way."""
        attacks = _library("foolbox", "DeepFool").attacks
        kind = {2.0: attacks.L2DeepFoolAttack, np.inf: attacks.LinfDeepFoolAttack}[self.norm]
        attack = kind(steps=self.num_steps, candidates=self.num_candidates, overshoot=self.overshoot)
        return _on_classified(model, x, y, lambda x, y, _: attack.run(_foolbox_model(model, x), x, y))


@dataclass(frozen=True)
class Boundary:
    """A random walk along the boundary that sees decisions only (Brendel et al. 2018), by foolbox.

    In a batch its samples would share random numbers and an end: here each runs alone under its own seed.

    Args:
        seeds: one for each sample of the call, such as ``stream.generator(item).integers(2**63 - 1)``.
        num_steps: at most; paper and foolbox: 25,000.
    """

    seeds: Sequence[int]
    num_steps: int = 25_000

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        """The nearest misclassified image in L2 that the walk met."""
        attack = _library("foolbox", "the boundary attack").attacks.BoundaryAttack(steps=self.num_steps)
        seeds = torch.tensor([int(seed) for seed in self.seeds], dtype=torch.int64)
        if seeds.shape != y.shape:
            raise ValueError(f"expected one seed for each of {len(y)} samples, got {len(seeds)}")

        def walk(x: Tensor, y: Tensor, rows: Tensor) -> Tensor:
            ends = x.clone()
            for i, seed in enumerate(seeds[rows.cpu()].tolist()):
                torch.manual_seed(seed)
                try:
                    ends[i] = attack.run(_foolbox_model(model, x), x[i : i + 1], y[i : i + 1])[0]
                except ValueError as error:  # uniform noise is of the label's class too: no place to start from
                    if "init_attack failed" not in str(error):
                        raise
            return ends

        return _on_classified(model, x, y, walk)


@dataclass(frozen=True)
class JSMA:
    """Raises the two most salient elements at a time towards the likeliest wrong class (Papernot et al. 2016), by ART.

    ART ranks elements by the gradient of the target's output alone. That is the paper's saliency where outputs sum
    to one, so ART is given log-probabilities: the order of probabilities, without their vanishing gradients.

    Args:
        theta: by how much a chosen element is raised.
        gamma: the largest share of an image's elements to change.
    """

    theta: float = 0.1
    gamma: float = 1.0

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        """The image on which the target was reached."""
        _library("art", "JSMA")
        classification = importlib.import_module("art.estimators.classification")
        evasion = importlib.import_module("art.attacks.evasion")

        def raise_elements(x: Tensor, y: Tensor, _: Tensor) -> Tensor:
            logits = model(x)
            estimator = classification.PyTorchClassifier(
                nn.Sequential(model, nn.LogSoftmax(dim=1)),
                loss=nn.NLLLoss(),
                input_shape=tuple(x.shape[1:]),
                nb_classes=logits.shape[1],
                clip_values=(0.0, 1.0),
                device_type="gpu" if x.is_cuda else "cpu",
            )
            attack = evasion.SaliencyMapMethod(estimator, self.theta, self.gamma, batch_size=len(x), verbose=False)
            x_adv = attack.generate(x.cpu().numpy(), wrong_classes(logits, y)[:, 0].cpu().numpy())
            return torch.from_numpy(x_adv).to(x)

        return _on_classified(model, x, y, raise_elements)


@dataclass(frozen=True)
class LBFGS:
    """Minimises ``|x_adv - x|_2^2 + c CE(f(x_adv), target)`` in the box by L-BFGS-B (Szegedy et al. 2014), by SciPy.

    The target is the likeliest wrong class. ``c`` grows tenfold until the label is left, then is bisected. One
    image at a time.
    """

    num_steps: int = 100
    num_search_steps: int = 10
    initial_c: float = 1e-2

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        """The nearest misclassified image in L2 among the minimisers."""

        def minimise(x: Tensor, y: Tensor, _: Tensor) -> Tensor:
            targets = wrong_classes(model(x), y)[:, 0]
            return torch.stack([self._nearest(model, *sample) for sample in zip(x, y, targets, strict=True)])

        return _on_classified(model, x, y, minimise)

    def _nearest(self, model: nn.Module, x: Tensor, y: Tensor, target: Tensor) -> Tensor:
        nearest, distance = x, np.inf
        c, lower, upper = self.initial_c, 0.0, np.inf
        for _ in range(self.num_search_steps):
            found = self._minimiser(model, x, target, c)
            if bool(model(found[None]).argmax() != y):
                upper = c
                if (length := float((found - x).norm())) < distance:
                    nearest, distance = found, length
            else:
                lower = c
            c = (lower + upper) / 2 if upper < np.inf else 10 * c
        return nearest

    def _minimiser(self, model: nn.Module, x: Tensor, target: Tensor, c: float) -> Tensor:
        from scipy.optimize import minimize  # a third of a second that every actor would pay

        def loss_and_gradient(flat: np.ndarray) -> tuple[float, np.ndarray]:
            with torch.enable_grad():
                leaf = torch.from_numpy(flat).to(x).view_as(x).requires_grad_()
                loss = (leaf - x).square().sum() + c * functional.cross_entropy(model(leaf[None])[0], target)
                (gradient,) = torch.autograd.grad(loss, leaf)
            check_finite(gradient)
            return float(loss.detach()), gradient.flatten().double().cpu().numpy()

        start = x.flatten().double().cpu().numpy()
        bounds, options = [(0.0, 1.0)] * len(start), {"maxiter": self.num_steps}
        found = minimize(loss_and_gradient, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x
        return torch.from_numpy(found).to(x).view_as(x)


def _library(name: str, attack: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UserError(
            f"{attack} runs through {name}, which cannot be imported ({error}): in a checkout, pip install '.[attacks]'"
        ) from error


def _foolbox_model(model: nn.Module, x: Tensor) -> Any:
    return importlib.import_module("foolbox").PyTorchModel(model, bounds=(0, 1), device=x.device)


def _on_classified(
    model: nn.Module, x: Tensor, y: Tensor, attack: Callable[[Tensor, Tensor, Tensor], Tensor]
) -> Tensor:
    """``attack(x, y, rows)`` on the rows that are classified; what it does not fool stays ``x``."""
    check_images(x)
    ends = x.detach().clone()
    with eval_mode(model), _parameters_without_gradients(model), torch.no_grad():
        logits = model(ends)
        check_logits(logits)
        check_labels(y, logits)
        rows = (logits.argmax(dim=1) == y).nonzero().squeeze(1)
        if len(rows) > 0:
            with torch.enable_grad(), torch.random.fork_rng([x.device] if x.is_cuda else []):
                found = attack(ends[rows], y[rows], rows).detach().clamp(0.0, 1.0)
            check_finite(found)  # NaN would count as fooled: its logits' largest is not the label
            fooled = model(found).argmax(dim=1) != y[rows]
            ends[rows] = torch.where(per_sample(fooled, x), found, ends[rows])
    return ends


@contextmanager
def _parameters_without_gradients(model: nn.Module) -> Iterator[None]:
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in trainable:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trainable:
            parameter.requires_grad_(True)
