"""A pass as a script's own sampling loop: the calls of the runner's functions that it prints, as source text."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import inf
from typing import NamedTuple

from paramc.backends.literals import Value, literal
from paramc.backends.loops import KEEPS, FlowRow, Loops, TableRow
from paramc.backends.pieces import pieces, says_something
from paramc.backends.planned import Planned, PlannedPass
from paramc.backends.script import Loop, Unit
from paramc.ir.control import PromptArea, TokenMerging
from paramc.ir.names import is_known, sampler_of
from paramc.ir.paths import leaves
from paramc.ir.plan import Encode, ResizeLatent, Sample, UpscaleImage

LCM, EULER = "lcm", "euler"
DDIM = "ddim"
NETWORK, REFINING = "network", "refining"  # functions of a script: what its models predict
APART = "apart"  # how prompts of different length are evaluated, where nothing is said
ROUNDS = "rounds_timesteps"
LEAVES = "renoises_known"  # the quirk of a program that draws from what its streams leave behind
PRECISE = "double_precision_levels"
FROM_THE_TOP = "scales_from_the_top"
TAKES_LAST = "takes_last_steps"
SPANS = "spans_its_levels"
MIDDLE = "middle"  # what a script calls the levels between which noise is added on a part of the timesteps
HANDS_ALL = "hands_all_knobs"
FITTED_TO = "sdxl"  # the model of a fitted schedule that has to be named
KNOBS = frozenset({"eta", "s_noise", "churn"})
QUIRKS = ("draws_idle_noise", "asks_noise_through_logs", "steps_to_zero")
PADDINGS = {"none": APART, "empty_chunks": "empty", "repeat_last": "last_token"}


def loop_of(planned: Planned, passed: PlannedPass, loops: Loops, sources: Mapping[str, str], *, velocity: bool) -> Loop:
    """The loop of one pass. `sources`: what the constants of its quantities are called. velocity: what is predicted."""
    return _Loop(planned, _printable(planned, passed, loops), loops, sources, velocity).loop()


def goes_alone(planned: Planned, loops: Loops) -> tuple[bool, ...]:
    """For each pass: is its guidance written out, and without a negative prompt?"""
    found = [_Loop(planned, _printable(planned, passed, loops), loops, {}, velocity=False) for passed in planned.passes]
    written = all(each.is_simple or each.is_alone for each in found)
    return tuple(written and each.is_alone for each in found)


def texts_of(parts: tuple[tuple[Encode, float], ...], loops: Loops) -> Value:
    """A prompt for a constant: pieces, or (weight, [(last call, pieces)…]) a part."""
    (encode, _), *_ = parts
    groups = loops.reader(encode.manner).groups
    if is_one_text(parts):
        return pieces(encode, encode.variants[0], groups=groups)
    return [
        (weight, [(variant.last_call, pieces(encode, variant, groups=groups)) for variant in encode.variants])
        for encode, weight in parts
    ]


def is_one_text(parts: tuple[tuple[Encode, float], ...]) -> bool:
    """Is a prompt one text all the time, and no more and no less than that?"""
    (encode, weight), *others = parts
    return not others and not encode.switches and weight == 1


def areas_of(areas: tuple[PromptArea | None, ...]) -> Value:
    """Where each part of a prompt counts, for a constant: what is said of its area, None for everywhere."""
    return [None if area is None else _said(area) for area in areas]


def _said(area: PromptArea) -> Mapping[str, Value]:
    """What is not as usual, by the names of the fields."""
    said: dict[str, Value] = {
        name: value
        for name, value in leaves(area)
        if isinstance(value, str | int | float) and name in type(area).model_fields and name != "branch"
    }
    return said if area.mask is None else {"mask": area.mask.path or f"mask_{area.branch + 1}.png"} | said


def _printable(planned: Planned, passed: PlannedPass, loops: Loops) -> PlannedPass:
    """The pass with what stands in for a sampler or schedule without a function, or that the model fails on."""
    sample, levels, plan = passed.sample, passed.sigmas, planned.plan
    is_flow = loops.flow(plan.base, plan.family, sample.flags) is not None
    fails = is_flow and _rule_of(sample) in loops.timesteps and ROUNDS not in sample.flags
    if sample.sampler in loops.lacks or fails or not is_known(sample.sampler):
        sample = sample.model_copy(update={"sampler": loops.sampler})
    lacking = loops.fitted | loops.failing | (loops.timed if KEEPS in sample.flags else frozenset())
    if not is_known(levels.schedule) or (is_flow and levels.schedule in lacking):
        stand_in = loops.flow_schedule if is_flow else loops.schedule
        levels = levels.model_copy(update={"schedule": stand_in})
    return replace(passed, sample=sample, sigmas=levels)


def _rule_of(sample: Sample) -> str:
    return EULER if sample.sampler == DDIM and "ddim_is_euler" in sample.flags else sample.sampler


class _Loop(NamedTuple):
    """One pass, looked at with the tables."""

    planned: Planned
    passed: PlannedPass
    loops: Loops
    sources: Mapping[str, str]
    velocity: bool

    def loop(self) -> Loop:
        """All of it."""
        sample, noise, mask = self.passed.sample, self.planned.noise_of(self.passed), self.passed.mask
        table = self.loops.table(sample.flags)
        levels = self.levels(table)
        return Loop(
            sampler=f"sample_{self.rule}",
            levels=self.consistent(levels, table) if self.is_consistent else levels,
            own=levels if self.has_own else "",
            is_flow=self.flow is not None,
            alphas=f"1 / ({levels}.sigmas ** 2 + 1)" if self.flow is not None else table.alphas,
            on_timesteps=self.on_timesteps,
            walk=self.walk(),
            drops=self.passed.sigmas.drops_penultimate,
            steps=self.sources["steps"],
            skipped=self.sources.get("skipped", ""),
            spacing=literal(sample.unipc_spacing) if sample.sampler == "unipc" else "",
            knobs=tuple(self.knobs()),
            quirks=tuple(literal(quirk) for quirk in QUIRKS if quirk in sample.flags),
            estimate=self.estimate(),
            rounds=self.on_timesteps and ROUNDS in sample.flags,
            guidance=tuple(self.guidance()) if "cfg" in self.sources else (),
            is_simple=self.is_simple,
            is_alone=self.is_alone,
            padding=self.padding,
            stream=self.loops.draws[noise.generator],
            open=self.loops.opens[noise.generator],
            spec=() if noise.per_batch else tuple(self.spec()),
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
            is_one_text=(is_one_text(self.passed.wanted), is_one_text(self.passed.unwanted)),
            has_places=bool(self.passed.areas),
            refined=self.refined() if sample.refined_by else "",
            finer=self.estimate().replace(NETWORK, REFINING),
            merging=self.merging(),
            rescaling=self.rescaling() if sample.cfg_rescale else "",
            varies="variation_seed" in self.sources,
            per_batch=noise.per_batch,
            reseeds="reseeds_steps" in sample.flags,
            from_the_top=FROM_THE_TOP in sample.flags and not self.on_timesteps,
            part=self.part(),
            ends_clean=bool(self.passed.tail and self.passed.tail.ends_clean and "ended" in self.sources),
            mask_noise=("another" if sample.sampler == DDIM else "start") if mask and mask.keeps_shades else "",
            ends_early=sample.sampler.startswith("uni_pc"),
            hint="nearest_hint" if "cuts_hints" in sample.flags else "hint",
        )

    @property
    def rule(self) -> str:
        """The id of the step rule that stands behind the sampler's name."""
        return _rule_of(self.passed.sample)

    @property
    def is_consistent(self) -> bool:
        """Does the pass walk the few levels of consistency models?"""
        return self.passed.sample.sampler == LCM and "plain_lcm" not in self.passed.sample.flags

    def part(self) -> str:
        """The levels of a pass that does not walk the whole schedule, as a slice of them."""
        tail, skipped = self.passed.tail, self.sources.get("skipped", "")
        if tail is None or not skipped:
            return ""
        end = f"{self.sources['ended']} + 1" if "ended" in self.sources else ""
        if tail.lengthens and TAKES_LAST in self.passed.sample.flags:
            rest = f"[-({self.sources['steps']} - {skipped} + 1) :]"
            return rest + (f"[: {end} - {skipped}]" if end else "")
        return f"[{skipped} : {end}]" if end else f"[{skipped}:]"

    @property
    def flow(self) -> FlowRow | None:
        """The row of a flow model; None for others."""
        plan = self.planned.plan
        return self.loops.flow(plan.base, plan.family, self.passed.sample.flags)

    def levels(self, table: TableRow) -> str:
        """The noise levels of the model."""
        flags = self.passed.sample.flags
        if self.flow is not None:
            return self.flow.source(self.passed.sigmas.shift, flags)
        rounds = "quantizes_timesteps" in flags
        return table.levels.format(rounds="rounds=True" if rounds else "", also=", rounds=True" if rounds else "")

    @property
    def leads_nowhere(self) -> bool:
        """Is no step walked, because no schedule is so long, or because the part of it ends before it begins?"""
        tail, steps = self.passed.tail, self.passed.sigmas.steps
        if tail is None or (tail.lengthens and tail.strength <= 0):
            return tail is not None
        ends = steps if tail.end is None else min(tail.end, steps)
        cuts = tail.end is not None or TAKES_LAST in self.passed.sample.flags
        return cuts and ends <= tail.start

    @property
    def is_second(self) -> bool:
        """Does the pass go on with what another one made?"""
        return isinstance(self.passed.origin, ResizeLatent | UpscaleImage)

    @property
    def on_timesteps(self) -> bool:
        """Does the sampler walk timesteps?"""
        return self.rule in self.loops.timesteps

    def fits_late(self) -> bool:
        """Do latents, or perhaps parts of them, not halve evenly, and are they fitted as A1111 fits them?"""
        even = self.loops.even.get(self.planned.plan.base, 1)
        is_odd = any(side % even for side in self.passed.size) or (even > 1 and bool(self.passed.areas))
        return is_odd and "fits_after_upsampling" in self.passed.sample.flags

    @property
    def has_own(self) -> bool:
        """Do the network's timesteps have levels of their own, beside the few of consistency models (Forge)?"""
        return self.is_consistent and (self.flow is not None or PRECISE in self.passed.sample.flags)

    def consistent(self, levels: str, table: TableRow) -> str:
        """The few levels of consistency models."""
        if self.flow is not None:
            return "lcm_table(single_precision_table((1 / (own.sigmas**2 + 1))[:TIMESTEPS]))"
        anew = self.has_own or "downcasts_alphas" in self.passed.sample.flags
        return f"lcm_table(single_precision_table({table.alphas}.float()))" if anew else f"lcm_table({levels})"

    @property
    def is_direct(self) -> bool:
        """Does nothing steer, mask or place the pass, and is nothing asked for but the guided prediction?"""
        sample = self.passed.sample
        looks = sample.sampler in self.loops.paired or (ROUNDS in sample.flags and self.on_timesteps)
        skips = sample.min_uncond_sigma or sample.skip_early_cfg
        steered = self.passed.mask or self.passed.controls or self.passed.areas
        return not (steered or looks or skips or sample.cfg_rescale or sample.refined_by) and is_one_text(
            self.passed.wanted
        )

    @property
    def is_alone(self) -> bool:
        """Does nothing but one text have a part in the pass: the negative prompt is not evaluated without guidance?"""
        sample = self.passed.sample
        return self.is_direct and sample.cfg_scale == 1 and "skips_negative_at_one" in sample.flags

    @property
    def is_simple(self) -> bool:
        """Do two texts guide every evaluation?"""
        return self.is_direct and not self.is_alone and is_one_text(self.passed.unwanted)

    def merging(self) -> str:
        """The share of tokens that this pass merges, where the pass before did not merge as many."""
        patches = (patch for patch in self.planned.patches if isinstance(patch, TokenMerging))
        patch = next(patches, TokenMerging())
        second = patch.ratio if patch.hires is None else patch.hires
        before, own = (patch.ratio, second) if self.is_second else (0.0, patch.ratio)
        return "" if own == before or self.flow is not None else literal(own)

    def refined(self) -> str:
        """The share of the steps that is done, as the program counts it."""
        sample = self.passed.sample
        if "refiner_counts_steps" in sample.flags:
            return f"self.denoise.calls / {max(sample.total_calls, 1)}"
        if self.on_timesteps:
            return "(999 - int(sigma)) / 1000"
        return "(999 - int((levels.sigmas - sigma.cpu()).abs().argmin())) / 1000"

    def rescaling(self) -> str:
        """What the spread is taken of, that guidance is brought back to."""
        by_velocity = self.velocity or "rescales_velocity" in self.passed.sample.flags
        return literal("own" if self.on_timesteps else "velocity" if by_velocity else "noise")

    def units(self) -> Iterator[Unit]:
        """The pictures that steer this pass."""
        absent = "first" if self.is_second else "second"
        for number, unit in enumerate(self.passed.controls):
            if unit.weight and unit.passes != absent:
                yield Unit(number, unit.resize, unit.priority)

    def silences(self) -> bool:
        """Is the negative prompt zeros, as most programs give SDXL one that says nothing?"""
        avoided = self.passed.avoided
        zeros = avoided is None or self.loops.reader(avoided.manner).silences
        return zeros and self.planned.plan.base == "sdxl" and not says_something(avoided)

    def walk(self) -> tuple[str, ...]:
        """The call of the schedule: the function and its arguments."""
        levels = self.passed.sigmas
        steps = f"{self.sources['steps']} + 1" if levels.drops_penultimate else self.sources["steps"]
        if self.on_timesteps:
            return ("ddim_timesteps", steps)
        name = self.loops.schedules.get(levels.schedule, levels.schedule)
        if self.is_consistent and name == "uniform":
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
        """What steers the sampler, where it is not the usual; the template leaves out what it does not look at."""
        sample = self.passed.sample
        hands_all, is_bounded = HANDS_ALL in sample.flags, sample.sampler in self.loops.bounded
        handed = KNOBS if hands_all else self.loops.handed.get(sample.sampler, frozenset())
        usual = 0.0 if self.on_timesteps or (hands_all and is_bounded) else 1.0
        eta = usual if sample.eta is None else sample.eta
        if "eta" in handed and eta != 1.0:
            yield f"eta={literal(eta)}"
        if "s_noise" in handed and sample.s_noise != 1.0:
            yield f"s_noise={literal(sample.s_noise)}"
        if "churn" in handed and sample.s_churn:
            most = "math.inf" if sample.s_tmax in (0, inf) else literal(sample.s_tmax)
            yield f"churn=Churn({literal(sample.s_churn)}, {literal(sample.s_tmin)}, {most})"
        mixes = hands_all or (self.flow is not None and self.flow.times == 1 and sample.sampler in self.loops.mixing)
        if self.flow is not None and mixes:
            yield f"process=RectifiedFlow(levels.at_fraction(1e-4), {MIDDLE})"
        elif hands_all:
            yield f"process=VarianceExploding({MIDDLE}, computes_alpha=True)"
        elif sample.sampler in self.loops.spanned:
            yield f"process=VarianceExploding({MIDDLE})"
        if is_bounded:
            yield from self.bounds()
        if self.on_timesteps:
            yield "alphas=alphas_bar"
        yield from self.solver(sample)

    def bounds(self) -> Iterator[str]:
        """Where a sampler that makes its own steps begins and ends, and how many steps it makes."""
        spans, is_part = SPANS in self.passed.sample.flags, self.passed.tail is not None
        first, last = ("sigmas[-2]", "sigmas[0]") if is_part else ("levels.sigmas[0]", "levels.sigmas[-1]")
        if spans:
            first, last = "sigmas[sigmas > 0].min()", "sigmas[0]"
        yield f"bounds=({first}.item(), {last}.item())"
        yield "steps=len(sigmas) - 1" if spans or is_part else f"steps={self.sources['steps']}"

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
        if self.flow is not None:
            clean = f"clean_from_flow(network, {literal(self.flow.times)})"
            return f"consistent({clean}, Hosted(levels))" if self.is_consistent else clean
        if self.on_timesteps and ROUNDS not in sample.flags:
            return "noise_from_velocity(network, alphas_bar)" if velocity else "network"
        order = "divided" if PRECISE in sample.flags else "clean"
        clean = f"{order}_from_{'velocity' if velocity else 'noise'}"
        if not self.is_consistent:
            return f"{clean}(network, Hosted(levels))"
        own = f"{clean}(network, Hosted(own))" if self.has_own else "clean_from_noise(network, Hosted(levels))"
        return f"consistent({own}, Hosted(levels))"

    @property
    def padding(self) -> str:
        """How prompts of different length are brought to one."""
        sample = self.passed.sample
        return "repeat" if "repeats_prompts" in sample.flags else PADDINGS[sample.padding]

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
        if self.padding != APART:
            yield f"padding={literal(self.padding)}"
        if self.padding == "empty":
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
