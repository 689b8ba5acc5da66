"""spectrove kb curate: review labels that may be wrong, and duplicates."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spectrove.errors import CatalogError, KnowledgeError
from spectrove.serve import text
from spectrove.serve.bases import open_base
from spectrove.serve.cli import options
from spectrove.serve.exits import UsageError, usage_errors
from spectrove.serve.output import check_output, print_json, print_lines, say, write_table
from spectrove.serve.progress import progress_bar

if TYPE_CHECKING:
    from spectrove.knowledge import KnowledgeBase
    from spectrove.pipeline import Review

Label = Annotated[str | None, typer.Option("--label", metavar="COLUMN", help="Column of classes to review.")]
Apply = Annotated[
    Path | None,
    typer.Option("--apply", metavar="FILE", help="Apply the accepted rows of a review as a new version."),
]
NoLines = Annotated[
    bool, typer.Option("--no-lines", help="Do not measure the stored spectra's lines (10 ms each).")
]
NoDuplicates = Annotated[bool, typer.Option("--no-duplicates", help="Do not look for copies and repeats.")]

#: Findings that people are shown; the table has all of them.
MOST_SHOWN = 30


def curate(
    kb: options.Base,
    label: Label = None,
    apply: Apply = None,
    where: options.Where = None,
    metric: options.Metric = "auto",
    no_lines: NoLines = False,
    no_duplicates: NoDuplicates = False,
    as_json: options.Json = False,
    output: options.Output = None,
) -> None:
    """Review labels that may be wrong, and duplicates.

    --label writes a review; --apply takes it back with the word accept in the column decision where you agree.
    """
    if (label is None) == (apply is None):
        found = "neither" if label is None else "both"
        raise UsageError(
            KnowledgeError(
                f"kb curate takes --label COLUMN or --apply FILE, found {found}. Give one of them."
            )
        )
    if apply is not None:
        return _apply(kb, apply, as_json)
    check_output(output)
    base = open_base(kb, where)
    from spectrove import pipeline

    with usage_errors():
        pipeline.check_label(base, str(label))
    with progress_bar("measuring lines", None if no_lines else base.count(where)) as advance:
        review = pipeline.curate(
            base,
            str(label),
            where=where,
            metric=metric,
            lines=not no_lines,
            copies=not no_duplicates,
            progress=advance,
        )
    rows = review.to_dicts()
    if as_json:
        print_lines(rows, output)
    if output:
        write_table(output, rows, {"base": base.path.name, "version": review.version, "label": label})
    if not as_json:
        _show(review)
    say(f" {_summary(review)}", as_json=as_json)
    if output:
        back = f"write accept in the column decision where you agree, then kb curate {kb} --apply {output}"
        say(f" wrote {output}: {back}", as_json=as_json)


def _show(review: Review) -> None:
    shown = review.findings[:MOST_SHOWN]
    rows = [("object", "what", "now", "suggested", "P", "why")]
    for f in shown:
        new = f.suggested if f.action == "relabel" else f.action
        rows.append((f.object_id, f.kind, f.current or "-", new or "-", f"{f.confidence:.2f}", f.reason))
    for line in text.columns(rows) if shown else ():
        say(line)
    if len(review.findings) > len(shown):
        say(f" ... and {len(review.findings) - len(shown)} more")


def _summary(review: Review) -> str:
    kinds = ", ".join(f"{n} {kind}" for kind, n in review.counts.items()) or "nothing found"
    share = review.n_wrong / max(review.n_labelled, 1)
    return (
        f"{kinds} in version {review.version}; by its neighbours {share:.1%} of {review.n_labelled} labels in "
        f"{review.label} disagree"
    )


def _apply(kb: Path, path: Path, as_json: bool) -> None:
    from spectrove.catalog import read_catalog
    from spectrove.knowledge.curation import apply_review

    base: KnowledgeBase = open_base(kb)
    if not path.is_file():
        raise UsageError(CatalogError(f"{path}: there is no such review. Correct the path."))
    before = base.version
    with usage_errors():
        applied = apply_review(base, read_catalog(path).to_pylist())
    if as_json:
        print_json(
            {
                "relabelled": applied.relabelled, "removed": applied.removed, "unchanged": applied.left,
                "version": applied.version,
            }
        )  # fmt: skip
    back = f"; undo with kb rollback {kb} {before}" if applied.version != before else ""
    say(
        f" {text.count(applied.relabelled, 'label', 'labels')} changed, "
        f"{text.count(applied.removed, 'object', 'objects')} removed, {applied.left} rows not accepted; "
        f"version {applied.version}{back}",
        as_json=as_json,
    )
