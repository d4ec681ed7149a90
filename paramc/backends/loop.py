"""A pass as a script's own sampling loop: the calls of the runner's functions that it prints, as source text."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from math import inf
from pathlib import Path
from typing import NamedTuple, cast

from paramc.backends.literals import Value, literal
from paramc.backends.pieces import is_mended, names_ends, pieces, says_something
from paramc.backends.planned import Planned, PlannedPass
from paramc.backends.script import Loop, Unit
from paramc.ir.names import is_known, sampler_of
from paramc.ir.plan import Encode, ResizeLatent, Sample, UpscaleImage
from paramc.tables import read_table, rows, section

ENTITY = "&"  # what such begin with; only of them there are two opinions
MENDED = "mended"  # the function that most texts are mended by
OPENED = "opened"  # … and those that have the names of start and end in them, for an encoder that knows others
LCM = "lcm"
PLAIN = 2  # arguments of a guidance that has a scale, and counts its calls
LEAVES = "renoises_known"  # the quirk of a program that draws from what its streams leave behind
PRECISE = "double_precision_levels"
FITTED_TO = "sdxl"  # the model of a fitted schedule that has to be named
QUIRKS = ("draws_idle_noise", "asks_noise_through_logs", "steps_to_zero")
PADDINGS = {"none": "apart", "empty_chunks": "empty", "repeat_last": "last_token"}


class TableRow(NamedTuple):
    """The noise levels of models with these quirks, source text; in `{rounds}`, `{also}` it may say that they round."""

    alphas: str
    levels: str
    flags: tuple[str, ...] = ()


class Loops(NamedTuple):
    """loop.toml."""

    bases: frozenset[str]
    unlike: frozenset[str]
    other: frozenset[str]
    sampler: str
    schedule: str
    lacks: frozenset[str]
    manners: frozenset[str]
    leftover: Mapping[str, str]
    mended: Mapping[str, str]
    open: frozenset[str]
    deep: frozenset[str]
    even: Mapping[str, int]
    timesteps: frozenset[str]
    bounded: frozenset[str]
    paired: frozenset[str]
    first: tuple[str, ...]
    spanned: frozenset[str]
    fitted: frozenset[str]
    draws: Mapping[str, str]
    opens: Mapping[str, str]
    schedules: Mapping[str, str]
    handed: Mapping[str, frozenset[str]]
    tables: tuple[TableRow, ...]

    def is_deep(self, asked: Encode) -> bool:
        """Is a layer below the model's own taken where it is asked for?"""
        return asked.manner in self.deep

    def mending(self, base: str, asked: Encode, texts: str) -> tuple[str, ...]:
        """What mends texts for each encoder of a base; nothing where that changes none, or the program does not."""
        if asked.manner in self.manners or not (is_mended(texts) or names_ends(texts)):
            return ()
        other = self.mended.get(asked.manner, self.mended["*"])
        if other != MENDED and names_ends(texts):
            other = OPENED
        elif ENTITY not in texts:
            other = MENDED
        return (other,) if base in self.open else (MENDED, other)

    def table(self, flags: tuple[str, ...]) -> TableRow:
        """The noise levels of a model."""
        return next(row for row in self.tables if {*row.flags} <= {*flags})


@cache
def read_loops(path: Path) -> Loops:
    """The table at `path`."""
    table = read_table(path)

    def listed(value: object) -> frozenset[str]:
        return frozenset(str(item) for item in value) if isinstance(value, list) else frozenset()

    def texts(name: str) -> dict[str, str]:
        return {key: str(value) for key, value in section(table, name, path).items()}

    return Loops(
        bases=listed(table["bases"]),
        unlike=listed(table["unlike"]),
        other=listed(table["other"]),
        sampler=str(table["sampler"]),
        schedule=str(table["schedule"]),
        lacks=listed(table["lacks"]),
        manners=listed(table["manners"]),
        open=listed(table["open"]),
        deep=listed(table["deep"]),
        leftover=texts("leftover"),
        mended=texts("mended"),
        even={key: int(value) for key, value in texts("even").items()},
        timesteps=listed(table["timesteps"]),
        bounded=listed(table["bounded"]),
        paired=listed(table["paired"]),
        first=tuple(map(str, cast("list[str]", table["first"]))),
        spanned=listed(table["spanned"]),
        fitted=listed(table["fitted"]),
        draws=texts("draws"),
        opens=texts("opens"),
        schedules=texts("schedules"),
        handed={key: listed(value) for key, value in section(table, "handed", path).items()},
        tables=rows(table, "tables", TableRow, path),
    )


def loop_of(planned: Planned, passed: PlannedPass, loops: Loops, sources: Mapping[str, str], *, velocity: bool) -> Loop:
    """The loop of one pass. `sources`: what the constants of its quantities are called. velocity: what is predicted."""
    return _Loop(planned, _printable(passed, loops), loops, sources, velocity).loop()


def texts_of(parts: tuple[tuple[Encode, float], ...]) -> tuple[Value, bool]:
    """A prompt for a constant: pieces, or (weight, [(last call, pieces)…]) a part; and whether it is one text."""
    (encode, _), *others = parts
    if not others and not encode.switches:
        return pieces(encode.variants[0], encode.emphasis), True
    return [
        (weight, [(variant.last_call, pieces(variant, encode.emphasis)) for variant in encode.variants])
        for encode, weight in parts
    ], False


def _printable(passed: PlannedPass, loops: Loops) -> PlannedPass:
    """The pass with what stands in for a sampler or schedule that there is no function for."""
    sample, levels = passed.sample, passed.sigmas
    if sample.sampler in loops.lacks or not is_known(sample.sampler):
        sample = sample.model_copy(update={"sampler": loops.sampler})
    if not is_known(levels.schedule):
        levels = levels.model_copy(update={"schedule": loops.schedule})
    return replace(passed, sample=sample, sigmas=levels)


class _Loop(NamedTuple):
    """One pass, looked at with the tables."""

    planned: Planned
    passed: PlannedPass
    loops: Loops
    sources: Mapping[str, str]
    velocity: bool

    def loop(self) -> Loop:
        """All of it."""
        sample, noise = self.passed.sample, self.planned.noise_of(self.passed)
        table = self.loops.table(sample.flags)
        rounds = "quantizes_timesteps" in sample.flags
        levels = table.levels.format(
            rounds=f"rounds={rounds}" if rounds else "", also=", rounds=True" if rounds else ""
        )
        return Loop(
            sampler=f"sample_{sample.sampler}",
            levels=self.consistent(levels, table) if sample.sampler == LCM else levels,
            own=levels if self.has_own else "",
            alphas=table.alphas,
            on_timesteps=self.on_timesteps,
            walk=self.walk(),
            drops=self.passed.sigmas.drops_penultimate,
            steps=self.sources["steps"],
            skipped=self.sources.get("skipped", ""),
            spacing=literal(sample.unipc_spacing) if sample.sampler == "unipc" else "",
            knobs=tuple(self.knobs()),
            quirks=tuple(literal(quirk) for quirk in QUIRKS if quirk in sample.flags),
            estimate=self.estimate(),
            rounds=self.on_timesteps and "rounds_timesteps" in sample.flags,
            guidance=tuple(self.guidance()),
            is_simple=self.is_simple(),
            stream=self.loops.draws[noise.generator],
            open=self.loops.opens[noise.generator],
            spec=tuple(self.spec()),
            is_brownian=sampler_of(sample.sampler).draws == "brownian",
            leaves=isinstance(self.passed.origin, UpscaleImage) and LEAVES in sample.flags,
            is_leftover=self.loops.leftover.get(sample.sampler) in sample.flags,
            multiplier=literal(noise.multiplier) if noise.multiplier != 1 else "",
            extra=literal(noise.extra) if noise.extra else "",
            scales_by_vp=noise.scales_by_vp,
            leads_nowhere=self.leads_nowhere,
            silences=self.silences(),
            units=tuple(self.units()),
            by_time="controls_by_time" in sample.flags,
            renoises=LEAVES in sample.flags,
            fits_late=self.fits_late(),
            is_one_text=(texts_of(self.passed.wanted)[1], texts_of(self.passed.unwanted)[1]),
            varies="variation_seed" in self.sources,
        )

    @property
    def leads_nowhere(self) -> bool:
        """Is no schedule so long that nothing of it would be as many steps as were asked for?"""
        tail = self.passed.tail
        return tail is not None and tail.lengthens and tail.strength <= 0

    @property
    def on_timesteps(self) -> bool:
        """Does the sampler walk timesteps?"""
        return self.passed.sample.sampler in self.loops.timesteps

    def fits_late(self) -> bool:
        """Do latents not halve evenly, and are they fitted as A1111 fits them?"""
        even = self.loops.even[self.planned.plan.base]
        return "fits_after_upsampling" in self.passed.sample.flags and any(side % even for side in self.passed.size)

    @property
    def has_own(self) -> bool:
        """Do the network's timesteps have levels of their own, beside the few of consistency models (Forge)?"""
        return self.passed.sample.sampler == LCM and PRECISE in self.passed.sample.flags

    def consistent(self, levels: str, table: TableRow) -> str:
        """The few levels of consistency models."""
        anew = self.has_own or "downcasts_alphas" in self.passed.sample.flags
        return f"lcm_table(single_precision_table({table.alphas}.float()))" if anew else f"lcm_table({levels})"

    def is_simple(self) -> bool:
        """Do two texts guide every evaluation, and is nothing but the guided prediction asked for?"""
        texts = texts_of(self.passed.wanted)[1] and texts_of(self.passed.unwanted)[1]
        steered = self.passed.mask or self.passed.controls
        looks = self.passed.sample.sampler in self.loops.paired or "rounds_timesteps" in self.passed.sample.flags
        return texts and not steered and not looks and len(tuple(self.guidance())) == PLAIN

    def units(self) -> Iterator[Unit]:
        """The pictures that steer this pass."""
        absent = "first" if isinstance(self.passed.origin, ResizeLatent | UpscaleImage) else "second"
        for number, unit in enumerate(self.passed.controls):
            if unit.weight and unit.passes != absent:
                yield Unit(number, unit.resize, unit.priority)

    def silences(self) -> bool:
        """Is the negative prompt zeros, as SDXL takes one that says nothing?"""
        return self.planned.plan.base == "sdxl" and not says_something(self.passed.avoided)

    def walk(self) -> tuple[str, ...]:
        """The call of the schedule: the function and its arguments."""
        levels, sample = self.passed.sigmas, self.passed.sample
        steps = f"{self.sources['steps']} + 1" if levels.drops_penultimate else self.sources["steps"]
        if self.on_timesteps:
            return ("ddim_timesteps", steps)
        name = self.loops.schedules.get(levels.schedule, levels.schedule)
        if sample.sampler == LCM and name == "uniform":
            name = "lcm_uniform"
        return (name, "levels", steps, self.curve())

    def curve(self) -> str:
        """The bounds and bends of the schedule."""
        levels = self.passed.sigmas
        ends = {"sigma_min": levels.sigma_min, "sigma_max": levels.sigma_max}
        given = "".join(f", {name}={literal(value)}" for name, value in ends.items() if value)
        curve = f"curve_of(levels{given})"
        bends = [f"rho={literal(levels.rho)}"] if levels.rho else []
        if levels.schedule.startswith("beta") and (levels.beta_alpha, levels.beta_beta) != (0.6, 0.6):
            bends += [f"alpha={literal(levels.beta_alpha)}", f"beta={literal(levels.beta_beta)}"]
        if levels.schedule in self.loops.fitted and self.planned.plan.base == FITTED_TO:
            bends.append(f"fitted_to={literal(FITTED_TO)}")
        return f"replace({curve}, {', '.join(bends)})" if bends else curve

    def knobs(self) -> Iterator[str]:
        """What steers the sampler, where it is not the usual."""
        sample = self.passed.sample
        handed = self.loops.handed.get(sample.sampler, frozenset())
        usual = 0.0 if self.on_timesteps else 1.0
        eta = usual if sample.eta is None else sample.eta
        if "eta" in handed and eta != 1.0:
            yield f"eta={literal(eta)}"
        if "s_noise" in handed and sample.s_noise != 1.0:
            yield f"s_noise={literal(sample.s_noise)}"
        if "churn" in handed and sample.s_churn:
            most = "math.inf" if sample.s_tmax in (0, inf) else literal(sample.s_tmax)
            yield f"churn=Churn({literal(sample.s_churn)}, {literal(sample.s_tmin)}, {most})"
        if sample.sampler in self.loops.spanned:
            yield "process=VarianceExploding((levels.at_fraction(0.2), levels.at_fraction(0.8)))"
        if sample.sampler in self.loops.bounded:
            first, last = ("sigmas[-2]", "sigmas[0]") if self.passed.tail else ("levels.sigmas[0]", "levels.sigmas[-1]")
            yield f"bounds=({first}.item(), {last}.item())"
            yield "steps=len(sigmas) - 1" if self.passed.tail else f"steps={self.sources['steps']}"
        if self.on_timesteps:
            yield "alphas=alphas_bar"
        yield from self.solver(sample)

    def solver(self, sample: Sample) -> Iterator[str]:
        """UniPC's options, where they are not the usual."""
        asked = {
            "variant": (sample.unipc_variant, "bh1"),
            "spacing": (sample.unipc_spacing, "time_uniform"),
            "order": (sample.unipc_order, 3),
            "lower_order_final": (sample.unipc_lower_order_final, True),
        }
        given = [f"{name}={literal(value)}" for name, (value, usual) in asked.items() if value != usual]
        if given and sample.sampler == "unipc":
            yield f"unipc=UniPc({', '.join(given)})"

    def estimate(self) -> str:
        """What the sampler wants of the network."""
        velocity, sample = self.velocity, self.passed.sample
        if self.on_timesteps and "rounds_timesteps" not in sample.flags:
            return "noise_from_velocity(network, alphas_bar)" if velocity else "network"
        clean = f"clean_from_{'velocity' if velocity else 'noise'}"
        if sample.sampler != LCM:
            return f"{clean}(network, Hosted(levels))"
        own = f"{clean}(network, Hosted(own))" if self.has_own else "clean_from_noise(network, Hosted(levels))"
        return f"consistent({own}, Hosted(levels))"

    def guidance(self) -> Iterator[str]:
        """The arguments of the guidance behind the prompts."""
        sample = self.passed.sample
        scale = self.sources["cfg"]
        if sample.sampler == "ddim_cfg_pp" and "scales_cfg_pp" in sample.flags:
            scale += " / CFG_PP_SCALE"
        yield f"scale={scale}"
        steps = self.sources["steps"] if sample.total_calls == self.passed.sigmas.steps else sample.total_calls
        yield f"total_calls={steps}"
        skips = [
            f"below={literal(sample.min_uncond_sigma)}" if sample.min_uncond_sigma else "",
            "every_call=True" if "min_uncond_every_step" in sample.flags else "",
            f"early={literal(sample.skip_early_cfg)}" if sample.skip_early_cfg else "",
        ]
        if any((sample.min_uncond_sigma, sample.skip_early_cfg)):
            yield f"skips=Skips({', '.join(filter(None, skips))})"
        padding = "repeat" if "repeats_prompts" in sample.flags else PADDINGS[sample.padding]
        if padding != "apart":
            yield f"padding={literal(padding)}"
        if padding == "empty":
            yield "empty=branch([(0, [])]).entries[0].conditioning.tokens"
        if "skips_negative_at_one" in sample.flags:
            yield "skips_at_one=True"

    def spec(self) -> Iterator[str]:
        """The arguments of the noise behind its shape and seeds."""
        noise = self.planned.noise_of(self.passed)
        if noise.variation is not None and noise.variation.strength:
            yield "variation_seeds=tuple(VARIATION_SEEDS)"
            yield f"variation_strength={self.sources['variation_strength']}"
        if noise.resized_from and all(noise.resized_from):
            yield f"drawn_at=({noise.resized_from.height // 8}, {noise.resized_from.width // 8})"
        if noise.delta:
            yield f"delta={noise.delta}"
