"""Defines the language of a curriculum file: sources, phases, mixes and learning rates, as people write them.

Every model here documents its keys where they stand; `python -m curriculum json-schema` exports them for editors.
Nothing is computed here: `curriculum.compiler.compile_curriculum` turns a `Curriculum` and the datasets' manifests
into a schedule.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, ValidationInfo, field_validator, model_validator

from curriculum.language.amounts import AmountField, PassesField, ShareField
from schemas.strict_model import Strict

Decay = Literal["cosine", "linear", "inverse_sqrt", "constant"]


def _rate(value: object) -> object:
    """Refuses what is no number from 0 up with words of its own; truth values are refused elsewhere."""
    try:
        fits = isinstance(value, bool) or 0 <= float(value) < float("inf")  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        fits = False
    if not fits:
        raise ValueError(f"'{value}' is no learning rate; write a number from 0 up, such as 3e-3 or 0.003")
    return value


Rate = Annotated[float, BeforeValidator(_rate), Field(ge=0, lt=1e6, allow_inf_nan=False)]
Part = Literal["encoder", "projector", "decoder"]


class Written(Strict):
    """Accepts numbers as people write them: `true` is no number, though Python takes it for 1."""

    @field_validator("*", mode="before")
    @classmethod
    def _is_no_truth_value(cls, value: Any, info: ValidationInfo) -> Any:
        wanted = cls.model_fields[info.field_name or ""].annotation
        if isinstance(value, bool) and wanted in (int, float, int | None, float | None):
            raise ValueError(f"expected a number, found {str(value).lower()}; write one")
        return value


class SourceSpec(Written):
    """A dataset that the run draws from."""

    path: str = Field(min_length=1)
    """Directory or URL of an MDS dataset made by `dataprep`; it holds `index.json` and `manifest.json`."""
    manifest: str | None = None
    """A local copy of `manifest.json`, where `path` is a URL or a directory that this machine does not see."""
    exhausted: Literal["error", "repeat", "stop", "reweight"] = "error"
    """When every sample has been drawn once: refuse to compile (`error`), begin another pass in a new order
    (`repeat`), end the run (`stop`), or go on without the source, its share going to the others in their proportion
    (`reweight`)."""
    max_passes: int | None = Field(default=None, ge=1)
    """With `repeat`: passes over the source that are tolerated; beyond them the curriculum is refused."""

    @model_validator(mode="after")
    def _means_something(self) -> Self:
        if self.max_passes is not None and self.exhausted != "repeat":
            raise ValueError("max_passes has no effect here; add 'exhausted: repeat', or remove it")
        return self


class _Descent(Written):
    """How a curve falls: shared by every way to write one."""

    floor: Rate = 0.0
    """Learning rate that the curve ends at."""
    cooldown: AmountField | None = None
    """With shape `constant`: the last part of the curve, over which the rate falls linearly to `floor` (a
    warm-up-stable-decay curve). A percentage is of the curve's length."""
    hold: bool = False
    """Allow the phases to go on after the curve's end, at its floor. Without it that is refused as a likely mistake."""


class Curve(_Descent):
    """A curve from the start of the run or phase: warm-up, then a descent."""

    peak: Rate
    """Learning rate at the end of the warm-up."""
    warmup: AmountField | None = None
    """Linear rise to the peak. A percentage is of the curve's length."""
    initial: Rate = 0.0
    """Learning rate of the very first step, where the warm-up begins."""
    shape: Decay = "cosine"
    """Descent from the peak to the floor. `inverse_sqrt` falls as 1 / sqrt(1 + x / warmup) after the warm-up."""
    over: AmountField | None = None
    """Length for which the curve is drawn, warm-up included; it may be left before its end. A percentage is of the
    trunk. Without it: as long as the curve rules."""

    @model_validator(mode="after")
    def _means_something(self) -> Self:
        if self.initial and self.warmup is None:
            raise ValueError("initial has no effect without a warm-up; add 'warmup', or remove it")
        return self


class Rewarm(_Descent):
    """A new warm-up from the value at the switch, then a descent over the phase."""

    rewarm: Rate
    """Learning rate at the end of the new warm-up."""
    warmup: AmountField | None = None
    """Linear rise from the value at the switch. A percentage is of the curve's length."""
    shape: Decay = "cosine"
    """Descent from the peak to the floor."""
    over: AmountField | None = None
    """Length for which the curve is drawn. A percentage is of the trunk. Without it: as long as the curve rules."""


class Continue(_Descent):
    """Go on from the value that the curve before has at the switch: no jump, no warm-up."""

    continue_: Decay = Field(alias="continue")
    """Descent from the value at the switch to the floor."""
    over: AmountField | None = None
    """Length for which the curve is drawn. A percentage is of the trunk. Without it: as long as the curve rules."""


def _which_curve(value: Any) -> str:
    if isinstance(value, dict):
        for key, tag in (("continue", "going on"), ("rewarm", "warming anew")):
            if key in value:
                return tag
    return "from its start"


PhaseRate = Annotated[
    Annotated[Curve, Tag("from its start")]
    | Annotated[Rewarm, Tag("warming anew")]
    | Annotated[Continue, Tag("going on")],
    Discriminator(_which_curve),
]


class Ramp(Written):
    """A mix that changes from the start of the phase to its end."""

    from_: dict[str, ShareField] = Field(alias="from", min_length=1)
    """Shares at the phase's first token."""
    to: dict[str, ShareField] = Field(min_length=1)
    """Shares at its last."""
    shape: Literal["linear", "cosine", "step"] = "linear"
    """`cosine` starts and ends gently; `step` climbs in equal stairs, the first at `from`, the last at `to`."""
    stairs: int | None = Field(default=None, ge=2, le=1000)
    """With shape `step`: how many."""

    @model_validator(mode="after")
    def _means_something(self) -> Self:
        if (self.stairs is not None) != (self.shape == "step"):
            raise ValueError("stairs and 'shape: step' belong together; give both or neither")
        return self


Shares = Annotated[dict[str, ShareField], Field(min_length=1)]

Mix = Annotated[
    Annotated[Ramp, Tag("ramp")] | Annotated[Shares, Tag("constant")],
    Discriminator(lambda value: "ramp" if isinstance(value, dict) and {"from", "to"} & value.keys() else "constant"),
]


class Points(Written):
    """Points of a phase at which something is done, besides its end."""

    every: AmountField | None = None
    """Distance between points, from the phase's start. A percentage is of the phase."""
    at: list[AmountField] = []
    """Distances from the phase's start. A percentage is of the phase."""
    end: bool = True
    """Also at the phase's end."""


class PhaseSpec(Written):
    """A stretch of the run with one rule for mixing. It starts where the one before ends."""

    name: str = Field(min_length=1, max_length=100)
    """Names the phase in tables, plots and `extends`."""
    until: AmountField | None = None
    """End of the phase, counted from the start of the run; `80%` is 80 % of the trunk."""
    for_: AmountField | None = Field(default=None, alias="for")
    """Length of the phase; `5%` is 5 % of the trunk."""
    steps: int | None = Field(default=None, ge=1)
    """Length of the phase in steps of the global batch."""
    passes: dict[str, PassesField] | None = Field(default=None, min_length=1, max_length=1)
    """Length of the phase as epochs over one source: `{chat: 2}` ends it when two passes' worth of `chat` are drawn."""
    mix: Mix
    """Share of every source, `{text: 0.85, pairs: 0.15}`, which sum to 1; one may be `rest`, what the others leave.
    Or a ramp, `{from: {...}, to: {...}, shape: linear}`."""
    unit: Literal["tokens", "visual_tokens", "samples"] = "tokens"
    """What shares are shares of. Samples have equal length, so a share of `samples` is one of `tokens`, padding
    included. With `visual_tokens`, the share of a source with images says which part of all tokens are its image
    tokens; sources without images fill the rest in their proportion."""
    learning_rate: PhaseRate | None = None
    """A new curve from here on. Without it the curve before goes on."""
    freeze: list[Part] = []
    """Parts of the model that are not trained here."""
    reset_optimizer: bool = False
    """Clear the optimizer's moments at the phase's start."""
    evaluate: Points | None = None
    """When to evaluate."""
    checkpoint: Points | None = None
    """When to save a checkpoint; the trainer saves one at every switch point anyway."""
    may_be_empty: bool = False
    """Leave the phase out where its length comes to nothing (a sweep's `until: 0%`), instead of refusing it."""

    @model_validator(mode="after")
    def _has_one_length(self) -> Self:
        given = [key for key, value in self._lengths().items() if value is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            raise ValueError(f"a phase needs exactly one length, found {found}; give until, for, steps or passes")
        return self

    def _lengths(self) -> dict[str, object]:
        return {"until": self.until, "for": self.for_, "steps": self.steps, "passes": self.passes}


class Curriculum(Written):
    """A whole run: which data, in what ratio, at which learning rate, from which token on."""

    extends: str | None = None
    """Another curriculum file, relative to this one, whose keys this file changes. Mappings are merged key by key,
    `null` removes a key, `phases` written as `{name: {...}}` changes phases by name, anything else replaces."""
    parameters: dict[str, Any] = {}
    """Names and default values for `${name}` anywhere in the file; `--set name=value` and sweeps change them."""
    seed: int = Field(ge=0, lt=2**63)
    """Decides every order; equal seeds and datasets give equal runs."""
    global_batch: int = Field(ge=1, le=10**7)
    """Samples (sequences) in an optimizer step."""
    lanes: int = Field(default=1, ge=1, le=4096)
    """Equal slices of the global batch, each of which keeps to its own part of every source's shards, so that a node
    fetches its share of the data instead of all of it. Write the number of nodes, or a multiple of it that divides
    `global_batch`. Exactness does not depend on it; the order of samples does."""
    trunk: AmountField | None = None
    """What percentages are of: the length of the full text pre-training."""
    sources: dict[Annotated[str, Field(pattern=r"^[A-Za-z][\w.-]*$")], SourceSpec] = Field(min_length=1)
    """Datasets by the name that mixes use."""
    learning_rate: Curve
    """The trunk's curve, in force until a phase sets another."""
    phases: list[PhaseSpec] = Field(min_length=1, max_length=10_000)
    """In order."""
