"""Recipes: every one is a valid config with a stated aim, and paper scale is the paper's."""

import pytest

from advgen_ray import recipes
from advgen_ray.config import (
    GenerateConfig,
    ReadRatingsConfig,
    ReportConfig,
    ReproduceConfig,
    SearchConfig,
    SimulateBinaryTrainingConfig,
    StudyConfig,
    SynthesizeConfig,
    TrainBinaryConfig,
    TrainClassifierConfig,
    TrainScoreModelConfig,
)
from advgen_ray.diffusion.vp_sde import VPSDE
from advgen_ray.distributed.ce_generators import evaluations_of
from advgen_ray.errors import UserError
from advgen_ray.stages.study import StudyPlan


def test_every_recipe_makes_its_config_and_says_its_aim():
    found = recipes.listing()
    assert len({recipe.name for recipe in found}) == len(found) >= 20
    for recipe in found:
        config = recipe.make()
        assert isinstance(config, recipe.config_type), recipe.name
        assert type(config).parse(config.model_dump(mode="json")) == config
        assert len(recipe.summary) > 20, recipe.name


def test_recipe_names_begin_with_their_data_set():
    for recipe in recipes.listing():
        config = recipe.make()
        if isinstance(config, ReadRatingsConfig):  # its data are those of the page that it names
            assert recipe.name.startswith("digits_")
            continue
        if isinstance(config, SimulateBinaryTrainingConfig):  # points that it draws itself
            assert recipe.name.startswith("plane_")
            continue
        if isinstance(config, ReproduceConfig):  # each row names its own
            assert recipe.name.startswith("catalogue_")
            continue
        if isinstance(config, SearchConfig):
            assert recipe.name.startswith(config.base["data"]["name"])
            continue
        part = next((getattr(config, key) for key in ("training", "generation") if hasattr(config, key)), config)
        data = part.data  # of a job made of others, that of its parts
        assert recipe.name.startswith(data.name), recipe.name


def test_default_is_the_digits_recipe():
    assert recipes.find(None, TrainClassifierConfig).data.name == "digits"
    assert recipes.find(None, StudyConfig).data.name == "digits"


@pytest.mark.parametrize("name", ["digits_demo", "digits_study"])
def test_the_report_from_stored_results_reads_all_that_the_study_leaves(name: str):
    assert recipes.find(None, ReportConfig) == StudyPlan(recipes.find(name, StudyConfig)).report


def _leaves(value: object, key: str = "") -> dict[str, object]:
    if not isinstance(value, dict | list):
        return {key: value}
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    return {name: leaf for at, inner in pairs for name, leaf in _leaves(inner, f"{key}.{at}").items()}


def test_the_demo_is_the_study_with_less_of_it():
    """And its attacks of fewer steps take longer ones."""
    study, demo = (_leaves(recipes.find(f"digits_{name}", StudyConfig).model_dump(mode="json")) for name in (
        "study", "demo"
    ))  # fmt: skip
    changed = {key for key in study | demo if study.get(key) != demo.get(key) and not key.endswith("step_size")}
    assert len(changed) > 10
    assert all(demo[key] < study[key] for key in changed), changed


def test_a_recipe_of_another_job_is_refused_with_a_hint():
    with pytest.raises(UserError, match=r"no such recipe .*did you mean 'digits_score_model'"):
        recipes.find("digits_scoremodel", TrainScoreModelConfig)
    with pytest.raises(UserError, match="this job has no such recipe"):
        recipes.find("digits_study", TrainClassifierConfig)


def test_paper_scale_is_the_papers():
    """S000 sections 4, 6 and 7."""
    generate = recipes.find("cifar10_counterfactuals", GenerateConfig)
    assert generate.num_sources * 10 * generate.replicates == 200_000
    assert (generate.guidance_scale, generate.neighborhood.sigma_ce) == (15.0, 0.2)
    assert evaluations_of(recipes.find("digits_counterfactuals", GenerateConfig), VPSDE()) == 40
    printed = recipes.find("cifar10_counterfactuals_paper_sampler", GenerateConfig)
    assert (printed.sampler.kind, printed.sampler.num_steps) == ("euler_maruyama", 1000)
    assert printed.model_copy(update={"sampler": generate.sampler}) == generate
    assert evaluations_of(generate, VPSDE()) == 100
    fast = recipes.find("cifar10_counterfactuals_bf16", GenerateConfig)
    assert (fast.precision, fast.compiled, fast.batch_size, fast.sampler) == ("bf16", True, None, generate.sampler)
    assert evaluations_of(printed, VPSDE()) == 2000
    assert generate.sampler == GenerateConfig().sampler, "the one without a recipe"
    score = recipes.find("cifar10_score_model", TrainScoreModelConfig)
    assert (score.num_steps, score.batch_size, score.label_drop) == (1_000_000, 128, 0.3)
    assert (score.optimizer.learning_rate, score.optimizer.warmup_steps, score.optimizer.clip_norm) == (2e-4, 5000, 1.0)
    robust = recipes.find("cifar10_classifier", TrainClassifierConfig)
    assert (robust.model.depth, robust.model.widen_factor, robust.num_epochs) == (40, 2, 100)
    assert (robust.attack.norm, robust.attack.num_steps, robust.augment) == ("l2", 8, "flip_crop")
    assert recipes.find("svhn_classifier", TrainClassifierConfig).augment == "none"
    assert recipes.find("cifar10_standard_classifier", TrainClassifierConfig).model.dropout == 0.3


@pytest.mark.parametrize("data", ["digits", "cifar10", "svhn"])
def test_an_ablation_passes_through_its_base_and_the_papers_setting(data: str):
    """S002: sigma_CE, Gaussian against Boltzmann."""
    config = recipes.find(f"{data}_ce_ablation", SearchConfig)
    values = {parameter.key: parameter.values for parameter in config.space}
    base = config.job_config
    assert isinstance(base, GenerateConfig)
    paper = {"neighborhood.kind": "boltzmann_hardtanh", "neighborhood.sigma_ce": 0.2, "guidance_scale": 15.0}
    first = config.given()[:2]  # of CIFAR-10's the base's own setting is the paper's
    assert first[0] == config.settings({})
    assert config.settings(paper) in first
    assert base.neighborhood.sigma_ce in values["neighborhood.sigma_ce"]
    assert base.guidance_scale in values["guidance_scale"]
    assert (0.2 in values["neighborhood.sigma_ce"], 15.0 in values["guidance_scale"]) == (True, True)
    assert {"gaussian", "boltzmann_hardtanh"} == set(values["neighborhood.kind"])
    assert base.sampler.num_steps in config.also[1][1].values
    # At 95% validity a binomial interval of 1.5 points takes some 800 counterfactuals.
    assert 600 <= 9 * base.num_sources * base.replicates <= 2000


METHODS = ("sat", "trades", "mart", "mail_trades", "weat_adv", "weat_nat")


@pytest.mark.parametrize("data", ["cifar10", "cifar100", "svhn", "tiny_imagenet"])
def test_robust_trainings_are_those_of_s001(data: str):
    """S001 section A.3."""
    for loss in METHODS:
        config = recipes.find(f"{data}_{loss}", TrainClassifierConfig)
        svhn = data == "svhn"
        assert config.loss == loss
        assert (config.data.name, config.num_epochs) == (data, 30 if svhn else 100)
        attack = config.attack
        assert (attack.norm, attack.eps, attack.num_steps) == ("linf", 8 / 255, 10)
        assert attack.step_size == (1 / 255 if svhn else 2 / 255)
        assert attack.start == ("uniform" if loss in ("sat", "mart") else "near")
        optimizer = config.optimizer
        assert (optimizer.kind, optimizer.momentum, optimizer.weight_decay) == ("sgd", 0.9, 5e-4)
        assert (optimizer.schedule, optimizer.learning_rate, optimizer.cycle_momentum) == ("one_cycle", 0.1, False)
        assert config.num_validation_images > 0
        beta = {"mail_trades": 5.0, "weat_adv": 7.0 if data == "cifar100" else 6.0}.get(loss, 6.0)
        assert config.beta == beta
    assert recipes.find("cifar10_mail_trades", TrainClassifierConfig).mail_burn_in_epochs == 75
    assert recipes.find("svhn_mail_trades", TrainClassifierConfig).mail_burn_in_epochs == 22  # the same share of 30


@pytest.mark.parametrize("data", ["digits", "mnist", "imagenette"])
def test_every_method_has_a_recipe_for_every_data_set(data: str):
    configs = [recipes.find(f"{data}_{loss}", TrainClassifierConfig) for loss in METHODS]
    assert [config.loss for config in configs] == list(METHODS)
    same = {
        config.override(["loss=sat", "beta=1.0", "mail_burn_in_epochs=0", "attack.start=near"]).digest()
        for config in configs
    }
    assert len(same) == 1  # equal budgets


def test_recipes_of_photographs_hold_no_more_of_them_than_memory_does():
    trained = recipes.find("npz_binary_256", TrainBinaryConfig)
    for source in (trained.p0, recipes.find("npz_synthesis_256", SynthesizeConfig).start):
        assert source.num_images * 3 * 256 * 256 < 10e9
    assert trained.augment == "resized_crop"
