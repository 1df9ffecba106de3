"""The benchmarks: what measures each, the best ratio there could be, and what stands between ours and that."""

from typing import NamedTuple


class Benchmark(NamedTuple):
    """``measure`` is ``module:function``; ``limit`` a ratio with the side on which it lies, ``between`` in words."""

    measure: str
    limit: str
    between: str


def _of(measure: str, limit: str, between: str) -> Benchmark:
    return Benchmark(f"tests.benchmarks.{measure}", limit, between)


_EVALUATIONS = "fewer evaluations until validity or a distance leaves the reference's by a point or 3%"

# By the name, or the prefix of the names, of their rows.
BENCHMARKS: dict[str, Benchmark] = {
    "pgd_vs_passes": _of(
        "pgd:pgd_vs_passes", ">= 1 (time)", "the projection, the start's noise, checks of what the network gives"
    ),
    "train_step_vs_loop": _of(
        "training:train_step_vs_loop",
        ">= 1 (time)",
        "draws keyed by item, records and progress for whoever watches, checkpoints handed to Ray Train",
    ),
    "binary_train_vs_loop": _of(
        "training:binary_train_vs_loop",
        "<= 1 (rate)",
        "draws keyed by item for data, p0 and starts, the rule of progressive K, records, checkpoints",
    ),
    "synthesis_rate": _of(
        "synthesis:synthesis_rate", "<= .86 (rate)", "beside the ascent's thirty passes five that read start and image"
    ),
    "generation_vs_loop": _of(
        "generation:generation_vs_loop", "none (rate)", "the start of a pool; two actors of a thread beat two threads"
    ),
    "generation_rate": _of(
        "rate:generation_rate", "<= 1 (of the matrix rate)", "what is no matrix product: norms, activations, draws"
    ),
    "generation_two_actors": _of(
        "scaling:generation_two_actors",
        "<= two bare processes' (told beside it)",
        "the driver and Ray's processes on the same two cores",
    ),
    "simulated_actors": _of(
        "scaling:simulated_actors", "<= 1 (efficiency)", "planning, encoding, storing and reports on two cores"
    ),
    "s3_vs_local": _of("service:s3_vs_local", "<= 1 (rate)", "requests over HTTP to a server on the same cores"),
    "job_start": _of(
        "service:job_start",
        ">= 1 (time)",
        "imports of torch in driver and actors, which start after one another, and the first shard itself",
    ),
    "ce_200k_driver_memory": _of(
        "scale:ce_200k_driver_memory", "<= 1 asked (of a GiB)", "Ray, torch and pyarrow once imported: .77 GiB"
    ),
    "sampler": _of(
        "samplers:samplers", "none (rate)", "evaluations of the network, which each sampler takes as it says"
    ),
    "bf16_counterfactuals": _of(
        "samplers:bf16_counterfactuals", "1 (mean L2)", "rounding of the network to eight bits"
    ),
    "ce_evaluations": _of("evaluations:ce_evaluations", ">= 0 (evaluations)", _EVALUATIONS),
    "more_ce_evaluations": _of("evaluations:more_ce_evaluations", ">= 0 (evaluations)", _EVALUATIONS),
    "mnist_ce_evaluations": _of("evaluations:mnist_ce_evaluations", ">= 0 (evaluations)", _EVALUATIONS),
    "more_mnist_ce_evaluations": _of("evaluations:more_mnist_ce_evaluations", ">= 0 (evaluations)", _EVALUATIONS),
    "autoattack_vs_pyautoattack": _of(
        "attacks:autoattack_vs_pyautoattack", "none (time)", "passes that the standard suite prescribes"
    ),
    "pgd_vs_foolbox": _of("attacks:pgd_vs_foolbox", "none (time)", "passes of samples that have not fallen yet"),
    "explorer": _of("explorer:explorer", "<= 1 asked", "Chromium's own layout and drawing of a thousand pictures"),
    "exact_score_vs_hardtanh": _of(
        "samplers:exact_score_vs_hardtanh", ">= 1 (time)", "erfcx, once a step and pixel, beside the network"
    ),
}
