"""The two samplers that recipes choose from: the paper's, and the one that gives its images for a fiftieth."""

from advgen_ray.config import SamplerConfig

PAPER = SamplerConfig(kind="euler_maruyama", num_steps=1000)  # S000, appendix 7: with guidance 2,000 evaluations
# From the diffused source at t = .4, 80 steps of which every fourth evaluates the network. On digits validity, L2 and
# L0 are the paper's within a point and 3% (tests/benchmarks/evaluations.py, which has what else was tried).
FORTY_EVALUATIONS = SamplerConfig(kind="ancestral", num_steps=80, times="log_snr", start_time=0.4, network_every=4)
