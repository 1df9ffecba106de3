"""Configs: every mistake is one line that names the value and the way out; the digest says what is computed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from advgen_ray.config import (
    EvaluateRobustnessConfig,
    GenerateConfig,
    GenerateFromClassifierConfig,
    ScoreEnergiesConfig,
    StudyConfig,
    TrainClassifierConfig,
    TrainScoreModelConfig,
    resolve,
)
from advgen_ray.config.base import Config
from advgen_ray.errors import UserError


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("guidance_scal=3", "unknown key 'guidance_scal'; did you mean 'guidance_scale'?"),
        ("neighborhood.sigmace=1", "unknown key 'sigmace'; did you mean 'sigma_ce'?"),
        ("neighbourhood.sigma_ce=1", "unknown key 'neighbourhood'; did you mean 'neighborhood'?"),
        ("seed=one", "seed: input should be a valid integer, got 'one'"),
        ("seed=-1", "seed: input should be greater than or equal to 0, got -1"),
        ("num_sources=1.5", "num_sources: input should be a valid integer, got 1.5"),
        ("guidance_scale=.nan", "guidance_scale: input should be a finite number, got nan"),
        ("neighborhood.sigma_ce=0", "neighborhood.sigma_ce: input should be greater than 0, got 0"),
        ("sampler=ddim", "sampler: input should be an object, got 'ddim'"),
        ("pool.min_actors=5", "pool: min_actors 5 exceeds max_actors 2; raise max_actors"),
        ("seed", "--set 'seed': expected key=value, for example seed=1"),
        ("seed=4294967296", "seed: input should be less than 4294967296, got 4294967296"),
        ("seed=!!int x", "--set seed: not YAML: invalid literal for int()"),
        ("sampler=[{key: attack.eps", "--set sampler: not YAML: expected ',' or '}', but got '<stream end>'"),
        ("output=s3://walter:hunter2@bucket: [", "--set output: not YAML: it is not shown"),
        ("output=!!set {a}", "--set output: not YAML: Object of type set is not JSON serializable"),
        ("output=&a [*a]", "--set output: not YAML: Circular reference detected"),
        ("output=" + "[" * 5000, "--set output: not YAML: nested too deeply"),
        ("output=", "output: empty, expected a path or s3://BUCKET/NAME; is a shell variable not set"),
        ("output= ", "output: empty, expected a path"),
        ("output='  '", "output: empty, expected a path"),
        ("score_model=", "score_model: empty, expected a path or s3://BUCKET/NAME"),
        ("sampler={num_steps: 3, num_steps: 4}", "--set sampler: not YAML: key 'num_steps' is given twice; keep one"),
        ("seed.x=1", "--set seed.x: seed is a single value here; give it whole: --set 'seed=...'"),
    ],
)
def test_a_mistake_is_one_line(assignment: str, message: str):
    with pytest.raises(UserError) as raised:
        resolve(GenerateConfig(), None, [assignment])
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    ("assignments", "message"),
    [
        (["attack.eps=-0.5"], "eps must be zero or positive, got -0.5"),
        (["attack.norm=linf", "attack.eps=8"], "of 255 that would be 0.03137"),
        (["attack.eps=128"], "half the diagonal of a digits image (4.0); of 255 that would be 0.50196"),
        (["model.depth=12"], "depth must be 6n + 4"),
    ],
)
def test_units_and_shapes_are_checked(assignments: list[str], message: str):
    with pytest.raises(UserError, match=message.replace("(", r"\(").replace(")", r"\)").replace("+", r"\+")):
        resolve(TrainClassifierConfig(), None, assignments)


def test_attacks_of_one_set_are_told_apart_by_name_and_radius():
    with pytest.raises(UserError, match=r"attacks: two are called 'pgd' at eps 0.5; give one another name"):
        resolve(ScoreEnergiesConfig(), None, ["attacks=[{eps: 0.5}, {eps: 0.5, num_steps: 50}]"])
    resolve(ScoreEnergiesConfig(), None, ["attacks=[{eps: 0.5}, {eps: 0.5, num_steps: 50, name: pgd-50}, {eps: 1.0}]"])


def test_an_attack_is_not_called_what_no_attack_is_called():
    with pytest.raises(UserError, match=r"attacks\.0: name: 'clean' is what images without an attack are called"):
        resolve(EvaluateRobustnessConfig(), None, ["attacks=[{name: clean}]"])


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("beta_min=30", "beta_min 30 exceeds beta_max 20; lower it"),
        ("model.channel_multipliers=[]", "model: channel_multipliers is empty, expected one for each stage"),
        (
            "model.attention_stage=5",
            r"model: attention_stage 5: there are 4 stages; expected 0 to 3, or 4 for .* alone",
        ),
    ],
)
def test_a_score_model_that_cannot_be_meant(assignment: str, message: str):
    with pytest.raises(UserError, match=message):
        resolve(TrainScoreModelConfig(), None, [assignment])
    resolve(TrainScoreModelConfig(), None, ["model.attention_stage=4", "beta_min=20"])


def test_merged_keys_may_be_given_anew(tmp_path: Path):
    file = tmp_path / "mine.yaml"
    file.write_text(
        "attack: &a {eps: 0.5, num_steps: 3}\nevaluation_attack: &b {<<: *a, num_steps: 4}\n"
        "optimizer: {learning_rate: 0.1}\n"
    )
    config = resolve(TrainClassifierConfig(), str(file), [])
    assert (config.evaluation_attack.eps, config.evaluation_attack.num_steps, config.attack.num_steps) == (0.5, 4, 3)


def test_an_attack_that_is_not_defined_is_refused():
    with pytest.raises(UserError, match="cw is defined in l2 only, got linf"):
        resolve(ScoreEnergiesConfig(), None, ["attacks=[{kind: cw, norm: linf, eps: 0.1}]"])
    with pytest.raises(UserError, match="square has no targeted form here"):
        resolve(ScoreEnergiesConfig(), None, ["attacks=[{kind: square, targeted: true}]"])
    with pytest.raises(UserError, match="training attacks with pgd, got square"):
        resolve(TrainClassifierConfig(), None, ["attack.kind=square"])


def test_a_key_below_nothing_or_a_list_is_given_whole():
    with pytest.raises(
        UserError, match=r"outliers is null here; give it whole: --set 'outliers=\{KEY: VALUE, \.\.\.\}'"
    ):
        resolve(TrainClassifierConfig(), None, ["outliers.weight=1"])
    with pytest.raises(UserError, match=r"attacks is a list here; give it whole: --set 'attacks=\.\.\.'"):
        resolve(ScoreEnergiesConfig(), None, ["attacks.eps=1"])


def test_a_date_is_text():
    assert resolve(GenerateConfig(), None, ["output=2024-11-21"]).output == "2024-11-21"


def test_a_nested_unknown_key_is_named_by_its_own_level():
    with pytest.raises(UserError, match="unknown key 'epss'; did you mean 'eps'"):
        resolve(StudyConfig(), None, ["classifier.attack.epss=1"])


def test_numbers_as_people_write_them():
    config = resolve(TrainClassifierConfig(), None, ["optimizer.learning_rate=1e-4", "attack.eps=1"])
    assert config.optimizer.learning_rate == 1e-4
    assert config.attack.eps == 1.0


@pytest.mark.parametrize("number", ["1e-3", "1E-3", "1.e-3", ".1e-2", "+10e-4"])
def test_so_they_are_in_files_and_in_blocks(number: str, tmp_path: Path):
    file = tmp_path / "mine.yaml"
    file.write_text(f"optimizer:\n  learning_rate: {number}\n")
    for config in (
        resolve(TrainClassifierConfig(), str(file), []),
        resolve(TrainClassifierConfig(), None, [f"optimizer={{learning_rate: {number}}}"]),
        resolve(TrainClassifierConfig(), None, [f"optimizer.learning_rate={number}"]),
    ):
        assert config.optimizer.learning_rate == pytest.approx(1e-3)


def test_text_that_looks_like_a_number_comes_back_as_text(tmp_path: Path):
    """A digest may, and a folder."""
    config = TrainClassifierConfig(exclude="7", exclude_digest="1234567890123e45", output="1e3")
    file = tmp_path / "mine.yaml"
    file.write_text(config.to_yaml())
    assert resolve(TrainClassifierConfig(), str(file), []) == config


def test_file_then_assignments(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("seed: 3\nneighborhood: {sigma_ce: 0.1}\n")
    config = resolve(GenerateConfig(), str(file), ["seed=4"])
    assert (config.seed, config.neighborhood.sigma_ce, config.neighborhood.kind) == (4, 0.1, "boltzmann_hardtanh")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: [", "not YAML: expected the node content"),
        (b"seed: 1\nname: caf\xe9\n", "not YAML: invalid continuation byte"),
        (b"a: \x00", "not YAML: special characters are not allowed"),
        (b"1: 2", "unknown key '1'"),
        (b"? [a]\n: 1", "not YAML: "),
        (b"- 1", "expected a mapping"),
        (b"seed: 1\nseed: 2", "mine.yaml: not YAML: key 'seed' is given twice; keep one of them"),
        (b"neighborhood:\n  sigma_ce: 0.1\n  sigma_ce: 0.2", "key 'sigma_ce' is given twice"),
        (None, "No such"),
    ],
)
def test_bad_files(tmp_path, content, message):
    file = tmp_path / "mine.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UserError, match=message):
        resolve(GenerateConfig(), str(file), [])


def test_yaml_round_trip(tmp_path):
    config = resolve(StudyConfig(), None, ["eps=[0.0, 0.25]", "counterfactuals.seed=9"])
    file = tmp_path / "study.yaml"
    file.write_text(config.to_yaml())
    assert resolve(StudyConfig(), str(file), []) == config


def test_digest_is_what_is_computed_not_where():
    config = GenerateConfig()
    elsewhere = resolve(config, None, ["output=s3://bucket/set", "pool.max_actors=9", "data.root=/data"])
    assert elsewhere.digest() == config.digest()
    assert resolve(config, None, ["guidance_scale=14.9"]).digest() != config.digest()
    assert resolve(config, None, ["sampler.num_steps=41"]).digest() != config.digest()


def test_every_seed_is_one_that_all_libraries_take():
    seeds = {}
    for config in all_configs(Config):
        for name, told in config.model_json_schema().get("properties", {}).items():
            if name in ("seed", "judge_seed", "seeds"):
                seeds[f"{config.__name__}.{name}"] = told.get("items", told).get("exclusiveMaximum")
    assert len(seeds) > 20
    assert set(seeds.values()) == {2**32}, seeds


def all_configs(parent: type[Config]) -> Iterator[type[Config]]:
    for config in parent.__subclasses__():
        yield config
        yield from all_configs(config)


def test_configs_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        GenerateConfig().seed = 3


def test_an_empty_value_is_empty_text_and_null_is_none():
    assert GenerateFromClassifierConfig(judge="a/model").override(["judge="]).judge == ""
    assert TrainClassifierConfig(max_steps=2).override(["max_steps=null"]).max_steps is None
