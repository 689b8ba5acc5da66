"""How many targets there are among all candidates, and so how complete the found ones are, from marks and scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

Floats = NDArray[np.float64]

#: Rates of the two intervals.
LEVELS = (0.68, 0.95)

#: Deviations of the prior of the intercept, of the slope and of the bend of the logit, for scores of deviation 1.
PRIOR = np.array([6.0, 4.0, 6.0])

#: Rates of targets that the score does not see at all, equally probable before any mark.
UNSEEN = np.array([0.0, 0.0, 0.0, 1e-3, 3e-3, 1e-2])

#: What a mark counts that was proposed for its score. Such marks lie close together and are no independent trials; with
#: 1 the 68% intervals held the truth in too few simulated reviews of spectra used for choosing.
PROPOSED_COUNTS = 0.3

#: Draws of the proposal distribution, and those kept by weight.
DRAWS, KEPT = 4000, 400

#: Fewest marks that say anything of a rate.
FEWEST_MARKS = 10


@dataclass(frozen=True)
class Completeness:
    """How complete a list of found targets is.

    Attributes:
        found: Number of targets found.
        total: Estimated number of targets among all candidates, with those found; the median; None if unknown.
        total_68, total_95: Intervals of that number.
        more: Number of further spectra, the most probable first, to look at until the goal is expected; None if it
            cannot be reached so.
        goal: The completeness that is wanted.
        reason: Why there is no estimate, a sentence; "" otherwise.
    """

    found: int
    total: float | None = None
    total_68: tuple[float, float] | None = None
    total_95: tuple[float, float] | None = None
    more: int | None = None
    goal: float = 0.9
    reason: str = ""

    @property
    def value(self) -> float | None:
        """Found targets as a fraction of all."""
        return None if self.total is None else self._share(self.total)

    @property
    def interval(self) -> tuple[float, float] | None:
        """68% interval of that fraction."""
        return (
            None if self.total_68 is None else (self._share(self.total_68[1]), self._share(self.total_68[0]))
        )

    @property
    def interval_95(self) -> tuple[float, float] | None:
        """95% interval of that fraction."""
        return (
            None if self.total_95 is None else (self._share(self.total_95[1]), self._share(self.total_95[0]))
        )

    @property
    def reached(self) -> bool:
        """Whether the whole 68% interval is at the goal or above."""
        return self.interval is not None and self.interval[0] >= self.goal

    @property
    def sentence(self) -> str:
        """For instance: found 23; estimated 27 [24 34] in all: .85 [.68 .96] complete; look at about 20 more ..."""
        if self.total is None or self.total_68 is None or self.interval is None:
            return f"found {self.found}; how many there are in all cannot be said: {self.reason}"
        low, high = self.interval
        said = (
            f"found {self.found}; estimated {self.total:.0f} [{self.total_68[0]:.0f} {self.total_68[1]:.0f}] in all: "
            f"{_short(self.value)} [{_short(low)} {_short(high)}] complete"
        )
        if self.reached:
            return f"{said}; enough for {_goal(self.goal)}"
        if not self.more:
            return f"{said}; look at some more to be sure of {_goal(self.goal)}"
        return f"{said}; look at about {self.more} more to reach {_goal(self.goal)}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `hunt --review --json` prints them."""
        return {
            "found": self.found, "estimated": self.total, "estimated_68": self.total_68,
            "estimated_95": self.total_95, "completeness": self.value, "interval": self.interval,
            "interval_95": self.interval_95, "look_at_more": self.more, "goal": self.goal,
            "reached": self.reached, "reason": self.reason,
        }  # fmt: skip

    def _share(self, total: float) -> float:
        return self.found / total if total else 1.0


@dataclass(frozen=True)
class Scored:
    """Scores of marked and of unmarked candidates.

    Attributes:
        marked: Scores by a model that has not seen the mark, (n_marked,).
        truth: Whether each was marked yes, (n_marked,).
        random: Whether each was proposed by chance, (n_marked,).
        rest: Scores of the candidates that nobody has looked at, (n_rest,).
    """

    marked: Floats
    truth: NDArray[np.bool_]
    random: NDArray[np.bool_]
    rest: Floats


def estimate(scored: Scored, found: int, goal: float = 0.9, seed: int = 0) -> Completeness:
    """How complete `found` targets are.

    The probability of a mark "yes" is modelled as a function of the score, with rate e of targets that the score does
    not see: P = e + (1 - e) expit(a + b s - c min(s, 0)^2), b and c not negative. What was looked at was chosen by
    score or by chance, so the marks need no weights for that (the choice is ignorable); the number of targets among the
    rest is a sum of such trials over the posterior of a, b, c and e.

    Args:
        scored: Scores and marks; examples that were given are not among them.
        found: Number of targets found, examples among the candidates included.
        goal: The completeness that is wanted.
        seed: Of the draws.

    Source:
        Gelman et al., Bayesian Data Analysis, 3rd ed., chapters 8 (ignorable designs) and 10.4 (importance resampling).
    """
    if not len(scored.rest):
        return Completeness(found, found, (found, found), (found, found), 0, goal)
    if reason := _unknown(scored):
        return Completeness(found, goal=goal, reason=reason)
    rng = np.random.default_rng(seed)
    curve = _posterior(scored, rng)
    counts, mean = _remaining(curve, _scaled(scored, scored.rest), rng)
    ends = [np.quantile(counts, [0.5 - level / 2, 0.5 + level / 2]) for level in LEVELS]
    one, two = ((found + float(np.floor(low)), found + float(np.ceil(high))) for low, high in ends)
    total = found + float(np.median(counts))
    return Completeness(found, total, one, two, _more(mean, found, goal), goal)


def _unknown(scored: Scored) -> str:
    """Why nothing can be said, a sentence; "" if something can."""
    n, n_yes = len(scored.truth), int(scored.truth.sum())
    if n < FEWEST_MARKS:
        return f"{n} marks, expected {FEWEST_MARKS} or more."
    if n_yes == 0:
        return f"none of {n} marks is yes."
    return "every mark is yes: go on until some are no." if n_yes == n else ""


def _scaled(scored: Scored, values: Floats) -> Floats:
    """Scores as columns 1, s and -min(s, 0)^2, in units of the marked ones, (n, 3)."""
    s = (values - scored.marked.mean()) / (scored.marked.std() or 1.0)
    return np.stack([np.ones(len(s)), s, -(np.minimum(s, 0) ** 2)], axis=1)


def _posterior(scored: Scored, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Draws of the coefficients, (n_draws, 3), and of the unseen rate, (n_draws,), by importance resampling."""
    x, y = _scaled(scored, scored.marked), scored.truth
    weight = np.where(scored.random, 1.0, PROPOSED_COUNTS)

    def loss(t: Floats) -> tuple[float, Floats]:
        logit = x @ t
        value = (weight * (np.logaddexp(0, logit) - y * logit)).sum() + 0.5 * ((t / PRIOR) ** 2).sum()
        return float(value), x.T @ (weight * (expit(logit) - y)) + t / PRIOR**2

    bounds = [(None, None), (0, None), (0, None)]
    centre = minimize(loss, np.array([0.0, 1.0, 0.1]), jac=True, bounds=bounds).x
    p = expit(x @ centre)
    precision = (x.T * (weight * p * (1 - p))) @ x + np.diag(PRIOR**-2)
    spread = 2 * np.linalg.inv(precision)
    draws = rng.multivariate_normal(centre, spread, size=DRAWS)
    draws[:, 1:] = np.abs(
        draws[:, 1:]
    )  # folded at zero: twice the density there, which resampling takes back
    unseen = rng.choice(UNSEEN, DRAWS)
    chance = np.clip(_rate(x, draws, unseen), 1e-12, 1 - 1e-12)
    log_p = (weight * np.where(y, np.log(chance), np.log1p(-chance))).sum(axis=1)
    log_p -= 0.5 * ((draws / PRIOR) ** 2).sum(axis=1) + _folded(draws, centre, spread)
    share = np.exp(log_p - log_p.max())
    kept = rng.choice(DRAWS, KEPT, p=share / share.sum())
    return draws[kept], unseen[kept]


def _folded(draws: Floats, centre: Floats, spread: Floats) -> Floats:
    """Log density of draws of which two coordinates were folded at zero, (n,), up to a constant."""
    inverse = np.linalg.inv(spread)
    total = np.full(len(draws), -np.inf)
    for signs in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
        off = draws * np.array([1, *signs]) - centre
        total = np.logaddexp(total, -0.5 * np.einsum("ij,jk,ik->i", off, inverse, off))
    return total


def _rate(x: Floats, draws: Floats, unseen: Floats) -> Floats:
    """Probability of each object in each draw, (n_draws, n)."""
    return unseen[:, None] + (1 - unseen[:, None]) * expit(draws @ x.T)


def _remaining(
    curve: tuple[Floats, Floats], x: Floats, rng: np.random.Generator, batch: int = 10_000
) -> tuple[NDArray[np.int64], Floats]:
    """Number of targets among the rest in each draw, (n_draws,), and the mean probability of each, (n_rest,)."""
    counts, means = np.zeros(KEPT, np.int64), []
    for start in range(0, len(x), batch):
        chance = _rate(x[start : start + batch], *curve)
        counts += (rng.random(chance.shape) < chance).sum(axis=1)
        means.append(chance.mean(axis=0))
    return counts, np.concatenate(means)


def _more(mean: Floats, found: int, goal: float) -> int | None:
    """Number of further looks, the most probable first, at which the expected completeness reaches the goal."""
    gained = found + np.concatenate([[0.0], np.cumsum(np.sort(mean)[::-1])])
    return int(np.argmax(gained >= goal * gained[-1] - 1e-9))


def _short(share: float | None) -> str:
    """A fraction as printed: .85; rounded down, since 1 says that nothing is missing."""
    if share is None:
        return "-"
    return "1.0" if share >= 1 else f"{np.floor(100 * share + 1e-9) / 100:.2f}".removeprefix("0")


def _goal(share: float) -> str:
    return f"{share:g}".removeprefix("0")
