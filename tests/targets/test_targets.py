"""Target files: what they may say, and what is answered to those that are wrong."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectrove.errors import TargetError
from spectrove.pipeline.shipped import load_target, shipped_targets
from spectrove.targets import Composition, Target, label_text

GOOD = """
name = "liner"
label = "class_derived"
positive = "LINER"
[classes]
LINER = ["LINER"]
other = ["*"]
"""


def written(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", shipped_targets())
def test_shipped_targets_load_and_are_named_like_their_files(name):
    target = load_target(name)
    assert target.name == name
    assert target.description.endswith(".")
    assert (target.k, target.threshold) == (3 if target.where is None else 10, 0.5)
    assert target.weights(["shape"]) == {"shape": 1}


def test_the_liner_target_sets_liners_against_every_other_labelled_class():
    target = load_target("liner")
    values = ["LINER", "SF", "Composite", "Seyfert2-like", "quiescent", "anything", None, "", math.nan]
    assert target.classes_of(values) == ["LINER"] + ["other"] * 5 + [None] * 3


def test_the_three_class_target_leaves_composites_out():
    target = load_target("star_forming_agn_normal")
    values = ["SF", "LINER", "Seyfert2-like", "quiescent", "Composite", None]
    assert target.classes_of(values) == ["star-forming", "AGN", "AGN", "normal", None, None]
    assert target.positive == "AGN"


def test_lens_and_outlier_targets_need_a_stated_negative():
    """An object nobody looked at is not "no lens"."""
    for name, positive in (("strong_lens", "lens"), ("outlier", "outlier")):
        assert load_target(name).classes_of([positive, "none", None, "maybe"]) == [
            positive,
            "none",
            None,
            None,
        ]


def test_a_file_is_read_like_a_shipped_target(tmp_path):
    target = load_target(written(tmp_path, GOOD + "[composition.share]\nLINER = 0.3\nother = 0.7\n"))
    assert target.composition.share == {"LINER": 0.3, "other": 0.7}
    assert load_target(str(tmp_path / "mine.toml")) == target


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            GOOD.replace("label =", "lable ="),
            r"key `label` is missing; unknown key `lable`, the nearest is `label`",
        ),
        (GOOD.replace('name = "liner"', ""), "key `name` is missing"),
        (
            GOOD.replace('positive = "LINER"', 'positive = "liner"'),
            r"positive is 'liner', expected one of .*LINER",
        ),
        (GOOD.replace("name", "k = 0\nname", 1), r"`k`: .*greater than or equal to 1 \(found 0\)"),
        (GOOD.replace("name", "threshold = 2\nname", 1), r"`threshold`: .*found 2"),
        (GOOD.replace("name", 'weighting = "cube"\nname', 1), "`weighting`: .*'inverse', 'inverse_square'"),
        (GOOD.replace("name", "views = []\nname", 1), "`views`"),
        (GOOD.replace('other = ["*"]', ""), "classes has 1 entry, expected two or more"),
        (GOOD.replace('["*"]', '["LINER"]'), r"label values \['LINER'\] are listed more than once"),
        (GOOD.replace('["*"]', "[]"), r"classes \['other'\] list no label value"),
        (GOOD + "[prior]\nLINER = 0.1\n", r"prior names \['LINER'\], expected every class"),
        (GOOD + "[prior]\nLINER = 0.1\nother = 0.8\n", "prior sums to 0.9, expected 1"),
        (GOOD + "[composition.share]\nLINER = 0.1\nother = 0.8\n", "composition.share sums to 0.9"),
        (GOOD + "[composition.maximum]\nSeyfert = 3\n", r"composition.maximum names \['Seyfert'\]"),
        (GOOD + "[composition]\nmax = 3\n", "unknown key `composition.max`, the nearest is `maximum`"),
        (
            GOOD + "[composition]\nmaximum = {LINER = 3}\nshare = {LINER = 0.5, other = 0.5}\n",
            "both maximum and share",
        ),
        ("name = ", "not valid TOML"),
    ],
)
def test_a_wrong_file_is_answered_with_the_key_and_what_was_expected(tmp_path, text, said):
    with pytest.raises(TargetError, match=f"(?s)mine.toml: .*{said}"):
        load_target(written(tmp_path, text))


def test_an_unknown_name_lists_the_targets(tmp_path):
    with pytest.raises(
        TargetError, match=re.escape(", ".join(shipped_targets())) + r".*Did you mean liner\?"
    ):
        load_target("linr")
    with pytest.raises(TargetError, match="neither a shipped target"):
        load_target(tmp_path)
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TargetError, match="UTF-8"):
        load_target(tmp_path / "binary.toml")


def test_a_column_that_is_not_there_is_an_error_with_near_names():
    with pytest.raises(TargetError, match=r"no column 'class_derived'.*near names: class_derivd"):
        load_target("liner").check(["z", "class_derivd"])
    with pytest.raises(TargetError, match="columns: plate, z"):
        load_target("liner").check(["z", "plate"])


def test_a_positive_class_that_never_occurs_is_an_error():
    target, columns = load_target("strong_lens"), ["lens"]
    target.check(columns)
    target.check(columns, ["none", "lens", None])
    with pytest.raises(
        TargetError, match=r"no object of the base is lens \(lens = lens\); the column holds: none"
    ):
        target.check(columns, ["none", None])
    with pytest.raises(TargetError, match="no value at all"):
        target.check(columns, [None])


def test_labels_may_be_numbers_and_truth_values():
    target = Target(name="t", label="flag", classes={"yes": (True,), "no": (False, 3)}, positive="yes")
    assert target.classes_of([True, False, 3, 3.0, "true", 1, None]) == [
        "yes",
        "no",
        "no",
        "no",
        "yes",
        None,
        None,
    ]
    assert [label_text(v) for v in (2.5, "", math.nan, "SF")] == ["2.5", None, None, "SF"]


@given(
    classes=st.lists(st.sampled_from(["a", "b", None]), max_size=60),
    caps=st.dictionaries(st.sampled_from(["a", "b"]), st.integers(0, 40)),
    seed=st.randoms(use_true_random=False),
)
def test_caps_hold_for_any_order_and_smaller_parts_lie_in_larger_ones(classes, caps, seed):
    def composed(composition, pairs):
        target = Target(
            name="t", label="x", classes={"a": ("a",), "b": ("b",)}, positive="a", composition=composition
        )
        keep = target.compose([i for i, _ in pairs], [c for _, c in pairs])
        return {i for (i, _), kept in zip(pairs, keep, strict=True) if kept}

    pairs = [(f"id{i}", c) for i, c in enumerate(classes)]
    shuffled = pairs.copy()
    seed.shuffle(shuffled)
    kept = composed(Composition(maximum=caps), pairs)
    assert kept == composed(Composition(maximum=caps), shuffled)
    for name in ("a", "b"):
        n = sum(c == name for _, c in pairs)
        assert sum(c == name and i in kept for i, c in pairs) == min(n, caps.get(name, n))
    smaller = composed(Composition(maximum={name: cap // 2 for name, cap in caps.items()}), pairs)
    assert smaller <= kept


@given(
    counts=st.fixed_dictionaries({"a": st.integers(0, 500), "b": st.integers(0, 500)}),
    percent=st.integers(0, 100),
)
def test_shares_take_the_largest_part_that_has_them(counts, percent):
    share = {"a": percent / 100, "b": 1 - percent / 100}
    sizes = Composition(share=share).sizes(counts)
    assert all(0 <= sizes[name] <= counts[name] for name in counts)
    total = sum(sizes.values())
    assert abs(sizes["a"] - share["a"] * total) <= 1.0 + 1e-6
    # Largest: one more whole object of the scarcer class does not fit.
    assert any(sizes[name] + 1 > counts[name] - 1 for name in counts if share[name] > 0)


def test_a_share_by_hand():
    """40 LINERs at 30% allow 133 objects: 40 and 93."""
    assert Composition(share={"LINER": 0.3, "other": 0.7}).sizes({"LINER": 40, "other": 1000}) == {
        "LINER": 40,
        "other": 93,
    }


def test_a_target_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        load_target("liner").k = 5


def test_views_have_weights_or_weigh_the_same(tmp_path):
    """A table says how much each counts; a list is short for equal weights."""
    listed = load_target(written(tmp_path, 'views = ["shape", "surprise"]' + GOOD))
    assert listed.weights(["surprise", "shape"]) == {"shape": 1, "surprise": 1}
    weighed = load_target(written(tmp_path, "views = { shape = 1, surprise = 0.25 }" + GOOD))
    assert weighed.weights(["shape", "surprise", "more"]) == {"shape": 1, "surprise": 0.25}


def test_an_optional_view_is_left_out_where_it_is_not_there(tmp_path):
    text = 'views = ["shape", "surprise"]\noptional_views = ["surprise"]' + GOOD
    target = load_target(written(tmp_path, text))
    assert target.weights(["shape"]) == {"shape": 1}
    with pytest.raises(TargetError, match=r"the base has no view shape, only surprise.*kb reencode"):
        target.weights(["surprise"])


@pytest.mark.parametrize("name", ["strong_lens", "outlier"])
def test_what_is_unlike_ordinary_galaxies_is_hunted_in_both_views(name):
    target = load_target(name)
    assert set(target.weights(["shape", "surprise"])) == {"shape", "surprise"}
    assert set(target.weights(["shape"])) == {"shape"}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("views = []", "views"),
        ("views = { shape = 0 }", "views.shape"),
        ("views = { shape = inf }", "views.shape"),
        (
            'optional_views = ["surprise"]',
            r"optional_views names \['surprise'\], expected some of views: \['shape'\]",
        ),
        ('optional_views = ["shape"]', "optional_views names every view"),
        ('metric = "learned"', "metric.*'auto', 'linear' or 'none'"),
    ],
)
def test_views_and_metrics_that_cannot_be_meant_are_refused(tmp_path, line, said):
    with pytest.raises(TargetError, match=said):
        load_target(written(tmp_path, line + GOOD))


def test_the_key_second_redshift_still_works_and_names_the_new_one(tmp_path):
    with pytest.warns(FutureWarning, match=r"target liner: .*signs = \[\"second_redshift\"\]"):
        old = load_target(written(tmp_path, "second_redshift = true" + GOOD))
    assert old == load_target(written(tmp_path, 'signs = ["second_redshift"]' + GOOD))
    with pytest.warns(FutureWarning):
        assert load_target(written(tmp_path, "second_redshift = false" + GOOD)).signs == ()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('lines = "bpt_sii"', "target liner: `lines` is 'bpt_sii', expected one of bpt_nii"),
        (
            'signs = ["second_redshft"]',
            r"`signs` names \['second_redshft'\], expected some of second_redshift",
        ),
    ],
)
def test_a_witness_or_a_sign_that_no_domain_has_is_refused(tmp_path, line, said):
    with pytest.raises(TargetError, match=said):
        load_target(written(tmp_path, line + GOOD))
