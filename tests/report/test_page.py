"""The page as text: complete, self-contained, escaped, and never at odds with its numbers."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pandas as pd
import pytest

from advgen_ray.report.page import panels_of, render
from advgen_ray.report.sections_classifiers import confidence_section, robustness_section
from advgen_ray.report.sections_effect import effect_section
from advgen_ray.report.sections_energy import detector_section, energy_section
from advgen_ray.report.study_page import result_sections, study_page
from advgen_ray.report.text import summary_text

MAX_BYTES = 6_000_000


class Outline(HTMLParser):
    """Tags with their attributes, and the open ones, to see that each is closed."""

    VOID = frozenset({"meta", "link", "img", "br", "hr"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes something else"


def test_page_is_well_formed(page):
    outline = Outline(page)
    assert outline.open == []
    anchors = [value["id"] for tag, value in outline.tags if tag == "section"]
    links = [value["href"][1:] for tag, value in outline.tags if tag == "a"]
    assert anchors == links
    assert len(anchors) == len(set(anchors)) == 13


def test_page_fetches_nothing_and_runs_nothing(page):
    for tag, attributes in Outline(page).tags:
        assert tag not in ("script", "iframe", "object", "embed"), tag
        for name in ("src", "href", "srcset", "poster", "action"):
            address = attributes.get(name)
            assert address is None or address.startswith(("data:", "#")), f"{tag} {name}={address[:60]}"
        assert not [name for name in attributes if name.startswith("on")], f"{tag} has a script"
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL).group(1)
    assert "url(" not in style
    assert "@import" not in style


def test_the_page_links_to_the_explorer_where_there_is_one(page, study):
    assert "explorer" not in re.sub(r"data:[^\"]+", "", page)
    html = render(study_page(replace(study, explorer="explorer.html"), []))
    links = [attributes["href"] for tag, attributes in Outline(html).tags if tag == "a"]
    assert links.count("explorer.html") == 2, "under the first row of pictures and among the sections"


def test_page_tells_no_place_on_the_machine(page):
    visible = re.sub(r"data:[^\"]+", "", page)
    assert "file://" not in visible
    assert not re.search(r"/(home|root|tmp|work|usr)/", visible)


def test_every_picture_has_words_and_the_page_is_small(page):
    pictures = [attributes for tag, attributes in Outline(page).tags if tag == "img"]
    assert len(pictures) > 100 + 10 + 15
    assert all(len(picture["alt"]) > 10 for picture in pictures)
    assert len(page.encode()) < MAX_BYTES


def test_everything_is_escaped(study):
    record = replace(study.records[0], name="<script>alert(1)</script>", config={"note": "</pre><b onclick=x>"})
    html = render(study_page(replace(study, records=[record], version='1"><i>'), []))
    assert "<script>" not in html
    assert "<b onclick" not in html
    assert "<i>" not in html
    assert "&lt;script&gt;alert(1)" in html


def test_figures_can_be_kept_as_files(sections):
    names = [panel.name for panel in panels_of(sections)]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-zA-Z0-9.-]+", name) for name in names)


def test_every_config_seed_version_and_time_is_told(page, study):
    for record in study.records:
        assert f"{record.stage}: {record.name}" in page
    for told in ("0123456789abcdef", "1000", "2.12.1", "2.60.0", "42 s", "5 min 16 s", "guidance_scale"):
        assert told in page


def test_published_numbers_stand_under_their_data_set(page):
    table = page[page.index("Clean and robust accuracy on the test split") :]
    context = table[
        table.index("For context, another data set: CIFAR-10, WRN-40-2, PGD(8) at L2 0.5: Yeats et al., table 1") :
    ]
    for number in ("93.08%", "5.75%", "58.37%", "47.53%"):
        assert number in context[: context.index("</table>")]


def swapped(energies: pd.DataFrame) -> pd.DataFrame:
    """The same results with the standard and the model of the largest radius in each other's place."""
    names = {"eps-0.0": "eps-1.0", "eps-1.0": "eps-0.0"}
    radii = {"eps-0.0": 0.0, "eps-1.0": 1.0}
    classifier = energies["classifier"].replace(names)
    return energies.assign(
        classifier=classifier, classifier_eps=classifier.map(radii).fillna(energies["classifier_eps"])
    )


def test_sentences_turn_with_the_numbers(study, retold, invented):
    other = retold(energies=swapped(invented.inputs.energies))
    assert "points more accuracy than" in effect_section(study).sentences[0]
    assert "points less accuracy than" in effect_section(other).sentences[0]
    assert "a smaller shift" in energy_section(study).sentences[1]
    assert "no smaller a shift" in energy_section(other).sentences[1]
    assert "accuracy under attack rises" in robustness_section(study).sentences[0]
    assert "accuracy under attack falls" in robustness_section(other).sentences[0]


def test_a_raised_energy_is_not_called_lower(study, retold, invented):
    energies = invented.inputs.energies
    raised = energies.assign(energy_x=energies["energy_x"] + 20.0 * (energies["view"] == "attacked"))
    other = retold(energies=raised)
    assert "not lower, unlike" in energy_section(other).sentences[1]
    assert "the rule points the wrong way" in detector_section(other).sentences[1]
    assert "as the rule supposes" in detector_section(study).sentences[1]


def test_an_attack_as_far_as_counterfactuals_is_called_one_that_may_change_the_class(study):
    mean = study.tables.inputs.main.rows.loc[study.tables.inputs.main.different_class, "l2"].mean()
    for section in (energy_section, detector_section):
        for share in (0.9, 1.1):
            detectors = [replace(one, attack_eps=share * mean) for one in study.tables.detectors]
            told = section(replace(study, tables=replace(study.tables, detectors=detectors))).sentences
            assert any("may truly show another class" in one for one in told) == (share > 1)


def test_constant_confidence_is_shown_as_not_available(retold, invented):
    section = confidence_section(retold(energies=invented.inputs.energies.assign(confidence=1.0)))
    assert "explains n/a of the variance" in section.sentences[0]
    assert section.blocks[1].rows[0][1] == "n/a"


def test_a_study_without_held_out_set_leaves_the_section_out(retold):
    anchors = [section.anchor for section in result_sections(retold(held_out=None, variants=(), chains=()))]
    assert not {"distance-classifier", "by-classifiers", "chains"} & set(anchors)
    assert "distances" in anchors


@pytest.mark.parametrize("missing", [False, True])
def test_terminal_summary_fits_a_screen(study, missing):
    from advgen_ray.analysis.summary import summarize

    summary = summarize(study.tables, {})
    if missing:
        summary["distance_classifier_accuracy"] = None
    text = summary_text(summary)
    assert len(text.splitlines()) <= 24
    assert max(len(line) for line in text.splitlines()) <= 80
    assert ("n/a" in text) == missing


def test_a_published_table_of_the_same_data_set_says_so(retold):
    table = robustness_section(retold(data_name="svhn")).blocks[0]
    assert table.context_title.startswith("Published: SVHN")
    assert [row[1] for row in table.context] == ["96.75%", "95.63%", "95.41%", "93.09%"]
    assert robustness_section(retold(data_name="cifar10")).blocks[0].context_title.startswith("Published: CIFAR-10")


def test_distances_of_counterfactuals_are_not_compared_with_radii_of_another_norm(study):
    def in_linf(record):
        attack = {**record.config["attack"], "norm": "linf"}
        return replace(record, config={**record.config, "attack": attack})

    records = [in_linf(one) if one.stage == "classifier" else one for one in study.records]
    here, elsewhere = (effect_section(one) for one in (study, replace(study, records=records)))
    assert len(here.sentences) == len(elsewhere.sentences) + 1
    (table,) = (block for block in elsewhere.blocks if block.kind == "table")
    assert {row[-1] for row in table.rows} == {"n/a"}
