"""The curves that results can be fitted with."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from specc.quantities.fits.form import Form, Parameter

if TYPE_CHECKING:
    from specc.quantities.fits.form import Floats

P = Parameter
_EXPONENTS = (0.03, 0.06, 0.1, 0.17, 0.25, 0.35, 0.5, 0.7, 1.0, 1.5, 2.2)
_FEWER = (0.06, 0.15, 0.3, 0.5, 0.9, 1.6)
_PASSES = (0.3, 1.0, 3.0, 8.0, 20.0, 60.0)
_BITS = (0.5, 1.0, 2.0, 3.5, 6.0)


def _power(name: str, of: str) -> Parameter:
    return P(name, "", f"exponent of {of}", 0.005, 4.0)


def _floor(name: str) -> Parameter:
    return P(name, "unit of y", "what y tends to")


def _power_law(columns: Mapping[str, Floats], shape: Sequence[float]) -> list[Floats]:
    x = columns["x"]
    return [x ** -shape[0], x**0]


def _overfitting(columns: Mapping[str, Floats], shape: Sequence[float]) -> list[Floats]:
    x = columns["x"]
    return [x ** -shape[0], x ** shape[1], x**0]


def _chinchilla(columns: Mapping[str, Floats], shape: Sequence[float]) -> list[Floats]:
    n, d = columns["n"], columns["d"]
    return [n ** -shape[0], d ** -shape[1], n**0]


def _overtraining(columns: Mapping[str, Floats], shape: Sequence[float]) -> list[Floats]:
    c, m, eta = columns["c"], columns["m"], shape[0]
    return [m**eta * c**-eta, m**-eta * c**-eta, c**0]


def effective_data(seen: Floats, unique: Floats, r_star: float) -> Floats:
    """Tokens that as many fresh ones would be worth: repeats count less and less.

    Source: Muennighoff et al., arXiv 2305.16264; with up to one pass they are what was seen.
    """
    import numpy

    once = numpy.minimum(seen, unique)
    repeats = numpy.maximum(seen / unique - 1, 0)
    worth: Floats = once + unique * r_star * -numpy.expm1(-repeats / r_star)
    return worth


def _repetition(columns: Mapping[str, Floats], shape: Sequence[float]) -> list[Floats]:
    worth = effective_data(columns["d"], columns["u"], shape[1])
    return [worth ** -shape[0], worth**0]


MOST_PASSES = 10_000
"""Passes over the data that the half-life form follows."""


def _half_life(columns: Mapping[str, Floats], shape: Sequence[float]) -> list[Floats]:
    import numpy

    seen, unique = columns["d"], columns["u"]
    exponent, half_life = shape
    logarithm = numpy.log(numpy.minimum(seen, unique))
    last = min(math.ceil(float((seen / unique).max())), MOST_PASSES)
    for number in range(1, last):  # the pass after `number` others
        begun = unique * number
        done = numpy.minimum(seen, begun + unique)
        more = numpy.log(numpy.maximum(done, begun) / begun)
        logarithm = logarithm + more * 0.5 ** (number / half_life)
    return [numpy.exp(-exponent * logarithm), seen**0]


def _precision(columns: Mapping[str, Floats], shape: Sequence[float]) -> list[Floats]:
    import numpy

    alpha, beta, gamma = shape
    worth = columns["n"] * -numpy.expm1(-columns["p"] / gamma)
    return [worth**-alpha, columns["d"] ** -beta, worth**0]


def _quantisation(columns: Mapping[str, Floats], shape: Sequence[float]) -> list[Floats]:
    of_data, of_size, gamma = shape
    return [columns["d"] ** of_data * columns["n"] ** -of_size * math.e ** (-columns["p"] / gamma)]


_N, _D = "parameters of the model", "training tokens"
_U = "tokens of one pass"

FORMS: dict[str, Form] = {
    form.name: form
    for form in (
        Form(
            "power_law",
            "a power of one variable, and a floor",
            "y = a * x^-b + c",
            "Hestness et al., arXiv 1712.00409; Kaplan et al., arXiv 2001.08361",
            {"x": "tokens, parameters or FLOPs"},
            (_power("b", "x"),),
            (P("a", "unit of y times x^b", "what falls with x"), _floor("c")),
            _power_law,
            (_EXPONENTS,),
        ),
        Form(
            "overfitting",
            "a power that falls and one that grows: what training gains, and what repeating costs",
            "y = a * x^-b + g * x^h + c",
            "Baek et al., arXiv 2603.16177, overfitting law at one share of the data",
            {"x": "tokens"},
            (_power("b", "what falls"), _power("h", "what grows")),
            (
                P("a", "unit of y times x^b", "what falls with x"),
                P("g", "unit of y over x^h", "what grows with x"),
                _floor("c"),
            ),
            _overfitting,
            (_FEWER, _FEWER),
        ),
        Form(
            "chinchilla",
            "a power of size and one of data",
            "y = a * n^-alpha + b * d^-beta + e",
            "Hoffmann et al., arXiv 2203.15556, section 3.3",
            {"n": _N, "d": _D},
            (_power("alpha", "n"), _power("beta", "d")),
            (
                P("a", "unit of y times n^alpha", "what falls with n"),
                P("b", "unit of y times d^beta", "what falls with d"),
                _floor("e"),
            ),
            _chinchilla,
            (_FEWER, _FEWER),
        ),
        Form(
            "overtraining",
            "compute and tokens per parameter",
            "y = e + (a * m^eta + b * m^-eta) * c^-eta",
            "Gadre et al., arXiv 2403.08540",
            {"c": "training FLOPs", "m": "tokens per parameter"},
            (_power("eta", "c and m"),),
            (
                P("a", "unit of y times c^eta", "weight of what many tokens per parameter cost"),
                P("b", "unit of y times c^eta", "weight of what few tokens per parameter cost"),
                _floor("e"),
            ),
            _overtraining,
            (_EXPONENTS,),
        ),
        Form(
            "repetition",
            "data that is read again counts less: effective data",
            "y = b * w^-beta + e, w = u + u * r * (1 - exp(-(d / u - 1) / r))",
            "Muennighoff et al., arXiv 2305.16264, for models of one size",
            {"d": "tokens read, repeats included", "u": _U},
            (
                _power("beta", "effective data"),
                P("r", "passes", "repeats after which most is gone", 0.05, 1e4),
            ),
            (P("b", "unit of y times tokens^beta", "what falls with data"), _floor("e")),
            _repetition,
            (_FEWER, _PASSES),
        ),
        Form(
            "half_life",
            "data that is read again counts less: the exponent halves every tau passes",
            "y = a * u^-b * (n_2/n_1)^(-b * 2^(-1/tau)) * (n_3/n_2)^(-b * 2^(-2/tau)) * ... + d0",
            "Goyal et al., arXiv 2404.07177; n_j: tokens read by the end of pass j",
            {"d": "tokens read, repeats included", "u": _U},
            (_power("b", "the first pass"), P("tau", "passes", "half-life of the exponent", 0.05, 1e4)),
            (P("a", "unit of y times tokens^b", "what falls with data"), _floor("d0")),
            _half_life,
            (_FEWER, _PASSES),
        ),
        Form(
            "precision",
            "training in few bits counts as a smaller model",
            "y = a * (n * (1 - exp(-p / gamma)))^-alpha + b * d^-beta + e",
            "Kumar et al., arXiv 2411.04330, for one kind of tensor in low precision",
            {"n": _N, "d": _D, "p": "bits"},
            (_power("alpha", "n"), _power("beta", "d"), P("gamma", "bits", "sensitivity to bits", 0.1, 50.0)),
            (
                P("a", "unit of y times n^alpha", "what falls with n"),
                P("b", "unit of y times d^beta", "what falls with d"),
                _floor("e"),
            ),
            _precision,
            (_FEWER, _FEWER, _BITS),
        ),
        Form(
            "quantisation",
            "what quantising after training costs (y: loss after less before)",
            "y = c * d^gamma_d * n^-gamma_n * exp(-p / gamma)",
            "Kumar et al., arXiv 2411.04330, post-training quantisation",
            {"n": _N, "d": _D, "p": "bits"},
            (
                _power("gamma_d", "d"),
                _power("gamma_n", "n"),
                P("gamma", "bits", "sensitivity to bits", 0.1, 50.0),
            ),
            (P("c", "unit of y times n^gamma_n over d^gamma_d", "scale of the cost"),),
            _quantisation,
            (_FEWER, _FEWER, _BITS),
        ),
    )
}
"""Name -> the curve."""
